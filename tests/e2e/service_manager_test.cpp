// What a daemon tells the service manager and the journal: their own protocols, on real sockets.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "tests/e2e/world.h"

namespace weir::test {
namespace {

// The receiving end of sd_notify(3), or of the journal.
class DatagramSocket {
  public:
    explicit DatagramSocket(const std::string &path)
        : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
        sockaddr_un address{AF_UNIX, {}};
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        if (::bind(socket_.get(), reinterpret_cast<sockaddr *>(&address), sizeof address) != 0)
            ADD_FAILURE() << path << ": " << std::strerror(errno);
    }

    // Everything that has come so far, one message after the other.
    const std::vector<std::string> &messages() {
        std::array<char, 65536> buffer{};
        ssize_t got = 0;
        while ((got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0)) > 0)
            all_.emplace_back(buffer.data(), static_cast<std::size_t>(got));
        return all_;
    }

    std::size_t count(const std::string &text) {
        const auto &all = messages();
        return static_cast<std::size_t>(std::count_if(
            all.begin(), all.end(),
            [&](const auto &message) { return message.find(text) != std::string::npos; }));
    }

    // The first with `text`; waits for it.
    std::string wait_for(const std::string &text) {
        eventually([&] { return count(text) > 0; });
        for (const auto &message : messages())
            if (message.find(text) != std::string::npos)
                return message;
        return "no message with " + text;
    }

  private:
    Fd socket_;
    std::vector<std::string> all_;
};

class ServiceManager : public WeirTest {
  protected:
    void SetUp() override {
        WeirTest::SetUp();
        if (!IsSkipped())
            manager_ = std::make_unique<DatagramSocket>(folder().path() / "notify");
    }

    DatagramSocket &manager() { return *manager_; }
    std::unique_ptr<Process> start_notifying(const std::string &file,
                                             std::vector<std::string> environment = {}) {
        environment.push_back("NOTIFY_SOCKET=" + (folder().path() / "notify").string());
        return std::make_unique<Process>(
            std::vector<std::string>{WEIR_BINARY, "run", "-c", file},
            ProcessOptions{.netns = &world().weir, .environment = std::move(environment)});
    }

  private:
    std::unique_ptr<DatagramSocket> manager_;
};

TEST_F(ServiceManager, HearsOfStartReloadAndEnd) {
    const auto file = write_config(Settings{}.text());
    const auto daemon = start_notifying(file);
    EXPECT_EQ(manager().wait_for("READY=1"), "READY=1\nSTATUS=services: 3, backends: 5");
    EXPECT_TRUE(std::filesystem::exists("/run/weir/weir.sock")) << "ready means ready";

    daemon->kill(SIGHUP);
    const auto reloading = manager().wait_for("RELOADING=1");
    const auto at = reloading.find("MONOTONIC_USEC=");
    ASSERT_NE(at, std::string::npos) << reloading;
    const auto then = std::stoll(reloading.substr(at + 15));
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    EXPECT_NEAR(static_cast<double>(then), static_cast<double>(now.tv_sec) * 1e6, 20e6);
    EXPECT_TRUE(eventually([&] { return manager().count("READY=1") == 2; }));

    daemon->kill(SIGTERM);
    EXPECT_EQ(daemon->wait().status, 0);
    EXPECT_NE(manager().wait_for("STOPPING=1").find("STATUS=stopped"), std::string::npos);
    EXPECT_EQ(manager().count("WATCHDOG=1"), 0U) << "nobody asked for it";
}

TEST_F(ServiceManager, HearsOfAReloadThatIsRefusedAndTheServiceStaysReady) {
    const auto daemon = start_notifying(write_config(Settings{}.text()));
    manager().wait_for("READY=1");
    write_config("nonsense: 1\n");
    daemon->kill(SIGHUP);
    const auto refused = manager().wait_for("STATUS=reload refused: ");
    EXPECT_EQ(refused.substr(0, 8), "READY=1\n") << refused;
    EXPECT_NE(refused.find("unknown key 'nonsense'"), std::string::npos);
    EXPECT_TRUE(daemon->running());
}

TEST_F(ServiceManager, HearsWhyAStartFails) {
    const auto daemon = start_notifying(write_config("nonsense: 1\n"));
    EXPECT_EQ(daemon->wait().status, 2);
    const auto said = manager().wait_for("ERRNO=");
    EXPECT_NE(said.find("unknown key 'nonsense'"), std::string::npos);
    EXPECT_NE(said.find("\nERRNO=" + std::to_string(EINVAL)), std::string::npos) << said;
    EXPECT_EQ(manager().count("READY=1"), 0U);
}

TEST_F(ServiceManager, IsToldTwiceAPeriodThatTheLoopTurns) {
    const auto daemon = start_notifying(write_config(Settings{}.text()), {"WATCHDOG_USEC=200000"});
    manager().wait_for("READY=1");
    EXPECT_TRUE(eventually([&] { return manager().count("WATCHDOG=1") >= 10; },
                           std::chrono::milliseconds(4000)));
    daemon->kill(SIGSTOP);
    ::usleep(50'000);
    const auto before = manager().count("WATCHDOG=1");
    ::usleep(500'000);
    EXPECT_EQ(manager().count("WATCHDOG=1"), before) << "a loop that stands still says nothing";
    daemon->kill(SIGCONT);
}

TEST_F(ServiceManager, DoesNotHearAWatchdogThatWasMeantForAnotherProcess) {
    const auto daemon =
        start_notifying(write_config(Settings{}.text()), {"WATCHDOG_USEC=20000", "WATCHDOG_PID=1"});
    manager().wait_for("READY=1");
    ::usleep(200'000);
    EXPECT_EQ(manager().count("WATCHDOG=1"), 0U);
}

class Journal : public ServiceManager {
  protected:
    // `weir run` whose stderr is the file of this name, and $JOURNAL_STREAM names it.
    std::unique_ptr<Process> start_logging(const std::string &file, const std::string &log,
                                           bool matches = true) {
        const Fd made(::open(log.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
        struct stat seen {};
        ::fstat(made.get(), &seen);
        const auto stream = "JOURNAL_STREAM=" + std::to_string(seen.st_dev) + ":" +
                            std::to_string(seen.st_ino + (matches ? 0 : 1));
        return std::make_unique<Process>(
            std::vector<std::string>{"sh", "-c", "exec \"$0\" run -c \"$1\" 2>>\"$2\"", WEIR_BINARY,
                                     file, log},
            ProcessOptions{
                .netns = &world().weir,
                .environment = {stream, "NOTIFY_SOCKET=" + (folder().path() / "notify").string()}});
    }
    std::string log() { return folder().path() / "stderr"; }
};

TEST_F(Journal, GetsEntriesWithFieldsWhenStderrLeadsThere) {
    std::filesystem::create_directories("/run/systemd/journal");
    DatagramSocket journal("/run/systemd/journal/socket");
    const auto daemon = start_logging(write_config(Settings{}.text()), log());
    const auto ready = journal.wait_for("ready: instance");
    EXPECT_EQ(ready.substr(0, 15), "MESSAGE=ready: ") << "no time of our own";
    EXPECT_NE(ready.find("\nPRIORITY=6\n"), std::string::npos);
    EXPECT_NE(ready.find("\nWEIR_INSTANCE=default\n"), std::string::npos);
    EXPECT_NE(ready.find("\nSYSLOG_IDENTIFIER=weir\n"), std::string::npos);
    write_config("nonsense: 1\n");
    daemon->kill(SIGHUP);
    EXPECT_NE(journal.wait_for("reload refused").find("\nPRIORITY=3\n"), std::string::npos);
    EXPECT_EQ(read_file(log()), "") << "said once";
    std::filesystem::remove_all("/run/systemd");
}

TEST_F(Journal, ThatIsNotThereGetsPrioritiesOnStderr) {
    const auto daemon = start_logging(write_config(Settings{}.text()), log());
    manager().wait_for("READY=1");
    EXPECT_NE(("\n" + read_file(log())).find("\n<6>ready: instance default"), std::string::npos)
        << read_file(log());
}

TEST_F(Journal, IsNotWrittenToWhenStderrIsSomethingElse) {
    const auto daemon = start_logging(write_config(Settings{}.text()), log(), false);
    manager().wait_for("READY=1");
    EXPECT_NE(read_file(log()).find(" info ready: instance default"), std::string::npos)
        << read_file(log());
}

TEST_F(ServiceManager, AReloadChangesTheLevelOfTheLog) {
    const auto daemon =
        start_notifying(write_config(Settings{.more = "log: {level: error}\n"}.text()));
    manager().wait_for("READY=1");
    EXPECT_EQ(daemon->err().find(" info "), std::string::npos) << daemon->err();
    write_config(Settings{.more = "log: {level: info}\n"}.text());
    daemon->kill(SIGHUP);
    EXPECT_TRUE(daemon->wait_for_err(" info reloaded ")) << daemon->err();
}

}  // namespace
}  // namespace weir::test
