# A NaN or an infinity stops a run with a message that names step and tensor,
# and never reaches a checkpoint.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

small_set d.h5 || exit 1
# Adam divides by a root that is 0 where the gradient is.
absurd="--lr 10 --lambda-l1 1e9 --beta2 0 --eps 1e-30 --steps 300 --save-every 1"

# diverge RANKS OUT OPTIONS...: the message is one line of the program's
diverge() {
    number=$1
    out=$2
    shift 2
    # shellcheck disable=SC2086
    run_ranks 60 "$number" "$HARMONIA" train --data d.h5 --out "$out" $small \
        $absurd "$@"
    last=$(ls "$out/checkpoints" | tail -n 1)
}

# shows_last_good OUT: what is saved is good and finite
shows_last_good() {
    check "$1: a checkpoint from before is there, and good" \
        "$HARMONIA" info --verify "$1/checkpoints/$last"
    check "$1: no number in it is infinite or none" sh -c '
        h5dump -d /G/model.model.3.bias -d /G/model.model.3.weight \
            -d /G/model.model.0.weight "$1" >dump &&
        ! grep -Eqi "[^a-z](nan|inf)" dump' - "$1/checkpoints/$last"
}

# Found by the step itself, or first by the saver, whose copy is of that step.
whose="(: (loss|gradient of|new value of)| is not saved:) [A-Za-z0-9_./]+ is -?(nan|inf)"

diverge 1 alone --norm batch
refused 1 "^harmonia: step [0-9]+$whose" \
    "one message that names the step and the loss or tensor"
shows_last_good alone
diverge 2 pair --norm batch
refused 1 "^harmonia: step [0-9]+$whose" "on 2 ranks too, once"
check "within 10 s" in_time "$seconds" 10
same_bits "both ended with the same checkpoint" "alone/checkpoints/$last" \
    "pair/checkpoints/$last"
# Parameters that were updated before the bad gradient was met are not saved.
diverge 1 single --batch 1
refused 1 "^harmonia: step [0-9]+$whose" "with one micro-batch a step"
shows_last_good single
# Either phase of a step may be the one that fails.
diverge 2 gan --model dovenet --ndf 4
refused 1 "^harmonia: step [0-9]+$whose" \
    "so does a system of two phases"
shows_last_good gan
# Here weights may become infinite while the loss is still a number.
diverge 1 weights --beta1 0.9
refused 1 "^harmonia: step [0-9]+$whose" \
    "with other absurd options"
shows_last_good weights
check "no half of a checkpoint is left" \
    sh -c '! ls -A weights/checkpoints | grep -v "^step-[0-9]*\.h5$"'
finish
