# SPDX-License-Identifier: Apache-2.0
# Sign-in by SAML: browser, mod_auth_mellon, identity provider, settings page.
use strict;
use warnings;
use lib 't/lib';
use Scim::Browser;
use Scim::Example;
use Scim::Test;

my $org = organization(enabled => 0);
my $user = random_name() . '@example.com';
sql(q{INSERT INTO scim.account (organization_id, user_name, display_name, role) VALUES ($1, $2, 'Taro', 'USER')}, $org->{id}, $user);

my $claims = 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims';
sub person {
    my ($name) = @_;
    return { password => 'secret', attributes => { "$claims/name" => [$name],
             'http://schemas.microsoft.com/identity/claims/objectidentifier' => ["oid-$name"] } };
}
my $example = Scim::Example->new('saml');
$example->sign_in_by_saml(admin => person($org->{issuer_name}), taro => person($user));
$example->start;
my $well = Scim::Browser::run('saml.mjs', url => $example->{url}, organization => $org->{key}, administrator => $org->{issuer_name}, user => $user);
$example->stop;
diag $example->error_log unless $well;
exit !$well;
