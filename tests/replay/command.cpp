#include "tests/replay/command.h"

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "tests/support/program.h"

namespace weir::test {

void ReplayTest::SetUp() {
    if (const auto why = why_not_runnable(); !why.empty())
        GTEST_SKIP() << why;
}

ProcessResult ReplayTest::replay(const std::vector<std::string> &arguments) {
    std::vector<std::string> command{WEIR_BINARY, "replay"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return run(command);
}

std::vector<std::string> ReplayTest::files() const {
    std::vector<std::string> names;
    for (const auto &entry : std::filesystem::directory_iterator(folder_.path()))
        names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
}

namespace {

std::vector<Json> read_lines(const std::string &file) {
    std::vector<Json> lines;
    std::istringstream text(read_file(file));
    for (std::string line; std::getline(text, line);)
        lines.push_back(Json::parse(line));
    return lines;
}

}  // namespace

std::vector<Json> read_report(const std::string &file) {
    auto lines = read_lines(file);
    if (lines.empty() || !lines.back().contains("summary"))
        throw std::runtime_error(file + " has no summary at its end");
    lines.pop_back();
    return lines;
}

Json read_summary(const std::string &file) {
    return read_lines(file).at(read_report(file).size()).at("summary");
}

std::size_t lines_in(const std::string &text) {
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

std::string services_yaml(const std::string &more) {
    return more + R"(
services:
  - name: web
    vip: 192.0.2.10
    port: 80
    protocol: tcp
    backends: [{address: 198.51.100.6, port: 8080}]
  - name: dns
    vip: 192.0.2.53
    port: 53
    protocol: udp
    backends: [{address: 198.51.100.10, port: 5353}]
limits: {flows: 64, new_flows: 64}
)";
}

}  // namespace weir::test
