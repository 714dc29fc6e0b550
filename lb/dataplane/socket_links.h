// The socket programs on their cgroup. A link (bpf_link) holds each of them there, pinned, so that
// they stay when the daemon goes; another daemon puts its own programs into the same links, with no
// moment between the two.
#pragma once

#include <bpf/bpf.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "lb/dataplane/cgroup.h"
#include "lb/dataplane/fd.h"
#include "lb/result.h"

namespace weir {

struct SocketProgram {
    std::string name;  // of its pin: "connect4"
    int program = -1;
    bpf_attach_type type{};
    bool of_netns = false;  // it goes on this network namespace, not on the cgroup
};

class SocketLinks {
  public:
    // `folder`: where the pins go; made with the first and removed with the last of them.
    explicit SocketLinks(std::filesystem::path folder) : folder_(std::move(folder)) {}

    // The id of the cgroup that programs are on; 0: of none, or of one that was removed.
    Result<std::uint64_t> cgroup() const;
    // Puts these programs on the cgroup, or only those of the network namespace where that does not
    // exist, and nothing else. All or nothing.
    Result<void> attach(const Cgroup &cgroup, const std::vector<SocketProgram> &programs);
    // As it was before the last attach(), as far as that can be; the first thing that cannot.
    Result<void> undo();
    // It is in force: what was before it is let go.
    void settle() { done_.clear(); }
    Result<void> detach();

  private:
    // What attach() did to a pin.
    struct Step {
        std::filesystem::path pin;
        Fd link;         // that was there before; none: nothing was
        Fd old_program;  // that `link` had, where it has another one now; none: it was replaced
    };
    // Where a program goes.
    struct Place {
        int fd = -1;
        std::uint64_t id = 0;  // as the kernel tells it of a link
        std::string name;
    };
    Result<void> put(const Place &place, const SocketProgram &program);
    Result<void> make(const Place &place, const SocketProgram &program, Step step);
    Result<void> remove_others(const std::vector<SocketProgram> &programs);
    static Result<void> undo(const Step &step);

    std::filesystem::path folder_;
    std::vector<Step> done_;
};

}  // namespace weir
