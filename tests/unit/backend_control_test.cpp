// What becomes of a change that the tables refuse, where they may have taken a part of it.
#include "lb/daemon/backend_control.h"

#include <gtest/gtest.h>

#include <vector>

namespace weir {
namespace {

using namespace std::chrono_literals;

const Endpoint kBackendOne = *Endpoint::parse("198.51.100.11:80");
const Endpoint kBackendTwo = *Endpoint::parse("198.51.100.12:80");
const BackendKey kKeyOfOne{"web", kBackendOne};

class ChangeRefused : public testing::Test {
  protected:
    ChangeRefused() {
        ServiceConfig service;
        service.name = "web";
        for (const Endpoint &endpoint : {kBackendOne, kBackendTwo}) {
            service.backends.emplace_back();
            service.backends.back().endpoint = endpoint;
        }
        config_.services.push_back(service);
        BackendControl::Moment begun{{}, std::chrono::steady_clock::now(), {}};
        begun.rosters.configure(config_, {}, begun.at);
        begun.conditions = begun.rosters.conditions(begun.at);
        control_ = std::make_unique<BackendControl>(
            loop_, std::move(begun), config_,
            [this](const auto &, const Conditions &now) { return write(now); }, notices_);
    }
    // The next so many writes stop half-way.
    void refuse(int times) { refusals_ = times; }
    Result<void> maintain() { return control_->set_override(kKeyOfOne, {Admin::maintenance}); }
    BackendState state() const { return control_->view(kKeyOfOne)->condition.state; }
    std::vector<BackendState> written_;  // of kKeyOfOne, write by write
    boost::asio::io_context loop_;
    std::unique_ptr<BackendControl> control_;

  private:
    Result<void> write(const Conditions &now) {
        written_.push_back(now.at(kKeyOfOne).state);
        if (refusals_-- > 0)
            return fail(Exit::refused, "map rings: cannot make a ring");
        return {};
    }
    Config config_;
    Notices notices_;
    int refusals_ = 0;
};

TEST_F(ChangeRefused, IsTakenBackAtOnce) {
    refuse(1);
    EXPECT_FALSE(maintain());
    EXPECT_EQ(state(), BackendState::active);
    EXPECT_EQ(written_, (std::vector{BackendState::maintenance, BackendState::active}));
    EXPECT_TRUE(maintain());
    EXPECT_EQ(state(), BackendState::maintenance);
}

TEST_F(ChangeRefused, IsTakenBackLaterWhereThatIsRefusedAsWell) {
    refuse(2);
    EXPECT_FALSE(maintain());
    EXPECT_EQ(written_.size(), 2U);
    loop_.run_for(3s);
    EXPECT_EQ(written_,
              (std::vector{BackendState::maintenance, BackendState::active, BackendState::active}));
    EXPECT_EQ(state(), BackendState::active);
}

TEST_F(ChangeRefused, IsNoLongerInDoubtAfterAReloadThatWroteAll) {
    refuse(2);
    EXPECT_FALSE(maintain());
    control_->configure(control_->with(Config{}, {}));
    loop_.run_for(2s);
    EXPECT_EQ(written_.size(), 2U);
}

}  // namespace
}  // namespace weir
