# SPDX-License-Identifier: Apache-2.0
# The safety limit on the settings page: what was refused, letting it through, and the
# limit; accessible, in both languages, at every width.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use Scim::Browser;
use Scim::Test;

sub tripped {
    my $org = organization(guard => [2, undef]);
    # A name as long as it may be, without a blank
    sql('UPDATE scim.token SET name = $2 WHERE organization_id = $1', $org->{id}, 'Entra' . 'x' x 95);
    my @users = map { $org->create } 1 .. 4;
    $org->delete("/Users/$_->{id}") for @users;
    my $group = $org->post('/Groups', { schemas => ['urn:ietf:params:scim:schemas:core:2.0:Group'], displayName => 'Staff',
        members => [map { { value => $org->create->{id} } } 1 .. 3] })->{json}{id};
    $org->delete("/Groups/$group");
    return $org;
}
my $org = tripped();
my $other = tripped();
my $japanese = $org->create(preferredLanguage => 'ja-JP', roles => [{ value => 'ADMIN', primary => TRUE }]);
my $none = organization();
exit !Scim::Browser::run('guard.mjs', url => server()->{url} . "/organizations/$org->{key}/", user => $org->{issuer_name},
    japanese => $japanese->{userName}, other => { url => server()->{url} . "/organizations/$other->{key}/", user => $other->{issuer_name} },
    none => { url => server()->{url} . "/organizations/$none->{key}/", user => $none->{issuer_name} });
