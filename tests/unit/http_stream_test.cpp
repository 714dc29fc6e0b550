// Responses whose body comes bit by bit, and who reads them.
#include "lb/api/http_body.h"

#include <gmock/gmock.h>

#include <boost/asio/post.hpp>
#include <future>
#include <thread>

#include "lb/api/http_server.h"
#include "lb/api/stream_client.h"
#include "tests/support/process.h"
#include "tests/support/temp.h"

namespace weir {
namespace {

class Streamed : public testing::Test {
  protected:
    void SetUp() override {
        auto listener = listen_unix(loop_, path(), "api.socket");
        ASSERT_TRUE(listener) << listener.error().message;
        file_.emplace(std::move(listener->file));
        server_.emplace(loop_, std::move(listener->acceptor),
                        [this](const HttpRequest &request, const HttpRespond &respond) {
                            HttpResponse response;
                            if (request.path == "/refused") {
                                response.status = 400;
                                response.body = R"({"error": "not this"})";
                                return respond(std::move(response));
                            }
                            response.stream = body_;
                            respond(std::move(response));
                        });
        thread_ = std::thread([this] { loop_.run(); });
    }
    void TearDown() override {
        loop_.stop();
        if (thread_.joinable())
            thread_.join();
    }
    std::string path() const { return (folder_.path() / "api.sock").string(); }
    // On the loop's thread, as all that has to do with the body.
    template <typename Work>
    auto on_loop(Work work) {
        std::packaged_task<std::invoke_result_t<Work>()> task(std::move(work));
        auto done = task.get_future();
        boost::asio::post(loop_, [&] { task(); });
        return done.get();
    }

    test::TempDir folder_;
    std::shared_ptr<HttpBody> body_ = std::make_shared<HttpBody>(1000);
    boost::asio::io_context loop_;
    std::optional<SocketFile> file_;
    std::optional<HttpServer> server_;
    std::thread thread_;
};

TEST_F(Streamed, LinesArriveAsTheyAreWritten) {
    std::string seen;
    int calls = 0;
    on_loop([this] { body_->write("one\nhalf"); });
    const auto done = api_stream(
        path(), "/", [] {},
        [&](const std::string &lines) {
            seen += lines;
            if (calls++ == 0)
                on_loop([this] { body_->write(" of two\nthree\n"); });
            return seen != "one\nhalf of two\nthree\n";
        });
    EXPECT_TRUE(done) << done.error().message;
    EXPECT_EQ(calls, 2) << "nothing waits for more";
}

TEST_F(Streamed, TheEndIsTold) {
    on_loop([this] {
        body_->write("last\n");
        body_->end();
    });
    std::string seen;
    const auto done = api_stream(
        path(), "/", [] {},
        [&](const std::string &lines) {
            seen += lines;
            return true;
        });
    EXPECT_EQ(seen, "last\n");
    ASSERT_FALSE(done);
    EXPECT_THAT(done.error().message, testing::HasSubstr("has ended the answer"));
}

TEST_F(Streamed, ARefusalIsNoStream) {
    const auto done = api_stream(
        path(), "/refused", [] { ADD_FAILURE() << "begun"; }, [](const auto &) { return true; });
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().message, "not this");
    EXPECT_EQ(done.error().exit, Exit::usage);
}

TEST_F(Streamed, AReaderThatHasGoneIsNoticed) {
    on_loop([this] { body_->write("one\n"); });
    EXPECT_TRUE(api_stream(
        path(), "/", [] {}, [](const auto &) { return false; }));
    EXPECT_TRUE(test::eventually([&] {
        return on_loop([this] {
            body_->write("x\n");
            return body_->gone();
        });
    }));
    EXPECT_FALSE(on_loop([this] { return body_->write("more"); }));
}

TEST(HttpBody, TakesNoMoreThanItHolds) {
    HttpBody body(5);
    EXPECT_TRUE(body.write("12345"));
    EXPECT_FALSE(body.write("6"));
    EXPECT_EQ(body.take(), "12345");
    EXPECT_TRUE(body.write("6"));
}

}  // namespace
}  // namespace weir
