# SPDX-License-Identifier: Apache-2.0
# Groups as lists: filters, order, pages, .search and the root; the groups of a
# User, and Users by their groups; groups in groups.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use Scim::Groups;
use Scim::Test;
use Time::HiRes qw(sleep);

my $SEARCH = 'urn:ietf:params:scim:api:messages:2.0:SearchRequest';
my $org = organization();
my $neighbour = organization();
my @people = accounts($org, 8);
my %group;
my @made = (['Alpha', 'ext-a', 0, 1, 2], ['beta', 'EXT-A', 1], ['Gamma', 'ext-g'], ['alpha two', undef, 2, 3],
            ['Zoë', 'ext-z', 4], ['O\'Neil & Söhne #1', undef, 5]);
for (@made) {
    my ($name, $external, @members) = @$_;
    sleep 0.002;        # no two have the same time
    $group{$name} = group($org, displayName => $name, $external ? (externalId => $external) : (),
                          members => [@people[@members]]);
}
my %id = map { $_ => $group{$_}{id} } keys %group;
group($neighbour, displayName => 'Alpha', externalId => 'ext-a', members => [accounts($neighbour, 1)]);

sub list { my ($query) = @_; return $org->get("/Groups?$query") }
sub found { my ($filter, $expected, $name) = @_; return is_groups(list('filter=' . uri($filter)), $expected,
    $name // $filter) }
sub names { my ($r) = @_; return join ' ', map { $_->{displayName} // $_->{userName} } @{ $r->{json}{Resources}
    || [] } }

# Filters
found('displayName eq "Alpha"', ['Alpha']);
found('displayName eq "ALPHA"', ['Alpha']);
found('DisplayName EQ "alpha"', ['Alpha']);
found(GROUP . ':displayName eq "alpha"', ['Alpha']);
found('displayName eq "alph"', []);
found('displayName eq "zOË"', ['Zoë']);
found('displayName eq "O\'Neil & Söhne #1"', ['O\'Neil & Söhne #1']);
found('displayName ne "Alpha"', [grep { $_ ne 'Alpha' } keys %group]);
found('displayName co "ALPHA"', ['Alpha', 'alpha two']);
found('displayName sw "alpha "', ['alpha two']);
found('displayName ew "A"', [qw(Alpha beta Gamma)]);
found('displayName gt "beta" and displayName lt "o"', ['Gamma']);
found('displayName pr', [keys %group]);
found('externalId eq "ext-a"', ['Alpha']);
found('externalId eq "EXT-A"', ['beta']);
found('externalId sw "ext-"', [qw(Alpha Gamma Zoë)]);
found('externalId pr', [qw(Alpha beta Gamma Zoë)]);
found('not (externalId pr)', ['alpha two', 'O\'Neil & Söhne #1']);
found("id eq \"$id{Gamma}\"", ['Gamma']);
found('id eq "nope"', []);
found("id eq \"$id{Gamma}\" or displayName eq \"beta\"", ['Gamma', 'beta']);
found('meta.resourceType eq "Group"', [keys %group]);
found('meta.resourceType eq "User"', []);
found('schemas eq "' . GROUP . '"', [keys %group]);
my $between = $org->get("/Groups/$id{Gamma}")->{json}{meta}{lastModified};
sql(q{SELECT pg_sleep(0.01)});
change_group($org, $id{beta}, { op => 'replace', path => 'externalId', value => 'EXT-A' }, add_members($people[7]));
found("meta.lastModified gt \"$between\" and displayName eq \"beta\"", ['beta']);
found("meta.lastModified gt \"$group{'O\'Neil & Söhne #1'}{meta}{lastModified}\"", ['beta']);
found('meta.lastModified gt "2999-01-01T00:00:00Z"', []);
found("meta.created le \"$group{Gamma}{meta}{created}\"", [qw(Alpha beta Gamma)]);
change_group($org, $id{beta}, bracket($people[7]));

for my $form ('members.value eq "%s"', 'members[value eq "%s"]', 'members eq "%s"', GROUP . ':members.value eq "%s"',
    'members[value eq "%s" and type eq "User"]') {
    my $who = sub { return sprintf $form, $_[0] };
    found($who->($people[1]), [qw(Alpha beta)], sprintf $form, 'a member of two groups');
    found($who->($people[6]), [], sprintf $form, 'an account in none');
    found($who->(ABSENT), [], sprintf $form, 'an id that does not exist');
    found($who->('nobody'), [], sprintf $form, 'a text that is not an id');
    found("id eq \"$id{Alpha}\" and " . $who->($people[2]), ['Alpha'], 'id eq g and ' . sprintf $form, 'a member');
    found("id eq \"$id{Alpha}\" and " . $who->($people[3]), [], 'id eq g and ' . sprintf $form,
        'an account that is not a member');
    found($who->($people[2]) . ' and displayName co "two"', ['alpha two'], sprintf($form, 'a member') . ' and a name');
    found($who->($people[0]) . ' or ' . $who->($people[4]), [qw(Alpha Zoë)], sprintf($form, 'a member')
        . ' or another');
    found('not (' . $who->($people[1]) . ')', [grep { !/^(?:Alpha|beta)\z/ } keys %group], sprintf "not ($form)",
        'a member');
}
found('members pr', [grep { $_ ne 'Gamma' } keys %group]);
found('not (members pr)', ['Gamma']);
found('members[type eq "Group"]', []);
is_error(list('filter=' . uri($_)), 400, 'invalidFilter', "refused: $_")
    for 'userName eq "x"', 'displayName xx "x"', 'members[value eq "x"', 'displayName eq', 'members.nosuch eq "x"';

# Lists with and without members
my $all = list('count=100');
is_groups($all, [keys %group], 'the list has every group of the organization');
my %shown = map { $_->{displayName} => displayed($_) } @{ $all->{json}{Resources} };
is_deeply \%shown, { map { my ($name, undef, @members) = @$_; ($name => [sort @people[@members]]) } @made },
    'each with its members, none is an empty list';
is_deeply $all->{json}{Resources}[0], $org->get("/Groups/$all->{json}{Resources}[0]{id}")->{json},
    'a group in the list is the same as by its id';
for my $query ('excludedAttributes=members', 'attributes=displayName', 'attributes=id') {
    is_deeply [grep { exists $_->{members} } @{ list($query)->{json}{Resources} }], [],
        "no group has members with $query";
}
my $values = list('attributes=members.value&filter=' . uri('displayName eq "Alpha"'))->{json}{Resources}[0];
is_deeply [sort keys %$values], [qw(id members schemas)], 'attributes=members.value has members alone';
is_deeply [map { keys %$_ } @{ $values->{members} }], [('value') x 3], 'and their values alone';
my $excluded = list('excludedAttributes=members&filter=' . uri("members.value eq \"$people[1]\""));
is_groups($excluded, [qw(Alpha beta)], 'a filter of members works without showing them');
ok !exists $excluded->{json}{Resources}[0]{members}, 'which it does not';

# Order
my $by_name = 'Alpha alpha two beta Gamma O\'Neil & Söhne #1 Zoë';
is names(list('sortBy=displayName')), $by_name, 'sortBy=displayName, whatever the case';
is names(list('sortBy=displayName&sortOrder=descending')), join(' ', 'Zoë', 'O\'Neil & Söhne #1', 'Gamma', 'beta',
    'alpha two', 'Alpha'), 'descending';
is_deeply [map { $_->{id} } @{ list('sortBy=id')->{json}{Resources} }], [sort values %id], 'sortBy=id';
is_deeply [map { $_->{id} } @{ list('sortBy=id&sortOrder=descending')->{json}{Resources} }], [reverse sort values %id],
    'descending';
my @times = map { $_->{meta}{created} } @{ list('sortBy=meta.created')->{json}{Resources} };
is_deeply \@times, [sort @times], 'sortBy=meta.created';
@times = map { $_->{meta}{lastModified} } @{ list('sortBy=meta.lastModified&sortOrder=descending')->{json}{Resources} };
is_deeply \@times, [reverse sort @times], 'sortBy=meta.lastModified, descending';
is names(list('sortBy=externalId&filter=externalId+pr')), 'beta Alpha Gamma Zoë', 'sortBy=externalId, by case';
is_error(list('sortBy=userName'), 400, 'invalidValue', 'sortBy an attribute of User is refused');

# Pages
for my $query ('', '&sortBy=displayName', '&sortBy=meta.created&sortOrder=descending', '&excludedAttributes=members') {
    my $whole = [map { $_->{id} } @{ list("count=100$query")->{json}{Resources} }];
    my @index;
    for my $start (1, 3, 5) {
        my $page = list("startIndex=$start&count=2$query")->{json};
        is_deeply [@$page{qw(startIndex itemsPerPage totalResults)}], [$start, 2, 6],
            "startIndex=$start&count=2$query says so";
        push @index, map { $_->{id} } @{ $page->{Resources} };
    }
    is_deeply \@index, $whole, "the pages by startIndex hold the whole list in its order$query";
    my ($cursor, @ids, @counts) = ('');
    while (defined $cursor && @counts < 10) {
        my $page = list("count=4$query&cursor=$cursor")->{json};
        push @ids, map { $_->{id} } @{ $page->{Resources} };
        push @counts, scalar @{ $page->{Resources} };
        $cursor = $page->{nextCursor};
    }
    is_deeply \@ids, $whole, "so do the pages by cursor$query";
    is_deeply \@counts, [4, 2], "of which none is empty$query";
}
is_deeply [@{ list('count=0')->{json} }{qw(totalResults itemsPerPage Resources)}], [6, 0, []],
    'count=0 is the total only';
is_deeply [@{ list('startIndex=9')->{json} }{qw(totalResults Resources)}], [6, []], 'past the end there is nothing';
my $back = list('count=2&cursor=' . list('count=2&cursor=')->{json}{nextCursor})->{json}{previousCursor};
is_deeply [map { $_->{id} } @{ list("count=2&cursor=$back")->{json}{Resources} }],
    [map { $_->{id} } @{ list('count=2')->{json}{Resources} }], 'previousCursor leads back';
is_error(list('count=2&cursor=' . list('count=3&cursor=')->{json}{nextCursor} . 'x'), 400, 'invalidCursor',
    'a cursor that was changed is refused');

# .search and the root
sub search { my ($path, %body) = @_; return $org->post("$path/.search", { schemas => [$SEARCH], %body }) }
is_groups(search('/Groups', filter => 'displayName sw "alpha"'), ['Alpha', 'alpha two'], '.search finds groups');
my $has_one = "members.value eq \"$people[1]\"";
my %asked = (filter => $has_one, sortBy => 'displayName', count => 1, excludedAttributes => ['members']);
is_deeply search('/Groups', %asked)->{json},
    list('filter=' . uri($has_one) . '&sortBy=displayName&count=1&excludedAttributes=members')->{json},
    '.search is the same as GET';
is_groups($org->get('/?filter=' . uri('meta.resourceType eq "Group"')), [keys %group], 'the root lists groups');
is_groups(search('', filter => 'meta.resourceType eq "Group" and displayName co "alpha"'), ['Alpha', 'alpha two'],
    '.search of the root, too');
sub total { my ($path) = @_; return $org->get("$path?count=0")->{json}{totalResults} }
is total('/'), total('/Users') + total('/Groups') + total('/Roles'), 'the root counts them with all others';
my ($fromroot) = @{ $org->get('/?filter=' . uri("id eq \"$id{Alpha}\""))->{json}{Resources} };
is_deeply $fromroot, $org->get("/Groups/$id{Alpha}")->{json}, 'a group in the root list is the same as by its id';
is names($org->get('/?filter=' . uri("members.value eq \"$people[4]\""))), 'Zoë', 'the root can be filtered by members';
is $org->get('/?filter=' . uri("groups.value eq \"$id{Zoë}\""))->{json}{Resources}[0]{id}, $people[4], 'and by groups';

# The groups of a User
sub groups_of { my ($user, $query) = @_; return $org->get("/Users/$user" . ($query // ''))->{json}{groups} }
sub as_group {
    my ($name, $type) = @_;
    return { value => $id{$name}, '$ref' => $org->url . "/Groups/$id{$name}", display => $name, type => $type };
}
sub sorted { my ($list) = @_; return [sort { $a->{display} cmp $b->{display} } @{ $list || [] }] }
is_deeply sorted(groups_of($people[1])), [as_group('Alpha', 'direct'), as_group('beta', 'direct')],
    'a User shows the groups that it is in';
is groups_of($people[6]), undef, 'a User in none has no groups';
is groups_of($people[1], '?excludedAttributes=groups'), undef, 'excludedAttributes=groups';
is_deeply sorted(groups_of($people[1], '?attributes=groups')), [as_group('Alpha', 'direct'),
    as_group('beta', 'direct')], 'attributes=groups';
is_deeply [sort map { $_->{value} } @{ groups_of($people[1], '?attributes=groups.value') }], [sort @id{qw(Alpha beta)}],
    'attributes=groups.value';
my ($listed) = grep { $_->{id} eq $people[1] } @{ $org->get('/Users?count=100')->{json}{Resources} };
is_deeply sorted($listed->{groups}), sorted(groups_of($people[1])), 'in a list, it shows the same';
my $tag = $org->get("/Users/$people[6]")->{headers}{etag};
change_group($org, $id{Gamma}, add_members($people[6]));
is_deeply groups_of($people[6]), [as_group('Gamma', 'direct')], 'a membership is shown at once';
is $org->get("/Users/$people[6]")->{headers}{etag}, $tag, 'and does not change the version of the User';
change_group($org, $id{Gamma}, { op => 'replace', path => 'displayName', value => 'Gamma Ray' });
is groups_of($people[6])->[0]{display}, 'Gamma Ray', 'a new name as well';
change_group($org, $id{Gamma}, { op => 'replace', path => 'displayName', value => 'Gamma' }, bracket($people[6]));
is groups_of($people[6]), undef, 'and so is its end';
my $user = $org->get("/Users/$people[1]")->{json};
is $org->put("/Users/$people[1]", { %$user, groups => [], title => 'T' })->{status}, 200,
    'PUT of a User with other groups';
is $org->patch_ops($people[1], { op => 'replace', path => 'groups', value => [] })->{status}, 200, 'and PATCH';
is_deeply sorted(groups_of($people[1])), [as_group('Alpha', 'direct'), as_group('beta', 'direct')],
    'do not change memberships';

# Users by their groups: how the members of a large group are paged
sub users { my ($filter, $more) = @_; return $org->get('/Users?filter=' . uri($filter) . ($more // '')) }
sub are_users {
    my ($filter, $expected, $name) = @_;
    my @ids = map { $_->{id} } @{ users($filter)->{json}{Resources} || [] };
    return is_deeply [sort @ids], [sort @$expected], $name // $filter;
}
for my $form ('groups.value eq "%s"', 'groups[value eq "%s"]', 'groups eq "%s"',
    'groups[value eq "%s" and type eq "direct"]') {
    are_users(sprintf($form, $id{Alpha}), [@people[0 .. 2]], sprintf $form, 'a group of three');
    are_users(sprintf($form, $id{Gamma}), [], sprintf $form, 'an empty group');
    are_users(sprintf($form, ABSENT), [], sprintf $form, 'no group');
    are_users(sprintf($form, 'nope'), [], sprintf $form, 'no id');
    are_users(sprintf($form, $id{Alpha}) . " and id eq \"$people[1]\"", [$people[1]], 'is this one a member: '
        . sprintf $form, 'g');
}
are_users('groups.display eq "ALPHA"', [@people[0 .. 2]]);
are_users('groups.display eq "nope"', []);
are_users("groups.value eq \"$id{Alpha}\" and not (groups.value eq \"$id{beta}\")", [@people[0, 2]]);
my ($cursor, @paged) = ('');
while (defined $cursor && @paged < 20) {
    my $page = users("groups.value eq \"$id{Alpha}\"", "&count=2&attributes=userName&cursor=$cursor")->{json};
    push @paged, map { $_->{id} } @{ $page->{Resources} };
    $cursor = $page->{nextCursor};
}
is_deeply [sort @paged], [sort @people[0 .. 2]], 'the members of a group, page by page with a cursor, each once';
is users("groups.value eq \"$id{Alpha}\"", '&count=0')->{json}{totalResults}, 3, 'and their number';
is_deeply [map { $_->{id} } @{ users("groups.value eq \"$id{Alpha}\"", '&sortBy=userName')->{json}{Resources} }],
    [map { $_->[0] } sql('SELECT id FROM scim.account WHERE id = ANY ($1::uuid[]) ORDER BY user_name_key COLLATE "C"',
    '{' . join(',', @people[0 .. 2]) . '}')], 'in an order';

# Groups in groups: Outer has Middle and 7, Middle has Inner and 6, Inner has 5.
my ($outer, $middle, $inner) = map { group($org, displayName => $_) } qw(Outer Middle Inner);
@id{qw(Outer Middle Inner)} = map { $_->{id} } $outer, $middle, $inner;
is_done(change_group($org, $id{Inner}, add_members($people[5])), 'Inner has an account');
is_done(change_group($org, $id{Middle}, add_members($people[6], $id{Inner})), 'Middle has an account and a group');
is_done(change_group($org, $id{Outer}, add_members($people[7], $id{Middle})), 'Outer, too');
my $read = $org->get("/Groups/$id{Outer}")->{json};
my ($nested) = grep { $_->{value} eq $id{Middle} } @{ $read->{members} };
is_deeply $nested, { value => $id{Middle}, '$ref' => $org->url . "/Groups/$id{Middle}", type => 'Group',
    display => 'Middle' }, 'a group is a member of type Group';
is_deeply displayed($read), [sort $people[7], $id{Middle}], 'members are the direct ones';
found("members.value eq \"$id{Middle}\"", ['Outer'], 'the groups that a group is in');
found('members[type eq "Group"]', [qw(Outer Middle)], 'members[type eq "Group"]');
is_deeply [sort map { "$_->{display} $_->{type}" } @{ groups_of($people[5]) }], ['Inner direct', 'Middle indirect',
    "O'Neil & Söhne #1 direct", 'Outer indirect'],
    'a User shows direct groups and indirect ones';
is_deeply [grep { $_->{display} eq 'Outer' } @{ groups_of($people[5]) }], [as_group('Outer', 'indirect')],
    'an indirect one has its id and location, too';
is_deeply sorted(groups_of($people[7])), [as_group('Outer', 'direct')],
    'a member of a group is not in the groups below it';
are_users("groups[value eq \"$id{Outer}\" and type eq \"direct\"]", [$people[7]], 'Users by direct membership');
are_users("groups[value eq \"$id{Outer}\" and type eq \"indirect\"]", [@people[5, 6]], 'Users by indirect membership');
change_group($org, $id{Outer}, add_members($people[5]));
is_deeply [map { $_->{type} } grep { $_->{display} eq 'Outer' } @{ groups_of($people[5]) }], ['direct'],
    'a member of a group and of one below it is a direct member, once';

for ([$id{Outer}, $id{Outer}, 'a group in itself'], [$id{Middle}, $id{Outer}, 'a circle of two'],
    [$id{Inner}, $id{Outer}, 'a circle of three']) {
    my ($into, $what, $name) = @$_;
    is_unchanged($org, $into, sub {
        is_error(change_group($org, $into, add_members($people[0], $what)), 400, 'invalidValue',
            "$name is refused by PATCH");
        is_error($org->put("/Groups/$into", { schemas => [GROUP], displayName => 'Circle', members => refs($people[0],
            $what) }), 400, 'invalidValue', "$name is refused by PUT");
        return { status => 200 };
    }, "$name: nothing is applied");
}
my ($version, $lower) = map { version_of($org, $_) } $id{Outer}, $id{Inner};
is $org->delete("/Groups/$id{Middle}")->{status}, 204, 'the group between is deleted';
is_deeply members($org, $id{Outer}), [sort @people[5, 7]], 'and is not a member any more';
isnt version_of($org, $id{Outer}), $version, 'which is a new version of the group above';
is version_of($org, $id{Inner}), $lower, 'but not of the one below';
is groups_of($people[6]), undef, 'its members are in no group';
is_deeply [sort map { "$_->{display} $_->{type}" } @{ groups_of($people[5]) }],
    ['Inner direct', "O'Neil & Söhne #1 direct", 'Outer direct'],
    'its former indirect members are not in the group above';
is_done(change_group($org, $id{Inner}, add_members($id{Outer})), 'without it, there is no circle');
done_testing;
