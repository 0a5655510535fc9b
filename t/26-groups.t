# SPDX-License-Identifier: Apache-2.0
# A group as a resource: required attributes, unique names, conditions, projection,
# answers, refusals and authorization.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use Scim::Groups;
use Scim::Test;

my $org = organization();
my $neighbour = organization();
my ($ann, $bob, $cid) = accounts($org, 3);
my ($stranger) = accounts($neighbour, 1);

sub post { my (%body) = @_; return $org->post('/Groups', { schemas => [GROUP], %body }) }
sub put { my ($id, %body) = @_; return $org->put("/Groups/$id", { schemas => [GROUP], %body }) }
sub refusals { return sql(q{SELECT method, path, status, scim_type, resource_type, resource_id, detail FROM scim.refusal
                            WHERE organization_id = $1 ORDER BY sequence}, $org->{id}) }
sub name { return 'Group ' . random_name() }

# A creation
my $name = name();
my $made = post(displayName => $name, externalId => 'ext', members => refs($ann, $bob));
is_group($made, 201, { displayName => $name, externalId => 'ext', schemas => [GROUP], members => [$ann, $bob] },
    'POST answers with the group and its members');
my $id = $made->{json}{id};
like $id, qr/^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\z/, 'its id is a UUID';
is $made->{headers}{location}, $org->url . "/Groups/$id", 'Location says where it is';
is $made->{json}{meta}{location}, $made->{headers}{location}, 'as meta does';
is $made->{json}{meta}{version}, $made->{headers}{etag}, 'ETag is meta.version';
is $made->{json}{meta}{resourceType}, 'Group', 'meta.resourceType is Group';
like $made->{json}{meta}{$_}, qr/^\d{4}-\d\d-\d\dT[\d:.]+Z\z/, "meta.$_ is a time" for qw(created lastModified);
my $read = $org->get("/Groups/$id");
is_group($read, 200, { displayName => $name, externalId => 'ext', members => [$ann, $bob],
    meta => $made->{json}{meta} }, 'GET answers with the same');
my ($member) = grep { $_->{value} eq $ann } @{ $read->{json}{members} };
my $person = $org->get("/Users/$ann")->{json};
is_deeply $member, { value => $ann, '$ref' => $org->url . "/Users/$ann", type => 'User',
    display => $person->{displayName} }, 'a member has value, $ref, type and display';
is_group(post(displayName => name()), 201, { members => [], externalId => undef },
    'a group without members shows an empty list');
is_group(post(displayName => name(), members => []), 201, { members => [] },
    'so does a group created with an empty list');
my %ignored = (id => 'mine', meta => { resourceType => 'User', created => '2001-01-01T00:00:00Z' }, unknown => 1);
is_group(post(displayName => name(), %ignored, members => refs($ann)), 201, { members => [$ann], unknown => undef },
    'id, meta and unknown attributes of a body are ignored');
isnt post(displayName => name(), id => ABSENT)->{json}{id}, ABSENT, 'the id in a body is ignored';
my $any = 'Zoë Müller 日本 "quoted" \\ ' . $name;
is_group(post(displayName => $any), 201, { displayName => $any }, 'a name of any characters');

# Required attributes
my @bad = (
    ['no displayName'], ['null as displayName', undef], ['an empty displayName', ''], ['a displayName of blanks',
    '   '],
    ['a displayName with a line feed', "a\nb"], ['a displayName of 513 characters', 'x' x 513],
    ['a displayName that is a list', ['a', 'b']], ['a displayName that is an object', { a => 1 }]);
for (@bad) {
    my ($what, @value) = @$_;
    is_error(post(@value ? (displayName => @value) : ()), 400, 'invalidValue', "refused: $what");
}
is_group(post(displayName => random_name() . 'y' x 500), 201, {}, 'a displayName of 512 characters is taken');
is_error($org->post('/Groups', $_->[1]), 400, 'invalidSyntax', "refused: $_->[0]") for ['a body that is a list', []],
    ['a body that is not JSON', '{"displayName":'];
is_error($org->post('/Groups', { displayName => name() }, profile => 'strict'), 400, 'invalidSyntax',
    'refused: a body without schemas, strictly');
is_error($org->post('/Groups', { schemas => [CORE], displayName => name() }, profile => 'strict'), 400, 'invalidSyntax',
    'refused: the schema of a User, strictly');

# Names
is_error(post(displayName => uc $name), 409, 'uniqueness', 'a name that is taken is a conflict, in any case');
my $accent = 'Zoë ' . random_name();
post(displayName => $accent);
is_error(post(displayName => uc $accent), 409, 'uniqueness', 'case is that of Unicode');
is_group($neighbour->post('/Groups', { schemas => [GROUP], displayName => $name }), 201, { displayName => $name },
    'another organization may have a group of that name');
my $other = group($org, externalId => 'ext');
is $other->{externalId}, 'ext', 'an externalId may be there twice';
is_error(put($other->{id}, displayName => lc $name), 409, 'uniqueness', 'PUT to a name that is taken is a conflict');
is_error(change_group($org, $other->{id}, { op => 'replace', path => 'displayName', value => lc $name }), 409,
    'uniqueness', 'so is PATCH');
is_group($org->get("/Groups/$other->{id}"), 200, { displayName => $other->{displayName} },
    'the group keeps its name then');
is_done(change_group($org, $id, { op => 'replace', path => 'displayName', value => uc $name }),
    'a group may get its own name in another case');
is $org->get("/Groups/$id")->{json}{displayName}, uc $name, 'and has it';
change_group($org, $id, { op => 'replace', path => 'displayName', value => $name });
is_error(change_group($org, $other->{id}, { op => 'remove', path => 'displayName' }), 400, 'mutability',
    'displayName cannot be removed');
is_error(change_group($org, $other->{id}, { op => 'replace', path => 'displayName', value => $_ }), 400, 'invalidValue',
    'nor be ' . ($_ // 'null')) for undef, '';
is_error(put($other->{id}), 400, 'invalidValue', 'nor be left out of a PUT');
is_done(change_group($org, $other->{id}, { op => 'remove', path => 'externalId' }), 'externalId can be removed');
is $org->get("/Groups/$other->{id}")->{json}{externalId}, undef, 'and is gone';

# PUT
my $put = put($id, displayName => "$name 2", members => refs($bob, $cid));
is_group($put, 200, { displayName => "$name 2", externalId => undef, members => [$bob, $cid] },
    'PUT answers with the group; attributes that it omits are cleared');
is $put->{headers}{etag}, etag_of($org, $id), 'and its ETag';
is_group(put($id, displayName => $name, id => ABSENT, members => refs($bob)), 200, { id => $id, members => [$bob] },
    'the id in a PUT is ignored');
is_group(put($id, displayName => $name, externalId => 'ext'), 200, { externalId => 'ext', members => [] },
    'a PUT without members removes all members');
is_unchanged($org, $id, sub { put($id, displayName => $name, externalId => 'ext', members => []) },
    'a PUT of the present values changes nothing');
is_error(put(ABSENT, displayName => name()), 404, undef, 'PUT creates no group');
is_error($org->get('/Groups/' . ABSENT), 404, undef, 'and the group does not exist');

# PATCH answers 204, or 200 with the requested attributes.
is_done(change_group($org, $id, add_members($ann)), 'PATCH answers without a body');
is change_group($org, $id, add_members($bob))->{headers}{etag}, etag_of($org, $id), 'with the ETag of the new version';
is change_group($org, $id, add_members($bob))->{headers}{location}, $org->url . "/Groups/$id",
    'and the Location of the group, though nothing changed';
my $adding = { schemas => [PATCHOP], Operations => [add_members($cid)] };
my $answered = sub { my ($query) = @_; return $org->patch("/Groups/$id?$query", $adding) };
my $asked = $answered->('attributes=displayName');
is_group($asked, 200, { displayName => $name, id => $id }, 'with attributes it answers with the group');
ok !exists $asked->{json}{members} && !exists $asked->{json}{externalId}, 'and with nothing else';
is $asked->{headers}{etag}, etag_of($org, $id), 'with its ETag, too';
is_group($answered->('attributes=members'), 200, { displayName => undef, members => [$ann, $bob, $cid] },
    'with attributes=members it answers with the members');
my $excluded = $answered->('excludedAttributes=members');
is_group($excluded, 200, { displayName => $name, externalId => 'ext' },
    'with excludedAttributes it answers with the rest');
ok !exists $excluded->{json}{members}, 'without members';

# Without effect
my @idle = (
    ['add of members', add_members($ann, $bob, $cid)], ['remove of an account that is not a member',
    remove_members(ABSENT),
    bracket(ABSENT)],
    ['the same name', { op => 'replace', value => { displayName => $name } }],
    ['the same members in another order', replace_members($cid, $bob, $ann)],
    ['remove and add of one', bracket($ann), add_members($ann)],
    ['the id', { op => 'replace', value => { id => $id } }],
    ['another id', { op => 'replace', value => { id => ABSENT } }], ['no operations']);
for (@idle) {
    my ($what, @operations) = @$_;
    is_unchanged($org, $id, sub { change_group($org, $id, @operations) }, "unchanged: $what");
}
my $before = group_events($org, $id);
change_group($org, $id, bracket($ann), { op => 'replace', path => 'externalId', value => 'new' });
cmp_ok group_events($org, $id), '>', $before, 'a change is an event';
my $seen = $org->get("/Groups/$id")->{json}{meta};
change_group($org, $id, add_members($ann));
my $now = $org->get("/Groups/$id")->{json}{meta};
isnt $now->{version}, $seen->{version}, 'a membership is part of the version of the group';
cmp_ok $now->{lastModified}, 'ge', $seen->{lastModified}, 'and its time is that of the change';
is $now->{created}, $seen->{created}, 'created stays';

# Accounts, too, that provisioning may not change: the account is not changed.
my ($unmanaged) = map { @$_ } sql(q{INSERT INTO scim.account (organization_id, user_name, display_name, managed)
    VALUES ($1, $2, 'Owner', false) RETURNING id}, $org->{id}, user_name());
my $version = $org->version($unmanaged);
my $tag = $org->get("/Users/$unmanaged")->{headers}{etag};
is_done(change_group($org, $id, add_members($unmanaged)), 'an unmanaged account may be a member');
is $org->version($unmanaged), $version, 'its version is unchanged';
is $org->get("/Users/$unmanaged")->{headers}{etag}, $tag, 'and so is its ETag';

# Unknown members
my $group = group($org, members => [$ann]);
my @nobody = map { sprintf '00000000-0000-4000-8000-%012d', $_ } 1 .. 500;
my %send = (
    POST => sub { return post(displayName => "$name unknown", members => refs(@_)) },
    PUT => sub { return put($group->{id}, displayName => $group->{displayName}, members => refs(@_)) },
    PATCH => sub {
        return change_group($org, $group->{id}, { op => 'replace', path => 'displayName', value => name() },
            add_members(@_));
    },
);
my @unknown = (
    ['an unknown id', ABSENT, ABSENT], ['a text that is not an id', 'nobody', 'nobody'],
    ["another organization's account", $stranger, $stranger], ['one unknown among others', ABSENT, $bob, ABSENT, $cid],
    ['500 unknown ones', $nobody[0], @nobody]);
sub refuses_unknown {
    my ($method, $what, $named, @ids) = @_;
    my $count = refusals();
    my $r;
    is_unchanged($org, $group->{id}, sub { $r = $send{$method}->(@ids); return { status => 200 } },
        "$method with $what: nothing is applied");
    is_error($r, 400, 'invalidValue', "$method with $what is refused");
    like $r->{json}{detail}, qr/\Q$named/, "$method with $what: the answer names it";
    cmp_ok length $r->{json}{detail}, '<', 1000, "$method with $what: and is short";
    my @refused = refusals();
    is scalar @refused, $count + 1, "$method with $what is in Activity";
    my $which = $method eq 'POST' ? '' : $group->{id};
    is_deeply [@{ $refused[-1] }[0, 2 .. 5]], [$method, 400, 'invalidValue', 'Group', $which],
        "$method with $what: with its group";
    like $refused[-1][6], qr/\Q$named/, "$method with $what: and the id";
}
for my $method (sort keys %send) {
    refuses_unknown($method, @$_) for @unknown;
}
is_groups($org->get('/Groups?filter=' . uri("displayName eq \"$name unknown\"")), [],
    'POST with unknown members leaves no group behind');
is_done(change_group($org, $group->{id}, remove_members($stranger, ABSENT, 'nobody'), bracket($stranger)),
    'remove of unknown members succeeds');
is_deeply members($org, $group->{id}), [$ann], 'and removes no member';
my $elsewhere = group($neighbour);
is_error(change_group($org, $group->{id}, add_members($elsewhere->{id})), 400, 'invalidValue',
    "another organization's group is unknown as a member");
is_error($org->get("/Groups/$elsewhere->{id}"), 404, undef, "GET of another organization's group is 404");
is_error($org->delete("/Groups/$elsewhere->{id}"), 404, undef, 'DELETE of it as well');
is_error($org->get("/Groups/$_"), 404, undef, "GET of $_ is 404")
    for 'nope', $ann, '5f4dcc3b5aa765d61d8327deb882cf99%7D';
is_error($org->get("/Users/$group->{id}"), 404, undef, 'a group is not a User');

# Conditions
my $old = etag_of($org, $group->{id});
is change_group($org, $group->{id}, add_members($bob))->{status}, 204, 'a change that makes the ETag old';
my $current = etag_of($org, $group->{id});
my %write = (
    PUT => [{ schemas => [GROUP], displayName => $group->{displayName}, members => refs($ann, $cid) }, 200],
    PATCH => [{ schemas => [PATCHOP], Operations => [bracket($cid)] }, 204],
    DELETE => [undef, 204],
);
for my $method (qw(PUT PATCH DELETE)) {
    my ($body, $status) = @{ $write{$method} };
    my $send = sub { return $org->request($method, "/Groups/$group->{id}", body => $body,
        headers => { 'If-Match' => $_[0] }) };
    $current = etag_of($org, $group->{id});
    my $r;
    is_unchanged($org, $group->{id}, sub { $r = $send->($old); return { status => 200 } },
        "$method with If-Match of an old version: nothing is applied");
    is_error($r, 412, undef, "$method with If-Match of an old version is refused");
    is $send->($current)->{status}, $status, "$method with If-Match of the current version succeeds";
}
$group = group($org, members => [$ann]);
is $org->patch("/Groups/$group->{id}", { schemas => [PATCHOP], Operations => [add_members($bob)] },
    headers => { 'If-Match' => '*' })->{status}, 204, 'If-Match: * is any version';
my @any = ({ schemas => [PATCHOP], Operations => [] }, headers => { 'If-Match' => '*' });
is $org->patch('/Groups/' . ABSENT, @any)->{status}, $org->patch('/Users/' . ABSENT, @any)->{status},
    'but there must be one, as of Users';
$current = etag_of($org, $group->{id});
for my $query ('', '?excludedAttributes=members', '?attributes=displayName') {
    my $same = $org->get("/Groups/$group->{id}$query", headers => { 'If-None-Match' => $current });
    is_deeply [$same->{status}, $same->{content}], [304, ''],
        "GET$query with If-None-Match of the current version is 304";
    is $org->get("/Groups/$group->{id}$query", headers => { 'If-None-Match' => $old })->{status}, 200,
        "and 200$query of another one";
}
my $head = $org->request(HEAD => "/Groups/$group->{id}");
is_deeply [@$head{qw(status content)}, $head->{headers}{etag}], [200, '', $current],
    'HEAD has the status and the ETag of GET, and no body';
is $org->request(HEAD => '/Groups/nope')->{status}, 404, 'HEAD of no group is 404';
is $org->request(HEAD => '/Groups?count=1')->{status}, 200, 'HEAD of the list is 200';

# Methods
my $delete = $org->delete('/Groups');
is_error($delete, 405, undef, 'DELETE of all groups is not allowed');
is $delete->{headers}{allow}, $org->delete('/Users')->{headers}{allow}, 'the methods are those of Users';
is_error($org->post("/Groups/$group->{id}", {}), 405, undef, 'POST to a group is not allowed');
is_error($org->get('/groups'), 404, undef, 'paths are compared with their case');

# Projection
my $shown = sub { my ($query) = @_; return [sort keys %{ $org->get("/Groups/$group->{id}?$query")->{json} }] };
is_deeply $shown->('attributes=displayName'), [qw(displayName id schemas)], 'attributes=displayName';
is_deeply $shown->('attributes=members'), [qw(id members schemas)], 'attributes=members';
is_deeply $shown->('attributes=members,displayName'), [qw(displayName id members schemas)], 'attributes of two';
is_deeply $shown->('attributes=' . GROUP . ':displayName'), [qw(displayName id schemas)], 'attributes with the URN';
is_deeply $shown->('excludedAttributes=members'), [qw(displayName id meta schemas)], 'excludedAttributes=members';
is_deeply $shown->('excludedAttributes=displayName,meta'), [qw(id members schemas)], 'excludedAttributes of two';
is_deeply $shown->('excludedAttributes=id'), [qw(displayName id members meta schemas)], 'an id cannot be left out';
sub members_with { my ($query) = @_; return $org->get("/Groups/$group->{id}?$query")->{json}{members} }
is_deeply [sort { $a->{value} cmp $b->{value} } @{ members_with('attributes=members.value') }], refs(sort $ann, $bob),
    'attributes=members.value has the value alone';
is_deeply [map { sort keys %$_ } @{ members_with('excludedAttributes=members.display,members.type') }],
    [('$ref', 'value') x 2], 'excludedAttributes of sub-attributes';
is_deeply [sort keys %{ $org->post('/Groups?attributes=displayName', { schemas => [GROUP], displayName => name(),
    members => refs($ann) })->{json} }], [qw(displayName id schemas)], 'attributes of a POST';
is_deeply [sort keys %{ $org->put("/Groups/$group->{id}?excludedAttributes=members",
    { schemas => [GROUP], displayName => $group->{displayName}, members => refs($ann) })->{json} }],
    [qw(displayName id meta schemas)], 'excludedAttributes of a PUT';

# Memberships of accounts that are deactivated or deleted
($ann, $bob, $cid) = accounts($org, 3);
$group = group($org, members => [$ann, $bob, $cid]);
$before = version_of($org, $group->{id});
is $org->patch_ops($ann, { op => 'replace', path => 'active', value => FALSE })->{status}, 200,
    'an account is deactivated';
is_deeply members($org, $group->{id}), [sort $ann, $bob, $cid], 'and keeps its membership';
is version_of($org, $group->{id}), $before, 'which changes nothing in the group';
my ($inactive) = map { @$_ } sql(q{INSERT INTO scim.account (organization_id, user_name, display_name, active)
    VALUES ($1, $2, 'Off', false) RETURNING id}, $org->{id}, user_name());
is_done(change_group($org, $group->{id}, add_members($inactive)), 'an inactive account may become a member');
$before = version_of($org, $group->{id});
$tag = etag_of($org, $group->{id});
is $org->delete("/Users/$bob")->{status}, 204, 'an account is deleted';
is_deeply members($org, $group->{id}), [sort $ann, $cid, $inactive], 'and its membership with it';
isnt version_of($org, $group->{id}), $before, 'the version of the group is another one';
is $org->get("/Groups/$group->{id}", headers => { 'If-None-Match' => $tag })->{status}, 200,
    'so the ETag that was known is old';
$before = version_of($org, $group->{id});
sql('DELETE FROM scim.account WHERE id = $1', $cid);
is_deeply members($org, $group->{id}), [sort $ann, $inactive],
    'nor is an account that is deleted with SQL a member';
isnt version_of($org, $group->{id}), $before, 'and the version is another one, too';
is $org->delete("/Groups/$group->{id}")->{status}, 204, 'DELETE of a group with members';
is_error($org->get("/Groups/$group->{id}"), 404, undef, 'GET afterwards is 404');
is_error($org->delete("/Groups/$group->{id}"), 404, undef, 'DELETE again is 404');
is_error(change_group($org, $group->{id}, add_members($ann)), 404, undef, 'PATCH is 404');
is $org->get("/Users/$ann")->{status}, 200, 'its members are accounts as before';
is_group(post(displayName => $group->{displayName}), 201, {}, 'its name is free at once');

# Authorization
my $off = organization();
my $theirs = group($off);
sql('UPDATE scim.organization SET provisioning_enabled = false WHERE id = $1', $off->{id});
my $body = { schemas => [GROUP], displayName => 'x' };
my @requests = (
    [GET => '/Groups'], [GET => "/Groups/$theirs->{id}"], [POST => '/Groups', $body],
    [PUT => "/Groups/$theirs->{id}", $body], [DELETE => "/Groups/$theirs->{id}"],
    [PATCH => "/Groups/$theirs->{id}", { schemas => [PATCHOP], Operations => [] }], [POST => '/Groups/.search', {}]);
is_error($off->request($_->[0], $_->[1], body => $_->[2]), 403, undef,
    "$_->[0] $_->[1] is 403 while provisioning is off") for @requests;
sql('UPDATE scim.organization SET provisioning_enabled = true WHERE id = $1', $off->{id});
is_error($off->request($_->[0], $_->[1], body => $_->[2], token => 'scim_wrong'), 401, undef,
    "$_->[0] $_->[1] with a wrong token is 401") for @requests;
sql('DELETE FROM scim.token WHERE id = $1', $off->{token_id});
is_error($off->request($_->[0], $_->[1], body => $_->[2]), 401, undef, "$_->[0] $_->[1] with a deleted token is 401")
    for @requests;
is_deeply [sql('SELECT display_name FROM scim.user_group WHERE organization_id = $1', $off->{id})],
    [[$theirs->{displayName}]], 'and nothing is different';

# Bulk
my ($dan, $eve) = accounts($org, 2);
my $bulked = group($org, members => [$dan]);
my $gone = group($org);
sub bulk { return $org->post('/Bulk', { schemas => [BULK], Operations => [@_] }) }
sub make { my ($bulk, @members) = @_; return operation(POST => '/Groups', { schemas => [GROUP], displayName => name(),
    members => refs(@members) }, $bulk) }
sub operation { my ($method, $path, $data, $bulk) = @_; return { method => $method, path => $path, $data
    ? (data => $data) : (), $bulk ? (bulkId => $bulk) : () } }
sub adding { my ($path, @members) = @_; return operation(PATCH => "/Groups/$path",
    { schemas => [PATCHOP], Operations => [add_members(@members)] }) }
my $r = bulk(make('new', $dan), adding('bulkId:new', $eve),
    operation(PUT => "/Groups/$bulked->{id}", { schemas => [GROUP], displayName => $bulked->{displayName},
    members => refs($eve) }),
    { %{ adding($bulked->{id}, $dan) }, version => 'W/"nonsense"' }, adding($bulked->{id}, ABSENT),
    operation(DELETE => "/Groups/$gone->{id}"), operation(DELETE => "/Groups/$gone->{id}"));
is_deeply [map { $_->{status} } @{ $r->{json}{Operations} }], [qw(201 204 200 412 400 204 404)],
    'Bulk: groups are created, changed, replaced and deleted' or diag $r->{content};
my ($new) = $r->{json}{Operations}[0]{location} =~ m{([^/]+)\z};
is_deeply members($org, $new), [sort $dan, $eve], 'Bulk: a group that the request has made is changed by it';
is_deeply members($org, $bulked->{id}), [$eve], 'Bulk: an operation that fails is not applied';
is $r->{json}{Operations}[1]{version}, etag_of($org, $new), 'Bulk: the result of a PATCH has the new version';
is $r->{json}{Operations}[4]{response}{scimType}, 'invalidValue',
    'Bulk: an unknown member is an error of its operation';
my $in_bulk = { schemas => [CORE], userName => user_name(), displayName => 'In bulk' };
my $chain = bulk(make('outer', 'bulkId:inner', 'bulkId:user'), make('inner'), operation(POST => '/Users', $in_bulk,
    'user'),
    adding('bulkId:inner', 'bulkId:user'), make('bad', 'bulkId:nobody'));
is_deeply [map { $_->{status} } @{ $chain->{json}{Operations} }], [qw(201 201 201 204 400)],
    'Bulk: groups and users refer to each other by bulkId' or diag $chain->{content};
my ($outer, $inner, $user) = map { ($_->{location} // '') =~ m{([^/]+)\z} } @{ $chain->{json}{Operations} }[0 .. 2];
is_deeply [members($org, $outer), members($org, $inner)], [[sort $inner, $user], [$user]], 'Bulk: and have each other';
done_testing;
