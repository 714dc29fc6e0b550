#include "lb/health/http_exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/ssl/error.hpp>

namespace weir {

namespace http = boost::beast::http;

bool BodySearch::add(std::string_view piece) {
    seen_ += piece.size();
    tail_ += piece;
    if (tail_.find(wanted_) != std::string::npos)
        return true;
    tail_.erase(0, tail_.size() - std::min(tail_.size(), wanted_.size() - 1));
    return false;
}

std::string http_authority(const Endpoint &endpoint, std::uint16_t usual_port) {
    if (endpoint.port != usual_port)
        return endpoint.to_string();
    const std::string address = endpoint.address.to_string();
    return endpoint.address.is_v4() ? address : "[" + address + "]";
}

http::request<http::empty_body> http_request(const HealthCheckConfig &config,
                                             const std::string &authority) {
    http::request<http::empty_body> request(http::verb::get, config.path, 11);
    request.set(http::field::host, config.host.empty() ? authority : config.host);
    request.set(http::field::user_agent, "weir/" WEIR_VERSION);
    request.set(http::field::accept, "*/*");
    request.keep_alive(false);
    return request;
}

std::optional<CheckOutcome> judge_status(unsigned status, const HealthCheckConfig &config) {
    const auto [first, last] = config.status;
    if (status < first || status > last)
        return CheckOutcome::failed(
            fmt::format("status {}, wanted {}{}", status, first,
                        first == last ? std::string() : fmt::format("-{}", last)));
    if (config.body.empty())
        return CheckOutcome::passed();
    return std::nullopt;
}

std::string http_problem(const boost::system::error_code &error) {
    if (error == http::error::end_of_stream)
        return "connection closed without an answer";
    if (error == http::error::partial_message || ends_body(error))
        return "connection closed within the answer";
    if (error == http::error::header_limit || error == http::error::buffer_overflow)
        return fmt::format("the header of the answer is larger than {} bytes", kMostHttpHeader);
    if (error.category() == make_error_code(http::error::bad_version).category())
        return fmt::format("no HTTP answer ({})", error.message());
    return to_text(error);
}

bool ends_body(const boost::system::error_code &error) {
    return error == boost::asio::ssl::error::stream_truncated;
}

}  // namespace weir
