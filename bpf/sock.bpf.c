// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The socket path: programs on this host reach the services without a packet that has to be
 * translated. Cgroup programs, each at one step of a socket's life; what they leave alone goes the
 * packets' way.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/socket_bind.h"
#include "bpf/socket_connect.h"
#include "bpf/socket_datagram.h"
#include "bpf/socket_listen.h"
#include "bpf/socket_watch.h"

SEC("cgroup/sock_create")
int weir_sock_create(struct bpf_sock *sk) {
    return socket_make(sk);
}

SEC("cgroup/bind4")
int weir_bind4(struct bpf_sock_addr *ctx) {
    return socket_bind(WEIR_V4, ctx);
}

SEC("cgroup/bind6")
int weir_bind6(struct bpf_sock_addr *ctx) {
    return socket_bind(WEIR_V6, ctx);
}

SEC("cgroup/connect4")
int weir_connect4(struct bpf_sock_addr *ctx) {
    return socket_connect(WEIR_V4, ctx);
}

SEC("cgroup/connect6")
int weir_connect6(struct bpf_sock_addr *ctx) {
    return socket_connect(WEIR_V6, ctx);
}

SEC("cgroup/sendmsg4")
int weir_sendmsg4(struct bpf_sock_addr *ctx) {
    return datagram_send(WEIR_V4, ctx);
}

SEC("cgroup/sendmsg6")
int weir_sendmsg6(struct bpf_sock_addr *ctx) {
    return datagram_send(WEIR_V6, ctx);
}

SEC("cgroup/recvmsg4")
int weir_recvmsg4(struct bpf_sock_addr *ctx) {
    datagram_receive(WEIR_V4, ctx);
    return 1;
}

SEC("cgroup/recvmsg6")
int weir_recvmsg6(struct bpf_sock_addr *ctx) {
    datagram_receive(WEIR_V6, ctx);
    return 1;
}

SEC("cgroup/getpeername4")
int weir_getpeername4(struct bpf_sock_addr *ctx) {
    socket_show_peer(WEIR_V4, ctx);
    return 1;
}

SEC("cgroup/getpeername6")
int weir_getpeername6(struct bpf_sock_addr *ctx) {
    socket_show_peer(WEIR_V6, ctx);
    return 1;
}

SEC("cgroup/sock_release")
int weir_sock_release(struct bpf_sock *sk) {
    struct weir_socket *socket = bpf_sk_storage_get(&sockets, sk, NULL, 0);

    if (socket)
        socket_close(socket, bpf_get_socket_cookie(sk));
    return 1;
}

SEC("sockops")
int weir_sockops(struct bpf_sock_ops *ctx) {
    watch_socket(ctx);
    return 1;
}

SEC("sk_lookup")
int weir_sk_lookup(struct bpf_sk_lookup *ctx) {
    return listen_assign(ctx);
}

/* For BPF_PROG_TEST_RUN. */
SEC("tc")
int weir_find_listener(struct __sk_buff *skb) {
    return listen_find(skb);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
