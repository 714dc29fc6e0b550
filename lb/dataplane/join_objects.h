// The programs that join sockets (bpf/join.bpf.c), loaded: owner of their skeleton, and through it
// of their own maps. What they share with the socket programs and the data path is theirs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "lb/config/config.h"
#include "lb/dataplane/objects.h"
#include "lb/dataplane/socket_links.h"
#include "lb/dataplane/socket_objects.h"
#include "lb/result.h"

namespace weir {

// Of a service, summed over the CPUs.
struct JoinCounters {
    std::uint64_t connections = 0;  // both ends were joined
    std::uint64_t bytes = 0;        // from socket to socket
    std::uint64_t tcp_bytes = 0;    // of joined sockets, by TCP all the same
};

class JoinObjects {
  public:
    // `pins` and `share` as in ObjectsOptions. Exit::refused, and the message says what is missing.
    static Result<JoinObjects> load(const Objects &objects, const SocketObjects &sockets,
                                    const Limits &limits, const std::filesystem::path &pins,
                                    const std::optional<std::filesystem::path> &share);

    ~JoinObjects();
    JoinObjects(JoinObjects &&) noexcept;
    JoinObjects &operator=(JoinObjects &&) noexcept;
    JoinObjects(const JoinObjects &) = delete;
    JoinObjects &operator=(const JoinObjects &) = delete;

    // Those that go on the cgroup; the descriptors stay this object's.
    std::vector<SocketProgram> programs() const;
    // Of the ids below `count`.
    Result<std::vector<JoinCounters>> counters(std::uint32_t count) const;
    // What is left of services that had these ids before.
    Result<void> clear(const std::vector<std::uint32_t> &services) const;

  private:
    struct Skeleton;
    explicit JoinObjects(std::unique_ptr<Skeleton> skeleton);

    std::unique_ptr<Skeleton> skeleton_;
};

}  // namespace weir
