// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Loses every EVERYth frame that carries more than headers. tcpdump has seen it: the frame came,
 * and its host never got it. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

enum { HEADERS = 14 + 20 + 60 };

unsigned int frames;

SEC("tc")
int loss(struct __sk_buff *skb) {
    if (skb->len <= HEADERS)
        return TC_ACT_OK;
    return ++frames % EVERY == 0 ? TC_ACT_SHOT : TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
