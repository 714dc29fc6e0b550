// Which tables a start goes on with: those that are pinned, if this binary and its limits can use
// them as they are; otherwise new ones beside them, that take over what they hold.
//
// A start that is killed at any point leaves folders of tables, of which the programs on the
// interfaces use one or two. The next start, of whichever binary, removes those that no program
// uses, takes one that it can use or makes another, and brings the flows of the others into it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "lb/config/config.h"
#include "lb/dataplane/migration.h"
#include "lb/dataplane/objects.h"
#include "lb/dataplane/pins.h"
#include "lb/dataplane/program_ids.h"
#include "lb/dataplane/tc_link.h"
#include "lb/result.h"

namespace weir {

class Takeover {
  public:
    static Result<Takeover> prepare(Pins &pins, const Limits &limits);

    // For Objects::load().
    const std::filesystem::path &folder() const { return folder_; }
    std::optional<std::filesystem::path> share() const;

    // Whether the tables are new, and take over from others: no packet meets them yet.
    bool is_fresh() const { return made_ && !earlier_.empty(); }
    // Whether there are other tables, of which programs may be on interfaces, until finish().
    bool has_others() const { return !earlier_.empty(); }
    // The programs of this instance, those of the other tables included.
    OwnPrograms own(const Objects &objects) const;

    // Before the programs are replaced. Exit::refused when the limits are too low for the services
    // and backends that flows name.
    Result<void> copy(Objects &objects, const Config &config);
    // Again, just before, for what came meanwhile. From here on what belongs to no flow is left to
    // the programs of the other tables (enum weir_handover).
    Result<void> catch_up(Objects &objects);
    // Where TC goes: in front of those programs, if something is left to them.
    TcPlace place() const { return moves_flows() ? TcPlace::front : TcPlace::usual; }
    // When the programs are on every interface: brings over what came in between. The programs of
    // the other tables have nothing to do then.
    Result<void> bring_over(Objects &objects);
    // When they are gone: lets go of the other tables.
    Result<void> finish(Pins &pins);
    // Removes the tables, if they are new and no program uses them.
    void give_up(Objects *objects, Pins &pins) const;

  private:
    struct Earlier {
        std::filesystem::path folder;
        std::uint32_t abi = 0;
        std::uint32_t map = 0;             // Objects::own_map() of it
        std::optional<PortRange> ports{};  // its SNAT ports, while it has but a half of them
    };
    // Old and new programs open flows side by side, each without knowing the other's: each with
    // SNAT ports of its own.
    Result<void> split_ports(Objects &objects);
    Result<void> join_ports(Objects &objects);
    static std::vector<Earlier> read(Pins &pins);
    bool moves_flows() const;
    // Whether all flows in these tables are copies from the one earlier folder, and no packet has
    // met them: they are new, or a start was killed while everything was left to those.
    Result<bool> are_copies(Objects &objects) const;
    // What their entries are until packets meet them.
    NewTables entries() const;
    // Until nothing is left to copy, or too often.
    Result<void> copy_rest(NewTables tables);
    static Result<void> check_ids(const TableState &tables, const Config &config);

    std::filesystem::path folder_;
    bool made_ = false;
    std::vector<Earlier> earlier_;
    std::vector<Migration> migrations_;
    bool copies_ = false;             // are_copies()
    std::optional<PortRange> ports_;  // of these tables, while they have but a half of them
};

}  // namespace weir
