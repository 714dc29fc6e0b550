# The backends that must get equal shares ("SERVICE BACKEND", the first file), then the results,
# sorted by service, backend and time -> the table. Ends with 1 when anything is not as it must be.
FNR == NR { equal[$1 " " $2] = 1; peers[$1]++; add_row($1 " " $2); next }
{
    key = $1 " " $2
    add_row(key)
    count[key]++
    total[$1]++
    if ($3 == "ok") time[key, ++good[key]] = $4
}

function add_row(key) {
    if (!(key in count)) order[++rows] = key
    count[key] += 0
}

function milliseconds(key, percent,    rank) {
    if (!good[key] || key ~ /^iperf/) return "-"
    rank = int((good[key] * percent + 99) / 100) # nearest rank
    return sprintf("%.2f", time[key, rank] / 1000)
}

function print_row(key,    part, share, verdict, failures) {
    split(key, part, " ")
    failures = count[key] - good[key]
    share = total[part[1]] ? count[key] / total[part[1]] : 0
    if (failures) verdict = "  FAILED"
    if (key in equal && (share * peers[part[1]] < 0.85 || share * peers[part[1]] > 1.15))
        verdict = verdict "  share is off by more than 15 %"
    if (verdict != "") bad = 1
    printf "%-8s %-22s %8d %6.1f%% %9d %8s %8s%s\n", part[1], part[2], count[key], share * 100,
        failures, milliseconds(key, 50), milliseconds(key, 99), verdict
}

END {
    printf "%-8s %-22s %8s %7s %9s %8s %8s\n",
        "service", "backend", "requests", "share", "failures", "p50 ms", "p99 ms"
    for (i = 1; i <= rows; i++) print_row(order[i])
    exit bad
}
