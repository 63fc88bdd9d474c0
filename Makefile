# SPDX-License-Identifier: MIT
# The front door. Everything behind it is CMake; `make help` lists the doors.
.DEFAULT_GOAL := all
.PHONY: all demo lab test test-quick test-xen test-netfront bench bench-xen evaluate lint format clean help packages packages-test
.SILENT:

JOBS ?= $(shell nproc)

all: packages ## build everything; the command is build/vmitap
	cmake --preset release -DVMITAP_BUILD_TESTS=OFF
	cmake --build build -j $(JOBS)

demo: all ## see it work: TCP over lwIP, captured segment by segment (a minute after the build)
	examples/lwip/demo.sh build

lab: all ## a Xen host to try vmitap on, under QEMU: no Xen machine needed (a minute after the build)
	tests/xen-lab/try.sh build

test: packages-test ## everything that CI checks: lint, all tests, real Xen, asan+ubsan, tsan, the fuzzers (40 to 60 minutes)
	tests/run-all.sh

test-quick: packages-test ## the release preset's tests alone
	cmake --preset release -DVMITAP_BUILD_TESTS=ON
	cmake --build build -j $(JOBS)
	ctest --preset release -LE long -j $(JOBS)

test-xen: packages-test ## scenarios on real Xen, real dom0 and four real guests under QEMU (11 minutes)
	cmake --preset release -DVMITAP_BUILD_TESTS=ON
	cmake --build build -j $(JOBS) --target vmitap vmitap_xen xen_scenarios
	tests/xen/run.sh build

test-netfront: packages-test ## the same of packets: the hook, TCP's variables, odd packets, floods, vifs, exports (13 to 20 minutes)
	cmake --preset release -DVMITAP_BUILD_TESTS=ON
	cmake --build build -j $(JOBS) --target vmitap vmitap_xen xen_scenarios
	tests/xen/run-netfront.sh build

bench: all ## Google Benchmark: ring, fire, encode, end to end
	bench/run.sh build

bench-xen: packages-test ## in the lab: what a pause costs a Xen guest, and what a trigger at each packet, beside bpftrace
	cmake --preset release -DVMITAP_BUILD_TESTS=OFF
	cmake --build build -j $(JOBS) --target vmitap vmitap_xen xen_bench
	bench/run-xen.sh build

evaluate: packages-test ## docs/evaluation.md: a lossy transfer's congestion window, what seeing it costs, and the other ways to it
	cmake --preset release -DVMITAP_BUILD_TESTS=OFF
	cmake --build build -j $(JOBS) --target vmitap vmitap_xen
	bench/evaluate/run.sh build

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
