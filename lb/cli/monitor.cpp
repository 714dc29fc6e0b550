// weir monitor: what befalls flows, and dropped packets, as it happens.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <memory>
#include <sstream>
#include <string>

#include "lb/api/documents.h"
#include "lb/api/http.h"
#include "lb/cli/commands.h"
#include "lb/cli/connection.h"
#include "lb/cli/monitor.h"
#include "lb/cli/report.h"

namespace weir {
namespace {

struct MonitorArguments {
    Connection connection;
    std::string event, reason, service, client, backend;
    bool json = false;
    std::uint64_t count = 0;  // events; 0: no end
};

std::string target_of(const MonitorArguments &arguments) {
    std::string target = "/v1/monitor";
    char separator = '?';
    const auto add = [&](const char *key, const std::string &value) {
        if (value.empty())
            return;
        target += fmt::format("{}{}={}", separator, key, url_encode(value));
        separator = '&';
    };
    add("event", arguments.event);
    add("reason", arguments.reason);
    add("service", arguments.service);
    add("client", arguments.client);
    add("backend", arguments.backend);
    return target;
}

// Prints whole lines until there were as many events as are wanted.
class Printer {
  public:
    explicit Printer(const MonitorArguments &arguments) : arguments_(arguments) {}

    bool print(const std::string &lines) {
        std::istringstream stream(lines);
        std::string line;
        while (std::getline(stream, line))
            if (!line.empty() && !print_line(line))
                return false;
        return std::fflush(stdout) == 0;
    }

  private:
    bool print_line(const std::string &line) {
        const auto document = Json::parse(line, nullptr, false);
        if (document.is_discarded())
            return true;
        const bool missing = document.value("event", "") == "missing";
        if (arguments_.json)
            fmt::print("{}\n", line);
        else if (missing)
            fmt::print(stderr, "{}\n", show_missing(document));
        else
            fmt::print("{}\n", show_event(document));
        return missing || ++shown_ != arguments_.count;
    }

    const MonitorArguments &arguments_;
    std::uint64_t shown_ = 0;
};

int run_monitor(const MonitorArguments &arguments) {
    Printer printer(arguments);
    const auto done = stream(
        arguments.connection, target_of(arguments),
        [] { fmt::print(stderr, "watching; Ctrl-C ends it\n"); },
        [&](const std::string &lines) { return printer.print(lines); });
    return done ? static_cast<int>(Exit::ok) : report(done.error());
}

std::string text_of(const Json &document, const char *key, const char *none) {
    const auto &value = document.at(key);
    if (value.is_null())
        return none;
    return value.is_string() ? value.get<std::string>() : value.dump();
}

}  // namespace

std::string show_event(const Json &event) {
    const double time = event.at("time").get<double>();
    auto line = fmt::format(
        "{:%H:%M:%S}.{:03} {:<11} {} {} {} -> {}", fmt::localtime(static_cast<std::time_t>(time)),
        static_cast<int>((time - std::floor(time)) * 1000), event.at("event").get<std::string>(),
        text_of(event, "service", "-"), text_of(event, "protocol", "-"),
        text_of(event, "client", "-"), text_of(event, "vip", "-"));
    if (!event.at("backend").is_null())
        line += " => " + event.at("backend").get<std::string>();
    if (!event.at("snat").is_null())
        line += " as " + event.at("snat").get<std::string>();
    const auto flags = event.at("tcp_flags").get<std::string>();
    if (!event.at("reason").is_null())
        line +=
            fmt::format(": {} (from {} by {}, {} bytes{}{})", event.at("reason").get<std::string>(),
                        event.at("from").get<std::string>(), text_of(event, "interface", "?"),
                        event.at("bytes").get<std::uint32_t>(), flags.empty() ? "" : ", ", flags);
    return line;
}

std::string show_missing(const Json &missing) {
    const auto count = [&](const char *key) { return missing.at(key).get<std::uint64_t>(); };
    return fmt::format(
        "... {} events are missing here: {} beyond the data path's rate, {} for want "
        "of room there, {} because this command reads too slowly",
        count("sampled") + count("full") + count("slow"), count("sampled"), count("full"),
        count("slow"));
}

void add_monitor_command(CLI::App &app, int &status) {
    auto *command = app.add_subcommand("monitor",
                                       "Show flows as they open, are established and "
                                       "close, and dropped packets, as it happens");
    auto arguments = std::make_shared<MonitorArguments>();
    add_connection_options(*command, arguments->connection);
    const auto add = [&](const char *name, std::string &to, const char *help) {
        command->add_option(name, to, help)->check(refuse_empty);
    };
    add("--event", arguments->event,
        "Only these: opened, established, closed, dropped, with commas");
    add("--reason", arguments->reason, "Only drops for these reasons, with commas");
    add("--service", arguments->service, "Only those of this service");
    add("--client", arguments->client, "Only those from this ADDRESS, ADDRESS:PORT or PREFIX");
    add("--backend", arguments->backend, "Only those to this ADDRESS, ADDRESS:PORT or PREFIX");
    command->add_option("-n,--count", arguments->count, "End after so many events")
        ->check(CLI::PositiveNumber);
    command->add_flag("--json", arguments->json, "One JSON object a line");
    command->callback([arguments, &status] { status = run_monitor(*arguments); });
}

}  // namespace weir
