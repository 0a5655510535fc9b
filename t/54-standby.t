# SPDX-License-Identifier: Apache-2.0
# A standby at the address of the primary is never queried, and a promoted one is used,
# with an address that moves and with a list of hosts.
use strict;
use warnings;
use lib 't/lib';
use File::Path qw(make_path);
use File::Temp ();
use Scim::Pooler;
use Scim::Proxy;
use Scim::Test;
use Time::HiRes qw(sleep time);

my $server = own_server();      # it is stopped
my $standby = "$server->{dir}/standby";

sub pg_ctl { my (@how) = @_; return $server->run(1, Scim::Server::pg('pg_ctl'), '-D', $standby, '-w', '-t', '60', @how) }

# A copy of it that follows it, with a folder for its socket.
sub make_standby {
    make_path("$server->{dir}/run2");
    if (my $user = Scim::Server::database_user()) {
        my (undef, undef, $uid, $gid) = getpwnam $user;
        make_path($standby);
        chown $uid, $gid, "$server->{dir}/run2", $standby;
        chmod 0700, $standby;
    }
    open my $out, '>>', "$server->{pgdata}/pg_hba.conf" or die "$!";
    print $out "local replication all peer map=scim\n";
    close $out;
    $server->run(1, Scim::Server::pg('pg_ctl'), '-D', $server->{pgdata}, 'reload');
    $server->run(1, Scim::Server::pg('pg_basebackup'), '-h', $server->{pghost}, '-U', 'postgres', '-D', $standby, '-R', '-X', 'stream', '-c', 'fast', '--no-sync');
    $server->run(1, 'sh', '-c', "echo \"unix_socket_directories = '$server->{dir}/run2'\" >> $standby/postgresql.auto.conf");
    pg_ctl('-l', "$standby/server.log", 'start');
}

END { eval { pg_ctl('-m', 'immediate', 'stop') } if -e "$standby/postmaster.pid" }

my $proxy = Scim::Proxy->new;
sub httpd {
    my ($params) = @_;
    return Scim::Server->new(dir => File::Temp::tempdir('scim-standby-XXXXXX', TMPDIR => 1, CLEANUP => 1), database => $server,
        conf => Scim::Test::locations() . "DBDParams \"dbname=scim user=scim connect_timeout=2 $params\"\n")->start;
}
make_standby();
$proxy->to("$server->{dir}/run2/.s.PGSQL.5432");
my $moving = httpd("host=127.0.0.1 port=@{[$proxy->port]} sslmode=disable");
my $listed = httpd("host=$server->{dir}/run2,$server->{pghost} target_session_attrs=read-write");
my $pooler = Scim::Pooler->new($server, mode => 'transaction', size => 4, leads_to => "host=127.0.0.1 port=@{[$proxy->port]}")->start;
my $pooled = $pooler->httpd('SCIMPreparedStatements Off');
END { $_->stop for grep { $_ } $moving, $listed, $pooler }

my $org = organization();
my %of = map { $_->[0] => bless { %$org, http => Scim::Http->new($_->[1]{url}) }, ref $org } ['an address that moves', $moving], ['a list of hosts', $listed];
my $at = $of{'an address that moves'};
sub post { my ($to) = @_; return $to->post('/Users', { userName => user_name(), displayName => 'Standing by' }) }
sub log_of { open my $in, '<', $_[0]{error_log} or die "$!"; local $/; return scalar <$in> }

my $user = $org->create;
Scim::Server::wait_until('the standby has it', 10, sub {
    my $done = Scim::Process::run([Scim::Server::pg('psql'), '-h', "$server->{dir}/run2", '-U', 'scim_owner', '-d', 'scim', '-qAtX',
                                   '-c', "SELECT count(*) FROM scim.account WHERE id = '$user->{id}'"]);
    return $done->{out} =~ /^1/;
});
my $check = Scim::Process::run([Scim::Server::scimctl_program(), '--json', '--db', "host=$server->{dir}/run2 dbname=scim user=scim_owner", 'check']);
is $check->{status}, 1, 'scimctl check at a standby finds a problem';
like $check->{out}, qr/"name":"primary","status":"problem","text":"The server is a standby, which takes no changes.*target_session_attrs=read-write/, 'and says what to do';
for my $what (["GET of an account", sub { $at->get("/Users/$user->{id}") }], ['a match query', sub { $at->filter("userName eq \"$user->{userName}\"") }],
              ['POST', sub { post($at) }], ['PATCH', sub { $at->patch_ops($user->{id}, { op => 'replace', path => 'title', value => 'x' }) }],
              ['a bulk request', sub { $at->post('/Bulk', { schemas => [BULK], Operations => [map { { method => 'POST', path => '/Users', bulkId => $_, data => { userName => user_name() } } } 1 .. 3] }) }],
              ['an unknown token', sub { $at->get('/Users', token => 'scim_' . '0' x 64) }]) {
    my $r = $what->[1]->();
    is_error($r, 503, undef, "$what->[0] at a standby is 503");
    like $r->{headers}{'retry-after'}, qr/^[1-9]\d*$/, "$what->[0]: with Retry-After";
}
like log_of($moving), qr/the server is a standby \(pg_is_in_recovery\): .*target_session_attrs=read-write/, 'the log says why, and what helps';
is $of{'a list of hosts'}->get("/Users/$user->{id}")->{status}, 200, 'a list of hosts leads to the primary';

# The address moves to the primary.
$proxy->to("$server->{pghost}/.s.PGSQL.5432");
is $at->get("/Users/$user->{id}")->{status}, 200, 'when the address has moved, the next request is served';
is post($at)->{status}, 201, 'and a change is made';

# Behind PgBouncer the address moves back and forth, while httpd's connections stay.
my $behind = bless { %$org, http => Scim::Http->new($pooled->{url}) }, ref $org;
my $later = post($at)->{json};
$proxy->cut;
Scim::Server::wait_until('PgBouncer leads to the primary', 10, sub { $behind->get("/Users/$later->{id}")->{status} == 200 });
$proxy->to("$server->{dir}/run2/.s.PGSQL.5432");
$proxy->cut;
my @behind = map { $behind->get("/Users/$later->{id}") } 1 .. 8;
is_deeply [grep { $_->{status} != 503 } @behind], [], 'PgBouncer leads to a standby all of a sudden: 503';
like log_of($pooled), qr/the server is a standby/, 'and the log says why';
$proxy->to("$server->{pghost}/.s.PGSQL.5432");
$proxy->cut;
Scim::Server::wait_until('it leads to the primary again', 10, sub { $behind->get("/Users/$later->{id}")->{status} == 200 });
is post($behind)->{status}, 201, 'when it leads to the primary again, all is served';

# The same for a bulk request that began on another server: at its end it checks that
# the server is the same.  This one has not received the account yet.
sub on_standby { my ($statement) = @_; return $server->run(1, Scim::Server::pg('psql'), '-h', "$server->{dir}/run2", '-U', 'postgres', '-d', 'scim', '-qAtX', '-c', $statement) }
on_standby('SELECT pg_wal_replay_pause()');
my $unseen = post($at)->{json};
my $console = $pooler->psql(database => 'pgbouncer', user => 'scim_owner');
for (1 .. 2) {
    my $bulk = Scim::Process->start(sub {
        my $r = $behind->post('/Bulk', { schemas => [BULK], Operations => [
            map { { method => 'PATCH', path => "/Users/$unseen->{id}", data => { Operations => [{ op => 'replace', path => 'title', value => "t$_" }] } } } 1 .. 400] });
        print "$r->{status}\n";
    }, out => 'pipe');
    sleep 0.3;
    $proxy->to("$server->{dir}/run2/.s.PGSQL.5432");
    $console->say('RECONNECT;');      # running statements are not ended
    is $bulk->line, 503, 'a bulk request that PgBouncer leads to a standby on its way is 503 as a whole';
    $bulk->wait;
    $proxy->to("$server->{pghost}/.s.PGSQL.5432");
    $proxy->cut;
    Scim::Server::wait_until('it leads to the primary again', 10, sub { $behind->get("/Users/$later->{id}")->{status} == 200 });
}
$console->stop;
on_standby('SELECT pg_wal_replay_resume()');

# The primary is lost; the standby is promoted a moment later.
my %first = map { $_ => post($of{$_})->{json}{id} } sort keys %of;
Scim::Server::wait_until('the standby has all', 10, sub {
    (sql('SELECT count(*) FROM pg_stat_replication WHERE replay_lsn = pg_current_wal_lsn()'))[0][0];
});
$server->stop_database;
$proxy->cut;
$proxy->to("$server->{dir}/run2/.s.PGSQL.5432");
for my $name (sort keys %of) {
    my @told = map { $_->{status} } $of{$name}->get("/Users/$first{$name}"), post($of{$name});
    is_deeply \@told, [503, 503], "$name: while there is only a standby, all is 503";
}
pg_ctl('promote');
my $promoted = time;
my %back;
while (keys %back < keys %of && time - $promoted < 15) {
    for my $name (grep { !$back{$_} } sort keys %of) {
        my $r = post($of{$name});
        $back{$name} = time - $promoted if $r->{status} == 201;
        is $r->{status}, 503, "$name: nothing else is said" if $r->{status} != 201 && $r->{status} != 503;
    }
    sleep 0.05;
}
for my $name (sort keys %of) {
    cmp_ok $back{$name} // 99, '<', 6, "$name: changes are made within six seconds of the promotion";
    is $of{$name}->get("/Users/$first{$name}")->{status}, 200, "$name: and what was created before is there";
}
unlike log_of($_), qr/exit signal|Segmentation/, 'no child crashed' for $moving, $listed;
done_testing;
