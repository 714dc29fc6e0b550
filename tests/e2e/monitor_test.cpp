// weir monitor and the flow log, on real traffic.
#include <bpf/bpf.h>
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "bpf/abi.h"
#include "lb/dataplane/fd.h"
#include "tests/e2e/tools.h"
#include "tests/e2e/world.h"
#include "tests/support/traffic.h"

namespace weir::test {
namespace {

using ::testing::HasSubstr;

std::vector<Json> documents(const std::string &text) {
    std::vector<Json> all;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
        all.push_back(Json::parse(line));
    return all;
}

class Monitor : public HookTest {
  protected:
    // `weir monitor`, once the data path tells it of something.
    std::unique_ptr<Process> watch(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {WEIR_BINARY, "monitor"});
        auto process = std::make_unique<Process>(arguments, ProcessOptions{.netns = &world().weir});
        EXPECT_TRUE(process->wait_for_err("watching")) << process->err();
        return process;
    }
    // Openings of so many flows, as fast as they go.
    void flood(std::uint32_t flows) {
        Segment syn;
        syn.destination = world().vip_tcp;
        syn.destination_mac = mac_of(world().weir, "lb0");
        send_frames(world().client_host, "eth0", flows, [&](std::uint32_t i) {
            syn.source = {world().stranger, static_cast<std::uint16_t>(1 + i)};
            return build(syn);
        });
    }
    // Without a line that is being written.
    static std::string whole_lines(const std::string &text) {
        return text.substr(0, text.rfind('\n') + 1);
    }
    double opened_or_dropped() {
        double all = metric(R"(weir_service_new_flows_total{service="web"})") +
                     metric(R"(weir_service_new_flows_total{service="dns"})");
        for (const auto &[reason, count] : drops())
            all += count;
        return all;
    }
};

TEST_P(Monitor, TellsAConnectionsLife) {
    const EchoServer one(world().one, Protocol::tcp, world().at_one, "one");
    const auto daemon = start_with({.backends_of_web = world().at_one.address.to_string()});
    const auto monitor = watch({"--service", "web", "--json", "-n", "3"});
    Endpoint client;
    {
        const Client connection(world().client_host, Protocol::tcp, world().vip_tcp);
        EXPECT_TRUE(connection.ask("hello"));
        client = connection.local();
    }
    const auto ended = monitor->wait();
    EXPECT_EQ(ended.status, 0) << ended.err;
    const auto told = documents(ended.out);
    ASSERT_EQ(told.size(), 3U);
    const char *const kinds[] = {"opened", "established", "closed"};
    for (std::size_t i = 0; i < 3; i++) {
        EXPECT_EQ(told[i]["event"], kinds[i]);
        EXPECT_EQ(told[i]["service"], "web");
        EXPECT_EQ(told[i]["client"], client.to_string());
        EXPECT_EQ(told[i]["vip"], world().vip_tcp.to_string());
        EXPECT_EQ(told[i]["backend"], world().at_one.to_string());
    }
}

TEST_P(Monitor, TellsDropsAndTheirReasonAsText) {
    const auto client = world().client;
    const auto daemon = start_with({.of_web = fmt::format("source_ranges: [\"!{}/{}\"]",
                                                          client.to_string(), v4() ? 32 : 128)});
    const auto monitor = watch({"--event", "dropped", "-n", "1"});
    const auto done =
        run({"curl", "-gsS", "--max-time", "1", "http://" + world().vip_tcp.to_string() + "/"},
            {.netns = &world().client_host});
    EXPECT_NE(done.status, 0);
    const auto told = monitor->wait();
    EXPECT_EQ(told.status, 0) << told.err;
    EXPECT_THAT(told.out, HasSubstr(" dropped     web tcp " +
                                    Endpoint{client, 0}.to_string().substr(
                                        0, Endpoint{client, 0}.to_string().size() - 1)));
    EXPECT_THAT(told.out, HasSubstr(" -> " + world().vip_tcp.to_string() +
                                    ": source_denied (from client by lb0, "));
    EXPECT_EQ(lines(told.out), 1U);
}

TEST_P(Monitor, EndsTheWatchWithItsReader) {
    const EchoServer one(world().one, Protocol::udp, world().at_one, "one");
    const auto daemon = start_with({.backends_of_web = world().at_one.address.to_string()});
    const auto watched = [] {
        const Fd map(
            bpf_obj_get(("/sys/fs/bpf/weir/default/" + generations().at(0) + "/watch").c_str()));
        const std::uint32_t only = 0;
        weir_watch wanted{};
        EXPECT_EQ(bpf_map_lookup_elem(map.get(), &only, &wanted), 0);
        return wanted.until != 0;
    };
    EXPECT_FALSE(watched());
    auto monitor = watch({});
    EXPECT_TRUE(watched());
    monitor->kill(SIGKILL);
    EXPECT_TRUE(eventually([&] { return !watched(); }));
}

TEST_P(Monitor, SaysWhatIsMissing) {
    constexpr std::uint32_t kFrames = 60000;
    const auto daemon = start_with({});
    const auto monitor = watch({"--event", "opened,dropped", "--json"});
    for (int i = 0; i < 10 && metric(R"(weir_events_lost_total{reason="sampled"})") == 0; i++)
        flood(kFrames);
    ASSERT_GT(metric(R"(weir_events_lost_total{reason="sampled"})"), 0);
    double told = 0;
    double missing = 0;
    EXPECT_TRUE(eventually([&] {
        told = missing = 0;
        for (const Json &one : documents(whole_lines(monitor->out())))
            one["event"] == "missing"
                ? missing += one["sampled"].get<double>() + one["full"].get<double>() +
                             one["slow"].get<double>()
                : told += 1;
        return told + missing == opened_or_dropped();
    })) << told
        << " told, " << missing << " missing, of " << opened_or_dropped();
    EXPECT_GT(told, 0);
    EXPECT_GT(missing, 0);
}

TEST_P(Monitor, RefusesWhatItDoesNotKnow) {
    const auto daemon = start_with({});
    const auto refused = weir({"monitor", "--event", "droped"});
    EXPECT_EQ(refused.status, 2);
    EXPECT_EQ(refused.err,
              "unknown event \"droped\": did you mean dropped? (there are opened, "
              "established, closed, dropped)\n");
}

class FlowLogFile : public HookTest {
  protected:
    std::string file() const { return (folder().path() / "flows.json").string(); }
    std::string text() const {
        std::ifstream stream(file());
        return {std::istreambuf_iterator<char>(stream), {}};
    }
    std::unique_ptr<Process> start_logging(const std::string &more = "") {
        return start_with({.backends_of_web = world().at_one.address.to_string(),
                           .more = fmt::format("flow_log: {{file: {}{}}}\n", file(), more)});
    }
};

TEST_P(FlowLogFile, HasALineForAConnectionThatEnded) {
    const EchoServer one(world().one, Protocol::tcp, world().at_one, "one");
    const auto daemon = start_logging();
    Endpoint client;
    {
        const Client connection(world().client_host, Protocol::tcp, world().vip_tcp);
        EXPECT_TRUE(connection.ask("hello"));
        client = connection.local();
    }
    ASSERT_TRUE(eventually([&] { return lines(text()) == 1; }));
    const auto line = documents(text()).at(0);
    EXPECT_EQ(line["service"], "web");
    EXPECT_EQ(line["client"], client.to_string());
    EXPECT_EQ(line["backend"], world().at_one.to_string());
    EXPECT_EQ(line["end"], "closed");
    EXPECT_EQ(line["state"], "closed");
    EXPECT_EQ(line["forward"]["packets"],
              metric(R"(weir_service_packets_total{service="web",direction="forward"})"));
    EXPECT_EQ(line["reply"]["bytes"],
              metric(R"(weir_service_bytes_total{service="web",direction="reply"})"));
    EXPECT_EQ(metric(R"(weir_flow_log_lines_total{result="written"})"), 1);
}

TEST_P(FlowLogFile, IsBoundedAndSaysSo) {
    const EchoServer one(world().one, Protocol::tcp, world().at_one, "one");
    const auto daemon = start_logging(", rate: 1");
    for (int i = 0; i < 10; i++)
        EXPECT_TRUE(Client(world().client_host, Protocol::tcp, world().vip_tcp).ask("hello"));
    const auto result = [&](const char *name) {
        return metric(fmt::format("weir_flow_log_lines_total{{result=\"{}\"}}", name));
    };
    EXPECT_TRUE(eventually([&] { return result("written") + result("suppressed") == 10; }));
    EXPECT_GT(result("suppressed"), 0);
    EXPECT_EQ(static_cast<double>(lines(text())), result("written"));
}

TEST_P(FlowLogFile, IsOpenedAgainByAReload) {
    const EchoServer one(world().one, Protocol::tcp, world().at_one, "one");
    const auto daemon = start_logging();
    std::filesystem::rename(file(), file() + ".1");
    EXPECT_EQ(weir({"reload"}).status, 0);
    EXPECT_TRUE(Client(world().client_host, Protocol::tcp, world().vip_tcp).ask("hello"));
    EXPECT_TRUE(eventually([&] { return lines(text()) == 1; }));
}

TEST_P(FlowLogFile, ThatCannotBeOpenedRefusesStartAndReload) {
    const auto daemon = start_logging();
    auto settings = Settings{.family = family(), .hook = hook()};
    settings.backends_of_web = world().at_one.address.to_string();
    settings.more = "flow_log: {file: /no/such/folder/flows.json}\n";
    write_config(settings.text());
    const auto refused = weir({"reload"});
    EXPECT_EQ(refused.status, 1);
    EXPECT_THAT(refused.err, HasSubstr("flow_log.file: cannot open /no/such/folder/flows.json: No "
                                       "such file or directory"));
    settings.more = "";
    write_config(settings.text());
    EXPECT_THAT(weir({"reload"}).err, HasSubstr("`flow_log` cannot change while weir runs"));
}

INSTANTIATE_TEST_SUITE_P(Hook, Monitor, every_hook_and_family(), name_of);
INSTANTIATE_TEST_SUITE_P(Hook, FlowLogFile, every_hook_and_family(), name_of);

}  // namespace
}  // namespace weir::test
