# shellcheck shell=bash
# Cases of steps: traffic_CASE_PHASE, in the order of CASE/steps.yaml.

opened=0

# As many connections of one request each, from ports that follow each other.
open_many() { # COUNT
    local n

    for ((n = 0; n < $1; n++)); do
        opened=$((opened + 1))
        tell tcp many 192.0.2.10 80 "port=$((41000 + opened))"
        tell get many /small
        tell reset many
    done
}

# One is held.
hold() { # PORT
    tell tcp held 192.0.2.10 80 "port=$1"
    tell get held /small
    holder=$said
}

# It is served by whom it was.
still_held() {
    tell get held /small
    [ "$said" = "$holder" ] || fail 3 "$case_name: the connection moved: $holder, $said"
}

held_is_reset() {
    sleep 1.3 # flows are looked at once a second
    tell_fails "reset by peer" get held /small
    tell close held
}

traffic_drain_before() { hold 40003 && open_many 3; }
traffic_drain_during() { still_held && open_many 6; }
traffic_drain_after() { still_held && open_many 6 && tell close held; }

traffic_drain_timeout_before() { hold 40003; }
traffic_drain_timeout_during() { sleep 1.3 && still_held; }
traffic_drain_timeout_after() { held_is_reset; }

traffic_maintenance_before() { hold 40003 && open_many 3; }
traffic_maintenance_during() { held_is_reset && open_many 6; }
traffic_maintenance_after() { open_many 6; }

traffic_weight_even() { hold 40003 && open_many 6; }
traffic_weight_none() { still_held && open_many 6; }
traffic_weight_more() { still_held && open_many 6; }
traffic_weight_restored() { still_held && open_many 6 && tell close held; }

servers_health_fallback() {
    local host

    captured="$captured and not port 9000"
    for host in b1 b2 b3; do
        start_echo "$host" 9000
    done
}
traffic_health_fallback_before() { hold 40003 && open_many 4; }
traffic_health_fallback_one_down() { held_is_reset && open_many 4; }
traffic_health_fallback_two_down() { open_many 3; }
traffic_health_fallback_up() { open_many 4; }

servers_health_reselect() { servers_health_fallback; }
ask_from_one_port() { ask -b 203.0.113.2#20000 @192.0.2.53 a.weir.example A; }
traffic_health_reselect_before() { ask_from_one_port && ask_from_one_port; }
traffic_health_reselect_down() { sleep 1.3 && ask_from_one_port && ask_from_one_port; }
traffic_health_reselect_up() { sleep 1.3 && ask_from_one_port; }

network_affinity() {
    another_client 203.0.113.3
    another_client 203.0.113.4
}
open_from_each() { # FIRST-PORT
    local client n

    for client in 203.0.113.2 203.0.113.3 203.0.113.4; do
        for n in 0 1 2; do
            tell tcp many 192.0.2.10 80 "from=$client" "port=$(($1 + n))"
            tell get many /small
            tell reset many
        done
    done
}
traffic_affinity_first() { open_from_each 41001; }
traffic_affinity_drained() { open_from_each 41011; }
traffic_affinity_enabled() { open_from_each 41021; }
traffic_affinity_forgotten() { open_from_each 41031; }

traffic_idle_timeout_before() { ask_from_one_port; }
traffic_idle_timeout_within() { ask_from_one_port; }
traffic_idle_timeout_after() { ask_from_one_port; }

# The stack is not to answer for the service that is gone.
network_reload() { in_ns weir ip route add blackhole 192.0.2.53; }
traffic_reload_before() { hold 40003 && open_many 4; }
traffic_reload_after() {
    still_held && open_many 6
    # a service that is new, and one that is gone
    fetch http://192.0.2.11/small
    ! ask @192.0.2.53 a.weir.example A || fail 3 "someone answered"
    tell close held
}
