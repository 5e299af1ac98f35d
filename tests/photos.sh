# train --photos: a folder of photographs with masks, whose composites are made
# anew each time; and what data sets know of categories.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

steps=6
mkdir -p photos/train photos/test
{
    printf 'name\tsplit\tcategory\n'
    for i in 1 2 3 4 5 6 7 8 9 10; do
        split=train
        [ "$i" -gt 7 ] && split=test
        # 8 bits of RGB, which need not be a JPEG in all but its name
        picture "photos/$split/p$i.jpg" 80 60 rgb photo "$i"
        picture "photos/$split/p$i.png" 80 60 grey box0.3
        printf 'p%d\t%s\t%s\n' "$i" "$split" "$([ $((i % 2)) = 0 ] && echo sky || echo tree)"
    done
} >photos/index.tsv

# train RANKS OUT OPTIONS...
train() {
    number=$1
    out=$2
    shift 2
    # shellcheck disable=SC2086
    run_ranks 60 "$number" "$HARMONIA" train --photos photos --size 64 \
        --out "$out" --ngf 4 --batch 4 --micro-batch 1 --threads 1 \
        --report-samples 0 --steps $steps "$@"
}

train 1 one
exits 0 "photographs are trained on"
check "all composites are made anew" sh -c '
    "$HARMONIA" info "$1" | grep -Eq "^option.recompose +1\$"' - \
    "$(checkpoint one $steps)"
check "what composing needed is gone" test ! -e one/photos.compose
for number in 2 3 4; do
    train $number of-$number
    same_bits "$number ranks as 1" "$(checkpoint one $steps)" \
        "$(checkpoint of-$number $steps)"
done
train 3 streamed --shard stream
same_bits "streamed" "$(checkpoint one $steps)" "$(checkpoint streamed $steps)"
train 2 halves --steps 3
run 60 "$HARMONIA" train --photos photos --out halves --resume --threads 1 \
    --steps $steps
exits 0 "resumed on 1 rank"
same_bits "6 steps = 3 + 3" "$(checkpoint one $steps)" "$(checkpoint halves $steps)"
run 60 "$HARMONIA" eval --data one/photos.h5 --method composite \
    --checkpoint "$(checkpoint one $steps)"
exits 0 "its test split is there to be evaluated"
train 1 jittered --recompose 0.5 --recompose-methods jitter
exits 0 "jitter alone"

# ---- categories -------------------------------------------------------------------

"$HARMONIA" compose photos composed --threads 1 2>"$scratch/.compose"
check "compose tells categories" sh -c '
    test "$(head -n 1 composed/categories.tsv)" = "image	category" &&
    grep -qx "c4.jpg	sky" composed/categories.tsv &&
    test "$(wc -l <composed/categories.tsv)" -eq 11'
"$HARMONIA" pack composed with.h5 --size 64 2>"$scratch/.pack"
check "pack stores them" sh -c '
    h5dump -d /index/category with.h5 | tr -d " \n" |
        grep -q "(0):0,1,0,1,0,1,0,1,0,1"'
cp -r composed plain
rm plain/categories.tsv
"$HARMONIA" pack plain without.h5 --size 64 2>"$scratch/.pack"
check "a folder without them has none" sh -c '! h5ls without.h5/index/category'
check "and the same identity" sh -c '
    test "$("$HARMONIA" info with.h5 | grep ^identity)" = \
        "$("$HARMONIA" info without.h5 | grep ^identity)"'
for set in with without; do
    run 60 "$HARMONIA" train --data $set.h5 --out run-$set --ngf 4 --batch 4 \
        --micro-batch 1 --threads 1 --report-samples 0 --steps $steps \
        --recompose 1 --recompose-methods gct
    exits 0 "trained $set categories"
done
if h5diff "$(checkpoint run-with $steps)" "$(checkpoint run-without $steps)" \
    >/dev/null 2>&1; then
    ok 1 "colours are lent within a category"
else
    ok 0 "colours are lent within a category"
fi
printf 'image\tcategory\nc4.jpg\n' >plain/categories.tsv
run 20 "$HARMONIA" pack plain other.h5 --size 64
refused 1 "categories.tsv:2: expected the name" "a line without a category"
printf 'name\n' >plain/categories.tsv
run 20 "$HARMONIA" pack plain other.h5 --size 64
refused 1 "categories.tsv:1: expected the header" "no header"

# ---- bad input ----------------------------------------------------------------------

run 20 "$HARMONIA" train --photos photos --out bad --ngf 4
refused 2 "option --size is missing: --photos" "photographs without a size"
run 20 "$HARMONIA" train --photos photos --data with.h5 --out bad
refused 2 "option --photos: expected it or --data" "photographs and a data set"
run 20 "$HARMONIA" train --photos nowhere --size 64 --out bad
refused 1 "nowhere/index.tsv" "no such folder"
rm photos/train/p3.png
run 20 "$HARMONIA" train --photos photos --size 64 --out bad
refused 1 "photos/train/p3.png" "a photograph without a mask"
finish
