/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include <string.h>

#include "base/log.h"
#include "command/common.h"
#include "supervisor/process.h"
#include "worker/worker.h"

/* Started by the supervisor, with its end of the socket as descriptor 3. */
static int
worker_run(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--verbose") == 0) {
		log_set_level(HF_LOG_DEBUG);
	} else if (argc > 1) {
		common_message("worker: it is started by holdfast itself, not by hand");
		return STATUS_USAGE;
	}
	return worker_main(PROCESS_CHANNEL_FD);
}

const struct command command_worker = {"worker", "", NULL, worker_run};
