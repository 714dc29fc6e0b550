// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* XDP ingress: client -> backend, and backend -> client where the reply can be forwarded from here.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/ingress.h"

/*
 * XDP sends out of an interface whose driver takes frames from it: for certain only the one they
 * came from, and those that carry this program natively. Generic XDP sends out of any. What cannot
 * be sent from here goes through the stack: the kernel would drop it without a word.
 */
static __always_inline int hook_can_send(__u32 from, __u32 to) {
    __u32 *mode = bpf_map_lookup_elem(&xdp_devices, &from);

    if (from == to || (mode && *mode == WEIR_XDP_GENERIC))
        return 1;
    mode = bpf_map_lookup_elem(&xdp_devices, &to);
    return mode && *mode == WEIR_XDP_NATIVE;
}

/* Sends the frame to its next hop. The packet was rewritten, so its headers are known to be there.
 */
static __always_inline int xdp_forward(enum weir_family family, struct xdp_md *ctx,
                                       const struct weir_packet *packet,
                                       const struct weir_next_hop *hop) {
    void *data = (void *)(long)ctx->data;
    void *end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = data;

    if (hop->ifindex == WEIR_HOP_STACK)
        return XDP_PASS;
    if ((void *)(eth + 1) > end ||
        !nat_decrement_ttl(family, data + (packet->l3_offset & WEIR_OFFSET_MASK), end))
        return XDP_ABORTED; /* cannot be: the verifier does not see what nat_rewrite() checked */
    __builtin_memcpy(eth->h_dest, hop->dmac, ETH_ALEN);
    __builtin_memcpy(eth->h_source, hop->smac, ETH_ALEN);
    if (hop->ifindex == ctx->ingress_ifindex)
        return XDP_TX;
    return (int)bpf_redirect(hop->ifindex, 0);
}

static __always_inline int xdp_ingress(enum weir_family family, struct xdp_md *ctx,
                                       const struct weir_packet *packet, __u32 length) {
    void *data = (void *)(long)ctx->data;
    void *end = (void *)(long)ctx->data_end;
    struct weir_decision decision;

    ingress_classify(family, packet, &decision);
    if (decision.entry)
        ingress_decide(family, ctx, packet, &decision);
    if (decision.entry && decision.reason == WEIR_DROP_NONE && !decision.untouched &&
        !nat_rewrite(family, data, end, packet, decision.entry))
        decision.reason = WEIR_DROP_REWRITE_FAILED;
    if (decision.reason != WEIR_DROP_NONE) {
        count_drop(decision.reason, decision.service, decision.backend);
        return XDP_DROP;
    }
    if (!decision.entry || decision.untouched)
        return XDP_PASS;

    count_translated(&decision.entry->flow, decision.opened, 1, length);
    flow_track(family, packet, decision.entry);
    return xdp_forward(family, ctx, packet, &decision.hop);
}

SEC("xdp.frags")
int weir_xdp_ingress(struct xdp_md *ctx) {
    __u32 length = world_length((__u32)bpf_xdp_get_buff_len(ctx));
    struct weir_packet packet;
    int family =
        parse_packet((void *)(long)ctx->data, (void *)(long)ctx->data_end, length, &packet);

    if (!family)
        return XDP_PASS;
    packet.now = world_now();
    packet.ifindex = ctx->ingress_ifindex;
    return family == WEIR_V4 ? xdp_ingress(WEIR_V4, ctx, &packet, length)
                             : xdp_ingress(WEIR_V6, ctx, &packet, length);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
