#!/usr/bin/perl
# picture_says.pl IN OUT WHAT...: a copy of a PNG or JPEG that says more beside
# its pixels. WHAT: exif=N (orientation N), profile=p3, profile=grey (gamma
# 1), profile=broken, profile=inks, dpi=N, comment=TEXT.
use strict;
use warnings;

my ($in, $out, @what) = @ARGV;
open my $file, '<:raw', $in or die "$in: $!\n";
my $bytes = do { local $/; <$file> };
my $png = substr($bytes, 0, 4) eq "\x89PNG";

my @table = map {
    my $r = $_;
    $r = $r & 1 ? 0xedb88320 ^ ($r >> 1) : $r >> 1 for 1 .. 8;
    $r
} 0 .. 255;

sub chunk {
    my ($type, $data) = @_;
    my $r = 0xffffffff;
    $r = $table[($r ^ $_) & 255] ^ ($r >> 8) for unpack 'C*', $type . $data;
    return pack('N', length $data) . $type . $data . pack 'N', $r ^ 0xffffffff;
}

sub segment {
    my ($marker, $data) = @_;
    return pack('CCn', 0xff, $marker, 2 + length $data) . $data;
}

# zlib's format, stored as it is.
sub stored {
    my ($data) = @_;
    my ($a, $b) = (1, 0);
    for (unpack 'C*', $data) { $a = ($a + $_) % 65521; $b = ($b + $a) % 65521 }
    return pack('C3vv', 0x78, 0x01, 1, length $data, length($data) ^ 0xffff)
        . $data . pack 'N', $b * 65536 + $a;
}

sub exif {
    return "MM\0*" . pack('Nn', 8, 1) . pack('nnNnnN', 0x112, 3, 1, $_[0], 0, 0);
}

# Of Display P3's primaries.
sub profile {
    my ($space, $gamma) = @_;
    my @xyz = ([0.51512, 0.24120, -0.00105], [0.29198, 0.69225, 0.04189],
        [0.15710, 0.06657, 0.78407]);
    my $data = join '', map { 'XYZ ' . pack 'N4', 0, map { int($_ * 65536) & 0xffffffff } @$_ } @xyz;
    $data .= 'curv' . pack('NNn', 0, 1, int($gamma * 256)) . "\0\0";
    my @tags = qw(rXYZ gXYZ bXYZ rTRC gTRC bTRC kTRC);
    my $at = 128 + 4 + 12 * @tags;
    my $tags = pack 'N', scalar @tags;
    for my $i (0 .. $#tags) {
        $tags .= $tags[$i] . pack 'NN', $at + 20 * ($i < 3 ? $i : 3), $i < 3 ? 20 : 14;
    }
    my $head = pack 'N', 128 + length($tags) + length $data;
    $head .= "\0\0\0\0" . pack('N', 0x02200000) . "mntr${space}XYZ ";
    $head .= "\0" x (36 - length $head) . 'acsp';
    $head .= "\0" x (68 - length $head) . pack 'N3', 0xf6d6, 0x10000, 0xd32d;
    return $head . "\0" x (128 - length $head) . $tags . $data;
}

my $more = '';
for (@what) {
    my ($key, $value) = split /=/, $_, 2;
    if ($key eq 'exif') {
        my $exif = exif($value);
        $more .= $png ? chunk('eXIf', $exif) : segment(0xe1, "Exif\0\0$exif");
    } elsif ($key eq 'profile') {
        my $profile = $value eq 'inks' ? profile('CMYK', 2.2)
            : $value eq 'grey' ? profile('GRAY', 1) : profile('RGB ', 2.2);
        substr($profile, 132, 72) = "\xff" x 72 if $value eq 'broken';
        $more .= $png ? chunk('iCCP', "P3\0\0" . stored($profile))
            : segment(0xe2, "ICC_PROFILE\0\1\1$profile");
    } elsif ($key eq 'dpi') {
        if ($png) { $more .= chunk('pHYs', pack 'NNC', ($value / 0.0254) x 2, 1) }
        else { substr($bytes, 13, 5) = pack 'Cnn', 1, $value, $value }
    } elsif ($key eq 'comment') {
        $more .= $png ? chunk('tEXt', "Comment\0$value") : segment(0xfe, $value);
    } else {
        die "no '$key'\n";
    }
}
substr($bytes, $png ? 33 : 20, 0) = $more;    # behind IHDR; behind JFIF
open my $to, '>:raw', $out or die "$out: $!\n";
print $to $bytes;
close $to or die "$out: $!\n";
