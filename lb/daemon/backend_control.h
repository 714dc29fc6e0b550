// Keeps the tables in step with the state of the backends: health checks, overrides and time go
// into the roster, and what it says of the backends into the data path.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <optional>
#include <set>
#include <string>

#include "lb/config/affected.h"
#include "lb/config/config.h"
#include "lb/health/health_checks.h"
#include "lb/model/rosters.h"
#include "lb/result.h"
#include "lb/stats/notices.h"

namespace weir {

class BackendControl {
  public:
    // Writes the conditions of these services to the tables; called on the loop.
    using Write = std::function<Result<void>(const std::set<std::string> &services,
                                             const Conditions &conditions)>;

    // The rosters, and what they say at a time; or a part of them, for the services of a reload
    // that are affected.
    struct Moment {
        Rosters rosters;
        Rosters::Time at;
        Conditions conditions;
        Affected affected{};
    };

    // `begun`: written in the tables. `config`, which configure() has changed, and `notices`
    // outlive it.
    BackendControl(boost::asio::io_context &loop, Moment begun, const Config &config, Write write,
                   Notices &notices);

    // The state of the backends with `config`, of which the other services are as they were;
    // nothing changes.
    Moment with(const Config &config, const Affected &affected) const;
    // The configuration has become another one, and `written` is in the tables.
    void configure(Moment written);
    // After an error it is as it was, or will be: what cannot be taken back out of the tables is
    // tried again. Exit::refused.
    Result<void> set_override(const BackendKey &key, const Override &change);
    Result<void> clear_overrides();

    const Rosters &rosters() const { return rosters_; }
    std::optional<BackendView> view(const BackendKey &key) const;
    const AllCheckTimes &check_times() const { return checks_.times(); }

  private:
    void report(const BackendKey &key, bool up, const std::string &reason);
    void restart_checks(const Affected &affected);
    // Soon, and once for all changes until then.
    void write_soon();
    Result<void> write_now();
    void try_to_write();
    // Empty ones are removed.
    Result<void> change(const Overrides &changes);
    void wait_for_next_change();
    // What the tables hold now of some services, or of all.
    void note_written(Conditions now, const Affected &affected);
    void log_changes(const Conditions &now);
    // Whether the tables hold something else of a service, or may.
    bool differs(const std::string &service, const Conditions &now) const;

    Rosters rosters_;
    const Config &config_;
    Write write_;
    Notices &notices_;
    std::string write_error_;  // the last one that was noted, until a write succeeds
    Conditions written_;
    Rosters::Time written_at_;        // when all of them were so
    std::set<std::string> touched_;   // services about which something was reported since
    std::set<std::string> in_doubt_;  // services of which a write was begun and did not succeed
    HealthChecks checks_;
    boost::asio::steady_timer soon_;
    boost::asio::steady_timer next_;
    bool due_ = false;
};

}  // namespace weir
