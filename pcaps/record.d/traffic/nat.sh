# shellcheck shell=bash
# Where the source is translated as well. The pool is one address and one port: which one of many a
# flow gets is chance.

fetch_each() { # URL: a connection to each backend
    local n

    for n in 1 2 3; do
        fetch "$1/small"
    done
}

# When all ports are in use the next flow is refused; five seconds after a connection is over its
# port is used again.
traffic_fullnat_http() {
    fetch http://192.0.2.10/small
    fetch http://192.0.2.10/large
    fetch http://192.0.2.10/small
    fetch_fails http://192.0.2.10/small
    sleep 5
    fetch http://192.0.2.10/small
}

# UDP flows are never over before their time.
traffic_fullnat6_dns() {
    local n

    for n in 1 2 3; do
        ask @2001:db8:f::53 "q$n.weir.example" AAAA
    done
    ! ask @2001:db8:f::53 q4.weir.example AAAA || fail 3 "someone answered"
}

# A backend is a client of its own service: it is seen as the VIP, also by itself.
traffic_hairpin_http() {
    local n

    for n in 1 2 3; do
        in_ns b1 curl -q --silent --show-error --noproxy '*' --max-time 5 -o /dev/null \
            http://192.0.2.10/large
    done
}

traffic_nat64_http() {
    fetch_each "http://[2001:db8:f::10]"
}

traffic_nat46_http() {
    fetch http://192.0.2.10/small
    fetch http://192.0.2.10/large
    ask @192.0.2.53 a.weir.example AAAA
}
