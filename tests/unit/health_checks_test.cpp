// When backends are checked, when they turn, and what a reload leaves alone.
#include "lb/health/health_checks.h"

#include <algorithm>
#include <random>

#include "lb/health/check.h"
#include "tests/unit/health_fixture.h"

namespace weir {
namespace {

using Clock = std::chrono::steady_clock;

// Accepts, and closes at once, while it is told to; refuses otherwise.
class Switch {
  public:
    using Tcp = boost::asio::ip::tcp;

    Switch(boost::asio::io_context &loop, const Tcp::endpoint &any) : loop_(loop) {
        open(any);
        endpoint_ = acceptor_->local_endpoint();
    }
    std::uint16_t port() const { return endpoint_.port(); }
    void on() { open(endpoint_); }
    void off() { acceptor_.reset(); }
    const std::vector<Clock::time_point> &times() const { return times_; }

  private:
    void open(const Tcp::endpoint &endpoint) {
        acceptor_ = std::make_unique<Tcp::acceptor>(loop_, endpoint);
        accept();
    }
    void accept() {
        acceptor_->async_accept([this](auto error, const Tcp::socket & /*closed*/) {
            if (error)
                return;
            times_.push_back(Clock::now());
            accept();
        });
    }

    boost::asio::io_context &loop_;
    Tcp::endpoint endpoint_;
    std::unique_ptr<Tcp::acceptor> acceptor_;
    std::vector<Clock::time_point> times_;
};

class HealthCheck : public HealthTest {
  protected:
    Switch server_{loop_, any_port()};
    const Endpoint endpoint_ = to_endpoint(server_.port());
    const BackendKey key_{"web", endpoint_};

    static HealthCheckConfig quick() {
        auto config = check(CheckType::tcp);
        config.interval = config.timeout = milliseconds(20);
        return config;
    }
    CheckStatus status() { return checks().status(key_).value_or(CheckStatus{}); }
    bool run_until_count(std::size_t accepted) {
        return run_until([&] { return server_.times().size() >= accepted; });
    }
};

TEST_F(HealthCheck, TurnsDownAfterFallAndUpAfterRise) {
    auto config = quick();
    config.rise = 3;
    config.fall = 2;
    checks().configure(config_of(config, {endpoint_}));
    ASSERT_TRUE(run_until([&] { return status().up == true && status().successes >= 2; }));
    EXPECT_EQ(turns_.size(), 1U);
    server_.off();
    ASSERT_TRUE(run_until([&] { return status().failures == 1; }));
    EXPECT_EQ(turns_.size(), 1U);
    ASSERT_TRUE(run_until([&] { return status().failures == 2; }));
    ASSERT_EQ(turns_.size(), 2U);
    EXPECT_FALSE(turns_[1].up);
    EXPECT_EQ(turns_[1].reason, "connect to " + endpoint_.to_string() + ": connection refused");
    server_.on();
    ASSERT_TRUE(run_until([&] { return status().successes == 2; }));
    EXPECT_EQ(turns_.size(), 2U);
    ASSERT_TRUE(run_until([&] { return status().successes == 3; }));
    ASSERT_EQ(turns_.size(), 3U);
    EXPECT_TRUE(turns_[2].up);
    EXPECT_EQ(turns_[2].reason, "");
}

TEST_F(HealthCheck, ComesWithEveryInterval) {
    auto config = check(CheckType::tcp);
    config.interval = config.timeout = milliseconds(100);
    checks().configure(config_of(config, {endpoint_}));
    ASSERT_TRUE(run_until_count(6));
    const auto &times = server_.times();
    EXPECT_GE(times[5] - times[0], 5 * milliseconds(90) - milliseconds(20));
    EXPECT_LE(times[5] - times[0], 5 * milliseconds(100) + milliseconds(300)) << "a busy machine";
}

TEST(HealthJitter, TakesUpToATenthAndNeverAdds) {
    std::mt19937_64 random(1);
    const milliseconds interval(2000);
    auto shortest = std::chrono::nanoseconds::max();
    auto longest = std::chrono::nanoseconds::zero();
    for (int i = 0; i < 10000; ++i) {
        const auto one = jittered(interval, random);
        shortest = std::min(shortest, one);
        longest = std::max(longest, one);
    }
    EXPECT_GE(shortest, milliseconds(1800));
    EXPECT_LT(shortest, milliseconds(1802));
    EXPECT_LE(longest, interval);
    EXPECT_GT(longest, milliseconds(1998));
    std::mt19937_64 again(1);
    std::mt19937_64 same(1);
    EXPECT_EQ(jittered(interval, again), jittered(interval, same));
}

TEST_F(HealthCheck, AKilledBackendIsDownAfterFallIntervals) {
    auto config = check(CheckType::tcp);
    config.interval = config.timeout = milliseconds(100);
    config.fall = 3;
    checks().configure(config_of(config, {endpoint_}));
    ASSERT_TRUE(run_until([&] { return turns_.size() == 1; }));
    server_.off();
    const auto killed = Clock::now();
    ASSERT_TRUE(run_until([&] { return turns_.size() == 2; }));
    EXPECT_LE(Clock::now() - killed, milliseconds(3 * 100 + 100));
}

TEST_F(HealthCheck, AReloadLeavesWhatStaysTheSameAlone) {
    auto config = quick();
    config.interval = config.timeout = milliseconds(2000);
    Config wanted = config_of(config, {endpoint_});
    checks().configure(wanted);
    ASSERT_TRUE(run_until([&] { return turns_.size() == 1; }));
    const auto before = status();
    wanted.services[0].backends[0].weight = 7;
    wanted.services[0].backends.push_back({closed_port()});
    wanted.services[0].drain_timeout = std::chrono::seconds(9);
    checks().configure(wanted);
    ASSERT_TRUE(run_until([&] { return turns_.size() == 2; }));
    run_for(milliseconds(50));
    EXPECT_EQ(status().time, before.time);
    EXPECT_EQ(status().successes, 1U);
    EXPECT_EQ(server_.times().size(), 1U);
    EXPECT_EQ(checks().counts().backends, 2U);
}

TEST_F(HealthCheck, AReloadOfSomeServicesLeavesTheOthersAlone) {
    auto config = quick();
    Config wanted = config_of(config, {endpoint_});
    wanted.services.push_back(wanted.services[0]);
    wanted.services[1].name = "other";
    wanted.services[1].backends.push_back({closed_port()});
    checks().configure(wanted);
    ASSERT_TRUE(run_until([&] { return turns_.size() == 3; }));
    EXPECT_EQ(checks().times().size(), 2U);
    // the first one's check has gone as well, and is not asked about
    wanted.services[0].health_check.reset();
    wanted.services[1].backends.pop_back();
    checks().configure(wanted, {}, {{1}});
    EXPECT_EQ(checks().counts().backends, 2U);
    EXPECT_TRUE(checks().status(key_));
    EXPECT_TRUE(checks().status({"other", endpoint_}));
    checks().configure(wanted, {{"other", endpoint_}}, {{1}});
    EXPECT_FALSE(checks().status({"other", endpoint_}));
    checks().configure(wanted, {}, {{0}});
    EXPECT_EQ(checks().counts().backends, 0U);
    EXPECT_EQ(checks().times().size(), 1U);
}

TEST_F(HealthCheck, ACheckThatChangesKeepsTheState) {
    auto config = quick();
    config.fall = 3;
    checks().configure(config_of(config, {endpoint_}));
    ASSERT_TRUE(run_until([&] { return turns_.size() == 1; }));
    server_.off();
    config.fall = 2;
    checks().configure(config_of(config, {endpoint_}));
    EXPECT_EQ(status().up, true);
    ASSERT_TRUE(run_until([&] { return turns_.size() == 2; }));
    EXPECT_EQ(status().failures, 2U);
}

TEST_F(HealthCheck, WhatIsGoneOrSkippedIsNotChecked) {
    const Config wanted = config_of(quick(), {endpoint_});
    checks().configure(wanted);
    ASSERT_TRUE(run_until_count(2));
    checks().configure(wanted, {key_});
    EXPECT_FALSE(checks().status(key_));
    run_for(milliseconds(60));
    const auto count = server_.times().size();
    run_for(milliseconds(100));
    EXPECT_EQ(server_.times().size(), count);
    server_.off();
    checks().configure(wanted);
    ASSERT_TRUE(run_until([&] { return turns_.size() == 2; }));
    EXPECT_FALSE(turns_[1].up) << "the first result decides again";
    Config without = wanted;
    without.services[0].health_check.reset();
    checks().configure(without);
    EXPECT_EQ(checks().counts().backends, 0U);
    loop_.restart();
    loop_.run_for(milliseconds(1000));
    EXPECT_TRUE(loop_.stopped()) << "nothing is left to do";
}

TEST_F(HealthCheck, AReloadDuringACheckTakesItsResultBack) {
    const PieceServer silent(loop_, any_port(), {});
    auto config = patient(CheckType::http);
    const Endpoint endpoint = to_endpoint(silent.port());
    checks().configure(config_of(config, {endpoint}));
    ASSERT_TRUE(run_until([&] { return silent.accepted() == 1; }));
    EXPECT_EQ(checks().counts().running, 1U);
    config.path = "/other";
    checks().configure(config_of(config, {endpoint}));
    ASSERT_TRUE(run_until([&] { return silent.accepted() == 2; }));
    checks().configure(Config{});
    EXPECT_TRUE(run_until([&] { return checks().counts().running == 0; }));
    EXPECT_TRUE(turns_.empty());
}

TEST_F(HealthCheck, MayBeReconfiguredFromItsReport) {
    int turns = 0;
    HealthChecks checks(loop_, [&](const auto &...) {
        ++turns;
        checks.configure(Config{});
    });
    checks.configure(config_of(quick(), {endpoint_, closed_port()}));
    ASSERT_TRUE(run_until([&] { return turns == 1; }));
    run_for(milliseconds(60));
    EXPECT_EQ(turns, 1);
}

TEST_F(HealthCheck, MayEndWhileChecksAreUnderWay) {
    const PieceServer silent(loop_, any_port(), {});
    for (const auto type : {CheckType::tcp, CheckType::http, CheckType::https, CheckType::udp,
                            CheckType::dns, CheckType::icmp, CheckType::exec}) {
        auto config = check(type);
        config.query = "a.test";
        config.command = {"/bin/sleep", "0.01"};
        config.verify = false;
        for (int steps = 0; steps < 6; ++steps) {
            auto checks = std::make_unique<HealthChecks>(loop_, [](const auto &...) {});
            checks->configure(config_of(config, {to_endpoint(silent.port()), endpoint_}));
            loop_.restart();
            for (int step = 0; step < steps; ++step)
                loop_.run_one_for(milliseconds(5));
            checks.reset();
            // and once with what it left behind on the loop
            if (steps % 2 == 0)
                run_for(milliseconds(2));
        }
    }
    SUCCEED() << "what would be found is found by AddressSanitizer";
}

TEST_F(HealthCheck, TheLoopMayGoBeforeTheAnswers) {
    const PieceServer silent(loop_, any_port(), {});
    for (const auto type :
         {CheckType::tcp, CheckType::http, CheckType::https, CheckType::udp, CheckType::icmp}) {
        boost::asio::io_context loop;
        auto config = patient(type);
        config.verify = false;
        HealthChecks checks(loop, [](const auto &...) {});
        checks.configure(config_of(config, {to_endpoint(silent.port())}));
        for (int step = 0; step < 4; ++step)
            loop.run_one_for(milliseconds(5));
    }
    SUCCEED() << "what would be found is found by AddressSanitizer";
}

}  // namespace
}  // namespace weir
