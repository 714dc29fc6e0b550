# shellcheck shell=bash
# What live hosts received is held against what a replay makes of the same traffic.

# The frames of a capture that match, one line of hex each, sorted.
frames() { # FILE FILTER
    tcpdump -r "$1" -n -t -xx "$2" 2>/dev/null | awk '
        /^\t0x0000:/ && frame { print frame; frame = "" }
        /^\t0x/ { for (i = 2; i <= NF; i++) frame = frame $i }
        END { if (frame) print frame }' | "$shown" | sort
}

whole() { cat; }

# The identification of packets that are made to be IPv4 is random, where they may be fragmented;
# with it goes the header's checksum.
without_identification() {
    sed -E 's/^(.{24}08004500....)....(0000....)..../\1----\2----/'
}

macs_of() {
    mac_of "$1"
    [ "$1" != client ] || printf '%s\n' "${more_clients[@]}"
}

# Every IP packet that went to a host, in all its bytes, except neighbour discovery and multicast; and
# none goes anywhere else, unless to Weir's own host.
judge_capture() { # NAME OUT
    local host differ to filter judged=0 all
    local packets='(ip or (ip6 and not (icmp6 and ip6[40] >= 130))) and not ether multicast'

    for host in "${hosts[@]}"; do
        to=$(macs_of "$host" | sed '/./!d; s/^/ether dst /' | paste -s -d ' ' |
            sed 's/ ether/ or ether/g')
        filter="($to) and $tags$packets"
        frames "$2" "$filter" >"$run/wanted"
        judged=$((judged + $(wc -l <"$run/wanted")))
        if ! differ=$(diff <(frames "$run/$1.$host.received" "$filter") "$run/wanted"); then
            cut -c 1-200 <<<"$differ" | head -n 10 >&2
            fail 1 "$case_name: $host received other frames (<) than the replay sent to it (>), $1"
        fi
    done
    all=$(tcpdump -r "$2" -n "not ether dst $weir_mac and not ether multicast and not arp and \
        not ether dst $(mac_of_address "$(gateway_of client)") and \
        not (icmp6 and ip6[40] >= 130)" 2>/dev/null | wc -l)
    [ "$judged" = "$all" ] || fail 1 "$case_name: of $all frames $judged went to a host, $1"
    echo "$case_name: $judged frames as they were received, $1"
}

# Where nothing is Weir's, in.pcap itself is what is expected.
judge_one() {
    "$weir" replay -c "$here/$case_name/weir.yaml" -r "$run/in.pcap" -w "$run/expected.pcap" \
        --json "$run/report.jsonl" || fail 1 "$case_name: the replay failed"
    if [ "$case_name" = non-service ]; then
        cmp "$run/in.pcap" "$run/expected.pcap" || fail 1 "$case_name: the replay changed a frame"
        return
    fi
    judge_capture in "$run/expected.pcap"
}

# A case of steps: the suite writes what is expected, and holds the counters against steps.yaml.
judge_steps() {
    local folder=$run/suite/$case_name name

    mkdir -p "$folder"
    cp "$here/$case_name"/*.yaml "$folder"
    for name in "${phases[@]}"; do
        cp "$run/$name.pcap" "$folder"
    done
    "$weir" replay --suite "$run/suite" --update || fail 1 "$case_name: the replay failed"
    for name in "${phases[@]}"; do
        judge_capture "$name" "$folder/$name.expected.pcap"
    done
}
