# SPDX-License-Identifier: Apache-2.0
# Provisioning that is paused: identity providers are told to try again, nothing is
# changed, and people stay in.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use MIME::Base64 ();
use Scim::Process;
use Scim::Test;

my $PAUSED = 'Provisioning is paused by an administrator; try again later.';
my $org = organization();
my $user = $org->create;

sub page {
    my ($method, $path, $body) = @_;
    return Scim::Test::http()->request($method, "/organizations/$org->{key}/api/$path",
        [Authorization => 'Basic ' . MIME::Base64::encode("$org->{issuer_name}:x", ''), Origin => server()->{url},
         'Content-Type' => 'application/json'], $body && JSON::PP->new->utf8->encode($body));
}
sub settings { my $r = page(@_); return $r->{json} = JSON::PP->new->utf8->decode($r->{content}) }
sub kinds { return [map { $_->[0] } sql(q{SELECT substring(kind from 'provisioning:(.*)') FROM scim.event WHERE organization_id = $1 AND kind LIKE '%provisioning%' ORDER BY sequence}, $org->{id})] }
sub scimctl { return Scim::Process::run([server()->scimctl(@_)]) }

# What a client gets
my $before = event_count($org);
is settings(PUT => 'settings', { state => 'paused' })->{state}, 'paused', 'an administrator pauses provisioning';
my @requests = ([GET => '/Users'], [GET => "/Users/$user->{id}"], [GET => '/Users?filter=' . uri('userName eq "x"')], [GET => '/Schemas'],
    [POST => '/Users', { schemas => [CORE], userName => user_name() }], [PUT => "/Users/$user->{id}", { userName => user_name() }],
    [PATCH => "/Users/$user->{id}", { schemas => [PATCHOP], Operations => [{ op => 'replace', path => 'title', value => 'x' }] }],
    [DELETE => "/Users/$user->{id}"], [POST => '/Bulk', { schemas => [BULK], Operations => [] }], [POST => '/Groups', { displayName => 'x' }]);
for my $request (@requests) {
    my ($method, $path, $body) = @$request;
    my $r = $org->request($method, $path, body => $body);
    is_error($r, 503, undef, "$method $path is put off");
    is $r->{headers}{'retry-after'}, '300', 'for five minutes';
    is $r->{json}{detail}, $PAUSED, 'in these words';
}
is event_count($org), $before + 1, 'only the pause is an event';
is $org->get('/Users', token => 'scim_' . 'a' x 64)->{status}, 401, 'a wrong token is still a wrong token';
is $org->get('/ServiceProviderConfig', token => undef)->{status}, 200, 'what needs no token needs no provisioning';
is_deeply [sql('SELECT status FROM scim.refusal WHERE organization_id = $1', $org->{id})], [], 'Activity is not filled by what is put off';
unlike error_log(), qr/scim:error.*\Q$PAUSED/, 'nor is it a failure of the server';
like error_log(), qr/scim:info.*SCIM0001: 503 .*\Q$PAUSED/, 'in the log';

# What people get
is page(GET => 'settings')->{status}, 200, 'the settings page is there';
is settings(GET => 'settings')->{enabled}, TRUE, 'provisioning is enabled, to whoever knows no pause';
is page(PATCH => "members/$user->{id}", { displayName => 'By hand' })->{status}, 200, 'and administrators change members';

# Back, and what is written of it
is settings(PUT => 'settings', { state => 'paused' })->{state}, 'paused', 'paused twice is paused';
is settings(PUT => 'settings', { state => 'enabled' })->{state}, 'enabled', 'it is resumed';
is $org->patch_ops($user->{id}, { op => 'replace', path => 'title', value => 'x' })->{status}, 200, 'and the client goes on';
is settings(PUT => 'settings', { state => 'disabled' })->{enabled}, FALSE, 'it is switched off';
is $org->get('/Users')->{status}, 403, 'which is another answer';
settings(PUT => 'settings', { state => 'paused' });
is $org->get('/Users')->{status}, 503, 'what was off is paused';
is settings(PUT => 'settings', { enabled => TRUE })->{state}, 'enabled', 'what a page from before says resumes it';
is settings(PUT => 'settings', { enabled => FALSE })->{state}, 'disabled', 'or switches it off';
is settings(PUT => 'settings', { enabled => TRUE })->{state}, 'enabled', 'and on';
is_deeply kinds(), [qw(pause resume disable pause resume disable enable)], 'each switch is one event';
my $wrong = page(PUT => 'settings', { state => 'stopped' });
is $wrong->{status}, 400, 'a state that there is not';
like $wrong->{content}, qr/enabled, paused or disabled.*"field":\s*"state"/s, 'is refused with those that there are';
is page(PUT => 'settings', { state => 7 })->{status}, 400, 'and a number is none';
my ($shown) = grep { ($_->{kind} // '') =~ /pause$/ } @{ settings(GET => 'activity')->{entries} };
is_deeply [@$shown{qw(actor actorKind)}], [$org->{issuer_name}, 'account'], 'Activity says who has paused it';

# A bulk request that is under way: see t/81-revocation.t.  Other doors
is scimctl('org', 'pause', $org->{key})->{status}, 0, 'the operator pauses it';
is $org->get('/Users')->{status}, 503, 'with the same effect';
like scimctl('org', 'list')->{out}, qr/^\Q$org->{key}\E .* paused /m, 'org list says so';
like scimctl('check')->{out}, qr/^warning\s+paused\s.*\b\Q$org->{key}\E\b/m, 'so does check';
is scimctl('org', 'resume', $org->{key})->{status}, 0, 'and resumes it';
is $org->get('/Users')->{status}, 200, 'it is served again';
sql('UPDATE scim.organization SET provisioning_paused = true WHERE id = $1', $org->{id});
is $org->get('/Users')->{status}, 503, 'SQL pauses it, too';

# A move keeps it
my $file = scimctl('org', 'export', $org->{key})->{out};
like $file, qr/"provisioning_paused": ?true/, 'an export has it';
is scimctl('org', 'delete', $org->{key}, '--yes')->{status}, 0, 'the organization leaves';
my $import = Scim::Process::run([server()->scimctl('--json', 'org', 'import')], input => $file);
is JSON::PP::decode_json($import->{out})->{state}, 'paused', 'and comes back paused' or diag $import->{err};
scimctl('org', 'delete', $org->{key}, '--yes');
done_testing;
