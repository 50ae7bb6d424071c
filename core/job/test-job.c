/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include <json-c/json.h>
#include <string.h>

#include "base/unit.h"
#include "job/job.h"

static void
test_id(void)
{
	struct job *job = job_new();

	CU_ASSERT_EQUAL_FATAL(job_make_id(job, NULL), HF_OK);
	CU_ASSERT(job_id_valid(job->id));
	CU_ASSERT(job->created_at > 0);
	CU_ASSERT(job_id_valid("backup_1_0123abcd"));
	CU_ASSERT_FALSE(job_id_valid("backup_1_0123abcde"));
	CU_ASSERT_FALSE(job_id_valid("backup_1_0123ABCD"));
	CU_ASSERT_FALSE(job_id_valid("backup__0123abcd"));
	CU_ASSERT_FALSE(job_id_valid("backup_12345678901234567890_0123abcd"));
	CU_ASSERT_FALSE(job_id_valid("../backup_1_0123abcd"));
	CU_ASSERT_FALSE(job_id_valid(""));
	job_free(job);
}

static void
test_types(void)
{
	static const char *const bad[] = {",", "chats,", ",chats", "chats,,media", "Chats", "chats media", "a/b"};
	struct job *job = job_new();
	size_t i;

	CU_ASSERT_EQUAL(job_set_types(job, "media,chats,media", NULL), HF_OK);
	CU_ASSERT_STRING_EQUAL(job->types, "chats,media");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CU_ASSERT_EQUAL(job_set_types(job, bad[i], NULL), HF_EINVAL);
		CU_ASSERT_STRING_EQUAL(job->types, "chats,media");
	}
	CU_ASSERT_EQUAL(job_set_types(job, NULL, NULL), HF_OK);
	CU_ASSERT_STRING_EQUAL(job->types, "");
	CU_ASSERT_EQUAL(job_set_types(job, "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z,0,1,2,3,4,5,6",
	    NULL), HF_ERANGE);
	job_free(job);
}

static void
test_json(void)
{
	struct job *job = job_new();
	struct json_object *object;

	CU_ASSERT_EQUAL(job_make_id(job, NULL), HF_OK);
	CU_ASSERT_EQUAL(job_set_types(job, "media,chats", NULL), HF_OK);
	CU_ASSERT_EQUAL(job_set_text(&job->plan, "every\"thing", JOB_TEXT_MAX, "plan", NULL), HF_OK);
	CU_ASSERT_EQUAL(job_set_text(&job->result, "{\"total\":1}", JOB_TEXT_MAX, "result", NULL), HF_OK);
	CU_ASSERT_EQUAL(job_set_text(&job->plan, "longer", 5, "plan", NULL), HF_ERANGE);
	object = job_to_json(job, false);
	CU_ASSERT_PTR_NULL(json_object_object_get(object, "result"));
	CU_ASSERT_STRING_EQUAL(json_object_get_string(json_object_object_get(object, "plan")), "every\"thing");
	CU_ASSERT_EQUAL(json_object_array_length(json_object_object_get(object, "types")), 2);
	CU_ASSERT_PTR_NULL(json_object_object_get(object, "finished_at"));
	json_object_put(object);
	object = job_to_json(job, true);
	CU_ASSERT_PTR_NOT_NULL(json_object_object_get(object, "result"));
	json_object_put(object);
	job_free(job);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"id", test_id}, {"types", test_types}, {"json", test_json}, CU_TEST_INFO_NULL};

	return unit_run("job", tests);
}
