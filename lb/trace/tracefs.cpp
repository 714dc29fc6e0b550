#include "lb/trace/tracefs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace weir {
namespace {

constexpr int kFolder = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

// One that is not in anybody's tree of files.
Fd mount_detached() {
    const Fd context(::fsopen("tracefs", FSOPEN_CLOEXEC));
    if (!context || ::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0)
        return {};
    return Fd(::fsmount(context.get(), FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
}

// Its folder `events`; the first place that has one.
Result<Fd> open_events() {
    for (const char *place : {"/sys/kernel/tracing/events", "/sys/kernel/debug/tracing/events"}) {
        Fd events(::open(place, kFolder));
        if (events)
            return events;
        if (errno != ENOENT)
            return fail(Exit::refused,
                        fmt::format("{}: {} (run it as root)", place, std::strerror(errno)));
    }
    const Fd own = mount_detached();
    const int error = errno;
    Fd events(own ? ::openat(own.get(), "events", kFolder) : -1);
    if (events)
        return events;
    if (own || error == ENODEV)
        return fail(Exit::refused, "this kernel has no tracepoints (CONFIG_FTRACE)");
    return fail(Exit::refused,
                fmt::format("tracefs is not mounted, and cannot be ({}): as root, mount -t tracefs "
                            "tracefs /sys/kernel/tracing",
                            std::strerror(error)));
}

}  // namespace

Result<Tracefs> Tracefs::open() {
    const auto events = open_events();
    if (!events)
        return tl::make_unexpected(events.error());
    Fd syscalls(::openat(events->get(), "syscalls", kFolder));
    if (syscalls)
        return Tracefs(std::move(syscalls));
    if (errno == ENOENT)
        return fail(Exit::refused,
                    "this kernel has no tracepoints for system calls (CONFIG_FTRACE_SYSCALLS)");
    return fail(Exit::refused,
                fmt::format("tracefs: events/syscalls: {} (run it as root)", std::strerror(errno)));
}

Result<std::optional<int>> Tracefs::syscall_tracepoint(const std::string &name) const {
    const Fd file(::openat(syscalls_.get(), (name + "/id").c_str(), O_RDONLY | O_CLOEXEC));
    if (!file && errno == ENOENT)
        return std::nullopt;
    std::array<char, 16> text{};
    const auto size = file ? ::read(file.get(), text.data(), text.size() - 1) : -1;
    const int id = size > 0 ? std::atoi(text.data()) : 0;
    if (id > 0)
        return id;
    return fail(Exit::refused, fmt::format("tracefs: events/syscalls/{}/id: {}", name,
                                           size < 0 ? std::strerror(errno) : "not a number"));
}

}  // namespace weir
