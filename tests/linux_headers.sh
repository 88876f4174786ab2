#!/bin/sh
# SPDX-License-Identifier: MIT
#
# tests/linux_headers.sh SOURCE BUILD: what compat/include promises to compilers, to each that is here.
#   - each header compiles alone, with no warning, and sees no header but compat/include's
#   - what is refused is refused by name, with the reason
#   - so is what no header knows, by the flags that pkg-config gives for the tree itself; they are enough for a driver
#   - docs/linux-compat.md lists what is offered and what is refused
set -u
source=$(cd "$1" && pwd) || exit 2
build=$(cd "$2" && pwd) || exit 2
include=$source/compat/include
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT

die() {
	echo "linux_headers: $*"
	exit 1
}

"$source/scripts/linux-names" "$source/docs/linux-compat.md" || exit 1
"$source/scripts/linux-names" --refused "$source/docs/linux-compat.md" >"$work/refused" || exit 1
[ "$(wc -l <"$work/refused")" -gt 30 ] || die "hardly anything is refused"

checked=0
for compiler in gcc clang; do
	command -v $compiler >/dev/null || continue
	cc="$compiler -std=gnu17 -Wall -Wextra -Wno-unused-parameter -Werror -nostdinc -I $include"
	for header in $(cd "$include" && find linux xen asm -name '*.h'); do
		echo "#include <$header>" >"$work/one.c"
		$cc -fsyntax-only "$work/one.c" || die "$compiler: <$header> does not compile alone"
		checked=$((checked + 1))
	done
	while read -r header name; do
		printf '#include <%s>\nvoid *use(void);\nvoid *use(void)\n{\n\treturn (void *)%s;\n}\n' "$header" "$name" >"$work/one.c"
		$cc -c -o /dev/null "$work/one.c" 2>"$work/says" && die "$compiler: $name of <$header> compiles"
		grep -q "$name.*not offered in user space: [a-zA-Z]" "$work/says" || die "$compiler says of $name: $(cat "$work/says")"
		checked=$((checked + 1))
	done <"$work/refused"
	find "$include" -name '*.h' | sed "s,^$include/\(.*\),#include <\1>," >"$work/all.c"
	$cc -M "$work/all.c" | tr -s ' \\\n' '\n' | grep '\.h$' | grep -v "^$include/" && die "$compiler: other headers are seen"
done
[ $checked -gt 0 ] || die "no compiler"

if command -v pkg-config >/dev/null; then
	flags=$(PKG_CONFIG_PATH=$build/meson-uninstalled pkg-config --cflags xenbus-linux) || die "pkg-config"
	cat >"$work/one.c" <<'END'
#include <linux/module.h>
void *use(void);
void *use(void)
{
	return ERR_PTR(-ENODEV);
}
END
	# shellcheck disable=SC2086
	${CC:-cc} $flags -fsyntax-only "$work/one.c" || die "a module does not compile with $flags"
	printf 'int use(void);\nint use(void)\n{\n\treturn nobody_declares_it();\n}\n' >"$work/one.c"
	# shellcheck disable=SC2086
	${CC:-cc} $flags -fsyntax-only "$work/one.c" 2>/dev/null && die "what nobody declares compiles with $flags"
fi
echo "$checked looks at headers"
