// The admin API over TCP: an operator on another host, with a certificate and without.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <sstream>

#include "tests/e2e/world.h"
#include "tests/support/authority.h"
#include "tests/support/traffic.h"

namespace weir::test {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr auto kAt = "198.51.100.1:9471";  // Weir's address towards the client
constexpr auto kBackend = "/v1/services/web/backends/192.0.2.11:8080";
const std::vector<std::string> kDrain{"-X", "PATCH", "-d", R"({"admin": "drain"})"};

class ApiOverTcp : public WeirTest {
  protected:
    static std::string of_api(const Certified &own, const std::string &client_ca) {
        return fmt::format(", listen: \"{}\", tls: {{certificate: {}, key: {}, client_ca: {}}}",
                           kAt, own.certificate, own.key, client_ca);
    }
    std::string text() const { return text(server_, authority_); }
    static std::string text(const Certified &own, const Authority &clients) {
        return Settings{.of_api = of_api(own, clients.certificate())}.text();
    }
    static std::vector<std::string> as(const Certified &one) {
        return {"--cert", one.certificate, "--key", one.key};
    }
    // From the client's host. The status is not 0 unless there was an answer of HTTP.
    ProcessResult curl(const std::string &path, const std::vector<std::string> &certificate,
                       const std::vector<std::string> &more = {}) {
        std::vector<std::string> line{"curl",       "-sS",
                                      "--max-time", "20",
                                      "-w",         "\n%{http_code}",
                                      "--cacert",   authority_.certificate()};
        line.insert(line.end(), certificate.begin(), certificate.end());
        line.insert(line.end(), more.begin(), more.end());
        line.push_back(fmt::format("https://{}{}", kAt, path));
        return run(line, {.netns = &world().client_host});
    }
    // The status of HTTP; empty: none.
    std::string status_of(const ProcessResult &done) {
        return done.status == 0 ? done.out.substr(done.out.rfind('\n') + 1) : "";
    }
    ProcessResult operate(std::vector<std::string> command, const Certified &as) {
        command.insert(command.begin(), WEIR_BINARY);
        command.insert(command.end(), {"--connect", kAt, "--cert", as.certificate, "--key", as.key,
                                       "--ca", authority_.certificate()});
        return run(command, {.netns = &world().client_host});
    }
    // Of the first backend of `web`, by the Unix socket.
    std::string state() { return listing({"backends"})["backends"][0]["state"]; }
    bool reload(Process &daemon, const std::string &says) {
        daemon.kill(SIGHUP);
        return daemon.wait_for_err(says);
    }

    Authority authority_;
    Certified server_ = authority_.sign_server("server", "IP:198.51.100.1");
    Certified ops_ = authority_.sign("ops");
};

TEST_F(ApiOverTcp, AnOperatorWithACertificateLooksAndChanges) {
    const auto daemon = start(write_config(text()));
    EXPECT_THAT(daemon->err(), HasSubstr(fmt::format(" and https://{}", kAt)));
    EXPECT_EQ(status_of(curl("/v1/backends", as(ops_))), "200");
    EXPECT_EQ(status_of(curl("/api/v1/backends", as(ops_))), "404") << "one name for a thing";
    EXPECT_EQ(status_of(curl(kBackend, as(ops_), kDrain)), "200");
    EXPECT_EQ(state(), "draining");
    EXPECT_THAT(daemon->err(),
                HasSubstr(fmt::format("info PATCH {} by CN=ops from 198.51.100.2\n", kBackend)));
    const auto said = lines(daemon->err());
    EXPECT_EQ(status_of(curl("/v1/overrides", as(ops_))), "200");
    EXPECT_EQ(lines(daemon->err()), said) << "looking is no change";
}

TEST_F(ApiOverTcp, TheCommandsOfWeirWorkFromAnotherHost) {
    const auto daemon = start(write_config(text()));
    const auto drained = operate({"backend", "drain", "web", "192.0.2.11:8080"}, ops_);
    EXPECT_EQ(drained.status, 0) << drained.err;
    EXPECT_EQ(state(), "draining");
    const auto listed = operate({"overrides"}, ops_);
    EXPECT_THAT(listed.out, HasSubstr("192.0.2.11:8080"));
    EXPECT_EQ(operate({"overrides", "clear"}, ops_).status, 0);
    EXPECT_EQ(state(), "active");
    EXPECT_EQ(operate({"reload"}, ops_).status, 0);
    EXPECT_THAT(daemon->err(), HasSubstr("info POST /v1/reload by CN=ops from 198.51.100.2\n"));
    const auto by_environment =
        run({WEIR_BINARY, "status"},
            {.netns = &world().client_host,
             .environment = {std::string("WEIR_CONNECT=") + kAt, "WEIR_CERT=" + ops_.certificate,
                             "WEIR_KEY=" + ops_.key, "WEIR_CA=" + authority_.certificate()}});
    EXPECT_EQ(by_environment.status, 0) << by_environment.err;
    const auto stranger = operate({"overrides", "clear"}, Authority().sign("ops"));
    EXPECT_EQ(stranger.status, 3);
    EXPECT_EQ(lines(stranger.err), 1) << stranger.err;
}

TEST_F(ApiOverTcp, WithoutAGoodCertificateNothingIsToldOrChanged) {
    const auto daemon = start(write_config(text()));
    const Authority others;
    const std::vector<std::pair<const char *, std::vector<std::string>>> clients{
        {"none", {}},
        {"another authority's", as(others.sign("ops"))},
        {"expired", as(authority_.sign("old", {"/CN=ops", "clientAuth", "", -1}))},
        {"a server's", as(authority_.sign_server("not-a-client", "IP:198.51.100.2"))}};
    for (const auto &[name, client] : clients) {
        EXPECT_EQ(status_of(curl("/v1/status", client)), "") << name;
        EXPECT_EQ(status_of(curl(kBackend, client, kDrain)), "") << name;
    }
    const auto plain = run({"curl", "-sS", "--max-time", "20", "-X", "PATCH", "-d",
                            R"({"admin": "drain"})", fmt::format("http://{}{}", kAt, kBackend)},
                           {.netns = &world().client_host});
    EXPECT_NE(plain.status, 0) << plain.out;
    EXPECT_EQ(state(), "active");
    EXPECT_TRUE(listing({"overrides"})["overrides"].empty());
    EXPECT_EQ(status_of(curl("/v1/status", as(ops_))), "200") << "and it still serves";
}

TEST_F(ApiOverTcp, I11ManyFailedHandshakesAreOneLine) {
    const auto daemon = start(write_config(text()));
    const auto before = lines(daemon->err());
    for (int i = 0; i < 10; i++)
        EXPECT_EQ(status_of(curl("/v1/status", {})), "");
    EXPECT_EQ(lines(daemon->err()), before + 1) << daemon->err();
    EXPECT_THAT(daemon->err(), HasSubstr("TLS handshake with 198.51.100.2 failed: peer did not "
                                         "return a certificate\n"));
}

// More of them than there may be connections would keep others out for a while; as docs/api.md
// says. These do not.
TEST_F(ApiOverTcp, ClientsThatStallInTheHandshakeBlockNobody) {
    const auto daemon = start(write_config(text()));
    std::vector<std::unique_ptr<Process>> stalled;
    stalled.reserve(20);
    for (int i = 0; i < 20; i++)
        stalled.push_back(std::make_unique<Process>(
            std::vector<std::string>{"bash", "-c",
                                     "exec 3<>/dev/tcp/198.51.100.1/9471; echo open >&2; sleep 60"},
            ProcessOptions{.netns = &world().client_host}));
    for (auto &one : stalled)
        ASSERT_TRUE(one->wait_for_err("open"));
    EXPECT_EQ(status_of(curl(kBackend, as(ops_), kDrain)), "200");
    EXPECT_EQ(state(), "draining") << "and the Unix socket";
}

TEST_F(ApiOverTcp, TheListingsAtMetricsListenChangeNothing) {
    const auto daemon = start(write_config(text()));
    const auto ask = [&](const std::string &method, const std::string &path) {
        return run({"curl", "-sS", "--max-time", "20", "-o", "/dev/null", "-w", "%{http_code}",
                    "-X", method, "http://127.0.0.1:9470" + path},
                   {.netns = &world().weir})
            .out;
    };
    for (const auto *prefix : {"", "/api"}) {
        // 405 where there is a listing of that name, which is below /api
        const auto *const listed = *prefix == 0 ? "404" : "405";
        EXPECT_EQ(ask("PATCH", std::string(prefix) + kBackend), "404");
        EXPECT_EQ(ask("POST", std::string(prefix) + "/v1/reload"), "404");
        EXPECT_EQ(ask("DELETE", std::string(prefix) + "/v1/overrides"), listed);
        EXPECT_EQ(ask("DELETE", std::string(prefix) + "/v1/flows?all=true"), listed);
    }
    EXPECT_EQ(state(), "active");
    EXPECT_EQ(metric(R"(weir_config_reloads_total{result="done"})"), 0);
}

TEST_F(ApiOverTcp, AMonitorFromAnotherHostEndsWithTheAuthorityThatLetItIn) {
    const EchoServer one(world().one, Protocol::tcp, world().at_one, "one");
    const EchoServer two(world().two, Protocol::tcp, world().at_two, "two");
    const auto daemon = start(write_config(text()));
    Process monitor({WEIR_BINARY, "monitor", "--event", "opened", "--connect", kAt, "--cert",
                     ops_.certificate, "--key", ops_.key, "--ca", authority_.certificate()},
                    {.netns = &world().client_host});
    ASSERT_TRUE(monitor.wait_for_err("watching")) << monitor.err();
    const Client client(world().client_host, Protocol::tcp, world().vip_tcp);
    EXPECT_TRUE(eventually([&] {
        return monitor.out().find(client.local().to_string()) != std::string::npos;
    })) << monitor.err();
    const Authority others;
    write_config(text(server_, others));
    ASSERT_TRUE(reload(*daemon, "reloaded ")) << daemon->err();
    EXPECT_EQ(monitor.wait().status, 3);
    EXPECT_THAT(monitor.err(), HasSubstr("has gone"));
}

TEST_F(ApiOverTcp, CertificatesAreRenewedByAReload) {
    const auto daemon = start(write_config(text()));
    const auto serial = [&] {
        const auto shown =
            run({"bash", "-c",
                 fmt::format("openssl s_client -connect {} -CAfile {} -cert {} -key {} "
                             "</dev/null 2>/dev/null | openssl x509 -noout -serial",
                             kAt, authority_.certificate(), ops_.certificate, ops_.key)},
                {.netns = &world().client_host});
        EXPECT_THAT(shown.out, StartsWith("serial="));
        return shown.out;
    };
    const auto before = serial();
    const auto next = authority_.sign_server("next", "IP:198.51.100.1");
    std::filesystem::rename(next.certificate, server_.certificate);
    std::filesystem::rename(next.key, server_.key);
    EXPECT_EQ(serial(), before) << "not before a reload";
    ASSERT_TRUE(reload(*daemon, "reloaded ")) << daemon->err();
    EXPECT_NE(serial(), before);
    EXPECT_EQ(status_of(curl("/v1/status", as(ops_))), "200");

    // another authority for clients, in another file: those of the old one are out
    const Authority others;
    write_config(text(server_, others));
    EXPECT_EQ(operate({"reload"}, ops_).status, 0) << "the last thing they did";
    EXPECT_EQ(status_of(curl("/v1/status", as(ops_))), "");
    EXPECT_EQ(status_of(curl("/v1/status", as(others.sign("ops")))), "200");
}

TEST_F(ApiOverTcp, I8ABadRenewalIsRefusedAndTheOldOneStays) {
    const auto file = write_config(text());
    const auto daemon = start(file);
    const auto other = authority_.sign_server("other", "IP:198.51.100.1");
    const auto changed = [&](const Certified &own) {
        return Settings{.backends_of_web = "192.0.2.11",
                        .of_api = of_api(own, authority_.certificate())}
            .text();
    };
    const std::vector<std::pair<Certified, std::string>> bad{
        {{server_.certificate, other.key}, "is not the key of the certificate"},
        {{"/nonexistent.pem", server_.key}, "cannot read: No such file or directory"},
        {{file, server_.key}, "holds no certificate in PEM form"}};
    for (const auto &[own, why] : bad) {
        write_config(changed(own));
        const auto done = operate({"reload"}, ops_);
        EXPECT_EQ(done.status, 1);
        EXPECT_THAT(done.err, HasSubstr(why));
        EXPECT_THAT(done.err, HasSubstr(file + ":")) << "names the place";
        EXPECT_EQ(listing({"services"})["services"][0]["backends"], 2) << "nothing is in force";
        EXPECT_EQ(status_of(curl("/v1/status", as(ops_))), "200");
    }
    write_config(changed(other));
    EXPECT_EQ(operate({"reload"}, ops_).status, 0);
    EXPECT_EQ(status_of(curl("/v1/status", as(ops_))), "200");
}

TEST_F(ApiOverTcp, AnotherAddressWantsARestart) {
    const auto daemon = start(write_config(text()));
    write_config(Settings{}.text());
    const auto done = operate({"reload"}, ops_);
    EXPECT_EQ(done.status, 1);
    EXPECT_THAT(done.err, HasSubstr("`api.listen` cannot change while weir runs: restart it"));
    EXPECT_EQ(status_of(curl("/v1/status", as(ops_))), "200");
}

TEST_F(ApiOverTcp, AStartWithBadCertificatesIsRefusedAndLeavesNothing) {
    const auto other = authority_.sign_server("other", "IP:198.51.100.1");
    const std::vector<std::pair<Certified, std::string>> bad{
        {{server_.certificate, other.key},
         "api.tls.key: " + other.key + ": is not the key of the certificate"},
        {{server_.certificate, "/nonexistent.key"},
         "api.tls.key: /nonexistent.key: cannot read: No such file or directory"}};
    for (const auto &[own, why] : bad) {
        const auto file = write_config(text(own, authority_));
        EXPECT_EQ(weir({"check", "-c", file}).status, 0) << "does not read them";
        const auto done = weir({"run", "-c", file});
        EXPECT_EQ(done.status, 3);
        EXPECT_EQ(lines(done.err), 1) << done.err;
        EXPECT_THAT(done.err, HasSubstr(why));
        expect_nothing_left();
    }
}

TEST_F(ApiOverTcp, AnExpiredCertificateStopsNoServiceButIsTold) {
    const auto old = authority_.sign("old", {"/CN=weir", "serverAuth", "IP:198.51.100.1", -1});
    const auto daemon = start(write_config(text(old, authority_)));
    EXPECT_THAT(daemon->err(),
                HasSubstr("api.tls.certificate: " + old.certificate + ": expired on"));
    const auto asked = operate({"status"}, ops_);
    EXPECT_EQ(asked.status, 3);
    EXPECT_THAT(asked.err, HasSubstr("its certificate is not trusted: certificate has expired"));
    EXPECT_EQ(state(), "active");
}

// The indented lines of a section of docs/api.md that begin with one of `words`, with those that
// continue them, as a script.
std::string commands_of_the_manual(const std::string &section,
                                   const std::vector<std::string> &words) {
    const auto manual = read_file(WEIR_SOURCE_DIR "/docs/api.md");
    std::istringstream rest(manual.substr(manual.find("\n## " + section)));
    std::string script;
    bool goes_on = false;
    for (std::string line; std::getline(rest, line);) {
        for (const auto &word : words)
            goes_on = goes_on || line.rfind("    " + word + " ", 0) == 0;
        if (goes_on)
            script += line + "\n";
        goes_on = goes_on && !line.empty() && line.back() == '\\';
    }
    return script;
}

TEST_F(ApiOverTcp, TheCommandsOfTheManualWorkAsTheyStand) {
    const auto sh = [&](std::string script) {
        for (std::size_t at = 0; (at = script.find("192.0.2.5", at)) != std::string::npos;)
            script.replace(at, 9, "198.51.100.1");
        const auto folder = std::filesystem::path(WEIR_BINARY).parent_path().string();
        return run({"bash", "-c",
                    fmt::format("set -e\ncd {}\nPATH={}:$PATH\n{}", this->folder().path().string(),
                                folder, script)},
                   {.netns = &world().client_host});
    };
    const std::string section = "Over TCP, with mutual TLS";
    const auto made = sh(commands_of_the_manual(section, {"openssl"}));
    ASSERT_EQ(made.status, 0) << made.err;
    const auto at = [&](const char *name) { return (folder().path() / name).string(); };
    const auto daemon = start(write_config(
        Settings{.of_api = of_api({at("server.pem"), at("server.key")}, at("ca.pem"))}.text()));
    const auto script = commands_of_the_manual(section, {"curl", "weir"});
    EXPECT_EQ(lines(script), 2) << script;
    const auto asked = sh(script);
    EXPECT_EQ(asked.status, 0) << asked.err;
    EXPECT_THAT(asked.out, HasSubstr(R"("backend":"192.0.2.11:8080")"));
    EXPECT_THAT(asked.out, HasSubstr("SERVICE"));
}

}  // namespace
}  // namespace weir::test
