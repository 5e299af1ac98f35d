# The same bits on any number of ranks and threads.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

small_set d.h5 || exit 1
steps=8

# train_on RANKS THREADS OUT OPTIONS...: the last checkpoint is OUT's result.
train_on() {
    number=$1
    threads=$2
    out=$3
    shift 3
    # shellcheck disable=SC2086
    run_ranks 60 "$number" "$HARMONIA" train --data d.h5 --out "$out" $small \
        --steps $steps --threads "$threads" --crop-min 0.5 "$@"
    [ "$code" -eq 0 ] || {
        note "training $out: exit status $code"
        show_output
    }
}

# compare NAME OPTIONS...: 1 rank against 2, 3 and 4 ranks and against 2 threads.
compare() {
    name=$1
    shift
    train_on 1 1 "$name-1" "$@"
    for number in 2 3 4; do
        train_on $number 1 "$name-$number" "$@"
        same_bits "$name: $number ranks as 1" "$(checkpoint "$name-1" $steps)" \
            "$(checkpoint "$name-$number" $steps)"
    done
    train_on 1 2 "$name-threads" "$@"
    same_bits "$name: 2 threads as 1" "$(checkpoint "$name-1" $steps)" \
        "$(checkpoint "$name-threads" $steps)"
}

compare "instance norm"
compare "batch norm" --norm batch --micro-batch 2 --batch 8
# 5 and 7 micro-batches fall unevenly on any number of ranks
compare "5 micro-batches" --batch 5
train_on 1 1 seven-1 --batch 14 --micro-batch 2 --norm batch
train_on 3 2 seven-3 --batch 14 --micro-batch 2 --norm batch
same_bits "7 micro-batches of 2: 3 ranks of 2 threads as 1 rank" \
    "$(checkpoint seven-1 $steps)" "$(checkpoint seven-3 $steps)"

check "batch norm's running statistics are among what was compared" \
    sh -c 'h5ls -r "$1" | grep -q running_var' - \
    "$(checkpoint "batch norm-1" $steps)"
check "running statistics did change" sh -c '
    "$HARMONIA" info "$1" >/dev/null &&
    name=$(h5ls -r "$1" | grep -m 1 running_mean | cut -d" " -f1) &&
    h5dump -d "$name" "$1" | grep "([0-9]*):" | grep -q "[1-9]"' - \
    "$(checkpoint "batch norm-1" $steps)"

# A check of the checks: another micro-batch is another order of additions,
# another seed another run.
train_on 1 1 seed --seed 2
if h5diff "$(checkpoint "instance norm-1" $steps)" "$(checkpoint seed $steps)" \
    >/dev/null 2>&1; then
    ok 1 "h5diff tells runs of two seeds apart"
else
    ok 0 "h5diff tells runs of two seeds apart"
fi
finish
