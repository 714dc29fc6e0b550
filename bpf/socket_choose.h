/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Socket choose: which backend a socket gets that a program sends to a VIP. By the tables and the
 * schedulers of the packets' way. What is at work on is on the stack: unlike a packet, a program
 * may be interrupted on its CPU by another, and by packets.
 */
#pragma once

#include "bpf/address.h"
#include "bpf/pick.h"
#include "bpf/socket_count.h"

/* <errno.h> is none of BPF's headers */
enum { WEIR_EPERM = 1, WEIR_EACCES = 13, WEIR_EADDRINUSE = 98, WEIR_ECONNREFUSED = 111 };

/* For bpf_loop(): 0 goes on. What it is given has to be on the stack: a pointer to the pick. */
static long socket_try_slot(__u32 index, void *pick) {
    (void)index;
    return pick_try_slot(*(struct weir_pick **)pick);
}

/* For bpf_loop(): 0 goes on. */
static long socket_weigh(__u32 index, void *pick) {
    return pick_weigh(*(struct weir_pick **)pick, index);
}

/* The address as which this host's programs come to a service. Not one that a socket is bound to: a
 * program may bind itself to any (IP_FREEBIND), and would come as whom it likes. */
static __always_inline void socket_source(__u32 service, struct weir_address *address) {
    const struct weir_address *usual = bpf_map_lookup_elem(&socket_sources, &service);

    if (usual)
        *address = *usual;
    else
        __builtin_memset(address, 0, sizeof(*address));
}

/* A program has no port yet, so what goes by the tuple goes by chance. */
static __always_inline void socket_set_hash(struct weir_pick *p, int family) {
    union weir_any_tuple tuple = {};

    p->hash = bpf_get_prandom_u32();
    if (p->service.scheduler != WEIR_SCHEDULE_SOURCE)
        return;
    if (family == WEIR_V4)
        tuple.v4.saddr = p->client.address.words[3];
    else
        tuple.v6.saddr = p->client.address;
    p->hash = family == WEIR_V4 ? schedule_source_hash(WEIR_V4, &tuple)
                                : schedule_source_hash(WEIR_V6, &tuple);
}

/*
 * Picks a backend for p->service and p->client, or another one than p->backend where that is not
 * WEIR_NO_BACKEND. Returns enum weir_drop_reason; the backend is in `way`. A global function: the
 * verifier looks at it once.
 */
__noinline int socket_pick(struct weir_pick *p, struct weir_socket_way *way, __u64 now) {
    const struct weir_backend *backend = NULL;
    struct weir_pick *pick = p;
    int from_ring = 1;

    if (!p || !way)
        return WEIR_DROP_NO_BACKEND;
    if (p->backend != WEIR_NO_BACKEND) {
        if (!pick_other(p, socket_try_slot, &pick))
            return WEIR_DROP_NO_BACKEND;
    } else if (p->service.affinity_s) {
        struct weir_client client = p->client;

        p->backend = admit_affinity(&client, p->service.affinity_s, now);
        from_ring = p->backend == WEIR_NO_BACKEND;
    }
    if (p->backend == WEIR_NO_BACKEND)
        p->backend = pick_scheduled(p, socket_weigh, &pick);
    for (int attempt = 0; attempt < WEIR_OPEN_TRIES && !backend; attempt++) {
        if (p->backend == WEIR_NO_BACKEND)
            return WEIR_DROP_NO_BACKEND;
        backend = pick_check(p, from_ring, now);
        if (!backend && !pick_other(p, socket_try_slot, &pick))
            return p->reason;
        from_ring = 1;
    }
    if (!backend)
        return p->reason;
    way->address = backend->address;
    way->port = backend->port;
    way->service = p->service.id;
    way->backend = p->backend;
    way->seen = now;
    return WEIR_DROP_NONE;
}

/* Begins to pick for a socket: may it? Returns enum weir_drop_reason. */
static __always_inline int socket_admit(struct weir_pick *p, const struct weir_service_key *asked,
                                        const struct weir_service *service, __u64 now) {
    __builtin_memset(p, 0, sizeof(*p));
    p->service = *service;
    p->client.service = service->id;
    p->backend = WEIR_NO_BACKEND;
    socket_source(service->id, &p->client.address);
    socket_set_hash(p, nat_family_of(&asked->vip));
    return admit_flow(service, &p->client.address, now);
}

/* Refuses a connect() or sendmsg(): one who may not is told so, and all others that nobody is
 * there, as by packets. */
static __always_inline int socket_refuse(__u32 service, __u8 reason) {
    socket_count_refused(service, reason);
    bpf_set_retval(reason == WEIR_DROP_SOURCE_DENIED ? -WEIR_EPERM : -WEIR_ECONNREFUSED);
    return 0;
}

/* -- where a program wants to go, and where it goes -- */

static __always_inline void socket_read(int family, const struct bpf_sock_addr *ctx,
                                        struct weir_service_key *asked) {
    __builtin_memset(asked, 0, sizeof(*asked));
    if (family == WEIR_V4) {
        nat_map_v4(&asked->vip, ctx->user_ip4);
    } else {
        asked->vip.words[0] = ctx->user_ip6[0];
        asked->vip.words[1] = ctx->user_ip6[1];
        asked->vip.words[2] = ctx->user_ip6[2];
        asked->vip.words[3] = ctx->user_ip6[3];
    }
    asked->port = (__be16)ctx->user_port;
    asked->protocol = (__u8)ctx->protocol;
}

static __always_inline void socket_write(int family, struct bpf_sock_addr *ctx,
                                         const struct weir_address *address, __be16 port) {
    if (family == WEIR_V4) {
        ctx->user_ip4 = address->words[3];
    } else {
        ctx->user_ip6[0] = address->words[0];
        ctx->user_ip6[1] = address->words[1];
        ctx->user_ip6[2] = address->words[2];
        ctx->user_ip6[3] = address->words[3];
    }
    ctx->user_port = port;
}

/* Between IPv4 and IPv6 only packets are translated. */
static __always_inline int socket_same_family(const struct weir_service_key *asked,
                                              const struct weir_socket_way *way) {
    return nat_family_of(&asked->vip) == nat_family_of(&way->address);
}

/* Whether a way is still open: its backend is what it was, and on_down lets flows stay. */
static __always_inline __u32 socket_way_leaves(const struct weir_socket_way *way) {
    __u32 id = way->backend;
    const struct weir_backend *backend = bpf_map_lookup_elem(&backends, &id);

    if (!backend || backend->service != way->service || backend->port != way->port ||
        !nat_same_address(&backend->address, &way->address))
        return WEIR_FLOWS_RESELECT;
    return backend->flows;
}
