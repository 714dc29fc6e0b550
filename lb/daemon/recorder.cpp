#include "lb/daemon/recorder.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace weir {
namespace {

using Clock = std::chrono::steady_clock;

Result<Reading> read(const Tables &tables, const Inventory &inventory) {
    std::uint32_t count = 0;
    for (const auto &service : inventory.services)
        count = std::max(count, service.row.id + 1);
    const auto counters = tables.all_service_counters(count);
    if (!counters)
        return tl::make_unexpected(counters.error());
    return tables.drop_counters().map([&](const DropCounters &drops) {
        Reading reading{Clock::now(), std::chrono::system_clock::now(), {}, drops};
        reading.services.reserve(inventory.services.size());
        for (const auto &service : inventory.services)
            reading.services.push_back(
                {service.name, service.row.id, counters->at(service.row.id)});
        return reading;
    });
}

}  // namespace

HistoryRecorder::HistoryRecorder(boost::asio::io_context &loop, const Tables &tables,
                                 std::function<const Inventory &()> inventory)
    : tables_(tables), inventory_(std::move(inventory)), timer_(loop, Clock::now()) {
    wait();
}

void HistoryRecorder::wait() {
    timer_.async_wait([this](boost::system::error_code error) {
        if (!error)
            record();
    });
}

void HistoryRecorder::record() {
    const auto reading = read(tables_, inventory_());
    if (reading)
        history_.add(*reading);
    const std::string error = reading ? "" : reading.error().message;
    if (!reading && error != error_)
        spdlog::error("rates cannot be measured: {}", error);
    error_ = error;
    // a loop that was late does not catch up with readings one after the other
    timer_.expires_at(std::max(timer_.expiry() + History::kPeriod, Clock::now()));
    wait();
}

}  // namespace weir
