#!/bin/sh
# SPDX-License-Identifier: MIT
# Usage: install.sh FOLDER. Installs what read.mjs needs into FOLDER, unless it stands there already.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
cd "$1"
cp "$here/read.mjs" "$here/package.json" .
if ! cmp -s "$here/package-lock.json" installed-lock.json; then
	cp "$here/package-lock.json" .
	npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	cp package-lock.json installed-lock.json
fi
