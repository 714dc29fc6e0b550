# curl's output -> results: a body, an empty line, then "@ STATUS SECONDS BACKEND REQUEST".
# An answer is right when its status, its body and the request that it names are.
/^@/ {
    number++
    right = $2 == 200 && body == page && $5 == "/page?" number
    print "web", ($4 == "" ? "-" : $4), (right ? "ok" : "FAILED"), $3 * 1000000
    body = ""
    next
}
$0 != "" { body = body $0 }
END { while (number++ < requests) print "web - FAILED 0" }
