# shellcheck shell=bash
# What some cases have beside the links of the drawing: hosts behind hosts, tags, losses.

declare -A behind # host -> the address of the one behind it

# The routes of one family to a host behind HOST, over a link of MTU bytes.
far_routes() { # -4|-6 HOST ADDRESS MTU
    local family=$1 host=$2 address=$3 inner=192.0.2.129 via

    via=$(address4_of "$host")
    [ "$family" = -4 ] || inner=2001:db8:f0::1 via=$(address6_of "$host")
    in_ns weir ip "$family" route add "$address" via "$via"
    in_ns "$host" ip address add "$inner" dev eth1
    in_ns "$host" ip "$family" route add "$address" dev eth1
    in_ns far ip address add "$address" dev eth0
    in_ns far ip "$family" route add "$inner" dev eth0
    # it does not know how small its link is: others are to find out
    in_ns far ip "$family" route add default via "$inner" advmss $((1440 - 20 * (${family#-} == 6)))
    in_ns "$host" ip neighbour replace "$address" lladdr 02:00:00:00:00:f0 dev eth1 nud permanent
    in_ns far ip neighbour replace "$inner" lladdr 02:00:00:00:00:f1 dev eth0 nud permanent
}

# Makes HOST a router for another one, `far`, over a link of MTU bytes. Weir's next hop to both has
# the MAC of a replay's to `far`.
far_behind() { # HOST MTU
    local host=$1 mtu=$2 address

    if [ "$host" = client ]; then address=203.0.113.130; else address=198.51.100.130; fi
    [ "$(family_of "$host")" = 4 ] || address=2001:db8:f1::f1:2
    behind[$host]=$address
    namespace_up far
    in_ns "$host" ip link set eth0 address "$(mac_of "$host")"
    ip link add eth1 address 02:00:00:00:00:f1 mtu "$mtu" netns "$prefix-$host" type veth \
        peer name eth0 address 02:00:00:00:00:f0 mtu "$mtu" netns "$prefix-far"
    # no duplicate is looked for, no link-local address used
    in_ns "$host" sysctl -qw net.ipv6.conf.eth1.accept_dad=0
    in_ns far sysctl -qw net.ipv6.conf.eth0.accept_dad=0
    in_ns "$host" ip link set eth1 up
    in_ns far ip link set eth0 up
    wire_like "$host" eth1
    wire_like far eth0
    in_ns "$host" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
    neighbours_known
    in_ns weir ip neighbour replace "$(address6_of "$host")" lladdr "$(mac_of "$host")" \
        dev "$(interface_of "$host")" nud permanent
    far_routes "-$(family_of "$host")" "$host" "$address" "$mtu"
}

# Another client, on the same wire: an address of the client's with a MAC of its own.
another_client() { # ADDRESS
    local interface=mac${1##*[.:]}

    in_ns client ip link add link eth0 name "$interface" address "$(mac_of_address "$1")" \
        type macvlan mode bridge
    in_ns client ip link set "$interface" up
    in_ns client ip address add "$1" dev "$interface" nodad
    in_ns weir ip neighbour replace "$1" lladdr "$(mac_of_address "$1")" dev client0 nud permanent
    more_clients+=("$(mac_of_address "$1")")
}

# bpf_filter HOST DIRECTION SECTION SOURCE [-D...]: compiles it, and has it see HOST's frames.
bpf_filter() {
    local host=$1 direction=$2 section=$3 source=$4

    shift 4
    clang -O2 -g -target bpf -isystem "/usr/include/$(gcc -dumpmachine)" "$@" \
        -c "$here/record.d/$source.bpf.c" -o "$run/$host.$source.o"
    in_ns "$host" tc qdisc add dev eth0 clsact 2>/dev/null || true
    in_ns "$host" tc filter add dev eth0 "$direction" \
        bpf direct-action object-file "$run/$host.$source.o" section "$section"
}

# Of what reaches HOST, and is more than headers, every so many is lost.
lose() { bpf_filter "$1" ingress tc loss -D EVERY="$2"; }

# One arm: a bridge joins the client's link with that of b1, to which Weir's route is now by client0;
# all that the two send and receive is tagged. What leaves Weir by the link it came by has the tags
# it came with, as in a replay.
one_tagged_arm() { # TAGS
    local host

    ip netns add "$prefix-far"
    for host in client b1; do
        in_ns "$host" ip link delete eth0
        ip link add eth0 address "$(mac_of "$host")" netns "$prefix-$host" type veth \
            peer name "$host" netns "$prefix-far"
        in_ns "$host" ip link set eth0 up
        wire_like "$host" eth0
    done
    ip link add client0 address "$weir_mac" netns "$prefix-weir" type veth \
        peer name weir netns "$prefix-far"
    ip link add be1 netns "$prefix-weir" type veth peer name unused netns "$prefix-far"
    in_ns weir ip link set client0 up
    in_ns weir ip link set be1 up
    arm_bridge
    for host in client b1; do
        arm_addresses "$host"
        bpf_filter "$host" egress put tag -D TAGS="$1"
        in_ns "$host" tc filter add dev eth0 ingress \
            bpf direct-action object-file "$run/$host.tag.o" section take
    done
    tags=$(printf 'vlan and %.0s' $(seq "$1"))
}

arm_bridge() {
    local port

    in_ns far sysctl -qw net.ipv6.conf.default.disable_ipv6=1
    in_ns far ip link add name wire type bridge
    for port in client b1 weir; do
        in_ns far ip link set "$port" master wire
        in_ns far ip link set "$port" up
    done
    in_ns far ip link set wire up
}

arm_addresses() { # HOST
    local gateway

    gateway=$(gateway_of "$1")
    in_ns weir ip address add "$gateway/30" dev client0
    in_ns weir ip address add "2001:db8:${1%lient}::1/64" dev client0 nodad
    in_ns "$1" ip address add "$(address4_of "$1")/30" dev eth0
    in_ns "$1" ip address add "$(address6_of "$1")/64" dev eth0 nodad
    in_ns "$1" ip route add default via "$gateway"
    in_ns "$1" ip route add default via "2001:db8:${1%lient}::1"
    in_ns weir ip neighbour replace "$(address4_of "$1")" lladdr "$(mac_of "$1")" \
        dev client0 nud permanent
    in_ns weir ip neighbour replace "$(address6_of "$1")" lladdr "$(mac_of "$1")" \
        dev client0 nud permanent
    in_ns "$1" ip neighbour replace "$gateway" lladdr "$weir_mac" dev eth0 nud permanent
    in_ns "$1" ip neighbour replace "2001:db8:${1%lient}::1" lladdr "$weir_mac" dev eth0 nud permanent
}
