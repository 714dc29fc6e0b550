// What the tables of refused configurations share.
#pragma once

#include <gtest/gtest.h>

#include <string>

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

template <typename Row>
std::string row_name(const testing::TestParamInfo<Row> &info) {
    return info.param.name;
}

}  // namespace weir
