// A real web server, with and without TLS, and the certificates that it takes.
#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <stdexcept>
#include <string>

#include "tests/support/process.h"
#include "tests/support/temp.h"
#include "tests/unit/health_fixture.h"

namespace weir {

// An authority and a certificate of its for `names` ("DNS:web.example,IP:192.0.2.1").
class TestCertificates {
  public:
    explicit TestCertificates(const std::string &names) {
        openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                 "-keyout", path("ca.key"), "-out", ca(), "-days", "2", "-subj",
                 "/CN=Test authority"});
        openssl({"req",
                 "-x509",
                 "-newkey",
                 "ec",
                 "-pkeyopt",
                 "ec_paramgen_curve:P-256",
                 "-nodes",
                 "-keyout",
                 key(),
                 "-out",
                 certificate(),
                 "-days",
                 "2",
                 "-subj",
                 "/CN=server",
                 "-addext",
                 "subjectAltName=" + names,
                 "-addext",
                 "basicConstraints=critical,CA:false",
                 "-CA",
                 ca(),
                 "-CAkey",
                 path("ca.key")});
    }

    std::string ca() const { return path("ca.pem"); }
    std::string certificate() const { return path("server.pem"); }
    std::string key() const { return path("server.key"); }

  private:
    std::string path(const std::string &name) const { return (folder_.path() / name).string(); }
    static void openssl(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), "openssl");
        const auto result = test::run(arguments);
        if (result.status != 0)
            throw std::runtime_error(result.err);
    }

    test::TempDir folder_;
};

class TestNginx {
  public:
    explicit TestNginx(const TestCertificates *certificates = nullptr) {
        http_ = free_port();
        https_ = free_port();
        folder_.write("large", std::string(std::size_t{256} << 10U, 'x'));
        folder_.write("nginx.conf", configuration(certificates));
        process_.emplace(std::vector<std::string>{"nginx", "-p", folder_.path().string(), "-c",
                                                  "nginx.conf", "-e", "stderr"});
        if (!test::eventually([this] { return reachable(); }))
            throw std::runtime_error("nginx does not start: " + process_->err());
    }

    std::uint16_t http() const { return http_; }
    std::uint16_t https() const { return https_; }

  private:
    using Tcp = boost::asio::ip::tcp;

    static Tcp::endpoint at(std::uint16_t port) {
        const auto bytes = own_address().bytes();
        return {boost::asio::ip::address_v4({bytes[12], bytes[13], bytes[14], bytes[15]}), port};
    }
    static std::uint16_t free_port() {
        boost::asio::io_context loop;
        return Tcp::acceptor(loop, at(0)).local_endpoint().port();
    }
    bool reachable() const {
        boost::asio::io_context loop;
        boost::system::error_code error;
        Tcp::socket(loop).connect(at(http_), error);
        return !error;
    }
    std::string configuration(const TestCertificates *certificates) const {
        const std::string address = own_address().to_string();
        std::string text = fmt::format(
            "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr;\n"
            "events {{}}\nhttp {{\naccess_log off;\n"
            "client_body_temp_path body;\nproxy_temp_path proxy;\nfastcgi_temp_path fastcgi;\n"
            "uwsgi_temp_path uwsgi;\nscgi_temp_path scgi;\n"
            "server {{\nlisten {0}:{1};\n",
            address, http_);
        if (certificates != nullptr)
            text += fmt::format("listen {}:{} ssl;\nssl_certificate {};\nssl_certificate_key {};\n",
                                address, https_, certificates->certificate(), certificates->key());
        return text +
               fmt::format(
                   "root {};\n"
                   "location /healthz {{ return 200 \"all is well, $ssl_server_name\\n\"; }}\n"
                   "location /broken {{ return 503; }}\n}}\n}}\n",
                   folder_.path().string());
    }

    test::TempDir folder_;
    std::uint16_t http_ = 0;
    std::uint16_t https_ = 0;
    std::optional<test::Process> process_;
};

}  // namespace weir
