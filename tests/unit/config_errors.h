// What the tables of refused configurations share.
#pragma once

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <string_view>

#include "lb/config/config.h"

namespace weir {

// What parse_config() says about `text` as file "f"; "accepted" if it says nothing.
inline std::string error_of(const std::string &text) {
    const auto config = parse_config(text, "f");
    if (config)
        return "accepted";
    EXPECT_EQ(config.error().exit, Exit::usage);
    return config.error().message;
}

// One service whose line 10 is `lines`, and the rest of the file.
inline std::string service_with(const std::string &lines, const std::string &rest = "") {
    return "services:\n"
           "  - name: web\n"
           "    vip: 192.0.2.10\n"
           "    port: 443\n"
           "    protocol: tcp\n"
           "    backends:\n"
           "      - {address: 198.51.100.11, port: 8443}\n"
           "      - {address: 198.51.100.12, port: 8443}\n"
           "      - {address: 198.51.100.13, port: 8443, fallback: true}\n"
           "    " +
           lines + "\n" + rest;
}

// A good file in which `from` becomes `to`, and what is said then.
struct EditRow {
    const char *name;
    const char *from;
    const char *to;
    const char *expected;
};

inline void PrintTo(const EditRow &row, std::ostream *out) {
    *out << row.name;
}

inline void expect_refused(const std::string &good, const EditRow &row) {
    ASSERT_EQ(error_of(good), "accepted");
    const auto at = good.find(row.from);
    ASSERT_NE(at, std::string::npos) << row.from;
    std::string text = good;
    text.replace(at, std::string_view(row.from).size(), row.to);
    EXPECT_EQ(error_of(text), row.expected);
}

template <typename Row>
std::string row_name(const testing::TestParamInfo<Row> &info) {
    return info.param.name;
}

}  // namespace weir
