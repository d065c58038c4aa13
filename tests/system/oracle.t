#!/usr/bin/perl
# SPDX-License-Identifier: MIT
# Compares the antivirus engine (muxscan) with two independent judges, on random signatures and
# files from a fixed seed: ClamAV's clamscan with unpacking off, and a translation of each signature
# into a Perl regular expression. Then the demo's own files and signatures, and malformed lines.
#
# Needs: $BUILD/tools/muxscan (BUILD defaults to "build"), clamscan, sigtool, clamav-testfiles.
# ORACLE_SEED=n tries another seed; ORACLE_KEEP=1 keeps the files.
use strict;
use warnings;
use Digest::MD5 qw(md5_hex);
use Digest::SHA qw(sha1_hex sha256_hex);
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use Test::More;

my $build = $ENV{BUILD} // 'build';
my $muxscan = "$build/tools/muxscan";
my $mkcorpus = dirname(__FILE__) . '/../../tools/mkcorpus';
my $seed = $ENV{ORACLE_SEED} // 20261120;
my $work = tempdir(CLEANUP => !$ENV{ORACLE_KEEP});

# Options that make clamscan look at the bytes of the file itself and at nothing unpacked from it.
my @clam_options = (
	qw(--no-summary --infected --recursive --disable-cache --heuristic-alerts=no --bytecode=no),
	qw(--normalize=no --max-filesize=0 --max-scansize=0 --max-scantime=0),
	map { "--scan-$_=no" } qw(archive pe elf ole2 pdf swf html mail xmldocs hwp3 onenote image));

srand($seed);
diag("seed $seed, files in $work") if $ENV{ORACLE_KEEP};

sub spew
{
	my ($path, $data) = @_;
	open(my $file, '>:raw', $path) or die "$path: $!";
	print $file $data;
	close($file) or die "$path: $!";
}

sub slurp
{
	my ($path) = @_;
	open(my $file, '<:raw', $path) or die "$path: $!";
	local $/;
	return scalar <$file>;
}

# Runs a scanner; returns the set of "file signature" that it found, its output and exit status.
sub found
{
	my ($directory, @command) = @_;
	open(my $pipe, '-|', 'sh', '-c', 'exec "$@" 2>&1', 'sh', @command) or die "$command[0]: $!";
	my (%set, @rest);
	while (my $line = <$pipe>) {
		if ($line =~ m{^\Q$directory\E/(.+): (\S+?)(?:\.UNOFFICIAL)? FOUND$}) {
			$set{"$1 $2"} = 1;
		} elsif ($line !~ /: OK$/) {
			push @rest, $line;
		}
	}
	close($pipe);
	return (\%set, \@rest, $? >> 8);
}

sub run_muxscan
{
	my ($database, $directory, @options) = @_;
	return found($directory, $muxscan, '-i', '-d', $database, @options, $directory);
}

sub run_clamscan
{
	my ($database, $directory, @options) = @_;
	return found($directory, 'clamscan', @clam_options, '-d', $database, @options, $directory);
}

# Same sets? Says which elements are not shared.
sub same_sets
{
	my ($left, $right, $name) = @_;
	my @only_left = grep { !$right->{$_} } sort keys %$left;
	my @only_right = grep { !$left->{$_} } sort keys %$right;
	my $same = !@only_left && !@only_right;
	ok($same, $name . ' (' . scalar(keys %$left) . ' hits)');
	diag("only the first: $_") for @only_left[0 .. ($#only_left < 9 ? $#only_left : 9)];
	diag("only the second: $_") for @only_right[0 .. ($#only_right < 9 ? $#only_right : 9)];
	return $same;
}

# ---- random signatures -------------------------------------------------------------------------

# A signature is built of items. Each has hex text, a regular expression and a sample that matches.

sub random_bytes
{
	my ($count, $alphabet) = @_;
	return join('', map { chr($alphabet->[int(rand(@$alphabet))]) } 1 .. $count);
}

my @all_bytes = (0 .. 255);
sub any_bytes { return random_bytes($_[0], \@all_bytes); }

sub literal
{
	my ($bytes) = @_;
	my $hex = unpack('H*', $bytes);
	$hex = uc($hex) if rand() < 0.2;
	return {hex => $hex, re => quotemeta_bytes($bytes), sample => $bytes};
}

sub quotemeta_bytes { return join('', map { sprintf('\\x%02x', ord($_)) } split(//, $_[0])); }

sub any_byte { return {hex => '??', re => '.', sample => any_bytes(1)}; }

sub nibble
{
	my ($digit, $other) = (int(rand(16)), int(rand(16)));
	if (rand() < 0.5) {
		my $class = join('', map { sprintf('\\x%x%x', $digit, $_) } 0 .. 15);
		return {hex => sprintf('%x?', $digit), re => "[$class]", sample => chr($digit * 16 + $other)};
	}
	my $class = join('', map { sprintf('\\x%x%x', $_, $digit) } 0 .. 15);
	return {hex => sprintf('?%x', $digit), re => "[$class]", sample => chr($other * 16 + $digit)};
}

sub choice
{
	my (@alternatives) = @_;
	return {hex => '(' . join('|', map { $_->{hex} } @alternatives) . ')',
		re => '(?:' . join('|', map { $_->{re} } @alternatives) . ')',
		sample => $alternatives[int(rand(@alternatives))]{sample}};
}

sub negation
{
	my ($length, $alphabet) = @_;
	my @strings = map { random_bytes($length, $alphabet) } 1 .. 1 + int(rand(3));
	my %taken = map { $_ => 1 } @strings;
	my $sample;
	do { $sample = any_bytes($length) } while ($taken{$sample});
	return {hex => '!(' . join('|', map { unpack('H*', $_) } @strings) . ')',
		re => '(?!' . join('|', map { quotemeta_bytes($_) } @strings) . ')' . '.' x $length,
		sample => $sample};
}

sub gap
{
	my ($hex, $low, $high, $longest) = @_;
	my $most = defined $high ? $high : $low + $longest;
	return {hex => $hex, re => '.{' . $low . ',' . ($high // '') . '}',
		sample => any_bytes($low + int(rand($most - $low + 1)))};
}

sub random_gap
{
	my ($low, $span) = (int(rand(40)), int(rand(60)));
	my $high = $low + 1 + $span;
	my $kind = int(rand(4));
	return gap("{$low-$high}", $low, $high, 0) if $kind == 0;
	return gap("{-$high}", 0, $high, 0) if $kind == 1;
	return gap("{$low-}", $low, undef, 50) if $kind == 2;
	return gap('{' . ($low + 1) . '}', $low + 1, $low + 1, 0);
}

sub star { return gap('*', 0, undef, 60); }

# Alternatives of different lengths where none begins or ends another: ClamAV tells these apart
# without going back, so that it agrees with an exact matcher.
sub mixed_choice
{
	my ($alphabet) = @_;
	my @strings;
	for (my $try = 0; $try < 20 && @strings < 3; $try++) {
		my $string = random_bytes(1 + int(rand(5)), $alphabet);
		next if grep { my $min = length($_) < length($string) ? length($_) : length($string);
			       substr($_, 0, $min) eq substr($string, 0, $min) ||
			       substr($_, -$min) eq substr($string, -$min) } @strings;
		push @strings, $string;
	}
	return choice(map { literal($_) } @strings);
}

# Shape name => items of one signature. `$a` is the alphabet of its literal bytes.
my %shape = (
	literal => sub { my $a = shift; return (literal(random_bytes(3 + int(rand(30)), $a))); },
	long => sub { my $a = shift; return (literal(random_bytes(100 + int(rand(900)), $a))); },
	wildcard => sub {
		my $a = shift;
		return (literal(random_bytes(2 + int(rand(4)), $a)),
			map { rand() < 0.4 ? any_byte() : literal(random_bytes(1, $a)) } 1 .. 1 + int(rand(12)));
	},
	prefixed => sub {
		my $a = shift;
		return ((map { rand() < 0.5 ? any_byte() : nibble() } 1 .. 1 + int(rand(4))),
			literal(random_bytes(2 + int(rand(6)), $a)));
	},
	nibble => sub {
		my $a = shift;
		return (literal(random_bytes(2 + int(rand(3)), $a)),
			map { rand() < 0.5 ? nibble() : literal(random_bytes(1, $a)) } 1 .. 1 + int(rand(8)));
	},
	star => sub {
		my $a = shift;
		return (literal(random_bytes(3 + int(rand(4)), $a)),
			map { (star(), literal(random_bytes(3 + int(rand(4)), $a))) } 1 .. 1 + int(rand(4)));
	},
	gap => sub {
		my $a = shift;
		return (literal(random_bytes(3 + int(rand(4)), $a)),
			map { (random_gap(), literal(random_bytes(3 + int(rand(4)), $a))) } 1 .. 1 + int(rand(4)));
	},
	choice => sub {
		my $a = shift;
		my $length = 1 + int(rand(4));
		return (literal(random_bytes(2 + int(rand(3)), $a)),
			choice(map { literal(random_bytes($length, $a)) } 1 .. 1 + int(rand(5))),
			literal(random_bytes(2 + int(rand(3)), $a)));
	},
	wildchoice => sub {
		my $a = shift;
		return (literal(random_bytes(2 + int(rand(3)), $a)),
			choice(map { choice_string($a) } 1 .. 2 + int(rand(2))),
			literal(random_bytes(2 + int(rand(3)), $a)));
	},
	mixedchoice => sub {
		my $a = shift;
		return ((rand() < 0.5 ? (literal(random_bytes(2, $a)), mixed_choice($a)) : ()),
			literal(random_bytes(4 + int(rand(3)), $a)), mixed_choice($a),
			literal(random_bytes(3 + int(rand(3)), $a)));
	},
	negation => sub {
		my $a = shift;
		return (literal(random_bytes(3 + int(rand(3)), $a)), negation(1 + int(rand(3)), $a),
			literal(random_bytes(2 + int(rand(3)), $a)));
	},
);

sub choice_string
{
	my ($alphabet) = @_;
	my @items = map { rand() < 0.4 ? (rand() < 0.5 ? any_byte() : nibble())
				       : literal(random_bytes(1, $alphabet)) } 1 .. 3;
	return {hex => join('', map { $_->{hex} } @items), re => join('', map { $_->{re} } @items),
		sample => join('', map { $_->{sample} } @items)};
}

sub random_offset
{
	my ($kind) = @_;
	my ($value, $shift) = (int(rand(400)), int(rand(200)));
	return {text => '*'} if $kind eq 'any';
	return {text => "$value", start => [$value, $value]} if $kind eq 'start';
	return {text => "$value,$shift", start => [$value, $value + $shift]} if $kind eq 'startshift';
	$value += 3;
	return {text => "EOF-$value", end => [$value, 0]} if $kind eq 'end';
	return {text => "EOF-$value,$shift", end => [$value, $shift]};
}

sub make_signature
{
	my ($name, $shape, $offset, $alphabet) = @_;
	my @items = $shape{$shape}->($alphabet);
	my $re = join('', map { $_->{re} } @items);
	return {name => $name, offset => random_offset($offset), hex => join('', map { $_->{hex} } @items),
		re => qr/$re/s, sample => join('', map { $_->{sample} } @items)};
}

# The judge that shares nothing with either scanner.
sub regex_matches
{
	my ($signature, $data) = @_;
	my $offset = $signature->{offset};
	my ($first, $last);
	if ($offset->{start}) {
		($first, $last) = @{$offset->{start}};
	} elsif ($offset->{end}) {
		return 0 if $offset->{end}[0] > length($data);
		$first = length($data) - $offset->{end}[0];
		$last = $first + $offset->{end}[1];
	} else {
		return $data =~ $signature->{re} ? 1 : 0;
	}
	$last = length($data) if $last > length($data);
	for my $start ($first .. $last) {
		pos($data) = $start;
		return 1 if $data =~ /\G$signature->{re}/;
	}
	return 0;
}

# A place for a sample of the signature: mostly where its offset allows it.
sub plant
{
	my ($data, $signature) = @_;
	my $sample = $signature->{sample};
	if (rand() < 0.25) { # one byte wrong: usually no hit
		substr($sample, int(rand(length($sample))), 1) = any_bytes(1);
	}
	return $data . $sample if length($data) <= length($sample);
	my $at = int(rand(length($data) - length($sample)));
	my $offset = $signature->{offset};
	if ($offset->{start} && rand() < 0.8) {
		my ($low, $high) = @{$offset->{start}};
		$at = $low + int(rand($high - $low + 1)) + (rand() < 0.2 ? 1 : 0);
	} elsif ($offset->{end} && rand() < 0.8) {
		$at = length($data) - $offset->{end}[0] + int(rand($offset->{end}[1] + 1)) +
			(rand() < 0.2 ? 1 : 0);
		$at = 0 if $at < 0;
	}
	return $data if $at + length($sample) > length($data);
	substr($data, $at, length($sample)) = $sample;
	return $data;
}

sub write_database
{
	my ($path, @signatures) = @_;
	spew($path, join('', map { "$_->{name}:0:$_->{offset}{text}:$_->{hex}\n" } @signatures));
}

sub random_set
{
	my ($shape, $offset, $alphabet, $signatures, $files, $sizes) = @_;
	my $directory = "$work/$shape.$offset." . scalar(@$alphabet);
	make_path("$directory/files");
	my @signatures = map { make_signature(sprintf('%s.%s.%03d', $shape, $offset, $_), $shape, $offset,
					      $alphabet) } 1 .. $signatures;
	my %data;
	for my $number (1 .. $files) {
		my $data = random_bytes($sizes->[int(rand(@$sizes))] + int(rand(500)), $alphabet);
		$data = plant($data, $signatures[int(rand(@signatures))]) for 1 .. 4;
		my $name = sprintf('f%03d', $number);
		spew("$directory/files/$name", $data);
		$data{$name} = $data;
	}
	write_database("$directory/$shape.ndb", @signatures);
	my %expected;
	for my $name (sort keys %data) {
		for my $signature (@signatures) {
			$expected{"$name $signature->{name}"} = 1 if regex_matches($signature, $data{$name});
		}
	}
	return ($directory, "$directory/$shape.ndb", \%expected);
}

# ---- three judges ------------------------------------------------------------------------------

sub compare_random
{
	my ($shape, $offset, $count) = @_;
	my ($directory, $database, $expected) =
		random_set($shape, $offset, \@all_bytes, $count, 120, [300, 1500, 6000]);
	my ($ours, $errors) = run_muxscan($database, "$directory/files", '-z');
	is("@$errors", '', "$shape at $offset: muxscan takes all lines");
	same_sets($ours, $expected, "$shape at $offset: muxscan equals the regular expressions");
	my ($clam) = run_clamscan($database, "$directory/files", '--allmatch');
	same_sets($ours, $clam, "$shape at $offset: muxscan equals clamscan");
	cmp_ok(scalar(keys %$ours), '>', 20, "$shape at $offset: the test means something");
}

# Files in which everything nearly matches everywhere: more candidates than ClamAV keeps track of
# (8 positions for each part, CLI_DEFAULT_AC_TRACKLEN), so that the regular expressions judge alone.
sub compare_dense
{
	my ($shape, $offset) = @_;
	my ($directory, $database, $expected) =
		random_set($shape, $offset, [0x61, 0x62], 60, 60, [40, 200]);
	for my $chunk (1, 7, 61440) {
		my ($ours) = run_muxscan($database, "$directory/files", '-z', "--chunk=$chunk");
		same_sets($ours, $expected, "$shape at $offset, dense, pieces of $chunk");
	}
}

# Samples across the borders of clamscan's windows (128 KiB) and of the engine's buffer.
sub compare_borders
{
	my ($directory, $database) = ("$work/borders", "$work/borders/borders.ndb");
	make_path("$directory/files");
	my @signatures = map { make_signature("border.$_", $_, 'any', \@all_bytes) } sort keys %shape;
	my %expected;
	for my $border (65536, 131072, 262144) {
		for my $signature (@signatures) {
			my $length = length($signature->{sample});
			my $data = any_bytes(1000) x 300;
			my $at = $border - int(rand($length));
			substr($data, $at, $length) = $signature->{sample};
			my $name = "$signature->{name}.$border";
			spew("$directory/files/$name", $data);
			$expected{"$name $signature->{name}"} = 1;
		}
	}
	write_database($database, @signatures);
	my ($ours) = run_muxscan($database, "$directory/files", '-z');
	same_sets($ours, \%expected, 'borders: muxscan finds every planted sample');
	for my $chunk (1, 4095, 65537) {
		my ($cut) = run_muxscan($database, "$directory/files", '-z', "--chunk=$chunk");
		same_sets($ours, $cut, "borders: the same in pieces of $chunk");
	}
	my ($clam) = run_clamscan($database, "$directory/files", '--allmatch');
	same_sets($ours, $clam, 'borders: muxscan equals clamscan');
}

sub compare_large_gaps
{
	my $directory = "$work/gaps";
	make_path("$directory/files");
	my ($head, $tail) = ('large-gap-head', 'large-gap-tail');
	my @bounds = ([1000, 70000], [66000, 70000], [0, 200000], [128, 128], [65536, 65536], [300000, undef]);
	my $database = '';
	for my $bound (@bounds) {
		my ($low, $high) = @$bound;
		my $text = defined $high ? ($low == $high ? "{$low}" : "{$low-$high}") : "{$low-}";
		$database .= sprintf("gap.%s.%s:0:*:%s%s%s\n", $low, $high // 'inf', unpack('H*', $head), $text,
				     unpack('H*', $tail));
	}
	spew("$directory/gaps.ndb", $database);
	my %expected;
	for my $distance (0, 1, 127, 128, 129, 999, 1000, 65535, 65536, 65537, 65999, 66000, 69999, 70000,
			  70001, 200000, 200001, 299999, 300000, 400000) {
		spew("$directory/files/d$distance", 'x' x 77 . $head . 'y' x $distance . $tail . 'z' x 30);
		for my $bound (@bounds) {
			my ($low, $high) = @$bound;
			next if $distance < $low || (defined $high && $distance > $high);
			$expected{"d$distance gap.$low." . ($high // 'inf')} = 1;
		}
	}
	my ($ours) = run_muxscan("$directory/gaps.ndb", "$directory/files", '-z');
	same_sets($ours, \%expected, 'large gaps: muxscan counts the bytes');
	my ($clam) = run_clamscan("$directory/gaps.ndb", "$directory/files", '--allmatch');
	same_sets($ours, $clam, 'large gaps: muxscan equals clamscan');
}

sub compare_hashes
{
	my $directory = "$work/hashes";
	make_path("$directory/files");
	my ($hdb, $hsb, %expected) = ('', '');
	for my $number (1 .. 200) {
		my $data = any_bytes(6 + int(rand(300)));
		my $name = sprintf('h%03d', $number);
		spew("$directory/files/$name", $data);
		my $kind = $number % 8;
		my $size = length($data) + ($kind >= 6 ? 1 : 0); # a wrong size must not hit
		my $hash = (\&md5_hex, \&sha1_hex, \&sha256_hex)[$number % 3]->($data);
		my $line = $kind == 5 ? "$hash:*:hash.$number:73\n" : "$hash:$size:hash.$number\n";
		$line = uc($1) . $2 if $number % 5 == 0 && $line =~ /^([0-9a-f]+)(:.*\n)/;
		$number % 3 ? ($hsb .= $line) : ($hdb .= $line);
		$expected{"$name hash.$number"} = 1 if $kind < 6;
	}
	spew("$directory/hash.hdb", $hdb);
	spew("$directory/hash.hsb", $hsb);
	make_path("$directory/database");
	rename("$directory/hash.$_", "$directory/database/hash.$_") for qw(hdb hsb);
	my ($ours) = run_muxscan("$directory/database", "$directory/files", '-z');
	same_sets($ours, \%expected, 'hashes: muxscan finds what was hashed');
	my ($clam) = run_clamscan("$directory/database", "$directory/files", '--allmatch');
	same_sets($ours, $clam, 'hashes: muxscan equals clamscan');
}

# ---- where ClamAV is not exact -----------------------------------------------------------------

# What the random tests leave out, each with ClamAV's reason. The engine must find all of them; that
# clamscan does not is no failure of ours, but the comment would be stale if it came to.
my @inexact = (
	['files of up to 5 bytes are not scanned (cli_magic_scan)', 'Tiny:0:*:616263', 'xabcx'],
	['8 positions of a part are remembered (CLI_DEFAULT_AC_TRACKLEN)',
	 'Tracked:0:*:' . unpack('H*', 'head') . '{100-101}' . unpack('H*', 'tail'),
	 'head......' x 15 . 'head' . 'tail'],
	['alternatives in front of the anchor are tried without going back (ac_findmatch_special)',
	 'Backward:0:*:6566(7a|797a)41424344', 'some text efyzABCD and more'],
);

sub show_inexact
{
	for my $case (@inexact) {
		my ($reason, $line, $data) = @$case;
		my ($name) = $line =~ /^(\w+):/;
		make_path("$work/inexact.$name/files");
		spew("$work/inexact.$name/x.ndb", "$line\nLoaded:0:*:" . unpack('H*', 'sentinel') . "\n");
		spew("$work/inexact.$name/files/file", $data);
		spew("$work/inexact.$name/files/sentinel", 'a sentinel of the database');
		my @arguments = ("$work/inexact.$name/x.ndb", "$work/inexact.$name/files");
		my ($ours) = run_muxscan(@arguments);
		my ($clam) = run_clamscan(@arguments);
		is_deeply($ours, {"file $name" => 1, 'sentinel Loaded' => 1}, "exact where ClamAV is not: $reason");
		ok($clam->{'sentinel Loaded'}, "clamscan takes the signature: $reason");
		diag("clamscan now finds this as well: $reason") if $clam->{"file $name"};
	}
}

# ---- lines that must be refused ----------------------------------------------------------------

# Each is refused by clamscan too, which then refuses the whole database.
my @malformed = (
	['x.ndb', 'Name:0:*', 'too few fields'],
	['x.ndb', 'Name:0:*:aabbccdd:1:2:3', 'too many fields'],
	['x.ndb', 'Name:zero:*:aabbccdd', 'target type'],
	['x.ndb', 'Name:0:later:aabbccdd', 'offset'],
	['x.ndb', 'Name:0:5,x:aabbccdd', 'shift'],
	['x.ndb', 'Name:0:EOF-x:aabbccdd', 'EOF offset'],
	['x.ndb', 'Name:0:EP+5:aabbccdd', 'offset from the entry point of any file'],
	['x.ndb', 'Name:0:*:aabbccd', 'odd number of digits'],
	['x.ndb', 'Name:0:*:aabbxxdd', 'no hex digit'],
	['x.ndb', 'Name:0:*:aabb', 'two bytes'],
	['x.ndb', 'Name:0:*:', 'no bytes'],
	['x.ndb', 'Name:0:*:aa??bb', 'no two literal bytes in a row'],
	['x.ndb', 'Name:0:*:aabb*', 'empty last part'],
	['x.ndb', 'Name:0:*:*aabb', 'empty first part'],
	['x.ndb', 'Name:0:*:aabbcc**ddeeff', 'empty middle part'],
	['x.ndb', 'Name:0:*:aabbcc{5-9}d', 'half a byte'],
	['x.ndb', 'Name:0:*:aabbcc{5-9ddeeff', 'open brace'],
	['x.ndb', 'Name:0:*:aabbcc{x}ddeeff', 'gap without a number'],
	['x.ndb', 'Name:0:*:aabbcc{1-2-3}ddeeff', 'gap with three numbers'],
	['x.ndb', 'Name:0:*:aabbcc(dd|eeff', 'open parenthesis'],
	['x.ndb', 'Name:0:*:aabbcc()ddeeff', 'empty parentheses'],
	['x.ndb', 'Name:0:*:aabbcc(dd*|ee)ddeeff', 'star in alternatives'],
	['x.ndb', 'Name:0:*:aabbcc!(dd|eeff)ddeeff', 'negation of different lengths'],
	['x.ndb', 'Name:0:*:aabbccdd:x', 'level'],
	['x.ndb', ':0:*:aabbccdd', 'no name'],
	['x.hdb', 'd41d8cd98f00b204e9800998ecf8427e:5', 'too few fields'],
	['x.hdb', 'd41d8cd98f00b204e9800998ecf8427e:0:Name', 'size 0'],
	['x.hdb', 'd41d8cd98f00b204e9800998ecf8427e:x:Name', 'size no number'],
	['x.hdb', 'd41d8cd98f00b204e9800998ecf8427e:*:Name', 'size * without level'],
	['x.hdb', 'd41d8cd98f00b204e9800998ecf8427e:*:Name:72', 'size * with a low level'],
	['x.hdb', 'd41d8cd98f00b204e9800998ecf8427:5:Name', 'short hash'],
	['x.hsb', 'x41d8cd98f00b204e9800998ecf8427e:5:Name', 'hash with no hex digit'],
	['x.hsb', 'd41d8cd98f00b204e9800998ecf8427e:5:', 'no name'],
);

sub refuse_malformed
{
	make_path("$work/clean");
	spew("$work/clean/file", 'nothing to see here');
	for my $case (@malformed) {
		my ($file, $line, $what) = @$case;
		my $good = $file =~ /ndb$/ ? 'Good:0:*:6e6f7468696e67' : md5_hex('nothing to see here') . ':19:Good';
		spew("$work/$file", "# comment\n$good\n$line\n");
		my $output = `$muxscan -d $work/$file $work/clean 2>&1`;
		like($output, qr/^\Q$work\E\/$file:3: \S/m, "refused with its line number: $what");
		like($output, qr/Good FOUND/, "the other lines count: $what");
		my $clam = `clamscan --no-summary -d $work/$file $work/clean 2>&1`;
		unlike($clam, qr/FOUND/, "clamscan refuses it as well: $what");
	}
}

# ---- the demo's files --------------------------------------------------------------------------

sub compare_demo
{
	my $directory = "$work/demo";
	is(system($mkcorpus, $directory), 0, 'mkcorpus makes the demo\'s files') or return;
	for my $guest (qw(strict lax)) {
		make_path("$directory/$guest");
		is(system('tar', '-xf', "$directory/$guest.tar", '-C', "$directory/$guest"), 0, "unpack $guest.tar");
		my ($ours, $errors) = run_muxscan("$directory/signatures", "$directory/$guest");
		is("@$errors", '', "$guest: no signature is refused");
		my ($clam) = run_clamscan("$directory/signatures", "$directory/$guest");
		my %our_files = map { (split(/ /, $_, 2))[0] => 1 } keys %$ours;
		my %clam_files = map { (split(/ /, $_, 2))[0] => 1 } keys %$clam;
		same_sets(\%our_files, \%clam_files, "$guest: the same infected files");
		my ($all) = run_muxscan("$directory/signatures", "$directory/$guest", '-z');
		my ($clam_all) = run_clamscan("$directory/signatures", "$directory/$guest", '--allmatch');
		same_sets($all, $clam_all, "$guest: the same signatures");
	}
}

# ------------------------------------------------------------------------------------------------

for my $tool ($muxscan, 'clamscan', 'sigtool') {
	BAIL_OUT("$tool is missing") if system("command -v $tool >/dev/null") != 0;
}

compare_random($_, 'any', 300) for sort keys %shape;
compare_random('literal', $_, 300) for qw(start startshift end endshift);
compare_random($_, 'startshift', 150) for qw(wildcard gap choice);
compare_random($_, 'endshift', 150) for qw(prefixed star mixedchoice);
compare_dense($_, 'any') for sort keys %shape;
compare_dense($_, 'startshift') for qw(star gap mixedchoice);
compare_borders();
compare_large_gaps();
compare_hashes();
show_inexact();
refuse_malformed();
compare_demo() if -x $mkcorpus;
done_testing();
