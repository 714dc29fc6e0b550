/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Socket listen: one local socket listens for a whole range of ports, or every address of a prefix,
 * without being bound to each. For packets that this host delivers to itself and that belong to no
 * connection.
 */
#pragma once

#include "bpf/address.h"
#include "bpf/socket_count.h"

struct listen_search {
    struct weir_address address;
    __u32 port; /* host order */
    __u32 protocol;
    __u32 found; /* index of the listener; WEIR_LISTENERS: none */
};

static __always_inline int listen_contains(const struct weir_listener *one,
                                           const struct listen_search *search) {
    return one->protocol == search->protocol && search->port >= one->first_port &&
           search->port <= one->last_port &&
           (search->address.words[0] & one->mask.words[0]) == one->address.words[0] &&
           (search->address.words[1] & one->mask.words[1]) == one->address.words[1] &&
           (search->address.words[2] & one->mask.words[2]) == one->address.words[2] &&
           (search->address.words[3] & one->mask.words[3]) == one->address.words[3];
}

/* For bpf_loop(): 0 goes on. They are sorted, the narrowest first. */
static long listen_try(__u32 index, void *context) {
    struct listen_search *search = context;
    const struct weir_listener *one = bpf_map_lookup_elem(&listeners, &index);

    if (!one || !one->protocol)
        return 1;
    if (!listen_contains(one, search))
        return 0;
    search->found = index;
    return 1;
}

static __always_inline int listen_assign(struct bpf_sk_lookup *ctx) {
    struct listen_search search = {
        .port = ctx->local_port, .protocol = ctx->protocol, .found = WEIR_LISTENERS};
    __u32 v4 = ctx->local_ip4;
    struct bpf_sock *sk;

    /* else clang puts the last loads of either family together, and moves the context's pointer for
     * it, which the verifier refuses ("dereference of modified ctx ptr") */
    barrier_var(v4);
    if (ctx->family == WEIR_V4) {
        nat_map_v4(&search.address, v4);
    } else {
        search.address.words[0] = ctx->local_ip6[0];
        search.address.words[1] = ctx->local_ip6[1];
        search.address.words[2] = ctx->local_ip6[2];
        search.address.words[3] = ctx->local_ip6[3];
    }
    bpf_loop(WEIR_LISTENERS, listen_try, &search, 0);
    sk = bpf_map_lookup_elem(&listener_sockets, &search.found);
    if (!sk) /* none of ours, or nobody listens there: the usual socket, if any */
        return SK_PASS;
    bpf_sk_assign(ctx, sk, 0);
    bpf_sk_release(sk);
    return SK_PASS;
}

/*
 * Run by the daemon, not attached: finds the socket that listens at listener_wanted->address and
 * puts it at its place in `listener_sockets`. Returns whether there is one.
 */
static __always_inline int listen_find(struct __sk_buff *skb) {
    const struct weir_listener_wanted *wanted;
    struct bpf_sock_tuple tuple = {};
    struct bpf_sock *sk;
    __u32 size, index, zero = 0;
    long error;

    wanted = bpf_map_lookup_elem(&listener_wanted, &zero);
    if (!wanted)
        return 0;
    index = wanted->index;
    if (nat_family_of(&wanted->address) == WEIR_V4) {
        tuple.ipv4.daddr = wanted->address.words[3];
        tuple.ipv4.dport = wanted->port;
        size = sizeof(tuple.ipv4);
    } else {
        __builtin_memcpy(tuple.ipv6.daddr, &wanted->address, sizeof(tuple.ipv6.daddr));
        tuple.ipv6.dport = wanted->port;
        size = sizeof(tuple.ipv6);
    }
    sk = wanted->protocol == IPPROTO_TCP
             ? bpf_sk_lookup_tcp(skb, &tuple, size, BPF_F_CURRENT_NETNS, 0)
             : bpf_sk_lookup_udp(skb, &tuple, size, BPF_F_CURRENT_NETNS, 0);
    if (!sk)
        return 0;
    error = bpf_map_update_elem(&listener_sockets, &index, sk, BPF_ANY);
    bpf_sk_release(sk);
    return !error;
}
