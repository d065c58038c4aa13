# SPDX-License-Identifier: MIT
# Everything that can happen to one agent and its service, one after the other. judge.c is the service.
# shellcheck shell=sh disable=SC2154

# ---- each kind of event, only when a rule asks for it ----
actions() { # DIRECTORY SECONDS: how long a program runs
	echo "text" >"$1/new"
	cat "$1/new" >/dev/null
	mv "$1/new" "$1/moved"
	/w/bin/sh -c "/w/bin/sleep $2; true"
	rm "$1/moved"
	date >>/etc/setting
	act logon /run/wtmp
}

kinds='open close write create delete rename execute process-start process-stop memory config logon read'
kinds() {
	ask rules:none
	actions /w/told 0.1
	say "none: $(muxagentd status | grep '^watch:')"
	say "none: $(muxagentd status | grep '^other sources:')"
	ask tell
	for kind in $kinds; do
		ask "only:$kind"
		# Mappings are looked at 100 ms after the start.
		case $kind in
		memory) actions /w/told 0.5 ;;
		*) actions /w/told 0.1 ;;
		esac
		sleep 0.1
		ask tell
	done
	ask rules:all
	actions /w/told 0.5
	sleep 0.1
}

# ---- verdicts ----
verdicts() {
	report act open /w/files/clean
	report act open /w/files/denied
	report act open /w/files/content
	report act turn /w/files/turns
	report act exec /w/files/true
	report act exec /w/files/denied-true
	report act open /w/open/slow
	report act open /w/closed/slow
	report act exec /w/closed/slow
	before=$(stat -c '%a %u %g %Y %s' /w/files/catch)
	report act open /w/files/catch
	[ -e /w/files/catch ] || say 'catch is gone'
	ask restore
	[ "$(stat -c '%a %u %g %Y %s' /w/files/catch)" = "$before" ] && say 'catch is back as it was'
	sleep 60 &
	ask "kill:$!"
	wait $!
	say "the service ends a process: $?"
}

# ---- the agent is killed while operations wait, and started again ----
killed() {
	for number in 1 2 3 4 5; do
		act open "/w/files/slow$number" >"/run/waiting$number" &
		eval "waiting$number=\$!"
	done
	sleep 0.3
	say "killed while: $(muxagentd status | grep 'operations waiting')"
	kill -9 "$agent"
	for number in 1 2 3 4 5; do
		eval "wait \$waiting$number"
		say_lines <"/run/waiting$number"
	done
	wait "$agent"
	report act open /w/files/denied
	start_agent
	until_true 20 has_rules
	say 'the agent is back'
	report act open /w/files/denied
}

# ---- the service ends while eight processes open files, and comes back ----
crash() {
	ask rules:load
	act load /w/files 8 4 >/run/load &
	load=$!
	sleep 1
	ask crash
	wait $load
	say_lines </run/load
	until_true 20 has_rules
	report act open /w/files/denied
}

# ---- 10,000 events ----
many() {
	ask rules:many
	report act many /w/many 4 1250
	ask tell
}

for file in files/clean files/turns files/denied files/slow1 files/slow2 files/slow3 files/slow4 files/slow5 open/slow; do
	echo "content" >/w/$file
done
echo 'EVIL content' >/w/files/content
for file in bin/sh bin/sleep files/true files/denied-true closed/slow; do
	cp /bin/busybox /w/$file
done
echo 'caught' >/w/files/catch
chown 12:34 /w/files/catch
chmod 4751 /w/files/catch
touch -d @1000000000 /w/files/catch

start_agent
until_true 20 has_rules
say "starts with $(nproc) CPU"
kinds
say 'kinds: done'
verdicts
say 'verdicts: done'
killed
say 'killed: done'
crash
say 'crash: done'
many
say 'many: done'
muxagentd status >/run/status
say_lines </run/status
stop_agent
