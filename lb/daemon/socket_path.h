// The services at the sockets of local programs, as the daemon holds them: programs loaded when
// they are first wanted, their links, and what they are told. Their cgroup comes and goes with the
// programs in it, as interfaces do.
#pragma once

#include <cstdint>
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
#include "lb/dataplane/socket_saved.h"
#include "lb/dataplane/tables.h"
#include "lb/model/plan.h"
#include "lb/result.h"
#include "lb/stats/notices.h"

namespace weir {

class SocketPath {
  public:
    // Of the cgroup that the programs are on.
    struct Place {
        std::string cgroup;    // its path; empty: none is wanted
        std::uint64_t id = 0;  // 0: they are not there
        InterfaceState state = InterfaceState::absent;
        std::string reason{};  // why it is refused

        bool operator==(const Place &) const = default;
    };

    // `pins`: the folder of the instance. `notices` outlives it.
    SocketPath(const std::filesystem::path &pins, Notices &notices)
        : links_(pins / "sockets"), notices_(&notices) {}

    // Loads the programs, if `config` wants them and they are not there. `tables` and `share` as in
    // ObjectsOptions.
    Result<void> load(const Objects &objects, const Config &config,
                      const std::filesystem::path &tables,
                      const std::optional<std::filesystem::path> &share);
    // Puts them on the cgroup that `config` wants, if it exists, told what it says. Where it wants
    // none they stay until settle(). After an error: undo().
    Result<void> attach(const Config &config);
    // As it was before attach(), if there was one since settle(); what cannot be taken back.
    Result<void> undo();
    // What attach() did is in force; where `config` wants no programs they go.
    Result<void> settle(const Config &config);
    // Follows the cgroup: attaches when it has come, or was made anew. Each change is one notice.
    void look_after(const Config &config);

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
    // Where they are, or wait to be.
    const Place &place() const { return place_; }
    bool wanted() const { return !place_.cgroup.empty(); }

  private:
    struct Before {
        SavedSockets told;
        std::vector<ListenerConfig> listeners;
        Place place;
    };

    Result<void> attach(const SocketsConfig &config, const Cgroup &cgroup);
    Result<void> configure(const SocketsConfig &config, bool begin);
    void attach_again(const SocketsConfig &config, const Cgroup &cgroup);
    void refuse(const std::string &why);
    void note_change(LogLevel severity, const std::string &what);
    std::vector<SocketProgram> programs(const SocketsConfig &config) const;
    Result<void> load_objects(const Objects &objects, const Config &config,
                              const std::filesystem::path &tables,
                              const std::optional<std::filesystem::path> &share);

    SocketLinks links_;
    Notices *notices_;
    std::optional<SocketObjects> objects_;
    std::optional<JoinObjects> join_;
    Place place_;
    std::vector<ListenerConfig> listeners_;
    std::optional<Before> before_;
    bool counts_are_new_ = false;  // and not those in which the sockets that live are counted
};

}  // namespace weir
