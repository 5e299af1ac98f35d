# Every call of the system on the files of a run, and on those of a pack, fails
# once in turn, with EIO, ESTALE, EACCES and ENOSPC. After each the program has
# come to the undisturbed bits, or has said which file is wrong and changed none
# of what was there; and the same command afterwards comes to the undisturbed
# bits. `make test` tries a sample, other points each day; make test-faults all.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

: "${FAULTS:=40}" # points to try, about; all: each with each errno
preload=$HARMONIA_BUILD/tests/fail_call.so
is_sanitized && skip_all "the sanitizer's library must come first"
# Without a daemon of its own a single rank starts sooner.
export OMPI_MCA_ess_singleton_isolated=1

small_set d.h5 || exit 1
mkdir -p h/composite_images h/masks h/real_images
for number in 1 2 3; do
    picture "h/composite_images/c${number}_1_1.jpg" 64 64 rgb photo $number
    cp "h/composite_images/c${number}_1_1.jpg" "h/real_images/c$number.jpg"
    picture "h/masks/c${number}_1.png" 64 64 grey box
    list=train
    [ $number -le 2 ] || list=test
    echo "c${number}_1_1.jpg" >>h/HCOCO_$list.txt
done

# ---- what is tried ----------------------------------------------------------------

# try SCENARIO POINT ERRNO, in a folder of its own; says what is wrong, if anything.
cat >try <<'SCRIPT'
scenario=$1 point=$2 errno=$3
mkdir "$scratch/$scenario-$point-$errno" && cd "$scratch/$scenario-$point-$errno" || exit
export OMPI_MCA_orte_tmpdir_base="$PWD" # those of one host would share one
begin() {
    case $scenario in
    save) ;;
    resume) cp -r "$scratch/begun" the-run ;;
    pack) mkdir the-run ;;
    again) cp -r "$scratch/partial" the-run ;;
    esac
}
command() {
    case $scenario in
    pack | again) "$@" "$HARMONIA" pack "$scratch/h" the-run/h.h5 --size 64 --threads 1 ;;
    *)
        validate=
        [ $scenario = resume ] || validate="--validate-every 2 --validate-samples 1"
        # shellcheck disable=SC2086
        "$@" "$HARMONIA" train --data "$scratch/d.h5" --out the-run --resume --steps 2 \
            --ngf 4 --batch 4 --micro-batch 4 --threads 1 --report-samples 0 \
            --save-every 2 --keep 1 --log-every 1 $validate
        ;;
    esac >out 2>err
    code=$?
}
wrong() {
    echo "$scenario, call $point fails ($errno): $*"
    cat log
    grep -q '^harmonia: ' err || tail -n 5 err
    for text in err.first err; do
        grep '^harmonia: ' $text | sed 's/^/    /'
    done 2>/dev/null
}
# Whether what is there now is the end of the undisturbed run.
is_whole() {
    good=$scratch/good-$scenario
    for file in checkpoints/step-00000002.h5 checkpoints/best.h5 h.h5 validation.csv; do
        [ ! -e "$good/$file" ] || cmp "$good/$file" "the-run/$file" || return 1
    done
    [ ! -e "$good/log.csv" ] || [ "$(cut -d, -f1 "$good/log.csv")" = "$(cut -d, -f1 the-run/log.csv)" ]
}
# Whether what was there is there still.
is_kept() {
    case $scenario in
    resume)
        cmp "$scratch/begun/checkpoints/step-00000001.h5" the-run/checkpoints/step-00000001.h5 &&
            head -n 2 "$scratch/begun/log.csv" >rows && head -n 2 the-run/log.csv | cmp rows -
        ;;
    again) # it may have grown, or be done
        [ -e the-run/h.h5 ] || head -c "$(wc -c <"$scratch/partial/h.h5.partial")" \
            the-run/h.h5.partial | cmp "$scratch/partial/h.h5.partial" -
        ;;
    esac
}
begin
command timeout -k 5 60 env LD_PRELOAD="$preload" FAIL_PART=the-run/ FAIL_AT="$point" \
    FAIL_ERRNO="$errno" FAIL_LOG=log
[ "$point" != 0 ] || cp -r the-run "$scratch/good-$scenario"
case $code in
0) is_whole >different 2>&1 || wrong "exit status 0, but $(cat different)" ;;
1)
    grep '^harmonia: ' err | grep -v '^harmonia: warning: ' | grep -q the-run/ ||
        wrong "the message names no file"
    is_kept >different 2>&1 || wrong "something was changed: $(cat different)"
    cp err err.first
    command timeout -k 5 60
    [ "$code" = 0 ] || wrong "afterwards: exit status $code"
    is_whole >different 2>&1 || wrong "afterwards: $(cat different)"
    ;;
*) wrong "exit status $code" ;;
esac
[ "$point" != 0 ] || cp log "$scratch/$scenario.calls" 
cd / && rm -rf "$scratch/$scenario-$point-$errno"
echo "$*" >>"$scratch/tried"
SCRIPT
export scratch preload HARMONIA_SOURCE

# A run that has come to step 1, and has rows of the step after it.
# shellcheck disable=SC2086
run 60 "$HARMONIA" train --data d.h5 --out begun --steps 2 --ngf 4 --batch 4 \
    --micro-batch 4 --threads 1 --report-samples 0 --save-every 1 --log-every 1
rm "$(checkpoint begun 2)"
# A pack whose disk was full when it put its images in order.
mkdir partial
run 20 env LD_PRELOAD="$preload" FAIL_PART=partial/h.h5.tmp FAIL_AT=9 FAIL_ERRNO=28 \
    "$HARMONIA" pack h partial/h.h5 --size 64 --threads 1
check "a pack that was not finished" test $code = 1 -a -s partial/h.h5.partial
check "nothing fails: the calls are counted" sh -c '
    for scenario in save resume pack again; do
        sh ./try $scenario 0 0 | grep . && exit 1
        grep "^[1-9]" $scenario.calls || exit 1
    done'

for scenario in save resume pack again; do
    read -r calls rest <$scenario.calls
    note "$scenario: $calls calls" >&3
    for errno in 5 116 13 28; do # EIO, ESTALE, EACCES, ENOSPC
        seq 1 "$calls" | sed "s/.*/$scenario & $errno/"
    done
done 3>&1 >points
count=$(wc -l <points)
if [ "$FAULTS" != all ]; then
    stride=$((count / FAULTS + 1))
    awk -v stride=$stride -v day="$(date +%j)" 'NR % stride == day % stride' points >some
    mv some points
    note "every ${stride}th of $count, from $(($(date +%j) % stride)) on"
fi
: >tried
xargs -n 3 -P $((2 * $(nproc))) sh ./try <points >failed 2>&1
sed 's/^/# /' failed | head -n 60
check "$(wc -l <tried) points tried: the undisturbed bits, or a message and nothing changed" \
    test ! -s failed
finish
