// The Grafana dashboard and the rules of deploy/, as far as they can be held against Weir without
// Grafana. That their queries return data is e2e/Prometheus.*.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "lb/stats/metrics.h"
#include "tests/support/sample.h"
#include "tests/support/temp.h"

namespace weir {
namespace {

using nlohmann::json;
using testing::IsSubsetOf;

const std::string kDeploy = std::string(WEIR_SOURCE_DIR) + "/deploy";

json dashboard() {
    return json::parse(test::read_file(kDeploy + "/grafana/weir.json"));
}

// Rows first, then what is folded up in them.
std::vector<json> panels() {
    const json whole = dashboard();
    std::vector<json> all;
    for (const auto &panel : whole.at("panels")) {
        all.push_back(panel);
        for (const auto &folded : panel.value("panels", json::array()))
            all.push_back(folded);
    }
    return all;
}

bool is_row(const json &panel) {
    return panel.at("type") == "row";
}

std::set<std::string> exported() {
    std::set<std::string> names;
    auto snapshot = test::sample_snapshot();
    snapshot.sockets = test::sample_sockets();
    for (const auto &family :
         to_metrics(snapshot, test::sample_info(), test::sample_view, test::sample_checks())) {
        if (family.type != prometheus::MetricType::Histogram)
            names.insert(family.name);
        else
            for (const auto *part : {"_bucket", "_sum", "_count"})
                names.insert(family.name + part);
    }
    names.insert({"up", "ALERTS"});  // Prometheus' own
    return names;
}

// What is neither text, nor a label, a range, a function or an operator.
std::set<std::string> metrics_in(std::string promql) {
    for (const auto *other : {R"("[^"]*")", R"(\{[^}]*\}|\[[^\]]*\])",
                              R"(\b(by|without|on|ignoring)\s*\([^)]*\))", R"(\$\w+)"})
        promql = std::regex_replace(promql, std::regex(other), " ");
    static const std::regex kName(R"(\b[a-zA-Z_:][a-zA-Z0-9_:]*(?![a-zA-Z0-9_:]*\s*\())");
    std::set<std::string> names(std::sregex_token_iterator(promql.begin(), promql.end(), kName),
                                {});
    for (const auto *word : {"and", "or", "unless", "bool", "offset"})
        names.erase(word);
    return names;
}

TEST(Dashboard, FindsTheMetricsOfAnExpression) {
    EXPECT_EQ(metrics_in(R"(sum by (le, a) (rate(b_total{x=~"$y"}[$__z])) > bool 0 or 0 * c:d)"),
              (std::set<std::string>{"b_total", "c:d"}));
    EXPECT_EQ(metrics_in("a unless on (b) c == 0"), (std::set<std::string>{"a", "c"}));
}

TEST(Dashboard, IsOneThatGrafanaTakesForItsOwn) {
    const json whole = dashboard();
    EXPECT_EQ(whole.at("title"), "Weir");
    EXPECT_EQ(whole.at("uid"), "weir");
    EXPECT_EQ(whole.at("schemaVersion"), 39);  // Grafana 10.3 and later, who convert older ones
    std::set<std::string> variables;
    for (const auto &variable : whole.at("templating").at("list"))
        variables.insert(variable.at("name"));
    EXPECT_EQ(variables, (std::set<std::string>{"datasource", "instance", "service"}));
}

TEST(Dashboard, PanelsAreNumberedNamedAndExplained) {
    std::set<int> ids;
    for (const auto &panel : panels()) {
        const std::string title = panel.at("title");
        EXPECT_TRUE(ids.insert(panel.at("id").get<int>()).second) << title << ": id is another's";
        EXPECT_NE(title, "");
        EXPECT_NE(panel.value("description", is_row(panel) ? "a row" : ""), "") << title;
    }
    EXPECT_GT(ids.size(), 20U);
}

TEST(Dashboard, PanelsDoNotOverlap) {
    // what is folded up in a row opens below it
    std::vector<std::vector<json>> surfaces(1);
    const json whole = dashboard();
    for (const auto &panel : whole.at("panels")) {
        surfaces.front().push_back(panel);
        surfaces.push_back(panel.value("panels", json::array()));
    }
    for (const auto &surface : surfaces) {
        std::set<std::pair<int, int>> taken;
        for (const auto &panel : surface) {
            const auto &at = panel.at("gridPos");
            const int x = at.at("x");
            const int y = at.at("y");
            const int w = at.at("w");
            const int h = at.at("h");
            EXPECT_LE(x + w, 24) << panel.at("title");
            EXPECT_GT(w * h, 0) << panel.at("title");
            for (int i = 0; i < w * h; i++)
                EXPECT_TRUE(taken.insert({x + i % w, y + i / w}).second) << panel.at("title");
        }
    }
}

// Columns of tables that hold numbers have a unit, or a text for each value, of their own.
TEST(Dashboard, EveryPanelHasAUnit) {
    for (const auto &panel : panels()) {
        if (is_row(panel))
            continue;
        EXPECT_NE(panel.at("fieldConfig").at("defaults").at("unit"), "") << panel.at("title");
    }
}

TEST(Dashboard, EverythingAsksTheDataSourceThatIsChosen) {
    const json chosen{{"type", "prometheus"}, {"uid", "${datasource}"}};
    for (const auto &panel : panels()) {
        if (is_row(panel))
            continue;
        EXPECT_EQ(panel.at("datasource"), chosen) << panel.at("title");
        std::set<std::string> references;
        for (const auto &target : panel.at("targets")) {
            EXPECT_EQ(target.at("datasource"), chosen) << panel.at("title");
            EXPECT_NE(target.at("expr"), "") << panel.at("title");
            EXPECT_TRUE(references.insert(target.at("refId")).second) << panel.at("title");
        }
        EXPECT_FALSE(references.empty()) << panel.at("title");
    }
}

TEST(Dashboard, EveryMetricIsOneThatWeirExports) {
    const auto known = exported();
    for (const auto &panel : panels())
        for (const auto &target : panel.value("targets", json::array()))
            EXPECT_THAT(metrics_in(target.at("expr")), IsSubsetOf(known)) << panel.at("title");
    const json whole = dashboard();
    for (const auto &annotation : whole.at("annotations").at("list"))
        EXPECT_THAT(metrics_in(annotation.value("expr", "up")), IsSubsetOf(known));
}

// In Grafana only what is chosen above the panels may show.
TEST(Dashboard, EverySelectorKnowsTheInstance) {
    for (const auto &panel : panels())
        for (const auto &target : panel.value("targets", json::array())) {
            const std::string expr = target.at("expr");
            const std::regex selector(R"(\{[^}]*\})");
            for (std::sregex_iterator i(expr.begin(), expr.end(), selector), end; i != end; ++i)
                EXPECT_THAT(i->str(), testing::HasSubstr(R"(instance=~"$instance")")) << expr;
        }
}

TEST(Rules, EveryMetricIsOneThatWeirExportsOrARuleRecords) {
    auto known = exported();
    const auto rules = YAML::LoadFile(kDeploy + "/prometheus/rules.yaml")["groups"][0]["rules"];
    ASSERT_GT(rules.size(), 10U);
    for (const auto &rule : rules) {
        const auto expr = rule["expr"].as<std::string>();
        EXPECT_THAT(metrics_in(expr), IsSubsetOf(known)) << expr;
        if (rule["record"])
            known.insert(rule["record"].as<std::string>());
    }
}

TEST(Rules, NameDropReasonsThatThereAre) {
    std::set<std::string> known;
    for (std::uint8_t reason = 0; reason < WEIR_DROP_REASONS; reason++)
        known.insert(std::string(drop_reason_name(reason)));
    const auto text = test::read_file(kDeploy + "/prometheus/rules.yaml");
    const std::regex matcher(R"re(reason[=!]~"([^"]*)")re");
    const std::regex word(R"(\w+)");
    int found = 0;
    for (std::sregex_iterator i(text.begin(), text.end(), matcher), end; i != end; ++i, ++found) {
        const auto reasons = i->str(1);
        EXPECT_THAT(std::set<std::string>(
                        std::sregex_token_iterator(reasons.begin(), reasons.end(), word), {}),
                    IsSubsetOf(known));
    }
    EXPECT_EQ(found, 2);
}

}  // namespace
}  // namespace weir
