#!/bin/sh
# SPDX-License-Identifier: MIT
# The main job on the booted image, with 1 and 2 CPUs: the set of infected files is what clamscan finds with the
# same signatures, and every figure of the final table agrees with it.
. tests/system/lib.sh

value() { # NAME: a figure of the line `result:`
	sed -n "s/^manager *| result: .*\\b$1=\\([0-9]*\\).*/\\1/p" "$log"
}

web=$(oracle strict)
db=$(oracle lax)
web_count=$(printf '%s\n' "$web" | grep -c .)
db_count=$(printf '%s\n' "$db" | grep -c .)
[ "$web_count" -ge 30 ] && [ "$db_count" -ge 30 ]
ok $? "the oracle finds at least 30 infected files in each guest ($web_count, $db_count)"
[ "$(tar -tf "$corpus/strict.tar" | grep -vc '/$')" -ge 200 ]
ok $? 'there are at least 200 files'
[ "$(cat "$corpus"/signatures/* | wc -l)" -ge 5030 ]
ok $? 'there are at least 5,030 signatures'

for cpus in 1 2; do
	boot demo $cpus 240
	is "$status" 0 "$cpus CPU: the demo powers off with success"
	is "$(infected web)" "$web" "$cpus CPU: strict guest: infected is what clamscan finds"
	is "$(infected db)" "$db" "$cpus CPU: lax guest: infected is what clamscan finds"
	is "$(value infected)" $((web_count + db_count)) "$cpus CPU: the table counts them"
	is "$(value denied)" "$web_count" "$cpus CPU: each infected file of the strict guest was denied"
	is "$(value quarantined)" $((web_count + db_count)) "$cpus CPU: each was quarantined"
	is "$(value lost) $(value fallbacks) $(value failed)" '0 0 0' "$cpus CPU: no event lost, no deadline passed"
	like '^web +\| walk / open: [0-9]+ files, [0-9]+ ok, '"$web_count"' denied, 0 failed' \
		"$cpus CPU: the guest's programs saw the denials"
	like '^web +\| workload done, 0 expectations failed' "$cpus CPU: strict guest: nothing else was disturbed"
	like '^db +\| workload done, 0 expectations failed' "$cpus CPU: lax guest: nothing else was disturbed"
	unlike 'stopped:|panic|vsock port stopped' "$cpus CPU: no partition was stopped"
done
done_testing
