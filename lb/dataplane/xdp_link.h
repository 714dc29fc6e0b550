// XDP on one interface, through libxdp: with its dispatcher where the kernel has extension
// programs, alone on the interface where it has not.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "lb/config/config.h"
#include "lb/dataplane/fd.h"
#include "lb/dataplane/objects.h"
#include "lb/dataplane/program_ids.h"
#include "lb/result.h"

namespace weir {

// Whether an XDP program of `own` is on the interface.
bool xdp_is_attached(unsigned ifindex, const OwnPrograms &own);

// The id of what stands there for XDP, whosever it is; 0: nothing.
std::uint32_t xdp_program_on(unsigned ifindex);

// Whether what stood there as program `was` still does, or one of `own` does.
bool xdp_is_there(unsigned ifindex, std::uint32_t was, const OwnPrograms &own);

// Puts the XDP program on an interface, in place of one of `own`. Fails when a
// program that cannot share the interface is there already, or the driver lacks the mode.
Result<void> xdp_attach(Objects &objects, const std::string &interface, unsigned ifindex,
                        XdpMode mode, const OwnPrograms &own);

// Takes the XDP program of `own` off an interface. False: there was none.
Result<bool> xdp_detach(const std::string &interface, unsigned ifindex, const OwnPrograms &own);

// The program of `own` and is alone on an interface.
struct LoneXdp {
    Fd program;
    XdpMode mode = XdpMode::native;
};
std::optional<LoneXdp> xdp_alone(unsigned ifindex, const OwnPrograms &own);

// Puts it back, in place of one of `own` or of none.
Result<void> xdp_put_back(const std::string &interface, unsigned ifindex, const LoneXdp &lone,
                          const OwnPrograms &own);

}  // namespace weir
