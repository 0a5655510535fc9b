# SPDX-License-Identifier: Apache-2.0
# The administrator's guide, step by step, in a real browser.
use strict;
use warnings;
use lib 't/lib';
use Scim::Browser;
use Scim::Test;

my $org = organization(enabled => 0);
sql('DELETE FROM scim.token WHERE organization_id = $1', $org->{id});
exit !Scim::Browser::run('guide.mjs', url => server()->{url} . "/organizations/$org->{key}/", scim_url => $org->url,
                   user => $org->{issuer_name}, organization => $org->{key});
