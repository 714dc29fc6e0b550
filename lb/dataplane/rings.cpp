#include "lb/dataplane/rings.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <numeric>

#include "lb/dataplane/fd.h"
#include "lb/dataplane/map_access.h"

namespace weir {

namespace {

// Each new ring is an open file until its call is done.
constexpr std::size_t kAtOnce = 256;

// The ring as a map of its own: slot 0 holds the number of slots that follow.
Result<Fd> make_ring(const std::vector<std::uint32_t> &slots) {
    std::vector<std::uint32_t> values;
    values.reserve(slots.size() + 1);
    values.push_back(static_cast<std::uint32_t>(slots.size()));
    values.insert(values.end(), slots.begin(), slots.end());
    std::vector<std::uint32_t> keys(values.size());
    std::iota(keys.begin(), keys.end(), 0U);

    auto count = static_cast<std::uint32_t>(values.size());
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_INNER_MAP);
    Fd ring(bpf_map_create(BPF_MAP_TYPE_ARRAY, "weir_ring", sizeof(std::uint32_t),
                           sizeof(std::uint32_t), count, &options));
    if (!ring)
        return map_error("rings", "make a ring", errno);
    if (bpf_map_update_batch(ring.get(), keys.data(), values.data(), &count, nullptr) != 0)
        return map_error("rings", "fill a ring", errno);
    return ring;
}

Result<void> put_rings(int map, const std::vector<std::uint32_t> &services,
                       const std::vector<int> &rings) {
    auto count = static_cast<std::uint32_t>(services.size());
    if (count != 0 &&
        bpf_map_update_batch(map, services.data(), rings.data(), &count, nullptr) != 0)
        return map_error("rings", "set a ring", errno);
    return {};
}

}  // namespace

Result<void> write_rings(int map, const std::vector<RingWrite> &writes) {
    for (std::size_t begin = 0; begin < writes.size(); begin += kAtOnce) {
        const std::size_t end = std::min(writes.size(), begin + kAtOnce);
        std::vector<Fd> rings;
        std::vector<int> descriptors;
        std::vector<std::uint32_t> services;
        for (std::size_t i = begin; i < end; ++i) {
            auto ring = make_ring(writes[i].slots);
            if (!ring)
                return tl::make_unexpected(ring.error());
            rings.push_back(std::move(*ring));
            descriptors.push_back(rings.back().get());
            services.push_back(writes[i].service);
        }
        if (auto done = put_rings(map, services, descriptors); !done)
            return done;
    }
    return {};
}

Result<void> empty_rings(int map, const std::vector<std::uint32_t> &services) {
    if (services.empty())
        return {};
    return make_ring({}).and_then([&](const Fd &ring) {
        return put_rings(map, services, std::vector<int>(services.size(), ring.get()));
    });
}

std::optional<std::uint32_t> read_ring_slots(int map, std::uint32_t service) {
    std::uint32_t id = 0;
    if (bpf_map_lookup_elem(map, &service, &id) != 0)
        return std::nullopt;
    const Fd ring(bpf_map_get_fd_by_id(id));
    const std::uint32_t first = 0;
    std::uint32_t slots = 0;
    if (!ring || bpf_map_lookup_elem(ring.get(), &first, &slots) != 0)
        return std::nullopt;
    return slots;
}

}  // namespace weir
