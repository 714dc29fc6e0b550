// The log of the daemon: one line per change of state, on stderr, or in the journal when stderr
// leads there.
#pragma once

#include <string>
#include <string_view>

#include "lb/config/config.h"

namespace weir {

// What a line is about; in the journal these are fields of their own (WEIR_INSTANCE, WEIR_SERVICE,
// WEIR_BACKEND), so that `journalctl WEIR_SERVICE=web` finds it. Empty ones are left out.
struct LogContext {
    std::string_view service{};
    std::string_view backend{};
};

// Sets up the default logger. In the journal, lines carry a priority and no time of their own.
void start_log();
// From the configuration, now and after a reload.
void configure_log(const Config &config);

// One line. The text names service and backend as well: it stands alone outside of the journal.
void log_change(LogLevel level, const LogContext &context, std::string_view text);

// Whether $JOURNAL_STREAM names what stderr is (systemd.exec(5)).
bool stderr_is_journal();

}  // namespace weir
