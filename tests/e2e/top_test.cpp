// weir top on a terminal and into a pipe, beside a running Weir with traffic.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <sstream>
#include <thread>

#include "tests/e2e/tools.h"
#include "tests/support/pseudo_terminal.h"

namespace weir::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kDown = "\033OB";  // as an xterm sends it to a program that asked for keys

// A client that asks the UDP service as fast as it is answered.
class Background {
  public:
    explicit Background(const World &world)
        : client_(world.client_host, Protocol::udp, world.vip_udp), thread_([this] {
              while (!stop_)
                  asked_ += client_.ask("x") ? 1 : 0;
          }) {}
    ~Background() {
        stop_ = true;
        thread_.join();
    }
    Background(const Background &) = delete;
    Background &operator=(const Background &) = delete;
    Background(Background &&) = delete;
    Background &operator=(Background &&) = delete;

  private:
    Client client_;
    std::atomic<bool> stop_ = false;
    std::atomic<int> asked_ = 0;
    std::thread thread_;
};

class Top : public WeirTest {
  protected:
    void SetUp() override {
        WeirTest::SetUp();
        if (IsSkipped())
            return;
        one_ = std::make_unique<EchoServer>(world().one, Protocol::udp, world().at_one, "one");
        two_ = std::make_unique<EchoServer>(world().two, Protocol::udp, world().at_two, "two");
        config_ = write_config(Settings{}.text());
        daemon_ = start(config_);
    }
    std::unique_ptr<Process> top(const PseudoTerminal &terminal,
                                 const std::vector<std::string> &environment = {}) {
        std::vector<std::string> all{"TERM=xterm-256color", "LC_ALL=C.UTF-8"};
        all.insert(all.begin(), environment.begin(), environment.end());
        return std::make_unique<Process>(
            std::vector<std::string>{WEIR_BINARY, "top", "--interval", "500ms"},
            ProcessOptions{
                .netns = &world().weir, .environment = all, .terminal = terminal.program_side()});
    }
    // The line of the screen that begins with `name`.
    static std::string line_of(PseudoTerminal &terminal, const std::string &name) {
        std::istringstream stream(terminal.screen());
        for (std::string line; std::getline(stream, line);)
            if (line.substr(0, name.size() + 1) == name + " ")
                return line;
        return "";
    }
    // Of a service's line, the packets/s in.
    static double packets_in(PseudoTerminal &terminal, const std::string &name) {
        std::istringstream words(line_of(terminal, name));
        std::string word;
        double packets = 0;
        words >> word >> word >> word >> word >> packets;
        return words ? packets : 0;
    }
    void stop_daemon(int signal) {
        daemon_->kill(signal);
        daemon_->wait();
    }
    void start_daemon() { daemon_ = start(config_); }

  private:
    std::unique_ptr<EchoServer> one_, two_;
    std::string config_;
    std::unique_ptr<Process> daemon_;
};

TEST_F(Top, ShowsTrafficAndFollowsTheKeysAndTheSize) {
    PseudoTerminal terminal(24, 80);
    const auto before = terminal.modes();
    const auto top = this->top(terminal);
    const Background traffic(world());
    EXPECT_TRUE(terminal.shows("weir 0.")) << terminal.screen() << top->err();
    EXPECT_TRUE(terminal.shows("on      lb0 xdp native, lb1 xdp native, lb2 xdp native"))
        << terminal.screen();
    EXPECT_TRUE(eventually([&] { return packets_in(terminal, "dns") > 0; })) << terminal.screen();
    EXPECT_EQ(packets_in(terminal, "web"), 0);
    EXPECT_EQ(terminal.screen().find("192.0.2.11:8080"), std::string::npos);

    terminal.type(std::string(kDown) + "\r");
    EXPECT_TRUE(terminal.shows("192.0.2.11:8080   active")) << terminal.screen();
    terminal.type("a/dns");
    EXPECT_TRUE(terminal.shows("filter: dns_")) << terminal.screen();
    EXPECT_TRUE(terminal.hides("\nweb ")) << terminal.screen();
    terminal.type("\r");
    EXPECT_TRUE(terminal.shows("/ filter: dns")) << terminal.screen();
    terminal.type("/\033");
    EXPECT_TRUE(terminal.shows("\nweb ")) << terminal.screen();
    terminal.type("5");
    EXPECT_TRUE(terminal.shows("PKT/S INv")) << terminal.screen();
    terminal.type("?");
    EXPECT_TRUE(terminal.shows("PKT/S packets")) << terminal.screen();
    terminal.type("?p");
    EXPECT_TRUE(terminal.shows("PAUSED")) << terminal.screen();
    terminal.type("p");

    EXPECT_EQ(terminal.screen().find("203.0.113.10:53"), std::string::npos) << "no room for VIPs";
    terminal.resize(40, 132);
    EXPECT_TRUE(terminal.shows("203.0.113.10:53")) << terminal.screen();
    terminal.resize(12, 50);
    EXPECT_TRUE(terminal.hides("203.0.113.10:53")) << terminal.screen();
    EXPECT_TRUE(terminal.shows("q quit  ? help")) << terminal.screen();

    EXPECT_FALSE(terminal.modes() == before) << "keys are read one by one";
    terminal.type("q");
    const auto done = top->wait();
    EXPECT_EQ(done.status, 0);
    EXPECT_EQ(done.err, "");
    EXPECT_TRUE(terminal.modes() == before);
    EXPECT_EQ(terminal.screen().find("weir"), std::string::npos) << terminal.screen();
    EXPECT_EQ(::fcntl(terminal.program_side(), F_GETFL) & O_NONBLOCK, 0) << "as the shell had it";
}

TEST_F(Top, GivesTheTerminalBackWhateverEndsIt) {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, 0}) {
        PseudoTerminal terminal(24, 80);
        const auto before = terminal.modes();
        const auto top = this->top(terminal);
        ASSERT_TRUE(terminal.shows("q quit")) << terminal.screen() << top->err();
        if (signal == 0)
            terminal.type("\003");  // ^C, which the terminal turns into SIGINT
        else
            top->kill(signal);
        const auto done = top->wait();
        EXPECT_EQ(done.status, 0) << signal;
        EXPECT_TRUE(terminal.modes() == before) << signal;
        EXPECT_EQ(terminal.screen().find("weir"), std::string::npos) << terminal.screen();
    }
}

TEST_F(Top, KeepsTheLastWhileTheDaemonIsGoneAndGoesOnWhenItReturns) {
    PseudoTerminal terminal(24, 80);
    const auto top = this->top(terminal);
    ASSERT_TRUE(terminal.shows("dns  ")) << terminal.screen();
    stop_daemon(SIGKILL);
    EXPECT_TRUE(terminal.shows("! no news for ")) << terminal.screen();
    EXPECT_TRUE(terminal.shows("no weir daemon answers")) << terminal.screen();
    EXPECT_THAT(terminal.screen(), HasSubstr("dns  "));
    start_daemon();
    EXPECT_TRUE(terminal.hides("! no news for ")) << terminal.screen();
    const Background traffic(world());
    EXPECT_TRUE(eventually([&] { return packets_in(terminal, "dns") > 0; })) << terminal.screen();
    terminal.type("q");
    EXPECT_EQ(top->wait().status, 0);
}

TEST_F(Top, HasColoursUnlessTheyAreNotWanted) {
    const auto written = [&](const std::vector<std::string> &environment) {
        PseudoTerminal terminal(24, 80);
        const auto top = this->top(terminal, environment);
        EXPECT_TRUE(terminal.shows("q quit")) << terminal.screen() << top->err();
        terminal.type("q");
        EXPECT_EQ(top->wait().status, 0);
        return terminal.written();
    };
    EXPECT_THAT(written({}), HasSubstr("\033[32m")) << "green";
    EXPECT_THAT(written({"NO_COLOR=1"}), Not(HasSubstr("\033[32m")));
    EXPECT_THAT(written({"TERM=vt100"}), Not(HasSubstr("\033[32m")));
}

TEST_F(Top, RefusesATerminalThatCannotBeDrawnOn) {
    PseudoTerminal terminal(24, 80);
    const auto before = terminal.modes();
    for (const auto *name : {"TERM=dumb", "TERM=nonsense", "TERM="}) {
        const auto done = top(terminal, {name})->wait();
        EXPECT_EQ(done.status, 3);
        EXPECT_THAT(done.err, HasSubstr("cannot be drawn on"));
        EXPECT_TRUE(terminal.modes() == before);
    }
}

TEST_F(Top, WithoutADaemonTheTerminalIsNotTouched) {
    stop_daemon(SIGTERM);
    PseudoTerminal terminal(24, 80);
    const auto done = top(terminal)->wait();
    EXPECT_EQ(done.status, 3);
    EXPECT_THAT(done.err, HasSubstr("no weir daemon answers at /run/weir/weir.sock"));
    EXPECT_EQ(terminal.written(), "");
}

TEST_F(Top, APipeGetsATableEachInterval) {
    const Background traffic(world());
    const auto done = weir({"top", "--interval", "500ms", "--iterations", "2"});
    EXPECT_EQ(done.status, 0) << done.err;
    const auto first = done.out.find("weir 0.");
    const auto second = done.out.find("weir 0.", first + 1);
    ASSERT_NE(second, std::string::npos) << done.out;
    EXPECT_EQ(done.out.find("weir 0.", second + 1), std::string::npos) << done.out;
    EXPECT_THAT(done.out, HasSubstr("dns      203.0.113.10:53"));
    EXPECT_THAT(done.out, Not(HasSubstr("\033")));
    EXPECT_THAT(done.out, Not(HasSubstr(" - packets/s"))) << "the first one has rates already";
}

TEST_F(Top, JsonIsAnObjectALineWithRates) {
    const Background traffic(world());
    const auto done = weir({"top", "--json", "--interval", "500ms", "--iterations", "2"});
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_EQ(lines(done.out), 2U);
    std::istringstream stream(done.out);
    for (std::string line; std::getline(stream, line);) {
        const auto told = Json::parse(line);
        EXPECT_GT(told["services"][1]["per_second"]["packets_in"], 0) << line;
        EXPECT_GT(told["services"][1]["per_second"]["bits_out"], 0) << line;
        EXPECT_EQ(told["services"][0]["per_second"]["packets_in"], 0) << line;
        EXPECT_EQ(told["services"].size(), 3) << line;
        EXPECT_EQ(told["backends"].size(), 5) << line;
    }
}

TEST_F(Top, IntoAPipeAsWellItWaitsForADaemonThatIsGone) {
    Process top({WEIR_BINARY, "top", "--json", "--interval", "500ms"}, {.netns = &world().weir});
    ASSERT_TRUE(eventually([&] { return lines(top.out()) >= 1; })) << top.err();
    stop_daemon(SIGKILL);
    EXPECT_TRUE(eventually([&] {
        return top.out().find("\"error\":\"no weir daemon answers") != std::string::npos;
    })) << top.out();
    start_daemon();
    const auto before = lines(top.out());
    EXPECT_TRUE(eventually([&] {
        const auto out = top.out();
        const auto last = out.rfind("{\"time\"");
        return lines(out) > before && out.find("\"error\"", last) == std::string::npos;
    })) << top.out();
    top.kill(SIGTERM);
}

}  // namespace
}  // namespace weir::test
