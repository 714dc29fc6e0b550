#include "lb/model/addresses.h"

namespace weir {

AddressCounts count_vips(const std::vector<ServiceRow> &services) {
    AddressCounts counts;
    for (const ServiceRow &service : services)
        ++counts[service.vip.address];
    return counts;
}

AddressCounts count_backend_addresses(const std::vector<ServiceRow> &services) {
    AddressCounts counts;
    for (const ServiceRow &service : services)
        for (const BackendRow &backend : service.backends)
            ++counts[backend.endpoint.address];
    return counts;
}

void count_backends(const ServiceRow &service, std::int64_t each, AddressChanges &changes) {
    for (const BackendRow &backend : service.backends)
        changes[backend.endpoint.address] += each;
}

void plan_addresses(const AddressCounts &before, const AddressCounts &after,
                    std::vector<AddressWrite> &set, std::vector<Address> &remove) {
    for (const auto &[address, count] : after) {
        const auto found = before.find(address);
        if (found == before.end() || found->second != count)
            set.push_back({address, count});
    }
    for (const auto &[address, count] : before)
        if (after.count(address) == 0)
            remove.push_back(address);
}

}  // namespace weir
