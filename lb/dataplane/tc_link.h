// TC programs on one interface, on its clsact qdisc.
#pragma once

#include <string>

#include "lb/dataplane/fd.h"
#include "lb/dataplane/program_ids.h"
#include "lb/result.h"

namespace weir {

enum class TcSide { ingress, egress };

// Whether a program of `own` is on the side.
bool tc_is_attached(unsigned ifindex, TcSide side, const OwnPrograms &own);

// Whether just this program is there. Needs no privilege, unlike a look at another's.
bool tc_holds(unsigned ifindex, TcSide side, int program);

// The program there of `own`.
Fd tc_program(unsigned ifindex, TcSide side, const OwnPrograms &own);

// Whether any TC program of `own` is loaded: one that is on an interface of
// whatever network namespace is. The kernel frees it a moment after it was taken off or the
// interface went.
bool tc_is_loaded(const MapIds &own);

// Puts a program on a side, in place of one of `own`; makes the qdisc if needed.
Result<void> tc_attach(const std::string &interface, unsigned ifindex, TcSide side, int program,
                       const OwnPrograms &own);

// Takes the program of `own` off a side. False: there was none.
Result<bool> tc_detach(const std::string &interface, unsigned ifindex, TcSide side,
                       const OwnPrograms &own);

// Removes the clsact qdisc if no filter is left on it.
Result<void> tc_remove_empty_clsact(const std::string &interface, unsigned ifindex);

}  // namespace weir
