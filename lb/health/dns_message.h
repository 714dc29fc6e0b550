// The two DNS messages of a check: the query, and what its answer says (RFC 1035, 4).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lb/net/address.h"

namespace weir {

struct DnsQuestion {
    std::uint16_t id = 0;
    std::string name;  // "example.com", with or without the last dot; checked by the configuration
    bool v6 = false;   // AAAA instead of A

    std::string_view type() const { return v6 ? "AAAA" : "A"; }
};

// A recursive query of one question.
std::string dns_query(const DnsQuestion &question);

struct DnsAnswer {
    unsigned code = 0;       // RCODE; 0: no error
    bool truncated = false;  // there are more records than came
    bool malformed = false;
    std::vector<Address> addresses;  // of the type asked for, by whatever name
};

// Nothing when the message is no answer to this very question: another id, or another question.
std::optional<DnsAnswer> read_dns_answer(const DnsQuestion &question, std::string_view message);

// "SERVFAIL", "rcode 23"
std::string dns_code_name(unsigned code);

}  // namespace weir
