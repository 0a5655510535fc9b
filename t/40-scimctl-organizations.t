# SPDX-License-Identifier: Apache-2.0
# scimctl's commands that change a whole organization: rename, domains and delete.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use Encode qw(decode_utf8 encode_utf8);
use Scim::Process;
use Scim::Test;

my $here = own_server();           # the feed of all organizations is read

sub scimctl {
    my $done = Scim::Process::run([$here->scimctl(map { encode_utf8($_) } @_)]);
    return ($done->{status}, $done->{out}, decode_utf8($done->{err}));
}
sub json { my ($status, $out, $err) = scimctl('--json', @_); return $status == 0 ? JSON::PP::decode_json($out) : die $err }
sub refused {
    my ($message, $name, @answer) = @_;
    is $answer[0], 1, "$name: exit status 1";
    return like $answer[2], $message, $name;
}
sub kinds { my ($org) = @_; return map { $_->[0] =~ s/.*:event://r } sql('SELECT kind FROM scim.event WHERE organization_id = $1 ORDER BY sequence', $org->{id}) }
sub new_name { return 'org-' . random_name() }

# Rename
my $org = organization(domains => ['example.com']);
my $old = $org->{key};
is json('org', 'rename', $old, '--name', 'Zoë & Co')->{name}, 'Zoë & Co', 'org rename changes the name';
is $org->get('/Users')->{status}, 200, 'which no client notices';
my ($status, $out, $err) = scimctl('org', 'rename', $old, '--key', $org->{key} = new_name());
is $status, 0, 'org rename changes the key';
like $err, qr{SCIM URL .* ends with /\Q$org->{key}\E/v2}, 'and says that the URL is another one';
is $org->get('/Users')->{status}, 200, 'which works at once with the same token';
{
    local $org->{key} = $old;
    is $org->get('/Users')->{status}, 401, 'and the old one does not';
}
my $other = organization();
refused(qr/Another organization has this key/, 'a key that is taken', scimctl('org', 'rename', $org->{key}, '--key', $other->{key}));
refused(qr/lower-case letters/, "the key '$_'", scimctl('org', 'rename', $org->{key}, '--key', $_)) for 'Acme', 'a b', 'x' x 64, '';
refused(qr/The name /, 'a name that nobody can read', scimctl('org', 'rename', $org->{key}, '--name', "a\x{202e}b"));
refused(qr/200 characters/, 'a name that is too long', scimctl('org', 'rename', $org->{key}, '--name', 'x' x 201));
refused(qr/--name, or the new --key/, 'a rename to nothing', scimctl('org', 'rename', $org->{key}));
refused(qr/no organization/, 'an unknown organization', scimctl('org', 'rename', 'nobody', '--name', 'x'));
scimctl('org', 'rename', $org->{key}, '--key', $org->{key}, '--name', 'Zoë & Co');
is_deeply [kinds($org)], [('organization:change') x 2], 'each change is an event, and what changes nothing is none';
my ($changed) = @{ json('activity', 'list', $org->{key}) };
is_deeply [@$changed{qw(kind attributes)}, $changed->{data}{before}{key}, $changed->{data}{after}{key}],
    ['urn:mod_scim:event:organization:change', ['key'], $old, $org->{key}], 'with the old key and the new one';

# Domains
is_deeply json('org', 'domains', $org->{key}, 'Example.org', 'example.com')->{domains}, ['example.org', 'example.com'], 'org domains sets the verified domains';
is_error($org->post('/Users', { schemas => [CORE], userName => 'a@elsewhere.example', displayName => 'A' }), 400, 'invalidValue', 'another one is refused from now on');
is_deeply json('org', 'domains', $org->{key}, '--none')->{domains}, [], 'org domains --none';
is $org->post('/Users', { schemas => [CORE], userName => 'a@elsewhere.example', displayName => 'A' })->{status}, 201, 'allows any';
refused(qr/\@ or blanks/, 'what is no domain', scimctl('org', 'domains', $org->{key}, '@example.com'));
refused(qr/--none to allow any/, 'no domains', scimctl('org', 'domains', $org->{key}));
refused(qr/--none to allow any/, 'domains and none', scimctl('org', 'domains', $org->{key}, 'example.com', '--none'));

# Roles
{
    local $here->{pguser} = 'scim';
    refused(qr/scim_owner/, "httpd's role cannot org $_->[0]", scimctl('org', @$_))
        for ['rename', $org->{key}, '--name', 'x'], ['domains', $org->{key}, 'example.com'], ['delete', $org->{key}, '--yes'];
}

# Deletion
my $gone = organization();
my $user = $gone->create;
$gone->post('/Groups', { schemas => ['urn:ietf:params:scim:schemas:core:2.0:Group'], displayName => 'Staff', members => [{ value => $user->{id} }] });
$gone->post('/Users', { schemas => [CORE], userName => 'x' });
refused(qr/--yes/, 'org delete without a terminal to ask on', scimctl('org', 'delete', $gone->{key}));
is $gone->get('/Users')->{status}, 200, 'nothing is deleted without an answer';
my $asked = Scim::Process::run(['script', '-qec', join(' ', map { "'$_'" } $here->scimctl('org', 'delete', $gone->{key})), '/dev/null'], input => "n\n");
like $asked->{out}, qr/Delete the organization '\Q$gone->{key}\E' with its 2 account\(s\), 1 group\(s\), 1 token\(s\) and 2 event\(s\)\?/, 'a terminal is told what there is';
sql(q{INSERT INTO scim.relay (name, sequence, organization_id) VALUES ('of this one', 0, $1), ('of all', 0, NULL)}, $gone->{id});
my @kept = sql('SELECT count(*) FROM scim.account WHERE organization_id <> $1', $gone->{id});
my @tables = map { $_->[0] } sql(q{SELECT DISTINCT a.attrelid::regclass::text FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relnamespace = 'scim'::regnamespace AND c.relkind = 'r' AND a.attname = 'organization_id' ORDER BY 1});
is +(scimctl('org', 'delete', $gone->{key}, '--yes'))[1], "Deleted: $gone->{key}\n", 'org delete --yes';
is_deeply +{ map { ($_ => (sql("SELECT count(*) FROM $_ WHERE organization_id = \$1", $gone->{id}))[0][0]) } @tables }, { (map { ($_ => 0) } @tables), 'scim.event' => 1 },
    'its rows are gone from every table';
is_deeply [sql('SELECT count(*) FROM scim.account WHERE organization_id <> $1', $gone->{id})], \@kept, 'and none of another organization';
is $gone->get('/Users')->{status}, 401, 'its token is worth nothing';
my ($last) = map { JSON::PP::decode_json($_) } (split /\n/, (scimctl('--json', 'events'))[1])[-1];
is_deeply [@$last{qw(kind organization actorKind)}], ['urn:mod_scim:event:organization:delete', $gone->{key}, 'operator'], 'readers of all organizations are told';
refused(qr/no organization/, 'a second time', scimctl('org', 'delete', $gone->{key}, '--yes'));

done_testing;
