// The documents of the API, the flows that are asked for, and what people see of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lb/api/backend_query.h"
#include "lb/api/documents.h"
#include "lb/api/flow_query.h"
#include "lb/cli/show.h"
#include "tests/support/sample.h"
#include "tests/support/value.h"

namespace weir {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

Flow flow(const char *client, const char *backend, std::uint32_t service) {
    Flow made;
    made.client = *Endpoint::parse(client);
    made.vip = *Endpoint::parse("192.0.2.10:443");
    made.backend = *Endpoint::parse(backend);
    made.service_id = service;
    made.state = FlowState::established;
    made.idle = std::chrono::milliseconds(1500);
    return made;
}

const std::vector<Flow> kFlows{flow("203.0.113.1:4001", "198.51.100.11:8443", 7),
                               flow("203.0.113.1:4002", "198.51.100.12:8443", 7),
                               flow("203.0.113.2:4003", "198.51.100.13:53", 9),
                               flow("203.0.113.3:4004", "198.51.100.11:8444", 1)};

Result<void> walk(const std::function<bool(const Flow &)> &visit) {
    for (const auto &one : kFlows)
        if (!visit(one))
            break;
    return {};
}

Json ask(const std::map<std::string, std::string> &query, seconds time = seconds(60),
         bool stop = false) {
    const auto inventory = test::sample_inventory();
    const auto filter = parse_flow_filter(query, inventory);
    if (!filter)
        return Json(filter.error().message);
    const std::atomic<bool> stopped = stop;
    return *flows_document(walk, *filter, inventory, std::chrono::steady_clock::now() + time,
                           stopped);
}

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

TEST(ApiFlows, AreFilteredByServiceClientAndBackend) {
    EXPECT_EQ(ask({})["flows"].size(), 4);
    EXPECT_EQ(ask({{"service", "web"}})["flows"].size(), 2);
    EXPECT_EQ(ask({{"client", "203.0.113.1"}})["flows"].size(), 2);
    EXPECT_EQ(ask({{"client", "203.0.113.9"}})["flows"].size(), 0);
    EXPECT_EQ(ask({{"client", "203.0.113.1:4002"}})["flows"].size(), 1);
    EXPECT_EQ(ask({{"client", "203.0.113.1:4003"}})["flows"].size(), 0);
    EXPECT_EQ(ask({{"backend", "198.51.100.11"}})["flows"].size(), 2);
    EXPECT_EQ(ask({{"backend", "198.51.100.11:8444"}})["flows"].size(), 1);
    EXPECT_EQ(ask({{"service", "web"}, {"backend", "198.51.100.12"}})["flows"],
              Json::parse(R"([{"service": "web", "protocol": "tcp", "client": "203.0.113.1:4002",
                  "vip": "192.0.2.10:443", "backend": "198.51.100.12:8443",
                  "snat": null, "state": "established", "idle": 1.5}])"));
    EXPECT_TRUE(ask({{"client", "203.0.113.3"}})["flows"][0]["service"].is_null());
}

TEST(ApiFlows, AreFilteredByAddressWithOrWithoutPortInBothFamilies) {
    const auto of = flow("[2001:db8:1::2]:4001", "[2001:db8:2::11]:8443", 7);
    const auto matches = [&](const char *key, const char *value) {
        const auto filter = parse_flow_filter({{key, value}}, test::sample_inventory());
        return filter ? filter->matches(of) : throw std::runtime_error(filter.error().message);
    };
    for (const auto *value : {"2001:db8:1::2", "[2001:db8:1::2]", "[2001:db8:1::2]:4001"})
        EXPECT_TRUE(matches("client", value)) << value;
    for (const auto *value : {"2001:db8:2::11", "[2001:db8:2::11]", "[2001:db8:2::11]:8443"}) {
        EXPECT_TRUE(matches("backend", value)) << value;
        EXPECT_FALSE(matches("client", value)) << value;
    }
    for (const auto *value : {"2001:db8:1::3", "[2001:db8:1::3]", "[2001:db8:1::2]:4002"})
        EXPECT_FALSE(matches("client", value)) << value;
}

TEST(ApiFlows, SayWhenThereAreMore) {
    EXPECT_EQ(ask({{"limit", "4"}})["truncated"], false);
    EXPECT_EQ(ask({{"limit", "3"}})["truncated"], true);
    EXPECT_EQ(ask({{"limit", "3"}})["flows"].size(), 3);
    EXPECT_EQ(ask({{"limit", "2"}, {"service", "web"}})["truncated"], false);
    EXPECT_EQ(ask({}, seconds(-1))["truncated"], true) << "out of time";
    EXPECT_EQ(ask({}, seconds(60), true)["truncated"], true) << "the daemon ends";
    EXPECT_THAT(show_flows(ask({{"limit", "1"}})), HasSubstr("there are more"));
}

TEST(ApiFlows, RefuseFiltersThatMeanNothing) {
    const auto inventory = test::sample_inventory();
    const std::vector<std::pair<std::string, std::string>> bad{{"service", "none"},
                                                               {"service", ""},
                                                               {"client", "host"},
                                                               {"client", "192.0.2.1:"},
                                                               {"client", "[192.0.2.1]"},
                                                               {"client", "[]"},
                                                               {"backend", "[2001:db8::1"},
                                                               {"backend", "[2001:db8::1]:"},
                                                               {"backend", "2001:db8::1]"},
                                                               {"backend", "x"},
                                                               {"backend", "1.2.3.4:99999"},
                                                               {"limit", "0"},
                                                               {"limit", "100001"},
                                                               {"limit", "-1"},
                                                               {"colour", "red"}};
    for (const auto &[key, value] : bad) {
        const auto filter = parse_flow_filter({{key, value}}, inventory);
        ASSERT_FALSE(filter) << key << "=" << value;
        EXPECT_EQ(filter.error().exit, Exit::usage);
        EXPECT_THAT(filter.error().message, HasSubstr(key));
    }
}

TEST(ApiFlows, AWalkThatFailsIsAnError) {
    const auto failing = [](const auto &) -> Result<void> { return fail(Exit::refused, "no map"); };
    const std::atomic<bool> stop = false;
    const auto document =
        flows_document(failing, {}, {}, std::chrono::steady_clock::time_point::max(), stop);
    ASSERT_FALSE(document);
    EXPECT_EQ(document.error().message, "no map");
}

}  // namespace
}  // namespace weir
