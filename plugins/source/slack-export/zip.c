/* SPDX-License-Identifier: BSD-2-Clause */
#include "zip.h"

#include <stdlib.h>
#include <string.h>

#define FOLDERS_MAX 200000u

const char *const zip_top_names[ZIP_TOP_COUNT] = {"channels.json", "groups.json", "dms.json", "mpims.json",
    "users.json"};

struct folder {
	char *name;
	uint32_t number; /* as the days have it before they are sorted */
	size_t first;    /* of its days */
	size_t count;
};

struct zip {
	const char *path;
	int fd;
	struct day *days;
	size_t day_count, day_capacity;
	struct folder *folders;
	size_t folder_count, folder_capacity;
	struct {
		bool found;
		uint64_t offset;
	} top[ZIP_TOP_COUNT];
	char *top_folder; /* "", or "NAME/" where all lies in a folder */
	size_t deepest;   /* length of the longest name of a folder that has an entry */
};

uint32_t
zip_date(const char *name, size_t size)
{
	static const char pattern[] = "dddd-dd-dd.json";
	uint32_t date = 0;
	size_t i;

	if (size != sizeof(pattern) - 1)
		return 0;
	for (i = 0; i < size; i++) {
		if (pattern[i] != 'd' || i > 9) {
			if (name[i] != pattern[i])
				return 0;
		} else if (name[i] < '0' || name[i] > '9') {
			return 0;
		} else {
			date = date * 10 + (uint32_t)(name[i] - '0');
		}
	}
	return date;
}

/* Makes room for one more. */
static void *
grow(void *array, size_t count, size_t *capacity, size_t size)
{
	size_t wanted = *capacity == 0 ? 64 : *capacity + *capacity / 2;
	void *grown;

	if (count < *capacity)
		return array;
	grown = realloc(array, wanted * size);
	if (grown != NULL)
		*capacity = wanted;
	return grown;
}

/* The number of a folder, a new one where it is not among the last ones. */
static int
folder_number(struct zip *zip, const char *name, size_t size, uint32_t *ret_number, struct hf_error *err)
{
	struct folder *folders;
	size_t i;

	for (i = zip->folder_count; i > 0 && zip->folder_count - i < 64; i--)
		if (strlen(zip->folders[i - 1].name) == size && memcmp(zip->folders[i - 1].name, name, size) == 0) {
			*ret_number = zip->folders[i - 1].number;
			return HF_OK;
		}
	if (zip->folder_count == FOLDERS_MAX)
		return hf_error_set(err, HF_ERANGE, 0, "%s: more than %u folders; unpack it and name the folder",
		    zip->path, FOLDERS_MAX);
	folders = grow(zip->folders, zip->folder_count, &zip->folder_capacity, sizeof(*folders));
	if (folders == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", zip->path);
	zip->folders = folders;
	memset(&folders[zip->folder_count], 0, sizeof(*folders));
	folders[zip->folder_count].name = strndup(name, size);
	if (folders[zip->folder_count].name == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", zip->path);
	folders[zip->folder_count].number = (uint32_t)zip->folder_count;
	*ret_number = (uint32_t)zip->folder_count++;
	return HF_OK;
}

static int
add_day(struct zip *zip, const char *name, size_t folder_size, struct day *day, struct hf_error *err)
{
	struct day *days;
	int r;

	if (zip->day_count == EXPORT_DAYS_MAX)
		return hf_error_set(err, HF_ERANGE, 0, "%s: more than %u day files; unpack it and name the folder",
		    zip->path, EXPORT_DAYS_MAX);
	r = folder_number(zip, name, folder_size, &day->folder, err);
	if (r != HF_OK)
		return r;
	days = grow(zip->days, zip->day_count, &zip->day_capacity, sizeof(*days));
	if (days == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", zip->path);
	zip->days = days;
	days[zip->day_count++] = *day;
	return HF_OK;
}

/* Notes a file at the top.  The shortest path wins: a room may have a folder with such a file too. */
static int
add_top(struct zip *zip, const char *name, size_t folder_size, uint64_t offset, struct hf_error *err)
{
	const char *base = name + folder_size;
	char *folder;
	size_t i;

	for (i = 0; i < ZIP_TOP_COUNT && strcmp(base, zip_top_names[i]) != 0; i++)
		;
	if (i == ZIP_TOP_COUNT || (zip->top_folder != NULL && strlen(zip->top_folder) < folder_size))
		return HF_OK;
	if (zip->top_folder == NULL || strlen(zip->top_folder) > folder_size) {
		folder = strndup(name, folder_size);
		if (folder == NULL)
			return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", zip->path);
		free(zip->top_folder);
		zip->top_folder = folder;
		memset(zip->top, 0, sizeof(zip->top));
	} else if (strncmp(zip->top_folder, name, folder_size) != 0) {
		return hf_error_set(err, HF_EINVAL, 0, "%s: holds more than one export; unpack it and name one folder",
		    zip->path);
	}
	zip->top[i].found = true;
	zip->top[i].offset = offset;
	return HF_OK;
}

static int
add_entry(void *ctx, const char *name, uint64_t offset, uint64_t size, struct hf_error *err)
{
	struct zip *zip = ctx;
	struct day day = {0, 0, offset, size == ZIP_NO_SIZE ? 0 : size};
	const char *base = strrchr(name, '/');

	base = base == NULL ? name : base + 1;
	/* The doubles that macOS adds. */
	if (strncmp(base, "._", 2) == 0 || strncmp(name, "__MACOSX/", 9) == 0)
		return HF_OK;
	if (*base == '\0' && (size_t)(base - name) > zip->deepest)
		zip->deepest = (size_t)(base - name);
	day.date = zip_date(base, strlen(base));
	if (day.date != 0 && base > name)
		return add_day(zip, name, (size_t)(base - 1 - name), &day, err);
	return add_top(zip, name, (size_t)(base - name), offset, err);
}

/* A zip of something else must not pass for an export without messages. */
static int
check_export(const struct zip *zip, struct hf_error *err)
{
	if (zip->top_folder == NULL)
		return hf_error_set(err, HF_EINVAL, 0, "%s: not a Slack export: none of " ZIP_TOP_NAMES " in it",
		    zip->path);
	if (zip->day_count == 0 && zip->deepest <= strlen(zip->top_folder))
		return hf_error_set(err, HF_EINVAL, 0,
		    "%s: not a whole Slack export: it has lists, but no folder with a channel's messages", zip->path);
	return HF_OK;
}

static int
compare_folders(const void *a, const void *b)
{
	return strcmp(((const struct folder *)a)->name, ((const struct folder *)b)->name);
}

static int
compare_days(const void *a, const void *b)
{
	const struct day *x = a, *y = b;

	if (x->folder != y->folder)
		return x->folder < y->folder ? -1 : 1;
	if (x->date != y->date)
		return x->date < y->date ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Sorts folders by name, makes those one that were met twice, and days by folder and date. */
static int
sort_all(struct zip *zip, struct hf_error *err)
{
	uint32_t *ranks;
	size_t i, kept = 0;

	if (zip->folder_count == 0)
		return HF_OK;
	ranks = malloc(zip->folder_count * sizeof(*ranks));
	if (ranks == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", zip->path);
	qsort(zip->folders, zip->folder_count, sizeof(zip->folders[0]), compare_folders);
	for (i = 0; i < zip->folder_count; i++) {
		if (i > 0 && strcmp(zip->folders[i].name, zip->folders[kept - 1].name) == 0) {
			ranks[zip->folders[i].number] = (uint32_t)(kept - 1);
			free(zip->folders[i].name);
			continue;
		}
		ranks[zip->folders[i].number] = (uint32_t)kept;
		zip->folders[kept++] = zip->folders[i];
	}
	zip->folder_count = kept;
	for (i = 0; i < zip->day_count; i++)
		zip->days[i].folder = ranks[zip->days[i].folder];
	free(ranks);
	qsort(zip->days, zip->day_count, sizeof(zip->days[0]), compare_days);
	for (i = zip->day_count; i-- > 0;) {
		zip->folders[zip->days[i].folder].first = i;
		zip->folders[zip->days[i].folder].count++;
	}
	return HF_OK;
}

int
zip_open(int fd, const char *path, struct zip **ret_zip, struct hf_error *err)
{
	struct zip *zip = calloc(1, sizeof(*zip));
	int r;

	if (zip == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", path);
	zip->path = path;
	zip->fd = fd;
	r = zip_list(fd, path, add_entry, zip, err);
	if (r == HF_OK)
		r = check_export(zip, err);
	if (r == HF_OK)
		r = sort_all(zip, err);
	if (r != HF_OK)
		zip_close(zip);
	else
		*ret_zip = zip;
	return r;
}

void
zip_close(struct zip *zip)
{
	size_t i;

	if (zip == NULL)
		return;
	for (i = 0; i < zip->folder_count; i++)
		free(zip->folders[i].name);
	free(zip->folders);
	free(zip->days);
	free(zip->top_folder);
	free(zip);
}

bool
zip_file(const struct zip *zip, const char *name, uint64_t *ret_offset)
{
	size_t i;

	for (i = 0; i < ZIP_TOP_COUNT; i++)
		if (strcmp(name, zip_top_names[i]) == 0 && zip->top[i].found) {
			*ret_offset = zip->top[i].offset;
			return true;
		}
	return false;
}

/* The order of a folder's name against that of one in the top folder. */
static int
compare_name(const struct zip *zip, const char *name, const char *folder)
{
	size_t top = strlen(zip->top_folder);
	int order = strncmp(name, zip->top_folder, top);

	return order != 0 ? order : strcmp(name + top, folder);
}

size_t
zip_folder(const struct zip *zip, const char *folder, const struct day **ret_days)
{
	size_t low = 0, high = zip->folder_count, middle;
	int order;

	while (low < high) {
		middle = low + (high - low) / 2;
		order = compare_name(zip, zip->folders[middle].name, folder);
		if (order == 0) {
			*ret_days = zip->days + zip->folders[middle].first;
			return zip->folders[middle].count;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return 0;
}

int
zip_folders(const struct zip *zip, export_folder_fn fn, void *ctx, struct hf_error *err)
{
	size_t top = strlen(zip->top_folder), i;
	const char *name;
	int r = HF_OK;

	for (i = 0; i < zip->folder_count && r == HF_OK; i++) {
		name = zip->folders[i].name;
		if (strncmp(name, zip->top_folder, top) == 0 && export_is_folder_name(name + top, strlen(name + top)))
			r = fn(ctx, name + top, err);
	}
	return r;
}
