# SPDX-License-Identifier: Apache-2.0
# The first page of the settings says how provisioning is doing, and waits for the
# first request.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use Scim::Browser;
use Scim::Test;

my $org = organization();
my $japanese = $org->create(userName => 'hanako.sato@example.com', displayName => '佐藤 花子', preferredLanguage => 'ja-JP',
                            roles => [{ value => 'ADMIN', primary => TRUE }]);
my $new = organization();
exit !Scim::Browser::run('health.mjs', url => server()->{url} . "/organizations/$org->{key}/", user => $org->{issuer_name},
    japanese => $japanese->{userName}, new => { url => server()->{url} . "/organizations/$new->{key}/", user => $new->{issuer_name},
    scim_url => $new->url, token => $new->{token} });
