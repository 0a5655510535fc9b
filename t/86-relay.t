# SPDX-License-Identifier: Apache-2.0
# scimctl relay: each event once and in order to a URL, signed, even if it is killed.
use strict;
use warnings;
use lib 't/lib';
use File::Temp ();
use IO::Socket::INET;
use MIME::Base64 ();
use Scim::Process;
use Scim::Test;

own_server();           # its sessions are cut
my $org = organization();
my $other = organization();
my $dir = File::Temp::tempdir(CLEANUP => 1);
my $port = Scim::Server::free_port();
my $url = "http://127.0.0.1:$port/hook";
my $secret = 'whsec_' . MIME::Base64::encode(join('', map { chr rand 256 } 1 .. 32), '');
my ($received, $log, $secret_file) = map { "$dir/$_" } qw(received log secret);
Scim::Server::write_file($_, '') for $received, $log;
Scim::Server::write_file($secret_file, "$secret\n");
chmod 0600, $secret_file;
my @RELAY = server()->scimctl('relay', $org->{key}, '--url', $url, '--secret-file', $secret_file,
                              '--name', "test $org->{key}");

sub lines { open my $in, '<', $_[0] or die $!; return <$in> }
sub received { return map { JSON::PP::decode_json($_) } grep { /\n\z/ } lines($received) }
sub taken { return grep { $_->{status} == 204 } received() }
sub stored { return map { $_->[0] } sql('SELECT sequence FROM scim.event WHERE organization_id = $1 ORDER BY sequence', $org->{id}) }
sub position { return (sql('SELECT sequence FROM scim.relay WHERE name = $1', "test $org->{key}"))[0][0] }
sub receiver {
    my @command = ('node', Scim::Server::root() . '/t/browser/webhooks.mjs', $port, $secret, $received);
    my $receiver = Scim::Process->start(\@command, out => "$dir/receiver.log", err => 'out');
    Scim::Server::wait_until('the receiver', 30, sub { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) });
    return $receiver;
}
sub relay { return Scim::Process->start(\@RELAY, out => $log, err => 'out') }
sub title { $org->patch_ops($_[0], { op => 'replace', path => 'title', value => $_[1] }) }
sub wait_for_all { my @all = stored(); Scim::Server::wait_until('all is taken', 30, sub { (position() // 0) == $all[-1] }) }

# Order and signatures
my $receiver = receiver();
my $relay = relay();
my $user = $org->create;
title($user->{id}, "t$_") for 1 .. 20;
$other->create;
wait_for_all();
my @taken = taken();
is_deeply [map { $_->{event}{sequence} } @taken], [stored()], 'every event of the organization, once and in order';
is_deeply [grep { !$_->{verified} } @taken], [], 'the library of Standard Webhooks finds each signature good';
is_deeply [map { $_->{id} } @taken], [map { $_->{event}{id} } @taken], 'its id is the id of the message';
is $taken[0]{type}, 'application/json', 'as JSON';
is_deeply [@{ $taken[1]{event} }{qw(organization kind userName accountId version actor attributes)}],
    [$org->{key}, 'urn:ietf:params:scim:event:prov:patch:full', $user->{userName}, $user->{id}, 2, 'test', ['title']], 'with all that an event says';

# A receiver that refuses
title($user->{id}, 'refuse 2');
title($user->{id}, 'after that');
wait_for_all();
is_deeply [map { $_->{status} } grep { ($_->{event}{data}{after}{title} // '') eq 'refuse 2' } received()], [503, 503, 204], 'a refused event is sent again until it is accepted';
is_deeply [map { $_->{event}{sequence} } taken()], [stored()], 'and the next one waits for it';
like join('', lines($log)), qr/^scimctl: event \d+: the receiver answered 503; retrying in 1 s\n.*retrying in 2 s$/ms, 'the log says so';

# Killed, again and again
for my $turn (1 .. 5) {
    $relay->stop('KILL');
    title($user->{id}, "killed $turn-$_") for 1 .. 5;
    $relay = relay();
    title($user->{id}, "running $turn-$_") for 1 .. 5;
}
wait_for_all();
my %seen;
is_deeply [grep { !$seen{$_}++ } map { $_->{event}{sequence} } taken()], [stored()], 'killed five times, it goes on where it was: nothing is lost, and by its id nothing comes twice';

# The receiver is away, and the database's connection
$receiver->stop;
title($user->{id}, 'nobody listens');
Scim::Server::wait_until('a message', 30, sub { grep { /event \d+: .*connect/i } lines($log) });
$receiver = receiver();
wait_for_all();
is +(taken())[-1]{event}{data}{after}{title}, 'nobody listens', 'a receiver that was away gets it when it is back';
sql(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query LIKE '%scim_event%' OR query LIKE '%horizon%' AND pid <> pg_backend_pid()});
title($user->{id}, 'after the cut');
wait_for_all();
is +(taken())[-1]{event}{data}{after}{title}, 'after the cut', 'a connection to the database that was cut is opened again';
unlike join('', lines($log)), qr/\Q$secret\E|\Q@{[substr $secret, 6]}\E/, 'the secret is in no message';

# Mistakes
sub refused {
    my ($name, $message, @arguments) = @_;
    my $done = Scim::Process::run([server()->scimctl('relay', @arguments)], limit => 20);
    is $done->{status}, 1, "$name: refused";
    like "$done->{out}$done->{err}", $message, "$name: with a message";
}
my @given = ('--secret-file', $secret_file);
refused("--url $_", qr/--url: '\Q$_\E' is not an https or http URL/, @given, '--url', $_) for 'ftp://127.0.0.1/', '127.0.0.1', 'file:///etc/passwd', '';
refused('a secret file that is not there', qr/'\/nowhere' cannot be read/, '--url', $url, '--secret-file', '/nowhere');
for my $bad ('', 'whsec_', 'whsec_c2hvcnQ=', 'secretsecretsecretsecretsecret', 'whsec_!!!!', 'whsec_' . 'A' x 400) {
    Scim::Server::write_file("$dir/bad", "$bad\n");
    chmod 0600, "$dir/bad";
    refused("the secret '$bad'", qr/The secret must be whsec_ and base64 of 24 to 64 random bytes, as from printf 'whsec_%s\\n' "\$\(openssl/, '--url', $url, '--secret-file', "$dir/bad");
}
refused('an unknown organization', qr/no organization/, 'nosuch', @given, '--url', $url);
refused('no position', qr/'latest' is not a position/, @given, '--url', $url, '--after', 'latest');
$_->stop for $relay, $receiver;
done_testing;
