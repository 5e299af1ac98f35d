# apply, report and info: what they write.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

small_set d.h5 || exit 1
# shellcheck disable=SC2086
run 60 "$HARMONIA" train --data d.h5 --out run --ngf 4 --batch 4 --threads 1 \
    --steps 12 --save-every 6 --log-every 1 --lr 0.01
exits 0 "a network to apply"
network=$(checkpoint run 12)

# ---- info --------------------------------------------------------------------------

run 20 "$HARMONIA" info "$network"
exits 0 "info of a checkpoint"
for line in 'step +12' 'option.ngf +4' 'option.lr +0.01' 'option.norm +instance' \
    'option.size +64' 'data.name +d.h5' 'version +[0-9.]+'; do
    check "it tells $line" grep -Eqx "$line" "$stdout"
done
run 20 "$HARMONIA" info --arrays --verify "$network"
check "--arrays lists the tensors" \
    grep -Fq 'G/model.model.0.weight [4,4,4,4]' "$stdout"
check "--verify finds all good" grep -q 'checksums *all good' "$stdout"
run 20 "$HARMONIA" info --verify d.h5
check "info of a data set" sh -c '
    grep -q "^size *64 x 64" "$1" && grep -q "^train *24 composites" "$1" &&
    grep -q "^test *8 composites" "$1" && grep -q "all good" "$1"' - "$stdout"

# ---- pictures of the run --------------------------------------------------------------

# is_sane FILE MIN_WIDTH MIN_HEIGHT
is_sane() {
    png_size "$1" | awk -v w="$2" -v h="$3" '
        { found = 1; exit !($1 >= w && $2 >= h && $1 < 5000 && $2 < 5000) }
        END { if (!found) exit 1 }'
}
check "train left curves" is_sane run/curves.png 300 200
check "and a sheet of 4 columns and 6 samples" is_sane run/sheet.png 1100 1600
cp run/sheet.png trained-sheet.png
rm run/*.png
run 20 "$HARMONIA" report run --data d.h5 --rows 3
exits 0 "report"
check "it prints what it wrote" sh -c '
    test "$(tr "\n" " " <"$1")" = "run/curves.png run/sheet.png "' - "$stdout"
check "curves" is_sane run/curves.png 300 200
check "a sheet of 3 samples" is_sane run/sheet.png 1100 800
check "which is smaller than that of 6" sh -c '
    test "$(wc -c <run/sheet.png)" -lt "$(wc -c <trained-sheet.png)"'
run 20 "$HARMONIA" report run --data d.h5 --rows 6
check "report draws what train drew" cmp run/sheet.png trained-sheet.png

# ---- apply ----------------------------------------------------------------------------

cat >compare.py <<'SCRIPT'
"""compare.py IMAGE MASK OUTPUT exact|near: the background's pixels are the
image's, the foreground's are not."""
import sys
import numpy as np
from PIL import Image

def read(path, mode):
    image = Image.open(path)
    image.load()
    return np.asarray(image.convert(mode)).astype(int)

image, mask, output = read(sys.argv[1], "RGB"), read(sys.argv[2], "L"), read(sys.argv[3], "RGB")
assert output.shape == image.shape, (output.shape, image.shape)
change = abs(output - image)
outside, inside = change[mask == 0], change[mask > 0]
print("outside: most %d, mean %.3f; inside: most %d, mean %.3f"
      % (outside.max(), outside.mean(), inside.max(), inside.mean()))
if sys.argv[4] == "exact":
    assert outside.max() == 0
    assert inside.mean() > 1
    soft = change[(mask > 0) & (mask < 64)]
    if soft.size:
        full = change[mask == 255]
        print("mask below 64: mean %.3f; mask 255: mean %.3f" % (soft.mean(), full.mean()))
        assert soft.mean() < 0.6 * full.mean()
else:
    assert outside.mean() < 5 and inside.mean() > outside.mean()
SCRIPT

# apply_to NAME WIDTH HEIGHT KIND MASK OUTPUT exact|near
apply_to() {
    picture "$1.png" "$2" "$3" "$4" photo 2
    picture "$1-mask.png" "$2" "$3" grey "$5"
    run 30 "$HARMONIA" apply --checkpoint "$network" --image "$1.png" \
        --mask "$1-mask.png" --output "$6"
    exits 0 "apply: $1"
    check "$1: nothing on stdout" test ! -s "$stdout"
    if has_modules numpy,PIL; then
        check "$1: the background is untouched, the foreground is not" \
            /usr/bin/python3 compare.py "$1.png" "$1-mask.png" "$6" "$7"
        note "$(tail -n 1 .check)"
    else
        skip "no numpy and PIL for /usr/bin/python3"
    fi
}
apply_to square 64 64 rgb box square-out.png exact
apply_to wide 300 200 rgb box0.3 wide-out.png exact
apply_to tall 37 501 rgb box tall-out.png exact
apply_to grey-levels 120 90 rgb soft grey-levels-out.png exact
apply_to transparent 100 80 rgba box transparent-out.png exact
apply_to grey 100 80 grey box grey-out.png exact
apply_to jpeg 160 120 rgb box jpeg-out.jpg near
check "a PNG keeps the image's size" \
    test "$(png_size tall-out.png)" = "37 501"
check "a JPEG is one" sh -c '
    test "$(od -An -tx1 -N3 jpeg-out.jpg | tr -d " ")" = ffd8ff'
run 30 "$HARMONIA" apply --checkpoint "$network" --image wide.png \
    --mask wide-mask.png --output again.png --threads 2
check "the same on 2 threads, and the same again" cmp wide-out.png again.png
run 30 "$HARMONIA" apply --checkpoint "$network" --image jpeg.png \
    --mask jpeg-mask.png --output coarse.jpg --quality 20
check "--quality makes a JPEG smaller" sh -c '
    test "$(wc -c <coarse.jpg)" -lt "$(wc -c <jpeg-out.jpg)"'
cp square.png in-place.png
run 30 "$HARMONIA" apply --checkpoint "$network" --image in-place.png \
    --mask square-mask.png --output in-place.png
check "the output may be the input" cmp square-out.png in-place.png

# ---- a large picture --------------------------------------------------------------------

cat >large.py <<'SCRIPT'
"""large.py make WIDTH HEIGHT: large.png and large-mask.png.
large.py compare OUTPUT: its size, and its pixels outside the mask.
large.py peak COMMAND...: runs it; the most memory it has had, in bytes."""
import resource, subprocess, sys
import numpy as np
from PIL import Image

def make(width, height):
    random = np.random.default_rng(1)
    x, y = np.arange(width) / width, np.arange(height)[:, None] / height
    far = np.maximum(abs(x - 0.5), abs(y - 0.5))
    picture = random.integers(0, 9, (height, width, 3), dtype=np.uint8)
    for c in range(3):
        picture[:, :, c] += (120 + 60 * np.sin(5 * x + c) * np.cos(4 * y - c)).astype(np.uint8)
    mask = np.clip(255 * (0.35 - far) / 0.15, 0, 255).astype(np.uint8)
    Image.fromarray(picture).save("large.png", compress_level=1)
    Image.fromarray(mask).save("large-mask.png", compress_level=1)

def compare(path):
    picture, mask, output = (np.asarray(Image.open(name)) for name in
                             ("large.png", "large-mask.png", path))
    assert output.shape == picture.shape, output.shape
    same = (output == picture).all(axis=2)
    assert same[mask == 0].all() and not same[mask == 255].all()

if sys.argv[1] == "make":
    make(int(sys.argv[2]), int(sys.argv[3]))
elif sys.argv[1] == "compare":
    compare(sys.argv[2])
else:
    subprocess.run(sys.argv[2:], check=True, stderr=subprocess.DEVNULL)
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
SCRIPT

# peak_of IMAGE MASK OUTPUT THREADS
peak_of() {
    /usr/bin/python3 large.py peak "$HARMONIA" apply --checkpoint "$network" \
        --image "$1" --mask "$2" --output "$3" --threads "$4"
}
bytes_of() {
    wc -c <"$1"
}
if has_modules numpy,PIL; then
    width=3600 height=2400
    /usr/bin/python3 large.py make $width $height
    small_peak=$(peak_of square.png square-mask.png square-again.png 1)
    large_peak=$(peak_of large.png large-mask.png large-out.png 1)
    check "a large picture keeps its size and its background" \
        /usr/bin/python3 large.py compare large-out.png
    peak_of large.png large-mask.png large-two.png 2 >/dev/null
    check "one thread or two: the same file" cmp large-out.png large-two.png
    if is_sanitized; then
        skip "a sanitizer has memory of its own"
    else
        # picture and mask, and the larger of the files beside the picture
        file=$(bytes_of large.png)
        [ "$(bytes_of large-out.png)" -le "$file" ] || file=$(bytes_of large-out.png)
        most=$((small_peak + 4 * width * height + file + 8388608))
        note "peak $((small_peak / 1048576)) MiB for 64 x 64 pixels," \
            "$((large_peak / 1048576)) for $width x $height"
        check "its memory: pictures once, a file, at most 8 MiB more" \
            test "$large_peak" -le "$most"
    fi
else
    skip "no numpy and PIL for /usr/bin/python3"
fi
finish
