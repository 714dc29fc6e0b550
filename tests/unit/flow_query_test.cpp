// Which flows are meant, listed, sorted and counted.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lb/api/flow_count.h"
#include "lb/api/flow_query.h"
#include "lb/cli/flow_printer.h"
#include "lb/cli/show.h"
#include "tests/support/flow_list.h"
#include "tests/support/sample.h"

namespace weir {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

Flow flow(const char *client, const char *backend, std::uint32_t service) {
    Flow made;
    made.client = *Endpoint::parse(client);
    made.vip = *Endpoint::parse("192.0.2.10:443");
    made.backend = *Endpoint::parse(backend);
    made.service_id = service;
    made.state = FlowState::established;
    made.idle = milliseconds(1500);
    return made;
}

// Services 7 and 9 are web and dns, 1 is gone.
std::vector<Flow> sample_flows() {
    std::vector<Flow> flows{flow("203.0.113.1:4001", "198.51.100.11:8443", 7),
                            flow("203.0.113.1:4002", "198.51.100.12:8443", 7),
                            flow("203.0.113.2:4003", "198.51.100.13:53", 9),
                            flow("203.0.113.3:4004", "198.51.100.11:8444", 1)};
    flows[2].protocol = Protocol::udp;
    flows[2].vip = *Endpoint::parse("192.0.2.53:53");
    flows[2].state = FlowState::fresh;
    flows[3].state = FlowState::closing;
    flows[3].idle = std::chrono::seconds(40);
    return flows;
}

FlowWalk walk_of(std::vector<Flow> flows) {
    return [flows = std::move(flows)](const auto &from, const auto &go_on,
                                      const auto &visit) -> Result<std::optional<FlowPosition>> {
        return test::walk_list(flows, from, go_on, visit);
    };
}

Json parsed(const Result<std::string> &text) {
    return text ? Json::parse(*text) : Json(text.error().message);
}

Json ask(
    const Query &query, const GoOn &go_on = [] { return true; },
    const std::vector<Flow> &flows = sample_flows()) {
    const auto inventory = test::sample_inventory();
    const auto wanted = parse_flow_query(query, inventory);
    if (!wanted)
        return Json(wanted.error().message);
    return parsed(flows_document(walk_of(flows), *wanted, ServiceNames(inventory), go_on));
}

Json count(
    const Query &query, const std::vector<Flow> &flows = sample_flows(),
    const GoOn &go_on = [] { return true; }) {
    const auto inventory = test::sample_inventory();
    const auto wanted = parse_flow_count(query, inventory);
    if (!wanted)
        return Json(wanted.error().message);
    return parsed(count_document(walk_of(flows), *wanted, ServiceNames(inventory), go_on));
}

// The clients' ports, in the order of the answer.
std::vector<int> ports(const Json &document) {
    std::vector<int> all;
    for (const auto &one : document.at("flows"))
        all.push_back(Endpoint::parse(one.at("client").get<std::string>())->port);
    return all;
}

TEST(FlowQuery, FiltersByEachField) {
    EXPECT_THAT(ports(ask({})), ElementsAre(4001, 4002, 4003, 4004));
    const std::vector<std::pair<Query, std::vector<int>>> rows{
        {{{"service", "web"}}, {4001, 4002}},
        {{{"client", "203.0.113.1"}}, {4001, 4002}},
        {{{"client", "203.0.113.9"}}, {}},
        {{{"client", "203.0.113.1:4002"}}, {4002}},
        {{{"client", "203.0.113.1:4003"}}, {}},
        {{{"client", "203.0.113.2/31"}}, {4003, 4004}},
        {{{"client", "203.0.113.0/24"}}, {4001, 4002, 4003, 4004}},
        {{{"client", "2001:db8::/32"}}, {}},
        {{{"client", "0.0.0.0/0"}}, {4001, 4002, 4003, 4004}},
        {{{"backend", "198.51.100.11"}}, {4001, 4004}},
        {{{"backend", "198.51.100.11:8444"}}, {4004}},
        {{{"backend", "198.51.100.12/31"}}, {4002, 4003}},
        {{{"vip", "192.0.2.53"}}, {4003}},
        {{{"vip", "192.0.2.10:443"}}, {4001, 4002, 4004}},
        {{{"vip", "192.0.2.0/26"}}, {4001, 4002, 4003, 4004}},
        {{{"protocol", "udp"}}, {4003}},
        {{{"protocol", "tcp"}}, {4001, 4002, 4004}},
        {{{"state", "new"}}, {4003}},
        {{{"state", "closing,new"}}, {4003, 4004}},
        {{{"state", "replied"}}, {}},
        {{{"idle", "1500ms"}}, {4001, 4002, 4003, 4004}},
        {{{"idle", "2s"}}, {4004}},
        {{{"idle", "41s"}}, {}},
        {{{"service", "web"}, {"backend", "198.51.100.12"}}, {4002}}};
    for (const auto &[query, wanted] : rows)
        EXPECT_EQ(ports(ask(query)), wanted)
            << query.begin()->first << "=" << query.begin()->second;
}

TEST(FlowQuery, AnEntryTellsEverything) {
    EXPECT_EQ(ask({{"client", "203.0.113.1:4002"}})["flows"],
              Json::parse(R"([{"service": "web", "protocol": "tcp", "client": "203.0.113.1:4002",
                  "vip": "192.0.2.10:443", "backend": "198.51.100.12:8443",
                  "snat": null, "state": "established", "idle": 1.5}])"));
    EXPECT_TRUE(ask({{"client", "203.0.113.3"}})["flows"][0]["service"].is_null());
    auto flows = sample_flows();
    flows[0].snat = Endpoint::parse("[2001:db8::1]:30000");
    EXPECT_EQ(ask(
                  {{"limit", "1"}}, [] { return true; }, flows)["flows"][0]["snat"],
              "[2001:db8::1]:30000");
}

TEST(FlowQuery, AServiceMayHaveAnyName) {
    auto inventory = test::sample_inventory();
    inventory.services[0].name = "a\"b\n\xff";
    const auto text =
        flows_document(walk_of(sample_flows()), {}, ServiceNames(inventory), [] { return true; });
    EXPECT_EQ(Json::parse(*text)["flows"][0]["service"], "a\"b\n\xef\xbf\xbd");
}

TEST(FlowQuery, FiltersByAddressWithOrWithoutPortInBothFamilies) {
    const auto of = flow("[2001:db8:1::2]:4001", "[2001:db8:2::11]:8443", 7);
    const auto matches = [&](const char *key, const char *value) {
        const auto filter = parse_flow_filter({{key, value}}, test::sample_inventory(), "");
        return filter ? filter->matches(of) : throw std::runtime_error(filter.error().message);
    };
    for (const auto *value :
         {"2001:db8:1::2", "[2001:db8:1::2]", "[2001:db8:1::2]:4001", "2001:db8:1::/63"})
        EXPECT_TRUE(matches("client", value)) << value;
    for (const auto *value : {"2001:db8:2::11", "[2001:db8:2::11]", "[2001:db8:2::11]:8443"}) {
        EXPECT_TRUE(matches("backend", value)) << value;
        EXPECT_FALSE(matches("client", value)) << value;
    }
    for (const auto *value : {"2001:db8:1::3", "[2001:db8:1::3]", "[2001:db8:1::2]:4002",
                              "2001:db8:2::/48", "0.0.0.0/0"})
        EXPECT_FALSE(matches("client", value)) << value;
}

TEST(FlowQuery, SaysWhenThereAreMore) {
    EXPECT_EQ(ask({{"limit", "4"}})["truncated"], false);
    EXPECT_EQ(ask({{"limit", "3"}})["truncated"], true);
    EXPECT_EQ(ask({{"limit", "3"}})["out_of_time"], false);
    EXPECT_EQ(ask({{"limit", "3"}})["flows"].size(), 3);
    EXPECT_EQ(ask({{"limit", "2"}, {"service", "web"}})["truncated"], false);
    const auto late = ask({}, [] { return false; });
    EXPECT_EQ(late["truncated"], true);
    EXPECT_EQ(late["out_of_time"], true);
    EXPECT_TRUE(late["next"].is_null());
}

TEST(FlowQuery, SortsAndKeepsTheFirst) {
    const std::vector<std::pair<const char *, std::vector<int>>> rows{
        {"client", {4001, 4002, 4003, 4004}},    {"-client", {4004, 4003, 4002, 4001}},
        {"service", {4004, 4003, 4001, 4002}},   {"backend", {4001, 4004, 4002, 4003}},
        {"-protocol", {4003, 4001, 4002, 4004}}, {"vip", {4001, 4002, 4004, 4003}},
        {"state", {4003, 4001, 4002, 4004}},     {"-idle", {4004, 4001, 4002, 4003}}};
    for (const auto &[sort, wanted] : rows) {
        const auto all = ask({{"sort", sort}});
        EXPECT_EQ(ports(all), wanted) << sort;
        EXPECT_EQ(all["truncated"], false);
        for (std::size_t limit = 1; limit < wanted.size(); limit++) {
            const auto first = ask({{"sort", sort}, {"limit", std::to_string(limit)}});
            EXPECT_EQ(ports(first),
                      std::vector<int>(wanted.begin(), wanted.begin() + static_cast<int>(limit)))
                << sort;
            EXPECT_EQ(first["truncated"], true);
        }
    }
    int asked = 0;
    const auto late = ask({{"sort", "-idle"}}, [&] { return ++asked < 2; });
    EXPECT_EQ(late["out_of_time"], true) << "the longest idle of half of them";
    EXPECT_THAT(ports(late), ElementsAre(4001, 4002));
}

// A page ends with what was read together with its last flow, and the next one begins there.
TEST(FlowQuery, PagesHaveEveryFlowOnce) {
    std::vector<Flow> flows;
    for (std::size_t i = 0; i < 2 * kFlowsPage + 5; i++)
        flows.push_back(
            flow(fmt::format("10.{}.{}.1:{}", i / 250 % 250, i / 62500, 1000 + i % 250).c_str(),
                 "198.51.100.11:8443", 7));
    std::set<std::string> seen;
    std::vector<std::size_t> sizes;
    std::string page = "start";
    while (!page.empty()) {
        const auto document = ask(
            {{"page", page}}, [] { return true; }, flows);
        sizes.push_back(document["flows"].size());
        for (const auto &one : document["flows"])
            seen.insert(one["client"]);
        const auto &next = document["next"];
        EXPECT_EQ(document["truncated"].get<bool>(), !next.is_null());
        page = next.is_null() ? "" : next.get<std::string>();
    }
    EXPECT_EQ(seen.size(), flows.size());
    EXPECT_THAT(sizes, ElementsAre(kFlowsPage, kFlowsPage, 5));
}

TEST(FlowQuery, APageThatIsOutOfTimeGoesOnInTheNext) {
    int asked = 0;
    const auto first =
        ask({{"page", "start"}, {"client", "203.0.113.2"}}, [&] { return ++asked < 2; });
    EXPECT_EQ(first["flows"].size(), 0);
    EXPECT_EQ(first["next"], "1.2");
    EXPECT_EQ(first["out_of_time"], false);
    const auto second = ask({{"page", "1.2"}, {"client", "203.0.113.2"}});
    EXPECT_THAT(ports(second), ElementsAre(4003));
    EXPECT_TRUE(second["next"].is_null());
}

TEST(FlowQuery, RefusesWhatMeansNothing) {
    const auto inventory = test::sample_inventory();
    const std::vector<std::pair<std::string, std::string>> bad{{"service", "none"},
                                                               {"service", ""},
                                                               {"client", "host"},
                                                               {"client", "192.0.2.1:"},
                                                               {"client", "[192.0.2.1]"},
                                                               {"client", "[]"},
                                                               {"client", "192.0.2.1/24"},
                                                               {"client", "192.0.2.0/33"},
                                                               {"backend", "[2001:db8::1"},
                                                               {"backend", "[2001:db8::1]:"},
                                                               {"backend", "2001:db8::1]"},
                                                               {"backend", "x"},
                                                               {"backend", "1.2.3.4:99999"},
                                                               {"vip", ""},
                                                               {"protocol", "icmp"},
                                                               {"protocol", ""},
                                                               {"state", ""},
                                                               {"state", "new,"},
                                                               {"state", ",new"},
                                                               {"state", "open"},
                                                               {"idle", "30"},
                                                               {"idle", "soon"},
                                                               {"idle", "0s"},
                                                               {"limit", "0"},
                                                               {"limit", "100001"},
                                                               {"limit", "-1"},
                                                               {"sort", ""},
                                                               {"sort", "-"},
                                                               {"sort", "--idle"},
                                                               {"sort", "colour"},
                                                               {"page", ""},
                                                               {"page", "1"},
                                                               {"page", "1."},
                                                               {"page", "1.4294967296"},
                                                               {"colour", "red"}};
    for (const auto &[key, value] : bad) {
        const auto query = parse_flow_query({{key, value}}, inventory);
        ASSERT_FALSE(query) << key << "=" << value;
        EXPECT_EQ(query.error().exit, Exit::usage);
        EXPECT_THAT(query.error().message, HasSubstr(key));
    }
    EXPECT_FALSE(parse_flow_query({{"page", "start"}, {"limit", "5"}}, inventory));
    EXPECT_FALSE(parse_flow_query({{"page", "start"}, {"sort", "idle"}}, inventory));
    for (const auto *key : {"limit", "sort", "page"})
        EXPECT_THAT(parse_flush_filter({{key, "1"}, {"service", "web"}}, inventory).error().message,
                    HasSubstr(std::string(key) + " is for listing"));
    EXPECT_TRUE(parse_flush_filter({{"state", "new"}, {"idle", "10s"}}, inventory));
    for (const auto *by : {"idle", "colour", ""})
        EXPECT_FALSE(parse_flow_count({{"by", by}}, inventory)) << by;
    EXPECT_FALSE(parse_flow_count({{"limit", "65537"}}, inventory));
    EXPECT_FALSE(parse_flow_count({{"sort", "idle"}}, inventory));
}

TEST(FlowQuery, AWalkThatFailsIsAnError) {
    const auto failing = [](const auto &, const auto &,
                            const auto &) -> Result<std::optional<FlowPosition>> {
        return fail(Exit::refused, "no map");
    };
    const ServiceNames names{Inventory{}};
    const auto go_on = [] { return true; };
    for (const FlowQuery &query :
         {FlowQuery{}, FlowQuery{.sort = FlowSort{}}, FlowQuery{.page = FlowPosition{}}})
        EXPECT_EQ(parsed(flows_document(failing, query, names, go_on)), "no map");
    EXPECT_EQ(parsed(count_document(failing, {}, names, go_on)), "no map");
}

TEST(FlowCount, CountsAllOrThoseThatMatch) {
    EXPECT_EQ(count({}), Json::parse(R"({"flows": 4, "by": null, "groups": [], "others": 0,
        "truncated": false})"));
    EXPECT_EQ(count({{"service", "web"}})["flows"], 2);
    EXPECT_EQ(count({}, sample_flows(), [] { return false; })["truncated"], true);
    EXPECT_EQ(show_flow_count(count({})), "4 flows\n");
}

TEST(FlowCount, CountsByEachField) {
    const auto groups = [](const char *by) {
        std::string text;
        const auto document = count({{"by", by}});
        for (const auto &group : document["groups"])
            text += fmt::format("{}={} ",
                                group["value"].is_null() ? "-" : group["value"].get<std::string>(),
                                group["flows"].get<int>());
        return text;
    };
    EXPECT_EQ(groups("service"), "web=2 -=1 dns=1 ");
    EXPECT_EQ(groups("client"), "203.0.113.1=2 203.0.113.2=1 203.0.113.3=1 ");
    EXPECT_EQ(groups("backend"),
              "198.51.100.11:8443=1 198.51.100.11:8444=1 198.51.100.12:8443=1 "
              "198.51.100.13:53=1 ");
    EXPECT_EQ(groups("vip"), "192.0.2.10:443=3 192.0.2.53:53=1 ");
    EXPECT_EQ(groups("protocol"), "tcp=3 udp=1 ");
    EXPECT_EQ(groups("state"), "established=2 new=1 closing=1 ");
}

TEST(FlowCount, WhatIsNotToldIsAmongTheOthers) {
    const auto document = count({{"by", "client"}, {"limit", "1"}});
    EXPECT_EQ(document["groups"], Json::parse(R"([{"value": "203.0.113.1", "flows": 2,
        "share": 0.5}])"));
    EXPECT_EQ(document["others"], 2);
    EXPECT_EQ(show_flow_count(document),
              "CLIENT       FLOWS   SHARE\n"
              "203.0.113.1      2  50.0 %\n"
              "(others)         2  50.0 %\n"
              "4 flows in all\n");
}

// I11: what is kept of any number of clients is bounded, and the large ones are right all the same.
TEST(FlowCount, ManyClientsAreCountedInBoundedRoomAndTheLargestExactly_I11) {
    FlowGroups groups(10);
    const auto of = [](std::uint32_t number) { return FlowGroup{{}, number}; };
    const auto pass = [&] {
        for (std::uint32_t i = 0; i < 1000; i++) {
            groups.add(of(1000 + i));  // each once
            groups.add(of(i % 3));     // 334, 333, 333 times
            EXPECT_LE(groups.counts().size(), 10U);
        }
    };
    pass();
    EXPECT_FALSE(groups.exact());
    groups.begin_second_pass();
    pass();
    EXPECT_EQ(groups.counts().at(of(0)), 334U);
    EXPECT_EQ(groups.counts().at(of(1)), 333U);
    EXPECT_EQ(groups.counts().at(of(2)), 333U);
    for (const auto &[group, flows] : groups.counts())
        EXPECT_TRUE(group.number < 3 || flows <= 1);
    FlowGroups few(10);
    for (std::uint32_t i = 0; i < 100; i++)
        few.add(of(i % 10));
    EXPECT_TRUE(few.exact());
    EXPECT_EQ(few.counts().at(of(9)), 10U);
}

TEST(FlowCount, AHundredThousandClientsAndOneLargeOne_I11) {
    std::vector<Flow> flows;
    for (std::uint32_t i = 0; i < 100000; i++) {
        auto one = flow("203.0.113.1:4001", "198.51.100.11:8443", 7);
        if (i % 4 != 0)
            one.client.address =
                Address::v4(10, static_cast<std::uint8_t>(i >> 16),
                            static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i));
        flows.push_back(one);
    }
    const auto document = count({{"by", "client"}, {"limit", "2"}}, flows);
    EXPECT_EQ(document["flows"], 100000);
    EXPECT_EQ(document["groups"][0]["value"], "203.0.113.1");
    EXPECT_EQ(document["groups"][0]["flows"], 25000);
    EXPECT_EQ(document["groups"][1]["flows"], 1);
    EXPECT_EQ(document["others"], 74999);
    EXPECT_EQ(document["truncated"], false);
}

TEST(FlowPrinter, PrintsATableOverSeveralPages) {
    FlowPrinter printer(false);
    const auto page = ask({})["flows"];
    const auto first = printer.add(page, 2);
    EXPECT_EQ(first,
              "SERVICE  PROTOCOL  CLIENT            VIP             BACKEND             STATE     "
              "   IDLE\n"
              "web      tcp       203.0.113.1:4001  192.0.2.10:443  198.51.100.11:8443  "
              "established    1s\n"
              "web      tcp       203.0.113.1:4002  192.0.2.10:443  198.51.100.12:8443  "
              "established    1s\n");
    const auto second = printer.add(page, 1);
    EXPECT_EQ(second, first.substr(first.find("web"), second.size())) << "no titles, same columns";
    EXPECT_EQ(printer.end(false, false), "");
    EXPECT_THAT(printer.end(true, false), HasSubstr("there are more"));
    EXPECT_EQ(printer.end(true, true), "") << "that is an error, and told as one";
}

TEST(FlowPrinter, PrintsOneDocumentOfSeveralPages) {
    FlowPrinter printer(true);
    const auto page = ask({})["flows"];
    std::string text;
    for (const auto &[flows, most] :
         std::vector<std::pair<Json, std::size_t>>{{Json::array(), 9}, {page, 4}, {page, 1}})
        text += printer.add(flows, most);
    text += printer.end(true, false);
    const auto document = Json::parse(text);
    EXPECT_EQ(document["flows"].size(), 5);
    EXPECT_EQ(document["flows"][4], page[0]);
    EXPECT_EQ(document["truncated"], true);
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 7) << "a line for each flow";
    FlowPrinter none(true);
    text = none.add(Json::array(), 9);
    EXPECT_EQ(Json::parse(text + none.end(false, false))["flows"].size(), 0);
}

}  // namespace
}  // namespace weir
