#include "tests/e2e/tools.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace weir::test {

namespace {

std::vector<std::string> iperf3_server(std::uint16_t port) {
    return {"iperf3", "-s", "-1", "--forceflush", "-p", std::to_string(port)};
}

std::vector<std::string> iperf3_client(const Endpoint &to,
                                       const std::vector<std::string> &options) {
    std::vector<std::string> command{"iperf3",
                                     "-c",
                                     to.address.to_string(),
                                     "-p",
                                     std::to_string(to.port),
                                     "-J",
                                     "--connect-timeout",
                                     "3000"};
    command.insert(command.end(), options.begin(), options.end());
    return command;
}

bool listens(const Process &server) {
    return eventually([&] { return server.out().find("listening") != std::string::npos; });
}

Bulk what_it_said(const ProcessResult &done, const std::string &sum) {
    const auto said = Json::parse(done.out, nullptr, false);
    if (said.is_discarded() || !said.contains("end") || !said["end"].contains(sum))
        return {0, 0, "iperf3: " + done.out + done.err};
    return {said["end"][sum]["bytes"], said["end"][sum]["seconds"], said.value("error", "")};
}

}  // namespace

Bulk iperf3(const Netns &client, const Endpoint &to, const Netns &host, std::uint16_t port,
            const std::string &options) {
    const Process server(iperf3_server(port), {.netns = &host});
    if (!listens(server))
        return {0, 0, "no server: " + server.err()};
    std::istringstream words(options);
    const std::vector<std::string> all{std::istream_iterator<std::string>(words), {}};
    const auto done =
        Process(iperf3_client(to, all), {.netns = &client}).wait(std::chrono::seconds(10));
    auto bulk = what_it_said(done, "sum_received");
    if (done.status != 0 && bulk.error.empty())
        bulk.error = "iperf3: " + done.out + done.err;
    return bulk;
}

Iperf::Iperf(const Netns &client, const Endpoint &to, const Netns &host, std::uint16_t port,
             const std::vector<std::string> &options)
    : server_(iperf3_server(port), {.netns = &host}) {
    EXPECT_TRUE(listens(server_)) << server_.err();
    client_ =
        std::make_unique<Process>(iperf3_client(to, options), ProcessOptions{.netns = &client});
}

Bulk Iperf::stop() {
    if (!client_->running())
        return {0, 0, "it ended: " + client_->out() + client_->err()};
    client_->kill(SIGINT);
    auto bulk = what_it_said(client_->wait(), "sum_sent");
    if (bulk.error.find("interrupt") != std::string::npos)
        bulk.error.clear();
    return bulk;
}

WebServer::WebServer(const Netns &host, const TempDir &folder, const std::string &name,
                     const std::string &cgroup) {
    const auto path = folder.path().string();
    std::string places;
    for (const auto *kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"})
        places += fmt::format("{0}_temp_path {1}/{2}-{0}; ", kind, path, name);
    const auto file = folder.write(
        "nginx-" + name,
        fmt::format(
            "daemon off; master_process off; user root; pid {0}/{1}.pid;\nerror_log "
            "stderr;\nevents {{ worker_connections 4096; }}\nhttp {{ access_log off; "
            "keepalive_requests 1000000; {2} server {{ listen 8080 backlog=4096; listen "
            "[::]:8080 backlog=4096; root {0}; dav_methods PUT; client_max_body_size 64m; }} }}\n",
            path, name, places));
    nginx_ =
        std::make_unique<Process>(std::vector<std::string>{"nginx", "-e", "stderr", "-c", file},
                                  ProcessOptions{.netns = &host, .cgroup = cgroup});
    EXPECT_TRUE(eventually([&] { return !host.output("ss -Hltn sport = 8080").empty(); }))
        << nginx_->err();
}

namespace {

std::vector<std::string> wrk_command(const std::string &url,
                                     const std::vector<std::string> &options) {
    std::vector<std::string> command{"wrk", "-t", "1", "--timeout", "5s"};
    command.insert(command.end(), options.begin(), options.end());
    command.push_back(url);
    return command;
}

}  // namespace

Wrk::Wrk(const Netns &client, const std::string &url, const std::vector<std::string> &options)
    : process_(wrk_command(url, options), {.netns = &client}) {}

Requests Wrk::wait() {
    const auto done = process_.wait(std::chrono::seconds(30));
    Requests requests;
    std::istringstream output(done.out);
    for (std::string line; std::getline(output, line);) {
        if (line.find("Socket errors") != std::string::npos ||
            line.find("Non-2xx") != std::string::npos)
            requests.failures += line + "\n";
        if (line.find("requests in") != std::string::npos)
            requests.done = std::stod(line);
    }
    if (done.status != 0)
        requests.failures += done.out + done.err;
    return requests;
}

void EchoTest::SetUp() {
    WeirTest::SetUp();
    if (IsSkipped())
        return;
    start_server_one();
    two_ = std::make_unique<EchoServer>(world().two, Protocol::tcp, world().at_two, "two");
}

void EchoTest::start_server_one() {
    one_ = std::make_unique<EchoServer>(world().one, Protocol::tcp, world().at_one, "one");
}

std::vector<std::string> generations() {
    std::vector<std::string> names;
    for (const auto &one : std::filesystem::directory_iterator("/sys/fs/bpf/weir/default"))
        if (one.is_directory())
            names.push_back(one.path().filename());
    return names;
}

int resets(const Netns &host) {
    std::string names;
    std::string values;
    host.run([&] {
        std::ifstream file("/proc/thread-self/net/snmp");
        for (std::string line; std::getline(file, line);)
            if (line.substr(0, 4) == "Tcp:")
                (names.empty() ? names : values) = line;
    });
    std::istringstream name_of(names);
    std::istringstream value_of(values);
    int sum = 0;
    std::string value;
    for (std::string name; name_of >> name && value_of >> value;)
        if (name == "EstabResets" || name == "AttemptFails")
            sum += std::stoi(value);
    return sum;
}

MacAddress mac_of(const Netns &netns, const std::string &name) {
    const auto link = netns.output("ip -o link show dev " + name);
    return MacAddress::parse(link.substr(link.find("link/ether ") + 11, 17)).value();
}

int learnt_mtu(const Netns &netns, const Address &to) {
    const auto route = netns.output("ip route get " + to.to_string());
    const auto at = route.find(" mtu ");
    return at == std::string::npos ? 0 : std::stoi(route.substr(at + 5));
}

}  // namespace weir::test
