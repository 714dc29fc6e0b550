#include "tests/benchmarks/test_run.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <fmt/format.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/pkt_cls.h>
#include <net/if.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <stdexcept>

#include "bpf/abi.h"
#include "floor.skel.h"
#include "lb/model/plan.h"
#include "tests/support/process.h"
#include "tests/support/value.h"

namespace weir::test {
namespace {

constexpr std::size_t kFloorFrame = sizeof(decltype(weir_floor::bss->frame));

void command(const std::string &line) {
    const auto done = run({"sh", "-c", line});
    if (done.status != 0)
        throw std::runtime_error(line + ": " + done.err);
}

double thread_time_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

void check_run(int error, const std::string &what) {
    if (error != 0)
        throw std::runtime_error(fmt::format("{}: {}", what, std::strerror(errno)));
}

// What a test run is told of the frame and its interface, and what it answers.
struct Run {
    Run(Attached at, const Bytes &frame, unsigned ifindex) : out(frame.size() + 256) {
        options.sz = sizeof options;
        options.data_in = frame.data();
        options.data_size_in = static_cast<__u32>(frame.size());
        options.data_out = out.data();
        options.data_size_out = static_cast<__u32>(out.size());
        options.repeat = 1;
        frame_of_xdp.data_end = static_cast<__u32>(frame.size());
        frame_of_xdp.ingress_ifindex = ifindex;
        skb.ifindex = ifindex;
        // at egress: forwarded, not a program's on this host
        skb.ingress_ifindex = at == Attached::tc_egress ? ifindex : 0;
        options.ctx_in =
            at == Attached::xdp ? static_cast<void *>(&frame_of_xdp) : static_cast<void *>(&skb);
        options.ctx_size_in = at == Attached::xdp ? sizeof frame_of_xdp : sizeof skb;
    }
    void call(int program) {
        check_run(bpf_prog_test_run_opts(program, &options), "BPF_PROG_TEST_RUN");
    }

    xdp_md frame_of_xdp{};
    __sk_buff skb{};
    Bytes out;
    bpf_test_run_opts options{};
};

}  // namespace

void make_interface() {
    command("ip link add lb0 address 02:00:00:00:00:01 type veth peer name far");
    command("ip link set far up && ip link set lb0 up");
    command("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1");
    command("ip addr add 198.51.100.1/24 dev lb0 && ip addr add 2001:db8:1::1/64 dev lb0 nodad");
    command("ip route add default via 198.51.100.2 && ip route add default via 2001:db8:1::2");
    for (const char *neighbour : {"198.51.100.2", "198.51.100.6", "2001:db8:1::2", "2001:db8:1::6"})
        command(fmt::format("ip neigh add {} lladdr 02:00:00:00:00:02 dev lb0", neighbour));
}

TestRun::TestRun(const std::string &yaml)
    : config_(value_of(parse_config(yaml, "benchmark.yaml"))),
      objects_(value_of(Objects::load({.limits = config_.limits, .pins = {}, .replay_mac = {}}))),
      floor_(weir_floor__open(), [](weir_floor *floor) { weir_floor__destroy(floor); }),
      ifindex_(if_nametoindex("lb0")) {
    value_of(objects_.tables().apply(value_of(make_plan({}, config_))));
    value_of(objects_.tables().write_settings(config_));
    if (!floor_)
        throw std::runtime_error("no skeleton");
    bpf_map__set_max_entries(floor_->maps.looked_up, static_cast<__u32>(config_.limits.flows));
    bpf_map__set_max_entries(floor_->maps.inserted, static_cast<__u32>(config_.limits.new_flows));
    check_run(weir_floor__load(floor_.get()), "the programs to compare with");
    // a frame that is said to come by an interface must come by one whose driver has XDP
    check_run(bpf_xdp_attach(static_cast<int>(ifindex_), bpf_program__fd(floor_->progs.xdp_floor),
                             XDP_FLAGS_DRV_MODE, nullptr),
              "XDP on lb0");
}

TestRun::~TestRun() {
    bpf_xdp_detach(static_cast<int>(ifindex_), XDP_FLAGS_DRV_MODE, nullptr);
}

int TestRun::weir_program(Attached at) {
    return at == Attached::xdp          ? value_of(objects_.xdp_ingress())
           : at == Attached::tc_ingress ? objects_.tc_ingress()
                                        : objects_.tc_egress();
}

TestRun::Sent TestRun::send(Attached at, const Bytes &frame) {
    Run run(at, frame, ifindex_);
    run.call(weir_program(at));
    const auto answer = static_cast<int>(run.options.retval);
    run.out.resize(run.options.data_size_out);
    return {at == Attached::xdp ? answer == XDP_TX || answer == XDP_REDIRECT
                                : answer == TC_ACT_REDIRECT,
            run.out};
}

// The reference finds what it looks for.
void TestRun::enter_key(const Traffic &traffic) {
    if (traffic.frame == entered_)
        return;
    const auto segment = read(traffic.frame);
    if (!segment || !segment->source.address.is_v4())
        throw std::runtime_error("the reference takes IPv4 only");
    const auto first = ntohl(segment->source.address.v4_network_order());
    const weir_flow flow{};
    for (std::uint32_t i = 0; i < traffic.flows; i++) {
        struct {
            std::uint32_t saddr, daddr;
            std::uint16_t sport, dport;
            std::uint32_t protocol;
        } key{htonl(first + i), segment->destination.address.v4_network_order(),
              htons(segment->source.port), htons(segment->destination.port),
              segment->protocol == Protocol::tcp ? 6U : 17U};
        check_run(bpf_map_update_elem(bpf_map__fd(floor_->maps.looked_up), &key, &flow, BPF_ANY),
                  "the reference's table");
    }
    entered_ = traffic.frame;
}

double TestRun::cost(Attached at, Beside program, const Traffic &traffic, std::uint32_t repeat) {
    const auto &progs = floor_->progs;
    const bool xdp = at == Attached::xdp;
    if (program == Beside::reference)
        enter_key(traffic);
    const int next = program == Beside::weir ? weir_program(at)
                     : program == Beside::floor
                         ? bpf_program__fd(xdp ? progs.xdp_floor : progs.tc_floor)
                     : program == Beside::reference
                         ? bpf_program__fd(xdp ? progs.xdp_reference : progs.tc_reference)
                         : bpf_program__fd(xdp ? progs.xdp_inserts : progs.tc_inserts);
    const __u32 zero = 0;
    check_run(bpf_map_update_elem(bpf_map__fd(xdp ? floor_->maps.xdp_next : floor_->maps.tc_next),
                                  &zero, &next, BPF_ANY),
              "the program to call");
    if (traffic.frame.size() < kFloorFrame)
        throw std::runtime_error("the frame is too short");
    std::memcpy(&floor_->bss->frame, traffic.frame.data(), kFloorFrame);
    floor_->data->flows = traffic.flows;
    floor_->bss->is_v6 = traffic.frame[12] == 0x86;
    Run run(at, traffic.frame, ifindex_);
    run.options.repeat = static_cast<int>(repeat);
    const int wrapper = bpf_program__fd(xdp ? progs.xdp_wrapper : progs.tc_wrapper);
    const double begin = thread_time_ns();
    run.call(wrapper);
    return (thread_time_ns() - begin) / repeat;
}

TestRun::Size TestRun::size(Attached at) {
    bpf_prog_info info{};
    std::uint32_t length = sizeof info;
    check_run(bpf_obj_get_info_by_fd(weir_program(at), &info, &length), "what the kernel says");
    return {info.verified_insns, info.xlated_prog_len / 8};
}

}  // namespace weir::test
