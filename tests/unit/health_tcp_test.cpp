// Type tcp, and what is true of every check.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>

#include "lb/dataplane/fd.h"
#include "tests/unit/health_fixture.h"

namespace weir {
namespace {

class HealthTcp : public HealthTest {};

TEST_F(HealthTcp, ABackendThatAcceptsIsUp) {
    const PieceServer server(loop_, any_port(), {});
    EXPECT_EQ(verdict(patient(CheckType::tcp), to_endpoint(server.port())), "up");
}

TEST_F(HealthTcp, AClosedPortIsRefused) {
    const Endpoint endpoint = closed_port();
    EXPECT_EQ(verdict(patient(CheckType::tcp), endpoint),
              fmt::format("connect to {}: connection refused", endpoint.to_string()));
}

TEST_F(HealthTcp, NoAnswerIsAFailureWithinTheTimeout) {
    // A backlog that is full lets nobody in, and answers nobody.
    Tcp::acceptor full(loop_);
    full.open(Tcp::v4());
    full.bind(any_port());
    full.listen(0);
    std::vector<Tcp::socket> filling;
    for (int i = 0; i < 4; ++i) {
        filling.emplace_back(loop_);
        filling.back().async_connect(full.local_endpoint(), [](auto) {});
    }
    run_for(milliseconds(20));
    const Endpoint endpoint = to_endpoint(full.local_endpoint().port());
    EXPECT_EQ(verdict(check(CheckType::tcp), endpoint),
              fmt::format("connect to {}: no answer within 50ms", endpoint.to_string()));
}

TEST_F(HealthTcp, ChecksWhereTheOverrideSays) {
    const PieceServer server(loop_, any_port(), {});
    const Endpoint serves = *Endpoint::parse("192.0.2.1:9");
    Config config = config_of(patient(CheckType::tcp), {serves});
    config.services[0].backends[0].check_address = own_address();
    config.services[0].backends[0].check_port = server.port();
    checks().configure(config);
    ASSERT_TRUE(run_until([&] { return !turns_.empty(); }));
    EXPECT_TRUE(turns_[0].up);
    EXPECT_EQ(turns_[0].key, (BackendKey{"web", serves}));
    EXPECT_TRUE(run_until([&] { return server.accepted() == 1; }));
}

TEST_F(HealthTcp, LeavesNoConnectionInTimeWait) {
    const PieceServer server(loop_, any_port(), {});
    checks().configure(config_of(patient(CheckType::tcp), {to_endpoint(server.port())}));
    ASSERT_TRUE(run_until([&] { return !turns_.empty(); }));
    // A port in TIME_WAIT could not be bound without SO_REUSEADDR; so none at all may be left.
    Fd table(::open("/proc/net/tcp", O_RDONLY | O_CLOEXEC));
    std::string text(1 << 20, '\0');
    std::string all;
    for (ssize_t got = 0; (got = ::read(table.get(), text.data(), text.size())) > 0;)
        all.append(text.data(), static_cast<std::size_t>(got));
    const std::string port = fmt::format(":{:04X} 06", server.port());
    EXPECT_EQ(all.find(port), std::string::npos);
}

TEST_F(HealthTcp, OutOfDescriptorsIsNotTheBackendsFault) {
    const PieceServer server(loop_, any_port(), {});
    auto config = check(CheckType::tcp);
    checks().configure(config_of(config, {to_endpoint(server.port())}));
    ASSERT_TRUE(run_until([&] { return turns_.size() == 1 && turns_[0].up; }));
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit none{0, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    const bool noticed = run_until([&] { return checks().counts().not_made >= 5; });
    ::setrlimit(RLIMIT_NOFILE, &before);
    EXPECT_TRUE(noticed);
    EXPECT_EQ(turns_.size(), 1U);
    const auto status = checks().status({"web", to_endpoint(server.port())});
    EXPECT_EQ(status->up, true);
    EXPECT_EQ(status->failures, 0U);
    EXPECT_NE(status->trouble.find("too many open files"), std::string::npos) << status->trouble;
}

TEST_F(HealthTcp, TheSoftLimitOfFilesIsRaised) {
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit low{std::min<rlim_t>(256, before.rlim_max), before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
    checks();
    rlimit after{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &after), 0);
    EXPECT_EQ(after.rlim_cur, before.rlim_max);
}

}  // namespace
}  // namespace weir
