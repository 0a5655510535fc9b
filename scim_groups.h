/* SPDX-License-Identifier: Apache-2.0 */
/* scim_groups: the operations of the resource type Group. */
#ifndef SCIM_GROUPS_H
#define SCIM_GROUPS_H

#include "resources/scim_resource.h"

extern const scim_resource_t scim_groups;

#endif
