#include "lb/health/health_checks.h"

#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <algorithm>
#include <random>
#include <utility>
#include <vector>

#include "lb/health/check.h"

namespace weir {

namespace {

constexpr rlim_t kFewestFiles = 64;
constexpr rlim_t kOwnFiles = 512;  // the daemon's other descriptors: maps, API, metrics, programs
constexpr std::chrono::minutes kNoteEvery{1};
// First checks are spread over so much time for each of them, and this much at most.
constexpr std::chrono::microseconds kSpreadEach{100};
constexpr std::chrono::milliseconds kMostSpread{1000};

// The limit as it was, which is that of the programs that are run.
rlimit raise_file_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return {1024, 1024};
    const rlimit before = limit;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    return before;
}

// What the process may have open, within the limits asked for.
HealthCheckLimits within_files(HealthCheckLimits limits) {
    rlimit files{};
    if (::getrlimit(RLIMIT_NOFILE, &files) != 0)
        files.rlim_cur = 0;
    const rlim_t room = std::max(files.rlim_cur, kOwnFiles + kFewestFiles) - kOwnFiles;
    limits.handshakes = std::min<std::size_t>(limits.handshakes, room / 4);
    limits.sockets = std::min<std::size_t>(limits.sockets, room - limits.handshakes);
    return limits;
}

CheckTarget target_of(const ServiceConfig &service, const BackendConfig &backend) {
    return {service.name,
            {backend.check_address.value_or(backend.endpoint.address),
             backend.check_port.value_or(backend.endpoint.port)}};
}

std::uint64_t any_seed() {
    std::random_device device;
    return (std::uint64_t{device()} << 32U) | device();
}

}  // namespace

HealthChecks::HealthChecks(boost::asio::io_context &loop, Report report, HealthCheckLimits limits)
    : context_(std::make_shared<CheckContext>()) {
    const rlimit files = raise_file_limit();
    context_->report = std::move(report);
    context_->note_not_made = [this](const auto &key, const auto &reason) {
        note_not_made(key, reason);
    };
    context_->tools = std::make_shared<ProbeTools>(loop, files);
    limits = within_files(limits);
    context_->sockets = std::make_shared<Slots>(loop, limits.sockets);
    context_->handshakes = std::make_shared<Slots>(loop, limits.handshakes);
    context_->programs = std::make_shared<Slots>(loop, limits.programs);
    context_->jitter.seed(limits.seed.value_or(any_seed()));
}

// asio may throw where it cancels; a timer has nothing to fail at
HealthChecks::~HealthChecks() {  // NOLINT(bugprone-exception-escape)
    for (const auto &[key, check] : checks_)
        check->stop();
}

HealthChecks::Checks HealthChecks::take_out(const Config &config, const Affected &affected) {
    if (!affected)
        return std::exchange(checks_, {});
    Checks taken;
    for_affected(config, affected, [&](const ServiceConfig &service) {
        auto one = checks_.lower_bound({service.name, {}});
        while (one != checks_.end() && one->first.service == service.name)
            taken.insert(checks_.extract(one++));
    });
    return taken;
}

void HealthChecks::configure(const Config &config, const std::set<BackendKey> &skip,
                             const Affected &affected) {
    Checks before = take_out(config, affected);
    AllCheckTimes times = affected ? AllCheckTimes() : std::exchange(context_->times, {});
    Checks started;
    context_->tools->tls.forget();
    for_affected(config, affected, [&](const ServiceConfig &service) {
        if (!service.health_check) {
            context_->times.erase(service.name);
            return;
        }
        context_->times.insert(times.extract(service.name));
        const auto check_config = std::make_shared<const HealthCheckConfig>(*service.health_check);
        for (const BackendConfig &backend : service.backends) {
            const BackendKey key{service.name, backend.endpoint};
            if (skip.count(key) == 0)
                configure_one(before, key, target_of(service, backend), check_config, started);
        }
    });
    for (const auto &[key, check] : before)
        check->stop();
    start(std::move(started));
}

void HealthChecks::configure_one(Checks &before, const BackendKey &key, const CheckTarget &target,
                                 const CheckConfig &config, Checks &started) {
    auto found = before.extract(key);
    if (found && found.mapped()->asks(target, *config)) {
        checks_.insert(std::move(found));
        return;
    }
    const auto check = std::make_shared<Check>(context_, key, target, config);
    if (found) {
        found.mapped()->stop();
        check->inherit(found.mapped()->judgement());
    }
    started.emplace(key, check);
}

void HealthChecks::start(Checks started) {
    for (const auto &[key, check] : started) {
        const auto spread = std::min<std::chrono::milliseconds>(
            {std::chrono::duration_cast<std::chrono::milliseconds>(kSpreadEach * started.size()),
             kMostSpread, check->interval()});
        std::uniform_int_distribution<std::int64_t> delay(0, spread.count());
        check->start(std::chrono::milliseconds(delay(context_->jitter)));
    }
    checks_.merge(started);
}

std::optional<CheckStatus> HealthChecks::status(const BackendKey &key) const {
    const auto found = checks_.find(key);
    if (found == checks_.end())
        return std::nullopt;
    return found->second->judgement().status();
}

const AllCheckTimes &HealthChecks::times() const {
    return context_->times;
}

HealthCheckCounts HealthChecks::counts() const {
    HealthCheckCounts counts;
    counts.backends = checks_.size();
    counts.not_made = not_made_;
    for (const auto &slots : {context_->sockets, context_->handshakes, context_->programs}) {
        counts.running += slots->taken();
        counts.most_running += slots->most_taken();
        counts.waiting += slots->waiting();
    }
    return counts;
}

// Thousands of checks run out of the same thing at the same time.
void HealthChecks::note_not_made(const BackendKey &key, const std::string &reason) {
    ++not_made_;
    const auto now = std::chrono::steady_clock::now();
    if (noted_ && now - *noted_ < kNoteEvery)
        return;
    spdlog::warn(
        "health checks that could not be made, and are not counted: {} since the last "
        "such line; service '{}', backend {}: {}",
        not_made_ - std::exchange(not_made_noted_, not_made_), key.service,
        key.endpoint.to_string(), reason);
    noted_ = now;
}

}  // namespace weir
