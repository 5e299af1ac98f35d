# --full-res: training at the size of larger images, with the same bits on any
# number of ranks and across a resume; eval at that size, of a set and of a
# folder's files; what is refused.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

"$HARMONIA" synth d.h5 --size 128 --train 12 --test 5 --seed 3 2>.synth || exit 1
steps=4
tiny="--ngf 4 --batch 8 --micro-batch 2 --threads 1 --report-samples 0 --full-res"

. "$HARMONIA_SOURCE/tests/lib/bits.sh"

# ---- training ----------------------------------------------------------------------

check_bits pct --model pct --size 64
for number in 1 3; do
    train $number maskpool-$number --steps $steps --model maskpool \
        --head curves --ema 0.9
done
same_bits "maskpool with curves: 3 ranks as 1" \
    "$(checkpoint maskpool-1 $steps)" "$(checkpoint maskpool-3 $steps)"
pct=$(checkpoint pct-1 $steps)
curves=$(checkpoint maskpool-1 $steps)
for file in "$pct" "$curves"; do
    run 20 "$HARMONIA" info "$file"
    check "the run's options have the network's size, half of the set's" sh -c '
        grep -Eq "^option.full-res +yes$" "$1" &&
        grep -Eq "^option.size +64$" "$1"' - "$stdout"
done
train 2 seen --steps 2 --model pct --report-samples 2 --validate-every 2
exits 0 "with validation and a sheet"
says "64 x 64 pixels, losses at 128 x 128" "the run tells both sizes"
check "there is a sheet" test -s seen/sheet.png
# shellcheck disable=SC2086
run 60 "$HARMONIA" train --show-plan --data d.h5 $tiny --model pct
exits 0 "--show-plan"
check "tells them, too" grep -q '64 x 64 pixels, losses at 128 x 128' "$stdout"

# ---- eval of a set ------------------------------------------------------------------

# evaluate RANKS CSV ARGUMENTS...
evaluate() {
    number=$1
    csv=$2
    shift 2
    set -- "$HARMONIA" eval --csv "$csv" --method composite "$@"
    [ "$number" -eq 1 ] || set -- "$ranks_script" "$number" "$@"
    run 60 "$@"
}
# column FILE NAME ROW
column() {
    awk -F, -v name="$2" -v row="$3" '
        NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) at = i }
        NR == row { print $at }' "$1"
}
protocol="--bg masked --psnr-range 255 --quantise float"
evaluate 1 preset.csv --data d.h5 --full-res --checkpoint "$pct" \
    --checkpoint "$curves" --method lalonde --sheet full.png
exits 0 "eval --full-res of a set"
check "has a sheet" test -s full.png
# shellcheck disable=SC2086
evaluate 2 given.csv --data d.h5 --full-res $protocol --checkpoint "$pct" \
    --checkpoint "$curves" --method lalonde
check "is the protocol that it says, on 2 ranks too" cmp preset.csv given.csv
# shellcheck disable=SC2086
evaluate 1 plain.csv --data d.h5 $protocol
check "composites have the scores of eval without it" sh -c '
    test "$(sed -n 2p preset.csv)" = "$(sed -n 2p plain.csv)"'
evaluate 1 rounded.csv --data d.h5 --full-res --quantise round \
    --checkpoint "$pct"
check "--quantise is heard" awk -v a="$(column preset.csv mse 4)" \
    -v b="$(column rounded.csv mse 3)" 'BEGIN { exit a == b || (a - b) ^ 2 > 1 }'
evaluate 1 validated.csv --data d.h5 --full-res --bg as-is --psnr-range pred \
    --quantise trunc --checkpoint "$(checkpoint seen 2)"
check "validation is the same at eval's defaults" \
    awk -F, -v want="$(column validated.csv mse 3)" '
    NR == 2 { exit !($2 > 0 && ($2 - want) ^ 2 < 1e-6 * want ^ 2) }' \
    seen/validation.csv

# ---- eval of files ------------------------------------------------------------------

mkdir -p photos/train photos/test
printf 'name\tsplit\tcategory\n' >photos/index.tsv
# photo NUMBER SPLIT WIDTH HEIGHT
photo() {
    picture "photos/$2/p$1.jpg" "$3" "$4" rgb photo "$1" &&
        picture "photos/$2/p$1.png" "$3" "$4" grey box0.3 &&
        printf 'p%s\t%s\tcat\n' "$1" "$2" >>photos/index.tsv
}
photo 1 train 90 70
photo 2 train 128 128
photo 3 test 150 101
photo 4 test 66 120
photo 5 test 128 128
run 60 "$HARMONIA" compose photos h --per-image 2 --seed 4
exits 0 "a folder of files"
evaluate 1 files.csv --data h --full-res --checkpoint "$pct" \
    --checkpoint "$curves" --method xue-zero
exits 0 "eval --full-res of a folder's files"
evaluate 3 files-3.csv --data h --full-res --checkpoint "$pct" \
    --checkpoint "$curves" --method xue-zero
check "the same on 3 ranks" cmp files.csv files-3.csv
check "networks change them" awk -v a="$(column files.csv mse 2)" \
    -v b="$(column files.csv mse 4)" 'BEGIN { exit !(a > 0 && b > 0 && a != b) }'
if has_modules numpy,PIL; then
    check "as NumPy computes it" /usr/bin/python3 \
        "$HARMONIA_SOURCE/tests/eval_numpy.py" h test 0 masked 255 files.csv
else
    skip "no numpy and PIL for /usr/bin/python3"
fi
mkdir square
cp -r h/* square
grep '^c5_' h/HCOCO_test.txt >square/HCOCO_test.txt
grep '^c2_' h/HCOCO_train.txt >square/HCOCO_train.txt
run 60 "$HARMONIA" pack square square.h5 --size 128
exits 0 "files of one size, packed at it"
evaluate 1 packed.csv --data square.h5 --full-res --checkpoint "$pct"
evaluate 1 unpacked.csv --data square --full-res --checkpoint "$pct"
check "have the same scores, packed or not" cmp packed.csv unpacked.csv

# ---- use ------------------------------------------------------------------------------

for file in "$pct" "$curves"; do
    run 20 "$HARMONIA" apply --checkpoint "$file" --image photos/test/p3.jpg \
        --mask photos/test/p3.png --output o.png
    exits 0 "apply $file"
done

# ---- photographs ----------------------------------------------------------------------

# shellcheck disable=SC2086
run_ranks 60 2 "$HARMONIA" train --photos photos --out p --model maskpool \
    --size 64 $tiny --recompose-methods jitter --batch 4 --steps 2
exits 0 "photographs"
check "are packed at twice the network's size" sh -c '
    "$HARMONIA" info p/photos.h5 | grep -q "^size *128 x 128"'

# ---- what is refused ------------------------------------------------------------------

# bad CODE TEXT WHAT OPTIONS...
bad() {
    code_wanted=$1
    text=$2
    what=$3
    shift 3
    # shellcheck disable=SC2086
    run 20 "$HARMONIA" train --data d.h5 --out bad $tiny "$@"
    refused "$code_wanted" "$text" "$what"
}
bad 2 "option --full-res: --head rgb draws .*expected --head affine" \
    "a head that draws" --model unet
bad 2 "option --full-res: --head blend draws" "a head that blends" --model idih
bad 2 "option --full-res: the images have 128 pixels a side, no more than the \
network \(--size 128\)" "a set without larger images" --model pct --size 128
run 20 "$HARMONIA" train --data d.h5 --out pct-1 --resume --steps 9 \
    --full-res=no
refused 1 "option --full-res: no, .*has yes" "another one when resuming"
run 20 "$HARMONIA" eval --data h --method composite
refused 2 "option --data: h is a folder: expected --full-res" "files without it"
run 20 "$HARMONIA" eval --data h --full-res --method composite --sheet s.png
refused 2 "option --sheet: expected a packed data set" "a sheet of files"
run 20 "$HARMONIA" eval --data h --full-res --method xue
refused 2 "option --method: xue is fitted on a packed data set" "a model of files"
run 20 "$HARMONIA" eval --data d.h5 --checkpoint "$pct"
refused 1 "network for 64 pixels a side, the data set has 128 \(--full-res" \
    "a set of larger images without it"
rm h/masks/c4_1.png
cp h/masks/c3_1.png h/masks/c4_1.png
run 20 "$HARMONIA" eval --data h --full-res --method composite
refused 1 "masks/c4_1.png: 150 x 101 pixels, but .*c4.jpg has 66 x 120" \
    "a mask of another size"
finish
