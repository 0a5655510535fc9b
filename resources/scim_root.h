/* SPDX-License-Identifier: Apache-2.0 */
/* scim_root: lists over all resource types. */
#ifndef SCIM_ROOT_H
#define SCIM_ROOT_H

#include "resources/scim_call.h"

/* A page of the resources of all types (RFC 7644 section 3.4.2.1).  An
 * attribute that a type does not have has no value there; only a name that no
 * type has is an error.  The list is ordered by type: types without the
 * attribute of sortBy come last, or first when descending.  A page by cursor
 * has one type only, so it may be short. */
scim_list_fn scim_root_list;

#endif
