# slurm/train.sbatch under a real Slurm: a controller and two nodes. Jobs that are
# stopped by their time limit, by preemption, by `scontrol requeue` or by the loss
# of a node end in an undisturbed run's bits; jobs that fail do not come back.
. "$HARMONIA_SOURCE/tests/cluster/common"

needs slurmctld slurm-wlm munge
needs munged munge

small_set d.h5 || exit 1
ln -s "$HARMONIA_SOURCE/slurm" slurm
steps=120
options="--ngf 4 --batch 8 --micro-batch 1 --report-samples 0 --save-every 10
    --keep 4 --steps $steps"
run 120 "$HARMONIA" train --data d.h5 --out undisturbed --threads 1 $options
exits 0 "the undisturbed run"

slurm() { "$cluster/slurm" run "$net" "$@"; }
run 120 "$cluster/slurm" up "$net" 2
exits 0 "slurmctld and two slurmd's"
[ "$code" -eq 0 ] || finish

# submit NAME=VALUE... OPTIONS OF sbatch... slurm/train.sbatch...: sets job
submit() {
    job=$(DATA=d.h5 slurm env "$@")
    case $job in [0-9]*) ;; *) ok 1 "sbatch: $*" ;; esac
}
batch="sbatch --parsable --nodes=2 --ntasks-per-node=1 --cpus-per-task=1"
state() { slurm scontrol show job "$1" | sed -n 's/.*JobState=\([A-Z_]*\).*/\1/p'; }
restarts() { slurm scontrol show job "$1" | sed -n 's/.*Restarts=\([0-9]*\).*/\1/p'; }
restarted() { test "$(restarts "$1")" -ge 1; }
in_state() { # PATTERN JOB
    state "$2" | grep -Eqx "$1"
}
saved() { test -n "$(find "runs/$1/checkpoints" -name 'step-*.h5' 2>/dev/null)"; }
show_log() {
    grep -v '^saved\|^step' "harmonia-$1.log" | tail -n 30 | sed 's/^/#   /'
}
# finishes JOB WHAT: sees it through to the bits of the undisturbed run
finishes() {
    # (a job that Slurm queues again is in NODE_FAIL for a moment)
    wait_until 120 in_state 'COMPLETED|FAILED|CANCELLED|TIMEOUT' "$1"
    check "$2: the job completes" in_state COMPLETED "$1"
    same_bits "$2: the same bits" "$(checkpoint undisturbed $steps)" \
        "$(checkpoint "runs/$1" $steps)"
    in_state COMPLETED "$1" || show_log "$1"
}
came_back() { # JOB TEXT WHAT
    failed=$failures
    check "$3: it came back ($(restarts "$1") times) and resumed" sh -c '
        test "$1" -ge 1 && grep -q "^resuming from runs/" "$2" && grep -Eq "$3" "$2"' - \
        "$(restarts "$1")" "harmonia-$1.log" "$2"
    [ "$failures" -eq "$failed" ] || show_log "$1"
}

# ---- the end of the time ----------------------------------------------------------

# A slow network makes runs of little work long: Slurm looks at the time of its
# jobs twice a minute.
hosts rate h3 20mbit
submit LAUNCH=srun $batch --time=1 --signal=B:USR1@50 slurm/train.sbatch $options
by_srun=$job
submit LAUNCH=mpirun $batch --time=1 --signal=B:USR1@50 slurm/train.sbatch $options
by_mpirun=$job

# Meanwhile: jobs that end by themselves.
submit $batch slurm/train.sbatch $options --bogus
usage=$job
submit DATA=nothing.h5 $batch slurm/train.sbatch $options
lacking=$job
printf '# two lines\n--seed 1\n\n--seed 2 --steps 10\n' >sweep
submit SWEEP=sweep $batch --array=2-3 --output=sweep-%a.log slurm/train.sbatch $options
sweep=$job
submit $batch slurm/train.sbatch $options
cancelled=$job
submit $batch slurm/train.sbatch $options
requeued=$job
wait_until 60 saved "$cancelled"
slurm scancel "$cancelled"
wait_until 60 saved "$requeued"
slurm scontrol requeue "$requeued"

wait_until 60 in_state FAILED "$usage"
check "wrong usage: the job fails" in_state FAILED "$usage"
check "and does not come back" test "$(restarts "$usage")" = 0
wait_until 60 in_state FAILED "$lacking"
check "no data: the job fails" in_state FAILED "$lacking"
check "and does not come back" test "$(restarts "$lacking")" = 0
wait_until 60 in_state CANCELLED "$cancelled"
check "scancel: cancelled" in_state CANCELLED "$cancelled"
check "and does not come back" test "$(restarts "$cancelled")" = 0

for job in "$by_srun" "$by_mpirun"; do wait_until 90 restarted "$job"; done
hosts rate h3 none
for launch in srun mpirun; do
    job=$by_mpirun
    [ $launch = mpirun ] || job=$by_srun
    finishes "$job" "the end of the time, $launch"
    came_back "$job" "stopped by a signal, saved runs/$job/.*: back into the queue" \
        "the end of the time, $launch"
done

finishes "$requeued" "scontrol requeue"
came_back "$requeued" "" "scontrol requeue"

# ---- ranks that are not ready at the same time ---------------------------------------

submit LD_PRELOAD="$HARMONIA_BUILD/tests/late_fence.so" LATE_RANK=1 $batch \
    slurm/train.sbatch $options
finishes "$job" "a rank is late in MPI_Init"

# ---- a sweep --------------------------------------------------------------------------

done_or_failed() { ! slurm squeue -h -j "$1" 2>/dev/null | grep -q .; }
wait_until 60 done_or_failed "$sweep"
check "a job array: task 2 takes line 2 of the sweep, into a folder of its own" \
    sh -c '"$1" info --changed "$2" | grep -e --seed=2' - "$HARMONIA" \
    "$(checkpoint "runs/${sweep}_2" 10)"
check "task 3, without a line, ends and says why" \
    grep -q 'sweep has no line 3: the job ends' sweep-3.log
check "it made no folder" test ! -e "runs/${sweep}_3"

# ---- preemption, a node that is lost -----------------------------------

# both_variants: by_srun and by_mpirun run and have saved
both_variants() {
    hosts rate h3 20mbit
    submit LAUNCH=srun $batch slurm/train.sbatch $options
    by_srun=$job
    submit LAUNCH=mpirun $batch slurm/train.sbatch $options
    by_mpirun=$job
    wait_until 60 saved "$by_srun"
    wait_until 60 saved "$by_mpirun"
}
both_finish() { # WHAT TEXT
    hosts rate h3 none
    finishes "$by_srun" "$1, srun"
    came_back "$by_srun" "$2" "$1, srun"
    finishes "$by_mpirun" "$1, mpirun"
    came_back "$by_mpirun" "$2" "$1, mpirun"
}

both_variants
slurm sbatch --partition=urgent --nodes=2 --exclusive --output=urgent.log \
    --wrap hostname >/dev/null
wait_until 60 grep -qs h2 urgent.log
check "preempted: the urgent job runs" grep -q h2 urgent.log
both_finish preempted "stopped by a signal, saved"

both_variants
hosts kill h3
node_is() { slurm sinfo -h -N -n h3 -o %T | grep -q "^$1"; }
wait_until 120 node_is down
check "a node is killed: Slurm finds it down" node_is down
check "and it boots again" "$cluster/slurm" boot "$net" h3
both_finish "a node is killed" ""
finish
