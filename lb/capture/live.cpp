#include "lb/capture/live.h"

#include <fmt/format.h>
#include <pcap/pcap.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>

#include "lb/capture/filter.h"
#include "lb/replay/capture.h"

namespace weir {

namespace {

constexpr int kBatch = 1000;  // frames between two looks at bounds and signals

using Handle = std::unique_ptr<pcap, PcapDeleter>;

tl::unexpected<Error> refuse(const std::string &where, const std::string &what) {
    return fail(Exit::refused, fmt::format("{}: {}", where, what));
}

Result<Handle> open_interface(const LiveOptions &options) {
    std::array<char, PCAP_ERRBUF_SIZE> message{};
    Handle handle(pcap_create(options.interface.c_str(), message.data()));
    if (!handle)
        return refuse(options.interface, message.data());
    pcap_set_snaplen(handle.get(), options.snaplen);
    pcap_set_promisc(handle.get(), options.promiscuous ? 1 : 0);
    pcap_set_timeout(handle.get(), 100);
    pcap_set_immediate_mode(handle.get(), options.bounds.immediate ? 1 : 0);
    pcap_set_tstamp_precision(handle.get(), PCAP_TSTAMP_PRECISION_NANO);
    const int done = pcap_activate(handle.get());
    if (done < 0) {
        const std::string reason = pcap_geterr(handle.get());
        return refuse(options.interface, reason.empty() ? pcap_statustostr(done) : reason);
    }
    if (pcap_setnonblock(handle.get(), 1, message.data()) != 0)
        return refuse(options.interface, message.data());
    return handle;
}

class LiveRecorder : public Recorder {
  public:
    LiveRecorder(std::string interface, Handle handle)
        : interface_(std::move(interface)), handle_(std::move(handle)) {}

    int descriptor() const override { return pcap_get_selectable_fd(handle_.get()); }

    Result<void> take(Recording &recording) override {
        recording_ = &recording;
        error_.reset();
        over_ = false;
        const auto write = [](u_char *self, const pcap_pkthdr *header, const u_char *bytes) {
            // NOLINTNEXTLINE: the way libpcap carries an object
            reinterpret_cast<LiveRecorder *>(self)->add(*header, bytes);
        };
        // NOLINTNEXTLINE: as above
        const int taken =
            pcap_dispatch(handle_.get(), kBatch, write, reinterpret_cast<u_char *>(this));
        if (error_)
            return tl::make_unexpected(*error_);
        if (taken == PCAP_ERROR)
            return refuse(interface_, pcap_geterr(handle_.get()));
        return {};
    }

    Result<void> open(const std::string &path) override {
        path_ = path;
        dumper_.reset(pcap_dump_open(handle_.get(), path.c_str()));
        if (!dumper_)
            return fail(Exit::usage, fmt::format("cannot write: {}", pcap_geterr(handle_.get())));
        return {};
    }

    std::uint64_t bytes() const override {
        return static_cast<std::uint64_t>(pcap_dump_ftell64(dumper_.get()));
    }
    Result<void> flush() override {
        if (pcap_dump_flush(dumper_.get()) != 0 || std::ferror(pcap_dump_file(dumper_.get())) != 0)
            return refuse(path_, fmt::format("cannot write: {}", std::strerror(errno)));
        return {};
    }
    Result<void> close() override {
        auto whole = flush();
        dumper_.reset();
        return whole;
    }

    std::uint64_t dropped() const {
        pcap_stat counts{};
        return pcap_stats(handle_.get(), &counts) == 0 ? counts.ps_drop : 0;
    }

  private:
    // The rest of a batch still comes after pcap_breakloop().
    void add(const pcap_pkthdr &header, const u_char *bytes) {
        if (over_)
            return;
        // NOLINTNEXTLINE: pcap_dump() takes its dumper as unsigned char *
        pcap_dump(reinterpret_cast<u_char *>(dumper_.get()), &header, bytes);
        const auto more = recording_->wrote();
        if (!more)
            error_ = more.error();
        over_ = !more || !*more;
        if (over_)
            pcap_breakloop(handle_.get());
    }

    std::string interface_, path_;
    Handle handle_;
    std::unique_ptr<pcap_dumper, PcapDeleter> dumper_;
    // of one take()
    Recording *recording_ = nullptr;
    bool over_ = false;
    std::optional<Error> error_;
};

}  // namespace

Result<LiveResult> capture_live(const LiveOptions &options, const std::function<void()> &begun) {
    auto handle = open_interface(options);
    if (!handle)
        return tl::make_unexpected(handle.error());
    if (auto set = set_filter(handle->get(), options.filter); !set)
        return tl::make_unexpected(set.error());
    LiveRecorder recorder(options.interface, std::move(*handle));
    Recording recording(options.bounds, recorder);
    return recording.record(begun).map([&](std::uint64_t frames) {
        return LiveResult{frames, recorder.dropped()};
    });
}

}  // namespace weir
