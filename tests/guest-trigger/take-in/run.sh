#!/bin/sh
# SPDX-License-Identifier: MIT
# Usage: run.sh cmake|pkg-config|make BUILD-DIR. Installs the guest library below BUILD-DIR, moves it away from
# where it was installed to, and builds somebody else's project with it.
set -eu
way=$1 build=$2
here=$(cd "$(dirname "$0")" && pwd)
work=$build/take-in/$way
rm -rf "$work"
mkdir -p "$work"
DESTDIR=$work/stage cmake --install "$build" --component guest --prefix /usr >"$work/install.log"
mv "$work/stage/usr" "$work/tree"
cp "$here/guest.c" "$here/CMakeLists.txt" "$here/Makefile" "$work"
cd "$work"

case $way in
cmake)
	cmake -S . -B out -DCMAKE_PREFIX_PATH="$work/tree" >configure.log || { cat configure.log >&2; exit 1; }
	cmake --build out >build.log || { cat build.log >&2; exit 1; }
	guests="out/guest out/guest-static"
	;;
pkg-config)
	PKG_CONFIG_PATH=$(dirname "$(find "$work/tree" -name vmitap-guest.pc)")
	export PKG_CONFIG_PATH
	LD_LIBRARY_PATH=$(pkg-config --variable=libdir vmitap-guest)
	export LD_LIBRARY_PATH
	# shellcheck disable=SC2046
	cc guest.c -o guest $(pkg-config --cflags --libs vmitap-guest)
	guests=guest
	;;
make)
	make VMITAP_MK="$(find "$work/tree" -name vmitap.mk)" guest >build.log || { cat build.log >&2; exit 1; }
	guests=guest
	;;
*) exit 2 ;;
esac

for guest in $guests; do
	"./$guest"
	readelf -n "$guest" | grep -q 'Build ID' || { echo "$guest has no build id" >&2; exit 1; }
	readelf --debug-dump=info "$guest" | grep -q vmitap_trigger_here || { echo "$guest has no types" >&2; exit 1; }
	readelf -d "$guest" >dynamic
	case $guest in
	*static) ! grep -q vmitap-guest dynamic ;;
	*) grep -q 'NEEDED.*libvmitap-guest.so.1' dynamic ;;
	esac || { echo "$guest is linked otherwise" >&2; exit 1; }
done
