# SPDX-License-Identifier: Apache-2.0
# Every page and dialog: accessible, in both languages, at both widths; hostile
# text; keyboard.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use Scim::Browser;
use Scim::Test;

my $org = organization();
$org->{issuer_name} = 'admin@example.com';
sql(q{UPDATE scim.account SET user_name = $2 WHERE id = $1}, $org->{issuer}, $org->{issuer_name});
sql(q{UPDATE scim.organization SET name = 'Acme' WHERE id = $1}, $org->{id});
my $admin = $org->create(userName => 'hanako.sato@example.com', displayName => '佐藤 花子', preferredLanguage => 'ja-JP',
                         roles => [{ value => 'ADMIN', primary => TRUE }]);
my $user = $org->create(userName => 'taro.yamada@example.com', displayName => 'Taro Yamada', externalId => 'b3a1c0de-0001',
    name => { givenName => 'Taro', familyName => 'Yamada' }, emails => [{ value => 'taro.yamada@example.com', type => 'work', primary => TRUE }],
    roles => [{ value => 'USER', primary => TRUE }], ENT, { department => 'Sales', manager => { value => $admin->{id} } });
my $changed = $org->create(userName => 'zora.much@example.com', displayName => 'Zora Much', emails => [{ value => 'zora@example.com', type => 'work' }]);
$org->patch_ops($changed->{id}, { op => 'replace', path => 'title', value => "Title $_" }) for 1 .. 55;
$org->patch_ops($changed->{id}, { op => 'replace', path => 'emails[value eq "zora@example.com"].type', value => 'home' });
$org->create(userName => 'uwe.boss@example.com', displayName => 'Uwe Boss', favouriteColour => 'red', roles => [{ value => 'BOSS', primary => TRUE }]);
my $hostile = $org->create(displayName => '<img src=x onerror=document.title="owned">', title => '"><script>document.title="owned"</script>');
$org->patch_ops($user->{id}, { op => 'replace', path => 'title', value => 'Engineer' });
$org->patch_ops($user->{id}, { op => 'replace', path => 'roles[primary eq "True"].value', value => 'GUEST' });
$org->post('/Users', { userName => 'taro.yamada@example.com', displayName => 'Taro Yamada' });
$org->patch_ops($hostile->{id}, { op => 'move', path => 'title', value => 'x' });
sql(q{INSERT INTO scim.account (organization_id, user_name, display_name, role, managed, sync_eligible, active)
      VALUES ($1, 'old@example.com', 'Olga Dorn', 'USER', true, false, true), ($1, 'own@example.com', 'Otto Wirt', 'GUEST', false, true, true),
             ($1, 'left@example.com', 'Lea Weggel', 'USER', true, true, false)}, $org->{id});
sql(q{INSERT INTO scim.account (organization_id, user_name, display_name, role)
      SELECT $1, 'person' || lpad(n::text, 3, '0') || '@example.com', 'Person ' || n, 'USER' FROM generate_series(1, 60) n}, $org->{id});
my $group = (sql(q{INSERT INTO scim.user_group (organization_id, display_name, external_id) VALUES ($1, 'Sales', 'b3a1c0de-0002') RETURNING id}, $org->{id}))[0][0];
sql(q{INSERT INTO scim.membership (organization_id, group_id, account_id) SELECT $1, $2, id FROM scim.account WHERE organization_id = $1 AND user_name LIKE 't%'}, $org->{id}, $group);
exit !Scim::Browser::run('pages.mjs', url => server()->{url} . "/organizations/$org->{key}/", user => $org->{issuer_name},
                   japanese => $admin->{userName}, member => $user->{id}, group => $group, hostile => $hostile->{id}, organization => $org->{key}, changed => $changed->{id});
