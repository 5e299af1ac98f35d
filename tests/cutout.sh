# apply --cutout: an object laid over a background, then harmonized.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

picture back.png 90 60 rgb photo 3
picture deep-back.png 90 60 rgb16 photo 3
picture glass-back.png 90 60 rgba photo 3
picture cut.png 40 30 rgba 'rect:8,6,24,18:90,120,60,0:200,60,60,255'
picture whole.png 40 30 rgb photo 5
picture whole-mask.png 40 30 grey soft
picture empty.png 40 30 rgba 'rect:8,6,24,18:9,9,9,0:9,9,9,100'

# lay OUTPUT OPTIONS...
lay() {
    output=$1
    shift
    run 30 "$HARMONIA" apply --output "$output" "$@"
    [ "$code" -eq 0 ] || exits 0 "apply $*"
}
# both NAME OPTIONS...: NAME-laid.png, not harmonized; NAME.png and NAME-object.png
both() {
    name=$1
    shift
    lay "$name-laid.png" "$@" --strength 0
    lay "$name.png" "$@" --object "$name-object.png"
}
both plain --cutout cut.png --background back.png --at 30,20
if has_modules numpy; then
    cat >make.py <<'SCRIPT'
import sys
sys.path.insert(0, sys.argv[1])
import struct, zlib
import numpy as np

def write(name, values):
    height, width, channels = values.shape
    kind = {1: 0, 3: 2, 4: 6}[channels]
    bits = 8 * values.itemsize
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    rows = b"".join(b"\0" + row.astype(">u%d" % values.itemsize).tobytes() for row in values)
    open(name, "wb").write(b"\x89PNG\r\n\x1a\n" + chunk(
        b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
random = np.random.default_rng(2)
y, x = np.mgrid[0:40, 0:50]
alpha = np.clip((17 - np.hypot(x - 25, y - 20)) / 6, 0, 1)
cut = np.empty((40, 50, 4))
for c in range(3):
    cut[..., c] = 0.5 + 0.4 * np.sin(x / (5 + c) + y / 7) + random.uniform(-0.1, 0.1, x.shape)
cut[..., 3] = alpha
write("soft.png", np.round(cut * 255).astype(np.uint8))
write("soft16.png", np.round(cut * 65535).astype(np.uint16))
SCRIPT
    PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 make.py "$HARMONIA_SOURCE/tests/lib"
    both one --cutout soft.png --background back.png --at 20,10
    lay one-lut.png --cutout soft.png --background back.png --at 20,10 --lut one.cube
    both out --cutout soft.png --background back.png --at -21,33
    both less --cutout soft.png --background back.png --at 9,4 --scale 0.61
    both more --cutout soft.png --background back.png --at=-30,-25 --scale 2.3 --threads 1
    both deep --cutout soft16.png --background deep-back.png --at 12,8 --scale 0.9
    both glass --cutout soft.png --background glass-back.png --at 20,10
    both masked --cutout whole.png --mask whole-mask.png --background back.png --at 3,5
    both hard --cutout soft.png --mask-threshold 200 --background back.png --at 20,10
    lay two.png --cutout soft.png --background back.png --at=-30,-25 --scale 2.3 --threads 2
    check "on one thread or two" cmp more.png two.png
    cat >compare.py <<'SCRIPT'
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from png import ok, unit


def weights(length, scale):
    """Pillow's bicubic: [new, length]."""
    new = int(np.floor(length * scale + 0.5))
    step = length / new
    wide = max(step, 1)
    centre = (np.arange(new)[:, None] + 0.5) * step
    d = abs((np.arange(length) + 0.5 - centre) / wide)
    w = np.where(d < 1, (1.5 * d - 2.5) * d * d + 1, ((-0.5 * d + 2.5) * d - 4) * d + 2)
    w[d >= 2] = 0
    return w / w.sum(1, keepdims=True)

def laid(cut, back, at, scale):
    """The picture, the cut-out's colours and alpha, in the picture's place."""
    weighted = np.concatenate([cut[..., :3] * cut[..., 3:], cut[..., 3:]], 2)
    big = np.einsum("ya,xb,abc->yxc", weights(cut.shape[0], scale), weights(cut.shape[1], scale), weighted)
    colours = np.clip(big[..., :3] / np.where(big[..., 3:] == 0, 1, big[..., 3:]), 0, 1)
    layer = np.zeros(back.shape[:2] + (4,))
    for y in range(max(0, -at[1]), min(len(big), len(back) - at[1])):
        for x in range(max(0, -at[0]), min(len(big[0]), len(back[0]) - at[0])):
            layer[y + at[1], x + at[0]] = *colours[y, x], np.clip(big[y, x, 3], 0, 1)
    alpha = layer[..., 3:]
    alpha[alpha < 0.5 / 255] = 0
    below = back[..., 3:] if back.shape[2] == 4 else 1
    behind = below * (1 - alpha)
    out = (alpha * layer[..., :3] + behind * back[..., :3]) / np.where(alpha + behind == 0, 1, alpha + behind)
    if back.shape[2] == 4:
        out = np.concatenate([out, alpha + behind], 2)
    return out, layer

whole = np.concatenate([unit("whole.png"), unit("whole-mask.png")], 2)
soft = unit("soft.png")
cases = {"plain": ("cut.png", "back.png", (30, 20), 1), "one": (soft, "back.png", (20, 10), 1),
         "out": (soft, "back.png", (-21, 33), 1), "less": (soft, "back.png", (9, 4), 0.61),
         "more": (soft, "back.png", (-30, -25), 2.3), "deep": ("soft16.png", "deep-back.png", (12, 8), 0.9),
         "glass": (soft, "glass-back.png", (20, 10), 1), "masked": (whole, "back.png", (3, 5), 1),
         "hard": (np.dstack([soft[..., :3], soft[..., 3] >= 200 / 255]), "back.png", (20, 10), 1)}
for name, (cut, back, at, scale) in cases.items():
    cut, back = unit(cut) if isinstance(cut, str) else cut, unit(back)
    step = 1 / 65535 if name == "deep" else 1 / 255
    want, layer = laid(cut, back, at, scale)
    got, object_ = unit(name + "-laid.png"), unit(name + "-object.png")
    ok(got.shape == back.shape and abs(got - want).max() <= 1.01 * step,
       name + ": laid over the background (%.2f)" % (abs(got - want).max() / step))
    ok(abs(object_[..., 3] - layer[..., 3]).max() <= 0.51 / 255, name + ": its alpha is the mask")
    out = layer[..., 3] == 0
    after = unit(name + ".png")
    ok((got[out] == back[out]).all() and (after[out] == back[out]).all(), name + ": the rest stays")
    full = layer[..., 3] > 1 - 1e-6
    ok(full.sum() > 99 and abs(after[full] - got[full]).max() > 2 / 255 and
       abs(object_[full][:, :3] - after[full][:, :3]).max() <= 1.01 / 255, name + ": and it was harmonized")
# the object has the cut-out's own colours, changed: not those of the mixture
rows = [line.split() for line in open("one.cube") if line[0] in "-0123456789"]
lut, layer = np.array(rows, float).reshape(33, 33, 33, 3), laid(soft, unit("back.png"), (20, 10), 1)[1]
soft_edge = (layer[..., 3] > 0.1) & (layer[..., 3] < 0.9)
at = layer[soft_edge][:, :3] * 32
low, want = np.minimum(at.astype(int), 31), 0
for corner in np.ndindex(2, 2, 2):
    part = np.where(corner, at - low, 1 - at + low).prod(1)
    r, g, b = (low + corner).T
    want = want + part[:, None] * lut[b, g, r]
far = 255 * abs(np.clip(want, 0, 1) - unit("one-object.png")[soft_edge][:, :3]).max()
ok(soft_edge.sum() > 50 and far <= 1.5, "unmixed colours at soft edges (%.2f levels)" % far)
SCRIPT
    PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 compare.py "$HARMONIA_SOURCE/tests/lib" >said 2>&1
    check "as NumPy has it" sh -c 'cat said; ! grep -v "^ok" said && test "$(grep -c "^ok" said)" -eq 37'
    cat >alpha.py <<'SCRIPT'
import sys
sys.path.insert(0, sys.argv[1])
sys.argv[1:] = [sys.argv[1]]
exec(open("make.py").read().split("random =")[0])
import png
write("less-mask.png", png.read("less-object.png")[..., 3:])
SCRIPT
    PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 alpha.py "$HARMONIA_SOURCE/tests/lib"
    lay again.png --image less-laid.png --mask less-mask.png
    check "harmonized as any composite" cmp less.png again.png
else
    skip "no NumPy for /usr/bin/python3"
fi

# ---- profiles, metadata, formats ----------------------------------------------------

if grep -q HAVE_LCMS2 "$HARMONIA_BUILD/config.mk"; then
    for name in back cut; do
        perl "$HARMONIA_SOURCE/tests/lib/picture_says.pl" $name.png p3-$name.png profile=p3 comment=mine
    done
    lay p3.png --cutout p3-cut.png --background p3-back.png --at 30,20 --strength 0
    check "the background's profile and comment go on" sh -c 'grep -aq iCCP p3.png && grep -aq mine p3.png'
    lay mixed.png --cutout cut.png --background p3-back.png --at 30,20 --strength 0
    if has_modules numpy; then
        cat >profiles.py <<'SCRIPT'
import sys
sys.path.insert(0, sys.argv[1])
import png
plain, same, mixed = (png.read(name).astype(int) for name in ("plain-laid.png", "p3.png", "mixed.png"))
print(abs(same - plain).max(), abs(mixed - plain).max())
assert abs(same - plain).max() <= 1 and abs(mixed - plain).max() > 5
# P3 is wider: sRGB's red is less of its red, and a little of its green
assert (mixed[30, 45] != plain[30, 45]).any() and mixed[30, 45, 0] < 200 and mixed[30, 45, 1] > 60
SCRIPT
        check "colours go through both profiles" env PYTHONDONTWRITEBYTECODE=1 \
            /usr/bin/python3 profiles.py "$HARMONIA_SOURCE/tests/lib"
    fi
else
    skip "built without Little CMS"
fi
lay back.jpg --image back.png --mask plain-object.png --mask-alpha --strength 0
lay back.ppm --image back.png --mask plain-object.png --mask-alpha --strength 0
lay whole.jpg --image whole.png --mask whole-mask.png --strength 0
lay made.jpg --cutout whole.jpg --mask whole-mask.png --background back.jpg --at 30,20
exits 0 "JPEGs"
lay made.ppm --cutout cut.png --background back.ppm --at 30,20
exits 0 "a PPM"
run 30 "$HARMONIA" apply --cutout cut.png --background back.png --at 30,20 --output - --mask-grow 2 \
    --feather 2 <back.png
check "to standard output" sh -c 'test "$(od -An -tx1 -N4 "$1" | tr -d " ")" = 89504e47' - "$stdout"
run 30 "$HARMONIA" apply --cutout cut.png --background back.png --at 30,20 --output inverted.png --invert
exits 0 "the background harmonized to the cut-out"
run 30 "$HARMONIA" apply --method xue-zero --cutout cut.png --background back.png --at 30,20 \
    --output classical.png --difference classical-difference.png
exits 0 "by a method without a network"

# ---- lists, and --json --------------------------------------------------------------

mkdir lists
printf 'cutout\tbackground\tat\tscale\toutput\n../cut.png\t../back.png\t30,20\t\t../listed.png\n' >lists/some.tsv
printf '%s\t../back.png\t5,-3\t1.5\t../listed2.png\n' "$PWD/cut.png" >>lists/some.tsv
run 30 "$HARMONIA" apply --list lists/some.tsv --object objects --json
exits 0 "a list of cut-outs"
check "the same as one" sh -c 'cmp listed.png plain.png && cmp objects/listed.png plain-object.png'
check "--json names the background and the cut-out" grep -Eq \
    '"image": "lists/../back.png", "mask": null, "cutout": "lists/../cut.png", .*"cutout_sha256": "[0-9a-f]{64}"' "$stdout"
printf 'mask\tcutout\tbackground\n../whole-mask.png\t../whole.png\t../back.png\n' >lists/short.tsv
run 30 "$HARMONIA" apply --list lists/short.tsv --output named
check "masks of cut-outs; outputs have the cut-outs' names" test -s named/whole.png
bad_list() { # TEXT WHAT FIELDS
    printf 'cutout\tbackground\tat\tscale\toutput\n%b\n' "$3" >lists/bad.tsv
    run 30 "$HARMONIA" apply --list lists/bad.tsv
    refused 1 "$1" "$2"
}
bad_list "bad.tsv: line 2: at: '3'; expected X,Y" "a list: a place" 'a\tb\t3\t1\to'
bad_list "bad.tsv: line 2: scale: '-1'; expected 0.001 to 1000" "a list: a scale" 'a\tb\t3,4\t-1\to'
bad_list "bad.tsv: line 2 has no field 'background'" "a list: no background" 'a\t\t3,4\t1\to'
printf 'cutout\timage\toutput\na\tb\to\n' >lists/bad.tsv
run 30 "$HARMONIA" apply --list lists/bad.tsv
refused 1 "line 1 has no column 'background'" "a list: an image in the place of a background"

# ---- what is refused ----------------------------------------------------------------

# bad CODE TEXT WHAT OPTIONS...
bad() {
    wanted=$1 text=$2 what=$3
    shift 3
    run 30 "$HARMONIA" apply --output o.png "$@"
    refused "$wanted" "$text" "$what"
}
two="--cutout cut.png --background back.png"
bad 1 "cut.png: by --at 90,0 and --scale 1 nothing of its 40 x 30 pixels lies in back.png, of 90 x 60" \
    "right of the picture" $two --at 90,0
bad 1 "by --at -20,0 and --scale 0.5 nothing" "left of it" $two --at=-20,0 --scale 0.5
bad 1 "by --at 2147483647,-2147483647 " "far away" $two --at 2147483647,-2147483647
bad 1 "by --at -33,0 .* has no pixel of half its alpha or more in back.png" "only its empty rim" $two --at=-33,0
bad 1 "has no pixel of half its alpha" "one that is hardly there" --cutout empty.png --background back.png
bad 1 "by --at -300,-200 and --scale 20 it covers back.png" "nothing left to go by" $two --at=-300,-200 --scale 20
bad 1 "by --scale 1000: cut.png: 40000 x 30000 pixels" "too large" $two --scale 1000
for at in 5 5, ,5 5,5, 5,x 1.5,2 99999999999,0 a,b; do
    bad 2 "option --at: '$at'; expected X,Y" "--at $at" $two --at "$at"
done
for scale in 0 -1 nan inf x 1x 1001; do
    bad 2 "option --scale: '$scale'; expected 0.001 to 1000" "--scale $scale" $two --scale "$scale"
done
bad 1 "whole.png: the cut-out \(--cutout\) has no alpha" "no alpha" --cutout whole.png --background back.png
bad 1 "back.png: 90 x 60 pixels, but whole.png has 40 x 30" "a mask of another size" \
    --cutout whole.png --background back.png --mask back.png --mask-threshold 99
bad 2 "option --background is missing" "no background" --cutout cut.png
bad 2 "options --image and --cutout" "two pictures" --cutout cut.png --image back.png
bad 2 "options --list and --cutout" "a list, too" --cutout cut.png --list lists/some.tsv
bad 2 "option --cutout: lists is a folder" "a folder" --cutout lists --background back.png
bad 2 "option --at is for a --cutout" "a place of nothing" --image back.png --mask back.png --at 0,0
bad 2 "option --background is for a --cutout" "a background of nothing" --background back.png --image back.png
bad 1 "missing.png: " "no cut-out" --cutout missing.png --background back.png
bad 1 "missing.png: " "no such background" --cutout cut.png --background missing.png
bad 2 "options --background and --cutout: standard input" "both from standard input" --cutout - --background -
bad 2 "option --json: expected files" "--json of standard input" --cutout - --background back.png --json
bad 2 "options --cutout and --mask-threshold: standard input" "which would be read twice" \
    --cutout - --background back.png --mask-threshold 9
check "nothing was made" test ! -e o.png
finish
