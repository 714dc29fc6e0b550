#include "tests/replay/catalogue.h"

#include <algorithm>
#include <sstream>

#include "tests/support/bytes.h"
#include "tests/support/layout.h"

namespace weir::test {

std::filesystem::path folder_of(const std::string &name) {
    return std::filesystem::path(WEIR_PCAPS) / name;
}

std::vector<std::string> cases(Kind kind) {
    std::istringstream words(WEIR_CASES);
    std::vector<std::string> names;
    for (std::string name; words >> name;)
        if (std::filesystem::exists(folder_of(name) / "steps.yaml") == (kind == Kind::steps))
            names.push_back(name);
    return names;
}

std::string test_name(const ::testing::TestParamInfo<std::string> &info) {
    std::string name = info.param;
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

bool is_judged(const Frame &frame) {
    const auto &bytes = frame.bytes;
    if (bytes.size() < kEthernet + kIpv4)
        return false;
    const Layout at = layout_of(bytes);
    const auto type = get16(bytes, at.l3 - 2);
    return (type == 0x0800 || type == 0x86dd) && at.end <= bytes.size() &&
           (at.protocol == 1 || at.protocol == 6 || at.protocol == 17 || at.protocol == 58);
}

}  // namespace weir::test
