# A run of 2 ranks that is killed again and again, and resumed each time, ends
# in the bits of one that was left alone; no state is ever lost or unreadable.
# make test-kills: a long series. The plan is the same each time,
# the moments are not.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

: "${KILLS:=8}"
# What a killed mpirun leaves goes with the test's own folder.
export OMPI_MCA_orte_tmpdir_base="$scratch" PRTE_MCA_prte_tmpdir_base="$scratch" \
    OMPI_MCA_btl_vader_backing_directory="$scratch"
"$HARMONIA" synth d.h5 --size 64 --train 24 --test 8 --validation 4 --seed 3 \
    2>/dev/null || exit 1
# Checkpoints large enough for the network that they are written all the time.
options="--data d.h5 --ngf 8 --batch 4 --micro-batch 1 --threads 1
    --report-samples 0 --crop-min 0.5 --save-every 3 --keep 4
    --validate-every 6 --validate-samples 2"

newest() {
    ls killed/checkpoints 2>/dev/null | grep '^step-[0-9]*\.h5$' | tail -n 1
}
moved_on() {
    test "$(newest)" != "$1" || is_gone "$launched"
}
is_writing() {
    ls killed/checkpoints/*.tmp-* >/dev/null 2>&1 || is_gone "$launched"
}

# Whom to kill (rank 0, rank 1, both, mpirun); when: at any time from the start
# of the ranks, after a new checkpoint, or while one is being written; and how
# long to wait then.
plan=$(awk -v kills="$KILLS" 'BEGIN {
    srand(7)
    split("0 1 both mpirun", whom, " ")
    split("any new new writing", when, " ")
    for (i = 0; i < kills; i++) {
        moment = when[int(4 * rand()) + 1]
        longest = moment == "any" ? 1.5 : moment == "new" ? 0.15 : 0.03
        printf "%s:%s:%.3f\n", whom[int(4 * rand()) + 1], moment,
               longest * rand()
    }
}')

hit=0
in_writing=0
unreadable=0
backwards=0
stayed=0
hung=0
for item in $plan; do
    whom=${item%%:*}
    moment=${item#*:}
    pause=${moment#*:}
    moment=${moment%%:*}
    rm -rf pids
    mkdir pids
    before=$(newest)
    # shellcheck disable=SC2086
    background mpirun -n 2 "$rank_with_pid" "$scratch/pids" "$HARMONIA" train \
        $options --steps 1000000 --out killed --resume
    launched=$!
    wait_until 20 test -f pids/0 -a -f pids/1
    case $moment in
    new) wait_until 30 moved_on "$before" ;;
    writing)
        wait_until 30 moved_on "$before"
        until is_writing; do sleep 0.002; done
        ;;
    esac
    sleep "$pause"
    case $whom in
    both) set -- "$(cat pids/0)" "$(cat pids/1)" ;;
    mpirun) set -- "$launched" ;;
    *) set -- "$(cat "pids/$whom")" ;;
    esac
    kill -KILL "$@" 2>/dev/null && hit=$((hit + 1))
    for rank in 0 1; do
        wait_until 10 is_gone "$(cat pids/$rank)" || stayed=$((stayed + 1))
    done
    # mpirun itself may wait for ever for a rank that died while it started
    wait_until 5 is_gone "$launched" || {
        hung=$((hung + 1))
        kill -KILL "$launched"
    }
    wait "$launched" 2>/dev/null
    left=
    if ls killed/checkpoints/*.tmp-* >/dev/null 2>&1; then
        in_writing=$((in_writing + 1))
        left=", in writing"
    fi
    after=$(newest)
    [ "$KILLS" -gt 20 ] || note "killed $whom after $after$left"
    # names are of one length: their order is that of the steps
    if expr "x$after" '<' "x$before" >/dev/null ||
        grep -q 'passed over' .background.err; then
        backwards=$((backwards + 1))
        note "killed $whom: $before, then $after"
        sed 's/^/#   /' .background.err
    fi
    for file in killed/checkpoints/*.h5; do
        [ -f "$file" ] || continue
        "$HARMONIA" info --verify "$file" >.info 2>&1 || {
            unreadable=$((unreadable + 1))
            sed 's/^/# /' .info
        }
    done
done
note "$hit of $KILLS kills hit a living process, $in_writing of them while a" \
    "temporary file was there; the run had come to $(newest); $hung times" \
    "mpirun had to be killed after its ranks were gone"
check "nearly all kills hit a living process" test $hit -ge $((KILLS * 9 / 10))
check "many of them in the middle of writing" \
    test $in_writing -ge $((KILLS / 5))
check "no rank outlived a kill by 10 s" test $stayed -eq 0
check "no checkpoint was ever unreadable" test $unreadable -eq 0
check "no checkpoint was ever lost or passed over" test $backwards -eq 0

steps=$(newest | sed 's/^step-0*//; s/\.h5$//')
steps=$((steps + 12))
# shellcheck disable=SC2086
run_ranks 600 2 "$HARMONIA" train $options --steps $steps --out undisturbed
exits 0 "an undisturbed run of as many steps"
# shellcheck disable=SC2086
run_ranks 60 2 "$HARMONIA" train $options --steps $steps --out killed --resume
exits 0 "the last run comes to the end"
same_bits "in the undisturbed run's bits" "$(checkpoint undisturbed $steps)" \
    "$(checkpoint killed $steps)"
# (How many steps were asked for stands in it too, and may differ.)
check "the best checkpoint is the same" sh -c '
    for group in /G /optimizer; do
        h5diff undisturbed/checkpoints/best.h5 killed/checkpoints/best.h5 \
            $group || exit 1
    done'
check "the validations are the same" \
    cmp undisturbed/validation.csv killed/validation.csv
check "what dead writers left is gone, and --keep 4 holds" sh -c '
    ls -A killed/checkpoints &&
    test "$(ls -A killed/checkpoints | wc -l)" -eq 5'
check "the log has every row once" sh -c '
    cut -d, -f1 undisturbed/log.csv >wanted &&
    cut -d, -f1 killed/log.csv | cmp - wanted'
finish
