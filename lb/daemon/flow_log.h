// The flow log: a JSON object a line for each flow that has ended.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "lb/api/documents.h"
#include "lb/config/config.h"
#include "lb/dataplane/accounts.h"
#include "lb/dataplane/fd.h"
#include "lb/result.h"
#include "lb/stats/snapshot.h"

namespace weir {

// One line. `service`: null when it is gone from the configuration. `ahead`: what the wall clock is
// ahead of the data path's.
Json flow_record_document(const FlowRecord &record, const std::optional<std::string> &service,
                          std::chrono::nanoseconds ahead);

// Opens the file that `config.flow_log` names for appending, mode 0640, and makes it if need be.
// Exit::refused.
Result<Fd> open_flow_log(const Config &config);

class FlowLog {
  public:
    // `inventory` tells the names; it is asked when there are lines.
    FlowLog(boost::asio::io_context &loop, const Tables &tables,
            std::function<const Inventory &()> inventory, Fd file, const FlowLogConfig &config);

    // Another file, or the same one opened again after it was moved away.
    void change(Fd file, const FlowLogConfig &config);

    const FlowLogStats &stats() const { return stats_; }

  private:
    void wait(std::chrono::steady_clock::duration pause);
    void slice();
    void note(const FlowRecord &record, std::chrono::nanoseconds ahead);
    bool may_write(bool unanswered);
    void write();

    std::function<const Inventory &()> inventory_;
    Accounts accounts_;
    boost::asio::steady_timer timer_;
    Fd file_;
    FlowLogConfig config_;
    std::string lines_;  // of a slice
    std::uint64_t in_lines_ = 0;
    FlowLogStats stats_;
    std::chrono::steady_clock::time_point second_;  // in which `left_` lines may still be written
    std::uint32_t left_ = 0;
    std::uint32_t left_unanswered_ = 0;  // of these, those of flows that nobody answered
    std::string read_error_;             // the last one that was logged
    bool failing_ = false;
    bool torn_ = false;  // the file ends within a line
};

}  // namespace weir
