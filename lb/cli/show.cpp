#include "lb/cli/show.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

#include "lb/cli/table.h"

namespace weir {
namespace {

using Rows = std::vector<std::vector<std::string>>;

std::string text(const Json &value) {
    if (value.is_null())
        return "-";
    return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string bytes(const Json &value) {
    return format_bytes(value.get<std::uint64_t>());
}

std::string time(const Json &value) {
    return fmt::format("{:%Y-%m-%d %H:%M:%S}",
                       fmt::localtime(static_cast<std::time_t>(value.get<double>())));
}

std::string show_interfaces(const Json &interfaces) {
    Rows rows;
    for (const auto &interface : interfaces)
        rows.push_back({text(interface.at("name")), text(interface.at("state")),
                        text(interface.at("hook")), text(interface.at("xdp_mode")),
                        text(interface.at("reason"))});
    return format_table({{"INTERFACE"}, {"STATE"}, {"HOOK"}, {"XDP MODE"}, {"REASON"}}, rows);
}

std::string show_drops(const Json &drops) {
    Rows rows;
    for (const auto &[reason, count] : drops.items())
        rows.push_back({reason, text(count)});
    return format_table({{"DROP REASON"}, {"PACKETS", true}}, rows);
}

std::string reload_line(const Json &reload) {
    const auto when = time(reload.at("last_success"));
    if (reload.at("successful").get<bool>())
        return fmt::format("in force since {}", when);
    return fmt::format("the last reload was refused: {}; in force since {}",
                       text(reload.at("error")), when);
}

std::string override_note(const Json &change) {
    std::string note;
    if (change.at("admin") != "enabled")
        note = text(change.at("admin"));
    if (!change.at("weight").is_null())
        note += fmt::format("{}weight {}", note.empty() ? "" : ", ", text(change.at("weight")));
    return note;
}

// Why a backend is in a state, or has a weight, that its configuration does not explain.
std::string note(const Json &backend) {
    std::vector<std::string> notes;
    if (!backend.at("override").is_null())
        notes.push_back("override: " + override_note(backend.at("override")));
    if (backend.at("kept").get<bool>())
        notes.emplace_back("kept by min_active");
    if (backend.at("standby").get<bool>())
        notes.emplace_back("fallback on standby");
    if (!backend.at("health").at("reason").is_null())
        notes.push_back("check: " + text(backend.at("health").at("reason")));
    if (!backend.at("health").at("trouble").is_null())
        notes.push_back("not checked: " + text(backend.at("health").at("trouble")));
    return fmt::format("{}", fmt::join(notes, "; "));
}

std::string sockets_note(const Json &status) {
    const auto state = text(status.at("sockets_state"));
    if (state == "absent")
        return ", which does not exist: waiting for it";
    return state == "refused" ? ": refused: " + text(status.at("sockets_reason")) : "";
}

}  // namespace

std::string show_status(const Json &document) {
    auto shown =
        fmt::format("weir {}, pid {}, up {}\n", text(document.at("version")),
                    text(document.at("pid")), format_duration(document.at("uptime").get<double>()));
    shown += fmt::format(
        "instance  {}{}\n", text(document.at("instance")),
        document.at("adopted").get<bool>() ? " (went on with the tables of an earlier run)" : "");
    shown += fmt::format("config    {}, {}\n", text(document.at("config_file")),
                         reload_line(document.at("reload")));
    if (!document.at("sockets").is_null())
        shown += fmt::format("sockets   of programs in {}{}\n", text(document.at("sockets")),
                             sockets_note(document));
    shown += fmt::format("services  {}, backends {}\n\n", text(document.at("services")),
                         text(document.at("backends")));
    if (document.at("overrides").get<std::size_t>() > 0)
        shown.insert(shown.size() - 1, fmt::format("overrides {} (weir overrides lists them)\n",
                                                   text(document.at("overrides"))));
    return shown + show_interfaces(document.at("interfaces")) + "\n" +
           show_drops(document.at("drops"));
}

std::string show_services(const Json &document) {
    Rows rows;
    for (const auto &service : document.at("services")) {
        const auto &forward = service.at("forward");
        const auto &reply = service.at("reply");
        rows.push_back(
            {text(service.at("name")), text(service.at("vip")), text(service.at("protocol")),
             text(service.at("mode")), text(service.at("scheduler")), text(service.at("backends")),
             text(service.at("new_flows")), text(forward.at("packets")), bytes(forward.at("bytes")),
             text(reply.at("packets")), bytes(reply.at("bytes"))});
    }
    return format_table({{"SERVICE"},
                         {"VIP"},
                         {"PROTOCOL"},
                         {"MODE"},
                         {"SCHEDULER"},
                         {"BACKENDS", true},
                         {"NEW FLOWS", true},
                         {"PACKETS IN", true},
                         {"BYTES IN", true},
                         {"PACKETS OUT", true},
                         {"BYTES OUT", true}},
                        rows);
}

std::string show_backends(const Json &document) {
    Rows rows;
    for (const auto &backend : document.at("backends")) {
        const auto &forward = backend.at("forward");
        const auto &reply = backend.at("reply");
        rows.push_back({text(backend.at("service")), text(backend.at("backend")),
                        text(backend.at("state")), text(backend.at("health").at("status")),
                        text(backend.at("weight")),
                        fmt::format("{:.1f} %", 100 * backend.at("share").get<double>()),
                        text(backend.at("flows")), text(backend.at("new_flows")),
                        text(forward.at("packets")), bytes(forward.at("bytes")),
                        text(reply.at("packets")), bytes(reply.at("bytes")), note(backend)});
    }
    return format_table({{"SERVICE"},
                         {"BACKEND"},
                         {"STATE"},
                         {"HEALTH"},
                         {"WEIGHT", true},
                         {"SHARE", true},
                         {"FLOWS", true},
                         {"NEW FLOWS", true},
                         {"PACKETS IN", true},
                         {"BYTES IN", true},
                         {"PACKETS OUT", true},
                         {"BYTES OUT", true},
                         {"NOTE"}},
                        rows);
}

std::string show_flow_count(const Json &document) {
    if (document.at("by").is_null())
        return fmt::format("{} flows\n", text(document.at("flows")));
    Rows rows;
    for (const auto &group : document.at("groups"))
        rows.push_back({text(group.at("value")), text(group.at("flows")),
                        fmt::format("{:.1f} %", 100 * group.at("share").get<double>())});
    const auto all = document.at("flows").get<double>();
    const auto others = document.at("others").get<double>();
    if (others > 0)
        rows.push_back(
            {"(others)", text(document.at("others")), fmt::format("{:.1f} %", 100 * others / all)});
    auto title = text(document.at("by"));
    std::transform(title.begin(), title.end(), title.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return format_table({{title}, {"FLOWS", true}, {"SHARE", true}}, rows) +
           fmt::format("{} flows in all\n", text(document.at("flows")));
}

std::string show_overrides(const Json &document) {
    Rows rows;
    for (const auto &one : document.at("overrides"))
        rows.push_back({text(one.at("service")), text(one.at("backend")), text(one.at("admin")),
                        text(one.at("weight")), one.at("configured").get<bool>() ? "yes" : "no"});
    return format_table({{"SERVICE"}, {"BACKEND"}, {"ADMIN"}, {"WEIGHT", true}, {"CONFIGURED"}},
                        rows);
}

std::string show_change(const Json &document) {
    const auto note = document.at("override").is_null()
                          ? "no override"
                          : "override: " + override_note(document.at("override"));
    return fmt::format("{} {}: {}, weight {} ({})\n", text(document.at("service")),
                       text(document.at("backend")), text(document.at("state")),
                       text(document.at("weight")), note);
}

}  // namespace weir
