// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* A host on a tagged link, for kernels without VLAN devices: tags on what it sends (802.1Q 100, and
 * with TAGS=2 an 802.1ad 200 around it), and off what it receives. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

SEC("put")
int tag_put(struct __sk_buff *skb) {
    if (bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 100) ||
        (TAGS > 1 && bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021AD), 200)))
        return TC_ACT_SHOT;
    return TC_ACT_OK;
}

SEC("take")
int tag_take(struct __sk_buff *skb) {
    if (bpf_skb_vlan_pop(skb) || (TAGS > 1 && bpf_skb_vlan_pop(skb)))
        return TC_ACT_SHOT;
    return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
