# A fault on all ranks or on one of them: every rank is gone within 10 s, the
# exit status is not 0, and the message is printed once.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

small_set d.h5 || exit 1
mkdir here elsewhere other
cp d.h5 here/
"$HARMONIA" synth other/d.h5 --size 64 --train 24 --test 8 --seed 5 2>/dev/null
# a data set with one damaged sample: found while a run is under way
mkdir damaged
cp d.h5 damaged/
head -c 2000 /dev/zero | tr '\0' 'U' | dd of=damaged/d.h5 bs=1 seek=100000 \
    conv=notrunc 2>/dev/null
# shellcheck disable=SC2086
run 60 "$HARMONIA" train --data d.h5 --out run $small --steps 4 --norm batch
cp "$(checkpoint run 4)" here/good.h5
head -c 30000 here/good.h5 >elsewhere/good.h5
cp here/good.h5 here/extra.h5
cp d.h5 elsewhere/extra.h5
cp d.h5 elsewhere/set.h5
cp d.h5 here/set.h5

# Rank 1 works in another folder, the others in here/; or has other arguments.
cat >on-rank-1 <<'SCRIPT'
#!/bin/sh
folder=$1
argument=$2
shift 2
echo $$ >>"$PIDS"
if [ "${OMPI_COMM_WORLD_RANK:-${PMI_RANK:-0}}" = 1 ]; then
    cd "$folder" || exit 99
    [ -z "$argument" ] || exec "$@" "$argument"
else
    cd "$FOLDER_OF_OTHERS" || exit 99
fi
exec "$@"
SCRIPT
chmod +x on-rank-1
export PIDS="$scratch/pids" FOLDER_OF_OTHERS="$scratch/here"

# fault CODE TEXT WHAT FOLDER ARGUMENT COMMAND...
fault() {
    want=$1
    text=$2
    what=$3
    shift 3
    : >"$PIDS"
    run_ranks 30 2 "$scratch/on-rank-1" "$@"
    refused "$want" "$text" "$what"
    check "$what: both ranks were there" test "$(grep -c . "$PIDS")" -eq 2
    check "$what: gone within 10 s ($seconds)" in_time "$seconds" 10
    check "$what: no process is left" wait_until 2 all_gone
}

# shellcheck disable=SC2086
{
    train="$HARMONIA train --data d.h5 --out $scratch/new $small --steps 400"
    fault 1 "^harmonia: rank 1 .*d.h5: " "train: rank 1 has no data set" \
        "$scratch/elsewhere" "" $train --shard index
    fault 1 "d.h5: is not the data set of rank 0" \
        "train: rank 1 has another data set" "$scratch/other" "" $train \
        --shard index
    fault 1 "step [0-9]+: d.h5: sample .*damaged" \
        "train: rank 1 meets a damaged sample" "$scratch/damaged" "" $train
    FOLDER_OF_OTHERS=$scratch/damaged
    fault 1 "step [0-9]+: d.h5: sample .*damaged" \
        "train: rank 0 meets a damaged sample" "$scratch/here" "" $train
    fault 1 "step [0-9]+: d.h5: sample .*damaged" \
        "train: both meet damaged samples" "$scratch/damaged" "" $train
    FOLDER_OF_OTHERS=$scratch/elsewhere
    fault 1 "^harmonia: d.h5: " "train: no rank has the data set" \
        "$scratch/elsewhere" "" $train
    FOLDER_OF_OTHERS=$scratch/here
    fault 2 "no option --bogus" "train: rank 1 has an unknown option" \
        "$scratch/here" --bogus $train
    fault 2 "option --lr: '11'" "train: all have an option out of range" \
        "$scratch/here" "" $train --lr 11

    evaluate="$HARMONIA eval --method composite --split train --data"
    fault 1 "^harmonia: d.h5: " "eval: rank 1 has no data set" \
        "$scratch/elsewhere" "" $evaluate d.h5
    fault 1 "d.h5: sample .*damaged" "eval: rank 1 meets a damaged sample" \
        "$scratch/damaged" "" $evaluate d.h5
    fault 1 "^harmonia: good.h5: " "eval: rank 1 has a truncated checkpoint" \
        "$scratch/elsewhere" "" $evaluate set.h5 --checkpoint good.h5
    fault 1 "^harmonia: extra.h5: " "eval: rank 1 has a data set for it" \
        "$scratch/elsewhere" "" $evaluate set.h5 --checkpoint extra.h5
    fault 2 "nothing to evaluate" "eval: no rank has anything to evaluate" \
        "$scratch/here" "" "$HARMONIA" eval --data d.h5
}

# ---- too few samples --------------------------------------------------------------

"$HARMONIA" synth two.h5 --train 2 --test 2 2>/dev/null
# shellcheck disable=SC2086
run_ranks 30 3 "$HARMONIA" train --data two.h5 --out few $small --steps 2
refused 1 "two.h5: 2 training samples are fewer than the 3 ranks" \
    "fewer samples than ranks"
# shellcheck disable=SC2086
run_ranks 30 3 "$HARMONIA" train --data d.h5 --out few $small --batch 2 --steps 2
refused 2 "option --batch: 2 in micro-batches of 1 is less than one for each" \
    "fewer micro-batches than ranks"
# shellcheck disable=SC2086
run_ranks 60 2 "$HARMONIA" train --data two.h5 --out few $small --steps 2
exits 0 "as many samples as ranks, fewer than the batch"
run_ranks 30 3 "$HARMONIA" eval --data two.h5 --method composite
exits 0 "eval with fewer samples than ranks"
finish
