/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The part of the ABI by which two sockets of one host are joined. The rules of bpf/abi.h hold
 * here as well. */
#pragma once

#include <linux/bpf.h>

#include "bpf/abi.h"

/* Key of `join_pairs`: a TCP connection, as its client has it. */
struct weir_join_key {
    __u64 netns; /* cookie of the network namespace that both ends are in */
    struct weir_address client;
    struct weir_address server;
    __u32 client_port; /* host order */
    __u32 server_port;
};
WEIR_ASSERT(sizeof(struct weir_join_key) == 48);

/* Index of weir_join_pair::ends. */
enum weir_join_side {
    WEIR_JOIN_CLIENT = 0,
    WEIR_JOIN_SERVER = 1,
};

struct weir_join_end {
    __u64 socket; /* the kernel's struct sock */
    __u64 cookie; /* and key of `join_ends`; 0: it is not there */
    __u32 given;  /* something was put into it past TCP */
    __u32 left;   /* it left `join_ends`, or is about to: nothing may be put into it */
};

/* Value of `join_pairs`. */
struct weir_join_pair {
    struct weir_join_end ends[2];
    __u64 client; /* cookie of the client's socket */
    __u32 service;
    __u32 heard; /* the SYN came to a socket on this host that may be joined */
};
WEIR_ASSERT(sizeof(struct weir_join_pair) == 64);

/* Value of `joined`: what a socket is joined as. It goes with the socket. */
struct weir_joined {
    struct weir_join_key key;
    __u64 cookie; /* its own */
    __u32 side;   /* enum weir_join_side */
    __u32 ahead;  /* bytes put into the other end since it was last seen empty, and a KiB for each
                     message */
    __u32 left;   /* it is joined no more */
    __u32 zero;
};
WEIR_ASSERT(sizeof(struct weir_joined) == 72);

/* Of a service (per CPU). */
struct weir_join_stats {
    __u64 connections; /* both ends were joined */
    __u64 bytes;       /* put from socket to socket */
    __u64 tcp_bytes;   /* of joined sockets, that went by TCP all the same */
};
WEIR_ASSERT(sizeof(struct weir_join_stats) == 24);
