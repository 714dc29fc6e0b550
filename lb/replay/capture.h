// Reading and writing captures, through libpcap. Linux cooked ones become Ethernet (cooked.h).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lb/config/config.h"
#include "lb/replay/output_file.h"
#include "lb/result.h"

// libpcap's; <pcap/pcap.h> cannot be read beside <linux/bpf.h>: both define struct bpf_insn.
struct pcap;
struct pcap_dumper;

namespace weir {

// One frame of a capture, from the destination MAC on, without FCS.
struct Frame {
    std::chrono::nanoseconds
        time{};                     // since 1970-01-01 UTC; 0 .. 2^32 s, what a pcap file can hold
    std::uint32_t wire_length = 0;  // bytes on the wire; more than were kept when it was cut
    std::vector<std::uint8_t> bytes;
};

// What the timestamps of a capture can tell apart.
enum class Resolution { microseconds, nanoseconds };

// "1700000000.000000", or with nine decimals.
std::string format_time(std::chrono::nanoseconds time, Resolution resolution);

struct PcapDeleter {
    void operator()(pcap *handle) const;
    void operator()(pcap_dumper *dumper) const;
};

enum class Link { ethernet, cooked, cooked2 };

class CaptureReader {
  public:
    // pcap and pcapng; "-" is standard input. All that is wrong with a file is Exit::usage. `own`
    // is the MAC address of the host that a cooked capture was taken on.
    static Result<CaptureReader> open(const std::string &path,
                                      const MacAddress &own = ReplayConfig{}.mac);

    // Microseconds only for a pcap file in little-endian order that says so: pcapng may hold
    // either, and libpcap does not tell.
    Resolution resolution() const { return resolution_; }
    const std::string &path() const { return path_; }
    // Bytes of the file, and how many of them were read; 0 where that is not known (a pipe).
    std::uint64_t size() const;
    std::uint64_t position() const;

    // The next frame; false at the end. A capture that breaks off is Exit::usage, and the message
    // numbers the frame.
    Result<bool> next(Frame &frame);

  private:
    CaptureReader(std::string path, Resolution resolution, const MacAddress &own, pcap *handle)
        : path_(std::move(path)), resolution_(resolution), own_(own), handle_(handle) {}
    Result<void> set_link();

    std::string path_;
    Resolution resolution_ = Resolution::microseconds;
    MacAddress own_;
    Link link_ = Link::ethernet;
    std::uint64_t frames_ = 0;
    std::unique_ptr<pcap, PcapDeleter> handle_;
};

// Writes a classic pcap file. It appears, whole, with finish().
class CaptureWriter {
  public:
    static Result<CaptureWriter> create(const std::string &path, Resolution resolution);

    Result<void> write(const Frame &frame);
    Result<void> finish();

  private:
    CaptureWriter(OutputFile file, Resolution resolution)
        : file_(std::move(file)), resolution_(resolution) {}
    tl::unexpected<Error> error() const;

    OutputFile file_;
    Resolution resolution_;
    std::unique_ptr<pcap, PcapDeleter> handle_;
    std::unique_ptr<pcap_dumper, PcapDeleter> dumper_;
};

}  // namespace weir
