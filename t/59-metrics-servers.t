# SPDX-License-Identifier: Apache-2.0
# Metrics and health checks in every kind of httpd: event, worker and prefork, HTTP/2,
# and without a database.
use strict;
use warnings;
use lib 't/lib';
use File::Temp ();
use Scim::Metrics;
use Scim::Test;
use Time::HiRes qw(sleep time);

my $HANDLERS = Scim::Metrics::location() . "<Location /health>\nSetHandler scim-health\nRequire all granted\n</Location>\n";
my $server = own_server(conf => $HANDLERS);     # it is counted
my $org = organization();
my @started;
END { $_->stop_httpd for @started }
sub new_dir { return File::Temp::tempdir('scim-servers-XXXXXX', TMPDIR => 1, CLEANUP => 1) }
sub get { my ($url, $path) = @_; return Scim::Http->new($url)->request(GET => $path, []) }
sub users { my ($httpd, $code) = @_; return qq(scim_requests_total{method="GET",resource="Users",code="$code"}) }

for my $mpm (qw(worker prefork)) {
    my $httpd = Scim::Server->new(dir => new_dir(), database => $server, mpm => $mpm, conf => Scim::Test::locations() . $HANDLERS);
    push @started, $httpd;
    $httpd->start;
    my $metrics = Scim::Metrics->new($httpd->{plain_url});
    my $mine = sub { bless { %$org, http => Scim::Http->new($httpd->{plain_url}) }, ref $org };
    my %more = $metrics->during(20, sub { $mine->()->get('/Users?count=0') for 1 .. 20 });
    is $more{ users($httpd, 200) }, 20, "$mpm: all processes count together";
    is get($httpd->{plain_url}, '/health/ready')->{content}, "ready\n", "$mpm: and know whether they are ready";
    my %before = $metrics->samples;
    my $expected = $before{'scim_db_connections{state="free"}'};
    $httpd->graceful;
    my %after = $metrics->samples;
    is $after{ users($httpd, 200) }, 20, "$mpm: a graceful restart keeps the counters";
    my $pid = $httpd->httpd_pid;
    my $child;
    Scim::Server::wait_until('a new process', 20, sub { ($child) = Scim::Process::run(['pgrep', '-P', $pid])->{out} =~ /(\d+)/; $child });
    kill 'KILL', $child;
    ok Scim::Process::until_true(20, sub { %after = eval { $metrics->samples }; ($after{'scim_db_connections{state="free"}'} // 0) >= $expected }), "$mpm: a process that is killed makes room for another one"
        or diag "$after{'scim_db_connections{state=\"free\"}'} of $expected";
    kill 'STOP', my @frozen = $server->database_pids;
    my @asking = map { Scim::Process->start(sub { get($httpd->{plain_url}, '/health/ready') }) } 1 .. 3;
    sleep 0.5;
    my $start = time;
    $httpd->stop_httpd;
    kill 'CONT', @frozen;
    cmp_ok time - $start, '<', 25, "$mpm: httpd ends while it asks a database that says nothing";
    $_->wait for @asking;
    open my $in, '<', $httpd->{error_log} or die $!;
    unlike do { local $/; <$in> }, qr/exit signal (?!Killed)|Segmentation|Abort/, "$mpm: nothing crashes";
}

my $metrics = Scim::Metrics->new($server->{plain_url});
my $h2 = bless { %$org, transport => 'h2' }, ref $org;
my %more = $metrics->during(5, sub { $h2->get('/Users?count=0') for 1 .. 4; $h2->get('/Users', token => undef) });
is $more{ users($server, 200) }, 4, 'HTTP/2: requests are counted';
is $more{ users($server, 401) }, 1, 'HTTP/2: refusals as well';
is Scim::Test::http('h2')->request(GET => '/health/ready', [])->{content}, "ready\n", 'HTTP/2: health checks work';

# Nothing but metrics
my $dir = new_dir();
my $port = Scim::Server::free_port();
my $user = $> == 0 ? "User www-data\nGroup www-data\n" : '';
mkdir "$dir/htdocs";
chmod 0755, $dir;
my $load = Scim::Server::load_modules() =~ s/^LoadModule dbd_module.*\n//mr;
Scim::Server::write_file("$dir/httpd.conf", "${load}LoadModule scim_module $server->{module}\n${user}ServerRoot $dir\nServerName 127.0.0.1\nListen 127.0.0.1:$port\n"
    . "PidFile $dir/httpd.pid\nMutex file:$dir default\nErrorLog $dir/error_log\nDocumentRoot $dir/htdocs\n" . Scim::Metrics::location());
$server->run(0, Scim::Server::httpd_program(), '-f', "$dir/httpd.conf", '-k', 'start');
Scim::Server::wait_until('httpd answers', 20, sub { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) && -s "$dir/httpd.pid" });
my $text = Scim::Metrics->new("http://127.0.0.1:$port")->text;
like $text, qr/^scim_info\{.*\} 1$/m, 'without mod_dbd, there are the metrics of httpd';
unlike $text, qr/scim_db|scim_token/, 'and none of the database';
open my $in, '<', "$dir/httpd.pid" or die $!;
chomp(my $pid = <$in>);
kill 'TERM', $pid;
Scim::Server::wait_until('httpd ends', 20, sub { !kill 0, $pid });
Scim::Server::write_file("$dir/httpd.conf", "${load}LoadModule scim_module $server->{module}\nServerRoot $dir\nServerName 127.0.0.1\nListen 127.0.0.1:$port\nErrorLog /dev/stderr\n"
    . "<Location /health>\nSetHandler scim-health\n</Location>\n");
my $done = Scim::Process::run([Scim::Server::httpd_program(), '-f', "$dir/httpd.conf", '-t']);
isnt $done->{status}, 0, 'health checks need the database';
like "$done->{out}$done->{err}", qr/SCIM0003/, 'which configtest says';
done_testing;
