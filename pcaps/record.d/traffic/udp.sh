# shellcheck shell=bash
# Other UDP: long datagrams, no checksums, QUIC.

# Datagrams of three fragments, and as many back; one of one byte more than a frame holds.
fragments() { # VIP
    start_echo b1 7000
    tell udp a "$1" 7
    tell ask a 100
    tell ask a 4000
    tell ask a 1473
    tell close a
    # a flow whose first datagram is long
    tell udp b "$1" 7
    tell ask b 3500
    tell close b
}

traffic_udp_fragments() { fragments 192.0.2.7; }
traffic_udp6_fragments() { fragments 2001:db8:f::7; }

# Datagrams without a checksum get none, in either direction.
traffic_udp_no_checksum() {
    local n

    start_echo b1 7000 nosum
    tell udp a 192.0.2.7 7 nosum=1
    for n in 0 1 30 31; do
        tell ask a "$((n + 1))"
    done
    tell close a
}

servers_quic_dnat() {
    local host

    make_certificate
    for host in b1 b2 b3; do
        start_quic "$host"
    done
}

# Three connections, of one handshake and one request each.
traffic_quic_dnat() {
    local n

    for n in 1 2 3; do
        in_ns client timeout 10 gtlsclient --quiet --no-pmtud --exit-on-all-streams-close \
            --disable-early-data 192.0.2.44 443 https://weir.example/small ||
            fail 3 "no answer over QUIC"
    done
}
