#!/bin/sh
# What each part is worth: slurm/table.sh over the rows of ablation.sweep, with the
# same number of images each, or with MINUTES the same time.
set -eu
: "${OUT:=out/ablation}" "${SWEEP:=$(dirname "$0")/ablation.sweep}" "${METHODS:=composite}"
: "${EXTRA=--dropout 0 --lr 0.001 --lr-policy cosine --warmup-steps 100}"
: "${EXTRA_MASKPOOL=}"
export OUT SWEEP METHODS EXTRA EXTRA_MASKPOOL
exec "$(dirname "$0")/table.sh"
