#include "lb/health/probes.h"

namespace weir {

ProbePointer make_probe(const Tools &tools, const CheckTarget &target, const CheckConfig &config) {
    switch (config->type) {
        case CheckType::http:
            return make_http_probe(tools, target, config);
        case CheckType::https:
            return make_https_probe(tools, target, config);
        case CheckType::udp:
            return make_udp_probe(tools, target, config);
        case CheckType::dns:
            return make_dns_probe(tools, target, config);
        case CheckType::icmp:
            return make_icmp_probe(tools, target);
        case CheckType::exec:
            return make_exec_probe(tools, target, config);
        case CheckType::tcp:
            break;
    }
    return make_tcp_probe(tools, target);
}

}  // namespace weir
