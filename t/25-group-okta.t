# SPDX-License-Identifier: Apache-2.0
# Okta's Group Push: O2 and O11 to O16 of clients.md, as catalogue applications
# (PATCH) and as custom ones (PUT) send it.
use strict;
use warnings;
use lib 't/lib';
use Scim::Groups;
use Scim::Test;

my %HEADERS = (Accept => 'application/scim+json', 'Accept-Charset' => 'utf-8', 'Accept-Encoding' => 'gzip,deflate',
               'Content-Type' => 'application/scim+json; charset=utf-8', 'User-Agent' => 'Okta SCIM Client 1.0.0');
my ($org, $profile);

sub okta { my ($method, $path, $body) = @_; return $org->request($method, $path, body => $body, headers => {%HEADERS}) }
sub find { my ($name) = @_; return okta(GET => '/Groups?filter=displayName%20eq%20%22' . uri($name)
    . '%22&startIndex=1&count=100') }
sub patch { my ($id, @operations) = @_; return okta(PATCH => "/Groups/$id",
    { schemas => [PATCHOP], Operations => \@operations }) }
sub shown { my ($id) = @_; return { value => $id, display => 'test.user@okta.local' } }
sub renaming { my ($id, $name, $inside) = @_; return { op => 'replace', value => { id => $inside // $id,
    displayName => $name } } }
sub is_fine { my ($r, $name) = @_; return like($r->{status}, qr/^20[04]\z/, $name) || diag($r->{content}) }

sub whole_import {
    my ($name) = @_;
    my @names = ($name, map { "Import $_ " . random_name() } 1 .. 7);
    group($org, displayName => $_) for @names[1 .. 7];
    my $first = okta(GET => '/Groups?startIndex=1&count=100');
    is_groups($first, \@names, "O2: the import lists every group ($profile)");
    like $first->{content}, qr/"$_":\d/, "O2: $_ is an integer ($profile)" for qw(totalResults startIndex itemsPerPage);
    my (@seen, $total);
    for (my $start = 1; !$total || $start <= $total; $start += 3) {
        my $page = okta(GET => "/Groups?startIndex=$start&count=3")->{json};
        $total = $page->{totalResults} or last;
        push @seen, map { $_->{displayName} } @{ $page->{Resources} };
    }
    is_deeply [sort @seen], [sort @names], "O2: page by page, each group comes once ($profile)";
    is_deeply [map { $_->{id} } @{ okta(GET => '/Groups?startIndex=1&count=100')->{json}{Resources} }],
        [map { $_->{id} } @{ $first->{json}{Resources} }], "O2: in the same order again ($profile)";
}

sub push_by_patch {
    my ($id, $name) = @_;
    my ($test, @others) = accounts($org, 5);
    is_fine(patch($id, { op => 'add', path => 'members', value => [shown($test)] }),
        "O14: a member is added ($profile)");
    is_fine(patch($id, bracket($test), { op => 'add', path => 'members', value => [map { shown($_) } @others[0, 1]] }),
            "O14: one is removed and others are added in one PATCH ($profile)");
    is_deeply members($org, $id), [sort @others[0, 1]], "O14: and these are the members ($profile)";
    is_unchanged($org, $id, sub { patch($id, renaming($id, $name)) },
        "O13: the rename that comes with every update changes nothing ($profile)");
    is_fine(patch($id, renaming($id, "$name 2")), "O13: a new name, with the id inside ($profile)");
    is_group(okta(GET => "/Groups/$id"), 200, { displayName => "$name 2", id => $id, members => [@others[0, 1]] },
        "O13: the id stays, the members too ($profile)");
    is_fine(patch($id, renaming($id, $name, 'abf4')), "O13: another id inside is ignored ($profile)");
    is okta(GET => "/Groups/$id")->{json}{id}, $id, "O13: the group keeps its own ($profile)";
    is_fine(patch($id, { op => 'replace', path => 'members', value => [map { shown($_) } @others] }),
        "O14b: \"Push now\" replaces all members ($profile)");
    is_deeply members($org, $id), [sort @others], "O14b: they are the members ($profile)";
    is_unchanged($org, $id, sub { patch($id, { op => 'replace', path => 'members',
        value => [map { shown($_) } reverse @others] }) },
                 "O14b: pushed once more, in another order, nothing changes ($profile)");
    my @many = accounts($org, 256);
    is_fine(patch($id, { op => 'add', path => 'members', value => [map { shown($_) } @many] }),
        "O14: 256 memberships in one PATCH ($profile)");
    is_deeply members($org, $id), [sort @others, @many], "O14: all of them are there ($profile)";
    is_fine(patch($id, map { bracket($_) } @many), "O14: 256 removals in one PATCH ($profile)");
    is_deeply members($org, $id), [sort @others], "O14: all of them are gone ($profile)";
    is_fine(patch($id, { op => 'replace', path => 'members', value => [] }),
        "O14b: a push of an empty group ($profile)");
    is_deeply members($org, $id), [], "O14b: leaves no members ($profile)";
}

sub push_by_put {
    my ($id, $name) = @_;
    my @people = accounts($org, 4);
    my $push = sub {
        my ($new, @members) = @_;
        return okta(PUT => "/Groups/$id", { schemas => [GROUP], id => $id, displayName => $new,
            members => [map { shown($_) } @members] });
    };
    is_group($push->($name, @people[0 .. 2]), 200, { id => $id, displayName => $name, members => [@people[0 .. 2]] },
        "O15: PUT with all members ($profile)");
    is_group($push->($name, @people[1 .. 3]), 200, { displayName => $name, members => [@people[1 .. 3]] },
        "O15: PUT with others ($profile)");
    is_unchanged($org, $id, sub { $push->($name, @people[1 .. 3]) },
        "O15: the same PUT again changes nothing ($profile)");
    is_group($push->("$name 3"), 200, { displayName => "$name 3", members => [] },
        "O15: a new name and no members ($profile)");
    my $read = okta(GET => "/Groups/$id")->{json};
    is_group(okta(PUT => "/Groups/$id", $read), 200, { displayName => "$name 3", members => [] },
        "O15: the group as read can be written back ($profile)");
}

for (qw(managed open)) {
    $profile = $_;
    $org = organization(profile => $profile);
    my $name = 'Test SCIMv2 ' . random_name();
    is_groups(okta(GET => '/Groups?startIndex=1&count=100'), [], "O2: no groups yet ($profile)");
    is_groups(find($name), [], "O11: the look-up of a group that is not there ($profile)");
    my $made = okta(POST => '/Groups', { schemas => [GROUP], displayName => $name, members => [] });
    is_group($made, 201, { displayName => $name, schemas => [GROUP], members => [] },
        "O12: a group is created ($profile)");
    my $id = $made->{json}{id};
    is_groups(find($name), [$name], "O11: and found by its name ($profile)");
    is_group(okta(GET => "/Groups/$id"), 200, { displayName => $name, members => [] },
        "O11: does it still exist? ($profile)");
    is_error(okta(POST => '/Groups', { schemas => [GROUP], displayName => $name, members => [] }), 409, 'uniqueness',
        "O12: again it is a conflict ($profile)");
    my $custom = 'urn:okta:custom:group:1.0';
    my $described = okta(POST => '/Groups', { schemas => [GROUP, $custom], displayName => "$name described",
        members => [], $custom => { description => 'Everybody in tests' } });
    is_group($described, 201, { displayName => "$name described" },
        "O12: a description under a URN of Okta is accepted ($profile)");
    is okta(DELETE => "/Groups/$described->{json}{id}")->{status}, 204, "O16: unlinked and deleted ($profile)";
    whole_import($name);
    push_by_patch($id, $name);
    push_by_put($id, $name);
    is okta(DELETE => "/Groups/$id")->{status}, 204, "O16: DELETE ($profile)";
    is_error(okta(GET => "/Groups/$id"), 404, undef, "O11: then it does not exist ($profile)");
}

# A catalogue application accepts a 200 without the members, but then with all
# other attributes.
my $group = group($org, members => [accounts($org, 1)]);
my $answer = $org->patch("/Groups/$group->{id}?excludedAttributes=members",
    { schemas => [PATCHOP], Operations => [renaming($group->{id}, 'Answered')] });
is_group($answer, 200, { displayName => 'Answered', id => $group->{id}, schemas => [GROUP] },
    'O13: an answer that was asked for without members');
ok !exists $answer->{json}{members}, 'O13: has none';
done_testing;
