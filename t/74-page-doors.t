# SPDX-License-Identifier: Apache-2.0
# Data of the settings page that a browser must not keep.
use strict;
use warnings;
use lib 't/lib';
use Scim::Browser;
use Scim::Test;

my $org = organization();
exit !Scim::Browser::run('doors.mjs', url => server()->{url} . "/organizations/$org->{key}/", user => $org->{issuer_name});
