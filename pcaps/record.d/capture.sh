# shellcheck shell=bash
# tcpdump on every host, one for each direction; and the judge.

capture_on() { # NAME NAMESPACE INTERFACE DIRECTION
    rm -f "$run/tcpdump-$1.log" # of another phase
    # -s: so long a place has each frame in tcpdump's buffer; the default leaves room for eight
    # shellcheck disable=SC2086  # words
    start "tcpdump-$1" "$2" tcpdump --immediate-mode -U -n -s 4096 -B 4096 -i "$3" -Q "$4" -w "$run/$1.pcap" \
        $captured
    wait_until 5 grep -q 'listening on' "$run/tcpdump-$1.log" ||
        fail 3 "tcpdump does not start: $(cat "$run/tcpdump-$1.log")"
}

# What Weir's own host sends to the client is caught where it enters Weir's TC egress: mirrored to
# an interface without offloads by a filter that comes first.
mirror_egress() {
    in_ns weir ip link add mirror type veth peer name sink
    in_ns weir sysctl -qw net.ipv6.conf.{mirror,sink}.disable_ipv6=1
    in_ns weir ip link set mirror up
    in_ns weir ip link set sink up
    in_ns weir ethtool -K mirror tx off tso off gso off >/dev/null
    in_ns weir ethtool -K client0 tx off tso off gso off >/dev/null
    clang -O2 -target bpf -isystem "/usr/include/$(gcc -dumpmachine)" \
        -D MIRROR="$(in_ns weir ip -o link show mirror | cut -d: -f1)" \
        -c "$here/record.d/mirror.bpf.c" -o "$run/mirror.bpf.o"
    in_ns weir tc filter add dev client0 egress priority 1 protocol ip \
        bpf direct-action object-file "$run/mirror.bpf.o" section tc
    capture_on weir.sent weir mirror out
}

# Into NAME.pcap in the end, and what the hosts received into NAME.HOST.pcap.
capture_start() { # NAME
    local host

    capture=$1
    for host in "${hosts[@]}"; do
        capture_on "$host.sent" "$host" eth0 out
        capture_on "$host.received" "$host" eth0 in
    done
}

tcpdumps_gone() {
    local pid

    while read -r pid; do
        ! kill -0 "$pid" 2>/dev/null || return 1
    done < <(cat "$run"/tcpdump-*.pid)
}

# What is under way arrives, and tcpdump, which may be slow on a busy machine, writes it.
capture_settles() {
    local before now=

    for _ in {1..40}; do
        before=$now
        sleep 0.4
        now=$(stat -c %s "$run"/*.sent.pcap "$run"/*.received.pcap)
        [ "$now" != "$before" ] || return 0
    done
    fail 1 "$case_name: its traffic does not end"
}

capture_stop() {
    local host

    capture_settles
    # shellcheck disable=SC2046  # a list
    kill -INT $(cat "$run"/tcpdump-*.pid)
    wait_until 5 tcpdumps_gone || fail 3 "tcpdump does not stop"
    rm "$run"/tcpdump-*.pid
    ! grep -h '[1-9][0-9]* packets* dropped' "$run"/tcpdump-*.log >&2 ||
        fail 1 "$case_name: tcpdump was too slow; once more"
    mergecap -F pcap -w "$run/merged" "$run"/*.sent.pcap
    # time that `advance` let go by is not in the stamps: it comes from that step again
    editcap -F pcap -t "-$advanced" "$run/merged" "$run/$capture.pcap"
    for host in "${hosts[@]}"; do
        mv "$run/$host.received.pcap" "$run/$capture.$host.received"
    done
    rm "$run"/*.sent.pcap
}
