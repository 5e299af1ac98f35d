# Inputs and surroundings that once failed without a word, one of each kind and
# all made here: each is done right, or refused with what was found.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

has_modules 'numpy, PIL, h5py' || skip_all "no numpy, Pillow and h5py"
small_set d.h5 || exit 1
# shellcheck disable=SC2086
run 60 "$HARMONIA" train --data d.h5 --out net $small --lr 0.01 --steps 12
exits 0 "a network to apply"
network=$(checkpoint net 12)

cat >make.py <<'SCRIPT'
"""Every picture of this test, below cases/."""
import os
import numpy as np
from PIL import Image, ImageCms

def scene(width, height):
    y, x = np.mgrid[0:height, 0:width]
    wave = np.stack([120 + 70 * np.sin(x * 5 / width + c) + 20 * np.cos(y * 7 / height - c)
                     for c in range(3)], -1)
    return Image.fromarray(wave.astype(np.uint8))

def block(size, box, value=255):
    mask = Image.new("L", size)
    mask.paste(value, box)
    return mask

def path(*parts):
    name = os.path.join("cases", *parts)
    os.makedirs(os.path.dirname(name), exist_ok=True)
    return name

BOX = (14, 12, 46, 40)
shown, mask = scene(96, 64), block((96, 64), BOX)
shown.save(path("scene.png"))
mask.save(path("mask.png"))

# What a camera stores for each orientation: turned so that viewers turn it back.
STORED = {1: [], 2: [Image.FLIP_LEFT_RIGHT], 3: [Image.ROTATE_180], 4: [Image.FLIP_TOP_BOTTOM],
          5: [Image.TRANSPOSE], 6: [Image.ROTATE_90], 7: [Image.TRANSVERSE], 8: [Image.ROTATE_270]}
for orientation, turns in STORED.items():
    stored = shown
    for turn in turns:
        stored = stored.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(path("turned%d.jpg" % orientation), exif=exif, quality=98, subsampling=0)
    stored.save(path("turned%d.png" % orientation), exif=exif)

def photos(folder, orientation, mark):
    rows = []
    for i in range(4):
        picture = scene(80 + 8 * i, 64)
        exif = Image.Exif()
        exif[0x0112] = orientation
        for turn in STORED[orientation]:
            picture = picture.transpose(turn)
        picture.save(path(folder, "train", "p%d.jpg" % i), exif=exif, quality=98, subsampling=0)
        block((80 + 8 * i, 64), (10, 12, 40, 44)).save(path(folder, "train", "p%d.png" % i))
        rows.append("p%d\ttrain\tcat\n" % i)
    open(path(folder, "index.tsv"), "w", encoding="utf-8").write(
        mark + "name\tsplit\tcategory\n" + "".join(rows))
photos("as-stored", 1, "")
photos("turned", 3, "")
photos("marked", 1, "\ufeff")

# Masks that are not white on black.
size = mask.size
block(size, BOX, 1).save(path("ones.png"))
classes = Image.new("P", size)
classes.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
classes.paste(1, BOX)
classes.save(path("classes.png"))
red = Image.new("RGB", size)
red.paste((255, 0, 0), BOX)
red.save(path("red.png"))
Image.new("L", size, 255).save(path("white.png"))
Image.new("L", size, 0).save(path("black.png"))
alpha = Image.new("RGBA", size, (255, 255, 255, 0))
alpha.paste((255, 255, 255, 255), BOX)
alpha.save(path("alpha-mask.png"))
cut_out = shown.copy()
cut_out.putalpha(mask)
cut_out.save(path("cut-out.png"))

scene(1024, 768).save(path("large.png"))
block((1024, 768), (512, 80, 526, 680)).save(path("pole.png"))
block((1024, 768), (520, 80, 528, 680)).save(path("wire.png"))
block((1024, 768), (700, 400, 701, 401)).save(path("speck.png"))

# What apply does not change.
profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
shown.save(path("profile.jpg"), icc_profile=profile, quality=98, subsampling=0, dpi=(200, 200))
half = shown.copy()
half.putalpha(128)
half.save(path("half.png"))

# Samples whose PSNR is infinite, and one that is like any other.
grey = Image.linear_gradient("L").resize((64, 64)).convert("RGB")
for name, composite, real in (("a", grey, grey.point(lambda v: v // 2)), ("same", grey, grey),
                              ("b", grey, grey.point(lambda v: v // 3))):
    composite.save(path("H", "composite_images", name + "_1_1.png"))
    real.save(path("H", "real_images", name + ".png"))
    block((64, 64), (10, 10, 30, 30)).save(path("H", "masks", name + "_1.png"))
open(path("H", "H_test.txt"), "w").write("a_1_1.png\nsame_1_1.png\nb_1_1.png\n")
SCRIPT
check "the pictures" /usr/bin/python3 make.py

cat >changed.py <<'SCRIPT'
"""changed.py BEFORE MASK AFTER: the object changed, nothing else did."""
import sys
import numpy as np
from PIL import Image, ImageOps

def read(path, mode):
    return np.asarray(ImageOps.exif_transpose(Image.open(path)).convert(mode)).astype(int)

before, mask, after = read(sys.argv[1], "RGB"), read(sys.argv[2], "L"), read(sys.argv[3], "RGB")
assert before.shape == after.shape, (before.shape, after.shape)
change = abs(before - after).max(-1)
print("outside", change[mask == 0].max(), "inside", change[mask > 0].mean())
assert change[mask == 0].max() == 0 and change[mask > 0].mean() > 1
SCRIPT
changed() { # WHAT BEFORE MASK AFTER
    what=$1
    shift
    check "$what" /usr/bin/python3 changed.py "$@"
}
apply() { # IMAGE MASK OUTPUT OPTIONS...
    image=$1 mask=$2 output=$3
    shift 3
    rm -f "$output"
    run 30 "$HARMONIA" apply --checkpoint "$network" --image "$image" \
        --mask "$mask" --output "$output" "$@"
}
refuses() { # TEXT WHAT: of the last apply
    refused 1 "$1" "$2"
    check "and nothing is written" test ! -e "$output"
}

# ---- exif-apply, exif-compose ------------------------------------------------------

for orientation in 1 2 3 4 5 6 7 8; do
    for ending in jpg png; do
        apply cases/turned$orientation.$ending cases/mask.png out.png
        changed "orientation $orientation of a $ending: the object as seen" \
            cases/turned$orientation.$ending cases/mask.png out.png
    done
done
cat >upright.py <<'SCRIPT'
"""upright.py FOLDER: composites are the real images outside of their masks, for
readers that honour EXIF and for those that do not."""
import glob, os, sys
import numpy as np
from PIL import Image, ImageOps

seen = 0
for name in glob.glob(sys.argv[1] + "/composite_images/*"):
    stem = os.path.splitext(os.path.basename(name))[0]
    real, = glob.glob(sys.argv[1] + "/real_images/" + stem.rsplit("_", 2)[0] + ".*")
    mask, = glob.glob(sys.argv[1] + "/masks/" + stem.rsplit("_", 1)[0] + ".*")
    for turn in (lambda i: i, ImageOps.exif_transpose):
        a, b, m = (np.asarray(turn(Image.open(f)).convert(k)).astype(int)
                   for f, k in ((name, "RGB"), (real, "RGB"), (mask, "L")))
        assert a.shape == b.shape and a.shape[:2] == m.shape, (name, a.shape, b.shape, m.shape)
        outside = abs(a - b).max(-1)[m == 0].mean()
        assert outside < 6, (name, outside)
        seen += 1
assert seen, "no composite"
SCRIPT
for kind in as-stored turned; do
    run 60 "$HARMONIA" compose cases/$kind $kind --seed 1 --threads 1 --quality 98
    exits 0 "compose of photographs $kind"
    check "real and composite agree" /usr/bin/python3 upright.py $kind
done

# ---- index-bom ---------------------------------------------------------------------

run 60 "$HARMONIA" compose cases/marked marked --seed 1 --threads 1 --quality 98
exits 0 "an index.tsv with a byte-order mark"
check "gives what the one without gives" diff -r as-stored marked

# ---- mask-not-white, mask-in-alpha, mask-too-thin ------------------------------------

for drawn in ones classes red black white alpha-mask; do
    apply cases/scene.png cases/$drawn.png out.png
    refuses "cases/$drawn.png" "mask $drawn"
done
apply cases/scene.png cases/ones.png out.png --mask-threshold 1
changed "--mask-threshold 1 takes it" cases/scene.png cases/mask.png out.png
apply cases/scene.png cases/classes.png out.png --mask-threshold 1
changed "also the classes" cases/scene.png cases/mask.png out.png
apply cases/scene.png cases/red.png out.png --mask-threshold 1
changed "also the red one" cases/scene.png cases/mask.png out.png
for drawn in alpha-mask cut-out; do
    apply cases/scene.png cases/$drawn.png out.png --mask-alpha
    changed "--mask-alpha takes $drawn" cases/scene.png cases/mask.png out.png
done
for drawn in pole wire; do
    apply cases/large.png cases/$drawn.png out.png
    changed "a $drawn is changed" cases/large.png cases/$drawn.png out.png
done
apply cases/large.png cases/speck.png out.png
if [ "$code" -eq 0 ]; then
    changed "a speck is changed" cases/large.png cases/speck.png out.png
else
    refuses "cases/speck.png" "a speck"
fi

# ---- profile-lost ------------------------------------------------------------------

cat >kept.py <<'SCRIPT'
"""kept.py profile|alpha BEFORE AFTER"""
import sys
from PIL import Image

before, after = Image.open(sys.argv[2]), Image.open(sys.argv[3])
if sys.argv[1] == "profile":
    assert after.info.get("icc_profile") == before.info["icc_profile"]
    assert abs(after.info["dpi"][0] - 200) < 0.1, after.info
else:
    assert after.mode == "RGBA" and after.getchannel("A").tobytes() == before.getchannel("A").tobytes()
SCRIPT
for output in out.png out.jpg; do
    apply cases/profile.jpg cases/mask.png $output
    check "the profile is handed on to $output" \
        /usr/bin/python3 kept.py profile cases/profile.jpg $output
done
apply cases/half.png cases/mask.png out.png
check "alpha is kept" /usr/bin/python3 kept.py alpha cases/half.png out.png
apply cases/half.png cases/mask.png out.jpg
exits 0 "a JPEG of a picture with alpha"
says "alpha" "a line says what it cannot hold"

# ---- eval-not-finite ---------------------------------------------------------------

run 30 "$HARMONIA" pack cases/H f.h5 --size 64
run 30 "$HARMONIA" eval --data f.h5 --method composite --csv f.csv
exits 0 "a sample that equals its real image"
check "no mean is infinite" sh -c '! cat "$@" | grep -Eiq "(^|[^a-z])-?(nan|inf)"' - "$stdout" f.csv
check "the sample is named" grep -q 'same_1_1.png' "$stdout" "$stderr"

# ---- endings: double-term, hangup, broken-pipe ------------------------------------------

long="--data d.h5 $small --steps 1000000 --save-every 1000000"
saved() { ls "$1"/checkpoints/step-*.h5; }
for n in 1 2 3; do
    # shellcheck disable=SC2086
    timeout 3 "$HARMONIA" train $long --out term$n 2>/dev/null
    check "timeout's two SIGTERMs: saved" saved term$n
done
# shellcheck disable=SC2086
background "$HARMONIA" train $long --log-every 1 --out hup
wait_until 30 row_at_least hup/log.csv 3
kill -HUP $!
wait $!
check "SIGHUP: exit status 75" test $? -eq 75
check "and saved" saved hup
# shellcheck disable=SC2086
{
    "$HARMONIA" train --data d.h5 $small --steps 300 --log-every 1 --out pipe 2>&1
    echo $? >pipe.code
} | head -n 1 >/dev/null
check "the reader of the log went away: the run ends well" grep -qx 0 pipe.code
check "and saved" saved pipe

# ---- resume-starts-anew, checkpoints-symlink ----------------------------------------------

# shellcheck disable=SC2086
run 60 "$HARMONIA" train --data d.h5 $small --steps 4 --out lost
cp -r lost whole
for name in lost/checkpoints/*.h5; do
    yes damaged | dd of="$name" bs=1000 count=8 seek=50 iflag=fullblock conv=notrunc 2>/dev/null
    cp "$name" damaged.h5
done
for resume in '' --resume; do
    # shellcheck disable=SC2086
    run 60 "$HARMONIA" train --data d.h5 $small --model unet3plus --steps 4 --out lost $resume
    refused 1 'step-00000004.h5.*damaged' "every checkpoint is damaged $resume"
    check "nothing is touched" cmp lost/log.csv whole/log.csv
    check "nor the checkpoint" cmp lost/checkpoints/step-00000004.h5 damaged.h5
done
mkdir far linked
mv whole/checkpoints/* far
rmdir whole/checkpoints
ln -s "$scratch/far" whole/checkpoints
run 20 "$HARMONIA" info --newest whole
check "info --newest follows a linked folder" grep -qx 'whole/checkpoints/step-00000004.h5' "$stdout"
check "so does a job" test whole/checkpoints/step-00000004.h5 = \
    "$(bash -c '. "$1/slurm/job.sh"; newest_of whole' - "$HARMONIA_SOURCE")"

# ---- foreign-weights -------------------------------------------------------------------

cp "$network" edited.h5
check "an array is edited" /usr/bin/python3 -c "
import h5py
with h5py.File('edited.h5', 'r+') as f:
    d = f['G/model.model.0.weight']
    d[...] = d[()] * 1.0001"
run 20 "$HARMONIA" info --verify edited.h5
exits 1 "an edited checkpoint"
says "'G/model.model.0.weight'.*harmonia import" "the array and import are named"
run 20 "$HARMONIA" import edited.h5 --out imported.h5
exits 0 "import makes a checkpoint of it"
run 20 "$HARMONIA" info --verify imported.h5
exits 0 "whose checksums are good"

# ---- wrong-launcher, cpu-quota -----------------------------------------------------------

# shellcheck disable=SC2086
run 20 env PMI_SIZE=4 PMI_RANK=1 "$HARMONIA" train --data d.h5 $small --steps 4 --out alone
refused 1 'PMI_SIZE' "one of four processes by a launcher that this MPI does not know"
check "nothing is written" test ! -e alone
group=/sys/fs/cgroup/cpu/harmonia-test-$$
if [ "$(id -u)" = 0 ] && mkdir "$group" 2>/dev/null && [ -f "$group/cpu.cfs_quota_us" ]; then
    echo 50000 >"$group/cpu.cfs_quota_us"
    # shellcheck disable=SC2086
    run 60 sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$group" "$HARMONIA" train \
        --data d.h5 --ngf 4 --batch 4 --report-samples 0 --steps 2 --out quota
    exits 0 "half a CPU of a control group"
    says '1 rank x 1 thread ' "is one thread"
    # The kernel may take a moment to see that it is empty.
    wait_until 10 rmdir "$group" 2>/dev/null
else
    [ ! -d "$group" ] || rmdir "$group"
    skip "no control groups of version 1 that root may make"
fi
finish
