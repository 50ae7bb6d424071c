/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "config/locate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "config/scalar.h"

#define LOCATE_NAME "holdfast/holdfast.yaml"

/* HF_OK if there is something at path, HF_ENOTFOUND if not. */
static int
locate_look(const char *path, struct hf_error *err)
{
	struct stat st;

	if (stat(path, &st) == 0)
		return HF_OK;
	if (errno == ENOENT || errno == ENOTDIR)
		return HF_ENOTFOUND;
	return hf_error_set(err, errno == EACCES ? HF_EPERM : HF_EIO, errno, "%s: %s", path,
	    strerror(errno));
}

/* The user's own place in *ret, to be freed; NULL for a user without a home. */
static int
locate_user_path(char **ret)
{
	const char *folder = getenv("XDG_CONFIG_HOME"), *home;

	*ret = NULL;
	/* The XDG specification: relative paths in these variables are to be ignored. */
	if (folder != NULL && folder[0] == '/') {
		*ret = path_join(folder, LOCATE_NAME);
		return *ret != NULL ? HF_OK : HF_ENOMEM;
	}
	home = scalar_home();
	if (home == NULL)
		return HF_OK;
	*ret = path_join(home, ".config/" LOCATE_NAME);
	return *ret != NULL ? HF_OK : HF_ENOMEM;
}

static int
locate_copy(const char *path, char **ret, struct hf_error *err)
{
	*ret = strdup(path);
	return *ret != NULL ? HF_OK : hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", path);
}

int
config_locate(const char *file, char **ret, struct hf_error *err)
{
	static const char system_path[] = SYSCONFDIR "/" LOCATE_NAME;
	const char *named = file != NULL ? file : getenv("HOLDFAST_CONFIG");
	char *user = NULL;
	int rc;

	if (named != NULL && named[0] != '\0')
		return locate_copy(named, ret, err);
	if (locate_user_path(&user) != HF_OK)
		return hf_error_set(err, HF_ENOMEM, 0, "configuration file: out of memory");
	rc = user != NULL ? locate_look(user, err) : HF_ENOTFOUND;
	if (rc == HF_OK) {
		*ret = user;
		return HF_OK;
	}
	if (rc == HF_ENOTFOUND)
		rc = locate_look(system_path, err);
	else
		goto out;
	if (rc == HF_OK)
		rc = locate_copy(system_path, ret, err);
	else if (rc == HF_ENOTFOUND)
		(void)hf_error_set(err, rc, 0,
		    "no configuration file: there is no %s%s%s; holdfast.yaml(5) shows one, -c FILE "
		    "names another",
		    user != NULL ? user : "", user != NULL ? " and no " : "", system_path);
out:
	free(user);
	return rc;
}
