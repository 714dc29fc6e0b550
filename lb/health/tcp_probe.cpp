// Type tcp: the backend accepts a connection.
#include "lb/health/probes.h"

namespace weir {
namespace {

class TcpProbe final : public ConnectionProbe {
  public:
    TcpProbe(boost::asio::io_context &loop, const Endpoint &endpoint)
        : ConnectionProbe(loop, endpoint) {}

  private:
    void connected() override {
        // Closed with a RST: no local port is left behind in TIME_WAIT, check after check.
        boost::system::error_code ignored;
        socket_.set_option(boost::asio::socket_base::linger(true, 0), ignored);
        finish(CheckOutcome::passed());
    }
};

}  // namespace

ProbePointer make_tcp_probe(const Tools &tools, const CheckTarget &target) {
    return std::make_shared<TcpProbe>(tools->loop, target.endpoint);
}

}  // namespace weir
