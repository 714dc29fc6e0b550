#include "lb/replay/engine.h"

#include <bpf/bpf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "lb/model/plan.h"

namespace weir {

namespace {

constexpr std::size_t kLinkHeader = 14;

// The kernel refuses (EINVAL) to run XDP on a frame without a whole Ethernet header, and TC on one
// whose IP header is cut short as well (net/bpf/test_run.c). Neither is more than the data path
// needs to see before it looks for a service, so such a frame would pass untouched (I1).
std::size_t least_bytes(PacketHook hook, const Frame &frame) {
    if (hook == PacketHook::xdp_ingress || frame.bytes.size() < kLinkHeader)
        return kLinkHeader;
    const unsigned type = static_cast<unsigned>(frame.bytes[12]) << 8U | frame.bytes[13];
    if (type == 0x0800)
        return kLinkHeader + 20;
    return type == 0x86dd ? kLinkHeader + 40 : kLinkHeader;
}

// The most that a test run takes. XDP: an IPv4 packet of any size, in fragments. TC: one page, less
// the kernel's own (x86-64: 3,712). What is longer travels beside the program and is joined to it
// again: the data path reads and writes headers only.
constexpr std::size_t kMostXdp = kLinkHeader + 65535;
constexpr std::size_t kMostTc = 3072;

// Frames may grow (ICMP errors, tunnels).
constexpr std::size_t kGrowth = 512;

std::optional<std::string> name_of(const std::unordered_map<std::uint32_t, std::string> &names,
                                   std::uint32_t id) {
    const auto found = names.find(id);
    return found == names.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace

std::string_view to_string(FlowTrace flow) {
    switch (flow) {
        case FlowTrace::none:
            return "none";
        case FlowTrace::opened:
            return "new";
        case FlowTrace::established:
            return "established";
        case FlowTrace::reply:
            break;
    }
    return "reply";
}

PacketHook ingress_hook(const Config &config) {
    return !config.interfaces.empty() && config.interfaces.front().hook == Hook::tc
               ? PacketHook::tc_ingress
               : PacketHook::xdp_ingress;
}

CpuPin::CpuPin(unsigned number) {
    if (sched_getaffinity(0, sizeof before_, &before_) != 0)
        return;
    number %= static_cast<unsigned>(std::max(CPU_COUNT(&before_), 1));
    cpu_set_t one;
    CPU_ZERO(&one);
    for (std::size_t cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; cpu++)
        if (CPU_ISSET(cpu, &before_) && number-- == 0)
            CPU_SET(cpu, &one);
    pinned_ = sched_setaffinity(0, sizeof one, &one) == 0;
}

CpuPin::~CpuPin() {
    if (pinned_)
        sched_setaffinity(0, sizeof before_, &before_);
}

Result<Engine> Engine::create(const Config &config) {
    if (auto plan = make_plan({}, config); !plan)  // before anything is asked of the kernel
        return tl::make_unexpected(plan.error());
    auto objects = Objects::load({config.limits, std::nullopt, config.replay.mac});
    if (!objects)
        return tl::make_unexpected(objects.error());
    auto world = ReplayWorld::map(objects->tables().maps().replay);
    if (!world)
        return tl::make_unexpected(world.error());
    Engine engine(std::move(*objects), std::move(*world));
    engine.mac_ = config.replay.mac;
    engine.ingress_ = ingress_hook(config);
    engine.egress_program_ = {engine.objects_.tc_egress(), kMostTc};
    engine.ingress_program_ = {engine.objects_.tc_ingress(), kMostTc};
    if (engine.ingress_ == PacketHook::xdp_ingress) {
        auto xdp = engine.objects_.xdp_ingress();
        if (!xdp)
            return tl::make_unexpected(xdp.error());
        engine.xdp_program_ = {*xdp, kMostXdp};
    }

    if (auto ready = engine.configure(config, {}); !ready)
        return tl::make_unexpected(ready.error());
    return engine;
}

Result<void> Engine::configure(const Config &config, const Conditions &conditions) {
    Tables &tables = objects_.tables();
    auto plan = tables.read().and_then([&](const TableState &now) {
        return make_plan(now, config, RingScope::changed, conditions);
    });
    if (!plan)
        return tl::make_unexpected(plan.error());
    return tables.write_settings(config).and_then([&] { return tables.apply(*plan); }).map([&] {
        name_everything(config, plan->result);
    });
}

// A plan's result has the order of the configuration.
void Engine::name_everything(const Config &config, const TableState &state) {
    // ids of what is gone keep their names, for flows that go on
    for (std::size_t i = 0; i < state.services.size(); i++) {
        services_[state.services[i].id] = config.services[i].name;
        for (const BackendRow &backend : state.services[i].backends)
            backends_[backend.id] = backend.endpoint.to_string();
    }
}

PacketHook Engine::hook_of(const Frame &frame) const {
    const auto &mac = mac_.bytes;
    const bool own = frame.bytes.size() >= kLinkHeader &&
                     std::equal(mac.begin(), mac.end(), frame.bytes.begin() + 6);
    return own ? PacketHook::tc_egress : ingress_;
}

// Runs the hook's program on the frame's bytes and leaves there what it made of them.
Result<std::uint32_t> Engine::test_run(PacketHook hook, Outcome &outcome) {
    Frame &frame = outcome.frame;
    const Program &program = hook == PacketHook::tc_egress    ? egress_program_
                             : hook == PacketHook::tc_ingress ? ingress_program_
                                                              : xdp_program_;
    const std::size_t head = std::min(frame.bytes.size(), program.most);
    buffer_.resize(head + kGrowth);
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.bytes.data(),
                .data_out = buffer_.data(), .data_size_in = static_cast<__u32>(head),
                .data_size_out = static_cast<__u32>(buffer_.size()), .repeat = 1);
    if (const int error = bpf_prog_test_run_opts(program.fd, &options); error != 0)
        return fail(Exit::refused, fmt::format("the kernel refuses to run {} on it: {}",
                                               to_string(hook), std::strerror(-error)));
    outcome.spent += std::chrono::nanoseconds(options.duration);
    const auto grown =
        static_cast<std::int64_t>(options.data_size_out) - static_cast<std::int64_t>(head);
    frame.wire_length = static_cast<std::uint32_t>(frame.wire_length + grown);
    buffer_.resize(options.data_size_out);
    buffer_.insert(buffer_.end(), frame.bytes.begin() + static_cast<std::ptrdiff_t>(head),
                   frame.bytes.end());
    frame.bytes.swap(buffer_);
    return options.retval;
}

void Engine::explain(Outcome &outcome) {
    const weir_trace trace = world_.take_trace();
    outcome.service = name_of(services_, trace.service);
    outcome.backend = name_of(backends_, trace.backend);
    outcome.flow = static_cast<FlowTrace>(trace.flow);
    if (trace.reason != WEIR_DROP_NONE)
        outcome.reason = std::string(drop_reason_name(trace.reason));
}

// One program, on a frame that the kernel takes for it.
Result<void> Engine::run_hook(PacketHook hook, Outcome &outcome) {
    outcome.hook = hook;
    if (outcome.frame.bytes.size() < least_bytes(hook, outcome.frame))
        return {};
    auto answer = test_run(hook, outcome);
    if (!answer)
        return tl::make_unexpected(answer.error());
    const auto verdict = verdict_of(hook, *answer);
    if (!verdict)
        return fail(Exit::failed, fmt::format("{} answers {}: a defect of Weir, please report it "
                                              "with the capture",
                                              to_string(hook), *answer));
    outcome.verdict = *verdict;
    if (outcome.verdict == Verdict::drop)
        outcome.frame.bytes.clear();
    explain(outcome);
    return {};
}

// What XDP passes meets TC ingress next, as on an interface. It is TC's frame if TC did anything.
Result<void> Engine::run_ingress(Outcome &outcome) {
    if (auto done = run_hook(PacketHook::xdp_ingress, outcome);
        !done || outcome.verdict != Verdict::pass)
        return done;
    Outcome next;
    next.frame = outcome.frame;
    next.spent = outcome.spent;
    if (auto done = run_hook(PacketHook::tc_ingress, next); !done)
        return done;
    outcome.spent = next.spent;
    if (next.verdict == Verdict::pass && !next.service && !next.reason)
        return {};
    if (outcome.flow == FlowTrace::opened && next.flow == FlowTrace::established)
        next.flow = FlowTrace::opened;
    outcome = std::move(next);
    return {};
}

Result<std::optional<Counters>> Engine::counters(const std::string &service,
                                                 const std::optional<std::string> &backend) {
    const auto state = objects_.tables().read();
    if (!state)
        return tl::make_unexpected(state.error());
    const auto some = [](const Counters &counters) { return std::optional(counters); };
    for (const ServiceRow &row : state->services) {
        if (name_of(services_, row.id) != service)
            continue;
        if (!backend)
            return objects_.tables().service_counters(row.id).map(some);
        for (const BackendRow &one : row.backends)
            if (one.endpoint.to_string() == *backend)
                return objects_.tables().backend_counters(one.id).map(some);
    }
    return std::nullopt;
}

Result<Outcome> Engine::run(const Frame &frame, std::chrono::nanoseconds now) {
    Outcome outcome;
    outcome.frame = frame;
    world_.set_frame(now, frame.wire_length);
    const PacketHook hook = hook_of(frame);
    const auto done =
        hook == PacketHook::xdp_ingress ? run_ingress(outcome) : run_hook(hook, outcome);
    if (!done)
        return tl::make_unexpected(done.error());
    return outcome;
}

}  // namespace weir
