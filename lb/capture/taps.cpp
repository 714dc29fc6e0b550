#include "lb/capture/taps.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>

#include "bpf/abi.h"
#include "lb/capture/tapped_frames.h"
#include "lb/dataplane/fd.h"
#include "lb/dataplane/flow_table.h"
#include "lb/dataplane/library_log.h"
#include "lb/dataplane/map_access.h"
#include "lb/dataplane/old_map.h"
#include "lb/dataplane/pins.h"
#include "lb/dataplane/program_ids.h"
#include "lb/dataplane/tc_link.h"

namespace weir {

namespace {

constexpr std::size_t kBufferPages = 512;    // of each CPU
constexpr std::chrono::seconds kRenewal{5};  // the data path tells for so long without a renewal

struct BufferDeleter {
    void operator()(perf_buffer *buffer) const { perf_buffer__free(buffer); }
};
using Buffer = std::unique_ptr<perf_buffer, BufferDeleter>;

tl::unexpected<Error> not_there(const TapOptions &options) {
    return fail(Exit::refused,
                fmt::format("{}: instance {} has no programs there (weir status lists its "
                            "interfaces)",
                            options.interface, options.instance));
}

// The tables that programs use: a start that was killed, or is under way, leaves others beside
// them. Empty: there are none.
std::filesystem::path tables_in_use(const std::string &instance) {
    auto all = tables_of(instance);
    std::reverse(all.begin(), all.end());
    for (const auto &one : all) {
        const Fd settings(bpf_obj_get((one / "settings").c_str()));
        if (settings && tc_is_loaded({map_id_of(settings.get())}))
            return one;
    }
    return {};
}

// The folder of the tables, locked against another listener.
Result<Fd> lock(const std::filesystem::path &tables, const std::string &instance) {
    Fd folder(::open(tables.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder && flock(folder.get(), LOCK_EX | LOCK_NB) == 0)
        return folder;
    if (folder && errno == EWOULDBLOCK)
        return fail(
            Exit::refused,
            fmt::format("another weir capture --verdicts listens to the instance '{}'", instance));
    return fail(Exit::refused,
                fmt::format("cannot lock {}: {}", tables.string(), std::strerror(errno)));
}

Result<Fd> open_map(const std::filesystem::path &tables, const char *name) {
    Fd map(bpf_obj_get((tables / name).c_str()));
    if (!map)
        return map_error(name, "open", errno);
    return map;
}

// The instance's programs are on the interface, which has a number; 0: on any.
Result<unsigned> find_interface(const TapOptions &options, const std::filesystem::path &tables) {
    if (options.interface == "any")
        return 0U;
    const unsigned ifindex = if_nametoindex(options.interface.c_str());
    if (ifindex == 0)
        return fail(Exit::refused, fmt::format("{}: {}", options.interface, std::strerror(errno)));
    const Fd settings(bpf_obj_get((tables / "settings").c_str()));
    if (!tc_is_attached(ifindex, TcSide::ingress, OwnPrograms({map_id_of(settings.get())})))
        return not_there(options);
    return ifindex;
}

}  // namespace

static_assert(static_cast<int>(PacketHook::xdp_ingress) == WEIR_XDP_INGRESS);
static_assert(static_cast<int>(PacketHook::tc_ingress) == WEIR_TC_INGRESS);
static_assert(static_cast<int>(PacketHook::tc_egress) == WEIR_TC_EGRESS);

struct Taps::Inside {
    explicit Inside(std::uint32_t snaplen) : frames(snaplen) {}
    ~Inside() {
        wanted.until = 0;
        if (capture)
            static_cast<void>(put(NamedMap{capture.get(), "capture"}, kOnly, wanted, "end"));
    }
    Inside(const Inside &) = delete;
    Inside &operator=(const Inside &) = delete;
    Inside(Inside &&) = delete;
    Inside &operator=(Inside &&) = delete;

    Result<void> renew() {
        const auto now = data_path_now(-1);
        if (now < renewed + kRenewal / 5)
            return {};
        if (renewed.count() != 0 && now > renewed + kRenewal)
            missed += now - renewed - kRenewal;
        const Fd pinned(bpf_obj_get(pin.c_str()));
        if (map_id_of(pinned.get()) != map_id_of(capture.get()))
            return fail(Exit::refused,
                        "the instance's tables were replaced or taken away: begin anew");
        renewed = now;
        wanted.until = static_cast<std::uint64_t>((now + kRenewal).count());
        return put(NamedMap{capture.get(), "capture"}, kOnly, wanted, "begin");
    }
    static void on_event(void *self, int cpu, void *data, std::uint32_t size) {
        static_cast<Inside *>(self)->frames.add(cpu, data, size);
    }
    static void on_lost(void *self, int, __u64 count) {
        static_cast<Inside *>(self)->lost += count;
    }

    std::filesystem::path pin;  // of `capture`
    Fd folder, capture, captured;
    weir_capture wanted{};
    std::chrono::nanoseconds renewed{0}, missed{0};
    Buffer buffer;
    TappedFrames frames;
    std::uint64_t lost = 0;
};

Taps::Taps(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) {}
Taps::~Taps() = default;
Taps::Taps(Taps &&) noexcept = default;
Taps &Taps::operator=(Taps &&) noexcept = default;

Result<Taps> Taps::open(const TapOptions &options) {
    route_library_logs();
    const auto tables = tables_in_use(options.instance);
    if (tables.empty())
        return not_there(options);
    if (pinned_abi(tables) != WEIR_ABI)
        return fail(Exit::refused,
                    fmt::format("instance {} is of another version of Weir: use the weir that it "
                                "was started with, or restart it with this one",
                                options.instance));
    const auto ifindex = find_interface(options, tables);
    if (!ifindex)
        return tl::make_unexpected(ifindex.error());
    auto folder = lock(tables, options.instance);
    auto captured = folder ? open_map(tables, "captured") : tl::make_unexpected(folder.error());
    auto capture = captured ? open_map(tables, "capture") : tl::make_unexpected(captured.error());
    if (!capture)
        return tl::make_unexpected(capture.error());
    const auto snaplen = std::min<std::uint32_t>(options.snaplen, WEIR_CAPTURE_SNAPLEN);
    auto inside = std::make_unique<Inside>(snaplen);
    inside->pin = tables / "capture";
    inside->folder = std::move(*folder);
    inside->captured = std::move(*captured);
    inside->wanted.ifindex = *ifindex;
    inside->wanted.snaplen = snaplen;
    inside->capture = std::move(*capture);
    // what one that was killed wanted
    if (auto ended = put(NamedMap{inside->capture.get(), "capture"}, kOnly, inside->wanted, "end");
        !ended)
        return tl::make_unexpected(ended.error());
    inside->buffer.reset(perf_buffer__new(inside->captured.get(), kBufferPages, Inside::on_event,
                                          Inside::on_lost, inside.get(), nullptr));
    if (!inside->buffer)
        return map_error("captured", "listen", errno);
    return inside->renew().map([&] { return Taps(std::move(inside)); });
}

int Taps::descriptor() const {
    return perf_buffer__epoll_fd(inside_->buffer.get());
}

Result<void> Taps::take(const std::function<void(TappedFrame)> &visit) {
    if (auto renewed = inside_->renew(); !renewed)
        return renewed;
    // not poll(): who waited for the descriptor has used up what it has to say
    const int taken = perf_buffer__consume(inside_->buffer.get());
    if (taken < 0)
        return map_error("captured", "read", -taken);
    inside_->frames.take(visit);
    return {};
}

std::uint64_t Taps::lost() const {
    return inside_->lost;
}

std::chrono::nanoseconds Taps::missed() const {
    return inside_->missed;
}

}  // namespace weir
