#!/bin/sh
# Obtain Chromium, in which tests open the reports: the one that is installed, else Debian's package (as root).
set -eu
for name in chromium chromium-browser google-chrome; do
    if command -v "$name"; then
        exit 0
    fi
done
if [ "$(id -u)" != 0 ]; then
    echo "Chromium is missing; reports cannot be opened; on Debian, as root: apt-get install chromium" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
{
    apt-get update --quiet --quiet || true # the lists may be there already
    apt-get install --yes --quiet --no-install-recommends chromium
} >&2
command -v chromium
