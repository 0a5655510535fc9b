# SPDX-License-Identifier: Apache-2.0
# scimctl org export and import under load, with many rows, and killed on the way.
# SCIM_TEST_ACCOUNTS=100000 for as many as a large organization has.
use strict;
use warnings;
use lib 't/lib';
use File::Temp ();
use Scim::Journal;
use Scim::Process;
use Scim::Test;
use Time::HiRes qw(time);

my $MANY = $ENV{SCIM_TEST_ACCOUNTS} || 20_000;
my $FEW = 2000;
my $here = own_server();           # it is under load
my $dir = File::Temp::tempdir('scim-there-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $there = Scim::Server->new(dir => $dir, initdb => ['--locale-provider=icu', '--icu-locale=en-US']);
$there->prepare_folders;
$there->start_database;
END { my $status = $?; $there->stop_database if $there; $? = $status }

sub sql_there {
    my ($statement) = @_;
    my $done = Scim::Process::run([$there->psql('-qAtX', '-F', "\t", '-v', 'ON_ERROR_STOP=1', '-c', $statement)]);
    die $done->{err} if $done->{status};
    return map { [split /\t/, $_, -1] } split /\n/, $done->{out};
}

# Runs scimctl on $server, from and to files; its exit status, seconds, and largest
# memory in kB.
sub measured {
    my ($server, $from, $to, @arguments) = @_;
    open my $in, '<', $from or die "$from: $!";
    my $begin = time;
    my $process = Scim::Process->start([$server->scimctl(@arguments)], in => $in, out => $to, err => "$dir/messages");
    my $peak = 0;
    local $_;
    # The last value, not the largest: the first ones are of this program's copy.
    Scim::Process::until_true(180, sub {
        if (open my $status, '<', "/proc/$process->{pid}/status") { /^VmHWM:\s+(\d+)/ and $peak = $1 while <$status> }
        return $process->ended;
    });
    return ($process->wait >> 8, time - $begin, $peak);
}

# An organization with so many accounts, each in a group of a hundred and with two events.
sub filled {
    my ($accounts, $versions) = @_;
    my $org = organization();
    sql(q{INSERT INTO scim.account (organization_id, user_name, display_name, attributes)
          SELECT $1, 'user' || n || '@example.com', 'User ' || n,
                 jsonb_build_object('title', repeat('x', 200), 'emails', jsonb_build_array(jsonb_build_object('value', 'mail' || n || '@example.com')))
          FROM generate_series(1, $2::int) n;
          INSERT INTO scim.user_group (organization_id, display_name) SELECT $1, 'Group ' || n FROM generate_series(1, $2::int / 100) n;
          INSERT INTO scim.membership (organization_id, group_id, account_id)
          SELECT $1, g.id, a.id
          FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM scim.account WHERE organization_id = $1) a
          JOIN (SELECT id, row_number() OVER (ORDER BY id) AS n FROM scim.user_group WHERE organization_id = $1) g ON g.n = a.n % ($2::int / 100) + 1;
          INSERT INTO scim.event (organization_id, account_id, kind, actor_kind, actor_name, version, data)
          SELECT $1, a.id, 'urn:ietf:params:scim:event:prov:patch:full', 'operator', 'test', v, jsonb_build_object('after', a.attributes)
          FROM scim.account a CROSS JOIN generate_series(1, $3::int) v WHERE a.organization_id = $1}, $org->{id}, $accounts, $versions);
    sql('ANALYZE scim.account, scim.event, scim.membership');
    return $org;
}
sub rows_there { my ($org) = @_; return map { (sql_there("SELECT count(*) FROM scim.$_ WHERE organization_id = '$org->{id}'"))[0][0] } qw(account user_group membership event) }
sub rows_here { my ($org) = @_; return map { (sql("SELECT count(*) FROM scim.$_ WHERE organization_id = \$1", $org->{id}))[0][0] } qw(account user_group membership event) }

# Memory and time
my ($few, $many) = map { filled($_, 2) } $FEW, $MANY;
my (%peak, %seconds);
for my $case ([few => $few], [many => $many]) {
    my ($name, $org) = @$case;
    ((my $status), $seconds{"export $name"}, $peak{"export $name"}) = measured($here, '/dev/null', "$dir/$name", 'org', 'export', $org->{key});
    is $status, 0, "export of $name";
    ($status, $seconds{"import $name"}, $peak{"import $name"}) = measured($there, "$dir/$name", '/dev/null', 'org', 'import');
    is $status, 0, "import of $name";
    my @expected = rows_here($org);
    $expected[3]++;                # the import is an event
    is_deeply [rows_there($org)], \@expected, 'all rows are there';
}
diag sprintf '%s: %.1f s, %d kB', $_, $seconds{$_}, $peak{$_} for sort keys %peak;
for my $way ('export', 'import') {
    cmp_ok $peak{"$way few"}, '>', 1000, "the memory of the $way was measured";
    cmp_ok $peak{"$way many"}, '<', 1.3 * $peak{"$way few"} + 4000, "$MANY accounts take as much memory as $FEW in an $way: " . join ' and ', map { "$_ kB" } @peak{ "$way few", "$way many" };
}

# Killed
sub killed_when {
    my ($from, $condition, @command) = @_;
    open my $in, '<', $from or die "$from: $!";
    my $process = Scim::Process->start(\@command, in => $in, out => '/dev/null');
    Scim::Process::until_true(60, $condition);
    ok !$process->ended, "org $command[4] is at work";
    kill KILL => $process->{pid};
    $process->wait;
}
my $busy = q{SELECT count(*) FROM pg_stat_activity WHERE application_name = 'scimctl' OR query LIKE '%import_rows%' AND pid <> pg_backend_pid()};
is +(measured($there, '/dev/null', '/dev/null', 'org', 'delete', $_, '--yes'))[0], 0, 'the organization there is deleted' for map { $_->{key} } $few, $many;
sql_there('DELETE FROM scim.event');
killed_when("$dir/many", sub { (sql_there($busy))[0][0] > 0 }, $there->scimctl('org', 'import'));
Scim::Process::until_true(60, sub { (sql_there($busy))[0][0] == 0 });
is_deeply [rows_there($many)], [0, 0, 0, 0], 'of an import that was killed nothing is there';
is +(measured($there, "$dir/many", '/dev/null', 'org', 'import'))[0], 0, 'and it can be done again';

my @all = rows_there($many);
killed_when('/dev/null', sub { (rows_there($many))[2] < $all[2] }, $there->scimctl('org', 'delete', $many->{key}, '--yes'));
is_deeply [sql_there("SELECT provisioning_enabled FROM scim.organization WHERE id = '$many->{id}'")], [['f']], 'a deletion that was killed leaves the organization, without provisioning';
is +(measured($there, '/dev/null', '/dev/null', 'org', 'delete', $many->{key}, '--yes'))[0], 0, 'and is completed by the same command';
is_deeply [rows_there($many)], [0, 0, 0, 1], 'one event of it remains';

# Under load
my $live = filled($FEW, 0);
my $journal = Scim::Journal->start($live, writers => 4);
my $group = $live->post('/Groups', { schemas => ['urn:ietf:params:scim:schemas:core:2.0:Group'], displayName => 'Busy' })->{json}{id};
my @ids = map { $_->[0] } sql('SELECT id FROM scim.account WHERE organization_id = $1 ORDER BY created_at, id LIMIT 20', $live->{id});
my $members = Scim::Process->start(sub {
    my $going = 1;
    local $SIG{TERM} = sub { $going = 0 };
    while ($going) {
        for my $op ('add', 'remove') {
            $live->patch("/Groups/$group", { schemas => [PATCHOP], Operations => [map { { op => $op, $op eq 'add' ? (path => 'members', value => [{ value => $_ }]) : (path => "members[value eq \"$_\"]") } } @ids] });
        }
    }
});
for my $round (1 .. 3) {
    $journal->wait_for(50);
    unlink "$dir/busy";
    is +(measured($here, '/dev/null', "$dir/busy", 'org', 'export', $live->{key}))[0], 0, "export $round under load";
    is +(measured($there, "$dir/busy", '/dev/null', 'org', 'import'))[0], 0, 'import of it';
    is_deeply [sql_there(q{SELECT a.id FROM scim.account a JOIN scim.event e ON (e.organization_id, e.account_id) = (a.organization_id, a.id)
                           WHERE e.actor_kind = 'token' GROUP BY a.organization_id, a.id HAVING max(e.version) <> a.version})], [],
        'each account has the version of its last event';
    is_deeply [sql_there(q{SELECT e.account_id FROM scim.event e LEFT JOIN scim.account a ON (e.organization_id, e.account_id) = (a.organization_id, a.id)
                           WHERE e.account_id IS NOT NULL GROUP BY 1 HAVING bool_or(a.id IS NULL) <> bool_or(e.kind LIKE '%:delete')})], [],
        'each account that was not deleted is there, and no other';
    my ($added) = sql_there(qq{SELECT coalesce(sum(jsonb_array_length(coalesce(data -> 'added', '[]')) - jsonb_array_length(coalesce(data -> 'removed', '[]'))), 0)
                               FROM scim.event WHERE resource_id = '$group'});
    is_deeply [sql_there("SELECT count(*) FROM scim.membership WHERE group_id = '$group'")], [$added], 'the group has the members that its events say';
    is_deeply [sql_there("SELECT version FROM scim.user_group WHERE id = '$group'")], [sql_there("SELECT max(version) FROM scim.event WHERE resource_id = '$group'")], 'and their version';
    is +(measured($there, '/dev/null', '/dev/null', 'org', 'delete', $live->{key}, '--yes'))[0], 0, 'it is deleted there';
}
kill TERM => $members->{pid};
$members->wait;
is_deeply $journal->stop->audit($here, others => 1)->faults, {}, 'meanwhile every request was answered as it should be';

done_testing;
