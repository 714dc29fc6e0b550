// What the daemon serves over TCP.
#include "lb/api/observer.h"

#include <gmock/gmock.h>

#include <boost/asio/io_context.hpp>

#include "tests/support/sample.h"

namespace weir {
namespace {

using testing::HasSubstr;

class ObserverTest : public testing::Test {
  protected:
    HttpResponse ask(const std::string &method, const std::string &target) {
        HttpResponse answer{0, "", "none came", ""};
        observer_.handle(parse_target(method, target).value(),
                         [&](HttpResponse given) { answer = std::move(given); });
        return answer;
    }
    AdminSource source() {
        AdminSource made;
        made.snapshot = [] { return Result<Snapshot>(test::sample_snapshot()); };
        made.info = [this]() -> const DaemonInfo & { return info_; };
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
    for (const char *path : {"status", "services", "backends", "overrides"}) {
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

}  // namespace
}  // namespace weir
