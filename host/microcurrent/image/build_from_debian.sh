#!/usr/bin/env bash
# Builds a MicroPython UF2 image for the RP2040 from Debian's source packages.
#
# usage: build_from_debian.sh VERSION OUTPUT.uf2 WORKDIR PATIENCE_S [BOARD_DIR MODULES_DIR]
#
# Called by the image resolver when the official download is not reachable, and for every production image: then
# BOARD_DIR is a board definition in MicroPython's form and MODULES_DIR what it freezes, both under WORKDIR. It writes
# OUTPUT only when the whole build succeeded. The archive is the one this machine's own apt already uses; other suites
# of the same archive go into a private apt configuration under WORKDIR, so the machine's apt is not changed.
# PATIENCE_S: what the archive may take for its first answer, files of 150 KB. What WORKDIR holds of an earlier run is
# used again: its sources, and what was compiled of them.
# Exit codes: 0 built, 3 no usable Debian archive, 4 toolchain missing, 5 sources missing, 6 build failed.
# Whatever fails says so in a last line that begins with "error: ".
set -Eeuo pipefail

version=${1:?version}
output=$(realpath -m "${2:?output}")
work=$(realpath -m "${3:?workdir}")
patience_s=${4:?patience in seconds}
board_dir=${5:-}
modules_dir=${6:-}
sources="$work/sources-$version"  # written when they are complete
toolchain="gcc-arm-none-eabi libnewlib-arm-none-eabi libstdc++-arm-none-eabi-newlib cmake make gcc g++ python3"
network="-o Acquire::http::Timeout=15 -o Acquire::https::Timeout=15 -o Acquire::Retries=1"  # once it has answered
elsewhere="an image from elsewhere is named with --image"

step() { printf '[%s/7] %s\n' "$1" "$2"; }
fail() {  # fail CODE WHAT [NEXT]
    printf 'error: %s; no image was written; %s\n' "$2" "${3:-see above why; $elsewhere}" >&2
    exit "$1"
}
trap 'fail 6 "the build script failed in line $LINENO"' ERR

quiet() {  # quiet NAME COMMAND...: keeps the output in a log and shows its end only when the command fails
    local log="$work/$1.log" code=0; shift
    "$@" >"$log" 2>&1 || code=$?
    [ "$code" = 0 ] || tail -n 15 "$log" >&2
    return "$code"
}

need_toolchain() {
    command -v arm-none-eabi-gcc >/dev/null && command -v cmake >/dev/null && command -v make >/dev/null \
        && command -v gcc >/dev/null && command -v g++ >/dev/null \
        && [ -n "$(arm-none-eabi-gcc -print-file-name=nosys.specs | grep /)" ] \
        && [ -n "$(arm-none-eabi-g++ -print-file-name=libstdc++.a 2>/dev/null | grep /)" ] && return 1
    return 0
}

release_apt() {  # release_apt COMMAND...: the machine's apt, but it keeps its lists here and fetches only Release files
    "$@" -c "$work/release.conf" -o Dir::State::Lists="$work/own" -o Debug::NoLocking=1 -o APT::Sandbox::User=root \
        -o Acquire::Retries=0
}

find_archive() {  # sets `archive` to the first one of this machine's apt that answers and says that it is Debian's
    local address file rest complaint ended=0
    mkdir -p "$work/own/partial"
    echo '#clear Acquire::IndexTargets;' > "$work/release.conf"
    # One that is silent must not cost the answers of the others: what counts is which Release files came.
    quiet archives release_apt timeout "$patience_s" apt-get -q update || ended=$?
    while read -r address file rest; do
        [[ $address == *InRelease ]] && grep -qs '^Label: Debian$' "$work/own/${file%InRelease}"*Release || continue
        archive=${address%dists/*}
        return 0
    done < <(release_apt apt-get update --print-uris 2>/dev/null | tr -d "'" || true)
    [ "$ended" != 124 ] || fail 3 "no Debian archive of this machine's apt answered within $patience_s s" \
        "check the network, and apt's proxy"
    complaint=$(grep -m 1 '^[EW]: ' "$work/archives.log" | tr -s ' ' || true)
    [ -z "$complaint" ] || fail 3 "no Debian archive of this machine's apt answers ($complaint)" \
        "see more with: apt-get update"
    fail 3 "no archive of this machine's apt says that it is Debian's" "$elsewhere"
}

private_apt() {
    apt-get -q $network \
        -o Dir::Etc::SourceList="$work/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State::Lists="$work/apt/lists" -o Dir::Cache="$work/apt/cache" \
        -o Dir::State::status="$work/apt/status" -o APT::Sandbox::User=root \
        -o APT::Get::List-Cleanup=0 -o APT::Update::Error-Mode=any "$@"  # else update calls a failure a success
}

write_private_apt() {
    local archive=$1 keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    [ -r "$keyring" ] || fail 3 "Debian's keyring $keyring is missing" \
        "install it with: apt-get install debian-archive-keyring"
    mkdir -p "$work/apt/lists/partial" "$work/apt/cache/archives/partial"
    : > "$work/apt/status"
    printf '%s [signed-by='"$keyring"'] '"$archive"' %s main\n' deb-src sid deb-src trixie deb trixie \
        > "$work/apt/sources.list"
}

source_version() {  # newest Debian version of source package $1 whose upstream version starts with $2
    source_versions "$1" | { grep -E "^$2([.+-]|\$)" || true; } | tail -n 1
}

source_versions() {  # all that Debian has, none when it has none, oldest first
    { private_apt_cache showsrc "$1" 2>/dev/null || true; } | awk '/^Version:/ { print $2 }' | sort -Vu
}

private_apt_cache() {
    apt-cache -o Dir::Etc::SourceList="$work/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State::Lists="$work/apt/lists" -o Dir::Cache="$work/apt/cache" \
        -o Dir::State::status="$work/apt/status" "$@"
}

unpack_source() {  # unpack_source PACKAGE VERSION DIRECTORY: the upstream tarball; Debian's patches are not needed
    (cd "$work/fetch" && quiet "fetch-$1" private_apt source --download-only --only-source "$1=$2") \
        || fail 5 "the source package $1 $2 cannot be downloaded"
    mkdir -p "$3"
    tar -xf "$(ls "$work/fetch/$1"_*.orig.tar.* | grep -v '\.asc$' | head -n 1)" -C "$3" --strip-components=1 \
        || fail 5 "the source package $1 $2 cannot be unpacked"
}

unpack_binary() {  # unpack_binary PACKAGE: a source tree that Debian ships as a binary package
    (cd "$work/fetch" && quiet "fetch-$1" private_apt download "$1") \
        || fail 5 "the package $1 cannot be downloaded"
    dpkg-deb -x "$work/fetch/$1"_*.deb "$work/unpacked" \
        || fail 5 "the package $1 cannot be unpacked"
}

get_sources() {
    local mp_version tls_version
    quiet update private_apt update \
        || fail 5 "the archive $archive does not give the lists of suites sid and trixie"
    mp_version=$(source_version micropython "$version")
    [ -n "$mp_version" ] \
        || fail 5 "Debian has no micropython $version source, it has: $(source_versions micropython | xargs)" \
            "$elsewhere"
    tls_version=$(source_version mbedtls 3.6)
    [ -n "$tls_version" ] \
        || fail 5 "Debian has no mbedtls 3.6 source, it has: $(source_versions mbedtls | xargs)" "$elsewhere"
    mkdir -p "$work/fetch" "$work/unpacked"
    unpack_source micropython "$mp_version" "$work/micropython"
    unpack_source mbedtls "$tls_version" "$work/mbedtls"
    unpack_binary pico-sdk-source
    unpack_binary tinyusb-source
}

place_library() {  # place_library NAME SOURCE: MicroPython looks for its submodules under lib/
    [ -n "$2" ] && [ -d "$2" ] || fail 5 "no source tree for $1 in the packages that were unpacked"
    rm -rf "$work/micropython/lib/$1"
    mv "$2" "$work/micropython/lib/$1"
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

drop_the_rest() {  # 300 of 500 MB: what only the way here needed, and what nothing is built from
    local mp="$work/micropython"
    rm -rf "$work"/{apt,own,fetch,unpacked} "$mp"/{docs,tests} "$mp"/lib/mbedtls/{tests,docs,programs}
    find "$mp/ports" -mindepth 1 -maxdepth 1 ! -name rp2 -exec rm -rf {} +
}

board_options() {  # sets `options` and `objects`, the folder of what is compiled
    local mp="$work/micropython"
    if [ -z "$board_dir" ]; then
        objects="$work/objects"
        options=(-DMICROPY_BOARD=RPI_PICO -DMICROPY_BOARD_DIR="$mp/ports/rp2/boards/RPI_PICO"
            -DMICROPY_FROZEN_MANIFEST="$work/manifest.py")
        return
    fi
    objects="$board_dir/objects"
    options=(-DMICROPY_BOARD=MICROCURRENT -DMICROPY_BOARD_DIR="$board_dir" -DMICROPY_MANIFEST_MODULES="$modules_dir")
    # Neither is made anew by make where a module went away, or where only the linker script is another.
    rm -f "$objects/frozen_content.c" "$objects/firmware.elf"
}

begin_anew() {  # begin_anew FOLDER WHAT: what was compiled may itself be broken, so the next run begins without it
    rm -rf "$1"
    fail 6 "$2" "see above why, and run it again; $elsewhere"
}

align_frozen_code() {  # mpy-tool.py aligns Thumb code to two bytes; its literals and long jumps are read at multiples of four
    local tool="$work/micropython/tools/mpy-tool.py"
    sed -i 's/__attribute__ ((aligned (2)))/__attribute__ ((aligned (4)))/' "$tool"
    [ "$(grep -c 'aligned (4)' "$tool")" -ge 2 ] || fail 6 "mpy-tool.py no longer says how frozen code is aligned"
}

build() {
    local mp="$work/micropython" jobs
    jobs=$(nproc)
    export SOURCE_DATE_EPOCH=1700000000 MICROPY_GIT_TAG="v$version" MICROPY_GIT_HASH=none
    export CFLAGS="-ffile-prefix-map=$work=." CXXFLAGS="-ffile-prefix-map=$work=." ASMFLAGS="-ffile-prefix-map=$work=."
    align_frozen_code
    step 5 "compiling mpy-cross"
    CFLAGS= CXXFLAGS= quiet mpy-cross make -C "$mp/mpy-cross" -j"$jobs" \
        || begin_anew "$mp/mpy-cross/build" "mpy-cross does not compile"
    step 6 "compiling the rp2 port (about a minute on two cores)"
    board_options
    quiet cmake cmake -S "$mp/ports/rp2" -B "$objects" "${options[@]}" -DPICO_NO_UF2=1 -DPICO_NO_PICOTOOL=1 \
        || begin_anew "$objects" "cmake cannot configure the rp2 port"
    quiet make make -C "$objects" -j"$jobs" || begin_anew "$objects" "the rp2 port does not compile"
    step 7 "writing $(basename "$output")"
    quiet uf2 python3 "$mp/tools/uf2conv.py" -b 0x10000000 -f 0xe48bff56 -c -o "$work/image.uf2" \
        "$objects/firmware.bin" \
        || fail 6 "the binary cannot be converted to UF2"
    mkdir -p "$(dirname "$output")"
    mv "$work/image.uf2" "$output"
    [ -n "$board_dir" ] || rm -rf "$objects"  # nobody changes this image: it is never compiled again
}

[ "${BASH_SOURCE[0]}" = "$0" ] || return 0  # tests/esp32/build_unix.sh takes the functions alone

command -v apt-get >/dev/null \
    || fail 3 "this machine has no apt, so Debian's source packages cannot be used" "$elsewhere"
mkdir -p "$work"
if [ -e "$sources" ]; then
    step 1 "taking the sources that an earlier build has left"
else
    step 1 "asking this machine's Debian archive"
    find_archive
fi
step 2 "checking the ARM cross toolchain"
if need_toolchain; then
    [ "$(id -u)" = 0 ] || fail 4 "the ARM cross toolchain is missing" \
        "install it with: sudo apt-get install --no-install-recommends $toolchain"
    echo "      installing it (about 410 MB to download)"
    quiet apt-update apt-get -q $network update \
        || fail 4 "this machine's package lists cannot be brought up to date" "see why with: apt-get update"
    DEBIAN_FRONTEND=noninteractive quiet apt-install apt-get -q -y $network install --no-install-recommends $toolchain \
        || fail 4 "the toolchain could not be installed" \
            "try: apt-get install --no-install-recommends $toolchain"
fi
if [ ! -e "$sources" ]; then
    rm -rf "$work/micropython" "$work/mbedtls" "$work/fetch" "$work/unpacked"  # what an interrupted run has left
    step 3 "fetching MicroPython $version and its libraries"
    write_private_apt "$archive"
    get_sources
    step 4 "arranging the source tree"
    place_libraries
    drop_the_rest
    touch "$sources"
fi
build
