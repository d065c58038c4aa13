#!/bin/sh
# SPDX-License-Identifier: MIT
# The loader: starts from sections and from loose files; refuses each machine and each image that can't work, says what
# to do, and ends the run with failure.
. tests/system/lib.sh

loader=$BUILD/boot/loader.efi
hv=$BUILD/hv.elf
blob=$BUILD/images/echo.blob

image() { # BLOB [OPTION]... -> $work/x.img
	part=$1
	shift
	tools/mkimage --loader "$loader" --hv "$hv" --blob "$part" --out "$work/x.img" "$@"
}

run() { # [OPTION]... -> $status, $log
	tools/muxrun --timeout $((90 * time_factor)) --emu "${emu:-qemu}" "$@" "$work/x.img" >"$log" 2>&1
	status=$?
}

refused() { # NAME REGEX_REASON REGEX_ADVICE
	is "$status" 1 "$1: the run ends with failure"
	like "$2" "$1: says what is wrong"
	like "$3" "$1: says what to do"
	unlike '^\[cpu ' "$1: ring 0 did not start"
}

image "$blob"
run
is "$status" 0 'sections: the machine ends with success'
like '^hypervisor and manifest: sections of this image$' 'sections: the loader says so'
like 'AMD-V: nested paging' 'AMD CPU: runs with AMD-V'
run --memory 6144
is "$status" 0 'more than 4 GiB: the machine ends with success'
like 'partition hello +CID +3, +4 MiB at 0x1[0-9a-f]{8}, ' 'more than 4 GiB: partitions lie above'
run --model max,-svm
refused 'virtual machine' 'This virtual machine has no VT-x and no AMD-V\.' 'Turn on nested virtualisation'
run --model max,-npt
refused 'no nested paging' "This CPU's AMD-V has no nested paging" 'Use a CPU made since 2008'

emu=bochs
run
is "$status" 0 'the same image on an Intel CPU: the machine ends with success'
like 'VT-x: EPT' 'Intel CPU: runs with VT-x'
run --model p4_prescott_celeron_336
refused 'no VT-x' 'This CPU offers no VT-x\.' 'Turn on "Intel Virtualization'
run --model athlon64_venice
refused 'no AMD-V' 'This CPU offers no AMD-V\.' 'Turn on "SVM Mode"'
run --model core2_penryn_t9600
refused 'no EPT' 'no extended page tables \(EPT\) or no unrestricted' 'Use a CPU made since 2010'
mmove -i "$work/x.img@@1M" ::/EFI/BOOT/BOOTX64.EFI ::/EFI/BOOT/LOADER.EFI
mcopy -i "$work/x.img@@1M" "$BUILD/boot/lock_vmx.efi" ::/EFI/BOOT/BOOTX64.EFI
run
refused 'VT-x locked off' 'VT-x is locked off by the firmware\.' 'in its set-up, save, and switch the'

emu=qemu
mcopy -o -i "$work/x.img@@1M" "$BUILD/boot/lock_svm.efi" ::/EFI/BOOT/BOOTX64.EFI
run
like '^lock_svm: answers [1-9][0-9]* RDMSR of the loader$' 'AMD-V locked off: VM_CR is played'
refused 'AMD-V locked off' 'AMD-V is locked off by the firmware\.' 'in its set-up, save, and switch$'

image "$blob" --loose
run
is "$status" 0 'loose files: the machine ends with success'
like '^hypervisor and manifest: loose files' 'loose files: the loader says so'
mdel -i "$work/x.img@@1M" ::/muxvisor/manifest.blob
run
refused 'nothing to start' 'This image has no \.hv and \.blob sections' 'Make the image with tools/mkimage'

cp "$blob" "$work/blob"
printf X | dd of="$work/blob" bs=1 seek=9000 conv=notrunc status=none
image "$work/blob"
run
refused 'broken blob' 'The packed manifest is broken: its checksum is wrong\.' 'Pack it again with muxpack'
head -c 20000 "$blob" >"$work/blob"
image "$work/blob"
run
refused 'short blob' 'The packed manifest is broken: it is cut short\.' 'Pack it again with muxpack'

printf '[partition big]\nimage = %s\nmemory = 600M\n' "$(readlink -f "$BUILD")/bare/hello.elf" >"$work/big.mux"
"$BUILD/tools/muxpack" -o "$work/blob" "$work/big.mux"
image "$work/blob"
run --memory 512
refused 'too little memory' 'the partitions take 600 MiB and the hypervisor 33 MiB' 'Add memory, or lower "memory"'

hv=$BUILD/boot/loader.so # an ELF file, but no hypervisor
image "$blob"
run
refused 'broken hypervisor' "The hypervisor's ELF file is broken" 'make the image again with tools/mkimage'

done_testing
