# iDIH, iSSAM and PCT-Net: the same bits on any number of ranks and across a
# resume, presets, what is stored, the commands that use them, what is refused.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

small_set d.h5 || exit 1
steps=4
tiny="--ngf 4 --batch 8 --micro-batch 2 --threads 1 --report-samples 0"

. "$HARMONIA_SOURCE/tests/lib/bits.sh"

check_bits idih --model idih --head affine
check_bits pct --model pct
check_bits maskpool --model maskpool --recompose 0.5 --mask-jitter 0.5 --ema 0.9

# ---- what is stored --------------------------------------------------------------

idih=$(checkpoint idih-1 $steps)
pct=$(checkpoint pct-1 $steps)
blur=G/decoder.up_blocks.2.attention.mask_blurring.weight
run 20 "$HARMONIA" info "$pct"
check "info shows the preset's values" sh -c '
    grep -q "^option.generator *issam$" "$1" && grep -q "^option.head *affine$" "$1" &&
    grep -q "^option.loss *fnmse$" "$1" && grep -q "^option.min-area *1000$" "$1" &&
    grep -q "^option.lambda-sobel *0.1$" "$1" && grep -q "^option.lr *0.001$" "$1"' \
    - "$stdout"
run 20 "$HARMONIA" info "$idih"
check "and what was given instead" sh -c '
    grep -q "^option.generator *idih$" "$1" && grep -q "^option.head *affine$" "$1" &&
    grep -q "^option.min-area *100$" "$1"' - "$stdout"
h5ls -r "$pct" >arrays
check "the mask's blur is stored, without moments" sh -c '
    grep -q "^/$1 " arrays && ! grep -q "optimizer/exp_avg/$1 " arrays' - "$blur"
check "losses are logged" sh -c 'head -n 1 pct-1/log.csv |
    grep -q loss_G_fnmse,loss_clamped,loss_G_sobel,loss_G,'
unchanged() {
    h5diff "$1" "$2" "/$3"
}
train 1 fresh --steps 1 --model pct
check "the blur stays" unchanged "$(checkpoint fresh 1)" "$pct" "$blur"

# A file of the network's arrays, without the blur, then with it.
sed -n 's|^/\(G/[^ ]*\) .*|\1|p' arrays | sed 's|\\||g' >names
while read -r name; do
    [ "$name" = "$blur" ] || h5copy -p -i "$pct" -o part.h5 -s "/$name" -d "/$name"
done <names
run 20 "$HARMONIA" import part.h5 --like "$pct" --out imported.h5
exits 1 "import without the blur"
says "missing: $blur" "names it"
h5copy -p -i "$pct" -o part.h5 -s "/$blur" -d "/$blur"
run 20 "$HARMONIA" import part.h5 --like "$pct" --out imported.h5
exits 0 "import with it"

# ---- use -----------------------------------------------------------------------

picture i.png 80 60 rgb photo 3 && picture m.png 80 60 grey box
train 1 curves --steps 1 --model issam --head curves
train 1 unet --steps 1 --model unet --head affine --dropout 0
for file in "$idih" "$pct" imported.h5 "$(checkpoint curves 1)" \
    "$(checkpoint unet 1)"; do
    run 20 "$HARMONIA" apply --checkpoint "$file" --image i.png --mask m.png \
        --output o.png
    exits 0 "apply $file"
done
run_ranks 60 2 "$HARMONIA" eval --data d.h5 --method composite \
    --checkpoint "$idih" --checkpoint "$pct"
exits 0 "eval"

# ---- micro-batches and what is refused --------------------------------------------

run_ranks 20 1 "$HARMONIA" train --show-plan --size 64 --model idih --ngf 4 \
    --batch 2
exits 0 "a batch of two"
check "is a micro-batch of two" grep -q "micro-batches of 2 (auto)" "$stdout"
run_ranks 20 2 "$HARMONIA" train --data d.h5 --out r --model idih --ngf 4 --batch 2
refused 2 "option --batch: 2 in micro-batches of 2 is less than one for each" \
    "two samples for the batch norm of two ranks"
run_ranks 20 1 "$HARMONIA" train --data d.h5 --out r --model idih --ngf 4 \
    --batch 2 --micro-batch 1
refused 2 "option --micro-batch: 1 is less than the 2 samples" \
    "a single sample for batch norm"
run_ranks 20 1 "$HARMONIA" train --data d.h5 --out r --model idih --ngf 5
refused 2 "option --ngf: 5 is not a multiple of 2" "an odd width"
run_ranks 20 1 "$HARMONIA" train --data d.h5 --out r --model idih --lambda-sobel 1
refused 2 "option --lambda-sobel: --head blend has no maps" \
    "a loss that the head does not have maps for"
run_ranks 20 1 "$HARMONIA" train --data d.h5 --out r --model unet3plus \
    --deep-supervision --head affine
refused 2 "option --deep-supervision: only --head rgb" \
    "a head without results of stages"
run_ranks 20 1 "$HARMONIA" train --data d.h5 --out idih-1 --resume --steps 9 \
    --head blend
refused 1 "option --head: blend, .*has affine" "another head is refused"
finish
