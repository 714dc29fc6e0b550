// A host that is not as it should be while Weir runs: one clear message, and the service goes on.
#include <bpf/bpf.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <thread>

#include "bpf/abi.h"
#include "tests/e2e/tools.h"
#include "tests/support/traffic.h"

namespace weir::test {
namespace {

using namespace std::chrono_literals;

class Hardship : public EchoTest {
  protected:
    // A connection that is open before the trouble, and new ones.
    void open_session() {
        session_ = std::make_unique<Client>(world().client_host, Protocol::tcp, world().vip_tcp);
        EXPECT_EQ(parse(session_->ask("before")).text, "before");
    }
    void expect_service_goes_on() {
        EXPECT_EQ(parse(session_->ask("still")).text, "still");
        const Client fresh(world().client_host, Protocol::tcp, world().vip_tcp);
        EXPECT_EQ(parse(fresh.ask("fresh")).text, "fresh");
    }
    std::string state(const Endpoint &endpoint) {
        const auto seen = listing({"backends"});
        for (const auto &one : seen["backends"])
            if (one["service"] == "web" && one["backend"] == endpoint.to_string())
                return one["state"];
        return "no such backend";
    }
    // Of the first backend of the first service, as the data path knows it.
    static int state_in_tables() {
        const Fd map(bpf_obj_get(
            ("/sys/fs/bpf/weir/default/" + generations().front() + "/backends").c_str()));
        const std::uint32_t id = 0;
        weir_backend backend{};
        EXPECT_EQ(bpf_map_lookup_elem(map.get(), &id, &backend), 0);
        return backend.state;
    }
    // No more descriptors than it has, and one.
    static void allow_one_more(pid_t process) {
        rlim_t free = 0;
        while (std::filesystem::is_symlink(std::filesystem::path("/proc") /
                                           std::to_string(process) / "fd" / std::to_string(free)))
            free++;
        allow(process, free + 1);
    }
    static void allow(pid_t process, rlim_t descriptors) {
        const rlimit limit{descriptors, 1024};
        ASSERT_EQ(::prlimit(process, RLIMIT_NOFILE, &limit, nullptr), 0);
    }
    // libxdp's, of any interface; the folder itself is there without.
    static bool has_dispatcher() {
        std::error_code ignored;
        const std::filesystem::directory_iterator all("/sys/fs/bpf/xdp", ignored);
        return std::any_of(begin(all), end(all), [](const auto &one) {
            return one.path().filename().string().rfind("dispatch", 0) == 0;
        });
    }

  private:
    std::unique_ptr<Client> session_;
};

// A file system of its own for the state file.
class StateFileTrouble : public Hardship {
  protected:
    void SetUp() override {
        Hardship::SetUp();
        if (IsSkipped())
            return;
        std::filesystem::create_directory(disk());
        ASSERT_EQ(::mount("tmpfs", disk().c_str(), "tmpfs", 0, "size=16k"), 0);
        daemon_ = start(write_config(Settings{.state_file = disk() / "state.json"}.text()));
        open_session();
    }
    void TearDown() override {
        daemon_.reset();
        ::umount(disk().c_str());
        Hardship::TearDown();
    }

    std::filesystem::path disk() const { return folder().path() / "disk"; }
    std::string kept() const { return read_file(disk() / "state.json"); }
    ProcessResult drain_one() {
        return weir({"backend", "drain", "web", world().at_one.to_string()});
    }
    void expect_in_force_but_not_kept(const ProcessResult &done, const std::string &why) {
        EXPECT_EQ(done.status, 0) << "it is in force";
        EXPECT_EQ(state(world().at_one), "draining");
        EXPECT_EQ(lines(done.err), 1U) << done.err;
        EXPECT_NE(done.err.find((disk() / "state.json").string()), std::string::npos) << done.err;
        EXPECT_NE(done.err.find(why), std::string::npos) << done.err;
        EXPECT_NE(daemon_->err().find(why), std::string::npos) << daemon_->err();
        expect_service_goes_on();
    }
    // The next change keeps all of them.
    void expect_kept_with_the_next_change() {
        const auto done = weir({"backend", "weight", "web", world().at_two.to_string(), "7"});
        EXPECT_EQ(done.status, 0);
        EXPECT_EQ(done.err, "");
        EXPECT_NE(kept().find(world().at_one.to_string()), std::string::npos) << kept();
        EXPECT_NE(kept().find(world().at_two.to_string()), std::string::npos) << kept();
    }

  private:
    std::unique_ptr<Process> daemon_;
};

TEST_F(StateFileTrouble, OnADiskThatIsFullAChangeIsInForceAndSaysThatItIsNotKept) {
    const auto filler = disk() / "filler";
    const Fd file(::open(filler.c_str(), O_CREAT | O_WRONLY, 0600));
    const std::string page(4096, 'x');
    while (::write(file.get(), page.data(), page.size()) > 0)
        continue;
    ASSERT_EQ(errno, ENOSPC);
    expect_in_force_but_not_kept(drain_one(), "No space left on device");
    EXPECT_EQ(kept(), "");
    std::filesystem::remove(filler);
    ASSERT_EQ(::ftruncate(file.get(), 0), 0);
    expect_kept_with_the_next_change();
}

TEST_F(StateFileTrouble, OnAReadOnlyDiskAChangeIsInForceAndSaysThatItIsNotKept) {
    ASSERT_EQ(::mount("", disk().c_str(), "", MS_REMOUNT | MS_RDONLY, nullptr), 0);
    expect_in_force_but_not_kept(drain_one(), "Read-only file system");
    ASSERT_EQ(::mount("", disk().c_str(), "", MS_REMOUNT, nullptr), 0);
    expect_kept_with_the_next_change();
}

TEST_F(Hardship, ABpffsThatIsMissingAtTheStartIsMounted) {
    ASSERT_EQ(::umount2("/sys/fs/bpf", MNT_DETACH), 0);
    const auto daemon = start(write_config(Settings{}.text()));
    open_session();
    expect_service_goes_on();
    EXPECT_NE(pinned(), "");
    daemon->kill(SIGTERM);
    EXPECT_EQ(daemon->wait().status, 0);
    EXPECT_EQ(weir({"detach"}).status, 0);
    expect_nothing_left();
}

TEST_F(Hardship, ABpffsThatIsUnmountedWhileItRunsIsNoHarm) {
    const auto file = write_config(Settings{}.text());
    const auto daemon = start(file);
    open_session();
    const bool dispatched = has_dispatcher();
    ASSERT_EQ(::umount2("/sys/fs/bpf", MNT_DETACH), 0);
    expect_service_goes_on();
    if (dispatched)
        GTEST_SKIP() << "libxdp's dispatcher keeps its programs by links in the bpffs: XDP has "
                        "gone with it, and TC does its work";
    EXPECT_EQ(weir({"reload"}).status, 0);
    EXPECT_EQ(weir({"backend", "drain", "web", world().at_one.to_string()}).status, 0);
    EXPECT_EQ(state(world().at_one), "draining");
    expect_service_goes_on();
    daemon->kill(SIGTERM);
    EXPECT_EQ(daemon->wait().status, 0);
    // the pins went with it: the next start touches nothing, and says what is in its way
    ASSERT_EQ(::mount("bpf", "/sys/fs/bpf", "bpf", 0, nullptr), 0);
    const auto refused = weir({"run", "-c", file});
    EXPECT_EQ(refused.status, 3);
    EXPECT_NE(refused.err.find("another filter has priority"), std::string::npos) << refused.err;
    EXPECT_NE(refused.err.find("tc filter show dev lb0"), std::string::npos) << refused.err;
    expect_service_goes_on();
}

TEST_F(Hardship, ACheckThatCannotBeMadeSaysSoAndTheBackendServes) {
    const auto daemon = start(write_config(
        Settings{.of_web = "health_check: {type: exec, command: [/no/such/check], interval: 200ms, "
                           "timeout: 100ms, fall: 1}"}
            .text()));
    open_session();
    EXPECT_TRUE(eventually([&] {
        return weir({"backends"}).out.find("not checked: /no/such/check") != std::string::npos;
    })) << weir({"backends"}).out;
    EXPECT_EQ(state(world().at_one), "active");
    expect_service_goes_on();
}

// A ring needs a descriptor when the backends are written already; the connection that asks for it
// takes the last one that there is.
TEST_F(Hardship, AChangeThatTheTablesRefuseHalfWayIsTakenBackOutOfThem) {
    const auto daemon = start(write_config(Settings{}.text()));
    open_session();
    const auto ask = [&](const char *what) {
        return weir({"backend", what, "web", world().at_one.to_string()});
    };
    ASSERT_EQ(ask("disable").status, 0);
    allow_one_more(daemon->pid());
    const auto done = ask("enable");
    EXPECT_EQ(done.status, 1);
    EXPECT_NE(done.err.find("map rings: cannot make a ring"), std::string::npos) << done.err;
    EXPECT_EQ(state_in_tables(), WEIR_BACKEND_ACTIVE) << "there is no descriptor for that either";
    allow(daemon->pid(), 1024);
    EXPECT_EQ(state(world().at_one), "maintenance");
    EXPECT_TRUE(eventually([&] { return state_in_tables() == WEIR_BACKEND_MAINTENANCE; }));
    EXPECT_EQ(ask("enable").status, 0);
    EXPECT_EQ(state_in_tables(), WEIR_BACKEND_ACTIVE);
    expect_service_goes_on();
}

// Checks, drains and flows go by the time since boot.
TEST_F(Hardship, AClockThatIsSteppedChangesNothing) {
    constexpr auto kLibrary = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";
    if (!std::filesystem::exists(kLibrary))
        GTEST_SKIP() << kLibrary << " is missing";
    const auto clock = folder().write("clock", "+0");
    const auto daemon =
        start(write_config(Settings{
                  .of_web = "health_check: {type: tcp, interval: 200ms, timeout: 100ms, fall: 2}"}
                               .text()),
              WEIR_BINARY,
              {std::string("LD_PRELOAD=") + kLibrary, "FAKETIME_TIMESTAMP_FILE=" + clock,
               "FAKETIME_NO_CACHE=1", "DONT_FAKE_MONOTONIC=1"});
    open_session();
    const auto reloaded = [&] {
        EXPECT_EQ(weir({"reload"}).status, 0);
        return listing({"status"})["reload"]["last_success"].dump();
    };
    const auto before = reloaded();
    for (const char *step : {"+400d", "-400d"}) {
        folder().write("clock", step);
        std::this_thread::sleep_for(1s);
        EXPECT_NE(reloaded().substr(0, 5), before.substr(0, 5)) << "the clock was not stepped";
        EXPECT_EQ(state(world().at_one), "active");
        expect_service_goes_on();
    }
    end_server_one();
    EXPECT_TRUE(eventually([&] { return state(world().at_one) == "down"; }, 5s));
    EXPECT_EQ(state(world().at_two), "active");
}

}  // namespace
}  // namespace weir::test
