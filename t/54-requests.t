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

# The rows of what code requests, once as many are there, the oldest first.
my $sent = 0;
sub rows_of {
    my ($count, $code) = @_;
    my %before = map { $_->{requestId} => 1 } entries();
    $code->();
    $sent += $count;
    Scim::Server::wait_until("$sent requests in the log", 8, sub { counted($org) >= $sent });
    return reverse grep { !$before{ $_->{requestId} } } entries();
}
sub is_row {
    my ($row, $expected, $name) = @_;
    return is_deeply { map { $_ => $row->{$_} } keys %$expected }, $expected, $name;
}

is call('health')->{json}{waiting}, TRUE, 'nothing has come yet';
my $base = "/$org->{key}/v2";
my $secret = 'Secretperson';
my ($user, $other);
my ($created) = rows_of(1, sub {
    $user = $org->create(userName => lc "$secret\@example.com", displayName => $secret, name => { givenName => $secret }, title => $secret,
                         &ENT => { department => $secret });
});
is_row $created, { method => 'POST', path => "$base/Users", status => 201, outcome => 'changed', token => 'test', resourceType => 'User',
                   resourceId => $user->{id}, userName => $user->{userName}, count => 1, changes => 1, warnings => 0 }, 'a creation is a row';
is_deeply [sort @{ $created->{operations} }], [qw(department displayName name title userName)], 'with the names of what was sent';
cmp_ok $created->{duration}, '>', 100, 'how long it took';
like $created->{at}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\z/, 'and when it was';

my @patches = rows_of(2, sub {
    $org->patch_ops($user->{id}, { op => 'Replace', path => 'title', value => "$secret 2" },
                    { op => 'add', path => 'emails[type eq "work"].value', value => "$secret\@example.com" },
                    { op => 'replace', value => { active => FALSE, 'name.familyName' => $secret } });
    $org->patch_ops($user->{id}, { op => 'replace', path => 'title', value => "$secret 2" });
});
is_deeply $patches[0]{operations}, ['replace title', 'add emails[type eq "…"].value', 'replace active', 'replace name.familyName'],
    'a PATCH shows paths, values in them are masked';
is_row $patches[0], { method => 'PATCH', path => "$base/Users/$user->{id}", status => 200, outcome => 'changed', changes => 1 }, 'and that it changed something';
is_row $patches[1], { outcome => 'read', changes => 0, status => 200 }, 'one that changes nothing is there as well';

my ($found) = rows_of(1, sub { $org->filter('userName eq "' . $user->{userName} . '"') });
is_row $found, { method => 'GET', path => "$base/Users", filter => 'userName eq "…"', outcome => 'read', status => 200, resourceId => undef },
    'a search has its filter with a masked value';
for my $case (['displayName co "x" and (active eq true or not (title pr))', 'displayName co "…" and (active eq … or not (title pr))'],
              ['emails[type eq "work" and value sw "a"]', 'emails[type eq "…" and value sw "…"]'],
              ['urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "x"',
               'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "…"'],
              ['meta.lastModified gt "2020-01-01T00:00:00Z"', 'meta.lastModified gt "…"'], ['title eq null', 'title eq null']) {
    my ($filter, $shown) = @$case;
    my ($row) = rows_of(1, sub { $org->filter($filter) });
    is_row $row, { filter => $shown, status => 200 }, "$filter";
}
my ($broken) = rows_of(1, sub { $org->filter("$secret eq \"$secret\"") });
is_row $broken, { filter => '…', status => 400, scimType => 'invalidFilter', outcome => 'refused' }, 'of a filter that is wrong nothing is shown';
my ($searched) = rows_of(1, sub { $org->post('/Users/.search', { schemas => ['urn:ietf:params:scim:api:messages:2.0:SearchRequest'], filter => "title eq \"$secret\"" }) });
is_row $searched, { method => 'POST', path => "$base/Users/.search", filter => 'title eq "…"', outcome => 'read', operations => [] }, 'a search in a body as well';

my @many = rows_of(102, sub {
    $other = $org->create;
    $org->get("/Users/$user->{id}") for 1 .. 100;
    $org->get("/Users/$other->{id}");
});
my ($reads) = grep { $_->{method} eq 'GET' && $_->{count} > 1 } @many;
cmp_ok scalar(@many), '<=', 5, 'a hundred reads are one or two rows';
Scim::Server::wait_until('all rows', 5, sub { counted($org) == $sent });
my @all = sort { $a <=> $b } map { $_->{count} } grep { $_->{method} eq 'GET' && $_->{path} =~ m{/Users/} } entries();
is eval { my $sum = 0; $sum += $_ for @all; $sum }, 101, 'which have their number';
ok !(grep { $_->{count} > 1 && defined $_->{resourceId} && $_->{path} !~ /\Q$_->{resourceId}\E\z/ } entries()), 'a row names an account only if it is about that one';

my ($refused) = rows_of(1, sub { $org->post('/Users', { schemas => [CORE], userName => $user->{userName}, displayName => $secret }) });
is_row $refused, { status => 409, scimType => 'uniqueness', outcome => 'refused', changes => 0 }, 'a refusal is a row';
my ($put) = rows_of(1, sub { $org->put("/Users/$user->{id}", { schemas => [CORE], userName => $user->{userName}, displayName => "$secret 3" }) });
is_row $put, { method => 'PUT', outcome => 'changed' }, 'a PUT is a row';
is_deeply [sort @{ $put->{operations} }], [qw(displayName userName)], 'and shows names';
my ($bulk) = rows_of(1, sub {
    $org->post('/Bulk', { schemas => [BULK], Operations => [
        (map { { method => 'POST', path => '/Users', bulkId => "b$_", data => { schemas => [CORE], userName => user_name(), displayName => $secret } } } 1 .. 3),
        { method => 'PATCH', path => "/Users/$user->{id}", data => { schemas => [PATCHOP], Operations => [{ op => 'replace', path => 'title', value => $secret }] } },
        { method => 'DELETE', path => "/Users/$secret" }] });
});
is_row $bulk, { path => "$base/Bulk", status => 200, operations => ['5 operations', 'POST /Users ×3', 'PATCH /Users', 'DELETE /Users'], changes => 4 },
    'a bulk request has the kinds of its operations';
my ($deleted) = rows_of(1, sub { $org->delete("/Users/$other->{id}") });
is_row $deleted, { method => 'DELETE', status => 204, outcome => 'changed', resourceId => $other->{id}, userName => undef }, 'so is a deletion';

# Groups: hundreds of members
my $group;
my ($made, $filled) = rows_of(2, sub {
    $group = $org->post('/Groups', { schemas => ['urn:ietf:params:scim:schemas:core:2.0:Group'], displayName => $secret })->{json};
    $org->patch("/Groups/$group->{id}", { schemas => [PATCHOP],
        Operations => [map { { op => 'add', path => 'members', value => [{ value => $user->{id} }] } } 1 .. 57] });
});
is_row $filled, { operations => ['add members ×57'], resourceType => 'Group', resourceId => $group->{id}, changes => 1 }, 'equal operations are counted';

# What is hostile
my @hostile = rows_of(7, sub {
    $org->get("/Users/$secret\@example.com");
    $org->get("/$secret\@example.com");
    $org->get('/Users/' . uri('a"b' . $secret) . "/$secret");
    $org->get('/Users?filter=' . uri('userName eq "' . $secret x 600 . '"'));
    $org->get("/Users/%C3%A4%FF$secret");
    $org->request('SECRETPERSON', '/Users');
    $org->post('/Users', { schemas => [CORE], "x\n$secret x" => 1, userName => 7 });
});
is_deeply [map { $_->{path} } @hostile], ["$base/Users/…", "$base/…", "$base/Users/…/…", "$base/Users", "$base/Users/…", "$base/Users", "$base/Users"],
    'a path shows nothing that may be a value';
is $hostile[5]{method}, '…', 'nor does a method that is none';
is_deeply [sort @{ $hostile[6]{operations} }], ['userName', '…'], 'nor a name that is none';
my $strangers = counted($org);
$org->get('/Users', token => 'wrong');
$org->get('/Users', token => 'scim_' . 'a' x 64);
rows_of(1, sub { $org->get('/Schemas') });
is counted($org), $strangers + 1, 'strangers leave nothing';
my $everything = join "\n", map { @$_ } sql('SELECT to_jsonb(r) FROM scim.request r');
unlike $everything, qr/secretperson/i, 'no row has a value';
unlike $everything, qr/\Q$org->{token}\E/, 'or a token';

# The API
my @changed = entries('&outcome=changed');
is_deeply [grep { $_ ne 'changed' } map { $_->{outcome} } @changed], [], 'changes alone';
cmp_ok scalar(@changed), '>=', 6, 'all of them';
is_deeply [grep { $_ ne 'refused' } map { $_->{outcome} } entries('&outcome=refused')], [], 'refusals alone';
is scalar(entries('&token=nobody')), 0, 'those of one token';
is scalar(entries('&token=test')), scalar(entries()), 'by its name';
is scalar(entries('&since=2100-01-01T00:00:00Z')), 0, 'since a time';
is scalar(entries("&until=$created->{at}")), 0, 'until a time';
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
Scim::Server::wait_until('old rows to go', 12, sub {
    $quiet->post('/Users', {}) for 1 .. 3;
    (sql('SELECT count(*) FROM scim.request WHERE organization_id = $1', $quiet->{id}))[0][0] <= 5200;
});
pass 'about five thousand are kept';

done_testing;
