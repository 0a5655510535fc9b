# SPDX-License-Identifier: Apache-2.0
# scimctl undo: whatever a wrong mapping has done to accounts and groups is as before.
use strict;
use warnings;
use lib 't/lib';
use List::Util qw(sum0);
use Scim::Process;
use Scim::Test;

my $server = own_server();         # a client of it is killed
my $GROUP = 'urn:ietf:params:scim:schemas:core:2.0:Group';

sub scimctl {
    my (@arguments) = @_;
    my $done = Scim::Process::run([$server->scimctl(@arguments)]);
    return @$done{qw(status out err)};
}
# The lines of a run, and what it says at its end
sub undo {
    my ($of, @arguments) = @_;
    my ($status, $out, $err) = scimctl('--json', 'undo', $of->{key}, '--yes', @arguments);
    die "undo: $err" if $status;
    return map { JSON::PP::decode_json($_) } split /\n/, $out;
}
sub count { my (@lines) = @_; return { left => scalar(grep { $_->{left} } @lines), done => scalar(grep { !$_->{left} } @lines) } }
sub now { return (sql(q{SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')}))[0][0] }
# A time that no event before it has.
sub later { sql('SELECT pg_sleep(0.005)'); return now() }

sub bulk {
    my ($of, @operations) = @_;
    my @answers;
    while (my @some = splice @operations, 0, 100) {
        my $r = $of->post('/Bulk', { schemas => [BULK], Operations => \@some });
        die "bulk: $r->{content}" if $r->{status} != 200;
        push @answers, @{ $r->{json}{Operations} };
    }
    my @bad = grep { $_->{status} !~ /^2/ } @answers;
    die 'bulk: ' . JSON::PP::encode_json($bad[0]) if @bad;
    return map { $_->{location} =~ m{([^/]+)\z} ? $1 : () } grep { $_->{location} } @answers;
}
sub patch_op { my ($path, @ops) = @_; return { method => 'PATCH', path => $path, data => { schemas => [PATCHOP], Operations => [@ops] } } }
sub create_accounts {
    my ($of, $count) = @_;
    return bulk($of, map { { method => 'POST', path => '/Users', bulkId => "b$_", data => {
        schemas => [CORE, ENT], userName => "u$_-$of->{key}\@example.com", displayName => "User $_", active => TRUE, externalId => "x$_",
        roles => [{ value => 'USER', primary => TRUE }], name => { givenName => 'Taro', familyName => "Yamada $_" },
        emails => [{ value => "u$_\@example.com", type => 'work', primary => TRUE }],
        ENT() => { department => 'Sales', employeeNumber => "$_" } } } } 1 .. $count);
}
sub create_group {
    my ($of, $name, @members) = @_;
    my $r = $of->post('/Groups', { schemas => [$GROUP], displayName => $name, externalId => "g-$name", members => [map { { value => $_ } } @members] });
    die "group: $r->{content}" if $r->{status} != 201;
    return $r->{json}{id};
}
# All accounts and groups of an organization as SCIM shows them, without meta
sub state_of {
    my ($of) = @_;
    my %state;
    for my $type (qw(Users Groups)) {
        for (my ($start, $total) = (1, 1); $start <= $total; $start += 100) {
            my $json = $of->get("/$type?startIndex=$start&count=100")->{json};
            $total = $json->{totalResults};
            for my $resource (@{ $json->{Resources} }) {
                delete $resource->{meta};
                $resource->{$_} = [sort { $a->{value} cmp $b->{value} } @{ $resource->{$_} }] for grep { $resource->{$_} } qw(members groups);
                $state{"$type/$resource->{id}"} = $resource;
            }
        }
    }
    return \%state;
}
sub rows_of { my ($of) = @_; return { map { $_->[0] => "$_->[1] $_->[2] $_->[3] $_->[4]" } sql('SELECT id, managed, sync_eligible, provisioned_at IS NOT NULL, created_at FROM scim.account WHERE organization_id = $1', $of->{id}) } }
sub group_rows { my ($of) = @_; return [map { "$_->[0] $_->[1]" } sql('SELECT id, created_at FROM scim.user_group WHERE organization_id = $1 ORDER BY id', $of->{id})] }
sub differences {
    my ($before, $after) = @_;
    my $json = JSON::PP->new->canonical;
    return [grep { ($before->{$_} ? $json->encode($before->{$_}) : '') ne ($after->{$_} ? $json->encode($after->{$_}) : '') } sort keys %{ { %$before, %$after } }];
}
sub undoing_events { my ($of) = @_; return (sql(q{SELECT count(*) FROM scim.event WHERE organization_id = $1 AND data ? 'undoes'}, $of->{id}))[0][0] }

# 950 deactivations, 200 renames and 30 deletions, in any order, and groups
my $org = organization();
my @ids = create_accounts($org, 1000);
is scalar(@ids), 1000, 'a thousand accounts';
my $all = create_group($org, 'All', @ids);
my $inner = create_group($org, 'Inner', @ids[0 .. 9]);
my $outer = create_group($org, 'Outer', $inner, @ids[990 .. 999]);
my $gone = create_group($org, 'Gone', @ids[960 .. 999], $inner);
my $before = state_of($org);
my ($rows, $group_rows) = (rows_of($org), group_rows($org));
my $since = later();
bulk($org, map { patch_op("/Users/$_", { op => 'replace', path => 'active', value => FALSE }) } @ids[0 .. 949]);
bulk($org, map { patch_op("/Users/$ids[$_]", { op => 'replace', path => 'userName', value => "new$_-$org->{key}\@example.com" },
                          { op => 'replace', path => 'displayName', value => "New $_" }) } 800 .. 999);
bulk($org, patch_op("/Groups/$all", { op => 'remove', path => qq{members[value eq "$ids[970]"]} }),
     { method => 'DELETE', path => "/Groups/$inner" },
     patch_op("/Groups/$outer", { op => 'replace', path => 'displayName', value => 'Outside' }, { op => 'add', path => 'members', value => [{ value => $ids[5] }] }),
     (map { { method => 'DELETE', path => "/Users/$_" } } @ids[970 .. 999]),
     { method => 'DELETE', path => "/Groups/$gone" });
my $wrong = create_group($org, 'Gone', $ids[0]);
$org->create(userName => "u975-$org->{key}\@example.com", displayName => 'Created anew');
my $until = later();
isnt scalar(@{ differences($before, state_of($org)) }), 0, 'are different now';

my $events = event_count($org);
my @plan = undo($org, '--since', $since, '--actor', 'TEST', '--dry-run');
is_deeply count(@plan), { left => 0, done => 950 + 50 + 1 + 3 + 4 }, 'a dry run finds all accounts and groups, and the names that become free';
is event_count($org), $events, 'and changes nothing';
is_deeply [(grep { $_->{id} eq $ids[0] } @plan)[0]{set}, (grep { $_->{id} eq $ids[980] } @plan)[0]{action}], [{ active => TRUE }, 'create'], 'it says what would be set';
my ($status, $out, $err) = scimctl('undo', $org->{key}, '--since', $since, '--dry-run');
like $out, qr/^u3-\S+ +change +active true +-/m, 'in words, too';
like $err, qr/^Accounts and groups that would be as before: 1008\. Left as they are: 0\.$/m, 'with the numbers';

# Killed in the middle
my $client = Scim::Process->start([$server->scimctl('undo', $org->{key}, '--since', $since, '--until', $until, '--yes')], out => '/dev/null');
Scim::Process::until_true(30, sub { undoing_events($org) > 300 });
ok !$client->ended, 'the undoing is at work';
kill KILL => $client->{pid};
$client->wait;
my $part = undoing_events($org);
my @rest = undo($org, '--since', $since, '--until', $until);
cmp_ok scalar(@rest), '<', 1008, 'when it was killed, another run does the rest';
is_deeply count(@rest)->{left}, 0, 'and leaves nothing';
my $after = state_of($org);
is_deeply differences($before, $after), [], 'every account and every group is as before';
is_deeply rows_of($org), $rows, 'their labels and when they were created, too';
is_deeply group_rows($org), $group_rows, 'also of groups';
is_deeply [undo($org, '--since', $since, '--until', $until)], [], 'a third run finds nothing to do';
is_deeply [sql(q{SELECT s.sequence, count(*) FROM scim.event e CROSS JOIN LATERAL (SELECT DISTINCT jsonb_array_elements_text(e.data -> 'undoes') AS sequence) s
                 WHERE e.organization_id = $1 AND e.kind IN ('urn:ietf:params:scim:event:prov:patch:full', 'urn:ietf:params:scim:event:prov:create:full', 'urn:ietf:params:scim:event:prov:delete')
                   AND e.resource_id IS NULL GROUP BY 1 HAVING count(*) > 1}, $org->{id})], [], 'and no change was undone twice';
my @feed = map { JSON::PP::decode_json($_) } split /\n/, (scimctl('--json', 'events', $org->{key}))[1];
my %version;
is_deeply [grep { my $old = $version{ $_->{resourceId} // '' } // 0; $version{ $_->{resourceId} // '' } = $_->{version} // 0; ($_->{version} // 0) < $old } @feed], [],
    'in the feed, versions never go back';
cmp_ok scalar(grep { $_->{data}{undoes} } @feed), '>=', 1008, 'which has the events with what they undo';

done_testing;
