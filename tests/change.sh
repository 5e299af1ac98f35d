# apply: the change as data, for compositors: --object, --difference, --lut, --maps.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

picture image.png 75 50 rgb photo 7
picture deep-image.png 75 50 rgb16 photo 7
picture mask.png 75 50 grey soft
small_set d.h5 || exit 1
# network HEAD OPTIONS...: NAME.h5, trained for a moment
network() {
    name=$1
    shift
    run 60 "$HARMONIA" train --data d.h5 --out "$name" --ngf 4 --batch 2 --threads 1 \
        --report-samples 0 --steps 4 --lr 0.02 --head "$name" "$@"
    [ "$code" -eq 0 ] || exits 0 "train --head $name"
    ln -s "$(checkpoint "$name" 4)" "$name.h5"
}
network curves --model maskpool --lr 0.001
network affine-image --model maskpool
network affine --model idih
network rgb --model unet

# all NAME OPTIONS...: NAME.png and what there is beside it
all() {
    name=$1
    shift
    run 30 "$HARMONIA" apply --mask mask.png --output "$name.png" --object "$name-object.png" \
        --difference "$name-difference.png" --maps "$name-maps.h5" "$@"
    exits 0 "apply $*"
}
all box --image image.png --lut box.cube
all deep --image deep-image.png --lut deep.cube
all half --image image.png --strength 0.5 --feather 6 --mask-grow 2 --lut half.cube
all small-lut --image image.png --lut small.cube --lut-size 17 --threads 1
all curves --checkpoint curves.h5 --image image.png --lut curves.cube
all affine-image --checkpoint affine-image.h5 --image image.png --lut affine-image.cube
all affine --checkpoint affine.h5 --image image.png
all rgb --checkpoint rgb.h5 --image image.png
run 30 "$HARMONIA" apply --image image.png --mask mask.png --output plain.png
check "the output is the same without them" cmp plain.png box.png
run 30 "$HARMONIA" apply --image image.png --mask mask.png --object alone.png
exits 0 "an object without an output"
check "is the same" cmp alone.png box-object.png
run 30 "$HARMONIA" apply --method lalonde --image image.png --mask mask.png \
    --output lalonde.png --difference lalonde-difference.png
exits 0 "the difference of a classical method"
if grep -q HAVE_LCMS2 "$HARMONIA_BUILD/config.mk"; then
    perl "$HARMONIA_SOURCE/tests/lib/picture_says.pl" image.png p3.png profile=p3
    all p3 --image p3.png --lut p3.cube
    check "the object keeps the profile" grep -aq iCCP p3-object.png
    check "the difference has none" sh -c '! grep -aq iCCP p3-difference.png'
fi
# clipped before it is halved: that bends between the entries
run 30 "$HARMONIA" apply --image image.png --mask mask.png --strength 0.6 --lut coarse.cube \
    --lut-size 2 --object coarse-object.png
says "coarse.cube: up to [0-9.]+ levels of 255 from the output.* a larger --lut-size is nearer" \
    "a table that is not near is warned of"
sed -n 's/.*up to \([0-9.]*\) levels.*/\1/p' "$stderr" >coarse-distance

cat >compare.py <<'SCRIPT'
import os, re, sys
sys.path.insert(0, sys.argv[1])
import numpy as np
import png
from png import ok, unit

image, deep, mask = unit("image.png"), unit("deep-image.png"), unit("mask.png")
LEVEL = 1 / 255

def table(name):
    """[blue, green, red, 3], and its size."""
    lines = open(name).read().splitlines()
    size = int(re.search(r"^LUT_3D_SIZE (\d+)$", "\n".join(lines), re.M).group(1))
    rows = [line.split() for line in lines if re.match(r"[-+.\d]", line)]
    return np.array(rows, float).reshape(size, size, size, 3), size

def look_up(lut, size, colours):
    at = colours * (size - 1)
    low = np.minimum(at.astype(int), size - 2)
    part, out = at - low, 0
    for corner in np.ndindex(2, 2, 2):
        weight = np.prod(np.where(corner, part, 1 - part), -1)
        r, g, b = np.moveaxis(low + corner, -1, 0)
        out = out + weight[..., None] * lut[b, g, r]
    return np.clip(out, 0, 1)

# what an output is made of: the input, the mask as it counts, the strength
cases = {"box": (image, 1), "deep": (deep, 1), "curves": (image, 1), "affine-image": (image, 1),
         "affine": (image, 1), "rgb": (image, 1), "small-lut": (image, 1), "half": (image, 128 / 255)}
if os.path.exists("p3.png"):
    cases["p3"] = image, 1
for name, (before, strength) in cases.items():
    after, object_ = unit(name + ".png"), unit(name + "-object.png")
    step = 1 / 65535 if name == "deep" else LEVEL
    colours, alpha = object_[..., :3], object_[..., 3:]
    if name != "half":
        ok((alpha == np.round(mask, 9)).all() or abs(alpha - mask).max() < 1e-9,
           name + ": the object's alpha is the mask")
    ok(len(np.unique(colours)) > 50, name + ": it has colours")
    ok(object_.shape == before.shape[:2] + (4,) and not colours[alpha[..., 0] == 0].any(),
       name + ": nothing else is in it")
    over = before + alpha * (colours - before)
    # of what would be beyond white or black a layer cannot tell
    over = np.where((colours == 0) | (colours == 1), after, over)
    ok(abs(over - after).max() <= 1.01 * step, name + ": laid over the input it is the output (%.2f)"
       % (abs(over - after).max() / step))
    words = png.read(name + "-difference.png").astype(int)
    scale = 1 if name == "deep" else 257
    found = np.round(2 * (words - 32768) / scale).astype(int)
    want = png.read(name + ".png").astype(int) - png.read(
        "deep-image.png" if name == "deep" else "image.png").astype(int)
    ok(words.shape == before.shape and abs(found - want).max() <= (1 if name == "deep" else 0)
       and want.any(), name + ": the difference")
    lut = {"small-lut": "small"}.get(name, name) + ".cube"
    if os.path.exists(lut):
        entries, size = table(lut)
        out = before + alpha * (look_up(entries, size, before) - before)
        where = abs(out - after).max() / LEVEL
        ok(where <= 1 and size == (17 if name == "small-lut" else 33), name + ": by its table (%.2f levels)" % where)
entries, size = table("coarse.cube")
after = unit("coarse-object.png")
far = abs(look_up(entries, size, image) - after[..., :3])[after[..., 3] > 0].max() / LEVEL
said = float(open("coarse-distance").read())
ok(abs(far - said) < 0.6, "what is said of its distance: %.1f, and it is %.1f" % (said, far))
words = png.read("lalonde-difference.png").astype(int)
ok((np.round((words - 32768) / 128.5) == png.read("lalonde.png").astype(int)
    - png.read("image.png")).all(), "lalonde: the difference")
SCRIPT
cat >by_maps.py <<'SCRIPT'
"""by_maps.py: outputs from input, mask and numbers, as data/README.md has it."""
import os
import sys
sys.path.insert(0, sys.argv[1])
import h5py
import numpy as np
import png

# begin of the script in data/README.md
def spread(size, count, cubic):
    """Weights [count, size] of small pixels for a longer row."""
    at = (np.arange(count) + 0.5) * size / count - 0.5
    low, out = np.floor(at).astype(int), np.zeros((count, size))
    for k in range(-1, 3):
        d = abs(at - low - k)
        w = np.where(d <= 1, (1.25 * d - 2.25) * d * d + 1, ((-0.75 * d + 3.75) * d - 6) * d + 3)
        w = w if cubic else np.maximum(1 - d, 0)
        np.add.at(out, (np.arange(count), np.clip(low + k, 0, size - 1)), w)
    return out

def apply(file, x, mask):
    """x [H,W,3] and mask [H,W,1], 0 to 1."""
    def large(name):
        small = file[name][()]
        down, across = (spread(len(small), n, name != "change") for n in x.shape[:2])
        return np.einsum("ya,xb,ab...->yx...", down, across, small, optimize=True)
    if "change" in file:
        return np.clip(x + file.attrs["strength"] * mask * large("change") / 255, 0, 1)
    c, maps, blend = x, file["maps"][()], 1
    if "slopes" in file:
        steps = np.clip(x[..., None] - np.arange(8) / 8, 0, 1 / 8)
        c = (file["slopes"][()] * steps).sum(-1)
    if "blend" in file:
        maps, blend = large("maps"), large("blend")[..., None]
    matrix = maps[..., :9].reshape(maps.shape[:-1] + (3, 3))
    y = np.clip((matrix @ c[..., None])[..., 0] + maps[..., 9:], 0, 1)
    return x + file.attrs["strength"] * mask * blend * (y - x)
# end

heads = {"box": b"affine-object", "curves": b"curves", "affine-image": b"affine-image",
         "affine": b"affine", "rgb": b"rgb", "deep": b"affine-object", "half": b"affine-object"}
for name, head in heads.items():
    image = png.read("deep-image.png" if name == "deep" else "image.png")
    top = 65535 if name == "deep" else 255
    mask = png.read("mask.png") / 255
    if name == "half": # as it has grown and was feathered
        mask = png.read("half-object.png")[..., 3:] / 255
    with h5py.File(name + "-maps.h5") as file:
        out = apply(file, image / top, mask)
        texts = [file.attrs[key] for key in ("format", "head", "space", "order", "formula")]
    far = 255 * abs(out - png.read(name + ".png") / top).max()
    good = far <= 1 and texts[:2] == [b"harmonia change", head]
    print(("" if good else "not ") + "ok - %s: %s by its numbers (%.2f levels)" % (name, head, far))
    if not os.path.exists(name + ".cube"):
        continue
    steps = np.arange(33) / 32
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")
    grid = np.stack([red, green, blue], -1).reshape(33 * 33, 33, 3)
    with h5py.File(name + "-maps.h5") as file:
        want = apply(file, grid, 1)
    rows = [line.split() for line in open(name + ".cube") if line[0] in "-0123456789"]
    far = abs(np.clip(np.array(rows, float), 0, 1) - want.reshape(-1, 3)).max()
    print(("" if far < 1e-5 else "not ") + "ok - %s: its table at every lattice point (%.1e)" % (name, far))
SCRIPT
# of SCRIPT COUNT: all its checks pass, which are that many at least
of() {
    PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 "$1" "$HARMONIA_SOURCE/tests/lib" >said 2>&1
    check "$1" sh -c 'cat said; ! grep -v "^ok" said && test "$(grep -c "^ok" said)" -ge '"$2"
}
if has_modules numpy; then
    of compare.py 48
else
    skip "no NumPy for /usr/bin/python3"
fi
if has_modules numpy,h5py; then
    of by_maps.py 12
    sed -n '/begin of the script/,/^# end/p' by_maps.py | sed '1d;$d' >script
    sed -n '/^    def spread/,/^    *return x + file/p' "$HARMONIA_SOURCE/data/README.md" |
        sed 's/^    //' >documented
    check "it is the one of data/README.md" diff -B documented script
else
    skip "no NumPy and h5py for /usr/bin/python3"
fi

# ---- many, and --json --------------------------------------------------------------

mkdir photos
for name in a b; do
    cp image.png photos/$name.png
    cp mask.png photos/${name}_mask.png
done
run 30 "$HARMONIA" apply --image photos --output out --object objects --difference differences \
    --lut luts --maps maps --json
exits 0 "of many"
check "each in its folder" sh -c '
    cmp objects/a.png box-object.png && cmp differences/b.png box-difference.png &&
    cmp luts/b.cube box.cube && cmp maps/a.h5 box-maps.h5'
check "--json has the files" grep -q '"output": "out/a.png", "object": "objects/a.png", "difference": "differences/a.png", "lut": "luts/a.cube", "maps": "maps/a.h5"' "$stdout"
rm luts/a.cube out/b.png
run 30 "$HARMONIA" apply --image photos --output out --object objects --lut luts
says "2 pictures written, 0 were there" "a picture without its table is made again"
run 30 "$HARMONIA" apply --image photos --output out --object objects --lut luts
says "0 pictures written, 2 were there" "one that has all is not"
run 30 "$HARMONIA" apply --image image.png --mask mask.png --lut one.cube --json
check "--json of one; what there is not is null" grep -q \
    '"output": null, "object": null, "difference": null, "lut": "one.cube", "maps": null' "$stdout"
run 30 "$HARMONIA" apply --image photos --output out2 --object photos
refused 2 "option --object: photos/a.png is read or made already" "objects in the place of pictures"
run 30 "$HARMONIA" apply --image photos --output out2 --object same --difference same
refused 2 "option --difference: same/a.png is read or made already" "two of one name"

# ---- what is refused ----------------------------------------------------------------

# bad CODE TEXT WHAT OPTIONS...
bad() {
    wanted=$1 text=$2 what=$3
    shift 3
    run 30 "$HARMONIA" apply --image image.png --mask mask.png "$@"
    refused "$wanted" "$text" "$what"
}
for head in affine rgb; do
    bad 2 "option --lut: by its head, $head, $head.h5 changes" "--lut of $head" \
        --checkpoint $head.h5 --output o.png --lut o.cube
done
for product in object lut maps; do
    bad 2 "option --$product is for networks, not for --method" "--$product without a network" \
        --method lalonde --output o.png --$product o
done
bad 2 "option --object: 'o.jpg'; expected a file that ends in .png" "an object as JPEG" --object o.jpg
bad 2 "option --lut: '-'; expected a file" "a table to standard output" --lut -
bad 2 "options --output and --difference are the same file" "one file for two" \
    --output o.png --difference o.png
bad 2 "options --object and --difference are the same file" "and without an output" \
    --object o.png --difference o.png
bad 2 "option --lut-size: '1'" "a table of one colour" --lut o.cube --lut-size 1
bad 2 "option --lut-size: '257'" "a table that is too large" --lut o.cube --lut-size 257
bad 2 "option --lut-size is for --lut" "a size and no table" --output o.png --lut-size 17
bad 1 "option --maps: nowhere/m.h5: " "a folder that is not there" --output o.png --maps nowhere/m.h5
bad 2 "option --output is missing" "nothing to be made" --strength 1
check "nothing was begun" test ! -e o.png -a ! -e o.cube
if [ -e /dev/full ]; then
    ln -s /dev/full full.cube
    bad 1 "full.cube: " "a full disk" --lut full.cube
fi
finish
