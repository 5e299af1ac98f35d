# --micro-batch auto and --memory: which micro-batch a run gets, what is refused,
# and whether its processes need what was foretold.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

small_set d.h5 || exit 1
tiny="--ngf 4 --threads 1 --report-samples 0"

# train_on RANKS OUT OPTIONS...
train_on() {
    number=$1
    out=$2
    shift 2
    # shellcheck disable=SC2086
    run_ranks 60 "$number" "$HARMONIA" train --data d.h5 --out "$out" $tiny "$@"
}
# show RANKS OPTIONS...: what --show-plan makes of it
show() {
    number=$1
    shift
    # shellcheck disable=SC2086
    run_ranks 60 "$number" "$HARMONIA" train --show-plan --size 64 $tiny "$@"
}
# From the last --show-plan: the micro-batch, and MiB of the rank with most and
# of the node.
micro_batch() { sed -n 's/.*micro-batches of \([0-9]*\).*/\1/p' "$stdout"; }
needed() { awk '/ in all; / { print $1 }' "$stdout"; }
needed_by_node() { awk '/ in all; / { print $NF }' "$stdout"; }
holds() { awk "BEGIN { exit !($1) }"; }
gibibytes() { awk "BEGIN { printf \"%.6f\", $1 / 1024 }"; }

# ---- auto ----------------------------------------------------------------------------

train_on 1 default --batch 8 --steps 2
exits 0 "trained with the default"
says 'micro-batches of 4 \(auto\), about 0\.0[0-9] GiB a rank; steps' \
    "which is auto; what a rank needs is told"
train_on 1 auto --batch 8 --steps 2 --micro-batch auto
train_on 1 zero --batch 8 --steps 2 --micro-batch 0
train_on 1 four --batch 8 --steps 2 --micro-batch 4
says 'micro-batches of 4, about' "a number is no choice"
for other in auto zero four; do
    same_bits "$other: the same bits as by default" "$(checkpoint default 2)" \
        "$(checkpoint $other 2)"
done
"$HARMONIA" info "$(checkpoint auto 2)" >info.txt
check "a checkpoint keeps the number" grep -Eqx 'option.micro-batch +4' info.txt
for word in autox Auto 4x; do
    train_on 1 word --micro-batch $word
    refused 2 "option --micro-batch: '$word' is not auto or a whole number from 0 to" \
        "--micro-batch $word"
done

# ---- a budget ------------------------------------------------------------------------

for number in 1 2; do
    train_on $number "large-$number" --batch 32 --steps 2 --memory 4
    exits 0 "$number: room for any"
    says 'micro-batches of 16 \(auto\)' "$number: the largest, no longer up to 4"
done
same_bits "and the same bits" "$(checkpoint large-1 2)" "$(checkpoint large-2 2)"
show 4 --batch 32 --memory 4
check "less where ranks would have no work" test "$(micro_batch)" -eq 8

show 2 --batch 32 --micro-batch 16
most=$(needed)
show 2 --batch 32 --micro-batch 8
less=$(needed)
check "16 need more than 8: $most, $less MiB" holds "$most > $less + 1"
middle=$(gibibytes "($most + $less) / 2")
show 2 --batch 32 --memory "$middle"
check "a budget between them: 8" test "$(micro_batch)" -eq 8
check "of which is told what it needs" test "$(needed)" = "$less"
train_on 2 middle --batch 32 --steps 2 --memory "$middle"
says 'micro-batches of 8 \(auto\)' "training makes the same choice"
train_on 2 refused --batch 32 --micro-batch 16 --memory "$middle"
refused 2 "option --memory: a rank may use $middle GiB, but micro-batches of 16 need 0\.[0-9]+ GiB on rank 0; expected --memory 0\.[0-9]+ or more, or a smaller --micro-batch" \
    "a micro-batch that does not fit"
for number in 1 2; do
    train_on $number none --batch 32 --memory 0.01
    refused 2 "option --memory: a rank may use 0.01 GiB, but micro-batches of [0-9]+, which need least, need 0\.[0-9]+ GiB on rank 0; expected --memory 0\.[0-9]+ or more$" \
        "$number: nothing fits"
done
expected=$(sed -n 's/.*expected --memory \([0-9.]*\) or more.*/\1/p' "$stderr")
train_on 2 advised --batch 32 --steps 1 --memory "$expected"
exits 0 "what was expected is enough"
show 1 --batch 32 --memory 0.01
refused 2 "option --memory: " "--show-plan refuses it too"
run 60 "$HARMONIA" plan --size 64 --ngf 4 --batch 32 --repeats 1 --threads 1 --memory 0.01
refused 2 "option --memory: " "and plan"
run 60 "$HARMONIA" plan --size 64 --ngf 4 --batch 32 --repeats 1 --threads 1 --memory 4 --nodes 1
exits 0 "plan within a budget"
check "it measures the micro-batch of that budget" test "$(micro_batch)" -eq 16
train_on 2 none --batch 1 --memory 4
refused 2 "option --batch: 1 in micro-batches of 1 is less than one for each of the 2" \
    "ranks without work, within a budget"
for value in -1 x nan; do
    train_on 1 none --memory $value
    refused 2 "option --memory: '$value' is not a number" "--memory $value"
done

# ---- resuming ------------------------------------------------------------------------

train_on 1 whole --batch 8 --micro-batch 2 --steps 4
train_on 1 parts --batch 8 --micro-batch 2 --steps 2
train_on 2 parts --resume --micro-batch auto --memory 4 --steps 3
exits 0 "auto goes on with the run's micro-batch"
says 'micro-batches of 2, about' "which it tells"
train_on 1 parts --resume --memory 0.01 --steps 4
refused 2 "option --memory: .*micro-batches of 2 need" "that must keep to the budget"
train_on 1 parts --resume --steps 4
same_bits "resumed under other budgets" "$(checkpoint whole 4)" "$(checkpoint parts 4)"
"$HARMONIA" info "$(checkpoint large-1 2)" >info.txt
check "a budget is not kept" sh -c '! grep -q option.memory info.txt'
train_on 1 parts --resume --micro-batch 4 --steps 5
refused 1 "option --micro-batch: 4, but the checkpoint's run has 2" "another number"

# ---- what was foretold, and what processes have --------------------------------------

# The peak of a process, MiB; of memory that is shared its part.
peak() {
    awk '/^VmHWM:/ { peak = $2 } /^RssShmem:/ { shared = $2 }
        /^Pss_Shmem:/ { part = $2 } END { print (peak - shared + part) / 1024 }' \
        "/proc/$1/status" "/proc/$1/smaps_rollup"
}

# foretold NAME RANKS OPTIONS...: within a tenth and 16 MiB
foretold() {
    name=$1
    number=$2
    shift 2
    run_ranks 60 "$number" "$HARMONIA" train --show-plan --data d.h5 --threads 1 \
        --report-samples 2 "$@"
    rank=$(needed)
    node=$(needed_by_node)
    rm -rf pids real && mkdir pids
    background mpirun -n "$number" "$rank_with_pid" "$scratch/pids" "$HARMONIA" \
        train --data d.h5 --out real --threads 1 --steps 100000 --log-every 1 \
        --save-every 20 --report-samples 2 "$@"
    check "$name, $number: a run that saved and drew" \
        wait_until 60 test -s real/sheet.png
    sum=0
    for process in pids/*; do
        peak "$(cat "$process")" >.peak
        sum=$(awk -v sum="$sum" '{ print sum + $1 }' .peak)
        [ "$process" != pids/0 ] || first=$(cat .peak)
    done
    kill -TERM "$!" 2>/dev/null
    wait "$!" 2>/dev/null
    note "rank 0: $first MiB, foretold $rank; node: $sum, foretold $node"
    check "$name, $number: rank 0 as foretold" \
        holds "($rank - $first) ^ 2 < (16 + 0.1 * $first) ^ 2"
    case "$*" in *--node-ranks*) return ;; esac
    check "$name, $number: and all ranks together" \
        holds "($node - $sum) ^ 2 < (16 * $number + 0.1 * $sum) ^ 2"
}

if is_sanitized || ! grep -q '^Pss_Shmem:' /proc/self/smaps_rollup 2>/dev/null; then
    skip "reads Pss_Shmem of /proc/PID/smaps_rollup, without a sanitizer"
else
    for number in 1 2; do
        foretold unet $number --ngf 32 --batch 8 --micro-batch 2
        foretold dovenet $number --model dovenet --ngf 24 --ndf 24 --batch 4 \
            --validate-every 15 --validate-samples 2
    done
    foretold "unet3plus in one go" 1 --model unet3plus --ngf 8 --cat-channels 8 \
        --batch 8 --memory 2
    foretold "unet, two nodes" 2 --ngf 32 --batch 6 --micro-batch 1 --node-ranks 1 \
        --grad-dtype bfloat16
    foretold averaged 2 --ngf 32 --batch 8 --micro-batch 2 --ema 0.99 \
        --clip-norm 1 --recompose 1
    foretold "streamed to" 2 --ngf 16 --batch 4 --shard stream
fi
finish
