// I1..I6 over generated packets: what the programs do against a plain model of a NAT.
//
// WEIR_PROPERTY_PACKETS and WEIR_SEED choose how many packets and which; both are printed.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "tests/prog/generator.h"
#include "tests/prog/judge.h"
#include "tests/support/fragments.h"

namespace weir::test {
namespace {

// `full` keeps the client's family, `other` does not, and `both` has backends of both.
constexpr const char *kEverything = R"(
services:
  - {name: web, vip: 192.0.2.10, port: 80, protocol: tcp,
     backends: [{address: 198.51.100.11, port: 8080}, {address: 198.51.100.12, port: 8080, weight: 50},
                {address: 198.51.100.13, port: 8080}]}
  - {name: web2, vip: 192.0.2.20, port: 80, protocol: tcp,
     backends: [{address: 198.51.100.11, port: 8080}, {address: 198.51.100.12, port: 8080}]}
  - {name: solo, vip: 192.0.2.21, port: 80, protocol: tcp, backends: [{address: 198.51.100.11, port: 8080}]}
  - {name: dns, vip: 192.0.2.53, port: 53, protocol: udp,
     backends: [{address: 198.51.100.11, port: 53}, {address: 198.51.100.12, port: 5353}]}
  - {name: none, vip: 192.0.2.30, port: 80, protocol: tcp,
     backends: [{address: 198.51.100.14, port: 80, weight: 0}]}
  - {name: full, vip: 192.0.2.40, port: 80, protocol: tcp, mode: fullnat,
     backends: [{address: 198.51.100.11, port: 8080}, {address: 198.51.100.15, port: 8080}]}
  - {name: full-dns, vip: 192.0.2.40, port: 53, protocol: udp, mode: fullnat,
     backends: [{address: 198.51.100.15, port: 53}, {address: 198.51.100.16, port: 53}]}
  - {name: other, vip: 192.0.2.64, port: 80, protocol: tcp, mode: fullnat,
     backends: [{address: "2001:db8::c633:640f", port: 8080}, {address: "2001:db8::c633:6410", port: 8080}]}
  - {name: other-dns, vip: 192.0.2.64, port: 53, protocol: udp, mode: fullnat,
     backends: [{address: "2001:db8::c633:640f", port: 53}, {address: "2001:db8::c633:6410", port: 53}]}
  - {name: both, vip: 192.0.2.65, port: 80, protocol: tcp, mode: fullnat,
     backends: [{address: 198.51.100.15, port: 8080}, {address: "2001:db8::c633:640f", port: 8080}]}
  - {name: both-dns, vip: 192.0.2.65, port: 53, protocol: udp, mode: fullnat,
     backends: [{address: 198.51.100.16, port: 53}, {address: "2001:db8::c633:6410", port: 53}]}
  - {name: web-6, vip: "2001:db8::c000:20a", port: 80, protocol: tcp,
     backends: [{address: "2001:db8::c633:640b", port: 8080}, {address: "2001:db8::c633:640c", port: 8080, weight: 50},
                {address: "2001:db8::c633:640d", port: 8080}]}
  - {name: web2-6, vip: "2001:db8::c000:214", port: 80, protocol: tcp,
     backends: [{address: "2001:db8::c633:640b", port: 8080}, {address: "2001:db8::c633:640c", port: 8080}]}
  - {name: solo-6, vip: "2001:db8::c000:215", port: 80, protocol: tcp,
     backends: [{address: "2001:db8::c633:640b", port: 8080}]}
  - {name: dns-6, vip: "2001:db8::c000:235", port: 53, protocol: udp,
     backends: [{address: "2001:db8::c633:640b", port: 53}, {address: "2001:db8::c633:640c", port: 5353}]}
  - {name: none-6, vip: "2001:db8::c000:21e", port: 80, protocol: tcp,
     backends: [{address: "2001:db8::c633:640e", port: 80, weight: 0}]}
  - {name: full-6, vip: "2001:db8::c000:228", port: 80, protocol: tcp, mode: fullnat,
     backends: [{address: "2001:db8::c633:640b", port: 8080}, {address: "2001:db8::c633:640f", port: 8080}]}
  - {name: full-dns-6, vip: "2001:db8::c000:228", port: 53, protocol: udp, mode: fullnat,
     backends: [{address: "2001:db8::c633:640f", port: 53}, {address: "2001:db8::c633:6410", port: 53}]}
  - {name: other-6, vip: "2001:db8::c000:240", port: 80, protocol: tcp, mode: fullnat,
     backends: [{address: 198.51.100.15, port: 8080}, {address: 198.51.100.16, port: 8080}]}
  - {name: other-dns-6, vip: "2001:db8::c000:240", port: 53, protocol: udp, mode: fullnat,
     backends: [{address: 198.51.100.15, port: 53}, {address: 198.51.100.16, port: 53}]}
  - {name: both-6, vip: "2001:db8::c000:241", port: 80, protocol: tcp, mode: fullnat,
     backends: [{address: 198.51.100.15, port: 8080}, {address: "2001:db8::c633:640f", port: 8080}]}
  - {name: both-dns-6, vip: "2001:db8::c000:241", port: 53, protocol: udp, mode: fullnat,
     backends: [{address: 198.51.100.16, port: 53}, {address: "2001:db8::c633:6410", port: 53}]}
snat: {addresses: [198.51.100.1, "2001:db8::c633:6401"], ports: 20000-20099}
timeouts: {tcp_established: 24h, tcp_transitory: 24h, tcp_new: 24h, udp: 24h}
limits: {flows: 65536, new_flows: 65536, services: 32, backends: 64}
)";

std::uint64_t from_environment(const char *name, std::uint64_t otherwise) {
    const char *text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// To meet what is rare.
constexpr std::uint64_t kEnough = 500000;

class Properties : public testing::TestWithParam<Entry> {
  protected:
    // Returns how many packets it sent.
    std::size_t step(Generator &generator, const Model &model, Judge &judge) {
        if (generator.once_in(8)) {
            const Bytes foreign = generator.foreign(model);
            if (foreign.size() >= 54)  // shorter ones make no skb in a test run
                judge.check_foreign(foreign);
            return 1;
        }
        Segment segment = generator.segment(model);
        if (generator.once_in(10)) {
            const Icmp error = generator.error(segment);
            judge.check_error(segment, error);
            return 1;
        }
        if (generator.once_in(50)) {
            judge.check_echo(generator.echo());
            return 1;
        }
        if (generator.once_in(10))
            return send_fragments(segment, generator, judge);
        judge.check(segment, Judge::Kind::whole, [](const Segment &one) { return build(one); });
        return 1;
    }

    std::size_t send_fragments(Segment segment, Generator &generator, Judge &judge) {
        const auto cuts = generator.make_cuttable(segment);
        std::vector<std::size_t> order(cuts.size() + 1);
        for (std::size_t i = 0; i < order.size(); ++i)
            order[i] = i;
        if (generator.once_in(2))
            generator.shuffle(order);
        if (generator.once_in(10))
            order.pop_back();
        for (const std::size_t i : order) {
            if (HasFatalFailure())
                break;
            judge.check(segment, i == 0 ? Judge::Kind::first : Judge::Kind::later,
                        [&](const Segment &one) { return fragment(build(one), cuts, one.id)[i]; });
        }
        return order.size();
    }
};

TEST_P(Properties, HoldForGeneratedPackets) {
    if (const std::string why = why_not_runnable(); !why.empty())
        GTEST_SKIP() << why;
    const std::uint64_t seed = from_environment("WEIR_SEED", std::random_device{}());
    const std::uint64_t packets = from_environment("WEIR_PROPERTY_PACKETS", kEnough);
    SCOPED_TRACE("WEIR_SEED=" + std::to_string(seed));
    printf("WEIR_SEED=%llu WEIR_PROPERTY_PACKETS=%llu\n", static_cast<unsigned long long>(seed),
           static_cast<unsigned long long>(packets));

    DataPath path(kEverything);
    Model model(path.config());
    Judge judge(path, model, GetParam());
    Generator generator(seed);
    for (std::uint64_t i = 0; i < packets && !HasFatalFailure();) {
        SCOPED_TRACE("packet " + std::to_string(i));
        i += step(generator, model, judge);
        if (generator.once_in(100))
            judge.advance(std::chrono::milliseconds(generator.below(1500)));
    }
    judge.check_totals();
    if (packets < kEnough)
        return;
    for (const weir_drop_reason reason :
         {WEIR_DROP_NO_BACKEND, WEIR_DROP_TUPLE_IN_USE, WEIR_DROP_SNAT_EXHAUSTED,
          WEIR_DROP_FRAGMENT_ORPHAN, WEIR_DROP_TTL_EXPIRED, WEIR_DROP_NOT_TRANSLATABLE})
        EXPECT_GT(judge.drops(reason), 0U)
            << "the generator no longer reaches " << drop_reason_name(reason);
    EXPECT_GT(path.icmp(WEIR_ICMP_TRANSLATED), 0U);
    EXPECT_GT(path.icmp(WEIR_ICMP_ANSWERED), 0U);
    EXPECT_GT(judge.taken(), 0U) << "the generator no longer uses ports of closed connections";
    EXPECT_GT(model.entries().size(), 1000U) << "the generator no longer opens flows";
}

INSTANTIATE_TEST_SUITE_P(, Properties, testing::Values(Entry::xdp_ingress, Entry::tc_ingress),
                         [](const auto &test) { return to_string(test.param); });

}  // namespace
}  // namespace weir::test
