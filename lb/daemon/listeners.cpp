#include "lb/daemon/listeners.h"

#include <utility>

#include "lb/daemon/flow_log.h"

namespace weir {

Result<TlsContext> load_tls(const Config &config) {
    if (!config.api_tcp)
        return nullptr;
    const auto file = [&](const FileConfig &one, const char *key) {
        return PemFile{one.path, place(config.file, one.mark) + ": api.tls." + key};
    };
    return server_tls({file(config.api_tcp->certificate, "certificate"),
                       file(config.api_tcp->key, "key"),
                       file(config.api_tcp->client_ca, "client_ca")});
}

Result<Listeners> Listeners::open(boost::asio::io_context &loop, const Config &config) {
    auto tls = load_tls(config);
    if (!tls)
        return tl::make_unexpected(tls.error());
    auto api = listen_unix(
        loop, config.api_socket, place(config.file, config.marks.api_socket) + ": api.socket",
        {config.api_group, place(config.file, config.marks.api_group) + ": api.group"});
    if (!api)
        return tl::make_unexpected(api.error());
    Listeners listeners{.api = std::move(*api), .metrics = {}};
    listeners.tls = std::move(*tls);
    if (config.metrics) {
        auto metrics =
            listen_tcp(loop, *config.metrics,
                       place(config.file, config.marks.metrics_listen) + ": metrics.listen");
        if (!metrics)
            return tl::make_unexpected(metrics.error());
        listeners.metrics = std::move(*metrics);
    }
    if (config.api_tcp) {
        auto tcp = listen_tcp(loop, config.api_tcp->listen,
                              place(config.file, config.api_tcp->listen_mark) + ": api.listen");
        if (!tcp)
            return tl::make_unexpected(tcp.error());
        listeners.api_tcp = std::move(*tcp);
    }
    if (config.flow_log) {
        auto file = open_flow_log(config);
        if (!file)
            return tl::make_unexpected(file.error());
        listeners.flow_log = std::move(*file);
    }
    return listeners;
}

}  // namespace weir
