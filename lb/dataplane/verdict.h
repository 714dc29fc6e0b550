// The places where a packet meets the data path, and what becomes of it there.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace weir {

enum class PacketHook { xdp_ingress, tc_ingress, tc_egress };
enum class Verdict { pass, tx, redirect, drop };

std::string_view to_string(PacketHook hook);  // "xdp_ingress", "tc_ingress", "tc_egress"
std::string_view to_string(Verdict verdict);  // "pass", "tx", "redirect", "drop"

// What a program's answer means; none where no program of the data path gives it.
std::optional<Verdict> verdict_of(PacketHook hook, std::uint32_t answer);

}  // namespace weir
