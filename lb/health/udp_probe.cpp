// Type udp: a datagram is answered with one that holds what is expected.
#include "lb/health/datagram_probe.h"

namespace weir {
namespace {

class UdpProbe final : public DatagramProbe {
  public:
    UdpProbe(boost::asio::io_context &loop, const Endpoint &endpoint, CheckConfig config)
        : DatagramProbe(loop, endpoint, config->send), config_(std::move(config)) {}

  private:
    std::optional<CheckOutcome> judge(std::string_view answer) override {
        if (answer.find(config_->expect) != std::string_view::npos)
            return CheckOutcome::passed();
        return CheckOutcome::failed(step() + ": the answer does not hold what is expected");
    }

    CheckConfig config_;
};

}  // namespace

ProbePointer make_udp_probe(const Tools &tools, const CheckTarget &target, CheckConfig config) {
    return std::make_shared<UdpProbe>(tools->loop, target.endpoint, std::move(config));
}

}  // namespace weir
