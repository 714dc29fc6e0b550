#include "tests/e2e/world.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

namespace weir::test {
namespace {

std::vector<std::string> words(const std::string &text) {
    std::istringstream stream(text);
    std::vector<std::string> all;
    for (std::string word; stream >> word;)
        all.push_back(word);
    return all;
}

}  // namespace

std::string to_string(Family family) {
    return family == Family::v4 ? "v4" : "v6";
}

Places::Places(Family family) {
    const auto pick = [&](const char *v4, const char *v6) {
        return Address::parse(family == Family::v4 ? v4 : v6).value();
    };
    client = pick("198.51.100.2", "2001:db8:1::2");
    stranger = pick("198.51.100.3", "2001:db8:1::3");
    vip_tcp = {pick("203.0.113.10", "2001:db8:10::10"), 80};
    vip_udp = {vip_tcp.address, 53};
    vip_local = {pick("203.0.113.20", "2001:db8:10::20"), 7000};
    at_one = {pick("192.0.2.11", "2001:db8:2::11"), 8080};
    at_two = {pick("192.0.2.141", "2001:db8:3::141"), 8080};
    at_weir = {pick("198.51.100.1", "2001:db8:1::1"), 7001};
    one_side = pick("192.0.2.1", "2001:db8:2::1");
    two_side = pick("192.0.2.129", "2001:db8:3::1");
    far = pick("203.0.113.66", "2001:db8:5::2");
    at_server = {pick("203.0.113.130", "2001:db8:4::2"), 8080};
}

World::World(Family family) : Places(family) {
    connect(client_host, "eth0", weir, "lb0");
    connect(one, "eth0", weir, "lb1");
    connect(two, "eth0", weir, "lb2");
    weir.command("ip addr add 198.51.100.1/24 dev lb0");
    weir.command("ip addr add 192.0.2.1/25 dev lb1");
    weir.command("ip addr add 192.0.2.129/25 dev lb2");
    weir.sysctl("net/ipv4/ip_forward", "1");
    client_host.command("ip addr add 198.51.100.2/24 dev eth0");
    client_host.command("ip route add default via 198.51.100.1");
    one.command("ip addr add 192.0.2.11/25 dev eth0");
    one.command("ip route add default via 192.0.2.1");
    two.command("ip addr add 192.0.2.141/25 dev eth0");
    two.command("ip route add default via 192.0.2.129");

    for (const auto *name : {"lb0", "lb1", "lb2"})
        enable_ipv6(weir, name);
    weir.sysctl("net/ipv6/conf/all/forwarding", "1");
    weir.command("ip addr add 2001:db8:1::1/64 dev lb0 nodad");
    weir.command("ip addr add 2001:db8:2::1/64 dev lb1 nodad");
    weir.command("ip addr add 2001:db8:3::1/64 dev lb2 nodad");
    const auto join = [](const Netns &host, const std::string &address, const std::string &router) {
        enable_ipv6(host, "eth0");
        host.command("ip addr add " + address + "/64 dev eth0 nodad");
        host.command("ip route add default via " + router);
    };
    join(client_host, "2001:db8:1::2", "2001:db8:1::1");
    join(one, "2001:db8:2::11", "2001:db8:2::1");
    join(two, "2001:db8:3::141", "2001:db8:3::1");
}

namespace {

// Both ends of a link of its own; `subnet` and `subnet6` lack their last number.
void put_behind(const Netns &router, const Netns &host, const std::string &subnet, int first,
                const std::string &subnet6) {
    const auto v4 = [&](int more) { return subnet + std::to_string(first + more); };
    connect(router, "eth1", host, "eth0");
    enable_ipv6(router, "eth1");
    enable_ipv6(host, "eth0");
    router.sysctl("net/ipv4/ip_forward", "1");
    router.sysctl("net/ipv6/conf/all/forwarding", "1");
    router.command("ip addr add " + v4(1) + "/26 dev eth1");
    router.command("ip addr add " + subnet6 + "1/64 dev eth1 nodad");
    host.command("ip addr add " + v4(2) + "/26 dev eth0");
    host.command("ip addr add " + subnet6 + "2/64 dev eth0 nodad");
    host.command("ip route add default via " + v4(1));
    host.command("ip route add default via " + subnet6 + "1");
}

}  // namespace

void World::add_far() {
    far_host.emplace();
    put_behind(client_host, *far_host, "203.0.113.", 64, "2001:db8:5::");
    weir.command("ip route add 203.0.113.64/26 via 198.51.100.2");
    weir.command("ip route add 2001:db8:5::/64 via 2001:db8:1::2");
}

void World::add_server() {
    server.emplace();
    put_behind(one, *server, "203.0.113.", 128, "2001:db8:4::");
    weir.command("ip route add 203.0.113.128/26 via 192.0.2.11");
    weir.command("ip route add 2001:db8:4::/64 via 2001:db8:2::11");
}

void World::limit(const std::string &link, int mtu) const {
    weir.command("ip link set " + link + " mtu " + std::to_string(mtu));
}

void World::offload() const {
    for (const auto *host : {&client_host, &one, &two})
        host->command("ethtool -K eth0 tx on tso on gso on gro on");
}

std::string Settings::text() const {
    std::string yaml = "interfaces:\n";
    for (const auto &word : words(interfaces)) {
        const auto colon = word.find(':');
        yaml += fmt::format("  - {{name: {}, hook: {}}}\n", word.substr(0, colon),
                            colon == std::string::npos ? hook : word.substr(colon + 1));
    }
    const Places places(family);
    auto addresses = words(backends_of_web);
    if (addresses.empty())
        addresses = {places.at_one.address.to_string(), places.at_two.address.to_string()};
    std::string backends;
    for (const auto &address : addresses)
        backends += fmt::format("      - {{address: \"{}\", port: 8080}}\n", address);
    yaml += "services:\n";
    const auto service = [&](const char *name, const Endpoint &vip, const char *protocol) {
        yaml += fmt::format("  - name: {}\n    vip: {}\n    port: {}\n    protocol: {}\n", name,
                            vip.address.to_string(), vip.port, protocol);
    };
    const auto web = of_web.empty() ? "" : "    " + of_web + "\n";
    service("web", places.vip_tcp, "tcp");
    yaml += web + "    backends:\n" + backends;
    service("dns", places.vip_udp, "udp");
    yaml += web + "    backends:\n" + backends;
    service("local", places.vip_local, "tcp");
    yaml += fmt::format("    backends: [{{address: \"{}\", port: {}}}]\n",
                        places.at_weir.address.to_string(), places.at_weir.port);
    yaml += services + "limits: " + limits + "\n";
    yaml += fmt::format(
        "metrics: {{listen: \"{}\"}}\napi: {{socket: {}{}}}\ninstance: {}\nstate_file: {}\n",
        metrics, socket, of_api, instance, state_file);
    return yaml + more;
}

void WeirTest::SetUp() {
    if (const auto why = why_no_namespaces(); !why.empty())
        GTEST_SKIP() << why;
    enter_mount_sandbox();
    world_ = std::make_unique<World>(family_);
}

void WeirTest::TearDown() {
    if (!world_)
        return;
    for (const auto *folder : {"/sys/fs/bpf/weir", "/run/weir", "/run/weir-state"}) {
        std::error_code ignored;
        std::filesystem::remove_all(folder, ignored);
    }
}

ProcessResult WeirTest::weir(const std::vector<std::string> &arguments) {
    std::vector<std::string> command{WEIR_BINARY};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return run(command, {.netns = &world().weir});
}

Json WeirTest::listing(const std::vector<std::string> &arguments) {
    auto all = arguments;
    all.emplace_back("--json");
    const auto done = weir(all);
    EXPECT_EQ(done.status, 0) << done.err;
    auto document = Json::parse(done.out, nullptr, false);
    EXPECT_FALSE(document.is_discarded()) << done.out;
    return document;
}

std::unique_ptr<Process> WeirTest::start(const std::string &config_file, const std::string &binary,
                                         const std::vector<std::string> &environment) {
    std::vector<std::string> command{binary, "run", "-c", config_file};
    // one emulated processor is load's for the most part, and the kernel's look at programs is long
    if (is_emulated())
        command.insert(command.begin(), {"nice", "-n", "-15"});
    auto daemon = std::make_unique<Process>(
        command, ProcessOptions{.netns = &world().weir, .environment = environment});
    EXPECT_TRUE(daemon->wait_for_err(" ready: ")) << daemon->err();
    return daemon;
}

double WeirTest::metric(const std::string &name) {
    const auto scrape = run({"curl", "-sS", "--max-time", "5", "http://127.0.0.1:9470/metrics"},
                            {.netns = &world().weir});
    EXPECT_EQ(scrape.status, 0) << scrape.err;
    const auto found = ("\n" + scrape.out).find("\n" + name + " ");
    return found == std::string::npos ? -1 : std::stod(scrape.out.substr(found + name.size()));
}

std::map<std::string, double> WeirTest::drops() {
    std::map<std::string, double> counted;
    const auto status = listing({"status"});
    for (const auto &[reason, packets] : status["drops"].items())
        if (packets != 0)
            counted[reason] = packets;
    return counted;
}

std::string WeirTest::attached() {
    std::string all;
    const auto keep_lines_with = [&](const std::string &output, const char *mark) {
        std::istringstream stream(output);
        for (std::string line; std::getline(stream, line);)
            if (line.find(mark) != std::string::npos)
                all += line + "\n";
    };
    keep_lines_with(world().weir.output("ip -o -d link show"), "xdp");
    keep_lines_with(world().weir.output("tc qdisc show"), "clsact");
    return all;
}

std::string WeirTest::pinned() {
    std::string all;
    std::error_code ignored;
    for (const auto &entry : std::filesystem::recursive_directory_iterator("/sys/fs/bpf", ignored))
        if (entry.path().string().find("/weir") != std::string::npos)
            all += entry.path().string() + "\n";
    return all;
}

void WeirTest::expect_nothing_left() {
    EXPECT_EQ(attached(), "");
    EXPECT_EQ(pinned(), "");
    EXPECT_FALSE(std::filesystem::exists("/run/weir")) << "the socket or its folder is left";
}

std::string name_of(const testing::TestParamInfo<HookAndFamily> &instance) {
    return std::get<const char *>(instance.param) + std::string("_") +
           to_string(std::get<Family>(instance.param));
}

Answer parse(const std::optional<std::string> &reply) {
    Answer answer;
    std::istringstream(reply.value_or("")) >> answer.server >> answer.client >> answer.text;
    return answer;
}

std::size_t lines(const std::string &text) {
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace weir::test
