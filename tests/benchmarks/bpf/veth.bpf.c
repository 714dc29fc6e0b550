// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Of the benchmark `veth`: who sends, who receives, and the least that a forwarder can do. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum { FLOWS = 1024, WORDS = 8 }; /* a frame has 64 bytes */

struct header {
    __u16 to[3], from[3];
    __be16 ethertype;
    __u8 version, tos;
    __be16 length, id, fragment;
    __u8 ttl, protocol;
    __u16 check;
    __be32 source, destination;
    __be16 source_port, destination_port;
} __attribute__((packed));

/* Of `generate`: its frames, in turn. */
__u64 frames[FLOWS][WORDS];
__u32 turn;
/* Of all but `count`: the interface that they send to. */
const volatile __u32 out;
/* Of the redirects: both MAC addresses. */
const volatile __u32 next_hop[3];
/* Of `count`: what a frame that arrives has. */
const volatile __u16 own_mac[3];
const volatile __be32 own_address;
const volatile __be16 own_port; /* 0: any */

enum { ARRIVED, ASTRAY, COUNTERS };
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, COUNTERS);
    __type(key, __u32);
    __type(value, __u64);
} counted SEC(".maps");

/* A live frame comes back as the last who had it left it: all of it is written. */
SEC("xdp")
int generate(struct xdp_md *ctx) {
    __u64 *words = (void *)(long)ctx->data;
    const __u64 *frame = frames[turn++ % FLOWS];

    if ((void *)(words + WORDS) > (void *)(long)ctx->data_end)
        return XDP_ABORTED;
    for (int i = 0; i < WORDS; i++)
        words[i] = frame[i];
    return (int)bpf_redirect(out, 0);
}

/* Whatever is not UDP is the host's: ARP. */
SEC("xdp")
int count(struct xdp_md *ctx) {
    const struct header *header = (void *)(long)ctx->data;
    __u32 key = ASTRAY;
    __u64 *packets;

    if ((void *)(header + 1) > (void *)(long)ctx->data_end ||
        header->ethertype != bpf_htons(0x0800) || header->protocol != 17)
        return XDP_PASS;
    if (header->to[0] == own_mac[0] && header->to[1] == own_mac[1] && header->to[2] == own_mac[2] &&
        header->destination == own_address &&
        (own_port == 0 || header->destination_port == own_port))
        key = ARRIVED;
    packets = bpf_map_lookup_elem(&counted, &key);
    if (packets)
        ++*packets;
    return XDP_DROP;
}

SEC("xdp")
int redirect_xdp(struct xdp_md *ctx) {
    __u32 *macs = (void *)(long)ctx->data;

    if ((void *)(macs + 3) > (void *)(long)ctx->data_end)
        return XDP_ABORTED;
    for (int i = 0; i < 3; i++)
        macs[i] = next_hop[i];
    return (int)bpf_redirect(out, 0);
}

SEC("tc")
int redirect_tc(struct __sk_buff *skb) {
    __u32 *macs = (void *)(long)skb->data;

    if ((void *)(macs + 3) > (void *)(long)skb->data_end)
        return TC_ACT_SHOT;
    for (int i = 0; i < 3; i++)
        macs[i] = next_hop[i];
    return (int)bpf_redirect(out, 0);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
