#!/bin/sh
# SPDX-License-Identifier: MIT
# The ClamAV service in a Linux partition, as the antivirus of the demo: the set of infected files is what clamscan finds,
# what it unpacks included. Then its partition is killed in the middle of its scans and started again.
. tests/system/lib.sh

if [ ! -e "$BUILD/images/clamav.img" ]; then
	skip 25 'the image is not built: no libclamav-dev'
	done_testing
fi

if [ "${EMU#bochs}" != "$EMU" ] && [ -z "${LINUX_LONG:-}" ]; then
	skip 25 'takes minutes in Bochs; LINUX_LONG=1 runs it'
	done_testing
fi

count_lines() { # EXTENDED_REGEX
	grep -cE -e "$1" "$log"
}

value() { # NAME: a figure of the line `result:`
	sed -n "s/^manager *| result: .*\\b$1=\\([0-9]*\\).*/\\1/p" "$log"
}

# judge TAR DATABASE [OPTIONS]: files that clamscan calls infected in a guest's tree, by default with all that it unpacks
judge() {
	mkdir -p "$work/$1"
	tar -xf "$corpus/$1.tar" -C "$work/$1"
	# shellcheck disable=SC2086
	clamscan --no-summary --infected --recursive ${3:-} -d "$2" "$work/$1" 2>"$work/clamscan.err" |
		sed -n "s|^$work/$1\\(.*\\): .* FOUND\$|\\1|p" | sort -u
}

# converters [FOLDER]: all that ICU converts, with the data library of this machine or the one in FOLDER; and one text
converters() {
	LD_LIBRARY_PATH=${1:-} uconv -l
	printf '\203e\203X' | LD_LIBRARY_PATH=${1:-} uconv -f shift_jis -t utf-8
}

whole=$(converters)
[ "${#whole}" -gt 1000 ]
ok $? "the whole ICU data library has converters (${#whole} characters of names)"
is "$(converters "$BUILD/linux/lib")" "$whole" 'the small one, in the partition, has the same'
! cmp -s "$BUILD"/linux/lib/libicudata.so.* /usr/lib/x86_64-linux-gnu/"$(basename "$BUILD"/linux/lib/libicudata.so.*)"
ok $? 'and is another one'

web=$(judge strict "$corpus/signatures")
db=$(judge lax "$corpus/signatures")
web_count=$(printf '%s\n' "$web" | grep -c .)
db_count=$(printf '%s\n' "$db" | grep -c .)
[ "$web_count" -ge 30 ] && [ "$db_count" -ge 30 ]
ok $? "clamscan finds at least 30 infected files in each guest ($web_count, $db_count)"
packed=$(judge strict "$BUILD/linux/one-signature")
packed_count=$(printf '%s\n' "$packed" | grep -c .)
plain_count=$(judge strict "$BUILD/linux/one-signature" "$clam_options" | grep -c .)
[ "$packed_count" -ge $((plain_count + 30)) ]
ok $? "and with one signature $packed_count, $plain_count of them without unpacking anything"

seconds=400
[ "${EMU#bochs}" = "$EMU" ] || seconds=1200
boot clamav $linux_cpus $seconds
is "$status" 0 'the demo powers off with success'
like '^av +\| ClamAV [0-9.]+, 5545 signatures from /var/lib/clamav, 5 rules' 'with libclamav in its antivirus partition'
is "$(infected web)" "$web" 'strict guest: infected is what clamscan finds'
is "$(infected db)" "$db" 'lax guest: infected is what clamscan finds'
is "$(value infected) $(value denied) $(value quarantined)" "$((web_count + db_count)) $web_count $((web_count + db_count))" \
	'the table counts them: denied in the strict guest, quarantined in both'
is "$(value lost) $(value fallbacks) $(value failed)" '0 0 0' 'no event lost, no deadline passed'
like '^web +\| workload done, 0 expectations failed' 'strict guest: nothing else was disturbed'
like '^db +\| workload done, 0 expectations failed' 'lax guest: nothing else was disturbed'
unlike '^av +\| UNSCANNED .*(memory|process|limit|longer)|Out of memory' 'the partition has the memory and the time for every file'
unlike 'panic|vsock port stopped|partition .* stopped|Call Trace|BUG:|Oops' 'no partition was stopped'

boot clamav-restart $linux_cpus $seconds
is "$status" 0 'restart: the run ends with success'
is "$(count_lines 'partition av restarts \(1\)')" 1 'the partition was killed in the middle of its scans, and restarted'
is "$(count_lines '^manager +\| service clamav .* joined, id 2')" 2 'the service came back as the one it was'
like '^web +\| open [^ ]+: denied by clamav \((no verdict by the deadline|service is away)\) in [0-9]+ ticks' \
	'meanwhile opens had the fallback'
like '^manager +\| audit: web: (service went away|deadline passed): deny open' 'an audit record says so'
# The deadline is 1 s, but for installers. The guest counts from its own call, on a machine that others may use.
limit=$(sed -n 's/^hypervisor at .* TSC \([0-9]*\) kHz.*/\1/p' "$log")
longest=$(grep -v '/samples/clam_IS' "$log" | sed -nE 's/^web +\| open [^ ]+: .* by clamav .*in ([0-9]+) ticks.*/\1/p' | sort -n | tail -n 1)
[ "$longest" -le $((limit * 3000)) ]
ok $? "no open waited longer than its deadline ($longest ticks of $limit a millisecond)"
if [ "${EMU#bochs}" = "$EMU" ]; then
	# The appliance may have died with a line of its own unsaid, so the guest is asked.
	is "$(sed -n 's/^web *| \([^ ]*\): quarantined as .*/\1/p' "$log" | sort -u)" "$packed" 'scans were done again: all infected files are found, in archives, packed programs, documents and mail'
else
	skip 1 'at 50 MHz installers take longer to unpack than the deadline'
fi
like '^web +\| workload done, 0 expectations failed' 'the sample is in quarantine, and what is clean opens'
is "$(value lost)" 0 'no event was lost'
unlike 'panic|vsock port stopped|partition (web|manager) stopped|Call Trace|BUG:|Oops' 'nobody else was stopped'
done_testing
