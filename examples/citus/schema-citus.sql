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

-- All servers have this one, by which an organization is found.  The statements that
-- make, rename, import or delete one write it: an organization that is made by SQL
-- needs its row here, too.
ALTER TABLE scim.organization DROP CONSTRAINT organization_key_key;
CREATE TABLE scim.organization_key (
    key  text CONSTRAINT organization_key_key PRIMARY KEY,
    id   uuid NOT NULL UNIQUE
);
INSERT INTO scim.organization_key SELECT o.key, o.id FROM scim.organization o;
GRANT SELECT ON scim.organization_key TO scim;
-- Where there is none: a value that no organization has, as Citus takes no NULL.
CREATE FUNCTION scim_shard.organization_of(key text) RETURNS uuid LANGUAGE sql STABLE
    AS $$ SELECT coalesce((SELECT k.id FROM scim.organization_key k WHERE k.key = $1), '00000000-0000-0000-0000-000000000000') $$;
CREATE TEMP TABLE delegated (signature text, distributed_by text);

-- The parts of a statement, in order: those of WITH, and the last one, without a name.
CREATE FUNCTION pg_temp.parts_of(statement text) RETURNS TABLE (name text, body text) LANGUAGE plpgsql AS $$
DECLARE
    token text;
    depth integer := 0;
BEGIN
    body := '';
    FOR token IN SELECT m[1] FROM regexp_matches(statement, '(''[^'']*''|[()]|[^''()]+)', 'g') m LOOP
        depth := depth - (token = ')')::integer;
        IF depth = 0 AND body = '' AND token ~ '^(WITH|,) \w+ AS (MATERIALIZED )?$' THEN
            name := substring(token FROM '(?:WITH|,) (\w+)');
        ELSIF depth = 0 AND name IS NOT NULL AND token = ')' THEN
            RETURN NEXT;
            name := NULL;
            body := '';
        ELSIF depth > 0 OR name IS NULL THEN
            body := body || token;
        END IF;
        depth := depth + (token = '(')::integer;
    END LOOP;
    body := trim(body);
    RETURN NEXT;
END
$$;

-- What a statement does, step by step in plpgsql: Citus copies the rows that a WITH
-- has written or locked to all servers, as an intermediate result, and two of them
-- commit.  In a variable they stay where they are.
CREATE FUNCTION pg_temp.steps_of(statement text, returns_rows boolean, OUT variables text, OUT steps text) LANGUAGE plpgsql AS $$
DECLARE
    part record;
    target text[];
    read text := '';
    written text;
BEGIN
    variables := E'    moment timestamptz := now();\n    chance double precision := random();\n';
    steps := '';
    IF EXISTS (SELECT FROM pg_temp.parts_of(statement) p WHERE p.body !~ '^SELECT' AND p.body ~ ' RETURNING '
                 AND p.body !~ ' RETURNING (true|(\w+\.)?\*|\w+\.\w+(, \w+\.\w+)*)$')
       OR NOT EXISTS (SELECT FROM pg_temp.parts_of(statement) p WHERE p.name IS NOT NULL AND p.body !~ '^SELECT') THEN
        steps := CASE WHEN returns_rows THEN 'RETURN QUERY ' ELSE '' END || statement || E';\n';
        RETURN;
    END IF;
    -- Citus takes now() in no CASE, and random() in nothing that writes.
    FOR part IN SELECT * FROM pg_temp.parts_of(replace(replace(statement, 'now()', 'moment'), 'random()', 'chance')) LOOP
        FOR written IN SELECT m[1] FROM regexp_matches(variables, 'all_(\w+)', 'g') m LOOP
            part.body := regexp_replace(part.body, '\m(FROM|JOIN) ' || written || '( [a-z]\M)?', '\1 unnest(all_' || written || ')\2', 'g');
            part.body := regexp_replace(part.body, '(unnest\(all_' || written || '\))(?! [a-z]\M)', '\1 ' || written, 'g');
        END LOOP;
        target := NULL;
        IF part.name IS NOT NULL AND part.body ~ '^SELECT \w\.\* FROM scim\..* FOR (NO KEY )?UPDATE$' THEN
            target := regexp_match(part.body, ' FROM (scim\.\w+)');
        ELSIF part.name IS NOT NULL AND part.body ~ '^SELECT' THEN
            read := read || CASE read WHEN '' THEN 'WITH ' ELSE ', ' END || format('%I AS MATERIALIZED (%s)', part.name, part.body);
            CONTINUE;
        ELSIF part.name IS NOT NULL AND part.body ~ ' RETURNING ' THEN
            target := regexp_match(part.body, '(?:^|\) )(?:INSERT INTO|UPDATE|DELETE FROM) (scim\.\w+)(?:(?: AS)? ([a-z])\M)?');
            part.body := regexp_replace(part.body, ' RETURNING .*$', format(' RETURNING %s', coalesce(target[2] || '.*', '*')));
        END IF;
        IF EXISTS (SELECT FROM regexp_matches(read, '(?:^WITH|,) (\w+) AS MATERIALIZED', 'g') m WHERE part.body ~ ('\m' || m[1] || '\M')) THEN
            part.body := read || ' ' || part.body;
        END IF;
        IF target IS NOT NULL THEN
            variables := variables || format(E'    one_%1$s %2$s;\n    all_%1$s %2$s[];\n', part.name, target[1]);
            steps := steps || format(E'FOR one_%1$s IN %2$s LOOP\n    all_%1$s := all_%1$s || one_%1$s;\nEND LOOP;\n', part.name, part.body);
        ELSE
            steps := steps || CASE WHEN part.name IS NULL AND returns_rows THEN 'RETURN QUERY ' ELSE '' END || part.body || E';\n';
        END IF;
    END LOOP;
END
$$;

-- Statements, as regular expressions, that Citus does not plan as they are, or would
-- send to all servers.  Those of several organizations run on the coordinator, which
-- calls what is below for each of them.
CREATE TEMP TABLE said_otherwise (name text, variables text DEFAULT '', steps text);
INSERT INTO said_otherwise (name, steps) VALUES
('^TOKEN_USED$', $$UPDATE scim.token t SET last_used_at = now() WHERE t.organization_id = $1::uuid AND t.id = $2::uuid
AND (t.last_used_at IS NULL OR t.last_used_at < now() - interval '1 minute');
$$),
('^ORGANIZATION_LIST$', $$RETURN QUERY WITH accounts AS MATERIALIZED (SELECT a.organization_id, count(*) FROM scim.account a GROUP BY 1),
tokens AS MATERIALIZED (SELECT t.organization_id, count(*) FROM scim.token t WHERE t.expires_at IS NULL OR t.expires_at > now() GROUP BY 1)
SELECT o.id, o.key, o.name, o.provisioning_enabled, array_to_string(o.domains, ' '),
    to_char(o.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), coalesce(a.count, 0), coalesce(t.count, 0),
    CASE WHEN NOT o.provisioning_enabled THEN 'disabled' WHEN o.provisioning_paused OR o.move_side IS NOT NULL THEN 'paused' ELSE 'enabled' END
FROM scim.organization o LEFT JOIN accounts a ON a.organization_id = o.id LEFT JOIN tokens t ON t.organization_id = o.id
ORDER BY o.key;
$$),
('^METRIC_TOKENS$', $$RETURN QUERY SELECT o.key, floor(extract(epoch FROM t.expires_at - now()))::bigint
FROM scim.organization o
JOIN (SELECT DISTINCT ON (u.organization_id) u.organization_id, u.expires_at FROM scim.token u
      ORDER BY u.organization_id, u.last_used_at DESC NULLS LAST, u.expires_at DESC NULLS FIRST) t ON t.organization_id = o.id
WHERE o.provisioning_enabled AND t.expires_at > now() - interval '30 days'
ORDER BY t.expires_at, o.key LIMIT 100;
$$),
('^METRIC_GUARDS$', $$RETURN QUERY SELECT o.key, 1 FROM scim.organization o
JOIN (SELECT DISTINCT t.organization_id FROM scim.guard_trip t WHERE t.refused_at > now() - interval '1 day') t ON t.organization_id = o.id
ORDER BY o.key LIMIT 100;
$$),
-- Transactions of several servers have no order.
('^METRIC_(RELAYS|HORIZON)$', E'RETURN;\n'),
('^FEED(_POSITION)?$', $$RAISE EXCEPTION 'where Citus distributes the tables, only an organization has a change feed' USING ERRCODE = 'feature_not_supported';
$$),
('^PURGE(_KEPT)?$', $$RAISE EXCEPTION 'where Citus distributes the tables, old events are deleted by SQL: relays are on another server' USING ERRCODE = 'feature_not_supported';
$$),
-- All servers commit it.
('^REQUESTS_SWEEP$', $$IF pg_try_advisory_xact_lock(hashtextextended('mod_scim old request', 0)) THEN
    DELETE FROM scim.request r WHERE r.occurred_at < now() - interval '7 days';
END IF;
RETURN NEXT false;
$$),
('^REQUEST_HOURS_SWEEP$', $$IF pg_try_advisory_xact_lock(hashtextextended('mod_scim old request_hour', 0)) THEN
    DELETE FROM scim.request_hour h WHERE h.hour < now() - interval '8 days';
END IF;
RETURN NEXT false;
$$);
INSERT INTO said_otherwise VALUES
('^TOKEN_NOTICE$', E'    one uuid;\n    found bigint;\n    news bigint := 0;\n', $$FOR one IN SELECT t.organization_id FROM scim.token t WHERE t.expires_at > now() AND t.expires_at <= now() + interval '30 days' OR t.noticed IS NOT NULL
           UNION SELECT d.organization_id FROM scim.deleted_token d WHERE d.deleted_at < now() - interval '90 days' LOOP
    SELECT n.news INTO found FROM scim_shard.notices_of(one) n(news);
    news := news + found;
END LOOP;
RETURN NEXT news;
$$),
('^REQUESTS_WRITE$', E'    one uuid;\n    given jsonb;\n    seen uuid[];\n', $$FOR one IN SELECT DISTINCT u.id FROM unnest($1::uuid[] || $19::uuid[]) u(id) LOOP
    given := (SELECT coalesce(jsonb_agg(to_jsonb(g) || jsonb_build_object('occurred_at', to_timestamp(g.at / 1000000.0),
                                  'operations', coalesce(string_to_array(g.operations, chr(10)), '{}')) ORDER BY g.place), '[]')
              FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::smallint[], $10::text[],
                          $11::text[], $12::uuid[], $13::text[], $14::bigint[], $15::integer[], $16::integer[], $17::integer[], $18::integer[])
                   WITH ORDINALITY g(organization_id, at, token_id, actor_name, method, path, filter, operations, status, scim_type, resource_type,
                                     resource_id, request_id, duration, requests, changes, refusals, warnings, place)
              WHERE g.organization_id = one);
    seen := ARRAY(SELECT g.id FROM unnest($19::uuid[], $20::uuid[]) g(organization_id, id) WHERE g.organization_id = one);
    PERFORM * FROM scim_shard.write_requests(one, given, seen);
END LOOP;
$$),
('^TOKEN_REFUSED$', E'    used text;\n    state text := ''expired'';\n', $$UPDATE scim.token t SET refused_at = now()
WHERE t.organization_id = $3 AND t.hash = $2::bytea AND (t.refused_at IS NULL OR t.refused_at < now() - interval '1 minute')
  AND t.expires_at <= now() RETURNING t.name INTO used;
IF used IS NULL THEN
    state := 'deleted';
    UPDATE scim.deleted_token t SET refused_at = now()
    WHERE t.organization_id = $3 AND t.hash = $2::bytea AND (t.refused_at IS NULL OR t.refused_at < now() - interval '1 minute')
      AND t.deleted_at > now() - interval '90 days' RETURNING t.name INTO used;
END IF;
IF used IS NOT NULL THEN
    RETURN QUERY SELECT $3, used, state, EXISTS (SELECT FROM scim.refusal r WHERE r.organization_id = $3 AND r.status = 401
                                                   AND r.actor_name = used AND r.occurred_at > now() - interval '1 hour');
END IF;
$$),
('^REQUESTS_PRUNE$', E'    one uuid;\n', $$FOREACH one IN ARRAY $1::uuid[] LOOP
    PERFORM * FROM scim_shard.prune_requests(one);
END LOOP;
$$),
-- From a file of accounts.
('^ACCOUNTS_INSERT$', E'    given record;\n    made scim.account;\n', $$FOR given IN {given} LOOP
    INSERT INTO scim.account AS a (organization_id, id, managed, sync_eligible, role, active, attributes, user_name, display_name, external_id,
                                   preferred_language, timezone)
    VALUES ($1::uuid, given.id, given.managed::boolean, given.sync_eligible::boolean, given.role, given.active::boolean, given.attributes::jsonb,
            given.user_name, given.display_name, given.external_id, given.preferred_language, given.timezone)
    ON CONFLICT (organization_id, user_name_key) DO NOTHING RETURNING a.* INTO made;
    {event}
END LOOP;
$$),
('^ACCOUNTS_UPDATE$', E'    given record;\n    made scim.account;\n', $$FOR given IN {given} LOOP
    UPDATE scim.account a SET role = given.role, active = given.active::boolean, attributes = given.attributes::jsonb, user_name = given.user_name,
        display_name = given.display_name, external_id = given.external_id, preferred_language = given.preferred_language, timezone = given.timezone,
        sync_eligible = a.sync_eligible OR 'urn:mod_scim:event:account:eligible' = ANY (given.kinds::text[])
    WHERE a.organization_id = $1::uuid AND a.id = given.id AND a.version = given.old_version::bigint RETURNING a.* INTO made;
    {event}
END LOOP;
$$),
('^ORGANIZATION_INSERT$', E'    made uuid := gen_random_uuid();\n', $$INSERT INTO scim.organization_key (key, id) VALUES ($1, made) ON CONFLICT (key) DO NOTHING;
IF FOUND THEN
    INSERT INTO scim.organization (id, key, name, domains) VALUES (made, $1, $2, lower($3)::text[]);
    RETURN NEXT made;
END IF;
$$),
-- Citus deletes no rows by their ctid.
('^DELETE_[A-Z_]+S(_SEEN)?$', E'    deleted bigint;\n', NULL);

-- PostgreSQL names the types of a statement's columns when a function has others.
CREATE PROCEDURE pg_temp.delegate(name text, by text) LANGUAGE plpgsql AS $$
DECLARE
    p record;
    types text[] := '{pg_lsn}';
    parameters text;
    detail text;
    found text[];
    columns text;
    variables text;
    steps text;
BEGIN
    SELECT s.parameter_types, regexp_replace(rtrim(s.statement, '; '), '^PREPARE "\w+" AS ', '') AS text INTO p
    FROM pg_prepared_statements s WHERE s.name = delegate.name;
    IF by = 'key' THEN
        p.text := regexp_replace(replace(p.text, 'o.key = $1', 'o.id = o.id'), '\m(id|organization_id) = o\.id', '\1 = $' || cardinality(p.parameter_types) + 1, 'g');
    END IF;
    -- On a shard, a row is not of the type of the table.
    p.text := replace(p.text, 'scim.group_document(g)', 'scim.group_document(ROW(g.*)::scim.user_group)');
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
    SELECT coalesce(o.variables, s.variables), CASE WHEN o.name IS NULL THEN s.steps ELSE o.steps END INTO variables, steps
    FROM pg_temp.steps_of(p.text, columns IS NOT NULL) s LEFT JOIN said_otherwise o ON delegate.name ~ o.name;
    steps := replace(replace(steps, '{given}', coalesce((SELECT g.body FROM pg_temp.parts_of(p.text) g WHERE g.name = 'given'), '')),
        '{event}', $event$IF made.id IS NULL THEN
        RETURN NEXT given.place;
        CONTINUE;
    END IF;
    INSERT INTO scim.event (organization_id, account_id, kind, actor_kind, actor_id, actor_name, attributes, version, data)
    SELECT made.organization_id, made.id, k.kind, $2, $3::uuid, $4, given.changed::text[], made.version, given.data::jsonb
    FROM unnest(given.kinds::text[]) WITH ORDINALITY k(kind, place) ORDER BY k.place;$event$);
    IF steps IS NULL THEN
        steps := substring(p.text FROM 'DELETE FROM scim\.\w+ r ') || E'WHERE r.organization_id = $1::uuid;\nGET DIAGNOSTICS deleted = ROW_COUNT;\nRETURN NEXT deleted;\n';
    END IF;
    -- Its memberships go with the row.
    IF name = 'ACCOUNT_DELETE' THEN
        variables := variables || E'    noted jsonb;\n';
        steps := (SELECT format(E'PERFORM %s;\n', substr(l.body, 8)) FROM pg_temp.parts_of(p.text) l WHERE l.name = 'locked')
                 || E'noted := scim.groups_noted($1::uuid, $2::uuid);\n' || replace(steps, 'scim.groups_noted(s.organization_id, s.id)', 'noted');
    END IF;
    IF name = 'ORGANIZATION_CHANGE' THEN
        variables := variables || E'    given_domains text[] := lower($4)::text[];\n';
        steps := replace(steps, 'lower($4)::text[]', 'given_domains');
    END IF;
    steps := CASE name WHEN 'ORGANIZATION_CHANGE' THEN E'UPDATE scim.organization_key k SET key = $2 WHERE k.id = $1::uuid AND k.key <> $2;\n'
                       WHEN 'ORGANIZATION_DELETE' THEN E'DELETE FROM scim.organization_key k WHERE k.id = $1::uuid;\n'
                       WHEN 'IMPORT_ORGANIZATION' THEN E'INSERT INTO scim.organization_key (key, id)\nSELECT coalesce($2, o.key), o.id'
                           || E' FROM jsonb_populate_record(NULL::scim.organization, $1::jsonb -> ''organization'') o;\n'
                       ELSE '' END || steps;
    EXECUTE format('DROP FUNCTION scim_shard.%I(%s)', lower(name), parameters);
    -- Citus cannot explain (auto_explain.log_analyze) a call that returns void.
    EXECUTE format('CREATE FUNCTION scim_shard.%I(%s) RETURNS %s LANGUAGE plpgsql AS %L', lower(name), parameters,
                   CASE WHEN columns ~ '^TABLE .* c2 ' THEN columns WHEN columns IS NULL THEN 'SETOF boolean' ELSE 'SETOF ' || types[1] END,
                   format(E'\n#variable_conflict use_column\nDECLARE\n%sBEGIN\n%sEND', variables, steps));
    IF steps ~ 'scim_shard\.' THEN
        -- So that each call commits by itself, on its server.
        EXECUTE format('ALTER FUNCTION scim_shard.%I(%s) SET citus.function_opens_transaction_block = off', lower(name), parameters);
    ELSIF by <> 'all' THEN
        INSERT INTO delegated VALUES (format('scim_shard.%I(%s)', lower(name), parameters),
            CASE by WHEN 'key' THEN '$' || cardinality(p.parameter_types) + 1 ELSE by END);
    END IF;
END
$$;
\i :shards

CREATE FUNCTION scim_shard.write_requests(organization uuid, given jsonb, seen uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM scim.organization o WHERE o.id = organization)
       OR EXISTS (SELECT FROM scim.request r JOIN jsonb_populate_record(NULL::scim.request, given -> 0) g
                      ON (r.occurred_at, r.request_id, r.duration) = (g.occurred_at, g.request_id, g.duration)
                  WHERE r.organization_id = organization) THEN
        RETURN;
    END IF;
    PERFORM set_config('synchronous_commit', 'off', true);
    INSERT INTO scim.request (organization_id, occurred_at, token_id, actor_name, method, path, filter, operations, status, scim_type, resource_type,
                              resource_id, request_id, duration, requests, changes, warnings)
    SELECT organization, g.occurred_at, g.token_id, g.actor_name, g.method, g.path, g.filter, g.operations, g.status, g.scim_type, g.resource_type,
           g.resource_id, g.request_id, g.duration, g.requests, g.changes, g.warnings
    FROM jsonb_populate_recordset(NULL::scim.request, given) g;
    INSERT INTO scim.request_hour AS h (organization_id, hour, requests, changes, refusals, warnings)
    SELECT organization, date_trunc('hour', g.occurred_at, 'UTC'), sum(g.requests), sum(g.changes), sum(g.refusals), sum(g.warnings)
    FROM jsonb_to_recordset(given) g(occurred_at timestamptz, requests bigint, changes bigint, refusals bigint, warnings bigint)
    GROUP BY 2
    ON CONFLICT (organization_id, hour) DO UPDATE
    SET requests = h.requests + excluded.requests, changes = h.changes + excluded.changes, refusals = h.refusals + excluded.refusals,
        warnings = h.warnings + excluded.warnings;
    UPDATE scim.token t SET last_used_at = now()
    WHERE t.organization_id = organization AND t.id = ANY (ARRAY(SELECT g.token_id FROM jsonb_populate_recordset(NULL::scim.request, given) g))
      AND (t.last_used_at IS NULL OR t.last_used_at < now() - interval '1 minute');
    seen := ARRAY(SELECT a.id FROM scim.account a WHERE a.organization_id = organization AND a.id = ANY (seen) ORDER BY a.id);
    INSERT INTO scim.account_seen AS s (organization_id, account_id, seen_on)
    SELECT organization, a.id, (now() AT TIME ZONE 'UTC')::date FROM unnest(seen) a(id)
    ON CONFLICT (organization_id, account_id) DO UPDATE SET seen_on = excluded.seen_on WHERE s.seen_on < excluded.seen_on;
END
$$;

CREATE FUNCTION scim_shard.prune_requests(organization uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    last record;
BEGIN
    SELECT k.occurred_at, k.sequence INTO last FROM scim.request k WHERE k.organization_id = organization
    ORDER BY k.occurred_at DESC, k.sequence DESC OFFSET 4999 LIMIT 1;
    DELETE FROM scim.request r WHERE r.organization_id = organization AND (r.occurred_at, r.sequence) < (last.occurred_at, last.sequence);
END
$$;

CREATE FUNCTION scim_shard.notices_of(organization uuid) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    due record;
    news bigint := 0;
BEGIN
    DELETE FROM scim.deleted_token d WHERE d.organization_id = organization AND d.deleted_at < now() - interval '90 days';
    IF EXISTS (SELECT FROM scim.organization o WHERE o.id = organization AND (NOT o.provisioning_enabled OR o.move_side IS NOT NULL)) THEN
        RETURN 0;
    END IF;
    FOR due IN SELECT t.id, t.name, t.prefix, t.expires_at, t.noticed,
                      CASE WHEN t.expires_at <= now() + interval '1 day' THEN 1 WHEN t.expires_at <= now() + interval '7 days' THEN 7
                           WHEN t.expires_at <= now() + interval '30 days' THEN 30 END AS days
               FROM scim.token t WHERE t.organization_id = organization AND t.expires_at > now() FOR NO KEY UPDATE SKIP LOCKED LOOP
        CONTINUE WHEN due.days IS NOT DISTINCT FROM due.noticed;
        UPDATE scim.token t SET noticed = due.days WHERE t.organization_id = organization AND t.id = due.id;
        IF coalesce(due.days < due.noticed, due.days IS NOT NULL AND due.noticed IS NULL) THEN
            news := news + 1;
            INSERT INTO scim.event (organization_id, kind, actor_kind, actor_name, data)
            SELECT organization, 'urn:mod_scim:event:token:expiring', 'operator', 'mod_scim',
                   jsonb_build_object('id', due.id, 'name', due.name, 'prefix', due.prefix, 'days', due.days,
                                      'expires', to_char(due.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'));
        END IF;
    END LOOP;
    RETURN news;
END
$$;
INSERT INTO delegated SELECT format('scim_shard.%s', f), '$1' FROM unnest(ARRAY['write_requests(uuid, jsonb, uuid[])', 'prune_requests(uuid)', 'notices_of(uuid)']) f;
RESET ROLE;

-- Triggers that read rows of the same organization alone.
SELECT format('ALTER DATABASE %I SET citus.enable_unsafe_triggers = on', current_database()) \gexec
-- What deletes from all shards and then writes scim.organization, as an import does.
SELECT format('ALTER DATABASE %I SET citus.multi_shard_modify_mode = sequential', current_database()) \gexec
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
        SELECT pg_get_functiondef(p.oid) AS definition, pg_get_function_sqlbody(p.oid) AS body, p.proretset AS is_set, p.prorettype, NULL AS atomic
        FROM pg_proc p
        WHERE p.pronamespace = 'scim'::regnamespace AND p.prosqlbody IS NOT NULL
          AND pg_get_function_sqlbody(p.oid) ~ '(FROM|JOIN|INTO|UPDATE) \(*scim\.[a-z_]+ '
          AND EXISTS (SELECT FROM pg_depend d JOIN pg_class c ON c.oid = d.refobjid AND c.relkind = 'r'
                      WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_class'::regclass)
    LOOP
        f.definition := replace(f.definition, 'clock_timestamp()', 'moment');
        f.body := replace(f.body, 'clock_timestamp()', 'moment');
        f.atomic := regexp_replace(f.body, '^BEGIN ATOMIC(.*)END\s*$', '\1');
        EXECUTE regexp_replace(replace(f.definition, f.body, 'AS ' || quote_literal(
            E'\n#variable_conflict use_column\nDECLARE\n    moment CONSTANT timestamptz := clock_timestamp();\nBEGIN\n' || CASE
            WHEN f.body ~ '^RETURN ' AND f.is_set THEN 'RETURN QUERY SELECT ' || substr(f.body, 8) || ';'
            WHEN f.body ~ '^RETURN ' THEN f.body || ';'
            WHEN f.is_set THEN 'RETURN QUERY ' || f.atomic
            WHEN f.prorettype = 'void'::regtype THEN f.atomic
            ELSE 'RETURN (' || rtrim(f.atomic, E'; \n') || ');' END || E'\nEND')),
            'LANGUAGE sql', 'LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp');
    END LOOP;
END
$$;

SELECT CASE step WHEN 1 THEN format('ALTER TABLE %s DROP %s', relation, what) ELSE format('DROP %s ON %s', what, relation) END FROM later \gexec

-- Small tables are on each server.  scim.relay stays on the coordinator.
SELECT create_reference_table('scim.organization_key');
SELECT create_reference_table('scim.schema_version');
SELECT create_distributed_table('scim.account', 'organization_id', shard_count => 8);
SELECT create_distributed_table('scim.organization', 'id', colocate_with => 'scim.account');
SELECT create_distributed_table(relation, 'organization_id', colocate_with => 'scim.account')
FROM unnest(ARRAY['scim.user_group', 'scim.membership', 'scim.subgroup', 'scim.token', 'scim.event', 'scim.refusal', 'scim.deleted_token',
 'scim.guard_count', 'scim.guard_trip', 'scim.request', 'scim.request_hour', 'scim.account_seen']) relation;
SELECT definition FROM later WHERE step = 1 \gexec
SELECT definition FROM later WHERE step = 2 \gexec

-- In a trigger of a shard, the table is account_102008, and so is the type of its rows.
-- An event counts in the transactions of its server and has a number of it, also if
-- the coordinator, whose numbers are below 2^48, has made it: they are higher only
-- behind an import, and so are all later ones.  Nobody listens there, and no trigger
-- there joins a transition table.
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
                E'BEGIN\n    IF NEW.transaction_id <> ''0'' THEN\n        NEW.transaction_id := pg_current_xact_id();\n        IF NEW.sequence < 281474976710656 THEN\n            NEW.sequence := nextval(''scim.event_sequence_seq'');\n        ELSIF NEW.sequence > coalesce(pg_sequence_last_value(''scim.event_sequence_seq''), 0) THEN\n            PERFORM setval(''scim.event_sequence_seq'', NEW.sequence);\n        END IF;\n    END IF;\n    -- Usually');
        END IF;
        IF changed <> f.definition THEN
            EXECUTE changed;
        END IF;
    END LOOP;
END
$$;
-- Citus takes no volatile function where it writes, and no row of a shard for one of
-- the table.  It asks all servers unless an equation names the organization; the
-- transactions of another server would pass for those of another cluster.
DO $$
DECLARE
    f record;
BEGIN
    FOR f IN SELECT regexp_replace(replace(replace(pg_get_functiondef(p.oid), 'scim.feed_order(e, $3)', 'coalesce(CASE WHEN $3 > ''0'' THEN e.restored_transaction_id END, $3)'),
                                           '(SELECT e.transaction_id FROM scim.event e ORDER BY', '(SELECT e.transaction_id FROM scim.event e WHERE e.organization_id = $1 ORDER BY'),
                                   'WHERE (?=\(e\.organization_id, |e\.organization_id [<>]= \$1 AND)', 'WHERE e.organization_id = $1 AND ', 'g') AS definition
             FROM pg_proc p WHERE p.pronamespace = 'scim'::regnamespace AND p.proname IN ('feed', 'feed_position', 'feed_was_purged')
    LOOP
        EXECUTE f.definition;
    END LOOP;
    FOR f IN SELECT pg_get_functiondef(p.oid) AS definition FROM pg_proc p
             WHERE p.pronamespace = 'scim'::regnamespace AND p.proname IN ('guard', 'note_guard_trip', 'open_guard')
    LOOP
        EXECUTE regexp_replace(replace(f.definition, 'clock_timestamp()', 'moment'), '\nDECLARE\n', E'\nDECLARE\n    moment CONSTANT timestamptz := clock_timestamp();\n');
    END LOOP;
END
$$;

-- Citus plans for the values of parameters alone.
SELECT format('ALTER FUNCTION %s RESET plan_cache_mode', p.oid::regprocedure)
FROM pg_proc p WHERE p.pronamespace = 'scim'::regnamespace AND 'plan_cache_mode=force_generic_plan' = ANY (p.proconfig) \gexec

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
    IF TG_TABLE_NAME ~ '^account' AND current_setting('transaction_isolation') IN ('repeatable read', 'serializable')
       AND EXISTS (SELECT FROM gone)
    THEN
        RAISE EXCEPTION 'accounts may have become members of groups, which this transaction does not see'
            USING ERRCODE = 'feature_not_supported', HINT = 'Delete accounts in a transaction that is READ COMMITTED.';
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
    IF NOT keep THEN
        members := ARRAY(SELECT m.account_id FROM scim.membership m WHERE m.organization_id = organization AND m.group_id = changed);
        children := ARRAY(SELECT s.child_id FROM scim.subgroup s WHERE s.organization_id = organization AND s.group_id = changed);
        unwanted := ARRAY(SELECT unnest(members || children) EXCEPT SELECT unnest(wanted));
    ELSE
        members := ARRAY(SELECT m.account_id FROM scim.membership m WHERE m.organization_id = organization AND m.group_id = changed
                         AND m.account_id = ANY (wanted || unwanted));
        children := ARRAY(SELECT s.child_id FROM scim.subgroup s WHERE s.organization_id = organization AND s.group_id = changed
                          AND s.child_id = ANY (wanted || unwanted));
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

-- What httpd and scimctl set in their sessions, Citus does not set on the workers.
ALTER ROLE scim SET jit = off;
ALTER ROLE scim SET lock_timeout = '2s';
ALTER ROLE scim_owner SET jit = off;

-- Each server counts its own revocations.  The events that an organization brings along
-- may have numbers of another server, and later ones have higher numbers.
SELECT r.nodename, r.result FROM run_command_on_workers($$
    SET citus.enable_ddl_propagation = off;
    CREATE SEQUENCE IF NOT EXISTS scim.revocation;
    SELECT nextval('scim.revocation');
    ALTER SEQUENCE scim.revocation OWNER TO scim_owner;
    GRANT USAGE, SELECT ON SEQUENCE scim.revocation TO scim;
    ALTER SEQUENCE scim.event_sequence_seq NO MAXVALUE$$) r WHERE NOT r.success;

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
