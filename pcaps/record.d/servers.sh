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
        --address="/weir.example/$(address_of "$1")" --txt-record=weir.example,"served by $1" \
        --txt-record=big.weir.example"$(printf ",served by $1 %0150d" {1..6})"
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

# Answers with what it is sent, by UDP and TCP.
start_echo() { # NAMESPACE PORT [nosum]
    start "echo-$1-$2" "$1" perl "$here/record.d/echo.pl" "${@:2}"
    wait_until 5 listens "$1" "$2" || fail 3 "echo.pl does not start: $(cat "$run/echo-$1-$2.log")"
}

stop() { # NAME
    kill "$(cat "$run/$1.pid")"
    rm "$run/$1.pid"
}

make_certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
        -subj /CN=weir.example -keyout "$run/key.pem" -out "$run/cert.pem" 2>/dev/null
    chmod 644 "$run/key.pem"
}

start_tls() { # NAMESPACE
    local home=$run/tls-$1

    mkdir -p "$home/www" "$home/temp"
    echo "served by $1" >"$home/www/small"
    sed "s|listen 8080|listen 8443 ssl|; s|:8080|:8443 ssl|
        s|root www|ssl_certificate $run/cert.pem; ssl_certificate_key $run/key.pem; root www|" \
        "$here/record.d/nginx.conf" >"$home/nginx.conf"
    start "tls-$1" "$1" nginx -e stderr -p "$home" -c "$home/nginx.conf"
    wait_until 5 listens "$1" 8443 || fail 3 "nginx does not start: $(cat "$run/tls-$1.log")"
}

start_quic() { # NAMESPACE
    mkdir -p "$run/quic"
    echo "served over QUIC" >"$run/quic/small"
    start "quic-$1" "$1" gtlsserver --quiet --no-pmtud --htdocs="$run/quic" \
        "$(address_of "$1")" 4433 "$run/key.pem" "$run/cert.pem"
    wait_until 5 listens "$1" 4433 || fail 3 "gtlsserver does not start: $(cat "$run/quic-$1.log")"
}

# In a mount namespace with a /run and a bpffs of its own: what it leaves there goes with it, and a
# Weir of this host is not met.
weir_up() { # CONFIG
    # shellcheck disable=SC2016  # the inner shell's
    start weir weir unshare --mount sh -c '
        mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/lib &&
            mount -t bpf bpf /sys/fs/bpf && exec "$0" run -c "$1"' "$weir" "$1"
    wait_until 10 grep -q ready "$run/weir.log" || fail 3 "weir does not start: $(cat "$run/weir.log")"
}

# A command to it: `ask_weir backend drain web 198.51.100.6:8080`.
ask_weir() { nsenter --target "$(cat "$run/weir.pid")" --mount --net "$weir" "$@"; }
