# The methods without a network: eval over ranks, the model of xue and its file,
# apply.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

small_set d.h5 || exit 1
picture image.png 60 50 rgb photo 1
picture mask.png 60 50 grey box
picture white.png 60 50 grey white
methods="--method composite --method lalonde --method xue-zero --method xue"

# ---- the model -----------------------------------------------------------------

# shellcheck disable=SC2086
run_ranks 120 2 "$HARMONIA" eval --data d.h5 $methods --csv two.csv
exits 0 "eval of all classical methods on 2 ranks"
says 'xue: fitting d.h5.xue' "rank 0 fits the model that is missing"
says 'luminance, top: 0\.[0-9]* of [0-9]* pairs wrong' \
    "and tells cross-validation's error"
# shellcheck disable=SC2086
run 60 "$HARMONIA" eval --data d.h5 $methods --csv one.csv
exits 0 "eval of the same on 1 rank"
check "takes the model that is there" sh -c '! grep -q fitting "$1"' - "$stderr"
check "and gives the same table" cmp one.csv two.csv
check "one row a method" \
    sh -c '[ "$(cut -d, -f1 one.csv | paste -sd " ")" = "method composite lalonde xue-zero xue" ]'

"$HARMONIA" synth other.h5 --size 64 --train 22 --test 2 --seed 4 2>/dev/null
run 20 "$HARMONIA" eval --data other.h5 --method xue --xue-model d.h5.xue
refused 1 "d.h5.xue: fitted on another data set" "the model of another set"
echo "this is no model" >foreign
head -c 20000 d.h5.xue >cut
for file in foreign cut; do
    run_ranks 30 2 "$HARMONIA" eval --data d.h5 --method xue --xue-model $file
    refused 1 "$file: " "eval: model $file"
    run 20 "$HARMONIA" apply --method xue --xue-model $file --image image.png \
        --mask mask.png --output out.png
    refused 1 "$file: " "apply: model $file"
done
run_ranks 60 2 "$HARMONIA" eval --data d.h5 --method xue --xue-model no/m.xue
refused 1 "no/m.xue" "a model that cannot be written"
"$HARMONIA" synth few.h5 --size 64 --train 8 --test 2 --seed 4 2>/dev/null
run 20 "$HARMONIA" eval --data few.h5 --method xue
refused 1 "few.h5.*at least 20" "too few pairs to fit a model"
check "and no file is left" sh -c '! ls few.h5.xue* 2>/dev/null'

# ---- apply ---------------------------------------------------------------------

for method in lalonde xue-zero "xue --data d.h5" "xue --xue-model d.h5.xue"; do
    # shellcheck disable=SC2086
    run 20 "$HARMONIA" apply --method $method --image image.png \
        --mask mask.png --output "out.png"
    exits 0 "apply --method $method"
done
run 20 "$HARMONIA" apply --method xue --image image.png --mask mask.png \
    --output out.png
refused 2 "needs a model" "apply --method xue without a model"
run 20 "$HARMONIA" apply --method lalonde --image image.png --mask white.png \
    --output out.png
refused 1 "white.png: .*no background" "apply: a mask without background"

finish
