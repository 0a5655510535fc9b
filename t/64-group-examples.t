# SPDX-License-Identifier: Apache-2.0
# The examples of RFC 7643 and RFC 7644 that are about groups, in the four modes.
use strict;
use warnings;
use lib 't/lib';
use Scim::Groups;
use Scim::Modes;
use Scim::Test;

my ($org, $mode);

sub post { my ($path, $body) = @_; return $org->post($path, $body, profile => $mode) }
sub get { my ($path) = @_; return $org->get($path, profile => $mode) }
sub url { my ($id) = @_; return $org->url($mode) . "/Users/$id" }
sub person { my ($name) = @_; return post('/Users', { schemas => [CORE], userName => user_name(),
    displayName => $name })->{json}{id} }
sub patch { my ($id, @operations) = @_; return $org->patch("/Groups/$id",
    { schemas => [PATCHOP], Operations => \@operations }, profile => $mode) }
sub member { my ($id, $name) = @_; return { display => $name, '$ref' => url($id), value => $id } }
sub is_left { my ($id, $expected, $name) = @_; return is_deeply(displayed(get("/Groups/$id")->{json}),
    [sort @$expected], "$name ($mode)") }

# RFC 7643 section 8.4
sub representation {
    my ($babs, $mandy) = @_;
    my $sent = { schemas => [GROUP], id => 'e9e30dba-f08f-4109-8486-d5c6a331660a', displayName => 'Tour Guides '
        . random_name(),
                 members => [member($babs, 'Babs Jensen'), member($mandy, 'Mandy Pepperidge')],
                 meta => { resourceType => 'Group', created => '2010-01-23T04:56:22Z',
                 lastModified => '2011-05-13T04:42:34Z', version => 'W/"3694e05e9dff592"',
                           location => 'https://example.com/v2/Groups/e9e30dba-f08f-4109-8486-d5c6a331660a' } };
    my $made = post('/Groups', $sent);
    is_group($made, 201, { displayName => $sent->{displayName}, schemas => [GROUP], members => [$babs, $mandy] },
        "the representation of a Group ($mode)");
    my $got = get("/Groups/$made->{json}{id}")->{json};
    isnt $got->{id}, $sent->{id}, "the server makes the id ($mode)";
    is $got->{meta}{location}, $org->url($mode) . "/Groups/$got->{id}", "and the location ($mode)";
    my @members = map { my %member = %$_; delete $member{type}; \%member } @{ $got->{members} };
    is_deeply [sort { $a->{display} cmp $b->{display} } @members],
        [member($babs, 'Babs Jensen'), member($mandy, 'Mandy Pepperidge')],
        "each member has value, \$ref and display ($mode)";
    is_deeply [map { $_->{type} } @{ $got->{members} }], ['User', 'User'], "and says that it is a User ($mode)";
    my $user = get("/Users/$babs")->{json};
    is_deeply $user->{groups}, [{ value => $got->{id}, '$ref' => $org->url($mode) . "/Groups/$got->{id}",
        display => $sent->{displayName}, type => 'direct' }],
        "the User says that it is in the group ($mode)";
    return $got->{id};
}

# RFC 7643 section 8.7.1, with erratum 5368
sub schema {
    my $schema = get('/Schemas/' . GROUP)->{json};
    my %is = map { $_->{name} => $_ } @{ $schema->{attributes} || [] };
    my $flat = sub { my ($attribute) = @_; return join ' ', map { my $value = $attribute->{$_}; ref $value eq 'ARRAY'
        ? join ',', sort @$value : $value // '-' }
        qw(type multiValued required caseExact mutability returned uniqueness canonicalValues referenceTypes) };
    my %sub = map { $_->{name} => $_ } @{ $is{members}{subAttributes} || [] };
    like $flat->($is{displayName} || {}), qr/^string 0 1 0 readWrite default (?:none|server) - -\z/,
        "the schema of displayName ($mode)";
    is join(' ', map { $is{members}{$_} // '-' } qw(type multiValued required mutability returned)),
        'complex 1 0 readWrite default', "of members ($mode)";
    like $flat->($sub{value} || {}), qr/^string 0 0 [01] immutable default none - -\z/, "of members.value ($mode)";
    like $flat->($sub{'$ref'} || {}), qr/^reference 0 0 [01] immutable default none - Group,User\z/,
        "of members.\$ref ($mode)";
    like $flat->($sub{type} || {}), qr/^string 0 0 0 immutable default none Group,User -\z/, "of members.type ($mode)";
    is $sub{display} && $sub{display}{mutability}, 'readOnly', "of members.display, which is in the examples ($mode)";
}

# RFC 7644 sections 3.5.2.1 to 3.5.2.3
sub patches {
    my ($babs, $james, $mandy) = @_;
    my $id = post('/Groups', { schemas => [GROUP], displayName => 'Patched ' . random_name(),
        members => [member($mandy)] })->{json}{id};
    my $r = patch($id, { op => 'add', path => 'members', value => [member($babs, 'Babs Jensen')] });
    like $r->{status}, qr/^20[04]\z/, "EX-33: a member is added to a group ($mode)" or diag $r->{content};
    is_left($id, [$babs, $mandy], 'EX-33: beside the other one');
    is_unchanged($org, $id, sub { patch($id, { op => 'add', path => 'members',
        value => [member($babs, 'Babs Jensen')] }) },
                 "EX-33: if the user was already a member, nothing is changed ($mode)");
    $r = patch($id, { op => 'remove', path => "members[value eq \"$mandy\"]" });
    like $r->{status}, qr/^20[04]\z/, "EX-34: a single member is removed ($mode)" or diag $r->{content};
    is_left($id, [$babs], 'EX-34: the other one is left');
    patch($id, { op => 'add', path => 'members', value => [member($mandy)] });
    is patch($id, { op => 'remove', path => 'members' })->{status}, 204, "EX-35: all members are removed ($mode)";
    is_left($id, [], 'EX-35: no member is left');
    patch($id, { op => 'add', path => 'members', value => [member($babs)] });
    $r = patch($id, { op => 'remove', path => qq{members[value eq"$babs"]} }, { op => 'add', path => 'members',
        value => [member($james, 'James Smith')] });
    like $r->{status}, qr/^20[04]\z/, "EX-37: a member is removed and another added in one request ($mode)"
        or diag $r->{content};
    is_left($id, [$james], 'EX-37: the added one is left');
    patch($id, { op => 'remove', path => 'members' }, { op => 'add', path => 'members',
        value => [member($babs, 'Babs Jensen'), member($mandy)] });
    is_left($id, [$babs, $mandy], 'EX-38: all members are replaced by remove and add');
    $r = patch($id, { op => 'replace', path => 'members', value => [member($babs, 'Babs Jensen'),
        member($james, 'James Smith')] });
    like $r->{status}, qr/^20[04]\z/, "EX-39: all members are replaced in one operation ($mode)" or diag $r->{content};
    is_left($id, [$babs, $james], 'EX-39: by these two');
}

# RFC 7644 sections 3.7.1 and 3.7.2
sub bulk {
    my $send = sub { return post('/Bulk', { schemas => [BULK], Operations => [@_] }) };
    my $statuses = sub { return [map { $_->{status} } @{ $_[0]{json}{Operations} || [] }] };
    my $ids = sub { return map { ($_->{location} // '') =~ m{/([^/]+)\z} ? $1 : undef } @{ $_[0]{json}{Operations}
        || [] } };
    my $alice = { method => 'POST', path => '/Users', bulkId => 'qwerty', data => { schemas => [CORE],
        userName => user_name(), displayName => 'Alice' } };
    my $guides = { method => 'POST', path => '/Groups', bulkId => 'ytrewq',
                   data => { schemas => [GROUP], displayName => 'Tour Guides ' . random_name(),
                   members => [{ type => 'User', value => 'bulkId:qwerty' }] } };
    my $r = $send->($alice, $guides);
    is_deeply $statuses->($r), ['201', '201'], "EX-45: a user and a group that refers to it in one request ($mode)"
        or diag $r->{content};
    my ($user, $group) = $ids->($r);
    is_left($group, [$user], 'EX-45: the group has the user');
    is get("/Groups/$group")->{json}{members}[0]{'$ref'}, url($user // ''), "EX-45: with its location ($mode)";

    # The group comes before the user, and is changed by its bulkId
    my %early = (%$guides, data => { %{ $guides->{data} }, displayName => 'Early ' . random_name() });
    $r = $send->(\%early, { %$alice, data => { %{ $alice->{data} }, userName => user_name() } },
                 { method => 'PATCH', path => '/Groups/bulkId:ytrewq', data => { schemas => [PATCHOP],
                 Operations => [{ op => 'add', path => 'members', value => refs($user) }] } });
    is join(' ', @{ $statuses->($r) }), '201 201 204',
        "EX-45: the group stands before the user, and is changed by its bulkId ($mode)" or diag $r->{content};
    ($group, my $second) = $ids->($r);
    is_left($group, [$user, $second], 'EX-45: it has both');

    # The RFC's example of a circle has two groups that contain each other.  This is
    # refused, so both operations fail and neither group remains.
    my @circle = map { { method => 'POST', path => '/Groups', bulkId => $_->[0], data => { schemas => [GROUP],
        displayName => "$_->[0] " . random_name(),
                         members => [{ type => 'Group', value => "bulkId:$_->[1]" }] } } } ['one', 'two'],
                         ['two', 'one'];
    $r = $send->(@circle);
    is $r->{status}, 200, "EX-44: two groups that contain each other: the request is answered ($mode)";
    is_deeply [grep { /^20/ } @{ $statuses->($r) }], [], "EX-44: both are refused ($mode)" or diag $r->{content};
    is get('/Groups?filter=' . uri("displayName eq \"$_->{data}{displayName}\""))->{json}{totalResults}, 0,
        "EX-44: and neither is left behind ($mode)" for @circle;
}

for (modes()) {
    $mode = $_;
    $org = organization(profile => $mode =~ /open/ ? 'open' : 'managed');
    my ($babs, $james, $mandy) = map { person($_) } 'Babs Jensen', 'James Smith', 'Mandy Pepperidge';
    representation($babs, $mandy);
    schema();
    patches($babs, $james, $mandy);
    bulk();
}
done_testing;
