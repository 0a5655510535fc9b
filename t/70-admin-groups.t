# SPDX-License-Identifier: Apache-2.0
# Groups in the API of the settings page: lists page by page, one group, those of
# a member, and their changes in Activity.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use MIME::Base64 ();
use Scim::Test;

my $org = organization();
my $other = organization();

sub call {
    my ($method, $path, $of) = @_;
    $of ||= $org;
    my $authorization = 'Basic ' . MIME::Base64::encode("$of->{issuer_name}:x", '');
    my $r = Scim::Test::http()->request($method, "/organizations/$of->{key}/api/$path",
        [Authorization => $authorization, Origin => server()->{url}], undef);
    $r->{json} = eval { JSON::PP->new->utf8->decode($r->{content}) };
    return $r;
}
sub get {
    my ($path, @of) = @_;
    my $r = call(GET => $path, @of);
    return $r->{status} == 200 ? $r->{json} : die "$path: $r->{content}";
}
sub is_refused {
    my ($path, $status, $like, $name) = @_;
    my $r = call(GET => $path);
    is $r->{status}, $status, $name;
    return like $r->{json}{message} // '', $like, "$name: a message for people";
}

sub group {
    my ($name, %o) = @_;
    return (sql('INSERT INTO scim.user_group (organization_id, display_name, external_id)
                 VALUES ($1, $2, $3) RETURNING id', ($o{org} || $org)->{id}, $name, $o{external_id}))[0][0];
}
sub account {
    my ($name, %o) = @_;
    return (sql('INSERT INTO scim.account (organization_id, user_name, display_name, role, active)
                 VALUES ($1, $2, $3, $4, $5) RETURNING id',
        ($o{org} || $org)->{id}, "$name\@example.com", ucfirst $name, $o{role} // 'USER', $o{active} // 'true'))[0][0];
}
# join_groups([$group, $account], ...), nest([$group, $child], ...)
sub insert {
    my ($into, @pairs) = @_;
    return sql("INSERT INTO scim.$into SELECT \$1::uuid, (p ->> 0)::uuid, (p ->> 1)::uuid
                FROM jsonb_array_elements(\$2::jsonb) p", $org->{id}, JSON::PP->new->encode(\@pairs));
}
sub join_groups { return insert('membership (organization_id, group_id, account_id)', @_) }
sub nest { return insert('subgroup (organization_id, group_id, child_id)', @_) }

# All of a list, page by page.
sub walk {
    my ($path, $name, $count) = @_;
    my ($cursor, @found);
    for (1 .. 50) {
        my $more = defined $cursor ? '&cursor=' . uri($cursor) : '';
        my $page = get($path . ($path =~ /\?/ ? '&' : '?') . "count=$count$more");
        push @found, @{ $page->{$name} };
        $cursor = $page->{next};
        return @found unless defined $cursor;
    }
    die "$path has no end";
}

is_deeply get('groups'), { groups => [] }, 'without groups the list is empty';

my %account = map { $_ => account($_) } qw(anna bert cleo);
$account{dora} = account('dora', role => 'GUEST', active => 'false');
my $sales = group('Sales', external_id => 'Ext-1');
my $east = group('sales east');
my $staff = group('Everybody');
my $empty = group('Nobody');
join_groups((map { [$sales, $account{$_}] } qw(cleo anna dora)), [$east, $account{bert}]);
nest([$sales, $east], [$staff, $sales]);
my $foreign = group('Sales', org => $other, external_id => 'Ext-1');

# Lists
my @all = @{ get('groups')->{groups} };
is_deeply [map { $_->{displayName} } @all], ['Everybody', 'Nobody', 'Sales', 'sales east'],
    'groups by name, in any case, of this organization alone';
is_deeply [map { [@$_{qw(members hasMoreMembers groups hasMoreGroups)}] } @all], [[0, FALSE, 1, FALSE], [0, FALSE, 0,
    FALSE], [3, FALSE, 1, FALSE], [1, FALSE, 0, FALSE]],
    'with the numbers of direct members and nested groups';
like $all[2]{lastModified}, qr/^\d{4}-\d\d-\d\dT[\d:.]+Z$/, 'and the last change';
is_deeply [@{ $all[2] }{qw(id externalId)}], [$sales, 'Ext-1'], 'id and externalId';
is_deeply [map { $_->{displayName} } walk('groups', 'groups', 1)], ['Everybody', 'Nobody', 'Sales', 'sales east'],
    'pages show all groups once';
is_deeply [walk('groups', 'groups', 2)], \@all, 'whatever is on a page';
sub found { my ($search) = @_; return [map { $_->{displayName} } @{ get('groups?search=' . uri($search))->{groups} }] }
is_deeply found('SAL'), ['Sales', 'sales east'], 'search: the beginning of a name in any case';
is_deeply [map { $_->{displayName} } walk('groups?search=sal', 'groups', 1)], ['Sales', 'sales east'], 'page by page';
is_deeply found('  sales e'), ['sales east'], 'blanks around it do not count';
is_deeply found('east'), [], 'not the middle of a name';
is_deeply found('Ext-1'), ['Sales'], 'a whole externalId';
is_deeply found('ext-1'), [], 'which is case-exact';
is_deeply found($empty), ['Nobody'], 'an id';
is_deeply found($foreign), [], "not that of another organization's group";
is_deeply found($_), [], "no character is special: $_" for '%', '_', '\\', "'", '*';
is_refused('groups?search=' . 'x' x 300, 400, qr/too long/, 'a search that is too long');
is_refused("groups?count=$_", 400, qr/number from 1/, "count=$_") for 0, 201, 'x';

# One group
is_deeply get("groups/$sales"), $all[2], 'one group, as in the list';
my @members = @{ get("group-members/$sales")->{members} };
is_deeply [map { [@$_{qw(id userName displayName role active)}] } @members],
    [[$account{anna}, 'anna@example.com', 'Anna', 'USER', TRUE], [$account{cleo}, 'cleo@example.com', 'Cleo', 'USER',
        TRUE], [$account{dora}, 'dora@example.com', 'Dora', 'GUEST', FALSE]],
    'its direct members, by userName, inactive ones, too';
like $members[0]{since}, qr/^\d{4}-.*Z$/, 'since when';
is_deeply [walk("group-members/$sales", 'members', 1)], \@members, 'page by page';
is_deeply get("group-members/$empty"), { members => [] }, 'an empty group has none';
is_deeply [map { $_->{displayName} } walk("group-children/$sales", 'groups', 1)], ['sales east'], 'the groups in it';
is_deeply [map { $_->{displayName} } walk("group-parents/$sales", 'groups', 1)], ['Everybody'],
    'and those that it is in';
my @many = map { group("Team $_") } 10 .. 20;
nest(map { [$empty, $_] } @many);
is_deeply [map { $_->{displayName} } walk("group-children/$empty", 'groups', 3)], [map { "Team $_" } 10 .. 20],
    'many nested groups have pages, too';
nest(map { [$_, $east] } @many);
is_deeply [map { $_->{displayName} } walk("group-parents/$east", 'groups', 4)], ['Sales', map { "Team $_" } 10 .. 20],
    'so have those that it is in';

# The groups of a member
is_deeply [map { [@$_{qw(id displayName type)}] } @{ get("member-groups/$account{anna}")->{groups} }], [[$staff,
    'Everybody', 'indirect'], [$sales, 'Sales', 'direct']],
    'the groups of a member, direct ones and those around them';
my ($around, $in) = @{ get("member-groups/$account{anna}")->{groups} };
is $around->{since}, undef, 'an indirect one has no beginning';
is $in->{since}, $members[0]{since}, 'a direct one has';
is scalar(walk("member-groups/$account{bert}", 'groups', 3)), 15, 'page by page';
ok !exists get("members/$account{anna}")->{user}{groups},
    'which the member itself does not have, since there may be many';
my $alone = account('emil');
is_deeply get("member-groups/$alone"), { groups => [] }, 'of somebody in no group, an empty list';

# What is not there
my $nobody = '00000000-0000-4000-8000-000000000000';
for my $list (qw(groups group-members group-children group-parents)) {
    for my $id ([$foreign, "another organization's group"], [$nobody, 'an unknown id'], ['x', 'nonsense'], [uc $sales,
        'an id in capitals']) {
        is_refused("$list/$id->[0]", 404, qr/no such group/, "$list: $id->[1]");
    }
}
is_refused("member-groups/$_->[0]", 404, qr/no such account/, "member-groups: $_->[1]") for [$other->{issuer},
    "another organization's account"], [$nobody, 'an unknown id'], ['x', 'nonsense'];
is call(GET => $_)->{status}, 404, "$_ needs an id" for qw(group-members group-children group-parents member-groups);
is call($_->[0] => $_->[1])->{status}, 405, "$_->[0] $_->[1]: groups are not changed here"
    for map { [$_ => "groups/$sales"], [$_ => "group-members/$sales"] } qw(POST PUT PATCH DELETE);
is_refused("group-members/$sales?cursor=" . uri($_), 400, qr/not one of this list/, "a cursor of another list: $_")
    for 'x', "id:$account{anna}", 'id:';
is_deeply get("group-members/$sales?cursor=" . uri('name:zzz')), { members => [] }, 'one behind the end is the end';

# Hostile names
my @names = ('<img src=x onerror=alert(1)>', q{"quoted" 'name'; DROP TABLE scim.user_group; --}, 'מכירות', 'D' x 512,
    'Füße 漢字', '%_\\');
my %hostile = map { $_ => group($_) } @names;
join_groups(map { [$hostile{$_}, $account{anna}] } @names);
is_deeply [sort map { $_->{displayName} } grep { $hostile{ $_->{displayName} } } walk('groups', 'groups', 7)],
    [sort @names], 'a name is what it is, whatever it looks like';
is_deeply found(substr $_, 0, 60), [$_], 'and is found: ' . substr $_, 0, 20 for @names;
is_deeply found('FÜSSE'), ['Füße 漢字'], 'case is that of Unicode';
is scalar(walk("member-groups/$account{anna}", 'groups', 2)), 2 + @names, 'a member may be in all of them';

# Activity
sub event {
    my ($group, $kind, $data, @attributes) = @_;
    return sql(q{INSERT INTO scim.event (organization_id, resource_type, resource_id, kind, actor_kind, actor_name,
                                         attributes, version, data)
                 VALUES ($1, 'Group', $2, $3, 'operator', 'test', $4::text[], 1, $5::jsonb)}, $org->{id}, $group,
               "urn:ietf:params:scim:event:prov:$kind", '{' . join(',', @attributes) . '}',
               JSON::PP->new->encode($data));
}
event($sales, 'create:full', { before => {}, after => { displayName => 'Sales' },
                               added => [@account{qw(anna cleo)}, $east] }, qw(displayName members));
my @thousand = map { $_->[0] } sql('SELECT gen_random_uuid() FROM generate_series(1, 1000)');
event($sales, 'patch:full', { added => \@thousand, removed => [$account{anna}, $nobody] }, 'members');
my ($patched, $created) = @{ get("activity?account=$sales")->{entries} };
is_deeply [@$created{qw(resourceType resourceId accountId userName displayName)}],
    ['Group', $sales, undef, undef, 'Sales'], 'a change of a group is an entry with the name of the group';
is_deeply $created->{data}{added}, { count => 3, names => ['Anna', 'Cleo', 'sales east'] },
    'that says whom it has added';
is_deeply $created->{data}{removed}, { count => 0, names => [] }, 'and that it has removed nobody';
is_deeply $patched->{data}{removed}, { count => 2, names => ['Anna', $nobody] }, 'of those who are gone the id is left';
is $patched->{data}{added}{count}, 1000, 'a thousand members are a number';
is scalar @{ $patched->{data}{added}{names} }, 5, 'and a few names';
cmp_ok length call(GET => "activity?account=$sales")->{content}, '<', 4000, 'so that Activity stays small';
is scalar @{ get('activity?account=' . uri('SALES'))->{entries} }, 2, 'the entries of a group are found by its name';
is scalar @{ get("activity?account=$sales&outcome=$_->[0]")->{entries} }, $_->[1], "with the outcome $_->[0]"
    for ['changed', 2], ['refused', 0], ['guest', 0];
is scalar @{ get("activity?account=$foreign")->{entries} }, 0, "another organization's group has no entries here";
is_deeply [map { $_->{resourceType} } @{ get("activity?account=$account{anna}")->{entries} }], [],
    'the entries of an account are its own';
event($empty, 'delete', { before => { displayName => 'Nobody' }, after => {}, members => 11 }, 'displayName');
sql('DELETE FROM scim.user_group WHERE id = $1', $empty);
my ($gone) = @{ get('activity')->{entries} };
is_deeply [@$gone{qw(resourceId displayName)}, $gone->{data}{members}], [$empty, 'Nobody', 11],
    'a deleted group keeps its name, and the number of its members';
is scalar @{ get("activity?account=$empty")->{entries} }, 1, 'and is found by its id';
sql(q{INSERT INTO scim.refusal (organization_id, resource_type, resource_id, actor_name, method, path, status, detail)
      VALUES ($1, 'Group', $2, 'test', 'PATCH', '/x', 400, 'No member has this id.')}, $org->{id}, $sales);
my ($refused) = @{ get("activity?account=$sales&outcome=refused")->{entries} };
is_deeply [@$refused{qw(outcome resourceType resourceId displayName)}], ['refused', 'Group', $sales, 'Sales'],
    'a refused change of a group is an entry with its name';

# More members than are counted
my $large = group('Large');
sql_unchecked(q{INSERT INTO scim.account (organization_id, user_name, display_name, attributes)
                SELECT $1, 'large' || n || '@example.com', 'Large ' || n,
                    '{"roles":[{"value":"GUEST","primary":true}]}' FROM generate_series(1, 10001) n}, $org->{id});
sql(q{INSERT INTO scim.membership (organization_id, group_id, account_id)
      SELECT organization_id, $2,
          id FROM scim.account WHERE organization_id = $1
        AND user_name LIKE 'large%' AND user_name <> 'large1@example.com'}, $org->{id}, $large);
is_deeply [@{ get("groups/$large") }{qw(members hasMoreMembers)}], [10_000, FALSE], '10,000 members are counted';
is_deeply [map { $_->{userName} } @{ get("group-members/$large?count=2")->{members} }], ['large10000@example.com',
    'large10001@example.com'], 'and are in the order of userName';
my $cursor = get("group-members/$large?count=2")->{next};
sql(q{INSERT INTO scim.membership (organization_id, group_id, account_id) SELECT organization_id, $2,
    id FROM scim.account WHERE organization_id = $1 AND user_name = 'large1@example.com'},
    $org->{id}, $large);
is_deeply [@{ get("groups/$large") }{qw(members hasMoreMembers)}], [10_000, TRUE], 'of more, that there are more';
is_refused("group-members/$large?cursor=" . uri($cursor), 400, qr/not one of this list/,
    'a group that grows so while its members are read is read anew');
my $from = 'f0000000-0000-4000-8000-000000000000';
my ($at, @last) = "id:$from";
do { my $page = get("group-members/$large?count=100&cursor=$at"); push @last, map { $_->{id} } @{ $page->{members} };
    $at = $page->{next} } while $at;
my @expected = map { $_->[0] } sql('SELECT account_id FROM scim.membership WHERE group_id = $1 AND account_id > $2
    ORDER BY account_id', $large, $from);
is_deeply \@last, \@expected, 'pages show all of them, by id';
is_deeply [map { $_->{id} } @{ get("group-members/$large?count=3")->{members} }],
    [map { $_->[0] } sql('SELECT account_id FROM scim.membership WHERE group_id = $1 ORDER BY account_id LIMIT 3',
    $large)],
    'from the first one on';
is_deeply [@{ (grep { $_->{id} eq $large } walk('groups?search=large', 'groups', 1))[0] }{qw(members hasMoreMembers)}],
    [10_000, TRUE], 'in the list as well';
done_testing;
