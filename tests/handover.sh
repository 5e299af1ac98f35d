# One rank with one micro-batch a step updates each parameter during the backward
# pass; with two micro-batches it sums their gradients first. Of a data set of
# one sample both micro-batches are the same, and so is their mean in every bit.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

"$HARMONIA" synth d.h5 --size 64 --train 1 --test 1 --seed 3 2>synth || {
    cat synth >&2
    exit 1
}
steps=6

# train_on OUT BATCH OPTIONS...
train_on() {
    out=$1
    batch=$2
    shift 2
    run 60 "$HARMONIA" train --data d.h5 --out "$out" --ngf 4 --ndf 4 --nef 4 \
        --batch "$batch" --micro-batch 1 --report-samples 0 --flip=no --crop-min 1 \
        --dropout 0 --lr-policy constant --steps $steps --threads 1 "$@"
    [ "$code" -eq 0 ] || {
        note "training $out: exit status $code"
        show_output
    }
}

# arrays FILE: parameters, buffers and moments, in every digit
arrays() {
    for array in $(h5ls -r "$1" | awk '$2 == "Dataset" { print $1 }' |
        grep -v '^/state'); do
        h5dump -d "$array" -m '%.9g' "$1" | tail -n +2
    done
}

# compare NAME OPTIONS...
compare() {
    name=$1
    shift
    train_on "$name-1" 1 "$@"
    train_on "$name-2" 2 "$@"
    arrays "$(checkpoint "$name-1" $steps)" >one
    arrays "$(checkpoint "$name-2" $steps)" >two
    check "$name: there are parameters and moments to compare" \
        test "$(grep -c '^DATASET' one)" -gt 60
    check "$name: updated during the backward pass as from sums" cmp one two
}

compare unet
compare dovenet --model dovenet --lambda-gp 0
compare bargainnet --model bargainnet --norm batch

# What was learned goes on from a checkpoint.
train_on halves 1 --steps 3
train_on halves 1 --steps 6 --resume
same_bits "stopped and resumed" "$(checkpoint unet-1 $steps)" \
    "$(checkpoint halves $steps)"

run 30 "$HARMONIA" train --show-plan --size 64 --ngf 8 --batch 1
exits 0 "--show-plan of one micro-batch"
check "has no vector of gradients" grep -q '^gradients have no memory' "$stdout"
run 30 "$HARMONIA" train --show-plan --size 64 --ngf 8 --batch 2 --micro-batch 1
check "two micro-batches have a sum and what is added to it" \
    awk '/  gradients: / { exit !($1 > 3) }' "$stdout"
finish
