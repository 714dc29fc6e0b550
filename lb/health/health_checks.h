// The health checks of all backends, on the daemon's loop.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "lb/config/affected.h"
#include "lb/config/config.h"
#include "lb/health/check_times.h"
#include "lb/health/judgement.h"
#include "lb/model/overrides.h"

namespace weir {

class Check;
struct CheckContext;
struct CheckTarget;

// How many checks may be under way at once; the others wait, and their intervals become longer.
struct HealthCheckLimits {
    // Of the first two, no more than the process may open files, less what the daemon itself needs.
    std::size_t sockets = 8192;           // of type tcp, http, udp, dns and icmp
    std::size_t handshakes = 1024;        // of type https, some 50 KiB each
    std::size_t programs = 16;            // of type exec
    std::optional<std::uint64_t> seed{};  // of the jitter; none: another one every time
};

struct HealthCheckCounts {
    std::size_t backends = 0;  // that are checked
    std::size_t running = 0;   // checks under way
    std::size_t most_running = 0;
    std::size_t waiting = 0;     // checks that are due, and for which there is no room
    std::uint64_t not_made = 0;  // that the checker could not make, since the start
};

class HealthChecks {
  public:
    // Called on the loop when a backend turns, the first result included: up or down, and why (the
    // last failure in one line; empty when up). It may call configure(), but not destroy this.
    using Report = std::function<void(const BackendKey &, bool up, const std::string &reason)>;

    // Raises the process's soft limit of open files to the hard one. The loop outlives this, and
    // is run by one thread: the one that calls everything here.
    HealthChecks(boost::asio::io_context &loop, Report report, HealthCheckLimits limits = {});
    ~HealthChecks();  // NOLINT(bugprone-exception-escape): see there
    HealthChecks(const HealthChecks &) = delete;
    HealthChecks &operator=(const HealthChecks &) = delete;
    HealthChecks(HealthChecks &&) = delete;
    HealthChecks &operator=(HealthChecks &&) = delete;

    // Makes the checks those of the configuration. One whose target and health_check stay the same
    // goes on undisturbed; one that changes begins anew from the state it has. `skip` are not
    // checked (maintenance): when they are again, the first result decides. Certificates in files
    // are read anew. Services that are not affected are not looked at.
    void configure(const Config &config, const std::set<BackendKey> &skip = {},
                   const Affected &affected = std::nullopt);
    // Nothing for a backend that is not checked.
    std::optional<CheckStatus> status(const BackendKey &key) const;
    HealthCheckCounts counts() const;
    // Of the services that are checked, or were since they were configured.
    const AllCheckTimes &times() const;

  private:
    using Checks = std::map<BackendKey, std::shared_ptr<Check>>;

    // Takes out the checks of the affected services.
    Checks take_out(const Config &config, const Affected &affected);
    // The check of a backend, which may be one of `before`, taken out of there.
    void configure_one(Checks &before, const BackendKey &key, const CheckTarget &target,
                       const std::shared_ptr<const HealthCheckConfig> &config, Checks &started);
    void start(Checks started);
    void note_not_made(const BackendKey &key, const std::string &reason);

    std::shared_ptr<CheckContext> context_;
    Checks checks_;
    std::uint64_t not_made_ = 0;
    std::uint64_t not_made_noted_ = 0;
    std::optional<std::chrono::steady_clock::time_point> noted_;
};

}  // namespace weir
