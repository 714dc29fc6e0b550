// A real Prometheus with the rules of deploy/prometheus, scraping a real Weir: alerts fire and
// resolve, and every query of the rules and of the Grafana dashboard returns data.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <regex>
#include <set>

#include "tests/e2e/tools.h"
#include "tests/support/value.h"

namespace weir::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using Alerts = std::set<std::string>;

constexpr const char *kDeploy = WEIR_SOURCE_DIR "/deploy";

// A file of deploy/prometheus, its durations shortened and nothing else: 15 s between scrapes, and
// alerts that wait for minutes, are not for tests.
std::string shortened(const std::string &name) {
    static const std::regex kDuration(R"((scrape_interval|evaluation_interval|for): \w+)");
    return std::regex_replace(read_file(fmt::format("{}/prometheus/{}", kDeploy, name)), kDuration,
                              "$1: 500ms");
}

class Prometheus : public WeirTest {
  protected:
    void SetUp() override {
        if (run({"prometheus", "--version"}).status != 0)
            GTEST_SKIP() << "prometheus is not installed (deploy/packages)";
        WeirTest::SetUp();
        if (IsSkipped())
            return;
        for (const auto protocol : {Protocol::tcp, Protocol::udp})
            servers_.push_back(
                std::make_unique<EchoServer>(world().two, protocol, world().at_two, "two"));
        of_dns_ = std::make_unique<EchoServer>(world().one, Protocol::udp, world().at_one, "one");
        start_server_one();
    }

    void start_server_one() {
        of_web_ = std::make_unique<EchoServer>(world().one, Protocol::tcp, world().at_one, "one");
    }
    void end_server_one() { of_web_.reset(); }
    void end_servers() {
        of_web_.reset();
        servers_.clear();
    }

    // What the daemon is told; `ranges` are those of a service beside the usual ones.
    std::string config(const std::string &ranges = "[0.0.0.0/0]") {
        Settings settings;
        settings.of_web = "health_check: {type: tcp, interval: 100ms, rise: 2, fall: 2}";
        settings.services = fmt::format(
            "  - name: closed\n    vip: 203.0.113.30\n    port: 9\n    protocol: udp\n"
            "    source_ranges: {}\n    backends: [{{address: \"{}\", port: 8080}}]\n",
            ranges, world().at_one.address.to_string());
        settings.more =
            fmt::format("flow_log: {{file: {}}}\n", (folder().path() / "flows.json").string());
        return write_config(settings.text());
    }

    void start_prometheus() {
        folder().write("rules.yaml", shortened("rules.yaml"));
        const auto file = folder().write("prometheus.yaml", shortened("prometheus.yaml"));
        prometheus_ = std::make_unique<Process>(
            std::vector<std::string>{"prometheus", "--config.file=" + file,
                                     "--storage.tsdb.path=" + (folder().path() / "tsdb").string(),
                                     "--web.listen-address=127.0.0.1:9090"},
            ProcessOptions{.netns = &world().weir});
        ASSERT_TRUE(prometheus_->wait_for_err("ready to receive web requests"))
            << prometheus_->err();
    }
    void end_prometheus() {
        prometheus_->kill(SIGTERM);
        EXPECT_EQ(prometheus_->wait().status, 0) << prometheus_->err();
    }

    // The names of those that fire; with `label`, "NAME VALUE" of those that have it.
    Alerts firing(const char *label = nullptr) {
        const auto done =
            run({"curl", "-sS", "--max-time", "5", "http://127.0.0.1:9090/api/v1/alerts"},
                {.netns = &world().weir});
        const auto answer = Json::parse(done.out, nullptr, false);
        if (answer.is_discarded())
            return {"no answer: " + done.out + done.err};
        Alerts names;
        for (const auto &alert : answer["data"]["alerts"]) {
            const auto &labels = alert["labels"];
            if (alert["state"] == "firing" && (label == nullptr || labels.contains(label)))
                names.insert(labels["alertname"].get<std::string>() +
                             (label == nullptr ? "" : " " + labels[label].get<std::string>()));
        }
        return names;
    }
    // The alerts that fire become exactly these.
    void expect_firing(const Alerts &wanted) {
        EXPECT_TRUE(eventually([&] { return firing() == wanted; }))
            << testing::PrintToString(firing()) << "\ninstead of "
            << testing::PrintToString(wanted);
    }

    ProcessResult check_queries(const std::vector<std::string> &arguments) {
        std::vector<std::string> command{std::string(kDeploy) + "/prometheus/check-queries"};
        command.insert(command.end(), arguments.begin(), arguments.end());
        return run(command, {.netns = &world().weir});
    }

    // Connections and datagrams, a few of each.
    void talk() {
        for (int i = 0; i < 10; i++) {
            EXPECT_TRUE(Client(world().client_host, Protocol::tcp, world().vip_tcp)
                            .ask("hello")
                            .has_value());
            EXPECT_TRUE(Client(world().client_host, Protocol::udp, world().vip_udp)
                            .ask("hello")
                            .has_value());
        }
    }

  private:
    std::vector<std::unique_ptr<EchoServer>> servers_;
    std::unique_ptr<EchoServer> of_web_, of_dns_;
    std::unique_ptr<Process> prometheus_;
};

TEST_F(Prometheus, ABackendThatIsKilledIsAlertedOfAndResolvesAndEveryQueryReturnsData) {
    const auto daemon = start(config());
    start_prometheus();
    expect_firing({});
    const auto quiet = check_queries({});  // what there is not yet is named
    EXPECT_EQ(quiet.status, 1);
    EXPECT_THAT(quiet.out, HasSubstr("Alerts: no data: ALERTS{"));

    end_server_one();
    expect_firing({"WeirBackendDown"});
    EXPECT_EQ(firing("backend"), Alerts{"WeirBackendDown " + world().at_one.to_string()});
    talk();
    // without kernel.bpf_stats_enabled, which is the whole host's, programs are not timed; and
    // there are no `sockets`: 19 queries of panels, 5 metrics of rules
    ProcessResult checked;
    EXPECT_TRUE(eventually([&] {
        checked = check_queries({"--may-be-empty", "weir_program_run|weir_socket|weir_cgroup"});
        return checked.status == 0;
    })) << checked.out
        << checked.err;
    EXPECT_THAT(checked.out, HasSubstr(" 26 without, which may be\n"));

    start_server_one();
    expect_firing({});
    end_prometheus();
}

// One trouble after the other; what fires already goes on.
TEST_F(Prometheus, EveryTroubleHasItsAlert) {
    const auto file = config("[192.0.2.0/24]");  // where no client is
    const auto daemon = start(file);
    start_prometheus();
    expect_firing({});

    end_servers();  // for the checks of dns as well
    Alerts expected{"WeirBackendDown", "WeirServiceWithoutBackends"};
    expect_firing(expected);
    EXPECT_EQ(firing("service").count("WeirServiceWithoutBackends web"), 1U);

    write_config("services: nonsense\n");
    EXPECT_EQ(weir({"reload"}).status, 1);
    expected.insert("WeirReloadRefused");
    expect_firing(expected);

    world().weir.command("ip link del lb2");
    expected.insert("WeirInterfaceNotAttached");
    expect_firing(expected);

    const Client client(world().client_host, Protocol::udp, *Endpoint::parse("203.0.113.30:9"));
    expected.insert("WeirDrops");
    EXPECT_TRUE(eventually([&] {
        for (int i = 0; i < 2000; i++)
            client.send("let me in");
        return firing() == expected;
    })) << testing::PrintToString(firing());

    daemon->kill(SIGTERM);
    EXPECT_EQ(daemon->wait().status, 0);
    EXPECT_TRUE(eventually([&] { return firing().count("WeirDaemonDown") == 1; }));
    end_prometheus();
}

}  // namespace
}  // namespace weir::test
