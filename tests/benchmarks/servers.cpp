#include "tests/benchmarks/servers.h"

#include <fmt/format.h>

#include <filesystem>
#include <stdexcept>

#include "tests/benchmarks/workloads.h"

namespace weir::test {
namespace {

std::string nginx_head(const TempDir &folder) {
    return fmt::format(
        "daemon off;\nmaster_process off;\npid {}/nginx.pid;\n"
        "error_log stderr;\nevents {{ worker_connections 4096; }}\n",
        folder.path().string());
}

std::string web_server(const TempDir &folder) {
    std::string temporary;
    for (const auto *kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"})
        temporary += fmt::format("  {}_temp_path {}/temp;\n", kind, folder.path().string());
    return nginx_head(folder) +
           fmt::format(
               "http {{\n  access_log off;\n  keepalive_requests 100000000;\n{}"
               "  server {{\n    listen {} backlog=4096;\n"
               "    location / {{ return 200 \"a short page\\n\"; }}\n  }}\n}}\n",
               temporary, kBackendWeb);
}

std::string haproxy_configuration(const Endpoint &vip, const Address &backend) {
    const auto to = backend.to_string();
    return fmt::format(
        "global\n  nbthread 1\n  maxconn 4096\n"
        "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\n"
        "listen web\n  bind {}\n  server one {}:{}\n"
        "listen bulk\n  bind {}:{}\n  server one {}:{}\n",
        vip.to_string(), to, kBackendWeb, vip.address.to_string(), kIperfPort, to, kIperfPort);
}

// A session of UDP is a query and its answer.
std::string nginx_configuration(const TempDir &folder, const Endpoint &vip,
                                const Address &backend) {
    const auto at = vip.address.to_string();
    const auto to = backend.to_string();
    return "load_module /usr/lib/nginx/modules/ngx_stream_module.so;\n" + nginx_head(folder) +
           fmt::format(
               "stream {{\n"
               "  server {{ listen {} backlog=4096; proxy_pass {}:{}; }}\n"
               "  server {{ listen {}:{}; proxy_pass {}:{}; }}\n"
               "  server {{ listen {}:{} udp; proxy_pass {}:{}; proxy_requests 1;"
               " proxy_responses 1; }}\n}}\n",
               vip.to_string(), to, kBackendWeb, at, kIperfPort, to, kIperfPort, at, kDnsPort, to,
               kDnsPort);
}

std::vector<std::string> nginx(const TempDir &folder, const std::string &file) {
    return {"nginx", "-e", "stderr", "-p", folder.path().string(), "-c", file};
}

void wait_until_it_serves(const Netns &host, const Process &process, std::uint16_t port) {
    const auto serves = [&] {
        return !host.output(fmt::format("ss -Hlntu sport = :{}", port)).empty();
    };
    if (!eventually(serves, std::chrono::seconds(5)))
        throw std::runtime_error(
            fmt::format("nobody serves port {}: {}", port, process.err() + process.out()));
}

}  // namespace

Servers::Servers(const Netns &host, const Address &address) {
    std::filesystem::create_directory(folder_.path() / "temp");
    const auto start = [&](const std::vector<std::string> &command, std::uint16_t port) {
        processes_.push_back(std::make_unique<Process>(command, ProcessOptions{.netns = &host}));
        wait_until_it_serves(host, *processes_.back(), port);
    };
    start(nginx(folder_, folder_.write("nginx.conf", web_server(folder_))), kBackendWeb);
    start({"dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file", "--user=root",
           "--no-resolv", "--no-hosts", "--cache-size=0", "--log-facility=-",
           "--listen-address=" + address.to_string(), "--bind-interfaces",
           "--address=/weir.example/" + address.to_string()},
          kDnsPort);
    start({"iperf3", "--server", "--port", std::to_string(kIperfPort)}, kIperfPort);
}

Proxy::Proxy(Kind kind, const Netns &host, const Endpoint &vip, const Address &backend) {
    host.command("ip addr add " + vip.address.to_string() + "/32 dev lo");
    const auto command =
        kind == Kind::haproxy
            ? std::vector<std::string>{"haproxy", "-db", "-f",
                                       folder_.write("haproxy.cfg",
                                                     haproxy_configuration(vip, backend))}
            : nginx(folder_,
                    folder_.write("nginx.conf", nginx_configuration(folder_, vip, backend)));
    process_ = std::make_unique<Process>(command, ProcessOptions{.netns = &host});
    wait_until_it_serves(host, *process_, vip.port);
}

}  // namespace weir::test
