/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/unit.h"
#include "config/config.h"
#include "config/scalar.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The example of DESIGN.md, which has to load as it is. */
static const char example[] =
    "repositories:\n"
    "  home:\n"
    "    storage: local\n"
    "    path: ~/Backups/holdfast\n"
    "    password_file: ~/.config/holdfast/password        # or password_command\n"
    "accounts:\n"
    "  family:\n"
    "    source: telegram-export\n"
    "    path: ~/Telegram/ChatExport_2026-11-01\n"
    "  people:\n"
    "    source: vcard\n"
    "    path: ~/.contacts\n"
    "plans:\n"
    "  everything:\n"
    "    repository: home\n"
    "    accounts: [family, people]                        # default: all\n"
    "    types: [chats, media, contacts, device_info]      # default: all\n"
    "    schedule: \"0 3 * * *\"                             # cron syntax\n"
    "    options:\n"
    "      wifi_only: true\n"
    "      min_battery_percent: 20\n"
    "      compress_media: true\n"
    "      media_quality: 80\n"
    "      max_media_size: 100 MB\n"
    "      incremental_only: true\n"
    "    retry: {max_attempts: 8, backoff: exponential, initial: 30 s, maximum: 5 h}\n";

static int
parse(const char *text, struct config **ret, struct config **broken, struct hf_error *err)
{
	return config_parse(text, strlen(text), "f", "/cfg", ret, broken, err);
}

/* Every problem on its line. */
static char *
problems(const char *text)
{
	struct config *config = NULL, *broken = NULL;
	struct buffer lines = BUFFER_INIT(1 << 20);
	const struct problem *problem;
	char *ret;

	(void)parse(text, &config, &broken, NULL);
	for (problem = broken != NULL ? broken->problems : NULL; problem != NULL;
	     problem = problem->next)
		buffer_appendf(&lines, "%s\n", problem->text);
	ret = strdup(buffer_string(&lines));
	buffer_release(&lines);
	config_free(config);
	config_free(broken);
	return ret;
}

static void
expect_lines(int line, const char *text, const char *expected)
{
	char *lines = problems(text);

	if (strcmp(lines, expected) != 0) {
		(void)fprintf(stderr, "\nline %d: wanted\n%sgot\n%s", line, expected, lines);
		CU_FAIL("other problems");
	}
	free(lines);
}

#define EXPECT(text, expected) expect_lines(__LINE__, (text), (expected "\n"))

static void
test_example(void)
{
	const struct config_plan *plan = NULL;
	struct hf_error err = HF_ERROR_INIT;
	struct config *config = NULL;

	(void)setenv("HOME", "/home/ada", 1);
	CU_ASSERT_EQUAL_FATAL(parse(example, &config, NULL, &err), HF_OK);
	CU_ASSERT_EQUAL(config->repository_count, 1);
	CU_ASSERT_STRING_EQUAL(config->repositories[0].name, "home");
	CU_ASSERT_STRING_EQUAL(config->repositories[0].storage, "local");
	CU_ASSERT_STRING_EQUAL(
	    config->repositories[0].password.file, "/home/ada/.config/holdfast/password");
	CU_ASSERT_PTR_NULL(config->repositories[0].password.command);
	CU_ASSERT_EQUAL_FATAL(config->repositories[0].options.count, 1);
	CU_ASSERT_STRING_EQUAL(config->repositories[0].options.items[0].name, "path");
	CU_ASSERT_STRING_EQUAL(
	    config->repositories[0].options.items[0].text, "~/Backups/holdfast");
	CU_ASSERT_EQUAL(config->repositories[0].options.items[0].line, 4);
	CU_ASSERT_EQUAL(config->repositories[0].options.items[0].column, 11);
	CU_ASSERT_EQUAL(config->repositories[0].options.items[0].name_column, 5);
	CU_ASSERT_EQUAL(config->account_count, 2);
	CU_ASSERT_STRING_EQUAL(config->accounts[1].source, "vcard");
	CU_ASSERT_EQUAL_FATAL(config_plan(config, NULL, &plan, &err), HF_OK);
	CU_ASSERT_PTR_EQUAL(plan->repository, config->repositories);
	CU_ASSERT_EQUAL_FATAL(plan->account_count, 2);
	CU_ASSERT_PTR_EQUAL(plan->accounts[1], &config->accounts[1]);
	CU_ASSERT_EQUAL(plan->types, 15);
	CU_ASSERT_TRUE(plan->types_named);
	CU_ASSERT_STRING_EQUAL(plan->schedule, "0 3 * * *");
	CU_ASSERT_TRUE(plan->options.wifi_only);
	CU_ASSERT_EQUAL(plan->options.max_media_size, 100000000);
	CU_ASSERT_EQUAL(plan->retry.initial_ns, INT64_C(30000000000));
	CU_ASSERT_EQUAL(plan->retry.maximum_ns, INT64_C(18000000000000));
	CU_ASSERT_EQUAL(plan->retry.backoff, CONFIG_EXPONENTIAL);
	config_free(config);
}

#define MINIMAL \
	"repositories:\n  r: {storage: local, password_command: pass x}\n" \
	"accounts:\n  a: {source: jsonl}\n"

static void
test_defaults(void)
{
	const struct config_plan *plan = NULL;
	struct config *config = NULL;

	CU_ASSERT_EQUAL_FATAL(parse(MINIMAL "plans:\n  p:\n", &config, NULL, NULL), HF_OK);
	CU_ASSERT_EQUAL_FATAL(config_plan(config, "p", &plan, NULL), HF_OK);
	CU_ASSERT_PTR_EQUAL(plan->repository, config->repositories);
	CU_ASSERT_EQUAL_FATAL(plan->account_count, 1);
	CU_ASSERT_PTR_EQUAL(plan->accounts[0], config->accounts);
	CU_ASSERT_EQUAL(plan->types, 15);
	CU_ASSERT_FALSE(plan->types_named);
	CU_ASSERT_PTR_NULL(plan->schedule);
	CU_ASSERT_TRUE(plan->options.wifi_only);
	CU_ASSERT_EQUAL(plan->options.min_battery_percent, 20);
	CU_ASSERT_TRUE(plan->options.compress_media);
	CU_ASSERT_EQUAL(plan->options.media_quality, 80);
	CU_ASSERT_EQUAL(plan->options.max_media_size, 100000000);
	CU_ASSERT_TRUE(plan->options.incremental_only);
	CU_ASSERT_EQUAL(plan->retry.max_attempts, 8);
	CU_ASSERT_EQUAL(plan->retry.backoff, CONFIG_EXPONENTIAL);
	CU_ASSERT_EQUAL(plan->retry.initial_ns, INT64_C(30000000000));
	CU_ASSERT_EQUAL(plan->retry.maximum_ns, INT64_C(18000000000000));
	config_free(config);
}

/* Where things stand, for those who check them against what is installed. */
static void
test_marks(void)
{
	const struct config_plan *plan = NULL;
	struct config *config = NULL;

	CU_ASSERT_EQUAL_FATAL(parse(MINIMAL "plans:\n  p:\n    types: [device_info,\n      chats]\n"
	                                    "    schedule: '@daily'\n", &config, NULL, NULL), HF_OK);
	CU_ASSERT_EQUAL_FATAL(config_plan(config, "p", &plan, NULL), HF_OK);
	CU_ASSERT_EQUAL(plan->types, CONFIG_CHATS | CONFIG_DEVICE_INFO);
	CU_ASSERT_TRUE(plan->types_named);
	CU_ASSERT_EQUAL(plan->type_marks[0].line, 8);
	CU_ASSERT_EQUAL(plan->type_marks[0].column, 7);
	CU_ASSERT_EQUAL(plan->type_marks[1].line, 0);
	CU_ASSERT_EQUAL(plan->type_marks[3].line, 7);
	CU_ASSERT_EQUAL(plan->type_marks[3].column, 13);
	CU_ASSERT_EQUAL(plan->schedule_mark.line, 9);
	CU_ASSERT_EQUAL(config->repositories[0].password_mark.line, 2);
	config_free(config);
}

/* One slip, one message: what hangs on a mistyped section is not missing as well. */
static void
test_mistyped_section(void)
{
	EXPECT("repositories: {r: {storage: s, password_file: x}}\nacounts: {a: {source: s}}\n"
	       "plans: {p: {accounts: [a]}, q: }\n",
	    "f:2:1: the file: unknown key acounts, did you mean accounts?");
	EXPECT("repostories: {r: {storage: s, password_file: x}}\naccounts: {a: {source: s}}\n"
	       "plans: {p: {repository: r}}\n",
	    "f:1:1: the file: unknown key repostories, did you mean repositories?");
	EXPECT("repositories: {r: {storage: s, password_file: x}}\nplan: {p: {types: [device_info]}}\n",
	    "f:2:1: the file: unknown key plan, did you mean plans?");
}

static void
test_syntax(void)
{
	EXPECT("", "f:1:1: the file is empty; holdfast.yaml(5) shows an example");
	EXPECT("\xef\xbb\xbf" "a: 1\na: 2\n",
	    "f:2:1: a is already given in line 1; remove one of the two");
	EXPECT("a: 1\r\na: 2\r\n", "f:2:1: a is already given in line 1; remove one of the two");
	EXPECT("# only\n", "f:1:1: the file is empty; holdfast.yaml(5) shows an example");
	EXPECT("a: 1\na: 2\n", "f:2:1: a is already given in line 1; remove one of the two");
	EXPECT("a: &x 1\nb: *x\n",
	    "f:1:4: the anchor &x; anchors and aliases are not allowed here, write the value out\n"
	    "f:2:4: the alias *x; anchors and aliases are not allowed here, write the value out");
	EXPECT("a: !!str x\n",
	    "f:1:4: the tag tag:yaml.org,2002:str; tags are not allowed here");
	EXPECT("a: 1\n--- \nb: 2\n", "f:2:1: a second document; the file must hold one");
	EXPECT("a: \xff\n", "f:1:4: not UTF-8 (invalid leading UTF-8 octet)");
	EXPECT("k: 1\n\xc3\xa4: \xc3\n", "f:2:4: not UTF-8 (invalid trailing UTF-8 octet)");
	EXPECT("a: \x01\n", "f:1:4: a control character; the file must be plain UTF-8 text");
	EXPECT("a: \"\\0\"\n", "f:1:4: a control character in a value");
	EXPECT("a: \"\\e[2J\"\n", "f:1:4: a control character in a value");
	EXPECT("a:\n\tb: 1\n", "f:2:1: a tab; YAML is indented with spaces");
	EXPECT("[a]: 1\n", "f:1:1: a key must be text");
	EXPECT("a: [1\n", "f:2:1: not YAML: did not find expected ',' or ']', while parsing a flow "
	                  "sequence (from line 1)");
	EXPECT("- x\n", "f:1:1: the file must be a map of \"key: value\", not a list");
	EXPECT("x\n", "f:1:1: the file must be a map of \"key: value\", not x");
}

static void
test_keys(void)
{
	EXPECT(MINIMAL "plans: {p: }\nplan: {}\n",
	    "f:6:1: the file: unknown key plan, did you mean plans?");
	EXPECT(MINIMAL "plans:\n  p:\n    shedule: x\n    zzz: 1\n",
	    "f:7:5: plan p: unknown key shedule, did you mean schedule?\n"
	    "f:8:5: plan p: unknown key zzz");
	EXPECT(MINIMAL "plans:\n  p:\n    retry: {max-attempts: 3}\n",
	    "f:7:13: retry: unknown key max-attempts, did you mean max_attempts?");
	EXPECT(MINIMAL, "f:1:1: plans is missing; at least one plan is needed");
	EXPECT(MINIMAL "plans:\n", "f:5:1: plans is empty; at least one plan is needed");
	EXPECT(MINIMAL "plans: {P: }\n", "f:5:9: P is no name for a plan (a lower-case letter, then "
	                                 "at most 31 of a-z 0-9 _ -)");
	EXPECT("repositories: {../x: {storage: s, password_file: p}}\naccounts: {a: {source: s}}\n"
	       "plans: {p: }\n",
	    "f:1:16: ../x is no name for a repository (a lower-case letter, then at most 31 of a-z "
	    "0-9 _ -)");
}

#define REST "accounts: {a: {source: s}}\nplans: {p: }\n"

static void
test_passwords(void)
{
	EXPECT("repositories:\n  r: {storage: local}\n" REST,
	    "f:2:3: repository r: password_file or password_command is missing");
	EXPECT("repositories:\n  r: {storage: local, password: x}\n" REST,
	    "f:2:23: password: no secret belongs into this file; write password_file (a file only "
	    "you can read) or password_command");
	EXPECT("repositories:\n  r: {storage: local, password_fil: x}\n" REST,
	    "f:2:23: repository r: password_file or password_command is missing; did you mean it "
	    "with password_fil?");
	EXPECT("repositories:\n  r: {storage: local, password_file: x, password_command: y}\n" REST,
	    "f:2:41: repository r: both password_file and password_command; leave one of the two "
	    "out");
	EXPECT("repositories: {r: {storage: s, password_file: x}}\n"
	       "accounts:\n  a: {source: s, url: \"https://u:pw@h/\"}\n  b: {source: s, api_token: "
	       "x}\nplans: {p: }\n",
	    "f:3:23: url: an address with a password in it; no secret belongs into this file\n"
	    "f:4:18: api_token: no secret belongs into this file; write api_token_file (a file "
	    "only you can read) or api_token_command");
}

static void
test_values(void)
{
#define OPTION(text) MINIMAL "plans:\n  p:\n    options: {" text "}\n"
	EXPECT(OPTION("wifi_only: yes"), "f:7:26: wifi_only: yes is neither true nor false");
	EXPECT(OPTION("wifi_only: \"true\""),
	    "f:7:26: wifi_only: \"true\" in quotes is text; write it without quotes");
	EXPECT(OPTION("wifi_only: [true]"), "f:7:26: wifi_only must be one value, not a list");
	EXPECT(OPTION("wifi_only: "), "f:7:26: wifi_only: the value is missing");
	EXPECT(OPTION("min_battery_percent: 101"),
	    "f:7:36: min_battery_percent: 101 is not between 0 and 100");
	EXPECT(OPTION("min_battery_percent: -1"),
	    "f:7:36: min_battery_percent: -1 is not between 0 and 100");
	EXPECT(OPTION("min_battery_percent: 20%"),
	    "f:7:36: min_battery_percent: 20% is not a whole number");
	EXPECT(OPTION("media_quality: 0"), "f:7:30: media_quality: 0 is not between 1 and 100");
	EXPECT(OPTION("max_media_size: 100"),
	    "f:7:31: max_media_size: 100 has no unit; write for example 100 MB (units: B, kB, KiB, "
	    "MB, MiB, GB or GiB)");
	EXPECT(OPTION("max_media_size: 100 mb"),
	    "f:7:31: max_media_size: 100 mb has the unknown unit mb (units: B, kB, KiB, MB, MiB, GB "
	    "or GiB), did you mean MB?");
#define HTTP(text) "repositories:\n  r: {storage: local, password_file: /p}\naccounts:\n" \
    "  a: {source: jsonl, http: {" text "}}\nplans:\n  p:\n"
	EXPECT(HTTP("timeout: 60"),
	    "f:4:38: timeout: 60 has no unit; write for example 30 s (units: ms, s, min, h or d)");
	EXPECT(HTTP("timeout: 10 ms"), "f:4:38: timeout: 10 ms is not between 1 s and 1 h");
	EXPECT(HTTP("timout: 60 s"), "f:4:29: http: unknown key timout, did you mean timeout?");
	EXPECT(HTTP("requests_per_second: 0"), "f:4:50: requests_per_second: 0 is not between 1 and 1000");
	EXPECT(HTTP("allow_http: yes"), "f:4:41: allow_http: yes is neither true nor false");
	EXPECT(HTTP("proxy: proxy.example"), "f:4:36: proxy: neither none nor a URL such as "
	    "http://proxy.example:3128 or socks5h://127.0.0.1:9050");
	EXPECT(HTTP("proxy: 'http://ada:word@proxy.example'"),
	    "f:4:36: proxy: an address with a user in it; no secret belongs into this file");
	EXPECT(HTTP("user_agent: holdf\xc3\xa4st"),
	    "f:4:41: user_agent: only printable ASCII characters are allowed");
#define RETRY(text) MINIMAL "plans:\n  p:\n    retry: {" text "}\n"
	EXPECT(RETRY("initial: 30"),
	    "f:7:22: initial: 30 has no unit; write for example 30 s (units: ms, s, min, h or d)");
	EXPECT(RETRY("initial: 0 s"), "f:7:22: initial: 0 s is not between 1 s and 7 d");
	EXPECT(RETRY("initial: 6 h"),
	    "f:7:5: plan p: retry waits at first 6 h, which is longer than the maximum of 5 h");
	EXPECT(RETRY("backoff: exponentail"),
	    "f:7:22: backoff: exponentail is not one of exponential, linear, did you mean "
	    "exponential?");
	EXPECT(RETRY("max_attempts: 0"), "f:7:27: max_attempts: 0 is not between 1 and 1000");
#define PLAN(text) MINIMAL "plans:\n  p:\n    " text "\n"
	EXPECT(PLAN("types: [chat, media, media]"),
	    "f:7:13: types: chat is not one of chats, media, contacts, device_info, did you mean "
	    "chats?\n"
	    "f:7:26: types: media is in the list twice");
	EXPECT(PLAN("types: chats"), "f:7:12: types must be a list, such as [chats], not text");
	EXPECT(PLAN("types: []"), "f:7:12: types: an empty list; leave the key out for all of them");
	EXPECT(PLAN("accounts: [b]"), "f:7:16: plan p: there is no account b");
	EXPECT(PLAN("accounts: [a, a]"), "f:7:19: accounts: a is in the list twice");
	EXPECT(PLAN("accounts: [[a]]"), "f:7:16: accounts: a list is no item of this list");
	EXPECT(PLAN("repository: rr"), "f:7:17: plan p: there is no repository rr, did you mean r?");
	EXPECT(PLAN("schedule: 0 3 * *"), "f:7:15: schedule: \"0 3 * *\" has 4 of the five fields of "
	                                  "cron: minute hour day month weekday");
	EXPECT(PLAN("schedule: 0 24 * * *"),
	    "f:7:15: schedule: \"0 24 * * *\": the hour \"24\" is not *, 0 to 23, a-b, */n or a list "
	    "of these");
	EXPECT("repositories: {r: {storage: s, password_file: x}, q: {storage: s, password_file: y}}\n"
	       REST, "f:3:9: plan p: repository is missing; with more than one, a plan has to say which");
	EXPECT("repositories: {r: {storage: s, password_file: x}}\nplans: {p: }\n",
	    "f:2:9: plan p: there is no account; add one under accounts, or write types: "
	    "[device_info]");
}

#define ACCOUNT(text) "repositories: {r: {storage: s, password_file: p}}\nplans: {p: }\naccounts:\n  a:\n    source: s\n" text

/* Maps and lists in what only the plugin knows. */
static void
test_nested(void)
{
	const struct config_option *option;
	struct config *config = NULL;

	CU_ASSERT_EQUAL_FATAL(parse(ACCOUNT("    rooms:\n      collection: chats\n      fields: {text: [body, 'x y'],\n"
	                                    "        none: []}\n    path: p\n"), &config, NULL, NULL), HF_OK);
	CU_ASSERT_EQUAL_FATAL(config->accounts[0].options.count, 4);
	option = config->accounts[0].options.items;
	CU_ASSERT_STRING_EQUAL(option[0].name, "rooms.collection");
	CU_ASSERT_STRING_EQUAL(option[0].text, "chats");
	CU_ASSERT_EQUAL(option[0].name_line, 7);
	CU_ASSERT_EQUAL(option[0].name_column, 7);
	CU_ASSERT_EQUAL(option[0].column, 19);
	CU_ASSERT_PTR_NULL(option[0].items);
	CU_ASSERT_STRING_EQUAL(option[1].name, "rooms.fields.text");
	CU_ASSERT_EQUAL_FATAL(option[1].count, 2);
	CU_ASSERT_STRING_EQUAL(option[1].items[1].text, "x y");
	CU_ASSERT_EQUAL(option[1].items[1].mark.line, 8);
	CU_ASSERT_EQUAL(option[1].items[1].mark.column, 29);
	CU_ASSERT_STRING_EQUAL(option[2].name, "rooms.fields.none");
	CU_ASSERT_PTR_NOT_NULL(option[2].items);
	CU_ASSERT_EQUAL(option[2].count, 0);
	CU_ASSERT_STRING_EQUAL(option[3].name, "path");
	config_free(config);

	EXPECT(ACCOUNT("    rooms: {token: x, b: }\n"),
	    "f:6:13: rooms.token: no secret belongs into this file; write rooms.token_file (a file only you can read) "
	    "or rooms.token_command\n"
	    "f:6:26: rooms.b: the value is missing");
	EXPECT(ACCOUNT("    rooms: {}\n    a.b: c\n    l: [x, [y], ~, {z: 1}, \"two\\nlines\", 'http://u:p@h/']\n"),
	    "f:6:12: rooms: an empty map; leave the key out\n"
	    "f:7:5: a.b: no key has a dot in it; what is inside of a map is written as a map\n"
	    "f:8:12: l: a list is no item of a list of values\n"
	    "f:8:20: l: a map is no item of a list of values\n"
	    "f:8:28: l: an item of more than one line\n"
	    "f:8:42: l: an address with a password in it; no secret belongs into this file");
	/* Those of a plan, with what is about media known here, too. */
	CU_ASSERT_EQUAL_FATAL(parse(MINIMAL "plans:\n  p:\n    options: {media_quality: 70, wifi_only: false, gps: {drop: true},"
	                                    " kinds: [a]}\n", &config, NULL, NULL), HF_OK);
	CU_ASSERT_EQUAL(config->plans[0].options.media_quality, 70);
	CU_ASSERT_EQUAL_FATAL(config->plans[0].options.others.count, 3);
	option = config->plans[0].options.others.items;
	CU_ASSERT_STRING_EQUAL(option[0].name, "media_quality");
	CU_ASSERT_STRING_EQUAL(option[0].text, "70");
	CU_ASSERT_STRING_EQUAL(option[1].name, "gps.drop");
	CU_ASSERT_EQUAL(option[1].name_line, 7);
	CU_ASSERT_EQUAL(option[1].name_column, 58);
	CU_ASSERT_STRING_EQUAL(option[2].name, "kinds");
	config_free(config);
	EXPECT(MINIMAL "plans:\n  p:\n    options: {media_quality: 0, api_token: x}\n",
	    "f:7:30: media_quality: 0 is not between 1 and 100\n"
	    "f:7:33: api_token: no secret belongs into this file; write api_token_file (a file only you can read) or "
	    "api_token_command");
	EXPECT(ACCOUNT("    rooms: {a: 1, a: 2}\n"), "f:6:19: a is already given in line 6; remove one of the two");
}

static void
test_all_problems(void)
{
	struct config *config = NULL, *broken = NULL;
	struct hf_error err = HF_ERROR_INIT;

	CU_ASSERT_EQUAL(parse(MINIMAL "plans:\n  p: {types: chats, retry: {x: 1}, repository: q}\n",
	                    &config, &broken, &err), HF_EINVAL);
	CU_ASSERT_PTR_NULL(config);
	CU_ASSERT_PTR_NOT_NULL(broken);
	if (broken == NULL)
		return;
	CU_ASSERT_EQUAL(broken->problem_count, 3);
	CU_ASSERT_STRING_EQUAL(err.msg, broken->problems->text);
	CU_ASSERT_EQUAL(broken->plan_count, 0);
	config_free(broken);
	CU_ASSERT_EQUAL(parse("plans: 1\n", &config, NULL, &err), HF_EINVAL);
	CU_ASSERT_PTR_NULL(config);
}

static void
test_plan_names(void)
{
	const struct config_plan *plan = NULL;
	const struct config_repository *repository = NULL;
	struct hf_error err = HF_ERROR_INIT;
	struct config *config = NULL;
	unsigned types = 99;

	CU_ASSERT_EQUAL_FATAL(parse(MINIMAL "plans: {day: , night: }\n", &config, NULL, NULL), HF_OK);
	CU_ASSERT_EQUAL(config_plan(config, NULL, &plan, &err), HF_EINVAL);
	CU_ASSERT_STRING_EQUAL(
	    err.msg, "f: more than one plan; name the one that is meant (plans: day, night)");
	CU_ASSERT_EQUAL(config_plan(config, "nigth", &plan, &err), HF_EINVAL);
	CU_ASSERT_STRING_EQUAL(
	    err.msg, "f: there is no plan nigth, did you mean night? (plans: day, night)");
	CU_ASSERT_EQUAL(config_plan(config, "night", &plan, &err), HF_OK);
	CU_ASSERT_STRING_EQUAL(plan->name, "night");
	CU_ASSERT_EQUAL(config_repository(config, NULL, &repository, &err), HF_OK);
	CU_ASSERT_EQUAL(config_repository(config, "x", &repository, &err), HF_EINVAL);
	CU_ASSERT_STRING_EQUAL(err.msg, "f: there is no repository x (repositories: r)");
	config_free(config);
	CU_ASSERT_EQUAL(config_types_parse("media,chats", &types, &err), HF_OK);
	CU_ASSERT_EQUAL(types, CONFIG_CHATS | CONFIG_MEDIA);
	CU_ASSERT_EQUAL(config_types_parse("media,", &types, &err), HF_EINVAL);
	CU_ASSERT_EQUAL(config_types_parse("contact", &types, &err), HF_EINVAL);
	CU_ASSERT_STRING_EQUAL(err.msg,
	    "\"contact\" is not one of chats, media, contacts, device_info, did you mean contacts?");
}

/* Half a file is either an error or a whole smaller configuration; under ASan also without leaks. */
static void
test_prefixes(void)
{
	struct config *config, *broken;
	struct hf_error err = HF_ERROR_INIT;
	size_t n, i, good = 0;
	char text[sizeof(example)];
	int rc;

	for (n = 0; n < sizeof(example); n++) {
		config = broken = NULL;
		rc = config_parse(example, n, "f", "/cfg", &config, &broken, &err);
		good += rc == HF_OK;
		CU_ASSERT_TRUE(rc == HF_OK ? config != NULL && broken == NULL
		                           : rc == HF_EINVAL && broken != NULL && config == NULL);
		config_free(config);
		config_free(broken);
	}
	CU_ASSERT_TRUE(good > 10);
	/* Each byte in turn something else. */
	for (n = 0; n + 1 < sizeof(example); n++) {
		for (i = 0; i < 6; i++) {
			config = broken = NULL;
			memcpy(text, example, sizeof(example));
			text[n] = "\n:[\"\xff&"[i];
			rc = config_parse(
			    text, sizeof(example) - 1, "f", "/cfg", &config, &broken, &err);
			CU_ASSERT_TRUE(rc == HF_OK || rc == HF_EINVAL);
			config_free(config);
			config_free(broken);
		}
	}
}

static double
seconds_for(const char *piece, size_t count, char first[480])
{
	struct hf_error err = HF_ERROR_INIT;
	struct config *config = NULL;
	struct buffer text = BUFFER_INIT(1 << 20);
	clock_t start;

	while (count-- > 0)
		buffer_append_string(&text, piece);
	start = clock();
	CU_ASSERT_EQUAL(
	    config_parse(text.data, text.size, "f", "/cfg", &config, NULL, &err), HF_EINVAL);
	(void)snprintf(first, 480, "%s", err.msg);
	buffer_release(&text);
	return (double)(clock() - start) / CLOCKS_PER_SEC;
}

static void
test_limits(void)
{
	char msg[480];

	CU_ASSERT_TRUE(seconds_for("[", 20000, msg) < 0.05);
	CU_ASSERT_STRING_EQUAL(msg, "f:1:65: nested more than 64 levels deep");
	CU_ASSERT_TRUE(seconds_for("- ", 20000, msg) < 0.05);
	CU_ASSERT_STRING_EQUAL(msg, "f:1:129: nested more than 64 levels deep");
	CU_ASSERT_TRUE(seconds_for("a: 1\n", 12000, msg) < 2);
	CU_ASSERT_STRING_EQUAL(msg, "f:2:1: a is already given in line 1; remove one of the two");
	CU_ASSERT_TRUE(seconds_for("#\n", 32769, msg) < 0.05);
	CU_ASSERT_STRING_EQUAL(msg, "f:1:1: more than 64 KiB is no configuration");
}

static void
test_load(void)
{
	char folder[] = "/tmp/holdfast-config-XXXXXX", path[80], expected[120], *real;
	struct config *config = NULL;
	struct hf_error err = HF_ERROR_INIT;
	FILE *file;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/c.yaml", folder);
	CU_ASSERT_EQUAL(config_load(path, &config, NULL, &err), HF_ENOTFOUND);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, path));
	CU_ASSERT_EQUAL(config_load(folder, &config, NULL, &err), HF_EINVAL);
	file = fopen(path, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	(void)fputs("repositories: {r: {storage: s, password_file: sub/pw}}\n" REST, file);
	(void)fclose(file);
	(void)chmod(path, 0644);
	CU_ASSERT_EQUAL(config_load(path, &config, NULL, &err), HF_OK);
	real = realpath(folder, NULL);
	(void)snprintf(expected, sizeof(expected), "%s/sub/pw", real);
	if (config != NULL)
		CU_ASSERT_STRING_EQUAL(config->repositories[0].password.file, expected);
	config_free(config);
	config = NULL;
	(void)chmod(path, 0646);
	CU_ASSERT_EQUAL(config_load(path, &config, NULL, &err), HF_EPERM);
	free(real);
	(void)unlink(path);
	(void)rmdir(folder);
}

static void
test_example_file(void)
{
	const struct config_plan *plan = NULL;
	struct hf_error err = HF_ERROR_INIT;
	struct config *config = NULL;

	CU_ASSERT_EQUAL_FATAL(config_load(EXAMPLE_FILE, &config, NULL, &err), HF_OK);
	CU_ASSERT_EQUAL(config_plan(config, "everything", &plan, &err), HF_OK);
	if (plan != NULL) {
		CU_ASSERT_FALSE(plan->types_named);
		CU_ASSERT_PTR_NULL(plan->schedule);
	}
	config_free(config);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"example", test_example}, {"defaults", test_defaults}, {"marks", test_marks},
	    {"mistyped section", test_mistyped_section},
	    {"syntax", test_syntax}, {"keys", test_keys}, {"passwords", test_passwords},
	    {"values", test_values}, {"nested", test_nested}, {"all problems", test_all_problems},
	    {"plan names", test_plan_names}, {"prefixes", test_prefixes}, {"limits", test_limits},
	    {"load", test_load}, {"example file", test_example_file}, CU_TEST_INFO_NULL};

	return unit_run("config", tests);
}
