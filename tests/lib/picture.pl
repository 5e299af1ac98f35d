#!/usr/bin/perl
# picture.pl FILE WIDTH HEIGHT grey|la|rgb|rgba PATTERN [SEED]
# Writes a PNG without any library; la: grey and alpha; grey16, rgb16, rgba16: of
# 16 bits. PATTERN: black, white, noise, ramp, box or boxR (a white box in the
# middle of black, R = 0.25 of the picture from its centre to its edge), soft (a
# box with grey edges), corner (white up and left), photo (a smooth picture with
# some noise), rect:X,Y,W,H:OUT:IN (a rectangle; OUT and IN: the values of all
# channels, as 0,0,0,255). Alpha is 200 but in rect.
use strict;
use warnings;

my ($file, $width, $height, $kind, $pattern, $seed) = @ARGV;
my %channels = (grey => 1, la => 2, rgb => 3, rgba => 4);
my %colour_type = (grey => 0, la => 4, rgb => 2, rgba => 6);
my $depth = $kind =~ s/16$// ? 16 : 8;
my $channels = $channels{$kind} or die "no kind '$kind'\n";
my $state = $seed || 1;

sub noise {
    $state = ($state * 1103515245 + 12345) % 2147483648;
    return $state >> 16 & 255;
}

sub clamp { my $v = int($_[0]); return $v < 0 ? 0 : $v > 255 ? 255 : $v }

sub value {
    my ($x, $y, $c) = @_;
    return 0 if $pattern eq 'black';
    return 255 if $pattern eq 'white';
    return noise() if $pattern eq 'noise';
    return int(255 * $x / $width) if $pattern eq 'ramp';
    my $u = abs(($x + 0.5) / $width - 0.5);
    my $v = abs(($y + 0.5) / $height - 0.5);
    my $far = $u > $v ? $u : $v;
    return $far < ($1 || 0.25) ? 255 : 0 if $pattern =~ /^box([0-9.]*)$/;
    return clamp(255 * (0.35 - $far) / 0.15) if $pattern eq 'soft';
    return $x < $width / 2 && $y < $height / 2 ? 255 : 0 if $pattern eq 'corner';
    return clamp(128 + 60 * sin($seed + 5 * $x / $width + $c)
        + 40 * cos(2 * $seed + 4 * $y / $height - $c) + noise() / 16)
        if $pattern eq 'photo';
    die "no pattern '$pattern'\n";
}

# The pixel's bytes: of a rectangle, or by the pattern and with alpha.
my ($rect, @sides) = $pattern =~ /^rect:(.*):(.*):(.*)$/;
my ($left, $top, $wide, $high) = split /,/, $rect || '';
@sides = map { [split /,/] } @sides;

sub bytes {
    my ($x, $y) = @_;
    if ($rect) {
        my $in = $x >= $left && $x < $left + $wide && $y >= $top && $y < $top + $high;
        my @values = @{ $sides[$in ? 1 : 0] };
        return $depth == 16 ? map { ($_ >> 8, $_ & 255) } @values : @values;
    }
    my $alpha = $channels % 2 == 0 ? $channels - 1 : $channels;
    return map {
        ($_ == $alpha ? 200 : value($x, $y, $_), $depth == 16 ? noise() : ())
    } 0 .. $channels - 1;
}

my @table = map {
    my $r = $_;
    $r = $r & 1 ? 0xedb88320 ^ ($r >> 1) : $r >> 1 for 1 .. 8;
    $r
} 0 .. 255;

sub crc {
    my $r = 0xffffffff;
    $r = $table[($r ^ $_) & 255] ^ ($r >> 8) for unpack 'C*', $_[0];
    return $r ^ 0xffffffff;
}

sub chunk {
    my ($type, $data) = @_;
    return pack('N', length $data) . $type . $data
        . pack('N', crc($type . $data));
}

my $raw = '';
for my $y (0 .. $height - 1) {
    my @row = (0);    # no filter
    push @row, bytes($_, $y) for 0 .. $width - 1;
    $raw .= pack 'C*', @row;
}
my ($a, $b) = (1, 0);
for (unpack 'C*', $raw) { $a = ($a + $_) % 65521; $b = ($b + $a) % 65521 }
my $zlib = pack 'C2', 0x78, 0x01;    # blocks that are stored as they are
for (my $at = 0; $at < length $raw; $at += 65535) {
    my $part = substr $raw, $at, 65535;
    my $last = $at + 65535 >= length $raw ? 1 : 0;
    $zlib .= pack('Cvv', $last, length $part, length($part) ^ 0xffff) . $part;
}
$zlib .= pack 'N', $b * 65536 + $a;

open my $out, '>:raw', $file or die "$file: $!\n";
print $out "\x89PNG\r\n\x1a\n",
    chunk('IHDR', pack 'NNC5', $width, $height, $depth, $colour_type{$kind}, 0, 0, 0),
    chunk('IDAT', $zlib), chunk('IEND', '');
close $out or die "$file: $!\n";
