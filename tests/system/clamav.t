#!/usr/bin/perl
# SPDX-License-Identifier: MIT
# The ClamAV service on this machine: the real manager, muxagentd on a tmpfs of the test's own, and muxclamav over AF_UNIX.
# The judge is clamscan with the same signatures: the same files, and only they, must be denied. Then what goes wrong:
# databases, limits, broken and hostile archives, scans that hang or crash, a service that ends under load.
use strict;
use warnings;
use Test::More;
use lib 'tests/system';
use HostProcesses;
use File::Basename qw(basename);
use IO::Compress::Zip qw(zip :constants);
use Time::HiRes qw(time sleep);

my $build = $ENV{BUILD} // 'build';
my $service = $ENV{TEST_CLAMAV} // "$build/tools/test-clamav"; # another build, such as one with sanitizers
my $agent = "$build/linux/muxagentd";
my $corpus = "$build/corpus";
my $testfiles = '/usr/share/clamav-testfiles';
my $deadline = 8; # seconds, of the rules that wait

plan skip_all => "$service is not built: no libclamav-dev" if !-x $service;
for my $needed ($agent, "$build/tools/test-manager", "$corpus/stamp", $testfiles) {
	plan skip_all => "$needed is missing" if !-e $needed;
}
my ($dir, $mnt) = isolate('muxclamav', 240, '512m');
my $gate = `$build/tools/test-gate $mnt 2>&1`;
plan skip_all => "no fanotify permission events here: $gate" if $? >> 8 == 77;

# ---- command line, policy, database: each error says what to do ----
my $policy = "$dir/policy.conf";
my $database = "$dir/database";
spit($policy, "guest *: open verdict\n");
mkdir "$dir/$_" for qw(database empty broken);
system("cp $corpus/signatures/* $database/") == 0 or die;
spit("$dir/broken/x.ndb", "Name:0:*:aabbxxdd\n");
sub told { my $text = `timeout 20 $service @_ 2>&1`; return ($text, $? >> 8) }
my ($text, $status) = told('--help');
like($text, qr/^usage: muxclamav.*--database PATH.*--max-scan-size SIZE/s, '--help');
is($status, 0, 'ends with 0');
for my $case (['--max-time 5', 2, qr/--max-time takes 100ms to 600s/], ['--scans 9', 2, qr/--scans takes 1 to 8/],
	['--wrong', 2, qr/no such option: --wrong.*--help/], ["--config $dir/none", 1, qr/no policy: .*No such file.*--config/],
	["--config $policy --database $dir/empty", 1, qr/no database in .*freshclam.*--database/],
	["--config $policy --database $dir/none", 1, qr/no database in .*freshclam/],
	["--config $policy --database $dir/broken", 1, qr/line 1.*x\.ndb.*cannot be used: Malformed.*replace/s],
	["--config $policy --database $database --temporary $dir/none", 1, qr/no directory for unpacked.*--temporary/]) {
	($text, $status) = told($case->[0]);
	like($text, $case->[2], "$case->[0]: says what is wrong");
	is($status, $case->[1], "ends with $case->[1]");
}
spit("$dir/wrong.conf", "guest *: open verdict\nguest *: opne verdict\n");
($text, $status) = told("--config $dir/wrong.conf");
like($text, qr/^\Q$dir\E\/wrong\.conf:2: unknown event/, 'an error in the policy names its line');
($text, $status) = told("--config $policy --database $database --check --max-recursion 5");
is($status, 0, '--check ends with 0');
like($text, qr/^ClamAV [\d.]+, 5545 signatures.*^limits: .* 5 archives deep/sm, 'and tells signatures and limits');

# ---- files ----
sub make_zip { # FILE, MEMBER => CONTENT...
	my ($path, @members) = @_;
	my $out;
	while (my ($name, $data) = splice(@members, 0, 2)) {
		my $zip = $out // IO::Compress::Zip->new($path, Name => $name) or die;
		$zip->newStream(Name => $name) if $out;
		$zip->print($data);
		$out = $zip;
	}
	$out->close;
	return slurp($path);
}
my $eicar = 'X5O!P%@AP[4\PZX54(P^)7CC)7}$' . 'EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*';
mkdir "$mnt/$_" for qw(strict samples made more quarantine written);
system("tar -xf $corpus/strict.tar -C $mnt/strict && cp $testfiles/* $mnt/samples/") == 0 or die;
my $zipped = make_zip("$mnt/made/eicar.zip", 'readme.txt', 'nothing', 'eicar.com', $eicar);
my $nested = $zipped;
$nested = make_zip("$mnt/made/nested-$_.zip", "inner-$_.zip", $nested) for 1 .. 6;
my $sample = slurp("$testfiles/clam.exe");
make_zip("$mnt/made/clean.zip", 'a.txt', 'text ' x 1000, 'b.txt', 'more');
system("cd $mnt/made && cp $testfiles/clam-upx.exe . && tar -czf eicar.tar.gz eicar.zip && tar -cf - clam-upx.exe | xz >upx.tar.xz && rm clam-upx.exe") == 0 or die;
spit("$mnt/made/clean.txt", "nothing to see here\n");
spit("$mnt/made/empty", '');
spit("$mnt/made/blank name", "$eicar");
spit("$mnt/made/truncated.zip", substr($nested, 0, length($nested) - 40));
spit("$mnt/made/truncated.7z", substr(slurp("$testfiles/clam.7z"), 0, 200));
spit("$mnt/made/truncated.cab", substr(slurp("$testfiles/clam.cab"), 0, 400));
my $garbled = slurp("$testfiles/clam.zip");
substr($garbled, 60, 30) = 'x' x 30;
spit("$mnt/made/garbled.zip", $garbled);
# Above the file limit of the service, which clamscan gets too.
system("head -c 12M /dev/zero >$mnt/made/big && printf '%s' '$eicar' >>$mnt/made/big") == 0 or die;
# Inside: an archive whose part is above that limit, and one that is too deep.
system("head -c 14M /dev/zero | gzip >$mnt/made/bomb.gz") == 0 or die;
chmod 0755, "$mnt/made";

my @limits = qw(--max-file-size 8M --max-scan-size 64M --max-recursion 4);
my @clam_limits = qw(--max-filesize=8M --max-scansize=64M --max-recursion=4);
my @files = grep { -f } split(/\0/, `find $mnt/strict $mnt/samples $mnt/made -type f -print0`);
sub clamscan # OPTIONS -> path => signature
{
	my $found = `clamscan --no-summary --infected --recursive @clam_limits @_ -d $database $mnt/strict $mnt/samples $mnt/made 2>/dev/null`;
	return map { /^(.+): (\S+) FOUND$/ ? ($1 => $2) : () } split(/\n/, $found);
}
my %infected = clamscan();
my %limited = clamscan('--alert-exceeds-max=yes');
delete $limited{$_} for keys %infected;
cmp_ok(scalar(keys %infected), '>', 80, 'clamscan finds infected files (' . scalar(keys %infected) . ')');
ok($infected{"$mnt/made/$_"}, "clamscan finds $_") for qw(eicar.zip eicar.tar.gz upx.tar.xz nested-1.zip);

# ---- start ----
spit($policy, <<"END");
guest tested: open verdict path=$mnt/quarantine/** deadline=${deadline}s fallback=deny infected=quarantine
guest tested: open verdict path=$mnt/lax/** deadline=${deadline}s fallback=allow
guest tested: open,execute verdict path=$mnt/** exclude=$mnt/written/** deadline=${deadline}s fallback=deny
guest tested: write report path=$mnt/written/** infected=quarantine
END
my $config = "$dir/agent.conf";
spit($config, <<"END");
name = tested
watch-filesystem = $mnt
config-directory = $dir/etc
logons = $dir/wtmp
quarantine = $dir/quarantine
status-socket = $dir/status
test-unix-folder = $dir/sock
END
spit("$dir/wtmp", '');
mkdir $_ for "$dir/tmp", "$mnt/lax";
chmod 0711, $dir, "$dir/tmp"; # scan processes are not root
sub start_service
{
	return start('service', { MUX_CID => 16 }, '/dev/null', $service, '--config', $policy, '--database', $database, '--temporary',
		"$dir/tmp", @limits, @_);
}
my $daemon = start_service();
ok(await('service', qr/^no manager yet.*CID 2 port 7000/, 15), 'without a manager it says so, and waits');
start('manager', { MUX_CID => 2 }, '/dev/null', "$build/tools/test-manager", '--expect-agents=1', '--finish');
ok(await('service', qr/^registered with the manager/, 15), 'it registers when there is one');
my $agentd = start('agent', {}, '/dev/null', $agent, '--config', $config, '--foreground');
ok(await('service', qr/^tested: joined \(CID \d+\), 4 rules$/, 15), 'the agent finds it and gets its rules');
ok(await('agent', qr/./, 5), 'the agent logs');
sub asked # does the agent ask already? The rules take effect a moment later
{
	spit("$mnt/more/probe", $eicar);
	for (1 .. 100) { return 1 if opens("$mnt/more/probe") == 1; sleep 0.1 }
	return 0;
}
ok(asked(), 'opens are asked about');

# ---- the set of infected files is what clamscan finds ----
my %denied;
for my $path (sort @files) { $denied{$path} = 1 if opens($path) != 0 }
my $log = slurp("$dir/service.log");
sub in_log { my ($path) = @_; $path =~ s/([^!-~]|\\)/sprintf('\\x%02x', ord($1))/ge; return $path }
my (%said, %unscanned);
$said{$1} = $2 while $log =~ /^INFECTED tested (\S+) (\S+)$/mg;
$unscanned{$1} = $2 while $log =~ /^UNSCANNED tested (\S+) (.+)$/mg;
delete $said{"$mnt/more/probe"};
is_deeply({ map { $_ => 1 } keys %said }, { map { in_log($_) => 1 } keys %infected }, 'infected: the same files as for clamscan');
my @names = grep { $said{in_log($_)} ne $infected{$_} } grep { $said{in_log($_)} } keys %infected;
is("@names", '', 'with the same signatures');
is_deeply([sort keys %denied], [sort grep { $infected{$_} || $unscanned{in_log($_)} } @files], 'these and files without a result were denied, no others');
ok(!$denied{"$mnt/made/$_"}, "$_ is opened") for qw(clean.txt clean.zip empty);
ok($denied{"$mnt/made/blank name"}, 'a name with a blank is no way around');
is_deeply([sort keys %unscanned], [sort keys %limited], 'files above the limits, as clamscan sees them, have no result; all others have one');
is($unscanned{"$mnt/made/big"}, 'it exceeds a limit: MaxFileSize', 'a file that is too large');
like($unscanned{"$mnt/made/bomb.gz"}, qr/limit: Max(File|Scan)Size/, 'an archive that unpacks to too much');
like($unscanned{"$mnt/made/nested-6.zip"}, qr/limit: MaxRecursion/, 'archives in archives in archives');
is($denied{"$mnt/made/$_"} ? 1 : 0, $infected{"$mnt/made/$_"} ? 1 : 0, "$_ is what clamscan calls it") for qw(truncated.zip truncated.7z truncated.cab garbled.zip);
my $packed = grep { m{/samples/clam-\w+\.exe$} && $said{$_} } @files;
is($packed, scalar(grep { m{/samples/clam-\w+\.exe$} } @files), "packed programs ($packed) are infected");
my ($largest) = sort { -s $b <=> -s $a } grep { m{/strict/} && !$infected{$_} && !$unscanned{$_} } @files;
ok(!$denied{$largest}, 'a large clean file (' . (-s $largest) . ' bytes) is opened');
ok(await('manager', qr{audit: tested: denied: deny open \Q$mnt\E/made/eicar\.zip.*Eicar}), 'the audit names file and signature');

# ---- measures ----
spit("$dir/eicar.zip", $zipped);
system("cp $dir/eicar.zip $mnt/lax/x; mv $mnt/lax/x $mnt/quarantine/caught.zip");
is(opens("$mnt/quarantine/caught.zip"), 1, 'denied');
ok(await('service', qr{caught\.zip: Eicar\S+ -> deny, quarantine}) && !-e "$mnt/quarantine/caught.zip", 'and put in quarantine');
system("cp $dir/eicar.zip $mnt/written/later.zip");
ok(await('service', qr{later\.zip: Eicar\S+ -> quarantine}), 'a file that was written is looked at afterwards');
for (1 .. 100) { last if !-e "$mnt/written/later.zip"; sleep 0.05 }
ok(!-e "$mnt/written/later.zip", 'and put in quarantine');
is(opens("$mnt/lax/x2"), 2, 'a file that is not there stays that');
system("head -c 9M /dev/zero >$mnt/lax/big");
is(opens("$mnt/lax/big"), 0, 'above the limit with fallback=allow: opened');

# ---- scan processes: confined, replaceable ----
sub children { my ($pid) = @_; return split(' ', slurp("/proc/$pid/task/$pid/children") // '') }
my @processes = children($daemon);
cmp_ok(scalar(@processes), '>=', 1, 'there are scan processes');
my $about = slurp("/proc/$processes[0]/status");
like($about, qr/^Uid:\t65534\t65534\t65534\t65534$/m, 'without root\'s rights');
like($about, qr/^NoNewPrivs:\t1\n(?:.*\n)*?Seccomp:\t2$/m, 'that get none, with a filter of system calls');
my @open = map { readlink("/proc/$processes[0]/fd/$_") } grep { /^\d+$/ && $_ > 2 } map { basename($_) } glob("/proc/$processes[0]/fd/*");
is(scalar(@open), 1, 'with one descriptor besides the standard ones') or diag("@open");
spit("$mnt/more/plain-$_", "plain $_ " . 'x' x 5000) for 1 .. 60;
# Until so many operations wait for the service, and the scan processes have what they can get.
sub wait_for_waiting
{
	my ($count) = @_;
	for (1 .. 500) {
		last if `$agent --config $config status 2>&1` =~ /^operations waiting: $count \(verdicts asked: $count\)/m;
		sleep 0.02;
	}
	sleep 0.3;
}
my $number = 0;
sub plain { $number++; return "$mnt/more/plain-$number" } # each is opened once: clean ones are remembered
sub hold # has both scan processes there, and stops them
{
	my @first = children($daemon);
	kill 'STOP', @first;
	my @held = map { open_later(plain()) } @first;
	wait_for_waiting(scalar(@held));
	opens(plain()) if @first < 2;
	kill 'CONT', @first;
	finish($_, 0) for @held;
	my @both = children($daemon);
	kill 'STOP', @both;
	return @both;
}
# One that hangs: what it scans ends before the deadline with the fallback, and the next file gets a new one.
@processes = hold();
is(scalar(@processes), 2, 'there are two of them');
my $from = time;
is(opens(plain()), 1, 'a scan that hangs: the fallback');
my $took = time - $from;
ok($took > $deadline / 2 && $took < $deadline, "before the deadline ($took s)");
ok(await('service', qr/^UNSCANNED tested \S+plain-\d+ it took longer than \d+ ms$/), 'the log says so');
is(opens(plain()), 0, 'the next file is scanned');
# One that crashes in the middle.
my @victims = map { plain() } 1 .. 2;
@processes = hold();
my @openers = map { open_later($_) } @victims;
wait_for_waiting(2);
kill 'SEGV', @processes;
kill 'CONT', @processes;
is_deeply([map { my $end = finish($_, 0); defined $end ? $end >> 8 : 'none' } @openers], [1, 1], 'scans that crash: the fallback');
ok(await('service', qr/^UNSCANNED tested \S+ the scan process was ended by signal 11$/), 'the log says so');
is(opens(plain()), 0, 'the service goes on');
# One that was killed while it had nothing to do.
kill 'KILL', children($daemon);
ok(await('service', qr/^the scan process was ended by signal 9$/), 'an idle one that is killed is noticed');
is(opens(plain()), 0, 'and replaced');
is(scalar(grep { !/^\d$/ } map { basename($_) } glob("$dir/tmp/muxclamav-*/*")), 0, 'each has one directory for unpacked files');

# ---- the end under load ----
hold();
@openers = map { open_later(plain()) } 1 .. 20;
wait_for_waiting(20);
$from = time;
kill 'TERM', $daemon;
my @ends = map { finish($_, 0) } @openers;
ok(time - $from < 2, 'SIGTERM answers all that waits at once (' . (time - $from) . ' s)');
is(scalar(grep { defined && $_ >> 8 == 1 } @ends), 20, 'with the fallback');
is(finish($daemon, 0), 0, 'and the service ends with 0');
ok(await('service', qr/^ends: 20 scans had no result yet$/), 'and says so');
ok(await('manager', qr{audit: tested: denied: deny open .*\(rule 3, service clamav, \d+\) the service stops}), 'the guest had it from the service');
unlike(slurp("$dir/manager.log"), qr/service went away/, 'and not by itself, when the service was gone');
is(scalar(glob("$dir/tmp/*")) // 'nothing', 'nothing', 'nothing of what was unpacked stays');
fresh('service');
$daemon = start_service('--scans', 4);
ok(await('service', qr/^tested: joined/, 20), 'it is started again');
ok(asked(), 'and asked again');
# Killed: its scan processes go with it.
opens(plain());
@processes = children($daemon);
kill 'STOP', @processes;
kill 'KILL', $daemon;
finish($daemon, 0);
sleep 0.2;
is(scalar(grep { -e "/proc/$_" && (slurp("/proc/$_/stat") // '') !~ /^\d+ \(.*\) [ZX]/ } @processes), 0, 'a service that is killed leaves no scan process');

# ---- what the manager was told ----
is(finish($agentd, 'TERM'), 0, 'the agent ends');
ok(await('manager', qr/^ +signatures +5545( |$)/), 'the manager\'s table has the number of signatures');
my ($scanned) = await('manager', qr/^ +files scanned +(\d+)/);
cmp_ok($scanned, '>=', @files - keys %unscanned, "files scanned ($scanned)");
my ($count) = await('manager', qr/^ +infected +(\d+)/);
cmp_ok($count, '>=', scalar(keys %infected), "infected files ($count)");
done_testing();
