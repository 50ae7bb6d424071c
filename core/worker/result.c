/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "worker/result.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "progress/progress.h"

#define TEXT_MAX 300u /* bytes of an error's item and message */

struct result {
	struct json_object *previous; /* its "types"; NULL: none */
	struct json_object *types;
	struct json_object *errors;
	uint64_t error_count;
	bool partial;
};

static int
no_memory(struct hf_error *err)
{
	return hf_error_set(err, HF_ENOMEM, 0, "the result: out of memory");
}

/* Takes value over, also on failure. */
static int
add(struct json_object *object, const char *name, struct json_object *value)
{
	if (value != NULL && json_object_object_add(object, name, value) == 0)
		return HF_OK;
	json_object_put(value);
	return HF_ENOMEM;
}

static int
add_count(struct json_object *object, const char *name, uint64_t count)
{
	return add(object, name, json_object_new_int64((int64_t)count));
}

static struct json_object *
member(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;

	return json_object_is_type(object, json_type_object) && json_object_object_get_ex(object, name, &value) ? value
	                                                                                                        : NULL;
}

void
result_counts_add(struct result_counts *sum, const struct result_counts *counts)
{
	sum->units += counts->units;
	sum->kept += counts->kept;
	sum->items += counts->items;
	sum->failed += counts->failed;
	sum->added += counts->added;
	sum->bytes_read += counts->bytes_read;
	sum->missing += counts->missing;
	sum->left_out += counts->left_out;
	if (counts->next_try_ns != 0 && (sum->next_try_ns == 0 || counts->next_try_ns < sum->next_try_ns))
		sum->next_try_ns = counts->next_try_ns;
}

struct result *
result_new(struct json_object *previous)
{
	struct result *result = calloc(1, sizeof(*result));

	if (result == NULL)
		return NULL;
	result->previous = json_object_get(member(previous, "types"));
	result->types = json_object_new_object();
	result->errors = json_object_new_array();
	if (result->types == NULL || result->errors == NULL) {
		result_free(result);
		return NULL;
	}
	return result;
}

void
result_free(struct result *result)
{
	if (result == NULL)
		return;
	json_object_put(result->previous);
	json_object_put(result->types);
	json_object_put(result->errors);
	free(result);
}

/* The named object inside another; made when it is not there.  NULL without memory. */
static struct json_object *
child(struct json_object *object, const char *name)
{
	struct json_object *value = member(object, name);

	if (value != NULL)
		return value;
	value = json_object_new_object();
	return add(object, name, value) == HF_OK ? value : NULL;
}

static struct json_object *
previous_account(const struct result *result, const char *type, const char *account)
{
	return member(member(member(result->previous, type), "accounts"), account);
}

/* Raises a count of the type's own. */
static int
raise_count(struct json_object *type, const char *name, uint64_t more)
{
	return add_count(type, name, (uint64_t)json_object_get_int64(member(type, name)) + more);
}

static int
add_to_type(struct json_object *type, const struct result_counts *counts)
{
	return raise_count(type, "total", counts->items) != HF_OK ||
	               raise_count(type, "successful", counts->items - counts->failed - counts->left_out) != HF_OK ||
	               raise_count(type, "failed", counts->failed) != HF_OK ||
	               raise_count(type, "added", counts->added) != HF_OK ||
	               raise_count(type, "bytes_read", counts->bytes_read) != HF_OK
	           ? HF_ENOMEM
	           : HF_OK;
}

struct json_object *
result_time(int64_t ns)
{
	char text[TIME_RFC3339_SIZE];

	return json_object_new_string_len(text, (int)time_format(ns, text));
}

/* What is still not backed up, and when it is tried again. */
static int
add_missing(struct json_object *object, const struct result_counts *counts)
{
	if (counts->missing == 0)
		return HF_OK;
	if (add_count(object, "missing", counts->missing) != HF_OK)
		return HF_ENOMEM;
	return counts->next_try_ns == 0 ? HF_OK : add(object, "next_try", result_time(counts->next_try_ns));
}

/* When the data is from: now, or as the previous run said. */
static struct json_object *
as_of(struct json_object *before, bool readable)
{
	return readable ? result_time(time_now()) : json_object_get(member(before, "as_of"));
}

/* Adds those members that the previous run's object has. */
static int
copy_members(struct json_object *object, struct json_object *before, const char *const *names, size_t count)
{
	struct json_object *value;
	size_t i;

	for (i = 0; i < count; i++) {
		value = member(before, names[i]);
		if (value != NULL && add(object, names[i], json_object_get(value)) != HF_OK)
			return HF_ENOMEM;
	}
	return HF_OK;
}

int
result_account(struct result *result, const char *type, const char *account, const char *source,
    bool readable, const struct result_counts *counts, struct hf_error *err)
{
	struct json_object *of_type = child(result->types, type), *object = json_object_new_object(), *date;
	static const char *const still[] = {"missing", "next_try"};
	struct json_object *before = previous_account(result, type, account);
	bool clean = readable && counts->failed == 0 && counts->kept == 0;

	if (of_type == NULL || object == NULL || add_to_type(of_type, counts) != HF_OK ||
	    add(child(of_type, "accounts"), account, object) != HF_OK) {
		json_object_put(of_type == NULL ? object : NULL);
		return no_memory(err);
	}
	date = as_of(before, readable);
	if (add(object, "source", json_object_new_string(source)) != HF_OK ||
	    add(object, "state", json_object_new_string(clean ? "complete" : readable ? "partial" :
	    "failed")) != HF_OK ||
	    (date != NULL && add(object, "as_of", date) != HF_OK) ||
	    (!readable && add(object, "carried_over", json_object_new_boolean(before != NULL)) != HF_OK) ||
	    add_count(object, "units", readable ? counts->units : result_previous_units(result, type, account)) !=
	        HF_OK ||
	    add_count(object, "units_carried_over", counts->kept) != HF_OK ||
	    add_count(object, "total", counts->items) != HF_OK || add_count(object, "failed",
	    counts->failed) != HF_OK ||
	    add_count(object, "added", counts->added) != HF_OK ||
	    add_count(object, "bytes_read", counts->bytes_read) != HF_OK ||
	    (readable ? add_missing(object, counts) : copy_members(object, before, still, 2)) != HF_OK)
		return no_memory(err);
	result->partial = result->partial || !clean;
	return HF_OK;
}

int
result_stored(struct result *result, const char *type, uint64_t bytes, struct hf_error *err)
{
	struct json_object *of_type = child(result->types, type);

	return of_type != NULL && raise_count(of_type, "bytes_stored", bytes) == HF_OK ? HF_OK : no_memory(err);
}

/* Text of an error: cut, and valid UTF-8 whatever it was. */
static struct json_object *
short_text(const char *text)
{
	char cut[TEXT_MAX];

	progress_copy_text(cut, sizeof(cut), text);
	return progress_json_string(cut);
}

int
result_error(struct result *result, const char *type, const char *account, const char *item,
    const char *message, struct hf_error *err)
{
	struct json_object *object;

	result->error_count++;
	if (result->error_count > RESULT_ERRORS_MAX)
		return HF_OK;
	object = json_object_new_object();
	if (object == NULL || add(object, "type", json_object_new_string(type)) != HF_OK ||
	    add(object, "account", json_object_new_string(account)) != HF_OK ||
	    (item[0] != '\0' && add(object, "item", short_text(item)) != HF_OK) ||
	    add(object, "message", short_text(message)) != HF_OK || json_object_array_add(result->errors,
	    object) != 0) {
		json_object_put(object);
		return no_memory(err);
	}
	return HF_OK;
}

static int
carry_account(struct json_object *type, const char *name, struct json_object *before)
{
	static const char *const kept[] = {"source", "as_of", "units", "was", "missing", "next_try"};
	struct json_object *object = json_object_new_object();
	const char *state = json_object_get_string(member(before, "state"));

	if (add(child(type, "accounts"), name, object) != HF_OK ||
	    add(object, "state", json_object_new_string("carried_over")) != HF_OK)
		return HF_ENOMEM;
	if (state != NULL && strcmp(state, "carried_over") != 0 &&
	    add(object, "was", json_object_new_string(state)) != HF_OK)
		return HF_ENOMEM;
	return copy_members(object, before, kept, sizeof(kept) / sizeof(kept[0]));
}

static int
carry_type(struct result *result, const char *name, struct json_object *accounts)
{
	struct json_object_iterator at, end;
	struct json_object *type, *before;

	if (!json_object_is_type(accounts, json_type_object) || json_object_object_length(accounts) == 0)
		return HF_OK;
	type = child(result->types, name);
	if (type == NULL)
		return HF_ENOMEM;
	at = json_object_iter_begin(accounts);
	end = json_object_iter_end(accounts);
	for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at)) {
		before = json_object_iter_peek_value(&at);
		if (member(member(type, "accounts"), json_object_iter_peek_name(&at)) != NULL ||
		    !json_object_is_type(before, json_type_object))
			continue;
		if (carry_account(type, json_object_iter_peek_name(&at), before) != HF_OK)
			return HF_ENOMEM;
	}
	return HF_OK;
}

int
result_carry_over(struct result *result, struct hf_error *err)
{
	struct json_object_iterator at, end;

	if (!json_object_is_type(result->previous, json_type_object))
		return HF_OK;
	at = json_object_iter_begin(result->previous);
	end = json_object_iter_end(result->previous);
	for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at)) {
		if (carry_type(result, json_object_iter_peek_name(&at),
		        member(json_object_iter_peek_value(&at), "accounts")) != HF_OK)
			return no_memory(err);
	}
	return HF_OK;
}

uint64_t
result_previous_units(const struct result *result, const char *type, const char *account)
{
	int64_t units = json_object_get_int64(member(previous_account(result, type, account), "units"));

	return units < 0 ? 0 : (uint64_t)units;
}

static uint64_t
previous_count(struct json_object *account, const char *name)
{
	int64_t count = json_object_get_int64(member(account, name));

	return count < 0 ? 0 : (uint64_t)count;
}

bool
result_previous(const struct result *result, const char *type, const char *account, struct result_counts *ret)
{
	struct json_object *before = previous_account(result, type, account);
	const char *state = json_object_get_string(member(before, "state"));

	if (state == NULL || (strcmp(state, "complete") != 0 && strcmp(state, "partial") != 0))
		return false;
	*ret = (struct result_counts){.units = previous_count(before, "units"),
	    .items = previous_count(before, "total"), .failed = previous_count(before, "failed"),
	    .added = previous_count(before, "added"), .bytes_read = previous_count(before, "bytes_read")};
	return true;
}

bool
result_had_type(const struct result *result, const char *type)
{
	return member(result->previous, type) != NULL;
}

bool
result_partial(const struct result *result)
{
	return result->partial || result->error_count > 0;
}

int
result_to_json(const struct result *result, size_t errors_max, struct json_object *object, struct hf_error *err)
{
	struct json_object *errors = json_object_new_array();
	size_t i, count = json_object_array_length(result->errors);

	for (i = 0; errors != NULL && i < count && i < errors_max; i++) {
		if (json_object_array_add(errors, json_object_get(json_object_array_get_idx(result->errors, i))) != 0) {
			json_object_put(json_object_array_get_idx(result->errors, i));
			json_object_put(errors);
			return no_memory(err);
		}
	}
	if (add(object, "errors", errors) != HF_OK || add_count(object, "error_count", result->error_count) != HF_OK ||
	    add(object, "types", json_object_get(result->types)) != HF_OK)
		return no_memory(err);
	return HF_OK;
}

/* Takes away what is missed least; false: there is nothing left of it. */
static bool
shorten(struct json_object *object)
{
	struct json_object *errors = member(object, "errors"), *types = member(object, "types");
	size_t count = json_object_is_type(errors, json_type_array) ? json_object_array_length(errors) : 0;
	struct json_object_iterator at, end;
	bool shorter = false;

	if (count > 0)
		return json_object_array_del_idx(errors, count / 2, count - count / 2) == 0;
	if (types == NULL)
		return false;
	if (json_object_is_type(types, json_type_object)) {
		at = json_object_iter_begin(types);
		end = json_object_iter_end(types);
		for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at)) {
			if (member(json_object_iter_peek_value(&at), "accounts") == NULL)
				continue;
			json_object_object_del(json_object_iter_peek_value(&at), "accounts");
			shorter = true;
		}
	}
	if (!shorter)
		json_object_object_del(object, "types");
	return true;
}

int
result_fit(struct json_object *object, size_t max, struct hf_error *err)
{
	size_t size = 0;

	do {
		if (json_object_to_json_string_length(object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE,
		        &size) == NULL)
			return no_memory(err);
		if (size <= max)
			return HF_OK;
	} while (shorten(object));
	return hf_error_set(err, HF_ERANGE, 0, "the result is longer than %zu bytes", max);
}
