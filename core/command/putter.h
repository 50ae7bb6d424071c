/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COMMAND_PUTTER_H
#define COMMAND_PUTTER_H

#include <sys/types.h>

#include "config/config.h"

struct hf_contact;

/*
 * A process of its own in which an account's source plugin puts contacts back.  It is made before the repository is
 * opened, so that no key is ever in it.
 */
struct putter {
	pid_t pid; /* 0: none */
	int fd;
};

/* HF_ENOTSUP: the source cannot put contacts back; HF_EINVAL and others: it cannot be opened.  Close it either way. */
int putter_open(struct putter *putter, const struct config *config, const struct config_account *account,
    struct hf_error *err);
/* As the source's put_contact; HF_EIO with *ret_lost: the process has ended. */
int putter_put(struct putter *putter, const struct hf_contact *contact, uint32_t flags, uint32_t *ret_done,
    bool *ret_lost, struct hf_error *err);
/* Ends the process; also for a zeroed one. */
void putter_close(struct putter *putter);

#endif
