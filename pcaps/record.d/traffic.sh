# shellcheck shell=bash
# What happens in each case: traffic_CASE, with _ for -.

fetch() { in_ns client curl -q --silent --show-error --noproxy '*' --max-time 5 -o /dev/null "$@"; }
ask() { in_ns client dig +tries=1 +time=2 "$@" >/dev/null; }

traffic_http_dnat() {
    local n

    for n in 1 2 3 4 5 6; do
        fetch http://192.0.2.10/small
    done
    fetch http://192.0.2.10/large
    # two requests on one connection
    fetch http://192.0.2.10/small http://192.0.2.10/none -o /dev/null
}

traffic_dns_dnat() {
    local n

    for n in 1 2 3 4 5 6; do
        ask @192.0.2.53 "q$n.weir.example" A
    done
    ask @192.0.2.53 weir.example TXT
    ask @192.0.2.53 weir.invalid A # refused
    # twice from one port: one flow
    ask -b 203.0.113.2#20000 @192.0.2.53 a.weir.example A
    ask -b 203.0.113.2#20000 @192.0.2.53 b.weir.example A
}

traffic_http6_dnat() {
    local n

    for n in 1 2 3 4 5 6; do
        fetch "http://[2001:db8:f::10]/small"
    done
    fetch "http://[2001:db8:f::10]/large"
    fetch "http://[2001:db8:f::10]/small" "http://[2001:db8:f::10]/none" -o /dev/null
}

traffic_dns6_dnat() {
    local n

    for n in 1 2 3 4 5 6; do
        ask @2001:db8:f::53 "q$n.weir.example" AAAA
    done
    ask @2001:db8:f::53 weir.example TXT
    ask @2001:db8:f::53 weir.invalid AAAA # refused
    # twice from one port: one flow
    ask -b "$(address_of client)#20000" @2001:db8:f::53 a.weir.example AAAA
    ask -b "$(address_of client)#20000" @2001:db8:f::53 b.weir.example AAAA
}

# No one listens on the backends' port: they refuse, and the client hears it from the VIP.
traffic_http_reset() {
    local n

    for n in 1 2 3; do
        ! fetch http://192.0.2.10/ 2>/dev/null || fail 3 "the connection was not refused"
    done
}

# No backend takes new flows: Weir says so with ICMP, and the client gives up at once.
traffic_http_no_backend() {
    ! fetch --connect-timeout 2 http://192.0.2.10/ 2>/dev/null || fail 3 "someone answered"
}

# Not from this client: SYN and its repetition are dropped.
traffic_http_denied() {
    ! fetch --connect-timeout 2 http://192.0.2.10/ 2>/dev/null || fail 3 "someone answered"
}

# Weir as a router: echo replies, time exceeded; and a backend's port unreachable, in its name.
traffic_icmp() {
    in_ns client ping -q -c 2 -i 0.2 192.0.2.10 >/dev/null
    ! ask @192.0.2.54 a.weir.example A || fail 3 "someone answered"
    in_ns client ip route add 192.0.2.53 via "$(gateway_of client)" hoplimit 1
    ! ask @192.0.2.53 a.weir.example A || fail 3 "someone answered"
}

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
