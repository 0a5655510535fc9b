# SPDX-License-Identifier: Apache-2.0
# scimctl group, as an operator uses it, and groups in account show and activity.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use Encode qw(decode_utf8 encode_utf8);
use JSON::PP ();
use Scim::Process;
use Scim::Test;

my ($program, @db) = server()->scimctl;
my $org = organization();
my $other = organization();
my $key = $org->{key};

# (exit status, stdout, stderr)
sub scimctl {
    my $done = Scim::Process::run([$program, @db, map { encode_utf8($_) } @_]);
    return ($done->{status}, map { decode_utf8($_) } @$done{qw(out err)});
}
sub out { my ($status, $out, $err) = scimctl(@_); return $status == 0 ? $out : die "@_: $err" }
sub json { return JSON::PP->new->decode(out('--json', @_)) }
sub refused {
    my ($message, $name, @arguments) = @_;
    my ($status, $out, $err) = scimctl(@arguments);
    is $status, 1, "$name: exit status 1";
    like $err, $message, $name;
    return is $out, '', "$name: nothing on standard output";
}
sub group {
    my ($name, %o) = @_;
    return (sql('INSERT INTO scim.user_group (organization_id, display_name, external_id)
                 VALUES ($1, $2, $3) RETURNING id', ($o{org} || $org)->{id}, $name, $o{external_id}))[0][0];
}

is out('group', 'list', $key), "NAME  MEMBERS  NESTED  CHANGED  EXTERNALID  ID\n",
    'without groups there are only the heads';
is_deeply json('group', 'list', $key), [], 'and in JSON an empty list';

my $sales = group('Sales & Co', external_id => 'Ext-1');
my $east = group('Füße Ost', external_id => 'twice');
my $staff = group('All Staff', external_id => 'twice');
my $foreign = group('Sales & Co', org => $other, external_id => 'Ext-1');
my %account = map { ($_ => (sql(q{INSERT INTO scim.account (organization_id, user_name, display_name, role) VALUES ($1,
    $2, $3, 'USER') RETURNING id},
    $org->{id}, "$_\@example.com", ucfirst $_))[0][0]) } qw(anna bert cleo);
sql('INSERT INTO scim.membership (organization_id, group_id, account_id)
     SELECT $1, $2, id FROM scim.account WHERE organization_id = $1 AND user_name IN ($3, $4)',
    $org->{id}, $sales, 'anna@example.com', 'cleo@example.com');
sql('INSERT INTO scim.subgroup (organization_id, group_id, child_id) VALUES ($1, $2, $3), ($1, $4, $2)', $org->{id},
    $sales, $east, $staff);

# list
like out('group', 'list', $key),
    qr/^NAME .*\nAll Staff +0 +1 .*\nFüße Ost +0 +0 .*\nSales & Co +2 +1 +\S+Z +Ext-1 +\Q$sales\E\n\z/,
    'group list is a table by name';
my @list = @{ json('group', 'list', $key) };
is_deeply [map { [@$_{qw(id displayName members groups)}] } @list], [[$staff, 'All Staff', 0, 1], [$east, 'Füße Ost',
    0, 0], [$sales, 'Sales & Co', 2, 1]], 'or JSON';
is_deeply [map { $_->{displayName} } @{ json('group', 'list', $key, '--name', 'FÜSS') }], ['Füße Ost'],
    '--name: the beginning of a name in any case';
my ($status, $out, $err) = scimctl('group', 'list', $key, '--count', 1);
is $out =~ tr/\n//, 2, '--count';
like $err, qr/there are more/, 'says that there are more';
is +(scimctl('group', 'list', $key, '--count', 3))[2], '', 'and not when there are none';
refused(qr/not a number/, '--count 0', 'group', 'list', $key, '--count', 0);
refused(qr/no organization/, 'an unknown organization', 'group', 'list', 'nobody');

# show: by id, externalId and name
for my $name ($sales, 'externalId:Ext-1', 'sales & co') {
    is json('group', 'show', $key, $name)->{id}, $sales, "a group is named by $name";
}
$out = out('group', 'show', $key, $sales);
like $out, qr/^displayName[ ]+Sales[ ]&[ ]Co\nid[ ]+\Q$sales\E\nexternalId[ ]+Ext-1\nmembers[ ]+2\ncreated[ ]+\S+\nlastModified[ ]+\S+
              \nnested[ ]group[ ]+Füße[ ]Ost\nnested[ ]in[ ]+All[ ]Staff\n\z/x,
    'group show: the group and where it is';
is_deeply [map { [map { $_->{displayName} } @$_] } @{ json('group', 'show', $key,
    $sales) }{qw(nestedGroups nestedIn)}], [['Füße Ost'], ['All Staff']], 'in JSON, too';
refused(qr/no group '\Q$_->[0]\E'.*group list/, "$_->[1] is none of here", 'group', 'show', $key, $_->[0])
    for [$foreign, "another organization's group"], ['externalId:ext-1', 'an externalId in another case'], ['Sales',
        'the beginning of a name'], ['', 'nothing'];
refused(qr/More than one group .*\Q$_/, 'an externalId of two groups', 'group', 'show', $key, 'externalId:twice')
    for $east, $staff;
my $odd = group('externalId:odd');
is json('group', 'show', $key, 'externalId:odd')->{id}, $odd, 'a name may look like an externalId';
my $uuid = group('00000000-0000-4000-8000-000000000000');
is json('group', 'show', $key, '00000000-0000-4000-8000-000000000000')->{id}, $uuid, 'or like an id';

# members
like out('group', 'members', $key, 'Sales & Co'),
    qr/^USERNAME .*\nanna\@example\.com +Anna +USER +yes +\S+Z +\Q$account{anna}\E\ncleo\@example\.com .*\n\z/,
    'group members is a table by userName';
is_deeply [map { $_->{id} } @{ json('group', 'members', $key, $sales) }], [@account{qw(anna cleo)}], 'or JSON';
is_deeply [map { $_->{id} } @{ json('group', 'members', $key, $sales, '--count', 1) }], [$account{anna}], '--count';
is_deeply json('group', 'members', $key, $east), [], 'an empty group';
refused(qr/no group/, 'of an unknown group', 'group', 'members', $key, 'nope');
sql(q{INSERT INTO scim.account (organization_id, user_name, display_name) SELECT $1, 'many' || n || '@example.com',
    'Many ' || n FROM generate_series(1, 2500) n}, $other->{id});
sql(q{INSERT INTO scim.membership (organization_id, group_id, account_id) SELECT organization_id, $2,
    id FROM scim.account WHERE organization_id = $1 AND user_name LIKE 'many%'},
    $other->{id}, $foreign);
my @many = map { $_->{userName} } @{ json('group', 'members', $other->{key}, 'Sales & Co', '--count', 2400) };
is_deeply \@many, [(sort map { "many$_\@example.com" } 1 .. 2500)[0 .. 2399]],
    'many members are read page by page, each once';
is scalar(() = out('group', 'members', $other->{key}, 'Sales & Co', '--count', 10_000) =~ /^many/mg), 2500,
    'as a table as well';

# The groups of an account
like out('account', 'show', $key, 'anna@example.com'), qr/^group +All Staff \(indirect\)\ngroup +Sales & Co\n\z/m,
    'account show has the groups';
is_deeply [sort map { "$_->{type} $_->{display}" } @{ json('account', 'show', $key, 'anna@example.com')->{groups} }],
    ['direct Sales & Co', 'indirect All Staff'], 'in JSON as in SCIM';
unlike out('account', 'show', $key, 'bert@example.com'), qr/^group/m, 'of which there may be none';

# delete
refused(qr/no group/, 'deleting an unknown group', 'group', 'delete', $key, 'nope');
refused(qr/no group/, "deleting another organization's group", 'group', 'delete', $key, $foreign);
refused(qr/Nothing was done.*--yes/, 'deleting without asking', 'group', 'delete', $key, 'Sales & Co');
is out('group', 'delete', $key, 'Sales & Co', '--yes'), "Deleted: Sales & Co\n", 'group delete';
is_deeply [sql('SELECT count(*) FROM scim.membership WHERE organization_id = $1', $org->{id})], [[0]],
    'its memberships are gone';
is_deeply [sql('SELECT count(*) FROM scim.account WHERE organization_id = $1', $org->{id})], [[4]],
    'the accounts are not';
refused(qr/no group/, 'deleting it again', 'group', 'delete', $key, $sales);
my ($event) = @{ json('activity', 'list', $key) };
is_deeply [@$event{qw(kind resourceType resourceId displayName actorKind)}], ['urn:ietf:params:scim:event:prov:delete',
    'Group', $sales, 'Sales & Co', 'operator'], 'the deletion is an event of the operator';
like $event->{actor}, qr/^scimctl \(\w+\)$/, 'by name';
like out('activity', 'list', $key, '--account', $sales),
    qr/group Sales & Co +prov:delete +displayName, externalId, 3 members$/m,
    'activity shows it, with the number of its members';
my ($lost, $feed) = grep { ($_->{resourceId} // '') eq $sales } map { JSON::PP->new->decode($_) } split /\n/, out('--json',
    'events', $key);
is_deeply [@$feed{qw(kind resourceType displayName accountId)}, $feed->{data}{members}], [$event->{kind}, 'Group',
    'Sales & Co', undef, 3], 'and so does the feed';
is scalar @{ $lost->{data}{removed} }, 3, 'after an event with its members';

# Names that could do harm
sql(q{BEGIN; ALTER TABLE scim.user_group DISABLE TRIGGER USER; INSERT INTO scim.user_group (organization_id,
    display_name, display_name_key) VALUES ($1, $2, $2);
      ALTER TABLE scim.user_group ENABLE TRIGGER USER; COMMIT}, $org->{id}, "\x1b[31mred\x07");
group($_) for q{'; DROP TABLE scim.user_group; --}, 'מכירות';
for my $words (['group', 'list', $key], ['group', 'show', $key, "\x1b[31mred\x07"], ['--json', 'group', 'list', $key]) {
    unlike out(@$words), qr/[\x1b\x07]/, "control characters do not reach the terminal: @$words[0, 1]";
}
is json('group', 'show', $key, $_)->{displayName}, $_, "a group is called $_" for q{'; DROP TABLE scim.user_group; --},
    'מכירות';
done_testing;
