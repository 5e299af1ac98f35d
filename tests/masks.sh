# Masks as programs write them: for every command that reads masks, each is taken
# or refused with the option that takes it, and what a network is to see it sees.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

small_set d.h5 || exit 1
# shellcheck disable=SC2086
run 60 "$HARMONIA" train --data d.h5 --out run --ngf 4 --batch 4 --threads 1 \
    --steps 6 --save-every 6 --lr 0.01
exits 0 "a network to apply"
network=$(checkpoint run 6)
# shellcheck disable=SC2086
run 60 "$HARMONIA" train --data d.h5 --out scorer --model bargainnet $small \
    --steps 1 --save-every 1
exits 0 "one to score with"
scorer=$(checkpoint scorer 1)

# The same object in many kinds of files; good.png needs no option.
box=rect:20,5,30,20
picture image.png 64 48 rgb photo 2
picture good.png 64 48 grey $box:0:255
picture one.png 64 48 grey $box:0:1
picture red.png 64 48 rgb $box:0,0,0:255,0,0
picture alpha.png 64 48 rgba $box:255,255,255,0:255,255,255,255
picture cutout.png 64 48 rgba $box:20,30,90,0:200,90,10,255
picture black.png 64 48 la $box:0,255:0,255
picture white.png 64 48 la $box:255,255:255,255
picture small.png 60 48 grey $box:0:1

# apply_to IMAGE MASK OUTPUT OPTIONS...
apply_to() {
    image=$1 mask=$2 output=$3
    shift 3
    rm -f "$output"
    run 20 "$HARMONIA" apply --image "$image" --mask "$mask" --output "$output" "$@"
}
# refused_file WHAT TEXT: nothing is written either
refused_file() {
    refused 1 "$2" "$1"
    check "... and nothing is written" test ! -e out.png
}

# unchanged IMAGE OUTPUT: as the program writes it; xue passes over few pixels
unchanged() {
    picture dot.png "$(size_of "$1" 16)" "$(size_of "$1" 20)" grey \
        rect:3,3,4,4:0:255
    apply_to "$1" dot.png "$2" --method xue-zero
    exits 0 "a picture as it is"
    says "method xue-zero leaves the picture as it is" "which is warned of"
}
# size_of PNG 16|20: its width or height, at that byte
size_of() {
    od -An -tu1 -j "$2" -N 4 "$1" | awk '{ print $3 * 256 + $4 }'
}

# ---- apply -------------------------------------------------------------------------

unchanged image.png same.png
for by in "--checkpoint $network" "--method lalonde"; do
    # shellcheck disable=SC2086
    {
        apply_to image.png good.png want.png $by
        exits 0 "apply $by: a mask"
        check "it says no more than that it wrote" test "$(wc -l <"$stderr")" = 1
        check "it changes the picture" sh -c '! cmp -s same.png want.png'
        apply_to image.png one.png out.png $by
        refused_file "0 and 1" "one.png: .*largest value is 1;.*--mask-threshold 1 "
        apply_to image.png red.png out.png $by
        refused_file "red" "red.png: .*coloured.*--mask-threshold"
        apply_to image.png alpha.png out.png $by
        refused_file "alpha" "alpha.png: .*alpha .0 to 255.*--mask-alpha"
        apply_to image.png cutout.png out.png $by
        refused_file "a cut-out" "cutout.png: .*alpha .0 to 255.*--mask-alpha"
        apply_to image.png black.png out.png $by
        refused_file "all black" "black.png: .*is empty"
        apply_to image.png white.png out.png $by --invert
        refused_file "all white, inverted" "white.png: .*no background"
        apply_to image.png good.png out.png $by --mask-alpha
        refused_file "no alpha" "good.png: no alpha channel"
        apply_to image.png small.png out.png $by
        refused_file "another size" "small.png: 60 x 48 pixels.*image.png has 64 x 48"
        for with in "one.png --mask-threshold 1" "red.png --mask-threshold 128" \
            "alpha.png --mask-alpha" "cutout.png --mask-alpha"; do
            mask=${with%% *}
            apply_to image.png "$mask" out.png $by ${with#* }
            check "$with: the same picture" cmp want.png out.png
        done
    }
done

run 20 "$HARMONIA" apply --checkpoint "$network" --image cutout.png \
    --mask-alpha --output out.png
exits 0 "the image's own alpha is its mask"
apply_to cutout.png good.png want.png --checkpoint "$network"
check "as the same mask in a file is" cmp want.png out.png
rm -f out.png
run 20 "$HARMONIA" apply --checkpoint "$network" --image image.png \
    --mask-alpha --output out.png
refused_file "an image without alpha" "image.png: no alpha channel"
run 20 "$HARMONIA" apply --checkpoint "$network" --image cutout.png \
    --output out.png
refused 2 "option --mask is missing" "no mask at all"

picture dim.png 64 48 grey $box:0:140
apply_to image.png dim.png out.png --checkpoint "$network"
exits 0 "0 and 140"
says "dim.png: .*greys are 0 to 140.*--mask-threshold 70 " "warned of"

# ---- what is thin ------------------------------------------------------------------

picture scene.png 1024 300 rgb photo 4
unchanged scene.png same-scene.png
# thin_object WHAT X,Y,W,H
thin_object() {
    picture thin.png 1024 300 grey "rect:$2:0:255"
    apply_to scene.png thin.png out.png --checkpoint "$network"
    exits 0 "$1"
    check "... is changed" sh -c '! cmp -s same-scene.png out.png'
}
thin_object "a pole between the network's pixels" 505,30,14,200
check "it is seen without a warning" sh -c '! grep -q warning "$1"' - "$stderr"
thin_object "a wire across" 20,71,900,1
thin_object "a pole at the edge" 1023,0,1,300
thin_object "one pixel" 517,99,1,1
says "warning: the object has 1 pixels, less than one of the 64 x 64" "warned of"
apply_to scene.png thin.png out.png --checkpoint "$network" --invert
exits 0 "all but one pixel"

# ---- score -------------------------------------------------------------------------

# score_of WHAT OPTIONS...
score_of() {
    what=$1
    shift
    run 20 "$HARMONIA" score --checkpoint "$scorer" "$@"
    exits 0 "score, $what"
    cat "$stdout" >score.txt
}
score_of "a mask" --image image.png --mask good.png
mv score.txt want.txt
score_of "0 and 1" --image image.png --mask one.png --mask-threshold 1
check "the same" cmp want.txt score.txt
score_of "alpha" --image image.png --mask alpha.png --mask-alpha
check "the same" cmp want.txt score.txt
run 20 "$HARMONIA" score --checkpoint "$scorer" --image image.png --mask one.png
refused 1 "one.png: .*--mask-threshold 1 " "score, 0 and 1"
score_of "the image's own alpha" --image cutout.png --mask-alpha

# ---- folders -----------------------------------------------------------------------

# hcoco FOLDER MASK: two composites, one of them with that mask
hcoco() {
    mkdir -p "$1/composite_images" "$1/masks" "$1/real_images"
    for number in 1 2; do
        cp image.png "$1/composite_images/c${number}_1_1.jpg"
        cp image.png "$1/real_images/c$number.jpg"
        cp good.png "$1/masks/c${number}_1.png"
    done
    cp "$2" "$1/masks/c2_1.png"
    echo c1_1_1.jpg >"$1/HCOCO_train.txt"
    echo c2_1_1.jpg >"$1/HCOCO_test.txt"
}
for kind in one red alpha cutout black white; do
    hcoco p-$kind $kind.png
    run 20 "$HARMONIA" pack p-$kind p-$kind.h5 --size 32
    refused 1 "masks/c2_1.png: the mask .*--skip-bad" "pack, $kind"
    run 20 "$HARMONIA" pack p-$kind p-$kind.h5 --size 32 --skip-bad
    exits 0 "pack --skip-bad, $kind"
    check "tells why" grep -q "masks/c2_1.png: the mask" p-$kind.h5.skipped.txt
done
hcoco p-good good.png
run 20 "$HARMONIA" pack p-good p-good.h5 --size 32
run 20 "$HARMONIA" pack p-one by-threshold.h5 --size 32 --mask-threshold 1
exits 0 "pack --mask-threshold"
check "is another protocol" sh -c '
    "$HARMONIA" info by-threshold.h5 | grep -q "masks threshold 1 then"'
cp alpha.png p-alpha/masks/c1_1.png
run 20 "$HARMONIA" pack p-alpha by-alpha.h5 --size 32 --mask-alpha
exits 0 "pack --mask-alpha"
for file in by-threshold by-alpha; do
    check "$file: the masks are those of good ones" sh -c '
        h5diff "$1.h5" p-good.h5 /masks' - $file
done
run 20 "$HARMONIA" pack p-one by-threshold.h5 --size 32 --mask-threshold 2
refused 1 "by-threshold.h5: .*other options" "another threshold is another set"
run 20 "$HARMONIA" pack p-one two.h5 --mask dither --mask-threshold 1
refused 2 "--mask dither and --mask-threshold" "either dithering or a threshold"

# photos FOLDER MASK: two photographs with that mask
photos() {
    mkdir -p "$1/train"
    printf 'name\tsplit\tcategory\n' >"$1/index.tsv"
    for name in a b; do
        cp image.png "$1/train/$name.jpg"
        cp "$2" "$1/train/$name.png"
        printf '%s\ttrain\tcat\n' $name >>"$1/index.tsv"
    done
}
for kind in one alpha white; do
    photos f-$kind $kind.png
    run 20 "$HARMONIA" compose f-$kind c-$kind --methods gct
    refused 1 "train/[ab].png: the mask " "compose, $kind"
done
photos f-good good.png
run 20 "$HARMONIA" compose f-good c-good --methods gct
run 20 "$HARMONIA" compose f-one c-threshold --methods gct --mask-threshold 1
exits 0 "compose --mask-threshold"
run 20 "$HARMONIA" compose f-alpha c-by-alpha --methods gct --mask-alpha
exits 0 "compose --mask-alpha"
for folder in c-threshold c-by-alpha; do
    check "$folder: as from good masks" sh -c '
        diff -r "$1/masks" c-good/masks &&
        diff -r "$1/composite_images" c-good/composite_images' - $folder
done
run 20 "$HARMONIA" compose f-one c-threshold --methods gct --mask-threshold 2
refused 1 "c-threshold" "a folder of another threshold is not continued"
finish
