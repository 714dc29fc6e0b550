#include "lb/model/ring.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "lb/model/maglev.h"

namespace weir {

namespace {

// Slots for so many backends: as many as keep the shares within 1 %, and what moves needlessly when
// one comes or goes near a tenth of what has to. The steps are wide, for a ring of another size
// moves most flows that have no entry.
struct Size {
    std::size_t backends;
    std::uint32_t slots;  // a prime
};
constexpr std::array<Size, 4> kSizes{
    {{4, 1021}, {20, 65521}, {50, 262139}, {~std::size_t{0}, 1048573}}};
// Longer rings by weight are scaled down to this.
constexpr std::uint64_t kLongestTurn = 16384;

bool hashes(Scheduler scheduler) {
    return scheduler == Scheduler::maglev || scheduler == Scheduler::source_hash;
}

// How often each backend is in the ring: as its weight, in the lowest terms.
std::vector<std::uint64_t> turns_of(const std::vector<BackendRow> &backends) {
    std::uint64_t divisor = 0;
    std::uint64_t sum = 0;
    for (const BackendRow &backend : backends) {
        divisor = std::gcd(divisor, std::uint64_t{backend.weight});
        sum += backend.weight;
    }
    std::vector<std::uint64_t> turns;
    for (const BackendRow &backend : backends) {
        const std::uint64_t exact = backend.weight / std::max<std::uint64_t>(divisor, 1);
        const bool fits = sum / std::max<std::uint64_t>(divisor, 1) <= kLongestTurn;
        const std::uint64_t scaled = std::max<std::uint64_t>(
            1, (backend.weight * kLongestTurn + sum / 2) / std::max<std::uint64_t>(sum, 1));
        turns.push_back(backend.weight == 0 ? 0 : fits ? exact : scaled);
    }
    return turns;
}

// The k-th of a backend's n places stands at (k + 1/2) / n of the way round.
std::vector<std::uint32_t> build_turns(const std::vector<BackendRow> &backends) {
    struct Place {
        double at;
        std::uint32_t id;
    };
    const auto turns = turns_of(backends);
    std::vector<Place> places;
    for (std::size_t i = 0; i < backends.size(); ++i)
        for (std::uint64_t k = 0; k < turns[i]; ++k)
            places.push_back(
                {(static_cast<double>(k) + 0.5) / static_cast<double>(turns[i]), backends[i].id});
    std::stable_sort(places.begin(), places.end(),
                     [](const Place &a, const Place &b) { return a.at < b.at; });
    std::vector<std::uint32_t> ring;
    ring.reserve(places.size());
    for (const Place &place : places)
        ring.push_back(place.id);
    return ring;
}

std::uint64_t mix(std::uint64_t x) {
    // the finalizer of MurmurHash3
    x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdULL;
    x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53ULL;
    return x ^ (x >> 33);
}

/*
 * Maglev over the shares, so that the ring knows nothing of who is down, drains or comes up; then
 * the slots of those whose weight is less than their share are given away, each to the backend of
 * another slot. So only these slots move, and come back to where they were.
 */
class MaglevRing {
  public:
    explicit MaglevRing(const std::vector<BackendRow> &backends) : backends_(backends) {
        std::uint32_t number = 0;
        for (const BackendRow &backend : backends) {
            // its place among the backends, so that a slot leads to it without a search
            whole_.push_back(backend);
            whole_.back().id = number++;
            whole_.back().weight = backend.share;
            if (backend.weight > 0 && backend.share > 0)
                serving_.push_back(whole_.back().id);
        }
    }

    std::vector<std::uint32_t> build(std::uint32_t slots) const {
        if (serving_.empty())
            return {};
        const auto base = build_maglev_ring(whole_, slots);
        auto ring = base;
        for (std::uint32_t slot = 0; slot < slots; ++slot)
            ring[slot] = backends_[takes(base[slot], slot, 0) ? base[slot] : other(base, slot)].id;
        return ring;
    }

  private:
    // Whether a backend that has lost a part of its share takes this slot: the more it has, the
    // more it takes, and those that it took before among them.
    bool takes(std::uint32_t number, std::uint64_t slot, std::uint64_t attempt) const {
        const BackendRow &backend = backends_[number];
        return backend.weight >= backend.share ||
               (backend.weight > 0 &&
                mix(mix(slot << 32 | attempt) + 1) % backend.share < backend.weight);
    }

    // The backend of another slot; where those who serve have few, the one of them that wins this
    // slot by weighted rendezvous, which moves as little. Bounded: all this is done on the daemon's
    // loop.
    std::uint32_t other(const std::vector<std::uint32_t> &base, std::uint64_t slot) const {
        for (std::uint64_t attempt = 1; attempt <= kAttempts; ++attempt) {
            const auto at = mix(slot << 32 | attempt) % base.size();
            if (takes(base[at], slot, attempt))
                return base[at];
        }
        std::uint32_t winner = serving_.front();
        double best = std::numeric_limits<double>::infinity();
        for (const std::uint32_t number : serving_) {
            const double even = to_unit(mix(slot << 32 | (kAttempts + 1 + number)));
            const double score = -std::log(even) / backends_[number].weight;
            if (score < best) {
                best = score;
                winner = number;
            }
        }
        return winner;
    }

    // 0 < result <= 1
    static double to_unit(std::uint64_t bits) {
        return (static_cast<double>(bits >> 11) + 1) * 0x1p-53;
    }

    static constexpr std::uint64_t kAttempts = 32;

    const std::vector<BackendRow> &backends_;
    std::vector<BackendRow> whole_;       // with the whole share, numbered
    std::vector<std::uint32_t> serving_;  // numbers
};

}  // namespace

std::uint32_t ring_slots(const ServiceConfig &service) {
    if (!hashes(service.scheduler))
        return 0;
    if (service.ring_size != 0)
        return service.ring_size;
    return std::find_if(kSizes.begin(), kSizes.end(),
                        [&](const Size &size) { return service.backends.size() <= size.backends; })
        ->slots;
}

std::vector<std::uint32_t> build_ring(Scheduler scheduler, std::uint32_t slots,
                                      const std::vector<BackendRow> &backends) {
    if (hashes(scheduler))
        return MaglevRing(backends).build(slots);
    if (scheduler != Scheduler::least_conn)
        return build_turns(backends);
    std::vector<std::uint32_t> ring;
    for (const BackendRow &backend : backends)
        if (backend.weight > 0)
            ring.push_back(backend.id);
    return ring;
}

}  // namespace weir
