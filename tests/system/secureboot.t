#!/bin/sh
# SPDX-License-Identifier: MIT
# Secure Boot: the firmware starts the signed image and none that was changed, and the loader takes nothing beside it.
# Measurement: what the TPM and the firmware's log hold is what docs/secure-boot.md promises.
. tests/system/lib.sh

loader=$BUILD/boot/loader.efi
key=$work/key.pem cert=$work/cert.pem vars=$work/vars.fd
signed=$work/signed.efi

make_key() { # NAME: $work/NAME.pem, and the certificate
	openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/CN=Muxvisor test $1" -keyout "$work/$1" \
		-out "$work/$2" 2>"$work/openssl.log" || cat "$work/openssl.log"
}

vendor_image() { # ARGUMENT...: as a vendor calls it
	env -u MAKEFLAGS -u MAKELEVEL make --no-print-directory BUILD="$BUILD" image IMAGE="$work/signed.img" \
		MANIFEST=tests/guests/echo.mux "$@" >"$log" 2>&1
}

sign() { # IN OUT [KEY CERT]
	sbsign --key "${3:-$key}" --cert "${4:-$cert}" --output "$2" "$1" >"$work/sbsign.log" 2>&1 || cat "$work/sbsign.log"
}

disk() { # FILE.efi NAME: $work/NAME.img
	tools/mkimage --efi "$1" --out "$work/$2.img"
}

start() { # ARGUMENT... -> $status, $log, $work/firmware
	tools/muxrun --emu qemu --timeout $((60 * time_factor)) --log "$work/kept" "$@" >"$log" 2>&1
	status=$?
	tr -d '\r' <"$work/kept/serial.txt" >"$work/firmware"
}

section_offset() { # NAME: where it starts in the signed file
	objdump -h "$signed" 2>/dev/null | awk -v name="$1" '$2 == name { print "0x" $6 }'
}

change() { # OFFSET NAME: $work/NAME.img, the signed file with the lowest bit of that byte changed
	perl -e '
		my ($in, $out, $offset) = @ARGV;
		open my $file, "<:raw", $in or die; local $/; my $bytes = <$file>;
		substr($bytes, $offset, 1) = substr($bytes, $offset, 1) ^ "\x01";
		open $file, ">:raw", $out or die; print $file $bytes;' "$signed" "$work/changed.efi" "$(($1))"
	disk "$work/changed.efi" "$2"
}

text_offset() { # TEXT: where it stands in the signed file
	grep -obUaF -m 1 -e "$1" "$signed" | head -n 1 | cut -d : -f 1
}

# A vendor's commands.
make_key key.pem cert.pem
make_key other-key.pem other-cert.pem
tests/system/secureboot/enroll "$cert" /usr/share/OVMF/OVMF_VARS_4M.fd "$vars"
ok $? 'the test certificate is enrolled'
vendor_image SIGN_KEY="$key" SIGN_CERT="$cert"
is $? 0 'make image with SIGN_KEY and SIGN_CERT'
like 'image: .*signed\.img, and as one PE file .*signed\.efi: signed$' 'says what it made'
sbverify --cert "$cert" "$signed" >"$log" 2>&1
is $? 0 'sbverify accepts the signature'
cp "$work/signed.img" "$work/good.img"

vendor_image SIGN_KEY="$key"
like 'a key without a certificate: give the certificate too .*SIGN_CERT' 'only a key: refused, with advice'
vendor_image SIGN_CERT="$cert"
like 'a certificate without a key: give the private key too .*SIGN_KEY' 'only a certificate: refused, with advice'
vendor_image SIGN_KEY="$work/none.pem" SIGN_CERT="$cert"
like "can't read the key .*none.pem" 'no such key: refused'
vendor_image SIGN_KEY="$work/other-key.pem" SIGN_CERT="$cert"
like 'must be PEM files that belong together' 'key of another certificate: refused'
PATH=$work/empty tools/mkimage --loader "$loader" --hv "$loader" --blob "$loader" --out "$work/x.img" \
	--sign-key "$key" --sign-cert "$cert" >"$log" 2>&1
like "sbsign is missing; install Debian's package sbsigntool" 'no sbsign: refused, with advice'

# Images that must not start, as disks 1 to 8, and the good one as disk 9, in one start.
disk "$BUILD/images/echo.efi" unsigned
sign "$BUILD/images/echo.efi" "$work/wrong.efi" "$work/other-key.pem" "$work/other-cert.pem"
disk "$work/wrong.efi" wrong
change "$(section_offset .text)+64" loader
change "$(text_offset 'power off by')" hypervisor
change "$(section_offset .syms)+64" symbols
change "$(section_offset .blob)+96" manifest
change "$(text_offset 'echo-server: listening')" partition
change 0xc8 header
start --secure-boot "$vars" "$work/unsigned.img" "$work/wrong.img" "$work/loader.img" "$work/hypervisor.img" \
	"$work/symbols.img" "$work/manifest.img" "$work/partition.img" "$work/header.img" "$work/good.img"
device=16
for case in 'unsigned image' 'signed with a key that is not enrolled' 'changed byte in the loader' \
	'changed byte in the hypervisor' 'changed byte in the symbols' 'changed byte in the manifest' \
	"changed byte in a partition's program" 'changed byte in the PE header'; do
	grep -q "^BdsDxe: failed to load .*Pci(0x$(printf '%X' $device),0x0): Access Denied\$" "$work/firmware"
	ok $? "$case: the firmware denies access"
	device=$((device + 1))
done
is "$(grep -c '^BdsDxe: starting' "$work/firmware")" 1 'the firmware starts one image'
grep -q '^BdsDxe: starting .*Pci(0x18,0x0)$' "$work/firmware"
ok $? 'it is the signed one'
is "$(grep -c '^Muxvisor loader$' "$log")" 1 'no other loader ran before'
is "$status" 0 'signed image: the partitions run to success'
like '^Secure Boot: on$' 'signed image: the loader sees Secure Boot'
like '^client +\| echo-client: all equal$' 'signed image: its partitions talked'
like '^TPM 2\.0: none, so nothing is measured$' 'no TPM: the loader says so, and goes on'
[ "$failures" = 0 ] || grep '^BdsDxe' "$work/firmware" | sed 's/^/# /'

start --secure-boot "$vars" "$work/hypervisor.img"
is "$status" 1 'changed image alone: the run ends with failure'
like 'the firmware found nothing that it may start' 'changed image alone: muxrun says why'
unlike '^Muxvisor loader|^\[cpu' 'changed image alone: nothing of it ran'
start "$work/hypervisor.img"
is "$status" 0 'the same changed image starts where Secure Boot is off'
like 'qower off by client' 'and there it runs the changed hypervisor'
like '^Secure Boot: off$' 'and the loader says that Secure Boot is off'

# A signed loader without sections, and files beside it that nobody signed.
tools/mkimage --loader "$loader" --hv "$BUILD/hv.elf" --blob "$BUILD/images/echo.blob" --out "$work/loose.img" --loose
cp "$work/loose.img" "$work/loose-signed.img"
sign "$loader" "$work/loader.efi"
mcopy -o -i "$work/loose-signed.img@@1M" "$work/loader.efi" ::/EFI/BOOT/BOOTX64.EFI
start --secure-boot "$vars" "$work/loose-signed.img"
is "$status" 1 'loose files under Secure Boot: the run ends with failure'
like '^Secure Boot is on, and this image has no \.hv and \.blob sections' 'loose files: the loader refuses them'
like 'make image SIGN_KEY=' 'loose files: it says what to do'
unlike '^\[cpu ' 'loose files: ring 0 did not start'

# Measurements. The program show_tpm tells what log and TPM hold when the loader has ended boot services.
chained() { # IMAGE PROGRAM.efi NAME: $work/NAME.img, IMAGE with the program before the loader
	cp "$1" "$work/$3.img"
	mmove -i "$work/$3.img@@1M" ::/EFI/BOOT/BOOTX64.EFI ::/EFI/BOOT/LOADER.EFI
	mcopy -i "$work/$3.img@@1M" "$2" ::/EFI/BOOT/BOOTX64.EFI
}

# The log's measurements of PCR 11 and 13 as tools/measurements prints them: PCR, SHA-256, text.
logged_events() {
	awk '/PCRIndex:/ { pcr = $2 } /AlgorithmId:/ { algorithm = $3 }
		/Digest: / { if (algorithm == "sha256") { gsub(/"/, "", $2); digest = $2 } }
		/EventType:/ { type = $2 }
		/"muxvisor: / { gsub(/^ *"|\\0"$/, ""); print pcr, digest, $0; if (type != "EV_IPL") print "wrong type" }' "$work/log.yaml"
}

logged_pcr() { # PCR: what the log's events make of it
	awk -v pcr="$1" '/^pcrs:/ { found = 1 } found && /sha/ { bank = $1 } bank == "sha256:" && $1 == pcr { print substr($3, 3) }' \
		"$work/log.yaml"
}

check_measurements() { # FILE.efi NAME
	sed -n 's/^tpm-log: //p' "$log" | perl -ne 'chomp; print pack "H*", $_' >"$work/log.bin"
	tpm2_eventlog "$work/log.bin" >"$work/log.yaml" 2>"$work/tpm2.log" || cat "$work/tpm2.log"
	tools/measurements "$1" >"$work/expected"
	is "$(logged_events)" "$(grep -v '^pcr' "$work/expected")" "$2: the log holds the measurements of this image"
	for pcr in 11 13; do
		expected=$(sed -n "s/^pcr $pcr //p" "$work/expected")
		is "$(sed -n "s/^tpm-pcr $pcr: //p" "$log")" "$expected" "$2: the TPM's PCR $pcr is what the image promises"
		is "$(logged_pcr $pcr)" "$expected" "$2: the log replays to PCR $pcr"
	done
	is "$status" 0 "$2: the partitions run to success"
}

sign "$BUILD/boot/show_tpm.efi" "$work/show_tpm.efi"
chained "$work/good.img" "$work/show_tpm.efi" measured
start --secure-boot "$vars" --tpm "$work/measured.img"
like '^TPM 2\.0: hypervisor measured into PCR 11, manifest and partitions into PCR 13$' 'signed image: the loader says what it did'
check_measurements "$signed" 'signed image'
is "$(grep -c '' "$work/expected")" 8 'signed image: hypervisor, symbols, manifest and three partitions'
cp "$work/expected" "$work/first"
objcopy --strip-all "$BUILD/hv.elf" "$work/hv"
grep -q "^11 $(sha256sum <"$work/hv" | cut -d ' ' -f 1) muxvisor: hypervisor\$" "$work/expected"
ok $? "sha256sum of the hypervisor's file is its measurement"

# Other arguments of one partition, no symbols, loose files, without Secure Boot.
sed 's/two words/other words/' tests/guests/echo.mux >"$work/other.mux"
"$BUILD/tools/muxpack" -D BUILD="$(readlink -f "$BUILD")" -o "$work/other.blob" "$work/other.mux"
tools/mkimage --loader "$loader" --hv "$BUILD/hv.elf" --blob "$work/other.blob" --out "$work/loose.img" --loose
chained "$work/loose.img" "$BUILD/boot/show_tpm.efi" loose-measured
start --tpm "$work/loose-measured.img"
like '^hypervisor and manifest: loose files' 'loose files: the loader says so'
check_measurements "$work/loose.efi" 'loose files'
is "$(grep -vxFf "$work/first" "$work/expected" | grep -v '^pcr' | cut -d ' ' -f 3-)" "muxvisor: manifest
muxvisor: partition hello" 'a change of one partition changes its measurement and the manifest, and no other partition'

sign "$BUILD/boot/fail_tpm.efi" "$work/fail_tpm.efi"
chained "$work/good.img" "$work/fail_tpm.efi" failing
start --secure-boot "$vars" --tpm "$work/failing.img"
like '^TPM: the firmware.s event log is full; "muxvisor: symbols" is measured, but not logged$' 'log is full: the loader says so'
like '^TPM: it did not take the measurement of "muxvisor: manifest" \(EFI status 8000000000000007\)\.$' 'TPM fails: the loader says so'
unlike '^TPM 2\.0: hypervisor measured' 'TPM fails: the loader claims nothing'
is "$status" 0 'TPM fails: the machine starts nevertheless'

done_testing
