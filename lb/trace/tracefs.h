// The numbers of tracepoints, which the kernel tells in tracefs.
#pragma once

#include <optional>
#include <string>

#include "lb/dataplane/fd.h"
#include "lb/result.h"

namespace weir {

class Tracefs {
  public:
    // Where it is mounted; else a mount of its own that nobody else sees and that ends with it.
    // Exit::refused: neither is to be had, or the kernel has no tracepoints for system calls.
    static Result<Tracefs> open();

    // Of "sys_enter_connect"; nothing: the kernel has no such tracepoint.
    Result<std::optional<int>> syscall_tracepoint(const std::string &name) const;

  private:
    explicit Tracefs(Fd syscalls) : syscalls_(std::move(syscalls)) {}

    Fd syscalls_;  // its folder events/syscalls
};

}  // namespace weir
