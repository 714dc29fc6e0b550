#include "lb/stats/history.h"

#include <limits>
#include <utility>

namespace weir {
namespace {

constexpr float kUnknown = std::numeric_limits<float>::quiet_NaN();
constexpr Rates kNothingKnown{kUnknown, kUnknown, kUnknown, kUnknown, kUnknown};

float rate(std::uint64_t before, std::uint64_t now, float seconds) {
    return now < before ? kUnknown : static_cast<float>(now - before) / seconds;
}

bool went_back(const Counters &before, const Counters &now) {
    return now.forward_packets < before.forward_packets ||
           now.forward_bytes < before.forward_bytes || now.reply_packets < before.reply_packets ||
           now.reply_bytes < before.reply_bytes || now.new_flows < before.new_flows;
}

Rates rates(const Counters &before, const Counters &now, float seconds) {
    // cleared, so that what did not go back says nothing either
    if (went_back(before, now))
        return kNothingKnown;
    return {rate(before.forward_packets, now.forward_packets, seconds),
            rate(before.forward_bytes, now.forward_bytes, seconds),
            rate(before.reply_packets, now.reply_packets, seconds),
            rate(before.reply_bytes, now.reply_bytes, seconds),
            rate(before.new_flows, now.new_flows, seconds)};
}

}  // namespace

void History::add(const Reading &reading) {
    if (begun_ && reading.at <= at_)
        return;
    const float seconds = std::chrono::duration<float>(reading.at - at_).count();
    if (begun_) {
        ++last_;
        times_[last_ % kSamples] = reading.time;
        add_drops(reading, seconds);
    }
    add_services(reading, seconds);
    drop_counters_ = reading.drops;
    at_ = reading.at;
    begun_ = true;
}

void History::add_drops(const Reading &reading, float seconds) {
    auto &drops = drops_[last_ % kSamples];
    for (std::size_t reason = 0; reason < drops.size(); ++reason)
        drops[reason] = rate(drop_counters_[reason], reading.drops[reason], seconds);
}

void History::add_services(const Reading &reading, float seconds) {
    std::map<std::string, Service> before;
    before.swap(services_);
    for (const ServiceReading &seen : reading.services) {
        auto known = before.extract(seen.name);
        if (!known || known.mapped().id != seen.id) {
            services_.insert_or_assign(
                seen.name, Service{seen.id, seen.counters, Ring(kSamples, kNothingKnown)});
            continue;
        }
        Service &service = known.mapped();
        service.ring[last_ % kSamples] = rates(service.counters, seen.counters, seconds);
        service.counters = seen.counters;
        services_.insert(std::move(known));
    }
}

}  // namespace weir
