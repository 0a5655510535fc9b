# SPDX-License-Identifier: Apache-2.0
package Scim::IdentityProvider;
# A real SAML identity provider on 127.0.0.1: SimpleSAMLphp in PHP's own web
# server, with users by name and password.
use strict;
use warnings;
use File::Path qw(make_path);
use Scim::Http;
use Scim::Process;
use Scim::Server;

my $PROGRAM = '/usr/share/simplesamlphp';

# new(dir => ..., users => { name => { password, attributes => { name => value } } },
# sp => [entity id, URL of its assertion consumer])
sub new {
    my ($class, %option) = @_;
    my $self = bless { port => Scim::Server::free_port(), %option }, $class;
    $self->{url} = "http://127.0.0.1:$self->{port}";
    $self->{metadata_url} = "$self->{url}/saml2/idp/metadata.php";
    return $self;
}

sub php {
    my ($value) = @_;
    return '[' . join(', ', map { php($_) . ' => ' . php($value->{$_}) } sort keys %$value) . ']' if ref $value eq 'HASH';
    return '[' . join(', ', map { php($_) } @$value) . ']' if ref $value;
    (my $text = $value) =~ s/([\\'])/\\$1/g;
    return $text =~ /\A(?:true|false|null)\z/ ? $text : "'$text'";
}

sub write_config {
    my ($self) = @_;
    my $dir = $self->{dir};
    make_path("$dir/metadata", "$dir/log", "$dir/data", "$dir/tmp", "$dir/cert", "$dir/sessions");
    my %users = map { ("$_:$self->{users}{$_}{password}" => $self->{users}{$_}{attributes}) } keys %{ $self->{users} };
    Scim::Server::write_file("$dir/config.php", '<?php $config = ' . php({
        baseurlpath => "$self->{url}/", certdir => "$dir/cert/", loggingdir => "$dir/log/", datadir => "$dir/data/",
        tempdir => "$dir/tmp", metadatadir => "$dir/metadata/", secretsalt => 'only-for-tests', 'logging.handler' => 'file',
        'auth.adminpassword' => 'only-for-tests-' . rand, technicalcontact_name => 'x', technicalcontact_email => 'x@example.com',
        timezone => 'UTC', 'enable.saml20-idp' => 'true', 'module.enable' => { exampleauth => 'true', core => 'true', saml => 'true' },
        'session.cookie.secure' => 'false', 'session.cookie.samesite' => 'null', 'session.phpsession.savepath' => "$dir/sessions",
        'language.cookie.secure' => 'false', 'language.cookie.samesite' => 'null', 'store.type' => 'phpsession',
        'metadata.sources' => [{ type => 'flatfile' }], 'language.available' => ['en'], 'admin.checkforupdates' => 'false',
    }) . ';');
    Scim::Server::write_file("$dir/authsources.php", '<?php $config = ' . php({
        example => { %users, 0 => 'exampleauth:UserPass' } }) . ';');
    Scim::Server::write_file("$dir/metadata/saml20-idp-hosted.php", '<?php $metadata[' . php("$self->{url}/idp") . '] = ' . php({
        host => '__DEFAULT__', privatekey => 'idp.key', certificate => 'idp.crt', auth => 'example',
        'signature.algorithm' => 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
        NameIDFormat => 'urn:oasis:names:tc:SAML:2.0:nameid-format:transient' }) . ';');
    my ($entity, $consumer) = @{ $self->{sp} };
    Scim::Server::write_file("$dir/metadata/saml20-sp-remote.php", '<?php $metadata[' . php($entity) . '] = ' . php({
        AssertionConsumerService => $consumer, 'saml20.sign.assertion' => 'true' }) . ';');
}

sub start {
    my ($self) = @_;
    my $dir = $self->{dir};
    $self->write_config;
    Scim::Process::run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=idp',
                        '-keyout', "$dir/cert/idp.key", '-out', "$dir/cert/idp.crt"]);
    local $ENV{SIMPLESAMLPHP_CONFIG_DIR} = $dir;
    $self->{server} = Scim::Process->start(['php', '-S', "127.0.0.1:$self->{port}", '-t', "$PROGRAM/www"],
                                           out => "$dir/php.log", err => 'out');
    Scim::Server::wait_until('the identity provider', 30, sub {
        IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port});
    });
    return $self;
}

sub metadata {
    my ($self) = @_;
    my $r = Scim::Http->new($self->{url})->request(GET => '/saml2/idp/metadata.php', [], undef);
    die "metadata: $r->{status} $r->{content}\n" unless $r->{content} =~ /EntityDescriptor/;
    return $r->{content};
}

sub stop {
    my ($self) = @_;
    my $server = delete $self->{server} or return;
    $server->stop;
}

sub DESTROY {
    local $?;
    $_[0]->stop;
}

1;
