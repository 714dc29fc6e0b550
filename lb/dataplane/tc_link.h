// TC programs on one interface, on its clsact qdisc.
#pragma once

#include <string>

#include "lb/dataplane/fd.h"
#include "lb/dataplane/program_ids.h"
#include "lb/result.h"

namespace weir {

enum class TcSide { ingress, egress };

// Where the program of a side goes, or in front of that while flows are brought over
// (enum weir_handover).
enum class TcPlace { usual, front };

// The id of what stands in a place of Weir's, whosever it is; 0: nothing.
std::uint32_t tc_program_on(unsigned ifindex, TcSide side, TcPlace place);

// Whether a program of `own` is on the side, in either place.
bool tc_is_attached(unsigned ifindex, TcSide side, const OwnPrograms &own);

// Whether just this program is there. Needs no privilege, unlike a look at another's.
bool tc_holds(unsigned ifindex, TcSide side, int program);

// The program of `own` in the usual place.
Fd tc_program(unsigned ifindex, TcSide side, const OwnPrograms &own);

// Whether any TC program of `own` is loaded: one that is on an interface of
// whatever network namespace is. The kernel frees it a moment after it was taken off or the
// interface went.
bool tc_is_loaded(const MapIds &own);

// Puts a program on a side, in place of one of `own`; makes the qdisc if needed. The usual place is
// the only one then: what of `own` is in front goes.
Result<void> tc_attach(const std::string &interface, unsigned ifindex, TcSide side, int program,
                       const OwnPrograms &own, TcPlace place = TcPlace::usual);

// Takes what is of `own` off a side. False: there was nothing.
Result<bool> tc_detach(const std::string &interface, unsigned ifindex, TcSide side,
                       const OwnPrograms &own);

// Removes the clsact qdisc if no filter is left on it.
Result<void> tc_remove_empty_clsact(const std::string &interface, unsigned ifindex);

}  // namespace weir
