/* SPDX-License-Identifier: Apache-2.0 */
/* scim_log: tags of the messages in the error log.
 *
 * Numbers are unique and never used again (t/00-style.t); httpd reserves its
 * own AH numbers for the modules of its distribution. */
#ifndef SCIM_LOG_H
#define SCIM_LOG_H

#define SCIM_LOGNO(n) "SCIM" #n ": "

#endif
