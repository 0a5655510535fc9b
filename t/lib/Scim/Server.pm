# SPDX-License-Identifier: Apache-2.0
package Scim::Server;
# A private PostgreSQL cluster and a private httpd, for the tests, the demo and
# the measurements.  Everything lives under one folder and listens on 127.0.0.1
# or on a socket in that folder; it is ended by pid.
use strict;
use warnings;
use Cwd qw(abs_path);
use Fcntl qw(:mode);
use File::Basename qw(dirname);
use File::Path qw(make_path);
use IO::Socket::INET;
use Scim::Process;
require Scim::Citus if $ENV{SCIM_TEST_CITUS};

my $ROOT = abs_path(dirname(__FILE__) . '/../../..');

# The database role of psql and scimctl; that of httpd is in DBDParams.
$ENV{PGCONNECT_TIMEOUT} //= 10;
$ENV{SCIM_DATA_DIR} //= $ROOT;      # where scimctl db finds its SQL

# new(dir, port, fsync, conf, database_conf, module, mpm, threads, dbd_max, environment):
# conf and database_conf are added to httpd.conf and postgresql.conf, initdb is a
# list of arguments for it, environment a hash for httpd alone.  SCIM_TEST_MODULE and
# SCIM_TEST_PRELOAD name another module and a library for all.  With database, another
# Scim::Server, it is an httpd alone, on the database of that one.  With tls_port, it
# listens there, too, by TLS, and speaks HTTP/2 to clients that ask for it; all
# Locations are the same.
sub new {
    my ($class, %option) = @_;
    my $self = bless { fsync => 0, conf => '', database_conf => '', initdb => [],
                       module => $ENV{SCIM_TEST_MODULE} || "$ROOT/.libs/mod_scim.so",
                       environment => $ENV{SCIM_TEST_PRELOAD} ? { LD_PRELOAD => $ENV{SCIM_TEST_PRELOAD} } : {},
                       mpm => 'event', threads => 25, dbd_max => 16, %option }, $class;
    $self->{pgdata} = "$self->{dir}/pgdata";
    $self->{pghost} = $self->{database} ? $self->{database}{pghost} : "$self->{dir}/run";
    $self->{pgport} = 5432;
    $self->{pgdatabase} = 'scim';
    $self->{pguser} = 'scim_owner';    # of psql and scimctl; httpd is the role scim
    $self->{error_log} = "$self->{dir}/httpd/error_log";
    $self->{access_log} = "$self->{dir}/httpd/access_log";
    $self->{conf_file} = "$self->{dir}/httpd/httpd.conf";
    $self->{port} ||= free_port();
    $self->{url} = $self->{plain_url} = "http://127.0.0.1:$self->{port}";
    $self->{tls_url} = "https://127.0.0.1:$self->{tls_port}" if $self->{tls_port};
    return $self;
}

sub root { return $ROOT }
sub scimctl_program { return "$ROOT/scimctl/scimctl" }

# Below the ports that the system gives to clients, one of which could take it
# meanwhile.
my %given;                  # a port is free until it is listened on
sub free_port {
    for (1 .. 100) {
        my $port = 12_000 + int rand 20_000;
        return $port if !$given{$port}++ && IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 1);
    }
    die "no free port: $!\n";
}

# PostgreSQL refuses to run as root.
sub database_user {
    return undef if $> != 0;
    return scalar(getpwnam 'postgres') ? 'postgres' : 'nobody';
}

# Run a command, as the user of the database if that is another one; its output goes
# to a log file, which is shown if it fails.
sub run {
    my ($self, $as_database, @command) = @_;
    my $log = "$self->{dir}/commands.log";
    my $user = $as_database ? database_user() : undef;
    unshift @command, 'setpriv', "--reuid=$user", '--regid=' . getgrgid((getpwnam $user)[3]),
        '--clear-groups' if $user;
    my $process = Scim::Process->start(\@command, dir => '/', out => $log, err => 'out');
    return if eval { $process->wait == 0 };
    open my $in, '<', $log;
    my @lines = ($@, <$in>);
    splice @lines, 0, -20 if @lines > 20;
    die "failed: @command\n@lines";
}

# SCIM_TEST_POSTGRESQL names the folder of another PostgreSQL's programs.
sub pg {
    my ($program) = @_;
    return "$ENV{SCIM_TEST_POSTGRESQL}/$program" if $ENV{SCIM_TEST_POSTGRESQL};
    my ($newest) = sort { $b <=> $a } map { m{/(\d+)/bin$} } glob '/usr/lib/postgresql/*/bin';
    return $newest ? "/usr/lib/postgresql/$newest/bin/$program" : $program;
}

# The commands of psql and scimctl on this database, as its operator.
sub psql {
    my ($self, @arguments) = @_;
    return (pg('psql'), '-h', $self->{pghost}, '-U', $self->{pguser}, '-d', 'scim', @arguments);
}

sub scimctl {
    my ($self, @arguments) = @_;
    return (scimctl_program(), '--db', "host=$self->{pghost} dbname=scim user=$self->{pguser}", @arguments);
}

# With shared, other test files use it as well, at the same time.
sub not_shared {
    my ($self) = @_;
    die "others use this server: own_server\n" if $self->{shared};
}

sub write_file {
    my ($path, $text) = @_;
    open my $out, '>', $path or die "$path: $!\n";
    print $out $text;
    close $out or die "$path: $!\n";
}

sub pid_in {
    my ($file) = @_;
    open my $in, '<', $file or return undef;
    my $line = <$in> // return undef;
    my ($pid) = $line =~ /^(\d+)/ or return undef;
    return kill(0, $pid) || $!{EPERM} ? $pid : undef;
}

sub database_pid { return pid_in("$_[0]{pgdata}/postmaster.pid") }
sub httpd_pid { return pid_in("$_[0]{dir}/httpd/httpd.pid") }

# PostgreSQL does not run as root, and its user may not enter every folder of root's.
sub check_way {
    my ($folder, $user) = @_;
    for (; $folder ne '/'; $folder = dirname($folder)) {
        die "The user $user, which PostgreSQL runs as, cannot enter $folder: chmod o+x it, or be there as an ordinary user.\n"
            unless (stat $folder)[2] & 01;
    }
}

sub prepare_folders {
    my ($self) = @_;
    make_path("$self->{dir}/run", "$self->{dir}/httpd/htdocs");
    chmod 0755, $self->{dir};
    check_way($self->{dir}, database_user()) if database_user();
    write_file("$self->{dir}/httpd/htdocs/plain.txt", "plain\n");
    if (my $user = database_user()) {
        my (undef, undef, $uid, $gid) = getpwnam $user;
        make_path($self->{pgdata});
        chown $uid, $gid, $self->{pgdata}, "$self->{dir}/run";
    }
    chmod 0755, "$self->{dir}/run";
}

# The roles of the database; a test names others of its own with the option roles.
our @ROLES = qw(postgres scim scim_owner scim_app scim_reader);

# Which users of the operating system may connect as which roles.  No others may: the
# superuser postgres can run programs.
sub role_map {
    my ($self) = @_;
    my @all = (@ROLES, @{ $self->{roles} || [] });
    my %roles = (scalar(getpwuid $>) => \@all);
    if (my $user = database_user()) {
        $roles{$user} = \@all;
        $roles{'www-data'} = ['scim'];
    }
    return \%roles;
}

sub write_access {
    my ($self) = @_;
    my $roles = $self->role_map;
    write_file("$self->{pgdata}/pg_hba.conf", "local all,replication all peer map=scim\n");
    write_file("$self->{pgdata}/pg_ident.conf",
               join '', map { my $user = $_; map { "scim $user $_\n" } @{ $roles->{$user} } } sort keys %$roles);
}

sub init_database {
    my ($self) = @_;
    $self->run(1, pg('initdb'), '-D', $self->{pgdata}, '-A', 'peer', '-U', 'postgres',
               '--encoding=UTF8', '--locale=C.UTF-8', @{ $self->{initdb} }, '--no-sync');
    open my $out, '>>', "$self->{pgdata}/postgresql.conf" or die "$!\n";
    my $fsync = $self->{fsync} ? 'on' : 'off';
    print $out <<"CONF";
listen_addresses = ''
unix_socket_directories = '$self->{pghost}'
max_connections = 200
shared_buffers = 256MB
fsync = $fsync
synchronous_commit = on
log_min_messages = warning
$self->{database_conf}
CONF
    print $out Scim::Citus::settings($self) if $ENV{SCIM_TEST_CITUS};
    close $out;
}

# Also applied to a cluster that an older version has created, or that runs already.
sub start_database {
    my ($self) = @_;
    my $fresh = !-e "$self->{pgdata}/PG_VERSION";
    $self->init_database if $fresh;
    $self->write_access;
    $_->start_database for $fresh ? () : $self->worker_list;
    return $self->run(1, pg('pg_ctl'), '-D', $self->{pgdata}, 'reload') if $self->database_pid;
    $self->run(1, pg('pg_ctl'), '-D', $self->{pgdata}, '-l', "$self->{pgdata}/server.log",
               '-w', '-t', '60', 'start');
    return unless $fresh;
    my @as = (pg('psql'), '-h', $self->{pghost}, '-U', 'postgres', '-q', '-v', 'ON_ERROR_STOP=1', '-d', 'postgres');
    $self->run(0, @as, '-f', "$ROOT/roles.sql");
    $self->run(0, @as, '-c', "CREATE DATABASE scim OWNER scim_owner ENCODING 'UTF8' TEMPLATE template0");
    # Tests and measurements look at other sessions, and end them.
    $self->run(0, @as, '-c', 'GRANT pg_monitor, pg_signal_backend TO scim_owner');
    $self->apply_schema;
    Scim::Citus::distribute($self) if $ENV{SCIM_TEST_CITUS};
}

sub apply_schema {
    my ($self) = @_;
    my @file = ('-q', '-v', 'ON_ERROR_STOP=1', '-f');
    $self->run(0, $self->psql('-U', 'postgres', @file, "$ROOT/roles.sql"));
    $self->run(0, $self->psql(@file, "$ROOT/schema.sql"));
}

# Restart PostgreSQL in one of pg_ctl's modes: smart, fast, immediate.
sub restart_database {
    my ($self, $mode) = @_;
    $self->not_shared;
    $self->run(1, pg('pg_ctl'), '-D', $self->{pgdata}, '-l', "$self->{pgdata}/server.log",
               '-w', '-t', '60', '-m', $mode, 'restart');
}

sub stop_database {
    my ($self) = @_;
    $_->stop_database for $self->worker_list;
    my $pid = $self->database_pid or return;
    $self->run(1, pg('pg_ctl'), '-D', $self->{pgdata}, '-w', '-m', 'immediate', 'stop');
}

# The other servers, if Citus has distributed the database (Scim::Citus).
sub worker_list {
    my ($self) = @_;
    return map { Scim::Server->new(dir => $_) } grep { -e "$_/pgdata" } glob "$self->{dir}/worker[0-9]";
}

# All processes of PostgreSQL.
sub database_pids {
    my ($self) = @_;
    my $postmaster = $self->database_pid or return;
    return ($postmaster, split ' ', Scim::Process::run(['pgrep', '-P', $postmaster])->{out});
}

sub modules_dir {
    my ($dir) = grep { -e "$_/mod_dbd.so" } '/usr/lib/apache2/modules', '/usr/lib/httpd/modules',
        '/usr/lib64/httpd/modules';
    return $dir || die "httpd's modules are not installed\n";
}

sub httpd_program {
    my ($program) = grep { -x } '/usr/sbin/apache2', '/usr/sbin/httpd';
    return $program || die "httpd is not installed\n";
}

our @TLS_MODULES = qw(socache_shmcb ssl http2);

# The modules that are not part of the httpd program, and more, by their names.
sub load_modules {
    my (@more) = @_;
    my $dir = modules_dir();
    return join '', map { -e "$dir/mod_$_.so" ? "LoadModule ${_}_module $dir/mod_$_.so\n" : '' }
        qw(mpm_event authn_core authz_core authz_user auth_basic authn_file authn_anon unixd log_config dbd deflate
           filter headers env setenvif rewrite proxy proxy_http reqtimeout), @more;
}

sub tls_dir { my ($self) = @_; return ($self->{database} || $self)->{dir} . '/tls' }
sub ca_file { return $_[0]->tls_dir . '/ca.crt' }

# A certification authority of this run and a certificate by it for 127.0.0.1; an
# httpd on the database of another one shares that one's.
sub make_certificates {
    my ($self) = @_;
    my $dir = $self->tls_dir;
    return if -e "$dir/server.crt";
    make_path($dir);
    my @key = qw(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes);
    write_file("$dir/server.ext", "subjectAltName=IP:127.0.0.1,DNS:localhost\nbasicConstraints=CA:FALSE\n");
    $self->run(0, qw(openssl req -x509), @key, qw(-days 2 -subj), '/CN=Test CA', '-keyout', "$dir/ca.key",
               '-out', $self->ca_file);
    $self->run(0, qw(openssl req), @key, qw(-subj /CN=127.0.0.1 -keyout), "$dir/server.key", '-out', "$dir/server.csr");
    $self->run(0, qw(openssl x509 -req -days 2 -CAcreateserial -in), "$dir/server.csr", '-CA', $self->ca_file,
               '-CAkey', "$dir/ca.key", '-extfile', "$dir/server.ext", '-out', "$dir/server.crt");
}

sub tls_host {
    my ($self) = @_;
    my $dir = $self->tls_dir;
    return '' unless $self->{tls_port};
    return <<"CONF";
Listen 127.0.0.1:$self->{tls_port} https
SSLSessionCache shmcb:$self->{dir}/httpd/ssl_cache(512000)
<VirtualHost 127.0.0.1:$self->{tls_port}>
    ServerName 127.0.0.1:$self->{tls_port}
    SSLEngine on
    SSLCertificateFile $dir/server.crt
    SSLCertificateKeyFile $dir/server.key
    Protocols h2 http/1.1
</VirtualHost>
CONF
}

sub configuration {
    my ($self) = @_;
    my $user = $> == 0 ? "User www-data\nGroup www-data\n" : '';
    my $module = "LoadModule scim_module $self->{module}\n";
    my $load = load_modules($self->{tls_port} ? @TLS_MODULES : ()) =~ s/mpm_event/mpm_$self->{mpm}/gr;
    return $load . $module . $user . <<"CONF" . $self->{conf} . $self->tls_host;
ServerRoot $self->{dir}/httpd
PidFile httpd.pid
Mutex file:$self->{dir}/httpd default
ServerName 127.0.0.1:$self->{port}
Listen 127.0.0.1:$self->{port}
SCIMAdminFiles $ROOT/admin
DocumentRoot $self->{dir}/httpd/htdocs
TraceEnable Off
ErrorLog error_log
LogLevel warn scim:debug
LogFormat "%h %{local}p %u %t \\"%r\\" %>s %b" plain
CustomLog access_log plain
StartServers 2
ServerLimit 4
<IfModule !mpm_prefork_module>
    ThreadsPerChild $self->{threads}
    ThreadLimit $self->{threads}
</IfModule>
GracefulShutdownTimeout 20

DBDriver pgsql
DBDParams "host=$self->{pghost} dbname=scim user=scim connect_timeout=5 options='-c statement_timeout=10s'"
DBDMin 1
DBDKeep $self->{dbd_max}
DBDMax $self->{dbd_max}

# It never applies to a SCIM URL, because nothing below that is a file.
<Directory />
    Require all denied
    LimitRequestBody 1
</Directory>
CONF
}

sub start_httpd {
    my ($self) = @_;
    return if $self->httpd_pid;
    $self->make_certificates if $self->{tls_port};
    write_file($self->{conf_file}, $self->configuration);
    {
        local %ENV = (%ENV, %{ $self->{environment} });
        $self->run(0, httpd_program(), '-f', $self->{conf_file}, '-k', 'start');
    }
    # It listens before it is a daemon, and has a pid only then.
    wait_until('httpd answers', 30, sub {
        $self->httpd_pid && IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port});
    });
}

sub graceful {
    my ($self) = @_;
    $self->not_shared;
    $self->run(0, httpd_program(), '-f', $self->{conf_file}, '-k', 'graceful');
}

# Poll until the condition holds.
sub wait_until {
    my ($what, $seconds, $condition) = @_;
    Scim::Process::until_true($seconds, $condition) or die "waited $seconds s in vain: $what\n";
}

sub stop_httpd {
    my ($self) = @_;
    my $pid = $self->httpd_pid or return;
    kill 'TERM', $pid;
    wait_until('httpd ends', 30, sub { !kill 0, $pid });
}

sub start {
    my ($self) = @_;
    $self->prepare_folders;
    $self->start_database unless $self->{database};
    $self->start_httpd;
    return $self;
}

sub stop {
    my ($self) = @_;
    $self->stop_httpd;
    $self->stop_database unless $self->{database};
}

1;
