# SPDX-License-Identifier: Apache-2.0
# examples/end-sessions.mjs: the application's own sessions end with the account.
use strict;
use warnings;
use lib 't/lib';
use File::Temp ();
use IO::Socket::INET;
use MIME::Base64 ();
use Scim::Http;
use Scim::Process;
use Scim::Test;

my $org = organization();
my $dir = File::Temp::tempdir(CLEANUP => 1);
my ($port, $relay_port) = map { Scim::Server::free_port() } 1, 2;
my $secret = "$dir/secret";
Scim::Server::write_file($secret, 'whsec_' . MIME::Base64::encode('k' x 32, '') . "\n");
chmod 0600, $secret;
my $application = Scim::Process->start(['node', 'examples/application.mjs', $port, $relay_port, $secret], err => "$dir/log");
for my $at ($port, $relay_port) {
    Scim::Server::wait_until('the application', 20, sub { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $at) });
}
my $relay = Scim::Process->start([server()->scimctl('relay', $org->{key}, '--url', "http://127.0.0.1:$relay_port/",
    '--secret-file', $secret, '--name', "sessions-$org->{key}")], err => "$dir/relay");

my $app = Scim::Http->new("http://127.0.0.1:$port");
sub visit {
    my ($account, $cookie) = @_;
    return $app->request(GET => '/', ['X-Account-Id' => $account, $cookie ? (Cookie => $cookie) : ()], undef);
}
sub cookie_of { my ($cookie) = visit(@_)->{headers}{'set-cookie'} =~ /^([^;]+)/; return $cookie }
sub stream {
    my ($account, $cookie) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or die "connect: $!";
    print {$socket} "GET /stream HTTP/1.1\r\nHost: x\r\nX-Account-Id: $account\r\nCookie: $cookie\r\n\r\n";
    while (<$socket>) { last if /^session: going on/ }
    return $socket;
}
sub ends { my ($socket) = @_; local $SIG{ALRM} = sub { die "still open\n" }; alarm 20; 1 while <$socket>; alarm 0; return 1 }

my ($leaver, $deleted, $stays) = map { $org->create->{id} } 1 .. 3;
my %cookie = map { ($_ => cookie_of($_)) } $leaver, $deleted, $stays;
like visit($_, $cookie{$_})->{content}, qr/session: going on/, 'a session goes on' for $leaver, $stays;
unlike visit($stays, $cookie{$leaver})->{content}, qr/going on/, 'but not for somebody else';
my $stream = stream($leaver, $cookie{$leaver});
$org->patch_ops($leaver, { op => 'replace', path => 'active', value => JSON::PP::false });
ok ends($stream), 'what a deactivated person has open is closed';
$org->delete("/Users/$deleted");
Scim::Server::wait_until('the session of a deleted person ends', 20, sub { visit($deleted, $cookie{$deleted})->{content} =~ /session: new/ });
like visit($leaver, $cookie{$leaver})->{content}, qr/session: new/, 'and the session has ended';
like visit($stays, $cookie{$stays})->{content}, qr/session: going on/, 'those of others go on';
done_testing;
