#!/bin/sh
# SPDX-License-Identifier: MIT
#
# telling.sh SIM: what the simulator promises of its runs. A failing seed is told with the timeline of both ends, the
# store and a replay file, and the file replays it; two programs that run one seed write the same bytes; everything
# that can happen does, in some seed of chaos.
set -u
sim=$1
dir=$(mktemp -d "${TMPDIR:-/tmp}/telling.XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT

fail() {
	echo "telling.sh: $*"
	exit 1
}

# has FILE PATTERN WHAT
has() {
	grep -q -- "$2" "$1" || fail "$3: no line like '$2' in $(basename "$1"): $(tail -n 40 "$1")"
}

# -- a seed that fails --

"$sim" --directory "$dir" on-purpose 0 99 >"$dir/report" 2>&1
[ $? = 1 ] || fail 'a run that fails is not told by the exit status'
for line in 'Dom1 device/alice_dev/0  *Dom0 backend/alice_dev/1/0' '=> Initialised$' ' => InitWait$' \
	'waits for backend to connect' 'port . offered to domain 0' 'map 4 pages of domain 1' \
	'READ backend:state' 'frontend = "/local/domain/1/device/alice_dev/0"' 'ring-ref = "[0-9]*"' \
	'^scenario on-purpose, seed [0-9]*, step [0-9]*, at [0-9.]* ms of the timeline: .*sim_choose' \
	'^replay file: '; do
	has "$dir/report" "$line" 'the report of a failure'
done
file=$(sed -n 's/^replay file: //p' "$dir/report")
[ -s "$file" ] || fail "the replay file is not there: $file"

# -- its replay file --

mkdir "$dir/again"
"$sim" --directory "$dir/again" --replay "$file" >"$dir/replayed" 2>&1
[ $? = 1 ] || fail 'the replay does not fail'
sed 's/^replay file: .*/replay file/' "$dir/report" >"$dir/report.1"
sed 's/^replay file: .*/replay file/' "$dir/replayed" | diff "$dir/report.1" - ||
	fail 'the replay is told otherwise than the run'
cmp "$file" "$dir/again/$(basename "$file")" || fail 'the replay of a replay is another one'

# The choices are the file's, not the seed's.
where=$(sed -n 's/.*, \(step [0-9]*\), at.*/\1/p' "$dir/report")
sed 's/^seed .*/seed 4711/' "$file" >"$dir/other-seed"
"$sim" --directory "$dir/again" --replay "$dir/other-seed" >"$dir/replayed" 2>&1
has "$dir/replayed" "^scenario on-purpose, seed 4711, $where, " 'choices under another seed'

# What is no replay file is refused.
head -c 100 "$file" >"$dir/cut"
echo 'scenario alice' >"$dir/no-seed"
for wrong in cut no-seed none; do
	"$sim" --replay "$dir/$wrong" >"$dir/refused" 2>&1
	[ $? = 1 ] || fail "$wrong is taken for a replay file"
	has "$dir/refused" "^sim: .*$wrong" "a replay file that is $wrong"
done

# -- one seed, byte by byte --

for scenario in alice chaos; do
	for run in 1 2; do
		# Addresses and the environment differ.
		TELLING=$run "$sim" -v "$scenario" 0 9 >"$dir/$scenario.$run" 2>&1 || fail "$scenario fails"
	done
	cmp "$dir/$scenario.1" "$dir/$scenario.2" || fail "two runs of $scenario differ"
	[ "$(wc -l <"$dir/$scenario.1")" -gt 2000 ] || fail "$scenario tells too little"
done

# -- whatever can happen does --

"$sim" -v chaos 0 199 >"$dir/story" 2>&1 || fail 'chaos fails'
while IFS='|' read -r what pattern; do
	has "$dir/story" "$pattern" "in 200 seeds of chaos, $what"
done <<'END'
a message|step: d0 xenstored: stream$
an event|step: d1 front: event$
a timer|step: d[01] [a-z]*: timer$
time that passes|step: time [0-9]* us$
the crash of a process|step: d0 back: is killed$
the crash of a domain|scenario: (domain 1 is destroyed)$
the death of the store|scenario: (xenstored is killed)$
its restart|scenario: (xenstored starts)$
a failed allocation|allocation [0-9]* fails$
a failed call through the seam|[a-z_]* fails with error [0-9]*$
a step of the toolstack|scenario: (the toolstack begins a task)$
a state that is poked|scenario: (the toolstack: WRITE .*/state)$
END
exit 0
