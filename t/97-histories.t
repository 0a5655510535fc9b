# SPDX-License-Identifier: Apache-2.0
# A failover to a standby that was behind, and a restore into another cluster:
# followers, SQL readers and relays report that events are gone, and miss none of the
# existing ones; no two events have the same Webhook-Id.
use strict;
use warnings;
use lib 't/lib';
use File::Temp ();
use IO::Socket::INET;
use MIME::Base64 ();
use Scim::Process;
use Scim::Test;
use Time::HiRes ();

my $server = own_server(conf => "SCIMRateLimit 0\n", database_conf => "wal_level = replica\nmax_wal_senders = 5\nwal_keep_size = '64MB'\n");
my $org = organization();
my $dir = File::Temp::tempdir(CLEANUP => 1);
my $port = Scim::Server::free_port();
my ($received, $secret) = map { "$dir/$_" } qw(received secret);
Scim::Server::write_file($received, '');
Scim::Server::write_file($secret, my $key = 'whsec_' . MIME::Base64::encode('k' x 32, ''));
chmod 0600, $secret;
my $receiver = Scim::Process->start(['node', 't/browser/webhooks.mjs', $port, $key, $received], err => "$dir/receiver.log");
Scim::Server::wait_until('the receiver', 30, sub { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) });

sub lines { open my $in, '<', $_[0] or return; return grep { /\n\z/ } <$in> }
sub wait_for { my ($what, $condition) = @_; Scim::Server::wait_until($what, 30, $condition) }
sub pg { my (@command) = @_; $server->run(1, Scim::Server::pg(shift @command), @command) }
my @clusters;
END { kill 'QUIT', $_ for grep { $_ } map { Scim::Server::pid_in("$_/postmaster.pid") } @clusters }
sub start { my ($data) = @_; pg('pg_ctl', '-D', $data, '-l', "$data/server.log", '-w', '-t', '60', 'start') }
sub stored { return map { $_->[0] } sql('SELECT sequence FROM scim.event WHERE organization_id = $1 ORDER BY transaction_id, sequence', $org->{id}) }

# The events of a reader by their content, because sequences may be used again.
sub what { my ($event) = @_; return join ' ', @$event{qw(sequence accountId version at)} }
sub there { return map { what($_) } map { JSON::PP::decode_json($_) } split /\n/, Scim::Process::run([$server->scimctl('--json', 'events', $org->{key})])->{out} }
sub events_in { return map { JSON::PP::decode_json($_) } lines($_[0]) }
sub delivered { return map { { %{ $_->{event} }, webhook => $_->{id} } } events_in($received) }
sub missing { my (@got) = @_; my %got = map { (what($_) => 1) } @got; return [grep { !$got{$_} } there()] }
sub wait_for_reader { my ($what, $got) = @_; wait_for($what, sub { !@{ missing($got->()) } }) }
sub ids_with_two_events {
    my %events;
    $events{ $_->{webhook} // $_->{id} }{ what($_) } = 1 for @_;
    return [grep { keys %{ $events{$_} } > 1 } keys %events];
}

# A reader in plain SQL, as in docs/feed.md
open my $document, '<', 'docs/feed.md' or die $!;
my ($query) = join('', <$document>) =~ /^(    SELECT p.went_back, .*?);$/ms;
my (@position, %read, $went_back) = (0, 0, 0);
sub read_by_sql {
    my $now = $query =~ s/'acme'/'$org->{key}'/r =~ s/0, '0', 0/$position[0], '$position[1]', $position[2]/r;
    for my $row (sql($now)) {
        $went_back++ if $row->[0] eq 't';
        @position = @$row[1 .. 3];
        $read{$row->[3]} = 1;
        $read{"$row->[3] $row->[5] $row->[7]"} = 1;
    }
}
sub unread_by_sql { return [grep { !$read{$_} } map { join ' ', @$_ } sql("SELECT sequence, account_id, version FROM scim.event WHERE organization_id = \$1 AND account_id IS NOT NULL", $org->{id})] }
sub follow { return Scim::Process->start([$server->scimctl('--json', 'events', $org->{key}, '--follow', @_)], out => "$dir/followed", err => "$dir/follow.log") }
sub relay { return Scim::Process->start([$server->scimctl('relay', $org->{key}, '--url', "http://127.0.0.1:$port/", '--secret-file', $secret, '--name', 'r')], out => "$dir/relay.log", err => 'out') }
my $log = sub { join '', lines("$dir/$_[0].log") };

# Rows of events as a module makes them, each a transaction
sub change { my ($count, $name) = @_;
    Scim::Process::run([$server->psql('-qAtX')], input => "INSERT INTO scim.event (organization_id, account_id, kind, actor_kind, actor_name, version, data)
        VALUES ('$org->{id}', gen_random_uuid(), 'urn:ietf:params:scim:event:prov:patch:full', 'operator', '$name', 1, '{}');\n" x $count) }

# A standby that is stopped, so that it misses the following events
$server->run(0, $server->psql('-U', 'postgres', '-qc', q{CREATE ROLE rep REPLICATION LOGIN}));
Scim::Server::write_file("$server->{pgdata}/pg_ident.conf", join('', lines("$server->{pgdata}/pg_ident.conf")) . 'scim ' . (Scim::Server::database_user() // getpwuid $>) . " rep\n");
Scim::Server::write_file("$server->{pgdata}/pg_hba.conf", join('', lines("$server->{pgdata}/pg_hba.conf")) . "local replication all peer map=scim\n");
pg('pg_ctl', '-D', $server->{pgdata}, 'reload');
$org->create for 1 .. 5;
my ($follower, $relay) = (follow(), relay());
wait_for_reader('the relay', \&delivered);
my $standby = "$server->{dir}/standby";
push @clusters, $standby, "$server->{dir}/other/pgdata";
mkdir $standby, 0700;
chown +(getpwnam Scim::Server::database_user())[2, 3], $standby if Scim::Server::database_user();
pg('pg_basebackup', '-h', $server->{pghost}, '-U', 'rep', '-D', $standby, '-R', '-X', 'stream', '--no-sync', '-c', 'fast');
change(20, 'in both');
read_by_sql();
wait_for_reader('the relay', \&delivered);
{   # the standby receives all events so far, and is stopped
    open my $conf, '>>', "$standby/postgresql.conf" or die $!;
    print {$conf} "unix_socket_directories = '$standby'\nhot_standby = on\n";
    close $conf;
    start($standby);
    my $sent = (sql('SELECT pg_current_wal_lsn()'))[0][0];
    wait_for('the standby', sub { (sql("SELECT count(*) FROM pg_stat_replication WHERE replay_lsn >= '$sent'"))[0][0] });
    pg('pg_ctl', '-D', $standby, '-w', '-m', 'fast', 'stop');
}
change(60, 'lost');
read_by_sql();
wait_for_reader('the relay', \&delivered);
wait_for_reader('the follower', sub { events_in("$dir/followed") });
my @lost = there();
my $position = (events_in("$dir/followed"))[-1]{position};

# The primary dies, the standby is promoted behind the same address
kill 'KILL', my $pid = $server->database_pid;
wait_for('its end', sub { !kill 0, $pid });
Time::HiRes::sleep(0.5);
{
    open my $conf, '>>', "$standby/postgresql.conf" or die $!;
    print {$conf} "unix_socket_directories = '$server->{pghost}'\n";
    close $conf;
    unlink "$server->{pghost}/.s.PGSQL.5432", "$server->{pghost}/.s.PGSQL.5432.lock";
    start($standby);
    pg('pg_ctl', '-D', $standby, '-w', 'promote');
}
$server->{pgdata} = $standby;
my $after = (sql('SELECT pg_current_xact_id()'))[0][0];
cmp_ok $after, '<', $position[1], 'after the promotion, transactions go back';
change(3, 'new');
my %there = map { ($_ => 1) } there();
cmp_ok scalar(grep { !$there{$_} } @lost), '>=', 60, 'events that were read are gone';
wait_for_reader('the follower', sub { events_in("$dir/followed") });
wait_for_reader('the relay', \&delivered);
pass 'follower and relay have what is there';
like $log->('follow'), qr/the database lost events: event \d+, the last one that was read, is gone/, 'the follower says that events are gone';
like $log->('relay'), qr/lost events|continuing after event/, 'so does the relay';
unlike $log->('relay'), qr/another relay/i, 'and finds no other reason';
read_by_sql();
cmp_ok $went_back, '>', 0, 'the reader in SQL sees it';
is_deeply unread_by_sql(), [], 'and has what is there';
my $early = (sql(q{SELECT nextval('scim.event_sequence_seq')}))[0][0];
change(60, 'new');      # beyond what was lost
read_by_sql() for 1 .. 2;
is_deeply unread_by_sql(), [], 'also when transactions and sequences have passed those that were lost';
wait_for_reader('the follower', sub { events_in("$dir/followed") });
wait_for_reader('the relay', \&delivered);
is_deeply ids_with_two_events(delivered()), [], 'no Webhook-Id names two events';
is_deeply ids_with_two_events(events_in("$dir/followed")), [], 'nor does an id of the feed';
my %sequences;
$sequences{ $_->{sequence} }{ what($_) } = 1 for delivered();
cmp_ok scalar(grep { keys %{ $sequences{$_} } > 1 } keys %sequences), '>', 0, '(sequences do)';
my $late = Scim::Process::run([$server->scimctl('--json', 'events', $org->{key}, '--after', $position)]);
like $late->{err}, qr/database lost events/, '--after a position of the lost history: it says so';
is scalar(grep { JSON::PP::decode_json($_)->{actor} eq 'new' } split /\n/, $late->{out}), 63, 'and has all that is new';
my $last = (events_in("$dir/followed"))[-1]{position};
my $quiet = Scim::Process::run([$server->scimctl('events', $org->{key}, '--after', $last)]);
is_deeply [@$quiet{qw(out err)}], ['', ''], 'a position of the new one needs no message';

# A restart changes the history, and loses nothing
$_->stop('KILL') for $follower, $relay;
pg('pg_ctl', '-D', $standby, '-l', "$standby/server.log", '-w', '-m', 'fast', 'restart');
change(2, 'restarted');
$quiet = Scim::Process::run([$server->scimctl('events', $org->{key}, '--after', $last)]);
is_deeply [scalar(() = $quiet->{out} =~ /\n/g), $quiet->{err}], [2, ''], 'a restart needs no message either';
cmp_ok +(sql('SELECT count(DISTINCT history) FROM scim.event'))[0][0], '>=', 3, 'though each is a history';

# A dump restored into another cluster while readers still had events to read, one of
# which has an earlier sequence than those that they have read
sql(q{INSERT INTO scim.event (organization_id, sequence, account_id, kind, actor_kind, actor_name, version, data) OVERRIDING SYSTEM VALUE
      VALUES ($1, $2, gen_random_uuid(), 'test', 'operator', 'early', 1, '{}')}, $org->{id}, $early);
change(2, 'dumped');
my $dump = "$dir/dump";
chmod 0777, $dir;
Scim::Process::run([Scim::Server::pg('pg_dump'), '-h', $server->{pghost}, '-U', 'postgres', '-Fc', '-f', $dump, 'scim'])->{status} == 0 or die 'pg_dump';
@position = (split(/\./, $last));       # read before the dump
change(4, 'after the dump');
my $lost = (map { JSON::PP::decode_json($_) } split /\n/, Scim::Process::run([$server->scimctl('--json', 'events', $org->{key})])->{out})[-1]{position};
pg('pg_ctl', '-D', $standby, '-w', '-m', 'immediate', 'stop');
my $other = Scim::Server->new(dir => "$server->{dir}/other", initdb => $server->{initdb});
$other->{pghost} = $server->{pghost};
$other->prepare_folders;
$other->start_database;
my @as = (Scim::Server::pg('psql'), '-h', $server->{pghost}, '-U', 'postgres', '-q', '-d', 'postgres', '-c');
$other->run(0, @as, 'DROP DATABASE scim', '-c', 'CREATE DATABASE scim OWNER scim_owner TEMPLATE template0');
Scim::Process::run([Scim::Server::pg('pg_restore'), '-h', $server->{pghost}, '-U', 'postgres', '-d', 'scim', $dump]);
sql(q{UPDATE scim.event SET transaction_id = (transaction_id::text::bigint + 1000000)::text::xid8});
sql(q{UPDATE scim.relay SET transaction_id = (transaction_id::text::bigint + 1000000)::text::xid8});
$_ = join '.', (split /\./)[0], (split /\./)[1] + 1000000, (split /\./)[2] for $last, $lost;
@position = split /\./, $last;
change(1, 'restored');
my $waiting = Scim::Process::run([$server->scimctl('events', $org->{key}, '--after', $last)]);
is $waiting->{status}, 1, 'a restored database: until schema.sql is applied';
like $waiting->{err}, qr/apply schema\.sql to it once more/, 'readers are told what to do';
ok !eval { read_by_sql(); 1 }, 'also in SQL';
$other->apply_schema;
change(3, 'restored');
my $found = Scim::Process::run([$server->scimctl('--json', 'events', $org->{key}, '--after', $last)]);
is_deeply [grep { $_ ne 'new' } map { $_->{actor} } map { JSON::PP::decode_json($_) } split /\n/, $found->{out}],
    ['early', ('restarted') x 2, ('dumped') x 2, ('restored') x 4], 'then all comes that was not read';
$found = Scim::Process::run([$server->scimctl('--json', 'events', $org->{key}, '--after', $lost)]);
is scalar(grep { JSON::PP::decode_json($_)->{actor} eq 'restored' } split /\n/, $found->{out}), 4, 'also behind an event that the dump did not have';
like $found->{err}, qr/database lost events/, 'with a message';
read_by_sql();
is_deeply unread_by_sql(), [], 'and in SQL';
$relay = relay();
wait_for_reader('the relay', \&delivered);
is_deeply ids_with_two_events(delivered()), [], 'and to the relay: still no Webhook-Id names two events';
$relay->stop('KILL');
$receiver->stop;
$other->run(1, Scim::Server::pg('pg_ctl'), '-D', $other->{pgdata}, '-w', '-m', 'immediate', 'stop');
$server->{pgdata} = "$server->{dir}/pgdata";
done_testing;
