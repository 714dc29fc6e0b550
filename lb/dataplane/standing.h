// What an instance has on its interfaces, to be put back when a change to that fails.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lb/config/config.h"
#include "lb/dataplane/fd.h"
#include "lb/dataplane/objects.h"
#include "lb/dataplane/program_ids.h"
#include "lb/dataplane/xdp_link.h"
#include "lb/result.h"

namespace weir {

class Standing {
  public:
    static Standing read(const std::vector<InterfaceConfig> &interfaces, const OwnPrograms &own);

    // Whether the instance had a program on an interface.
    bool has(const std::string &interface) const;
    // As far as that can be: libxdp's dispatcher keeps what it has. Where the instance had nothing,
    // it has nothing again.
    void put_back(Objects &objects, const OwnPrograms &own) const;
    // Only the latter: what the instance had elsewhere may belong to other tables.
    void take_off_new(Objects &objects, const OwnPrograms &own) const;

  private:
    struct Programs {
        std::string interface;
        unsigned ifindex = 0;
        Fd tc_ingress, tc_egress;
        std::optional<LoneXdp> xdp;
        bool any_xdp = false;
        bool any = false;
    };
    static void take_off_one(Objects &objects, const Programs &programs, const OwnPrograms &own);
    static void put_back_one(Objects &objects, const Programs &programs, const OwnPrograms &own);

    std::vector<Programs> all_;
};

// Takes everything of an instance off an interface. False: there was nothing.
Result<bool> take_off(const std::string &interface, unsigned ifindex, const OwnPrograms &own);

// How XDP may send to an interface that carries it in this mode.
weir_xdp_mode device_mode(const std::string &interface, XdpMode mode);

}  // namespace weir
