# SPDX-License-Identifier: Apache-2.0
# The steps of schema.sql: from every version that there has been, they lead to the
# same database; each is told and noted, and none leads back.
use strict;
use warnings;
use lib 't/lib';
use Scim::Process;
use Scim::Test;

my $server = server();
my $NAME = 'steps_' . random_name();
my $LAST = 6;

# (exit status, output) of psql on the database of this test
sub psql {
    my ($role, @arguments) = @_;
    my $done = Scim::Process::run([$server->psql('-d', $NAME, '-U', $role, '-v', 'ON_ERROR_STOP=1', '-qAtX', @arguments)]);
    return ($done->{status}, $done->{out} . $done->{err});
}
sub value { my ($status, $said) = psql('postgres', '-c', $_[0]); chomp $said; return $said }
sub cluster { return $server->run(0, $server->psql('-U', 'postgres', '-d', 'postgres', '-qX', map { ('-c', $_) } @_)) }
sub apply { return psql('scim_owner', '-f', 'schema.sql', @_) }

# A database of a version: before there were roles, it was httpd's own.
sub database {
    my ($version) = @_;
    my $owner = $version =~ /^[1-5]\z/ ? 'scim' : 'scim_owner';
    cluster("DROP DATABASE IF EXISTS $NAME WITH (FORCE)", "CREATE DATABASE $NAME OWNER $owner ENCODING 'UTF8' TEMPLATE template0");
    my ($status, $said) = $version eq 'none' ? (0) : psql($owner, '-f', "t/schema/$version.sql");
    is $status, 0, "a database of version $version" or diag $said;
    psql('postgres', '-f', 'roles.sql');
}

# pg_dump marks its output with a random word.
sub structure {
    my $dump = Scim::Process::run([Scim::Server::pg('pg_dump'), '-h', $server->{pghost}, '-U', 'postgres', '--schema-only', $NAME]);
    is $dump->{status}, 0, 'pg_dump reads it' or diag $dump->{err};
    return [grep { !/^\\(?:un)?restrict / } split /\n/, $dump->{out}];
}

database('none');
my ($status, $said) = apply();
is $status, 0, 'schema.sql makes a new database' or diag $said;
is_deeply [$said =~ /NOTICE:  Step (\d+) of $LAST: \S/g], [1 .. $LAST], 'it tells each step that it takes';
is value("SELECT string_agg(concat_ws(' ', version, needs, applied_by), ', ' ORDER BY version) FROM scim.schema_version"),
    join(', ', map { "$_ scim_owner" } 1 .. $LAST - 1) . ", $LAST 5 scim_owner", 'and notes it, with who took it and which modules work then';
my $whole = structure();
cmp_ok scalar(@$whole), '>', 1000, 'it has tables, functions and privileges';
is_deeply [apply()], [0, ''], 'applied again it has nothing to tell';
is_deeply structure(), $whole, 'and changes nothing';

for my $version (1 .. 5, '5-roles') {
    database($version);
    my $before = value('SELECT max(version) FROM scim.schema_version');
    ($status, $said) = apply();
    is $status, 0, "a database of version $version is upgraded" or diag $said;
    is_deeply [$said =~ /NOTICE:  Step (\d+) of $LAST: /g], [$before + 1 .. $LAST], 'by the steps that it lacks';
    is_deeply structure(), $whole, 'and then is the same as a new one, byte for byte';
    is value("SELECT count(*) FROM scim.schema_version WHERE applied_by = 'scim_owner'"), $LAST - $before, 'the steps before keep what was noted of them';
}

# Backwards
psql('postgres', '-c', 'INSERT INTO scim.schema_version (version) VALUES (99)', '-c', 'DROP TRIGGER token_needs_admin ON scim.token');
my $newer = structure();
($status, $said) = apply();
is $status, 3, 'to a database of a later version schema.sql is not applied';
like $said, qr/ERROR:  Nothing was changed: the database has version 99, which is newer than version $LAST of this release: use a release that knows it$/m, 'and says why';
is_deeply structure(), $newer, 'it changes nothing there';
psql('postgres', '-c', 'DELETE FROM scim.schema_version WHERE version = 99');

# Two at the same time
my $first = Scim::Process->start([$server->psql('-d', $NAME, '-qAtX')], in => 'pipe', out => 'pipe');
$first->say(q{SET application_name = 'the first'; SELECT pg_backend_pid(), pg_advisory_lock(hashtext('scim.schema'));});
my ($pid) = $first->line =~ /^(\d+)/;
my $second = Scim::Process->start([$server->psql('-d', $NAME, '-v', 'ON_ERROR_STOP=1', '-qAtX', '-f', 'schema.sql')], out => 'pipe', err => 'out');
like $second->line(30), qr/NOTICE:  Waiting for process $pid \(role scim_owner\), which is applying schema\.sql or roles\.sql here$/, 'who comes second waits, and is told for whom';
$first->stop;
is $second->wait, 0, 'and applies it then';
is_deeply structure(), $whole, 'so that the database is whole';

# What there is, without changing anything
sub state {
    my ($role) = @_;
    my ($status, $said) = psql($role, '-v', 'scim_status=1', '-f', 'schema.sql');
    is $status, 0, "$role asks for the state" or diag $said;
    return JSON::PP->new->decode($said);
}
my $state = state('scim');
is_deeply [@$state{qw(version release missing obstacles)}, map { !!$_ } $state->{upToDate}], [$LAST, $LAST, [], [], !!1], 'which is that of this release';
psql('postgres', '-c', 'DROP INDEX scim.account_updated', '-c', q{UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'scim.event_account'::regclass},
     '-c', 'DROP TRIGGER token_needs_admin ON scim.token', '-c', 'ALTER TABLE scim.relay DROP COLUMN skipped', '-c', 'DROP TABLE scim.subgroup CASCADE');
$state = state('scim_owner');
my %missing = map { ($_->{name} => "$_->{kind} $_->{state}") } @{ $state->{missing} };
is_deeply { map { ($_ => $missing{$_}) } qw(scim.account_updated scim.event_account token_needs_admin scim.relay.skipped scim.subgroup) },
    { 'scim.account_updated' => 'index missing', 'scim.event_account' => 'index invalid', token_needs_admin => 'trigger missing',
      'scim.relay.skipped' => 'column missing', 'scim.subgroup' => 'table missing' }, 'it names what is missing';
ok !$state->{upToDate}, 'which must be made';
like state('scim')->{obstacles}[0]{text}, qr/^do this as scim_owner /, 'by somebody who may';
cluster("DROP DATABASE $NAME WITH (FORCE)");
done_testing;
