#include "lb/model/maglev.h"

#include <algorithm>
#include <numeric>

namespace weir {

namespace {

// FNV-1a over the endpoint's bytes, then the final mix of MurmurHash3: the same on every machine.
std::uint64_t hash_endpoint(const Endpoint &endpoint, std::uint64_t salt) {
    std::uint64_t hash = 0xcbf29ce484222325ULL ^ salt;
    const auto add = [&hash](std::uint8_t byte) { hash = (hash ^ byte) * 0x100000001b3ULL; };
    for (const std::uint8_t byte : endpoint.address.bytes())
        add(byte);
    add(static_cast<std::uint8_t>(endpoint.port >> 8));
    add(static_cast<std::uint8_t>(endpoint.port & 0xff));
    hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccdULL;
    hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53ULL;
    return hash ^ (hash >> 33);
}

// A backend's walk over the slots: every slot once, in an order that is its own.
struct Walker {
    std::uint32_t id;
    std::uint64_t weight;
    std::uint64_t credit = 0;
    std::uint32_t position;
    std::uint32_t step;
};

std::vector<Walker> make_walkers(std::vector<BackendRow> backends, std::uint32_t slots) {
    std::sort(backends.begin(), backends.end(),
              [](const BackendRow &a, const BackendRow &b) { return a.endpoint < b.endpoint; });
    std::vector<Walker> walkers;
    for (const BackendRow &backend : backends) {
        if (backend.weight == 0)
            continue;
        const auto offset =
            static_cast<std::uint32_t>(hash_endpoint(backend.endpoint, 0x6f666673) % slots);
        const auto skip =
            static_cast<std::uint32_t>(hash_endpoint(backend.endpoint, 0x736b6970) % (slots - 1));
        walkers.push_back({backend.id, backend.weight, 0, offset, skip + 1});
    }
    return walkers;
}

}  // namespace

std::vector<std::uint32_t> build_maglev_ring(const std::vector<BackendRow> &backends,
                                             std::uint32_t slots) {
    std::vector<Walker> walkers = make_walkers(backends, slots);
    if (walkers.empty())
        return {};
    const std::uint64_t heaviest =
        std::max_element(walkers.begin(), walkers.end(), [](const Walker &a, const Walker &b) {
            return a.weight < b.weight;
        })->weight;

    std::vector<std::uint32_t> ring(slots);
    std::vector<bool> taken(slots, false);
    std::uint32_t filled = 0;
    while (filled < slots) {
        for (Walker &walker : walkers) {
            // the heaviest moves every round, a lighter one when it has saved up for it
            walker.credit += walker.weight;
            if (walker.credit < heaviest)
                continue;
            walker.credit -= heaviest;
            while (taken[walker.position])
                walker.position = (walker.position + walker.step) % slots;
            taken[walker.position] = true;
            ring[walker.position] = walker.id;
            if (++filled == slots)
                break;
        }
    }
    return ring;
}

}  // namespace weir
