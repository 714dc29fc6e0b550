#include "tests/benchmarks/weir_daemon.h"

#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <stdexcept>

namespace weir::test {
namespace {

std::string socket_of(const std::string &instance) {
    return "/run/weir/" + instance + ".sock";
}

std::string with_instance(const std::string &configuration, const std::string &instance) {
    return fmt::format(
        "{}metrics: {{listen: \"127.0.0.1:9470\"}}\napi: {{socket: {}}}\ninstance: {}\n"
        "state_file: /run/weir-state/{}.json\n",
        configuration, socket_of(instance), instance, instance);
}

}  // namespace

WeirDaemon::WeirDaemon(const Netns &host, const std::string &instance,
                       const std::string &configuration)
    : host_(&host),
      instance_(instance),
      process_({WEIR_BINARY, "run", "-c",
                folder_.write("weir.yaml", with_instance(configuration, instance))},
               {.netns = &host}) {
    if (!process_.wait_for_err(" ready: ", std::chrono::minutes(1)))
        throw std::runtime_error(process_.err());
}

WeirDaemon::~WeirDaemon() {
    process_.kill(SIGTERM);
    process_.wait();
    run({WEIR_BINARY, "detach", "--instance", instance_}, {.netns = host_});
}

std::string WeirDaemon::ask(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), WEIR_BINARY);
    arguments.insert(arguments.end(), {"--socket", socket_of(instance_)});
    const auto done = run(arguments, {.netns = host_});
    if (done.status != 0)
        throw std::runtime_error(done.err);
    return done.out;
}

void nftables(const Netns &host, const std::string &rules) {
    const TempDir folder;
    const auto done = run({"nft", "-f", folder.write("rules", rules)}, {.netns = &host});
    if (done.status != 0)
        throw std::runtime_error("nft: " + done.err);
}

}  // namespace weir::test
