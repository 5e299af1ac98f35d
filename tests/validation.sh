# Scenes held out for validation, scores while training, the best checkpoint;
# and training's bits do not depend on any of it, nor on saving.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

# ---- pack and compose hold scenes out ---------------------------------------------

mkdir -p photos/train photos/test
printf 'name\tsplit\tcategory\tscene\n' >photos/index.tsv
for number in 1 2 3 4 5 6 7 8 9; do
    split="train"
    [ $number -lt 8 ] || split="test"
    picture "photos/$split/p$number.jpg" 64 64 rgb noise $number
    picture "photos/$split/p$number.png" 64 64 grey box
    # two photographs a scene
    printf 'p%d\t%s\tdog\ts%d\n' $number $split $((number / 2)) \
        >>photos/index.tsv
done
compose="$HARMONIA compose --per-image 3 --methods gct,hgm photos"
# shellcheck disable=SC2086
run 30 $compose plain
exits 0 "compose"
check "without --validation there is no list for it" \
    test ! -e plain/HCOCO_validation.txt
# shellcheck disable=SC2086
run 30 $compose --validation 2 held
exits 0 "compose --validation 2"
scenes_of() { # of composites' names
    sed 's/^c\([0-9]*\)_.*/\1/' "$@" | sort -un | awk '{ print int($1 / 2) }' |
        sort -un | tr '\n' ' '
}
note "train $(scenes_of held/HCOCO_train.txt), validation" \
    "$(scenes_of held/HCOCO_validation.txt)"
check "two scenes are held out, with all photographs of them" sh -c '
    set -- $1 / $2
    test $# -eq 5 && printf "%s\n" "$@" | sort -u | test "$(wc -l)" -eq 5' - \
    "$(scenes_of held/HCOCO_train.txt)" "$(scenes_of held/HCOCO_validation.txt)"
check "the test list is what it was" \
    cmp plain/HCOCO_test.txt held/HCOCO_test.txt
# shellcheck disable=SC2086
run 30 $compose --validation 9 all
refused 1 "--validation 9: the training split has 4 scenes" \
    "more than there are is refused"

splits() { # of a set: "name split" a line
    h5dump -y -w 0 -d /index/name "$1" | grep -o '"[^"]*jpg"' | tr -d '"' >.names
    h5dump -y -w 1 -d /index/split "$1" | sed -n 's/^ *\([0-2]\),*$/\1/p' |
        paste -d ' ' .names -
}
run 30 "$HARMONIA" pack held listed.h5 --size 64
exits 0 "pack takes the folder's list"
check "as the third split" sh -c '
    "$HARMONIA" info listed.h5 | grep -q "^validation [1-9]"'
run 30 "$HARMONIA" pack held twice.h5 --size 64 --validation 1
refused 1 "--validation 1: .*list of its own" "but not two of them"
run 30 "$HARMONIA" pack plain whole.h5 --size 64
run 30 "$HARMONIA" pack plain cut.h5 --size 64 --validation 0.4
exits 0 "pack --validation 0.4"
splits whole.h5 >whole
splits cut.h5 >cut
check "takes 3 of 7 images from the training split, whole" sh -c '
    test "$(grep -c " 2$" cut)" -eq 9 && test "$(grep -c " 0$" cut)" -eq 12 &&
    grep " 2$" cut | sed "s/_.*//" | sort -u | test "$(wc -l)" -eq 3'
check "nothing else changes" sh -c '
    grep " 1$" whole >a; grep " 1$" cut | cmp a - &&
    cut -d" " -f1 whole | sort >a; cut -d" " -f1 cut | sort | cmp a -'
check "a set without validation says nothing of it" sh -c '
    ! h5dump -A whole.h5 | grep -q validation'

# ---- while training ------------------------------------------------------------------

"$HARMONIA" synth d.h5 --size 64 --train 24 --test 4 --validation 5 --seed 3 \
    2>/dev/null
# train RANKS OUT OPTIONS...
train() {
    number=$1
    out=$2
    shift 2
    # shellcheck disable=SC2086
    run_ranks 60 "$number" "$HARMONIA" train --data d.h5 --out "$out" $small \
        --crop-min 0.5 --norm batch "$@"
}
validated="--validate-every 4 --save-every 6 --report-samples 2"
train 1 bare --steps 22 --save-every 1000
exits 0 "a run that neither validates nor saves on its way"
train 2 pair --steps 22 $validated
exits 0 "one that does, on 2 ranks"
says "validation every 4 steps on 5 validation samples" "auto: the split for it"
for group in /G /optimizer; do
    check "ends in the same bits ($group)" h5diff "$(checkpoint bare 22)" \
        "$(checkpoint pair 22)" $group
done
check "a row a validation" sh -c '
    cut -d, -f1 pair/validation.csv | tr "\n" " " |
        grep -qx "step 4 8 12 16 20 "'
says "saved pair/.*/step-00000012.h5 \([0-9.]+ s, training paused [0-9]+ ms\)" \
    "the log tells how long training paused"
best() {
    "$HARMONIA" info "$1" | sed -n "s/^$2  *//p"
}
check "best.h5 is that of the least MSE" sh -c '
    tail -n +2 pair/validation.csv | sort -t, -g -k2 | head -n 1 |
        cut -d, -f1 >least; cat least; test "$(cat least)" = "$1"' - \
    "$(best pair/checkpoints/best.h5 step)"
check "and is not one of --keep" test "$(ls pair/checkpoints | wc -l)" -eq 4
run 30 "$HARMONIA" eval --data d.h5 --split validation --csv table.csv \
    --checkpoint pair/checkpoints/best.h5
exits 0 "eval --split validation"
check "gives the score that training found" sh -c '
    want=$(grep "^$(cat least)," pair/validation.csv | cut -d, -f2)
    tail -n 1 table.csv | cut -d, -f2 | grep -qx "$want"'

train 1 halves --steps 10 $validated
run_ranks 60 3 "$HARMONIA" train --data d.h5 --out halves --threads 1 --resume \
    --steps 22
exits 0 "stopped on 1 rank and resumed on 3"
check "has the same validations" cmp pair/validation.csv halves/validation.csv
same_bits "the same end, the best score included" "$(checkpoint pair 22)" \
    "$(checkpoint halves 22)"
run_ranks 60 1 "$HARMONIA" train --data d.h5 --out halves --threads 1 --resume \
    --steps 24 --validate-samples 2
check "other samples: the best score begins anew" \
    test "$(best "$(checkpoint halves 24)" validation.best_step)" = 24

small_set old.h5
run 60 "$HARMONIA" train --data old.h5 --out test $small --steps 2 \
    --validate-every 2
exits 0 "a set without validation"
says "on 8 test samples: .* chosen by the test split" "test, and it says so"
run 60 "$HARMONIA" train --data old.h5 --out none $small --steps 2 \
    --validate-every 2 --validate-split validation
refused 1 "old.h5: the validation split is empty" \
    "a split that is asked for must be there"
finish
