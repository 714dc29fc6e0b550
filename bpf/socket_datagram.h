/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Socket datagram: what an unconnected UDP socket sends to a VIP goes to a backend, the same one
 * until it is idle or the backend goes, and what comes back from there comes from the VIP.
 */
#pragma once

#include "bpf/socket_connect.h"

static __always_inline int datagram_is_to(const struct weir_socket_way *way,
                                          const struct weir_service_key *asked) {
    return way->seen && way->vip_port == asked->port && nat_same_address(&way->vip, &asked->vip);
}

static __always_inline int datagram_is_from(const struct weir_socket_way *way,
                                            const struct weir_service_key *from) {
    return way->seen && way->port == from->port && nat_same_address(&way->address, &from->vip);
}

/* Sets all->place to that of the way to a VIP, WEIR_SOCKET_WAYS if there is none. */
static __always_inline void datagram_look(struct weir_datagrams *all,
                                          const struct weir_service_key *asked) {
    all->place = WEIR_SOCKET_WAYS;
    for (__u32 i = 0; i < WEIR_SOCKET_WAYS; i++)
        if (datagram_is_to(&all->ways[i], asked))
            all->place = i;
}

/* The way to a VIP, copied; false: there is none. */
static __always_inline int datagram_find(struct weir_datagrams *all,
                                         const struct weir_service_key *asked,
                                         struct weir_socket_way *way) {
    __u32 place;

    bpf_spin_lock(&all->lock);
    datagram_look(all, asked);
    place = all->place;
    if (place < WEIR_SOCKET_WAYS)
        *way = all->ways[place];
    bpf_spin_unlock(&all->lock);
    return place < WEIR_SOCKET_WAYS;
}

/* Whether a backend answers for another VIP already: its answers could be of either. */
static __always_inline int datagram_is_taken(struct weir_datagrams *all,
                                             const struct weir_socket_way *way) {
    int taken;

    bpf_spin_lock(&all->lock);
    all->place = 0;
    for (int i = 0; i < WEIR_SOCKET_WAYS; i++) {
        const struct weir_socket_way *one = &all->ways[i];

        if (one->seen && one->port == way->port && nat_same_address(&one->address, &way->address) &&
            (one->vip_port != way->vip_port || !nat_same_address(&one->vip, &way->vip)))
            all->place = 1;
    }
    taken = all->place != 0;
    bpf_spin_unlock(&all->lock);
    return taken;
}

/* In place of the way to the same VIP, of none, or of the one that was used the longest ago. A way
 * whose `seen` is 0 is one less. */
static __always_inline void datagram_keep(struct weir_datagrams *all,
                                          const struct weir_service_key *asked,
                                          const struct weir_socket_way *way) {
    bpf_spin_lock(&all->lock);
    datagram_look(all, asked);
    if (all->place == WEIR_SOCKET_WAYS) {
        all->oldest = ~0ULL;
        for (__u32 i = 0; i < WEIR_SOCKET_WAYS; i++) {
            if (all->ways[i].seen < all->oldest) {
                all->oldest = all->ways[i].seen;
                all->place = i;
            }
        }
    }
    all->ways[all->place & (WEIR_SOCKET_WAYS - 1)] = *way;
    bpf_spin_unlock(&all->lock);
}
_Static_assert((WEIR_SOCKET_WAYS & (WEIR_SOCKET_WAYS - 1)) == 0, "used as a mask");

/* A backend for a VIP that the socket has no way to. Returns enum weir_drop_reason. */
static __always_inline int datagram_choose(struct bpf_sock_addr *ctx, struct weir_datagrams *all,
                                           const struct weir_service_key *asked,
                                           const struct weir_service *service,
                                           struct weir_socket_way *way) {
    struct weir_pick pick;
    __u64 now = world_now();
    int reason;

    __builtin_memset(way, 0, sizeof(*way));
    way->vip = asked->vip;
    way->vip_port = asked->port;
    way->service = service->id;
    reason = socket_admit(&pick, asked, service, now);
    if (reason == WEIR_DROP_NONE)
        reason = socket_pick(&pick, way, now);
    if (reason == WEIR_DROP_NONE && datagram_is_taken(all, way))
        /* where there is no other it has to do */
        socket_pick(&pick, way, now);
    if (reason != WEIR_DROP_NONE || !socket_same_family(asked, way))
        return reason;
    if (pick.service.affinity_s)
        admit_remember(&pick.client, way->backend, now);
    datagram_keep(all, asked, way);
    socket_count_given(way->service, way->backend, 0);
    return reason;
}

/* What is to become of a way, as enum weir_on_down has it: looked at with every datagram, for it
 * costs one look-up beside a system call. */
static __always_inline __u32 datagram_leaves(const struct weir_socket_way *way, __u64 now) {
    const struct weir_settings *set = settings_get();

    if (set && now - way->seen >= set->udp_s * 1000000000ULL)
        return WEIR_FLOWS_RESELECT;
    return socket_way_leaves(way);
}

/* <netinet/tcp.h>: UDP has it as well, for sockets that are connected */
enum { WEIR_SOCKET_CONNECTED = 1 };

/* One of IPv6 that is connected no more, as connect() with AF_UNSPEC makes it, of which no program
 * is told: the kernel gives it the datagrams of no other than its old peer, for __udp_disconnect()
 * leaves sk_v6_daddr as it is. */
static __always_inline int datagram_hears_only(const struct bpf_sock *sk,
                                               const struct weir_socket_way *way) {
    return sk->dst_ip6[0] == way->address.words[0] && sk->dst_ip6[1] == way->address.words[1] &&
           sk->dst_ip6[2] == way->address.words[2] && sk->dst_ip6[3] == way->address.words[3];
}

/* One that is connected, and names its peer all the same: another backend's answer would never
 * reach it. */
static __always_inline int datagram_to_peer(int family, struct bpf_sock_addr *ctx,
                                            const struct weir_service_key *asked) {
    struct weir_socket *socket = bpf_sk_storage_get(&sockets, ctx->sk, NULL, 0);

    if (!socket || !socket->way.seen)
        return 0;
    if (ctx->sk->state != WEIR_SOCKET_CONNECTED) {
        if (family != WEIR_V6 || !datagram_hears_only(ctx->sk, &socket->way)) {
            socket_forget(ctx);
            return 0;
        }
        if (socket->counted)
            socket_close(socket, bpf_get_socket_cookie(ctx));
    }
    if (!datagram_is_to(&socket->way, asked))
        return 0;
    socket_write(family, ctx, &socket->way.address, socket->way.port);
    return 1;
}

static __always_inline int datagram_send(int family, struct bpf_sock_addr *ctx) {
    const struct weir_service *service;
    struct weir_service_key asked;
    struct weir_datagrams *all;
    struct weir_socket_way way;
    __u64 now = world_now();
    __u32 leaves = WEIR_FLOWS_RESELECT;
    int reason;

    socket_read(family, ctx, &asked);
    service = bpf_map_lookup_elem(&services, &asked);
    if (!service || datagram_to_peer(family, ctx, &asked))
        return 1;
    all = bpf_sk_storage_get(&datagrams, ctx->sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
    if (!all) {
        socket_count_event(WEIR_SOCKET_UNTRACKED);
        return socket_refuse(service->id, WEIR_DROP_FLOW_TABLE_FULL);
    }
    if (datagram_find(all, &asked, &way))
        leaves = datagram_leaves(&way, now);
    if (leaves == WEIR_FLOWS_RESET) {
        way.seen = 0;
        datagram_keep(all, &asked, &way);
        return socket_refuse(way.service, WEIR_DROP_BACKEND_DOWN);
    }
    if (leaves == WEIR_FLOWS_RESELECT) {
        reason = datagram_choose(ctx, all, &asked, service, &way);
        if (reason != WEIR_DROP_NONE)
            return socket_refuse(way.service, (__u8)reason);
        if (!socket_same_family(&asked, &way))
            return 1;
    } else if (now - way.seen >= WEIR_REFRESH_NS) {
        way.seen = now;
        datagram_keep(all, &asked, &way);
    }
    socket_write(family, ctx, &way.address, way.port);
    return 1;
}

/* Whether an unconnected socket sends to the backend `from`: then the VIP is in `shown`; of two,
 * that to which it has sent last. */
static __always_inline int datagram_peer(struct bpf_sock_addr *ctx,
                                         const struct weir_service_key *from,
                                         struct weir_service_key *shown) {
    struct weir_datagrams *all = bpf_sk_storage_get(&datagrams, ctx->sk, NULL, 0);
    __u32 place;

    if (!all)
        return 0;
    bpf_spin_lock(&all->lock);
    all->place = WEIR_SOCKET_WAYS;
    all->oldest = 0; /* here the latest */
    for (__u32 i = 0; i < WEIR_SOCKET_WAYS; i++) {
        if (datagram_is_from(&all->ways[i], from) && all->ways[i].seen > all->oldest) {
            all->oldest = all->ways[i].seen;
            all->place = i;
        }
    }
    place = all->place;
    if (place < WEIR_SOCKET_WAYS) {
        shown->vip = all->ways[place].vip;
        shown->port = all->ways[place].vip_port;
    }
    bpf_spin_unlock(&all->lock);
    return place < WEIR_SOCKET_WAYS;
}

/* Written in one place: clang puts two together and moves the context's pointer for it, which the
 * verifier refuses ("dereference of modified ctx ptr"). */
static __always_inline void datagram_receive(int family, struct bpf_sock_addr *ctx) {
    struct weir_service_key from, shown = {};

    socket_read(family, ctx, &from);
    if (socket_peer(ctx, &from, &shown) || datagram_peer(ctx, &from, &shown))
        socket_write(family, ctx, &shown.vip, shown.port);
}
