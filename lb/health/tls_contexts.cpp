#include "lb/health/tls_contexts.h"

#include <fmt/format.h>

#include "lb/net/address.h"

namespace weir {

namespace ssl = boost::asio::ssl;

Result<TlsContexts::Context> TlsContexts::get(const HealthCheckConfig &config) {
    const auto key = std::pair(config.verify, config.verify ? config.ca_file : std::string());
    if (const auto found = contexts_.find(key); found != contexts_.end())
        return found->second;
    const auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
    boost::system::error_code error;
    context->set_options(
        ssl::context::default_workarounds | ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1,
        error);
    if (!config.verify)
        context->set_verify_mode(ssl::verify_none, error);
    else if (context->set_verify_mode(ssl::verify_peer, error); config.ca_file.empty())
        context->set_default_verify_paths(error);
    else
        context->load_verify_file(config.ca_file, error);
    if (error)
        return fail(Exit::refused,
                    fmt::format("ca_file {}: no certificates can be read ({})",
                                config.ca_file.empty() ? "of the system" : config.ca_file,
                                error.message()));
    contexts_.emplace(key, context);
    return context;
}

std::string certificate_name(const HealthCheckConfig &config) {
    if (!config.sni.empty())
        return config.sni;
    if (const auto endpoint = Endpoint::parse(config.host))
        return endpoint->address.to_string();
    if (config.host.size() > 2 && config.host.front() == '[' && config.host.back() == ']')
        return config.host.substr(1, config.host.size() - 2);
    return Address::parse(config.host) ? config.host : config.host.substr(0, config.host.find(':'));
}

}  // namespace weir
