#!/bin/sh
# SPDX-License-Identifier: MIT
# Usage: build-presets.sh PRESET...: configures and builds each, with its tests.
set -eu
cd "$(dirname "$0")/.."
for preset; do
	cmake --preset "$preset" -DVMITAP_BUILD_TESTS=ON >/dev/null
	cmake --build --preset "$preset" -j "${JOBS:-$(nproc)}" -- --quiet
done
