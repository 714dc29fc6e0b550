// A configuration whose text has changed in a few services: yaml-cpp takes a second for ten
// thousand of them, and a reload that weighs one backend need not read the others again.
#pragma once

#include <optional>
#include <string>

#include "lb/config/config.h"
#include "lb/result.h"

namespace weir {

// What a file holds, and the configuration that it is.
struct ConfigText {
    std::string text;
    Config config;
};

// As load_config().
Result<ConfigText> load_config_text(const std::string &file);
// The same file again. `last_read` becomes what it holds, valid or not, if it can be read.
Result<ConfigText> load_config_again(const ConfigText &before, std::string &last_read);

// What `text` says. None where that is not certain to be what parse_config() makes of it, or is not
// valid: then it has to say so.
std::optional<Config> reread(const ConfigText &before, const std::string &text);

// Calls visit() with the place of each thing in a configuration.
template <typename Visit>
void for_each_mark(ServiceConfig &service, Visit visit) {
    visit(service.mark);
    for (SourceRange &range : service.source_ranges)
        visit(range.mark);
    for (BackendConfig &backend : service.backends)
        visit(backend.mark);
}

template <typename Visit>
void for_each_mark(Config &config, Visit visit) {
    for (InterfaceConfig &interface : config.interfaces)
        visit(interface.mark);
    for (ServiceConfig &service : config.services)
        for_each_mark(service, visit);
    for (SnatAddress &address : config.snat.addresses)
        visit(address.mark);
    visit(config.snat.mark);
    if (auto &tcp = config.api_tcp)
        for (Mark *mark :
             {&tcp->certificate.mark, &tcp->key.mark, &tcp->client_ca.mark, &tcp->listen_mark})
            visit(*mark);
    if (auto &sockets = config.sockets) {
        for (ListenerConfig &listener : sockets->listeners)
            visit(listener.mark);
        visit(sockets->cgroup_mark);
        visit(sockets->mark_of_all);
    }
    auto &[interfaces, limits, metrics, socket, group, state, log, file, instance] = config.marks;
    for (Mark *mark :
         {&interfaces, &limits, &metrics, &socket, &group, &state, &log, &file, &instance})
        visit(*mark);
}

}  // namespace weir
