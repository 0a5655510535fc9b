# The pool of database connections: slow clients keep none, and a full pool is
# answered, not waited for without end.
use strict;
use warnings;
use lib 't/lib';
use IO::Select;
use IO::Socket::INET;
use Scim::Test;

my $org = organization();
sql(q{INSERT INTO scim.account (organization_id, user_name, display_name, attributes)
      SELECT $1, 'slow' || n || '@example.com', repeat('x', 3000), '{}' FROM generate_series(1, 1000) n}, $org->{id});

sub open_request {
    my ($path) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => server()->{port}) or die "connect: $!";
    setsockopt $socket, SOL_SOCKET, SO_RCVBUF, pack 'l', 4096;
    print {$socket} 'GET ' . $org->path . "$path HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer $org->{token}\r\n\r\n";
    $socket->flush;
    return $socket;
}

# More slow readers than one child may borrow connections.
my $lent = server()->{dbd_max};
my @slow = map { open_request('/Users?count=1000') } 1 .. 2 * $lent + 8;
for my $socket (@slow) {
    IO::Select->new($socket)->can_read(60) or die 'a slow reader was not answered';
    sysread $socket, my $some, 100;
    like $some, qr{^HTTP/1.1 200}, 'a large answer begins';
}
is $org->get('/Users?count=1')->{status}, 200, 'while nobody reads the large answers, others are served' for 1 .. 50;
close $_ for @slow;

# All connections are kept waiting by a lock, as by a migration.
my $psql = Scim::Server::pg('psql');
open my $locker, '|-', $psql, '-qX', '-h', server()->{pghost}, '-U', 'scim', '-d', 'scim', '-o', '/dev/null' or die "psql: $!";
$locker->autoflush(1);
print $locker "BEGIN; LOCK TABLE scim.account IN ACCESS EXCLUSIVE MODE;\n";
Scim::Server::wait_until('the lock', 20, sub {
    (sql(q{SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'scim.account'::regclass}))[0][0] > 0;
});
my @waiting = map { open_request('/Users?count=1') } 1 .. 4 * $lent + 8;
my (%count, @answers);
my $refused = 0;
Scim::Server::wait_until('a refusal', 30, sub {
    for my $socket (IO::Select->new(grep { defined } @waiting)->can_read(0.1)) {
        local $/;
        my $answer = readline $socket;
        push @answers, $answer;
        $refused++ if $answer =~ m{^HTTP/1.1 503};
        $_ = undef for grep { defined && $_ == $socket } @waiting;
    }
    return $refused;
});
like $answers[0], qr{^HTTP/1.1 503}, 'a request that gets no connection is answered 503';
like $answers[0], qr{^Retry-After: [1-9]\d*\r}m, 'with Retry-After';
like $answers[0], qr/urn:ietf:params:scim:api:messages:2.0:Error/, 'as SCIM';
print $locker "COMMIT;\n";
close $locker;
for my $socket (grep { defined } @waiting) {
    local $/;
    push @answers, scalar readline $socket;
}
$count{$_}++ for map { m{^HTTP/1.1 (\d+)} } @answers;
note join ', ', map { "$_: $count{$_}" } sort keys %count;
is_deeply [grep { !/^(?:200|503)$/ } keys %count], [], 'the others are served when the lock is gone';
cmp_ok $count{200} // 0, '>=', $lent, 'as many as there are connections';
is $org->get('/Users?count=1')->{status}, 200, 'and the service goes on' for 1 .. 20;

done_testing;
