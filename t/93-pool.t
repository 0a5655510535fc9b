# SPDX-License-Identifier: Apache-2.0
# The pool of database connections: slow clients keep none, and requests do not wait
# for ever for a full pool.
use strict;
use warnings;
use lib 't/lib';
use IO::Select;
use Scim::Process;
use Scim::Test;
use Socket qw(SOL_SOCKET SO_RCVBUF);

own_server();           # its tables are locked
my $org = organization();
sql(q{INSERT INTO scim.account (organization_id, user_name, display_name, attributes)
      SELECT $1, 'slow' || n || '@example.com', repeat('x', 3000), '{}' FROM generate_series(1, 1000) n}, $org->{id});

sub open_request {
    my ($path) = @_;
    my $http = Scim::Http->new(server()->{url});
    setsockopt $http->connect, SOL_SOCKET, SO_RCVBUF, pack 'l', 4096;
    print { $http->{socket} } 'GET ' . $org->path . "$path HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer $org->{token}\r\n\r\n";
    $http->{socket}->flush;
    return $http;
}

# More slow readers than a child has connections.
my $lent = server()->{dbd_max};
my @slow = map { open_request('/Users?count=1000') } 1 .. 2 * $lent + 8;
is $_->read_head->{status}, 200, 'a large answer begins' for @slow;
is $org->get('/Users?count=1')->{status}, 200, 'while nobody reads the large answers, others are served' for 1 .. 50;
@slow = ();

# All connections wait for a lock, as during a migration.
my $locker = Scim::Process->start([server()->psql('-qX')], in => 'pipe');
$locker->say('BEGIN; LOCK TABLE scim.account IN ACCESS EXCLUSIVE MODE;');
Scim::Server::wait_until('the lock', 20, sub {
    (sql(q{SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'scim.account'::regclass}))[0][0] > 0;
});
my @waiting = map { open_request('/Users?count=1') } 1 .. 4 * $lent + 8;
my (%count, @answers);
Scim::Server::wait_until('a refusal', 30, sub {
    my %ready = map { $_ => 1 } IO::Select->new(map { $_->{socket} } @waiting)->can_read(0.1);
    push @answers, map { $_->answer('GET') } grep { $ready{ $_->{socket} } } @waiting;
    @waiting = grep { !$ready{ $_->{socket} } } @waiting;
    return grep { $_->{status} == 503 } @answers;
});
is $answers[0]{status}, 503, 'a request that gets no connection is answered 503';
like $answers[0]{headers}{'retry-after'}, qr/^[1-9]\d*$/, 'with Retry-After';
like $answers[0]{content}, qr/urn:ietf:params:scim:api:messages:2.0:Error/, 'as SCIM';
$locker->say('COMMIT;');
$locker->close_input;
push @answers, map { $_->answer('GET') } @waiting;
$count{ $_->{status} }++ for @answers;
note join ', ', map { "$_: $count{$_}" } sort keys %count;
is_deeply [grep { !/^(?:200|503)$/ } keys %count], [], 'the others are served when the lock is gone';
cmp_ok $count{200} // 0, '>=', $lent, 'as many as there are connections';
is $org->get('/Users?count=1')->{status}, 200, 'and the service goes on' for 1 .. 20;

done_testing;
