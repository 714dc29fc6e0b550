# shellcheck shell=bash
# The namespaces and the links between them; the drawing is in deploy/demo.

weir_address() { echo "198.51.100.$((4 * $1 + 1))"; }
backend_address() { echo "198.51.100.$((4 * $1 + 2))"; }

namespace_up() {
    ip netns add "$prefix-$1"
    [ ! -e /proc/sys/net/ipv6 ] ||
        in_ns "$1" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
    in_ns "$1" ip link set lo up
}

# link_up NAMESPACE ADDRESS INTERFACE WEIR_ADDRESS PREFIX_LENGTH: eth0 in NAMESPACE, INTERFACE in Weir's.
link_up() {
    local ns=$1 address=$2 interface=$3 weir_address=$4 length=$5

    ip link add "$interface" netns "$prefix-weir" type veth peer name eth0 netns "$prefix-$ns"
    in_ns weir ip address add "$weir_address/$length" dev "$interface"
    in_ns weir ip link set "$interface" up
    in_ns "$ns" ip address add "$address/$length" dev eth0
    in_ns "$ns" ip link set eth0 up
    # A veth hands over packets as the stack left them. XDP wants what a wire would carry: whole
    # checksums, no segments to be cut. And it can transmit to a veth only if that one polls (GRO).
    in_ns "$ns" ethtool -K eth0 tx off tso off gso off gro on >/dev/null
}

network_up() {
    local ns n

    progress network "namespaces"
    for ns in "${namespaces[@]}"; do
        namespace_up "$ns"
    done
    link_up client 203.0.113.2 client0 203.0.113.1 24
    in_ns client ip route add 192.0.2.0/24 via 203.0.113.1
    for n in "${backends[@]}"; do
        link_up "b$n" "$(backend_address "$n")" "be$n" "$(weir_address "$n")" 30
        in_ns "b$n" ip route add default via "$(weir_address "$n")"
    done
    in_ns weir sysctl -qw net.ipv4.ip_forward=1
    done_with network "${#namespaces[@]} namespaces: ${namespaces[*]/#/$prefix-}"
}

namespaces_present() {
    local ns

    for ns in "${namespaces[@]}"; do
        [ ! -e "/run/netns/$prefix-$ns" ] || echo "$ns"
    done
}

# Every process in the demo's namespaces is the demo's.
processes_present() {
    local ns

    for ns in $(namespaces_present); do
        ip netns pids "$prefix-$ns"
    done
}

processes_gone() { [ -z "$(processes_present)" ]; }

network_down() {
    local ns pids

    pids=$(processes_present)
    # shellcheck disable=SC2086  # a list
    [ -z "$pids" ] || kill $pids 2>/dev/null || true
    if ! wait_until 5 processes_gone; then
        # shellcheck disable=SC2046  # a list
        kill -KILL $(processes_present) 2>/dev/null || true
        wait_until 2 processes_gone || true
    fi
    for ns in $(namespaces_present); do
        ip netns delete "$prefix-$ns" || true
    done
}
