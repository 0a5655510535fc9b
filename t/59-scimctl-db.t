# SPDX-License-Identifier: Apache-2.0
# scimctl db: a database is made, looked at and upgraded by one command each, again
# without harm, by those who may; nothing secret is shown on the way.
use strict;
use warnings;
use lib 't/lib';
use JSON::PP ();
use Scim::Process;
use Scim::Test;
use Time::HiRes qw(sleep);

my $PORT = Scim::Server::free_port();
my $server = own_server(database_conf => "log_statement = all\nlog_min_messages = info\n");    # its roles are dropped, its log is read
my $ROOT = Scim::Server::root();
my $LAST = 6;
$server->run(0, Scim::Server::httpd_program(), '-f', $server->{conf_file}, '-k', 'stop');

sub cluster { return $server->run(0, $server->psql('-U', 'postgres', '-d', 'postgres', '-qX', '-v', 'ON_ERROR_STOP=1', map { ('-c', $_) } @_)) }
sub psql { my ($role, @arguments) = @_; return $server->run(0, $server->psql('-U', $role, '-qAtX', '-v', 'ON_ERROR_STOP=1', @arguments)) }
sub program { my ($role, @arguments) = @_; return [Scim::Server::scimctl_program(), '--db', "host=$server->{pghost} dbname=scim user=$role", @arguments] }
sub scimctl { my $done = Scim::Process::run(program(@_)); return @$done{qw(status out err)} }
sub json { my ($status, $out, $err) = scimctl(shift, '--json', @_); return (JSON::PP->new->decode($out), $status, $err) }
sub content { my ($file) = @_; open my $in, '<', $file or return undef; local $/; return scalar <$in> }
sub version { my ($version) = sql('SELECT max(version) FROM scim.schema_version'); return $version->[0] }
sub old_database {
    my ($version) = @_;
    my $owner = $version =~ /^[1-4]\z/ ? 'scim' : 'scim_owner';
    cluster('DROP DATABASE IF EXISTS scim WITH (FORCE)', "CREATE DATABASE scim OWNER $owner ENCODING 'UTF8' TEMPLATE template0");
    psql($owner, '-f', "$ROOT/t/schema/$version.sql") if $version ne 'none';
}

# Nothing there
cluster('DROP DATABASE scim WITH (FORCE)', map { "DROP ROLE $_" } qw(scim scim_owner scim_app scim_reader));
my ($status, $out, $err) = scimctl('postgres', 'db', 'status');
is_deeply [$status, $out], [1, ''], 'without a database there is no status';
like $err, qr/^scimctl: .*database "scim" does not exist\.$/, 'and the reason is one line';
cluster('CREATE ROLE nobody LOGIN NOCREATEDB');
sub as_nobody { local $server->{roles} = ['nobody']; $server->write_access; $server->run(1, Scim::Server::pg('pg_ctl'), '-D', $server->{pgdata}, 'reload'); sleep 0.5; return scimctl('nobody', @_) }
is_deeply [as_nobody('db', 'create')], [1, '', qq{scimctl: The role nobody may not create roles and databases. Do this as a superuser, for example by "sudo -u postgres scimctl db create".\n}],
    'who may not make roles and databases is told who may';
is +(as_nobody('db', 'create', '--passwords', $server->{dir}))[0], 1, 'nor may he give passwords,';
is_deeply [glob "$server->{dir}/*.pass"], [], 'of which no file is left, because no role has them';
is_deeply [scimctl('postgres', '--db', "host=$server->{pghost} user=postgres dbname=$_", 'db', 'create')], [1, '', "scimctl: '$_' is a database of PostgreSQL itself; name the one to create, for example by --db dbname=scim.\n"],
    "the database $_ is not taken for mod_scim's" for 'postgres', 'template1';
like +(scimctl('postgres', '--db', "host=$server->{pghost} user=postgres dbname='a b'", 'db', 'create'))[2], qr/^scimctl: The name of the database must be /, 'nor a name that needs quotes';
like +(scimctl('postgres', '--db', 'hots=x', 'db', 'status'))[2], qr/^scimctl: The connection string cannot be read: 'hots' is not allowed; it must be host, port, dbname, /, 'a wrong connection string is explained';

# Created; the last line of pg_hba.conf never counts
$server->write_access;
Scim::Server::write_file("$server->{pgdata}/pg_hba.conf", "local postgres,scim postgres peer map=scim\nlocal all all peer\nlocal scim scim,scim_owner peer map=scim\n");
$server->run(1, Scim::Server::pg('pg_ctl'), '-D', $server->{pgdata}, 'reload');
sleep 0.5;
($status, $out, $err) = scimctl('postgres', 'db', 'create');
is $status, 0, 'db create makes roles, database and tables' or diag $err;
like $out, qr/^The database scim is ready and has version $LAST\.$/m, 'and says so';
like $out, qr{^    sudo sed -i '1i local scim scim,scim_owner peer map=scim' \Q$server->{pgdata}\E/pg_hba\.conf$}m, 'what is left to do is a line to type, before those that are there';
like $out, qr{^    DBDParams "host=\Q$server->{pghost}\E dbname=scim user=scim connect_timeout=5 options='-c statement_timeout=10s'"$}m, 'and the line for httpd.conf';
is_deeply [$err =~ /^Step (\d+) of $LAST: /mg], [1 .. $LAST], 'its steps are told';
isnt +(scimctl('scim_owner', 'db', 'status'))[0], 0, 'nobody can connect as scim_owner yet';
# The lines as they are typed, except that there is no sudo and no server of that name.
my $bin = "$server->{dir}/bin";
mkdir $bin;
Scim::Server::write_file("$bin/sudo", "#!/bin/sh\nif [ \"\$1\" = -u ]; then shift 3; exec " . join(' ', map { "'$_'" } $server->psql('-U', 'postgres', '-d', 'postgres')) . " \"\$@\"; fi\nexec \"\$@\"\n");
chmod 0755, "$bin/sudo";
my @lines = $out =~ /^    ((?:sudo|printf) .*)$/mg;
{
    local $ENV{PATH} = "$bin:$ENV{PATH}";
    is Scim::Process::run(['sh', '-c', $_])->{status}, 0, "typed: $_" for @lines;
}
sleep 0.5;
($status, $out, $err) = scimctl('scim_owner', 'db', 'status');
is_deeply [$status, $err], [0, ''], 'after these lines scim_owner connects, and the database is up to date';
like $out, qr/^version +$LAST\nthis release +$LAST\nSTEP .*\n(?:[1-$LAST] +\d{4}-\S+Z  postgres +\S.*\n){$LAST}\z/m, 'the status has each step, when it was applied and by whom';
is_deeply [sql('SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = $1::regnamespace', 'scim')], [['scim_owner']], 'which owns all';
my ($made) = json('postgres', 'db', 'create');
is_deeply [@$made{qw(database version left passfiles)}], ['scim', $LAST, [], []], 'again it finds nothing to do';
my $org = organization(enabled => 0);
is +(scimctl('postgres', 'db', 'create'))[0], 0, 'and once more,';
is_deeply [sql('SELECT count(*) FROM scim.organization')], [[1]], 'with rows in the tables, which stay';
is_deeply [scimctl('scim', 'org', 'list')], [0, (scimctl('scim_owner', 'org', 'list'))[1], ''], 'scimctl works then';

# Status and upgrade
old_database('5-roles');
my $state;
($state, $status) = json('scim', 'db', 'status');
is_deeply [$status, @$state{qw(database owner version release)}, !!$state->{upToDate}], [1, 'scim', 'scim_owner', 5, $LAST, !!0], 'db status of an older version: exit status 1';
is_deeply [map { $_->{version} } grep { !$_->{appliedAt} } @{ $state->{steps} }], [6], 'the missing step has no time';
is_deeply [map { "$_->{name} " . ($_->{exists} ? 'yes' : 'no') } @{ $state->{roles} }], [map { "$_ yes" } qw(scim_owner scim scim_app scim_reader)], 'it names the roles';
($status, $out, $err) = scimctl('scim', 'db', 'status');
like $out, qr/^6 +missing +- +Groups/m, 'people read which step is missing';
is $err, qq{scimctl: The database is not what version $LAST of this release needs: run "scimctl db upgrade" as scim_owner.\n}, 'and what to do';
is_deeply [scimctl('scim', 'db', 'upgrade')], [1, '', "scimctl: Nothing was changed: do this as scim_owner (PGUSER=scim_owner); scim is not a member of that role.\n"], 'httpd\'s role may not';
($status, my $plan, $err) = scimctl('scim_owner', 'db', 'upgrade', '--dry-run');
is_deeply [$status, $err], [0, ''], '--dry-run shows what would be applied';
like $plan, qr/^-- Step 6: Groups.*\n\n\Q${\content('schema.sql')}\E\z/m, 'which is schema.sql, after the missing steps';
is version(), 5, 'and nothing was changed';
Scim::Server::write_file("$server->{dir}/plan.sql", $plan);
psql('scim_owner', '-f', "$server->{dir}/plan.sql");
is +(scimctl('scim', 'db', 'status'))[0], 0, 'applied by psql, it is an upgrade';
is_deeply [(scimctl('scim_owner', 'db', 'upgrade', '--dry-run'))[1] =~ /^(?!-- (?:What|by hand)).*$/mg], ['-- Nothing: it is up to date.'], 'after which there is nothing';
old_database('5-roles');
($status, $out, $err) = scimctl('scim_owner', 'db', 'upgrade');
is_deeply [$status, $out], [0, "The database scim has version $LAST, as this release needs it.\n"], 'db upgrade does it' or diag $err;
like $err, qr/^Step 6 of $LAST: Groups/m, 'telling the step';
is_deeply [scimctl('scim_owner', 'db', 'upgrade')], [0, $out, ''], 'again it has nothing to tell';

# A database that httpd owns, as before there were roles
old_database(4);
($status, $out, $err) = scimctl('postgres', 'db', 'status');
like $out, qr/^version +4$/m, 'a database without roles of its own has a version, too';
like $err, qr/^scimctl: Roles are missing, or do not own the schema: run "scimctl db create" as a superuser/, 'and needs db create';
like +(scimctl('scim_owner', 'db', 'upgrade'))[2], qr/^scimctl: Nothing was changed: schema scim belongs to scim: run "scimctl db create" as a superuser/, 'db upgrade says so as well';
is +(scimctl('postgres', 'db', 'create'))[0], 0, 'which hands it over and upgrades it';
is +(scimctl('scim_owner', 'db', 'status'))[0], 0, 'so that it is up to date';

# Parts that are missing; a newer database; somebody in the way
psql('postgres', '-c', q{UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'scim.event_account'::regclass}, '-c', 'DROP INDEX scim.account_updated');
($status, $out) = scimctl('scim_owner', 'db', 'status');
is $status, 1, 'a database that lacks an index is not up to date';
like $out, qr/^missing +index scim\.account_updated$/m, 'the status names it';
like $out, qr/^invalid +index scim\.event_account$/m, 'and one that was broken off';
is +(scimctl('scim_owner', 'db', 'upgrade'))[0], 0, 'db upgrade makes them';
psql('postgres', '-c', 'ALTER TABLE scim.relay DROP COLUMN skipped');
my $session = Scim::Process->start([$server->psql('-U', 'postgres', '-qAtX')], in => 'pipe', out => 'pipe');
$session->say('BEGIN; SELECT count(*) FROM scim.account; SELECT pg_backend_pid();');
$session->line;
my $pid = $session->line;
($state) = json('scim_owner', 'db', 'status');
like $state->{obstacles}[0]{text}, qr/^tables of scim are in use by process $pid \(role postgres, psql\) since \d/, 'a transaction that is in the way is named before';
($status, $out, $err) = scimctl('scim_owner', 'db', 'upgrade');
is_deeply [$status, $out], [1, ''], 'the upgrade does not wait for it for long';
like $err, qr/^scimctl: Nothing was changed: tables of scim are in use by process $pid \(role postgres, psql\) since \d\d:\d\d:\d\d\. Wait until that ends, .*, then try again\.$/, 'and says what to do in one line';
$session->stop;
is +(scimctl('scim_owner', 'db', 'upgrade'))[0], 0, 'when it has ended, it works';
psql('postgres', '-c', 'INSERT INTO scim.schema_version (version) VALUES (99)');
like +(scimctl('scim_owner', 'db', $_))[2], qr/^scimctl: (?:Nothing was changed: t|T)he database has version 99, which is newer than version $LAST of this release: use a release that knows it\.$/,
    "db $_ does not go back" for 'status', 'upgrade';
psql('postgres', '-c', 'DELETE FROM scim.schema_version WHERE version = 99');

# Two at once
$session = Scim::Process->start([$server->psql('-U', 'scim_owner', '-qAtX')], in => 'pipe', out => 'pipe');
$session->say(q{SELECT pg_advisory_lock(hashtext('scim.schema')), pg_backend_pid();});
($pid) = $session->line =~ /(\d+)/;
my $second = Scim::Process->start(program('scim_owner', 'db', 'upgrade'), out => 'pipe', err => 'out');
is $second->line(30), "Waiting for process $pid (role scim_owner), which is applying schema.sql or roles.sql here", 'who comes second is told for whom it waits';
$session->stop;
is $second->wait, 0, 'and goes on then';

# Ended in the middle, by the worst of signals, scimctl or psql
sub psql_of { my ($process) = @_; return split ' ', Scim::Process::run(['pgrep', '-P', $process->{pid}])->{out} }
for my $victim ('scimctl', 'psql') {
    old_database('5-roles');
    psql('scim_owner', '-c', q{INSERT INTO scim.organization (key, name) VALUES ('acme', 'Acme')},
         '-c', q{INSERT INTO scim.event (organization_id, kind, actor_kind, actor_name) SELECT o.id, 'x', 'operator', 'x' FROM scim.organization o, generate_series(1, 20000) i});
    my $reader = Scim::Process->start([$server->psql('-U', 'postgres', '-qAtX')], in => 'pipe', out => 'pipe');
    my $upgrade = Scim::Process->start(program('scim_owner', 'db', 'upgrade'), out => 'pipe', err => 'out');
    # An index waits for this transaction, which began after the tables had changed.
    is $upgrade->line(30), 'Step 6 of 6: Groups; events of other resources; faster writes', 'an upgrade has begun';
    $reader->say('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class; SELECT 1;');
    $reader->line;
    like $upgrade->line(30), qr/^Creating the index scim\.\w+ \(1 of \d\) while requests are served/, 'its indexes as well';
    my ($psql) = psql_of($upgrade);
    kill 'KILL', $victim eq 'psql' ? $psql : $upgrade->{pid};
    $upgrade->wait;
    $upgrade->look;
    like $upgrade->{text}, qr/^scimctl: psql was ended by signal 9: what it had begun is undone, or continued when this is run again\.$/m, 'scimctl says what has happened' if $victim eq 'psql';
    kill 'KILL', $psql;
    is version(), 6, 'the tables are changed, because that is one transaction';
    $reader->stop;
    ($status, $out, $err) = scimctl('scim_owner', 'db', 'upgrade');
    is $status, 0, "after $victim was killed, the upgrade is run again" or diag $err;
    is +(scimctl('scim_owner', 'db', 'status'))[0], 0, 'and complete';
}

# A database elsewhere: passwords, by TLS
my $folder = "$server->{dir}/passwords";
mkdir $folder;
my $tls = $server->tls_dir;
$server->make_certificates;
for my $file ('server.key', 'server.crt') {
    Scim::Server::write_file("$server->{pgdata}/$file", content("$tls/$file"));
    chmod 0600, "$server->{pgdata}/$file";
    my $owner = (stat $server->{pgdata})[4];
    chown $owner, -1, "$server->{pgdata}/$file";
}
open my $conf, '>>', "$server->{pgdata}/postgresql.conf" or die;
print {$conf} "listen_addresses = '127.0.0.1'\nport = $PORT\nssl = on\n";
close $conf;
$server->restart_database('fast');
$ENV{PGPORT} = $PORT;
my $watch = Scim::Process->start(sub {      # who looks at the processes of the machine
    my %seen;
    while (!-e "$folder/done") {
        for my $file (glob '/proc/[0-9]*/cmdline') { my $line = content($file) // next; print "$line\n" if $line =~ /scimctl|psql/ && !$seen{$line}++ }
        sleep 0.01;
    }
}, out => "$server->{dir}/seen");
($made, $status, $err) = json('postgres', 'db', 'create', '--passwords', $folder);
is $status, 0, 'db create --passwords' or diag $err;
is_deeply [map { $_->{file} } @{ $made->{passfiles} }], [map { "$folder/$_.pass" } qw(scim scim_owner)], 'writes a file for each role that signs in';
is_deeply [map { (stat)[2] & 0777 } glob "$folder/*.pass"], [0600, 0600], 'which nobody else can read';
my %password = map { content($_->{file}) =~ /^\*:\*:scim:\Q$_->{role}\E:(\w{48})\n\z/ ? ($_->{role} => $1) : () } @{ $made->{passfiles} };
is scalar(keys %password), 2, 'in the form of libpq';
my ($rule) = grep { /sed/ } map { $_->{command} } @{ $made->{left} };
like $rule, qr{^sudo sed -i '1i hostssl scim scim,scim_owner all scram-sha-256' \S+pg_hba\.conf$}, 'the line for pg_hba.conf wants TLS and SCRAM';
like $made->{dbdParams}, qr{^host=\S+ port=$PORT dbname=scim user=scim sslmode=require channel_binding=require passfile=/etc/apache2/scim\.pass }, 'and so do the DBDParams';
{
    local $ENV{PATH} = "$bin:$ENV{PATH}";
    Scim::Process::run(['sh', '-c', $rule]);
}
psql('postgres', '-c', 'SELECT pg_reload_conf()');
sleep 0.5;
sub by_tcp { my ($role, $with, @arguments) = @_; local $ENV{PGPASSFILE} = "$folder/$role.pass"; return Scim::Process::run([Scim::Server::scimctl_program(), '--db', "host=127.0.0.1 port=$PORT dbname=scim user=$role $with", @arguments]) }
my $secure = 'sslmode=require channel_binding=require';
is by_tcp($_, $secure, 'db', 'status')->{status}, 0, "$_ connects with its password" for 'scim', 'scim_owner';
is by_tcp('scim_owner', $secure, 'org', 'list')->{status}, 0, 'for other commands as well';
is by_tcp('scim', 'sslmode=disable', 'db', 'status')->{status}, 1, 'but not without TLS';
is +(json('postgres', 'db', 'create'))[0]{dbdParams}, "host=$server->{pghost} port=$PORT dbname=scim user=scim connect_timeout=5 options='-c statement_timeout=10s'", 'by the socket there is no password';
{
    my $wrong = by_tcp('scim', "$secure password=wrong", 'db', 'status');
    like $wrong->{err}, qr/^scimctl: connection to server .*password authentication failed for user "scim"\.$/, 'nor with a wrong password, which is one line';
}
($made, $status, $err) = json('postgres', 'db', 'create', '--passwords', $folder);
is_deeply [$status, map { $_->{command} } @{ $made->{left} }], [0, q{sudo -u postgres psql -c "ALTER SYSTEM SET listen_addresses = '*'" && sudo service postgresql restart}],
    'again only that is left which was not done: the server listens on this machine alone';
like $err, qr{^\Q$folder\E/scim\.pass exists: the password of scim is not changed$}m, 'and leaves the passwords alone';
is by_tcp('scim', $secure, 'db', 'status')->{status}, 0, 'which are still good';
{
    # Another session has changed the second role and not ended yet.
    mkdir "$folder/other";
    my $other = Scim::Process->start([$server->psql('-U', 'postgres', '-qAtX')], in => 'pipe', out => 'pipe');
    $other->say(q{BEGIN; ALTER ROLE scim_owner CONNECTION LIMIT -1; SELECT 'changed';});
    $other->line;
    local $ENV{PGOPTIONS} = '-c lock_timeout=500ms';
    ($status, undef, $err) = scimctl('postgres', 'db', 'create', '--passwords', "$folder/other");
    $other->stop;
    is $status, 1, 'when a password cannot be set,';
    like $err, qr/lock timeout/, 'the reason is told,';
    is_deeply [glob "$folder/other/*"], [], 'there is no file,';
    is by_tcp('scim', $secure, 'db', 'status')->{status}, 0, 'and no role has another password';
}
like +(scimctl('postgres', 'db', 'create', '--passwords', '/nonexistent'))[2], qr{^scimctl: --passwords: /nonexistent/scim\.pass cannot be written: No such file or directory\.$}, 'a folder that does not exist is named';
Scim::Server::write_file("$folder/done", '');
$watch->wait;
my $seen = content("$server->{dir}/seen") . content("$server->{pgdata}/server.log");
like $seen, qr/db.create/, 'who looks at processes sees the command';
like $seen, qr/ALTER ROLE scim_owner PASSWORD 'SCRAM-SHA-256/, 'and who reads the log the statement,';
unlike $seen, qr/\Q$_\E/, 'but no password' for values %password;
delete $ENV{PGPORT};
done_testing;
