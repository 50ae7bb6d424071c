/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "progress/terminal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/plural.h"
#include "base/time.h"
#include "progress/escape.h"

#define BAR_INTERVAL   INT64_C(100000000)   /* at most ten drawings a second */
#define LINE_INTERVAL  INT64_C(10000000000) /* without a terminal: a line each 10 s */
#define FAILURES_SHOWN 20                   /* failed items of a job that get a line of their own */

struct terminal {
	FILE *stream;
	bool bar;
	bool drawn;
	int64_t last; /* boot clock of the last drawing */
	bool result_follows;
	unsigned failures;
	struct job_event held[FAILURES_SHOWN]; /* the first of them, where a result is to follow */
};

struct terminal *
terminal_new(FILE *stream, bool result_follows)
{
	struct terminal *terminal = calloc(1, sizeof(*terminal));
	const char *term = getenv("TERM");

	if (terminal == NULL)
		return NULL;
	terminal->stream = stream;
	terminal->result_follows = result_follows;
	terminal->bar = isatty(fileno(stream)) && term != NULL && strcmp(term, "dumb") != 0;
	return terminal;
}

void
terminal_clear(struct terminal *terminal)
{
	if (!terminal->drawn)
		return;
	(void)fputs("\r\033[K", terminal->stream);
	(void)fflush(terminal->stream);
	terminal->drawn = false;
	terminal->last = 0;
}

void
terminal_free(struct terminal *terminal)
{
	if (terminal == NULL)
		return;
	terminal_clear(terminal);
	free(terminal);
}

static unsigned
columns(const struct terminal *terminal)
{
	struct winsize size;

	if (ioctl(fileno(terminal->stream), TIOCGWINSZ, &size) == 0 && size.ws_col >= 20)
		return size.ws_col;
	return 80;
}

static void
format_bytes(uint64_t bytes, char *out, size_t size)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		value /= 1024;
		unit++;
	}
	(void)snprintf(out, size, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

static void
format_left(int64_t ns, char *out, size_t size)
{
	int64_t seconds = (ns + 999999999) / 1000000000;

	if (seconds >= 3600)
		(void)snprintf(out, size, "%" PRId64 ":%02d:%02d left", seconds / 3600, (int)(seconds / 60 % 60),
		    (int)(seconds % 60));
	else
		(void)snprintf(out, size, "%d:%02d left", (int)(seconds / 60), (int)(seconds % 60));
}

/* One piece of a line, told where there is room for it. */
struct piece {
	char text[96];
	bool told;
};

enum { COUNTS, NOW, FAILED, READ, STORED, LEFT, PIECES };

/* Of all types together; how many there are is an estimate. */
static void
format_counts(const struct progress *progress, char *out, size_t size)
{
	uint64_t shown = progress->total_items > 0 ? progress->total_items : progress->processed_items;
	char percent[16] = "", total[40] = "";

	if (progress->percent > 0 || progress->total_items > 0)
		(void)snprintf(percent, sizeof(percent), "%5.1f%%  ", progress->percent);
	if (progress->total_items > 0)
		(void)snprintf(total, sizeof(total), " of about %" PRIu64, progress->total_items);
	(void)snprintf(out, size, "%s%" PRIu64 "%s item%s", percent, progress->processed_items, total,
	    plural_s(shown));
}

static void
format_type(const struct progress *progress, char *out, size_t size)
{
	struct buffer type = BUFFER_INIT(256);
	const char *name;

	escape_text(&type, progress->current_type, strlen(progress->current_type));
	name = buffer_string(&type);
	if (name != NULL && name[0] != '\0')
		(void)snprintf(out, size, ", now %.40s", name);
	buffer_release(&type);
}

static void
format_pieces(const struct progress *progress, int64_t now, struct piece pieces[PIECES])
{
	char bytes[32], rate[32];

	memset(pieces, 0, PIECES * sizeof(*pieces));
	format_counts(progress, pieces[COUNTS].text, sizeof(pieces[COUNTS].text));
	format_type(progress, pieces[NOW].text, sizeof(pieces[NOW].text));
	if (progress->failed_items > 0)
		(void)snprintf(pieces[FAILED].text, sizeof(pieces[FAILED].text), ", %" PRIu64 " failed",
		    progress->failed_items);
	format_bytes(progress->bytes_read, bytes, sizeof(bytes));
	format_bytes(progress->bytes_per_second, rate, sizeof(rate));
	if (progress->bytes_read > 0)
		(void)snprintf(pieces[READ].text, sizeof(pieces[READ].text), ", %s read", bytes);
	if (progress->bytes_read > 0 && progress->bytes_per_second > 0)
		(void)snprintf(pieces[READ].text, sizeof(pieces[READ].text), ", %s read, %s/s", bytes, rate);
	format_bytes(progress->bytes_transferred, bytes, sizeof(bytes));
	(void)snprintf(pieces[STORED].text, sizeof(pieces[STORED].text), ", %s stored", bytes);
	if (progress->estimated_completion > now) {
		(void)snprintf(pieces[LEFT].text, sizeof(pieces[LEFT].text), ", ");
		format_left(progress->estimated_completion - now, pieces[LEFT].text + 2, sizeof(pieces[LEFT].text) - 2);
	}
}

void
terminal_format(const struct progress *progress, int64_t now, unsigned width, char *out, size_t size)
{
	/* What is missed least goes first. */
	static const unsigned order[PIECES] = {COUNTS, LEFT, FAILED, NOW, STORED, READ};
	struct piece pieces[PIECES];
	struct buffer line = BUFFER_INIT(4096);
	char bar[64] = "";
	size_t used = 0, room, filled, i;

	format_pieces(progress, now, pieces);
	for (i = 0; i < PIECES; i++) {
		room = strlen(pieces[order[i]].text);
		pieces[order[i]].told = i == 0 || used + room < width;
		used += pieces[order[i]].told ? room : 0;
	}
	for (i = 0; i < PIECES; i++) {
		if (pieces[i].told)
			buffer_append_string(&line, pieces[i].text);
	}
	/* The bar gets what the words leave. */
	room = progress->percent > 0 && width > used + 12 ? width - used - 4 : 0;
	if (room > sizeof(bar) - 1)
		room = sizeof(bar) - 1;
	filled = (size_t)((double)room * progress->percent / 100.0);
	for (i = 0; i < room; i++)
		bar[i] = i < filled ? '#' : '.';
	(void)snprintf(out, size < width ? size : width, room > 0 ? "[%s] %s" : "%s%s", bar,
	    buffer_string(&line) == NULL ? "" : buffer_string(&line));
	buffer_release(&line);
}

static void
show_progress(void *ctx, const struct progress *progress)
{
	struct terminal *terminal = ctx;
	int64_t now = time_boot();
	char line[512];

	if (terminal->last != 0 && now - terminal->last < (terminal->bar ? BAR_INTERVAL : LINE_INTERVAL))
		return;
	terminal->last = now;
	terminal_format(progress, time_now(), terminal->bar ? columns(terminal) : 256, line, sizeof(line));
	if (terminal->bar) {
		(void)fprintf(terminal->stream, "\r%s\033[K", line);
		terminal->drawn = true;
	} else {
		/* In a log file a bar is noise. */
		(void)fprintf(terminal->stream, "%s\n", line[0] == '[' && strstr(line, "] ") != NULL ?
		    strstr(line, "] ") + 2 : line);
	}
	(void)fflush(terminal->stream);
}

/* What happened, as a person says it; NULL for events that need no line. */
static const char *
words(const struct job_event *event)
{
	switch (event->kind) {
	case EVENT_QUEUED:
		return event->message[0] != '\0' ? "queued" : NULL;
	case EVENT_WAITING:
		return "waiting";
	case EVENT_STARTED:
		return "started";
	case EVENT_ITEM_FAILED:
		return "failed item";
	case EVENT_RETRY:
		return "will try again";
	case EVENT_COMPLETED:
		return "completed";
	case EVENT_PARTIAL:
		return "done, with failed items";
	case EVENT_FAILED:
		return "failed";
	default:
		return NULL;
	}
}

static void
append_text(struct buffer *line, const char *before, const char *text)
{
	if (text[0] == '\0')
		return;
	buffer_append_string(line, before);
	escape_text(line, text, strlen(text));
}

/* For a person's own clock. */
static void
format_time(int64_t ns, char *out, size_t size)
{
	time_t seconds = (time_t)(ns / 1000000000);
	struct tm tm;

	if (localtime_r(&seconds, &tm) == NULL || strftime(out, size, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		out[0] = '\0';
}

static void
put_line(struct terminal *terminal, struct buffer *line)
{
	const char *text = buffer_string(line);

	if (text != NULL) {
		terminal_clear(terminal);
		(void)fprintf(terminal->stream, "%s\n", text);
		(void)fflush(terminal->stream);
	}
	buffer_release(line);
}

static void
put_event(struct terminal *terminal, const struct job_event *event, const char *text)
{
	struct buffer line = BUFFER_INIT(8192);
	char when[32];

	append_text(&line, "", event->job);
	append_text(&line, ": ", text);
	append_text(&line, " ", event->item);
	append_text(&line, ": ", event->message);
	if (event->next_attempt != 0) {
		format_time(event->next_attempt, when, sizeof(when));
		append_text(&line, ", next attempt at ", when);
	}
	put_line(terminal, &line);
}

static void
put_more(struct terminal *terminal, const char *job, const char *what)
{
	struct buffer line = BUFFER_INIT(8192);

	append_text(&line, "", job);
	append_text(&line, ": ", what);
	put_line(terminal, &line);
}

/* Whether the end of the job, or its pause, says the same; it does where nothing could be read. */
static bool
says_the_same(const struct job_event *end, const struct job_event *held)
{
	const char *item = end != NULL ? strstr(end->message, held->item) : NULL;

	return item != NULL && held->message[0] != '\0' && strstr(item, held->message) != NULL;
}

/* Whether an earlier one that is held is the same, such as one account's of another type. */
static bool
is_held_twice(const struct terminal *terminal, unsigned at)
{
	unsigned i;

	for (i = 0; i < at; i++) {
		if (strcmp(terminal->held[i].item, terminal->held[at].item) == 0 &&
		    strcmp(terminal->held[i].message, terminal->held[at].message) == 0)
			return true;
	}
	return false;
}

static void
release_held(struct terminal *terminal, const struct job_event *end)
{
	unsigned i;

	for (i = 0; i < terminal->failures && i < FAILURES_SHOWN; i++) {
		if (!says_the_same(end, &terminal->held[i]) && !is_held_twice(terminal, i))
			put_event(terminal, &terminal->held[i], "failed item");
	}
	if (terminal->failures > FAILURES_SHOWN)
		put_more(terminal, terminal->held[0].job, "more items failed");
	terminal->failures = 0;
}

void
terminal_tell_failures(struct terminal *terminal)
{
	if (terminal->result_follows)
		release_held(terminal, NULL);
}

static void
item_failed(struct terminal *terminal, const struct job_event *event)
{
	unsigned before = terminal->failures;

	if (before <= FAILURES_SHOWN)
		terminal->failures++;
	if (before < FAILURES_SHOWN && terminal->result_follows) {
		terminal->held[before] = *event;
		terminal->held[before].details = NULL;
	} else if (before < FAILURES_SHOWN) {
		put_event(terminal, event, words(event));
	} else if (before == FAILURES_SHOWN && !terminal->result_follows) {
		put_more(terminal, event->job, "more items failed; the result lists them");
	}
}

static void
show_event(void *ctx, const struct job_event *event)
{
	struct terminal *terminal = ctx;

	if (event->kind == EVENT_ITEM_FAILED) {
		item_failed(terminal, event);
		return;
	}
	if (event->kind == EVENT_STARTED || event->kind == EVENT_COMPLETED || event->kind == EVENT_PARTIAL)
		terminal->failures = 0;
	else if (terminal->result_follows && (event->kind == EVENT_RETRY || event->kind == EVENT_WAITING ||
	                                         event->kind == EVENT_FAILED))
		release_held(terminal, event);
	if (words(event) != NULL)
		put_event(terminal, event, words(event));
}

struct observer
terminal_observer(struct terminal *terminal)
{
	struct observer observer = {terminal, show_progress, show_event};

	return observer;
}
