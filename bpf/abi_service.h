/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The part of the ABI that says where new flows go: services, who may use them, and their backends.
 * Included by bpf/abi.h, whose rules hold here as well.
 */
#pragma once

#include "bpf/abi.h"

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
