# Help, usage errors, and what goes to stdout.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

commands="compose synth pack train eval apply report info import export"

run 10 "$HARMONIA" --help
exits 0 "harmonia --help"
for command in $commands; do
    check "it lists $command" grep -Eq "^  $command +[a-z]" "$stdout"
done
check "it writes to stdout alone" test ! -s "$stderr"
cp "$stdout" help.txt
run 10 "$HARMONIA" -h
check "-h is the same" cmp help.txt "$stdout"
run 10 "$HARMONIA" --version
check "--version: the first line" sh -c \
    'head -n 1 "$1" | grep -Eqx "harmonia [0-9]+[.][0-9]+[.][0-9]+"' - "$stdout"
for line in 'MPI +.*[0-9]' 'HDF5 +[0-9.]+' 'OpenBLAS +[0-9.]+.*, kernels for [A-Z].*' 'CPU +.+'; do
    check "then $line" grep -Eqx "$line" "$stdout"
done
run 10 "$HARMONIA"
exits 2 "no command at all"
check "shows the help on stderr" cmp help.txt "$stderr"

# Each table as it is in the source: name, default (flags: none is shown).
for command in $commands; do
    file=$HARMONIA_SOURCE/dist/cmd/cmd_$command.c
    [ $command != apply ] || file=$HARMONIA_SOURCE/dist/cmd/apply_options.c
    [ $command != train ] || file=$HARMONIA_SOURCE/dist/state/train_options.c
    perl -0777 -ne 'for (split /\{ROW\(/) {
        next unless /^"([a-z0-9-]+)"/;
        print $1;
        print " $1" if /\.preset = "(?!(?:yes|no)")([^"]*)"/;
        print "\n" }' "$file" >table
    run 10 "$HARMONIA" $command --help
    exits 0 "$command --help"
    check "$command --help writes to stdout alone, beginning with the usage" \
        sh -c 'test ! -s "$2" && head -n 1 "$1" | grep -q "^Usage: harmonia '$command' "' \
        - "$stdout" "$stderr"
    # lines of one option put together
    awk '/^  -/ { printf "\n" } { sub(/^ +/, " "); printf "%s", $0 }' "$stdout" >joined
    missing=
    while read -r name preset; do
        grep -E "^ --$name( |\$)" joined >line ||
            missing="$missing --$name"
        [ -z "$preset" ] || grep -Fq "[$preset]" line ||
            missing="$missing --$name's-default-$preset"
    done <table
    check "$command --help tells all $(grep -c . table) options and defaults;$missing" \
        test -z "$missing" -a -s table
    run 10 "$HARMONIA" $command --bogus=1
    refused 2 "'$command' has no option --bogus.*harmonia $command --help" \
        "$command: an unknown option"
    run 10 "$HARMONIA" $command a b c d
    refused 2 "too many|is missing" "$command: too many arguments"
done
run_ranks 30 2 "$HARMONIA" eval --help
check "help under mpirun is printed once" \
    test "$(grep -c '^Usage: ' "$stdout")" -eq 1
run_ranks 30 2 "$HARMONIA" train --lr
refused 2 "option --lr needs a value" "an error under mpirun is printed once"
run 10 "$HARMONIA" trian
refused 2 "no command 'trian'" "a mistyped command"

# ---- results on stdout, the rest on stderr -------------------------------------------

# silent WHAT COMMAND...
silent() {
    what=$1
    shift
    run 30 "$@"
    exits 0 "$what"
    check "$what writes nothing to stdout, its progress to stderr" \
        test ! -s "$stdout" -a -s "$stderr"
    check "$what: no carriage return where there is no terminal" \
        sh -c '! grep -q "$(printf "\r")" "$1"' - "$stderr"
}
silent synth "$HARMONIA" synth d.h5 --size 64 --train 8 --test 4
# shellcheck disable=SC2086
silent train "$HARMONIA" train --data d.h5 --out run $small --steps 3
run 30 "$HARMONIA" eval --data d.h5 --method composite
check "eval's stdout is the table" sh -c '
    head -n 1 "$1" | grep -q "^Method " && ! grep -q "evaluated" "$1"' - "$stdout"
check "its progress is on stderr" grep -q evaluated "$stderr"
run 30 "$HARMONIA" info run/checkpoints/step-00000003.h5
check "info writes to stdout alone" test -s "$stdout" -a ! -s "$stderr"
run 30 "$HARMONIA" info -- d.h5
exits 0 "-- ends the options"
run 30 "$HARMONIA" info --verify=no d.h5
exits 0 "--flag=no"
check "and it is not set" sh -c '! grep -q checksums "$1"' - "$stdout"
finish
