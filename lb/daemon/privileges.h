// Least privilege: what a daemon that runs may still do.
#pragma once

#include <string>
#include <vector>

namespace weir {

// Gives up, for good, what a daemon that has started does without, and takes CAP_SYS_ADMIN out of
// the effective set. What stays:
//
//   effective    CAP_NET_ADMIN, CAP_BPF, CAP_PERFMON: tables, programs, addresses, reserved ports;
//                CAP_NET_RAW: ICMP checks, telling neighbours
//   permitted    these, and CAP_SYS_ADMIN for AsAdministrator
//
// Inheritable, ambient and bounding set are empty, no_new_privs and SECBIT_NOROOT set: programs
// that it executes have no capability, not even as root. To be called before there is a second
// thread: capabilities are a thread's. Returns what could not be done, a line each: bounding set
// and SECBIT_NOROOT want CAP_SETPCAP, and the rest is done without.
std::vector<std::string> drop_privileges();

// CAP_SYS_ADMIN, if it is permitted, for as long as this lives: the kernel opens a program by its
// id for nobody else (kernel/bpf/syscall.c, bpf_prog_get_fd_by_id), and that is how the daemon and
// libxdp learn whose programs are on an interface.
class AsAdministrator {
  public:
    AsAdministrator();
    ~AsAdministrator();
    AsAdministrator(const AsAdministrator &) = delete;
    AsAdministrator &operator=(const AsAdministrator &) = delete;
    AsAdministrator(AsAdministrator &&) = delete;
    AsAdministrator &operator=(AsAdministrator &&) = delete;

  private:
    bool raised_ = false;
};

}  // namespace weir
