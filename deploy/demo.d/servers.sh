# shellcheck shell=bash
# The servers, and Weir.

# start NAME NAMESPACE COMMAND...: in a session of its own, so that Ctrl-C is for this script alone.
start() {
    local name=$1 ns=$2

    shift 2
    setsid nsenter --net="/run/netns/$prefix-$ns" "$@" >"$run/$name.log" 2>&1 </dev/null &
    echo $! >"$run/$name.pid"
}

listens() { in_ns "$1" ss -Hlnut "sport = :$2" | grep -q .; }

wait_for_server() {
    wait_until 5 listens "$2" "$3" && return
    tail -n 5 "$run/$1.log" >&2
    fail 1 "$1 does not listen on port $3; its last words are above"
}

# 4 kB on one line, so that an answer takes several packets and is easily compared whole.
page() { printf 'Weir demo %.0s' {1..400}; }

start_nginx() {
    local home=$run/nginx$1

    mkdir -p "$home/www" "$home/temp"
    page >"$home/www/page"
    echo >>"$home/www/page"
    start "nginx$1" "b$1" nginx -e stderr -p "$home" -c "$parts/nginx.conf"
}

# Answers any name under weir.example with its own address, which so names the backend.
start_dnsmasq() {
    local address

    address=$(backend_address "$1")
    start "dnsmasq$1" "b$1" dnsmasq --keep-in-foreground --conf-file=/dev/null --pid-file \
        --user=nobody --no-resolv --no-hosts --cache-size=0 --log-facility=- \
        --listen-address="$address" --bind-interfaces --address="/weir.example/$address"
}

servers_up() {
    local n

    progress servers "starting"
    for n in "${backends[@]}"; do
        start_nginx "$n"
        start_dnsmasq "$n"
    done
    start iperf3 weir iperf3 --server --bind 203.0.113.1 --port 5201
    disown -a # how they end is no news
    for n in "${backends[@]}"; do
        wait_for_server "nginx$n" "b$n" 8080
        wait_for_server "dnsmasq$n" "b$n" 53
    done
    wait_for_server iperf3 weir 5201
    done_with servers "${#backends[@]} nginx, ${#backends[@]} dnsmasq, 1 iperf3"
}

weir_command() { in_ns weir "$weir" "$@"; }

weir_pid() { cat "$run/weir.pid" 2>/dev/null; }

# A zombie does not run.
weir_stopped() { ! grep -qs '^State:[[:space:]]*[^Z]' "/proc/$(weir_pid)/status"; }

# Ready, or dead: either ends the wait.
weir_answers() {
    weir_stopped || { grep -q ready "$run/weir.log" && weir_command status --socket "$run/weir.sock"; }
}

# The ids of the programs on Weir's interfaces: at the end none of them may be left.
attached_programs() {
    local interface

    {
        in_ns weir ip -j -details link show | jq '.[] | .xdp?.prog?.id // empty'
        for interface in client0 be1 be2 be3; do
            in_ns weir tc -j filter show dev "$interface" ingress
            in_ns weir tc -j filter show dev "$interface" egress
        done | jq '.[]?.options?.prog?.id // empty'
    } | sort -nu
}

weir_failed() {
    local status=1

    tail -n 10 "$run/weir.log" >&2
    ! weir_stopped || wait "$(weir_pid)" || status=$?
    fail $status "weir does not serve; its last words are above"
}

weir_up() {
    progress weir "starting"
    mountpoint -q /sys/fs/bpf || : >"$run/bpffs-was-not-mounted"
    start weir weir "$weir" run -c "$root/deploy/demo.yaml"
    if ! wait_until 15 weir_answers || weir_stopped; then
        weir_failed
    fi
    attached_programs >"$run/programs"
    done_with weir "ready, $(wc -l <"$run/programs") programs on client0 be1 be2 be3"
}

# Ends the daemon; it must go when asked to, and say that all was well.
weir_end() {
    local pid status=0

    pid=$(weir_pid)
    kill "$pid" 2>/dev/null || true
    if ! wait_until 5 weir_stopped; then
        kill -KILL "$pid" 2>/dev/null || true
        complain "weir did not end on SIGTERM"
    fi
    # 127: not a child of this script, but of the one that was told to --keep
    wait "$pid" 2>/dev/null || status=$?
    [[ $status = 0 || $status = 127 ]] || complain "weir ended with status $status"
}

# The daemon first, then its data path, which goes on without it.
weir_down() {
    [ -e "$run/weir.pid" ] || return 0
    weir_stopped || weir_end
    weir_command detach --instance demo >"$run/detach.log" 2>&1 ||
        complain "weir detach: $(cat "$run/detach.log")"
    [ -z "$(attached_programs)$(in_ns weir tc qdisc show | grep clsact)" ] ||
        complain "weir detach left something on the interfaces"
}
