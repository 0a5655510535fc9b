/* SPDX-License-Identifier: Apache-2.0 */
/* scim_headers: SCIMHeaders: who passed the gate, in headers for the
 * application behind it.
 *
 *   SCIMHeaders X-
 *
 * sets X-Account-Id, X-User-Name, X-Role, X-Display-Name, X-Preferred-Language
 * and X-Timezone, as far as the account has them, right before the handler,
 * after everything else that changes headers.  Whatever the client sent under
 * these names is taken away, also where nobody passed the gate and also in a
 * spelling that becomes the same variable of an application; and it cannot
 * have them removed by the Connection header.
 */
#ifndef SCIM_HEADERS_H
#define SCIM_HEADERS_H

#include <apr_pools.h>

/* What is wrong with the beginning of the names, or NULL. */
const char *scim_headers_check_prefix(const char *prefix);

void scim_headers_register_hooks(apr_pool_t *pool);

#endif
