// A text that has changed a little means what parse_config() makes of it, places included, whether
// it is read whole or not; and ordinary changes are not.
#include "lb/config/reread.h"

#include <gtest/gtest.h>

#include <random>
#include <sstream>
#include <utility>
#include <vector>

#include "lb/config/affected.h"
#include "tests/support/random.h"
#include "tests/support/temp.h"

namespace weir {
namespace {

using test::below;
using test::Random;

// Services in the ways that people write them, with something before and behind.
const char *const kText = R"(# a balancer
interfaces:
  - name: eth0
services:
  - name: web
    vip: 192.0.2.10
    port: 80
    protocol: tcp
    health_check: {type: http, path: /healthz, body: "up
      and running"}
    backends:
      - {address: 198.51.100.1, port: 80, weight: 10}
      - {address: 198.51.100.2, port: 80, weight: 20}  # the old one
  # in one line
  - {name: dns, vip: 192.0.2.10, port: 53, protocol: udp, backends: [{address: 198.51.100.3, port: 53}]}
  - name: mail
    vip: 192.0.2.11
    port: 25
    protocol: tcp
    source_ranges:
      - 203.0.113.0/24
    backends: [{address: 198.51.100.4, port: 25},
               {address: 198.51.100.5, port: 25}]
  -   name: last
      vip: 192.0.2.12
      port: 80
      protocol: tcp
      health_check:
        type: exec
        command:
          - /bin/sh
          - -c
          - |
            test
            -f /tmp/up
      backends:
      - address: 198.51.100.6
        port: 80

limits: {flows: 1024}
snat: {addresses: [198.51.100.100]}
metrics: {listen: 127.0.0.1:9470}
)";

std::vector<std::pair<int, int>> marks_of(Config config) {
    std::vector<std::pair<int, int>> marks;
    for_each_mark(config, [&](Mark &mark) { marks.emplace_back(mark.line, mark.column); });
    return marks;
}

ConfigText parsed_parts(const std::string &text) {
    const auto config = parse_config(text, "weir.yaml");
    EXPECT_TRUE(config) << (config ? "" : config.error().message);
    return {text, config.value_or(Config{})};
}

void expect_same(const Config &again, const Config &whole) {
    EXPECT_EQ(to_yaml(again), to_yaml(whole));
    EXPECT_EQ(marks_of(again), marks_of(whole));
}

std::string changed(std::string text, const std::string &what, const std::string &with) {
    const auto at = text.find(what);
    EXPECT_NE(at, std::string::npos) << what;
    return text.replace(at, what.size(), with);
}

struct Change {
    const char *name, *what, *with;
};
void PrintTo(const Change &change, std::ostream *out) {
    *out << change.name;
}

class Ordinary : public testing::TestWithParam<Change> {};

TEST_P(Ordinary, ChangesAreReadAloneAndMeanTheSame) {
    const std::string text = changed(kText, GetParam().what, GetParam().with);
    const auto again = reread(parsed_parts(kText), text);
    ASSERT_TRUE(again);
    expect_same(*again, parsed_parts(text).config);
}

INSTANTIATE_TEST_SUITE_P(
    Reread, Ordinary,
    testing::Values(
        Change{"nothing", "web", "web"}, Change{"weight", "weight: 10", "weight: 11"},
        Change{"comment", "# the old one", "# of R&D"},
        Change{"backend_more", "weight: 10}\n",
               "weight: 10}\n      - {address: 198.51.100.9, port: 80}\n"},
        Change{"backend_less", "      - {address: 198.51.100.1, port: 80, weight: 10}\n", ""},
        Change{"port_in_one_line", "port: 53, protocol", "port: 5353, protocol"},
        Change{"service_more", "  - name: mail",
               "  - name: new\n    vip: 192.0.2.99\n    port: 1\n    protocol: tcp\n"
               "    backends: [{address: 198.51.100.9, port: 1}]\n  - name: mail"},
        Change{"service_less",
               "  - {name: dns, vip: 192.0.2.10, port: 53, protocol: udp, backends: [{address: "
               "198.51.100.3, port: 53}]}\n",
               ""},
        Change{"block_scalar", "-f /tmp/up\n", "-f /tmp/up\n\n"},
        Change{"the_last_service", "      - address: 198.51.100.6\n",
               "      - address: 198.51.100.7\n"},
        Change{"behind_the_last_service", "        port: 80\n\nlimits",
               "        port: 80\n  - name: new\n    vip: 192.0.2.99\n    port: 1\n    protocol: "
               "tcp\n    backends: [{address: 198.51.100.9, port: 1}]\nlimits"}),
    [](const auto &one) { return one.param.name; });

// What is not certain is read whole.
class Other : public testing::TestWithParam<Change> {};

TEST_P(Other, ChangesAreNotTakenForMoreThanTheyAre) {
    EXPECT_FALSE(reread(parsed_parts(kText), changed(kText, GetParam().what, GetParam().with)));
}

INSTANTIATE_TEST_SUITE_P(
    Reread, Other,
    testing::Values(Change{"before_the_services", "eth0", "eth1"},
                    Change{"behind_the_services", "flows: 1024", "flows: 2048"},
                    Change{"an_anchor", "{address: 198.51.100.4", "&four {address: 198.51.100.4"},
                    Change{"a_quote_left_open", "and running\"", "and running"},
                    Change{"a_bracket_left_open", "198.51.100.5, port: 25}]",
                           "198.51.100.5, port: 25}"},
                    Change{"another_document", "  # in one line", "---"},
                    Change{"the_end_of_the_document", "  # in one line", "..."},
                    Change{"another_key", "  # in one line", "watch: true"},
                    Change{"an_item_elsewhere", "  # in one line", " - name: x"},
                    Change{"an_unknown_key", "weight: 10", "height: 10"},
                    Change{"a_duplicate_service", "name: mail", "name: web"},
                    Change{"a_duplicate_vip", "vip: 192.0.2.12", "vip: 192.0.2.10"}),
    [](const auto &one) { return one.param.name; });

TEST(Reread, I8AnErrorIsThatOfTheWholeFile) {
    const test::TempDir folder;
    const auto file = folder.write("weir.yaml", kText);
    const auto before = load_config_text(file);
    ASSERT_TRUE(before);
    for (const auto &[what, with] :
         {std::pair("weight: 20", "weight: 70000"), std::pair("name: last", "name: web"),
          std::pair("running\"", "running")}) {
        folder.write("weir.yaml", changed(kText, what, with));
        std::string last_read = before->text;
        const auto again = load_config_again(*before, last_read);
        const auto whole = load_config(file);
        ASSERT_FALSE(again);
        ASSERT_FALSE(whole);
        EXPECT_EQ(again.error().message, whole.error().message);
        EXPECT_EQ(last_read, changed(kText, what, with)) << "though it is refused";
    }
}

// Whatever happens to a text: what is read in part is what the whole says.
TEST(Reread, IsNeverAnythingElseThanTheWholeText) {
    const std::string_view syntax = "{}[]:,-#&*!|>'\"%?~\n\t ./019ax";
    Random random(7);
    int in_part = 0;
    ConfigText before = parsed_parts(kText);
    for (int i = 0; i < 6000 && !testing::Test::HasFailure(); ++i) {
        std::string text = before.text;
        for (std::size_t edits = 1 + below(random, 3); edits > 0; --edits) {
            const std::size_t at = below(random, text.size());
            const std::size_t length = std::min<std::size_t>(below(random, 12), text.size() - at);
            std::string with(1, syntax[below(random, syntax.size())]);
            if (below(random, 3) == 0)
                with = text.substr(below(random, text.size()), below(random, 40));
            text.replace(at, below(random, 2) == 0 ? length : 0, with);
        }
        const auto again = reread(before, text);
        if (!again)
            continue;
        ++in_part;
        SCOPED_TRACE(text);
        const auto whole = parse_config(text, "weir.yaml");
        ASSERT_TRUE(whole) << whole.error().message;
        expect_same(*again, *whole);
        before = below(random, 2) == 0 ? ConfigText{text, *again} : parsed_parts(kText);
    }
    EXPECT_GT(in_part, 100);
}

TEST(Affected, IsWhatDiffersWhereverItStands) {
    const Config before = parsed_parts(kText).config;
    const auto after = [&](const char *what, const char *with) {
        return changed_services(before, parsed_parts(changed(kText, what, with)).config);
    };
    EXPECT_EQ(after("# a balancer\n", "# a\n# balancer\n"), Affected(std::vector<std::size_t>()));
    EXPECT_EQ(after("weight: 20", "weight: 21"), Affected(std::vector<std::size_t>{0}));
    EXPECT_EQ(after("203.0.113.0/24", "203.0.113.0/25"), Affected(std::vector<std::size_t>{2}));
    EXPECT_EQ(after("name: mail", "name: post"), std::nullopt);
    EXPECT_EQ(after("192.0.2.12", "192.0.2.13"), std::nullopt);
    EXPECT_EQ(services_named(before, {"mail", "gone", "web"}), (std::vector<std::size_t>{0, 2}));
    EXPECT_EQ(names_of(before, {1, 3}), (std::set<std::string>{"dns", "last"}));
}

}  // namespace
}  // namespace weir
