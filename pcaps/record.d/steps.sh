# shellcheck shell=bash
# Does to the running Weir what the steps.yaml of a case says, one line for one step:
#   - {replay: PHASE.pcap, expect: PHASE.expected.pcap}     captures traffic_CASE_PHASE
#   - drain: {service: web, backend: "198.51.100.6:8080"}

# The words of the steps, a line each: "drain service web backend 198.51.100.6:8080".
steps_of() { sed -nE 's/#.*//; s/^ +- +(.*)/\1/p' "$1" | sed -E 's/["{},]/ /g; s/: +/ /g'; }

# The value after a word: value backend "${words[@]}".
value() {
    local wanted=$1

    while [ "$#" -gt 1 ]; do
        shift
        [ "$1" != "$wanted" ] || { echo "$2" && return; }
    done
    return 1
}

backend_is() { # SERVICE BACKEND HEALTH
    [ "$(ask_weir backends --json | jq -r --arg s "$1" --arg b "$2" \
        '.backends[] | select(.service == $s and .backend == $b).health.status')" = "$3" ]
}

# A listener beside the backend is what the health check asks; it goes and comes.
health_turns() { # UP|DOWN SERVICE BACKEND
    local host

    for host in b1 b2 b3; do
        [[ $3 != *"$(address_of "$host")"* ]] || break
    done
    if [ "$1" = down ]; then stop "echo-$host-9000"; else start_echo "$host" 9000; fi
    wait_until 10 backend_is "$2" "$3" "$1" || fail 1 "$case_name: $3 does not turn $1"
    sleep 0.2
}

counter_of() { # NAME WORDS...
    local backend

    backend=$(value backend "${@:2}" || true)
    ask_weir "$([ -n "$backend" ] && echo backends || echo services)" --json |
        jq --arg s "$(value service "${@:2}")" --arg b "$backend" --arg n "${1/_packets/}" '
            (.backends // .services)[] | select((.service // .name) == $s and
                ($b == "" or .backend == $b))[$n] | .packets? // .'
}

counter_is() { [ "$(counter_of "${@:3}")" = "$2" ]; }

# The live Weir counts the same.
check_counters() { # counters service S [backend B] NAME VALUE...
    local name wanted

    for name in new_flows forward_packets reply_packets; do
        wanted=$(value "$name" "$@") || continue
        wait_until 5 counter_is of "$wanted" "$name" "$@" ||
            fail 1 "$case_name: Weir counts $(counter_of "$name" "$@") for: $*"
    done
}

check_drops() { # drops REASON VALUE...
    local drops

    shift
    while [ "$#" -gt 1 ]; do
        drops=$(ask_weir status --json | jq --arg r "$1" '.drops[$r]')
        [ "$drops" = "$2" ] || fail 1 "$case_name: $drops drops as $1, not $2"
        shift 2
    done
}

capture_phase() { # NAME
    phases+=("$1")
    capture_start "$1"
    "traffic_${case_name//-/_}_$1"
    capture_stop
}

perform() { # VERB WORDS...
    local service backend

    service=$(value service "$@" || true)
    backend=$(value backend "$@" || true)
    case $1 in
    replay) capture_phase "${2%.pcap}" ;;
    drain | enable) ask_weir backend "$1" "$service" "$backend" ;;
    maintenance) ask_weir backend disable "$service" "$backend" ;;
    weight) ask_weir backend weight "$service" "$backend" "$(value weight "${@:2}" || echo default)" ;;
    up | down) health_turns "$1" "$service" "$backend" ;;
    advance) sleep "${2%s}" && advanced=$((advanced + ${2%s})) ;;
    reload) cp "$here/$case_name/$2" "$run/weir.yaml" && ask_weir reload ;;
    counters) check_counters "$@" ;;
    drops) check_drops "$@" ;;
    *) fail 2 "$case_name: no step $1" ;;
    esac >&3
}

perform_steps() {
    local -a words

    while read -ra words <&4; do
        perform "${words[@]}"
    done 4< <(steps_of "$here/$case_name/steps.yaml") 3>"$run/steps.log"
}
