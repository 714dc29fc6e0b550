// Captures that others made, most of them to break a parser: no crash, and the invariants hold.
// Half of what they address is turned into services, so that their frames take every way through.
#include <cstdlib>
#include <filesystem>
#include <set>

#include "lb/replay/engine.h"
#include "tests/replay/command.h"
#include "tests/support/captures.h"

namespace weir::test {
namespace {

constexpr std::size_t kServices = 4000;

class PublicCaptures : public ReplayTest {
  protected:
    void SetUp() override {
        ReplayTest::SetUp();
        const char *folder = std::getenv("WEIR_CAPTURES");
        if (folder == nullptr || *folder == '\0')
            GTEST_SKIP() << "WEIR_CAPTURES names no folder: tests/captures gets one";
        for (const auto &entry : std::filesystem::directory_iterator(folder))
            if (entry.is_regular_file())
                read_frames(entry.path().string());
        ASSERT_GT(frames_.size(), 1000U) << folder;
    }

    // As far as the file can be read; what is wrong with it is one line.
    void read_frames(const std::string &file) {
        auto reader = CaptureReader::open(file);
        Frame frame;
        while (reader) {
            const auto more = reader->next(frame);
            if (!more) {
                EXPECT_EQ(more.error().message.find('\n'), std::string::npos) << file;
            }
            if (!more || !*more)
                return;
            frames_.push_back(frame);
        }
        EXPECT_EQ(reader.error().exit, Exit::usage) << file;
    }

    // Every second one that a frame is addressed to; by turns with and without SNAT, over the
    // other family, without a backend that takes flows, and for nobody.
    Config services() const {
        Config config;
        config.snat.addresses = {{Address::v4(192, 0, 2, 1), {}},
                                 {*Address::parse("2001:db8::1"), {}}};
        std::set<std::pair<Endpoint, Protocol>> seen;
        for (const Frame &frame : frames_) {
            const auto segment = read(frame.bytes);
            if (!segment || config.services.size() == kServices ||
                !seen.emplace(segment->destination, segment->protocol).second || seen.size() % 2)
                continue;
            ServiceConfig service;
            service.name = "s" + std::to_string(config.services.size());
            service.vip = segment->destination;
            service.protocol = segment->protocol;
            service.mode = seen.size() % 3 ? Mode::fullnat : Mode::dnat;
            const bool v4 = service.vip.address.is_v4() != (seen.size() % 3 == 2);
            service.backends.push_back(
                {{v4 ? Address::v4(198, 51, 100, 7) : *Address::parse("2001:db8:1::7"), 8080},
                 seen.size() % 10 == 0 ? 0U : 100U});
            if (seen.size() % 14 == 0) {
                const bool client_v4 = service.vip.address.is_v4();
                service.source_ranges.push_back(
                    {*Prefix::parse(client_v4 ? "0.0.0.0/0" : "::/0"), false, {}});
            }
            config.services.push_back(std::move(service));
        }
        return config;
    }

    void check(const Frame &in, const weir::Outcome &out) {
        if (out.verdict == weir::Verdict::drop) {
            EXPECT_TRUE(out.reason) << "I6";
            reached_.insert(out.reason.value_or(""));
            return;
        }
        const auto before = read(in.bytes);
        const bool whole = before && in.bytes.size() == in.wire_length;
        if (out.flow == FlowTrace::none && !out.reason) {
            if (out.verdict == weir::Verdict::pass) {
                EXPECT_EQ(hex(out.frame.bytes), hex(in.bytes)) << "I1";
            }
            return;
        }
        reached_.insert(out.reason.value_or("forwarded"));
        if (whole && read(out.frame.bytes) && checksum_fault(in.bytes).empty()) {
            EXPECT_EQ(checksum_fault(out.frame.bytes), "") << "I2: " << hex(in.bytes);
        }
    }

    std::vector<Frame> frames_;
    std::set<std::string> reached_;
};

TEST_F(PublicCaptures, BreakNothing) {
    for (const Hook hook : {Hook::xdp, Hook::tc}) {
        Config config = services();
        config.interfaces = {{"eth0", hook}};
        auto engine = Engine::create(config);
        ASSERT_TRUE(engine) << engine.error().message;
        for (const Frame &frame : frames_) {
            const auto outcome = engine->run(frame);
            ASSERT_TRUE(outcome) << outcome.error().message << ": " << hex(frame.bytes);
            check(frame, *outcome);
        }
    }
    std::printf("%zu frames, %zu services\n", frames_.size(), services().services.size());
    for (const char *expected : {"forwarded", "no_backend", "source_denied"})
        EXPECT_EQ(reached_.count(expected), 1U) << expected << ": not reached by the captures";
}

}  // namespace
}  // namespace weir::test
