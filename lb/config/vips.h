// The services by their VIP, port and protocol.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <unordered_map>
#include <utility>

#include "lb/config/config.h"

namespace weir {

// Each backend of ten thousand services is looked for here, whenever one of them changes.
struct HashVip {
    std::size_t operator()(const std::pair<Protocol, Endpoint> &vip) const {
        const auto &bytes = vip.second.address.bytes();
        std::uint64_t high = 0;
        std::uint64_t low = 0;
        std::memcpy(&high, bytes.data(), sizeof high);
        std::memcpy(&low, bytes.data() + sizeof high, sizeof low);
        const auto hash = (high * 31 + low) * 31 + (std::uint64_t{vip.second.port} << 8U |
                                                    static_cast<std::uint8_t>(vip.first));
        return hash * 0x9e3779b97f4a7c15ULL >> 16U;
    }
};
using Vips = std::unordered_map<std::pair<Protocol, Endpoint>, const ServiceConfig *, HashVip>;

}  // namespace weir
