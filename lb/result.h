// Errors as values. Every failure that reaches a user is one line of text and the exit status it
// deserves; functions that can fail return Result<T>.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace weir {

// Exit status of the binary.
enum class Exit : int {
    ok = 0,
    failed = 1,   // a check or a comparison failed
    usage = 2,    // the command line or the configuration is wrong
    refused = 3,  // the system refused: privilege, kernel, interface
};

struct Error {
    Exit exit = Exit::failed;
    std::string message;  // what went wrong, where, and what to do; no trailing newline
};

template <typename T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(Exit exit, std::string message) {
    return tl::make_unexpected(Error{exit, std::move(message)});
}

}  // namespace weir
