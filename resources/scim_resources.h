/* scim_resources: lists over all resource types. */
#ifndef SCIM_RESOURCES_H
#define SCIM_RESOURCES_H

#include "resources/scim_call.h"

/* A page of the resources of all types (RFC 7644 section 3.4.2.1).  An
 * attribute that a type does not have is one without a value there; only a
 * name that no type has is an error.  Resources of one type stand together:
 * the types that lack the attribute of sortBy come last, or first when
 * descending.  A page by cursor holds one type, so it may be short. */
scim_list_fn scim_resources_list;

#endif
