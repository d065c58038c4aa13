#!/bin/sh
# SPDX-License-Identifier: MIT
# What the small tools say and leave behind when something is wrong: each error names the cause, and no half-made file
# takes the place of a whole one.
. tests/system/lib.sh

run() { # COMMAND... -> $status, $log
	"$@" >"$log" 2>&1
	status=$?
}

refused() { # STATUS REGEX NAME
	is "$status" "$1" "$3: ends with $1"
	like "$2" "$3: says why"
}

# ---- vmlinux ----
payload=$work/payload
head -c 100000 "$BUILD/hv.elf" >"$payload"

little() { # NUMBER: 4 bytes, the lowest first
	perl -e 'print pack "V", shift' "$1"
}

bzimage() { # PACKER... -> $work/bzimage, which holds $payload: setup of two sectors, then payload and its size
	"$@" <"$payload" >"$work/packed"
	{ head -c 1024 /dev/zero; cat "$work/packed"; little "$(stat -c %s "$payload")"; } >"$work/bzimage"
	patch 497 '\001'
	patch 514 'HdrS'
	little 0 | dd of="$work/bzimage" bs=1 seek=584 conv=notrunc status=none
	little $(($(stat -c %s "$work/packed") + 4)) | dd of="$work/bzimage" bs=1 seek=588 conv=notrunc status=none
}

patch() { # OFFSET BYTES
	printf "$2" | dd of="$work/bzimage" bs=1 seek="$1" conv=notrunc status=none
}

bzimage xz --check=crc32
run tools/vmlinux "$work/bzimage" "$work/vmlinux"
cmp -s "$payload" "$work/vmlinux"
ok $? 'vmlinux: takes what is in a bzImage'
patch 2000 'damaged'
run tools/vmlinux "$work/bzimage" "$work/vmlinux"
refused 1 'payload is damaged' 'vmlinux: damaged bzImage'
is "$(ls "$work"/vmlinux*)" "$work/vmlinux" 'vmlinux: and leaves no part of it behind'
bzimage gzip
run tools/vmlinux "$work/bzimage" "$work/other"
refused 1 'compressed in another way' 'vmlinux: another packer'
run tools/vmlinux "$payload" "$work/other"
refused 1 'is no bzImage' 'vmlinux: no kernel'
run tools/vmlinux "$work/nothing" "$work/other"
refused 1 "can't read" 'vmlinux: no such file'

# ---- mkinitramfs-guest ----
root=$work/root
mkdir -p "$root/bin" "$root/lib/modules/1"
printf '#!/bin/sh\necho sh\n' >"$root/bin/busybox"
chmod 755 "$root/bin/busybox"

initramfs() { # [OPTION]...
	run tools/mkinitramfs-guest --root "$root" --kernel 1 --init "$root/bin/busybox" --out "$work/initrd" "$@"
}

initramfs
refused 1 'no module virtio_ring' 'mkinitramfs-guest: a module is missing'
for module in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci vsock \
	vmw_vsock_virtio_transport_common vmw_vsock_virtio_transport pvpanic pvpanic-mmio; do
	echo $module >"$root/lib/modules/1/$module.ko"
done
initramfs --add "$payload=/deep/down/here"
is "$status" 0 'mkinitramfs-guest: makes one'
cp "$work/initrd" "$work/first"
initramfs --add "$payload=/deep/down/here"
cmp -s "$work/first" "$work/initrd"
ok $? 'mkinitramfs-guest: the same files give the same bytes'
is "$(cpio --quiet -t <"$work/initrd" | grep -cE '^(init|deep/down/here|lib/modules/virtio/9-pvpanic-mmio.ko)$')" 3 \
	'mkinitramfs-guest: with what was asked for'
mkdir "$work/bin"
printf '#!/bin/sh\nexit 1\n' >"$work/bin/cpio"
chmod 755 "$work/bin/cpio"
run env PATH="$work/bin:$PATH" tools/mkinitramfs-guest --root "$root" --kernel 1 --init "$root/bin/busybox" --out "$work/second"
refused 1 'cpio failed' 'mkinitramfs-guest: cpio fails'
[ ! -e "$work/second" ]
ok $? 'mkinitramfs-guest: and makes nothing'

# ---- measurements ----
run tools/measurements "$BUILD/images/echo.efi"
is "$status" 0 'measurements: of an image'
head -c 100000 "$BUILD/images/echo.efi" >"$work/short.efi"
run tools/measurements "$work/short.efi"
refused 1 'cut short' 'measurements: a file that is cut short'
run tools/measurements "$payload"
refused 1 'no PE file' 'measurements: no PE file'

# ---- deps ----
run tools/deps
is "$status" 2 'deps: no group is a wrong command line'
run tools/deps nosuch
is "$status" 2 'deps: so is an unknown one'
mkdir "$work/apt"
for program in apt-get apt-cache; do
	printf '#!/bin/sh\ncase "$*" in depends*cloud*) echo " Depends: linux-image-6.1.0-1-cloud-amd64" ;; *) echo "E: no network" >&2; exit 100 ;; esac\n' \
		>"$work/apt/$program"
	chmod 755 "$work/apt/$program"
done
run env PATH="$work/apt:$PATH" CACHE="$work/cache" tools/deps linux
refused 1 "can't download linux-image-6.1.0-1-cloud-amd64; .*apt-get update" 'deps: no network'
like '^E: no network' 'deps: with what apt-get said'
done_testing
