# DoveNet, BargainNet and mixes of them: the same bits on any number of ranks
# and across a resume, presets, checkpoints, and the commands that use them.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

small_set d.h5 || exit 1
steps=6
tiny="--ngf 4 --ndf 4 --nef 4 --batch 4 --micro-batch 1 --threads 1
      --report-samples 0 --crop-min 0.5"

. "$HARMONIA_SOURCE/tests/lib/bits.sh"

check_bits dovenet --model dovenet
check_bits dovenet-batch --model dovenet --norm batch --batch 8 --micro-batch 2
check_bits bargainnet --model bargainnet --batch 5
check_bits mix --model bargainnet --gan lsgan --norm instance \
    --triplet entries --d-lr-ratio 2
check_bits plain --model dovenet --gan vanilla --gp-ratio 0 --lambda-gan 0.5

# ---- what is trained and stored ------------------------------------------------

dovenet=$(checkpoint dovenet-1 $steps)
bargainnet=$(checkpoint bargainnet-1 $steps)
check "dovenet: discriminator, spectral norm and their moments are stored" \
    sh -c 'h5ls -r "$1" >l && grep -q "^/D/D.conv5f.weight_v" l &&
        grep -q "^/optimizer/exp_avg/D/D.conv5f.weight_orig" l &&
        ! grep -q "^/D/D.conv6" l && grep -q "^/optimizer/exp_avg/G/" l' - \
    "$dovenet"
check "bargainnet: code extractor and style scale are stored" \
    sh -c 'h5ls -r "$1" >l && grep -q "^/E/norm4f.running_var" l &&
        grep -q "^/G/weight" l && ! grep -q "^/D/" l' - "$bargainnet"
differs() {
    h5diff "$1" "$2" "$3" >/dev/null 2>&1
    [ $? -eq 1 ]
}
train 1 fresh --steps 1 --model dovenet
check "the discriminator learns" differs "$(checkpoint fresh 1)" "$dovenet" \
    /D/convg3.weight
check "so does the generator" differs "$(checkpoint fresh 1)" "$dovenet" \
    /G/model.model.0.weight
check "power iterations go on" differs "$(checkpoint fresh 1)" "$dovenet" \
    /D/D.conv1f.weight_u
check "every loss is logged" sh -c 'head -n 1 dovenet-1/log.csv |
    grep -q loss_D_fake.*loss_D_gp.*loss_D,loss_G_global.*loss_G_L1,loss_G,'

run 20 "$HARMONIA" info "$bargainnet"
check "info shows the preset's values" sh -c '
    grep -q "^option.lambda-tri *0.01$" "$1" &&
    grep -q "^option.norm *batch$" "$1" && grep -q "^option.beta1 *0.9$" "$1" &&
    grep -q "^option.style-code *yes$" "$1"' - "$stdout"
run 20 "$HARMONIA" info "$(checkpoint mix-1 $steps)"
check "and what was given instead" sh -c '
    grep -q "^option.gan *lsgan$" "$1" && grep -q "^option.norm *instance$" "$1"' \
    - "$stdout"
run_ranks 20 1 "$HARMONIA" train --data d.h5 --out dovenet-1 --resume --steps 9 \
    --lambda-gp 1
refused 1 "option --lambda-gp: 1, .*has 10" "another penalty is refused"

# ---- use -----------------------------------------------------------------------

picture i.png 80 60 rgb photo 3 && picture m.png 80 60 grey box
for model in dovenet bargainnet; do
    file=$(checkpoint $model-1 $steps)
    run 20 "$HARMONIA" apply --checkpoint "$file" --image i.png --mask m.png \
        --output $model.png
    exits 0 "apply $model"
done
run 20 "$HARMONIA" apply --checkpoint "$bargainnet" --image i.png --mask m.png \
    --output inverted.png --invert
exits 0 "apply --invert"
check "is another picture" sh -c 'test -s inverted.png &&
    ! cmp -s bargainnet.png inverted.png'
run 20 "$HARMONIA" score --checkpoint "$bargainnet" --image i.png --mask m.png
exits 0 "score"
check "is between 0 and 1" awk '
    $1 > 0 && $1 <= 1 && NF == 1 { good++ } END { exit good != 1 || NR != 1 }' \
    "$stdout"
run 20 "$HARMONIA" score --checkpoint "$dovenet" --image i.png --mask m.png
refused 1 "step-00000006.h5: .*no code extractor" "dovenet has no score"
picture full.png 80 60 grey white
run 20 "$HARMONIA" score --checkpoint "$bargainnet" --image i.png --mask full.png
refused 1 "full.png: .*no background" "a full mask has no score"

for whose in composite real; do
    run_ranks 60 2 "$HARMONIA" eval --data d.h5 --checkpoint "$bargainnet" \
        --checkpoint "$dovenet" --code $whose --csv $whose.csv
    exits 0 "eval --code $whose"
done
# the background of a composite is that of its real image
check "both codes are those of the same background" sh -c '
    cut -d, -f2 composite.csv >a && cut -d, -f2 real.csv >b && paste a b |
    awk "NR > 1 && (\$1 - \$2) ^ 2 > 1e-6 * \$2 ^ 2 { bad = 1 } END { exit bad }"'
finish
