/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The part of the ABI by which the data path is looked at: events, accounts of flows, captures and
 * replays. Included by bpf/abi.h, whose rules hold here as well.
 */
#pragma once

#include "bpf/abi.h"

/* -- events: what befalls flows, and dropped packets, for who watches ------------------------- */

enum weir_event_kind {
    WEIR_EVENT_OPENED = 0,
    WEIR_EVENT_ESTABLISHED = 1, /* moved to the established table */
    WEIR_EVENT_CLOSED = 2,      /* both ends have sent their FIN, or one an RST */
    WEIR_EVENT_DROPPED = 3,
    WEIR_EVENT_KINDS = 4,
};

/* What is watched. It ends by itself: a watcher that was killed cannot say so. */
struct weir_watch {
    __u64 until;      /* the data path's clock, ns; 0: nothing is watched */
    __u32 kinds;      /* bit 1 << enum weir_event_kind */
    __u32 per_second; /* events of one CPU; more are counted and left out */
};
WEIR_ASSERT(sizeof(struct weir_watch) == 16);

/* An entry of `events`: the packet that it happened at, as it came. */
struct weir_event {
    __u64 time; /* the data path's clock, ns; right to some milliseconds */
    struct weir_address saddr;
    struct weir_address daddr;
    struct weir_address new_saddr; /* its flow's translation; zeros where there is no flow */
    struct weir_address new_daddr;
    __be16 sport;
    __be16 dport;
    __be16 new_sport;
    __be16 new_dport;
    __u32 service; /* WEIR_NO_SERVICE, WEIR_NO_BACKEND: none */
    __u32 backend;
    __u32 ifindex;
    __u32 length;   /* of the frame, bytes */
    __u8 kind;      /* enum weir_event_kind */
    __u8 reason;    /* enum weir_drop_reason */
    __u8 protocol;  /* of the packet */
    __u8 flow;      /* 1: it belongs to a flow */
    __u8 direction; /* of the packet in its flow: enum weir_direction */
    __u8 tcp_flags;
    __u8 zero[2];
};
WEIR_ASSERT(sizeof(struct weir_event) == 104);

/* Events that nobody will see, since the tables were made (per CPU). */
struct weir_event_stats {
    __u64 due;     /* of the rate, ns */
    __u64 sampled; /* beyond `per_second` */
    __u64 full;    /* `events` had no room */
};
WEIR_ASSERT(sizeof(struct weir_event_stats) == 24);

enum { WEIR_EVENTS_BYTES = 2097152 }; /* of `events` */

/* -- accounts: what went through each flow; only with `account` in the options ---------------- */

/* One direction of a flow, under the key of its packets. */
struct weir_account {
    __u64 opened; /* first packet, the data path's clock, ns */
    __u64 seen;   /* last packet */
    __u64 packets;
    __u64 bytes; /* of whole frames, as weir_stats */
    __u32 service;
    __u32 backend;
    struct weir_address saddr; /* after translation */
    struct weir_address daddr;
    __be16 sport;
    __be16 dport;
    __u8 direction; /* enum weir_direction */
    __u8 tcp_flags; /* of all its packets together */
    __u8 state;     /* enum weir_flow_state, as the last packet met it */
    __u8 zero;
};
WEIR_ASSERT(sizeof(struct weir_account) == 80);

/* -- replay -------------------------------------------------------------------------------- */

enum weir_trace_flow {
    WEIR_TRACE_NONE = 0,        /* neither a service nor a flow */
    WEIR_TRACE_NEW = 1,         /* this packet opened the flow */
    WEIR_TRACE_ESTABLISHED = 2, /* forward direction of a known flow */
    WEIR_TRACE_REPLY = 3,       /* reply direction of a known flow */
};

/* What became of the one packet that was run. */
struct weir_trace {
    __u32 service; /* WEIR_NO_SERVICE where none matched */
    __u32 backend; /* WEIR_NO_BACKEND where none was chosen */
    __u8 flow;     /* enum weir_trace_flow */
    __u8 reason;   /* enum weir_drop_reason */
    __u8 zero[2];
};
WEIR_ASSERT(sizeof(struct weir_trace) == 12);

/* What a replay and the programs tell each other, in memory that both have (BPF_F_MMAPABLE). */
struct weir_replay {
    __u64 now;    /* the time of the frame, ns; 0: the host's own clock */
    __u32 length; /* the frame on the wire, of which the capture may hold less; 0: it is whole */
    struct weir_trace seen;
};
WEIR_ASSERT(sizeof(struct weir_replay) == 24);

/* -- capture: frames as they come to a program, and as that leaves them ----------------------- */

/*
 * What is captured. It ends by itself: a listener that was killed cannot say so, and renews `until`
 * as long as it lives.
 */
struct weir_capture {
    __u64 until;   /* CLOCK_MONOTONIC, ns; 0: nothing is captured */
    __u32 ifindex; /* only frames of this interface; 0: of all */
    __u32 snaplen; /* bytes of a frame that are kept; at most WEIR_CAPTURE_SNAPLEN */
};
WEIR_ASSERT(sizeof(struct weir_capture) == 16);

/* A perf event holds less than 64 KiB, and a frame is cut for it. */
enum { WEIR_CAPTURE_SNAPLEN = 32768 };

enum weir_hook {
    WEIR_XDP_INGRESS = 0,
    WEIR_TC_INGRESS = 1,
    WEIR_TC_EGRESS = 2,
    WEIR_HOOKS = 3,
};

/* An event of `captured`. The frame's bytes follow, `kept` of them. */
struct weir_captured {
    __u64 time;    /* CLOCK_MONOTONIC, ns */
    __u64 number;  /* of the packet, on this CPU and at this hook: the same before and after */
    __u32 ifindex; /* where it came, or at egress where it goes */
    __u32 length;  /* of the frame, bytes, without a VLAN tag that is beside it */
    __u32 kept;
    __u32 answer;      /* after: the program's */
    __be16 vlan_proto; /* of the tag that the NIC or the stack took out of the frame; 0: none */
    __u16 vlan_tci;    /* host order */
    __u8 hook;         /* enum weir_hook */
    __u8 after;
    __u8 reason; /* after: enum weir_drop_reason */
    __u8 zero;
    __u32 snaplen; /* bytes that were wanted */
    __u32 zero2;
};
WEIR_ASSERT(sizeof(struct weir_captured) == 48);

/*
 * Read-only data of each object, set before it is loaded: the verifier removes what it switches
 * off. With `replay` the three things that the world gives a packet (time, next hop, and who looks
 * on) come from the capture (world.h).
 */
struct weir_options {
    __u8 replay;
    __u8 replay_mac[6]; /* the load balancer's own */
    __u8 account;       /* packets and bytes of each flow are counted */
};
WEIR_ASSERT(sizeof(struct weir_options) == 8);
