/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The part of the ABI that packets leave behind: the entries of flows, and fragments. Included by
 * bpf/abi.h, whose rules hold here as well.
 */
#pragma once

#include "bpf/abi.h"

/* -- flows ---------------------------------------------------------------------------------- */

/*
 * The tuple of a packet as it arrives, and so the key of either direction of a flow. Both families
 * start alike; each has tables with a key of its own size. IPv4's tables hold the flows both ends
 * of which speak IPv4. All others are in IPv6's, and their IPv4 packets' tuples are mapped there.
 */
struct weir_tuple {
    __be16 sport;
    __be16 dport;
    __u8 protocol; /* IPPROTO_TCP, IPPROTO_UDP */
    __u8 mapped;   /* an IPv4 packet's tuple, of a flow in IPv6's tables */
    __u8 zero[2];
};
WEIR_ASSERT(sizeof(struct weir_tuple) == 8);

struct weir_tuple_v4 {
    struct weir_tuple head;
    __be32 saddr;
    __be32 daddr;
};
WEIR_ASSERT(sizeof(struct weir_tuple_v4) == 16);

struct weir_tuple_v6 {
    struct weir_tuple head;
    struct weir_address saddr;
    struct weir_address daddr;
};
WEIR_ASSERT(sizeof(struct weir_tuple_v6) == 40);

enum weir_direction {
    WEIR_FORWARD = 0, /* client -> VIP */
    WEIR_REPLY = 1,   /* backend -> client */
};

enum weir_flow_state {
    WEIR_FLOW_NEW = 0,         /* only the client has spoken */
    WEIR_FLOW_REPLIED = 1,     /* TCP: the backend sent its SYN-ACK */
    WEIR_FLOW_ESTABLISHED = 2, /* handshake complete, or the backend has answered */
    WEIR_FLOW_CLOSING = 3,     /* one end has sent its FIN */
    WEIR_FLOW_CLOSED = 4,      /* both have, or one an RST */
};

/*
 * Where a translated packet goes: an interface and a neighbour (one whose MAC address is all zeros
 * is for the kernel to resolve), or one of these in ifindex's place.
 */
#define WEIR_HOP_STACK       0U /* up this host's stack: local, or the FIB has no answer for programs */
#define WEIR_HOP_UNREACHABLE 0xfffffffeU /* the route says blackhole, unreachable or prohibit */
#define WEIR_HOP_UNKNOWN     0xffffffffU /* to be looked up by the first packet that needs it */

struct weir_next_hop {
    __u32 ifindex;
    __u8 dmac[6];
    __u8 smac[6];
};
WEIR_ASSERT(sizeof(struct weir_next_hop) == 16);

enum weir_flow_flags {
    WEIR_FLOW_LOCAL = 1, /* the client is a program on this host: replies go up its stack */
    WEIR_FLOW_XDP = 2,   /* XDP may send to next_hop from any interface that carries it natively */
    WEIR_FLOW_FIN = 4,   /* a FIN was seen in this direction */
    WEIR_FLOW_NO_TX = 8, /* with WEIR_FLOW_XDP: by redirecting, not by XDP_TX */
    WEIR_FLOW_BROUGHT = 16, /* it was brought over from other tables */
    WEIR_FLOW_REPLY = 32,   /* the direction backend -> client; without it, client -> VIP */
    WEIR_FLOW_TO_V4 = 64,   /* IPv6's tables: packets are IPv4 after translation */
};

/*
 * Addresses after translation, in IPv4's tables; in IPv6's, what the new addresses and ports add to
 * a ones' complement sum (RFC 1624).
 */
struct weir_flow_v4_addresses {
    __be32 saddr;
    __be32 daddr;
};

struct weir_flow_v6_deltas {
    __u16 address_delta;
    __u16 port_delta;
    __u32 zero;
};

/*
 * One direction of a flow, and the value of IPv4's tables. Both directions are entries of tables of
 * one family, so that any packet finds its flow with one look-up; each can be made anew from the
 * other (flow.h). 48 bytes: a million flows, of two entries each, take 246 MiB of map memory.
 */
struct weir_flow {
#ifdef WEIR_ABI_TEST
    __u32 service;
    __u32 refreshed;
    struct weir_next_hop next_hop;
#else
    struct weir_next_hop next_hop;
    __u32 refreshed; /* when it last was: ticks of CLOCK_MONOTONIC (replay: the capture's time) */
    __u32 service;
#endif
    __be16 sport; /* ports after translation */
    __be16 dport;
    __u32 backend;
    __u32 ack;  /* forward, REPLIED: the ACK number that completes the handshake; reply, until it
                   was promoted: when it was opened (latency.h), 0 where that is not known */
    __u16 mtu;  /* of the route to next_hop, bytes of the IP packet */
    __u8 state; /* enum weir_flow_state */
    __u8 flags; /* enum weir_flow_flags */
    union {
        struct weir_flow_v4_addresses v4;
        struct weir_flow_v6_deltas v6;
    };
};
WEIR_ASSERT(sizeof(struct weir_flow) == 48);
#ifndef WEIR_ABI_TEST
WEIR_ASSERT(offsetof(struct weir_flow, refreshed) == 16);
WEIR_ASSERT(offsetof(struct weir_flow, v4) == 40);
#endif

/* The value of IPv6's tables. */
struct weir_flow_v6 {
    struct weir_flow flow;
    struct weir_address saddr; /* addresses after translation, IPv4 mapped */
    struct weir_address daddr;
};
WEIR_ASSERT(sizeof(struct weir_flow_v6) == 80);

/*
 * Which flow the fragments of a datagram belong to, as its first one told: key of `fragments`. IPv6
 * counts its identifications for all protocols together, so its key has protocol 0 (RFC 8200, 4.5).
 */
struct weir_fragment_key {
    struct weir_address saddr; /* as they arrive */
    struct weir_address daddr;
    __be32 id;
    __u8 protocol;
    __u8 zero[3];
};
WEIR_ASSERT(sizeof(struct weir_fragment_key) == 40);

struct weir_fragment {
    __u64 seen; /* when the first fragment came, ns */
    __be16 sport;
    __be16 dport;
    __u8 protocol; /* of the datagram */
    __u8 zero[3];
};
WEIR_ASSERT(sizeof(struct weir_fragment) == 16);

/*
 * A fragment that overtook the first one of its datagram, kept until that comes. `held` is an array
 * of WEIR_HELD_SETS sets of WEIR_HELD_WAYS places.
 */
enum {
    WEIR_HELD_FREE = 0,
    WEIR_HELD_BUSY = 1, /* one CPU reads or writes it */
    WEIR_HELD_FULL = 2,
};

enum {
    WEIR_HELD_WAYS = 8,
    WEIR_HELD_SETS = 128,
    WEIR_HELD_FRAME = 1536, /* bytes; longer frames are not kept */
};

struct weir_held {
    __u64 seen;
    struct weir_fragment_key key;
    __u32 state; /* WEIR_HELD_* */
    __u32 length;
    __u8 frame[WEIR_HELD_FRAME];
};
WEIR_ASSERT(sizeof(struct weir_held) == 1592);

/* How long fragments may follow the first (RFC 8200, 4.5). */
#define WEIR_FRAGMENT_NS 60000000000ULL
