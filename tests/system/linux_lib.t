#!/bin/sh
# SPDX-License-Identifier: MIT
# The access library for Linux: installed somewhere, found by pkg-config, linked statically and dynamically into the example
# service, and with no names in it but its own.
. tests/system/lib.sh

root=$work/root
lib=$root/usr/lib
make --no-print-directory BUILD="$BUILD" linux-lib INSTALL=1 PREFIX=/usr DESTDIR="$root" >"$log" 2>&1
ok $? 'make linux-lib installs'
is "$(cd "$root/usr" && find . ! -type d | sort | tr '\n' ' ')" './include/muxaccess.h ./include/muxvisor/protocol.h ./include/muxvisor/types.h ./lib/libmuxaccess.a ./lib/libmuxaccess.so ./lib/libmuxaccess.so.2 ./lib/libmuxaccess.so.2.1.0 ./lib/pkgconfig/muxaccess.pc ./share/man/man3/muxaccess.3 ' 'headers, libraries, pkg-config file and man page'

if command -v pkg-config >/dev/null; then
	flags=$(PKG_CONFIG_LIBDIR=$lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$root PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1 \
		pkg-config --cflags --libs muxaccess)
	is "$(echo $flags)" "-I$root/usr/include -L$lib -lmuxaccess" 'pkg-config finds it'
else
	flags="-I$root/usr/include -L$lib -lmuxaccess"
	skip 1 'no pkg-config'
fi

# The service as its author has it: outside of this tree, with the installed header.
sed 's|"appliance/lib/include/muxaccess.h"|<muxaccess.h>|' appliance/example/example.c >"$work/service.c"
for way in -static -Wl,-rpath,"$lib"; do
	# shellcheck disable=SC2086
	gcc -Wall -Wextra -Werror $way -o "$work/service" "$work/service.c" $flags >"$log" 2>&1
	ok $? "a service links with $(echo "$way" | sed 's/-Wl.*/the shared library/; s/^-static/the static library/')"
	# Without a hypervisor it waits for the manager, or there is no vsock at all.
	timeout 1 "$work/service" >"$log" 2>&1
	status=$?
	test $status = 124 || grep -q '^cannot start: ' "$log"
	ok $? 'and starts'
done

nm -D --defined-only "$lib/libmuxaccess.so" | awk '{ print $3 }' | grep -v '^mux_' >"$log"
is "$(cat "$log")" '' 'the shared library has no names but its own'
# Every function of the header.
for name in $(grep -oE '\bmux_[a-z_]+\(' appliance/lib/include/muxaccess.h | tr -d '(' | sort -u); do
	nm -D --defined-only "$lib/libmuxaccess.so" | grep -q " T $name\$" || echo "$name"
done >"$work/missing"
is "$(cat "$work/missing")" '' 'it has every function of the header'
if command -v man >/dev/null; then
	is "$(man --warnings -l "$root/usr/share/man/man3/muxaccess.3" 2>&1 >/dev/null)" '' 'the man page has no errors'
else
	skip 1 'no man'
fi
done_testing
