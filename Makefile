# SPDX-License-Identifier: MIT
# A front door to Meson and the scripts; the build is described in meson.build.
.PHONY: all demo check lab bench fuzz install clean format
all:
	@scripts/setup build
	@scripts/build
demo:
	@./demo $(FILE)
check:
	@./check
lab:
	@scripts/setup build kernel lab
	@scripts/build
	@lab/lab demo
bench:
	@scripts/bench
fuzz:
	@scripts/setup build clang
	@scripts/fuzz $(SECONDS)
install: all
	meson install -C build
format:
	@scripts/setup format
	git ls-files '*.c' '*.h' | xargs clang-format -i
clean:
	rm -rf build build-clang build-asan build-noxen build-fuzz build-mutations build-aarch64 build-aarch64-sysroot
