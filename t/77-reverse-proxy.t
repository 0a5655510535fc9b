# SPDX-License-Identifier: Apache-2.0
# The whole story: a user whom Entra ID provisions gets into the application behind
# httpd, and after it is unassigned, the next request is refused.  With the unchanged
# configuration of examples/reverse-proxy/, by password.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use Encode ();
use MIME::Base64 ();
use Scim::Entra;
use Scim::Example;
use Scim::Test;

my $org = organization();
my $example = Scim::Example->new('reverse-proxy', HOST => 'localhost', SCIM_HOST => '127.0.0.1', ORGANIZATION => $org->{key});
my $taro = { id => '0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef', userPrincipalName => 'taro.' . random_name() . '@example.com',
             displayName => '山田 太郎', role => 'USER', preferredLanguage => 'ja', timezone => 'Asia/Tokyo' };
for my $name ($taro->{userPrincipalName}, $org->{issuer_name}) {
    $example->command('htpasswd', '-bB', -e "$example->{dir}/files/passwords" ? () : '-c', 'passwords', $name, 'secret');
}
$example->start;
local $ENV{SSL_CERT_FILE} = "$example->{dir}/files/tls.crt";
my $port = $example->{define}{PORT};
my $entra = Scim::Entra->new(url => "https://127.0.0.1:$port/scim/$org->{key}/v2?aadOptscim062020", token => $org->{token});
my $browser = Scim::Http->new("https://localhost:$port");
my $cookie;

# The answer to Taro's browser, which keeps the application's session cookie.
sub visit {
    my ($path, @headers) = @_;
    my $r = $browser->request(GET => $path, [Authorization => 'Basic ' . MIME::Base64::encode("$taro->{userPrincipalName}:secret", ''),
                                             $cookie ? (Cookie => $cookie) : (), @headers], undef);
    ($cookie) = $1 if ($r->{headers}{'set-cookie'} // '') =~ /^(session=[^;]+)/;
    return $r;
}
sub told { my ($r) = @_; return { Encode::decode_utf8($r->{content}) =~ /^(x-(?!forwarded)[\w-]+): (.*)$/mg } }

is visit('/application/')->{status}, 403, 'Taro knows a password, but is not provisioned: 403';
ok $entra->test_connection && $entra->provision($taro), 'Entra ID provisions Taro as USER, on the virtual host for SCIM';
my $r = visit('/application/');
is $r->{status}, 200, 'he uses the application through the proxy';
my ($id) = @{ (sql('SELECT id FROM scim.account WHERE organization_id = $1 AND user_name = $2', $org->{id}, $taro->{userPrincipalName}))[0] };
is_deeply told($r), { 'x-account-id' => $id, 'x-user-name' => $taro->{userPrincipalName}, 'x-display-name' => '山田 太郎',
                      'x-role' => 'USER', 'x-preferred-language' => 'ja', 'x-timezone' => 'Asia/Tokyo' }, 'which is told whose account it is';
is_deeply told(visit('/application/', 'X-Role' => 'ADMIN', 'x-account-id' => $org->{issuer}, 'X-Display-Name' => 'Boss')), told($r), 'and by httpd alone: no header of his gets through';
is_deeply told(visit('/application/', 'X_Role' => 'ADMIN', Connection => 'X-Role')), told($r), 'nor one that looks alike, nor can he take one away';
like visit('/application/')->{content}, qr/^session: going on$/m, 'the application knows his session';
is visit('/application/admin/')->{status}, 403, 'its admin area is for ADMINs';

ok $entra->apply({ action => 'unassign', id => $taro->{id} }), 'Entra ID unassigns Taro';
$r = visit('/application/');
is $r->{status}, 403, 'his next request is 403, although password and session cookie are good';
ok $cookie && !$r->{headers}{'www-authenticate'}, 'and he is not asked to sign in again';
ok $entra->apply({ action => 're-assign', id => $taro->{id} }), 're-assigned';
$r = visit('/application/');
is $r->{status}, 200, 'he is in again';
like $r->{content}, qr/^session: going on$/m, 'with the session that he had';
ok $entra->apply({ action => 'update', id => $taro->{id}, set => { role => 'ADMIN' } }), 'made ADMIN';
$r = visit('/application/admin/');
is $r->{status}, 200, 'the admin area opens on the next request';
is told($r)->{'x-role'}, 'ADMIN', 'and the application is told';
is visit("/organizations/$org->{key}/")->{status}, 200, 'so do the settings';
ok $entra->apply({ action => 'hard-delete', id => $taro->{id} }), 'deleted';
is visit('/application/')->{status}, 403, 'he is out for good';

# The rest of the configuration
is $browser->request(GET => '/application/', [], undef)->{status}, 401, 'a stranger is asked to sign in';
is $browser->request(GET => '/', [], undef)->{status}, 403, 'a path that no Location names is denied';
is visit("/scim/$org->{key}/v2/Users")->{status}, 403, 'there is no SCIM endpoint on the host for people';
my $scim = Scim::Http->new("https://127.0.0.1:$port");
is $scim->request(GET => $_, [Authorization => "Bearer $org->{token}"], undef)->{status}, 403, "$_ is not on the host for SCIM" for '/application/', "/organizations/$org->{key}/", '/';
like $scim->request(GET => "/scim/$org->{key}/v2/Users", [Authorization => "Bearer $org->{token}"], undef)->{content},
    qr{"location":"https://127\.0\.0\.1:$port/scim/$org->{key}/v2/Users/}, 'where resources say their public address';
open my $in, '<', "$example->{dir}/logs/access_log" or die $!;
my @lines = <$in>;
ok scalar(grep { /^\S+ \Q$taro->{userPrincipalName}\E $id USER .*"GET \/application\// } @lines), 'the access log has account and role';
$example->stop;
done_testing;
