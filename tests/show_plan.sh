# train --show-plan
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

small_set d.h5 || exit 1
run 30 "$HARMONIA" train --show-plan --data d.h5 --ngf 8 --batch 4
exits 0 "--show-plan"
cp "$stdout" plan.txt
check "names kernels and reasons" grep -Eq \
    '^conv_data_grad +[0-9x]+ +4x4/2 +[0-9x]+ +[0-9]+ +[0-9.]+%  GEMM, gather +few' plan.txt
check "its shares are those of all multiply-adds" \
    awk '/%  / { for (i = 1; i <= NF; i++) if ($i ~ /%$/) sum += $i }
         END { exit !(sum > 98 && sum < 102) }' plan.txt
check "tells the arena's size" grep -Eq 'G multiply-adds; arena [0-9.]+ MiB$' plan.txt
check "trains nothing" test ! -e run
run 30 "$HARMONIA" train --show-plan --size 64 --model dovenet --ngf 8 --ndf 8
exits 0 "without a data set"
check "every phase of a system is shown" \
    test "$(grep -c '^phase [DG]$' "$stdout")" -eq 2
run 30 "$HARMONIA" train --show-plan
refused 2 "wants --size or --data" "without a size"
run_ranks 30 2 "$HARMONIA" train --show-plan --size 64 --ngf 8
exits 0 "under mpirun"
check "it is printed once" test "$(grep -c '^phase' "$stdout")" -eq 1
finish
