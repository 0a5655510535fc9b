# SPDX-License-Identifier: Apache-2.0
# One organization causes as much load as it can; the others do not notice.
# SCIM_TEST_CLIENTS=100 for more of its clients, on an otherwise idle machine.
use strict;
use warnings;
use lib 't/lib';
use MIME::Base64 ();
use POSIX ();
use Scim::Process;
use Scim::Test;
use Time::HiRes qw(sleep time);

my $server = own_server(dbd_max => 8, conf => "SCIMRateLimit 0\n");      # its connections are all in use
my $worst = organization();
my $other = organization();
my $ACCOUNTS = 5000;
my $CLIENTS = $ENV{SCIM_TEST_CLIENTS} || 48;
my ($processors) = Scim::Process::run(['nproc'])->{out} =~ /(\d+)/;
sql(q{INSERT INTO scim.account (organization_id, user_name, display_name, attributes)
      SELECT $1, 'user' || n || '@example.com', 'User ' || n,
             jsonb_build_object('title', 'Title ' || n, 'emails', jsonb_build_array(jsonb_build_object('value', 'mail' || n || '@example.com')))
      FROM generate_series(1, $2::int) n}, $worst->{id}, $ACCOUNTS);
sql('ANALYZE scim.account');
my $victim = $worst->create;
my $known_there = $worst->create;
my $known = $other->create;
my $filter = join ' or ', map { 'title ew "' . random_name() . '"' } 1 .. 128;

# Clients that repeat a request until they are ended, and then report for each:
# seconds, status, whether there was a Retry-After, detail.  Real attackers would have
# machines of their own; here they run at low priority.
sub clients {
    my ($count, $request, $nice) = @_;
    return map {
        Scim::Process->start(sub {
            my $going = 1;
            my @told;
            POSIX::nice($nice) if $nice;
            local $SIG{TERM} = sub { $going = 0 };
            while ($going) {
                my $start = time;
                my $r = eval { $request->() } || { status => 0, headers => {}, json => { detail => "$@" =~ s/\n//gr } };
                push @told, sprintf "%.6f %d %s %s\n", time - $start, $r->{status}, $r->{headers}{'retry-after'} // '-', $r->{json}{detail} // '';
            }
            print @told;
        }, out => 'pipe');
    } 1 .. $count;
}

sub told {
    my (@clients) = @_;
    kill 'TERM', map { $_->{pid} } @clients;
    my @told;
    for my $client (@clients) {
        while (defined(my $line = $client->line)) { push @told, [split / /, $line, 4] }
        $client->wait;
    }
    return @told;
}

sub p99 { my @sorted = sort { $a <=> $b } map { $_->[0] } @_; return $sorted[int(0.99 * $#sorted)] }

# The match queries and page visits of the neighbour, for the given time.
sub neighbour {
    my ($seconds) = @_;
    my @page = (Authorization => 'Basic ' . MIME::Base64::encode("$other->{issuer_name}:x", ''));
    my @match = clients(2, sub { $other->filter("userName eq \"$known->{userName}\"") });
    my @settings = clients(1, sub { Scim::Test::http()->request(GET => "/organizations/$other->{key}/api/settings", [@page], undef) });
    sleep $seconds;
    return ([told(@match)], [told(@settings)]);
}

# Other tests may run at the same time.  For a fair comparison, unrelated programs keep
# the processors busy during the measurement without load.
my $others = $ENV{SCIM_TEST_CLIENTS} ? 0 : 2 * $processors;
neighbour(1);
my @busy = map { Scim::Process->start(sub { 1 while 1 }) } 1 .. $others;
my ($quiet) = neighbour(3);
$_->stop for @busy;
my $lock = Scim::Process->start([$server->psql('-qAtX')], in => 'pipe', out => 'pipe');
$lock->say("BEGIN; SELECT id FROM scim.account WHERE id = '$victim->{id}' FOR UPDATE;");
is $lock->line, $victim->{id}, 'a row is locked';
my $part = int($CLIENTS / 12) || 1;
sub hostile { return clients(@_, 19) }
my @others = (
    hostile($part, sub { $worst->patch_ops($known_there->{id}, { op => 'replace', path => 'nickName', value => 'x' x 200_000 }) }),
    hostile($part, sub { $worst->post('/Users', { schemas => [CORE], userName => user_name(), displayName => 'Large', emails => [map { { value => "$_\@example.com", type => 'work' } } 1 .. 5000] }) }),
    hostile($part, sub { $worst->post('/Bulk', { schemas => [BULK], Operations => [map { { method => 'PATCH', path => "/Users/$_", data => {} } } 1 .. 1000] }) }),
    hostile($part, sub { $worst->get('/Users', token => 'scim_' . 'f' x 64) }),
);
my @writers = hostile($CLIENTS - 6 * $part, sub { $worst->patch_ops($victim->{id}, { op => 'replace', path => 'title', value => random_name() }) });
my @searchers = hostile(2 * $part, sub { $worst->post('/Users/.search', { filter => $filter }) });
sleep 1;
my ($busy, $page) = neighbour(6);
my $memory = 0;
for my $child (split ' ', Scim::Process::run(['pgrep', '-P', $server->httpd_pid])->{out}) {
    open my $in, '<', "/proc/$child/status" or next;
    $memory += $_ for map { /^VmRSS:\s+(\d+)/ ? $1 / 1024 : () } <$in>;
}
my @blocked = told(@writers);
my @searched = told(@searchers);
my %refused;
$refused{ $_->[1] }++ for told(@others);

cmp_ok scalar(@$quiet), '>', 200, 'there were match queries in quiet times';
cmp_ok scalar(@$busy), '>', 200, 'and in busy ones';
is_deeply [grep { $_->[1] != 200 } @$busy], [], 'while one organization does its worst, every match query of another is answered';
is_deeply [grep { $_->[1] != 200 } @$page], [], 'and its settings page';
cmp_ok p99(@$busy), '<', 5 * p99(@$quiet), 'H23: within five times what they take in quiet times, 99 of 100'
    or diag map { sprintf "%s: %d, p50 %.4f s, p99 %.4f s\n", @$_ } map { [$_->[0], scalar @{ $_->[1] }, (sort { $a <=> $b } map { $_->[0] } @{ $_->[1] })[@{ $_->[1] } / 2], p99(@{ $_->[1] })] } ['quiet', $quiet], ['busy', $busy];
note sprintf 'quiet p99 %.1f ms, busy p99 %.1f ms, longest %.1f ms', 1000 * p99(@$quiet), 1000 * p99(@$busy), 1000 * (sort { $b <=> $a } map { $_->[0] } @$busy)[0];

cmp_ok $memory, '<', 1000, 'all children of httpd together have less than 1 GB';
note sprintf '%d clients of the worst: %d MB; large, refused and unknown ones were answered %s', $CLIENTS, $memory,
    join ', ', map { "$_: $refused{$_}" } sort keys %refused;
is_deeply [grep { !/^(?:200|201|400|401|413|429|503)$/ } keys %refused], [], 'its other requests are done or refused';
is_deeply [grep { $_->[1] != 503 } @blocked], [], 'requests that wait for the locked row are answered 503';
is_deeply [grep { $_->[2] !~ /^[1-9]\d*$/ } @blocked], [], 'each with Retry-After';
is_deeply [map { "@$_" } grep { $_->[0] > 12 } @blocked], [], 'after seconds, not minutes';
cmp_ok scalar(grep { $_->[3] =~ /^Another request is changing the same account/ } @blocked), '>', 5, 'some are told what it is that is locked';
is_deeply [grep { $_->[3] !~ /^(?:Another request is changing|The server is working on too many requests)/ } @blocked], [], 'all of them why'
    or diag map { $_->[3] } grep { $_->[3] !~ /^(?:Another|The server is working)/ } @blocked;
cmp_ok scalar(grep { $_->[1] == 200 } @searched), '>', 3, 'its searches go on in its own half';
$lock->stop;
is $worst->patch_ops($victim->{id}, { op => 'replace', path => 'title', value => 'free' })->{status}, 200, 'when the row is free it is changed';

# When the database ends a statement, as by its statement_timeout, the answer says what
# helps.
sub cancelled {
    my ($request, $like) = @_;
    my $client = Scim::Process->start(sub {
        my $r = $request->();
        print join(' ', $r->{status}, $r->{json}{scimType} // '-', $r->{headers}{'retry-after'} // '-', $r->{json}{detail}), "\n";
    }, out => 'pipe');
    until ($client->ended) {
        sql(q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND state = 'active' AND query LIKE $1}, $like);
        sleep 0.02;
    }
    return $client->line;
}
like cancelled(sub { $worst->post('/Users/.search', { filter => $filter }) }, '%OR%'), qr/^400 tooMany - The search takes longer/,
    'a search that takes too long is 400 tooMany: the same again would be no shorter';
$lock = Scim::Process->start([$server->psql('-qAtX')], in => 'pipe', out => 'pipe');
$lock->say("BEGIN; SELECT id FROM scim.account WHERE id = '$victim->{id}' FOR UPDATE;");
$lock->line;
like cancelled(sub { $worst->patch_ops($victim->{id}, { op => 'replace', path => 'title', value => 'late' }) }, '%UPDATE scim.account%'),
    qr/^503 - [1-9]\d* The database did not answer in time/, 'a write that takes too long is 503, to be tried again';
$lock->stop;

# JIT, which PostgreSQL would use here for all statements
$server->run(0, Scim::Server::pg('psql'), '-h', $server->{pghost}, '-U', 'postgres', '-d', 'scim', '-qAtX',
             '-c', 'ALTER SYSTEM SET jit_above_cost = 0', '-c', 'SELECT pg_reload_conf()');
Scim::Server::wait_until('the new setting', 10, sub { (sql('SHOW jit_above_cost'))[0][0] == 0 });
for my $when ('from the first use of a connection on', 'and of one that is opened again') {
    my @plans = grep { /FROM scim\.account/ } query_plans(sub { $worst->post('/Users/.search', { filter => 'title ew "x"' }) for 1 .. 20 });
    cmp_ok scalar @plans, '>=', 20, 'searches have plans';
    is_deeply [grep { /^\s*JIT:/m } @plans], [], "they are not compiled, $when";
    sql(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'scim' AND pid <> pg_backend_pid()});
}
like +(grep { /user_name LIKE/ } query_plans(sub { sql(q{SELECT count(*) FROM scim.account WHERE user_name LIKE '%x'}) }))[0],
    qr/^\s*JIT:/m, 'as other statements of this database are';
done_testing;
