// Hosts for each way from a client to the servers, so that measurements follow each other without
// any change: a World with its servers and what stands between.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "tests/benchmarks/servers.h"
#include "tests/benchmarks/weir_daemon.h"
#include "tests/benchmarks/workloads.h"
#include "tests/e2e/world.h"
#include "tests/support/cgroup.h"

namespace weir::test {

enum class Way {
    // the client is a host of its own
    link,      // client and server on one link, nothing between
    direct,    // through Weir's host, which only routes
    weir_xdp,  // hook: xdp, with the offloads off that XDP on veth cannot do with
    weir_tc,   // hook: tc
    nftables,  // DNAT
    haproxy,   // TCP mode
    nginx,     // stream
    // the client is a program on Weir's host
    local_direct,
    local_sockets,  // the socket path
    local_packets,  // hook: tc, by TC egress
    local_haproxy,
};

class RequestSite {
  public:
    explicit RequestSite(Way way);

    const Target &target() const { return target_; }

  private:
    bool local() const { return way_ >= Way::local_direct; }
    void set_up();
    void set_up_links();
    void use_link();
    void use_backend();
    void use_vip();
    void run_weir(const std::string &hook);
    void run_sockets();
    void translate_by_nftables();
    void run_proxy(Proxy::Kind kind);
    std::string services() const;

    Way way_;
    World world_{Family::v4};
    Target target_;
    std::unique_ptr<TestCgroup> cgroup_;  // of the client
    std::optional<Servers> servers_;
    std::optional<WeirDaemon> daemon_;
    std::optional<Proxy> proxy_;
};

}  // namespace weir::test
