// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Joins sockets: what one program of this host writes to another, to which a service sent it, goes
 * from socket to socket. Beside the programs of sock.bpf.c, and only where it is wanted.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/socket_give.h"

SEC("sockops")
int weir_join_sockops(struct bpf_sock_ops *ctx) {
    struct bpf_sock *sk = ctx->sk;
    __u32 op = ctx->op;

    if (op == BPF_SOCK_OPS_RWND_INIT && !ctx->is_fullsock)
        join_hear(ctx);
    if (!sk)
        return 1;
    switch (op) {
        case BPF_SOCK_OPS_TCP_CONNECT_CB:
            join_connect(ctx, sk);
            break;
        case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB:
            join_enter(ctx, sk, WEIR_JOIN_CLIENT);
            break;
        case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
            join_enter(ctx, sk, WEIR_JOIN_SERVER);
            break;
        case BPF_SOCK_OPS_STATE_CB:
            join_state(ctx, sk);
            break;
        case BPF_SOCK_OPS_HDR_OPT_LEN_CB:
            join_reserve_option(ctx, sk);
            break;
        case BPF_SOCK_OPS_WRITE_HDR_OPT_CB:
            join_write_option(ctx, sk);
            break;
        case BPF_SOCK_OPS_PARSE_HDR_OPT_CB:
            join_receive(ctx, sk);
            break;
        default:
            break;
    }
    return 1;
}

SEC("cgroup_skb/ingress")
int weir_join_ingress(struct __sk_buff *skb) {
    return join_admit(skb);
}

SEC("cgroup/setsockopt")
int weir_join_setsockopt(struct bpf_sockopt *ctx) {
    return join_allow_option(ctx);
}

SEC("sk_msg")
int weir_join_msg(struct sk_msg_md *msg) {
    join_give(msg);
    return SK_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
