// What TLS needs to know of certificates, read once for all checks that ask for the same.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <map>
#include <memory>
#include <string>

#include "lb/config/health_check.h"
#include "lb/result.h"

namespace weir {

class TlsContexts {
  public:
    using Context = std::shared_ptr<boost::asio::ssl::context>;

    // A client's: TLS 1.2 or later, with the authorities of `ca_file`, or the system's. The error
    // is one line; a file that could not be read is tried anew the next time.
    Result<Context> get(const HealthCheckConfig &config);
    // Files are read anew from here on.
    void forget() { contexts_.clear(); }

  private:
    std::map<std::pair<bool, std::string>, Context> contexts_;
};

// The name that the certificate has to bear: `sni`, else `host` without its port; empty: none but
// the address.
std::string certificate_name(const HealthCheckConfig &config);

}  // namespace weir
