// The HTTP server over TLS, with real certificates: who is let in, who is not, and what it says to
// either. The other ends are the API's client, curl, and OpenSSL by way of Asio.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <future>
#include <sstream>
#include <thread>

#include "lb/api/change_log.h"
#include "lb/api/client.h"
#include "lb/api/http_server.h"
#include "tests/support/authority.h"
#include "tests/support/process.h"
#include "tests/support/value.h"

namespace weir {
namespace {

namespace asio = boost::asio;
using testing::HasSubstr;
using testing::StartsWith;

constexpr HttpLimits kTightTls{2, 1024, 16, std::chrono::seconds(1)};

// What is logged while this lives.
class LogOfTest {
  public:
    LogOfTest() : before_(spdlog::default_logger()) {
        spdlog::set_default_logger(std::make_shared<spdlog::logger>(
            "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)));
        spdlog::set_pattern("%l %v");
    }
    ~LogOfTest() { spdlog::set_default_logger(before_); }
    LogOfTest(const LogOfTest &) = delete;
    LogOfTest &operator=(const LogOfTest &) = delete;
    LogOfTest(LogOfTest &&) = delete;
    LogOfTest &operator=(LogOfTest &&) = delete;

    // To be called when nobody logs any more.
    std::string text() const { return text_.str(); }

  private:
    std::ostringstream text_;
    std::shared_ptr<spdlog::logger> before_;
};

class ServedOverTls : public testing::Test {
  protected:
    void serve(const HttpLimits &limits = {}) {
        auto acceptor = listen_tcp(loop_, {Address::v4(127, 0, 0, 1), 0}, "api.listen");
        ASSERT_TRUE(acceptor) << acceptor.error().message;
        sockaddr_in bound{};
        const auto endpoint = acceptor->local_endpoint();
        std::memcpy(&bound, endpoint.data(), sizeof bound);
        port_ = ntohs(bound.sin_port);
        server_.emplace(loop_, std::move(*acceptor),
                        log_changes([this](const auto &request, const auto &respond) {
                            ++asked_;
                            if (meanwhile_)
                                meanwhile_();
                            respond({request.path == "/404" ? 404U : 200U, "application/json",
                                     Json{{"who", request.who}}.dump()});
                        }),
                        limits, context(authority_, server_certificate_));
        thread_ = std::thread([this] { loop_.run(); });
    }
    void TearDown() override { stop(); }
    void stop() {
        loop_.stop();
        if (thread_.joinable())
            thread_.join();
    }
    static TlsContext context(const test::Authority &clients, const test::Certified &own) {
        return test::value_of(
            server_tls({{own.certificate, ""}, {own.key, ""}, {clients.certificate(), ""}}));
    }
    void renew(TlsContext tls) {
        std::promise<void> done;
        asio::post(loop_, [&] {
            server_->renew(std::move(tls));
            done.set_value();
        });
        done.get_future().wait();
    }

    std::string at(const std::string &host = "127.0.0.1") const {
        return fmt::format("{}:{}", host, port_);
    }
    Result<Json> call(const test::Certified &as, const ApiRequest &request = {"GET", "/"},
                      const std::string &host = "127.0.0.1") const {
        return api_call(
            {at(host),
             {{as.certificate, "--cert"}, {as.key, "--key"}, {authority_.certificate(), "--ca"}}},
            request);
    }
    // Its exit status is not 0 unless there was an answer of HTTP.
    test::ProcessResult curl(std::vector<std::string> options) const {
        options.insert(options.begin(), {"curl", "-sS", "--max-time", "20"});
        options.push_back("https://" + at());
        return test::run(options);
    }
    std::vector<std::string> as(const test::Certified &one) const {
        return {"--cacert", authority_.certificate(), "--cert", one.certificate, "--key", one.key};
    }
    asio::ip::tcp::socket connect() {
        asio::ip::tcp::socket socket(own_loop_);
        socket.connect({asio::ip::make_address("127.0.0.1"), port_});
        return socket;
    }
    // Until the server closes.
    static std::string rest(asio::ip::tcp::socket &socket) {
        std::string all(65536, '\0');
        boost::system::error_code error;
        all.resize(asio::read(socket, asio::buffer(all), error));
        return all;
    }

    test::Authority authority_;
    test::Certified server_certificate_ =
        authority_.sign_server("server", "IP:127.0.0.1,DNS:weir.example");
    test::Certified ops_ = authority_.sign("ops", {"/O=Example/CN=ops"});
    asio::io_context loop_;
    asio::io_context own_loop_;
    std::optional<HttpServer> server_;
    std::thread thread_;
    std::uint16_t port_ = 0;
    std::atomic<int> asked_ = 0;
    std::function<void()> meanwhile_;  // a request is served
};

TEST_F(ServedOverTls, AClientWithACertificateIsServedAndKnown) {
    serve();
    const auto document = call(ops_);
    ASSERT_TRUE(document) << document.error().message;
    EXPECT_EQ((*document)["who"], "CN=ops,O=Example from 127.0.0.1");
    const auto unlimited = authority_.sign("unlimited", {"/CN=any", ""});
    EXPECT_EQ((*call(unlimited))["who"], "CN=any from 127.0.0.1") << "without a purpose";
    for (const auto *version : {"1.2", "1.3"}) {
        auto options = as(ops_);
        options.insert(options.end(), {"--tls-max", version});
        EXPECT_EQ(curl(options).status, 0) << version;
    }
}

TEST_F(ServedOverTls, ANameCannotForgeALineOfTheLog) {
    serve();
    const auto evil = authority_.sign("evil", {"/CN=a\nb, c" + std::string(40, 'x')});
    const auto document = call(evil);
    ASSERT_TRUE(document) << document.error().message;
    EXPECT_EQ((*document)["who"], "CN=a\\0Ab\\, c" + std::string(40, 'x') + " from 127.0.0.1");
}

TEST_F(ServedOverTls, WhoeverShowsNoGoodCertificateIsNotHeard) {
    serve();
    const test::Authority others;
    const std::vector<std::pair<const char *, test::Certified>> clients{
        {"another authority's", others.sign("ops")},
        {"expired", authority_.sign("old", {"/CN=ops", "clientAuth", "", -1})},
        {"a server's", authority_.sign_server("not-a-client", "IP:127.0.0.1")},
        {"the daemon's own", server_certificate_}};
    for (const auto &[name, client] : clients) {
        const auto ran = curl(as(client));
        EXPECT_NE(ran.status, 0) << name << ran.out;
    }
    EXPECT_NE(curl({"--cacert", authority_.certificate()}).status, 0) << "none at all";
    auto old_tls = as(ops_);
    old_tls.insert(old_tls.end(), {"--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0"});
    EXPECT_NE(curl(old_tls).status, 0) << "TLS 1.1";
    auto socket = connect();
    asio::write(socket, asio::buffer(std::string("GET / HTTP/1.1\r\n\r\n")));
    EXPECT_EQ(rest(socket).find("HTTP"), std::string::npos) << "without TLS";
    EXPECT_EQ(asked_, 0);
    EXPECT_TRUE(call(ops_));
}

TEST_F(ServedOverTls, TheClientSaysWhichEndDidNotTakeTheOther) {
    serve();
    const auto error = [](const Result<Json> &answer) {
        EXPECT_EQ(answer ? Exit::ok : answer.error().exit, Exit::refused);
        return answer ? "answered" : answer.error().message;
    };
    const test::Authority others;
    const auto stranger = others.sign("ops");
    EXPECT_THAT(error(call(stranger)),
                StartsWith(fmt::format("{} does not take the certificate {}: ", at(),
                                       stranger.certificate)));
    const auto with_ca = [&](const std::string &ca, const std::string &where) {
        return error(
            api_call({where, {{ops_.certificate, "--cert"}, {ops_.key, "--key"}, {ca, "--ca"}}},
                     {"GET", "/"}));
    };
    EXPECT_EQ(with_ca(others.certificate(), at()),
              at() +
                  ": its certificate is not trusted: self-signed certificate in certificate chain "
                  "(--ca " +
                  others.certificate() + ")");
    EXPECT_THAT(with_ca("", at()), HasSubstr("(the system's authorities; name another by --ca)"));
    EXPECT_EQ(with_ca(authority_.certificate(), at("localhost")),
              at("localhost") + ": its certificate is not for localhost");
    stop();
    server_.reset();
    EXPECT_THAT(with_ca(authority_.certificate(), at()),
                StartsWith("no weir daemon answers at " + at() + ": Connection refused"));
}

TEST_F(ServedOverTls, TheClientRefusesWhatIsNoHostAndPort) {
    for (const auto *wrong : {"", ":", ":9471", "weir", "weir:", "weir:0", "weir:65536", "weir:x",
                              "2001:db8::1:9471"}) {
        const auto answer = api_call(TlsServer{wrong, {}}, ApiRequest{"GET", "/"});
        EXPECT_EQ(answer.error().exit, Exit::usage) << wrong;
        EXPECT_THAT(answer.error().message, HasSubstr("expected HOST:PORT")) << wrong;
    }
}

TEST_F(ServedOverTls, TheClientSaysThatAPortDoesNotSpeakTls) {
    auto acceptor = test::value_of(listen_tcp(loop_, {Address::v4(127, 0, 0, 1), 0}, "x"));
    sockaddr_in bound{};
    const auto endpoint = acceptor.local_endpoint();
    std::memcpy(&bound, endpoint.data(), sizeof bound);
    port_ = ntohs(bound.sin_port);
    server_.emplace(loop_, std::move(acceptor),
                    [](const auto &, const auto &respond) { respond({}); });
    thread_ = std::thread([this] { loop_.run(); });
    const auto answer = call(ops_);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().message, at() + ": TLS: wrong version number");
}

TEST_F(ServedOverTls, AHandshakeThatStallsBlocksNobodyAndEnds) {
    const LogOfTest log;
    serve({4, 1024, 0, std::chrono::seconds(1)});
    auto silent = connect();
    auto half = connect();
    asio::write(half, asio::buffer(std::string("\x16\x03\x01\x02\x00\x01", 6)));
    EXPECT_TRUE(call(ops_)) << "beside them";
    EXPECT_EQ(rest(silent), "") << "the server closes";
    rest(half);
    EXPECT_TRUE(call(ops_)) << "after them: their end is noted by now";
    EXPECT_EQ(asked_, 2);
    stop();
    EXPECT_EQ(log.text(), "warning TLS handshake with 127.0.0.1 failed: it took too long\n");
}

TEST_F(ServedOverTls, HandshakesCountAsConnections) {
    serve(kTightTls);
    {
        auto first = connect();
        auto second = connect();
        auto third = connect();
        EXPECT_EQ(rest(third), "");
        const auto refused = call(ops_);
        EXPECT_FALSE(refused);
    }
    EXPECT_TRUE(test::eventually([&] { return call(ops_).has_value(); }));
}

TEST_F(ServedOverTls, APeerThatIsNotThroughWithItsBodyGetsTheAnswer) {
    serve(kTightTls);
    const auto large = call(ops_, {"PATCH", "/", std::string(200000, 'x')});
    ASSERT_FALSE(large);
    EXPECT_EQ(large.error().message, "the request's body has more than 16 bytes");
}

TEST_F(ServedOverTls, RenewedCertificatesAreInForceAtOnce) {
    serve();
    asio::ssl::context tls(asio::ssl::context::tls_client);
    tls.use_certificate_file(ops_.certificate, asio::ssl::context::pem);
    tls.use_private_key_file(ops_.key, asio::ssl::context::pem);
    asio::ssl::stream<asio::ip::tcp::socket> idle(connect(), tls);
    idle.handshake(asio::ssl::stream_base::client);
    const std::string ask = "GET / HTTP/1.1\r\n\r\n";
    asio::write(idle, asio::buffer(ask));
    std::string answer(1024, '\0');
    answer.resize(idle.read_some(asio::buffer(answer)));
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));

    const test::Authority next;
    renew(context(next, server_certificate_));
    EXPECT_EQ(rest(idle.next_layer()).find("HTTP"), std::string::npos) << "closed without a word";
    EXPECT_FALSE(call(ops_)) << "the old authority's";
    EXPECT_TRUE(call(next.sign("ops")));
    EXPECT_EQ(asked_, 2);
}

TEST_F(ServedOverTls, ARequestThatRenewsTheCertificatesIsAnsweredAndIsTheLast) {
    const test::Authority next;
    meanwhile_ = [&] { server_->renew(context(next, server_certificate_)); };
    serve();
    auto options = as(ops_);
    options.insert(options.end(), {"-i"});
    const auto ran = curl(options);
    EXPECT_EQ(ran.status, 0) << ran.err;
    EXPECT_THAT(ran.out, HasSubstr("Connection: close"));
    EXPECT_FALSE(call(ops_));
}

TEST_F(ServedOverTls, I11HandshakesThatFailAreOneLineOfTheLog) {
    const LogOfTest log;
    serve();
    for (int i = 0; i < 5; i++)
        EXPECT_NE(curl({"--cacert", authority_.certificate()}).status, 0);
    stop();
    EXPECT_EQ(log.text(),
              "warning TLS handshake with 127.0.0.1 failed: peer did not return a certificate\n");
}

TEST_F(ServedOverTls, AChangeIsLoggedWithWhoMadeIt) {
    const LogOfTest log;
    serve({.body_bytes = 100});
    EXPECT_TRUE(call(ops_, {"GET", "/v1/status"}));
    EXPECT_TRUE(call(ops_, {"PATCH", "/v1/x%0Ay?a=b%0Ac", Json{{"a", 1}}}));
    EXPECT_FALSE(call(ops_, {"DELETE", "/404"})) << "changes nothing";
    stop();
    EXPECT_EQ(log.text(), "info PATCH /v1/x%0Ay?a=b%0Ac by CN=ops,O=Example from 127.0.0.1\n");
}

}  // namespace
}  // namespace weir
