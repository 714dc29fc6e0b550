#include "lb/daemon/backend_control.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "lb/daemon/log.h"
#include "lb/model/conditions.h"

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
    : rosters_(std::move(begun.rosters)),
      config_(config),
      write_(std::move(write)),
      notices_(notices),
      written_(std::move(begun.conditions)),
      written_at_(begun.at),
      checks_(loop, [this](const BackendKey &key, bool up,
                           const std::string &reason) { report(key, up, reason); }),
      soon_(loop),
      next_(loop) {
    restart_checks({});
    wait_for_next_change();
}

BackendControl::Moment BackendControl::with(const Config &config, const Affected &affected) const {
    Moment moment{{}, Clock::now(), {}, affected};
    moment.rosters = affected ? rosters_.part(names_of(config, *affected)) : rosters_;
    moment.rosters.configure(config, affected, moment.at);
    moment.conditions = moment.rosters.conditions(moment.at);
    return moment;
}

void BackendControl::configure(Moment written) {
    if (written.affected) {
        rosters_.take(std::move(written.rosters));
    } else {
        rosters_ = std::move(written.rosters);
        written_at_ = written.at;
    }
    log_changes(written.conditions);
    note_written(std::move(written.conditions), written.affected);
    restart_checks(written.affected);
    wait_for_next_change();
    if (!touched_.empty())  // what could not be written of other services
        write_soon();
}

Result<void> BackendControl::change(const Overrides &changes) {
    std::set<std::string> services;
    for (const auto &[key, change] : changes)
        services.insert(key.service);
    Rosters before = rosters_.part(services);
    for (const auto &[key, change] : changes)
        rosters_.set_override(key, change, Clock::now());
    touched_.insert(services.begin(), services.end());
    if (auto done = write_now(); !done) {
        rosters_.take(std::move(before));
        try_to_write();  // a part of the change may be in the tables
        return done;
    }
    restart_checks(services_named(config_, services));
    return {};
}

Result<void> BackendControl::set_override(const BackendKey &key, const Override &change) {
    return this->change({{key, change}}).map([&] {
        note(notices_, about(key, NoticeKind::admin_override, LogLevel::info, describe(change)));
    });
}

Result<void> BackendControl::clear_overrides() {
    Overrides changes = rosters_.overrides();
    for (auto &[key, change] : changes)
        change = {};
    return change(changes).map([this] {
        note(notices_, {NoticeKind::admin_override, LogLevel::info, "all overrides are removed"});
    });
}

std::optional<BackendView> BackendControl::view(const BackendKey &key) const {
    auto seen = rosters_.find(key, written_);
    const auto check = checks_.status(key);
    if (seen && check)
        seen->trouble = check->trouble;
    return seen;
}

// A backend in maintenance is not checked.
void BackendControl::restart_checks(const Affected &affected) {
    std::set<BackendKey> skip;
    for (const auto &[key, change] : rosters_.overrides())
        if (change.admin == Admin::maintenance)
            skip.insert(key);
    checks_.configure(config_, skip, affected);
}

void BackendControl::report(const BackendKey &key, bool up, const std::string &reason) {
    rosters_.set_health(key, up, reason, Clock::now());
    touched_.insert(key.service);
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
    touched_.merge(rosters_.changed_by_time(written_at_, time));
    std::set<std::string> services;
    Conditions now;
    for (const std::string &service : touched_) {
        Conditions of_this = rosters_.conditions(service, time);
        if (!differs(service, of_this))
            continue;
        services.insert(service);
        now.merge(of_this);
    }
    if (!services.empty()) {
        in_doubt_.insert(services.begin(), services.end());
        if (auto done = write_(services, now); !done)
            return done;
        log_changes(now);
        note_written(std::move(now), services_named(config_, services));
    }
    touched_.clear();
    written_at_ = time;
    wait_for_next_change();
    return {};
}

bool BackendControl::differs(const std::string &service, const Conditions &now) const {
    const auto [begin, end] = of_service(written_, service);
    return in_doubt_.count(service) != 0 || !std::equal(begin, end, now.begin(), now.end());
}

void BackendControl::note_written(Conditions now, const Affected &affected) {
    if (!affected) {
        written_ = std::move(now);
        in_doubt_.clear();
        return;
    }
    const auto services = names_of(config_, *affected);
    replace_services(written_, services, std::move(now));
    for (const std::string &service : services)
        in_doubt_.erase(service);
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
        const auto seen = rosters_.find(key, now);
        const auto what = describe(before->second, condition, seen ? why(*seen) : "");
        const bool went_down =
            before->second.state != condition.state && condition.state == BackendState::down;
        if (!what.empty())
            note(notices_, about(key, NoticeKind::backend,
                                 went_down ? LogLevel::warn : LogLevel::info, what));
    }
}

// After the last time all were written: one that came since is due at once.
void BackendControl::wait_for_next_change() {
    const auto next = rosters_.next_change(written_at_);
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
