# SPDX-License-Identifier: Apache-2.0
# SCIMRequireTLS: tokens and the settings page do not travel in the clear.
use strict;
use warnings;
use lib 't/lib';
use File::Temp ();
use IO::Socket::INET;
use MIME::Base64 ();
use Scim::Test;

# An address of this machine that is not a loopback one; nothing is sent there.
sub own_address {
    my $socket = IO::Socket::INET->new(PeerAddr => '192.0.2.1', PeerPort => 9, Proto => 'udp') or return;
    return $socket->sockhost =~ /^127\./ ? undef : $socket->sockhost;
}

my $address = own_address() or plan skip_all => 'this machine has loopback addresses alone';
my $dir = File::Temp::tempdir('scim-tls-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $port = Scim::Server::free_port();
my $conf = <<"CONF";
Listen $address:$port
<Location /organizations>
    SetHandler scim-admin
    AuthType Basic
    AuthName settings
    AuthBasicProvider anon
    Anonymous *
    Anonymous_MustGiveEmail Off
    Require valid-user
</Location>
CONF
my $via_proxy = "%{CONN_REMOTE_ADDR} -ipmatch '$address' && %{HTTP:X-Forwarded-Proto} == 'https'";
my %says = (scim => '', on => 'SCIMRequireTLS On', off => 'SCIMRequireTLS Off', proxy => "<If \"$via_proxy\">\nSCIMRequireTLS Off\n</If>",
            other => "<If \"%{CONN_REMOTE_ADDR} == '127.9.9.9'\">\nSCIMRequireTLS Off\n</If>", 'off/inner' => '', 'off/on' => 'SCIMRequireTLS On');
$conf .= "<Location /$_>\nSetHandler scim\n$says{$_}\nRequire all granted\n</Location>\n" for sort keys %says;
my $own = Scim::Server->new(dir => $dir, database => server(), tls_port => Scim::Server::free_port(), conf => $conf)->start;
my $org = organization();

my %at = ('http://address' => "http://$address:$port", 'http://loopback' => $own->{plain_url}, 'https://loopback' => $own->{tls_url});
my %client = map { $_ => Scim::Http->new($at{$_}) } keys %at;
$client{'h2://loopback'} = Scim::Http->new($own->{tls_url}, http2 => 1);

sub ask {
    my ($from, $location, %option) = @_;
    local $org->{http} = $client{$from};
    return $org->request($option{method} || 'GET', '/Users?count=0', profile => $location, %option);
}

# Who gets access where.
my %in = (scim => [qw(https://loopback h2://loopback http://loopback)], on => [qw(https://loopback h2://loopback)],
          off => [sort keys %client], 'off/inner' => [sort keys %client], 'off/on' => [qw(https://loopback h2://loopback)]);
for my $location (sort keys %in) {
    my %may = map { $_ => 1 } @{ $in{$location} };
    for my $from (sort keys %client) {
        my $name = "$from/$location" . ($says{$location} ? " with $says{$location}" : '');
        my $r = ask($from, $location);
        $may{$from} ? is $r->{status}, 200, "$name is served" : is_error($r, 403, undef, "$name is refused");
    }
}
my $plain = 'http://address';
my $refused = ask($plain, 'scim');
like $refused->{json}{detail}, qr{only served over TLS: use https://.* token .* may be known to others; delete it}, 'the error says what to do';
is_error(ask($plain, 'scim', headers => { $_->[0] => $_->[1] }), 403, undef, "a client's word is nothing: $_->[0]")
    for ['X-Forwarded-Proto', 'https'], ['Forwarded', 'proto=https'], ['X-Forwarded-For', '127.0.0.1'], ['X-Forwarded-Ssl', 'on'], ['Front-End-Https', 'on'];
is_error(ask($plain, 'scim', token => 'no'), 403, undef, 'a token is not even looked at');
is_error(ask($plain, 'scim', token => undef, target => "/scim/$org->{key}/v2/ServiceProviderConfig"), 403, undef, 'nor is anything else served');
is_error(ask($plain, 'scim', method => 'POST', body => { userName => user_name(), displayName => 'x' }), 403, undef, 'a write is refused');
is event_count($org), 0, 'and not done';

# Where a proxy ends TLS
is ask($plain, 'proxy', headers => { 'X-Forwarded-Proto' => 'https' })->{status}, 200, 'a request that reached the proxy by TLS is served';
is_error(ask($plain, 'proxy'), 403, undef, 'any other is refused');
is_error(ask($plain, 'proxy', headers => { 'X-Forwarded-Proto' => 'http' }), 403, undef, 'or came in the clear');
is_error(ask($plain, 'other', headers => { 'X-Forwarded-Proto' => 'https' }), 403, undef, 'and so is who is not that proxy');

# The settings page
sub page {
    my ($from, $path) = @_;
    return $client{$from}->request(GET => "/organizations/$org->{key}/$path", [Authorization => 'Basic ' . MIME::Base64::encode("$org->{issuer_name}:x", '')]);
}
for my $from (sort keys %client) {
    my ($page, $script, $api) = map { page($from, $_) } '', 'admin.js', 'api/settings';
    my $status = $from eq $plain ? 403 : 200;
    is join(' ', map { $_->{status} } $page, $script, $api), "$status $status $status", "the settings page at $from";
    next if $status == 200;
    like $page->{content}, qr{<h1>TLS is required</h1>.*https://.*lang="ja"}s, 'says why, in both languages';
    unlike $page->{content}, qr/signed in/, 'without asking who it is';
    like $api->{content}, qr/"message":"This URL is only served over TLS/, 'the API in JSON';
}
my $log = do { open my $in, '<', $own->{error_log}; local $/; <$in> };
like $log, qr/SCIM0001: 403 for GET .*only served over TLS.* Cause: SCIMRequireTLS/, 'the log names the directive';
$own->stop;
done_testing;
