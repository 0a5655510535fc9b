/* SPDX-License-Identifier: Apache-2.0 */
/* scim_headers: SCIMHeaders: who passed the gate, in headers for the
 * application behind it.
 *
 *   SCIMHeaders X-
 *
 * sets X-Account-Id, X-User-Name, X-Role, X-Display-Name,
 * X-Preferred-Language, X-Timezone and, with SCIMGateGroups, X-Groups and
 * X-Group-Ids, as far as the account has them, right before the handler, after
 * everything else that changes headers.  Whatever the client sent under these
 * names is taken away, also where nobody passed the gate and also in a
 * spelling that becomes the same variable of an application; and it cannot
 * have them removed by the Connection header.
 */
#ifndef SCIM_HEADERS_H
#define SCIM_HEADERS_H

#include <apr_pools.h>

/* What is wrong with the beginning of the names, or NULL. */
const char *scim_headers_check_prefix(const char *prefix);

/* text in pool, percent-encoded but for what is_plain. */
const char *scim_headers_encode(const char *text,
                                int (*is_plain)(unsigned char c),
                                apr_pool_t *pool);

void scim_headers_register_hooks(apr_pool_t *pool);

#endif
