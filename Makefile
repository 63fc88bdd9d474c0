# SPDX-License-Identifier: MIT
# The front door. Everything behind it is CMake; `make help` lists the doors.
.DEFAULT_GOAL := all
.PHONY: all demo lab test test-quick test-xen bench bench-xen lint format clean help packages packages-test
.SILENT:

JOBS ?= $(shell nproc)

all: packages ## build everything; the command is build/vmitap
	cmake --preset release $(if $(wildcard build/CMakeCache.txt),,-DVMITAP_BUILD_TESTS=OFF)
	cmake --build build -j $(JOBS)

demo: all ## see it work: TCP over lwIP, captured segment by segment (a minute after the build)
	examples/lwip/demo.sh build

lab: all ## a Xen host to try vmitap on, under QEMU: no Xen machine needed (a minute after the build)
	tests/xen-lab/try.sh build

test: packages-test ## everything that CI checks: lint, all tests, real Xen, asan+ubsan, tsan, the fuzzers (30 minutes)
	tests/run-all.sh

test-quick: packages-test ## the release preset's tests alone
	cmake --preset release -DVMITAP_BUILD_TESTS=ON
	cmake --build build -j $(JOBS)
	ctest --preset release -LE long -j $(JOBS)

test-xen: packages-test ## scenarios on real Xen, real dom0 and real guests under QEMU (13 minutes)
	cmake --preset release -DVMITAP_BUILD_TESTS=ON
	cmake --build build -j $(JOBS) --target vmitap vmitap_xen xen_scenarios
	tests/xen/run.sh build

bench: all ## Google Benchmark: ring, fire, encode, end to end
	bench/run.sh build

bench-xen: packages-test ## what a pause costs a Xen guest, beside a bare pause and the naive way (in the lab)
	cmake --preset release $(if $(wildcard build/CMakeCache.txt),,-DVMITAP_BUILD_TESTS=OFF)
	cmake --build build -j $(JOBS) --target vmitap vmitap_xen xen_pause_cost
	bench/run-xen.sh build

lint: packages-test ## clang-format, clang-tidy, layering
	tests/lint/lint.sh

format: packages-test ## rewrite the C++ sources as .clang-format wants them
	git ls-files '*.cpp' '*.hpp' | xargs clang-format -i

clean: ## remove the build folder
	rm -rf build

packages:
	cmake/install-packages.sh build

packages-test:
	cmake/install-packages.sh build test

help: ## this list
	printf 'vmitap: see inside a running guest from outside.\n\n'
	sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | sed 's/make all/make/' | awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'
