# shellcheck shell=bash
# DNS by dig.

ask() { in_ns client dig +tries=1 +time=2 "$@" >/dev/null; }

ask_many() { # VIP CLIENT TYPE
    local n

    for n in 1 2 3 4 5 6; do
        ask "@$1" "q$n.weir.example" "$3"
    done
    ask "@$1" weir.example TXT
    ask "@$1" weir.invalid "$3" # refused
    # twice from one port: one flow
    ask -b "$2#20000" "@$1" a.weir.example "$3"
    ask -b "$2#20000" "@$1" b.weir.example "$3"
}

traffic_dns_dnat() { ask_many 192.0.2.53 203.0.113.2 A; }
traffic_dns6_dnat() { ask_many 2001:db8:f::53 "$(address_of client)" AAAA; }

# By TCP; and by UDP, where an answer is cut off, and then by TCP.
traffic_dns_tcp() {
    ask +tcp @192.0.2.53 a.weir.example A
    ask +bufsize=512 @192.0.2.53 big.weir.example TXT
    ask +tcp +keepopen @192.0.2.53 a.weir.example A b.weir.example A
}

traffic_dns6_tcp() {
    ask +tcp @2001:db8:f::53 a.weir.example AAAA
    ask +bufsize=512 @2001:db8:f::53 big.weir.example TXT
}
