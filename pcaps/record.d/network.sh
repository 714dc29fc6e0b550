# shellcheck shell=bash
# The namespaces and the links between them; the drawing is in pcaps/record.

# in_ns NAMESPACE COMMAND...: not `ip netns exec`, which hides the bpffs.
in_ns() {
    local ns=$1

    shift
    nsenter --net="/run/netns/$prefix-$ns" "$@"
}

# wait_until SECONDS COMMAND...: polls; false when the time is over.
wait_until() {
    local polls=$(($1 * 20))

    shift
    while ! "$@" >/dev/null 2>&1; do
        [ $((polls -= 1)) -gt 0 ] || return 1
        sleep 0.05
    done
}

# What a host speaks: IPv6 in cases *6-...; in nat64-* the client alone, in nat46-* the backends.
family_of() {
    case $case_name-$1 in
    nat64-*-client | nat46-*-b?) echo 6 ;;
    nat64-* | nat46-*) echo 4 ;;
    *6-*) echo 6 ;;
    *) echo 4 ;;
    esac
}

address4_of() {
    case $1 in
    client) echo 203.0.113.2 ;;
    b?) echo "198.51.100.$((4 * ${1#b} + 2))" ;;
    esac
}

address6_of() { echo "2001:db8:${1%lient}::${1%lient}:2"; }

address_of() {
    if [ "$(family_of "$1")" = 6 ]; then address6_of "$1"; else address4_of "$1"; fi
}

gateway_of() {
    case $1 in
    client) echo 203.0.113.1 ;;
    b?) echo "198.51.100.$((4 * ${1#b} + 1))" ;;
    esac
}

# Weir's end of the link to a host.
interface_of() {
    case $1 in
    client) echo client0 ;;
    b?) echo "be${1#b}" ;;
    esac
}

# The MAC of an address that is a replay's next hop: 02:00 and its bytes, 02:01 and the last four of
# an IPv6 address, as ...::b1:2.
mac_of_address() {
    local bytes high

    if [[ $1 != *:* ]]; then
        IFS=. read -ra bytes <<<"$1"
        printf '02:00:%02x:%02x:%02x:%02x\n' "${bytes[@]}"
        return
    fi
    high=${1##*::}
    high=$((0x${high%:*}))
    printf '02:01:%02x:%02x:00:%02x\n' $((high >> 8)) $((high & 255)) "0x${1##*:}"
}

# Frames to a host that routes carry the MAC of whom it routes for.
mac_of() { mac_of_address "${behind[$1]:-$(address_of "$1")}"; }

# What a capture holds is what a wire would carry: whole checksums, one segment a frame. XDP can
# transmit to a veth only if that one polls, as it does with GRO; the limit keeps GRO from joining.
wire_like() { # NAMESPACE INTERFACE
    in_ns "$1" ethtool -K "$2" tx off tso off gso off gro on >/dev/null
    in_ns "$1" ip link set "$2" gro_max_size 1
}

link_up() {
    local host=$1 interface length=30

    interface=$(interface_of "$host")
    [ "$host" != client ] || length=24
    ip link add "$interface" address "$weir_mac" netns "$prefix-weir" type veth \
        peer name eth0 address "$(mac_of "$host")" netns "$prefix-$host"
    in_ns weir ip address add "$(gateway_of "$host")/$length" dev "$interface"
    in_ns "$host" ip address add "$(address4_of "$host")/$length" dev eth0
    # 2001:db8:c::/64, 2001:db8:b1::/64 ... (RFC 3849)
    in_ns weir ip address add "2001:db8:${host%lient}::1/64" dev "$interface" nodad
    in_ns "$host" ip address add "$(address6_of "$host")/64" dev eth0 nodad
    in_ns weir ip link set "$interface" up
    in_ns "$host" ip link set eth0 up
    wire_like "$host" eth0
    in_ns "$host" ip route add default via "$(gateway_of "$host")"
    in_ns "$host" ip route add default via "2001:db8:${host%lient}::1"
    # it could not ask for the neighbours of what it forwards, without a link-local address
    in_ns weir ip neighbour replace "$(address6_of "$host")" lladdr "$(mac_of "$host")" \
        dev "$interface" nud permanent
}

namespace_up() {
    ip netns add "$prefix-$1"
    in_ns "$1" ip link set lo up
    # no router, no multicast groups: what a case holds is what its traffic asked for
    in_ns "$1" sysctl -qw net.ipv6.conf.default.router_solicitations=0 \
        net.ipv6.conf.default.addr_gen_mode=1 net.ipv4.conf.all.rp_filter=0
    # every ICMP error that is due
    in_ns "$1" sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
}

network_up() {
    local name

    for name in weir "${hosts[@]}"; do
        namespace_up "$name"
    done
    for name in "${hosts[@]}"; do
        link_up "$name"
    done
    in_ns weir sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
}

# No host has to ask for another: a capture then holds what its programs sent, and nothing else.
neighbours_known() {
    local host interface

    for host in "${hosts[@]}"; do
        interface=$(interface_of "$host")
        in_ns weir ip neighbour replace "$(address4_of "$host")" lladdr "$(mac_of "$host")" \
            dev "$interface" nud permanent
        in_ns "$host" ip neighbour replace "$(gateway_of "$host")" lladdr "$weir_mac" \
            dev eth0 nud permanent
        in_ns "$host" ip neighbour replace "2001:db8:${host%lient}::1" lladdr "$weir_mac" \
            dev eth0 nud permanent
    done
}

namespaces_present() {
    local name

    for name in weir far "${hosts[@]}"; do
        [ ! -e "/run/netns/$prefix-$name" ] || echo "$name"
    done
}

# Every process in these namespaces is the recording's.
processes_present() {
    local name

    for name in $(namespaces_present); do
        ip netns pids "$prefix-$name"
    done
}

processes_gone() { [ -z "$(processes_present)" ]; }

network_down() {
    local name pids

    pids=$(processes_present)
    # shellcheck disable=SC2086  # a list
    [ -z "$pids" ] || kill $pids 2>/dev/null || true
    if ! wait_until 5 processes_gone; then
        # shellcheck disable=SC2046  # a list
        kill -KILL $(processes_present) 2>/dev/null || true
        wait_until 2 processes_gone || true
    fi
    for name in $(namespaces_present); do
        ip netns delete "$prefix-$name" || true
    done
}
