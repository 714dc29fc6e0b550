// Both ends of a measured way over veth: who makes frames faster than any socket could, and who
// counts them. Interfaces are those of a World; all of it goes with the namespaces.
#pragma once

#include <bpf/libbpf.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lb/net/address.h"
#include "tests/support/frame.h"
#include "tests/support/netns.h"

struct weir_veth;

namespace weir::test {

inline constexpr std::uint32_t kFlows = 1024;  // FLOWS of veth.bpf.c: the frames of a sender
inline constexpr std::size_t kFrame = 64;      // bytes of each

// Programs of veth.bpf.c.
struct DestroyVeth {
    void operator()(weir_veth *skeleton) const;
};
using VethPrograms = std::unique_ptr<weir_veth, DestroyVeth>;

// Frames out of a host's eth0, in turn, made by BPF_PROG_TEST_RUN with live frames.
class Sender {
  public:
    Sender(const Netns &host, const std::vector<Bytes> &frames);
    // So many. The seconds that it took, without those of other tasks in between and of the call's
    // preparations, which take as long as many thousand frames.
    double send(std::uint32_t count);

  private:
    const Netns *host_;
    VethPrograms programs_;
};

// Takes UDP away at an interface, and counts what is for its hardware address and for `own`; port
// 0: any.
class Receiver {
  public:
    Receiver(const Netns &host, const std::string &interface, const Endpoint &own);
    std::uint64_t arrived() const;

  private:
    VethPrograms programs_;
};

// The least that a forwarder can do: what arrives at one interface gets the hardware addresses of
// the next hop and leaves by another.
class Redirector {
  public:
    enum class Hook { xdp, tc };
    Redirector(Hook hook, const Netns &host, const std::string &in, const std::string &out,
               const MacAddress &next_hop);

  private:
    VethPrograms programs_;
};

MacAddress mac_of(const Netns &host, const std::string &interface);

}  // namespace weir::test
