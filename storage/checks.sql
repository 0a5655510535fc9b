-- SPDX-License-Identifier: Apache-2.0
-- What "scimctl check" asks; read together with statements.sql, whose head
-- explains the form.
--
-- Each answer is at most one row: whether something is wrong, and a text for
-- the operator (scimctl_check.c has the rest of the sentence).  NULL: this role
-- cannot see it.  No row: the check does not apply.  They run as any role of
-- mod_scim, on a database in any state: catalogs are asked by the names of
-- things, since a name that is cast is an error where there is none.

-- The names of some rows; the first five of them.
-- fragment: listed(name)
count(*) > 0,
array_to_string((array_agg(:name ORDER BY :name))[1:5], ', ')
|| CASE WHEN count(*) > 5 THEN format(' and %s more', count(*) - 5)
        ELSE '' END

-- Settings as they are for the sessions of httpd here, but for what DBDParams
-- say: those of a role go before those of a database.
-- fragment: settings
(SELECT DISTINCT ON (a.name) a.name, a.setting
 FROM (SELECT p.name, p.setting, 0 FROM pg_settings p
       WHERE p.source NOT IN ('client', 'session', 'user', 'database user')
       UNION ALL
       SELECT split_part(s, '=', 1), substr(s, strpos(s, '=') + 1),
              1 + (r.setdatabase <> 0)::integer + 2 * (r.setrole <> 0)::integer
       FROM pg_db_role_setting r, unnest(r.setconfig) s
       WHERE r.setdatabase IN (0, (SELECT d.oid FROM pg_database d
                                   WHERE d.datname = current_database()))
         AND r.setrole IN (0, to_regrole('scim'))) a(name, setting, rank)
 ORDER BY a.name, a.rank DESC)


-- The server

-- name: CHECK_SERVER :repeatable
SELECT current_setting('server_version_num')::integer < 150000,
       split_part(current_setting('server_version'), ' ', 1);

-- name: CHECK_TRANSPORT :repeatable
SELECT NOT s.ssl AND a.at IS NOT NULL
       AND NOT (a.at <<= '127.0.0.0/8' OR a.at <<= '::1'),
       format('%s as %s by %s', current_database(), current_user,
              CASE WHEN s.ssl THEN s.version
                   WHEN a.at IS NULL THEN 'a local socket'
                   ELSE 'TCP to ' || host(a.at) END)
FROM pg_stat_ssl s, inet_server_addr() a(at)
WHERE s.pid = pg_backend_pid();

-- name: CHECK_PRIMARY :repeatable
SELECT pg_is_in_recovery(), '';

-- name: CHECK_ENCODING :repeatable
SELECT current_setting('server_encoding') <> 'UTF8',
       current_setting('server_encoding');

-- name: CHECK_ICU :repeatable
SELECT NOT EXISTS (SELECT FROM pg_collation c
                   WHERE c.collname = 'und-x-icu' AND c.collprovider = 'i'),
       '';

-- name: CHECK_COLLATIONS :repeatable
SELECT :listed(c.name)
FROM (SELECT c.collname::text FROM pg_collation c
      WHERE c.collname = 'und-x-icu'
        AND c.collversion <> pg_collation_actual_version(c.oid)
      UNION ALL
      SELECT d.datname::text FROM pg_database d
      WHERE d.datname = current_database()
        AND d.datcollversion <> pg_database_collation_actual_version(d.oid))
     c(name);

-- $1 is the clock of the host, in seconds.
-- name: CHECK_CLOCK :repeatable
SELECT abs(d.seconds) > 2,
       CASE WHEN abs(d.seconds) > 2 THEN round(abs(d.seconds), 1)::text
            ELSE current_setting('TimeZone') END
FROM (SELECT extract(epoch FROM clock_timestamp()) - $1::numeric)
     d(seconds);

-- name: CHECK_DURABILITY :repeatable
SELECT :listed(s.name)
FROM :settings s
WHERE s.name IN ('fsync', 'synchronous_commit') AND s.setting = 'off';

-- Writes wait for a standby, and there is none.
-- name: CHECK_STANDBYS :repeatable
SELECT CASE WHEN count(r.pid) = 0 THEN true
            WHEN bool_or(r.sync_state IN ('sync', 'quorum')) THEN false
            WHEN bool_and(r.sync_state IS NOT NULL) THEN true END,
       current_setting('synchronous_standby_names')
FROM pg_stat_replication r
HAVING current_setting('synchronous_standby_names') <> ''
   AND current_setting('synchronous_commit') NOT IN ('off', 'local');

-- name: CHECK_TIMEOUTS :repeatable
SELECT :listed(s.name || ' = ' || s.setting)
FROM :settings s
WHERE s.name = 'default_transaction_read_only' AND s.setting = 'on'
   OR CASE WHEN s.name = 'statement_timeout' AND s.setting !~ '^0'
           THEN (s.setting || CASE WHEN s.setting ~ '[a-z]' THEN ''
                                   ELSE 'ms' END)::interval
                < interval '1 second' END;


-- Connections

-- fragment: places
(SELECT current_setting('max_connections')::bigint
        - current_setting('superuser_reserved_connections')::bigint
        - coalesce(current_setting('reserved_connections', true), '0')::bigint
            AS most,
        (SELECT count(*) FROM pg_stat_activity a
         WHERE a.datid IS NOT NULL AND a.pid <> pg_backend_pid()) AS used,
        (SELECT count(*) FROM pg_stat_activity a
         WHERE a.usename = 'scim' AND a.pid <> pg_backend_pid()) AS ours,
        least((SELECT nullif(r.rolconnlimit, -1) FROM pg_roles r
               WHERE r.rolname = 'scim'),
              (SELECT nullif(d.datconnlimit, -1) FROM pg_database d
               WHERE d.datname = current_database())) AS allowed)

-- name: CHECK_CONNECTIONS :repeatable
SELECT p.used > p.most * 0.8,
       format('%s of %s, %s of them by the role scim', p.used, p.most, p.ours)
FROM :places p;

-- $1 is the most connections that all httpds may have.  After a graceful
-- restart, the old processes have theirs for a while.
-- name: CHECK_HTTPD_CONNECTIONS :repeatable
SELECT 2 * $1::bigint > f.free,
       format('twice %s, and there are %s', $1::bigint, f.free)
FROM (SELECT greatest(least(p.most - p.used + p.ours, p.allowed), 0)
      FROM :places p) f(free)
WHERE $1::bigint IS NOT NULL;


-- Roles and privileges

-- name: CHECK_ROLES :repeatable
SELECT :listed(r.name)
FROM unnest(ARRAY['scim_owner', 'scim', 'scim_app', 'scim_reader']) r(name)
WHERE to_regrole(r.name) IS NULL;

-- name: CHECK_OWNER :repeatable
SELECT :listed(o.name)
FROM (SELECT c.oid, c.relname::text, c.relowner FROM pg_class c
      WHERE c.relnamespace = to_regnamespace('scim')
        AND c.relkind IN ('r', 'v', 'm', 'S')
      UNION ALL
      SELECT p.oid, p.proname::text, p.proowner FROM pg_proc p
      WHERE p.pronamespace = to_regnamespace('scim')
      UNION ALL
      SELECT n.oid, 'the schema scim', n.nspowner FROM pg_namespace n
      WHERE n.nspname = 'scim') o(id, name, owner)
WHERE pg_get_userbyid(o.owner) <> 'scim_owner'
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.objid = o.id AND d.deptype = 'e');

-- What statements.sql needs; schema.sql grants it.
-- name: CHECK_PRIVILEGES :repeatable
SELECT :listed(format('%s on %s', m.privilege, m.name))
FROM (SELECT p.privilege, n.name
      FROM (VALUES
          ('organization', 'SELECT UPDATE'),
          ('account', 'SELECT INSERT UPDATE DELETE'),
          ('user_group', 'SELECT INSERT UPDATE DELETE'),
          ('membership', 'SELECT INSERT DELETE'),
          ('subgroup', 'SELECT INSERT DELETE'),
          ('token', 'SELECT INSERT UPDATE DELETE'),
          ('event', 'SELECT INSERT'),
          ('refusal', 'SELECT INSERT DELETE'),
          ('deleted_token', 'SELECT UPDATE DELETE'),
          ('relay', 'SELECT INSERT UPDATE'),
          ('guard_count', 'SELECT INSERT UPDATE DELETE'),
          ('guard_trip', 'SELECT INSERT UPDATE DELETE'),
          ('request', 'SELECT INSERT DELETE'),
          ('request_hour', 'SELECT INSERT UPDATE DELETE'),
          ('account_seen', 'SELECT INSERT UPDATE DELETE'),
          ('schema_version', 'SELECT'),
          ('event_sequence_seq', 'USAGE'),
          ('revocation', 'USAGE')) n(name, privileges)
      CROSS JOIN string_to_table(n.privileges, ' ') p(privilege)
      JOIN pg_class c ON c.relnamespace = to_regnamespace('scim')
                     AND c.relname = n.name
      WHERE NOT CASE p.privilege
                WHEN 'USAGE' THEN has_sequence_privilege(to_regrole('scim'),
                                                         c.oid, 'USAGE')
                WHEN 'DELETE' THEN has_table_privilege(to_regrole('scim'),
                                                       c.oid, 'DELETE')
                ELSE has_any_column_privilege(to_regrole('scim'), c.oid,
                                              p.privilege) END
      UNION ALL
      SELECT 'USAGE', 'SCHEMA scim' FROM pg_namespace n
      WHERE n.nspname = 'scim'
        AND NOT has_schema_privilege(to_regrole('scim'), n.oid, 'USAGE')) m;

-- What they must not have.
-- name: CHECK_RIGHTS :repeatable
SELECT :listed(m.name || ' ' || m.what)
FROM (SELECT r.rolname,
             unnest(ARRAY[
                 CASE WHEN r.rolsuper THEN 'is a superuser' END,
                 CASE WHEN r.rolcreaterole THEN 'may create roles' END,
                 CASE WHEN r.rolbypassrls THEN 'may bypass RLS' END,
                 CASE WHEN to_regrole('scim_owner') IS NOT NULL
                           AND NOT r.rolsuper
                           AND pg_has_role(r.oid, to_regrole('scim_owner'),
                                           'MEMBER')
                      THEN 'is a member of scim_owner' END,
                 CASE WHEN NOT r.rolsuper
                           AND has_schema_privilege(r.oid, n.oid, 'CREATE')
                      THEN 'may create objects in the schema scim' END,
                 CASE WHEN NOT r.rolsuper
                           AND (has_table_privilege(r.oid, c.oid, 'DELETE')
                                OR has_table_privilege(r.oid, c.oid,
                                                       'TRUNCATE')
                                OR has_any_column_privilege(r.oid, c.oid,
                                                            'UPDATE'))
                      THEN 'may change events' END])
      FROM pg_roles r
      LEFT JOIN pg_namespace n ON n.nspname = 'scim'
      LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = 'event'
      WHERE r.rolname IN ('scim', 'scim_app', 'scim_reader')) m(name, what)
WHERE m.what IS NOT NULL;

-- name: CHECK_ROLE_SETTINGS :repeatable
SELECT :listed(w.setting)
FROM unnest(ARRAY['search_path=pg_catalog, pg_temp', 'enable_seqscan=off',
                  'default_transaction_isolation=read committed'])
     w(setting)
JOIN pg_roles r ON r.rolname = 'scim'
WHERE w.setting <> ALL (coalesce(r.rolconfig, '{}'));


-- Tables

-- name: CHECK_EXTENSION :repeatable
SELECT :listed(w.name)
FROM unnest(ARRAY['btree_gin', 'pg_trgm']) w(name)
WHERE NOT EXISTS (SELECT FROM pg_extension e WHERE e.extname = w.name);

-- name: CHECK_TRIGGERS :repeatable
SELECT :listed(m.name)
FROM (SELECT w.name
      FROM unnest(ARRAY[
          'account_before_write', 'account_keep_token_issuer_delete',
          'account_keep_token_issuer_update', 'account_memberships_delete',
          'account_memberships_truncate',
          'account_seen_delete', 'event_before_insert',
          'membership_delete', 'membership_insert', 'membership_unknown',
          'membership_update', 'membership_update_unknown',
          'organization_domains_insert', 'organization_domains_update',
          'organization_name_insert', 'organization_name_update',
          'organization_revocation', 'subgroup_delete', 'subgroup_insert',
          'subgroup_nesting', 'token_keep_deleted',
          'token_name_insert', 'token_name_update',
          'token_needs_admin', 'token_revocation_delete',
          'token_revocation_update', 'user_group_before_write',
          'user_group_display_name_insert', 'user_group_display_name_update',
          'user_group_insert', 'user_group_memberships_delete',
          'user_group_memberships_truncate']) w(name)
      WHERE NOT EXISTS (SELECT FROM pg_trigger t
                        JOIN pg_class c ON c.oid = t.tgrelid
                        WHERE t.tgname = w.name
                          AND c.relnamespace = to_regnamespace('scim'))
      UNION
      SELECT CASE WHEN t.tgisinternal THEN k.conname ELSE t.tgname END::text
      FROM pg_trigger t
      JOIN pg_class c ON c.oid = t.tgrelid
      LEFT JOIN pg_constraint k ON k.oid = t.tgconstraint
      WHERE c.relnamespace = to_regnamespace('scim') AND t.tgenabled <> 'O')
     m(name);

-- name: CHECK_INDEXES :repeatable
SELECT :listed(m.name)
FROM (SELECT w.name
      FROM unnest(ARRAY[
          'account_by_attribute', 'account_by_label', 'account_created',
          'account_display_name', 'account_external_id', 'account_search',
          'account_updated',
          'event_account', 'event_actor', 'event_deleted', 'event_feed',
          'event_group', 'event_kind', 'event_own_feed', 'event_renamed',
          'event_resource', 'event_time', 'event_undoing',
          'membership_account',
          'refusal_warned',
          'subgroup_child', 'token_issuer', 'user_group_created',
          'user_group_external_id', 'user_group_updated']) w(name)
      WHERE NOT EXISTS (SELECT FROM pg_class c
                        WHERE c.relname = w.name
                          AND c.relnamespace = to_regnamespace('scim'))
      UNION
      SELECT c.relname::text
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
      WHERE c.relnamespace = to_regnamespace('scim') AND NOT i.indisvalid)
     m(name);

-- name: CHECK_STATISTICS :repeatable
SELECT :listed(c.relname::text)
FROM pg_class c
WHERE c.relnamespace = to_regnamespace('scim') AND c.relkind = 'r'
  AND c.reltuples < 0 AND pg_stat_get_live_tuples(c.oid) > 1000;

-- name: CHECK_AUTOVACUUM :repeatable
SELECT :listed(o.name)
FROM (SELECT s.name FROM pg_settings s
      WHERE s.name IN ('autovacuum', 'track_counts') AND s.setting = 'off'
      UNION ALL
      SELECT 'autovacuum_enabled of ' || c.relname FROM pg_class c
      WHERE c.relnamespace = to_regnamespace('scim')
        AND 'autovacuum_enabled=false' = ANY (c.reloptions)) o(name);


-- Organizations and tokens

-- name: CHECK_WITHOUT_TOKEN :repeatable
SELECT :listed(o.key)
FROM scim.organization o
WHERE o.provisioning_enabled
  AND NOT EXISTS (SELECT FROM scim.token t
                  WHERE t.organization_id = o.id AND :token_is_valid);

-- name: CHECK_PAUSED :repeatable
SELECT :listed(concat(o.key, ' (' || (:move_side) || ')'))
FROM scim.organization o
WHERE :provisioning_state = 'paused';

-- fragment: token_of
format('"%s" of %s (%s)', t.name, o.key,
       to_char(t.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD'))

-- name: CHECK_TOKENS_END :repeatable
SELECT :listed(:token_of)
FROM scim.organization o JOIN scim.token t ON t.organization_id = o.id
WHERE o.provisioning_enabled
  AND t.expires_at BETWEEN now() AND now() + interval '30 days';

-- Tokens that were in use when they ended, and nothing has taken their place.
-- The use of a token that has ended is not recorded.
-- name: CHECK_TOKENS_ENDED :repeatable
SELECT :listed(:token_of)
FROM scim.organization o JOIN scim.token t ON t.organization_id = o.id
WHERE o.provisioning_enabled
  AND t.expires_at BETWEEN now() - interval '90 days' AND now()
  AND t.last_used_at > t.expires_at - interval '1 day'
  AND NOT EXISTS (SELECT FROM scim.token n
                  WHERE n.organization_id = o.id
                    AND n.last_used_at > t.expires_at);


-- Events and relays

-- name: CHECK_EVENTS :repeatable
SELECT false,
       format('%s events in %s',
              CASE WHEN c.reltuples < 10000
                   THEN (SELECT count(*) FROM (SELECT FROM scim.event
                                               LIMIT 10000) e)
                   ELSE c.reltuples::bigint END,
              pg_size_pretty(pg_total_relation_size(c.oid)))
FROM pg_class c
WHERE c.relnamespace = to_regnamespace('scim') AND c.relname = 'event';

-- The highest sequence of each organization is the end of a key.
-- name: CHECK_SEQUENCE :repeatable
SELECT s.last_value < m.highest, m.highest::text
FROM scim.event_sequence_seq s,
     (SELECT coalesce(max(greatest(
          (SELECT e.sequence FROM scim.event e
           WHERE e.organization_id = o.id ORDER BY e.sequence DESC LIMIT 1),
          (SELECT r.sequence FROM scim.refusal r
           WHERE r.organization_id = o.id ORDER BY r.sequence DESC LIMIT 1))),
          0)
      FROM scim.organization o) m(highest);

-- name: CHECK_RESTORED :repeatable
SELECT coalesce((SELECT e.transaction_id FROM scim.event e
                 ORDER BY e.transaction_id DESC, e.sequence DESC LIMIT 1)
                >= pg_snapshot_xmax(pg_current_snapshot()), false),
       '';

-- Events that readers may not read yet, because an older transaction is open;
-- none of a database that was restored into another cluster.
-- name: CHECK_HORIZON :repeatable
SELECT h.seconds > 60,
       format('%s seconds by %s', h.seconds, coalesce(
           (SELECT string_agg(coalesce('process ' || l.pid,
                                       'a prepared transaction'), ', ')
            FROM pg_locks l
            WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock'
              AND l.granted
              AND l.transactionid
                  = pg_snapshot_xmin(pg_current_snapshot())::xid),
           'an open transaction'))
FROM (SELECT coalesce(greatest(extract(epoch FROM now() -
          (SELECT e.occurred_at FROM scim.event e
           WHERE e.transaction_id >= pg_snapshot_xmin(pg_current_snapshot())
             AND e.transaction_id < pg_snapshot_xmax(pg_current_snapshot())
           ORDER BY e.transaction_id, e.sequence LIMIT 1))::bigint, 0), 0))
     h(seconds);

-- name: CHECK_RELAYS :repeatable
SELECT :listed(r.name)
FROM scim.relay r
WHERE NOT :relay_runs;

-- name: CHECK_RELAYS_REFUSED :repeatable from 6
SELECT :listed(format('%s (event %s, %s attempts)', r.name, r.refused,
                      r.attempts))
FROM scim.relay r
WHERE r.refused IS NOT NULL;

-- name: CHECK_RELAYS_LATE :repeatable from 6
SELECT :listed(format('%s (%s seconds)', l.name, l.seconds))
FROM (SELECT r.name,
             (SELECT extract(epoch FROM now() - e.occurred_at)::bigint
              FROM :relay_position p,
                   scim.feed(r.organization_id, p.transaction_id, p.sequence,
                             1) e)
      FROM scim.relay r) l(name, seconds)
WHERE l.seconds > 300;
