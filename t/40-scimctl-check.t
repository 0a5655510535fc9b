# SPDX-License-Identifier: Apache-2.0
# scimctl check: each check is seen to find what it is for, in a real database that was
# broken in that way, and to be content before and afterwards.
use strict;
use warnings;
use lib 't/lib';
use File::Temp ();
use IO::Socket::INET;
use JSON::PP ();
use Scim::Process;
use Scim::Test;
use Time::HiRes qw(sleep time);

my ($READER, $STRANGER) = map { $_ . random_name() } qw(reader_ stranger_);
# The settings of a production server, and connections that can run out.
my $server = own_server(fsync => 1, roles => [$READER, $STRANGER], database_conf => "max_connections = 30\n");
my $org = organization();
my $user = $org->create;

# As a superuser, each line a transaction of its own.
sub admin {
    my ($statements, $database) = @_;
    my @command = (Scim::Server::pg('psql'), '-h', $server->{pghost}, '-U', 'postgres', '-d', $database // 'scim', qw(-qAtX -v ON_ERROR_STOP=1 -f -));
    my $done = Scim::Process::run(\@command, input => $statements);
    die "$statements: $done->{err}" if $done->{status};
    return $done->{out};
}

sub run_check {
    my ($role, $database, @more) = @_;
    my $to = $database =~ /=/ ? $database : "host=$server->{pghost} dbname=$database";
    return Scim::Process::run([Scim::Server::scimctl_program(), '--db', "$to user=$role", @more]);
}

# name => what the check says
sub results {
    my (%how) = @_;
    my $done = run_check($how{role} // 'scim_owner', $how{database} // 'scim', '--json', 'check', @{ $how{more} || [] });
    my $said = JSON::PP->new->utf8->decode($done->{out});
    return { map { $_->{name} => { %$_, exit => $done->{status} } } @{ $said->{checks} } };
}

sub says {
    my ($said, $name, $status, $text, $why) = @_;
    my $check = $said->{$name} || {};
    is $check->{status}, $status, "$name: $why" or diag explain $check;
    return like $check->{text} // '', $text, 'and says so';
}

# break and mend are SQL; between them, the check says status and text, and nothing
# else is wrong but what "also" names.
sub finds {
    my ($name, $status, $text, $why, $break, $mend, %how) = @_;
    admin($break);
    my $said = results(%how);
    admin($mend);
    says($said, $name, $status, $text, $why);
    like $said->{$name}{action} // '', $how{action} // qr/\w/, 'and what to do';
    is $said->{$name}{exit}, $status eq 'problem' ? 1 : 0, 'with its exit status';
    return is_deeply [grep { $said->{$_}{status} ne 'ok' && $_ ne $name } sort keys %$said], $how{also} // [], 'and nothing else';
}
# A session of its own that holds what the SQL takes; to be given to let_go, because a
# server process does not notice that its client has ended.
sub hold {
    my ($statements) = @_;
    my $held = Scim::Process->start([$server->psql('-U', 'postgres', '-qAtX', '-f', '-')], in => 'pipe', out => 'pipe');
    $held->say("SELECT pg_backend_pid();\n$statements;\n\\echo held");
    my $pid = $held->line;
    while (($held->line // 'held') ne 'held') { next }
    return { process => $held, pid => $pid };
}
sub let_go { my (@held) = @_; return map { $_->{process}->stop } @held }
my $RELOAD = "SELECT pg_reload_conf();\nSELECT pg_sleep(0.3);\n";

# An installation with nothing wrong
admin("CREATE ROLE $READER LOGIN IN ROLE scim_reader; CREATE ROLE $STRANGER LOGIN");
for my $role (qw(scim_owner scim postgres)) {
    my $said = results(role => $role);
    is_deeply [grep { $said->{$_}{status} ne 'ok' } sort keys %$said], [], "$role sees that nothing is wrong" or diag explain $said;
    cmp_ok scalar keys %$said, '>', 30, 'of more than thirty things';
}
my $said = results(role => $READER);
is_deeply [grep { $said->{$_}{status} ne 'ok' } sort keys %$said], ['sequence'], 'scim_reader sees all but one';
says($said, 'sequence', 'unknown', qr/^Not checked: SQLSTATE 42501: permission denied for sequence/,
     'which it may not read');
like $said->{sequence}{action}, qr/as the role scim_owner: PGUSER=scim_owner scimctl check/, 'and who may is told';
is $said->{sequence}{exit}, 0, 'which is no problem';
$said = results(role => $STRANGER);
is_deeply [sort grep { $said->{$_}{status} eq 'unknown' } keys %$said], [qw(events feed horizon paused relays relays-late relays-refused schema sequence tokens-end tokens-ended without-token)],
    'a role that may read no table sees the rest';
is_deeply [grep { $said->{$_}{status} !~ /^(?:ok|unknown)$/ } keys %$said], [], 'and takes nothing for wrong';
$said = results(role => $READER);
is_deeply [sort keys %{ $said->{schema} }], [qw(action exit name status text)], 'a check has a name, a status, a text and an action';
is $said->{schema}{action}, undef, 'which is null where there is nothing to do';
my $done = run_check('scim_owner', 'scim', 'check');
is $done->{status}, 0, 'a check that finds nothing succeeds';
my @lines = split /\n/, $done->{out};
is_deeply [grep { !/^ok       [a-z-]+ +\S/ } @lines[0 .. $#lines - 1]], [], 'and prints one line for each';
like $lines[-1], qr/^ok: \d+, warnings: 0, problems: 0, not checked: 0$/, 'and their numbers';
like $done->{out}, qr/^ok       transport +Connected to scim as scim_owner by a local socket\.$/m, 'it says where it is';
like $done->{out}, qr/^ok       events +The audit log has about [1-9]\d* events in \d+ kB\.$/m, 'and how large the audit log is';
unlike $done->{out}, qr/httpd-max/, 'connections of httpd are not checked where their number is not known';

# The connection
sub no_connection {
    my ($to, $text, $why) = @_;
    my $start = time;
    my $done = run_check('scim_owner', $to, '--json', 'check');
    my $said = JSON::PP->new->utf8->decode($done->{out});
    is_deeply [map { @$_{qw(name status)} } @{ $said->{checks} }], ['connection', 'problem'], "$why: a problem";
    like $said->{checks}[0]{text}, $text, 'and says which';
    is $done->{status}, 1, 'with exit status 1';
    return cmp_ok time - $start, '<', 15, 'in short time';
}
no_connection('host=/nonexistent dbname=scim', qr/nonexistent.* failed: No such file or directory Is the server .* socket\?$/, 'no server');
no_connection('nothing', qr/database "nothing" does not exist\.$/, 'no database');
no_connection('hots=x', qr/invalid connection option "hots"/, 'a wrong connection string');
my $silent = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5) or die "$!";
{
    delete local $ENV{PGCONNECT_TIMEOUT};
    no_connection('dbname=scim host=127.0.0.1 port=' . $silent->sockport, qr/timeout expired/, 'a server that does not answer');
}
$done = run_check('scim_owner', 'scim', 'check', '--httpd-max', 'many');
is $done->{status}, 1, 'a wrong number is refused';
like $done->{err}, qr/'many' is not a number of 1 or more/, 'and named';

# A table that is locked: everything else is checked.
my $lock = hold('BEGIN; LOCK TABLE scim.refusal');
my $start = time;
$said = results();
cmp_ok time - $start, '<', 20, 'a lock is not waited for';
is_deeply [grep { $said->{$_}{status} ne 'ok' } sort keys %$said], ['sequence'], 'what needs the locked table is not checked, and all else is';
says($said, 'sequence', 'unknown', qr/^Not checked: there was no answer in time\.$/, 'it waits');
is admin("SELECT count(*) FROM pg_stat_activity WHERE usename = 'scim_owner' AND wait_event_type = 'Lock'") + 0, 0, 'and nothing waits on';
let_go($lock);

# The server
admin("CREATE DATABASE ascii OWNER scim_owner ENCODING 'SQL_ASCII' LOCALE 'C' LOCALE_PROVIDER libc TEMPLATE template0", 'postgres');
admin("DELETE FROM pg_collation WHERE collname = 'und-x-icu'", 'ascii');
$said = results(database => 'ascii');
says($said, 'encoding', 'problem', qr/is SQL_ASCII, not UTF8/, 'another encoding');
says($said, 'icu', 'problem', qr/no collation und-x-icu/, 'no ICU');
says($said, 'schema', 'problem', qr/schema|relation/, 'a database without tables');
like $said->{schema}{action}, qr/right database by --db or PGDATABASE; .*scimctl db create$/, 'which may be the wrong one';
says($said, 'extension', 'problem', qr/are missing: btree_gin, pg_trgm\./, 'no extension');
says($said, 'indexes', 'problem', qr/account_by_attribute, .* and 20 more/, 'no indexes');
says($said, 'relays', 'unknown', qr/^Not checked: SQLSTATE 42P01: relation "scim\.relay" does not exist/, 'no table');
admin(q{CREATE FUNCTION public.format(text, bigint) RETURNS text LANGUAGE sql RETURN 'mine'}, 'ascii');
says(results(database => 'ascii', role => 'postgres'), 'indexes', 'problem', qr/ and 20 more/,
     'no function of somebody else runs in the session of a superuser');
finds('collations', 'warning', qr/und-x-icu/, 'ICU has another version',
      "UPDATE pg_collation SET collversion = '1' WHERE collname = 'und-x-icu'", 
      'ALTER COLLATION "und-x-icu" REFRESH VERSION', action => qr/REINDEX DATABASE/);
finds('durability', 'problem', qr/synchronous_commit is off/, 'commits do not wait for the disk',
      "ALTER SYSTEM SET synchronous_commit = off;\n$RELOAD", 
      "ALTER SYSTEM RESET synchronous_commit;\n$RELOAD", action => qr/ALTER SYSTEM RESET/);
finds('durability', 'problem', qr/synchronous_commit is off/, 'those of httpd do not',
      'ALTER ROLE scim SET synchronous_commit = off', 'ALTER ROLE scim RESET synchronous_commit');
admin("ALTER ROLE scim SET synchronous_commit = on; ALTER DATABASE scim SET synchronous_commit = off");
is results()->{durability}{status}, 'ok', 'a setting of the role goes before that of the database';
admin('ALTER ROLE scim RESET synchronous_commit; ALTER DATABASE scim RESET synchronous_commit');
admin("ALTER SYSTEM SET synchronous_standby_names = 'other';\n$RELOAD");
$said = results();
admin("SET synchronous_commit = off; ALTER SYSTEM RESET synchronous_standby_names;\n$RELOAD");
says($said, 'standbys', 'problem', qr/synchronous_standby_names is 'other'/,
     'commits wait for a standby that is not there');
is results()->{standbys}, undef, 'which is no question without such standbys';
finds('settings', 'problem', qr/statement_timeout = $_/, "statement_timeout $_",
      "ALTER ROLE scim SET statement_timeout = '$_'", 'ALTER ROLE scim RESET statement_timeout') for '500ms', 999;
for my $long ('1min', '10s', 1000, 0) {
    admin("ALTER ROLE scim SET statement_timeout = '$long'");
    is results()->{settings}{status}, 'ok', "statement_timeout $long is long enough";
}
admin('ALTER ROLE scim RESET statement_timeout');
finds('settings', 'problem', qr/default_transaction_read_only = on/, 'transactions only read',
      'ALTER ROLE scim SET default_transaction_read_only = on', 
      'ALTER ROLE scim RESET default_transaction_read_only');

# A clock that is three minutes ahead, and a host without one
my $preload = File::Temp::tempdir('scim-clock-XXXXXX', TMPDIR => 1, CLEANUP => 1);
Scim::Server::write_file("$preload/clock.c", "#include <sys/time.h>\n#include <time.h>\nint gettimeofday(struct timeval *t, void *z)\n"
    . "{ struct timespec s; clock_gettime(CLOCK_REALTIME, &s); t->tv_sec = s.tv_sec + 180; t->tv_usec = s.tv_nsec / 1000; return 0; }\n");
die 'cc' if Scim::Process::run(['cc', '-shared', '-fPIC', '-o', "$preload/clock.so", "$preload/clock.c"])->{status};
{
    local $ENV{LD_PRELOAD} = "$preload/clock.so";
    says(results(), 'clock', 'warning', qr/differ by 1(?:79|80)\.\d seconds/, 'this host is three minutes ahead');
}
admin("ALTER ROLE scim_owner SET TimeZone = 'Asia/Tokyo'");
says(results(), 'clock', 'ok', qr/time zone of the server is Asia\/Tokyo/, 'another time zone does no harm');
admin('ALTER ROLE scim_owner RESET TimeZone');

# Connections: 30, of which 3 are for superusers
says(results(more => ['--httpd-max', 12]), 'httpd-max', 'ok', qr/: twice 12, and there are 27/,
     'enough connections, twice');
$said = results(more => ['--httpd-max', 14]);
says($said, 'httpd-max', 'problem', qr/it needs twice 14, and there are 27/, 'too few connections');
like $said->{'httpd-max'}{action}, qr/DBDMax/, 'and what to do';
finds('httpd-max', 'problem', qr/there are 20/, 'a limit of the role', 'ALTER ROLE scim CONNECTION LIMIT 20',
      'ALTER ROLE scim CONNECTION LIMIT -1', more => ['--httpd-max', 11]);
my @others = map { hold('SELECT') } 1 .. 22;
$said = results(more => ['--httpd-max', 4]);
let_go(@others);
says($said, 'connections', 'warning', qr/running out; in use are 2\d of 27, \d of them by the role scim/,
     'connections that are nearly all in use');
says($said, 'httpd-max', 'problem', qr/it needs twice 4, and there are 5/, 'those of others are not there for httpd');

# Roles and privileges; who does not own a table may not read it
finds('roles', 'problem', qr/missing: scim_app\./, 'a role is missing', 'ALTER ROLE scim_app RENAME TO away',
      'ALTER ROLE away RENAME TO scim_app', action => qr/scimctl db create/);
finds('owner', 'problem', qr/: relay\./, 'a table of another owner', 'ALTER TABLE scim.relay OWNER TO postgres',
      'ALTER TABLE scim.relay OWNER TO scim_owner', action => qr/scimctl db create/, 
      also => [qw(relays relays-late relays-refused)]);
finds('owner', 'problem', qr/: feed\./, 'a function of another owner', 'ALTER FUNCTION scim.feed OWNER TO postgres',
      'ALTER FUNCTION scim.feed OWNER TO scim_owner');
finds('privileges', 'problem', qr/lacks privileges: DELETE on token, SELECT on event\./, 'the role of httpd lacks privileges',
      'REVOKE SELECT ON scim.event FROM scim; REVOKE DELETE ON scim.token FROM scim',
      'GRANT SELECT ON scim.event TO scim; GRANT DELETE ON scim.token TO scim', action => qr/scimctl db upgrade/);
finds('privileges', 'problem', qr/USAGE on SCHEMA scim/, 'it may not enter the schema',
      'REVOKE USAGE ON SCHEMA scim FROM scim', 'GRANT USAGE ON SCHEMA scim TO scim');
finds('rights', 'warning', qr/$_->[0]/, $_->[0], $_->[1], $_->[2])
    for ['scim_app may change events', 'GRANT DELETE ON scim.event TO scim_app', 'REVOKE DELETE ON scim.event FROM scim_app'],
        ['scim may change events', 'GRANT UPDATE (data) ON scim.event TO scim', 'REVOKE UPDATE (data) ON scim.event FROM scim'],
        ['scim is a member of scim_owner', 'GRANT scim_owner TO scim', 'REVOKE scim_owner FROM scim'],
        ['scim is a superuser', 'ALTER ROLE scim SUPERUSER', 'ALTER ROLE scim NOSUPERUSER'],
        ['scim_reader may create roles', 'ALTER ROLE scim_reader CREATEROLE', 'ALTER ROLE scim_reader NOCREATEROLE'],
        ['scim may create objects in the schema scim', 'GRANT CREATE ON SCHEMA scim TO scim', 'REVOKE CREATE ON SCHEMA scim FROM scim'];
finds('role-settings', 'warning', qr/missing: enable_seqscan=off\./, 'a setting is missing',
      'ALTER ROLE scim RESET enable_seqscan', 'ALTER ROLE scim SET enable_seqscan = off', action => qr/scimctl db create/);

# Everything that schema.sql grants to scim or creates is missed when it is gone.
my %statement = map { /^PREPARE "(\w+)"/ ? ($1 => $_) : () }
    split /\n/, Scim::Process::run(['awk', '-v', 'to=psql', '-f', 'storage/statements.awk', 'storage/statements.sql', 'storage/checks.sql'])->{out};
sub missed {
    my ($check, $what, $list) = @_;
    my @rows = map { [split /\t/] } split /\n/, admin($list);
    cmp_ok scalar @rows, '>', 10, "there are $what";
    my $answers = admin("$statement{$check}\n" . join '', map { "BEGIN;\n$_->[0];\nEXECUTE \"$check\";\nROLLBACK;\n" } @rows);
    my @answers = split /\n/, $answers;
    return is_deeply [grep { $answers[$_] !~ /^t\|.*\b\Q$rows[$_][1]\E\b/ } 0 .. $#rows], [], "each of the $what is missed" || diag explain [\@rows, \@answers];
}
missed('CHECK_INDEXES', 'indexes',
       q{SELECT format(E'DROP INDEX scim.%I\t%s', c.relname, c.relname) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE c.relnamespace = 'scim'::regnamespace AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)});
missed('CHECK_TRIGGERS', 'triggers',
       q{SELECT format(E'DROP TRIGGER %I ON %s\t%s', tgname, tgrelid::regclass, tgname) FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
    WHERE c.relnamespace = 'scim'::regnamespace AND NOT tgisinternal AND tgparentid = 0 AND c.relkind = 'r'});
missed('CHECK_PRIVILEGES', 'privileges',
       q{SELECT DISTINCT format(E'REVOKE %s ON scim.%I FROM scim\t%s on %s', privilege_type, table_name, privilege_type, table_name)
    FROM information_schema.role_column_grants WHERE grantee = 'scim' AND table_schema = 'scim' AND table_name <> 'member'
    UNION SELECT format(E'REVOKE %s ON scim.%I FROM scim\t%s on %s', privilege_type, table_name, privilege_type, table_name)
    FROM information_schema.role_table_grants WHERE grantee = 'scim' AND table_schema = 'scim'});

# Tables
like admin("$statement{CHECK_EXTENSION}\nBEGIN;\nDROP EXTENSION btree_gin CASCADE;\nEXECUTE \"CHECK_EXTENSION\";\nROLLBACK;\n"), qr/^t\|btree_gin$/m, 'extension: it is missing';
finds('triggers', 'problem', qr/: event_before_insert\./, 'a trigger is disabled',
      'ALTER TABLE scim.event DISABLE TRIGGER event_before_insert',
      'ALTER TABLE scim.event ENABLE TRIGGER event_before_insert', 
      action => qr/scimctl db upgrade/);
finds('triggers', 'problem', qr/subgroup_insert, .*subgroup_organization_id_child_id_fkey/,
      'foreign keys are disabled', 'ALTER TABLE scim.subgroup DISABLE TRIGGER ALL',
      'ALTER TABLE scim.subgroup ENABLE TRIGGER ALL');
finds('indexes', 'problem', qr/: event_feed\./, 'an index is invalid',
      "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'scim.event_feed'::regclass", 
      "UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'scim.event_feed'::regclass", action => qr/scimctl db upgrade/);
finds('indexes', 'problem', qr/: token_pkey\./, 'the index of a key is invalid',
      "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'scim.token_pkey'::regclass", 
      "UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'scim.token_pkey'::regclass", action => qr/REINDEX INDEX/);
admin("INSERT INTO scim.refusal (organization_id, actor_name, method, path, status, detail) SELECT '$org->{id}', 'x', 'GET', '/', 400, repeat('x', 100) FROM generate_series(1, 1500)");
finds('statistics', 'warning', qr/: refusal\./, 'a table was never analyzed',
      "UPDATE pg_class SET reltuples = -1 WHERE oid = 'scim.refusal'::regclass", 'ANALYZE scim.refusal',
      action => qr/ANALYZE/);
finds('autovacuum', 'warning', qr/: autovacuum is off/, 'autovacuum is off',
      "ALTER SYSTEM SET autovacuum = off;\n$RELOAD", "ALTER SYSTEM RESET autovacuum;\n$RELOAD");
finds('autovacuum', 'warning', qr/: autovacuum_enabled of event is off/, 'that of a table is off',
      'ALTER TABLE scim.event SET (autovacuum_enabled = false)', 'ALTER TABLE scim.event RESET (autovacuum_enabled)');
finds('schema', 'problem', qr/schema version 3,/, 'the tables are old',
      'UPDATE scim.schema_version SET version = version - 3 + 1000; UPDATE scim.schema_version SET version = version - 1000',
      
      'UPDATE scim.schema_version SET version = version + 3 + 1000; UPDATE scim.schema_version SET version = version - 1000', action => qr/scimctl db upgrade/);

# The tables of the version before, which this release works with
admin("CREATE DATABASE before OWNER scim_owner ENCODING 'UTF8' TEMPLATE template0", 'postgres');
my $old = Scim::Process::run([Scim::Server::pg('psql'), '-h', $server->{pghost}, qw(-U scim_owner -d before -q -v ON_ERROR_STOP=1 -f t/schema/5-roles.sql)]);
is $old->{status}, 0, 'there are tables of the version before' or diag $old->{err};
$said = results(database => 'before');
says($said, 'schema', 'warning', qr/has schema version 5, and this needs 6; /, 'the tables are of the version before');
is_deeply [sort grep { $said->{$_}{status} eq 'unknown' } keys %$said], [qw(extension indexes privileges relays-late relays-refused triggers)],
    'what only the new ones can have is not missed';
is_deeply [grep { $said->{$_}{status} eq 'problem' } keys %$said], [], 'and nothing is a problem';

# Organizations and tokens
my $lonely = 'lonely-' . random_name();
finds('without-token', 'warning', qr/: \Q$lonely\E\./, 'an organization without a token',
      "INSERT INTO scim.organization (key, name, provisioning_enabled) VALUES ('$lonely', 'L', true)", 
      "UPDATE scim.organization SET provisioning_enabled = false WHERE key = '$lonely'", action => qr/token generate/);
finds('paused', 'warning', qr/: \Q$org->{key}\E\./, 'an organization is paused',
      "UPDATE scim.organization SET provisioning_paused = true WHERE key = '$org->{key}'",
      "UPDATE scim.organization SET provisioning_paused = false WHERE key = '$org->{key}'", action => qr/org resume/);
my $OURS = "WHERE organization_id = '$org->{id}'";
finds('without-token', 'warning', qr/: \Q$org->{key}\E\./, 'its token has ended',
      "UPDATE scim.token SET expires_at = now() - interval '1 year' $OURS",
      "UPDATE scim.token SET expires_at = NULL $OURS");
finds('tokens-end', 'warning', qr/" of \Q$org->{key}\E \(\d{4}-\d\d-\d\d\)/, 'a token ends soon',
      "UPDATE scim.token SET expires_at = now() + interval '29 days' $OURS", 
      "UPDATE scim.token SET expires_at = now() + interval '31 days' $OURS", action => qr/token generate/);
finds('tokens-ended', 'problem', qr/" of \Q$org->{key}\E \(\d{4}-\d\d-\d\d\)/,
      'a token has ended that was used to the last day', 
      "UPDATE scim.token SET expires_at = now() - interval '1 day', last_used_at = now() - interval '25 hours' $OURS", "UPDATE scim.token SET last_used_at = now() - interval '3 days' $OURS", also => ['without-token']);
admin("UPDATE scim.token SET expires_at = NULL $OURS");

# Events and relays
my $next = admin('SELECT last_value FROM scim.event_sequence_seq');
finds('sequence', 'problem', qr/behind \d+, as after logical replication/, 'the sequence is behind',
      "SELECT setval('scim.event_sequence_seq', 1)", "SELECT setval('scim.event_sequence_seq', $next)", 
      action => qr/setval\('scim\.event_sequence_seq'/);
finds('feed', 'problem', qr/restored from another cluster/, 'events are of another cluster',
      "UPDATE scim.event SET transaction_id = '999999999' $OURS", "UPDATE scim.event SET transaction_id = '1' $OURS", 
      action => qr/scimctl db upgrade/);
my $open = hold('BEGIN; SELECT pg_current_xact_id()');
$org->create;
is results()->{horizon}{status}, 'ok', 'horizon: an event that waits for a moment is no warning';
admin("UPDATE scim.event SET occurred_at = now() - interval '5 minutes' WHERE transaction_id >= pg_snapshot_xmin(pg_current_snapshot())");
says(results(role => $_), 'horizon', 'warning', qr/held back for 30\d seconds by process $open->{pid}\./,
     "$_ sees which transaction holds back events for minutes") for 'scim_owner', $READER;
let_go($open);
is results()->{horizon}{status}, 'ok', 'horizon: when it has ended, nothing is held back';

finds('relays', 'warning', qr/: https:\/\/app\.example\.com\/hook\./, 'a relay does not run',
      "INSERT INTO scim.relay (name, sequence) SELECT 'https://app.example.com/hook', max(sequence) FROM scim.event", 
      'DELETE FROM scim.relay', action => qr/scimctl relay/);
finds('relays-refused', 'problem', qr/: hook \(event 12, 7 attempts\)\./, 'a receiver refuses an event',
      "INSERT INTO scim.relay (name, sequence, refused, attempts) VALUES ('hook', 11, 12, 7)", 
      'DELETE FROM scim.relay', action => qr/relay skip/, also => ['relays']);
finds('relays-late', 'warning', qr/: hook \(\d+ seconds\)\./, 'a relay is late',
      "UPDATE scim.event SET occurred_at = now() - interval '6 minutes' $OURS; INSERT INTO scim.relay (name, sequence) VALUES ('hook', 0)",
      
      "UPDATE scim.event SET occurred_at = now() $OURS; DELETE FROM scim.relay", action => qr/relay list/, also => ['relays']);

# What others may have put into a name does not reach the terminal.
admin("INSERT INTO scim.relay (name, sequence, refused, attempts) VALUES (E'\\x1b[31mred', 11, 12, 1)");
$done = run_check('scim_owner', 'scim', 'check');
unlike $done->{out}, qr/\x1b/, 'no name controls the terminal';
is $done->{status}, 1, 'a problem is an exit status';
like $done->{err}, qr/^scimctl: The check has found 1 problem\(s\)\.$/m, 'and said';
like $done->{out}, qr/^problem  relays-refused +Receivers refuse .* scimctl relay list shows the reason;.*\n(?:.*\n)*ok: \d+, warnings: 1, problems: 1, not checked: 0\n\z/m, 'what to do is on the line';
admin('DELETE FROM scim.relay');
$said = results();
is_deeply [grep { $said->{$_}{status} ne 'ok' } sort keys %$said], [], 'in the end nothing is wrong' or diag explain $said;

# docs/scimctl.md has every check.
open my $doc, '<:utf8', 'docs/scimctl.md' or die "$!";
my $chapter = do { local $/; <$doc> =~ /^## Checking an installation\n(.*?)^## /ms ? $1 : '' };
open my $code, '<', 'scimctl/scimctl_check.c' or die "$!";
my @names = do { local $/; <$code> =~ /^    \{ "([a-z-]+)", SCIM_SQL_CHECK/mg };
is_deeply [$chapter =~ /^\| ([a-z-]+) \| (?:problem|warning|ok) \|/mg], ['connection', 'schema', @names], 'the chapter has every check, in their order';
done_testing;
