# eval: the numbers of NumPy and Pillow; the same on any number of ranks.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

# ---- a small folder: photographs of three mask sizes ------------------------------

mkdir -p photos/train photos/test
printf 'name\tsplit\tcategory\n' >photos/index.tsv
# photo NUMBER SPLIT CATEGORY WIDTH HEIGHT MASK
photo() {
    picture "photos/$2/p$1.jpg" "$4" "$5" rgb photo "$1" &&
        picture "photos/$2/p$1.png" "$4" "$5" grey "$6" &&
        printf 'p%s\t%s\t%s\n' "$1" "$2" "$3" >>photos/index.tsv
}
photo 1 train cat 90 70 box0.1
photo 2 train cat 64 64 box0.16
photo 3 train dog 100 75 box0.3
photo 4 train dog 70 110 soft
photo 5 test cat 80 81 box0.1
photo 6 test cat 97 66 box0.15
photo 7 test dog 128 96 box0.4
photo 8 test dog 65 64 soft
photo 9 test cat 75 90 box0.2
run 60 "$HARMONIA" compose photos h --per-image 3 --seed 4
exits 0 "compose"
run 60 "$HARMONIA" pack h h.h5 --size 64
exits 0 "pack"

# ---- against NumPy ----------------------------------------------------------------

# evaluate RANKS CSV ARGUMENTS...
evaluate() {
    number=$1
    csv=$2
    shift 2
    run_ranks 60 "$number" "$HARMONIA" eval --data h.h5 --csv "$csv" "$@"
}

if has_modules numpy,PIL; then
    compare() {
        evaluate 1 table.csv --method composite --split "$1" --bg "$2" \
            --psnr-range "$3"
        check "as NumPy computes it: $1, background $2, range $3" \
            /usr/bin/python3 "$HARMONIA_SOURCE/tests/eval_numpy.py" h "$1" 64 \
            "$2" "$3" table.csv
        note "$(tail -n 1 .check)"
    }
    compare test as-is pred
    compare train as-is pred
    compare test gt pred
    compare test masked pred
    compare test as-is target-max
    compare test as-is 255
    compare test gt 255
    # a real folder, where the project's neighbour has one
    source=$HARMONIA_SOURCE/../shared/photos
    if [ -f "$source/index.tsv" ]; then
        mkdir -p some/train some/test
        awk -F '\t' 'NR == 1 || ++n[$2] <= 8' "$source/index.tsv" >some/index.tsv
        awk -F '\t' 'NR > 1 { print $2 "/" $1 }' some/index.tsv |
            while read -r file; do
                cp "$source/$file.jpg" "$source/$file.png" "some/${file%/*}/"
            done
        "$HARMONIA" compose some s --seed 2 2>/dev/null &&
            "$HARMONIA" pack s s.h5 --size 64 2>/dev/null &&
            "$HARMONIA" eval --data s.h5 --method composite --csv s.csv \
                >/dev/null 2>&1
        check "as NumPy computes it: photographs" /usr/bin/python3 \
            "$HARMONIA_SOURCE/tests/eval_numpy.py" s test 64 as-is pred s.csv
        note "$(head -n 1 .check)"
    fi
    sed '2s/,\([0-9]*\)\./,9\1./' table.csv >wrong.csv
    if /usr/bin/python3 "$HARMONIA_SOURCE/tests/eval_numpy.py" h test 64 gt 255 \
        wrong.csv >/dev/null 2>&1; then
        ok 1 "the comparison notices a wrong number"
    else
        ok 0 "the comparison notices a wrong number"
    fi
else
    skip "no numpy and PIL for /usr/bin/python3"
fi

# ---- the table, over ranks ----------------------------------------------------------

run 60 "$HARMONIA" train --data h.h5 --out run --ngf 4 --batch 4 --threads 1 \
    --norm batch --steps 6 --save-every 3 --report-samples 0
exits 0 "a network to evaluate"
three=$(checkpoint run 3)
six=$(checkpoint run 6)
for split in train test; do
    evaluate 1 one.csv --method composite --checkpoint "$six" --split $split
    exits 0 "eval of composite and network, $split split"
    cp "$stdout" one.txt
    for number in 2 3; do
        evaluate $number many.csv --method composite --checkpoint "$six" \
            --split $split
        check "$number ranks: the same numbers, $split split" cmp one.csv many.csv
        check "$number ranks: the same table" cmp one.txt "$stdout"
    done
    check "columns are the table's headings in lower case, method first" \
        grep -q '^method,mse,psnr,fmse,ssim,' one.csv
    check "one row a method" sh -c '
        test "$(cut -d, -f1 one.csv | tr "\n" " ")" = "method composite unet "'
    check "all images of the split" awk -F, -v lines="$(grep -c . h/HCOCO_$split.txt)" '
        NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i }
        NR > 1 {
            sum = $column["images_0-5"] + $column["images_5-15"]
            sum += $column["images_15-100"]
            if (sum != lines || $column["images"] != lines) bad = 1
        }
        END { exit bad || NR != 3 }' one.csv
done
check "the table on stdout has headings and methods" sh -c '
    head -n 1 one.txt | grep -Eq "^Method +MSE +PSNR +fMSE +SSIM" &&
    grep -q "^composite " one.txt && grep -q "^unet " one.txt &&
    grep -q "15-100" one.txt'
check "the network changes the numbers" sh -c '
    test "$(sed -n 2p one.csv | cut -d, -f2-)" != \
        "$(sed -n 3p one.csv | cut -d, -f2-)"'

# (it has drawn the background anew in a few steps)
check "worse: the composite never is, a network of 6 steps always" \
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "worse") at = i }
        NR > 1 && $at != ($1 != "composite") { bad = 1 }
        END { exit bad || NR != 3 || !at }' one.csv

for number in 1 2; do
    evaluate $number sheet.csv --method composite --method lalonde \
        --checkpoint "$six" --sheet $number.png --sheet-rows 3
    exits 0 "eval --sheet, $number ranks"
done
check "is a picture, the same on any number of ranks" sh -c '
    test "$(head -c 4 1.png | tail -c 3)" = PNG && cmp 1.png 2.png'
evaluate 1 sheet.csv --method composite --method lalonde --sheet few.png \
    --sheet-rows 0
exits 0 "eval --sheet with no samples but the worst, the median and the best"
# a sample of 64 pixels has two rows of 128 and what is between
check "which go before the others" test \
    $((($(png_size 1.png | cut -d' ' -f2) - $(png_size few.png | cut -d' ' -f2)) / 268)) = 3
evaluate 2 sheet.csv --method composite --sheet nowhere/s.png
exits 1 "a sheet that cannot be written"
says "nowhere/s.png" "the message names it"

evaluate 1 two.csv --checkpoint "$three" --checkpoint "$six"
exits 0 "two checkpoints"
check "are told apart by name" sh -c '
    test "$(cut -d, -f1 two.csv | sort -u | grep -c .)" -eq 3'
evaluate 2 cost.csv --method composite --checkpoint "$six" --label "six steps" --cost
exits 0 "eval --cost --label"
check "the table tells of it" grep -Eq \
    "^six steps +[0-9.]+ M +[0-9.]+ G +[0-9.]+$" "$stdout"
check "and the CSV, behind the same scores" awk -F, '
    NR == FNR { if ($1 == "unet") scores = substr($0, 5); next }
    FNR == 1 { bad += !/,worse,parameters,multiply_adds,seconds$/ }
    FNR == 2 { bad += !/,,,[0-9.e-]+$/ }
    FNR == 3 {
        bad += index($0, "six steps" scores ",") != 1 || scores == ""
        bad += !($(NF - 2) > 1000 && $(NF - 1) > 1e5 && $NF > 0)
    }
    END { exit bad || FNR != 3 }' one.csv cost.csv
evaluate 1 cost.csv --checkpoint "$six" --label one --label two
exits 2 "more labels than checkpoints"
says "option --label: 2 of them for 1 of --checkpoint" "the message says so"
evaluate 2 limit.csv --method composite --limit 4
check "--limit takes the first ones" sh -c '
    test "$(sed -n 2p limit.csv | cut -d, -f8)" = 4'
for how in trunc round float; do
    evaluate 1 $how.csv --checkpoint "$six" --quantise $how
done
check "--quantise makes a small difference" awk -F, '
    FNR == 2 { mse[FILENAME] = $2 }
    END { a = mse["trunc.csv"]; b = mse["round.csv"]; c = mse["float.csv"]
          exit !(a != b && b != c && (a - c) ^ 2 < (0.05 * c + 2) ^ 2) }' \
    trunc.csv round.csv float.csv
evaluate 1 live.csv --checkpoint "$six" --train-mode
exits 0 "--train-mode"
check "uses the statistics of each image" \
    sh -c '! cmp -s trunc.csv live.csv'
evaluate 2 live-2.csv --checkpoint "$six" --train-mode
check "and is the same on 2 ranks" cmp live.csv live-2.csv
finish
