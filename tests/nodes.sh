# Nodes that share one copy of the weights: the same bits on any arrangement of ranks
# over nodes (virtual ones, by --node-ranks), faults, and the log of times.
# HARMONIA_FULL=1: more arrangements, up to 8 ranks (make test-layouts).
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

small_set d.h5 || exit 1
tiny="--ngf 4 --ndf 4 --nef 4 --micro-batch 1 --threads 1 --report-samples 0"
# RANKS:NODE_RANKS, 0 for one node
arrangements="2:0 2:1 4:0 4:2 4:1 3:2"
batch=5
if [ -n "${HARMONIA_FULL:-}" ]; then
    arrangements="1:1 $arrangements 3:0 3:1 5:2 7:4 8:0 8:4 8:2 8:1"
    batch=11
fi

# train RANKS NODE_RANKS OUT OPTIONS...
train() {
    number=$1
    node_ranks=$2
    out=$3
    shift 3
    # shellcheck disable=SC2086
    run_ranks 120 "$number" "$HARMONIA" train --data d.h5 --out "$out" $tiny \
        --node-ranks "$node_ranks" "$@"
}

# ---- the same bits -----------------------------------------------------------

for model in unet dovenet bargainnet; do
    train 1 0 $model-1 --model $model --batch $batch --steps 20
    exits 0 "$model on one rank"
    for arrangement in $arrangements; do
        train "${arrangement%:*}" "${arrangement#*:}" "$model-$arrangement" --model $model \
            --batch $batch --steps 20
        same_bits "$model: ${arrangement%:*} ranks, at most ${arrangement#*:} a node" \
            "$(checkpoint $model-1 20)" "$(checkpoint "$model-$arrangement" 20)"
        rm -rf "$model-$arrangement"
    done
done
train 4 2 moved --model dovenet --batch $batch --steps 8
says "4 ranks x 1 thread on 2 nodes" "the nodes are counted"
train 3 2 moved --resume --steps 20
same_bits "stopped on 4 ranks of 2 nodes, resumed on 2 + 1 ranks" \
    "$(checkpoint dovenet-1 20)" "$(checkpoint moved 20)"

train 3 2 after --model dovenet --batch $batch --steps 20 --overlap=no
same_bits "sums after the backward pass: the same" "$(checkpoint dovenet-1 20)" \
    "$(checkpoint after 20)"

# ---- rounded gradients -------------------------------------------------------

differs() {
    ! h5diff "$1" "$2" /G >/dev/null 2>&1
}
last_loss() { # of its log
    tail -n 1 "$1/log.csv" | cut -d, -f 4
}
for out in first second; do
    train 3 2 $out --grad-dtype bfloat16 --batch $batch --steps 20
    exits 0 "bfloat16 between nodes"
done
same_bits "bfloat16: the same twice" "$(checkpoint first 20)" \
    "$(checkpoint second 20)"
check "bfloat16: other bits than float32" differs "$(checkpoint unet-1 20)" \
    "$(checkpoint first 20)"
check "bfloat16: about the same loss" awk -v a="$(last_loss unet-1)" \
    -v b="$(last_loss first)" 'BEGIN { exit !(a > 0 && (a - b) ^ 2 < 1e-4 * a * a) }'
train 2 0 inside --grad-dtype bfloat16 --batch $batch --steps 20
check "bfloat16: within a node gradients stay float32" h5diff \
    "$(checkpoint unet-1 20)" "$(checkpoint inside 20)" /G

# ---- times -------------------------------------------------------------------

# of 3 micro-batches the second of 2 ranks has 2
train 2 1 times --batch 3 --steps 20 --log-every 2
check "the log has what time was spent on" sh -c '
    head -n 1 times/log.csv | grep -q \
    ",compute_s,sum_s,update_s,wait_s,data_s,total_s,slowest_rank,slowest_host,slowest_s$"'
# which is slowest is a matter of chance where much else runs
least=$(awk -v cores="$(nproc)" '{ print $1 > 2 * cores ? 2 : 6 }' /proc/loadavg)
check "times are within the whole, and of this host" awk -F, \
    -v host="$(uname -n)" -v least="$least" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
    { sum = 0
      for (i = at["compute_s"]; i <= at["data_s"]; i++) {
          if ($i < 0) exit bad = 1
          sum += $i
      }
      if (sum > 1.02 * $at["total_s"] + 0.01 || $at["compute_s"] <= 0) bad = 1
      if ($at["slowest_host"] != host) bad = 1
      slow += $at["slowest_rank"] == 1 }
    END { exit bad || slow < least || NR != 11 }' times/log.csv
says "compute [0-9]+% sum [0-9]+% wait [0-9]+% data [0-9]+%, slowest rank [01] " \
    "the live line says so too"

# ---- faults ------------------------------------------------------------------

cp d.h5 good.h5
head -c 2000 /dev/zero | tr '\0' 'U' | dd of=d.h5 bs=1 seek=100000 \
    conv=notrunc 2>/dev/null
for arrangement in 4:2 3:2 2:1; do
    train "${arrangement%:*}" "${arrangement#*:}" bad --batch 5 --steps 400
    refused 1 "step [0-9]+: d.h5: sample .*damaged" \
        "$arrangement: a damaged sample ends all ranks, with one message"
    check "$arrangement: within 10 s ($seconds)" in_time "$seconds" 10
    rm -rf bad
done
cp good.h5 d.h5
train 3 2 diverged --batch 5 --norm batch --lr 10 --lambda-l1 1e9 --beta2 0 \
    --eps 1e-30 --steps 300
refused 1 "^harmonia: step [0-9]+: (loss|gradient of|new value of) .* is -?(nan|inf)" \
    "a NaN ends all ranks of 2 nodes, with one message"
train 2 -1 negative --batch 5 --steps 1
refused 2 "option --node-ranks: '-1'" "a negative --node-ranks is refused"
finish
