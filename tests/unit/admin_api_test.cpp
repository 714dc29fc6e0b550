// The admin API on its Unix socket, asked by curl, and docs/openapi.yaml held against it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lb/api/change.h"
#include "lb/api/near.h"
#include "tests/support/admin.h"
#include "tests/support/openapi.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string kBackend = "/v1/services/web/backends/198.51.100.11:8443";
const std::string kOverride = "/v1/overrides/web/198.51.100.11:8443";
const std::string kIpv6 = "/v1/services/web/backends/%5B2001%3Adb8%3A%3A1%5D%3A80";
const BackendKey kKey{"web", *Endpoint::parse("198.51.100.11:8443")};
const BackendKey kGone{"old", *Endpoint::parse("198.51.100.99:80")};

class AdminApiTest : public testing::Test {
  protected:
    test::RunningApi api_;
};

using AdminChanges = AdminApiTest;
using AdminFlows = AdminApiTest;
using AdminReload = AdminApiTest;
using AdminRoutes = AdminApiTest;

TEST_F(AdminChanges, APatchSetsWhatItSaysAndKeepsTheRest) {
    const auto drained = api_.curl("PATCH", kBackend, R"({"admin": "drain"})");
    EXPECT_EQ(drained.status, 200U);
    EXPECT_EQ(drained.body, Json::parse(R"({"service": "web", "backend": "198.51.100.11:8443",
        "state": "draining", "weight": 0, "configured_weight": 100,
        "override": {"admin": "drain", "weight": null}, "warning": null})"));
    EXPECT_EQ(api_.curl("PATCH", kBackend, R"({"weight": 7})").status, 200U);
    EXPECT_EQ(api_.overrides, (Overrides{{kKey, {Admin::drain, 7}}}));
    EXPECT_EQ(api_.curl("PATCH", kBackend, R"({"admin": "enabled"})").body["weight"], 7);
    EXPECT_EQ(api_.overrides, (Overrides{{kKey, {Admin::enabled, 7}}}));
    const auto plain = api_.curl("PATCH", kBackend, R"({"weight": null})");
    EXPECT_TRUE(plain.body["override"].is_null());
    EXPECT_EQ(api_.overrides, Overrides{});
}

TEST_F(AdminChanges, ABackendMayHaveAnIpv6Address) {
    const auto done = api_.curl("PATCH", kIpv6, R"({"admin": "maintenance", "weight": 0})");
    EXPECT_EQ(done.status, 200U) << done.body;
    EXPECT_EQ(done.body["backend"], "[2001:db8::1]:80");
    EXPECT_EQ(
        api_.overrides,
        (Overrides{{{"web", *Endpoint::parse("[2001:db8::1]:80")}, {Admin::maintenance, 0}}}));
}

TEST_F(AdminChanges, AnUnknownNameIs404AndSaysWhatIsNear) {
    const auto service = api_.curl("PATCH", "/v1/services/wbe/backends/x", R"({"weight": 1})");
    EXPECT_EQ(service.status, 404U);
    EXPECT_EQ(service.body["error"],
              "no service \"wbe\": did you mean web? (weir services lists them)");
    const auto backend =
        api_.curl("PATCH", "/v1/services/web/backends/198.51.100.11", R"({"weight": 1})");
    EXPECT_EQ(backend.status, 404U);
    EXPECT_EQ(backend.body["error"],
              "service web has no backend \"198.51.100.11\": did you mean 198.51.100.11:8443? "
              "(weir backends lists them)");
    EXPECT_EQ(api_.curl("PATCH", "/v1/services/dns/backends/198.51.100.11:8443", R"({"weight":1})")
                  .status,
              404U)
        << "a backend of another service";
    EXPECT_EQ(api_.overrides, Overrides{});
}

TEST_F(AdminChanges, ABodyThatIsTooLargeIs413AndTheConnectionEndsInOrder) {
    const std::string blanks(65536 - 13, ' ');
    EXPECT_EQ(api_.curl("PATCH", kBackend, "{\"weight\": 1}" + blanks).status, 200U);
    for (const std::size_t more : {1U, 300000U}) {
        const auto body = "{\"weight\": 2}" + blanks + std::string(more, ' ');
        const auto answer = api_.curl("PATCH", kBackend, body);
        EXPECT_EQ(answer.status, 413U);
        EXPECT_THAT(answer.body["error"], HasSubstr("65536"));
    }
    EXPECT_EQ(api_.overrides, (Overrides{{kKey, {Admin::enabled, 1}}}));
}

TEST_F(AdminChanges, AWarningIsInTheAnswerAndTheChangeInForce) {
    api_.warning = "the disk is full";
    EXPECT_EQ(api_.curl("PATCH", kBackend, R"({"weight": 1})").body["warning"], "the disk is full");
    EXPECT_EQ(api_.overrides.size(), 1U);
    EXPECT_EQ(api_.curl("DELETE", "/v1/overrides").body,
              Json::parse(R"({"removed": 1, "warning": "the disk is full"})"));
}

TEST_F(AdminChanges, OverridesAreListedAndRemoved) {
    api_.overrides = {{kKey, {Admin::drain, {}}}, {kGone, {Admin::enabled, 3}}};
    EXPECT_EQ(api_.curl("GET", "/v1/status").body["overrides"], 2);
    EXPECT_EQ(api_.curl("GET", "/v1/backends").body["backends"][0]["override"]["admin"], "drain");
    EXPECT_EQ(api_.curl("GET", "/v1/overrides").body, Json::parse(R"({"overrides": [
        {"service": "old", "backend": "198.51.100.99:80", "admin": "enabled", "weight": 3,
         "configured": false},
        {"service": "web", "backend": "198.51.100.11:8443", "admin": "drain", "weight": null,
         "configured": true}]})"));
    EXPECT_EQ(api_.curl("DELETE", "/v1/overrides/old/198.51.100.99:80").body["removed"], 1)
        << "also where the configuration no longer has it";
    EXPECT_EQ(api_.overrides, (Overrides{{kKey, {Admin::drain, {}}}}));
    EXPECT_EQ(api_.curl("DELETE", "/v1/overrides/old/198.51.100.99:80").status, 404U);
    EXPECT_EQ(api_.curl("DELETE", "/v1/overrides").body["removed"], 1);
    EXPECT_EQ(api_.overrides, Overrides{});
}

TEST_F(AdminReload, IsThatOfSighupAndAFailureIsAConflict) {
    EXPECT_EQ(api_.curl("POST", "/v1/reload").status, 200U);
    EXPECT_EQ(api_.reloads, 1);
    EXPECT_EQ(api_.curl("GET", "/v1/reload").status, 405U);
    EXPECT_EQ(api_.reloads, 1) << "looking changes nothing";
    api_.broken = Error{Exit::usage, "weir.yaml:3:5: nonsense"};
    const auto refused = api_.curl("POST", "/v1/reload");
    EXPECT_EQ(refused.status, 409U);
    EXPECT_EQ(refused.body, Json::parse(R"({"error": "weir.yaml:3:5: nonsense"})"));
}

TEST_F(AdminFlows, AFlushDeletesThoseThatAllFiltersMatch) {
    EXPECT_EQ(api_.curl("DELETE", "/v1/flows?service=web&client=203.0.113.1:4002").body,
              Json::parse(R"({"deleted": 1, "truncated": false})"));
    EXPECT_EQ(api_.flows.size(), 3U);
    EXPECT_EQ(api_.curl("DELETE", "/v1/flows?client=%5B2001:db8:1::2%5D").body["deleted"], 1);
    api_.time_is_up = true;
    EXPECT_EQ(api_.curl("DELETE", "/v1/flows?all=true").body,
              Json::parse(R"({"deleted": 2, "truncated": true})"));
    EXPECT_TRUE(api_.flows.empty());
}

TEST_F(AdminFlows, AFlushOfNothingInParticularIsRefused) {
    for (const auto *query :
         {"", "?", "?all", "?all=", "?all=false", "?all=true&service=web", "?service=none",
          "?client=x", "?limit=1", "?service=web&limit=1", "?all=true&limit=1", "?colour=red"}) {
        const auto answer = api_.curl("DELETE", std::string("/v1/flows") + query);
        EXPECT_EQ(answer.status, 400U) << query << answer.body;
    }
    EXPECT_EQ(api_.flows.size(), 4U);
    EXPECT_THAT(api_.curl("DELETE", "/v1/flows?service=wb").body["error"],
                HasSubstr("did you mean web?"));
}

TEST_F(AdminRoutes, WhatIsNotThereIs404Or405WithTheMethodsThereAre) {
    for (const auto *path : {"/", "/v1", "/v1/", "/v1/statusx", "/v1/status/", "/v2/status",
                             "/v1/services/web/backends", "/v1/services//backends/x",
                             "/v1/services/web/backends/x/y", "//v1/status"}) {
        const auto answer = api_.curl("GET", path);
        EXPECT_EQ(answer.status, 404U) << path;
        EXPECT_THAT(answer.body["error"], HasSubstr("/v1/status")) << path;
    }
    for (const auto *method : {"PUT", "POST", "FOO"}) {
        const auto answer = api_.curl(method, "/v1/overrides");
        EXPECT_EQ(answer.status, 405U);
        EXPECT_THAT(answer.headers, HasSubstr("Allow: DELETE, GET\r\n"));
        EXPECT_EQ(answer.body["error"], "this resource has only DELETE, GET");
    }
}

TEST_F(AdminRoutes, AreThoseThatOpenApiDescribes) {
    const auto described = test::OpenApi::load(WEIR_SOURCE_DIR "/docs/openapi.yaml").operations();
    std::set<test::OpenApi::Operation> served;
    for (const auto &route : api_.routes())
        served.emplace(route.method, route.path);
    EXPECT_EQ(served, described);
}

// A request and what it stands for in docs/openapi.yaml.
struct Row {
    const char *method;
    std::string target;
    const char *path;
    const char *body = "";
};

const std::vector<Row> kRows{
    {"GET", "/v1/status", "/v1/status"},
    {"GET", "/v1/services", "/v1/services"},
    {"GET", "/v1/backends", "/v1/backends"},
    {"GET", "/v1/backends?service=web&attention=true&limit=1", "/v1/backends"},
    {"GET", "/v1/backends?service=wbe", "/v1/backends"},
    {"GET", "/v1/history", "/v1/history"},
    {"GET", "/v1/history?service=web&after=1", "/v1/history"},
    {"GET", "/v1/history?after=x", "/v1/history"},
    {"GET", "/v1/events", "/v1/events"},
    {"GET", "/v1/events?before=1", "/v1/events"},
    {"GET", "/v1/overrides", "/v1/overrides"},
    {"GET", "/v1/flows", "/v1/flows"},
    {"GET", "/v1/flows?limit=2", "/v1/flows"},
    {"GET", "/v1/flows?limit=x", "/v1/flows"},
    {"GET", "/v1/flows?page=start", "/v1/flows"},
    {"GET", "/v1/flows?sort=-idle", "/v1/flows"},
    {"GET", "/v1/flows/count", "/v1/flows/count"},
    {"GET", "/v1/flows/count?by=client", "/v1/flows/count"},
    {"GET", "/v1/flows/count?by=x", "/v1/flows/count"},
    {"PATCH", kBackend, "/v1/services/{service}/backends/{backend}", R"({"admin": "drain"})"},
    {"PATCH", kBackend, "/v1/services/{service}/backends/{backend}", R"({"weight": 9})"},
    {"PATCH", kIpv6, "/v1/services/{service}/backends/{backend}", R"({"weight": null})"},
    {"PATCH", kBackend, "/v1/services/{service}/backends/{backend}", R"({"weight": -1})"},
    {"PATCH", kBackend + "1", "/v1/services/{service}/backends/{backend}", R"({"weight": 1})"},
    {"GET", "/v1/backends", "/v1/backends"},
    {"GET", "/v1/overrides", "/v1/overrides"},
    {"DELETE", kOverride, "/v1/overrides/{service}/{backend}"},
    {"DELETE", kOverride, "/v1/overrides/{service}/{backend}"},
    {"DELETE", "/v1/overrides/web/x", "/v1/overrides/{service}/{backend}"},
    {"DELETE", "/v1/overrides", "/v1/overrides"},
    {"POST", "/v1/reload", "/v1/reload"},
    {"DELETE", "/v1/flows?all=true", "/v1/flows"},
    {"DELETE", "/v1/flows", "/v1/flows"},
    {"GET", "/v1/monitor?event=dropped", "/v1/monitor"},
    {"GET", "/v1/monitor?event=x", "/v1/monitor"}};

TEST_F(AdminRoutes, EveryAnswerIsAsOpenApiDescribesItAndEveryOneDescribedIsGiven) {
    const auto openapi = test::OpenApi::load(WEIR_SOURCE_DIR "/docs/openapi.yaml");
    const test::OpenApi::Outcome kStream{"GET", "/v1/monitor", "200"};
    std::set<test::OpenApi::Outcome> seen;
    const auto ask = [&](const Row &row, const std::string &body) {
        const auto answer = api_.curl(row.method, row.target, body);
        const test::OpenApi::Outcome outcome{row.method, row.path, std::to_string(answer.status)};
        EXPECT_EQ(openapi.complaint(outcome, nlohmann::json(answer.body)), "")
            << row.method << " " << row.target << ": " << answer.body;
        EXPECT_THAT(answer.headers,
                    HasSubstr(outcome == kStream ? "Content-Type: application/x-ndjson\r\n"
                                                 : "Content-Type: application/json\r\n"));
        seen.insert(outcome);
    };
    const auto ask_all = [&] {
        for (const auto &row : kRows)
            ask(row, row.body);
    };
    api_.info.reload.error = "weir.yaml:1:1: nonsense";
    for (const auto kind : {NoticeKind::start, NoticeKind::reload, NoticeKind::backend,
                            NoticeKind::admin_override, NoticeKind::interface})
        api_.notices.add({kind, LogLevel::warn, "it was so", "web", "", "lb0"}, {});
    ask_all();
    ask({"PATCH", kBackend, "/v1/services/{service}/backends/{backend}"}, std::string(70000, ' '));
    api_.overrides = {{kKey, {Admin::drain, {}}}, {kGone, {Admin::enabled, 3}}};
    api_.warning = "it will not last";
    ask({"DELETE", kOverride, "/v1/overrides/{service}/{backend}"}, "");
    api_.overrides = {{kKey, {Admin::drain, {}}}};
    api_.broken = Error{Exit::refused, "map services: cannot read"};
    ask_all();
    EXPECT_EQ(seen, openapi.outcomes());
}

TEST(OpenApi, ChecksWhatItIsSaidToCheck) {
    const auto openapi = test::OpenApi::load(WEIR_SOURCE_DIR "/docs/openapi.yaml");
    const auto wrong = [&](const char *schema, const char *text) {
        return openapi.complaint(schema, nlohmann::json::parse(text));
    };
    EXPECT_EQ(wrong("Traffic", R"({"packets": 1, "bytes": 2})"), "");
    EXPECT_EQ(wrong("Traffic", R"({"packets": 1})"), "Traffic: without bytes");
    EXPECT_EQ(wrong("Traffic", R"({"packets": 1, "bytes": 2, "x": 3})"),
              "Traffic: x is not described");
    EXPECT_EQ(wrong("Traffic", R"({"packets": 1.5, "bytes": 2})"),
              "Traffic.packets: 1.5 against type \"integer\"");
    EXPECT_EQ(wrong("Traffic", R"({"packets": -1, "bytes": 2})"),
              "Traffic.packets: -1 against minimum 0");
    EXPECT_EQ(wrong("Override", "null"), "");
    EXPECT_THAT(wrong("Override", R"({"admin": "off", "weight": null})"), HasSubstr("enum"));
    EXPECT_THAT(wrong("Override", R"({"admin": "drain", "weight": 65536})"), HasSubstr("oneOf"));
    EXPECT_THAT(wrong("Endpoint", R"("192.0.2.1")"), HasSubstr("pattern"));
    EXPECT_EQ(wrong("Endpoint", R"("[2001:db8::1]:80")"), "");
    EXPECT_THAT(wrong("Overrides", R"({"overrides": [1]})"), HasSubstr("Overrides.overrides[0]"));
    EXPECT_THAT(wrong("Change", "{}"), HasSubstr("minProperties"));
}

TEST(ApplyChange, RefusesWhatOpenApiDoesNotAllowAndTakesTheRest) {
    const auto openapi = test::OpenApi::load(WEIR_SOURCE_DIR "/docs/openapi.yaml");
    for (const auto *body :
         {R"({"admin": "drain"})", R"({"admin": "enabled", "weight": 65535})",
          R"({"weight": null})", R"({"weight": 0})", "{}", "[]", "null", "1",
          R"({"weight": 65536})", R"({"weight": -1})", R"({"weight": 1.0})", R"({"weight": "1"})",
          R"({"admin": null})", R"({"admin": "off"})", R"({"admin": "drain", "colour": "red"})",
          R"({"weight": true})", R"({"weight": 18446744073709551616})"}) {
        const auto done = apply_change({}, body);
        const auto wrong = openapi.complaint("Change", nlohmann::json::parse(body));
        EXPECT_EQ(done.has_value(), wrong.empty()) << body << ": " << wrong;
        EXPECT_TRUE(done || done.error().exit == Exit::usage);
    }
    EXPECT_FALSE(apply_change({}, ""));
    EXPECT_FALSE(apply_change({}, "{\"admin\": \"drain\""));
    EXPECT_FALSE(apply_change({}, std::string(65536, '[')));
}

TEST(NearNames, AreThoseThatASlipOrTwoLeadTo) {
    const std::vector<std::string> names{"web", "web-internal", "dns", "mail", "db"};
    EXPECT_THAT(near_names("wbe", names), ElementsAre("web"));
    EXPECT_THAT(near_names("WEB", names), ElementsAre("web", "web-internal"));
    EXPECT_THAT(near_names("internal", names), ElementsAre("web-internal"));
    EXPECT_THAT(near_names("meil", names), ElementsAre("mail"));
    EXPECT_THAT(near_names("ftp", names), ElementsAre());
    EXPECT_THAT(near_names("", names), ElementsAre());
    EXPECT_THAT(near_names(std::string(100000, 'a'), names), ElementsAre());
    EXPECT_THAT(near_names("a", {"aa", "ab", "ac", "ad"}), ElementsAre("aa", "ab", "ac"));
    EXPECT_EQ(did_you_mean("d", names), ": did you mean db or dns?");
    EXPECT_EQ(did_you_mean("ftp", names), "");
}

}  // namespace
}  // namespace weir
