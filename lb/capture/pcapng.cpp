#include "lb/capture/pcapng.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace weir {

namespace {

// Blocks and their options, sections 4.1 to 4.3 of the draft.
constexpr std::uint32_t kSectionHeader = 0x0a0d0d0a;
constexpr std::uint32_t kInterface = 1;
constexpr std::uint32_t kEnhancedPacket = 6;
constexpr std::uint32_t kByteOrder = 0x1a2b3c4d;
constexpr std::uint16_t kEthernetLink = 1;
constexpr std::uint8_t kNanoseconds = 9;  // of if_tsresol: a negative power of 10
enum Option : std::uint16_t {
    opt_end = 0,
    opt_comment = 1,
    if_name = 2,
    epb_flags = 2,
    shb_userappl = 4,
    epb_packetid = 5,
    epb_verdict = 7,
    if_tsresol = 9,
};
constexpr std::uint8_t kVerdictTc = 1;
constexpr std::uint8_t kVerdictXdp = 2;

static_assert(std::endian::native == std::endian::little, "fields are written as they are");

// The body of a block.
class Body {
  public:
    template <typename Value>
    void add(Value value) {
        static_assert(std::is_integral_v<Value>);
        std::array<std::uint8_t, sizeof value> raw{};
        std::memcpy(raw.data(), &value, sizeof value);
        bytes_.insert(bytes_.end(), raw.begin(), raw.end());
    }
    // Padded to 32 bits, as everything is.
    void add_padded(const void *data, std::size_t length) {
        const auto *first = static_cast<const std::uint8_t *>(data);
        bytes_.insert(bytes_.end(), first, first + length);
        bytes_.resize((bytes_.size() + 3) / 4 * 4);
    }
    void add_option(Option code, const void *data, std::size_t length) {
        add(static_cast<std::uint16_t>(code));
        add(static_cast<std::uint16_t>(length));
        add_padded(data, length);
    }
    void add_option(Option code, std::string_view text) {
        add_option(code, text.data(), std::min<std::size_t>(text.size(), 0xffff));
    }
    const std::vector<std::uint8_t> &end() {
        add_option(opt_end, nullptr, 0);
        return bytes_;
    }

  private:
    std::vector<std::uint8_t> bytes_;
};

void add_answer(Body &body, const EbpfAnswer &answer) {
    std::array<std::uint8_t, 9> value{answer.xdp ? kVerdictXdp : kVerdictTc};
    std::memcpy(&value[1], &answer.value, sizeof answer.value);
    body.add_option(epb_verdict, value.data(), value.size());
}

}  // namespace

Result<PcapngWriter> PcapngWriter::create(const std::string &path) {
    Stream stream(path == "-" ? stdout : std::fopen(path.c_str(), "wbe"));
    if (!stream)
        return fail(Exit::usage, fmt::format("cannot write: {}: {}", path, std::strerror(errno)));
    PcapngWriter writer(path, std::move(stream));
    Body section;
    section.add(kByteOrder);
    section.add<std::uint16_t>(1);  // version 1.0
    section.add<std::uint16_t>(0);
    section.add<std::int64_t>(-1);  // its length is not known yet
    section.add_option(shb_userappl, "weir " WEIR_VERSION);
    writer.put(kSectionHeader, section.end());
    return writer;
}

void PcapngWriter::add_interface(const std::string &name, std::uint32_t snaplen) {
    Body body;
    body.add(kEthernetLink);
    body.add<std::uint16_t>(0);
    body.add(snaplen);
    body.add_option(if_name, name);
    body.add_option(if_tsresol, &kNanoseconds, sizeof kNanoseconds);
    put(kInterface, body.end());
}

void PcapngWriter::write(const Frame &frame, const PacketNotes &notes) {
    Body body;
    const auto time = static_cast<std::uint64_t>(frame.time.count());
    body.add(notes.interface);
    body.add(static_cast<std::uint32_t>(time >> 32U));
    body.add(static_cast<std::uint32_t>(time));
    body.add(static_cast<std::uint32_t>(frame.bytes.size()));
    body.add(frame.wire_length);
    body.add_padded(frame.bytes.data(), frame.bytes.size());
    if (!notes.comment.empty())
        body.add_option(opt_comment, notes.comment);
    const auto flags = static_cast<std::uint32_t>(notes.way);
    body.add_option(epb_flags, &flags, sizeof flags);
    body.add_option(epb_packetid, &notes.packet, sizeof notes.packet);
    if (notes.answer)
        add_answer(body, *notes.answer);
    put(kEnhancedPacket, body.end());
}

void PcapngWriter::put(std::uint32_t type, const std::vector<std::uint8_t> &body) {
    if (error_ != 0)
        return;
    const auto length = static_cast<std::uint32_t>(body.size() + 3 * sizeof(std::uint32_t));
    const std::array<std::uint32_t, 2> head{type, length};
    std::FILE *file = stream_.get();
    const bool whole = std::fwrite(head.data(), sizeof head, 1, file) == 1 &&
                       std::fwrite(body.data(), body.size(), 1, file) == 1 &&
                       std::fwrite(&length, sizeof length, 1, file) == 1;
    if (!whole)
        error_ = errno;
    bytes_ += length;
}

Result<void> PcapngWriter::flush() {
    if (error_ == 0 && std::fflush(stream_.get()) != 0)
        error_ = errno;
    if (error_ != 0)
        return fail(Exit::refused,
                    fmt::format("{}: cannot write: {}", path_, std::strerror(error_)));
    return {};
}

Result<void> PcapngWriter::finish() {
    auto whole = flush();
    stream_.reset();
    return whole;
}

}  // namespace weir
