#!/bin/sh
# Trains the network that is best for a number of minutes, RANKS ranks with a
# thread each, evaluates the test split, and prints as its last line
#
#   ratio 0.xxx      mean squared error over that of the composites, the
#                    background pasted
#
# MINUTES, DATA (a packed set), SEED, OUT (a new folder); TRAIN: more options.
set -eu

: "${MINUTES:=10}" "${SEED:=1}" "${RANKS:=2}" "${OUT:=out/quality}"
: "${LAUNCH:=mpirun -n $RANKS}"
program=${HARMONIA:-build/harmonia}

die() {
    printf 'quality: %s\n' "$*" >&2
    exit 1
}
[ -x "$program" ] || die "$program is not there: run make first"
[ -n "${DATA:-}" ] || die "DATA: expected a packed data set (harmonia pack)"
[ ! -e "$OUT/checkpoints" ] || die "OUT: $OUT holds a run: expected a new folder"

# The relative error learns more in the end, and more slowly.
loss=$(awk -v minutes="$MINUTES" 'BEGIN { print minutes < 30 ? "fnmse" : "relative" }')

# shellcheck disable=SC2086
$LAUNCH "$program" train --data "$DATA" --out "$OUT" --model maskpool \
    --threads 1 --batch 16 --micro-batch $((16 / RANKS > 8 ? 8 : 16 / RANKS)) \
    --loss "$loss" --recompose 0.5 --ema 0.999 --warmup-steps 100 \
    --lr-policy cosine --lr-horizon time --max-minutes "$MINUTES" \
    --seed "$SEED" --save-every 1000 --report-samples 4 ${TRAIN:-}
"$program" eval --data "$DATA" --checkpoint "$("$program" info --newest "$OUT")" \
    --method composite --bg gt --csv "$OUT/quality.csv"
awk -F, '
    NR == 1 { for (i = 1; i <= NF; i++) if ($i == "mse") column = i }
    NR > 1 { mse[$1 == "composite"] = $column }
    END { printf "ratio %.3f\n", mse[0] / mse[1] }' "$OUT/quality.csv"
