// What the daemon serves over TCP.
#include "lb/api/observer.h"

#include <gmock/gmock.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <map>

#include "tests/support/sample.h"
#include "tests/support/temp.h"

namespace weir {
namespace {

using testing::HasSubstr;

class ObserverTest : public testing::Test {
  protected:
    HttpResponse ask(const std::string &method, const std::string &target,
                     const std::string &if_none_match = "") {
        HttpResponse answer{0, "", "none came", ""};
        auto request = parse_target(method, target).value();
        request.if_none_match = if_none_match;
        observer_.handle(request, [&](HttpResponse given) { answer = std::move(given); });
        return answer;
    }
    AdminSource source() {
        AdminSource made;
        made.snapshot = [] { return Result<Snapshot>(test::sample_snapshot()); };
        made.info = [this]() -> const DaemonInfo & { return info_; };
        made.inventory = [this]() -> const Inventory & { return inventory_; };
        made.history = [this]() -> const History & { return history_; };
        made.notices = [this]() -> const Notices & { return notices_; };
        made.overrides = [this]() -> const Overrides & { return overrides_; };
        made.backend_view = test::sample_view;
        made.reload = [this] {
            ++reloads_;
            return Result<void>();
        };
        return made;
    }

    int reloads_ = 0;
    DaemonInfo info_ = test::sample_info();
    Overrides overrides_;
    Inventory inventory_ = test::sample_inventory();
    History history_ = test::sample_history();
    Notices notices_;
    boost::asio::io_context loop_;
    AdminApi admin_{loop_, source()};
    std::vector<prometheus::MetricFamily> metrics_ =
        to_metrics(test::sample_snapshot(), info_, test::sample_view, test::sample_checks());
    Exporter exporter_{[this] { return metrics_; }};
    Observer observer_{exporter_, admin_, [this]() -> const DaemonInfo & { return info_; }};
};

TEST_F(ObserverTest, ServesMetricsAsPrometheusReadsThem) {
    const auto answer = ask("GET", "/metrics");
    EXPECT_EQ(answer.status, 200U);
    EXPECT_EQ(answer.content_type, "text/plain; version=0.0.4; charset=utf-8");
    EXPECT_THAT(answer.body, HasSubstr("weir_build_info{version=\"1.2.3\"} 1\n"));
    metrics_.clear();
    EXPECT_EQ(ask("GET", "/metrics").status, 500U);
}

TEST_F(ObserverTest, IsReadyWhenEveryInterfaceCarriesTheDataPath) {
    EXPECT_EQ(ask("GET", "/healthz").body, "ok\n");
    EXPECT_EQ(ask("GET", "/readyz").status, 200U);
    info_.interfaces[1].state = InterfaceState::refused;
    info_.interfaces[1].reason = "another XDP program is there";
    const auto answer = ask("GET", "/readyz");
    EXPECT_EQ(answer.status, 503U);
    EXPECT_EQ(answer.body, "not ready: eth1 is refused: another XDP program is there\n");
    EXPECT_EQ(ask("GET", "/healthz").status, 200U);
}

TEST_F(ObserverTest, HasTheListingsAndNoChange) {
    for (const char *path : {"status", "services", "backends", "overrides", "history", "events"}) {
        const auto answer = ask("GET", std::string("/api/v1/") + path);
        EXPECT_EQ(answer.status, 200U) << path;
        EXPECT_FALSE(Json::parse(answer.body, nullptr, false).is_discarded()) << path;
    }
    EXPECT_EQ(ask("POST", "/api/v1/reload").status, 404U);
    EXPECT_EQ(ask("PATCH", "/api/v1/services/web/backends/198.51.100.11:8443").status, 404U);
    EXPECT_EQ(ask("DELETE", "/api/v1/overrides").status, 405U);
    EXPECT_EQ(ask("DELETE", "/api/v1/flows").status, 405U);
    EXPECT_EQ(ask("GET", "/v1/status").status, 404U) << "the socket's own paths";
    EXPECT_EQ(reloads_, 0);
}

std::string header(const HttpResponse &answer, std::string_view name) {
    for (const auto &[key, value] : answer.headers)
        if (key == name)
            return std::string(value);
    return "";
}

TEST_F(ObserverTest, ServesThePageAndAllThatItIsMadeOf) {
    const auto page = ask("GET", "/");
    EXPECT_EQ(page.status, 200U);
    EXPECT_EQ(page.content_type, "text/html; charset=utf-8");
    EXPECT_EQ(page.body, test::read_file(WEIR_SOURCE_DIR "/lb/web/page.html"));
    std::map<std::string, std::string> types{{".css", "text/css; charset=utf-8"},
                                             {".js", "text/javascript; charset=utf-8"},
                                             {".svg", "image/svg+xml"}};
    int files = 0;
    for (const auto &file : std::filesystem::directory_iterator(WEIR_SOURCE_DIR "/lb/web")) {
        const auto type = types[file.path().extension()];
        if (type.empty())
            continue;
        const auto answer = ask("GET", "/page/" + file.path().filename().string());
        EXPECT_EQ(answer.status, 200U) << file.path() << " is not in lb/CMakeLists.txt";
        EXPECT_EQ(answer.content_type, type);
        EXPECT_EQ(answer.body, test::read_file(file.path()));
        ++files;
    }
    EXPECT_GT(files, 5);
    EXPECT_EQ(ask("GET", "/page/none.js").status, 404U);
    EXPECT_EQ(ask("GET", "/page/..").status, 404U);
    EXPECT_EQ(ask("POST", "/").status, 405U);
}

TEST_F(ObserverTest, ThePageMayLoadNothingFromElsewhereAndIsAskedForAgainEachTime) {
    for (const char *path : {"/", "/page/main.js"}) {
        const auto answer = ask("GET", path);
        EXPECT_THAT(header(answer, "Content-Security-Policy"),
                    testing::StartsWith("default-src 'none'; script-src 'self'; style-src 'self'; "
                                        "connect-src 'self'; img-src 'self' data:; "));
        EXPECT_EQ(header(answer, "X-Content-Type-Options"), "nosniff");
        EXPECT_EQ(header(answer, "Cache-Control"), "no-cache");
        const auto etag = header(answer, "ETag");
        EXPECT_THAT(etag, testing::MatchesRegex("\"[0-9a-f]+\""));
        const auto again = ask("GET", path, "\"x\", " + etag);
        EXPECT_EQ(again.status, 304U);
        EXPECT_EQ(again.body, "");
        EXPECT_EQ(header(again, "ETag"), etag);
        EXPECT_EQ(ask("GET", path, "\"x\"").status, 200U);
    }
    EXPECT_NE(header(ask("GET", "/"), "ETag"), header(ask("GET", "/page/main.js"), "ETag"));
}

}  // namespace
}  // namespace weir
