# SPDX-License-Identifier: Apache-2.0
package Scim::Pictures;
# script/pictures, after mod_scim was built: the demo's organization, on a server
# of its own whose address looks well in pictures.
use strict;
use warnings;
use File::Temp ();
use JSON::PP ();
use Scim::Demo;
use Scim::Http;
use Scim::Process;
use Scim::Server;

sub main {
    my $root = Scim::Server::root();
    my $dir = File::Temp::tempdir('scim-pictures-XXXXXX', TMPDIR => 1, CLEANUP => 1);
    chmod 0755, $dir;
    my $server = Scim::Server->new(dir => $dir, conf => Scim::Demo::locations($dir, 'SCIMBaseURL https://scim.example.com/scim'))->start;
    my $token = Scim::Demo::furnish($server, {});
    my $password = Scim::Demo::make_password($server, {});
    Scim::Demo::play("$server->{url}/scim/acme/v2", $token);
    my $member = Scim::Process::run([$server->psql('-qAtX', '-c', q{SELECT id FROM scim.account WHERE user_name LIKE 'taro.%'})])->{out};
    chomp $member;
    my $group = group($server, $token, $member);
    local $ENV{SCIM_BROWSER} = JSON::PP->new->utf8->encode({
        url => "$server->{url}/organizations/acme/", user => $Scim::Demo::ADMIN, password => $password, member => $member, group => $group });
    local $ENV{SCIM_PICTURES} = "$root/docs/pictures";
    my $folder = "$root/t/browser";
    my $status = Scim::Process->start(['node', "--test-reporter=$folder/tap.mjs", "$folder/pictures.mjs"])->wait(240);
    $server->stop;
    exit($status ? 1 : 0);
}

# The id of a group that the identity provider has created, with the member.
sub group {
    my ($server, $token, $member) = @_;
    my $made = Scim::Http->new($server->{url})->request(POST => '/scim/acme/v2/Groups',
        [Authorization => "Bearer $token", 'Content-Type' => 'application/scim+json'],
        JSON::PP->new->utf8->encode({ schemas => ['urn:ietf:params:scim:schemas:core:2.0:Group'], displayName => 'Sales',
            externalId => '6b1f8a0e-3c52-4d0b-9a57-2f6a1c0d7e11', members => [{ value => $member }] }));
    die "no group was created: $made->{content}\n" unless $made->{status} == 201;
    return JSON::PP->new->utf8->decode($made->{content})->{id};
}

1;
