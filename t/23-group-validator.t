# SPDX-License-Identifier: Apache-2.0
# Microsoft's tests of groups: the SCIM Validator's twelve and its previews (V16,
# V31), and those for gallery applications that need no tenant (G15, G19, G20,
# G24 of clients.md).
use strict;
use warnings;
use lib 't/lib';
use Scim::Groups;
use Scim::Test;

my $org = organization(profile => 'open');

sub word { return join '', map { ('A' .. 'Z')[rand 26] } 1 .. 12 }
sub body { my (%more) = @_; return { schemas => [GROUP], externalId => word(), displayName => word(), %more } }
sub find { my ($name) = @_; return $org->get('/Groups?excludedAttributes=members&filter=displayName+eq+%22' . uri($name)
    . '%22') }
sub person { return $org->create(userName => lc(word()) . '@ondricka.us')->{id} }
sub has {
    my ($id, @names) = @_;
    my $json = $org->get("/Groups/$id")->{json};
    return { map { $_ => $json->{$_} } @names };
}

# Each test makes a group of its own.
my $sent = body();
my $made = $org->post('/Groups', $sent);
is_group($made, 201, $sent, 'V16: Create a new Group');
my $id = $made->{json}{id};
is_group($org->get("/Groups/$id"), 200, $sent, 'V16: GET returns the values that were sent');
is_error($org->post('/Groups', $sent), 409, 'uniqueness', 'V16: Create a duplicate Group');
my $alone = $org->get("/Groups/$id?excludedAttributes=members");
is_group($alone, 200, $sent, 'V16: Get group by id excluding members');
ok !exists $alone->{json}{members}, 'V16: it has no members';
is_groups(find($sent->{displayName}), [$sent->{displayName}], 'V16: Filter for an existing group excluding members');
is_groups($org->get('/Groups?filter=displayName+eq+%22' . $sent->{displayName} . '%22'), [$sent->{displayName}],
    'V16: Filter for an existing group');
is_groups(find(word()), [], 'V16: Filter for a non-existing group');
is_groups(find(lc $sent->{displayName}), [$sent->{displayName}],
    'V16: Filter for an existing group with a different case');

my $other = word();
like change_group($org, $id, { op => 'replace', value => { externalId => $other } })->{status}, qr/^20[04]\z/,
    'V16: Patch Group - Replace Attributes';
is_deeply has($id, 'externalId'), { externalId => $other }, 'V16: the attribute has the new value';
like change_group($org, $id, { op => 'replace', value => { displayName => "$other 2" } })->{status}, qr/^20[04]\z/,
    'V16: Update Group displayName';
is_deeply has($id, qw(displayName externalId)), { displayName => "$other 2", externalId => $other },
    'V16: the group has the new name';

my ($babs, $mandy) = (person(), person());
like change_group($org, $id, replace_members($babs))->{status}, qr/^20[04]\z/, 'V16: Patch Group - Add Member';
is_deeply members($org, $id), [$babs], 'V16: the member is there';
change_group($org, $id, replace_members($babs, $mandy));
like change_group($org, $id, bracket($babs))->{status}, qr/^20[04]\z/, 'V16: Patch Group - Remove Member';
is_deeply members($org, $id), [$mandy], 'V16: the other member is left';
is $org->delete("/Groups/$id")->{status}, 204, 'V16: Delete a Group';
is_error($org->get("/Groups/$id"), 404, undef, 'V16: GET afterwards');

my $preview = group($org);
like change_group($org, $preview->{id}, add_members($babs), bracket($babs))->{status}, qr/^20[04]\z/,
    'V31: Multiple operations on a group, add and remove of one member';
is_deeply members($org, $preview->{id}), [], 'V31: the later one counts';
change_group($org, $preview->{id}, add_members($babs));
change_group($org, $preview->{id}, bracket($babs), add_members($babs));
is_deeply members($org, $preview->{id}), [$babs], 'V31: the other way round as well';
is_error($org->delete('/Groups/' . ABSENT), 404, undef, 'V31: Delete a group that does not exist');
is $org->delete("/Groups/$preview->{id}")->{status}, 204, 'V31: Delete a group once';
is_error($org->delete("/Groups/$preview->{id}"), 404, undef, 'V31: Delete it twice');

# The gallery's direct tests
my $schemas = $org->get('/Schemas')->{json};
my ($schema) = grep { $_->{id} eq GROUP } @{ $schemas->{Resources} };
ok $schema, 'G15: /Schemas has the Group';
my %attribute = map { $_->{name} => $_ } @{ $schema->{attributes} };
for my $name (qw(displayName members)) {
    is_deeply [grep { !defined $attribute{$name}{$_} } qw(type multiValued mutability)], [],
        "G15: $name has a type, multiValued and mutability";
}
my %member = map { $_->{name} => $_ } @{ $attribute{members}{subAttributes} || [] };
is_deeply [grep { !$member{$_} } 'value', '$ref', 'type'], [], 'G15: members has its sub-attributes';

my $name = word();
my $created = $org->post('/Groups', { schemas => [GROUP], displayName => $name });
like $created->{status}, qr/^20[01]\z/, 'G19: SCIM_Group_Create succeeds';
ok $created->{json}{id}, 'G19: with an id';
is $org->get("/Groups/$created->{json}{id}")->{json}{displayName}, $name, 'G19: the name makes the round trip';
for my $attribute (grep { !$_->{multiValued} && $_->{type} eq 'string' && $_->{mutability}
    eq 'readWrite' } values(%attribute), { name => 'externalId', type => 'string', mutability => 'readWrite' }) {
    my $value = word();
    like change_group($org, $created->{json}{id}, { op => 'replace', path => $attribute->{name},
        value => $value })->{status}, qr/^20[04]\z/,
        "G20: SCIM_Group_Update of $attribute->{name}";
    is $org->get("/Groups/$created->{json}{id}")->{json}{ $attribute->{name} }, $value,
        "G20: $attribute->{name} has the value that was sent";
}

group($org) for 1 .. 11;
my (%seen, $total);
for (my $start = 1; !$total || $start <= $total; $start += 5) {
    my $page = $org->get("/Groups?startIndex=$start&count=5")->{json};
    is $page->{startIndex}, $start, "G24: the page says the startIndex $start that was asked for";
    $total = $page->{totalResults} or last;
    $seen{ $_->{id} }++ for @{ $page->{Resources} };
}
is_deeply [scalar(keys %seen), grep { $_ > 1 } values %seen], [$total], 'G24: the pages hold every group once';

# The agent's first look, with an Accept and a Content-Type
for my $probe ('/Users?count=1', '/Groups?count=1', '/ServiceProviderConfig', '/ResourceTypes', '/Schemas') {
    is $org->get($probe, headers => { Accept => 'application/scim+json',
        'Content-Type' => 'application/scim+json' })->{status}, 200, "G15: the probe $probe";
}
my ($type) = grep { $_->{id} eq 'Group' } @{ $org->get('/ResourceTypes')->{json}{Resources} };
is_deeply [@{ $type || {} }{qw(endpoint schema)}], ['/Groups', GROUP], 'G15: /ResourceTypes says where groups are';
done_testing;
