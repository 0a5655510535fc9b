/* scim_statements: every fixed SQL statement, in one table.
 *
 * X(id, may be repeated after a lost connection, text).  A statement that
 * writes is its own transaction; when its answer is lost nobody knows whether
 * it was committed, so it is never repeated.  All parameters are text.
 */
#ifndef SCIM_STATEMENTS_H
#define SCIM_STATEMENTS_H

#include <apr_general.h>

/* What scim_users reads of an account, in the order of SCIM_COLUMN_...; the
 * timestamps as SCIM answers them, so that C need not know time zones. */
#define SCIM_ACCOUNT_COLUMNS                                                \
    "a.id, a.user_name, a.display_name, a.external_id,"                     \
    " a.preferred_language, a.timezone, a.active, a.managed,"               \
    " a.sync_eligible, a.version,"                                          \
    SCIM_SQL_TIMESTAMP("a.created_at") ","                                  \
    SCIM_SQL_TIMESTAMP("a.updated_at") ","                                  \
    " a.attributes, a.role"

#define SCIM_SQL_TIMESTAMP(column)                                          \
    " to_char(" column " AT TIME ZONE 'UTC',"                               \
    " 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"

enum {
    SCIM_COLUMN_ID, SCIM_COLUMN_USER_NAME, SCIM_COLUMN_DISPLAY_NAME,
    SCIM_COLUMN_EXTERNAL_ID, SCIM_COLUMN_PREFERRED_LANGUAGE,
    SCIM_COLUMN_TIMEZONE, SCIM_COLUMN_ACTIVE, SCIM_COLUMN_MANAGED,
    SCIM_COLUMN_SYNC_ELIGIBLE, SCIM_COLUMN_VERSION, SCIM_COLUMN_CREATED,
    SCIM_COLUMN_UPDATED, SCIM_COLUMN_ATTRIBUTES, SCIM_COLUMN_ROLE,
    SCIM_COLUMN_COUNT
};

/* How many events are read at once. */
#define SCIM_FEED_BATCH 500

/* No more are counted of those that a relay has still to send. */
#define SCIM_RELAY_LAG_MAX 100000

/* One event a kind, in the order given, beside the write of the row "source";
 * kinds, actor, changed names and data are the parameters n to n+5.  commits
 * is NULL or what synchronous_commit is to be for this transaction alone: a
 * setting of the session would be that of others, behind a pooler. */
#define SCIM_SQL_EVENTS(source, kinds, actor_kind, actor, name, changed,    \
                        data, commits)                                      \
    " event AS (INSERT INTO scim.event (organization_id, account_id, kind," \
    " actor_kind, actor_id, actor_name, attributes, version, data)"         \
    " SELECT s.organization_id, s.id, unnest(" kinds "::text[]), "          \
    actor_kind ", " actor "::uuid, " name ", " changed "::text[],"          \
    " s.version, " data "::jsonb FROM " source " s"                         \
    " WHERE " commits "::text IS NULL OR set_config('synchronous_commit',"  \
    " " commits ", true) IS NOT NULL)"

/* An event of the organization itself, beside the write of the row "source";
 * actor_kind, actor_id and actor_name are parameters. */
#define SCIM_SQL_OWN_EVENT(source, kind, actor_kind, actor, name, data)     \
    " event AS (INSERT INTO scim.event (organization_id, kind, actor_kind," \
    " actor_id, actor_name, data) SELECT s.organization_id, " kind ","      \
    " " actor_kind ", " actor "::uuid, " name ", " data                     \
    " FROM " source " s)"

/* Another text after each crash, which loses commits that did not wait for the
 * disk, and on another server.  A crash of one process restarts all but the
 * first; the statistics, which do not survive it, tell. */
#define SCIM_SQL_LIFE_OF_SERVER                                             \
    "concat_ws(' ', extract(epoch FROM pg_postmaster_start_time()),"        \
    " (SELECT extract(epoch FROM stats_reset) FROM pg_stat_wal))"

/* The members of an event e, with its account a, as JSON. */
#define SCIM_SQL_EVENT_MEMBERS                                              \
    "'at'," SCIM_SQL_TIMESTAMP("e.occurred_at") ","                         \
    " 'kind', e.kind, 'actorKind', e.actor_kind,"                           \
    " 'actor', e.actor_name, 'accountId', e.account_id, 'userName',"        \
    " coalesce(a.user_name, e.data #>> '{after,userName}',"                 \
    " e.data #>> '{before,userName}'), 'attributes', e.attributes,"         \
    " 'data', e.data"

/* One entry of the activity as JSON; rows that are changes, or refusals, of
 * organization $1, earlier than $3 where given, at most $4. */
#define SCIM_SQL_CHANGES(condition)                                         \
    "(SELECT e.sequence, jsonb_build_object('sequence', e.sequence::text,"  \
    " 'outcome', 'changed', " SCIM_SQL_EVENT_MEMBERS ") AS entry"           \
    " FROM scim.event e"                                                    \
    " LEFT JOIN scim.account a ON a.organization_id = e.organization_id"    \
    " AND a.id = e.account_id WHERE e.organization_id = $1::uuid"           \
    " AND " condition " AND e.sequence < coalesce($3::bigint,"              \
    " 9223372036854775807) ORDER BY e.sequence DESC LIMIT $4::bigint)"

#define SCIM_SQL_REFUSALS(condition)                                        \
    "(SELECT r.sequence, jsonb_build_object('sequence', r.sequence::text,"  \
    " 'at'," SCIM_SQL_TIMESTAMP("r.occurred_at") ","                        \
    " 'outcome', 'refused', 'actorKind', 'token', 'actor', r.actor_name,"   \
    " 'accountId', r.account_id, 'userName', coalesce(a.user_name,"         \
    " r.user_name), 'method', r.method, 'path', r.path,"                    \
    " 'status', r.status, 'scimType', r.scim_type, 'detail', r.detail)"     \
    " AS entry FROM scim.refusal r"                                         \
    " LEFT JOIN scim.account a ON a.organization_id = r.organization_id"    \
    " AND a.id = r.account_id WHERE r.organization_id = $1::uuid"           \
    " AND " condition " AND r.sequence < coalesce($3::bigint,"              \
    " 9223372036854775807) ORDER BY r.sequence DESC LIMIT $4::bigint)"

#define SCIM_SQL_LATEST(entries)                                            \
    "SELECT sequence, entry FROM (" entries ") AS latest"                   \
    " ORDER BY sequence DESC LIMIT $4::bigint"

/* A text as a uuid, NULL when it is none. */
#define SCIM_SQL_UUID(text)                                                 \
    "CASE WHEN " text " ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'"    \
    " THEN " text "::uuid END"

/* The events that deleted an account; the index event_deleted has them by its
 * userName. */
#define SCIM_SQL_DELETIONS                                                  \
    "scim.event d WHERE d.organization_id = $1::uuid"                       \
    " AND d.kind = 'urn:ietf:params:scim:event:prov:delete'"

#define SCIM_SQL_DELETED_NAME                                               \
    "scim.user_name_key(d.data #>> '{before,userName}')"

/* The accounts that $2 names, by id or userName: one that is there, and those
 * that are gone. */
#define SCIM_SQL_NAMED_ACCOUNTS                                             \
    "SELECT n.id FROM scim.account n WHERE n.organization_id = $1::uuid"    \
    " AND n.user_name_key = scim.user_name_key($2)"                         \
    " UNION SELECT d.account_id FROM " SCIM_SQL_DELETIONS                   \
    " AND " SCIM_SQL_DELETED_NAME " = scim.user_name_key($2)"               \
    " UNION SELECT " SCIM_SQL_UUID("$2")

/* The userName of the account that $2 names. */
#define SCIM_SQL_NAMED_KEY                                                  \
    "coalesce((SELECT n.user_name_key FROM scim.account n"                  \
    " WHERE n.organization_id = $1::uuid"                                   \
    " AND n.id = " SCIM_SQL_UUID("$2") "),"                                 \
    " (SELECT " SCIM_SQL_DELETED_NAME " FROM " SCIM_SQL_DELETIONS           \
    " AND d.account_id = " SCIM_SQL_UUID("$2") " LIMIT 1),"                 \
    " scim.user_name_key($2))"

/* A member as JSON, and the members that are chosen: $3 roles, $4 states of
 * active, $5 labels of organization $1. */
#define SCIM_SQL_LABEL                                                      \
    "scim.account_label(a.managed, a.sync_eligible, a.provisioned_at)"

#define SCIM_SQL_MEMBER_JSON                                                \
    "jsonb_build_object('id', a.id, 'userName', a.user_name,"               \
    " 'displayName', a.display_name, 'email', coalesce("                    \
    "jsonb_path_query_first(a.attributes,"                                  \
    " '$.emails[*] ? (@.primary == true).value') #>> '{}',"                 \
    " a.attributes #>> '{emails,0,value}',"                                 \
    " CASE WHEN a.user_name LIKE '%@%' THEN a.user_name END),"              \
    " 'role', a.role, 'active', a.active, 'label', " SCIM_SQL_LABEL ","     \
    " 'provisionedAt'," SCIM_SQL_TIMESTAMP("a.provisioned_at") ")"

/* One range of account_by_label for each choice. */
#define SCIM_SQL_CHOSEN_RANGES(columns, condition)                          \
    "SELECT p.* FROM unnest($3::text[]) r(role)"                            \
    " CROSS JOIN unnest($4::boolean[]) s(active)"                           \
    " CROSS JOIN unnest($5::text[]) l(label)"                               \
    " CROSS JOIN LATERAL (SELECT " columns " FROM scim.account a"           \
    " WHERE a.organization_id = $1::uuid AND a.role = r.role"               \
    " AND a.active = s.active AND " SCIM_SQL_LABEL " = l.label"             \
    " AND " condition " ORDER BY a.user_name_key LIMIT $2::bigint) p"

/* What an index finds, then chosen; so many at most that it costs little.
 * Only a range in the order of its index is never read as a whole table. */
#define SCIM_SQL_CHOSEN_AMONG(condition, order)                             \
    "SELECT a.id FROM (SELECT * FROM scim.account a"                        \
    " WHERE a.organization_id = $1::uuid AND " condition " " order          \
    " LIMIT 2000) a"                                                        \
    " WHERE a.role = ANY ($3::text[]) AND a.active = ANY ($4::boolean[])"   \
    " AND " SCIM_SQL_LABEL " = ANY ($5::text[])"

#define SCIM_SQL_HAS_NAME(part)                                             \
    "scim.fold_json(a.attributes) @> scim.fold_json(jsonb_build_object("    \
    "'name', jsonb_build_object('" part "', $6::text)))"

#define SCIM_SQL_HAS_EMAIL                                                  \
    "scim.fold_json(a.attributes) @> scim.fold_json(jsonb_build_object("    \
    "'emails', jsonb_build_array(jsonb_build_object('value', $6::text))))"

#define SCIM_SQL_ORGANIZATION_COLUMNS                                       \
    "o.id, o.key, o.name, o.provisioning_enabled,"                          \
    " array_to_string(o.domains, ' '),"                                     \
    SCIM_SQL_TIMESTAMP("o.created_at")

/* Organizations with the numbers of their accounts and live tokens. */
#define SCIM_SQL_COUNTED_ORGANIZATIONS(condition)                           \
    "SELECT " SCIM_SQL_ORGANIZATION_COLUMNS ","                             \
    " (SELECT count(*) FROM scim.account a"                                 \
    " WHERE a.organization_id = o.id),"                                     \
    " (SELECT count(*) FROM scim.token t"                                   \
    " WHERE t.organization_id = o.id"                                       \
    " AND (t.expires_at IS NULL OR t.expires_at > now()))"                  \
    " FROM scim.organization o WHERE " condition " ORDER BY o.key"

/* What names an event for ever, for whoever throws away what has come before.
 * After a promotion or a restore its sequence is that of others, too; after a
 * crash, in one history, that of an event whose commit did not wait for the
 * disk. */
#define SCIM_SQL_EVENT_ID                                                   \
    "CASE WHEN e.history = 0 THEN e.sequence::text"                         \
    " ELSE concat_ws('.', e.sequence, e.history,"                           \
    " (extract(epoch FROM e.occurred_at) * 1000)::bigint) END"

/* A batch of the feed behind transaction $1, sequence $2 in history $3. */
#define SCIM_SQL_FEED_OF(organization)                                      \
    "SELECT p.went_back, p.transaction_id, p.sequence,"                     \
    " e.history, e.transaction_id, e.sequence, " SCIM_SQL_EVENT_ID ","      \
    " jsonb_build_object('id', " SCIM_SQL_EVENT_ID ","                      \
    " 'sequence', e.sequence, 'organization', o.key,"                       \
    " 'version', e.version, 'externalId', coalesce(a.external_id,"          \
    " e.data #>> '{after,externalId}',"                                     \
    " e.data #>> '{before,externalId}'), " SCIM_SQL_EVENT_MEMBERS ")"       \
    " FROM scim.feed_position(" organization ","                            \
    " $3::bigint, $1::xid8, $2::bigint) p"                                  \
    " LEFT JOIN LATERAL scim.feed(" organization ", p.transaction_id,"      \
    " p.sequence, " APR_STRINGIFY(SCIM_FEED_BATCH) ") e ON true"            \
    " LEFT JOIN LATERAL (SELECT o.key FROM scim.organization o"             \
    " WHERE o.id = e.organization_id LIMIT 1) o ON true"                    \
    " LEFT JOIN LATERAL (SELECT * FROM scim.account a"                      \
    " WHERE a.organization_id = e.organization_id"                          \
    " AND a.id = e.account_id LIMIT 1) a ON true"                           \
    " ORDER BY e.transaction_id, e.sequence"

/* Whether this session is the one that works as relay $1: the first that asks
 * is, until it ends. */
#define SCIM_SQL_RELAY_IS_OURS                                              \
    "pg_try_advisory_lock(hashtext('scim.relay'), hashtext($1))"

/* The row of relay $1, as this session left it: behind sequence $2 in history
 * $3. */
#define SCIM_SQL_RELAY_AS_LEFT                                              \
    "name = $1 AND sequence = $2::bigint AND history = $3::bigint"          \
    " AND " SCIM_SQL_RELAY_IS_OURS

/* Whether a session works as relay r. */
#define SCIM_SQL_RELAY_RUNS                                                 \
    "EXISTS (SELECT FROM pg_locks l WHERE l.locktype = 'advisory'"          \
    " AND l.granted AND l.database = (SELECT d.oid FROM pg_database d"      \
    " WHERE d.datname = current_database())"                                \
    " AND l.classid = (hashtext('scim.relay')::bigint"                      \
    " & 4294967295)::oid"                                                   \
    " AND l.objid = (hashtext(r.name)::bigint & 4294967295)::oid)"

#define SCIM_SQL_COUNTED(condition)                                         \
    "coalesce(sum(n) FILTER (WHERE active AND " condition "), 0)"

#define SCIM_SQL_PERSON(condition)                                          \
    "SELECT o.id, o.name, o.provisioning_enabled,"                          \
    " array_to_string(o.domains, ' '), a.id, a.user_name,"                  \
    " a.display_name, a.role, a.active, a.preferred_language, a.timezone,"  \
    " a.attributes -> 'roles'"                                              \
    " FROM scim.organization o LEFT JOIN scim.account a"                    \
    " ON a.organization_id = o.id AND " condition                           \
    " WHERE o.key = $1 LIMIT 2"

/* Whom a token stands for, and what its issuer gives to accounts that are made
 * with it. */
#define SCIM_SQL_PRINCIPAL(of_issuer, issuer)                               \
    "SELECT o.id, o.provisioning_enabled, array_to_string(o.domains, ' ')," \
    " t.id, t.name, coalesce(t.last_used_at < now() - interval '1 minute'," \
    " true), encode(o.cursor_key, 'hex'), " of_issuer                       \
    " FROM scim.organization o"                                             \
    " JOIN scim.token t ON t.organization_id = o.id" issuer                 \
    " WHERE o.key = $1 AND t.hash = $2::bytea"                              \
    " AND (t.expires_at IS NULL OR t.expires_at > now())"

/* TOKEN_USED waits for nobody: a token whose row another transaction holds is
 * used without being noted, and its commit waits for no disk or standby. */
#define SCIM_STATEMENT_MAP(X)                                               \
    X(AUTHENTICATE, 1, SCIM_SQL_PRINCIPAL("NULL, NULL", ""))                \
    X(AUTHENTICATE_CREATOR, 1,                                              \
      SCIM_SQL_PRINCIPAL("a.preferred_language, a.timezone",                \
                            " JOIN scim.account a"                          \
                            " ON a.organization_id = t.organization_id"     \
                            " AND a.id = t.issuer"))                        \
    X(TOKEN_USED, 1,                                                        \
      "WITH quick AS MATERIALIZED"                                          \
      " (SELECT set_config('synchronous_commit', 'off', true) AS commit) "  \
      "UPDATE scim.token t SET last_used_at = now()"                        \
      " FROM quick, (SELECT organization_id, id FROM scim.token"            \
      " WHERE organization_id = $1::uuid AND id = $2::uuid"                 \
      " AND coalesce(last_used_at < now() - interval '1 minute', true)"     \
      " FOR NO KEY UPDATE SKIP LOCKED) free"                                \
      " WHERE t.organization_id = free.organization_id AND t.id = free.id"  \
      " AND quick.commit = 'off'")                                          \
    X(TOKEN_INSERT, 0,                                                      \
      "WITH made AS (INSERT INTO scim.token (organization_id, issuer,"      \
      " name, prefix, hash, expires_at) VALUES ($1::uuid, $2::uuid, $3,"    \
      " $4, $5::bytea, $6::timestamptz) RETURNING *),"                      \
      SCIM_SQL_OWN_EVENT("made", "'urn:mod_scim:event:token:generate'",     \
      "$7", "$8", "$9", "jsonb_build_object('id', s.id,"                    \
      " 'name', s.name, 'prefix', s.prefix)")                               \
      " SELECT id FROM made")                                               \
    X(TOKEN_LIST, 1,                                                        \
      "SELECT t.id, t.name, t.prefix, a.user_name,"                         \
      SCIM_SQL_TIMESTAMP("t.created_at") ","                                \
      SCIM_SQL_TIMESTAMP("t.expires_at") ","                                \
      SCIM_SQL_TIMESTAMP("t.last_used_at")                                  \
      " FROM scim.token t JOIN scim.account a"                              \
      " ON a.organization_id = t.organization_id AND a.id = t.issuer"       \
      " WHERE t.organization_id = $1::uuid ORDER BY t.created_at, t.id")    \
    X(TOKEN_DELETE, 0,                                                      \
      "WITH gone AS (DELETE FROM scim.token WHERE organization_id ="        \
      " $1::uuid AND id = $2::uuid RETURNING *),"                           \
      SCIM_SQL_OWN_EVENT("gone", "'urn:mod_scim:event:token:delete'",       \
      "$3", "$4", "$5", "jsonb_build_object('id', s.id,"                    \
      " 'name', s.name, 'prefix', s.prefix)")                               \
      " SELECT name FROM gone")                                             \
    X(ORGANIZATION_INSERT, 0,                                               \
      "INSERT INTO scim.organization (key, name, domains)"                  \
      " VALUES ($1, $2, lower($3)::text[]) ON CONFLICT (key) DO NOTHING"    \
      " RETURNING id")                                                      \
    X(ORGANIZATION_LIST, 1, SCIM_SQL_COUNTED_ORGANIZATIONS("true"))         \
    X(ORGANIZATION_SHOW, 1, SCIM_SQL_COUNTED_ORGANIZATIONS("o.key = $1"))   \
    X(ORGANIZATION_BY_KEY, 1,                                               \
      "SELECT " SCIM_SQL_ORGANIZATION_COLUMNS                               \
      " FROM scim.organization o WHERE o.key = $1")                         \
    X(ORGANIZATION_ENABLE, 0,                                               \
      "WITH switched AS (UPDATE scim.organization"                          \
      " SET provisioning_enabled = $2::boolean WHERE id = $1::uuid"         \
      " AND provisioning_enabled <> $2::boolean"                            \
      " RETURNING id AS organization_id),"                                  \
      SCIM_SQL_OWN_EVENT("switched", "CASE WHEN $2::boolean"                \
      " THEN 'urn:mod_scim:event:provisioning:enable'"                      \
      " ELSE 'urn:mod_scim:event:provisioning:disable' END",                \
      "$3", "$4", "$5", "'{}'::jsonb")                                      \
      " SELECT organization_id FROM switched")                              \
    X(REFUSAL_INSERT, 0,                                                    \
      "WITH old AS (DELETE FROM scim.refusal"                               \
      " WHERE organization_id = $1::uuid"                                   \
      " AND (occurred_at < now() - interval '30 days'"                      \
      " OR sequence <= (SELECT k.sequence FROM scim.refusal k"              \
      " WHERE k.organization_id = $1::uuid ORDER BY k.sequence DESC"        \
      " OFFSET $10::bigint - 1 LIMIT 1)))"                                  \
      " INSERT INTO scim.refusal (organization_id, account_id,"             \
      " user_name, actor_name, method, path, status, scim_type, detail)"    \
      " SELECT $1::uuid, $2::uuid, $3, $4, $5, $6, $7::smallint, $8, $9"    \
      " WHERE $5 <> 'GET' OR NOT EXISTS (SELECT FROM (SELECT *"             \
      " FROM scim.refusal WHERE organization_id = $1::uuid"                 \
      " ORDER BY sequence DESC LIMIT 1) l WHERE l.method = 'GET'"           \
      " AND l.path = $6 AND l.status = $7::smallint AND l.detail = $9"      \
      " AND l.occurred_at > now() - interval '1 hour')")                    \
    X(ACTIVITY, 1,                                                          \
      SCIM_SQL_LATEST(SCIM_SQL_CHANGES("$2::text IS NULL") " UNION ALL "    \
      SCIM_SQL_REFUSALS("true")))                                           \
    X(ACTIVITY_CHANGED, 1,                                                  \
      SCIM_SQL_LATEST(SCIM_SQL_CHANGES("$2::text IS NULL")))                \
    X(ACTIVITY_REFUSED, 1,                                                  \
      SCIM_SQL_LATEST(SCIM_SQL_REFUSALS("$2::text IS NULL")))               \
    X(ACTIVITY_GUEST, 1,                                                    \
      SCIM_SQL_LATEST(SCIM_SQL_CHANGES("$2::text IS NULL"                   \
      " AND e.kind = 'urn:mod_scim:event:role:guest'")))                    \
    X(ACTIVITY_OF_ACCOUNT, 1,                                               \
      SCIM_SQL_LATEST(                                                      \
      "(SELECT c.* FROM (" SCIM_SQL_NAMED_ACCOUNTS ") named(id)"            \
      " CROSS JOIN LATERAL " SCIM_SQL_CHANGES("e.account_id = named.id"     \
      " AND ($5::text IS NULL OR $5 = 'changed'"                            \
      " OR $5 = 'guest' AND e.kind = 'urn:mod_scim:event:role:guest')")     \
      " c) UNION ALL "                                                      \
      SCIM_SQL_REFUSALS("coalesce($5, 'refused') = 'refused'"               \
      " AND (r.account_id = ANY (ARRAY(" SCIM_SQL_NAMED_ACCOUNTS "))"       \
      " OR scim.user_name_key(r.user_name) = " SCIM_SQL_NAMED_KEY ")")))    \
    X(PERSON_BY_USER_NAME, 1,                                               \
      SCIM_SQL_PERSON("a.user_name_key = scim.user_name_key($2)"            \
                      " AND scim.fold(a.user_name) = scim.fold($2)"))       \
    X(PERSON_BY_EXTERNAL_ID, 1,                                             \
      SCIM_SQL_PERSON("a.external_id = $2"))                                \
    X(MEMBER_LIST, 1,                                                       \
      SCIM_SQL_CHOSEN_RANGES("a.user_name_key, " SCIM_SQL_MEMBER_JSON,      \
                             "a.user_name_key > $6")                        \
      " ORDER BY p.user_name_key LIMIT $2::bigint")                         \
    X(MEMBER_SEARCH, 1,                                                     \
      "WITH found AS ("                                                     \
      SCIM_SQL_CHOSEN_RANGES("a.id",                                        \
          "a.user_name_key > $7"                                            \
          " AND a.user_name_key >= scim.user_name_key($6)"                  \
          " AND a.user_name_key < scim.user_name_key($6) || chr(1114111)")  \
      " UNION " SCIM_SQL_CHOSEN_AMONG(                                      \
          "scim.fold(a.display_name) COLLATE \"C\" >= scim.fold($6)"        \
          " AND scim.fold(a.display_name) COLLATE \"C\""                    \
          " < scim.fold($6) || chr(1114111)",                               \
          "ORDER BY scim.fold(a.display_name) COLLATE \"C\"")               \
      " UNION " SCIM_SQL_CHOSEN_AMONG(SCIM_SQL_HAS_NAME("familyName"), "")  \
      " UNION " SCIM_SQL_CHOSEN_AMONG(SCIM_SQL_HAS_NAME("givenName"), "")   \
      " UNION " SCIM_SQL_CHOSEN_AMONG(SCIM_SQL_HAS_EMAIL, "")               \
      " UNION " SCIM_SQL_CHOSEN_AMONG("a.external_id = $6", "")             \
      " UNION " SCIM_SQL_CHOSEN_AMONG("a.id = " SCIM_SQL_UUID("$6"), "")    \
      ") SELECT a.user_name_key, " SCIM_SQL_MEMBER_JSON                     \
      " FROM found f CROSS JOIN LATERAL (SELECT * FROM scim.account b"      \
      " WHERE b.organization_id = $1::uuid AND b.id = f.id LIMIT 1) a"      \
      " WHERE a.user_name_key > $7"                                         \
      " ORDER BY a.user_name_key LIMIT $2::bigint")                         \
    X(MEMBER, 1,                                                            \
      "SELECT " SCIM_ACCOUNT_COLUMNS ", " SCIM_SQL_MEMBER_JSON              \
      " FROM scim.account a"                                                \
      " WHERE a.organization_id = $1::uuid AND a.id = $2::uuid")            \
    X(MEMBER_COUNTS, 1,                                                     \
      "SELECT jsonb_build_object("                                          \
      "'seats', " SCIM_SQL_COUNTED("true") ","                              \
      " 'inactive', coalesce(sum(n) FILTER (WHERE NOT active), 0),"         \
      " 'roles', jsonb_build_object("                                       \
      "'ADMIN', " SCIM_SQL_COUNTED("role = 'ADMIN'") ","                    \
      " 'USER', " SCIM_SQL_COUNTED("role = 'USER'") ","                     \
      " 'GUEST', " SCIM_SQL_COUNTED("role = 'GUEST'") "),"                  \
      " 'labels', jsonb_build_object("                                      \
      "'provisioned', " SCIM_SQL_COUNTED("label = 'provisioned'") ","       \
      " 'managed', " SCIM_SQL_COUNTED("label = 'managed'") ","              \
      " 'ineligible', " SCIM_SQL_COUNTED("label = 'ineligible'") ","        \
      " 'unmanaged', " SCIM_SQL_COUNTED("label = 'unmanaged'") "))"         \
      " FROM (SELECT a.role, a.active, " SCIM_SQL_LABEL " AS label,"        \
      " count(*) AS n FROM scim.account a"                                  \
      " WHERE a.organization_id = $1::uuid GROUP BY 1, 2, 3) counted")      \
    X(ACCOUNT_MAKE_ELIGIBLE, 0,                                             \
      "WITH changed AS (UPDATE scim.account a SET sync_eligible = true"     \
      " WHERE a.organization_id = $1::uuid AND a.id = $2::uuid"             \
      " AND a.managed AND NOT a.sync_eligible AND a.version = $6::bigint"   \
      " RETURNING a.organization_id, a.id, a.version),"                     \
      SCIM_SQL_EVENTS("changed",                                            \
                      "ARRAY['urn:mod_scim:event:account:eligible']",       \
                      "$3", "$4", "$5", "'{}'", "'{}'", "NULL")             \
      " SELECT id FROM changed")                                            \
    X(FEED, 1, SCIM_SQL_FEED_OF("NULL"))                                    \
    X(FEED_OF_ORGANIZATION, 1, SCIM_SQL_FEED_OF("$4::uuid"))                \
    X(FEED_POSITION, 1,                                                     \
      "SELECT e.history, e.transaction_id, e.sequence"                      \
      " FROM scim.organization o"                                           \
      " CROSS JOIN LATERAL (SELECT * FROM scim.event e"                     \
      " WHERE e.organization_id = o.id AND e.sequence <= $1::bigint"        \
      " ORDER BY e.sequence DESC LIMIT 1) e"                                \
      " ORDER BY e.sequence DESC LIMIT 1")                                  \
    X(FEED_POSITION_IN_ORGANIZATION, 1,                                     \
      "SELECT e.history, e.transaction_id, e.sequence FROM scim.event e"    \
      " WHERE e.sequence = $1::bigint AND e.organization_id = $2::uuid")    \
    X(FEED_POSITION_BEFORE, 1,                                              \
      "SELECT e.history, e.transaction_id, e.sequence FROM scim.event e"    \
      " WHERE e.organization_id = $3::uuid"                                 \
      " AND (e.transaction_id, e.sequence) <= ($1::xid8, $2::bigint)"       \
      " ORDER BY e.organization_id DESC, e.transaction_id DESC,"            \
      " e.sequence DESC LIMIT 1")                                           \
    X(RELAY_INSERT, 0,                                                      \
      "INSERT INTO scim.relay (name, history, transaction_id, sequence)"    \
      " VALUES ($1, $2::bigint, $3::xid8, $4::bigint)"                      \
      " ON CONFLICT (name) DO NOTHING")                                     \
    X(RELAY_TAKE, 0,                                                        \
      "UPDATE scim.relay SET organization_id = $2::uuid"                    \
      " WHERE name = $1 AND " SCIM_SQL_RELAY_IS_OURS                        \
      " RETURNING history, transaction_id, sequence,"                       \
      " set_config('tcp_keepalives_idle', '5', false),"                     \
      " set_config('tcp_keepalives_interval', '5', false),"                 \
      " set_config('tcp_keepalives_count', '3', false)")                    \
    X(RELAY_IS_AS_LEFT, 1,                                                  \
      "SELECT FROM scim.relay WHERE " SCIM_SQL_RELAY_AS_LEFT)               \
    X(RELAY_ADVANCE, 0,                                                     \
      "UPDATE scim.relay SET history = $4::bigint,"                         \
      " transaction_id = $5::xid8, sequence = $6::bigint,"                  \
      " updated_at = now(), refused = NULL, attempts = 0"                   \
      " WHERE " SCIM_SQL_RELAY_AS_LEFT " RETURNING name")                   \
    X(RELAY_REFUSED, 0,                                                     \
      "UPDATE scim.relay SET refused = $4::bigint,"                         \
      " attempts = CASE WHEN refused = $4::bigint THEN attempts + 1"        \
      " ELSE 1 END, last_error = $5, last_error_at = now()"                 \
      " WHERE " SCIM_SQL_RELAY_AS_LEFT " RETURNING name")                   \
    X(RELAY_LIST, 1,                                                        \
      "SELECT r.name, o.key, " SCIM_SQL_RELAY_RUNS ", r.sequence,"          \
      " lag.events, lag.seconds, r.refused, r.attempts, r.last_error,"      \
      SCIM_SQL_TIMESTAMP("r.last_error_at") ", r.skipped,"                  \
      SCIM_SQL_TIMESTAMP("r.skipped_at") " FROM scim.relay r"               \
      " LEFT JOIN scim.organization o ON o.id = r.organization_id"          \
      " CROSS JOIN LATERAL scim.feed_position(r.organization_id,"           \
      " r.history, coalesce(r.transaction_id, '0'), r.sequence) p"          \
      " CROSS JOIN LATERAL (SELECT count(*) AS events,"                     \
      " coalesce(greatest(extract(epoch FROM now() - min(occurred_at)), 0)" \
      "::bigint, 0) AS seconds FROM (SELECT e.occurred_at"                  \
      " FROM scim.event e WHERE (e.transaction_id, e.sequence)"             \
      " > (p.transaction_id, p.sequence) AND (r.organization_id IS NULL"    \
      " OR e.organization_id = r.organization_id)"                          \
      " LIMIT " APR_STRINGIFY(SCIM_RELAY_LAG_MAX) ") e) lag"                \
      " ORDER BY r.name")                                                   \
    X(RELAY_SKIP, 0,                                                        \
      "UPDATE scim.relay r SET history = e.history,"                        \
      " transaction_id = e.transaction_id, sequence = e.sequence,"          \
      " updated_at = now(), refused = NULL, attempts = 0,"                  \
      " skipped = e.sequence, skipped_at = now()"                           \
      " FROM (SELECT e.*, o.key FROM scim.relay r"                          \
      " CROSS JOIN scim.organization o JOIN scim.event e"                   \
      " ON e.organization_id = o.id AND e.sequence = r.refused"             \
      " WHERE r.name = $1) e WHERE r.name = $1 AND r.refused = e.sequence"  \
      " RETURNING e.sequence, e.key, e.kind, e.account_id,"                 \
      " r.last_error")                                                      \
    X(ROLE_COUNTS, 1,                                                       \
      "SELECT a.role, count(*) FROM scim.account a"                         \
      " WHERE a.organization_id = $1::uuid GROUP BY a.role")                \
    X(ACCOUNT_BY_ID, 1,                                                     \
      "SELECT " SCIM_ACCOUNT_COLUMNS " FROM scim.account a"                 \
      " WHERE a.organization_id = $1::uuid AND a.id = $2::uuid")            \
    X(ACCOUNT_BY_USER_NAME, 1,                                              \
      "SELECT " SCIM_ACCOUNT_COLUMNS " FROM scim.account a"                 \
      " WHERE a.organization_id = $1::uuid"                                 \
      " AND a.user_name_key = scim.user_name_key($2)")                      \
    X(ACCOUNT_INSERT, 0,                                                    \
      "WITH created AS (INSERT INTO scim.account AS a (organization_id,"    \
      " user_name, display_name, external_id, preferred_language,"          \
      " timezone, role, active, attributes, managed, sync_eligible,"        \
      " provisioned_at)"                                                    \
      " VALUES ($1::uuid, $2, $3, $4, $5, $6, $7, $8::boolean, $9::jsonb,"  \
      " $10::boolean, $11::boolean,"                                        \
      " CASE WHEN $12::boolean THEN now() END)"                             \
      " ON CONFLICT (organization_id, user_name_key) DO NOTHING"            \
      " RETURNING a.organization_id, " SCIM_ACCOUNT_COLUMNS "),"            \
      SCIM_SQL_EVENTS("created", "$13", "$14", "$15", "$16", "$17", "$18",  \
                      "$19")                                                \
      " SELECT * FROM created")                                             \
    X(ACCOUNT_UPDATE, 0,                                                    \
      "WITH changed AS (UPDATE scim.account a SET user_name = $4,"          \
      " display_name = $5, external_id = $6, preferred_language = $7,"      \
      " timezone = $8, role = $9, active = $10::boolean,"                   \
      " attributes = $11::jsonb, provisioned_at = CASE WHEN $13 = 'token'"  \
      " THEN now() ELSE a.provisioned_at END,"                              \
      " sync_eligible = a.sync_eligible OR $13 <> 'token'"                  \
      " WHERE a.organization_id = $1::uuid AND a.id = $2::uuid"             \
      " AND a.version = $3::bigint"                                         \
      " RETURNING a.organization_id, " SCIM_ACCOUNT_COLUMNS "),"            \
      SCIM_SQL_EVENTS("changed", "$12", "$13", "$14", "$15", "$16", "$17",  \
                      "$18")                                                \
      " SELECT * FROM changed")                                             \
    X(ACCOUNT_DELETE, 0,                                                    \
      "WITH gone AS (DELETE FROM scim.account a"                            \
      " WHERE a.organization_id = $1::uuid AND a.id = $2::uuid"             \
      " AND a.version = $3::bigint"                                         \
      " RETURNING a.organization_id, a.id, a.version),"                     \
      SCIM_SQL_EVENTS("gone", "$4", "$5", "$6", "$7", "$8", "$9", "$10")    \
      " SELECT id FROM gone")                                               \
    X(LIFE, 1, "SELECT " SCIM_SQL_LIFE_OF_SERVER)                           \
    X(FLUSH, 1,                                                             \
      "SELECT " SCIM_SQL_LIFE_OF_SERVER ","                                 \
      " pg_logical_emit_message(true, 'mod_scim', '')")

#define SCIM_STATEMENT_ENUM(id, repeatable, text) SCIM_SQL_##id,
typedef enum {
    SCIM_STATEMENT_MAP(SCIM_STATEMENT_ENUM)
    SCIM_SQL_COUNT
} scim_statement_e;
#undef SCIM_STATEMENT_ENUM

#endif
