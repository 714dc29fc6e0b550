# shellcheck shell=bash
# From nothing and back to nothing.

refuse_if_up() {
    if [ -e "$run" ] || [ -n "$(namespaces_present)" ]; then
        fail 1 "a demo is up already, or was killed: deploy/demo --down takes it down"
    fi
}

# Also the lock against a second demo at the same time.
claim_run_directory() {
    mkdir "$run" 2>/dev/null || fail 1 "$run exists: another demo has just started"
    claimed=1
}

step_packages() {
    progress packages "looking"
    "$root/deploy/install-packages" || fail $? "packages are missing"
    done_with packages "all there"
}

last_build_line() { tail -n 1 "$build_log" 2>/dev/null; }

build() { cd "$root" && cmake --preset release && cmake --build --preset release --target weir; }

step_build() {
    local begin=$EPOCHREALTIME

    build_log=$(mktemp)
    export root
    export -f build
    if ! follow build last_build_line "$build_log" bash -c 'build 2>&1'; then
        tail -n 40 "$build_log" >&2
        fail 1 "the build failed; its last words are above"
    fi
    done_with build "build/release/weir in $(seconds_since "$begin")"
}

end_job() {
    [ -z "$job" ] || kill -- "-$job" 2>/dev/null || true
    job=
}

unmount_bpffs() {
    [ -e "$run/bpffs-was-not-mounted" ] || return 0
    mountpoint -q /sys/fs/bpf || return 0
    # someone else may have pinned something by now; *.debug is the kernel's own
    [ -n "$(find /sys/fs/bpf -type f ! -name '*.debug' -print -quit)" ] || umount /sys/fs/bpf
}

programs_gone() {
    local id

    for id in $programs; do
        ! bpftool prog show id "$id" || return 1
    done
}

# What is left of the demo, one line each; nothing, if all is well.
leftovers() {
    local ns

    for ns in $(namespaces_present); do
        echo "namespace $prefix-$ns"
    done
    [ ! -e "$run" ] || echo "directory $run"
    [ ! -e /sys/fs/bpf/weir/demo ] || echo "pins /sys/fs/bpf/weir/demo"
    # the kernel frees programs a moment after their last user
    wait_until 5 programs_gone || echo "a BPF program, id one of: ${programs//$'\n'/ }"
}

# Goes on whatever fails: what is left is named at the end.
clean_up() {
    local left

    set +e
    programs=$(cat "$run/programs" 2>/dev/null || true)
    weir_down
    network_down
    unmount_bpffs
    rm -rf "$run"
    left=$(leftovers)
    if [ -n "$left" ]; then
        complain "not cleaned up: $left"
    else
        say cleanup "done: no namespace, process, program, pin, mount or file of the demo remains"
    fi
}

take_down() {
    if [ -e "$run" ] || [ -n "$(namespaces_present)" ]; then
        clean_up
    else
        say cleanup "no demo is up"
    fi
    return $problems
}

what_to_look_at() {
    local enter="nsenter --net=/run/netns/$prefix"

    cat <<TEXT
The demo is still up: namespaces ${namespaces[*]/#/$prefix-}, files in $run.
Look at it from $root:
  $enter-weir build/release/weir status --socket $run/weir.sock     # or services, backends, flows; --json
  $enter-weir curl -s http://127.0.0.1:9470/metrics
  $enter-weir curl -s http://127.0.0.1:9090/api/v1/alerts | jq   # Prometheus; kill \$(cat $run/nginx1.pid) first
  $enter-weir tc filter show dev client0 egress
  $enter-weir ip link show dev client0                  # prog/xdp
  $enter-client curl -i http://192.0.2.10/page
  $enter-client dig @192.0.2.53 any.weir.example
  $enter-b1 tcpdump -ni eth0 -c 20
  tail $run/weir.log
Take it down with: deploy/demo --down
TEXT
}

verdict() { # STATUS
    if [ "$1" -gt 128 ]; then
        echo "demo: interrupted" >&2
        return "$1"
    elif [ "$1" != 0 ]; then
        return "$1" # said already
    elif [ "$problems" != 0 ]; then
        echo "demo: FAILED: see the lines that say so above" >&2
        return 1
    fi
    echo "demo: all requests answered, all shares even, all counters agree, the alert came and went"
}

finish() {
    local status=$?

    trap '' INT TERM HUP
    trap - EXIT
    end_job
    rm -f "$build_log" "$build_log.log"
    clear_progress
    if [ "$status" = 0 ] && [ "$keep" = 1 ]; then
        what_to_look_at
    elif [ "$claimed" = 1 ]; then
        clean_up
    fi
    verdict "$status" || exit $?
    exit 0
}
