// Backends that die, drain, change and come back, under load: no request is lost that Weir could
// have kept.
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <regex>
#include <thread>

#include "lb/api/client.h"
#include "tests/e2e/tools.h"
#include "tests/support/traffic.h"
#include "tests/support/value.h"

namespace weir::test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr const char *kSocket = "/run/weir/weir.sock";

// Two web servers, and wrk that opens a connection for each request.
class Backends : public HookTest {
  protected:
    void SetUp() override {
        HookTest::SetUp();
        if (IsSkipped())
            return;
        if (hook() == "tc")
            world().offload();
        folder().write("page", std::string(512, 'x'));
        one_ = std::make_unique<WebServer>(world().one, folder(), "one");
        two_ = std::make_unique<WebServer>(world().two, folder(), "two");
    }

    Settings settings(const std::string &of_web) {
        return {.family = family(),
                .hook = hook(),
                .of_web = of_web,
                .state_file = folder().path() / "state.json",
                .limits = "{flows: 65536, new_flows: 8192}"};
    }
    void run_weir(const std::string &of_web) {
        config_ = write_config(settings(of_web).text());
        daemon_ = start(config_);
    }
    void stop_weir() {
        daemon_->kill(SIGTERM);
        EXPECT_EQ(daemon_->wait().status, 0);
    }
    const std::string &config() const { return config_; }
    Process &daemon() { return *daemon_; }
    void end_server_one() { one_.reset(); }
    void start_server_one() { one_ = std::make_unique<WebServer>(world().one, folder(), "one"); }

    std::unique_ptr<Wrk> load(const std::string &seconds) {
        return std::make_unique<Wrk>(
            world().client_host, "http://" + world().vip_tcp.to_string() + "/page",
            std::vector<std::string>{"-d", seconds, "-c", "8", "--header", "Connection: close"});
    }
    // What /v1/backends says of a backend of `web`.
    static Json backend(const Endpoint &endpoint) {
        const auto seen = value_of(api_get(kSocket, "/v1/backends"));
        for (const auto &one : seen["backends"])
            if (one["service"] == "web" && one["backend"] == endpoint.to_string())
                return one;
        return {};
    }
    static std::string state(const Endpoint &endpoint) { return backend(endpoint)["state"]; }
    static double opened(const Endpoint &endpoint) { return backend(endpoint)["new_flows"]; }
    static bool becomes(const Endpoint &endpoint, const std::string &wanted) {
        return eventually([&] { return state(endpoint) == wanted; }, 10s);
    }
    void command(const std::vector<std::string> &arguments) {
        const auto done = weir(arguments);
        EXPECT_EQ(done.status, 0) << done.err;
    }

  private:
    std::unique_ptr<WebServer> one_, two_;
    std::unique_ptr<Process> daemon_;
    std::string config_;
};

constexpr auto kTcpCheck =
    "health_check: {type: tcp, interval: 200ms, timeout: 100ms, rise: 2, fall: 2}";

TEST_P(Backends, ADeadOneGetsNoFlowsAfterIntervalTimesFallAndComesBack) {
    run_weir(kTcpCheck);
    const auto wrk = load("30s");
    ASSERT_TRUE(eventually([&] { return opened(world().at_one) > 20; }));
    end_server_one();
    std::this_thread::sleep_for(2 * 200ms + 100ms);
    const double last = opened(world().at_one);
    EXPECT_EQ(state(world().at_one), "down");
    const double other = opened(world().at_two);
    std::this_thread::sleep_for(500ms);
    EXPECT_EQ(opened(world().at_one), last);
    EXPECT_GT(opened(world().at_two), other) << "the other one serves";
    start_server_one();
    EXPECT_TRUE(becomes(world().at_one, "active"));
    EXPECT_TRUE(eventually([&] { return opened(world().at_one) > last; }));
}

TEST_P(Backends, DrainedUnderLoadNoRequestFails) {
    run_weir("drain_timeout: 1h");
    const auto wrk = load("30s");
    ASSERT_TRUE(eventually([&] { return opened(world().at_one) > 20; }));
    const auto name = world().at_one.to_string();
    for (int round = 0; round < 5; ++round) {
        command({"backend", "drain", "web", name});
        EXPECT_EQ(state(world().at_one), "draining");
        std::this_thread::sleep_for(100ms);  // connections that were being opened
        const double last = opened(world().at_one);
        std::this_thread::sleep_for(200ms);
        EXPECT_EQ(opened(world().at_one), last);
        command({"backend", "enable", "web", name});
        EXPECT_TRUE(eventually([&] { return opened(world().at_one) > last; }));
    }
    wrk->stop();
    const auto requests = wrk->wait();
    EXPECT_EQ(requests.failures, "");
    EXPECT_GT(requests.done, 200);
    EXPECT_TRUE(drops().empty());
}

// Connections that several CPUs open at a time.
TEST_P(Backends, EverySchedulerServesUnderLoad) {
    run_weir("");
    for (const std::string scheduler : {"random", "least-conn", "wrr", "maglev", "source-hash"}) {
        SCOPED_TRACE(scheduler);
        write_config(settings("scheduler: " + scheduler).text());
        command({"reload"});
        const double one = opened(world().at_one);
        const double two = opened(world().at_two);
        const auto wrk = load("600s");
        EXPECT_TRUE(eventually(
            [&] { return opened(world().at_one) + opened(world().at_two) > one + two + 300; }));
        wrk->stop();
        EXPECT_EQ(wrk->wait().failures, "");
        const double of_one = opened(world().at_one) - one;
        const double of_two = opened(world().at_two) - two;
        if (scheduler == "source-hash")
            EXPECT_TRUE(of_one == 0 || of_two == 0) << "there is one client";
        else
            EXPECT_LT(std::abs(of_one - of_two), 0.4 * (of_one + of_two));
    }
    EXPECT_TRUE(drops().empty());
}

TEST_P(Backends, OverridesOutliveTheDaemonAndShowUntilTheyAreRemoved) {
    run_weir("");
    const auto one = world().at_one.to_string();
    command({"backend", "disable", "web", one});
    command({"backend", "weight", "web", world().at_two.to_string(), "7"});
    EXPECT_EQ(state(world().at_one), "maintenance");
    EXPECT_NE(daemon().err().find("backend " + one + ": maintenance, was active"),
              std::string::npos);
    EXPECT_NE(daemon().err().find(": override enabled, weight 7"), std::string::npos);
    stop_weir();
    const auto again = start(config());
    EXPECT_EQ(state(world().at_one), "maintenance");
    EXPECT_EQ(backend(world().at_two)["weight"], 7);
    EXPECT_EQ(listing({"status"})["overrides"], 2);
    EXPECT_EQ(listing({"overrides"})["overrides"].size(), 2U);
    command({"overrides", "clear"});
    EXPECT_EQ(state(world().at_one), "active");
    EXPECT_EQ(listing({"status"})["overrides"], 0);
}

// What is there when a daemon comes: a dead backend is not tried until a check says that it lives.
TEST_P(Backends, ARestartKnowsWhoWasDown) {
    run_weir(kTcpCheck);
    end_server_one();
    ASSERT_TRUE(becomes(world().at_one, "down"));
    const auto wrk = load("20s");
    const double last = opened(world().at_one);
    stop_weir();
    const auto again = start(config());
    EXPECT_EQ(state(world().at_one), "down");
    std::this_thread::sleep_for(500ms);
    EXPECT_EQ(opened(world().at_one), last);
    wrk->stop();
    EXPECT_EQ(wrk->wait().failures, "");
}

TEST_P(Backends, OnDownResetEndsAConnectionThatGoesOn) {
    const EchoServer one(world().one, Protocol::tcp, {world().at_one.address, 2222}, "one");
    auto wanted = settings("");
    wanted.services = fmt::format(
        "  - {{name: shell, vip: \"{}\", port: 22, protocol: tcp, on_down: reset, health_check: "
        "{{type: tcp, interval: 200ms, timeout: 100ms}}, backends: [{{address: \"{}\", port: "
        "2222}}]}}\n",
        world().vip_tcp.address.to_string(), world().at_one.address.to_string());
    const auto daemon = start(write_config(wanted.text()));
    const Client session(world().client_host, Protocol::tcp, {world().vip_tcp.address, 22});
    EXPECT_EQ(parse(session.ask("hello")).text, "hello");
    world().one.command("ip link set eth0 down");
    const int before = resets(world().client_host);
    EXPECT_TRUE(eventually([&] { return drops()["backend_down"] > 0 || !session.send("x"); }, 10s));
    EXPECT_TRUE(eventually([&] { return resets(world().client_host) > before; }, 5s));
}

TEST_P(Backends, AFallbackServesWhileNobodyElseDoes) {
    auto wanted = settings("");
    wanted.services = fmt::format(
        "  - {{name: spare, vip: \"{0}\", port: 81, protocol: tcp, health_check: {{type: http, "
        "path: /page, interval: 200ms, timeout: 100ms, fall: 1}}, backends: [{{address: \"{1}\", "
        "port: 8080}}, {{address: \"{2}\", port: 8080, fallback: true}}]}}\n",
        world().vip_tcp.address.to_string(), world().at_one.address.to_string(),
        world().at_two.address.to_string());
    const auto daemon = start(write_config(wanted.text()));
    const auto get = [&] {
        return run({"curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "3",
                    "http://" + Endpoint{world().vip_tcp.address, 81}.to_string() + "/page"},
                   {.netns = &world().client_host})
            .out;
    };
    EXPECT_EQ(get(), "200");
    end_server_one();
    EXPECT_TRUE(eventually([&] { return get() == "200"; }, 5s));
    start_server_one();
}

class Reloads : public Backends {};

// Backends come and go beside those that serve, weights change; requests go on.
TEST_P(Reloads, ManyUnderLoadHarmNobodyWhoIsNotTouched) {
    run_weir("");
    const auto wrk = load("600s");  // until it is stopped
    const Client session(world().client_host, Protocol::tcp, world().vip_tcp);
    const int times = hook() == "xdp" && family() == Family::v4 ? 1000 : 50;
    for (int i = 0; i < times; ++i) {
        auto text = settings(i % 3 == 0 ? "scheduler: wrr" : "").text();
        const std::string port = "port: 8080}\n";
        const auto at = text.find(port);
        text.replace(at, port.size(), fmt::format("port: 8080, weight: {}}}\n", 50 + i % 100));
        if (i % 2 == 0)  // one that nobody needs: of another service
            text.insert(text.find("limits:"),
                        fmt::format("  - {{name: extra, vip: \"{}\", port: {}, protocol: tcp, "
                                    "backends: [{{address: \"{}\", port: {}}}]}}\n",
                                    world().vip_udp.address.to_string(), 1000 + i,
                                    world().at_one.address.to_string(), 3000 + i));
        write_config(text);
        const auto done = api_call(kSocket, {"POST", "/v1/reload"});
        ASSERT_TRUE(done) << done.error().message;
    }
    wrk->stop();
    const auto requests = wrk->wait();
    EXPECT_EQ(requests.failures, "");
    EXPECT_GT(requests.done, 500);
    EXPECT_TRUE(drops().empty());
}

// I8: an error at any place of the file.
TEST_P(Reloads, I8OfABrokenFileNothingArrives) {
    run_weir("health_check: {type: http, path: /page}");
    const auto good = settings("health_check: {type: http, path: /page}").text();
    const auto services = value_of(api_get(kSocket, "/v1/services"));
    const auto list = [] { return value_of(api_get(kSocket, "/v1/backends")); };
    ASSERT_TRUE(eventually([&] { return list().dump().find("unknown") == std::string::npos; }))
        << "the first checks";
    const auto backends = list();
    int broken = 0;
    for (std::size_t at = 0; at < good.size(); at += good.size() / 100) {
        for (const char *junk : {"\x01", "}", ": ", "zz"}) {
            const auto file = write_config(good.substr(0, at) + junk + good.substr(at));
            if (load_config(file))
                continue;
            ++broken;
            const auto done = api_call(kSocket, {"POST", "/v1/reload"});
            ASSERT_FALSE(done);
            ASSERT_TRUE(std::regex_search(done.error().message,
                                          std::regex("^" + file + ":[0-9]+:[0-9]+: .")))
                << done.error().message;
            ASSERT_EQ(done.error().message.find('\n'), std::string::npos);
        }
    }
    EXPECT_GE(broken, 200);
    const auto now = value_of(api_get(kSocket, "/v1/services"));
    EXPECT_EQ(now, services);
    EXPECT_EQ(list(), backends);
    const auto status = value_of(api_get(kSocket, "/v1/status"));
    EXPECT_EQ(status["reload"]["successful"], false);
    write_config(good);
    EXPECT_TRUE(api_call(kSocket, {"POST", "/v1/reload"}));
}

INSTANTIATE_TEST_SUITE_P(Hook, Backends, every_hook_and_family(), name_of);
INSTANTIATE_TEST_SUITE_P(Hook, Reloads, every_hook_and_family(), name_of);

}  // namespace
}  // namespace weir::test
