# SPDX-License-Identifier: Apache-2.0
# Roles in the database: their privileges, and that a session cannot evade the rules
# of accounts by an operator "=" of its own.
use strict;
use warnings;
use lib 't/lib';
use Scim::Process;
use Scim::Test;

my ($APP, $READER, $STRANGER) = map { $_ . random_name() } qw(app_ reader_ stranger_);
my $server = own_server(roles => [$APP, $READER, $STRANGER]);      # roles belong to a whole cluster
my $org = organization();

# psql as a role: (success, output)
sub as {
    my ($role, $statements, @options) = @_;
    my @command = $server->psql('-U', $role, '-qAtX', '-v', 'ON_ERROR_STOP=1', '-v', 'VERBOSITY=verbose', @options, '-f', '-');
    my $done = Scim::Process::run(\@command, input => $statements);
    return (!$done->{status}, $done->{out} . $done->{err});
}
sub may { my ($role, $statements, $name) = @_; my ($well, $said) = as($role, $statements); return ok($well, $name // "$role may: $statements") || diag $said }

# The statement must fail for lack of privileges; otherwise it is rolled back.
sub may_not {
    my ($role, $statement, $name) = @_;
    my (undef, $said) = as($role, "BEGIN;\n$statement;\nROLLBACK;");
    return like $said, qr/ERROR:  42501:/, $name // "$role may not: $statement";
}

# Who is who
may('postgres', "CREATE ROLE $APP LOGIN IN ROLE scim_app; CREATE ROLE $READER LOGIN IN ROLE scim_reader; CREATE ROLE $STRANGER LOGIN;"
    . " GRANT CREATE ON DATABASE scim TO $APP", 'applications have roles of their own');
is_deeply [sql(q{SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = 'scim'::regnamespace})], [['scim_owner']], 'all tables are scim_owner\'s';
is $org->get('/Users')->{status}, 200, 'httpd is served';
is_deeply [sql(q{SELECT DISTINCT usename FROM pg_stat_activity WHERE datname = 'scim' AND pid <> pg_backend_pid() AND backend_type = 'client backend'})],
    [['scim']], 'as scim';
is_deeply [sql(q{SELECT rolname FROM pg_roles WHERE rolname LIKE 'scim%' AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)})], [],
    'no role of mod_scim has rights in the cluster';

# Functions
my @functions = sql(q{SELECT p.proname, l.lanname, p.prosqlbody IS NOT NULL, coalesce(p.proconfig::text, ''), p.prosecdef, has_function_privilege('public', p.oid, 'EXECUTE')
    FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
    WHERE p.pronamespace = 'scim'::regnamespace
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e') ORDER BY 1});
cmp_ok scalar(@functions), '>', 10, 'there are functions';
is_deeply [map { $_->[0] } grep { $_->[1] eq 'sql' && ($_->[2] ne 't' || $_->[3]) } @functions], [],
    'every function in SQL was parsed when it was made, and can be inlined';
is_deeply [map { $_->[0] } grep { $_->[1] ne 'sql' && $_->[3] !~ /^\{"search_path=pg_catalog, pg_temp"[,}]/ } @functions], [qw(account_before_write account_grams event_before_insert fold_case fold_json search_grams search_parts search_text search_words user_name_key)],
    'every other one sets search_path, but for nine that give all schemas, and one that only the module and the owner call';
is_deeply [sql(q{SELECT DISTINCT grantee FROM information_schema.role_table_grants WHERE table_schema = 'scim' AND table_name = 'event' AND privilege_type = 'INSERT'
    UNION SELECT DISTINCT grantee FROM information_schema.role_column_grants WHERE table_schema = 'scim' AND table_name = 'event' AND privilege_type = 'INSERT' ORDER BY 1})],
    [['scim'], ['scim_owner']], 'since nobody else writes events';
is_deeply [map { $_->[0] } grep { $_->[4] eq 't' && $_->[5] eq 't' } @functions], [], 'functions that run with the rights of the owner cannot be called';
is_deeply [map { $_->[0] } grep { $_->[4] eq 't' } @functions], [qw(account_keep_token_issuer count_group_change delete_memberships forget_seen keep_deleted_token note_first_group refuse_unknown_members token_needs_admin)], 'which are eight triggers';

# Objects of a session's own, in a schema at the beginning of its search_path
my ($ok, $said) = as($APP, <<'SQL');
CREATE SCHEMA evil;
CREATE FUNCTION evil.no(uuid, uuid) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN false;
CREATE OPERATOR evil.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = evil.no);
CREATE FUNCTION evil.no(timestamptz, timestamptz) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN false;
CREATE OPERATOR evil.> (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = evil.no);
CREATE FUNCTION evil.no(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN false;
CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.no);
CREATE OPERATOR evil.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.no);
CREATE OPERATOR evil.~ (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.no);
CREATE OPERATOR evil.!~ (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.no);
CREATE FUNCTION evil.no(timestamptz, timestamptz, text) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN false;
CREATE FUNCTION evil.now() RETURNS timestamptz LANGUAGE sql IMMUTABLE RETURN 'infinity'::timestamptz;
CREATE FUNCTION evil.current_setting(text) RETURNS text LANGUAGE sql IMMUTABLE RETURN 'read committed'::text;
CREATE FUNCTION evil.lower(text) RETURNS text LANGUAGE sql IMMUTABLE RETURN 'same'::text;
CREATE FUNCTION evil.normalize(text, text) RETURNS text LANGUAGE sql IMMUTABLE RETURN 'same'::text;
CREATE FUNCTION evil.octet_length(text) RETURNS integer LANGUAGE sql IMMUTABLE RETURN 0;
CREATE FUNCTION evil.none(jsonb, text[]) RETURNS text LANGUAGE sql IMMUTABLE RETURN NULL::text;
CREATE OPERATOR evil.#>> (LEFTARG = jsonb, RIGHTARG = text[], FUNCTION = evil.none);
CREATE FUNCTION evil.plus(bigint, integer) RETURNS bigint LANGUAGE sql IMMUTABLE RETURN 7::bigint;
CREATE OPERATOR evil.+ (LEFTARG = bigint, RIGHTARG = integer, FUNCTION = evil.plus);
-- A type that everything becomes by itself, with an equality of its own
CREATE TYPE evil.loose AS (value pg_catalog.text);
CREATE FUNCTION evil.loosen(uuid) RETURNS evil.loose LANGUAGE sql IMMUTABLE RETURN ROW('x')::evil.loose;
CREATE FUNCTION evil.loosen(pg_catalog.text) RETURNS evil.loose LANGUAGE sql IMMUTABLE RETURN ROW('x')::evil.loose;
CREATE CAST (uuid AS evil.loose) WITH FUNCTION evil.loosen(uuid) AS IMPLICIT;
CREATE CAST (pg_catalog.text AS evil.loose) WITH FUNCTION evil.loosen(pg_catalog.text) AS IMPLICIT;
CREATE FUNCTION evil.no(evil.loose, evil.loose) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN false;
CREATE OPERATOR evil.= (LEFTARG = evil.loose, RIGHTARG = evil.loose, FUNCTION = evil.no);
-- Tables and types by the names that others use
CREATE TABLE evil.token (organization_id uuid, issuer uuid, expires_at timestamptz);
CREATE TABLE evil.account (organization_id uuid, id uuid, active boolean, role pg_catalog.text);
CREATE DOMAIN evil.jsonb AS pg_catalog.jsonb CHECK (false);
CREATE DOMAIN evil.text AS pg_catalog.text CHECK (false);
CREATE DOMAIN evil.timestamptz AS pg_catalog.timestamptz CHECK (false);
SQL
ok $ok, 'an application has operators, functions, types and tables of its own' or diag $said;
my $TEMP = 'CREATE TEMP TABLE token (organization_id uuid, issuer uuid, expires_at timestamptz); CREATE TEMP TABLE account (id uuid);'
    . ' CREATE DOMAIN pg_temp.jsonb AS pg_catalog.jsonb CHECK (false); CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (false);';

# An issuer stays an ADMIN.  Two tokens, of which one ends.
my $issuer = $org->{issuer};
my $expiring = organization();
sql(q{UPDATE scim.token SET expires_at = now() + interval '1 day' WHERE organization_id = $1}, $expiring->{id});
my %session = (
    'nothing of its own' => '',
    'operators and functions of its own' => 'SET search_path = evil, pg_catalog, pg_temp;',
    'operators of its own alone' => 'SET search_path = evil;',
    'operators of its own on a type that all become' => 'DROP OPERATOR evil.= (uuid, uuid); DROP OPERATOR evil.= (pg_catalog.text, pg_catalog.text); SET search_path = evil, pg_catalog;',
    'tables and types that last as long as it' => "$TEMP SET search_path = pg_temp, evil, pg_catalog;",
    'a snapshot of its own' => 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;',
);
for my $own (sort keys %session) {
    for my $of ($org, $expiring) {
        my $row = "OPERATOR(pg_catalog.=) '$of->{issuer}'";
        for my $change ("UPDATE scim.account SET role = 'USER' WHERE id $row", "UPDATE scim.account SET active = false WHERE id $row",
                        "UPDATE scim.account SET attributes = '{\"roles\": [{\"value\": \"GUEST\"}]}' WHERE id $row", "DELETE FROM scim.account WHERE id $row") {
            my (undef, $said) = as($APP, "BEGIN; $session{$own}\n$change;\nCOMMIT;");
            like $said, qr/ERROR:  SC001:/, "a session with $own does not get by: $change";
        }
        is_deeply [sql('SELECT role, active FROM scim.account WHERE id = $1', $of->{issuer})], [['ADMIN', 't']], 'the issuer is what it was';
    }
}

# A token that a transaction cannot see yet
my $late = organization();
sql('DELETE FROM scim.token WHERE organization_id = $1', $late->{id});
for my $level ('REPEATABLE READ', 'SERIALIZABLE') {
    for my $change ("UPDATE scim.account SET role = 'USER'", 'UPDATE scim.account SET active = false', 'DELETE FROM scim.account') {
        my $session = Scim::Process->start([$server->psql('-U', $APP, '-qAtX')], in => 'pipe', out => 'pipe', err => 'out');
        $session->say("BEGIN ISOLATION LEVEL $level; SELECT count(*) FROM scim.token WHERE organization_id = '$late->{id}';");
        is $session->line(20), '0', "a transaction that is $level sees no token";
        $late->new_token;
        $session->say("$change WHERE id = '$late->{issuer}'; COMMIT;");
        $session->close_input;
        like $session->line(20), qr/ERROR:/, "it does not get by one that was generated meanwhile: $change";
        $session->wait;
        is_deeply [sql('SELECT role, active FROM scim.account WHERE id = $1', $late->{issuer})], [['ADMIN', 't']], 'the issuer is what it was';
        sql('DELETE FROM scim.token WHERE organization_id = $1', $late->{id});
    }
    may($APP, "BEGIN ISOLATION LEVEL $level; INSERT INTO scim.account (organization_id, user_name) VALUES ('$late->{id}', 'r\@example.com');"
        . " UPDATE scim.account SET active = false WHERE user_name = 'r\@example.com'; DELETE FROM scim.account WHERE user_name = 'r\@example.com'; COMMIT;",
        "an account that is not an ADMIN can be changed in a transaction that is $level as well");
}

# The module's rows are not checked by the trigger, but have the same form.
for my $role ('scim', 'scim_owner') {
    my $event = sub { "INSERT INTO scim.event (organization_id, kind, actor_kind, actor_name) VALUES ('$org->{id}', 'urn:x', '$_[0]', 'x')" };
    for my $wrong ("UPDATE scim.account SET role = 'BOSS' WHERE id = '$org->{issuer}'", "UPDATE scim.account SET attributes = '[]' WHERE id = '$org->{issuer}'",
                   $event->('robot'), $event->('operator') . '; ' . $event->('robot'), $event->('Token')) {
        like +(as($role, "BEGIN; $wrong; ROLLBACK;"))[1], qr/ERROR:  23514:/, "refused to $role: " . $wrong =~ s/\Q$org->{id}\E|\Q$org->{issuer}\E/.../gr;
    }
}

# Keys, copies and checks are computed as usual
for my $own ('operators and functions of its own', 'tables and types that last as long as it') {
    my $name = random_name() . 'ÄÖ@EXAMPLE.com';
    may($APP, <<"SQL", "a session with $own writes an account");
$session{$own}
INSERT INTO scim.account (organization_id, user_name, display_name, attributes) VALUES ('$org->{id}', '$name', 'Ärger', '{"title": "Größe", "roles": [{"value": "USER"}]}');
UPDATE scim.account SET attributes = attributes OPERATOR(pg_catalog.||) '{"nickName": "Größte"}' WHERE user_name OPERATOR(pg_catalog.=) '$name';
SQL
    is_deeply [sql(q{SELECT user_name_key = scim.user_name_key(user_name), role, attributes #>> '{roles,0,value}', version FROM scim.account WHERE user_name = $1}, Encode::decode_utf8($name))],
        [['t', 'USER', 'USER', 2]], 'its key, role and version are right';
    for my $filter ('userName eq "' . lc($name) . '"', 'nickName eq "GRÖSSTE"', 'displayName eq "ÄRGER"') {
        is scalar(@{ $org->filter(Encode::decode_utf8($filter))->{json}{Resources} }), 1, 'and every index has it';
    }
    for my $wrong ("INSERT INTO scim.account (organization_id, user_name) VALUES ('$org->{id}', E'a\\u200bb')", "INSERT INTO scim.account (organization_id, user_name) VALUES ('$org->{id}', '$name')",
                   "INSERT INTO scim.account (organization_id, user_name, role) VALUES ('$org->{id}', 'x', 'BOSS')",
                   "UPDATE scim.account SET role = 'admin' WHERE user_name OPERATOR(pg_catalog.=) '$name'", "UPDATE scim.account SET role = NULL WHERE user_name OPERATOR(pg_catalog.=) '$name'",
                   (map { "UPDATE scim.account SET attributes = '$_' WHERE user_name OPERATOR(pg_catalog.=) '$name'" } '[]', '"x"', '[{"roles": [{"value": "USER"}]}]'),
                   (map { "UPDATE scim.account SET $_ = '' WHERE user_name OPERATOR(pg_catalog.=) '$name'" } qw(user_name display_name external_id preferred_language timezone)),
                   "UPDATE scim.account SET user_name = pg_catalog.repeat('x', 513) WHERE user_name OPERATOR(pg_catalog.=) '$name'") {
        (undef, my $said) = as($APP, "$session{$own}\n$wrong;");
        like $said, qr/ERROR:  23/, 'this is refused: ' . $wrong =~ s/ (?:VALUES|WHERE) .*//r;
    }
    sql('DELETE FROM scim.account WHERE user_name = $1', Encode::decode_utf8($name));
}

# Applications
my $user = $org->create;
my $former = $org->create(roles => [{ value => 'ADMIN' }]);
$org->new_token(issuer => $former->{id});
sql(q{UPDATE scim.token SET expires_at = now() WHERE issuer = $1}, $former->{id});
may($APP, $_) for "INSERT INTO scim.account (organization_id, user_name) VALUES ('$org->{id}', 'app\@example.com')", "UPDATE scim.account SET active = false, role = 'USER' WHERE id = '$user->{id}'",
    "DELETE FROM scim.account WHERE id = '$user->{id}'", "UPDATE scim.account SET role = 'USER' WHERE id = '$former->{id}'", "DELETE FROM scim.account WHERE id = '$former->{id}'";
my ($member, $leaver) = map { $org->create->{id} } 1, 2;
my $group = "organization_id = '$org->{id}' AND group_id = (SELECT id FROM scim.user_group WHERE display_name = 'App')";
may($APP, $_) for "INSERT INTO scim.user_group (organization_id, display_name) VALUES ('$org->{id}', 'app'), ('$org->{id}', 'other')",
    "UPDATE scim.user_group SET display_name = 'App' WHERE display_name = 'app'",
    'INSERT INTO scim.membership (organization_id, group_id, account_id) SELECT g.organization_id, g.id, a.id'
        . " FROM scim.user_group g JOIN scim.account a ON a.id IN ('$member', '$leaver') WHERE g.display_name = 'App'",
    'INSERT INTO scim.subgroup (organization_id, group_id, child_id) SELECT g.organization_id, g.id, c.id'
        . " FROM scim.user_group g JOIN scim.user_group c ON c.display_name = 'other' WHERE g.display_name = 'App'",
    "DELETE FROM scim.membership WHERE $group AND account_id = '$member'", "DELETE FROM scim.subgroup WHERE $group",
    "DELETE FROM scim.user_group WHERE display_name = 'other'";
may('postgres', "GRANT USAGE ON SCHEMA scim TO $STRANGER; GRANT SELECT, DELETE ON scim.account TO $STRANGER",
    'who may delete accounts and knows of no groups');
may($STRANGER, "DELETE FROM scim.account WHERE id = '$leaver'", 'deletes a member');
is_deeply [sql(q{SELECT version FROM scim.user_group WHERE display_name = 'App'})], [[7]], 'which the group counts, like all that was done to it';
may('postgres', "REVOKE ALL ON scim.account FROM $STRANGER; REVOKE ALL ON SCHEMA scim FROM $STRANGER", 'a stranger again');
is +(sql('SELECT count(*) FROM scim.token WHERE issuer = $1', $former->{id}))[0][0], 0, 'the ended token of a deleted account has gone with it';
for my $role ($APP, $READER) {
    may($role, "SELECT * FROM scim.$_") for qw(user_group membership subgroup);
    may_not($role, $_) for 'UPDATE scim.membership SET added_at = now()', 'UPDATE scim.subgroup SET added_at = now()', 'TRUNCATE scim.membership';
    may($role, $_) for 'SELECT * FROM scim.account', 'SELECT * FROM scim.event', 'SELECT * FROM scim.refusal', 'SELECT key, name, domains FROM scim.organization', 'SELECT name, prefix, issuer FROM scim.token', 'LISTEN scim_event';
    may_not($role, $_) for 'SELECT hash FROM scim.token', 'SELECT * FROM scim.token', 'COPY scim.token TO STDOUT', 'SELECT t FROM scim.token t', q{DELETE FROM scim.token WHERE name = 'test' RETURNING hash},
        'UPDATE scim.token SET expires_at = now()', "INSERT INTO scim.token (organization_id, issuer, name, prefix, hash) VALUES ('$org->{id}', '$issuer', 'x', 'x', sha256('x'))",
        'SELECT cursor_key FROM scim.organization', q{UPDATE scim.organization SET provisioning_enabled = true},
        "INSERT INTO scim.event (organization_id, kind, actor_kind, actor_name) VALUES ('$org->{id}', 'x', 'operator', 'x')", q{UPDATE scim.event SET actor_name = 'x'}, 'DELETE FROM scim.event', 'DELETE FROM scim.refusal',
        'TRUNCATE scim.account CASCADE', 'CREATE TABLE scim.mine ()', 'CREATE FUNCTION scim.mine() RETURNS text LANGUAGE sql RETURN 1', 'CREATE TEMP TABLE x (); CREATE TRIGGER x BEFORE UPDATE ON x EXECUTE FUNCTION scim.account_keep_token_issuer()',
        'CREATE OPERATOR scim.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = pg_catalog.uuid_eq)', 'ALTER TABLE scim.account DISABLE TRIGGER USER', 'ALTER TABLE scim.account DROP CONSTRAINT account_user_name_unique',
        'CREATE TRIGGER mine BEFORE UPDATE ON scim.account FOR EACH ROW EXECUTE FUNCTION scim.refuse_value()', 'CREATE RULE mine AS ON UPDATE TO scim.account DO INSTEAD NOTHING', 'DROP FUNCTION scim.fold(text) CASCADE',
        'ALTER FUNCTION scim.token_needs_admin() RESET ALL', 'SET session_replication_role = replica', 'SET ROLE scim_owner', 'SET ROLE scim', 'SELECT setval(\'scim.event_sequence_seq\', 1)', 'DELETE FROM scim.relay', 'DELETE FROM scim.schema_version';
    is +(as($role, q{ANALYZE scim.token; SELECT count(*) FROM pg_stats WHERE schemaname = 'scim' AND attname IN ('hash', 'cursor_key')}))[1] =~ /^0$/m ? 1 : 0, 1, 'not even its statistics';
}
may_not($READER, $_) for "INSERT INTO scim.account (organization_id, user_name) VALUES ('$org->{id}', 'x\@example.com')", 'UPDATE scim.account SET active = true', 'DELETE FROM scim.account', 'SELECT * FROM scim.account FOR UPDATE', 'DELETE FROM scim.membership', 'DELETE FROM scim.user_group';
may_not($STRANGER, $_) for map { "SELECT * FROM scim.$_" } qw(account user_group membership subgroup organization token event refusal relay schema_version);

# httpd
may_not('scim', $_) for 'DROP TABLE scim.refusal', 'DROP SCHEMA scim CASCADE', 'ALTER TABLE scim.account ADD COLUMN x text', 'ALTER TABLE scim.account DISABLE TRIGGER USER', 'ALTER TABLE scim.event OWNER TO scim', 'CREATE TABLE scim.mine ()',
    'CREATE SCHEMA mine', 'CREATE EXTENSION hstore', 'CREATE INDEX ON scim.event (kind)', 'CREATE FUNCTION scim.mine() RETURNS text LANGUAGE sql RETURN 1', 'CREATE OR REPLACE FUNCTION scim.fold(value text) RETURNS text LANGUAGE sql RETURN value',
    (map { "UPDATE scim.$_ SET added_at = now()" } qw(membership subgroup)), (map { "TRUNCATE scim.$_" } qw(event user_group account token organization refusal relay)), q{UPDATE scim.event SET actor_name = 'x'}, 'DELETE FROM scim.event', 'SELECT * FROM scim.event FOR UPDATE',
    (map { "INSERT INTO scim.event (organization_id, kind, actor_kind, actor_name, $_->[0]) OVERRIDING SYSTEM VALUE VALUES ('$org->{id}', 'x', 'operator', 'x', $_->[1])" } ['sequence', 1], ['transaction_id', "'1'"], ['occurred_at', 'now()']),
    "INSERT INTO scim.organization (key, name) VALUES ('x', 'x')", 'DELETE FROM scim.organization', (map { "UPDATE scim.organization SET $_ = $_" } qw(id key name domains cursor_key created_at)),
    (map { "UPDATE scim.token SET $_ = $_" } qw(organization_id id issuer name prefix hash created_at expires_at)), 'UPDATE scim.refusal SET detail = detail', 'DELETE FROM scim.relay', 'INSERT INTO scim.schema_version VALUES (99)',
    q{SELECT setval('scim.event_sequence_seq', 1)}, 'SET ROLE scim_owner', 'SET session_replication_role = replica', 'SELECT pg_reload_conf()', q{COPY scim.account TO PROGRAM 'true'};
is +(as('scim', 'SHOW search_path; SHOW enable_seqscan; SHOW default_transaction_isolation;'))[1], "pg_catalog, pg_temp\noff\nread committed\n", 'its sessions find the names of PostgreSQL and read no table as a whole';

# scimctl
sub scimctl_as { my ($role, @arguments) = @_; return Scim::Process::run(["$ENV{PWD}/scimctl/scimctl", '--db', "host=$server->{pghost} dbname=scim user=$role", @arguments]) }
my $new = 'new' . random_name();
my $done = scimctl_as('scim', 'org', 'add', $new);
is $done->{status}, 1, 'scimctl as httpd adds no organization';
like $done->{err}, qr/^scimctl: .*permission denied.*\nscimctl: run this as the role scim_owner \(PGUSER=scim_owner\)\.$/m, 'and says which role does';
is scimctl_as('scim_owner', 'org', 'add', $new)->{status}, 0, 'the operator does';
is scimctl_as('scim', 'org', 'enable', $new)->{status}, 0, 'httpd switches provisioning on';
is scimctl_as($READER, @$_)->{status}, 0, "a reader has: scimctl @$_" for ['org', 'show', $new], ['account', 'list', $org->{key}], ['token', 'list', $org->{key}], ['events', $org->{key}], ['activity', 'list', $org->{key}];
is scimctl_as($READER, 'org', 'disable', $new)->{status}, 1, 'and changes nothing';

# schema.sql grants each role what it needs, and revokes all else
my @file = ('-v', 'ON_ERROR_STOP=1', '-q', '-f');
sub apply { my ($role, $file) = @_; my $done = Scim::Process::run([$server->psql('-U', $role, @file, $file)]); return ($done->{status}, $done->{err}) }
may('postgres', 'GRANT TRUNCATE, UPDATE ON scim.event TO scim; GRANT SELECT ON scim.token TO scim_app; GRANT CREATE ON SCHEMA scim TO scim_reader; GRANT UPDATE ON SEQUENCE scim.event_sequence_seq TO scim', 'somebody gives too much');
is_deeply [apply('scim_owner', 'schema.sql')], [0, ''], 'schema.sql applied again says nothing';
may_not('scim', $_) for 'TRUNCATE scim.event', q{UPDATE scim.event SET actor_name = 'x'}, q{SELECT setval('scim.event_sequence_seq', 1)};
may_not($APP, 'SELECT hash FROM scim.token');
may_not($READER, 'CREATE TABLE scim.mine ()');
(my $status, $said) = apply($STRANGER, 'schema.sql');
is $status, 3, 'a stranger cannot apply schema.sql';
like $said, qr/Nothing was changed: do this as scim_owner \(PGUSER=scim_owner\); $STRANGER is not a member of that role/, 'and is told who can';
may('postgres', "GRANT scim_owner TO $STRANGER", 'once he may become scim_owner');
is_deeply [apply($STRANGER, 'schema.sql')], [0, ''], 'he can';

# A database of an earlier version, in which httpd's role owns everything
my @postgres = ('-U', 'postgres', '-d', 'postgres');
sub cluster { my (@statements) = @_; $server->run(0, $server->psql(@postgres, '-qX', '-v', 'ON_ERROR_STOP=1', map { ('-c', $_) } @statements)) }
may('postgres', "DROP OWNED BY $APP CASCADE; DROP OWNED BY scim_app, scim_reader, scim", 'the roles go');
cluster('DROP DATABASE scim WITH (FORCE)', map({ "DROP ROLE $_" } $APP, $READER, $STRANGER, qw(scim_owner scim_app scim_reader scim)), 'CREATE ROLE scim LOGIN', q{CREATE DATABASE scim OWNER scim ENCODING 'UTF8' TEMPLATE template0});
$server->{pguser} = 'scim';
($status, $said) = apply('scim', 'schema.sql');
is $status, 3, 'without its roles schema.sql makes nothing';
like $said, qr/Nothing was changed: there is no role scim_owner: run "scimctl db create" as a superuser, or roles\.sql, which makes it and the others/, 'and says in a sentence what is missing';
is_deeply [(apply('scim', 't/schema/5.sql'))[0]], [0], 'a database as it was before there were roles';
my $old = organization();
my $id = (sql(q{INSERT INTO scim.account (organization_id, user_name) VALUES ($1, $2) RETURNING id}, $old->{id},
              user_name()))[0][0];

# The httpd of that version: its statements on the tables.
sub old_works {
    my ($when) = @_;
    my ($name, $row) = (user_name(), "organization_id = '$old->{id}'");
    my $event = 'INSERT INTO scim.event (organization_id, account_id, kind, actor_kind, actor_id, actor_name, version)'
        . " SELECT organization_id, id, 'x', 'token', '$old->{token_id}', 'x', version FROM a";
    my @does = (
        'SELECT * FROM scim.organization o JOIN scim.token t ON t.organization_id = o.id'
            . " JOIN scim.account a ON a.organization_id = o.id AND a.id = t.issuer WHERE o.key = '$old->{key}'",
        "UPDATE scim.token SET last_used_at = now() WHERE $row AND id = '$old->{token_id}'",
        "WITH a AS (INSERT INTO scim.account (organization_id, user_name) VALUES ('$old->{id}', '$name') RETURNING *) $event",
        "WITH a AS (UPDATE scim.account SET display_name = '$when' WHERE $row AND id = '$id' RETURNING *) $event",
        "WITH a AS (DELETE FROM scim.account WHERE $row AND user_name = '$name' RETURNING *) $event",
        'INSERT INTO scim.refusal (organization_id, actor_name, method, path, status, detail)'
            . " VALUES ('$old->{id}', 'x', 'POST', '/Users', 400, 'x')");
    may('scim', $_, "$when, the httpd of before does: " . s/^(?:WITH a AS \()?(\w+).*? (scim\.\w+).*/$1 $2/sr) for @does;
    return;
}

sub works {
    my ($when) = @_;
    is $old->get("/Users/$id")->{status}, 200, "$when, httpd reads";
    is $old->patch_ops($id, { op => 'replace', path => 'title', value => $when })->{status}, 200, "$when, it writes";
    is $old->filter("title eq \"$when\"")->{json}{totalResults}, 1, "$when, it finds";
    is $old->post('/Users', {})->{status}, 400, "$when, it refuses";
    is $old->delete('/Users/' . $old->create->{id})->{status}, 204, "$when, it deletes";
}
old_works('Before');
may('scim', 'CREATE TABLE scim.added (x serial); CREATE VIEW scim.seen AS SELECT 1', 'somebody has added something');
(undef, $said) = apply('scim', 'schema.sql');
like $said, qr/no role scim_owner/, 'schema.sql still wants the roles first';
is_deeply [apply('postgres', 'roles.sql')], [0, ''], 'roles.sql makes them';
old_works('Between');
may_not('scim', 'DROP TABLE scim.refusal', 'httpd no longer owns its tables');
(undef, $said) = apply('scim', 'schema.sql');
like $said, qr/do this as scim_owner/, 'nor may it apply schema.sql';
is +(apply('scim_owner', 'schema.sql'))[0], 0, 'scim_owner does';
old_works('After');
works('After');
may_not('scim', $_) for 'DELETE FROM scim.event', 'CREATE SCHEMA mine', 'UPDATE scim.organization SET key = key';
$server->{pguser} = 'scim_owner';
is_deeply [sql(q{SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = 'scim'::regnamespace
                 UNION SELECT pg_get_userbyid(proowner) FROM pg_proc WHERE pronamespace = 'scim'::regnamespace AND prolang <> (SELECT oid FROM pg_language WHERE lanname = 'c')
                 UNION SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'scim'})], [['scim_owner']], 'all is scim_owner\'s, the database as well';
is_deeply [apply('postgres', 'roles.sql'), apply('scim_owner', 'schema.sql')], [0, '', 0, ''], 'both applied again change nothing';
works('Again');
done_testing;
