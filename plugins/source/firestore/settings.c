/* SPDX-License-Identifier: BSD-2-Clause */
#include "settings.h"

#include <stdlib.h>
#include <string.h>

enum {
	O_PROJECT, O_DATABASE, O_SERVICE_ACCOUNT, O_API_KEY, O_REFRESH_TOKEN, O_TOKEN_STORE, O_EMAIL, O_PASSWORD,
	O_USER, O_READ_BUDGET, O_PAGE_SIZE, O_LOOK_BACK,
	O_ROOMS, O_ROOMS_MEMBER_FIELD, O_ROOM_NAME, O_ROOM_KIND, O_ROOM_TOPIC, O_ROOM_CREATED, O_ROOM_MEMBERS,
	O_ROOM_COUNT, O_MESSAGES, O_ROOM_FIELD, O_ROOM_REFERENCE, O_CHANGES,
	O_ID, O_TEXT, O_SENDER, O_SENT, O_UPDATED, O_EDITED, O_DELETED, O_KIND, O_REPLY_TO, O_THREAD, O_REACTIONS,
	O_MEDIA, O_MEDIA_NAME, O_MEDIA_MIME, O_MEDIA_SIZE, O_MEDIA_WIDTH, O_MEDIA_HEIGHT, O_MEDIA_DURATION,
	O_PEOPLE, O_ROOM_PEOPLE, O_PERSON_ID, O_PERSON_NAME,
	O_CONTACTS, O_CONTACT_ID, O_CONTACT_NAME, O_CONTACT_EMAIL, O_CONTACT_PHONE, O_CONTACT_ORGANIZATION,
	O_CONTACT_TITLE, O_CONTACT_NOTE, O_CONTACT_URL,
	O_FIRESTORE, O_TOKEN, O_SECURE_TOKEN, O_IDENTITY, O_STORAGE,
	O_COUNT
};

#define OPTION(type, flags, name, help, value, min, max)                                              \
	{sizeof(struct hf_option), HF_OPTION_##type, flags, 1, name, help, value, min, max}
#define STRING(name, help, value) OPTION(STRING, 0, name, help, value, 0, 0)

const struct hf_option settings_options[] = {
	[O_PROJECT] = OPTION(STRING, HF_OPTION_REQUIRED, "project", "id of the Firebase project", NULL, 0, 0),
	[O_DATABASE] = STRING("database", "id of the Firestore database", "(default)"),
	[O_SERVICE_ACCOUNT] = OPTION(PATH, HF_OPTION_PRIVATE, "service_account",
	    "key file of a service account", NULL, 0, 0),
	[O_API_KEY] = OPTION(STRING, HF_OPTION_SECRET, "api_key", "the app's API key, to sign in as a user", NULL, 0,
	    0),
	[O_REFRESH_TOKEN] = OPTION(STRING, HF_OPTION_SECRET, "refresh_token", "a user's refresh token", NULL, 0, 0),
	[O_TOKEN_STORE] = OPTION(PATH, 0, "token_store", "file for the newest refresh token, where the service "
	    "gives new ones", NULL, 0, 0),
	[O_EMAIL] = STRING("email", "a user's e-mail address, to sign in with a password", NULL),
	[O_PASSWORD] = OPTION(STRING, HF_OPTION_SECRET, "password", "the user's password", NULL, 0, 0),
	[O_USER] = STRING("user", "id of the user whose rooms rooms.member_field finds", NULL),
	[O_READ_BUDGET] = OPTION(INT, 0, "read_budget", "documents a run may read; 0: any number", "0", 0, INT64_MAX),
	[O_PAGE_SIZE] = OPTION(INT, 0, "page_size", "documents in one answer", "300", 1, 1000),
	[O_LOOK_BACK] = OPTION(DURATION, 0, "look_back", "how late a change may appear after its time of update",
	    "10 min", 0, 0),

	[O_ROOMS] = STRING("rooms.collection", "path of the collection of rooms", "rooms"),
	[O_ROOMS_MEMBER_FIELD] = STRING("rooms.member_field", "array that has the user's id in the rooms to back up",
	    NULL),
	[O_ROOM_NAME] = STRING("rooms.fields.name", "name of a room", "name"),
	[O_ROOM_KIND] = STRING("rooms.fields.kind", "direct, group, channel", "kind"),
	[O_ROOM_TOPIC] = STRING("rooms.fields.topic", "what it is about", "topic"),
	[O_ROOM_CREATED] = STRING("rooms.fields.created", "when it began", "createdAt"),
	[O_ROOM_MEMBERS] = STRING("rooms.fields.members", "array of its members' ids, or map by them", "memberIds"),
	[O_ROOM_COUNT] = STRING("rooms.fields.count", "how many messages it has, for the progress", "messageCount"),

	[O_MESSAGES] = STRING("messages.collection", "collection of messages, below each room", "messages"),
	[O_ROOM_FIELD] = STRING("messages.room_field",
	    "field with the room's id, where messages are not below rooms but in one collection", NULL),
	[O_ROOM_REFERENCE] = OPTION(BOOL, 0, "messages.room_reference", "room_field is a reference, not an id",
	    "false", 0, 0),
	[O_CHANGES] = STRING("messages.changes", "how changed rooms are found: group or each", "group"),
	[O_ID] = STRING("messages.fields.id", "id of a message; without it, that of the document", NULL),
	[O_TEXT] = STRING("messages.fields.text", "what it says", "text"),
	[O_SENDER] = STRING("messages.fields.sender", "id of who sent it", "senderId"),
	[O_SENT] = STRING("messages.fields.sent", "when it was sent", "sentAt"),
	[O_UPDATED] = STRING("messages.fields.updated", "when it was last changed; \"\": there is no such field",
	    "updatedAt"),
	[O_EDITED] = STRING("messages.fields.edited", "when it was edited, or whether", NULL),
	[O_DELETED] = STRING("messages.fields.deleted", "when it was deleted, or whether", "deletedAt"),
	[O_KIND] = STRING("messages.fields.kind", "text, image, ...", "type"),
	[O_REPLY_TO] = STRING("messages.fields.reply_to", "id of the message it answers, or a reference", "replyTo"),
	[O_THREAD] = STRING("messages.fields.thread", "id of the thread's first message", NULL),
	[O_REACTIONS] = STRING("messages.fields.reactions", "map from each reaction to an array of users' ids",
	    "reactions"),
	[O_MEDIA] = OPTION(STRING, HF_OPTION_LIST, "messages.fields.media", "URLs of pictures and files", "media.url",
	    0, 0),
	[O_MEDIA_NAME] = STRING("messages.media.name", "beside the URL: the file's name", "name"),
	[O_MEDIA_MIME] = STRING("messages.media.mime", "beside the URL: the file's MIME type", "mimeType"),
	[O_MEDIA_SIZE] = STRING("messages.media.size", "beside the URL: bytes", "size"),
	[O_MEDIA_WIDTH] = STRING("messages.media.width", "beside the URL: pixels", "width"),
	[O_MEDIA_HEIGHT] = STRING("messages.media.height", "beside the URL: pixels", "height"),
	[O_MEDIA_DURATION] = STRING("messages.media.duration", "beside the URL: seconds", "duration"),

	[O_PEOPLE] = STRING("participants.collection", "path of the collection of users", NULL),
	[O_ROOM_PEOPLE] = STRING("participants.room_collection",
	    "collection of members below each room; costs a request a room", NULL),
	[O_PERSON_ID] = STRING("participants.fields.id", "id of a user; without it, that of the document", NULL),
	[O_PERSON_NAME] = STRING("participants.fields.name", "name of a user", "name"),

	[O_CONTACTS] = STRING("contacts.collection", "path of the collection of contacts", NULL),
	[O_CONTACT_ID] = STRING("contacts.fields.id", "id of a contact; without it, that of the document", NULL),
	[O_CONTACT_NAME] = STRING("contacts.fields.name", "full name", "name"),
	[O_CONTACT_EMAIL] = STRING("contacts.fields.email", "e-mail addresses", "email"),
	[O_CONTACT_PHONE] = STRING("contacts.fields.phone", "telephone numbers", "phone"),
	[O_CONTACT_ORGANIZATION] = STRING("contacts.fields.organization", "company", NULL),
	[O_CONTACT_TITLE] = STRING("contacts.fields.title", "position", NULL),
	[O_CONTACT_NOTE] = STRING("contacts.fields.note", "note", NULL),
	[O_CONTACT_URL] = STRING("contacts.fields.url", "address of a page", NULL),

	[O_FIRESTORE] = STRING("endpoints.firestore", "where Firestore is", "https://firestore.googleapis.com"),
	[O_TOKEN] = STRING("endpoints.oauth", "where a service account gets tokens; without it, as its key file says",
	    NULL),
	[O_SECURE_TOKEN] = STRING("endpoints.refresh", "where a user gets tokens",
	    "https://securetoken.googleapis.com"),
	[O_IDENTITY] = STRING("endpoints.identity", "where a user signs in", "https://identitytoolkit.googleapis.com"),
	[O_STORAGE] = STRING("endpoints.storage", "where Firebase Storage is",
	    "https://firebasestorage.googleapis.com"),
	[O_COUNT] = {0, 0, 0, 0, NULL, NULL, NULL, 0, 0},
};

const struct secrets settings_secrets = {O_API_KEY, O_REFRESH_TOKEN, O_PASSWORD};

/* ---- */

static const char *
get(const struct settings *s, int which)
{
	return s->strings[which] == NULL || s->strings[which][0] == '\0' ? NULL : s->strings[which];
}

static int
wrong(const char *option, const char *why, struct hf_error *err)
{
	return hf_error_set(err, HF_EINVAL, 0, "\"%s\": %s", option, why);
}

static int
take_field(const struct settings *s, int which, struct field *field, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	const char *text = get(s, which);

	if (text != NULL && field_parse(text, strlen(text), field, &why) != HF_OK)
		return wrong(settings_options[which].name, why.msg, err);
	return HF_OK;
}

/* Fields that are listed one after the other, in the order of the table. */
static int
take_fields(const struct settings *s, int first, int last, struct field *const *fields, struct hf_error *err)
{
	int i, r = HF_OK;

	for (i = first; r == HF_OK && i <= last; i++)
		r = take_field(s, i, fields[i - first], err);
	return r;
}

/* What the updated field is asked for by is a plain path. */
static int
check_updated(const struct settings *s, struct hf_error *err)
{
	const struct field *field = &s->message.updated;
	unsigned i;

	for (i = 0; i < field->count; i++)
		if (field->steps[i].each)
			return wrong("messages.fields.updated", "\"[]\" cannot be in it, as it is what messages are "
			    "sorted by", err);
	return HF_OK;
}

static int
take_media(struct settings *s, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	const char *p = get(s, O_MEDIA), *end;

	for (; p != NULL && *p != '\0'; p = *end == '\0' ? end : end + 1) {
		end = p + strcspn(p, "\n");
		if (end == p)
			continue;
		if (s->message.media_count == MEDIA_FIELDS)
			return hf_error_set(err, HF_EINVAL, 0, "\"messages.fields.media\": more than %d paths",
			    MEDIA_FIELDS);
		if (field_parse(p, (size_t)(end - p), &s->message.media[s->message.media_count++], &why) != HF_OK)
			return wrong("messages.fields.media", why.msg, err);
	}
	return HF_OK;
}

static int
take_all_fields(struct settings *s, struct hf_error *err)
{
	struct room_fields *room = &s->room;
	struct message_fields *m = &s->message;
	struct contact_fields *c = &s->contact;
	struct field *const rooms[] = {&room->name, &room->kind, &room->topic, &room->created, &room->members,
	    &room->count};
	struct field *const messages[] = {&m->id, &m->text, &m->sender, &m->sent, &m->updated, &m->edited, &m->deleted,
	    &m->kind, &m->reply_to, &m->thread, &m->reactions};
	struct field *const people[] = {&s->person_id, &s->person_name};
	struct field *const contacts[] = {&c->id, &c->name, &c->email, &c->phone, &c->organization, &c->title, &c->note,
	    &c->url};
	int r = take_fields(s, O_ROOM_NAME, O_ROOM_COUNT, rooms, err);

	if (r == HF_OK)
		r = take_fields(s, O_ID, O_REACTIONS, messages, err);
	if (r == HF_OK)
		r = take_fields(s, O_PERSON_ID, O_PERSON_NAME, people, err);
	if (r == HF_OK)
		r = take_fields(s, O_CONTACT_ID, O_CONTACT_URL, contacts, err);
	if (r == HF_OK)
		r = check_updated(s, err);
	return r == HF_OK ? take_media(s, err) : r;
}

static int
take_sign_in(struct settings *s, bool has_api_key, bool has_password, struct hf_error *err)
{
	bool account = s->key_file != NULL, user = s->has_refresh_token || s->email != NULL || has_password;

	if (account && user)
		return hf_error_set(err, HF_EINVAL, 0,
		    "\"service_account\" and a user's sign-in are given; one of them has to go");
	if (!account && !user)
		return hf_error_set(err, HF_EINVAL, 0, "nothing to sign in with: give \"service_account\", or "
		    "\"api_key_file\" "
		    "with \"refresh_token_file\" or with \"email\" and \"password_file\"");
	if (user && !has_api_key)
		return wrong("api_key_file", "it is needed to sign in as a user", err);
	if (user && !s->has_refresh_token && (s->email == NULL || !has_password))
		return hf_error_set(err, HF_EINVAL, 0, "\"email\" and \"password_file\" go together");
	s->sign_in = account ? SIGN_IN_ACCOUNT : s->has_refresh_token ? SIGN_IN_REFRESH : SIGN_IN_PASSWORD;
	return HF_OK;
}

/* A collection's path has an odd number of components, none of them empty. */
static int
check_collection(const struct settings *s, int which, bool deep, struct hf_error *err)
{
	const char *path = get(s, which), *p;
	unsigned slashes = 0;

	if (path == NULL)
		return HF_OK;
	for (p = path; *p != '\0'; p++) {
		if (*p == '/' && (p == path || p[1] == '/' || p[1] == '\0'))
			return wrong(settings_options[which].name, "an empty name between slashes", err);
		slashes += *p == '/';
	}
	if (!deep && slashes > 0)
		return wrong(settings_options[which].name, "it is one name, without slashes", err);
	if (slashes % 2 != 0)
		return wrong(settings_options[which].name, "that is the path of a document, not of a collection", err);
	return HF_OK;
}

static int
check_endpoint(const struct settings *s, int which, struct hf_error *err)
{
	const char *url = get(s, which);
	size_t size;

	if (url == NULL)
		return which == O_TOKEN ? HF_OK : wrong(settings_options[which].name, "it is missing", err);
	size = strlen(url);
	if ((strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0) || strpbrk(url, "?# \"\\") != NULL)
		return wrong(settings_options[which].name, "it has to be a URL as \"https://host\"", err);
	if (url[size - 1] == '/')
		return wrong(settings_options[which].name, "no \"/\" at its end", err);
	return HF_OK;
}

static int
check_places(const struct settings *s, struct hf_error *err)
{
	int i, r = check_collection(s, O_ROOMS, true, err);

	if (r == HF_OK)
		r = check_collection(s, O_MESSAGES, get(s, O_ROOM_FIELD) != NULL, err);
	if (r == HF_OK)
		r = check_collection(s, O_PEOPLE, true, err);
	if (r == HF_OK)
		r = check_collection(s, O_ROOM_PEOPLE, false, err);
	if (r == HF_OK)
		r = check_collection(s, O_CONTACTS, true, err);
	for (i = O_FIRESTORE; r == HF_OK && i <= O_STORAGE; i++)
		r = check_endpoint(s, i, err);
	if (r == HF_OK && s->rooms != NULL && s->messages == NULL)
		r = wrong("messages.collection", "it is missing", err);
	if (r == HF_OK && s->rooms == NULL && s->contacts == NULL)
		r = wrong("rooms.collection", "it is missing", err);
	return r;
}

static void
take_strings(struct settings *s)
{
	s->project = get(s, O_PROJECT);
	s->database = get(s, O_DATABASE);
	s->key_file = get(s, O_SERVICE_ACCOUNT);
	s->token_store = get(s, O_TOKEN_STORE);
	s->email = get(s, O_EMAIL);
	s->user = get(s, O_USER);
	s->rooms = get(s, O_ROOMS);
	s->rooms_member_field = get(s, O_ROOMS_MEMBER_FIELD);
	s->messages = get(s, O_MESSAGES);
	s->room_field = get(s, O_ROOM_FIELD);
	s->people = get(s, O_PEOPLE);
	s->room_people = get(s, O_ROOM_PEOPLE);
	s->contacts = get(s, O_CONTACTS);
	s->media = (struct media_names){s->strings[O_MEDIA_NAME], s->strings[O_MEDIA_MIME], s->strings[O_MEDIA_SIZE],
	    s->strings[O_MEDIA_WIDTH], s->strings[O_MEDIA_HEIGHT], s->strings[O_MEDIA_DURATION]};
	s->firestore = get(s, O_FIRESTORE);
	s->token_endpoint = get(s, O_TOKEN);
	s->secure_token = get(s, O_SECURE_TOKEN);
	s->identity = get(s, O_IDENTITY);
	s->storage = get(s, O_STORAGE);
}

static int
take(struct settings *s, const struct hf_value *values, struct hf_error *err)
{
	const char *changes = get(s, O_CHANGES);
	int r;

	take_strings(s);
	s->page_size = values[O_PAGE_SIZE].set ? values[O_PAGE_SIZE].number : 300;
	s->read_budget = values[O_READ_BUDGET].set ? values[O_READ_BUDGET].number : 0;
	s->look_back_ns = values[O_LOOK_BACK].set ? values[O_LOOK_BACK].number : 0;
	s->room_reference = values[O_ROOM_REFERENCE].set && values[O_ROOM_REFERENCE].number != 0;
	s->has_refresh_token = values[O_REFRESH_TOKEN].set != 0;
	if (s->project == NULL || s->database == NULL)
		return wrong(s->project == NULL ? "project" : "database", "it is missing", err);
	if (changes == NULL || (strcmp(changes, "group") != 0 && strcmp(changes, "each") != 0))
		return wrong("messages.changes", "\"group\" or \"each\"", err);
	s->detection = strcmp(changes, "group") == 0 ? DETECT_GROUP : DETECT_EACH;
	r = take_sign_in(s, values[O_API_KEY].set != 0, values[O_PASSWORD].set != 0, err);
	if (r == HF_OK)
		r = check_places(s, err);
	return r == HF_OK ? take_all_fields(s, err) : r;
}

int
settings_make(const struct hf_value *values, uint32_t count, struct settings **ret, struct hf_error *err)
{
	struct settings *s;
	uint32_t i;
	int r = HF_OK;

	if (count < O_COUNT)
		return hf_error_set(err, HF_EINVAL, 0, "%u options, not %d", count, O_COUNT);
	s = calloc(1, sizeof(*s));
	if (s == NULL || (s->strings = calloc(O_COUNT, sizeof(*s->strings))) == NULL)
		r = HF_ENOMEM;
	for (i = 0; r == HF_OK && i < O_COUNT; i++)
		if (values[i].set && values[i].text != NULL && (s->strings[i] = strdup(values[i].text)) == NULL)
			r = HF_ENOMEM;
	if (r != HF_OK)
		(void)hf_error_set(err, r, 0, "out of memory");
	else
		r = take(s, values, err);
	if (r != HF_OK)
		settings_free(s);
	else
		*ret = s;
	return r;
}

void
settings_free(struct settings *s)
{
	size_t i;

	if (s == NULL)
		return;
	for (i = 0; s->strings != NULL && i < O_COUNT; i++)
		free(s->strings[i]);
	free(s->strings);
	free(s);
}
