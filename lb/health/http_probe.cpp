// Type http: a GET is answered with the status and the body wanted.
#include "lb/health/http_exchange.h"

namespace weir {
namespace {

class HttpProbe final : public ConnectionProbe {
  public:
    HttpProbe(boost::asio::io_context &loop, const CheckTarget &target, CheckConfig config)
        : ConnectionProbe(loop, target.endpoint),
          get_("GET " + config->path),
          exchange_(socket_, std::move(config), http_authority(target.endpoint, 80)) {}

  private:
    void connected() override {
        set_step(get_);
        exchange_.run(
            shared_from_this(), [this](const CheckOutcome &outcome) { finish_at_step(outcome); },
            [this](const auto &error) { finish_failed(http_problem(error)); });
    }

    std::string get_;
    HttpExchange<boost::asio::ip::tcp::socket> exchange_;
};

}  // namespace

ProbePointer make_http_probe(const Tools &tools, const CheckTarget &target, CheckConfig config) {
    return std::make_shared<HttpProbe>(tools->loop, target, std::move(config));
}

}  // namespace weir
