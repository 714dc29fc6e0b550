#include "lb/capture/live.h"

#include <fmt/format.h>
#include <pcap/pcap.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "lb/capture/signals.h"
#include "lb/replay/capture.h"

namespace weir {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kFlush{1000};  // what was captured is in the file this soon
constexpr int kBatch = 1000;          // frames between two looks at bounds and signals

using Handle = std::unique_ptr<pcap, PcapDeleter>;

tl::unexpected<Error> refuse(Exit exit, const std::string &where, const std::string &what) {
    return fail(exit, fmt::format("{}: {}", where, what));
}

Result<Handle> open_interface(const LiveOptions &options) {
    std::array<char, PCAP_ERRBUF_SIZE> message{};
    Handle handle(pcap_create(options.interface.c_str(), message.data()));
    if (!handle)
        return refuse(Exit::refused, options.interface, message.data());
    pcap_set_snaplen(handle.get(), options.snaplen);
    pcap_set_promisc(handle.get(), options.promiscuous ? 1 : 0);
    pcap_set_timeout(handle.get(), 100);
    pcap_set_immediate_mode(handle.get(), options.immediate ? 1 : 0);
    pcap_set_tstamp_precision(handle.get(), PCAP_TSTAMP_PRECISION_NANO);
    const int done = pcap_activate(handle.get());
    if (done < 0) {
        const std::string reason = pcap_geterr(handle.get());
        return refuse(Exit::refused, options.interface,
                      reason.empty() ? pcap_statustostr(done) : reason);
    }
    if (pcap_setnonblock(handle.get(), 1, message.data()) != 0)
        return refuse(Exit::refused, options.interface, message.data());
    return handle;
}

Result<void> set_filter(pcap_t *handle, const std::string &filter) {
    bpf_program program{};
    if (pcap_compile(handle, &program, filter.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0)
        return refuse(Exit::usage, fmt::format("filter '{}'", filter), pcap_geterr(handle));
    const int done = pcap_setfilter(handle, &program);
    pcap_freecode(&program);
    if (done != 0)
        return refuse(Exit::refused, fmt::format("filter '{}'", filter), pcap_geterr(handle));
    return {};
}

class Live {
  public:
    Live(const LiveOptions &options, Handle handle)
        : options_(options), handle_(std::move(handle)) {}

    Result<void> begin() {
        begun_ = Clock::now();
        return next_file();
    }

    Result<LiveResult> run(const SignalFd &signals) {
        while (!ended_) {
            std::array<pollfd, 2> fds{
                {{pcap_get_selectable_fd(handle_.get()), POLLIN, 0}, {signals.get(), POLLIN, 0}}};
            if (poll(fds.data(), fds.size(), static_cast<int>(patience().count())) < 0 &&
                errno != EINTR)
                return refuse(Exit::refused, options_.interface, std::strerror(errno));
            if (fds[1].revents != 0)
                break;
            if (auto done = take(); !done)
                return tl::make_unexpected(done.error());
        }
        return finish();
    }

  private:
    // Until something is due even if no frame comes.
    milliseconds patience() const {
        milliseconds left = kFlush;
        const auto consider = [&](Clock::time_point begun, const auto &time) {
            if (time)
                left =
                    std::min(left, std::chrono::ceil<milliseconds>(begun + *time - Clock::now()));
        };
        consider(begun_, options_.time);
        consider(file_begun_, options_.file_time);
        return std::max(left, milliseconds(0));
    }

    Result<void> take() {
        error_.reset();
        const auto write = [](u_char *self, const pcap_pkthdr *header, const u_char *bytes) {
            // NOLINTNEXTLINE: the way libpcap carries an object
            reinterpret_cast<Live *>(self)->add(*header, bytes);
        };
        // NOLINTNEXTLINE: as above
        const int taken =
            pcap_dispatch(handle_.get(), kBatch, write, reinterpret_cast<u_char *>(this));
        if (error_)
            return tl::make_unexpected(*error_);
        if (taken == PCAP_ERROR)
            return refuse(Exit::refused, options_.interface, pcap_geterr(handle_.get()));
        const auto now = Clock::now();
        if (options_.time && now - begun_ >= *options_.time)
            ended_ = true;
        if (now - flushed_ >= kFlush) {
            flushed_ = now;
            pcap_dump_flush(dumper_.get());
        }
        if (!ended_ && options_.file_time && now - file_begun_ >= *options_.file_time)
            return next_file();
        return {};
    }

    void add(const pcap_pkthdr &header, const u_char *bytes) {
        if (ended_ || error_)
            return;
        // NOLINTNEXTLINE: pcap_dump() takes its dumper as unsigned char *
        pcap_dump(reinterpret_cast<u_char *>(dumper_.get()), &header, bytes);
        result_.frames++;
        if (options_.frames && result_.frames >= *options_.frames) {
            ended_ = true;
            pcap_breakloop(handle_.get());
        } else if (options_.file_bytes && static_cast<std::uint64_t>(pcap_dump_ftell64(
                                              dumper_.get())) >= *options_.file_bytes) {
            if (auto done = next_file(); !done)
                error_ = done.error();
        }
    }

    std::string name() const {
        return options_.files == 0
                   ? options_.output
                   : fmt::format("{}.{}", options_.output, number_ % options_.files);
    }

    Result<void> close_file() {
        if (!dumper_)
            return {};
        const bool whole =
            pcap_dump_flush(dumper_.get()) == 0 && std::ferror(pcap_dump_file(dumper_.get())) == 0;
        dumper_.reset();
        return whole ? Result<void>()
                     : Result<void>(refuse(Exit::refused, file_, std::strerror(errno)));
    }

    Result<void> next_file() {
        if (auto closed = close_file(); !closed)
            return closed;
        file_ = name();
        number_++;
        file_begun_ = flushed_ = Clock::now();
        dumper_.reset(pcap_dump_open(handle_.get(), file_.c_str()));
        if (!dumper_)
            return fail(Exit::usage, fmt::format("cannot write: {}", pcap_geterr(handle_.get())));
        return {};
    }

    Result<LiveResult> finish() {
        pcap_stat counts{};
        if (pcap_stats(handle_.get(), &counts) == 0)
            result_.dropped = counts.ps_drop;
        return close_file().map([&] { return result_; });
    }

    const LiveOptions &options_;
    Handle handle_;
    std::unique_ptr<pcap_dumper, PcapDeleter> dumper_;
    std::string file_;
    unsigned number_ = 0;
    Clock::time_point begun_, file_begun_, flushed_;
    LiveResult result_;
    bool ended_ = false;
    std::optional<Error> error_;  // of the call-back
};

}  // namespace

Result<LiveResult> capture_live(const LiveOptions &options, const std::function<void()> &begun) {
    const auto signals = SignalFd::open({SIGINT, SIGTERM});
    if (!signals)
        return tl::make_unexpected(signals.error());
    auto handle = open_interface(options);
    if (!handle)
        return tl::make_unexpected(handle.error());
    if (auto set = set_filter(handle->get(), options.filter); !set)
        return tl::make_unexpected(set.error());
    Live live(options, std::move(*handle));
    if (auto ready = live.begin(); !ready)
        return tl::make_unexpected(ready.error());
    begun();
    return live.run(*signals);
}

}  // namespace weir
