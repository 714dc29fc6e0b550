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
 * timeout; a direction that has no packets, but is kept alive by the other one, for three.
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

#include "bpf/abi_flow.h"
#include "bpf/abi_known.h"
#include "bpf/abi_observe.h"
#include "bpf/abi_service.h"
#include "bpf/abi_socket.h"
