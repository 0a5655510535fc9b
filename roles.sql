-- SPDX-License-Identifier: Apache-2.0
-- mod_scim: the roles.  A superuser runs this once in a cluster, before creating
-- the database:
--
--   sudo -iu postgres psql -v ON_ERROR_STOP=1 -f roles.sql
--   sudo -iu postgres createdb --owner=scim_owner ... scim
--
-- and once in each database of an earlier version of mod_scim whose owner is not
-- scim_owner, before applying schema.sql there:
--
--   sudo -iu postgres psql -v ON_ERROR_STOP=1 -d scim -f roles.sql
--
-- schema.sql grants each role its privileges in a database.  Roles belong to the
-- whole cluster, so several databases of mod_scim share them.  Running it again is
-- safe.

\set AUTOCOMMIT on

-- One at a time, like schema.sql, which explains why it does not just wait.
DO $$
BEGIN
    WHILE NOT pg_catalog.pg_try_advisory_lock(pg_catalog.hashtext('scim.schema')) LOOP
        PERFORM pg_catalog.pg_sleep(0.1);
        COMMIT;
    END LOOP;
END
$$;

BEGIN;

DO $$
DECLARE
    role record;
BEGIN
    FOR role IN VALUES
        ('scim_owner', 'LOGIN', 'mod_scim: owns the schema scim; applies schema.sql, runs scimctl'),
        ('scim', 'LOGIN', 'mod_scim: httpd and scimctl relay; cannot change tables, functions or events'),
        ('scim_app', 'NOLOGIN', 'mod_scim: applications that read and write accounts are members of it'),
        ('scim_reader', 'NOLOGIN', 'mod_scim: applications that only read are members of it')
    LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = role.column1) THEN
            EXECUTE format('CREATE ROLE %I %s', role.column1, role.column2);
        END IF;
        EXECUTE format('COMMENT ON ROLE %I IS %L', role.column1, role.column3);
    END LOOP;
END
$$;

-- In httpd's sessions, names are PostgreSQL's own or qualified with their schema.
-- Every index begins with the organization, so a session that never scans a whole
-- table reads no other organization's rows.  Rules between tables hold in
-- transactions that see what others have committed meanwhile.
ALTER ROLE scim SET search_path = pg_catalog, pg_temp;
ALTER ROLE scim SET enable_seqscan = off;
ALTER ROLE scim SET default_transaction_isolation = 'read committed';

-- Objects of another owner, as in earlier versions, are handed over.  The old
-- owner, the role of httpd's connections, continues to read and write until
-- schema.sql gives the role scim only what it needs.  All locks are taken at once,
-- in the order of schema.sql, which explains why it waits for them in short steps.
DO $$
DECLARE
    owner name := (SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'scim');
    tables CONSTANT regclass[] := ARRAY(
        SELECT to_regclass('scim.' || name) FROM unnest(ARRAY['account', 'event', 'token', 'organization', 'refusal', 'relay', 'schema_version']) name
        WHERE to_regclass('scim.' || name) IS NOT NULL);
    last_try CONSTANT timestamptz := clock_timestamp() + interval '10 seconds';
    has_locks boolean := tables = '{}';
    object text;
BEGIN
    IF owner IS NULL OR owner = 'scim_owner' THEN
        RETURN;
    END IF;
    WHILE NOT has_locks LOOP
        BEGIN
            SET LOCAL lock_timeout = '200ms';
            EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', array_to_string(tables, ', '));
            has_locks := true;
        EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
            IF clock_timestamp() > last_try THEN
                RAISE EXCEPTION 'Nothing was changed: tables of scim are in use by the processes %', ARRAY(
                        SELECT DISTINCT a.pid FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
                        WHERE l.relation = ANY (tables) AND l.granted AND a.datname = current_database()
                          AND a.xact_start < clock_timestamp() - interval '2 seconds')
                    USING HINT = 'Wait until they have ended, or end them with pg_terminate_backend, then apply roles.sql again.';
            END IF;
        END;
        PERFORM pg_sleep(0.5) WHERE NOT has_locks;
    END LOOP;
    SET LOCAL lock_timeout = '2s';
    FOR object IN
        SELECT format('TABLE %s', c.oid::regclass) FROM pg_class c
        WHERE c.relnamespace = 'scim'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'S')
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                          AND d.deptype IN ('a', 'i') AND c.relkind = 'S')
        UNION ALL
        SELECT format('ROUTINE %s', p.oid::regprocedure) FROM pg_proc p
        WHERE p.pronamespace = 'scim'::regnamespace
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid
                          AND d.deptype = 'e')
        UNION ALL
        SELECT 'SCHEMA scim'
        UNION ALL
        SELECT format('DATABASE %I', d.datname) FROM pg_database d
        WHERE d.datname = current_database() AND pg_get_userbyid(d.datdba) = owner
    LOOP
        EXECUTE format('ALTER %s OWNER TO scim_owner', object);
    END LOOP;
    EXECUTE format('GRANT USAGE ON SCHEMA scim TO %I', owner);
    EXECUTE format('GRANT ALL ON ALL TABLES IN SCHEMA scim TO %I', owner);
    EXECUTE format('GRANT ALL ON ALL SEQUENCES IN SCHEMA scim TO %I', owner);
END
$$;

COMMIT;

DO $$ BEGIN PERFORM pg_catalog.pg_advisory_unlock(pg_catalog.hashtext('scim.schema')); END $$;
