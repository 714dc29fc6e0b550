// A VIP is an address of the host only while its service is served: who asks there too early or too
// late may get no answer, but is not told by the host that nothing listens.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <set>
#include <thread>

#include "tests/e2e/tools.h"
#include "tests/support/traffic.h"

namespace weir::test {
namespace {

using namespace std::chrono_literals;

// Connects again and again, and keeps what came of it.
class Knocker {
  public:
    Knocker(const Netns &netns, const Endpoint &to) {
        thread_ = std::thread([this, &netns, to] {
            netns.run([&] {
                while (!stop_)
                    knock(to);
            });
        });
    }
    ~Knocker() { end(); }
    Knocker(const Knocker &) = delete;
    Knocker &operator=(const Knocker &) = delete;
    Knocker(Knocker &&) = delete;
    Knocker &operator=(Knocker &&) = delete;

    // So often it was served.
    int served() const { return served_; }
    int failed() const { return failed_; }
    // The errors that there were, 0 for none.
    std::set<int> end() {
        stop_ = true;
        if (thread_.joinable())
            thread_.join();
        return errors_;
    }

  private:
    // Without patience: there may be nobody for a while, and then only for a moment.
    void knock(const Endpoint &to) {
        const bool v4 = to.address.is_v4();
        const Fd socket(
            ::socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        const linger at_once{1, 0};
        ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        connect(socket.get(), to);
        pollfd answered{socket.get(), POLLOUT, 0};
        int error = ETIMEDOUT;
        socklen_t length = sizeof error;
        if (::poll(&answered, 1, kPatienceMs) > 0)
            ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &length);
        (error == 0 ? served_ : failed_)++;
        errors_.insert(error);
        std::this_thread::sleep_for(1ms);
    }
    static void connect(int socket, const Endpoint &to) {
        const auto &bytes = to.address.bytes();
        sockaddr_in v4{AF_INET, htons(to.port), {}, {}};
        std::memcpy(&v4.sin_addr, bytes.data() + 12, sizeof v4.sin_addr);
        sockaddr_in6 v6{AF_INET6, htons(to.port), 0, {}, 0};
        std::memcpy(&v6.sin6_addr, bytes.data(), sizeof v6.sin6_addr);
        // how it ends, poll() tells
        static_cast<void>(
            to.address.is_v4()
                ? ::connect(socket, reinterpret_cast<const sockaddr *>(&v4), sizeof v4)
                : ::connect(socket, reinterpret_cast<const sockaddr *>(&v6), sizeof v6));
    }

    static constexpr int kPatienceMs = 5;
    std::set<int> errors_;
    std::atomic<int> served_ = 0, failed_ = 0;
    std::atomic<bool> stop_ = false;
    std::thread thread_;
};

class AnnounceInTime : public EchoTest, public testing::WithParamInterface<Family> {
  protected:
    AnnounceInTime() : EchoTest(GetParam()) {}
    Settings few() const { return {.family = GetParam(), .limits = kLimits}; }
    // With one that is announced, at a VIP of its own, and so many that it takes a while to write
    // them.
    Settings many() {
        auto settings = few();
        const auto add = [&](const std::string &name, const Address &vip, int port,
                             const std::string &more) {
            settings.services += fmt::format(
                "  - {{name: {}, vip: \"{}\", port: {}, protocol: tcp, {}backends: "
                "[{{address: \"{}\", port: 8080}}]}}\n",
                name, vip.to_string(), port, more, world().at_one.address.to_string());
        };
        for (int i = 0; i < 1500; i++)
            add(fmt::format("n{}", i), world().vip_local.address, 10000 + i, "");
        add("late", late().address, late().port, "announce: address, ");
        return settings;
    }
    Endpoint late() {
        return {*Address::parse(GetParam() == Family::v4 ? "203.0.113.77" : "2001:db8:10::77"), 80};
    }
    void run_once(const Settings &settings) {
        const auto daemon = start(write_config(settings.text()));
        daemon->kill(SIGTERM);
        EXPECT_EQ(daemon->wait().status, 0);
    }
    void reload(const Settings &settings) {
        write_config(settings.text());
        const auto done = weir({"reload"});
        EXPECT_EQ(done.status, 0) << done.err;
    }
    static void expect_served(const Knocker &knocker) {
        EXPECT_TRUE(eventually([&] { return knocker.served() > 20; }));
    }
    static void expect_not_served(const Knocker &knocker) {
        const int before = knocker.failed();
        EXPECT_TRUE(eventually([&] { return knocker.failed() > before + 20; }));
    }
    static void expect_not_refused(Knocker &knocker) {
        EXPECT_EQ(knocker.end().count(ECONNREFUSED), 0U);
    }

    static constexpr auto kLimits = "{flows: 4096, new_flows: 1024, services: 4096}";
};

TEST_P(AnnounceInTime, AReloadPutsTheVipThereAfterItsServiceAndTakesItOffBefore) {
    const auto daemon = start(write_config(few().text()));
    Knocker knocker(world().client_host, late());
    expect_not_served(knocker);
    reload(many());
    expect_served(knocker);
    reload(few());
    expect_not_served(knocker);
    expect_not_refused(knocker);
}

TEST_P(AnnounceInTime, ARestartDoesSoAsWell) {
    for (const char *binary : {WEIR_BINARY, WEIR_NEXT_BINARY}) {
        run_once(few());
        Knocker knocker(world().client_host, late());
        expect_not_served(knocker);
        {
            const auto daemon = start(write_config(many().text()), binary);
            expect_served(knocker);
            daemon->kill(SIGTERM);
            EXPECT_EQ(daemon->wait().status, 0);
        }
        const auto daemon = start(write_config(few().text()));
        expect_not_served(knocker);
        expect_not_refused(knocker);
    }
}

INSTANTIATE_TEST_SUITE_P(Family, AnnounceInTime, testing::Values(Family::v4, Family::v6),
                         [](const auto &instance) { return to_string(instance.param); });

}  // namespace
}  // namespace weir::test
