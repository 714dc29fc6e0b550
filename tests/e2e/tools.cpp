#include "tests/e2e/tools.h"

#include <fmt/format.h>

#include <fstream>
#include <sstream>

namespace weir::test {

Bulk iperf3(const Netns &client, const Endpoint &to, const Netns &host, std::uint16_t port,
            const std::string &options) {
    Process server({"iperf3", "-s", "-1", "--forceflush", "-p", std::to_string(port)},
                   {.netns = &host});
    Bulk bulk;
    if (!eventually([&] { return server.out().find("listening") != std::string::npos; })) {
        bulk.error = "no server: " + server.err();
        return bulk;
    }
    std::vector<std::string> command{"iperf3",
                                     "-c",
                                     to.address.to_string(),
                                     "-p",
                                     std::to_string(to.port),
                                     "-J",
                                     "--connect-timeout",
                                     "3000"};
    std::istringstream words(options);
    for (std::string word; words >> word;)
        command.push_back(word);
    const auto done = Process(command, {.netns = &client}).wait(std::chrono::seconds(10));
    const auto said = Json::parse(done.out, nullptr, false);
    if (said.is_discarded() || said.contains("error") || done.status != 0) {
        bulk.error = "iperf3: " + done.out + done.err;
        return bulk;
    }
    bulk.bytes = said["end"]["sum_received"]["bytes"];
    bulk.seconds = said["end"]["sum_received"]["seconds"];
    return bulk;
}

WebServer::WebServer(const Netns &host, const TempDir &folder, const std::string &name) {
    const auto path = folder.path().string();
    std::string places;
    for (const auto *kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"})
        places += fmt::format("{0}_temp_path {1}/{2}-{0}; ", kind, path, name);
    const auto file = folder.write(
        "nginx-" + name,
        fmt::format("daemon off; master_process off; user root; pid {0}/{1}.pid;\nerror_log "
                    "stderr;\nevents {{ worker_connections 4096; }}\nhttp {{ access_log off; "
                    "keepalive_requests 1000000; {2} server {{ listen 8080 backlog=4096; listen "
                    "[::]:8080 backlog=4096; root {0}; }} }}\n",
                    path, name, places));
    nginx_ =
        std::make_unique<Process>(std::vector<std::string>{"nginx", "-e", "stderr", "-c", file},
                                  ProcessOptions{.netns = &host});
    EXPECT_TRUE(eventually([&] { return host.output("ss -Hltn sport = 8080") != ""; }))
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
