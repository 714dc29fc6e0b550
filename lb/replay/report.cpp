#include "lb/replay/report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace weir {

namespace {

std::string quote(std::string_view text) {
    return nlohmann::json(text).dump();
}

std::string quote(const std::optional<std::string> &text) {
    return text ? quote(std::string_view(*text)) : "null";
}

// " (no_backend 2, unreachable 1)", or nothing.
std::string list(const std::map<std::string, std::uint64_t> &reasons) {
    std::string text;
    for (const auto &[reason, times] : reasons)
        text += fmt::format("{}{} {}", text.empty() ? " (" : ", ", reason, times);
    return text.empty() ? text : text + ")";
}

}  // namespace

// Put together by hand: no JSON library writes 1700000000.000000, and a double does not hold it.
std::string report_line(std::uint64_t index, const Frame &in, const Outcome &outcome,
                        Resolution resolution) {
    return fmt::format(
        R"({{"index": {}, "time": {}, "hook": {}, "verdict": {}, "reason": {}, "service": {}, )"
        R"("backend": {}, "flow": {}, "in": {}, "out": {}}})",
        index, format_time(in.time, resolution), quote(to_string(outcome.hook)),
        quote(to_string(outcome.verdict)), quote(outcome.reason), quote(outcome.service),
        quote(outcome.backend), quote(to_string(outcome.flow)), in.wire_length,
        outcome.verdict == Verdict::drop ? 0 : outcome.frame.wire_length);
}

void Summary::add(const Frame &in, const Outcome &outcome) {
    in_++;
    verdicts_[outcome.verdict]++;
    if (outcome.verdict == Verdict::drop)
        reasons_[outcome.reason.value_or("no reason given")]++;
    else if (outcome.reason)
        answered_[*outcome.reason]++;
    if (in.bytes.size() < in.wire_length)
        cut_++;
}

std::string Summary::to_string() const {
    const auto count = [this](Verdict verdict) {
        const auto found = verdicts_.find(verdict);
        return found == verdicts_.end() ? 0 : found->second;
    };
    const double seconds = std::chrono::duration<double>(duration_).count();
    std::string text = fmt::format(
        "{} frames in, {} out: {} pass, {} tx, {} redirect, {} drop{}; {:.0f} frames/s", in_,
        in_ - count(Verdict::drop), count(Verdict::pass), count(Verdict::tx),
        count(Verdict::redirect), count(Verdict::drop),
        list(reasons_) + (answered_.empty() ? "" : "; answered with ICMP" + list(answered_)),
        seconds > 0 ? static_cast<double>(in_) / seconds : 0.0);
    if (cut_ > 0)
        text += fmt::format("\n{} cut by the capture's snapshot length, and run as kept",
                            cut_ == 1 ? "1 frame was" : fmt::format("{} frames were", cut_));
    return text;
}

}  // namespace weir
