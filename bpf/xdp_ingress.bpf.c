// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * XDP ingress, the fast path: client -> backend and backend -> client, where the next hop is known
 * and can be sent to from here. It forwards, drops, or leaves the frame as it came; whatever else
 * there is to do (local backends, neighbours to resolve, fragments, VLAN tags, ICMP, IPv4 <-> IPv6)
 * is done at TC ingress, which every interface carries as well.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/account.h"
#include "bpf/capture.h"
#include "bpf/ingress.h"
#include "bpf/nat.h"

/*
 * XDP sends out of an interface whose driver takes frames from it: for certain only the one they
 * came from, and those that carry this program natively. Generic XDP sends out of any. What cannot
 * be sent from here the kernel would drop without a word: also a frame in several buffers (jumbo)
 * that is redirected, which no interface takes before 6.3, and not all do since (XMIT_SG).
 */
static __always_inline int xdp_can_send(const struct weir_decision *decision, __u32 from,
                                        int in_one_buffer) {
    const __u32 *mode;

    if (decision->hop.ifindex == from && !(decision->entry->flags & WEIR_FLOW_NO_TX))
        return 1;
    if (!in_one_buffer)
        return 0;
    if (decision->hop.ifindex == from || decision->entry->flags & WEIR_FLOW_XDP)
        return 1;
    mode = bpf_map_lookup_elem(&xdp_devices, &from);
    return mode && *mode == WEIR_XDP_GENERIC;
}

/* Whether the packet is a plain case. */
static __always_inline int xdp_can_take(long family, const struct weir_packet *packet,
                                        const struct weir_decision *decision, int in_one_buffer) {
    const struct weir_flow *entry = decision->entry;

    return entry_new_family(family, entry) == family && packet->ttl > 1 &&
           packet->ip_length <= entry->mtu && decision->hop.ifindex != WEIR_HOP_STACK &&
           decision->hop.ifindex != WEIR_HOP_UNREACHABLE && route_is_resolved(&decision->hop) &&
           !(entry->flags & WEIR_FLOW_LOCAL) &&
           xdp_can_send(decision, packet->ifindex, in_one_buffer);
}

/* Drops that are answered are made where that can be done, at TC ingress. */
static __always_inline int xdp_drop(long family, const struct weir_packet *packet,
                                    const struct weir_decision *decision) {
    if (decision->reason == WEIR_DROP_NO_BACKEND || decision->reason == WEIR_DROP_SNAT_EXHAUSTED ||
        decision->reason == WEIR_DROP_BACKEND_DOWN) {
        if (!decision->entry)
            service_take_back();
        return XDP_PASS;
    }
    event_drop(family, packet, decision->entry, decision->reason, decision->service,
               decision->backend);
    return XDP_DROP;
}

/* Sends the frame to its next hop. The packet was rewritten, so its headers are known to be there.
 */
static __always_inline int xdp_forward(long family, struct xdp_md *ctx,
                                       const struct weir_packet *packet,
                                       const struct weir_next_hop *hop, __u8 flags) {
    void *data = (void *)(long)ctx->data;
    void *end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = data;
    const __u32 *macs = route_macs(hop);
    __u32 *to = data;

    if ((void *)(eth + 1) > end ||
        !nat_decrement_ttl(family, data + (packet->l3_offset & WEIR_OFFSET_MASK), end))
        return XDP_ABORTED; /* cannot be: the verifier does not see what nat_rewrite() checked */
    to[0] = macs[0];
    to[1] = macs[1];
    to[2] = macs[2];
    if (hop->ifindex == ctx->ingress_ifindex && !(flags & WEIR_FLOW_NO_TX))
        return XDP_TX;
    return (int)bpf_redirect(hop->ifindex, 0);
}

static __always_inline int xdp_ingress(long family, struct xdp_md *ctx,
                                       struct weir_packet *packet) {
    void *data = (void *)(long)ctx->data;
    void *end = (void *)(long)ctx->data_end;
    struct weir_decision decision;
    __u8 flags;

    ingress_classify(family, packet, flow_of(family, packet), 0, &decision);
    if (decision.way == WEIR_WAY_DROP)
        return xdp_drop(family, packet, &decision);
    if (!decision.entry)
        return XDP_PASS;
    flow_route(ctx, family, packet, decision.entry, &decision.hop);
    if (!xdp_can_take(family, packet, &decision, packet->length <= (__u32)(end - data)) ||
        !nat_rewrite(family, data, end, packet, decision.entry))
        return XDP_PASS;

    count_translated(decision.entry, decision.opened, 1, packet->length);
    if (options.account)
        account_packet(family, packet, decision.entry, 1, packet->length);
    flags = decision.entry->flags; /* promotion moves the entry */
    flow_track(family, packet, decision.entry);
    return xdp_forward(family, ctx, packet, &decision.hop, flags);
}

/*
 * Global functions: the verifier looks at them once, with any packet, and not again for each of the
 * many ways through parsing.
 */
__noinline int xdp_ingress_v4(struct xdp_md *ctx, struct weir_packet *packet) {
    return packet ? xdp_ingress(WEIR_V4, ctx, packet) : XDP_PASS;
}

__noinline int xdp_ingress_v6(struct xdp_md *ctx, struct weir_packet *packet) {
    return packet ? xdp_ingress(WEIR_V6, ctx, packet) : XDP_PASS;
}

/* What lies in one buffer needs no helper to tell its length. */
static __always_inline int xdp_parse(struct xdp_md *ctx, struct weir_packet *packet) {
    void *data = (void *)(long)ctx->data;
    void *end = (void *)(long)ctx->data_end;
    __u32 length = (__u32)(end - data);
    int family = 0;
    __u32 whole;

    if (!options.replay)
        family = parse_packet(data, end, length, WEIR_PARSE_PLAIN, packet);
    if (family)
        return family;
    whole = world_length((__u32)bpf_xdp_get_buff_len(ctx));
    if (!options.replay && whole == length)
        return 0;
    return parse_packet(data, end, whole, WEIR_PARSE_PLAIN, packet);
}

static __always_inline int xdp_run(struct xdp_md *ctx) {
    struct weir_packet packet;
    int family = xdp_parse(ctx, &packet);

    if (!family || ingress_is_idle())
        return XDP_PASS;
    packet.now = world_now();
    packet.ifindex = ctx->ingress_ifindex;
    return family == WEIR_V4 ? xdp_ingress_v4(ctx, &packet) : xdp_ingress_v6(ctx, &packet);
}

/* Not inlined, as they are seldom called: for the stack's sake. */
static __noinline void xdp_capture_before(struct xdp_md *ctx) {
    struct weir_captured *frame = capture_frame(WEIR_XDP_INGRESS);

    if (!frame)
        return;
    frame->ifindex = ctx->ingress_ifindex;
    capture_before(ctx, frame, WEIR_XDP_INGRESS, (__u32)bpf_xdp_get_buff_len(ctx));
}

static __noinline void xdp_capture_after(struct xdp_md *ctx, int answer) {
    struct weir_captured *frame = capture_frame(WEIR_XDP_INGRESS);

    if (frame)
        capture_after(ctx, frame, answer, (__u32)bpf_xdp_get_buff_len(ctx));
}

SEC("xdp.frags")
int weir_xdp_ingress(struct xdp_md *ctx) {
    int listened = capture_wanted(ctx->ingress_ifindex) != 0;
    int answer;

    if (listened)
        xdp_capture_before(ctx);
    answer = xdp_run(ctx);
    if (listened && answer != XDP_PASS) /* TC has it next */
        xdp_capture_after(ctx, answer);
    return answer;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
