// The checks of one backend, one after another.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>

#include "lb/health/check_times.h"
#include "lb/health/judgement.h"
#include "lb/health/probes.h"
#include "lb/health/slots.h"

namespace weir {

// What the checks of all backends share.
struct CheckContext {
    std::function<void(const BackendKey &, bool up, const std::string &reason)> report;
    std::function<void(const BackendKey &, const std::string &reason)> note_not_made;
    AllCheckTimes times;
    Tools tools;
    // Room is apart for what is dear: a service of slow programs delays no TCP check.
    std::shared_ptr<Slots> sockets;
    std::shared_ptr<Slots> handshakes;
    std::shared_ptr<Slots> programs;
    std::mt19937_64 jitter;

    const std::shared_ptr<Slots> &slots_of(CheckType type) const;
};

// From the start of a check to that of the next, a tenth less at most. Never more: "down after
// `fall` intervals" is a promise.
std::chrono::nanoseconds jittered(std::chrono::milliseconds interval, std::mt19937_64 &random);

class Check : public std::enable_shared_from_this<Check> {
  public:
    Check(std::shared_ptr<CheckContext> context, BackendKey key, CheckTarget target,
          CheckConfig config);

    void start(std::chrono::milliseconds delay);
    void stop();  // for good
    bool asks(const CheckTarget &target, const HealthCheckConfig &config) const {
        return target_ == target && *config_ == config;
    }
    // The state that another check left behind is this one's to begin with.
    void inherit(const Judgement &judgement);
    const Judgement &judgement() const { return judgement_; }
    std::chrono::milliseconds interval() const { return config_->interval; }

  private:
    using Clock = std::chrono::steady_clock;

    // At `time`, unless something else was planned since.
    void plan(Clock::time_point time, void (Check::*next)());
    void wait_for_slot();
    void run(Slot slot);
    void overdue();
    void ended(const CheckOutcome &outcome);

    std::shared_ptr<CheckContext> context_;
    BackendKey key_;
    CheckTarget target_;
    CheckConfig config_;
    Judgement judgement_;
    boost::asio::steady_timer timer_;  // of the next start; of the deadline while a probe runs
    std::uint64_t planned_ = 0;        // counts what the timer was set for
    Clock::time_point started_{};
    ProbePointer probe_;
    bool stopped_ = false;
};

}  // namespace weir
