# apply on many pictures: folders, HCOCO's, lists; what fails, what is there.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

mkdir photos
for name in a b c d e; do
    picture photos/$name.png 60 40 rgb photo "$(printf %d "'$name")"
    picture photos/${name}_mask.png 60 40 grey soft
done
mkdir kept && mv photos/d_mask.png kept && cp photos/e_mask.png kept
picture photos/e_mask.png 60 40 grey black
echo "not a picture" >photos/notes.txt
for name in a b c; do
    "$HARMONIA" apply --image photos/$name.png --mask photos/${name}_mask.png \
        --output single-$name.png 2>/dev/null
done
# same_as_single FOLDER: the pictures are those of one call each
same_as_single() {
    for name in a b c; do
        cmp "single-$name.png" "$1/$name.png" || return 1
    done
}

run 60 "$HARMONIA" apply --image photos --output out
exits 1 "a folder in which two have no good mask"
says "2 of 5 pictures failed" "the last line says how many"
says "photos/d.png: there is no mask" "the one without a mask is named"
says "photos/e_mask.png: the mask is empty" "and the one with an empty mask"
says "apply: 3 pictures written, 0 were there, 2 failed" "it sums up"
says "5 of 5 pictures, [0-9.]+ a second, 0:00 left" "it tells how far it is"
check "the others are as if made alone" same_as_single out
check "and nothing else is there" test "$(ls out | tr '\n' ' ')" = "a.png b.png c.png "
run 20 "$HARMONIA" apply --image photos --output ./photos
refused 2 "option --output: ./photos is the folder of the pictures" \
    "which cannot be that of the results"
mv kept/* photos
run 60 "$HARMONIA" apply --image photos --output out
exits 0 "again, with good masks"
says "apply: 2 pictures written, 3 were there, 0 failed" "it makes what was missing"
echo "older" >out/a.png
run 60 "$HARMONIA" apply --image photos --output out --force
says "apply: 5 pictures written, 0 were there" "--force makes all"
check "a new" same_as_single out
for threads in 1 4; do
    run 60 "$HARMONIA" apply --image photos --output threads-$threads --threads $threads
    check "on $threads threads the same" same_as_single threads-$threads
done
run_ranks 60 2 "$HARMONIA" apply --image photos --output ranks
exits 0 "on two ranks"
check "the same" same_as_single ranks
check "summed up once" test "$(grep -c '5 pictures written, 0 were there, 0 failed' "$stderr")" -eq 1
rm photos/d_mask.png
run_ranks 60 2 "$HARMONIA" apply --image photos --output ranks --force
exits 1 "a failure on one of two ranks"
says "1 of 5 pictures failed" "counts for both"
run 60 "$HARMONIA" apply --method xue-zero --image photos --output classical
says "4 pictures written, 0 were there, 1 failed" "by a classical method"

# ---- --json ----------------------------------------------------------------------

small_set d.h5
# shellcheck disable=SC2086
run 60 "$HARMONIA" train --data d.h5 --out run $small --model bargainnet --nef 4 --steps 2
network=$(checkpoint run 2)
mkdir told && cp photos/b.png told/b.png
run 60 "$HARMONIA" apply --checkpoint "$network" --image photos --output told --json
exits 1 "--json"
cat >told.py <<'SCRIPT'
import hashlib, json, subprocess, sys
network, program = sys.argv[1:]
records = {line["image"]: line for line in map(json.loads, sys.stdin)}
assert sorted(records) == ["photos/%s.png" % c for c in "abcde"], records
assert records["photos/b.png"]["outcome"] == "there"
assert records["photos/d.png"]["outcome"] == "failed" and "no mask" in records["photos/d.png"]["error"]
a = records["photos/a.png"]
assert a["outcome"] == "written" and a["error"] is None and a["output"] == "told/a.png", a
for key in "image", "mask":
    assert a[key + "_sha256"] == hashlib.sha256(open(a[key], "rb").read()).hexdigest()
def score(image):
    return float(subprocess.check_output([program, "score", "--checkpoint", network,
                                          "--image", image, "--mask", a["mask"]]))
assert abs(a["harmony_before"] - score(a["image"])) < 1e-5, a
assert abs(a["harmony_after"] - score(a["output"])) < 0.01, a
assert 0 < a["mean_change"] < 100 and a["ms"] > 0, a
SCRIPT
if has_modules json; then
    check "a line a picture says what was done" sh -c \
        '/usr/bin/python3 told.py "$1" "$HARMONIA" <"$2"' - "$network" "$stdout"
    run 60 "$HARMONIA" apply --image photos/a.png --mask photos/a_mask.png --output o.png --json
    check "of one picture, too; without a code extractor no harmony" sh -c \
        'grep -q "\"outcome\": \"written\", .*\"harmony_before\": null" "$1" &&
        test "$(wc -l <"$1")" = 1' - "$stdout"
else
    skip "no Python"
fi

# ---- HCOCO's folders, alpha, lists -------------------------------------------------

mkdir -p coco/composite_images coco/masks coco/real_images
i=0
for name in a b c; do
    i=$((i + 1))
    cp photos/$name.png coco/composite_images/c${i}_7_1.png
    cp photos/$name.png coco/real_images/c$i.png
    cp photos/${name}_mask.png coco/masks/c${i}_7.png
    echo c${i}_7_1.jpg >>coco/HCOCO_test.txt
done
run 60 "$HARMONIA" apply --image coco --output from-coco
exits 0 "a folder of HCOCO's"
check "its composites with their masks" sh -c '
    cmp single-a.png from-coco/c1_7_1.png && cmp single-c.png from-coco/c3_7_1.png'

mkdir alpha
picture alpha/x.png 60 40 rgba 'rect:20,10,20,20:90,120,60,0:200,60,60,255'
run 60 "$HARMONIA" apply --image alpha --mask-alpha --output from-alpha
exits 0 "pictures whose alpha is their mask"

mkdir lists listed
printf 'output\tnote\tmask\timage\r\n' >lists/some.tsv
printf '../listed/b.png\tx\t../photos/b_mask.png\t%s\r\n' "$PWD/photos/b.png" >>lists/some.tsv
printf '../listed/c.png\ty\t../photos/c_mask.png\t../photos/c.png\r\n' >>lists/some.tsv
run 60 "$HARMONIA" apply --list lists/some.tsv
exits 0 "a list"
check "paths begin in its folder" sh -c 'cmp single-b.png listed/b.png && cmp single-c.png listed/c.png'
cut -f3,4 lists/some.tsv >lists/short.tsv
run 60 "$HARMONIA" apply --list lists/short.tsv --output named/by/image
exits 0 "a list without outputs"
check "they have the names of the images" cmp single-c.png named/by/image/c.png

# bad WHAT TEXT LINE...: a list that is refused
bad() {
    what=$1 text=$2
    shift 2
    printf "$@" >lists/bad.tsv
    run 20 "$HARMONIA" apply --list lists/bad.tsv
    refused 1 "$text" "$what"
}
bad "no column" "bad.tsv: line 1 has no column 'output'" 'image\tmask\na\tb\n'
bad "a line that is short" "bad.tsv: line 3 has no field 'output'" 'image\tmask\toutput\na\tb\tc\nd\te\n'
bad "one output twice" "lines 2 and 3 have the same output" 'image\tmask\toutput\na\tb\tc\nd\te\tc\n'
bad "nothing" "lists no pictures" 'image\tmask\toutput\n'
mkdir empty
run 20 "$HARMONIA" apply --image empty --output o
refused 1 "empty: no pictures; expected NAME.png" "a folder without pictures"
run 20 "$HARMONIA" apply --image photos --mask m.png --output o
refused 2 "option --mask: many pictures have" "one mask for many"
run 20 "$HARMONIA" apply --image photos --list lists/some.tsv
refused 2 "options --image and --list" "a folder and a list"
run 20 "$HARMONIA" apply --image photos
refused 2 "option --output is missing" "a folder, and nowhere to go"
finish
