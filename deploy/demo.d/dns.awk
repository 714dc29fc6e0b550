# dig's output -> results. An answer is right when it is NOERROR and for the name that was asked.
/status: / { good = /status: NOERROR/ }
/^q[0-9]+\.weir\.example\.[ \t].*[ \t]A[ \t]/ {
    number = $1
    gsub(/[^0-9]/, "", number)
    number += 0 # a number, to be compared as one
    address = $5
}
/^;; Query time: / {
    if (good && number >= 1 && number <= requests && !seen[number]++)
        print "dns", address ":53", "ok", $4
    good = 0
    number = 0
}
END { for (i = 1; i <= requests; i++) if (!seen[i]) print "dns - FAILED 0" }
