#include "lb/daemon/backend_control.h"

#include <fmt/format.h>

#include <utility>

#include "lb/daemon/log.h"

namespace weir {

namespace {

using Clock = std::chrono::steady_clock;

// Changes that come within this time are written together: a rack that goes down is one change.
constexpr std::chrono::milliseconds kTogether{20};
// After the tables refused a change.
constexpr std::chrono::seconds kAgain{1};

// Empty when there is nothing to say.
std::string describe(const BackendCondition &before, const BackendCondition &now,
                     const std::string &reason) {
    if (before.state != now.state)
        return fmt::format("{}, was {}{}{}", to_string(now.state), to_string(before.state),
                           reason.empty() ? "" : ": ", reason);
    if (before.flows != now.flows)
        return "drain_timeout is over, its flows end";
    if (before.weight == 0 || now.weight == 0)
        return fmt::format("weight {}, was {}", now.weight, before.weight);
    return {};
}

Notice about(const BackendKey &key, NoticeKind kind, LogLevel severity, const std::string &what) {
    const auto backend = key.endpoint.to_string();
    return {kind, severity, fmt::format("service {}, backend {}: {}", key.service, backend, what),
            key.service, backend};
}

// Why a backend is in its state, where it is not that it is well.
std::string why(const BackendView &seen) {
    switch (seen.condition.state) {
        case BackendState::draining:
        case BackendState::maintenance:
            return "an override";
        default:
            return seen.reason;
    }
}

std::string describe(const Override &change) {
    const auto weight = change.weight ? fmt::format(", weight {}", *change.weight) : "";
    return fmt::format("override {}{}", change.empty() ? "removed" : to_string(change.admin),
                       weight);
}

}  // namespace

BackendControl::BackendControl(boost::asio::io_context &loop, Moment begun, const Config &config,
                               Write write, Notices &notices)
    : roster_(std::move(begun.roster)),
      config_(config),
      write_(std::move(write)),
      notices_(notices),
      written_(std::move(begun.conditions)),
      checks_(loop, [this](const BackendKey &key, bool up,
                           const std::string &reason) { report(key, up, reason); }),
      soon_(loop),
      next_(loop) {
    restart_checks();
    wait_for_next_change(begun.at);
}

BackendControl::Moment BackendControl::with(const Config &config) const {
    Moment moment{roster_, Clock::now(), {}};
    moment.roster.configure(config, moment.at);
    moment.conditions = moment.roster.conditions(moment.at);
    return moment;
}

void BackendControl::configure(const Config &config, Moment written) {
    config_ = config;
    roster_ = std::move(written.roster);
    log_changes(written.conditions);
    written_ = std::move(written.conditions);
    restart_checks();
    wait_for_next_change(written.at);
}

Result<void> BackendControl::change(Overrides overrides) {
    const Roster before = roster_;
    roster_.set_overrides(std::move(overrides), Clock::now());
    if (auto done = write_now(); !done) {
        roster_ = before;
        return done;
    }
    restart_checks();
    return {};
}

Result<void> BackendControl::set_override(const BackendKey &key, const Override &change) {
    Overrides overrides = roster_.overrides();
    overrides[key] = change;
    return this->change(std::move(overrides)).map([&] {
        note(notices_, about(key, NoticeKind::admin_override, LogLevel::info, describe(change)));
    });
}

Result<void> BackendControl::clear_overrides() {
    return change({}).map([this] {
        note(notices_, {NoticeKind::admin_override, LogLevel::info, "all overrides are removed"});
    });
}

std::optional<BackendView> BackendControl::view(const BackendKey &key) const {
    auto seen = roster_.find(key, written_);
    const auto check = checks_.status(key);
    if (seen && check)
        seen->trouble = check->trouble;
    return seen;
}

// A backend in maintenance is not checked.
void BackendControl::restart_checks() {
    std::set<BackendKey> skip;
    for (const auto &[key, change] : roster_.overrides())
        if (change.admin == Admin::maintenance)
            skip.insert(key);
    checks_.configure(config_, skip);
}

void BackendControl::report(const BackendKey &key, bool up, const std::string &reason) {
    roster_.set_health(key, up, reason, Clock::now());
    write_soon();
}

void BackendControl::write_soon() {
    if (std::exchange(due_, true))
        return;
    soon_.expires_after(kTogether);
    soon_.async_wait([this](boost::system::error_code error) {
        if (!error)
            try_to_write();
    });
}

Result<void> BackendControl::write_now() {
    due_ = false;
    const auto time = Clock::now();
    Conditions now = roster_.conditions(time);
    if (now != written_) {
        if (auto done = write_(now); !done)
            return done;
        log_changes(now);
        written_ = std::move(now);
    }
    wait_for_next_change(time);
    return {};
}

void BackendControl::try_to_write() {
    const auto done = write_now();
    const std::string failure = done ? "" : done.error().message;
    if (!done && failure != write_error_)
        note(notices_, {NoticeKind::backend, LogLevel::error,
                        "the backends' state cannot be written, and is tried again: " + failure});
    write_error_ = failure;
    if (done)
        return;
    next_.expires_after(kAgain);
    next_.async_wait([this](boost::system::error_code error) {
        if (!error)
            try_to_write();
    });
}

void BackendControl::log_changes(const Conditions &now) {
    for (const auto &[key, condition] : now) {
        const auto before = written_.find(key);
        if (before == written_.end() || before->second == condition)
            continue;
        const auto seen = roster_.find(key, now);
        const auto what = describe(before->second, condition, seen ? why(*seen) : "");
        const bool went_down =
            before->second.state != condition.state && condition.state == BackendState::down;
        if (!what.empty())
            note(notices_, about(key, NoticeKind::backend,
                                 went_down ? LogLevel::warn : LogLevel::info, what));
    }
}

void BackendControl::wait_for_next_change(Roster::Time last) {
    const auto next = roster_.next_change(last);
    if (!next) {
        next_.cancel();
        return;
    }
    next_.expires_at(*next);
    next_.async_wait([this](boost::system::error_code error) {
        if (!error)
            try_to_write();
    });
}

}  // namespace weir
