#include "lb/replay/capture.h"

#include <fmt/format.h>
#include <pcap/pcap.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "lb/replay/cooked.h"

namespace weir {

namespace {

using std::chrono::nanoseconds;

constexpr std::int64_t kSecond = 1'000'000'000;             // ns
constexpr nanoseconds kLatest{(1LL << 32U) * kSecond - 1};  // a pcap file's seconds have 32 bits
constexpr int kSnapLength = 262144;                         // the most that libpcap reads back
constexpr int kLittleEndianMicroseconds = 0xd4;             // first byte of the magic number

tl::unexpected<Error> bad_capture(const std::string &path, std::string_view what) {
    return fail(Exit::usage, fmt::format("{}: {}", path == "-" ? "standard input" : path, what));
}

Result<Stream> open_stream(const std::string &path) {
    if (path == "-")
        return Stream(stdin);
    Stream stream(std::fopen(path.c_str(), "rbe"));
    if (!stream)
        return bad_capture(path, fmt::format("cannot read: {}", std::strerror(errno)));
    struct stat status {};
    if (fstat(fileno(stream.get()), &status) == 0 && S_ISDIR(status.st_mode))
        return bad_capture(path, "is a directory, not a capture");
    return stream;
}

// Puts tv_sec, tv_nsec together; -1 ns when no pcap file could have it. libpcap reads the seconds
// of a pcap file as signed, but they go on to the year 2106.
nanoseconds frame_time(const timeval &time) {
    std::int64_t seconds = time.tv_sec;
    if (seconds < 0)
        seconds += 1LL << 32U;
    if (seconds < 0 || seconds >= 1LL << 32U || time.tv_usec < 0 || time.tv_usec >= kSecond)
        return nanoseconds(-1);
    return nanoseconds(seconds * kSecond + time.tv_usec);
}

}  // namespace

void PcapDeleter::operator()(pcap *handle) const {
    pcap_close(handle);
}

void PcapDeleter::operator()(pcap_dumper *dumper) const {
    pcap_dump_close(dumper);
}

std::string format_time(nanoseconds time, Resolution resolution) {
    const auto seconds = time.count() / kSecond;
    const auto rest = time.count() % kSecond;
    return resolution == Resolution::nanoseconds ? fmt::format("{}.{:09}", seconds, rest)
                                                 : fmt::format("{}.{:06}", seconds, rest / 1000);
}

Result<CaptureReader> CaptureReader::open(const std::string &path, const MacAddress &own) {
    auto stream = open_stream(path);
    if (!stream)
        return tl::make_unexpected(stream.error());
    const int first = std::getc(stream->get());
    if (first == EOF)
        return bad_capture(path, std::ferror(stream->get()) != 0
                                     ? fmt::format("cannot read: {}", std::strerror(errno))
                                     : "is empty, not a capture");
    std::ungetc(first, stream->get());

    std::array<char, PCAP_ERRBUF_SIZE> message{};
    pcap_t *handle = pcap_fopen_offline_with_tstamp_precision(
        stream->get(), PCAP_TSTAMP_PRECISION_NANO, message.data());
    if (handle == nullptr)
        return bad_capture(path, fmt::format("is no pcap or pcapng file: {}", message.data()));
    static_cast<void>(stream->release());  // pcap_close() closes it
    CaptureReader reader(
        path,
        first == kLittleEndianMicroseconds ? Resolution::microseconds : Resolution::nanoseconds,
        own, handle);
    return reader.set_link().map([&] { return std::move(reader); });
}

Result<void> CaptureReader::set_link() {
    const int link = pcap_datalink(handle_.get());
    switch (link) {
        case DLT_EN10MB:
            link_ = Link::ethernet;
            return {};
        case DLT_LINUX_SLL:
            link_ = Link::cooked;
            return {};
        case DLT_LINUX_SLL2:
            link_ = Link::cooked2;
            return {};
        default:
            break;
    }
    const char *name = pcap_datalink_val_to_name(link);
    return bad_capture(path_, fmt::format("has link type {}; Ethernet (EN10MB) and Linux cooked "
                                          "(LINUX_SLL, LINUX_SLL2) can be used",
                                          name != nullptr ? name : std::to_string(link)));
}

std::uint64_t CaptureReader::size() const {
    struct stat status {};
    const bool known =
        fstat(fileno(pcap_file(handle_.get())), &status) == 0 && S_ISREG(status.st_mode);
    return known ? static_cast<std::uint64_t>(status.st_size) : 0;
}

std::uint64_t CaptureReader::position() const {
    const off_t at = ftello(pcap_file(handle_.get()));
    return at > 0 ? static_cast<std::uint64_t>(at) : 0;
}

Result<bool> CaptureReader::next(Frame &frame) {
    pcap_pkthdr *header = nullptr;
    const std::uint8_t *bytes = nullptr;
    frames_++;
    switch (pcap_next_ex(handle_.get(), &header, &bytes)) {
        case 1:
            break;
        case PCAP_ERROR_BREAK:
            return false;
        default:
            return bad_capture(path_,
                               fmt::format("breaks off at frame {}: {}", frames_,
                                           static_cast<const char *>(pcap_geterr(handle_.get()))));
    }
    frame.time = frame_time(header->ts);
    if (frame.time < nanoseconds::zero() || frame.time > kLatest)
        return bad_capture(
            path_, fmt::format("frame {}: its time is out of range (1970 to 2106)", frames_));
    frame.wire_length = header->len;
    frame.bytes.assign(bytes, bytes + header->caplen);
    if (link_ != Link::ethernet && !uncook(link_, own_, frame))
        return bad_capture(path_,
                           fmt::format("frame {} is cut within its link-layer header", frames_));
    return true;
}

Result<CaptureWriter> CaptureWriter::create(const std::string &path, Resolution resolution) {
    auto file = OutputFile::create(path);
    if (!file)
        return tl::make_unexpected(file.error());
    CaptureWriter writer(std::move(*file), resolution);
    writer.handle_.reset(pcap_open_dead_with_tstamp_precision(DLT_EN10MB, kSnapLength,
                                                              resolution == Resolution::nanoseconds
                                                                  ? PCAP_TSTAMP_PRECISION_NANO
                                                                  : PCAP_TSTAMP_PRECISION_MICRO));
    // libpcap closes the stream that it writes to; the file is still needed after that
    const int copy = dup(fileno(writer.file_.stream()));
    Stream stream(copy < 0 ? nullptr : fdopen(copy, "wb"));
    if (!stream || !writer.handle_)
        return writer.error();
    writer.dumper_.reset(pcap_dump_fopen(writer.handle_.get(), stream.get()));
    if (!writer.dumper_)
        return writer.error();
    static_cast<void>(stream.release());
    return writer;
}

tl::unexpected<Error> CaptureWriter::error() const {
    return fail(Exit::refused, fmt::format("{}: cannot write: {}",
                                           file_.path() == "-" ? "standard output" : file_.path(),
                                           std::strerror(errno)));
}

Result<void> CaptureWriter::write(const Frame &frame) {
    pcap_pkthdr header{};
    header.ts.tv_sec = static_cast<time_t>(frame.time.count() / kSecond);
    header.ts.tv_usec = static_cast<suseconds_t>(frame.time.count() % kSecond);
    if (resolution_ == Resolution::microseconds)
        header.ts.tv_usec /= 1000;
    header.caplen = static_cast<bpf_u_int32>(frame.bytes.size());
    header.len = frame.wire_length;
    // NOLINTNEXTLINE: pcap_dump() takes its dumper as unsigned char *
    pcap_dump(reinterpret_cast<u_char *>(dumper_.get()), &header, frame.bytes.data());
    if (std::ferror(pcap_dump_file(dumper_.get())) != 0)
        return error();
    return {};
}

Result<void> CaptureWriter::finish() {
    if (pcap_dump_flush(dumper_.get()) != 0 || std::ferror(pcap_dump_file(dumper_.get())) != 0)
        return error();
    dumper_.reset();
    return file_.commit();
}

}  // namespace weir
