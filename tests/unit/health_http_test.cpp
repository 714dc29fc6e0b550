// Type http: against nginx, and against servers that misbehave.
#include <algorithm>

#include "lb/health/http_exchange.h"
#include "tests/support/process.h"
#include "tests/support/temp.h"
#include "tests/unit/health_fixture.h"
#include "tests/unit/health_nginx.h"

namespace weir {
namespace {

class HealthHttp : public HealthTest {
  protected:
    // What a check says of a server that answers with `pieces`.
    std::string verdict_of(std::vector<std::string> pieces, const std::string &body = "") {
        const PieceServer server(loop_, any_port(), std::move(pieces));
        auto config = patient(CheckType::http);
        config.path = "/healthz";
        config.body = body;
        std::string said = verdict(config, to_endpoint(server.port()));
        request_ = server.request();
        return said;
    }
    std::string request_;
};

TEST_F(HealthHttp, AsksAsConfigured) {
    EXPECT_EQ(verdict_of({"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}), "up");
    EXPECT_EQ(request_.substr(0, request_.find("\r\n")), "GET /healthz HTTP/1.1");
    EXPECT_NE(request_.find("\r\nHost: 127."), std::string::npos) << request_;
    EXPECT_NE(request_.find("\r\nConnection: close\r\n"), std::string::npos) << request_;
    const PieceServer server(loop_, any_port(), {"HTTP/1.1 200 OK\r\n\r\n"});
    auto config = patient(CheckType::http);
    config.host = "www.example:8080";
    EXPECT_EQ(verdict(config, to_endpoint(server.port())), "up");
    EXPECT_NE(server.request().find("\r\nHost: www.example:8080\r\n"), std::string::npos);
}

TEST_F(HealthHttp, TheAuthorityNamesThePortWhereItIsNotTheUsualOne) {
    EXPECT_EQ(http_authority(*Endpoint::parse("192.0.2.1:80"), 80), "192.0.2.1");
    EXPECT_EQ(http_authority(*Endpoint::parse("192.0.2.1:80"), 443), "192.0.2.1:80");
    EXPECT_EQ(http_authority(*Endpoint::parse("[2001:db8::1]:443"), 443), "[2001:db8::1]");
    EXPECT_EQ(http_authority(*Endpoint::parse("[2001:db8::1]:1"), 443), "[2001:db8::1]:1");
}

TEST_F(HealthHttp, TheStatusDecides) {
    EXPECT_EQ(verdict_of({"HTTP/1.1 399 Odd\r\n\r\n"}), "up");
    EXPECT_EQ(verdict_of({"HTTP/1.1 503 Busy\r\n\r\n"}),
              "GET /healthz: status 503, wanted 200-399");
    const PieceServer server(loop_, any_port(), {"HTTP/1.1 200 OK\r\n\r\n"});
    auto config = patient(CheckType::http);
    config.status = {204, 204};
    EXPECT_EQ(verdict(config, to_endpoint(server.port())), "GET /: status 200, wanted 204");
}

TEST_F(HealthHttp, AnInterimAnswerIsNotTheAnswer) {
    EXPECT_EQ(
        verdict_of({"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"}),
        "up");
    EXPECT_EQ(verdict_of(std::vector<std::string>(20, "HTTP/1.1 100 Continue\r\n\r\n")),
              "GET /healthz: status 100, wanted 200-399");
}

TEST_F(HealthHttp, TheBodyMustHoldTheText) {
    const std::string header = "HTTP/1.1 200 OK\r\n";
    EXPECT_EQ(verdict_of({header + "Content-Length: 8\r\n\r\nall ", "well"}, "all well"), "up");
    EXPECT_EQ(verdict_of({header + "\r\n", "al", "l w", "ell"}, "all well"), "up");
    EXPECT_EQ(verdict_of({header + "Transfer-Encoding: chunked\r\n\r\n", "4\r\nall \r\n",
                          "4\r\nwell\r\n0\r\n\r\n"},
                         "all well"),
              "up");
    const std::string missing = "GET /healthz: the body does not hold the text wanted";
    EXPECT_EQ(verdict_of({header + "Content-Length: 8\r\n\r\nall sick"}, "all well"), missing);
    EXPECT_EQ(verdict_of({header + "\r\nall wel"}, "all well"), missing);
    EXPECT_EQ(verdict_of({header + "Content-Length: 0\r\n\r\n"}, "all well"), missing);
}

TEST_F(HealthHttp, NoMoreOfTheBodyIsReadThanItTakes) {
    const std::string block(4096, 'x');
    const std::string header = "HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\n\r\n";
    std::vector<std::string> pieces(64, block);
    pieces.insert(pieces.begin(), header);
    EXPECT_EQ(verdict_of(pieces, "well"),
              "GET /healthz: the first 64 KiB of the body do not hold the text wanted");
    EXPECT_EQ(verdict_of(pieces), "up");
}

TEST_F(HealthHttp, NoMoreOfTheHeaderIsReadThanItTakes) {
    std::vector<std::string> pieces(64, "X-Filler: " + std::string(1000, 'x') + "\r\n");
    pieces.insert(pieces.begin(), "HTTP/1.1 200 OK\r\n");
    EXPECT_EQ(verdict_of(pieces),
              "GET /healthz: the header of the answer is larger than 8192 bytes");
}

TEST_F(HealthHttp, SaysWhatIsNoAnswer) {
    EXPECT_EQ(verdict_of({"SSH-2.0-OpenSSH_9.2\r\n"}),
              "GET /healthz: no HTTP answer (bad version)");
    EXPECT_EQ(verdict_of({""}), "GET /healthz: connection closed without an answer");
    EXPECT_EQ(verdict_of({"HTTP/1.1 200 O"}), "GET /healthz: connection closed within the answer");
    EXPECT_EQ(verdict_of({"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nall"}, "well"),
              "GET /healthz: connection closed within the answer");
}

TEST_F(HealthHttp, AnAnswerThatDripsEndsWithTheTimeout) {
    std::vector<std::string> pieces(1000, "X-Drop: 1\r\n");
    pieces.insert(pieces.begin(), "HTTP/1.1 200 OK\r\n");
    const PieceServer server(loop_, any_port(), pieces, milliseconds(10));
    auto config = check(CheckType::http);
    config.timeout = config.interval = milliseconds(100);
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(verdict(config, to_endpoint(server.port())), "GET /: no answer within 100ms");
    EXPECT_GE(std::chrono::steady_clock::now() - begin, milliseconds(100));
}

TEST_F(HealthHttp, NginxIsUpWhereItAnswers) {
    const TestNginx nginx;
    auto config = patient(CheckType::http);
    config.path = "/healthz";
    config.body = "all is well";
    EXPECT_EQ(verdict(config, to_endpoint(nginx.http())), "up");
    config.path = "/broken";
    EXPECT_EQ(verdict(config, to_endpoint(nginx.http())),
              "GET /broken: status 503, wanted 200-399");
    config.path = "/large";
    EXPECT_EQ(verdict(config, to_endpoint(nginx.http())),
              "GET /large: the first 64 KiB of the body do not hold the text wanted");
}

TEST(HealthBodySearch, FindsATextThatIsCutAnywhere) {
    const std::string body = "abcabcabd";
    for (std::size_t cut = 0; cut <= body.size(); ++cut) {
        BodySearch search("abcabd");
        search.add(std::string_view(body).substr(0, cut));
        EXPECT_TRUE(search.add(std::string_view(body).substr(cut))) << cut;
    }
    BodySearch search("x");
    EXPECT_FALSE(search.add("abc"));
    EXPECT_TRUE(search.add("x"));
    EXPECT_EQ(search.seen(), 4U);
}

}  // namespace
}  // namespace weir
