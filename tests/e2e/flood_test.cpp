// A flood of spoofed SYNs, many times what the table of new flows holds, over a crowd of
// established connections to real servers.
#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "tests/e2e/tools.h"
#include "tests/e2e/world.h"
#include "tests/support/traffic.h"

namespace weir::test {
namespace {

constexpr int kConnections = 10000;
constexpr std::uint32_t kNewFlows = 8192;
constexpr std::uint32_t kFlood = 12 * kNewFlows;
constexpr const char *kRequest = "GET / HTTP/1.1\r\nHost: weir.example\r\n\r\n";

using HookAndFamily = std::tuple<const char *, Family>;

class Flood : public WeirTest, public testing::WithParamInterface<HookAndFamily> {
  protected:
    Flood() : WeirTest(std::get<Family>(GetParam())) {}

    std::unique_ptr<Process> start_nginx(const Netns &host, const Endpoint &at,
                                         const std::string &name) {
        const auto base = folder().path().string() + "/" + name;
        const auto config = folder().write(
            name + ".conf",
            fmt::format("daemon off; master_process off; pid {0}.pid; error_log stderr crit;\n"
                        "events {{ worker_connections 16000; }}\n"
                        "http {{ access_log off; keepalive_timeout 300; keepalive_requests 1000;\n"
                        "  client_body_temp_path {0}.b; proxy_temp_path {0}.p;\n"
                        "  fastcgi_temp_path {0}.f; uwsgi_temp_path {0}.u; scgi_temp_path {0}.s;\n"
                        "  server {{ listen {1}; return 200 \"{2}\\n\"; }} }}\n",
                        base, at.to_string(), name));
        auto nginx = std::make_unique<Process>(
            std::vector<std::string>{"nginx", "-e", "stderr", "-c", config},
            ProcessOptions{.netns = &host});
        EXPECT_TRUE(eventually([&] { return listens(host, at); })) << nginx->err();
        return nginx;
    }
    static bool listens(const Netns &host, const Endpoint &at) {
        return host.output("ss -Hltn").find(fmt::format(":{} ", at.port)) != std::string::npos;
    }

    // SYNs of clients that do not exist, each from an address and port of its own.
    void flood() {
        Segment syn;
        syn.destination = world().vip_tcp;
        syn.destination_mac = mac_of(world().weir, "lb0");
        auto source = world().stranger.bytes();
        send_frames(world().client_host, "eth0", kFlood, [&](std::uint32_t i) {
            source[15] = static_cast<std::uint8_t>(10 + i % 200);
            syn.source = {Address(source), static_cast<std::uint16_t>(1024 + i / 200)};
            return build(syn);
        });
    }
};

bool answers(const Client &client) {
    return client.ask(kRequest).value_or("").find("200 OK") != std::string::npos;
}

TEST_P(Flood, EstablishedConnectionsLiveOnAndNewOnesAreMade) {
    const auto one = start_nginx(world().one, world().at_one, "one");
    const auto two = start_nginx(world().two, world().at_two, "two");
    const auto daemon = start(
        write_config(Settings{.family = std::get<Family>(GetParam()),
                              .hook = std::get<const char *>(GetParam()),
                              .limits = fmt::format("{{flows: 65536, new_flows: {}}}", kNewFlows)}
                         .text()));
    std::vector<std::unique_ptr<Client>> crowd;
    crowd.reserve(kConnections);
    for (int i = 0; i < kConnections; i++)
        crowd.push_back(
            std::make_unique<Client>(world().client_host, Protocol::tcp, world().vip_tcp));
    for (const auto &client : crowd)
        ASSERT_TRUE(answers(*client)) << "before the flood";

    std::atomic<bool> over = false;
    const auto begin = std::chrono::steady_clock::now();
    std::thread attacker([&] {
        flood();
        over = true;
    });
    int tried = 0;
    int served = 0;
    for (; !over; tried++) {
        try {
            served += answers(Client(world().client_host, Protocol::tcp, world().vip_tcp)) ? 1 : 0;
        } catch (const std::system_error &refused) {
            std::printf("connection %d: %s\n", tried, refused.what());
        }
    }
    attacker.join();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    std::printf("%u spoofed SYNs in %.1f s; meanwhile %d of %d new connections were served\n",
                kFlood, took.count(), served, tried);
    EXPECT_GT(tried, 10);
    EXPECT_EQ(served, tried) << "new connections during the flood";
    EXPECT_GE(metric(R"(weir_service_new_flows_total{service="web"})"), kConnections + kFlood)
        << "the flood did arrive";

    int alive = 0;
    for (const auto &client : crowd)
        alive += answers(*client) ? 1 : 0;
    EXPECT_EQ(alive, kConnections);
}

INSTANTIATE_TEST_SUITE_P(Hook, Flood,
                         testing::Values(HookAndFamily("xdp", Family::v4),
                                         HookAndFamily("tc", Family::v6)),
                         [](const auto &instance) {
                             return std::get<const char *>(instance.param) + std::string("_") +
                                    to_string(std::get<Family>(instance.param));
                         });

}  // namespace
}  // namespace weir::test
