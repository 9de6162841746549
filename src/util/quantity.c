/* SPDX-License-Identifier: Apache-2.0 */
/* quantity.c -- reads amounts, strictly
 *
 * quantity.h has the forms. strtod() alone would take "inf", "nan", "0x1p3" and leading blanks: the characters are looked at first.
 */
#include "util/quantity.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_MOST 18
#define EXACT_MOST 9007199254740992.0 /* 2^53: up to here a double is a whole number */

static bool begins_with_digit(const char *word)
{
	return word[0] >= '0' && word[0] <= '9';
}

int ht_quantity_bytes(const char *word, uint64_t *ret, struct ht_err *err)
{
	static const char units[] = "KMGT";
	char *end;
	unsigned long long n;
	const char *unit;
	unsigned shift;

	errno = 0;
	n = strtoull(word, &end, 10);
	unit = *end & ~0x20 ? strchr(units, *end & ~0x20) : NULL; /* a blank would be the NUL of units */
	shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
	if (!begins_with_digit(word) || errno || (*end && (!unit || end[1])) || n > UINT64_MAX >> shift)
		return ht_err_set(err, HT_EUSAGE, "%s: not a size; write a number with K, M or G, as in 500M", word);
	*ret = n << shift;
	return 0;
}

/* Takes ".5" as 5 of 10; digits beyond DIGITS_MOST are worth nothing. False: a point without digits. */
static bool take_part(char **word, uint64_t *ret, uint64_t *of)
{
	size_t digits = 0;

	*ret = 0;
	*of = 1;
	if (**word != '.')
		return true;
	for (++*word; **word >= '0' && **word <= '9'; ++*word)
		if (digits++ < DIGITS_MOST) {
			*ret = *ret * 10 + (uint64_t)(**word - '0');
			*of *= 10;
		}
	return digits;
}

/* Times are copied from answers, to the last nanosecond: more than a double holds. So whole and part are read apart. */
int ht_quantity_ns(const char *word, uint64_t *ret, struct ht_err *err)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = { { "ns", 1 },         { "us", 1000 },         { "ms", 1000000 },
		      { "s", 1000000000 }, { "min", 60000000000 }, { "h", 3600000000000 } };
	char *unit;
	unsigned long long n = strtoull(word, &unit, 10);
	uint64_t part, of;
	bool is_number = begins_with_digit(word) && take_part(&unit, &part, &of);

	for (size_t i = 0; is_number && i < sizeof(units) / sizeof(*units); i++) {
		if (strcmp(unit, units[i].name) || n > INT64_MAX / units[i].ns - 1)
			continue;
		*ret = n * units[i].ns + (uint64_t)((unsigned __int128)part * units[i].ns / of);
		return 0;
	}
	return ht_err_set(err, HT_EUSAGE, "%s: not a time; write a number with ns, us, ms, s, min or h, as in 1.5s",
			  word);
}

/* A number in digits, with a point or an exponent, and nothing but `tail` behind it. */
static bool read_decimal(const char *word, const char *tail, double *ret)
{
	size_t len = strspn(word, "0123456789.eE+-");
	char *end;

	if (!begins_with_digit(word) || strcmp(word + len, tail))
		return false;
	*ret = strtod(word, &end);
	return end == word + len && isfinite(*ret);
}

int ht_quantity_count(const char *word, uint64_t *ret, struct ht_err *err)
{
	double n;

	if (!read_decimal(word, "", &n) || n > EXACT_MOST || n != (double)(uint64_t)n)
		return ht_err_set(err, HT_EUSAGE, "%s: not a count; write a whole number, as in 1000 or 1e6", word);
	*ret = (uint64_t)n;
	return 0;
}

bool ht_quantity_is_share(const char *word)
{
	size_t len = strlen(word);

	return len && word[len - 1] == '%';
}

int ht_quantity_share(const char *word, uint64_t *ret, struct ht_err *err)
{
	double percent;

	if (!read_decimal(word, "%", &percent) || percent > EXACT_MOST / HT_SHARE_WHOLE)
		return ht_err_set(err, HT_EUSAGE, "%s: not a share; write a number with %%, as in 5%%", word);
	*ret = (uint64_t)(percent * (HT_SHARE_WHOLE / 100.0) + 0.5);
	return 0;
}

int ht_quantity_pid(const char *word, pid_t *ret, struct ht_err *err)
{
	char *end;
	long n = strtol(word, &end, 10);

	if (word[0] < '0' || word[0] > '9' || *end || n <= 0 || n > INT32_MAX)
		return ht_err_set(err, HT_EUSAGE, "%s is no process id", word);
	*ret = (pid_t)n;
	return 0;
}
