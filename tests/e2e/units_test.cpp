// The systemd units, by systemd's own judgement.
#include <filesystem>

#include "tests/support/process.h"
#include "tests/support/temp.h"

#include <gtest/gtest.h>

namespace weir::test {
namespace {

constexpr const char *kAnalyze = "/usr/bin/systemd-analyze";

std::string unit(const std::string &name) {
    return read_file(std::filesystem::path(WEIR_SOURCE_DIR) / "deploy/systemd" / name);
}

std::string replaced_all(std::string text, const std::string &from, const std::string &to) {
    for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
        text.replace(at, from.size(), to);
    return text;
}

class Units : public testing::TestWithParam<const char *> {
  protected:
    void SetUp() override {
        if (!std::filesystem::exists(kAnalyze))
            GTEST_SKIP() << "no systemd-analyze here";
    }
    // The unit with the binary of this build, which is there.
    std::string here(const std::string &name) {
        return folder_.write(name, replaced_all(unit(name), "/usr/bin/weir", WEIR_BINARY));
    }

  private:
    TempDir folder_;
};

TEST_P(Units, AreWithoutFault) {
    const auto done = run({kAnalyze, "verify", "--man=no", here(GetParam())});
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_EQ(done.err.find("weir"), std::string::npos) << done.err;
}

TEST_P(Units, AreExposedLittle) {
    // of 10 (unsafe); systemd's own word for up to 4 is OK
    const auto done =
        run({kAnalyze, "security", "--offline=true", "--threshold=40", here(GetParam())});
    EXPECT_EQ(done.status, 0) << done.out << done.err;
}

INSTANTIATE_TEST_SUITE_P(Unit, Units, testing::Values("weir.service", "weir@.service"),
                         [](const auto &instance) {
                             return std::string(instance.param).find('@') == std::string::npos
                                        ? "one"
                                        : "several";
                         });

TEST(UnitFiles, TheTemplateDiffersInItsNameAndItsConfigurationOnly) {
    const auto from = [](const std::string &text) { return text.substr(text.find("\n[Unit]\n")); };
    const auto one = from(unit("weir.service"));
    const auto several = from(unit("weir@.service"));
    EXPECT_NE(one, several);
    EXPECT_EQ(replaced_all(replaced_all(several, "/%i.yaml", "/weir.yaml"), " (%i)", ""), one);
}

}  // namespace
}  // namespace weir::test
