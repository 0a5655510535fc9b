-- SPDX-License-Identifier: Apache-2.0
-- Distributes mod_scim's tables by Citus, each organization as a whole to one
-- server.  See README.  Once, as a superuser, behind schema.sql, on the coordinator:
--
--   awk -v to=shards -f storage/statements.awk storage/statements.sql > shards.sql
--   psql -v shards=shards.sql -f examples/citus/schema-citus.sql scim
\set ON_ERROR_STOP 1
SET search_path = pg_catalog, pg_temp;
SET client_min_messages = warning;

-- Each statement of shards.sql becomes a function, which Citus calls on the server that
-- has the organization: one remote statement, and a transaction of that server alone.
-- httpd calls them when there is this schema.
CREATE SCHEMA scim_shard AUTHORIZATION scim_owner;
GRANT USAGE ON SCHEMA scim_shard TO scim;
SET ROLE scim_owner;
-- Where there is none: a value that no organization has, as Citus takes no NULL.
CREATE FUNCTION scim_shard.organization_of(key text) RETURNS uuid LANGUAGE sql STABLE
    AS $$ SELECT coalesce((SELECT o.id FROM scim.organization o WHERE o.key = $1), '00000000-0000-0000-0000-000000000000') $$;
CREATE TEMP TABLE delegated (signature text, distributed_by text);
-- PostgreSQL names the types of a statement's columns when a function has others.
CREATE PROCEDURE pg_temp.delegate(name text, by text) LANGUAGE plpgsql AS $$
DECLARE
    p record;
    types text[] := '{pg_lsn}';
    parameters text;
    detail text;
    found text[];
    columns text;
    parts text[];
BEGIN
    SELECT s.parameter_types, regexp_replace(rtrim(s.statement, '; '), '^PREPARE "\w+" AS ', '') AS text INTO p
    FROM pg_prepared_statements s WHERE s.name = delegate.name;
    IF by = 'key' THEN
        p.text := replace(p.text, 'o.key = $1', 'o.id = $' || cardinality(p.parameter_types) + 1);
    END IF;
    parameters := (SELECT string_agg(t::text, ', ' ORDER BY i) FROM unnest(p.parameter_types || CASE by WHEN 'key' THEN ARRAY['uuid'::regtype] END) WITH ORDINALITY t(t, i));
    LOOP
        BEGIN
            columns := (SELECT 'TABLE (' || string_agg(format('c%s %s', i, t), ', ' ORDER BY i) || ')' FROM unnest(types) WITH ORDINALITY t(t, i));
            EXECUTE format('CREATE FUNCTION scim_shard.%I(%s) RETURNS %s LANGUAGE sql AS %L', lower(name), parameters, coalesce(columns, 'void'), p.text);
            EXIT;
        EXCEPTION WHEN invalid_function_definition THEN
            GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
            found := coalesce(regexp_match(detail, 'returns (.*) instead of pg_lsn at column (\d+)'),
                              ARRAY[substring(detail FROM 'Actual return type is (.*)\.$'), '1']);
            IF found[1] IS NOT NULL THEN
                types[found[2]::integer] := found[1];
            ELSIF detail ~ 'too many columns|exactly one column' THEN
                types := types || 'pg_lsn'::text;
            ELSIF detail ~ 'must be SELECT' THEN
                types := '{}';
            ELSE
                RAISE;
            END IF;
        END;
    END LOOP;
    -- The text has parts that Citus would send to all servers.
    IF name = 'TOKEN_USED' THEN
        p.text := $text$UPDATE scim.token t SET last_used_at = now() WHERE t.organization_id = $1 AND t.id = $2
                  AND (t.last_used_at IS NULL OR t.last_used_at < now() - interval '1 minute')$text$;
    END IF;
    -- A session whose planning has failed delegates nothing more, so these do not try.
    IF by = 'none' THEN
        p.text := coalesce('SELECT ' || (SELECT string_agg(CASE t WHEN 'bigint' THEN '0::bigint' ELSE format('NULL::%s', t) END, ', ' ORDER BY i)
                                         FROM unnest(types) WITH ORDINALITY t(t, i)), 'NULL');
    END IF;
    -- A row goes to its event in a variable: as an intermediate result, it would be
    -- copied to all servers, and two of them would commit.
    parts := regexp_match(p.text, '^WITH (created) AS \((.* RETURNING a\.\*)\), event AS \((INSERT INTO scim\.event .* FROM )\1 s (WHERE .*)\) SELECT (.*) FROM \1 a$');
    IF parts IS NOT NULL THEN
        p.text := format('%s INTO written; IF written.id IS NULL THEN RETURN; END IF; %s(SELECT written.*) s %s; RETURN QUERY SELECT %s FROM (SELECT written.*) a',
                         parts[2], parts[3], parts[4], parts[5]);
    END IF;
    EXECUTE format('DROP FUNCTION scim_shard.%I(%s)', lower(name), parameters);
    EXECUTE format('CREATE FUNCTION scim_shard.%I(%s) RETURNS %s LANGUAGE plpgsql AS %L', lower(name), parameters,
                   CASE WHEN columns ~ '^TABLE .* c2 ' THEN columns WHEN columns IS NULL THEN 'void' ELSE 'SETOF ' || types[1] END,
                   E'\n#variable_conflict use_column\nDECLARE\n    written scim.account;\nBEGIN\n' || CASE WHEN columns IS NULL OR parts IS NOT NULL THEN '' ELSE 'RETURN QUERY ' END || p.text || E';\nEND');
    IF by = 'none' THEN
        RETURN;
    END IF;
    INSERT INTO delegated VALUES (format('scim_shard.%I(%s)', lower(name), parameters),
        CASE by WHEN 'key' THEN '$' || cardinality(p.parameter_types) + 1 ELSE by END);
END
$$;
\i :shards
RESET ROLE;

-- Triggers that read rows of the same organization alone.
SELECT format('ALTER DATABASE %I SET citus.enable_unsafe_triggers = on', current_database()) \gexec
SET citus.enable_unsafe_triggers = on;

-- Citus distributes tables without foreign keys and triggers; they come back below.
CREATE TEMP TABLE later AS
SELECT 1 AS step, c.conrelid::regclass::text AS relation, format('CONSTRAINT %I', c.conname) AS what,
       format('ALTER TABLE %s ADD CONSTRAINT %I %s', c.conrelid::regclass, c.conname, pg_get_constraintdef(c.oid)) AS definition
FROM pg_constraint c WHERE c.contype = 'f' AND c.connamespace = 'scim'::regnamespace
UNION ALL
SELECT 2, t.tgrelid::regclass::text, format('TRIGGER %I', t.tgname), pg_get_triggerdef(t.oid)
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE NOT t.tgisinternal AND c.relnamespace = 'scim'::regnamespace;

-- Citus takes functions that PostgreSQL has parsed for what their tables depend on, and
-- plans no statement with parameters in LANGUAGE sql.
DO $$
DECLARE
    f record;
BEGIN
    FOR f IN
        SELECT pg_get_functiondef(p.oid) AS definition, pg_get_function_sqlbody(p.oid) AS body, p.proretset AS is_set
        FROM pg_proc p
        WHERE p.pronamespace = 'scim'::regnamespace AND p.prosqlbody IS NOT NULL
          AND pg_get_function_sqlbody(p.oid) ~ '(FROM|JOIN|INTO|UPDATE) \(*scim\.[a-z_]+ '
          AND EXISTS (SELECT FROM pg_depend d JOIN pg_class c ON c.oid = d.refobjid AND c.relkind = 'r'
                      WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_class'::regclass)
    LOOP
        EXECUTE regexp_replace(replace(f.definition, f.body, 'AS ' || quote_literal(E'\n#variable_conflict use_column\nBEGIN\n' || CASE
            WHEN f.body ~ '^RETURN ' AND f.is_set THEN 'RETURN QUERY SELECT ' || substr(f.body, 8) || ';'
            WHEN f.body ~ '^RETURN ' THEN f.body || ';'
            ELSE CASE WHEN f.is_set THEN 'RETURN QUERY ' ELSE '' END || regexp_replace(f.body, '^BEGIN ATOMIC(.*)END\s*$', '\1') END || E'\nEND')),
            'LANGUAGE sql', 'LANGUAGE plpgsql');
    END LOOP;
END
$$;

SELECT CASE step WHEN 1 THEN format('ALTER TABLE %s DROP %s', relation, what) ELSE format('DROP %s ON %s', what, relation) END FROM later \gexec

-- Small tables are on each server.  scim.relay stays on the coordinator.
SELECT create_reference_table('scim.organization');
SELECT create_reference_table('scim.schema_version');
SELECT create_distributed_table('scim.account', 'organization_id', shard_count => 8);
SELECT create_distributed_table(relation, 'organization_id', colocate_with => 'scim.account')
FROM unnest(ARRAY['scim.user_group', 'scim.membership', 'scim.subgroup', 'scim.token', 'scim.event', 'scim.refusal', 'scim.deleted_token',
 'scim.guard_count', 'scim.guard_trip', 'scim.request', 'scim.request_hour', 'scim.account_seen']) relation;
SELECT definition FROM later WHERE step = 1 \gexec
SELECT definition FROM later WHERE step = 2 \gexec

-- In a trigger of a shard, the table is account_102008, and so is the type of its rows.
-- An event counts in the transactions of its server.  Nobody listens there, and no
-- trigger there may write a table that all servers have.
DO $$
DECLARE
    f record;
    changed text;
BEGIN
    FOR f IN SELECT pg_get_functiondef(p.oid) AS definition, p.proname FROM pg_proc p
             WHERE p.pronamespace = 'scim'::regnamespace AND p.prorettype = 'trigger'::regtype
    LOOP
        changed := replace(f.definition, 'TG_TABLE_NAME', 'regexp_replace(TG_TABLE_NAME, ''_[0-9]+$'', '''')');
        changed := regexp_replace(changed, '(scim\.(?:refuse_account|settle_role)\()NEW, (CASE [^;]*?) THEN OLD END', '\1ROW(NEW.*)::scim.account, \2 THEN ROW(OLD.*)::scim.account END', 'g');
        changed := replace(changed, 'scim.guard(NEW)', 'scim.guard(ROW(NEW.*)::scim.event)');
        IF f.proname = 'note_first_group' THEN
            changed := 'CREATE OR REPLACE FUNCTION scim.note_first_group() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN RETURN NULL; END''';
        ELSIF f.proname = 'event_before_insert' THEN
            changed := replace(replace(changed, ', pg_notify(''scim_event'', '''')', ''), E'BEGIN\n    -- Usually',
                E'BEGIN\n    IF NEW.transaction_id <> ''0'' THEN\n        NEW.transaction_id := pg_current_xact_id();\n    END IF;\n    -- Usually');
        END IF;
        IF changed <> f.definition THEN
            EXECUTE changed;
        END IF;
    END LOOP;
END
$$;
-- What Citus cannot plan, said in another way: it joins a transition table with no
-- distributed table, and deletes no rows by their ctid.
CREATE OR REPLACE FUNCTION scim.delete_memberships() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    deleted record;
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        RAISE EXCEPTION 'accounts and groups that are distributed are deleted, not truncated' USING ERRCODE = 'feature_not_supported';
    END IF;
    FOR deleted IN SELECT g.organization_id, g.id FROM gone g ORDER BY 1, 2 LOOP
        IF TG_TABLE_NAME ~ '^account' THEN
            DELETE FROM scim.membership m WHERE m.organization_id = deleted.organization_id AND m.account_id = deleted.id;
        ELSE
            DELETE FROM scim.membership m WHERE m.organization_id = deleted.organization_id AND m.group_id = deleted.id;
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION scim.forget_seen() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    deleted record;
BEGIN
    FOR deleted IN SELECT g.organization_id, g.id FROM gone g ORDER BY 1, 2 LOOP
        DELETE FROM scim.account_seen s WHERE s.organization_id = deleted.organization_id AND s.account_id = deleted.id;
    END LOOP;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION scim.refuse_unknown_members() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wanted record;
    known uuid[];
    unknown uuid[];
BEGIN
    FOR wanted IN SELECT c.organization_id, array_agg(DISTINCT c.account_id) AS ids FROM changed c GROUP BY 1 LOOP
        known := ARRAY(SELECT a.id FROM scim.account a WHERE a.organization_id = wanted.organization_id AND a.id = ANY (wanted.ids)
                       ORDER BY a.id FOR KEY SHARE);
        unknown := ARRAY(SELECT unnest(wanted.ids) EXCEPT SELECT unnest(known) ORDER BY 1);
        IF unknown <> '{}' THEN
            RAISE EXCEPTION '% id(s) are of no account or group of the organization', cardinality(unknown)
                USING ERRCODE = 'SC005', DETAIL = concat('''', array_to_string(unknown[1:10], ''', '''), '''',
                                               ' and ' || nullif(greatest(cardinality(unknown) - 10, 0), 0) || ' more');
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION scim.change_members(organization uuid, changed uuid, keep boolean, INOUT adding uuid[], INOUT removing uuid[])
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wanted uuid[] := adding;
    unwanted uuid[] := removing;
    members uuid[];
    children uuid[];
    accounts uuid[];
    groups uuid[];
BEGIN
    members := ARRAY(SELECT m.account_id FROM scim.membership m WHERE m.organization_id = organization AND m.group_id = changed);
    children := ARRAY(SELECT s.child_id FROM scim.subgroup s WHERE s.organization_id = organization AND s.group_id = changed);
    IF NOT keep THEN
        unwanted := ARRAY(SELECT unnest(members || children) EXCEPT SELECT unnest(wanted));
    END IF;
    removing := ARRAY(SELECT unnest(members || children) INTERSECT SELECT unnest(unwanted) ORDER BY 1);
    DELETE FROM scim.membership m WHERE m.organization_id = organization AND m.group_id = changed AND m.account_id = ANY (removing);
    DELETE FROM scim.subgroup s WHERE s.organization_id = organization AND s.group_id = changed AND s.child_id = ANY (removing);
    adding := ARRAY(SELECT unnest(wanted) EXCEPT (SELECT unnest(members || children) EXCEPT SELECT unnest(removing)) ORDER BY 1);
    groups := ARRAY(SELECT b.id FROM scim.user_group b WHERE b.organization_id = organization AND b.id = ANY (adding) FOR KEY SHARE);
    accounts := ARRAY(SELECT unnest(adding) EXCEPT SELECT unnest(groups));
    INSERT INTO scim.membership (organization_id, group_id, account_id) SELECT organization, changed, a.id FROM unnest(accounts) a(id);
    INSERT INTO scim.subgroup (organization_id, group_id, child_id) SELECT organization, changed, g.id FROM unnest(groups) g(id);
END
$$;


-- Functions of statements read tables of the same organization, which are beside.
ALTER ROLE scim SET citus.allow_nested_distributed_execution = on;
ALTER ROLE scim_owner SET citus.allow_nested_distributed_execution = on;

-- Each server counts its own revocations.
SELECT r.nodename, r.result FROM run_command_on_workers($$
    SET citus.enable_ddl_propagation = off;
    CREATE SEQUENCE IF NOT EXISTS scim.revocation;
    SELECT nextval('scim.revocation');
    ALTER SEQUENCE scim.revocation OWNER TO scim_owner;
    GRANT USAGE, SELECT ON SEQUENCE scim.revocation TO scim$$) r WHERE NOT r.success;

-- See scim.note_first_group.
ALTER TABLE scim.organization ALTER has_groups SET DEFAULT true;
UPDATE scim.organization SET has_groups = true WHERE NOT has_groups;

-- Citus grants nothing on columns of shards.
SELECT DISTINCT format('GRANT %s ON %s TO %I', privilege_type, format('%I.%I', table_schema, table_name), grantee)
FROM information_schema.column_privileges p
WHERE table_schema = 'scim' AND grantee IN ('scim', 'scim_app', 'scim_reader')
  AND NOT EXISTS (SELECT FROM information_schema.table_privileges t
                  WHERE (t.table_schema, t.table_name, t.grantee, t.privilege_type) = (p.table_schema, p.table_name, p.grantee, p.privilege_type))
  AND (grantee = 'scim' OR privilege_type <> 'SELECT') \gexec

-- Functions that others call
SELECT create_distributed_function(p.oid::regprocedure)
FROM pg_proc p WHERE p.pronamespace IN ('scim'::regnamespace) AND p.prokind = 'f'
AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
AND NOT EXISTS (SELECT FROM pg_dist_object d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid);
SELECT create_distributed_function(signature::regprocedure, distributed_by, colocate_with => 'scim.account') FROM delegated;

-- Citus looks for the server while it plans, which it does for each execution.
ALTER FUNCTION scim_shard.organization_of(text) IMMUTABLE;
