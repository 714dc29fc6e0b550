// Type icmp: an echo request is answered.
#include <fmt/format.h>

#include "lb/health/probes.h"

namespace weir {
namespace {

class IcmpProbe final : public Probe {
  public:
    IcmpProbe(std::shared_ptr<EchoSocket> socket, const Address &address)
        : socket_(std::move(socket)), address_(address) {
        set_step("echo request to " + address.to_string());
    }

  private:
    void ask() override {
        if (const auto error = socket_->open())
            return finish(CheckOutcome::not_made(
                fmt::format("{}: no socket for it: {} (CAP_NET_RAW, or a group within "
                            "net.ipv4.ping_group_range, is needed)",
                            step(), to_text(error))));
        std::uint16_t key = 0;
        const auto answered = [self = keep(this)] { self->finish(CheckOutcome::passed()); };
        if (const auto error = socket_->ping(address_, answered, key))
            return finish_error(error);
        key_ = key;
    }

    void stop() override {
        if (key_)
            socket_->forget(*key_);
        key_.reset();
    }

    std::shared_ptr<EchoSocket> socket_;
    Address address_;
    std::optional<std::uint16_t> key_;
};

}  // namespace

ProbePointer make_icmp_probe(const Tools &tools, const CheckTarget &target) {
    const Address &address = target.endpoint.address;
    return std::make_shared<IcmpProbe>(address.is_v4() ? tools->echo_v4 : tools->echo_v6, address);
}

}  // namespace weir
