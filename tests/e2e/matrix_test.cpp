// Every mode, hook and family, with what people use: iperf3, nginx and curl, dnsmasq and dig, and a
// session that idles meanwhile. About five seconds each.
#include <fstream>
#include <random>

#include "tests/e2e/tools.h"
#include "tests/support/traffic.h"

namespace weir::test {
namespace {

constexpr int kQueries = 200;
constexpr std::size_t kFile = 20 << 20;

using ModeHookFamily = std::tuple<const char *, const char *, Family>;

class Matrix : public WeirTest, public testing::WithParamInterface<ModeHookFamily> {
  protected:
    Matrix() : WeirTest(std::get<Family>(GetParam())) {}

    void SetUp() override {
        WeirTest::SetUp();
        if (IsSkipped())
            return;
        if (std::get<1>(GetParam()) == std::string("tc"))
            world().offload();
        serve();
        const auto backends = [&](int port) {
            const auto end = ", port: " + std::to_string(port) + "}";
            return "[{address: \"" + world().at_one.address.to_string() + "\"" + end +
                   ", {address: \"" + world().at_two.address.to_string() + "\"" + end + "]";
        };
        const auto vip = world().vip_tcp.address.to_string();
        std::string services;
        for (const auto &[name, port] : {std::pair("bulk", 5201), std::pair("idle", 22)})
            services += "  - {name: " + std::string(name) + ", vip: \"" + vip +
                        "\", port: " + std::to_string(port) + ", protocol: tcp, mode: " + mode() +
                        ", backends: [{address: \"" + world().at_one.address.to_string() +
                        "\", port: " + std::to_string(port) + "}]}\n";
        services += "  - {name: names, vip: \"" + vip +
                    "\", port: 5353, protocol: udp, mode: " + mode() +
                    ", backends: " + backends(53) + "}\n";
        daemon_ = start(write_config(Settings{.family = std::get<Family>(GetParam()),
                                              .hook = std::get<1>(GetParam()),
                                              .of_web = "mode: " + mode(),
                                              .services = services,
                                              .more = kSnat}
                                         .text()));
    }
    static std::string mode() { return std::get<0>(GetParam()); }

    void transfer_with_iperf3(const std::string &options) {
        const auto bulk = iperf3(world().client_host, {world().vip_tcp.address, 5201}, world().one,
                                 5201, options);
        EXPECT_EQ(bulk.error, "");
        EXPECT_GT(bulk.bytes / bulk.seconds, 10e6) << "bytes a second";
    }
    void copy_with_curl() {
        const auto url = "http://" + world().vip_tcp.to_string() + "/file";
        const auto copy = (folder().path() / "copy").string();
        const auto done = run({"curl", "-sS", "--max-time", "8", "-o", copy, url},
                              {.netns = &world().client_host});
        EXPECT_EQ(done.status, 0) << done.err;
        EXPECT_EQ(run({"cmp", copy, (folder().path() / "file").string()}).status, 0);
    }
    // One after the other, each from a port of its own; every second one has a long answer.
    void query_with_dig() {
        std::string batch;
        for (int i = 0; i < kQueries / 2; i++)
            batch += "short.example A\nlong.example TXT\n";
        const auto file = folder().write("queries", batch);
        const auto done =
            run({"dig", "@" + world().vip_udp.address.to_string(), "-p", "5353", "+bufsize=4096",
                 "+ignore", "+tries=1", "+time=2", "+noall", "+comments", "+stats", "-f", file},
                {.netns = &world().client_host});
        EXPECT_EQ(done.status, 0) << done.out << done.err;
        EXPECT_EQ(count(done.out, "status: NOERROR"), kQueries);
        EXPECT_EQ(count(done.out, ";; MSG SIZE  rcvd: " + std::to_string(kLongAnswer)),
                  kQueries / 2)
            << done.out.substr(done.out.size() > 800 ? done.out.size() - 800 : 0);
        // dig takes ports at random: of one that it takes twice, the flow is still there
        const auto opened = metric(R"(weir_service_new_flows_total{service="names"})");
        EXPECT_GE(opened, kQueries - 10);
        EXPECT_LE(opened, kQueries);
        EXPECT_EQ(metric(R"(weir_service_packets_total{service="names",direction="forward"})"),
                  kQueries);
        // a long answer is two fragments
        EXPECT_EQ(metric(R"(weir_service_packets_total{service="names",direction="reply"})"),
                  kQueries + kQueries / 2);
    }
    // Services and their backends count the same packets.
    void expect_counters_agree() {
        for (const auto &service : listing({"services"})["services"]) {
            double forward = 0;
            double reply = 0;
            for (const auto &backend : listing({"backends"})["backends"])
                if (backend["service"] == service["name"]) {
                    forward += backend["forward"]["bytes"].get<double>();
                    reply += backend["reply"]["bytes"].get<double>();
                }
            EXPECT_EQ(service["forward"]["bytes"], forward) << service;
            EXPECT_EQ(service["reply"]["bytes"], reply) << service;
        }
        EXPECT_EQ(drops(), (std::map<std::string, double>{}));
    }
    Client idle_session() {
        return {world().client_host, Protocol::tcp, {world().vip_tcp.address, 22}};
    }

  private:
    static constexpr int kLongAnswer = 2061;

    static int count(const std::string &text, const std::string &what) {
        int times = 0;
        for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1))
            times++;
        return times;
    }
    // nginx and dnsmasq on both backends.
    void serve() {
        std::mt19937_64 random(1);
        std::string bytes(kFile, '\0');
        for (auto &byte : bytes)
            byte = static_cast<char>(random());
        folder().write("file", bytes);
        std::string text = "--txt-record=long.example";
        for (int i = 0; i < 8; i++)
            text += "," + std::string(250, static_cast<char>('a' + i));
        for (const auto *host : {&world().one, &world().two}) {
            const auto name = host == &world().one ? "one" : "two";
            servers_.push_back(std::make_unique<Process>(
                std::vector<std::string>{"nginx", "-e", "stderr", "-c", nginx_config(name)},
                ProcessOptions{.netns = host}));
            servers_.push_back(std::make_unique<Process>(
                std::vector<std::string>{"dnsmasq", "-k", "-C", "/dev/null", "-p", "53", "-u",
                                         "root", "--pid-file=", "--no-resolv", "--no-hosts",
                                         "--edns-packet-max=4096",
                                         "--address=/short.example/192.0.2.99", text},
                ProcessOptions{.netns = host}));
            EXPECT_TRUE(eventually([&] {
                return !host->output("ss -Hltn sport = 8080").empty() &&
                       !host->output("ss -Hlun sport = 53").empty();
            })) << servers_[servers_.size() - 2]->err()
                << servers_.back()->err();
        }
        shell_ = std::make_unique<EchoServer>(world().one, Protocol::tcp,
                                              Endpoint{world().at_one.address, 22}, "shell");
    }
    std::string nginx_config(const std::string &name) {
        const auto path = folder().path().string();
        return folder().write(
            "nginx-" + name,
            "daemon off; master_process off; user root; pid " + path + "/" + name +
                ".pid;\nerror_log stderr;\nevents {}\nhttp { access_log off; "
                "client_body_temp_path " +
                path + "/body-" + name + "; proxy_temp_path " + path + "/p; fastcgi_temp_path " +
                path + "/f; uwsgi_temp_path " + path + "/u; scgi_temp_path " + path +
                "/s; server { listen 8080; listen [::]:8080; root " + path + "; } }\n");
    }

    std::vector<std::unique_ptr<Process>> servers_;
    std::unique_ptr<EchoServer> shell_;
    std::unique_ptr<Process> daemon_;
};

TEST_P(Matrix, BulkCopiesQueriesAndAnIdleSession) {
    const auto session = idle_session();
    const auto login = parse(session.ask("login"));
    ASSERT_EQ(login.text, "login");
    EXPECT_EQ(login.client == session.local().to_string(), mode() == "dnat") << login.client;
    const auto start = std::chrono::steady_clock::now();

    transfer_with_iperf3("-t 1");
    transfer_with_iperf3("-t 1 -R");
    copy_with_curl();
    query_with_dig();

    std::this_thread::sleep_until(start + std::chrono::seconds(3));
    EXPECT_EQ(parse(session.ask("logout")).text, "logout");
    expect_counters_agree();
}

INSTANTIATE_TEST_SUITE_P(Mode, Matrix,
                         testing::Combine(testing::Values("dnat", "fullnat"),
                                          testing::Values("xdp", "tc"),
                                          testing::Values(Family::v4, Family::v6)),
                         [](const auto &instance) {
                             return std::get<0>(instance.param) + std::string("_") +
                                    std::get<1>(instance.param) + "_" +
                                    to_string(std::get<Family>(instance.param));
                         });

}  // namespace
}  // namespace weir::test
