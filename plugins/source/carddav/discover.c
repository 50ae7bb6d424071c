/* SPDX-License-Identifier: BSD-2-Clause */
#include "book.h"

#include <stdlib.h>

#define BOOKS_MAX  1000u
#define ANSWER_MAX (8u << 20)
#define TEXT_MAX   (8u << 10)
#define WELL_KNOWN "/.well-known/carddav"

void
books_init(struct books *books)
{
	*books = (struct books){BYTES_INIT(DAV_PATH_MAX), false, NULL, 0, 0};
}

static void
release_book(struct book *book)
{
	bytes_release(&book->path);
	bytes_release(&book->name);
	bytes_release(&book->token);
	bytes_release(&book->ctag);
}

static void
clear_list(struct books *books)
{
	while (books->count > 0)
		release_book(&books->list[--books->count]);
}

void
books_release(struct books *books)
{
	clear_list(books);
	free(books->list);
	books->list = NULL;
	books->capacity = 0;
	bytes_release(&books->home);
}

int
books_add(struct books *books, struct book **ret, struct hf_error *err)
{
	size_t capacity = books->capacity == 0 ? 4 : books->capacity * 2;
	struct book *list;

	if (books->count == BOOKS_MAX)
		return hf_error_set(err, HF_ERANGE, 0, "more than %u address books", BOOKS_MAX);
	if (books->count == books->capacity) {
		list = realloc(books->list, capacity * sizeof(*list));
		if (list == NULL)
			return hf_error_set(err, HF_ENOMEM, 0, "the list of address books: out of memory");
		books->list = list;
		books->capacity = capacity;
	}
	*ret = &books->list[books->count++];
	**ret = (struct book){BYTES_INIT(DAV_PATH_MAX), BYTES_INIT(TEXT_MAX), BYTES_INIT(TEXT_MAX),
	    BYTES_INIT(TEXT_MAX)};
	return HF_OK;
}

/* ---- requests ---- */

/* What one place says of itself, and the address books that it lists. */
struct place {
	struct carddav *carddav;
	struct books *books; /* NULL: they are not wanted */
	struct dav_answer answer;
	const char *path;    /* that was asked for */
	bool is_addressbook;
	struct bytes principal, home;
	struct book *own;    /* the first book, if the place is one itself */
};

static void
reset_place(void *ctx)
{
	struct place *place = ctx;

	if (place->books != NULL)
		clear_list(place->books);
	place->is_addressbook = false;
	bytes_clear(&place->principal);
	bytes_clear(&place->home);
}

static int
copy(struct bytes *to, const struct bytes *from, const char *what, struct hf_error *err)
{
	bytes_clear(to);
	bytes_put(to, from->data, from->size);
	return bytes_status(to, what, err);
}

/* Where the answer's hrefs are relative to. */
static struct bytes
base_of(const struct place *place)
{
	struct bytes base = place->answer.path;

	if (base.size == 0)
		base = (struct bytes){(char *)(uintptr_t)place->path, strlen(place->path), 0, 0, HF_OK};
	return base;
}

static int
take_response(void *ctx, struct dav_response *response, struct hf_error *err)
{
	struct place *place = ctx;
	struct bytes base = base_of(place), path = BYTES_INIT(DAV_PATH_MAX);
	struct book *book;
	int r = dav_resolve(&place->carddav->dav, &base, &response->href, &path, err);

	if (r == HF_OK && dav_same_path(path.data, path.size, base.data, base.size))
		place->is_addressbook = response->is_addressbook;
	if (r == HF_OK && response->principal.size > 0)
		r = copy(&place->principal, &response->principal, "a principal", err);
	if (r == HF_OK && response->home.size > 0)
		r = copy(&place->home, &response->home, "an address book home", err);
	if (r == HF_OK && place->books != NULL && response->is_addressbook) {
		r = books_add(place->books, &book, err);
		if (r == HF_OK)
			r = copy(&book->path, &path, "an address book", err);
		if (r == HF_OK && path.data[path.size - 1] != '/')
			bytes_char(&book->path, '/');
		if (r == HF_OK && bytes_text(&book->path) == NULL)
			r = bytes_status(&book->path, "an address book", err);
		if (r == HF_OK)
			r = copy(&book->name, &response->name, "an address book", err);
		if (r == HF_OK)
			r = copy(&book->token, &response->sync_token, "an address book", err);
		if (r == HF_OK)
			r = copy(&book->ctag, &response->ctag, "an address book", err);
	}
	bytes_release(&path);
	return r;
}

static void
open_place(struct place *place, struct carddav *carddav)
{
	memset(place, 0, sizeof(*place));
	place->carddav = carddav;
	dav_answer_init(&place->answer);
	place->principal = (struct bytes)BYTES_INIT(8u << 10);
	place->home = (struct bytes)BYTES_INIT(8u << 10);
}

static void
close_place(struct place *place)
{
	dav_answer_release(&place->answer);
	bytes_release(&place->principal);
	bytes_release(&place->home);
}

static int
ask_place(struct place *place, const char *path, const char *depth, struct hf_error *err)
{
	static const char text[] = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
	                           "<D:propfind xmlns:D=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:carddav\" "
	                           "xmlns:S=\"http://calendarserver.org/ns/\"><D:prop><D:resourcetype/><D:displayname/>"
	                           "<D:sync-token/><S:getctag/><D:current-user-principal/><C:addressbook-home-set/>"
	                           "</D:prop></D:propfind>\n";
	const struct bytes body = {(char *)(uintptr_t)text, sizeof(text) - 1, 0, 0, HF_OK};
	const struct dav_query query = {"PROPFIND", path, depth, &body, ANSWER_MAX, take_response, reset_place, place};

	place->path = path;
	reset_place(place);
	return dav_ask(&place->carddav->dav, &query, &place->answer, NULL, err);
}

int
book_is_there(struct carddav *carddav, const char *path, struct hf_error *err)
{
	struct place place;
	int r;

	open_place(&place, carddav);
	r = ask_place(&place, path, "0", err);
	if (r != HF_OK && place.answer.status == 410)
		r = HF_ENOTFOUND;
	close_place(&place);
	return r;
}

/* ---- which of them ---- */

/* The last component of its path, or its name. */
static bool
is_named(const struct book *book, const char *name, size_t size)
{
	size_t end = book->path.size, begin;

	while (end > 0 && book->path.data[end - 1] == '/')
		end--;
	for (begin = end; begin > 0 && book->path.data[begin - 1] != '/'; begin--)
		;
	return (book->name.size == size && memcmp(book->name.data, name, size) == 0) ||
	       dav_same_path(book->path.data + begin, end - begin, name, size);
}

static int
check_names(const struct carddav *carddav, const struct books *books, struct hf_error *err)
{
	const char *name = carddav->wanted, *end;
	size_t i;

	for (; *name != '\0'; name = end + 1) {
		end = strchr(name, '\n');
		for (i = 0; i < books->count && !is_named(&books->list[i], name, (size_t)(end - name)); i++)
			;
		if (i == books->count)
			return hf_error_set(err, HF_ENOTFOUND, 0, "there is no address book \"%.*s\" at %.200s",
			    end - name > 100 ? 100 : (int)(end - name), name, books->home.data);
	}
	return HF_OK;
}

static bool
is_wanted(const struct carddav *carddav, const struct book *book)
{
	const char *name = carddav->wanted, *end;

	for (; *name != '\0'; name = end + 1) {
		end = strchr(name, '\n');
		if (is_named(book, name, (size_t)(end - name)))
			return true;
	}
	return false;
}

static int
compare_books(const void *a, const void *b)
{
	const struct book *x = a, *y = b;
	size_t least = x->path.size < y->path.size ? x->path.size : y->path.size;
	int order = memcmp(x->path.data, y->path.data, least);

	return order != 0 ? order : (x->path.size > y->path.size) - (x->path.size < y->path.size);
}

int
books_list(struct carddav *carddav, struct books *books, struct hf_error *err)
{
	struct place place;
	const char *home = bytes_text(&books->home);
	size_t i, kept = 0;
	int r;

	if (home == NULL)
		return bytes_status(&books->home, "an address", err);
	open_place(&place, carddav);
	place.books = books;
	r = ask_place(&place, home, books->single ? "0" : "1", err);
	close_place(&place);
	if (r == HF_OK && books->count == 0)
		return hf_error_set(err, HF_ENOTFOUND, 0, "there is no address book at %.200s", home);
	if (r == HF_OK && carddav->wanted != NULL && !books->single)
		r = check_names(carddav, books, err);
	if (r != HF_OK)
		return r;
	for (i = 0; i < books->count; i++) {
		if (carddav->wanted == NULL || books->single || is_wanted(carddav, &books->list[i]))
			books->list[kept++] = books->list[i];
		else
			release_book(&books->list[i]);
	}
	books->count = kept;
	qsort(books->list, books->count, sizeof(*books->list), compare_books);
	return HF_OK;
}

/* ---- where they are ---- */

/* Follows what the place said to the home of the address books; HF_ENOTFOUND: it said nothing. */
static int
follow(struct carddav *carddav, struct place *place, struct books *books, struct hf_error *err)
{
	struct bytes base = base_of(place), path = BYTES_INIT(DAV_PATH_MAX);
	const char *text;
	int r = HF_OK;

	if (place->home.size == 0 && place->principal.size > 0) {
		r = dav_resolve(&carddav->dav, &base, &place->principal, &path, err);
		text = bytes_text(&path);
		if (r == HF_OK)
			r = text == NULL ? bytes_status(&path, "an address", err) : ask_place(place, text, "0", err);
		base = base_of(place);
	}
	bytes_clear(&books->home);
	if (r == HF_OK && place->home.size == 0)
		r = hf_error_set(err, HF_ENOTFOUND, 0, "%.200s names no address books", place->path);
	if (r == HF_OK)
		r = dav_resolve(&carddav->dav, &base, &place->home, &books->home, err);
	bytes_release(&path);
	return r;
}

/* Not a matter of permission, but of the address that is configured. */
static int
led_elsewhere(const struct hf_error *why, struct hf_error *err)
{
	int r = hf_error_set(err, HF_EINVAL, why->os_errno, "%s", why->msg);

	if (err != NULL)
		err->http_status = why->http_status;
	return r;
}

/* Whether something else may still lead there.  Who may not read what was named is not given something else. */
static bool
may_go_on(const struct carddav *carddav, int code)
{
	return code == HF_ENOTFOUND || code == HF_EINVAL || code == HF_ECORRUPT ||
	       (code == HF_EPERM && carddav->start.size == 1);
}

/* The configured URL is an address book, or tells of where they are. */
static int
from_url(struct carddav *carddav, struct books *books, struct hf_error *err)
{
	struct bytes base;
	struct place place;
	const char *start = bytes_text(&carddav->start);
	int r;

	if (start == NULL)
		return bytes_status(&carddav->start, "an address", err);
	open_place(&place, carddav);
	r = ask_place(&place, start, "0", err);
	if (r == HF_OK && place.is_addressbook) {
		base = base_of(&place);
		books->single = true;
		r = copy(&books->home, &base, "an address", err);
	} else if (r == HF_OK) {
		r = follow(carddav, &place, books, err);
	}
	close_place(&place);
	return r;
}

static int
from_well_known(struct carddav *carddav, struct books *books, struct hf_error *err)
{
	struct place place;
	int r;

	open_place(&place, carddav);
	r = ask_place(&place, WELL_KNOWN, "0", err);
	if (r == HF_OK)
		r = follow(carddav, &place, books, err);
	close_place(&place);
	return r;
}

int
books_discover(struct carddav *carddav, struct books *books, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT, first = HF_ERROR_INIT;
	int r;

	books->single = false;
	r = from_url(carddav, books, &first);
	first.code = r;
	if (r != HF_OK && err != NULL)
		*err = first;
	if (may_go_on(carddav, r)) {
		why.code = from_well_known(carddav, books, &why);
		if (why.code == HF_OK)
			r = HF_OK;
		else if (!dav_is_elsewhere(&first) && dav_is_elsewhere(&why))
			return led_elsewhere(&why, err);
	}
	if (r != HF_OK && dav_is_elsewhere(&first))
		return led_elsewhere(&first, err);
	/* A folder of address books that says nothing of whose they are. */
	if (may_go_on(carddav, r) && r != HF_EPERM) {
		if (copy(&books->home, &carddav->start, "an address", &why) == HF_OK &&
		    books_list(carddav, books, &why) == HF_OK)
			return HF_OK;
		return r;
	}
	return r == HF_OK ? books_list(carddav, books, err) : r;
}
