# Scores that are infinite or none stay out of means, and are named; what eval
# writes is tried first, appears whole, and goes through links.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

# ---- a folder with every kind of sample -------------------------------------------

mkdir -p h/composite_images h/real_images h/masks
# sample NAME COMPOSITE REAL [SEED]: patterns
sample() {
    picture "h/composite_images/$1_1_1.png" 32 32 rgb "$2" "${4:-1}" &&
        picture "h/real_images/$1.png" 32 32 rgb "$3" 1 &&
        picture "h/masks/$1_1.png" 32 32 grey box0.3 &&
        echo "$1_1_1.png" >>h/HCOCO_test.txt
}
sample usual photo photo 2
sample same photo photo 1
sample flat black photo
sample other noise photo 2
run 20 "$HARMONIA" pack h all.h5 --size 32
exits 0 "pack"
grep -E '^(usual|other)' h/HCOCO_test.txt >list && mv list h/HCOCO_test.txt
run 20 "$HARMONIA" pack h finite.h5 --size 32
for name in same flat; do
    echo "${name}_1_1.png" >h/HCOCO_test.txt
    "$HARMONIA" pack h $name.h5 --size 32 2>/dev/null
done

# cell CSV HEADING: of the first row
cell() {
    awk -F, -v want="$2" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
        NR == 2 { print $at[want] }' "$1"
}
# evaluate SET CSV OPTIONS...
evaluate() {
    set_name=$1
    csv=$2
    shift 2
    run 20 "$HARMONIA" eval --data "$set_name" --method composite --csv "$csv" "$@"
}
no_words() { # FILE...: neither nan nor inf
    ! grep -Eqiw -e '-?nan|-?inf(inity)?' "$@"
}

evaluate finite.h5 finite.csv
exits 0 "eval of ordinary samples"
cp "$stdout" finite.txt
check "says nothing of any left out" sh -c '! grep -q without "$1"' - finite.txt
evaluate all.h5 all.csv
exits 0 "eval with an equal and a flat one"
cp "$stdout" all.txt
check "no nan or inf in table and CSV" no_words all.txt all.csv
check "PSNR is the mean of the others, to the bit" test "$(cell all.csv psnr)" = \
    "$(cell finite.csv psnr)"
check "MSE is over all of them" sh -c 'test "$1" = 4 && test "$2" != "$3"' - \
    "$(cell all.csv mse_images)" "$(cell all.csv mse)" "$(cell finite.csv mse)"
check "the CSV tells of how many images each mean is" test \
    "$(for k in images psnr_images psnr255_images fmse_images ssim_images \
        psnr_images_15-100; do cell all.csv $k; done | tr '\n' ' ')" = \
    "4 2 3 4 4 2 "
check "the equal one is counted and named" grep -q \
    '^composite: PSNR without 1 of 4 images, equal to the real one: same_1_1.png$' \
    all.txt
check "and so is the flat one" grep -q \
    '^composite: PSNR without 1 of 4 images, whose range .* is 0: flat_1_1.png$' \
    all.txt
run_ranks 20 3 "$HARMONIA" eval --data all.h5 --method composite --csv three.csv
check "three ranks: the same CSV" cmp all.csv three.csv
check "three ranks: the same table" cmp all.txt "$stdout"
evaluate all.h5 255.csv --psnr-range 255
check "with a range of 255 only the equal one is left out" test \
    "$(cell 255.csv psnr_images)" = 3
evaluate same.h5 same.csv
check "no sample with a PSNR: a dash, and an empty cell" sh -c '
    grep -q "^composite  *0.00  *-  *0.00  *1.0000  *-  *0.0$" "$1" &&
    test -z "$2" && test "$3" = 0' - "$stdout" "$(cell same.csv psnr)" \
    "$(cell same.csv mse)"
evaluate flat.h5 flat.csv
check "a set of flat ones: no nan or inf" no_words "$stdout" flat.csv
check "their PSNR with range 255 is there" sh -c 'test -n "$1"' - \
    "$(cell flat.csv psnr255)"

# ---- a network that makes no numbers ------------------------------------------------

"$HARMONIA" synth d.h5 --size 64 --train 8 --test 4 --validation 3 --seed 3 \
    2>/dev/null
# shellcheck disable=SC2086
run 60 "$HARMONIA" train --data d.h5 --out absurd $small --norm batch --steps 9 \
    --lr 10 --lambda-l1 1e9 --beta2 0 --eps 1e-30 --validate-every 1 --save-every 1
says "validation: all means without 3 of 3 images.*: validation000000_1_1.jpg" \
    "validation of a network that gives NaN says so"
check "its row has empty cells" grep -Eq '^[0-9]+,,,,,,3$' absurd/validation.csv
check "and no nan" no_words absurd/validation.csv
best=$("$HARMONIA" info absurd/checkpoints/best.h5 | sed -n 's/^step  *//p')
check "the best one is a step that was scored" \
    grep -Eq "^$best,[0-9.]+," absurd/validation.csv
run 20 "$HARMONIA" report absurd
exits 0 "report draws such a run"

# ---- what is written ------------------------------------------------------------------

# early WHAT: no image was evaluated before the message
early() {
    check "$1" sh -c '! grep -q evaluated "$1"' - "$stderr"
}
evaluate all.h5 nowhere/t.csv
refused 1 "nowhere/t.csv: cannot create" "a CSV that cannot be written"
early "is told before the evaluation"
evaluate all.h5 t.csv --sheet nowhere/s.png
refused 1 "nowhere/s.png: cannot create" "a sheet that cannot be written"
early "is told before the evaluation"
evaluate all.h5 t.csv --sheet s.gif
refused 2 "s.gif: an image's name ends in" "a sheet of another format"
check "nothing is left of the CSV" test ! -e t.csv
mkdir folder
evaluate all.h5 folder
refused 1 "folder: cannot write" "a folder"

echo former >kept.csv
run 20 "$HARMONIA" eval --data all.h5 --checkpoint none.h5 --csv kept.csv
exits 1 "an evaluation that fails"
check "keeps the former CSV" grep -qx former kept.csv
check "and leaves no other file" sh -c 'test "$(ls | grep -c kept)" = 1'

mkdir far
echo old >far/t.csv
ln -s far/t.csv link.csv
ln -s far/s.png link.png
evaluate all.h5 link.csv --sheet link.png --sheet-rows 2
exits 0 "eval into links"
check "writes where they lead" sh -c '
    test -L link.csv && test -L link.png && cmp all.csv far/t.csv &&
    test "$(head -c 4 far/s.png | tail -c 3)" = PNG'
evaluate all.h5 /dev/stdout
check "--csv /dev/stdout comes after the table" sh -c '
    cat all.txt all.csv | cmp - "$1"' - "$stdout"
evaluate all.h5 /dev/null
exits 0 "--csv /dev/null"
mkfifo pipe
cat pipe >piped &
evaluate all.h5 pipe
wait $!
check "a named pipe gets the CSV" cmp all.csv piped

ln -s far/set.h5 set.h5
run 20 "$HARMONIA" pack h set.h5 --size 32
exits 0 "pack into a link that leads to nothing yet"
check "makes the file there, and nothing else" sh -c '
    test -L set.h5 && cmp flat.h5 far/set.h5 && ! ls far | grep -q "tmp\|part"'
run 20 "$HARMONIA" pack h set.h5 --size 32
says "already complete" "and finds it there"
ln -s far/synth.h5 synth.h5
run 20 "$HARMONIA" synth synth.h5 --size 32 --train 2 --test 1
check "synth writes through a link" sh -c 'test -L synth.h5 && test -f far/synth.h5'
run 20 "$HARMONIA" synth /dev/null --size 32 --train 2 --test 1
refused 1 "/dev/null: .*expected the name of a file" "not into a device"
finish
