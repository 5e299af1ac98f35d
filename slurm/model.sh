#!/bin/sh
# Makes the network that comes with the program, checkpoint/network.h5: composes
# PHOTOS (index.tsv, {train,test}/NAME.jpg and .png), trains for MINUTES, keeps
# the weights, and evaluates them on the test photographs.
#
# PHOTOS, MINUTES, SEED, WORK (a folder for what is made on the way), OUT.
set -eu

: "${MINUTES:=60}" "${SEED:=1}" "${RANKS:=2}" "${WORK:=out/model}"
: "${OUT:=checkpoint/network.h5}" "${SIZE:=256}" "${LAUNCH:=mpirun -n $RANKS}"
program=${HARMONIA:-build/harmonia}
[ -n "${PHOTOS:-}" ] || {
    echo "model: PHOTOS: expected a folder as harmonia compose takes it" >&2
    exit 1
}
mkdir -p "$WORK"
data=$WORK/data-$SIZE.h5
if [ ! -s "$data" ]; then
    "$program" compose --per-image 4 --seed 1 "$PHOTOS" "$WORK/composed"
    "$program" pack --size "$SIZE" "$WORK/composed" "$data"
fi
# shellcheck disable=SC2086
$LAUNCH "$program" train --data "$data" --out "$WORK/run" --resume \
    --model maskpool --ngf 16 --threads 1 --batch 16 --micro-batch 8 \
    --recompose 0.5 --mask-jitter 0.3 --ema 0.999 --warmup-steps 100 \
    --lr-policy cosine --lr-horizon time --max-minutes "$MINUTES" \
    --seed "$SEED" --save-every 500 --report-samples 4 ${TRAIN:-}
"$program" import "$("$program" info --newest "$WORK/run")" --weights-only \
    --out "$OUT"
"$program" eval --data "$data" --checkpoint "$OUT" --method composite \
    --bg masked --psnr-range 255 --quantise float --csv "$WORK/scores.csv"
