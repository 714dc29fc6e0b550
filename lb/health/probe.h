// One check of one backend, from its first packet to its outcome. A probe lives on the loop: what
// the loop still has for it keeps it alive, even after everybody else has let go of it.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>
#include <functional>
#include <memory>
#include <string>

#include "lb/config/health_check.h"
#include "lb/health/judgement.h"
#include "lb/health/slots.h"
#include "lb/model/overrides.h"

namespace weir {

// Who is asked, and where.
struct CheckTarget {
    std::string service;
    Endpoint endpoint;  // where it is checked, which need not be where it serves

    bool operator==(const CheckTarget &) const = default;
};

class Probe : public std::enable_shared_from_this<Probe> {
  public:
    using Done = std::function<void(const CheckOutcome &)>;

    Probe() = default;
    virtual ~Probe() = default;
    Probe(const Probe &) = delete;
    Probe &operator=(const Probe &) = delete;
    Probe(Probe &&) = delete;
    Probe &operator=(Probe &&) = delete;

    // Once. `done` is called once, perhaps before this returns; `slot` is held until all that the
    // probe took from the system is given back.
    void start(Slot slot, Done done);
    // Gives up: `done` is not called any more.
    void cancel();
    // What it is at, to begin a message with: "connect to 198.51.100.11:8443".
    const std::string &step() const { return step_; }

  protected:
    virtual void ask() = 0;
    virtual void stop() = 0;  // closes everything; may be called more than once

    void set_step(std::string step) { step_ = std::move(step); }
    bool over() const { return !done_; }
    void finish(const CheckOutcome &outcome);
    // Failed at this step. An error that is the checker's own makes it a check that was not made.
    void finish_failed(const std::string &why) { finish(CheckOutcome::failed(step_ + ": " + why)); }
    // The same, unless it passed.
    void finish_at_step(const CheckOutcome &outcome) {
        outcome.kind == CheckOutcome::Kind::passed ? finish(outcome)
                                                   : finish_failed(outcome.reason);
    }
    void finish_error(const boost::system::error_code &error);

    template <typename Self>
    std::shared_ptr<Self> keep(Self * /*this*/) {
        return std::static_pointer_cast<Self>(shared_from_this());
    }

  private:
    Slot slot_;
    Done done_;
    std::string step_;
};

// Is it this host that ran out of something (descriptors, buffers, memory, local ports)?
bool is_own_trouble(const boost::system::error_code &error);
// As it stands within a sentence: "connection refused".
std::string to_text(const boost::system::error_code &error);

boost::asio::ip::address to_asio(const Address &address);

// A probe that begins with a TCP connection.
class ConnectionProbe : public Probe {
  protected:
    ConnectionProbe(boost::asio::io_context &loop, const Endpoint &endpoint);

    virtual void connected() = 0;
    void ask() override;
    void stop() override;

    boost::asio::ip::tcp::socket socket_;

  private:
    boost::asio::ip::tcp::endpoint endpoint_;
};

}  // namespace weir
