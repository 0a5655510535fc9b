# SPDX-License-Identifier: Apache-2.0
# Limits of requests per organization and of wrong tokens per address, and what the log
# and mod_status show of them.
use strict;
use warnings;
use lib 't/lib';
use File::Temp ();
use IO::Select;
use MIME::Base64 ();
use Scim::Process;
use Scim::Test;
use Time::HiRes qw(sleep time);

own_server();           # its tokens are locked for a moment
my $dir = File::Temp::tempdir('scim-rate-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $modules = Scim::Server::modules_dir();
my $mapped = Scim::Server::free_port();
my $conf = <<"CONF";
LoadModule remoteip_module $modules/mod_remoteip.so
LoadModule status_module $modules/mod_status.so
LoadModule info_module $modules/mod_info.so
@{[-e '/proc/net/if_inet6' ? "Listen [::ffff:127.0.0.1]:$mapped" : '']}
StartServers 4
RemoteIPHeader X-Forwarded-For
RemoteIPInternalProxy 127.0.0.1
LogFormat "%P %>s %U" pid
CustomLog pid_log pid
<Location /server-status>
    SetHandler server-status
    Require expr "%{REMOTE_ADDR} == '192.0.2.99'"
</Location>
<Location /server-info>
    SetHandler server-info
    Require expr "%{REMOTE_ADDR} == '192.0.2.99'"
</Location>
<Location /organizations>
    SetHandler scim-admin
    AuthType Basic
    AuthName settings
    AuthBasicProvider anon
    Anonymous *
    Anonymous_MustGiveEmail Off
    Require valid-user
</Location>
SCIMRateLimit 2
CONF
my %says = (scim => 'SCIMRateBurst 5', other => 'SCIMRateBurst 5', slow => "SCIMRateLimit 1\nSCIMRateBurst 20", ten => '',
            free => "SCIMRateLimit 0\nSCIMRateBurst 1");
$conf .= "<Location /$_>\nSetHandler scim\n$says{$_}\nRequire all granted\n</Location>\n" for sort keys %says;
my $limited = Scim::Server->new(dir => $dir, database => server(), conf => $conf)->start;
my $http = Scim::Http->new($limited->{plain_url});
$http->{timeout} = 10;

sub limited_organization { return organization(http => $http) }
my $ONE = '/Users?count=0';

# The statuses of a number of requests, one after the other: "200x5 429x3".
sub said {
    my ($org, $count, %option) = @_;
    my @runs;
    for (1 .. $count) {
        my $status = $org->get($ONE, %option)->{status};
        @runs && $runs[-1][0] == $status ? $runs[-1][1]++ : push @runs, [$status, 1];
    }
    return join ' ', map { "$_->[0]x$_->[1]" } @runs;
}

sub content {
    my ($file) = @_;
    open my $in, '<', $file or die "$file: $!";
    local $/;
    return scalar <$in>;
}
sub log_lines { my ($number) = @_; return grep { /SCIM$number:/ } split /\n/, content($limited->{error_log}) }

# Send until a request is refused: returns that answer, and whether the expected number
# of requests was let through before, with those that became free meanwhile.
sub exhaust {
    my ($burst, $per_second, $name, $request) = @_;
    my ($start, $count, $r) = (time, 0);
    $count++ while $count < 3000 && ($r = $request->())->{status} != 429;
    my $most = $burst + $per_second * (time - $start) + 3;
    ok $burst <= $count && $count <= $most, $name or diag "$count of $burst to $most";
    return $r;
}

# An organization
my $org = limited_organization();
my $other = limited_organization();
my $new = { userName => user_name(), displayName => 'New' };
my $created = 0;
my $refused = exhaust(5, 2, 'a burst is served, and then so many a second', sub {
    my $r = $org->post('/Users', $new);
    $new->{userName} = user_name() if $r->{status} == 201;
    $created += $r->{status} == 201;
    return $r;
});
is_error($refused, 429, undef, 'HTTP-40: requests over the limit are refused with 429');
like $refused->{headers}{'retry-after'}, qr/^1\z/, 'HTTP-40: with Retry-After in whole seconds';
is $refused->{headers}{'cache-control'}, 'no-store', 'which nobody caches';
is $refused->{json}{detail}, 'This organization has sent more requests than 2 a second. Wait 1 second and try again.', 'and says how long to wait';
is event_count($org), $created, 'nothing was done';
is said($other, 5), '200x5', 'another organization does not notice it';
sleep $refused->{headers}{'retry-after'};
is $org->post('/Users', $new)->{status}, 201, 'the same request succeeds after that time';
my $ten = limited_organization();
exhaust(20, 2, 'without SCIMRateBurst it is ten seconds of SCIMRateLimit', sub { $ten->get($ONE, profile => 'ten') });
is said(limited_organization(), 60, profile => 'free'), '200x60', 'SCIMRateLimit 0 means no limit';
my $ordinary = organization();
is said($ordinary, 500), '200x500', 'the default is none that an identity provider notices';

# Bulk
sub bulk {
    my ($org, $count, %option) = @_;
    my @operations = map { { method => 'POST', path => '/Users', bulkId => "b$_", data => { userName => user_name(), displayName => 'x' } } } 1 .. $count;
    return $org->post('/Bulk', { schemas => [BULK], Operations => \@operations }, profile => 'slow', %option);
}
my $bulk = limited_organization();
is bulk($bulk, 12)->{status}, 200, 'a bulk request within the burst is served';
my $again = bulk($bulk, 12);
is_error($again, 429, undef, 'each of its operations counts as a request');
is event_count($bulk), 12, 'it is refused as a whole, before its first operation';
sleep $again->{headers}{'retry-after'} + 1;
is bulk($bulk, 12)->{status}, 200, 'and served as a whole when there is room';
is event_count($bulk), 24, 'with all operations';
is_deeply [sql('SELECT * FROM scim.refusal WHERE organization_id = $1', $bulk->{id})], [], 'requests over the limit do not show in Activity';
is_error(bulk(limited_organization(), 1001), 413, undef, 'too many operations are refused for that');
my $debtor = limited_organization();
my $served = bulk($debtor, 150);
is join(' ', $served->{status}, map { $_->{status} } @{ $served->{json}{Operations} }), join(' ', 200, (201) x 150),
    'one larger than the burst is served when nothing was sent before';
my $owes = $debtor->get($ONE, profile => 'slow');
ok $owes->{status} == 429 && $owes->{headers}{'retry-after'} > 100 && $owes->{headers}{'retry-after'} <= 131,
    'and the next request waits for all of it' or diag $owes->{content};

# An organization over its limit is refused in every Location.
is said($debtor, 30), '429x30', 'another Location does not evade it';
is $debtor->get('/ServiceProviderConfig', token => undef)->{status}, 200, 'a request without a token is not limited';
is $http->request(GET => "/organizations/$debtor->{key}/", [Authorization => 'Basic ' . MIME::Base64::encode("$debtor->{issuer_name}:x", '')])->{status},
    200, 'and the settings page is served';
is scalar(grep { /organization $debtor->{key}$/ } log_lines('0045')), 1, 'the log has one line for an organization that is limited';
like((log_lines('0045'))[0], qr/\[scim:warn\].* \[client 127\.0\.0\.1:\d+\] SCIM0045: 429: more requests than 2 a second \(SCIMRateLimit\) of the organization $org->{key}$/,
    'at the level warn, and which one');

# The organization is charged only after the token was found.
my $victim = limited_organization();
my $wrong = 'scim_' . '0' x 64;
is said($victim, 20, token => $wrong, headers => { 'X-Forwarded-For' => '192.0.2.1' }), '401x20', 'guessed tokens are refused';
is said($victim, 5), '200x5', "and do not count for the organization of the URL";

# Processes
my ($pids, $through, $took);
for (1 .. 20) {
    my $shared = limited_organization();
    my $mark = random_name();
    my @clients = map { Scim::Http->new($limited->{plain_url}) } 1 .. 40;
    $_->connect for @clients;
    my $start = time;
    my @status = map { local $shared->{http} = $_; $shared->get("/Users/$mark", profile => 'slow')->{status} } @clients;
    $took = time - $start;
    my %pids = map { $_ => 1 } map { /^(\d+) \d+ \S+$mark$/ ? $1 : () } split /\n/, content("$limited->{dir}/httpd/pid_log");
    ($pids, $through) = (scalar keys %pids, scalar grep { $_ == 404 } @status);
    last if $pids > 1;
}
cmp_ok $pids, '>', 1, 'several child processes';
cmp_ok $through, '<=', 20 + $took + 1, 'count together';
sub children { return split ' ', Scim::Process::run(['pgrep', '-P', $limited->httpd_pid])->{out} }
my %old = map { $_ => 1 } children();
$limited->graceful;
Scim::Server::wait_until('other children', 20, sub { my @now = children(); @now && !grep { $old{$_} } @now });
my $kept = $debtor->get($ONE, profile => 'slow');
ok $kept->{status} == 429 && $kept->{headers}{'retry-after'} > 1 && $kept->{headers}{'retry-after'} < $owes->{headers}{'retry-after'},
    'after a graceful restart an organization owes what it owed' or diag $kept->{content};

# Addresses
sub from { my ($address) = @_; return (headers => { 'X-Forwarded-For' => $address }) }
sub guesses { my ($address, $count) = @_; return said($org, $count, token => $wrong, from($address)) }
sub guess_on {
    my ($address, $name, %option) = @_;
    return exhaust($option{burst} // 100, 10, $name, sub { ($option{as} || $org)->get($ONE, token => $option{token} // $wrong, profile => 'free', from($address)) });
}
# Until the address is at its limit again.
sub guess_at_last { my ($address) = @_; for (1 .. 3000) { last if guesses($address, 1) =~ /^429/ } }
my $neighbour = organization(http => $http, profile => 'managed');
is $neighbour->get($ONE, profile => 'free', from('198.51.100.1'))->{status}, 200, 'an identity provider was there';
my $turned = guess_on('198.51.100.1', 'too many wrong tokens from its address');
is_error($turned, 429, undef, 'are refused with 429');
is $turned->{headers}{'retry-after'}, 1, 'with Retry-After';
is $turned->{json}{detail}, 'Too many requests with wrong tokens from this address. Wait 1 second and try again.', 'which says why';
is $neighbour->get($ONE, profile => 'free', from('198.51.100.1'))->{status}, 200, 'the identity provider goes on' for 1 .. 3;
is guesses('198.51.100.2', 3), '401x3', 'other addresses are their own';
guess_on('2001:db8:1:2::1', 'so it is with IPv6');
guess_on('2001:db8:1:2:ffff::2', 'where a /64 is one address', burst => 0);
is guesses('2001:db8:1:3::1', 3), '401x3', 'and another /64 another one';
guess_on('::ffff:198.51.100.9', 'an IPv4 address in IPv6');
is guesses('::ffff:198.51.100.10', 3), '401x3', 'is one address alone';

SKIP: {
    skip 'no IPv6 here', 1 unless -e '/proc/net/if_inet6';
    Scim::Http->new("http://127.0.0.1:$mapped")->request(GET => $org->path, [Authorization => "Bearer $wrong"]);
    like((log_lines('0047'))[-1], qr/from 127\.0\.0\.1,/, 'and so it is at a socket of IPv6');
}

# A deleted token counts as a wrong one.
my $revoked = limited_organization();
my %FREE = (profile => 'free');
is said($revoked, 3, %FREE, from('198.51.100.3')), '200x3', 'a token is good';
sql('DELETE FROM scim.token WHERE organization_id = $1', $revoked->{id});
guess_on('198.51.100.3', 'after its deletion it is as wrong as others', as => $revoked, token => $revoked->{token});
my $good = $revoked->new_token;
is $revoked->get($ONE, %FREE, token => $good, from('198.51.100.4'))->{status}, 200, 'a new one is good elsewhere';
is $revoked->get($ONE, %FREE, token => $good, from('198.51.100.3'))->{status}, 200, 'and then there, too';
sleep 1;
is $neighbour->get($ONE, token => $neighbour->new_token, from('198.51.100.1'))->{status}, 200, 'and one that nobody knows, when the wrong ones have stopped';
is said($revoked, 150, %FREE, token => $good, from('198.51.100.5')), '200x150', 'a good one is not limited by its address';

# Refused requests do not read the table of tokens, which is locked now.
guess_at_last('198.51.100.1');
my $locker = Scim::Process->start([server()->psql('-qX')], in => 'pipe');
$locker->say('BEGIN; LOCK TABLE scim.token IN ACCESS EXCLUSIVE MODE;');
Scim::Server::wait_until('the lock', 20, sub {
    (sql(q{SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'scim.token'::regclass}))[0][0] > 0;
});
for my $token ('x', 'wrong', 'scim_' . '0' x 63, 'scim_' . '0' x 65, 'scim_' . 'G' x 64, 'scam_' . '0' x 64, '0' x 64, 'a.b.c', 'a' x 6000) {
    is $org->get($ONE, token => $token)->{status}, 401, 'no token: ' . substr $token, 0, 20;
}
my $bearer = "Bearer $org->{token}";
is $org->get($ONE, token => undef, headers => { Authorization => $_ })->{status}, 401, 'no token: ' . substr $_, 0, 10
    for 'Basic eDp5', 'Bearer', "$bearer x", "X$bearer";
is $debtor->get($ONE)->{status}, 429, 'the requests of a limited organization are not looked up';
my @guessing = map { Scim::Http->new($limited->{plain_url}) } 1 .. 30;
$_->send_only('GET ' . $org->path . "$ONE HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $wrong\r\nX-Forwarded-For: 198.51.100.1\r\n\r\n") for @guessing;
my $answered = 0;
# Ten a second are looked up, and wait for the lock.
Scim::Server::wait_until('the guesses are answered', 10, sub {
    my %ready = map { $_ => 1 } IO::Select->new(map { $_->{socket} } @guessing)->can_read(0.1);
    $answered += grep { $ready{ $_->{socket} } && $_->answer('GET')->{status} == 429 } @guessing;
    @guessing = grep { !$ready{ $_->{socket} } } @guessing;
    return $answered >= 15;
});
cmp_ok $answered, '>=', 15, 'nor are the guesses from a limited address';
$locker->say('COMMIT;');
$locker->close_input;
@guessing = ();

# The log
like((grep { /from 198\.51\.100\.3[, ]/ } log_lines('0046'))[0],
    qr/\[scim:warn\].*SCIM0046: 429: too many wrong tokens from 198\.51\.100\.3, the last one for the organization $revoked->{key}$/,
    'the log has a line for an address that is limited');
my @failed = grep { /from 198\.51\.100\.2[, ]/ } log_lines('0047');
is scalar @failed, 1, 'and one for the wrong tokens that come together';
like $failed[0], qr/\[scim:warn\].*SCIM0047: 401: a wrong token from 198\.51\.100\.2, for the organization $org->{key}$/, 'with address and organization';
like join("\n", log_lines('0047')), qr{from 2001:db8:1:3::/64, for}, 'of IPv6, the network';
sleep 10;
guesses('198.51.100.2', 1);
like((log_lines('0047'))[-1], qr/from 198\.51\.100\.2 \(and 2 more since the last such line\), for/, 'the next line, after ten seconds, has the number of the others');
is $http->request(GET => '/scim/a%0A[crit]%20%1B[31m' . 'x' x 200 . '/v2/Users', [Authorization => "Bearer $wrong", 'X-Forwarded-For' => '198.51.100.20'])->{status}, 404,
    'a text that cannot be the key of an organization is 404';
unlike((log_lines('0047'))[-1], qr/from 198\.51\.100\.20,/, 'and is not in the log');
$http->request(GET => $org->path . $ONE, [Authorization => 'Basic c2VjcmV0', 'X-Forwarded-For' => '198.51.100.21']);
like((log_lines('0047'))[-1], qr/from 198\.51\.100\.21,/, 'a scheme that is not Bearer is in it');
$http->request(GET => $org->path . $ONE, ['X-Forwarded-For' => '198.51.100.22']);
unlike((log_lines('0047'))[-1], qr/from 198\.51\.100\.22,/, 'a client without a token is not in it');
unlike content($limited->{error_log}), qr/$org->{token}|$wrong|c2VjcmV0|exit signal/, 'no token is in the log, and no child crashed';

# mod_status
my @operator = ('X-Forwarded-For' => '192.0.2.99');
my $auto = $http->request(GET => '/server-status?auto', \@operator)->{content};
like $auto, qr/^ScimLimited: [1-9]\d*$/m, 'mod_status counts what was limited';
like $auto, qr/^ScimLimitedOrganizations:(?: [a-z]+=\d+){5}$/m, 'and has the organizations that were most often';
like $auto, qr/^ScimRequests: [1-9]\d*\nScimVersion: \d+\.\d+\.\d+$/m, 'beside all requests, and the version';
my ($most) = $auto =~ /^ScimLimitedOrganizations: (\S+)=/m;
is $most, $debtor->{key}, 'the first one first';
like $auto, qr/^ScimFailedTokens: [1-9]\d*\nScimTurnedAway: [1-9]\d*$/m, 'wrong tokens and those that were not looked up as well';
like $http->request(GET => '/server-status', \@operator)->{content}, qr{<h2>mod_scim</h2>\n<dl>\n<dt>ScimLimited: \d+</dt>\n<dt>ScimLimitedOrganizations: $debtor->{key}=},
    'as a page, too';
my $info = $http->request(GET => '/server-info?server', \@operator)->{content};
like $info, qr{Server Version:.*? mod_scim/\d+\.\d+\.\d+}, 'mod_info shows the version, too';
my $denied = $http->request(GET => '/server-status?auto', []);
is $denied->{status}, 403, 'for a person who may not see it';
unlike $denied->{content}, qr/Scim|$org->{key}/, 'sees no organization';
$limited->stop;
done_testing;
