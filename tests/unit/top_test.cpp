// What `weir top` makes of two samples, of keys, and of the room there is.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <clocale>

#include "lb/api/backend_query.h"
#include "lb/top/display.h"
#include "lb/top/tables.h"
#include "tests/support/sample.h"

namespace weir {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr TopTime kBegin{seconds(1000)};

TopSample sample(Snapshot snapshot, TopTime at, const DaemonInfo &info = test::sample_info()) {
    TopSample made;
    const auto views = [](const BackendKey &key) { return test::sample_view(key); };
    EXPECT_TRUE(
        read_status(made, status_document(info, snapshot, 0, info.started + seconds(90)), at));
    EXPECT_TRUE(read_services(made, services_document(snapshot, views), at));
    EXPECT_TRUE(read_backends(made, backends_document(snapshot, views), at));
    return made;
}

// Two seconds later: web has 3000 packets more, and drops are 5 more of one reason.
TopView sample_view() {
    auto later = test::sample_snapshot();
    auto &web = later.services[0];
    web.counters.forward_packets += 3000;
    web.counters.forward_bytes += 2500000;
    web.counters.reply_packets += 2000;
    web.counters.reply_bytes += 1000;
    web.counters.new_flows += 1;
    web.backends[0].counters.forward_packets += 1000;
    later.drops[WEIR_DROP_NO_BACKEND] += 5;
    return make_top_view(sample(test::sample_snapshot(), kBegin),
                         sample(later, kBegin + seconds(2)));
}

// `services` services of three backends each, some with long names.
TopView large_view(int services) {
    auto now = test::sample_snapshot();
    const auto web = now.services[0];
    for (int i = 0; i < services; i++) {
        now.services.push_back(web);
        now.services.back().name =
            fmt::format("service-{}{}", i, i % 7 == 0 ? "-of-a-long-name-that-goes-on" : "");
        now.services.back().counters.forward_packets += static_cast<std::uint64_t>(i) << 40U;
    }
    return make_top_view(sample(test::sample_snapshot(), kBegin), sample(now, kBegin + seconds(1)));
}

TopControls pressed(const TopView &view, std::initializer_list<TopKey> keys) {
    TopControls controls;
    for (const auto &key : keys)
        controls.press(key, view);
    return controls;
}

TopKey key(const char *text) {
    return {TopKey::Kind::text, text};
}

std::vector<std::string> screen(const TopView &view, const TopControls &controls = {},
                                const TopSize &size = {24, 80},
                                TopMoment moment = {"12:34:56", "1s"}) {
    std::vector<std::string> lines;
    for (const auto &line : top_screen(view, controls, moment, size))
        lines.push_back(plain_text(line));
    return lines;
}

std::string joined(const std::vector<std::string> &lines) {
    return fmt::format("{}", fmt::join(lines, "\n"));
}

std::vector<std::string> names(const std::vector<const TopServiceRow *> &rows) {
    std::vector<std::string> all;
    all.reserve(rows.size());
    for (const auto *row : rows)
        all.push_back(row->service.name);
    return all;
}

TEST(TopView, RatesAreDifferencesOverTime) {
    const auto view = sample_view();
    const auto &web = *view.services[0].rates;
    EXPECT_EQ(web.packets_in, 1500);
    EXPECT_EQ(web.bits_in, 10e6);
    EXPECT_EQ(web.packets_out, 1000);
    EXPECT_EQ(web.bits_out, 4000);
    EXPECT_EQ(web.new_flows, 0.5);
    EXPECT_EQ(view.services[1].rates->packets_in, 0);
    EXPECT_EQ(view.total->packets_in, 1500);
    EXPECT_EQ(view.backends[0].rates->packets_in, 500);
    EXPECT_EQ(view.services[0].flows, 6U);
    EXPECT_EQ(view.flows, 6U);
    EXPECT_THAT(view.drops, ElementsAre(std::pair<std::string, double>("no_backend", 2.5)));
}

TEST(TopView, WhatIsNewOrWasNotAskedBeforeHasNoRates) {
    const auto first = make_top_view({}, sample(test::sample_snapshot(), kBegin));
    EXPECT_FALSE(first.services[0].rates);
    EXPECT_FALSE(first.backends[0].rates);
    EXPECT_FALSE(first.total);
    EXPECT_TRUE(first.drops.empty());
    EXPECT_THAT(joined(screen(first)), HasSubstr("all     in - packets/s, - bit/s;"));

    auto before = test::sample_snapshot();
    before.services.erase(before.services.begin());
    const auto view =
        make_top_view(sample(before, kBegin), sample(test::sample_snapshot(), kBegin + seconds(1)));
    EXPECT_FALSE(view.services[0].rates);
    EXPECT_FALSE(view.backends[0].rates);
    EXPECT_TRUE(view.services[1].rates);
    const auto same = make_top_view(sample(before, kBegin), sample(before, kBegin));
    EXPECT_FALSE(same.services[0].rates) << "in no time";
}

// The daemon was started on new tables.
TEST(TopView, ACounterThatBeganAnewCountsFromZero) {
    auto later = test::sample_snapshot();
    later.services[0].counters = {10, 100, 0, 0, 4};
    later.drops = {};
    later.drops[WEIR_DROP_NO_BACKEND] = 3;
    const auto view =
        make_top_view(sample(test::sample_snapshot(), kBegin), sample(later, kBegin + seconds(1)));
    EXPECT_EQ(view.services[0].rates->packets_in, 10);
    EXPECT_EQ(view.services[0].rates->bits_in, 800);
    EXPECT_EQ(view.services[0].rates->packets_out, 0);
    EXPECT_THAT(view.drops, ElementsAre(std::pair<std::string, double>("no_backend", 3)));
}

TEST(TopView, TellsWhatIsWrong) {
    EXPECT_THAT(sample_view().problems, ElementsAre("1 of 3 backends down"));
    auto info = test::sample_info();
    info.interfaces[1].state = InterfaceState::absent;
    info.interfaces[1].reason = "no such device";
    info.reload.successful = false;
    info.reload.error = "weir.yaml:1:1: nonsense";
    auto snapshot = test::sample_snapshot();
    snapshot.tables[0].entries = 120;
    snapshot.services[0].backends.erase(snapshot.services[0].backends.begin());
    EXPECT_THAT(
        make_top_view({}, sample(snapshot, kBegin, info)).problems,
        ElementsAre("web: none of 1 backends is active", "interface eth1 is absent: no such device",
                    "reload refused: weir.yaml:1:1: nonsense",
                    "map flows_v4 is 94 % full (120 of 128 entries)", "1 of 2 backends down"));
}

TEST(TopView, ADocumentOfAnotherVersionIsAnError) {
    TopSample made;
    const auto read = read_status(made, Json{{"version", "9"}}, kBegin);
    ASSERT_FALSE(read);
    EXPECT_THAT(read.error().message, HasSubstr("/v1/status is not as this weir expects it"));
    EXPECT_FALSE(read_services(made, Json::array(), kBegin));
    EXPECT_FALSE(read_backends(made, Json{{"backends", {1}}}, kBegin));
}

TEST(TopView, IsOneJsonObject) {
    const auto document = top_document(sample_view(), 1700000000);
    EXPECT_EQ(document["services"][0]["per_second"]["packets_in"], 1500);
    EXPECT_EQ(document["services"][0]["active"], 1);
    EXPECT_EQ(document["per_second"]["bits_in"], 10e6);
    EXPECT_EQ(document["backends"][1]["state"], "down");
    EXPECT_EQ(document["drops_per_second"], Json::parse(R"({"no_backend": 2.5})"));
    EXPECT_EQ(document["maps"][0]["pressure"], 0.25);
    const auto first = top_document(make_top_view({}, sample(test::sample_snapshot(), kBegin)), 0);
    EXPECT_TRUE(first["services"][0]["per_second"].is_null());
}

TEST(TopText, FormatsRatesWithThreeDigitsAndAUnit) {
    EXPECT_EQ(format_rate(0), "0");
    EXPECT_EQ(format_rate(0.5), "0.50");
    EXPECT_EQ(format_rate(7), "7");
    EXPECT_EQ(format_rate(12.34), "12.3");
    EXPECT_EQ(format_rate(999.4), "999");
    EXPECT_EQ(format_rate(999.6), "1.00 k");
    EXPECT_EQ(format_rate(12345), "12.3 k");
    EXPECT_EQ(format_rate(99960), "100 k");
    EXPECT_EQ(format_rate(1.5e9), "1.50 G");
    EXPECT_EQ(format_rate(1.8e19), "18.0 E");
    EXPECT_EQ(format_count(99999), "99999");
    EXPECT_EQ(format_count(100000), "100 k");
}

TEST(TopText, IsCutByWhatTheTerminalShows) {
    ASSERT_NE(std::setlocale(LC_CTYPE, "C.UTF-8"), nullptr);
    EXPECT_EQ(display_width("gr\u00fcn"), 4U);
    EXPECT_EQ(display_width("\u65e5\u672c"), 4U);
    EXPECT_EQ(cut("gr\u00fcner", 4), "gr\u00fc~");
    EXPECT_EQ(cut("\u65e5\u672c", 3), "\u65e5~");
    EXPECT_EQ(cut("abc", 3), "abc");
    EXPECT_EQ(cut("abc", 0), "");
    EXPECT_EQ(pad("\u00fc", 3), "\u00fc  ");
    EXPECT_EQ(pad("ab", 4, true), "  ab");
    EXPECT_EQ(printable("a\033[2Jb\xff\n"), "a?[2Jb??");
    ASSERT_NE(std::setlocale(LC_CTYPE, "C"), nullptr);
    EXPECT_EQ(printable("gr\u00fcn"), "gr??n");
}

TEST(TopControls, KeysSelectSortAndReverse) {
    const auto view = large_view(3);
    TopControls controls;
    const auto order = [&] { return names(controls.services(view)); };
    const auto selected = [&] {
        const auto rows = controls.services(view);
        return rows.at(controls.selected(rows))->service.name;
    };
    EXPECT_EQ(selected(), "web");
    controls.press({TopKey::Kind::down}, view);
    EXPECT_EQ(selected(), "dns");
    controls.press(key("s"), view);  // by name
    EXPECT_EQ(controls.sort(), TopSort::name);
    EXPECT_EQ(order().front(), "dns");
    EXPECT_EQ(order().back(), "web");
    EXPECT_EQ(selected(), "dns") << "the service, not the line";
    controls.press(key("r"), view);
    EXPECT_EQ(order().front(), "web");
    EXPECT_EQ(selected(), "dns");
    controls.press(key("r"), view);
    controls.press(key("5"), view);
    EXPECT_EQ(controls.sort(), TopSort::packets_in);
    EXPECT_EQ(order().front(), "web") << "what has no rates comes last";
    controls.press(key("1"), view);
    EXPECT_EQ(order().front(), "web");
    controls.press({TopKey::Kind::end}, view);
    EXPECT_EQ(selected(), "service-2");
    controls.press({TopKey::Kind::down}, view);
    EXPECT_EQ(selected(), "service-2");
    controls.press({TopKey::Kind::page_up}, view);
    EXPECT_EQ(selected(), "web");
    controls.press(key("9"), view);
    controls.press(key("\u00fc"), view);
    EXPECT_EQ(controls.sort(), TopSort::order);
    for (std::size_t i = 0; i < kTopSorts.size(); i++)
        controls.press(key("s"), view);
    EXPECT_EQ(controls.sort(), TopSort::order) << "round and round";
    EXPECT_FALSE(controls.quit());
    controls.press(key("q"), view);
    EXPECT_TRUE(controls.quit());
}

TEST(TopControls, TheFilterIsWrittenKeptAndCleared) {
    const auto view = sample_view();
    auto controls = pressed(view, {key("/"), key("D"), key("n"), key("q"), {TopKey::Kind::erase}});
    EXPECT_TRUE(controls.editing());
    EXPECT_FALSE(controls.quit()) << "q is a letter here";
    EXPECT_EQ(controls.filter(), "Dn");
    EXPECT_THAT(names(controls.services(view)), ElementsAre("dns"));
    EXPECT_THAT(joined(screen(view, controls)), HasSubstr("filter: Dn_"));
    controls.press({TopKey::Kind::enter}, view);
    EXPECT_FALSE(controls.editing());
    EXPECT_THAT(joined(screen(view, controls)), HasSubstr("/ filter: Dn"));
    for (const char *one : {"/", "\u00fc"})
        controls.press(key(one), view);
    EXPECT_THAT(names(controls.services(view)), ElementsAre());
    EXPECT_THAT(controls.backends(view), ElementsAre());
    controls.press({TopKey::Kind::down}, view);
    controls.press({TopKey::Kind::erase}, view);
    EXPECT_EQ(controls.filter(), "Dn") << "a whole character";
    controls.press({TopKey::Kind::escape}, view);
    EXPECT_EQ(controls.filter(), "");
    EXPECT_EQ(controls.services(view).size(), 2U);
    const auto down = pressed(view, {key("/"), key("d"), key("o"), key("w"), key("n")});
    EXPECT_THAT(names(down.services(view)), ElementsAre("web")) << "one of its backends is down";
    for (int i = 0; i < 1000; i++)
        controls.press(key(i == 0 ? "/" : "x"), view);
    EXPECT_EQ(controls.filter().size(), 64U);
}

TEST(TopControls, BackendsAreThoseOfTheSelectedOrAll) {
    const auto view = sample_view();
    EXPECT_EQ(pressed(view, {}).backends(view).size(), 0U);
    EXPECT_EQ(pressed(view, {{TopKey::Kind::enter}}).backends(view).size(), 2U);
    EXPECT_EQ(pressed(view, {{TopKey::Kind::down}, {TopKey::Kind::right}}).backends(view).size(),
              1U);
    EXPECT_EQ(pressed(view, {{TopKey::Kind::enter}, {TopKey::Kind::enter}}).backends(view).size(),
              0U);
    EXPECT_EQ(pressed(view, {key("a")}).backends(view).size(), 3U);
    const auto down = pressed(view, {key("a"), key("/"), key("d"), key("o"), key("w"), key("n")});
    ASSERT_EQ(down.backends(view).size(), 1U);
    EXPECT_EQ(down.backends(view)[0]->backend.name, "198.51.100.12:8443");
}

TEST(TopScreen, ShowsTheWholeStoryIn80x24) {
    const auto lines = screen(sample_view(), pressed(sample_view(), {{TopKey::Kind::enter}}));
    EXPECT_EQ(joined(lines),
              "weir 1.2.3  blue  up 1m 30s  every 1s  12:34:56\n"
              "on      eth0 xdp native, eth1 tc\n"
              "all     in 1.50 k packets/s, 10.0 Mbit/s; out 1.00 k packets/s, 4.00 kbit/s\n"
              "flows   6 live, 0.50 new flows/s\n"
              "! 1 of 3 backends down\n"
              "\n"
              "SERVICE  ACTIVE  FLOWS  NEW/S  PKT/S IN  PKT/S OUT  BIT/S IN  BIT/S OUT\n"
              "web         1/2      6   0.50    1.50 k     1.00 k    10.0 M     4.00 k\n"
              "dns         1/1      0      0         0          0         0          0\n"
              "\n"
              "BACKEND             STATE   HEALTH  FLOWS  NEW/S  PKT/S IN  BIT/S IN  BIT/S OUT\n"
              "198.51.100.11:8443  active  up          6      0       500         0          0\n"
              "198.51.100.12:8443  down    down        0      0         0         0          0\n"
              "\n\n\n\n\n\n\n\n"
              "drops   no_backend 2.50 (packets/s)\n"
              "maps    affinity 50 %, flows_v4 25 %\n"
              "q quit  ? help  s sort: configuration  / filter  Enter backends  p pause");
}

TEST(TopScreen, AWideOneHasMoreColumns) {
    const auto wide = joined(screen(sample_view(), pressed(sample_view(), {key("a")}), {24, 200}));
    EXPECT_THAT(wide, HasSubstr("192.0.2.10:443"));
    EXPECT_THAT(wide, HasSubstr("HEALTH"));
    EXPECT_THAT(wide, HasSubstr("75.0 %"));
    EXPECT_THAT(wide, HasSubstr("NOTE"));
    EXPECT_THAT(joined(screen(sample_view(), {}, {24, 80})), Not(HasSubstr("192.0.2.10:443")));
}

TEST(TopScreen, NoSizeIsExceededAndTheSelectedStaysInSight) {
    const auto view = large_view(200);
    for (const std::size_t rows : {1U, 2U, 5U, 8U, 10U, 24U, 50U, 400U}) {
        for (const std::size_t columns : {1U, 5U, 20U, 40U, 60U, 80U, 81U, 132U, 300U}) {
            auto controls = pressed(view, {{TopKey::Kind::end}, key("a"), key("5")});
            for (int i = 0; i < 3; i++) {
                const auto lines =
                    top_screen(view, controls, {"12:34:56", "1s", "gone", 5}, {rows, columns});
                EXPECT_LE(lines.size(), rows);
                for (const auto &line : lines)
                    EXPECT_LE(display_width(plain_text(line)), columns) << plain_text(line);
                const auto selected = std::count_if(lines.begin(), lines.end(),
                                                    [](const auto &line) { return line.selected; });
                EXPECT_LE(selected, 1);
                EXPECT_TRUE(selected == 1 || rows < 24 || i == 2) << rows;
                controls.press(key(i == 0 ? "a" : "?"), view);
            }
        }
    }
}

TEST(TopScreen, SaysHowManyMoreThereAre) {
    const auto view = large_view(200);
    const auto lines = screen(view, {}, {24, 80});
    // 5 lines of header and blank, titles, 13 services, "more", blank, 3 below
    EXPECT_THAT(joined(lines), HasSubstr("... and 1"));
    const auto more = joined(lines).find("... and ");
    const auto hidden = std::stoul(joined(lines).substr(more + 8));
    const auto shown = std::count_if(lines.begin(), lines.end(), [](const auto &line) {
        return line.find("/2  ") != std::string::npos || line.find("/1  ") != std::string::npos;
    });
    EXPECT_EQ(hidden + static_cast<std::size_t>(shown), view.services.size());
}

TEST(TopScreen, KeepsTheLastWhenTheDaemonIsGoneAndSaysSo) {
    const auto lines =
        screen(sample_view(), {}, {24, 80}, {"12:34:56", "1s", "no weir daemon answers at /x", 65});
    EXPECT_EQ(lines[1], "! no news for 1m 5s: no weir daemon answers at /x");
    EXPECT_THAT(joined(lines), HasSubstr("web         1/2"));
}

TEST(TopScreen, PauseAndHelpShow) {
    const auto view = sample_view();
    EXPECT_THAT(screen(view, pressed(view, {key("p")}))[0], HasSubstr("PAUSED"));
    EXPECT_THAT(joined(screen(view, pressed(view, {key("?")}))), HasSubstr("PKT/S packets"));
    EXPECT_THAT(joined(screen(view, pressed(view, {key("?"), {TopKey::Kind::escape}}))),
                Not(HasSubstr("PKT/S packets")));
}

TEST(TopScreen, TheSortedColumnIsMarked) {
    const auto view = sample_view();
    EXPECT_THAT(joined(screen(view, pressed(view, {key("5")}))), HasSubstr("PKT/S INv"));
    EXPECT_THAT(joined(screen(view, pressed(view, {key("5"), key("r")}))),
                testing::AllOf(HasSubstr("PKT/S IN^"), HasSubstr("packets/s in, reversed")));
}

TEST(TopScreen, ProblemsAreBounded) {
    auto view = sample_view();
    view.problems.assign(10, "trouble");
    const auto text = joined(screen(view));
    EXPECT_THAT(text, HasSubstr("! trouble\n! trouble\n! and 8 more\n"));
    EXPECT_THAT(top_text(view, {"12:34:56", "1s"}), Not(HasSubstr("more")));
}

TEST(TopScreen, APipeGetsEverythingAsText) {
    const auto text = top_text(sample_view(), {"12:34:56", "1s"});
    EXPECT_THAT(text, HasSubstr("SERVICE  VIP             PROTO  ACTIVE  FLOWS  NEW/S  PKT/S IN"));
    EXPECT_THAT(text, HasSubstr("web      198.51.100.12:8443  down    down"));
    EXPECT_THAT(text, HasSubstr("drops   no_backend 2.50 (packets/s)\n"));
    EXPECT_THAT(text, HasSubstr("flows   6 live, 0.50 new flows/s\n"));
}

}  // namespace
}  // namespace weir
