# What training does beside plain Adam on stored samples: composites made anew,
# crops and masks, averaged weights, weight decay, clipping, schedules. All of it
# has the same bits on any number of ranks and across resuming.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

small_set d.h5 || exit 1
steps=6
methods=gct,gctrgb,hgm,mkl,idt,jitter
all="--recompose 0.7 --recompose-methods $methods --crop-min 0.5
    --crop-mask soft --mask-jitter 0.5 --ema 0.99 --weight-decay 0.01
    --clip-norm 0.5 --lr-policy cosine --warmup-steps 3 --norm batch"

# train RANKS OUT OPTIONS...
train() {
    number=$1
    out=$2
    shift 2
    # shellcheck disable=SC2086
    run_ranks 60 "$number" "$HARMONIA" train --data d.h5 --out "$out" $small \
        --batch 6 --log-every 1 --steps $steps "$@"
    [ "$code" -eq 0 ] || {
        note "training $out: exit status $code"
        show_output
    }
}

# weights A B: whether the network's own arrays are the same.
weights() {
    for folder in "$1" "$2"; do
        h5dump -d /G/model.model.3.weight "$(checkpoint "$folder" $steps)" |
            grep '^ *([0-9]'
    done >"$scratch/.weights"
    awk '{ line[NR] = $0 } END {
        for (i = 1; i <= NR / 2; i++)
            if (line[i] != line[i + NR / 2]) exit 1
        exit NR < 2 }' "$scratch/.weights"
}

# ---- ranks, streams, resuming --------------------------------------------------

train 1 all-1 $all
for number in 2 3 4; do
    train $number all-$number $all
    same_bits "all of it: $number ranks as 1" "$(checkpoint all-1 $steps)" \
        "$(checkpoint all-$number $steps)"
done
train 3 streamed $all --shard stream --node-ranks 2
same_bits "all of it: streamed to 2 of 3 ranks on 2 nodes" \
    "$(checkpoint all-1 $steps)" "$(checkpoint streamed $steps)"
train 1 whole $all --lr-steps $steps
train 2 halves $all --steps 3 --lr-steps $steps
run 60 "$HARMONIA" train --data d.h5 --out halves --threads 1 --resume --steps $steps
same_bits "all of it: 6 steps = 3 on 2 ranks + 3 on 1" \
    "$(checkpoint whole $steps)" "$(checkpoint halves $steps)"
dove="--model dovenet --ndf 4 --clip-norm 0.1 --ema 0.9 --weight-decay 0.1
    --lr-policy multistep --lr-milestones 0.5"
train 1 dove-1 $dove
train 3 dove-3 $dove
same_bits "two networks, each clipped by its own norm: 3 ranks as 1" \
    "$(checkpoint dove-1 $steps)" "$(checkpoint dove-3 $steps)"

# ---- each does something, and only that ------------------------------------------

train 1 plain
for options in "--recompose 1" "--recompose 1 --recompose-methods jitter" \
    "--mask-jitter 1" "--weight-decay 1" "--clip-norm 0.001" \
    "--warmup-steps 3" "--lr-policy cosine"; do
    rm -rf other
    train 1 other $options
    if weights plain other; then
        ok 1 "$options changes the weights"
    else
        ok 0 "$options changes the weights"
    fi
done
train 1 sharp --crop-min 0.5
train 1 soft --crop-min 0.5 --crop-mask soft
if weights sharp soft; then
    ok 1 "--crop-mask soft changes the weights"
else
    ok 0 "--crop-mask soft changes the weights"
fi
train 1 averaged --ema 0.9
check "--ema does not change what is trained" weights plain averaged
train 1 wide --clip-norm 1e9
check "--clip-norm does not where no gradient is above it" weights plain wide
# one micro-batch on one rank: Adam takes gradients as they come
train 1 one --batch 1 --weight-decay 0.1 --ema 0.9
train 1 held --batch 1 --weight-decay 0.1 --ema 0.9 --clip-norm 1e9
check "decay is the same where gradients are handed over" weights one held

# ---- averaged weights -------------------------------------------------------------

train 2 scored --ema 0.5 --validate-every $steps
run 60 "$HARMONIA" eval --data d.h5 --checkpoint "$(checkpoint scored $steps)" \
    --csv scored.csv
exits 0 "a checkpoint with averages is evaluated"
check "by the averages, as validation scores them" awk -F, '
    FNR == 1 { next }
    FILENAME ~ /validation/ { want = $2 }
    FILENAME !~ /validation/ { got = $2 }
    END { exit !(want > 0 && (got - want) ^ 2 < 1e-6 * want ^ 2) }' \
    scored/validation.csv scored.csv
train 2 unaveraged --validate-every $steps
check "which are other weights" sh -c '! cmp -s "$1" "$2"' - \
    scored/validation.csv unaveraged/validation.csv
run 20 "$HARMONIA" info "$(checkpoint scored $steps)"
check "info tells of them" grep -q 'averages, which .*use' "$stdout"
run 20 "$HARMONIA" import "$(checkpoint scored $steps)" --out imported.h5
exits 0 "import takes them"
run 60 "$HARMONIA" eval --data d.h5 --checkpoint imported.h5 --csv imported.csv
check "an imported checkpoint has the same scores" cmp scored.csv imported.csv

# ---- schedules --------------------------------------------------------------------

# rate STEP OF-RUN: the rate in the log, over --lr
rate() {
    awk -F, -v step="$1" '$1 == step { printf "%.4f", $3 / 0.0002 }' "$2/log.csv"
}
train 1 steps --lr-policy multistep --lr-milestones 0.5,0.83
check "multistep: 1, a tenth from half on, a hundredth at the end" test \
    "$(rate 3 steps) $(rate 4 steps) $(rate 6 steps)" = "1.0000 0.1000 0.0100"
train 1 waves --lr-policy cosine --warmup-steps 2
check "cosine and warm-up: $(rate 1 waves) $(rate 4 waves) $(rate 6 waves)" test \
    "$(rate 1 waves) $(rate 4 waves) $(rate 6 waves)" = "0.5000 0.5000 0.0670"
run_ranks 60 2 "$HARMONIA" train --data d.h5 --out timed $small --log-every 1 \
    --lr-policy cosine --lr-horizon time --max-minutes 0.1
exits 0 "a run of 6 seconds"
# how many steps that are is the machine's matter
check "the rate falls from row to row" awk -F, '
    NR > 2 && !($3 < last) { bad = 1 } { last = $3 }
    END { exit bad || NR < 2 }' timed/log.csv
last=$("$HARMONIA" info --newest timed)
check "its checkpoint tells the time, and the last row's factor" sh -c '
    rate=$(tail -n 1 timed/log.csv | cut -d, -f3)
    "$HARMONIA" info "$1" | awk -v rate="$rate" "
        /^time.trained/ { t = \$2 } /^time.lr_factor/ { f = \$2 }
        END { exit !(t > 6 && (0.0002 * f - rate) ^ 2 <= 1e-6 * rate ^ 2) }"' \
    - "$last"
run 60 "$HARMONIA" train --data d.h5 --out timed --resume --threads 1 \
    --max-minutes 0.1
exits 0 "resumed, it has no time left"
says "nothing to do: the run has had its 0.1 minutes" "and says so"

# ---- bad input ----------------------------------------------------------------------

# bad TEXT OPTIONS...
bad() {
    text=$1
    shift
    run 20 "$HARMONIA" train --data d.h5 --out bad $small "$@"
    refused 2 "$text" "$* is refused"
}
bad "recompose-methods: 'sepia' is none of gct, .*jitter" \
    --recompose-methods gct,sepia
bad "lr-milestones: '0.9,0.5': expected" --lr-policy multistep \
    --lr-milestones 0.9,0.5
bad "lr-horizon: time: expected --max-minutes" --lr-horizon time \
    --lr-policy cosine
bad "lr-horizon: time: expected --lr-policy cosine" --lr-horizon time \
    --max-minutes 1
finish
