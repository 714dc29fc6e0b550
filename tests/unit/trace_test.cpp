// What `weir trace sockets` makes of what the kernel counted.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <random>

#include "lb/trace/calls.h"
#include "lb/trace/document.h"
#include "lb/trace/text.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::uint64_t kMillisecond = 1'000'000;

weir_trace_times times_of(const std::vector<std::uint64_t> &all) {
    weir_trace_times times{};
    for (const auto ns : all) {
        times.buckets[weir_trace_bucket(ns)]++;
        times.sum += ns;
        times.max = std::max<std::uint64_t>(times.max, ns);
    }
    return times;
}

Histogram histogram_of(const std::vector<std::uint64_t> &all) {
    Histogram histogram;
    histogram.add(times_of(all));
    return histogram;
}

weir_trace_key key_of(std::uint32_t pid, const std::string &comm, weir_call call, int error = 0) {
    weir_trace_key key{};
    key.pid = pid;
    comm.copy(key.comm, sizeof key.comm);
    key.call = static_cast<std::uint16_t>(call);
    key.error = static_cast<std::uint16_t>(error);
    return key;
}

weir_trace_begun waiting_of(std::uint32_t pid, const std::string &comm, weir_call call,
                            std::uint64_t at) {
    weir_trace_begun begun{};
    begun.pid = pid;
    comm.copy(begun.comm, sizeof begun.comm);
    begun.call = call;
    begun.at = at;
    return begun;
}

// curl connects: slow, refused twice, once not waited for; nginx accepts, and waits.
TraceReading sample_reading() {
    TraceReading reading;
    reading.ended = {
        {key_of(10, "curl", WEIR_CALL_CONNECT), times_of({kMillisecond, 200 * kMillisecond})},
        {key_of(10, "curl", WEIR_CALL_CONNECT, ECONNREFUSED), times_of({50'000, 60'000})},
        {key_of(10, "curl", WEIR_CALL_CONNECT, EINPROGRESS), times_of({20'000})},
        {key_of(10, "curl", WEIR_CALL_SOCKET), times_of({5000, 5000, 5000, 5000, 5000})},
        {key_of(20, "nginx", WEIR_CALL_ACCEPT), times_of({7'000'000'000})}};
    reading.now = 100'000'000'000;
    reading.waiting = {waiting_of(20, "nginx", WEIR_CALL_ACCEPT, reading.now - 3'000'000'000),
                       waiting_of(20, "nginx", WEIR_CALL_ACCEPT, reading.now + 1)};
    return reading;
}

Tally tally_of(const TraceReading &reading) {
    Tally tally;
    tally.add(reading);
    return tally;
}

const TraceCalls &calls_of(const Tally &tally, std::uint32_t pid, const std::string &comm,
                           weir_call call) {
    return tally.calls().at({{pid, comm}, call});
}

std::vector<std::string> names_of(const std::vector<TraceRow> &rows) {
    std::vector<std::string> names;
    names.reserve(rows.size());
    for (const auto *row : rows)
        names.push_back(fmt::format("{} {}", row->first.first.comm, name_of(row->first.second)));
    return names;
}

TEST(TraceBuckets, HoldTheirTimesAndAreNoWiderThanAQuarter) {
    std::vector<std::uint64_t> all{0, 1, 63, 64, 255, 256, 319, 320, (1ULL << 39) - 1};
    for (std::uint64_t ns = 1000; ns < 1ULL << 39; ns += ns / 7)
        all.push_back(ns);
    for (const auto ns : all) {
        const auto bucket = weir_trace_bucket(ns);
        ASSERT_LT(bucket, WEIR_TRACE_BUCKETS);
        const auto begin = weir_trace_bucket_begin(bucket);
        const auto end = weir_trace_bucket_begin(bucket + 1);
        EXPECT_LE(begin, ns);
        EXPECT_GT(end, ns);
        EXPECT_LE(end - begin, std::max<std::uint64_t>(64, begin / 4)) << ns;
    }
}

TEST(TraceBuckets, FollowOneAnotherAndTheLastTakesTheRest) {
    for (std::uint64_t i = 0; i < WEIR_TRACE_BUCKETS; i++)
        EXPECT_EQ(weir_trace_bucket(weir_trace_bucket_begin(i)), i);
    EXPECT_EQ(weir_trace_bucket(1ULL << 39), WEIR_TRACE_BUCKETS - 1);
    EXPECT_EQ(weir_trace_bucket(~0ULL), WEIR_TRACE_BUCKETS - 1);
}

TEST(TraceHistogram, PercentilesAreNeverLessAndAtMostAQuarterMore) {
    std::mt19937_64 random(1);
    std::lognormal_distribution<double> distribution(11, 3);
    std::vector<std::uint64_t> all(5000);
    for (auto &ns : all)
        ns = static_cast<std::uint64_t>(distribution(random)) + 64;
    const auto histogram = histogram_of(all);
    std::sort(all.begin(), all.end());
    for (const double percent : {1.0, 50.0, 90.0, 99.0, 99.9, 100.0}) {
        const auto index = static_cast<std::size_t>(std::ceil(5000 * percent / 100)) - 1;
        EXPECT_GE(histogram.percentile(percent), all[index]) << percent;
        EXPECT_LE(histogram.percentile(percent), all[index] + std::max(all[index] / 4, 64UL))
            << percent;
    }
    EXPECT_EQ(histogram.percentile(100), all.back()) << "the longest is known";
    EXPECT_EQ(histogram.max(), all.back());
}

TEST(TraceHistogram, OfFewCallsAndOfNone) {
    EXPECT_EQ(Histogram().percentile(50), 0);
    EXPECT_THAT(Histogram().ranges(), IsEmpty());
    EXPECT_EQ(histogram_of({12345}).percentile(50), 12345);
    EXPECT_EQ(histogram_of({0}).percentile(99), 0);
    const std::uint64_t hour = 3600'000'000'000;
    EXPECT_EQ(histogram_of({hour, hour}).percentile(50), hour) << "beyond the last bucket";
}

TEST(TraceHistogram, RangesAreThePowersOfTwoFromFirstToLast) {
    const auto ranges = histogram_of({70, 600, 700, 5000}).ranges();
    std::vector<std::string> told;
    std::uint64_t calls = 0;
    for (const auto &range : ranges) {
        told.push_back(fmt::format("{}-{} {}", range.from, range.to, range.calls));
        calls += range.calls;
    }
    EXPECT_THAT(told, ElementsAre("0-256 1", "256-512 0", "512-1024 2", "1024-2048 0",
                                  "2048-4096 0", "4096-8192 1"));
    EXPECT_EQ(calls, 4);
    EXPECT_EQ(histogram_of({1ULL << 50}).ranges().back().to, 0) << "no end";
}

TEST(TraceHistogram, TimesHaveThreeDigits) {
    std::vector<std::string> told;
    for (const std::uint64_t ns : std::initializer_list<std::uint64_t>{
             0, 999, 1000, 12'345, 999'499, 999'500, 123'456'789, 1'500'000'000, 99'949'000'000,
             99'950'000'000, 3'700'000'000'000})
        told.push_back(format_time(ns));
    EXPECT_THAT(told, ElementsAre("0 ns", "999 ns", "1.00 us", "12.3 us", "999 us", "1.00 ms",
                                  "123 ms", "1.50 s", "99.9 s", "1m 39s", "1h 1m"));
}

TEST(TraceCallNames, AreThoseOfPeopleAndOfSystemCalls) {
    EXPECT_EQ(parse_calls("connect")->to_ulong(), 1U << WEIR_CALL_CONNECT);
    EXPECT_EQ(parse_calls("accept4,send,recvfrom")->to_ulong(),
              1U << WEIR_CALL_ACCEPT | 1U << WEIR_CALL_SEND | 1U << WEIR_CALL_RECV);
    for (const char *wrong : {"", "read", "connect,", ",connect", "connect accept"}) {
        const auto calls = parse_calls(wrong);
        ASSERT_FALSE(calls) << wrong;
        EXPECT_EQ(calls.error().exit, Exit::usage);
        EXPECT_THAT(calls.error().message, HasSubstr("is none of socket, bind, listen, accept,"));
    }
    for (const TracedSyscall &one : kTracedSyscalls)
        EXPECT_TRUE(parse_calls(one.name)->test(one.call)) << one.name;
    EXPECT_EQ(errno_name(ECONNREFUSED), "ECONNREFUSED");
    EXPECT_EQ(errno_name(600), "errno 600");
}

TEST(TraceTally, KeepsWhatFailedApartFromWhatIsToBeDoneAgain) {
    const auto tally = tally_of(sample_reading());
    const auto &connect = calls_of(tally, 10, "curl", WEIR_CALL_CONNECT);
    EXPECT_EQ(connect.count(), 5);
    EXPECT_EQ(connect.done.count(), 2);
    EXPECT_EQ(connect.again(), 1);
    EXPECT_EQ(connect.failed(), 2);
    EXPECT_EQ(connect.done.max(), 200 * kMillisecond);
    EXPECT_EQ(connect.errors.at(ECONNREFUSED).max(), 60'000);
    EXPECT_EQ(connect.time(), 201 * kMillisecond + 130'000);
}

TEST(TraceTally, AddsUpWhatEndedAndReplacesWhatWaits) {
    Tally tally;
    tally.add(sample_reading());
    const auto &accept = calls_of(tally, 20, "nginx", WEIR_CALL_ACCEPT);
    EXPECT_EQ(accept.waiting, 2);
    EXPECT_EQ(accept.longest, 3'000'000'000);
    auto later = sample_reading();
    later.waiting.pop_back();
    later.now += 1'000'000'000;
    tally.add(later);
    EXPECT_EQ(accept.done.count(), 2);
    EXPECT_EQ(accept.waiting, 1);
    EXPECT_EQ(accept.longest, 4'000'000'000);
    later.waiting.clear();
    tally.add(later);
    EXPECT_EQ(accept.waiting, 0);
    EXPECT_EQ(accept.longest, 0);
    EXPECT_EQ(calls_of(tally, 10, "curl", WEIR_CALL_CONNECT).failed(), 6);
}

TEST(TraceTally, ANameOfAllItsCharactersIsWhole) {
    TraceReading reading;
    reading.ended = {{key_of(1, "0123456789abcde", WEIR_CALL_BIND), times_of({1})}};
    EXPECT_EQ(tally_of(reading).calls().begin()->first.first.comm, "0123456789abcde");
}

TEST(TraceTally, ProcessesOfOneNameCountTogetherWhereThatIsWanted) {
    TraceReading reading;
    for (std::uint32_t pid = 1; pid <= 3; pid++)
        reading.ended.emplace_back(key_of(pid, "curl", WEIR_CALL_CONNECT), times_of({pid}));
    reading.waiting = {waiting_of(7, "curl", WEIR_CALL_CONNECT, 0)};
    Tally tally(true);
    tally.add(reading);
    EXPECT_EQ(tally.calls().size(), 1);
    EXPECT_EQ(calls_of(tally, 0, "curl", WEIR_CALL_CONNECT).done.count(), 3);
    EXPECT_EQ(calls_of(tally, 0, "curl", WEIR_CALL_CONNECT).waiting, 1);
}

// I11
TEST(TraceTally, IsBoundedAndLosesNoCall) {
    constexpr std::size_t kMost = 100;
    Tally tally(false, kMost);
    std::uint64_t calls = 0;
    for (std::uint32_t reading = 0; reading < 50; reading++) {
        TraceReading more;
        for (std::uint32_t i = 0; i < 10; i++) {
            const auto pid = 1000 + reading * 10 + i;
            more.ended.emplace_back(key_of(pid, "cc1", WEIR_CALL_CONNECT), times_of({1000}));
            more.ended.emplace_back(key_of(pid, "cc1", WEIR_CALL_CONNECT, ENOENT),
                                    times_of({1000, 2000}));
        }
        more.ended.emplace_back(key_of(1, "busy", WEIR_CALL_SEND), times_of({1}));
        calls += 31;
        tally.add(more);
        EXPECT_LE(tally.calls().size(), kMost);
    }
    std::uint64_t told = 0;
    for (const auto &[key, all] : tally.calls())
        told += all.count();
    EXPECT_EQ(told, calls);
    EXPECT_EQ(calls_of(tally, 1, "busy", WEIR_CALL_SEND).count(), 50) << "it was never idle";
    const auto &others = calls_of(tally, 0, Tally::kOthers, WEIR_CALL_CONNECT);
    EXPECT_EQ(others.count(), 3 * tally.put_together());
    EXPECT_EQ(others.errors.at(ENOENT).count(), 2 * tally.put_together());
    EXPECT_THAT(missing_calls(tally),
                ElementsAre(HasSubstr("under (others): there were too many")));
}

TEST(TraceOrder, ByTimeThoseThatWaitForOthersComeLast) {
    const auto tally = tally_of(sample_reading());
    EXPECT_THAT(names_of(sorted(tally, TraceSort::time)),
                ElementsAre("curl connect", "curl socket", "nginx accept"));
    EXPECT_THAT(names_of(sorted(tally, TraceSort::max)),
                ElementsAre("nginx accept", "curl connect", "curl socket"));
    EXPECT_THAT(names_of(sorted(tally, TraceSort::p99)),
                ElementsAre("nginx accept", "curl connect", "curl socket"));
    EXPECT_EQ(names_of(sorted(tally, TraceSort::failed)).front(), "curl connect");
    auto more = sample_reading();
    more.ended[3].second = times_of(std::vector<std::uint64_t>(6, 1));
    EXPECT_EQ(names_of(sorted(tally_of(more), TraceSort::calls)).front(), "curl socket");
}

TEST(TraceOrder, HasNamesThatAreReadBack) {
    auto sort = TraceSort::time;
    for (int i = 0; i < 5; i++, sort = next_sort(sort))
        EXPECT_EQ(parse_trace_sort(std::string(to_string(sort))).value(), sort);
    EXPECT_EQ(sort, TraceSort::time) << "once around";
    EXPECT_EQ(parse_trace_sort("name").error().exit, Exit::usage);
}

TEST(TraceText, ATableForPeople) {
    const TraceMoment moment{"12:34:56", 2.5, "all calls of all processes"};
    EXPECT_EQ(trace_table(tally_of(sample_reading()), moment, {}),
              "weir trace sockets  12:34:56  all calls of all processes, 2.5 s\n"
              "PID  COMM   CALL     CALLS      P50      P99      MAX  AGAIN  FAILED  WAITING  "
              "LONGEST  ERRORS\n"
              " 10  curl   connect      5  1.05 ms   200 ms   200 ms      1       2        0  "
              "      -  ECONNREFUSED 2, EINPROGRESS 1\n"
              " 10  curl   socket       5  5.00 us  5.00 us  5.00 us      0       0        0  "
              "      -\n"
              " 20  nginx  accept       1   7.00 s   7.00 s   7.00 s      0       0        2  "
              " 3.00 s\n");
}

TEST(TraceText, SaysWhatItLeavesOutAndWhatIsMissing) {
    auto reading = sample_reading();
    reading.unseen = {2, 3, 7, 1};
    const TraceMoment moment{"12:34:56", 1, "all calls of all processes"};
    const auto text = trace_table(tally_of(reading), moment, {TraceSort::time, 1});
    EXPECT_THAT(text, HasSubstr("... and 2 more (--top 0 shows all)\n"));
    EXPECT_THAT(text, Not(HasSubstr("nginx")));
    EXPECT_THAT(text, HasSubstr("\n5 calls are missing: begun before the trace"));
    EXPECT_THAT(text, HasSubstr("\n2 calls are missing: too many threads"));
    EXPECT_THAT(text, HasSubstr("\n3 calls are missing: too many processes"));
    EXPECT_THAT(text, HasSubstr("\n1 beginnings or ends"));
    EXPECT_THAT(trace_table(Tally(), moment, {}), HasSubstr("\nno calls\n"));
}

TEST(TraceText, AHistogramOfEachRow) {
    const auto text = trace_histograms(tally_of(sample_reading()), {});
    EXPECT_THAT(text, HasSubstr("\nconnect by curl (10): 5 calls, 2 done: p50 1.05 ms, p99 200 ms, "
                                "max 200 ms\n"
                                "  [524 us, 1.05 ms)               1 |@@@"));
    EXPECT_THAT(text, HasSubstr("  [134 ms, 268 ms)                1 |@@@"));
    EXPECT_THAT(text, HasSubstr("  ECONNREFUSED 2: p50 "));
    EXPECT_THAT(text, HasSubstr("  waiting 2: the longest for 3.00 s\n"));
}

TEST(TraceText, AScreenIsNeverLargerThanItIs) {
    TraceReading reading = sample_reading();
    for (std::uint32_t pid = 100; pid < 150; pid++)
        reading.ended.emplace_back(key_of(pid, "a-longer-name", WEIR_CALL_SENDMMSG, ENETUNREACH),
                                   times_of({pid}));
    const auto tally = tally_of(reading);
    const TraceMoment moment{"12:34:56", 1, "all calls of all processes"};
    for (const std::size_t columns : {1U, 20U, 40U, 80U, 200U})
        for (const std::size_t rows : {1U, 2U, 5U, 24U, 100U}) {
            const auto lines = trace_screen(tally, {tally, 2}, moment, {}, {rows, columns});
            EXPECT_LE(lines.size(), rows);
            for (const auto &line : lines)
                EXPECT_LE(display_width(plain_text(line)), columns);
        }
    const auto lines = trace_screen(tally, {tally, 2}, moment, {}, {24, 80});
    EXPECT_THAT(plain_text(lines[1]), HasSubstr("CALLS/S"));
    EXPECT_THAT(plain_text(lines[2]), HasSubstr(" 2.50 ")) << "5 calls in 2 s";
    EXPECT_THAT(plain_text(lines[22]), HasSubstr("... and 33 more"));
    EXPECT_THAT(plain_text(lines[23]), HasSubstr("s sort: time"));
}

TEST(TraceText, ShowsNamesThatAreNone) {
    TraceReading reading;
    reading.ended = {{key_of(1, "\033[2Jx", WEIR_CALL_BIND), times_of({1})}};
    const auto tally = tally_of(reading);
    EXPECT_THAT(trace_table(tally, {}, {}), HasSubstr("?[2Jx"));
    EXPECT_THAT(trace_histograms(tally, {}), HasSubstr("?[2Jx"));
}

TEST(TraceDocument, HasAllOfIt) {
    auto reading = sample_reading();
    reading.unseen = {1, 2, 3, 4};
    const auto document = Json::parse(dump(trace_document(tally_of(reading), 5, 2.5, true, {})));
    EXPECT_EQ(document["end"], true);
    EXPECT_EQ(document["seconds"], 2.5);
    EXPECT_EQ(document["missing"]["no_beginning"], 3);
    EXPECT_EQ(document["missing"]["skipped_by_kernel"], 4);
    ASSERT_EQ(document["rows"].size(), 3);
    const auto &connect = document["rows"][0];
    EXPECT_EQ(connect["call"], "connect");
    EXPECT_EQ(connect["pid"], 10);
    EXPECT_EQ(connect["calls"], 5);
    EXPECT_EQ(connect["failed"], 2);
    EXPECT_EQ(connect["again"], 1);
    EXPECT_EQ(connect["errors"]["ECONNREFUSED"]["calls"], 2);
    EXPECT_EQ(connect["done"]["max_ns"], 200 * kMillisecond);
    std::uint64_t calls = 0;
    for (const auto &range : connect["done"]["histogram"])
        calls += range["calls"].get<std::uint64_t>();
    EXPECT_EQ(calls, 2);
    EXPECT_TRUE(connect["longest_waiting_ns"].is_null());
    EXPECT_EQ(document["rows"][2]["waiting"], 2);
}

}  // namespace
}  // namespace weir
