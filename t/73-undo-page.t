# SPDX-License-Identifier: Apache-2.0
# Undo on the settings page: one change, and what the filter shows, with a preview.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use MIME::Base64 ();
use Scim::Browser;
use Scim::Test;

my $GROUP = 'urn:ietf:params:scim:schemas:core:2.0:Group';
my $org = organization();
my $admin = $org->create(userName => 'hanako@example.com', displayName => '佐藤 花子', preferredLanguage => 'ja-JP', roles => [{ value => 'ADMIN', primary => TRUE }]);
my $user = $org->create(userName => 'taro@example.com', displayName => 'Taro Yamada', roles => [{ value => 'USER', primary => TRUE }]);
my $gone = $org->create(userName => 'gone@example.com', displayName => 'Gone', title => 'x' x 150);
my $mine = $org->create(userName => 'mine@example.com', displayName => 'Changed by an administrator');
$org->post('/Groups', { schemas => [$GROUP], displayName => 'Sales', members => [{ value => $gone->{id} }] });
sql('SELECT pg_sleep(1.1)');      # the page asks for whole seconds
my $since = (sql(q{SELECT to_char(date_trunc('second', clock_timestamp()) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')}))[0][0];
$org->patch_ops($user->{id}, { op => 'replace', path => 'active', value => FALSE });
$org->patch_ops($mine->{id}, { op => 'replace', path => 'title', value => 'Wrong' });
$org->delete("/Users/$gone->{id}");
my $page = Scim::Test::http()->request('PATCH', "/organizations/$org->{key}/api/members/$mine->{id}",
    [Authorization => 'Basic ' . MIME::Base64::encode("$org->{issuer_name}:x", ''), Origin => server()->{url}, 'Content-Type' => 'application/json'],
    '{"role":"USER"}');
die $page->{content} if $page->{status} != 200;
exit !Scim::Browser::run('undo.mjs', url => server()->{url} . "/organizations/$org->{key}/", user => $org->{issuer_name},
                         japanese => $admin->{userName}, key => $org->{key}, account => $user->{id}, gone => $gone->{id}, since => $since);
