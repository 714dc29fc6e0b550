# shellcheck shell=bash
# tcpdump on every host, one for each direction; and the judge.

capture_on() { # NAME NAMESPACE INTERFACE DIRECTION
    start "tcpdump-$1" "$2" tcpdump --immediate-mode -U -n -s 0 -i "$3" -Q "$4" -w "$run/$1.pcap"
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

capture_start() {
    local host

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

capture_stop() {
    sleep 0.5
    # shellcheck disable=SC2046  # a list
    kill -INT $(cat "$run"/tcpdump-*.pid)
    wait_until 5 tcpdumps_gone || fail 3 "tcpdump does not stop"
    mergecap -F pcap -w "$run/in.pcap" "$run"/*.sent.pcap
}

# The frames of a capture that match, one line of hex each, sorted.
frames() { # FILE FILTER
    tcpdump -r "$1" -n -t -xx "$2" 2>/dev/null | awk '
        /^\t0x0000:/ && frame { print frame; frame = "" }
        /^\t0x/ { for (i = 2; i <= NF; i++) frame = frame $i }
        END { if (frame) print frame }' | sort
}

# What Weir makes of in.pcap must be what the hosts received: every frame of TCP, UDP and ICMP errors
# and echo that went to them, in all its bytes. Where nothing is Weir's, in.pcap itself.
judge() { # CASE
    local host differ judged='tcp or udp or icmp or (icmp6 and ip6[40] < 130)'

    "$weir" replay -c "$here/$1/weir.yaml" -r "$run/in.pcap" -w "$run/expected.pcap" \
        --json "$run/report.jsonl" || fail 1 "$1: the replay failed"
    if [ "$1" = non-service ]; then
        cmp "$run/in.pcap" "$run/expected.pcap" || fail 1 "$1: the replay changed a frame"
        return
    fi
    for host in "${hosts[@]}"; do
        if ! differ=$(diff <(frames "$run/$host.received.pcap" "$judged") \
            <(frames "$run/expected.pcap" "ether dst $(mac_of "$host") and ($judged)")); then
            cut -c 1-160 <<<"$differ" | head -n 10 >&2
            fail 1 "$1: $host received other frames (<) than the replay sent to it (>)"
        fi
    done
}
