# shellcheck shell=bash
# Who may open flows, how many, and to whom: floods, rates, limits, schedulers.

# The backends know no way to the forged clients, and so answer none.
network_flood_syn() {
    local host

    for host in b1 b2 b3; do
        in_ns "$host" ip route add blackhole 203.0.113.128/25
    done
}

# More SYNs than new flows may be: a connection that is established goes on, and a new one is served.
traffic_flood_syn() {
    tell tcp a 192.0.2.10 80 port=40001
    tell get a /small
    in_ns client perl "$here/record.d/flood.pl" 320 192.0.2.10 80
    tell get a /small
    fetch http://192.0.2.10/small
    tell close a
}

# Twenty datagrams of a flow each, at five a second for each client and a second's worth at once:
# five get through, half a second later two. Another client has a share of its own.
network_flood_udp() { another_client 203.0.113.3; }
traffic_flood_udp() {
    start_echo b1 7000
    burst 20 203.0.113.2 40000
    burst 3 203.0.113.3 41000
    sleep 0.5
    burst 5 203.0.113.2 42000
}

burst() { # COUNT CLIENT FIRST-PORT
    local n

    for ((n = 0; n < $1; n++)); do
        tell udp "u$n" 192.0.2.7 7 "from=$2" "port=$(($3 + n))"
        tell send "u$n" 40
    done
    sleep 0.1
    for ((n = 0; n < $1; n++)); do
        tell close "u$n"
    done
}

# The same for all clients of a service together.
traffic_flood_service() {
    start_echo b1 7000
    burst 8 203.0.113.2 40000
}

# Two flows a backend, two backends: the fifth has to wait until another is over.
traffic_backend_full() {
    local n

    for n in 1 2 3 4; do
        tell tcp "c$n" 192.0.2.10 80 "port=$((40000 + n))"
        tell get "c$n" /small
    done
    tell_fails "" tcp c5 192.0.2.10 80 port=40005
    tell reset c1
    tell tcp c6 192.0.2.10 80 port=40006
    tell get c6 /small
    for n in 2 3 4 6; do
        tell close "c$n"
    done
}

held_and_short() { # connections, of which every other one is held
    local n

    for n in 1 2 3 4 5 6 7 8; do
        tell tcp "c$n" 192.0.2.10 80 "port=$((40000 + n))"
        tell get "c$n" /small
        [ $((n % 2)) = 0 ] || tell reset "c$n"
    done
    for n in 2 4 6 8; do
        tell close "c$n"
    done
}

traffic_schedule_least_conn() { held_and_short; }
traffic_schedule_wrr() { held_and_short; }

network_schedule_source_hash() {
    another_client 203.0.113.3
    another_client 203.0.113.4
}

# All of a client's connections, whatever their ports, go to one backend.
traffic_schedule_source_hash() {
    local client n

    for client in 203.0.113.2 203.0.113.3 203.0.113.4; do
        for n in 1 2 3; do
            fetch --interface "$client" http://192.0.2.10/small
        done
    done
}
