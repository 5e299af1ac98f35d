# Lists, tables and hosts as other systems write them, and splits that share
# images.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

# ---- photographs and index.tsv ----------------------------------------------------

mkdir -p plain/train plain/test
for number in 1 2 3 4 5 6; do
    split="train"
    [ $number -lt 4 ] || split="test"
    picture plain/$split/p$number.jpg 40 40 rgb photo $number
    picture plain/$split/p$number.png 40 40 grey box
    printf 'p%d\t%s\tcat\ts%d\n' $number $split $number >>rows
done
{
    printf 'name\tsplit\tcategory\tscene\n'
    cat rows
} >plain/index.tsv
compose() { # PHOTOS OUT OPTIONS...
    run 30 "$HARMONIA" compose --per-image 2 --methods gct,hgm "$@"
}
compose plain of-plain
exits 0 "compose"

# as_plain WHAT: the photographs in `other` make the same folder
as_plain() {
    rm -rf of-other
    compose other of-other
    check "$1: the same folder" diff -r -x compose.tsv of-plain of-other
    [ "$code" -eq 0 ] || show_output
}
other() { # a copy, but for index.tsv, which is stdin
    rm -rf other
    cp -r plain other
    cat >other/index.tsv
}
{
    printf '\357\273\277'
    cat plain/index.tsv
} | other
as_plain "a byte-order mark"
sed 's/$/\r/' plain/index.tsv | other
as_plain "lines that end as on Windows"
tr '\n' '\r' <plain/index.tsv | other
as_plain "as on an old Macintosh"
{
    printf '\n \t \n'
    sed 's/\t/ \t  /g; s/$/  /' plain/index.tsv
    printf '\n\n'
} | other
as_plain "blanks around fields, blank lines"
printf '%s' "$(cat plain/index.tsv)" | other
as_plain "no end of the last line"
awk -F '\t' -v OFS='\t' '{ print $4, "x", $3, $1, "", $2 }' plain/index.tsv | other
as_plain "columns in another order, and more of them"
sed 's/\([^\t]*\)\t/"\1"\t/' plain/index.tsv | other
as_plain "quotes, as spreadsheets write them"
{
    cat plain/index.tsv
    printf '._p1\ttrain\tcat\ts1\n'
} | other
touch other/train/._p1.jpg other/train/.DS_Store other/Thumbs.db
as_plain "what macOS and Windows leave beside pictures"
says "1 lines name files \"\._" "lines that name it are told of"
other <plain/index.tsv
mv other/train/p1.jpg other/train/p1.JPG
mv other/train/p1.png other/train/p1.PNG
mv other/train/p2.jpg other/train/p2.jpeg
mv other/test/p4.jpg other/test/p4.JPEG
as_plain "endings in capitals, and .jpeg"
nfc=$(printf 'caf\303\251-1')
nfd=$(printf 'cafe\314\201-1')
sed "s/^p1/$nfc/" plain/index.tsv | other
mv other/train/p1.jpg "other/train/$nfd.jpg"
mv other/train/p1.png "other/train/$nfd.png"
rm -rf of-other
compose other of-other
exits 0 "names that macOS has taken apart"
check "are found" cmp of-plain/real_images/c1.jpg of-other/real_images/c1.jpg
perl -pe 's/(.)/$1\0/gs' plain/index.tsv | other
rm -rf of-other
compose other of-other
refused 1 "other/index.tsv: is UTF-16 text; expected UTF-8" "UTF-16"
sed 's,^p1,train\\p1,' plain/index.tsv | other
compose other of-other
refused 1 'line 2: .train.p1. has a backslash; expected' "a backslash"

# ---- HCOCO's lists ----------------------------------------------------------------

run 30 "$HARMONIA" pack of-plain plain.h5 --size 32
exits 0 "pack"
check "says nothing of splits that share nothing" \
    sh -c '! grep -q share "$1"' - "$stderr"
# packs_as_plain WHAT: of-plain with other lists is the same file
packs_as_plain() {
    rm -f other.h5
    run 30 "$HARMONIA" pack listed other.h5 --size 32
    check "$1: the same file" cmp plain.h5 other.h5
    [ "$code" -eq 0 ] || show_output
}
listed() { # COMMAND...: makes a list of one of of-plain
    rm -rf listed here
    mkdir here
    cp -r of-plain here/of-plain # its name is in the file
    ln -s here/of-plain listed
    for split in train test; do
        "$@" <of-plain/HCOCO_$split.txt >listed/HCOCO_$split.txt
    done
}
marked() { printf '\357\273\277' && sed 's/$/ \t\r/' && printf '\r\n\r\n'; }
listed marked
packs_as_plain "a mark, trailing blanks, ends as on Windows"
listed sed 's/jpg$/JPG/'
packs_as_plain "endings in capitals"
listed sed 's,^,composite_images/,'
packs_as_plain "names with their folder"
listed cat
cp listed/HCOCO_train.txt listed/._HCOCO_train.txt
touch listed/composite_images/._c1_1_1.jpg listed/.DS_Store
packs_as_plain "what macOS leaves"
listed sed 's,^,composite_images\\,'
run 30 "$HARMONIA" pack listed other.h5 --size 32
refused 1 "HCOCO_train.txt:1: .* has a backslash; expected / between" "a backslash"

# ---- what two splits share --------------------------------------------------------

rm -f other.h5
listed cat
sed -i /c1_1_2/d listed/HCOCO_train.txt
echo c1_1_2.jpg >>listed/HCOCO_test.txt
# shared WHAT TEXT: packed with a warning, and with --strict not at all
shared() {
    run 30 "$HARMONIA" pack listed other.h5 --size 32
    exits 0 "$1"
    says "warning: .*: the test split shares $2" "is warned of, counted and named"
    rm -f other.h5
    run 30 "$HARMONIA" pack listed other.h5 --size 32 --strict
    refused 1 "the test split shares $2 \(--strict\)" "with --strict it is an error"
    check "and there is no file" test ! -e other.h5
}
shared "a real image in both lists" \
    "1 of its 4 real images with the train split: c1.jpg"
listed cat
cp listed/real_images/c2.jpg listed/real_images/c5.jpg
rm -f other.h5*
shared "the same picture under two names" \
    "1 of its 3 real images, under other names .* with the train split: c5.jpg"
rm -f other.h5*
listed cat
cp listed/real_images/c2.jpg listed/real_images/c3.jpg
run 30 "$HARMONIA" pack listed other.h5 --size 32
check "twice in one split is nobody's business" \
    sh -c '! grep -q share "$1"' - "$stderr"
sed 's/\ts[45]$/\ts2/' plain/index.tsv | other
rm -rf of-other
compose other of-other
exits 0 "compose with a scene in two splits"
says "warning: other: the test split shares 1 of its 2 scenes with .*: s2" \
    "warns of it"
compose other of-other --strict
refused 1 "shares 1 of its 2 scenes .*--strict" "with --strict it is an error"

# ---- hosts and sweeps -------------------------------------------------------------

if command -v bash >/dev/null; then
    mkdir bin
    cat >bin/mpirun <<'SCRIPT'
#!/bin/sh
while [ "$1" != --hostfile ]; do shift; done
cp "$2" hostfile
SCRIPT
    chmod +x bin/mpirun
    launch() {
        run 30 env PATH="$scratch/bin:$PATH" HARMONIA=/bin/true \
            "$HARMONIA_SOURCE/dist/launch" --hosts hosts --agent 'env A=' \
            train --out run
    }
    printf '# two\nlocalhost slots=2\n127.0.0.1\n' >hosts
    launch
    exits 0 "launch"
    cp hostfile wanted
    printf '\357\273\277# two\r\n\r\n localhost slots=2 \t# here\r\n127.0.0.1' >hosts
    launch
    exits 0 "launch with a hosts file of Windows"
    check "sees the same hosts" cmp wanted hostfile
    printf '\377\376l\0o\0' >hosts
    launch
    exits 2 "UTF-16"
    says "hosts is UTF-16 text; expected UTF-8" "is named"
    printf '\357\273\277# two\r\n  \t\r\n--seed 1 \t\r\n # no\r\n--seed 2 --ngf 2' >sweep
    rows=$(bash -c '. "$1/slurm/job.sh" && rows_of sweep' - "$HARMONIA_SOURCE" |
        tr '\n' '|')
    check "a sweep of Windows has its two rows" test "$rows" = \
        "--seed 1|--seed 2 --ngf 2|"
else
    skip "no bash"
fi
finish
