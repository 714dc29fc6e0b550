// The HTTP server and the API's client, over a real Unix socket.
#include "lb/api/http_server.h"

#include <grp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "lb/api/client.h"
#include "lb/dataplane/fd.h"
#include "tests/support/process.h"
#include "tests/support/temp.h"

namespace weir {
namespace {

constexpr HttpLimits kTight{2, 1024, 0, std::chrono::seconds(1)};

class Served : public testing::Test {
  protected:
    void serve(const HttpHandler &handler, const HttpLimits &limits = {}) {
        auto listener = listen_unix(loop_, path(), "api.socket");
        ASSERT_TRUE(listener) << listener.error().message;
        file_.emplace(std::move(listener->file));
        server_.emplace(loop_, std::move(listener->acceptor), handler, limits);
        thread_ = std::thread([this] { loop_.run(); });
    }
    void TearDown() override {
        loop_.stop();
        if (thread_.joinable())
            thread_.join();
    }
    std::string path() const { return (folder_.path() / "api.sock").string(); }

    Fd connect() const {
        Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un address{AF_UNIX, {}};
        path().copy(address.sun_path, sizeof address.sun_path - 1);
        EXPECT_EQ(::connect(socket.get(), reinterpret_cast<sockaddr *>(&address), sizeof address),
                  0);
        const timeval patience{10, 0};
        ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        return socket;
    }
    // Everything that comes until the server closes.
    static std::string rest(const Fd &socket) {
        std::string all;
        char block[1024];
        for (ssize_t got = 0; (got = ::recv(socket.get(), block, sizeof block, 0)) > 0;)
            all.append(block, static_cast<std::size_t>(got));
        return all;
    }
    static void say(const Fd &socket, const std::string &text) {
        ASSERT_EQ(::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(text.size()));
    }

    test::TempDir folder_;
    boost::asio::io_context loop_;
    std::optional<SocketFile> file_;
    std::optional<HttpServer> server_;
    std::thread thread_;
};

void answer_path(const HttpRequest &request, const HttpRespond &respond) {
    respond({200, "application/json", Json{{"path", request.path}}.dump()});
}

TEST_F(Served, ClientGetsTheDocument) {
    serve(answer_path);
    const auto document = api_get(path(), "/v1/status");
    ASSERT_TRUE(document) << document.error().message;
    EXPECT_EQ((*document)["path"], "/v1/status");
}

TEST_F(Served, ClientTellsARefusalFromAFailure) {
    serve([](const HttpRequest &request, const HttpRespond &respond) {
        const auto status = static_cast<unsigned>(std::stoul(request.path.substr(1)));
        respond({status, "application/json", R"({"error":"why"})"});
    });
    for (const auto *wrong : {"/400", "/404", "/405", "/413"})
        EXPECT_EQ(api_get(path(), wrong).error().exit, Exit::usage) << wrong;
    for (const auto *failed : {"/409", "/500", "/501"})
        EXPECT_EQ(api_get(path(), failed).error().exit, Exit::failed) << failed;
    EXPECT_EQ(api_get(path(), "/400").error().message, "why");
}

TEST_F(Served, ClientSaysThatNobodyIsThere) {
    const auto document = api_get(path(), "/v1/status");
    ASSERT_FALSE(document);
    EXPECT_EQ(document.error().exit, Exit::refused);
    EXPECT_EQ(document.error().message.find("no weir daemon answers at " + path()), 0U);
    EXPECT_FALSE(api_get(std::string(200, 'x'), "/v1/status"));
}

TEST_F(Served, AnAnswerMayComeLater) {
    serve([this](const HttpRequest &, const HttpRespond &respond) {
        boost::asio::post(loop_, [respond] { respond({200, "application/json", "7"}); });
    });
    EXPECT_EQ(*api_get(path(), "/"), 7);
}

TEST_F(Served, AHandlerThatThrowsIsAnInternalError) {
    serve([](const HttpRequest &, const HttpRespond &) { throw std::runtime_error("secret"); });
    const auto socket = connect();
    say(socket, "GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
    const auto answer = rest(socket);
    EXPECT_EQ(answer.find("HTTP/1.1 500 "), 0U) << answer;
    EXPECT_EQ(answer.find("secret"), std::string::npos) << answer;
}

TEST_F(Served, AnAnswerMayHaveHeadersAndBeTheOneThatIsKnown) {
    serve([](const HttpRequest &request, const HttpRespond &respond) {
        const bool known = request.if_none_match == "\"7\"";
        HttpResponse response{known ? 304U : 200U, "text/plain", known ? "" : "seven"};
        response.headers = {{"ETag", "\"7\""}};
        respond(std::move(response));
    });
    const auto socket = connect();
    say(socket,
        "GET / HTTP/1.1\r\n\r\n"
        "GET / HTTP/1.1\r\nIf-None-Match: \"7\"\r\nConnection: close\r\n\r\n");
    const auto answers = rest(socket);
    const auto second = answers.find("HTTP/1.1 304 ");
    ASSERT_NE(second, std::string::npos) << answers;
    EXPECT_NE(answers.substr(0, second).find("ETag: \"7\"\r\n"), std::string::npos) << answers;
    EXPECT_NE(answers.substr(0, second).find("Content-Length: 5\r\n"), std::string::npos);
    EXPECT_EQ(answers.substr(second).find("Content-Length"), std::string::npos)
        << "it would be that of the 200";
}

TEST_F(Served, AConnectionServesManyRequests) {
    serve(answer_path);
    const auto socket = connect();
    say(socket, "GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\nConnection: close\r\n\r\n");
    const auto answers = rest(socket);
    EXPECT_NE(answers.find("/1"), std::string::npos) << answers;
    EXPECT_NE(answers.find("/2"), std::string::npos) << answers;
}

TEST_F(Served, WhatIsNoRequestIsRefusedWithOneJsonError) {
    serve(answer_path, kTight);
    const std::vector<std::pair<std::string, std::string>> requests{
        {"garbage\r\n\r\n", "400"},
        {"GET /x HTTP/1.1\r\nX: " + std::string(2000, 'x') + "\r\n\r\n", "400"},
        {"GET %zz HTTP/1.1\r\nConnection: close\r\n\r\n", "400"},
        {"POST /x HTTP/1.1\r\nContent-Length: x\r\n\r\n", "400"},
        {"GET /x HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", "413"},
        {"PUT /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", "413"}};
    for (const auto &[text, status] : requests) {
        const auto socket = connect();
        say(socket, text);
        ::shutdown(socket.get(), SHUT_WR);
        const auto answer = rest(socket);
        EXPECT_EQ(answer.find("HTTP/1.1 " + status + " "), 0U) << text << "\n" << answer;
        const auto body = Json::parse(answer.substr(answer.find("\r\n\r\n")), nullptr, false);
        EXPECT_TRUE(body.is_object() && body.size() == 1 && body.contains("error")) << answer;
    }
}

TEST_F(Served, MethodAndBodyReachTheHandler) {
    HttpLimits limits;
    limits.body_bytes = 5;
    serve(
        [](const HttpRequest &request, const HttpRespond &respond) {
            const Json body{{"is", request.method + " " + request.body}};
            respond({200, "application/json", body.dump()});
        },
        limits);
    const auto call = [this](const std::string &method, const Json &body) {
        return api_call(path(), {method, "/", body});
    };
    EXPECT_EQ((*call("PATCH", "abc"))["is"], "PATCH \"abc\"");
    EXPECT_EQ((*call("DELETE", 12345))["is"], "DELETE 12345");
    EXPECT_EQ((*api_get(path(), "/"))["is"], "GET ");
    const auto large = call("PATCH", 123456);
    ASSERT_FALSE(large);
    EXPECT_EQ(large.error().exit, Exit::usage);
    EXPECT_EQ(large.error().message, "the request's body has more than 5 bytes");
    const auto chunked = connect();
    say(chunked,
        "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        "2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n");
    EXPECT_NE(rest(chunked).find("PUT abcde"), std::string::npos);
}

TEST_F(Served, A405NamesTheMethodsThereAre) {
    serve([](const HttpRequest &, const HttpRespond &respond) {
        respond({405, "application/json", "{}", "DELETE, GET"});
    });
    const auto socket = connect();
    say(socket, "PUT /x HTTP/1.1\r\nConnection: close\r\n\r\n");
    EXPECT_NE(rest(socket).find("\r\nAllow: DELETE, GET\r\n"), std::string::npos);
}

// It goes on sending for as long as it can, and reads only then.
TEST_F(Served, APeerThatIsNotThroughWithItsBodyGetsTheAnswer) {
    serve(answer_path, kTight);
    const auto socket = connect();
    say(socket, "PUT / HTTP/1.1\r\nContent-Length: 900000\r\n\r\n");
    for (int i = 0; i < 900; i++)
        ASSERT_EQ(::send(socket.get(), std::string(1000, 'x').data(), 1000, MSG_NOSIGNAL), 1000);
    EXPECT_EQ(rest(socket).find("HTTP/1.1 413 "), 0U);
}

TEST_F(Served, ASilentPeerIsDisconnected) {
    serve(answer_path, kTight);
    const auto socket = connect();
    say(socket, "GET / HT");
    const auto before = std::chrono::steady_clock::now();
    EXPECT_EQ(rest(socket), "");
    EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(5));
}

TEST_F(Served, OneConnectionTooManyIsClosedAndLaterOnesAreServed) {
    serve(answer_path, kTight);
    {
        const auto first = connect();
        const auto second = connect();
        const auto third = connect();
        EXPECT_EQ(rest(third), "");
        say(first, "GET /1 HTTP/1.1\r\nConnection: close\r\n\r\n");
        EXPECT_EQ(rest(first).find("HTTP/1.1 200 "), 0U);
    }
    EXPECT_TRUE(test::eventually([&] { return api_get(path(), "/").has_value(); }));
}

TEST(SocketFile, GoesWithItsOwnerAndTheFoldersMadeForIt) {
    const test::TempDir folder;
    boost::asio::io_context loop;
    const auto path = folder.path() / "a" / "b" / "weir.sock";
    {
        const auto listener = listen_unix(loop, path, "api.socket");
        ASSERT_TRUE(listener) << listener.error().message;
        struct stat seen {};
        ASSERT_EQ(::stat(path.c_str(), &seen), 0);
        EXPECT_EQ(seen.st_mode & 0777, 0660U);
    }
    EXPECT_FALSE(std::filesystem::exists(folder.path() / "a"));
    std::filesystem::create_directory(folder.path() / "a");
    EXPECT_TRUE(listen_unix(loop, folder.path() / "a" / "weir.sock", "api.socket"));
    EXPECT_TRUE(std::filesystem::exists(folder.path() / "a")) << "it was there before";
}

TEST(SocketFile, IsTheGroupsThatIsConfigured) {
    const test::TempDir folder;
    boost::asio::io_context loop;
    const auto path = (folder.path() / "a" / "weir.sock").string();
    const auto unknown =
        listen_unix(loop, path, "api.socket", {"nobody-is-here", "weir.yaml:7:9: api.group"});
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().exit, Exit::refused);
    EXPECT_EQ(unknown.error().message,
              "weir.yaml:7:9: api.group: there is no group 'nobody-is-here' (groupadd --system "
              "nobody-is-here makes it)");
    EXPECT_FALSE(std::filesystem::exists(folder.path() / "a")) << "nothing was made";
    if (::geteuid() != 0)
        GTEST_SKIP() << "only root gives files to any group";
    const auto listener = listen_unix(loop, path, "api.socket", {"daemon", "api.group"});
    ASSERT_TRUE(listener) << listener.error().message;
    struct stat seen {};
    ASSERT_EQ(::stat(path.c_str(), &seen), 0);
    EXPECT_EQ(seen.st_mode & 0777, 0660U);
    EXPECT_EQ(seen.st_gid, ::getgrnam("daemon")->gr_gid);
    EXPECT_EQ(seen.st_uid, 0U);
}

// As a user who is neither root nor of the group, in a process of its own.
TEST(SocketFile, SaysWhoMayUseItToThoseWhoMayNot) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "only root becomes another user";
    const test::TempDir folder;
    std::filesystem::permissions(folder.path(), std::filesystem::perms(0755));
    boost::asio::io_context loop;
    const auto path = (folder.path() / "weir.sock").string();
    const auto listener = listen_unix(loop, path, "api.socket");
    ASSERT_TRUE(listener);
    EXPECT_EXIT(
        {
            const auto set = ::setgroups(0, nullptr) + ::setgid(65534) + ::setuid(65534);
            const auto answer = api_get(path, "/v1/status");
            std::fputs(answer ? "answered" : answer.error().message.c_str(), stderr);
            ::_exit(set == 0 && !answer ? static_cast<int>(answer.error().exit) : 99);
        },
        testing::ExitedWithCode(3), "weir.sock: permission denied: run it as root or as a member");
}

TEST(SocketFile, LeavesAFileThatTookItsPlace) {
    const test::TempDir folder;
    boost::asio::io_context loop;
    const auto path = folder.path() / "weir.sock";
    {
        const auto listener = listen_unix(loop, path, "api.socket");
        ASSERT_TRUE(listener);
        std::filesystem::remove(path);
        folder.write("weir.sock", "another");
    }
    EXPECT_EQ(test::read_file(path), "another");
}

TEST(SocketFile, ReplacesAStaleSocketAndRefusesALiveOne) {
    const test::TempDir folder;
    boost::asio::io_context loop;
    const auto path = (folder.path() / "weir.sock").string();
    {
        const Fd stale(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un address{AF_UNIX, {}};
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        ASSERT_EQ(::bind(stale.get(), reinterpret_cast<sockaddr *>(&address), sizeof address), 0);
    }
    const auto first = listen_unix(loop, path, "api.socket");
    ASSERT_TRUE(first) << first.error().message;
    const auto second = listen_unix(loop, path, "api.socket");
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().exit, Exit::refused);
    EXPECT_TRUE(std::filesystem::exists(path));
    EXPECT_FALSE(listen_unix(loop, std::string(200, 'x'), "api.socket"));
}

}  // namespace
}  // namespace weir
