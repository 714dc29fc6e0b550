// Frames that are more than one packet on the wire, and packets that are more than one buffer.
#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "tests/prog/flows.h"

namespace weir::test {
namespace {

class Large : public Flows {
  protected:
    Segment of_size(std::uint8_t flags, std::size_t payload) const {
        Segment segment = make(client, vip, flags, 101, 1);
        segment.payload.assign(payload, 7);
        return segment;
    }
    // How XDP sends out of the interface by which the frames come.
    void set_mode(weir_xdp_mode mode) {
        const std::uint32_t loopback = 1;
        const std::uint32_t value = mode;
        ASSERT_EQ(bpf_map_update_elem(path->map("xdp_devices").get(), &loopback, &value, BPF_ANY),
                  0);
    }
};

// Those that virtio and tun take from outside of the kernel are not counted by it.
TEST_P(Large, SegmentsThatNobodyCountedAreCounted) {
    send(make(client, vip, kSyn, 100));
    const Counters before = path->service(first_service);
    const Bytes frame = build(of_size(kAck, 2500));
    EXPECT_EQ(to_string(path->run_segments(frame, 1000).verdict), "forward");
    const std::uint64_t headers = frame.size() - 2500;
    const Counters after = path->service(first_service);
    EXPECT_EQ(after.forward_packets - before.forward_packets, 3U);
    EXPECT_EQ(after.forward_bytes - before.forward_bytes, 2500 + 3 * headers);
}

// No interface takes a redirected one before Linux 6.3, and not all do since.
TEST_P(Large, AFrameInSeveralBuffersIsNotRedirected) {
    set_mode(WEIR_XDP_NO_TX);
    send(make(client, vip, kSyn, 100));
    EXPECT_EQ(path->xdp_action(build(of_size(kAck, 100))), std::uint32_t{XDP_REDIRECT});
    EXPECT_EQ(path->xdp_action(build(of_size(kAck, 8000))), std::uint32_t{XDP_PASS}) << "to TC";
}

TEST_P(Large, AFrameInSeveralBuffersGoesBackOutOfItsInterface) {
    set_mode(WEIR_XDP_NATIVE);
    send(make(client, vip, kSyn, 100));
    EXPECT_EQ(path->xdp_action(build(of_size(kAck, 8000))), std::uint32_t{XDP_TX});
}

INSTANTIATE_TEST_SUITE_P(, Large, every_hook_and_family(), flow_test_name);

}  // namespace
}  // namespace weir::test
