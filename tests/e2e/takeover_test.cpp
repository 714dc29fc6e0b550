// What a daemon leaves is taken over by the next one, of its own version or of another whose tables
// are laid out differently, under load: no request fails, no connection is reset, no counter goes
// back.
#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <sstream>
#include <thread>

#include "lb/dataplane/attach.h"
#include "lb/dataplane/takeover.h"
#include "tests/e2e/tools.h"
#include "tests/support/traffic.h"
#include "tests/support/value.h"

namespace weir::test {
namespace {

using namespace std::chrono_literals;

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
            services += "  - {name: " + std::string(name) + ", vip: \"" + vip +
                        "\", port: " + std::to_string(port) + ", protocol: tcp, mode: " + mode +
                        ", backends: [{address: \"" + world().at_one.address.to_string() +
                        "\", port: " + std::to_string(port) + "}]}\n";
        return {.family = std::get<Family>(GetParam()),
                .hook = std::get<1>(GetParam()),
                .of_web = "mode: " + mode,
                .services = services,
                .limits = "{flows: 65536, new_flows: 8192}",
                .more = kSnat};
    }
    const std::string &config() const { return config_; }

    // Keeps connections, opens one for each request, and sends in bulk.
    void load() {
        const auto vip = world().vip_tcp.address;
        const auto url = "http://" + world().vip_tcp.to_string() + "/page";
        kept_ = std::make_unique<Wrk>(world().client_host, url,
                                      std::vector<std::string>{"-d", "60s", "-c", "16"});
        fresh_ = std::make_unique<Wrk>(
            world().client_host, url,
            std::vector<std::string>{"-d", "60s", "-c", "4", "--header", "Connection: close"});
        bulk_ = std::make_unique<Iperf>(world().client_host, Endpoint{vip, 5201}, world().one, 5201,
                                        std::vector<std::string>{"-b", "100M", "-t", "60"});
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
        EXPECT_EQ(now, resets_);
    }
    void expect_load_unharmed() {
        for (auto *wrk : {kept_.get(), fresh_.get()}) {
            wrk->stop();
            const auto requests = wrk->wait();
            EXPECT_EQ(requests.failures, "");
            EXPECT_GT(requests.done, 500);
        }
        const auto bulk = bulk_->stop();
        EXPECT_EQ(bulk.error, "");
        EXPECT_GT(bulk.bytes / bulk.seconds, 5e6) << "bytes a second";
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
        EXPECT_GT(counts[R"(weir_service_new_flows_total{service="web"})"], 100);
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
                all += world().weir.output("tc filter show dev " + name + " " + side);
        return all;
    }
};

class Upgraded : public UnderLoad {
  protected:
    static std::vector<std::string> generations() {
        std::vector<std::string> names;
        for (const auto &one : std::filesystem::directory_iterator("/sys/fs/bpf/weir/default"))
            if (one.is_directory())
                names.push_back(one.path().filename());
        return names;
    }
};

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

TEST_P(Upgraded, ToTablesOfAnotherLayoutAndBackUnderLoad) {
    auto daemon = start(config());
    load();
    daemon = replace(std::move(daemon), WEIR_NEXT_BINARY);
    EXPECT_NE(daemon->err().find("took over from the tables of"), std::string::npos)
        << daemon->err();
    daemon = replace(std::move(daemon), WEIR_BINARY);
    expect_no_resets();
    expect_load_unharmed();
    EXPECT_EQ(generations().size(), 1U) << "the tables that were replaced are gone";
}

// How far a start got.
enum class Until { made, copied, one_interface, all_interfaces };

// Starts that are cut short, limits that change: one session tells whether its flow is still there.
class Interrupted : public WeirTest {
  protected:
    void SetUp() override {
        WeirTest::SetUp();
        if (IsSkipped())
            return;
        one_ = std::make_unique<EchoServer>(world().one, Protocol::tcp, world().at_one, "one");
        two_ = std::make_unique<EchoServer>(world().two, Protocol::tcp, world().at_two, "two");
    }
    // With fullnat a flow that is lost is a connection that is lost.
    std::string config(const std::string &limits) {
        return write_config(
            Settings{.hook = "tc", .of_web = "mode: fullnat", .limits = limits, .more = kSnat}
                .text());
    }
    void run_once(const std::string &limits, const char *binary = WEIR_BINARY) {
        const auto daemon = start(config(limits), binary);
        daemon->kill(SIGTERM);
        EXPECT_EQ(daemon->wait().status, 0) << daemon->err();
    }
    void open_session() {
        session_ = std::make_unique<Client>(world().client_host, Protocol::tcp, world().vip_tcp);
        expect_session_lives();
    }
    void expect_session_lives() { EXPECT_EQ(parse(session_->ask("still")).text, "still"); }
    void expect_new_ones_served() {
        for (int i = 0; i < 10; i++) {
            const Client client(world().client_host, Protocol::tcp, world().vip_tcp);
            EXPECT_EQ(parse(client.ask("hello")).text, "hello");
        }
    }
    static std::vector<std::string> generations() {
        std::vector<std::string> names;
        for (const auto &one : std::filesystem::directory_iterator("/sys/fs/bpf/weir/default"))
            if (one.is_directory())
                names.push_back(one.path().filename());
        return names;
    }
    // A start of this binary, as far as it is told, that then ends without a word.
    void start_and_die(const std::string &limits, Until until) {
        const auto file = config(limits);
        world().weir.run([&] {
            const auto wanted = value_of(load_config(file));
            auto pins = value_of(Pins::open("default"));
            auto takeover = value_of(weir::Takeover::prepare(pins, wanted.limits));
            ASSERT_TRUE(takeover.is_fresh());
            auto objects = value_of(
                Objects::load({wanted.limits, takeover.folder(), std::nullopt, takeover.share()}));
            if (until == Until::made)
                return;
            value_of(takeover.copy(objects, wanted));
            const auto plan =
                value_of(make_plan(value_of(objects.tables().read()), wanted, RingScope::all));
            value_of(objects.tables().apply(plan));
            value_of(objects.tables().write_settings(wanted));
            if (until == Until::copied)
                return;
            value_of(takeover.catch_up(objects));
            value_of(attach_one(objects, wanted.interfaces[0], file, takeover.own(objects),
                                takeover.place()));
            if (until == Until::one_interface)
                return;
            value_of(attach_all(objects, wanted.interfaces, file, takeover.own(objects),
                                takeover.place()));
            value_of(objects.tables().hand_over(WEIR_HANDOVER_MIDSTREAM));
        });
    }
    static constexpr auto kSmall = "{flows: 4096, new_flows: 1024}";
    static constexpr auto kLarge = "{flows: 8192, new_flows: 2048}";

  private:
    std::unique_ptr<EchoServer> one_, two_;
    std::unique_ptr<Client> session_;
};

class InterruptedAt : public Interrupted, public testing::WithParamInterface<Until> {};

TEST_P(InterruptedAt, AnyPointIsGoneOnFromByWhicheverBinaryComesNext) {
    struct Next {
        const char *limits;
        const char *binary;
    };
    const Next nexts[] = {{kSmall, WEIR_BINARY}, {kLarge, WEIR_BINARY}, {kSmall, WEIR_NEXT_BINARY}};
    for (const auto &next : nexts) {
        SCOPED_TRACE(std::string(next.limits) + " " + next.binary);
        run_once(kSmall);
        open_session();
        start_and_die(kLarge, GetParam());
        expect_session_lives();
        expect_new_ones_served();
        run_once(next.limits, next.binary);
        EXPECT_EQ(generations().size(), 1U);
        expect_session_lives();
        expect_new_ones_served();
        run_once(kSmall);
        expect_session_lives();
        ASSERT_EQ(weir({"detach"}).status, 0);
        expect_nothing_left();
    }
}

std::string name_of_point(const testing::TestParamInfo<Until> &instance) {
    static const char *const kNames[] = {"made", "copied", "one_interface", "all_interfaces"};
    return kNames[static_cast<std::size_t>(instance.param)];
}

INSTANTIATE_TEST_SUITE_P(Point, InterruptedAt,
                         testing::Values(Until::made, Until::copied, Until::one_interface,
                                         Until::all_interfaces),
                         name_of_point);

TEST_F(Interrupted, DetachTakesOffBothTablesOfAStartThatWasCutShort) {
    run_once(kSmall);
    start_and_die(kLarge, Until::one_interface);
    EXPECT_EQ(generations().size(), 2U);
    ASSERT_EQ(weir({"detach"}).status, 0);
    expect_nothing_left();
}

class LimitsOfARestart : public Interrupted {};

TEST_F(LimitsOfARestart, ThatChangeAreInForceAfterARestartWhichLosesNoFlow) {
    run_once(kSmall);
    open_session();
    for (const auto *limits :
         {kLarge, "{flows: 4096, new_flows: 1024, services: 3, backends: 5}", kSmall}) {
        const auto daemon = start(config(limits));
        expect_session_lives();
        EXPECT_EQ(metric(R"(weir_service_new_flows_total{service="web"})"), 1);
        EXPECT_TRUE(eventually([&] {
            return metric(R"(weir_flow_table_capacity{table="flows_v4"})") ==
                   (limits == kLarge ? 2 * 8192 : 2 * 4096);
        }));
        daemon->kill(SIGTERM);
        EXPECT_EQ(daemon->wait().status, 0);
    }
}

TEST_F(LimitsOfARestart, TooLowForWhatFlowsNameAreRefusedAndNothingChanges) {
    run_once(kSmall);
    open_session();
    const auto pins = pinned();
    const auto before = attached();
    const auto refused = [&](std::string text) {
        const auto done = weir({"run", "-c", write_config(text)});
        EXPECT_EQ(done.status, 3) << done.err;
        EXPECT_EQ(lines(done.err), 1) << done.err;
        EXPECT_EQ(pinned(), pins);
        EXPECT_EQ(attached(), before);
        expect_session_lives();
        return done.err;
    };
    // one service, and room for one: those that go have to be brought over first
    const Settings settings{.hook = "tc", .limits = "{services: 1}"};
    auto text = settings.text();
    text.erase(text.find("  - name: dns"), text.find("limits:") - text.find("  - name: dns"));
    EXPECT_NE(refused(text).find("raise the limits"), std::string::npos);
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
