# The network in the box: `apply` without a checkpoint, and how it is made. What
# a network is worth after so many minutes: slurm/quality.sh.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

network=$HARMONIA_SOURCE/checkpoint/network.h5
check "it is there and whole" "$HARMONIA" info --verify "$network"
check "of at most 3 MB" test "$(stat -c %s "$network")" -le 3000000

# ---- a picture -------------------------------------------------------------------

python=/usr/bin/python3
make_picture() {
    "$python" - <<'SCRIPT'
import numpy as np
from PIL import Image
rng = np.random.default_rng(1)
y, x = np.mgrid[0:300, 0:400]
ground = 90 + 60 * np.sin(x / 40) * np.cos(y / 30)
image = np.stack([ground, ground * 0.9, ground * 0.7], 2)
image += rng.normal(0, 6, image.shape)
inside = (x - 200) ** 2 + (y - 160) ** 2 < 70 ** 2
image[inside] = image[inside] * [0.6, 0.8, 1.5]  # a blue light
Image.fromarray(image.clip(0, 255).astype(np.uint8)).save("image.png")
Image.fromarray((255 * inside).astype(np.uint8)).save("mask.png")
SCRIPT
}
# looks_right: the background stays bit for bit, and one map changes the object
looks_right() {
    "$python" - <<'SCRIPT'
import sys
import numpy as np
from PIL import Image
before, after = (np.asarray(Image.open(f), float) for f in ("image.png", "out.png"))
inside = np.asarray(Image.open("mask.png")) > 0
if (before != after)[~inside].any() or np.abs(after - before)[inside].mean() < 1:
    sys.exit("background changed, or the object did not")
# an affine map of colours, but for rounding and what is clipped
x, y = before[inside], after[inside]
kept = ((y > 0) & (y < 255)).all(1)
x, y = np.c_[x, np.ones(len(x))][kept], y[kept]
error = np.abs(x @ np.linalg.lstsq(x, y, rcond=None)[0] - y).max()
print("largest deviation from a map: %.2f levels" % error)
sys.exit(int(error > 0.8))
SCRIPT
}
if "$python" -c 'import numpy, PIL' 2>/dev/null; then
    make_picture
    run 60 "$HARMONIA" apply --image image.png --mask mask.png --output out.png
    exits 0 "apply without a checkpoint"
    says "by the network in the box, .*checkpoint/network.h5" "it says by which network"
    check "the background stays bit for bit, and one map changes the object" looks_right
    cp "$HARMONIA" alone
    run 20 env -i PATH="$PATH" ./alone apply --image image.png --mask mask.png --output o.png
    exits 0 "a copy of the program elsewhere finds it where it was built"
else
    skip "no NumPy and Pillow for $python"
fi

ratio() { # FILE: of the network's error to the composite's
    awk -F, 'NR > 1 { mse[$1 == "composite"] = $2 } END { print mse[0] / mse[1] }' "$1"
}
# ---- how it is made ----------------------------------------------------------------

run 30 "$HARMONIA" synth s.h5 --size 64 --train 8 --test 4 --seed 2 --pictures drawn
mkdir -p photos/train photos/test
printf 'category\tname\tsplit\n' >photos/index.tsv
for real in drawn/*_real.png; do
    name=$(basename "$real" _real.png)
    split=${name%%0*}
    cp "$real" "photos/$split/$name.jpg"
    cp "drawn/${name}_mask.png" "photos/$split/$name.png"
    printf 'shape\t%s\t%s\n' "$name" "$split" >>photos/index.tsv
done
run 120 env PHOTOS=photos WORK=work OUT=network.h5 SIZE=64 DRAWN=4 MINUTES=0.05 RANKS=1 \
    TRAIN="--batch 8 --micro-batch 8" "$HARMONIA_SOURCE/slurm/model.sh"
exits 0 "slurm/model.sh"
check "trains on photographs and drawn scenes" \
    test "$(wc -l <work/composed/HCOCO_train.txt) $(wc -l <work/composed/HCOCO_test.txt)" = "48 16"
check "and leaves a network" "$HARMONIA" info --verify network.h5
check "with its scores on both" test -s work/composed.csv -a -s work/drawn.csv

# ---- quality, and weights alone --------------------------------------------------

run 60 "$HARMONIA" synth --size 64 --train 200 --test 20 --seed 1 small.h5
run 120 env MINUTES=0.2 DATA=small.h5 SEED=3 OUT=quality RANKS=2 \
    "$HARMONIA_SOURCE/slurm/quality.sh"
exits 0 "slurm/quality.sh"
check "its last line is the ratio" sh -c \
    'tail -n 1 "$1" | grep -Eqx "ratio [0-9]+[.][0-9]{3}"' - "$stdout"
check "that of the table" sh -c '
    test "$(tail -n 1 "$1")" = "ratio $(printf %.3f "$2")"' - "$stdout" \
    "$(ratio quality/quality.csv)"
run 20 env MINUTES=1 DATA=small.h5 OUT=quality "$HARMONIA_SOURCE/slurm/quality.sh"
exits 1 "a folder that holds a run"
newest=$("$HARMONIA" info --newest quality)
run 20 "$HARMONIA" import "$newest" --weights-only --out weights.h5
exits 0 "import --weights-only"
check "is less than a third of the size" test \
    "$((3 * $(stat -c %s weights.h5)))" -lt "$(stat -c %s "$newest")"
for c in "$newest" weights.h5; do
    "$HARMONIA" eval --data small.h5 --checkpoint "$c" --csv c.csv >/dev/null &&
        tail -n 1 c.csv | cut -d, -f2- >>evals
done
check "and the same network" test "$(sort -u evals | wc -l)" -eq 1
mkdir -p again/checkpoints
cp weights.h5 again/checkpoints/"$(basename "$newest")"
run 30 "$HARMONIA" train --data small.h5 --out again --resume --max-minutes 1
refused 1 "has no array" "training does not go on from it"
finish
