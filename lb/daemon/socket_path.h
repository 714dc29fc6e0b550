// The services at the sockets of local programs, as the daemon holds them: programs loaded when
// they are first wanted, their links, and what they are told.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "lb/config/config.h"
#include "lb/dataplane/join_objects.h"
#include "lb/dataplane/objects.h"
#include "lb/dataplane/socket_links.h"
#include "lb/dataplane/socket_listeners.h"
#include "lb/dataplane/socket_objects.h"
#include "lb/model/plan.h"
#include "lb/result.h"

namespace weir {

class SocketPath {
  public:
    // `pins`: the folder of the instance.
    explicit SocketPath(const std::filesystem::path &pins) : links_(pins / "sockets") {}

    // Loads the programs, if `config` wants them and they are not there. `tables` and `share` as in
    // ObjectsOptions.
    Result<void> load(const Objects &objects, const Config &config,
                      const std::filesystem::path &tables,
                      const std::optional<std::filesystem::path> &share);
    // Puts them on the cgroup that `config` wants, told what it says. After an error everything is
    // as it was. Where it wants none they stay until settle().
    Result<void> attach(const Config &config);
    // As it was before attach(); `running` is the configuration that was in force.
    void undo(const Config *running);
    // What attach() did is in force; where `config` wants no programs they go.
    void settle(const Config &config);

    // Before a plan is applied: ids that it gives to others have no past.
    Result<void> prepare(const Plan &plan) const;
    // As whom this host's programs come to the services: after a plan, and after any change of the
    // host's addresses.
    Result<void> write_sources(const TableState &tables) const;

    // None: there are no programs.
    const SocketTables *tables() const { return objects_ ? &objects_->tables() : nullptr; }
    // In the order in which they are tried; none where there are no programs.
    const std::vector<ListenerConfig> &listeners() const { return listeners_; }
    // None: nothing was ever to be joined.
    const JoinObjects *join() const { return join_ ? &*join_ : nullptr; }
    // Looks for the socket of one; whether there is one.
    Result<bool> find_listener(std::size_t index) const;
    // Where they are; empty: nowhere.
    const std::string &cgroup() const { return cgroup_; }

  private:
    Result<void> configure(const SocketsConfig &config, bool begin);
    std::vector<SocketProgram> programs(const SocketsConfig &config) const;

    SocketLinks links_;
    std::optional<SocketObjects> objects_;
    std::optional<JoinObjects> join_;
    std::string cgroup_;
    std::string cgroup_before_;
    std::vector<ListenerConfig> listeners_;
};

}  // namespace weir
