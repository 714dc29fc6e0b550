// Type dns: a name resolves.
#include <fmt/format.h>

#include <algorithm>

#include "lb/health/datagram_probe.h"
#include "lb/health/dns_message.h"

namespace weir {
namespace {

class DnsProbe final : public DatagramProbe {
  public:
    DnsProbe(boost::asio::io_context &loop, const Endpoint &endpoint, DnsQuestion question,
             std::optional<Address> expected)
        : DatagramProbe(loop, endpoint, dns_query(question)),
          question_(std::move(question)),
          expected_(expected) {
        set_step(fmt::format("query for {} {}", question_.name, question_.type()));
    }

  private:
    std::optional<CheckOutcome> judge(std::string_view message) override {
        const auto answer = read_dns_answer(question_, message);
        if (!answer)
            return std::nullopt;
        const std::string problem = problem_of(*answer);
        return problem.empty() ? CheckOutcome::passed()
                               : CheckOutcome::failed(step() + ": " + problem);
    }

    std::string problem_of(const DnsAnswer &answer) const {
        if (answer.code != 0)
            return "answered " + dns_code_name(answer.code);
        if (answer.malformed)
            return "the answer is malformed";
        const auto &got = answer.addresses;
        const bool good =
            expected_ ? std::find(got.begin(), got.end(), *expected_) != got.end() : !got.empty();
        if (good)
            return "";
        if (answer.truncated)
            return "the answer is too long for a datagram";
        if (got.empty())
            return fmt::format("no {} record in the answer", question_.type());
        return fmt::format("answered {}, wanted {}", got.front().to_string(),
                           expected_->to_string());
    }

    DnsQuestion question_;
    std::optional<Address> expected_;
};

}  // namespace

ProbePointer make_dns_probe(const Tools &tools, const CheckTarget &target, CheckConfig config) {
    const auto id = static_cast<std::uint16_t>(tools->random());
    return std::make_shared<DnsProbe>(tools->loop, target.endpoint,
                                      DnsQuestion{id, config->query, config->query_v6},
                                      Address::parse(config->expect));
}

}  // namespace weir
