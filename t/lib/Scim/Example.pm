# SPDX-License-Identifier: Apache-2.0
package Scim::Example;
# Starts an httpd.conf of examples/ on the tests' database, with only its Define
# lines and ServerRoot changed, as its README says.
use strict;
use warnings;
use File::Basename qw(basename);
use File::Path qw(make_path);
use File::Temp ();
use Scim::IdentityProvider;
use Scim::Process;
use Scim::Server;
use Scim::Test ();

# new('saml', %define): HOST, PORT, FILES, DATABASE and APPLICATION have defaults.
# with: the argument of httpd's -D.
sub new {
    my ($class, $name, %define) = @_;
    my $with = delete $define{with} || [];
    my $dir = File::Temp::tempdir('scim-example-XXXXXX', TMPDIR => 1, CLEANUP => 1);
    chmod 0755, $dir;
    my $database = Scim::Test::server();
    my $self = bless { name => $name, dir => $dir, with => [map { ('-D', $_) } @$with], app_port => Scim::Server::free_port(), owner => $$ }, $class;
    $self->{define} = { HOST => '127.0.0.1', PORT => Scim::Server::free_port(), FILES => "$dir/files",
        DATABASE => "\"host=$database->{pghost} dbname=scim user=scim\"", APPLICATION => "http://127.0.0.1:$self->{app_port}", %define };
    $self->{url} = "https://$self->{define}{HOST}:$self->{define}{PORT}";
    make_path(map { "$dir/$_" } qw(modules run logs files));
    symlink $_, "$dir/modules/" . basename($_) for glob(Scim::Server::modules_dir() . '/*.so'), Scim::Server::root() . '/.libs/mod_scim.so';
    $self->make_certificate;
    return $self;
}

sub make_certificate {
    my ($self) = @_;
    $self->command('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=127.0.0.1',
                   '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', "$self->{dir}/files/tls.key", '-out', "$self->{dir}/files/tls.crt");
}

# Run in the files' folder; its output is shown when it fails.
sub command {
    my ($self, @command) = @_;
    my $done = Scim::Process::run(\@command, dir => "$self->{dir}/files");
    die "failed: @command\n$done->{out}$done->{err}" if $done->{status};
}

# A SAML identity provider for it, and the files that its README has you make.
sub sign_in_by_saml {
    my ($self, %users) = @_;
    my $mellon = "$self->{url}/mellon";
    $self->command('mellon_create_metadata', "$self->{url}/", $mellon);
    for my $file (glob "$self->{dir}/files/https*") {
        my ($kind) = $file =~ /\.(\w+)\z/;
        rename $file, "$self->{dir}/files/sp.$kind";
    }
    $self->{idp} = Scim::IdentityProvider->new(dir => "$self->{dir}/idp", users => \%users,
                                               sp => ["$self->{url}/", "$mellon/postResponse"])->start;
    Scim::Server::write_file("$self->{dir}/files/idp.xml", $self->{idp}->metadata);
}

sub configuration {
    my ($self) = @_;
    open my $in, '<', Scim::Server::root() . "/examples/$self->{name}/httpd.conf" or die "$self->{name}: $!\n";
    my $text = do { local $/; <$in> };
    my $root = Scim::Server::root();
    $text =~ s/^(Define (\w+) +).*$/exists $self->{define}{$2} ? "$1$self->{define}{$2}" : $&/gem;
    $text =~ s/^ServerRoot .*$/ServerRoot $self->{dir}/m;
    $text =~ s/^Listen +/Listen 127.0.0.1:/m;
    $text =~ s/^(?:User|Group) .*\n//gm if $> != 0;
    return "$text\nSCIMAdminFiles $root/admin\n";
}

sub start {
    my ($self) = @_;
    my $conf = "$self->{dir}/httpd.conf";
    Scim::Server::write_file($conf, $self->configuration);
    $self->{app} = Scim::Process->start(['node', Scim::Server::root() . '/examples/application.mjs', $self->{app_port}],
        out => "$self->{dir}/application.log", err => 'out') if $self->configuration =~ /^Define APPLICATION /m;
    $self->command(Scim::Server::httpd_program(), '-f', $conf, @{ $self->{with} }, '-t');
    $self->command(Scim::Server::httpd_program(), '-f', $conf, @{ $self->{with} }, '-k', 'start');
    Scim::Server::wait_until('httpd is a daemon', 30, sub { Scim::Server::pid_in("$self->{dir}/run/httpd.pid") });
    for my $port ($self->{define}{PORT}, $self->{app} ? $self->{app_port} : ()) {
        Scim::Server::wait_until("port $port", 30, sub {
            IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port);
        });
    }
    return $self;
}

sub error_log {
    my ($self) = @_;
    open my $in, '<', "$self->{dir}/logs/error_log" or return '';
    local $/;
    return scalar <$in>;
}

sub stop {
    my ($self) = @_;
    my $pid = Scim::Server::pid_in("$self->{dir}/run/httpd.pid");
    if ($pid) {
        kill 'TERM', $pid;
        Scim::Server::wait_until('httpd ends', 30, sub { !kill 0, $pid });
    }
    $self->{app}->stop if $self->{app};
    $self->{idp}->stop if $self->{idp};
}

sub DESTROY {
    my ($self) = @_;
    local ($?, $@);
    $self->stop if $$ == $self->{owner};
}

1;
