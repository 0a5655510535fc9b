# SPDX-License-Identifier: Apache-2.0
# The change feed: every change once, in the order of each account, with many writers
# and with followers that are killed.
use strict;
use warnings;
use lib 't/lib';
use File::Temp ();
use POSIX ();
use Scim::Process;
use Scim::Test;
use Time::HiRes ();

# The feed has the events of all organizations, and 20,000 changes come at once.
own_server(conf => "SCIMRateLimit 0\n");
my $org = organization();
my $other = organization();
my $dir = File::Temp::tempdir(CLEANUP => 1);

sub scimctl { return Scim::Process::run([server()->scimctl(@_)]) }
sub events { return map { JSON::PP::decode_json($_) } split /\n/, scimctl('--json', 'events', @_)->{out} }
sub latest { return (sql('SELECT coalesce(max(sequence), 0) FROM scim.event'))[0][0] }
sub kinds { return [map { $_->{kind} =~ s/.*event:(?:prov:)?//r } @_] }

# The kinds of events
my $user = $org->create(externalId => 'x1', roles => [{ value => 'USER' }]);
$org->patch_ops($user->{id}, { op => 'replace', path => 'title', value => 'T' });
$org->patch_ops($user->{id}, { op => 'replace', path => 'title', value => 'T' });
$org->put("/Users/$user->{id}", { userName => $user->{userName}, displayName => 'New', externalId => 'x1', roles => [{ value => 'USER' }] });
$org->patch_ops($user->{id}, { op => 'replace', path => 'active', value => FALSE });
$org->patch_ops($user->{id}, { op => 'replace', path => 'active', value => TRUE });
$org->patch_ops($user->{id}, { op => 'replace', path => 'roles[primary eq "True"].value', value => $_ }) for qw(ADMIN USER GUEST);
$org->delete("/Users/$user->{id}");
$other->create;
my @events = events($org->{key});
is_deeply kinds(@events), [qw(create:full patch:full put:full patch:full deactivate patch:full activate patch:full role:admin patch:full role:user patch:full role:guest delete)],
    'RFC 9967 kinds, and ours for roles; a request that changed nothing has no event';
is_deeply [map { $_->{sequence} } @events], [sort { $a <=> $b } map { $_->{sequence} } @events], 'in order';
is_deeply [@{ $events[0] }{qw(organization userName externalId accountId version)}], [$org->{key}, $user->{userName}, 'x1', $user->{id}, 1], 'an event says whom it is about';
is_deeply [@{ $events[0] }{qw(resourceType resourceId)}], ['User', $user->{id}], 'and that it is a User';
is_deeply [@{ $events[-1] }{qw(userName externalId accountId)}], [$user->{userName}, 'x1', $user->{id}], 'also when the account is gone';
is_deeply $events[1]{data}, { before => {}, after => { title => 'T' } }, 'and the old and new values';
my $of_others = organization();
my $thing = (sql(q{SELECT gen_random_uuid()}))[0][0];
sql(q{INSERT INTO scim.event (organization_id, resource_type, resource_id, kind, actor_kind, actor_name, version) VALUES ($1, 'Thing', $2, 'urn:ietf:params:scim:event:prov:put:full', 'operator', 'x', 3)}, $of_others->{id}, $thing);
scimctl('org', 'disable', $of_others->{key});
is_deeply [map { [@$_{qw(resourceType resourceId accountId version)}] } events($of_others->{key})], [['Thing', $thing, undef, 3], [undef, undef, undef, undef]],
    'an event may be of a resource of any type, or of the organization itself';
is_deeply [map { [@$_{qw(resourceType resourceId accountId)}] } @{ JSON::PP::decode_json(scimctl('--json', 'activity', 'list', $of_others->{key})->{out}) }],
    [[undef, undef, undef], ['Thing', $thing, undef]], 'Activity says the same';
is_deeply [map { $_->{sequence} } events($org->{key}, '--after', $events[3]{sequence})], [map { $_->{sequence} } @events[4 .. $#events]], '--after goes on behind an event';
is scalar(grep { $_->{organization} eq $other->{key} } events('--after', $events[-1]{sequence})), 1, 'without a key, of all organizations';
is_deeply [events($org->{key}, '--after', latest())], [], 'at the end there is nothing';
like scimctl('events', $org->{key})->{out}, qr/^\d+  \S+  $org->{key}  \S+create:full  \Q$user->{userName}\E  .*displayName/m, 'lines for people';
is_deeply [map { $_->{sequence} } events($org->{key}, '--after', $events[3]{position})], [map { $_->{sequence} } @events[4 .. $#events]], 'and behind its position';
for my $wrong ('x', '-1', '99999999999999999999', '1.2', '1..2', '1.2.3.4', '1.2.x', '') {
    my $done = scimctl('events', '--after', $wrong);
    like $done->{err}, qr/'\Q$wrong\E' is not a position/, "--after '$wrong': a message";
    is $done->{status}, 1, 'and a failure';
}
my $beyond = scimctl('events', '--after', '999999999');
is_deeply [@$beyond{qw(status out)}], [0, ''], '--after what was never an event: behind the latest before it';
is $beyond->{err}, "scimctl: there is no event 999999999; continuing after event @{[latest()]}, the last one before it.\n", 'with a message';

# Positions whose events were removed
my $gone = organization();
$gone->create for 1 .. 6;
my @kept = events($gone->{key});
sub behind { return [map { $_->{sequence} } events($gone->{key}, '--after', $_[0])] }
sql('DELETE FROM scim.event WHERE organization_id = $1 AND sequence <= $2', $gone->{id}, $kept[3]{sequence});
is_deeply behind($kept[3]{$_}), [$kept[4]{sequence}, $kept[5]{sequence}], "$_: deleting what was read changes nothing" for qw(position sequence);
is scimctl('events', $gone->{key}, '--after', $kept[3]{position})->{err}, '', 'and needs no message';
sql('DELETE FROM scim.event WHERE organization_id = $1', $gone->{id});
is_deeply behind($kept[5]{position}), [], 'nor does deleting all';
$gone->create;
is_deeply behind($kept[5]{position}), [latest()], 'later events follow';

# The SQL of the documents
open my $document, '<', 'docs/feed.md' or die $!;
my ($query) = join('', <$document>) =~ /^(    SELECT p.went_back, .*?);$/ms;
$query =~ s/'acme'/\$1/ or die 'no key in the query';
is_deeply [map { [@$_[3 .. 5]] } sql($query, $org->{key})], [map { [@$_{qw(sequence resourceType resourceId)}] } @events], 'plain SQL, as docs/feed.md has it, gives the same';

# A transaction that took its number early and commits late
sub ask {
    my ($session, $statement) = @_;
    $session->say($statement);
    return $session->line(20);
}
my $last = latest();
my $session = Scim::Process->start([server()->psql('-qAtX')], in => 'pipe', out => 'pipe');
$session->say('BEGIN;');
my $early = ask($session, "INSERT INTO scim.event (organization_id, kind, actor_kind, actor_name) VALUES ('$org->{id}', 'test', 'operator', 'x') RETURNING sequence;");
my $late = $org->create;
is_deeply [events('--after', $last)], [], 'events that were committed after an open transaction wait for it';
is ask($session, 'COMMIT; SELECT 1;'), '1', 'it commits';
is_deeply [map { $_->{sequence} } events('--after', $last)], [$early, $early + 1], 'and both come, the early one first';

# Notifications
is ask($session, 'LISTEN scim_event; SELECT 1;'), '1', 'a session listens';
Time::HiRes::sleep(0.15);       # a session notifies at most once in a tenth of a second
$org->create;
my $rung;
Scim::Process::until_true(20, sub { ($rung = ask($session, 'SELECT 1;')) ne '1' });
like $rung, qr/^Asynchronous notification "scim_event"/, 'a change rings';
$session->close_input;
is $session->wait, 0, 'the session ends';

# Restored from a dump of another cluster
sql(q{UPDATE scim.event SET transaction_id = '9000000000000' WHERE sequence = (SELECT max(sequence) FROM scim.event)});
my $restored = scimctl('events', '--after', latest() - 1);
is_deeply [@$restored{qw(status out)}], [1, ''], 'a transaction that this cluster has not come to is waited for';
like $restored->{err}, qr/restored from another cluster: apply schema\.sql to it once more/, 'and the message says what to do';
server()->apply_schema;
is_deeply [map { $_->{sequence} } events('--after', latest() - 1)], [latest()], 'applied again, schema.sql says that it is past';

# 20,000 changes by 16 writers, a follower killed 20 times
my ($WRITERS, $REQUESTS, $OPERATIONS, $ACCOUNTS) = (16, 50, 25, 60);
my @ids = map { $org->create->{id} } 1 .. $ACCOUNTS;
my $start = latest();
sub write_changes {
    my ($writer) = @_;
    srand $$;
    for my $request (1 .. $REQUESTS) {
        my $r = $org->post('/Bulk', { schemas => [BULK], Operations => [map { { method => 'PATCH', path => "/Users/$ids[rand @ids]",
            data => { schemas => [PATCHOP], Operations => [{ op => 'replace', path => 'title', value => "$writer-$request-$_" }] } } } 1 .. $OPERATIONS] });
        die $r->{content} unless $r->{status} == 200 && !grep { $_->{status} ne '200' } @{ $r->{json}{Operations} };
    }
}
my @writers = map { my $writer = $_; Scim::Process->start(sub { write_changes($writer) }) } 1 .. $WRITERS;

# The output of a follower before it was killed, without an incomplete last line, which
# a consumer would drop.
sub followed {
    my ($file) = @_;
    open my $in, '<', $file or die $!;
    return map { JSON::PP::decode_json($_) } grep { /\n\z/ } <$in>;
}
my ($kills, $position, @got) = (0, $start);
for my $turn (1 .. 20) {
    my $file = "$dir/followed-$turn";
    my @follow = server()->scimctl('--json', 'events', '--follow', '--after', $position);
    my $follower = Scim::Process->start(\@follow, out => $file);
    Scim::Process::until_true(1, sub { -s $file });
    Time::HiRes::sleep(rand 0.15);
    $kills++ if $follower->stop('KILL') == POSIX::SIGKILL();
    push @got, followed($file);
    $position = $got[-1]{sequence} if @got;
}
is_deeply [map { $_->wait } @writers], [(0) x $WRITERS], "$WRITERS writers made their changes";
is $kills, 20, 'a follower was killed 20 times';
cmp_ok scalar(@got), '>', 100, 'it got on between';
push @got, events('--after', $position);
my %seen;
$seen{ $_->{sequence} }++ for @got;
is_deeply [grep { $seen{$_} > 1 } keys %seen], [], 'nothing came twice';
my @stored = map { $_->[0] } sql('SELECT sequence FROM scim.event WHERE sequence > $1 ORDER BY 1', $start);
is scalar(grep { $_->{kind} =~ /patch/ } @got), $WRITERS * $REQUESTS * $OPERATIONS, '20,000 changes came';
is_deeply [grep { !$seen{$_} } @stored], [], 'none is lost';
my (%version, $disorder);
for my $event (@got) {
    $disorder++ if ($version{ $event->{accountId} } // 0) >= $event->{version};
    $version{ $event->{accountId} } = $event->{version};
}
is $disorder // 0, 0, 'none is out of order for its account';

# However many events there are, a query reads only its own part of the index, with any
# plan.
sql('ANALYZE scim.event');
for my $case (['event_feed', 'NULL'], ['event_own_feed', "'$org->{id}'"]) {
    my ($index, $of) = @$case;
    my ($history, $transaction, $sequence) = split /\./, $got[-2]{position};
    my $plans = Scim::Process::run([server()->psql('-qAtX', '-U', 'postgres')], input => "LOAD 'auto_explain'; SET client_min_messages = log;\n"
        . "SET auto_explain.log_min_duration = 0; SET auto_explain.log_nested_statements = on; SET auto_explain.log_analyze = on;\n"
        . "SELECT e.sequence FROM scim.feed_position($of, $history, '$transaction', $sequence) p, LATERAL scim.feed($of, p.transaction_id, p.sequence) e;\n" x 8)->{err};
    unlike $plans, qr/(?:Sort|Seq Scan|Bitmap)/, "$index: nothing is sorted";
    is scalar(() = $plans =~ /Limit.*\n\s*->  Index Scan using $index on/g), 8, 'the feed is read in its order';
    cmp_ok +(sort { $b <=> $a } $plans =~ /actual time=\S+ rows=(\d+)/g)[0], '<=', 1, 'and nothing that was read before';
}
done_testing;
