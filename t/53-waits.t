# SPDX-License-Identifier: Apache-2.0
# Whatever PostgreSQL and the network to it do, a request gets a correct answer within
# SCIMDatabaseTimeout and a second.
use strict;
use warnings;
use lib 't/lib';
use File::Temp ();
use Scim::Process;
use Scim::Proxy;
use Scim::Test;
use Time::HiRes qw(sleep time);

my $TIMEOUT = 3;
my $server = own_server();      # it is frozen, and its settings change
my $proxy = Scim::Proxy->new(to => "$server->{pghost}/.s.PGSQL.5432");
my $httpd = Scim::Server->new(dir => File::Temp::tempdir('scim-waits-XXXXXX', TMPDIR => 1, CLEANUP => 1), database => $server,
    dbd_max => 8, conf => Scim::Test::locations() . <<"CONF");
DBDParams "host=127.0.0.1 port=@{[$proxy->port]} dbname=scim user=scim connect_timeout=2 sslmode=disable"
SCIMDatabaseTimeout $TIMEOUT
# Sessions that wait for locks are counted: those of requests alone.
SCIMRequestLog Off
StartServers 1
ServerLimit 1
MaxRequestWorkers 25
<Location /patient>
    SetHandler scim
    SCIMDatabaseTimeout 60
    Require all granted
</Location>
<Location /steady>
    SetHandler scim
    SCIMDatabaseTimeout 60
    Require all granted
</Location>
CONF
$httpd->start;
END { $httpd->stop if $httpd }
my $org = organization(http => Scim::Http->new($httpd->{url}));
my $neighbour = organization(http => Scim::Http->new($httpd->{url}));

sub as_superuser {
    my (@statements) = @_;
    $server->run(0, Scim::Server::pg('psql'), '-h', $server->{pghost}, '-U', 'postgres', '-d', 'scim', '-qAtX', map { ('-c', $_) } 'SET default_transaction_read_only = off', @statements);
}

sub content { open my $in, '<', $_[0] or die "$_[0]: $!"; local $/; return scalar <$in> }
sub log_of { return content($httpd->{error_log}) }
sub access_log { return content($httpd->{access_log}) }

# One request: returns its answer, with its duration in seconds.
sub timed {
    my ($request) = @_;
    my $start = time;
    my $r = eval { $request->() } || { status => 0, content => "$@", headers => {} };
    $r->{seconds} = time - $start;
    return $r;
}

sub get { return timed(sub { $org->get('/Users?count=1') }) }
sub post { my ($name, $from) = @_; return timed(sub { ($from || $org)->post('/Users', { userName => $name, displayName => 'Waiting' }) }) }

# $count clients at the same time, each with a connection of its own: returns lines
# "status seconds Retry-After".
sub at_once {
    my ($count, $request) = @_;
    my @clients = map {
        Scim::Process->start(sub {
            my $mine = bless { %$org, http => Scim::Http->new($httpd->{url}) }, ref $org;
            my $r = timed(sub { $request->($mine) });
            printf "%d %.2f %s\n", $r->{status}, $r->{seconds}, $r->{headers}{'retry-after'} // '-';
        }, out => 'pipe');
    } 1 .. $count;
    return map { my $line = $_->line; $_->wait; $line } @clients;
}

sub is_in_time {
    my ($name, @told) = @_;
    is_deeply [grep { (split)[1] > $TIMEOUT + 1 } @told], [], "$name: nobody waits longer than SCIMDatabaseTimeout and a second";
    is_deeply [grep { !/^503 \S+ [1-9]/ } @told], [], "$name: each answer is 503 with Retry-After";
}

# Wait after the fault until requests succeed again, with a limit.
sub is_back {
    my ($name) = @_;
    my $start = time;
    my $r = get();
    $r = get() while $r->{status} == 503 && time - $start < 10;
    is $r->{status}, 200, "$name: and then the service is back";
    cmp_ok time - $start, '<', 6, "$name: within six seconds";
}

# The rows with a name: accounts, their version, their events.
sub stored {
    my ($name) = @_;
    return join ' ', map { @$_ } sql('SELECT count(*), coalesce(max(a.version), 0), (SELECT count(*) FROM scim.event e JOIN scim.account b
        ON b.id = e.account_id WHERE b.user_name = $1) FROM scim.account a WHERE a.user_name = $1', $name);
}

is get()->{status}, 200, 'the way leads through the proxy' for 1 .. 3;
cmp_ok $proxy->count, '>', 0, 'and the database is behind it';

like Scim::Process::run(['ss', '-tnoH', 'dport', '=', ':' . $proxy->port])->{out}, qr/timer:\(keepalive,/, 'a connection asks whether the other end is there';

# The waits of several operations of a bulk request do not add up.
{
    at_once(8, sub { $_[0]->get('/Users?count=1') });
    my $locker = Scim::Process->start([$server->psql('-qAtX')], in => 'pipe', out => 'pipe');
    $locker->say("BEGIN; LOCK TABLE scim.account IN SHARE ROW EXCLUSIVE MODE; SELECT 'locked';");
    $locker->line;
    my $bulk = Scim::Process->start(sub {
        my $r = timed(sub { $org->post('/Bulk', { schemas => [BULK], Operations => [
            map { { method => $_ % 3 ? 'POST' : 'DELETE', path => $_ % 3 ? '/Users' : "/Users/$org->{issuer}", bulkId => $_,
                    data => { userName => user_name(), displayName => 'Bulk' } } } 1 .. 20] }) });
        printf "%d %.2f %s\n", @$r{qw(status seconds)}, join ',', map { $_->{status} } @{ $r->{json}{Operations} || [] };
    }, out => 'pipe');
    Scim::Server::wait_until('the write', 5, sub { (sql(q{SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'}))[0][0] });
    $proxy->stall('both');
    my ($status, $seconds, $operations) = split / /, $bulk->line, 3;
    is $status, 503, 'a bulk request whose database is away is 503' or diag $operations;
    cmp_ok $seconds, '<', $TIMEOUT + 1.5, 'in the time of one operation';
    $proxy->resume;
    $locker->stop;
    is_back('a bulk request');
}

for my $what ('both', 'answers') {
    at_once(8, sub { $_[0]->get('/Users?count=1') });        # connections are open
    $proxy->stall($what);
    my $name = user_name();
    my $written = post($name);
    is_error($written, 503, undef, "$what silent: a write is 503");
    my $start = time;
    is_in_time("$what silent", at_once(24, sub { $_[0]->get('/Users?count=1') }));
    is_in_time("$what silent, connections closed", at_once(24, sub { $_[0]->patch('/Users/' . $org->{issuer}, {}) }));
    $proxy->resume;
    is_back("$what silent");
    my $kept = stored($name);
    like $kept, qr/^(?:1 1 1|0 0 0)$/, "$what silent: the write was made once or not at all";
    is post($name)->{status}, $kept =~ /^1/ ? 409 : 201, "$what silent: and who tries again is told";
}

# A session that has locked the accounts in this mode.
sub locker {
    my ($mode) = @_;
    my $locker = Scim::Process->start([$server->psql('-qAtX')], in => 'pipe', out => 'pipe');
    $locker->say("BEGIN; LOCK TABLE scim.account IN $mode MODE; SELECT 'locked';");
    return $locker;
}

sub wait_for_waiting {
    my ($count) = @_;
    Scim::Server::wait_until('the session waits for a lock', 5, sub {
        (sql(q{SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'}))[0][0] == $count;
    });
}

# A write that is made, but whose answer is lost: it does not come, or the connection
# ends before it, while there is still time to repeat the write.
for my $how ('silence', 'a cut') {
    my $name = user_name();
    is post(user_name())->{status}, 201, "$how: the statement is prepared, which would wait for the lock, too";
    my $locker = locker('SHARE ROW EXCLUSIVE');
    $locker->line;
    my $writer = Scim::Process->start(sub { printf "%d %.2f\n", @{ post($name) }{qw(status seconds)} }, out => 'pipe');
    wait_for_waiting(1);
    $proxy->stall('answers');
    $locker->say('COMMIT;');
    if ($how eq 'a cut') {
        Scim::Server::wait_until('the write', 5, sub { stored($name) eq '1 1 1' });
        $proxy->cut;
        $proxy->resume;
    }
    my ($status, $seconds) = split ' ', $writer->line;
    is $status, 503, "$how: a write whose answer is lost is 503, and is not done again";
    cmp_ok $seconds, '<', $TIMEOUT + 1, "$how: in time";
    $proxy->resume;
    is_back("a lost answer by $how");
    is stored($name), '1 1 1', "$how: and it was made once";
    $locker->stop;
}
like log_of(), qr/\[scim:error\] .*SCIM0001: 503 for POST/, 'a 5xx is logged as an error';

# Between two operations of a bulk request PostgreSQL is restarted, which loses
# commits that did not wait for the disk.  The second operation begins with a read,
# which is repeated on a new connection, so that no operation fails.
{
    my ($made, $deleted) = (user_name(), $org->create);
    my $first = locker('SHARE ROW EXCLUSIVE');
    $first->line;
    my $bulk = Scim::Process->start(sub {
        my $r = $org->post('/Bulk', { schemas => [BULK], Operations => [
            { method => 'POST', path => '/Users', bulkId => 'a', data => { userName => $made, displayName => 'Bulk' } },
            { method => 'DELETE', path => "/Users/$deleted->{id}" }] }, profile => 'steady');
        printf "%d %s\n", $r->{status}, join ' ', map { $_->{status} } @{ $r->{json}{Operations} || [] };
    }, out => 'pipe');
    wait_for_waiting(1);
    my $second = locker('ACCESS EXCLUSIVE');
    wait_for_waiting(2);
    $first->say('COMMIT;');
    is $second->line, 'locked', 'the first operation of a bulk request is done';
    wait_for_waiting(1);
    $proxy->stall('both');      # new connections wait meanwhile
    $server->restart_database('immediate');
    $proxy->cut;
    $proxy->resume;
    is $bulk->line, '503 ', 'a bulk request that PostgreSQL was restarted within is 503, though no operation failed';
    is $org->get("/Users/$deleted->{id}")->{status}, 404, 'for the second one was done';
    like log_of(), qr/PostgreSQL was restarted between the operations/, 'and the log says why';
    $_->stop for $first, $second;
    is_back('a restart');
}

# A frozen server, from the postmaster to the backends.
{
    my @frozen = ($server->database_pid, map { $_->[0] } sql(q{SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()}));
    kill 'STOP', @frozen;
    my $told = eval { is_in_time('a frozen server', at_once(16, sub { $_[0]->get('/Users?count=1') }), at_once(4, sub { $_[0]->get('/Users?count=1') })); 1 };
    kill 'CONT', @frozen;
    ok $told, 'a frozen server is thawed';
    is_back('a frozen server');
}

# A request whose client has gone is ended.
{
    my $patient = Scim::Http->new($httpd->{url});
    Scim::Server::wait_until('quiet', 10, sub { $org->get('/Users?count=1')->{status} == 200 });
    $proxy->stall('answers');
    $patient->connect;
    print { $patient->{socket} } 'GET ' . $org->path('patient') . "/Users?count=1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $org->{token}\r\n\r\n";
    $patient->{socket}->flush;
    sleep 1.5;
    unlike access_log(), qr{/patient/}, 'while a client waits, so does its request';
    delete $patient->{socket};
    ok Scim::Process::until_true(3, sub { access_log() =~ m{/patient/.* 408 } }), 'a request whose client has gone away ends long before the time is over';
    $proxy->resume;
    is_back('a client has gone');
}

# A lost synchronous standby: only writes wait for it.
{
    my $name = user_name();
    sql(q{UPDATE scim.token SET last_used_at = now() - interval '1 hour' WHERE id = $1}, $org->{token_id});
    as_superuser(q{ALTER SYSTEM SET synchronous_standby_names = 'nobody'}, 'SELECT pg_reload_conf()');
    Scim::Server::wait_until('the new setting', 10, sub { (sql('SHOW synchronous_standby_names'))[0][0] eq 'nobody' });
    my $read = get();
    is $read->{status}, 200, 'a lost standby: a read is answered';
    cmp_ok $read->{seconds}, '<', 1, 'a lost standby: at once, although the use of its token is recorded';
    is +(sql(q{SELECT last_used_at > now() - interval '1 minute' FROM scim.token WHERE id = $1}, $org->{token_id}))[0][0], 't', 'a lost standby: and it was noted';
    my $written = post($name);
    is_error($written, 503, undef, 'a lost standby: a write is 503');
    cmp_ok $written->{seconds}, '<', $TIMEOUT + 1, 'a lost standby: in time';
    is get()->{status}, 200, 'a lost standby: and a read after it is answered';
    ok Scim::Process::until_true(5, sub { !(sql(q{SELECT count(*) FROM pg_stat_activity WHERE usename = 'scim' AND wait_event = 'SyncRep'}))[0][0] }),
        'a lost standby: no backend is left waiting for it';
    as_superuser('ALTER SYSTEM RESET synchronous_standby_names', 'SELECT pg_reload_conf()');
    Scim::Server::wait_until('the old setting', 10, sub { ((sql('SHOW synchronous_standby_names'))[0][0] // '') eq '' });
    is stored($name), '1 1 1', 'a lost standby: the write was made once';
    like log_of(), qr/no answer from PostgreSQL within SCIMDatabaseTimeout/, 'and the log says why';
}

# The use of a token whose row is locked is not recorded.
{
    sql(q{UPDATE scim.token SET last_used_at = now() - interval '1 hour' WHERE id = $1}, $org->{token_id});
    my $locker = Scim::Process->start([$server->psql('-qAtX')], in => 'pipe', out => 'pipe');
    $locker->say("BEGIN; SELECT 'locked' FROM scim.token WHERE id = '$org->{token_id}' FOR UPDATE;");
    is $locker->line, 'locked', 'the row of a token is locked';
    my $read = get();
    is $read->{status}, 200, 'a request with it is served';
    cmp_ok $read->{seconds}, '<', 1, 'at once';
    $locker->stop;
    sql(q{UPDATE scim.token SET last_used_at = now() - interval '90 seconds' WHERE id = $1}, $org->{token_id});
    is get()->{status}, 200, 'a request with a token that was used a minute ago';
    is +(sql(q{SELECT last_used_at < now() - interval '80 seconds' FROM scim.token WHERE id = $1}, $org->{token_id}))[0][0], 't', 'does not record its use';
}

# Connections to a server that is read-only, as after a failover with an address that
# moves; new connections lead to the right one.
{
    at_once(8, sub { $_[0]->get('/Users?count=1') });
    as_superuser('ALTER ROLE scim SET default_transaction_read_only = off', 'ALTER SYSTEM SET default_transaction_read_only = on', 'SELECT pg_reload_conf()');
    Scim::Server::wait_until('the new setting', 10, sub { (sql('SHOW default_transaction_read_only'))[0][0] eq 'on' });
    my @told = map { post(user_name())->{status} } 1 .. 10;
    is_deeply \@told, [(201) x 10], 'a connection to a server that only reads is opened again, and the write made';
    as_superuser('ALTER SYSTEM RESET default_transaction_read_only', 'SELECT pg_reload_conf()', 'ALTER ROLE scim RESET default_transaction_read_only');
    Scim::Server::wait_until('the old setting', 10, sub { (sql('SHOW default_transaction_read_only'))[0][0] eq 'off' });
}

# A sequence behind its table.
{
    my $last = (sql('SELECT max(sequence) FROM scim.event'))[0][0];
    my $user = $org->create;
    sql(q{SELECT setval('scim.event_sequence_seq', $1::bigint - 5)}, $last);
    my $made = post(user_name());
    is_error($made, 500, undef, 'a sequence behind its table is no userName that is taken');
    like log_of(), qr/23505.*event_pkey.*setval\('scim\.event_sequence_seq'/, 'the log says which, and what helps';
    sql(q{SELECT setval('scim.event_sequence_seq', max(sequence)) FROM scim.event});
    is post($user->{userName})->{status}, 409, 'and a userName that is taken is one';
    is post(user_name())->{status}, 201, 'brought forward, all is well';
}

# PostgreSQL allows fewer connections than httpd may open.
{
    $_->stop_httpd for $httpd, $server;
    as_superuser('ALTER ROLE scim CONNECTION LIMIT 4');
    Scim::Server::wait_until('no connections', 10, sub { !(sql(q{SELECT count(*) FROM pg_stat_activity WHERE usename = 'scim'}))[0][0] });
    $httpd->start_httpd;
    my @told = map { at_once(24, sub { $_[0]->get('/Users?count=1') }) } 1 .. 4;
    is_deeply [grep { !/^200/ } @told], [], 'where PostgreSQL has no place for one more connection, requests take turns';
    as_superuser('ALTER ROLE scim CONNECTION LIMIT -1');
}

unlike log_of(), qr/exit signal|Segmentation/, 'no child crashed';
done_testing;
