# The sum of the samples of the metric `name` that have every label of `labels` (LABEL="VALUE",
# separated by spaces); "none" if there is no such sample.
BEGIN { wanted = split(labels, label, " ") }
{
    if ($0 !~ "^" name "[{ ]") next
    for (i = 1; i <= wanted; i++) if (!index($0, label[i])) next
    sum += $NF
    found = 1
}
END { if (found) printf "%.0f\n", sum; else print "none" }
