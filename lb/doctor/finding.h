// What one check of the doctor says about one thing.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

enum class Severity {
    ok,
    skip,  // cannot be seen from here; `why` says where it can
    warn,  // costs something, or will under load
    fail,  // packets are lost, or Weir cannot start
};

std::string_view to_string(Severity severity);  // "ok", "skip", "warn", "fail"

struct Finding {
    std::string check;    // "rp_filter": a stable name
    std::string subject;  // the interface, service or file it is about; empty: the host
    Severity severity = Severity::ok;
    std::string found;
    std::string why;     // what it does to the traffic; empty when all is well
    std::string remedy;  // a command; empty when all is well, or when none helps

    bool operator==(const Finding &) const = default;
};

using Findings = std::vector<Finding>;

// Whether any is worth a word: a warning or worse.
inline bool is_complaint(const Finding &finding) {
    return finding.severity == Severity::warn || finding.severity == Severity::fail;
}

}  // namespace weir
