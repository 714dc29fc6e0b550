// A check that sends one datagram and judges what comes back.
#pragma once

#include <boost/asio/ip/udp.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "lb/health/probes.h"

namespace weir {

class DatagramProbe : public Probe {
  protected:
    DatagramProbe(boost::asio::io_context &loop, const Endpoint &endpoint, std::string payload);

    // Nothing: no answer to what was asked; goes on waiting.
    virtual std::optional<CheckOutcome> judge(std::string_view answer) = 0;
    void ask() override;
    void stop() override;

  private:
    boost::system::error_code open();
    void wait();
    void receive();

    boost::asio::ip::udp::socket socket_;
    boost::asio::ip::udp::endpoint endpoint_;
    std::string payload_;
};

}  // namespace weir
