# SPDX-License-Identifier: Apache-2.0
# The tables of groups, and httpd's statements on them: what a change does and
# writes, who waits for whom, and that its cost goes by what is different.
use strict;
use warnings;
use lib 't/lib';
use List::Util qw(min);
use Scim::Process;
use Scim::Test;
use Time::HiRes qw(time);

my $server = own_server();      # 50,000 members, and locks that are looked at
my ($org, $other) = (organization(), organization());
my ($CREATE, $PATCH, $PUT, $DELETE) = map { "urn:ietf:params:scim:event:prov:$_" }
    qw(create:full patch:full put:full delete);

my $prepared = Scim::Process::run(['awk', '-v', 'to=psql', '-f', 'storage/statements.awk', 'storage/statements.sql']);
my $PREPARE = join "\n", 'SET search_path = pg_catalog, pg_temp;',
    $prepared->{out} =~ /^(PREPARE "(?:GROUP|ACCOUNT)_.*;)$/mg;

sub literal { my ($value) = @_; return defined $value ? "'" . $value =~ s/'/''/gr . "'" : 'NULL' }
sub list { return '{' . join(',', @_) . '}' }
sub statement { my ($name, @values) = @_; return "EXECUTE \"$name\"(" . join(', ', map { literal($_) } @values) . ')' }

# httpd's statements, with what differs from a change that changes nothing.
sub actor { my ($of) = @_; return ('token', $of->{token_id}, 'test') }
sub change {
    my ($group, %change) = (@_);
    my $of = $change{of} // $org;
    return statement('GROUP_CHANGE', $of->{id}, $group, @change{qw(expected name external)},
        $change{keep} // 'true', list(@{ $change{add} // [] }), list(@{ $change{remove} // [] }),
        $change{kind} // $PATCH, actor($of), undef);
}
sub replace { my ($group, @members) = @_; return change($group, keep => 'false', add => \@members, kind => $PUT) }
sub create {
    my ($name, @members) = @_;
    return statement('GROUP_CREATE', $org->{id}, $name, undef, list(@members), $CREATE, actor($org), undef);
}
sub delete_group {
    my ($group, $expected) = @_;
    return statement('GROUP_DELETE', $org->{id}, $group, $expected, $DELETE, actor($org), undef);
}
sub delete_account {
    my ($id) = @_;
    return statement('ACCOUNT_DELETE', $org->{id}, $id, 1, '{x}', actor($org), '{}', '{}', undef);
}

# A row of GROUP_CHANGE in short: was it the expected version, and the version.
# Whether it was changed, the last column, shows in the version.  Anything else as
# it is.
sub short {
    my ($line) = @_;
    return $line =~ /\A\S{36}\t(\d+)\t[^\n]*\t([tf])\t[tf]\z/ ? "$2 $1" : $line;
}

# What PostgreSQL says to a statement, and how it refuses it.
sub said {
    my ($statement, $role) = @_;
    my @command = $server->psql('-U', $role // 'scim', '-qAtX', '-F', "\t", '-v', 'ON_ERROR_STOP=1',
        '-v', 'VERBOSITY=verbose', '-f', '-');
    my $done = Scim::Process::run(\@command, input => "$PREPARE\n$statement;\n");
    my ($state, $message) = $done->{err} =~ /ERROR:  (\w{5}): (.*)/;
    my ($detail) = $done->{err} =~ /DETAIL:  (.*)/;
    my %refused = (state => $state, message => $message, detail => $detail);
    return { answer => short($done->{out} =~ s/\n\z//r), map { $_ => $refused{$_} // '' } keys %refused };
}
sub answer_is {
    my ($statement, $answer, $name) = @_;
    my $said = said($statement);
    return is($said->{answer}, $answer, $name) || diag $said->{message};
}
sub is_refused { my ($statement, $state, $name, $role) = @_; return is said($statement, $role)->{state}, $state, $name }

sub ids {
    my ($count, $of) = @_;
    my $insert = q{INSERT INTO scim.account (organization_id, user_name, display_name)
                   SELECT $1, $2 || n || '@example.com', 'Member ' || n FROM generate_series(1, $3::int) n
                   RETURNING id};
    return map { $_->[0] } sql($insert, ($of // $org)->{id}, random_name(), $count);
}
sub group {
    my (@members) = @_;
    my ($id) = said(create(random_name(), @members))->{answer} =~ /\A(\S{36})\t/ or die "no group\n";
    return $id;
}
sub members {
    my ($group) = @_;
    my $query = q{SELECT account_id FROM scim.membership WHERE group_id = $1
                  UNION ALL SELECT child_id FROM scim.subgroup WHERE group_id = $1 ORDER BY 1};
    return [map { $_->[0] } sql($query, $group)];
}
sub version { my ($group) = @_; return (sql('SELECT version FROM scim.user_group WHERE id = $1', $group))[0][0] }
sub events {
    my ($group) = @_;
    my $query = q{SELECT kind, version, array_to_string(attributes, ' '), data FROM scim.event
                  WHERE resource_type = 'Group' AND resource_id = $1 AND account_id IS NULL ORDER BY sequence};
    return map { { kind => $_->[0] =~ s/.*:prov://r, version => $_->[1], attributes => $_->[2],
                   data => JSON::PP::decode_json($_->[3]) } } sql($query, $group);
}
sub last_event { return (events(@_))[-1] }

# Creation
my @people = sort(ids(6));
my ($stranger) = ids(1, $other);
my ($group) = split /\t/, said(create('Sales', @people[0, 1]))->{answer};
is_deeply members($group), [@people[0, 1]], 'a group is created with its members';
is_deeply [events($group)], [{ kind => 'create:full', version => 1, attributes => 'displayName members',
    data => { before => {}, after => { displayName => 'Sales' }, added => [@people[0, 1]] } }], 'with one event';
is version($group), 1, 'in version 1';
answer_is(create('SALES', $people[0]), '', 'a name that is taken, in any case, is no row');
is scalar(events($group)), 1, 'and no event';
my $refused = said(create('Nobody', $stranger, @people));
is_deeply [@$refused{qw(state detail)}], ['SC005', "'$stranger'"], 'an account of another organization is unknown';
is_deeply [sql(q{SELECT id FROM scim.user_group WHERE display_name = 'Nobody'})], [], 'and nothing is created';

# Changes
answer_is(change($group, add => [@people[1, 2]]), 't 2', 'a member is added; another one is there already');
is_deeply last_event($group), { kind => 'patch:full', version => 2, attributes => 'members',
    data => { added => [$people[2]] } }, 'the event has what is really different';
answer_is(change($group, add => [@people[2, 2]], remove => [$people[5], $stranger]), 't 2',
    'adding who is there and removing who is not changes nothing');
is scalar(events($group)), 2, 'and is no event';
my @attributes = (name => 'Sales West', external => 'w1');
answer_is(change($group, add => [$people[3]], remove => [$people[0]], @attributes), 't 3',
    'everything at once is one version');
is_deeply last_event($group), { kind => 'patch:full', version => 3, attributes => 'displayName externalId members',
    data => { before => { displayName => 'Sales' },
              after => { displayName => 'Sales West', externalId => 'w1' },
              added => [$people[3]], removed => [$people[0]] } }, 'and one event';
answer_is(change($group, @attributes), 't 3', 'the same again is none');
answer_is(change($group, name => 'SALES WEST', external => ''), 't 4',
    'a name may change in case alone, an externalId go');
is_deeply last_event($group)->{data}, { before => { displayName => 'Sales West', externalId => 'w1' },
    after => { displayName => 'SALES WEST' } }, 'which is an event';
answer_is(replace($group, @people[2, 3]), 't 5', 'all members are replaced by some of them');
answer_is(replace($group, @people[2, 5]), 't 6', 'and by one of them and somebody else');
is_deeply members($group), [@people[2, 5]], 'then there are these';
is_deeply last_event($group), { kind => 'put:full', version => 6, attributes => 'members',
    data => { added => [$people[5]], removed => [$people[3]] } }, 'the event has the difference';
answer_is(replace($group), 't 7', 'nobody is left');
answer_is(change($group, expected => 6, add => [@people]), 'f 7', 'on condition of another version nothing is done');
answer_is(change($group, expected => 7, add => [@people]), 't 8', 'on condition of this one it is');
answer_is(change($org->{id}), '', 'a group that is not there is no row');
answer_is(change($group, of => $other), '', 'nor is one of another organization');
my @unknown = sort map { $_->[0] } sql('SELECT gen_random_uuid() FROM generate_series(1, 12)');
$refused = said(change($group, add => [@people, @unknown], remove => [$people[0]], name => 'Never'));
is_deeply [@$refused{qw(state detail)}], ['SC005', join(', ', map { "'$_'" } @unknown[0 .. 9]) . ' and 2 more'],
    'unknown members are refused, the first ten are named';
like $refused->{message}, qr/^12 id\(s\)/, 'and all counted';
is_deeply [version($group), scalar @{ members($group) }], [8, 6], 'nothing was done';
my $rival = group();
is_refused(change($rival, name => 'sales west'), '23505', 'a name that is taken is refused');

# Nested groups
my ($upper, $middle, $lower) = map { group() } 1 .. 3;
answer_is(change($upper, add => [$middle, $people[0]]), 't 2', 'a group is a member beside an account');
is_deeply members($upper), [sort $middle, $people[0]], 'of the same list';
answer_is(change($middle, add => [$lower]), 't 2', 'a group in a group in a group');
for my $case ([$lower, $upper, 'a circle of three'], [$middle, $upper, 'of two'], [$lower, $lower, 'of one']) {
    my ($parent, $child, $name) = @$case;
    is_refused(change($parent, add => [$child]), 'SC006', "$name is refused");
}
is_deeply [version($lower), members($lower)], [1, []], 'which changes nothing';
is_refused("INSERT INTO scim.subgroup SELECT '$org->{id}', g, c"
    . " FROM (VALUES ('$lower'::uuid, '$rival'::uuid), ('$rival', '$upper')) e(g, c)", 'SC006',
    'nor can one statement make a circle of several edges');
answer_is(replace($upper, $people[0]), 't 3', 'a nested group is removed like an account');
answer_is(change($lower, add => [$upper]), 't 2', 'and then it may be the other way round');
my @chain = map { group() } 1 .. 12;
answer_is(change($chain[$_], add => [$chain[$_ + 1]]), 't 2', "group @{[$_ + 2]} in group @{[$_ + 1]}")
    for 0 .. 8;
is_refused(change($chain[9], add => [$chain[10]]), 'SC006',
    'more than ten that contain one another are refused, at the end');
is_refused(change($chain[10], add => [$chain[0]]), 'SC006', 'at the beginning');
answer_is(change($chain[10], add => [$chain[11]]), 't 2', 'a chain of its own');
is_refused(change($chain[8], add => [$chain[10]]), 'SC006', 'and in the middle');
is_refused('BEGIN ISOLATION LEVEL REPEATABLE READ;'
    . " INSERT INTO scim.subgroup VALUES ('$org->{id}', '$rival', '$lower')", '0A000',
    'a transaction that would not see the other half of a circle adds none');

# Reading
sub members_as_text {
    my ($of, $group, $base, $most) = @_;
    my $parts = list('value', '$ref', 'type', 'display');
    return said(statement('GROUP_MEMBERS', $of->{id}, list($group), $most // 100_000, $parts, $base))->{answer};
}
sub members_as_json {
    my $json = members_as_text(@_);
    return $json ? JSON::PP::decode_json($json) : $json;
}
my $name = (sql('SELECT display_name FROM scim.user_group WHERE id = $1', $upper))[0][0];
is_deeply members_as_json($org, $lower, 'https://example.com/"'),
    [{ value => $upper, '$ref' => "https://example.com/\"/Groups/$upper", type => 'Group', display => $name }],
    'a group as a member, in JSON';
said(change($upper, add => [$people[1]]));
sql(q{UPDATE scim.account SET display_name = 'Say "hi" \\' WHERE id = $1}, $people[0]);
sql(q{UPDATE scim.account SET display_name = NULL, user_name = 'named@example.com' WHERE id = $1}, $people[1]);
is_deeply members_as_json($org, $upper, 'https://example.com'),
    [{ value => $people[0], '$ref' => "https://example.com/Users/$people[0]", type => 'User',
       display => 'Say "hi" \\' },
     { value => $people[1], '$ref' => "https://example.com/Users/$people[1]", type => 'User',
       display => 'named@example.com' }], 'accounts by displayName, else by userName';
is_deeply members_as_json($org, $upper, 'x', 2), members_as_json($org, $upper, 'x'), 'as many as are allowed';
is members_as_json($org, $upper, 'x', 1), '', 'more are no row';
is_deeply members_as_json($org, $rival, 'x'), [], 'nobody';
is_deeply members_as_json($other, $upper, 'x'), [], 'and nobody of another organization';
sub groups_of {
    my ($account) = @_;
    return { map { @$_ } sql('SELECT value, type FROM scim.groups_of($1, $2)', $org->{id}, $account) };
}
is_deeply groups_of($people[0]),
    { $group => 'direct', $upper => 'direct', $lower => 'indirect', $middle => 'indirect' },
    'groups of an account: direct ones, and those that contain them';
said(change($chain[9], add => [$people[5]]));
is_deeply groups_of($people[5]), { $group => 'direct', $chain[9] => 'direct', map { $chain[$_] => 'indirect' } 0 .. 8 },
    'up to ten levels';
like said(statement('GROUP_BY_ID', $org->{id}, $group))->{answer},
    qr/^$group\t8\t\d{4}-\S+Z\t\d{4}-\S+Z\tSALES WEST\t$/, 'a group by its id';

# Deletion
said(change($rival, name => 'Rivals', add => [$people[0], $lower]));
answer_is(delete_group($rival, 1), 'f', 'a group is not deleted on condition of another version');
my $created = (sql(q{SELECT to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') FROM scim.user_group WHERE id = $1}, $rival))[0][0];
my @parents = map { $_->[0] } sql('SELECT group_id FROM scim.subgroup WHERE child_id = $1', $rival);
answer_is(delete_group($rival, 2), 't', 'on condition of this one it is');
is_deeply last_event($rival), { kind => 'delete', version => 2, attributes => 'displayName',
    data => { before => { displayName => 'Rivals' }, after => {}, members => 2, groups => \@parents, created => $created } },
    'and the event tells how many members it had, and what it takes to bring it back';
is_deeply [sql(q{SELECT version, attributes, data FROM scim.event WHERE resource_id = $1 AND data ? 'deletion'}, $rival)],
    [[2, '{members}', sprintf '{"removed": ["%s", "%s"], "deletion": true}', sort $people[0], $lower]], 'before it, one has the members';
answer_is(delete_group($rival), '', 'one that is gone is no row');

# Versions, whoever writes
sub counts {
    my ($name, $of, $by, @statements) = @_;
    my ($before, $said) = (version($of), said(join('; ', @statements), 'scim_owner'));
    is $said->{message}, '', $name;
    return is version($of) - $before, $by, 'the version counts it';
}
my $own = "organization_id = '$org->{id}' AND group_id = '$group'";
my $two = "account_id IN ('$people[1]', '$people[2]')";
my $add = 'INSERT INTO scim.membership (organization_id, group_id, account_id) VALUES'
    . " ('$org->{id}', '$group', '$people[1]'), ('$org->{id}', '$group', '$people[2]')";
my $nest = 'INSERT INTO scim.subgroup (organization_id, group_id, child_id)'
    . " VALUES ('$org->{id}', '$group', '$chain[11]')";
my $updated = (sql('SELECT updated_at FROM scim.user_group WHERE id = $1', $group))[0][0];
counts('a hand-written DELETE of members', $group, 1, "DELETE FROM scim.membership WHERE $own AND $two");
isnt +(sql('SELECT updated_at FROM scim.user_group WHERE id = $1', $group))[0][0], $updated, 'so does the time';
counts('a hand-written INSERT', $group, 1, $add);
counts('several in one transaction', $group, 1, 'BEGIN', "DELETE FROM scim.membership WHERE $own AND $two", $add,
    "DELETE FROM scim.membership WHERE $own AND $two", $nest, 'COMMIT');
counts('a statement that finds nothing', $group, 0, "DELETE FROM scim.membership WHERE $own AND $two");
counts('a nested group that is deleted', $group, 1, "DELETE FROM scim.user_group WHERE id = '$chain[11]'");
counts('a hand-written rename', $group, 1,
    "UPDATE scim.user_group SET display_name = 'By Hand', display_name_key = 'x', version = 99 WHERE id = '$group'");
is +(sql('SELECT display_name_key FROM scim.user_group WHERE id = $1', $group))[0][0], 'by hand', 'and the key is right';
counts('an account that is deleted', $group, 1, "DELETE FROM scim.account WHERE id = '$people[3]'");
is_deeply [grep { $_ eq $people[3] } @{ members($group) }], [], 'which is no member any more';
is last_event($group)->{version}, 8, 'and has no event of the group';
my $before = version($group);
is $org->delete("/Users/$people[4]")->{status}, 204, 'an account is deleted by SCIM';
is version($group) - $before, 1, 'which the group counts, too';
for my $wrong (["display_name = ' '", 'blank'], [q{display_name = E'a\u200bb'}, 'with invisible characters'],
               ["display_name = repeat('x', 513)", 'too long'], ["external_id = ''", 'empty']) {
    is_refused("UPDATE scim.user_group SET $wrong->[0] WHERE id = '$group'", '23514',
        "$wrong->[1] is refused: $wrong->[0]", 'scim_owner');
}

is_refused("UPDATE scim.$_->[0] SET $_->[1] = gen_random_uuid() WHERE id = '$_->[2]'", '23503', "$_->[0].$_->[1] is kept", 'scim_owner')
    for ['user_group', 'id', $group], ['user_group', 'organization_id', $group],
        ['account', 'id', $people[1]], ['account', 'organization_id', $people[1]];
my $insert = 'INSERT INTO scim.membership (organization_id, group_id, account_id) VALUES';
is_refused("$insert ('$other->{id}', '$group', '$stranger')", '23503', 'a membership is in a group of its organization', 'scim_owner');
is_refused("$insert ('$org->{id}', '$group', '$people[1]'), ('$org->{id}', '$group', '$stranger')", 'SC005',
    'and of an account of its organization', 'scim_owner');
is_refused("UPDATE scim.membership SET account_id = '$stranger' WHERE account_id = '$people[0]'", 'SC005',
    'nor does a change make one of another', 'scim_owner');
is_refused("UPDATE scim.membership SET group_id = gen_random_uuid() WHERE group_id = '$group'", '23503', 'or of no group', 'scim_owner');
like said("BEGIN; TRUNCATE scim.$_ CASCADE; SELECT count(*) FROM scim.membership; ROLLBACK", 'scim_owner')->{answer}, qr/^0$/m,
    "memberships go with all rows of scim.$_" for 'account', 'user_group';
my ($near, $far) = map { group(@people[0 .. 2]) } 1 .. 2;
sub are_left { my ($groups, $name) = @_; return is_deeply [map { members($_) } $near, $far], $groups, $name }
counts('accounts that a hand-written statement deletes', $near, 1, "DELETE FROM scim.account WHERE id IN ('$people[2]', '$people[3]')");
are_left([([@people[0, 1]]) x 2], 'take their memberships along');
is_refused("BEGIN ISOLATION LEVEL $_; DELETE FROM scim.account WHERE id = '$people[1]'", '0A000',
    "which may not be seen in a $_ transaction", 'scim_owner') for 'REPEATABLE READ', 'SERIALIZABLE';
said("DELETE FROM scim.user_group WHERE id IN ('$near', '$far')", 'scim_owner');
are_left([[], []], 'groups that it deletes, too');

# Revocation
sql(q{UPDATE scim.organization SET provisioning_enabled = false WHERE id = $1}, $org->{id});
$before = version($group);
is_refused(change($group, add => [$people[5]], name => 'Off'), 'SC004',
    'while provisioning is off, no group is changed');
is_refused(create('Off'), 'SC004', 'none made');
is_refused(delete_group($group), 'SC004', 'none deleted');
is version($group), $before, 'and nothing is left of it';
sql(q{UPDATE scim.organization SET provisioning_enabled = true WHERE id = $1}, $org->{id});

# Sessions that are open side by side: what one is told, and the first line of what
# it answers.
sub session {
    my $process = Scim::Process->start([$server->psql('-U', 'scim', '-qAtX', '-F', "\t")],
        in => 'pipe', out => 'pipe', err => 'out');
    my $session = { process => $process };
    $session->{pid} = ask($session, "$PREPARE SELECT pg_backend_pid()");
    return $session;
}
sub say { my ($session, $statement) = @_; return $session->{process}->say("$statement; SELECT 'over';") }
sub answer {
    my ($session) = @_;
    my @lines;
    push @lines, $session->{process}->line(60) while !@lines || $lines[-1] ne 'over';
    return short($lines[0]);
}
sub ask { my ($session, $statement) = @_; say($session, $statement); return answer($session) }
sub waits {
    my ($session) = @_;
    my $query = q{SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND wait_event_type = 'Lock'};
    return Scim::Process::until_true(20, sub { (sql($query, $session->{pid}))[0][0] });
}

# One session has made a change and not committed, another waits for it.
my ($early, $late) = (session(), session());
sub race {
    my ($first, $second) = @_;
    ask($early, "BEGIN; $first");
    say($late, $second);
    ok waits($late), 'the second waits';
    ask($early, 'COMMIT');
    return answer($late);
}
my @crew = sort(ids(50));
my $team = group($crew[0]);
is race(change($team, add => [$crew[1]]), replace($team, $crew[2])), 't 3',
    'a replacement that waited for an addition replaces it as well';
is_deeply members($team), [$crew[2]], 'nobody survives it';
is race(replace($team, $crew[3]), change($team, add => [$crew[2]])), 't 5',
    'an addition that waited for a replacement is made after it';
is_deeply members($team), [@crew[2, 3]], 'and both are there';
is race(change($team, add => [$crew[4]]), change($team, remove => [$crew[4]])), 't 7',
    'a removal that waited for the addition removes it';
is race(change($team, name => random_name()), change($team, expected => 7, add => [$crew[4]])), 'f 8',
    'a condition is looked at after the wait';
is race(delete_group($team), change($team, add => [$crew[4]])), 'over', 'a group that was deleted meanwhile is no row';
my ($outer, $inner) = map { group() } 1 .. 2;
like race(change($outer, add => [$inner]), change($inner, add => [$outer])),
    qr/^ERROR:  group \S+ would contain itself/, 'of two halves of a circle the second is refused';
is_deeply [members($outer), members($inner)], [[$inner], []], 'one half is there';
ask($early, 'BEGIN; ' . change($inner, add => [$crew[0]]));
is ask($late, change(group(), add => [$inner])), 't 2', 'a group that is being changed becomes a member of another one at once';
ask($early, 'ROLLBACK');
my ($leaver, $stayer) = ids(2);
my $place = group($leaver);
like race(delete_account($leaver), change($outer, add => [$leaver, $stayer])), qr/^ERROR:  1 id\(s\) are of no account/,
    'an account that is being deleted is waited for, then unknown';
is race(change($outer, add => [$leaver = (ids(1))[0]]), "DELETE FROM scim.account WHERE id = '$leaver'"), 'over',
    'the deletion of an account waits for one that makes it a member';
is_deeply [grep { $_ eq $leaver } @{ members($outer) }], [], 'and ends the membership';
my $doomed = group($stayer);
my $by_hand = "INSERT INTO scim.membership VALUES ('$org->{id}', '$doomed', '$crew[0]')";
like race(delete_group($doomed), $by_hand), qr/^ERROR:  group \S+ is not in organization/,
    'a hand-written membership waits for the deletion of its group, and is refused';
$doomed = group($stayer);
ask($late, 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM scim.user_group');
ask($early, change($doomed, add => [$crew[0]]));
like ask($late, "DELETE FROM scim.user_group WHERE id = '$doomed'; ROLLBACK"), qr/^ERROR:  could not serialize/,
    'a transaction that does not see a member does not delete its group';
is race(change($place, add => [$stayer]), delete_group($place)), 't', 'a deletion waits';
is last_event($place)->{data}{members}, 1, 'and counts the members that it has waited for';

# Many at once: each is let go when all are ready.
sub together {
    my @statements = @_;
    my @sessions = map { session() } @statements;
    ask($early, 'BEGIN; SELECT pg_advisory_xact_lock(42)');
    say($sessions[$_], "DO 'BEGIN PERFORM pg_advisory_lock_shared(42); END'; $statements[$_]")
        for 0 .. $#statements;
    waits($_) for @sessions;
    ask($early, 'COMMIT');
    my @said = map { answer($_) } @sessions;
    $_->{process}->stop for @sessions;
    return @said;
}
$team = group();
is_deeply [grep { !/^t / } together(map { change($team, add => [$_]) } @crew[0 .. 39])], [],
    '40 sessions add a member each';
is_deeply members($team), [@crew[0 .. 39]], 'all are kept';
is_deeply [version($team), map { $_->{version} } events($team)], [41, 1 .. 41],
    'with a version and an event each, in their order';
is_deeply [grep { !/^t / } together(map { change($team, remove => [$_]) } @crew[0 .. 39])], [],
    '40 remove one each';
is_deeply members($team), [], 'all are gone';
my @leavers = ids(20);
my @groups = map { group(@leavers) } 1 .. 3;
my @answers = together(map { (delete_account($_), change($groups[0], remove => [$_]),
                              replace($groups[1], @crew)) } @leavers);
is_deeply [grep { !/^(?:t \d|\S{36}\z)/ } @answers], [],
    'accounts are deleted while their groups are changed, and nobody waits in a circle';
my $left = (sql('SELECT count(*) FROM scim.account WHERE id = ANY ($1::uuid[])', list(@leavers)))[0][0];
is_deeply [$left, map { members($_) } @groups], [0, [], [@crew], []], 'they are gone from all groups';

# Size
my $SIZE = 50_000;
my @many = ids($SIZE);
my $whole = group();
sub is_soon {
    my ($limit, $code, $name) = @_;
    my $start = time;
    my $result = $code->();
    note sprintf '%s: %.2f s', $name, time - $start;
    cmp_ok time - $start, '<', $limit, "$name: soon";
    return $result;
}
is is_soon(30, sub { said(replace($whole, @many))->{answer} }, 'put'), 't 2', "$SIZE members are put";
my (undef, @pieces) = events($whole);
is_deeply [map { $_->{version} . ' ' . @{ $_->{data}{added} } } @pieces], [('2 1000') x 50], 'in events of a thousand';
is_deeply [sort map { @{ $_->{data}{added} } } @pieces], [sort @many], 'with each of them once';
my $again = 'BEGIN; ' . replace($whole, reverse @many) . '; SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)'
    . " FROM pg_stat_xact_user_tables WHERE schemaname = 'scim'; COMMIT";
like is_soon(10, sub { said($again)->{answer} }, 'put again'), qr/\tt\tf\n0\z/,
    'put again they are as they were, and no row is written';
is version($whole), 2, 'nor a version';
my @fresh = ids(50);
is is_soon(10, sub { said(replace($whole, @many[50 .. $#many], @fresh))->{answer} }, 'changed'), 't 3',
    'put with a hundred changes';
my $hundred = last_event($whole)->{data};
is_deeply [scalar(events($whole)), @$hundred{qw(added removed)}], [52, [sort @fresh], [sort @many[0 .. 49]]],
    'they are one event';
my $text = is_soon(10, sub { members_as_text($org, $whole, 'https://example.com/scim/acme/v2') }, 'read');
is scalar @{ JSON::PP::decode_json($text) }, $SIZE, 'all are read';

# By whatever plan, and however many the group has, what is given is looked up.
sql('ANALYZE');
my $few = group(@crew[0 .. 9]);
my $session = session();
sub time_of_changes {
    my ($of) = @_;
    my $start = time;
    ask($session, change($of, @$_)) for map { ([add => [$crew[40]]], [remove => [$crew[40]]]) } 1 .. 50;
    return time - $start;
}
my ($slow, $fast) = (9, 9);
for (1 .. 4) {
    $slow = min($slow, time_of_changes($whole));
    $fast = min($fast, time_of_changes($few));
}
note sprintf '100 changes of one member: %.0f ms among ten, %.0f ms among %d', $fast * 1000, $slow * 1000, $SIZE;
cmp_ok $slow, '<', 2 * $fast, 'adding one to 50,000 costs what adding one to ten does';
for my $time (1 .. 8) {
    is is_soon(10, sub { ask($session, replace($whole, @many[50 .. $#many], @fresh)) }, "replaced, time $time"),
        't 403', "and by the session's plans";
}
is said("DELETE FROM scim.user_group WHERE id = '$whole'")->{message}, '', 'the group is deleted';
is_deeply members($whole), [], 'with all its members';
$_->{process}->stop for $early, $late, $session;
done_testing;
