# SPDX-License-Identifier: Apache-2.0
package Scim::Cluster;
# The target of a series of faults: the httpd and the PostgreSQL of own_server,
# optionally with a synchronous standby, a network that can fall silent
# (Scim::Proxy), PgBouncer, or a disk that can be full.
#
#   my $cluster = Scim::Cluster->start(standby => 1, proxy => 1);
#   $cluster->fail_over;          # the primary dies, the standby is promoted
#   $cluster->add_standby;        # the other server becomes its standby
#
# It ends with the process, whatever happens.
use strict;
use warnings;
use File::Temp ();
use Scim::Pooler;
use Scim::Process;
use Scim::Proxy;
use Scim::Server;
use Scim::Test ();
use Time::HiRes ();

my @ALL;              # clusters of this process, which end with it
my $OWNER = $$;

# start(standby, proxy, pooler, disk => MB, database_conf, dbd_max, conf): httpd
# reaches PostgreSQL by the proxy, by PgBouncer, or else by its socket; with a
# standby, by the addresses of both.
sub start {
    my ($class, %option) = @_;
    my $folder = File::Temp->newdir('cluster-XXXXXX', DIR => $ENV{SCIM_TEST_DIR} || File::Spec->tmpdir);
    my $self = bless { folder => $folder, %option }, $class;
    push @ALL, $self;
    chmod 0755, "$folder";
    my $dir = "$folder/a";
    mkdir $dir;
    $self->mount("$dir/pgdata", $option{disk}) if $option{disk};
    my @ways = map { "$folder/$_/run" } qw(a b);
    if ($option{proxy}) {
        @{ $self->{networks} } = map { Scim::Proxy->new(to => "$_/.s.PGSQL.5432") } @ways[0 .. ($option{standby} && !$option{moves} ? 1 : 0)];
    }
    $self->start_pooler(Scim::Server->new(dir => $dir)) if $option{pooler};
    # Many writers of one organization, from one address.
    my $conf = sprintf qq(DBDParams "%s"\nSCIMRateLimit 0\n%s), $self->address(@ways), $option{conf} // '';
    $self->{primary} = Scim::Test::own_server(dir => $dir, initdb => $option{initdb}, dbd_max => $option{dbd_max} || 16, conf => $conf,
        database_conf => "wal_keep_size = 1GB\nwal_retrieve_retry_interval = 500ms\n" . ($option{database_conf} // ''));
    $self->{httpd} = $self->{primary};
    $self->{spare} = Scim::Server->new(dir => "$folder/b");
    $self->add_standby if $option{standby};
    return $self;
}

# The network before the primary, or before one of the two servers.
sub network {
    my ($self, $server) = @_;
    my @networks = @{ $self->{networks} || [] } or return;
    return $networks[@networks == 2 && ($server || $self->{primary}) != $self->{httpd}];
}

sub socket_of { my ($server) = @_; return "$server->{pghost}/.s.PGSQL.5432" }

# The addresses of PostgreSQL in httpd's DBDParams.
sub address {
    my ($self, @ways) = @_;
    return $self->{pooler}->conninfo if $self->{pooler};
    my @ports = map { $_->port } @{ $self->{networks} || [] };
    my $to = @ports ? 'host=' . join(',', map { '127.0.0.1' } @ports) . ' port=' . join(',', @ports)
        : 'host=' . join ',', @ways[0 .. ($self->{standby} ? 1 : 0)];
    $to .= ' target_session_attrs=read-write' if $to =~ /,/;
    return "$to dbname=scim user=scim connect_timeout=3 options='-c statement_timeout=20s'";
}

sub mount {
    my ($self, $path, $size) = @_;
    mkdir $path;
    my $done = Scim::Process::run(['mount', '-t', 'tmpfs', '-o', "size=${size}m", 'scim-disk', $path]);
    die "skip: no volume of its own: $done->{err}" if $done->{status};
    push @{ $self->{mounted} }, $path;
}

# psql as superuser, for tasks of the operator of a cluster.
sub sql {
    my ($self, $sql, $server) = @_;
    $server ||= $self->{primary};
    my $done = Scim::Process::run([Scim::Server::pg('psql'), '-h', $server->{pghost}, '-U', 'postgres', '-d', 'postgres',
                                   '-qAtX', '-F', "\t", '-v', 'ON_ERROR_STOP=1', '-c', $sql]);
    die "psql: $done->{err}" if $done->{status};
    return map { [split /\t/, $_, -1] } split /\n/, $done->{out};
}

sub set {
    my ($self, $server, $setting) = @_;
    open my $out, '>>', "$server->{pgdata}/postgresql.auto.conf" or die "$!\n";
    print {$out} "$setting\n";
    close $out;
    $server->run(1, Scim::Server::pg('pg_ctl'), '-D', $server->{pgdata}, 'reload') if $server->database_pid;
}

# The server that is not the primary becomes its synchronous standby.
sub add_standby {
    my ($self) = @_;
    my ($primary, $standby) = @$self{qw(primary spare)};
    $standby->prepare_folders;
    Scim::Process::run(['sh', '-c', 'rm -rf "$0"/*', $standby->{pgdata}]);
    chmod 0700, $standby->{pgdata};
    $primary->run(1, Scim::Server::pg('pg_basebackup'), '-h', $primary->{pghost}, '-U', 'postgres', '-D', $standby->{pgdata},
                  '-R', '-X', 'stream', '-c', 'fast', '--no-sync');
    $self->set($standby, "unix_socket_directories = '$standby->{pghost}'");
    $self->set($standby, "synchronous_standby_names = ''");
    $standby->start_database;
    $self->network($standby)->resume if $self->network($standby);
    $self->wait_for_standby('streaming');
    $self->set($primary, "synchronous_standby_names = '*'");
    $self->wait_for_standby('sync');
    $self->{standby} = $standby;
}

sub wait_for_standby {
    my ($self, $state) = @_;
    Scim::Server::wait_until("a standby is $state", 60, sub {
        grep { $_->[0] eq $state || $_->[1] eq $state } $self->sql('SELECT state, sync_state FROM pg_stat_replication');
    });
}

# The primary dies with all its processes, or is shut down; the standby becomes
# the primary, without a standby of its own.
sub fail_over {
    my ($self, $shut_down) = @_;
    my ($old, $new) = @$self{qw(primary standby)};
    $self->set($new, "synchronous_standby_names = ''");
    if ($shut_down) {
        $old->run(1, Scim::Server::pg('pg_ctl'), '-D', $old->{pgdata}, '-w', '-m', 'fast', 'stop');
    }
    else {
        kill_database($old);
    }
    $self->leave($old);
    $self->promote($new);
}

# Close the address of a dead server.
sub leave {
    my ($self, $old) = @_;
    my $network = $self->network($old) or return;
    $network->refuse unless $self->{moves};
    $network->cut;
}

sub promote {
    my ($self, $new) = @_;
    $new->run(1, Scim::Server::pg('pg_ctl'), '-D', $new->{pgdata}, '-w', 'promote');
    @$self{qw(primary spare standby)} = ($new, $self->{primary}, undef);
    $self->move_to($new) if $self->{moves};
}

# Let the address of both servers lead to this one.
sub move_to {
    my ($self, $server) = @_;
    $self->network->to(socket_of($server));
    $self->network->cut;
}

sub kill_database {
    my ($server) = @_;
    my @pids = $server->database_pids;
    CORE::kill('KILL', @pids);
    Scim::Server::wait_until('PostgreSQL is dead', 30, sub { !grep { CORE::kill(0, $_) } @pids });
    unlink "$server->{pgdata}/postmaster.pid";
}

# One of the processes that serve httpd is killed.
sub kill_backend {
    my ($self) = @_;
    my @backends = $self->sql(q{SELECT pid FROM pg_stat_activity WHERE usename = 'scim'});
    CORE::kill('KILL', $backends[rand @backends][0]) if @backends;
}

sub signal_database { my ($self, $signal) = @_; return CORE::kill($signal, $self->{primary}->database_pids) }

# As when a hypervisor pauses a machine: PostgreSQL does not notice.
sub freeze {
    my ($self) = @_;
    my ($state, $frozen, $thawed) = -d '/sys/fs/cgroup/freezer' ? ('freezer.state', 'FROZEN', 'THAWED') : ('cgroup.freeze', 1, 0);
    my $above = -d '/sys/fs/cgroup/freezer' ? '/sys/fs/cgroup/freezer' : '/sys/fs/cgroup';
    my $group = "$above/scim-$$";
    mkdir $group and -w "$group/$state" or die "skip: no control group that can be frozen\n";
    $self->{frozen} = ["$group/$state", $thawed, $group, $above];
    to_file("$group/cgroup.procs", $_) for $self->{primary}->database_pids;
    to_file("$group/$state", $frozen);
}

sub thaw {
    my ($self) = @_;
    my ($file, $value, $group, $above) = @{ delete $self->{frozen} || return };
    to_file($file, $value);
    Scim::Process::until_true(10, sub {
        open my $in, '<', "$group/cgroup.procs" or return 1;
        my @pids = <$in>;
        to_file("$above/cgroup.procs", $_) for @pids;
        return rmdir $group;
    });
}

# A process that cannot be moved to a control group has ended meanwhile.
sub to_file {
    my ($file, $value) = @_;
    open my $out, '>', $file or return;
    print {$out} $value;
    close $out;
    return;
}

# (for the first time, in front of $server).
sub start_pooler {
    my ($self, $server) = @_;
    grep { -x } '/usr/sbin/pgbouncer', '/usr/bin/pgbouncer' or die "skip: PgBouncer is not installed (package pgbouncer)\n";
    $self->{pooler} = Scim::Pooler->new($server, mode => 'session', size => 100) if $server;
    $self->{pooler}->start;
}

sub kill_pooler { $_[0]{pooler}->kill }

sub stop {
    my ($self) = @_;
    $self->thaw;
    for my $server (grep { ref } @$self{qw(primary spare)}) {
        CORE::kill('CONT', $server->database_pids);
        eval { $server->stop; 1 } or warn $@;
    }
    eval { $self->{httpd}->stop_httpd; 1 } or warn $@ if $self->{httpd};
    $_->stop for @{ $self->{networks} || [] };
    $self->{pooler}->stop if ref $self->{pooler};
    Scim::Process::run(['umount', '-l', $_]) for @{ delete $self->{mounted} || [] };
}

END {
    my $status = $?;
    if ($$ == $OWNER) { $_->stop for splice @ALL }
    $? = $status;
}

1;
