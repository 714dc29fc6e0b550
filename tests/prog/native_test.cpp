// The parser and the translation, compiled natively as for the fuzzer, against the programs in the
// kernel: the same frames, the same outcome.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "tests/support/program.h"

// BPF C: its casts are C's
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include "bpf/nat.h"
#pragma GCC diagnostic pop

namespace weir::test {
namespace {

constexpr const char *kNative = R"(
services:
  - {name: web, vip: 192.0.2.10, port: 80, protocol: tcp, backends: [{address: 198.51.100.11, port: 8080}]}
  - {name: dns, vip: 192.0.2.10, port: 53, protocol: udp, backends: [{address: 198.51.100.12, port: 5353}]}
  - {name: web-6, vip: "2001:db8::10", port: 80, protocol: tcp, backends: [{address: "2001:db8:1::11", port: 8080}]}
  - {name: dns-6, vip: "2001:db8::10", port: 53, protocol: udp, backends: [{address: "2001:db8:1::12", port: 5353}]}
timeouts: {tcp_established: 24h, tcp_transitory: 24h, tcp_new: 24h, udp: 24h}
limits: {flows: 65536, new_flows: 65536, services: 16, backends: 16}
)";

// The frames of the fuzzer's corpus: behind the 36 bytes that say where to.
std::vector<Bytes> corpus() {
    std::vector<Bytes> frames;
    for (const auto &entry :
         std::filesystem::directory_iterator(WEIR_SOURCE_DIR "/tests/fuzz/corpus/packet")) {
        std::ifstream file(entry.path(), std::ios::binary);
        const Bytes all{std::istreambuf_iterator<char>(file), {}};
        if (all.size() > 36)
            frames.emplace_back(all.begin() + 36, all.end());
    }
    return frames;
}

// Frames that are in order, of every kind, to start from.
std::vector<Bytes> well_formed() {
    std::vector<Bytes> frames;
    for (const auto &[client, vip] : {std::pair("203.0.113.5:40000", "192.0.2.10:80"),
                                      {"[2001:db8::5]:40000", "[2001:db8::10]:80"}})
        for (const Protocol protocol : {Protocol::tcp, Protocol::udp})
            for (const bool more : {false, true}) {
                Segment segment;
                segment.source = *Endpoint::parse(client);
                segment.destination = *Endpoint::parse(vip);
                segment.protocol = protocol;
                if (more) {
                    segment.ip_options = {1, 1, 1, 0};
                    segment.extensions = {{60, {0, 0, 1, 4, 0, 0, 0, 0}}};
                    segment.payload.assign(40, 0x5a);
                    segment.padding = 5;
                }
                frames.push_back(build(segment));
            }
    return frames;
}

class Native : public testing::Test {
  protected:
    void SetUp() override {
        if (const std::string why = why_not_runnable(); !why.empty())
            GTEST_SKIP() << why;
        path_ = std::make_unique<DataPath>(kNative);
    }

    const ServiceConfig *service_of(const weir_packet &packet, int family) const {
        weir_address vip{};
        nat_destination(family, &packet.tuple, &vip);
        for (const ServiceConfig &service : path_->config().services)
            if (std::memcmp(vip.bytes, service.vip.address.bytes().data(), 16) == 0 &&
                bpf_htons(service.vip.port) == packet.tuple.head.dport &&
                static_cast<std::uint8_t>(service.protocol) == packet.tuple.head.protocol)
                return &service;
        return nullptr;
    }

    // Whether a service is the client.
    bool is_vip(const weir_packet &packet, int family) const {
        weir_address source{};
        nat_source(family, &packet.tuple, &source);
        for (const ServiceConfig &service : path_->config().services)
            if (std::memcmp(source.bytes, service.vip.address.bytes().data(), 16) == 0)
                return true;
        return false;
    }

    // What the native code makes of a client's frame for `service`.
    Bytes translate(Bytes frame, int family, const weir_packet &packet,
                    const ServiceConfig &service) const {
        const Endpoint &backend = service.backends.front().endpoint;
        const MacAddress hop = hop_mac(backend.address);
        const MacAddress own = path_->config().replay.mac;
        weir_flow_v6 flow{};
        weir_address client{};
        weir_address server{};
        nat_source(family, &packet.tuple, &client);
        entry_set_source(family, &flow, &client);
        flow.flow.sport = packet.tuple.head.sport;
        std::memcpy(server.bytes, backend.address.bytes().data(), 16);
        entry_set_destination(family, &flow, &server);
        flow.flow.dport = bpf_htons(backend.port);
        entry_measure(family, &packet.tuple, &flow);
        const std::uint8_t *end = frame.data() + frame.size();
        EXPECT_TRUE(nat_rewrite(family, frame.data(), end, &packet, &flow.flow));
        EXPECT_TRUE(nat_decrement_ttl(family, frame.data() + packet.l3_offset, end));
        std::copy(hop.bytes.begin(), hop.bytes.end(), frame.begin());
        std::copy(own.bytes.begin(), own.bytes.end(), frame.begin() + 6);
        return frame;
    }

    void compare(const Bytes &frame) {
        weir_packet packet{};
        const std::uint8_t *end = frame.data() + frame.size();
        const auto length = static_cast<std::uint32_t>(frame.size());
        const int family = parse_packet(frame.data(), end, length, WEIR_PARSE_PLAIN, &packet);
        if (family == 0 && parse_packet(frame.data(), end, length, WEIR_PARSE_ALL, &packet) != 0)
            return;  // a fragment, a tag or ICMP: not for this comparison
        const ServiceConfig *service = family == 0 ? nullptr : service_of(packet, family);
        const Outcome outcome = path_->run(Entry::xdp_ingress, frame);
        if (service != nullptr && is_vip(packet, family)) {
            ASSERT_EQ(outcome.trace.reason, WEIR_DROP_SOURCE_DENIED) << hex(frame);
            return;
        }
        if (service == nullptr || packet.ttl <= 1) {
            if (service == nullptr) {
                ASSERT_EQ(hex(outcome.frame), hex(frame));
            }
            return;
        }
        translated_++;
        ASSERT_EQ(to_string(outcome.verdict), "forward") << hex(frame);
        ASSERT_EQ(hex(outcome.frame), hex(translate(frame, family, packet, *service)));
    }

    std::unique_ptr<DataPath> path_;
    int translated_ = 0;
};

// Bytes changed here and there, and often enough the addresses of a service put where they belong.
Bytes mutated(Bytes frame, std::mt19937_64 &random) {
    for (auto times = random() % 4; times > 0 && !frame.empty(); times--)
        frame[random() % frame.size()] = static_cast<std::uint8_t>(random());
    if (frame.size() >= 54 && random() % 4 != 0) {
        const bool v6 = frame[12] == 0x86;
        const Bytes vip = v6 ? Bytes{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10}
                             : Bytes{192, 0, 2, 10};
        std::copy(vip.begin(), vip.end(), frame.begin() + (v6 ? 38 : 30));
        const std::size_t port = v6 ? 56 : 36;
        if (port + 2 <= frame.size()) {
            frame[port] = 0;
            frame[port + 1] = frame[v6 ? 20 : 23] == 6 ? 80 : 53;
        }
    }
    return frame;
}

TEST_F(Native, CodeAndProgramsAgree) {
    const char *text = std::getenv("WEIR_SEED");
    const std::uint64_t seed =
        text == nullptr ? std::random_device{}() : std::strtoull(text, nullptr, 10);
    std::printf("WEIR_SEED=%llu\n", static_cast<unsigned long long>(seed));
    std::mt19937_64 random(seed);
    auto frames = corpus();
    for (Bytes &frame : well_formed())
        frames.insert(frames.end(), 4, frame);
    ASSERT_GT(frames.size(), 10U);
    for (int i = 0; i < 100000 && !HasFatalFailure(); i++) {
        const Bytes frame = i < static_cast<int>(frames.size())
                                ? frames[static_cast<std::size_t>(i)]
                                : mutated(frames[random() % frames.size()], random);
        if (frame.size() >= 54)  // shorter ones make no skb in a test run
            compare(frame);
    }
    EXPECT_GT(translated_, 1000) << "the inputs no longer reach the services";
}

}  // namespace
}  // namespace weir::test
