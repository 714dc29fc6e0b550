// Beside another XDP program: libxdp's dispatcher runs both. Kernels that refuse extension programs
// have no dispatcher.
#include "tests/e2e/world.h"
#include "tests/support/traffic.h"

namespace weir::test {
namespace {

class Dispatcher : public WeirTest {
  protected:
    void SetUp() override {
        WeirTest::SetUp();
        if (IsSkipped())
            return;
        // xdp-filter lets everything pass that it has no rule for
        const auto done = xdp({"xdp-filter", "load", "lb0", "--mode", "native"});
        ASSERT_EQ(done.status, 0) << done.out << done.err;
        loaded_ = true;
        if (status().find("xdp_dispatcher") == std::string::npos)
            GTEST_SKIP() << "this kernel has no XDP dispatcher: it refuses BPF_PROG_TYPE_EXT";
    }
    void TearDown() override {
        if (loaded_) {
            EXPECT_EQ(xdp({"xdp-filter", "unload", "lb0"}).status, 0);
        }
        WeirTest::TearDown();
    }

    ProcessResult xdp(const std::vector<std::string> &arguments) {
        return run(arguments, {.netns = &world().weir});
    }
    std::string status() { return xdp({"xdp-loader", "status", "lb0"}).out; }
    std::string ask() {
        const Client client(world().client_host, Protocol::tcp, world().vip_tcp);
        return client.ask("hello").value_or("");
    }

  private:
    bool loaded_ = false;
};

TEST_F(Dispatcher, BothProgramsRunAndTheOtherOneStays) {
    const EchoServer one(world().one, Protocol::tcp, world().at_one, "one");
    const EchoServer two(world().two, Protocol::tcp, world().at_two, "two");
    const auto daemon = start(write_config(Settings{.hook = "xdp"}.text()));
    EXPECT_NE(status().find("weir_xdp_ingress"), std::string::npos) << status();
    EXPECT_NE(status().find("xdpfilt"), std::string::npos) << status();
    EXPECT_NE(ask().find("hello"), std::string::npos);
    EXPECT_EQ(metric(R"(weir_service_new_flows_total{service="web"})"), 1);

    // the other program has its say: it drops what comes from the client
    ASSERT_EQ(xdp({"xdp-filter", "ip", world().client.to_string(), "--mode", "src"}).status, 0);
    EXPECT_THROW(ask(), std::system_error);
    ASSERT_EQ(
        xdp({"xdp-filter", "ip", world().client.to_string(), "--mode", "src", "--remove"}).status,
        0);

    daemon->kill(SIGTERM);
    EXPECT_EQ(daemon->wait().status, 0);
    EXPECT_NE(ask().find("hello"), std::string::npos) << "I7";
    const auto gone = weir({"detach"});
    EXPECT_EQ(gone.status, 0) << gone.err;
    EXPECT_EQ(status().find("weir_xdp_ingress"), std::string::npos) << status();
    EXPECT_NE(status().find("xdpfilt"), std::string::npos) << status();
}

}  // namespace
}  // namespace weir::test
