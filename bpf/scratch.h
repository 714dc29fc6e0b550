/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Scratch: room for what the stack does not hold, of which the verifier allows 512 bytes for a
 * function and all its callers together. One of each per CPU, for a packet is dealt with to its end
 * before the next one.
 */
#pragma once

#include "bpf/abi.h"
#include "bpf/parse.h"

enum weir_snat {
    WEIR_SNAT_NONE = 0,
    WEIR_SNAT_POOL = 1,
    WEIR_SNAT_HAIRPIN = 2, /* a backend as a client: from the VIP, so that replies come back here */
};

/* A backend that is being picked. */
struct weir_pick {
    struct weir_service service;
    struct weir_client client;
    __u32 backend;
    __u32 hash;  /* what leads to a slot of the ring */
    __s32 flows; /* of `backend`; scheduler least-conn */
    __u32 weight;
    __u8 in_turn; /* `hash` counts slots */
    __u8 reason;  /* why `backend` takes no flow: enum weir_drop_reason */
    __u8 zero[2];
};

/* A flow that is being opened. */
struct weir_opening {
    union weir_any_tuple tuple; /* of the packet, as the key of its entry */
    union weir_any_tuple answer;
    union weir_any_tuple old;     /* of the client whose connection is over */
    union weir_any_tuple crossed; /* `answer`, as a key of the other family's tables */
    struct weir_flow_v6 flow;     /* forward */
    struct weir_flow_v6 reply;
    struct weir_pick pick;
    struct weir_address source; /* SNAT address of a hairpin */
    __u64 now;
    __u64 claims;   /* for a barrier: atomically added to */
    __u32 first;    /* SNAT: where the search begins */
    __u8 family;    /* of the tables */
    __u8 snat;      /* enum weir_snat */
    __u8 flags;     /* of the flow */
    __u8 reason;    /* enum weir_drop_reason */
    __u8 urgent;    /* SNAT: few ports are free */
    __u8 midstream; /* a segment from the middle of a connection */
    __u8 wire;      /* the packet's family */
    __u8 to;        /* the backend's */
    __u8 zero[4];
};

/* Bytes of the packet that an ICMP error carries at most; whole words, for bpf_csum_diff(). */
enum { ICMP_CARRIED = 508 };

/* An answer that is being written: an ICMP error, or an RST. */
struct icmp_scratch {
    struct weir_rate sent;
    __u8 l2[ETH_HLEN + 2 * sizeof(struct weir_vlan_tag)];
    union {
        struct iphdr v4;
        struct ipv6hdr v6;
    } ip;
    struct weir_icmp icmp;
    struct tcphdr tcp;
    __u8 carried[ICMP_CARRIED];
};
