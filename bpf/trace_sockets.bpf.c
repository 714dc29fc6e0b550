/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * `weir trace sockets`: how long the calls of the socket API take. Two programs, each attached to
 * the tracepoints of all calls: what is entered is noted by thread, what is left goes into the
 * histogram of its process, call and errno. Which call it is says the attachment's cookie.
 *
 * No part of the data path: loaded by the command, nothing pinned, gone with the process.
 */
#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/abi_trace.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

enum { WEIR_LARGEST_ERRNO = 4095 };

const volatile struct weir_trace_options options = {};

/* Of the kernel's, what is read here; its offsets come from BTF. */
struct task_struct {
    struct task_struct *group_leader;
    char comm[WEIR_COMM_SIZE];
} __attribute__((preserve_access_index));

/* The context of sys_exit_*: events/syscalls/sys_exit_*\/format. */
struct exit_context {
    __u64 common;
    __s64 call;
    __s64 result;
};
_Static_assert(offsetof(struct exit_context, result) == 16, "as the kernel has it");

/* No LRU: that would lose the call that takes longest. A thread is in one call at most. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 16384);
    __type(key, __u32); /* thread id */
    __type(value, struct weir_trace_begun);
} trace_begun SEC(".maps");

struct weir_trace_table {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 4096);
    __type(key, struct weir_trace_key);
    __type(value, struct weir_trace_times);
};
struct weir_trace_table trace_one SEC(".maps"), trace_other SEC(".maps");

/*
 * One of the two tables. User space puts the other one here, which ends when no program uses the
 * first one any more; so it reads and clears a table that rests, and no call is lost or counted
 * twice.
 */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, 1);
    __type(key, __u32);
    __array(values, struct weir_trace_table);
} trace_times SEC(".maps") = {.values = {&trace_one}};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, WEIR_UNSEEN_KINDS);
    __type(key, __u32);
    __type(value, __u64);
} trace_unseen SEC(".maps");

static const struct weir_trace_times no_times; /* too large for the stack */

static __always_inline void count_unseen(__u32 kind) {
    __u64 *count = bpf_map_lookup_elem(&trace_unseen, &kind);

    if (count)
        __sync_fetch_and_add(count, 1);
}

/* The process's name, not the thread's; false where it is not the one that is wanted. */
static __always_inline bool read_comm(char *comm) {
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();
    const volatile __u64 *wanted = (const volatile __u64 *)options.comm;
    const __u64 *is = (const __u64 *)comm;

    task = BPF_CORE_READ(task, group_leader);
    if (bpf_core_read_str(comm, WEIR_COMM_SIZE, &task->comm) < 0)
        return false;
    return !options.comm[0] || (is[0] == wanted[0] && is[1] == wanted[1]);
}

static __always_inline bool is_wanted(__u32 pid) {
    return !options.pid || options.pid == pid;
}

SEC("tracepoint")
int weir_call_begin(void *context) {
    struct weir_trace_begun begun = {};
    __u64 id = bpf_get_current_pid_tgid();
    __u32 thread = (__u32)id;

    begun.pid = id >> 32;
    if (!is_wanted(begun.pid) || !read_comm(begun.comm))
        return 0;
    begun.call = (__u32)bpf_get_attach_cookie(context);
    begun.at = bpf_ktime_get_ns();
    if (bpf_map_update_elem(&trace_begun, &thread, &begun, BPF_ANY))
        count_unseen(WEIR_UNSEEN_BEGUN);
    return 0;
}

/* A result as errno. Above 511 are codes for a signal that came; they become EINTR, or the call is
 * begun anew. */
static __always_inline __u16 errno_of(__s64 result) {
    if (result >= 0 || result < -WEIR_LARGEST_ERRNO)
        return 0;
    return result <= -512 ? 4 /* EINTR */ : (__u16)-result;
}

static __always_inline struct weir_trace_times *times_of(const struct weir_trace_key *key) {
    struct weir_trace_times *times;
    __u32 only = 0;
    void *table = bpf_map_lookup_elem(&trace_times, &only);

    if (!table)
        return NULL;
    times = bpf_map_lookup_elem(table, key);
    if (times)
        return times;
    /* another CPU may be quicker */
    bpf_map_update_elem(table, key, &no_times, BPF_NOEXIST);
    return bpf_map_lookup_elem(table, key);
}

static __always_inline void note(struct weir_trace_times *times, __u64 took) {
    __u64 bucket = weir_trace_bucket(took) & (WEIR_TRACE_BUCKETS - 1);
    __u64 max = times->max;
    int tries;

    __sync_fetch_and_add(&times->sum, took);
    __sync_fetch_and_add(&times->buckets[bucket], 1);
    /* each failure is another CPU's longer time: few */
    for (tries = 0; tries < 8 && took > max; tries++) {
        __u64 was = __sync_val_compare_and_swap(&times->max, max, took);

        if (was == max)
            break;
        max = was;
    }
}

SEC("tracepoint")
int weir_call_end(struct exit_context *context) {
    __u64 now = bpf_ktime_get_ns();
    struct weir_trace_key key = {};
    struct weir_trace_begun *begun;
    struct weir_trace_times *times;
    __u64 id = bpf_get_current_pid_tgid();
    __u32 thread = (__u32)id;
    __u64 took;

    key.pid = id >> 32;
    if (!is_wanted(key.pid))
        return 0;
    key.call = (__u16)bpf_get_attach_cookie(context);
    begun = bpf_map_lookup_elem(&trace_begun, &thread);
    if (!begun || begun->call != key.call) {
        bpf_map_delete_elem(&trace_begun, &thread);
        if (read_comm(key.comm))
            count_unseen(WEIR_UNSEEN_END);
        return 0;
    }
    key.error = errno_of(context->result);
    __builtin_memcpy(key.comm, begun->comm, sizeof(key.comm));
    took = now - begun->at;
    bpf_map_delete_elem(&trace_begun, &thread);
    times = times_of(&key);
    if (times)
        note(times, took);
    else
        count_unseen(WEIR_UNSEEN_TIMES);
    return 0;
}
