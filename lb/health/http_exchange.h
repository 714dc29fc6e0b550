// The part of a check that speaks HTTP/1.1, over TCP or TLS.
#pragma once

#include <array>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "lb/health/probes.h"

namespace weir {

// Looks for the wanted text in a body that comes in pieces.
class BodySearch {
  public:
    explicit BodySearch(std::string wanted) : wanted_(std::move(wanted)) {}

    bool add(std::string_view piece);  // is it there by now?
    std::size_t seen() const { return seen_; }

  private:
    std::string wanted_;
    std::string tail_;  // of what has come, as much as may be the beginning of the text
    std::size_t seen_ = 0;
};

inline constexpr std::uint32_t kMostHttpHeader = 8192;                // bytes
inline constexpr std::size_t kMostHttpBody = std::size_t{64} << 10U;  // bytes that are searched

// "198.51.100.11:8080", "[2001:db8::1]"; without the port where it is the scheme's own.
std::string http_authority(const Endpoint &endpoint, std::uint16_t usual_port);
boost::beast::http::request<boost::beast::http::empty_body> http_request(
    const HealthCheckConfig &config, const std::string &authority);
// What the status leads to: nothing where the body decides.
std::optional<CheckOutcome> judge_status(unsigned status, const HealthCheckConfig &config);
std::string http_problem(const boost::system::error_code &error);
// Many a server ends its TLS connection without saying so.
bool ends_body(const boost::system::error_code &error);

// Sends the request and reads as much of the answer as the verdict takes. `Stream` is Asio's
// asynchronous stream; it and the exchange are parts of the probe, which `self` keeps alive.
template <typename Stream>
class HttpExchange {
  public:
    using Error = boost::system::error_code;
    using Done = std::function<void(const CheckOutcome &)>;
    using Failed = std::function<void(const Error &)>;

    HttpExchange(Stream &stream, CheckConfig config, const std::string &authority)
        : stream_(stream),
          config_(std::move(config)),
          request_(http_request(*config_, authority)),
          search_(config_->body) {}

    void run(const std::shared_ptr<Probe> &self, Done done, Failed failed) {
        self_ = self;
        done_ = std::move(done);
        failed_ = std::move(failed);
        namespace http = boost::beast::http;
        http::async_write(stream_, request_, [this, self](Error error, std::size_t) {
            if (error)
                return failed_(error);
            read_header();
        });
    }

  private:
    void read_header() {
        namespace http = boost::beast::http;
        auto &parser = parser_.emplace();
        parser.header_limit(kMostHttpHeader);
        parser.body_limit(boost::none);  // it is not kept
        http::async_read_header(stream_, buffer_, parser,
                                [this, self = self_.lock()](Error error, std::size_t) {
                                    if (error)
                                        return failed_(error);
                                    take_header();
                                });
    }

    void take_header() {
        const unsigned status = parser_->get().result_int();
        const bool wanted = config_->status.first <= status && status <= config_->status.second;
        // An interim answer (RFC 9110, 15.2), with the one that counts behind it.
        if (status < 200 && !wanted && ++interim_ <= kMostInterim)
            return read_header();
        if (const auto outcome = judge_status(status, *config_))
            return done_(*outcome);
        read_body();
    }

    void read_body() {
        namespace http = boost::beast::http;
        if (parser_->is_done())
            return judge_body(true);
        parser_->get().body().data = piece_.data();
        parser_->get().body().size = piece_.size();
        http::async_read_some(
            stream_, buffer_, *parser_, [this, self = self_.lock()](Error error, std::size_t) {
                if (error && error != http::error::need_buffer && !ends_body(error))
                    return failed_(error);
                const std::size_t got = piece_.size() - parser_->get().body().size;
                if (search_.add({piece_.data(), got}))
                    return done_(CheckOutcome::passed());
                judge_body(parser_->is_done() || ends_body(error));
            });
    }

    void judge_body(bool whole) {
        if (whole)
            done_(CheckOutcome::failed("the body does not hold the text wanted"));
        else if (search_.seen() >= kMostHttpBody)
            done_(CheckOutcome::failed("the first 64 KiB of the body do not hold the text wanted"));
        else
            read_body();
    }

    static constexpr int kMostInterim = 8;

    Stream &stream_;
    CheckConfig config_;
    boost::beast::http::request<boost::beast::http::empty_body> request_;
    boost::beast::flat_buffer buffer_{std::size_t{2} * kMostHttpHeader};
    std::optional<boost::beast::http::response_parser<boost::beast::http::buffer_body>> parser_;
    std::array<char, 4096> piece_{};
    BodySearch search_;
    int interim_ = 0;
    std::weak_ptr<Probe> self_;
    Done done_;
    Failed failed_;
};

}  // namespace weir
