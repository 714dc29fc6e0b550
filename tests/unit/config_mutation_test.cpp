// Thousands of small accidents to the reference file: none may crash, throw or hang, and every
// refusal is one line with a place that exists.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "lb/config/config.h"
#include "tests/support/random.h"
#include "tests/support/temp.h"

namespace weir {
namespace {

using test::below;
using test::Random;

using Lines = std::vector<std::string>;

// The reference without comments, so that a mutation seldom lands in one.
Lines reference_lines() {
    std::istringstream file(test::read_file(WEIR_SOURCE_DIR "/deploy/weir.yaml"));
    Lines lines;
    for (std::string line; std::getline(file, line);) {
        line = line.substr(0, line.find(" #"));
        if (!line.empty() && line.front() != '#')
            lines.push_back(line);
    }
    return lines;
}

void mutate_lines(Random &random, Lines &lines) {
    const std::size_t at = below(random, lines.size());
    const std::size_t other = below(random, lines.size());
    const auto place = lines.begin() + static_cast<std::ptrdiff_t>(at);
    switch (below(random, 4)) {
        case 0:
            lines.erase(place);
            break;
        case 1:
            lines.insert(place, std::string(lines[other]));
            break;
        case 2:
            std::swap(lines[at], lines[other]);
            break;
        default:
            lines[at].insert(0, below(random, 5), ' ');
    }
}

void mutate_text(Random &random, std::string &text) {
    constexpr std::string_view kSyntax = "{}[]:,-#&*!|>'\"%@`?~\\\n\t ./0179ax\x80\xff\x01";
    const std::size_t at = below(random, text.size());
    const std::size_t other = below(random, text.size());
    switch (below(random, 6)) {
        case 0:
            std::swap(text[at], text[other]);
            break;
        case 1:
            text[at] = kSyntax[below(random, kSyntax.size())];
            break;
        case 2:
            text.insert(at, 1, kSyntax[below(random, kSyntax.size())]);
            break;
        case 3:
            text.erase(at, 1 + below(random, 8));
            break;
        case 4:
            text.insert(at, text.substr(other, below(random, 40)));
            break;
        default:
            text[at] = static_cast<char>(below(random, 256));
    }
}

std::string mutant(unsigned seed, Lines lines) {
    Random random(seed);
    if (below(random, 2) == 0)
        mutate_lines(random, lines);
    std::string text;
    for (const std::string &line : lines)
        text += line + '\n';
    for (std::size_t count = below(random, 4); count > 0; --count)
        mutate_text(random, text);
    if (below(random, 20) == 0)
        text.resize(below(random, text.size()));
    return text;
}

// The place in "weir.yaml:LINE:COL: message", if that is the message's form and it is one line.
std::optional<Mark> place_in(std::string_view message) {
    constexpr std::string_view kFile = "weir.yaml:";
    if (message.substr(0, kFile.size()) != kFile || message.find_first_of("\r\n") < message.size())
        return std::nullopt;
    message.remove_prefix(kFile.size());
    const auto first = message.find(':');
    const auto second = message.find(": ", first + 1);
    if (second == std::string_view::npos || second + 2 == message.size())
        return std::nullopt;
    const auto line = parse_number(message.substr(0, first), 1000);
    const auto column = parse_number(message.substr(first + 1, second - first - 1), 1000);
    if (!line || !column)
        return std::nullopt;
    return Mark{static_cast<int>(*line), static_cast<int>(*column)};
}

TEST(ConfigMutation, EveryMutantIsAcceptedOrRefusedInOneLineWithAPlace) {
    constexpr unsigned kMutants = 6000;
    const Lines lines = reference_lines();
    ASSERT_GT(lines.size(), 30U);
    unsigned accepted = 0;
    for (unsigned seed = 0; seed < kMutants && !HasFailure(); ++seed) {
        const std::string text = mutant(seed, lines);
        SCOPED_TRACE("seed " + std::to_string(seed) + ":\n" + text);
        Result<Config> config;
        ASSERT_NO_THROW(config = parse_config(text, "weir.yaml"));
        if (config) {
            ++accepted;
            const auto again = parse_config(to_yaml(*config), "weir.yaml");
            ASSERT_TRUE(again) << again.error().message;
            continue;
        }
        const auto place = place_in(config.error().message);
        ASSERT_TRUE(place) << config.error().message;
        EXPECT_GE(place->line, 1);
        EXPECT_LE(place->line, 1 + std::count(text.begin(), text.end(), '\n'));
        EXPECT_GE(place->column, 1);
    }
    // Both ways must have been taken, or the mutations are too mild or too wild to show anything.
    EXPECT_GT(accepted, kMutants / 50);
    EXPECT_LT(accepted, kMutants / 2);
}

}  // namespace
}  // namespace weir
