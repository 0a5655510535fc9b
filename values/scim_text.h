/* SPDX-License-Identifier: Apache-2.0 */
/* scim_text: what two strings have to do with each other, and (in
 * scim_text_format.c) which form a single value has.
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

/* True when the bytes are well-formed UTF-8 (RFC 3629: no overlong forms, no
 * surrogates, nothing above U+10FFFF). */
int scim_text_is_utf8(const char *bytes, apr_size_t length);

/* Make text well-formed UTF-8 where it stands: bytes that are not are left
 * out. */
void scim_text_mend(char *text);

/* How many bytes the first character of text has; *harm is its code point
 * when it could steer a terminal or turn the order of what is around it
 * (controls of C0 and C1, direction, line and paragraph separators), U+FFFD
 * for a byte that is not UTF-8, else 0. */
apr_size_t scim_text_step(const char *text, unsigned *harm);

/* The comparison key of a caseExact=false string: NFC, Unicode's full case
 * folding, NFC again (RFC 7643 section 2.2, RFC 7644 section 3.4.2.2; SQL:
 * scim.fold).  Folding, unlike lower-casing, does not look at the neighbours
 * of a letter, so that the key of a part is a part of the key.  The result may
 * be the argument itself when that is its own key. */
const char *scim_text_fold(apr_pool_t *pool, const char *text);

/* The comparison key of a userName: as scim_text_fold, but with NFKC, so that
 * full-width letters are equal too (RFC 8265 section 3.3; SQL:
 * scim.user_name_key). */
const char *scim_text_user_name_key(apr_pool_t *pool, const char *text);

/* True when text has no compatibility character (full-width, ligature, long s
 * and the like), which looks like another one without being its other case:
 * NFKC leaves its NFC as it is. */
int scim_text_is_unambiguous(apr_pool_t *pool, const char *text);

/* The number of characters (code points). */
apr_size_t scim_text_length(const char *text);

/* True when nothing of text can be seen: every character is white space, a
 * control or invisible. */
int scim_text_is_blank(const char *text);

/* What a name is for: an identifier is typed and compared (userName; RFC 8265
 * section 3.3), the other kind is read by people, and may have blanks between
 * words and what the spelling of its language needs. */
typedef enum { SCIM_TEXT_IDENTIFIER, SCIM_TEXT_NAME } scim_text_name_e;

/* What is wrong with text as a name, as the end of a sentence that begins with
 * what it names ("must not contain invisible characters (U+200B)", "must not
 * be empty"), in pool; NULL when nothing is.  A name has no control, direction
 * or invisible character and is not blank; an identifier has no blank but a
 * single U+0020 between its parts.
 * SQL: scim.is_identifier, scim.is_name. */
const char *scim_text_flaw(apr_pool_t *pool, const char *text,
                           scim_text_name_e kind);

/* The ASCII form of a domain name, by which domains are compared (UTS 46,
 * nontransitional, STD 3): lower case, xn-- for what is not ASCII.  In pool;
 * NULL for what no host can be called. */
const char *scim_text_domain(apr_pool_t *pool, const char *domain);

/* text without what is blank at either end. */
const char *scim_text_trim(apr_pool_t *pool, const char *text);

/* True when text is "true" or "false" in any case, "1" or "0"; *value is set
 * then.  Microsoft Entra ID and OneLogin send booleans so (clients.md E25,
 * E30, H9, L5). */
int scim_text_boolean(const char *text, int *value);

/* True when text is an xsd:dateTime with a time (RFC 7643 section 2.3.5) that
 * exists in the calendar, years 0001 to 9999; without a zone it is UTC.
 * *instant is set then, in microseconds since 1970. */
int scim_text_instant(const char *text, apr_time_t *instant);

/* The instant in UTC to the microsecond: 2018-03-27T19:59:26.000000Z. */
const char *scim_text_timestamp(apr_pool_t *pool, apr_time_t instant);

/* True when text is base64 of RFC 4648 section 4; padding may be missing
 * (RFC 7643 section 2.3.6). */
int scim_text_is_base64(const char *text);

/* True when text is a UUID as PostgreSQL prints it: lower case, hyphens. */
int scim_text_is_uuid(const char *text);

/* True when text can be the key of an organization, which is a segment of its
 * URL: 1 to SCIM_KEY_MAX lower-case letters, digits and hyphens, no hyphen at
 * either end.  SQL: scim.organization. */
int scim_text_is_key(const char *text);

/* True when text is a decimal integer; *number is set then. */
int scim_text_integer(const char *text, apr_int64_t *number);

/* What follows the last slash of url, or all of it. */
const char *scim_text_last_segment(const char *url);

/* True when text may stand as a URI reference: not empty, and no white
 * space, control character or one of "<>\^`{|} (RFC 3986 section 4.1). */
int scim_text_is_uri(const char *text);

#endif
