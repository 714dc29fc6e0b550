# shellcheck shell=bash
# What happens in each case: traffic_CASE, with _ for -. Here: HTTP by curl.

fetch() { in_ns client curl -q --silent --show-error --noproxy '*' --max-time 5 -o /dev/null "$@"; }

fetch_fails() { ! fetch --connect-timeout 2 "$@" 2>/dev/null || fail 3 "$case_name: someone answered"; }

fetch_many() { # URL: six small files, one that takes more than one segment, two on one connection
    local n

    for n in 1 2 3 4 5 6; do
        fetch "$1/small"
    done
    fetch "$1/large"
    fetch "$1/small" "$1/none" -o /dev/null
}

traffic_http_dnat() { fetch_many http://192.0.2.10; }
traffic_http_tc() { fetch_many http://192.0.2.10; }
traffic_http6_dnat() { fetch_many "http://[2001:db8:f::10]"; }

# No one listens on the backends' port: they refuse, and the client hears it from the VIP.
traffic_http_reset() {
    local n

    for n in 1 2 3; do
        ! fetch http://192.0.2.10/ 2>/dev/null || fail 3 "the connection was not refused"
    done
}

traffic_http6_reset() {
    ! fetch "http://[2001:db8:f::10]/" 2>/dev/null || fail 3 "the connection was not refused"
    tell tcp a 2001:db8:f::10 81
    tell_served b1 a
    tell reset a
}

# No backend takes new flows: Weir says so with ICMP, and the client gives up at once.
traffic_http_no_backend() { fetch_fails http://192.0.2.10/; }

# Not from this client: SYN and its repetition are dropped.
traffic_http_denied() { fetch_fails http://192.0.2.10/; }

# The backend is beside Weir: the kernel sends the replies, and TC egress translates them.
traffic_http_local() {
    mirror_egress
    fetch http://192.0.2.20/small
    fetch http://192.0.2.20/large
}

# None of this is for a service: other ports of VIPs, backends by their own address, ping, ARP, IPv6.
traffic_non_service() {
    fetch http://198.51.100.6:8080/large
    ask @198.51.100.10 a.weir.example A
    ! fetch http://192.0.2.10:81/ 2>/dev/null || fail 3 "someone answered"
    ! ask @198.51.100.14 -p 54 a.weir.example A || fail 3 "someone answered"
    in_ns client ping -q -c 2 -i 0.2 198.51.100.6 >/dev/null
    in_ns client ping -q -c 2 -i 0.2 -s 2000 198.51.100.10 >/dev/null # fragments
    in_ns b1 ping -q -6 -c 2 -i 0.2 2001:db8:b1::1 >/dev/null
}

servers_https_dnat() {
    local host

    make_certificate
    for host in b1 b2 b3; do
        start_tls "$host"
    done
}

# A whole handshake each, and one with two requests; TLS 1.3, and 1.2 once.
traffic_https_dnat() {
    local n to=(--cacert "$run/cert.pem" --resolve weir.example:443:192.0.2.10)

    for n in 1 2; do
        fetch "${to[@]}" https://weir.example/small
    done
    fetch "${to[@]}" --tls-max 1.2 https://weir.example/small
    fetch "${to[@]}" https://weir.example/small https://weir.example/none -o /dev/null
}

network_http_vlan() { one_tagged_arm 1; }
traffic_http_vlan() {
    fetch http://192.0.2.10/small
    fetch http://192.0.2.10/large
    # the error of a closed port, tagged as well
    tell udp a 192.0.2.10 54
    tell send a 30
    tell error a
}

network_http6_vlan2() { one_tagged_arm 2; }
traffic_http6_vlan2() {
    fetch "http://[2001:db8:f::10]/small"
    fetch "http://[2001:db8:f::10]/large"
    tell udp a 2001:db8:f::10 54
    tell send a 30
    tell error a
}
