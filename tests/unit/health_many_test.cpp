// Ten thousand backends on one thread.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "tests/unit/health_fixture.h"

namespace weir {
namespace {

constexpr std::size_t kMany = 10000;

class HealthMany : public HealthTest {
  protected:
    // Distinct addresses of loopback, on all of which `port` is.
    static std::vector<Endpoint> endpoints(std::uint16_t port) {
        std::vector<Endpoint> result;
        for (std::size_t i = 0; i < kMany; ++i)
            result.push_back({Address::v4(127, 100, static_cast<std::uint8_t>(i / 250),
                                          static_cast<std::uint8_t>(1 + i % 250)),
                              port});
        return result;
    }
};

TEST_F(HealthMany, AllAreCheckedAndNoMoreAtOnceThanAllowed) {
    Tcp::acceptor acceptor(loop_, {Tcp::v4(), 0});
    std::size_t accepted = 0;
    std::function<void()> accept = [&] {
        acceptor.async_accept([&](auto error, const Tcp::socket & /*closed*/) {
            if (error)
                return;
            ++accepted;
            accept();
        });
    };
    accept();
    limits_.sockets = 100;
    auto config = patient(CheckType::tcp);
    config.interval = std::chrono::seconds(60);
    const auto begin = std::chrono::steady_clock::now();
    checks().configure(config_of(config, endpoints(acceptor.local_endpoint().port())));
    ASSERT_TRUE(run_until([&] { return turns_.size() == kMany; }, std::chrono::seconds(60)));
    RecordProperty("milliseconds",
                   static_cast<int>((std::chrono::steady_clock::now() - begin) / milliseconds(1)));
    std::set<BackendKey> seen;
    for (const Turn &turn : turns_) {
        EXPECT_TRUE(turn.up) << turn.reason;
        seen.insert(turn.key);
    }
    EXPECT_EQ(seen.size(), kMany);
    EXPECT_LE(checks().counts().most_running, 100U);
    EXPECT_EQ(checks().counts().not_made, 0U);
}

TEST_F(HealthMany, TheSilentDelayTheOthersByNoMoreThanTheirTurn) {
    // Nothing answers the one half within the timeout; all of it is found down nevertheless, and
    // none of the other half with it.
    Udp::socket silent(loop_, {Udp::v4(), 0});
    auto config = patient(CheckType::udp);
    config.interval = std::chrono::seconds(60);
    config.timeout = milliseconds(100);
    config.send = "x";
    limits_.sockets = 1000;
    std::vector<Endpoint> all = endpoints(silent.local_endpoint().port());
    all.resize(2000);
    const std::uint16_t closed = Udp::socket(loop_, {Udp::v4(), 0}).local_endpoint().port();
    for (std::size_t i = 0; i < all.size(); i += 2)
        all[i].port = closed;
    checks().configure(config_of(config, all));
    ASSERT_TRUE(run_until([&] { return turns_.size() == all.size(); }, std::chrono::seconds(60)));
    const auto unreachable = std::count_if(turns_.begin(), turns_.end(), [](const Turn &turn) {
        return turn.reason.find("port unreachable") != std::string::npos;
    });
    EXPECT_GT(unreachable, 0);
    EXPECT_EQ(checks().counts().not_made, 0U);
}

TEST_F(HealthMany, FirstChecksAreSpread) {
    limits_.seed = 1;
    auto config = patient(CheckType::tcp);
    config.interval = std::chrono::seconds(60);
    checks().configure(config_of(config, endpoints(closed_port().port)));
    run_for(milliseconds(100));
    EXPECT_LT(turns_.size(), kMany / 2);
    ASSERT_TRUE(run_until([&] { return turns_.size() == kMany; }, std::chrono::seconds(60)));
}

}  // namespace
}  // namespace weir
