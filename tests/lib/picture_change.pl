#!/usr/bin/perl
# picture_change.pl IN OUT MASK [ORIENTATION [coarse]]: whether the PNG OUT is IN,
# turned as EXIF's orientation says, with all its bits and alpha and with other
# colours where MASK is white. Prints OUT's kind and the mean change in there.
# coarse: 16 bits may change in steps of 8.
use strict;
use warnings;
use Compress::Zlib;

sub paeth {
    my ($a, $b, $c) = @_;
    my ($x, $y, $z) = (abs($b - $c), abs($a - $c), abs($a + $b - 2 * $c));
    return $x <= $y && $x <= $z ? $a : $y <= $z ? $b : $c;
}

# Width, height, channels, bits, and the values of one pixel after the other.
sub read_png {
    my ($name) = @_;
    open my $file, '<:raw', $name or die "$name: $!\n";
    my $bytes = do { local $/; <$file> };
    my ($w, $h, $bits, $colour) = unpack 'x16NNCC', $bytes;
    my $channels = {0 => 1, 2 => 3, 4 => 2, 6 => 4}->{$colour};
    my $data = '';
    for (my $at = 8; $at < length $bytes;) {
        my ($length, $type) = unpack "x${at}Na4", $bytes;
        $data .= substr $bytes, $at + 8, $length if $type eq 'IDAT';
        $at += 12 + $length;
    }
    my $pixel = $channels * $bits / 8;
    my $row = $w * $pixel;
    my @above = (0) x ($row + $pixel);
    my @values;
    my @raw = unpack 'C*', uncompress($data);
    for (1 .. $h) {
        my $filter = shift @raw;
        my @line = ((0) x $pixel, splice @raw, 0, $row);
        for my $i ($pixel .. $#line) {
            my ($a, $b, $c) = ($line[$i - $pixel], $above[$i], $above[$i - $pixel]);
            my $guess = $filter == 0 ? 0 : $filter == 1 ? $a : $filter == 2 ? $b
                : $filter == 3 ? ($a + $b) >> 1 : paeth($a, $b, $c);
            $line[$i] = ($line[$i] + $guess) & 255;
        }
        @above = @line;
        push @values, unpack $bits == 16 ? 'n*' : 'C*',
            pack 'C*', @line[$pixel .. $#line];
    }
    return {w => $w, h => $h, channels => $channels, bits => $bits, values => \@values};
}

my ($in, $out, $mask) = map { read_png($_) } @ARGV[0 .. 2];
my $o = $ARGV[3] || 1;
my ($w, $h) = $o > 4 ? ($in->{h}, $in->{w}) : ($in->{w}, $in->{h});
my $channels = $in->{channels} < 3 ? $in->{channels} + 2 : $in->{channels};
for (['w', $w], ['h', $h], ['channels', $channels], ['bits', $in->{bits}]) {
    my ($key, $want) = @$_;
    die "$key: $out->{$key}, not $want\n" if $out->{$key} != $want;
}
die "mask: $mask->{w} x $mask->{h}\n" if $mask->{w} != $w || $mask->{h} != $h;

my ($last_x, $last_y) = ($in->{w} - 1, $in->{h} - 1);
my ($sum, $count, $fine) = (0, 0, 0);
for my $y (0 .. $h - 1) {
    for my $x (0 .. $w - 1) {
        my ($sx, $sy) = @{([$x, $y], [$last_x - $x, $y], [$last_x - $x, $last_y - $y],
            [$x, $last_y - $y], [$y, $x], [$y, $last_y - $x],
            [$last_x - $y, $last_y - $x], [$last_x - $y, $x])[$o - 1]};
        my $from = ($sy * $in->{w} + $sx) * $in->{channels};
        my $to = ($y * $w + $x) * $channels;
        my $inside = $mask->{values}[($y * $w + $x) * $mask->{channels}] > 0;
        for my $c (0 .. $channels - 1) {
            my $k = $in->{channels} < 3 ? ($c < 3 ? 0 : 1) : $c;
            my $d = abs($in->{values}[$from + $k] - $out->{values}[$to + $c]);
            die "pixel $x, $y, channel $c: off by $d\n" if $d && (!$inside || $c == 3);
            next if !$inside || $c == 3;
            $sum += $d;
            $fine++ if $d % 257;
            $count++;
        }
    }
}
my $mean = $sum / $count / ($in->{bits} == 16 ? 257 : 1);
print "$channels channels, $in->{bits} bits, mean change $mean\n";
die "no change\n" if $mean < 0.5;
die "in steps of 8 bits\n" if $in->{bits} == 16 && !$ARGV[4] && $fine < $count / 2;
