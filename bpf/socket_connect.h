/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Socket connect: a socket that is connected to a VIP is connected to a backend instead, before
 * there is a packet; asked who its peer is, it says the VIP. TCP, and UDP that is connected.
 */
#pragma once

#include "bpf/socket_choose.h"

/* Not what it was connected to: a TCP socket may live on without its program, and be looked at. */
static __always_inline void socket_close(struct weir_socket *socket, __u64 cookie) {
    socket_count_closed(socket);
    if (socket->protocol == IPPROTO_UDP)
        bpf_map_delete_elem(&udp_sockets, &cookie);
}

/* It is connected to something else now. */
static __always_inline void socket_forget(struct bpf_sock_addr *ctx) {
    struct weir_socket *socket = bpf_sk_storage_get(&sockets, ctx->sk, NULL, 0);

    if (!socket)
        return;
    socket_close(socket, bpf_get_socket_cookie(ctx));
    __builtin_memset(socket, 0, sizeof(*socket));
}

/* What getpeername() and recvfrom() go by. */
static __always_inline void socket_remember(struct bpf_sock_addr *ctx,
                                            const struct weir_socket_way *way, __u8 protocol) {
    struct weir_socket *socket =
        bpf_sk_storage_get(&sockets, ctx->sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
    __u64 cookie;

    if (!socket) {
        socket_count_event(WEIR_SOCKET_UNTRACKED);
        return;
    }
    socket_count_closed(socket);
    socket->way = *way;
    socket->protocol = protocol;
    socket->connecting = 0;
    socket_count_open(socket);
    if (protocol == IPPROTO_UDP) {
        cookie = bpf_get_socket_cookie(ctx);
        bpf_map_update_elem(&udp_sockets, &cookie, socket, BPF_ANY);
    }
}

static __always_inline int socket_connect(int family, struct bpf_sock_addr *ctx) {
    const struct weir_service *service;
    struct weir_service_key asked;
    struct weir_socket_way way;
    struct weir_pick pick;
    __u64 now = world_now();
    int reason;

    socket_read(family, ctx, &asked);
    service = bpf_map_lookup_elem(&services, &asked);
    if (!service) {
        socket_forget(ctx);
        return 1;
    }
    __builtin_memset(&way, 0, sizeof(way));
    reason = socket_admit(&pick, &asked, service, now);
    if (reason == WEIR_DROP_NONE)
        reason = socket_pick(&pick, &way, now);
    if (reason != WEIR_DROP_NONE)
        return socket_refuse(pick.service.id, (__u8)reason);
    if (!socket_same_family(&asked, &way)) {
        socket_forget(ctx);
        return 1;
    }
    way.vip = asked.vip;
    way.vip_port = asked.port;
    if (pick.service.affinity_s)
        admit_remember(&pick.client, way.backend, now);
    socket_remember(ctx, &way, asked.protocol);
    socket_count_given(way.service, way.backend, 1);
    socket_write(family, ctx, &way.address, way.port);
    return 1;
}

/* Whether `is` is the backend of a connected socket: then the VIP that it asked for is in `shown`.
 */
static __always_inline int socket_peer(struct bpf_sock_addr *ctx, const struct weir_service_key *is,
                                       struct weir_service_key *shown) {
    const struct weir_socket *socket = bpf_sk_storage_get(&sockets, ctx->sk, NULL, 0);

    if (!socket || !socket->way.seen || is->port != socket->way.port ||
        !nat_same_address(&is->vip, &socket->way.address))
        return 0;
    shown->vip = socket->way.vip;
    shown->port = socket->way.vip_port;
    return 1;
}

/* The peer's address as a program sees it. */
static __always_inline void socket_show_peer(int family, struct bpf_sock_addr *ctx) {
    struct weir_service_key is, shown;

    socket_read(family, ctx, &is);
    if (socket_peer(ctx, &is, &shown))
        socket_write(family, ctx, &shown.vip, shown.port);
}
