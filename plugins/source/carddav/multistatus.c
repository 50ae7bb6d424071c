/* SPDX-License-Identifier: BSD-2-Clause */
#include "multistatus.h"

#include <stddef.h>
#include <stdlib.h>

#include <expat.h>

#define DEPTH_MAX  32
#define TEXT_MAX   (8u << 10)  /* of all but cards */
#define PART_MAX   (64u << 10) /* that the parser gets at once */
#define PARSER_MAX (1u << 20)  /* that it keeps of the text */
#define SEPARATOR  '\n'        /* between an element's namespace and its name */

enum element {
	E_OTHER, E_MULTISTATUS, E_RESPONSE, E_HREF, E_STATUS, E_PROPSTAT, E_PROP, E_ETAG, E_DATA, E_NAME, E_TOKEN,
	E_CTAG, E_PRINCIPAL, E_HOME, E_TYPE, E_COLLECTION, E_ADDRESSBOOK
};

/* RFC 4918, RFC 6352, RFC 6578, RFC 5397, and calendarserver.org's ctag. */
static const struct {
	const char *name;
	enum element element;
} elements[] = {{"DAV:\nmultistatus", E_MULTISTATUS}, {"DAV:\nresponse", E_RESPONSE}, {"DAV:\nhref", E_HREF},
    {"DAV:\nstatus", E_STATUS}, {"DAV:\npropstat", E_PROPSTAT}, {"DAV:\nprop", E_PROP}, {"DAV:\ngetetag", E_ETAG},
    {"urn:ietf:params:xml:ns:carddav\naddress-data", E_DATA}, {"DAV:\ndisplayname", E_NAME},
    {"DAV:\nsync-token", E_TOKEN}, {"http://calendarserver.org/ns/\ngetctag", E_CTAG},
    {"DAV:\ncurrent-user-principal", E_PRINCIPAL},
    {"urn:ietf:params:xml:ns:carddav\naddressbook-home-set", E_HOME}, {"DAV:\nresourcetype", E_TYPE},
    {"DAV:\ncollection", E_COLLECTION}, {"urn:ietf:params:xml:ns:carddav\naddressbook", E_ADDRESSBOOK}};

/* Of one parser. */
struct memory {
	size_t used;
	bool exceeded;
};

struct multistatus {
	XML_Parser parser;
	struct memory memory;
	multistatus_fn fn;
	void *ctx;
	enum element stack[DEPTH_MAX];
	unsigned depth;
	bool seen; /* a multistatus */
	struct dav_response response;
	struct dav_response props; /* of the propstat under way, until its status is known */
	unsigned propstat_status;
	struct bytes text, token;
	bool keeps;      /* text */
	size_t text_max; /* of the element under way */
	bool has_card;   /* the response under way has */
	int code;   /* HF_OK, or why it stops */
	struct hf_error why;
};

/* ---- the parser's memory ---- */

/*
 * The parser keeps each name that it has met, and all of a tag or a comment until it has its end: the server decides
 * how much that is.  Functions for memory are told a size and nothing else, so whose it is stands here;
 * one answer may be read while another is.
 */
static _Thread_local struct memory *memory;

union block {
	size_t size;
	max_align_t align;
};

static void *
resize_block(void *data, size_t size)
{
	union block *old = data == NULL ? NULL : (union block *)data - 1, *block;
	size_t before = old == NULL ? 0 : old->size;

	if (size > PARSER_MAX || memory->used - before > PARSER_MAX - size) {
		memory->exceeded = true;
		return NULL;
	}
	block = realloc(old, sizeof(*block) + size);
	if (block == NULL)
		return NULL;
	block->size = size;
	memory->used += size - before;
	return block + 1;
}

static void *
get_block(size_t size)
{
	return resize_block(NULL, size);
}

static void
free_block(void *data)
{
	union block *block = data == NULL ? NULL : (union block *)data - 1;

	if (block != NULL)
		memory->used -= block->size;
	free(block);
}

static XML_Parser
open_parser(struct memory *own)
{
	static const XML_Memory_Handling_Suite functions = {get_block, resize_block, free_block};
	static const XML_Char separator[] = {SEPARATOR, 0};
	struct memory *before = memory;
	XML_Parser parser;

	memory = own;
	parser = XML_ParserCreate_MM(NULL, &functions, separator);
	memory = before;
	return parser;
}

static void
close_parser(XML_Parser parser, struct memory *own)
{
	struct memory *before = memory;

	memory = own;
	XML_ParserFree(parser);
	memory = before;
}

/* ---- responses ---- */

static void
clear_response(struct dav_response *response)
{
	response->status = 0;
	response->has_etag = response->has_data = response->is_collection = response->is_addressbook = false;
	bytes_clear(&response->href);
	bytes_clear(&response->etag);
	bytes_clear(&response->data);
	bytes_clear(&response->name);
	bytes_clear(&response->sync_token);
	bytes_clear(&response->ctag);
	bytes_clear(&response->principal);
	bytes_clear(&response->home);
}

static void
init_response(struct dav_response *response, size_t data_max)
{
	*response = (struct dav_response){.href = BYTES_INIT(TEXT_MAX), .etag = BYTES_INIT(TEXT_MAX),
	    .data = BYTES_INIT(data_max), .name = BYTES_INIT(TEXT_MAX), .sync_token = BYTES_INIT(TEXT_MAX),
	    .ctag = BYTES_INIT(TEXT_MAX), .principal = BYTES_INIT(TEXT_MAX), .home = BYTES_INIT(TEXT_MAX)};
}

static void
release_response(struct dav_response *response)
{
	bytes_release(&response->href);
	bytes_release(&response->etag);
	bytes_release(&response->data);
	bytes_release(&response->name);
	bytes_release(&response->sync_token);
	bytes_release(&response->ctag);
	bytes_release(&response->principal);
	bytes_release(&response->home);
}

static void
stop(struct multistatus *multistatus, int code, const char *reason)
{
	if (multistatus->code == HF_OK)
		multistatus->code = hf_error_set(&multistatus->why, code, 0, "%s", reason);
	(void)XML_StopParser(multistatus->parser, XML_FALSE);
}

static enum element
above(const struct multistatus *multistatus, unsigned levels)
{
	return multistatus->depth > levels ? multistatus->stack[multistatus->depth - 1 - levels] : E_OTHER;
}

static enum element
find_element(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(elements) / sizeof(elements[0]); i++) {
		if (strcmp(elements[i].name, name) == 0)
			return elements[i].element;
	}
	return E_OTHER;
}

static void XMLCALL
on_start(void *ctx, const XML_Char *name, const XML_Char **attributes)
{
	struct multistatus *multistatus = ctx;
	enum element element = find_element(name);

	(void)attributes;
	if (multistatus->depth == DEPTH_MAX) {
		stop(multistatus, HF_ECORRUPT, "the answer's XML is nested too deeply");
		return;
	}
	multistatus->stack[multistatus->depth++] = element;
	if (multistatus->depth == 1 && element == E_MULTISTATUS)
		multistatus->seen = true;
	if (element == E_RESPONSE && above(multistatus, 1) == E_MULTISTATUS) {
		clear_response(&multistatus->response);
		multistatus->has_card = false;
	}
	/* Each would be in memory, and only one counts. */
	if (element == E_DATA && multistatus->has_card)
		stop(multistatus, HF_ECORRUPT, "the answer has two cards with one address");
	multistatus->has_card |= element == E_DATA;
	if (element == E_PROPSTAT) {
		clear_response(&multistatus->props);
		multistatus->propstat_status = 0;
	}
	if (above(multistatus, 1) == E_TYPE && element == E_COLLECTION)
		multistatus->props.is_collection = true;
	if (above(multistatus, 1) == E_TYPE && element == E_ADDRESSBOOK)
		multistatus->props.is_addressbook = true;
	/* Text counts where no other element is in it. */
	multistatus->keeps = element == E_HREF || element == E_STATUS || element == E_ETAG || element == E_DATA ||
	                     element == E_NAME || element == E_TOKEN || element == E_CTAG;
	multistatus->text_max = element == E_DATA ? multistatus->text.max : 2 * TEXT_MAX;
	bytes_clear(&multistatus->text);
}

static void XMLCALL
on_text(void *ctx, const XML_Char *text, int size)
{
	struct multistatus *multistatus = ctx;

	if (multistatus->keeps && (size_t)size > multistatus->text_max - multistatus->text.size)
		multistatus->text.failed = HF_ERANGE;
	else if (multistatus->keeps)
		bytes_put(&multistatus->text, text, (size_t)size);
}

/* "HTTP/1.1 404 Not Found" */
static unsigned
status_of(struct bytes *text)
{
	const char *line = bytes_text(text), *space = line == NULL ? NULL : strchr(line, ' ');

	return space == NULL ? 0 : (unsigned)strtoul(space, NULL, 10);
}

/* White space around a value is layout. */
static void
take(struct bytes *to, const struct bytes *text, size_t max)
{
	const char *at = text->data;
	size_t size = text->size;

	while (size > 0 && strchr(" \t\r\n", *at) != NULL)
		at++, size--;
	while (size > 0 && strchr(" \t\r\n", at[size - 1]) != NULL)
		size--;
	bytes_clear(to);
	if (text->failed == HF_OK && size <= max)
		bytes_put(to, at, size);
	else
		to->failed = HF_ERANGE;
}

/* Each keeps its own limit. */
static void
swap_bytes(struct bytes *a, struct bytes *b)
{
	struct bytes c = *a;
	size_t a_max = a->max, b_max = b->max;

	*a = *b;
	*b = c;
	a->max = a_max;
	b->max = b_max;
}

static void
take_property(struct multistatus *multistatus, enum element element)
{
	struct dav_response *props = &multistatus->props;
	struct bytes *text = &multistatus->text;

	switch (element) {
	case E_ETAG:
		take(&props->etag, text, TEXT_MAX);
		props->has_etag = true;
		break;
	case E_DATA:
		bytes_clear(&props->data);
		/* A card may be large, and is not copied. */
		if (text->failed == HF_OK && text->size <= props->data.max)
			swap_bytes(text, &props->data);
		else
			props->data.failed = HF_ERANGE;
		props->has_data = true;
		break;
	case E_NAME:
		take(&props->name, text, TEXT_MAX);
		break;
	case E_TOKEN:
		take(&props->sync_token, text, TEXT_MAX);
		break;
	case E_CTAG:
		take(&props->ctag, text, TEXT_MAX);
		break;
	default:
		break;
	}
}

/* The properties of a propstat count when its status says that they are there. */
static void
end_propstat(struct multistatus *multistatus)
{
	struct dav_response *to = &multistatus->response, *from = &multistatus->props;

	if (multistatus->propstat_status < 200 || multistatus->propstat_status > 299)
		return;
	to->is_collection |= from->is_collection;
	to->is_addressbook |= from->is_addressbook;
	if (from->has_etag) {
		to->has_etag = true;
		swap_bytes(&to->etag, &from->etag);
	}
	if (from->has_data) {
		to->has_data = true;
		swap_bytes(&to->data, &from->data);
	}
	if (from->name.size > 0)
		swap_bytes(&to->name, &from->name);
	if (from->sync_token.size > 0)
		swap_bytes(&to->sync_token, &from->sync_token);
	if (from->ctag.size > 0)
		swap_bytes(&to->ctag, &from->ctag);
	if (from->principal.size > 0)
		swap_bytes(&to->principal, &from->principal);
	if (from->home.size > 0)
		swap_bytes(&to->home, &from->home);
}

static void
end_response(struct multistatus *multistatus)
{
	struct dav_response *response = &multistatus->response;
	int r;

	if (response->href.size == 0 || response->href.failed != HF_OK) {
		stop(multistatus, HF_ECORRUPT, "the answer tells of something without an address");
		return;
	}
	r = multistatus->fn(multistatus->ctx, response, &multistatus->why);
	if (r != HF_OK) {
		multistatus->code = r;
		(void)XML_StopParser(multistatus->parser, XML_FALSE);
	}
}

static void
end_href(struct multistatus *multistatus)
{
	struct dav_response *props = &multistatus->props;

	switch (above(multistatus, 1)) {
	case E_RESPONSE:
		if (multistatus->response.href.size == 0)
			take(&multistatus->response.href, &multistatus->text, TEXT_MAX);
		break;
	case E_PRINCIPAL:
		take(&props->principal, &multistatus->text, TEXT_MAX);
		break;
	case E_HOME:
		if (props->home.size == 0)
			take(&props->home, &multistatus->text, TEXT_MAX);
		break;
	default:
		break;
	}
}

static void XMLCALL
on_end(void *ctx, const XML_Char *name)
{
	struct multistatus *multistatus = ctx;
	enum element element = above(multistatus, 0), parent = above(multistatus, 1);

	(void)name;
	if (multistatus->text.failed == HF_ENOMEM)
		stop(multistatus, HF_ENOMEM, "an answer: out of memory");
	if (element == E_HREF)
		end_href(multistatus);
	else if (element == E_STATUS && parent == E_RESPONSE)
		multistatus->response.status = status_of(&multistatus->text);
	else if (element == E_STATUS && parent == E_PROPSTAT)
		multistatus->propstat_status = status_of(&multistatus->text);
	else if (element == E_TOKEN && parent == E_MULTISTATUS)
		take(&multistatus->token, &multistatus->text, TEXT_MAX);
	else if (parent == E_PROP)
		take_property(multistatus, element);
	else if (element == E_PROPSTAT)
		end_propstat(multistatus);
	else if (element == E_RESPONSE && parent == E_MULTISTATUS)
		end_response(multistatus);
	multistatus->depth--;
	multistatus->keeps = false;
}

/* Nothing here needs entities of its own, which are how small texts become endless ones. */
static void XMLCALL
on_doctype(void *ctx, const XML_Char *name, const XML_Char *system, const XML_Char *public, int internal)
{
	(void)name;
	(void)system;
	(void)public;
	(void)internal;
	stop(ctx, HF_ECORRUPT, "the answer's XML has a document type");
}

int
multistatus_open(size_t data_max, multistatus_fn fn, void *ctx, struct multistatus **ret, struct hf_error *err)
{
	struct multistatus *multistatus = calloc(1, sizeof(*multistatus));

	if (multistatus == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "an answer: out of memory");
	multistatus->parser = open_parser(&multistatus->memory);
	if (multistatus->parser == NULL) {
		free(multistatus);
		return hf_error_set(err, HF_ENOMEM, 0, "an answer: out of memory");
	}
	multistatus->fn = fn;
	multistatus->ctx = ctx;
	multistatus->why = (struct hf_error)HF_ERROR_INIT;
	multistatus->text = (struct bytes)BYTES_INIT(data_max > TEXT_MAX ? data_max : TEXT_MAX);
	multistatus->token = (struct bytes)BYTES_INIT(TEXT_MAX);
	init_response(&multistatus->response, data_max);
	init_response(&multistatus->props, data_max);
	XML_SetUserData(multistatus->parser, multistatus);
	XML_SetElementHandler(multistatus->parser, on_start, on_end);
	XML_SetCharacterDataHandler(multistatus->parser, on_text);
	XML_SetStartDoctypeDeclHandler(multistatus->parser, on_doctype);
	*ret = multistatus;
	return HF_OK;
}

void
multistatus_close(struct multistatus *multistatus)
{
	if (multistatus == NULL)
		return;
	close_parser(multistatus->parser, &multistatus->memory);
	release_response(&multistatus->response);
	release_response(&multistatus->props);
	bytes_release(&multistatus->text);
	bytes_release(&multistatus->token);
	free(multistatus);
}

static int
explain(struct multistatus *multistatus)
{
	enum XML_Error code = XML_GetErrorCode(multistatus->parser);

	if (code == XML_ERROR_NO_MEMORY && !multistatus->memory.exceeded)
		return hf_error_set(&multistatus->why, HF_ENOMEM, 0, "an answer: out of memory");
	return hf_error_set(&multistatus->why, HF_ECORRUPT, 0, "the answer is not the XML it should be, line %lu: %s",
	    (unsigned long)XML_GetCurrentLineNumber(multistatus->parser), code == XML_ERROR_NO_MEMORY
	    ? "its tags and names are too long or too many" : XML_ErrorString(code));
}

static int
parse(struct multistatus *multistatus, const void *data, size_t size, int final, struct hf_error *err)
{
	struct memory *before = memory;
	const char *at = data;
	size_t part;

	memory = &multistatus->memory;
	do {
		part = size > PART_MAX ? PART_MAX : size;
		if (XML_Parse(multistatus->parser, at, (int)part, final) != XML_STATUS_OK && multistatus->code == HF_OK)
			multistatus->code = explain(multistatus);
		at += part;
		size -= part;
	} while (multistatus->code == HF_OK && size > 0);
	memory = before;
	if (multistatus->code != HF_OK)
		return hf_error_set(err, multistatus->code, multistatus->why.os_errno, "%s", multistatus->why.msg);
	return HF_OK;
}

int
multistatus_write(struct multistatus *multistatus, const void *data, size_t size, struct hf_error *err)
{
	return size == 0 ? HF_OK : parse(multistatus, data, size, 0, err);
}

int
multistatus_end(struct multistatus *multistatus, struct hf_error *err)
{
	int r = parse(multistatus, "", 0, 1, err);

	if (r == HF_OK && !multistatus->seen)
		return hf_error_set(err, HF_ECORRUPT, 0, "the answer is XML, but no multistatus");
	return r;
}

const char *
multistatus_token(struct multistatus *multistatus)
{
	const char *token = bytes_text(&multistatus->token);

	return token == NULL ? "" : token;
}
