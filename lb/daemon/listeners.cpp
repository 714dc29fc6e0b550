#include "lb/daemon/listeners.h"

#include <utility>

#include "lb/daemon/flow_log.h"

namespace weir {

Result<Listeners> Listeners::open(boost::asio::io_context &loop, const Config &config) {
    auto api = listen_unix(
        loop, config.api_socket, place(config.file, config.marks.api_socket) + ": api.socket",
        {config.api_group, place(config.file, config.marks.api_group) + ": api.group"});
    if (!api)
        return tl::make_unexpected(api.error());
    Listeners listeners{std::move(*api), std::nullopt};
    if (config.metrics) {
        auto metrics =
            listen_tcp(loop, *config.metrics,
                       place(config.file, config.marks.metrics_listen) + ": metrics.listen");
        if (!metrics)
            return tl::make_unexpected(metrics.error());
        listeners.metrics = std::move(*metrics);
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
