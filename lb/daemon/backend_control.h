// Keeps the tables in step with the state of the backends: health checks, overrides and time go
// into the roster, and what it says of the backends into the data path.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <optional>
#include <string>

#include "lb/config/config.h"
#include "lb/health/health_checks.h"
#include "lb/model/roster.h"
#include "lb/result.h"
#include "lb/stats/notices.h"

namespace weir {

class BackendControl {
  public:
    // Writes the conditions to the tables; called on the loop.
    using Write = std::function<Result<void>(const Conditions &)>;

    // A roster, and what it says at a time.
    struct Moment {
        Roster roster;
        Roster::Time at;
        Conditions conditions;
    };

    // `begun`: written in the tables. `notices` outlives it.
    BackendControl(boost::asio::io_context &loop, Moment begun, const Config &config, Write write,
                   Notices &notices);

    // The state of the backends with `config`; nothing changes.
    Moment with(const Config &config) const;
    // `config` is in force, and `written` in the tables.
    void configure(const Config &config, Moment written);
    // After an error it is as it was. Exit::refused.
    Result<void> set_override(const BackendKey &key, const Override &change);
    Result<void> clear_overrides();

    const Roster &roster() const { return roster_; }
    std::optional<BackendView> view(const BackendKey &key) const;
    const AllCheckTimes &check_times() const { return checks_.times(); }

  private:
    void report(const BackendKey &key, bool up, const std::string &reason);
    void restart_checks();
    // Soon, and once for all changes until then.
    void write_soon();
    Result<void> write_now();
    void try_to_write();
    Result<void> change(Overrides overrides);
    // After `last`, when conditions were computed: one that came since is due at once.
    void wait_for_next_change(Roster::Time last);
    void log_changes(const Conditions &now);

    Roster roster_;
    Config config_;
    Write write_;
    Notices &notices_;
    std::string write_error_;  // the last one that was noted, until a write succeeds
    Conditions written_;
    HealthChecks checks_;
    boost::asio::steady_timer soon_;
    boost::asio::steady_timer next_;
    bool due_ = false;
};

}  // namespace weir
