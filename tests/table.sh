# make table's script: a table from a tiny set; nothing is trained twice; stopped
# in the middle it goes on to the same table. The ablation's rows, and its clock.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

"$HARMONIA" synth d.h5 --size 64 --train 24 --test 6 --seed 3 2>/dev/null || exit 1
export DATA=d.h5 RANKS=2 THREADS=1 NGF=2 NDF=2 NEF=2 CAT=2 BATCH=4 STEPS=2
export EXTRA="--report-samples 0" EXTRA_STYLE_RGB="--style-layers 1"
export EXTRA_STYLE_HSV="--style-layers 1" SHEET_ROWS=2 EXTRA_BARGAINNET=
export EXTRA_MASKPOOL= EXTRA_IDIH=
script=$HARMONIA_SOURCE/slurm/table.sh
rows="dovenet bargainnet unet3plus style-rgb style-hsv unet idih issam pct maskpool"
few="dovenet idih"
tabulate() {
    folder=$1
    shift
    run 60 env OUT="$folder" "$@" "$script"
}
# The numbers of rows, without the seconds that an image took.
numbers() { # FOLDER ROW...
    table=$1/table.csv
    shift
    for row; do grep "^$row," "$table"; done | sed -E 's/,[^,]*,([0-9]+)$/,\1/'
}

tabulate one
exits 0 "the table of a tiny set"
check "table.csv has all rows and the published numbers" sh -c '
    test "$(cut -d, -f1 one/table.csv | tr "\n" " ")" = \
        "method composite lalonde xue $1 " &&
    grep -q "^dovenet,\"Dove-Net\",[-0-9.]*,[-0-9.inf]*,35,36,.*,6$" one/table.csv' - \
    "$rows"
check "MSE over the composite's, and what an image costs" awk -F, '
    # labels have commas: from the end
    { ratio = $(NF - 4); parameters = $(NF - 3); adds = $(NF - 2); time = $(NF - 1) }
    $1 == "composite" { whole = $3; bad += ratio != 1 || parameters adds != "" }
    $1 == "idih" { bad += (ratio - $3 / whole) ^ 2 > 1e-8 * ratio ^ 2 }
    NR > 4 { bad += !(parameters > 1000 && adds > 1e5 && time > 0); rows++ }
    END { exit bad || rows != 10 }' one/table.csv
check "table.md has them too" sh -c '
    test "$(grep -c "^| .* | [-0-9.]* | [-0-9.]* | .* | [0-9.][0-9.]* | [0-9.][0-9.]* |$" one/table.md)" = 10 &&
    grep -q "^| U-Net + style encoder, HSV | .* | 48 | 34 |$" one/table.md'
check "and the settings of each row" sh -c '
    for model in $1; do
        grep -q -e "^- $model, 2 steps: .--model=$model .*--ngf=2 " one/table.md ||
            test $model = unet || exit 1
    done; grep -q -e "--gan=wgangp" one/table.md' - "$rows"
check "table.png is a picture" sh -c '
    test "$(head -c 4 one/table.png | tail -c 3)" = PNG'

# ---- again ------------------------------------------------------------------------

stamps() { (cd "$1" && ls --full-time -i ./*/checkpoints/*.h5); }
stamps one >before
# shellcheck disable=SC2086
numbers one $rows >before.numbers
tabulate one
exits 0 "again"
stamps one >after
# shellcheck disable=SC2086
numbers one $rows >after.numbers
check "nothing is trained twice" cmp before after
check "the same table" cmp before.numbers after.numbers
tabulate one NGF=4
exits 1 "other settings in the same folder"
says "another OUT" "the message says what to do"
tabulate one ROWS="unet vgg"
exits 1 "a row that there is not"
says "ROWS: .*table.sweep has no row vgg" "the message names it"

# ---- a row that fails; a signal -----------------------------------------------------

tabulate two ROWS="$few" EXTRA_IDIH=--no-such-option
exits 1 "a row with a wrong option"
says "idih failed" "the message names it"
check "the row before it is kept" test -s "$(checkpoint two/dovenet 2)"
rm two/settings

background env OUT=two ROWS="$few" "$script"
wait_until 30 test -s "$(checkpoint two/idih 2)"
kill -TERM $!
wait $!
check "stopped by a signal: exit status 75" test $? -eq 75
check "before the end" test ! -s two/table.md
ls -i "$(checkpoint two/idih 2)" >before
tabulate two ROWS="$few"
exits 0 "goes on"
ls -i "$(checkpoint two/idih 2)" >after
check "with the rows that are missing" cmp before after
# shellcheck disable=SC2086
numbers one $few >one.numbers
# shellcheck disable=SC2086
numbers two $few >two.numbers
check "to the table of the undisturbed run" cmp one.numbers two.numbers

# ---- the ablation -------------------------------------------------------------------

sed '/^#/d; /^$/d' "$HARMONIA_SOURCE/slurm/ablation.sweep" >lines
refused_lines=
while read -r line; do
    # shellcheck disable=SC2086
    "$HARMONIA" train --show-plan --size 64 --ngf 2 --batch 2 $line >/dev/null ||
        refused_lines="$refused_lines [$line]"
done <lines
check "train takes each line of ablation.sweep;$refused_lines" test \
    -s lines -a -z "$refused_lines"
run 60 env OUT=parts ROWS="fnmse affine" MINUTES=0.02 \
    "$HARMONIA_SOURCE/slurm/ablation.sh"
exits 0 "slurm/ablation.sh by the clock"
check "has its rows beside the composite" test \
    "$(cut -d, -f1 parts/table.csv | tr '\n' ' ')" = "method composite fnmse affine "
check "which stopped by themselves, with the row's options" sh -c '
    grep -Eq "^- fnmse, [0-9]+ steps: .*--head=blend --loss=fnmse .*--lr-horizon=time" "$1" &&
    grep -Eq "^- affine, [0-9]+ steps: .*--head=affine .*--lr-horizon=time" "$1" &&
    grep -q "^0.02 minutes for each learned row" "$1"' - parts/table.md
stamps parts >before
run 60 env OUT=parts ROWS="fnmse affine" MINUTES=0.02 \
    "$HARMONIA_SOURCE/slurm/ablation.sh"
stamps parts >after
check "and are not trained on" cmp before after

# ---- the job, with what stands in for Slurm -------------------------------------------

ln -s "$HARMONIA_SOURCE/slurm" slurm
mkdir bin
printf '#!/bin/sh\nshift 2\nexec mpirun -n 2 "$@"\n' >bin/srun
printf '#!/bin/sh\necho "$@" >scontrol.txt\n' >bin/scontrol
printf '#!/bin/sh\necho RUNNING\n' >bin/squeue
chmod +x bin/*
background env PATH="$scratch/bin:$PATH" IMAGES= ROWS="$few" OUT=three SLURM_JOB_ID=17 \
    SLURM_CPUS_PER_TASK=1 bash slurm/table.sbatch
wait_until 30 test -s "$(checkpoint three/dovenet 2)"
kill -USR1 $!
wait $!
check "a job that is told its end is queued again" grep -q '^requeue 17$' scontrol.txt
rm scontrol.txt
run 60 env PATH="$scratch/bin:$PATH" IMAGES= ROWS="$few" OUT=three SLURM_JOB_ID=17 \
    SLURM_CPUS_PER_TASK=1 bash slurm/table.sbatch
exits 0 "and then ends"
# shellcheck disable=SC2086
numbers three $few >three.numbers
check "with the same table" cmp one.numbers three.numbers
check "once" test ! -e scontrol.txt
finish
