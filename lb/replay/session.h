// A data path under replay, and what an operator and health checks do to it between frames: with
// the daemon's own rules, at the time of the capture.
#pragma once

#include <chrono>
#include <optional>

#include "lb/config/config.h"
#include "lb/model/roster.h"
#include "lb/replay/engine.h"
#include "lb/result.h"

namespace weir {

class Session {
  public:
    // Loads the data path. No check has found a backend down.
    static Result<Session> create(const Config &config);

    // Runs one frame. Its time, and all the time that was advanced, is the data path's.
    Result<Outcome> run(const Frame &frame);

    // Exit::usage where the configuration has no such backend.
    Result<void> set_override(const BackendKey &key, const Override &change);
    // As if the health check of the service had ended so; Exit::usage where it has none.
    Result<void> set_health(const BackendKey &key, bool up);
    // What an operator changed before: for changing one thing of it. None: nothing.
    Override override_of(const BackendKey &key) const;
    // Exit::usage where the daemon would want a restart (`limits`), or has no service to reload.
    Result<void> reload(Config config);
    // From here on.
    Result<void> advance(std::chrono::nanoseconds time);

    Engine &engine() { return engine_; }
    const Config &config() const { return config_; }

  private:
    Session(Engine engine, const Config &config) : engine_(std::move(engine)), config_(config) {}
    Roster::Time now() const { return Roster::Time(elapsed_); }
    Result<void> apply();
    Result<const ServiceConfig *> find(const BackendKey &key) const;

    Engine engine_;
    Config config_;
    Roster roster_;
    std::optional<Roster::Time> next_change_;
    // The roster's clock starts at 0, whatever the time of the first frame is.
    std::chrono::nanoseconds elapsed_{0};
    std::chrono::nanoseconds advanced_{0};
    std::optional<std::chrono::nanoseconds> origin_;  // of the roster's clock, on the data path's
};

}  // namespace weir
