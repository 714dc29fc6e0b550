#include "lb/dataplane/reserved_ports.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <sstream>

namespace weir {

namespace {

constexpr const char *kReserved = "/proc/sys/net/ipv4/ip_local_reserved_ports";

Result<void> write_reserved(const PortSet &ports) {
    errno = 0;
    std::ofstream file(kReserved);
    file << ports.to_string() << std::endl;
    if (!file)
        return fail(Exit::refused,
                    fmt::format("cannot write {} ({}): make it writable, or see to it yourself "
                                "(sysctl -w net.ipv4.ip_local_reserved_ports={})",
                                kReserved, std::strerror(errno), ports.to_string()));
    return {};
}

// The kernel prints words of the address, each as a number of the machine.
std::optional<Address> parse_words(std::string_view text) {
    std::array<std::uint32_t, 4> words{};
    const std::size_t count = text.size() / 8;
    if (text.size() % 8 != 0 || (count != 1 && count != 4))
        return std::nullopt;
    for (std::size_t i = 0; i < count; ++i) {
        const char *first = text.data() + i * 8;
        const auto [stopped, error] = std::from_chars(first, first + 8, words.at(i), 16);
        if (error != std::errc{} || stopped != first + 8)
            return std::nullopt;
    }
    if (count == 1)
        return Address::v4(words[0]);
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), words.data(), bytes.size());
    return Address(bytes);
}

std::optional<Endpoint> parse_endpoint(std::string_view text) {
    const auto colon = text.find(':');
    if (colon == std::string_view::npos)
        return std::nullopt;
    const auto address = parse_words(text.substr(0, colon));
    std::uint16_t port = 0;
    const char *end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data() + colon + 1, end, port, 16);
    if (!address || error != std::errc{} || stopped != end)
        return std::nullopt;
    return Endpoint{*address, port};
}

}  // namespace

Result<PortSet> read_reserved_ports() {
    std::ifstream file(kReserved);
    std::string text;
    std::getline(file, text);
    const auto ports = PortSet::parse(text);
    if (file.bad() || !file.is_open() || !ports)
        return fail(Exit::refused, fmt::format("cannot read {}", kReserved));
    return *ports;
}

bool may_reserve_ports() {
    return ::access(kReserved, W_OK) == 0;
}

Result<void> reserve_ports(HostChanges &changes, const PortRange &range) {
    const auto now = read_reserved_ports();
    if (!now)
        return tl::make_unexpected(now.error());
    const PortSet missing = PortSet({range}) - *now;
    if (missing == PortSet())
        return {};
    return changes.note(missing).and_then([&] { return write_reserved(*now | missing); });
}

Result<void> release_ports(HostChanges &changes, const PortSet &keep) {
    const auto noted = changes.ports();
    if (!noted)
        return tl::make_unexpected(noted.error());
    const PortSet surplus = *noted - keep;
    if (surplus == PortSet())
        return {};
    const auto now = read_reserved_ports();
    if (!now)
        return tl::make_unexpected(now.error());
    return write_reserved(*now - surplus).and_then([&] { return changes.keep(*noted - surplus); });
}

std::optional<OpenSocket> parse_socket(const std::string &line, Protocol protocol) {
    constexpr std::string_view kListening = "0A";
    constexpr std::string_view kWithoutPeer = "07";
    std::istringstream words(line);
    std::string number;
    std::string local;
    std::string remote;
    std::string state;
    words >> number >> local >> remote >> state;
    const auto endpoint = parse_endpoint(local);
    if (!endpoint || state != (protocol == Protocol::tcp ? kListening : kWithoutPeer))
        return std::nullopt;
    return OpenSocket{protocol, *endpoint};
}

std::vector<OpenSocket> open_sockets() {
    constexpr std::array<std::pair<const char *, Protocol>, 4> kFiles{
        {{"/proc/net/tcp", Protocol::tcp},
         {"/proc/net/tcp6", Protocol::tcp},
         {"/proc/net/udp", Protocol::udp},
         {"/proc/net/udp6", Protocol::udp}}};
    std::vector<OpenSocket> all;
    for (const auto &[name, protocol] : kFiles) {
        std::ifstream file(name);
        for (std::string line; std::getline(file, line);)
            if (const auto socket = parse_socket(line, protocol))
                all.push_back(*socket);
    }
    return all;
}

bool takes_packets_to(const OpenSocket &socket, const std::vector<Address> &addresses) {
    const Address &local = socket.local.address;
    return std::any_of(addresses.begin(), addresses.end(), [&](const Address &address) {
        return local == address || local == Address() ||
               (address.is_v4() && local == Address::v4(0, 0, 0, 0));
    });
}

Result<std::optional<OpenSocket>> find_socket(const std::vector<Address> &addresses,
                                              const PortRange &range) {
    for (const auto &socket : open_sockets())
        if (range.contains(socket.local.port) && takes_packets_to(socket, addresses))
            return socket;
    return std::nullopt;
}

}  // namespace weir
