# SPDX-License-Identifier: Apache-2.0
# A database that is older or newer than the module, has no tables, or is being
# restored: every answer is 503 until it fits, and the log says what to do.
use strict;
use warnings;
use lib 't/lib';
use Scim::Journal;
use Scim::Process;
use Scim::Test;

my $server = own_server();      # its database is dropped and created
my $org = organization(profile => 'open');
my $dump = "$server->{dir}/run/dump";

sub cluster { my (@statements) = @_; return $server->run(0, $server->psql('-U', 'postgres', '-d', 'postgres', '-qX', '-v', 'ON_ERROR_STOP=1', map { ('-c', $_) } @statements)) }
sub apply { my ($file, $role) = @_; return $server->run(0, $server->psql('-U', $role // 'scim_owner', '-qX', '-v', 'ON_ERROR_STOP=1', '-f', Scim::Server::root() . "/$file")) }
sub database { my ($owner) = @_; cluster('DROP DATABASE IF EXISTS scim WITH (FORCE)', "CREATE DATABASE scim OWNER $owner ENCODING 'UTF8' TEMPLATE template0") }
sub as_postgres { return $server->run(0, $server->psql('-U', 'postgres', '-qX', '-c', @_)) }
# Each connection is asked once, so these are new ones.
sub reconnect { as_postgres(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'scim'}) }
sub lines { my ($what) = @_; return scalar(() = error_log() =~ /$what/g) }
sub scimctl { my $done = Scim::Process::run([$server->scimctl(@_)]); return ($done->{status}, $done->{err}) }
sub is_unfit {
    my ($name) = @_;
    my $r = $org->get('/Users?count=1');
    is_error($r, 503, undef, $name);
    return like $r->{headers}{'retry-after'} // '', qr/^[1-9]\d*$/, 'with Retry-After';
}

# Older
is $org->get('/Users?count=1')->{status}, 200, 'a database that fits is served';
as_postgres('UPDATE scim.schema_version SET version = version - 100 WHERE version > 4');
is $org->get('/Users?count=1')->{status}, 200, 'a connection is asked once';
reconnect();
is_unfit('a database of an older version is not served') for 1 .. 5;
is lines(qr/SCIM0080: no request is served: The database has schema version 4, this mod_scim needs 5 or 6; run: scimctl db upgrade$/m), 1, 'the log says once what to do';
is_deeply [scimctl('org', 'list')], [1, "scimctl: The database has schema version 4, this scimctl needs 5 or 6; run: scimctl db upgrade.\n"], 'and so does scimctl';
as_postgres('UPDATE scim.schema_version SET version = version + 100 WHERE version < 0');
is $org->get('/Users?count=1')->{status}, 200, 'as soon as it fits it is served';

# Newer
as_postgres('INSERT INTO scim.schema_version (version) VALUES (99)');
reconnect();
is_unfit('one of a version that the module does not know is not served');
is_deeply [scimctl('org', 'list')], [1, "scimctl: The database has schema version 99, this scimctl knows 6: install the release whose schema.sql was applied.\n"], 'scimctl says which release fits';
as_postgres('UPDATE scim.schema_version SET needs = 6 WHERE version = 99');
is $org->get('/Users?count=1')->{status}, 200, 'unless it says that what was made for this version works with it';
is +(scimctl('org', 'list'))[0], 0, 'with scimctl as well';
as_postgres('DELETE FROM scim.schema_version WHERE version = 99');

# Incomplete
as_postgres('REVOKE SELECT ON scim.token FROM scim');
is_unfit('without a privilege that it needs it does not serve');
as_postgres('GRANT SELECT ON scim.token TO scim');
is $org->get('/Users?count=1')->{status}, 200, 'with it, it does';
as_postgres('DROP TRIGGER token_needs_admin ON scim.token');
reconnect();
is_unfit('a database that lacks a rule is not served');
apply('schema.sql');
is $org->get('/Users?count=1')->{status}, 200, 'schema.sql makes it whole';

# Nothing there
$server->run(0, Scim::Server::pg('pg_dump'), '-h', $server->{pghost}, '-U', 'postgres', '-d', 'scim', '-Fc', '-f', "$server->{dir}/small");
database('scim_owner');
is_unfit('an empty database is not served');
like +(scimctl('org', 'list'))[1], qr/^scimctl: run "scimctl db status", which says which database this is, and what is missing\.$/m, 'scimctl says what it lacks';

# Two versions before (one before: t/56-version-before.t)
database('scim');
apply('t/schema/4.sql', 'scim');
is_unfit('a database of version 4 is not served');
$server->run(0, $server->psql('-U', 'postgres', '-qX', '-v', 'ON_ERROR_STOP=1', '-f', Scim::Server::root() . '/roles.sql'));
is_deeply [scimctl('org', 'list')], [1, "scimctl: The database has schema version 4, this scimctl needs 5 or 6; run: scimctl db upgrade.\n"], 'and scimctl says so';
apply('schema.sql');
my $upgraded = organization(profile => 'open');
is $upgraded->get('/Users?count=1')->{status}, 200, 'when schema.sql is applied, it is';
is_deeply [sql(q{SELECT g.version FROM scim.create_group($1, 'All', NULL, ARRAY[$2::uuid], 'x', 'operator', NULL, 'x') g},
               $upgraded->{id}, $upgraded->{issuer})], [[1]], 'and it has groups';

# Restored
sub requests_during {
    my ($restore) = @_;
    my $journal = Scim::Journal->start($org, writers => 4);
    my $good = 0;
    $restore->();
    # The limit of wrong tokens does not affect a client with a valid one.
    Scim::Server::wait_until('the restored database is served', 20, sub { $org->get('/Users?count=1')->{status} == 200 });
    $journal->wait_for(50);
    my %count;
    # Others may be about accounts that the restore has removed.
    $count{ $_->{status} }++ for grep { $_->{what} =~ /^(?:create|match)\z/ } $journal->stop->entries;
    note join ', ', map { "$_: $count{$_}" } sort keys %count;
    return \%count;
}
sub restore {
    my (@options) = @_;
    return sub {
        my $done = Scim::Process::run([Scim::Server::pg('pg_restore'), '-h', $server->{pghost}, '-U', 'postgres', '-d', 'scim', @options, $dump]);
        die $done->{err} if $done->{status};
    };
}
database('scim_owner');
$server->run(0, Scim::Server::pg('pg_restore'), '-h', $server->{pghost}, '-U', 'postgres', '-d', 'scim', "$server->{dir}/small");
sql(q{INSERT INTO scim.account (organization_id, user_name, attributes) SELECT $1, 'user' || i || '@example.com', jsonb_build_object('title', i::text) FROM generate_series(1, 10000) i}, $org->{id});
$server->run(0, Scim::Server::pg('pg_dump'), '-h', $server->{pghost}, '-U', 'scim_owner', '-d', 'scim', '-Fc', '-f', $dump);
is $org->get('/Users?count=1')->{status}, 200, 'a database with 10,000 accounts';
for my $way (['one after the other', 'scim_owner'], ['by two processes', 'scim_owner', '-j', 2], ['to be httpd\'s own', 'scim', '--no-owner', '--no-acl', '--role=scim']) {
    my ($name, $owner, @options) = @$way;
    database($owner);
    my $count = requests_during(restore(@options));
    is_deeply [grep { !/^(?:200|201|503)$/ } sort keys %$count], [], "while it is restored $name, a good token is answered 200, 201 or 503";
    cmp_ok $count->{503} // 0, '>', 3, 'and there were requests meanwhile';
    is +(sql(q{SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'scim' AND i.indisprimary}))[0][0], 16, 'which broke nothing of it';
}
database('scim_owner');
restore()->();
# A request may deadlock with a DROP (40P01); the DROP is repeated.
my $count = requests_during(sub {
    my $done = 0;
    for (1 .. 10) {
        $done = eval { restore('--clean', '--if-exists')->(); 1 } and last;
        $@ =~ /deadlock detected/ or die $@;
    }
    $done or die "no restore in ten times\n";
});
is_deeply [grep { !/^(?:200|201|503)$/ } sort keys %$count], [], 'the same for one that is restored in place';
is_deeply [error_log() =~ /SCIM0001: 500[^\n]*/g], [], 'no request was answered 500';
cmp_ok lines(qr/SCIM0080/), '<=', 2, 'the log was told at most once a minute';
done_testing;
