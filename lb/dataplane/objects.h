// The BPF objects, loaded: owner of the skeletons, and through them of every program and map.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "lb/config/config.h"
#include "lb/dataplane/tables.h"
#include "lb/result.h"

struct xdp_program;

namespace weir {

struct ObjectsOptions {
    Limits limits;
    // Where the maps are pinned; those already there are adopted if they have this binary's ABI and
    // these limits. None: the maps live and die with the owner.
    std::optional<std::filesystem::path> pins;
    // Set: time and next hops come from the capture, and `trace` tells what became of each packet.
    std::optional<MacAddress> replay_mac;
    // Where the limits are configured ("FILE:LINE:COL"), for messages.
    std::string limits_place{"the configuration"};
};

class Objects {
  public:
    // Loads the TC programs and with them all maps. Refused by the system: Exit::refused, and the
    // message says which privilege or kernel feature is missing.
    static Result<Objects> load(const ObjectsOptions &options);

    ~Objects();
    Objects(Objects &&) noexcept;
    Objects &operator=(Objects &&) noexcept;
    Objects(const Objects &) = delete;
    Objects &operator=(const Objects &) = delete;

    Tables &tables();

    // The programs' descriptors stay this object's.
    int tc_ingress() const;
    int tc_egress() const;
    // Loads the XDP program as it is, for BPF_PROG_TEST_RUN.
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
