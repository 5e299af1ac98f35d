# How a run ends: signals once, twice and early, signals that were ignored, and
# readers and terminals that go away.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

env --default-signal=INT --block-signal=HUP true 2>/dev/null ||
    skip_all "env has no --default-signal (coreutils 8.31)"
small_set d.h5 || exit 1
options="--data d.h5 $small --save-every 100000 --log-every 1 --resume"

# start OUT ENV-OPTIONS TRAIN-OPTIONS: one process in the background, its id in pid
start() {
    # shellcheck disable=SC2086
    background env --default-signal=INT $2 "$HARMONIA" train $options --out "$1" $3
    pid=$!
}
running="--steps 1000000"
at_work() { # OUT
    wait_until 60 row_at_least "$1/log.csv" 5
}
# ended: waits for $pid, for a minute at most, as `run` leaves it
ended() {
    wait_until 60 is_gone "$pid" || kill -KILL "$pid"
    wait "$pid"
    code=$?
    seconds=-
    cp .background.out "$stdout"
    cp .background.err "$stderr"
}
newest() { # OUT: the step of its newest checkpoint
    ls "$1/checkpoints" | sed -n 's/^step-0*\([0-9]*\)\.h5$/\1/p' | sort -n | tail -n 1
}
# saves OUT WHAT: exit status 75, and nothing that is in the log is lost
saves() {
    ended
    exits 75 "$2: stopped"
    check "$2: saved" test "$(newest "$1")" = "$(tail -n 1 "$1/log.csv" | cut -d, -f1)"
}
handles() { # PROCESS: whether it handles SIGTERM
    awk '/^SigCgt/ { exit !(index("4567cdefCDEF", substr($2, length($2) - 3, 1))) }' \
        "/proc/$1/status" 2>/dev/null
}

# ---- one process, one signal ------------------------------------------------------

for signal in TERM INT HUP USR1 USR2 XCPU; do
    start run "" "$running"
    wait_until 60 row_at_least run/log.csv $(($(newest run 2>/dev/null) + 3))
    kill -s $signal $pid
    saves run "SIG$signal"
done
start early "" "$running"
if [ -r /proc/self/status ]; then
    wait_until 20 handles $pid
    kill -TERM $pid
    saves early "SIGTERM while MPI starts"
else
    kill -KILL $pid
fi
start blocked --block-signal=TERM "$running"
at_work blocked
kill -TERM $pid
saves blocked "SIGTERM, blocked by the parent"

start ignored "--ignore-signal=INT --ignore-signal=HUP" "$running"
at_work ignored
kill -HUP $pid
kill -INT $pid
step=$(tail -n 1 ignored/log.csv | cut -d, -f1)
check "ignored from the start (nohup): the run goes on" \
    wait_until 20 row_at_least ignored/log.csv $((step + 20))
kill -TERM $pid
saves ignored "SIGTERM then"
run 60 sh -c 'for i in 1 2; do
    timeout "$1" "$HARMONIA" train $3 $4 --out timeout-$i
    [ $? = 124 ] && test -n "$(ls timeout-$i/checkpoints/step-*.h5)" || exit 1
    done' - 2 - "$options" "$running"
exits 0 "timeout sends SIGTERM twice: two runs of two are saved"

# ---- two ranks, one of which is stopped: its peer has all the time --------------

start_ranks() { # OUT
    rm -rf pids
    mkdir pids
    # shellcheck disable=SC2086
    background env --default-signal=INT mpirun -n 2 "$rank_with_pid" "$scratch/pids" \
        "$HARMONIA" train $options --out "$1" $running
    pid=$!
    at_work "$1"
}
hold() { # SIGNALS AND PAUSES: to rank 0, while rank 1 holds still
    kill -STOP "$(cat pids/1)"
    for each in "$@"; do
        case $each in
        [0-9]*) sleep "$each" ;;
        *) kill -s "$each" "$(cat pids/0)" ;;
        esac
    done
}
start_ranks twice
hold USR1 2.1 TERM TERM 0.1 INT HUP 2.3 USR1 HUP USR2
check "SIGTERM long after SIGUSR1 (srun, when another rank has left), and again" \
    kill -0 "$(cat pids/0)"
kill -CONT "$(cat pids/1)"
saves twice "they"

start_ranks at-once
hold TERM 2.3
kill -INT "$(cat pids/0)"
check "SIGINT 2.3 s after SIGTERM ends the rank at once" \
    wait_until 10 is_gone "$(cat pids/0)"
kill -CONT "$(cat pids/1)" 2>/dev/null
ended
says "^harmonia: SIGINT again: ended at once" "and it says so"
check "no rank is left" wait_until 10 is_gone "$(cat pids/1)"

start_ranks usr1
kill -USR1 $pid
kill -USR1 $pid
saves usr1 "SIGUSR1 twice to mpirun"

# ---- readers that go away ----------------------------------------------------------

run 60 "$HARMONIA" train $options --out undisturbed --steps 200
exits 0 "the undisturbed run"
# without REDIRECTION WHAT
without() {
    rm -rf silent code
    run 60 sh -c "{ \"\$HARMONIA\" train $options --out silent --steps 200; echo \$? >code; } $1"
    check "$2: the run comes to its end" grep -qx 0 code
    same_bits "$2: the same bits" "$(checkpoint undisturbed 200)" \
        "$(checkpoint silent 200)"
}
without "2>&1 | head -n 1" "the reader of stderr leaves"
without "2>/dev/full" "a full disk for stderr"
without ">&- 2>&- <&-" "all standard descriptors are closed"
if [ "$(open_mpi)" -lt 5 ]; then # that of 5 ends the job then, by itself
    rm -rf silent
    run 60 sh -c 'mpirun -n 2 "$HARMONIA" train $1 --out silent --steps 200 2>&1 | head -n 1' \
        - "$options"
    same_bits "the reader of mpirun's stderr leaves: the same bits" \
        "$(checkpoint undisturbed 200)" "$(checkpoint silent 200)"
fi

run 20 sh -c '{ sleep 0.5; "$HARMONIA" info "$1"; echo $? >code; } | true' - \
    "$(checkpoint undisturbed 200)"
check "info, read by nobody, ends by SIGPIPE" grep -qx 141 code
check "and has no message" test ! -s "$stderr"
run 20 sh -c '"$HARMONIA" info "$1" >/dev/full' - "$(checkpoint undisturbed 200)"
refused 1 "standard output cannot be written" "info on a full disk"
run 20 sh -c '"$HARMONIA" info "$1" >&-' - "$(checkpoint undisturbed 200)"
refused 1 "standard output cannot be written" "info without standard output"

# ---- terminals that hang up ---------------------------------------------------------

# hang_up OUT ENV-OPTIONS TRAIN-OPTIONS
hang_up() {
    rm -f id
    background script -qec "env $2 sh -c 'echo \$\$ >id
        exec \"\$HARMONIA\" train $options --out $1 $3'" /dev/null
    at_work "$1"
    kill -KILL $!
}
if command -v script >/dev/null; then
    hang_up terminal --default-signal=HUP "$running"
    check "a terminal that hangs up ends the run" wait_until 20 is_gone "$(cat id)"
    check "it is saved" test "$(newest terminal)" = \
        "$(tail -n 1 terminal/log.csv | cut -d, -f1)"
    hang_up nohup --ignore-signal=HUP "--steps 400"
    check "nohup: it goes on without its terminal, to the end" \
        wait_until 120 test -s "$(checkpoint nohup 400)"
else
    skip "no script (util-linux)"
fi
finish
