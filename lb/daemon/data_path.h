// The data path of one instance as the daemon holds it: pins, objects, attachments, and what the
// tables are known to hold.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lb/config/affected.h"
#include "lb/config/config.h"
#include "lb/daemon/host_setup.h"
#include "lb/daemon/interfaces.h"
#include "lb/daemon/socket_path.h"
#include "lb/dataplane/objects.h"
#include "lb/dataplane/pins.h"
#include "lb/dataplane/standing.h"
#include "lb/dataplane/tables.h"
#include "lb/dataplane/takeover.h"
#include "lb/model/partial_plan.h"
#include "lb/result.h"
#include "lb/stats/snapshot.h"

namespace weir {

class DataPath {
  public:
    // The state of the backends, for tables that hold this.
    using ConditionsOf = std::function<Conditions(const TableState &)>;

    // Loads, fills the tables, attaches. After an error nothing is attached or pinned that was not
    // before (ARCHITECTURE.md has the exceptions). `notices` outlives it.
    static Result<DataPath> bring_up(const Config &config, const ConditionsOf &conditions,
                                     Notices &notices);

    // Brings services, backends, timeouts, interfaces and the host from what `running` wants to
    // what `config` does, and the backends of the affected services to their conditions. After an
    // error everything is as it was.
    Result<void> reload(const Config &running, const Config &config, const Affected &affected,
                        const Conditions &conditions);
    // Brings the backends of these services to their conditions. `config` is the one in force.
    Result<void> set_conditions(const Config &config, const std::set<std::string> &services,
                                const Conditions &conditions);

    // Follows interfaces that came, went or lost their programs, and addresses that did: after any
    // change of the host's links. `config` is the one in force. True if list() of the interfaces
    // changed.
    bool look_after(const Config &config);
    // The same of the cgroup of the socket programs, which nobody tells of: once in a while.
    void look_after_sockets(const Config &config) { sockets_.look_after(config); }

    Tables &tables() { return objects_.tables(); }
    const Inventory &inventory() const { return inventory_; }
    const std::vector<AttachedInterface> &interfaces() const { return interfaces_.list(); }
    std::vector<std::pair<PacketHook, ProgramRuns>> runs() const { return objects_.runs(); }
    const SocketPath &sockets() const { return sockets_; }
    // Went on with the tables of an earlier run.
    bool adopted() const { return pins_.adopted(); }
    // What the start did about tables: "new", "adopted", or "taken_over" from others.
    const std::string &start_with() const { return start_with_; }

  private:
    DataPath(Pins pins, HostSetup host, Takeover takeover, Objects objects, Notices &notices)
        : pins_(std::move(pins)),
          host_(std::move(host)),
          takeover_(std::move(takeover)),
          objects_(std::move(objects)),
          sockets_(pins_.place(), notices),
          interfaces_(notices),
          rings_in_doubt_(adopted()) {}
    static Result<DataPath> load(const Config &config, const ConditionsOf &conditions,
                                 Notices &notices);
    Result<void> start(const Config &config, const ConditionsOf &conditions);
    Result<void> start_with_new_tables(const Config &config);
    Result<void> start_with_tables_in_use(const Config &config);
    void give_up();
    void undo_attach();
    void undo_sockets();
    Result<void> attach(const Config &config);
    Result<void> load_sockets(const Config &config);
    Result<void> let_go(const Config &config);
    // Reads the tables, if it is not certain what they hold.
    Result<void> know_state();
    // Returns the conditions that these services had.
    Conditions exchange_conditions(const Config &config, const Affected &affected,
                                   Conditions conditions);
    Result<PartialPlan> plan(const Config &config, const Affected &affected);
    Result<void> write(const Config &config, const Affected &affected);
    Result<void> write_plan(const Config &config, PartialPlan plan);
    Result<void> write_and_announce(const Config &config, const Affected &affected);
    Result<void> apply(const Config &config, PartialPlan partial);

    Pins pins_;
    HostSetup host_;
    Takeover takeover_;
    Objects objects_;
    SocketPath sockets_;
    Inventory inventory_;
    Conditions conditions_;
    // What the tables hold, where that is certain: reading ten thousand services takes a while.
    std::optional<TableState> state_;
    Interfaces interfaces_;
    // While it starts: what was on the interfaces, and whether all of it used these tables.
    std::optional<Standing> standing_;
    bool stood_on_these_tables_ = true;
    std::string announce_error_;  // the last one that was logged
    // A write was begun and not finished, by this process or by one that was killed: a ring may not
    // fit the backends beside it.
    bool rings_in_doubt_ = false;
    std::string start_with_ = "new";
};

}  // namespace weir
