// Type dns: against dnsmasq, and messages as hostile as they come.
#include <fmt/format.h>

#include <random>

#include "lb/health/dns_message.h"
#include "tests/support/process.h"
#include "tests/unit/health_fixture.h"

namespace weir {
namespace {

using namespace std::string_literals;

class HealthDns : public HealthTest {
  protected:
    void SetUp() override {
        port_ = Udp::socket(loop_, {any_port().address(), 0}).local_endpoint().port();
        process_.emplace(std::vector<std::string>{
            "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--user=", "--no-resolv",
            "--no-hosts", "--bind-interfaces", "--pid-file=", fmt::format("--port={}", port_),
            "--listen-address=" + own_address().to_string(), "--host-record=good.test,192.0.2.1",
            "--host-record=both.test,192.0.2.2,2001:db8::2", "--cname=alias.test,good.test",
            "--local=/test/", "--address=/gone.test/"});
        ASSERT_TRUE(process_->wait_for_err("started")) << process_->err();
    }
    std::string verdict_of(const std::string &name, bool v6 = false,
                           const std::string &expect = "") {
        auto config = patient(CheckType::dns);
        config.query = name;
        config.query_v6 = v6;
        config.expect = expect;
        return verdict(config, to_endpoint(port_));
    }

    std::uint16_t port_ = 0;
    std::optional<test::Process> process_;
};

TEST_F(HealthDns, ANameThatResolvesIsUp) {
    EXPECT_EQ(verdict_of("good.test"), "up");
    EXPECT_EQ(verdict_of("good.test."), "up");
    EXPECT_EQ(verdict_of("good.test", false, "192.0.2.1"), "up");
    EXPECT_EQ(verdict_of("alias.test", false, "192.0.2.1"), "up");
    EXPECT_EQ(verdict_of("both.test", true, "2001:db8::2"), "up");
}

TEST_F(HealthDns, AnotherAnswerIsAFailure) {
    EXPECT_EQ(verdict_of("good.test", false, "192.0.2.9"),
              "query for good.test A: answered 192.0.2.1, wanted 192.0.2.9");
    EXPECT_EQ(verdict_of("good.test", true),
              "query for good.test AAAA: no AAAA record in the answer");
    EXPECT_EQ(verdict_of("gone.test"), "query for gone.test A: answered NXDOMAIN");
    EXPECT_EQ(verdict_of("elsewhere.example"), "query for elsewhere.example A: answered REFUSED");
}

const DnsQuestion kQuestion{0x1234, "good.test", false};

// An answer to it with one A record, 192.0.2.1.
std::string good_answer() {
    std::string message = dns_query(kQuestion);
    message[2] = '\x81';
    message[3] = '\x80';
    message[7] = 1;
    return message + "\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x01"s;
}

TEST(HealthDnsMessage, TheQueryIsThatOfRfc1035) {
    EXPECT_EQ(dns_query(kQuestion),
              "\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x04good\x04test\0\0\x01\0\x01"s);
    EXPECT_EQ(dns_query({1, "a.", true}),
              "\0\x01\x01\0\0\x01\0\0\0\0\0\0\x01"s
              "a\0\0\x1c\0\x01"s);
}

TEST(HealthDnsMessage, ReadsAnAnswer) {
    const auto answer = read_dns_answer(kQuestion, good_answer());
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->code, 0U);
    EXPECT_FALSE(answer->malformed);
    EXPECT_EQ(answer->addresses, std::vector{Address::v4(192, 0, 2, 1)});
}

TEST(HealthDnsMessage, WhatAnswersSomethingElseIsNoAnswer) {
    const auto with = [](std::size_t at, char value) {
        std::string message = good_answer();
        message[at] = value;
        return read_dns_answer(kQuestion, message).has_value();
    };
    EXPECT_FALSE(with(0, 0x13)) << "another id";
    EXPECT_FALSE(with(2, 0x01)) << "a query";
    EXPECT_FALSE(with(5, 0)) << "without its question";
    EXPECT_FALSE(with(5, 2)) << "two questions";
    EXPECT_FALSE(with(13, 'x')) << "another name";
    EXPECT_TRUE(with(13, 'G')) << "the same name in capitals";
    EXPECT_FALSE(with(24, 28)) << "another type";
    EXPECT_FALSE(read_dns_answer(kQuestion, dns_query(kQuestion)));
    EXPECT_FALSE(read_dns_answer(kQuestion, ""));
}

TEST(HealthDnsMessage, AnErrorMayComeWithoutTheQuestion) {
    const auto answer = read_dns_answer(kQuestion, "\x12\x34\x81\x82\0\0\0\0\0\0\0\0"s);
    ASSERT_TRUE(answer);
    EXPECT_EQ(dns_code_name(answer->code), "SERVFAIL");
    EXPECT_EQ(dns_code_name(11), "rcode 11");
}

TEST(HealthDnsMessage, ATruncatedRecordIsMalformedOrSaidToBe) {
    const std::string whole = good_answer();
    for (std::size_t size = 27; size < whole.size(); ++size) {
        std::string cut = whole.substr(0, size);
        const auto answer = read_dns_answer(kQuestion, cut);
        ASSERT_TRUE(answer) << size;
        EXPECT_TRUE(answer->malformed && answer->addresses.empty()) << size;
        cut[2] = '\x83';
        const auto flagged = read_dns_answer(kQuestion, cut);
        EXPECT_TRUE(flagged && flagged->truncated && !flagged->malformed) << size;
    }
}

TEST(HealthDnsMessage, NoMessageHarms) {
    std::mt19937 random(1);  // NOLINT(cert-msc51-cpp): the same every time
    for (int round = 0; round < 20000; ++round) {
        std::string message = good_answer();
        for (int change = 0; change < 3; ++change)
            message[2 + random() % (message.size() - 2)] = static_cast<char>(random());
        message.resize(random() % (message.size() + 1));
        const auto answer = read_dns_answer(kQuestion, message);
        EXPECT_LE(answer ? answer->addresses.size() : 0, 1U);
    }
}

}  // namespace
}  // namespace weir
