/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "worker/account.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/path.h"
#include "base/plural.h"
#include "plugin/strategy.h"
#include "worker/emitter.h"
#include "worker/units.h"
#include "worker/view.h"

#define PREFIX_SIZE (PATH_COMPONENT_MAX + 32)

struct work {
	struct run *run;
	const struct account_request *request;
	char prefix[PREFIX_SIZE]; /* "/chats/family/": where the account's folders are */
	struct instance source;
	struct view view;
	struct units *units;
	struct result_counts counts;
	struct hf_error fatal; /* of the repository, while planning */
	struct looker looker;
	bool rate_limited; /* the source is: what it gave is not to be asked for twice */
	bool left_out;     /* as it is configured, the source has nothing of the type */
	bool whole;            /* a unit has all of the account's folder */
	struct hf_error lost;  /* why that one failed; code HF_OK: it did not */
};

/* ---- planning ---- */

static int
check_place(const struct work *work, const char *path, struct hf_error *err)
{
	size_t size = strlen(work->prefix);

	if (path != NULL && strncmp(path, work->prefix, size) == 0 && path[size] != '\0')
		return HF_OK;
	return hf_error_set(err, HF_EINVAL, 0, "\"%s\" is not below %s, where its files go", path == NULL ? "" : path,
	    work->prefix);
}

/* A unit may own all of the account's folder, if it is the only one. */
static int
check_unit(struct work *work, const char *path, struct hf_error *err)
{
	size_t size = strlen(work->prefix) - 1;
	bool whole = path != NULL && strlen(path) == size && strncmp(path, work->prefix, size) == 0;

	if (work->whole || (whole && units_count(work->units) > 0))
		return hf_error_set(err, HF_EINVAL, 0, "a unit has the whole folder %.*s, and another is in it",
		    (int)size, work->prefix);
	work->whole = whole;
	return whole ? HF_OK : check_place(work, path, err);
}

static int
plan_unit(void *ctx, const struct hf_unit *unit, struct hf_error *err)
{
	struct work *work = ctx;
	struct hf_unit whole;
	int r = run_go_on(work->run, err);

	memset(&whole, 0, sizeof(whole));
	memcpy(&whole, unit, unit->struct_size < sizeof(whole) ? unit->struct_size : sizeof(whole));
	if (r == HF_OK)
		r = check_unit(work, whole.path, err);
	return r == HF_OK ? units_add(work->units, &whole, err) : r;
}

static int
plan_file(void *ctx, const char *path, const struct hf_blob *data, int64_t mtime_ns, struct hf_error *err)
{
	struct work *work = ctx;
	int r = check_place(work, path, err);

	if (r != HF_OK)
		return r;
	r = archive_file(work->run->destination.archive, path, data->data, data->size, mtime_ns, &work->fatal);
	if (r != HF_OK)
		return hf_error_set(err, r, work->fatal.os_errno, "%s", work->fatal.msg);
	return HF_OK;
}

static int
plan_failed(void *ctx, const char *item, const struct hf_error *why, struct hf_error *err)
{
	struct work *work = ctx;

	work->counts.items++;
	work->counts.failed++;
	run_progress(work->run, work->request->type, 1, 0, 1);
	return run_item_failed(work->run, work->request->type, work->request->name, item, why->msg, err);
}

static int
open_source(struct work *work, struct hf_error *err)
{
	const struct config_account *account = work->request->account;
	int r = instance_open_account(work->run->registry, work->run->config, account, &work->run->services,
	    &work->source, err);

	if (r == HF_OK)
		r = run_note_plugin(work->run, &work->source, err);
	if (r == HF_OK)
		view_init(&work->view, &work->source, account->name);
	return r;
}

/* What the records come from, for the result. */
static const char *
source_name(const struct account_request *request)
{
	return request->account != NULL ? request->account->source : request->strategy->component->name;
}

static int
make_plan(struct work *work, struct hf_error *err)
{
	const struct hf_planner planner = {.struct_size = (uint32_t)sizeof(planner), .ctx = work,
	    .unit = plan_unit, .file = plan_file,
	    .failed = plan_failed, .snapshot = &work->looker.table};
	const struct instance *strategy = work->request->strategy;
	struct hf_source_caps caps;
	bool told;
	int r = units_open(work->run->destination.directory, &work->units, &work->fatal);

	if (r != HF_OK)
		return hf_error_set(err, r, work->fatal.os_errno, "%s", work->fatal.msg);
	if (work->request->account != NULL)
		r = open_source(work, err);
	else
		view_init_host(&work->view, work->request->name);
	if (r != HF_OK)
		return r;
	told = work->view.table.caps(work->view.table.ctx, &caps, NULL) == HF_OK;
	work->rate_limited = told && caps.rate_limited == HF_YES;
	work->left_out = told && strategy_is_left_out(strategy->component, &caps);
	if (work->left_out)
		return HF_OK;
	r = strategy->component->ops.strategy.plan(strategy->handle, &work->view.table, &planner, err);
	if (work->looker.failure.code != HF_OK) {
		work->fatal = work->looker.failure;
		return hf_error_set(err, work->fatal.code, work->fatal.os_errno, "%s", work->fatal.msg);
	}
	return r == HF_OK ? units_seal(work->units, err) : r;
}

/* ---- units ---- */

/* Takes over what an earlier worker of this job has finished. */
static int
take_over(struct work *work, const struct hf_unit *unit, const char *text, struct hf_error *err)
{
	struct emitter emitter;
	int r = emitter_open(&emitter, work->run, work->request->type, work->request->name, NULL, err);

	if (r != HF_OK)
		return r;
	pace_unit_begin(&work->run->pace, &(const struct pace_work){unit->items, unit->bytes});
	r = emitter_take_note(&emitter, text, 0, err);
	pace_unit_end(&work->run->pace);
	result_counts_add(&work->counts, &emitter.counts);
	emitter_close(&emitter);
	return r;
}

static int
end_unit(struct emitter *emitter, struct hf_error *err)
{
	struct buffer note = BUFFER_INIT(1u << 16);
	int r;

	emitter_end(emitter);
	r = emitter_note(emitter, &note, err);
	if (r == HF_OK)
		r = archive_unit_end(emitter->run->destination.archive, buffer_string(&note), err);
	buffer_release(&note);
	return r;
}

/* The folder stays as it was; the rest of the run goes on. */
static int
unit_failed(struct work *work, const struct hf_unit *unit, struct emitter *emitter, const struct hf_error *why,
    struct hf_error *err)
{
	char item[256];

	archive_unit_abandon(work->run->destination.archive);
	if (work->whole)
		work->lost = *why;
	(void)snprintf(item, sizeof(item), "%.*s", unit->id.size > 200 ? 200 : (int)unit->id.size, unit->id.data);
	emitter->counts.kept = 1;
	emitter->counts.added = 0;
	emitter->counts.items++;
	emitter->counts.failed++;
	run_progress(work->run, work->request->type, 1, 0, 1);
	return run_item_failed(work->run, work->request->type, work->request->name, item,
	    why->msg[0] != '\0' ? why->msg : "it failed without a reason", err);
}

/* Begins it, or goes on with it after a crash. */
static int
begin_unit(struct work *work, const struct hf_unit *unit, struct emitter *emitter, struct hf_run *how,
    struct hf_error *err)
{
	struct archive *archive = work->run->destination.archive;
	struct archive_resumed resumed;
	int r;

	if ((unit->flags & HF_UNIT_RESUMABLE) == 0)
		return archive_unit_begin(archive, unit->path, err);
	emitter->resumable = true;
	emitter->each_page = work->rate_limited;
	r = archive_unit_resume(archive, unit->path, &resumed, err);
	if (r != HF_OK || resumed.note == NULL)
		return r;
	how->cursor = resumed.cursor;
	return emitter_take_note(emitter, resumed.note, resumed.lines, err);
}

static int
execute(struct work *work, const struct hf_unit *unit, struct emitter *emitter, struct hf_error *err)
{
	const struct instance *strategy = work->request->strategy;
	struct hf_run how = {(uint32_t)sizeof(how), work->run->full ? HF_RUN_FULL : 0, {NULL, 0}};
	struct hf_error why = HF_ERROR_INIT;
	int r = begin_unit(work, unit, emitter, &how, &why);

	if (r == HF_OK) {
		r = strategy->component->ops.strategy.execute(strategy->handle, &work->view.table, unit, &how,
		    &emitter->table, &why);
		if (emitter->failure.code == HF_OK && work->looker.failure.code != HF_OK) {
			emitter->failure = work->looker.failure;
			emitter->fatal = true;
		}
		if (emitter->failure.code != HF_OK) {
			why = emitter->failure;
			r = why.code;
		}
		if (r != HF_OK && (emitter->fatal || run_go_on(work->run, NULL) != HF_OK))
			return hf_error_set(err, HF_IS_CONTROL(r) || emitter->fatal ? r : HF_ESTOPPING,
			    why.os_errno, "%s", why.msg);
		if (r != HF_OK)
			return unit_failed(work, unit, emitter, &why, err);
		r = end_unit(emitter, &why);
		if (r == HF_OK)
			return HF_OK;
	}
	/*
	 * What the previous snapshot has of it may be damaged, or what was written be no folder; a storage that
	 * fails would fail the next unit, too.
	 */
	if (r != HF_ECORRUPT && r != HF_EINVAL && r != HF_ERANGE)
		return hf_error_set(err, r, why.os_errno, "%s", why.msg);
	return unit_failed(work, unit, emitter, &why, err);
}

static int
run_unit(struct work *work, const struct hf_unit *unit, struct hf_error *err)
{
	const char *note = archive_unit_finished(work->run->destination.archive, unit->path);
	struct emitter emitter;
	int r;

	if (note != NULL)
		return take_over(work, unit, note, err);
	r = emitter_open(&emitter, work->run, work->request->type, work->request->name, &work->looker, err);
	if (r != HF_OK)
		return r;
	pace_unit_begin(&work->run->pace, &(const struct pace_work){unit->items, unit->bytes});
	r = execute(work, unit, &emitter, err);
	pace_unit_end(&work->run->pace);
	result_counts_add(&work->counts, &emitter.counts);
	emitter_close(&emitter);
	return r == HF_OK ? destination_tick(&work->run->destination, err) : r;
}

static int
run_units(struct work *work, struct hf_error *err)
{
	struct hf_unit unit;
	int r;

	for (;;) {
		r = run_go_on(work->run, err);
		if (r != HF_OK)
			return r;
		r = units_next(work->units, &unit, err);
		if (r == HF_ENOTFOUND)
			return HF_OK;
		if (r == HF_OK)
			r = run_unit(work, &unit, err);
		if (r != HF_OK)
			return r;
	}
}

/* ---- the account ---- */

static struct run_tally *
tally_of(const struct work *work)
{
	return work->request->account != NULL ? &work->run->accounts : &work->run->host;
}

/* The first that could not be read is the reason of a run that could read none. */
static void
note_unreadable(struct work *work, const struct hf_error *why)
{
	if (work->run->unreadable.code == HF_OK)
		(void)hf_error_set(&work->run->unreadable, why->code, why->os_errno, "%s: %s", work->request->name,
		    why->msg);
}

static int
account_failed(struct work *work, const struct hf_error *why, struct hf_error *err)
{
	const struct account_request *request = work->request;
	int r;

	note_unreadable(work, why);
	tally_of(work)->failed++;
	work->counts.items++;
	work->counts.failed++;
	run_progress(work->run, request->type, 1, 0, 1);
	r = run_item_failed(work->run, request->type, request->name, "",
	    why->msg[0] != '\0' ? why->msg : "it failed without a reason", err);
	return r == HF_OK ? result_account(work->run->result, request->type, request->name,
	                        source_name(request), false, &work->counts, err)
	                  : r;
}

/*
 * A place that is suddenly empty is more often a mistake than the truth: a disk that is not mounted, a path
 * that has moved.  One unit may be the account's own, such as its people.
 */
static bool
has_vanished(const struct work *work, struct hf_error *why)
{
	const struct account_request *request = work->request;
	uint64_t before = result_previous_units(work->run->result, request->type, request->name);
	uint64_t now = units_count(work->units);

	if (before > 1 && now <= 1) {
		(void)hf_error_set(why, HF_EIO, 0,
		    "nothing is there now, and at the last backup there were %" PRIu64 " folders, which stay in the "
		    "snapshot; is the path right, and the place mounted?", before);
		return true;
	}
	if (now < before)
		log_message(HF_LOG_WARNING, "%s: %" PRIu64 " folder%s now, and %" PRIu64 " at the last backup; what "
		    "is gone stays in the snapshot", request->name, now, plural_s(now), before);
	return false;
}

/* That is no failure, but more often a mistake in the options than the truth. */
static void
tell_of_nothing(const struct work *work)
{
	uint64_t units = units_count(work->units);

	if (units > 1 && work->counts.items == 0)
		log_message(HF_LOG_WARNING, "account %s: nothing is in any of its %" PRIu64 " folders; if there should "
		    "be something, are its options right?", work->request->name, units);
}

/* Runs what was planned. */
static int
run_plan(struct work *work, struct hf_error *err)
{
	const struct account_request *request = work->request;
	struct hf_error why = HF_ERROR_INIT;
	int r;

	if (has_vanished(work, &why))
		return account_failed(work, &why, err);
	pace_plan(&work->run->pace, units_estimates(work->units));
	r = run_units(work, err);
	if (r != HF_OK)
		return r;
	if (result_previous_units(work->run->result, request->type, request->name) == 0)
		tell_of_nothing(work);
	/* When all that the account consists of failed, it could not be read. */
	if (work->lost.code != HF_OK) {
		note_unreadable(work, &work->lost);
		tally_of(work)->failed++;
	} else {
		tally_of(work)->read++;
	}
	return result_account(work->run->result, request->type, request->name, source_name(request),
	    work->lost.code == HF_OK, &work->counts, err);
}

static int
set_prefix(struct work *work, struct hf_error *err)
{
	char name[PATH_COMPONENT_MAX + 1];
	int r = path_encode(work->request->name, strlen(work->request->name), name, err);

	if (r == HF_OK)
		(void)snprintf(work->prefix, sizeof(work->prefix), "/%s/%s/", work->request->folder, name);
	return r;
}

int
account_run(struct run *run, const struct account_request *request, struct hf_error *err)
{
	struct work work;
	struct hf_error why = HF_ERROR_INIT;
	int r;

	memset(&work, 0, sizeof(work));
	work.run = run;
	work.request = request;
	work.fatal = (struct hf_error)HF_ERROR_INIT;
	work.lost = (struct hf_error)HF_ERROR_INIT;
	looker_init(&work.looker, run->destination.archive, &(struct archive_damage){&work, plan_failed});
	r = set_prefix(&work, err);
	if (r != HF_OK)
		return r;
	pace_part_begin(&run->pace);
	r = make_plan(&work, &why);
	why.code = r;
	if (work.fatal.code != HF_OK && work.fatal.code != HF_EINVAL) {
		r = hf_error_set(err, work.fatal.code, work.fatal.os_errno, "%s", work.fatal.msg);
	} else if (r != HF_OK && run_go_on(run, err) != HF_OK) {
		r = HF_ESTOPPING;
	} else if (r != HF_OK) {
		r = account_failed(&work, &why, err);
	} else if (work.left_out) {
		log_message(HF_LOG_DEBUG, "%s of account %s are left out: as it is configured, it has none",
		    request->type, request->name);
	} else {
		r = run_plan(&work, err);
	}
	pace_part_end(&run->pace);
	units_close(work.units);
	instance_close(&work.source);
	return r;
}
