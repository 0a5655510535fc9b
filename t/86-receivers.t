# SPDX-License-Identifier: Apache-2.0
# scimctl relay with receivers that refuse for ever, never end their answer, or want no
# more events; what operators see and do; and a second relay, which waits.
use strict;
use warnings;
use lib 't/lib';
use File::Temp ();
use IO::Socket::INET;
use MIME::Base64 ();
use POSIX ();
use Scim::Process;
use Scim::Test;
use Time::HiRes ();

own_server(conf => "SCIMRateLimit 0\n");     # its notifications are counted
my $org = organization();
my $other = organization();
my $dir = File::Temp::tempdir(CLEANUP => 1);
my $port = Scim::Server::free_port();
my ($received, $answer, $secret) = map { "$dir/$_" } qw(received answer secret);
Scim::Server::write_file($received, '');
Scim::Server::write_file($secret, 'whsec_' . MIME::Base64::encode('k' x 32, '') . "\n");
chmod 0600, $secret;

# It gives the answer in the file ("|" ends a line) to the event that sets the title in
# the file, and accepts all others.
sub answer_with {
    my ($client, $how) = @_;
    return print {$client} "HTTP/1.1 $how\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" if $how =~ /^\d/;
    print {$client} "HTTP/1.1 204 OK\r\n\r\n" if $how eq 'nothing';
    return Time::HiRes::sleep(60) if $how eq 'never';
    print {$client} 'HTTP/1.1 ' . ($how =~ /taken/ ? 200 : 500) . " X\r\nConnection: close\r\n\r\n";
    my $sent = 0;
    $sent += 65536 while $sent < 200_000_000 && print {$client} 'x' x 65536;
    open my $out, '>>', "$dir/sent" or die $!;
    print {$out} "$sent\n";
}
sub receive {
    local $SIG{PIPE} = 'IGNORE';
    my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 5, ReuseAddr => 1) or die $!;
    while (my $client = $socket->accept) {
        my ($id, $length, $body) = ('', 0);
        while (my $line = <$client>) {
            $id = $1 if $line =~ /^Webhook-Id: (\S+)/i;
            $length = $1 if $line =~ /^Content-Length: (\d+)/i;
            last if $line eq "\r\n";
        }
        read $client, $body, $length if $length;
        next unless $length;
        my $event = JSON::PP::decode_json($body);
        my ($title, $how) = (lines($answer), ' ')[0] =~ /^(\S*) (.*)/;
        $how = '204 OK' unless ($event->{data}{after}{title} // '') eq $title && $title;
        open my $out, '>>', $received or die $!;
        print {$out} JSON::PP::encode_json({ id => $id, sequence => $event->{sequence}, taken => $how =~ /^2|taken/ ? 1 : 0, at => Time::HiRes::time() }), "\n";
        close $out;
        $how =~ s{DATE}{POSIX::strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime(time + 3))}e;
        answer_with($client, $how =~ s/\|/\r\n/r);
        close $client;
    }
}
sub lines { open my $in, '<', $_[0] or return; return <$in> }
sub received { return map { JSON::PP::decode_json($_) } lines($received) }
sub answers { Scim::Server::write_file($answer, "$_[0] $_[1]\n") }
sub command { return server()->scimctl('relay', $org->{key}, '--url', "http://127.0.0.1:$port/", '--secret-file', $secret, '--name', 'r') }
sub relay { my ($log) = @_; return Scim::Process->start([command()], out => "$dir/$log", err => 'out') }
sub log_of { return join '', lines("$dir/$_[0]") }
sub list { return (grep { $_->{name} eq 'r' } @{ JSON::PP::decode_json(Scim::Process::run([server()->scimctl('--json', 'relay', 'list')])->{out}) })[0] }
sub leave_out { return Scim::Process::run([server()->scimctl(@_, 'relay', 'skip', 'r')]) }
sub last_event { return (sql('SELECT max(sequence) FROM scim.event WHERE organization_id = $1', $org->{id}))[0][0] }
sub position { my ($row) = sql('SELECT sequence FROM scim.relay WHERE name = $1', 'r'); return $row ? $row->[0] // 0 : 0 }
sub wait_for { my ($what, $condition) = @_; Scim::Server::wait_until($what, 30, $condition) }
sub wait_for_all { my $last = last_event(); wait_for('all is taken', sub { position() == $last }) }
my $user;
sub title { $org->patch_ops($user->{id}, { op => 'replace', path => 'title', value => $_[0] }); return last_event() }

answers('', '');
my $receiver = Scim::Process->start(\&receive);
my $relay = relay('log');
$user = $org->create;
wait_for_all();
is_deeply { map { ($_ => list()->{$_}) } qw(organization running position events seconds refused attempts lastError skipped) },
    { organization => $org->{key}, running => TRUE, position => last_event(), events => 0, seconds => 0, refused => undef, attempts => 0, lastError => undef, skipped => undef },
    'relay list: a relay that is up to date';

# An event that is refused for ever
is leave_out()->{status}, 1, 'relay skip: there is nothing to skip';
like leave_out()->{err}, qr/no relay 'r' has a refused event/, 'and it says so';
answers('poison', '500 No');
my $poison = title('poison');
my $behind = title('behind it');
$other->create;
wait_for('two attempts', sub { list()->{attempts} >= 2 });
my $row = list();
is_deeply { map { ($_ => $row->{$_}) } qw(refused events lastError position) }, { refused => $poison, events => 2, lastError => 'the receiver answered 500', position => $poison - 1 },
    'relay list: what is refused, why, and how many wait';
cmp_ok $row->{seconds}, '>=', 1, 'for how long';
like $row->{lastErrorAt}, qr/^\d{4}-\d\d-\d\dT/, 'and when it was tried last';
my $skipped = leave_out('--json');
is_deeply { map { ($_ => JSON::PP::decode_json($skipped->{out})->{$_}) } qw(sequence organization resourceType resourceId accountId lastError) },
    { sequence => $poison, organization => $org->{key}, resourceType => 'User', resourceId => $user->{id}, accountId => $user->{id}, lastError => 'the receiver answered 500' }, 'relay skip says which event it leaves out';
wait_for_all();
is +(received())[-1]{sequence}, $behind, 'the next one comes at once';
$row = list();
is_deeply [@$row{qw(skipped refused attempts)}], [$poison, undef, 0], 'the row goes on saying which one was left out';
like $row->{skippedAt}, qr/^\d{4}-\d\d-\d\dT/, 'and when';
is scalar(grep { $_->{sequence} == $poison && $_->{taken} } received()), 0, 'it was never taken';
like log_of('log'), qr/continuing after event $poison\.$/m, 'the log of the relay has it';

# Answers without end
answers('endless', 'endless, taken');
title('endless');
wait_for_all();
my ($sent) = lines("$dir/sent");
cmp_ok $sent, '<', 50_000_000, 'an endless 200 is taken without its end';
answers('endless500', 'endless');
my $endless = title('endless500');
wait_for('a refusal', sub { (list()->{refused} // 0) == $endless });
is list()->{lastError}, 'the receiver answered 500', 'of an endless 500, the status counts';
answers('', '');
wait_for_all();

# Retry-After
for my $case (['in seconds', 'seconds', 3], ['as a date', 'DATE', 2]) {
    my ($name, $value, $least) = @$case;
    answers("later$value", '429 Later|Retry-After: ' . ($value eq 'DATE' ? 'DATE' : 3));
    my $later = title("later$value");
    wait_for('an attempt', sub { grep { $_->{sequence} == $later } received() });
    answers('', '');
    wait_for_all();
    my @tries = grep { $_->{sequence} == $later } received();
    is scalar(@tries), 2, "Retry-After $name: not tried in between";
    cmp_ok $tries[1]{at} - $tries[0]{at}, '>=', $least - 0.2, 'but then';
}
answers('day', '503 Later|Retry-After: 864000');
my $day = title('day');
wait_for('a refusal', sub { (list()->{refused} // 0) == $day });
like log_of('log'), qr/event $day: the receiver answered 503; retrying in 3600 s/, 'ten days are an hour';
is leave_out()->{status}, 0, 'and it can be skipped meanwhile';
wait_for_all();

# 410
answers('gone', '410 Gone');
my $gone = title('gone');
is $relay->wait(20) >> 8, 3, '410: the relay ends with a status of its own';
like log_of('log'), qr/answered 410 to event $gone: it wants no more events\..*'r' continues with this one/, 'and says why';
is_deeply [@{ list() }{qw(running refused lastError)}], [FALSE, $gone, 'the receiver answered 410'], 'relay list has it, too';
my ($unit) = grep { /RestartPreventExitStatus/ } lines('examples/systemd/scimctl-relay@.service');
is $unit, "RestartPreventExitStatus=3\n", "systemd's unit does not start it again";
answers('', '');

# Sent events are deleted while the relay is down
title('before it is deleted');
$relay = relay('log2');
wait_for_all();
$relay->stop;
sql('DELETE FROM scim.event WHERE organization_id = $1', $org->{id});
my $new = title('after that');
$relay = relay('log3');
wait_for_all();
is_deeply [map { $_->{sequence} } grep { $_->{sequence} >= $new } received()], [$new], 'with all that was sent deleted, a relay goes on';
unlike log_of('log3'), qr/database lost events/, 'and needs no message';

# Two relays of one name
my $count = received();
my $second = relay('log4');
wait_for('a message', sub { log_of('log4') });
is log_of('log4'), "scimctl: a relay 'r' is running; waiting for it to end.\n", 'a second relay waits, and says so once';
title("two $_") for 1 .. 5;
wait_for_all();
is scalar(() = received()) - $count, 5, 'while the first one works';
$relay->stop('KILL');
my $killed = Time::HiRes::time();
title('after the kill');
wait_for_all();
cmp_ok Time::HiRes::time() - $killed, '<', 5, 'and takes over when that ends';
ok !$second->ended, 'it goes on';
my %times;
$times{ $_->{id} }++ for grep { $_->{taken} } received();
is_deeply [grep { $times{$_} > 1 } keys %times], [], 'and no event came twice';

# The session with PostgreSQL is cut under way, a third one waits
my $third = relay('log5');
wait_for('a message', sub { log_of('log5') });
for my $turn (1 .. 3) {
    title("cut $turn-$_") for 1 .. 5;
    sql(q{SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND granted});
    title("on $turn-$_") for 1 .. 5;
}
wait_for_all();
%times = ();
$times{ $_->{id} }++ for grep { $_->{taken} } received();
cmp_ok scalar(grep { $times{$_} > 1 } keys %times), '<=', 3, 'each time its session is cut, one event may come twice';
is_deeply [grep { !$times{$_->[0]} } sql(q{SELECT concat_ws('.', sequence, history, (extract(epoch FROM occurred_at) * 1000)::bigint)
    FROM scim.event WHERE organization_id = $1 AND sequence > $2}, $org->{id}, $new)], [], 'and none is missing';

# Slow readers: a stopped follower, one whose output is blocked, a slow receiver
my $stopped = Scim::Process->start([server()->scimctl('events', '--follow', '--after', last_event())], out => "$dir/stopped");
my $blocked = Scim::Process->start([server()->scimctl('events', '--follow', '--after', 0)], out => 'pipe');
wait_for('the followers', sub { (sql(q{SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%went_back%' AND pid <> pg_backend_pid()}))[0][0] >= 3 });
kill 'STOP', $stopped->{pid};
answers('slow', 'never');
title('slow');
my $ring = q{SELECT count(pg_notify('scim_event', n || repeat('x', 200))) FROM generate_series(1, 20000) n};
sub usage { return (sql('SELECT pg_notification_queue_usage()'))[0][0] }
sql($ring);
Scim::Process::until_true(20, sub { usage() == 0 });
is usage(), 0, 'none of them keeps notifications from going';
my $listener = Scim::Process->start([server()->psql('-qAtX')], in => 'pipe', out => 'pipe');
$listener->say('LISTEN scim_event; SELECT 1;');
$listener->line(20);
kill 'STOP', $listener->{pid};
$listener->say('SELECT 2;');
sql($ring);
ok !Scim::Process::until_true(2, sub { usage() == 0 }), '(a session that listens does)';
$listener->kill;
kill 'CONT', $stopped->{pid};
$_->stop('KILL') for $stopped, $blocked, $second, $third, $receiver;
done_testing;
