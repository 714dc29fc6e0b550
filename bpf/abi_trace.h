/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What bpf/trace_sockets.bpf.c and lb/trace share: calls of the socket API, and how long they took.
 * Compiles as BPF C, C and C++. Nothing of this is pinned: both sides are always of one build.
 */
#pragma once

#include "bpf/abi.h"

/* Kinds of calls, as people know them; what a kind is made of: lb/trace/calls.cpp. */
enum weir_call {
    WEIR_CALL_SOCKET = 0,
    WEIR_CALL_BIND = 1,
    WEIR_CALL_LISTEN = 2,
    WEIR_CALL_ACCEPT = 3, /* accept4() as well */
    WEIR_CALL_CONNECT = 4,
    WEIR_CALL_SEND = 5, /* sendto(), which send() is */
    WEIR_CALL_SENDMSG = 6,
    WEIR_CALL_SENDMMSG = 7,
    WEIR_CALL_RECV = 8, /* recvfrom(), which recv() is */
    WEIR_CALL_RECVMSG = 9,
    WEIR_CALL_RECVMMSG = 10,
    WEIR_CALLS = 11,
};

/* A name, filled up with zeros, one at least; compared as words. */
enum { WEIR_COMM_SIZE = 16 };
#define WEIR_COMM_ALIGNED __attribute__((aligned(8)))

/* What is traced; written before the programs are loaded. */
struct weir_trace_options {
    char comm[WEIR_COMM_SIZE] WEIR_COMM_ALIGNED; /* the process's; empty: every one */
    __u32 pid;                                   /* of the first PID namespace; 0: every one */
    __u32 zero;
};
WEIR_ASSERT(sizeof(struct weir_trace_options) == 24);

/* A call that a thread is in; its key is the thread's id. */
struct weir_trace_begun {
    __u64 at; /* CLOCK_MONOTONIC, ns */
    char comm[WEIR_COMM_SIZE] WEIR_COMM_ALIGNED;
    __u32 pid;
    __u32 call; /* enum weir_call */
};
WEIR_ASSERT(sizeof(struct weir_trace_begun) == 32);

/* Calls that ended alike count together. */
struct weir_trace_key {
    char comm[WEIR_COMM_SIZE] WEIR_COMM_ALIGNED; /* of the process, not of a thread */
    __u32 pid;
    __u16 call;  /* enum weir_call */
    __u16 error; /* errno; 0: none */
};
WEIR_ASSERT(sizeof(struct weir_trace_key) == 24);
WEIR_ASSERT(offsetof(struct weir_trace_key, pid) == 16);
WEIR_ASSERT(offsetof(struct weir_trace_key, error) == 22);

/*
 * Buckets of a histogram: four to each power of two, so that a bound is at most a quarter above any
 * time in its bucket. The first four are 64 ns wide; the last one takes all from 8 minutes on.
 */
enum {
    WEIR_TRACE_UNIT_SHIFT = 6,
    WEIR_TRACE_BUCKETS = 128,
};

struct weir_trace_times {
    __u64 sum; /* ns */
    __u64 max;
    __u32 buckets[WEIR_TRACE_BUCKETS]; /* calls; a table is read long before one is full */
};
WEIR_ASSERT(sizeof(struct weir_trace_times) == 528);

/* Indexes of `trace_unseen`: calls that are in no histogram. */
enum weir_trace_unseen {
    WEIR_UNSEEN_BEGUN = 0, /* no room to note their beginning */
    WEIR_UNSEEN_TIMES = 1, /* no room for one more process, kind of call and errno */
    WEIR_UNSEEN_END = 2,   /* an end without a beginning: begun before the trace, or one of the
                              first; or refused by seccomp */
    WEIR_UNSEEN_KINDS = 3,
};

/* The bucket of a time. All of one type: no casts, which C and C++ write differently. */
static inline __u64 weir_trace_bucket(__u64 ns) {
    __u64 units = ns >> WEIR_TRACE_UNIT_SHIFT;
    __u64 rest = units;
    __u64 power = 0; /* the place of the highest bit: BPF has no instruction for it */

    if (units < 4)
        return units;
    if (units >> 33) /* beyond the last bucket */
        return WEIR_TRACE_BUCKETS - 1;
    if (rest >> 32) {
        rest >>= 32;
        power += 32;
    }
    if (rest >> 16) {
        rest >>= 16;
        power += 16;
    }
    if (rest >> 8) {
        rest >>= 8;
        power += 8;
    }
    if (rest >> 4) {
        rest >>= 4;
        power += 4;
    }
    if (rest >> 2) {
        rest >>= 2;
        power += 2;
    }
    power += rest >> 1;
    return (power - 1) * 4 + (units >> (power - 2) & 3);
}

/* The shortest time in a bucket. */
static inline __u64 weir_trace_bucket_begin(__u64 bucket) {
    if (bucket < 4)
        return bucket << WEIR_TRACE_UNIT_SHIFT;
    return (4 + bucket % 4) << (bucket / 4 - 1) << WEIR_TRACE_UNIT_SHIFT;
}
