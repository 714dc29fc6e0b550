// The life of a daemon: start, listings, metrics, reload, end, detach.
#include <sys/stat.h>

#include <filesystem>

#include "tests/e2e/world.h"
#include "tests/support/traffic.h"

namespace weir::test {
namespace {

class DaemonLife : public WeirTest {};

class DaemonEnd : public WeirTest, public testing::WithParamInterface<int> {};

TEST_P(DaemonEnd, ASignalEndsItAndTheDataPathStaysUntilDetach) {
    const auto file = write_config(Settings{}.text());
    const auto daemon = start(file);
    const auto before = attached();
    EXPECT_NE(before.find("lb0"), std::string::npos);
    EXPECT_NE(before.find("xdp"), std::string::npos);
    daemon->kill(GetParam());
    const auto done = daemon->wait();
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_NE(done.err.find("weir detach takes it off"), std::string::npos) << done.err;
    EXPECT_FALSE(std::filesystem::exists("/run/weir")) << "made by the daemon, and empty";
    EXPECT_EQ(attached(), before);

    const auto off = weir({"detach", "-c", file});
    EXPECT_EQ(off.status, 0) << off.err;
    for (const char *name : {"lb0", "lb1", "lb2"})
        EXPECT_NE(off.out.find(name), std::string::npos) << off.out;
    expect_nothing_left();
}

INSTANTIATE_TEST_SUITE_P(Signal, DaemonEnd, testing::Values(SIGTERM, SIGINT),
                         [](const auto &instance) {
                             return instance.param == SIGTERM ? "SIGTERM" : "SIGINT";
                         });

TEST_F(DaemonLife, ListsWhatItIsAndHas) {
    const auto file = write_config(Settings{}.text());
    const auto daemon = start(file);
    EXPECT_EQ(lines(daemon->err()), 1) << daemon->err();

    const auto status = listing({"status"});
    EXPECT_EQ(status["pid"], daemon->pid());
    EXPECT_EQ(status["version"], WEIR_VERSION);
    EXPECT_EQ(status["instance"], "default");
    EXPECT_EQ(status["config_file"], file);
    EXPECT_EQ(status["services"], 3);
    EXPECT_EQ(status["backends"], 5);
    EXPECT_EQ(status["interfaces"].size(), 3);
    EXPECT_EQ(status["interfaces"][0]["name"], "lb0");
    EXPECT_EQ(status["interfaces"][0]["hook"], "xdp");
    EXPECT_EQ(status["drops"]["no_backend"], 0);
    EXPECT_EQ(status["reload"]["successful"], true);

    const auto services = listing({"services", "-c", file})["services"];
    ASSERT_EQ(services.size(), 3);
    EXPECT_EQ(services[0]["name"], "web");
    EXPECT_EQ(services[0]["vip"], "203.0.113.10:80");
    EXPECT_EQ(services[1]["protocol"], "udp");
    EXPECT_EQ(services[2]["backends"], 1);
    const auto backends = listing({"backends", "--socket", "/run/weir/weir.sock"})["backends"];
    ASSERT_EQ(backends.size(), 5);
    EXPECT_NEAR(backends[0]["share"].get<double>(), 0.5, 0.01);
    EXPECT_TRUE(listing({"flows"})["flows"].empty());

    for (const auto *name : {"status", "services", "backends", "flows"}) {
        const auto text = weir({name});
        EXPECT_EQ(text.status, 0) << text.err;
        EXPECT_EQ(text.err, "");
        EXPECT_GE(lines(text.out), 1) << text.out;
    }
    struct stat seen {};
    ASSERT_EQ(::stat("/run/weir/weir.sock", &seen), 0);
    EXPECT_EQ(seen.st_mode & 0777, 0660U);
}

TEST_F(DaemonLife, AnswersWhatItCannotServeWithTheRightStatus) {
    const auto daemon = start(write_config(Settings{}.text()));
    const auto http_status = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"curl", "-sS", "--max-time", "5", "-o", "/dev/null",
                                             "-w", "%{http_code}"});
        return run(arguments, {.netns = &world().weir}).out;
    };
    const std::string metrics = "http://127.0.0.1:9470";
    EXPECT_EQ(http_status({metrics + "/metrics"}), "200");
    EXPECT_EQ(http_status({metrics + "/v1/status"}), "404");
    EXPECT_EQ(http_status({metrics + "/healthz"}), "200");
    EXPECT_EQ(http_status({metrics + "/readyz"}), "200");
    EXPECT_EQ(http_status({metrics + "/api/v1/status"}), "200");
    EXPECT_EQ(http_status({metrics + "/api/v1/flows?limit=1"}), "200");
    EXPECT_EQ(http_status({"-X", "DELETE", metrics + "/api/v1/flows?all=true"}), "405");
    EXPECT_EQ(http_status({"-X", "POST", metrics + "/api/v1/reload"}), "404");
    EXPECT_EQ(http_status({"-X", "POST", metrics + "/metrics"}), "405");
    EXPECT_EQ(http_status({"-d", "body", metrics + "/metrics"}), "413");
    EXPECT_EQ(http_status({"-H", "X: " + std::string(20000, 'x'), metrics + "/metrics"}), "400");
    const auto api = [&](const std::string &target) {
        return http_status({"--unix-socket", "/run/weir/weir.sock", "http://weir" + target});
    };
    EXPECT_EQ(api("/v1/status"), "200");
    EXPECT_EQ(api("/v2/status"), "404");
    EXPECT_EQ(api("/v1/flows?limit=0"), "400");
    EXPECT_EQ(api("/v1/flows?colour=red"), "400");
    EXPECT_EQ(api("/v1/flows?client=%zz"), "400");

    const auto refused = weir({"flows", "--service", "none"});
    EXPECT_EQ(refused.status, 2);
    EXPECT_EQ(lines(refused.err), 1) << refused.err;
}

TEST_F(DaemonLife, ManySilentConnectionsAreBoundedAndHurtNobodyElse) {
    const auto daemon = start(write_config(Settings{}.text()));
    const auto descriptors = [&] {
        const std::filesystem::directory_iterator all("/proc/" + std::to_string(daemon->pid()) +
                                                      "/fd");
        return std::distance(begin(all), end(all));
    };
    const auto before = descriptors();
    std::vector<std::unique_ptr<Client>> silent;
    silent.reserve(100);
    for (int i = 0; i < 100; i++)
        silent.push_back(std::make_unique<Client>(world().weir, Protocol::tcp,
                                                  *Endpoint::parse("127.0.0.1:9470")));
    EXPECT_EQ(listing({"status"})["services"], 3) << "the API is another server";
    EXPECT_LT(descriptors(), before + 70) << "64 connections, and the API's";
    silent.clear();
    EXPECT_TRUE(eventually([&] { return metric("weir_config_last_reload_successful") == 1; }));
}

TEST_F(DaemonLife, ReloadPutsANewConfigurationInForce) {
    const EchoServer one(world().one, Protocol::tcp, world().at_one, "one");
    const EchoServer two(world().two, Protocol::tcp, world().at_two, "two");
    const auto file = write_config(Settings{}.text());
    const auto daemon = start(file);
    const auto ids = [&] { return listing({"backends"})["backends"].size(); };
    EXPECT_EQ(ids(), 5);

    write_config(Settings{.backends_of_web = "192.0.2.141"}.text());
    daemon->kill(SIGHUP);
    ASSERT_TRUE(daemon->wait_for_err("reloaded " + file)) << daemon->err();
    EXPECT_EQ(ids(), 3);
    for (int i = 0; i < 10; i++)
        EXPECT_EQ(
            Client(world().client_host, Protocol::tcp, world().vip_tcp).ask("x")->substr(0, 3),
            "two");
    EXPECT_EQ(metric("weir_config_last_reload_successful"), 1);
}

TEST_F(DaemonLife, I8ABadFileChangesNothing) {
    const EchoServer one(world().one, Protocol::tcp, world().at_one, "one");
    const EchoServer two(world().two, Protocol::tcp, world().at_two, "two");
    const auto file = write_config(Settings{}.text());
    const auto daemon = start(file);
    const auto before = listing({"services"});

    write_config(Settings{.backends_of_web = "192.0.2.141", .more = "nonsense: 1\n"}.text());
    daemon->kill(SIGHUP);
    ASSERT_TRUE(daemon->wait_for_err("reload refused: " + file + ":")) << daemon->err();
    EXPECT_NE(daemon->err().find("unknown key 'nonsense'"), std::string::npos) << daemon->err();
    EXPECT_EQ(lines(daemon->err()), 2) << daemon->err();
    EXPECT_EQ(listing({"services"}), before);
    EXPECT_EQ(metric("weir_config_last_reload_successful"), 0);
    EXPECT_EQ(listing({"status"})["reload"]["successful"], false);

    write_config(Settings{.limits = "{flows: 8192}"}.text());
    daemon->kill(SIGHUP);
    ASSERT_TRUE(daemon->wait_for_err(file + ":25:9: `limits` cannot change")) << daemon->err();

    write_config(Settings{}.text());
    daemon->kill(SIGHUP);
    ASSERT_TRUE(daemon->wait_for_err("reloaded ")) << daemon->err();
    EXPECT_EQ(metric("weir_config_last_reload_successful"), 1);
}

TEST_F(DaemonLife, ARestartLeavesInterfacesThatAreNoLongerNamed) {
    auto daemon = start(write_config(Settings{}.text()));
    daemon->kill(SIGTERM);
    EXPECT_EQ(daemon->wait().status, 0);
    daemon = start(write_config(Settings{.interfaces = "lb0 lb1"}.text()));
    const auto now = attached();
    EXPECT_NE(now.find("lb1"), std::string::npos) << now;
    EXPECT_EQ(now.find("lb2"), std::string::npos) << now;
}

TEST_F(DaemonLife, WarnsOfForwardingThatIsOffForTheFamiliesItServes) {
    world().weir.sysctl("net/ipv4/ip_forward", "0");
    world().weir.sysctl("net/ipv6/conf/all/forwarding", "0");
    const auto warned = [&](Family family) {
        const auto daemon = start(write_config(Settings{.family = family}.text()));
        EXPECT_EQ(lines(daemon->err()), 2) << daemon->err();
        return daemon->err();
    };
    const auto four = warned(Family::v4);
    EXPECT_NE(four.find("(sysctl -w net.ipv4.ip_forward=1)"), std::string::npos) << four;
    const auto six = warned(Family::v6);
    EXPECT_NE(six.find("(sysctl -w net.ipv6.conf.all.forwarding=1)"), std::string::npos) << six;
}

}  // namespace
}  // namespace weir::test
