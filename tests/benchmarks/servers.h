// Servers and proxies of the benchmarks: real programs, one worker each, ended with their owner.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lb/net/address.h"
#include "tests/support/netns.h"
#include "tests/support/process.h"
#include "tests/support/temp.h"

namespace weir::test {

inline constexpr std::uint16_t kBackendWeb = 8080;

// nginx with a short page, dnsmasq that knows weir.example, iperf3. Throws when one does not serve.
class Servers {
  public:
    // At all addresses of `host`; names resolve to `address`, where DNS is.
    Servers(const Netns &host, const Address &address);

  private:
    TempDir folder_;
    std::vector<std::unique_ptr<Process>> processes_;
};

// A proxy on `host` that takes connections at `vip`, whose address it adds to `lo`, and makes new
// ones to the servers at `backend`.
class Proxy {
  public:
    enum class Kind { haproxy, nginx };  // HAProxy knows no UDP
    Proxy(Kind kind, const Netns &host, const Endpoint &vip, const Address &backend);

  private:
    TempDir folder_;
    std::unique_ptr<Process> process_;
};

}  // namespace weir::test
