# SPDX-License-Identifier: Apache-2.0
# The pages at every width of a window, with ordinary data and with names as
# long as they may be, in both languages.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use Scim::Browser;
use Scim::Test;

# The data of an organization after some weeks, and one additional account.
sub prepared {
    my ($name, %special) = @_;
    my $group_name = delete $special{group} // 'Sales';
    my $arabic = delete $special{arabic};
    my $org = organization(enabled => 1);
    my $english = "$name\@example.com";
    sql(q{UPDATE scim.organization SET name = $2 WHERE id = $1}, $org->{id}, $name);
    sql(q{UPDATE scim.account SET user_name = $2, display_name = 'Administrator' WHERE id = $1}, $org->{issuer}, $english);
    sql(q{UPDATE scim.token SET name = $2, last_used_at = now(), expires_at = now() + interval '1 year' WHERE id = $1}, $org->{token_id},
        $name eq 'admin' ? 'Microsoft Entra ID 2027' : substr $name, 0, 100);
    my $japanese = $org->create(userName => 'hanako.sato@example.com', displayName => '佐藤 花子', preferredLanguage => 'ja-JP',
                                roles => [{ value => 'ADMIN', primary => TRUE }]);
    $org->create(userName => "$_.yamada\@example.com", displayName => ucfirst "$_ Yamada", roles => [{ value => 'USER', primary => TRUE }],
                 emails => [{ value => "$_.yamada\@example.com", type => 'work' }]) for qw(taro jiro saburo);
    my $member = $org->create(userName => 'maximiliane.schwarzenberger@example.com', displayName => 'Maximiliane Schwarzenberger', externalId => random_name(),
                              ENT, { department => 'Sales', manager => { value => $japanese->{id} } }, %special);
    $org->patch_ops($member->{id}, { op => 'replace', path => 'title', value => 'Engineer' }, { op => 'replace', path => 'roles[primary eq "True"].value', value => 'ADMIN' });
    $org->patch_ops($member->{id}, { op => 'replace', path => 'roles[primary eq "True"].value', value => 'GUEST' }, { op => 'replace', path => 'active', value => FALSE });
    $org->post('/Users', { userName => $member->{userName}, displayName => $member->{displayName} });
    sql(q{INSERT INTO scim.account (organization_id, user_name, display_name, role, managed, sync_eligible)
          VALUES ($1, 'old@example.com', 'Olga Dorn', 'USER', true, false), ($1, 'own@example.com', 'Otto Wirt', 'GUEST', false, true)}, $org->{id});
    my $group = (sql(q{INSERT INTO scim.user_group (organization_id, display_name, external_id) VALUES ($1, $2, $3) RETURNING id},
        $org->{id}, $group_name, random_name()))[0][0];
    $org->create(userName => 'layla.hassan@example.com', displayName => $arabic) if $arabic;
    sql(q{INSERT INTO scim.membership (organization_id, group_id, account_id) SELECT $1, $2, id FROM scim.account WHERE organization_id = $1}, $org->{id}, $group);
    sql(q{INSERT INTO scim.event (organization_id, resource_type, resource_id, kind, actor_kind, actor_name, attributes, version, data)
          VALUES ($1, 'Group', $2, 'urn:ietf:params:scim:event:prov:patch:full', 'operator', 'Microsoft Entra ID 2027', '{members}', 2, jsonb_build_object('added', jsonb_build_array($3::text)))},
        $org->{id}, $group, $member->{id});
    return { group => $group, url => server()->{url} . "/organizations/$org->{key}/", english => $english, japanese => $japanese->{userName}, member => $member->{id} };
}

my $guest = 'maximiliane.schwarzenberger_partner.example#EXT#@contoso.onmicrosoft.com';
exit !Scim::Browser::run('layout.mjs', ordinary => prepared('admin'),
    guest => prepared('admin', userName => $guest, emails => [{ value => $guest, type => 'work' }]),
    scripts => prepared('admin', displayName => '山田' x 100, title => '課長' x 100, group => '営業部' x 60, arabic => 'ليلى' x 40 . ' حسن' x 10),
    longest => prepared('a' x 200, group => 'G' x 512, userName => 'n' x 500 . '@example.com', displayName => 'D' x 512, title => 'T' x 3000));
