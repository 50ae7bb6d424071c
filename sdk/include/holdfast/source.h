/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef HOLDFAST_SOURCE_H
#define HOLDFAST_SOURCE_H

#include <holdfast/host.h>
#include <holdfast/options.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Records are flat.  Pointers in them are the source's, valid until the sink returns.  Times are
 * nanoseconds since 1970-01-01T00:00:00Z; HF_NO_TIME: not known.
 */
#define HF_NO_TIME INT64_MIN

/* What the account is, for account.json. */
struct hf_account {
	uint32_t struct_size;
	uint32_t flags;
	struct hf_text service; /* "slack", "jsonl" */
	struct hf_text id;      /* of the workspace or account, where the service has one */
	struct hf_text name;
};

struct hf_room {
	uint32_t struct_size;
	uint32_t flags;
	struct hf_text id;
	struct hf_text name;
	struct hf_text kind; /* direct, group, channel */
	struct hf_text topic;
	int64_t created_ns;
	int64_t updated_ns;
	uint64_t estimated_messages; /* 0: not known */
	uint64_t estimated_bytes;
	struct hf_blob raw; /* the provider's own JSON value; size 0: none */
};

struct hf_participant {
	uint32_t struct_size;
	uint32_t flags;
	struct hf_text id;
	struct hf_text name;
	struct hf_blob raw;
};

struct hf_reaction {
	struct hf_text key; /* the emoji, or its name at the provider */
	uint64_t count;
	const struct hf_text *senders; /* may be fewer than count, or NULL */
	uint64_t sender_count;
};

struct hf_attachment {
	struct hf_text id;
	struct hf_text kind; /* image, video, audio, file, sticker */
	struct hf_text name;
	struct hf_text mime;
	struct hf_text url;     /* a reference; may need the source to be fetched, may expire */
	struct hf_text path;    /* of a file beside the export, relative to it, '/' between components */
	struct hf_text missing; /* why the provider has no bytes of it, in its words; data NULL: it may have them */
	int64_t size;       /* bytes; -1: not known */
	int64_t width;      /* pixels; -1 */
	int64_t height;
	int64_t duration_ms; /* -1 */
	int64_t expires_ns;
};

#define HF_MESSAGE_DELETED     1u /* the provider says it was deleted */
#define HF_MESSAGE_RAW_COMPACT 2u /* no white space stands between raw's tokens, so it can be copied at once */

/* The full state of one message at one time. */
struct hf_message {
	uint32_t struct_size;
	uint32_t flags;
	struct hf_text id;
	struct hf_text sender;
	struct hf_text kind; /* text, image, system, ...; the provider's word where there is no better one */
	struct hf_text text;
	struct hf_text reply_to; /* id of the message this one answers */
	struct hf_text thread;   /* id of the thread's first message */
	int64_t sent_ns;
	int64_t edited_ns;
	int64_t deleted_ns;
	const struct hf_reaction *reactions;
	uint64_t reaction_count;
	const struct hf_attachment *attachments;
	uint64_t attachment_count;
	struct hf_blob raw; /* token for token; white space between tokens may be left out */
};

#define HF_CONTACT_DELETED 1u /* it is gone at the provider; only id counts */

/* One card of an address book. */
struct hf_contact {
	uint32_t struct_size;
	uint32_t flags;
	struct hf_text id;       /* HF_TEXT_UTF8, the same each time: the card's address, or the file and its UID */
	struct hf_text revision; /* differs when the card does (an ETag); data NULL: not known */
	struct hf_blob card;     /* vCard (RFC 2426, RFC 6350, vCard 2.1) as it was received */
	int64_t updated_ns;
};

/*
 * Where records go.  A nonzero answer means: stop now and return it.  Every pointer may be NULL
 * when the query did not ask for its kind.
 */
struct hf_record_sink {
	uint32_t struct_size;
	uint32_t flags;
	void *ctx;
	int (*account)(void *ctx, const struct hf_account *account, struct hf_error *err);
	int (*room)(void *ctx, const struct hf_room *room, struct hf_error *err);
	int (*participant)(void *ctx, const struct hf_participant *participant, struct hf_error *err);
	int (*message)(void *ctx, const struct hf_message *message, struct hf_error *err);
	/*
	 * All records so far of this query are covered by cursor: given it later, the source leaves
	 * them out.  The host keeps it only after they are durable.
	 */
	int (*checkpoint)(void *ctx, const struct hf_blob *cursor, struct hf_error *err);
	/* One record that cannot be read; the source goes on with the next.  where: "FILE:LINE" or an id. */
	int (*failed)(void *ctx, const char *where, const struct hf_error *why, struct hf_error *err);
	int (*contact)(void *ctx, const struct hf_contact *contact, struct hf_error *err);
	/* The cursor of the query was of no use: everything there is follows, not only what changed. */
	int (*reset)(void *ctx, struct hf_error *err);
};

#define HF_QUERY_ACCOUNT      1u
/*
 * All rooms, whatever the cursor: it is the source's own note on what it has seen of all of them.  That of the last
 * checkpoint comes again in the next job, also when some rooms could not be backed up in this one.
 */
#define HF_QUERY_ROOMS        2u
#define HF_QUERY_PARTICIPANTS 3u /* of one room, or of the account where room is NULL */
#define HF_QUERY_MESSAGES     4u /* of one room */
/*
 * Of the account.  With a cursor: only cards that are new, changed or deleted since; a source whose cursor the
 * provider no longer knows calls reset first, and then pushes all of them.
 */
#define HF_QUERY_CONTACTS     5u

struct hf_query {
	uint32_t struct_size;
	uint32_t what;
	uint32_t page; /* messages between two checkpoints, at most; 0: the source's choice */
	uint32_t flags;
	struct hf_text room;   /* the room's id, HF_TEXT_UTF8 */
	struct hf_blob cursor; /* from an earlier checkpoint of the same query; size 0: from the start */
};

/* What a source has, as the flags of its struct hf_component; none: chats. */
#define HF_SOURCE_CHATS    1u
#define HF_SOURCE_CONTACTS 2u

/* ---- media ---- */

/* Some bytes that are wanted. */
struct hf_media_request {
	uint32_t struct_size;
	uint32_t flags;
	uint64_t token; /* whoever asks knows it by this; no two under way have the same */
	const struct hf_attachment *attachment; /* valid until its end */
	struct hf_text room;      /* id of the room it is in, HF_TEXT_UTF8 */
	uint64_t offset;          /* so many bytes are there already, of what validator stands for */
	struct hf_text validator; /* as an earlier begin had it; data NULL: none */
	uint64_t max_size;        /* more is not wanted, and ends with HF_ERANGE; 0: no limit */
};

/* What the bytes are of.  Pointers are valid until the call returns. */
struct hf_media_info {
	uint32_t struct_size;
	uint32_t flags;
	int64_t size;    /* of the whole; -1: not known */
	uint64_t offset; /* where the bytes that follow begin: as asked for, or 0 */
	struct hf_text mime;
	/* Changes when the bytes do (an ETag); data NULL: there is none, so that nothing can be resumed. */
	struct hf_text validator;
};

/*
 * Media on their way: the source takes requests and pushes bytes, up to parallel of them at once, in any
 * order.  Every function may answer nonzero, which for next means what is told there, for begin and write
 * that this one is not wanted any longer (its end follows), and for end: stop now and return it.
 */
struct hf_media_exchange {
	uint32_t struct_size;
	uint32_t flags;
	void *ctx;
	uint32_t parallel;
	uint32_t reserved;
	/*
	 * The next request.  HF_ENOTFOUND: there is none now; it is asked again after an end, and when nothing
	 * is under way that is the end of the exchange.
	 */
	int (*next)(void *ctx, struct hf_media_request *ret_request, struct hf_error *err);
	/* Comes before the first byte, and again when a transfer had to begin anew at another offset. */
	int (*begin)(void *ctx, uint64_t token, const struct hf_media_info *info, struct hf_error *err);
	int (*write)(void *ctx, uint64_t token, const void *data, uint64_t size, struct hf_error *err);
	/* code HF_OK: every byte was pushed.  Others: why not, with the HTTP status where there is one. */
	int (*end)(void *ctx, uint64_t token, int code, const struct hf_error *why, struct hf_error *err);
};

/* ---- */

struct hf_source_caps {
	uint32_t struct_size;
	uint32_t can_incremental; /* HF_YES: cursors leave unchanged records out */
	uint32_t can_deletions;
	uint32_t rate_limited; /* HF_YES: checkpoint every page */
	/* HF_NO: as it is configured it has none of these, and what is about them leaves the account out. */
	uint32_t has_chats;
	uint32_t has_contacts;
};

struct hf_source_ops {
	uint32_t struct_size;
	uint32_t flags;
	int (*configure)(const struct hf_value *values, uint32_t count, struct hf_error *err);
	int (*open)(const struct hf_host *host, const struct hf_value *values, uint32_t count,
	    void **ret_handle, struct hf_error *err);
	void (*close)(void *handle);
	int (*caps)(void *handle, struct hf_source_caps *ret_caps, struct hf_error *err);
	/*
	 * Pushes what query asks for.  HF_OK means: everything there is was pushed, and a room that was
	 * not pushed was not there.  Messages of a room come oldest first where the provider has an order.
	 */
	int (*enumerate)(void *handle, const struct hf_query *query, const struct hf_record_sink *sink,
	    struct hf_error *err);
	/*
	 * Gets the bytes of attachments.  NULL: there is nothing special about its URLs, so the host gets them
	 * itself, as it does for a request that ends with HF_ENOTSUP; then the source may not be asked about other
	 * URLs of the same scheme, host and port, so it refuses all of them or none.
	 */
	int (*fetch_media)(void *handle, const struct hf_media_exchange *exchange, struct hf_error *err);
	/*
	 * Puts a card of a backup back where cards are kept: a new one, or in place of the one of the same id.
	 * Never removes any.  *done: HF_PUT_...  NULL: not offered.
	 */
	int (*put_contact)(void *handle, const struct hf_contact *card, uint32_t flags, uint32_t *done,
	    struct hf_error *err); /* put */
};

#define HF_PUT_DRY_RUN 1u /* flag: only tell what would be done */

#define HF_PUT_SAME     1u /* done: it is there as it is */
#define HF_PUT_CREATED  2u
#define HF_PUT_REPLACED 3u

#ifdef __cplusplus
}
#endif
#endif
