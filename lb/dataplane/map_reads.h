// Reading counters: arrays whole, some thousand entries with each system call, and sums over CPUs.
#pragma once

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "lb/dataplane/map_access.h"
#include "lb/result.h"

namespace weir {

inline constexpr std::uint32_t kEntriesPerCall = 4096;

// All CPUs' values of one entry. The kernel pads each to eight bytes; those here are multiples of
// it.
template <typename Value>
Result<std::vector<Value>> read_per_cpu(int fd, std::string_view name, std::uint32_t index) {
    static_assert(sizeof(Value) % 8 == 0);
    std::vector<Value> values(static_cast<std::size_t>(libbpf_num_possible_cpus()));
    if (bpf_map_lookup_elem(fd, &index, values.data()) != 0)
        return fail(Exit::refused, fmt::format("map {}: cannot read entry {}: {}", name, index,
                                               std::strerror(errno)));
    return values;
}

template <std::size_t N>
Result<std::array<std::uint64_t, N>> read_sums(int fd, std::string_view name) {
    std::array<std::uint64_t, N> sums{};
    for (std::uint32_t index = 0; index < N; ++index) {
        const auto values = read_per_cpu<std::uint64_t>(fd, name, index);
        if (!values)
            return tl::make_unexpected(values.error());
        for (const std::uint64_t one : *values)
            sums[index] += one;
    }
    return sums;
}

// Calls visit() with each of the first `count` entries of an array, `copies` values of each; they
// come in the order of their indices.
template <typename Value, typename Visit>
Result<void> for_entries(const NamedMap &map, std::uint32_t count, std::size_t copies,
                         Visit visit) {
    const std::uint32_t batch = std::min(count, kEntriesPerCall);
    std::vector<std::uint32_t> keys(batch);
    std::vector<Value> values(batch * copies);
    std::uint32_t position = 0;
    for (std::uint32_t done = 0; done < count;) {
        std::uint32_t read = std::min(batch, count - done);
        const int error = bpf_map_lookup_batch(map.fd, done == 0 ? nullptr : &position, &position,
                                               keys.data(), values.data(), &read, nullptr);
        // ENOENT: there are no more behind these
        if ((error != 0 && errno != ENOENT) || read == 0)
            return map_error(map.name, "read its entries", error != 0 ? errno : EIO);
        for (std::uint32_t i = 0; i < read; ++i)
            visit(values.data() + i * copies);
        done += read;
    }
    return {};
}

}  // namespace weir
