#include "tests/e2e/tools.h"

#include <sstream>

namespace weir::test {

Bulk iperf3(const Netns &client, const Endpoint &to, const Netns &host, std::uint16_t port,
            const std::string &options) {
    Process server({"iperf3", "-s", "-1", "--forceflush", "-p", std::to_string(port)},
                   {.netns = &host});
    Bulk bulk;
    if (!eventually([&] { return server.out().find("listening") != std::string::npos; })) {
        bulk.error = "no server: " + server.err();
        return bulk;
    }
    std::vector<std::string> command{"iperf3",
                                     "-c",
                                     to.address.to_string(),
                                     "-p",
                                     std::to_string(to.port),
                                     "-J",
                                     "--connect-timeout",
                                     "3000"};
    std::istringstream words(options);
    for (std::string word; words >> word;)
        command.push_back(word);
    const auto done = Process(command, {.netns = &client}).wait(std::chrono::seconds(10));
    const auto said = Json::parse(done.out, nullptr, false);
    if (said.is_discarded() || said.contains("error") || done.status != 0) {
        bulk.error = "iperf3: " + done.out + done.err;
        return bulk;
    }
    bulk.bytes = said["end"]["sum_received"]["bytes"];
    bulk.seconds = said["end"]["sum_received"]["seconds"];
    return bulk;
}

MacAddress mac_of(const Netns &netns, const std::string &name) {
    const auto link = netns.output("ip -o link show dev " + name);
    return MacAddress::parse(link.substr(link.find("link/ether ") + 11, 17)).value();
}

int learnt_mtu(const Netns &netns, const Address &to) {
    const auto route = netns.output("ip route get " + to.to_string());
    const auto at = route.find(" mtu ");
    return at == std::string::npos ? 0 : std::stoi(route.substr(at + 5));
}

}  // namespace weir::test
