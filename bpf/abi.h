/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The one definition of everything that the data plane and the control plane share: the layout of
 * every map's keys and values, and the closed lists of states and reasons. It compiles as BPF C, C
 * and C++, and the sizes and offsets asserted below hold in all three.
 *
 * Byte order: fields of type __be16 / __be32 are in network order, all others in host order.
 * A change of any layout is a change of WEIR_ABI: a daemon adopts only pinned maps of its own ABI,
 * and carries over what others hold, field by field and by name (lb/dataplane/migration.h). So a
 * name keeps its meaning, and what indexes an array is only ever added to at the end.
 *
 * WEIR_ABI_TEST is another layout, for the tests of that.
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

#ifdef WEIR_ABI_TEST
enum { WEIR_ABI = 1007 };
#else
enum { WEIR_ABI = 7 };
#endif

/*
 * When an entry was refreshed is told in ticks of 2^26 ns (67 ms), which come round after nine
 * years. It may go without for WEIR_REFRESH_TICKS, a second, and that is the grain of every idle
 * timeout.
 */
enum { WEIR_TICK_SHIFT = 26, WEIR_REFRESH_TICKS = 15 };
#define WEIR_REFRESH_NS ((__u64)WEIR_REFRESH_TICKS << WEIR_TICK_SHIFT)

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
    WEIR_MODE_FULLNAT = 1, /* the source is translated as well */
};

/* What chooses the slot of the ring that a new flow gets. */
enum weir_scheduler {
    WEIR_SCHEDULE_TUPLE = 0,  /* a hash of the tuple */
    WEIR_SCHEDULE_SOURCE = 1, /* a hash of the client's address */
    WEIR_SCHEDULE_TURN = 2,   /* one after the other */
    WEIR_SCHEDULE_RANDOM = 3,
    WEIR_SCHEDULE_LEAST = 4, /* the backend with the fewest flows for its weight */
};

enum weir_service_flags {
    WEIR_SERVICE_RANGES = 1, /* `source_ranges` decides who may open flows */
};

struct weir_service {
    __u32 id;       /* index into `rings` and `service_stats`; below limits.services */
    __u8 mode;      /* enum weir_mode */
    __u8 flags;     /* enum weir_service_flags */
    __u8 scheduler; /* enum weir_scheduler */
    __u8 zero;
    __u32 affinity_s;        /* session affinity; 0: none */
    __u32 new_flows_rate;    /* new flows per second, of all clients; 0: no limit */
    __u32 source_flows_rate; /* the same, of one client address */
    __u32 flows_per_backend; /* flows that one backend may have; 0: no limit */
};
WEIR_ASSERT(sizeof(struct weir_service) == 24);

/* The addresses that are some service's: where echo requests are answered, fragments expected. */
struct weir_vip {
    __u32 services;
};
WEIR_ASSERT(sizeof(struct weir_vip) == 4);

/*
 * Key of `source_ranges`, an LPM trie: the service, then a prefix of the client's address. The
 * value is a __u8: 1 lets the client in, 0 does not. A service with WEIR_SERVICE_RANGES has an
 * entry for its prefix of length 0, so that every look-up finds one.
 */
struct weir_source_range {
    __u32
        prefix; /* bits: 32 for the service, and 0..128 of the address (an IPv4 /n counts 96 + n) */
    __u32 service;
    struct weir_address address;
};
WEIR_ASSERT(sizeof(struct weir_source_range) == 24);

/* Key of `affinity` and of `source_rates`. */
struct weir_client {
    struct weir_address address;
    __u32 service;
};
WEIR_ASSERT(sizeof(struct weir_client) == 20);

struct weir_affinity {
    __u64 seen; /* when a flow was last opened by it, ns */
    __u32 backend;
    __u32 zero;
};
WEIR_ASSERT(sizeof(struct weir_affinity) == 16);

/*
 * The generic cell rate algorithm (ITU-T I.371): the time at which the next event would be due, ns.
 * A burst of one second's worth passes.
 */
struct weir_rate {
    __u64 due;
};
WEIR_ASSERT(sizeof(struct weir_rate) == 8);

/*
 * A ring is an array of __u32: slot 0 holds the number of slots that follow, each of them the id of
 * a backend. The length travels with the ring so that a packet never meets the one of another ring.
 */

/* -- backends ------------------------------------------------------------------------------- */

enum weir_backend_state {
    WEIR_BACKEND_ACTIVE = 0,
    WEIR_BACKEND_DRAINING = 1, /* no new flows */
    WEIR_BACKEND_DOWN = 2,
    WEIR_BACKEND_MAINTENANCE = 3,
};

/* What becomes of the flows of a backend, at their next packet from the client. */
enum weir_on_down {
    WEIR_FLOWS_STAY = 0,
    WEIR_FLOWS_RESET = 1,    /* answered with an RST, or ICMP port unreachable, and forgotten */
    WEIR_FLOWS_RESELECT = 2, /* opened anew, with another backend */
};

struct weir_backend {
    struct weir_address address;
    __be16 port;
    __u8 state;    /* enum weir_backend_state */
    __u8 flows;    /* enum weir_on_down */
    __u32 service; /* the service it belongs to, by id */
    __u32 weight;  /* of its share of new flows, now; 0: none */
    __u32 share;   /* the weight that it has in full; what it lacks of that, others take */
};
WEIR_ASSERT(sizeof(struct weir_backend) == 32);

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

/* Index of `service_latencies`: two for each service. */
enum weir_latency_kind {
    WEIR_LATENCY_ANSWER = 0, /* from the packet that opened a flow to the backend's first answer */
    WEIR_LATENCY_HANDSHAKE = 1, /* TCP: from there to the ACK that completes the handshake */
    WEIR_LATENCIES = 2,
};

/* The upper bounds of the buckets, ns; what took longer is in one more. */
#define WEIR_LATENCY_BOUNDS                                                              \
    {                                                                                    \
        100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000, 25000000, 50000000, \
            100000000, 250000000, 500000000, 1000000000, 2500000000, 5000000000          \
    }
enum { WEIR_LATENCY_BUCKETS = 16 };

struct weir_latency {
    __u64 sum; /* ns */
    __u64 buckets[WEIR_LATENCY_BUCKETS];
};
WEIR_ASSERT(sizeof(struct weir_latency) == 136);

/* Every packet that is not forwarded bumps exactly one. Index of `drop_stats`. */
enum weir_drop_reason {
    WEIR_DROP_NO_BACKEND = 0,        /* the service has no backend that takes new flows */
    WEIR_DROP_TUPLE_IN_USE = 1,      /* another flow owns the reply tuple */
    WEIR_DROP_FLOW_TABLE_FULL = 2,   /* the flow tables refused an entry */
    WEIR_DROP_UNREACHABLE = 3,       /* the route says blackhole, unreachable or prohibit */
    WEIR_DROP_REWRITE_FAILED = 4,    /* the headers could not be made writable */
    WEIR_DROP_SNAT_EXHAUSTED = 5,    /* no SNAT port is free towards the backend */
    WEIR_DROP_SOURCE_DENIED = 6,     /* source_ranges */
    WEIR_DROP_SERVICE_RATE = 7,      /* the service's new flows per second */
    WEIR_DROP_SOURCE_RATE = 8,       /* the client's new flows per second */
    WEIR_DROP_BACKEND_FULL = 9,      /* flows per backend */
    WEIR_DROP_FRAGMENT_ORPHAN = 10,  /* a fragment to a VIP, the first of its datagram not seen */
    WEIR_DROP_TTL_EXPIRED = 11,      /* answered with ICMP time exceeded */
    WEIR_DROP_TOO_BIG = 12,          /* answered with ICMP fragmentation needed / packet too big */
    WEIR_DROP_NOT_TRANSLATABLE = 13, /* IPv4 <-> IPv6: a fragment, or UDP without checksum */
    WEIR_DROP_BACKEND_DOWN = 14,     /* on_down: reset; answered with an RST or port unreachable */
    WEIR_DROP_REASONS = 15,
    WEIR_DROP_NONE = 255,
};

/* What the data path did with ICMP and ICMPv6. Index of `icmp_stats`. */
enum weir_icmp_event {
    WEIR_ICMP_TRANSLATED =
        0,                  /* an error about a flow's packet, passed on to the flow's other end */
    WEIR_ICMP_ANSWERED = 1, /* an echo request to a VIP */
    WEIR_ICMP_SENT = 2,     /* an error about a packet that was dropped */
    WEIR_ICMP_EVENTS = 3,
};

/* -- settings; packets of an established flow within a family do not read them ---------------- */

/*
 * While flows are brought over from other tables, the programs of those stand behind these, and
 * take what these leave alone: XDP passes it on to TC, and TC to the next filter.
 */
enum weir_handover {
    WEIR_HANDOVER_NONE = 0,
    WEIR_HANDOVER_ALL = 1,       /* everything is left to them: flows change there alone */
    WEIR_HANDOVER_MIDSTREAM = 2, /* what belongs to no flow, but for openings */
};

struct weir_settings {
    __u32 abi; /* WEIR_ABI of the maps beside it; first in every ABI */
    __u32 tcp_established_s;
    __u32 tcp_transitory_s;
    __u32 tcp_new_s;
    __u32 udp_s;
    __u32 handover; /* enum weir_handover */
    /* when the daemon last counted the flows of each backend, ns: limits hold for as long as the
     * count is younger than WEIR_COUNT_VALID_NS */
    __u64 counted_at;
    __u16 snat_port_first; /* SNAT port range, host order */
    __u16 snat_ports;      /* how many */
    __u16 snat_v4;         /* addresses in `snat_addresses`, from index 0 */
    __u16 snat_v6;         /* from index WEIR_MAX_SNAT */
    __u16 changes_family;  /* there may be flows between IPv4 and IPv6 */
    __u16 zero[3];
};
WEIR_ASSERT(sizeof(struct weir_settings) == 48);

/* Addresses of one family in the SNAT pool. */
enum { WEIR_MAX_SNAT = 64 };

#define WEIR_COUNT_VALID_NS 30000000000ULL

/* -- interfaces that carry the XDP program -------------------------------------------------- */

enum weir_xdp_mode {
    WEIR_XDP_NATIVE = 1,
    WEIR_XDP_GENERIC = 2,
    WEIR_XDP_NO_TX = 3, /* native, of a driver that XDP_TX stalls: redirected to instead */
};

enum { WEIR_MAX_XDP_DEVICES = 256 };

#define WEIR_NO_BACKEND 0xffffffffU
#define WEIR_NO_SERVICE 0xffffffffU

#include "bpf/abi_known.h"
#include "bpf/abi_observe.h"
#include "bpf/abi_socket.h"
