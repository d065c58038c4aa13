#!/bin/sh
# SPDX-License-Identifier: MIT
# muxrun's exit statuses other than the machine's own verdict, and that it leaves nothing behind.
. tests/system/lib.sh

image=$BUILD/images/echo.img
TMPDIR=$work/tmp
export TMPDIR
mkdir "$TMPDIR"

run() { # ARGUMENT... -> $status, $log
	tools/muxrun "$@" >"$log" 2>&1
	status=$?
}

run
is $status 2 'no image: wrong command line'
run --cpus 9 "$image"
is $status 2 'too many CPUs: wrong command line'
run --emu nosuch "$image"
is $status 2 'unknown emulator: wrong command line'
run --cpus 99999999999999999999 "$image"
is $status 2 'a number without measure: wrong command line'
run --emu bochs --tpm "$image"
is $status 2 'Bochs has no TPM: wrong command line'
run --emu bochs --counted "$image"
is $status 2 'Bochs always counts: wrong command line'
run --emu qemu --secure-boot "$work/nothing.fd" "$image"
is $status 3 'no such variable store: cannot run'
run "$work/nothing.img"
is $status 3 'no such image: cannot run'
like "can't read .*/nothing.img" 'and it says why'
run --emu bochs --model nosuch "$image"
is $status 3 'Bochs refuses its configuration: cannot run'
if [ -r /sys/module/kvm_intel/parameters/nested ] || [ -r /sys/module/kvm_amd/parameters/nested ]; then
	skip 2 'this host has kvm_intel or kvm_amd'
else
	run --emu qemu-kvm "$image"
	is $status 3 'no nested KVM: cannot run'
	like '--emu qemu' 'and it names the way out'
fi

run --emu bochs --timeout 2 --log "$work/kept" "$image"
is $status 124 'time out'
like 'still running after 2 s' 'and it says so'
[ -f "$work/kept/console.txt" ] && [ -s "$work/kept/emulator.err" ]
ok $? '--log keeps the logs'

tools/muxrun --emu bochs "$image" >"$log" 2>&1 &
pid=$!
sleep 2
kill -TERM $pid
wait $pid
is $? 130 'interrupted'
is "$(ls "$TMPDIR")" '' 'no temporary file is left'
# The pattern stands in a file, so that grep does not find its own command line.
echo "$TMPDIR/muxrun" >"$work/pattern"
# A loaded machine may take its time to end it.
for _ in $(seq 100); do
	left=$(grep -lF -f "$work/pattern" /proc/[0-9]*/cmdline 2>/dev/null)
	[ -n "$left" ] || break
	sleep 0.1
done
is "$left" '' 'no emulator is left'

done_testing
