#include "lb/net/port_set.h"

#include <fmt/format.h>

namespace weir {

PortSet::PortSet(const std::vector<PortRange> &ranges) {
    for (const PortRange &range : ranges)
        for (std::size_t port = range.first; port <= range.last; ++port)
            ports_.set(port);
}

std::optional<PortSet> PortSet::parse(std::string_view text) {
    constexpr std::string_view kBlank = " \t\n";
    std::vector<PortRange> ranges;
    while (!text.empty()) {
        const auto comma = std::min(text.find(','), text.size());
        std::string_view item = text.substr(0, comma);
        text.remove_prefix(std::min(comma + 1, text.size()));
        item.remove_prefix(std::min(item.find_first_not_of(kBlank), item.size()));
        item = item.substr(0, item.find_last_not_of(kBlank) + 1);
        if (item.empty())
            continue;
        if (const auto port = parse_number(item, 65535))
            ranges.push_back(
                {static_cast<std::uint16_t>(*port), static_cast<std::uint16_t>(*port)});
        else if (const auto range = PortRange::parse(item))
            ranges.push_back(*range);
        else
            return std::nullopt;
    }
    return PortSet(ranges);
}

std::vector<PortRange> PortSet::ranges() const {
    std::vector<PortRange> result;
    for (std::size_t port = 0; port < ports_.size(); ++port) {
        if (!ports_[port])
            continue;
        const auto number = static_cast<std::uint16_t>(port);
        if (!result.empty() && result.back().last + 1U == port)
            result.back().last = number;
        else
            result.push_back({number, number});
    }
    return result;
}

std::string PortSet::to_string() const {
    std::string text;
    for (const PortRange &range : ranges())
        text += fmt::format(
            "{}{}", text.empty() ? "" : ",",
            range.first == range.last ? fmt::format("{}", range.first) : range.to_string());
    return text;
}

}  // namespace weir
