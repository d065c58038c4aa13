# SPDX-License-Identifier: MIT
# For tests of agent and services as processes of this machine (AF_UNIX in place of vsock): a mount namespace of the test's own
# with a tmpfs to watch, processes with a log each, and waiting for lines in these. What was started ends with the test.
# KEEP_LOGS=FOLDER keeps the logs there.
package HostProcesses;
use strict;
use warnings;
use Exporter 'import';
use Fcntl;
use File::Basename qw(basename);
use File::Copy qw(copy);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use POSIX qw(:sys_wait_h);
use Test::More;
use Time::HiRes qw(time sleep);

our @EXPORT = qw(isolate %child spit slurp start finish await fresh child_status opens executes open_later);

our %child; # pid => name
my ($dir, $mnt);
my $main = 0;

# isolate NAME, SECONDS, TMPFS SIZE: returns a folder with an empty sock/ and etc/, and the tmpfs in it. Skips the test where
# that cannot be done. All mounts go with the namespace.
sub isolate
{
	my ($name, $limit, $size) = @_;
	plan skip_all => 'needs root' if $> != 0;
	if (!$ENV{HOST_PROCESSES_INSIDE}) {
		$ENV{HOST_PROCESSES_INSIDE} = 1;
		system('unshare --mount --propagation private true 2>/dev/null') == 0
			or plan skip_all => 'no mount namespace here (unshare)';
		exec 'unshare', '--mount', '--propagation', 'private', $^X, $0;
	}
	$main = $$;
	$dir = tempdir("/tmp/$name-XXXXXX", CLEANUP => 1);
	$mnt = "$dir/mnt";
	$ENV{MUX_FOLDER} = "$dir/sock";
	mkdir "$dir/$_" for qw(sock mnt etc);
	system("mount -t tmpfs -o size=$size,mode=755 $name-test $mnt") == 0
		or plan skip_all => 'no tmpfs can be mounted here';
	$limit *= $ENV{TIME_FACTOR} // 4; # as in lib.sh
	$SIG{ALRM} = sub { print "Bail out! time limit of $limit s\n"; exit 1 };
	alarm $limit;
	return ($dir, $mnt);
}

END {
	if ($$ == $main) {
		my $status = $?;
		keep_logs() if $ENV{KEEP_LOGS};
		# Whoever waits for a verdict goes on when the agent is gone.
		kill 'CONT', keys %child;
		kill 'KILL', keys %child;
		waitpid($_, 0) for keys %child;
		system("umount -l $mnt 2>/dev/null") if defined $mnt;
		$? = $status;
	}
}

sub keep_logs
{
	make_path($ENV{KEEP_LOGS});
	copy($_, "$ENV{KEEP_LOGS}/" . basename($0, '.t') . '-' . basename($_)) for glob("$dir/*.log");
}

sub spit { my ($path, $text) = @_; open(my $f, '>', $path) or return 0; print $f $text; return close $f }
sub slurp { my ($path) = @_; open(my $f, '<', $path) or return; local $/; my $t = <$f>; return defined $t ? $t : '' }

sub start { # NAME ENVIRONMENT COMMAND...: its output goes to $dir/NAME.log
	my ($name, $env, $input, @command) = @_;
	my $pid = fork // die;
	if (!$pid) {
		$ENV{$_} = $env->{$_} for keys %$env;
		open(STDIN, '+<', $input) or die;
		open(STDOUT, '>>', "$dir/$name.log") or die;
		open(STDERR, '>&', \*STDOUT);
		exec @command or POSIX::_exit(127);
	}
	$child{$pid} = $name;
	return $pid;
}

sub finish { # PID SIGNAL -> wait status, or undef after 10 s
	my ($pid, $signal) = @_;
	kill $signal, $pid if $signal;
	my $until = time + 10;
	while (time < $until) {
		if (waitpid($pid, WNOHANG) == $pid) { delete $child{$pid}; return $? }
		sleep 0.01;
	}
	return;
}

sub await { # NAME REGEX SECONDS: a line that comes in that log
	my ($name, $regex, $seconds) = @_;
	my $until = time + ($seconds // 10);
	$regex =~ s/^\(\?\^/(?^m/;  # ^ and $ are those of lines
	while (time < $until) {
		my $text = slurp("$dir/$name.log") // '';
		return defined $1 ? $1 : 1 if $text =~ /$regex/m;
		sleep 0.02;
	}
	return;
}

sub fresh { unlink "$dir/$_.log" for @_ }

sub child_status { # what a child process gets from CODE: its exit status
	my ($code) = @_;
	my $pid = fork // die;
	POSIX::_exit($code->() ? 0 : $! + 0 || 255) if !$pid;
	waitpid($pid, 0);
	return $? >> 8;
}
sub opens { my ($path) = @_; return child_status(sub { sysopen(my $f, $path, O_RDONLY) }) }
sub executes {
	my ($path) = @_;
	return child_status(sub { no warnings 'exec'; exec {$path} $path or return 0 });
}
sub open_later { # the same as opens, but returns a pid for finish() at once
	my ($path) = @_;
	my $pid = fork // die;
	POSIX::_exit(sysopen(my $f, $path, O_RDONLY) ? 0 : $! + 0) if !$pid;
	$child{$pid} = 'opener';
	return $pid;
}

1;
