# SPDX-License-Identifier: Apache-2.0
# PostgreSQL is stopped in mode immediate and restarted while clients write.
use strict;
use warnings;
use lib 't/lib';
use File::Temp ();
use Scim::Journal;
use Scim::Process;
use Scim::Test;

own_server(conf => "SCIMRateLimit 0\n");     # its PostgreSQL is restarted
my $org = organization();
my $httpd = server()->httpd_pid;
my $journal = Scim::Journal->start($org, writers => 6);
for my $round (1 .. 4) {
    $journal->wait_for(40);
    server()->restart_database('immediate');
}
# The same with backends that are killed one by one.
for my $round (1 .. 20) {
    $journal->wait_for(5);
    sql(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'scim' AND pid <> pg_backend_pid()});
}
$journal->wait_for(100);
my $audit = $journal->stop->audit;
note join ', ', map { "$_: " . $audit->count($_) } qw(acknowledged unavailable unanswered);
is_deeply $audit->faults, {}, 'H23: acknowledged writes are kept and found, with their events; all others are answered 503 with Retry-After'
    or diag explain $audit->faults;
is $audit->count('unanswered'), 0, 'every request is answered';
cmp_ok $audit->count('acknowledged'), '>', 300, 'and there was traffic';

is server()->httpd_pid, $httpd, 'httpd was not touched';
is $org->get('/Users?count=1')->{status}, 200, 'and the service is back' for 1 .. 20;
unlike error_log(), qr/exit signal|Segmentation/, 'no child crashed';

# A bulk request whose connection is lost answers for each operation whether it was
# done.
my $killer = Scim::Process->start(sub {
    for (1 .. 20) {
        sql(q{SELECT pg_sleep(random() * 0.2)});
        sql(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'scim' AND pid <> pg_backend_pid()});
    }
});
my (%said, %status);
until ($killer->ended) {
    my @names = map { user_name() } 1 .. 100;
    my $r = $org->post('/Bulk', { schemas => [BULK], Operations => [
        map { { method => 'POST', path => '/Users', bulkId => $_, data => { userName => $_, displayName => 'Bulk' } } } @names] });
    $status{ $r->{status} }++;
    $said{ $_->{bulkId} } = $_->{status} for @{ $r->{json}{Operations} || [] };
}
note join ', ', map { "$_: $status{$_}" } sort keys %status;
is_deeply [grep { !/^(?:200|503)$/ } keys %status], [], 'a bulk request is answered 200 or 503';
cmp_ok $status{200} // 0, '>', 3, 'and there were some';
my %there = map { $_->[0] => 1 } sql(q{SELECT user_name FROM scim.account WHERE organization_id = $1 AND display_name = 'Bulk'}, $org->{id});
is_deeply [grep { $said{$_} eq '201' && !$there{$_} } sort keys %said], [], 'every operation that is said to be done is';
is_deeply [grep { $said{$_} !~ /^(?:201|503)$/ } sort keys %said], [], 'the others are 503';

# A connection that ends after the token was looked up and before the body arrives: the
# first statement on it is the write.  If the body takes longer than 0.1 s, the token is
# looked up again, which is a read, so this needs several attempts.  Before each, the
# single connection of a separate httpd is open, with its prepared statements.
my $dir = File::Temp::tempdir('scim-single-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $conf = Scim::Test::locations() . "StartServers 1\nServerLimit 1\nMaxRequestWorkers 25\nSCIMRateLimit 0\n";
my $single = Scim::Server->new(dir => $dir, database => server(), dbd_max => 1, conf => $conf)->start;
END { $single->stop if $single }
my $late = organization(http => Scim::Http->new($single->{url}));
my $psql = Scim::Process->start([server()->psql('-qAtX')], in => 'pipe', out => 'pipe');
my $answer_to = sub { $psql->say("$_[0];"); return $psql->line };
my $ITS = q{FROM pg_stat_activity WHERE usename = 'scim'};
my @written;
for (1 .. 12) {
    $late->create;
    my $body = JSON::PP::encode_json({ userName => user_name(), displayName => 'Late' });
    my $head = join "\r\n", 'POST ' . $late->path . '/Users HTTP/1.1', 'Host: x', "Authorization: Bearer $late->{token}",
        'Content-Type: application/scim+json', 'Content-Length: ' . length $body, 'Connection: close', '', '';
    my $socket = Scim::Http->new($single->{url})->connect;
    my $begin = $answer_to->('SELECT clock_timestamp()');
    $socket->syswrite($head);
    Scim::Process::until_true(5, sub {
        $answer_to->("SELECT count(*) $ITS AND state = 'idle' AND query LIKE '%t.hash = %' AND query_start > '$begin'");
    });
    # PostgreSQL would check every 0.1 s whether they have ended, but not whether they
    # have closed their sockets.
    my $ends = "SELECT string_agg(pid::text, ' ') FROM (SELECT pid, pg_terminate_backend(pid) $ITS) b";
    my @ended = split ' ', $answer_to->($ends);
    Scim::Process::until_true(5, sub { !grep { kill(0, $_) || $!{EPERM} } @ended });
    $socket->syswrite($body);
    push @written, (split ' ', <$socket> // '')[1];
}
is_deeply \@written, [('201') x 12],
    'a connection that has ended is noticed before a write, which could not be done again';
$single->stop;

# A setting that was made for the session in a transaction that is rolled back is
# empty, not unset.
my $event = "INSERT INTO scim.event (organization_id, kind, actor_kind, actor_id, actor_name) VALUES ('$org->{id}', 'x', 'token', '$org->{token_id}', 'x');";
my $session = Scim::Process::run([server()->psql('-U', 'scim', '-qX', '-v', 'ON_ERROR_STOP=1', '-f', '-')], input => "BEGIN; $event ROLLBACK; $event");
is $session->{status}, 0, 'a session whose first change was undone makes the next one' or diag $session->{err};

# While it is down: 503, within the time for connecting.
server()->stop_database;
my $down = $org->get('/Users');
is_error($down, 503, undef, 'a stopped database is 503');
like $down->{headers}{'retry-after'}, qr/^[1-9]\d*$/, 'with Retry-After';
unlike $down->{content}, qr/socket|postgres|sql/i, 'and nothing internal';
like error_log(), qr/connection to server on socket/, 'the log has the cause';
server()->start_database;
is $org->get('/Users?count=1')->{status}, 200, 'started again, the next request is served';

done_testing;
