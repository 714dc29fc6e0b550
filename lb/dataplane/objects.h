// The BPF objects, loaded: owner of the skeletons, and through them of every program and map.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lb/config/config.h"
#include "lb/dataplane/program_ids.h"
#include "lb/dataplane/tables.h"
#include "lb/dataplane/verdict.h"
#include "lb/result.h"

struct btf;
struct xdp_program;

namespace weir {

struct ObjectsOptions {
    Limits limits;
    // Where the maps are pinned; those already there are adopted, and have to fit (can_adopt).
    // None: the maps live and die with the owner.
    std::optional<std::filesystem::path> pins;
    // Set: time and next hops come from the capture, and `trace` tells what became of each packet.
    std::optional<MacAddress> replay_mac;
    // Pins of other tables, of which those maps are used as they are that no configuration fills,
    // and that are laid out as this binary's and as large: nothing has to be copied from them.
    std::optional<std::filesystem::path> share{};
};

// One of the pinned maps, and how its keys and values are laid out.
struct Table {
    std::string name;
    int fd = -1;
    const btf *types = nullptr;
    std::uint32_t key_type = 0;  // 0: without a description
    std::uint32_t value_type = 0;
};

class Objects {
  public:
    // Loads the TC programs and with them all maps. Refused by the system: Exit::refused, and the
    // message says which privilege or kernel feature is missing.
    static Result<Objects> load(const ObjectsOptions &options);

    // Whether the maps pinned in a folder have this binary's ABI and these limits: a map cannot be
    // resized. True of an empty folder, and of one that nothing was written to.
    static Result<bool> can_adopt(const std::filesystem::path &pins, const Limits &limits);

    ~Objects();
    Objects(Objects &&) noexcept;
    Objects &operator=(Objects &&) noexcept;
    Objects(const Objects &) = delete;
    Objects &operator=(const Objects &) = delete;

    Tables &tables();
    // Those that are pinned, if any are; theirs are this object's descriptors and descriptions.
    std::vector<Table> pinned() const;
    // The map by which programs are known for this object's.
    int own_map() const;
    // Any map by its name, -1 if there is none.
    int map(const char *name) const;
    // They, and those that use one of the other maps. Valid as long as this object is.
    OwnPrograms own_programs(MapIds others = {}) const;

    // The programs' descriptors stay this object's.
    int tc_ingress() const;
    int tc_egress() const;
    // Of each program, by the name of its hook, since this object loaded it.
    std::vector<std::pair<PacketHook, ProgramRuns>> runs() const;
    // Loads the XDP program as it is, for BPF_PROG_TEST_RUN and for an interface that it has alone.
    Result<int> xdp_ingress();
    // The XDP program for libxdp to attach; libxdp loads it, as the kernel wants it (alone, or as
    // an extension of its dispatcher).
    Result<xdp_program *> xdp_for_attach();

  private:
    struct Skeletons;
    explicit Objects(std::unique_ptr<Skeletons> skeletons);

    std::unique_ptr<Skeletons> skeletons_;
};

}  // namespace weir
