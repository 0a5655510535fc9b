/* SPDX-License-Identifier: Apache-2.0 */
/* scim_store: changes of rows that others change at the same time.
 *
 * A change reads the row, decides what becomes of it, and writes on the
 * condition that its version is still the one that was read.  When it is not,
 * the race is lost and all of it starts again, from the read.
 */
#ifndef SCIM_STORE_H
#define SCIM_STORE_H

#include "resources/scim_call.h"
#include "values/scim_error.h"

/* One try, in a call of its own, whose pool goes with it when it is lost and
 * lives as long as the request's when it is not.  *lost is 0 before. */
typedef scim_error_t *scim_store_try_fn(int *lost, scim_call_t *call,
                                        void *baton) SCIM_CHECKED;

/* Try until the race is not lost.  SCIM_E_UNAVAILABLE when too many others
 * were faster, SCIM_E_TIMEOUT when the client has gone meanwhile. */
scim_error_t *scim_store_change(scim_call_t *call, scim_store_try_fn *try,
                                void *baton) SCIM_CHECKED;

#endif
