// Types udp and icmp.
#include <fmt/format.h>

#include <array>
#include <optional>

#include "lb/health/echo_message.h"
#include "tests/support/netns.h"
#include "tests/unit/health_fixture.h"

namespace weir {
namespace {

class HealthUdp : public HealthTest {
  protected:
    // Answers the datagram `asked` with `answer`.
    class Server {
      public:
        Server(boost::asio::io_context &loop, const Udp::endpoint &endpoint, std::string asked,
               std::string answer)
            : socket_(loop, endpoint), asked_(std::move(asked)), answer_(std::move(answer)) {
            wait();
        }
        std::uint16_t port() const { return socket_.local_endpoint().port(); }

      private:
        void wait() {
            socket_.async_receive_from(boost::asio::buffer(buffer_), peer_,
                                       [this](auto error, std::size_t size) {
                                           if (error)
                                               return;
                                           if (std::string(buffer_.data(), size) == asked_)
                                               socket_.send_to(boost::asio::buffer(answer_), peer_);
                                           wait();
                                       });
        }
        Udp::socket socket_;
        std::string asked_;
        std::string answer_;
        std::array<char, 2048> buffer_{};
        Udp::endpoint peer_;
    };

    static Udp::endpoint any_udp_port() { return {any_port().address(), 0}; }

    std::string verdict_of(const std::string &asked, const std::string &answer,
                           const std::string &expect) {
        const Server server(loop_, any_udp_port(), asked, answer);
        auto config = patient(CheckType::udp);
        config.send = "ping\n";
        config.expect = expect;
        if (asked != config.send)
            config.timeout = milliseconds(50);
        return without_port(verdict(config, to_endpoint(server.port())));
    }
    // "datagram to 127.0.0.1:1234: why" becomes "datagram to ...: why".
    static std::string without_port(const std::string &said) {
        const std::string step = "datagram to " + own_address().to_string() + ":";
        if (said.compare(0, step.size(), step) != 0)
            return said;
        return "datagram to ..." + said.substr(said.find(": "));
    }
};

TEST_F(HealthUdp, AnAnswerThatHoldsTheTextIsUp) {
    EXPECT_EQ(verdict_of("ping\n", "a pong", "pong"), "up");
    EXPECT_EQ(verdict_of("ping\n", "", ""), "up");
    EXPECT_EQ(verdict_of("ping\n", std::string(60000, 'x') + "pong", "pong"), "up");
}

TEST_F(HealthUdp, AnotherAnswerOrNoneIsAFailure) {
    EXPECT_EQ(verdict_of("ping\n", "a pang", "pong"),
              "datagram to ...: the answer does not hold what is expected");
    EXPECT_EQ(verdict_of("other", "pong", "pong"), "datagram to ...: no answer within 50ms");
}

TEST_F(HealthUdp, AClosedPortIsUnreachable) {
    auto config = patient(CheckType::udp);
    config.send = "ping";
    const auto port = Udp::socket(loop_, any_udp_port()).local_endpoint().port();
    EXPECT_EQ(without_port(verdict(config, to_endpoint(port))),
              "datagram to ...: port unreachable");
}

class HealthIcmp : public HealthTest {
  protected:
    void SetUp() override {
        if (const auto reason = test::why_no_namespaces(); !reason.empty())
            GTEST_SKIP() << reason;
        world_.emplace();
    }
    // From inside a namespace, whose hosts are silent if we say so.
    std::string verdict_inside(const HealthCheckConfig &config, const std::string &endpoint) {
        std::string said;
        world_->run([&] { said = verdict(config, *Endpoint::parse(endpoint)); });
        return said;
    }

    std::optional<test::Netns> world_;
};

TEST_F(HealthIcmp, AHostThatAnswersIsUp) {
    EXPECT_EQ(verdict_inside(patient(CheckType::icmp), "127.0.0.1:1"), "up");
    EXPECT_EQ(verdict_inside(patient(CheckType::icmp), "[::1]:1"), "up");
}

TEST_F(HealthIcmp, APingSocketWillDo) {
    world_->sysctl("net/ipv4/ping_group_range", "0 2147483647");
    EXPECT_EQ(verdict_inside(patient(CheckType::icmp), "127.0.0.1:1"), "up");
    EXPECT_EQ(verdict_inside(patient(CheckType::icmp), "[::1]:1"), "up");
}

TEST_F(HealthIcmp, ManyHostsArePingedThroughOneSocket) {
    std::vector<Endpoint> endpoints;
    for (std::uint8_t i = 1; i <= 250; ++i)
        endpoints.push_back({Address::v4(127, 77, 0, i), 1});
    world_->run([&] {
        checks().configure(config_of(patient(CheckType::icmp), endpoints));
        ASSERT_TRUE(run_until([&] { return turns_.size() == endpoints.size(); }));
    });
    for (const Turn &turn : turns_)
        EXPECT_TRUE(turn.up) << turn.reason;
}

TEST_F(HealthIcmp, AHostThatIsSilentIsDownAndLeavesNothingOnTheLoop) {
    world_->sysctl("net/ipv4/icmp_echo_ignore_all", "1");
    for (const char *range : {"1 0", "0 2147483647"}) {
        world_->sysctl("net/ipv4/ping_group_range", range);
        EXPECT_EQ(verdict_inside(check(CheckType::icmp), "127.0.0.1:1"),
                  "echo request to 127.0.0.1: no answer within 50ms");
        loop_.restart();
        loop_.run_for(milliseconds(1000));
        EXPECT_TRUE(loop_.stopped()) << range;
        checks_.reset();
    }
}

TEST_F(HealthIcmp, AHostWithoutARouteIsDown) {
    EXPECT_EQ(verdict_inside(patient(CheckType::icmp), "192.0.2.1:1"),
              "echo request to 192.0.2.1: network is unreachable");
}

TEST(HealthEcho, ReadsWhatItWrote) {
    for (const bool v4 : {true, false}) {
        const EchoMessage message{0x1234, 0xfffe, "payload"};
        std::string reply = echo_request(message, v4);
        EXPECT_FALSE(read_echo_reply(reply, v4, false));  // a request is no reply
        const unsigned change = v4 ? 8 : 1;               // from request to reply
        reply[0] = static_cast<char>(reply[0] + (v4 ? -8 : 1));
        if (v4) {  // type 8 became 0: the sum is 0x0800 less, the checksum so much more
            const auto byte = [&](std::size_t at) {
                return static_cast<unsigned>(static_cast<unsigned char>(reply[at]));
            };
            const unsigned sum = (byte(2) << 8U | byte(3)) + (change << 8U);
            const unsigned folded = (sum & 0xffffU) + (sum >> 16U);
            reply[2] = static_cast<char>(folded >> 8U);
            reply[3] = static_cast<char>(folded & 0xffU);
        }
        EXPECT_EQ(read_echo_reply(reply, v4, false), message) << v4;
        EXPECT_FALSE(read_echo_reply(reply, !v4, false));
        EXPECT_FALSE(read_echo_reply(reply.substr(0, 7), v4, false));
        if (v4) {
            std::string header(24, '\0');
            header[0] = 0x46;  // with options
            EXPECT_EQ(read_echo_reply(header + reply, true, true), message);
            EXPECT_FALSE(read_echo_reply(header.substr(0, 20), true, true));
            reply.back() ^= 1;
            EXPECT_FALSE(read_echo_reply(reply, true, false)) << "wrong checksum";
        }
    }
    EXPECT_FALSE(read_echo_reply("", true, true));
}

}  // namespace
}  // namespace weir
