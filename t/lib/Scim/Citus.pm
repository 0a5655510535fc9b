# SPDX-License-Identifier: Apache-2.0
package Scim::Citus;
# A database of Scim::Server, distributed over two more servers by Citus with
# examples/citus/schema-citus.sql.  With SCIM_TEST_CITUS=1 in the environment, the
# database of each server that a test starts is.
use strict;
use warnings;
use Scim::Process;
use Scim::Server;

my $WORKERS = 2;

# Whether Citus is installed for the PostgreSQL that tests use.
sub is_installed {
    my $asked = Scim::Process::run([Scim::Server::pg('pg_config'), '--sharedir']);
    my ($folder) = $asked->{out} =~ /^(.+)$/m;
    return $folder && -e "$folder/extension/citus.control";
}

sub settings {
    my ($server) = @_;
    return <<"CONF";
shared_preload_libraries = 'citus'
max_prepared_transactions = 100
shared_buffers = 64MB
wal_level = logical
citus.local_hostname = '$server->{pghost}'
citus.node_conninfo = 'sslmode=prefer'
citus.distributed_deadlock_detection_factor = -1
CONF
}

sub as_superuser {
    my ($server, @arguments) = @_;
    return $server->run(0, $server->psql('-U', 'postgres', '-q', '-v', 'ON_ERROR_STOP=1', @arguments));
}

sub start_worker {
    my ($worker) = @_;
    $worker->prepare_folders;
    $worker->init_database;
    $worker->write_access;
    $worker->run(1, Scim::Server::pg('pg_ctl'), '-D', $worker->{pgdata}, '-l', "$worker->{pgdata}/server.log", '-w', '-t', '60', 'start');
    as_superuser($worker, '-d', 'postgres', '-f', Scim::Server::root() . '/roles.sql');
    as_superuser($worker, '-d', 'postgres', '-c', "CREATE DATABASE scim OWNER scim_owner ENCODING 'UTF8' TEMPLATE template0");
    as_superuser($worker, '-c', 'CREATE EXTENSION citus');
}

# Organizations that a test made or renamed by SQL.
sub note_keys {
    my ($server) = @_;
    return as_superuser($server, '-c', 'INSERT INTO scim.organization_key (key, id) SELECT o.key, o.id FROM scim.organization o'
                                     . ' ON CONFLICT (id) DO UPDATE SET key = excluded.key');
}

# The calls that the statements become.
sub write_shards {
    my ($file) = @_;
    my $root = Scim::Server::root();
    my $done = Scim::Process::run(['awk', '-v', 'to=shards', '-f', "$root/storage/statements.awk", "$root/storage/statements.sql"]);
    die $done->{err} if $done->{status};
    Scim::Server::write_file($file, $done->{out});
}

sub distribute {
    my ($server) = @_;
    as_superuser($server, '-c', 'CREATE EXTENSION citus', '-c', "SELECT citus_set_coordinator_host('$server->{pghost}', 5432)");
    for my $number (1 .. $WORKERS) {
        my $worker = Scim::Server->new(dir => "$server->{dir}/worker$number", initdb => $server->{initdb},
                                       database_conf => $server->{database_conf});
        push @{ $server->{workers} }, $worker;
        start_worker($worker);
        as_superuser($server, '-c', "SELECT citus_add_node('$worker->{pghost}', 5432)");
    }
    write_shards("$server->{dir}/shards.sql");
    as_superuser($server, '-v', "shards=$server->{dir}/shards.sql", '-f', Scim::Server::root() . '/examples/citus/schema-citus.sql');
}

1;
