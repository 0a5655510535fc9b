# SPDX-License-Identifier: Apache-2.0
# scimctl event purge: old events are deleted, never what a relay has still to send, and
# no reader misses or repeats anything because of it.
use strict;
use warnings;
use lib 't/lib';
use Scim::Journal;
use Scim::Process;
use Scim::Test;

my $server = own_server();         # it is restarted
my ($org, $other) = (organization(), organization());

sub scimctl {
    my $done = Scim::Process::run([$server->scimctl(@_)]);
    return @$done{qw(status out err)};
}
sub purge {
    my (@arguments) = @_;
    my ($status, $out, $err) = scimctl('--json', 'event', 'purge', @arguments);
    die "$err" if $status || $err;
    return JSON::PP::decode_json($out);
}
sub deleted { return purge(@_)->{deleted} }
sub refused {
    my ($message, $name, @arguments) = @_;
    my ($status, $out, $err) = scimctl('event', 'purge', @arguments);
    is $status, 1, "$name: exit status 1";
    return like $err, $message, $name;
}
sub events { my ($of) = @_; return map { $_->[0] } sql('SELECT sequence FROM scim.event WHERE organization_id = $1 ORDER BY transaction_id, sequence', $of->{id}) }
# Events of so many days ago, each in a transaction of its own.
sub happened {
    my ($of, $count, $days) = @_;
    my $before = (sql('SELECT coalesce(max(sequence), 0) FROM scim.event'))[0][0];
    $of->{user} //= $of->create;
    $of->patch_ops($of->{user}{id}, { op => 'replace', path => 'title', value => random_name() }) for 1 .. $count;
    sql(q{UPDATE scim.event SET occurred_at = now() - $3::int * interval '1 day' WHERE organization_id = $1 AND sequence > $2}, $of->{id}, $before, $days);
    return;
}
sub read_after { my (@of) = @_; return map { JSON::PP::decode_json($_) } split /\n/, (scimctl('--json', 'events', @of))[1] }

# Ages
happened($org, 5, 400);
happened($other, 5, 400);
happened($org, 5, 100);
happened($org, 5, 1);
my @all = events($org);
refused(qr/--older-than must be a number of days from 1 to 36500, or a day or a time in the past/, "--older-than $_", '--older-than', $_)
    for '0', '-1', '36501', 'x', '', '2999-01-01', '2020-13-01', '30d';
refused(qr/no organization/, 'an unknown organization', 'nobody', '--older-than', '30');
is deleted('--older-than', '1000'), 0, 'nothing is as old as that';
is_deeply [events($org)], \@all, 'and nothing is deleted';
is deleted($org->{key}, '--older-than', '200', '--dry-run'), 6, '--dry-run counts';
is_deeply [events($org)], \@all, 'and deletes nothing';
is deleted($org->{key}, '--older-than', '200'), 6, 'events of one organization';
is_deeply [events($org)], [@all[6 .. $#all]], 'the oldest are gone';
is scalar(events($other)), 6, 'those of another organization stay';
my $day = (sql(q{SELECT to_char(now() - interval '50 days', 'YYYY-MM-DD')}))[0][0];
like +(scimctl('event', 'purge', '--older-than', $day))[1], qr/^10 event\(s\) from before ${day}T00:00:00Z deleted\.$/m, 'before a day, of all organizations; the last event of an organization stays';
is deleted('--older-than', "${day}T12:00:00Z"), 0, 'before a time';
is_deeply [map { scalar events($_) } $org, $other], [5, 1], 'newer events stay';

# Relays
sub relay {
    my ($name, $of, $at) = @_;
    sql(q{INSERT INTO scim.relay (name, history, transaction_id, sequence, organization_id)
          SELECT $1, e.history, e.transaction_id, e.sequence, $2 FROM scim.event e WHERE e.sequence = $3
          ON CONFLICT (name) DO UPDATE SET history = excluded.history, transaction_id = excluded.transaction_id, sequence = excluded.sequence}, $name, $of, $at);
}
happened($org, 20, 90);
happened($other, 20, 90);
@all = events($org);
relay('all', undef, $all[9]);
relay('own', $org->{id}, $all[5]);
sql(q{INSERT INTO scim.relay (name, sequence) VALUES ('of an older version', $1)}, $all[0]);
is deleted('--older-than', '30'), 0, 'a relay whose place is not known keeps all';
sql(q{DELETE FROM scim.relay WHERE name = 'of an older version'});
my $purged = purge('--older-than', '30');
is $purged->{deleted}, 2, 'what no relay has still to send is deleted';
ok !grep({ $_ == $all[5] } events($org)), 'including the event at which one is';
is_deeply [map { [@$_{qw(relay events)}] } @{ $purged->{kept} }], [['all', 35], ['own', 19]], 'and it is told for which relays the others are kept, and how many';
like +(scimctl('event', 'purge', '--older-than', '30'))[1], qr/^0 event\(s\).*^19 are kept: the relay 'own' has still to send them\.$/ms, 'in words, too';
my @left = events($org);
is_deeply [grep { $_ > $all[5] } @all], [grep { $_ > $all[5] } @left], 'nothing that a relay needs is missing';
relay('own', $org->{id}, $left[-1]);
is deleted('--older-than', '30'), 4, 'when the slower one has caught up, those up to the other one';
sql(q{DELETE FROM scim.relay WHERE name = 'all'});
is deleted($other->{key}, '--older-than', '30'), 19, 'a relay of another organization keeps nothing';
sql('DELETE FROM scim.relay');

# Readers
happened($_, 10, 90) for $org, $other, $org;
my @position = map { $_->{position} } read_after();
my %own = map { $_->{sequence} => $_->{position} } read_after($org->{key});
my @own = events($org);
my @everything = map { $_->{sequence} } read_after();
$server->restart_database('fast');         # which begins another history
Scim::Server::wait_until('the server', 30, sub { eval { sql('SELECT 1'); 1 } });
happened($_, 3, 1) for $org, $other;
my ($old) = sql(q{SELECT count(*) FROM scim.event WHERE organization_id = $1 AND occurred_at < now() - interval '30 days'}, $org->{id});
is deleted($org->{key}, '--older-than', '30'), $old->[0] - 1, 'all old events of an organization but the last one before the restart';
for my $at (0, 5, $#everything - 3, $#everything) {
    my @expected = grep { $_ > $everything[$at] } sort { $a <=> $b } events($org), events($other);
    my ($status, $out, $err) = scimctl('--json', 'events', '--after', $position[$at]);
    is_deeply [map { JSON::PP::decode_json($_)->{sequence} } split /\n/, $out], \@expected, "a reader of all organizations that has read $at events goes on there";
    is $err, '', 'and is not told of a loss';
}
for my $at (0, 5, $#own) {
    my ($status, $out, $err) = scimctl('--json', 'events', $org->{key}, '--after', $own{ $own[$at] });
    is_deeply [map { JSON::PP::decode_json($_)->{sequence} } split /\n/, $out], [grep { $_ > $own[$at] } events($org)], "so does one of the organization that has read $at";
    is $err, '', 'without a word';
}

# Transactions that are still open
my $psql = Scim::Process->start([$server->psql('-qAtX')], in => 'pipe', out => 'pipe');
$psql->say("BEGIN; SELECT pg_current_xact_id() > '0';");
is $psql->line, 't', 'a transaction is open';
happened($org, 5, 90);
my @seen = map { $_->{sequence} } read_after($org->{key});
purge('--older-than', '30');
is scalar(grep { $_ > $seen[-1] } events($org)), 5, 'what readers cannot see yet is kept';
$psql->say('COMMIT;');
$psql->close_input;
$psql->wait;
purge('--older-than', '30');
is scalar(grep { $_ > $seen[-1] } events($org)), 1, 'until that transaction has ended';

# Privileges
happened($org, 3, 90);
@all = events($org);
{
    local $server->{pguser} = 'scim';
    refused(qr/scim_owner/, "httpd's role cannot delete events", '--older-than', '30');
}
is_deeply [events($org)], \@all, 'and has not';

# Many, under load, and killed
sql(q{INSERT INTO scim.event (organization_id, kind, actor_kind, actor_name, occurred_at)
      SELECT $1, 'urn:mod_scim:event:account:eligible', 'operator', 'x', now() - interval '90 days' FROM generate_series(1, 60000)}, $other->{id});
sql('ANALYZE scim.event');
my $live = organization();
my $journal = Scim::Journal->start($live, writers => 3);
$journal->wait_for(20);
my $begin = scalar events($other);
my $first = Scim::Process->start([$server->scimctl('event', 'purge', '--older-than', '30')], out => '/dev/null');
Scim::Process::until_true(60, sub { events($other) < $begin - 5000 || $first->ended });
ok !$first->ended, 'a purge of many is at work';
kill KILL => $first->{pid};
$first->wait;
cmp_ok scalar events($other), '<', $begin, 'when it is killed, it has deleted some';
my @two = map { Scim::Process->start([$server->scimctl('--json', 'event', 'purge', '--older-than', '30')], out => 'pipe') } 1, 2;
is_deeply [map { $_->wait } @two], [0, 0], 'two at the same time';
cmp_ok scalar events($other), '<', 20, 'have deleted the rest';
$journal->wait_for(50);
is_deeply $journal->stop->audit($server)->faults, {}, 'meanwhile every request was answered as it should be';

done_testing;
