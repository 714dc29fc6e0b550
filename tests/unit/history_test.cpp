// Rates of the last minutes, what happened, and the documents that tell them.
#include "lb/stats/history.h"

#include <gmock/gmock.h>

#include <cmath>

#include "lb/api/past.h"
#include "tests/support/sample.h"
#include "tests/support/value.h"

namespace weir {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

using Steady = std::chrono::steady_clock::time_point;
using System = std::chrono::system_clock::time_point;

constexpr System kStarted{seconds(1700000000)};

Reading reading(int second, std::vector<ServiceReading> services) {
    return {Steady(seconds(second)), System(seconds(second)), std::move(services), {}};
}

// All counters of one service alike.
ServiceReading counted(const char *name, std::uint32_t id, std::uint64_t count) {
    return {name, id, {count, count, count, count, count}};
}

std::vector<float> packets(const History &history, const char *name) {
    std::vector<float> all;
    for (auto number = history.first(); number <= history.last(); ++number)
        all.push_back(history.services().at(name).at(number).forward_packets);
    return all;
}

TEST(History, RatesAreDifferencesOverTheTimeBetweenReadings) {
    const History history = test::sample_history();
    ASSERT_EQ(history.last(), 3U);
    EXPECT_EQ(history.first(), 1U);
    const Rates &web = history.services().at("web").at(1);
    EXPECT_FLOAT_EQ(web.forward_packets, 10);
    EXPECT_FLOAT_EQ(web.forward_bytes, 1000);
    EXPECT_FLOAT_EQ(web.reply_packets, 0.2F);
    EXPECT_FLOAT_EQ(web.reply_bytes, 246.8F);
    EXPECT_FLOAT_EQ(web.new_flows, 0.2F);
    EXPECT_FLOAT_EQ(history.drops(1)[1], 1);
    EXPECT_FLOAT_EQ(history.drops(3)[1], 200);
    EXPECT_EQ(history.time(3), System(seconds(1700000025)));
}

TEST(History, CountersThatWentBackAreNoRate) {
    const History history = test::sample_history();
    EXPECT_TRUE(std::isnan(history.services().at("web").at(2).forward_packets));
    EXPECT_FLOAT_EQ(history.services().at("web").at(3).forward_packets, 0);
    History cleared;
    cleared.add(reading(0, {{"web", 1, {100, 100, 100, 100, 0}}}));
    cleared.add(reading(5, {{"web", 1, {0, 0, 0, 0, 50}}}));
    EXPECT_TRUE(std::isnan(cleared.services().at("web").at(1).new_flows))
        << "one that did not go back was cleared with the others";
}

TEST(History, AServiceThatIsNewOrHasAnotherIdBeginsAnew) {
    History history;
    history.add(reading(0, {counted("web", 1, 1000)}));
    history.add(reading(5, {counted("web", 1, 1005), counted("dns", 2, 1U << 30)}));
    EXPECT_TRUE(std::isnan(packets(history, "dns")[0])) << "all that it ever had is no rate";
    history.add(reading(10, {counted("web", 3, 1U << 30)}));
    EXPECT_THAT(packets(history, "web"), ElementsAre(testing::IsNan(), testing::IsNan()));
    EXPECT_EQ(history.services().count("dns"), 0U);
    history.add(reading(15, {counted("web", 3, (1U << 30) + 50), counted("dns", 2, 1U << 31)}));
    EXPECT_FLOAT_EQ(packets(history, "web")[2], 10);
    EXPECT_TRUE(std::isnan(packets(history, "dns")[2])) << "what it had while it was gone";
}

TEST(History, KeepsTheLastSamplesOnly) {
    History history;
    for (int i = 0; i <= 250; ++i) {
        const auto number = static_cast<std::uint64_t>(i);
        history.add(reading(5 * i, {counted("web", 1, number * number)}));
    }
    EXPECT_EQ(history.last(), 250U);
    EXPECT_EQ(history.first(), 131U);
    const auto kept = packets(history, "web");
    ASSERT_EQ(kept.size(), History::kSamples);
    for (std::size_t i = 0; i < kept.size(); ++i)
        EXPECT_FLOAT_EQ(kept[i], (2 * static_cast<float>(131 + i) - 1) / 5);
    EXPECT_EQ(history.services().at("web").ring.size(), History::kSamples);
}

TEST(History, AReadingAtTheSameTimeIsNoSample) {
    History history;
    history.add(reading(5, {counted("web", 1, 1)}));
    history.add(reading(5, {counted("web", 1, 2)}));
    EXPECT_EQ(history.last(), 0U);
    history.add(reading(15, {counted("web", 1, 21)}));
    EXPECT_FLOAT_EQ(packets(history, "web")[0], 2) << "a loop that was late: the mean of that time";
}

Json told(const HistoryQuery &query) {
    return history_document(test::sample_history(), kStarted, query);
}

TEST(HistoryDocument, HasAValueForEachTimeAndNullWhereNothingIsKnown) {
    const auto document = told({});
    EXPECT_EQ(document["started"], 1700000000.0);
    EXPECT_EQ(document["period"], 5.0);
    EXPECT_EQ(document["last"], 3);
    EXPECT_EQ(document["times"], Json::parse("[1700000015.0, 1700000020.0, 1700000025.0]"));
    EXPECT_EQ(document["services"][1], Json::parse(R"({"service": "web",
        "forward_packets": [10, null, 0], "forward_bytes": [1000, null, 0],
        "reply_packets": [0.2, null, 0], "reply_bytes": [247, null, 0],
        "new_flows": [0.2, null, 0]})"));
    EXPECT_EQ(document["services"][0]["new_flows"], Json::parse("[null, null, 0.2]"));
    EXPECT_EQ(document["drops"]["tuple_in_use"], Json::parse("[1, 0, 200]"));
    EXPECT_EQ(document["drops"].size(), WEIR_DROP_REASONS);
}

TEST(HistoryDocument, HasWhatCameAfterANumber) {
    EXPECT_EQ(told({.after = 2})["times"], Json::parse("[1700000025.0]"));
    EXPECT_EQ(told({.after = 2})["services"][1]["forward_packets"], Json::parse("[0]"));
    EXPECT_EQ(told({.after = 3})["times"], Json::array());
    EXPECT_EQ(told({.after = 4})["times"].size(), 3U) << "a number of another run of the daemon";
    const auto one = told({.service = "web"})["services"];
    ASSERT_EQ(one.size(), 1U);
    EXPECT_EQ(one[0]["service"], "web");
}

TEST(HistoryDocument, IsBoundedHoweverManyServicesThereAre) {
    History history;
    for (int second = 0; second <= 200; second += 5) {
        std::vector<ServiceReading> services;
        for (std::uint32_t id = 0; id < 6000; ++id)
            services.push_back(counted(std::to_string(id).c_str(), id, 1));
        history.add(reading(second, std::move(services)));
    }
    const auto all = history_document(history, kStarted, {});
    EXPECT_EQ(all["services"].size(), 6000U);
    EXPECT_EQ(all["times"].size(), kMostHistoryPoints / 6000);
    EXPECT_EQ(all["times"].back(), 200.0) << "the newest ones";
    EXPECT_EQ(history_document(history, kStarted, {.service = "7"})["times"].size(), 40U);
}

TEST(HistoryQuery, RefusesWhatItDoesNotKnow) {
    const auto parse = [](const std::map<std::string, std::string> &query) {
        return parse_history_query(query, test::sample_inventory());
    };
    EXPECT_EQ(test::value_of(parse({{"after", "7"}})).after, 7U);
    EXPECT_EQ(test::value_of(parse({{"service", "web"}})).service, "web");
    EXPECT_THAT(parse({{"service", "wbe"}}).error().message, HasSubstr("did you mean web?"));
    for (const char *value : {"", "-1", "1.5", "x", "18446744073709551616"})
        EXPECT_EQ(parse({{"after", value}}).error().exit, Exit::usage) << value;
    EXPECT_THAT(parse({{"colour", "red"}}).error().message, HasSubstr("colour"));
    EXPECT_EQ(test::value_of(parse_events_query({})), 0U);
    EXPECT_EQ(test::value_of(parse_events_query({{"after", "3"}})), 3U);
    EXPECT_FALSE(parse_events_query({{"after", "x"}}));
    EXPECT_FALSE(parse_events_query({{"before", "1"}}));
}

Notice notice(const std::string &text) {
    return {NoticeKind::backend, LogLevel::warn, text, "web", "198.51.100.11:8443"};
}

TEST(Notices, TheLastOnesAreKeptUnderTheirNumbers) {
    Notices notices;
    for (int i = 1; i <= 250; ++i)
        notices.add(notice(std::to_string(i)), System(seconds(i)));
    EXPECT_EQ(notices.last(), 250U);
    ASSERT_EQ(notices.entries().size(), Notices::kMost);
    EXPECT_EQ(notices.entries().front().number, 51U);
    EXPECT_EQ(notices.entries().front().notice.text, "51");
    EXPECT_EQ(notices.entries().back().time, System(seconds(250)));
}

TEST(Notices, ALongTextIsCut) {
    Notices notices;
    notices.add(notice(std::string(Notices::kMostText, 'x')), {});
    notices.add(notice(std::string(Notices::kMostText + 1, 'y')), {});
    EXPECT_EQ(notices.entries()[0].notice.text, std::string(Notices::kMostText, 'x'));
    EXPECT_EQ(notices.entries()[1].notice.text, std::string(Notices::kMostText - 3, 'y') + "...");
}

TEST(EventsDocument, SaysWhatHappenedToWhom) {
    Notices notices;
    notices.add({NoticeKind::start, LogLevel::info, "ready"}, System(seconds(1)));
    notices.add(notice("it is down"), System(seconds(2)));
    notices.add({NoticeKind::interface, LogLevel::error, "refused", "", "", "lb0"},
                System(seconds(3)));
    const auto document = events_document(notices, kStarted, 1);
    EXPECT_EQ(document, Json::parse(R"({"started": 1700000000.0, "last": 3, "events": [
        {"number": 2, "time": 2.0, "kind": "backend", "severity": "warn", "text": "it is down",
         "service": "web", "backend": "198.51.100.11:8443", "interface": null},
        {"number": 3, "time": 3.0, "kind": "interface", "severity": "error", "text": "refused",
         "service": null, "backend": null, "interface": "lb0"}]})"));
    EXPECT_EQ(events_document(notices, kStarted, 3)["events"], Json::array());
    EXPECT_EQ(events_document(notices, kStarted, 4)["events"].size(), 3U);
}

}  // namespace
}  // namespace weir
