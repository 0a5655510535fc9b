-- SPDX-License-Identifier: Apache-2.0
-- mod_scim: the database.  PostgreSQL 15 or later, encoding UTF8, with ICU.
--
--   psql -v ON_ERROR_STOP=1 -f schema.sql
--
-- as the role scim_owner, or as one that may SET ROLE scim_owner; roles.sql
-- creates the roles.  Applying it again is safe, also while httpd is running: it
-- creates what is missing or differs, keeps all rows, and takes no blocking lock
-- when there is nothing to do.  If it is applied twice at the same time, the
-- second one waits.
--
-- It has two parts.  The first is one transaction, applied as a whole or not at
-- all.  The second builds indexes while requests go on; if it is interrupted,
-- applying schema.sql again continues there.

\set AUTOCOMMIT on

-- Everything created here belongs to scim_owner, and names in it are PostgreSQL's
-- own, whatever else the database has.
SET search_path = pg_catalog, pg_temp;
SELECT 'SET ROLE scim_owner' FROM pg_roles r
WHERE r.rolname = 'scim_owner' AND pg_has_role(r.oid, 'MEMBER')
  AND NOT EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = 'scim' AND n.nspowner <> r.oid) \gexec

DO $$
BEGIN
    IF pg_is_in_recovery() THEN
        RAISE EXCEPTION 'This server is a standby, which takes no changes: connect to the primary';
    END IF;
END
$$;

-- The steps to this version.  needs: the oldest version whose modules work with
-- it; NULL: itself.
CREATE OR REPLACE FUNCTION pg_temp.steps() RETURNS TABLE (version integer, needs integer, summary text) LANGUAGE sql AS $$
    VALUES
        (1, NULL::integer, 'Organizations, accounts, tokens and events'),
        (2, NULL, 'Refused requests, for Activity'),
        (3, NULL, 'The change feed and relays'),
        (4, NULL, 'Issuers of tokens stay administrators; deleted accounts are found by name'),
        (5, NULL, 'Roles with few privileges; userNames are compared by case folding'),
        (6, 5, 'Groups; events of other resources; faster writes')
$$;

-- Those that this database has, as far as this role may know.
CREATE OR REPLACE FUNCTION pg_temp.applied() RETURNS TABLE (version integer, at timestamptz, by text) LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_class c WHERE c.relname = 'schema_version' AND c.relnamespace = to_regnamespace('scim')
               AND has_schema_privilege(c.relnamespace, 'USAGE')) THEN
        RETURN QUERY SELECT v.version, v.applied_at, to_jsonb(v) ->> 'applied_by' FROM scim.schema_version v;
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION pg_temp.has_step(step integer) RETURNS boolean LANGUAGE sql AS $$
    SELECT EXISTS (SELECT FROM pg_temp.applied() a WHERE a.version = step)
$$;

-- In the order in which their locks are taken.  Whoever may not use the schema
-- may know whether they exist.
CREATE OR REPLACE FUNCTION pg_temp.tables() RETURNS TABLE (name text, relation regclass) LANGUAGE sql AS $$
    SELECT t.name, (SELECT c.oid FROM pg_class c WHERE c.relname = t.name AND c.relnamespace = to_regnamespace('scim'))::regclass
    FROM unnest(ARRAY['user_group', 'account', 'membership', 'subgroup', 'event', 'token', 'organization', 'refusal', 'deleted_token', 'relay', 'guard_count', 'guard_trip', 'request', 'request_hour', 'account_seen', 'schema_version'])
         WITH ORDINALITY t(name, place)
    ORDER BY t.place
$$;

-- Columns that were added to tables after their first version.
CREATE OR REPLACE FUNCTION pg_temp.missing_columns() RETURNS TABLE (relation text, name text, definition text) LANGUAGE sql AS $$
    SELECT w.relation, w.name, w.definition
    FROM (VALUES
        ('schema_version', 'needs', 'integer'),
        ('schema_version', 'applied_by', 'text'),
        -- Existing rows get a constant, so that none is written.
        ('event', 'history', 'bigint NOT NULL DEFAULT 0'),
        ('event', 'restored_transaction_id', 'xid8'),
        ('event', 'resource_type', 'text'),
        ('event', 'resource_id', 'uuid'),
        ('refusal', 'resource_type', 'text'),
        ('refusal', 'resource_id', 'uuid'),
        ('refusal', 'display_name', 'text'),
        ('relay', 'history', 'bigint NOT NULL DEFAULT 0'),
        ('relay', 'transaction_id', 'xid8'),
        ('relay', 'organization_id', 'uuid'),
        ('relay', 'refused', 'bigint'),
        ('relay', 'attempts', 'integer NOT NULL DEFAULT 0'),
        ('relay', 'last_error', 'text'),
        ('relay', 'last_error_at', 'timestamptz(3)'),
        ('relay', 'skipped', 'bigint'),
        ('relay', 'skipped_at', 'timestamptz(3)'),
        -- Two random UUIDs have 244 random bits.
        ('organization', 'cursor_key', 'bytea NOT NULL DEFAULT decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, ''-'', ''''), ''hex'')'
         ' CHECK (length(cursor_key) >= 32)'),
        ('token', 'noticed', 'smallint'),
        ('token', 'refused_at', 'timestamptz(3)'),
        ('organization', 'provisioning_paused', 'boolean NOT NULL DEFAULT false'),
        ('organization', 'has_groups', 'boolean NOT NULL DEFAULT false'),
        ('organization', 'provisioned_read_only', 'boolean NOT NULL DEFAULT false'),
        -- Their defaults come later, so that an existing organization has no guard.
        ('organization', 'guard_number', 'integer CHECK (guard_number BETWEEN 1 AND 1000000)'),
        ('organization', 'guard_percent', 'integer CHECK (guard_percent BETWEEN 1 AND 100)'),
        ('organization', 'guard_open_until', 'timestamptz(3)'),
        ('organization', 'move_id', 'uuid'),
        ('organization', 'move_side', 'text CHECK (move_side IN (''leaving'', ''left'', ''arriving''))')) w(relation, name, definition)
    WHERE NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('scim.' || w.relation) AND attname = w.name)
$$;

-- Triggers.  A new name must be valid, but an existing invalid one does not keep
-- its row from being changed otherwise: a leaver with a bad name can still be
-- deactivated.  scim.account_before_write has the rules of accounts: PostgreSQL
-- reads and plans a trigger's condition anew for each row, and accounts are
-- written often.
CREATE OR REPLACE FUNCTION pg_temp.missing_triggers() RETURNS SETOF text LANGUAGE sql AS $$
    WITH wanted(definition) AS (
        VALUES
            ('CREATE TRIGGER account_before_write BEFORE INSERT OR UPDATE ON scim.account FOR EACH ROW EXECUTE FUNCTION scim.account_before_write()'),
            ('CREATE TRIGGER account_keep_token_issuer_update BEFORE UPDATE ON scim.account FOR EACH ROW'
             ' WHEN (OLD.active AND NOT NEW.active OR OLD.role = ''ADMIN''::text AND NEW.role <> ''ADMIN''::text)'
             ' EXECUTE FUNCTION scim.account_keep_token_issuer()'),
            ('CREATE TRIGGER account_keep_token_issuer_delete BEFORE DELETE ON scim.account FOR EACH ROW EXECUTE FUNCTION scim.account_keep_token_issuer()'),
            ('CREATE TRIGGER account_memberships_delete AFTER DELETE ON scim.account REFERENCING OLD TABLE AS gone FOR EACH STATEMENT'
             ' EXECUTE FUNCTION scim.delete_memberships()'),
            ('CREATE TRIGGER account_memberships_truncate AFTER TRUNCATE ON scim.account FOR EACH STATEMENT EXECUTE FUNCTION scim.delete_memberships()'),
            ('CREATE TRIGGER account_seen_delete AFTER DELETE ON scim.account REFERENCING OLD TABLE AS gone FOR EACH STATEMENT'
             ' EXECUTE FUNCTION scim.forget_seen()'),
            ('CREATE TRIGGER token_needs_admin BEFORE INSERT OR UPDATE OF issuer, organization_id, expires_at ON scim.token FOR EACH ROW'
             ' EXECUTE FUNCTION scim.token_needs_admin()'),
            ('CREATE TRIGGER token_keep_deleted AFTER DELETE ON scim.token FOR EACH ROW EXECUTE FUNCTION scim.keep_deleted_token()'),
            ('CREATE TRIGGER event_before_insert BEFORE INSERT ON scim.event FOR EACH ROW EXECUTE FUNCTION scim.event_before_insert()'),
            ('CREATE TRIGGER token_revocation_delete BEFORE DELETE ON scim.token FOR EACH ROW'
             ' WHEN (OLD.expires_at IS NULL OR OLD.expires_at > now()) EXECUTE FUNCTION scim.revocation_waits()'),
            ('CREATE TRIGGER token_revocation_update BEFORE UPDATE OF organization_id, id, hash, expires_at ON scim.token FOR EACH ROW'
             ' EXECUTE FUNCTION scim.revocation_waits()'),
            ('CREATE TRIGGER user_group_before_write BEFORE INSERT OR UPDATE ON scim.user_group FOR EACH ROW EXECUTE FUNCTION scim.user_group_before_write()'),
            ('CREATE TRIGGER user_group_insert AFTER INSERT ON scim.user_group REFERENCING NEW TABLE AS made FOR EACH STATEMENT'
             ' EXECUTE FUNCTION scim.note_first_group()'),
            ('CREATE TRIGGER user_group_memberships_delete AFTER DELETE ON scim.user_group REFERENCING OLD TABLE AS gone FOR EACH STATEMENT'
             ' EXECUTE FUNCTION scim.delete_memberships()'),
            ('CREATE TRIGGER user_group_memberships_truncate AFTER TRUNCATE ON scim.user_group FOR EACH STATEMENT EXECUTE FUNCTION scim.delete_memberships()'),
            ('CREATE TRIGGER membership_insert AFTER INSERT ON scim.membership REFERENCING NEW TABLE AS changed FOR EACH STATEMENT'
             ' EXECUTE FUNCTION scim.count_group_change()'),
            -- After membership_insert, which locks groups: they are locked before accounts.
            ('CREATE TRIGGER membership_unknown AFTER INSERT ON scim.membership REFERENCING NEW TABLE AS changed FOR EACH STATEMENT'
             ' EXECUTE FUNCTION scim.refuse_unknown_members()'),
            ('CREATE TRIGGER membership_update AFTER UPDATE ON scim.membership REFERENCING NEW TABLE AS changed FOR EACH STATEMENT'
             ' EXECUTE FUNCTION scim.count_group_change()'),
            ('CREATE TRIGGER membership_update_unknown AFTER UPDATE ON scim.membership REFERENCING NEW TABLE AS changed FOR EACH STATEMENT'
             ' EXECUTE FUNCTION scim.refuse_unknown_members()'),
            ('CREATE TRIGGER membership_delete AFTER DELETE ON scim.membership REFERENCING OLD TABLE AS changed FOR EACH STATEMENT'
             ' EXECUTE FUNCTION scim.count_group_change()'),
            ('CREATE TRIGGER subgroup_insert AFTER INSERT ON scim.subgroup REFERENCING NEW TABLE AS changed FOR EACH STATEMENT'
             ' EXECUTE FUNCTION scim.count_group_change()'),
            ('CREATE TRIGGER subgroup_delete AFTER DELETE ON scim.subgroup REFERENCING OLD TABLE AS changed FOR EACH STATEMENT'
             ' EXECUTE FUNCTION scim.count_group_change()'),
            ('CREATE TRIGGER subgroup_nesting AFTER INSERT ON scim.subgroup REFERENCING NEW TABLE AS changed FOR EACH STATEMENT'
             ' EXECUTE FUNCTION scim.subgroup_nesting()'),
            ('CREATE TRIGGER organization_revocation BEFORE UPDATE OF provisioning_enabled, provisioning_paused, move_side ON scim.organization FOR EACH ROW'
             ' WHEN (OLD.provisioning_enabled AND NOT NEW.provisioning_enabled OR NEW.provisioning_paused AND NOT OLD.provisioning_paused'
             ' OR NEW.move_side IS NOT NULL AND OLD.move_side IS NULL)'
             ' EXECUTE FUNCTION scim.revocation_waits()')
        UNION ALL
        SELECT format(form, relation, column_name, rule, refused)
        FROM (VALUES
            ('organization', 'name', 'is_name', 'must not be blank or contain control, direction or invisible characters'),
            ('organization', 'domains', 'are_domains', 'must be names of domains such as example.com'),
            ('token', 'name', 'is_name', 'must not be blank or contain control, direction or invisible characters'),
            ('user_group', 'display_name', 'is_name', 'must not be blank or contain control, direction or invisible characters')) rule(relation, column_name, rule, refused)
        CROSS JOIN (VALUES
            ('CREATE TRIGGER %1$s_%2$s_insert BEFORE INSERT ON scim.%1$s FOR EACH ROW'
             ' WHEN (NOT scim.%3$s(NEW.%2$s)) EXECUTE FUNCTION scim.refuse_value(%2$L, %4$L)'),
            ('CREATE TRIGGER %1$s_%2$s_update BEFORE UPDATE ON scim.%1$s FOR EACH ROW'
             ' WHEN (NEW.%2$s IS DISTINCT FROM OLD.%2$s AND NOT scim.%3$s(NEW.%2$s))'
             ' EXECUTE FUNCTION scim.refuse_value(%2$L, %4$L)')) f(form)
    )
    SELECT definition FROM wanted
    WHERE translate(lower(definition), '() ', '') NOT IN (    -- PostgreSQL adds parentheses
        SELECT translate(lower(pg_get_triggerdef(t.oid)), '() ', '')
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'scim' AND t.tgenabled = 'O')
$$;

-- Indexes.  Each begins with the organization, so that no request reads, or waits
-- for, rows of another one; for GIN this needs btree_gin.  What is written to GIN
-- waits in a list that each search reads, until it is as long as the limit (kB): with
-- the 4 MB of PostgreSQL, a search in an initial cycle costs four times as much.
CREATE OR REPLACE FUNCTION pg_temp.missing_indexes() RETURNS TABLE (name text, relation text, definition text, is_broken boolean) LANGUAGE sql AS $$
    SELECT w.name, w.relation, w.definition, i.indexrelid IS NOT NULL
    FROM (VALUES
        ('account_external_id', 'scim.account', '(organization_id, external_id, id)'),
        ('account_display_name', 'scim.account', '(organization_id, (scim.fold(display_name) COLLATE "C"), id)'),
        ('account_created', 'scim.account', '(organization_id, created_at, id)'),
        ('account_updated', 'scim.account', '(organization_id, updated_at, id)'),
        ('account_by_attribute', 'scim.account', 'USING gin (organization_id, scim.fold_json(attributes) jsonb_path_ops) WITH (gin_pending_list_limit = 256)'),
        -- The members page: any choice of role, state and label is a few ranges
        -- of this index, each in the order of userName.
        ('account_by_label', 'scim.account', '(organization_id, role, active, scim.account_label(managed, sync_eligible, provisioned_at), user_name_key)'),
        ('account_search', 'scim.account', 'USING gin (organization_id, (scim.account_grams(user_name, display_name, attributes) COLLATE "C")) WITH (gin_pending_list_limit = 256)'),
        ('user_group_external_id', 'scim.user_group', '(organization_id, external_id, id)'),
        ('user_group_created', 'scim.user_group', '(organization_id, created_at, id)'),
        ('user_group_updated', 'scim.user_group', '(organization_id, updated_at, id)'),
        ('membership_account', 'scim.membership', '(organization_id, account_id, group_id)'),
        ('subgroup_child', 'scim.subgroup', '(organization_id, child_id, group_id)'),
        ('token_issuer', 'scim.token', '(organization_id, issuer)'),
        -- Finds the warning that would be written again.
        ('refusal_warned', 'scim.refusal', '(organization_id, detail, coalesce(resource_id, account_id, ''00000000-0000-0000-0000-000000000000''::uuid)) WHERE status < 400'),
        ('event_account', 'scim.event', '(organization_id, account_id, sequence)'),
        ('event_resource', 'scim.event', '(organization_id, resource_id, sequence) WHERE resource_id IS NOT NULL'),
        -- Activity, by kind and by actor.  Changes of attributes are most of all
        -- events, and are soon found among them.
        ('event_kind', 'scim.event', '(organization_id, kind COLLATE "C", sequence)'
         ' WHERE kind <> ''urn:ietf:params:scim:event:prov:patch:full'' AND kind <> ''urn:ietf:params:scim:event:prov:put:full'''),
        ('event_actor', 'scim.event', '(organization_id, actor_name COLLATE "C", sequence)'),
        ('event_group', 'scim.event', '(organization_id, sequence) WHERE resource_type = ''Group'''),
        -- Finds deleted accounts by name.
        ('event_deleted', 'scim.event', '(organization_id, scim.user_name_key(data #>> ''{before,userName}''))'
         ' WHERE kind = ''urn:ietf:params:scim:event:prov:delete'''),
        -- Finds accounts by names that they had before.
        ('event_renamed', 'scim.event', '(organization_id, sequence)'
         ' WHERE resource_type IS NULL AND kind <> ''urn:ietf:params:scim:event:prov:delete'''
         ' AND data -> ''before'' ?| ARRAY[''userName'', ''displayName'']'),
        -- The change feed reads in this order, up to the oldest transaction that
        -- is still open, so what it has passed can never change.
        ('event_feed', 'scim.event', '(transaction_id, sequence)'),
        ('event_own_feed', 'scim.event', '(organization_id, transaction_id, sequence)'),
        -- Finds what was undone.
        ('event_undoing', 'scim.event', '(organization_id, coalesce(resource_id, account_id), sequence) WHERE data ? ''undoes'''),
        -- Changes of a time, for undo.
        ('event_time', 'scim.event', '(organization_id, occurred_at, sequence)')) w(name, relation, definition)
    LEFT JOIN (pg_index i JOIN pg_class c ON c.oid = i.indexrelid
               JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'scim') ON c.relname = w.name
    WHERE i.indisvalid IS NOT TRUE
$$;

-- Why this file cannot be applied here, by this role.
CREATE OR REPLACE FUNCTION pg_temp.obstacles() RETURNS SETOF text LANGUAGE sql AS $$
    SELECT o.text
    FROM (SELECT current_setting('server_encoding') AS encoding,
                 (SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'scim') AS owner,
                 (SELECT max(a.version) FROM pg_temp.applied() a) AS version,
                 (SELECT max(s.version) FROM pg_temp.steps() s) AS release) d
    CROSS JOIN LATERAL (VALUES
        (d.encoding <> 'UTF8', format('mod_scim needs a database with encoding UTF8, this one has %s', d.encoding)),
        (to_regrole('scim_owner') IS NULL, 'there is no role scim_owner: run "scimctl db create" as a superuser, or roles.sql, which makes it and the others'),
        (NOT pg_has_role(to_regrole('scim_owner'), 'MEMBER'), format('do this as scim_owner (PGUSER=scim_owner); %s is not a member of that role', current_user)),
        (d.owner <> 'scim_owner', format('schema scim belongs to %s: run "scimctl db create" as a superuser, or roles.sql in this database, which hands it over to scim_owner', d.owner)),
        (d.version > d.release, format('the database has version %s, which is newer than version %s of this release: use a release that knows it', d.version, d.release))) o(is_one, text)
    WHERE o.is_one
$$;

-- The sessions that have used the tables since the first look and, as PostgreSQL
-- says it, since when.  A role that is not a superuser sees when its own
-- transactions began; the others have been there at least since then.
CREATE OR REPLACE FUNCTION pg_temp.users() RETURNS text[] LANGUAGE sql AS $$
    SELECT ARRAY(SELECT DISTINCT l.virtualtransaction FROM pg_locks l
                 WHERE l.relation IN (SELECT t.relation FROM pg_temp.tables() t) AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()
                   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))
$$;
CREATE OR REPLACE FUNCTION pg_temp.users_since(first text[], looked_at timestamptz) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT coalesce(format('process %s (role %s%s) since %s', l.pid, a.usename, ', ' || nullif(a.application_name, ''),
                           to_char(least(a.xact_start, looked_at), 'HH24:MI:SS')),
                    'a prepared transaction (pg_prepared_xacts)')
    FROM (SELECT DISTINCT pid FROM pg_locks
          WHERE virtualtransaction = ANY (first) AND virtualtransaction = ANY (pg_temp.users())) l
    LEFT JOIN pg_stat_activity a ON a.pid = l.pid
    ORDER BY l.pid
$$;

-- psql -v scim_status=1 -f schema.sql, as "scimctl db status" does, tells what there
-- is, as one line of JSON, and changes nothing.
\if :{?scim_status}
CREATE OR REPLACE FUNCTION pg_temp.missing() RETURNS TABLE (kind text, name text, state text) LANGUAGE sql AS $$
    SELECT 'table', 'scim.' || t.name, 'missing' FROM pg_temp.tables() t WHERE t.relation IS NULL
    UNION ALL
    SELECT 'column', concat_ws('.', 'scim', c.relation, c.name), 'missing' FROM pg_temp.missing_columns() c
    UNION ALL
    SELECT 'trigger', split_part(d.definition, ' ', 3), 'missing' FROM pg_temp.missing_triggers() d(definition)
    UNION ALL
    SELECT 'index', 'scim.' || i.name, CASE WHEN i.is_broken THEN 'invalid' ELSE 'missing' END FROM pg_temp.missing_indexes() i
$$;
CREATE OR REPLACE FUNCTION pg_temp.state() RETURNS TABLE (version integer, release integer, roles jsonb, missing jsonb, is_whole boolean) LANGUAGE sql AS $$
    SELECT *, (d.version = d.release AND d.missing = '[]' AND NOT d.roles @> '[{"exists": false}]') IS TRUE
    FROM (SELECT v.version, v.release,
                 (SELECT jsonb_agg(jsonb_build_object('name', r.name, 'exists', to_regrole(r.name) IS NOT NULL))
                  FROM unnest(ARRAY['scim_owner', 'scim', 'scim_app', 'scim_reader']) r(name)) AS roles,
                 CASE WHEN v.version = v.release
                      THEN (SELECT coalesce(jsonb_agg(jsonb_build_object('kind', m.kind, 'name', m.name, 'state', m.state)), '[]') FROM pg_temp.missing() m)
                      ELSE '[]' END AS missing
          FROM (SELECT (SELECT max(a.version) FROM pg_temp.applied() a) AS version,
                       (SELECT max(s.version) FROM pg_temp.steps() s) AS release) v) d
$$;
SELECT pg_temp.users() AS first_users, clock_timestamp() AS first_look \gset
SELECT pg_sleep(2) FROM pg_temp.state() s WHERE NOT s.is_whole \g /dev/null
SELECT json_strip_nulls(json_build_object(
    'database', current_database(), 'server', current_setting('server_version'),
    'owner', (SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'scim'),
    'version', s.version, 'release', s.release, 'upToDate', s.is_whole,
    'steps', (SELECT json_agg(json_build_object(
                  'version', t.version, 'summary', t.summary, 'appliedBy', a.by,
                  'appliedAt', to_char(a.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')) ORDER BY t.version)
              FROM pg_temp.steps() t LEFT JOIN pg_temp.applied() a ON a.version = t.version),
    'roles', s.roles, 'missing', s.missing,
    'obstacles', (SELECT coalesce(jsonb_agg(jsonb_build_object('text', o.text)), '[]')
                  FROM (SELECT pg_temp.obstacles() UNION ALL
                        SELECT 'tables of scim are in use by ' || u FROM pg_temp.users_since(:'first_users', :'first_look') u) o(text)
                  WHERE NOT s.is_whole)))
FROM pg_temp.state() s;
\quit
\endif

DO $$
DECLARE
    obstacle text := (SELECT o FROM pg_temp.obstacles() o LIMIT 1);
    lock CONSTANT bigint := hashtext('scim.schema');
    has_waited boolean := false;
BEGIN
    IF obstacle IS NOT NULL THEN
        RAISE EXCEPTION 'Nothing was changed: %', obstacle;
    END IF;
    -- A session that builds an index waits for all transactions, even for one that
    -- waits for that session, so this one ends again and again.
    WHILE NOT pg_try_advisory_lock(lock) LOOP
        IF NOT has_waited THEN
            RAISE NOTICE 'Waiting for %, which is applying schema.sql or roles.sql here', coalesce(
                (SELECT format('process %s (role %s)', l.pid, a.usename)
                 FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
                 WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND a.datname = current_database()
                   AND (l.classid::bigint << 32) | l.objid::bigint = lock
                 LIMIT 1), 'another session');
            has_waited := true;
        END IF;
        PERFORM pg_sleep(0.1);
        COMMIT;
    END LOOP;
END
$$;

BEGIN;

SET LOCAL client_min_messages = warning;
SET LOCAL lock_timeout = '2s';

-- Begin a step: a line for whoever waits, and its row.
CREATE OR REPLACE PROCEDURE pg_temp.begin_step(step integer) LANGUAGE plpgsql SET client_min_messages = notice AS $$
BEGIN
    RAISE NOTICE 'Step % of %: %', step, (SELECT max(s.version) FROM pg_temp.steps() s), (SELECT s.summary FROM pg_temp.steps() s WHERE s.version = step);
    INSERT INTO scim.schema_version (version) VALUES (step);
END
$$;

-- PostgreSQL locks a table to comment on it, to replace a trigger or to see
-- whether an index exists, even when nothing changes.  So these check first.
CREATE OR REPLACE PROCEDURE pg_temp.comment(what text, comment text) LANGUAGE plpgsql AS $$
DECLARE
    kind text := CASE split_part(what, ' ', 1) WHEN 'COLUMN' THEN 'table column' ELSE 'table' END;
    place record := pg_get_object_address(kind, string_to_array(split_part(what, ' ', 2), '.'), '{}');
BEGIN
    IF (SELECT description FROM pg_description
        WHERE (classoid, objoid, objsubid) = (place.classid, place.objid, place.objsubid)) IS DISTINCT FROM comment
    THEN
        EXECUTE format('COMMENT ON %s IS %L', what, comment);
    END IF;
END
$$;

CREATE SCHEMA IF NOT EXISTS scim;
COMMENT ON SCHEMA scim IS 'Accounts provisioned by mod_scim (SCIM 2.0, RFC 7643 and 7644)';

CREATE TABLE IF NOT EXISTS scim.schema_version (
    version     integer PRIMARY KEY,
    applied_at  timestamptz NOT NULL DEFAULT now()
);
CALL pg_temp.comment('TABLE scim.schema_version', 'Versions of schema.sql that were applied here; the highest is the current one');
CALL pg_temp.comment('COLUMN scim.schema_version.version', 'Number of the version');
CALL pg_temp.comment('COLUMN scim.schema_version.applied_at', 'When it was first applied');

-- An application's session may put a schema of its own before pg_catalog, with an
-- operator "=" that is never true, and must gain nothing by it.  Functions whose
-- body follows RETURN were bound to their operators, functions and types when they
-- were created, like constraints, index expressions and trigger conditions: they
-- need no search_path, and could not be inlined with one.  Functions in PL/pgSQL
-- are parsed in the session that calls them: they set search_path.

-- Comparison keys.  ICU and its root collation make them independent of the
-- cluster's locale; values/scim_text.c makes the same keys.  A string with as many
-- characters as bytes is ASCII and needs none of the costly steps.

-- Unicode's full case folding, which PostgreSQL 15 lacks, built from what it has:
-- every letter is folded to the lower case of its upper case, except capital sharp
-- s (its lower case is taken), dotless i (kept, behind a code point that no
-- character has), final sigma (lower-casing looks at the end of the word, folding
-- does not) and Cherokee (folded to upper case).  It is in PL/pgSQL, because a SQL
-- function would become part of the keys of scim.account, whose expressions are
-- read for each row that is written, and this one is long.
CREATE OR REPLACE FUNCTION scim.fold_case(value text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
DECLARE
    folded pg_catalog.text := pg_catalog.translate(
        pg_catalog.lower(pg_catalog.upper(pg_catalog.translate(value, 'ẞı', 'ß' OPERATOR(pg_catalog.||) pg_catalog.chr(64976)) COLLATE pg_catalog."und-x-icu")),
        'ς' OPERATOR(pg_catalog.||) pg_catalog.chr(64976), 'σı');
BEGIN
    -- translate compares each character with each of these.
    RETURN CASE WHEN folded COLLATE pg_catalog."C" OPERATOR(pg_catalog.~) '[ᏸ-ᏽꭰ-ꮿ]' THEN pg_catalog.translate(folded,
        'ꭰꭱꭲꭳꭴꭵꭶꭷꭸꭹꭺꭻꭼꭽꭾꭿꮀꮁꮂꮃꮄꮅꮆꮇꮈꮉꮊꮋꮌꮍꮎꮏꮐꮑꮒꮓꮔꮕꮖꮗꮘꮙꮚꮛꮜꮝꮞꮟꮠꮡꮢꮣꮤꮥꮦꮧꮨꮩꮪꮫꮬꮭꮮꮯꮰꮱꮲꮳꮴꮵꮶꮷꮸꮹꮺꮻꮼꮽꮾꮿᏸᏹᏺᏻᏼᏽ',
        'ᎠᎡᎢᎣᎤᎥᎦᎧᎨᎩᎪᎫᎬᎭᎮᎯᎰᎱᎲᎳᎴᎵᎶᎷᎸᎹᎺᎻᎼᎽᎾᎿᏀᏁᏂᏃᏄᏅᏆᏇᏈᏉᏊᏋᏌᏍᏎᏏᏐᏑᏒᏓᏔᏕᏖᏗᏘᏙᏚᏛᏜᏝᏞᏟᏠᏡᏢᏣᏤᏥᏦᏧᏨᏩᏪᏫᏬᏭᏮᏯᏰᏱᏲᏳᏴᏵ') ELSE folded END;
END
$$;
COMMENT ON FUNCTION scim.fold_case(text) IS 'Unicode full case folding (CaseFolding.txt, status C and F)';

CREATE OR REPLACE FUNCTION scim.fold(value text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN octet_length(value) = char_length(value)
           THEN lower(value COLLATE "C")
           ELSE normalize(scim.fold_case(normalize(value, NFC)), NFC) COLLATE "C"
           END;
COMMENT ON FUNCTION scim.fold(text) IS 'Comparison key of a string that ignores case and Unicode form (RFC 7643 section 2.2, caseExact false)';

-- In PL/pgSQL for the same reason as scim.fold_case: it is a generated column.
CREATE OR REPLACE FUNCTION scim.user_name_key(user_name text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
BEGIN
    RETURN CASE WHEN pg_catalog.octet_length(user_name) OPERATOR(pg_catalog.=) pg_catalog.char_length(user_name)
           THEN pg_catalog.lower(user_name COLLATE pg_catalog."C")
           ELSE normalize(scim.fold_case(normalize(user_name, NFKC)), NFC) COLLATE pg_catalog."C"
           END;
END
$$;
COMMENT ON FUNCTION scim.user_name_key(text) IS 'Comparison key of a userName: as scim.fold, and full-width letters equal ordinary ones (RFC 8265 section 3.3)';

-- NFC and case folding never create or remove a quote, backslash or bracket, so
-- they can be applied to the JSON text as a whole, but for escapes (below).  The
-- cost, and a language that is not inlined, lead the planner to the index rather than
-- to folding every row.  Names are schema-qualified, because setting search_path would
-- make it a third slower.
CREATE OR REPLACE FUNCTION scim.fold_json(value jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT COST 1000 AS $$
DECLARE
    document pg_catalog.text := value::pg_catalog.text;
BEGIN
    -- A mark behind an escape, such as \n, would become one letter with its last one.
    IF pg_catalog.octet_length(document) OPERATOR(pg_catalog.<>) pg_catalog.char_length(document)
       AND document COLLATE pg_catalog."C" OPERATOR(pg_catalog.~) '\\[bfnrtu][0-9a-f]*[\u0300-\u036f]'
    THEN
        document := pg_catalog.regexp_replace(document COLLATE pg_catalog."C", '(?<!\\)((?:\\\\)*\\(?:[bfnrt]|u[0-9a-f]{4}))(?=[\u0300-\u036f])',
                                              '\1' OPERATOR(pg_catalog.||) pg_catalog.chr(64977), 'g');
    END IF;
    RETURN scim.fold(document)::pg_catalog.jsonb;
END
$$;
COMMENT ON FUNCTION scim.fold_json(jsonb) IS 'The document with every name and string as its comparison key; indexed, so that containment answers every eq';

-- Valid names, by the same rule as scim_text_flaw in values/scim_text.c: no
-- control, direction or invisible characters.  C knows where the joiners and
-- variation selectors that some languages need are allowed; SQL accepts them
-- everywhere.
CREATE OR REPLACE FUNCTION scim.is_identifier(value text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN value <> '' AND value COLLATE "C" !~ (
        '^ |  | $|[\u0001-\u001F\u007F-\u00A0\u00AD\u034F\u061C\u115F\u1160\u1680\u17B4\u17B5\u180B-\u180F'
        '\u2000-\u200F\u2028-\u202F\u205F-\u206F\u2800\u3000\u3164\uFE00-\uFE0F\uFDD0-\uFDEF\uFEFF\uFFA0'
        '\uFFF0-\uFFFC\U00013430-\U0001343F\U0001BCA0-\U0001BCA3\U0001D159\U0001D173-\U0001D17A'
        '\U000E0000-\U000E0FFF]');
COMMENT ON FUNCTION scim.is_identifier(text) IS 'Whether value can be a userName: no control, direction or invisible characters, only single blanks between words (RFC 8265 section 3.3)';
CREATE OR REPLACE FUNCTION scim.is_name(value text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN value COLLATE "C" !~ (
        '[\u0001-\u001F\u007F-\u009F\u00AD\u034F\u061C\u115F\u1160\u17B4\u17B5\u180E\u200B\u200E\u200F'
        '\u2028-\u202E\u2060-\u206F\u3164\uFDD0-\uFDEF\uFEFF\uFFA0\uFFF0-\uFFFC\U00013430-\U0001343F'
        '\U0001BCA0-\U0001BCA3\U0001D159\U0001D173-\U0001D17A\U000E0000-\U000E00FF\U000E01F0-\U000E0FFF]')
        AND value COLLATE "C" ~ '[^\u0020\u00A0\u1680\u180B-\u180F\u2000-\u200F\u202F\u205F\u2800\u3000\uFE00-\uFE0F\U000E0100-\U000E01EF]';
COMMENT ON FUNCTION scim.is_name(text) IS 'Whether value can be a display name: not blank, and no control, direction or invisible characters';

CREATE OR REPLACE FUNCTION scim.are_domains(value text[]) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN NOT EXISTS (SELECT FROM unnest(value) domain
                       WHERE domain COLLATE "C" !~ '^([a-z0-9\u00A1-\U0010FFFF]([a-z0-9\u00A1-\U0010FFFF-]*[a-z0-9\u00A1-\U0010FFFF])?[.])*[a-z0-9\u00A1-\U0010FFFF]([a-z0-9\u00A1-\U0010FFFF-]*[a-z0-9\u00A1-\U0010FFFF])?$');
COMMENT ON FUNCTION scim.are_domains(text[]) IS 'Whether every value can be a domain name in lower case';

-- A row that the module could not read back must not be written.  There is no
-- query within, because PostgreSQL would plan it for every row.  In lower case,
-- members that differ only in case become one, and the text shorter.
CREATE OR REPLACE FUNCTION scim.is_readable(document jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN NOT jsonb_path_exists(document, 'strict $.**{16 to last} ? (@.type() == "object" || @.type() == "array")')
       AND NOT jsonb_path_exists(document, 'strict $.** ? (@.type() == "number" && (@ > 9007199254740992 || @ < -9007199254740992))')
       AND CASE WHEN document::text ~ '[0-9.]{63}'    -- 64 with a sign, and not within a string
                THEN regexp_replace(document::text, '"([^"\\]|\\.)*"', '""', 'g') !~ '[-0-9.]{64}' ELSE true END
       AND octet_length(lower(document::text COLLATE "C")::jsonb::text) = octet_length(document::text);
COMMENT ON FUNCTION scim.is_readable(jsonb) IS 'Whether account.attributes can be read back: at most 16 levels, no duplicate members regardless of case, no number beyond 2^53';

CREATE OR REPLACE FUNCTION scim.refuse_value() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% %', TG_ARGV[0], TG_ARGV[1] USING ERRCODE = 'check_violation',
        TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA, COLUMN = TG_ARGV[0], CONSTRAINT = TG_NAME;
END
$$;
COMMENT ON FUNCTION scim.refuse_value() IS 'Refuses a row whose column (first argument) does not meet the rule (second argument)';

-- If accounts are the same by the keys of version 5, they are listed and nothing
-- is changed.  This check runs while requests go on; a clash that appears
-- meanwhile is caught by the unique constraint.
DO $$
DECLARE
    clash record;
    clashes integer := 0;
BEGIN
    IF to_regclass('scim.account') IS NULL OR pg_temp.has_step(5) THEN
        RETURN;
    END IF;
    FOR clash IN
        SELECT o.key, string_agg(format('%s (%s)', a.user_name, a.id), ', ' ORDER BY a.created_at, a.id) AS accounts
        FROM scim.account a JOIN scim.organization o ON o.id = a.organization_id
        GROUP BY o.key, scim.user_name_key(a.user_name) HAVING count(*) > 1 ORDER BY o.key
    LOOP
        clashes := clashes + 1;
        RAISE WARNING 'Organization "%": these userNames are the same from now on: %', clash.key, clash.accounts;
    END LOOP;
    IF clashes > 0 THEN
        RAISE EXCEPTION 'Nothing was changed: % userName(s) would belong to more than one account', clashes
            USING HINT = 'Rename or delete the accounts in the warnings above until each userName is one account''s, then try again.';
    END IF;
END
$$;

-- Changes to tables that requests use: all locks are taken at once, so that no
-- session that holds a lock that we need waits for us.  Most writes take the locks
-- of account, event, token and organization in this order.  Not all do, and a
-- table may be read for hours.  So we wait for locks for less than
-- deadlock_timeout (1 s), then release those that we have and try again.  A
-- session that waits behind us waits for less than a second.
DO $$
DECLARE
    tables CONSTANT regclass[] := ARRAY(SELECT t.relation FROM pg_temp.tables() t WHERE t.relation IS NOT NULL);
    mode CONSTANT text := CASE
        WHEN to_regclass('scim.account') IS NULL THEN NULL    -- nobody uses it yet
        WHEN EXISTS (SELECT FROM pg_temp.steps() s WHERE NOT pg_temp.has_step(s.version))
             OR EXISTS (SELECT pg_temp.missing_columns()) THEN 'ACCESS EXCLUSIVE'
        WHEN EXISTS (SELECT pg_temp.missing_triggers()) THEN 'SHARE ROW EXCLUSIVE' END;
    last_try CONSTANT timestamptz := clock_timestamp() + interval '10 seconds';
    users text[];
    last_users text[];
BEGIN
    IF mode IS NULL THEN
        RETURN;
    END IF;
    LOOP
        BEGIN
            SET LOCAL lock_timeout = '200ms';
            EXECUTE format('LOCK TABLE %s IN %s MODE', array_to_string(tables, ', '), mode);
            SET LOCAL lock_timeout = '2s';
            RETURN;
        EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
            last_users := users;
            users := pg_temp.users();
        END;
        EXIT WHEN clock_timestamp() > last_try;
        PERFORM pg_sleep(0.5);
    END LOOP;
    RAISE EXCEPTION 'Nothing was changed: tables of scim are in use by %', coalesce(
        (SELECT string_agg(u, '; ') FROM pg_temp.users_since(last_users, last_try - interval '10 seconds') u), 'a constant stream of transactions')
        USING HINT = 'Wait until that ends, or end it with pg_terminate_backend, then try again.';
END
$$;

-- Whatever the first versions lack is made below.
DO $$
DECLARE
    step integer;
BEGIN
    FOR step IN 1 .. 4 LOOP
        IF NOT pg_temp.has_step(step) THEN
            CALL pg_temp.begin_step(step);
        END IF;
    END LOOP;
END
$$;

CREATE TABLE IF NOT EXISTS scim.organization (
    id                    uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    key                   text NOT NULL UNIQUE
                          CHECK (key ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    name                  text NOT NULL CHECK (name <> '' AND length(name) <= 200),
    provisioning_enabled  boolean NOT NULL DEFAULT false,
    domains               text[] NOT NULL DEFAULT '{}'
                          CHECK (array_position(domains, NULL) IS NULL
                                 AND array_to_string(domains, '/') !~ '[[:upper:][:space:]@]'),
    created_at            timestamptz(3) NOT NULL DEFAULT now()
);
CALL pg_temp.comment('TABLE scim.organization', 'Tenants. Organizations share no data');
CALL pg_temp.comment('COLUMN scim.organization.id', 'Identity; first column of every key');
CALL pg_temp.comment('COLUMN scim.organization.key', 'Segment of the SCIM URL: acme in /scim/acme/v2');
CALL pg_temp.comment('COLUMN scim.organization.name', 'Name for people');
CALL pg_temp.comment('COLUMN scim.organization.provisioning_enabled', 'Whether SCIM requests are served');
CALL pg_temp.comment('COLUMN scim.organization.domains', 'Verified e-mail domains that userName may have, lower case; empty: any');
CALL pg_temp.comment('COLUMN scim.organization.created_at', 'When the row was created');


CREATE TABLE IF NOT EXISTS scim.account (
    organization_id     uuid NOT NULL REFERENCES scim.organization,
    id                  uuid NOT NULL DEFAULT gen_random_uuid(),
    user_name           text NOT NULL,    -- texts: see scim.refuse_account
    user_name_key       text COLLATE "C" NOT NULL
                        GENERATED ALWAYS AS (scim.user_name_key(user_name)) STORED,
    display_name        text,
    external_id         text COLLATE "C",
    preferred_language  text,
    timezone            text,
    role                text NOT NULL DEFAULT 'GUEST',    -- with attributes: see scim.settle_role
    active              boolean NOT NULL DEFAULT true,
    managed             boolean NOT NULL DEFAULT true,
    sync_eligible       boolean NOT NULL DEFAULT true,
    provisioned_at      timestamptz(3),
    attributes          jsonb NOT NULL DEFAULT '{}',
    version             bigint NOT NULL DEFAULT 1,
    created_at          timestamptz(3) NOT NULL DEFAULT now(),
    updated_at          timestamptz(3) NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, id),
    CONSTRAINT account_user_name_unique UNIQUE (organization_id, user_name_key)
);
CALL pg_temp.comment('TABLE scim.account', 'People in an organization');
CALL pg_temp.comment('COLUMN scim.account.organization_id', 'The organization');
CALL pg_temp.comment('COLUMN scim.account.id', 'SCIM id: random, stable, never reused');
CALL pg_temp.comment('COLUMN scim.account.user_name', 'SCIM userName as it was sent; unique in the organization by user_name_key');
CALL pg_temp.comment('COLUMN scim.account.user_name_key', 'Comparison key of userName: case, Unicode form and width ignored');
CALL pg_temp.comment('COLUMN scim.account.display_name', 'SCIM displayName');
CALL pg_temp.comment('COLUMN scim.account.external_id', 'SCIM externalId: the identity provider''s own id; case matters; not unique');
CALL pg_temp.comment('COLUMN scim.account.preferred_language', 'SCIM preferredLanguage');
CALL pg_temp.comment('COLUMN scim.account.timezone', 'SCIM timezone: an IANA name');
CALL pg_temp.comment('COLUMN scim.account.role', 'ADMIN, USER or GUEST. Mirrored in attributes.roles, whichever of the two is written');
CALL pg_temp.comment('COLUMN scim.account.active', 'false: deactivated, may not sign in');
CALL pg_temp.comment('COLUMN scim.account.managed', 'Managed Account: administered by the organization. Provisioning may change only these');
CALL pg_temp.comment('COLUMN scim.account.sync_eligible', 'Whether provisioning may take over an existing Managed Account');
CALL pg_temp.comment('COLUMN scim.account.provisioned_at', 'When SCIM last created or changed it; set: Provisioned Managed Account');
CALL pg_temp.comment('COLUMN scim.account.attributes', 'All other SCIM attributes as JSON in the schema''s spelling; the Enterprise User under its URN');
CALL pg_temp.comment('COLUMN scim.account.version', 'Counts changes; the SCIM version and ETag');
CALL pg_temp.comment('COLUMN scim.account.created_at', 'SCIM meta.created');
CALL pg_temp.comment('COLUMN scim.account.updated_at', 'SCIM meta.lastModified');

-- Parts of PostgreSQL; the owner of a database may create them.
CREATE EXTENSION IF NOT EXISTS btree_gin WITH SCHEMA scim;
CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA scim;

CREATE OR REPLACE FUNCTION scim.account_label(managed boolean, sync_eligible boolean, provisioned_at timestamptz)
    RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN NOT managed THEN 'unmanaged' WHEN NOT sync_eligible THEN 'ineligible'
           WHEN provisioned_at IS NULL THEN 'managed' ELSE 'provisioned' END;
COMMENT ON FUNCTION scim.account_label(boolean, boolean, timestamptz) IS 'unmanaged, ineligible (Managed Account that provisioning may not take over), managed (Managed Account) or provisioned (Provisioned Managed Account)';

-- The search for members, by any words or parts of words, as an inverted index of
-- trigrams.  Those of ASCII are pg_trgm's.  Of other letters it knows those that the
-- locale of the database knows (none for C), and it knows no parts of words that have
-- one or two characters; so these are made here, in the same form.
--
-- Words are folded, and stand behind two blanks each, so that "  ya" is the
-- beginning of one; what is between the words of names and addresses is a blank, and
-- so are apostrophes, hyphens and dots of any kind.  Scripts that need no blanks, which
-- are behind U+2E80, have none: a family name and a given name are written with one or
-- without.
CREATE OR REPLACE FUNCTION scim.search_words(value text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
DECLARE
    words pg_catalog.text := pg_catalog.translate(scim.user_name_key(value), $m$!"#$%&'()*+,-./:;<=>?@[\]^_`{|}~´‘’ʼ‐‑–·・$m$, pg_catalog.repeat(' ', 41));
BEGIN
    IF pg_catalog.octet_length(words) OPERATOR(pg_catalog.<>) pg_catalog.char_length(words) THEN
        words := pg_catalog.regexp_replace(words, E'([^\\u0001-\\u2E7F]) +(?=[^\\u0001-\\u2E7F])', E'\\1', 'g');
    END IF;
    RETURN pg_catalog.replace(words, ' ', '  ');
END
$$;
COMMENT ON FUNCTION scim.search_words(text) IS 'The words of a text as they are searched for, each behind two blanks but for the first';

-- Names that are there twice cost twice when a row is written.  One character may be
-- eighteen when it is folded: hence a limit before, and one behind.
CREATE OR REPLACE FUNCTION scim.search_parts(user_name text, display_name text, attributes jsonb) RETURNS text[]
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    name CONSTANT pg_catalog.text := pg_catalog.concat_ws(' ', attributes OPERATOR(pg_catalog.#>>) '{name,givenName}', attributes OPERATOR(pg_catalog.#>>) '{name,familyName}');
    emails CONSTANT pg_catalog.text := pg_catalog.jsonb_path_query_array(attributes, '$.emails[*].value')::pg_catalog.text;
BEGIN
    RETURN ARRAY[
        pg_catalog."left"(display_name, 600), pg_catalog."left"(user_name, 600),
        CASE WHEN name OPERATOR(pg_catalog.=) display_name THEN NULL ELSE pg_catalog."left"(name, 600) END,
        pg_catalog."left"(attributes OPERATOR(pg_catalog.#>>) '{nickName}', 600),
        CASE WHEN emails OPERATOR(pg_catalog.=) pg_catalog.concat('["', user_name, '"]') THEN NULL
             ELSE pg_catalog."left"(emails, 1000) END];
END
$$;
COMMENT ON FUNCTION scim.search_parts(text, text, jsonb) IS 'By what the settings page finds an account: displayName, userName, given and family name, nickName and e-mail addresses; NULL for what says nothing new';

CREATE OR REPLACE FUNCTION scim.search_text(user_name text, display_name text, attributes jsonb) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 1000 AS $$
DECLARE
    words pg_catalog.text := '';
    part pg_catalog.text;
BEGIN
    FOREACH part IN ARRAY scim.search_parts(user_name, display_name, attributes) LOOP
        IF part IS NOT NULL THEN
            words := pg_catalog.concat(words, '  ', scim.search_words(part));
        END IF;
    END LOOP;
    RETURN pg_catalog."left"(words, 4000);
END
$$;
COMMENT ON FUNCTION scim.search_text(text, text, jsonb) IS 'The words of scim.search_parts';

-- In scripts behind U+2E80 (11904), a word may have one or two characters and be within
-- another one.
CREATE OR REPLACE FUNCTION scim.search_grams(value text) RETURNS text[]
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
DECLARE
    only_ascii CONSTANT boolean := pg_catalog.octet_length(value) OPERATOR(pg_catalog.=) pg_catalog.char_length(value);
    blanks pg_catalog.text := '';
    word pg_catalog.text;
    gram pg_catalog.text;
    grams pg_catalog.text[] := '{}';
BEGIN
    FOREACH word IN ARRAY pg_catalog.string_to_array(value, '  ') LOOP
        word := pg_catalog.concat(blanks, word);
        blanks := '  ';
        FOR n IN 1 .. pg_catalog.char_length(word) LOOP
            gram := pg_catalog.substr(word, n, 3);
            IF pg_catalog.char_length(gram) OPERATOR(pg_catalog.=) 3 THEN
                grams := pg_catalog.array_append(grams, gram);
            END IF;
            CONTINUE WHEN only_ascii OR gram COLLATE pg_catalog."C" OPERATOR(pg_catalog.<) pg_catalog.chr(11904);
            -- One at a time, or PostgreSQL copies the array each time.
            grams := pg_catalog.array_append(grams, pg_catalog."left"(gram, 1));
            grams := pg_catalog.array_append(grams, pg_catalog."left"(gram, 2));
        END LOOP;
    END LOOP;
    RETURN grams;
END
$$;
COMMENT ON FUNCTION scim.search_grams(text) IS 'The trigrams of scim.search_words, and single characters and pairs of scripts without blanks';

-- pg_trgm may have been in another schema before.
DO $$
BEGIN
    EXECUTE format('CREATE OR REPLACE FUNCTION scim.ascii_grams(value text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT RETURN %s.show_trgm(value)',
                   (SELECT extnamespace::regnamespace FROM pg_extension WHERE extname = 'pg_trgm'));
END
$$;
COMMENT ON FUNCTION scim.ascii_grams(text) IS 'The trigrams of the words of a text in ASCII; each word is behind two blanks, and before one';

-- The cost leads the planner to the index.
CREATE OR REPLACE FUNCTION scim.account_grams(user_name text, display_name text, attributes jsonb) RETURNS text[]
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 100000 AS $$
DECLARE
    ascii pg_catalog.text := '';
    words pg_catalog.text := '';
    part pg_catalog.text;
    is_cut pg_catalog.bool := false;
    grams pg_catalog.text[];
BEGIN
    FOREACH part IN ARRAY scim.search_parts(user_name, display_name, attributes) LOOP
        is_cut := is_cut OR pg_catalog.char_length(part) OPERATOR(pg_catalog.>=) 600;
        IF pg_catalog.octet_length(part) OPERATOR(pg_catalog.=) pg_catalog.char_length(part) THEN
            ascii := pg_catalog.concat(ascii, ' ', pg_catalog.lower(part COLLATE pg_catalog."C"));
        ELSIF part IS NOT NULL THEN
            words := pg_catalog.concat(words, '  ', scim.search_words(part));
        END IF;
    END LOOP;
    grams := scim.ascii_grams(ascii);
    IF words OPERATOR(pg_catalog.<>) '' THEN
        grams := grams OPERATOR(pg_catalog.||) scim.search_grams(words);
    END IF;
    RETURN CASE WHEN is_cut THEN pg_catalog.array_append(grams, '***') ELSE grams END;
END
$$;
COMMENT ON FUNCTION scim.account_grams(text, text, jsonb) IS 'The trigrams of scim.search_parts, as scim.search_for asks for them, and *** if some of them may be missing; indexed, so that containment finds parts of words';

-- Words of three and more characters are found anywhere, shorter ones at the
-- beginning of a word.
CREATE OR REPLACE FUNCTION scim.search_for(search text, OUT patterns text[], OUT grams text[])
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT array_agg(DISTINCT '%' || p.part || '%'), array_agg(DISTINCT g.gram)
    FROM (SELECT CASE WHEN char_length(w.word) < 3 AND w.word COLLATE "C" < chr(11904) THEN '  ' ELSE '' END || w.word AS part
          FROM (SELECT trim(scim.search_words(typed)) AS word FROM string_to_table(scim.user_name_key(search), ' ') typed) w
          WHERE w.word <> '') p
    CROSS JOIN unnest(scim.search_grams(p.part)) g(gram);
END;
COMMENT ON FUNCTION scim.search_for(text) IS 'What scim.search_text of an account must be LIKE, and its trigrams, to be found by what somebody has typed; NULL: there is no word in it';

-- One range of account_by_label for each choice.  They are constants, since the planner
-- knows how many have a role, but not how many have a parameter; what is left open at
-- the end of the index is left out.
CREATE OR REPLACE FUNCTION scim.member_ranges(roles text[], states boolean[], labels text[]) RETURNS text
    LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT '(' || string_agg(concat('SELECT b.* FROM scim.account b WHERE b.organization_id = $1', ' AND b.role = ' || quote_literal(r.role),
                                    ' AND b.active = ' || quote_literal(s.active),
                                    ' AND scim.account_label(b.managed, b.sync_eligible, b.provisioned_at) = ' || quote_literal(l.label)), ' UNION ALL ')
           || ' OFFSET 0)'
    FROM unnest(CASE WHEN coalesce(roles, states::text[], labels) IS NOT NULL THEN coalesce(roles, '{ADMIN,USER,GUEST}') ELSE '{NULL}' END) r(role)
    CROSS JOIN unnest(CASE WHEN coalesce(states::text[], labels) IS NOT NULL THEN coalesce(states, '{t,f}') ELSE '{NULL}' END) s(active)
    CROSS JOIN unnest(coalesce(labels, '{NULL}')) l(label);
END;
COMMENT ON FUNCTION scim.member_ranges(text[], boolean[], text[]) IS 'The accounts of organization $1 that are of some roles, states and labels (NULL: any), as part of a statement';

-- A small choice is read and sorted as a whole.  However many a search finds, they are
-- looked for among those that are chosen if these are few.
CREATE OR REPLACE FUNCTION scim.member_choice_is_small(organization uuid, roles text[], states boolean[], labels text[]) RETURNS boolean
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
    number bigint := NULL;
BEGIN
    IF roles IS NOT NULL OR states IS NOT NULL OR labels IS NOT NULL THEN
        EXECUTE format('SELECT count(*) FROM (SELECT FROM %s c LIMIT 3001) c', scim.member_ranges(roles, states, labels))
        INTO number USING organization;
    END IF;
    RETURN coalesce(number <= 3000, false);
END
$$;
COMMENT ON FUNCTION scim.member_choice_is_small(uuid, text[], boolean[], text[]) IS 'Whether at most 3000 accounts are of some of these roles, states and labels';

-- A choice of members as SQL for the two functions below, whose parameters are $1
-- organization, $2 roles, $3 states of active, $4 labels (NULL: any), and of a search
-- $5 patterns, $6 trigrams and $7 the accounts that are found by a whole id or
-- externalId.  candidates are rows by one index, with all that are chosen and found
-- among them.  What is before OFFSET 0 is planned for all its rows: for the first rows
-- in an order, the planner would rather read the whole organization in that order.
CREATE OR REPLACE FUNCTION scim.member_conditions(roles text[], states boolean[], labels text[], is_small boolean, is_search boolean, named uuid[],
                                                  OUT candidates text, OUT is_chosen text, OUT is_found text)
    LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT CASE WHEN is_search AND NOT is_small THEN
               '(SELECT * FROM scim.account a WHERE a.organization_id = $1'
               ' AND (scim.account_grams(a.user_name, a.display_name, a.attributes) COLLATE "C") @> $6'
               || CASE WHEN cardinality(named) > 0 THEN
                      ' AND a.id <> ALL ($7) UNION ALL SELECT * FROM scim.account a WHERE a.organization_id = $1 AND a.id = ANY ($7)' ELSE '' END
               || ' OFFSET 0) a'
           ELSE scim.member_ranges(roles, states, labels) || ' a' END,
           '($2 IS NULL OR a.role = ANY ($2)) AND ($3 IS NULL OR a.active = ANY ($3))'
           ' AND ($4 IS NULL OR scim.account_label(a.managed, a.sync_eligible, a.provisioned_at) = ANY ($4))',
           CASE WHEN is_search THEN
               '(a.id = ANY ($7) OR a.user_name_key LIKE ALL ($5)'
               ' OR scim.search_text(a.user_name, a.display_name, a.attributes) LIKE ALL ($5))'
           ELSE 'true' END;
END;
COMMENT ON FUNCTION scim.member_conditions(text[], boolean[], text[], boolean, boolean, uuid[]) IS 'Parts of the statements of scim.find_members and scim.count_members';

-- The accounts that a search finds by what is no part of a name.
CREATE OR REPLACE FUNCTION scim.members_named(organization uuid, search text) RETURNS uuid[]
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN ARRAY(SELECT a.id FROM scim.account a WHERE a.organization_id = organization AND a.external_id = search LIMIT 100)
        || CASE WHEN search ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN ARRAY[search::uuid] END;
END
$$;
COMMENT ON FUNCTION scim.members_named(uuid, text) IS 'The accounts with this whole externalId or id, at most 101';

-- The first databases of version 6 have it without the last parameter, and another
-- index of the same name.
DO $$
BEGIN
    IF pg_get_indexdef(to_regclass('scim.account_search')) NOT LIKE '%account_grams%' THEN
        DROP INDEX scim.account_search;
    END IF;
END
$$;
DROP FUNCTION IF EXISTS scim.find_members(uuid, text[], boolean[], text[], text, text, boolean, text, uuid, integer);

-- A choice of members in an order, from a place in it on: key and id are this place,
-- those of the last one of the page before.  key is NULL for accounts without a
-- displayName, which are the last ones by name.
--
-- What is common is found by reading the organization in the order of the list.  If
-- the page is not full after a number of rows, what is sought is rare there, and
-- taken from an index and sorted.  A small choice is read and sorted as a whole.
--
-- What is found by hundred thousands, but late in the order, would take longer than
-- somebody waits.  So a search sorts only some of what the index gives, if that is
-- more than enough: is_partial then.  enough is NULL for who needs all of them.
CREATE OR REPLACE FUNCTION scim.find_members(organization uuid, roles text[], states boolean[], labels text[], search text,
                                             sort text, is_descending boolean, after_key text, after_id uuid, most integer, enough integer)
    RETURNS TABLE (key text, id uuid, is_partial boolean)
    LANGUAGE plpgsql STABLE ROWS 50 SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_sort = on AS $$
DECLARE
    by_time CONSTANT boolean := sort IN ('created', 'lastModified');
    value CONSTANT text := CASE sort WHEN 'displayName' THEN '(scim.fold(a.display_name) COLLATE "C")' WHEN 'created' THEN 'a.created_at'
                                     WHEN 'lastModified' THEN 'a.updated_at' ELSE 'a.user_name_key' END;
    direction CONSTANT text := CASE WHEN is_descending THEN 'DESC' ELSE 'ASC' END;
    sections CONSTANT boolean[] := CASE WHEN sort <> 'displayName' THEN '{t}' WHEN is_descending THEN '{f,t}' ELSE '{t,f}' END::boolean[];
    wanted CONSTANT record := scim.search_for(search);
    named CONSTANT uuid[] := scim.members_named(organization, search);
    is_small CONSTANT boolean := scim.member_choice_is_small(organization, roles, states, labels);
    chosen CONSTANT record := scim.member_conditions(roles, states, labels, is_small, search IS NOT NULL, named);
    has_value boolean;
    comparison CONSTANT text := CASE WHEN is_descending THEN '<' ELSE '>' END;
    -- Parts of statements, for format() with value; condition is for the comparison as well
    key_text CONSTANT text := CASE WHEN by_time THEN '(extract(epoch FROM %s) * 1000)::bigint::text' ELSE '%s' END;
    condition text;
    ordered text;
    statement text;
    most_tested CONSTANT integer := 700;    -- of a walk
    is_walk boolean;
    -- Where what is taken from the index begins
    index_key text;
    index_id uuid;
    nothing_yet CONSTANT integer := most;
    rows_wanted bigint;
    rows_read bigint;
    rows_tested bigint;
    found record;
BEGIN
    IF search IS NULL THEN
        enough := NULL;
    END IF;
    FOREACH has_value IN ARRAY sections LOOP
        CONTINUE WHEN after_id IS NOT NULL AND has_value <> (after_key IS NOT NULL);
        condition := CASE
            WHEN NOT has_value THEN '%1$s IS NULL AND ($9 IS NULL OR a.id %2$s $9)'
            WHEN by_time THEN '($9 IS NULL OR (%1$s, a.id) %2$s (timestamptz ''epoch'' + $8::bigint * interval ''1 millisecond'', $9))'
            WHEN sort = 'displayName' THEN '%1$s IS NOT NULL AND ($9 IS NULL OR (%1$s, a.id) %2$s ($8, $9))'
            ELSE '($9 IS NULL OR %1$s %2$s $8)' END;
        ordered := CASE WHEN NOT has_value THEN 'a.id %2$s'
                        WHEN value = 'a.user_name_key' THEN '%1$s %2$s'
                        ELSE '%1$s %2$s, a.id %2$s' END;
        statement := format('SELECT %s AS key, a.id, CASE WHEN %s THEN %s END AS is_one, false AS is_partial FROM %s WHERE a.organization_id = $1 AND %s'
                            ' ORDER BY %s LIMIT $10',
                            format(key_text, value), chosen.is_chosen, chosen.is_found,
                            CASE WHEN is_small THEN chosen.candidates ELSE 'scim.account a' END,
                            format(condition, value, comparison), format(ordered, value, direction));
        rows_wanted := 20000;
        is_walk := NOT is_small;
        LOOP
            rows_read := 0;
            rows_tested := 0;
            is_partial := false;
            -- A walk that tests each row ends soon, which PostgreSQL does not know: it
            -- would rather sort a few thousand than read them in order.  Those without a
            -- displayName are in no index in the order of ids.
            PERFORM set_config('enable_sort', CASE WHEN is_walk AND has_value AND search IS NOT NULL AND coalesce(roles, states::text[], labels) IS NULL
                                                   THEN 'off' ELSE 'on' END, true);
            FOR found IN EXECUTE statement
                USING organization, roles, states, labels, wanted.patterns, wanted.grams, named, after_key, after_id, rows_wanted, enough
            LOOP
                rows_read := rows_read + 1;
                is_partial := found.is_partial;
                after_key := found.key;
                after_id := found.id;
                IF found.is_one THEN
                    key := found.key;
                    id := found.id;
                    RETURN NEXT;
                    most := most - 1;
                    IF most = 0 THEN
                        RETURN;
                    END IF;
                END IF;
                -- Those that are not chosen are passed quickly.
                rows_tested := rows_tested + (found.is_one IS NOT NULL)::integer;
                EXIT WHEN is_walk AND rows_tested = most_tested;
            END LOOP;
            IF is_walk THEN
                EXIT WHEN rows_read < rows_wanted AND rows_tested < most_tested;
                is_walk := false;
                index_key := after_key;
                index_id := after_id;
                rows_wanted := 1000;
            ELSIF rows_read = rows_wanted THEN
                -- Some that have all trigrams of a word do not have the word; after a
                -- thousand of these, ever more are read.
                rows_wanted := 10 * rows_wanted;
            ELSE
                -- If some of them were not enough, it takes all of them.
                EXIT WHEN NOT is_partial OR most < nothing_yet;
                enough := NULL;
                after_key := index_key;
                after_id := index_id;
            END IF;
            statement := format('SELECT f.key, f.id, (SELECT %s FROM scim.account a WHERE a.organization_id = $1 AND a.id = f.id) AS is_one, f.is_partial'
                                ' FROM (SELECT %s AS key, a.id, count(*) OVER () > $11 IS TRUE AS is_partial'
                                '       FROM (SELECT * FROM (SELECT a.id, %s AS value FROM %s WHERE %s OFFSET 0) a WHERE %s LIMIT $11 + 1) a'
                                '       ORDER BY %s LIMIT $10) f',
                                chosen.is_found, format(key_text, 'a.value'), value, chosen.candidates, chosen.is_chosen,
                                format(condition, 'a.value', comparison), format(ordered, 'a.value', direction));
        END LOOP;
        after_id := NULL;
    END LOOP;
END
$$;
COMMENT ON FUNCTION scim.find_members(uuid, text[], boolean[], text[], text, text, boolean, text, uuid, integer, integer) IS 'Members of some roles, states and labels that a search finds (NULL: all), by userName, displayName, created or lastModified, after the one with this key and id; is_partial: a search finds more than enough (NULL: any number) to sort, and some between these are left out';

CREATE OR REPLACE FUNCTION scim.count_members(organization uuid, roles text[], states boolean[], labels text[], search text, most integer) RETURNS integer
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
    wanted CONSTANT record := scim.search_for(search);
    named CONSTANT uuid[] := scim.members_named(organization, search);
    is_small CONSTANT boolean := search IS NOT NULL AND scim.member_choice_is_small(organization, roles, states, labels);
    chosen CONSTANT record := scim.member_conditions(roles, states, labels, is_small, search IS NOT NULL, named);
    result integer;
BEGIN
    EXECUTE format('SELECT count(*) FROM (SELECT FROM %s WHERE %s AND %s LIMIT $8) a', chosen.candidates, chosen.is_chosen, chosen.is_found)
    INTO result
    USING organization, roles, states, labels, wanted.patterns, wanted.grams, named, most;
    RETURN result;
END
$$;
COMMENT ON FUNCTION scim.count_members(uuid, text[], boolean[], text[], text, integer) IS 'How many members scim.find_members finds, counted up to most';

CREATE TABLE IF NOT EXISTS scim.token (
    organization_id  uuid NOT NULL REFERENCES scim.organization,
    id               uuid NOT NULL DEFAULT gen_random_uuid(),
    issuer           uuid NOT NULL,
    name             text NOT NULL CHECK (name ~ '[^[:space:]]' AND length(name) <= 200),
    prefix           text NOT NULL CHECK (prefix <> ''),
    hash             bytea NOT NULL CHECK (length(hash) = 32),
    created_at       timestamptz(3) NOT NULL DEFAULT now(),
    expires_at       timestamptz(3),
    last_used_at     timestamptz(3),
    PRIMARY KEY (organization_id, id),
    UNIQUE (organization_id, hash),
    FOREIGN KEY (organization_id, issuer) REFERENCES scim.account ON DELETE CASCADE
);
CALL pg_temp.comment('TABLE scim.token', 'Bearer tokens of identity providers; valid until expires_at or until deleted');
CALL pg_temp.comment('COLUMN scim.token.organization_id', 'The organization that the token gives access to');
CALL pg_temp.comment('COLUMN scim.token.id', 'Identity');
CALL pg_temp.comment('COLUMN scim.token.issuer', 'The ADMIN account in whose name it was generated');
CALL pg_temp.comment('COLUMN scim.token.name', 'Name for people');
CALL pg_temp.comment('COLUMN scim.token.prefix', 'First characters of the token, to recognise it by');
CALL pg_temp.comment('COLUMN scim.token.hash', 'SHA-256 of the token. The token itself never reaches the database');
CALL pg_temp.comment('COLUMN scim.token.created_at', 'When it was generated');
CALL pg_temp.comment('COLUMN scim.token.expires_at', 'When it expires; NULL: never');
CALL pg_temp.comment('COLUMN scim.token.last_used_at', 'Last use, to two minutes');

-- Groups.  Members are rows, so that a change of a few does not depend on how many
-- there are.  The key is not a generated column: with one in a unique key, and a
-- trigger, PostgreSQL locks a row that is updated as if its key were another one,
-- and foreign keys that refer to it would have to wait.
CREATE TABLE IF NOT EXISTS scim.user_group (
    organization_id   uuid NOT NULL REFERENCES scim.organization,
    id                uuid NOT NULL DEFAULT gen_random_uuid(),
    display_name      text NOT NULL CHECK (length(display_name) <= 512),
    display_name_key  text COLLATE "C" NOT NULL,    -- see scim.user_group_before_write
    external_id       text COLLATE "C" CHECK (external_id <> ''),
    version           bigint NOT NULL DEFAULT 1,
    created_at        timestamptz(3) NOT NULL DEFAULT now(),
    updated_at        timestamptz(3) NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, id),
    CONSTRAINT user_group_display_name_unique UNIQUE (organization_id, display_name_key)
);
CALL pg_temp.comment('TABLE scim.user_group', 'Groups of accounts');
CALL pg_temp.comment('COLUMN scim.user_group.organization_id', 'The organization');
CALL pg_temp.comment('COLUMN scim.user_group.id', 'SCIM id: random, stable, never reused');
CALL pg_temp.comment('COLUMN scim.user_group.display_name', 'SCIM displayName; unique in the organization by display_name_key');
CALL pg_temp.comment('COLUMN scim.user_group.display_name_key', 'Comparison key of displayName: case and Unicode form ignored');
CALL pg_temp.comment('COLUMN scim.user_group.external_id', 'SCIM externalId: the identity provider''s own id; case matters; not unique');
CALL pg_temp.comment('COLUMN scim.user_group.version', 'Counts changes, also of the members; the SCIM version and ETag');
CALL pg_temp.comment('COLUMN scim.user_group.created_at', 'SCIM meta.created');
CALL pg_temp.comment('COLUMN scim.user_group.updated_at', 'SCIM meta.lastModified');

-- Identity providers add members by hundreds, and PostgreSQL asks a foreign key for
-- each row by itself.  So this table has none: scim.count_group_change,
-- scim.refuse_unknown_members and scim.delete_memberships do the same for all rows of a
-- statement.
CREATE TABLE IF NOT EXISTS scim.membership (
    organization_id  uuid NOT NULL,
    group_id         uuid NOT NULL,
    account_id       uuid NOT NULL,
    added_at         timestamptz(3) NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, group_id, account_id)
);
DO $$    -- the first databases of version 6
BEGIN
    IF EXISTS (SELECT FROM pg_constraint WHERE conrelid = 'scim.membership'::regclass AND contype = 'f') THEN
        ALTER TABLE scim.membership
            DROP CONSTRAINT IF EXISTS membership_organization_id_group_id_fkey,
            DROP CONSTRAINT IF EXISTS membership_organization_id_account_id_fkey;
    END IF;
END
$$;
CALL pg_temp.comment('TABLE scim.membership', 'Accounts that are members of groups. Rows are added and deleted, never changed');
CALL pg_temp.comment('COLUMN scim.membership.organization_id', 'The organization');
CALL pg_temp.comment('COLUMN scim.membership.group_id', 'The group');
CALL pg_temp.comment('COLUMN scim.membership.account_id', 'Its member');
CALL pg_temp.comment('COLUMN scim.membership.added_at', 'Since when');

CREATE TABLE IF NOT EXISTS scim.subgroup (
    organization_id  uuid NOT NULL,
    group_id         uuid NOT NULL,
    child_id         uuid NOT NULL,
    added_at         timestamptz(3) NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, group_id, child_id),
    FOREIGN KEY (organization_id, group_id) REFERENCES scim.user_group ON DELETE CASCADE,
    FOREIGN KEY (organization_id, child_id) REFERENCES scim.user_group ON DELETE CASCADE
);
CALL pg_temp.comment('TABLE scim.subgroup', 'Groups that are members of groups. Rows are added and deleted, never changed');
CALL pg_temp.comment('COLUMN scim.subgroup.organization_id', 'The organization');
CALL pg_temp.comment('COLUMN scim.subgroup.group_id', 'The group');
CALL pg_temp.comment('COLUMN scim.subgroup.child_id', 'The group that is its member');
CALL pg_temp.comment('COLUMN scim.subgroup.added_at', 'Since when');

CREATE TABLE IF NOT EXISTS scim.event (
    organization_id  uuid NOT NULL,
    sequence         bigint GENERATED ALWAYS AS IDENTITY,
    transaction_id   xid8 NOT NULL DEFAULT pg_current_xact_id(),
    account_id       uuid,
    kind             text NOT NULL,
    actor_kind       text NOT NULL,
    actor_id         uuid,
    actor_name       text NOT NULL,
    attributes       text[] NOT NULL DEFAULT '{}',
    version          bigint,
    occurred_at      timestamptz(3) NOT NULL DEFAULT now(),
    data             jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (organization_id, sequence)
);
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'scim.event'::regclass AND attname IN ('account_id', 'version') AND attnotnull) THEN
        ALTER TABLE scim.event ALTER COLUMN account_id DROP NOT NULL, ALTER COLUMN version DROP NOT NULL;
    END IF;
END
$$;
CALL pg_temp.comment('TABLE scim.event', 'One row for each effective change, written in the transaction of the change: audit log and change feed');
CALL pg_temp.comment('COLUMN scim.event.organization_id', 'The organization');
CALL pg_temp.comment('COLUMN scim.event.sequence', 'Order in which changes were made; transactions may commit in another order');
CALL pg_temp.comment('COLUMN scim.event.transaction_id', 'Transaction of the change: a reader stops before the oldest one still open');
CALL pg_temp.comment('COLUMN scim.event.account_id', 'The account, which may be deleted; NULL: a change of another resource or of the organization');
CALL pg_temp.comment('COLUMN scim.event.kind', 'RFC 9967 event URI, or one of ours: urn:mod_scim:event:...');
CALL pg_temp.comment('COLUMN scim.event.actor_kind', 'The kind of actor: a SCIM token, an administrator''s account, or the operator (scimctl)');
CALL pg_temp.comment('COLUMN scim.event.actor_id', 'Id of that token or account');
CALL pg_temp.comment('COLUMN scim.event.actor_name', 'Its name at that time');
CALL pg_temp.comment('COLUMN scim.event.attributes', 'Names of the attributes that changed');
CALL pg_temp.comment('COLUMN scim.event.version', 'Version of the resource after the change; NULL without one');
CALL pg_temp.comment('COLUMN scim.event.occurred_at', 'When the change was made');
CALL pg_temp.comment('COLUMN scim.event.data', '{"before": {...}, "after": {...}}: the changed attributes');

CREATE TABLE IF NOT EXISTS scim.relay (
    name        text PRIMARY KEY CHECK (name <> ''),
    sequence    bigint NOT NULL,
    updated_at  timestamptz(3) NOT NULL DEFAULT now()
);
CALL pg_temp.comment('TABLE scim.relay', 'Position of each scimctl relay');
CALL pg_temp.comment('COLUMN scim.relay.name', 'Its --name');
CALL pg_temp.comment('COLUMN scim.relay.sequence', 'Sequence of the latest event that its receiver has accepted; 0: none yet');
CALL pg_temp.comment('COLUMN scim.relay.updated_at', 'When it was accepted');

-- Refused requests, for administrators who ask why somebody was not provisioned,
-- and warnings of what was lost silently: an unknown role, an unknown attribute.
-- Their numbers are of the same sequence as those of events, so that both form one
-- list.
CREATE TABLE IF NOT EXISTS scim.refusal (
    organization_id  uuid NOT NULL REFERENCES scim.organization,
    sequence         bigint NOT NULL DEFAULT nextval('scim.event_sequence_seq'),
    account_id       uuid,
    user_name        text,
    actor_name       text NOT NULL,
    method           text NOT NULL,
    path             text NOT NULL,
    status           smallint NOT NULL,
    scim_type        text,
    detail           text NOT NULL,
    occurred_at      timestamptz(3) NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, sequence)
);
CALL pg_temp.comment('TABLE scim.refusal', 'SCIM requests that were refused, and warnings of those that succeeded (status below 400) but not with all that they sent: of each, the latest thousand of an organization, for 30 days');
CALL pg_temp.comment('COLUMN scim.refusal.organization_id', 'The organization');
CALL pg_temp.comment('COLUMN scim.refusal.sequence', 'Order, shared with scim.event');
CALL pg_temp.comment('COLUMN scim.refusal.account_id', 'The account that its path names, if it names one, or that it made; NULL for a warning that is the same for all');
CALL pg_temp.comment('COLUMN scim.refusal.user_name', 'The userName in its body, if it has one');
CALL pg_temp.comment('COLUMN scim.refusal.actor_name', 'Name of the token');
CALL pg_temp.comment('COLUMN scim.refusal.method', 'HTTP method');
CALL pg_temp.comment('COLUMN scim.refusal.path', 'Path below the SCIM Location');
CALL pg_temp.comment('COLUMN scim.refusal.status', 'HTTP status of the answer');
CALL pg_temp.comment('COLUMN scim.refusal.scim_type', 'scimType of the answer');
CALL pg_temp.comment('COLUMN scim.refusal.detail', 'The detail of the answer; what was lost, and what to do');
CALL pg_temp.comment('COLUMN scim.refusal.occurred_at', 'When it was answered');

-- The guard: how much tokens have taken away, and what was refused because it was too
-- much.  Rows are deleted when they are of no use any more, so these tables stay
-- small.  They refer to no organization: each write would lock its row.
CREATE TABLE IF NOT EXISTS scim.guard_count (
    organization_id  uuid NOT NULL,
    kind             text NOT NULL CHECK (kind IN ('deactivate', 'delete', 'guest', 'remove', 'active')),
    minute           timestamptz(0) NOT NULL,
    number           bigint NOT NULL,
    PRIMARY KEY (organization_id, kind, minute)
);
CALL pg_temp.comment('TABLE scim.guard_count', 'What tokens have taken away within the last hour, by minutes, for the guard');
CALL pg_temp.comment('COLUMN scim.guard_count.organization_id', 'The organization');
CALL pg_temp.comment('COLUMN scim.guard_count.kind', 'deactivate, delete, guest (downgrades) or remove (members of groups); active: how many active accounts there were, counted once an hour');
CALL pg_temp.comment('COLUMN scim.guard_count.minute', 'The minute in which they were counted');
CALL pg_temp.comment('COLUMN scim.guard_count.number', 'How many');

CREATE TABLE IF NOT EXISTS scim.guard_trip (
    organization_id  uuid NOT NULL,
    guarded          text NOT NULL CHECK (guarded IN ('accounts', 'members')),
    tripped_at       timestamptz(3) NOT NULL,
    refused_at       timestamptz(3) NOT NULL,
    refused          bigint NOT NULL,
    most             bigint NOT NULL,
    actor_name       text NOT NULL,
    PRIMARY KEY (organization_id, guarded)
);
CALL pg_temp.comment('TABLE scim.guard_trip', 'Guards that have tripped: they have refused writes, and nobody has let them through');
CALL pg_temp.comment('COLUMN scim.guard_trip.organization_id', 'The organization');
CALL pg_temp.comment('COLUMN scim.guard_trip.guarded', 'accounts: deactivations, deletions and downgrades to GUEST; members: removals from groups');
CALL pg_temp.comment('COLUMN scim.guard_trip.tripped_at', 'When the first write was refused');
CALL pg_temp.comment('COLUMN scim.guard_trip.refused_at', 'When the last one was refused');
CALL pg_temp.comment('COLUMN scim.guard_trip.refused', 'How many were refused');
CALL pg_temp.comment('COLUMN scim.guard_trip.most', 'The limit that was reached');
CALL pg_temp.comment('COLUMN scim.guard_trip.actor_name', 'Name of the token of the first one');

-- The requests of identity providers, for administrators.  httpd writes them about a
-- second after the answer, many at once, and not more than once: rows may be
-- missing.  They have no foreign keys, which would let one deleted organization
-- keep out the rows of the others.  No column has a value of an attribute.
CREATE TABLE IF NOT EXISTS scim.request (
    organization_id  uuid NOT NULL,
    occurred_at      timestamptz(3) NOT NULL,
    sequence         bigint GENERATED ALWAYS AS IDENTITY,
    token_id         uuid NOT NULL,
    actor_name       text NOT NULL,
    method           text NOT NULL,
    path             text NOT NULL,
    filter           text,
    operations       text[] NOT NULL DEFAULT '{}',
    status           smallint NOT NULL,
    scim_type        text,
    resource_type    text,
    resource_id      uuid,
    request_id       text NOT NULL,
    duration         bigint NOT NULL,
    requests         integer NOT NULL DEFAULT 1,
    changes          integer NOT NULL DEFAULT 0,
    warnings         integer NOT NULL DEFAULT 0,
    PRIMARY KEY (organization_id, occurred_at, sequence)
);
CALL pg_temp.comment('TABLE scim.request', 'SCIM requests with a valid token, without values: about the latest five thousand of an organization, for seven days');
CALL pg_temp.comment('COLUMN scim.request.organization_id', 'The organization');
CALL pg_temp.comment('COLUMN scim.request.occurred_at', 'When it was answered; of several equal ones, the latest');
CALL pg_temp.comment('COLUMN scim.request.sequence', 'Order of those of the same time');
CALL pg_temp.comment('COLUMN scim.request.token_id', 'Id of the token');
CALL pg_temp.comment('COLUMN scim.request.actor_name', 'Name of the token');
CALL pg_temp.comment('COLUMN scim.request.method', 'HTTP method');
CALL pg_temp.comment('COLUMN scim.request.path', 'Path below the SCIM Location; what may be a value is masked');
CALL pg_temp.comment('COLUMN scim.request.filter', 'The filter with masked values; NULL: none');
CALL pg_temp.comment('COLUMN scim.request.operations', 'What the body is about: paths and names of attributes, kinds of operations; no values');
CALL pg_temp.comment('COLUMN scim.request.status', 'HTTP status of the answer');
CALL pg_temp.comment('COLUMN scim.request.scim_type', 'scimType of the answer');
CALL pg_temp.comment('COLUMN scim.request.resource_type', 'Type of the resource: the endpoint of its path; NULL: none');
CALL pg_temp.comment('COLUMN scim.request.resource_id', 'Id of the resource, if there is one');
CALL pg_temp.comment('COLUMN scim.request.request_id', 'X-Request-Id of the answer');
CALL pg_temp.comment('COLUMN scim.request.duration', 'Microseconds until it was answered; of several, the mean');
CALL pg_temp.comment('COLUMN scim.request.requests', 'How many equal requests this row stands for');
CALL pg_temp.comment('COLUMN scim.request.changes', 'How many resources they have changed');
CALL pg_temp.comment('COLUMN scim.request.warnings', 'How much of them was ignored');

CREATE TABLE IF NOT EXISTS scim.request_hour (
    organization_id  uuid NOT NULL,
    hour             timestamptz NOT NULL,
    requests         bigint NOT NULL,
    changes          bigint NOT NULL,
    refusals         bigint NOT NULL,
    warnings         bigint NOT NULL,
    PRIMARY KEY (organization_id, hour)
);
CALL pg_temp.comment('TABLE scim.request_hour', 'How many SCIM requests an organization has sent in each hour of eight days');
CALL pg_temp.comment('COLUMN scim.request_hour.organization_id', 'The organization');
CALL pg_temp.comment('COLUMN scim.request_hour.hour', 'When the hour begins');
CALL pg_temp.comment('COLUMN scim.request_hour.requests', 'Requests with a valid token');
CALL pg_temp.comment('COLUMN scim.request_hour.changes', 'How many resources they have changed');
CALL pg_temp.comment('COLUMN scim.request_hour.refusals', 'How many of them, or of their bulk operations, were refused');
CALL pg_temp.comment('COLUMN scim.request_hour.warnings', 'How much of them was ignored');

-- Beside scim.account: a read must not write its row, which has many indexes.
CREATE TABLE IF NOT EXISTS scim.account_seen (
    organization_id  uuid NOT NULL,
    account_id       uuid NOT NULL,
    seen_on          date NOT NULL,
    PRIMARY KEY (organization_id, account_id)
);
CALL pg_temp.comment('TABLE scim.account_seen', 'When provisioning last asked for an account, found it, or wrote it');
CALL pg_temp.comment('COLUMN scim.account_seen.organization_id', 'The organization');
CALL pg_temp.comment('COLUMN scim.account_seen.account_id', 'The account');
CALL pg_temp.comment('COLUMN scim.account_seen.seen_on', 'The day, in UTC');

-- A foreign key would lock the row of each account that is seen.
CREATE OR REPLACE FUNCTION scim.forget_seen() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- In the order in which the log of requests locks them
    PERFORM FROM scim.account_seen s JOIN gone g ON s.organization_id = g.organization_id AND s.account_id = g.id
    ORDER BY s.organization_id, s.account_id FOR UPDATE OF s;
    DELETE FROM scim.account_seen s USING gone g
    WHERE s.organization_id = g.organization_id AND s.account_id = g.id;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION scim.forget_seen() FROM PUBLIC;
COMMENT ON FUNCTION scim.forget_seen() IS 'Deletes from scim.account_seen the accounts that are deleted';

-- Tokens that were deleted, to tell whoever still uses one by its name.
CREATE TABLE IF NOT EXISTS scim.deleted_token (
    organization_id  uuid NOT NULL REFERENCES scim.organization,
    id               uuid NOT NULL,
    name             text NOT NULL,
    prefix           text NOT NULL,
    hash             bytea NOT NULL,
    deleted_at       timestamptz(3) NOT NULL DEFAULT now(),
    refused_at       timestamptz(3),
    PRIMARY KEY (organization_id, id)
);
CALL pg_temp.comment('TABLE scim.deleted_token', 'Tokens that were deleted: the latest hundred of an organization, for 90 days');
CALL pg_temp.comment('COLUMN scim.deleted_token.organization_id', 'The organization');
CALL pg_temp.comment('COLUMN scim.deleted_token.id', 'Id of the token');
CALL pg_temp.comment('COLUMN scim.deleted_token.name', 'Its name');
CALL pg_temp.comment('COLUMN scim.deleted_token.prefix', 'Its first characters');
CALL pg_temp.comment('COLUMN scim.deleted_token.hash', 'Its SHA-256');
CALL pg_temp.comment('COLUMN scim.deleted_token.deleted_at', 'When it was deleted');
CALL pg_temp.comment('COLUMN scim.deleted_token.refused_at', 'When a request with it was last refused, to the minute');

-- An account's id has a column of its own, in which all events and refusals before
-- version 6 have it, and which says that the resource is a User.  Both tables are
-- read through this, with coalesce(resource_id, account_id).
CREATE OR REPLACE FUNCTION scim.resource_type(resource_type text, account_id uuid) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(resource_type, CASE WHEN account_id IS NOT NULL THEN 'User' END);
COMMENT ON FUNCTION scim.resource_type(text, uuid) IS 'The type of the resource of an event or a refusal, after these two columns: User, Group, ...; NULL: none, as of a change of the organization';

-- The role column and attributes.roles always agree: of the two, the one that was
-- changed counts; if both were, or roles is not a list, the column counts.  SCIM
-- keeps an empty list if a client wants no role at all (profile open).
CREATE OR REPLACE FUNCTION scim.role_of(roles jsonb, role text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(upper(jsonb_path_query_first(roles, '$[*] ? (@.primary == true).value ? (@ like_regex "^(ADMIN|USER|GUEST)$" flag "i")') #>> '{}'),
                    upper(jsonb_path_query_first(roles, '$[*].value ? (@ like_regex "^(ADMIN|USER|GUEST)$" flag "i")') #>> '{}'),
                    CASE WHEN jsonb_path_exists(roles, '$[*].value ? (@ != "")') THEN role ELSE 'GUEST' END);
COMMENT ON FUNCTION scim.role_of(jsonb, text) IS 'The role after the list attributes.roles: the primary known one, else the first known one; unchanged if all are unknown, GUEST if there are none';
CREATE OR REPLACE FUNCTION scim.refuse_account(new scim.account, old scim.account) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused text;
    rule text;
BEGIN
    CASE
        WHEN new.user_name IS DISTINCT FROM old.user_name AND NOT scim.is_identifier(new.user_name) THEN
            refused := 'user_name';
            rule := 'must not contain blanks or control, direction or invisible characters';
        WHEN new.user_name IS DISTINCT FROM old.user_name AND length(new.user_name) > 512 THEN
            refused := 'user_name';
            rule := 'must not be longer than 512 characters';
        WHEN new.display_name IS DISTINCT FROM old.display_name AND NOT scim.is_name(new.display_name) THEN
            refused := 'display_name';
            rule := 'must not be blank or contain control, direction or invisible characters';
        WHEN new.attributes IS DISTINCT FROM old.attributes AND NOT scim.is_readable(new.attributes) THEN
            refused := 'attributes';
            rule := 'must not have more than 16 levels, duplicate members (ignoring case) or numbers beyond 2^53';
        WHEN new.external_id = '' OR new.preferred_language = '' OR new.timezone = '' THEN
            refused := CASE '' WHEN new.external_id THEN 'external_id' WHEN new.preferred_language THEN 'preferred_language' ELSE 'timezone' END;
            rule := 'must not be empty; use NULL instead';
        ELSE
            RETURN;
    END CASE;
    RAISE EXCEPTION '% %', refused, rule USING ERRCODE = 'check_violation',
        TABLE = 'account', SCHEMA = 'scim', COLUMN = refused, CONSTRAINT = 'account_' || refused;
END
$$;
COMMENT ON FUNCTION scim.refuse_account(scim.account, scim.account) IS 'Refuses an account with empty texts, or with unreadable names or attributes unless it had them before';
CREATE OR REPLACE FUNCTION scim.has_role(attributes jsonb, role text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (jsonb_typeof(attributes -> 'roles') = 'array'
            AND scim.role_of(attributes -> 'roles', 'GUEST') = role) IS TRUE;
COMMENT ON FUNCTION scim.has_role(jsonb, text) IS 'Whether the list attributes.roles has this role; then it is ADMIN, USER or GUEST, and attributes is an object';
CREATE OR REPLACE FUNCTION scim.settle_role(new scim.account, old scim.account, is_new boolean) RETURNS scim.account
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    roles jsonb := new.attributes -> 'roles';
BEGIN
    IF new.role NOT IN ('ADMIN', 'USER', 'GUEST') THEN
        RAISE EXCEPTION 'role must be ADMIN, USER or GUEST' USING ERRCODE = 'check_violation',
            TABLE = 'account', SCHEMA = 'scim', COLUMN = 'role', CONSTRAINT = 'account_role';
    ELSIF jsonb_typeof(new.attributes) <> 'object' THEN
        RAISE EXCEPTION 'attributes must be an object' USING ERRCODE = 'check_violation',
            TABLE = 'account', SCHEMA = 'scim', COLUMN = 'attributes', CONSTRAINT = 'account_attributes';
    END IF;
    IF jsonb_typeof(roles) = 'array'
       AND (is_new AND new.role = 'GUEST'
            OR NOT is_new AND new.role = old.role AND roles IS DISTINCT FROM old.attributes -> 'roles')
    THEN
        new.role := scim.role_of(roles, new.role);
    END IF;
    IF jsonb_typeof(roles) IS DISTINCT FROM 'array' OR scim.role_of(roles, 'GUEST') <> new.role THEN
        new.attributes := new.attributes || jsonb_build_object('roles',
            jsonb_build_array(jsonb_build_object('value', new.role, 'primary', true)));
    END IF;
    RETURN new;
END
$$;
COMMENT ON FUNCTION scim.settle_role(scim.account, scim.account, boolean) IS 'The account with role and attributes.roles made equal: the one that was written determines the other';
-- The module, which is the role scim, has already checked names and attributes.
-- PostgreSQL prepares each expression anew in each transaction, so there are few,
-- and each CHECK in each statement, so there are none: this saves a seventh of the
-- processor time of a creation.  Setting search_path would cost as much as all the
-- rest, so operators are schema-qualified.
CREATE OR REPLACE FUNCTION scim.account_before_write() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF current_user OPERATOR(pg_catalog.<>) 'scim' THEN
        PERFORM scim.refuse_account(NEW, CASE WHEN TG_OP OPERATOR(pg_catalog.=) 'UPDATE' THEN OLD END);
    END IF;
    IF NOT scim.has_role(NEW.attributes, NEW.role) THEN
        NEW := scim.settle_role(NEW, CASE WHEN TG_OP OPERATOR(pg_catalog.=) 'UPDATE' THEN OLD END, TG_OP OPERATOR(pg_catalog.=) 'INSERT');
    END IF;
    IF TG_OP OPERATOR(pg_catalog.=) 'UPDATE' THEN
        IF NEW.id OPERATOR(pg_catalog.<>) OLD.id OR NEW.organization_id OPERATOR(pg_catalog.<>) OLD.organization_id THEN
            RAISE EXCEPTION 'the id and the organization of account % cannot be changed', OLD.id
                USING ERRCODE = 'foreign_key_violation';
        END IF;
        NEW.version := OLD.version OPERATOR(pg_catalog.+) 1;
        NEW.updated_at := greatest(pg_catalog.clock_timestamp(), OLD.updated_at OPERATOR(pg_catalog.+) pg_catalog.interval '1 millisecond');
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION scim.account_before_write() IS 'Refuses unreadable names and attributes and a change of the key, keeps attributes.roles equal to role, and maintains version and updated_at';

-- Roles that write accounts need not see tokens, so these two functions run as the
-- owner.  A transaction that keeps one snapshot would not see a token that was
-- generated since, and the lock below would not stop it.
CREATE OR REPLACE FUNCTION scim.account_keep_token_issuer() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM scim.token t
               WHERE t.organization_id = OLD.organization_id AND t.issuer = OLD.id
                 AND (t.expires_at IS NULL OR t.expires_at > now()))
    THEN
        RAISE EXCEPTION 'account % has issued a SCIM token that is still valid', OLD.id
            USING ERRCODE = 'SC001',
                  HINT = 'Delete the token, or issue another one as another administrator first.';
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.active AND OLD.role = 'ADMIN'
       AND current_setting('transaction_isolation') IN ('repeatable read', 'serializable')
    THEN
        RAISE EXCEPTION 'account % may have issued a SCIM token that this transaction does not see', OLD.id
            USING ERRCODE = 'feature_not_supported',
                  HINT = 'Deactivate an ADMIN, or take the role away, in a transaction that is READ COMMITTED.';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;
REVOKE ALL ON FUNCTION scim.account_keep_token_issuer() FROM PUBLIC;
COMMENT ON FUNCTION scim.account_keep_token_issuer() IS 'The issuer of a valid token stays an active ADMIN (SQLSTATE SC001)';

-- FOR SHARE holds off a concurrent demotion until the token is visible.  A token
-- that has expired gives no access: it may be imported, too.
CREATE OR REPLACE FUNCTION scim.token_needs_admin() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.expires_at <= now() THEN
        RETURN NEW;
    END IF;
    PERFORM FROM scim.account a
    WHERE a.organization_id = NEW.organization_id AND a.id = NEW.issuer
      AND a.active AND a.role = 'ADMIN'
    FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'account % cannot issue a SCIM token: it is not an active ADMIN', NEW.issuer
            USING ERRCODE = 'SC002';
    END IF;
    RETURN NEW;
END
$$;
REVOKE ALL ON FUNCTION scim.token_needs_admin() FROM PUBLIC;
COMMENT ON FUNCTION scim.token_needs_admin() IS 'A token is issued by an active ADMIN (SQLSTATE SC002)';

-- It runs as the owner: whoever deletes an account deletes the tokens that it has
-- issued.
CREATE OR REPLACE FUNCTION scim.keep_deleted_token() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO scim.deleted_token (organization_id, id, name, prefix, hash)
    VALUES (OLD.organization_id, OLD.id, OLD.name, OLD.prefix, OLD.hash)
    ON CONFLICT (organization_id, id) DO UPDATE
    SET name = EXCLUDED.name, prefix = EXCLUDED.prefix, hash = EXCLUDED.hash, deleted_at = EXCLUDED.deleted_at, refused_at = NULL;
    DELETE FROM scim.deleted_token d
    WHERE d.organization_id = OLD.organization_id
      AND d.id IN (SELECT k.id FROM scim.deleted_token k WHERE k.organization_id = OLD.organization_id
                   ORDER BY k.deleted_at DESC, k.id OFFSET 100);
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION scim.keep_deleted_token() FROM PUBLIC;
COMMENT ON FUNCTION scim.keep_deleted_token() IS 'Keeps what tells whoever still uses a deleted token which one it is; of an organization, the latest hundred';

-- Revocation is a barrier.  Everything written in the name of a token has an
-- event, whose trigger checks token and switch again.  A revocation waits until
-- the writers that have checked are done, so that nothing follows once it is
-- acknowledged.  Writers share a lock of their organization that a revocation
-- takes exclusively.  It is not a row lock: a session that waits for an exclusive
-- row lock is overtaken by those that share it, for as long as they keep coming.
CREATE OR REPLACE FUNCTION scim.revocation_lock(organization_id uuid) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN hashtextextended('mod_scim revocation ' || organization_id::text, 0);
COMMENT ON FUNCTION scim.revocation_lock(uuid) IS 'Key of the advisory lock that writers of an organization''s tokens share and revocations take exclusively';

-- An organization that moves to another database must not be changed here by anybody.
-- Those who act for administrators and operators share a lock of their own: an import
-- that takes its time must not keep a token from being revoked.
CREATE OR REPLACE FUNCTION scim.move_lock(organization_id uuid) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN hashtextextended('mod_scim moving ' || organization_id::text, 0);
COMMENT ON FUNCTION scim.move_lock(uuid) IS 'Key of the advisory lock that all writers of an organization but its tokens share, and the beginning of its move takes exclusively, after scim.revocation_lock';

CREATE SEQUENCE IF NOT EXISTS scim.revocation;
DO $$ BEGIN PERFORM nextval('scim.revocation') WHERE pg_sequence_last_value('scim.revocation') IS NULL; END $$;    -- it has a value from now on
COMMENT ON SEQUENCE scim.revocation IS 'Counts revocations, so that a session that has checked a token need not check it again until the next one';

-- The guard.  A token may deactivate, delete or downgrade to GUEST so many accounts
-- an hour, and remove so many members from groups: more of it is rather a mistake of
-- the identity provider, and an administrator has to let it through.  Both have the
-- same limit, but are counted apart, because one person's leaving removes many
-- memberships.  The hour moves on minute by minute.
CREATE OR REPLACE FUNCTION scim.guard_lock(organization_id uuid) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN hashtextextended('mod_scim guard ' || organization_id::text, 0);
COMMENT ON FUNCTION scim.guard_lock(uuid) IS 'Key of the advisory lock that lets the guard of an organization count one write at a time; who takes scim.revocation_lock as well takes that one first, and the rows that it changes before both';

CREATE OR REPLACE FUNCTION scim.guard_counted(organization uuid, kinds text[]) RETURNS bigint
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT coalesce(sum(c.number), 0)::bigint FROM scim.guard_count c
    WHERE c.organization_id = $1 AND c.kind = ANY ($2) AND c.minute > clock_timestamp() - interval '61 minutes';
END;
COMMENT ON FUNCTION scim.guard_counted(uuid, text[]) IS 'How much of these kinds of scim.guard_count tokens have taken away within the last hour, and the rest of its first minute';

-- Counting a million accounts takes 0.1 s, so the number is used for an hour.  Those
-- that are gone already belong to the whole of which a percentage may go.
CREATE OR REPLACE FUNCTION scim.guard_active(organization uuid) RETURNS bigint
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT coalesce((SELECT c.number FROM scim.guard_count c
                     WHERE c.organization_id = $1 AND c.kind = 'active' AND c.minute > clock_timestamp() - interval '1 hour'
                     ORDER BY c.minute DESC LIMIT 1),
                    (SELECT count(*) FROM scim.account a WHERE a.organization_id = $1 AND a.active)
                    + scim.guard_counted($1, '{deactivate,delete}'));
END;
COMMENT ON FUNCTION scim.guard_active(uuid) IS 'How many active accounts there were before tokens took some away';

CREATE OR REPLACE FUNCTION scim.guard_limit(organization uuid, OUT most bigint, OUT active bigint)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    number bigint;
    percent integer;
BEGIN
    SELECT o.guard_number, o.guard_percent INTO number, percent FROM scim.organization o WHERE o.id = organization;
    IF percent IS NOT NULL THEN
        active := scim.guard_active(organization);
    END IF;
    most := greatest(number, ceil(active * percent / 100.0));
END
$$;
COMMENT ON FUNCTION scim.guard_limit(uuid) IS 'How many accounts, or members of groups, tokens may take away within an hour: the greater of guard_number and guard_percent of the active accounts, rounded up; NULL: any number. active is NULL if it does not matter';

-- For an hour: see scim.guard_active.
CREATE OR REPLACE FUNCTION scim.guard_keep_active(organization uuid, active bigint) RETURNS void
    LANGUAGE sql
BEGIN ATOMIC
    INSERT INTO scim.guard_count (organization_id, kind, minute, number)
    SELECT $1, 'active', date_trunc('minute', clock_timestamp()), $2
    WHERE $2 IS NOT NULL
      AND NOT EXISTS (SELECT FROM scim.guard_count c WHERE c.organization_id = $1 AND c.kind = 'active'
                      AND c.minute > clock_timestamp() - interval '1 hour')
    ON CONFLICT DO NOTHING;
END;
COMMENT ON FUNCTION scim.guard_keep_active(uuid, bigint) IS 'Stores scim.guard_limit.active, unless it is stored';

-- An event has only what has changed; the account has the rest, if it is still there.
CREATE OR REPLACE FUNCTION scim.took_last_admin(e scim.event) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    now record;
BEGIN
    SELECT a.role, a.active INTO now FROM scim.account a WHERE a.organization_id = e.organization_id AND a.id = e.account_id;
    IF (CASE WHEN 'roles' = ANY (e.attributes) THEN scim.role_of(e.data #> '{before,roles}', 'GUEST') ELSE now.role END = 'ADMIN'
        AND CASE WHEN 'active' = ANY (e.attributes) THEN e.data #> '{before,active}' = 'true' ELSE now.active END) IS NOT TRUE
    THEN
        RETURN false;
    END IF;
    PERFORM pg_advisory_xact_lock(scim.guard_lock(e.organization_id));
    RETURN NOT EXISTS (SELECT FROM scim.account a WHERE a.organization_id = e.organization_id AND a.role = 'ADMIN' AND a.active);
END
$$;
COMMENT ON FUNCTION scim.took_last_admin(scim.event) IS 'Whether an account that is not an active ADMIN any more, after this event, was the last one';

-- Called with the event of a write, after the change.  It counts under a lock, and
-- each query here sees what was committed before; so writers at the same time cannot
-- pass the limit together.  What is refused is rolled back, and not counted.
CREATE OR REPLACE FUNCTION scim.guard(e scim.event) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    loss CONSTANT text := CASE
        WHEN e.resource_type = 'Group' THEN CASE WHEN e.data ? 'removed' THEN 'remove' END
        WHEN e.resource_type IS NOT NULL THEN NULL
        WHEN e.kind = 'urn:ietf:params:scim:event:prov:deactivate' THEN 'deactivate'
        WHEN e.kind = 'urn:ietf:params:scim:event:prov:delete' THEN 'delete'
        WHEN e.kind IN ('urn:mod_scim:event:role:guest', 'urn:mod_scim:event:role:user') THEN 'guest' END;
    lost bigint;
    losses text[];
    o record;
    allowed record;
BEGIN
    IF loss IS NULL THEN
        RETURN;
    ELSIF loss <> 'remove' AND scim.took_last_admin(e) THEN
        RAISE EXCEPTION 'account % is the last active ADMIN', e.account_id USING ERRCODE = 'SC009';
    END IF;
    lost := CASE WHEN loss = 'remove' THEN jsonb_array_length(e.data -> 'removed')
                 -- USER is for the last ADMIN alone.  Whoever is deactivated in the same
                 -- change is counted as that.
                 WHEN loss = 'guest' THEN (e.kind = 'urn:mod_scim:event:role:guest'
                                           AND (e.data #> '{before,active}' = 'true') IS NOT TRUE)::integer
                 ELSE 1 END;
    SELECT g.guard_number AS number, g.guard_percent AS percent,
           coalesce(g.guard_open_until > clock_timestamp(), false) AS is_open
    INTO o FROM scim.organization g WHERE g.id = e.organization_id;
    IF lost = 0 OR o.is_open OR coalesce(o.number, o.percent) IS NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(scim.guard_lock(e.organization_id));
    DELETE FROM scim.guard_count c
    WHERE c.organization_id = e.organization_id AND c.minute < clock_timestamp() - interval '61 minutes';
    INSERT INTO scim.guard_count AS c (organization_id, kind, minute, number)
    VALUES (e.organization_id, loss, date_trunc('minute', clock_timestamp()), lost)
    ON CONFLICT (organization_id, kind, minute) DO UPDATE SET number = c.number + excluded.number;
    losses := CASE WHEN loss = 'remove' THEN '{remove}' ELSE '{deactivate,delete,guest}' END;
    lost := scim.guard_counted(e.organization_id, losses);
    IF lost <= o.number THEN
        RETURN;
    END IF;
    allowed := scim.guard_limit(e.organization_id);
    IF lost > allowed.most THEN
        RAISE EXCEPTION 'the guard of organization % lets % through in an hour', e.organization_id, allowed.most
            USING ERRCODE = CASE WHEN loss = 'remove' THEN 'SC008' ELSE 'SC007' END, DETAIL = allowed.most;
    END IF;
    PERFORM scim.guard_keep_active(e.organization_id, allowed.active);
END
$$;
COMMENT ON FUNCTION scim.guard(scim.event) IS 'Refuses a change by a token that takes away more accounts (SQLSTATE SC007) or members of groups (SC008) within an hour than scim.guard_limit, which is the detail of the error, or the last active ADMIN (SC009)';

-- A refusal is noted in a transaction of its own, because the one that was refused is
-- rolled back.  One after a day without any begins a new trip.
CREATE OR REPLACE FUNCTION scim.note_guard_trip(organization uuid, what text, times bigint, token uuid, token_name text) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    allowed record;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(scim.revocation_lock(organization));
    PERFORM pg_advisory_xact_lock(scim.guard_lock(organization));
    allowed := scim.guard_limit(organization);
    IF allowed.most IS NULL
       OR EXISTS (SELECT FROM scim.organization o WHERE o.id = organization AND o.guard_open_until > clock_timestamp())
    THEN
        RETURN false;
    END IF;
    PERFORM scim.guard_keep_active(organization, allowed.active);
    DELETE FROM scim.guard_trip t WHERE t.organization_id = organization AND t.refused_at < clock_timestamp() - interval '1 day';
    UPDATE scim.guard_trip t SET refused_at = clock_timestamp(), refused = t.refused + times, most = allowed.most
    WHERE t.organization_id = organization AND t.guarded = what;
    IF FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO scim.guard_trip (organization_id, guarded, tripped_at, refused_at, refused, most, actor_name)
    VALUES (organization, what, clock_timestamp(), clock_timestamp(), times, allowed.most, token_name);
    INSERT INTO scim.event (organization_id, kind, actor_kind, actor_id, actor_name, data)
    VALUES (organization, 'urn:mod_scim:event:guard:trip', 'token', token, token_name,
            jsonb_build_object('guarded', what, 'limit', allowed.most, 'token', token_name));
    RETURN true;
END
$$;
COMMENT ON FUNCTION scim.note_guard_trip(uuid, text, bigint, uuid, text) IS 'Notes that the guard has refused so many writes of a token, to accounts or members; whether it has tripped by that, which writes an event';

-- Those who are refused meanwhile wait for this before they note it.
CREATE OR REPLACE FUNCTION scim.open_guard(organization uuid, actor_kind text, actor uuid, actor_name text) RETURNS timestamptz
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    until timestamptz;
BEGIN
    UPDATE scim.organization o SET guard_open_until = clock_timestamp() + interval '2 hours'
    WHERE o.id = organization RETURNING o.guard_open_until INTO until;
    PERFORM pg_advisory_xact_lock(scim.guard_lock(organization));
    DELETE FROM scim.guard_trip t WHERE t.organization_id = organization;
    DELETE FROM scim.guard_count c WHERE c.organization_id = organization AND c.kind <> 'active';
    INSERT INTO scim.event (organization_id, kind, actor_kind, actor_id, actor_name, data)
    VALUES (organization, 'urn:mod_scim:event:guard:open', actor_kind, actor, actor_name, jsonb_build_object('until', until));
    RETURN until;
END
$$;
COMMENT ON FUNCTION scim.open_guard(uuid, text, uuid, text) IS 'Lets tokens take away any number of accounts and members for two hours; then they are counted anew. Returns until when';

-- One trigger does three things, because calling another one would cost as much as
-- what it does.  NOTIFY makes the commits of its transactions wait for one another,
-- so a session notifies at most ten times a second; readers also poll.  The
-- statement's own snapshot may be older than the revocation that the lock waited
-- for; a query in a function has a new one.  Until it notifies again, a session
-- remembers a token that it found valid, or an organization that does not move, with
-- the number of revocations.  Events
-- restored from a dump are of another transaction and not checked.  It does not set
-- search_path, which would be a third of its cost: only the module and the owner
-- write events.
CREATE OR REPLACE FUNCTION scim.event_before_insert() RETURNS trigger
    LANGUAGE plpgsql AS $$
DECLARE
    is_new boolean;
    by_token boolean;
    enabled boolean;
    paused boolean;
    moves boolean;
    expires timestamptz;
BEGIN
    -- Usually there is nothing to do.  It is one expression, because each is
    -- prepared anew in each transaction.  The lock is taken before revocations are
    -- counted.  At its end is what scim.guard looks at.
    IF clock_timestamp() < nullif(current_setting('scim.rings_at', true), '')::timestamptz
       AND (CASE WHEN NEW.transaction_id <> pg_current_xact_id() THEN true
                 WHEN NEW.actor_kind = 'account' OR NEW.actor_kind = 'operator'
                 THEN pg_advisory_xact_lock_shared(scim.move_lock(NEW.organization_id)) IS NOT NULL
                      AND NEW.organization_id = nullif(current_setting('scim.good_token', true), '')::uuid
                      AND pg_sequence_last_value('scim.revocation') = nullif(current_setting('scim.revocations', true), '')::bigint
                 WHEN NEW.actor_kind <> 'token' THEN false
                 WHEN pg_advisory_xact_lock_shared(scim.revocation_lock(NEW.organization_id)) IS NOT NULL
                 THEN NEW.actor_id = nullif(current_setting('scim.good_token', true), '')::uuid
                      AND pg_sequence_last_value('scim.revocation') = nullif(current_setting('scim.revocations', true), '')::bigint
                      AND NEW.kind <> ALL ('{urn:ietf:params:scim:event:prov:deactivate,urn:ietf:params:scim:event:prov:delete,urn:mod_scim:event:role:guest,urn:mod_scim:event:role:user}')
                      AND (NEW.resource_type IS NULL OR NOT NEW.data ? 'removed') END)
    THEN
        RETURN NEW;
    END IF;
    IF NEW.actor_kind NOT IN ('token', 'account', 'operator') THEN
        RAISE EXCEPTION 'actor_kind must be token, account or operator' USING ERRCODE = 'check_violation',
            TABLE = 'event', SCHEMA = 'scim', COLUMN = 'actor_kind', CONSTRAINT = 'event_actor_kind';
    END IF;
    is_new := NEW.transaction_id = pg_current_xact_id();
    by_token := is_new AND NEW.actor_kind = 'token';
    IF by_token THEN
        PERFORM pg_advisory_xact_lock_shared(scim.revocation_lock(NEW.organization_id));
        SELECT o.provisioning_enabled, o.provisioning_paused OR o.move_side IS NOT NULL, t.expires_at INTO enabled, paused, expires
        FROM scim.token t JOIN scim.organization o ON o.id = t.organization_id
        WHERE t.organization_id = NEW.organization_id AND t.id = NEW.actor_id
          AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp());
        IF NOT FOUND THEN
            RAISE EXCEPTION 'token % is not valid any more', NEW.actor_id USING ERRCODE = 'SC003';
        ELSIF NOT enabled THEN
            RAISE EXCEPTION 'provisioning is switched off for organization %', NEW.organization_id
                USING ERRCODE = 'SC004';
        ELSIF paused THEN
            RAISE EXCEPTION 'provisioning is paused for organization %', NEW.organization_id
                USING ERRCODE = 'SC010';
        END IF;
        PERFORM scim.guard(NEW);
    ELSIF is_new THEN
        PERFORM pg_advisory_xact_lock_shared(scim.move_lock(NEW.organization_id));
        moves := EXISTS (SELECT FROM scim.organization o WHERE o.id = NEW.organization_id AND o.move_side IS NOT NULL);
        -- The move itself, and what an import ends with.
        IF moves AND NEW.kind <> ALL ('{urn:mod_scim:event:organization:move,urn:mod_scim:event:organization:import}') THEN
            RAISE EXCEPTION 'organization % moves to another database', NEW.organization_id
                USING ERRCODE = 'SC011', HINT = 'Finish or cancel that: scimctl help org move.';
        END IF;
    END IF;
    IF (clock_timestamp() < nullif(current_setting('scim.rings_at', true), '')::timestamptz) IS NOT TRUE THEN
        PERFORM set_config('scim.rings_at', (clock_timestamp() + interval '100 milliseconds')::text, false), pg_notify('scim_event', '');
    END IF;
    IF by_token AND (expires < current_setting('scim.rings_at')::timestamptz) IS NOT TRUE OR NOT moves THEN
        PERFORM set_config('scim.good_token', CASE WHEN by_token THEN NEW.actor_id ELSE NEW.organization_id END::text, false),
                set_config('scim.revocations', pg_sequence_last_value('scim.revocation')::text, false);
    ELSE
        PERFORM set_config('scim.good_token', '', false);
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION scim.event_before_insert() IS 'Notifies listeners of scim_event of new events. Refuses events of a token that was deleted or has expired (SQLSTATE SC003) or while provisioning is switched off (SC004) or paused (SC010), all others while the organization moves (SC011), and what scim.guard refuses';

CREATE OR REPLACE FUNCTION scim.refuse_request() RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'the token is not what this request expects' USING ERRCODE = 'SC003';
END
$$;
COMMENT ON FUNCTION scim.refuse_request() IS 'Fails (SQLSTATE SC003), so that PostgreSQL does not run the statements that were sent with this one';

CREATE OR REPLACE FUNCTION scim.revocation_waits() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_TABLE_NAME = 'token' THEN
        PERFORM pg_advisory_xact_lock(scim.revocation_lock(OLD.organization_id));
    ELSE
        PERFORM pg_advisory_xact_lock(scim.revocation_lock(OLD.id));
        IF NEW.move_side IS NOT NULL AND OLD.move_side IS NULL THEN
            PERFORM pg_advisory_xact_lock(scim.move_lock(OLD.id));
        END IF;
    END IF;
    PERFORM nextval('scim.revocation');    -- before the lock is released
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;
COMMENT ON FUNCTION scim.revocation_waits() IS 'Lets writes of a token end before the token is revoked or provisioning is switched off or paused, and all writes before the organization moves';

-- Erasure of personal data.  A name is in events for as long as they are kept,
-- and in refusals, whose detail may quote it.
CREATE OR REPLACE FUNCTION scim.documents_of_account(organization uuid, account uuid) RETURNS SETOF jsonb
    LANGUAGE sql STABLE ROWS 10
BEGIN ATOMIC
    SELECT a.attributes || jsonb_build_object('userName', a.user_name, 'displayName', a.display_name) FROM scim.account a
    WHERE a.organization_id = $1 AND a.id = $2
    UNION ALL
    SELECT side.value FROM scim.event e CROSS JOIN LATERAL jsonb_each(e.data) side
    WHERE e.organization_id = $1 AND e.account_id = $2;
END;
COMMENT ON FUNCTION scim.documents_of_account(uuid, uuid) IS 'The values that an account has, and those of its events, also of a deleted one';

CREATE OR REPLACE FUNCTION scim.names_of_account(organization uuid, account uuid) RETURNS SETOF text
    LANGUAGE sql STABLE ROWS 5
BEGIN ATOMIC
    SELECT DISTINCT scim.user_name_key(name #>> '{}')
    FROM scim.documents_of_account($1, $2) d(document)
    CROSS JOIN LATERAL (SELECT document -> 'userName' UNION ALL SELECT jsonb_path_query(document, '$.emails[*].value')) n(name)
    WHERE jsonb_typeof(name) = 'string' AND name <> '""';
END;
COMMENT ON FUNCTION scim.names_of_account(uuid, uuid) IS 'Comparison keys of the userNames and e-mail addresses that an account has or had, also of a deleted one';

CREATE OR REPLACE FUNCTION scim.full_names_of_account(organization uuid, account uuid) RETURNS SETOF text
    LANGUAGE sql STABLE ROWS 5
BEGIN ATOMIC
    SELECT DISTINCT scim.user_name_key(n.name)
    FROM scim.documents_of_account($1, $2) d(document)
    CROSS JOIN LATERAL (VALUES (document ->> 'displayName'), (document #>> '{name,formatted}'),
                               (concat_ws(' ', document #>> '{name,givenName}', document #>> '{name,familyName}'))) n(name)
    WHERE n.name <> '';
END;
COMMENT ON FUNCTION scim.full_names_of_account(uuid, uuid) IS 'Comparison keys of the names that an account has or had, as refusals have them';

-- It runs as its caller, who has to be the owner: no other role can change events.
-- The id stays: it is random, and readers of the feed know the account by it.
CREATE OR REPLACE FUNCTION scim.forget_account(organization uuid, forgotten uuid, operator text,
                                               OUT accounts bigint, OUT memberships bigint, OUT events bigint, OUT acts bigint, OUT refusals bigint)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    names text[];
    full_names text[];
    last_version bigint;
BEGIN
    PERFORM FROM scim.user_group g
    WHERE g.organization_id = organization
      AND g.id = ANY (ARRAY(SELECT m.group_id FROM scim.membership m WHERE m.organization_id = organization AND m.account_id = forgotten))
    ORDER BY g.id FOR NO KEY UPDATE;
    PERFORM FROM scim.account a WHERE a.organization_id = organization AND a.id = forgotten FOR UPDATE;
    names := ARRAY(SELECT scim.names_of_account(organization, forgotten));
    full_names := ARRAY(SELECT scim.full_names_of_account(organization, forgotten));
    memberships := (SELECT count(*) FROM scim.membership m WHERE m.organization_id = organization AND m.account_id = forgotten);
    DELETE FROM scim.account a WHERE a.organization_id = organization AND a.id = forgotten RETURNING a.version INTO last_version;
    GET DIAGNOSTICS accounts = ROW_COUNT;
    UPDATE scim.event e SET data = '{}' WHERE e.organization_id = organization AND e.account_id = forgotten AND e.data <> '{}'
        AND e.kind <> 'urn:mod_scim:event:account:forget';
    GET DIAGNOSTICS events = ROW_COUNT;
    UPDATE scim.event e SET actor_name = forgotten::text
    WHERE e.organization_id = organization AND e.actor_kind = 'account' AND e.actor_id = forgotten AND e.actor_name <> forgotten::text;
    GET DIAGNOSTICS acts = ROW_COUNT;
    DELETE FROM scim.refusal r
    WHERE r.organization_id = organization
      AND (r.account_id = forgotten
           OR EXISTS (SELECT FROM unnest(names) n(name)
                      WHERE strpos(scim.user_name_key(concat_ws(' ', r.user_name, r.display_name, r.path, r.detail)), n.name) > 0));
    GET DIAGNOSTICS refusals = ROW_COUNT;
    -- The others with this name may be about somebody else who is called so.
    UPDATE scim.refusal r SET display_name = NULL
    WHERE r.organization_id = organization AND scim.user_name_key(r.display_name) = ANY (full_names);
    DELETE FROM scim.request r WHERE r.organization_id = organization AND r.resource_id = forgotten;
    IF accounts > 0 THEN
        INSERT INTO scim.event (organization_id, account_id, kind, actor_kind, actor_name, version)
        VALUES (organization, forgotten, 'urn:ietf:params:scim:event:prov:delete', 'operator', operator, last_version);
    END IF;
    IF accounts + events + acts + refusals > 0 THEN
        INSERT INTO scim.event (organization_id, account_id, kind, actor_kind, actor_name, data)
        VALUES (organization, forgotten, 'urn:mod_scim:event:account:forget', 'operator', operator,
                jsonb_build_object('accounts', accounts, 'memberships', memberships, 'events', events, 'acts', acts, 'refusals', refusals));
    END IF;
END
$$;
REVOKE ALL ON FUNCTION scim.forget_account(uuid, uuid, text) FROM PUBLIC;
COMMENT ON FUNCTION scim.forget_account(uuid, uuid, text) IS 'Deletes an account, unless that was done, with all that names the person: the data of its events, its name as an actor, and refusals. Returns how many rows of each there were, and writes an event with these numbers as a proof unless all are 0. For the owner';

-- Groups.  In READ COMMITTED all parts of a statement see the same snapshot, from
-- before the statement waited for a lock, and a member who was added meanwhile
-- would survive a replacement of all members.  So changes are functions: they lock
-- the row of the group first, and each query after that has a new snapshot.  The
-- lock lets foreign keys refer to the row.
CREATE OR REPLACE FUNCTION scim.user_group_before_write() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.display_name_key := scim.fold(NEW.display_name);
    IF TG_OP = 'UPDATE' THEN
        IF (NEW.organization_id, NEW.id) <> (OLD.organization_id, OLD.id) THEN
            RAISE EXCEPTION 'the id and the organization of group % cannot be changed', OLD.id
                USING ERRCODE = 'foreign_key_violation';
        END IF;
        NEW.version := OLD.version + 1;
        NEW.updated_at := greatest(clock_timestamp(), OLD.updated_at + interval '1 millisecond');
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION scim.user_group_before_write() IS 'Maintains display_name_key, version and updated_at of a group, and keeps its key as it is';

-- Once: an organization that had groups is taken for one that has them.
CREATE OR REPLACE FUNCTION scim.note_first_group() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE scim.organization o SET has_groups = true
    WHERE o.id IN (SELECT m.organization_id FROM made m) AND NOT o.has_groups;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION scim.note_first_group() FROM PUBLIC;
COMMENT ON FUNCTION scim.note_first_group() IS 'Notes that an organization has groups';

-- The members of a group are part of its version, whoever changes them: somebody
-- who deletes accounts need not be able to change groups.  A transaction that has
-- written the group's row has counted already.  Groups are locked in the order of
-- their ids.  No group: its deletion has deleted the rows, or they are added to none.
CREATE OR REPLACE FUNCTION scim.count_group_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    touched record;
BEGIN
    FOR touched IN SELECT DISTINCT c.organization_id, c.group_id FROM changed c ORDER BY 1, 2 LOOP
        UPDATE scim.user_group g SET version = g.version
        WHERE g.organization_id = touched.organization_id AND g.id = touched.group_id
          AND g.xmin <> pg_current_xact_id()::xid;
        IF NOT FOUND AND TG_OP <> 'DELETE'
           AND NOT EXISTS (SELECT FROM scim.user_group g WHERE g.organization_id = touched.organization_id AND g.id = touched.group_id) THEN
            RAISE EXCEPTION 'group % is not in organization %', touched.group_id, touched.organization_id
                USING ERRCODE = 'foreign_key_violation', SCHEMA = 'scim', TABLE = TG_TABLE_NAME;
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION scim.count_group_change() FROM PUBLIC;
COMMENT ON FUNCTION scim.count_group_change() IS 'Counts the version of the groups whose members have changed, and refuses members of a group that is not there';

-- Accounts that become members are locked as by a foreign key: their deletion waits,
-- and deletes the membership as well.
CREATE OR REPLACE FUNCTION scim.refuse_unknown_members() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    known CONSTANT uuid[] := ARRAY(SELECT a.id FROM changed c
                                   CROSS JOIN LATERAL (SELECT b.id FROM scim.account b WHERE b.organization_id = c.organization_id
                                                       AND b.id = c.account_id LIMIT 1 FOR KEY SHARE) a);
    unknown uuid[];
BEGIN
    IF cardinality(known) < (SELECT count(*) FROM changed) THEN
        unknown := ARRAY(SELECT c.account_id FROM changed c EXCEPT SELECT unnest(known) ORDER BY 1);
        RAISE EXCEPTION '% id(s) are of no account or group of the organization', cardinality(unknown)
            USING ERRCODE = 'SC005', DETAIL = concat('''', array_to_string(unknown[1:10], ''', '''), '''',
                                           ' and ' || nullif(greatest(cardinality(unknown) - 10, 0), 0) || ' more');
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION scim.refuse_unknown_members() FROM PUBLIC;
COMMENT ON FUNCTION scim.refuse_unknown_members() IS 'Refuses members that are no accounts of the organization, with up to ten ids as the detail (SQLSTATE SC005)';

-- A transaction that keeps one snapshot does not see the memberships that were committed
-- since.  They have written the rows of their groups, which it cannot delete then, but
-- have only locked accounts.  Of organizations without groups there are none: that it had
-- its first one since is an error of serialization.
CREATE OR REPLACE FUNCTION scim.delete_memberships() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    deleted record;
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM scim.membership;
        RETURN NULL;
    END IF;
    IF TG_TABLE_NAME = 'account' AND current_setting('transaction_isolation') IN ('repeatable read', 'serializable')
       AND (SELECT bool_or(o.has_groups)
            FROM (SELECT h.has_groups FROM scim.organization h WHERE h.id IN (SELECT g.organization_id FROM gone g) FOR SHARE) o)
    THEN
        RAISE EXCEPTION 'accounts may have become members of groups, which this transaction does not see'
            USING ERRCODE = 'feature_not_supported', HINT = 'Delete accounts in a transaction that is READ COMMITTED.';
    END IF;
    FOR deleted IN SELECT g.organization_id, g.id FROM gone g ORDER BY 1, 2 LOOP
        IF TG_TABLE_NAME = 'account' THEN
            DELETE FROM scim.membership m WHERE m.organization_id = deleted.organization_id AND m.account_id = deleted.id;
        ELSE
            DELETE FROM scim.membership m WHERE m.organization_id = deleted.organization_id AND m.group_id = deleted.id;
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION scim.delete_memberships() FROM PUBLIC;
COMMENT ON FUNCTION scim.delete_memberships() IS 'Deletes the memberships of accounts or groups that are deleted';

-- At most ten groups contain one another, and none itself.  Two transactions that
-- each add half of a circle do not see each other, so those of an organization
-- that add groups to groups do it one by one.
CREATE OR REPLACE FUNCTION scim.subgroup_nesting() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    parent record;
    above uuid[];
    height integer;
    depth integer;
BEGIN
    IF NOT EXISTS (SELECT FROM changed) THEN
        RETURN NULL;
    ELSIF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
        RAISE EXCEPTION 'other transactions may have added groups to groups that this transaction does not see'
            USING ERRCODE = 'feature_not_supported', HINT = 'Add groups to groups in a transaction that is READ COMMITTED.';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('mod_scim nesting ' || o.id, 0))
    FROM (SELECT DISTINCT c.organization_id AS id FROM changed c ORDER BY 1) o;
    FOR parent IN SELECT c.organization_id AS organization, c.group_id AS id, array_agg(c.child_id) AS children FROM changed c GROUP BY 1, 2 LOOP
        WITH RECURSIVE up(id, level) AS (
            SELECT parent.id, 1
            UNION
            SELECT s.group_id, u.level + 1 FROM up u
            JOIN scim.subgroup s ON s.organization_id = parent.organization AND s.child_id = u.id
            WHERE u.level <= 10)
        SELECT array_agg(u.id), max(u.level) INTO above, height FROM up u;
        IF above && parent.children THEN
            RAISE EXCEPTION 'group % would contain itself', parent.id USING ERRCODE = 'SC006';
        END IF;
        WITH RECURSIVE down(id, level) AS (
            SELECT c.id, 1 FROM unnest(parent.children) c(id)
            UNION
            SELECT s.child_id, d.level + 1 FROM down d
            JOIN scim.subgroup s ON s.organization_id = parent.organization AND s.group_id = d.id
            WHERE d.level <= 10)
        SELECT max(d.level) INTO depth FROM down d;
        IF height + depth > 10 THEN
            RAISE EXCEPTION 'group % would be part of more than ten groups that contain one another', parent.id USING ERRCODE = 'SC006';
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION scim.subgroup_nesting() IS 'Refuses groups that contain themselves, and more than ten that contain one another (SQLSTATE SC006)';

CREATE OR REPLACE FUNCTION scim.group_document(g scim.user_group) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN jsonb_strip_nulls(jsonb_build_object('displayName', (g).display_name, 'externalId', (g).external_id));
COMMENT ON FUNCTION scim.group_document(scim.user_group) IS 'The SCIM attributes of a group, without its members; of NULL, none';

-- The first databases of version 6 have these without the last parameter, and a call
-- would fit both.
DROP FUNCTION IF EXISTS scim.note_group_change(scim.user_group, scim.user_group, uuid[], uuid[], text, text, uuid, text);
DROP FUNCTION IF EXISTS scim.change_group(uuid, uuid, bigint, text, text, boolean, uuid[], uuid[], text, text, uuid, text);
DROP FUNCTION IF EXISTS scim.delete_group(uuid, uuid, bigint, text, text, uuid, text);
DROP FUNCTION IF EXISTS scim.kinds_of_members(uuid, uuid[]);

-- A change has as many events as it needs for a thousand members in each.
CREATE OR REPLACE FUNCTION scim.note_group_change(old_group scim.user_group, new_group scim.user_group, added uuid[], removed uuid[],
                                                  kind text, actor_kind text, actor uuid, actor_name text, more jsonb DEFAULT '{}') RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    before CONSTANT jsonb := scim.group_document(old_group);
    after CONSTANT jsonb := scim.group_document(new_group);
    names CONSTANT text[] := ARRAY(SELECT n.name FROM jsonb_object_keys(before || after) n(name)
                                   WHERE before -> n.name IS DISTINCT FROM after -> n.name ORDER BY n.name COLLATE "C");
    has_members CONSTANT text[] := CASE WHEN cardinality(added || removed) > 0 THEN '{members}' ELSE '{}' END;
    difference jsonb := '{}';
BEGIN
    IF names <> '{}' THEN
        difference := jsonb_build_object(
            'before', (SELECT coalesce(jsonb_object_agg(b.key, b.value), '{}') FROM jsonb_each(before) b WHERE b.key = ANY (names)),
            'after', (SELECT coalesce(jsonb_object_agg(a.key, a.value), '{}') FROM jsonb_each(after) a WHERE a.key = ANY (names)));
    END IF;
    INSERT INTO scim.event (organization_id, resource_type, resource_id, kind, actor_kind, actor_id, actor_name, attributes, version, data)
    SELECT new_group.organization_id, 'Group', new_group.id, kind, actor_kind, actor, actor_name,
           CASE WHEN p.first = 1 THEN names || has_members ELSE has_members END, new_group.version,
           CASE WHEN p.first = 1 THEN difference ELSE '{}' END || more
           || CASE WHEN p.added = '{}' THEN '{}' ELSE jsonb_build_object('added', p.added) END
           || CASE WHEN p.removed = '{}' THEN '{}' ELSE jsonb_build_object('removed', p.removed) END
    FROM (SELECT s.first, removed[s.first : s.first + 999] AS removed,
                 added[greatest(s.first - cardinality(removed), 1) : s.first + 999 - cardinality(removed)] AS added
          FROM generate_series(1, greatest(cardinality(added) + cardinality(removed), 1), 1000) s(first)) p
    ORDER BY p.first;
END
$$;
COMMENT ON FUNCTION scim.note_group_change(scim.user_group, scim.user_group, uuid[], uuid[], text, text, uuid, text, jsonb) IS 'Writes the events of a change of a group from old_group (NULL: created), with the ids of members that were added and removed, and more in the data of each';

-- Each id is looked up by itself: the planner, which takes every organization and
-- every group for an average one, must not prefer to read all of a large one.
CREATE OR REPLACE FUNCTION scim.change_members(organization uuid, changed uuid, keep boolean, INOUT adding uuid[], INOUT removing uuid[])
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    members uuid[];
    children uuid[];
BEGIN
    IF NOT keep THEN
        members := ARRAY(SELECT m.account_id FROM scim.membership m WHERE m.organization_id = organization AND m.group_id = changed
                         UNION ALL
                         SELECT s.child_id FROM scim.subgroup s WHERE s.organization_id = organization AND s.group_id = changed);
        removing := ARRAY(SELECT unnest(members) EXCEPT SELECT unnest(adding));
        adding := ARRAY(SELECT unnest(adding) EXCEPT SELECT unnest(members));
    END IF;
    children := ARRAY(SELECT g.id FROM unnest(adding) i(id)
                      CROSS JOIN LATERAL (SELECT b.id FROM scim.user_group b WHERE b.organization_id = organization AND b.id = i.id
                                          LIMIT 1 FOR KEY SHARE) g);
    WITH accounts AS (
        DELETE FROM scim.membership m
        WHERE m.ctid = ANY (ARRAY(SELECT l.ctid FROM unnest(removing) r(id)
                                  CROSS JOIN LATERAL (SELECT b.ctid FROM scim.membership b WHERE b.organization_id = organization
                                                      AND b.group_id = changed AND b.account_id = r.id LIMIT 1) l))
        RETURNING m.account_id AS id),
    groups AS (
        DELETE FROM scim.subgroup s
        WHERE s.ctid = ANY (ARRAY(SELECT l.ctid FROM (SELECT unnest(removing) EXCEPT SELECT a.id FROM accounts a) r(id)
                                  CROSS JOIN LATERAL (SELECT b.ctid FROM scim.subgroup b WHERE b.organization_id = organization
                                                      AND b.group_id = changed AND b.child_id = r.id LIMIT 1) l))
        RETURNING s.child_id AS id)
    SELECT coalesce(array_agg(g.id ORDER BY g.id), '{}') INTO removing
    FROM (SELECT a.id FROM accounts a UNION ALL SELECT c.id FROM groups c) g;
    WITH accounts AS (
        INSERT INTO scim.membership (organization_id, group_id, account_id)
        SELECT organization, changed, a.id FROM unnest(adding) a(id) WHERE a.id NOT IN (SELECT unnest(children))
        ON CONFLICT DO NOTHING RETURNING account_id AS id),
    groups AS (
        INSERT INTO scim.subgroup (organization_id, group_id, child_id)
        SELECT organization, changed, unnest(children)
        ON CONFLICT DO NOTHING RETURNING child_id AS id)
    SELECT coalesce(array_agg(m.id ORDER BY m.id), '{}') INTO adding
    FROM (SELECT a.id FROM accounts a UNION ALL SELECT c.id FROM groups c) m;
END
$$;
COMMENT ON FUNCTION scim.change_members(uuid, uuid, boolean, uuid[], uuid[]) IS 'Adds members to a group that is locked, and removes others, or all others if NOT keep; returns the ids that were really added and removed';

CREATE OR REPLACE FUNCTION scim.create_group(organization uuid, name text, external_id text, members uuid[],
                                             kind text, actor_kind text, actor uuid, actor_name text) RETURNS SETOF scim.user_group
    LANGUAGE plpgsql ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made scim.user_group;
    ids record;
BEGIN
    INSERT INTO scim.user_group AS g (organization_id, display_name, external_id)
    VALUES (organization, name, $3)
    ON CONFLICT (organization_id, display_name_key) DO NOTHING RETURNING g.* INTO made;
    IF made.id IS NULL THEN
        RETURN;
    END IF;
    ids := scim.change_members(organization, made.id, true, coalesce(members, '{}'), '{}');
    SELECT g.* INTO made FROM scim.user_group g WHERE g.organization_id = organization AND g.id = made.id;
    PERFORM scim.note_group_change(NULL, made, ids.adding, '{}', kind, actor_kind, actor, actor_name);
    RETURN NEXT made;
END
$$;
COMMENT ON FUNCTION scim.create_group(uuid, text, text, uuid[], text, text, uuid, text) IS 'Creates a group with its members, and the events of it; no row if its displayName is taken';

CREATE OR REPLACE FUNCTION scim.change_group(organization uuid, changed uuid, expected bigint,
                                             name text, external_id text, keep boolean, adding uuid[], removing uuid[],
                                             kind text, actor_kind text, actor uuid, actor_name text,
                                             OUT is_expected boolean, OUT result scim.user_group, more jsonb DEFAULT '{}')
    RETURNS SETOF record
    LANGUAGE plpgsql ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    before scim.user_group;
    ids record;
BEGIN
    SELECT g.* INTO before FROM scim.user_group g WHERE g.organization_id = organization AND g.id = changed FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    is_expected := coalesce(before.version = expected, true);
    result := before;
    IF NOT is_expected THEN
        RETURN NEXT;
        RETURN;
    END IF;
    result.display_name := coalesce(name, before.display_name);
    result.external_id := nullif(coalesce(external_id, before.external_id), '');
    IF result IS DISTINCT FROM before THEN
        UPDATE scim.user_group g
        SET display_name = result.display_name, external_id = result.external_id
        WHERE g.organization_id = organization AND g.id = changed;
    END IF;
    ids := scim.change_members(organization, changed, keep, coalesce(adding, '{}'), coalesce(removing, '{}'));
    SELECT g.* INTO result FROM scim.user_group g WHERE g.organization_id = organization AND g.id = changed;
    IF result.version <> before.version THEN
        PERFORM scim.note_group_change(before, result, ids.adding, ids.removing, kind, actor_kind, actor, actor_name, more);
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION scim.change_group(uuid, uuid, bigint, text, text, boolean, uuid[], uuid[], text, text, uuid, text, jsonb) IS 'Changes a group and its members, and writes the events of what is different then. NULL leaves name and external_id (empty: none) as they are. keep: removing are removed; otherwise all members but adding. No row: there is no such group. more is in the data of each event. is_expected false: its version is not the expected one, and nothing was done';

-- What an event of a deletion has for its undoing is bounded: the directories that
-- provision groups stop at far fewer for one account.
CREATE OR REPLACE FUNCTION scim.groups_noted(organization uuid, member uuid) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT coalesce(jsonb_agg(g.group_id ORDER BY g.group_id), '[]')
            FROM (SELECT w.group_id FROM scim.groups_with(organization, member) w ORDER BY w.group_id LIMIT 5000) g);
END
$$;
COMMENT ON FUNCTION scim.groups_noted(uuid, uuid) IS 'The groups that have an account or a group as a member now, also if this statement began before, for the event of its deletion: at most 5,000';

-- The groups that contain it count the loss, so their rows are locked as well.  Its
-- members are in events before that of the deletion.
CREATE OR REPLACE FUNCTION scim.delete_group(organization uuid, deleted uuid, expected bigint,
                                             kind text, actor_kind text, actor uuid, actor_name text,
                                             OUT is_expected boolean, more jsonb DEFAULT '{}') RETURNS SETOF boolean
    LANGUAGE plpgsql ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    before scim.user_group;
    document jsonb;
    members uuid[];
    parents jsonb;
BEGIN
    PERFORM FROM scim.user_group g
    WHERE g.organization_id = organization
      AND g.id = ANY (ARRAY(SELECT deleted UNION
                            SELECT s.group_id FROM scim.subgroup s WHERE s.organization_id = organization AND s.child_id = deleted))
    ORDER BY g.id FOR NO KEY UPDATE;
    SELECT g.* INTO before FROM scim.user_group g WHERE g.organization_id = organization AND g.id = deleted;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    is_expected := coalesce(before.version = expected, true);
    IF is_expected THEN
        members := ARRAY(SELECT m.account_id FROM scim.membership m WHERE m.organization_id = organization AND m.group_id = deleted
                         UNION ALL
                         SELECT s.child_id FROM scim.subgroup s WHERE s.organization_id = organization AND s.group_id = deleted
                         ORDER BY 1);
        parents := scim.groups_noted(organization, deleted);
        document := scim.group_document(before);
        IF members <> '{}' THEN
            PERFORM scim.note_group_change(before, before, '{}', members, 'urn:ietf:params:scim:event:prov:patch:full', actor_kind, actor, actor_name,
                                           more || '{"deletion": true}');
        END IF;
        DELETE FROM scim.user_group g WHERE g.organization_id = organization AND g.id = deleted;
        INSERT INTO scim.event (organization_id, resource_type, resource_id, kind, actor_kind, actor_id, actor_name, attributes, version, data)
        SELECT organization, 'Group', deleted, kind, actor_kind, actor, actor_name,
               ARRAY(SELECT n.name FROM jsonb_object_keys(document) n(name) ORDER BY n.name COLLATE "C"), before.version,
               jsonb_build_object('before', document, 'after', '{}'::jsonb, 'members', cardinality(members), 'groups', parents,
                                  'created', to_char(before.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) || more;
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION scim.delete_group(uuid, uuid, bigint, text, text, uuid, text, jsonb) IS 'Deletes a group, with events that have its members, then one that has their number, the groups that contained it, and more. No row: there is no such group. is_expected false: its version is not the expected one, and nothing was done';

-- Undo (statements.sql).  A membership comes back where both sides are there; a
-- change of a group locks its row, in the order of ids.  The first databases of
-- version 6 have the first function with another result.
DROP FUNCTION IF EXISTS scim.undo_group(uuid, uuid, bigint, text, text, uuid[], uuid[], text, uuid, text, jsonb);
CREATE OR REPLACE FUNCTION scim.undo_group(organization uuid, changed uuid, expected bigint, name text, external_id text, adding uuid[], removing uuid[],
                                           actor_kind text, actor uuid, actor_name text, more jsonb, OUT is_expected boolean, OUT is_changed boolean)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    old_version bigint;
BEGIN
    SELECT g.version INTO old_version FROM scim.user_group g WHERE (g.organization_id, g.id) = (organization, changed) FOR NO KEY UPDATE;
    SELECT c.is_expected, (c.result).version <> old_version INTO is_expected, is_changed
    FROM scim.change_group(organization, changed, expected, name, $5, true,
             ARRAY(SELECT a.id FROM unnest(adding) i(id)
                   CROSS JOIN LATERAL (SELECT b.id FROM scim.account b WHERE b.organization_id = organization AND b.id = i.id
                                       LIMIT 1 FOR KEY SHARE) a)
             || ARRAY(SELECT g.id FROM unnest(adding) i(id)
                      CROSS JOIN LATERAL (SELECT b.id FROM scim.user_group b WHERE b.organization_id = organization AND b.id = i.id
                                          LIMIT 1 FOR KEY SHARE) g),
             removing, 'urn:ietf:params:scim:event:prov:patch:full', actor_kind, actor, actor_name, more) c;
END
$$;
COMMENT ON FUNCTION scim.undo_group(uuid, uuid, bigint, text, text, uuid[], uuid[], text, uuid, text, jsonb) IS 'As scim.change_group, but members that are not there any more are left out, and it says whether the group has changed; NULL: there is no such group';

CREATE OR REPLACE FUNCTION scim.join_groups(organization uuid, member uuid, groups uuid[], actor_kind text, actor uuid, actor_name text, more jsonb) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    joined bigint := 0;
    parent uuid;
    id uuid;
BEGIN
    FOR id IN SELECT DISTINCT unnest(groups) ORDER BY 1 LOOP
        SELECT (c.result).id INTO parent
        FROM scim.change_group(organization, id, NULL, NULL, NULL, true, ARRAY[member], '{}', 'urn:ietf:params:scim:event:prov:patch:full',
                               actor_kind, actor, actor_name, more) c;
        joined := joined + (parent IS NOT NULL)::integer;
    END LOOP;
    RETURN joined;
END
$$;
COMMENT ON FUNCTION scim.join_groups(uuid, uuid, uuid[], text, uuid, text, jsonb) IS 'Adds a member to those of these groups that are there, with their events; returns how many they are';

CREATE OR REPLACE FUNCTION scim.restore_group(organization uuid, deleted uuid, version bigint, name text, external_id text, created timestamptz, groups uuid[],
                                              kind text, actor_kind text, actor uuid, actor_name text, more jsonb) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made scim.user_group;
BEGIN
    INSERT INTO scim.user_group AS g (organization_id, id, version, display_name, external_id, created_at)
    VALUES (organization, deleted, $3, name, $5, coalesce(created, now()))
    ON CONFLICT DO NOTHING RETURNING g.* INTO made;
    IF made.id IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM scim.note_group_change(NULL, made, '{}', '{}', kind, actor_kind, actor, actor_name, more);
    RETURN scim.join_groups(organization, deleted, groups, actor_kind, actor, actor_name, more);
END
$$;
COMMENT ON FUNCTION scim.restore_group(uuid, uuid, bigint, text, text, timestamptz, uuid[], text, text, uuid, text, jsonb) IS 'Brings a deleted group back without its members, into those of groups that are there; returns how many these are, NULL if its displayName is taken';

-- The members of a group, and the groups of an account, as SCIM shows them.  The
-- planner takes every group for an average one, and with a single large group would
-- read all memberships and all accounts for a small one.  So accounts are looked up
-- one by one, and BETWEEN, whose estimate does not depend on statistics, leads to the
-- index that begins with the group.
CREATE OR REPLACE FUNCTION scim.members_of(organization uuid, group_id uuid) RETURNS TABLE (value uuid, type text, display text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT m.account_id, 'User', a.display
    FROM (SELECT n.account_id FROM scim.membership n WHERE n.organization_id = $1 AND n.group_id BETWEEN $2 AND $2
          ORDER BY n.group_id, n.account_id) m
    CROSS JOIN LATERAL (SELECT coalesce(b.display_name, b.user_name) AS display FROM scim.account b
                        WHERE b.organization_id = $1 AND b.id = m.account_id LIMIT 1) a
    UNION ALL
    SELECT s.child_id, 'Group', g.display_name
    FROM scim.subgroup s
    CROSS JOIN LATERAL (SELECT b.display_name FROM scim.user_group b
                        WHERE b.organization_id = $1 AND b.id = s.child_id LIMIT 1) g
    WHERE s.organization_id = $1 AND s.group_id = $2;
END;
COMMENT ON FUNCTION scim.members_of(uuid, uuid) IS 'The members of a group, accounts and groups; type is User or Group';

CREATE OR REPLACE FUNCTION scim.groups_of(organization uuid, account uuid) RETURNS TABLE (value uuid, type text, display text, external_id text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH RECURSIVE above(id, is_direct) AS (
        SELECT m.group_id, true FROM scim.membership m WHERE m.organization_id = $1 AND m.account_id = $2
        UNION
        SELECT s.group_id, false FROM above b
        CROSS JOIN LATERAL (SELECT c.group_id FROM scim.subgroup c
                            WHERE c.organization_id = $1 AND c.child_id = b.id ORDER BY c.group_id) s)
    SELECT g.id, CASE WHEN bool_or(b.is_direct) THEN 'direct' ELSE 'indirect' END, g.display_name, g.external_id
    FROM above b
    JOIN scim.user_group g ON g.organization_id = $1 AND g.id = b.id
    GROUP BY g.organization_id, g.id;
END;
COMMENT ON FUNCTION scim.groups_of(uuid, uuid) IS 'The groups that an account is in; type is direct, or indirect for a group that contains another one of them';

CREATE OR REPLACE FUNCTION scim.groups_json(organization uuid, account uuid) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT jsonb_agg(jsonb_build_object('value', g.value, 'display', g.display, 'type', g.type) ORDER BY g.display COLLATE "C", g.value)
            FROM scim.groups_of(organization, account) g);
END
$$;
COMMENT ON FUNCTION scim.groups_json(uuid, uuid) IS 'The SCIM attribute groups of an account, without the URLs; NULL: none';

-- The search for a member begins at the group, so that it does not matter in how
-- many others an account is.  The planner must look up each member by itself: it
-- could take an EXISTS for all groups of an account, and without LIMIT and OFFSET
-- read all members of a group, and all groups that are in groups.  One plan serves
-- all candidates, or each call would make its own.
CREATE OR REPLACE FUNCTION scim.groups_among(organization uuid, account uuid, candidates text[]) RETURNS json
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    candidate text;
    attribute text;
    wanted text;
    found record;
    result json[];
BEGIN
    FOREACH candidate IN ARRAY candidates LOOP
        attribute := split_part(candidate, ':', 1);
        wanted := substr(candidate, strpos(candidate, ':') + 1);
        FOR found IN
            SELECT g.id, g.display_name,
                   (SELECT true FROM scim.membership m
                    WHERE m.organization_id = organization AND m.group_id = g.id AND m.account_id = account) AS has_account
            FROM (SELECT n.id, n.display_name FROM scim.user_group n
                  WHERE attribute = 'displayName' AND n.organization_id = organization AND n.display_name_key = scim.fold(wanted)
                  UNION ALL
                  SELECT n.id, n.display_name FROM scim.user_group n
                  WHERE attribute = 'externalId' AND n.organization_id = organization AND n.external_id = wanted
                  UNION ALL
                  SELECT n.id, n.display_name FROM scim.user_group n
                  WHERE attribute = 'id' AND n.organization_id = organization AND n.id = CASE attribute WHEN 'id' THEN wanted::uuid END) g
        LOOP
            IF found.has_account IS NULL THEN
                found.has_account := EXISTS (
                    WITH RECURSIVE below(id) AS (
                        SELECT found.id
                        UNION
                        SELECT s.child_id FROM below b
                        CROSS JOIN LATERAL (SELECT c.child_id FROM scim.subgroup c
                                            WHERE c.organization_id = organization AND c.group_id = b.id OFFSET 0) s)
                    SELECT FROM below b
                    CROSS JOIN LATERAL (SELECT FROM scim.membership c
                                        WHERE c.organization_id = organization AND c.group_id = b.id AND c.account_id = account LIMIT 1) m);
            END IF;
            IF found.has_account THEN
                result := result || json_build_object('value', found.id, 'display', found.display_name, 'reference', candidate);
            END IF;
        END LOOP;
    END LOOP;
    RETURN array_to_json(result);
END
$$;
COMMENT ON FUNCTION scim.groups_among(uuid, uuid, text[]) IS 'The groups that an account is in, directly or not, among those that candidates refer to: displayName:..., externalId:... or id:...; NULL: none';

CREATE OR REPLACE FUNCTION scim.groups_with(organization uuid, member uuid) RETURNS TABLE (group_id uuid)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT m.group_id FROM scim.membership m WHERE m.organization_id = $1 AND m.account_id = $2
    UNION ALL
    SELECT s.group_id FROM scim.subgroup s WHERE s.organization_id = $1 AND s.child_id = $2;
END;
COMMENT ON FUNCTION scim.groups_with(uuid, uuid) IS 'The groups that have an account or a group as a member';

-- The planner is told of few rows, so that it looks up the accounts of a group by
-- their ids and does not read all of the organization.
CREATE OR REPLACE FUNCTION scim.accounts_in(organization uuid, group_id uuid) RETURNS TABLE (account_id uuid)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH RECURSIVE below(id) AS (
        SELECT $2
        UNION
        SELECT s.child_id FROM below b
        CROSS JOIN LATERAL (SELECT c.child_id FROM scim.subgroup c
                            WHERE c.organization_id = $1 AND c.group_id BETWEEN b.id AND b.id OFFSET 0) s)
    SELECT m.account_id FROM below b
    CROSS JOIN LATERAL (SELECT n.account_id FROM scim.membership n
                        WHERE n.organization_id = $1 AND n.group_id BETWEEN b.id AND b.id OFFSET 0) m;
END
$$;
COMMENT ON FUNCTION scim.accounts_in(uuid, uuid) IS 'The accounts that are in a group, or in groups in it; some of them more than once';

DO $$
DECLARE
    missing record;
    definition text;
BEGIN
    FOR missing IN SELECT * FROM pg_temp.missing_columns() LOOP
        EXECUTE format('ALTER TABLE scim.%I ADD COLUMN %I %s', missing.relation, missing.name, missing.definition);
    END LOOP;
    -- CREATE OR REPLACE also enables a trigger that was disabled.
    FOR definition IN SELECT pg_temp.missing_triggers() LOOP
        EXECUTE regexp_replace(definition, '^CREATE', 'CREATE OR REPLACE');
    END LOOP;
END
$$;
CALL pg_temp.comment('COLUMN scim.schema_version.needs', 'The oldest version whose modules work with this one; NULL: this one');
CALL pg_temp.comment('COLUMN scim.schema_version.applied_by', 'The role that applied it; NULL: not known');
CALL pg_temp.comment('COLUMN scim.token.noticed', 'How many days before its end the last event told that it ends soon: 30, 7 or 1; NULL: none has');
CALL pg_temp.comment('COLUMN scim.token.refused_at', 'When a request with it was last refused because it has expired, to the minute');
CALL pg_temp.comment('COLUMN scim.organization.provisioning_paused', 'Whether SCIM requests that would be served are answered with 503, so that clients try again');
CALL pg_temp.comment('COLUMN scim.organization.has_groups', 'Whether there has been a group: others are not asked for the groups of each account');
CALL pg_temp.comment('COLUMN scim.organization.provisioned_read_only', 'Whether administrators cannot edit provisioned accounts on the settings page');
CALL pg_temp.comment('COLUMN scim.organization.guard_number', 'How many accounts tokens may take away within an hour, and how many members of groups: the greater of this and guard_percent; both NULL: any number');
CALL pg_temp.comment('COLUMN scim.organization.guard_percent', 'The same as a percentage of the active accounts');
CALL pg_temp.comment('COLUMN scim.organization.move_id', 'Its latest move to another database, where its copy has the same; NULL: none, one that was given up, or one that has ended');
CALL pg_temp.comment('COLUMN scim.organization.move_side', 'leaving: it moves away, left: it is in another database, arriving: it is not here yet. Nobody writes to it, and SCIM requests are answered with 503');
CALL pg_temp.comment('COLUMN scim.organization.guard_open_until', 'Until then they may take away any number: an administrator has let them through');
CALL pg_temp.comment('COLUMN scim.organization.cursor_key', 'Authenticates cursors; all hosts share it. A new one invalidates all cursors');
CALL pg_temp.comment('COLUMN scim.event.restored_transaction_id', 'Transaction of the change in the cluster from which it was restored');
CALL pg_temp.comment('COLUMN scim.event.resource_type', 'Type of the resource that has changed, if it is not an account; see scim.resource_type');
CALL pg_temp.comment('COLUMN scim.event.resource_id', 'Id of the resource that has changed, if it is not an account');
CALL pg_temp.comment('COLUMN scim.refusal.resource_type', 'Type of the resource that was asked for: the endpoint of its path; NULL: none');
CALL pg_temp.comment('COLUMN scim.refusal.resource_id', 'Id that its path names, if it is not an account''s');
CALL pg_temp.comment('COLUMN scim.refusal.display_name', 'The name in its body, if it is about a User and has one: displayName, else that of name');
CALL pg_temp.comment('COLUMN scim.event.history', 'History of the database in which it was written (scim.session_history); 0: before this column existed');
CALL pg_temp.comment('COLUMN scim.relay.history', 'History of that event, as in scim.event');
CALL pg_temp.comment('COLUMN scim.relay.transaction_id', 'Transaction of that event, which may be gone; NULL: not known yet');
CALL pg_temp.comment('COLUMN scim.relay.organization_id', 'The organization whose events it sends; NULL: of all');
CALL pg_temp.comment('COLUMN scim.relay.refused', 'Sequence of the event that its receiver refuses; NULL: none');
CALL pg_temp.comment('COLUMN scim.relay.attempts', 'How often that event was sent');
CALL pg_temp.comment('COLUMN scim.relay.last_error', 'Why an event was last refused');
CALL pg_temp.comment('COLUMN scim.relay.last_error_at', 'When it was refused');
CALL pg_temp.comment('COLUMN scim.relay.skipped', 'Sequence of the last event that scimctl relay skip left out');
CALL pg_temp.comment('COLUMN scim.relay.skipped_at', 'When it was left out');

-- A new organization has a guard.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'scim.organization'::regclass AND attname = 'guard_number' AND atthasdef) THEN
        ALTER TABLE scim.organization ALTER COLUMN guard_number SET DEFAULT 10, ALTER COLUMN guard_percent SET DEFAULT 5;
    END IF;
END
$$;

-- After a promotion or a restore, transactions and sequences are used again.  A
-- history is identified by the cluster, its timeline, and the time when the server
-- was started (a copy of the files that is started differs in neither of the
-- others).  The timeline of a checkpoint would be the old one for a while.  A
-- session that has written cannot have seen a promotion, so it asks once.
CREATE OR REPLACE FUNCTION scim.session_history() RETURNS bigint
    LANGUAGE sql VOLATILE
    RETURN (SELECT set_config('scim.history', (hashtextextended(concat_ws(' ', s.system_identifier,
                left(pg_walfile_name(pg_current_wal_lsn()), 8), extract(epoch FROM pg_postmaster_start_time())), 0)
            & 9223372036854775807)::text, false)::bigint
            FROM pg_control_system() s);
COMMENT ON FUNCTION scim.session_history() IS 'The history in which this session writes: another number after each promotion, restore or start of the server';
DO $$
BEGIN
    IF (SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d JOIN pg_attribute a ON (a.attrelid, a.attnum) = (d.adrelid, d.adnum)
        WHERE d.adrelid = 'scim.event'::regclass AND a.attname = 'history') NOT LIKE '%session_history%'
    THEN
        ALTER TABLE scim.event ALTER COLUMN history
            SET DEFAULT coalesce(nullif(current_setting('scim.history', true), '')::bigint, scim.session_history());
    END IF;
END
$$;

-- Events restored from a dump into another cluster have transactions that this one
-- has not reached, and the feed would wait for them.  They are all past.
DO $$
BEGIN
    IF EXISTS (SELECT FROM scim.event WHERE transaction_id >= pg_snapshot_xmax(pg_current_snapshot())) THEN
        UPDATE scim.event SET transaction_id = '0',
            restored_transaction_id = coalesce(restored_transaction_id, transaction_id);
    END IF;
END
$$;

-- Restored events are all of transaction 0, in the order of their sequences.
-- Their old transactions tell which of them a reader has read, unless it has
-- continued with them since they were restored.
CREATE OR REPLACE FUNCTION scim.feed_order(e scim.event, reader xid8) RETURNS xid8
    LANGUAGE sql IMMUTABLE
    RETURN coalesce(CASE WHEN reader > '0' THEN (e).restored_transaction_id END, reader);
COMMENT ON FUNCTION scim.feed_order(scim.event, xid8) IS 'Transaction by which a restored event is compared with a reader''s';

-- An event that is gone was deleted, and not lost, if the next one is of the same
-- history: scimctl event purge keeps the last one of each history.  But an
-- organization that was in another database meanwhile has come back with all its
-- events restored, and some of them may be new to the reader.
CREATE OR REPLACE FUNCTION scim.feed_was_purged(organization uuid, history bigint, transaction_id xid8, sequence bigint) RETURNS boolean
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
    SET enable_sort = off SET enable_incremental_sort = off SET enable_bitmapscan = off SET enable_seqscan = off AS $$
DECLARE
    next_history bigint;
    last_transaction xid8;
BEGIN
    IF organization IS NULL THEN
        next_history := (SELECT e.history FROM scim.event e WHERE (e.transaction_id, e.sequence) > ($3, $4)
                         ORDER BY e.transaction_id, e.sequence LIMIT 1);
        last_transaction := (SELECT e.transaction_id FROM scim.event e WHERE (e.transaction_id, e.sequence) <= ($3, $4)
                             ORDER BY e.transaction_id DESC, e.sequence DESC LIMIT 1);
    ELSE
        next_history := (SELECT e.history FROM scim.event e
                         WHERE e.organization_id <= $1 AND (e.organization_id, e.transaction_id, e.sequence) > ($1, $3, $4)
                         ORDER BY e.organization_id, e.transaction_id, e.sequence LIMIT 1);
        last_transaction := (SELECT e.transaction_id FROM scim.event e
                             WHERE e.organization_id >= $1 AND (e.organization_id, e.transaction_id, e.sequence) <= ($1, $3, $4)
                             ORDER BY e.organization_id DESC, e.transaction_id DESC, e.sequence DESC LIMIT 1);
    END IF;
    RETURN next_history = history
       AND (last_transaction > '0' OR $3 = '0'
            OR NOT EXISTS (SELECT FROM scim.event e
                           WHERE (organization IS NULL OR e.organization_id = organization) AND e.transaction_id = '0'
                             AND (scim.feed_order(e, $3), e.sequence) > ($3, $4)));
END
$$;
COMMENT ON FUNCTION scim.feed_was_purged(uuid, bigint, xid8, bigint) IS 'Whether an event that was read is gone because it was old, so that a reader continues at its place';

-- The place where a reader that has read up to an event continues: after that
-- event or, if it was lost, after the latest one before it that was written in the
-- same history.  The reader has read that one, because histories follow each other
-- in the order of the feed; events after it may be of another history, and new.
-- This and scim.feed read a range of an index in its order: the planner, which
-- assumes that every organization is of average size, must not prefer to sort.  So
-- the organization is compared as part of a row with the rest.
CREATE OR REPLACE FUNCTION scim.feed_position(organization uuid, history bigint, INOUT transaction_id xid8,
                                              INOUT sequence bigint, OUT went_back boolean)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
    SET enable_sort = off SET enable_incremental_sort = off SET enable_bitmapscan = off SET enable_seqscan = off AS $$
DECLARE
    here record;
BEGIN
    IF (SELECT e.transaction_id FROM scim.event e ORDER BY e.transaction_id DESC, e.sequence DESC LIMIT 1)
       >= pg_snapshot_xmax(pg_current_snapshot()) THEN
        RAISE EXCEPTION 'this database was restored from another cluster: apply schema.sql to it once more, so that its events count as past'
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    went_back := false;
    IF organization IS NULL THEN
        IF EXISTS (SELECT FROM scim.event e WHERE (e.transaction_id, e.sequence) = ($3, $4) AND e.history = $2)
           OR NOT EXISTS (SELECT FROM scim.event e WHERE (e.transaction_id, e.sequence) <= ($3, $4))
           OR scim.feed_was_purged(NULL, $2, $3, $4) THEN
            RETURN;
        END IF;
        SELECT e.transaction_id, e.sequence INTO here FROM scim.event e
        WHERE (e.transaction_id, e.sequence) <= ($3, $4) AND e.history = $2
          AND (e.transaction_id > '0' OR (scim.feed_order(e, $3), e.sequence) <= ($3, $4))
        ORDER BY e.transaction_id DESC, e.sequence DESC LIMIT 1;
    ELSE
        IF EXISTS (SELECT FROM scim.event e WHERE (e.organization_id, e.transaction_id, e.sequence) = ($1, $3, $4)
                   AND e.history = $2)
           OR NOT EXISTS (SELECT FROM scim.event e
                          WHERE e.organization_id = $1 AND (e.transaction_id, e.sequence) <= ($3, $4))
           OR scim.feed_was_purged($1, $2, $3, $4) THEN
            RETURN;
        END IF;
        SELECT e.transaction_id, e.sequence INTO here FROM scim.event e
        WHERE e.organization_id >= $1 AND (e.organization_id, e.transaction_id, e.sequence) <= ($1, $3, $4)
          AND e.history = $2 AND (e.transaction_id > '0' OR (scim.feed_order(e, $3), e.sequence) <= ($3, $4))
        ORDER BY e.organization_id DESC, e.transaction_id DESC, e.sequence DESC LIMIT 1;
    END IF;
    went_back := true;
    IF here.transaction_id = '0' THEN
        SELECT least(here.sequence, min(e.sequence) - 1) INTO here.sequence FROM scim.event e
        WHERE (organization IS NULL OR e.organization_id = organization) AND e.transaction_id = '0'
          AND (scim.feed_order(e, $3), e.sequence) > ($3, $4);
    END IF;
    transaction_id := coalesce(here.transaction_id, '0');
    sequence := coalesce(here.sequence, 0);
END
$$;
COMMENT ON FUNCTION scim.feed_position(uuid, bigint, xid8, bigint) IS 'Where a reader of the change feed continues, given history, transaction and sequence of its last event; NULL as organization: all. went_back: events that were read are gone, and some may come again';

CREATE OR REPLACE FUNCTION scim.feed(organization uuid, transaction_id xid8, sequence bigint,
                                     most integer DEFAULT 500) RETURNS SETOF scim.event
    LANGUAGE plpgsql STABLE ROWS 500 SET search_path = pg_catalog, pg_temp
    SET enable_sort = off SET enable_incremental_sort = off SET enable_bitmapscan = off SET enable_seqscan = off AS $$
BEGIN
    IF organization IS NULL THEN
        RETURN QUERY SELECT * FROM scim.event e
        WHERE (e.transaction_id, e.sequence) > ($2, $3) AND e.transaction_id < pg_snapshot_xmin(pg_current_snapshot())
        ORDER BY e.transaction_id, e.sequence LIMIT most;
    ELSE
        RETURN QUERY SELECT * FROM scim.event e
        WHERE (e.organization_id, e.transaction_id, e.sequence) > ($1, $2, $3)
          AND (e.organization_id, e.transaction_id) < ($1, pg_snapshot_xmin(pg_current_snapshot()))
        ORDER BY e.organization_id, e.transaction_id, e.sequence LIMIT most;
    END IF;
END
$$;
COMMENT ON FUNCTION scim.feed(uuid, xid8, bigint, integer) IS 'The next events of the change feed after these two numbers of scim.feed_position; NULL as organization: all';

-- What scimctl org import adds, it has checked only for its form, so whatever
-- requests and readers rely on must be checked here: a time or a number that cannot
-- be printed would stop them.
CREATE OR REPLACE FUNCTION scim.is_importable(e scim.event) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    RETURN (e).history >= 0 AND jsonb_typeof((e).data) = 'object'
       AND NOT jsonb_path_exists((e).data, 'strict $.**{32} ? (@.type() == "object" || @.type() == "array")')
       AND NOT jsonb_path_exists((e).data, '$.keyvalue() ? (@.key == "added" || @.key == "removed" || @.key == "groups" || @.key == "undoes").value.type() ? (@ != "array")')
       AND NOT jsonb_path_exists((e).data, '$.undoes[*].type() ? (@ != "number")')
       AND NOT jsonb_path_exists((e).data, '$.undoes[*] ? (@ < 1 || @ > 1000000000000000 || @.floor() != @)')
       AND NOT EXISTS (SELECT FROM jsonb_path_query((e).data, '$.keyvalue() ? (@.key == "added" || @.key == "removed" || @.key == "groups").value[*]') member(id)
                       WHERE (id #>> '{}' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$') IS NOT TRUE);
COMMENT ON FUNCTION scim.is_importable(scim.event) IS 'Whether the change feed and the activity can show this event';

-- Events become past ones, as after a restore: readers of other organizations do not
-- get them, and those who have read some of them in the other database continue
-- there.  Before histories were told apart, each had 0: it is one of its own here, so
-- that the ids of events stay unique.
CREATE OR REPLACE FUNCTION scim.past_events(organization uuid, events jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    RETURN (SELECT jsonb_agg(e || jsonb_build_object(
                'transaction_id', '0',
                'restored_transaction_id', coalesce(nullif(e -> 'restored_transaction_id', 'null'), e -> 'transaction_id'),
                'history', CASE WHEN e ->> 'history' = '0' THEN to_jsonb(hashtextextended(organization::text, 0) & 9223372036854775807)
                           ELSE e -> 'history' END))
            FROM jsonb_array_elements(events) e);
COMMENT ON FUNCTION scim.past_events(uuid, jsonb) IS 'Events of another database as events of the past of this one';

-- The rows keep ids, versions and times; sequences leave room for those of this
-- database.  Columns are not listed, so that new ones are imported, too.
CREATE OR REPLACE FUNCTION scim.import_rows(organization uuid, relation text, lines jsonb) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    target CONSTANT regclass := 'scim.' || quote_ident(relation);
    given CONSTANT jsonb := (SELECT jsonb_agg(l -> relation) FROM jsonb_array_elements(lines) l);
    names text;
    rules text;
    imported bigint;
BEGIN
    SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum),
           string_agg(CASE WHEN a.atttypid IN ('timestamptz'::regtype, 'date'::regtype) THEN format('(r.%I BETWEEN ''0001-01-01Z'' AND ''9999-12-31Z'') IS NOT FALSE', a.attname)
                           WHEN a.attname IN ('version', 'sequence') THEN format('(r.%I BETWEEN 1 AND 1000000000000000) IS NOT FALSE', a.attname) END, ' AND ')
           || CASE relation WHEN 'event' THEN ' AND scim.is_importable(r)' ELSE '' END
    INTO names, rules
    FROM pg_attribute a
    WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND a.attname <> 'organization_id';
    EXECUTE format('INSERT INTO %1$s (organization_id, %2$s) OVERRIDING SYSTEM VALUE'
                   ' SELECT $1, %2$s FROM jsonb_populate_recordset(NULL::%1$s, $2) r WHERE %3$s', target, names, rules)
    USING organization, CASE relation WHEN 'event' THEN scim.past_events(organization, given) ELSE given END;
    GET DIAGNOSTICS imported = ROW_COUNT;
    IF imported <> jsonb_array_length(given) THEN
        RAISE EXCEPTION 'a time is not between the years 1 and 9999, a version or sequence not between 1 and 10^15, or an event has data that cannot be shown'
            USING ERRCODE = 'check_violation', TABLE = relation, SCHEMA = 'scim', CONSTRAINT = relation || '_import';
    END IF;
END
$$;
COMMENT ON FUNCTION scim.import_rows(uuid, text, jsonb) IS 'Adds rows of an organization from another database: lines is a list of objects {"RELATION": ROW}, such as scimctl org export writes';

-- Upgrade to version 5: keys are case-folded, not lower-cased.  ASCII text keeps
-- its key.  This is not done in batches: between two of them some keys would be of
-- one kind and some of the other, and two accounts could get one userName.
-- Indexes of keys are rebuilt while requests go on, which are slower until then.
DO $$
BEGIN
    IF pg_temp.has_step(5) THEN
        RETURN;
    END IF;
    CALL pg_temp.begin_step(5);
    DROP INDEX IF EXISTS scim.account_display_name, scim.account_by_attribute, scim.account_attributes, scim.event_deleted;
    IF EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass('scim.account_external_id') AND indnatts = 2) THEN
        DROP INDEX scim.account_external_id;    -- of version 1, which did not give the order of lists
    END IF;
    ALTER TABLE scim.account DISABLE TRIGGER account_before_write;
    UPDATE scim.account SET user_name = user_name
    WHERE octet_length(user_name) <> char_length(user_name) AND user_name_key <> scim.user_name_key(user_name);
    ALTER TABLE scim.account ENABLE TRIGGER account_before_write;
    PERFORM set_config('scim.look_at_names', 'on', false);
EXCEPTION WHEN unique_violation THEN
    RAISE EXCEPTION 'Nothing was changed: a userName that would belong to more than one account was added while schema.sql was applied'
        USING HINT = 'Try again: the accounts are listed then.';
END
$$;

-- Upgrade to version 6: the rules of accounts are in account_before_write, those of
-- events in event_before_insert.  An event does not lock the row of its
-- organization, which all writers would have to share.
DO $$
BEGIN
    IF pg_temp.has_step(6) THEN
        RETURN;
    END IF;
    CALL pg_temp.begin_step(6);
    DROP TRIGGER IF EXISTS account_user_name_insert ON scim.account;
    DROP TRIGGER IF EXISTS account_user_name_update ON scim.account;
    DROP TRIGGER IF EXISTS account_display_name_insert ON scim.account;
    DROP TRIGGER IF EXISTS account_display_name_update ON scim.account;
    DROP TRIGGER IF EXISTS account_attributes_insert ON scim.account;
    DROP TRIGGER IF EXISTS account_attributes_update ON scim.account;
    DROP TRIGGER IF EXISTS event_ring ON scim.event;
    DROP FUNCTION IF EXISTS scim.event_ring();
    DROP TRIGGER IF EXISTS event_needs_live_token ON scim.event;
    DROP FUNCTION IF EXISTS scim.event_needs_live_token();
    ALTER TABLE scim.account
        DROP CONSTRAINT IF EXISTS account_user_name_check,
        DROP CONSTRAINT IF EXISTS account_display_name_check,
        DROP CONSTRAINT IF EXISTS account_external_id_check,
        DROP CONSTRAINT IF EXISTS account_preferred_language_check,
        DROP CONSTRAINT IF EXISTS account_timezone_check,
        DROP CONSTRAINT IF EXISTS account_role_check,
        DROP CONSTRAINT IF EXISTS account_attributes_check;
    ALTER TABLE scim.event
        DROP CONSTRAINT IF EXISTS event_organization_id_fkey,
        DROP CONSTRAINT IF EXISTS event_actor_kind_check;
    DROP INDEX IF EXISTS scim.account_attributes;    -- of all organizations together
    DROP INDEX IF EXISTS scim.event_guest;           -- event_kind has its rows
    ALTER INDEX IF EXISTS scim.account_by_attribute SET (gin_pending_list_limit = 256);    -- see missing_indexes
END
$$;

-- What the table has had no columns for until now.
UPDATE scim.schema_version v SET needs = s.needs, applied_by = session_user
FROM pg_temp.steps() s WHERE s.version = v.version AND v.applied_at = now();

-- An index of an empty table takes no time to build; for the others see below.
DO $$
DECLARE
    missing record;
BEGIN
    FOR missing IN SELECT * FROM pg_temp.missing_indexes() WHERE NOT is_broken AND pg_relation_size(relation::regclass) = 0 LOOP
        EXECUTE format('CREATE INDEX %I ON %s %s', missing.name, missing.relation, missing.definition);
    END LOOP;
END
$$;

-- For applications: what most of them ask for, under the key of the organization.
-- They have the rights of whoever asks.
CREATE OR REPLACE VIEW scim.member WITH (security_invoker = true) AS
SELECT o.key AS organization, a.id, a.external_id, a.user_name, a.user_name_key, a.display_name,
       coalesce(jsonb_path_query_first(a.attributes, '$.emails[*] ? (@.primary == true).value'),
                jsonb_path_query_first(a.attributes, '$.emails[0].value')) #>> '{}' AS email,
       a.role, a.active, scim.account_label(a.managed, a.sync_eligible, a.provisioned_at) AS label,
       a.attributes #>> '{name,givenName}' AS given_name, a.attributes #>> '{name,familyName}' AS family_name,
       a.attributes #>> '{urn:ietf:params:scim:schemas:extension:enterprise:2.0:User,department}' AS department,
       a.attributes #>> '{urn:ietf:params:scim:schemas:extension:enterprise:2.0:User,employeeNumber}' AS employee_number,
       a.attributes #>> '{urn:ietf:params:scim:schemas:extension:enterprise:2.0:User,manager,value}' AS manager,
       a.preferred_language, a.timezone, a.created_at, a.updated_at
FROM scim.organization o JOIN scim.account a ON a.organization_id = o.id;
COMMENT ON VIEW scim.member IS 'The accounts, with the attributes that most applications need; email is the primary one, or the first; manager is the id of another account';
CREATE OR REPLACE VIEW scim.group_member WITH (security_invoker = true) AS
SELECT o.key AS organization, g.id AS group_id, g.display_name AS group_name, g.external_id AS group_external_id,
       a.id AS account_id, a.user_name, a.active, m.added_at
FROM scim.organization o
JOIN scim.user_group g ON g.organization_id = o.id
JOIN scim.membership m ON m.organization_id = g.organization_id AND m.group_id = g.id
JOIN scim.account a ON a.organization_id = m.organization_id AND a.id = m.account_id;
COMMENT ON VIEW scim.group_member IS 'The accounts that are members of groups, as the identity provider has put them there; scim.accounts_in also has those of groups within a group';

CREATE OR REPLACE FUNCTION pg_temp.privileges() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', o.name, p.grantor, p.grantee, p.privilege_type, p.is_grantable), E'\n'
                      ORDER BY o.name, p.grantor, p.grantee, p.privilege_type)
    FROM (SELECT 'schema', nspacl FROM pg_namespace WHERE nspname = 'scim'
          UNION ALL
          SELECT oid::text, relacl FROM pg_class WHERE relnamespace = 'scim'::regnamespace
          UNION ALL
          SELECT attrelid || '.' || attnum, attacl FROM pg_attribute
          WHERE attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'scim'::regnamespace)) o(name, acl),
         aclexplode(o.acl) p
$$;

-- Privileges of those roles that exist.  They are granted anew each time, which
-- revokes any others that these roles were given here; for more, use a role of
-- your own.  Statements in storage/statements.sql run as scim.  Row level
-- security would be a second barrier between organizations, but behind it
-- PostgreSQL uses no index for operators that are not leakproof, such as
-- containment of jsonb, so an eq filter would read and fold every row of the
-- organization.
DO $$
DECLARE
    reader CONSTANT text[] := ARRAY[
        'SELECT ON scim.account, scim.user_group, scim.membership, scim.subgroup, scim.event, scim.refusal, scim.relay, scim.guard_count, scim.guard_trip, scim.request, scim.request_hour, scim.account_seen, scim.schema_version, scim.member, scim.group_member',
        'SELECT (id, key, name, provisioning_enabled, provisioning_paused, domains, created_at, guard_number, guard_percent, guard_open_until, move_id, move_side) ON scim.organization',
        'SELECT (organization_id, id, issuer, name, prefix, created_at, expires_at, last_used_at, noticed, refused_at) ON scim.token',
        'SELECT (organization_id, id, name, prefix, deleted_at, refused_at) ON scim.deleted_token'];
    role record;
    privilege text;
    given text;
BEGIN
    given := pg_temp.privileges();
    FOR role IN
        SELECT v.column1 AS name, ARRAY['USAGE ON SCHEMA scim'] || v.column2 AS privileges
        FROM (VALUES
            ('scim', ARRAY[
                'SELECT, UPDATE (provisioning_enabled, provisioning_paused, provisioned_read_only, guard_number, guard_percent, guard_open_until) ON scim.organization',
                'SELECT, INSERT, UPDATE, DELETE ON scim.account, scim.user_group',
                'SELECT, INSERT, DELETE ON scim.membership, scim.subgroup',
                'SELECT, INSERT, DELETE, UPDATE (last_used_at, noticed, refused_at) ON scim.token',
                'SELECT, DELETE, UPDATE (refused_at) ON scim.deleted_token',
                'SELECT, INSERT (organization_id, account_id, resource_type, resource_id, kind, actor_kind, actor_id, actor_name, attributes, version, data) ON scim.event',
                'SELECT, INSERT, DELETE ON scim.refusal, scim.request',
                'SELECT, INSERT, UPDATE, DELETE ON scim.guard_count, scim.guard_trip, scim.request_hour, scim.account_seen',
                'SELECT, INSERT, UPDATE ON scim.relay',
                'SELECT ON scim.schema_version',
                'USAGE, SELECT ON SEQUENCE scim.event_sequence_seq, scim.revocation']),
            ('scim_app', reader || ARRAY[
                'INSERT, UPDATE, DELETE ON scim.account, scim.user_group',
                'INSERT, DELETE ON scim.membership, scim.subgroup']),
            ('scim_reader', reader)) v
        JOIN pg_roles r ON r.rolname = v.column1
    LOOP
        EXECUTE format('REVOKE ALL ON SCHEMA scim FROM %I', role.name);
        EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA scim FROM %I', role.name);
        EXECUTE format('REVOKE ALL ON ALL SEQUENCES IN SCHEMA scim FROM %I', role.name);
        FOREACH privilege IN ARRAY role.privileges LOOP
            EXECUTE format('GRANT %s TO %I', privilege, role.name);
        END LOOP;
    END LOOP;
    IF pg_temp.privileges() = given THEN
        RAISE SQLSTATE 'SC000';
    END IF;
EXCEPTION WHEN SQLSTATE 'SC000' THEN    -- nothing to change: no row of the catalogs is new
    NULL;
END
$$;

COMMIT;

-- The second part: indexes.  Building one waits for all open transactions, but
-- only VACUUM and changes to the table wait for it.  If it is interrupted, the
-- index exists but is invalid (is_broken).
SET client_min_messages = notice;
SET lock_timeout = 0;
SET statement_timeout = 0;

SELECT format('DO $do$ BEGIN RAISE NOTICE USING MESSAGE = %L; END $do$',
              format('Creating the index scim.%s (%s of %s) while requests are served, as soon as open transactions have ended',
                     name, row_number() OVER (), count(*) OVER ())),
       CASE WHEN is_broken THEN format('DROP INDEX CONCURRENTLY scim.%I', name) END,
       format('CREATE INDEX CONCURRENTLY %I ON %s %s', name, relation, definition)
FROM pg_temp.missing_indexes() \gexec

DO $$
DECLARE
    unlike integer := 0;
BEGIN
    IF current_setting('scim.look_at_names', true) = 'on' THEN
        SELECT count(*) INTO unlike FROM scim.account
        WHERE NOT (scim.is_identifier(user_name) AND coalesce(scim.is_name(display_name), true) AND scim.is_readable(attributes));
    END IF;
    IF unlike > 0 THEN
        RAISE NOTICE '% account(s) have names or attributes that would be refused today. They stay as they are; find them with: SELECT * FROM scim.account WHERE NOT (scim.is_identifier(user_name) AND coalesce(scim.is_name(display_name), true) AND scim.is_readable(attributes))', unlike;
    END IF;
    PERFORM pg_advisory_unlock(hashtext('scim.schema'));
END
$$;

RESET statement_timeout;
RESET lock_timeout;
RESET client_min_messages;
RESET search_path;
RESET ROLE;
