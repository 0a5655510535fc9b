# SPDX-License-Identifier: Apache-2.0
# The settings page while it works, when something is gone or over, for those who
# are not let in, and on paper.
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
my $japanese = $org->create(userName => 'hanako.sato@example.com', displayName => '佐藤 花子', preferredLanguage => 'ja-JP',
                            roles => [{ value => 'ADMIN', primary => TRUE }]);
my %member = map { $_ => $org->create(displayName => "\u$_", roles => [{ value => 'USER', primary => TRUE }]) } qw(kept gone);
my ($waiting) = map { $_->[0] } sql(q{INSERT INTO scim.account (organization_id, user_name, display_name, role, sync_eligible)
    VALUES ($1, 'waiting@example.com', 'Waiting', 'USER', false) RETURNING id}, $org->{id});
my $new = organization(enabled => 0);
sql(q{DELETE FROM scim.token WHERE organization_id = $1}, $new->{id});
exit !Scim::Browser::run('behaviour.mjs', url => server()->{url} . "/organizations/$org->{key}/", user => $org->{issuer_name},
    japanese => $japanese->{userName}, nobody => $member{kept}{userName}, member => $member{kept}{id}, gone => $member{gone}{id},
    waiting => $waiting, key => $org->{key}, signs_out => server()->{url} . "/sso-organizations/$org->{key}/",
    new => { url => server()->{url} . "/organizations/$new->{key}/", user => $new->{issuer_name} });
