# SPDX-License-Identifier: Apache-2.0
# examples/patroni/: a primary that is replaced while clients write, by a switchover
# and because its machine is gone, and a standby that is lost.
#
# SCIM_TEST_PATRONI=1 installs Debian's Patroni and etcd and runs all of it, in two
# minutes; SCIM_TEST_PATRONI=5 does so five times, which needs SCIM_TEST_LIMIT=900.
# Without it, only the files are checked.
use strict;
use warnings;
use lib 't/lib';
use CPAN::Meta::YAML ();
use File::Temp ();
use IO::Socket::INET ();
use JSON::PP ();
use List::Util qw(max min);
use Scim::Http;
use Scim::Journal;
use Scim::Process;
use Scim::Server;
use Scim::Test;
use Time::HiRes qw(time);

my $EXAMPLE = 'examples/patroni';
my $WRITERS = 16;
my $AT_MOST = 6;                # seconds from writes that are possible to one that is done
my $rounds = $ENV{SCIM_TEST_PATRONI} || 0;

# Below the folder: postgres and www-data must get there.
my $dir = File::Temp::tempdir('scim-patroni-XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0755, $dir;
my $port = free_ports(9);
my %given = (DIR => "$dir/cluster", PORT => $port);

# The first of a number of free ports in a row.
sub free_ports {
    my ($count) = @_;
    for (1 .. 100) {
        my $first = Scim::Server::free_port();
        my @free = grep { IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $_, Listen => 1) } $first .. $first + $count - 1;
        return $first if @free == $count;
    }
    die "no free ports\n";
}

sub command {
    my (@command) = @_;
    local %ENV = (%ENV, %given);
    return Scim::Process::run(\@command, limit => 200);
}

sub must {
    my $done = command(@_);
    die "failed: @_\n$done->{out}$done->{err}" if $done->{status};
    return $done->{out};
}

sub cluster { return must("$EXAMPLE/cluster", @_) }

# The files
is command('sh', '-n', "$EXAMPLE/cluster")->{status}, 0, 'the command is a shell script without an error in it';
my $patroni = (CPAN::Meta::YAML->read("$EXAMPLE/patroni.yml") || [{}])->[0]{bootstrap}{dcs};
is $patroni->{synchronous_mode}, 'true', 'patroni.yml is YAML, and replication is synchronous';
cmp_ok $patroni->{ttl}, '>=', max(20, $patroni->{loop_wait} + 2 * $patroni->{retry_timeout}), 'its times go together as Patroni wants them';
{
    my $files = "$dir/httpd";
    mkdir $files;
    local %ENV = (%ENV, FILES => $files, HTTP_PORT => $port, HOSTS => '127.0.0.1,127.0.0.1', PORTS => '1,2',
                  MODULES => Scim::Server::modules_dir(), MOD_SCIM => Scim::Server::root() . '/.libs/mod_scim.so');
    my $done = Scim::Process::run([Scim::Server::httpd_program(), $> == 0 ? ('-D', 'ROOT') : (), '-f', Scim::Server::root() . "/$EXAMPLE/httpd.conf", '-t']);
    is $done->{status}, 0, 'httpd takes httpd.conf' or diag $done->{err};
    unlike $done->{err}, qr/SCIM\d/, 'and mod_scim warns of nothing in it';
    my ($params) = must('cat', "$EXAMPLE/httpd.conf") =~ /^DBDParams "(.*)"$/m;
    is_deeply [grep { ($params // '') !~ /\b$_=/ } qw(target_session_attrs connect_timeout tcp_user_timeout keepalives_idle)], [],
        'its connections are to a primary, and notice when that is gone';
}
SKIP: {
    skip 'Patroni is not installed', 1 unless -x '/usr/bin/patroni';
    # It looks whether etcd listens, and whether nobody else does.
    my $etcd = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5) or die "$!\n";
    my ($bin) = Scim::Server::pg('pg_ctl') =~ m{(.*)/};
    local %ENV = (%ENV, PATRONI_NAME => 'node1', PATRONI_ETCD3_HOST => '127.0.0.1:' . $etcd->sockport,
        PATRONI_POSTGRESQL_DATA_DIR => "$dir/none", PATRONI_POSTGRESQL_BIN_DIR => $bin,
        (map { ("PATRONI_${_}_PASSWORD" => 'secret') } qw(SUPERUSER REPLICATION REWIND)),
        PATRONI_POSTGRESQL_LISTEN => '127.0.0.1:' . ($port + 3), PATRONI_RESTAPI_LISTEN => '127.0.0.1:' . ($port + 4),
        # It does not accept an address of a single machine.
        PATRONI_POSTGRESQL_CONNECT_ADDRESS => '192.0.2.1:5432', PATRONI_RESTAPI_CONNECT_ADDRESS => '192.0.2.1:8008');
    my $done = Scim::Process::run(['patroni', '--validate-config', "$EXAMPLE/patroni.yml"]);
    is $done->{out} . $done->{err}, '', 'Patroni takes patroni.yml';
}
if (!$rounds) {
    note 'SCIM_TEST_PATRONI=1 starts it';
    done_testing;
    exit;
}

# The cluster
my $stopped = 0;
my $main = $$;
END {
    my $status = $?;
    command("$EXAMPLE/cluster", 'stop') if $rounds && $$ == $main && !$stopped && -d $given{DIR};
    $? = $status;
}
note cluster('start');
open my $environment, '<', "$given{DIR}/environment" or die "$!\n";
my %env = map { /(\w+)=(\S+)/g } <$environment>;
close $environment;
@ENV{ keys %env } = values %env;
my @ports = split /,/, $env{PGPORT};

# Rows of a query, on the primary.
sub ask {
    my ($statement) = @_;
    return map { [split /\t/, $_, -1] } split /\n/, must(Scim::Server::pg('psql'), '-XqAt', '-F', "\t", '-v', 'ON_ERROR_STOP=1', '-c', $statement);
}

# Name of node => its state in Patroni.
sub members {
    my $list = JSON::PP::decode_json(must('patronictl', '-c', "$given{DIR}/patroni.yml", 'list', '-f', 'json'));
    return map { $_->{Member} => $_ } @$list;
}

sub with_role {
    my ($role) = @_;
    my %members = members();
    return grep { $members{$_}{Role} eq $role } sort keys %members;
}

# All three have their roles: one primary, one synchronous standby, another standby, on
# one timeline.
sub wait_for_order {
    Scim::Server::wait_until('the cluster is in order', 120, sub {
        my %members = members();
        my %roles = map { $members{$_}{Role} => $_ } grep { $members{$_}{State} =~ /^(?:running|streaming)$/ } keys %members;
        my %timelines = map { ($_->{TL} // '') => 1 } values %members;
        return join(',', sort keys %roles) eq 'Leader,Replica,Sync Standby' && keys %timelines == 1;
    });
}

sub scimctl { return must(Scim::Server::scimctl_program(), @_) }

# The methods that the audit of a journal needs, as in Scim::Server.
sub Scim::Test::Patroni::psql { my ($self, @arguments) = @_; return (Scim::Server::pg('psql'), @arguments) }
sub Scim::Test::Patroni::scimctl { my ($self, @arguments) = @_; return (Scim::Server::scimctl_program(), @arguments) }
my $cluster = bless {}, 'Scim::Test::Patroni';

my $accounts = File::Temp->new;
print $accounts "userName,displayName,role\nadmin\@example.com,Administrator,ADMIN\n";
close $accounts;

# An organization of its own for each journal.
sub new_organization {
    my $key = random_name();
    scimctl('org', 'add', $key, '--name', $key);
    scimctl('account', 'import', $key, "$accounts");
    scimctl('org', 'enable', $key);
    my ($token) = scimctl('token', 'generate', $key, '--issuer', 'admin@example.com', '--name', 'test') =~ /(scim_\w+)/;
    my ($ids) = ask("SELECT o.id, a.id FROM scim.organization o JOIN scim.account a ON organization_id = o.id WHERE key = '$key'");
    return bless { profile => 'managed', key => $key, id => $ids->[0], issuer => $ids->[1], token => $token,
                   http => Scim::Http->new("http://127.0.0.1:$port") }, 'Scim::Test::Org';
}
is new_organization()->get('/Users')->{json}{totalResults}, 1, 'mod_scim serves, on the cluster';

{
    local %ENV = (%ENV, PGPASSFILE => '/dev/null', PGHOST => '127.0.0.1', PGTARGETSESSIONATTRS => 'any');
    my @let_in;
    for my $node (@ports) {
        push @let_in, grep { !command(Scim::Server::pg('psql'), '-w', '-p', $node, '-U', $_, '-c', 'SELECT 1')->{status} } qw(postgres scim scim_owner replicator rewinder);
    }
    is_deeply \@let_in, [], 'and no node lets anybody in without a password';
}

# A reader of the feed, all the time.
my $seen = "$dir/events";
my $follower = Scim::Process->start([Scim::Server::scimctl_program(), '--json', 'events', '--follow'], out => $seen, err => "$dir/events.err");
my ($httpd) = split /\n/, must('cat', "$given{DIR}/httpd/httpd.pid");

# The time when one of these nodes accepts a session that may write.
sub watch {
    my (@nodes) = @_;
    return Scim::Process->start(sub {
        my $end = time + 120;
        while (time < $end) {
            for my $node (@nodes) {
                my ($number) = $node =~ /(\d+)/;
                local %ENV = (%ENV, PGHOST => '127.0.0.1', PGPORT => $ports[$number - 1], PGCONNECT_TIMEOUT => 2);
                my $done = Scim::Process::run([Scim::Server::pg('psql'), '-XqAt', '-c', 'SELECT 1']);
                next if $done->{status};
                printf "%.3f\n", time;
                return;
            }
            select undef, undef, undef, 0.02;
        }
    }, out => 'pipe');
}

# Do something to the cluster under load.  "Open" is the time when one of the watched
# nodes accepts writes or, without these, when it was done.
my $writes = 0;
sub under_load {
    my ($name, $do, @watched) = @_;
    my $journal = Scim::Journal->start(new_organization(), writers => $WRITERS, url => "http://127.0.0.1:$port");
    $journal->wait_for(200);
    my $watch = @watched ? watch(@watched) : undef;
    my $begin = time;
    $do->();
    my $open = $watch ? $watch->line(120) : $begin;
    my $later = $journal->first_good($open);
    $journal->wait_for(200);
    my $audit = $journal->stop->audit($cluster);
    $writes += $audit->count('acknowledged');
    note sprintf '%s: open after %.2f s, the first write %.2f s later; no write for %.2f s, no answer for %.2f s at most; %s', $name,
        $open - $begin, $later, $audit->{gap}, $audit->{slowest}, join ', ', map { "$_: " . $audit->count($_) } qw(acknowledged unavailable unanswered);
    is_deeply $audit->faults, {}, "$name: nothing is lost, doubled or wrong" or diag explain $audit->faults;
    is $audit->count('unanswered'), 0, "$name: every request is answered";
    cmp_ok $later, '<=', $AT_MOST, "$name: a write is done at most $AT_MOST s after a primary takes some";
}

wait_for_order();
for (1 .. $rounds) {
    my ($primary) = with_role('Leader');
    my ($standby) = with_role('Sync Standby');
    under_load('a switchover', sub {
        must('patronictl', '-c', "$given{DIR}/patroni.yml", 'switchover', 'scim', '--leader', $primary, '--candidate', $standby, '--force');
    }, $standby);
    wait_for_order();

    ($primary) = with_role('Leader');
    under_load('the primary is killed', sub { cluster('kill', $primary) }, grep { $_ ne $primary } map { "node$_" } 1 .. @ports);
    cluster('start', $primary);
    wait_for_order();

    ($standby) = with_role('Sync Standby');
    under_load('the synchronous standby is killed', sub { cluster('kill', $standby) });
    cluster('start', $standby);
    wait_for_order();
}
note "$writes acknowledged writes";
is +(split /\n/, must('cat', "$given{DIR}/httpd/httpd.pid"))[0], $httpd, 'httpd was not touched';

# The messages for the reader of the feed
my @events = map { $_->[0] } ask('SELECT sequence FROM scim.event');
my $read = sub {
    open my $in, '<', $seen or return ();
    return map { JSON::PP::decode_json($_)->{sequence} } grep { /\n/ } <$in>;
};
Scim::Process::until_true(30, sub { $read->() >= @events });
$follower->stop;
my %times;
$times{$_}++ for $read->();
is_deeply [grep { !$times{$_} } @events], [], 'the reader of the feed missed nothing';
is_deeply [grep { $times{$_} > 1 } sort keys %times], [], 'and saw nothing twice';
cluster('stop');
$stopped = 1;
is +(must('ps', '-eo', 'args') =~ /\Q$given{DIR}\E/ ? 1 : 0), 0, 'nothing is left running';
done_testing;
