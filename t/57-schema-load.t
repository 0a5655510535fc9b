# SPDX-License-Identifier: Apache-2.0
# schema.sql applied while requests go on: it blocks no request if there is nothing to
# do, and none for long otherwise; if that is impossible, it reports that.
#
# SCIM_TEST_ROUNDS is how often each version is upgraded under load; 10 takes five
# minutes.  By default it is once.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use Scim::Journal;
use Scim::Process;
use Scim::Test;
use Time::HiRes qw(sleep time);

$Scim::Process::LIMIT = 60;     # do not wait for a process that a lock blocks
my $ROUNDS = $ENV{SCIM_TEST_ROUNDS} || 1;
my $server = own_server();      # its tables are changed
my $ROOT = Scim::Server::root();
my @TABLES = map { "scim.$_" } qw(user_group account membership subgroup event token organization refusal relay schema_version);

sub psql { my ($role, @arguments) = @_; return ($server->psql('-U', $role, '-qAtX', '-v', 'ON_ERROR_STOP=1', @arguments)) }
sub apply { my $done = Scim::Process::run([psql('scim_owner', '-f', 'schema.sql')]); return ($done->{status}, $done->{err}) }
sub run { my ($role, @arguments) = @_; return $server->run(0, psql($role, @arguments)) }

my $INDEXES = q{SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE c.relnamespace = 'scim'::regnamespace AND i.indisvalid ORDER BY 1};
my $whole = [sql($INDEXES)];

# A session that has run these statements and is still in its transaction.
sub session {
    my ($statements) = @_;
    my $session = Scim::Process->start([psql('postgres')], in => 'pipe', out => 'pipe');
    $session->say("BEGIN; $statements; SELECT 'begun';");
    is $session->line, 'begun', "somebody has begun: $statements";
    return $session;
}

# A database of a version, with an organization and accounts whose keys change.
sub database {
    my ($version) = @_;
    my $owner = $version =~ /^[1-5]\z/ ? 'scim' : 'scim_owner';
    $server->run(0, $server->psql('-U', 'postgres', '-d', 'postgres', '-qX', map { ('-c', $_) } 'DROP DATABASE IF EXISTS scim WITH (FORCE)', "CREATE DATABASE scim OWNER $owner ENCODING 'UTF8' TEMPLATE template0"));
    run($owner, '-f', "$ROOT/" . ($version eq 'current' ? 'schema.sql' : "t/schema/$version.sql"));
    local $server->{pguser} = $owner;
    my $org = organization();
    sql(q{INSERT INTO scim.account (organization_id, user_name) SELECT $1, 'Groß' || i || '@example.com' FROM generate_series(1, 5000) i}, $org->{id});
    return $org;
}

sub under_traffic {
    my ($org, $code, %option) = @_;
    my $journal = Scim::Journal->start($org, writers => 8);
    $journal->wait_for(20);
    $code->();
    $journal->wait_for(20);
    my $audit = $journal->stop->audit(undef, others => 1, %option);
    my ($acknowledged, $unavailable) = map { $audit->count($_) } qw(acknowledged unavailable);
    note sprintf '%d acknowledged, %d: 503; the longest took %.2f s', $acknowledged, $unavailable, $audit->{slowest};
    is_deeply $audit->faults, {}, 'nothing is lost or wrong' or diag explain $audit->faults;
    is $audit->count('unanswered'), 0, 'every request is answered';
    cmp_ok $unavailable, '<=', $acknowledged / 100, 'and hardly any 503';
    cmp_ok $audit->{slowest}, '<', 2, 'nobody waited for two seconds';
}

# Clients of older versions: statements that lock tables in the orders of the module.
sub under_statements {
    my ($org, $code) = @_;
    my $of = "organization_id = '$org->{id}'";
    my $event = 'INSERT INTO scim.event (organization_id, account_id, kind, actor_kind, actor_id, actor_name, version)'
        . " SELECT organization_id, id, 'x', 'token', '$org->{token_id}', 'x', version FROM a";
    my %script = (
        authenticate => "SELECT o.id, t.issuer, a.active FROM scim.organization o JOIN scim.token t ON t.organization_id = o.id JOIN scim.account a ON a.organization_id = o.id AND a.id = t.issuer WHERE o.key = '$org->{key}'",
        create => "WITH a AS (INSERT INTO scim.account (organization_id, user_name) VALUES ('$org->{id}', gen_random_uuid() || '\@example.com') RETURNING *) $event",
        change => "WITH a AS (UPDATE scim.account SET display_name = gen_random_uuid() WHERE $of AND id = (SELECT id FROM scim.account WHERE $of AND id > gen_random_uuid() LIMIT 1) RETURNING *) $event",
        token => "INSERT INTO scim.token (organization_id, issuer, name, prefix, hash) VALUES ('$org->{id}', '$org->{issuer}', 'x', 'x', sha256(gen_random_uuid()::text::bytea))",
        use => "UPDATE scim.token SET last_used_at = now() WHERE $of AND id = '$org->{token_id}'",
    );
    my $dir = File::Temp::tempdir(DIR => $server->{dir}, CLEANUP => 1);
    Scim::Server::write_file("$dir/$_.sql", "$script{$_};\n") for keys %script;
    local $ENV{PGOPTIONS} = '-c lock_timeout=2s -c search_path=pg_catalog';
    my $bench = Scim::Process->start([Scim::Server::pg('pgbench'), '-h', $server->{pghost}, '-U', 'scim', '-d', 'scim', '-n', '-M', 'prepared', '-c', 8, '-T', 2,
        '-l', '--log-prefix', "$dir/log", map { ('-f', "$dir/$_.sql") } sort keys %script], out => "$dir/said", err => 'out');
    delete local $ENV{PGOPTIONS};
    sleep 1;
    $code->();
    $bench->wait;
    my $said = do { local (@ARGV, $/) = "$dir/said"; <> };
    my ($done, $failed) = map { $said =~ /$_: (\d+)/ ? $1 : undef } 'actually processed', 'failed transactions';
    is_deeply [$said =~ /^pgbench: error:.*/mg], [], 'no statement was refused' or diag substr $said, 0, 2000;
    is $failed, 0, 'none was a victim of a deadlock';
    my ($longest) = sort { $b <=> $a } map { (split)[2] / 1e6 } map { open my $in, '<', $_ or die "$_: $!"; <$in> } glob "$dir/log*";
    note sprintf '%d statements, the longest took %.2f s', $done, $longest;
    cmp_ok $longest, '<', 2, 'nobody waited for two seconds';
}

sub is_whole {
    is_deeply [sql('SELECT max(version), count(*) FROM scim.schema_version')], [[6, 6]], 'then the database is of this version';
    is +(sql(q{SELECT count(*) FROM scim.account WHERE user_name_key <> scim.user_name_key(user_name)}))[0][0], 0, 'every key is as this version makes it';
    is_deeply [sql($INDEXES)], $whole, 'it has all indexes';
}

# Nothing to do
my $org = organization();
my $session = session('LOCK TABLE ' . join(', ', @TABLES) . ' IN SHARE UPDATE EXCLUSIVE MODE');
my $start = time;
is_deeply [apply()], [0, ''], 'applied to a database that has all of it, schema.sql takes no lock that stops anybody';
cmp_ok time - $start, '<', 5, 'and is done at once';
$session->stop;
under_traffic($org, sub { is_deeply [apply()], [0, ''], "applied under load, time $_" for 1 .. 10 });

# Something to do that readers need not notice
$session = session('LOCK TABLE ' . join(', ', @TABLES) . ' IN ACCESS SHARE MODE');
under_traffic($org, sub {
    for my $round (1 .. $ROUNDS) {
        run('scim_owner', '-c', 'ALTER TABLE scim.token DISABLE TRIGGER token_needs_admin');
        is_deeply [apply()], [0, ''], 'a trigger that was switched off is repaired under load, beside a reader';
    }
});
is +(sql(q{SELECT tgenabled FROM pg_trigger WHERE tgname = 'token_needs_admin'}))[0][0], 'O', 'it is on again';
$session->stop;

# Indexes
run('postgres', '-c', 'DROP INDEX scim.account_updated', '-c', q{UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'scim.event_account'::regclass});
run('scim_owner', '-c', 'ANALYZE scim.account');
$session = session('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; LOCK TABLE scim.account IN ACCESS SHARE MODE');
under_traffic($org, sub {
    my $applied = Scim::Process->start([psql('scim_owner', '-f', 'schema.sql')], out => 'pipe', err => 'out');
    sleep 2;
    $session->say('COMMIT;');
    is $applied->wait, 0, 'indexes that are missing, or were broken off, are made under load when a reader has ended';
    $applied->look;
    like $applied->{text}, qr/NOTICE:  Creating the index scim\.$_ /, "schema.sql says that it makes $_" for qw(account_updated event_account);
});
$session->stop;
is_deeply [sql($INDEXES)], $whole, 'it has all indexes';

# Upgrades
sub upgrade { my $done = Scim::Process::run([$server->scimctl('db', 'upgrade')]); return ($done->{status}, $done->{err}) }
for my $version (qw(1 2 3 4 5 5-roles)) {
    for my $round (1 .. $ROUNDS) {
        under_statements(database($version), sub {
            run('postgres', '-f', "$ROOT/roles.sql");
            my ($status, $said) = upgrade();
            is $status, 0, "scimctl upgrades version $version under load" or diag $said;
        });
        is_whole();
    }
}

# This httpd needs its own version, but not this column
sub database_without_column { my $org = database('current'); run('scim_owner', '-c', 'ALTER TABLE scim.relay DROP COLUMN skipped'); return $org }
my $column = q{SELECT count(*) FROM pg_attribute WHERE attrelid = 'scim.relay'::regclass AND attname = 'skipped'};
for my $round (1 .. $ROUNDS) {
    under_traffic(database_without_column(), sub {
        my ($status, $said) = apply();
        is $status, 0, 'a table that lacks a column is given it under the load of this httpd' or diag $said;
    });
    is +(sql($column))[0][0], 1, 'it has the column';
    is_whole();
}

# Beside a reader that does not end
$org = database_without_column();
my $functions = q{SELECT md5(string_agg(pg_get_functiondef(oid), '' ORDER BY oid)) FROM pg_proc WHERE pronamespace = 'scim'::regnamespace AND prolang <> (SELECT oid FROM pg_language WHERE lanname = 'c')};
my $before = (sql($functions))[0][0];
$session = session('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; LOCK TABLE scim.account IN ACCESS SHARE MODE');
under_traffic($org, sub {
    my ($status, $said) = apply();
    is $status, 3, 'an upgrade beside a reader who does not end is given up';
    like $said, qr/ERROR:  Nothing was changed: tables of scim are in use by process \d+ \(role postgres, psql\) since \d\d:\d\d:\d\d\nHINT:  Wait until that ends, or end it with pg_terminate_backend, then try again\./,
        'and the message says which session it is, and what to do';
    is_deeply [(sql($column))[0][0], (sql($functions))[0][0]], [0, $before], 'nothing was changed';
}, feed => 0);
$session->stop;
is +(apply())[0], 0, 'when he has ended, it is applied';
is +(sql($column))[0][0], 1, 'it has the column';
is_whole();
done_testing;
