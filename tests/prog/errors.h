// ICMP errors about the packets of flows, before and after their translation.
#pragma once

#include <array>

#include "tests/support/icmp.h"
#include "tests/support/program.h"

namespace weir::test {

inline constexpr std::array kErrors{Error::unreachable, Error::time_exceeded, Error::too_big,
                                    Error::parameter_problem};

// An error, and what ingress makes of it.
struct TranslatedError {
    Icmp in;
    Icmp out;
};

// `seen` is a frame as the sender of the error got it, `meant` the one that its receiver sent. From
// the host that `seen` was for, which the flow hides; or from a router, which it does not.
inline TranslatedError translated_error(const Bytes &seen, const Bytes &meant, Error kind,
                                        const Address *router = nullptr,
                                        std::size_t carried = 1000) {
    TranslatedError error{error_about(seen, kind, carried), error_about(meant, kind, carried)};
    if (router != nullptr)
        error.in.source = error.out.source = *router;
    error.out.source_mac = ReplayConfig{}.mac;
    error.out.destination_mac = hop_mac(error.out.destination);
    error.out.ttl--;
    return error;
}

}  // namespace weir::test
