#include "lb/health/probe.h"

#include <fmt/format.h>

#include <cctype>
#include <cerrno>

namespace weir {

using boost::system::error_code;

void Probe::start(Slot slot, Done done) {
    slot_ = std::move(slot);
    done_ = std::move(done);
    ask();
}

void Probe::cancel() {
    done_ = nullptr;
    stop();
}

void Probe::finish(const CheckOutcome &outcome) {
    if (over())
        return;
    const Done done = std::exchange(done_, nullptr);
    stop();
    done(outcome);
}

void Probe::finish_error(const error_code &error) {
    const std::string reason = fmt::format("{}: {}", step_, to_text(error));
    finish(is_own_trouble(error) ? CheckOutcome::not_made(reason) : CheckOutcome::failed(reason));
}

bool is_own_trouble(const error_code &error) {
    if (error.category() != boost::system::system_category())
        return false;
    switch (error.value()) {
        case EMFILE:
        case ENFILE:
        case ENOBUFS:
        case ENOMEM:
        case EADDRNOTAVAIL:  // no local port is left, or no local address
        case EAGAIN:         // the same of UDP
            return true;
        default:
            return false;
    }
}

std::string to_text(const error_code &error) {
    std::string text = error.message();
    if (!text.empty())
        text.front() = static_cast<char>(std::tolower(static_cast<unsigned char>(text.front())));
    return text;
}

boost::asio::ip::address to_asio(const Address &address) {
    const auto &bytes = address.bytes();
    if (address.is_v4())
        return boost::asio::ip::address_v4({bytes[12], bytes[13], bytes[14], bytes[15]});
    return boost::asio::ip::address_v6(bytes);
}

ConnectionProbe::ConnectionProbe(boost::asio::io_context &loop, const Endpoint &endpoint)
    : socket_(loop), endpoint_(to_asio(endpoint.address), endpoint.port) {
    set_step("connect to " + endpoint.to_string());
}

void ConnectionProbe::ask() {
    error_code error;
    socket_.open(endpoint_.protocol(), error);
    if (error)
        return finish_error(error);
    socket_.async_connect(endpoint_, [this, self = keep(this)](error_code failed) {
        if (over())
            return;
        if (failed)
            return finish_error(failed);
        connected();
    });
}

void ConnectionProbe::stop() {
    error_code ignored;
    socket_.close(ignored);
}

}  // namespace weir
