// The journal's native protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL), as a sink of spdlog.
#pragma once

#include <spdlog/sinks/base_sink.h>

#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lb/dataplane/fd.h"

namespace weir {

using JournalFields = std::vector<std::pair<std::string_view, std::string_view>>;

// One entry. A value with line breaks is written with its length, as the protocol wants it.
std::string to_journal_entry(const JournalFields &fields);

// syslog(3): 7 debug, 6 info, 4 warning, 3 error.
int to_priority(spdlog::level::level_enum level);

class JournalSink : public spdlog::sinks::base_sink<std::mutex> {
  public:
    JournalSink();

    void set_instance(const std::string &instance);
    // What does not reach the journal goes to stderr, with the priority in front as the journal
    // reads it there (sd-daemon(3)).
    void write(spdlog::level::level_enum level, std::string_view text, const JournalFields &more);

  protected:
    void sink_it_(const spdlog::details::log_msg &message) override;
    void flush_() override {}

  private:
    void send(spdlog::level::level_enum level, std::string_view text, const JournalFields &more);
    bool send_entry(spdlog::level::level_enum level, std::string_view text,
                    const JournalFields &more);

    Fd socket_;
    std::string instance_;
    std::uint64_t lost_ = 0;  // lines, since the last one that it took
};

}  // namespace weir
