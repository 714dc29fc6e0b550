#include "lb/api/answer.h"

#include <fmt/format.h>

#include <boost/asio/error.hpp>
#include <boost/beast/core/error.hpp>

namespace weir {

Result<Json> judge_answer(unsigned status, const std::string &body, const std::string &where) {
    auto document = Json::parse(body, nullptr, false);
    if (document.is_discarded())
        return fail(Exit::failed, fmt::format("what answers at {} is no weir daemon", where));
    if (status == 200)
        return document;
    const auto why = document.contains("error") && document["error"].is_string()
                         ? document["error"].get<std::string>()
                         : fmt::format("HTTP status {}", status);
    const bool ours = status == 400 || status == 404 || status == 405 || status == 413;
    return fail(ours ? Exit::usage : Exit::failed, why);
}

tl::unexpected<Error> no_answer(const std::string &where, const boost::system::error_code &error,
                                std::chrono::seconds patience) {
    if (error == boost::asio::error::access_denied)
        return fail(Exit::refused,
                    fmt::format("{}: permission denied: run it as root or as a member of the "
                                "socket's group (ls -l {} shows it, api.group sets it)",
                                where, where));
    if (error == boost::beast::error::timeout)
        return fail(Exit::refused,
                    fmt::format("the weir daemon at {} does not answer within {} s: it may still "
                                "be at work (its log says more)",
                                where, patience.count()));
    return fail(Exit::refused, fmt::format("no weir daemon answers at {}: {} (is `weir run` "
                                           "running?)",
                                           where, error.message()));
}

}  // namespace weir
