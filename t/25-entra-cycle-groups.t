# SPDX-License-Identifier: Apache-2.0
# What comes of the groups of Entra ID's service, as README's chapter on it says:
# which attribute matches them, and who is left out.
use strict;
use warnings;
use lib 't/lib';
use Scim::Test;
use Scim::Entra;

my $count = 0;
sub id { return sprintf '6a87f6f8-e380-4fe4-94fe-%012x', ++$count }

sub person {
    my ($name, %more) = @_;
    return { id => id(), userPrincipalName => "$name\@example.com", displayName => ucfirst $name, role => 'USER',
             %more };
}

sub group_of {
    my ($name, @members) = @_;
    return { id => id(), displayName => $name, members => [map { $_->{id} } @members] };
}

sub entra { my ($org, %option) = @_; return Scim::Entra->new(url => $org->url, token => $org->{token}, %option) }

# name => the names of its members.
sub members_of {
    my ($org) = @_;
    return { map { @$_ } sql(q{SELECT g.display_name,
        (SELECT string_agg(m.display, ', ' ORDER BY m.display) FROM scim.members_of(g.organization_id, g.id) m)
        FROM scim.user_group g WHERE organization_id = $1}, $org->{id}) };
}

sub is_linked {
    my ($org, $group) = @_;
    return scalar sql('SELECT id FROM scim.user_group WHERE organization_id = $1 AND external_id = $2',
                      $org->{id}, $group->{id});
}

# The rows of the log with this result.
sub steps {
    my ($entra, $result) = @_;
    return [map { "$_->{action} $_->{target} $_->{status}" } grep { $_->{result} eq $result } @{ $entra->{rows} }];
}

my ($anna, $ben) = (person('anna'), person('ben'));
my ($org, $entra);

# A group that is here already
for (['displayName', []], ['externalId', ['Create Sales 409']]) {
    my ($match, $failures) = @$_;
    $org = organization();
    $org->post('/Groups', { schemas => ['urn:ietf:params:scim:schemas:core:2.0:Group'], displayName => 'Sales' });
    my $group = group_of('Sales');
    $entra = entra($org, match_groups => $match);
    $entra->run({ users => [], groups => [$group] });
    is_deeply steps($entra, 'failure'), $failures, "a group that is here already, by $match: what fails";
    is is_linked($org, $group), @$failures ? 0 : 1, "by $match: whether it is taken over";
}

# Two groups of one name
for (['displayName', 'Anna, Ben', []], ['externalId', 'Anna', ['Create Twins 409']]) {
    my ($match, $members, $failures) = @$_;
    $org = organization();
    $entra = entra($org, match_groups => $match);
    $entra->run({ users => [$anna, $ben], groups => [group_of('Twins', $anna), group_of('Twins', $ben)] });
    is_deeply members_of($org), { Twins => $members }, "two groups of one name, by $match: the members of one";
    is_deeply steps($entra, 'failure'), $failures, "by $match: what fails";
}

# A group that was renamed before the provisioning is restarted
for (['displayName', { Old => 'Anna', New => 'Anna' }], ['externalId', { New => 'Anna' }]) {
    my ($match, $groups) = @$_;
    $org = organization();
    my $group = group_of('Old', $anna);
    $entra = entra($org, match_groups => $match);
    $entra->run({ users => [$anna], groups => [$group] });
    $group->{displayName} = 'New';
    $entra->restart;
    is_deeply members_of($org), $groups, "a group that was renamed before a restart, by $match: the groups";
    is_deeply steps($entra, 'failure'), [], "by $match: without a failure";
}

# A member who is not in scope
my $late = person('late', assigned => 0);
my $inner = group_of('Inner', $late);
my $outer = group_of('Outer', $anna, $late, $inner);
$org = organization();
$entra = entra($org);
ok $entra->run({ users => [$anna, $late], groups => [$outer, $inner],
                 changes => [[{ action => 'assign', id => $late->{id} }]] }),
    'a member who is not in scope is no failure';
is_deeply steps($entra, 'skipped'), ['Add member Outer: late@example.com -', 'Add member Inner: late@example.com -'],
    'he is left out';
is_deeply members_of($org), { Inner => '', Outer => 'Anna, Inner' }, 'and is not added when he comes into scope';
ok $entra->apply({ action => 'restart' }), '"Restart provisioning"';
is_deeply members_of($org), { Inner => 'Late', Outer => 'Anna, Inner, Late' }, 'adds him';

# Deactivation
ok $entra->apply({ action => 'unassign', id => $late->{id} }), 'a member is unassigned';
is members_of($org)->{Inner}, 'Late', 'and is a member still';
ok $entra->apply({ action => 're-assign', id => $late->{id} }), 'assigned again';
is_deeply members_of($org), { Inner => 'Late', Outer => 'Anna, Inner, Late' }, 'he is in the groups where he was';

# Many PATCHes of one group at once
my @many = map { person("member$_") } 10 .. 33;
my @ids = map { $_->{id} } @many;
my $crowd = group_of('Crowd');
$org = organization();
$entra = entra($org, flag => 1);
ok $entra->run({ users => \@many, groups => [$crowd],
                 changes => [[{ action => 'add-members', id => $crowd->{id}, members => \@ids }]] }),
    '24 members are added, eight at once';
is members_of($org)->{Crowd}, join(', ', map { $_->{displayName} } @many), 'and all are there';
ok $entra->apply({ action => 'remove-members', id => $crowd->{id}, members => [@ids[1 .. 23]] }),
    '23 are removed, eight at once';
is members_of($org)->{Crowd}, 'Member10', 'and one is left';
done_testing;
