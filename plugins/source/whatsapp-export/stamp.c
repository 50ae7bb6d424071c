/* SPDX-License-Identifier: BSD-2-Clause */
#include "stamp.h"

#include <string.h>

#include "../../common/value.h"

#define GROUPS_MAX 6
/* Characters of a stamp, at most; and bytes of the words in it. */
#define STAMP_MAX 64
#define WORDS_MAX 40

uint32_t
stamp_character(const char *text, size_t size, size_t *ret_size)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4, i;
	uint32_t c = n == 1 ? p[0] : p[0] & (0x7fu >> n);

	*ret_size = 1;
	if (n > size || (p[0] >= 0x80 && p[0] < 0xc2) || p[0] > 0xf4)
		return 0xfffd;
	for (i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0xfffd;
		c = c << 6 | (p[i] & 0x3fu);
	}
	*ret_size = n;
	return c;
}

bool
stamp_is_mark(uint32_t c)
{
	return c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) ||
	    c == 0x61c || c == 0xfeff;
}

static bool
is_space(uint32_t c)
{
	/* "_" stands for the narrow space in what some programs made of exports. */
	return c == ' ' || c == 0xa0 || c == 0x202f || c == 0x2009 || c == '_';
}

/* Of the digits of some scripts; -1: it is none. */
static int
digit_of(uint32_t c)
{
	static const uint32_t zeros[] = {'0', 0x660, 0x6f0, 0x966, 0x9e6};
	size_t i;

	for (i = 0; i < sizeof(zeros) / sizeof(zeros[0]); i++)
		if (c >= zeros[i] && c <= zeros[i] + 9)
			return (int)(c - zeros[i]);
	return -1;
}

/* What stands between numbers; the characters of East Asia say which number it was. */
static bool
is_separator(uint32_t c)
{
	static const uint32_t separators[] = {'/', '.', '-', ':', ',', 0x60c, 0x5e74, 0x6708, 0x65e5, 0x6642, 0x65f6,
	    0x5206, 0x79d2, 0xb144, 0xc6d4, 0xc77c, 0xc2dc, 0xbd84, 0xcd08};
	size_t i;

	for (i = 0; i < sizeof(separators) / sizeof(separators[0]); i++)
		if (c == separators[i])
			return true;
	return false;
}

/*
 * The words of a stamp, without dots and spaces: halves of the day, and what some languages put before the time.
 * half: -1 neither, 0 before noon, 1 after.
 */
static const struct word {
	const char *text;
	int half;
} words[] = {
	{"am", 0}, {"pm", 1}, {"a", 0}, {"p", 1},
	{"\xe4\xb8\x8a\xe5\x8d\x88", 0}, {"\xe4\xb8\x8b\xe5\x8d\x88", 1},             /* Chinese */
	{"\xe5\x87\x8c\xe6\x99\xa8", 0}, {"\xe6\xb8\x85\xe6\x99\xa8", 0}, {"\xe6\x97\xa9\xe4\xb8\x8a", 0},
	{"\xe4\xb8\xad\xe5\x8d\x88", 1}, {"\xe5\x82\x8d\xe6\x99\x9a", 1}, {"\xe6\x99\x9a\xe4\xb8\x8a", 1},
	{"\xe5\x8d\x88\xe5\x89\x8d", 0}, {"\xe5\x8d\x88\xe5\xbe\x8c", 1},             /* Japanese */
	{"\xec\x98\xa4\xec\xa0\x84", 0}, {"\xec\x98\xa4\xed\x9b\x84", 1},             /* Korean */
	{"\xd8\xb5", 0}, {"\xd9\x85", 1},                                             /* Arabic */
	{"\xd9\x82\xd8\xb8", 0}, {"\xd8\xa8\xd8\xb8", 1},                             /* Persian */
	{"\xcf\x80\xce\xbc", 0}, {"\xce\xbc\xce\xbc", 1},                             /* Greek */
	{"\xc3\x96\xc3\x96", 0}, {"\xc3\x96s", 1}, {"\xc3\xb6\xc3\xb6", 0}, {"\xc3\xb6s", 1}, /* Turkish */
	{"sa", 0}, {"ch", 1},                                                         /* Vietnamese */
	{"pg", 0}, {"ptg", 1},                                                        /* Malay */
	{"de", 0}, {"du", 1},                                                         /* Hungarian */
	{"fm", 0}, {"em", 1},                                                         /* Swedish */
	{"vm", 0}, {"nm", 1},                                                         /* Afrikaans */
	{"ip", 1}, {"ap", 0},                                                         /* Finnish */
	{"klo", -1}, {"kl", -1}, {"\xd0\xb3", -1}, {"r", -1}, {"g", -1}, {"h", -1}, {"um", -1}, {"uhr", -1},
	{"\xc3\xa0s", -1}, {"\xc3\xa0", -1}, {"alas", -1}, {"las", -1}, {"at", -1}, {"\xd0\xb2", -1},
	{"\xd0\xbe", -1}, {"", -1},
};

/* What is known of a stamp while it is read. */
struct reading {
	int value[GROUPS_MAX];
	int digits[GROUPS_MAX];
	uint32_t separator[GROUPS_MAX]; /* the first one behind each number; 0: none but space */
	int groups;
	bool in_group;
	char words[WORDS_MAX];
	size_t word_size;
};

static bool
add_digit(struct reading *r, int digit)
{
	if (!r->in_group) {
		if (r->groups == GROUPS_MAX)
			return false;
		r->value[r->groups] = r->digits[r->groups] = 0;
		r->separator[r->groups++] = 0;
		r->in_group = true;
	}
	if (++r->digits[r->groups - 1] > 4)
		return false;
	r->value[r->groups - 1] = r->value[r->groups - 1] * 10 + digit;
	return true;
}

static bool
add_letter(struct reading *r, const char *text, size_t size)
{
	r->in_group = false;
	if (r->groups == 0 || r->word_size + size > sizeof(r->words))
		return false;
	memcpy(r->words + r->word_size, text, size);
	if (size == 1 && text[0] >= 'A' && text[0] <= 'Z')
		r->words[r->word_size] = (char)(text[0] - 'A' + 'a');
	r->word_size += size;
	return true;
}

static const struct word *
find_word(const struct reading *r)
{
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i].text) == r->word_size && memcmp(words[i].text, r->words, r->word_size) == 0)
			return &words[i];
	return NULL;
}

/* Whether a number's separator is one of three. */
static bool
separated(const struct reading *r, int group, uint32_t a, uint32_t b, uint32_t c)
{
	return r->separator[group] == a || r->separator[group] == b || r->separator[group] == c;
}

/* Takes the time of the numbers from first on. */
static bool
take_time(const struct reading *r, int first, int count, struct stamp *stamp)
{
	const struct word *word = find_word(r);

	if (word == NULL || count < 2 || count > 3 || r->digits[first] > 2 || r->digits[first + 1] != 2)
		return false;
	if (!separated(r, first, ':', '.', 0x6642) && !separated(r, first, 0x65f6, 0xc2dc, 'h') &&
	    !(r->separator[first] == 0 && word->text[0] == 'h'))
		return false;
	stamp->hour = r->value[first];
	stamp->minute = r->value[first + 1];
	stamp->second = count == 3 ? r->value[first + 2] : 0;
	if (word->half >= 0 && stamp->hour <= 12 && (stamp->hour > 0 || word->half == 0))
		stamp->hour = stamp->hour % 12 + 12 * word->half;
	return stamp->hour < 24 && stamp->minute < 60 && stamp->second < 60;
}

/* The order of a date whose year comes last, as far as the numbers and what separates them tell. */
static enum order
order_of(const struct stamp *stamp, uint32_t separator)
{
	int a = stamp->date[0], b = stamp->date[1];

	if (a > 12 || (b <= 12 && (separator != '/' || a == b)))
		return ORDER_DMY;
	return b > 12 ? ORDER_MDY : ORDER_UNKNOWN;
}

static bool
is_day(int value)
{
	return value >= 1 && value <= 31;
}

static bool
take_date(const struct reading *r, int first, struct stamp *stamp)
{
	int *date = stamp->date, i;
	bool east = separated(r, first, 0x5e74, 0xb144, 0x5e74) && separated(r, first + 1, 0x6708, 0xc6d4, 0x6708);

	for (i = 0; i < 3; i++)
		date[i] = r->value[first + i];
	if (!east && (r->separator[first] != r->separator[first + 1] || !separated(r, first, '/', '.', '-')))
		return false;
	if (r->digits[first] == 4 || east || date[0] > 31) {
		stamp->order = ORDER_YMD;
		return r->digits[first] != 3 && date[1] >= 1 && date[1] <= 12 && is_day(date[2]);
	}
	stamp->order = order_of(stamp, r->separator[first]);
	return r->digits[first] <= 2 && r->digits[first + 1] <= 2 && (r->digits[first + 2] & 1) == 0 &&
	    is_day(date[0]) && is_day(date[1]) && (date[0] <= 12 || date[1] <= 12);
}

static bool
take_all(const struct reading *r, struct stamp *stamp)
{
	int times = r->separator[0] == ':' ? r->groups - 3 : 0;

	if (r->groups < 5)
		return false;
	if (times > 0)
		return take_time(r, 0, times, stamp) && take_date(r, times, stamp);
	return take_date(r, 0, stamp) && take_time(r, 3, r->groups - 3, stamp);
}

/* Whether " - " follows, from the '-' on. */
static bool
is_dash(const char *line, size_t size, size_t at, size_t length)
{
	return at > 0 && (unsigned char)line[at - 1] != '-' && at + length < size && line[at + length] == ' ';
}

/* Reads numbers, words and what separates them up to the stamp's end; where that is, or 0. */
static size_t
read_parts(const char *line, size_t size, size_t i, bool bracket, struct reading *r)
{
	bool spaced = false;
	size_t n;
	int count = 0;
	uint32_t c;

	for (; i < size && count < STAMP_MAX; i += n, count++) {
		c = stamp_character(line + i, size - i, &n);
		if (stamp_is_mark(c))
			continue;
		if (c == '\n' || c == '\r' || c == 0xfffd || (c < ' ' && c != '\t'))
			return 0;
		if (bracket && c == ']')
			return i + n;
		if (!bracket && spaced && r->groups >= 5 && (c == '-' || c == 0x2013) && is_dash(line, size, i, n))
			return i + n;
		/* In Korea a comma ends it. */
		if (!bracket && c == ',' && r->groups >= 5 && r->separator[0] == 0xb144)
			return i + n;
		spaced = is_space(c);
		if (digit_of(c) >= 0) {
			if (!add_digit(r, digit_of(c)))
				return 0;
		} else if (spaced || is_separator(c)) {
			r->in_group = false;
			if (!spaced && r->groups > 0 && r->separator[r->groups - 1] == 0)
				r->separator[r->groups - 1] = c;
		} else if (!add_letter(r, line + i, n)) {
			return 0;
		}
	}
	return 0;
}

size_t
stamp_read(const char *line, size_t size, struct stamp *stamp)
{
	struct reading reading;
	bool bracket = false;
	size_t i = 0, n = 0;
	uint32_t c = 0;

	for (; i < size; i += n) {
		c = stamp_character(line + i, size - i, &n);
		if (!stamp_is_mark(c))
			break;
	}
	if (i < size && c == '[') {
		bracket = true;
		i += n;
	} else if (i == size || digit_of(c) < 0) {
		return 0;
	}
	memset(&reading, 0, sizeof(reading));
	memset(stamp, 0, sizeof(*stamp));
	i = read_parts(line, size, i, bracket, &reading);
	if (i == 0 || !take_all(&reading, stamp))
		return 0;
	/* One space follows, or two where something was left out between them. */
	return i < size && line[i] == ' ' ? i + 1 : i;
}

int
stamp_year(const struct stamp *stamp)
{
	int year = stamp->order == ORDER_YMD ? stamp->date[0] : stamp->date[2];

	if (year < 100)
		return 2000 + year;
	/* The years of Thailand. */
	return year > 2500 && year < 2700 ? year - 543 : year;
}

int64_t
stamp_local(const struct stamp *stamp, enum order order)
{
	int year = stamp_year(stamp), month, day;

	if (stamp->order != ORDER_UNKNOWN)
		order = stamp->order;
	if (order == ORDER_UNKNOWN || year < 2000 || year > 2200)
		return HF_NO_TIME;
	month = order == ORDER_MDY ? stamp->date[0] : stamp->date[1];
	day = order == ORDER_YMD ? stamp->date[2] : order == ORDER_DMY ? stamp->date[0] : stamp->date[1];
	return value_civil_time(year, month, day, stamp->hour, stamp->minute, stamp->second);
}
