// Type https: against nginx, with an authority of the test's own.
#include "lb/health/tls_contexts.h"
#include "tests/unit/health_fixture.h"
#include "tests/unit/health_nginx.h"

namespace weir {
namespace {

class HealthHttps : public HealthTest {
  protected:
    HealthCheckConfig asks(const std::string &sni) const {
        auto config = patient(CheckType::https);
        config.path = "/healthz";
        config.ca_file = certificates_.ca();
        config.sni = sni;
        return config;
    }
    std::string verdict_of(const HealthCheckConfig &config) {
        return verdict(config, to_endpoint(nginx_.https()));
    }

    TestCertificates certificates_{"DNS:web.example"};
    TestNginx nginx_{&certificates_};
};

TEST_F(HealthHttps, AServerWithTheRightCertificateIsUp) {
    auto config = asks("web.example");
    config.body = "all is well, web.example";  // and was told the name
    EXPECT_EQ(verdict_of(config), "up");
}

TEST_F(HealthHttps, TheNameIsTheHostsWhereThereIsNoSni) {
    auto config = asks("");
    config.host = "web.example:8443";
    EXPECT_EQ(verdict_of(config), "up");
}

TEST_F(HealthHttps, AnotherNameIsRefused) {
    EXPECT_EQ(verdict_of(asks("other.example")), "certificate: not for other.example");
    EXPECT_EQ(verdict_of(asks("")), "certificate: not for " + own_address().to_string() +
                                        " (set sni or host to its name)");
}

TEST_F(HealthHttps, AnAddressInTheCertificateIsAName) {
    const TestCertificates certificates("IP:" + own_address().to_string());
    const TestNginx nginx(&certificates);
    auto config = asks("");
    config.ca_file = certificates.ca();
    EXPECT_EQ(verdict(config, to_endpoint(nginx.https())), "up");
}

TEST_F(HealthHttps, AnAuthorityThatIsNotKnownIsRefused) {
    auto config = asks("web.example");
    config.ca_file.clear();
    EXPECT_EQ(verdict_of(config), "certificate: unable to get local issuer certificate");
    const TestCertificates others("DNS:web.example");
    config.ca_file = others.ca();
    EXPECT_EQ(verdict_of(config), "certificate: unable to get local issuer certificate");
}

TEST_F(HealthHttps, WithoutVerificationAnyCertificateWillDo) {
    auto config = asks("other.example");
    config.ca_file.clear();
    config.verify = false;
    EXPECT_EQ(verdict_of(config), "up");
}

TEST_F(HealthHttps, TheStatusDecidesAfterTheCertificate) {
    auto config = asks("web.example");
    config.path = "/broken";
    EXPECT_EQ(verdict_of(config), "GET /broken: status 503, wanted 200-399");
}

TEST_F(HealthHttps, AFileOfAuthoritiesThatIsMissingIsNotTheBackendsFault) {
    auto config = asks("web.example");
    config.ca_file = "/nonexistent/ca.pem";
    EXPECT_EQ(verdict_of(config).substr(0, 76),
              "not made: ca_file /nonexistent/ca.pem: no certificates can be read (No such ");
}

TEST_F(HealthHttps, AServerWithoutTlsIsDown) {
    EXPECT_EQ(verdict(asks("web.example"), to_endpoint(nginx_.http())),
              "TLS handshake: wrong version number");
    const PieceServer closing(loop_, any_port(), {""});
    auto config = asks("web.example");
    config.timeout = milliseconds(200);
    EXPECT_EQ(verdict(config, to_endpoint(closing.port())),
              "TLS handshake: no answer within 200ms");
}

TEST(HealthTlsName, IsSniThenHostWithoutItsPort) {
    HealthCheckConfig config;
    const auto name = [&](const std::string &host, const std::string &sni) {
        config.host = host;
        config.sni = sni;
        return certificate_name(config);
    };
    EXPECT_EQ(name("", ""), "");
    EXPECT_EQ(name("a.example", "b.example"), "b.example");
    EXPECT_EQ(name("a.example", ""), "a.example");
    EXPECT_EQ(name("a.example:8443", ""), "a.example");
    EXPECT_EQ(name("192.0.2.1:8443", ""), "192.0.2.1");
    EXPECT_EQ(name("[2001:db8::1]:8443", ""), "2001:db8::1");
    EXPECT_EQ(name("[2001:db8::1]", ""), "2001:db8::1");
    EXPECT_EQ(name("2001:db8::1", ""), "2001:db8::1");
}

}  // namespace
}  // namespace weir
