/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Socket bind: keeps programs off addresses and ports that are the data path's, and sockets of
 * kinds that are not wanted from being made.
 */
#pragma once

#include "bpf/socket_choose.h"

/* Whether an address is of the SNAT pool; asked for each of its addresses, 0 goes on. */
struct socket_snat {
    struct weir_address address;
    __u32 base;
    __u32 found;
};

static long socket_is_snat(__u32 index, void *context) {
    struct socket_snat *snat = context;
    const struct weir_address *one;

    index += snat->base;
    one = bpf_map_lookup_elem(&snat_addresses, &index);
    snat->found = one && nat_same_address(one, &snat->address);
    return !one || snat->found;
}

static __always_inline int socket_is_any(const struct weir_address *address) {
    return !address->words[0] && !address->words[1] &&
           (!address->words[2] || address->words[2] == bpf_htonl(0xffff)) && !address->words[3];
}

/* Whether fullnat may give this address and port to a flow. */
static __always_inline int socket_takes_snat_port(const struct weir_service_key *wanted) {
    const struct weir_settings *set = settings_get();
    int v4 = nat_family_of(&wanted->vip) == WEIR_V4;
    struct socket_snat snat = {.address = wanted->vip, .base = v4 ? 0 : WEIR_MAX_SNAT};
    __u32 port = bpf_ntohs(wanted->port);

    if (!set || set->snat_v4 + set->snat_v6 == 0 || port < set->snat_port_first ||
        port >= (__u32)set->snat_port_first + set->snat_ports)
        return 0;
    if (socket_is_any(&wanted->vip))
        return 1;
    bpf_loop(v4 ? set->snat_v4 : set->snat_v6, socket_is_snat, &snat, 0);
    return snat.found != 0;
}

static __always_inline int socket_is_allowed(const struct weir_service_key *wanted) {
    struct weir_service_key key = *wanted;

    key.protocol = 0;
    if (bpf_map_lookup_elem(&socket_allowed, &key))
        return 1;
    __builtin_memset(&key.vip, 0, sizeof(key.vip));
    return bpf_map_lookup_elem(&socket_allowed, &key) != NULL;
}

static __always_inline int socket_bind(int family, struct bpf_sock_addr *ctx) {
    const struct weir_socket_settings *set = socket_settings_get();
    enum weir_socket_event refused;
    struct weir_service_key wanted;

    if (!set || !(set->flags & WEIR_SOCKET_GUARD) || !ctx->user_port ||
        bpf_get_netns_cookie(ctx) != set->netns)
        return 1;
    socket_read(family, ctx, &wanted);
    if (bpf_map_lookup_elem(&services, &wanted))
        refused = WEIR_SOCKET_BIND_VIP;
    else if (socket_takes_snat_port(&wanted))
        refused = WEIR_SOCKET_BIND_SNAT;
    else
        return 1;
    if (socket_is_allowed(&wanted))
        return 1;
    socket_count_event(refused);
    bpf_set_retval(-WEIR_EADDRINUSE);
    return 0;
}

/* Valued as <bits/socket_type.h> has them. */
enum { WEIR_SOCK_STREAM = 1, WEIR_SOCK_DGRAM = 2, WEIR_SOCK_RAW = 3 };

static __always_inline int socket_make(struct bpf_sock *sk) {
    const struct weir_socket_settings *set = socket_settings_get();
    __u32 kind;

    if (!set)
        return 1;
    kind = sk->type == WEIR_SOCK_STREAM  ? WEIR_DENY_STREAM
           : sk->type == WEIR_SOCK_DGRAM ? WEIR_DENY_DGRAM
           : sk->type == WEIR_SOCK_RAW   ? WEIR_DENY_RAW
                                         : 0;
    if (sk->family == WEIR_V6)
        kind <<= WEIR_DENY_V6;
    if (set->denied & kind) {
        socket_count_event(WEIR_SOCKET_DENIED);
        bpf_set_retval(-WEIR_EACCES);
        return 0;
    }
    if (set->mark && !sk->mark)
        sk->mark = set->mark;
    socket_count_user(WEIR_NO_SERVICE);
    return 1;
}
