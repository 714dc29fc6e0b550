// What a daemon leaves is taken over by the next one, of its own version or of another whose tables
// are laid out differently, under load: no request fails, no connection is reset, no counter goes
// back.
#include <filesystem>
#include <future>
#include <thread>

#include "tests/e2e/tools.h"
#include "tests/support/traffic.h"

namespace weir::test {
namespace {

using namespace std::chrono_literals;

using ModeHookFamily = std::tuple<const char *, const char *, Family>;

// Two web servers, an echo server for connections that stay, and one for iperf3.
class Takeover : public WeirTest, public testing::WithParamInterface<ModeHookFamily> {
  protected:
    Takeover() : WeirTest(std::get<Family>(GetParam())) {}

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

    // Keeps connections, opens one for each request, and sends in bulk, all for `seconds`.
    void load(int seconds) {
        const auto url = "http://" + world().vip_tcp.to_string() + "/page";
        const auto time = "-d " + std::to_string(seconds) + "s ";
        kept_ = std::make_unique<Wrk>(world().client_host, url, time + "-c 16");
        fresh_ = std::make_unique<Wrk>(world().client_host, url,
                                       time + "-c 4 --header Connection:close");
        bulk_ = std::async(std::launch::async, [this, seconds] {
            return iperf3(world().client_host, {world().vip_tcp.address, 5201}, world().one, 5201,
                          "-b 100M -t " + std::to_string(seconds));
        });
        session_ = std::make_unique<Client>(world().client_host, Protocol::tcp,
                                            Endpoint{world().vip_tcp.address, 22});
        EXPECT_EQ(parse(session_->ask("login")).text, "login");
        std::this_thread::sleep_for(1s);
        resets_ = all_resets();
    }
    void expect_session_lives() { EXPECT_EQ(parse(session_->ask("still")).text, "still"); }
    // While the load is on: what ends then may reset what it has open.
    void expect_no_resets() { EXPECT_EQ(all_resets(), resets_); }
    void expect_load_unharmed() {
        for (auto *wrk : {kept_.get(), fresh_.get()}) {
            const auto requests = wrk->wait();
            EXPECT_EQ(requests.failures, "");
            EXPECT_GT(requests.done, 500);
        }
        const auto bulk = bulk_.get();
        EXPECT_EQ(bulk.error, "");
        EXPECT_GT(bulk.bytes / bulk.seconds, 5e6) << "bytes a second";
    }

    using Counts = std::map<std::string, double>;
    Counts counts() {
        Counts counts;
        for (const auto *of : {"web", "bulk"})
            for (const auto *direction : {"forward", "reply"})
                for (const auto *what : {"packets", "bytes"}) {
                    const auto name = std::string("weir_service_") + what + "_total{service=\"" +
                                      of + "\",direction=\"" + direction + "\"}";
                    counts[name] = metric(name);
                }
        for (const auto *of : {"web", "bulk", "idle"}) {
            const auto name = std::string(R"(weir_service_new_flows_total{service=")") + of + "\"}";
            counts[name] = metric(name);
        }
        for (const auto *backend : {"one", "two"}) {
            const auto &at = backend == std::string("one") ? world().at_one : world().at_two;
            const auto name = R"(weir_backend_packets_total{service="web",backend=")" +
                              at.to_string() + R"(",direction="reply"})";
            counts[name] = metric(name);
        }
        return counts;
    }
    static void expect_not_less(const Counts &after, const Counts &before) {
        for (const auto &[name, value] : before) {
            EXPECT_GT(value, 0) << name;
            EXPECT_GE(after.at(name), value) << name;
        }
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
    std::future<Bulk> bulk_;
    std::unique_ptr<Client> session_;
    std::string config_;
    int resets_ = 0;
};

class Killed : public Takeover {};

TEST_P(Killed, TheDaemonIsNotMissedAndTheNextOneGoesOn) {
    auto daemon = start(config());
    load(5);
    daemon = replace(std::move(daemon), WEIR_BINARY);
    daemon = replace(std::move(daemon), WEIR_BINARY);
    expect_no_resets();
    expect_load_unharmed();
}

class Upgraded : public Takeover {
  protected:
    static std::vector<std::string> generations() {
        std::vector<std::string> names;
        for (const auto &one : std::filesystem::directory_iterator("/sys/fs/bpf/weir/default"))
            if (one.is_directory())
                names.push_back(one.path().filename());
        return names;
    }
};

TEST_P(Upgraded, ToTablesOfAnotherLayoutAndBackUnderLoad) {
    auto daemon = start(config());
    load(6);
    daemon = replace(std::move(daemon), WEIR_NEXT_BINARY);
    EXPECT_NE(daemon->err().find("took over from the tables of"), std::string::npos)
        << daemon->err();
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
INSTANTIATE_TEST_SUITE_P(Mode, Killed,
                         testing::Values(ModeHookFamily{"dnat", "xdp", Family::v4},
                                         ModeHookFamily{"fullnat", "tc", Family::v6}),
                         name_of_mode);

}  // namespace
}  // namespace weir::test
