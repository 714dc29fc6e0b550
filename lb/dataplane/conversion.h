// How values of one layout become values of another, field by field and by name, as BTF describes
// both. Pure: no kernel here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "lb/result.h"

struct btf;

namespace weir {

class Conversion {
  public:
    // From type `from_type` of `from` to type `to_type` of `to`. Fields that only the one has are
    // left out, and zero in the other; integers of another width keep their value, or the largest
    // there is. Exit::refused when a field of one name is of two kinds ("next_hop.dmac: ...").
    static Result<Conversion> make(const btf *from, std::uint32_t from_type, const btf *to,
                                   std::uint32_t to_type);
    // The same bytes, for types without a description.
    static Conversion copy(std::size_t size);

    // `from` and `to` have from_size() and to_size() bytes, and do not overlap.
    void apply(const std::byte *from, std::byte *to) const;

    std::size_t from_size() const { return from_size_; }
    std::size_t to_size() const { return to_size_; }
    // Whether both layouts are one: the same fields at the same places.
    bool is_identity() const { return identity_; }

  private:
    friend class ConversionBuilder;
    // Integers of two widths when the sizes differ, otherwise bytes.
    struct Move {
        std::size_t from = 0;
        std::size_t from_size = 0;
        std::size_t to = 0;
        std::size_t to_size = 0;
        bool is_signed = false;
    };

    std::vector<Move> moves_;
    std::size_t from_size_ = 0;
    std::size_t to_size_ = 0;
    bool identity_ = true;
};

}  // namespace weir
