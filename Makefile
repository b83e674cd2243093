# SPDX-License-Identifier: Apache-2.0
# A thin front of Meson. `make` builds into build/; the goals below are the contract of design section 15.
BUILD ?= build
NINJA = ninja -C $(BUILD)

.PHONY: all run check scenario fuzz bench format clean
all: $(BUILD)/build.ninja
	@$(NINJA)

$(BUILD)/build.ninja:
	@tools/deps build && tools/ui-deps
	@meson setup $(BUILD) >/dev/null

# outbandd with a simulated fleet of 25 nodes on https://127.0.0.1:8443; Ctrl-C stops all
run: all
	@tools/demo $(BUILD)

# every test; the last line is "N passed, N failed, N skipped"
check:
	@tools/check

# one scenario of tests/scenario with the real binaries: make scenario S=req-2-soft-off
scenario: all
	@tools/deps check
	@tests/scenario/run $(BUILD) $(S)

# libFuzzer on one parser: make fuzz T=apf SECONDS=60
fuzz:
	@tools/deps fuzz
	@tools/fuzz $(T) $(SECONDS)

bench:
	@tools/deps bench
	@bench/run build-bench

format:
	@git ls-files '*.c' '*.h' | xargs clang-format-14 -i

clean:
	rm -rf build build-bench build-asan build-clang build-fuzz build-tsan
