#include "lb/stats/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "tests/support/sample.h"

namespace weir {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string text_of(const Snapshot &snapshot, const DaemonInfo &info) {
    return Exporter(
               [&] { return to_metrics(snapshot, info, test::sample_view, test::sample_checks()); })
        .text();
}

constexpr std::array kLines{
    R"(weir_build_info{version="1.2.3"} 1)",
    R"(process_start_time_seconds 1700000000)",
    R"(weir_service_packets_total{service="web",direction="forward"} 30)",
    R"(weir_service_packets_total{service="web",direction="reply"} 20)",
    R"(weir_service_bytes_total{service="web",direction="forward"} 3000)",
    R"(weir_service_bytes_total{service="dns",direction="reply"} 90)",
    R"(weir_service_new_flows_total{service="web"} 5)",
    R"(weir_backend_packets_total{service="dns",backend="198.51.100.13:53",direction="reply"} 1)",
    R"(weir_backend_bytes_total{service="dns",backend="198.51.100.13:53",direction="reply"} 90)",
    R"(weir_backend_bytes_total{service="dns",backend="198.51.100.13:53",direction="forward"} 74)",
    R"(weir_backend_new_flows_total{service="web",backend="198.51.100.12:8443"} 2)",
    R"(weir_backend_weight{service="web",backend="198.51.100.12:8443"} 0)",
    R"(weir_backend_weight{service="dns",backend="198.51.100.13:53"} 7)",
    R"(weir_backend_state{service="web",backend="198.51.100.11:8443",state="active"} 1)",
    R"(weir_backend_state{service="web",backend="198.51.100.12:8443",state="down"} 1)",
    R"(weir_backend_up{service="web",backend="198.51.100.11:8443"} 1)",
    R"(weir_backend_up{service="web",backend="198.51.100.12:8443"} 0)",
    R"(weir_health_check_duration_seconds_bucket{service="web",le="0.0005"} 0)",
    R"(weir_health_check_duration_seconds_bucket{service="web",le="0.025"} 2)",
    R"(weir_health_check_duration_seconds_bucket{service="web",le="2.5"} 2)",
    R"(weir_health_check_duration_seconds_bucket{service="web",le="+Inf"} 3)",
    R"(weir_health_check_duration_seconds_count{service="web"} 3)",
    R"(weir_health_check_duration_seconds_sum{service="web"} 3.0325)",
    R"(weir_health_checks_total{service="web",result="passed"} 2)",
    R"(weir_health_checks_total{service="web",result="failed"} 1)",
    R"(weir_health_checks_total{service="web",result="not_made"} 1)",
    R"(weir_flow_first_answer_seconds_bucket{service="web",le="0.0001"} 0)",
    R"(weir_flow_first_answer_seconds_bucket{service="web",le="0.00025"} 1)",
    R"(weir_flow_first_answer_seconds_bucket{service="web",le="5"} 3)",
    R"(weir_flow_first_answer_seconds_count{service="web"} 3)",
    R"(weir_flow_first_answer_seconds_sum{service="web"} 0.003)",
    R"(weir_flow_first_answer_seconds_count{service="dns"} 0)",
    R"(weir_tcp_handshake_seconds_count{service="web"} 2)",
    R"(weir_events_lost_total{reason="sampled"} 11)",
    R"(weir_events_lost_total{reason="full"} 12)",
    R"(weir_flow_log_lines_total{result="written"} 21)",
    R"(weir_flow_log_lines_total{result="suppressed"} 22)",
    R"(weir_flow_log_lines_total{result="failed"} 23)",
    R"(weir_drops_total{reason="no_backend"} 100)",
    R"(weir_drops_total{reason="rewrite_failed"} 104)",
    R"(weir_drops_total{reason="not_translatable"} 113)",
    R"(weir_icmp_total{event="translated"} 3)",
    R"(weir_icmp_total{event="answered"} 4)",
    R"(weir_icmp_total{event="sent"} 5)",
    R"(weir_flows{service="web",backend="198.51.100.11:8443"} 6)",
    R"(weir_flow_table_entries{table="flows_v4"} 32)",
    R"(weir_flow_table_capacity{table="flows_v4"} 128)",
    R"(weir_map_pressure{map="flows_v4"} 0.25)",
    R"(weir_map_pressure{map="affinity"} 0.5)",
    R"(weir_program_runs_total{program="tc_ingress"} 4)",
    R"(weir_program_run_seconds_total{program="tc_ingress"} 2e-06)",
    R"(weir_interface_state{interface="eth0",hook="xdp",state="attached"} 1)",
    R"(weir_interface_state{interface="eth1",hook="tc",state="attached"} 1)",
    R"(weir_config_reloads_total{result="done"} 3)",
    R"(weir_config_reloads_total{result="refused"} 2)",
    R"(weir_tables_info{start="new"} 1)",
    R"(weir_config_last_reload_successful 1)",
    R"(weir_config_last_reload_success_timestamp_seconds 1700000100)"};

TEST(Metrics, EveryCounterStandsUnderItsName) {
    const auto text = text_of(test::sample_snapshot(), test::sample_info());
    for (const char *line : kLines)
        EXPECT_THAT(text, HasSubstr(std::string("\n") + line + "\n"));
}

TEST(Metrics, LargeCountersAreExact) {
    EXPECT_THAT(text_of(test::sample_snapshot(), test::sample_info()),
                HasSubstr("direction=\"forward\"} 9007199254740991\n"));
}

TEST(Metrics, EveryFamilyHasHelpAndTheTypeOfItsName) {
    for (const auto &family : to_metrics(test::sample_snapshot(), test::sample_info(),
                                         test::sample_view, test::sample_checks())) {
        const std::string_view name = family.name;
        const bool total = name.size() > 6 && name.substr(name.size() - 6) == "_total";
        EXPECT_FALSE(family.help.empty()) << name;
        EXPECT_EQ(family.type == prometheus::MetricType::Counter, total) << name;
        EXPECT_FALSE(family.metric.empty()) << name;
    }
}

TEST(Metrics, ABackendWithoutChecksIsNeitherUpNorDown) {
    const auto text = text_of(test::sample_snapshot(), test::sample_info());
    EXPECT_THAT(text, HasSubstr(R"(weir_backend_state{service="dns",backend="198.51.100.13:53",)"));
    EXPECT_THAT(text, Not(HasSubstr(R"(weir_backend_up{service="dns")")));
}

TEST(Metrics, ARefusedReloadShows) {
    auto info = test::sample_info();
    info.reload.successful = false;
    EXPECT_THAT(text_of(test::sample_snapshot(), info),
                HasSubstr("weir_config_last_reload_successful 0\n"));
}

TEST(Metrics, NamesFromTheConfigurationAreEscaped) {
    auto snapshot = test::sample_snapshot();
    snapshot.services[0].name = "a\"b\\c\nd";
    const auto text = text_of(snapshot, test::sample_info());
    EXPECT_THAT(text, HasSubstr(R"(weir_service_new_flows_total{service="a\"b\\c\nd"} 5)"));
    EXPECT_THAT(text, Not(HasSubstr("c\nd")));
}

TEST(Metrics, NothingCollectedIsNoText) {
    EXPECT_EQ(Exporter([] { return std::vector<prometheus::MetricFamily>(); }).text(), "");
}

}  // namespace
}  // namespace weir
