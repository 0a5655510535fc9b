/* SPDX-License-Identifier: Apache-2.0 */
/* scim_etag: versions as entity tags, and the conditions of clients on
 * them. */
#ifndef SCIM_ETAG_H
#define SCIM_ETAG_H

#include <apr_pools.h>

/* The weak tag of a version: W/"3" (RFC 7644 section 3.14). */
const char *scim_etag_make(apr_pool_t *pool, const char *version);

/* Whether the value of an If-Match or If-None-Match header names tag: by "*"
 * or in its list.  The comparison is weak, since SCIM's weak tags are meant
 * for it, and ignores the suffix that a compressing filter adds inside the
 * quotes (-gzip, -br, -deflate).  A header without a well-formed tag names
 * none. */
int scim_etag_named(const char *header, const char *tag);

#endif
