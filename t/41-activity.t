# SPDX-License-Identifier: Apache-2.0
# The activity of an organization: changes and refused requests as one list,
# with scimctl.
use strict;
use warnings;
use lib 't/lib';
use Scim::Process;
use Scim::Test;

own_server();           # its plans are read
my $org = organization();

sub scimctl { return Scim::Process::run([server()->scimctl(@_)])->{out} }
sub entries { return @{ JSON::PP::decode_json(scimctl('activity', 'list', $org->{key}, '--json', @_)) } }

my $user = $org->create(roles => [{ value => 'USER', primary => TRUE }]);
$org->patch_ops($user->{id}, { op => 'replace', path => 'title', value => 'T' });
my ($patched, $created) = entries();
is_deeply [@$created{qw(outcome kind actor userName)}], ['changed', 'urn:ietf:params:scim:event:prov:create:full', 'test', $user->{userName}],
    'a creation is an entry: who, what, whom';
is_deeply [$patched->{attributes}, $patched->{data}], [['title'], { before => {}, after => { title => 'T' } }], 'a change says what was and what is';
cmp_ok $patched->{sequence}, '>', $created->{sequence}, 'the latest is the first';

$org->post('/Users', { userName => $user->{userName}, displayName => 'Twin' });
my ($refused) = entries();
is_deeply [@$refused{qw(outcome method path status scimType userName actor)}], ['refused', 'POST', "/$org->{key}/v2/Users", 409, 'uniqueness', $user->{userName}, 'test'],
    'a refused request is an entry: which request, which status, whom';
like $refused->{detail}, qr/has the userName/, 'and which rule';
$org->patch_ops($org->{issuer}, { op => 'replace', path => 'active', value => FALSE });
($refused) = entries();
is_deeply [@$refused{qw(status accountId userName)}], [403, $org->{issuer}, $org->{issuer_name}], 'a refused change names the account';
is_deeply [@$refused{qw(resourceType resourceId)}], ['User', $org->{issuer}], 'as a resource of its type';
$org->post('/Bulk', { schemas => [BULK], Operations => [{ method => 'DELETE', path => "/Users/$org->{issuer}" }] });
is_deeply [@{ (entries())[0] }{qw(resourceType resourceId accountId)}], ['User', ($org->{issuer}) x 2], 'an operation of a bulk request as well';
for my $request (['/Users', 'User'], ['/Roles', 'Role'], ['/Bulk', undef]) {
    my ($path, $type) = @$request;
    $org->post($path, {});
    is_deeply [@{ (entries())[0] }{qw(path resourceType resourceId accountId)}], ["/$org->{key}/v2$path", $type, undef, undef], "a refused POST $path names the type of its endpoint";
}
my $thing = (sql('SELECT gen_random_uuid()'))[0][0];
$org->delete("/Roles/$thing");
is_deeply [@{ (entries())[0] }{qw(resourceType resourceId accountId)}], ['Role', $thing, undef], 'the id of another resource is none of an account';
my $before = entries();
$org->get('/Users/nope');
$org->get('/Users', token => 'wrong');
is scalar(entries()), $before, 'looking for what is not there, and strangers, leave no entry';
$org->get('/Users?filter=broken');
is scalar(entries()), $before + 1, 'a filter that is wrong does';

$org->patch_ops($user->{id}, { op => 'replace', path => 'roles[primary eq "True"].value', value => 'GUEST' });
is_deeply [map { $_->{userName} } entries('--outcome', 'guest')], [$user->{userName}], 'downgrades to GUEST can be asked for';
is_deeply [grep { $_ ne 'refused' } map { $_->{outcome} } entries('--outcome', 'refused')], [], 'refused requests alone';
is_deeply [grep { $_ ne 'changed' } map { $_->{outcome} } entries('--outcome', 'changed')], [], 'changes alone';
for my $name ($user->{userName}, uc $user->{userName}, $user->{id}) {
    is_deeply [map { $_->{outcome} } entries('--account', $name)], [qw(changed changed refused changed changed)], 'one account, by name or id, refused requests too';
}
is scalar(entries('--count', 2)), 2, 'as many as asked for';
like scimctl('activity', 'list', $org->{key}), qr/refused 409 +POST \S+: Another account/, 'a table for people';

# A deleted account
my $gone = $org->create(roles => [{ value => 'USER', primary => TRUE }]);
$org->post('/Users', { userName => $gone->{userName}, displayName => 'Twin' });
$org->delete("/Users/$gone->{id}");
for my $name ($gone->{userName}, uc $gone->{userName}, $gone->{id}) {
    is_deeply [map { $_->{outcome} eq 'refused' ? 'refused' : $_->{kind} =~ s/.*:prov://r } entries('--account', $name)],
        ['delete', 'refused', 'create:full'], 'the history of an account that is gone is found by its name and id';
}
$org->create(userName => $gone->{userName});
is_deeply [map { $_->{kind} =~ s/.*:prov://r } entries('--account', $gone->{userName}, '--outcome', 'changed')],
    ['create:full', 'delete', 'create:full'], 'and beside that of a new account of this name';

# Changes of the organization itself
scimctl('org', 'disable', $org->{key});
is $org->get('/Users')->{status}, 403, 'provisioning is off';
my ($off, $switch) = entries();
is_deeply [@$off{qw(status path)}], [403, "/$org->{key}/v2/Users"], 'requests that come then are entries';
is_deeply [@$switch{qw(kind actorKind)}], ['urn:mod_scim:event:provisioning:disable', 'operator'], 'so is the switch';
$org->get('/Users?filter=' . uri('userName eq "a"')) for 1 .. 3;
is +(entries())[0]{sequence}, $off->{sequence}, 'the same again within the hour is none, so that a cycle of reads does not push out the rest';
scimctl('org', 'disable', $org->{key});
is +(entries())[0]{sequence}, $off->{sequence}, 'switching off what is off is none';
scimctl('org', 'enable', $org->{key});
my $token = scimctl('token', 'generate', $org->{key}, '--issuer', $org->{issuer_name}, '--name', 'second');
my ($generated) = entries();
is_deeply [$generated->{kind}, $generated->{data}{name}], ['urn:mod_scim:event:token:generate', 'second'], 'a token that is generated';
like scimctl('activity', 'list', $org->{key}), qr/token:generate +second/, 'by its name';
chomp $token;
ok !grep({ JSON::PP::encode_json($_) =~ /\Q$token/ } entries()), 'SEC-04: but not its secret';
scimctl('token', 'delete', $org->{key}, $generated->{data}{id});
is +(entries())[0]{kind}, 'urn:mod_scim:event:token:delete', 'and deleted';

# Bounds
$org->post('/Users', { userName => 'x' x 100_000, displayName => 'x' });
cmp_ok length((entries())[0]{userName}), '<', 600, 'a long name is shortened';
# With four bytes per character, any limit is within a character of one of these.
for my $shift (0 .. 3) {
    $org->post('/Users', { userName => 'x' x $shift . "\x{1F600}" x 400, displayName => 'x' });
    my ($cut) = entries();
    like $cut->{userName}, qr/\Ax{$shift}\x{1F600}{100,200}\.\.\.\z/, "a name that is shortened ends with a whole character ($shift)";
}
sql(q{INSERT INTO scim.refusal (organization_id, actor_name, method, path, status, detail, occurred_at)
      SELECT $1, 'x', 'GET', '/', 400, 'x', now() - interval '31 days' * (n % 2) FROM generate_series(1, 3000) n}, $org->{id});
# They are looked for with one refusal in thirty-two, by chance.
my ($kept, $old) = (2000, 1);
for (1 .. 600) {
    $org->post('/Users', {});
    ($kept, $old) = @{ (sql(q{SELECT count(*), count(*) FILTER (WHERE occurred_at < now() - interval '30 days') FROM scim.refusal WHERE organization_id = $1}, $org->{id}))[0] };
    last if $kept == 1000;
}
is_deeply [$kept, $old], [1000, 0], 'the latest thousand refusals of 30 days are kept';
is scalar(grep { /another organization/ } map { $_->{detail} // '' } entries('--outcome', 'refused')), 0, 'nothing of others';
is_deeply [entries('--account', 'nobody@example.com')], [], 'of nobody there is nothing';

# Following, while more happens at the same time than one look lists
my @follow = server()->scimctl('--json', 'activity', 'list', $org->{key}, '--follow', '--count', 5);
my $follower = Scim::Process->start(\@follow, out => 'pipe');
$follower->line for 1 .. 5;
my @many = map { user_name() } 1 .. 300;
my $bulk = $org->post('/Bulk', { schemas => [BULK], Operations => [map { { method => 'POST', path => '/Users', bulkId => $_,
    data => { schemas => [CORE], userName => $_, displayName => 'x' } } } @many] });
is scalar(grep { $_->{status} == 201 } @{ $bulk->{json}{Operations} || [] }), 300, '300 accounts are created at once';
my @followed = map { JSON::PP::decode_json($follower->line(20))->{userName} } 1 .. 300;
is_deeply [sort @followed], [sort @many], 'all are followed, once each';
scimctl('org', 'disable', $org->{key});
scimctl('org', 'enable', $org->{key});
is_deeply [map { JSON::PP::decode_json($follower->line)->{kind} =~ s/.*://r } 1 .. 2], [qw(disable enable)], 'and then what comes next';
$follower->stop;

# Plans
sql(q{INSERT INTO scim.event (organization_id, account_id, kind, actor_kind, actor_name, version)
      SELECT $1, gen_random_uuid(), 'urn:ietf:params:scim:event:prov:patch:full', 'operator', 'x', 1 FROM generate_series(1, 20000)}, $org->{id});
sql('ANALYZE scim.event');
for my $by ([], ['--account', $user->{userName}], ['--account', $gone->{userName}], ['--outcome', 'guest'], ['--outcome', 'changed']) {
    my @plans = grep { /scim\.event/ } query_plans(sub { entries(@$by) });
    ok @plans && !grep({ /Seq Scan on (?:event|account)/ } @plans), "the list@$by is read from indexes" or diag @plans;
}
done_testing;
