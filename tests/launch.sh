# dist/launch: restarts, hosts left out, signals; with a stand-in for mpirun and
# ssh, and with the real mpirun on this machine.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

command -v bash >/dev/null || skip_all "no bash"
command -v setsid >/dev/null || skip_all "no setsid (util-linux)"
launch=$HARMONIA_SOURCE/dist/launch
mkdir bin state

# ---- usage ----------------------------------------------------------------------

run 10 "$launch" --help
exits 0 "--help"
check "it goes to stdout" grep -q '^Usage: dist/launch' "$stdout"
printf '# comment\n\nhere slots=2 # two\nthere slots=2\nlone' >hosts
wrong() { # TEXT WHAT ARGUMENTS...
    text=$1
    what=$2
    shift 2
    run 10 "$launch" "$@"
    exits 2 "$what"
    says "$text" "it is named"
}
wrong "no option --bogus" "an unknown option" --bogus 1 train
wrong "after the options comes train" "another command" --hosts hosts -- eval
wrong "--hosts is missing" "no hosts file" train --out run
wrong "nowhere cannot be read" "a hosts file that is not there" --hosts nowhere train --out run
wrong "train has no --out" "no --out" --hosts hosts train
wrong "option -n: 'x'" "a wrong number" --hosts hosts -n x train --out run
for line in '-oProxyCommand=x' '$(touch canary)' '`touch canary`' ';touch canary' \
    '../up' "$(printf '\244\244')" '*' "it's" 'a slots=x' 'a slots=0' \
    'a slots=9999999' 'a;b slots=1' 'a slots=1 -x'; do
    printf '# first\n%s\n' "$line" >odd
    wrong "--hosts: odd: " "a line that is no host: $line" --hosts odd train --out run
done
check "nothing of it was run" test ! -e canary

# ---- with stand-ins -----------------------------------------------------------------

# mpirun: call N does what line N of `plan` says; the last line is used again.
cat >bin/mpirun <<'SCRIPT'
#!/bin/bash
n=$(($(cat state/calls 2>/dev/null || echo 0) + 1))
echo $n >state/calls
printf '%s ' "$@" >state/arguments.$n
env | grep _MCA_ >state/settings.$n
while [ $# -gt 0 ]; do
    [ "$1" != --hostfile ] || cp "$2" state/hosts.$n
    shift
done
save() { echo $RANDOM >run/checkpoints/.new && mv run/checkpoints/.new "$(printf 'run/checkpoints/step-%08d.h5' $1)"; }
trap 'echo USR1 >>state/signals; save 99; exit 75' USR1
trap 'echo TERM >>state/signals; exit 143' TERM
eval "$(sed -n "${n}p;\$p" plan | head -n 1)"
SCRIPT
# ssh HOST COMMAND: hosts listed in `dead` do not answer, one in `mute` hangs.
cat >bin/ssh <<'SCRIPT'
#!/bin/sh
echo "$@" >>state/ssh
! grep -qsx "$1" mute || exec sleep 60
! grep -qsx "$1" dead || exit 255
echo 64
SCRIPT
# harmonia info --newest RUN, of the stand-ins' checkpoints
cat >bin/harmonia <<'SCRIPT'
#!/bin/sh
find "$3/checkpoints" -name 'step-*.h5' | sort | tail -n 1
SCRIPT
chmod +x bin/*
launcher() { # OPTIONS...: a run of its own, by the plan
    rm -rf state run
    mkdir -p state run/checkpoints
    run 60 env PATH="$scratch/bin:$PATH" HARMONIA=bin/harmonia \
        PRTE_MCA_oob_tcp_keepalive_time=9 "$launch" --hosts hosts \
        "$@" train --data d.h5 --out=run
}
calls() { test "$(cat state/calls)" -eq "$1"; }

echo 'exit 0' >plan
launcher
exits 0 "a run that ends well"
check "it was started once" calls 1
says "5 ranks on here there lone$" "with a rank for each slot"
check "mpirun was told so" grep -q -e '^-n 5 ' state/arguments.1
for setting in OMPI_MCA_plm=rsh OMPI_MCA_plm_rsh_agent=ssh PRTE_MCA_plm=ssh \
    PRTE_MCA_plm_ssh_agent=ssh OMPI_MCA_oob_tcp_keepalive_time=5 \
    PRTE_MCA_oob_tcp_keepalive_time=9; do
    check "it finds $setting" grep -qx "$setting" state/settings.1
done
check "it may bind ranks where each has a core" \
    sh -c '! grep binding_policy state/settings.1'
check "no --resume of its own" sh -c '! grep -q -e --resume state/arguments.1'
check "the hostfile it was given" sh -c 'printf "here slots=2\nthere slots=2\nlone slots=1\n" |
    cmp - state/hosts.1'
launcher -n 3
says "3 ranks on here there lone$" "-n"
launcher -n 6
exits 2 "more ranks than slots"
says "6, but hosts has 5 slots" "it is named"

echo there >dead
launcher
exits 0 "a host that does not answer"
says "3 ranks on here lone; left out, .* answer: there$" "is left out"
check "of the hostfile too" sh -c '! grep there state/hosts.1'
rm dead
echo lone >mute
launcher --probe-seconds 1
exits 0 "a host whose ssh hangs"
says "4 ranks on here there; left out, .* answer: lone$" "is left out"
rm mute
printf 'here\nthere\nlone\n' >dead
launcher
exits 1 "no host answers"
says "no host of hosts answers" "it says so"
rm dead

printf 'save 10; echo there >dead; exit 205\nexit 0\n' >plan
launcher --max-restarts 3
exits 0 "a host dies during the run"
says "exit status 205: restart 1 of 3 from run/checkpoints/step-00000010.h5" \
    "it says from where it goes on"
says "3 ranks on here lone; left out, .* answer: there$" "and with whom"
check "with --resume" grep -q -e ' --out=run --resume $' state/arguments.2
check "and 3 ranks" grep -q -e '-n 3 ' state/arguments.2
rm dead

printf 'save 20; exit 1\nsave 30; exit 1\nrm -f dead; save 40; exit 1\nexit 0\n' >plan
echo there >dead
launcher
exits 0 "restarts while checkpoints come"
says "restart 3 of 10 from run/checkpoints/step-00000040.h5" "are counted"
check "never on more ranks than at first" grep -q -e '-n 3 ' state/arguments.4
printf 'save 20; exit 1\nsave 30; exit 1\nsave 40; exit 1\nexit 0\n' >plan
launcher --max-restarts 2
exits 1 "--max-restarts 2"
says "after 2 restarts: giving up" "it says so"
check "started three times" calls 3
launcher --max-restarts 0
check "--max-restarts 0: once" calls 1
echo 'exit 1' >plan
launcher
exits 1 "no checkpoint comes"
says "twice in a row without a new checkpoint: giving up" "it says so"
check "started twice" calls 2
printf 'exit 1\nsave 50; exit 1\nexit 1\nsave 60; exit 0\n' >plan
launcher
exits 0 "a new checkpoint between two failures without: goes on"
echo 'exit 2' >plan
launcher
exits 2 "a usage error"
check "is not started again" calls 1

# signalled NAME CODE [NAME PAUSE]: the signals come when mpirun waits, the second
# one so many seconds after the first
signalled() {
    rm -rf state
    mkdir state
    # (this shell lets its children ignore SIGINT)
    background env --default-signal=INT PATH="$scratch/bin:$PATH" HARMONIA=bin/harmonia \
        "$launch" --hosts hosts train --data d.h5 --out run
    wait_until 20 test -s state/ready
    kill -s "$1" $!
    if [ $# -gt 2 ]; then
        wait_until 10 test -s state/signals
        sleep "$4"
        kill -s "$3" $!
    fi
    wait $!
    code=$?
    seconds=-
    cp .background.out "$stdout"
    cp .background.err "$stderr"
    exits "$2" "$1 ${3:-}"
    check "no restart" calls 1
}
echo 'echo yes >state/ready; for i in {1..600}; do sleep 0.05; done' >plan
for name in USR1 TERM HUP; do
    signalled $name 75
    says "stopped by a signal and saved" "it says so"
    check "mpirun got USR1" grep -qx USR1 state/signals
done
# as when mpirun has no ranks yet to pass it on to
cat >plan <<'LINE'
trap 'trap "echo USR1 >>state/signals; exit 75" USR1' USR1; echo yes >state/ready; for i in {1..200}; do sleep 0.05; done
LINE
signalled TERM 75
check "a request that was lost is made again" grep -qx USR1 state/signals
# mpirun saves for half a second here, and for ever further below.
cat >plan <<'LINE'
trap 'echo USR1 >>state/signals; : "${end:=$((i + 10))}"' USR1; echo yes >state/ready; for ((i = 0; i < ${end:-600}; i++)); do sleep 0.05; done; exit 75
LINE
for names in "TERM TERM" "INT TERM" "HUP INT" "TERM USR1"; do
    # shellcheck disable=SC2086
    signalled ${names% *} 75 ${names#* } 0.1
    check "soon after: one request" sh -c '! grep -qx TERM state/signals'
done
cat >plan <<'LINE'
trap 'echo USR1 >>state/signals' USR1; echo yes >state/ready; for i in {1..600}; do sleep 0.05; done
LINE
signalled TERM 1 INT 3.2
check "a second one more than 2 s later ends mpirun at once" \
    grep -qx TERM state/signals
says "launch: SIGINT again: ended at once" "it says so"

# Ignored from the start, and nobody reads.
echo 'echo yes >state/ready; sleep 1; exit 0' >plan
rm -rf state
mkdir state
# shellcheck disable=SC2016
env --ignore-signal=HUP PATH="$scratch/bin:$PATH" HARMONIA=bin/harmonia sh -c '
    { sh -c "echo \$\$ >state/id; exec \"\$@\"" - "$@"; echo $? >state/code; } 2>&1 |
        true' - "$launch" --hosts hosts train --data d.h5 --out run &
wait_until 20 test -s state/ready
kill -HUP "$(cat state/id)"
wait $!
check "nohup: SIGHUP is nothing; nor is a reader of the messages that went away" \
    grep -qx 0 state/code

# ---- with the real mpirun --------------------------------------------------------------

small_set d.h5 || exit 1
steps=120
options="--data d.h5 $small --steps $steps --save-every 5 --keep 4"
# shellcheck disable=SC2086
run_ranks 60 1 "$HARMONIA" train $options --out undisturbed
exits 0 "the undisturbed run"
cat >agent <<'SCRIPT'
#!/bin/sh
exit 255
SCRIPT
chmod +x agent
printf 'localhost slots=2\nharmonia-no-such-host slots=2\n' >hosts
mkdir pids
cat >program <<SCRIPT
#!/bin/sh
[ "\$1" = train ] || exec "$HARMONIA" "\$@"
exec "$rank_with_pid" "$scratch/pids" "$HARMONIA" "\$@"
SCRIPT
chmod +x program
start() { # OUT
    rm -f pids/*
    # shellcheck disable=SC2086
    background env HARMONIA="$scratch/program" "$launch" --hosts hosts \
        --agent "$scratch/agent" train $options --out "$1"
    launched=$!
}
ended() { # CODE WHAT
    wait $launched
    code=$?
    seconds=-
    cp .background.out "$stdout"
    cp .background.err "$stderr"
    exits "$1" "$2"
}
saved() { test "$(find "$1/checkpoints/" -name 'step-????????.h5' 2>/dev/null | wc -l)" -ge "$2"; }

# its checkpoints are elsewhere, as on clusters with a disk for large files
mkdir killed elsewhere
ln -s ../elsewhere killed/checkpoints
start killed
wait_until 30 saved killed 2
kill -KILL "$(cat pids/1)"
ended 0 "a rank is killed: the launcher comes to the end"
says "restart 1 of 10 from killed/checkpoints/step-" "after a restart"
says "2 ranks on localhost; left out, .* answer: harmonia-no-such-host" \
    "without the host that is not there"
same_bits "in the undisturbed run's bits" "$(checkpoint undisturbed $steps)" \
    "$(checkpoint killed $steps)"
start stopped
wait_until 30 saved stopped 2
kill -TERM $launched
ended 75 "SIGTERM to the launcher: stopped, saved, not started again"
says "^harmonia: stopped by a signal after step" "by the program itself"
check "rank 0 is gone" wait_until 10 is_gone "$(cat pids/0)"
check "rank 1 is gone" wait_until 10 is_gone "$(cat pids/1)"
# shellcheck disable=SC2086
run 60 "$launch" --hosts hosts --agent "$scratch/agent" train $options --out stopped
exits 2 "without --resume: a usage error, once"
# shellcheck disable=SC2086
run 60 "$launch" --hosts hosts --agent "$scratch/agent" train $options --out stopped --resume
exits 0 "with --resume it goes on"
same_bits "to the undisturbed run's bits" "$(checkpoint undisturbed $steps)" \
    "$(checkpoint stopped $steps)"
finish
