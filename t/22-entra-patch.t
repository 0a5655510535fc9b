# SPDX-License-Identifier: Apache-2.0
# Entra ID's PATCH requests and DELETE: clients.md E30-E60, in profile managed.
use strict;
use warnings;
use lib 't/lib';
use Scim::Test;

my $org = organization();
my $CHIEF = '2f6f9b4e-0c53-4d5d-9d7e-0a8f5f7f1c11';
my $ROLE = 'roles[primary eq "True"].value';

sub op { my ($op, $path, @value) = @_; return { op => $op, defined $path ? (path => $path) : (), @value ? (value => $value[0]) : () } }
sub email { my ($type, $value) = @_; return { type => $type, value => $value } }
sub role { my ($value, %more) = @_; return [{ value => $value, primary => TRUE, %more }] }
sub manager { my ($id) = @_; return { (ENT) => { manager => { value => $id, '$ref' => $org->url . "/Users/$id" } } } }

# name, attributes at creation, operations, attributes afterwards
my @case = (
    ['E30: Replace active "False" disables', {}, [op('Replace', 'active', 'False')], { active => FALSE }],
    ['E30b: Replace active "True" enables', { active => FALSE }, [op('Replace', 'active', 'True')], { active => TRUE }],
    ['E30c: a boolean with a capital op', {}, [op('Replace', 'active', FALSE)], { active => FALSE }],
    ['E30d: Add active "True"', { active => FALSE }, [op('Add', 'active', 'True')], { active => TRUE }],
    ['E30d: as the validator adds it', { active => FALSE }, [op('add', 'active', TRUE)], { active => TRUE }],
    ['E31: several attributes, one operation each', { name => { givenName => 'g', familyName => 'f' } },
     [op('Replace', 'displayName', 'New'), op('Replace', 'name.givenName', 'G'), op('Replace', 'name.familyName', 'F'),
      op('Replace', 'externalId', 'e'), op('Replace', ENT . ':employeeNumber', '2020')],
     { displayName => 'New', name => { givenName => 'G', familyName => 'F' }, externalId => 'e', ENT() => { employeeNumber => '2020' } }],
    ['E32: the value of one element', { emails => [email('work', 'w@x.y'), email('home', 'h@x.y')] },
     [op('Replace', 'emails[type eq "work"].value', 'x@example.com')],
     { emails => [email('work', 'x@example.com'), email('home', 'h@x.y')] }],
    ['E33: Add a single value', {}, [op('Add', 'nickName', 'Babs')], { nickName => 'Babs' }],
    ['E33: Add displayName and what is immutable', {}, [op('Add', 'displayName', 'D'), op('Add', 'preferredLanguage', 'en'),
      op('Add', 'timezone', 'Asia/Tokyo')], { displayName => 'D', preferredLanguage => 'en', timezone => 'Asia/Tokyo' }],
    ['E34: Add to an element that is missing creates it', {}, [op('Add', 'emails[type eq "work"].value', 'x@y.z')],
     { emails => [email('work', 'x@y.z')] }],
    ['E34: so does Replace', {}, [op('Replace', 'emails[type eq "work"].value', 'x@y.z')], { emails => [email('work', 'x@y.z')] }],
    ['E35: Replace userName', {}, [op('Replace', 'userName', 'E35-new@example.com')], { userName => 'E35-new@example.com' }],
    ['E36: Add the manager as a string', {}, [op('Add', ENT . ':manager', $CHIEF)], manager($CHIEF)],
    ['E36: an id of no form at all', {}, [op('Add', ENT . ':manager', '271')], manager('271')],
    ['E37: the manager as a list with $ref, without URN', {}, [op('Replace', 'manager', [{ '$ref' => 'http://x/Users/2819', value => '2819' }])],
     manager('2819')],
    ['E38: Remove the manager', manager($CHIEF), [op('Remove', ENT . ':manager')], { ENT() => undef }],
    ['E38: Replace the manager with ""', manager($CHIEF), [op('Replace', ENT . ':manager', '')], { ENT() => undef }],
    ['E38: Replace the manager with {"value":""}', manager($CHIEF), [op('Replace', ENT . ':manager', { value => '' })], { ENT() => undef }],
    ['E39: a role as JSON in a string', { roles => role('USER') },
     [op('Add', 'roles', [{ value => '{"id":"06b0","value":"ADMIN","displayName":"Role1234"}' }])],
     { roles => role('ADMIN', display => 'Role1234') }],
    ['E40: Replace the primary role', { roles => role('USER') }, [op('Replace', $ROLE, 'ADMIN')], { roles => role('ADMIN') }],
    ['E40: Add the primary role', { roles => role('USER') }, [op('Add', $ROLE, 'ADMIN')], { roles => role('ADMIN') }],
    ['E40: where there was no role', {}, [op('Add', $ROLE, 'USER')], { roles => role('USER') }],
    ['E41: the parts of an address land in one element', {},
     [map { op('Add', "addresses[type eq \"work\"].$_", $_) } qw(formatted streetAddress locality region postalCode country)],
     { addresses => [{ type => 'work', map { $_ => $_ } qw(formatted streetAddress locality region postalCode country) }] }],
    ['E42: primary as a string, a redundant type', {}, [op('Add', 'emails[type eq "work"].value', 'x@y.z'),
      op('Add', 'emails[type eq "work"].primary', 'true'), op('Add', 'emails[type eq "work"].type', 'work')],
     { emails => [{ %{ email('work', 'x@y.z') }, primary => TRUE }] }],
    ['E43: a core URN before the name, of an unknown attribute too', {}, [op('Replace', CORE . ':role', 'x'), op('Replace', CORE . ':title', 'T'),
      op('Replace', CORE . ":$ROLE", 'USER')], { title => 'T', roles => role('USER') }],
    (map { ["E44: the $_ number", {}, [op('Replace', "phoneNumbers[type eq \"$_\"].value", '+81 1')],
            { phoneNumbers => [{ type => $_, value => '+81 1' }] }] } qw(work mobile fax)),
    ['E45: an attribute that nobody knows does not fail the others', {}, [op('Add', 'shoeSize', 43), op('Add', 'title', 'T'),
      op('Replace', 'urn:example:User:foo', 'x')], { title => 'T' }],
    ['E46: no operations', { title => 'T' }, [], { title => 'T' }],
    ['E47: foreign members beside the known ones', {}, [{ op => 'add', name => 'addMember', path => 'title', value => 'T' }], { title => 'T' }],
    ['E50: active as a boolean', {}, [op('replace', 'active', FALSE)], { active => FALSE }],
    ['E50: and on again', { active => FALSE }, [op('replace', 'active', TRUE)], { active => TRUE }],
    ['E51: a bracket path, then a dictionary', { emails => [email('work', 'a@b.c')], name => { givenName => 'g', familyName => 'f' } },
     [op('replace', 'emails[type eq "work"].value', 'TestMhvaes@test.microsoft.com'),
      op('replace', undef, { displayName => 'Bjfe', 'name.givenName' => 'Kkom', 'name.familyName' => 'Unua', ENT . ':employeeNumber' => 'Aklq' })],
     { emails => [email('work', 'TestMhvaes@test.microsoft.com')], displayName => 'Bjfe', name => { givenName => 'Kkom', familyName => 'Unua' },
       ENT() => { employeeNumber => 'Aklq' } }],
    ['E51: in the mapping of Managed Accounts', { roles => role('ADMIN'), preferredLanguage => 'ja' },
     [op('replace', $ROLE, 'GUEST'), op('replace', undef, { displayName => 'D', preferredLanguage => 'en', timezone => 'Europe/Berlin',
      externalId => 'e', userName => 'E51-new@example.com', active => TRUE })],
     { roles => role('GUEST'), displayName => 'D', preferredLanguage => 'ja', externalId => 'e', userName => 'E51-new@example.com' }],
    ['E52: dotted and URN keys in a dictionary', {}, [op('add', undef, { displayName => 'N', 'name.givenName' => 'G', 'name.familyName' => 'F',
      'name.formatted' => 'G F', ENT . ':department' => 'D' })],
     { displayName => 'N', name => { givenName => 'G', familyName => 'F', formatted => 'G F' }, ENT() => { department => 'D' } }],
    ['E53: the parts of the role', {}, [op('add', $ROLE, 'ADMIN'), op('add', 'roles[primary eq "True"].display', 'Boss'),
      op('add', 'roles[primary eq "True"].type', 'T')], { roles => role('ADMIN', display => 'Boss', type => 'T') }],
    ['E53: replace', { roles => role('USER') }, [op('replace', $ROLE, 'ADMIN')], { roles => role('ADMIN') }],
    ['E54: the manager, in lower case', {}, [op('add', ENT . ':manager', $CHIEF)], manager($CHIEF)],
    ['E54: the manager as an object', {}, [op('add', ENT . ':manager', { value => $CHIEF })], manager($CHIEF)],
    ['E55: an unquoted boolean in the path', { roles => role('USER') }, [op('replace', CORE . ':roles[primary eq true].value', 'ADMIN')],
     { roles => role('ADMIN') }],
    ['E55: of an attribute that nobody knows', {}, [op('replace', CORE . ':contacts[primary eq true].value', 'new')], {}],
    ['E56: "" clears', { nickName => 'N' }, [op('replace', 'nickName', '')], { nickName => undef }],
    ['E56: null clears', { nickName => 'N' }, [op('replace', 'nickName', undef)], { nickName => undef }],
    ['E57: all roles at once', { roles => role('ADMIN') }, [op('replace', 'roles', [{ primary => FALSE, type => 'T', display => 'User', value => 'User' }])],
     { roles => role('USER', type => 'T', display => 'User') }],
    ['E57: an empty list makes a GUEST', { roles => role('ADMIN') }, [op('replace', 'roles', [])], { roles => role('GUEST') }],
    ['E58: add a role', {}, [op('add', 'roles', [{ value => 'USER', type => 'T', primary => FALSE }])], { roles => role('USER', type => 'T') }],
    ['E59: remove an immutable attribute is accepted and ignored', { preferredLanguage => 'ja' }, [op('remove', 'preferredLanguage')],
     { preferredLanguage => 'ja' }],
);

for my $case (@case) {
    my ($name, $before, $operations, $after) = @$case;
    my $id = $org->create(%$before)->{id};
    is_user($org->patch("/Users/$id", { Operations => $operations, schemas => [PATCHOP] }), 200, $after, $name);
    is_user($org->get("/Users/$id"), 200, $after, "$name: and is read back");
}

# E47: the envelope
my $id = $org->create->{id};
is_user($org->patch("/Users/$id", { id => $id, schemas => [PATCHOP], operations => [op('add', 'title', 'T')] }), 200,
    { title => 'T' }, 'E47: an id in the message, Operations in another case');

# E59 in profile open
my $open = organization(profile => 'open');
$id = $open->create(preferredLanguage => 'ja')->{id};
is_user($open->patch_ops($id, op('remove', 'preferredLanguage')), 200, { preferredLanguage => undef }, 'E59: in profile open it is removed');
is_user($open->patch_ops($id, op('add', 'roles', [{ value => 'A' }]), op('add', 'roles', [{ value => 'B' }])), 200,
    { roles => [{ value => 'A' }, { value => 'B' }] }, 'E58: profile open adds, old roles stay');

# E60
$id = $org->create->{id};
my $deleted = $org->delete("/Users/$id");
is_deeply [$deleted->{status}, $deleted->{content}], [204, ''], 'E60: DELETE';
is_error($org->delete("/Users/$id"), 404, undef, 'E60: DELETE of an unknown id');

# Atomic: a failed PATCH changes nothing
$id = $org->create(title => 'T')->{id};
my $events = event_count($org);
is_error($org->patch_ops($id, op('replace', 'title', 'X'), op('replace', 'active', 'perhaps')), 400, 'invalidValue',
    'PATCH-05: one bad operation fails the whole');
is_user($org->get("/Users/$id"), 200, { title => 'T' }, 'PATCH-05: and nothing is changed');
is event_count($org), $events, 'PATCH-05: nothing recorded';

done_testing;
