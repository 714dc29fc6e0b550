#include "lb/daemon/collection.h"

#include <spdlog/spdlog.h>

namespace weir {
namespace {

using std::chrono::milliseconds;

constexpr std::chrono::seconds kPeriod{5};  // from the start of a walk to that of the next
constexpr milliseconds kSlice{2};
constexpr milliseconds kPause{4};  // between slices: two thirds of the time are others'

}  // namespace

Collection::Collection(boost::asio::io_context &loop, const Tables &tables,
                       std::function<const Inventory &()> inventory)
    : tables_(tables), inventory_(std::move(inventory)), collector_(tables), timer_(loop) {
    // a limit on flows per backend holds from the first count on
    wait(milliseconds(0));
}

void Collection::wait(std::chrono::steady_clock::duration pause) {
    timer_.expires_after(pause);
    timer_.async_wait([this](boost::system::error_code error) {
        if (!error)
            slice();
    });
}

void Collection::slice() {
    if (!walking_)
        begun_ = std::chrono::steady_clock::now();
    const auto done = collector_.step(kSlice);
    walking_ = done && !*done;
    if (walking_)
        return wait(kPause);
    const auto counted = done ? publish() : tl::make_unexpected(done.error());
    if (!counted)
        spdlog::error("flows cannot be counted: {}", counted.error().message);
    const auto next = begun_ + kPeriod - std::chrono::steady_clock::now();
    wait(std::max<std::chrono::steady_clock::duration>(next, kPause));
}

Result<void> Collection::publish() {
    std::vector<std::uint32_t> ids;
    std::vector<std::uint32_t> flows;
    for (const auto &service : inventory_().services) {
        for (const auto &backend : service.row.backends) {
            ids.push_back(backend.id);
            flows.push_back(census().flows_of(backend.id));
        }
    }
    return tables_.write_backend_flows(ids, flows);
}

}  // namespace weir
