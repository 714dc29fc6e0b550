#include "lb/trace/socket_trace.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "lb/dataplane/flow_table.h"
#include "lb/dataplane/library_log.h"
#include "lb/dataplane/map_access.h"
#include "lb/trace/tracefs.h"
// The skeleton names the types of abi_trace.h.
#include "trace_sockets.skel.h"

namespace weir {
namespace {

constexpr std::uint32_t kBatch = 1024;  // entries of a system call

struct SkeletonDeleter {
    void operator()(weir_trace_sockets *skeleton) const { weir_trace_sockets__destroy(skeleton); }
};
using Skeleton = std::unique_ptr<weir_trace_sockets, SkeletonDeleter>;
struct LinkDeleter {
    void operator()(bpf_link *link) const { bpf_link__destroy(link); }
};
using Link = std::unique_ptr<bpf_link, LinkDeleter>;

tl::unexpected<Error> refused(const std::string &what, int error) {
    const char *why =
        error == EPERM || error == EACCES
            ? "it needs CAP_BPF and CAP_PERFMON, CAP_SYS_ADMIN where kernel.perf_event_paranoid is "
              "above 2, and a kernel that is not locked down: run it as root"
        : error == E2BIG  ? "64 programs are there already"
        : error == ENOMEM ? "no memory"
                          : "Weir needs Linux 6.1 or later with BTF";
    return fail(Exit::refused,
                fmt::format("the kernel refuses {}: {} ({})", what, std::strerror(error), why));
}

Result<Skeleton> load(const SocketTraceOptions &options) {
    Skeleton skeleton(weir_trace_sockets__open());
    if (!skeleton)
        return refused("to load the trace", errno);
    auto &wanted = skeleton->rodata->options;
    wanted.pid = options.pid;
    options.comm.copy(wanted.comm, sizeof wanted.comm - 1);
    if (const int error = weir_trace_sockets__load(skeleton.get()); error != 0)
        return refused("to load the trace", -error);
    return skeleton;
}

// Not by libbpf, which looks for a mounted tracefs. On all CPUs: the event's own matters to perf.
Result<Link> attach(const bpf_program *program, const TracedSyscall &syscall, int tracepoint) {
    perf_event_attr event{};
    event.size = sizeof event;
    event.type = PERF_TYPE_TRACEPOINT;
    event.config = static_cast<__u64>(tracepoint);
    const auto fd = ::syscall(SYS_perf_event_open, &event, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
    if (fd < 0)
        return refused(fmt::format("to trace {}()", syscall.name), errno);
    LIBBPF_OPTS(bpf_perf_event_opts, options);
    options.bpf_cookie = syscall.call;
    Link link(bpf_program__attach_perf_event_opts(program, static_cast<int>(fd), &options));
    if (link)
        return link;
    const int error = errno;
    ::close(static_cast<int>(fd));
    return refused(fmt::format("to trace {}()", syscall.name), error);
}

// Empties a table that nobody writes to meanwhile.
Result<void> take_all(const NamedMap &map,
                      std::vector<std::pair<weir_trace_key, weir_trace_times>> &to) {
    std::vector<weir_trace_key> keys(kBatch);
    std::vector<weir_trace_times> values(kBatch);
    std::uint32_t position = 0;
    bool begun = false;
    while (true) {
        std::uint32_t count = kBatch;
        const int done =
            bpf_map_lookup_and_delete_batch(map.fd, begun ? &position : nullptr, &position,
                                            keys.data(), values.data(), &count, nullptr);
        if (done != 0 && errno != ENOENT)
            return map_error(map.name, "read", errno);
        for (std::uint32_t i = 0; i < count; i++)
            to.emplace_back(keys[i], values[i]);
        if (done != 0)
            return {};
        begun = true;
    }
}

std::uint64_t skipped_runs(const bpf_program *program) {
    bpf_prog_info info{};
    std::uint32_t size = sizeof info;
    const int done = bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size);
    return done == 0 ? info.recursion_misses : 0;
}

}  // namespace

// Destroyed from the bottom up: the links first.
struct SocketTrace::Inside {
    Skeleton skeleton;
    std::vector<Link> links;
    std::vector<std::string> missing;
    bool other = false;  // trace_other is the table that the programs use

    // Ends before beginnings: a call whose end would not be seen would wait for ever.
    Result<void> trace(const Tracefs &tracefs, const TracedSyscall &syscall) {
        const auto end = tracefs.syscall_tracepoint(fmt::format("sys_exit_{}", syscall.name));
        const auto begin = tracefs.syscall_tracepoint(fmt::format("sys_enter_{}", syscall.name));
        if (!end || !begin)
            return tl::make_unexpected(!end ? end.error() : begin.error());
        if (!*end || !*begin) {
            missing.emplace_back(syscall.name);
            return {};
        }
        for (const auto &[program, id] : {std::pair(skeleton->progs.weir_call_end, **end),
                                          std::pair(skeleton->progs.weir_call_begin, **begin)}) {
            auto link = attach(program, syscall, id);
            if (!link)
                return tl::make_unexpected(link.error());
            links.push_back(std::move(*link));
        }
        return {};
    }

    // The programs use the other table from now on, and none uses this one.
    Result<int> swap_tables() {
        const std::uint32_t only = 0;
        const std::array<int, 2> tables{bpf_map__fd(skeleton->maps.trace_one),
                                        bpf_map__fd(skeleton->maps.trace_other)};
        const int next = tables.at(other ? 0 : 1);
        if (bpf_map_update_elem(bpf_map__fd(skeleton->maps.trace_times), &only, &next, BPF_ANY) !=
            0)
            return map_error("trace_times", "swap", errno);
        other = !other;
        return tables.at(other ? 0 : 1);
    }

    TraceUnseen unseen() const {
        std::array<std::uint64_t, WEIR_UNSEEN_KINDS> counts{};
        for (std::uint32_t kind = 0; kind < counts.size(); kind++)
            bpf_map_lookup_elem(bpf_map__fd(skeleton->maps.trace_unseen), &kind, &counts.at(kind));
        return {counts.at(WEIR_UNSEEN_BEGUN), counts.at(WEIR_UNSEEN_TIMES),
                counts.at(WEIR_UNSEEN_END),
                skipped_runs(skeleton->progs.weir_call_begin) +
                    skipped_runs(skeleton->progs.weir_call_end)};
    }
};

SocketTrace::SocketTrace(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) {}
SocketTrace::~SocketTrace() = default;
SocketTrace::SocketTrace(SocketTrace &&) noexcept = default;
SocketTrace &SocketTrace::operator=(SocketTrace &&) noexcept = default;

Result<SocketTrace> SocketTrace::start(const SocketTraceOptions &options) {
    route_library_logs();
    auto skeleton = load(options);
    if (!skeleton)
        return tl::make_unexpected(skeleton.error());
    const auto tracefs = Tracefs::open();
    if (!tracefs)
        return tl::make_unexpected(tracefs.error());
    auto inside = std::make_unique<Inside>();
    inside->skeleton = std::move(*skeleton);
    for (const TracedSyscall &syscall : kTracedSyscalls) {
        if (!options.calls.test(syscall.call))
            continue;
        if (auto done = inside->trace(*tracefs, syscall); !done)
            return tl::make_unexpected(done.error());
    }
    if (inside->links.empty())
        return fail(Exit::refused, "this kernel has no tracepoints for these calls");
    return SocketTrace(std::move(inside));
}

const std::vector<std::string> &SocketTrace::missing() const {
    return inside_->missing;
}

Result<TraceReading> SocketTrace::read() {
    TraceReading reading;
    const auto table = inside_->swap_tables();
    if (!table)
        return tl::make_unexpected(table.error());
    if (auto taken = take_all({*table, "trace_times"}, reading.ended); !taken)
        return tl::make_unexpected(taken.error());
    BatchReader begun({bpf_map__fd(inside_->skeleton->maps.trace_begun), "trace_begun"},
                      sizeof(std::uint32_t), sizeof(weir_trace_begun), kBatch);
    while (true) {
        const auto more = begun.next();
        if (!more)
            return tl::make_unexpected(more.error());
        if (!*more)
            break;
        for (std::uint32_t i = 0; i < begun.size(); i++)
            reading.waiting.push_back(begun.value<weir_trace_begun>(i));
    }
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    reading.now = static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
                  static_cast<std::uint64_t>(now.tv_nsec);
    reading.unseen = inside_->unseen();
    return reading;
}

}  // namespace weir
