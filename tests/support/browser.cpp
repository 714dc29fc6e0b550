#include "tests/support/browser.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <stdexcept>

namespace weir::test {
namespace {

using Json = Browser::Json;

constexpr auto kAddress = "http://127.0.0.1:9515";
constexpr auto kElement = "element-6066-11e4-a52e-4f735466cecf";  // the standard's own

// A PID namespace, for what is left of a browser ends with its first process.
std::vector<std::string> driver_command() {
    return {"unshare",      "--pid",        "--fork",     "--kill-child",
            "--mount-proc", "chromedriver", "--port=9515"};
}

Json capabilities(const std::string &profile) {
    const Json arguments{"--headless",
                         "--no-sandbox",  // it would refuse root
                         "--disable-gpu",
                         "--disable-quic",
                         "--no-first-run",
                         "--disable-background-networking",
                         "--disable-component-update",
                         "--disable-sync",
                         "--disable-dev-shm-usage",
                         "--hide-scrollbars",
                         "--force-prefers-reduced-motion",
                         "--user-data-dir=" + profile};
    const Json wanted{{"browserName", "chrome"},
                      {"goog:chromeOptions", {{"args", arguments}}},
                      {"goog:loggingPrefs", {{"browser", "ALL"}}}};
    return {{"capabilities", {{"alwaysMatch", wanted}}}};
}

std::string decode_base64(const std::string &text) {
    std::string bytes(text.size() / 4 * 3, '\0');
    const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char *>(bytes.data()),
                                     reinterpret_cast<const unsigned char *>(text.data()),
                                     static_cast<int>(text.size()));
    if (size < 0)
        throw std::runtime_error("no base64");
    const auto padding = text.size() - std::min(text.size(), text.find_last_not_of('=') + 1);
    bytes.resize(static_cast<std::size_t>(size) - padding);
    return bytes;
}

}  // namespace

std::string Browser::why_not() {
    for (const auto *program : {"chromedriver", "chromium"})
        if (test::run({"which", program}).status != 0)
            return fmt::format("needs {}, a package of that name or chromium-driver", program);
    return "";
}

Browser::Browser(const Netns &netns)
    : netns_(netns),
      driver_(driver_command(),
              {.netns = &netns, .environment = {"HOME=" + folder_.path().string()}}) {
    const auto ready = [this] {
        const auto status =
            test::run({"curl", "-s", std::string(kAddress) + "/status"}, {.netns = &netns_});
        return status.out.find("\"ready\":true") != std::string::npos;
    };
    if (!eventually(ready))
        throw std::runtime_error("chromedriver: " + driver_.out() + driver_.err());
    const auto profile = (folder_.path() / "profile").string();
    session_ = ask("POST", "/session", capabilities(profile)).at("sessionId");
}

Browser::~Browser() {
    try {
        command("DELETE", "");
    } catch (const std::exception &) {
        // the end of its namespace is its end as well
    }
}

Json Browser::ask(const std::string &method, const std::string &path,
                  const std::optional<Json> &body) {
    std::vector<std::string> line{"curl", "-sS", "-g",   "--max-time",
                                  "60",   "-X",  method, kAddress + path};
    if (body)
        line.insert(line.end(), {"--data-binary", "@" + folder_.write("body", body->dump()), "-H",
                                 "Content-Type: application/json"});
    const auto ran = Process(line, {.netns = &netns_}).wait(std::chrono::seconds(70));
    const auto answer = Json::parse(ran.out, nullptr, false);
    if (ran.status != 0 || !answer.is_object())
        throw std::runtime_error("chromedriver: " + ran.err + ran.out);
    const auto &value = answer.at("value");
    if (value.is_object() && value.contains("error"))
        throw std::runtime_error(fmt::format("{}: {}", path, value.at("message").dump()));
    return value;
}

Json Browser::command(const std::string &method, const std::string &path,
                      const std::optional<Json> &body) {
    return ask(method, "/session/" + session_ + path, body);
}

Json Browser::devtools(const std::string &name, const Json &parameters) {
    return command("POST", "/goog/cdp/execute", Json{{"cmd", name}, {"params", parameters}});
}

void Browser::open(const std::string &url) {
    command("POST", "/url", Json{{"url", url}});
}

void Browser::resize(int width, int height) {
    devtools("Emulation.setDeviceMetricsOverride",
             {{"width", width}, {"height", height}, {"deviceScaleFactor", 1}, {"mobile", true}});
}

void Browser::prefer_dark() {
    devtools("Emulation.setEmulatedMedia",
             {{"features", Json::array({{{"name", "prefers-color-scheme"}, {"value", "dark"}}})}});
}

Json Browser::run(const std::string &script) {
    const auto body = fmt::format(
        "const done = arguments[arguments.length - 1];"
        "(async () => {{ {} }})().then((value) => done([value ?? null]), (error) => "
        "done(String(error)));",
        script);
    const auto value =
        command("POST", "/execute/async", Json{{"script", body}, {"args", Json::array()}});
    if (!value.is_array())
        throw std::runtime_error(fmt::format("{}: {}", script, value.dump()));
    return value.at(0);
}

std::string Browser::text(const std::string &selector) {
    return run("return (document.querySelector(" + Json(selector).dump() +
               ")?.innerText ?? '').replaceAll('\\u00a0', ' ')");
}

std::string Browser::title() {
    return run("return document.title.replaceAll('\\u00a0', ' ')");
}

bool Browser::has(const std::string &selector) {
    return run("return document.querySelector(" + Json(selector).dump() + ") !== null");
}

void Browser::type(const std::string &keys) {
    auto actions = Json::array();
    for (std::size_t i = 0; i < keys.size();) {
        const auto first = static_cast<unsigned char>(keys[i]);
        const std::size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : 3;  // of UTF-8
        const auto key = keys.substr(i, length);
        actions.push_back({{"type", "keyDown"}, {"value", key}});
        actions.push_back({{"type", "keyUp"}, {"value", key}});
        i += length;
    }
    const Json keyboard{{"type", "key"}, {"id", "keyboard"}, {"actions", actions}};
    command("POST", "/actions", Json{{"actions", Json::array({keyboard})}});
}

std::string Browser::element(const std::string &selector) {
    return command("POST", "/element", Json{{"using", "css selector"}, {"value", selector}})
        .at(kElement);
}

std::string Browser::role(const std::string &selector) {
    return command("GET", "/element/" + element(selector) + "/computedrole");
}

std::string Browser::label(const std::string &selector) {
    return command("GET", "/element/" + element(selector) + "/computedlabel");
}

std::vector<std::string> Browser::complaints() {
    std::vector<std::string> all;
    for (const auto &one : command("POST", "/se/log", Json{{"type", "browser"}}))
        if (one.at("level") != "INFO" && one.at("level") != "DEBUG")
            all.push_back(one.at("message"));
    return all;
}

std::string Browser::screenshot() {
    const auto shot =
        devtools("Page.captureScreenshot", {{"format", "png"}, {"captureBeyondViewport", true}});
    return decode_base64(shot.at("data"));
}

}  // namespace weir::test
