#include "lb/stats/notices.h"

#include <utility>

namespace weir {

std::string_view to_string(NoticeKind kind) {
    switch (kind) {
        case NoticeKind::start:
            return "start";
        case NoticeKind::reload:
            return "reload";
        case NoticeKind::backend:
            return "backend";
        case NoticeKind::admin_override:
            return "override";
        case NoticeKind::interface:
            break;
    }
    return "interface";
}

void Notices::add(Notice notice, Time now) {
    if (notice.text.size() > kMostText)
        notice.text.replace(kMostText - 3, std::string::npos, "...");
    entries_.push_back({++last_, now, std::move(notice)});
    if (entries_.size() > kMost)
        entries_.pop_front();
}

}  // namespace weir
