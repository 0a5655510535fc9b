# SPDX-License-Identifier: Apache-2.0
package Scim::Demo;
# script/demo, after mod_scim was built.
use strict;
use warnings;
use Fcntl qw(:mode);
use File::Temp ();
use Scim::Entra;
use Scim::Process;
use Scim::Server;

our $ADMIN = 'admin@example.com';

# A part of httpd.conf, for a server in dir; more is added to both locations.
sub locations {
    my ($dir, $more) = @_;
    return <<"CONF";
<Location /scim>
    SetHandler scim
    Require all granted
    $more
</Location>
<Location /organizations>
    SetHandler scim-admin
    AuthType Basic
    AuthName "Organization settings"
    AuthBasicProvider file
    AuthUserFile $dir/httpd/passwords
    Require valid-user
    $more
</Location>
CONF
}

sub server {
    my ($port) = @_;
    my $dir = Scim::Server::root() . '/.demo';
    # httpd's children and PostgreSQL run as other users and need access.
    my $reachable = $> != 0 || reaches($dir);
    if (!$reachable) {
        my $target = "/var/tmp/mod_scim-demo-$<";
        own_folder($target);
        symlink $target, $dir unless -e $dir;
    }
    return Scim::Server->new(dir => $dir, port => $port, fsync => 1, conf => locations($dir, ''));
}

# Everybody can write to /var/tmp: a folder of this name that another user has
# created there could be changed by that user later.
sub own_folder {
    my ($path) = @_;
    mkdir $path, 0755;
    my @found = lstat $path or die "$path: $!\n";
    my ($mode, $owner) = @found[2, 4];
    die "$path is not a folder of yours that only you can write: remove it first\n"
        if !S_ISDIR($mode) || $owner != $> || $mode & 022;
}

# The administrator's password for the settings page; httpd has only its hash.
sub make_password {
    my ($server, $env) = @_;
    my $file = "$server->{dir}/httpd/passwords";
    return $env->{ADMIN_PASSWORD} if $env->{ADMIN_PASSWORD} && -e $file;
    open my $random, '<', '/dev/urandom' or die "/dev/urandom: $!\n";
    read $random, my $bytes, 9;
    my $password = unpack 'H*', $bytes;
    my $done = Scim::Process::run(['htpasswd', '-ciB', $file, $ADMIN], input => $password);
    die "htpasswd failed: $done->{err}" if $done->{status};
    chmod 0644, $file;
    return $password;
}

# Whether everybody may enter all folders above.
sub reaches {
    my ($path) = @_;
    while ($path =~ s{/[^/]*\z}{} && length $path) {
        my $mode = (stat $path)[2] // return 0;
        return 0 unless $mode & 1;
    }
    return 1;
}

sub remembered {
    my ($file) = @_;
    open my $in, '<', $file or return;
    return map { /^(\w+)='(.*)'$/ ? ($1 => $2) : () } <$in>;
}

sub scimctl {
    my ($server, @arguments) = @_;
    my $done = Scim::Process::run([$server->scimctl(@arguments)]);
    print STDERR $done->{err};
    return $done->{status} ? undef : $done->{out};
}

# Creates the organization, the administrator and the token, if missing.
sub furnish {
    my ($server, $env) = @_;
    if (!defined scimctl($server, '--json', 'org', 'list')
        || scimctl($server, '--json', 'org', 'list') !~ /"key":"acme"/) {
        scimctl($server, 'org', 'add', 'acme', '--name', 'Acme') // die "org add failed\n";
        my $csv = File::Temp->new(SUFFIX => '.csv');
        print $csv "userName,displayName,role\n$ADMIN,Administrator,ADMIN\n";
        close $csv;
        scimctl($server, 'account', 'import', 'acme', "$csv") // die "import failed\n";
        scimctl($server, 'org', 'enable', 'acme') // die "org enable failed\n";
    }
    return $env->{SCIM_TOKEN} if $env->{SCIM_TOKEN};
    my $token = scimctl($server, '--json', 'token', 'generate', 'acme', '--issuer', $ADMIN,
                        '--name', 'demo') // die "token generate failed\n";
    return ($token =~ /"token":"([^"]+)"/)[0];
}

sub write_env {
    my ($server, $url, $token, $password) = @_;
    my $file = "$server->{dir}/env";
    my %value = (
        SCIM_URL => $url, SCIM_TOKEN => $token, ADMIN_URL => "$server->{url}/organizations/acme/",
        ADMIN_USER => $ADMIN, ADMIN_PASSWORD => $password, PGHOST => $server->{pghost}, PGPORT => $server->{pgport},
        PGDATABASE => 'scim', PGUSER => $server->{pguser}, HTTPD_CONF => $server->{conf_file},
        HTTPD_PID => $server->httpd_pid,
    );
    my $mask = umask 0077;
    unlink $file;               # an old one might be readable by others
    Scim::Server::write_file($file, join '', map { "$_='$value{$_}'\n" } sort keys %value);
    umask $mask;
}

sub play {
    my ($url, $token) = @_;
    my $format = "  %-16s %-32s %s %s\n";
    print "\nEntra ID provisions:\n";
    my $entra = Scim::Entra->new(url => "$url?aadOptscim062020", token => $token, log => sub {
        my ($row) = @_;
        printf $format, @$row{qw(action target status detail)};
    });
    die "The cycle failed.\n" unless $entra->run(Scim::Entra::demonstration('example.com'));
}

sub start {
    my ($port, $cycle) = @_;
    my $server = server($port);
    my %env = remembered("$server->{dir}/env");
    if ($server->httpd_pid && ($env{SCIM_URL} // '') !~ /:\Q$port\E\//) {
        $server->stop_httpd;
    }
    print "Starting PostgreSQL and httpd under .demo/\n";
    $server->start;
    $server->apply_schema;       # the database may be of an older version
    my $url = "$server->{url}/scim/acme/v2";
    my $token = furnish($server, \%env);
    my $password = make_password($server, \%env);
    write_env($server, $url, $token, $password);
    play($url, $token) if $cycle eq 'yes';
    print <<"END";

SCIM URL      $url
Token         $token
Settings      $server->{url}/organizations/acme/
Sign in as    $ADMIN, password $password

All of this is in .demo/env.

Try it:
  curl -H 'Authorization: Bearer $token' '$url/Users?filter=userName+eq+%22taro.yamada\@example.com%22'

script/demo stop ends it.
END
}

sub main {
    my ($class, $command, @arguments) = @_;
    return start(@arguments) if $command eq 'start';
    server(0)->stop;
    print "Stopped.\n";
}

1;
