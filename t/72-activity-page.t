# SPDX-License-Identifier: Apache-2.0
# Activity on the settings page: its filters, alone and in its address, its pages, and
# its file.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use Scim::Browser;
use Scim::Test;

my $org = organization();
$org->{issuer_name} = 'admin@example.com';
sql(q{UPDATE scim.account SET user_name = $2 WHERE id = $1}, $org->{issuer}, $org->{issuer_name});
# What happened long ago, by somebody else
my $annabel = (sql(q{INSERT INTO scim.account (organization_id, user_name, display_name) VALUES ($1, 'annabel@example.com', 'Annabel Lee') RETURNING id}, $org->{id}))[0][0];
sql(q{INSERT INTO scim.event (organization_id, account_id, kind, actor_kind, actor_name, version, occurred_at, attributes, data)
      SELECT $1, $2, 'urn:ietf:params:scim:event:prov:patch:full', 'operator', 'Nightly import', 1, now() - CASE WHEN n = 0 THEN interval '50 days' ELSE interval '40 days' - n * interval '1 hour' END,
             '{title}', jsonb_build_object('before', '{}'::jsonb, 'after', jsonb_build_object('title', 'Old ' || n))
      FROM generate_series(0, 129) n}, $org->{id}, $annabel);
my $japanese = $org->create(userName => 'hanako.sato@example.com', displayName => '佐藤 花子', preferredLanguage => 'ja-JP', roles => [{ value => 'ADMIN', primary => TRUE }]);
my $anna = $org->create(userName => 'u4711@example.com', displayName => 'Anna Yamada', emails => [{ value => 'anna@example.com', primary => TRUE }]);
$org->patch_ops($anna->{id}, { op => 'replace', path => 'active', value => FALSE });
$org->post('/Users', { userName => 'stranger@elsewhere.example', displayName => 'S' });
$org->create(userName => ('long' x 15) . '@example.com', displayName => 'n' x 200, title => 'T' x 200);
exit !Scim::Browser::run('activity.mjs', url => server()->{url} . "/organizations/$org->{key}/", user => $org->{issuer_name}, japanese => $japanese->{userName},
                   anna => $anna->{id}, key => $org->{key});
