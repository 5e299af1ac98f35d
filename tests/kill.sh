# A run of 2 ranks that is killed again and again, and resumed each time, ends
# in the bits of one that was left alone; no checkpoint is ever unreadable.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

kills=10
steps=90
small_set d.h5 || exit 1
options="--data d.h5 --ngf 8 --batch 4 --micro-batch 1 --threads 1
    --report-samples 0 --crop-min 0.5 --steps $steps --save-every 3 --keep 4"

# shellcheck disable=SC2086
run_ranks 60 2 "$HARMONIA" train $options --out undisturbed
exits 0 "the undisturbed run"

newest() {
    ls killed/checkpoints 2>/dev/null | grep '^step-[0-9]*\.h5$' | tail -n 1
}
moved_on() {
    test "$(newest)" != "$1" || is_gone "$launched"
}

# The plan: whom to kill (rank 0, rank 1, both, mpirun), whether to wait for a
# new checkpoint first, and how long to wait then. From a fixed seed.
plan=$(awk -v kills=$kills 'BEGIN {
    srand(7)
    for (i = 0; i < kills; i++) {
        split("0 1 both mpirun", whom, " ")
        printf "%s:%d:%.3f\n", whom[int(4 * rand()) + 1], rand() < 0.7,
               0.15 * rand()
    }
}')

done_kills=0
unreadable=0
stayed=0
for item in $plan; do
    whom=${item%%:*}
    rest=${item#*:}
    rm -rf pids
    mkdir pids
    before=$(newest)
    # shellcheck disable=SC2086
    background mpirun -n 2 "$rank_with_pid" "$scratch/pids" "$HARMONIA" train \
        $options --out killed --resume
    launched=$!
    wait_until 20 test -f pids/0 -a -f pids/1
    if [ "${rest%%:*}" = 1 ]; then wait_until 30 moved_on "$before"; fi
    sleep "${rest#*:}"
    case $whom in
    both) set -- "$(cat pids/0)" "$(cat pids/1)" ;;
    mpirun) set -- "$launched" ;;
    *) set -- "$(cat "pids/$whom")" ;;
    esac
    kill -KILL "$@" 2>/dev/null && done_kills=$((done_kills + 1))
    wait "$launched" 2>/dev/null
    for rank in 0 1; do
        wait_until 10 is_gone "$(cat pids/$rank)" || stayed=$((stayed + 1))
    done
    note "killed $whom after $(newest)"
    for file in killed/checkpoints/step-????????.h5; do
        [ -f "$file" ] || continue
        "$HARMONIA" info --verify "$file" >.info 2>&1 || {
            unreadable=$((unreadable + 1))
            sed 's/^/# /' .info
        }
    done
done
check "at least 6 of $kills kills hit a living process ($done_kills)" \
    test $done_kills -ge 6
check "no rank outlived a kill by 10 s" test $stayed -eq 0
check "no checkpoint was ever unreadable" test $unreadable -eq 0

# shellcheck disable=SC2086
run_ranks 60 2 "$HARMONIA" train $options --out killed --resume
exits 0 "the last run comes to the end"
same_bits "in the undisturbed run's bits" "$(checkpoint undisturbed $steps)" \
    "$(checkpoint killed $steps)"
check "what dead writers left is gone, and --keep 4 holds" sh -c '
    ls killed/checkpoints && test "$(ls -A killed/checkpoints | wc -l)" -eq 4'
check "the log is whole" sh -c '
    tail -n +2 killed/log.csv | cut -d, -f1 | tr "\n" " " >rows &&
    cat rows && grep -qx "10 20 30 40 50 60 70 80 90 " rows'
finish
