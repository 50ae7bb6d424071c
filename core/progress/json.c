/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "progress/json.h"

#include <json-c/json.h>

bool
json_write_line(FILE *stream, struct json_object *object)
{
	size_t size = 0;
	const char *text = object == NULL ? NULL
	    : json_object_to_json_string_length(object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &size);

	return text != NULL && fwrite(text, 1, size, stream) == size && putc('\n', stream) != EOF &&
	    fflush(stream) == 0;
}

static void
write_progress(void *ctx, const struct progress *progress)
{
	struct json_object *object = progress_to_json(progress);

	(void)json_write_line(ctx, object);
	json_object_put(object);
}

static void
write_event(void *ctx, const struct job_event *event)
{
	struct json_object *object = event_to_json(event);

	(void)json_write_line(ctx, object);
	json_object_put(object);
}

struct observer
json_observer(FILE *stream)
{
	struct observer observer = {stream, write_progress, write_event};

	return observer;
}
