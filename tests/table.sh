# make table's script: a table from a tiny set; nothing is trained twice; stopped
# in the middle it goes on to the same table.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

"$HARMONIA" synth d.h5 --size 64 --train 24 --test 6 --seed 3 2>/dev/null || exit 1
export DATA=d.h5 RANKS=2 THREADS=1 NGF=2 NDF=2 NEF=2 CAT=2 BATCH=2 STEPS=2
export EXTRA="--report-samples 0" EXTRA_STYLE_RGB="--style-layers 1"
export EXTRA_STYLE_HSV="--style-layers 1" SHEET_ROWS=2 EXTRA_BARGAINNET=
script=$HARMONIA_SOURCE/slurm/table.sh
rows="dovenet bargainnet unet3plus style-rgb style-hsv"
tabulate() {
    folder=$1
    shift
    run 60 env OUT="$folder" "$@" "$script"
}

tabulate one
exits 0 "the table of a tiny set"
check "table.csv has all rows and the published numbers" sh -c '
    test "$(cut -d, -f1 one/table.csv | tr "\n" " ")" = \
        "method composite lalonde xue $1 " &&
    grep -q "^dovenet,\"Dove-Net\",[-0-9.]*,[-0-9.inf]*,35,36,.*,6$" one/table.csv' - \
    "$rows"
check "table.md has them too" sh -c '
    test "$(grep -c "^| .* [-0-9.]* | [-0-9.inf]* | [0-9]* | [0-9]* | " one/table.md)" = 8 &&
    grep -q "^| U-Net + style encoder, HSV | .* | 48 | 34 | " one/table.md'
check "and the settings of each row" sh -c '
    for model in $1; do grep -q -e "--model=$model .*--ngf=2 " one/table.md || exit 1
    done; grep -q -e "--gan=wgangp" one/table.md' - "$rows"
check "table.png is a picture" sh -c '
    test "$(head -c 4 one/table.png | tail -c 3)" = PNG'

# ---- again ------------------------------------------------------------------------

stamps() { (cd "$1" && ls --full-time -i ./*/checkpoints/*.h5); }
stamps one >before
cp one/table.md before.md
tabulate one
exits 0 "again"
stamps one >after
check "nothing is trained twice" cmp before after
check "the same table" cmp before.md one/table.md
tabulate one NGF=4
exits 1 "other settings in the same folder"
says "another OUT" "the message says what to do"

# ---- a row that fails; a signal -----------------------------------------------------

tabulate two EXTRA_BARGAINNET=--no-such-option
exits 1 "a row with a wrong option"
says "bargainnet failed" "the message names it"
check "the row before it is kept" test -s "$(checkpoint two/dovenet 2)"
rm two/settings

background env OUT=two "$script"
wait_until 30 test -s "$(checkpoint two/bargainnet 2)"
kill -TERM $!
wait $!
check "stopped by a signal: exit status 75" test $? -eq 75
check "before the end" test ! -s two/table.md
ls -i "$(checkpoint two/bargainnet 2)" >before
tabulate two
exits 0 "goes on"
ls -i "$(checkpoint two/bargainnet 2)" >after
check "with the rows that are missing" cmp before after
check "to the table of the undisturbed run" cmp one/table.csv two/table.csv

# ---- the job, with what stands in for Slurm -------------------------------------------

ln -s "$HARMONIA_SOURCE/slurm" slurm
mkdir bin
printf '#!/bin/sh\nshift 2\nexec mpirun -n 2 "$@"\n' >bin/srun
printf '#!/bin/sh\necho "$@" >scontrol.txt\n' >bin/scontrol
printf '#!/bin/sh\necho RUNNING\n' >bin/squeue
chmod +x bin/*
background env PATH="$scratch/bin:$PATH" IMAGES= OUT=three SLURM_JOB_ID=17 \
    SLURM_CPUS_PER_TASK=1 bash slurm/table.sbatch
wait_until 30 test -s "$(checkpoint three/dovenet 2)"
kill -USR1 $!
wait $!
check "a job that is told its end is queued again" grep -q '^requeue 17$' scontrol.txt
rm scontrol.txt
run 60 env PATH="$scratch/bin:$PATH" IMAGES= OUT=three SLURM_JOB_ID=17 \
    SLURM_CPUS_PER_TASK=1 bash slurm/table.sbatch
exits 0 "and then ends"
check "with the same table" cmp one/table.csv three/table.csv
check "once" test ! -e scontrol.txt
finish
