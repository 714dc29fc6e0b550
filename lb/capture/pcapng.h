// Writes captures as pcapng (draft-ietf-opsawg-pcapng), for what pcap has no place for: which
// interface a frame is of, its way, and comments. libpcap reads pcapng and does not write it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lb/replay/capture.h"
#include "lb/replay/output_file.h"
#include "lb/result.h"

namespace weir {

enum class Way { inbound = 1, outbound = 2 };

// What an eBPF program answered, and whether it was one of TC or XDP.
struct EbpfAnswer {
    bool xdp = false;
    std::uint64_t value = 0;
};

struct PacketNotes {
    std::uint32_t interface = 0;  // as add_interface() numbers them
    Way way = Way::inbound;
    std::string comment{};
    std::uint64_t packet = 0;  // the same in several frames: one packet, seen several times
    std::optional<EbpfAnswer> answer{};
};

class PcapngWriter {
  public:
    // "-" is standard output. The file grows as frames are written. Exit::usage when it cannot be
    // made.
    static Result<PcapngWriter> create(const std::string &path);

    // Before its first frame; interfaces are numbered from 0.
    void add_interface(const std::string &name, std::uint32_t snaplen);
    void write(const Frame &frame, const PacketNotes &notes);

    std::uint64_t bytes() const { return bytes_; }  // written so far
    // Exit::refused when the system has not taken everything (disk full): after that nothing is
    // written any more.
    Result<void> flush();
    Result<void> finish();

  private:
    PcapngWriter(std::string path, Stream stream)
        : path_(std::move(path)), stream_(std::move(stream)) {}
    void put(std::uint32_t type, const std::vector<std::uint8_t> &body);

    std::string path_;
    Stream stream_;
    std::uint64_t bytes_ = 0;
    int error_ = 0;  // errno of the first write that failed
};

}  // namespace weir
