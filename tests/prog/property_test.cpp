// I1..I6 over generated packets: what the programs do against a plain model of a NAT.
//
// WEIR_PROPERTY_PACKETS and WEIR_SEED choose how many packets and which; both are printed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "tests/prog/generator.h"
#include "tests/prog/model.h"
#include "tests/support/program.h"

namespace weir::test {
namespace {

constexpr const char *kConfig = R"(
services:
  - {name: web, vip: 192.0.2.10, port: 80, protocol: tcp,
     backends: [{address: 198.51.100.11, port: 8080}, {address: 198.51.100.12, port: 8080, weight: 50},
                {address: 198.51.100.13, port: 8080}]}
  - {name: web2, vip: 192.0.2.20, port: 80, protocol: tcp,
     backends: [{address: 198.51.100.11, port: 8080}, {address: 198.51.100.12, port: 8080}]}
  - {name: dns, vip: 192.0.2.53, port: 53, protocol: udp,
     backends: [{address: 198.51.100.11, port: 53}, {address: 198.51.100.12, port: 5353}]}
  - {name: none, vip: 192.0.2.30, port: 80, protocol: tcp,
     backends: [{address: 198.51.100.14, port: 80, weight: 0}]}
  - {name: web-6, vip: "2001:db8::c000:20a", port: 80, protocol: tcp,
     backends: [{address: "2001:db8::c633:640b", port: 8080}, {address: "2001:db8::c633:640c", port: 8080, weight: 50},
                {address: "2001:db8::c633:640d", port: 8080}]}
  - {name: web2-6, vip: "2001:db8::c000:214", port: 80, protocol: tcp,
     backends: [{address: "2001:db8::c633:640b", port: 8080}, {address: "2001:db8::c633:640c", port: 8080}]}
  - {name: dns-6, vip: "2001:db8::c000:235", port: 53, protocol: udp,
     backends: [{address: "2001:db8::c633:640b", port: 53}, {address: "2001:db8::c633:640c", port: 5353}]}
  - {name: none-6, vip: "2001:db8::c000:21e", port: 80, protocol: tcp,
     backends: [{address: "2001:db8::c633:640e", port: 80, weight: 0}]}
timeouts: {tcp_established: 24h, tcp_transitory: 24h, tcp_new: 24h, udp: 24h}
limits: {flows: 65536, new_flows: 65536, services: 16, backends: 16}
)";

std::uint64_t from_environment(const char *name, std::uint64_t otherwise) {
    const char *text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

class Properties : public testing::TestWithParam<Entry> {
  protected:
    void check_foreign(const Bytes &frame) {
        const Outcome outcome = path_->run(GetParam(), frame);
        ASSERT_EQ(to_string(outcome.verdict), "pass") << "I1: " << hex(frame);
        ASSERT_EQ(hex(outcome.frame), hex(frame)) << "I1";
    }

    // The packet as it must leave when it is translated to `to`.
    Bytes translated(Segment segment, const Tuple &to) const {
        segment.source = to.source;
        segment.destination = to.destination;
        segment.source_mac = path_->config().replay.mac;
        segment.destination_mac = hop_mac(to.destination.address);
        segment.ttl--;
        return build(segment);
    }

    void check_known(const Segment &segment, const Tuple &to) {
        const Bytes in = build(segment);
        const Outcome outcome = path_->run(GetParam(), in);
        if (segment.ttl == 1) {
            ASSERT_EQ(to_string(outcome.verdict), "pass");
            ASSERT_EQ(hex(outcome.frame), hex(in));
            return;
        }
        ASSERT_EQ(to_string(outcome.verdict), "forward") << hex(in);
        ASSERT_EQ(checksum_fault(outcome.frame), "") << "I2: " << hex(in);
        ASSERT_EQ(hex(outcome.frame), hex(translated(segment, to))) << "I2, I3";
    }

    void check_new(const Segment &segment, const ServiceConfig &service) {
        const Bytes in = build(segment);
        const Outcome outcome = path_->run(GetParam(), in);
        const auto taken = [&](const BackendConfig &backend) {
            const auto *owner =
                model_->find(Model::reply_tuple(tuple_of(segment), backend.endpoint));
            return owner != nullptr && owner->to != answer_to(tuple_of(segment));
        };
        if (outcome.verdict == Verdict::drop) {
            ++drops_;
            const bool none = service.backends[0].weight == 0;
            ASSERT_EQ(outcome.trace.reason, none ? WEIR_DROP_NO_BACKEND : WEIR_DROP_TUPLE_IN_USE);
            ASSERT_TRUE(none ||
                        std::any_of(service.backends.begin(), service.backends.end(), taken));
            return;
        }
        ASSERT_EQ(outcome.trace.backend == WEIR_NO_BACKEND, segment.ttl == 1);
        if (segment.ttl == 1) {  // it opened a flow, but to which backend is not to be seen
            ASSERT_EQ(hex(outcome.frame), hex(in));
            learn_from_next_packet(segment);
            return;
        }
        ASSERT_EQ(to_string(outcome.verdict), "forward") << hex(in);
        const auto out = read(outcome.frame);
        ASSERT_TRUE(out);
        const auto chosen = std::find_if(
            service.backends.begin(), service.backends.end(),
            [&](const BackendConfig &backend) { return backend.endpoint == out->destination; });
        ASSERT_NE(chosen, service.backends.end()) << out->destination.to_string();
        ASSERT_FALSE(taken(*chosen)) << "I4: the reply tuple belongs to another flow";
        model_->open(tuple_of(segment), out->destination);
        ASSERT_EQ(hex(outcome.frame),
                  hex(translated(segment, model_->find(tuple_of(segment))->to)));
        ASSERT_EQ(checksum_fault(outcome.frame), "") << "I2";
    }

    void learn_from_next_packet(Segment segment) {
        segment.ttl = 64;
        segment.tcp_flags =
            segment.protocol == Protocol::tcp ? std::uint8_t{kAck} : segment.tcp_flags;
        const auto out = read(path_->run(GetParam(), build(segment)).frame);
        ASSERT_TRUE(out);
        model_->open(tuple_of(segment), out->destination);
    }

    void check(const Segment &segment) {
        const Tuple tuple = tuple_of(segment);
        const bool tcp = segment.protocol == Protocol::tcp;
        const auto *known = model_->find(tuple);
        if (known != nullptr && !known->reply && tcp && model_->is_closing(tuple) &&
            (segment.tcp_flags & (kSyn | kAck)) == kSyn) {
            model_->forget(tuple);
            known = nullptr;
        }
        if (known != nullptr) {
            check_known(segment, known->to);
        } else if (const ServiceConfig *service = model_->service_of(tuple)) {
            check_new(segment, *service);
        } else {
            check_foreign(build(segment));
        }
        if (tcp && segment.tcp_flags & (kFin | kRst) && segment.ttl != 1)
            model_->close(tuple);
    }

    std::uint64_t total_drops() {
        std::uint64_t sum = 0;
        for (int reason = 0; reason < WEIR_DROP_REASONS; ++reason)
            sum += path_->drops(static_cast<weir_drop_reason>(reason));
        return sum;
    }

    std::unique_ptr<DataPath> path_;
    std::unique_ptr<Model> model_;
    std::uint64_t drops_ = 0;
};

TEST_P(Properties, HoldForGeneratedPackets) {
    if (const std::string why = why_not_runnable(); !why.empty())
        GTEST_SKIP() << why;
    const std::uint64_t seed = from_environment("WEIR_SEED", std::random_device{}());
    const std::uint64_t packets = from_environment("WEIR_PROPERTY_PACKETS", 500000);
    SCOPED_TRACE("WEIR_SEED=" + std::to_string(seed));
    printf("WEIR_SEED=%llu WEIR_PROPERTY_PACKETS=%llu\n", static_cast<unsigned long long>(seed),
           static_cast<unsigned long long>(packets));

    path_ = std::make_unique<DataPath>(kConfig);
    model_ = std::make_unique<Model>(path_->config());
    Generator generator(seed);
    for (std::uint64_t i = 0; i < packets && !HasFatalFailure(); ++i) {
        SCOPED_TRACE("packet " + std::to_string(i));
        const Bytes foreign = generator.once_in(5) ? generator.foreign(*model_) : Bytes{};
        if (foreign.empty())
            check(generator.segment(*model_));
        else if (foreign.size() >= 54)  // shorter ones make no skb in a test run
            check_foreign(foreign);
        if (generator.once_in(100))
            path_->advance(std::chrono::milliseconds(generator.below(1500)));
    }
    EXPECT_EQ(total_drops(), drops_) << "I6: one drop, one count";
    EXPECT_GT(drops_, 0U) << "the generator no longer reaches the drops";
    EXPECT_GT(model_->entries().size(), 100U) << "the generator no longer opens flows";
}

INSTANTIATE_TEST_SUITE_P(, Properties, testing::Values(Entry::xdp_ingress, Entry::tc_ingress),
                         [](const auto &test) { return to_string(test.param); });

}  // namespace
}  // namespace weir::test
