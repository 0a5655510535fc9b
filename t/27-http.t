# SPDX-License-Identifier: Apache-2.0
# HTTP: who gets in, methods, media types, bodies, and errors of httpd itself.
use strict;
use warnings;
use lib 't/lib';
use Scim::Test;

own_server();           # its log is measured
my $org = organization();
my $other = organization();
my $user = $org->create;

# 401, all alike
my $expired = $org->new_token(expires_at => '2020-01-01');
my %refused = (
    'no token' => $org->get('/Users', token => undef),
    'a wrong token' => $org->get('/Users', token => 'scim_wrong'),
    'a token of another organization' => $org->get('/Users', token => $other->{token}),
    'an expired token' => $org->get('/Users', token => $expired),
    'an unknown organization' => $org->request(GET => '', target => '/scim/unknown/v2/Users'),
    'Basic' => $org->get('/Users', headers => { Authorization => 'Basic YTpi' }),
    'a token with a blank' => $org->get('/Users', token => 'a b'),
    'a token of 6,000 bytes' => $org->get('/Users', token => 'a' x 6000),
    'a token in the query' => $org->get("/Users?access_token=$org->{token}", token => undef),
);
for my $why (sort keys %refused) {
    is_error($refused{$why}, 401, undef, "AUTH-03: $why");
    like $refused{$why}{headers}{'www-authenticate'}, qr/^Bearer realm=/, 'AUTH-01: a challenge';
    is $refused{$why}{content}, $refused{'no token'}{content}, 'AUTH-16: the same body for all';
}
unlike $refused{'no token'}{headers}{'www-authenticate'}, qr/error/, 'AUTH-02: no error code where no token was sent';
like $refused{'a wrong token'}{headers}{'www-authenticate'}, qr/error="invalid_token"/, 'AUTH-03: invalid_token';
is $org->get('/Users', token => undef, headers => { Authorization => "bEARER $org->{token}" })->{status}, 200, 'AUTH-04: the scheme in any case';
my $second = $org->new_token;
is $org->get('/Users', token => $second)->{status}, 200, 'a second token works beside the first';
sql('DELETE FROM scim.token WHERE id = $1', $org->{token_id});
is $org->get('/Users', token => $second)->{status}, 401, 'EX12: a deleted token fails on the very next request' for 1 .. 8;
is $org->get('/Users')->{status}, 200, 'the other one still works';
is_error($org->post('/Users', 'x' x 3_000_000, token => 'no'), 401, undef, 'AUTH-15: a body is not read before the token is known');
my ($used) = sql('SELECT count(*) FROM scim.token WHERE organization_id = $1 AND last_used_at IS NOT NULL', $org->{id});
is $used->[0], 1, 'the last use of a token is recorded';

# Methods
for my $case (['DELETE', '/Users', 'GET, HEAD, POST, OPTIONS'], ['PATCH', '/Users', 'GET, HEAD, POST, OPTIONS'],
              ['POST', "/Users/$user->{id}", 'GET, HEAD, PUT, PATCH, DELETE, OPTIONS'],
              ['POST', '/Schemas', 'GET, HEAD, OPTIONS'],
              ['DELETE', '/ServiceProviderConfig', 'GET, HEAD, OPTIONS'], ['PUT', '/ResourceTypes/User', 'GET, HEAD, OPTIONS']) {
    my ($method, $path, $allow) = @$case;
    my $r = $org->request($method, $path);
    is_error($r, 405, undef, "HTTP-08: $method $path");
    is $r->{headers}{allow}, $allow, 'HTTP-08: Allow';
}
is_error($org->request(FOO => $_), 501, undef, "HTTP-12: a method that nobody knows, at $_") for '/Users', "/Users/$user->{id}", '/Bulk';
my $head = $org->request(HEAD => "/Users/$user->{id}");
my $get = $org->get("/Users/$user->{id}");
is $head->{status}, 200, 'HTTP-13: HEAD';
is $head->{content}, '', 'HTTP-13: without a body';
is $head->{headers}{$_}, $get->{headers}{$_}, "HTTP-13: the same $_" for qw(etag content-type content-length location);
is $org->request(HEAD => '/Users/nope')->{status}, 404, 'HTTP-14: HEAD of what is not there';
my $trace = $org->request(TRACE => '/Users');
is_error($trace, 405, undef, 'HTTP-48: TRACE, where TraceEnable is Off');
unlike $trace->{content}, qr/\Q$org->{token}/, 'HTTP-48: does not echo a token';
my $options = $org->request(OPTIONS => '/Users');
is $options->{status}, 204, 'HTTP-15: OPTIONS';
is $options->{headers}{allow}, 'GET, HEAD, POST, OPTIONS', 'HTTP-15: Allow';
is_error($org->request($_, '/Me'), 501, undef, "ME-01: $_ /Me") for qw(GET POST PATCH);
is_error($org->get('/nope'), 404, undef, 'INTOP-18: an unknown endpoint');
is_error($org->get('/users'), 404, undef, 'HTTP-43: endpoints are case-sensitive');
is_error($org->get("/Users/$user->{id}/x"), 404, undef, 'below a User there is nothing');
is_error($org->request(GET => '', target => "/scim/$org->{key}/v1/Users"), 400, 'invalidVers', 'HTTP-04: v1');
is_error($org->request(GET => '', target => "/scim/$org->{key}/v3/Users"), 400, 'invalidVers', 'HTTP-04: v3');
is_error($org->request(GET => '', target => '/scim/nothing'), 404, undef, 'a URL without version');

# Queries (H1-H4)
is $org->get($_)->{status}, 200, "H3: $_"
    for '/Users?aadOptscim062020', '/Users/?filter=userName+pr', '/Users?&x', '/Users?a&', '/Users?', "/Users/$user->{id}?", '/Users?foo=%zz&bar=1',
        '/Users?filter=userName%20eq%20%22x%22&', '/Users?aadOptscim062020&filter=userName+eq+%22x%22', '/Users?attributes=', '/Users/',
        '/Users?attributes=emails%5Btype+eq+%22work%22%5D';
is_error($org->get('/Users?filter=%zz'), 400, 'invalidFilter', 'HTTP-33: a broken escape in the filter');
is_error($org->get('/Users?filter=%00'), 400, 'invalidFilter', 'HTTP-33: a zero byte');
is_error($org->get('/Users?filter=%ff'), 400, 'invalidFilter', 'HTTP-33: not UTF-8');
is_error($org->get('/Users?count=%ff'), 400, 'invalidValue', 'HTTP-33: in another parameter');
is_error($org->get('/Users/a%2Fb'), 404, undef, 'GET-04, HTTP-46: %2F is httpd\'s own 404, as SCIM');
my $nul = $org->get('/Users/a%00b');
ok $nul->{status} == 404 || $nul->{status} == 400, 'GET-04: %00';
like $nul->{headers}{'content-type'}, qr/scim\+json/, 'HTTP-46: as SCIM';
is_error($org->get("/Users/$_"), 404, undef, "GET-04: an id that is not UTF-8, $_") for '%ff', 'x' x 59 . '%C3%A9', '%ED%A0%80';
is_error($org->request(PATCH => "/$_"), 404, undef, "ERR-01: nor the endpoint $_") for '%ff', 'x' x 59 . '%C3%A9';
is_error($org->delete('/Users/' . '%C3%A9' x 61 . '%ff'), 404, undef, 'ERR-01: when it is to be deleted');
is +(sql('SELECT count(*) FROM scim.refusal WHERE organization_id = $1 AND path LIKE $2', $org->{id}, '%/Users/' . "\x{e9}" x 40 . '%'))[0][0], 1,
    'ERR-01: which is kept for the administrators all the same';
my $accented = { userName => 'x' . "\x{e9}" x 80 . '@example.com', displayName => 'x' };
is $org->post('/Users', $accented)->{status}, 201, 'a long accented userName';
is_error($org->post('/Users', $accented), 409, 'uniqueness', 'ERR-01: which is taken');
is $org->get("/Users/$_")->{status}, 404, 'GET-04: a hostile id' for 'x' x 5000, '%22%27', '..%5c..', '%F0%9F%98%80';

# Media types
my %body = (displayName => 'x');
sub post_as { my ($type) = @_; return $org->post('/Users', JSON::PP::encode_json({ %body, userName => user_name() }), headers => { 'Content-Type' => $type }) }
is post_as($_)->{status}, 201, 'HTTP-23: ' . ($_ // 'no Content-Type')
    for 'application/scim+json', 'application/json', 'Application/SCIM+JSON; Charset="UTF-8"', 'application/json;charset=utf-8', undef;
is_error(post_as($_), 415, undef, "HTTP-25: $_")
    for 'text/xml', 'application/x-www-form-urlencoded', 'application/json-patch+json', 'application/scim+json; charset=iso-8859-1', 'application/jsonx';
is_error($org->post('/Users', 'x', headers => { 'Content-Encoding' => 'gzip' }), 415, undef, 'HTTP-27: Content-Encoding');
is $org->get('/Users', headers => { Accept => $_ })->{status}, 200, "H1: a GET with Accept $_" for 'text/html', '*/*', 'application/xml';
like $org->get('/Users', headers => { Accept => 'application/json' })->{headers}{'content-type'}, qr{^application/json}, 'HTTP-18: application/json for who asks for it';
is_error($org->get('/Users', headers => { Accept => 'text/html' }, profile => 'strict'), 406, undef, 'HTTP-20: strictly it is 406');

# Bodies
my $count = $org->get('/Users?count=0')->{json}{totalResults};
my $bad = $org->post('/Users', '{"userName": 01}');
is_error($bad, 400, 'invalidSyntax', 'ERR-18: broken JSON');
like $bad->{json}{detail}, qr/byte 14/, 'ERR-18: with the byte offset';
is_error($org->post('/Users', $_), 400, 'invalidSyntax', 'ERR-19: ' . substr $_, 0, 20)
    for '', '[]', '"x"', '5', 'null', '{} x', "\xef\xbb\xbf{}", '{"a":"' . "\xff" . '"}', '{"userName":"a","USERNAME":"b"}', '[' x 5000, '{"a":"\ud800"}';
is_error($org->post('/Users', '{"userName":"a\u0000b@example.com","displayName":"x"}'), 400, 'invalidValue', 'TYPE-02: U+0000');
is_error($org->post('/Users', '{"a":"' . 'x' x 1_100_000 . '"}'), 413, undef, 'a body over SCIMMaxBodySize');
is_error($org->post('/Users', '{"a":"' . 'x' x 3000 . '"}', profile => 'small'), 413, undef, 'a limit of one\'s own');
is $org->get('/Users?count=0')->{json}{totalResults}, $count, 'nothing is stored by a refused request';
is $org->get('/Users')->{status}, 200, 'and the connection goes on';

# Limits that a body below the size limit could exceed
my @many = map { { value => "v$_" } } 1 .. 1001;
is_error($org->post('/Users', { userName => user_name(), displayName => 'x', emails => \@many }), 400, 'invalidValue', 'SEC: 1,001 elements');
is $org->post('/Users', { userName => user_name(), displayName => 'x', emails => [@many[0 .. 999]] })->{status}, 201, 'SEC: 1,000 elements';
is_error($org->patch_ops($user->{id}, map({ { op => 'add', path => 'title', value => "t$_" } } 1 .. 1001)), 413, undef, 'SEC: 1,001 operations');
is_error($org->patch_ops($user->{id}, { op => 'add', value => { map { ("emails[type eq \"t$_\"].value" => 'x') } 1 .. 1001 } }), 413, undef,
    'SEC: 1,001 members of a value without path');
is_error($org->patch_ops($user->{id}, map({ { op => 'add', path => 'emails', value => [map { { value => "v$_" } } $_ * 100 .. $_ * 100 + 99] } } 1 .. 11)),
    400, 'invalidValue', 'SEC: more elements in several operations');
my $log_size = length error_log();
$org->patch_ops($user->{id}, { op => 'add', value => { map { ("unknown$_" => 'x') } 1 .. 900 } });
cmp_ok length(error_log()) - $log_size, '<', 20_000, 'SEC: unknown attributes do not flood the log';

# URLs
my $made = post_as('application/json');
like $made->{headers}{location}, qr{^\Q@{[$org->url]}\E/Users/[0-9a-f-]{36}$}, 'HTTP-36: Location';
is $made->{headers}{location}, $made->{json}{meta}{location}, 'HTTP-36: the same as meta.location';
is $made->{headers}{'content-location'}, $made->{headers}{location}, 'HTTP-38: and Content-Location';
my $small = $org->get("/Users/$user->{id}", profile => 'small');
is $small->{json}{meta}{location}, "https://scim.example.com/provisioning/$org->{key}/v2/Users/$user->{id}", 'SCIMBaseURL is the base of all URLs';
is $small->{headers}{$_}, $small->{json}{meta}{location}, "in $_" for qw(location content-location);
my $raw = Scim::Http->new(server()->{url}, http2 => 0);
$raw->connect;
my $evil = $raw->exchange("GET " . $org->path . "/Users/$user->{id} HTTP/1.1\r\nHost: evil.example\r\nAuthorization: Bearer $org->{token}\r\n\r\n", 'GET');
unlike $evil->{content}, qr/evil/, 'a Host header that does not name this server is not echoed';

# Headers
is $get->{headers}{'cache-control'}, 'no-store', 'SEC-11: Cache-Control';
is $get->{headers}{'x-content-type-options'}, 'nosniff', 'SEC-11: X-Content-Type-Options';
unlike error_log(), qr/scim_[0-9a-f]{64}/, 'SEC-04: no token in the error log';

done_testing;
