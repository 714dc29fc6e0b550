// A probe for every type of check, and what the probes share.
#pragma once

#include <sys/resource.h>

#include <boost/asio/io_context.hpp>
#include <memory>
#include <random>

#include "lb/health/echo_socket.h"
#include "lb/health/probe.h"
#include "lb/health/tls_contexts.h"

namespace weir {

struct ProbeTools {
    ProbeTools(boost::asio::io_context &the_loop, const rlimit &files)
        : loop(the_loop),
          child_files(files),
          echo_v4(std::make_shared<EchoSocket>(the_loop, true)),
          echo_v6(std::make_shared<EchoSocket>(the_loop, false)) {}

    boost::asio::io_context &loop;
    rlimit child_files;  // RLIMIT_NOFILE of the programs that are run
    TlsContexts tls;
    std::shared_ptr<EchoSocket> echo_v4;
    std::shared_ptr<EchoSocket> echo_v6;
    std::random_device random;  // what nobody may guess: ids of queries
};

// The configuration, the target and the tools are to outlive no more than the call of start() or
// cancel(); what is needed later is copied or shared.
using CheckConfig = std::shared_ptr<const HealthCheckConfig>;
using Tools = std::shared_ptr<ProbeTools>;
using ProbePointer = std::shared_ptr<Probe>;

ProbePointer make_tcp_probe(const Tools &tools, const CheckTarget &target);
ProbePointer make_http_probe(const Tools &tools, const CheckTarget &target, CheckConfig config);
ProbePointer make_https_probe(const Tools &tools, const CheckTarget &target, CheckConfig config);
ProbePointer make_udp_probe(const Tools &tools, const CheckTarget &target, CheckConfig config);
ProbePointer make_dns_probe(const Tools &tools, const CheckTarget &target, CheckConfig config);
ProbePointer make_icmp_probe(const Tools &tools, const CheckTarget &target);
ProbePointer make_exec_probe(const Tools &tools, const CheckTarget &target, CheckConfig config);

ProbePointer make_probe(const Tools &tools, const CheckTarget &target, const CheckConfig &config);

}  // namespace weir
