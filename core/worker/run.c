/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "worker/run.h"

#include <json-c/json.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/path.h"
#include "base/time.h"
#include "http/http.h"
#include "image/image.h"
#include "plugin/strategy.h"
#include "repository/origin.h"
#include "supervisor/channel.h"
#include "worker/account.h"
#include "worker/scratch.h"

#define TOLD_MAX      1000u /* failed items that are told one by one; the rest is only counted */
#define PERCENT_MAX   99.9
#define RESULT_ERRORS 60u   /* errors in the result, which has to fit into one frame */
#define SCHEMA        "holdfast.snapshot/1"

/* Where each type's folders lie, and in the order they are backed up. */
static const struct {
	unsigned bit;
	const char *folder;
} types[] = {
    {CONFIG_CHATS, "chats"}, {CONFIG_CONTACTS, "contacts"}, {CONFIG_DEVICE_INFO, "device"}, {CONFIG_MEDIA, "media"}};

#define TYPE_COUNT (sizeof(types) / sizeof(types[0]))

static const char *
name_of(unsigned bit)
{
	unsigned i = 0;

	while (bit >> i > 1)
		i++;
	return config_type_name(i);
}

/* ---- for the parts ---- */

/* Takes value over, also on failure. */
static bool
add(struct json_object *object, const char *name, struct json_object *value)
{
	if (value != NULL && json_object_object_add(object, name, value) == 0)
		return true;
	json_object_put(value);
	return false;
}

int
run_go_on(struct run *run, struct hf_error *err)
{
	return channel_stop_requested(run->channel) ? hf_error_set(err, HF_ESTOPPING, 0, "asked to stop") : HF_OK;
}

void
run_count(struct run *run, const char *type, uint64_t items, uint64_t bytes, uint64_t failed)
{
	struct progress *progress = &run->progress;
	struct pace_work total;
	uint64_t sealed;

	progress->processed_items += items;
	progress->bytes_read += bytes;
	progress->failed_items += failed;
	/* What is sealed waits in the spool for the rest of its pack. */
	sealed = destination_stats(&run->destination).bytes_sealed;
	progress->bytes_transferred =
	    sealed > run->destination.transferred ? sealed : run->destination.transferred;
	pace_done(&run->pace, items, bytes);
	total = pace_total(&run->pace);
	progress->total_items = total.items;
	progress->total_bytes = total.bytes;
	progress->percent = 100 * pace_share(&run->pace);
	/* Until all has ended. */
	if (progress->percent > PERCENT_MAX)
		progress->percent = PERCENT_MAX;
	progress->bytes_received = atomic_load(&run->received);
	if (strcmp(progress->current_type, type) != 0)
		progress_copy_text(progress->current_type, sizeof(progress->current_type), type);
}

void
run_progress(struct run *run, const char *type, uint64_t items, uint64_t bytes, uint64_t failed)
{
	run_count(run, type, items, bytes, failed);
	(void)channel_progress(run->channel, &run->progress, NULL);
}

int
run_item_failed(struct run *run, const char *type, const char *account, const char *item, const char *message,
    struct hf_error *err)
{
	char what[PROGRESS_TEXT_SIZE];
	int r = result_error(run->result, type, account, item, message, err);

	if (r != HF_OK || run->told > TOLD_MAX)
		return r;
	run->told++;
	if (run->told > TOLD_MAX) {
		log_message(HF_LOG_WARNING, "more than %u items failed; the rest is only counted", TOLD_MAX);
		return HF_OK;
	}
	(void)snprintf(what, sizeof(what), "%.100s%s%.400s", account, item[0] == '\0' ? "" : ": ", item);
	return channel_item_failed(run->channel, type, what, message, err);
}

void
run_event(struct run *run, enum event_kind kind, const char *type, const char *message)
{
	struct job_event event;

	event_init(&event, kind, run->job->id);
	progress_copy_text(event.current_type, sizeof(event.current_type), type);
	progress_copy_text(event.message, sizeof(event.message), message);
	(void)channel_event(run->channel, &event, NULL);
}

int
run_note_plugin(struct run *run, const struct instance *instance, struct hf_error *err)
{
	const struct plugin *plugin = instance->component->plugin;

	if (run->plugins == NULL)
		run->plugins = json_object_new_object();
	if (run->plugins == NULL || !add(run->plugins, plugin->name, json_object_new_string(plugin->version)))
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	return HF_OK;
}

/* ---- the types ---- */

/* A large file takes longer than a person waits for a sign of life. */
static void
service_received(void *ctx, const char *instance, uint64_t bytes)
{
	struct run *run = ctx;

	(void)instance;
	(void)atomic_fetch_add(&run->received, bytes);
	if (!pthread_equal(run->thread, pthread_self()))
		return;
	run->progress.bytes_received = atomic_load(&run->received);
	(void)channel_progress(run->channel, &run->progress, NULL);
}

static int32_t
service_stop_requested(void *ctx)
{
	const struct run *run = ctx;

	return channel_stop_requested(run->channel);
}

static int
open_strategy(struct run *run, const char *type, const struct plugin_component *component, struct instance *ret,
    struct hf_error *err)
{
	struct strategy_options options = {NULL, {NULL, 0}};
	const struct instance_request what = {HF_KIND_STRATEGY, component->name, type, {run->config->file,
	    run->config->folder, run->plan->mark}, &options.given, NULL};
	int r = strategy_options(component, run->plan, &options, err);

	if (r == HF_OK)
		r = instance_open(run->registry, &what, &run->services, ret, err);
	free(options.items);
	return r == HF_OK ? run_note_plugin(run, ret, err) : r;
}

/* Whether the account's source has what a strategy works with.  One that cannot be found may have: that is told. */
static bool
takes(struct run *run, const struct plugin_component *strategy, const struct config_account *account)
{
	const struct plugin_component *source;

	return registry_find(run->registry, HF_KIND_SOURCE, account->source, &source, NULL) != HF_OK ||
	       strategy_takes(strategy, source);
}

static bool
takes_any(struct run *run, const struct plugin_component *strategy)
{
	size_t i;

	for (i = 0; i < run->plan->account_count; i++) {
		if (takes(run, strategy, run->plan->accounts[i]))
			return true;
	}
	return strategy_is_of_host(strategy);
}

static int
run_accounts(struct run *run, struct account_request *request, struct hf_error *err)
{
	size_t i;
	int r = HF_OK;

	for (i = 0; r == HF_OK && i < run->plan->account_count; i++) {
		request->account = run->plan->accounts[i];
		request->name = request->account->name;
		if (takes(run, request->strategy->component, request->account))
			r = account_run(run, request, err);
	}
	return r;
}

static int
run_host(struct run *run, const struct account_request *like, struct hf_error *err)
{
	struct account_request request = *like;
	char name[ORIGIN_NAME_SIZE];

	request.name = origin_hostname(name)[0] != '\0' ? name : "localhost";
	return account_run(run, &request, err);
}

static bool
types_are_named(const struct run *run)
{
	return run->job->types[0] != '\0' || run->plan->types_named;
}

/* Nothing backs the type up: a mistake when it was asked for by name, as all types are the default. */
static int
left_out(const struct run *run, const char *type, bool installed, struct hf_error *err)
{
	bool named = types_are_named(run);

	if (named && installed)
		return hf_error_set(err, HF_EINVAL, 0, "plan %s: none of its accounts has %s", run->plan->name, type);
	if (named)
		return hf_error_set(err, HF_EINVAL, 0, "no strategy for %s is installed", type);
	log_message(!installed && result_had_type(run->result, type) ? HF_LOG_WARNING : HF_LOG_DEBUG,
	    "%s are not backed up: %s", type, installed ? "no account has any" : "no strategy for them is installed");
	return HF_OK;
}

/* All that a type has to do in this run. */
static int
back_up_type(struct run *run, const char *type, const char *folder, const struct plugin_component *component,
    struct hf_error *err)
{
	struct instance strategy = {NULL, NULL, NULL, NULL};
	struct account_request request = {type, folder, &strategy, NULL, NULL};
	uint64_t before = destination_stats(&run->destination).bytes_sealed;
	uint64_t tried = run->accounts.read + run->accounts.failed;
	bool none; /* of the accounts has any */
	int r = open_strategy(run, type, component, &strategy, err);

	if (r != HF_OK)
		return r == HF_ENOTFOUND ? hf_error_set(err, HF_EINVAL, 0, "%s", err->msg) : r;
	run_event(run, EVENT_TYPE_STARTED, type, "");
	if (strategy_is_of_host(component))
		r = run_host(run, &request, err);
	else
		r = run_accounts(run, &request, err);
	instance_close(&strategy);
	none = !strategy_is_of_host(component) && tried == run->accounts.read + run->accounts.failed;
	if (r == HF_OK && none)
		r = left_out(run, type, true, err);
	if (r == HF_OK)
		r = destination_tick(&run->destination, err);
	if (r == HF_OK && !none)
		r = result_stored(run->result, type, destination_stats(&run->destination).bytes_sealed - before, err);
	if (r == HF_OK)
		run_event(run, EVENT_TYPE_COMPLETED, type, "");
	return r;
}

/* ret_carried: set when the run had something of the type to do. */
static int
run_type(struct run *run, unsigned bit, const char *folder, bool *ret_carried, struct hf_error *err)
{
	const struct plugin_component *component;
	const char *type = name_of(bit);
	int r = strategy_find(run->registry, type, &component, err);

	if (r == HF_ENOTFOUND || (r == HF_OK && !takes_any(run, component)))
		return left_out(run, type, r == HF_OK, err);
	if (r != HF_OK)
		return r;
	*ret_carried = true;
	return back_up_type(run, type, folder, component, err);
}

static bool
is_covered(struct run *run, const struct config_account *account)
{
	const struct plugin_component *strategy;
	size_t i;

	for (i = 0; i < TYPE_COUNT; i++) {
		if (strategy_find(run->registry, name_of(types[i].bit), &strategy, NULL) == HF_OK &&
		    takes(run, strategy, account))
			return true;
	}
	return false;
}

/* An account of the plan that no type is about would be missed by nobody before it is needed. */
static void
warn_of_uncovered(struct run *run)
{
	const struct config_account *account;
	size_t i;

	for (i = 0; i < run->plan->account_count; i++) {
		account = run->plan->accounts[i];
		if (!is_covered(run, account))
			log_message(HF_LOG_WARNING, "account %s is not backed up: no strategy that is installed is for "
			    "what the source %s has", account->name, account->source);
	}
}

static void
progress_ends(struct run *run)
{
	struct progress *progress = &run->progress;

	progress->total_items = progress->processed_items;
	progress->total_bytes = progress->bytes_read;
	progress->percent = 100;
	(void)channel_progress(run->channel, progress, NULL);
}

/* Announces what there will be to do, with what the last run found there. */
static void
expect_type(struct run *run, unsigned bit)
{
	/* One small file. */
	static const struct pace_work of_host = {1, 1024};
	const struct plugin_component *strategy;
	struct result_counts last;
	struct pace_work work;
	size_t i;

	if (strategy_find(run->registry, name_of(bit), &strategy, NULL) != HF_OK)
		return;
	if (strategy_is_of_host(strategy))
		(void)pace_expect(&run->pace, &of_host, 1);
	for (i = 0; i < run->plan->account_count; i++) {
		if (!takes(run, strategy, run->plan->accounts[i]))
			continue;
		/* A full run reads more than the last one did. */
		if (!run->full && result_previous(run->result, name_of(bit), run->plan->accounts[i]->name, &last)) {
			work = (struct pace_work){last.items, last.bytes_read};
			(void)pace_expect(&run->pace, &work, last.units);
		} else {
			(void)pace_expect(&run->pace, NULL, 0);
		}
	}
}

static int
run_types(struct run *run, struct hf_error *err)
{
	bool carried = false;
	size_t i;
	int r = HF_OK;

	for (i = 0; i < TYPE_COUNT; i++) {
		if ((run->types & types[i].bit) != 0)
			expect_type(run, types[i].bit);
	}
	for (i = 0; r == HF_OK && i < TYPE_COUNT; i++) {
		if ((run->types & types[i].bit) != 0)
			r = run_type(run, types[i].bit, types[i].folder, &carried, err);
	}
	if (r == HF_OK && !carried)
		return hf_error_set(err, HF_EINVAL, 0,
		    "plan %s: no strategy is installed that backs up anything of its accounts", run->plan->name);
	if (r == HF_OK && !types_are_named(run))
		warn_of_uncovered(run);
	if (r == HF_OK)
		progress_ends(run);
	return r;
}

/* ---- the result ---- */

/* As they were when the job was queued. */
static struct json_object *
options_of(const struct job *job)
{
	struct json_object *options = NULL;

	if (job->options == NULL || json_parse(job->options, strlen(job->options), "options", &options, NULL) != HF_OK)
		return json_object_new_object();
	return options;
}

static int
write_manifest(struct run *run, int64_t now, struct hf_error *err)
{
	struct json_object *object = json_object_new_object(), *versions = json_object_new_object();
	const char *text;
	size_t size = 0;
	int r = HF_ENOMEM;

	if (object == NULL || versions == NULL || !add(versions, "holdfast", json_object_new_string(PACKAGE_VERSION)) ||
	    !add(versions, "plugins", json_object_get(run->plugins)) ||
	    !add(object, "schema", json_object_new_string(SCHEMA)) ||
	    !add(object, "job", json_object_new_string(run->job->id)) ||
	    !add(object, "plan", json_object_new_string(run->plan->name)) ||
	    !add(object, "started_at", result_time(run->started_at)) || !add(object, "finished_at", result_time(now)) ||
	    !add(object, "options", options_of(run->job)) ||
	    !add(object, "full", json_object_new_boolean(run->full)) ||
	    !add(object, "state", json_object_new_string(result_partial(run->result) ? "partial" : "complete")) ||
	    !add(object, "versions", json_object_get(versions)))
		(void)hf_error_set(err, HF_ENOMEM, 0, "/holdfast.json: out of memory");
	else
		r = result_to_json(run->result, RESULT_ERRORS_MAX, object, err);
	if (r == HF_OK) {
		text = json_object_to_json_string_length(object,
		    JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE,
		    &size);
		r = text == NULL ? hf_error_set(err, HF_ENOMEM, 0, "/holdfast.json: out of memory")
		                 : archive_file(run->destination.archive, "/holdfast.json", text, size, now, err);
	}
	json_object_put(versions);
	json_object_put(object);
	return r;
}

static int
make_result(struct run *run, const struct repository_id *snapshot, struct json_object **ret, struct hf_error *err)
{
	struct json_object *object = json_object_new_object();
	char hex[HASH_HEX_SIZE];
	int r = HF_ENOMEM;

	hex_encode(snapshot->bytes, HASH_SIZE, hex);
	if (object == NULL || !add(object, "snapshot", json_object_new_string(hex)) ||
	    !add(object, "repository", json_object_new_string(run->plan->repository->name)) ||
	    !add(object, "bytes_stored",
	    json_object_new_int64((int64_t)destination_stats(&run->destination).bytes_stored)) ||
	    !add(object, "bytes_received", json_object_new_int64((int64_t)atomic_load(&run->received))) ||
	    !add(object, "bytes_transferred", json_object_new_int64((int64_t)run->destination.transferred)))
		(void)hf_error_set(err, HF_ENOMEM, 0, "the result: out of memory");
	else
		r = result_to_json(run->result, RESULT_ERRORS, object, err);
	if (r == HF_OK)
		r = result_fit(object, JOB_RESULT_MAX, err);
	if (r == HF_OK)
		*ret = object;
	else
		json_object_put(object);
	return r;
}

/* What the newest snapshot says of the job that a killed worker had finished. */
static int
result_of_manifest(struct run *run, struct json_object **ret, bool *ret_partial, struct hf_error *err)
{
	static const char *const kept[] = {"types", "errors", "error_count"};
	struct json_object *object = json_object_new_object(), *value;
	const char *state = NULL;
	char hex[HASH_HEX_SIZE];
	size_t i;
	int r;

	hex_encode(run->destination.previous.id.bytes, HASH_SIZE, hex);
	if (object == NULL || !add(object, "snapshot", json_object_new_string(hex)))
		goto fail;
	for (i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		value = json_object_object_get(run->destination.manifest, kept[i]);
		if (value != NULL && !add(object, kept[i], json_object_get(value)))
			goto fail;
	}
	r = result_fit(object, JOB_RESULT_MAX, err);
	if (r != HF_OK) {
		json_object_put(object);
		return r;
	}
	*ret_partial = json_get_string(run->destination.manifest, "state", "/holdfast.json", &state, NULL) == HF_OK &&
	               strcmp(state, "partial") == 0;
	*ret = object;
	return HF_OK;
fail:
	json_object_put(object);
	return hf_error_set(err, HF_ENOMEM, 0, "the result: out of memory");
}

/* ---- a run ---- */

static int
open_run(struct run *run, const char *state_directory, struct hf_error *err)
{
	struct destination_request request = {run->channel, run->job, NULL, NULL, NULL, &run->services,
	    state_directory};
	int r = config_load(run->job->config_path, &run->config, NULL, err);

	if (r == HF_OK)
		r = config_plan(run->config, run->job->plan, &run->plan, err);
	if (r == HF_OK && run->job->types[0] != '\0')
		r = config_types_parse(run->job->types, &run->types, err);
	else if (r == HF_OK)
		run->types = run->plan->types;
	if (r == HF_OK)
		r = http_open(NULL, &run->services.http, err);
	if (r == HF_OK)
		r = host_set_extension(HF_HOST_HTTP, &http_host_extension, err);
	if (r == HF_OK)
		r = image_open(state_directory, NULL, &run->services.image, err);
	if (r == HF_OK)
		r = host_set_extension(HF_HOST_IMAGE, &image_host_extension, err);
	if (r == HF_OK)
		r = host_set_extension(HF_HOST_SCRATCH, &scratch_host_extension, err);
	if (r == HF_OK)
		r = registry_open(&run->registry, err);
	if (r == HF_OK) {
		about_init(&run->about, registry_scan(run->registry));
		r = host_set_extension(HF_HOST_ABOUT, &run->about.table, err);
	}
	if (r == HF_OK)
		r = strategy_check_plan(run->registry, run->config, run->plan, err);
	/* Only a missing repository may look like one. */
	if (r == HF_ENOTFOUND || r == HF_EAUTH || r == HF_EBUSY)
		return hf_error_set(err, HF_EINVAL, 0, "%s", err->msg);
	if (r != HF_OK)
		return r;
	run->full = run->job->full || !run->plan->options.incremental_only;
	request.config = run->config;
	request.plan = run->plan;
	request.registry = run->registry;
	r = destination_open(&run->destination, &request, err);
	if (r == HF_OK && (run->scratch = path_join(run->destination.directory, "scratch")) == NULL)
		r = hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	run->services.scratch = run->scratch;
	if (r == HF_OK)
		r = run_note_plugin(run, &run->destination.storage, err);
	if (r == HF_OK && (run->result = result_new(run->destination.manifest)) == NULL)
		r = hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	return r;
}

/*
 * A run that could read nothing at all is no backup: the newest snapshot stays the last good one.  That
 * the machine could tell about itself does not make up for accounts.  Trying again helps when the first
 * account's trouble may pass; its other codes would be taken for the repository's.
 */
static int
check_readable(const struct run *run, struct hf_error *err)
{
	const struct run_tally *tally =
	    run->accounts.read + run->accounts.failed > 0 ? &run->accounts : &run->host;
	const struct hf_error *why = &run->unreadable;

	if (tally->read > 0 || tally->failed == 0)
		return HF_OK;
	return hf_error_set(err, HF_IS_TRANSIENT(why->code) ? why->code : HF_EIO, why->os_errno,
	    "nothing could be read: %s", why->msg);
}

static int
back_up(struct run *run, struct json_object **ret, struct hf_error *err)
{
	struct repository_id snapshot;
	int r = run_types(run, err);

	if (r == HF_OK)
		r = check_readable(run, err);
	if (r == HF_OK)
		r = result_carry_over(run->result, err);
	if (r == HF_OK)
		r = write_manifest(run, time_now(), err);
	if (r == HF_OK)
		r = destination_finish(&run->destination, &snapshot, err);
	return r == HF_OK ? make_result(run, &snapshot, ret, err) : destination_blame(&run->destination, r, err);
}

int
run_job(struct channel *channel, const struct job *job, const char *state_directory,
    struct json_object **ret_result, bool *ret_partial, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	struct run run;
	int r;

	memset(&run, 0, sizeof(run));
	run.channel = channel;
	run.job = job;
	run.started_at = time_now();
	run.unreadable = (struct hf_error)HF_ERROR_INIT;
	run.services = (struct host_services){.ctx = &run, .stop_requested = service_stop_requested,
	    .received = service_received};
	run.thread = pthread_self();
	progress_copy_text(run.progress.job, sizeof(run.progress.job), job->id);
	r = open_run(&run, state_directory, &why);
	if (r == HF_OK && destination_is_done(&run.destination)) {
		r = result_of_manifest(&run, ret_result, ret_partial, &why);
	} else if (r == HF_OK) {
		r = back_up(&run, ret_result, &why);
		*ret_partial = r == HF_OK && result_partial(run.result);
	}
	if (r == HF_OK && destination_forget(&run.destination, &why) != HF_OK)
		log_message(HF_LOG_WARNING, "%s", why.msg);
	destination_close(&run.destination);
	pace_release(&run.pace);
	result_free(run.result);
	json_object_put(run.plugins);
	(void)host_set_extension(HF_HOST_ABOUT, NULL, NULL);
	registry_free(run.registry);
	(void)host_set_extension(HF_HOST_IMAGE, NULL, NULL);
	image_close(run.services.image);
	(void)host_set_extension(HF_HOST_HTTP, NULL, NULL);
	(void)host_set_extension(HF_HOST_SCRATCH, NULL, NULL);
	free(run.scratch);
	http_close(run.services.http);
	config_free(run.config);
	if (r != HF_OK) {
		if (err != NULL)
			*err = why;
		return r;
	}
	return HF_OK;
}
