# shellcheck shell=bash
# What the client saw, what Weir counted, and whether they agree.

backend_ports() { # SERVICE PORT
    local n

    for n in "${backends[@]}"; do
        echo "$1 $(backend_address "$n"):$2"
    done
}

equal_backends() {
    backend_ports web 8080
    backend_ports dns 53
}

table() {
    equal_backends >"$run/equal"
    sort -k1,1 -k2,2V -k4,4n "$run/results" | awk -f "$parts/table.awk" "$run/equal" -
}

stream() {
    jq -r '.end | "iperf    one stream: \(.sum_sent.bits_per_second / 1e7 | round / 100) Gbit/s, " +
        "\(.sum_received.bytes) bytes received, \(.sum_sent.retransmits) retransmits"' \
        "$run/iperf" 2>/dev/null || echo "iperf    no result: $(jq -r .error "$run/iperf" 2>/dev/null)"
}

# metric NAME [LABEL="VALUE"...]
metric() {
    local name=$1

    shift
    awk -v name="$name" -v labels="$*" -f "$parts/metric.awk" "$run/metrics"
}

# compare WHAT CLIENT WEIR [AT_MOST]: equal, or with AT_MOST Weir's between the two.
compare() {
    local verdict=DIFFERS

    if [ "$2" = "$3" ]; then
        verdict=ok
    elif [[ $# = 4 && "$2$3$4" != *[!0-9]* ]] && [ "$2" -le "$3" ] && [ "$3" -le "$4" ]; then
        verdict=ok
    fi
    [ $verdict = ok ] || problems=1
    printf '%-46s %14s %14s  %s\n' "$1" "$2" "$3" $verdict
}

# A new flow for each request that this backend answered.
compare_backends() { # SERVICE PORT
    local service backend seen

    while read -r service backend; do
        seen=$(grep -c "^$service $backend " "$run/results" || true)
        compare "$service $backend: requests = new flows" "$seen" \
            "$(metric weir_backend_new_flows_total "service=\"$service\"" "backend=\"$backend\"")"
    done < <(backend_ports "$1" "$2")
}

service_metric() { # NAME SERVICE DIRECTION
    metric "weir_service_$1_total" "service=\"$2\"" "direction=\"$3\""
}

# Payload that Weir forwarded: frames without Ethernet, IPv4 and TCP (with timestamps) headers. It
# holds what the server received, and no more than was sent, sent again, and said on the control
# connection. The replies are TC egress's; the client's GRO may have merged a few of them.
compare_stream() {
    local received most packets bytes

    received=$(jq '.end.sum_received.bytes // 0' "$run/iperf" 2>/dev/null) || received=0
    most=$(jq '.end.sum_sent | .bytes + .retransmits * 1448 + 65536' "$run/iperf" 2>/dev/null) || most=0
    packets=$(service_metric packets iperf forward)
    bytes=$(service_metric bytes iperf forward)
    compare "iperf 203.0.113.1:5201: connections = new flows" 2 \
        "$(metric weir_backend_new_flows_total 'service="iperf"' 'backend="203.0.113.1:5201"')"
    compare "iperf: bytes received, payload forwarded" "$received" \
        $((${bytes/none/0} - 66 * ${packets/none/0})) "$most"
    received=$(cat "$run/iperf.received")
    compare "iperf: segments received, packets translated" "$received" \
        "$(service_metric packets iperf reply)" $((received + 16))
}

comparison() {
    printf '%-46s %14s %14s\n' "" "the client" "Weir"
    compare_backends web 8080
    compare_backends dns 53
    compare "web: TCP segments sent = packets forwarded" "$(cat "$run/http.sent")" \
        "$(service_metric packets web forward)"
    compare "dns: queries = packets forwarded" "$requests" "$(service_metric packets dns forward)"
    compare "dns: answers = packets translated back" "$(grep -c '^dns .* ok ' "$run/results" || true)" \
        "$(service_metric packets dns reply)"
    compare_stream
    compare "packets dropped" 0 "$(metric weir_drops_total)"
}

# A word from the tools where a request failed: one line each, they repeat themselves.
complaints() {
    local tool

    for tool in http dns iperf; do
        grep -m 1 -h . "$run/$tool.log" | sed "s/^/$tool: the client says: /" || true
    done
}

report() {
    echo
    table || problems=1
    stream
    [ $problems = 0 ] || complaints
    echo
    comparison
    echo
}
