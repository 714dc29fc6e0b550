#include "lb/daemon/log.h"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <utility>

#include "lb/daemon/journal.h"

namespace weir {
namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
    switch (level) {
        case LogLevel::debug:
            return spdlog::level::debug;
        case LogLevel::info:
            return spdlog::level::info;
        case LogLevel::warn:
            return spdlog::level::warn;
        case LogLevel::error:
            break;
    }
    return spdlog::level::err;
}

// Of the default logger, which has one sink; null when that is another.
std::shared_ptr<JournalSink> journal() {
    const auto &sinks = spdlog::default_logger_raw()->sinks();
    return sinks.empty() ? nullptr : std::dynamic_pointer_cast<JournalSink>(sinks.front());
}

}  // namespace

bool stderr_is_journal() {
    const char *stream = std::getenv("JOURNAL_STREAM");
    struct stat seen {};
    return stream != nullptr && ::fstat(STDERR_FILENO, &seen) == 0 &&
           stream == fmt::format("{}:{}", seen.st_dev, seen.st_ino);
}

void start_log() {
    if (stderr_is_journal()) {
        spdlog::set_default_logger(
            std::make_shared<spdlog::logger>("weir", std::make_shared<JournalSink>()));
        return;
    }
    spdlog::set_default_logger(std::make_shared<spdlog::logger>(
        "weir", std::make_shared<spdlog::sinks::stderr_color_sink_mt>()));
    spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %^%l%$ %v");
}

void configure_log(const Config &config) {
    spdlog::set_level(to_spdlog(config.log_level));
    if (const auto sink = journal())
        sink->set_instance(config.instance);
}

void note(Notices &notices, Notice notice) {
    const auto severity = to_spdlog(notice.severity);
    const auto sink = journal();
    if (!sink)
        spdlog::log(severity, "{}", notice.text);
    else if (spdlog::should_log(severity))
        sink->write(severity, notice.text,
                    {{"WEIR_SERVICE", notice.service},
                     {"WEIR_BACKEND", notice.backend},
                     {"WEIR_INTERFACE", notice.interface}});
    notices.add(std::move(notice), std::chrono::system_clock::now());
}

}  // namespace weir
