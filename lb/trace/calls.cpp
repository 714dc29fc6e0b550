#include "lb/trace/calls.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <optional>

namespace weir {
namespace {

constexpr std::array<const char *, WEIR_CALLS> kNames{"socket",  "bind",    "listen",  "accept",
                                                      "connect", "send",    "sendmsg", "sendmmsg",
                                                      "recv",    "recvmsg", "recvmmsg"};

std::optional<weir_call> find_call(std::string_view name) {
    for (std::size_t i = 0; i < kNames.size(); i++)
        if (kNames.at(i) == name)
            return static_cast<weir_call>(i);
    for (const TracedSyscall &one : kTracedSyscalls)
        if (one.name == name)
            return one.call;
    return std::nullopt;
}

}  // namespace

std::string_view name_of(weir_call call) {
    const auto index = static_cast<std::size_t>(call);
    return index < kNames.size() ? kNames.at(index) : "?";
}

bool waits(weir_call call) {
    switch (call) {
        case WEIR_CALL_ACCEPT:
        case WEIR_CALL_RECV:
        case WEIR_CALL_RECVMSG:
        case WEIR_CALL_RECVMMSG:
            return true;
        default:
            return false;
    }
}

Result<CallSet> parse_calls(std::string_view text) {
    CallSet calls;
    while (true) {
        const auto end = text.find(',');
        const auto name = text.substr(0, end);
        const auto call = find_call(name);
        if (!call)
            return fail(Exit::usage, fmt::format("--call: '{}' is none of {}", name, call_names()));
        calls.set(*call);
        if (end == std::string_view::npos)
            return calls;
        text.remove_prefix(end + 1);
    }
}

std::string call_names() {
    std::string names;
    for (const char *name : kNames)
        names += (names.empty() ? "" : ", ") + std::string(name);
    return names;
}

std::string errno_name(int error) {
    const char *name = ::strerrorname_np(error);
    return name == nullptr ? fmt::format("errno {}", error) : name;
}

bool is_again(int error) {
    return error == EAGAIN || error == EINPROGRESS || error == EALREADY || error == EINTR;
}

}  // namespace weir
