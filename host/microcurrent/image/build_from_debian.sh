#!/usr/bin/env bash
# Builds a MicroPython UF2 image for the RP2040 from Debian's source packages.
#
# usage: build_from_debian.sh VERSION OUTPUT.uf2 WORKDIR
#
# Called by the image resolver when the official download is not reachable. It writes OUTPUT only when the
# whole build succeeded. The archive is the one this machine's own apt already uses; other suites of the same
# archive go into a private apt configuration under WORKDIR, so the machine's apt is not changed.
# Exit codes: 0 built, 3 no usable Debian archive, 4 toolchain missing, 5 sources missing, 6 build failed.
set -euo pipefail

version=${1:?version}
output=$(realpath -m "${2:?output}")
work=$(realpath -m "${3:?workdir}")
toolchain="gcc-arm-none-eabi libnewlib-arm-none-eabi libstdc++-arm-none-eabi-newlib cmake make gcc g++ python3"
network="-o Acquire::http::Timeout=15 -o Acquire::https::Timeout=15 -o Acquire::Retries=1"

step() { printf '[%s/6] %s\n' "$1" "$2"; }
fail() { printf 'error: %s\n' "$2" >&2; exit "$1"; }

quiet() {  # quiet NAME COMMAND...: keeps the output in a log and shows its end only when the command fails
    local log="$work/$1.log"; shift
    "$@" >"$log" 2>&1 && return 0
    tail -n 15 "$log" >&2
    return 1
}

need_toolchain() {
    command -v arm-none-eabi-gcc >/dev/null && command -v cmake >/dev/null && command -v make >/dev/null \
        && command -v gcc >/dev/null && command -v g++ >/dev/null \
        && [ -n "$(arm-none-eabi-gcc -print-file-name=nosys.specs | grep /)" ] \
        && [ -n "$(arm-none-eabi-g++ -print-file-name=libstdc++.a 2>/dev/null | grep /)" ] && return 1
    return 0
}

find_archive() {  # find_archive [APT OPTION...]
    apt-get "$@" indextargets --format '$(REPO_URI)|$(LABEL)|$(CODENAME)|$(COMPONENT)' 'Created-By: Packages' 2>/dev/null \
        | awk -F'|' '$2 == "Debian" && $4 == "main" { print $1; exit }'
}

private_apt() {
    apt-get -q $network \
        -o Dir::Etc::SourceList="$work/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State::Lists="$work/apt/lists" -o Dir::Cache="$work/apt/cache" \
        -o Dir::State::status="$work/apt/status" -o APT::Sandbox::User=root \
        -o APT::Get::List-Cleanup=0 "$@"
}

write_private_apt() {
    local archive=$1 keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    [ -r "$keyring" ] || fail 3 "Debian's keyring is missing; install it with: apt-get install debian-archive-keyring"
    mkdir -p "$work/apt/lists/partial" "$work/apt/cache/archives/partial"
    : > "$work/apt/status"
    printf 'deb-src [signed-by=%s] %s %s main\n' "$keyring" "$archive" sid "$keyring" "$archive" trixie > "$work/apt/sources.list"
    printf 'deb [signed-by=%s] %s trixie main\n' "$keyring" "$archive" >> "$work/apt/sources.list"
}

source_version() {  # newest Debian version of source package $1 whose upstream version starts with $2
    private_apt_cache showsrc "$1" | awk '/^Version:/ { print $2 }' | grep -E "^$2([.+-]|\$)" | sort -V | tail -n 1
}

private_apt_cache() {
    apt-cache -o Dir::Etc::SourceList="$work/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State::Lists="$work/apt/lists" -o Dir::Cache="$work/apt/cache" -o Dir::State::status="$work/apt/status" "$@"
}

unpack_source() {  # unpack_source PACKAGE VERSION DIRECTORY: the upstream tarball alone, Debian's patches are not needed
    (cd "$work/fetch" && quiet "fetch-$1" private_apt source --download-only --only-source "$1=$2") \
        || fail 5 "the source package $1 $2 cannot be downloaded"
    mkdir -p "$3"
    tar -xf "$(ls "$work/fetch/$1"_*.orig.tar.* | grep -v '\.asc$' | head -n 1)" -C "$3" --strip-components=1
}

unpack_binary() {  # unpack_binary PACKAGE: a source tree that Debian ships as a binary package
    (cd "$work/fetch" && quiet "fetch-$1" private_apt download "$1") || fail 5 "the package $1 cannot be downloaded"
    dpkg-deb -x "$work/fetch/$1"_*.deb "$work/unpacked"
}

get_sources() {
    local mp_version tls_version
    quiet update private_apt update || fail 5 "the Debian archive of this machine does not answer for suites sid and trixie"
    mp_version=$(source_version micropython "$version")
    [ -n "$mp_version" ] || fail 5 "Debian has no micropython $version source (it has: $(private_apt_cache showsrc micropython | awk '/^Version:/{print $2}' | sort -Vu | xargs))"
    tls_version=$(source_version mbedtls 3.6)
    [ -n "$tls_version" ] || fail 5 "Debian has no mbedtls 3.6 source"
    mkdir -p "$work/fetch" "$work/unpacked"
    unpack_source micropython "$mp_version" "$work/micropython"
    unpack_source mbedtls "$tls_version" "$work/mbedtls"
    unpack_binary pico-sdk-source
    unpack_binary tinyusb-source
}

place_library() {  # place_library NAME SOURCE: MicroPython looks for its submodules under lib/
    [ -n "$2" ] && [ -d "$2" ] || fail 5 "no source tree for $1 in the packages that were unpacked"
    rm -rf "$work/micropython/lib/$1"
    cp -a "$2" "$work/micropython/lib/$1"
}

place_libraries() {
    local src="$work/unpacked/usr/src"
    place_library pico-sdk "$(find "$src" -name pico_sdk_init.cmake -printf '%h\n' | head -n 1)"
    place_library tinyusb "$(find "$src" -path '*/src/tusb.c' -printf '%h\n' | head -n 1 | xargs -r dirname)"
    place_library mbedtls "$work/mbedtls"
    mkdir -p "$work/micropython/lib/micropython-lib"
    touch "$work/micropython/lib/micropython-lib/README.md"
    # The board's own manifest needs micropython-lib, which Debian leaves out; these two directories are what we use.
    printf 'freeze("$(PORT_DIR)/modules")\ninclude("$(MPY_DIR)/extmod/asyncio")\n' > "$work/manifest.py"
}

build() {
    local mp="$work/micropython" jobs
    jobs=$(nproc)
    export SOURCE_DATE_EPOCH=1700000000
    export CFLAGS="-ffile-prefix-map=$work=." CXXFLAGS="-ffile-prefix-map=$work=." ASMFLAGS="-ffile-prefix-map=$work=."
    step 4 "compiling mpy-cross"
    CFLAGS= CXXFLAGS= quiet mpy-cross make -C "$mp/mpy-cross" -j"$jobs" || fail 6 "mpy-cross does not compile"
    step 5 "compiling the rp2 port (about a minute on two cores)"
    quiet cmake cmake -S "$mp/ports/rp2" -B "$work/build" -DMICROPY_BOARD=RPI_PICO \
        -DMICROPY_BOARD_DIR="$mp/ports/rp2/boards/RPI_PICO" -DMICROPY_FROZEN_MANIFEST="$work/manifest.py" \
        -DPICO_NO_UF2=1 -DPICO_NO_PICOTOOL=1 || fail 6 "cmake cannot configure the rp2 port"
    quiet make make -C "$work/build" -j"$jobs" || fail 6 "the rp2 port does not compile"
    step 6 "writing $(basename "$output")"
    quiet uf2 python3 "$mp/tools/uf2conv.py" -b 0x10000000 -f 0xe48bff56 -c -o "$work/image.uf2" "$work/build/firmware.bin" \
        || fail 6 "the binary cannot be converted to UF2"
    mkdir -p "$(dirname "$output")"
    mv "$work/image.uf2" "$output"
}

command -v apt-get >/dev/null || fail 3 "this machine has no apt, so Debian's source packages cannot be used"
mkdir -p "$work/own/partial"
archive=$(find_archive)
if [ -z "$archive" ]; then  # apt knows an archive's label only after an update: make one, into a place of our own
    own="-o Dir::State::Lists=$work/own"
    quiet own-update apt-get -q $network $own -o APT::Sandbox::User=root -o Debug::NoLocking=1 update \
        || fail 3 "this machine's apt archives do not answer"
    archive=$(find_archive $own)
fi
[ -n "$archive" ] || fail 3 "this machine's apt has no Debian archive configured"
mkdir -p "$work"

step 1 "checking the ARM cross toolchain"
if need_toolchain; then
    [ "$(id -u)" = 0 ] || fail 4 "the ARM cross toolchain is missing; install it with: sudo apt-get install --no-install-recommends $toolchain"
    echo "      installing it (about 410 MB to download)"
    quiet apt-update apt-get -q $network update || fail 4 "apt-get update failed"
    DEBIAN_FRONTEND=noninteractive quiet apt-install apt-get -q -y $network install --no-install-recommends $toolchain \
        || fail 4 "the toolchain could not be installed; try: apt-get install --no-install-recommends $toolchain"
fi
step 2 "fetching MicroPython $version and its libraries"
write_private_apt "$archive"
get_sources
step 3 "arranging the source tree"
place_libraries
build
