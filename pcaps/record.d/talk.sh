# shellcheck shell=bash
# Connections that are held while the case goes on: one talk.pl for each namespace, told what to do
# a line at a time.

declare -A talk_in talk_out

talk_up() { # NAMESPACE
    local to from

    mkfifo "$run/talk-$1.in" "$run/talk-$1.out"
    nsenter --net="/run/netns/$prefix-$1" perl "$here/record.d/talk.pl" \
        <"$run/talk-$1.in" >"$run/talk-$1.out" 2>"$run/talk-$1.log" &
    exec {to}>"$run/talk-$1.in" {from}<"$run/talk-$1.out"
    talk_in[$1]=$to talk_out[$1]=$from
}

# Leaves what was answered in $said: "ok ..." or "failed ...".
tell_in() { # NAMESPACE WORDS...
    [ -n "${talk_in[$1]-}" ] || talk_up "$1"
    echo "${*:2}" >&"${talk_in[$1]}"
    read -r -t 10 -u "${talk_out[$1]}" said || fail 3 "$case_name: no answer to: $*"
}

# What must succeed, in the client's namespace; and what must not, with words of the reason.
tell() {
    tell_in client "$@"
    [[ $said == ok* ]] || fail 3 "$case_name: $*: $said"
}

tell_fails() { # REASON WORDS...
    tell_in client "${@:2}"
    [[ $said == failed*$1* ]] || fail 3 "$case_name: ${*:2}: $said"
}

# A request on a connection that is open; HOST is to serve it.
tell_served() { # HOST NAME
    tell get "$2" /small
    [ "$said" = "ok served by $1" ] || fail 3 "$case_name: $2 is $said, not by $1"
}
