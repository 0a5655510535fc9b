-- SPDX-License-Identifier: Apache-2.0
-- mod_scim: roles, database and tables, or what is missing of them, as "scimctl db
-- create" makes them:
--
--   sudo -iu postgres psql -qAt -v ON_ERROR_STOP=1 -v db=scim -d postgres -f create.sql
--
-- Running it again is safe.  It prints one line of JSON: the version of the tables,
-- and how the server lets roles connect, as far as this role may know it.

\set AUTOCOMMIT on

DO $$
BEGIN
    IF NOT (SELECT rolsuper OR rolcreaterole AND rolcreatedb FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN
        RAISE EXCEPTION 'The role % may not create roles and databases', current_user
            USING HINT = 'Do this as a superuser, for example by "sudo -u postgres scimctl db create".';
    END IF;
END
$$;

\ir roles.sql
SELECT format('CREATE DATABASE %I OWNER scim_owner ENCODING ''UTF8'' TEMPLATE template0', :'db')
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = :'db') \gexec
\connect :"db"
-- It may be a database of an earlier version, with another owner.
\ir roles.sql
\ir schema.sql

-- rules: the lines of pg_hba.conf that scimctl would advise, if they are there.  The
-- first line that matches counts, so one behind Debian's for all databases does not.
SELECT pg_catalog.has_function_privilege('pg_catalog.pg_hba_file_rules()', 'EXECUTE')
   AND pg_catalog.has_function_privilege('pg_catalog.pg_ident_file_mappings()', 'EXECUTE')
   AND pg_catalog.pg_has_role('pg_read_all_settings', 'USAGE') AS may_look \gset
\if :may_look
SELECT json_build_object(
    'version', (SELECT max(version) FROM scim.schema_version),
    'hbaFile', current_setting('hba_file'), 'identFile', current_setting('ident_file'),
    'socketFolder', split_part(current_setting('unix_socket_directories'), ',', 1),
    'port', current_setting('port')::integer,
    'hasTls', current_setting('ssl')::boolean,
    'isLocalOnly', current_setting('listen_addresses') IN ('', 'localhost', '127.0.0.1', '::1'),
    'rules', (WITH rule AS (SELECT *, row_number() OVER (PARTITION BY type ORDER BY ordinality) AS place
                            FROM pg_hba_file_rules() WITH ORDINALITY
                            WHERE database && ARRAY[current_database()::text, 'all'] AND user_name && ARRAY['scim', 'all'])
              SELECT coalesce(json_agg(DISTINCT r.type), '[]') FROM rule r
              WHERE r.type = 'local' AND r.place = 1 AND r.auth_method = 'peer' AND 'map=scim' = ANY (r.options)
                 OR r.type = 'hostssl' AND r.auth_method = 'scram-sha-256'),
    'mappings', (SELECT coalesce(json_agg(concat_ws(' ', m.sys_name, m.pg_username)), '[]')
                 FROM pg_ident_file_mappings m WHERE m.map_name = 'scim'));
\else
SELECT json_build_object('version', (SELECT max(version) FROM scim.schema_version));
\endif
