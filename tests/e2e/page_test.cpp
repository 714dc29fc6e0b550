// What the status page tells, and how it is used.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <map>
#include <utility>

#include "tests/e2e/status_page.h"
#include "tests/support/traffic.h"

namespace weir::test {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;

TEST_F(StatusPage, ShowsServicesTheirBackendsAndWhatIsWrong) {
    show();
    EXPECT_TRUE(says("#summary", "All is well: 3 services, 5 backends active"));
    EXPECT_THAT(services(".name"), ElementsAre("web", "dns", "local"));
    EXPECT_THAT(services(".how"), ElementsAre("2 of 2 backends active", "2 of 2 backends active",
                                              "1 of 1 backend active"));
    EXPECT_EQ(page().title(), "well – Weir");
    EXPECT_THAT(page().text("#interfaces"), HasSubstr("lb1\tattached\txdp native"));
    EXPECT_THAT(page().text("#events"), HasSubstr("ready: instance default"));
    EXPECT_TRUE(says("#tables", "flows_v4")) << "counted every few seconds";

    end_server_one();
    EXPECT_TRUE(says("#summary", "2 of 5 backends are down"));
    EXPECT_THAT(page().text("#problems"), HasSubstr("down web, 192.0.2.11:8080: "));
    EXPECT_THAT(page().text("#announcement"), HasSubstr("2 of 5 backends are down"));
    EXPECT_THAT(services(".how")[0], "1 of 2 backends down");
    EXPECT_EQ(page().title(), "2 of 5 backends are down – Weir");
    EXPECT_TRUE(says("#events", "service web, backend 192.0.2.11:8080: down, was active: "));

    start_server_one();
    EXPECT_TRUE(says("#summary", "All is well"));
    EXPECT_TRUE(says("#events", "backend 192.0.2.11:8080: active, was down"));
    EXPECT_THAT(page().complaints(), IsEmpty());
}

TEST_F(StatusPage, ProblemsComeFirstAndOverridesAreTold) {
    show({.interfaces = "lb0 lb1 lb2 lb9", .of_web = kCheck});
    EXPECT_TRUE(says("#summary", "Interface lb9 is absent"));
    EXPECT_EQ(weir({"backend", "drain", "dns", world().at_two.to_string()}).status, 0);
    EXPECT_TRUE(says("#problems", "draining dns, 192.0.2.141:8080: overridden: drain"));
    EXPECT_THAT(services(".name"), ElementsAre("dns", "web", "local"));
    EXPECT_TRUE(says("#events", "backend 192.0.2.141:8080: draining, was active: an override"));
    EXPECT_TRUE(says("#events", "backend 192.0.2.141:8080: override drain"));
    EXPECT_THAT(page().text("#events"), HasSubstr("interface lb9 does not exist"));
    EXPECT_EQ(weir({"backend", "disable", "local", world().at_weir.to_string()}).status, 0);
    EXPECT_TRUE(says("#summary", "1 service without an active backend: local"));
    EXPECT_EQ(services(".name")[0], "local");
}

TEST_F(StatusPage, ShowsTrafficAndDrops) {
    show({.of_web = kCheck, .services = kWithoutWeight});
    const Client dropped(world().client_host, Protocol::udp, *Endpoint::parse("203.0.113.30:53"));
    const auto shown = [&] {
        ask_services();
        dropped.send("nobody takes this");  // or is told that nobody does
        return summary().find("packets/s no_backend") != std::string::npos &&
               page().text("#service-list .reply").find("0 bit/s") != 0;
    };
    EXPECT_TRUE(eventually(shown)) << summary() << page().text("#totals");
    EXPECT_THAT(page().text("#drops-table"), HasSubstr("no_backend\t"));
    EXPECT_THAT(
        page().label("#totals svg"),
        MatchesRegex(
            "Traffic to backends: now .*bit/s; in [0-9]+.*s lowest .*bit/s, highest .*bit/s"));
    EXPECT_TRUE(eventually([&] { return page().has("#service-list path[d*=L]"); }))
        << "a line, once there are two samples";
}

TEST_F(StatusPage, IsUsedWithTheKeyboardAlone) {
    show();
    page().type(Browser::kTab);
    EXPECT_EQ(focused(), "Skip to the services");
    page().type(Browser::kEnter);
    EXPECT_TRUE(eventually([&] { return focused() == "services"; }));
    tab_to("filter");
    page().type("dns active");
    EXPECT_THAT(services(".name"), ElementsAre("dns"));
    EXPECT_EQ(page().text("#shown"), "1 of 3 services");
    tab_to("dns");
    page().type(Browser::kEnter);
    EXPECT_TRUE(says("#service-list tbody", "192.0.2.141:8080"));
    EXPECT_THAT(page().text("#service-list tbody"), HasSubstr("50 %"));
    page().type(Browser::kEnter);
    EXPECT_TRUE(eventually([&] { return !page().has("details[open]"); }));
}

TEST_F(StatusPage, WhatIsOpenStaysOpenAndKeepsTheFocus) {
    show();
    tab_to("dns");
    page().type(Browser::kEnter);
    EXPECT_TRUE(says("#service-list tbody", "192.0.2.141:8080"));
    page().run("document.activeElement.mark = true");
    EXPECT_EQ(weir({"backend", "drain", "dns", world().at_two.to_string()}).status, 0);
    EXPECT_TRUE(says("#service-list tbody", "draining"));
    EXPECT_TRUE(eventually([&] { return services(".name")[0] == "dns"; })) << "it has moved";
    EXPECT_EQ(page().run("return document.activeElement.mark"), true);
    EXPECT_EQ(page().run("return document.activeElement.parentElement.open"), true);
}

TEST_F(StatusPage, SaysWhenTheDaemonDoesNotAnswer) {
    show();
    EXPECT_EQ(page().run("return document.body.classList.contains('old')"), false);
    EXPECT_TRUE(page().has("#trouble[hidden]"));
    daemon().kill(SIGTERM);
    EXPECT_EQ(daemon().wait().status, 0);
    EXPECT_TRUE(says("#trouble", "The daemon does not answer. What is below is old, from "));
    EXPECT_TRUE(says("#answered", "Last answer "));
    EXPECT_THAT(summary(), HasSubstr("Last known: "));
    EXPECT_EQ(page().title(), "no answer – Weir");
    EXPECT_EQ(page().role("#trouble"), "alert");
    EXPECT_THAT(services(".name"), ElementsAre("web", "dns", "local")) << "what was stays";

    const auto again = start((folder().path() / "weir.yaml").string());
    EXPECT_TRUE(eventually([&] { return page().has("#trouble[hidden]"); }));
    EXPECT_EQ(summary().find("All is well"), 0U);
    EXPECT_TRUE(says("#events", "goes on with the tables it found"));
}

// Names come from files and from servers. That a service's name has no such letters is the
// configuration's to say, and not what the page relies on.
TEST_F(StatusPage, ShowsWhatIsNoTextAsText) {
    constexpr auto kHostile = "<img src=x onerror=document.title='hacked'>";
    show({.interfaces = "lb0 lb1 lb2 <b>lb9", .of_web = kCheck});
    EXPECT_TRUE(says("#summary", "Interface <b>lb9 is absent"));
    page().run(fmt::format(R"(
        const fetched = window.fetch;
        window.fetch = async (...all) => {{
            const answer = await fetched(...all);
            return new Response((await answer.text()).replaceAll('"web"', {}));
        }})",
                           Json(Json(kHostile).dump()).dump()));
    write_config(Settings{}.text() + fmt::format("\"{}\": 1\n", kHostile));
    EXPECT_NE(weir({"reload"}).status, 0);
    EXPECT_TRUE(says("#service-list", kHostile)) << page().text("#trouble");
    EXPECT_TRUE(says("#problems", kHostile));
    EXPECT_TRUE(says("#events", kHostile));
    EXPECT_EQ(page().run("return document.querySelectorAll('img, b').length"), 0);
    EXPECT_THAT(page().title(), EndsWith(" – Weir"));
}

TEST_F(StatusPage, ReadersAreToldWhatIsWhat) {
    show();
    ASSERT_TRUE(says("#tables", "flows_v4"));
    const std::map<std::string, std::pair<std::string, std::string>> wanted{
        {"header", {"banner", ""}},
        {"main", {"main", ""}},
        {"nav", {"navigation", "Parts of this page"}},
        {"#verdict", {"region", "What is wrong"}},
        {"#announcement", {"status", ""}},
        {"#filter", {"searchbox", "Filter services"}},
        {"#shown", {"status", ""}},
        {"#tables table", {"table", "How full the tables are; counted every few seconds"}},
        {"#tables thead th", {"columnheader", "Table"}},
        {"#interfaces tbody th", {"rowheader", "lb0"}}};
    for (const auto &[selector, is] : wanted) {
        EXPECT_EQ(page().role(selector), is.first) << selector;
        EXPECT_EQ(page().label(selector), is.second) << selector;
    }
    EXPECT_THAT(page().role("#totals svg"), testing::AnyOf("img", "image"));
    EXPECT_THAT(page().label("#totals svg"), HasSubstr("Traffic to backends: "));
    EXPECT_EQ(page().run("return document.querySelectorAll('th:not([scope])').length"), 0);
    EXPECT_EQ(page().run("return document.querySelectorAll('table > caption').length === "
                         "document.querySelectorAll('table').length"),
              true);
    EXPECT_EQ(page().run("return document.getElementById('announcement').ariaLive"), "polite");
}

}  // namespace
}  // namespace weir::test
