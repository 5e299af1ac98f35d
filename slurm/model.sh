#!/bin/sh
# Makes the network that comes with the program, checkpoint/network.h5: composes
# PHOTOS (index.tsv, {train,test}/NAME.jpg and .png) and DRAWN scenes of synth,
# trains for MINUTES at SIZE, keeps the weights, and evaluates them on the test
# photographs and on other drawn scenes, at the pictures' own sizes.
#
# PHOTOS, DRAWN, MINUTES, SEED, WORK (a folder for what is made on the way), OUT;
# TRAIN: more options.
set -eu

: "${MINUTES:=60}" "${SEED:=1}" "${RANKS:=2}" "${WORK:=out/model}" "${DRAWN:=250}"
: "${OUT:=checkpoint/network.h5}" "${SIZE:=256}" "${LAUNCH:=mpirun -n $RANKS}"
program=${HARMONIA:-build/harmonia}
[ -f "${PHOTOS:-}/index.tsv" ] || {
    echo "model: PHOTOS: expected a folder as harmonia compose takes it" >&2
    exit 1
}
PHOTOS=$(cd "$PHOTOS" && pwd)
data=$WORK/data-$SIZE.h5 drawn=$WORK/drawn.h5

# gather FOLDER: the photographs, and the drawn scenes among those to train on.
gather() {
    rm -rf "$1"
    mkdir -p "$1/train" "$1/test"
    for split in train test; do
        find "$PHOTOS/$split" -type f -exec ln -s {} "$1/$split" \;
    done
    awk -F'\t' -v OFS='\t' '
        NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i }
        { print $column["name"], $column["split"], $column["category"],
                "scene" in column ? $column["scene"] : NR == 1 ? "scene" : $1 }
    ' "$PHOTOS/index.tsv" >"$1/index.tsv"
    for real in "$WORK"/drawn/train*_real.png; do
        name=$(basename "$real" _real.png)
        ln -s "../../drawn/${name}_real.png" "$1/train/drawn_$name.jpg"
        ln -s "../../drawn/${name}_mask.png" "$1/train/drawn_$name.png"
        printf 'drawn_%s\ttrain\tdrawn\tdrawn_%s\n' "$name" "$name" >>"$1/index.tsv"
    done
}

mkdir -p "$WORK"
if [ ! -s "$data" ]; then
    "$program" synth "$drawn" --size "$SIZE" --train "$DRAWN" --test 200 --seed 5 \
        --pictures "$WORK/drawn"
    gather "$WORK/photos"
    "$program" compose --per-image 4 --seed 1 "$WORK/photos" "$WORK/composed"
    "$program" pack --size "$SIZE" "$WORK/composed" "$data"
fi
# shellcheck disable=SC2086
$LAUNCH "$program" train --data "$data" --out "$WORK/run" --resume \
    --model maskpool --loss relative --ngf 16 --threads 1 --batch 16 --micro-batch 8 \
    --recompose 0.5 --mask-jitter 0.3 --ema 0.999 --warmup-steps 100 \
    --lr-policy cosine --lr-horizon time --max-minutes "$MINUTES" \
    --seed "$SEED" --save-every 500 --report-samples 4 ${TRAIN:-}
"$program" import "$("$program" info --newest "$WORK/run")" --weights-only \
    --out "$OUT"
for set in "$WORK/composed" "$drawn"; do
    "$program" eval --full-res --data "$set" --checkpoint "$OUT" --method composite \
        --csv "$WORK/$(basename "$set" .h5).csv"
done
