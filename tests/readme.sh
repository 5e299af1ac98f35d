# The documents: the option reference is the program's own --help, the READMEs
# lead where they say, and name files that are there.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

commands=$HARMONIA_SOURCE/dist/cmd/README.md
"$HARMONIA_SOURCE/.ci/from-help" readme "$HARMONIA" "$commands" >README.md
check "the option reference is what --help says (make readme)" \
    cmp "$commands" README.md

cd "$HARMONIA_SOURCE" || exit 1
lines=$(wc -l <README.md)
check "the README has $lines lines, of at most 300" test "$lines" -le 300
missing=
for folder in dist nn data checkpoint tests slurm; do
    [ -s $folder/README.md ] || missing="$missing $folder"
done
check "every folder has a README;$missing" test -z "$missing"

documents="README.md */README.md dist/cmd/README.md dist/library/README.md .github/CONTRIBUTING.md"
# Prints what is wrong: a link to no file or to no heading, or a source file that
# is nowhere in the project. Names with capitals stand for others.
wrong_links() {
    # shellcheck disable=SC2016
    perl -e '
sub slurp { local (@ARGV, $/) = @_; <> }
sub anchors {
    my %all;
    for (slurp($_[0]) =~ /^#+ +(.*)$/mg) {
        (my $name = lc) =~ s/[^\w\- ]//g;
        $name =~ tr/ /-/;
        $all{$name} = 1;
    }
    return \%all;
}
my @files = map { "/$_" } glob("* */* */*/* .ci/*");
for my $document (@ARGV) {
    my $text = slurp($document);
    (my $folder = $document) =~ s{[^/]*$}{};
    $folder ||= "./";
    while ($text =~ /\]\(([^)#:]*)(?:#([^)]*))?\)/g) {
        my ($path, $anchor) = ($1, $2);
        my $target = $path eq "" ? $document : "$folder$path";
        if (!-e $target) { print "$document: no $path\n" }
        elsif (defined $anchor && !anchors($target)->{$anchor}) {
            print "$document: no heading #$anchor in $target\n";
        }
    }
    $text =~ s/^    .*$//mg;
    while ($text =~ /`([a-z0-9_.\/-]+\.(?:[ch]|sh|def|sbatch|py))`/g) {
        my $name = $1;
        print "$document: no $name\n" if !grep { m{/\Q$name\E$} } @files;
    }
}' $documents
}
wrong_links >"$scratch/wrong"
# shellcheck disable=SC2016
check "links and names of files in the documents lead somewhere" \
    sh -c '! grep . "$1"' - "$scratch/wrong"
finish
