# SPDX-License-Identifier: Apache-2.0
# The same story with sign-in by SAML: browser, mod_auth_mellon, a real identity
# provider, the gate joined by externalId.
use strict;
use warnings;
use lib 't/lib';
use Scim::Browser;
use Scim::Example;
use Scim::Test;

my $org = organization();
my $taro = { id => '0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef', userPrincipalName => 'taro.' . random_name() . '@example.com', displayName => 'Taro Yamada', role => 'USER' };
my $claims = 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims';
my $example = Scim::Example->new('reverse-proxy', HOST => 'localhost', SCIM_HOST => '127.0.0.1', ORGANIZATION => $org->{key}, with => ['SAML']);
$example->sign_in_by_saml(taro => { password => 'secret', attributes => {
    "$claims/name" => [$taro->{userPrincipalName}], 'http://schemas.microsoft.com/identity/claims/objectidentifier' => [$taro->{id}] } });
$example->start;
local $ENV{SSL_CERT_FILE} = "$example->{dir}/files/tls.crt";
my $well = Scim::Browser::run('story.mjs', url => $example->{url}, taro => $taro, dir => $example->{dir}, entra => Scim::Server::root() . '/script/entra-cycle',
    scim => "https://127.0.0.1:$example->{define}{PORT}/scim/$org->{key}/v2", token => $org->{token}, issuer => $org->{issuer}, organization => $org->{id});
$example->stop;
diag $example->error_log unless $well;
exit !$well;
