/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "command/common.h"
#include "image/helper.h"

#include <sys/socket.h>

/* Started by a worker, with its end of a socket as descriptor 3. */
static int
image_helper_run(int argc, char **argv)
{
	socklen_t size = sizeof(int);
	int type;

	(void)argv;
	if (argc > 1 || getsockopt(HELPER_CHANNEL_FD, SOL_SOCKET, SO_TYPE, &type, &size) != 0) {
		common_message("image-helper: it is started by holdfast itself, not by hand");
		return STATUS_USAGE;
	}
	return helper_main();
}

const struct command command_image_helper = {"image-helper", "", NULL, image_helper_run};
