/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The one definition of everything that the data plane and the control plane share: the layout of
 * every map's keys and values, and the closed lists of states and reasons. It compiles as BPF C, C
 * and C++, and the sizes and offsets asserted below hold in all three.
 *
 * Byte order: fields of type __be16 / __be32 are in network order, all others in host order.
 * A change of any layout is a change of WEIR_ABI: a daemon adopts only pinned maps of its own ABI.
 */
#pragma once

#include <linux/types.h>

#ifdef __cplusplus
#include <cstddef>
#else
#include <stddef.h>
#endif

#ifdef __cplusplus
#define WEIR_ASSERT(condition) static_assert(condition, #condition)
#else
#define WEIR_ASSERT(condition) _Static_assert(condition, #condition)
#endif

enum { WEIR_ABI = 1 };

/* How long an entry may go without being refreshed, and so the grain of every idle timeout. */
enum { WEIR_REFRESH_NS = 1000000000 };

/*
 * An IPv4 address stands as IPv4-mapped IPv6 (RFC 4291, 2.5.5.2): ::ffff:a.b.c.d. Words, because
 * clang copies what is aligned to bytes byte by byte.
 */
struct weir_address {
    union {
        __u8 bytes[16];
        __be32 words[4];
    };
};
WEIR_ASSERT(sizeof(struct weir_address) == 16);

/* -- services ------------------------------------------------------------------------------- */

struct weir_service_key {
    struct weir_address vip;
    __be16 port;
    __u8 protocol; /* IPPROTO_TCP, IPPROTO_UDP */
    __u8 zero;
};
WEIR_ASSERT(sizeof(struct weir_service_key) == 20);

enum weir_mode {
    WEIR_MODE_DNAT = 0,
};

struct weir_service {
    __u32 id;  /* index into `rings` and `service_stats`; below limits.services */
    __u8 mode; /* enum weir_mode */
    __u8 zero[3];
};
WEIR_ASSERT(sizeof(struct weir_service) == 8);

/*
 * A ring is an array of __u32: slot 0 holds the number of slots that follow, each of them the id of
 * a backend. The length travels with the ring so that a packet never meets the one of another ring.
 */

/* -- backends ------------------------------------------------------------------------------- */

enum weir_backend_state {
    WEIR_BACKEND_ACTIVE = 0,
};

struct weir_backend {
    struct weir_address address;
    __be16 port;
    __u8 state; /* enum weir_backend_state */
    __u8 zero;
    __u32 service; /* the service it belongs to, by id */
    __u32 weight;
};
WEIR_ASSERT(sizeof(struct weir_backend) == 28);

/* -- flows ---------------------------------------------------------------------------------- */

/*
 * The tuple of a packet as it arrives, and so the key of either direction of a flow. Both families
 * start alike; each has tables with a key of its own size.
 */
struct weir_tuple {
    __be16 sport;
    __be16 dport;
    __u8 protocol; /* IPPROTO_TCP, IPPROTO_UDP */
    __u8 zero[3];
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
    WEIR_FLOW_CLOSING = 3,     /* a FIN or an RST was seen */
};

/* Where a translated packet goes: an interface and a neighbour, or one of these in ifindex's place.
 */
#define WEIR_HOP_STACK       0U /* up this host's stack: local, or for the kernel to resolve */
#define WEIR_HOP_UNREACHABLE 0xfffffffeU /* the route says blackhole, unreachable or prohibit */
#define WEIR_HOP_UNKNOWN     0xffffffffU /* to be looked up by the first packet that needs it */

struct weir_next_hop {
    __u32 ifindex;
    __u8 dmac[6];
    __u8 smac[6];
};
WEIR_ASSERT(sizeof(struct weir_next_hop) == 16);

/*
 * One direction of a flow, family apart. Both directions are entries of one table, so that any
 * packet finds its flow with one look-up; each can be made anew from the other (flow.h).
 */
struct weir_flow {
    __u64 seen; /* when last refreshed, ns, CLOCK_MONOTONIC (replay: the capture's time) */
    struct weir_next_hop next_hop;
    __u16 address_delta; /* what the new addresses add to a ones' complement sum (RFC 1624) */
    __u16 port_delta;    /* what the new ports add to it */
    __be16 sport;        /* ports after translation */
    __be16 dport;
    __u32 service;
    __u32 backend;
    __u32 ack;      /* FORWARD, REPLIED: the ACK number that completes the handshake */
    __u16 mtu;      /* of the route to next_hop, bytes of the IP packet */
    __u8 state;     /* enum weir_flow_state */
    __u8 direction; /* enum weir_direction */
};
WEIR_ASSERT(sizeof(struct weir_flow) == 48);
WEIR_ASSERT(offsetof(struct weir_flow, address_delta) == 24);

struct weir_flow_v4 {
    struct weir_flow flow;
    __be32 saddr; /* addresses after translation */
    __be32 daddr;
};
WEIR_ASSERT(sizeof(struct weir_flow_v4) == 56);

struct weir_flow_v6 {
    struct weir_flow flow;
    struct weir_address saddr; /* addresses after translation */
    struct weir_address daddr;
};
WEIR_ASSERT(sizeof(struct weir_flow_v6) == 80);

/* -- counters (all per CPU) ----------------------------------------------------------------- */

/* Bytes are whole frames, Ethernet header included and FCS not, as a capture counts them. */
struct weir_stats {
    __u64 forward_packets;
    __u64 forward_bytes;
    __u64 reply_packets;
    __u64 reply_bytes;
    __u64 new_flows;
};
WEIR_ASSERT(sizeof(struct weir_stats) == 40);

/* Every packet that is not forwarded bumps exactly one. Index of `drop_stats`. */
enum weir_drop_reason {
    WEIR_DROP_NO_BACKEND = 0,      /* the service has no backend that takes new flows */
    WEIR_DROP_TUPLE_IN_USE = 1,    /* another flow owns the reply tuple */
    WEIR_DROP_FLOW_TABLE_FULL = 2, /* the flow tables refused an entry */
    WEIR_DROP_UNREACHABLE = 3,     /* the route says blackhole, unreachable or prohibit */
    WEIR_DROP_REWRITE_FAILED = 4,  /* the headers could not be made writable */
    WEIR_DROP_REASONS = 5,
    WEIR_DROP_NONE = 255,
};

/* -- settings, read for new, idle and closing flows only -------------------------------------- */

struct weir_settings {
    __u32 abi; /* WEIR_ABI of the maps beside it */
    __u32 tcp_established_s;
    __u32 tcp_transitory_s;
    __u32 tcp_new_s;
    __u32 udp_s;
    __u32
        replay_length; /* replay only: the frame on the wire, of which the capture may hold less */
    __u64 replay_now;  /* replay only: the time of the frame, ns */
};
WEIR_ASSERT(sizeof(struct weir_settings) == 32);

/* -- interfaces that carry the XDP program -------------------------------------------------- */

enum weir_xdp_mode {
    WEIR_XDP_NATIVE = 1,
    WEIR_XDP_GENERIC = 2,
};

enum { WEIR_MAX_XDP_DEVICES = 256 };

/* -- replay: what became of the one packet that was run ---------------------------------------- */

enum weir_trace_flow {
    WEIR_TRACE_NONE = 0,        /* neither a service nor a flow */
    WEIR_TRACE_NEW = 1,         /* this packet opened the flow */
    WEIR_TRACE_ESTABLISHED = 2, /* forward direction of a known flow */
    WEIR_TRACE_REPLY = 3,       /* reply direction of a known flow */
};

struct weir_trace {
    __u32 service; /* WEIR_NO_SERVICE where none matched */
    __u32 backend; /* WEIR_NO_BACKEND where none was chosen */
    __u8 flow;     /* enum weir_trace_flow */
    __u8 reason;   /* enum weir_drop_reason */
    __u8 zero[2];
};
WEIR_ASSERT(sizeof(struct weir_trace) == 12);

#define WEIR_NO_BACKEND 0xffffffffU
#define WEIR_NO_SERVICE 0xffffffffU

/*
 * Read-only data of each object, set before it is loaded: the verifier removes what it switches
 * off. With `replay` the three things that the world gives a packet (time, next hop, and who looks
 * on) come from the capture (world.h).
 */
struct weir_options {
    __u8 replay;
    __u8 replay_mac[6]; /* the load balancer's own */
    __u8 zero;
};
WEIR_ASSERT(sizeof(struct weir_options) == 8);
