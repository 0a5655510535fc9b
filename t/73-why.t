# SPDX-License-Identifier: Apache-2.0
# "Why was somebody not provisioned?" on the settings page: each usual cause is named
# with what to do, to an administrator who has nothing but the page.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use Scim::Browser;
use Scim::Test;

sub expect {
    my ($status, $answer, $what) = @_;
    die "not so: $what: $answer->{status} $answer->{content}\n" if $answer->{status} != $status;
}

# An organization whose provider sends requests.
sub connected {
    my $org = organization(@_);
    $org->create(displayName => 'Paula Provisioned', userName => 'paula@example.com');
    return $org;
}

my $org = connected(domains => ['acme.example', 'example.com']);
expect(400, $org->post('/Users', { userName => 'dora@elsewhere.example', displayName => 'Dora Domain' }), 'a wrong domain is refused');
sql(q{INSERT INTO scim.account (organization_id, user_name, display_name, managed, sync_eligible, active)
      VALUES ($1, 'uma@acme.example', 'Uma Unmanaged', false, true, true), ($1, 'ina@acme.example', 'Ina Ineligible', true, false, true),
             ($1, 'leo@acme.example', 'Leo Left', true, true, false), ($1, 'mia@acme.example', 'Mia Managed', true, true, true)}, $org->{id});
expect(201, $org->post('/Users', { userName => 'rolf@acme.example', displayName => 'Rolf Role', roles => [{ value => 'BOSS' }] }), 'an unknown role is ignored');
$org->create(userName => 'olga@acme.example', displayName => 'Olga');
expect(409, $org->post('/Users', { userName => 'olga@acme.example', displayName => 'Another Olga' }), 'a userName is of one account');
$org->create(userName => 'olga.two@acme.example', displayName => 'Another Olga');
my $ruth = $org->create(userName => 'ruth@acme.example', displayName => 'Ruth Role', roles => [{ value => 'BOSS' }]);
expect(200, $org->patch_ops($ruth->{id}, { op => 'replace', path => 'roles', value => [{ value => 'USER', primary => TRUE }] }), 'the role is mended');
expect(400, $org->post('/Users', { userName => 'bert@acme.example', displayName => 'Bert', active => 'maybe' }), 'what is wrong is refused') for 1 .. 3;
select undef, undef, undef, 0.01;       # times have milliseconds
$org->create(userName => 'bert@acme.example', displayName => 'Bert');
my ($olaf) = map { $_->[0] } sql(q{INSERT INTO scim.account (organization_id, user_name, managed, sync_eligible)
    VALUES ($1, 'olaf@acme.example', true, false) RETURNING id}, $org->{id});
expect(403, $org->patch_ops($olaf, { op => 'replace', path => 'title', value => 'x' }), 'one that is not eligible is refused');
sql('UPDATE scim.account SET sync_eligible = true WHERE id = $1', $olaf);
sql(q{INSERT INTO scim.account (organization_id, user_name) SELECT $1, 'many' || n || '@acme.example' FROM generate_series(1, 7) n}, $org->{id});
my $gus = $org->create(userName => 'gus@acme.example', displayName => 'Gus Guarded');
my $ada = $org->create(userName => 'ada@acme.example', displayName => 'Ada');
my $gone = $org->create(userName => 'gone@acme.example', displayName => 'Gina Gone');
expect(204, $org->delete("/Users/$gone->{id}"), 'who has left is deleted');
my $emil = $org->create(userName => 'emil.early@acme.example', displayName => 'Emil Early');
expect(200, $org->patch_ops($emil->{id}, { op => 'replace', value => { userName => 'emil.late@acme.example', displayName => 'Emil Late' } }), 'one has another name now');
my $frieda = $org->create(userName => 'frieda@acme.example', displayName => 'Frieda Falk', name => { familyName => 'Falk' });
expect(200, $org->patch_ops($frieda->{id}, { op => 'replace', path => 'displayName', value => 'Frieda Frost' }), 'one is still found by what she was called');
$org->set_guard(1, undef);
expect(200, $org->patch_ops($ada->{id}, { op => 'replace', path => 'active', value => FALSE }), 'one deactivation is within the limit');
expect(403, $org->patch_ops($gus->{id}, { op => 'replace', path => 'active', value => FALSE }), 'the next one is above it');

my $ended = connected();
sql(q{UPDATE scim.token SET name = 'Entra ID', expires_at = now() - interval '1 day' WHERE organization_id = $1}, $ended->{id});
my $dead = connected();
sql(q{UPDATE scim.token SET name = 'Old', expires_at = now() - interval '1 day', refused_at = now() WHERE organization_id = $1}, $dead->{id});
sql(q{INSERT INTO scim.token (organization_id, issuer, name, prefix, hash, expires_at)
      VALUES ($1, $2, 'New', 'scim_123456', sha256($1::text::bytea), now() + interval '1 year')}, $dead->{id}, $dead->{issuer});
my %other = (ended => $ended, dead => $dead, off => connected(), waiting => organization(), tokenless => connected());
sql('UPDATE scim.organization SET provisioning_enabled = false WHERE id = $1', $other{off}{id});
sql('DELETE FROM scim.token WHERE organization_id = $1', $other{tokenless}{id});
Scim::Server::wait_until('a request in the log of each', 20, sub {
    (sql(q{SELECT count(DISTINCT organization_id) FROM scim.request WHERE organization_id IN ($1, $2, $3, $4, $5)},
         map { $_->{id} } $org, @other{qw(dead ended off tokenless)}))[0][0] == 5;
});
# The issuer speaks Japanese in one of them.
sql(q{UPDATE scim.account SET preferred_language = 'ja' WHERE id = $1}, $other{off}{issuer});
exit !Scim::Browser::run('why.mjs', url => server()->{url} . '/organizations/', user => $org->{issuer_name}, organization => $org->{key},
    map { ($_ => $other{$_}{key}, "$_-user" => $other{$_}{issuer_name}) } keys %other);
