#include "lb/daemon/flow_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "lb/dataplane/flow_table.h"

namespace weir {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr std::chrono::seconds kLogPeriod{2};  // between two walks
constexpr milliseconds kLogSlice{2};
constexpr milliseconds kLogPause{4};  // between slices: two thirds of the time are others'

Json traffic_document(const FlowTraffic &traffic) {
    return {{"packets", traffic.packets}, {"bytes", traffic.bytes}};
}

double seconds(nanoseconds time) {
    return std::chrono::duration<double>(time).count();
}

}  // namespace

Json flow_record_document(const FlowRecord &record, const std::optional<std::string> &service,
                          nanoseconds ahead) {
    return {{"opened", seconds(record.opened + ahead)},
            {"last", seconds(record.last + ahead)},
            {"duration", seconds(record.last - record.opened)},
            {"service", service ? Json(*service) : Json(nullptr)},
            {"protocol", to_string(record.protocol)},
            {"client", record.client.to_string()},
            {"vip", record.vip.to_string()},
            {"backend", record.backend.to_string()},
            {"snat", record.snat ? Json(record.snat->to_string()) : Json(nullptr)},
            {"state", to_string(record.state)},
            {"end", to_string(record.end)},
            {"forward", traffic_document(record.forward)},
            {"reply", traffic_document(record.reply)}};
}

Result<Fd> open_flow_log(const Config &config) {
    const std::string &path = config.flow_log->file;
    Fd file(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0640));
    if (!file)
        return fail(Exit::refused, fmt::format("{}: flow_log.file: cannot open {}: {}",
                                               place(config.file, config.marks.flow_log_file), path,
                                               std::strerror(errno)));
    return file;
}

FlowLog::FlowLog(boost::asio::io_context &loop, const Tables &tables,
                 std::function<const Inventory &()> inventory, Fd file, const FlowLogConfig &config)
    : inventory_(std::move(inventory)),
      accounts_(tables),
      timer_(loop),
      file_(std::move(file)),
      config_(config) {
    wait(kLogPause);
}

void FlowLog::change(Fd file, const FlowLogConfig &config) {
    file_ = std::move(file);
    config_ = config;
}

void FlowLog::wait(std::chrono::steady_clock::duration pause) {
    timer_.expires_after(pause);
    timer_.async_wait([this](boost::system::error_code error) {
        if (!error)
            slice();
    });
}

void FlowLog::slice() {
    const auto ahead = std::chrono::system_clock::now().time_since_epoch() - data_path_now(-1);
    const auto done =
        accounts_.step(kLogSlice, [&](const FlowRecord &record) { note(record, ahead); });
    write();
    if (!done)
        spdlog::error("the flow log cannot read what went through flows: {}", done.error().message);
    wait(done && !*done ? std::chrono::steady_clock::duration(kLogPause) : kLogPeriod);
}

void FlowLog::note(const FlowRecord &record, nanoseconds ahead) {
    if (!may_write(record.reply.packets == 0)) {
        stats_.suppressed++;
        return;
    }
    const auto *service = inventory_().find(record.service_id);
    const auto name = service != nullptr ? std::optional(service->name) : std::nullopt;
    lines_ += flow_record_document(record, name, ahead)
                  .dump(-1, ' ', false, Json::error_handler_t::replace) +
              "\n";
    in_lines_++;
}

// So many in each second, of which those that nobody answered get a tenth: a flood of openings
// leaves room for the others.
bool FlowLog::may_write(bool unanswered) {
    const auto now = std::chrono::steady_clock::now();
    if (now - second_ >= std::chrono::seconds(1)) {
        second_ = now;
        left_ = config_.rate;
        left_unanswered_ = std::max(1U, config_.rate / 10);
    }
    if (left_ == 0 || (unanswered && left_unanswered_ == 0))
        return false;
    left_--;
    left_unanswered_ -= unanswered ? 1 : 0;
    return true;
}

// A line that could be written in part is ended before the next one. A full disk is told of once,
// until it works again.
void FlowLog::write() {
    if (lines_.empty())
        return;
    if (torn_)
        lines_.insert(0, "\n");
    const auto written = ::write(file_.get(), lines_.data(), lines_.size());
    const auto size = written > 0 ? static_cast<std::size_t>(written) : 0;
    const bool whole = size == lines_.size();
    const auto complete = static_cast<std::uint64_t>(
        std::count(lines_.begin() + (torn_ && size > 0 ? 1 : 0),
                   lines_.begin() + static_cast<std::ptrdiff_t>(size), '\n'));
    if (!whole && !failing_)
        spdlog::error("flow_log: cannot write {}: {}", config_.file,
                      written < 0 ? std::strerror(errno) : "there is no room for all of it");
    if (whole && failing_)
        spdlog::info("flow_log: {} is written again", config_.file);
    failing_ = !whole;
    if (size > 0)
        torn_ = lines_[size - 1] != '\n';
    stats_.written += complete;
    stats_.failed += in_lines_ - complete;
    lines_.clear();
    in_lines_ = 0;
}

}  // namespace weir
