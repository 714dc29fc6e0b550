#include "lb/api/change.h"

#include <fmt/format.h>

#include "lb/api/documents.h"
#include "lb/config/config.h"

namespace weir {
namespace {

Result<void> set_admin(Override &target, const Json &value) {
    const auto admin = value.is_string() ? parse_admin(value.get<std::string>()) : std::nullopt;
    if (!admin)
        return fail(Exit::usage, R"(admin must be "enabled", "drain" or "maintenance")");
    target.admin = *admin;
    return {};
}

Result<void> set_weight(Override &target, const Json &value) {
    const bool whole = value.is_number_unsigned() && value.get<std::uint64_t>() <= kHighestWeight;
    if (!whole && !value.is_null())
        return fail(Exit::usage, fmt::format("weight must be a whole number from 0 to {}, or null "
                                             "for the configured one",
                                             kHighestWeight));
    target.weight = whole ? std::optional(static_cast<std::uint32_t>(value.get<std::uint64_t>()))
                          : std::nullopt;
    return {};
}

}  // namespace

Result<Override> apply_change(const Override &current, const std::string &body) {
    const auto document = Json::parse(body, nullptr, false);
    if (!document.is_object() || document.empty())
        return fail(Exit::usage, "the body must be a JSON object with admin, weight or both");
    auto result = current;
    for (const auto &[key, value] : document.items()) {
        auto done = key == "admin"    ? set_admin(result, value)
                    : key == "weight" ? set_weight(result, value)
                                      : fail(Exit::usage,
                                             "the body may have admin and weight, and "
                                             "nothing else");
        if (!done)
            return tl::make_unexpected(done.error());
    }
    return result;
}

}  // namespace weir
