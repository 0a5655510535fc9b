# SPDX-License-Identifier: Apache-2.0
# Groups as other clients send them: OneLogin (L4 and L8 of clients.md),
# authentik, Keycloak, JumpCloud, SailPoint, Salesforce, scimgateway.
use strict;
use warnings;
use lib 't/lib';
use Scim::Groups;
use Scim::Test;

my ($org, $profile);

sub is_fine { my ($r, $name) = @_; return like($r->{status}, qr/^20[04]\z/, "$name ($profile)") || diag($r->{content}) }
sub is_members { my ($id, $expected, $name) = @_; return is_deeply(members($org, $id), [sort @$expected],
    "$name ($profile)") }
sub plain { my ($method, $path, $body) = @_; return $org->request($method, $path, body => $body,
    headers => { $body ? ('Content-Type' => 'application/json') : () }) }

sub onelogin {
    my ($first, $second) = accounts($org, 2);
    is_groups(plain(GET => '/Groups'), [], "L8: Refresh entitlements without groups ($profile)");
    my $made = plain(POST => '/Groups', { schemas => [GROUP], displayName => 'Entitled' });
    is_group($made, 201, { displayName => 'Entitled', members => [] }, "L8: a group is created ($profile)");
    is_groups(plain(GET => '/Groups'), ['Entitled'], "L8: and is an entitlement ($profile)");
    is_error(plain(POST => '/Groups', { schemas => [GROUP], displayName => 'Entitled' }), 409, 'uniqueness',
        "L8: a name that is taken is an error that it can show ($profile)");
    my $id = $made->{json}{id};
    my $change = sub { return plain(PATCH => "/Groups/$id?", { schemas => [PATCHOP], Operations => [@_] }) };
    is_fine($change->(add_members($first)), 'L4: version 2.0 adds a member');
    is_fine($change->(add_members($second)), 'L4: and another');
    is_members($id, [$first, $second], 'L4: both are members');
    is_fine($change->(remove_members($first)), 'L4: version 2.0 removes a member');
    is_members($id, [$second], 'L4: the other one is left');
    my $old = sub { return plain(PATCH => "/Groups/$id?", { schemas => [GROUP], members => [@_] }) };
    is_fine($old->({ value => $first, operation => 'add' }), 'L4: version 1.1 adds a member, without Operations');
    is_members($id, [$first, $second], 'L4: the account is a member');
    is_fine($old->({ value => $second, operation => 'delete' }), 'L4: version 1.1 deletes a member');
    is_members($id, [$first], 'L4: the other one is left');
    is_fine($old->({ value => $second, operation => 'add' }, { value => $first, operation => 'delete' }),
        'L4: version 1.1 does both at once');
    is_members($id, [$second], 'L4: and both count');
    is_fine(plain(PATCH => "/Groups/$id?", { members => [{ value => $first, operation => 'add' }] }),
        'L4: version 1.1 without schemas');
    is_members($id, [$first, $second], 'L4: is the same');
    is plain(DELETE => "/Groups/$id?")->{status}, 204, "L8: DELETE with a question mark ($profile)";
}

# authentik reads how many operations it may send, creates, and sends one
# operation for each member.  Its full sync reads the group and compares; where
# the answer has no members at all, it does nothing.
sub authentik {
    my $config = plain(GET => '/ServiceProviderConfig')->{json};
    is $config->{patch}{supported}, TRUE, "authentik: it reads that there is PATCH ($profile)";
    my $chunk = $config->{bulk}{maxOperations};
    is $chunk, 1000, "authentik: and how many operations it may send ($profile)";
    my @people = accounts($org, $chunk + 50);
    my $made = plain(POST => '/Groups', { schemas => [GROUP], externalId => 'ak-group',
        displayName => 'authentik Admins' });
    is_group($made, 201, { externalId => 'ak-group', displayName => 'authentik Admins' },
        "authentik: the group is created ($profile)");
    my $id = $made->{json}{id};
    my $send = sub {
        my ($op, @ids) = @_;
        while (my @part = splice @ids, 0, $chunk) {
            is_fine(plain(PATCH => "/Groups/$id", { schemas => [PATCHOP],
                Operations => [map { { op => $op, path => 'members', value => [{ value => $_ }] } } @part] }),
                    'authentik: ' . @part . " operations that $op");
        }
    };
    my $sync = sub {
        my (@wanted) = @_;
        my $have = plain(GET => "/Groups/$id")->{json}{members};
        is ref $have, 'ARRAY', "authentik: the full sync reads a list of members ($profile)";
        my (%have, %wanted);
        $have{ $_->{value} } = 1 for @{ $have || [] };
        $wanted{$_} = 1 for @wanted;
        $send->(remove => grep { !$wanted{$_} } sort keys %have);
        $send->(add => grep { !$have{$_} } @wanted);
        is_members($id, \@wanted, 'authentik: after the full sync, the members are those of the directory');
    };
    $sync->(@people);
    is_unchanged($org, $id, sub { $sync->(@people); return plain(GET => "/Groups/$id") },
        "authentik: a second sync has nothing to do ($profile)");
    $sync->(@people[25 .. $#people]);
    $sync->();
    $sync->($people[0]);
    is_fine(plain(PATCH => "/Groups/$id", { schemas => [PATCHOP], Operations => [
        { op => 'replace', value => { schemas => [GROUP], id => $id, externalId => 'ak-group',
        displayName => 'authentik Owners' } }] }),
        'authentik: a rename sends the whole group without members');
    is_group(plain(GET => "/Groups/$id"), 200, { displayName => 'authentik Owners', externalId => 'ak-group',
        members => [$people[0]] },
             "authentik: and the members stay ($profile)");
    is_error(plain(POST => '/Groups', { schemas => [GROUP], displayName => 'authentik Owners' }), 409, 'uniqueness',
        "authentik: POST of a group that is there ($profile)");
    is_groups(plain(GET => '/Groups?filter=' . uri('displayName eq "authentik Owners"')), ['authentik Owners'],
        "authentik: after which it looks it up by name ($profile)");
    is_group(plain(PUT => "/Groups/$id", { schemas => [GROUP], id => $id, displayName => 'authentik Owners',
        members => refs(@people[1, 2]) }), 200,
             { members => [@people[1, 2]] }, "authentik: without PATCH it sends all by PUT ($profile)");
    is plain(DELETE => "/Groups/$id")->{status}, 204, "authentik: DELETE ($profile)";
    is_error(plain(PATCH => "/Groups/$id", { schemas => [PATCHOP], Operations => [add_members($people[0])] }), 404,
        undef,
             "authentik: a 404 makes it drop the link ($profile)");
}

sub keycloak {
    my @people = accounts($org, 211);
    my $group = group($org, displayName => 'Keycloak ' . random_name(), members => [@people[0 .. 209]]);
    is_fine(change_group($org, $group->{id}, { op => 'add', path => 'members',
        value => [map { { value => $_, type => 'User' } } @people] }),
            'Keycloak: one more member is a PATCH with all 211');
    is_members($group->{id}, \@people, 'Keycloak: all 211 are members');
    is_fine(change_group($org, $group->{id}, replace_members(@people[1 .. 210])), 'Keycloak: as a replacement');
    is_members($group->{id}, [@people[1 .. 210]], 'Keycloak: too');

    my $first = plain(POST => '/Groups', { schemas => [GROUP], externalId => 'kc-1', displayName => 'Created first' });
    is_group($first, 201, { members => [] }, "Keycloak (suvera): groups are created before users ($profile)");
    my $user = plain(POST => '/Users', { schemas => [CORE], userName => user_name(), displayName => 'Member',
        active => TRUE,
                                         groups => [{ value => $first->{json}{id}, display => 'Created first' }] });
    is_user($user, 201, { displayName => 'Member', groups => undef },
        "Keycloak (suvera): groups in the body of a User are ignored ($profile)");
    is_members($first->{json}{id}, [], 'Keycloak (suvera): and make the User a member of nothing');
}

sub jumpcloud {
    my ($first, $second) = accounts($org, 2);
    my $test = plain(POST => '/Groups', { schemas => [GROUP], displayName => 'jumpcloud test group', members => [] });
    is_group($test, 201, { displayName => 'jumpcloud test group' },
        "JumpCloud: its activation makes a test group ($profile)");
    is plain(DELETE => "/Groups/$test->{json}{id}")->{status}, 204, "JumpCloud: and deletes it ($profile)";
    my $group = group($org, members => [$first]);
    is_fine(change_group($org, $group->{id}, { op => 'replace', value => { displayName => 'n '
        . $group->{displayName} } }), 'JumpCloud: a rename without path');
    is_fine(change_group($org, $group->{id}, add_members($second)), 'JumpCloud: a member is added');
    is_members($group->{id}, [$first, $second], 'JumpCloud: beside the other one');
    is_fine(change_group($org, $group->{id}, remove_members($first)), 'JumpCloud: removed by path and value');
    is_group($org->get("/Groups/$group->{id}"), 200, { displayName => "n $group->{displayName}", members => [$second] },
        "JumpCloud: the result of all three ($profile)");
}

sub sailpoint {
    my ($schema) = grep { $_->{id} eq GROUP } @{ plain(GET => '/Schemas')->{json}{Resources} };
    is_deeply [grep { my $name = $_; !grep { $_->{name} eq $name } @{ $schema->{attributes}
        || [] } } qw(displayName members)], [],
        "SailPoint: /Schemas has the attributes of groups ($profile)";
    my ($type) = grep { $_->{name} eq 'Group' } @{ plain(GET => '/ResourceTypes')->{json}{Resources} };
    is_deeply [@{ $type || {} }{qw(endpoint schema)}], ['/Groups', GROUP],
        "SailPoint: /ResourceTypes has the type ($profile)";
    my %wanted = map { my ($member) = accounts($org, 1); (group($org, members => [$member])->{id} => $member) } 1 .. 5;
    my (%seen, $total);
    for (my $start = 1; !$total || $start <= $total; $start += 2) {
        my $page = plain(GET => "/Groups?startIndex=$start&count=2")->{json};
        $total = $page->{totalResults} or last;
        $seen{ $_->{id} } = $_->{members}[0]{value} for @{ $page->{Resources} };
    }
    is_deeply { map { $_ => $seen{$_} } keys %wanted }, \%wanted,
        "SailPoint: the aggregation reads each group with its members ($profile)";
}

sub salesforce {
    my ($first, $second, $third) = accounts($org, 3);
    my $group = group($org, members => [$first]);
    my $wrapped = sub { my ($op, @ids) = @_; return { op => $op, path => 'members',
        value => { members => refs(@ids) } } };
    is_fine(change_group($org, $group->{id}, $wrapped->('add', $second, $third)),
        'Salesforce: members within members are added');
    is_members($group->{id}, [$first, $second, $third], 'Salesforce: beside the other one');
    is_fine(change_group($org, $group->{id}, $wrapped->('remove', $second)),
        'Salesforce: and are removed in the same form');
    is_members($group->{id}, [$first, $third], 'Salesforce: only these');
    is_fine(change_group($org, $group->{id}, $wrapped->('replace', $second)), 'Salesforce: and replaced');
    is_members($group->{id}, [$second], 'Salesforce: by these');
}

sub scimgateway {
    my ($ann, $bob, $cid, $dan) = accounts($org, 4);
    my $group = group($org, members => [$ann, $bob, $cid]);
    is_fine(change_group($org, $group->{id}, bracket($ann, $bob)), 'scimgateway: a filter with or');
    is_members($group->{id}, [$cid], 'scimgateway: removes both');
    is_fine(change_group($org, $group->{id}, { op => 'add', path => 'members', value => $ann }),
        'scimgateway: a string for an element');
    is_fine(change_group($org, $group->{id}, { op => 'add', path => 'members', value => [$bob] }),
        'scimgateway: a list of strings');
    is_fine(change_group($org, $group->{id}, { op => 'add', path => 'members',
        value => [{ '$ref' => $org->url . "/Users/$dan" }] }), 'scimgateway: $ref alone');
    is_members($group->{id}, [$ann, $bob, $cid, $dan], 'scimgateway: all are members');
    is_fine(change_group($org, $group->{id}, { op => 'remove', path => 'members',
        value => [{ '$ref' => "../Users/$dan" }, $cid] }), 'scimgateway: a relative $ref, and a string');
    is_members($group->{id}, [$ann, $bob], 'scimgateway: remove these');
}

for (qw(managed open)) {
    $profile = $_;
    $org = organization(profile => $profile);
    onelogin();
    authentik();
    keycloak();
    jumpcloud();
    sailpoint();
    salesforce();
    scimgateway();
}
done_testing;
