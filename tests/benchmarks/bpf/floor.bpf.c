// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * What the packet programs are measured against. The wrappers put the frame back as it came, which
 * a test run leaves as the program rewrote it, and call what stands in `xdp_next` or `tc_next`: one
 * of Weir's programs, or one of these.
 *   floor       swaps the MAC addresses and sends the frame back
 *   reference   parses, and looks its tuple up in an LRU hash, besides
 *   inserts     parses, and makes two entries of an LRU hash as large as those of IPv4, besides
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/abi.h"

enum { FRAME = 96 }; /* bytes that are put back, of each frame */

/* Where the 32 bits stand that tell flows apart. */
enum {
    V4_SOURCE = ETH_HLEN + 12,
    LAST_OF_V6_SOURCE = ETH_HLEN + 8 + 12,
};

/* Words: clang copies what is aligned to bytes byte by byte. */
struct frame {
    __u64 words[FRAME / 8];
};

__u64 frame[FRAME / 8];
__u32 flows = 1; /* that the frames belong to, one after the other */
__u32 is_v6 = 0;
__u32 turn = 0;

struct key {
    __be32 saddr, daddr;
    __be16 sport, dport;
    __u32 protocol;
};

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} xdp_next SEC(".maps"), tc_next SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 1);
    __type(key, struct key);
    __type(value, struct weir_flow);
} looked_up SEC(".maps"), inserted SEC(".maps");

/* Flow 0 has the address as it stands in the frame. The step is a prime: neighbours in time are
 * none in the table. */
static __always_inline int restore(void *data, void *end) {
    struct frame *to = data;
    __be32 *address;

    if ((void *)(to + 1) > end)
        return 0;
    *to = *(const struct frame *)frame;
    if (flows > 1) {
        address = data + (is_v6 ? LAST_OF_V6_SOURCE : V4_SOURCE);
        turn += 7919;
        if (turn >= flows)
            turn %= flows;
        *address = bpf_htonl(bpf_ntohl(*address) + turn);
    }
    return 1;
}

static __always_inline int swap(void *data, void *end) {
    struct ethhdr *eth = data;
    __u8 mac[ETH_ALEN];

    if ((void *)(eth + 1) > end)
        return 0;
    __builtin_memcpy(mac, eth->h_source, ETH_ALEN);
    __builtin_memcpy(eth->h_source, eth->h_dest, ETH_ALEN);
    __builtin_memcpy(eth->h_dest, mac, ETH_ALEN);
    return 1;
}

/* Ports stand at the same place in TCP and UDP. */
static __always_inline int parse(const void *data, const void *end, struct key *key) {
    const struct ethhdr *eth = data;
    const struct iphdr *ip = (const void *)(eth + 1);
    const struct udphdr *udp;

    if ((const void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP) || ip->version != 4 ||
        ip->ihl < 5 || ip->frag_off & bpf_htons(0x3fff) ||
        (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP))
        return 0;
    udp = (const void *)ip + ip->ihl * 4;
    if ((const void *)(udp + 1) > end)
        return 0;
    key->saddr = ip->saddr;
    key->daddr = ip->daddr;
    key->sport = udp->source;
    key->dport = udp->dest;
    key->protocol = ip->protocol;
    return 1;
}

static __always_inline int look_up(const void *data, const void *end) {
    struct weir_flow *found;
    struct key key;

    if (!parse(data, end, &key))
        return 0;
    found = bpf_map_lookup_elem(&looked_up, &key);
    return found && found->state == 0;
}

static __always_inline int insert(const void *data, const void *end) {
    struct weir_flow flow = {};
    struct key key;
    __be32 saddr;

    if (!parse(data, end, &key) || bpf_map_update_elem(&inserted, &key, &flow, BPF_ANY))
        return 0;
    saddr = key.saddr;
    key.saddr = key.daddr;
    key.daddr = saddr;
    return !bpf_map_update_elem(&inserted, &key, &flow, BPF_ANY);
}

#define DATA (void *)(long)ctx->data
#define END  (void *)(long)ctx->data_end

SEC("xdp.frags")
int xdp_wrapper(struct xdp_md *ctx) {
    if (restore(DATA, END))
        bpf_tail_call_static(ctx, &xdp_next, 0);
    return XDP_ABORTED;
}

SEC("xdp.frags")
int xdp_floor(struct xdp_md *ctx) {
    return swap(DATA, END) ? XDP_TX : XDP_ABORTED;
}

SEC("xdp.frags")
int xdp_reference(struct xdp_md *ctx) {
    return look_up(DATA, END) && swap(DATA, END) ? XDP_TX : XDP_ABORTED;
}

SEC("xdp.frags")
int xdp_inserts(struct xdp_md *ctx) {
    return insert(DATA, END) && swap(DATA, END) ? XDP_TX : XDP_ABORTED;
}

SEC("tc")
int tc_wrapper(struct __sk_buff *ctx) {
    if (restore(DATA, END))
        bpf_tail_call_static(ctx, &tc_next, 0);
    return TC_ACT_SHOT;
}

SEC("tc")
int tc_floor(struct __sk_buff *ctx) {
    return swap(DATA, END) ? (int)bpf_redirect(ctx->ifindex, 0) : TC_ACT_SHOT;
}

SEC("tc")
int tc_reference(struct __sk_buff *ctx) {
    return look_up(DATA, END) && swap(DATA, END) ? (int)bpf_redirect(ctx->ifindex, 0) : TC_ACT_SHOT;
}

SEC("tc")
int tc_inserts(struct __sk_buff *ctx) {
    return insert(DATA, END) && swap(DATA, END) ? (int)bpf_redirect(ctx->ifindex, 0) : TC_ACT_SHOT;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
