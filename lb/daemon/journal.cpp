#include "lb/daemon/journal.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>

namespace weir {
namespace {

constexpr std::string_view kSocket = "/run/systemd/journal/socket";

}  // namespace

std::string to_journal_entry(const JournalFields &fields) {
    std::string entry;
    for (const auto &[name, value] : fields) {
        if (value.find('\n') == std::string_view::npos) {
            entry += fmt::format("{}={}\n", name, value);
            continue;
        }
        std::array<char, 8> length{};
        for (std::size_t i = 0; i < length.size(); ++i)
            length.at(i) = static_cast<char>(std::uint64_t{value.size()} >> (8 * i) & 0xff);
        entry +=
            fmt::format("{}\n{}{}\n", name, std::string_view(length.data(), length.size()), value);
    }
    return entry;
}

int to_priority(spdlog::level::level_enum level) {
    switch (level) {
        case spdlog::level::critical:
        case spdlog::level::err:
            return 3;
        case spdlog::level::warn:
            return 4;
        case spdlog::level::info:
            return 6;
        default:
            return 7;
    }
}

JournalSink::JournalSink() : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {}

void JournalSink::set_instance(const std::string &instance) {
    const std::lock_guard<std::mutex> lock(mutex_);
    instance_ = instance;
}

void JournalSink::write(spdlog::level::level_enum level, std::string_view text,
                        const JournalFields &more) {
    const std::lock_guard<std::mutex> lock(mutex_);
    send(level, text, more);
}

void JournalSink::sink_it_(const spdlog::details::log_msg &message) {
    send(message.level, {message.payload.data(), message.payload.size()}, {});
}

void JournalSink::send(spdlog::level::level_enum level, std::string_view text,
                       const JournalFields &more) {
    if (send_entry(level, text, more) && lost_ > 0) {
        const auto lost = fmt::format("{} lines were lost: the journal did not take them", lost_);
        lost_ = 0;
        send_entry(spdlog::level::warn, lost, {});
    }
}

// The journal may be stuck; the loop that writes here has health checks to make.
bool JournalSink::send_entry(spdlog::level::level_enum level, std::string_view text,
                             const JournalFields &more) {
    const auto priority = std::to_string(to_priority(level));
    JournalFields fields{{"MESSAGE", text}, {"PRIORITY", priority}, {"SYSLOG_IDENTIFIER", "weir"}};
    if (!instance_.empty())
        fields.emplace_back("WEIR_INSTANCE", instance_);
    std::copy_if(more.begin(), more.end(), std::back_inserter(fields),
                 [](const auto &field) { return !field.second.empty(); });
    const auto entry = to_journal_entry(fields);
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    kSocket.copy(to.sun_path, kSocket.size());
    if (::sendto(socket_.get(), entry.data(), entry.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                 reinterpret_cast<const sockaddr *>(&to), sizeof to) >= 0)
        return true;
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        ++lost_;
    else
        fmt::print(stderr, "<{}>{}\n", priority, text);
    return false;
}

}  // namespace weir
