// Network namespaces for tests: without a name, and gone with their owner however the test ends.
#pragma once

#include <functional>
#include <string>

#include "lb/dataplane/fd.h"
#include "lb/net/address.h"

namespace weir::test {

// Why tests that need namespaces and BPF cannot run here; empty when they can.
std::string why_no_namespaces();

class Netns {
  public:
    // A new namespace with `lo` up. Throws std::system_error.
    Netns();

    int fd() const { return fd_.get(); }
    // A path that `ip link set ... netns PATH` takes while this process lives.
    std::string path() const;

    // Runs `work` on a thread inside the namespace and waits for it; what it throws comes out here.
    // Sockets that it opens stay in the namespace.
    void run(const std::function<void()> &work) const;

    // A command inside, "ip addr add ...": words are split at blanks. Throws when it fails.
    void command(const std::string &line) const;
    // The same, and what it printed.
    std::string output(const std::string &line) const;
    // Writes below /proc/sys, "net/ipv4/ip_forward".
    void sysctl(const std::string &name, const std::string &value) const;

  private:
    Fd fd_;
};

// A pair of virtual interfaces between two namespaces, both up, neighbours known at once.
// Transmit checksums are computed by the sender, and both ends take frames that XDP sends.
void connect(const Netns &a, const std::string &name_a, const Netns &b, const std::string &name_b);

// IPv6 on an interface that connect() made, where it is off: frames nobody asked for would disturb
// tests that look at every frame. Addresses can be used at once.
void enable_ipv6(const Netns &netns, const std::string &name);

// From here on, this process and its children see an empty /run and a bpffs of their own at
// /sys/fs/bpf; what they leave there goes with them. Once per process; more calls do nothing.
void enter_mount_sandbox();

}  // namespace weir::test
