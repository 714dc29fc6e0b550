// The one socket through which all backends of an address family are pinged: a raw socket gets the
// echo replies of the whole host, and with one for every check each would get those of all.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/system/error_code.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>

#include "lb/health/echo_message.h"
#include "lb/net/address.h"

namespace weir {

class EchoSocket : public std::enable_shared_from_this<EchoSocket> {
  public:
    using Answered = std::function<void()>;

    EchoSocket(boost::asio::io_context &loop, bool v4) : socket_(loop), v4_(v4) {}

    // A ping socket if the host allows it (net.ipv4.ping_group_range), else a raw one
    // (CAP_NET_RAW). Without effect when it is open.
    boost::system::error_code open();
    // Sends an echo request; `answered` is called at most once, when the very reply has come. Gives
    // the key for forget(), or the error.
    boost::system::error_code ping(const Address &address, Answered answered, std::uint16_t &key);
    void forget(std::uint16_t key);

  private:
    struct Pending {
        Address address;
        std::string payload;
        Answered answered;
    };

    boost::system::error_code open_native();
    void wait();
    void receive();
    void take(const Address &source, std::string_view packet);

    boost::asio::posix::stream_descriptor socket_;
    bool v4_;
    bool raw_ = false;
    bool waiting_ = false;
    std::uint16_t id_ = 0;  // of a raw socket; the kernel sets and checks that of a ping socket
    std::uint16_t next_ = 0;
    std::map<std::uint16_t, Pending> pending_;  // by sequence number
    std::random_device random_;
};

}  // namespace weir
