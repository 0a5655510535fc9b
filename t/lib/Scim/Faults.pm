# SPDX-License-Identifier: Apache-2.0
package Scim::Faults;
# The faults that script/faults and t/97-faults.t inject into a running service, and
# the requirements: no acknowledged write is lost, nothing is done twice, no answer
# is wrong.
#
#   my $row = Scim::Faults::series('kill-backend', rounds => 5, writers => 16);
use strict;
use warnings;
use File::Temp ();
use Scim::Cluster;
use Scim::Journal;
use Scim::Process;
use Scim::Server;
use Scim::Test ();
use Time::HiRes qw(sleep time);

# is: its description.  cluster: the options of the cluster that it needs
# (Scim::Cluster).  code: gets the cluster and the duration in seconds, and returns
# when the fault has ended.  again: repairs the cluster for the next round.  seconds:
# the default duration.  cuts: it cuts connections of clients, so that their requests
# have no answer.  accounts: the number of other accounts.
my @PAIR = (standby => 1);
our %FAULTS = (
    'kill-backend' => { is => 'kill -9 of a backend of PostgreSQL', code => sub { $_[0]->kill_backend; time } },
    'restart' => { is => 'immediate stop of PostgreSQL, and start', code => sub { $_[0]{primary}->restart_database('immediate'); time } },
    'stop' => { is => 'SIGSTOP of all of PostgreSQL', seconds => 20, code => \&stopped },
    'freeze' => { is => 'PostgreSQL is frozen as a machine is', seconds => 20, code => \&frozen },
    'silence' => { is => 'the network is silent, both ways', seconds => 20, cluster => { proxy => 1 }, code => sub { silent('both', @_) } },
    'silent-answers' => { is => 'answers of PostgreSQL do not arrive', seconds => 20, cluster => { proxy => 1 }, code => sub { silent('answers', @_) } },
    'cut' => { is => 'connections are reset and refused', seconds => 5, cluster => { proxy => 1 }, code => \&cut },
    'standby' => { is => 'the synchronous standby is lost', seconds => 20, cluster => {@PAIR}, code => \&standby_lost },
    'late-standby' => { is => 'the synchronous standby is silent, the primary killed, and it is promoted all the same', seconds => 20,
                        cluster => {@PAIR}, code => \&silent_standby, again => \&add_standby },
    'promote' => { is => 'the primary is killed, the standby behind a multi-host string promoted', cluster => {@PAIR},
                   code => sub { $_[0]->fail_over; time }, again => \&add_standby },
    'switch' => { is => 'the primary is shut down, the standby promoted', cluster => {@PAIR},
                  code => sub { $_[0]->fail_over('shut down'); time }, again => \&add_standby },
    'move' => { is => 'the primary is killed, the standby promoted, its address moves to the new one', cluster => { @PAIR, proxy => 1, moves => 1 },
                code => sub { $_[0]->fail_over; time }, again => \&add_standby },
    'move-early' => { is => 'the address moves to the standby before it is promoted', seconds => 5,
                      cluster => { @PAIR, proxy => 1, moves => 1 }, code => \&move_early, again => \&add_standby },
    'pgbouncer' => { is => 'kill -9 of PgBouncer (session pooling), and start', cluster => { pooler => 1 },
                     code => sub { $_[0]->kill_pooler; sleep $_[1]; $_[0]->start_pooler; time }, seconds => 2 },
    'restore' => { is => 'pg_dump, and pg_restore into a new database', accounts => 20_000, code => \&restore },
    'upgrade' => { is => 'pg_upgrade', code => \&upgrade },
    'disk' => { is => 'the disk is full', seconds => 10, cluster => { disk => 240, initdb => ['--wal-segsize=1'],
                database_conf => "max_wal_size = 32MB\nmin_wal_size = 2MB\nwal_keep_size = 0\nwal_recycle = off\n" }, code => \&disk_full },
    'slots' => { is => 'PostgreSQL has no connection left', seconds => 10, cluster => { database_conf => "max_connections = 15\n" },
                 code => \&slots_gone },
    'schema' => { is => 'schema.sql is applied', code => sub { $_[0]{primary}->apply_schema; time } },
    'schema-reader' => { is => 'schema.sql is applied beside a reader', seconds => 10, code => \&schema_beside_reader },
    'child' => { is => 'kill -9 of a child of httpd', cuts => 1, code => \&kill_child },
    'graceful' => { is => 'graceful restart of httpd', writers => { repeat => 1 }, code => sub { $_[0]{httpd}->graceful; time } },
);

sub stopped {
    my ($cluster, $seconds) = @_;
    $cluster->signal_database('STOP');
    sleep $seconds;
    $cluster->signal_database('CONT');
    return time;
}

sub frozen {
    my ($cluster, $seconds) = @_;
    $cluster->freeze;
    sleep $seconds;
    $cluster->thaw;
    return time;
}

sub silent {
    my ($what, $cluster, $seconds) = @_;
    $cluster->network->stall($what);
    sleep $seconds;
    $cluster->network->resume;
    return time;
}

sub cut {
    my ($cluster, $seconds) = @_;
    $cluster->network->refuse;
    $cluster->network->cut;
    sleep $seconds;
    $cluster->network->resume;
    return time;
}

sub standby_lost {
    my ($cluster, $seconds) = @_;
    $cluster->{standby}->stop_database;
    sleep $seconds;
    $cluster->{standby}->start_database;
    $cluster->wait_for_standby('sync');
    return time;
}

# Transactions that the standby never received were neither acknowledged nor shown.
sub silent_standby {
    my ($cluster, $seconds) = @_;
    my @pids = $cluster->{standby}->database_pids;
    kill 'STOP', @pids;
    sleep $seconds;
    my $old = $cluster->{primary};
    Scim::Cluster::kill_database($old);
    kill 'CONT', @pids;
    $cluster->fail_over;
    return time;
}

sub add_standby { $_[0]->add_standby }

# The new primary may not have received all transactions when it is asked.
sub move_early {
    my ($cluster, $seconds) = @_;
    my $new = $cluster->{standby};
    $cluster->set($new, "synchronous_standby_names = ''");
    $cluster->move_to($new);
    sleep $seconds;
    Scim::Cluster::kill_database($cluster->{primary});
    $cluster->promote($new);
    return time;
}

# The service is stopped, as operators do for this; then the new database exists
# while it is being filled.
sub restore {
    my ($cluster) = @_;
    my $file = "$cluster->{folder}/dump";
    my $server = $cluster->{primary};
    my @to = ('-h', $server->{pghost}, '-U', 'postgres');
    away($cluster, 'scim');
    $cluster->sql('ALTER DATABASE scim RENAME TO scim_old');
    $server->run(0, Scim::Server::pg('pg_dump'), @to, '-Fc', '-f', $file, 'scim_old');
    $cluster->sql('CREATE DATABASE scim OWNER scim_owner ENCODING UTF8 TEMPLATE template0');
    $server->run(0, Scim::Server::pg('pg_restore'), @to, '-d', 'scim', $file);
    apply_schema($cluster);
    $cluster->sql('DROP DATABASE scim_old');
    return time;
}

# End the sessions in a database and refuse new ones.
sub away {
    my ($cluster, $database) = @_;
    $cluster->sql("ALTER DATABASE $database CONNECTION LIMIT 0");
    Scim::Server::wait_until('the sessions end', 30, sub {
        !grep { $_->[0] } $cluster->sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '$database'");
    });
    return 1;
}

sub upgrade {
    my ($cluster) = @_;
    my $server = $cluster->{primary};
    my $bin = Scim::Server::pg('.');
    my ($old, $new) = ($server->{pgdata}, "$server->{pgdata}-new");
    $server->run(1, Scim::Server::pg('pg_ctl'), '-D', $old, '-w', '-m', 'fast', 'stop');
    local $server->{pgdata} = $new;
    $server->prepare_folders;
    $server->init_database;
    $server->write_access;
    local $ENV{PGHOST};
    $server->run(1, 'sh', '-c', 'cd "$1" && shift && "$@"', 'sh', "$server->{dir}/run", Scim::Server::pg('pg_upgrade'),
                 '-b', $bin, '-B', $bin, '-d', $old, '-D', $new, '-U', 'postgres', '--no-sync');
    Scim::Process::run(['sh', '-c', 'rm -rf "$0" && mv "$1" "$0"', $old, $new]);
    $server->{pgdata} = $old;
    $server->start_database;
    return time;
}

# PostgreSQL may have to be started when there is space again.
sub disk_full {
    my ($cluster, $seconds) = @_;
    my $server = $cluster->{primary};
    my $fill = "$server->{pgdata}/fill";
    my $end = time + $seconds;
    while (time < $end) {
        Scim::Process::run(['dd', 'if=/dev/zero', "of=$fill", 'oflag=append', 'conv=notrunc', 'bs=64k']);
        sleep 0.2;
    }
    unlink $fill;
    unless (Scim::Process::until_true(3, sub { eval { $cluster->sql('SELECT 1'); 1 } })) {
        $server->stop_database;
        $server->start_database;
    }
    return time;
}

# Other sessions take all free connections, and those of httpd, which are ended each
# second.
sub slots_gone {
    my ($cluster, $seconds) = @_;
    my $end = time + $seconds;
    my @sessions;
    for (my $i = 0; time < $end; $i++) {
        $cluster->sql(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'scim'}) if $i % 5 == 0;
        push @sessions, Scim::Process->start([$cluster->{primary}->psql('-qX', '-c', 'SELECT pg_sleep(600)')], err => '/dev/null') if @sessions < 15;
        $_->kill for grep { $_->ended } @sessions;
        @sessions = grep { !$_->ended } @sessions;
        sleep 0.2;
    }
    # A backend that sleeps does not notice that its client has gone.
    $cluster->sql(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()});
    $_->stop for @sessions;
    return time;
}

# It may be refused with a message; then it is tried again.
sub apply_schema {
    my ($cluster) = @_;
    Scim::Process::until_true(60, sub { eval { $cluster->{primary}->apply_schema; 1 } }) or die $@;
}

sub schema_beside_reader {
    my ($cluster, $seconds) = @_;
    my $reader = Scim::Process->start([$cluster->{primary}->psql('-qX', '-c',
        "BEGIN; LOCK TABLE scim.account, scim.event, scim.token IN ACCESS SHARE MODE; SELECT pg_sleep($seconds); COMMIT")], out => '/dev/null');
    sleep 0.5;
    apply_schema($cluster);
    $reader->wait;
    return time;
}

sub kill_child {
    my ($cluster) = @_;
    my @children = split ' ', Scim::Process::run(['pgrep', '-P', $cluster->{httpd}->httpd_pid])->{out};
    kill 'KILL', $children[rand @children];
    return time;
}

# series($name, rounds, writers, seconds, calm, conf) -> {fault, rounds,
# acknowledged, unavailable, unanswered, lost, doubled, events, wrong, gap, slowest,
# good, faults; error or skip}.  calm: seconds before a fault; good: the longest time
# from the end of a fault to the first acknowledged write; conf is added to
# httpd.conf.
sub series {
    my ($name, %option) = @_;
    my $fault = $FAULTS{$name} or die "no such fault: $name\n";
    my $row = { fault => $name, rounds => 0, good => 0 };
    return $row if eval { run_series($fault, $row, %option); 1 };
    my ($skip) = $@ =~ /^skip: (.*)/s;
    $row->{ defined $skip ? 'skip' : 'error' } = $skip // $@;
    return $row;
}

sub run_series {
    my ($fault, $row, %option) = @_;
    my $cluster = Scim::Cluster->start(%{ $fault->{cluster} || {} }, conf => $option{conf});
    make_accounts($cluster, $fault->{accounts}) if $fault->{accounts};
    my $journal = start_journal($cluster, %option, %{ $fault->{writers} || {} });
    one_round($fault, $cluster, $journal, $row, %option) for 1 .. $option{rounds} || 1;
    finish($cluster, $journal, $row);
    $row->{faults}{unanswered} = ["$row->{unanswered} requests had no answer"] if $row->{unanswered} && !$fault->{cuts};
    $cluster->stop;
}

sub make_accounts {
    my ($cluster, $count) = @_;
    Scim::Test::sql(q{INSERT INTO scim.account (organization_id, user_name, display_name)
                      SELECT $1, 'other' || n || '@example.com', 'Other ' || n FROM generate_series(1, $2::int) n},
                    Scim::Test::organization()->{id}, $count);
}

sub start_journal {
    my ($cluster, %option) = @_;
    return Scim::Journal->start(Scim::Test::organization(), writers => $option{writers} || 6, url => $cluster->{httpd}{plain_url},
                                repeat => $option{repeat} || 0, pause => $option{pause} || 0);
}

# A round begins when writes succeed, and ends when they succeed again.
sub one_round {
    my ($fault, $cluster, $journal, $row, %option) = @_;
    $journal->wait_for(5 * $journal->{writers});
    sleep($option{calm} // 1);
    my $end = $fault->{code}->($cluster, $option{seconds} // $fault->{seconds} // 0);
    my $good = $journal->first_good($end, 120);
    $row->{good} = $good if $good > $row->{good};
    $row->{rounds}++;
    $fault->{again}->($cluster) if $fault->{again};
    return $good;
}

# soak(minutes, writers, calm, conf, say) -> a row like that of series, and samples:
# the memory (kB) and descriptors of httpd's children and their connections to
# PostgreSQL, before each fault; say gets a line for each.  httpd is never restarted.
my @SOAKED = (['kill-backend', 0], ['stop', 5], ['restart', 0], ['silence', 5], ['cut', 2], ['standby', 5],
              ['silent-answers', 5], ['schema', 0], ['promote', 0]);
my $EVERY = 20;        # seconds

sub soak {
    my (%option) = @_;
    my $row = { fault => 'soak', rounds => 0, good => 0, samples => [] };
    eval { run_soak($row, %option); 1 } or $row->{error} = $@;
    return $row;
}

sub run_soak {
    my ($row, %option) = @_;
    my $cluster = Scim::Cluster->start(@PAIR, proxy => 1, conf => $option{conf});
    my $journal = start_journal($cluster, %option);
    my $end = time + 60 * ($option{minutes} || 30);
    for (my $i = 0; time < $end; $i++) {
        my $next = time + $EVERY;
        my ($name, $seconds) = @{ $SOAKED[$i % @SOAKED] };
        push @{ $row->{samples} }, sample($cluster);
        my $good = one_round($FAULTS{$name}, $cluster, $journal, $row, seconds => $seconds, calm => 1);
        $option{say}->(sprintf '%-14s served again after %5.2f s; children: %6d kB, %4d descriptors; %3d connections',
                       $name, $good, @{ $row->{samples}[-1] }) if $option{say};
        sleep $next - time if $next > time;
    }
    finish($cluster, $journal, $row);
    $row->{faults}{unanswered} = ["$row->{unanswered} requests had no answer"] if $row->{unanswered};
    push @{ $row->{faults}{not_flat} }, not_flat(@{ $row->{samples} });
    delete $row->{faults}{not_flat} unless @{ $row->{faults}{not_flat} };
    $cluster->stop;
}

sub sample {
    my ($cluster) = @_;
    my ($memory, $descriptors) = (0, 0);
    for my $child (split ' ', Scim::Process::run(['pgrep', '-P', $cluster->{httpd}->httpd_pid])->{out}) {
        open my $in, '<', "/proc/$child/status" or next;
        while (<$in>) { $memory += $1 if /^VmRSS:\s+(\d+)/ }
        $descriptors += () = glob "/proc/$child/fd/*";
    }
    my $connections = eval { ($cluster->sql(q{SELECT count(*) FROM pg_stat_activity WHERE usename = 'scim'}))[0][0] };
    return [$memory, $descriptors, $connections // 0];
}

# Sentences about samples that have grown, between the second and the last quarter,
# by more than a tenth and a constant.
sub not_flat {
    my (@samples) = @_;
    my $quarter = int(@samples / 4) or return;
    my @grown;
    for my $of ([0, 'memory', 2000], [1, 'descriptors', 10], [2, 'connections', 5]) {
        my ($i, $what, $some) = @$of;
        my ($before, $after) = map { median(map { $_->[$i] } @$_) }
            [@samples[$quarter .. 2 * $quarter - 1]], [@samples[-$quarter .. -1]];
        push @grown, "$what: $before, later $after" if $after > 1.1 * $before + $some;
    }
    return @grown;
}

sub median { return (sort { $a <=> $b } @_)[@_ / 2] }

# Puts the audit of the journal into the row.
sub finish {
    my ($cluster, $journal, $row) = @_;
    $journal->wait_for(5 * $journal->{writers});
    $journal->stop;
    $cluster->{httpd}->stop_httpd;       # its connections may be all that PostgreSQL has
    my $audit = $journal->audit($cluster->{primary});
    $row->{$_} = $audit->count($_) for qw(acknowledged unavailable unanswered wrong doubled);
    $row->{lost} = $audit->count('lost') + $audit->count('backwards');
    $row->{events} = 0;
    $row->{events} += $audit->count("event_$_") for qw(missing doubled order);
    @$row{qw(gap slowest)} = ($audit->{gap}, $audit->{slowest});
    $row->{faults} = $audit->faults;
}

1;
