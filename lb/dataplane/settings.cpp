// Tables: settings, the SNAT pool, and the interfaces that carry XDP.
#include <algorithm>

#include "lb/dataplane/flow_table.h"
#include "lb/dataplane/map_access.h"
#include "lb/dataplane/tables.h"

namespace weir {

static_assert(kMostSnatAddresses == WEIR_MAX_SNAT);

namespace {

std::uint32_t seconds(std::chrono::seconds value) {
    return static_cast<std::uint32_t>(value.count());
}

void set_timeouts(weir_settings &value, const Timeouts &timeouts) {
    value.tcp_established_s = seconds(timeouts.tcp_established);
    value.tcp_transitory_s = seconds(timeouts.tcp_transitory);
    value.tcp_new_s = seconds(timeouts.tcp_new);
    value.udp_s = seconds(timeouts.udp);
}

bool changes_family(const ServiceConfig &service) {
    return std::any_of(service.backends.begin(), service.backends.end(), [&](const auto &backend) {
        return backend.endpoint.address.is_v4() != service.vip.address.is_v4();
    });
}

}  // namespace

std::string_view to_string(InterfaceState state) {
    switch (state) {
        case InterfaceState::attached:
            return "attached";
        case InterfaceState::absent:
            return "absent";
        case InterfaceState::refused:
            break;
    }
    return "refused";
}

Result<void> Tables::write_snat_addresses(const SnatConfig &snat, weir_settings &value) {
    value.snat_v4 = 0;
    value.snat_v6 = 0;
    for (const SnatAddress &one : snat.addresses) {
        const bool v4 = one.address.is_v4();
        const std::uint32_t index = v4 ? value.snat_v4++ : WEIR_MAX_SNAT + value.snat_v6++;
        if (auto done = put(NamedMap{fds_.snat_addresses, "snat_addresses"}, index,
                            to_abi(one.address), "add " + one.address.to_string());
            !done)
            return done;
    }
    return {};
}

Result<void> Tables::write_settings(const Config &config) {
    const NamedMap settings{fds_.settings, "settings"};
    weir_settings value{};
    // what is there beside the configuration stays, such as the collector's clock
    if (auto read = get(settings, kOnly, value); !read)
        return read;
    value.abi = WEIR_ABI;
    set_timeouts(value, config.timeouts);
    // their flows outlive them
    if (std::any_of(config.services.begin(), config.services.end(), changes_family))
        value.changes_family = 1;
    const PortRange &ports = config.snat.ports;
    value.snat_port_first = ports.first;
    value.snat_ports = static_cast<std::uint16_t>(ports.last - ports.first + 1);
    // the addresses first: what counts them makes them known
    return write_snat_addresses(config.snat, value).and_then([&] {
        return put(settings, kOnly, value, "write");
    });
}

Result<weir_settings> Tables::settings() const {
    weir_settings value{};
    return get(NamedMap{fds_.settings, "settings"}, kOnly, value).map([&] { return value; });
}

Result<void> Tables::hand_over(weir_handover what) {
    auto value = settings();
    if (!value)
        return tl::make_unexpected(value.error());
    value->handover = what;
    return put(NamedMap{fds_.settings, "settings"}, kOnly, *value, "hand over");
}

Result<void> Tables::set_snat_ports(const PortRange &ports) {
    auto value = settings();
    if (!value)
        return tl::make_unexpected(value.error());
    value->snat_port_first = ports.first;
    value->snat_ports = static_cast<std::uint16_t>(ports.last - ports.first + 1);
    return put(NamedMap{fds_.settings, "settings"}, kOnly, *value, "set the SNAT ports");
}

Result<PortRange> Tables::snat_ports() const {
    return settings().map([](const weir_settings &value) {
        return PortRange{value.snat_port_first,
                         static_cast<std::uint16_t>(value.snat_port_first + value.snat_ports - 1)};
    });
}

Result<void> Tables::write_backend_flows(const std::vector<std::uint32_t> &ids,
                                         const std::vector<std::uint32_t> &flows) {
    auto count = static_cast<std::uint32_t>(ids.size());
    if (count > 0 &&
        bpf_map_update_batch(fds_.backend_flows, ids.data(), flows.data(), &count, nullptr) != 0)
        return map_error("backend_flows", "write", errno);
    auto value = settings();
    if (!value)
        return tl::make_unexpected(value.error());
    value->counted_at = static_cast<std::uint64_t>(data_path_now(fds_.replay).count());
    return put(NamedMap{fds_.settings, "settings"}, kOnly, *value, "write");
}

Result<void> Tables::set_xdp_device(unsigned ifindex, weir_xdp_mode mode) {
    const std::uint32_t value = mode;
    return put(NamedMap{fds_.xdp_devices, "xdp_devices"}, ifindex, value, "add an interface");
}

Result<void> Tables::remove_xdp_device(unsigned ifindex) {
    return erase(NamedMap{fds_.xdp_devices, "xdp_devices"}, ifindex, "remove an interface");
}

Result<void> Tables::keep_xdp_devices(const std::vector<AttachedInterface> &attached) {
    std::vector<std::uint32_t> gone;
    auto done = for_each<std::uint32_t, std::uint32_t>(
        {fds_.xdp_devices, "xdp_devices"}, [&](std::uint32_t ifindex, std::uint32_t) {
            const bool kept = std::any_of(attached.begin(), attached.end(), [&](const auto &one) {
                return one.ifindex == ifindex && one.hook == Hook::xdp &&
                       one.state == InterfaceState::attached;
            });
            if (!kept)
                gone.push_back(ifindex);
        });
    if (!done)
        return done;
    return for_all(gone, [&](std::uint32_t ifindex) { return remove_xdp_device(ifindex); });
}

}  // namespace weir
