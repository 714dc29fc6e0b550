// A million flows: listed and counted whole, in little memory, while everything else goes on.
#include <bpf/bpf.h>
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <string_view>
#include <thread>
#include <vector>

#include "lb/dataplane/fd.h"
#include "tests/e2e/tools.h"

namespace weir::test {
namespace {

using ::testing::HasSubstr;

// On a machine that is emulated a million takes too long.
std::uint32_t flow_count() {
    return is_emulated() ? 100000 : 1000000;
}

constexpr std::chrono::minutes kLong{4};

class ManyFlows : public WeirTest {
  protected:
    void SetUp() override {
        WeirTest::SetUp();
        if (IsSkipped())
            return;
        server_ = std::make_unique<EchoServer>(world().one, Protocol::udp, world().at_one, "one");
        Settings settings{.backends_of_web = "192.0.2.11",
                          .limits = "{flows: 2621440, new_flows: 4096}",
                          .more = "timeouts: {udp: 1h}\n"};
        daemon_ = std::make_unique<Process>(
            std::vector<std::string>{WEIR_BINARY, "run", "-c", write_config(settings.text())},
            ProcessOptions{.netns = &world().weir});
        ASSERT_TRUE(daemon_->wait_for_err(" ready: ", kLong)) << daemon_->err();
        client_ = std::make_unique<Client>(world().client_host, Protocol::udp, world().vip_udp);
        ASSERT_TRUE(client_->ask("x"));
        fill();
    }

    // Clones of the one flow that a client has opened, each of another client in 10.0.0.0/8.
    void fill() {
        const auto path =
            fmt::format("/sys/fs/bpf/weir/default/{}/flows_v4", generations().front());
        const Fd map(bpf_obj_get(path.c_str()));
        ASSERT_TRUE(map) << path;
        weir_tuple_v4 key{};
        std::vector<std::pair<weir_tuple_v4, weir_flow>> entries;
        for (void *from = nullptr; bpf_map_get_next_key(map.get(), from, &key) == 0; from = &key) {
            weir_flow entry{};
            ASSERT_EQ(bpf_map_lookup_elem(map.get(), &key, &entry), 0);
            entries.emplace_back(key, entry);
        }
        ASSERT_EQ(entries.size(), 2U) << "an entry for each direction";
        for (const auto &[tuple, entry] : entries)
            write_clones(map.get(), tuple, entry);
    }
    static void write_clones(int map, const weir_tuple_v4 &tuple, const weir_flow &entry) {
        constexpr std::uint32_t kBatch = 10000;
        const bool forward = (entry.flags & WEIR_FLOW_REPLY) == 0;
        std::vector<weir_tuple_v4> keys(kBatch, tuple);
        std::vector<weir_flow> values(kBatch, entry);
        for (std::uint32_t begin = 0; begin < flow_count(); begin += kBatch) {
            for (std::uint32_t i = 0; i < kBatch; i++) {
                const auto number = begin + i;
                const auto client = Address::v4(10, static_cast<std::uint8_t>(number >> 16U),
                                                static_cast<std::uint8_t>(number >> 8U),
                                                static_cast<std::uint8_t>(number));
                (forward ? keys[i].saddr : keys[i].daddr) = client.v4_network_order();
                (forward ? values[i].v4.saddr : values[i].v4.daddr) = client.v4_network_order();
            }
            std::uint32_t count = kBatch;
            ASSERT_EQ(bpf_map_update_batch(map, keys.data(), values.data(), &count, nullptr), 0);
        }
    }

    std::unique_ptr<Process> begin(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {WEIR_BINARY, "flows"});
        return std::make_unique<Process>(arguments, ProcessOptions{.netns = &world().weir});
    }
    // `weir flows ARGUMENTS`, to its end. On a machine with much else to do the time for a walk may
    // be up before its end, which it then says.
    std::string flows(const std::vector<std::string> &arguments) {
        ProcessResult done;
        for (int tries = 0; tries < 5 && done.status != 0; tries++) {
            done = begin(arguments)->wait(kLong);
            EXPECT_TRUE(done.status == 0 || done.err.find("time was up") != std::string::npos)
                << done.err;
        }
        EXPECT_EQ(done.status, 0) << done.err;
        return done.out;
    }
    // The most memory that the daemon has had, MiB.
    double daemon_peak() const {
        std::ifstream status(fmt::format("/proc/{}/status", daemon_->pid()));
        for (std::string word; status >> word;)
            if (word == "VmHWM:" && status >> word)
                return std::stod(word) / 1024;
        return -1;
    }
    bool is_healthy() {
        return run({"curl", "-sS", "--max-time", "5", "http://127.0.0.1:9470/healthz"},
                   {.netns = &world().weir})
                   .out == "ok\n";
    }
    bool is_served() const { return client_->ask("x").has_value(); }

  private:
    std::unique_ptr<EchoServer> server_;
    std::unique_ptr<Process> daemon_;
    std::unique_ptr<Client> client_;
};

// What stands between `before` and the next quote, of every place that it stands in.
std::vector<std::string_view> all_after(std::string_view text, std::string_view before) {
    std::vector<std::string_view> all;
    for (auto at = text.find(before); at != std::string_view::npos; at = text.find(before, at)) {
        at += before.size();
        all.push_back(text.substr(at, text.find('"', at) - at));
    }
    return all;
}

TEST_F(ManyFlows, AreCountedWhole) {
    const auto all = flow_count() + 1;
    EXPECT_EQ(flows({"--count"}), fmt::format("{} flows\n", all));
    EXPECT_EQ(flows({"--count", "--client", "10.0.1.0/24"}), "256 flows\n");
    const auto by_service = Json::parse(flows(
        {"--count-by", "service", "--client", "10.0.0.0/8", "--state", "established", "--json"}));
    EXPECT_EQ(by_service["groups"],
              Json::parse(
                  fmt::format(R"([{{"value": "dns", "flows": {}, "share": 1.0}}])", flow_count())));
    const auto by_client = Json::parse(flows({"--count-by", "client", "--limit", "3", "--json"}));
    EXPECT_EQ(by_client["flows"], all);
    EXPECT_EQ(by_client["others"], all - 3);
    const auto first = Json::parse(flows({"--sort", "client", "--limit", "3", "--json"}));
    for (std::size_t i = 0; i < 3; i++)
        EXPECT_THAT(first["flows"][i]["client"], HasSubstr(fmt::format("10.0.0.{}:", i)));
}

TEST_F(ManyFlows, AreListedWholeInLittleMemory) {
    const auto before = daemon_peak();
    const auto text = flows({"--limit", "0", "--json"});
    EXPECT_LT(daemon_peak() - before, 32) << "MiB, of a document of " << text.size() / 1048576;
    auto clients = all_after(text, R"("client":")");
    EXPECT_EQ(clients.size(), flow_count() + 1);
    std::sort(clients.begin(), clients.end());
    EXPECT_EQ(std::unique(clients.begin(), clients.end()), clients.end()) << "each once";
    EXPECT_THAT(text.substr(text.size() - 60), HasSubstr("], \"truncated\": false, "));
    if (flow_count() > 150000) {
        const auto table = flows({"--limit", "150000"});
        EXPECT_EQ(lines(table), 150002U) << "titles, flows, and that there are more";
    }
}

TEST_F(ManyFlows, NothingWaitsForTheWalk) {
    for (const auto *argument : {"--count-by=client", "--limit=0"}) {
        int healthy = 0;
        int served = 0;
        const auto walk = begin({argument});
        while (walk->running() && (healthy < 5 || served < 100)) {
            const bool well = is_healthy();
            EXPECT_TRUE(is_served());
            // answered before the walk was over
            healthy += well && walk->running() ? 1 : 0;
            for (int i = 0; i < 20; i++)
                served += is_served() && walk->running() ? 1 : 0;
        }
        EXPECT_GE(healthy, 5) << argument;
        EXPECT_GE(served, 100) << argument;
    }
}

}  // namespace
}  // namespace weir::test
