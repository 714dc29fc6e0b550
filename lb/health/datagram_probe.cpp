#include "lb/health/datagram_probe.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace weir {

using boost::system::error_code;

namespace {

constexpr std::size_t kLargestDatagram = 65535;

error_code last_error() {
    return {errno, boost::system::system_category()};
}

}  // namespace

DatagramProbe::DatagramProbe(boost::asio::io_context &loop, const Endpoint &endpoint,
                             std::string payload)
    : socket_(loop),
      endpoint_(to_asio(endpoint.address), endpoint.port),
      payload_(std::move(payload)) {
    set_step("datagram to " + endpoint.to_string());
}

// Connected, so that the kernel tells of an ICMP error, and takes packets from the backend only.
// Not by Asio's connect(), which takes EAGAIN (no local port is left) for success.
error_code DatagramProbe::open() {
    error_code error;
    socket_.open(endpoint_.protocol(), error);
    if (!error)
        socket_.non_blocking(true, error);
    if (!error && ::connect(socket_.native_handle(), endpoint_.data(),
                            static_cast<socklen_t>(endpoint_.size())) != 0)
        error = last_error();
    return error;
}

void DatagramProbe::ask() {
    if (const auto error = open())
        return finish_error(error);
    if (::send(socket_.native_handle(), payload_.data(), payload_.size(), MSG_NOSIGNAL) < 0)
        return finish_error(last_error());
    wait();
}

void DatagramProbe::stop() {
    error_code ignored;
    socket_.close(ignored);
}

void DatagramProbe::wait() {
    socket_.async_wait(boost::asio::socket_base::wait_read,
                       [this, self = keep(this)](error_code error) {
                           if (over())
                               return;
                           if (error)
                               return finish_error(error);
                           receive();
                       });
}

void DatagramProbe::receive() {
    // Here and not in every probe: thousands of them may be waiting.
    std::array<char, kLargestDatagram> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    const ssize_t got = ::recv(socket_.native_handle(), buffer.data(), buffer.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return wait();
    if (got < 0 && errno == ECONNREFUSED)
        return finish_failed("port unreachable");
    if (got < 0)
        return finish_error(last_error());
    if (const auto outcome = judge({buffer.data(), static_cast<std::size_t>(got)}))
        return finish(*outcome);
    wait();
}

}  // namespace weir
