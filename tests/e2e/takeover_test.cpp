// What a daemon leaves is taken over by the next one, of its own version or of another whose tables
// are laid out differently, under load: no request fails, no connection is reset, no counter goes
// back.
#include <bpf/bpf.h>
#include <fmt/format.h>

#include <filesystem>
#include <sstream>
#include <thread>

#include "lb/dataplane/fd.h"
#include "tests/e2e/tools.h"
#include "tests/support/traffic.h"
#include "tests/support/value.h"

namespace weir::test {
namespace {

using namespace std::chrono_literals;

// During an upgrade, old and new programs have half of them each; a port is not given again for
// four seconds, and some thousand connections are opened in each.
constexpr auto kManyPorts =
    "snat: {addresses: [192.0.2.1, 192.0.2.129, \"2001:db8:2::1\", \"2001:db8:3::1\"], "
    "ports: 10000-32767}\n";

using ModeHookFamily = std::tuple<const char *, const char *, Family>;

// Two web servers, an echo server for connections that stay, and one for iperf3.
class UnderLoad : public WeirTest, public testing::WithParamInterface<ModeHookFamily> {
  protected:
    UnderLoad() : WeirTest(std::get<Family>(GetParam())) {}

    void SetUp() override {
        WeirTest::SetUp();
        if (IsSkipped())
            return;
        if (std::get<1>(GetParam()) == std::string("tc"))
            world().offload();
        folder().write("page", std::string(512, 'x'));
        one_ = std::make_unique<WebServer>(world().one, folder(), "one");
        two_ = std::make_unique<WebServer>(world().two, folder(), "two");
        shell_ = std::make_unique<EchoServer>(world().one, Protocol::tcp,
                                              Endpoint{world().at_one.address, 22}, "shell");
        config_ = write_config(settings().text());
    }

    Settings settings() {
        const std::string mode = std::get<0>(GetParam());
        const auto vip = world().vip_tcp.address.to_string();
        std::string services;
        for (const auto &[name, port] : {std::pair("bulk", 5201), std::pair("idle", 22)})
            services += fmt::format(
                "  - {{name: {0}, vip: \"{1}\", port: {2}, protocol: tcp, mode: {3}, backends: "
                "[{{address: \"{4}\", port: {2}}}]}}\n",
                name, vip, port, mode, world().at_one.address.to_string());
        return {.family = std::get<Family>(GetParam()),
                .hook = std::get<1>(GetParam()),
                .of_web = "mode: " + mode,
                .services = services,
                .limits = "{flows: 65536, new_flows: 8192}",
                .more = kManyPorts};
    }
    const std::string &config() const { return config_; }

    // Keeps connections, opens one for each request, and sends in bulk.
    void load() {
        const auto vip = world().vip_tcp.address;
        const auto url = "http://" + world().vip_tcp.to_string() + "/page";
        kept_ = std::make_unique<Wrk>(world().client_host, url,
                                      std::vector<std::string>{"-d", "600s", "-c", "16"});
        fresh_ = std::make_unique<Wrk>(
            world().client_host, url,
            std::vector<std::string>{"-d", "600s", "-c", "4", "--header", "Connection: close"});
        bulk_ = std::make_unique<Iperf>(world().client_host, Endpoint{vip, 5201}, world().one, 5201,
                                        std::vector<std::string>{"-b", "100M", "-t", "600"});
        session_ = std::make_unique<Client>(world().client_host, Protocol::tcp,
                                            Endpoint{world().vip_tcp.address, 22});
        EXPECT_EQ(parse(session_->ask("login")).text, "login");
        std::this_thread::sleep_for(1s);
        resets_ = all_resets();
    }
    void expect_session_lives() { EXPECT_EQ(parse(session_->ask("still")).text, "still"); }
    // While the load is on: at its end it resets what it has open.
    void expect_no_resets() {
        const int now = all_resets();
        ASSERT_TRUE(kept_->running() && fresh_->running());
        EXPECT_EQ(now, resets_) << testing::PrintToString(drops());
    }
    void expect_load_unharmed() {
        for (auto *wrk : {kept_.get(), fresh_.get()}) {
            wrk->stop();
            const auto requests = wrk->wait();
            EXPECT_EQ(requests.failures, "")
                << requests.done << " done; " << testing::PrintToString(drops());
            EXPECT_GT(requests.done, 10);
        }
        const auto bulk = bulk_->stop();
        EXPECT_EQ(bulk.error, "");
        EXPECT_GT(bulk.bytes, 0);
    }

    // All that are there, by name.
    using Counts = std::map<std::string, double>;
    Counts counts() {
        const auto scrape = run({"curl", "-sS", "--max-time", "5", "http://127.0.0.1:9470/metrics"},
                                {.netns = &world().weir});
        EXPECT_EQ(scrape.status, 0) << scrape.err;
        Counts counts;
        std::istringstream text(scrape.out);
        for (std::string line; std::getline(text, line);) {
            const auto name = line.substr(0, line.rfind(' '));
            if (name.substr(0, 5) == "weir_" && name.find("_total") != std::string::npos)
                counts[name] = std::stod(line.substr(name.size()));
        }
        EXPECT_GT(counts[R"(weir_service_bytes_total{service="web",direction="reply"})"], 0);
        EXPECT_GT(counts[R"(weir_service_new_flows_total{service="web"})"], 10);
        return counts;
    }
    static void expect_not_less(const Counts &after, const Counts &before) {
        for (const auto &[name, value] : before)
            EXPECT_GE(after.at(name), value) << name;
    }
    // One daemon after the other; the first ends by a signal that leaves it no last word.
    std::unique_ptr<Process> replace(std::unique_ptr<Process> daemon, const char *binary) {
        const auto before = counts();
        daemon->kill(SIGKILL);
        daemon->wait();
        std::this_thread::sleep_for(300ms);
        expect_session_lives();
        auto next = start(config(), binary);
        expect_not_less(counts(), before);
        EXPECT_EQ(listing({"status"})["adopted"], true);
        expect_session_lives();
        std::this_thread::sleep_for(700ms);
        return next;
    }

  private:
    int all_resets() {
        return resets(world().client_host) + resets(world().one) + resets(world().two);
    }

    std::unique_ptr<WebServer> one_, two_;
    std::unique_ptr<EchoServer> shell_;
    std::unique_ptr<Wrk> kept_, fresh_;
    std::unique_ptr<Iperf> bulk_;
    std::unique_ptr<Client> session_;
    std::string config_;
    int resets_ = 0;
};

class Killed : public UnderLoad {};

TEST_P(Killed, TheDaemonIsNotMissedAndTheNextOneGoesOn) {
    auto daemon = start(config());
    load();
    daemon = replace(std::move(daemon), WEIR_BINARY);
    daemon = replace(std::move(daemon), WEIR_BINARY);
    expect_no_resets();
    expect_load_unharmed();
}

class UpgradeRefused : public UnderLoad {
  protected:
    // Which stand where, by their ids.
    std::string programs() {
        std::string all = attached();
        for (const std::string name : {"lb0", "lb1", "lb2"})
            for (const std::string side : {"ingress", "egress"})
                all += world().weir.output(fmt::format("tc filter show dev {} {}", name, side));
        return all;
    }
};

class Upgraded : public UnderLoad {};

// What fails after the new tables are made leaves the old ones, and the old programs, as they are.
TEST_P(UpgradeRefused, HalfWayLeavesTheOldTablesInForce) {
    {
        const auto daemon = start(config());
        daemon->kill(SIGTERM);
        EXPECT_EQ(daemon->wait().status, 0);
    }
    const auto pins = pinned();
    const auto before = programs();
    auto text = settings().text();
    const std::string last = fmt::format("name: lb2, hook: {}", std::get<1>(GetParam()));
    text.replace(text.find(last), last.size(), "name: lb2, hook: xdp, xdp_mode: offload");
    const auto done =
        run({WEIR_NEXT_BINARY, "run", "-c", write_config(text)}, {.netns = &world().weir});
    EXPECT_EQ(done.status, 3);
    EXPECT_NE(done.err.find("cannot attach XDP (offload) to lb2"), std::string::npos) << done.err;
    EXPECT_EQ(pinned(), pins);
    EXPECT_EQ(programs(), before);
    const auto daemon = start(write_config(settings().text()));
    EXPECT_EQ(daemon->err().find("took over"), std::string::npos) << daemon->err();
}

// Of tables of an ABI before the entries of today nothing is taken over, and nothing is lost.
TEST_P(UpgradeRefused, FromTablesWhoseEntriesHadOtherFields) {
    {
        const auto daemon = start(config());
        daemon->kill(SIGTERM);
        EXPECT_EQ(daemon->wait().status, 0);
    }
    const auto pins = pinned();
    const auto before = programs();
    const std::string folder = "/sys/fs/bpf/weir/default/" + generations().front();
    const Fd map(bpf_obj_get((folder + "/settings").c_str()));
    ASSERT_TRUE(map);
    const std::uint32_t only = 0;
    weir_settings value{};
    ASSERT_EQ(bpf_map_lookup_elem(map.get(), &only, &value), 0);
    value.abi = 6;
    ASSERT_EQ(bpf_map_update_elem(map.get(), &only, &value, BPF_EXIST), 0);
    const auto done = run({WEIR_BINARY, "run", "-c", config()}, {.netns = &world().weir});
    EXPECT_EQ(done.status, 3);
    EXPECT_NE(
        done.err.find(folder + ": flows of ABI 6 cannot be taken over: run `weir detach` first; "
                               "it ends the flows in them"),
        std::string::npos)
        << done.err;
    EXPECT_EQ(pinned(), pins);
    EXPECT_EQ(programs(), before);
    value.abi = WEIR_ABI;
    ASSERT_EQ(bpf_map_update_elem(map.get(), &only, &value, BPF_EXIST), 0);
    start(config());
}

TEST_P(Upgraded, ToTablesOfAnotherLayoutAndBackUnderLoad) {
    auto daemon = start(config());
    load();
    daemon = replace(std::move(daemon), WEIR_NEXT_BINARY);
    EXPECT_NE(daemon->err().find("took over from the tables of"), std::string::npos)
        << daemon->err();
    EXPECT_EQ(metric(R"(weir_tables_info{start="taken_over"})"), 1);
    daemon = replace(std::move(daemon), WEIR_BINARY);
    expect_no_resets();
    expect_load_unharmed();
    EXPECT_EQ(generations().size(), 1U) << "the tables that were replaced are gone";
}

auto all_modes() {
    return testing::Combine(testing::Values("dnat", "fullnat"), testing::Values("xdp", "tc"),
                            testing::Values(Family::v4, Family::v6));
}

std::string name_of_mode(const testing::TestParamInfo<ModeHookFamily> &instance) {
    return std::get<0>(instance.param) + std::string("_") + std::get<1>(instance.param) + "_" +
           to_string(std::get<Family>(instance.param));
}

INSTANTIATE_TEST_SUITE_P(Mode, Upgraded, all_modes(), name_of_mode);
INSTANTIATE_TEST_SUITE_P(Mode, UpgradeRefused,
                         testing::Values(ModeHookFamily{"dnat", "xdp", Family::v4},
                                         ModeHookFamily{"dnat", "tc", Family::v6}),
                         name_of_mode);
INSTANTIATE_TEST_SUITE_P(Mode, Killed,
                         testing::Values(ModeHookFamily{"dnat", "xdp", Family::v4},
                                         ModeHookFamily{"fullnat", "xdp", Family::v4},
                                         ModeHookFamily{"fullnat", "tc", Family::v6}),
                         name_of_mode);

}  // namespace
}  // namespace weir::test
