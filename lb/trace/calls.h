// The calls of the socket API that are traced, by the names that people know. Pure.
#pragma once

#include <array>
#include <bitset>
#include <string>
#include <string_view>

#include "bpf/abi_trace.h"
#include "lb/result.h"

namespace weir {

struct TracedSyscall {
    const char *name;
    weir_call call;
};

// What the C library makes of send() and recv() is sendto() and recvfrom().
inline constexpr std::array<TracedSyscall, 12> kTracedSyscalls{{{"socket", WEIR_CALL_SOCKET},
                                                                {"bind", WEIR_CALL_BIND},
                                                                {"listen", WEIR_CALL_LISTEN},
                                                                {"accept", WEIR_CALL_ACCEPT},
                                                                {"accept4", WEIR_CALL_ACCEPT},
                                                                {"connect", WEIR_CALL_CONNECT},
                                                                {"sendto", WEIR_CALL_SEND},
                                                                {"sendmsg", WEIR_CALL_SENDMSG},
                                                                {"sendmmsg", WEIR_CALL_SENDMMSG},
                                                                {"recvfrom", WEIR_CALL_RECV},
                                                                {"recvmsg", WEIR_CALL_RECVMSG},
                                                                {"recvmmsg", WEIR_CALL_RECVMMSG}}};

using CallSet = std::bitset<WEIR_CALLS>;

std::string_view name_of(weir_call call);
// Waits for somebody else, as a rule: its time says little of this host.
bool waits(weir_call call);
// "connect,accept": names of calls, or of system calls. Exit::usage.
Result<CallSet> parse_calls(std::string_view text);
// "socket, bind, ..."
std::string call_names();

// "ECONNREFUSED"
std::string errno_name(int error);
// Neither done nor failed: not ready yet (EAGAIN), under way (EINPROGRESS, EALREADY), or
// interrupted by a signal (EINTR). To be called again, or waited for.
bool is_again(int error);

}  // namespace weir
