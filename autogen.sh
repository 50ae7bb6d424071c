#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Makes ./configure.  Needed once after a checkout; release archives hold it already.
set -e
cd "$(dirname "$0")"
mkdir -p m4
autoreconf --install --force "$@"
