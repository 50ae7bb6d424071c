/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "command/contacts.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>

#include <holdfast/source.h>

#include "base/json.h"
#include "base/path.h"
#include "command/putter.h"
#include "repository/walk.h"

#define INDEX_MAX      ((size_t)64 << 20) /* of the cards' ids */
#define INDEX_LINE_MAX ((size_t)64 << 10)
#define CARD_MAX       ((size_t)16 << 20)
#define FOLDER         "/contacts"

struct counts {
	uint64_t created, replaced, same, failed;
};

struct restoring {
	const struct common *common;
	const struct contacts_request *request;
	struct putter putter;
	/* The snapshot's files. */
	struct buffer index; /* entries */
	struct buffer line;  /* of index.jsonl, under way */
	size_t at;       /* in index */
	struct buffer id; /* of the card under way */
	uint64_t size;
	bool has_card;
	struct buffer card;
	struct counts counts;
	bool lost;
	bool broken_output;
};

/* ---- telling ---- */

static const char *
result_name(uint32_t done)
{
	return done == HF_PUT_CREATED ? "created" : done == HF_PUT_REPLACED ? "replaced" : "same";
}

static void
tell_json(struct restoring *restoring, const char *result, const char *message)
{
	struct buffer out = BUFFER_INIT((size_t)1 << 20);

	buffer_append_string(&out, "{");
	common_json_string(&out, "type", "card", 4);
	common_json_string(&out, "id", (const char *)restoring->id.data, restoring->id.size);
	common_json_string(&out, "result", result, strlen(result));
	if (message != NULL)
		common_json_string(&out, "message", message, strlen(message));
	buffer_append_string(&out, "}\n");
	restoring->broken_output |= common_flush(&out) != STATUS_DONE;
	buffer_release(&out);
}

static void
tell_card(struct restoring *restoring, const char *result, const char *message)
{
	bool dry = !restoring->request->yes;

	if (restoring->common->json) {
		tell_json(restoring, result, message);
	} else if (message != NULL) {
		common_message("%.*s: %s", (int)restoring->id.size, (const char *)restoring->id.data, message);
	} else if (restoring->common->verbose || strcmp(result, "same") != 0) {
		(void)printf("%s ", !dry ? result : strcmp(result, "created") == 0 ? "would create"
		                           : strcmp(result, "replaced") == 0 ? "would replace" : result);
		common_put(stdout, (const char *)restoring->id.data, restoring->id.size);
		(void)putchar('\n');
	}
}

static void
tell_summary(struct restoring *restoring)
{
	const struct counts *counts = &restoring->counts;
	bool dry = !restoring->request->yes;

	if (restoring->common->json) {
		(void)printf("{\"type\":\"summary\",\"dry_run\":%s,\"created\":%" PRIu64 ",\"replaced\":%" PRIu64
		             ",\"same\":%" PRIu64 ",\"failed\":%" PRIu64 "}\n",
		    dry ? "true" : "false", counts->created, counts->replaced, counts->same, counts->failed);
		return;
	}
	(void)printf("%s%" PRIu64 " created, %" PRIu64 " replaced, %" PRIu64 " the same, %" PRIu64 " failed\n",
	    dry ? "dry run: " : "", counts->created, counts->replaced, counts->same, counts->failed);
	if (dry)
		(void)printf("nothing was changed in account %s; with --yes it is done, and no card is ever deleted\n",
		    restoring->request->to);
}

/* ---- cards ---- */

/* Failures that the next card would meet as well. */
static bool
ends_all(int code)
{
	return code != HF_EINVAL && code != HF_ECORRUPT && code != HF_EEXIST && code != HF_ERANGE;
}

static int
put_card(struct restoring *restoring, struct hf_error *err)
{
	struct hf_contact contact = {.struct_size = (uint32_t)sizeof(contact), .updated_ns = HF_NO_TIME};
	struct hf_error why = HF_ERROR_INIT;
	uint32_t done = 0;
	int r;

	if (common_interrupted())
		return hf_error_set(err, HF_ESTOPPING, 0, "interrupted");
	contact.id = (struct hf_text){(const char *)restoring->id.data, restoring->id.size, HF_TEXT_UTF8, 0};
	contact.card = (struct hf_blob){restoring->card.data, restoring->card.size};
	r = putter_put(&restoring->putter, &contact, restoring->request->yes ? 0 : HF_PUT_DRY_RUN, &done,
	    &restoring->lost, &why);
	if (r == HF_OK) {
		restoring->counts.created += done == HF_PUT_CREATED;
		restoring->counts.replaced += done == HF_PUT_REPLACED;
		restoring->counts.same += done == HF_PUT_SAME;
		tell_card(restoring, result_name(done), NULL);
		return HF_OK;
	}
	if (ends_all(r))
		return hf_error_set(err, r, why.os_errno, "account %s: %s", restoring->request->to, why.msg);
	restoring->counts.failed++;
	tell_card(restoring, "failed", why.msg);
	return HF_OK;
}

static int
damaged(const char *name, struct hf_error *err)
{
	return hf_error_set(err, HF_ECORRUPT, 0, "%s of the snapshot is not what it should be", name);
}

/* Of index.jsonl only this is kept, in front of the card's id: the rest of a line is the server's, and may be long. */
struct index_entry {
	uint32_t card_size, id_size;
};

static int
add_line(struct restoring *restoring, const char *line, size_t size, struct hf_error *err)
{
	struct json_object *object = NULL;
	struct index_entry entry;
	const char *id = NULL;
	int64_t bytes = 0;
	int r = json_parse(line, size, "index.jsonl", &object, err);

	if (r == HF_OK)
		r = json_get_string(object, "id", "index.jsonl", &id, err);
	if (r == HF_OK)
		r = json_get_int64(object, "size", "index.jsonl", &bytes, err);
	if (r == HF_OK && (bytes <= 0 || (uint64_t)bytes > CARD_MAX))
		r = damaged("index.jsonl", err);
	if (r == HF_OK) {
		entry = (struct index_entry){(uint32_t)bytes, (uint32_t)strlen(id)};
		buffer_append(&restoring->index, &entry, sizeof(entry));
		buffer_append(&restoring->index, id, entry.id_size);
		r = buffer_status(&restoring->index, "index.jsonl", err);
	}
	json_object_put(object);
	return r;
}

/* index.jsonl, piece by piece. */
static int
take_index(void *ctx, const void *data, uint64_t size, struct hf_error *err)
{
	struct restoring *restoring = ctx;
	const char *at = data, *end = at + size, *line_end;
	int r = HF_OK;

	while (r == HF_OK && at < end) {
		line_end = memchr(at, '\n', (size_t)(end - at));
		buffer_append(&restoring->line, at, (size_t)((line_end == NULL ? end : line_end) - at));
		r = buffer_status(&restoring->line, "a line of index.jsonl", err);
		at = line_end == NULL ? end : line_end + 1;
		if (r != HF_OK || line_end == NULL)
			continue;
		r = add_line(restoring, buffer_string(&restoring->line), restoring->line.size, err);
		buffer_clear(&restoring->line);
	}
	return r;
}

/* Takes the next card of the index. */
static int
next_card(struct restoring *restoring, struct hf_error *err)
{
	const uint8_t *at = restoring->index.data + restoring->at;
	struct index_entry entry;

	restoring->has_card = restoring->at < restoring->index.size;
	buffer_clear(&restoring->card);
	if (!restoring->has_card)
		return HF_OK;
	memcpy(&entry, at, sizeof(entry));
	buffer_clear(&restoring->id);
	buffer_append(&restoring->id, at + sizeof(entry), entry.id_size);
	restoring->size = entry.card_size;
	restoring->at += sizeof(entry) + entry.id_size;
	return buffer_status(&restoring->id, "a card's id", err);
}

/* contacts.vcf, piece by piece. */
static int
take_vcf(void *ctx, const void *data, uint64_t size, struct hf_error *err)
{
	struct restoring *restoring = ctx;
	const uint8_t *at = data;
	uint64_t part;
	int r = HF_OK;

	while (r == HF_OK && size > 0) {
		if (!restoring->has_card)
			return damaged("contacts.vcf", err);
		part = restoring->size - restoring->card.size;
		if (part > size)
			part = size;
		buffer_append(&restoring->card, at, (size_t)part);
		r = buffer_status(&restoring->card, "a card", err);
		at += part;
		size -= part;
		if (r != HF_OK || restoring->card.size < restoring->size)
			continue;
		r = put_card(restoring, err);
		if (r == HF_OK)
			r = next_card(restoring, err);
	}
	return r;
}

/* ---- the snapshot ---- */

struct finding {
	char name[PATH_COMPONENT_MAX + 1];
	unsigned count;
};

static int
take_folder(void *ctx, const struct node *node, struct hf_error *err)
{
	struct finding *finding = ctx;

	(void)err;
	if (node->type != NODE_DIR || node->name_size > PATH_COMPONENT_MAX)
		return HF_OK;
	memcpy(finding->name, node->name, node->name_size);
	finding->name[node->name_size] = '\0';
	finding->count++;
	return HF_OK;
}

/* The only account with contacts in the snapshot. */
static int
find_only(struct session *session, const struct snapshot *snapshot, char name[PATH_COMPONENT_MAX + 1],
    struct hf_error *err)
{
	struct buffer storage = BUFFER_INIT(WALK_TREE_MAX), tree = BUFFER_INIT(WALK_TREE_MAX);
	struct finding finding = {"", 0};
	struct node node;
	int r = repository_find_node(session->repository, &snapshot->tree, FOLDER, &node, &storage, err);

	if (r == HF_OK && node.type != NODE_DIR)
		r = damaged(FOLDER, err);
	if (r == HF_OK)
		r = repository_load_blob(session->repository, BLOB_TREE, &node.subtree, &tree, err);
	if (r == HF_OK)
		r = tree_walk(tree.data, tree.size, take_folder, &finding, err);
	if (r == HF_OK && finding.count > 1)
		r = hf_error_set(err, HF_EINVAL, 0, "the snapshot has contacts of several accounts: name one with "
		                                    "--contacts-from");
	if (r == HF_OK && finding.count == 0)
		r = HF_ENOTFOUND;
	if (r == HF_OK)
		memcpy(name, finding.name, sizeof(finding.name));
	buffer_release(&storage);
	buffer_release(&tree);
	return r == HF_ENOTFOUND ? hf_error_set(err, r, 0, "the snapshot has no contacts") : r;
}

static int
dump(struct session *session, const struct snapshot *snapshot, const char *folder, const char *file,
    const struct hf_sink *sink, struct hf_error *err)
{
	struct buffer storage = BUFFER_INIT(WALK_TREE_MAX);
	char path[PATH_COMPONENT_MAX + 64];
	struct node node;
	int r;

	(void)snprintf(path, sizeof(path), FOLDER "/%s/%s", folder, file);
	r = repository_find_node(session->repository, &snapshot->tree, path, &node, &storage, err);
	if (r == HF_OK && node.type != NODE_FILE)
		r = damaged(file, err);
	if (r == HF_OK)
		r = repository_dump(session->repository, &node, sink, err);
	buffer_release(&storage);
	return r;
}

/* The folder of the account whose cards are wanted. */
static int
find_folder(struct restoring *restoring, struct session *session, const struct snapshot *snapshot,
    char name[PATH_COMPONENT_MAX + 1], struct hf_error *err)
{
	const char *from = restoring->request->from != NULL ? restoring->request->from : restoring->request->to;
	struct buffer storage = BUFFER_INIT(WALK_TREE_MAX);
	char path[PATH_COMPONENT_MAX + 64];
	struct node node;
	int r = path_encode(from, strlen(from), name, err);

	if (r != HF_OK)
		return r;
	(void)snprintf(path, sizeof(path), FOLDER "/%s", name);
	r = repository_find_node(session->repository, &snapshot->tree, path, &node, &storage, err);
	buffer_release(&storage);
	if (r != HF_ENOTFOUND)
		return r;
	if (restoring->request->from != NULL)
		return hf_error_set(err, r, 0, "the snapshot has no contacts of account %s", from);
	return find_only(session, snapshot, name, err);
}

static int
put_all(struct restoring *restoring, struct session *session, struct hf_error *err)
{
	const struct hf_sink index = {(uint32_t)sizeof(index), 0, restoring, take_index};
	const struct hf_sink vcf = {(uint32_t)sizeof(vcf), 0, restoring, take_vcf};
	char folder[PATH_COMPONENT_MAX + 1];
	struct snapshot snapshot;
	int r = repository_find_snapshot(session->repository, restoring->request->snapshot, &snapshot, err);

	if (r != HF_OK)
		return r;
	r = session_load_index(session, err);
	if (r == HF_OK)
		r = find_folder(restoring, session, &snapshot, folder, err);
	if (r == HF_OK)
		r = dump(session, &snapshot, folder, "index.jsonl", &index, err);
	if (r == HF_OK && restoring->line.size > 0)
		r = add_line(restoring, buffer_string(&restoring->line), restoring->line.size, err);
	if (r == HF_OK)
		r = next_card(restoring, err);
	if (r == HF_OK)
		r = dump(session, &snapshot, folder, "contacts.vcf", &vcf, err);
	if (r == HF_OK && restoring->has_card)
		r = damaged("contacts.vcf", err);
	snapshot_release(&snapshot);
	return r;
}

static int
run(struct restoring *restoring, struct session *session)
{
	const struct counts *counts = &restoring->counts;
	struct hf_error err = HF_ERROR_INIT;
	int status = session_open(session, restoring->common, SESSION_LOCK), r;

	if (status != STATUS_DONE)
		return status;
	r = put_all(restoring, session, &err);
	if (r == HF_OK || counts->created + counts->replaced + counts->same + counts->failed > 0)
		tell_summary(restoring);
	if (r != HF_OK) {
		if (HF_IS_CONTROL(r) && common_interrupted())
			return session_error(&err);
		/* Not to be taken for the repository's. */
		(void)common_error(&err);
		return restoring->request->yes && counts->created + counts->replaced > 0 ? STATUS_PARTIAL
		    : STATUS_FAILED;
	}
	if (restoring->broken_output)
		return STATUS_FAILED;
	return counts->failed > 0 ? STATUS_PARTIAL : STATUS_DONE;
}

int
contacts_restore(const struct common *common, const struct contacts_request *request)
{
	struct restoring restoring = {.common = common, .request = request, .index = BUFFER_INIT(INDEX_MAX),
	    .line = BUFFER_INIT(INDEX_LINE_MAX), .id = BUFFER_INIT((size_t)1 << 20), .card = BUFFER_INIT(CARD_MAX)};
	const struct config_account *account;
	struct hf_error err = HF_ERROR_INIT;
	struct config *config = NULL;
	struct session session;
	int status = session_config(common, &config);

	if (status != STATUS_DONE)
		return status;
	memset(&session, 0, sizeof(session));
	common_catch_signals();
	account = config_account(config, request->to);
	if (account == NULL) {
		common_message("restore: there is no account %s in %s", request->to, config->file);
		status = STATUS_USAGE;
	} else if (putter_open(&restoring.putter, config, account, &err) != HF_OK) {
		common_message("account %s: %s", request->to, err.msg);
		status = err.code == HF_ENOTSUP || err.code == HF_EINVAL ? STATUS_USAGE : STATUS_FAILED;
	} else {
		status = run(&restoring, &session);
		session_close(&session);
	}
	putter_close(&restoring.putter);
	config_free(config);
	buffer_release(&restoring.index);
	buffer_release(&restoring.line);
	buffer_release(&restoring.id);
	buffer_release(&restoring.card);
	return status;
}
