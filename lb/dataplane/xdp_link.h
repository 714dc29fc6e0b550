// XDP on one interface, through libxdp: with its dispatcher where the kernel has extension
// programs, alone on the interface where it has not.
#pragma once

#include <optional>
#include <string>

#include "lb/config/config.h"
#include "lb/dataplane/fd.h"
#include "lb/dataplane/objects.h"
#include "lb/dataplane/program_ids.h"
#include "lb/result.h"

namespace weir {

// Whether an XDP program that uses one of `own` is on the interface.
bool xdp_is_attached(unsigned ifindex, const MapIds &own);

// Puts the XDP program on an interface, in place of one that uses one of `own`. Fails when a
// program that cannot share the interface is there already, or the driver lacks the mode.
Result<void> xdp_attach(Objects &objects, const std::string &interface, unsigned ifindex,
                        XdpMode mode, const MapIds &own);

// Takes the XDP program that uses one of `own` off an interface. False: there was none.
Result<bool> xdp_detach(const std::string &interface, unsigned ifindex, const MapIds &own);

// The program that uses one of `own` and is alone on an interface.
struct LoneXdp {
    Fd program;
    XdpMode mode = XdpMode::native;
};
std::optional<LoneXdp> xdp_alone(unsigned ifindex, const MapIds &own);

// Puts it back, in place of one that uses one of `own` or of none.
Result<void> xdp_put_back(const std::string &interface, unsigned ifindex, const LoneXdp &lone,
                          const MapIds &own);

}  // namespace weir
