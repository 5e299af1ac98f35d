# Runs that are asked to stop, and runs that meet in one folder.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

small_set d.h5 || exit 1
steps=400

# start OUT LIMIT_OF_STEPS: 2 ranks in the background; ids in pids/
start() {
    rm -rf pids
    mkdir pids
    # shellcheck disable=SC2086
    background mpirun -n 2 "$rank_with_pid" "$scratch/pids" "$HARMONIA" train \
        --data d.h5 --out "$1" $small --crop-min 0.5 --steps "$2" \
        --save-every 100000 --log-every 1 --resume
    launched=$!
}
resume() {
    # shellcheck disable=SC2086
    run_ranks 120 "$1" "$HARMONIA" train --data d.h5 --out "$2" $small \
        --crop-min 0.5 --steps $steps --save-every 100000 --log-every 1 --resume
}
saved_steps() {
    ls "$1/checkpoints" | sed -n 's/^step-0*\([0-9]*\)\.h5$/\1/p'
}

resume 2 undisturbed
exits 0 "the undisturbed run"

# ---- SIGUSR1: as batch systems announce the end of the time ---------------------

start stopped $steps
wait_until 60 row_at_least stopped/log.csv 20
kill -USR1 "$(cat pids/1)"
wait "$launched"
code=$?
cp .background.err "$stderr"
cp .background.out "$stdout"
seconds=-
exits 75 "stopped by SIGUSR1 to rank 1 alone: neither success nor failure"
says "^harmonia: stopped by a signal after step [0-9]+, which is saved" "says so"
step=$(saved_steps stopped)
check "it stopped in the middle (after step $step) and saved" \
    test "$step" -ge 20 -a "$step" -lt $steps
check "the log ends there" \
    test "$(tail -n 1 stopped/log.csv | cut -d, -f1)" = "$step"
resume 1 stopped
exits 0 "resumed"
same_bits "in the undisturbed run's bits" "$(checkpoint undisturbed $steps)" \
    "$(checkpoint stopped $steps)"
check "the log has every step once" sh -c '
    tail -n +2 stopped/log.csv | cut -d, -f1 >rows &&
    seq 1 '$steps' | cmp - rows'

# ---- signals to mpirun ------------------------------------------------------------

# It passes SIGUSR1 on. After SIGTERM, SIGINT and SIGHUP it kills what has not ended
# within the seconds of odls_base_sigkill_timeout (and waits that long, twice); that
# of Open MPI 5 within a quarter of a second, in which no save can be promised.
signals="USR1 TERM INT HUP"
[ "$(open_mpi)" -lt 5 ] || signals=USR1
for signal in $signals; do
    status=75 # the run's; that of mpirun where it is itself told to end
    [ $signal = USR1 ] || status=1
    [ $signal = USR1 ] || export OMPI_MCA_odls_base_sigkill_timeout=3
    start "by-$signal" 1000000
    wait_until 60 row_at_least "by-$signal/log.csv" 5
    began=$(date +%s)
    kill -$signal "$launched"
    wait "$launched"
    code=$?
    seconds=$(($(date +%s) - began))
    cp .background.err "$stderr"
    cp .background.out "$stdout"
    refused $status "stopped by a signal after step $(saved_steps "by-$signal"), which" \
        "SIG$signal to mpirun saves and ends the run"
    check "within 30 s ($seconds)" test "$seconds" -lt 30
    check "the checkpoint is good, and its rows are in the log" sh -c '
        "$HARMONIA" info --verify "$1" &&
        test "$(tail -n 1 "$2/log.csv" | cut -d, -f1)" = "$3"' - \
        "$(checkpoint "by-$signal" "$(saved_steps "by-$signal")")" \
        "by-$signal" "$(saved_steps "by-$signal")"
done
export OMPI_MCA_odls_base_sigkill_timeout=0

# ---- two runs in one folder -----------------------------------------------------

start busy 1000000
wait_until 60 row_at_least busy/log.csv 5
run_ranks 30 2 "$HARMONIA" train --data d.h5 --out busy $small --resume
refused 1 "busy: another run" "a second run in the same folder is refused"
check "the first one is alive" kill -0 "$(cat pids/0)"
kill -TERM "$launched" # mpirun passes it on
wait "$launched"
check "SIGTERM to mpirun ends the ranks" \
    wait_until 10 is_gone "$(cat pids/0)"
check "both" wait_until 10 is_gone "$(cat pids/1)"
finish
