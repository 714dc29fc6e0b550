// A set of ports, as the kernel writes it in ip_local_reserved_ports: "8080,20000-60999".
#pragma once

#include <bitset>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lb/net/address.h"

namespace weir {

class PortSet {
  public:
    PortSet() = default;
    explicit PortSet(const std::vector<PortRange> &ranges);

    // Blanks around it are allowed: the kernel ends it with a line break.
    static std::optional<PortSet> parse(std::string_view text);
    // As few ranges as will do, in order.
    std::vector<PortRange> ranges() const;
    std::string to_string() const;

    PortSet operator|(const PortSet &other) const { return PortSet(ports_ | other.ports_); }
    PortSet operator-(const PortSet &other) const { return PortSet(ports_ & ~other.ports_); }
    bool operator==(const PortSet &) const = default;

  private:
    using Bits = std::bitset<65536>;
    explicit PortSet(const Bits &ports) : ports_(ports) {}

    Bits ports_;
};

}  // namespace weir
