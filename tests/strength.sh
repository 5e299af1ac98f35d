# apply: how much of a change is made, and where (--strength, --mask-grow, --feather).
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

picture image.png 120 80 rgb photo 7
picture mask.png 120 80 grey box
apply() { # OUTPUT OPTION...
    output=$1
    shift
    run 30 "$HARMONIA" apply --image image.png --mask mask.png --output "$output" "$@"
    [ "$code" -eq 0 ] || exits 0 "apply $*"
}
apply full.png
apply one.png --strength 1 --mask-grow 0 --feather 0
check "the defaults are all of it, at the mask" cmp full.png one.png
apply none.png --strength 0
apply half.png --strength 0.5
apply grown.png --mask-grow 5
apply soft.png --feather 4
run 30 "$HARMONIA" apply --image image.png --mask mask.png --output o.png --mask-grow 60
refused 1 "image.png: by --mask-grow 60 the mask leaves no background" "a mask that fills the picture"
run 30 "$HARMONIA" apply --image image.png --mask mask.png --output o.png --strength 1.1
refused 2 "strength" "more than all"
run 30 "$HARMONIA" apply --method lalonde --image image.png --mask mask.png --output o.png \
    --strength 0.5
refused 2 "options --strength and --feather are for networks" "half of a classical method"

has_modules numpy,PIL || { skip "no NumPy and Pillow for /usr/bin/python3"; finish; }
cat >compare.py <<'SCRIPT'
import numpy as np
from PIL import Image

def read(name):
    return np.asarray(Image.open(name).convert("RGB"), int)
before = read("image.png")
change = {name: read(name + ".png") - before for name in
          ("full", "none", "half", "grown", "soft")}
mask = np.asarray(Image.open("mask.png")) > 0
rows, columns = np.nonzero(mask)

def ok(good, what):
    print(("" if good else "not ") + "ok - " + what)
def reaches(name, by):
    """The change ends `by` pixels beyond the mask's box."""
    changed = np.argwhere(change[name].any(2))
    return (changed.min(0) == [rows.min() - by, columns.min() - by]).all() and (
        changed.max(0) == [rows.max() + by, columns.max() + by]).all()
ok(abs(change["full"]).mean() > 1 and reaches("full", 0), "all of it, in the mask")
ok(not change["none"].any(), "a strength of 0 changes nothing")
ok(abs(2 * change["half"] - change["full"]).max() <= 2 and change["half"].any(),
   "0.5 makes half of it")
ok(reaches("grown", 5), "a mask that has grown by 5 pixels")
inner = slice(rows.min() + 4, rows.max() - 3), slice(columns.min() + 4, columns.max() - 3)
ok((change["soft"][inner] == change["full"][inner]).all(), "feathering leaves the middle")
row = abs(change["soft"][(rows.min() + rows.max()) // 2]).sum(1)
edge = row[columns.min() - 5:columns.min() + 5]
ok(edge[0] == 0 and 0 < edge[4] < edge[9] and not reaches("soft", 0),
   "and fades out over 4 pixels on both sides: %s" % edge)
SCRIPT
/usr/bin/python3 compare.py >compared
check "the pictures" sh -c 'cat compared; ! grep "^not ok" compared && test "$(grep -c "^ok" compared)" -eq 6'
finish
