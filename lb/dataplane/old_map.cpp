#include "lb/dataplane/old_map.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <fmt/format.h>

#include <cstddef>
#include <cstring>
#include <vector>

#include "bpf/abi.h"

namespace weir {

// The one place that no ABI may change.
static_assert(offsetof(weir_settings, abi) == 0);

void OldMap::BtfDeleter::operator()(btf *types) const {
    btf__free(types);
}

OldMap::OldMap(Fd fd, const bpf_map_info &info)
    : fd_(std::move(fd)),
      info_(info),
      types_(info.btf_id == 0 ? nullptr : btf__load_from_kernel_by_id(info.btf_id)) {}

std::optional<OldMap> OldMap::open(const std::filesystem::path &pin) {
    Fd fd(bpf_obj_get(pin.c_str()));
    bpf_map_info info{};
    std::uint32_t length = sizeof info;
    if (!fd || bpf_obj_get_info_by_fd(fd.get(), &info, &length) != 0)
        return std::nullopt;
    return OldMap(std::move(fd), info);
}

Result<Conversion> OldMap::convert(std::uint32_t from, std::size_t from_size, const btf *types,
                                   std::uint32_t to, std::size_t to_size) const {
    if (types_ && from != 0 && to != 0)
        return Conversion::make(types_.get(), from, types, to);
    if (from_size == to_size)
        return Conversion::copy(to_size);
    return fail(Exit::refused, fmt::format("had entries of {} bytes without a description, and has "
                                           "some of {}",
                                           from_size, to_size));
}

Result<Conversion> OldMap::key_to(const btf *types, std::uint32_t type, std::size_t size) const {
    return convert(info_.btf_key_type_id, info_.key_size, types, type, size);
}

Result<Conversion> OldMap::value_to(const btf *types, std::uint32_t type, std::size_t size) const {
    return convert(info_.btf_value_type_id, info_.value_size, types, type, size);
}

std::optional<std::size_t> OldMap::find_field(std::string_view name) const {
    const btf_type *type =
        types_ ? btf__type_by_id(types_.get(), info_.btf_value_type_id) : nullptr;
    if (type == nullptr || !btf_is_struct(type))
        return std::nullopt;
    for (std::uint16_t i = 0; i < btf_vlen(type); ++i) {
        const btf_member &member = btf_members(type)[i];
        if (btf__name_by_offset(types_.get(), member.name_off) == name &&
            btf__resolve_size(types_.get(), member.type) == sizeof(std::uint16_t))
            return btf_member_bit_offset(type, i) / 8;
    }
    return std::nullopt;
}

std::optional<std::vector<std::byte>> OldMap::entry() const {
    std::vector<std::byte> value(info_.value_size);
    const std::uint32_t index = 0;
    if (bpf_map_lookup_elem(fd_.get(), &index, value.data()) != 0)
        return std::nullopt;
    return value;
}

std::optional<std::uint16_t> OldMap::field(std::string_view name) const {
    const auto at = find_field(name);
    const auto value = entry();
    if (!at || !value)
        return std::nullopt;
    std::uint16_t found = 0;
    std::memcpy(&found, value->data() + *at, sizeof found);
    return found;
}

void OldMap::set_field(std::string_view name, std::uint16_t wanted) const {
    const auto at = find_field(name);
    auto value = entry();
    if (!at || !value)
        return;
    std::memcpy(value->data() + *at, &wanted, sizeof wanted);
    const std::uint32_t index = 0;
    bpf_map_update_elem(fd_.get(), &index, value->data(), BPF_EXIST);
}

std::optional<std::uint32_t> pinned_abi(const std::filesystem::path &pins) {
    const auto settings = OldMap::open(pins / "settings");
    if (!settings)
        return std::nullopt;
    const std::uint32_t zero = 0;
    std::uint32_t abi = 0;
    std::vector<std::byte> value(settings->info().value_size);
    if (value.size() >= sizeof abi && bpf_map_lookup_elem(settings->fd(), &zero, value.data()) == 0)
        std::memcpy(&abi, value.data(), sizeof abi);
    return abi;
}

}  // namespace weir
