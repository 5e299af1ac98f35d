# The benchmark takes every system as it comes, with a batch that it can do.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

bench=$HARMONIA_BUILD/tests/bench/bench
models=$(sed -n 's/^  X(TRAIN_[A-Z0-9_]*, "\([a-z0-9-]*\)".*/\1/p' \
    "$HARMONIA_SOURCE/dist/state/train_options.h")
run 120 "$bench" --size 64 --ngf 4 --repeat 1 --nodes 0 --csv all.csv
exits 0 "all systems, no batch given"
check "a step of each, batches of two where it must be" sh -c '
    for model in $1; do
        case $model in idih | maskpool) batch=2 ;; *) batch=1 ;; esac
        grep -q "^step,$model,4,64,$batch," all.csv || { echo "$model"; exit 1; }
    done' - "$models"
run 20 "$bench" --model idih --size 64 --ngf 4 --repeat 1 --batch 1
exits 1 "a batch that is given stays"
says "micro-batch: 1 is less than" "and is refused where it is too small"
finish
