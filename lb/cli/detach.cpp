// weir detach: takes the data path off and forgets it. Needs no daemon, and refuses when one runs.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "lb/cli/commands.h"
#include "lb/cli/report.h"
#include "lb/config/config.h"
#include "lb/daemon/host_setup.h"
#include "lb/daemon/preflight.h"
#include "lb/dataplane/attach.h"
#include "lb/dataplane/lost.h"
#include "lb/dataplane/pins.h"
#include "lb/dataplane/program_ids.h"
#include "lb/dataplane/tc_link.h"

namespace weir {
namespace {

struct Options {
    std::string instance;
    std::string config;
};

Result<std::string> instance_of(const Options &options) {
    if (!options.instance.empty()) {
        if (options.instance.find('/') != std::string::npos || options.instance[0] == '.')
            return fail(Exit::usage,
                        fmt::format("--instance {}: that is no instance's name", options.instance));
        return options.instance;
    }
    if (options.config.empty())
        return Config{}.instance;
    return load_config(options.config).map([](const Config &config) { return config.instance; });
}

// Interfaces of other network namespaces are out of sight, but their programs are not. TC is asked,
// which every interface of an instance carries: libxdp's pins may keep XDP programs of interfaces
// that are gone.
bool is_attached_elsewhere(const MapIds &own) {
    constexpr int kTries = 40;
    for (int i = 0; i < kTries; i++) {
        if (!tc_is_loaded(own))
            return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return true;
}

Result<void> take_off(const std::string &instance, const MapIds &own) {
    const auto names = detach_all(OwnPrograms(own));
    if (!names)
        return tl::make_unexpected(names.error());
    if (names->empty() && is_attached_elsewhere(own))
        return fail(Exit::refused,
                    fmt::format("instance {} is on interfaces of another network namespace: run "
                                "weir detach in the network namespace of the daemon",
                                instance));
    fmt::print(
        "instance {}: detached from {}\n", instance,
        names->empty() ? "no interface: none had it" : fmt::format("{}", fmt::join(*names, ", ")));
    return {};
}

// Of an instance without tables.
Result<void> report_nothing(const std::string &instance) {
    const auto lost = find_lost_programs();
    if (lost.empty()) {
        fmt::print("instance {}: nothing is attached\n", instance);
        return {};
    }
    std::vector<std::string> names;
    std::vector<std::string> commands;
    for (const auto &[interface, tc, xdp] : lost) {
        names.push_back(interface);
        if (tc)
            commands.push_back(fmt::format("tc qdisc del dev {} clsact", interface));
        if (xdp)
            commands.push_back(fmt::format("ip link set {} xdp off", interface));
    }
    return fail(Exit::refused,
                fmt::format("instance {} has no tables in /sys/fs/bpf, but on {} are programs of "
                            "Weir's that have none there: stop the daemon, then run `{}`",
                            instance, fmt::join(names, ", "), fmt::join(commands, "; ")));
}

Result<void> detach(const std::string &instance) {
    const auto folder = std::filesystem::path("/sys/fs/bpf/weir") / instance;
    std::error_code ignored;
    if (!std::filesystem::exists(folder, ignored))
        return report_nothing(instance);
    auto pins = Pins::open(instance);
    if (!pins)
        return tl::make_unexpected(pins.error());
    if (!pins->adopted())
        return report_nothing(instance);
    auto host = HostSetup::open(pins->path());
    if (!host)
        return tl::make_unexpected(host.error());
    const MapIds own = own_maps(pins->generations());
    // none: a start that was killed before anything could be attached
    if (!own.empty())
        if (auto off = take_off(instance, own); !off)
            return off;
    if (auto cleared = host->clear(); !cleared)
        return cleared;
    pins->clear();
    // libxdp keeps its dispatchers' pins there, and leaves the folder when they are gone
    std::filesystem::remove("/sys/fs/bpf/xdp", ignored);
    fmt::print("instance {}: tables unpinned\n", instance);
    return {};
}

int run(const Options &options) {
    const auto instance = instance_of(options);
    if (!instance)
        return report(instance.error());
    return report(check_privilege("weir detach").and_then([&] { return detach(*instance); }));
}

}  // namespace

void add_detach_command(CLI::App &app, int &status) {
    auto *command = app.add_subcommand(
        "detach", "Take the data path off every interface and unpin its tables; ends its flows");
    auto options = std::make_shared<Options>();
    auto *instance =
        command->add_option("--instance", options->instance, "The instance's name [default]");
    command->add_option("-c,--config", options->config, "Take the instance from this configuration")
        ->excludes(instance);
    command->callback([options, &status] { status = run(*options); });
}

}  // namespace weir
