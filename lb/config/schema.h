// The steps of parse_config(); each notes what is wrong in `problems`.
#pragma once

#include "lb/config/config.h"
#include "lb/config/reader.h"

namespace weir {

// What each key holds, one value at a time.
void read_config(Problems &problems, const Value &root, Config &config);
// An item of `services`.
void read_service(Problems &problems, const Value &value, ServiceConfig &service);
// A service's `health_check`; `what` begins the messages.
void read_health_check(Problems &problems, const Value &value, const std::string &what,
                       HealthCheckConfig &check);
// `instance`, `state_file`, `watch`, `log`: what the daemon itself keeps and tells.
void read_housekeeping(Problems &problems, Mapping &mapping, Config &config);
void read_metrics(Problems &problems, const Value &value, Config &config);
void read_replay(Problems &problems, const Value &value, ReplayConfig &replay);
// `api`: the socket, and TCP with mutual TLS.
void read_api(Problems &problems, const Value &value, Config &config);
// `sockets`: the services for the programs of this host.
void read_sockets(Problems &problems, const Value &value, Config &config);
void read_flow_log(Problems &problems, const Value &value, Config &config);
// What the values mean together: names and endpoints that clash, families, counts over limits.
void validate_config(Problems &problems, const Config &config);
// The same where only these services differ from what was valid, by no name, VIP or protocol, and
// nothing else does. Looks for each of their backends among all VIPs.
void validate_change(Problems &problems, const Config &config,
                     const std::vector<std::size_t> &places);

// 1 to `longest` of A-Z, a-z, 0-9 and `also`.
bool is_word(const std::string &text, std::size_t longest, std::string_view also);
bool is_printable(const std::string &text);  // ASCII
bool is_path(const std::string &text);       // absolute, printable ASCII
std::optional<Endpoint> parse_listen(const std::string &text);

// For Mapping::parsed(): the text as it is, if `valid` says so.
template <typename Valid>
auto text_if(Valid valid) {
    return [valid](const std::string &text) -> std::optional<std::string> {
        return valid(text) ? std::optional(text) : std::nullopt;
    };
}

}  // namespace weir
