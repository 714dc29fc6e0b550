// Takes the data path's events out of their ring, as long as somebody watches, and gives each
// watcher those it asked for: a JSON document a line.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "lb/api/event_query.h"
#include "lb/api/http_body.h"
#include "lb/dataplane/event_ring.h"
#include "lb/dataplane/tables.h"

namespace weir {

class EventStream {
  public:
    // `inventory` tells the names; it is asked when there are events.
    EventStream(boost::asio::io_context &loop, const Tables &tables,
                std::function<const Inventory &()> inventory);
    ~EventStream();  // nothing is watched any more
    EventStream(const EventStream &) = delete;
    EventStream &operator=(const EventStream &) = delete;
    EventStream(EventStream &&) = delete;
    EventStream &operator=(EventStream &&) = delete;

    // The body gets what happens from now on, until its reader goes. Exit::failed when there are
    // too many readers, or the ring cannot be read.
    Result<std::shared_ptr<HttpBody>> watch(EventFilter filter);

  private:
    struct Watcher {
        EventFilter filter;
        std::shared_ptr<HttpBody> body;
        std::uint64_t slow = 0;  // lines that it had no room for
    };

    void wait();
    void look();
    Result<void> take();
    void give(const FlowEvent &event, const EventNames &names, std::chrono::nanoseconds ahead);
    Result<void> renew(std::chrono::nanoseconds now);
    void tell_missing();
    void stop();

    Tables tables_;
    std::function<const Inventory &()> inventory_;
    boost::asio::steady_timer timer_;
    std::optional<EventRing> ring_;
    std::vector<Watcher> watchers_;
    EventStats told_;                      // what watchers know to be missing
    std::chrono::nanoseconds begun_{0};    // of the first watcher; events before it are nobody's
    std::chrono::nanoseconds renewed_{0};  // when the data path was last told to go on
};

}  // namespace weir
