-- SPDX-License-Identifier: Apache-2.0
-- Every fixed statement that mod_scim runs, as the role scim (schema.sql).
--
-- A statement begins with "-- name: NAME" and ends with a semicolon.  In C it
-- is SCIM_SQL_NAME; scim_db_run takes it and the values of $1, $2, ..., all of
-- them text.  It is a transaction of its own.
--
-- :repeatable  it may be run again when the connection was lost.  All others
--              are never repeated: when the answer to a write was lost, nobody
--              knows whether it was committed.
--
-- Text that several statements share is a fragment: "-- fragment: f" or
-- "-- fragment: f(a, b)", used as :f or :f(x, y).  x replaces each :a in the
-- fragment, as it is; the last argument may contain commas.  If a fragment is
-- a number, C has it, too, as SCIM_F.
--
-- "-- columns: list" is the fragment :list_columns, and an enum in C, in which
-- the column "AS name" is SCIM_LIST_NAME and their number SCIM_LIST_COLUMNS.
-- Text columns of the table have the name of their attribute beside them: they
-- are :list_texts as names, :list_values($n) as parameters from $n on,
-- :list_arrays($n) as arrays, :list_settings($n) as settings in an UPDATE, which
-- the columns of a row r can be as well, and SCIM_LIST_TEXTS(X) in C.
--
-- A release works with the tables of its own version, named below, and with those
-- of the version before it, so that database and hosts are upgraded in any order
-- (scim_version.h).  What those tables lack is written a second time, right behind
-- the first: "-- fragment: f(a) before 6" or "-- name: NAME before 6", with the
-- same parameters.  A text before must also be right on the new tables, since it is
-- used for up to a second after an upgrade: what is read of a new column is read by
-- to_jsonb(row) ->> 'column'.  "-- name: NAME from 6" is a statement that the old
-- tables cannot serve; it is refused there, with the command that upgrades them.
--
-- A database may be distributed over several servers by Citus (examples/citus).
-- There, a statement that is named in a line "-- on a shard by P:" is a call of the
-- function scim_shard.name, which runs it on the server that has the organization
-- P: a parameter, or key, the organization with the key $1.  By all: they are of
-- several organizations, and schema-citus.sql says how.
--
-- statements.awk makes C of this file and checks.sql, and SQL that psql prepares
-- (to=before: for the tables of the version before):
--
--     awk -v to=psql -f storage/statements.awk storage/statements.sql storage/checks.sql

-- version: 6

-- on a shard by $1: TOKEN_USED TOKEN_INSERT TOKEN_LIST TOKEN_DELETE
-- on a shard by $1: ORGANIZATION_SWITCH ORGANIZATION_PAUSE ORGANIZATION_READ_ONLY
-- on a shard by $1: ORGANIZATION_IS_READ_ONLY GUARD_SET GUARD_OPEN
-- on a shard by $1: ORGANIZATION_CONTENTS DELETE_TOKENS DELETE_DELETED_TOKENS
-- on a shard by $1: DELETE_MEMBERSHIPS DELETE_SUBGROUPS DELETE_GROUPS
-- on a shard by $1: DELETE_ACCOUNTS DELETE_REFUSALS DELETE_REQUESTS
-- on a shard by $1: DELETE_REQUEST_HOURS DELETE_ACCOUNTS_SEEN DELETE_EVENTS
-- on a shard by $1: GUARD_SHOW GUARD_REFUSED IMPORT_ROWS MOVE_LASTING_DIGESTS
-- on a shard by $1: MOVE_DIGESTS REFUSAL_INSERT WARNING_INSERT ACTIVITY
-- on a shard by $1: ACTIVITY_OF_RESOURCES ACTIVITY_OF_KINDS ACTIVITY_OF_ACTORS
-- on a shard by $1: ACTIVITY_OF_GROUPS ACTIVITY_UNDOING ACTIVITY_BETWEEN
-- on a shard by $1: ACTIVITY_SUBJECTS ACTIVITY_ACTORS REQUEST_LIST
-- on a shard by $1: REQUEST_HEALTH MEMBER_LIST MEMBER_LIST_BACK MEMBER_SEARCH
-- on a shard by $1: MEMBER_FIND MEMBER_TOTAL DRIFT_NEVER DRIFT_NOT_SEEN
-- on a shard by $1: DRIFT_DUPLICATES DRIFT_INACTIVE_MEMBERS DRIFT_DOMAINS
-- on a shard by $1: COMPARED_ACCOUNTS COMPARED_LIST MEMBER MEMBER_IS_READ_ONLY
-- on a shard by $1: MEMBER_COUNTS ACCOUNT_MAKE_ELIGIBLE GROUP_LIST GROUP_SEARCH
-- on a shard by $1: GROUP_WITH_ID GROUP_WITH_EXTERNAL_ID GROUP_WITH_NAME
-- on a shard by $1: GROUP_CHILDREN GROUP_PARENTS GROUP_MEMBERS_BY_NAME
-- on a shard by $1: GROUP_MEMBERS_BY_ID MEMBER_GROUPS ROLE_COUNTS
-- on a shard by $1: ACCOUNT_BY_ID ACCOUNT_WITH_GROUPS ACCOUNT_BY_USER_NAME
-- on a shard by $1: ACCOUNT_INSERT ACCOUNT_UPDATE ACCOUNT_DELETE ACCOUNTS_NAMED
-- on a shard by $1: ACCOUNTS_INSERT ACCOUNTS_UPDATE ACCOUNTS_LABELS
-- on a shard by $1: PERSON_EVENTS PERSON_REFUSALS ACCOUNT_FORGET GROUP_BY_ID
-- on a shard by $1: GROUP_CREATE GROUP_CHANGE GROUP_DELETE GROUP_MEMBERS
-- on a shard by $1: UNDO_RESOURCES UNDO_NAMED UNDO_PLAN UNDO_TAKEN
-- on a shard by $1: ACCOUNT_RESTORE GROUP_RESTORE GROUP_UNDO GROUP_UNDO_CREATION
-- on a shard by $2: FEED_POSITION_IN_ORGANIZATION
-- on a shard by $3: FEED_POSITION_BEFORE
-- on a shard by $4: FEED_OF_ORGANIZATION
-- on a shard by all: FEED FEED_POSITION METRIC_GUARDS METRIC_HORIZON METRIC_RELAYS
-- on a shard by all: METRIC_TOKENS ORGANIZATION_INSERT ORGANIZATION_CHANGE
-- on a shard by all: ORGANIZATION_DELETE ORGANIZATION_LIST IMPORT_ORGANIZATION PURGE
-- on a shard by all: PURGE_KEPT REQUESTS_PRUNE REQUESTS_SWEEP REQUESTS_WRITE
-- on a shard by all: REQUEST_HOURS_SWEEP TOKEN_NOTICE
-- on a shard by key: AUTHENTICATE AUTHENTICATE_AHEAD AUTHENTICATE_CREATOR
-- on a shard by key: AUTHENTICATE_CREATOR_AHEAD ORGANIZATION_SHOW TOKEN_REFUSED
-- on a shard by key: ORGANIZATION_BY_KEY
-- on a shard by key: PERSON_BY_USER_NAME PERSON_BY_EXTERNAL_ID
-- on a shard by key: PERSON_BY_USER_NAME_MEANT_GROUPS
-- on a shard by key: PERSON_BY_EXTERNAL_ID_MEANT_GROUPS
-- on a shard by key: PERSON_BY_USER_NAME_ALL_GROUPS
-- on a shard by key: PERSON_BY_EXTERNAL_ID_ALL_GROUPS


-- Times as SCIM answers them, so that C need not know time zones.
-- fragment: timestamp(column)
to_char(:column AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')

-- A text as a uuid, or NULL if it is not one.
-- fragment: uuid(text)
CASE WHEN :text ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
     THEN :text::uuid END

-- The columns that scim_users reads; the first four are those of each store
-- (resources/scim_store.h).
-- columns: account
a.id AS id,
a.version AS version,
:timestamp(a.created_at) AS created,
:timestamp(a.updated_at) AS updated,
a.user_name AS user_name, -- userName
a.display_name AS display_name, -- displayName
a.external_id AS external_id, -- externalId
a.preferred_language AS preferred_language, -- preferredLanguage
a.timezone AS timezone, -- timezone
a.active AS active,
a.managed AS managed,
a.sync_eligible AS sync_eligible,
a.attributes AS attributes,
a.role AS role

-- The same, with the groups of the account.  EXISTS would become a hash of all
-- memberships in a list.
-- columns: account_with_groups
:account_columns,
CASE WHEN (SELECT true FROM scim.membership m
           WHERE m.organization_id = $1::uuid AND m.account_id = a.id
           LIMIT 1)
     THEN scim.groups_json(a.organization_id, a.id) END AS groups

-- commits is NULL or the synchronous_commit of this transaction; behind a
-- pooler, a setting of the session would affect other clients.
-- fragment: commits_are(commits)
(:commits::text IS NULL
 OR set_config('synchronous_commit', :commits, true) IS NOT NULL)

-- Events of the row that the CTE "source" writes, one per kind, in this order.
-- fragment: events(source, kinds, actor_kind, actor, name, changed, data, commits)
INSERT INTO scim.event (organization_id, account_id, kind, actor_kind,
                        actor_id, actor_name, attributes, version, data)
SELECT s.organization_id, s.id, unnest(:kinds::text[]), :actor_kind,
       :actor::uuid, :name, :changed::text[], s.version, :data::jsonb
FROM :source s
WHERE :commits_are(:commits)

-- An event of the organization of the row that the CTE "source" writes.
-- fragment: own_event(source, kind, actor_kind, actor, name, data)
INSERT INTO scim.event (organization_id, kind, actor_kind, actor_id,
                        actor_name, data)
SELECT s.organization_id, :kind, :actor_kind, :actor::uuid, :name, :data
FROM :source s


-- Tokens

-- Whether the accounts of organization o are answered with their groups.
-- fragment: has_groups
o.has_groups
-- fragment: has_groups before 6
coalesce((to_jsonb(o) ->> 'has_groups')::boolean, false)

-- fragment: move_side
o.move_side
-- fragment: move_side before 6
to_jsonb(o) ->> 'move_side'

-- disabled, paused or enabled.
-- fragment: provisioning_state
CASE WHEN NOT o.provisioning_enabled THEN 'disabled'
     WHEN o.provisioning_paused OR :move_side IS NOT NULL THEN 'paused'
     ELSE 'enabled' END
-- fragment: provisioning_state before 6
CASE WHEN NOT o.provisioning_enabled THEN 'disabled'
     WHEN to_jsonb(o) ->> 'provisioning_paused' = 'true'
          OR :move_side IS NOT NULL THEN 'paused'
     ELSE 'enabled' END

-- The principal of a token, and whether its use is to be recorded.
-- fragment: known
o.id, :provisioning_state, array_to_string(o.domains, ' '), t.id, t.name,
encode(o.cursor_key, 'hex'), :has_groups
-- The log of requests records it sooner, and no request waits for that.
-- fragment: is_stale
coalesce(t.last_used_at < now() - interval '2 minutes', true)
-- fragment: principal
:is_stale, :known

-- fragment: token_is_valid
(t.expires_at IS NULL OR t.expires_at > now())

-- valid, ending (soon: everybody who looks after it should know) or expired, and
-- the whole days that are left until a valid token ends.
-- fragment: token_state
CASE WHEN NOT :token_is_valid THEN 'expired'
     WHEN t.expires_at <= now() + interval '30 days' THEN 'ending'
     ELSE 'valid' END
-- fragment: token_days_left
CASE WHEN t.expires_at > now()
     THEN floor(extract(epoch FROM t.expires_at - now()) / 86400)::bigint END

-- fragment: tokens
FROM scim.organization o
JOIN scim.token t ON t.organization_id = o.id
-- fragment: tokens_with_issuers
:tokens
JOIN scim.account a
    ON a.organization_id = t.organization_id AND a.id = t.issuer
-- fragment: the_token
WHERE o.key = $1 AND t.hash = $2::bytea AND :token_is_valid

-- name: AUTHENTICATE :repeatable
SELECT :principal :tokens :the_token;

-- The same with the issuer's language and time zone, which accounts that are
-- created with the token get by default.
-- name: AUTHENTICATE_CREATOR :repeatable
SELECT :principal, a.preferred_language, a.timezone
:tokens_with_issuers :the_token;

-- Ahead of a statement for an expected principal (scim_db_put_ahead): $3 has what
-- is known of it, with a separator behind each value.  For any other it fails, and
-- PostgreSQL runs nothing behind it.  The row says whether the use of the token is
-- to be recorded.
-- fragment: found(tokens, values)
(SELECT :is_stale AS is_stale, concat_ws(chr(31), :values, '') AS known
 :tokens :the_token) f
-- fragment: expected(tokens, values)
SELECT CASE WHEN f.known = $3 THEN f.is_stale ELSE scim.refuse_request() END
FROM (SELECT) one LEFT JOIN :found(:tokens, :values) ON true
-- fragment: expected(tokens, values) before 6
SELECT f.is_stale FROM :found(:tokens, :values) WHERE f.known = $3

-- name: AUTHENTICATE_AHEAD :repeatable
:expected(:tokens, :known);

-- name: AUTHENTICATE_CREATOR_AHEAD :repeatable
:expected(:tokens_with_issuers, :known, coalesce(a.preferred_language, ''),
          coalesce(a.timezone, ''));

-- The tokens u have been used.  This never waits: while another transaction has
-- locked the row of one, its uses are not recorded.
-- fragment: use_tokens(u)
UPDATE scim.token SET last_used_at = now()
WHERE ctid = ANY (ARRAY(
    SELECT free.place
    FROM :u CROSS JOIN LATERAL (
        SELECT t.ctid AS place FROM scim.token t
        WHERE t.organization_id = u.organization_id AND t.id = u.id
          AND coalesce(t.last_used_at < now() - interval '1 minute', true)
        LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED) free))

-- The commit does not wait for the disk or a standby.
-- name: TOKEN_USED :repeatable
WITH quick AS MATERIALIZED (
    SELECT set_config('synchronous_commit', 'off', true) AS commit
)
:use_tokens((SELECT $1::uuid AS organization_id, $2::uuid AS id FROM quick
             WHERE quick.commit = 'off') u);

-- fragment: token_data
jsonb_build_object('id', s.id, 'name', s.name, 'prefix', s.prefix)

-- name: TOKEN_INSERT
WITH made AS (
    INSERT INTO scim.token (organization_id, issuer, name, prefix, hash,
                            expires_at)
    VALUES ($1::uuid, $2::uuid, $3, $4, $5::bytea, $6::timestamptz)
    RETURNING *
),
event AS (:own_event(made, 'urn:mod_scim:event:token:generate', $7, $8, $9,
                     :token_data))
SELECT id, :timestamp(expires_at) FROM made;

-- fragment: listed_tokens(refused_at)
SELECT t.id, t.name, t.prefix, a.user_name, :timestamp(t.created_at),
       :timestamp(t.expires_at), :timestamp(t.last_used_at),
       :token_state AS state, :token_days_left, :timestamp(:refused_at),
       NULL AS deleted_at, t.created_at AS place
FROM scim.token t
JOIN scim.account a
    ON a.organization_id = t.organization_id AND a.id = t.issuer
WHERE t.organization_id = $1::uuid

-- An identity provider that is refused tries again once a day at least.
-- fragment: is_still_used(refused_at)
:refused_at > now() - interval '2 days'

-- Deleted tokens only while somebody uses them.
-- name: TOKEN_LIST :repeatable
SELECT l.* FROM (
    :listed_tokens(CASE WHEN :is_still_used(t.refused_at) THEN t.refused_at END)
    UNION ALL
    SELECT d.id, d.name, d.prefix, NULL, NULL, NULL, NULL, 'deleted', NULL,
           :timestamp(d.refused_at), :timestamp(d.deleted_at), d.deleted_at
    FROM scim.deleted_token d
    WHERE d.organization_id = $1::uuid AND :is_still_used(d.refused_at)) l
ORDER BY l.state = 'deleted', l.place, l.id;

-- name: TOKEN_LIST before 6
SELECT l.* FROM (:listed_tokens(NULL::timestamptz)) l ORDER BY l.place, l.id;

-- A request with the token whose hash is $2 was refused: if the organization with
-- the key $1 had such a token, that it is used is noted, at most once a minute,
-- and the row has its name, what has become of it, and whether Activity has told
-- it within an hour.  Otherwise nothing is written.
-- fragment: refused_now(relation, state)
UPDATE scim.:relation t SET refused_at = now()
FROM scim.organization o
WHERE o.key = $1 AND t.organization_id = o.id AND t.hash = $2::bytea
  AND (t.refused_at IS NULL OR t.refused_at < now() - interval '1 minute')
  AND :state

-- name: TOKEN_REFUSED from 6
WITH expired AS (
    :refused_now(token, t.expires_at <= now())
    RETURNING t.organization_id, t.name, 'expired' AS state
),
deleted AS (
    :refused_now(deleted_token, t.deleted_at > now() - interval '90 days')
    RETURNING t.organization_id, t.name, 'deleted' AS state
)
SELECT u.organization_id, u.name, u.state,
       EXISTS (SELECT FROM scim.refusal r
               WHERE r.organization_id = u.organization_id AND r.status = 401
                 AND r.actor_name = u.name
                 AND r.occurred_at > now() - interval '1 hour')
FROM (SELECT * FROM expired UNION ALL SELECT * FROM deleted) u;

-- The number of days before a token's end of which administrators are told.
-- fragment: token_notice
CASE WHEN t.expires_at <= now() + interval '1 day' THEN 1
     WHEN t.expires_at <= now() + interval '7 days' THEN 7
     WHEN t.expires_at <= now() + interval '30 days' THEN 30 END

-- Each notice is given once, whoever asks: the row of the token is locked, and
-- looked at again when it was.  A token whose end was put off is noticed anew.
-- The row has the number of events.
-- name: TOKEN_NOTICE from 6
WITH old AS (
    DELETE FROM scim.deleted_token
    WHERE deleted_at < now() - interval '90 days'
),
due AS MATERIALIZED (
    SELECT t.organization_id, t.id, t.noticed, :token_notice AS days
    FROM scim.token t JOIN scim.organization o ON o.id = t.organization_id
    WHERE o.provisioning_enabled AND o.move_side IS NULL
      AND t.expires_at > now()
      AND t.noticed IS DISTINCT FROM :token_notice
    LIMIT 1000
    FOR NO KEY UPDATE OF t SKIP LOCKED
),
noted AS (
    UPDATE scim.token t SET noticed = d.days FROM due d
    WHERE t.organization_id = d.organization_id AND t.id = d.id
    RETURNING t.organization_id, t.id, t.name, t.prefix, t.expires_at, d.days,
              coalesce(d.days < d.noticed, d.days IS NOT NULL
                                           AND d.noticed IS NULL) AS is_news
),
news AS (SELECT * FROM noted n WHERE n.is_news),
event AS (:own_event(news, 'urn:mod_scim:event:token:expiring', 'operator',
                     NULL, 'mod_scim',
                     :token_data || jsonb_build_object(
                         'expires', :timestamp(s.expires_at), 'days', s.days)))
SELECT count(*) FROM news;

-- name: TOKEN_DELETE
WITH gone AS (
    DELETE FROM scim.token WHERE organization_id = $1::uuid AND id = $2::uuid
    RETURNING *
),
event AS (:own_event(gone, 'urn:mod_scim:event:token:delete', $3, $4, $5,
                     :token_data))
SELECT name FROM gone;


-- Organizations

-- fragment: organization_columns
o.id, o.key, o.name, o.provisioning_enabled, array_to_string(o.domains, ' '),
:timestamp(o.created_at)

-- Organizations, each with the numbers of its accounts and valid tokens.
-- fragment: counted_organizations(condition)
SELECT :organization_columns,
       (SELECT count(*) FROM scim.account a WHERE a.organization_id = o.id),
       (SELECT count(*) FROM scim.token t
        WHERE t.organization_id = o.id AND :token_is_valid),
       :provisioning_state
FROM scim.organization o
WHERE :condition
ORDER BY o.key

-- name: ORGANIZATION_INSERT
INSERT INTO scim.organization (key, name, domains)
VALUES ($1, $2, lower($3)::text[])
ON CONFLICT (key) DO NOTHING
RETURNING id;

-- name: ORGANIZATION_LIST :repeatable
:counted_organizations(true);

-- name: ORGANIZATION_SHOW :repeatable
:counted_organizations(o.key = $1);

-- name: ORGANIZATION_BY_KEY :repeatable
SELECT :organization_columns FROM scim.organization o WHERE o.key = $1;

-- The row has the kind of the event; there is none if the state is that already.
-- fragment: switch_to(state, actor_kind, actor, name)
WITH old AS (
    SELECT o.* FROM scim.organization o WHERE o.id = $1::uuid FOR NO KEY UPDATE
),
switched AS (
    UPDATE scim.organization n
    SET provisioning_enabled = :state <> 'disabled',
        provisioning_paused = :state = 'paused'
    FROM old o
    WHERE n.id = $1::uuid AND n.id = o.id
      -- Of one that moves, the event is refused.
      AND (:provisioning_state <> :state OR o.move_side IS NOT NULL)
    RETURNING n.*
),
event_of AS (
    SELECT n.id AS organization_id,
        CASE WHEN :state = 'disabled'
             THEN 'urn:mod_scim:event:provisioning:disable'
             WHEN :state = 'paused'
             THEN 'urn:mod_scim:event:provisioning:pause'
             WHEN :provisioning_state = 'paused'
             THEN 'urn:mod_scim:event:provisioning:resume'
             ELSE 'urn:mod_scim:event:provisioning:enable' END AS kind
    FROM switched n JOIN old o ON o.id = n.id
),
event AS (:own_event(event_of, s.kind, :actor_kind, :actor, :name, '{}'::jsonb))
SELECT kind FROM event_of
-- fragment: switch_to(state, actor_kind, actor, name) before 6
WITH switched AS (
    UPDATE scim.organization SET provisioning_enabled = :state <> 'disabled'
    WHERE id = $1::uuid AND provisioning_enabled <> (:state <> 'disabled')
    RETURNING id AS organization_id,
        CASE WHEN :state = 'disabled'
             THEN 'urn:mod_scim:event:provisioning:disable'
             ELSE 'urn:mod_scim:event:provisioning:enable' END AS kind
),
event AS (:own_event(switched, s.kind, :actor_kind, :actor, :name, '{}'::jsonb))
SELECT kind FROM switched

-- $2: enabled or disabled.
-- name: ORGANIZATION_SWITCH
:switch_to($2, $3, $4, $5);

-- name: ORGANIZATION_PAUSE from 6
:switch_to('paused', $2, $3, $4);

-- What events say of the row of an organization.
-- fragment: organization_data(o)
jsonb_build_object('key', :o.key, 'name', :o.name,
                   'domains', to_jsonb(:o.domains))

-- The event of a change of an organization: changed has its id, and what the event
-- says of it before and after.
-- fragment: change_event(kind, actor_kind, actor, name)
INSERT INTO scim.event (organization_id, kind, actor_kind, actor_id,
                        actor_name, attributes, data)
SELECT c.id, :kind, :actor_kind, :actor::uuid, :name,
       ARRAY(SELECT n.name FROM jsonb_object_keys(c.before || c.after) n(name)
             WHERE c.before -> n.name IS DISTINCT FROM c.after -> n.name
             ORDER BY n.name),
       jsonb_build_object('before', c.before, 'after', c.after)
FROM changed c

-- NULL leaves key $2, name $3 and domains $4 as they are.
-- name: ORGANIZATION_CHANGE
WITH old AS (
    SELECT o.* FROM scim.organization o WHERE o.id = $1::uuid FOR UPDATE
),
written AS (
    UPDATE scim.organization o
    SET key = coalesce($2, old.key), name = coalesce($3, old.name),
        domains = coalesce(lower($4)::text[], old.domains)
    FROM old
    WHERE o.id = $1::uuid AND o.id = old.id
      AND (old.key, old.name, old.domains)
          <> (coalesce($2, old.key), coalesce($3, old.name),
              coalesce(lower($4)::text[], old.domains))
    RETURNING o.*
),
changed AS (
    SELECT o.id, :organization_data(old) AS before, :organization_data(o) AS after
    FROM written o JOIN old ON old.id = o.id
),
event AS (
    :change_event('urn:mod_scim:event:organization:change', $5, $6, $7)
)
SELECT id FROM changed;

-- Whether administrators cannot edit provisioned accounts of organization o.
-- fragment: is_read_only(o)
:o.provisioned_read_only
-- fragment: is_read_only(o) before 6
coalesce((to_jsonb(:o) ->> 'provisioned_read_only')::boolean, false)

-- name: ORGANIZATION_IS_READ_ONLY :repeatable
SELECT :is_read_only(o) FROM scim.organization o WHERE o.id = $1::uuid;

-- fragment: read_only_data(o)
:organization_data(:o)
|| jsonb_build_object('provisionedReadOnly', :o.provisioned_read_only)

-- name: ORGANIZATION_READ_ONLY from 6
WITH old AS (
    SELECT o.* FROM scim.organization o WHERE o.id = $1::uuid FOR NO KEY UPDATE
),
written AS (
    UPDATE scim.organization o SET provisioned_read_only = $2::boolean
    FROM old
    WHERE o.id = $1::uuid AND o.id = old.id
      AND old.provisioned_read_only <> $2::boolean
    RETURNING o.*
),
changed AS (
    SELECT o.id, :read_only_data(old) AS before, :read_only_data(o) AS after
    FROM written o JOIN old ON old.id = o.id
),
event AS (
    :change_event('urn:mod_scim:event:organization:change', $3, $4, $5)
)
SELECT id FROM changed;

-- fragment: rows_in(relation)
(SELECT count(*) FROM scim.:relation r WHERE r.organization_id = $1::uuid)

-- name: ORGANIZATION_CONTENTS :repeatable from 6
SELECT :rows_in(account), :rows_in(user_group), :rows_in(token),
       :rows_in(event);

-- An organization is deleted in batches, so that no lock is held for long, and
-- its row last, so that it can be done again after an interruption.
-- fragment: delete_some(relation)
WITH gone AS (
    DELETE FROM scim.:relation r
    WHERE r.ctid = ANY (ARRAY(SELECT b.ctid FROM scim.:relation b
                              WHERE b.organization_id = $1::uuid LIMIT 5000))
    RETURNING true
)
SELECT count(*) FROM gone

-- name: DELETE_TOKENS
:delete_some(token);

-- After the tokens and the accounts, whose deletion makes these.
-- name: DELETE_DELETED_TOKENS from 6
:delete_some(deleted_token);

-- name: DELETE_MEMBERSHIPS from 6
:delete_some(membership);

-- name: DELETE_SUBGROUPS from 6
:delete_some(subgroup);

-- name: DELETE_GROUPS from 6
:delete_some(user_group);

-- name: DELETE_ACCOUNTS
:delete_some(account);

-- name: DELETE_REFUSALS
:delete_some(refusal);

-- name: DELETE_REQUESTS from 6
:delete_some(request);

-- name: DELETE_REQUEST_HOURS from 6
:delete_some(request_hour);

-- name: DELETE_ACCOUNTS_SEEN from 6
:delete_some(account_seen);

-- name: DELETE_EVENTS
:delete_some(event);

-- One session at a time, or the other one's rows would be taken for deleted.
-- name: DELETE_BEGIN
SELECT pg_advisory_lock(hashtextextended('mod_scim deletion ' || $1, 0));

-- The event of it is all that remains, for readers of all organizations.
-- name: ORGANIZATION_DELETE from 6
WITH relays AS (
    DELETE FROM scim.relay WHERE organization_id = $1::uuid
),
guard_counts AS (
    DELETE FROM scim.guard_count WHERE organization_id = $1::uuid
),
guard_trips AS (
    DELETE FROM scim.guard_trip WHERE organization_id = $1::uuid
),
gone AS (
    DELETE FROM scim.organization WHERE id = $1::uuid
    RETURNING *
),
event AS (
    INSERT INTO scim.event (organization_id, kind, actor_kind, actor_id,
                            actor_name, data)
    SELECT g.id, 'urn:mod_scim:event:organization:delete', $2, $3::uuid, $4,
           jsonb_build_object('before', :organization_data(g),
                              'after', '{}'::jsonb)
    FROM gone g
)
SELECT id FROM gone;


-- The guard: how much tokens may take away (schema.sql)

-- Trips that nobody has let through and that have not ended by themselves.
-- fragment: trips(condition)
SELECT * FROM scim.guard_trip t
WHERE :condition AND t.refused_at > now() - interval '1 day'

-- fragment: guard_counted(kind)
scim.guard_counted(o.id, ARRAY[:kind])

-- name: GUARD_SHOW :repeatable from 6
SELECT jsonb_strip_nulls(jsonb_build_object(
    'number', o.guard_number, 'percent', o.guard_percent, 'limit', l.most,
    'activeAccounts', l.active,
    'openUntil', CASE WHEN o.guard_open_until > now()
                      THEN :timestamp(o.guard_open_until) END,
    'counted', jsonb_build_object(
        'deactivations', :guard_counted('deactivate'),
        'deletions', :guard_counted('delete'),
        'downgrades', :guard_counted('guest'),
        'removals', :guard_counted('remove')),
    'trips', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                  'guarded', t.guarded, 'since', :timestamp(t.tripped_at),
                  'lastRefused', :timestamp(t.refused_at),
                  'refused', t.refused, 'limit', t.most,
                  'token', t.actor_name) ORDER BY t.guarded), '[]')
              FROM (:trips(t.organization_id = $1::uuid)) t)))
FROM scim.organization o CROSS JOIN LATERAL scim.guard_limit(o.id) l
WHERE o.id = $1::uuid;

-- fragment: guard_data(o)
jsonb_strip_nulls(jsonb_build_object(
    'guardNumber', :o.guard_number, 'guardPercent', :o.guard_percent,
    'openUntil', CASE WHEN :o.guard_open_until > now()
                      THEN :timestamp(:o.guard_open_until) END))

-- The limit is $2 or $3 percent; both NULL: none.  Who sets it has seen what was
-- refused, and nothing more is let through.
-- name: GUARD_SET from 6
WITH old AS (
    SELECT o.* FROM scim.organization o WHERE o.id = $1::uuid FOR NO KEY UPDATE
),
written AS (
    UPDATE scim.organization o
    SET guard_number = $2::integer, guard_percent = $3::integer,
        guard_open_until = NULL
    FROM old
    WHERE o.id = $1::uuid AND o.id = old.id
      AND ((old.guard_number, old.guard_percent)
               IS DISTINCT FROM ($2::integer, $3::integer)
           OR old.guard_open_until > now())
    RETURNING o.*
),
changed AS (
    SELECT o.id, :guard_data(old) AS before, :guard_data(o) AS after
    FROM written o JOIN old ON old.id = o.id
),
seen AS (
    DELETE FROM scim.guard_trip t USING changed c
    WHERE t.organization_id = $1::uuid AND t.organization_id = c.id
),
event AS (
    :change_event('urn:mod_scim:event:guard:change', $4, $5, $6)
)
SELECT id FROM changed;

-- The kind of its event: 'urn:mod_scim:event:guard:open'.
-- name: GUARD_OPEN from 6
SELECT scim.open_guard($1::uuid, $2, $3::uuid, $4);

-- The kind of its event, if it is the first refusal of a trip:
-- 'urn:mod_scim:event:guard:trip'.
-- name: GUARD_REFUSED from 6
SELECT scim.note_guard_trip($1::uuid, $2, $3::bigint, $4::uuid, $5);


-- Organizations, written to a file and read from one (scimctl_transfer.c)

-- In this transaction, a value has the same text in every database.
-- name: TRANSFER_BEGIN :repeatable
SELECT (SELECT max(version) FROM scim.schema_version),
       to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
       set_config('TimeZone', 'UTC', true),
       set_config('bytea_output', 'hex', true);

-- What the other database makes itself is left out: keys for comparison, the
-- secret of cursors, and how a move is going.
-- fragment: exported_columns(row)
to_jsonb(:row) - ARRAY['organization_id', 'user_name_key', 'display_name_key',
    'cursor_key', 'has_groups', 'move_id', 'move_side']

-- fragment: exported(name, row)
jsonb_build_object(:name, :exported_columns(:row))

-- fragment: exported_rows(name, relation, order)
SELECT :exported(:name, r) FROM scim.:relation r
WHERE r.organization_id = $1::uuid
ORDER BY :order

-- name: EXPORT_ORGANIZATION :repeatable
SELECT :exported('organization', o) FROM scim.organization o
WHERE o.id = $1::uuid;

-- name: EXPORT_ACCOUNTS :repeatable
:exported_rows('account', account, r.id);

-- name: EXPORT_GROUPS :repeatable from 6
:exported_rows('user_group', user_group, r.id);

-- name: EXPORT_MEMBERSHIPS :repeatable from 6
:exported_rows('membership', membership, r.group_id, r.account_id);

-- name: EXPORT_SUBGROUPS :repeatable from 6
:exported_rows('subgroup', subgroup, r.group_id, r.child_id);

-- name: EXPORT_TOKENS :repeatable
:exported_rows('token', token, r.id);

-- name: EXPORT_DELETED_TOKENS :repeatable from 6
:exported_rows('deleted_token', deleted_token, r.id);

-- name: EXPORT_EVENTS :repeatable
:exported_rows('event', event, r.sequence);

-- name: EXPORT_REFUSALS :repeatable
:exported_rows('refusal', refusal, r.sequence);

-- name: EXPORT_ACCOUNTS_SEEN :repeatable from 6
:exported_rows('account_seen', account_seen, r.account_id);

-- The event of a deletion of this organization here goes: the organization is
-- back.  $2: another key.  $3: the move that brings it; nobody writes to it before
-- that is finished.
-- name: IMPORT_ORGANIZATION from 6
WITH given AS (
    SELECT r.* FROM jsonb_populate_record(NULL::scim.organization,
                                          $1::jsonb -> 'organization') r
),
gone AS (
    DELETE FROM scim.event e USING given g WHERE e.organization_id = g.id
)
INSERT INTO scim.organization (id, key, name, provisioning_enabled,
                               provisioning_paused, provisioned_read_only,
                               domains, created_at, guard_number,
                               guard_percent, guard_open_until, move_id,
                               move_side)
SELECT g.id, coalesce($2, g.key), g.name, g.provisioning_enabled,
       coalesce(g.provisioning_paused, false),
       coalesce(g.provisioned_read_only, false), g.domains, g.created_at,
       g.guard_number, g.guard_percent, g.guard_open_until, $3::uuid,
       CASE WHEN $3::uuid IS NOT NULL THEN 'arriving' END
FROM given g
WHERE g.created_at BETWEEN '0001-01-01Z' AND '9999-12-31Z'
  AND (g.guard_open_until BETWEEN '0001-01-01Z' AND '9999-12-31Z') IS NOT FALSE
RETURNING id, key;

-- name: IMPORT_ROWS from 6
SELECT scim.import_rows($1::uuid, $2, $3::jsonb);

-- Later events have higher numbers than those that were imported.  Others may
-- draw numbers between the look at the last one and setval: hence the gap.
-- name: IMPORT_END
WITH last AS (
    SELECT greatest((SELECT max(e.sequence) FROM scim.event e
                     WHERE e.organization_id = $1::uuid),
                    (SELECT max(r.sequence) FROM scim.refusal r
                     WHERE r.organization_id = $1::uuid)) AS sequence
),
raised AS MATERIALIZED (
    SELECT setval('scim.event_sequence_seq', l.sequence + 1000000)
    FROM last l, scim.event_sequence_seq q
    WHERE l.sequence >= q.last_value
)
INSERT INTO scim.event (organization_id, kind, actor_kind, actor_id,
                        actor_name)
SELECT $1::uuid, 'urn:mod_scim:event:organization:import', $2, $3::uuid, $4
FROM (SELECT count(*) FROM raised) r;


-- Organizations that move to another database (scimctl_move.c)
--
-- move_side of an organization is 'leaving' here and 'arriving' there, until it is
-- 'left' here and, after that, NULL there; then move_id is NULL here.  Nobody but the
-- move writes to it on either side meanwhile (scim.event_before_insert).

-- fragment: move_lock
hashtextextended('mod_scim move ' || $1, 0)

-- One session at a time.
-- name: MOVE_TRY_LOCK
SELECT pg_try_advisory_lock(:move_lock);

-- name: MOVE_LOCK
SELECT pg_advisory_lock(:move_lock);

-- Which database this is, and whether it takes changes, and those of this role.
-- name: MOVE_DATABASE :repeatable
SELECT concat_ws(' ', current_database(), :life_of_server),
       current_setting('transaction_read_only') = 'on',
       has_table_privilege('scim.organization', 'INSERT')
       AND has_table_privilege('scim.organization', 'DELETE')
       AND has_table_privilege('scim.organization', 'UPDATE')
       AND has_table_privilege('scim.event', 'DELETE'),
       current_user;

-- The organization with the id $1, and that with the key $2.
-- name: MOVE_STATE :repeatable from 6
SELECT o.id, o.key, o.move_side, o.move_id FROM scim.organization o
WHERE o.id = $1::uuid OR o.key = $2
ORDER BY o.id = $1::uuid DESC;

-- fragment: move_event(step, actor_kind, actor, name)
:own_event(changed, 'urn:mod_scim:event:organization:move', :actor_kind, :actor,
           :name, jsonb_build_object('step', :step))

-- The trigger organization_revocation waits until writes that are under way have
-- ended: whoever reads after this reads all there is.
-- name: MOVE_BEGIN from 6
WITH changed AS (
    UPDATE scim.organization o
    SET move_id = gen_random_uuid(), move_side = 'leaving'
    WHERE o.id = $1::uuid AND o.move_side IS NULL
    RETURNING o.id AS organization_id, o.move_id
),
event AS (:move_event('begin', $2, $3, $4))
SELECT move_id FROM changed;

-- Before a copy is made again: one that another database may have is left over.
-- name: MOVE_RENEW from 6
UPDATE scim.organization o SET move_id = gen_random_uuid()
WHERE o.id = $1::uuid AND o.move_side = 'leaving'
RETURNING o.move_id;

-- name: MOVE_CANCEL from 6
WITH changed AS (
    UPDATE scim.organization o SET move_id = NULL, move_side = NULL
    WHERE o.id = $1::uuid AND o.move_side = 'leaving'
    RETURNING o.id AS organization_id
),
event AS (:move_event('cancel', $2, $3, $4))
SELECT organization_id FROM changed;

-- Here it never takes writes again.  There is no event: readers of the feed go on
-- there after the last one that both have.
-- name: MOVE_LEAVE from 6
UPDATE scim.organization o SET move_side = 'left'
WHERE o.id = $1::uuid AND o.move_id = $2::uuid AND o.move_side = 'leaving'
RETURNING o.id;

-- name: MOVE_ARRIVE from 6
WITH changed AS (
    UPDATE scim.organization o SET move_side = NULL
    WHERE o.id = $1::uuid AND o.move_id = $2::uuid AND o.move_side = 'arriving'
    RETURNING o.id AS organization_id
),
event AS (:move_event('finish', $3, $4, $5))
SELECT organization_id FROM changed;

-- It takes writes there: what is left here can be deleted.
-- name: MOVE_DONE from 6
UPDATE scim.organization o SET move_id = NULL
WHERE o.id = $1::uuid AND o.move_id = $2::uuid AND o.move_side = 'left'
RETURNING o.id;

-- A copy that is about to be deleted belongs to no move any more.
-- name: MOVE_ABANDON from 6
UPDATE scim.organization o SET move_id = NULL
WHERE o.id = $1::uuid AND o.move_side = 'arriving'
RETURNING o.id;

-- How many rows there are, and a digest of what must be the same in both databases:
-- the order of rows does not matter.  place: in the answer, since large tables are
-- read in parallel.
-- fragment: digest_of(place, name, relation, row)
SELECT :name, count(*),
       coalesce(sum(hashtextextended((:row)::text, 0)), 0), :place
FROM scim.:relation r WHERE r.organization_id = $1::uuid

-- Nobody can have changed these while the organization moves, but by SQL.  Uses of
-- a token are noted all the same.
-- fragment: lasting_digests
:digest_of(1, 'accounts', account, :exported_columns(r))
UNION ALL
:digest_of(2, 'groups', user_group, :exported_columns(r))
UNION ALL
:digest_of(3, 'members', membership, :exported_columns(r))
UNION ALL
:digest_of(4, 'subgroups', subgroup, :exported_columns(r))
UNION ALL
:digest_of(5, 'tokens', token, :exported_columns(r) - ARRAY['last_used_at',
    'noticed', 'refused_at'])

-- name: MOVE_LASTING_DIGESTS :repeatable from 6
:lasting_digests
ORDER BY 4;

-- Of transactions and histories of events, what scim.past_events keeps.
-- name: MOVE_DIGESTS :repeatable from 6
:lasting_digests
UNION ALL
:digest_of(6, 'events', event, :exported_columns(r) - ARRAY['transaction_id',
    'restored_transaction_id', 'history'] || jsonb_build_object('order',
    coalesce(r.restored_transaction_id, r.transaction_id)::text))
UNION ALL
:digest_of(7, 'refusals', refusal, :exported_columns(r))
UNION ALL
:digest_of(8, 'deletedTokens', deleted_token, :exported_columns(r))
UNION ALL
:digest_of(9, 'accountsSeen', account_seen, :exported_columns(r))
ORDER BY 4;


-- Activity: changes and refusals

-- Before version 6, all events and refusals were of accounts or organizations.
-- fragment: new_columns(row)
to_jsonb(:row) ->> 'resource_type' AS resource_type,
(to_jsonb(:row) ->> 'resource_id')::uuid AS resource_id

-- fragment: event_rows
scim.event
-- fragment: event_rows before 6
(SELECT v.organization_id, v.sequence, v.transaction_id, v.account_id, v.kind,
        v.actor_kind, v.actor_id, v.actor_name, v.attributes, v.version,
        v.occurred_at, v.data, :new_columns(v),
        coalesce((to_jsonb(v) ->> 'history')::bigint, 0) AS history
 FROM scim.event v)

-- fragment: refusal_rows
scim.refusal
-- fragment: refusal_rows before 6
(SELECT v.organization_id, v.sequence, v.account_id, v.user_name, v.actor_name,
        v.method, v.path, v.status, v.scim_type, v.detail, v.occurred_at,
        :new_columns(v), to_jsonb(v) ->> 'display_name' AS display_name
 FROM scim.refusal v)

-- The resource of a refusal: the one with the id $3, of type $2.
-- fragment: refused_columns
resource_type, account_id, resource_id
-- fragment: refused_columns before 6
account_id

-- fragment: refused_account
CASE WHEN $2 = 'User' THEN $3::uuid END

-- fragment: refused_values
$2, :refused_account, CASE WHEN $2 <> 'User' THEN $3::uuid END
-- fragment: refused_values before 6
:refused_account

-- fragment: refusal_is_old
occurred_at < now() - interval '30 days'

-- Deletes refusals before the last 30 days: the first ones, if they are, and now and
-- then all, with those that more than the last $11 of which push out.  To look for
-- these reads all that are kept, which is too much for each.
-- fragment: old_refusals(which)
DELETE FROM scim.refusal
WHERE organization_id = $1::uuid
  AND sequence = ANY (ARRAY(
      SELECT f.sequence
      FROM (SELECT * FROM scim.refusal WHERE organization_id = $1::uuid
            ORDER BY sequence LIMIT 20) f
      WHERE f.:refusal_is_old
      UNION ALL
      SELECT sequence FROM scim.refusal
      WHERE (SELECT random() < 1.0 / 32)
        AND organization_id = $1::uuid AND :which
        AND (:refusal_is_old
             OR sequence <= (SELECT sequence FROM scim.refusal
                             WHERE organization_id = $1::uuid AND :which
                             ORDER BY sequence DESC
                             OFFSET $11::bigint - 1 LIMIT 1))))

-- A row of scim.refusal is a refusal, or a warning of a request that succeeded.
-- fragment: is_refusal
status >= 400
-- fragment: is_warning
status < 400

-- The userName $4 and the name $12 that were sent.  The old tables have no place
-- for the name, but have to take it.
-- fragment: sent_columns
user_name, display_name
-- fragment: sent_columns before 6
user_name

-- fragment: sent_values
$4, $12
-- fragment: sent_values before 6
coalesce($4, nullif($12::text, $12))

-- The last $11 refusals of 30 days are kept, and a few more.  A GET that is refused
-- again and again is recorded once an hour.
-- name: REFUSAL_INSERT
WITH old AS (:old_refusals(:is_refusal))
INSERT INTO scim.refusal (organization_id, :refused_columns, :sent_columns,
                          actor_name, method, path, status, scim_type, detail)
SELECT $1::uuid, :refused_values, :sent_values, $5, $6, $7, $8::smallint, $9,
       $10
WHERE $6 <> 'GET'
   OR NOT EXISTS (SELECT FROM (SELECT * FROM scim.refusal
                               WHERE organization_id = $1::uuid
                               ORDER BY sequence DESC LIMIT 1) l
                  WHERE l.method = 'GET' AND l.path = $7
                    AND l.status = $8::smallint AND l.detail = $10
                    AND l.occurred_at > now() - interval '1 hour');

-- fragment: no_resource
'00000000-0000-0000-0000-000000000000'::uuid

-- The resource of the warning w, and that of the request.
-- fragment: warned_resource
coalesce(w.resource_id, w.account_id, :no_resource)
-- fragment: warned_resource before 6
coalesce(w.account_id, :no_resource)

-- fragment: this_resource
$3::uuid
-- fragment: this_resource before 6
:refused_account

-- A warning of a resource, or of none, is recorded once a day: the index
-- refusal_warned finds the last one.
-- name: WARNING_INSERT
WITH fresh AS MATERIALIZED (
    SELECT true AS is_one
    WHERE NOT EXISTS (
        SELECT FROM scim.refusal w
        WHERE w.organization_id = $1::uuid AND w.:is_warning
          AND w.detail = $10
          AND :warned_resource = coalesce(:this_resource, :no_resource)
          AND w.occurred_at > now() - interval '1 day')
),
old AS (:old_refusals(:is_warning) AND EXISTS (SELECT FROM fresh))
INSERT INTO scim.refusal (organization_id, :refused_columns, :sent_columns,
                          actor_name, method, path, status, scim_type, detail)
SELECT $1::uuid, :refused_values, :sent_values, $5, $6, $7, $8::smallint, $9,
       $10
FROM fresh;

-- The type of the resource of an event or refusal e.
-- fragment: resource_type(e)
scim.resource_type(:e.resource_type, :e.account_id)
-- fragment: resource_type(e) before 6
coalesce(:e.resource_type, CASE WHEN :e.account_id IS NOT NULL THEN 'User' END)

-- The resource of an event or refusal e.
-- fragment: resource_members(e)
'resourceType', :resource_type(:e),
'resourceId', coalesce(:e.resource_id, :e.account_id),
'accountId', :e.account_id

-- Its group g, if it is about one that is still there.
-- fragment: group_of(e)
LEFT JOIN scim.user_group g
    ON :e.resource_type = 'Group' AND g.organization_id = :e.organization_id
       AND g.id = :e.resource_id
-- fragment: group_of(e) before 6
:no_group

-- fragment: no_group
LEFT JOIN (SELECT NULL AS display_name, NULL AS external_id) g ON false

-- The members of an event e, with its account a or group g, as JSON.
-- fragment: event_members(data)
'at', :timestamp(e.occurred_at), 'kind', e.kind, 'actorKind', e.actor_kind,
'actor', e.actor_name, :resource_members(e), 'userName',
coalesce(a.user_name, e.data #>> '{after,userName}',
         e.data #>> '{before,userName}'),
'displayName',
CASE WHEN e.resource_type = 'Group'
     THEN coalesce(g.display_name, e.data #>> '{after,displayName}',
                   e.data #>> '{before,displayName}') END,
'attributes', e.attributes, 'data', :data

-- The part "added" or "removed" of the data of an event e of a group: how many
-- members, and the names of the first five.
-- fragment: some_members(part)
jsonb_build_object(
    'count', coalesce(jsonb_array_length(e.data -> :part), 0),
    'names', ARRAY(
        SELECT coalesce(p.display_name, p.user_name, c.display_name, m.id)
        FROM jsonb_array_elements_text(jsonb_path_query_array(
                 e.data -> :part, '$[0 to 4]')) m(id)
        LEFT JOIN scim.account p
            ON p.organization_id = $1::uuid AND p.id = m.id::uuid
        LEFT JOIN scim.user_group c
            ON c.organization_id = $1::uuid AND c.id = m.id::uuid))

-- The data of an event e for the activity: of a group, at most a thousand
-- members are in it, and of what it undoes, and the groups that something was in
-- when it was deleted, there may be as many.
-- fragment: shown_data
CASE WHEN e.data ? 'undoes'
     THEN e.data || jsonb_build_object('undoes',
                        jsonb_array_length(e.data -> 'undoes'))
     ELSE e.data END - 'groups'
|| CASE WHEN e.resource_type = 'Group'
        THEN jsonb_build_object('added', :some_members('added'),
                                'removed', :some_members('removed'))
        ELSE '{}' END
-- fragment: shown_data before 6
e.data - 'groups'

-- The account and the group of an entry e of organization $1.  Behind a LIMIT, they
-- are looked up, whatever number of entries the planner expects.
-- fragment: account_of(e)
LEFT JOIN LATERAL (SELECT * FROM scim.account b
                   WHERE b.organization_id = $1::uuid AND b.id = :e.account_id
                   LIMIT 1) a ON true
-- fragment: subject_of(e)
:account_of(:e)
LEFT JOIN LATERAL (SELECT * FROM scim.user_group h
                   WHERE :e.resource_type = 'Group'
                     AND h.organization_id = $1::uuid
                     AND h.id = :e.resource_id
                   LIMIT 1) g ON true
-- fragment: subject_of(e) before 6
:account_of(:e)
:no_group

-- Activity has no index for each combination of filters.  It walks: an index
-- gives some ranges of events, each in the order of sequence, and the other
-- filters are applied to the rows of it.  A walk ends after $11 rows of a range,
-- however few of them are wanted; then the answer says how far it came, and the
-- next one goes on there.  So no combination takes long, whatever there is.
--
-- All statements have the same parameters: the organization $1; the sequences
-- from $2 to below $3; the number of entries $4; the times from $5 to before $6;
-- kinds $7 and names of actors $8; accounts $9 and groups $10; $11, see above;
-- the type of the resource $12; of refusals, the statuses from $13 to $14; if $9
-- is given, the comparison keys of userNames $15, and words $16 of a userName or
-- a name, that a refusal may have.  NULL: any.

-- fragment: in_sequence(e)
:e.organization_id = $1::uuid AND :e.sequence >= coalesce($2::bigint, 0)
AND :e.sequence < coalesce($3::bigint, 9223372036854775807)

-- fragment: in_time(e)
:e.occurred_at >= coalesce($5::timestamptz, '-infinity')
AND :e.occurred_at < coalesce($6::timestamptz, 'infinity')
AND ($8::text[] IS NULL OR :e.actor_name = ANY ($8))
AND ($12::text IS NULL OR :e.resource_type = $12)

-- Names of what is no account, which no index has, as they are looked for: with or
-- without the blank of a Japanese name, and with any apostrophe or none.
-- fragment: bare(text)
translate(scim.user_name_key(:text), ' ''' || chr(8217), '')

-- fragment: has_part(part, text)
strpos(:bare(:text), nullif((SELECT :bare(:part)), '')) > 0

-- Whether each word of $16 is a part of the names that were sent, which may have
-- the family name first or last.
-- fragment: has_sent(r)
NOT EXISTS (
    SELECT FROM unnest((SELECT string_to_array(scim.user_name_key($16::text),
                                               ' '))) w(word)
    WHERE strpos(:bare(concat_ws(' ', :r.user_name, :r.display_name)),
                 :bare(w.word)) = 0)
AND btrim($16::text) <> ''

-- fragment: wanted_refusals
FROM :refusal_rows r
WHERE :in_sequence(r) AND :in_time(r)
  AND r.status BETWEEN $13::smallint AND $14::smallint
  AND ($9::uuid[] IS NULL OR r.account_id = ANY ($9)
       OR r.resource_id = ANY ($10::uuid[])
       OR scim.user_name_key(r.user_name) = ANY ($15::text[])
       OR :has_sent(r))

-- The events of a range, the latest first: of each range of "ranges" those that
-- are wanted, and where the walk has ended if it did not come to the end.
-- fragment: walk(ranges, condition, order)
SELECT f.found,
       CASE WHEN coalesce(cardinality(f.found), 0) < $4::bigint
            THEN (SELECT e.sequence FROM :event_rows e
                  WHERE :in_sequence(e) AND :condition
                  ORDER BY :order OFFSET $11::bigint - 1 LIMIT 1) END AS ended
FROM :ranges
CROSS JOIN LATERAL (
    SELECT array_agg(m.sequence) AS found
    FROM (SELECT e.sequence
          FROM (SELECT * FROM :event_rows e
                WHERE :in_sequence(e) AND :condition
                ORDER BY :order LIMIT $11::bigint) e
          WHERE :in_time(e) AND ($7::text[] IS NULL OR e.kind = ANY ($7))
          LIMIT $4::bigint) m) f

-- The entries of the walks: sequence, JSON; and in the last row, if there is more
-- behind it, the sequence and the time that they came to.
-- fragment: activity(walks)
WITH walked AS MATERIALIZED (:walks),
came_to(sequence) AS (SELECT max(w.ended) FROM walked w),
events AS (
    SELECT u.sequence
    FROM walked w CROSS JOIN LATERAL unnest(w.found) u(sequence)
    CROSS JOIN came_to t
    WHERE u.sequence >= coalesce(t.sequence, 0)
    ORDER BY u.sequence DESC LIMIT $4::bigint
),
refusals AS (
    SELECT r.sequence
    FROM (SELECT r.sequence :wanted_refusals) r CROSS JOIN came_to t
    WHERE r.sequence >= coalesce(t.sequence, 0)
    ORDER BY r.sequence DESC LIMIT $4::bigint
)
SELECT e.sequence,
       jsonb_build_object('sequence', e.sequence::text, 'outcome', 'changed',
                          :event_members(:shown_data)) AS entry,
       NULL AS came_to
FROM events i
CROSS JOIN LATERAL (SELECT * FROM :event_rows v
                    WHERE v.organization_id = $1::uuid
                      AND v.sequence = i.sequence LIMIT 1) e
:subject_of(e)
UNION ALL
SELECT r.sequence,
       jsonb_build_object('sequence', r.sequence::text,
                          'at', :timestamp(r.occurred_at),
                          'outcome', CASE WHEN r.:is_warning THEN 'warning'
                                          ELSE 'refused' END,
                          'actorKind', 'token',
                          'actor', r.actor_name, :resource_members(r),
                          'userName', coalesce(a.user_name, r.user_name),
                          'displayName',
                          coalesce(g.display_name, r.display_name),
                          'method', r.method, 'path', r.path,
                          'status', r.status, 'scimType', r.scim_type,
                          'detail', r.detail), NULL
FROM refusals i
CROSS JOIN LATERAL (SELECT * FROM :refusal_rows v
                    WHERE v.organization_id = $1::uuid
                      AND v.sequence = i.sequence LIMIT 1) r
:subject_of(r)
UNION ALL
SELECT t.sequence, NULL,
       (SELECT :timestamp(e.occurred_at) FROM scim.event e
        WHERE e.organization_id = $1::uuid AND e.sequence = t.sequence)
FROM came_to t WHERE t.sequence IS NOT NULL
ORDER BY 1 DESC, 3 NULLS FIRST

-- The walk through all events.  A prepared statement has its name from its text,
-- so each statement calls the row otherwise.
-- fragment: whole_walk(row)
:walk((VALUES (1)) r(:row), true, e.sequence DESC)

-- name: ACTIVITY :repeatable
:activity(:whole_walk(id));

-- With BETWEEN and this order, no index but the one that is meant fits.
-- name: ACTIVITY_OF_RESOURCES :repeatable
:activity(:walk(unnest($9::uuid[]) r(id), e.account_id BETWEEN r.id AND r.id,
                e.account_id DESC, e.sequence DESC)
          UNION ALL
          :walk(unnest($10::uuid[]) r(id), e.resource_id BETWEEN r.id AND r.id
                                           AND e.resource_id IS NOT NULL,
                e.resource_id DESC, e.sequence DESC));
-- name: ACTIVITY_OF_RESOURCES before 6
:activity(:walk(unnest($9::uuid[]) r(id), e.account_id BETWEEN r.id AND r.id,
                e.account_id DESC, e.sequence DESC));

-- name: ACTIVITY_OF_KINDS :repeatable
:activity(:walk(unnest($7::text[]) r(kind),
                e.kind COLLATE "C" BETWEEN r.kind AND r.kind AND :kind_is_rare,
                e.kind COLLATE "C" DESC, e.sequence DESC));
-- name: ACTIVITY_OF_KINDS before 6
:activity(:whole_walk(kind));

-- The kinds that the index event_kind has: the others are most of all events.
-- fragment: kind_is_rare
e.kind <> 'urn:ietf:params:scim:event:prov:patch:full'
AND e.kind <> 'urn:ietf:params:scim:event:prov:put:full'

-- name: ACTIVITY_OF_ACTORS :repeatable
:activity(:walk(unnest($8::text[]) r(name),
                e.actor_name COLLATE "C" BETWEEN r.name AND r.name,
                e.actor_name COLLATE "C" DESC, e.sequence DESC));
-- name: ACTIVITY_OF_ACTORS before 6
:activity(:whole_walk(name));

-- name: ACTIVITY_OF_GROUPS :repeatable
:activity(:walk((VALUES (1)) r(id), e.resource_type = 'Group',
                e.sequence DESC));
-- name: ACTIVITY_OF_GROUPS before 6
:activity(:whole_walk(resource));

-- What undoes something among the events of the accounts and groups $2 after the
-- sequences $3, the latest first, at most $4.
-- name: ACTIVITY_UNDOING :repeatable
SELECT u.sequence, u.actor_name, :timestamp(u.occurred_at), u.data -> 'undoes'
FROM unnest($2::uuid[], $3::bigint[]) r(id, sequence)
CROSS JOIN LATERAL (
    SELECT e.* FROM scim.event e
    WHERE e.organization_id = $1::uuid AND e.data ? 'undoes'
      AND coalesce(e.resource_id, e.account_id) = r.id
      AND e.sequence > r.sequence
    ORDER BY e.sequence DESC LIMIT $4::bigint) u
ORDER BY u.sequence DESC LIMIT $4::bigint;

-- Nothing can be undone in those tables.
-- name: ACTIVITY_UNDOING before 6
SELECT NULL, NULL, NULL, NULL
WHERE ($1::uuid, $2::uuid[], $3::bigint[], $4::bigint) IS NULL;

-- The sequences that the times from $2 to before $3 can have: from, below.  They
-- are searched by halves, as the events of an organization are in the order of
-- time but for what a transaction writes long after its beginning: hence ten
-- minutes at either end.  Refusals are between events.
-- name: ACTIVITY_BETWEEN :repeatable
WITH RECURSIVE search(bound, at, low, high) AS (
    SELECT w.bound, w.at, 0::bigint,
           (SELECT e.sequence + 1 FROM scim.event e
            WHERE e.organization_id = $1::uuid
            ORDER BY e.sequence DESC LIMIT 1)
    FROM (VALUES (1, $2::timestamptz - interval '10 minutes'),
                 (2, $3::timestamptz + interval '10 minutes')) w(bound, at)
    WHERE w.at IS NOT NULL
    UNION ALL
    SELECT s.bound, s.at, coalesce(m.sequence + 1, s.low),
           CASE WHEN m.sequence IS NULL THEN h.half ELSE s.high END
    FROM search s
    CROSS JOIN LATERAL (SELECT s.low + (s.high - s.low) / 2) h(half)
    LEFT JOIN LATERAL (
        SELECT * FROM (SELECT e.sequence, e.occurred_at FROM scim.event e
                       WHERE e.organization_id = $1::uuid
                         AND e.sequence >= h.half AND e.sequence < s.high
                       ORDER BY e.sequence LIMIT 1) first
        WHERE first.occurred_at < s.at) m ON true
    WHERE s.low < s.high
),
ends(bound, sequence) AS (
    SELECT s.bound, s.low FROM search s WHERE s.low >= s.high
)
SELECT (SELECT e.sequence FROM ends e WHERE e.bound = 1),
       (SELECT e.sequence FROM scim.event e
        WHERE e.organization_id = $1::uuid
          AND e.sequence >= (SELECT n.sequence FROM ends n WHERE n.bound = 2)
        ORDER BY e.sequence LIMIT 1);

-- The events that deleted an account; the index event_deleted has them by its
-- userName.
-- fragment: deletions
scim.event d
WHERE d.organization_id = $1::uuid
  AND d.kind = 'urn:ietf:params:scim:event:prov:delete'

-- fragment: deleted_name
scim.user_name_key(d.data #>> '{before,userName}')

-- At most as many accounts, and groups, of each way to find them.
-- fragment: some
LIMIT 21

-- Accounts whose column begins with key.
-- fragment: accounts_with(column, key)
(SELECT n.id FROM scim.account n
 WHERE n.organization_id = $1::uuid AND :column >= :key
   AND :column < :key || chr(1114111)
 ORDER BY :column :some)

-- Accounts that have this attribute, whatever its case.
-- fragment: accounts_having(attribute)
(SELECT n.id FROM scim.account n
 WHERE n.organization_id = $1::uuid
   AND scim.fold_json(n.attributes) @> scim.fold_json(:attribute) :some)

-- How many of the accounts that a search finds are sorted for a page.
-- fragment: enough_members
5000

-- Accounts that $2 is a part of.
-- fragment: searched_accounts
SELECT f.id
FROM scim.find_members($1::uuid, NULL, NULL, NULL, $2, 'userName', false, NULL,
                       NULL, 21, :enough_members) f
-- fragment: searched_accounts before 6
:accounts_with(n.user_name_key, scim.user_name_key($2))
UNION
:accounts_with((scim.fold(n.display_name) COLLATE "C"), scim.fold($2))
UNION
:accounts_having(jsonb_build_object('name', jsonb_build_object(
    'familyName', $2::text)))

-- Of deleted accounts, the latest 2000.
-- fragment: deleted_accounts
(SELECT d.account_id
 FROM (SELECT * FROM scim.event e
       WHERE e.organization_id = $1::uuid AND :kind_is_rare
         AND e.kind COLLATE "C"
             BETWEEN 'urn:ietf:params:scim:event:prov:delete'
                 AND 'urn:ietf:params:scim:event:prov:delete'
         AND e.resource_type IS NULL
       ORDER BY e.kind COLLATE "C" DESC, e.sequence DESC LIMIT 2000) d
 WHERE :has_part($2, concat_ws(' ', d.data #>> '{before,userName}',
                               d.data #>> '{before,displayName}',
                               d.data #>> '{before,emails}')) :some)
-- fragment: deleted_accounts before 6
(SELECT NULL::uuid WHERE false)

-- Accounts that had another name, with it: of changes of a name, the latest 2000.
-- fragment: renamed_accounts
(SELECT n.account_id,
        CASE WHEN :has_part($2, n.display_name) THEN n.display_name
             ELSE coalesce(n.user_name, n.display_name) END
 FROM (SELECT e.account_id, e.data #>> '{before,userName}' AS user_name,
              e.data #>> '{before,displayName}' AS display_name
       FROM scim.event e
       WHERE e.organization_id = $1::uuid AND e.resource_type IS NULL
         AND e.kind <> 'urn:ietf:params:scim:event:prov:delete'
         AND e.data -> 'before' ?| ARRAY['userName', 'displayName']
       ORDER BY e.sequence DESC LIMIT 2000) n
 WHERE :has_part($2, concat_ws(' ', n.user_name, n.display_name)) :some)
-- fragment: renamed_accounts before 6
(SELECT NULL::uuid, NULL::text WHERE false)

-- Of groups, the first 5000.
-- fragment: searched_groups
(SELECT g.id
 FROM (SELECT n.id, n.display_name_key FROM scim.user_group n
       WHERE n.organization_id = $1::uuid
       ORDER BY n.display_name_key LIMIT 5000) g
 WHERE strpos(g.display_name_key, scim.fold($2)) > 0 :some)
-- fragment: searched_groups before 6
(SELECT NULL::uuid WHERE false)

-- fragment: named_groups
SELECT n.id FROM scim.user_group n
WHERE n.organization_id = $1::uuid AND n.display_name_key = scim.fold($2)
-- fragment: named_groups before 6
SELECT NULL::uuid AS id WHERE false

-- The group named.id, if that is one.
-- fragment: named_group
SELECT n.display_name FROM scim.user_group n
WHERE n.organization_id = $1::uuid AND n.id = named.id
-- fragment: named_group before 6
SELECT NULL AS display_name WHERE false

-- The accounts whose id or userName is $2, including deleted ones.
-- fragment: named_accounts
SELECT n.id FROM scim.account n
WHERE n.organization_id = $1::uuid
  AND n.user_name_key = scim.user_name_key($2)
UNION
SELECT d.account_id FROM :deletions
  AND :deleted_name = scim.user_name_key($2)
UNION
SELECT :uuid($2)

-- The accounts and groups that $2 means, also deleted ones: type, id, userName or
-- displayName, of accounts the displayName and the key of the userName, whether $2
-- is a whole name, and the old name of an account that has another one now.  They
-- are those whose id, userName, e-mail address or displayName (of a group) it is;
-- if there is none, those that it is a part of, or was.
-- name: ACTIVITY_SUBJECTS :repeatable
WITH whole(type, id) AS (
    SELECT 'Group' AS type, :uuid($2) AS id WHERE :uuid($2) IS NOT NULL
    UNION
    SELECT 'User', n.id FROM (:named_accounts) n WHERE n.id IS NOT NULL
    UNION
    SELECT 'User', m.id
    FROM :accounts_having(jsonb_build_object('emails', jsonb_build_array(
             jsonb_build_object('value', $2::text)))) m
    UNION
    SELECT 'Group', n.id FROM (:named_groups) n
),
part(type, id, formerly) AS (
    SELECT 'User' AS type, n.id, NULL AS formerly FROM (:searched_accounts) n
    UNION
    SELECT 'User', n.account_id, NULL FROM :deleted_accounts n(account_id)
    UNION
    SELECT 'Group', n.id, NULL FROM :searched_groups n(id)
    UNION
    SELECT 'User', n.id, n.name FROM :renamed_accounts n(id, name)
),
named AS (
    SELECT w.type, w.id, true AS is_whole, NULL AS formerly FROM whole w
    UNION ALL
    SELECT p.type, p.id, false,
           CASE WHEN count(*) = count(p.formerly) THEN max(p.formerly) END
    FROM part p WHERE NOT EXISTS (SELECT FROM whole)
    GROUP BY p.type, p.id
)
SELECT named.type, named.id, n.name, n.display_name,
       CASE WHEN named.type = 'User' THEN scim.user_name_key(n.name) END,
       named.is_whole, CASE WHEN n.is_there THEN named.formerly END
FROM named
LEFT JOIN LATERAL (
    SELECT a.user_name AS name, a.display_name, true AS is_there
    FROM scim.account a
    WHERE named.type = 'User' AND a.organization_id = $1::uuid
      AND a.id = named.id
    UNION ALL
    (SELECT d.data #>> '{before,userName}', d.data #>> '{before,displayName}',
            false
     FROM :deletions AND named.type = 'User' AND d.account_id = named.id
     ORDER BY d.sequence DESC LIMIT 1)
    UNION ALL
    SELECT g.display_name, NULL, true FROM (:named_group) g
    WHERE named.type = 'Group'
    LIMIT 1) n ON true
ORDER BY n.name, named.id
LIMIT 21;

-- The names of those who have made changes, at most 1000.  Each leads to the next
-- one by the index event_actor.
-- fragment: actor_names
WITH RECURSIVE steps(name) AS (
    SELECT (SELECT e.actor_name COLLATE "C" FROM scim.event e
            WHERE e.organization_id = $1::uuid
            ORDER BY e.actor_name COLLATE "C" LIMIT 1)
    UNION ALL
    SELECT (SELECT e.actor_name COLLATE "C" FROM scim.event e
            WHERE e.organization_id = $1::uuid
              AND e.actor_name COLLATE "C" > s.name
            ORDER BY e.actor_name COLLATE "C" LIMIT 1)
    FROM steps s WHERE s.name IS NOT NULL
)
SELECT l.name FROM (SELECT s.name FROM steps s LIMIT 1000) l
WHERE l.name IS NOT NULL
-- fragment: actor_names before 6
SELECT t.name COLLATE "C" FROM scim.token t
WHERE t.organization_id = $1::uuid
UNION
SELECT a.user_name FROM scim.account a
WHERE a.organization_id = $1::uuid AND a.role = 'ADMIN'

-- The same, and of those who were refused.  $2: a part of the name, or NULL; if
-- somebody is called so, that one alone.
-- name: ACTIVITY_ACTORS :repeatable
WITH known(name) AS (
    :actor_names
    UNION
    SELECT r.actor_name FROM scim.refusal r
    WHERE r.organization_id = $1::uuid
)
SELECT k.name
FROM known k
WHERE $2::text IS NULL
   OR CASE WHEN EXISTS (SELECT FROM known WHERE name = $2) THEN k.name = $2
           ELSE strpos(scim.fold(k.name), scim.fold($2)) > 0 END
ORDER BY scim.fold(k.name) LIMIT 1000;


-- The log of requests

-- The requests of an organization that are kept; more are deleted soon.
-- fragment: requests_kept
5000

-- How long, and how long the sums of hours.
-- fragment: requests_age
interval '7 days'
-- fragment: request_hours_age
interval '8 days'

-- A batch of requests, one in each place of the arrays $1 to $18, with the time
-- in microseconds, and of accounts that were seen, $20 of $19.  Rows are
-- locked in the order of their keys, since several processes write; and nobody
-- waits for the disk.  If the first one is there, an earlier try has written all.
-- name: REQUESTS_WRITE from 6
WITH quick AS MATERIALIZED (
    SELECT set_config('synchronous_commit', 'off', true) AS commit
),
given AS MATERIALIZED (
    SELECT g.*, to_timestamp(g.at / 1000000.0) AS occurred_at
    FROM quick,
         unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::text[], $5::text[],
                $6::text[], $7::text[], $8::text[], $9::smallint[],
                $10::text[], $11::text[], $12::uuid[], $13::text[],
                $14::bigint[], $15::integer[], $16::integer[],
                $17::integer[], $18::integer[])
             g(organization_id, at, token_id, actor_name, method, path, filter,
               operations, status, scim_type, resource_type, resource_id,
               request_id, duration, requests, changes, refusals, warnings)
    WHERE quick.commit = 'off'
      AND EXISTS (SELECT FROM scim.organization o
                  WHERE o.id = g.organization_id)
      AND NOT EXISTS (
          SELECT FROM scim.request r
          WHERE r.organization_id = ($1::uuid[])[1]
            AND r.occurred_at
                = to_timestamp(($2::bigint[])[1] / 1000000.0)::timestamptz(3)
            AND r.request_id = ($13::text[])[1]
            AND r.duration = ($14::bigint[])[1])
),
request AS (
    INSERT INTO scim.request (organization_id, occurred_at, token_id,
        actor_name, method, path, filter, operations, status, scim_type,
        resource_type, resource_id, request_id, duration, requests, changes,
        warnings)
    SELECT g.organization_id, g.occurred_at, g.token_id, g.actor_name,
           g.method, g.path, g.filter,
           coalesce(string_to_array(g.operations, chr(10)), '{}'), g.status,
           g.scim_type, g.resource_type, g.resource_id, g.request_id,
           g.duration, g.requests, g.changes, g.warnings
    FROM given g
    ORDER BY g.organization_id, g.at
),
hour AS (
    INSERT INTO scim.request_hour AS h (organization_id, hour, requests,
                                        changes, refusals, warnings)
    SELECT g.organization_id, date_trunc('hour', g.occurred_at, 'UTC'),
           sum(g.requests), sum(g.changes), sum(g.refusals), sum(g.warnings)
    FROM given g
    GROUP BY 1, 2
    ORDER BY 1, 2
    ON CONFLICT (organization_id, hour) DO UPDATE
    SET requests = h.requests + excluded.requests,
        changes = h.changes + excluded.changes,
        refusals = h.refusals + excluded.refusals,
        warnings = h.warnings + excluded.warnings
),
used AS (
    :use_tokens((SELECT DISTINCT g.organization_id, g.token_id AS id
                 FROM given g) u)
)
INSERT INTO scim.account_seen AS s (organization_id, account_id, seen_on)
SELECT DISTINCT a.organization_id, a.id, (now() AT TIME ZONE 'UTC')::date
FROM quick, unnest($19::uuid[], $20::uuid[]) g(organization_id, id)
CROSS JOIN LATERAL (SELECT * FROM scim.account b
                    WHERE b.organization_id = g.organization_id
                      AND b.id = g.id LIMIT 1) a
WHERE quick.commit = 'off'
ORDER BY 1, 2
ON CONFLICT (organization_id, account_id) DO UPDATE
SET seen_on = excluded.seen_on WHERE s.seen_on < excluded.seen_on;

-- The requests of organizations $1 beyond those that are kept; one process at a
-- time deletes old ones, as below.
-- name: REQUESTS_PRUNE :repeatable from 6
DELETE FROM scim.request r
USING (SELECT pg_try_advisory_xact_lock(hashtextextended(
                  'mod_scim old request', 0)) AS is_mine OFFSET 0) lock,
      unnest($1::uuid[]) o(id)
CROSS JOIN LATERAL (SELECT k.occurred_at, k.sequence FROM scim.request k
                    WHERE k.organization_id = o.id
                    ORDER BY k.occurred_at DESC, k.sequence DESC
                    OFFSET :requests_kept - 1 LIMIT 1) last
WHERE lock.is_mine AND r.organization_id = o.id
  AND (r.occurred_at, r.sequence) < (last.occurred_at, last.sequence);

-- Each organization that has rows in relation, also one that is deleted.
-- fragment: organizations_in(relation)
(SELECT r.organization_id FROM scim.:relation r
 ORDER BY r.organization_id LIMIT 1)
UNION ALL
SELECT (SELECT r.organization_id FROM scim.:relation r
        WHERE r.organization_id > l.id
        ORDER BY r.organization_id LIMIT 1)
FROM last l WHERE l.id IS NOT NULL

-- Up to 20000 rows of relation that are older than age; one process at a time
-- does it.
-- fragment: delete_old(relation, time, age)
WITH RECURSIVE last(id) AS (
    :organizations_in(:relation)
),
gone AS (
    DELETE FROM scim.:relation d
    WHERE d.ctid = ANY (ARRAY(
        SELECT c.ctid
        FROM (SELECT pg_try_advisory_xact_lock(hashtextextended(
                         'mod_scim old :relation', 0)) AS is_mine OFFSET 0) k,
             last l
        CROSS JOIN LATERAL (SELECT r.ctid FROM scim.:relation r
                            WHERE r.organization_id = l.id
                              AND r.:time < now() - :age
                            ORDER BY r.:time LIMIT 20000) c
        WHERE k.is_mine
        LIMIT 20000))
    RETURNING true
)
SELECT count(*) = 20000 FROM gone

-- Whether there are more of them.
-- name: REQUESTS_SWEEP :repeatable from 6
:delete_old(request, occurred_at, :requests_age);

-- name: REQUEST_HOURS_SWEEP :repeatable from 6
:delete_old(request_hour, hour, :request_hours_age);

-- Requests of organization $1, the latest first, at most $2: before the one with
-- the time $3, in milliseconds, and sequence $4; $5 is changed, refused or read,
-- $6 the name of a token, and they are from $7 on and before $8, in
-- microseconds.
-- fragment: own_requests
scim.request r
WHERE r.organization_id = $1::uuid
  AND r.occurred_at > now() - :requests_age

-- fragment: request_outcome
CASE WHEN r.status >= 400 THEN 'refused' WHEN r.changes > 0 THEN 'changed'
     ELSE 'read' END

-- name: REQUEST_LIST :repeatable from 6
SELECT (extract(epoch FROM r.occurred_at) * 1000)::bigint || '-' || r.sequence,
       jsonb_build_object(
           'at', :timestamp(r.occurred_at), 'token', r.actor_name,
           'method', r.method, 'path', r.path, 'filter', r.filter,
           'operations', r.operations, 'outcome', :request_outcome,
           'status', r.status, 'scimType', r.scim_type,
           'resourceType', r.resource_type, 'resourceId', r.resource_id,
           'userName', a.user_name, 'requestId', r.request_id,
           'duration', r.duration, 'count', r.requests,
           'changes', r.changes, 'warnings', r.warnings)
FROM (SELECT * FROM :own_requests
        AND (r.occurred_at, r.sequence)
            < (coalesce(to_timestamp($3::bigint / 1000.0), 'infinity'),
               coalesce($4::bigint, 0))
        AND ($5::text IS NULL OR $5 = :request_outcome)
        AND ($6::text IS NULL OR r.actor_name = $6)
        AND r.occurred_at >= coalesce(to_timestamp($7::bigint / 1000000.0),
                                      '-infinity')
        AND r.occurred_at < coalesce(to_timestamp($8::bigint / 1000000.0),
                                     'infinity')
      ORDER BY r.occurred_at DESC, r.sequence DESC LIMIT $2::bigint) r
LEFT JOIN LATERAL (SELECT * FROM scim.account b
                   WHERE r.resource_type = 'User'
                     AND b.organization_id = $1::uuid AND b.id = r.resource_id
                   LIMIT 1) a ON true
ORDER BY r.occurred_at DESC, r.sequence DESC;

-- Accounts that provisioning has not changed are looked at up to this number.
-- fragment: untouched_most
2000

-- The number of managed accounts of organization $1 that provisioning has never
-- asked for, found or changed, among the first :untouched_most that it has not changed;
-- and whether there are more than those.  Only account_by_label has the order, so
-- that the planner does not look for few accounts among all.
-- fragment: never_touched
SELECT count(*) FILTER (WHERE c.number <= :untouched_most AND s.account_id IS NULL)
           AS number,
       count(*) > :untouched_most AS is_more
FROM (SELECT a.id, row_number() OVER () AS number
      FROM unnest(ARRAY['managed', 'ineligible']) l(label)
      CROSS JOIN unnest(ARRAY['ADMIN', 'USER', 'GUEST']) r(role)
      CROSS JOIN unnest(ARRAY[true, false]) s(active)
      CROSS JOIN LATERAL (SELECT b.id, b.managed, b.sync_eligible,
                                 b.provisioned_at
                          FROM scim.account b
                          WHERE b.organization_id = $1::uuid
                            AND b.role = r.role AND b.active = s.active
                            AND scim.account_label(b.managed, b.sync_eligible,
                                                   b.provisioned_at) = l.label
                          ORDER BY b.user_name_key LIMIT :untouched_most + 1) a
      LIMIT :untouched_most + 1) c
LEFT JOIN LATERAL (SELECT * FROM scim.account_seen n
                   WHERE n.organization_id = $1::uuid AND n.account_id = c.id
                   LIMIT 1) s ON true

-- fragment: hour_sums
coalesce(sum(h.requests), 0) AS requests, coalesce(sum(h.changes), 0) AS changes,
coalesce(sum(h.refusals), 0) AS refusals, coalesce(sum(h.warnings), 0) AS warnings

-- The sums of the last times, each of step; the last one is not over yet.
-- fragment: sums_of_hours(step, times, name)
(SELECT jsonb_agg(jsonb_build_object(
            :name, :timestamp(t.begin), 'requests', c.requests,
            'changes', c.changes, 'refusals', c.refusals,
            'warnings', c.warnings) ORDER BY t.begin)
 FROM (SELECT date_trunc('hour', now(), 'UTC') + interval '1 hour'
              - n * :step AS begin
       FROM generate_series(1, :times) n) t
 CROSS JOIN LATERAL (SELECT :hour_sums FROM scim.request_hour h
                     WHERE h.organization_id = $1::uuid
                       AND h.hour >= t.begin AND h.hour < t.begin + :step) c)

-- fragment: latest_use(uses, column)
(SELECT jsonb_build_object('at', :timestamp(u.:column), 'token', u.name)
 FROM :uses u WHERE u.:column IS NOT NULL ORDER BY u.:column DESC LIMIT 1)

-- How provisioning is doing in organization $1.  A change that so many requests
-- have followed that it is not in the log any more is among the latest events.
-- name: REQUEST_HEALTH :repeatable from 6
WITH uses AS MATERIALIZED (
    SELECT u.id, max(u.requested_at) AS requested_at,
           max(u.changed_at) AS changed_at,
           (array_agg(u.name ORDER BY u.requested_at DESC NULLS LAST))[1]
               AS name
    FROM (SELECT r.token_id, r.actor_name, r.occurred_at,
                 CASE WHEN r.changes > 0 THEN r.occurred_at END
          FROM :own_requests
          UNION ALL
          SELECT e.actor_id, e.actor_name, e.occurred_at, e.occurred_at
          FROM (SELECT * FROM scim.event v
                WHERE v.organization_id = $1::uuid
                ORDER BY v.sequence DESC LIMIT 1000) e
          WHERE e.actor_kind = 'token'
          UNION ALL
          SELECT t.id, t.name, t.last_used_at, NULL FROM scim.token t
          WHERE t.organization_id = $1::uuid AND t.last_used_at IS NOT NULL)
         u(id, name, requested_at, changed_at)
    GROUP BY u.id
)
SELECT jsonb_strip_nulls(jsonb_build_object(
    'lastRequest', :latest_use(uses, requested_at),
    'lastChange', :latest_use(uses, changed_at),
    'tokens', coalesce((
        SELECT jsonb_agg(jsonb_build_object(
                   'name', t.name, 'lastRequest', :timestamp(u.requested_at),
                   'lastChange', :timestamp(u.changed_at),
                   'expires', :timestamp(t.expires_at))
                   ORDER BY t.created_at, t.id)
        FROM scim.token t LEFT JOIN uses u ON u.id = t.id
        WHERE t.organization_id = $1::uuid), '[]'),
    'hours', :sums_of_hours(interval '1 hour', 24, 'hour'),
    'days', :sums_of_hours(interval '24 hours', 7, 'from'),
    'neverTouched', n.number,
    'moreNeverTouched', n.is_more,
    'waiting', NOT EXISTS (SELECT FROM uses)
               AND NOT EXISTS (SELECT FROM scim.request_hour h
                               WHERE h.organization_id = $1::uuid)))
FROM (:never_touched) n;


-- People who have signed in
-- fragment: person(condition, meant, groups)
SELECT o.id, o.name, :provisioning_state, array_to_string(o.domains, ' '),
       a.id, a.user_name, a.display_name, a.role, a.active,
       a.preferred_language, a.timezone, a.attributes -> 'roles', :meant,
       :groups
FROM scim.organization o
LEFT JOIN scim.account a ON a.organization_id = o.id AND :condition
WHERE o.key = $1
LIMIT 2

-- fragment: has_user_name
a.user_name_key = scim.user_name_key($2)
AND scim.fold(a.user_name) = scim.fold($2)

-- name: PERSON_BY_USER_NAME :repeatable
:person(:has_user_name, NULL, NULL);

-- name: PERSON_BY_EXTERNAL_ID :repeatable
:person(a.external_id = $2, NULL, NULL);

-- fragment: meant_groups
CASE WHEN a.active THEN scim.groups_among(o.id, a.id, $3::text[]) END
-- fragment: meant_groups before 6
CASE WHEN $3::text[] IS NULL THEN NULL END

-- name: PERSON_BY_USER_NAME_MEANT_GROUPS :repeatable
:person(:has_user_name, :meant_groups, NULL);

-- name: PERSON_BY_EXTERNAL_ID_MEANT_GROUPS :repeatable
:person(a.external_id = $2, :meant_groups, NULL);

-- fragment: all_groups
CASE WHEN a.active THEN scim.groups_json(o.id, a.id) END
-- fragment: all_groups before 6
NULL

-- name: PERSON_BY_USER_NAME_ALL_GROUPS :repeatable
:person(:has_user_name, :meant_groups, :all_groups);

-- name: PERSON_BY_EXTERNAL_ID_ALL_GROUPS :repeatable
:person(a.external_id = $2, :meant_groups, :all_groups);


-- Members, for administrators

-- fragment: label
scim.account_label(a.managed, a.sync_eligible, a.provisioned_at)

-- fragment: email_of(a)
coalesce(jsonb_path_query_first(:a.attributes,
             '$.emails[*] ? (@.primary == true).value') #>> '{}',
         :a.attributes #>> '{emails,0,value}',
         CASE WHEN :a.user_name LIKE '%@%' THEN :a.user_name END)

-- fragment: member_json
jsonb_build_object(
    'id', a.id, 'userName', a.user_name, 'displayName', a.display_name,
    'email', :email_of(a),
    'role', a.role, 'active', a.active, 'label', :label,
    'provisionedAt', :timestamp(a.provisioned_at))

-- The latest change by a token, among the latest changes.
-- fragment: last_sync
(SELECT jsonb_build_object('at', :timestamp(e.occurred_at),
                           'token', e.actor_name)
 FROM (SELECT * FROM scim.event c
       WHERE c.organization_id = $1::uuid AND c.account_id = a.id
       ORDER BY c.sequence DESC LIMIT 50) e
 WHERE e.actor_kind = 'token' ORDER BY e.sequence DESC LIMIT 1)

-- fragment: manager_of
(SELECT jsonb_build_object('id', m.id, 'userName', m.user_name,
                           'displayName', m.display_name)
 FROM scim.account m
 WHERE m.organization_id = $1::uuid AND m.id = :uuid(
     (a.attributes #>> '{urn:ietf:params:scim:schemas:extension:enterprise:2.0:User,manager,value}')))

-- fragment: listed_member_json
:member_json || jsonb_build_object(
    'created', :timestamp(a.created_at),
    'lastModified', :timestamp(a.updated_at), 'lastSync', :last_sync,
    'manager', :manager_of)

-- The members that are found, in the order of their place.
-- fragment: shown_members(found)
SELECT f.key, f.id, :listed_member_json, f.is_partial
FROM (:found) f
CROSS JOIN LATERAL (SELECT * FROM scim.account b
                    WHERE b.organization_id = $1::uuid AND b.id = f.id
                    LIMIT 1) a
ORDER BY f.place

-- The first $2 accounts of organization $1 that are chosen by $3 roles, $4 states
-- of active and $5 labels: one range of account_by_label for each choice.
-- fragment: chosen_ranges(direction, condition, columns)
SELECT p.*
FROM unnest($3::text[]) r(role)
CROSS JOIN unnest($4::boolean[]) s(active)
CROSS JOIN unnest($5::text[]) l(label)
CROSS JOIN LATERAL (
    SELECT :columns FROM scim.account a
    WHERE a.organization_id = $1::uuid AND a.role = r.role
      AND a.active = s.active AND :label = l.label AND :condition
    ORDER BY a.user_name_key :direction LIMIT $2::bigint) p
ORDER BY p.user_name_key :direction LIMIT $2::bigint

-- Those from $6 on, as members that are found.
-- fragment: chosen_members(condition, direction)
SELECT c.user_name_key AS key, c.id, false AS is_partial,
       row_number() OVER (ORDER BY c.user_name_key :direction) AS place
FROM (:chosen_ranges(:direction, :condition, a.user_name_key, a.id)) c

-- name: MEMBER_LIST :repeatable
:shown_members(:chosen_members(a.user_name_key > $6, ASC));

-- name: MEMBER_LIST_BACK :repeatable
:shown_members(:chosen_members(a.user_name_key < $6, DESC));

-- fragment: members_found(sort, is_descending, key, id, is_page)
SELECT c.*
FROM scim.find_members($1::uuid, $3::text[], $4::boolean[], $5::text[], $6,
                       :sort, :is_descending, :key, :id, $2::integer,
                       CASE WHEN :is_page::boolean THEN :enough_members END)
     WITH ORDINALITY c(key, id, is_partial, place)

-- Without an index of words, a search finds the beginnings of two names.
-- fragment: chosen_among(condition)
SELECT a.id, a.user_name_key
FROM (SELECT * FROM scim.account a
      WHERE a.organization_id = $1::uuid AND :condition
      LIMIT 2000) a
WHERE ($3::text[] IS NULL OR a.role = ANY ($3::text[]))
  AND ($4::boolean[] IS NULL OR a.active = ANY ($4::boolean[]))
  AND ($5::text[] IS NULL OR :label = ANY ($5::text[]))
  AND a.user_name_key > coalesce($7, '')

-- A search by userName.  $7 is the key of the place; the id does not count then.
-- $8 says whether some of them are enough.
-- name: MEMBER_SEARCH :repeatable
:shown_members(:members_found('userName', false, $7,
                              CASE WHEN $7::text IS NOT NULL
                                   THEN $1::uuid END, $8));

-- name: MEMBER_SEARCH before 6
:shown_members(SELECT b.user_name_key AS key, b.id,
                      $8::boolean AND false AS is_partial,
                      row_number() OVER (ORDER BY b.user_name_key) AS place
               FROM (SELECT * FROM (
                   :chosen_among(a.user_name_key >= scim.user_name_key($6)
                                 AND a.user_name_key
                                     < scim.user_name_key($6) || chr(1114111)
                                 AND a.user_name_key > coalesce($7, '')
                                 ORDER BY a.user_name_key)
                   UNION
                   :chosen_among(scim.fold(a.display_name) COLLATE "C"
                                     >= scim.fold($6)
                                 AND scim.fold(a.display_name) COLLATE "C"
                                     < scim.fold($6) || chr(1114111)
                                 ORDER BY scim.fold(a.display_name)
                                          COLLATE "C")
                   UNION
                   :chosen_among(a.external_id = $6)
                   UNION
                   :chosen_among(a.id = :uuid($6))) f
                   ORDER BY f.user_name_key LIMIT $2::bigint) b);

-- name: MEMBER_FIND :repeatable from 6
:shown_members(:members_found($7, $8::boolean, $9, $10::uuid, $11));

-- name: MEMBER_TOTAL :repeatable from 6
SELECT scim.count_members($1::uuid, $2::text[], $3::boolean[], $4::text[],
                          $5, :many + 1);

-- Drift: accounts that differ from what the identity provider would say, by
-- userName (scim_drift.h).  A statement looks at the next $2 accounts behind $6,
-- of the roles $3, states $4 and labels $5, whose names contain $8, if that is
-- given, and shows the first $7 that it finds: what it costs does not depend on
-- how many there are.  The last row has no member, but where the next look
-- begins; NULL: nowhere.
-- fragment: drift(scanned, finding)
WITH scanned AS MATERIALIZED (:scanned),
found AS MATERIALIZED (
    SELECT a.user_name_key,
           :member_json || jsonb_build_object('detail', f.detail) AS member
    FROM scanned a CROSS JOIN LATERAL (SELECT :finding) f(detail)
    WHERE f.detail IS NOT NULL AND a.role = ANY ($3::text[])
      AND a.active = ANY ($4::boolean[]) AND :label = ANY ($5::text[])
      AND ($8::text IS NULL
           OR strpos(scim.fold(concat_ws(' ', a.display_name, a.user_name)),
                     scim.fold($8)) > 0)
    ORDER BY a.user_name_key LIMIT $7::bigint
)
SELECT l.key, l.member
FROM (SELECT f.user_name_key, f.member FROM found f
      UNION ALL
      SELECT (SELECT max(s.user_name_key) FROM scanned s
              HAVING count(*) = $2::bigint), NULL) l(key, member)
ORDER BY l.member IS NULL, l.key

-- fragment: in_order
SELECT a.* FROM scim.account a
WHERE a.organization_id = $1::uuid AND a.user_name_key > $6
ORDER BY a.user_name_key LIMIT $2::bigint

-- The same of some ranges of account_by_label.
-- fragment: ranges_in_order(condition)
:chosen_ranges(ASC, a.user_name_key > $6 AND :condition, a.*)

-- Managed Accounts that provisioning has never created or changed.
-- name: DRIFT_NEVER :repeatable
:drift(:ranges_in_order(l.label <> 'provisioned' AND l.label <> 'unmanaged'),
       (a.created_at AT TIME ZONE 'UTC')::date::text);

-- Active ones that it has, but that the identity provider has neither asked for
-- nor changed for $9 days.  Days are known since the tables have version 6.
-- name: DRIFT_NOT_SEEN :repeatable from 6
:drift(:ranges_in_order(s.active AND l.label = 'provisioned'),
    (SELECT coalesce(k.seen_on::text, 'never')
     FROM (SELECT (SELECT n.seen_on FROM scim.account_seen n
                   WHERE n.organization_id = $1::uuid AND n.account_id = a.id),
                  (SELECT max(v.applied_at) FROM scim.schema_version v
                   WHERE v.version = 6)) k(seen_on, known_since)
     WHERE coalesce(k.seen_on, (greatest(a.updated_at, k.known_since)
                                AT TIME ZONE 'UTC')::date)
           < (now() AT TIME ZONE 'UTC')::date - $9::integer));

-- fragment: others_with(condition)
EXISTS (SELECT FROM scim.account b
        WHERE b.organization_id = $1::uuid AND b.id <> a.id AND :condition)

-- Accounts that have the externalId, or the primary e-mail address, of another
-- one.
-- name: DRIFT_DUPLICATES :repeatable
:drift(:in_order, coalesce(
    CASE WHEN a.external_id <> ''
              AND :others_with(b.external_id = a.external_id)
         THEN 'externalId ' || a.external_id END,
    (SELECT 'emails ' || e.mail
     FROM (SELECT :email_of(a)) e(mail)
     WHERE e.mail <> ''
       AND (:others_with(scim.fold_json(b.attributes) @> scim.fold_json(
                jsonb_build_object('emails', jsonb_build_array(
                    jsonb_build_object('value', e.mail))))
                AND scim.fold(:email_of(b)) = scim.fold(e.mail))
            OR :others_with(b.user_name_key = scim.user_name_key(e.mail)
                            AND scim.fold(:email_of(b))
                                = scim.fold(e.mail))))));

-- Inactive ones that are directly in groups; counted up to :many.
-- name: DRIFT_INACTIVE_MEMBERS :repeatable from 6
:drift(:ranges_in_order(NOT s.active),
    (SELECT nullif(count(*), 0)::text
     FROM (SELECT FROM scim.membership m
           WHERE m.organization_id = $1::uuid AND m.account_id = a.id
           LIMIT :many) c));

-- Accounts whose userName could not be given any more.
-- name: DRIFT_DOMAINS :repeatable
:drift(:in_order,
    (SELECT d.name
     FROM (SELECT lower(substring(a.user_name FROM '[^@]*$'))) d(name)
     CROSS JOIN scim.organization o
     WHERE o.id = $1::uuid AND cardinality(o.domains) > 0
       AND d.name <> ALL (o.domains)));

-- The accounts of which $2 has the externalId or, if $3, the userName, each with
-- the one that it is: for "scimctl compare".
-- name: COMPARED_ACCOUNTS :repeatable
SELECT k.place, a.id, a.user_name, a.display_name, a.external_id, a.active
FROM unnest($2::text[]) WITH ORDINALITY k(value, place)
CROSS JOIN LATERAL (
    (SELECT * FROM scim.account b
     WHERE b.organization_id = $1::uuid AND NOT $3::boolean
       AND b.external_id = k.value
     ORDER BY b.external_id, b.id LIMIT 2)
    UNION ALL
    (SELECT * FROM scim.account b
     WHERE b.organization_id = $1::uuid AND $3::boolean
       AND b.user_name_key = scim.user_name_key(k.value))) a
ORDER BY k.place, a.id;

-- The next $3 accounts behind $2; user_name_key instead of a place.
-- name: COMPARED_LIST :repeatable
SELECT a.user_name_key, a.id, a.user_name, a.display_name, a.external_id,
       a.active
FROM scim.account a
WHERE a.organization_id = $1::uuid AND a.user_name_key > $2
ORDER BY a.user_name_key LIMIT $3::bigint;

-- name: MEMBER :repeatable
SELECT :account_columns, :listed_member_json
FROM scim.account a
WHERE a.organization_id = $1::uuid AND a.id = $2::uuid;

-- Whether account $2 is provisioned, and such accounts are read-only.
-- name: MEMBER_IS_READ_ONLY :repeatable
SELECT :is_read_only(o) AND :label = 'provisioned'
FROM scim.account a
JOIN scim.organization o ON o.id = a.organization_id
WHERE a.organization_id = $1::uuid AND a.id = :uuid($2);

-- fragment: counted(condition)
coalesce(sum(n) FILTER (WHERE active AND :condition), 0)

-- name: MEMBER_COUNTS :repeatable
SELECT jsonb_build_object(
    'seats', :counted(true),
    'inactive', coalesce(sum(n) FILTER (WHERE NOT active), 0),
    'roles', jsonb_build_object(
        'ADMIN', :counted(role = 'ADMIN'),
        'USER', :counted(role = 'USER'),
        'GUEST', :counted(role = 'GUEST')),
    'labels', jsonb_build_object(
        'provisioned', :counted(label = 'provisioned'),
        'managed', :counted(label = 'managed'),
        'ineligible', :counted(label = 'ineligible'),
        'unmanaged', :counted(label = 'unmanaged')))
FROM (SELECT a.role, a.active, :label AS label, count(*) AS n
      FROM scim.account a
      WHERE a.organization_id = $1::uuid
      GROUP BY 1, 2, 3) counted;

-- name: ACCOUNT_MAKE_ELIGIBLE
WITH changed AS (
    UPDATE scim.account a SET sync_eligible = true
    WHERE a.organization_id = $1::uuid AND a.id = $2::uuid AND a.managed
      AND NOT a.sync_eligible AND a.version = $6::bigint
    RETURNING a.organization_id, a.id, a.version
),
event AS (:events(changed, ARRAY['urn:mod_scim:event:account:eligible'],
                  $3, $4, $5, '{}', '{}', NULL))
SELECT id FROM changed;


-- Groups, for administrators

-- Members and nested groups are counted up to this number, so that a large
-- group costs no more than any other.
-- fragment: many
10000

-- The number of rows of group g in relation.  With BETWEEN, only the primary key
-- has this order, so no more is read than is counted.  With an equality, the
-- planner may read those of all groups, if statistics say that there are few.
-- fragment: counted_rows(relation, member)
(SELECT count(*) AS number
 FROM (SELECT FROM :relation c
       WHERE c.organization_id = $1::uuid
         AND c.group_id BETWEEN g.id AND g.id
       ORDER BY c.group_id, c.:member
       LIMIT :many + 1) counted)

-- The groups of a query, as JSON.
-- fragment: shown_groups(groups)
SELECT g.display_name_key, jsonb_build_object(
           'id', g.id, 'displayName', g.display_name,
           'externalId', g.external_id,
           'created', :timestamp(g.created_at),
           'lastModified', :timestamp(g.updated_at),
           'members', least(m.number, :many),
           'hasMoreMembers', m.number > :many,
           'groups', least(s.number, :many),
           'hasMoreGroups', s.number > :many)
FROM (:groups) g
CROSS JOIN LATERAL :counted_rows(scim.membership, account_id) m
CROSS JOIN LATERAL :counted_rows(scim.subgroup, child_id) s
ORDER BY g.display_name_key

-- A page of groups, by displayName.
-- fragment: groups_page(from_where)
SELECT g.* FROM :from_where AND g.display_name_key > $3
ORDER BY g.display_name_key LIMIT $2::bigint

-- fragment: own_groups(condition)
scim.user_group g WHERE g.organization_id = $1::uuid AND :condition

-- name: GROUP_LIST :repeatable from 6
:shown_groups(:groups_page(:own_groups(true)));

-- name: GROUP_SEARCH :repeatable from 6
:shown_groups(:groups_page((
    (:groups_page(:own_groups(
        g.display_name_key >= scim.fold($4)
        AND g.display_name_key < scim.fold($4) || chr(1114111))))
    UNION
    SELECT g.* FROM :own_groups(g.external_id = $4)
    UNION
    SELECT g.* FROM :own_groups(g.id = :uuid($4))) g WHERE true));

-- name: GROUP_WITH_ID :repeatable from 6
:shown_groups(SELECT g.* FROM :own_groups(g.id = :uuid($2)));

-- name: GROUP_WITH_EXTERNAL_ID :repeatable from 6
:shown_groups(SELECT g.* FROM :own_groups(g.external_id = $2) LIMIT 2);

-- name: GROUP_WITH_NAME :repeatable from 6
:shown_groups(SELECT g.*
              FROM :own_groups(g.display_name_key = scim.fold($2)));

-- Of :own and :other, one is the group and one is in it.
-- fragment: nested_groups(own, other)
:shown_groups(:groups_page(
    scim.subgroup s
    JOIN scim.user_group g
        ON g.organization_id = $1::uuid AND g.id = s.:other
    WHERE s.organization_id = $1::uuid AND s.:own = $4::uuid))

-- name: GROUP_CHILDREN :repeatable from 6
:nested_groups(group_id, child_id);

-- name: GROUP_PARENTS :repeatable from 6
:nested_groups(child_id, group_id);

-- The memberships of group $4.
-- fragment: memberships
scim.membership m
WHERE m.organization_id = $1::uuid AND m.group_id = $4::uuid

-- The account of a membership m.  One by one: the planner may otherwise read
-- the accounts of all organizations.
-- fragment: account_of_membership
CROSS JOIN LATERAL (SELECT * FROM scim.account b
                    WHERE b.organization_id = $1::uuid
                      AND b.id = m.account_id LIMIT 1)

-- fragment: group_member_json
:member_json || jsonb_build_object('since', :timestamp(a.added_at))

-- Reads all members of the group, which are at most :many, for each page.
-- name: GROUP_MEMBERS_BY_NAME :repeatable from 6
SELECT 'name:' || a.user_name_key, :group_member_json
FROM (SELECT b.*, m.added_at
      FROM (SELECT * FROM :memberships) m
      :account_of_membership b
      WHERE b.user_name_key > $3
      ORDER BY b.user_name_key LIMIT $2::bigint) a
ORDER BY a.user_name_key;

-- Reads the members of the page alone.
-- name: GROUP_MEMBERS_BY_ID :repeatable from 6
SELECT 'id:' || a.id, :group_member_json
FROM (SELECT b.*, m.added_at
      FROM (SELECT * FROM :memberships AND m.account_id > $3::uuid
            ORDER BY m.account_id LIMIT $2::bigint) m
      :account_of_membership b) a
ORDER BY a.id;

-- The groups of account $4, by displayName; a row of NULLs if it has none.
-- name: MEMBER_GROUPS :repeatable
SELECT p.display_name_key,
       CASE WHEN p.id IS NOT NULL THEN jsonb_build_object(
           'id', p.id, 'displayName', p.display_name, 'type', p.type,
           'since', (SELECT :timestamp(m.added_at) FROM scim.membership m
                     WHERE m.organization_id = $1::uuid
                       AND m.group_id = p.id AND m.account_id = a.id)) END
FROM scim.account a
LEFT JOIN LATERAL (
    SELECT g.id, g.display_name, g.display_name_key, o.type
    FROM scim.groups_of(a.organization_id, a.id) o
    CROSS JOIN LATERAL (SELECT * FROM scim.user_group b
                        WHERE b.organization_id = $1::uuid
                          AND b.id = o.value::uuid LIMIT 1) g
    WHERE g.display_name_key > $3
    ORDER BY g.display_name_key LIMIT $2::bigint) p ON true
WHERE a.organization_id = $1::uuid AND a.id = $4::uuid
ORDER BY p.display_name_key;

-- name: MEMBER_GROUPS before 6
SELECT NULL, NULL FROM scim.account a
WHERE a.organization_id = $1::uuid AND a.id = $4::uuid
  AND $2::bigint IS NOT NULL AND $3::text IS NOT NULL;


-- The feed of events

-- How many events are read at once.
-- fragment: feed_batch
500

-- The id of an event, by which receivers recognise those that they already
-- have.  The sequence alone is not unique: it is used again after a promotion
-- or a restore and, within one history, after a crash that has lost an event
-- whose commit did not wait for the disk.
-- fragment: event_id
CASE WHEN e.history = 0 THEN e.sequence::text
     ELSE concat_ws('.', e.sequence, e.history,
                    (extract(epoch FROM e.occurred_at) * 1000)::bigint) END

-- Where a reader goes on that has read up to transaction $1, sequence $2 in history
-- $3.
-- fragment: reader_position(organization)
scim.feed_position(:organization, $3::bigint, $1::xid8, $2::bigint)
-- fragment: reader_position(organization) before 6
(SELECT $3::bigint < 0 AS went_back, $1::xid8 AS transaction_id,
        $2::bigint AS sequence)

-- A batch of the feed from the position p on.
-- fragment: feed_batch_of(organization)
scim.feed(:organization, p.transaction_id, p.sequence, :feed_batch)
-- fragment: feed_batch_of(organization) before 6
(SELECT v.* FROM :event_rows v
 WHERE (v.transaction_id, v.sequence) > (p.transaction_id, p.sequence)
   AND v.transaction_id < pg_snapshot_xmin(pg_current_snapshot())
   AND (:organization IS NULL OR v.organization_id = :organization)
 ORDER BY v.transaction_id, v.sequence LIMIT :feed_batch)

-- The group of an event e of the feed; organization may be NULL.
-- fragment: fed_group(organization)
LEFT JOIN LATERAL (SELECT * FROM scim.user_group g
                   WHERE e.resource_type = 'Group'
                     AND g.organization_id = coalesce(:organization,
                                                      e.organization_id)
                     AND g.id = e.resource_id LIMIT 1) g ON true
-- fragment: fed_group(organization) before 6
:no_group

-- A batch of the feed, with the reader's position.
-- fragment: feed_of(organization)
SELECT p.went_back, p.transaction_id, p.sequence,
       e.history, e.transaction_id, e.sequence, :event_id,
       jsonb_build_object(
           'id', :event_id, 'sequence', e.sequence,
           'organization', coalesce(o.key, e.data #>> '{before,key}'),
           'version', e.version,
           'externalId', coalesce(a.external_id, g.external_id,
                                  e.data #>> '{after,externalId}',
                                  e.data #>> '{before,externalId}'),
           :event_members(e.data))
FROM :reader_position(:organization) p
LEFT JOIN LATERAL :feed_batch_of(:organization) e ON true
LEFT JOIN LATERAL (SELECT o.key FROM scim.organization o
                   WHERE o.id = coalesce(:organization,
                                         e.organization_id) LIMIT 1) o ON true
LEFT JOIN LATERAL (SELECT * FROM scim.account a
                   WHERE a.organization_id = coalesce(:organization,
                                                      e.organization_id)
                     AND a.id = e.account_id LIMIT 1) a ON true
:fed_group(:organization)
ORDER BY e.transaction_id, e.sequence

-- name: FEED :repeatable
:feed_of(NULL);

-- name: FEED_OF_ORGANIZATION :repeatable
:feed_of($4::uuid);

-- name: FEED_POSITION :repeatable
SELECT e.history, e.transaction_id, e.sequence
FROM scim.organization o
CROSS JOIN LATERAL (SELECT * FROM :event_rows e
                    WHERE e.organization_id = o.id AND e.sequence <= $1::bigint
                    ORDER BY e.sequence DESC LIMIT 1) e
ORDER BY e.sequence DESC, e.transaction_id DESC LIMIT 1;

-- name: FEED_POSITION_IN_ORGANIZATION :repeatable
SELECT e.history, e.transaction_id, e.sequence
FROM :event_rows e
WHERE e.sequence = $1::bigint AND e.organization_id = $2::uuid;

-- name: FEED_POSITION_BEFORE :repeatable
SELECT e.history, e.transaction_id, e.sequence
FROM :event_rows e
WHERE e.organization_id = $3::uuid
  AND (e.transaction_id, e.sequence) <= ($1::xid8, $2::bigint)
ORDER BY e.organization_id DESC, e.transaction_id DESC, e.sequence DESC
LIMIT 1;


-- Relays

-- Whether this session works as relay $1: the first session that asks does,
-- until it ends.
-- fragment: relay_is_ours
pg_try_advisory_lock(hashtext('scim.relay'), hashtext($1))

-- The row of relay $1, if it still is as this session left it: at sequence $2
-- in history $3.  The statement before 6 leaves the history and the transaction out,
-- also while it is still used on new tables.
-- fragment: relay_as_left
name = $1 AND sequence = $2::bigint
AND (history = $3::bigint OR transaction_id IS NULL) AND :relay_is_ours
-- fragment: relay_as_left before 6
name = $1 AND sequence = $2::bigint AND $3::bigint >= 0 AND :relay_is_ours

-- Whether a session works as relay r.
-- fragment: relay_runs
EXISTS (SELECT FROM pg_locks l
        WHERE l.locktype = 'advisory' AND l.granted
          AND l.database = (SELECT d.oid FROM pg_database d
                            WHERE d.datname = current_database())
          AND l.classid = (hashtext('scim.relay')::bigint & 4294967295)::oid
          AND l.objid = (hashtext(r.name)::bigint & 4294967295)::oid)

-- name: RELAY_INSERT
INSERT INTO scim.relay (name, history, transaction_id, sequence)
VALUES ($1, $2::bigint, $3::xid8, $4::bigint)
ON CONFLICT (name) DO NOTHING;

-- A row of the old tables has no transaction: it is found by the sequence.
-- name: RELAY_INSERT before 6
INSERT INTO scim.relay (name, sequence)
SELECT $1, $4::bigint WHERE ($2::bigint, $3::xid8) IS NOT NULL
ON CONFLICT (name) DO NOTHING;

-- name: RELAY_TAKE
UPDATE scim.relay SET organization_id = $2::uuid
WHERE name = $1 AND :relay_is_ours
RETURNING history, transaction_id, sequence,
          set_config('tcp_keepalives_idle', '5', false),
          set_config('tcp_keepalives_interval', '5', false),
          set_config('tcp_keepalives_count', '3', false);

-- name: RELAY_TAKE before 6
UPDATE scim.relay SET updated_at = updated_at
WHERE name = $1 AND :relay_is_ours
RETURNING 0, NULL, sequence, $2::uuid,
          set_config('tcp_keepalives_idle', '5', false),
          set_config('tcp_keepalives_interval', '5', false),
          set_config('tcp_keepalives_count', '3', false);

-- name: RELAY_IS_AS_LEFT :repeatable
SELECT FROM scim.relay WHERE :relay_as_left;

-- name: RELAY_ADVANCE
UPDATE scim.relay
SET history = $4::bigint, transaction_id = $5::xid8, sequence = $6::bigint,
    updated_at = now(), refused = NULL, attempts = 0
WHERE :relay_as_left
RETURNING name;

-- name: RELAY_ADVANCE before 6
UPDATE scim.relay SET sequence = $6::bigint, updated_at = now()
WHERE :relay_as_left AND ($4::bigint, $5::xid8) IS NOT NULL
RETURNING name;

-- name: RELAY_REFUSED
UPDATE scim.relay
SET refused = $4::bigint,
    attempts = CASE WHEN refused = $4::bigint THEN attempts + 1 ELSE 1 END,
    last_error = $5, last_error_at = now()
WHERE :relay_as_left
RETURNING name;

-- The old tables have no place for a refusal.
-- name: RELAY_REFUSED before 6
SELECT name FROM scim.relay
WHERE :relay_as_left AND ($4::bigint, $5::text) IS NOT NULL;

-- fragment: relay_rows
scim.relay
-- fragment: relay_rows before 6
(SELECT v.name, v.sequence, NULL::uuid AS organization_id,
        NULL::bigint AS refused, 0 AS attempts, NULL AS last_error,
        NULL::timestamptz AS last_error_at, NULL::bigint AS skipped,
        NULL::timestamptz AS skipped_at
 FROM scim.relay v)

-- Where relay r goes on.
-- fragment: relay_position
scim.feed_position(r.organization_id, r.history,
                   coalesce(r.transaction_id, '0'), r.sequence)
-- fragment: relay_position before 6
(SELECT coalesce((SELECT b.transaction_id
                  FROM scim.organization n
                  CROSS JOIN LATERAL (SELECT * FROM scim.event v
                                      WHERE v.organization_id = n.id
                                        AND v.sequence <= r.sequence
                                      ORDER BY v.sequence DESC LIMIT 1) b
                  ORDER BY b.sequence DESC LIMIT 1), '0') AS transaction_id,
        r.sequence)

-- At most 100000 of the events that a relay still has to send are counted.
-- name: RELAY_LIST :repeatable
SELECT r.name, o.key, :relay_runs, r.sequence, lag.events, lag.seconds,
       r.refused, r.attempts, r.last_error, :timestamp(r.last_error_at),
       r.skipped, :timestamp(r.skipped_at)
FROM :relay_rows r
LEFT JOIN scim.organization o ON o.id = r.organization_id
CROSS JOIN LATERAL :relay_position p
CROSS JOIN LATERAL (
    SELECT count(*) AS events,
           coalesce(greatest(extract(epoch FROM now() - min(occurred_at)), 0)
                    ::bigint, 0) AS seconds
    FROM (SELECT e.occurred_at FROM scim.event e
          WHERE (e.transaction_id, e.sequence)
                > (p.transaction_id, p.sequence)
            AND (r.organization_id IS NULL
                 OR e.organization_id = r.organization_id)
          LIMIT 100000) e) lag
ORDER BY r.name;

-- Events that were imported may have the number of another one, but they are past.
-- name: RELAY_SKIP from 6
UPDATE scim.relay r
SET history = e.history, transaction_id = e.transaction_id,
    sequence = e.sequence, updated_at = now(), refused = NULL, attempts = 0,
    skipped = e.sequence, skipped_at = now()
FROM (SELECT e.*, o.key
      FROM scim.relay r
      CROSS JOIN scim.organization o
      JOIN scim.event e ON e.organization_id = o.id AND e.sequence = r.refused
      WHERE r.name = $1 AND coalesce(r.organization_id, o.id) = o.id
      ORDER BY e.transaction_id DESC LIMIT 1) e
WHERE r.name = $1 AND r.refused = e.sequence
RETURNING e.sequence, e.key, e.kind,
          scim.resource_type(e.resource_type, e.account_id),
          coalesce(e.resource_id, e.account_id), e.account_id, r.last_error;


-- Old events

-- Organizations that have events, one after the other, and those that were
-- deleted, too.
-- name: PURGE_NEXT :repeatable
SELECT e.organization_id FROM scim.event e
WHERE e.organization_id > $1::uuid
  AND e.organization_id = coalesce($2::uuid, e.organization_id)
ORDER BY e.organization_id LIMIT 1;

-- How many events a batch looks at.
-- fragment: purge_batch
5000

-- Of the next events of organization $1 after transaction $2, sequence $3, delete
-- those from before $4 that every relay has sent; $5: only count them.  The last
-- event of a history stays (scim.feed_position), so one more is read, to know
-- what follows the last one.  The row has the place to continue, and whether
-- there is nothing more to do.
-- name: PURGE from 6
WITH unsent AS (
    SELECT p.transaction_id, p.sequence
    FROM scim.relay r CROSS JOIN LATERAL :relay_position p
    WHERE coalesce(r.organization_id, $1::uuid) = $1::uuid
    ORDER BY p.transaction_id, p.sequence LIMIT 1
),
batch AS MATERIALIZED (
    SELECT f.transaction_id, f.sequence,
           f.occurred_at < $4::timestamptz
           AND NOT EXISTS (SELECT FROM unsent u
                           WHERE (f.transaction_id, f.sequence)
                                 > (u.transaction_id, u.sequence)) AS is_done,
           lead(f.history) OVER feed = f.history AS is_followed,
           row_number() OVER feed AS place
    FROM scim.feed($1::uuid, $2::xid8, $3::bigint, :purge_batch + 1) f
    WINDOW feed AS (ORDER BY f.transaction_id, f.sequence)
),
old AS MATERIALIZED (
    SELECT b.sequence FROM batch b WHERE b.is_done AND b.is_followed
),
gone AS (
    DELETE FROM scim.event e USING old o
    WHERE e.organization_id = $1::uuid AND e.sequence = o.sequence
      AND NOT $5::boolean
    RETURNING true
)
SELECT b.transaction_id, b.sequence,
       CASE WHEN $5::boolean THEN (SELECT count(*) FROM old)
            ELSE (SELECT count(*) FROM gone) END,
       (SELECT count(*) <= :purge_batch OR NOT bool_or(c.is_done) FROM batch c)
FROM batch b
WHERE b.place <= :purge_batch
ORDER BY b.place DESC LIMIT 1;

-- The relays for which events from before $2 are kept, and how many.
-- name: PURGE_KEPT :repeatable from 6
SELECT r.name, e.count
FROM scim.relay r
CROSS JOIN LATERAL :relay_position p
CROSS JOIN LATERAL (
    SELECT count(*) FROM scim.event e
    WHERE (e.transaction_id, e.sequence) > (p.transaction_id, p.sequence)
      AND e.organization_id = coalesce(r.organization_id, e.organization_id)
      AND e.organization_id = coalesce($1::uuid, e.organization_id)
      AND e.occurred_at < $2::timestamptz) e
WHERE e.count > 0
ORDER BY r.name;


-- Metrics, at most a hundred lines of each.  Each is read once a minute.

-- Seconds until the token ends that an organization used last; of tokens that
-- were never used, it is the one that ends last.  Who let a token end a month
-- ago does not miss it.
-- name: METRIC_TOKENS :repeatable
SELECT o.key, floor(extract(epoch FROM t.expires_at - now()))::bigint
FROM scim.organization o
CROSS JOIN LATERAL (SELECT u.expires_at FROM scim.token u
                    WHERE u.organization_id = o.id
                    ORDER BY u.last_used_at DESC NULLS LAST,
                             u.expires_at DESC NULLS FIRST
                    LIMIT 1) t
WHERE o.provisioning_enabled AND t.expires_at > now() - interval '30 days'
ORDER BY t.expires_at, o.key
LIMIT 100;

-- Tokens of these organizations are refused what the guard does not let through.
-- name: METRIC_GUARDS :repeatable
SELECT o.key, 1
FROM scim.organization o
WHERE o.id IN (SELECT t.organization_id FROM (:trips(true)) t)
ORDER BY o.key
LIMIT 100;

-- name: METRIC_GUARDS before 6
SELECT NULL, 0 WHERE false;

-- fragment: seconds_since(time)
greatest(coalesce(extract(epoch FROM now() - :time), 0), 0)::numeric(20, 3)

-- The next event that relay r has to send from position p on.
-- fragment: unsent_event
scim.feed(r.organization_id, p.transaction_id, p.sequence, 1)
-- fragment: unsent_event before 6
(SELECT v.occurred_at FROM scim.event v
 WHERE (v.transaction_id, v.sequence) > (p.transaction_id, p.sequence)
   AND v.transaction_id < pg_snapshot_xmin(pg_current_snapshot())
 ORDER BY v.transaction_id, v.sequence LIMIT 1)

-- The age of the oldest event that a relay has still to send.
-- name: METRIC_RELAYS :repeatable
SELECT r.name, :seconds_since(e.occurred_at)
FROM :relay_rows r
CROSS JOIN LATERAL :relay_position p
LEFT JOIN LATERAL :unsent_event e ON true
ORDER BY r.name
LIMIT 100;

-- The age of the oldest event that the feed holds back, because an older
-- transaction is still open.
-- name: METRIC_HORIZON :repeatable
SELECT NULL, :seconds_since((SELECT e.occurred_at FROM scim.event e
    WHERE e.transaction_id >= pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY e.transaction_id, e.sequence
    LIMIT 1));


-- Accounts and roles

-- name: ROLE_COUNTS :repeatable
SELECT a.role, count(*) FROM scim.account a
WHERE a.organization_id = $1::uuid
GROUP BY a.role;

-- name: ACCOUNT_BY_ID :repeatable
SELECT :account_columns FROM scim.account a
WHERE a.organization_id = $1::uuid AND a.id = $2::uuid;

-- name: ACCOUNT_WITH_GROUPS :repeatable from 6
SELECT :account_with_groups_columns FROM scim.account a
WHERE a.organization_id = $1::uuid AND a.id = $2::uuid;

-- name: ACCOUNT_BY_USER_NAME :repeatable
SELECT :account_columns FROM scim.account a
WHERE a.organization_id = $1::uuid
  AND a.user_name_key = scim.user_name_key($2);

-- In both statements the columns of the account are the last parameters
-- (scim_accounts_put_columns).

-- No row if the userName is taken.
-- name: ACCOUNT_INSERT
WITH created AS (
    INSERT INTO scim.account AS a (
        organization_id, provisioned_at, role, active, attributes,
        :account_texts)
    VALUES ($1::uuid, now(), $9, $10::boolean, $11::jsonb,
            :account_values($12))
    ON CONFLICT (organization_id, user_name_key) DO NOTHING
    RETURNING a.*
),
event AS (:events(created, $2, $3, $4, $5, $6, $7, $8))
SELECT a.organization_id, :account_columns FROM created a;

-- No row if the version is not $3 any more.
-- name: ACCOUNT_UPDATE
WITH changed AS (
    UPDATE scim.account a
    SET role = $11, active = $12::boolean, attributes = $13::jsonb,
        :account_settings($14),
        provisioned_at = CASE WHEN $5 = 'token' THEN now()
                              ELSE a.provisioned_at END,
        sync_eligible = a.sync_eligible OR $5 <> 'token'
    WHERE a.organization_id = $1::uuid AND a.id = $2::uuid
      AND a.version = $3::bigint
    RETURNING a.*
),
event AS (:events(changed, $4, $5, $6, $7, $8, $9, $10))
SELECT a.organization_id, :account_columns FROM changed a;

-- fragment: own_locked_groups
SELECT g.id FROM scim.user_group g
WHERE g.organization_id = $1::uuid
  AND g.id = ANY (ARRAY(SELECT m.group_id FROM scim.membership m
                        WHERE m.organization_id = $1::uuid
                          AND m.account_id = $2::uuid))
ORDER BY g.id
FOR NO KEY UPDATE
-- fragment: own_locked_groups before 6
SELECT WHERE false

-- What an event says of an account that is deleted, besides its attributes, so
-- that it can come back.
-- fragment: kept_of_account(a)
jsonb_build_object('managed', :a.managed, 'syncEligible', :a.sync_eligible,
                   'provisionedAt', :timestamp(:a.provisioned_at),
                   'created', :timestamp(:a.created_at))

-- fragment: deletion_data(a)
jsonb_build_object('account', :kept_of_account(:a),
                   'groups', scim.groups_noted(:a.organization_id, :a.id))
-- fragment: deletion_data(a) before 6
jsonb_build_object('account', :kept_of_account(:a), 'groups', '[]'::jsonb)

-- Its groups are locked before it: a change of a group locks the group, then
-- accounts.
-- name: ACCOUNT_DELETE
WITH locked AS (:own_locked_groups),
gone AS (
    DELETE FROM scim.account a
    WHERE a.organization_id = $1::uuid AND a.id = $2::uuid
      AND a.version = $3::bigint AND (SELECT count(*) FROM locked) >= 0
    RETURNING a.*
),
event AS (:events(gone, $4, $5, $6, $7, $8, ($9::jsonb || :deletion_data(s)),
                  $10))
SELECT id FROM gone;


-- Accounts of a file, many in a statement

-- The planner takes a new organization for a small one until the next ANALYZE,
-- and may read all of it for each account.  With BETWEEN instead of equality,
-- only the right index has the order that is asked for.

-- The accounts that have the userNames $2, each with its place in $2.
-- name: ACCOUNTS_NAMED :repeatable
SELECT :account_columns, n.place
FROM unnest($2::text[]) WITH ORDINALITY n(name, place)
CROSS JOIN LATERAL (SELECT * FROM scim.account b
                    WHERE b.organization_id = $1::uuid
                      AND b.user_name_key BETWEEN scim.user_name_key(n.name)
                                              AND scim.user_name_key(n.name)
                    ORDER BY b.user_name_key LIMIT 1) a;

-- One row for each element of the arrays from $5 on.
-- fragment: given_accounts(first, second)
unnest($5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
       $10::text[], $11::text[], $12::text[], :account_arrays($13))
WITH ORDINALITY g(:first, :second, kinds, changed, data, role, active,
                  attributes, :account_texts, place)

-- The events of the rows that the CTE "written" has written of "given".
-- fragment: events_of_given
INSERT INTO scim.event (organization_id, account_id, kind, actor_kind,
                        actor_id, actor_name, attributes, version, data)
SELECT w.organization_id, w.id, k.kind, $2, $3::uuid, $4, g.changed::text[],
       w.version, g.data::jsonb
FROM written w
JOIN given g ON g.id = w.id
CROSS JOIN LATERAL unnest(g.kinds::text[]) WITH ORDINALITY k(kind, place)
ORDER BY g.place, k.place

-- The places of the rows of "given" that were not written.
-- fragment: not_written
SELECT g.place FROM given g WHERE g.id NOT IN (SELECT w.id FROM written w)

-- name: ACCOUNTS_INSERT
WITH given AS MATERIALIZED (
    SELECT gen_random_uuid() AS id, g.*
    FROM :given_accounts(managed, sync_eligible)
),
written AS (
    INSERT INTO scim.account AS a (
        organization_id, id, managed, sync_eligible, role, active, attributes,
        :account_texts)
    SELECT $1::uuid, g.id, g.managed::boolean, g.sync_eligible::boolean,
           g.role, g.active::boolean, g.attributes::jsonb, :account_values(g)
    FROM given g
    ORDER BY g.place
    ON CONFLICT (organization_id, user_name_key) DO NOTHING
    RETURNING a.organization_id, a.id, a.version
),
event AS (:events_of_given)
:not_written;

-- Provisioning may take over an account if its event says so.
-- name: ACCOUNTS_UPDATE
WITH given AS MATERIALIZED (
    SELECT g.account::uuid AS id, g.*
    FROM :given_accounts(account, old_version)
),
written AS (
    UPDATE scim.account a
    SET role = g.role, active = g.active::boolean,
        attributes = g.attributes::jsonb, :account_settings(g),
        sync_eligible = a.sync_eligible
            OR 'urn:mod_scim:event:account:eligible' = ANY (g.kinds::text[])
    FROM given g
    CROSS JOIN LATERAL (
        SELECT b.ctid AS row FROM scim.account b
        WHERE b.organization_id = $1::uuid AND b.id BETWEEN g.id AND g.id
          AND b.version = g.old_version::bigint
        ORDER BY b.id LIMIT 1) r
    WHERE a.ctid = r.row
    RETURNING a.organization_id, a.id, a.version
),
event AS (:events_of_given)
:not_written;


-- All about one person, for export and erasure

-- Whether provisioning may change the accounts $2, in the order of $2; NULLs if
-- one is not there any more.
-- name: ACCOUNTS_LABELS :repeatable
SELECT a.managed, a.sync_eligible
FROM unnest($2::uuid[]) WITH ORDINALITY i(id, place)
LEFT JOIN LATERAL (SELECT * FROM scim.account b
                   WHERE b.organization_id = $1::uuid
                     AND b.id BETWEEN i.id AND i.id
                   ORDER BY b.id LIMIT 1) a ON true
ORDER BY i.place;

-- Events about account $2, and what it did as an administrator, after $3.
-- name: PERSON_EVENTS :repeatable from 6
SELECT e.sequence,
       jsonb_build_object('sequence', e.sequence, 'version', e.version,
                          :event_members(e.data))
FROM scim.event e
LEFT JOIN scim.account a
    ON a.organization_id = e.organization_id AND a.id = e.account_id
:group_of(e)
WHERE e.organization_id = $1::uuid AND e.sequence > $3::bigint
  AND (e.account_id = $2::uuid
       OR e.actor_kind = 'account' AND e.actor_id = $2::uuid)
ORDER BY e.sequence LIMIT 500;

-- name: PERSON_REFUSALS :repeatable from 6
SELECT r.sequence,
       jsonb_build_object('sequence', r.sequence,
                          'at', :timestamp(r.occurred_at),
                          'actor', r.actor_name, 'userName', r.user_name,
                          'displayName', r.display_name,
                          'method', r.method, 'path', r.path,
                          'status', r.status, 'scimType', r.scim_type,
                          'detail', r.detail)
FROM scim.refusal r
WHERE r.organization_id = $1::uuid AND r.sequence > $3::bigint
  AND (r.account_id = $2::uuid
       OR scim.user_name_key(r.user_name) = ANY (ARRAY(
           SELECT scim.names_of_account($1::uuid, $2::uuid))))
ORDER BY r.sequence LIMIT 500;

-- The kind of its event: 'urn:mod_scim:event:account:forget'.
-- name: ACCOUNT_FORGET from 6
SELECT f.accounts, f.memberships, f.events, f.acts, f.refusals
FROM scim.forget_account($1::uuid, $2::uuid, $3) f;


-- Groups

-- The columns that scim_groups reads.
-- columns: group
a.id AS id,
a.version AS version,
:timestamp(a.created_at) AS created,
:timestamp(a.updated_at) AS updated,
a.display_name AS display_name,
a.external_id AS external_id

-- name: GROUP_BY_ID :repeatable from 6
SELECT :group_columns FROM scim.user_group a
WHERE a.organization_id = $1::uuid AND a.id = $2::uuid;

-- No row if the displayName is taken.
-- name: GROUP_CREATE from 6
SELECT :group_columns
FROM scim.create_group($1::uuid, $2, $3, $4::uuid[], $5, $6, $7::uuid, $8) a
WHERE :commits_are($9);

-- The group as it is now, whether the version was $3 or $3 is NULL, and whether
-- there is a new one: who waited for another writer may take that one's.
-- name: GROUP_CHANGE from 6
SELECT :group_columns, c.is_expected, a.updated_at >= now()::timestamptz(3)
FROM scim.change_group($1::uuid, $2::uuid, $3::bigint, $4, $5, $6::boolean,
                       $7::uuid[], $8::uuid[], $9, $10, $11::uuid, $12) c
CROSS JOIN LATERAL (SELECT (c.result).*) a
WHERE :commits_are($13);

-- name: GROUP_DELETE from 6
SELECT d.is_expected
FROM scim.delete_group($1::uuid, $2::uuid, $3::bigint, $4, $5, $6::uuid, $7) d
WHERE :commits_are($8);

-- The members of the groups $2 as JSON, in the order of $2; no rows if they are
-- more than $3 together.  $4 names the sub-attributes that are asked for, and
-- $5 is the SCIM URL.
-- name: GROUP_MEMBERS :repeatable from 6
WITH counted AS MATERIALIZED (
    SELECT count(*) AS members
    FROM ((SELECT FROM scim.membership m
           WHERE m.organization_id = $1::uuid AND m.group_id = ANY ($2::uuid[])
           LIMIT $3::bigint + 1)
          UNION ALL
          (SELECT FROM scim.subgroup s
           WHERE s.organization_id = $1::uuid AND s.group_id = ANY ($2::uuid[])
           LIMIT $3::bigint + 1)) bounded
),
wanted AS MATERIALIZED (
    SELECT 'value' = ANY ($4::text[]) AS value, '$ref' = ANY ($4::text[]) AS ref,
           'type' = ANY ($4::text[]) AS type,
           'display' = ANY ($4::text[]) AS display
)
SELECT members.list
FROM counted
CROSS JOIN unnest($2::uuid[]) WITH ORDINALITY g(id, place)
CROSS JOIN LATERAL (
    SELECT concat('[', string_agg(
        concat('{', concat_ws(',',
            CASE WHEN w.value THEN '"value":"' || e.value || '"' END,
            CASE WHEN w.ref
                 THEN '"$ref":' || to_json(concat($5::text, '/', e.type, 's/',
                                                  e.value)) END,
            CASE WHEN w.type THEN '"type":"' || e.type || '"' END,
            CASE WHEN w.display THEN '"display":' || to_json(e.display) END),
            '}'), ',' ORDER BY e.value), ']') AS list
    FROM scim.members_of($1::uuid, g.id) e
    CROSS JOIN wanted w) members
WHERE counted.members <= $3::bigint
ORDER BY g.place;


-- Undo (resources/scim_undo.c)

-- What people call the kind of an event; NULL: it cannot be undone.  The events
-- before that of a group's deletion, with its members, are part of it.
-- fragment: word_of(e)
CASE WHEN :e.kind IN ('urn:ietf:params:scim:event:prov:patch:full',
                      'urn:ietf:params:scim:event:prov:put:full')
     THEN CASE WHEN :e.data ? 'deletion' THEN 'delete' ELSE 'change' END
     WHEN :e.kind LIKE 'urn:mod_scim:event:role:%' THEN 'role'
     ELSE (ARRAY['create', 'delete', 'activate', 'deactivate'])[array_position(
         ARRAY['urn:ietf:params:scim:event:prov:create:full',
               'urn:ietf:params:scim:event:prov:delete',
               'urn:ietf:params:scim:event:prov:activate',
               'urn:ietf:params:scim:event:prov:deactivate'], :e.kind)] END

-- Whether e is an event of organization $1 from $2 until before $3, if they are
-- given, by an actor called $4 (NULL: any), of the kinds $5 (NULL: all).  What
-- undoes something is not undone itself unless that is what somebody points at.
-- fragment: matching(e)
(:e.occurred_at >= coalesce($2::timestamptz, '-infinity')
 AND :e.occurred_at < coalesce($3::timestamptz, 'infinity')
 AND ($4::text IS NULL OR scim.fold(:e.actor_name) = scim.fold($4))
 AND :word_of(:e) IS NOT NULL
 AND ($5::text[] IS NULL OR :word_of(:e) = ANY ($5::text[])
      OR :e.resource_type = 'Group' AND 'group' = ANY ($5::text[]))
 AND NOT :e.data ? 'undoes')

-- The same, or, if $6 is the sequence of an event, whether e is of that change.
-- fragment: chosen_to_undo(e)
CASE WHEN $6::bigint IS NULL THEN :matching(:e)
     ELSE :word_of(:e) IS NOT NULL
          AND (:e.transaction_id, :e.version, :e.occurred_at)
              = (SELECT p.transaction_id, p.version, p.occurred_at
                 FROM scim.event p
                 WHERE p.organization_id = $1::uuid
                   AND p.sequence = $6::bigint) END

-- The change that an event is of.
-- fragment: change_of(e)
(:e.transaction_id, :e.version, :e.occurred_at)::text

-- Groups that were created go first, and deleted ones come back; then accounts,
-- which return to them; then groups become what they were: pass is groups,
-- accounts or members.
-- fragment: in_pass(e, pass)
(:pass = 'accounts') = (:e.account_id IS NOT NULL)
AND (:e.account_id IS NOT NULL OR :e.resource_type = 'Group')
AND (:pass = 'accounts'
     OR (:pass = 'groups')
        = (:e.kind IN ('urn:ietf:params:scim:event:prov:create:full',
                       'urn:ietf:params:scim:event:prov:delete')))

-- fragment: none_after(column)
NOT EXISTS (SELECT FROM scim.event l
            WHERE l.organization_id = $1::uuid AND l.:column = e.:column
              AND l.sequence > e.sequence AND :in_pass(l, $6)
              AND :matching(l))

-- The accounts or groups that the matching events of pass $6 have changed, each
-- at the last of them, the latest first; after that of sequence $7, at most $8.
-- name: UNDO_RESOURCES :repeatable from 6
SELECT :resource_type(e), coalesce(e.resource_id, e.account_id), e.sequence
FROM scim.event e
WHERE e.organization_id = $1::uuid
  AND e.occurred_at >= coalesce($2::timestamptz, '-infinity')
  AND e.occurred_at < coalesce($3::timestamptz, 'infinity')
  AND (e.occurred_at, e.sequence)
      < (coalesce((SELECT c.occurred_at FROM scim.event c
                   WHERE c.organization_id = $1::uuid
                     AND c.sequence = $7::bigint), 'infinity'),
         coalesce($7::bigint, 9223372036854775807))
  AND :in_pass(e, $6) AND :matching(e)
  AND :none_after(account_id) AND :none_after(resource_id)
ORDER BY e.occurred_at DESC, e.sequence DESC LIMIT $8::bigint;

-- The accounts that are, or were when they were deleted, called $2, the group that
-- is, the account or group with this id, and that of the event $3.
-- name: UNDO_NAMED :repeatable from 6
SELECT 'User', n.id FROM (:named_accounts) n
WHERE EXISTS (SELECT FROM scim.event e
              WHERE e.organization_id = $1::uuid AND e.account_id = n.id)
UNION
SELECT 'Group', n.id FROM (:named_groups UNION SELECT :uuid($2)) n
WHERE EXISTS (SELECT FROM scim.event e
              WHERE e.organization_id = $1::uuid AND e.resource_id = n.id
                AND e.resource_type = 'Group')
UNION
SELECT :resource_type(e), coalesce(e.resource_id, e.account_id)
FROM scim.event e
WHERE e.organization_id = $1::uuid AND e.sequence = $3::bigint
  AND (e.account_id IS NOT NULL OR e.resource_type = 'Group')
LIMIT 100;

-- The events of the account or group with the id $8, of type $7.
-- fragment: events_of_one
(SELECT u.* FROM scim.event u
 WHERE $7 = 'User' AND u.organization_id = $1::uuid
   AND u.account_id = $8::uuid
 UNION ALL
 SELECT u.* FROM scim.event u
 WHERE $7 = 'Group' AND u.organization_id = $1::uuid
   AND u.resource_id = $8::uuid)

-- What of the events "live" concerns an account or a group: the values before
-- the first event of each attribute; of a switch or a role, that alone.
-- fragment: values_before
(SELECT jsonb_object_agg(v.name, v.value)
 FROM (SELECT DISTINCT ON (k.name) k.name, l.data -> 'before' -> k.name AS value
       FROM live l
       CROSS JOIN LATERAL (
           SELECT jsonb_object_keys(coalesce(l.data -> 'before', '{}')
                                    || coalesce(l.data -> 'after', '{}'))
       ) k(name)
       WHERE CASE l.word WHEN 'role' THEN k.name = 'roles'
                         WHEN 'activate' THEN k.name = 'active'
                         WHEN 'deactivate' THEN k.name = 'active'
                         ELSE true END
       ORDER BY k.name, l.sequence) v)

-- fragment: is_in_group(id)
(EXISTS (SELECT FROM scim.membership h
         WHERE h.organization_id = $1::uuid AND h.group_id = $8::uuid
           AND h.account_id = :uuid(:id))
 OR EXISTS (SELECT FROM scim.subgroup h
            WHERE h.organization_id = $1::uuid AND h.group_id = $8::uuid
              AND h.child_id = :uuid(:id)))

-- The members that a group had before and has not now, or the other way round.
-- fragment: members_before(was)
(SELECT array_agg(m.id)
 FROM (SELECT DISTINCT ON (d.id) d.id, d.was
       FROM live l
       CROSS JOIN LATERAL (
           SELECT a.id, false FROM jsonb_array_elements_text(l.data -> 'added')
               a(id)
           UNION ALL
           SELECT r.id, true
           FROM jsonb_array_elements_text(l.data -> 'removed') r(id)) d(id, was)
       ORDER BY d.id, l.sequence) m
 WHERE m.was = :was AND :is_in_group(m.id) <> :was)

-- Whether the group $8 is not what the last events "near" of each attribute and
-- member say.  A member that is not there any more has left without an event.
-- fragment: group_differs
EXISTS (SELECT FROM scim.user_group g
        JOIN (SELECT DISTINCT ON (k.name) k.name,
                     n.data -> 'after' ->> k.name AS value
              FROM near n
              CROSS JOIN LATERAL (
                  SELECT jsonb_object_keys(coalesce(n.data -> 'before', '{}')
                                           || coalesce(n.data -> 'after', '{}'))
              ) k(name)
              ORDER BY k.name, n.sequence DESC) v
            ON v.value IS DISTINCT FROM scim.group_document(g) ->> v.name
        WHERE g.organization_id = $1::uuid AND g.id = $8::uuid)
OR EXISTS (SELECT FROM (SELECT DISTINCT ON (d.id) d.id, d.is_in
                        FROM near n
                        CROSS JOIN LATERAL (
                            SELECT a.id, true FROM jsonb_array_elements_text(
                                n.data -> 'added') a(id)
                            UNION ALL
                            SELECT r.id, false FROM jsonb_array_elements_text(
                                n.data -> 'removed') r(id)) d(id, is_in)
                        ORDER BY d.id, n.sequence DESC) m
           WHERE m.is_in <> :is_in_group(m.id)
             AND (NOT m.is_in
                  OR EXISTS (SELECT FROM scim.account a
                             WHERE a.organization_id = $1::uuid
                               AND a.id = :uuid(m.id))
                  OR EXISTS (SELECT FROM scim.user_group c
                             WHERE c.organization_id = $1::uuid
                               AND c.id = :uuid(m.id))))

-- What undoing does to the account or group of type $7 with the id $8 in pass
-- $9, with at most $10 of its events, the latest ones.
--
-- An event is dead if a later one undoes it, unless that is dead itself.
-- Whoever else has changed the resource since stops the undoing: the last event
-- after the first one that lives, that is not chosen, dead or of a chosen
-- change, and does not just undo what came after that, or what is chosen.
-- name: UNDO_PLAN :repeatable from 6
WITH RECURSIVE first AS MATERIALIZED (
    SELECT min(e.sequence) AS sequence FROM :events_of_one e
    WHERE :chosen_to_undo(e)
),
near AS MATERIALIZED (
    SELECT e.*, :chosen_to_undo(e) AS is_chosen, :word_of(e) AS word,
           :change_of(e) AS change
    FROM :events_of_one e
    WHERE e.sequence >= (SELECT f.sequence FROM first f)
),
undoing AS MATERIALIZED (
    SELECT row_number() OVER (ORDER BY n.sequence DESC) AS place, n.sequence,
           ARRAY(SELECT u.value::bigint
                 FROM jsonb_array_elements_text(n.data -> 'undoes') u) AS undone
    FROM near n WHERE n.data ? 'undoes'
),
walk(place, dead) AS (
    SELECT 0::bigint, '{}'::bigint[]
    UNION ALL
    SELECT u.place, CASE WHEN u.sequence = ANY (w.dead) THEN w.dead
                         ELSE w.dead || u.undone END
    FROM walk w JOIN undoing u ON u.place = w.place + 1
),
dead AS MATERIALIZED (
    SELECT unnest(w.dead) AS sequence
    FROM (SELECT * FROM walk ORDER BY place DESC LIMIT 1) w
),
alive AS MATERIALIZED (
    SELECT n.* FROM near n
    WHERE n.is_chosen
      AND NOT EXISTS (SELECT FROM dead d WHERE d.sequence = n.sequence)
),
creation AS MATERIALIZED (
    SELECT bool_or(e.word = 'create') AS is_one FROM alive e
),
live AS MATERIALIZED (
    SELECT e.* FROM alive e
    WHERE :in_pass(e, $9) OR (SELECT c.is_one FROM creation c)
    ORDER BY e.sequence DESC LIMIT $10::bigint
),
deletion AS MATERIALIZED (
    SELECT e.* FROM alive e
    WHERE e.kind = 'urn:ietf:params:scim:event:prov:delete'
    ORDER BY e.sequence DESC LIMIT 1
),
since AS MATERIALIZED (
    SELECT n.* FROM near n
    WHERE n.sequence >= (SELECT min(l.sequence) FROM live l)
),
other AS (
    SELECT n.* FROM since n
    WHERE NOT n.is_chosen
      AND NOT EXISTS (SELECT FROM dead d WHERE d.sequence = n.sequence)
      AND n.change NOT IN (SELECT l.change FROM live l)
      AND (NOT n.data ? 'undoes'
           OR EXISTS (SELECT FROM undoing u CROSS JOIN unnest(u.undone) x(sequence)
                      WHERE u.sequence = n.sequence
                        AND x.sequence < (SELECT min(l.sequence) FROM live l)
                        AND NOT EXISTS (SELECT FROM scim.event e
                                        WHERE e.organization_id = $1::uuid
                                          AND e.sequence = x.sequence
                                          AND (:chosen_to_undo(e)
                                               OR :change_of(e) IN (
                                                   SELECT l.change FROM live l)))))
    ORDER BY n.sequence DESC LIMIT 1
)
SELECT (SELECT jsonb_agg(l.sequence ORDER BY l.sequence) FROM live l),
       (SELECT count(*) > $10::bigint FROM alive e WHERE :in_pass(e, $9)),
       (SELECT c.is_one FROM creation c),
       d.sequence, d.data -> 'account', d.data -> 'groups',
       coalesce(d.data ->> 'created', d.data #>> '{account,created}'),
       :values_before, :members_before(true), :members_before(false),
       o.actor_name, :timestamp(o.occurred_at), o.kind,
       (SELECT max(s.version) FROM since s),
       CASE WHEN $7 = 'User'
            THEN (SELECT count(DISTINCT s.version)
                         = max(s.version) - min(s.version) + 1 FROM since s)
            ELSE NOT (:group_differs) END,
       (SELECT coalesce(e.data #>> '{before,userName}',
                        e.data #>> '{before,displayName}',
                        e.data #>> '{after,userName}',
                        e.data #>> '{after,displayName}')
        FROM alive e
        WHERE e.word IN ('create', 'delete') AND NOT e.data ? 'deletion'
        ORDER BY e.sequence DESC LIMIT 1)
FROM first f
LEFT JOIN deletion d ON true
LEFT JOIN other o ON true;

-- The account that has the userName $7, unless it is the one with the id $8, or
-- will be changed as well.
-- name: UNDO_TAKEN :repeatable from 6
SELECT a.id FROM scim.account a
WHERE a.organization_id = $1::uuid
  AND a.user_name_key = scim.user_name_key($7) AND a.id <> $8::uuid
  AND NOT EXISTS (SELECT FROM scim.event e
                  WHERE e.organization_id = $1::uuid AND e.account_id = a.id
                    AND :chosen_to_undo(e));

-- The time of the database, after which no change is undone.
-- name: UNDO_BEGIN :repeatable
SELECT :timestamp(now());

-- fragment: undo_more(undoes)
jsonb_build_object('undoes', :undoes::jsonb)

-- The account with the id $17, after version $18, as $19 (data.account of the
-- deletion) says; it returns to those of the groups $20 that are there.  How many
-- they are, or no row if the userName, or the id, is taken.
-- name: ACCOUNT_RESTORE from 6
WITH created AS (
    INSERT INTO scim.account AS a (
        organization_id, id, version, managed, sync_eligible, provisioned_at,
        created_at, role, active, attributes, :account_texts)
    SELECT $1::uuid, $17::uuid, $18::bigint + 1,
           coalesce(($19::jsonb ->> 'managed')::boolean, true),
           coalesce(($19::jsonb ->> 'syncEligible')::boolean, true),
           ($19::jsonb ->> 'provisionedAt')::timestamptz,
           coalesce(($19::jsonb ->> 'created')::timestamptz, now()),
           $9, $10::boolean, $11::jsonb, :account_values($12)
    ON CONFLICT DO NOTHING
    RETURNING a.organization_id, a.id, a.version
),
event AS (:events(created, $2, $3, $4, $5, $6, $7, $8) RETURNING true)
SELECT scim.join_groups(c.organization_id, c.id, ARRAY(
           SELECT g.id::uuid FROM jsonb_array_elements_text($20::jsonb) g(id)),
           $3, $4::uuid, $5, :undo_more($21))
FROM created c
WHERE (SELECT count(*) FROM event) > 0;

-- No row if the displayName, or the id, is taken.
-- name: GROUP_RESTORE from 6
SELECT g.joined
FROM scim.restore_group($1::uuid, $2::uuid, $3::bigint + 1, $4, $5,
         $6::timestamptz, ARRAY(SELECT p.id::uuid
             FROM jsonb_array_elements_text($7::jsonb) p(id)),
         $8, $9, $10::uuid, $11, :undo_more($12)) g(joined)
WHERE g.joined IS NOT NULL;

-- Its row is as in GROUP_DELETE, and whether anything was different.
-- name: GROUP_UNDO from 6
SELECT u.is_expected, u.is_changed
FROM scim.undo_group($1::uuid, $2::uuid, $3::bigint, $4, $5, $6::uuid[],
                     $7::uuid[], $8, $9::uuid, $10, :undo_more($11)) u
WHERE u.is_expected IS NOT NULL;

-- name: GROUP_UNDO_CREATION from 6
SELECT d.is_expected
FROM scim.delete_group($1::uuid, $2::uuid, $3::bigint,
                       'urn:ietf:params:scim:event:prov:delete', $4, $5::uuid,
                       $6, :undo_more($7)) d;


-- Commits that are flushed together (scim_db_defer_flush)

-- It differs on another server, and after a crash, which loses commits that
-- did not wait for the disk.  When one process has crashed, the first one goes
-- on, so its start time stays the same; but the statistics are reset.
-- fragment: life_of_server
concat_ws(' ', extract(epoch FROM pg_postmaster_start_time()),
          (SELECT extract(epoch FROM stats_reset) FROM pg_stat_wal))

-- name: LIFE :repeatable
SELECT :life_of_server;

-- name: FLUSH :repeatable
SELECT :life_of_server, pg_logical_emit_message(true, 'mod_scim', '');
