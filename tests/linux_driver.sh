#!/bin/sh
# SPDX-License-Identifier: MIT
#
# tests/linux_driver.sh SOURCE BUILD KBD_BACK.so: a driver that this project did not write. Linux 6.1's own
# drivers/input/misc/xen-kbdfront.c, unchanged, is compiled against compat/include and an input subsystem of ours, and runs as a
# guest of a local world; its backend presses a key and moves the pointer. drivers/char/tpm/xen-tpmfront.c is compiled alone. Exit status 77: its source cannot be had.
set -u
source=$1 build=$2 back=$3
driver=drivers/input/misc/xen-kbdfront.c
tpm=drivers/char/tpm/xen-tpmfront.c
linux=$("$source/scripts/linux-source" $driver $tpm) || exit $?
work=$(mktemp -d) || exit 2
export XENBUS_RUN_DIR="$work/run"
unset XENSTORED_PATH
xenbus=$build/xenbus

die() {
	echo "linux_driver: $*"
	"$xenbus" dmesg
	"$xenbus" down
	rm -rf "$work"
	exit 1
}

says() {
	"$xenbus" dmesg | grep -qF "$1"
}

await() {
	for _ in $(seq 600); do
		says "$1" && return
		sleep 0.1
	done
	die "nobody says '$1'"
}

# As sanitized as what loads it.
flags='-std=gnu11 -O2 -g -Wall -Werror -Wno-pointer-sign -Wno-unused-function -nostdinc -fno-strict-aliasing'
if nm "$xenbus" | grep -q __asan_init; then
	flags="$flags -fsanitize=address,undefined"
fi
# shellcheck disable=SC2086
${CC:-cc} -shared -fPIC $flags -I "$source/compat/include" -I "$source/tests/linux/subsystems" -o "$work/xen_kbdfront.so" \
	"$linux/$driver" || die "$driver does not compile"
# shellcheck disable=SC2086
${CC:-cc} -shared -fPIC $flags -I "$source/compat/include" -iquote "$source/tests/linux/subsystems" -o "$work/xen_tpmfront.so" \
	"$linux/$tpm" || die "$tpm does not compile"
rm "$work/xen_tpmfront.so"

"$xenbus" up >/dev/null || exit 1
"$xenbus" insmod "$back" || die "insmod kbd_back"
"$xenbus" run --domid 1 -- "$xenbus" insmod --foreground "$work/xen_kbdfront.so" ptr_size=1024,768 >/dev/null 2>&1 &
guest=$!
for _ in $(seq 600); do
	"$xenbus" lsmod | grep -q '^xen_kbdfront ' && break
	sleep 0.1
done
"$xenbus" attach vkbd --front 1 --back 0 || die "attach"
await 'input: Xen Virtual Keyboard: key 30 = 1'
await 'input: Xen Virtual Pointer: rel 0 = 7'
await 'input: Xen Virtual Pointer: rel 1 = -3'
await 'kbd_back: both events were taken'
"$xenbus" rmmod --domid 1 xen_kbdfront || die "rmmod xen_kbdfront"
wait $guest || die "the guest ended with status $?"
"$xenbus" rmmod kbd_back || die "rmmod kbd_back"
says 'input: Xen Virtual Pointer is gone' || die "a device was not removed"
says leaked && die "something was leaked"
"$xenbus" down || exit 1
rm -rf "$work"
