#include "lb/config/config.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "lb/config/document.h"
#include "lb/config/schema.h"

namespace weir {

std::string_view to_string(Hook hook) {
    switch (hook) {
        case Hook::xdp:
            return "xdp";
        case Hook::tc:
            return "tc";
        case Hook::automatic:
            break;
    }
    return "auto";
}

std::string_view to_string(XdpMode mode) {
    switch (mode) {
        case XdpMode::generic:
            return "generic";
        case XdpMode::offload:
            return "offload";
        case XdpMode::native:
            break;
    }
    return "native";
}

std::string_view to_string(Mode mode) {
    return mode == Mode::fullnat ? "fullnat" : "dnat";
}

std::string_view to_string(Scheduler scheduler) {
    switch (scheduler) {
        case Scheduler::wrr:
            return "wrr";
        case Scheduler::least_conn:
            return "least-conn";
        case Scheduler::random:
            return "random";
        case Scheduler::source_hash:
            return "source-hash";
        case Scheduler::maglev:
            break;
    }
    return "maglev";
}

std::string_view to_string(OnDown on_down) {
    switch (on_down) {
        case OnDown::reset:
            return "reset";
        case OnDown::reselect:
            return "reselect";
        case OnDown::keep:
            break;
    }
    return "keep";
}

std::string_view to_string(CheckType type) {
    constexpr std::array<std::string_view, 7> kNames{"tcp", "http", "https", "udp",
                                                     "dns", "icmp", "exec"};
    return kNames[static_cast<std::size_t>(type)];
}

std::string_view to_string(LogLevel level) {
    constexpr std::array<std::string_view, 4> kNames{"debug", "info", "warn", "error"};
    return kNames[static_cast<std::size_t>(level)];
}

std::string_view to_string(Announce announce) {
    return announce == Announce::address ? "address" : "none";
}

std::string SourceRange::to_string() const {
    return fmt::format("{}{}", allow ? "" : "!", prefix.to_string());
}

std::string place(const std::string &file, const Mark &mark) {
    return mark.line == 0 ? file : fmt::format("{}:{}:{}", file, mark.line, mark.column);
}

Result<Config> parse_config(const std::string &text, const std::string &file) {
    Config config;
    config.file = file;
    const auto done =
        read_document(text, file, "the configuration", [&](Problems &problems, const Value &root) {
            read_config(problems, root, config);
            if (!problems.any())
                validate_config(problems, config);
        });
    return done.map([&] { return std::move(config); });
}

Result<Config> load_config(const std::string &file) {
    return read_text(file).and_then(
        [&](const std::string &text) { return parse_config(text, file); });
}

}  // namespace weir
