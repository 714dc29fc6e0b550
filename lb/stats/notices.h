// What happened in the control plane, kept for who comes to look afterwards: the last of it only.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "lb/config/config.h"

namespace weir {

enum class NoticeKind { start, reload, backend, admin_override, interface };
std::string_view to_string(NoticeKind kind);  // "start", "reload", "backend", "override", ...

struct Notice {
    NoticeKind kind = NoticeKind::start;
    LogLevel severity = LogLevel::info;
    std::string text;       // one line that stands alone
    std::string service{};  // what it is about; empty where it is about none
    std::string backend{};
    std::string interface {};
};

class Notices {
  public:
    using Time = std::chrono::system_clock::time_point;

    static constexpr std::size_t kMost = 200;
    static constexpr std::size_t kMostText = 1000;  // bytes; longer ones end in "..."

    struct Entry {
        std::uint64_t number = 0;  // 1 for the first since the daemon started
        Time time;
        Notice notice;
    };

    void add(Notice notice, Time now);
    // The oldest first.
    const std::deque<Entry> &entries() const { return entries_; }
    // The number of the last one; 0: there was none.
    std::uint64_t last() const { return last_; }

  private:
    std::deque<Entry> entries_;
    std::uint64_t last_ = 0;
};

}  // namespace weir
