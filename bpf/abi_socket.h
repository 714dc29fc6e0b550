/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The part of the ABI by which services reach local programs: what is known of their sockets, and
 * what is counted of them. Included by bpf/abi.h, whose rules hold here as well.
 */
#pragma once

#include <linux/bpf.h>

#include "bpf/abi.h"

/* -- settings of the socket programs --------------------------------------------------------- */

enum weir_socket_flags {
    WEIR_SOCKET_GUARD = 1, /* VIPs and SNAT ports are refused to bind() */
};

/* Bits of weir_socket_settings::denied: of IPv4, and WEIR_DENY_V6 higher the same of IPv6. */
enum weir_denied_sockets {
    WEIR_DENY_STREAM = 1,
    WEIR_DENY_DGRAM = 2,
    WEIR_DENY_RAW = 4,
    WEIR_DENY_V6 = 3, /* bits to shift by */
};

struct weir_socket_settings {
    __u64 netns;  /* cookie of the daemon's network namespace: bind() is guarded there */
    __u32 flags;  /* enum weir_socket_flags */
    __u32 denied; /* enum weir_denied_sockets */
    __u32 mark;   /* of sockets that have none (SO_MARK); 0: none is set */
    __u32 zero;
};
WEIR_ASSERT(sizeof(struct weir_socket_settings) == 24);

/* -- sockets --------------------------------------------------------------------------------- */

/* A way from a VIP to one of its backends, as a socket goes it. */
struct weir_socket_way {
    struct weir_address vip;
    struct weir_address address; /* the backend's */
    __be16 vip_port;
    __be16 port;
    __u32 service;
    __u32 backend;
    __u32 zero;
    __u64 seen; /* when a datagram was last sent that way, right to a second, ns; 0: no way */
};
WEIR_ASSERT(sizeof(struct weir_socket_way) == 56);

/* Value of `sockets`: a socket that was connected to a service. It goes with the socket. */
struct weir_socket {
    struct weir_socket_way way;
    __u64 connecting; /* TCP: when its SYN was sent, ns; 0: it is not under way */
    __u32 epoch;      /* of its backend in `socket_flows`, where it is counted */
    __u32 counted;    /* it is in `socket_flows` */
    __u8 protocol;    /* IPPROTO_TCP, IPPROTO_UDP */
    __u8 zero[7];
};
WEIR_ASSERT(sizeof(struct weir_socket) == 80);

/* VIPs that one UDP socket sends to without being connected; of more, the oldest is forgotten. */
enum { WEIR_SOCKET_WAYS = 8 };

/* Value of `datagrams`: what an unconnected UDP socket was given. */
struct weir_datagrams {
    struct bpf_spin_lock lock; /* the threads of a program may share a socket */
    /* of a search, which holds the lock: here, and not in registers, the verifier follows one way
     * through a loop and not two to the power of its rounds */
    __u32 place;
    __u64 oldest;
    struct weir_socket_way ways[WEIR_SOCKET_WAYS];
};
WEIR_ASSERT(sizeof(struct weir_datagrams) == 464);

/* -- listeners ------------------------------------------------------------------------------- */

enum { WEIR_LISTENERS = 64 };

/* An entry of `listeners`: for whom the socket at the same place of `listener_sockets` listens.
 * They stand in the order in which they are tried; the first without a protocol is their end. */
struct weir_listener {
    struct weir_address address; /* zeros where the mask has them */
    struct weir_address mask;
    __u16 first_port; /* host order */
    __u16 last_port;
    __u8 protocol; /* IPPROTO_TCP, IPPROTO_UDP */
    __u8 zero[3];
};
WEIR_ASSERT(sizeof(struct weir_listener) == 40);

/* A socket that is to be found. */
struct weir_listener_wanted {
    struct weir_address address; /* where it is bound to, or what it would get */
    __be16 port;
    __u8 protocol;
    __u8 zero;
    __u32 index; /* into `listener_sockets` */
};
WEIR_ASSERT(sizeof(struct weir_listener_wanted) == 24);

/* -- counters -------------------------------------------------------------------------------- */

/* Of a service, and of a backend (per CPU). */
struct weir_socket_stats {
    __u64 connected; /* sockets that connect() was given a backend */
    __u64 chosen;    /* VIPs of unconnected UDP sockets that were given one */
    __u64 failed;    /* TCP: connections that were never established */
    __u64 refused;   /* connect() and sendmsg() that were refused */
};
WEIR_ASSERT(sizeof(struct weir_socket_stats) == 32);

/* Of all sockets (per CPU). Index of `socket_events`. */
enum weir_socket_event {
    WEIR_SOCKET_BIND_VIP = 0,  /* bind() refused: the address and port are a service's */
    WEIR_SOCKET_BIND_SNAT = 1, /* bind() refused: the port is of the SNAT range */
    WEIR_SOCKET_DENIED = 2,    /* socket() refused */
    WEIR_SOCKET_UNTRACKED = 3, /* no memory to remember what a socket was given */
    WEIR_SOCKET_EVENTS = 4,
};

/* Who uses what: key of `socket_users`. */
struct weir_socket_user {
    __u64 cgroup;  /* its id; 0: all for which the table had no room */
    __u32 service; /* WEIR_NO_SERVICE: sockets that were made */
    __u32 zero;
};
WEIR_ASSERT(sizeof(struct weir_socket_user) == 16);

/* Cgroups and services that are told apart. */
enum { WEIR_SOCKET_USERS = 4096 };

/* Index of `socket_histograms`: three for each service. */
enum weir_socket_histogram {
    WEIR_SOCKET_CONNECT = 0,     /* TCP: from SYN to established, ns */
    WEIR_SOCKET_RTT = 1,         /* TCP: smoothed round trip as a connection ends, ns */
    WEIR_SOCKET_RETRANSMITS = 2, /* TCP: segments sent again, of each connection as it ends */
    WEIR_SOCKET_HISTOGRAMS = 3,
};

/* Upper bounds of the buckets for retransmits; for times they are WEIR_LATENCY_BOUNDS. */
#define WEIR_RETRANSMIT_BOUNDS \
    { 0, 1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 100, 200, 500 }
