# SPDX-License-Identifier: MIT
# Helpers for system tests: TAP, and booting an image. Sourced by tests/system/*.t.
#
# A test sets nothing up by itself: the images are built by `make system` before. Each boot has a time limit, which is there
# to end what hangs, and leaves its console in $log. The seconds that a test names are those of a quiet machine; others may
# use this one, so TIME_FACTOR times as much is waited.

set -u
BUILD=${BUILD:-build}
EMU=${EMU:-qemu}
time_factor=${TIME_FACTOR:-4}
count=0
failures=0
work=$(mktemp -d)
log=$work/console.log
trap 'rm -rf "$work"' EXIT

ok() { # STATUS NAME
	count=$((count + 1))
	if [ "$1" = 0 ]; then
		echo "ok $count - $2"
	else
		failures=$((failures + 1))
		echo "not ok $count - $2"
	fi
}

is() { # GOT EXPECTED NAME
	if [ "$1" = "$2" ]; then
		ok 0 "$3"
	else
		ok 1 "$3"
		printf 'got: %s\nexpected: %s\n' "$1" "$2" | sed 's/^/#   /'
	fi
}

like() { # EXTENDED_REGEX NAME: some line of the console matches
	grep -qE -e "$1" "$log"
	ok $? "$2"
}

unlike() { # EXTENDED_REGEX NAME: no line of the console matches
	if grep -qE -e "$1" "$log"; then
		ok 1 "$2"
		grep -E -e "$1" "$log" | head -n 5 | sed 's/^/#   /'
	else
		ok 0 "$2"
	fi
}

skip() { # COUNT REASON
	for _ in $(seq "$1"); do
		count=$((count + 1))
		echo "ok $count # SKIP $2"
	done
}

boot() { # IMAGE CPUS SECONDS -> $status, $log
	# shellcheck disable=SC2086
	tools/muxrun --emu "$EMU" ${BOOT_OPTIONS:-} --cpus "$2" --timeout $(($3 * time_factor)) "$BUILD/images/$1.img" >"$log" 2>&1
	status=$?
	if [ -n "${KEEP_LOGS:-}" ]; then
		mkdir -p "$KEEP_LOGS"
		cp "$log" "$KEEP_LOGS/$(basename "$0" .t)-$1-$2.log"
	fi
}

# Where Linux guests run beside others, CPU 0 has none of them in QEMU: it mixes up its state (docs/testing.md).
linux_cpus=2
[ "$EMU" != qemu ] || linux_cpus=3

# What a Linux guest warns of by design: docs/linux-guests.md.
linux_warnings='ACPI: No IOAPIC entries present|ACPI: setting ELCR to'
# QEMU's time is the host's, which goes on while the host runs others.
if [ "$EMU" = qemu ]; then
	linux_warnings="$linux_warnings|hrtimer: interrupt took [0-9]+ ns|clocksource: Long readout interval"
fi

no_new_warnings() { # PARTITION
	is "$(sed -n "s/^$1 *| .*init: warning: //p" "$log" | grep -vE "$linux_warnings")" '' "$1: no warning but the known ones"
}

show_log() { # LINES: the end of the console, as a diagnosis
	tail -n "${1:-40}" "$log" | sed 's/^/# /'
}

corpus=$BUILD/corpus
# They make clamscan look at the bytes of the file itself and at nothing unpacked from it.
clam_options='--no-summary --infected --recursive --disable-cache --heuristic-alerts=no --bytecode=no --normalize=no
	--max-filesize=0 --max-scansize=0 --max-scantime=0 --scan-archive=no --scan-pe=no --scan-elf=no --scan-ole2=no
	--scan-pdf=no --scan-swf=no --scan-html=no --scan-mail=no --scan-xmldocs=no --scan-hwp3=no --scan-onenote=no
	--scan-image=no'

# Files that clamscan calls infected in a guest's tree, as paths within the guest.
oracle() { # TAR
	mkdir -p "$work/$1"
	tar -xf "$corpus/$1.tar" -C "$work/$1"
	# shellcheck disable=SC2086
	clamscan $clam_options -d "$corpus/signatures" "$work/$1" 2>"$work/clamscan.err" |
		sed -n "s|^$work/$1\\(.*\\): .* FOUND\$|\\1|p" | sort -u
}

infected() { # GUEST
	sed -n "s/^av *| INFECTED $1 \\([^ ]*\\) .*/\\1/p" "$log" | sort -u
}

done_testing() {
	if [ $failures -gt 0 ]; then
		show_log 60
	fi
	echo "1..$count"
	exit $((failures > 0))
}
