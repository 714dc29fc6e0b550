#include "lb/doctor/doctor.h"

#include <fmt/format.h>

#include <algorithm>

#include "lb/doctor/checks.h"
#include "lb/doctor/gather.h"

namespace weir {
namespace {

// Tuning is for those who ask; of interfaces and of a cgroup that are missing the daemon speaks
// itself.
bool is_for_the_log(const Finding &finding) {
    return is_complaint(finding) && finding.check != "queues" &&
           finding.check != "missing_interface" && finding.check != "missing_cgroup";
}

}  // namespace

Result<Findings> examine(const Config *config) {
    return gather(config).map([&](const HostFacts &facts) { return diagnose(facts, config); });
}

std::string to_line(const Finding &finding) {
    const auto of = finding.subject.empty() ? "" : " of " + finding.subject;
    const auto remedy = finding.remedy.empty() ? "" : fmt::format(" ({})", finding.remedy);
    return fmt::format("{}{}: {}: {}{}", finding.check, of, finding.found, finding.why, remedy);
}

std::vector<std::string> start_warnings(const Config &config) {
    auto findings = examine(&config);
    if (!findings)
        return {findings.error().message};
    std::stable_sort(findings->begin(), findings->end(),
                     [](const auto &a, const auto &b) { return a.severity > b.severity; });
    std::vector<std::string> lines;
    for (const auto &finding : *findings)
        if (is_for_the_log(finding))
            lines.push_back(to_line(finding));
    return lines;
}

std::string show_findings(const Findings &findings) {
    std::string text;
    const auto out = std::back_inserter(text);
    for (const auto &one : findings) {
        fmt::format_to(out, "{:<5} {}{}: {}\n", to_string(one.severity), one.check,
                       one.subject.empty() ? "" : " " + one.subject, one.found);
        if (!one.why.empty())
            fmt::format_to(out, "      {}\n", one.why);
        if (!one.remedy.empty())
            fmt::format_to(out, "      => {}\n", one.remedy);
    }
    const auto count = [&](Severity severity) {
        return std::count_if(findings.begin(), findings.end(),
                             [&](const auto &one) { return one.severity == severity; });
    };
    fmt::format_to(out, "{} ok, {} skipped, {} warnings, {} failures\n", count(Severity::ok),
                   count(Severity::skip), count(Severity::warn), count(Severity::fail));
    return text;
}

nlohmann::json to_json(const Findings &findings) {
    auto list = nlohmann::json::array();
    for (const auto &one : findings)
        list.push_back({{"check", one.check},
                        {"subject", one.subject},
                        {"severity", to_string(one.severity)},
                        {"found", one.found},
                        {"why", one.why},
                        {"remedy", one.remedy}});
    return {{"healthy", is_healthy(findings)}, {"findings", std::move(list)}};
}

bool is_healthy(const Findings &findings) {
    return std::none_of(findings.begin(), findings.end(),
                        [](const auto &one) { return one.severity == Severity::fail; });
}

}  // namespace weir
