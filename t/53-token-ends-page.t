# SPDX-License-Identifier: Apache-2.0
# The settings page on the ends of tokens.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use Scim::Browser;
use Scim::Test;

my $org = organization();
my $hanako = $org->create(userName => user_name(), displayName => '佐藤 花子', preferredLanguage => 'ja-JP', roles => [{ value => 'ADMIN', primary => TRUE }]);
exit !Scim::Browser::run('token-ends.mjs', url => server()->{url} . "/organizations/$org->{key}/", user => $org->{issuer_name},
    japanese => $hanako->{userName}, organization => $org->{id}, token => $org->{token_id});
