#!/bin/sh
# SPDX-License-Identifier: MIT
# muxagentd in Linux guests, over virtio-vsock. The demo with Linux guests against clamscan; each kind of event, verdicts,
# deadlines, ends and restarts of agent and service, 10,000 events; guests beside one under stress and one that reboots.
# What the guests do is in tests/guests/agent.
. tests/system/lib.sh

count_lines() { # EXTENDED_REGEX
	grep -cE -e "$1" "$log"
}

value() { # NAME: a figure of the line `result:`
	sed -n "s/^manager *| result: .*\\b$1=\\([0-9]*\\).*/\\1/p" "$log"
}

# ends_within REGEX MINIMUM MAXIMUM NAME: the regex has the milliseconds in its first group
ends_within() {
	took=$(sed -nE "s/$1.*/\\1/p" "$log" | head -n 1)
	[ -n "$took" ] && [ "$took" -ge "$2" ] && [ "$took" -le "$3" ]
	ok $? "$4 (${took:-not at all})"
}

is_long=yes
[ "${EMU#bochs}" = "$EMU" ] || [ -n "${LINUX_LONG:-}" ] || is_long=
# Bochs delivers virtual interrupts to guests that have interrupts off (docs/testing.md); this model has none.
[ "$EMU" != bochs ] || BOOT_OPTIONS='--model corei3_cnl'

# ---- one agent, one service ----
boot linux-agent $linux_cpus 500
is "$status" 0 'the guest and its agent end in order'
like '^probe +\| starts with 2 CPU' 'a guest with two processors'

like '^probe +\| none: watch: /w \(file system\), permission events 0x0, ' 'no rule: the kernel is asked for no permission events'
like '^probe +\| none: other sources:$' 'nor is any other source on'
like '^judge +\| probe: counts of none: gaps=0$' 'and nothing is told'
for kind in open close write create delete rename execute process-start process-stop memory config logon read; do
	like "^judge +\\| probe: counts of only $kind: $kind=[0-9]+ gaps=0\$" "a rule about $kind: these events, and no others"
done
like '^judge +\| probe: create /w/told/new by /bin/busybox' 'create, with name and program'
like '^judge +\| probe: write /w/told/new by' 'write (close after a change)'
like '^judge +\| probe: read /w/told/new by /bin/busybox' 'read'
like '^judge +\| probe: rename /w/told/new to /w/told/moved by' 'move, with both names'
like '^judge +\| probe: delete /w/told/moved by' 'delete, with its name'
like '^judge +\| probe: execute /w/bin/sleep by' 'execution'
like '^judge +\| probe: process-start /w/bin/sh by /w/bin/sh' 'a process forks'
like '^judge +\| probe: process-start /w/bin/sleep by /w/bin/sh' 'and executes a program'
like '^judge +\| probe: process-stop /w/bin/sleep by' 'and ends'
like '^judge +\| probe: memory /w/bin/sleep by /w/bin/sleep' 'an executable mapping'
like '^judge +\| probe: config /etc/setting by' 'a change below /etc'
like '^judge +\| probe: logon /logon/alice/pts/7/far.example by' 'a log-on'

like '^probe +\| open /w/files/clean: allowed' 'verdict: allow'
like '^probe +\| open /w/files/denied: denied' 'verdict: deny, EPERM'
like '^manager +\| audit: probe: denied: deny open /w/files/denied \(rule 4, service judge, 1\) name' 'the denial is in the audit'
like '^probe +\| open /w/files/content: denied' 'the service read the file by the handle of the event'
like '^probe +\| read /w/files/turns: denied' 'a file whose content turns while it is open is not read on'
like '^probe +\| exec /w/files/true: allowed' 'a program runs'
like '^probe +\| exec /w/files/denied-true: denied' 'another one does not'
ends_within '^probe +\| open .w.open.slow: allowed after ([0-9]+) ms' 600 5000 'no verdict, fail-open: allowed at the deadline of 700 ms'
ends_within '^probe +\| open .w.closed.slow: denied after ([0-9]+) ms' 600 5000 'no verdict, fail-closed: denied'
like '^probe +\| exec /w/closed/slow: denied' 'likewise for execution'
like '^manager +\| audit: probe: deadline passed: allow open /w/open/slow' 'the audit says so'
like '^manager +\| audit: probe: deadline passed: deny execute /w/closed/slow' 'for each'
like '^probe +\| open /w/files/catch: denied' 'a file that is quarantined while its open waits is not opened'
like '^probe +\| catch is gone' 'it is away'
like '^probe +\| catch is back as it was' 'restore brings back mode, owner, time and size'
like '^probe +\| the service ends a process: 137' 'the service ends a process'

like '^probe +\| killed while: operations waiting: 5 ' 'the agent is killed while five operations wait'
is "$(count_lines '^probe +\| open /w/files/slow[1-5]: allowed after [0-9]{1,4} ms')" 5 'all of them end, long before their deadline'
like '^probe +\| the agent is back' 'it is started again'
is "$(count_lines '^probe +\| open /w/files/denied: denied after')" 3 'and asks as before; also after the service has ended'
is "$(count_lines 'partition judge restarts')" 1 'the service ends while eight processes open files, and is restarted'
like '^probe +\| load: [0-9]{2,} allowed, 0 denied, 0 failed' 'every open waits for the service to be back'
ends_within '^probe +\| load: .* longest ([0-9]+) ms' 1 20000 'within its deadline'
like '^probe +\| many: 10000 done, 0 failed' '10,000 times a file is made or removed'
like '^judge +\| probe: counts of many: create=5000 delete=5000 gaps=0$' '10,000 events arrive, without a gap in their numbers'
is "$(value lost)" 0 'no event was lost'
unlike 'panic|vsock port stopped|partition (probe|manager) stopped' 'nobody else was stopped'
unlike 'gives up:|there is none|rules refused|WARNING: CPU|Call Trace|BUG:|Oops' 'nothing unexpected'

if [ -z "$is_long" ]; then
	skip 22 'takes minutes in Bochs; LINUX_LONG=1 runs it'
	done_testing
fi

# ---- a guest under stress, one that reboots, one whose verdicts have a deadline ----
boot linux-storm $linux_cpus 400
is "$status" 0 'stress: success'
like '^storm +\| bomb: [0-9]{2,} forks' 'a guest forks, loops and fills its memory on both CPUs'
like '^victim +\| load: [0-9]{2,} allowed, 0 denied, 0 failed' 'its neighbour gets each verdict by the deadline of 3 s'
ends_within '^victim +\| load: .* longest ([0-9]+) ms' 1 3000 'the longest open, in milliseconds'
like '^judge +\| victim: counts of .*gaps=0$' 'no event is missing'
like '^again +\| first life: open /w/files/once: denied' 'a third guest reboots while an open waits'
is "$(count_lines 'partition again restarts')" 1 'once'
like '^again +\| second life: open /w/files/once: allowed' 'and its agent finds the service again'
is "$(sed -nE 's/^manager +\| agent again .* joined, (id [0-9]+)$/\1/p' "$log" | uniq -c | sed 's/id.*/id/' | xargs)" '2 id' \
	'for the manager it is the same guest'
is "$(value lost) $(value fallbacks) $(value failed)" '0 0 0' 'no event lost, no deadline passed'
unlike 'panic|vsock port stopped|partition .* stopped' 'nobody was stopped'

# ---- the demo ----
for guest in strict:/files lax:/srv/files; do
	tree=$BUILD/linux/files/${guest%:*}
	# shellcheck disable=SC2086
	clamscan $clam_options -d "$corpus/signatures" "$tree" 2>/dev/null |
		sed -n "s|^.*/linux/files/${guest%:*}\\(/.*\\): .* FOUND\$|${guest#*:}\\1|p" | sort -u >"$work/${guest%:*}.oracle"
done
both=$(cat "$work"/*.oracle | wc -l)
strict=$(wc -l <"$work/strict.oracle")
[ "$strict" -ge 30 ] && [ "$both" -ge 60 ]
ok $? "clamscan finds at least 30 infected files for each guest ($both)"
counts=$linux_cpus
[ "${EMU#bochs}" != "$EMU" ] || counts="1 $linux_cpus"
for cpus in $counts; do
	boot linux "$cpus" 400
	is "$status" 0 "demo, $cpus CPU: success"
	is "$(infected web)" "$(cat "$work/strict.oracle")" "$cpus CPU: strict guest: infected is what clamscan finds"
	is "$(infected db)" "$(cat "$work/lax.oracle")" "$cpus CPU: lax guest: infected is what clamscan finds"
	is "$(value infected) $(value denied)" "$both $strict" "$cpus CPU: the table counts them"
	is "$(value lost) $(value fallbacks) $(value failed)" '0 0 0' "$cpus CPU: no event lost, no deadline passed"
	like '^web +\| /files/home/web/bin/tool: Operation not permitted' "$cpus CPU: an infected program is not executed"
	like '^web +\| /tmp/busybox true: done' "$cpus CPU: another one is"
	like "^web +\\| [0-9]+ files: [0-9]+ opened, $((strict - 1)) not\$" "$cpus CPU: the guest's programs saw the denials"
	like '^db +\| .*/srv/files/samples/eicar.com.: No such file' "$cpus CPU: lax guest: the sample is in quarantine"
	unlike 'panic|vsock port stopped|partition .* stopped|WARNING: CPU|Call Trace|BUG:|Oops' "$cpus CPU: nothing unexpected"
done
done_testing
