# shellcheck shell=bash
# The servers, and Weir.

# start NAME NAMESPACE COMMAND...: in a session of its own, so that Ctrl-C is for this script alone.
start() {
    local name=$1 ns=$2

    shift 2
    setsid nsenter --net="/run/netns/$prefix-$ns" "$@" >"$run/$name.log" 2>&1 </dev/null &
    echo $! >"$run/$name.pid"
    disown
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
    for n in "${backends[@]}"; do
        wait_for_server "nginx$n" "b$n" 8080
        wait_for_server "dnsmasq$n" "b$n" 53
    done
    wait_for_server iperf3 weir 5201
    done_with servers "${#backends[@]} nginx, ${#backends[@]} dnsmasq, 1 iperf3"
}

weir_command() { in_ns weir "$weir" "$@"; }

weir_pid() { cat "$run/weir.pid" 2>/dev/null; }

weir_runs() { kill -0 "$(weir_pid)" 2>/dev/null; }

weir_stopped() { ! weir_runs; }

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

weir_up() {
    progress weir "starting"
    mountpoint -q /sys/fs/bpf || : >"$run/bpffs-was-not-mounted"
    start weir weir "$weir" run -c "$root/deploy/demo.yaml"
    if ! wait_until 15 weir_answers || weir_stopped; then
        tail -n 10 "$run/weir.log" >&2
        fail 1 "weir does not serve; its last words are above"
    fi
    attached_programs >"$run/programs"
    done_with weir "ready, $(wc -l <"$run/programs") programs on client0 be1 be2 be3"
}

# The daemon first, then its data path, which goes on without it.
weir_down() {
    if weir_runs; then
        kill "$(weir_pid)" 2>/dev/null || true
        wait_until 5 weir_stopped || kill -KILL "$(weir_pid)" 2>/dev/null || true
    fi
    [ ! -x "$weir" ] || weir_command detach --instance demo >"$run/detach.log" 2>&1 ||
        cat "$run/detach.log" >&2
}
