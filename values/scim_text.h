/* SPDX-License-Identifier: Apache-2.0 */
/* scim_text: comparison of strings and, in scim_text_format.c, the formats of
 * single values.
 *
 * The same comparison keys exist in SQL (schema.sql: scim.fold and
 * scim.user_name_key), made by the same library, ICU, so that a filter
 * selects the same accounts whether C or PostgreSQL evaluates it.
 * All strings are NUL-terminated UTF-8; results live in the given pool.
 */
#ifndef SCIM_TEXT_H
#define SCIM_TEXT_H

#include <apr_pools.h>
#include <apr_time.h>

/* True if the bytes are well-formed UTF-8 (RFC 3629: no overlong forms, no
 * surrogates, nothing above U+10FFFF). */
int scim_text_is_utf8(const char *bytes, apr_size_t length);

/* Make text well-formed UTF-8 in place: other bytes are removed. */
void scim_text_mend(char *text);

/* The number of bytes of the first character of text.  *harm is its code point
 * if it could control a terminal or change the order of the text around it
 * (controls of C0 and C1, direction, line and paragraph separators), U+FFFD
 * for a byte that is not UTF-8, else 0. */
apr_size_t scim_text_step(const char *text, unsigned *harm);

/* The comparison key of a caseExact=false string: NFC, Unicode's full case
 * folding, NFC again (RFC 7643 section 2.2, RFC 7644 section 3.4.2.2; SQL:
 * scim.fold).  Folding, unlike lower-casing, does not depend on the neighbours
 * of a letter, so that the key of a part is a part of the key.  The result may
 * be the argument itself. */
const char *scim_text_fold(apr_pool_t *pool, const char *text);

/* The comparison key of a userName: like scim_text_fold, but with NFKC, so
 * that full-width letters are equal too (RFC 8265 section 3.3; SQL:
 * scim.user_name_key). */
const char *scim_text_user_name_key(apr_pool_t *pool, const char *text);

/* Trigrams that scim.account_grams (schema.sql) has of every value whose
 * comparison key contains that of text, as the text of an array of SQL:
 * "{mad,ada}".  At most 32, because so many find few enough; NULL if there are
 * none. */
const char *scim_text_grams(apr_pool_t *pool, const char *text);

/* True if text has no compatibility character (full-width, ligature, long s
 * and the like), which looks like another one but does not differ from it in
 * case: NFKC does not change its NFC. */
int scim_text_is_unambiguous(apr_pool_t *pool, const char *text);

/* The number of characters (code points). */
apr_size_t scim_text_length(const char *text);

/* True if text is invisible: every character is white space, a control or
 * invisible. */
int scim_text_is_blank(const char *text);

/* The kinds of names: an identifier is typed and compared (userName; RFC 8265
 * section 3.3); other names are read by people, and may have blanks between
 * words and the characters that the spelling of a language needs. */
typedef enum { SCIM_TEXT_IDENTIFIER, SCIM_TEXT_NAME } scim_text_name_e;

/* The flaw of text as a name, as the end of a sentence whose subject is
 * an attribute ("must not contain invisible characters (U+200B)", "must not be
 * empty"), in pool; or NULL.  A name has no control, direction or invisible
 * character and is not blank; an identifier has no blank but a single U+0020
 * between its parts.
 * SQL: scim.is_identifier, scim.is_name. */
const char *scim_text_flaw(apr_pool_t *pool, const char *text,
                           scim_text_name_e kind);

/* The ASCII form of a domain name, for comparing domains (UTS 46,
 * nontransitional, STD 3): lower case, xn-- for other characters.  In pool;
 * NULL if it cannot be the name of a host. */
const char *scim_text_domain(apr_pool_t *pool, const char *domain);

/* text without white space and invisible characters at either end. */
const char *scim_text_trim(apr_pool_t *pool, const char *text);

/* True if text is "true" or "false" in any case, "1" or "0"; then *value is
 * set.  Microsoft Entra ID and OneLogin send booleans like this (clients.md
 * E25, E30, H9, L5). */
int scim_text_boolean(const char *text, int *value);

/* True if text is an xsd:dateTime with a time (RFC 7643 section 2.3.5) that
 * exists in the calendar, years 0001 to 9999 there and in UTC; without a zone
 * it is UTC.  Then *instant is set, in microseconds since 1970. */
int scim_text_instant(const char *text, apr_time_t *instant);

/* text for scim_text_instant: a day, which has no T, is its beginning. */
const char *scim_text_of_day(apr_pool_t *pool, const char *text);

/* The instant in UTC to the microsecond: 2018-03-27T19:59:26.000000Z. */
const char *scim_text_timestamp(apr_pool_t *pool, apr_time_t instant);

/* True if text is base64 of RFC 4648 section 4; padding may be missing (RFC
 * 7643 section 2.3.6). */
int scim_text_is_base64(const char *text);

/* True if text is a UUID as PostgreSQL prints it: lower case, hyphens. */
int scim_text_is_uuid(const char *text);

/* True if text can be the key of an organization, which is a segment of its
 * URL: 1 to SCIM_KEY_MAX lower-case letters, digits and hyphens, no hyphen at
 * either end.  SQL: scim.organization. */
int scim_text_is_key(const char *text);

/* True if text is 1 to most decimal digits and nothing else. */
int scim_text_is_digits(const char *text, apr_size_t most);

/* True if text is a decimal integer; then *number is set. */
int scim_text_integer(const char *text, apr_int64_t *number);

/* The part of url after its last slash, or all of it. */
const char *scim_text_last_segment(const char *url);

/* True if text may be a URI reference: not empty, and no white space, control
 * character or one of "<>\^`{|} (RFC 3986 section 4.1). */
int scim_text_is_uri(const char *text);

#endif
