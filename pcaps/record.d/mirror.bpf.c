// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Sends a copy of every frame to the interface MIRROR, and leaves the frame to the next filter. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

SEC("tc")
int mirror(struct __sk_buff *skb) {
    bpf_clone_redirect(skb, MIRROR, 0);
    return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
