// The catalogue of pcaps/ notices when a line of the data path is wrong, and names the field.
#include <gmock/gmock.h>

#include <filesystem>

#include "tests/replay/command.h"

namespace weir::test {
namespace {

using ::testing::ContainsRegex;

class Mutants : public ReplayTest {
  protected:
    void SetUp() override {
        ReplayTest::SetUp();
        for (const char *name : {"dns-dnat", "http-dnat", "icmp"})
            std::filesystem::copy(std::filesystem::path(WEIR_PCAPS) / name, path(name));
    }
    // The suite fails; of the second frame of http-dnat, a SYN, this and nothing else is wrong.
    void expect_noticed(const std::string &binary, const std::string &difference) const {
        const auto done = run({binary, "replay", "--suite", folder_.path().string()});
        EXPECT_EQ(done.status, 1) << done.err;
        EXPECT_THAT(done.out, ContainsRegex("differs  http-dnat \\(91 frames, "));
        EXPECT_THAT(done.out, ContainsRegex("http-dnat/expected.pcap frame 2:\n +" + difference +
                                            "\n +frame [0-9]+ at "));
    }
};

TEST_F(Mutants, APortThatIsNotTranslated) {
    expect_noticed(WEIR_MUTANT_PORT, "tcp.dstport: 80, expected 8080");
}

TEST_F(Mutants, AChecksumThatIsNotCorrected) {
    expect_noticed(WEIR_MUTANT_CHECKSUM, "ip.checksum: 0x[0-9a-f]+, expected 0x[0-9a-f]+");
}

TEST_F(Mutants, AHopThatIsNotCounted) {
    expect_noticed(WEIR_MUTANT_TTL, "ip.ttl: 64, expected 63");
}

}  // namespace
}  // namespace weir::test
