# The README's option reference is the program's own --help.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"
"$HARMONIA_SOURCE/.ci/readme-options" "$HARMONIA" "$HARMONIA_SOURCE/README.md" >"$scratch/README.md"
check "README's options are those of --help (make readme)" \
    cmp "$HARMONIA_SOURCE/README.md" "$scratch/README.md"
finish
