/* SPDX-License-Identifier: BSD-2-Clause */
#include "book.h"

#include "common/vcard.h"

#define NAME_MAX_SIZE 150u

/* ---- what is there ---- */

static int
add_card(void *ctx, const char *path, const char *etag, const struct bytes *card, const struct hf_error *why,
    struct hf_error *err)
{
	struct carddav *carddav = ctx;

	/* It could be the one that is put. */
	if (card == NULL)
		return hf_error_set(err, why->code, 0, "%.200s cannot be compared: %s", path, why->msg);
	(void)etag;
	return match_add(&carddav->match, card->data, card->size, path, "", err);
}

static int
load(struct carddav *carddav, struct hf_error *err)
{
	bool known_only = carddav->known_only;
	struct bytes token = BYTES_INIT(8u << 10);
	struct books books;
	struct hrefs hrefs;
	size_t i;
	int r;

	if (carddav->matched)
		return HF_OK;
	books_init(&books);
	hrefs_init(&hrefs);
	carddav->known_only = false;
	r = books_discover(carddav, &books, err);
	for (i = 0; r == HF_OK && i < books.count; i++) {
		r = book_changes(carddav, &books, i, "", &hrefs, &token, err);
		if (r == HF_OK)
			r = book_cards(carddav, &books.list[i], &hrefs, add_card, carddav, err);
	}
	if (r == HF_OK) {
		bytes_clear(&carddav->first_book);
		bytes_put(&carddav->first_book, books.list[0].path.data, books.list[0].path.size);
		r = bytes_status(&carddav->first_book, "an address", err);
	}
	carddav->known_only = known_only;
	carddav->matched = r == HF_OK;
	if (r != HF_OK) {
		match_release(&carddav->match);
		match_init(&carddav->match, carddav->write);
	}
	bytes_release(&token);
	books_release(&books);
	hrefs_release(&hrefs);
	return r;
}

/* ---- requests ---- */

/* XML has made LF of the line ends that RFC 6350 asks for. */
static void
put_line_ends(const char *card, size_t size, struct bytes *out)
{
	bool has_cr = memchr(card, '\r', size) != NULL;
	size_t i;

	for (i = 0; i < size; i++) {
		if (card[i] == '\n' && !has_cr)
			bytes_char(out, '\r');
		bytes_char(out, card[i]);
	}
}

/* Whether the server has this card there. */
static bool
is_there(const struct carddav *carddav, const char *path, const struct bytes *card)
{
	struct bytes now = BYTES_INIT(DAV_CARD_MAX);
	struct dav_answer answer;
	struct match_found found = {NULL, NULL, false, false};
	struct match match;

	dav_answer_init(&answer);
	match_init(&match, carddav->write);
	if (dav_get(&carddav->dav, path, &answer, &now, NULL) == HF_OK &&
	    match_add(&match, now.data, now.size, path, "", NULL) == HF_OK)
		(void)match_find(&match, card->data, card->size, &found, NULL);
	match_release(&match);
	bytes_release(&now);
	dav_answer_release(&answer);
	return found.same;
}

static int
put(struct carddav *carddav, const char *path, const char *etag, const struct bytes *card, struct hf_error *err)
{
	const struct hf_blob blob = {card->data, card->size};
	struct hf_error why = HF_ERROR_INIT;
	struct dav_answer answer;
	int r;

	dav_answer_init(&answer);
	r = dav_put(&carddav->dav, path, etag, &blob, &answer, &why);
	/* An answer that was lost is not a card that was. */
	if ((HF_IS_TRANSIENT(r) || r == HF_ECORRUPT) && is_there(carddav, path, card))
		r = HF_OK;
	dav_answer_release(&answer);
	if (r != HF_OK && err != NULL)
		*err = why;
	return r;
}

/* "UID.vcf", or where that is no name for everybody, a hash. */
static int
name_card(const struct carddav *carddav, const struct bytes *card, struct bytes *out, struct hf_error *err)
{
	struct bytes uid = BYTES_INIT(4096);
	uint8_t hash[32];
	size_t i;
	bool plain;
	int r = vcard_uid(card->data, card->size, &uid, err);

	plain = uid.size > 0 && uid.size <= NAME_MAX_SIZE && uid.data[0] != '.';
	for (i = 0; plain && i < uid.size; i++)
		plain = (uid.data[i] >= '0' && uid.data[i] <= '9') || ((uid.data[i] | 0x20) >= 'a' &&
		    (uid.data[i] | 0x20) <= 'z') || strchr("-_.", uid.data[i]) != NULL;
	if (r == HF_OK && plain) {
		bytes_put(out, uid.data, uid.size);
	} else if (r == HF_OK) {
		r = uid.size > 0 ? carddav->write->sha256(uid.data, uid.size, hash, err)
		                 : carddav->write->sha256(card->data, card->size, hash, err);
		for (i = 0; r == HF_OK && i < 16; i++)
			bytes_format(out, "%02x", hash[i]);
	}
	bytes_string(out, ".vcf");
	bytes_release(&uid);
	return r == HF_OK ? bytes_status(out, "an address", err) : r;
}

static int
create(struct carddav *carddav, const struct bytes *card, struct hf_error *err)
{
	struct bytes path = BYTES_INIT(DAV_PATH_MAX);
	const char *text;
	int r;

	bytes_put(&path, carddav->first_book.data, carddav->first_book.size);
	r = name_card(carddav, card, &path, err);
	text = bytes_text(&path);
	if (r == HF_OK && text == NULL)
		r = bytes_status(&path, "an address", err);
	if (r == HF_OK)
		r = put(carddav, text, NULL, card, err);
	if (r == HF_OK)
		r = match_set(&carddav->match, card->data, card->size, text, "", err);
	bytes_release(&path);
	return r;
}

/* found's strings end with the list's next change. */
static int
keep(struct carddav *carddav, const struct bytes *card, const struct match_found *found, struct hf_error *err)
{
	struct bytes path = BYTES_INIT(DAV_PATH_MAX);
	const char *text;
	int r;

	bytes_string(&path, found->where);
	text = bytes_text(&path);
	r = text == NULL ? bytes_status(&path, "an address", err)
	                 : match_set(&carddav->match, card->data, card->size, text, "", err);
	bytes_release(&path);
	return r;
}

/* The card that is there is got first, so that its pictures stay. */
static int
replace(struct carddav *carddav, const struct bytes *card, const struct match_found *found, struct hf_error *err)
{
	struct bytes before = BYTES_INIT(DAV_CARD_MAX), merged = BYTES_INIT(2 * DAV_CARD_MAX);
	struct bytes path = BYTES_INIT(DAV_PATH_MAX);
	struct dav_answer answer;
	const char *etag = NULL;
	int r;

	dav_answer_init(&answer);
	bytes_string(&path, found->where);
	r = bytes_text(&path) == NULL ? bytes_status(&path, "an address", err)
	                              : dav_get(&carddav->dav, path.data, &answer, &before, err);
	if (r == HF_OK)
		r = match_merge(card->data, card->size, before.data, before.size, &merged, err);
	if (r == HF_OK && answer.etag.size > 0)
		etag = bytes_text(&answer.etag);
	if (r == HF_OK && etag == NULL)
		r = hf_error_set(err, HF_ENOTSUP, 0, "%s has no ETag, so that nobody knows what would be replaced",
		    path.data);
	if (r == HF_OK)
		r = put(carddav, path.data, etag, &merged, err);
	if (r == HF_OK)
		r = match_set(&carddav->match, card->data, card->size, path.data, "", err);
	dav_answer_release(&answer);
	bytes_release(&before);
	bytes_release(&merged);
	bytes_release(&path);
	return r;
}

int
put_card(struct carddav *carddav, const struct hf_contact *contact, uint32_t flags, uint32_t *done,
    struct hf_error *err)
{
	struct bytes card = BYTES_INIT(DAV_CARD_MAX);
	struct hf_error why = HF_ERROR_INIT;
	struct match_found found;
	bool dry = (flags & HF_PUT_DRY_RUN) != 0;
	int r = load(carddav, err);

	if (r == HF_OK)
		r = vcard_check(contact->card.data, (size_t)contact->card.size, err);
	if (r != HF_OK)
		return r;
	put_line_ends(contact->card.data, (size_t)contact->card.size, &card);
	r = bytes_status(&card, "a card", err);
	if (r != HF_OK)
		goto out;
	r = match_find(&carddav->match, card.data, card.size, &found, &why);
	if (r == HF_ENOTFOUND) {
		*done = HF_PUT_CREATED;
		r = dry ? HF_OK : create(carddav, &card, err);
	} else if (r != HF_OK) {
		r = hf_error_set(err, r, 0, "%s", why.msg);
	} else if (found.same) {
		*done = HF_PUT_SAME;
		r = dry ? HF_OK : keep(carddav, &card, &found, err);
	} else if (found.put) {
		r = hf_error_set(err, HF_EEXIST, 0, "%.200s holds another card of the backup with the same UID",
		    found.where);
	} else {
		*done = HF_PUT_REPLACED;
		r = dry ? HF_OK : replace(carddav, &card, &found, err);
	}
out:
	bytes_release(&card);
	return r;
}
