# plan: what is foretold for a cluster, from computing that is measured here.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

small_set d.h5 || exit 1
small="--ngf 8 --batch 8 --micro-batch 2 --threads 1 --repeats 1"
# value NODES COLUMN: of plan.csv.
value() {
    awk -F, -v nodes="$1" -v name="$2" '
        NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
        $1 == nodes { print $column[name] }' plan.csv
}
# plan OPTIONS...
plan() {
    # shellcheck disable=SC2086
    run 60 "$HARMONIA" plan $small --csv plan.csv "$@"
}
holds() { awk "BEGIN { exit !($1) }"; }

plan --data d.h5 --nodes 6 --bandwidth 1 --latency 100
exits 0 "a plan for up to 6 nodes"
check "has a line for 1, 2, 4 and 6" \
    test "$(cut -d, -f1 plan.csv | tr '\n' ' ')" = "nodes 1 2 4 6 "
check "printed as in the CSV" test "$(grep -c ' ms ' "$stdout")" -eq 4
check "one node sends nothing" holds "$(value 1 sent_bytes) == 0"
check "two send what is theirs to send" holds "$(value 2 sent_bytes) > 1e6"
check "a small batch becomes a micro-batch a rank" \
    holds "$(value 6 batch) == 12 && $(value 4 batch) == 8"
check "a step is the sum of its parts" awk -F, '
    NR > 1 { all = $5 + $6 + $7 + $8; if (($4 - all) ^ 2 > 1e-10 * $4 ^ 2) exit 1 }' plan.csv
samples=$("$HARMONIA" info d.h5 | awk '$1 == "train" { print $2 }')
check "an epoch is the data set's" holds \
    "($(value 1 epoch_s) * $(value 1 images_per_s) - $samples) ^ 2 < 0.01 * $samples ^ 2"
plan --size 64 --nodes 2 --bandwidth 0.01
slow=$(value 2 waiting_s)
plan --size 64 --nodes 2 --bandwidth 100
check "a slow network is waited for" holds "$slow > 10 * $(value 2 waiting_s)"
plan --size 64 --nodes 2 --grad-dtype bfloat16
narrow=$(value 2 sent_bytes)
plan --size 64 --nodes 2
check "bfloat16 sends less" holds "$narrow < 0.8 * $(value 2 sent_bytes)"
# shellcheck disable=SC2086
run_ranks 60 2 "$HARMONIA" plan $small --size 64 --model dovenet --ndf 8 --nodes 1024 \
    --csv plan.csv
exits 0 "a system of two phases, two ranks a node, up to 1024 nodes"
check "its ranks are a node's" holds "$(value 1024 ranks) == 2048"
check "and both phases are told" grep -Eq 'D [0-9.]+ ms, G [0-9.]+ ms' "$stdout"

plan --size 64 --batch 9
refused 2 "--micro-batch: 2 does not divide --batch 9" "batches that do not fit"
plan --size 48
refused 2 "size" "a size that no network has"
plan --data nothing.h5
refused 1 "nothing.h5" "a data set that is not there"
plan --size 64 --csv /nowhere/plan.csv
refused 1 "/nowhere/plan.csv" "a table that cannot be written"
plan --size 64 --nodes 0
refused 2 "--nodes" "no nodes"
finish
