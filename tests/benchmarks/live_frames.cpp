#include "tests/benchmarks/live_frames.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <fmt/format.h>
#include <linux/if_link.h>
#include <net/if.h>

#include <array>
#include <cstring>
#include <numeric>
#include <stdexcept>

#include "veth.skel.h"

namespace weir::test {
namespace {

void check(int result, const std::string &what) {
    if (result < 0)
        throw std::runtime_error(fmt::format("{}: {}", what, std::strerror(-result)));
}

VethPrograms opened() {
    VethPrograms programs(weir_veth__open());
    if (!programs)
        throw std::runtime_error("veth.bpf.o cannot be opened");
    return programs;
}

void load(const VethPrograms &programs) {
    check(weir_veth__load(programs.get()), "veth.bpf.o");
}

void attach_xdp(int index, const bpf_program *program) {
    check(bpf_xdp_attach(index, bpf_program__fd(program), XDP_FLAGS_DRV_MODE, nullptr),
          "attaching to XDP");
}

void attach_tc(int index, const bpf_program *program) {
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = index, .attach_point = BPF_TC_INGRESS);
    LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = bpf_program__fd(program));
    check(bpf_tc_hook_create(&hook), "making a clsact qdisc");
    check(bpf_tc_attach(&hook, &options), "attaching to TC");
}

}  // namespace

void DestroyVeth::operator()(weir_veth *skeleton) const {
    weir_veth__destroy(skeleton);
}

MacAddress mac_of(const Netns &host, const std::string &interface) {
    const auto link = host.output("ip -o link show dev " + interface);
    return MacAddress::parse(link.substr(link.find("link/ether ") + 11, 17)).value();
}

Sender::Sender(const Netns &host, const std::vector<Bytes> &frames)
    : host_(&host), programs_(opened()) {
    host.run([&] { programs_->rodata->out = ::if_nametoindex("eth0"); });
    load(programs_);
    for (std::uint32_t i = 0; i < kFlows; i++) {
        if (frames.at(i).size() != kFrame)
            throw std::logic_error("a frame of another size");
        std::memcpy(programs_->bss->frames[i], frames[i].data(), kFrame);
    }
}

double Sender::send(std::uint32_t count) {
    std::array<char, kFrame> room{};
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = room.data(), .data_size_in = kFrame,
                .repeat = static_cast<int>(count), .flags = BPF_F_TEST_XDP_LIVE_FRAMES);
    host_->run([&] {
        check(bpf_prog_test_run_opts(bpf_program__fd(programs_->progs.generate), &options),
              "BPF_PROG_TEST_RUN with live frames");
    });
    constexpr double kNano = 1e-9;
    return kNano * options.duration * count;
}

Receiver::Receiver(const Netns &host, const std::string &interface, const Endpoint &own)
    : programs_(opened()) {
    const auto mac = mac_of(host, interface);
    std::memcpy(programs_->rodata->own_mac, mac.bytes.data(), mac.bytes.size());
    programs_->rodata->own_address = own.address.v4_network_order();
    programs_->rodata->own_port = htons(own.port);
    load(programs_);
    host.run([&] {
        attach_xdp(static_cast<int>(::if_nametoindex(interface.c_str())), programs_->progs.count);
    });
}

std::uint64_t Receiver::arrived() const {
    const std::uint32_t key = 0;  // ARRIVED
    std::vector<std::uint64_t> all(static_cast<std::size_t>(libbpf_num_possible_cpus()));
    check(bpf_map_lookup_elem(bpf_map__fd(programs_->maps.counted), &key, all.data()),
          "reading counters");
    return std::accumulate(all.begin(), all.end(), std::uint64_t{0});
}

Redirector::Redirector(Hook hook, const Netns &host, const std::string &in, const std::string &out,
                       const MacAddress &next_hop)
    : programs_(opened()) {
    const auto from = mac_of(host, out);
    auto *macs = reinterpret_cast<unsigned char *>(programs_->rodata->next_hop);
    std::memcpy(macs, next_hop.bytes.data(), next_hop.bytes.size());
    std::memcpy(macs + next_hop.bytes.size(), from.bytes.data(), from.bytes.size());
    host.run([&] {
        programs_->rodata->out = ::if_nametoindex(out.c_str());
        load(programs_);
        const auto index = static_cast<int>(::if_nametoindex(in.c_str()));
        if (hook == Hook::xdp)
            attach_xdp(index, programs_->progs.redirect_xdp);
        else
            attach_tc(index, programs_->progs.redirect_tc);
    });
}

}  // namespace weir::test
