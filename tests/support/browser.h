// A real browser, headless Chromium, in a network namespace: driven through chromedriver, as the
// W3C's WebDriver has it (https://www.w3.org/TR/webdriver2/).
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/process.h"
#include "tests/support/temp.h"

namespace weir::test {

// clang-tidy 14 takes a move of nlohmann::json for one that may throw
class Browser {  // NOLINT(bugprone-exception-escape)
  public:
    using Json = nlohmann::json;

    // Why there can be none; empty when there can.
    static std::string why_not();

    // Throws std::runtime_error when it does not start, and so does everything below that fails.
    explicit Browser(const Netns &netns);
    ~Browser();
    Browser(const Browser &) = delete;
    Browser &operator=(const Browser &) = delete;
    Browser(Browser &&) = delete;
    Browser &operator=(Browser &&) = delete;

    void open(const std::string &url);
    // Of what is seen of the page, in its own pixels.
    void resize(int width, int height);
    void prefer_dark();

    // The body of a function, which may await: "return document.title".
    Json run(const std::string &script);
    // What is written there as a person sees it, who does not see which blanks a line may break at;
    // an empty string where nothing is.
    std::string text(const std::string &selector);
    bool has(const std::string &selector);
    std::string title();

    // To what has the focus. Keys beside text are those of WebDriver: kTab, kEnter.
    void type(const std::string &keys);
    static constexpr auto kTab = "\uE004";
    static constexpr auto kEnter = "\uE007";

    // As the accessibility tree has it.
    std::string role(const std::string &selector);
    std::string label(const std::string &selector);

    // Warnings and errors in the console since it was last asked.
    std::vector<std::string> complaints();
    // The whole page, as a PNG.
    std::string screenshot();

  private:
    // The value of the answer. `path` is below the session.
    Json command(const std::string &method, const std::string &path,
                 const std::optional<Json> &body = std::nullopt);
    Json ask(const std::string &method, const std::string &path, const std::optional<Json> &body);
    Json devtools(const std::string &name, const Json &parameters);
    std::string element(const std::string &selector);

    const Netns &netns_;
    TempDir folder_;
    Process driver_;
    std::string session_;
};

}  // namespace weir::test
