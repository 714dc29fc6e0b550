# shellcheck shell=bash
# The servers, and Weir.

# start NAME NAMESPACE COMMAND...
start() {
    local name=$1 ns=$2

    shift 2
    setsid nsenter --net="/run/netns/$prefix-$ns" "$@" >"$run/$name.log" 2>&1 </dev/null &
    echo $! >"$run/$name.pid"
    disown
}

listens() { in_ns "$1" ss -Hlnut "sport = :$2" | grep -q .; }

start_nginx() { # NAMESPACE
    local home=$run/nginx-$1

    mkdir -p "$home/www" "$home/temp"
    echo "served by $1" >"$home/www/small"
    # more than one segment
    printf "$1 %.0s" {1..1500} >"$home/www/large"
    start "nginx-$1" "$1" nginx -e stderr -p "$home" -c "$here/record.d/nginx.conf"
    wait_until 5 listens "$1" 8080 || fail 3 "nginx does not start: $(cat "$run/nginx-$1.log")"
}

# Answers any name under weir.example with its own address.
start_dnsmasq() { # NAMESPACE
    start "dnsmasq-$1" "$1" dnsmasq --keep-in-foreground --conf-file=/dev/null --pid-file \
        --user=nobody --no-resolv --no-hosts --cache-size=0 --log-facility=- \
        --listen-address="$(address_of "$1")" --bind-interfaces \
        --address="/weir.example/$(address_of "$1")" --txt-record=weir.example,"served by $1"
    wait_until 5 listens "$1" 53 || fail 3 "dnsmasq does not start: $(cat "$run/dnsmasq-$1.log")"
}

servers_up() {
    local host

    chmod 755 "$run"
    for host in b1 b2 b3; do
        start_nginx "$host"
        start_dnsmasq "$host"
    done
    start_nginx weir
}

# In a mount namespace with a /run and a bpffs of its own: what it leaves there goes with it, and a
# Weir of this host is not met.
weir_up() { # CONFIG
    # shellcheck disable=SC2016  # the inner shell's
    start weir weir unshare --mount sh -c '
        mount -t tmpfs tmpfs /run && mount -t bpf bpf /sys/fs/bpf && exec "$0" run -c "$1"' \
        "$weir" "$1"
    wait_until 10 grep -q ready "$run/weir.log" || fail 3 "weir does not start: $(cat "$run/weir.log")"
}
