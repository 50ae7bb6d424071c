/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/unit.h"
#include "worker/units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[] = "/tmp/holdfast-units-XXXXXX";

static struct hf_unit
unit_of(const char *id, size_t id_size, const char *path, const char *data)
{
	return (struct hf_unit){sizeof(struct hf_unit), 0, {id, id_size, HF_TEXT_UTF8, 0}, path, {data, strlen(data)}, 7, 9};
}

static void
data_of(int i, char *out, size_t size)
{
	if (i % 3 == 0)
		out[0] = '\0';
	else
		(void)snprintf(out, size, "{\"n\":%d}", i);
}

/* What goes in comes out in the same order, ids with any bytes too. */
static void
test_round(void)
{
	struct units *units;
	struct hf_unit unit;
	char id[32], path[64], data[32];
	int i;

	CU_ASSERT_EQUAL_FATAL(units_open(directory, &units, NULL), HF_OK);
	for (i = 0; i < 1000; i++) {
		(void)snprintf(id, sizeof(id), "room %03d", i);
		(void)snprintf(path, sizeof(path), "/chats/a/rooms/%d", i);
		data_of(i, data, sizeof(data));
		id[4] = '\0';
		unit = unit_of(id, i % 5 == 0 ? 0 : 8, path, data);
		CU_ASSERT_EQUAL(units_add(units, &unit, NULL), HF_OK);
	}
	CU_ASSERT_EQUAL(units_seal(units, NULL), HF_OK);
	CU_ASSERT_EQUAL(units_count(units), 1000);
	CU_ASSERT_EQUAL(units_estimates(units)->known.items, 7000);
	CU_ASSERT_EQUAL(units_estimates(units)->known.bytes, 9000);
	CU_ASSERT_EQUAL(units_estimates(units)->no_items, 0);
	for (i = 0; i < 1000; i++) {
		(void)snprintf(id, sizeof(id), "room %03d", i);
		(void)snprintf(path, sizeof(path), "/chats/a/rooms/%d", i);
		data_of(i, data, sizeof(data));
		id[4] = '\0';
		CU_ASSERT_EQUAL_FATAL(units_next(units, &unit, NULL), HF_OK);
		CU_ASSERT_EQUAL(unit.id.size, i % 5 == 0 ? 0 : 8);
		CU_ASSERT_EQUAL(memcmp(unit.id.data, id, unit.id.size), 0);
		CU_ASSERT_STRING_EQUAL(unit.path, path);
		CU_ASSERT_EQUAL(unit.data.size, strlen(data));
		CU_ASSERT_EQUAL(memcmp(unit.data.data, data, unit.data.size), 0);
		CU_ASSERT_EQUAL(unit.items, 7);
		CU_ASSERT_EQUAL(unit.bytes, 9);
	}
	CU_ASSERT_EQUAL(units_next(units, &unit, NULL), HF_ENOTFOUND);
	units_close(units);
}

/* Two rooms in one folder would be one after the other's loss. */
static void
test_same_folder(void)
{
	struct units *units;
	struct hf_unit unit = unit_of("a", 1, "/chats/a/rooms/x", "");
	struct hf_error err = HF_ERROR_INIT;

	CU_ASSERT_EQUAL_FATAL(units_open(directory, &units, NULL), HF_OK);
	CU_ASSERT_EQUAL(units_add(units, &unit, NULL), HF_OK);
	unit.path = "/chats/a/rooms/y";
	unit.items = 0;
	CU_ASSERT_EQUAL(units_add(units, &unit, NULL), HF_OK);
	CU_ASSERT_EQUAL(units_estimates(units)->known.items, 7);
	CU_ASSERT_EQUAL(units_estimates(units)->no_items, 1);
	unit.path = "/chats/a/rooms/x";
	CU_ASSERT_EQUAL(units_add(units, &unit, NULL), HF_OK);
	CU_ASSERT_EQUAL(units_seal(units, &err), HF_EINVAL);
	CU_ASSERT_NOT_EQUAL(err.msg[0], '\0');
	units_close(units);
}

static void
test_limits(void)
{
	struct units *units;
	struct hf_unit unit = unit_of("a", (1u << 20), "/chats/a/rooms/x", "");

	CU_ASSERT_EQUAL_FATAL(units_open(directory, &units, NULL), HF_OK);
	CU_ASSERT_EQUAL(units_add(units, &unit, NULL), HF_EINVAL);
	unit = unit_of("a", 1, NULL, "");
	CU_ASSERT_EQUAL(units_add(units, &unit, NULL), HF_EINVAL);
	unit = unit_of("a", 1, "", "");
	CU_ASSERT_EQUAL(units_add(units, &unit, NULL), HF_EINVAL);
	CU_ASSERT_EQUAL(units_seal(units, NULL), HF_OK);
	CU_ASSERT_EQUAL(units_next(units, &unit, NULL), HF_ENOTFOUND);
	units_close(units);
	CU_ASSERT_NOT_EQUAL(units_open("/nonexistent/holdfast", &units, NULL), HF_OK);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"round", test_round}, {"same folder", test_same_folder}, {"limits", test_limits},
	    CU_TEST_INFO_NULL};
	int status;

	if (mkdtemp(directory) == NULL)
		return 99;
	status = unit_run("units", tests);
	/* The files have no names, so the folder is empty. */
	return rmdir(directory) != 0 ? 1 : status;
}
