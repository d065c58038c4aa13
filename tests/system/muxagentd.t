#!/usr/bin/perl
# SPDX-License-Identifier: MIT
# muxagentd on this machine: the real manager and a test service over AF_UNIX, and the agent watching a tmpfs of the
# test's own. Needs root, fanotify with permission events, and a mount namespace. Nothing but that tmpfs is marked.
use strict;
use warnings;
use Test::More;
use lib 'tests/system';
use HostProcesses;
use Time::HiRes qw(time sleep);
use Fcntl;
use POSIX ();

my $build = $ENV{BUILD} // 'build';
my $agent = $ENV{MUXAGENTD} // "$build/linux/muxagentd"; # another build, such as one with sanitizers

plan skip_all => "$agent is not built" if !-x $agent;
my ($dir, $mnt) = isolate('muxagentd', 150, '64m');
my $main = $$;

sub command { open(my $f, '+<', "$dir/commands") or die; syswrite $f, "$_[0]\n"; close $f }
my $config = "$dir/agent.conf";
sub configure {
	my ($more, $watch) = @_;
	$watch //= 'watch-filesystem';
	$more = "grant = 16 all\n" if !defined $more;
	spit($config, <<"END" . $more);
name = tested
$watch = $mnt
config-directory = $dir/etc
logons = $dir/wtmp
quarantine = $dir/quarantine
status-socket = $dir/status
test-unix-folder = $dir/sock
END
}
sub start_agent { return start('agent', {}, '/dev/null', $agent, '--config', $config, '--foreground') }
sub start_service { return start('service', { MUX_CID => 16 }, "$dir/commands", "$build/tools/test-service", @_) }
sub status { return scalar `$agent --config $config status 2>&1` }

my @rules = ('verdict', 1, 'open,execute', "$mnt/**", 1500, 'deny', '--',
	'report', 2, 'write,create,delete,rename', "$mnt/**", '--',
	'report', 3, 'process-start,process-stop,memory', "$mnt/**", '--',
	'report', 4, 'config,logon', '**', '--',
	'verdict', 5, 'read', "$mnt/read/**", 1500, 'deny');

# ---- the gate ----
my $gate = `$build/tools/test-gate $mnt`;
plan skip_all => "no fanotify permission events here: $gate" if $? >> 8 == 77;
is($?, 0, 'the gate lets its own process pass, and answers in time what nobody takes') or diag($gate);

# ---- the command line ----
configure();
is(system("$agent --config $config --check >/dev/null"), 0, '--check accepts a good configuration');
configure("forbid = reed\n");
my $told = `$agent --config $config --check 2>&1`;
is($? >> 8, 2, '--check refuses a bad one');
like($told, qr/^\Q$config\E:8: there is no verb "reed"/, 'and names file, line and reason');
configure("grant = test read\n");
like(`$agent --config $config --check 2>&1`, qr/^\Q$config\E:8: a grant is the service's CID, or "others", and verbs/,
	'also of a grant to a name, which proves nothing');
configure("watch-mount = $dir/etc\n");
like(`$agent --config $config --check 2>&1`, qr/it is not a mount point/, 'a directory that is no mount point is refused');
like(`$agent --help`, qr/^usage: muxagentd/, '--help');
like(status(), qr/not running/, 'status says that no agent runs');

# ---- start ----
configure();
spit("$dir/wtmp", '');
system("mkfifo $dir/commands");
start('manager', { MUX_CID => 2 }, '/dev/null', "$build/tools/test-manager");
my $service = start_service(@rules);
my $daemon = start_agent();
my $up = await('service', qr/^configured: no error/, 10);
ok($up, 'the agent found the service and took its rules') or diag(slurp("$dir/agent.log"));
sleep 0.2;
like(status(), qr/^service: test, CID 16 port 7001, connected, 5 rules$/m, 'status tells of the service');
like(status(), qr/^  granted: read write .*process-kill$/m, 'what it may do');
like(status(), qr/^other sources: processes mappings configuration log-ons$/m, 'and of the sources');

# ---- verdicts ----
ok(spit("$mnt/clean", "hello\n"), 'a file is written');
is(opens("$mnt/clean"), 0, 'a clean file is opened');
spit("$mnt/evil", "EVIL content\n");
is(opens("$mnt/evil"), 1, 'a file with evil content is not: EPERM');
ok(await('service', qr{^event \d+ open pid \d+ size 13 rule 1 \Q$mnt\E/evil\|\|\S*perl\S* \?$}), 'the service was asked, with size and program');
ok(await('manager', qr{audit: tested: denied: deny open \Q$mnt\E/evil}), 'the denial is in the audit');
system("cp /bin/true $mnt/program; cp /bin/true $mnt/evilprogram; printf EVIL | dd of=$mnt/evilprogram conv=notrunc status=none");
is(executes("$mnt/program"), 0, 'a clean program runs');
is(executes("$mnt/evilprogram"), 1, 'an evil one does not');
ok(await('service', qr{execute pid \d+ size \d+ rule 1 \Q$mnt\E/evilprogram}), 'the service was asked about execution');

# ---- reports ----
ok(await('service', qr{^event \d+ write pid \d+ size 6 rule 2 \Q$mnt\E/clean\|}), 'a write is reported');
ok(await('service', qr{^event \d+ create pid \d+ size \d+ rule 2 \Q$mnt\E/clean\|}), 'a create too');
rename "$mnt/clean", "$mnt/moved";
ok(await('service', qr{rename pid \d+ size 6 rule 2 \Q$mnt\E/clean\|\Q$mnt\E/moved\|}), 'a rename with both names');
unlink "$mnt/moved";
ok(await('service', qr{delete pid \d+ size 0 rule 2 \Q$mnt\E/moved\|}), 'a delete');
mkdir "$dir/etc/new";
sleep 0.1;
spit("$dir/etc/new/setting", "1\n");
ok(await('service', qr{config pid \d+ size 2 rule 4 \Q$dir\E/etc/new/setting}), 'a change of configuration, in a new directory');
system("cp /bin/sleep $mnt/sleeper");
my $sleeper = fork // die;
if (!$sleeper) { exec "$mnt/sleeper", 60 or POSIX::_exit(1) }
$child{$sleeper} = 'sleeper';
ok(await('service', qr{process-start pid $sleeper size 0 rule 3 \Q$mnt\E/sleeper}), 'a process start');
ok(await('service', qr{memory pid $sleeper size 0 rule 3 \Q$mnt\E/sleeper}), 'its executable mapping');

# ---- processes: stop, resume, kill ----
sub process_state { (slurp("/proc/$_[0]/stat") // '') =~ /\) (\S)/ ? $1 : '' }
sub reaches { # PID STATE...: within 5 s
	my ($pid, @states) = @_;
	my $until = time + 5;
	while (time < $until) {
		my $now = process_state($pid);
		return 1 if grep { $now eq $_ } @states;
		sleep 0.01;
	}
	return 0;
}
sub empty { truncate "$dir/$_.log", 0 for @_ } # of processes that run
sub start_of { # as the service learns it from the list of processes
	my ($pid) = @_;
	empty('service');
	command('ps');
	return await('service', qr{^process $pid parent .* start (\d+)$});
}
my $born = await('service', qr{^started $sleeper (\d+)$});
is(start_of($sleeper), $born, 'event and list agree on the start time of a process');
command("stop $sleeper $born");
ok(await('service', qr{^result process-stop 0}) && reaches($sleeper, 'T'), 'stop: it runs no more');
ok(await('manager', qr{audit: tested: guest changed: allow process-stop \Q$mnt\E/sleeper .* process-stop pid $sleeper$}),
	'the audit names program and process');
command("resume $sleeper $born");
ok(await('service', qr{^result process-resume 0}) && reaches($sleeper, 'S'), 'resume: it goes on');
for my $verb (qw(stop resume kill)) {
	command("$verb $sleeper " . ($born + 10000));
	ok(await('service', qr{^result process-$verb -116}), "$verb: another start time is another process (ESTALE)");
}
command("kill $sleeper");
ok(await('service', qr{^refused kill -22}), 'without a start time nothing is done');
sleep 0.05;
is(process_state($sleeper), 'S', 'and the process that has the pid does not notice');
command("kill $sleeper $born");
ok(await('service', qr{^result process-kill 0}), 'kill');
waitpid($sleeper, 0);
delete $child{$sleeper};
is($? & 127, 9, 'it was killed');
ok(await('service', qr{process-stop pid $sleeper size 0 rule 3 \Q$mnt\E/sleeper}), 'a process stop');
command("kill $sleeper $born");
ok(await('service', qr{^result process-kill -3}), 'a process that has ended: ESRCH');

# Another process gets the very pid, as only root can arrange it.
sub fork_as { # PID: a process with that pid that sleeps, or undef
	my ($wanted) = @_;
	for (1 .. 50) {
		spit('/proc/sys/kernel/ns_last_pid', $wanted - 1) or return;
		my $pid = fork // die;
		if (!$pid) { exec '/bin/sleep', 60 or POSIX::_exit(1) }
		$child{$pid} = 'heir';
		return $pid if $pid == $wanted;
		finish($pid, 'KILL');
	}
	return;
}
SKIP: {
	my $heir = fork_as($sleeper) or skip 'no process can be given a pid here', 3;
	ok(reaches($heir, 'S'), 'another process has the pid now');
	empty('service');
	command("kill $sleeper $born");
	ok(await('service', qr{^result process-kill -116}), 'it is not taken for the one before (ESTALE)');
	sleep 0.05;
	is(process_state($heir), 'S', 'and lives on');
	finish($heir, 'KILL');
}

# Those that nobody may touch. The kernel's threads are in no namespace but the first one.
my ($kernel) = grep { -d "/proc/$_" && !defined readlink("/proc/$_/exe") && (split ' ', slurp("/proc/$_/stat") // '')[8] & 0x200000 }
	map { m{/(\d+)$} } glob('/proc/[0-9]*');
my %protected = ('the agent itself' => $daemon, 'process 1' => 1);
$protected{'a kernel thread'} = $kernel if $kernel;
for my $name (sort keys %protected) {
	my $pid = $protected{$name};
	my $start = start_of($pid);
	SKIP: {
		# Process 1 may have started at time 0, and then has no name at all.
		skip "$name has no start time", 4 if !$start;
		for my $verb (qw(stop resume kill)) {
			command("$verb $pid $start");
			ok(await('service', qr{^result process-$verb -95}), "$verb: not $name (EOPNOTSUPP)");
		}
		ok(await('manager', qr{audit: tested: request refused: deny process-stop .* process-kill pid $pid: protected$}), 'with an audit record');
	}
}
like(process_state($daemon), qr/[SR]/, 'the agent runs');

# By the handle of the open that waits, and by a report of a start.
spit("$mnt/opened", 'x');
rename "$mnt/opened", "$mnt/killer"; # this process opens no such name
my $opener = open_later("$mnt/killer");
is((finish($opener, 0) // 0) & 127, 9, 'who opens a file is killed while the open waits');
ok(await('service', qr{^killed by handle: 0}), 'by the event\'s handle');
system("cp /bin/sleep $mnt/doomed");
my $doomed = fork // die;
if (!$doomed) { exec "$mnt/doomed", 60 or POSIX::_exit(1) }
$child{$doomed} = 'doomed';
is((finish($doomed, 0) // 0) & 127, 9, 'a program is killed on the report of its start');
# struct utmp: type 7 (USER_PROCESS), pid, line, id, user, host, the rest.
open(my $wtmp, '>>', "$dir/wtmp");
print $wtmp pack('s x2 l a32 a4 a32 a256 x52', 7, $$, 'pts/7', '7', 'alice', 'far.example');
close $wtmp;
ok(await('service', qr{logon pid $main size 0 rule 4 /logon/alice/pts/7/far.example}), 'a log-on');

# ---- access ----
spit("$mnt/data", 'abcdef');
command("read $mnt/data");
ok(await('service', qr{^data 0 abcdef\nresult read 0 total 6}), 'read, on a path that is watched: the agent does not wait on itself');
command("write $mnt/data new");
ok(await('service', qr{^result write 0}) && slurp("$mnt/data") eq 'new', 'write and cut');
command("stat $mnt/data");
ok(await('service', qr{^result stat 0 total 0 stat data size 3 mode 100644}), 'stat');
command("list $mnt");
ok(await('service', qr{^entry evil size 13 }) && await('service', qr{^result list 0 total [1-9]}), 'list');
command("create $mnt/made");
ok(await('service', qr{^result create 0}) && -f "$mnt/made", 'create');
command("rename $mnt/made $mnt/made2");
ok(await('service', qr{^result rename 0}) && -f "$mnt/made2", 'rename');
command("delete $mnt/made2");
ok(await('service', qr{^result delete 0}) && !-e "$mnt/made2", 'delete');
command('ps');
ok(await('service', qr{^process $daemon parent $main \S*muxagentd start [1-9]\d*$}), 'the list of processes');
symlink '/etc/hostname', "$mnt/link";
command("read $mnt/link");
ok(await('service', qr{^result read -22}), 'a symbolic link is not followed');

# ---- quarantine ----
spit("$mnt/caught", "EVILQ with an owner\n");
chown 1234, 4321, "$mnt/caught";
chmod 04751, "$mnt/caught";
utime 1000000000, 1100000000, "$mnt/caught";
is(opens("$mnt/caught"), 1, 'a file that the service quarantines while its open waits is not opened');
my $id = await('service', qr{^quarantined 0 (\S+)$});
ok($id && !-e "$mnt/caught", 'it is in quarantine') or diag(slurp("$dir/service.log"));
my @stat = stat $id;
is(sprintf('%o %d %d', $stat[2] & 07777, $stat[4], $stat[5]), '0 0 0', 'with mode 0, and root as its owner');
is(opens($id), 1, 'even root cannot open it there');
command("stat $id");
ok(await('service', qr{^result stat 0 total 0 stat \S+ size 20 mode 100000 flags 2}), 'the service can look at it');
command("restore $id");
ok(await('service', qr{^result restore 0}), 'restore');
@stat = stat "$mnt/caught";
is(sprintf('%o %d %d %d %d', $stat[2] & 07777, @stat[4, 5, 8, 9]), '4751 1234 4321 1000000000 1100000000',
	'brings back name, mode, owner and times');
command("restore $id");
ok(await('service', qr{^result restore -2}), 'a second restore finds nothing');
empty('service');
command("create $dir/etc/../quarantine/made");
ok(await('service', qr{^result create -22 }) && !-e "$dir/quarantine/made", 'a path with ".." is refused');
mkdir "$dir/bound";
system("mount --bind $dir/quarantine $dir/bound");
empty('service');
command("create $dir/bound/made");
ok(await('service', qr{^result create -1 }) && !-e "$dir/quarantine/made", 'nothing gets into the quarantine, by whatever path (EPERM)');
system("umount $dir/bound");

# ---- remembered files ----
spit("$mnt/often", 'often opened');
sleep 0.1;
opens("$mnt/often") for 1 .. 20;
my $asked = () = slurp("$dir/service.log") =~ m{open pid \d+ size 12 rule 1 \Q$mnt\E/often\|}g;
is($asked, 1, 'a clean file is asked about once');
open(my $append, '>>', "$mnt/often");
print $append '!';
close $append;
is(opens("$mnt/often"), 0, 'after a change');
ok(await('service', qr{open pid \d+ size 13 rule 1 \Q$mnt\E/often\|}), 'it is asked about again');

# ---- reads of files that are open ----
mkdir "$mnt/read";
sub handle { open(my $f, '<', $_[0]) or die "$_[0]: $!"; return $f }
sub content { # of an open file, from its beginning, or the error's number
	my ($file) = @_;
	sysseek $file, 0, 0;
	my $text;
	return defined sysread($file, $text, 100) ? $text : $! + 0;
}
sub reads_asked { my ($name) = @_; return scalar(() = slurp("$dir/service.log") =~ m{ read pid \d+ size \d+ rule 5 \Q$mnt\E/read/$name\|}g) }
spit("$mnt/read/$_", 'clean') for qw(turns good later report);
sleep 0.1;
my $turns = handle("$mnt/read/turns");
is(content($turns), 'clean', 'a clean file is read');
ok(await('service', qr{^event \d+ read pid $main size 5 rule 5 \Q$mnt\E/read/turns\|\|\S*perl\S* \?$}), 'the service was asked before');
spit("$mnt/read/turns", 'EVIL now');
is(content($turns), 1, 'its content turns while it is open: the next read fails, EPERM');
ok(await('manager', qr{audit: tested: denied: deny read \Q$mnt\E/read/turns}), 'the denial is in the audit');
my $good = handle("$mnt/read/good");
content($good) for 1 .. 20;
is(reads_asked('good'), 1, 'reads of a clean file are asked about once');
open($append, '>>', "$mnt/read/good");
print $append '!';
close $append;
is(content($good), 'clean!', 'after a change');
is(reads_asked('good'), 2, 'once more');
my $later = handle("$mnt/read/later");
rename "$mnt/read/later", "$mnt/read/slow-later";
my $since = time;
is(content($later), 1, 'no verdict on a read: the rule\'s default');
ok(time - $since > 1.4 && time - $since < 5, 'at its deadline of 1.5 s (' . (time - $since) . ')');
ok(await('manager', qr{audit: tested: deadline passed: deny read \Q$mnt\E/read/slow-later}), 'and the audit says so');
unlink "$mnt/read/slow-later";
empty('service');
command("read $mnt/read/good");
ok(await('service', qr{^data 0 clean!\nresult read 0 total 6}), 'the agent reads for a service without waiting on itself');
is(reads_asked('good'), 0, 'and without asking');

# ---- deadlines ----
spit("$mnt/plain", 'x');
sub timed { my ($path) = @_; my $from = time; my $got = opens($path); return ($got, time - $from) }
my ($got, $seconds) = timed("$mnt/slow") if spit("$dir/unused", '');
system("cp $dir/unused $mnt/x; mv $mnt/x $mnt/slow");
($got, $seconds) = timed("$mnt/slow");
is($got, 1, 'no verdict: the rule\'s default, deny');
ok($seconds > 1.4 && $seconds < 5, "at its deadline of 1.5 s ($seconds)");
ok(await('manager', qr{audit: tested: deadline passed: deny open \Q$mnt\E/slow}), 'and the audit says so');
kill 'STOP', $service;
($got, $seconds) = timed("$mnt/plain");
is($got, 1, 'the service is stopped (SIGSTOP): default');
ok($seconds > 1.4 && $seconds < 5, "at the deadline ($seconds)");
my @waiting = map { open_later("$mnt/plain") } 1 .. 300;
my $now = '';
for (1 .. 40) { last if ($now = status()) =~ /^operations waiting: 300/m; sleep 0.02 } # before the first one's deadline
like($now, qr/^operations waiting: 300 \(verdicts asked: 300\)/m, '300 operations wait at once');
kill 'CONT', $service;
my $done = 0;
for (@waiting) { $done++ if defined finish($_, 0) }
is($done, 300, 'and all go on when the service does');

# ---- the agent itself is stopped: the kernel holds what waits, nothing is lost when it goes on ----
kill 'STOP', $daemon;
my $held = open_later("$mnt/plain");
sleep 0.3;
kill 'CONT', $daemon;
is(finish($held, 0), 0, 'an agent that was stopped goes on');

# ---- the service dies and comes again ----
$held = fork // die;
if (!$held) { POSIX::_exit(sysopen(my $f, "$mnt/slow2", O_RDONLY | O_CREAT) ? 0 : $! + 0) }
$child{$held} = 'held';
sleep 0.3;
is(finish($service, 'KILL') & 127, 9, 'the service is killed while an open waits');
is(finish($held, 0) >> 8, 1, 'which ends with the default');
fresh('service');
my @sooner = @rules;
$service = start_service(@sooner);
ok(await('service', qr/^configured: no error/, 15), 'the service is back');
is(opens("$mnt/plain"), 0, 'and is asked again');

# ---- a rule that only wants to hear of reads ----
fresh('service');
finish($service, 'TERM');
$service = start_service('report', 6, 'read', "$mnt/read/**");
ok(await('service', qr/^configured: no error/, 15), 'only reports of reads');
is(content(handle("$mnt/read/report")), 'clean', 'nobody waits');
ok(await('service', qr{^event \d+ read pid $main size 5 rule 6 \Q$mnt\E/read/report\|\|\S*perl\S*$}), 'a read is reported');

# ---- 2,000 events, none lost ----
fresh('service');
finish($service, 'TERM');
$service = start_service(@rules);
ok(await('service', qr/^configured: no error/, 15), 'again');
my $first = (status() =~ /lost: (\d+)/)[0];
mkdir "$mnt/many";
for my $worker (0 .. 3) {
	my $pid = fork // die;
	if (!$pid) {
		spit(sprintf("$mnt/many/%d-%d", $worker, $_), 'x') for 1 .. 250;
		unlink sprintf("$mnt/many/%d-%d", $worker, $_) for 1 .. 250;
		POSIX::_exit(0);
	}
	$child{$pid} = 'worker';
}
for my $pid (grep { $child{$_} eq 'worker' } keys %child) { finish($pid, 0) }
my $until = time + 20;
my (%seen, $gaps);
while (time < $until) {
	my ($last, $text) = (0, slurp("$dir/service.log"));
	%seen = ();
	$gaps = 0;
	while ($text =~ m{^event (\d+) (\S+) pid \d+ size \d+ rule \d+ \Q$mnt\E/many/(\S+?)\|}mg) {
		$seen{"$2 $3"}++;
	}
	while ($text =~ m{^event (\d+) }mg) { $gaps++ if $1 != $last + 1; $last = $1 }
	last if (grep { /^delete/ } keys %seen) == 1000;
	sleep 0.1;
}
is(scalar(grep { /^create/ } keys %seen), 1000, '1,000 creates are told');
is(scalar(grep { /^delete/ } keys %seen), 1000, '1,000 deletes are told');
is(scalar(grep { /^open/ } keys %seen), 1000, '1,000 opens are asked about');
is($gaps, 0, 'without a gap in the sequence');
is((status() =~ /lost: (\d+)/)[0], $first, 'and the agent lost none');

# ---- least privilege ----
is(finish($daemon, 'TERM'), 0, 'SIGTERM: the agent ends with 0');
ok(await('service', qr/^agent down: orderly end/), 'in order');
is(opens("$mnt/evil"), 0, 'nothing waits for an agent that is gone');

# Every verb, with something that it could be done to.
spit("$mnt/victim", "$$");
$sleeper = fork // die;
if (!$sleeper) { exec '/bin/sleep', 60 or POSIX::_exit(1) }
$child{$sleeper} = 'sleeper';
my %request = (read => "read $mnt/data", write => "write $mnt/data no", create => "create $mnt/made3", delete => "delete $mnt/data",
	rename => "rename $mnt/data $mnt/data2", list => "list $mnt", stat => "stat $mnt/data", quarantine => "quarantine $mnt/victim",
	restore => "restore $dir/quarantine/1", processes => 'ps',
	map { ("process-$_" => "$_ $sleeper $born") } qw(stop resume kill));
sub expect_refusals { # STATUS WHY VERBS...: each with its status and a record, and counted
	my ($status, $why, @verbs) = @_;
	empty('service', 'manager');
	my $before = (status() =~ /refused: (\d+)/)[0];
	for my $verb (@verbs) {
		command($request{$verb});
		ok(await('service', qr{^result $verb $status }), "$verb: $why ($status)") or diag(slurp("$dir/service.log"));
		ok(await('manager', qr{audit: tested: request refused: deny \S+ .* $verb(?: pid \d+)?: $why$}), 'audited') or diag(slurp("$dir/manager.log"));
	}
	is((status() =~ /refused: (\d+)/)[0], $before + @verbs, 'all are counted');
}
sub restart_agent { # CONFIGURATION
	finish($daemon, 'TERM');
	configure($_[0]);
	empty('agent', 'service');
	$daemon = start_agent();
	return await('service', qr/^configured: no error/, 15);
}
configure('');
empty('agent', 'service');
$daemon = start_agent();
ok(await('service', qr/^configured: no error/, 15), 'the agent is back, with nothing in its configuration about verbs');
ok(await('service', qr/^agent up: tested, granted 0xe1$/), 'a service is told what it may do: read, list, stat, quarantine');
expect_refusals(-13, 'not granted', qw(write create delete rename restore processes process-stop process-resume process-kill));
command("read $mnt/data");
ok(await('service', qr{^result read 0}), 'read is granted');
command("list $mnt");
ok(await('service', qr{^result list 0}), 'list');
command("stat $mnt/data");
ok(await('service', qr{^result stat 0}), 'stat');
command("quarantine $mnt/victim");
ok(await('service', qr{^result quarantine 0}) && !-e "$mnt/victim", 'quarantine');
ok(restart_agent("grant = 17 all\ngrant = others none\n"), 'a grant to another service, and none to others');
expect_refusals(-13, 'not granted', sort keys %request);
ok(restart_agent("grant = 16 all\nforbid = all\n"), 'everything is granted, and everything forbidden');
expect_refusals(-1, 'forbidden here', sort keys %request);
is(slurp("$mnt/data"), 'new', 'what was refused changed nothing');
ok(!-e "$mnt/made3" && !-e "$mnt/data2", 'no file came');
is(process_state($sleeper), 'S', 'no process was touched');
finish($sleeper, 'KILL');
ok(restart_agent("grant = 16 all\nforbid = write, delete\nforbid = process-stop\n"), 'some verbs are forbidden');
expect_refusals(-1, 'forbidden here', qw(write delete process-stop));
command("stat $mnt/data");
ok(await('service', qr{^result stat 0}), 'others are not');

# ---- SIGTERM with operations that wait ----
kill 'STOP', $service;
@waiting = map { open_later("$mnt/plain") } 1 .. 20;
sleep 0.3;
my $from = time;
kill 'TERM', $daemon;
my @ends = map { finish($_, 0) } @waiting;
ok(time - $from < 1, 'SIGTERM answers all that waits at once (' . (time - $from) . ' s)');
is(scalar(grep { defined && $_ >> 8 == 1 } @ends), 20, 'with the rule\'s default');
kill 'CONT', $service;
is(finish($daemon, 0), 0, 'and the agent ends');
is(opens("$mnt/plain"), 0, 'no process hangs');

# ---- killed ----
# The kernel ends the agent's groups of marks one after the other; with marks of several kinds on one file an end in the
# wrong order would wait for the operations, and they for it.
for my $watch ('watch-filesystem', 'watch-mount') {
	fresh('service', 'agent');
	finish($service, 'TERM');
	configure(undef, $watch);
	$service = start_service(@rules);
	$daemon = start_agent();
	ok(await('service', qr/^configured: no error/, 15), "once more, $watch");
	sleep 0.2;
	is(opens("$mnt/evil"), 1, 'asked');
	kill 'STOP', $service;
	@waiting = map { open_later("$mnt/plain") } 1 .. 5;
	sleep 0.2;
	finish($daemon, 'KILL');
	@ends = map { finish($_, 0) } @waiting;
	is(scalar(grep { defined } @ends), 5, 'an agent that is killed leaves no hung process');
	kill 'CONT', $service;
}
finish($service, 'TERM');
done_testing();
