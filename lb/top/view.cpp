#include "lb/top/view.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

namespace weir {
namespace {

// Above this much of a map, entries may soon be evicted or refused.
constexpr double kHighPressure = 0.9;

// How much counters have grown, and in how long.
class Growth {
  public:
    Growth(TopTime before, TopTime now)
        : seconds_(std::chrono::duration<double>(now - before).count()) {}

    double rate(std::uint64_t before, std::uint64_t now) const {
        return static_cast<double>(now >= before ? now - before : now) / seconds_;
    }
    std::optional<TopRates> rates(const TopCounters *before, const TopCounters &now) const {
        if (before == nullptr || seconds_ <= 0)
            return std::nullopt;
        return TopRates{
            rate(before->in.packets, now.in.packets), rate(before->out.packets, now.out.packets),
            8 * rate(before->in.bytes, now.in.bytes), 8 * rate(before->out.bytes, now.out.bytes),
            rate(before->new_flows, now.new_flows)};
    }
    bool known() const { return seconds_ > 0; }

  private:
    double seconds_;
};

std::string key_of(const TopService &service) {
    return service.name;
}

std::string key_of(const TopBackend &backend) {
    return backend.service + '\0' + backend.name;
}

template <typename T>
class ByKey {
  public:
    explicit ByKey(const std::vector<T> *all) {
        if (all != nullptr)
            for (const T &one : *all)
                found_[key_of(one)] = &one.counters;
    }
    const TopCounters *find(const T &one) const {
        const auto found = found_.find(key_of(one));
        return found == found_.end() ? nullptr : found->second;
    }

  private:
    std::unordered_map<std::string, const TopCounters *> found_;
};

void add_services(TopView &view, const TopSample *before) {
    const ByKey<TopService> old(before != nullptr ? &before->services : nullptr);
    const Growth growth(before != nullptr ? before->services_at : view.sample.services_at,
                        view.sample.services_at);
    for (const TopService &service : view.sample.services)
        view.services.push_back({service, growth.rates(old.find(service), service.counters)});
}

void add_backends(TopView &view, const TopSample *before) {
    const ByKey<TopBackend> old(before != nullptr ? &before->backends : nullptr);
    const Growth growth(before != nullptr ? before->backends_at : view.sample.backends_at,
                        view.sample.backends_at);
    std::unordered_map<std::string, TopServiceRow *> rows;
    for (TopServiceRow &row : view.services)
        rows[row.service.name] = &row;
    for (const TopBackend &backend : view.sample.backends) {
        view.backends.push_back({backend, growth.rates(old.find(backend), backend.counters)});
        view.flows += backend.flows;
        const auto row = rows.find(backend.service);
        if (row == rows.end())
            continue;
        row->second->flows += backend.flows;
        row->second->backends++;
        row->second->active += backend.state == "active" ? 1U : 0U;
    }
}

void add_total(TopView &view) {
    for (const TopServiceRow &row : view.services) {
        if (!row.rates)
            continue;
        auto &total = view.total ? *view.total : view.total.emplace();
        total.packets_in += row.rates->packets_in;
        total.packets_out += row.rates->packets_out;
        total.bits_in += row.rates->bits_in;
        total.bits_out += row.rates->bits_out;
        total.new_flows += row.rates->new_flows;
    }
}

void add_drops(TopView &view, const TopSample *before) {
    if (before == nullptr)
        return;
    const Growth growth(before->status_at, view.sample.status_at);
    const std::unordered_map<std::string, std::uint64_t> old(before->drops.begin(),
                                                             before->drops.end());
    for (const auto &[reason, packets] : view.sample.drops) {
        const auto found = old.find(reason);
        const double rate =
            growth.known() ? growth.rate(found == old.end() ? 0 : found->second, packets) : 0;
        if (rate > 0)
            view.drops.emplace_back(reason, rate);
    }
    std::stable_sort(view.drops.begin(), view.drops.end(),
                     [](const auto &a, const auto &b) { return a.second > b.second; });
}

void add_problems(TopView &view) {
    auto &problems = view.problems;
    for (const TopServiceRow &row : view.services)
        if (row.active == 0)
            problems.push_back(
                fmt::format("{}: none of {} backends is active", row.service.name, row.backends));
    for (const TopInterface &one : view.sample.interfaces)
        if (one.state != "attached")
            problems.push_back(fmt::format("interface {} is {}{}{}", one.name, one.state,
                                           one.reason.empty() ? "" : ": ", one.reason));
    if (!view.sample.reload_error.empty())
        problems.push_back("reload refused: " + view.sample.reload_error);
    for (const TopMap &map : view.sample.maps)
        if (map.pressure() >= kHighPressure)
            problems.push_back(fmt::format("map {} is {:.0f} % full ({} of {} entries)", map.name,
                                           100 * map.pressure(), map.entries, map.capacity));
    const auto down = std::count_if(view.backends.begin(), view.backends.end(),
                                    [](const auto &row) { return row.backend.state == "down"; });
    if (down > 0)
        problems.push_back(fmt::format("{} of {} backends down", down, view.backends.size()));
}

Json rates_document(const std::optional<TopRates> &rates) {
    if (!rates)
        return nullptr;
    return {{"packets_in", rates->packets_in},
            {"packets_out", rates->packets_out},
            {"bits_in", rates->bits_in},
            {"bits_out", rates->bits_out},
            {"new_flows", rates->new_flows}};
}

Json services_of(const TopView &view) {
    auto services = Json::array();
    for (const TopServiceRow &row : view.services)
        services.push_back({{"name", row.service.name},
                            {"vip", row.service.vip},
                            {"protocol", row.service.protocol},
                            {"backends", row.backends},
                            {"active", row.active},
                            {"flows", row.flows},
                            {"per_second", rates_document(row.rates)}});
    return services;
}

Json backends_of(const TopView &view) {
    auto backends = Json::array();
    for (const auto &[backend, rates] : view.backends)
        backends.push_back({{"service", backend.service},
                            {"backend", backend.name},
                            {"state", backend.state},
                            {"health", backend.health},
                            {"weight", backend.weight},
                            {"share", backend.share},
                            {"flows", backend.flows},
                            {"per_second", rates_document(rates)}});
    return backends;
}

}  // namespace

TopView make_top_view(const std::optional<TopSample> &before, TopSample now) {
    TopView view;
    view.sample = std::move(now);
    const auto *old = before ? &*before : nullptr;
    add_services(view, old);
    add_backends(view, old);
    add_total(view);
    add_drops(view, old);
    add_problems(view);
    return view;
}

Json top_document(const TopView &view, double time) {
    auto drops = Json::object();
    for (const auto &[reason, rate] : view.drops)
        drops[reason] = rate;
    auto maps = Json::array();
    for (const TopMap &map : view.sample.maps)
        maps.push_back({{"map", map.name},
                        {"entries", map.entries},
                        {"capacity", map.capacity},
                        {"pressure", map.pressure()}});
    return {{"time", time},
            {"version", view.sample.version},
            {"instance", view.sample.instance},
            {"uptime", view.sample.uptime},
            {"problems", view.problems},
            {"flows", view.flows},
            {"per_second", rates_document(view.total)},
            {"services", services_of(view)},
            {"backends", backends_of(view)},
            {"drops_per_second", std::move(drops)},
            {"maps", std::move(maps)}};
}

}  // namespace weir
