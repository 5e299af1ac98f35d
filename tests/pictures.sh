# Pictures as people have them: turned by EXIF, with a profile, 16 bits, alpha;
# what apply keeps, and what it says of the rest.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

small_set d.h5 || exit 1
# shellcheck disable=SC2086
run 60 "$HARMONIA" train --data d.h5 --out run $small --steps 6 --lr 0.01
exits 0 "a network to apply"
network=$(checkpoint run 6)

# says_more IN OUT WHAT...: see picture_says.pl.
says_more() {
    perl "$HARMONIA_SOURCE/tests/lib/picture_says.pl" "$@"
}
# changed IN OUT MASK [ORIENTATION [coarse]]: see picture_change.pl.
changed() {
    perl "$HARMONIA_SOURCE/tests/lib/picture_change.pl" "$@"
}
# apply IMAGE MASK OUTPUT
apply() {
    run 30 "$HARMONIA" apply --checkpoint "$network" --image "$1" --mask "$2" \
        --output "$3"
}
# loses_nothing WHAT: the last run did not name anything.
loses_nothing() {
    check "$1" sh -c '! grep "does not have" "$1"' - "$stderr"
}
# holds FILE TEXT
holds() {
    grep -aq -e "$2" "$1"
}

# ---- orientation ------------------------------------------------------------------

picture stored.png 60 44 rgb photo 2
picture lies.png 60 44 grey corner
picture stands.png 44 60 grey corner
for o in 1 2 3 4 5 6 7 8; do
    mask=lies.png
    [ $o -le 4 ] || mask=stands.png
    says_more stored.png turned.png exif=$o
    apply turned.png $mask out.png
    exits 0 "apply: orientation $o"
    check "orientation $o: what is seen in the corner changes, and no more" \
        changed stored.png out.png $mask $o
done
check "what is written is not turned again" sh -c '
    od -An -tx1 -v out.png | tr -d " \n" | grep -q 011200030000000100010000'
apply turned.png lies.png none.png
refused 1 "lies.png: 60 x 44 pixels, but turned.png has 44 x 60" \
    "a mask of the stored size"
says_more stored.png odd.png exif=9
apply odd.png lies.png out.png
check "orientation 9 is none" changed stored.png out.png lies.png 1
run 30 "$HARMONIA" apply --method lalonde --image turned.png \
    --mask stands.png --output out.png
check "a method without a network sees the same" \
    changed stored.png out.png stands.png 8

# ---- bits and alpha -----------------------------------------------------------------

for kind in grey grey16 rgb16 rgba rgba16; do
    picture $kind.png 60 44 $kind photo 2
    apply $kind.png lies.png out.png
    exits 0 "apply: $kind"
    check "$kind: all bits, and alpha" changed $kind.png out.png lies.png
    loses_nothing "$kind: nothing is lost"
    run 30 "$HARMONIA" apply --method lalonde --image $kind.png \
        --mask lies.png --output out.png
    check "$kind, lalonde" changed $kind.png out.png lies.png 1 coarse
done
apply rgba16.png lies.png out.jpg
says "warning: out.jpg .*rgba16.png.*: alpha, 16 bits$" \
    "a JPEG has neither alpha nor 16 bits, and it is said"

# ---- profiles -----------------------------------------------------------------------

apply stored.png lies.png plain.png
says_more stored.png p3.png profile=p3 dpi=300 comment=mine
apply p3.png lies.png out.png
exits 0 "apply: Display P3"
check "the background's values stay" changed stored.png out.png lies.png
check "profile, resolution and comment go on" sh -c '
    for name in iCCP pHYs Comment; do grep -aq $name out.png || exit 1; done'
if grep -q HAVE_LCMS2 "$HARMONIA_BUILD/config.mk"; then
    loses_nothing "nothing is lost"
    check "the network saw other colours than without a profile" \
        changed plain.png out.png lies.png
    apply grey.png lies.png plain.png
    says_more grey.png linear.png profile=grey
    apply linear.png lies.png out.png
    loses_nothing "a profile of grey is kept as one of RGB"
    check "it is there" holds out.png iCCP
    check "the greys stay" changed grey.png out.png lies.png
    check "the network saw what they look like" \
        changed plain.png out.png lies.png
else
    says "p3.png: .*its colours are taken for sRGB" "what is not done is said"
    skip "built without Little CMS"
fi
run 30 "$HARMONIA" apply --method lalonde --image p3.png --mask lies.png \
    --output out.png
check "lalonde: the background's values stay" \
    changed stored.png out.png lies.png
apply p3.png lies.png p3.jpg
says "p3.jpg .*: texts$" "a JPEG has no text of a PNG"
check "but the profile" holds p3.jpg ICC_PROFILE
check "and the resolution" sh -c '
    [ "$(od -An -tu1 -j13 -N5 p3.jpg | tr -s " ")" = " 1 1 44 1 44" ]'
says_more p3.jpg said.jpg comment=mine exif=6
apply said.jpg stands.png said-out.jpg
exits 0 "apply: a JPEG that says all"
loses_nothing "nothing is lost"
check "JPEG to JPEG: profile, comment, EXIF" sh -c '
    for name in ICC_PROFILE mine Exif; do grep -aq $name said-out.jpg || exit 1; done'
says_more stored.png broken.png profile=broken
apply broken.png lies.png out.png
exits 0 "a broken profile is no obstacle"
says "broken.png: .*its colours are taken for sRGB" "but it is said"
check "the background's values stay" changed stored.png out.png lies.png
says_more stored.png inks.png profile=inks
apply inks.png lies.png out.png
says "out.png .*: a profile that is not of RGB" "a profile of inks is not kept"
check "so it is not in the file" sh -c '! grep -aq iCCP out.png'

# ---- pack ------------------------------------------------------------------------------

mkdir -p upright/composite_images upright/masks upright/real_images
apply stored.png lies.png base.jpg
for name in real_images/c1 composite_images/c1_1_1; do
    says_more base.jpg upright/$name.jpg exif=6
done
cp stands.png upright/masks/c1_1.png
echo c1_1_1.jpg >upright/HCOCO_train.txt
run 30 "$HARMONIA" pack upright p.h5 --size 64
exits 0 "pack: photographs that stand, with masks as they are seen"
finish
