#include "lb/cli/flow_printer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace weir {
namespace {

std::vector<std::string> row_of(const Json &flow) {
    const auto text = [&](const char *key) {
        const auto &value = flow.at(key);
        return value.is_null() ? std::string("-") : value.get<std::string>();
    };
    return {text("service"),
            text("protocol"),
            text("client"),
            text("vip"),
            text("backend"),
            text("state"),
            format_duration(flow.at("idle").get<double>())};
}

}  // namespace

FlowPrinter::FlowPrinter(bool json)
    : json_(json),
      table_({{"SERVICE"},
              {"PROTOCOL"},
              {"CLIENT"},
              {"VIP"},
              {"BACKEND"},
              {"STATE"},
              {"IDLE", true}}) {}

std::string FlowPrinter::add(const Json &flows, std::size_t most) {
    const auto count = std::min(most, flows.size());
    if (json_)
        return add_json(flows, count);
    std::vector<std::vector<std::string>> rows;
    for (std::size_t i = 0; i < count; i++)
        rows.push_back(row_of(flows[i]));
    return table_.add(rows);
}

std::string FlowPrinter::add_json(const Json &flows, std::size_t count) {
    std::string text = std::exchange(begun_, true) ? "" : "{\"flows\": [";
    for (std::size_t i = 0; i < count; i++)
        text += fmt::format("{}\n  {}", std::exchange(any_, true) ? "," : "", dump(flows[i]));
    return text;
}

std::string FlowPrinter::end(bool truncated, bool out_of_time) {
    if (json_)
        return fmt::format("\n], \"truncated\": {}, \"out_of_time\": {}}}\n", truncated,
                           out_of_time);
    return truncated && !out_of_time ? "there are more: raise --limit, or filter\n" : "";
}

}  // namespace weir
