// How the status page looks: on any screen, and with any number of services.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/e2e/status_page.h"
#include "tests/support/traffic.h"

namespace weir::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;

// Boxes of the lines of text that are seen, and what is wrong with them.
constexpr auto kLayout = R"(
    const boxes = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const node = walker.currentNode;
        const parent = node.parentElement;
        if (!node.data.trim() || parent.closest('.unseen, .skip, noscript')) continue;
        if (!parent.checkVisibility()) continue;
        const range = document.createRange();
        range.selectNodeContents(node);
        for (const box of range.getClientRects())
            if (box.width > 1 && box.height > 1)
                boxes.push([box.left, box.top, box.right, box.bottom, node.data.trim()]);
    }
    const wrong = [];
    boxes.forEach((one, index) => {
        if (one[0] < 0 || one[2] > innerWidth) wrong.push(`beside the page: ${one[4]}`);
        for (const other of boxes.slice(index + 1)) {
            const wide = Math.min(one[2], other[2]) - Math.max(one[0], other[0]);
            const high = Math.min(one[3], other[3]) - Math.max(one[1], other[1]);
            if (wide > 1 && high > 3) wrong.push(`${one[4]} over ${other[4]}`);
        }
    });
    if (boxes.length < 50) wrong.push(`only ${boxes.length} texts`);
    if (document.documentElement.scrollWidth > innerWidth)
        wrong.push(`${document.documentElement.scrollWidth} wide in ${innerWidth}`);
    return wrong;)";

TEST_F(StatusPage, NothingOverlapsOnADesktopAndOnAPhone) {
    show({.interfaces = "lb0 lb1 lb2 lb9", .of_web = kCheck, .services = R"(
  - name: a-service-whose-name-is-as-long-as-any-name-of-a-service-may-be
    vip: "2001:db8:1234:5678:9abc:def0:1234:5678"
    port: 65535
    protocol: tcp
    backends: [{address: "2001:db8:1234:5678:9abc:def0:1234:5679", port: 65535, weight: 65535}]
)"});
    end_server_one();
    ASSERT_TRUE(says("#summary", "2 of 6 backends are down"));
    ask_services();
    for (const int width : {1280, 768, 360, 320}) {
        page().resize(width, 800);
        page().run("for (const one of document.querySelectorAll('details')) one.open = true");
        ASSERT_TRUE(eventually([&] {
            return page().run("return document.querySelectorAll('.backends tbody tr').length") == 6;
        }));
        EXPECT_EQ(page().run(kLayout), Browser::Json::array()) << "at " << width << " pixels";
    }
}

// Contrast of text with what is behind it, as WCAG 2.2 has it (1.4.3: at least 4.5).
constexpr auto kContrast = R"(
    const parts = (colour) => colour.match(/[\d.]+/g).map(Number);
    const light = (part) => part <= 10 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4;
    const luminance = ([r, g, b]) => 0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b);
    const behind = (one) => {
        for (; one; one = one.parentElement) {
            const colour = parts(getComputedStyle(one).backgroundColor);
            if (colour[3] !== 0) return colour;
        }
        return [255, 255, 255];
    };
    const wrong = new Set();
    for (const one of document.querySelectorAll('body *')) {
        if (!Array.from(one.childNodes).some((node) => node.nodeType === 3 && node.data.trim())) continue;
        if (!one.checkVisibility()) continue;
        const both = [parts(getComputedStyle(one).color), behind(one)].map(luminance).sort();
        const [dark, bright] = both[0] < both[1] ? both : both.reverse();
        const contrast = (bright + 0.05) / (dark + 0.05);
        if (contrast < 4.5) wrong.add(`${contrast.toFixed(1)}: ${one.className} ${one.innerText}`);
    }
    return Array.from(wrong))";

TEST_F(StatusPage, CanBeReadInTheLightAndInTheDark) {
    show({.interfaces = "lb0 lb1 lb2 lb9", .of_web = kCheck});
    EXPECT_EQ(weir({"backend", "drain", "dns", world().at_two.to_string()}).status, 0);
    end_server_one();
    ASSERT_TRUE(says("#summary", "2 of 5 backends are down"));
    ASSERT_TRUE(says("#problems", "draining"));
    const auto back = [&] {
        return page().run("return getComputedStyle(document.body).backgroundColor");
    };
    const auto light = back();
    EXPECT_EQ(page().run(kContrast), Browser::Json::array());
    page().prefer_dark();
    EXPECT_NE(back(), light);
    EXPECT_EQ(page().run(kContrast), Browser::Json::array());
}

TEST_F(StatusPage, EveryNumberHasAUnit) {
    show();
    ask_services();
    end_server_one();
    ASSERT_TRUE(says("#summary", "2 of 5 backends are down"));
    page().run("for (const one of document.querySelectorAll('details')) one.open = true");
    ASSERT_TRUE(says(".backends tbody", "weight"));
    const std::vector<std::string> texts = page().run(R"(
        const places = '#totals span, .much > span, .fast > span, #drops td, #tables td, ' +
            '.backends td > span:not(.badge)';
        return Array.from(document.querySelectorAll(places), (one) => one.innerText.replaceAll('\u00a0', ' ').trim())
            .filter(Boolean))");
    EXPECT_GT(texts.size(), 20U);
    for (const auto &text : texts) {
        EXPECT_THAT(text, MatchesRegex("weight [0-9]+( of [0-9]+)?|"
                                       "(–|< 0.1|[0-9.,]+)( of [0-9.,]+)?( million| billion)? "
                                       "([kMG]?bit/s|packets?(/s)?|(new )?flows?(/s)?|%|entry|"
                                       "entries)( to backends| to clients)?"));
    }
}

TEST_F(StatusPage, WritesNumbersAsPeopleReadThem) {
    show();
    const auto written = [&](const std::string &call) {
        std::string text = page().run("const f = await import('/page/format.js'); return f." +
                                      call + ".replaceAll('\\u00a0', ' ')");
        return text;
    };
    EXPECT_EQ(written("count(1, 'flow')"), "1 flow");
    EXPECT_EQ(written("count(12345, 'flow')"), "12,345 flows");
    EXPECT_EQ(written("count(2500000000, 'packet')"), "2.5 billion packets");
    EXPECT_EQ(written("rate(0.24, 'packets/s')"), "0.2 packets/s");
    EXPECT_EQ(written("rate(123.4, 'packets/s')"), "123 packets/s");
    EXPECT_EQ(written("rate(1234567, 'packets/s')"), "1.23 million packets/s");
    EXPECT_EQ(written("rate(null, 'packets/s')"), "– packets/s");
    EXPECT_EQ(written("bits(0)"), "0 bit/s");
    EXPECT_EQ(written("bits(125)"), "1 kbit/s");
    EXPECT_EQ(written("bits(1250000000)"), "10 Gbit/s");
    EXPECT_EQ(written("percent(1 / 3)"), "33.3 %");
    EXPECT_EQ(written("percent(0.0004)"), "< 0.1 %");
    EXPECT_EQ(written("percent(1)"), "100 %");
    EXPECT_EQ(written("duration(0)"), "0 s");
    EXPECT_EQ(written("duration(3605)"), "1 h");
    EXPECT_EQ(written("duration(200000)"), "2 d 7 h");
}

// For docs/images: WEIR_SCREENSHOTS=FOLDER. With some minutes of traffic, and one backend that
// dies.
TEST_F(StatusPage, Screenshots) {
    const char *folder = std::getenv("WEIR_SCREENSHOTS");
    if (folder == nullptr)
        GTEST_SKIP() << "only when WEIR_SCREENSHOTS names a folder for them";
    constexpr auto kConfig = "/run/weir.yaml";  // a path that says nothing of this machine
    std::ofstream(kConfig) << Settings{.of_web = kCheck,
                                       .services = kWithoutWeight,
                                       .limits = "{flows: 262144, new_flows: 65536}"}
                                  .text();
    show_file(kConfig);
    std::filesystem::remove(kConfig);
    const EchoServer udp_one(world().one, Protocol::udp, world().at_one, "one");
    const EchoServer udp_two(world().two, Protocol::udp, world().at_two, "two");
    const Client dropped(world().client_host, Protocol::udp, *Endpoint::parse("203.0.113.30:53"));
    std::vector<Client> open;
    for (int i = 0; i < 700; i++) {
        ask_services(static_cast<int>(30 + 20 * std::sin(i / 60.0)));
        open.emplace_back(world().client_host, Protocol::udp, world().vip_udp);
        open.back().ask(std::string(static_cast<std::size_t>(200 + i % 300), 'x'));
        if (i == 500) {
            end_server_one();
            ASSERT_TRUE(says("#summary", "2 of 6 backends are down"));
            page().run("document.querySelector('details').open = true");
        }
        for (int lost = 0; i > 550 && lost < i / 40; lost++)
            dropped.send("nobody takes this");
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
    for (const auto &[name, width] : {std::pair("desktop", 1280), std::pair("phone", 360)}) {
        page().resize(width, 800);
        const auto file = std::filesystem::path(folder) / fmt::format("status-{}.png", name);
        std::ofstream(file, std::ios::binary) << page().screenshot();
    }
}

// A thousand services of ten backends: what is seen of them is made once.
TEST_F(StatusPage, StaysUsableWithAThousandServices) {
    std::string services;
    for (int i = 0; i < 1000; i++) {
        services += fmt::format(
            "  - name: s{}\n    vip: 203.0.{}.{}\n    port: 90\n    protocol: tcp\n"
            "    backends:\n",
            i, 114 + i / 250, 1 + i % 250);
        for (int b = 0; b < 10; b++)
            services +=
                fmt::format("      - {{address: 192.0.2.{}, port: {}}}\n", 20 + b, 1000 + i);
    }
    show({.services = services});
    EXPECT_TRUE(says("#summary", "1,003 services, 10,005 backends active"));
    page().run(
        "for (const one of document.querySelectorAll('#service-list > li')) one.mark = true");
    EXPECT_EQ(weir({"backend", "drain", "s777", "192.0.2.25:1777"}).status, 0);
    EXPECT_TRUE(eventually([&] { return page().text("#service-list .name") == "s777"; }));
    EXPECT_EQ(page().run("return Array.from(document.querySelectorAll('#service-list > li'))"
                         ".filter((one) => one.mark).length"),
              1003);
    EXPECT_LT(page().run("return document.querySelectorAll('*').length").get<int>(), 30000);
    tab_to("filter");
    page().type("192.0.2.25:1777");
    EXPECT_THAT(this->services(".name"), ElementsAre("s777"));
    tab_to("s777");
    page().type(Browser::kEnter);
    EXPECT_TRUE(says(".backends tbody", "192.0.2.25:1777"));
    EXPECT_THAT(page().complaints(), IsEmpty());
}

}  // namespace
}  // namespace weir::test
