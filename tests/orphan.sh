# A rank does not outlive its launcher, whatever it waits for; a process without
# one outlives whoever started it.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

small_set d.h5 || exit 1
train="--data d.h5 $small --crop-min 0.5 --save-every 100000 --log-every 1"

# ---- a stand-in -------------------------------------------------------------------

# launcher VARIABLE COMMAND...: a child that was told its rank in that variable
cat >launcher <<'SCRIPT'
#!/bin/sh
variable=$1
shift
env "$variable=0" "$@" 2>rank.err &
echo $! >rank.pid.new && mv rank.pid.new rank.pid
wait
SCRIPT
cat >between <<'SCRIPT'
#!/bin/sh
"$@"
SCRIPT
chmod +x launcher between

# start WORDS...: they are the words before the program
start() {
    rm -rf run rank.pid rank.err
    # shellcheck disable=SC2086
    background "$@" "$HARMONIA" train $train --steps 1000000 --out run
    launched=$!
    wait_until 30 row_at_least run/log.csv 3
}
for variable in PMI_RANK PMIX_RANK OMPI_COMM_WORLD_RANK; do
    start ./launcher $variable
    check "$variable: it runs" kill -0 "$(cat rank.pid)"
    kill -KILL $launched
    check "and ends when its launcher is killed" wait_until 10 is_gone "$(cat rank.pid)"
    check "saying why" grep -q "^harmonia: the launcher (process $launched) is gone" rank.err
done
start ./launcher PMI_RANK ./between
kill -KILL $launched
check "with a script between them too" \
    wait_until 10 grep -q "^harmonia: the launcher (process $launched) is gone" rank.err
start ./launcher NOTHING
kill -KILL $launched
sleep 2.5
rows=$(wc -l <run/log.csv)
check "without a rank it goes on alone" wait_until 10 row_at_least run/log.csv $((rows + 1))
kill -KILL "$(cat rank.pid)"

# ---- mpirun -----------------------------------------------------------------------

# A rank that waits for one that is stopped is within MPI's calls.
mkdir pids
start mpirun -n 2 "$rank_with_pid" "$scratch/pids"
kill -STOP "$(cat pids/1)"
sleep 0.5
kill -KILL $launched
check "mpirun is killed: a rank that waits for another ends" \
    wait_until 10 is_gone "$(cat pids/0)"
kill -CONT "$(cat pids/1)" 2>/dev/null # in vain where the system has done so
check "and that one too" wait_until 10 is_gone "$(cat pids/1)"
finish
