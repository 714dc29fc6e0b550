#include "lb/dataplane/conversion.h"

#include <bpf/btf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <span>
#include <string_view>

namespace weir {

namespace {

// A type without the names and qualifiers around it.
struct Type {
    const btf *in = nullptr;
    std::uint32_t id = 0;
    const btf_type *is = nullptr;
    bool big_endian = false;  // by its name: __be16, __be32, __be64

    std::size_t size() const {
        const auto found = btf__resolve_size(in, id);
        return found < 0 ? 0 : static_cast<std::size_t>(found);
    }
    std::string_view name_of(const btf_member &member) const {
        return btf__name_by_offset(in, member.name_off);
    }
    std::span<const btf_member> members() const { return {btf_members(is), btf_vlen(is)}; }
    bool is_scalar() const { return btf_is_int(is) || btf_is_any_enum(is); }
    bool is_signed() const {
        return btf_is_int(is) && (btf_int_encoding(is) & BTF_INT_SIGNED) != 0;
    }
};

Type resolve(const btf *in, std::uint32_t id) {
    Type type{in, id, btf__type_by_id(in, id)};
    while (type.is != nullptr && (btf_is_mod(type.is) || btf_is_typedef(type.is))) {
        const std::string_view name = btf__name_by_offset(in, type.is->name_off);
        type.big_endian = type.big_endian || name.substr(0, 4) == "__be";
        type.id = type.is->type;
        type.is = btf__type_by_id(in, type.id);
    }
    return type;
}

std::string_view kind_of(const Type &type) {
    if (type.is_scalar())
        return type.big_endian ? "an integer in network order" : "an integer";
    if (btf_is_struct(type.is))
        return "a struct";
    if (btf_is_union(type.is))
        return "a union";
    return btf_is_array(type.is) ? "an array" : "of a kind that no table holds";
}

// as(T{}) of the integer that has `size` bytes and the sign of `Wide`, which has eight.
template <typename Wide, typename As>
auto with_size(std::size_t size, As as) {
    constexpr bool kSigned = std::numeric_limits<Wide>::is_signed;
    switch (size) {
        case 1:
            return kSigned ? as(std::int8_t{}) : as(std::uint8_t{});
        case 2:
            return kSigned ? as(std::int16_t{}) : as(std::uint16_t{});
        case 4:
            return kSigned ? as(std::int32_t{}) : as(std::uint32_t{});
        default:
            return as(Wide{});
    }
}

template <typename Wide>
Wide read(const std::byte *from, std::size_t size) {
    const auto as = [&](auto narrow) {
        std::memcpy(&narrow, from, sizeof narrow);
        return static_cast<Wide>(narrow);
    };
    return with_size<Wide>(size, as);
}

template <typename Wide>
void write(Wide value, std::byte *to, std::size_t size) {
    const auto as = [&](auto narrow) {
        using Narrow = decltype(narrow);
        narrow = static_cast<Narrow>(
            std::clamp<Wide>(value, static_cast<Wide>(std::numeric_limits<Narrow>::min()),
                             static_cast<Wide>(std::numeric_limits<Narrow>::max())));
        std::memcpy(to, &narrow, sizeof narrow);
    };
    with_size<Wide>(size, as);
}

bool is_integer_size(std::size_t size) {
    return size == 1 || size == 2 || size == 4 || size == 8;
}

}  // namespace

class ConversionBuilder {
  public:
    Result<Conversion> run(const Type &from, const Type &to) {
        if (from.is == nullptr || to.is == nullptr)
            return fail(Exit::refused, "a table without a description of its entries");
        result_.from_size_ = from.size();
        result_.to_size_ = to.size();
        result_.identity_ = from.size() == to.size();
        return add("", from, 0, to, 0).map([&] {
            for (const auto &move : result_.moves_)
                result_.identity_ = result_.identity_ && move.from == move.to;
            return std::move(result_);
        });
    }

  private:
    Result<void> add(const std::string &name, const Type &from, std::size_t from_at, const Type &to,
                     std::size_t to_at) {
        if (from.is_scalar() && to.is_scalar())
            return add_integer(name, from, from_at, to, to_at);
        if (btf_is_struct(from.is) && btf_is_struct(to.is))
            return add_struct(name, from, from_at, to, to_at);
        if (btf_is_array(from.is) && btf_is_array(to.is))
            return add_array(name, from, from_at, to, to_at);
        if (btf_is_union(from.is) && btf_is_union(to.is) && from.size() == to.size()) {
            add_bytes(from_at, to_at, to.size());
            return {};
        }
        return differ(name, from, to);
    }

    Result<void> add_integer(const std::string &name, const Type &from, std::size_t from_at,
                             const Type &to, std::size_t to_at) {
        if (from.size() == to.size()) {
            add_bytes(from_at, to_at, to.size());
            return {};
        }
        if (from.big_endian || to.big_endian || !is_integer_size(from.size()) ||
            !is_integer_size(to.size()))
            return differ(name, from, to);
        result_.identity_ = false;
        result_.moves_.push_back({from_at, from.size(), to_at, to.size(), from.is_signed()});
        return {};
    }

    Result<void> add_struct(const std::string &name, const Type &from, std::size_t from_at,
                            const Type &to, std::size_t to_at) {
        std::size_t found = 0;
        for (const btf_member &member : to.members()) {
            const std::string inner(to.name_of(member));
            const btf_member *source = find(from, inner, nameless_before(to, member));
            if (source == nullptr)
                continue;
            found++;
            if (btf_kflag(from.is) || btf_kflag(to.is))
                return fail(Exit::refused, fmt::format("{}: has bit fields", name));
            auto added = add(name.empty() ? inner : fmt::format("{}.{}", name, inner),
                             resolve(from.in, source->type), from_at + source->offset / 8,
                             resolve(to.in, member.type), to_at + member.offset / 8);
            if (!added)
                return added;
        }
        if (found != from.members().size() || found != to.members().size())
            result_.identity_ = false;
        return {};
    }

    // Members without a name go by their order.
    static std::size_t nameless_before(const Type &type, const btf_member &member) {
        const auto all = type.members();
        return static_cast<std::size_t>(std::count_if(
            all.data(), &member, [&](const btf_member &one) { return type.name_of(one).empty(); }));
    }
    static const btf_member *find(const Type &type, std::string_view name, std::size_t nameless) {
        for (const btf_member &member : type.members()) {
            if (type.name_of(member) != name)
                continue;
            if (!name.empty() || nameless-- == 0)
                return &member;
        }
        return nullptr;
    }

    Result<void> add_array(const std::string &name, const Type &from, std::size_t from_at,
                           const Type &to, std::size_t to_at) {
        const struct btf_array *source = btf_array(from.is);
        const struct btf_array *target = btf_array(to.is);
        const Type from_element = resolve(from.in, source->type);
        const Type to_element = resolve(to.in, target->type);
        if (source->nelems != target->nelems)
            result_.identity_ = false;
        for (std::size_t i = 0; i < std::min(source->nelems, target->nelems); i++) {
            auto added = add(name, from_element, from_at + i * from_element.size(), to_element,
                             to_at + i * to_element.size());
            if (!added)
                return added;
        }
        return {};
    }

    void add_bytes(std::size_t from, std::size_t to, std::size_t size) {
        if (!result_.moves_.empty()) {
            Conversion::Move &last = result_.moves_.back();
            if (last.from_size == last.to_size && last.from + last.from_size == from &&
                last.to + last.to_size == to) {
                last.from_size += size;
                last.to_size += size;
                return;
            }
        }
        result_.moves_.push_back({from, size, to, size});
    }

    static tl::unexpected<Error> differ(const std::string &name, const Type &from, const Type &to) {
        return fail(Exit::refused, fmt::format("{}: was {} of {} bytes, and is {} of {}",
                                               name.empty() ? "an entry" : name, kind_of(from),
                                               from.size(), kind_of(to), to.size()));
    }

    Conversion result_;
};

Result<Conversion> Conversion::make(const btf *from, std::uint32_t from_type, const btf *to,
                                    std::uint32_t to_type) {
    return ConversionBuilder().run(resolve(from, from_type), resolve(to, to_type));
}

Conversion Conversion::copy(std::size_t size) {
    Conversion result;
    result.moves_.push_back({0, size, 0, size});
    result.from_size_ = size;
    result.to_size_ = size;
    return result;
}

void Conversion::apply(const std::byte *from, std::byte *to) const {
    std::memset(to, 0, to_size_);
    for (const Move &move : moves_) {
        const std::byte *source = from + move.from;
        std::byte *target = to + move.to;
        if (move.from_size == move.to_size)
            std::memcpy(target, source, move.to_size);
        else if (move.is_signed)
            write(read<std::int64_t>(source, move.from_size), target, move.to_size);
        else
            write(read<std::uint64_t>(source, move.from_size), target, move.to_size);
    }
}

}  // namespace weir
