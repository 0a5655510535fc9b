/* SPDX-License-Identifier: Apache-2.0 */
/* scim_users: the operations of the resource type User on accounts. */
#ifndef SCIM_USERS_H
#define SCIM_USERS_H

#include "resources/scim_resource.h"

extern const scim_resource_t scim_users;

#endif
