/* SPDX-License-Identifier: Apache-2.0 */
/* scim_etag: versions as entity tags, and what clients say about them. */
#ifndef SCIM_ETAG_H
#define SCIM_ETAG_H

#include <apr_pools.h>

/* The weak tag of a version: W/"3" (RFC 7644 section 3.14). */
const char *scim_etag_make(apr_pool_t *pool, const char *version);

/* Whether the value of an If-Match or If-None-Match header names tag: "*", or
 * one of a list, compared weakly, because SCIM hands out weak tags for just
 * this, and blind to the suffix that a compressing filter puts inside the
 * quotes (-gzip, -br, -deflate).  A header without a well-formed tag names
 * none. */
int scim_etag_named(const char *header, const char *tag);

#endif
