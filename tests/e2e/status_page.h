// The status page of a running Weir, in a real browser that stands where it does.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/tools.h"
#include "tests/support/browser.h"

namespace weir::test {

// A service that nothing can be sent to.
inline constexpr auto kWithoutWeight = R"(
  - name: empty
    vip: 203.0.113.30
    port: 53
    protocol: udp
    backends: [{address: 192.0.2.12, port: 53, weight: 0}]
)";
inline constexpr auto kCheck =
    "health_check: {type: tcp, interval: 300ms, timeout: 300ms, rise: 1, fall: 1}";

class StatusPage : public EchoTest {
  protected:
    void SetUp() override {
        if (const auto why = Browser::why_not(); !why.empty())
            GTEST_SKIP() << why;
        EchoTest::SetUp();
    }
    // Weir, and a browser that shows its page.
    void show(const Settings &settings) { show_file(write_config(settings.text())); }
    void show_file(const std::string &config) {
        daemon_ = start(config);
        browser_ = std::make_unique<Browser>(world().weir);
        browser_->open("http://127.0.0.1:9470/");
        ASSERT_TRUE(eventually([&] { return page().has("#service-list li"); })) << summary();
    }
    void show() { show({.of_web = kCheck}); }
    Browser &page() { return *browser_; }
    Process &daemon() { return *daemon_; }
    std::string summary() { return page().text("#summary"); }
    testing::AssertionResult says(const std::string &selector, const std::string &text) {
        if (eventually([&] { return page().text(selector).find(text) != std::string::npos; }))
            return testing::AssertionSuccess();
        return testing::AssertionFailure() << selector << " says " << page().text(selector);
    }
    // What is asked of every service, in the order in which they are shown.
    std::vector<std::string> services(const std::string &part) {
        return page().run(
            "return Array.from(document.querySelectorAll('#service-list > "
            "li:not([hidden]) " +
            part + "'), (one) => one.innerText.replaceAll('\\u00a0', ' '))");
    }
    // The text or id of what has the focus.
    std::string focused() {
        return page().run(
            "const it = document.activeElement; return it.id || it.innerText.split('\\n')[0]");
    }
    void tab_to(const std::string &wanted) {
        for (int i = 0; i < 40; i++) {
            page().type(Browser::kTab);
            if (focused() == wanted)
                return;
        }
        ADD_FAILURE() << "Tab does not reach " << wanted;
    }
    void ask_services(int times = 20) {
        for (int i = 0; i < times; i++)
            EXPECT_TRUE(Client(world().client_host, Protocol::tcp, world().vip_tcp)
                            .ask(std::string(1000, 'x')));
    }

  private:
    std::unique_ptr<Process> daemon_;
    std::unique_ptr<Browser> browser_;
};

}  // namespace weir::test
