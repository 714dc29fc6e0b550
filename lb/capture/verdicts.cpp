#include "lb/capture/verdicts.h"

#include <fmt/format.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "bpf/abi.h"
#include "lb/capture/filter.h"
#include "lb/capture/pcapng.h"

namespace weir {

namespace {

std::string name_of(unsigned ifindex) {
    std::array<char, IF_NAMESIZE> name{};
    return if_indextoname(ifindex, name.data()) != nullptr ? name.data()
                                                           : fmt::format("ifindex {}", ifindex);
}

std::string comment_of(const TappedFrame &tapped) {
    // a drop without a reason is none: a fragment that waits for the first one of its packet
    const bool held = tapped.verdict == Verdict::drop && !tapped.reason;
    return fmt::format("hook={} verdict={}{}", to_string(tapped.hook),
                       held ? "held" : to_string(tapped.verdict),
                       tapped.reason ? " reason=" + *tapped.reason : "");
}

class VerdictRecorder : public Recorder {
  public:
    VerdictRecorder(const VerdictOptions &options, Taps taps, std::optional<FrameFilter> filter)
        : interface_(options.taps.interface),
          side_(options.side),
          snaplen_(std::min<std::uint32_t>(options.taps.snaplen, WEIR_CAPTURE_SNAPLEN)),
          taps_(std::move(taps)),
          filter_(std::move(filter)) {}

    int descriptor() const override { return taps_.descriptor(); }

    Result<void> take(Recording &recording) override {
        Result<bool> more = true;
        auto taken = taps_.take([&](const TappedFrame &tapped) {
            if (more && *more && wanted(tapped))
                if (write(tapped))
                    more = recording.wrote();
        });
        if (!taken)
            return taken;
        return more.map([](bool) {});
    }

    Result<void> open(const std::string &path) override {
        interfaces_.clear();
        auto writer = PcapngWriter::create(path);
        if (!writer)
            return tl::make_unexpected(writer.error());
        writer_ = std::move(*writer);
        return {};
    }
    std::uint64_t bytes() const override { return writer_->bytes(); }
    Result<void> flush() override { return writer_->flush(); }
    // Without any interface a file is none for libpcap.
    Result<void> close() override {
        if (interfaces_.empty())
            writer_->add_interface(interface_, snaplen_);
        return writer_->finish();
    }

    const Taps &taps() const { return taps_; }

  private:
    bool wanted(const TappedFrame &tapped) const {
        return !filter_ || filter_->matches(tapped.before) || filter_->matches(tapped.after);
    }

    // Of the file that is open.
    std::uint32_t number_of(unsigned ifindex) {
        const auto [found, fresh] =
            interfaces_.emplace(ifindex, static_cast<std::uint32_t>(interfaces_.size()));
        if (fresh)
            writer_->add_interface(name_of(ifindex), snaplen_);
        return found->second;
    }

    // False: there is nothing of it on the side that is wanted.
    bool write(const TappedFrame &tapped) {
        const bool dropped = tapped.verdict == Verdict::drop;
        const bool changed = !dropped && tapped.before.bytes != tapped.after.bytes;
        if (dropped && side_ == Side::after)
            return false;
        PacketNotes notes{number_of(tapped.ifindex),
                          tapped.hook == PacketHook::tc_egress ? Way::outbound : Way::inbound,
                          comment_of(tapped), ++packets_,
                          EbpfAnswer{tapped.hook == PacketHook::xdp_ingress, tapped.answer}};
        const std::string comment = notes.comment;
        if (side_ != Side::after || !changed) {
            notes.comment = changed ? comment + " frame=before" : comment;
            writer_->write(tapped.before, notes);
        }
        if (side_ != Side::before && changed) {
            notes.comment = comment + " frame=after";
            writer_->write(tapped.after, notes);
        }
        return true;
    }

    std::string interface_;
    Side side_;
    std::uint32_t snaplen_;
    Taps taps_;
    std::optional<FrameFilter> filter_;
    std::optional<PcapngWriter> writer_;
    std::map<unsigned, std::uint32_t> interfaces_;  // ifindex -> number in the file
    std::uint64_t packets_ = 0;
};

}  // namespace

Result<VerdictResult> capture_verdicts(const VerdictOptions &options,
                                       const std::function<void()> &begun) {
    std::optional<FrameFilter> filter;
    if (!options.filter.empty()) {
        auto compiled = FrameFilter::compile(options.filter);
        if (!compiled)
            return tl::make_unexpected(compiled.error());
        filter = std::move(*compiled);
    }
    auto taps = Taps::open(options.taps);
    if (!taps)
        return tl::make_unexpected(taps.error());
    VerdictRecorder recorder(options, std::move(*taps), std::move(filter));
    Recording recording(options.bounds, recorder);
    return recording.record(begun).map([&](std::uint64_t frames) {
        return VerdictResult{frames, recorder.taps().lost(), recorder.taps().missed()};
    });
}

}  // namespace weir
