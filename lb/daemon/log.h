// The log of the daemon: one line per change of state, on stderr, or in the journal when stderr
// leads there.
#pragma once

#include "lb/config/config.h"
#include "lb/stats/notices.h"

namespace weir {

// Sets up the default logger. In the journal, lines carry a priority and no time of their own.
void start_log();
// From the configuration, now and after a reload.
void configure_log(const Config &config);

// One line in the log, and one in `notices`, whatever level the log has. What it is about are
// fields of their own in the journal (WEIR_INSTANCE, WEIR_SERVICE, WEIR_BACKEND, WEIR_INTERFACE),
// so that `journalctl WEIR_SERVICE=web` finds it; the text names it as well.
void note(Notices &notices, Notice notice);

// Whether $JOURNAL_STREAM names what stderr is (systemd.exec(5)).
bool stderr_is_journal();

}  // namespace weir
