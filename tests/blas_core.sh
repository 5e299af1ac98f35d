# OpenBLAS's kernels are those of the CPU, whatever the environment asks for.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

unset OPENBLAS_CORETYPE HARMONIA_BLAS_CORE
grep -qw avx2 /proc/cpuinfo 2>/dev/null ||
    skip_all "a CPU without AVX2: Prescott's kernels are hardly less"
small_set d.h5 || exit 1
plan="train --show-plan --size 64 --ngf 4 --threads 1"
core() {
    sed -n 's/.*OpenBLAS core //p' "$stdout" "$stderr"
}
core_is() {
    check "$2: core $1" test "$(core)" = "$1"
}

run 30 "$HARMONIA" $plan
good=$(core)
note "without a setting: $good"
check "nothing is said of a good core" sh -c '! grep -q warning "$1"' - "$stderr"

# ---- the environment's choice

run 30 env OPENBLAS_CORETYPE=Prescott "$HARMONIA" $plan
exits 0 "an old core in the environment"
core_is "$good" "it is not taken"
says 'warning: OPENBLAS_CORETYPE=Prescott does not suit .* for '"$good"' .*HARMONIA_BLAS_CORE=keep' \
    "which is said"
run 30 env OPENBLAS_CORETYPE=Prescott HARMONIA_BLAS_CORE=keep "$HARMONIA" $plan
core_is Prescott "unless HARMONIA_BLAS_CORE=keep"
says 'warning: OPENBLAS_CORETYPE=Prescott makes OpenBLAS use .*: set OPENBLAS_CORETYPE=' \
    "which is said, with what to set"
run 30 env "OPENBLAS_CORETYPE=$good" "$HARMONIA" $plan
core_is "$good" "a good one is left alone"
check "and nothing said" sh -c '! grep -q warning "$1"' - "$stderr"
run_ranks 30 3 env OPENBLAS_CORETYPE=Prescott "$HARMONIA" train --data d.h5 \
    --out run $small --steps 2
exits 0 "under mpirun"
core_is "$good" "three ranks"
check "one line for all ranks" test "$(grep -c 'does not suit' "$stderr")" -eq 1
run 30 "$HARMONIA" info "$(checkpoint run 2)"
check "the checkpoint names the core" grep -Eq "^blas.core +$good\$" "$stdout"
export OPENBLAS_CORETYPE=Prescott
c=$(checkpoint run 2)
picture p.png 64 64 rgb noise
picture m.png 64 64 grey box
for words in "eval --data d.h5 --checkpoint $c" "plan --nodes 1 --size 64 --ngf 4 --repeats 1" \
    "apply --checkpoint $c --image p.png --mask m.png --output o.png"; do
    run 60 "$HARMONIA" $words
    says "OPENBLAS_CORETYPE=Prescott does not suit" "${words%% *}: the same"
done
run 30 "$HARMONIA" synth s.h5 --size 16 --train 2 --test 1
check "a command that runs no network says nothing" \
    sh -c '! grep -q OPENBLAS "$1"' - "$stderr"
run 60 "$HARMONIA_BUILD/tests/bench/bench" --model unet --size 64 --ngf 4 \
    --threads 1 --repeat 3
says "OPENBLAS_CORETYPE=Prescott does not suit .* for $good" "benchmarks"

# ---- another core

run 30 env HARMONIA_BLAS_CORE=keep "$HARMONIA" train --data d.h5 --out run $small \
    --steps 4 --resume
exits 0 "resuming on another core"
says "warning: .* made with OpenBLAS core $good, .* with Prescott: the bits will differ" \
    "warns of its bits"
unset OPENBLAS_CORETYPE

# ---- another OpenBLAS

blas=$HARMONIA_BUILD/tests/blas.so
is_sanitized || {
    run 30 env "LD_PRELOAD=$blas" "$HARMONIA" $plan
    best=$(core)
    check "an OpenBLAS that does not know the CPU: $best is set" \
        sh -c 'case $1 in Haswell | SkylakeX) ;; *) exit 1 ;; esac' - "$best"
    check "without a word" sh -c '! grep -q warning "$1"' - "$stderr"
    run 30 env "LD_PRELOAD=$blas" BLAS_LACKS=SkylakeX "$HARMONIA" $plan
    core_is Haswell "one that has no kernels for AVX-512"
    run 30 env "LD_PRELOAD=$blas" BLAS_LACKS=SkylakeX,Haswell,Sandybridge "$HARMONIA" $plan
    exits 0 "one that has no good kernels"
    says "warning: OpenBLAS uses kernels for .*: it was built without" "is warned of"
    run 30 env "LD_PRELOAD=$blas" "BLAS_CONFIG=OpenBLAS 0.3.21 Prescott" "$HARMONIA" $plan
    exits 0 "one built for a single core"
    says "warning: OpenBLAS uses kernels for Prescott: it was built without" "is warned of"
    run 30 env "LD_PRELOAD=$blas" "BLAS_CONFIG=OpenBLAS 0.3.30 DYNAMIC_ARCH" "$HARMONIA" $plan
    says "warning: OpenBLAS 0.3.30 has a race" "OpenBLAS 0.3.30"
}

# ---- speed

# CPU milliseconds of the steps, whatever else runs here.
speed() {
    "$@" "$HARMONIA_BUILD/tests/bench/bench" --model unet --size 64 --ngf 32 \
        --batch 4 --threads 1 --repeat 5 --clock cpu --csv "$scratch/speed.csv" \
        >/dev/null 2>&1
    awk -F, '$1 == "step" { print 1000 * $11 }' "$scratch/speed.csv"
}
by_hand=$(speed env "OPENBLAS_CORETYPE=$good")
overridden=$(speed env OPENBLAS_CORETYPE=Prescott)
kept=$(speed env OPENBLAS_CORETYPE=Prescott HARMONIA_BLAS_CORE=keep)
note "CPU ms a step: $good by hand $by_hand, OPENBLAS_CORETYPE=Prescott $overridden" \
    "(ratio $(echo "$overridden $by_hand" | awk '{ printf "%.2f", $1 / $2 }')), kept $kept"
finish
