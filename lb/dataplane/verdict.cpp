#include "lb/dataplane/verdict.h"

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

namespace weir {

namespace {

std::optional<Verdict> xdp_verdict(std::uint32_t answer) {
    switch (answer) {
        case XDP_PASS:
            return Verdict::pass;
        case XDP_TX:
            return Verdict::tx;
        case XDP_REDIRECT:
            return Verdict::redirect;
        case XDP_DROP:
            return Verdict::drop;
        default:
            return std::nullopt;
    }
}

std::optional<Verdict> tc_verdict(std::uint32_t answer) {
    switch (static_cast<int>(answer)) {
        case TC_ACT_OK:
        case TC_ACT_UNSPEC:
            return Verdict::pass;
        case TC_ACT_REDIRECT:
            return Verdict::redirect;
        case TC_ACT_SHOT:
            return Verdict::drop;
        default:
            return std::nullopt;
    }
}

}  // namespace

std::string_view to_string(PacketHook hook) {
    switch (hook) {
        case PacketHook::xdp_ingress:
            return "xdp_ingress";
        case PacketHook::tc_ingress:
            return "tc_ingress";
        case PacketHook::tc_egress:
            break;
    }
    return "tc_egress";
}

std::string_view to_string(Verdict verdict) {
    switch (verdict) {
        case Verdict::pass:
            return "pass";
        case Verdict::tx:
            return "tx";
        case Verdict::redirect:
            return "redirect";
        case Verdict::drop:
            break;
    }
    return "drop";
}

std::optional<Verdict> verdict_of(PacketHook hook, std::uint32_t answer) {
    return hook == PacketHook::xdp_ingress ? xdp_verdict(answer) : tc_verdict(answer);
}

}  // namespace weir
