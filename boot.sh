#! /bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Makes `configure` and `Makefile.in` in a fresh checkout.  A release tarball
# already has them.

set -eu

cd "$(dirname "$0")"
for tool in autoreconf automake; do
    if ! command -v "$tool" >/dev/null 2>&1; then
        echo "boot.sh: $tool is missing; run utilities/install-deps build" \
             "(Debian packages autoconf and automake)" >&2
        exit 1
    fi
done
exec autoreconf --install --force
