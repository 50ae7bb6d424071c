/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_ACCOUNT_H
#define WORKER_ACCOUNT_H

#include "worker/run.h"

/* One type of one account: planned into units, which are then run one by one. */
struct account_request {
	const char *type;                /* "device_info" */
	const char *folder;              /* at the top of the snapshot: "device" */
	const struct instance *strategy; /* opened */
	const char *name;                /* the account's, or this machine's */
	const struct config_account *account; /* NULL: the strategy is about this machine */
};

/*
 * What goes wrong with the account or its units goes into the run's result.  Any other code than HF_OK
 * ends the run: it is to stop, or the repository does not take more.
 */
int account_run(struct run *run, const struct account_request *request, struct hf_error *err);

#endif
