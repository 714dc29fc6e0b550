# shellcheck shell=bash
# The traffic. Each kind leaves the tool's own output in $run, and $run/results gets one line per request:
#   SERVICE BACKEND ok|FAILED MICROSECONDS

# shellcheck disable=SC2016  # awk expands these
# client_segments sent|received: by the client's TCP, first time or again; GRO may count a few as one.
client_segments() {
    in_ns client awk -v which="$1" '
        $1 == "Tcp:" && !names { names = split($0, name); next }
        $1 == "Tcp:" { for (i = 2; i <= names; i++) value[name[i]] = $i }
        END { print which == "sent" ? value["OutSegs"] + value["RetransSegs"] : value["InSegs"] }
    ' /proc/net/snmp
}

count_http() { echo "$(grep -c '^@' "$run/http") of $requests requests"; }
count_dns() { echo "$(grep -c 'Query time' "$run/dns") of $requests queries"; }
count_iperf() { echo "a stream of 5 s"; }

# client_tool LABEL PROGRESS SECONDS COMMAND...: in the client's namespace; output in $run/LABEL, the
# TCP segments meanwhile in $run/LABEL.sent and $run/LABEL.received. Its failure is no news: what
# matters is in the output, request by request.
client_tool() {
    local label=$1 show=$2 seconds=$3 sent received

    shift 3
    sent=$(client_segments sent)
    received=$(client_segments received)
    : >"$run/$label"
    follow "$label" "$show" "$run/$label" nsenter --net="/run/netns/$prefix-client" \
        timeout "$seconds" "$@" || true
    echo $(($(client_segments sent) - sent)) >"$run/$label.sent"
    echo $(($(client_segments received) - received)) >"$run/$label.received"
}

# A connection per request: the server closes it, as it was asked to.
traffic_http() {
    local begin=$EPOCHREALTIME

    client_tool http count_http 60 curl -q --silent --show-error --noproxy '*' \
        --connect-timeout 3 --max-time 5 --header 'Connection: close' \
        --write-out '\n@ %{http_code} %{time_total} %header{x-backend} %header{x-request}\n' \
        "http://192.0.2.10/page?[1-$requests]"
    awk -v requests="$requests" -v page="$(page)" -f "$parts/http.awk" "$run/http" >>"$run/results"
    done_with http "$requests requests in $(seconds_since "$begin")"
}

# Source ports are given, and no two alike: a flow lives on after its answer, and a query from the
# same port would belong to it. So each query is one new flow, and the counts must agree.
dns_batch() {
    seq "$requests" | awk '{ print "-b 203.0.113.2#" 20000 + $1, "q" $1 ".weir.example A" }'
}

traffic_dns() {
    local begin=$EPOCHREALTIME

    dns_batch >"$run/dns.batch"
    client_tool dns count_dns 60 dig @192.0.2.53 -u +tries=1 +time=2 -f "$run/dns.batch"
    awk -v requests="$requests" -f "$parts/dns.awk" "$run/dns" >>"$run/results"
    done_with dns "$requests queries in $(seconds_since "$begin")"
}

traffic_iperf() {
    local begin=$EPOCHREALTIME result=ok

    client_tool iperf count_iperf 20 iperf3 --client 192.0.2.20 --port 5201 --time 5 --json
    jq -e '.end.sum_received.bytes > 0' "$run/iperf" >/dev/null 2>&1 || result=FAILED
    echo "iperf 203.0.113.1:5201 $result 0" >>"$run/results"
    done_with iperf "one stream in $(seconds_since "$begin")"
}

traffic() {
    : >"$run/results"
    traffic_http
    traffic_dns
    traffic_iperf
    in_ns weir curl -q --silent --show-error --fail --noproxy '*' --max-time 5 \
        http://127.0.0.1:9470/metrics >"$run/metrics" ||
        fail 1 "no metrics from http://127.0.0.1:9470/metrics"
}
