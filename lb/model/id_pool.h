// Ids of services and backends.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace weir {

// Hands out ids below a limit. Tables of a larger one may have higher ids.
class IdPool {
  public:
    explicit IdPool(std::uint32_t limit) : limit_(limit), used_(limit) {}

    void mark_used(std::uint32_t id) {
        if (id >= used_.size())
            used_.resize(std::size_t{id} + 1);
        free_ -= used_[id] || id >= limit_ ? 0U : 1U;
        used_[id] = true;
        next_ = std::max(next_, id + 1);
    }
    // The caller knows that there is a free one.
    std::uint32_t take() {
        while (next_ >= limit_ || used_[next_])
            next_ = next_ + 1 >= limit_ ? 0 : next_ + 1;
        used_[next_] = true;
        --free_;
        return next_++;
    }
    std::size_t free_count() const { return free_; }

  private:
    std::uint32_t limit_;
    std::uint32_t next_ = 0;
    std::vector<bool> used_;
    std::size_t free_ = limit_;
};

}  // namespace weir
