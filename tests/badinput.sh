# Missing, damaged and foreign files, options that make no sense: a message that
# names what is wrong, exit status 1 (2 for usage), nothing lost.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

small_set d.h5 || exit 1
# shellcheck disable=SC2086
run 60 "$HARMONIA" train --data d.h5 --out run $small --steps 4
exits 0 "a small run"
good=$(checkpoint run 4)
picture image.png 40 30 rgb photo 1
picture mask.png 40 30 grey box
picture empty.png 40 30 grey black
picture small-mask.png 30 30 grey box
echo "this is no picture and no data set, but text of some length" >foreign
head -c 30000 d.h5 >cut.h5
head -c 30000 "$good" >cut-checkpoint.h5
head -c 1500 image.png >cut.png
: >nothing
# one sample's bytes are damaged, the index is not
cp d.h5 damaged.h5
head -c 2000 /dev/zero | tr '\0' 'U' | dd of=damaged.h5 bs=1 seek=100000 \
    conv=notrunc 2>/dev/null

# try CODE TEXT WHAT ARGUMENTS...
try() {
    want=$1
    text=$2
    what=$3
    shift 3
    run 20 "$HARMONIA" "$@"
    refused "$want" "$text" "$what"
}

# ---- data sets -----------------------------------------------------------------

for file in missing cut foreign nothing; do
    name=$file
    [ -e $file ] || name=$file.h5
    try 1 "$name: " "train: data set $file" train --data $name --out new $small
    try 1 "$name: " "eval: data set $file" eval --data $name --method composite
    try 1 "$name: " "info: $file" info $name
done
try 1 "step-00000004.h5: .*data set" "a checkpoint is no data set" \
    train --data "$good" --out new
try 1 "d.h5: holds images of 64 pixels, option --size is 128" \
    "a data set of another size" train --data d.h5 --out new --size 128
run 20 "$HARMONIA" info --verify damaged.h5
exits 1 "info --verify of a damaged data set"
says "^harmonia: damaged.h5: .*checksum" "says so"
try 1 "damaged.h5: .*sample" "train on a damaged data set" \
    train --data damaged.h5 --out damaged $small --steps 20
try 1 "damaged.h5: " "eval on a damaged data set" \
    eval --data damaged.h5 --method composite --split train
# a few kilobytes that claim to be terabytes
corpus=$HARMONIA_SOURCE/tests/fuzz/corpus
try 1 "claims.h5: .*size 16384: too many for a file" "a data set that is not there in full" \
    eval --data "$corpus/set/bad-claims.h5" --method composite
run 20 "$HARMONIA" info --verify "$corpus/checkpoint/bad-claims.h5"
exits 1 "a checkpoint that is not there in full"
says "claims.h5: array 'G/w' .*not there in full" "says so"
"$HARMONIA" synth none.h5 --train 0 --test 2 2>/dev/null
try 1 "none.h5: the training split is empty" "no training samples" \
    train --data none.h5 --out new
"$HARMONIA" synth no-test.h5 --train 2 --test 0 2>/dev/null
try 1 "no-test.h5: the test split is empty" "no test samples" \
    eval --data no-test.h5 --method composite
try 1 "/nowhere/x.h5" "synth into a folder that is not there" \
    synth --train 2 --test 2 /nowhere/x.h5

# ---- checkpoints -----------------------------------------------------------------

"$HARMONIA" synth large.h5 --size 128 --train 2 --test 2 2>/dev/null
try 1 "step-00000004.h5: .*64 pixels.*128" "a checkpoint of another size: eval" \
    eval --data large.h5 --checkpoint "$good"
run 20 "$HARMONIA" report run --data large.h5
exits 1 "a checkpoint of another size: report"
says "^harmonia: large.h5.*128 pixels.*64" "names data set and sizes"
for file in missing.h5 cut-checkpoint.h5 foreign nothing d.h5; do
    try 1 "$file: " "eval: checkpoint $file" \
        eval --data d.h5 --checkpoint $file
    try 1 "$file: " "apply: checkpoint $file" \
        apply --checkpoint $file --image image.png --mask mask.png --output o.png
done
try 1 "missing-run" "report of a run that is not there" report missing-run
mkdir new-run
try 1 "new-run" "report of a folder without a log" report new-run

# ---- images ----------------------------------------------------------------------

# apply_to IMAGE MASK OUTPUT
apply_to() {
    run 20 "$HARMONIA" apply --checkpoint "$good" --image "$1" --mask "$2" \
        --output "$3"
}
apply_to missing.png mask.png o.png
refused 1 "missing.png: " "apply: no image"
apply_to image.png missing.png o.png
refused 1 "missing.png: " "apply: no mask"
apply_to image.png small-mask.png o.png
refused 1 "small-mask.png: 30 x 30 pixels, but image.png has 40 x 30" \
    "apply: a mask of another size"
apply_to image.png empty.png o.png
refused 1 "empty.png: .*empty" "apply: an empty mask"
apply_to cut.png mask.png o.png
refused 1 "cut.png: " "apply: a truncated image"
apply_to foreign mask.png o.png
refused 1 "foreign: " "apply: a foreign image"
apply_to image.png nothing o.png
refused 1 "nothing: " "apply: an empty file as mask"
apply_to image.png mask.png o.gif
refused 2 "o.gif: " "apply: an output format that is not known"
apply_to image.png mask.png nowhere/o.png
refused 1 "nowhere/o.png: " "apply: an output folder that is not there"
apply_to . mask.png o.png
refused 2 "option --mask: many pictures" "apply: a folder as image, and one mask"
check "apply left nothing behind" test ! -e o.png -a ! -e o.gif

# ---- folders ---------------------------------------------------------------------

# hcoco FOLDER: two composites a split, all good
hcoco() {
    mkdir -p "$1/composite_images" "$1/masks" "$1/real_images"
    for number in 1 2 3 4; do
        cp image.png "$1/composite_images/c${number}_1_1.jpg"
        cp image.png "$1/real_images/c$number.jpg"
        cp mask.png "$1/masks/c${number}_1.png"
    done
    printf 'c1_1_1.jpg\nc2_1_1.jpg\n' >"$1/HCOCO_train.txt"
    printf 'c3_1_1.jpg\nc4_1_1.jpg\n' >"$1/HCOCO_test.txt"
}
# try_pack FOLDER TEXT WHAT
try_pack() {
    rm -f "$1.h5"*
    try 1 "$2" "pack: $3" pack "$1" "$1.h5" --size 64
    check "pack: no file after $3" test ! -e "$1.h5"
}
hcoco h-good
run 20 "$HARMONIA" pack h-good h-good.h5 --size 64
exits 0 "pack of a good folder"
hcoco h-list && echo c9_1_1.jpg >>h-list/HCOCO_train.txt
try_pack h-list "c9_1_1" "a list that names what is not there"
hcoco h-mask && rm h-mask/masks/c3_1.png
try_pack h-mask "c3_1.png" "an image without its mask"
hcoco h-real && rm h-real/real_images/c2.jpg
try_pack h-real "c2.jpg" "a composite without its real image"
hcoco h-size && cp small-mask.png h-size/masks/c2_1.png
try_pack h-size "masks/c2_1.png" "a mask of another size"
hcoco h-empty && cp empty.png h-empty/masks/c4_1.png
try_pack h-empty "masks/c4_1.png.*empty|empty.*masks/c4_1.png" "an empty mask"
hcoco h-cut && cp cut.png h-cut/composite_images/c1_1_1.jpg
try_pack h-cut "composite_images/c1_1_1.jpg" "a truncated image"
hcoco h-none && rm h-none/HCOCO_*.txt
try_pack h-none "h-none" "a folder without lists"
try_pack missing-folder "missing-folder" "no folder"
run 20 "$HARMONIA" pack h-cut h-cut.h5 --size 64 --skip-bad
exits 0 "pack --skip-bad goes on"
says "c1_1_1.jpg" "it tells on stderr what it skipped"
check "and in a list" grep -q c1_1_1.jpg h-cut.h5.skipped.txt
run 20 "$HARMONIA" info h-cut.h5
check "the rest is there" grep -q '^train *1 composites' "$stdout"
try 1 "missing-photos" "compose: no folder" compose missing-photos out
mkdir photos && printf 'name\tsplit\tcategory\nx\ttrain\tcat\n' >photos/index.tsv
try 1 "photos/train/x" "compose: an index that names what is not there" \
    compose photos out

# ---- usage -----------------------------------------------------------------------

try 2 "option --lr: '11'" "train: an option out of range" \
    train --data d.h5 --out new --lr 11
try 2 "option --ngf: '0'" "train: --ngf 0" train --data d.h5 --out new --ngf 0
try 2 "option --norm: 'none'" "train: not one of the choices" \
    train --data d.h5 --out new --norm none
try 2 "no option --bogus" "train: an unknown option" train --bogus
try 2 "option --data is missing" "train: --data is missing" train --out new
try 2 "option --out is missing" "train: --out is missing" train --data d.h5
try 2 "option --micro-batch: 3" "train: a micro-batch that does not divide" \
    train --data d.h5 --out new --batch 4 --micro-batch 3
try 2 "nothing to evaluate" "eval: neither checkpoint nor method" \
    eval --data d.h5
try 2 "option --method: 'magic'" "eval: an unknown method" \
    eval --data d.h5 --method magic
try 2 "option --quality: '0'" "apply: --quality 0" apply --quality 0
try 2 "option --image is missing" "apply: nothing given" apply
try 2 "options --checkpoint and --method" "apply: two methods" \
    apply --checkpoint "$good" --method lalonde --image image.png \
    --mask mask.png --output out.png
try 2 "option --method: 'magic'" "apply: an unknown method" \
    apply --method magic --image image.png --mask mask.png --output out.png
try 1 "empty.png: the mask is empty" "apply: an empty mask, without a network" \
    apply --method lalonde --image image.png --mask empty.png --output out.png
try 2 "option --size: '8'" "pack: --size 8" pack h-good x.h5 --size 8
try 2 "too few arguments" "pack: one argument" pack h-good
try 2 "'c' is one argument too many" "pack: three" pack a b c
try 2 "methods.*'magic'|'magic'.*methods" "compose: an unknown transfer" \
    compose photos out --methods magic
try 2 "no command 'bogus'" "an unknown command" bogus
check "no run was begun by what was refused" test ! -e new/checkpoints/*.h5
"$HARMONIA" info --verify "$good" >/dev/null
ok $? "the checkpoint is good after all this"
finish
