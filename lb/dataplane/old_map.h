// A pinned map as the kernel describes it, whoever made it.
#pragma once

#include <linux/bpf.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>

#include "lb/dataplane/conversion.h"
#include "lb/dataplane/fd.h"
#include "lb/result.h"

struct btf;

namespace weir {

class OldMap {
  public:
    // None: no map is pinned there.
    static std::optional<OldMap> open(const std::filesystem::path &pin);

    int fd() const { return fd_.get(); }
    const bpf_map_info &info() const { return info_; }

    // How its keys and values become those of type `type` of `types`, of `size` bytes. Where one of
    // the two has no description, the sizes must agree.
    Result<Conversion> key_to(const btf *types, std::uint32_t type, std::size_t size) const;
    Result<Conversion> value_to(const btf *types, std::uint32_t type, std::size_t size) const;

  private:
    struct BtfDeleter {
        void operator()(btf *types) const;
    };
    OldMap(Fd fd, const bpf_map_info &info);
    Result<Conversion> convert(std::uint32_t from, std::size_t from_size, const btf *types,
                               std::uint32_t to, std::size_t to_size) const;

    Fd fd_;
    bpf_map_info info_;
    std::unique_ptr<btf, BtfDeleter> types_;
};

// WEIR_ABI of the binary that wrote the tables pinned in a folder: 0 if none has yet, none if there
// are none.
std::optional<std::uint32_t> pinned_abi(const std::filesystem::path &pins);

}  // namespace weir
