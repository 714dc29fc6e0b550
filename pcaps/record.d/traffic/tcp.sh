# shellcheck shell=bash
# TCP as curl does not do it.

# The client shuts its side down; the backend's whole answer comes after that.
traffic_http_half_close() {
    start_echo b1 7000
    tell tcp a 192.0.2.10 80
    tell write a 3000
    tell shut a
    tell read a
    [ "$said" = "ok 3000 bytes" ] || fail 3 "the answer is $said"
    tell close a
}

# Nothing to say for some seconds: probes of one byte less than nothing, and their answers.
traffic_http_keep_alive() {
    tell tcp a 192.0.2.10 80 keepalive=1
    tell get a /small
    sleep 3.4
    tell get a /small
    tell close a
}

# The client gives up in the middle: its RST reaches the backend. The port is used again at once.
traffic_http_client_reset() {
    tell tcp a 192.0.2.10 80 port=40001
    tell get a /small
    tell reset a
    tell tcp b 192.0.2.10 80 port=40001
    tell get b /large
    tell reset b
}

# A backend gives up in the middle: its RST reaches the client from the VIP.
traffic_http_backend_reset() {
    start_echo b1 7000
    tell tcp a 192.0.2.10 80
    tell write a 100
    tell send a 10 abort
    tell_fails "reset by peer" read a
    tell close a
}

# The client and the backend lose some of what reaches them, and get it again.
network_http_retransmit() {
    lose client 3
    lose b1 2
}
traffic_http_retransmit() {
    fetch http://192.0.2.10/large
    tell tcp a 192.0.2.10 80
    tell get a /small
    tell get a /large
    tell get a /small
    tell close a
}

# A port that was used before: by a connection that was reset; by one that the backend closed, which
# is in TIME-WAIT there; and of two services that share a backend, at one time.
traffic_port_reuse() {
    local n

    for n in 1 2; do
        tell tcp a 192.0.2.10 80 port=40001
        tell_served b1 a
        tell reset a
    done
    for n in 1 2 3; do
        tell tcp a 192.0.2.10 80 port=40002
        tell get a /small Connection: close
        sleep 0.1
        tell close a
    done
    tell tcp a 192.0.2.10 80 port=40003
    tell_served b1 a
    tell tcp b 192.0.2.10 81 port=40003
    tell_served b2 b
    tell close a
    tell close b
    tell tcp a 192.0.2.10 80 port=40004
    tell_served b1 a
    tell_fails "" tcp b 192.0.2.10 82 port=40004
    tell close a
}

# Connections that Weir knows nothing of, as after the loss of a node.
traffic_http_midstream() {
    local n

    for n in 1 2 3 4; do
        tell tcp "c$n" 192.0.2.10 80 "port=$((40000 + n))"
        tell get "c$n" /small
    done
    ask_weir flows flush --all >/dev/null
    capture_stop
    capture_start in
    for n in 1 2 3 4; do
        tell get "c$n" /small
        tell close "c$n"
    done
}

# What IPv4 headers may hold beside the usual: options, a class of service.
traffic_http_ip_options() {
    tell tcp a 192.0.2.10 80 options=01010100 tos=184
    tell get a /small
    tell get a /large
    tell close a
}

# Destination options, hop-by-hop options, both; in segments and in datagrams.
traffic_http6_extensions() {
    local options

    start_echo b1 7000
    for options in dstopts=0000010400000000 hopopts=0000010400000000 \
        "hopopts=0000010400000000 dstopts=00011e0c000000000000000000000000"; do
        # shellcheck disable=SC2086  # words
        tell tcp a 2001:db8:f::10 80 $options
        tell get a /small
        tell close a
        # shellcheck disable=SC2086
        tell udp b 2001:db8:f::10 7 $options
        tell ask b 100
        tell close b
    done
}
