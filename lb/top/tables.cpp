#include "lb/top/tables.h"

#include <fmt/format.h>

#include <utility>

namespace weir {
namespace {

constexpr std::size_t kNarrowestName = 10;
constexpr std::size_t kNarrowestEndpoint = 21;  // any of IPv4, and the shorter ones of IPv6

struct Numbers {
    const char *title;
    TopSort sort;
    int rank;
};

// What both tables end with.
constexpr std::array<Numbers, 6> kNumbers{{{"FLOWS", TopSort::flows, 1},
                                           {"NEW/S", TopSort::new_flows, 2},
                                           {"PKT/S IN", TopSort::packets_in, 3},
                                           {"PKT/S OUT", TopSort::packets_out, 5},
                                           {"BIT/S IN", TopSort::bits_in, 4},
                                           {"BIT/S OUT", TopSort::bits_out, 4}}};

std::string marked(std::string title, bool is_sort, bool reversed) {
    return is_sort ? title + (reversed ? "^" : "v") : title;
}

void add_numbers(std::vector<TopColumn> &to, TopSort sort, bool reversed) {
    for (const Numbers &one : kNumbers)
        to.push_back({marked(one.title, one.sort == sort, reversed), true, one.rank});
}

void add_numbers(TopCells &to, std::uint64_t flows, const std::optional<TopRates> &rates) {
    to.push_back({format_count(flows)});
    const auto add = [&](double TopRates::*rate) {
        to.push_back({rates ? format_rate((*rates).*rate) : "-"});
    };
    add(&TopRates::new_flows);
    add(&TopRates::packets_in);
    add(&TopRates::packets_out);
    add(&TopRates::bits_in);
    add(&TopRates::bits_out);
}

TopStyle style_of(const TopBackend &backend) {
    if (backend.state == "active")
        return TopStyle::good;
    return backend.state == "down" ? TopStyle::bad : TopStyle::warning;
}

TopStyle style_of(const TopServiceRow &row) {
    if (row.active == 0)
        return TopStyle::bad;
    return row.active < row.backends ? TopStyle::warning : TopStyle::good;
}

}  // namespace

std::vector<TopColumn> service_columns(TopSort sort, bool reversed) {
    std::vector<TopColumn> columns{
        {marked("SERVICE", sort == TopSort::name, reversed), false, 0, kNarrowestName},
        {"VIP", false, 7},
        {"PROTO", false, 8},
        {"ACTIVE", true, 0}};
    add_numbers(columns, sort, reversed);
    return columns;
}

TopCells service_cells(const TopServiceRow &row) {
    TopCells cells{{printable(row.service.name)},
                   {printable(row.service.vip)},
                   {printable(row.service.protocol)},
                   {fmt::format("{}/{}", row.active, row.backends), style_of(row)}};
    add_numbers(cells, row.flows, row.rates);
    return cells;
}

std::vector<TopColumn> backend_columns(TopSort sort, bool reversed, bool with_service) {
    std::vector<TopColumn> columns{
        {marked("BACKEND", sort == TopSort::name, reversed), false, 0, kNarrowestEndpoint},
        {"STATE", false, 0},
        {"HEALTH", false, 2},
        {"WEIGHT", true, 8},
        {"SHARE", true, 7}};
    if (with_service)
        columns.insert(columns.begin(), {"SERVICE", false, 0, kNarrowestName});
    add_numbers(columns, sort, reversed);
    columns.push_back({"NOTE", false, 9, kNarrowestName});
    return columns;
}

TopCells backend_cells(const TopBackendRow &row, bool with_service) {
    const TopBackend &backend = row.backend;
    TopCells cells{{printable(backend.name)},
                   {printable(backend.state), style_of(backend)},
                   {printable(backend.health)},
                   {std::to_string(backend.weight)},
                   {fmt::format("{:.1f} %", 100 * backend.share)}};
    if (with_service)
        cells.insert(cells.begin(), {printable(backend.service)});
    add_numbers(cells, backend.flows, row.rates);
    cells.push_back({printable(backend.note), TopStyle::faint});
    return cells;
}

}  // namespace weir
