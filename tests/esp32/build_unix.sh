#!/usr/bin/env bash
# Builds MicroPython's unix port from Debian's source package, for tests that need MicroPython but no chip.
#
# usage: build_unix.sh VERSION OUTPUT WORKDIR PATIENCE_S
#
# Same archive, same source and same exit codes as host/microcurrent/image/build_from_debian.sh, whose functions it uses.
set -Eeuo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/../../host/microcurrent/image/build_from_debian.sh"

step() { printf '[%s/3] %s\n' "$1" "$2"; }

build_unix() {
    local mp="$work/micropython"
    mkdir -p "$mp/lib/micropython-lib"
    touch "$mp/lib/micropython-lib/README.md"  # Debian's package leaves the library out; nothing of it is needed
    : > "$work/manifest.py"  # nothing is frozen: what a test runs is what it puts on the path
    quiet mpy-cross make -C "$mp/mpy-cross" -j"$(nproc)" || fail 6 "mpy-cross does not compile"
    quiet unix make -C "$mp/ports/unix" -j"$(nproc)" VARIANT=standard FROZEN_MANIFEST="$work/manifest.py" \
        MICROPY_PY_SSL=0 MICROPY_SSL_MBEDTLS=0 MICROPY_PY_BTREE=0 MICROPY_PY_FFI=0 MICROPY_PY_THREAD=0 \
        MICROPY_USE_READLINE=0 || fail 6 "the unix port does not compile"
    mkdir -p "$(dirname "$output")"
    cp "$mp/ports/unix/build-standard/micropython" "$output.new"
    mv "$output.new" "$output"
}

command -v apt-get >/dev/null || fail 3 "this machine has no apt, so Debian's source packages cannot be used"
for tool in gcc make python3; do
    command -v "$tool" >/dev/null || fail 4 "$tool is missing" "install it with: apt-get install gcc make python3"
done
mkdir -p "$work/fetch"
step 1 "asking this machine's Debian archive"
find_archive
write_private_apt "$archive"
step 2 "fetching MicroPython $version"
quiet update private_apt update || fail 5 "the archive $archive does not give the lists of its suites"
found=$(source_version micropython "$version")
[ -n "$found" ] || fail 5 "Debian has no micropython $version source, it has: $(source_versions micropython | xargs)"
unpack_source micropython "$found" "$work/micropython"
step 3 "compiling the unix port (half a minute on two cores)"
build_unix
