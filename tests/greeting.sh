#!/bin/sh
# SPDX-License-Identifier: MIT
#
# greeting.sh XENBUS GREETING: the example of the README, run by hand as its reader would: a world, two domains,
# attach, detach, attach again, down. Every line it promises appears, and every process ends.
set -u
xenbus=$1
greeting=$2
dir=$(mktemp -d "${TMPDIR:-/tmp}/greeting.XXXXXX") || exit 1
export XENBUS_RUN_DIR="$dir"
unset XENSTORED_PATH XENSTORED_RUNDIR XENBUS_DOMAIN_FD
front='' back=''

# shellcheck disable=SC2317 # the trap calls it
cleanup() {
	"$xenbus" down >/dev/null 2>&1
	for pid in $front $back; do
		kill "$pid" 2>/dev/null
	done
	wait
	rm -rf "$dir"
}
trap cleanup EXIT

fail() {
	echo "greeting.sh: $*"
	tail -n 20 "$dir"/*.out
	exit 1
}

# A line that has to appear @2 times in file @1, sooner or later.
await() {
	tries=600
	until [ "$(grep -c "$3" "$1")" -ge "$2" ]; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || fail "'$3' did not appear $2 times in $1"
		sleep 0.05
	done
}

"$xenbus" up >"$dir/up.out" || fail 'no world'
"$xenbus" run --domid 0 -- "$greeting" back >"$dir/back.out" 2>&1 &
back=$!
"$xenbus" run --domid 1 -- "$greeting" front >"$dir/front.out" 2>&1 &
front=$!
for round in 1 2; do
	"$xenbus" attach --front 1 --back 0 --timeout 30 greeting >"$dir/attach.out" 2>&1 || fail 'not attached'
	await "$dir/back.out" $round 'the frontend says: hello from the other domain'
	await "$dir/front.out" $round 'the backend has heard it'
	"$xenbus" detach --front 1 --back 0 --timeout 30 greeting || fail 'not detached'
done
"$xenbus" dmesg | grep -q 'Dom0: the frontend says: hello' || fail 'not in dmesg'
"$xenbus" down || fail 'the world does not end'
wait "$front"
wait "$back"
await "$dir/back.out" 1 'the world has ended'
front='' back=''
exit 0
