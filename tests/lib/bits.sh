# Runs whose bits must not depend on how they are made. The test that takes this in
# has a data set d.h5, and sets $steps and $tiny, the options of all its runs.

# train RANKS OUT OPTIONS...
train() {
    number=$1
    out=$2
    shift 2
    # shellcheck disable=SC2086
    run_ranks 60 "$number" "$HARMONIA" train --data d.h5 --out "$out" $tiny "$@"
}

# check_bits NAME OPTIONS...: 1 rank against 2, 3, 4 and against 3 ranks stopped
# halfway and resumed on 1 with 2 threads.
check_bits() {
    name=$1
    shift
    train 1 "$name-1" --steps $steps "$@"
    exits 0 "$name: $*"
    for number in 2 3 4; do
        train $number "$name-$number" --steps $steps "$@"
        same_bits "$name: $number ranks as 1" "$(checkpoint "$name-1" $steps)" \
            "$(checkpoint "$name-$number" $steps)"
    done
    train 3 "$name-resumed" --steps $((steps / 2)) "$@"
    run_ranks 60 1 "$HARMONIA" train --data d.h5 --out "$name-resumed" \
        --resume --steps $steps --threads 2
    same_bits "$name: stopped on 3 ranks, resumed on 1" \
        "$(checkpoint "$name-1" $steps)" "$(checkpoint "$name-resumed" $steps)"
}
