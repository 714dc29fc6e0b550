# shellcheck shell=bash
# A real Prometheus beside Weir, with the rules of deploy/prometheus, and an alert that comes and goes.

prometheus_url=http://127.0.0.1:9090

# A file of deploy/prometheus whose durations are a second, and nothing else: nobody waits minutes here.
with_short_durations() {
    sed -E 's/\b(scrape_interval|evaluation_interval|for): [0-9a-z]+/\1: 1s/' "$here/prometheus/$1"
}

ask_prometheus() { # PATH [CURL ARGUMENTS]
    local path=$1

    shift
    in_ns weir curl -q --silent --fail --noproxy '*' --max-time 5 --get "$prometheus_url/api/v1/$path" "$@"
}

prometheus_scrapes() {
    ask_prometheus query --data-urlencode 'query=up{job="weir"} == 1' | jq -e '.data.result | length == 1'
}

prometheus_up() {
    local file rules home=$run/prometheus

    progress prometheus "starting"
    mkdir "$home"
    for file in prometheus.yaml rules.yaml; do
        with_short_durations $file >"$home/$file"
    done
    start prometheus weir prometheus --config.file="$home/prometheus.yaml" \
        --storage.tsdb.path="$home/data" --storage.tsdb.retention.size=64MB \
        --web.listen-address="${prometheus_url#http://}"
    disown "$!"
    if ! wait_until 15 prometheus_scrapes; then
        tail -n 5 "$run/prometheus.log" >&2
        fail 1 "prometheus does not scrape weir; its last words are above"
    fi
    rules=$(ask_prometheus rules | jq '[.data.groups[].rules[]] | length')
    done_with prometheus "scrapes weir every second, and evaluates $rules rules"
}

# fires COUNT: whether WeirBackendDown fires for so many backends, the first web server being one of them.
fires() {
    ask_prometheus alerts | jq -e --argjson count "$1" --arg backend "$(backend_address 1):8080" '
        [.data.alerts[] | select(.labels.alertname == "WeirBackendDown" and .state == "firing")] |
        length == $count and all(.labels.backend == $backend)'
}

step_alert() { # COUNT WHAT_HAPPENED fires|resolves
    local begin=$EPOCHREALTIME

    progress alert "$2; waiting for Prometheus"
    if wait_until 30 fires "$1"; then
        done_with alert "$2: WeirBackendDown $3 after $(seconds_since "$begin")"
    else
        done_with alert "$2: WeirBackendDown never $3"
        problems=1
    fi
}

# New connections go to those that are left.
step_failover() { # REQUESTS
    local answered

    answered=$(in_ns client curl -q --silent --noproxy '*' --max-time 5 --header 'Connection: close' \
        --output /dev/null --write-out '%{http_code} %header{x-backend}\n' \
        "http://192.0.2.10/page?[1-$1]" | grep '^200 ' | grep -vc " $(backend_address 1):" || true)
    done_with failover "$answered of $1 requests answered without it"
    [ "$answered" = "$1" ] || problems=1
}

# What Grafana and the rules ask, while there is an alert to be seen. Programs are timed only where
# kernel.bpf_stats_enabled is 1, and that is the whole host's; and the demo has neither a flow log nor
# `sockets`.
step_queries() {
    local begin=$EPOCHREALTIME

    progress queries "asking Prometheus what the dashboard asks"
    in_ns weir "$here/prometheus/check-queries" --may-be-empty 'weir_program_run|weir_flow_log|weir_socket|weir_cgroup' \
        "$prometheus_url" >"$run/queries" 2>&1 || problems=1
    done_with queries "$(tail -n 1 "$run/queries") ($(seconds_since "$begin"))"
    sed '$d' "$run/queries" >&2
}

alerts() {
    kill "$(cat "$run/nginx1.pid")"
    step_alert 1 "nginx on b1 killed" fires
    step_failover 300
    step_queries
    start_nginx 1
    disown "$!"
    step_alert 0 "nginx on b1 started again" resolves
}
