/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Kernel socket: what helpers do not tell about a socket of this host, read out of the kernel's own
 * structures. Only the members that are read are named; libbpf finds where they are (CO-RE), so the
 * kernel has to have BTF. A pointer may be stale: reads fail as zeros, and who uses them compares
 * the socket's cookie afterwards.
 */
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

enum { WEIR_O_NONBLOCK = 04000 }; /* of x86 and Arm */

/* Flags that the kernel keeps in the lowest bits of sk_user_data. */
enum { WEIR_USER_DATA_FLAGS = 7 };

#define WEIR_KERNEL __attribute__((preserve_access_index))

struct weir_atomic {
    int counter;
};
struct weir_atomic64 {
    __s64 counter;
};

struct file {
    unsigned int f_flags;
} WEIR_KERNEL;

struct socket {
    struct file *file;
} WEIR_KERNEL;

struct list_head {
    struct list_head *next;
} WEIR_KERNEL;

struct sk_psock {
    struct list_head ingress_msg;
} WEIR_KERNEL;

struct sock;

struct sock_common {
    struct sock *skc_listener;
    struct weir_atomic64 skc_cookie;
} WEIR_KERNEL;

struct sock {
    struct sock_common __sk_common;
    struct {
        struct weir_atomic rmem_alloc;
    } sk_backlog;
    int sk_rcvbuf;
    struct socket *sk_socket;
    void *sk_user_data;
} WEIR_KERNEL;

struct tcp_sock {
    __u32 copied_seq;
    __u32 write_seq;
    _Bool is_mptcp;
} WEIR_KERNEL;

struct bpf_sock_ops_kern {
    struct sock *sk;
} WEIR_KERNEL;

/* One that is not accepted yet has no file, and does not. */
static __always_inline int kernel_socket_blocks(const struct sock *sk) {
    const struct file *file = BPF_CORE_READ(sk, sk_socket, file);

    return file && !(BPF_CORE_READ(file, f_flags) & WEIR_O_NONBLOCK);
}

static __always_inline int kernel_socket_is_mptcp(const struct sock *sk) {
    const struct tcp_sock *tcp = (const struct tcp_sock *)sk;

    return bpf_core_field_exists(tcp->is_mptcp) && BPF_CORE_READ(tcp, is_mptcp);
}

/* What comes with a SYN is about a request yet, which helpers do not know. */
static __always_inline const struct sock *kernel_socket_listener(struct bpf_sock_ops *ctx) {
    const struct bpf_sock_ops_kern *about = (const struct bpf_sock_ops_kern *)ctx;

    return BPF_CORE_READ(about, sk, __sk_common.skc_listener);
}

/* Whether nothing waits in it that came past TCP. */
static __always_inline int kernel_socket_is_empty(const struct sock *sk) {
    const struct sk_psock *psock =
        (const struct sk_psock *)((__u64)BPF_CORE_READ(sk, sk_user_data) &
                                  ~(__u64)WEIR_USER_DATA_FLAGS);
    const struct list_head *head =
        (const struct list_head *)((__u64)psock + bpf_core_field_offset(psock->ingress_msg));

    return !psock || BPF_CORE_READ(head, next) == head;
}
