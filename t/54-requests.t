# SPDX-License-Identifier: Apache-2.0
# The log of requests: what each kind of request leaves, without any value; how
# requests are counted together, and how long they are kept.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use MIME::Base64 ();
use Scim::Server;
use Scim::Test;

own_server();           # requests are counted by the second
my $org = organization(profile => 'open');

sub call {
    my ($path, %o) = @_;
    my $of = $o{org} || $org;
    my $r = Scim::Test::http()->request(GET => "/organizations/$of->{key}/api/$path",
        [Authorization => 'Basic ' . MIME::Base64::encode("$of->{issuer_name}:x", '')]);
    $r->{json} = JSON::PP->new->utf8->decode($r->{content});
    return $r;
}
sub entries { my ($query, %o) = @_; return @{ call('requests?count=100' . ($query // ''), %o)->{json}{entries} } }

sub counted {
    my ($of) = @_;
    return (sql('SELECT coalesce(sum(requests), 0) FROM scim.request WHERE organization_id = $1', $of->{id}))[0][0];
}

# The id of a request that was sent, by which its row is found.
my ($sent, %row) = (0);
sub sent { my ($r) = @_; $sent++; return $r->{headers}{'x-request-id'} }
sub settle {
    Scim::Server::wait_until("$sent requests in the log", 8, sub { counted($org) == $sent });
    %row = map { $_->{requestId} => $_ } entries();
    return;
}
sub is_row {
    my ($row, $expected, $name) = @_;
    return is_deeply { map { $_ => $row->{$_} } keys %$expected }, $expected, $name;
}

is call('health')->{json}{waiting}, TRUE, 'nothing has come yet';
my $base = "/$org->{key}/v2";
my $secret = 'Secretperson';
sub named { my ($name, %more) = @_; return { schemas => [CORE], userName => $name, displayName => $secret, %more } }

# All kinds of requests
my $made = $org->post('/Users', named(lc "$secret\@example.com", name => { givenName => $secret }, title => $secret, &ENT => { department => $secret }));
my ($created, $user) = (sent($made), $made->{json});
my $patched = sent($org->patch_ops($user->{id}, { op => 'Replace', path => 'title', value => "$secret 2" },
    { op => 'add', path => 'emails[type eq "work"].value', value => "$secret\@example.com" },
    { op => 'replace', value => { active => FALSE, 'name.familyName' => $secret } }));
my $unchanged = sent($org->patch_ops($user->{id}, { op => 'replace', path => 'title', value => "$secret 2" }));
my %filter = (
    "userName eq \"$user->{userName}\"" => 'userName eq "…"',
    'displayName co "x" and (active eq true or not (title pr))' => 'displayName co "…" and (active eq … or not (title pr))',
    'emails[type eq "work" and value sw "a"]' => 'emails[type eq "…" and value sw "…"]',
    'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "x"' => 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "…"',
    'meta.lastModified gt "2020-01-01T00:00:00Z"' => 'meta.lastModified gt "…"', 'title eq null' => 'title eq null');
my %filtered = map { $_ => sent($org->filter($_)) } sort keys %filter;
my $broken = sent($org->filter("$secret eq \"$secret\""));
my $searched = sent($org->post('/Users/.search', { schemas => ['urn:ietf:params:scim:api:messages:2.0:SearchRequest'], filter => "title eq \"$secret\"" }));
my $refused = sent($org->post('/Users', named($user->{userName})));
my $put = sent($org->put("/Users/$user->{id}", named($user->{userName}, displayName => "$secret 3")));
my $bulk = sent($org->post('/Bulk', { schemas => [BULK], Operations => [
    (map { { method => 'POST', path => '/Users', bulkId => "b$_", data => named(user_name()) } } 1 .. 3),
    { method => 'PATCH', path => "/Users/$user->{id}", data => { schemas => [PATCHOP], Operations => [{ op => 'replace', path => 'title', value => $secret }] } },
    { method => 'DELETE', path => "/Users/$secret" }] }));
my $other = $org->post('/Users', named(user_name()));
my @others = (sent($other), sent($org->delete("/Users/$other->{json}{id}")));
my $group = $org->post('/Groups', { schemas => ['urn:ietf:params:scim:schemas:core:2.0:Group'], displayName => $secret });
my $grouped = sent($group);
my $filled = sent($org->patch("/Groups/$group->{json}{id}", { schemas => [PATCHOP],
    Operations => [map { { op => 'add', path => 'members', value => [{ value => $user->{id} }] } } 1 .. 57] }));
# What is hostile; the long filter differs from those above, or it could be counted
# together with one of them
my @hostile = map { sent($_) } $org->get("/Users/$secret\@example.com"), $org->get("/$secret\@example.com"),
    $org->get('/Users/' . uri('a"b' . $secret) . "/$secret"), $org->get('/Users?filter=' . uri('displayName eq "' . $secret x 600 . '"')),
    $org->get("/Users/%C3%A4%FF$secret"), $org->request('SECRETPERSON', '/Users'),
    $org->post('/Users', { schemas => [CORE], "x\n$secret x" => 1, userName => 7 });
$org->get('/Users', token => $_) for 'wrong', 'scim_' . 'a' x 64;
settle();

is_row $row{$created}, { method => 'POST', path => "$base/Users", status => 201, outcome => 'changed', token => 'test', resourceType => 'User',
                         resourceId => $user->{id}, userName => $user->{userName}, count => 1, changes => 1, warnings => 0 }, 'a creation is a row';
is_deeply [sort @{ $row{$created}{operations} }], [qw(department displayName name title userName)], 'with the names of what was sent';
cmp_ok $row{$created}{duration}, '>', 100, 'how long it took';
like $row{$created}{at}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\z/, 'and when it was';
is_deeply $row{$patched}{operations}, ['replace title', 'add emails[type eq "…"].value', 'replace active', 'replace name.familyName'],
    'a PATCH shows paths, values in them are masked';
is_row $row{$patched}, { method => 'PATCH', path => "$base/Users/$user->{id}", status => 200, outcome => 'changed', changes => 1 }, 'and that it changed something';
is_row $row{$unchanged}, { outcome => 'read', changes => 0, status => 200 }, 'one that changes nothing is there as well';
is_row $row{ $filtered{$_} }, { method => 'GET', path => "$base/Users", filter => $filter{$_}, outcome => 'read', status => 200, resourceId => undef }, "masked: $_"
    for sort keys %filter;
is_row $row{$broken}, { filter => '…', status => 400, scimType => 'invalidFilter', outcome => 'refused' }, 'of a filter that is wrong nothing is shown';
is_row $row{$searched}, { method => 'POST', path => "$base/Users/.search", filter => 'title eq "…"', outcome => 'read', operations => [] }, 'a search in a body has its filter as well';
is_row $row{$refused}, { status => 409, scimType => 'uniqueness', outcome => 'refused', changes => 0 }, 'a refusal is a row';
is_row $row{$put}, { method => 'PUT', outcome => 'changed' }, 'a PUT is a row';
is_deeply [sort @{ $row{$put}{operations} }], [qw(displayName userName)], 'and shows names';
is_row $row{$bulk}, { path => "$base/Bulk", status => 200, operations => ['5 operations', 'POST /Users ×3', 'PATCH /Users', 'DELETE /Users'], changes => 4 },
    'a bulk request has the kinds of its operations';
is_row $row{ $others[1] }, { method => 'DELETE', status => 204, outcome => 'changed', resourceId => $other->{json}{id}, userName => undef }, 'so is a deletion';
is_row $row{$filled}, { operations => ['add members ×57'], resourceType => 'Group', resourceId => $group->{json}{id}, changes => 1 }, 'equal operations are counted';
is_deeply [map { $row{$_}{path} } @hostile], ["$base/Users/…", "$base/…", "$base/Users/…/…", "$base/Users", "$base/Users/…", "$base/Users", "$base/Users"],
    'a path shows nothing that may be a value';
is $row{ $hostile[5] }{method}, '…', 'nor does a method that is none';
is_deeply [sort @{ $row{ $hostile[6] }{operations} }], ['userName', '…'], 'nor a name that is none';
my $everything = join "\n", map { @$_ } sql('SELECT to_jsonb(r) FROM scim.request r');
unlike $everything, qr/secretperson/i, 'no row has a value';
unlike $everything, qr/\Q$org->{token}\E/, 'or a token';
is counted($org), $sent, 'strangers leave nothing';

# Equal reads
my $before = scalar entries();
sent($org->get("/Users/$_")) for ($user->{id}) x 100, $org->{issuer};
settle();
my @reads = grep { $_->{method} eq 'GET' && $_->{path} =~ m{/Users/} && $_->{status} == 200 } values %row;
cmp_ok scalar(@reads), '<=', 3, 'a hundred reads are a row, or two if a second ended meanwhile';
my $number = 0;
$number += $_->{count} for @reads;
is $number, 101, 'with their number';
ok !(grep { $_->{count} > 1 && defined $_->{resourceId} && $_->{path} !~ /\Q$_->{resourceId}\E\z/ } @reads), 'a row names an account only if it is about that one';

# The API
my @changed = entries('&outcome=changed');
is_deeply [grep { $_ ne 'changed' } map { $_->{outcome} } @changed], [], 'changes alone';
cmp_ok scalar(@changed), '>=', 6, 'all of them';
is_deeply [grep { $_ ne 'refused' } map { $_->{outcome} } entries('&outcome=refused')], [], 'refusals alone';
is scalar(entries('&token=nobody')), 0, 'those of one token';
is scalar(entries('&token=test')), scalar(entries()), 'by its name';
is scalar(entries('&since=2100-01-01T00:00:00Z')), 0, 'since a time';
is scalar(entries('&until=' . (sort map { $_->{at} } values %row)[0])), 0, 'until a time';
my ($page, @pages) = ({ next => '' });
while (defined $page->{next}) {
    $page = call("requests?count=7&before=$page->{next}")->{json};
    push @pages, @{ $page->{entries} };
    last if @pages > 200;
}
is_deeply [map { $_->{requestId} } @pages], [map { $_->{requestId} } entries()], 'pages join without gap or repetition';
for my $wrong (qw(outcome=x before=x before=1- before=99999999999999999999-1 since=x until=2020 count=0)) {
    is call("requests?$wrong")->{status}, 400, "$wrong is refused";
}

# Sums and health
my $health = call('health')->{json};
is $health->{lastRequest}{token}, 'test', 'the last request is known by its token';
cmp_ok $health->{lastChange}{at}, 'le', $health->{lastRequest}{at}, 'so is the last change';
is scalar(@{ $health->{hours} }), 24, 'a day of hours';
is scalar(@{ $health->{days} }), 7, 'a week of days';
is $health->{hours}[-1]{requests} + $health->{hours}[-2]{requests}, $sent, 'with all requests';
is $health->{days}[-1]{changes}, (sql('SELECT sum(changes) FROM scim.request WHERE organization_id = $1', $org->{id}))[0][0], 'and changes';
is $health->{days}[-1]{refusals}, (sql('SELECT count(*) + 1 FROM scim.request WHERE organization_id = $1 AND status >= 400', $org->{id}))[0][0],
    'and refusals, those in a bulk request included';
is $health->{waiting}, FALSE, 'it does not wait any more';
is_deeply [map { $_->{name} } @{ $health->{tokens} }], ['test'], 'tokens are there';

# Accounts that were seen
my $quiet = organization(profile => 'open');
my ($never, $listed) = map { (sql('INSERT INTO scim.account (organization_id, user_name, display_name) VALUES ($1, $2, $2) RETURNING id', $quiet->{id}, $_))[0][0] } qw(never listed);
is call('health', org => $quiet)->{json}{neverTouched}, 3, 'accounts that were never asked for are counted';
$quiet->filter('userName eq "listed"');
Scim::Server::wait_until('the account to be seen', 5, sub { call('health', org => $quiet)->{json}{neverTouched} == 2 });
sql(q{UPDATE scim.token SET last_used_at = now() - interval '90 seconds' WHERE id = $1}, $quiet->{token_id});
$quiet->get('/Users?count=0');
Scim::Server::wait_until('the use of the token', 5, sub { (sql(q{SELECT last_used_at > now() - interval '1 minute' FROM scim.token WHERE id = $1}, $quiet->{token_id}))[0][0] eq 't' });
pass 'the use of a token is recorded with the log';
is_deeply [sql('SELECT account_id, seen_on = (now() AT TIME ZONE $2)::date FROM scim.account_seen WHERE organization_id = $1', $quiet->{id}, 'UTC')],
    [[$listed, 't']], 'an account that was found is seen today';
sql('DELETE FROM scim.account WHERE organization_id = $1 AND id = $2', $quiet->{id}, $listed);
is scalar(sql('SELECT 1 FROM scim.account_seen WHERE organization_id = $1', $quiet->{id})), 0, 'and forgotten with the account';

# Retention
sql(q{INSERT INTO scim.request (organization_id, occurred_at, token_id, actor_name, method, path, status, request_id, duration)
      SELECT $1, now() - interval '1 day', $2, 'test', 'GET', '/x', 200, 'x', 1 FROM generate_series(1, 6000)}, $quiet->{id}, $quiet->{token_id});
sql(q{INSERT INTO scim.request (organization_id, occurred_at, token_id, actor_name, method, path, status, request_id, duration)
      SELECT $1, now() - interval '8 days', $2, 'test', 'GET', '/old', 200, 'x', 1}, $quiet->{id}, $quiet->{token_id});
is scalar(grep { $_->{path} eq '/old' } @{ call('requests?count=100&until=' . uri((sql(q{SELECT to_char(now() - interval '7 days', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')}))[0][0]), org => $quiet)->{json}{entries} }),
    0, 'what is older than a week is not shown';
# Each process deletes them with every sixteenth of its batches, of a second each;
# the connection changes between two processes.
Scim::Server::wait_until('old rows to go', 40, sub {
    $quiet->post('/Users', {}) for 1 .. 3;
    (sql('SELECT count(*) FROM scim.request WHERE organization_id = $1', $quiet->{id}))[0][0] <= 5200;
});
pass 'about five thousand are kept';

# What pages ask for is read from indexes, in their order.  The log is written meanwhile.
my @plans = query_plans(sub { call($_) for 'requests', 'requests?outcome=refused&token=test', 'health' });
my @own = grep { /scim\.request\b/ && !/(?:INSERT INTO|DELETE FROM) scim\.request\b/ } @plans;
is scalar(@own), 3, 'a list, a choice and the health are a statement each';
unlike join('', @own), qr/Seq Scan/, 'none reads a table whole';
like $own[2], qr/using account_by_label/, 'accounts are counted by an index that has them in order';
done_testing;
