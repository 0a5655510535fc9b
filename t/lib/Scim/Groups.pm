# SPDX-License-Identifier: Apache-2.0
package Scim::Groups;
# Helpers for tests of groups: create them, change them, look at them.
#
#   my $group = group($org, members => [accounts($org, 3)]);
#   is_done(change_group($org, $group->{id}, add_members($id)), 'a member is added');
#   is_deeply members($org, $group->{id}), [sort $id, ...], 'and is there';
use strict;
use warnings;
use Exporter 'import';
use Scim::Test ();
use Test::More ();

our @EXPORT = qw(
    GROUP ABSENT accounts group members displayed change_group add_members remove_members replace_members bracket refs
    version_of etag_of group_events is_unchanged is_done is_group is_groups);

use constant {
    GROUP => 'urn:ietf:params:scim:schemas:core:2.0:Group',
    ABSENT => '00000000-1111-4222-8333-444444444444',     # an id that does not exist
};

# The ids of $count new accounts.
sub accounts {
    my ($org, $count) = @_;
    return map { $_->[0] } Scim::Test::sql(<<'SQL', $org->{id}, Scim::Test::random_name(), $count);
INSERT INTO scim.account (organization_id, user_name, display_name)
SELECT $1, $2 || n || '@example.com', 'Person ' || n FROM generate_series(1, $3::int) n RETURNING id;
SQL
}

sub refs { return [map { { value => $_ } } @_] }

# The JSON of a new group; members is a list of ids.
sub group {
    my ($org, %more) = @_;
    my $members = delete $more{members};
    my $r = $org->post('/Groups', { schemas => [GROUP], displayName => 'Group ' . Scim::Test::random_name(),
                                    $members ? (members => refs(@$members)) : (), %more });
    die "group: $r->{status} $r->{content}" unless $r->{status} == 201;
    return $r->{json};
}

# The sorted ids of the members that GET shows; undef if it shows no list.
sub members {
    my ($org, $id) = @_;
    my $r = $org->get("/Groups/$id");
    return displayed($r->{json});
}

sub displayed {
    my ($group) = @_;
    return ref $group->{members} eq 'ARRAY' ? [sort map { $_->{value} } @{ $group->{members} }] : undef;
}

sub change_group {
    my ($org, $id, @operations) = @_;
    return $org->patch("/Groups/$id", { schemas => [Scim::Test::PATCHOP()], Operations => \@operations });
}

sub add_members { return { op => 'add', path => 'members', value => refs(@_) } }
sub remove_members { return { op => 'remove', path => 'members', value => refs(@_) } }
sub replace_members { return { op => 'replace', path => 'members', value => refs(@_) } }
sub bracket { return { op => 'remove', path => 'members[' . join(' or ', map { qq{value eq "$_"} } @_) . ']' } }

sub etag_of { my ($org, $id) = @_; return $org->get("/Groups/$id?excludedAttributes=members")->{headers}{etag} }

# A change without effect must leave these as they are.
sub version_of {
    my ($org, $id) = @_;
    my $meta = $org->get("/Groups/$id?excludedAttributes=members")->{json}{meta} || {};
    return join ' ', map { $meta->{$_} // 'none' } qw(version lastModified);
}

sub group_events {
    my ($org, $id) = @_;
    my ($row) = Scim::Test::sql(q{SELECT count(*) FROM scim.event WHERE organization_id = $1 AND resource_type = 'Group'
                                  AND resource_id = $2}, $org->{id}, $id);
    return $row->[0];
}

# The state of a group and the number of its events.
sub everything {
    my ($org, $id) = @_;
    return { version => version_of($org, $id), members => members($org, $id), events => group_events($org, $id) };
}

# The request succeeds, and changes nothing.
sub is_unchanged {
    my ($org, $id, $code, $name) = @_;
    my $before = everything($org, $id);
    my $r = $code->();
    return Test::More::subtest($name => sub {
        Test::More::like($r->{status}, qr/^20[04]\z/, 'it succeeds') or Test::More::diag($r->{content});
        Test::More::is_deeply(everything($org, $id), $before,
            'and nothing is different: version, time, members, events');
    });
}

# A PATCH has succeeded, as one without a body does.
sub is_done {
    my ($r, $name) = @_;
    return Test::More::subtest($name => sub {
        Test::More::is($r->{status}, 204, 'status 204') or Test::More::diag($r->{content});
        Test::More::is($r->{content}, '', 'no body');
        Test::More::like($r->{headers}{etag}, qr{^W/"[^"]+"\z}, 'an ETag');
        Test::More::like($r->{headers}{location}, qr{/Groups/[0-9a-f-]{36}\z}, 'a Location');
    });
}

# A group in an answer; members is a list of ids, in any order.
sub is_group {
    my ($r, $status, $expected, $name) = @_;
    my %wanted = %$expected;
    my $members = delete $wanted{members};
    return Test::More::subtest($name => sub {
        Test::More::is($r->{status}, $status, "status $status") or Test::More::diag($r->{content});
        Test::More::like($r->{headers}{'content-type'}, qr{^application/scim\+json}, 'media type');
        my $json = $r->{json} || {};
        Test::More::ok($json->{id}, 'an id');
        Test::More::is_deeply($json->{$_}, $wanted{$_}, $_) or Test::More::diag($r->{content}) for sort keys %wanted;
        Test::More::is_deeply(displayed($json), [sort @$members], 'members') or Test::More::diag($r->{content})
            if $members;
    });
}

# A ListResponse with the groups of these names, in any order.
sub is_groups {
    my ($r, $names, $name) = @_;
    return Test::More::subtest($name => sub {
        Test::More::is($r->{status}, 200, 'status 200') or Test::More::diag($r->{content});
        Test::More::is_deeply($r->{json}{schemas}, [Scim::Test::LIST()], 'a ListResponse');
        Test::More::is_deeply([sort map { $_->{displayName} } @{ $r->{json}{Resources} || [] }], [sort @$names],
            'the groups')
            or Test::More::diag($r->{content});
        Test::More::is($r->{json}{totalResults}, scalar @$names, 'totalResults');
    });
}

1;
