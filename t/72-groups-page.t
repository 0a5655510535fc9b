# SPDX-License-Identifier: Apache-2.0
# Groups on the settings page: the list, one group, a member's groups, their
# changes; accessible, in both languages, at every width; hostile names.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use Scim::Browser;
use Scim::Test;

my $org = organization();
my $empty = organization();
my $japanese = $org->create(userName => 'hanako.sato@example.com', displayName => '佐藤 花子',
    preferredLanguage => 'ja-JP', roles => [{ value => 'ADMIN', primary => TRUE }]);
sql(q{INSERT INTO scim.account (organization_id, user_name, display_name, role, active)
      SELECT $1, 'person' || lpad(n::text, 3, '0') || '@example.com', 'Person ' || n, 'USER', n <> 2
      FROM generate_series(1, 120) n}, $org->{id});
sql(q{INSERT INTO scim.user_group (organization_id, display_name, external_id)
      SELECT $1, 'Team ' || lpad(n::text, 3, '0'), 'ext-' || n FROM generate_series(1, 120) n}, $org->{id});
my $hostile = '<img src=x onerror=document.title="owned"> "quoted" \'name\'';
my ($long, $rtl) = ('D' x 512, 'מכירות (שלום)');
my %group = map { $_ => (sql('INSERT INTO scim.user_group (organization_id, display_name, external_id)
    VALUES ($1, $2, $3) RETURNING id', $org->{id}, $_, 'x' x 36))[0][0] }
    'Sales', 'Everybody', 'Large', $hostile, $long, $rtl;
sub nest {
    return sql(q{INSERT INTO scim.subgroup (organization_id, group_id, child_id)
                 SELECT $1, p.id, c.id FROM scim.user_group p, scim.user_group c
                 WHERE p.organization_id = $1 AND c.organization_id = $1
                   AND p.display_name LIKE $2 AND c.display_name LIKE $3}, $org->{id}, @_);
}
sub fill {
    return sql(q{INSERT INTO scim.membership (organization_id, group_id, account_id)
                 SELECT $1, $2, id FROM scim.account WHERE organization_id = $1 AND user_name LIKE $3}, $org->{id}, @_);
}
fill($group{Sales}, 'person%');
fill($group{$_}, 'person001%') for $hostile, $long, $rtl;
sql(q{INSERT INTO scim.membership (organization_id, group_id, account_id)
      SELECT $1, g.id, a.id FROM scim.user_group g, scim.account a
      WHERE g.organization_id = $1 AND a.organization_id = $1
        AND g.display_name LIKE 'Team%' AND a.user_name LIKE 'person001%'}, $org->{id});
nest('Sales', 'Team 00%');
nest('Everybody', 'Sales');
my ($taro) = map { $_->[0] } sql(q{SELECT id FROM scim.account
    WHERE organization_id = $1 AND user_name LIKE 'person001%'}, $org->{id});
my ($alone) = map { $_->[0] } sql(q{SELECT id FROM scim.account WHERE organization_id = $1 AND user_name = $2},
    $org->{id}, $org->{issuer_name});

# What its identity provider did
sub event {
    my ($id, $kind, $data, @attributes) = @_;
    return sql(q{INSERT INTO scim.event (organization_id, resource_type, resource_id, kind, actor_kind, actor_name,
                                         attributes, version, data)
                 VALUES ($1, 'Group', $2, $3, 'operator', 'Entra ID', $4::text[], 1, $5::jsonb)}, $org->{id}, $id,
               "urn:ietf:params:scim:event:prov:$kind", '{' . join(',', @attributes) . '}',
               JSON::PP->new->encode($data));
}
my @people = map { $_->[0] } sql(q{SELECT id FROM scim.account WHERE organization_id = $1 AND user_name LIKE 'person%'
    ORDER BY user_name}, $org->{id});
event($group{Sales}, 'create:full', { before => {}, after => { displayName => 'Sales' } }, 'displayName');
event($group{Sales}, 'patch:full', { added => [@people[0 .. 2]], removed => [$people[3]] }, 'members');
event($group{Sales}, 'patch:full', { added => [@people[4 .. 11]] }, 'members');
event($group{$hostile}, 'patch:full', { before => { displayName => 'old' }, after => { displayName => $hostile } },
    'displayName');
my $gone = (sql('SELECT gen_random_uuid()'))[0][0];
event($gone, 'delete', { before => { displayName => 'Old Team' }, after => {}, members => 7 }, 'displayName');
sql(q{INSERT INTO scim.refusal (organization_id, resource_type, resource_id, actor_name, method, path, status, detail)
      VALUES ($1, 'Group', $2, 'Entra ID', 'PATCH', $3, 400, 'The request is refused.')}, $org->{id}, $group{Sales},
          "/$org->{key}/v2/Groups/$group{Sales}");

# More members than are counted
sql_unchecked(q{INSERT INTO scim.account (organization_id, user_name, display_name, attributes)
                SELECT $1, 'large' || n || '@example.com', 'Large ' || n,
                       '{"roles":[{"value":"GUEST","primary":true}]}' FROM generate_series(1, 10001) n}, $org->{id});
fill($group{Large}, 'large%');

exit !Scim::Browser::run('groups.mjs', url => server()->{url} . "/organizations/$org->{key}/",
                   user => $org->{issuer_name}, japanese => $japanese->{userName},
                   empty => { url => server()->{url} . "/organizations/$empty->{key}/", user => $empty->{issuer_name} },
                   sales => $group{Sales}, large => $group{Large},
                   odd => [map { { name => $_, id => $group{$_} } } $hostile, $long, $rtl],
                   member => $taro, alone => $alone, gone => $gone);
