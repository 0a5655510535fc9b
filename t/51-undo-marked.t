# SPDX-License-Identifier: Apache-2.0
# Activity says of a change that it was undone, by whom and when, unless that was
# undone; by the API of the settings page and by scimctl.
use strict;
use warnings;
use lib 't/lib';
use MIME::Base64 ();
use Time::HiRes ();
use Scim::Process;
use Scim::Test;

my $server = server();
my $org = organization();

sub scimctl {
    my $done = Scim::Process::run([$server->scimctl(@_)]);
    die "@_: $done->{err}" if $done->{status};
    return $done->{out};
}
sub undo { my ($sequence) = @_; return scimctl('undo', $org->{key}, '--yes', '--sequence', $sequence) }
sub entries {
    my ($id) = @_;
    my $r = Scim::Test::http()->request(GET => "/organizations/$org->{key}/api/activity?account=$id",
        [Authorization => 'Basic ' . MIME::Base64::encode("$org->{issuer_name}:x", '')], undef);
    die $r->{content} if $r->{status} != 200;
    return @{ JSON::PP::decode_json($r->{content})->{entries} };
}
# Of each entry, the latest first, its word and whether it was undone
sub marks { my ($id) = @_; return [map { ($_->{kind} =~ /(\w+)(?::full)?\z/)[0] . ($_->{undone} ? ' undone' : '') } entries($id)] }

my $account = $org->create(displayName => 'Before')->{id};
is_deeply marks($account), ['create'], 'nothing was undone';
$org->patch_ops($account, { op => 'replace', path => 'active', value => FALSE });
my ($changed) = grep { $_->{kind} =~ /patch/ } entries($account);
undo($changed->{sequence});
is_deeply marks($account), ['activate', 'patch', 'deactivate undone', 'patch undone', 'create'], 'every event of a change that was undone says so';
my ($undoing) = grep { $_->{kind} =~ /activate/ } entries($account);
my ($entry) = grep { $_->{sequence} eq $changed->{sequence} } entries($account);
is_deeply $entry->{undone}, { actor => $undoing->{actor}, at => $undoing->{at} }, 'with who has done it and when';
like scimctl('activity', 'list', $org->{key}, '--account', $account), qr/:deactivate +active \(undone by \Q$undoing->{actor}\E\)$/m, 'scimctl says it, too';
is_deeply [map { $_->{undone} // () } @{ JSON::PP::decode_json(scimctl('--json', 'activity', 'list', $org->{key}, '--account', $account)) }], [($entry->{undone}) x 2], 'also in JSON';
undo($undoing->{sequence});
is_deeply marks($account), ['deactivate', 'patch', 'activate undone', 'patch undone', 'deactivate', 'patch', 'create'], 'if the undoing is undone, that is what was undone';
undo((entries($account))[0]{sequence});
is_deeply marks($account), ['activate', 'patch', 'deactivate undone', 'patch undone', 'activate', 'patch', 'deactivate undone', 'patch undone', 'create'], 'and again';

my $r = $org->post('/Groups', { schemas => ['urn:ietf:params:scim:schemas:core:2.0:Group'], displayName => 'Before', members => [{ value => $account }] });
my $group = $r->{json}{id};
$org->patch("/Groups/$group", { schemas => [PATCHOP], Operations => [{ op => 'remove', path => 'members' }] });
undo((entries($group))[0]{sequence});
is_deeply marks($group), ['patch', 'patch undone', 'create'], 'a change of a group';
$org->delete("/Groups/$group");
undo((entries($group))[0]{sequence});
my @marks = @{ marks($group) };
is_deeply [@marks[-3 .. -1], grep { /delete/ } @marks], ['patch', 'patch undone', 'create', 'delete undone'], 'of a deletion, that alone';

# Later changes are of no account, but undoings are, up to a number of them.
sub events_of_account {
    my ($number, $data) = @_;
    sql(q{INSERT INTO scim.event (organization_id, account_id, kind, actor_kind, actor_name, version, data)
          SELECT $1, $2, 'urn:ietf:params:scim:event:prov:patch:full', 'operator', 'x', 100 + n, $4::jsonb FROM generate_series(1, $3::int) n}, $org->{id}, $account, $number, $data);
}
my ($fourth) = sql('SELECT sequence FROM scim.event WHERE account_id = $1 ORDER BY sequence OFFSET 3 LIMIT 1', $account);
sub first_marks {
    my $list = Scim::Test::http()->request(GET => "/organizations/$org->{key}/api/activity?account=$account&before=" . $fourth->[0],
        [Authorization => 'Basic ' . MIME::Base64::encode("$org->{issuer_name}:x", '')], undef);
    return [map { $_->{undone} ? 'undone' : '' } @{ JSON::PP::decode_json($list->{content})->{entries} }];
}
my $marks = first_marks();
ok scalar(grep { $_ } @$marks), 'the first changes were undone';
events_of_account(20_000, '{}');
my $begin = Time::HiRes::time();
is_deeply first_marks(), $marks, 'which is known after twenty thousand later changes';
cmp_ok Time::HiRes::time() - $begin, '<', 5, 'and the page is soon there';
events_of_account(1000, '{"undoes": [1]}');
is_deeply first_marks(), ['', '', ''], 'but not after a thousand later undoings';
done_testing;
