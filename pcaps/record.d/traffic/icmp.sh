# shellcheck shell=bash
# ICMP, and what comes of it: path MTU discovery.

# Weir as a router: echo replies, time exceeded; and a backend's port unreachable, in its name.
traffic_icmp() {
    in_ns client ping -q -c 2 -i 0.2 192.0.2.10 >/dev/null
    ! ask @192.0.2.54 a.weir.example A || fail 3 "someone answered"
    in_ns client ip route add 192.0.2.53 via "$(gateway_of client)" hoplimit 1
    ! ask @192.0.2.53 a.weir.example A || fail 3 "someone answered"
}

# The same by IPv6, and a service without a backend.
traffic_icmp6_answers() {
    in_ns client ping -q -c 2 -i 0.2 2001:db8:f::10 >/dev/null
    ! ask @2001:db8:f::54 a.weir.example A || fail 3 "someone answered"
    fetch_fails "http://[2001:db8:f::10]:81/"
    tell udp a 2001:db8:f::53 53 ttl=1
    tell send a 50
    tell error a
}

# What a router behind the backend's link says, about what was sent to a backend that is behind it.
errors_of_a_router() { # VIP
    local kind

    tell udp a "$1" 7 ttl=2
    tell send a 40
    tell error a
    for kind in unreachable prohibit; do
        in_ns b1 ip -"$(family_of b1)" route replace "$kind" "${behind[b1]}"
        tell udp a "$1" 7
        tell send a 40
        tell error a
        tell_fails "" tcp b "$1" 80
    done
}

network_icmp_router() { far_behind b1 1500; }
traffic_icmp_router() { errors_of_a_router 192.0.2.7; }
network_icmp6_router() { far_behind b1 1500; }
traffic_icmp6_router() { errors_of_a_router 2001:db8:f::7; }

# The client is gone when the answer comes: what it says of that reaches the backend.
errors_about_replies() { # VIP
    start_echo b1 7000
    tell udp a "$1" 7
    tell send a 40 later
    tell close a
    sleep 0.6
}

traffic_icmp_reply() { errors_about_replies 192.0.2.7; }
traffic_icmp6_reply() { errors_about_replies 2001:db8:f::7; }

# The way to the backend is small: a router behind Weir tells the client.
network_pmtu_request() { far_behind b1 1300; }
network_pmtu6_request() { far_behind b1 1300; }
long_request() { # VIP
    start_echo far 7000
    tell tcp a "$1" 80
    tell write a 4000
    tell shut a
    tell read a
    [ "$said" = "ok 4000 bytes" ] || fail 3 "the answer is $said"
    tell close a
}

traffic_pmtu_request() { long_request 192.0.2.10; }
traffic_pmtu6_request() { long_request 2001:db8:f::10; }

# The way to the client is small: a router before Weir tells the backend.
network_pmtu_reply() { far_behind client 1300; }
network_pmtu6_reply() { far_behind client 1300; }
long_reply() { # URL
    in_ns far curl -q --silent --show-error --noproxy '*' --max-time 5 -o /dev/null "$1"
}

traffic_pmtu_reply() { long_reply http://192.0.2.10/large; }
traffic_pmtu6_reply() { long_reply "http://[2001:db8:f::10]/large"; }
