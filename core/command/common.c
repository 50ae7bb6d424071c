/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "command/common.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/nearest.h"
#include "base/shell.h"
#include "progress/escape.h"
#include "supervisor/state.h"

/* ---- messages ---- */

static void
put_escaped(FILE *stream, const char *text, size_t size)
{
	struct buffer out = BUFFER_INIT(SIZE_MAX);

	escape_text(&out, text, size);
	if (buffer_status(&out, "text", NULL) == HF_OK)
		(void)fwrite(out.data, 1, out.size, stream);
	buffer_release(&out);
}

void
common_put(FILE *stream, const char *text, size_t size)
{
	if (isatty(fileno(stream)))
		put_escaped(stream, text, size);
	else
		(void)fwrite(text, 1, size, stream);
}

void
common_message(const char *fmt, ...)
{
	char msg[2 * COMMON_HINT_SIZE];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	(void)fflush(stdout);
	(void)fputs("holdfast: ", stderr);
	put_escaped(stderr, msg, strlen(msg));
	(void)fputc('\n', stderr);
}

int
common_error(const struct hf_error *err)
{
	common_message("%s", err->msg);
	return STATUS_FAILED;
}

int
common_config_error(const struct hf_error *err)
{
	(void)common_error(err);
	return err->code == HF_EINVAL || err->code == HF_ENOTFOUND || err->code == HF_EPERM || err->code == HF_ERANGE ?
	    STATUS_USAGE : STATUS_FAILED;
}

const char *
common_hint(const struct common *common, const char *command, char out[COMMON_HINT_SIZE])
{
	struct shell_word file, repository;

	(void)snprintf(out, COMMON_HINT_SIZE, "holdfast %s%s%s%s%s", command, common->config != NULL ? " -c " : "",
	    common->config != NULL ? shell_quote(&file, common->config) : "",
	    common->repository != NULL ? " -r " : "",
	    common->repository != NULL ? shell_quote(&repository, common->repository) : "");
	return out;
}

int
common_state_directory(char **ret)
{
	struct hf_error err = HF_ERROR_INIT;

	return state_directory(ret, &err) == HF_OK ? STATUS_DONE : common_config_error(&err);
}

const char *
common_time(int64_t ns, char out[COMMON_TIME_SIZE])
{
	time_t seconds = (time_t)(ns / 1000000000 - (ns % 1000000000 < 0 ? 1 : 0));
	struct tm tm;

	if (localtime_r(&seconds, &tm) == NULL || strftime(out, COMMON_TIME_SIZE, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		(void)snprintf(out, COMMON_TIME_SIZE, "?");
	return out;
}

const char *
common_size(uint64_t bytes, char out[COMMON_SIZE_SIZE])
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = (double)bytes;
	size_t unit;

	if (bytes < 1024) {
		(void)snprintf(out, COMMON_SIZE_SIZE, "%" PRIu64 " B", bytes);
		return out;
	}
	for (unit = 0, value /= 1024; value >= 1024 && unit < 5; unit++)
		value /= 1024;
	(void)snprintf(out, COMMON_SIZE_SIZE, "%.1f %s", value, units[unit]);
	return out;
}

int
common_flush(struct buffer *buffer)
{
	struct hf_error err = HF_ERROR_INIT;

	if (buffer_status(buffer, "output", &err) != HF_OK)
		return common_error(&err);
	if (buffer->size > 0 && fwrite(buffer->data, 1, buffer->size, stdout) != buffer->size) {
		common_message("cannot write to standard output: %s", strerror(errno));
		return STATUS_FAILED;
	}
	buffer_clear(buffer);
	return STATUS_DONE;
}

void
common_json_string(struct buffer *buffer, const char *name, const char *value, size_t size)
{
	if (buffer->size > 0 && buffer->data[buffer->size - 1] != '{')
		buffer_append_byte(buffer, ',');
	json_put_string(buffer, name, strlen(name));
	buffer_append_byte(buffer, ':');
	json_put_string(buffer, value, size);
}

/* ---- options ---- */

struct parser {
	const struct command *command;
	const struct command_option *options; /* the command's own */
	struct command_option common[6];
	bool help;
};

static const struct command_option *
find_option(const struct parser *parser, const char *name, size_t size, char letter)
{
	const struct command_option *tables[] = {parser->options, parser->common};
	const struct command_option *option;
	size_t i;

	for (i = 0; i < 2; i++) {
		for (option = tables[i]; option != NULL && option->name != NULL; option++) {
			if (letter != 0 ? option->letter == letter :
			    strlen(option->name) == size && strncmp(option->name, name, size) == 0)
				return option;
		}
	}
	return NULL;
}

static int
usage_error(const struct command *command)
{
	(void)fprintf(stderr, "usage: holdfast %s %s\n", command->name, command->usage);
	return STATUS_USAGE;
}

static int
unknown_option(const struct parser *parser, const char *word)
{
	const struct command_option *tables[] = {parser->options, parser->common};
	struct nearest nearest = NEAREST_INIT(word + strspn(word, "-"));
	const struct command_option *option;
	size_t i;

	for (i = 0; i < 2; i++) {
		for (option = tables[i]; option != NULL && option->name != NULL; option++)
			nearest_offer(&nearest, option->name);
	}
	if (nearest.best != NULL)
		common_message("%s: no option %s, did you mean --%s?", parser->command->name, word, nearest.best);
	else
		common_message("%s: no option %s", parser->command->name, word);
	return usage_error(parser->command);
}

/* Sets an option from argv[*at]; a value of its own advances *at. */
static int
take_value(const struct parser *parser, const struct command_option *option, const char *attached, int argc,
    char **argv, int *at)
{
	if (option->value == NULL) {
		if (attached != NULL) {
			common_message("%s: --%s takes no value", parser->command->name, option->name);
			return usage_error(parser->command);
		}
		*(bool *)option->target = true;
		return COMMON_GO_ON;
	}
	if (attached == NULL && ++*at < argc)
		attached = argv[*at];
	if (attached == NULL) {
		common_message("%s: --%s needs a value: %s", parser->command->name, option->name, option->value);
		return usage_error(parser->command);
	}
	*(const char **)option->target = attached;
	return COMMON_GO_ON;
}

static int
take_long(const struct parser *parser, int argc, char **argv, int *at)
{
	const char *word = argv[*at] + 2;
	size_t size = strcspn(word, "=");
	const struct command_option *option = find_option(parser, word, size, 0);

	if (option == NULL)
		return unknown_option(parser, argv[*at]);
	return take_value(parser, option, word[size] == '=' ? word + size + 1 : NULL, argc, argv, at);
}

static int
take_letters(const struct parser *parser, int argc, char **argv, int *at)
{
	const char *p, *word = argv[*at];
	const struct command_option *option;
	int status = COMMON_GO_ON;

	for (p = word + 1; status == COMMON_GO_ON && *p != '\0'; p++) {
		option = find_option(parser, NULL, 0, *p);
		if (option == NULL)
			return unknown_option(parser, word);
		if (option->value != NULL)
			return take_value(parser, option, p[1] != '\0' ? p + 1 : NULL, argc, argv, at);
		status = take_value(parser, option, NULL, argc, argv, at);
	}
	return status;
}

static void
print_option(const struct command_option *option)
{
	char word[64];
	int n;

	n = snprintf(word, sizeof(word), "--%s%s%s", option->name, option->value != NULL ? " " : "",
	    option->value != NULL ? option->value : "");
	if (option->letter != 0)
		(void)printf("  -%c, %-24s %s\n", option->letter, n > 0 ? word : "", option->help);
	else
		(void)printf("      %-24s %s\n", n > 0 ? word : "", option->help);
}

static int
print_help(const struct parser *parser)
{
	const struct command_option *option;

	(void)printf("usage: holdfast %s %s\n\n%s.\n\n", parser->command->name, parser->command->usage,
	    parser->command->summary);
	for (option = parser->options; option != NULL && option->name != NULL; option++)
		print_option(option);
	for (option = parser->common; option->name != NULL; option++)
		print_option(option);
	return STATUS_DONE;
}

/* Fills the table of common options. */
static void
offer_common(struct parser *parser, unsigned takes, struct common *common)
{
	struct command_option *next = parser->common;

	*next++ = (struct command_option){"config", 'c', "FILE", "the configuration file", &common->config};
	if ((takes & COMMON_REPOSITORY) != 0)
		*next++ = (struct command_option){"repository", 'r', "NAME", "the repository, if there are several",
		    &common->repository};
	if ((takes & COMMON_JSON) != 0)
		*next++ = (struct command_option){"json", 0, NULL, "print JSON", &common->json};
	*next++ = (struct command_option){"verbose", 'v', NULL, "tell more", &common->verbose};
	*next = (struct command_option){"help", 'h', NULL, "show this", &parser->help};
}

int
common_parse(const struct command *command, unsigned takes, const struct command_option *options, int least,
    int most, int *argc, char **argv, struct common *ret)
{
	struct parser parser;
	int at, operands = 0, status = COMMON_GO_ON;
	bool ended = false;

	memset(ret, 0, sizeof(*ret));
	memset(&parser, 0, sizeof(parser));
	parser.command = command;
	parser.options = options;
	offer_common(&parser, takes, ret);
	for (at = 1; status == COMMON_GO_ON && at < *argc; at++) {
		if (ended || argv[at][0] != '-' || argv[at][1] == '\0')
			argv[++operands] = argv[at];
		else if (strcmp(argv[at], "--") == 0)
			ended = true;
		else if (argv[at][1] == '-')
			status = take_long(&parser, *argc, argv, &at);
		else
			status = take_letters(&parser, *argc, argv, &at);
	}
	if (status != COMMON_GO_ON)
		return status;
	if (parser.help)
		return print_help(&parser);
	if (operands < least || operands > most) {
		common_message("%s: %s", command->name, operands < least ? "something is missing" :
		    "there is more than it takes");
		return usage_error(command);
	}
	*argc = operands + 1;
	if (ret->verbose)
		log_set_level(HF_LOG_DEBUG);
	return COMMON_GO_ON;
}

/* ---- interruption ---- */

static volatile sig_atomic_t interrupted;

static void
note_signal(int sig)
{
	(void)sig;
	interrupted = 1;
}

void
common_catch_signals(void)
{
	struct sigaction action;

	/* The second one ends the process at once: a lock may then stay behind. */
	memset(&action, 0, sizeof(action));
	action.sa_handler = note_signal;
	action.sa_flags = (int)SA_RESETHAND;
	(void)sigemptyset(&action.sa_mask);
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	action.sa_handler = SIG_IGN;
	action.sa_flags = 0;
	(void)sigaction(SIGPIPE, &action, NULL);
}

bool
common_interrupted(void)
{
	return interrupted != 0;
}
