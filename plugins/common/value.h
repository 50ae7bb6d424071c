/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef VALUE_H
#define VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include <holdfast/source.h>

/* A string or number as text; data NULL for everything else and for "". */
struct hf_text value_text(const struct hf_json_value *value);
/* The same, but "" stays "". */
struct hf_text value_text_or_empty(const struct hf_json_value *value);
/* A string of ours. */
struct hf_text value_of_string(const char *string);
/* a, or b where there is no a. */
struct hf_text value_either(struct hf_text a, struct hf_text b);
/* Whether a value is a string that is spelled so. */
bool value_is(const struct hf_json_value *value, const char *string);
bool value_text_is(const struct hf_text *text, const char *string);
/* A whole number that is not negative, also in quotes; else fallback. */
int64_t value_number(const struct hf_json_value *value, int64_t fallback);
/* Seconds since 1970, a number or a string, as nanoseconds; 0 is no time. */
int64_t value_unix_time(const struct hf_json_value *value);
/* Slices an object's members; false for everything else. */
bool value_open(const struct hf_host_json *json, const struct hf_json_value *value, const char *const *names,
    uint32_t count, struct hf_json_value *values);
/* Nanoseconds since 1970 of a date and time of UTC, or HF_NO_TIME when there is none such. */
int64_t value_civil_time(int64_t year, int month, int day, int hour, int minute, int second);
/* A NUL-terminated copy of a text as UTF-8; NULL: out of memory. */
char *value_copy(const struct hf_host_json *json, const struct hf_text *text, size_t *ret_size);
/* Whether bytes are UTF-8, as all text is that crosses the ABI. */
bool value_is_utf8(const char *text, size_t size);

#endif
