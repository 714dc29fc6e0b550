#include "lb/capture/filter.h"

#include <fmt/format.h>
#include <pcap/pcap.h>

namespace weir {

namespace {

tl::unexpected<Error> filter_error(Exit exit, const std::string &filter, pcap_t *handle) {
    return fail(exit, fmt::format("filter '{}': {}", filter, pcap_geterr(handle)));
}

}  // namespace

void FrameFilter::Deleter::operator()(bpf_program *program) const {
    pcap_freecode(program);
    delete program;
}

Result<void> set_filter(pcap *handle, const std::string &filter) {
    bpf_program program{};
    if (pcap_compile(handle, &program, filter.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0)
        return filter_error(Exit::usage, filter, handle);
    const int done = pcap_setfilter(handle, &program);
    pcap_freecode(&program);
    if (done != 0)
        return filter_error(Exit::refused, filter, handle);
    return {};
}

Result<FrameFilter> FrameFilter::compile(const std::string &filter) {
    const std::unique_ptr<pcap, PcapDeleter> handle(pcap_open_dead(DLT_EN10MB, 262144));
    Program program(new bpf_program{});
    if (pcap_compile(handle.get(), program.get(), filter.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0)
        return filter_error(Exit::usage, filter, handle.get());
    return FrameFilter(std::move(program));
}

bool FrameFilter::matches(const Frame &frame) const {
    pcap_pkthdr header{};
    header.caplen = static_cast<bpf_u_int32>(frame.bytes.size());
    header.len = frame.wire_length;
    return pcap_offline_filter(program_.get(), &header, frame.bytes.data()) != 0;
}

}  // namespace weir
