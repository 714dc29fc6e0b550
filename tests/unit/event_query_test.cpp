// /v1/monitor: what may be asked for, and what is told.
#include "lb/api/event_query.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>

#include "lb/cli/monitor.h"
#include "tests/support/sample.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using Query = std::map<std::string, std::string>;

FlowEvent sample_event() {
    FlowEvent event;
    event.time = 5s;
    event.kind = EventKind::dropped;
    event.protocol = IPPROTO_TCP;
    event.client = *Endpoint::parse("203.0.113.2:40000");
    event.vip = *Endpoint::parse("192.0.2.10:443");
    event.service_id = 7;
    event.reason = WEIR_DROP_NO_BACKEND;
    event.length = 74;
    event.tcp_flags = 0x02;
    return event;
}

bool asks_for(const Query &query, const FlowEvent &event) {
    const auto filter = parse_event_filter(query, test::sample_inventory());
    EXPECT_TRUE(filter) << filter.error().message;
    return filter && filter->matches(event);
}

std::string refusal(const Query &query) {
    const auto filter = parse_event_filter(query, test::sample_inventory());
    return filter ? "accepted" : filter.error().message;
}

TEST(EventQuery, EveryFilterLetsThroughAndKeepsOut) {
    const auto event = sample_event();
    EXPECT_TRUE(asks_for({}, event));
    const std::pair<const char *, std::pair<const char *, const char *>> filters[] = {
        {"event", {"opened,dropped", "opened,closed"}},
        {"service", {"web", "dns"}},
        {"client", {"203.0.113.2", "203.0.113.3"}},
        {"reason", {"snat_exhausted,no_backend", "snat_exhausted"}},
    };
    for (const auto &[key, values] : filters) {
        SCOPED_TRACE(key);
        EXPECT_TRUE(asks_for({{key, values.first}}, event));
        EXPECT_FALSE(asks_for({{key, values.second}}, event));
    }
    EXPECT_FALSE(asks_for({{"backend", "198.51.100.11"}}, event)) << "it has none";
    auto opened = event;
    opened.kind = EventKind::opened;
    opened.reason.reset();
    opened.backend = *Endpoint::parse("198.51.100.11:8443");
    EXPECT_TRUE(asks_for({{"backend", "198.51.100.11"}}, opened));
    EXPECT_FALSE(asks_for({{"reason", "no_backend"}}, opened)) << "only drops have one";
}

TEST(EventQuery, WhatIsUnknownIsRefusedWithWhatThereIs) {
    EXPECT_EQ(
        refusal({{"event", "open"}}),
        "unknown event \"open\": did you mean opened? (there are opened, established, closed, "
        "dropped)");
    EXPECT_THAT(refusal({{"reason", "nobackend"}}),
                testing::HasSubstr("unknown drop reason \"nobackend\": did you mean no_backend?"));
    EXPECT_EQ(refusal({{"limit", "5"}}),
              "unknown filter \"limit\": there are event, reason, service, client and backend");
    EXPECT_THAT(refusal({{"service", "wbe"}}), testing::HasSubstr("no service \"wbe\""));
}

TEST(EventDocument, NamesTheServiceAndWhatIsKnown) {
    const EventNames names(test::sample_inventory());
    const auto document = event_document(sample_event(), names, 100s);
    EXPECT_EQ(document["time"], 105.0);
    EXPECT_EQ(document["event"], "dropped");
    EXPECT_EQ(document["service"], "web");
    EXPECT_EQ(document["reason"], "no_backend");
    EXPECT_EQ(document["backend"], nullptr);
    EXPECT_EQ(document["interface"], nullptr);
    EXPECT_THAT(show_event(document),
                testing::EndsWith(" dropped     web tcp 203.0.113.2:40000 -> 192.0.2.10:443: "
                                  "no_backend (from client by ?, 74 bytes, S)"));
    auto gone = sample_event();
    gone.service_id = 12345;
    EXPECT_EQ(event_document(gone, names, 0s)["service"], nullptr);
}

TEST(EventDocument, SaysWhatIsMissing) {
    const auto document = missing_document({5, 6}, 7, std::chrono::system_clock::time_point(3s));
    EXPECT_EQ(document["event"], "missing");
    EXPECT_EQ(show_missing(document),
              "... 18 events are missing here: 5 beyond the data path's rate, 6 for want of room "
              "there, 7 because this command reads too slowly");
}

}  // namespace
}  // namespace weir
