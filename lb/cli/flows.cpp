// weir flows, weir flows flush: clients of the admin API.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lb/api/client.h"
#include "lb/api/flow_query.h"
#include "lb/api/http.h"
#include "lb/cli/commands.h"
#include "lb/cli/connection.h"
#include "lb/cli/flow_printer.h"
#include "lb/cli/report.h"
#include "lb/cli/show.h"

namespace weir {
namespace {

using Parameters = std::vector<std::pair<std::string, std::string>>;

struct FlowsOptions {
    bool json = false;
    bool reverse = false;
    bool count = false;
    bool all = false;  // flush
    Connection connection;
    std::string service{}, client{}, vip{}, backend{}, protocol{}, idle{}, sort{}, count_by{};
    std::vector<std::string> states{};
    std::optional<std::uint64_t> limit{};
};

Error out_of_time() {
    return {Exit::failed, "time was up before the end of the tables: what is shown is not all"};
}

Parameters filters_of(const FlowsOptions &options) {
    return {{"service", options.service},
            {"client", options.client},
            {"vip", options.vip},
            {"backend", options.backend},
            {"protocol", options.protocol},
            {"idle", options.idle},
            {"state", fmt::format("{}", fmt::join(options.states, ","))}};
}

Result<Json> call(const FlowsOptions &options, const char *method, const char *path,
                  const Parameters &query) {
    return call(options.connection, {method, make_target(path, query)});
}

int count(const FlowsOptions &options) {
    auto query = filters_of(options);
    query.emplace_back("by", options.count_by);
    query.emplace_back("limit", options.limit ? std::to_string(*options.limit) : "");
    const auto document = call(options, "GET", "/v1/flows/count", query);
    if (!document)
        return report(document.error());
    fmt::print("{}", options.json ? document->dump(2) + "\n" : show_flow_count(*document));
    return document->at("truncated").get<bool>() ? report(out_of_time())
                                                 : static_cast<int>(Exit::ok);
}

// Some, at once.
int list(const FlowsOptions &options) {
    auto query = filters_of(options);
    if (!options.sort.empty())
        query.emplace_back("sort", (options.reverse ? "-" : "") + options.sort);
    query.emplace_back("limit", options.limit ? std::to_string(*options.limit) : "");
    const auto document = call(options, "GET", "/v1/flows", query);
    if (!document)
        return report(document.error());
    FlowPrinter printer(options.json);
    const auto &flows = document->at("flows");
    const bool late = document->at("out_of_time").get<bool>();
    fmt::print("{}", printer.add(flows, flows.size()));
    fmt::print("{}", printer.end(document->at("truncated").get<bool>(), late));
    return late ? report(out_of_time()) : static_cast<int>(Exit::ok);
}

// Any number, page by page; 0: all.
int list_pages(const FlowsOptions &options, std::uint64_t limit) {
    auto query = filters_of(options);
    query.emplace_back("page", "start");
    FlowPrinter printer(options.json);
    auto left = limit > 0 ? limit : std::numeric_limits<std::uint64_t>::max();
    while (true) {
        const auto document = call(options, "GET", "/v1/flows", query);
        if (!document)
            return report(document.error());
        const auto &flows = document->at("flows");
        const auto &next = document->at("next");
        const bool cut = flows.size() > left;
        fmt::print("{}", printer.add(flows, left));
        left -= std::min<std::uint64_t>(left, flows.size());
        if (next.is_null() || left == 0) {
            fmt::print("{}", printer.end(cut || !next.is_null(), false));
            return static_cast<int>(Exit::ok);
        }
        query.back().second = next.get<std::string>();
    }
}

int list_flows(const FlowsOptions &options) {
    const auto limit = options.limit.value_or(kFlowsDefaultLimit);
    if (options.count || !options.count_by.empty())
        return count(options);
    if (limit > 0 && limit <= kFlowsMaximumLimit)
        return list(options);
    if (options.sort.empty())
        return list_pages(options, limit);
    return report({Exit::usage, fmt::format("--sort: the --limit may be 1 to {}; without an order "
                                            "it may be any, and 0 lists all flows",
                                            kFlowsMaximumLimit)});
}

int flush(const FlowsOptions &options) {
    auto query = filters_of(options);
    if (options.count || !options.count_by.empty())
        return report({Exit::usage, "--count is for listing flows, not for deleting them"});
    query.emplace_back("all", options.all ? "true" : "");
    query.emplace_back("sort", options.sort);
    query.emplace_back("limit", options.limit ? std::to_string(*options.limit) : "");
    const auto document = call(options, "DELETE", "/v1/flows", query);
    if (!document)
        return report(document.error());
    fmt::print("deleted {} flows\n", document->at("deleted").get<std::uint64_t>());
    if (!document->at("truncated").get<bool>())
        return static_cast<int>(Exit::ok);
    return report({Exit::failed, "time was up before the end of the tables: repeat the command"});
}

void add_filters(CLI::App &command, FlowsOptions &options) {
    const auto add = [&](const char *name, std::string &value, const char *help) {
        command.add_option(name, value, help)->check(refuse_empty);
    };
    add("--service", options.service, "Only those of this service");
    add("--client", options.client, "Only those from this ADDRESS, ADDRESS:PORT or PREFIX");
    add("--vip", options.vip, "Only those to this VIP: ADDRESS, ADDRESS:PORT or PREFIX");
    add("--backend", options.backend, "Only those to this ADDRESS, ADDRESS:PORT or PREFIX");
    add("--protocol", options.protocol, "Only those of tcp, or of udp");
    add("--idle", options.idle, "Only those without a packet for at least this time: 30s, 2m");
    command
        .add_option("--state", options.states,
                    "Only those that are new, replied, established, closing, closed: one or more")
        ->delimiter(',')
        ->check(refuse_empty);
}

void add_listing_options(CLI::App &command, FlowsOptions &options) {
    command.add_flag("--json", options.json, "Print the API's document");
    command.add_option("--limit", options.limit, "At most so many [1000]; 0: all");
    auto *sort = command
                     .add_option("--sort", options.sort,
                                 "By service, client, vip, backend, protocol, state or idle")
                     ->check(refuse_empty);
    command.add_flag("--reverse", options.reverse, "The last one first")->needs(sort);
    auto *count =
        command.add_flag("--count", options.count, "Print how many there are")->excludes(sort);
    command
        .add_option("--count-by", options.count_by,
                    "Print how many there are of each service, client, vip, backend, protocol or "
                    "state, the most first")
        ->check(refuse_empty)
        ->excludes(sort)
        ->excludes(count);
}

}  // namespace

void add_flows_command(CLI::App &app, int &status) {
    auto *command = app.add_subcommand("flows", "List the flows, or count them");
    auto options = std::make_shared<FlowsOptions>();
    add_connection_options(*command, options->connection);
    add_filters(*command, *options);
    add_listing_options(*command, *options);
    command->callback([command, options, &status] {
        if (command->get_subcommands().empty())
            status = list_flows(*options);
    });
    // what stands before its name counts as well
    auto *below = command->add_subcommand(
        "flush", "Delete flows; a client that goes on sending opens a new one");
    add_connection_options(*below, options->connection);
    add_filters(*below, *options);
    below->add_flag("--all", options->all, "Delete every flow");
    below->callback([options, &status] { status = flush(*options); });
}

}  // namespace weir
