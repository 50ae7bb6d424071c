/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROGRESS_JSON_H
#define PROGRESS_JSON_H

#include <stdio.h>

#include "progress/progress.h"

/* An observer that writes one JSON object a line to a stream, each line at once. */
struct observer json_observer(FILE *stream);
/* Writes one object as a line; false when the stream failed. */
bool json_write_line(FILE *stream, struct json_object *object);

#endif
