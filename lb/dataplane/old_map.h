// A pinned map as the kernel describes it, whoever made it.
#pragma once

#include <linux/bpf.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

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

    // A field of 16 bits of the entry at index 0, of an array whose programs only read it. None,
    // and no effect, where there is no such field.
    std::optional<std::uint16_t> field(std::string_view name) const;
    void set_field(std::string_view name, std::uint16_t value) const;

  private:
    // Where it is, bytes.
    std::optional<std::size_t> find_field(std::string_view name) const;
    std::optional<std::vector<std::byte>> entry() const;
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
