# SPDX-License-Identifier: MIT
# Workload of the lax Linux guest: files are written, and looked at afterwards.
# shellcheck shell=sh
say 'writes every file there is'
cp -r /files /srv/
say "$(find /srv/files -type f | wc -l) files are there"
# The appliance has looked at all of them when it asks no more.
asks='' before=x
while [ "$asks" != "$before" ]; do
	before=$asks
	sleep 2
	asks=$(muxagentd status | grep accesses:)
done
say "$(find /srv/files -type f | wc -l) files are left"
try cat /srv/files/samples/eicar.com
try cat /srv/files/etc/adduser.conf
