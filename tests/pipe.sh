# apply with standard input and output, and with PPM files.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

picture image.png 60 40 rgb photo 3
picture mask.png 60 40 grey soft
run 30 "$HARMONIA" apply --image image.png --mask mask.png --output out.png
run 30 "$HARMONIA" apply --image image.png --mask mask.png --output out.ppm
exits 0 "to a PPM"
check "which is one" test "$(head -c 13 out.ppm | tr '\n' ' ')" = "P6 60 40 255 "
# through COMMAND...: apply in a pipe
through() {
    run 30 sh -c 'from=$1 to=$2; shift 2; "$HARMONIA" apply "$@" <"$from" | cat >"$to"' - "$@"
}
through image.png piped.png --image - --mask mask.png --output -
check "- to -: the same PNG" cmp out.png piped.png
through mask.png piped.ppm --image image.png --mask - --output ppm:-
check "the mask from a pipe, a PPM into one" cmp out.ppm piped.ppm
"$HARMONIA" apply --image image.png --mask mask.png --output - >direct.png 2>/dev/null
check "into a file of the shell's" cmp out.png direct.png
# what was read as PNG and written as PPM, once more from there
through out.ppm again.png --image - --mask mask.png --output -
run 30 "$HARMONIA" apply --image out.png --mask mask.png --output twice.png
check "a PPM from a pipe is the picture that it was" cmp twice.png again.png
run 20 "$HARMONIA" apply --image - --mask - --output o.png
refused 2 "options --image and --mask: standard input" "one input for two"
run 20 "$HARMONIA" apply --image - --mask-alpha --output o.png
refused 2 "options --image and --mask-alpha: standard input" "nor for the alpha"
run 20 "$HARMONIA" apply --image image.png --mask mask.png --output - --json
refused 2 "option --json: expected files" "a picture and JSON in one output"
run 20 "$HARMONIA" apply --image - --mask mask.png --output o.png
refused 1 "an empty file" "nothing to read"
run 20 "$HARMONIA" apply --image image.png --mask mask.png --output gif:-
refused 2 "an image's name ends in" "a format that there is not"
finish
