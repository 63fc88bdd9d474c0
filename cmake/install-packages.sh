#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs the packages of packages.txt that are missing. Usage: install-packages.sh GROUP...
set -eu

list=$(dirname "$0")/packages.txt
missing=
while read -r group package command; do
	case " $* " in *" $group "*) ;; *) continue ;; esac
	if [ -n "${command:-}" ]; then
		command -v "$command" >/dev/null 2>&1 && continue
	fi
	case $(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null || :) in
	ii*) ;;
	*) missing="$missing $package" ;;
	esac
done <"$list"
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
	echo "vmitap is built on Debian 12's packages, and this system has no apt-get. Needed:$missing" >&2
	exit 1
fi
if [ "$(id -u)" != 0 ]; then
	printf 'Packages are missing. Install them, then try again:\n  sudo apt-get install --no-install-recommends%s\n' "$missing" >&2
	exit 1
fi
echo "Installing$missing"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086 # a list of words
if ! { apt-get update && apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1; then
	tail -n 20 "$log" >&2
	exit 1
fi
