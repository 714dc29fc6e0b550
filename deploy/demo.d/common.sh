# shellcheck shell=bash
# Names, messages, and how to wait: for what the other parts of the demo share.

prefix=weirdemo
namespaces=(client weir b1 b2 b3)
backends=(1 2 3)
run=/run/weir-demo
weir=$root/build/release/weir
requests=3000 # so that 15 % off a third is more than five standard deviations

export LC_ALL=C PATH=$PATH:/usr/sbin:/sbin
umask 022
keep=0
job=       # process group of the step under way
claimed=0  # whether $run is this script's
build_log=
problems=0 # whether the demo has found one

say() { printf '%-10s %s\n' "$1" "$2"; }

# What is under way, over the line before; only on a terminal.
progress() { [ ! -t 1 ] || printf '\r\033[K%-10s %s' "$1" "$2"; }

clear_progress() { [ ! -t 1 ] || printf '\r\033[K'; }

# The step's result, in place of its progress.
done_with() {
    clear_progress
    say "$@"
}

# fail STATUS MESSAGE: ends the demo; the trap cleans up.
fail() {
    clear_progress
    printf 'demo: %s\n' "$2" >&2
    exit "$1"
}

# Something is wrong, but goes on: the demo ends with 1.
complain() {
    problems=1
    printf 'demo: %s\n' "$1" >&2
}

require_root() { [ "$(id -u)" = 0 ] || fail 3 "must be root: it makes network namespaces and loads BPF programs"; }

seconds_since() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f s", b - a }'; }

# in_ns NAMESPACE COMMAND...: not `ip netns exec`, which hides the bpffs.
in_ns() {
    local ns=$1

    shift
    nsenter --net="/run/netns/$prefix-$ns" "$@"
}

# wait_until SECONDS COMMAND...: polls; false when the time is over.
wait_until() {
    local polls=$(($1 * 20))

    shift
    while ! "$@" >/dev/null 2>&1; do
        [ $((polls -= 1)) -gt 0 ] || return 1
        sleep 0.05
    done
}

# follow LABEL PROGRESS OUT COMMAND...: runs COMMAND with its output in OUT and its complaints in
# OUT.log, in a process group of its own, so that a signal ends this script at once and the script
# can end the group. On a terminal the function PROGRESS says how far it is.
follow() {
    local label=$1 show=$2 out=$3 status=0

    shift 3
    setsid "$@" >"$out" 2>"$out.log" </dev/null &
    job=$!
    while kill -0 "$job" 2>/dev/null; do
        [ ! -t 1 ] || progress "$label" "$($show)"
        sleep 0.1
    done
    wait "$job" || status=$?
    job=
    return $status
}
