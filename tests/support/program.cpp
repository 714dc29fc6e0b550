#include "tests/support/program.h"

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <numeric>
#include <ostream>
#include <stdexcept>

#include "tests/support/object_pool.h"
#include "tests/support/value.h"

namespace weir::test {

namespace {

Verdict to_verdict(Entry entry, std::uint32_t returned) {
    if (entry == Entry::xdp_ingress)
        switch (returned) {
            case XDP_PASS:
                return Verdict::pass;
            case XDP_TX:
            case XDP_REDIRECT:
                return Verdict::forward;
            case XDP_DROP:
                return Verdict::drop;
            default:
                return Verdict::other;
        }
    switch (static_cast<int>(returned)) {
        case TC_ACT_OK:
            return Verdict::pass;
        case TC_ACT_REDIRECT:
            return Verdict::forward;
        case TC_ACT_SHOT:
            return Verdict::drop;
        default:
            return Verdict::other;
    }
}

}  // namespace

std::string to_string(Entry entry) {
    switch (entry) {
        case Entry::xdp_ingress:
            return "XdpIngress";
        case Entry::tc_ingress:
            return "TcIngress";
        case Entry::tc_egress:
            break;
    }
    return "TcEgress";
}

void PrintTo(Entry entry, std::ostream *out) {
    *out << to_string(entry);
}

std::string to_string(Verdict verdict) {
    switch (verdict) {
        case Verdict::pass:
            return "pass";
        case Verdict::forward:
            return "forward";
        case Verdict::drop:
            return "drop";
        case Verdict::other:
            break;
    }
    return "other";
}

// A program that does nothing: a kernel that takes it and not Weir's is an error, and no reason to
// skip.
std::string why_not_runnable() {
    std::array<bpf_insn, 2> nothing{};
    nothing[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
    nothing[1].code = BPF_JMP | BPF_EXIT;
    const Fd program(bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "nothing", "GPL", nothing.data(),
                                   nothing.size(), nullptr));
    return program ? std::string()
                   : fmt::format("no BPF program can be loaded: {}", std::strerror(errno));
}

DataPath::DataPath(const std::string &yaml)
    : config_(value_of(parse_config(yaml, "test.yaml"))),
      objects_(object_pool().take(config_)),
      world_(value_of(ReplayWorld::map(objects_.tables().maps().replay))),
      plan_(value_of(make_plan({}, config_))) {
    value_of(tables().apply(plan_));
    value_of(tables().write_settings(config_));
    world_.set_frame(now_, 0);
}

DataPath::~DataPath() {
    object_pool().give(config_, std::move(objects_));
}

Outcome DataPath::run_program(Entry entry, const Bytes &frame, std::uint32_t came_by,
                              std::uint16_t gso_size) {
    Outcome outcome;
    __sk_buff context{};
    context.ingress_ifindex = came_by;
    context.gso_size = gso_size;
    outcome.frame.resize(frame.size() + 256);
    LIBBPF_OPTS(bpf_test_run_opts, options);
    options.data_in = frame.data();
    options.data_size_in = static_cast<std::uint32_t>(frame.size());
    options.data_out = outcome.frame.data();
    options.data_size_out = static_cast<std::uint32_t>(outcome.frame.size());
    options.repeat = 1;
    if (entry != Entry::xdp_ingress) {
        options.ctx_in = &context;
        options.ctx_size_in = sizeof context;
    }
    const int program = entry == Entry::xdp_ingress  ? value_of(objects_.xdp_ingress())
                        : entry == Entry::tc_ingress ? objects_.tc_ingress()
                                                     : objects_.tc_egress();
    if (bpf_prog_test_run_opts(program, &options) != 0)
        throw std::runtime_error(fmt::format("BPF_PROG_TEST_RUN: {}", std::strerror(errno)));
    outcome.frame.resize(options.data_size_out);
    outcome.verdict = to_verdict(entry, options.retval);
    outcome.trace = world_.take_trace();
    return outcome;
}

Outcome DataPath::run(Entry entry, const Bytes &frame, std::uint32_t came_by) {
    Outcome outcome = run_program(entry, frame, came_by);
    // TC refuses a frame whose IP header is cut short (net/bpf/test_run.c)
    const std::size_t least = frame.size() > 13 && frame[12] == 0x86 && frame[13] == 0xdd ? 54 : 34;
    if (entry != Entry::xdp_ingress || outcome.verdict != Verdict::pass || frame.size() < least)
        return outcome;
    EXPECT_EQ(outcome.frame, frame) << "XDP passes what it has changed";
    const auto opened = outcome.trace;
    outcome = run_program(Entry::tc_ingress, frame, came_by);
    if (opened.flow == WEIR_TRACE_NEW && outcome.trace.flow == WEIR_TRACE_ESTABLISHED)
        outcome.trace.flow = WEIR_TRACE_NEW;
    return outcome;
}

Outcome DataPath::run_segments(const Bytes &frame, std::uint16_t gso_size) {
    return run_program(Entry::tc_ingress, frame, 0, gso_size);
}

std::uint32_t DataPath::xdp_action(const Bytes &frame) {
    LIBBPF_OPTS(bpf_test_run_opts, options);
    options.data_in = frame.data();
    options.data_size_in = static_cast<std::uint32_t>(frame.size());
    options.repeat = 1;
    if (bpf_prog_test_run_opts(value_of(objects_.xdp_ingress()), &options) != 0)
        throw std::runtime_error(fmt::format("BPF_PROG_TEST_RUN: {}", std::strerror(errno)));
    return options.retval;
}

void DataPath::advance(std::chrono::nanoseconds time) {
    now_ += time;
    world_.set_frame(now_, 0);
}

void DataPath::reload(const std::string &yaml) {
    config_ = value_of(parse_config(yaml, "test.yaml"));
    plan_ = value_of(make_plan(value_of(tables().read()), config_));
    value_of(tables().apply(plan_));
    value_of(tables().write_settings(config_));
}

void DataPath::set_conditions(const Conditions &conditions) {
    plan_ = value_of(make_plan(value_of(tables().read()), config_, RingScope::changed, conditions));
    value_of(tables().apply(plan_));
}

Counters DataPath::service(std::size_t index) {
    return value_of(tables().service_counters(plan_.result.services.at(index).id));
}

Counters DataPath::backend(const Endpoint &endpoint) {
    for (const ServiceRow &service : plan_.result.services)
        for (const BackendRow &row : service.backends)
            if (row.endpoint == endpoint)
                return value_of(tables().backend_counters(row.id));
    throw std::runtime_error("no backend " + endpoint.to_string());
}

std::uint64_t DataPath::drops(weir_drop_reason reason) {
    return value_of(tables().drop_counters()).at(reason);
}

std::uint64_t DataPath::all_drops() {
    const DropCounters drops = value_of(tables().drop_counters());
    return std::accumulate(drops.begin(), drops.end(), std::uint64_t{0});
}

std::uint64_t DataPath::icmp(weir_icmp_event event) {
    return value_of(tables().icmp_counters()).at(event);
}

Fd DataPath::map(const std::string &name) {
    for (Fd &map : maps_of(objects_)) {
        bpf_map_info info{};
        std::uint32_t size = sizeof info;
        // the kernel keeps 15 characters of a name
        if (bpf_obj_get_info_by_fd(map.get(), &info, &size) == 0 && name.substr(0, 15) == info.name)
            return std::move(map);
    }
    throw std::runtime_error("no map " + name);
}

OneCpu::OneCpu() {
    sched_getaffinity(0, sizeof before_, &before_);
    cpu_set_t one;
    CPU_ZERO(&one);
    for (std::size_t cpu = 0; cpu < std::size_t{CPU_SETSIZE} && CPU_COUNT(&one) == 0; ++cpu)
        if (CPU_ISSET(cpu, &before_))
            CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof one, &one);
}

OneCpu::~OneCpu() {
    sched_setaffinity(0, sizeof before_, &before_);
}

MacAddress hop_mac(const Address &address) {
    const auto &b = address.bytes();
    const std::uint8_t family = address.is_v4() ? 0x00 : 0x01;
    return {{0x02, family, b[12], b[13], b[14], b[15]}};
}

}  // namespace weir::test
