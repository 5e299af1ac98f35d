# slurm/train.sbatch without Slurm: what stands in for srun, squeue and scontrol
# shows when a job goes back into the queue, when it ends, and where it writes.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

command -v bash >/dev/null || skip_all "no bash"
scripts="dist/launch slurm/job.sh slurm/train.sbatch slurm/table.sbatch slurm/table.sh"
for script in $scripts; do
    check "$script can be read" bash -n "$HARMONIA_SOURCE/$script"
done

ln -s "$HARMONIA_SOURCE/slurm" slurm
small_set d.h5 || exit 1
mkdir bin
printf '#!/bin/sh\nshift 2\nexec mpirun -n 2 "$@"\n' >bin/srun
printf '#!/bin/sh\necho "$@" >>scontrol.txt\n' >bin/scontrol
printf '#!/bin/sh\ncat state\n' >bin/squeue
chmod +x bin/*
echo RUNNING >state
steps=100
# shellcheck disable=SC2086
options="$small --save-every 10 --keep 4 --steps $steps"

cat >job <<'SCRIPT'
#!/bin/bash
# job NAME=VALUE... [OPTIONS OF train]
rm -f scontrol.txt
while [ $# -gt 0 ] && [[ $1 != -* ]]; do
    export "${1?}"
    shift
done
exec bash slurm/train.sbatch "$@"
SCRIPT
chmod +x job
export PATH="$scratch/bin:$PATH" SLURM_JOB_NODELIST=here SLURM_CPUS_PER_TASK=1 DATA=d.h5
queued_again() { grep -qx "requeue $1" scontrol.txt; }
not_queued_again() { test ! -e scontrol.txt; }

# ---- a run that ends, and one that is stopped ------------------------------------

# shellcheck disable=SC2086
run 60 ./job SLURM_JOB_ID=16 $options
exits 0 "a run that ends"
says "start 1 on here, no checkpoint yet" "the log tells the start"
says "done: runs/16/checkpoints/step-00000100.h5" "and the end"
check "it is in a folder of the job's number" test -s "$(checkpoint runs/16 $steps)"
check "the job does not come back" not_queued_again

saved() { test -n "$(find "$1/checkpoints" -name 'step-*.h5' 2>/dev/null)"; }
stop() { # SIGNAL ARGUMENTS...: once there is a checkpoint of runs/17
    name=$1
    shift
    # shellcheck disable=SC2086
    background ./job SLURM_JOB_ID=17 "$@" $options
    wait_until 30 saved runs/17
    kill -s "$name" $!
    wait $!
    code=$?
    seconds=-
    cp .background.err "$stderr"
    cp .background.out "$stdout"
}
for how in "USR1 srun" "TERM srun" "HUP mpirun"; do
    rm -rf runs/17
    stop ${how% *} LAUNCH=${how#* }
    exits 75 "$how"
    says "stopped by a signal, saved runs/17/.*: back into the queue" "it was saved"
    check "the job comes back" queued_again 17
done
newest=$(find runs/17 -name 'step-*.h5' | sort | tail -n 1)
# shellcheck disable=SC2086
run 60 ./job SLURM_JOB_ID=17 SLURM_RESTART_COUNT=1 $options
exits 0 "started again"
says "start 2 on here, $newest" "it knows"
says "^resuming from $newest" "it goes on"
check "and does not come back" not_queued_again
same_bits "in the bits of the run that was not stopped" "$(checkpoint runs/16 $steps)" \
    "$(checkpoint runs/17 $steps)"
rm -rf runs/17
echo COMPLETING >state
stop USR1
exits 75 "a cancelled job"
says "the job is COMPLETING" "it was saved"
check "does not come back" not_queued_again
echo RUNNING >state

# ---- failures -------------------------------------------------------------------------

run 60 ./job SLURM_JOB_ID=18 --bogus
exits 2 "wrong usage"
check "does not come back" not_queued_again
run 60 ./job SLURM_JOB_ID=19 DATA=nothing.h5
exits 1 "a failure before the first checkpoint"
says "before the first checkpoint: the job ends" "it says so"
check "does not come back" not_queued_again
# a program that is killed once there is a checkpoint
cat >harmonia <<SCRIPT
#!/bin/sh
(until ls runs/20/checkpoints/step-*.h5; do sleep 0.05; done
    kill -KILL \$\$) >/dev/null 2>&1 &
exec "$HARMONIA" "\$@"
SCRIPT
chmod +x harmonia
# shellcheck disable=SC2086
run 60 ./job SLURM_JOB_ID=20 HARMONIA="$scratch/harmonia" $options
check "a rank is killed after a checkpoint: exit status $code" test "$code" -gt 2
says "failed with exit status $code, goes on from runs/20/" "it says so"
check "the job comes back" queued_again 20
# from now on it fails before it comes any further
printf '#!/bin/sh\nexit 1\n' >harmonia
run 60 ./job SLURM_JOB_ID=20 SLURM_RESTART_COUNT=1 HARMONIA="$scratch/harmonia"
check "the second failure there: it comes back" queued_again 20
run 60 ./job SLURM_JOB_ID=20 SLURM_RESTART_COUNT=1 HARMONIA="$scratch/harmonia"
exits 1 "the third one"
says "3 times from runs/20/.*: the job ends" "it says so"
check "does not come back" not_queued_again
# shellcheck disable=SC2086
run 60 ./job SLURM_JOB_ID=21 NAME=20 $options
exits 0 "a new job of that NAME goes on"
same_bits "to the same bits" "$(checkpoint runs/16 $steps)" "$(checkpoint runs/20 $steps)"

# ---- arrays -----------------------------------------------------------------------------

printf '# a comment\n--seed 1\n\n--seed 2 --ngf 2 --steps 3\n' >sweep
array="SLURM_JOB_ID=33 SLURM_ARRAY_JOB_ID=30 SWEEP=sweep"
# shellcheck disable=SC2086
run 60 ./job $array SLURM_ARRAY_TASK_ID=2 TRAIN="--flip=no" $options --lr 0.001
exits 0 "task 2 of an array"
check "takes line 2, TRAIN and the command line" sh -c '
    "$1" info --changed "$2" >changed &&
    for option in --seed=2 --ngf=2 --flip=no --lr=0.001; do
        grep -q -e " $option " changed || { cat changed; exit 1; }
    done' - "$HARMONIA" "$(checkpoint runs/30_2 3)"
# shellcheck disable=SC2086
run 60 ./job $array SLURM_ARRAY_TASK_ID=3
exits 2 "a task without a line"
says "sweep has no line 3" "it says so"
# shellcheck disable=SC2086
run 60 ./job SLURM_JOB_ID=40 NAME=mine $small --steps 2
check "NAME names the folder" test -s "$(checkpoint runs/mine 2)"
finish
