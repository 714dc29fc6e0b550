// The documents of the API, and what people see of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lb/api/backend_query.h"
#include "lb/api/documents.h"
#include "lb/cli/show.h"
#include "tests/support/sample.h"
#include "tests/support/value.h"

namespace weir {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

TEST(ApiDocument, StatusTellsTheDaemon) {
    const auto info = test::sample_info();
    const auto document =
        status_document(info, test::sample_snapshot(), 0, info.started + seconds(90));
    EXPECT_EQ(document["version"], "1.2.3");
    EXPECT_EQ(document["uptime"], 90.0);
    EXPECT_EQ(document["interfaces"][0]["xdp_mode"], "native");
    EXPECT_TRUE(document["interfaces"][1]["xdp_mode"].is_null());
    EXPECT_EQ(document["interfaces"][1]["reason"], "driver veth");
    EXPECT_EQ(document["services"], 2);
    EXPECT_EQ(document["backends"], 3);
    EXPECT_EQ(document["drops"]["tuple_in_use"], 101);
    EXPECT_EQ(document["tables"],
              Json::parse(R"([{"name": "flows_v4", "flows": true, "entries": 32, "capacity": 128},
        {"name": "affinity", "flows": false, "entries": 1, "capacity": 2}])"));
    EXPECT_EQ(document["reload"]["last_success"], 1700000100.0);
    EXPECT_THAT(show_status(document),
                testing::AllOf(HasSubstr("weir 1.2.3, pid 4711, up 1m 30s\n"), HasSubstr("eth1"),
                               HasSubstr("driver veth"), HasSubstr("in force since")));
}

TEST(ApiDocument, StatusTellsWhyAReloadWasRefused) {
    auto info = test::sample_info();
    info.reload.successful = false;
    info.reload.error = "weir.yaml:1:1: nonsense";
    const auto document = status_document(info, test::sample_snapshot(), 2, info.started);
    EXPECT_EQ(document["reload"]["error"], "weir.yaml:1:1: nonsense");
    EXPECT_EQ(document["overrides"], 2);
    EXPECT_THAT(show_status(document),
                testing::AllOf(HasSubstr("refused: weir.yaml:1:1: nonsense"),
                               HasSubstr("\noverrides 2 (weir overrides lists them)\n\n")));
}

TEST(ApiDocument, ServicesAndBackendsCarryTheirCounters) {
    const auto services = services_document(test::sample_snapshot(), test::sample_view)["services"];
    EXPECT_EQ(services[0], Json::parse(R"({"name": "web", "vip": "192.0.2.10:443",
        "protocol": "tcp", "mode": "dnat", "scheduler": "maglev", "backends": 2,
        "states": {"active": 1, "draining": 0, "down": 1, "maintenance": 0}, "attention": 1,
        "flows": 6, "new_flows": 5,
        "forward": {"packets": 30, "bytes": 3000}, "reply": {"packets": 20, "bytes": 2000}})"));
}

std::optional<BackendView> view_of(const BackendKey &key) {
    if (key.service != "web" || key.endpoint.to_string() != "198.51.100.12:8443")
        return std::nullopt;
    BackendView view;
    view.condition.state = BackendState::down;
    view.health = Health::down;
    view.reason = "connection refused";
    view.override_ = {Admin::enabled, 50};
    view.kept = true;
    view.standby = true;
    view.configured = 100;
    return view;
}

TEST(ApiDocument, BackendsTellWhyTheyAreInTheirState) {
    const auto document = backends_document(test::sample_snapshot(), view_of);
    const auto &backends = document["backends"];
    EXPECT_EQ(backends.size(), 3);
    EXPECT_EQ(backends[0], Json::parse(R"({"service": "web", "backend": "198.51.100.11:8443",
        "state": "active", "weight": 100, "configured_weight": 100, "override": null,
        "health": {"status": "unchecked", "reason": null, "trouble": null}, "kept": false, "standby": false,
        "share": 0.75, "flows": 6, "new_flows": 3,
        "forward": {"packets": 18, "bytes": 1800}, "reply": {"packets": 12, "bytes": 1200}})"))
        << "where nothing more is known";
    EXPECT_EQ(backends[1], Json::parse(R"({"service": "web", "backend": "198.51.100.12:8443",
        "state": "down", "weight": 0, "configured_weight": 100,
        "override": {"admin": "enabled", "weight": 50},
        "health": {"status": "down", "reason": "connection refused", "trouble": null}, "kept": true,
        "standby": true, "share": 0.25, "flows": 0, "new_flows": 2,
        "forward": {"packets": 12, "bytes": 1200}, "reply": {"packets": 8, "bytes": 800}})"));
    EXPECT_EQ(show_backends(document),
              "SERVICE  BACKEND             STATE   HEALTH     WEIGHT    SHARE  FLOWS  NEW FLOWS"
              "        PACKETS IN  BYTES IN  PACKETS OUT  BYTES OUT  NOTE\n"
              "web      198.51.100.11:8443  active  unchecked     100   75.0 %      6          3"
              "                18   1.8 KiB           12    1.2 KiB\n"
              "web      198.51.100.12:8443  down    down            0   25.0 %      0          2"
              "                12   1.2 KiB            8      800 B  override: weight 50; kept by "
              "min_active; fallback on standby; check: connection refused\n"
              "dns      198.51.100.13:53    active  unchecked       7  100.0 %      0          1"
              "  9007199254740991      74 B            1       90 B\n");
}

std::vector<std::string> listed(const std::map<std::string, std::string> &query) {
    const auto filter = test::value_of(parse_backend_filter(query, test::sample_inventory()));
    const auto document = backends_document(test::sample_snapshot(), view_of, filter);
    std::vector<std::string> names;
    for (const auto &one : document["backends"])
        names.push_back(one["backend"]);
    return names;
}

TEST(ApiDocument, BackendsAreFilteredByServiceAndByWhatWantsAttention) {
    using testing::ElementsAre;
    EXPECT_EQ(listed({}).size(), 3U);
    EXPECT_THAT(listed({{"service", "dns"}}), ElementsAre("198.51.100.13:53"));
    EXPECT_THAT(listed({{"attention", "true"}}), ElementsAre("198.51.100.12:8443"));
    EXPECT_THAT(listed({{"attention", "true"}, {"service", "dns"}}), ElementsAre());
    EXPECT_THAT(listed({{"limit", "1"}}), ElementsAre("198.51.100.11:8443"));
    for (const auto &[key, value] : std::map<std::string, std::string>{
             {"service", "wbe"}, {"attention", "yes"}, {"limit", "0"}, {"colour", "red"}})
        EXPECT_FALSE(parse_backend_filter({{key, value}}, test::sample_inventory())) << key;
    const auto cut = [](std::size_t limit) {
        const BackendFilter filter{.limit = limit};
        return backends_document(test::sample_snapshot(), view_of, filter)["truncated"];
    };
    EXPECT_EQ(cut(2), true);
    EXPECT_EQ(cut(3), false);
}

TEST(ApiDocument, AnOperatorShouldKnowOfABackendThatIsNotPlainlyInUse) {
    EXPECT_FALSE(wants_attention({}));
    for (const auto state :
         {BackendState::down, BackendState::draining, BackendState::maintenance}) {
        BackendView view;
        view.condition.state = state;
        EXPECT_TRUE(wants_attention(view)) << to_string(state);
    }
    BackendView kept, heavy, unasked, standby;
    kept.health = Health::down;
    heavy.override_.weight = 7;
    unasked.trouble = "no descriptors left";
    standby.standby = true;
    EXPECT_TRUE(wants_attention(kept));
    EXPECT_TRUE(wants_attention(heavy));
    EXPECT_TRUE(wants_attention(unasked));
    EXPECT_FALSE(wants_attention(standby));
}

TEST(ApiDocument, OverridesAreShownAsATable) {
    const Overrides overrides{
        {{"web", *Endpoint::parse("198.51.100.12:8443")}, {Admin::drain, 7}},
        {{"old", *Endpoint::parse("198.51.100.9:80")}, {Admin::maintenance, {}}}};
    EXPECT_EQ(show_overrides(overrides_document(overrides, view_of)),
              "SERVICE  BACKEND             ADMIN        WEIGHT  CONFIGURED\n"
              "old      198.51.100.9:80     maintenance       -  no\n"
              "web      198.51.100.12:8443  drain             7  yes\n");
}

}  // namespace
}  // namespace weir
