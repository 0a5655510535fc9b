# SPDX-License-Identifier: Apache-2.0
# Entra ID provisions groups: E2 and E70 to E76 of clients.md, with and without
# the flag, and other behaviour that its service relies on.
use strict;
use warnings;
use lib 't/lib';
use Scim::Groups;
use Scim::Test;

my $OBJECT = '8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159';
my $OLD_URN = 'http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group';
my $NOBODY = '7d420df3-9995-4831-a406-ecf8166f5f6a';

my ($org, $flag, $how);

# As the service sends it: ADSCIMVersion, no Accept, no User-Agent, the flag of
# the tenant URL in front of everything else.
sub entra {
    my ($method, $path, $body) = @_;
    $path .= ($path =~ /\?/ ? '&' : '?') . $flag if $flag;
    return $org->request($method, $path, body => $body, headers => { ADSCIMVersion => '6.0' });
}
sub match { my ($name) = @_; return entra(GET => '/Groups?excludedAttributes=members&filter=displayName+eq+%22'
    . uri($name) . '%22') }
sub look { my ($id) = @_; return entra(GET => "/Groups/$id?excludedAttributes=members") }
sub change { my ($id, @operations) = @_; return entra(PATCH => "/Groups/$id",
    { schemas => [PATCHOP], Operations => \@operations }) }
sub created {
    my ($name, @schemas) = @_;
    return { schemas => [GROUP, @schemas], externalId => $OBJECT, displayName => $name,
        meta => { resourceType => 'Group' } };
}
sub without_members { my ($r, $name) = @_; return ok !exists $r->{json}{members}, $name }

sub cycle {
    my (@old) = @_;
    my ($first, $second) = accounts($org, 2);
    is_groups(match($NOBODY), [], "E2: the connection test is an empty list ($how)");
    is_groups(match('Sales'), [], "E71: a group that is not there yet ($how)");
    my $made = entra(POST => '/Groups', created('Sales', @old));
    is_group($made, 201, { displayName => 'Sales', externalId => $OBJECT, schemas => [GROUP], members => [] },
             "E70: a group is created without members, and shows that it has none ($how)");
    my $id = $made->{json}{id};
    is $made->{headers}{location}, $org->url . "/Groups/$id", "E70: with its Location ($how)";
    is $made->{json}{meta}{resourceType}, 'Group', "E70: and its type ($how)";
    is_groups(match('Sales'), ['Sales'], "E71: the group is matched by displayName ($how)");
    is_groups(match('sALES'), ['Sales'], "E71: in any case ($how)");

    is_group(look($id), 200, { displayName => 'Sales', externalId => $OBJECT }, "E71b: the read before a write ($how)");
    my @forms = (['with $ref', { '$ref' => undef, value => $first }], ['without $ref', { value => $second }]);
    for my $op ('Add', 'add') {
        for (@forms) {
            my ($form, $element) = @$_;
            is_done(change($id, { op => $op, path => 'members', value => [$element] }), "E72: $op $form ($how)");
        }
        is_deeply members($org, $id), [sort $first, $second], "E72: both are members after $op ($how)";
        change($id, { op => 'remove', path => 'members' });
    }
    without_members(look($id), "E71b: the read has no members ($how)");

    for my $op ('Remove', 'remove') {
        for (@forms) {
            my ($form, $element) = @$_;
            change($id, add_members($first, $second));
            is_done(change($id, { op => $op, path => 'members', value => [$element] }),
                "E73: $op with a value, $form ($how)");
            is_deeply members($org, $id), [grep { $_ ne $element->{value} } sort $first, $second],
                "E73: $op removes only this member, $form ($how)";
        }
        change($id, add_members($first, $second));
        is_done(change($id, { op => $op, path => "members[value eq \"$first\"]" }), "E74: $op with a filter ($how)");
        is_deeply members($org, $id), [$second], "E74: $op removes the member of the filter ($how)";
    }

    is_done(change($id, { op => 'Replace', path => 'displayName', value => 'Sales EMEA' }), "E75: rename ($how)");
    is_group(look($id), 200, { displayName => 'Sales EMEA', externalId => $OBJECT },
        "E75: the group has the new name ($how)");
    is_done(change($id, { op => 'replace', value => { displayName => 'Sales APAC' } }),
        "E75: rename without path ($how)");
    is_done(change($id, { op => 'replace', value => { externalId => 'other' } }),
        "E75: externalId without path ($how)");
    is_group(look($id), 200, { displayName => 'Sales APAC', externalId => 'other' }, "E75: the group has both ($how)");
    is_deeply members($org, $id), [$second], "E75: a rename leaves the members alone ($how)";
    is_groups(match('Sales'), [], "E71: the old name finds nothing ($how)");

    my $gone = entra(DELETE => "/Groups/$id");
    is_deeply [$gone->{status}, $gone->{content}], [204, ''], "E76: the group leaves the scope ($how)";
    is_error(look($id), 404, undef, "E76: then it is gone ($how)");
    is_error(entra(DELETE => "/Groups/$id"), 404, undef, "E76: a repeated DELETE is 404 ($how)");
    is $org->get("/Users/$second")->{status}, 200, "E76: its members remain as accounts ($how)";
}

for (['without the flag', undef, $OLD_URN], ['with the flag', 'aadOptscim062020'],
    ['with the URN of old jobs and the flag', 'aadOptscim062020', $OLD_URN]) {
    ($how, $flag, my @old) = @$_;
    $org = organization();
    cycle(@old);
}
($org, $flag) = (organization(), undef);

# The matching attribute may be externalId.
my $group = group($org, displayName => 'Marketing', externalId => $OBJECT);
is_groups(entra(GET => "/Groups?excludedAttributes=members&filter=externalId+eq+%22$OBJECT%22"), ['Marketing'],
    'E71: a group is matched by externalId');
is_groups(entra(GET => '/Groups?excludedAttributes=members&filter=externalId+eq+%22' . uc($OBJECT) . '%22'), [],
    'E71: externalId is compared with its case');

# A question whether a reference has a value
my ($in, $out) = accounts($org, 2);
change($group->{id}, add_members($in));
for my $spelling ('members', 'members.value') {
    my $asked = sub { return entra(GET => '/Groups?excludedAttributes=members&filter='
        . uri(qq{id eq "$group->{id}" and $spelling eq "$_[0]"})) };
    is_groups($asked->($in), ['Marketing'], "E71c: the historic check finds a member by $spelling");
    is_groups($asked->($out), [], "E71c: but no other account, by $spelling");
}
without_members(entra(GET => '/Groups?excludedAttributes=members&filter='
    . uri('displayName eq "Marketing"'))->{json}{Resources}[0] // {},
    'E71: the match reads no members');

# Gallery templates batch several members in one operation.
my @many = accounts($org, 20);
is_done(change($group->{id}, { op => 'Add', path => 'members',
    value => [map { { '$ref' => undef, value => $_ } } @many] }), 'E72: 20 members in one operation');
is_deeply members($org, $group->{id}), [sort $in, @many], 'E72: all 20 are members';
is_done(change($group->{id}, map({ { op => 'Remove', path => 'members', value => [{ value => $_ }] } } @many[0 .. 9]),
                             map({ { op => 'Remove', path => "members[value eq \"$_\"]" } } @many[10 .. 19])),
                             'E73, E74: 20 operations that remove');
is_deeply members($org, $group->{id}), [$in], 'E73, E74: all 20 are gone, and the other member is left';

# Repeated, as after a lost answer
is_unchanged($org, $group->{id}, sub { change($group->{id}, { op => 'Add', path => 'members',
    value => [{ value => $in }] }) },
    'E72: adding a member again succeeds and changes nothing');
is_unchanged($org, $group->{id}, sub { change($group->{id}, { op => 'Remove', path => 'members',
    value => [{ value => $out }] }) },
    'E73: removing an account that is not a member succeeds and changes nothing');
is_unchanged($org, $group->{id}, sub { change($group->{id}, { op => 'remove', path => "members[value eq \"$out\"]" }) },
    'E74: the same with a filter');
is_unchanged($org, $group->{id}, sub { change($group->{id}, { op => 'Replace', path => 'displayName',
    value => 'Marketing' }) },
    'E75: a rename to the same name changes nothing');

# A nested group is sent as a member of its parent, by its SCIM id.
my $nested = group($org, displayName => 'Marketing Japan');
is_done(change($group->{id}, { op => 'Add', path => 'members', value => [{ value => $nested->{id} }] }),
    'E72: a nested group is a member like another');
is_deeply members($org, $group->{id}), [sort $in, $nested->{id}], 'E72: and is shown as one';
is_done(change($group->{id}, { op => 'Remove', path => 'members', value => [{ value => $nested->{id} }] }),
    'E73: and is removed like one');
is_deeply members($org, $group->{id}), [$in], 'E73: the account is left';

# Deactivation leaves memberships, and Entra ID does not restore them.
entra(PATCH => "/Users/$in", { schemas => [PATCHOP], Operations => [{ op => 'Replace', path => 'active',
    value => 'False' }] });
is_deeply members($org, $group->{id}), [$in], 'EX8: an account that is deactivated keeps its memberships';
is_done(change($group->{id}, { op => 'Add', path => 'members', value => [{ value => $out }] }),
    'E72: and others still come in');
entra(PATCH => "/Users/$out", { schemas => [PATCHOP], Operations => [{ op => 'Replace', path => 'active',
    value => 'False' }] });
is_done(change($group->{id}, { op => 'Remove', path => 'members', value => [{ value => $out }] }),
    'E73: an inactive account can be removed');

# Two groups of one name
is_error(entra(POST => '/Groups', created('MARKETING')), 409, 'uniqueness',
    'E70: a second group of that name is a conflict');
done_testing;
