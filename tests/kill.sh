# A run of 2 ranks that is killed and signalled again and again, and resumed each
# time, ends in the bits of one that was left alone; no state is ever lost or
# unreadable. Signals come in pairs, as one request, and cost no step at all.
# make test-kills: long series. The plan is the same for the same SEED, the moments
# are not.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

: "${KILLS:=6}" "${SIGNALS:=4}" "${SEED:=4}"
# What a killed mpirun leaves goes with the test's own folder.
export OMPI_MCA_orte_tmpdir_base="$scratch" PRTE_MCA_prte_tmpdir_base="$scratch" \
    OMPI_MCA_btl_vader_backing_directory="$scratch"
"$HARMONIA" synth d.h5 --size 64 --train 24 --test 8 --validation 4 --seed 3 \
    2>/dev/null || exit 1
# Checkpoints large enough for the network that they are written all the time.
options="--data d.h5 --ngf 8 --batch 4 --micro-batch 1 --threads 1
    --report-samples 0 --crop-min 0.5 --save-every 3 --keep 4 --log-every 1
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
# of the ranks, after a new checkpoint, or while one is being written; how long to
# wait then; and what to send: KILL, or one signal, and another after a while.
# (mpirun passes on SIGUSR1 only.)
plan=$(awk -v kills="$KILLS" -v pairs="$SIGNALS" -v seed="$SEED" '
    function pick(list, n, words) {
        n = split(list, words, " ")
        return words[int(n * rand()) + 1]
    }
    BEGIN {
        srand(seed)
        while (kills + pairs > 0) {
            is_kill = rand() * (kills + pairs) < kills
            whom = pick("0 1 both mpirun")
            moment = pick("any new new writing")
            longest = moment == "any" ? 1.5 : moment == "new" ? 0.15 : 0.03
            what = pick("TERM:TERM INT:INT TERM:INT HUP:TERM HUP:HUP USR1:TERM " \
                        "PIPE:TERM PIPE:USR1")
            if (whom == "mpirun") what = "USR1:USR1"
            gap = pick("0 1 1") * 1.7 * rand()
            if (is_kill) what = "KILL:"
            printf "%s:%s:%.3f:%s:%.3f\n", whom, moment, longest * rand(), what, gap
            if (is_kill) kills--; else pairs--
        }
    }')

# send SIGNAL: to whom it is meant for
send() {
    case $whom in
    both) set -- "$1" "$(cat pids/0)" "$(cat pids/1)" ;;
    mpirun) set -- "$1" "$launched" ;;
    *) set -- "$1" "$(cat "pids/$whom")" ;;
    esac
    kill -s "$@" 2>/dev/null
}
tenths() { date +%s%N | sed 's/........$//'; }

# Sets reached: whether the first signal found a living process, and late: whether
# the second one was no longer the same request.
disturb() {
    began=$(tenths)
    reached=
    late=
    send "$first" && reached=yes
    [ "$first" != KILL ] || return
    sleep "$gap"
    send "$second"
    [ $(($(tenths) - began)) -lt 19 ] || late=yes
}

# Whether the log, which is never ahead of a stopped run, is ahead of what is saved.
lost_steps() {
    row=$(tail -n 1 killed/log.csv 2>/dev/null | cut -d, -f1)
    case $row in *[!0-9]* | '') return 1 ;; esac
    test "$(newest)" != "$(printf 'step-%08d.h5' "$row")"
}

# Checkpoints that were not there before.
verify_new() {
    touch .verified
    ls -i killed/checkpoints/*.h5 2>/dev/null >.there
    while read -r number file; do
        ! grep -qx "$number $file" .verified || continue
        "$HARMONIA" info --verify "$file" >.info 2>&1 </dev/null || {
            unreadable=$((unreadable + 1))
            sed 's/^/# /' .info
        }
    done <.there
    sed 's/^ *//' .there >.verified
}

hit=0
in_writing=0
unreadable=0
backwards=0
stayed=0
hung=0
lost=0
excused=0
for item in $plan; do
    IFS=: read -r whom moment pause first second gap <<LINE
$item
LINE
    rm -rf pids
    mkdir pids
    before=$(newest)
    # shellcheck disable=SC2086
    background mpirun -n 2 "$rank_with_pid" "$scratch/pids" "$HARMONIA" train \
        $options --steps 1000000 --out killed --resume
    launched=$!
    background_pids=$launched # the others are gone
    wait_until 20 test -f pids/0 -a -f pids/1
    case $moment in
    new) wait_until 30 moved_on "$before" ;;
    writing)
        wait_until 30 moved_on "$before"
        until is_writing; do sleep 0.002; done
        ;;
    esac
    sleep "$pause"
    disturb
    [ -z "$reached" ] || hit=$((hit + 1))
    patience=60 # a step and a checkpoint, on a busy machine
    [ "$first" != KILL ] || patience=10
    for rank in 0 1; do
        wait_until $patience is_gone "$(cat pids/$rank)" || stayed=$((stayed + 1))
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
    [ $((KILLS + SIGNALS)) -gt 20 ] ||
        note "$first ${second:+and $second }to $whom after $after$left"
    if [ -n "$late" ]; then
        excused=$((excused + 1))
    elif [ "$first" != KILL ] && lost_steps; then
        lost=$((lost + 1))
        note "$item: saved ${after:-nothing}, but the log ends with step $row"
        sed 's/^/#   /' .background.err
    fi
    # names are of one length: their order is that of the steps
    if expr "x$after" '<' "x$before" >/dev/null ||
        grep -q 'passed over' .background.err; then
        backwards=$((backwards + 1))
        note "$item: $before, then $after"
        sed 's/^/#   /' .background.err
    fi
    verify_new
done
note "$KILLS kills and $SIGNALS pairs of signals: $hit hit a living process," \
    "$in_writing left a temporary file; the run had come to $(newest); $hung times" \
    "mpirun had to be killed after its ranks were gone; $excused pairs were too slow"
check "nearly all hit a living process" test $hit -ge $(((KILLS + SIGNALS) * 9 / 10))
aimed=$(echo "$plan" | grep -c ':writing:.*:KILL:')
check "many of the $aimed kills aimed at a write hit it" \
    test $in_writing -ge $((aimed / 3))
check "no rank outlived a kill by 10 s, or a request by 60 s" test $stayed -eq 0
check "no checkpoint was ever unreadable" test $unreadable -eq 0
check "no checkpoint was ever lost or passed over" test $backwards -eq 0
check "no pair of signals lost a step" test $lost -eq 0

steps=$(newest | sed 's/^step-0*//; s/\.h5$//')
steps=$((steps + 12))
# shellcheck disable=SC2086
run_ranks $((600 + 2 * steps)) 2 "$HARMONIA" train $options --steps $steps --out undisturbed
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
