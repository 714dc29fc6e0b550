// Starts that are cut short, at any point, and starts with other limits: whichever comes next goes
// on.
#include <atomic>
#include <filesystem>
#include <functional>
#include <thread>

#include "lb/dataplane/attach.h"
#include "lb/dataplane/takeover.h"
#include "tests/e2e/tools.h"
#include "tests/support/traffic.h"
#include "tests/support/value.h"

namespace weir::test {
namespace {

// How far a start got.
enum class Until { made, copied, one_interface, all_interfaces };

// Starts that are cut short, limits that change: one session tells whether its flow is still there.
class Interrupted : public EchoTest {
  protected:
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
    // Opens one connection after another as long as `work` takes. Of the three tables that there
    // are when a takeover follows one that was killed, the programs reach two: what the middle one
    // opens while its program is replaced may be lost.
    void expect_new_ones_served_during(const std::function<void()> &work) {
        std::atomic<bool> stop = false;
        int served = 0;
        std::vector<std::string> failures;
        std::thread opener([&] {
            while (!stop) {
                try {
                    const Client client(world().client_host, Protocol::tcp, world().vip_tcp);
                    if (parse(client.ask("hello")).text == "hello")
                        ++served;
                    else
                        failures.emplace_back("no answer");
                } catch (const std::exception &error) {
                    failures.emplace_back(error.what());
                }
            }
        });
        work();
        stop = true;
        opener.join();
        EXPECT_LE(failures.size(), 1U) << testing::PrintToString(failures);
        EXPECT_GT(served, 10);
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
    // Room for all that is opened meanwhile: where there is none, the idle session goes first.
    static constexpr auto kSmall = "{flows: 32768, new_flows: 4096}";
    static constexpr auto kLarge = "{flows: 65536, new_flows: 8192}";

  private:
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
        expect_new_ones_served_during([&] { run_once(next.limits, next.binary); });
        EXPECT_EQ(generations().size(), 1U);
        expect_session_lives();
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

// Without it no packet opens a flow: the tables that are adopted get it anew, and so do others that
// take over from them.
TEST_F(Interrupted, TablesWithoutTheFilterOfAddressesServeAgain) {
    run_once(kSmall);
    open_session();
    const std::filesystem::path pins("/sys/fs/bpf/weir/default");
    for (const char *limits : {kSmall, kLarge}) {
        SCOPED_TRACE(limits);
        ASSERT_TRUE(std::filesystem::remove(pins / generations().at(0) / "known_addresses"));
        run_once(limits);
        expect_session_lives();
        expect_new_ones_served();
    }
}

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
         {kLarge, "{flows: 32768, new_flows: 4096, services: 3, backends: 5}", kSmall}) {
        const auto daemon = start(config(limits));
        expect_session_lives();
        EXPECT_EQ(metric(R"(weir_service_new_flows_total{service="web"})"), 1);
        EXPECT_TRUE(eventually([&] {
            return metric(R"(weir_flow_table_capacity{table="flows_v4"})") ==
                   (limits == kLarge ? 2 * 65536 : 2 * 32768);
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

}  // namespace
}  // namespace weir::test
