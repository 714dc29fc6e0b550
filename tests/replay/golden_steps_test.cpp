// Every case of pcaps/ with steps: its golden captures, by itself and by the other hook.
#include "tests/replay/catalogue.h"
#include "tests/replay/command.h"
#include "tests/support/captures.h"

namespace weir::test {
namespace {

class GoldenSteps : public ReplayTest, public ::testing::WithParamInterface<std::string> {
  protected:
    static std::vector<std::string> goldens() {
        std::vector<std::string> names;
        for (const auto &entry : std::filesystem::directory_iterator(folder_of(GetParam())))
            if (const auto name = entry.path().filename().string();
                name.find(".expected.pcap") != std::string::npos)
                names.push_back(name);
        return names;
    }
    // A suite of this case alone, without what is expected.
    std::string copy(const std::string &suite) const {
        const auto to = folder_.path() / suite / GetParam();
        std::filesystem::create_directories(to);
        std::filesystem::copy(folder_of(GetParam()), to);
        for (const auto &name : goldens())
            std::filesystem::remove(to / name);
        return path(suite);
    }
    void expect_the_golden(const std::string &suite) {
        const auto done = replay({"--suite", suite, "--update"});
        EXPECT_EQ(done.status, 0) << done.out << done.err;
        for (const auto &name : goldens())
            EXPECT_EQ(read_file(std::filesystem::path(suite) / GetParam() / name),
                      read_file(folder_of(GetParam()) / name))
                << name;
    }
};

// The counters and drops of steps.yaml are checked as well.
TEST_P(GoldenSteps, GiveTheSameBytesEveryTime) {
    ASSERT_FALSE(goldens().empty());
    for (const char *suite : {"one", "two"})
        expect_the_golden(copy(suite));
}

TEST_P(GoldenSteps, LeaveTheSameByXdpAndByTc) {
    const auto suite = copy("other");
    for (const char *name : {"weir.yaml", "next.yaml"}) {
        const auto file = std::filesystem::path(suite) / GetParam() / name;
        if (!std::filesystem::exists(file))
            continue;
        auto text = read_file(file.string());
        ASSERT_NE(text.find("hook: xdp"), std::string::npos);
        for (std::size_t at = 0; (at = text.find("hook: xdp", at)) != std::string::npos;)
            text.replace(at, 9, "hook: tc");
        folder_.write("other/" + GetParam() + "/" + name, text);
    }
    expect_the_golden(suite);
}

TEST_P(GoldenSteps, I2_EmittedFramesHaveCorrectChecksums) {
    std::size_t judged = 0;
    for (const auto &name : goldens())
        for (const Frame &frame : read_capture(folder_of(GetParam()) / name)) {
            if (!is_judged(frame))
                continue;
            EXPECT_EQ(checksum_fault(frame.bytes), "") << name;
            judged++;
        }
    EXPECT_GT(judged, 0U);
}

INSTANTIATE_TEST_SUITE_P(Pcaps, GoldenSteps, ::testing::ValuesIn(cases(Kind::steps)), test_name);

}  // namespace
}  // namespace weir::test
