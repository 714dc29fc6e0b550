#include "tests/benchmarks/workloads.h"

#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <vector>

#include "tests/support/temp.h"

namespace weir::test {
namespace {

constexpr const char *kSeconds = "1";
constexpr double kFailures = 0.001;  // a share

std::string output(const std::vector<std::string> &command, const ProcessOptions &client) {
    const auto done = Process(command, client).wait(std::chrono::seconds(15));
    if (done.status != 0)
        throw std::runtime_error(
            fmt::format("{}: {}{}", fmt::join(command, " "), done.out, done.err));
    return done.out;
}

// The text after `label`; empty when it is not there.
std::string after(const std::string &text, const std::string &label) {
    const auto at = text.find(label);
    return at == std::string::npos ? "" : text.substr(at + label.size());
}

double number_after(const std::string &text, const std::string &label) {
    const auto rest = after(text, label);
    if (rest.empty())
        throw std::runtime_error(fmt::format("no \"{}\" in: {}", label, text));
    return std::stod(rest);
}

// "1.25ms", "830.00us", "1.02s"
double milliseconds(const std::string &text) {
    std::size_t digits = 0;
    const double number = std::stod(text, &digits);
    const auto unit = text.substr(digits, 2);
    return unit == "us" ? number / 1000 : unit == "ms" ? number : number * 1000;
}

// Of "  12345 requests in 2.00s": the number before the label.
double requests_of(const std::string &text) {
    const auto at = text.find(" requests in ");
    const auto begin = text.rfind('\n', at);
    if (at == std::string::npos || begin == std::string::npos)
        throw std::runtime_error("wrk: " + text);
    return std::stod(text.substr(begin + 1, at - begin));
}

// Of the lines that are there only when something failed.
double failures_of(const std::string &text) {
    double sum = 0;
    for (const auto *label : {"Non-2xx or 3xx responses: ", "Socket errors: connect ", ", read ",
                              ", write ", ", timeout "})
        if (const auto rest = after(text, label); !rest.empty())
            sum += std::stod(rest);
    return sum;
}

void expect_few(const char *program, double failures, double requests, const std::string &said) {
    if (failures > kFailures * requests)
        throw std::runtime_error(fmt::format("{}: {:.0f} failures: {}", program, failures, said));
}

WorkDone wrk(const Target &target, const std::vector<std::string> &options) {
    std::vector<std::string> command{"wrk", "-t", "1", "-c", "32", "-d", kSeconds, "--latency"};
    command.insert(command.end(), options.begin(), options.end());
    command.push_back(fmt::format("http://{}/", Endpoint{target.address, target.web}.to_string()));
    const auto said = output(command, target.client);
    WorkDone outcome{.done = requests_of(said), .rate = number_after(said, "Requests/sec:")};
    const auto latency = [&](const std::string &label) {
        const auto rest = after(said, label);
        return milliseconds(rest.substr(rest.find_first_not_of(' ')));
    };
    outcome.p50 = latency("\n     50%");
    outcome.p99 = latency("\n     99%");
    expect_few("wrk", failures_of(said), outcome.done, said);
    return outcome;
}

}  // namespace

WorkDone wrk_new(const Target &target) {
    return wrk(target, {"-H", "Connection: close"});
}

WorkDone wrk_keepalive(const Target &target) {
    return wrk(target, {});
}

WorkDone iperf3(const Target &target) {
    const auto said = output({"iperf3", "-c", target.address.to_string(), "-p",
                              std::to_string(kIperfPort), "-t", kSeconds, "-J"},
                             target.client);
    const auto sum = nlohmann::json::parse(said)["end"]["sum_received"];
    constexpr double kGiga = 1e9;
    return {.done = sum["bytes"].get<double>() * 8 / kGiga,
            .rate = sum["bits_per_second"].get<double>() / kGiga};
}

WorkDone dnsperf(const Target &target) {
    const TempDir folder;
    const auto said =
        output({"dnsperf", "-s", target.address.to_string(), "-p", std::to_string(kDnsPort), "-d",
                folder.write("names", "www.weir.example A\n"), "-l", kSeconds, "-c", "8", "-q",
                "64", "-T", "1"},
               target.client);
    WorkDone outcome{.done = number_after(said, "Queries completed:"),
                     .rate = number_after(said, "Queries per second:")};
    constexpr double kMilli = 1000;
    outcome.mean = kMilli * number_after(said, "Average Latency (s):");
    outcome.longest = kMilli * number_after(said, "max ");
    expect_few("dnsperf", number_after(said, "Queries lost:"), outcome.done, said);
    return outcome;
}

}  // namespace weir::test
