/* SPDX-License-Identifier: Apache-2.0 */
/* The formats of single values, see scim_text.h: booleans, numbers, dates,
 * base64, UUIDs, URIs and the keys of organizations.
 *
 * All of them consist of ASCII characters.
 */
#include "values/scim_text.h"

#include <errno.h>
#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "values/scim_bounds.h"

int scim_text_boolean(const char *text, int *value)
{
    *value = strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0;
    return *value || strcasecmp(text, "false") == 0 || strcmp(text, "0") == 0;
}

/* Read exactly count digits. */
static int read_digits(const char **at, int count, int *number)
{
    *number = 0;
    while (count-- > 0) {
        if (!apr_isdigit(**at)) {
            return 0;
        }
        *number = *number * 10 + (*(*at)++ - '0');
    }
    return 1;
}

static int read_char(const char **at, char wanted)
{
    return *(*at)++ == wanted;
}

/* Down to the microsecond; further digits are dropped. */
static int read_fraction(const char **at, int *microseconds)
{
    int unit = 100000;

    *microseconds = 0;
    if (**at != '.') {
        return 1;
    }
    if (!apr_isdigit(*++*at)) {
        return 0;
    }
    for (; apr_isdigit(**at); ++*at, unit /= 10) {
        *microseconds += (**at - '0') * unit;
    }
    return 1;
}

/* "Z", "+05:30" or nothing, in seconds; then the end of the text. */
static int read_zone(const char **at, int *offset)
{
    int sign = **at == '-' ? -1 : 1;
    int hours, minutes;

    *offset = 0;
    if (**at == '\0') {
        return 1;
    }
    if (**at == 'Z') {
        return (*at)[1] == '\0';
    }
    if (**at != '+' && **at != '-') {
        return 0;
    }
    ++*at;
    if (!read_digits(at, 2, &hours) || !read_char(at, ':')
        || !read_digits(at, 2, &minutes) || **at || minutes > 59
        || hours * 60 + minutes > 14 * 60) {
        return 0;
    }
    *offset = sign * (hours * 3600 + minutes * 60);
    return 1;
}

static int days_in_month(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30,
                                31, 31, 30, 31, 30, 31 };
    int leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return days[month - 1] + (month == 2 && leap);
}

/* Days since 1970-01-01 in the Gregorian calendar. */
static apr_int64_t days_since_epoch(int year, int month, int day)
{
    apr_int64_t years = year - (month <= 2);
    apr_int64_t era_days = years * 365 + years / 4 - years / 100
                           + years / 400;
    int shifted = month > 2 ? month - 3 : month + 9;

    return era_days + (153 * shifted + 2) / 5 + day - 1 - 719468;
}

int scim_text_instant(const char *text, apr_time_t *instant)
{
    const char *at = text;
    int year, month, day, hour, minute, second, microseconds, offset;
    apr_int64_t seconds;

    if (!read_digits(&at, 4, &year) || !read_char(&at, '-')
        || !read_digits(&at, 2, &month) || !read_char(&at, '-')
        || !read_digits(&at, 2, &day) || !read_char(&at, 'T')
        || !read_digits(&at, 2, &hour) || !read_char(&at, ':')
        || !read_digits(&at, 2, &minute) || !read_char(&at, ':')
        || !read_digits(&at, 2, &second)
        || !read_fraction(&at, &microseconds) || !read_zone(&at, &offset)) {
        return 0;
    }
    if (year < 1 || month < 1 || month > 12 || day < 1
        || day > days_in_month(year, month) || minute > 59 || second > 59
        || hour > 24 || (hour == 24 && (minute || second || microseconds))) {
        return 0;
    }
    seconds = days_since_epoch(year, month, day) * 86400 + hour * 3600
              + minute * 60 + second - offset;
    *instant = apr_time_from_sec(seconds) + microseconds;
    /* In another zone it may be in the year 0 or 10000 of UTC. */
    return seconds >= days_since_epoch(1, 1, 1) * 86400
           && seconds < days_since_epoch(10000, 1, 1) * 86400;
}

const char *scim_text_of_day(apr_pool_t *pool, const char *text)
{
    return strchr(text, 'T') ? text : apr_pstrcat(pool, text, "T00:00:00",
                                                  NULL);
}

const char *scim_text_timestamp(apr_pool_t *pool, apr_time_t instant)
{
    apr_time_t microseconds = instant % APR_USEC_PER_SEC;
    apr_time_exp_t t;

    /* APR would use a negative fraction for an instant before 1970. */
    if (microseconds < 0) {
        microseconds += APR_USEC_PER_SEC;
    }
    apr_time_exp_gmt(&t, instant - microseconds);
    return apr_psprintf(pool, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ",
                        t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour,
                        t.tm_min, t.tm_sec, (int) microseconds);
}

int scim_text_is_base64(const char *text)
{
    apr_size_t digits = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                     "abcdefghijklmnopqrstuvwxyz"
                                     "0123456789+/");
    apr_size_t padding = strspn(text + digits, "=");

    return text[digits + padding] == '\0' && digits % 4 != 1
           && (padding == 0 || (padding < 3 && (digits + padding) % 4 == 0));
}

int scim_text_is_uuid(const char *text)
{
    int i;

    for (i = 0; i < 36; i++) {
        int hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        int digit = apr_isdigit(text[i])
                    || (text[i] >= 'a' && text[i] <= 'f');

        if (hyphen ? text[i] != '-' : !digit) {
            return 0;
        }
    }
    return text[36] == '\0';
}

int scim_text_is_uri(const char *text)
{
    const char *c;

    for (c = text; *c; c++) {
        if (apr_iscntrl(*c) || strchr(" <>\"\\^`{|}", *c)) {
            return 0;
        }
    }
    return c != text;
}

int scim_text_is_key(const char *text)
{
    apr_size_t length = strlen(text);

    return length > 0 && length <= SCIM_KEY_MAX && text[0] != '-'
           && text[length - 1] != '-'
           && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

int scim_text_is_digits(const char *text, apr_size_t most)
{
    apr_size_t length = strspn(text, "0123456789");

    return length > 0 && length <= most && !text[length];
}

int scim_text_integer(const char *text, apr_int64_t *number)
{
    char *end;

    errno = 0;
    *number = apr_strtoi64(text, &end, 10);
    return errno == 0 && end != text && !*end;
}

const char *scim_text_last_segment(const char *url)
{
    const char *slash = strrchr(url, '/');

    return slash ? slash + 1 : url;
}
