# Man pages and shell completion, as --help has it.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

from_help=$HARMONIA_SOURCE/.ci/from-help
commands=$("$HARMONIA" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
options_of() {
    "$HARMONIA" "$1" --help | grep -Eo -- '^  (-h, )?--[a-z0-9-]+' | sed 's/.*--/--/'
}

check "man pages are made" "$from_help" man "$HARMONIA" man
check "one for the program and for each of $(echo "$commands" | wc -w) commands" \
    test "$(ls man)" = "$({ echo harmonia.1; for c in $commands; do echo "harmonia-$c.1"; done; } | LC_ALL=C sort)"
for command in $commands; do
    sed 's/\\-/-/g; s/\\f.//g' "man/harmonia-$command.1" >page
    missing=
    for option in $(options_of "$command"); do
        grep -q "^$option\( \|$\)\|^-h, $option$" page || missing="$missing $option"
    done
    check "harmonia-$command(1) has all options;$missing" test -z "$missing"
    # what was said in --help is said here: the same words, if in other lines
    "$HARMONIA" "$command" --help | tr -s ' \n' '\n\n' | sed '/^Usage:$/d; /^Options:$/d' |
        grep . >words
    sed '/^\.SH EXIT/,$d; /^\.SH NAME/,/^\.SH SYN/d; /^\./d; s/\\&//; s/\\e/\\/g' page |
        tr -s ' \n' '\n\n' | grep . >said
    check "harmonia-$command(1) says what --help says" cmp words said
done
if command -v groff >/dev/null; then
    for page in man/*.1; do
        groff -man -Tascii -ww -z "$page" 2>&1
    done >warnings
    check "groff warns of nothing" sh -c '! grep . warnings'
else
    skip "no groff: whether it warns"
fi

command -v bash >/dev/null || { skip "no bash: completion"; finish; }
check "completion is made" sh -c '"$1" completion "$2" >harmonia.bash' - "$from_help" "$HARMONIA"
# completes WANTED WORD...: to just these words, of the last one's beginning
completes() {
    wanted=$1
    shift
    # shellcheck disable=SC2016
    bash -c '. ./harmonia.bash
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _harmonia 2>complaint
        echo "${COMPREPLY[@]}"' - "$@" >completed
    check "'$*' is completed to '$wanted'" grep -qxF -- "$wanted" completed
}
completes "pack plan" harmonia p
completes "--model" harmonia train --mod
completes "unet unet3plus" harmonia train --data d.h5 --model u
completes "style-rgb style-hsv" harmonia train --model = st
completes "dovenet" harmonia plan --model d
completes "auto" harmonia train --micro-batch ""
completes "" harmonia train --steps ""
: >"a set.h5"
completes "a set.h5" harmonia train --data "a s"
completes "a set.h5" harmonia info "a s"
for command in $commands; do
    options=$(echo $(options_of "$command"))
    [ "$command" = plan ] && options="$(echo "$options" | sed 's/ --help//') --help $(
        echo $(options_of train | grep -vxe --help))"
    completes "$options" harmonia "$command" --
done
finish
