// What the tests of health checks share: a loop that is run step by step, a configuration of one
// service, servers on loopback that do as they are told.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lb/health/health_checks.h"

namespace weir {

using std::chrono::milliseconds;

struct Turn {
    BackendKey key;
    bool up = false;
    std::string reason;
};

// A loopback address of this process alone, so that a port that is free is so until it is taken.
inline Address own_address() {
    const auto pid = static_cast<unsigned>(::getpid());
    return Address::v4(127, static_cast<std::uint8_t>(1 + (pid >> 16U) % 254),
                       static_cast<std::uint8_t>(pid >> 8U), static_cast<std::uint8_t>(pid));
}

class HealthTest : public testing::Test {
  protected:
    using Tcp = boost::asio::ip::tcp;
    using Udp = boost::asio::ip::udp;

    static HealthCheckConfig check(CheckType type) {
        HealthCheckConfig config;
        config.type = type;
        config.interval = milliseconds(50);
        config.timeout = milliseconds(50);
        return config;
    }
    // With a timeout that no machine is too slow for.
    static HealthCheckConfig patient(CheckType type) {
        auto config = check(type);
        config.timeout = config.interval = milliseconds(5000);
        return config;
    }

    static Config config_of(const HealthCheckConfig &check, const std::vector<Endpoint> &backends) {
        ServiceConfig service;
        service.name = "web";
        service.health_check = check;
        for (const Endpoint &endpoint : backends)
            service.backends.push_back({endpoint});
        Config config;
        config.services.push_back(service);
        return config;
    }

    HealthChecks &checks() {
        if (!checks_)
            checks_ = std::make_unique<HealthChecks>(
                loop_,
                [this](const BackendKey &key, bool up, const std::string &reason) {
                    turns_.push_back({key, up, reason});
                },
                limits_);
        return *checks_;
    }

    // False when time is up first.
    bool run_until(const std::function<bool()> &condition,
                   milliseconds patience = milliseconds(10000)) {
        const auto end = std::chrono::steady_clock::now() + patience;
        while (!condition()) {
            if (std::chrono::steady_clock::now() > end)
                return false;
            loop_.restart();
            loop_.run_one_for(milliseconds(20));
        }
        return true;
    }
    void run_for(milliseconds time) {
        loop_.restart();
        loop_.run_for(time);
    }

    // What the first check of a backend says: "up", or why it is down.
    std::string verdict(const HealthCheckConfig &check, const Endpoint &endpoint) {
        turns_.clear();
        checks().configure(config_of(check, {endpoint}));
        const bool turned = run_until([&] { return !turns_.empty() || trouble(endpoint); });
        std::string said = !turned ? "nothing"
                                   : trouble(endpoint).value_or(turns_.empty() ? ""
                                                                : turns_[0].up ? "up"
                                                                               : turns_[0].reason);
        checks().configure(Config{});
        return said;
    }
    std::optional<std::string> trouble(const Endpoint &endpoint) {
        const auto status = checks().status({"web", endpoint});
        if (!status || status->trouble.empty())
            return std::nullopt;
        return "not made: " + status->trouble;
    }

    static Tcp::endpoint any_port() {
        const auto bytes = own_address().bytes();
        return {boost::asio::ip::address_v4({bytes[12], bytes[13], bytes[14], bytes[15]}), 0};
    }
    static Endpoint to_endpoint(std::uint16_t port) { return {own_address(), port}; }
    // Where nothing listens.
    Endpoint closed_port() {
        return to_endpoint(Tcp::acceptor(loop_, any_port()).local_endpoint().port());
    }

    boost::asio::io_context loop_{1};
    HealthCheckLimits limits_;
    std::vector<Turn> turns_;
    std::unique_ptr<HealthChecks> checks_;
};

// Accepts; reads a request's header; writes the pieces, with a pause before each; closes.
class PieceServer {
  public:
    using Tcp = boost::asio::ip::tcp;

    PieceServer(boost::asio::io_context &loop, const Tcp::endpoint &endpoint,
                std::vector<std::string> pieces, milliseconds pause = milliseconds(0),
                bool closes = true)
        : acceptor_(loop, endpoint), pieces_(std::move(pieces)), pause_(pause), closes_(closes) {
        accept();
    }

    std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
    int accepted() const { return accepted_; }
    const std::string &request() const { return request_; }

  private:
    struct Session {
        explicit Session(Tcp::socket taken) : socket(std::move(taken)) {}
        Tcp::socket socket;
        boost::asio::steady_timer timer{socket.get_executor()};
        std::size_t next = 0;
        std::string read;
    };

    void accept() {
        acceptor_.async_accept([this](auto error, Tcp::socket socket) {
            if (error)
                return;
            ++accepted_;
            read(std::make_shared<Session>(std::move(socket)));
            accept();
        });
    }
    void read(const std::shared_ptr<Session> &session) {
        if (pieces_.empty())
            return;
        boost::asio::async_read_until(session->socket, boost::asio::dynamic_buffer(session->read),
                                      "\r\n\r\n", [this, session](auto error, std::size_t) {
                                          if (error)
                                              return;
                                          request_ = session->read;
                                          write(session);
                                      });
    }
    void write(const std::shared_ptr<Session> &session) {
        if (session->next == pieces_.size()) {
            if (!closes_)
                kept_.push_back(session);
            return;
        }
        session->timer.expires_after(pause_);
        session->timer.async_wait([this, session](auto) {
            boost::asio::async_write(session->socket, boost::asio::buffer(pieces_[session->next++]),
                                     [this, session](auto error, std::size_t) {
                                         if (!error)
                                             write(session);
                                     });
        });
    }

    Tcp::acceptor acceptor_;
    std::vector<std::string> pieces_;
    milliseconds pause_;
    bool closes_;
    int accepted_ = 0;
    std::string request_;
    std::vector<std::shared_ptr<Session>> kept_;
};

}  // namespace weir
