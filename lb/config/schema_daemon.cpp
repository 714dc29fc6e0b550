// The keys of what the daemon itself serves, keeps and writes: `api`, `metrics`, `flow_log`, ...
#include <fmt/format.h>
#include <sys/un.h>

#include "lb/config/schema.h"

namespace weir {

namespace {

constexpr std::size_t kLongestInstance = 31;
constexpr std::size_t kLongestGroup = 32;
constexpr std::uint32_t kHighestLogRate = 1000000;
constexpr std::size_t kLongestSocket = sizeof(sockaddr_un::sun_path) - 1;

// Neither `listen` nor `tls` is there without the other: nobody changes anything over TCP who has
// not shown who he is.
void read_tcp(Problems &problems, Mapping &api, std::optional<ApiTcpConfig> &target) {
    const Value *const tls = api.find("tls");
    const bool listens = api.find("listen") != nullptr;
    if (tls == nullptr && !listens)
        return;
    if (tls == nullptr)
        return api.complain("listen",
                            "needs `tls` beside it: over TCP, both ends show a certificate");
    if (!listens)
        return api.complain("tls", "needs `listen` beside it: the ADDRESS:PORT that it is for");
    ApiTcpConfig &tcp = target.emplace();
    api.parsed("listen", "ADDRESS:PORT, such as 192.0.2.5:9471", parse_listen, tcp.listen);
    tcp.listen_mark = api.value_mark("listen");
    Mapping files(problems, *tls, {"api, tls", {"certificate", "key", "client_ca"}, {}, {}});
    for (const auto &[key, file] :
         {std::pair("certificate", &tcp.certificate), std::pair("key", &tcp.key),
          std::pair("client_ca", &tcp.client_ca)}) {
        files.parsed(key, "an absolute path of printable ASCII", text_if(is_path), file->path);
        file->mark = files.value_mark(key);
    }
}

}  // namespace

void read_api(Problems &problems, const Value &value, Config &config) {
    Mapping mapping(problems, value, {"api", {}, {"socket", "group", "listen", "tls"}, {}});
    mapping.parsed(
        "socket", fmt::format("an absolute path of at most {} bytes of ASCII", kLongestSocket),
        text_if([](const auto &text) { return is_path(text) && text.size() <= kLongestSocket; }),
        config.api_socket);
    mapping.parsed("group", "the name of a group",
                   text_if([](const auto &text) { return is_word(text, kLongestGroup, "_.-"); }),
                   config.api_group);
    config.marks.api_socket = mapping.value_mark("socket");
    config.marks.api_group = mapping.value_mark("group");
    read_tcp(problems, mapping, config.api_tcp);
}

void read_flow_log(Problems &problems, const Value &value, Config &config) {
    Mapping mapping(problems, value, {"flow_log", {"file"}, {"rate"}, {}});
    auto &log = config.flow_log.emplace();
    mapping.parsed("file", "an absolute path of printable ASCII", text_if(is_path), log.file);
    mapping.number("rate", 1, kHighestLogRate, log.rate);
    config.marks.flow_log_file = mapping.value_mark("file");
    config.limits.accounts = true;
}

void read_metrics(Problems &problems, const Value &value, Config &config) {
    Mapping mapping(problems, value, {"metrics", {"listen"}, {}, {}});
    mapping.parsed("listen", "ADDRESS:PORT, such as 127.0.0.1:9470", parse_listen, config.metrics);
    config.marks.metrics_listen = mapping.value_mark("listen");
}

// What the daemon itself keeps and tells.
void read_housekeeping(Problems &problems, Mapping &mapping, Config &config) {
    mapping.parsed("instance", fmt::format("1 to {} of A-Z a-z 0-9 _ -", kLongestInstance),
                   text_if([](const auto &text) { return is_word(text, kLongestInstance, "_-"); }),
                   config.instance);
    config.state_file = fmt::format("/var/lib/weir/{}.json", config.instance);
    mapping.parsed("state_file", "an absolute path of printable ASCII", text_if(is_path),
                   config.state_file);
    mapping.flag("watch", config.watch);
    if (const Value *value = mapping.find("log"))
        Mapping(problems, *value, {"log", {"level"}, {}, {}})
            .choice("level", {LogLevel::debug, LogLevel::info, LogLevel::warn, LogLevel::error}, {},
                    config.log_level);
    config.marks.state_file = mapping.value_mark("state_file");
    config.marks.instance = mapping.value_mark("instance");
}

void read_replay(Problems &problems, const Value &value, ReplayConfig &replay) {
    Mapping mapping(problems, value, {"replay", {"mac"}, {}, {}});
    const auto parse = [](const std::string &text) -> std::optional<MacAddress> {
        const auto mac = MacAddress::parse(text);
        const bool group = mac && (mac->bytes[0] & 1U) != 0;
        return mac && !group && *mac != MacAddress{} ? mac : std::nullopt;
    };
    mapping.parsed("mac", "a unicast MAC address such as 02:00:00:00:00:01", parse, replay.mac);
}

}  // namespace weir
