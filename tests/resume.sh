# A run that stopped and went on ends in the bits of one that never stopped.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

small_set d.h5 || exit 1

# train RANKS OUT OPTIONS...
train() {
    number=$1
    out=$2
    shift 2
    # shellcheck disable=SC2086
    run_ranks 60 "$number" "$HARMONIA" train --data d.h5 --out "$out" $small "$@"
}

# resume RANKS OUT OPTIONS...: the checkpoint knows what is not given.
resume() {
    number=$1
    out=$2
    shift 2
    run_ranks 60 "$number" "$HARMONIA" train --data d.h5 --out "$out" \
        --threads 1 --resume "$@"
}

# ---- 40 steps against 20 and 20 ----------------------------------------------

augmented="--crop-min 0.4 --dropout 0.5 --norm instance"
batch="--norm batch --batch 8 --micro-batch 2"
for options in "$augmented" "$batch"; do
    rm -rf whole halves
    train 1 whole --steps 40 $options
    exits 0 "40 steps in one go ($options)"
    train 1 halves --steps 20 $options
    exits 0 "20 steps"
    if [ "$options" = "$augmented" ]; then
        resume 1 halves --steps 40 $options
    else
        resume 1 halves --steps 40
    fi
    exits 0 "resumed to 40"
    says "resuming from .*step-00000020.h5" "says which checkpoint it resumes"
    same_bits "40 = 20 + 20" "$(checkpoint whole 40)" "$(checkpoint halves 40)"
    check "the log has every row once" \
        sh -c 'test "$(cut -d, -f1 halves/log.csv | tr "\n" " ")" = \
            "step 10 20 30 40 "'
done

rm -rf moved
train 4 moved --steps 15 $batch
resume 1 moved --steps 25
resume 3 moved --steps 40 --threads 2
same_bits "stopped on 4 ranks, resumed on 1, then on 3" "$(checkpoint whole 40)" \
    "$(checkpoint moved 40)"

# ---- a damaged checkpoint ------------------------------------------------------

rm -rf damaged
train 1 damaged --steps 30 --save-every 10 $batch
printf 'rubbish rubbish rubbish' | dd of="$(checkpoint damaged 30)" bs=1 \
    seek=20000 conv=notrunc 2>/dev/null
head -c 5000 "$(checkpoint damaged 20)" >cut && mv cut "$(checkpoint damaged 20)"
resume 1 damaged --steps 40 --save-every 500
exits 0 "two damaged checkpoints do not stop a run"
says "warning: .*step-00000030.h5" "the newest is passed over with a warning"
says "warning: .*step-00000020.h5" "so is the truncated one before it"
says "resuming from .*step-00000010.h5" "the newest good one is taken"
same_bits "and the end is the same" "$(checkpoint whole 40)" \
    "$(checkpoint damaged 40)"

# ---- refusals -------------------------------------------------------------------

before=$(cksum <"$(checkpoint whole 40)")
train 1 whole --steps 50
refused 2 "whole .*40 steps.*--resume" "a used folder without --resume is refused"
resume 2 whole --steps 50 --ngf 8
refused 1 "option --ngf: 8, .*has 4" "another --ngf is refused, on 2 ranks"
resume 1 whole --steps 50 --norm instance
refused 1 "option --norm: instance.*batch" "another --norm is refused"
resume 1 whole --steps 50 --micro-batch 4
refused 1 "option --micro-batch: 4" "another --micro-batch is refused"
resume 1 whole --steps 50 --seed 9
refused 1 "option --seed: 9" "another --seed is refused"
"$HARMONIA" synth other.h5 --size 64 --train 24 --test 8 --seed 4 2>/dev/null
run 20 "$HARMONIA" train --data other.h5 --out whole --resume --steps 50
refused 1 "other.h5: .*not the data set.*step-00000040.h5" \
    "another data set is refused"
check "no refusal touched the checkpoint" \
    test "$before" = "$(cksum <"$(checkpoint whole 40)")"

resume 1 whole --steps 40
exits 0 "resuming a run that is done is no error"
says "nothing to do: 40 steps are done" "and says so"
train 1 fresh --steps 4 --resume
exits 0 "--resume without a checkpoint starts"
says "no checkpoint in fresh: starting anew" "and says so"
finish
