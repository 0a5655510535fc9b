# SPDX-License-Identifier: Apache-2.0
# What scimctl undo leaves and says, what it undoes when only some changes are chosen,
# and what it does not accept.
use strict;
use warnings;
use lib 't/lib';
use MIME::Base64 ();
use Scim::Process;
use Scim::Test;

my $GROUP = 'urn:ietf:params:scim:schemas:core:2.0:Group';
my $server = server();
my $org = organization();

sub scimctl {
    my $done = Scim::Process::run([$server->scimctl(@_)]);
    return @$done{qw(status out err)};
}
sub undo {
    my ($status, $out, $err) = scimctl('--json', 'undo', $org->{key}, '--yes', @_);
    die "undo: $err" if $status;
    return map { JSON::PP::decode_json($_) } split /\n/, $out;
}
sub api {
    my ($method, $path, $body) = @_;
    my $r = Scim::Test::http()->request($method, "/organizations/$org->{key}/api/$path",
        [Authorization => 'Basic ' . MIME::Base64::encode("$org->{issuer_name}:x", ''), Origin => $server->{url}, 'Content-Type' => 'application/json'], JSON::PP::encode_json($body));
    return { %$r, json => JSON::PP::decode_json($r->{content}) };
}
sub api_undo { return api(POST => 'undo', @_) }
sub now { return (sql(q{SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') FROM pg_sleep(0.005)}))[0][0] }
sub account { my ($id) = @_; my $json = $org->get("/Users/$id")->{json}; delete $json->{meta}; return $json }
sub group { my ($id) = @_; my $json = $org->get("/Groups/$id")->{json}; delete $json->{meta}; $json->{members} = [sort map { $_->{value} } @{ $json->{members} || [] }]; return $json }
sub replace { my ($id, %value) = @_; my $r = $org->patch_ops($id, map { { op => 'replace', path => $_, value => $value{$_} } } sort keys %value); die $r->{content} if $r->{status} != 200; return }
sub create_group { my ($name, @members) = @_; return $org->post('/Groups', { schemas => [$GROUP], displayName => $name, members => [map { { value => $_ } } @members] })->{json}{id} }
sub patch_group { my ($id, @ops) = @_; my $r = $org->patch("/Groups/$id", { schemas => [PATCHOP], Operations => \@ops }); die $r->{content} if $r->{status} >= 300; return }
sub set_by_operator { my ($id, @values) = @_; my ($status, $out, $err) = scimctl('account', 'set', $org->{key}, $id, @values); die $err if $status; return }
sub last_sequence { my ($id, $kind) = @_; return (sql('SELECT max(sequence) FROM scim.event WHERE $1::uuid IN (account_id, resource_id) AND kind LIKE $2', $id, "%:$kind%"))[0][0] }

# Accounts that are left
my %account = map { $_ => $org->create(title => 'Before', roles => [{ value => 'USER' }])->{id} } qw(touched sql renamed forgotten issuer plain);
my $since = now();
replace($account{$_}, title => 'Wrong') for qw(touched sql plain);
replace($account{issuer}, 'roles[primary eq "True"].value' => 'ADMIN');
my $name = account($account{renamed})->{userName};
replace($account{renamed}, userName => user_name());
my $taker = $org->create(userName => $name);
replace($account{forgotten}, title => 'Wrong');
set_by_operator($account{touched}, 'nickName=Mine');
sql(q{UPDATE scim.account SET display_name = 'By SQL' WHERE id = $1}, $account{sql});
my ($new_token, $token_id) = ($org->new_token(issuer => $account{issuer}), $org->{token_id});
my ($status, $out, $err) = scimctl('account', 'forget', $org->{key}, $account{forgotten}, '--yes');
is $status, 0, 'a person is forgotten' or diag $err;
my %before = map { $_ => account($account{$_}) } qw(touched sql issuer);
my %entry = map { $_->{id} => $_ } undo('--since', $since, '--actor', 'test', '--kind', 'change', '--dry-run');
is $entry{ $account{renamed} }{left}{reason}, 'taken', 'a dry run finds that a userName is taken';
%entry = map { $_->{id} => $_ } undo('--since', $since, '--actor', 'test', '--kind', 'change,role');
is_deeply [@{ $entry{ $account{touched} }{left} }{qw(reason actor)}], ['changed', (sql('SELECT actor_name FROM scim.event WHERE account_id = $1 ORDER BY sequence DESC LIMIT 1', $account{touched}))[0][0]],
    'an account that somebody else has changed is left, and it is said who';
like $entry{ $account{touched} }{left}{at}, qr/^\d{4}-\S+Z\z/, 'and when';
is $entry{ $account{sql} }{left}{reason}, 'unrecorded', 'one that SQL has changed is left';
is $entry{ $account{renamed} }{left}{reason}, 'taken', 'one whose userName is taken is left';
is $entry{ $account{issuer} }{left}{reason}, 'refused', 'the issuer of a token stays an administrator';
like $entry{ $account{issuer} }{left}{detail}, qr/generated a SCIM token/, 'for the reason that SCIM gives';
is_deeply account($account{$_}), $before{$_}, "nothing is changed: $_" for sort keys %before;
is $entry{ $account{forgotten} }{left}{reason}, 'erased', 'of a forgotten person, nothing is known';
is account($account{plain})->{title}, 'Before', 'the others are as before';
is $entry{ $account{plain} }{set}{title}, 'Before', 'and told';
sql('DELETE FROM scim.token WHERE id = $1', $token_id);
is_deeply [map { $_->{set}{roles}[0]{value} } grep { !$_->{left} } undo('--since', $since, '--actor', 'test', '--kind', 'role')], ['USER'], 'when the rule does not stand against it any more, it is done';
($status, $out, $err) = scimctl('undo', $org->{key}, '--since', $since, '--actor', 'test', '--dry-run');
like $out, qr/leave +\S.* +changed since by scimctl/, 'in words, too';

# Groups that SQL has changed; one that has lost members with their accounts is not
my @member = map { $org->create->{id} } 1 .. 4;
my %group = map { $_ => create_group("Before $_", @member[0 .. 2]) } qw(renamed joined left orphaned);
$since = now();
for my $id (values %group) {
    patch_group($id, { op => 'add', path => 'externalId', value => 'wrong' }, { op => 'remove', path => qq{members[value eq "$member[0]"]} });
    patch_group($id, { op => 'add', path => 'members', value => [{ value => $member[$_] }] }) for 0, 3;
    patch_group($id, { op => 'remove', path => qq{members[value eq "$member[3]"]} });
}
sql('UPDATE scim.user_group SET external_id = $2 WHERE id = $1', $group{renamed}, 'by SQL');
sql('INSERT INTO scim.membership (organization_id, group_id, account_id) VALUES ($1, $2, $3)', $org->{id}, $group{joined}, $member[3]);
sql('DELETE FROM scim.membership WHERE group_id = $1 AND account_id = $2', $group{left}, $member[0]);
$org->delete("/Users/$member[1]");
%before = map { $_ => group($group{$_}) } keys %group;
%entry = map { $_->{id} => $_ } undo('--since', $since, '--kind', 'group');
for my $name (qw(renamed joined left)) {
    is $entry{ $group{$name} }{left}{reason}, 'unrecorded', "a group that SQL has changed is left: $name";
    is_deeply group($group{$name}), $before{$name}, 'as it is';
}
delete $before{orphaned}{externalId};
is_deeply group($group{orphaned}), $before{orphaned}, 'one whose member was deleted is undone';

# Only some changes
my $both = $org->create(title => 'Before', roles => [{ value => 'USER' }])->{id};
$since = now();
replace($both, title => 'After', active => FALSE, 'roles[primary eq "True"].value' => 'GUEST');
undo('--since', $since, '--kind', 'deactivate');
is_deeply [@{ account($both) }{qw(active title)}, account($both)->{roles}[0]{value}], [TRUE, 'After', 'GUEST'], 'of a deactivation, the state alone is undone';
undo('--since', $since, '--kind', 'role', '--account', account($both)->{userName});
is_deeply [account($both)->{title}, account($both)->{roles}[0]{value}], ['After', 'USER'], 'of a role, the role';
undo('--since', $since);
is account($both)->{title}, 'Before', 'then all that is left of it';
is_deeply [undo('--since', $since)], [], 'and nothing is left';

# One change, and its undoing
my $one = $org->create(title => 'A')->{id};
replace($one, title => $_) for qw(B C);
my ($entry) = undo('--sequence', last_sequence($one, 'prov:patch'));
is account($one)->{title}, 'B', 'one change is undone by the sequence of its event';
is $entry->{undone}, 1, 'and no other';
undo('--sequence', last_sequence($one, 'prov:patch'));
is account($one)->{title}, 'C', 'the undoing can be undone by its own sequence';
undo('--account', $one, '--kind', 'change');
is account($one)->{title}, 'A', 'with an account alone, all of its changes are chosen';

# More events and more members than one change undoes
my $busy = $org->create(title => 'Before')->{id};
my @crowd = map { $_->[0] } sql(q{INSERT INTO scim.account (organization_id, user_name, display_name) SELECT $1, 'crowd' || n || '@example.com', 'Crowd' FROM generate_series(1, 2100) n RETURNING id}, $org->{id});
my $large = create_group('Large', @crowd[0 .. 49]);
my $was = group($large);
$since = now();
for (1 .. 11) {
    my @operations = map { { method => 'PATCH', path => "/Users/$busy", data => { schemas => [PATCHOP], Operations => [{ op => 'replace', path => 'title', value => random_name() }] } } } 1 .. 100;
    $org->post('/Bulk', { schemas => [BULK], Operations => \@operations });
}
patch_group($large, { op => 'add', path => 'members', value => [map { { value => $_ } } @crowd] });
patch_group($large, { op => 'remove', path => qq{members[value eq "$crowd[7]"]} });
is $org->delete("/Groups/$large")->{status}, 204, 'a large group is deleted';
is_deeply [map { $_->[0] } sql(q{SELECT jsonb_array_length(data -> 'removed') FROM scim.event WHERE resource_id = $1 AND data ? 'deletion' ORDER BY sequence}, $large)], [1000, 1000, 99], 'and a thousand of its members are in each event';
my @lines = undo('--since', $since);
is account($busy)->{title}, 'Before', 'an account with more events than one change undoes';
is_deeply [map { $_->{undone} } grep { $_->{id} eq $busy } @lines], [1100], 'is one account';
is_deeply group($large), $was, 'a group of more members than an event has';
is_deeply [sql(q{SELECT max(jsonb_array_length(data -> 'undoes')) FROM scim.event WHERE organization_id = $1}, $org->{id})], [[1000]], 'no event names more than a thousand';

# So many that cancel one another out, with a change before them that does not, or
# without one.  The time limit of a run finds an endless undoing.
sub changes_of { my ($count, $path, @of) = @_; return map { { method => 'PATCH', path => $path, data => { schemas => [PATCHOP], Operations => [$of[$_ % @of]] } } } 1 .. $count }
sub flip {
    my ($account, $group) = @_;
    my @operations = (
        changes_of(502, "/Users/$account", { op => 'replace', path => 'active', value => TRUE }, { op => 'replace', path => 'active', value => FALSE }),
        changes_of(1002, "/Groups/$group", { op => 'remove', path => 'members' }, { op => 'add', path => 'members', value => [{ value => $busy }] }));
    while (my @some = splice @operations, 0, 100) {
        my $r = $org->post('/Bulk', { schemas => [BULK], Operations => \@some });
        die $r->{content} if grep { $_->{status} !~ /^2/ } @{ $r->{json}{Operations} };
    }
    return;
}
sub event_number { my ($id) = @_; return (sql('SELECT count(*) FROM scim.event WHERE $1::uuid IN (account_id, resource_id)', $id))[0][0] }
my ($flipped, $flipped_group) = ($org->create(title => 'Before')->{id}, create_group('Before'));
my ($same, $same_group) = ($org->create->{id}, create_group('Same'));
$since = now();
replace($flipped, title => 'Wrong');
patch_group($flipped_group, { op => 'replace', path => 'displayName', value => 'Wrong' });
flip($flipped, $flipped_group);
@lines = sort { $a->{resourceType} cmp $b->{resourceType} } undo('--since', $since);
is_deeply [map { $_->{id} } @lines], [$flipped_group, $flipped], 'what is older than a thousand events that cancel one another out is undone';
is_deeply [map { $_->{undone} } @lines], [1003, 1005], 'with all of them';
is_deeply [account($flipped)->{title}, group($flipped_group)->{displayName}], ['Before', 'Before'], 'and is as before';
is_deeply [undo('--since', $since)], [], 'and nothing is left of it';
$since = now();
flip($same, $same_group);
my @numbers = map { event_number($_) } $same, $same_group;
is_deeply [undo('--since', $since, '--dry-run')], [], 'where there is nothing before, a dry run finds nothing';
is_deeply [undo('--since', $since)], [], 'and nothing is undone';
is_deeply api_undo({ since => $since, dryRun => FALSE })->{json}{resources}, [], 'by the API neither';
is_deeply [map { event_number($_) } $same, $same_group], \@numbers, 'and there is no event of it';
my $leaver = $org->create->{id};
my $left_alone = create_group('Left alone', $leaver);
patch_group($left_alone, { op => 'remove', path => 'members' });
$org->delete("/Users/$leaver");
is_deeply [undo('--account', 'Left alone', '--kind', 'change')], [], 'nor is a group told whose member is not there any more';

# A group by its id
my $by_id = create_group('By id');
patch_group($by_id, { op => 'replace', path => 'displayName', value => 'Wrong' });
is_deeply [map { $_->{set} } undo('--account', $by_id, '--kind', 'change')], [{ displayName => 'By id' }], 'a group is found by its id';
$org->delete("/Groups/$by_id");
undo('--account', $by_id, '--kind', 'delete');
is group($by_id)->{displayName}, 'By id', 'also a deleted one';

# A deletion of an older version has no more than the attributes.
my $old = $org->create(title => 'Old')->{id};
my $state = account($old);
$org->delete("/Users/$old");
sql(q{UPDATE scim.event SET data = data - '{account,groups}'::text[] WHERE account_id = $1}, $old);
undo('--account', $old, '--kind', 'delete');
is_deeply account($old), $state, 'a deletion that was recorded by an older version is undone';

# Two at the same time
my @many = map { $org->create(title => 'Before')->{id} } 1 .. 60;
$since = now();
replace($_, title => 'Wrong') for @many;
my $events = event_count($org);
my @two = map { Scim::Process->start([$server->scimctl('undo', $org->{key}, '--yes', '--since', $since)], out => '/dev/null', err => '/dev/null') } 1, 2;
is_deeply [map { $_->wait } @two], [0, 0], 'two at the same time end well';
is event_count($org) - $events, 60, 'and every change is undone once';

# What is not accepted
sub refused { my ($message, $name, @arguments) = @_; my ($status, $out, $err) = scimctl('undo', $org->{key}, '--yes', @arguments); is $status, 1, "$name: exit status 1"; return like $err, $message, $name }
refused(qr/Say since when/, 'everything that ever was');
refused(qr/'until' must be after 'since'/, 'an end before the beginning', '--since', '2026-02-01', '--until', '2026-01-01');
refused(qr/must be a date and time/, "the time '$_'", '--since', $_) for 'yesterday', '2026-13-01', '', '2026-02-30T00:00:00Z';
refused(qr/A kind of change must be/, "the kind '$_'", '--since', '2026-01-01', '--kind', $_) for 'x', 'change,', "role'", 'CHANGE';
refused(qr/'sequence' must be/, "the sequence '$_'", '--sequence', $_) for '0', '-1', 'x', '9' x 30;
refused(qr/no account, group or change/, 'a sequence that does not exist', '--sequence', '99999999999');
refused(qr/no account, group or change/, 'an account that does not exist', '--account', 'nobody@example.com');
is_deeply [undo('--since', '0001-01-01', '--actor', "nobody' OR true --")], [], 'an unknown actor has changed nothing';
my ($of_another) = sql('SELECT max(sequence) FROM scim.event WHERE organization_id <> $1', $org->{id});
my $other = organization();
my $stranger = $other->create;
refused(qr/no account, group or change/, 'a change of another organization', '--sequence', (sql('SELECT max(sequence) FROM scim.event WHERE organization_id = $1', $other->{id}))[0][0]);
($status, $out, $err) = scimctl('undo', $org->{key}, '--since', $since);
is $status, 0, 'without anything to do, it does not ask';
replace($one, title => 'Z');
($status, $out, $err) = scimctl('undo', $org->{key}, '--since', $since);
like $err, qr/no terminal/, 'where there is no terminal to ask on, it does nothing without --yes';
is account($one)->{title}, 'Z', 'really nothing';
for my $data ('{"undoes": "x"}', '{"undoes": [1.5]}', '{"undoes": [0]}', '{"undoes": [[1]]}', '{"groups": ["x"]}', '{"groups": "x"}') {
    is_deeply [sql('SELECT scim.is_importable(jsonb_populate_record(NULL::scim.event, jsonb_build_object($1::text, 0, $2::text, $3::jsonb)))', 'history', 'data', $data)], [['f']], "an event with $data is not imported";
}
is_deeply [sql('SELECT scim.is_importable(jsonb_populate_record(NULL::scim.event, jsonb_build_object($1::text, 0, $2::text, $3::jsonb)))', 'history', 'data', '{"undoes": [1, 2], "groups": []}')], [['t']], 'one that undoes two is';

# The API of the settings page
is api_undo({ since => $since })->{status}, 400, 'whether it is a dry run must be said';
is api_undo({ since => $since, dryRun => TRUE, %$_ })->{status}, 400, 'refused: ' . JSON::PP::encode_json($_)
    for { kind => 5 }, { kind => {} }, { kind => [1] }, { after => 'x' }, { after => '9.1' }, { after => '1.' }, { since => 5 }, { sequence => 5 };
is api_undo({ since => $since, dryRun => TRUE, after => '2.999999999999999999' })->{status}, 200, 'a place that does not exist is the beginning or the end';
set_by_operator($org->{issuer}, 'title=Boss');
my $r = api_undo({ account => $org->{issuer}, dryRun => FALSE });
is_deeply $r->{json}{resources}[0]{left}, { reason => 'refused', detail => 'You cannot undo changes of your own account. Another administrator can.' }, 'administrators do not undo changes of their own account';
is api(PUT => 'settings', { provisionedReadOnly => TRUE })->{status}, 200, 'provisioned accounts are read-only on the page';
is api(PATCH => "members/$one", { displayName => 'Mine' })->{status}, 403, 'where nobody edits one';
$r = api_undo({ since => $since, kind => ['change'], dryRun => FALSE });
is account($one)->{title}, 'A', 'an administrator undoes what was changed all the same';
is_deeply [sql('SELECT actor_kind, actor_name FROM scim.event WHERE account_id = $1 ORDER BY sequence DESC LIMIT 1', $one)], [['account', (sql('SELECT actor_name FROM scim.event WHERE actor_kind = $1 AND organization_id = $2 LIMIT 1', 'account', $org->{id}))[0][0]]], 'in their own name';
done_testing;
