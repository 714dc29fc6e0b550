#include "lb/top/sample.h"

#include <fmt/format.h>

namespace weir {
namespace {

std::string text(const Json &value) {
    return value.is_string() ? value.get<std::string>() : "";
}

TopTraffic traffic(const Json &document) {
    return {document.at("packets"), document.at("bytes")};
}

TopCounters counters(const Json &document) {
    return {traffic(document.at("forward")), traffic(document.at("reply")),
            document.at("new_flows")};
}

std::string note(const Json &backend) {
    const auto &health = backend.at("health");
    if (auto reason = text(health.at("reason")); !reason.empty())
        return reason;
    if (const auto trouble = text(health.at("trouble")); !trouble.empty())
        return "not checked: " + trouble;
    if (!backend.at("override").is_null())
        return "override";
    return backend.at("standby").get<bool>() ? "standby" : "";
}

void add_interface(TopSample &to, const Json &interface) {
    auto hook = text(interface.at("hook"));
    if (const auto mode = text(interface.at("xdp_mode")); !mode.empty())
        hook += " " + mode;
    to.interfaces.push_back({text(interface.at("name")), text(interface.at("state")), hook,
                             text(interface.at("reason"))});
}

void status(TopSample &to, const Json &document) {
    to.version = document.at("version");
    to.instance = document.at("instance");
    to.uptime = document.at("uptime");
    to.overrides = document.at("overrides");
    const auto &reload = document.at("reload");
    to.reload_error = reload.at("successful").get<bool>() ? "" : text(reload.at("error"));
    for (const auto &interface : document.at("interfaces"))
        add_interface(to, interface);
    for (const auto &map : document.at("tables"))
        to.maps.push_back({map.at("name"), map.at("entries"), map.at("capacity")});
    for (const auto &[reason, packets] : document.at("drops").items())
        to.drops.emplace_back(reason, packets);
}

void services(TopSample &to, const Json &document) {
    for (const auto &one : document.at("services"))
        to.services.push_back({one.at("name"), one.at("vip"), one.at("protocol"), counters(one)});
}

void backends(TopSample &to, const Json &document) {
    for (const auto &one : document.at("backends"))
        to.backends.push_back({one.at("service"), one.at("backend"), one.at("state"),
                               one.at("health").at("status"), note(one), one.at("weight"),
                               one.at("share"), one.at("flows"), counters(one)});
}

Result<void> read(TopSample &to, const Json &document, const char *name,
                  void (*fill)(TopSample &, const Json &)) {
    try {
        fill(to, document);
    } catch (const Json::exception &error) {
        return fail(Exit::failed,
                    fmt::format("/v1/{} is not as this weir expects it ({}): is the daemon of "
                                "another version? (weir status shows it)",
                                name, error.what()));
    }
    return {};
}

}  // namespace

Result<void> read_status(TopSample &to, const Json &document, TopTime came) {
    to.status_at = came;
    return read(to, document, "status", status);
}

Result<void> read_services(TopSample &to, const Json &document, TopTime came) {
    to.services_at = came;
    return read(to, document, "services", services);
}

Result<void> read_backends(TopSample &to, const Json &document, TopTime came) {
    to.backends_at = came;
    return read(to, document, "backends", backends);
}

}  // namespace weir
