/* SPDX-License-Identifier: BSD-2-Clause */
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "cards.h"
#include "cursor.h"
#include "folder.h"
#include "common/vcard.h"

#define PATH_SIZE 4096u
#define SHARED    "*" /* version of a card in a file with others */

static int
system_error(const char *path, struct hf_error *err)
{
	int code = HF_EIO;

	if (errno == EACCES || errno == EPERM || errno == EROFS)
		code = HF_EPERM;
	else if (errno == ENOSPC || errno == EDQUOT)
		code = HF_ENOSPC;
	return hf_error_set(err, code, errno, "%s: %s", path, strerror(errno));
}

/* ---- what is there ---- */

static int
add_file(struct vcard *vcard, const struct folder *folder, const struct folder_file *file, struct bytes *card,
    struct hf_error *err)
{
	struct cards cards;
	struct stat st;
	char version[24];
	size_t i;
	const char *path = folder_path(file);
	int fd, r = folder_open_file(folder, path, &fd, &st, err);

	if (r == HF_OK)
		r = cards_open(fd, &cards, err);
	if (r != HF_OK)
		return r;
	(void)snprintf(version, sizeof(version), cards.count > 1 ? SHARED : "%016llx",
	    (unsigned long long)folder_fingerprint(&st));
	for (i = 0; r == HF_OK && i < cards.count; i++) {
		if (cards.list[i].fault != CARD_WHOLE)
			continue;
		r = cards_read(&cards, &cards.list[i], card, err);
		if (r == HF_OK)
			r = match_add(&vcard->match, card->data, card->size, path, version, err);
	}
	cards_close(&cards);
	return r;
}

static int
pass_over(void *ctx, const char *path, const struct hf_error *why, struct hf_error *err)
{
	(void)ctx;
	return hf_error_set(err, why->code, why->os_errno, "%s: %s", path, why->msg);
}

/* Nothing is put where not all that is there can be seen: it could be there already. */
static int
load(struct vcard *vcard, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	struct bytes card = BYTES_INIT(CARDS_CARD_MAX + 1);
	struct folder folder;
	size_t i;
	int r;

	if (vcard->matched)
		return HF_OK;
	r = folder_open(vcard->path, pass_over, NULL, &folder, err);
	if (r != HF_OK)
		return r;
	if (folder.is_file)
		r = hf_error_set(err, HF_ENOTSUP, 0, "%s is a file: cards are only put into folders", vcard->path);
	for (i = 0; r == HF_OK && i < folder.count; i++) {
		r = add_file(vcard, &folder, &folder.list[i], &card, &why);
		if (r != HF_OK)
			(void)hf_error_set(err, r, why.os_errno, "%s: %s", folder_path(&folder.list[i]),
			    why.msg);
	}
	folder_close(&folder);
	bytes_release(&card);
	vcard->matched = r == HF_OK;
	if (r != HF_OK) {
		match_release(&vcard->match);
		match_init(&vcard->match, vcard->write);
	}
	return r;
}

/* ---- files ---- */

static int
open_folder(const struct vcard *vcard, const char *path, int *ret_fd, const char **ret_name, struct hf_error *err)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_SIZE];
	int fd;

	(void)snprintf(folder, sizeof(folder), "%s/%.*s", vcard->path, slash == NULL ? 0 : (int)(slash - path), path);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return system_error(folder, err);
	*ret_fd = fd;
	*ret_name = slash == NULL ? path : slash + 1;
	return HF_OK;
}

static int
write_all(int fd, const char *data, size_t size, const char *name, struct hf_error *err)
{
	ssize_t n;

	while (size > 0) {
		n = write(fd, data, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return system_error(name, err);
		data += n;
		size -= (size_t)n;
	}
	return fsync(fd) != 0 ? system_error(name, err) : HF_OK;
}

/* Its name begins with a dot, so that no program takes it for a card meanwhile. */
static int
write_temporary(int folder, const char *name, mode_t mode, const struct bytes *card, char *temporary, size_t size,
    struct hf_error *err)
{
	int fd, r;

	(void)snprintf(temporary, size, ".%.200s-tmp-%ld", name, (long)getpid());
	fd = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return system_error(name, err);
	r = write_all(fd, card->data, card->size, name, err);
	if (close(fd) != 0 && r == HF_OK)
		r = system_error(name, err);
	if (r != HF_OK)
		(void)unlinkat(folder, temporary, 0);
	return r;
}

/* A new file, or instead of the one that has the fingerprint version. */
static int
place_file(int folder, const char *name, const char *version, const struct bytes *card, mode_t mode,
    struct hf_error *err)
{
	char temporary[260], now[24];
	struct stat st;
	int r = write_temporary(folder, name, mode, card, temporary, sizeof(temporary), err);

	if (r != HF_OK)
		return r;
	if (version == NULL) {
		if (linkat(folder, temporary, folder, name, 0) != 0)
			r = errno != EEXIST
			        ? system_error(name, err)
			        : hf_error_set(err, HF_EEXIST, 0, "%s is there already, with another card", name);
	} else {
		if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			r = system_error(name, err);
		else
			(void)snprintf(now, sizeof(now), "%016llx", (unsigned long long)folder_fingerprint(&st));
		if (r == HF_OK && strcmp(now, version) != 0)
			r = hf_error_set(err, HF_EAGAIN, 0, "%s was changed meanwhile", name);
		if (r == HF_OK && renameat(folder, temporary, folder, name) != 0)
			r = system_error(name, err);
	}
	if (version == NULL || r != HF_OK)
		(void)unlinkat(folder, temporary, 0);
	if (r == HF_OK && fsync(folder) != 0 && errno != EINVAL)
		r = system_error(name, err);
	return r;
}

/* ---- putting ---- */

/* "UID.vcf", or what tells a card without UID from others. */
static int
name_file(const struct vcard *vcard, const struct hf_blob *card, char *name, size_t size, struct hf_error *err)
{
	struct bytes uid = BYTES_INIT(4096);
	char component[HF_COMPONENT_SIZE];
	uint8_t hash[32];
	size_t i;
	int r = vcard_uid(card->data, (size_t)card->size, &uid, err);

	if (r == HF_OK && uid.size == 0) {
		r = vcard->write->sha256(card->data, card->size, hash, err);
		for (i = 0; r == HF_OK && i < 16; i++)
			bytes_format(&uid, "%02x", hash[i]);
	}
	if (r == HF_OK)
		r = vcard->write->component(uid.data, uid.size, component, err);
	if (r == HF_OK)
		(void)snprintf(name, size, "%.230s.vcf", component);
	bytes_release(&uid);
	return r;
}

static int
create_card(struct vcard *vcard, const struct hf_blob *card, struct hf_error *err)
{
	struct bytes whole = {(char *)(uintptr_t)card->data, (size_t)card->size, 0, 0, HF_OK};
	char name[256];
	int folder, r = name_file(vcard, card, name, sizeof(name), err);

	if (r != HF_OK)
		return r;
	folder = open(vcard->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return system_error(vcard->path, err);
	r = place_file(folder, name, NULL, &whole, 0666, err);
	(void)close(folder);
	return r == HF_OK ? match_set(&vcard->match, card->data, (size_t)card->size, name, SHARED, err) : r;
}

static int
read_card(const struct vcard *vcard, const char *path, struct bytes *out, struct stat *st, struct hf_error *err)
{
	const struct folder folder = {.root = vcard->path};
	struct cards cards;
	int fd, r = folder_open_file(&folder, path, &fd, st, err);

	if (r == HF_OK)
		r = cards_open(fd, &cards, err);
	if (r != HF_OK)
		return r;
	r = cards.count != 1 || cards.list[0].fault != CARD_WHOLE
	        ? hf_error_set(err, HF_EAGAIN, 0, "%s was changed meanwhile", path)
	        : cards_read(&cards, &cards.list[0], out, err);
	cards_close(&cards);
	return r;
}

/* found's strings end with the list's next change. */
static int
keep_card(struct vcard *vcard, const struct hf_blob *card, const struct match_found *found, struct hf_error *err)
{
	char path[PATH_SIZE], version[24];

	(void)snprintf(path, sizeof(path), "%s", found->where);
	(void)snprintf(version, sizeof(version), "%s", found->version);
	return match_set(&vcard->match, card->data, (size_t)card->size, path, version, err);
}

static int
replace_card(struct vcard *vcard, const struct hf_blob *card, const struct match_found *found, struct hf_error *err)
{
	struct bytes before = BYTES_INIT(CARDS_CARD_MAX + 1), merged = BYTES_INIT(2 * CARDS_CARD_MAX);
	const char *name = NULL;
	char path[PATH_SIZE];
	struct stat st;
	int folder = -1, r;

	(void)snprintf(path, sizeof(path), "%s", found->where);
	r = read_card(vcard, path, &before, &st, err);
	if (r == HF_OK)
		r = match_merge(card->data, (size_t)card->size, before.data, before.size, &merged, err);
	if (r == HF_OK)
		r = open_folder(vcard, path, &folder, &name, err);
	if (r == HF_OK)
		r = place_file(folder, name, found->version, &merged, st.st_mode & 0777, err);
	if (folder >= 0)
		(void)close(folder);
	if (r == HF_OK)
		r = match_set(&vcard->match, card->data, (size_t)card->size, path, SHARED, err);
	bytes_release(&before);
	bytes_release(&merged);
	return r;
}

int
put_card(struct vcard *vcard, const struct hf_contact *contact, uint32_t flags, uint32_t *done, struct hf_error *err)
{
	const struct hf_blob *card = &contact->card;
	struct hf_error why = HF_ERROR_INIT;
	struct match_found found;
	bool dry = (flags & HF_PUT_DRY_RUN) != 0;
	int r = load(vcard, err);

	if (r == HF_OK)
		r = vcard_check(card->data, (size_t)card->size, err);
	if (r != HF_OK)
		return r;
	r = match_find(&vcard->match, card->data, (size_t)card->size, &found, &why);
	if (r == HF_ENOTFOUND) {
		*done = HF_PUT_CREATED;
		return dry ? HF_OK : create_card(vcard, card, err);
	}
	if (r != HF_OK)
		return hf_error_set(err, r, 0, "%s", why.msg);
	if (found.same) {
		*done = HF_PUT_SAME;
		return dry ? HF_OK : keep_card(vcard, card, &found, err);
	}
	if (found.put)
		return hf_error_set(err, HF_EEXIST, 0, "%s holds another card of the backup with the same UID",
		    found.where);
	*done = HF_PUT_REPLACED;
	if (strcmp(found.version, SHARED) == 0)
		return hf_error_set(err, HF_EEXIST, 0, "%s holds other cards, too, and is not written anew",
		    found.where);
	return dry ? HF_OK : replace_card(vcard, card, &found, err);
}
