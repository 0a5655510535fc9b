# SPDX-License-Identifier: Apache-2.0
# Who writes the log of requests: in each of httpd's ways to work, to the end of a
# process, through an absence of the database and a lock, and within its bounds.
use strict;
use warnings;
use lib 't/lib';
use File::Temp ();
use Scim::Http;
use Scim::Process;
use Scim::Server;
use Scim::Test;
use Time::HiRes qw(sleep time);

my $org;
sub requests { return (sql('SELECT coalesce(sum(requests), 0) FROM scim.request WHERE organization_id = $1', $org->{id}))[0][0] }
sub sums { return (sql('SELECT coalesce(sum(requests), 0) FROM scim.request_hour WHERE organization_id = $1', $org->{id}))[0][0] }
sub in_log { my ($count, $what) = @_; return Scim::Server::wait_until($what, 15, sub { requests() == $count }) }

my $database = own_server();    # it goes away
$database->stop_httpd;          # which would have connections, too
my $conf = "StartServers 1\nServerLimit 1\nSCIMRateLimit 0\n<Location /scim>\nSetHandler scim\nRequire all granted\n</Location>\n";
my $httpd;
END { $httpd->stop if $httpd }

sub start {
    my ($mpm) = @_;
    my $dir = File::Temp::tempdir("own-$mpm-XXXXXX", TMPDIR => 1, CLEANUP => 1);
    $httpd = Scim::Server->new(dir => $dir, database => $database, mpm => $mpm, threads => $mpm eq 'prefork' ? 1 : 10, conf => $conf)->start;
    return $org = organization(http => Scim::Http->new($httpd->{url}));
}
sub log_of_httpd { open my $in, '<', $httpd->{error_log} or die $!; local $/; return scalar <$in> }

for my $mpm (qw(prefork worker event)) {
    start($mpm);
    $org->filter("userName eq \"$org->{issuer_name}\"") for 1 .. 5;
    in_log(5, "$mpm: the requests");
    pass "$mpm: requests are written while it runs";
    $org->filter("userName eq \"$org->{issuer_name}\"") for 1 .. 5;
    $httpd->run(0, Scim::Server::httpd_program(), '-f', $httpd->{conf_file}, '-k', 'graceful');
    in_log(10, "$mpm: the requests of the process that ends");
    pass "$mpm: what a process has at its end is written";
    $org->get("/Users/$org->{issuer}") for 1 .. 5;
    sleep 0.3;      # an answer is sent before the request is logged
    my $start = time;
    $httpd->stop_httpd;
    cmp_ok time - $start, '<', 8, "$mpm: it ends soon";
    is requests(), 15, "$mpm: and has written all when it is stopped";
    is sums(), 15, "$mpm: the sums are the same";
    unlike log_of_httpd(), qr/exit signal|SCIM0157/, "$mpm: without a word";
}

# While a batch is written, requests wait for the connection
sub connections { return (sql(q{SELECT count(*) FROM pg_stat_activity WHERE usename = 'scim'}))[0][0] }
Scim::Server::wait_until('the connections of the ones before to go', 10, sub { connections() == 0 });
start('prefork');
$org->get('/Users?count=0');
sleep 1;        # the first request of a process has its errands done (scim_errands.h)
my ($first, $until) = (connections(), time + 3);
$org->get('/Users?count=0') while time < $until;
is connections(), $first, 'the process of prefork opens no other one';
$httpd->stop_httpd;

# The database goes, with requests in a batch
start('event');
$org->get("/Users/$org->{issuer}") for 1 .. 3;
$database->stop_database;
is $org->get('/Users?count=0')->{status}, 503, 'the database is away';
sleep 2;
$database->start_database;
in_log(3, 'the requests before it went');
is scalar(() = log_of_httpd() =~ /SCIM0157/g), 1, 'the log has one message of it';
my $again = qr/SCIM0158: requests are written to the log of requests again; 0 are missing/;
Scim::Server::wait_until('a message of its end', 10, sub { log_of_httpd() =~ $again });     # which follows the commit
is scalar(() = log_of_httpd() =~ /$again/g), 1, 'and one of its end';

# What is too old cannot be deleted
$httpd->stop_httpd;
start('event');
sql('REVOKE DELETE ON scim.request FROM scim');
$org->get("/Users/$org->{issuer}") for 1 .. 3;
in_log(3, 'the requests');
sleep 2.5;
is requests(), 3, 'requests are written once, although old ones cannot be deleted';
is scalar(() = log_of_httpd() =~ /SCIM0161: old requests are not deleted from the log of requests: /g), 1, 'of which the log has a message';
unlike log_of_httpd(), qr/SCIM0157/, 'and no other one';
sql('GRANT DELETE ON scim.request TO scim');

# The answer to a batch was lost
my ($prepare) = Scim::Process::run(['awk', '-v', 'to=psql', '-f', 'storage/statements.awk', 'storage/statements.sql'])->{out} =~ /^(PREPARE "REQUESTS_WRITE".*;)$/m;
my $batch = join ', ', map { "'{$_}'" } "$org->{id},$org->{id}", '1700000000123456,1700000000223456', "$org->{token_id},$org->{token_id}", 'test,test', 'GET,GET', '/a,/b',
    'NULL,NULL', 'NULL,NULL', '200,200', 'NULL,NULL', 'NULL,NULL', 'NULL,NULL', 'r1,r2', '1,1', '1,1', '0,0', '0,0', '0,0', '', '';
my $written = Scim::Process::run([$database->psql('-U', 'scim', '-qAtX', '-v', 'ON_ERROR_STOP=1', '-f', '-')], input => "$prepare\n" . "EXECUTE \"REQUESTS_WRITE\"($batch);\n" x 2);
is $written->{err}, '', 'a batch whose answer was lost is written again';
is requests(), 5, 'and is there once';
is sums(), 5, 'also in the sums';

# Nobody waits for it
$httpd->stop_httpd;
start('event');
my $locker = Scim::Process->start([$database->psql('-qAtX')], in => 'pipe', out => 'pipe');
$locker->say(q{BEGIN; LOCK TABLE scim.request IN ACCESS EXCLUSIVE MODE; SELECT 'locked';});
$locker->line;
my $slowest = 0;
for (1 .. 2200) {
    my $began = time;
    $org->post('/Users', {});
    $slowest = time - $began if $slowest < time - $began;
}
cmp_ok $slowest, '<', 1.5, 'no request waits while the log cannot be written';
$locker->stop;
in_log(2200, 'all of them');
cmp_ok + (sql(q{SELECT count(*) FROM scim.request WHERE organization_id = $1}, $org->{id}))[0][0], '<', 2200, 'refusals beyond a thousand in a batch are counted together';
is sums(), 2200, 'and the sums have all of them';

# A database that is silent while a batch is written does not outlast the process
sub database { my ($signal) = @_; kill $signal, $database->database_pids; return }
$org->get("/Users/$org->{issuer}");
sleep 0.5;
database('STOP');
sleep 2;        # by now the thread waits for its answer
my $before = length log_of_httpd();
my $start = time;
$httpd->stop_httpd;
cmp_ok time - $start, '<', 8, 'a silent database does not hold up the end';
database('CONT');
my $said = substr log_of_httpd(), $before;
like $said, qr/SCIM0157(?!.*the thread did not end)/, 'the thread has ended, and told what is lost';
unlike $said, qr/exit signal/, 'before its process';
done_testing;
