#include "lb/replay/session.h"

#include <fmt/format.h>

#include <algorithm>

namespace weir {

Result<Session> Session::create(const Config &config) {
    auto engine = Engine::create(config);
    if (!engine)
        return tl::make_unexpected(engine.error());
    Session session(std::move(*engine), config);
    session.roster_.configure(config, session.now());
    return session;
}

// Steps of a slow start and the end of a drain come with the time of the frames.
Result<Outcome> Session::run(const Frame &frame) {
    const std::chrono::nanoseconds time = frame.time + advanced_;
    if (!origin_)
        origin_ = time - elapsed_;
    elapsed_ = std::max(elapsed_, time - *origin_);
    if (next_change_ && *next_change_ <= now())
        if (auto done = apply(); !done)
            return tl::make_unexpected(done.error());
    return engine_.run(frame, time);
}

Result<void> Session::apply() {
    next_change_ = roster_.next_change(now());
    return engine_.configure(config_, roster_.conditions(now()));
}

Result<const ServiceConfig *> Session::find(const BackendKey &key) const {
    for (const ServiceConfig &service : config_.services) {
        if (service.name != key.service)
            continue;
        for (const BackendConfig &backend : service.backends)
            if (backend.endpoint == key.endpoint)
                return &service;
        return fail(Exit::usage, fmt::format("service '{}' has no backend {}", key.service,
                                             key.endpoint.to_string()));
    }
    return fail(Exit::usage, fmt::format("there is no service '{}'", key.service));
}

Override Session::override_of(const BackendKey &key) const {
    const auto found = roster_.overrides().find(key);
    return found == roster_.overrides().end() ? Override{} : found->second;
}

Result<void> Session::set_override(const BackendKey &key, const Override &change) {
    return find(key).and_then([&](const ServiceConfig *) {
        roster_.set_override(key, change, now());
        return apply();
    });
}

Result<void> Session::set_health(const BackendKey &key, bool up) {
    return find(key).and_then([&](const ServiceConfig *service) -> Result<void> {
        if (!service->health_check)
            return fail(Exit::usage,
                        fmt::format("service '{}' has no health_check that could find a backend {}",
                                    key.service, up ? "up" : "down"));
        roster_.set_health(key, up, "", now());
        return apply();
    });
}

Result<void> Session::reload(Config config) {
    if (config.limits != config_.limits)
        return fail(Exit::usage, fmt::format("{}: limits cannot change in a reload", config.file));
    if (config.replay.mac != config_.replay.mac)
        return fail(Exit::usage,
                    fmt::format("{}: replay.mac cannot change in a reload", config.file));
    if (ingress_hook(config) != ingress_hook(config_))
        return fail(Exit::usage,
                    fmt::format("{}: the hook cannot change in a reload", config.file));
    config_ = std::move(config);
    roster_.configure(config_, now());
    return apply();
}

Result<void> Session::advance(std::chrono::nanoseconds time) {
    advanced_ += time;
    elapsed_ += time;
    return apply();
}

}  // namespace weir
