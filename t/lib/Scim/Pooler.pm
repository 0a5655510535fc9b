# SPDX-License-Identifier: Apache-2.0
package Scim::Pooler;
# A private PgBouncer in front of the PostgreSQL of a Scim::Server, and httpds
# behind it.
#
#   my $pooler = Scim::Pooler->new(server(), mode => 'transaction', size => 4)->start;
#   my $httpd = $pooler->httpd('SCIMPreparedStatements Off');
use strict;
use warnings;
use File::Temp ();
use Scim::Process;
use Scim::Server;

# new(server, mode, size, leads_to): size is its maximum number of sessions in
# PostgreSQL, leads_to another address of it ("host=127.0.0.1 port=1").
sub new {
    my ($class, $database, %option) = @_;
    my $self = bless { database => $database, leads_to => "host=$database->{pghost}", port => Scim::Server::free_port(), size => 20, httpds => [],
                       dir => File::Temp::tempdir('scim-pooler-XXXXXX', TMPDIR => 1, CLEANUP => 1),
                       password => join('', map { sprintf '%02x', rand 256 } 1 .. 16), %option }, $class;
    $self->write_files;
    return $self;
}

sub write_files {
    my ($self) = @_;
    my $dir = $self->{dir};
    Scim::Server::write_file("$dir/users", qq("scim" "$self->{password}"\n"scim_owner" "$self->{password}"\n));
    Scim::Server::write_file("$dir/pgbouncer.ini", <<"INI");
[databases]
scim = $self->{leads_to} dbname=scim
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $self->{port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = $dir/users
admin_users = scim_owner
pool_mode = $self->{mode}
default_pool_size = $self->{size}
max_client_conn = 500
server_round_robin = 1
server_login_retry = 1
query_wait_timeout = 20
log_connections = 0
log_disconnections = 0
INI
    if (my $user = Scim::Server::database_user()) {
        chown +(getpwnam $user)[2, 3], $dir, "$dir/users", "$dir/pgbouncer.ini";
    }
    chmod 0600, "$dir/users", "$dir/pgbouncer.ini";
}

sub start {
    my ($self) = @_;
    my ($program) = grep { -x } '/usr/sbin/pgbouncer', '/usr/bin/pgbouncer';
    my @command = ($program || die("pgbouncer is not installed\n"), '-q', "$self->{dir}/pgbouncer.ini");
    if (my $user = Scim::Server::database_user()) {
        unshift @command, 'setpriv', "--reuid=$user", '--regid=' . (getpwnam $user)[3], '--clear-groups';
    }
    $self->{process} = Scim::Process->start(\@command, dir => '/', out => "$self->{dir}/log", err => 'out');
    Scim::Server::wait_until('PgBouncer answers', 20, sub {
        die "PgBouncer has ended\n" if $self->{process}->ended;
        IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port});
    });
    return $self;
}

# A connection string of libpq through it; the database pgbouncer is its console.
sub conninfo {
    my ($self, %option) = @_;
    return 'host=127.0.0.1 port=' . $self->{port} . ' user=' . ($option{user} || 'scim')
         . ' dbname=' . ($option{database} || 'scim') . " password=$self->{password} connect_timeout=5";
}

# An httpd that uses it as its database, with these additional lines.
sub httpd {
    my ($self, $conf, %option) = @_;
    my $dir = File::Temp::tempdir('scim-behind-XXXXXX', TMPDIR => 1, CLEANUP => 1);
    my $httpd = Scim::Server->new(dir => $dir, database => $self->{database}, %option, conf => <<"CONF")->start;
DBDParams "@{[$self->conninfo]}"
SCIMRateLimit 0
<Location /scim>
    SetHandler scim
    Require all granted
</Location>
$conf
CONF
    push @{ $self->{httpds} }, $httpd;
    return $httpd;
}

# A psql through it that waits for statements on its input.
sub psql {
    my ($self, %option) = @_;
    return Scim::Process->start([Scim::Server::pg('psql'), '-qAtX', '-F', ' ', '-d', $self->conninfo(%option)],
                                in => 'pipe', out => 'pipe');
}

sub kill { my ($self) = @_; delete($self->{process})->kill }

sub stop {
    my ($self) = @_;
    $_->stop_httpd for splice @{ $self->{httpds} };
    $self->{process}->stop if $self->{process};
    delete $self->{process};
}

1;
