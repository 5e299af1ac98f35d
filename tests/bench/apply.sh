#!/bin/sh
# What `apply` takes on a large photograph, over decoding it and its mask and
# encoding the photograph: CPU seconds and wall seconds, the least of REPEAT runs of
# each. The mask covers a quarter of it.
#
#   apply.sh HARMONIA RECODE [MEGAPIXELS [REPEAT]]      make bench-apply
set -eu
harmonia=$1
recode=$2
megapixels=${3:-24}
repeat=${4:-5}
scratch=$(mktemp -d "${TMPDIR:-/tmp}/harmonia-apply-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
quiet() { "$@" 2>log || { cat log >&2; exit 1; }; }

"$recode" make i.jpg m.png "$megapixels"
# an untrained network for each head does what a trained one does
quiet "$harmonia" synth d.h5 --size 256 --train 2 --test 1
for head in affine affine-image curves; do
    quiet "$harmonia" train --data d.h5 --out "$head" --model idih --ngf 32 \
        --head "$head" --batch 2 --steps 1 --report-samples 0
done

printf '%-34s %8s %8s %10s %10s\n' "$megapixels megapixels" "CPU s" "wall s" \
    "CPU ratio" "wall ratio"
base=$("$recode" time "$repeat" "$recode" copy i.jpg m.png o.jpg)
row() {
    echo "$base $2" | awk -v what="$1" '{
        printf "%-34s %8.2f %8.2f %10.2f %10.2f\n", what, $3, $4, $3 / $1, $4 / $2 }'
}
row "decode both, encode" "$base"
row "the photograph without its mask" \
    "$("$recode" time "$repeat" "$recode" copy i.jpg "" o.jpg)"
# apply WHAT OPTIONS...
apply() {
    what=$1
    shift
    quiet "$recode" time "$repeat" "$harmonia" apply --image i.jpg --mask m.png \
        --output o.jpg "$@" >taken
    row "$what" "$(cat taken)"
}
apply "the network in the box"
for head in affine affine-image curves; do
    apply "idih, --head $head" --checkpoint "$head/checkpoints/step-00000001.h5"
done
