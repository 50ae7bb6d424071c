/* SPDX-License-Identifier: BSD-2-Clause */

/* The parts of the host that know the ABI's structs, built with the headers of a later release. */
#include "plugin/host.c"
#include "plugin/load.c"
#include "plugin/options.c"
