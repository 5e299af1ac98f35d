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

# ---- the loss --------------------------------------------------------------------

diverge 1 loss --norm batch
refused 1 "^harmonia: step [0-9]+: loss G_L1 is -?(nan|inf) \(samples train" \
    "a loss that is no number stops the run, naming step, loss and samples"
shows_last_good loss
diverge 2 loss-2 --norm batch
refused 1 "^harmonia: step [0-9]+: loss G_L1 is -?(nan|inf)" "on 2 ranks too, once"
check "within 10 s" test "$seconds" -le 10
same_bits "both ended with the same checkpoint" "loss/checkpoints/$last" \
    "loss-2/checkpoints/$last"

# ---- a parameter -----------------------------------------------------------------

diverge 1 parameter --beta1 0.9
refused 1 "^harmonia: step [0-9]+ is not saved: .*(G/[a-z.0-9]*) is -?(nan|inf)" \
    "an infinite parameter is not saved, naming step and tensor"
shows_last_good parameter
check "no half of a checkpoint is left" \
    sh -c '! ls -A parameter/checkpoints | grep -v "^step-[0-9]*\.h5$"'
step=${last#step-}
step=$((1${step%.h5} - 100000000))
# shellcheck disable=SC2086
run 60 "$HARMONIA" train --data d.h5 --out parameter --threads 1 --resume \
    --steps $((step + 2)) --lr 0
check "the run goes on from it when the learning rate is mended" \
    test $code -eq 0 -o $code -eq 1 # its state may be beyond repair
says "resuming from .*$last" "and says from where"

# ---- a gradient ------------------------------------------------------------------

# the loss fits a float, its gradient does not
# shellcheck disable=SC2086
finish
