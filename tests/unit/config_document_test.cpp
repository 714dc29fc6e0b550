// Whole files that are refused, row by row, with the exact message.
#include <gtest/gtest.h>

#include <ostream>
#include <string>

#include "tests/unit/config_errors.h"

namespace weir {
namespace {

// A whole file and what is said about it.
struct FileRow {
    const char *name;
    std::string text;
    const char *expected;
};

void PrintTo(const FileRow &row, std::ostream *out) {
    *out << row.name;
}

class ConfigFile : public testing::TestWithParam<FileRow> {};

TEST_P(ConfigFile, IsRefused) {
    EXPECT_EQ(error_of(GetParam().text), GetParam().expected);
}

const FileRow kFiles[] = {
    {"empty", "", "f:1:1: the configuration is empty"},
    {"only_comments", "# nothing\n\n# here\n", "f:1:1: the configuration is empty"},
    {"only_null", "---\n~\n", "f:1:1: the configuration is empty"},
    {"scalar", "hello", "f:1:1: the configuration must be a mapping, not a single value"},
    {"list", "\n- services: []\n", "f:2:1: the configuration must be a mapping, not a list"},
    {"two_documents", "services: []\n---\nservices: []\n",
     "f:2:1: only one document is allowed; another begins here"},
    {"text_after_the_document", "services: []\n...\n,\n",
     "f:3:1: only one document is allowed; another begins here"},
    {"only_a_comma", ",", "f:1:1: only one document is allowed; another begins here"},
    {"no_services", "instance: a\n", "f:1:1: missing key 'services'"},
    {"null_services", "instance: a\nservices:\n",
     "f:2:1: services must be a list, but it has no value"},
    {"null_in_services", "services:\n  -\n",
     "f:2:3: service must be a mapping, but it has no value"},
    {"scalar_in_services", "services: [web]\n",
     "f:1:12: service must be a mapping, not a single value"},
    {"service_without_name", "services: [{vip: 192.0.2.1}]\n",
     "f:1:12: service: missing key 'name'"},
    {"unclosed_list", "services: [\n", "f:1:1: not valid YAML: end of sequence flow not found"},
    {"unclosed_quote", "services: []\ninstance: \"blue\n\n",
     "f:2:16: not valid YAML: illegal EOF in scalar"},
    {"unclosed_quote_above", "instance: 'blue\nservices: []\n",
     "f:2:13: not valid YAML: illegal EOF in scalar"},
    {"bad_indentation", "services: []\n instance: a\n",
     "f:2:2: not valid YAML: end of map not found"},
    {"bad_escape", "services: \"\\q\"\n", "f:1:14: not valid YAML: unknown escape character: q"},
    {"unknown_anchor", "services: *a\n",
     "f:1:11: not valid YAML: the referenced anchor is not defined"},
    {"tab_indentation", "services:\n\t- a\n", "f:2:2: not valid YAML: illegal block entry"},
    {"nul_byte", std::string("services: []\n\0", 14),
     "f:2:1: control character 0x00: not a text file"},
    {"eot_byte", "services: []\n# \x04\ninstance: hidden\n",
     "f:2:3: control character 0x04: not a text file"},
    {"del_byte", "services: []\n\n\x7f", "f:3:1: control character 0x7f: not a text file"},
    {"merge_key", "<<: {services: []}\n",
     "f:1:1: unknown key '<<' (known keys: services, interfaces, snat, limits, timeouts, metrics, "
     "api, replay, instance, state_file, watch, log, flow_log, sockets)"},
    {"key_that_is_a_list", "services: []\n[a]: b\n", "f:2:1: a key must be a plain name"},
    {"null_key", "services: []\n~: b\n", "f:2:1: a key must be a plain name"},
    {"control_character_in_key", "\"a\\nb\": c\n",
     "f:1:1: unknown key 'a\\x0ab' (known keys: services, interfaces, snat, limits, timeouts, "
     "metrics, api, replay, instance, state_file, watch, log, flow_log, sockets)"},
    {"long_value", "services: []\ninstance: " + std::string(200, 'x') + "\n",
     "f:2:11: instance must be 1 to 31 of A-Z a-z 0-9 _ -, not "
     "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...'"},
};

INSTANTIATE_TEST_SUITE_P(Row, ConfigFile, testing::ValuesIn(kFiles), row_name<FileRow>);

TEST(ConfigDocument, DeepNestingIsRefused) {
    for (const char *open : {"[", "{a: ", "- ", "? "}) {
        std::string text;
        for (int i = 0; i < 100000; ++i)
            text += open;
        EXPECT_NE(error_of(text), "accepted") << open;
    }
}

TEST(ConfigDocument, OddDocumentsAreRefused) {
    for (const char *text : {"!2", "&a", "? ", "- &a [*a]", "!", "!<", "%", "%YAML 9.9\n---\na",
                             "|", ">", "...", "--- !", ": ", "*", "<<: *a", "&a *a", "{", "}", ","})
        EXPECT_NE(error_of(text), "accepted") << text;
}

}  // namespace
}  // namespace weir
