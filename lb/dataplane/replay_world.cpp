#include "lb/dataplane/replay_world.h"

#include <sys/mman.h>

#include <cerrno>
#include <utility>

#include "lb/dataplane/map_access.h"

namespace weir {

Result<ReplayWorld> ReplayWorld::map(int fd) {
    // the kernel rounds the length up to a page
    void *memory = mmap(nullptr, sizeof(weir_replay), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return map_error("replay", "share its memory", errno);
    ReplayWorld world(static_cast<weir_replay *>(memory));
    world.take_trace();
    return world;
}

ReplayWorld::~ReplayWorld() {
    if (shared_ != nullptr)
        munmap(shared_, sizeof(weir_replay));
}

ReplayWorld::ReplayWorld(ReplayWorld &&other) noexcept
    : shared_(std::exchange(other.shared_, nullptr)) {}

ReplayWorld &ReplayWorld::operator=(ReplayWorld &&other) noexcept {
    std::swap(shared_, other.shared_);
    return *this;
}

// The programs run on this thread, within a system call: nobody writes at the same time.
void ReplayWorld::set_frame(std::chrono::nanoseconds time, std::uint32_t wire_length) {
    shared_->now = static_cast<std::uint64_t>(time.count());
    shared_->length = wire_length;
}

weir_trace ReplayWorld::take_trace() {
    const weir_trace nothing{WEIR_NO_SERVICE, WEIR_NO_BACKEND, WEIR_TRACE_NONE, WEIR_DROP_NONE, {}};
    return std::exchange(shared_->seen, nothing);
}

}  // namespace weir
