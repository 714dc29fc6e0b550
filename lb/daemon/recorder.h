// Reads the counters every few seconds and keeps the rates of the last minutes.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <string>

#include "lb/dataplane/tables.h"
#include "lb/stats/history.h"
#include "lb/stats/snapshot.h"

namespace weir {

class HistoryRecorder {
  public:
    // `inventory` tells which services there are; it is asked at each reading. The first one is
    // made when the loop runs.
    HistoryRecorder(boost::asio::io_context &loop, const Tables &tables,
                    std::function<const Inventory &()> inventory);

    const History &history() const { return history_; }

  private:
    void wait();
    void record();

    Tables tables_;
    std::function<const Inventory &()> inventory_;
    boost::asio::steady_timer timer_;
    History history_;
    std::string error_;  // the last one that was logged, until a reading succeeds
};

}  // namespace weir
