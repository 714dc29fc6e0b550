#include "lb/health/dns_message.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>

namespace weir {

namespace {

constexpr std::uint16_t kTypeA = 1;
constexpr std::uint16_t kTypeAaaa = 28;
constexpr std::uint16_t kClassIn = 1;
constexpr unsigned kResponse = 0x8000;
constexpr unsigned kTruncated = 0x0200;
constexpr unsigned kRecursionDesired = 0x0100;

void put16(std::string &out, unsigned value) {
    out += static_cast<char>(value >> 8U);
    out += static_cast<char>(value & 0xffU);
}

void put_name(std::string &out, std::string_view name) {
    while (!name.empty()) {
        const auto label = name.substr(0, name.find('.'));
        out += static_cast<char>(label.size());
        out += label;
        name.remove_prefix(std::min(name.size(), label.size() + 1));
    }
    out += '\0';
}

std::string question_section(const DnsQuestion &question) {
    std::string out;
    put_name(out, question.name);
    put16(out, question.v6 ? kTypeAaaa : kTypeA);
    put16(out, kClassIn);
    return out;
}

// Reads a message from the front; past its end there are only zeros, and failed() says so.
class Reader {
  public:
    explicit Reader(std::string_view rest) : rest_(rest) {}

    bool failed() const { return failed_; }

    std::string_view bytes(std::size_t count) {
        failed_ = failed_ || count > rest_.size();
        if (failed_)
            return {};
        const auto taken = rest_.substr(0, count);
        rest_.remove_prefix(count);
        return taken;
    }
    unsigned number8() {
        const auto taken = bytes(1);
        return taken.empty() ? 0 : static_cast<unsigned char>(taken[0]);
    }
    unsigned number16() {
        const unsigned high = number8();
        return high << 8U | number8();
    }
    // Over a name, without following pointers: whose it is does not matter.
    void skip_name() {
        for (unsigned length = number8(); length != 0; length = number8()) {
            if (length >= 0xc0) {
                bytes(1);
                return;
            }
            failed_ = failed_ || length > 63;
            bytes(length);
        }
    }

  private:
    std::string_view rest_;
    bool failed_ = false;
};

// Servers may answer a name in other case than they were asked.
bool same_text(std::string_view left, std::string_view right) {
    return std::equal(left.begin(), left.end(), right.begin(), right.end(), [](char a, char b) {
        return std::tolower(static_cast<unsigned char>(a)) ==
               std::tolower(static_cast<unsigned char>(b));
    });
}

std::optional<Address> to_address(std::string_view data) {
    std::array<std::uint8_t, 16> bytes{};
    if (data.size() == 4) {
        std::uint32_t network_order = 0;
        std::memcpy(&network_order, data.data(), sizeof network_order);
        return Address::v4(network_order);
    }
    if (data.size() != bytes.size())
        return std::nullopt;
    std::memcpy(bytes.data(), data.data(), bytes.size());
    return Address(bytes);
}

void read_record(Reader &reader, bool v6, DnsAnswer &answer) {
    reader.skip_name();
    const unsigned type = reader.number16();
    const unsigned of_class = reader.number16();
    reader.bytes(4);  // TTL
    const auto data = reader.bytes(reader.number16());
    if (reader.failed() || of_class != kClassIn || type != (v6 ? kTypeAaaa : kTypeA))
        return;
    const auto address = to_address(data);
    if (address && data.size() == (v6 ? 16U : 4U))
        answer.addresses.push_back(*address);
    else
        answer.malformed = true;
}

}  // namespace

std::string dns_query(const DnsQuestion &question) {
    std::string out;
    put16(out, question.id);
    put16(out, kRecursionDesired);
    put16(out, 1);  // questions
    for (int section = 0; section < 3; ++section)
        put16(out, 0);
    return out + question_section(question);
}

std::optional<DnsAnswer> read_dns_answer(const DnsQuestion &question, std::string_view message) {
    Reader reader(message);
    const unsigned id = reader.number16();
    const unsigned flags = reader.number16();
    const unsigned questions = reader.number16();
    const unsigned records = reader.number16();
    reader.bytes(4);
    if (reader.failed() || id != question.id || (flags & kResponse) == 0)
        return std::nullopt;
    DnsAnswer answer;
    answer.code = flags & 0xfU;
    answer.truncated = (flags & kTruncated) != 0;
    // Some servers leave the question out of an error.
    if (questions == 0 && answer.code != 0)
        return answer;
    const std::string asked = question_section(question);
    if (questions != 1 || !same_text(reader.bytes(asked.size()), asked))
        return std::nullopt;
    for (unsigned i = 0; i < records && !reader.failed(); ++i)
        read_record(reader, question.v6, answer);
    answer.malformed = answer.malformed || (reader.failed() && !answer.truncated);
    return answer;
}

std::string dns_code_name(unsigned code) {
    constexpr std::array<const char *, 6> kNames{"NOERROR",  "FORMERR", "SERVFAIL",
                                                 "NXDOMAIN", "NOTIMP",  "REFUSED"};
    return code < kNames.size() ? kNames[code] : fmt::format("rcode {}", code);
}

}  // namespace weir
