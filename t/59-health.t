# SPDX-License-Identifier: Apache-2.0
# Health checks for load balancers: live, and ready, within about a second, whatever
# the database does.
use strict;
use warnings;
use lib 't/lib';
use File::Temp ();
use Scim::Metrics;
use Scim::Process;
use Scim::Test;
use Time::HiRes qw(sleep time);

my $LOCATION = "<Location /health>\nSetHandler scim-health\nRequire all granted\n</Location>\n";
my $ONE_PROCESS = "StartServers 1\nServerLimit 1\nMaxRequestWorkers 25\n";
my $server = own_server(conf => $LOCATION . $ONE_PROCESS, dbd_max => 2);    # it is stopped and frozen
my $org = organization();

sub check {
    my ($path, %how) = @_;
    my $start = time;
    my $r = Scim::Http->new($how{url} // $server->{plain_url})->request($how{method} // 'GET', "/health/$path", []);
    $r->{seconds} = time - $start;
    return $r;
}
sub answer { my ($r) = @_; return "$r->{status} $r->{content}" }
sub becomes {
    my ($expected, $name) = @_;
    my $r;
    my $is_so = Scim::Process::until_true(20, sub { $r = check('ready'); answer($r) eq $expected });
    ok $is_so, $name or diag answer($r);
    cmp_ok $r->{seconds}, '<', 3, "$name: in time";
    return is answer(check('live')), "200 live\n", "$name: httpd is live";
}
my $AWAY = "503 not ready: The database cannot be reached at the moment. Please try again.\n";
my $SILENT = "503 not ready: The database has not answered within a second.\n";
my $UNFIT = "503 not ready: The database does not fit this mod_scim: see SCIM0122 in the error log.\n";
my $FULL = "503 not ready: The server is working on too many requests at the moment. Please try again.\n";

my $ready = check('ready');
is answer($ready), "200 ready\n", 'a server that can serve is ready';
is $ready->{headers}{'cache-control'}, 'no-store', 'which nobody caches';
like $ready->{headers}{'content-type'}, qr{^text/plain}, 'as text';
is answer(check('live')), "200 live\n", 'and live';
my $head = check('ready', method => 'HEAD');
is answer($head), '200 ', 'HEAD says the same without a body';
is "$_->{status} " . join(',', sort split /,/, $_->{headers}{allow}), '405 GET,HEAD', 'other methods are refused' for check('ready', method => 'DELETE'), check('live', method => 'POST');
is check($_)->{status}, 404, "/health/$_ is nothing" for '', 'readyx', 'ready/x', 'LIVE', 'live/';

# One question a second
sub transactions { return (sql(q{SELECT xact_commit FROM pg_stat_database WHERE datname = 'scim'}))[0][0] }
my $before = transactions();
check('ready') for 1 .. 200;
sleep 1.5;
cmp_ok transactions() - $before, '<', 40, 'many checks are one question to the database';

# The tables
my $as_postgres = sub { $server->run(0, $server->psql('-U', 'postgres', '-qX', '-c', @_)) };
$as_postgres->('UPDATE scim.schema_version SET version = version - 100 WHERE version > 4');
becomes($UNFIT, 'tables of another version');
$as_postgres->('UPDATE scim.schema_version SET version = version + 100 WHERE version < 0');
becomes("200 ready\n", 'tables that fit again');
like error_log(), qr/SCIM0122: not ready: The database has schema version 4/, 'the log says what is wrong';
like error_log(), qr/SCIM0123: ready again/, 'and that it is well again';

# All connections are lent
sub lock_table {
    my $locker = Scim::Process->start([$server->psql('-qX')], in => 'pipe');
    $locker->say('BEGIN; LOCK TABLE scim.account IN ACCESS EXCLUSIVE MODE;');
    Scim::Server::wait_until('the lock', 20, sub { (sql(q{SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'scim.account'::regclass}))[0][0] });
    return $locker;
}
my $metrics_of = sub { my %samples = Scim::Metrics->new($_[0])->samples; return %samples };
my $busy = Scim::Server->new(dir => File::Temp::tempdir('scim-health-XXXXXX', TMPDIR => 1, CLEANUP => 1), database => $server, dbd_max => 1,
    conf => Scim::Test::locations() . $LOCATION . Scim::Metrics::location() . $ONE_PROCESS);
$busy->start;
my $locker = lock_table();
my @clients = map { Scim::Process->start(sub { (bless { %$org, http => Scim::Http->new($busy->{plain_url}) }, ref $org)->get('/Users?count=1') }) } 1 .. 6;
my $r;
ok Scim::Process::until_true(4, sub { $r = check('ready', url => $busy->{plain_url}); answer($r) eq $FULL }), 'a server without a free connection is not ready' or diag answer($r);
cmp_ok $r->{seconds}, '<', 2, 'which it says in time';
my %samples = $metrics_of->($busy->{plain_url});
is $samples{'scim_db_connections{state="in_use"}'}, 1, 'the metrics show that they are in use';
is $samples{'scim_db_connections{state="free"}'}, 0, 'and that none is free';
$locker->close_input;
$locker->wait;
$_->wait for @clients;
ok Scim::Process::until_true(20, sub { answer(check('ready', url => $busy->{plain_url})) eq "200 ready\n" }), 'it is ready again';
%samples = $metrics_of->($busy->{plain_url});
is $samples{'scim_db_connections{state="in_use"}'}, 0, 'and no connection is lent';
$busy->stop;

# Frozen
kill 'STOP', $server->database_pids;
becomes($SILENT, 'a database that says nothing');
my @many = map { Scim::Process->start(sub { my $r = check('ready'); printf "%d %.1f\n", $r->{status}, $r->{seconds} }, out => 'pipe') } 1 .. 10;
my @said = map { $_->line } @many;
is_deeply [grep { !/^503 [0-2]\.\d$/ } @said], [], 'ten checks at once are answered in time' or diag "@said";
kill 'CONT', $server->database_pids;
becomes("200 ready\n", 'a database that speaks again');

# Stopped
$server->stop_database;
becomes($AWAY, 'a database that is stopped');
$server->graceful;
becomes($AWAY, 'a new process without a database');
unlike answer(check('ready')), qr/postgres|socket|host|\//i, 'the answer has nothing of how it is reached';
$server->start_database;
becomes("200 ready\n", 'a database that is back');

# A process that ends while it asks
kill 'STOP', my @frozen = $server->database_pids;
my @asking = map { Scim::Process->start(sub { check('ready') }) } 1 .. 4;
sleep 0.3;
my $start = time;
$server->stop_httpd;
kill 'CONT', @frozen;
cmp_ok time - $start, '<', 25, 'httpd can be stopped at any time';
$_->wait for @asking;
unlike error_log(), qr/exit signal (?!Killed)|Segmentation|Abort/, 'no process crashed';
done_testing;
