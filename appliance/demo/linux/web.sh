# SPDX-License-Identifier: MIT
# Workload of the strict Linux guest: each open and each execution waits for its verdict.
# shellcheck shell=sh
say 'executes a program that is infected, and one that is not'
try /files/home/web/bin/tool
cp /bin/busybox /tmp/busybox
try /tmp/busybox true

say 'opens every file there is'
find /files -type f | sort >/run/list
opened=0 denied=0
while read -r file; do
	if true <"$file"; then
		opened=$((opened + 1))
	else
		denied=$((denied + 1))
	fi
done </run/list 2>/run/errors
say_errors /run/errors
say "$((opened + denied)) files: $opened opened, $denied not"
try cat /files/samples/eicar.com
try cat /files/etc/adduser.conf
