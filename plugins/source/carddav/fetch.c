/* SPDX-License-Identifier: BSD-2-Clause */
#include "book.h"

#include <stdlib.h>

#define LISTING_MAX  (256u << 20)
#define HREFS_MAX    1000000u
#define TEXTS_MAX    (10u << 20)  /* of the addresses of a book's cards, which are in memory */
#define BATCH        64u          /* cards in one request */
#define BATCH_BYTES  (8u << 20)   /* of its answer */
#define CARD_BYTES   (14u << 20)  /* of the answer for a single one */
#define CARD_LARGE   (1u << 20)   /* that is not to be in memory twice */
#define TOO_LONG_MAX 16u          /* cards one after the other whose answers are; then it is the server's fault */
/* A listing with more pages than a few has so many cards on each, or it is one that does not end. */
#define PAGES_FEW    100u
#define PAGES_MOST   5000u
#define PAGE_LEAST   10u

/* ---- lists ---- */

void
hrefs_init(struct hrefs *hrefs)
{
	*hrefs = (struct hrefs){BYTES_INIT(TEXTS_MAX), NULL, 0, 0};
}

void
hrefs_clear(struct hrefs *hrefs)
{
	bytes_clear(&hrefs->texts);
	hrefs->count = 0;
}

void
hrefs_release(struct hrefs *hrefs)
{
	bytes_release(&hrefs->texts);
	free(hrefs->list);
	hrefs->list = NULL;
	hrefs->count = hrefs->capacity = 0;
}

int
hrefs_add(struct hrefs *hrefs, const char *path, size_t size, bool gone, struct hf_error *err)
{
	size_t capacity = hrefs->capacity == 0 ? 64 : hrefs->capacity + hrefs->capacity / 2;
	struct href *list;

	if (hrefs->count == HREFS_MAX)
		return hf_error_set(err, HF_ERANGE, 0, "more than %u cards in an address book", HREFS_MAX);
	if (hrefs->count == hrefs->capacity) {
		list = realloc(hrefs->list, capacity * sizeof(*list));
		if (list == NULL)
			return hf_error_set(err, HF_ENOMEM, 0, "the list of cards: out of memory");
		hrefs->list = list;
		hrefs->capacity = capacity;
	}
	hrefs->list[hrefs->count++] = (struct href){(uint32_t)hrefs->texts.size, gone, false};
	bytes_put(&hrefs->texts, path, size);
	bytes_char(&hrefs->texts, '\0');
	return bytes_status(&hrefs->texts, "the addresses of the cards", err);
}

static const char *
path_of(const struct hrefs *hrefs, const struct href *href)
{
	return hrefs->texts.data + href->path_at;
}

/* ---- listing ---- */

struct listing {
	struct carddav *carddav;
	const struct books *books;
	const struct bytes *path; /* of the book */
	struct hrefs *hrefs;
	struct dav_answer answer;
	size_t before, texts_before; /* what earlier pages have listed */
	bool more; /* the server has left something out */
	bool self; /* the book itself is listed */
};

static void
reset_listing(void *ctx)
{
	struct listing *listing = ctx;

	listing->hrefs->count = listing->before;
	listing->hrefs->texts.size = listing->texts_before;
	listing->more = listing->self = false;
}

/* Another server's addresses have no business in an answer about one address book, and are no matter of permission. */
static int
resolve(const struct carddav *carddav, const struct bytes *book, const struct bytes *href, struct bytes *out,
    struct hf_error *err)
{
	int r = dav_resolve(&carddav->dav, book, href, out, err);

	return r == HF_EPERM ? HF_ECORRUPT : r;
}

/* Whether a path belongs to another one of the address books; what that one has is told by it alone. */
static bool
is_of_another(const struct listing *listing, const struct bytes *path)
{
	bool own = dav_is_below(path->data, path->size, listing->path->data, listing->path->size);
	const struct bytes *other;
	size_t i;

	for (i = 0; i < listing->books->count; i++) {
		other = &listing->books->list[i].path;
		if (other != listing->path && dav_is_below(path->data, path->size, other->data, other->size) &&
		    !(own && listing->path->size >= other->size))
			return true;
	}
	return false;
}

static int
add_listed(struct listing *listing, const struct bytes *path, const struct dav_response *response, struct hf_error *err)
{
	bool gone = response->status == 404 || response->status == 410;
	bool self = dav_same_path(path->data, path->size, listing->path->data, listing->path->size) ||
	            dav_same_path(path->data, path->size, listing->path->data, listing->path->size - 1);

	/* RFC 6578, 3.6: there is more than this page. */
	if (response->status == 507)
		listing->more = true;
	else if ((gone && self) || (!gone && response->status != 0 && response->status / 100 != 2))
		return hf_error_set(err, HF_EIO, 0, "%.200s is listed with HTTP status %u", path->data,
		    response->status);
	else if (self)
		listing->self = true;
	else if (response->is_collection || path->data[path->size - 1] == '/')
		return HF_OK;
	else if (is_of_another(listing, path))
		return hf_error_set(err, HF_ECORRUPT, 0, "%.200s is listed in %.200s, which is another address book",
		    path->data, listing->path->data);
	else
		return hrefs_add(listing->hrefs, path->data, path->size, gone, err);
	return HF_OK;
}

static int
take_listed(void *ctx, struct dav_response *response, struct hf_error *err)
{
	struct listing *listing = ctx;
	struct bytes path = BYTES_INIT(DAV_PATH_MAX);
	int r = resolve(listing->carddav, listing->path, &response->href, &path, err);

	if (r == HF_OK && bytes_text(&path) == NULL)
		r = bytes_status(&path, "an address", err);
	if (r == HF_OK)
		r = add_listed(listing, &path, response, err);
	bytes_release(&path);
	return r;
}

static int
ask_listing(struct listing *listing, const char *method, const char *depth, const struct bytes *body,
    struct bytes *ret_token, struct hf_error *err)
{
	const struct dav_query query = {method, listing->path->data, depth, body, LISTING_MAX, take_listed,
	    reset_listing, listing};

	listing->before = listing->hrefs->count;
	listing->texts_before = listing->hrefs->texts.size;
	return dav_ask(&listing->carddav->dav, &query, &listing->answer, ret_token, err);
}

static int
ask_page(struct listing *listing, const char *token, struct bytes *ret_token, struct hf_error *err)
{
	struct bytes body = BYTES_INIT(64u << 10);
	int r;

	bytes_string(&body,
	    "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:sync-collection xmlns:D=\"DAV:\"><D:sync-token>");
	dav_put_xml(&body, token, strlen(token));
	bytes_string(&body,
	    "</D:sync-token><D:sync-level>1</D:sync-level><D:prop><D:getetag/></D:prop>"
	                    "</D:sync-collection>\n");
	r = bytes_status(&body, "a request", err);
	if (r == HF_OK)
		r = ask_listing(listing, "REPORT", "0", &body, ret_token, err);
	bytes_release(&body);
	return r;
}

/* All pages; each has to bring something new, or the server would be asked for ever. */
static int
ask_pages(struct listing *listing, const char *token, struct bytes *ret_token, struct hf_error *err)
{
	struct bytes current = BYTES_INIT(8u << 10);
	unsigned pages;
	int r = HF_OK;

	bytes_string(&current, token);
	for (pages = 1; r == HF_OK; pages++) {
		r = ask_page(listing, bytes_text(&current) == NULL ? "" : current.data, ret_token, err);
		if (r != HF_OK || !listing->more)
			break;
		if (listing->hrefs->count == listing->before || ret_token->size == 0 ||
		    (ret_token->size == current.size && memcmp(ret_token->data, current.data, current.size) == 0))
			r = hf_error_set(err, HF_ECORRUPT, 0,
			    "the server says that there is more, and does not give it");
		else if (pages >= PAGES_MOST || (pages >= PAGES_FEW && listing->hrefs->count / pages < PAGE_LEAST))
			r = hf_error_set(err, HF_ECORRUPT, 0, "the server's listing does not end");
		bytes_clear(&current);
		bytes_put(&current, ret_token->data, ret_token->size);
	}
	bytes_release(&current);
	return r;
}

static int
ask_all(struct listing *listing, struct hf_error *err)
{
	static const char text[] = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:propfind xmlns:D=\"DAV:\"><D:prop>"
	                           "<D:getetag/><D:resourcetype/></D:prop></D:propfind>\n";
	const struct bytes body = {(char *)(uintptr_t)text, sizeof(text) - 1, 0, 0, HF_OK};

	int r = ask_listing(listing, "PROPFIND", "1", &body, NULL, err);

	/* RFC 4918, 9.1: what was asked for is in the answer itself, so that one without anything is none. */
	return r == HF_OK && listing->hrefs->count == 0 && !listing->self
	           ? hf_error_set(err, HF_ECORRUPT, 0, "PROPFIND %.200s: an answer without anything in it",
	               listing->path->data) : r;
}

/* Statuses that say that a token, or the report itself, is not known: RFC 6578, 3.2, and what servers do. */
static bool
is_refusal(unsigned status)
{
	switch (status) {
	case 400:
	case 403:
	case 404:
	case 405:
	case 409:
	case 410:
	case 412:
	case 415:
	case 422:
	case 500:
	case 501:
	case 507:
		return true;
	default:
		return false;
	}
}

/* All of a book: by the report, or where the server does not have it, or gives nothing at all, in the older way. */
static int
list_all(struct listing *listing, struct bytes *ret_token, struct hf_error *err)
{
	const struct hf_host *host = listing->carddav->host;
	struct hf_error why = HF_ERROR_INIT;
	int r = ask_pages(listing, "", ret_token, &why);

	if (r == HF_OK && listing->hrefs->count > 0)
		return HF_OK;
	if (r != HF_OK && !is_refusal(listing->answer.status)) {
		if (err != NULL)
			*err = why;
		return r;
	}
	hf_log(host, HF_LOG_DEBUG, "%s; it is listed in another way", r == HF_OK ? "the report is empty" : why.msg);
	hrefs_clear(listing->hrefs);
	if (r != HF_OK)
		bytes_clear(ret_token);
	return ask_all(listing, err);
}

int
book_changes(struct carddav *carddav, const struct books *books, size_t index, const char *token,
    struct hrefs *hrefs, struct bytes *ret_token, struct hf_error *err)
{
	struct listing listing = {.carddav = carddav, .books = books, .path = &books->list[index].path, .hrefs = hrefs};
	int r;

	hrefs_clear(hrefs);
	bytes_clear(ret_token);
	dav_answer_init(&listing.answer);
	if (token[0] == '\0') {
		r = list_all(&listing, ret_token, err);
	} else {
		r = ask_pages(&listing, token, ret_token, err);
		if (r == HF_OK && ret_token->size == 0)
			r = hf_error_set(err, HF_EINVAL, 0, "REPORT %.200s: without a new sync-token",
			    listing.path->data);
		else if (r != HF_OK && r != HF_EAUTH && is_refusal(listing.answer.status))
			r = HF_EINVAL;
	}
	dav_answer_release(&listing.answer);
	return r;
}

/* ---- cards ---- */

/* Names that cards have in practice; a server that heeds them leaves pictures where they are, and all others, too. */
static const char *const known_properties[] = {"VERSION", "UID", "FN", "N", "NICKNAME", "ADR", "LABEL", "TEL", "EMAIL",
    "IMPP", "LANG", "TZ", "GEO", "TITLE", "ROLE", "ORG", "MEMBER", "RELATED", "CATEGORIES", "NOTE", "PRODID", "REV",
    "URL", "BDAY", "ANNIVERSARY", "GENDER", "KIND", "XML", "SOURCE", "NAME", "CLIENTPIDMAP", "FBURL", "CALADRURI",
    "CALURI", "MAILER", "AGENT", "CLASS", "SORT-STRING", "PROFILE", "BIRTHPLACE", "DEATHPLACE", "DEATHDATE",
    "EXPERTISE", "HOBBY", "INTEREST", "ORG-DIRECTORY", "CONTACT-URI", "CREATED", "GRAMGENDER", "LANGUAGE", "PRONOUNS",
    "SOCIALPROFILE", "JSPROP", "X-ABLABEL", "X-ABADR", "X-ABDATE", "X-ABRELATEDNAMES", "X-ABSHOWAS", "X-ABUID",
    "X-ADDRESSBOOKSERVER-KIND", "X-ADDRESSBOOKSERVER-MEMBER", "X-AIM", "X-ANDROID-CUSTOM", "X-ANNIVERSARY",
    "X-ASSISTANT", "X-EVOLUTION-FILE-AS", "X-GADUGADU", "X-GENDER", "X-GROUPWISE", "X-ICQ", "X-JABBER",
    "X-KADDRESSBOOK-X-ANNIVERSARY", "X-KADDRESSBOOK-X-SPOUSESNAME", "X-MAIDENNAME", "X-MANAGER", "X-MSN",
    "X-PHONETIC-FIRST-NAME", "X-PHONETIC-LAST-NAME", "X-PHONETIC-MIDDLE-NAME", "X-QQ", "X-SIP", "X-SKYPE",
    "X-SKYPE-USERNAME", "X-SOCIALPROFILE", "X-SPOUSE", "X-TWITTER", "X-YAHOO", NULL};

struct batch {
	struct carddav *carddav;
	const struct book *book;
	struct hrefs *hrefs;
	size_t first, count;
	book_card_fn fn;
	void *ctx;
	struct dav_answer answer;
	/* What has been answered, until the answer is whole: for each card its place, size, ETag and bytes. */
	struct bytes got;
	struct bytes large; /* one large card's bytes, taken out of the answer */
	unsigned too_long;  /* answers about a single card, one after the other */
};

struct got {
	size_t href;
	size_t etag_size, card_size;
	bool is_large;
	unsigned status; /* 200, or why not; 0: no reason is given */
};

static void
reset_batch(void *ctx)
{
	struct batch *batch = ctx;
	size_t i;

	bytes_clear(&batch->got);
	bytes_release(&batch->large);
	for (i = batch->first; i < batch->first + batch->count; i++)
		batch->hrefs->list[i].done = false;
}

/* Which card of the batch an answer is about; NULL: none that was asked for. */
static struct href *
find_href(const struct batch *batch, const struct bytes *path)
{
	struct href *href;
	size_t i;

	for (i = batch->first; i < batch->first + batch->count; i++) {
		href = &batch->hrefs->list[i];
		if (!href->done && dav_same_path(path->data, path->size, path_of(batch->hrefs, href),
		    strlen(path_of(batch->hrefs, href))))
			return href;
	}
	return NULL;
}

static int
take_card(void *ctx, struct dav_response *response, struct hf_error *err)
{
	struct batch *batch = ctx;
	struct bytes path = BYTES_INIT(DAV_PATH_MAX);
	struct got got = {0, 0, 0, false, 200};
	struct href *href, *same;
	int r = resolve(batch->carddav, &batch->book->path, &response->href, &path, err);

	href = r == HF_OK ? find_href(batch, &path) : NULL;
	/* One that was listed twice is answered once. */
	for (same = href; same != NULL; same = find_href(batch, &path))
		same->done = true;
	bytes_release(&path);
	if (r != HF_OK || href == NULL)
		return r;
	got.href = (size_t)(href - batch->hrefs->list);
	if (response->data.failed == HF_ERANGE)
		got.status = 413;
	else if (response->has_data)
		got.card_size = response->data.size;
	else
		got.status = response->status >= 400 ? response->status : 0;
	got.etag_size = response->etag.size;
	got.is_large = got.card_size > CARD_LARGE && batch->large.size == 0;
	bytes_put(&batch->got, &got, sizeof(got));
	bytes_put(&batch->got, response->etag.data, got.etag_size);
	if (got.is_large) {
		bytes_release(&batch->large);
		batch->large = response->data;
		response->data = (struct bytes)BYTES_INIT(response->data.max);
	} else {
		bytes_put(&batch->got, response->data.data, got.card_size);
	}
	return bytes_status(&batch->got, "an answer", err);
}

static void
put_request(const struct batch *batch, struct bytes *body)
{
	const char *path;
	size_t i;

	bytes_string(body, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<C:addressbook-multiget xmlns:D=\"DAV:\" "
	                   "xmlns:C=\"urn:ietf:params:xml:ns:carddav\"><D:prop><D:getetag/>");
	if (batch->carddav->known_only) {
		bytes_string(body, "<C:address-data>");
		for (i = 0; known_properties[i] != NULL; i++)
			bytes_format(body, "<C:prop name=\"%s\"/>", known_properties[i]);
		bytes_string(body, "</C:address-data>");
	} else {
		bytes_string(body, "<C:address-data/>");
	}
	bytes_string(body, "</D:prop>");
	for (i = batch->first; i < batch->first + batch->count; i++) {
		path = path_of(batch->hrefs, &batch->hrefs->list[i]);
		bytes_string(body, "<D:href>");
		dav_put_xml(body, path, strlen(path));
		bytes_string(body, "</D:href>");
	}
	bytes_string(body, "</C:addressbook-multiget>\n");
}

static int
fail_card(const struct batch *batch, size_t index, int code, unsigned status, const char *reason,
    struct hf_error *err)
{
	const char *path = path_of(batch->hrefs, &batch->hrefs->list[index]);
	struct hf_error why = HF_ERROR_INIT;

	if (status != 0)
		(void)hf_error_set(&why, code, 0, "HTTP status %u", status);
	else
		(void)hf_error_set(&why, code, 0, "%s", reason);
	why.http_status = status;
	return batch->fn(batch->ctx, path, "", NULL, &why, err);
}

/* Passes on what a whole answer has brought. */
static int
push_got(const struct batch *batch, struct hf_error *err)
{
	struct bytes etag = BYTES_INIT(64u << 10), card;
	const char *path;
	struct got got;
	size_t at = 0, i;
	int r = HF_OK;

	while (r == HF_OK && at < batch->got.size) {
		memcpy(&got, batch->got.data + at, sizeof(got));
		at += sizeof(got);
		path = path_of(batch->hrefs, &batch->hrefs->list[got.href]);
		bytes_clear(&etag);
		bytes_put(&etag, batch->got.data + at, got.etag_size);
		card = (struct bytes){batch->got.data + at + got.etag_size, got.card_size, 0, 0, HF_OK};
		if (got.is_large)
			card.data = batch->large.data;
		at += got.etag_size + (got.is_large ? 0 : got.card_size);
		if (got.status == 200)
			r = batch->fn(batch->ctx, path, bytes_text(&etag) == NULL ? "" : etag.data, &card, NULL, err);
		else if (got.status == 413)
			r = fail_card(batch, got.href, HF_ERANGE, 0, "longer than 12 MiB", err);
		else if (got.status == 0)
			r = fail_card(batch, got.href, HF_EIO, 0, "the server answers without the card", err);
		/* One that is gone since it was listed will be told as deleted the next time. */
		else if (got.status != 404 && got.status != 410)
			r = fail_card(batch, got.href, HF_EIO, got.status, NULL, err);
	}
	for (i = batch->first; r == HF_OK && i < batch->first + batch->count; i++) {
		if (!batch->hrefs->list[i].done)
			r = fail_card(batch, i, HF_EIO, 0, "the server does not answer for it", err);
	}
	bytes_release(&etag);
	return r;
}

static int
ask_batch(struct batch *batch, struct hf_error *err)
{
	struct bytes body = BYTES_INIT(1u << 20);
	struct dav_query query = {"REPORT", batch->book->path.data, "1", &body,
	    batch->count == 1 ? CARD_BYTES : BATCH_BYTES, take_card, reset_batch, batch};
	int r;

	put_request(batch, &body);
	r = bytes_status(&body, "a request", err);
	reset_batch(batch);
	if (r == HF_OK)
		r = dav_ask(&batch->carddav->dav, &query, &batch->answer, NULL, err);
	bytes_release(&body);
	return r;
}

/* Cards are too long for one answer: half of them at a time. */
static int
fetch(struct batch *batch, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	size_t first = batch->first, count = batch->count;
	int r = ask_batch(batch, &why);

	if (r == HF_OK) {
		batch->too_long = 0;
		return push_got(batch, err);
	}
	if (r != HF_ERANGE) {
		if (err != NULL)
			*err = why;
		return r;
	}
	if (count == 1 && ++batch->too_long > TOO_LONG_MAX)
		return hf_error_set(err, HF_ERANGE, 0, "each of %u answers about a single card was too long",
		    batch->too_long);
	if (count == 1)
		return fail_card(batch, first, HF_ERANGE, 0, "longer than an answer may be", err);
	batch->count = count / 2;
	r = fetch(batch, err);
	batch->first = first + count / 2;
	batch->count = count - count / 2;
	return r == HF_OK ? fetch(batch, err) : r;
}

int
book_cards(struct carddav *carddav, const struct book *book, struct hrefs *hrefs, book_card_fn fn, void *ctx,
    struct hf_error *err)
{
	struct batch batch = {.carddav = carddav, .book = book, .hrefs = hrefs, .fn = fn, .ctx = ctx,
	    .got = BYTES_INIT(CARD_BYTES + (1u << 20)), .large = BYTES_INIT(0)};
	size_t i, kept = 0;
	int r = HF_OK;

	/* What is gone needs no request. */
	for (i = 0; i < hrefs->count; i++) {
		if (!hrefs->list[i].gone)
			hrefs->list[kept++] = hrefs->list[i];
	}
	hrefs->count = kept;
	dav_answer_init(&batch.answer);
	for (i = 0; r == HF_OK && i < hrefs->count; i += BATCH) {
		batch.first = i;
		batch.count = hrefs->count - i < BATCH ? hrefs->count - i : BATCH;
		if (carddav->host->stop_requested(carddav->host->ctx) != 0)
			r = hf_error_set(err, HF_ESTOPPING, 0, "told to stop");
		else
			r = fetch(&batch, err);
	}
	dav_answer_release(&batch.answer);
	bytes_release(&batch.got);
	bytes_release(&batch.large);
	return r;
}
