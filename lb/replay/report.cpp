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
std::string in_brackets(const std::map<std::string, std::uint64_t> &reasons) {
    return reasons.empty() ? "" : fmt::format(" ({})", list_counts(reasons));
}

}  // namespace

std::string list_counts(const std::map<std::string, std::uint64_t> &counts) {
    std::string text;
    for (const auto &[name, count] : counts)
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, count);
    return text;
}

// Put together by hand: no JSON library writes 1700000000.000000, and a double does not hold it.
std::string report_line(std::uint64_t index, const Frame &in, const Outcome &outcome,
                        Resolution resolution, Timing timing) {
    const std::string spent =
        timing == Timing::yes ? fmt::format(R"(, "ns": {})", outcome.spent.count()) : "";
    return fmt::format(
        R"({{"index": {}, "time": {}, "hook": {}, "verdict": {}, "reason": {}, "service": {}, )"
        R"("backend": {}, "flow": {}, "in": {}, "out": {}{}}})",
        index, format_time(in.time, resolution), quote(to_string(outcome.hook)),
        quote(to_string(outcome.verdict)), quote(outcome.reason), quote(outcome.service),
        quote(outcome.backend), quote(to_string(outcome.flow)), in.wire_length,
        outcome.verdict == Verdict::drop ? 0 : outcome.frame.wire_length, spent);
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
    spent_ += outcome.spent;
    if (!outcome.service)
        return;
    Service &service = services_[*outcome.service];
    const auto count = [&](Traffic &traffic) {
        traffic.frames++;
        traffic.flows += outcome.flow == FlowTrace::opened ? 1U : 0U;
    };
    count(service.traffic);
    if (outcome.backend)
        count(service.backends[*outcome.backend]);
}

std::string Summary::report_line(const Config &config, Timing timing) const {
    nlohmann::ordered_json all;
    all["frames"] = in_;
    all["cut"] = cut_;
    for (const Verdict verdict : {Verdict::pass, Verdict::tx, Verdict::redirect, Verdict::drop})
        all["verdicts"][std::string(weir::to_string(verdict))] = count_of(verdict);
    all["dropped"] = nlohmann::ordered_json(reasons_);
    all["answered"] = nlohmann::ordered_json(answered_);
    all["services"] = nlohmann::ordered_json::object();
    for (const ServiceConfig &service : config.services)
        if (const auto found = services_.find(service.name); found != services_.end())
            all["services"][service.name] = of_service(service, found->second);
    if (timing == Timing::yes) {
        all["seconds"] = std::chrono::duration<double>(duration_).count();
        all["program_seconds"] = std::chrono::duration<double>(spent_).count();
    }
    return nlohmann::ordered_json{{"summary", all}}.dump();
}

// Of the flows to backends; none of no flow.
nlohmann::ordered_json Summary::of_service(const ServiceConfig &service, const Service &seen) {
    double weights = 0;
    double flows = 0;
    for (const BackendConfig &backend : service.backends)
        weights += backend.weight;
    for (const auto &[name, traffic] : seen.backends)
        flows += static_cast<double>(traffic.flows);
    nlohmann::ordered_json all{{"frames", seen.traffic.frames}, {"flows", seen.traffic.flows}};
    for (const BackendConfig &backend : service.backends) {
        const auto found = seen.backends.find(backend.endpoint.to_string());
        const Traffic traffic = found == seen.backends.end() ? Traffic{} : found->second;
        auto &one = all["backends"][backend.endpoint.to_string()];
        one = {{"frames", traffic.frames}, {"flows", traffic.flows}};
        one["share"] = flows > 0 ? static_cast<double>(traffic.flows) / flows : 0.0;
        one["weight_share"] = weights > 0 ? backend.weight / weights : 0.0;
    }
    return all;
}

std::uint64_t Summary::count_of(Verdict verdict) const {
    const auto found = verdicts_.find(verdict);
    return found == verdicts_.end() ? 0 : found->second;
}

std::string Summary::to_string() const {
    const double seconds = std::chrono::duration<double>(duration_).count();
    std::string text =
        fmt::format("{} frames in, {} out: {} pass, {} tx, {} redirect, {} drop{}; {:.0f} frames/s",
                    in_, in_ - count_of(Verdict::drop), count_of(Verdict::pass),
                    count_of(Verdict::tx), count_of(Verdict::redirect), count_of(Verdict::drop),
                    in_brackets(reasons_) +
                        (answered_.empty() ? "" : "; answered with ICMP" + in_brackets(answered_)),
                    seconds > 0 ? static_cast<double>(in_) / seconds : 0.0);
    if (cut_ > 0)
        text += fmt::format("\n{} cut by the capture's snapshot length, and run as kept",
                            cut_ == 1 ? "1 frame was" : fmt::format("{} frames were", cut_));
    return text;
}

}  // namespace weir
