# SPDX-License-Identifier: Apache-2.0
# PgBouncer between httpd and PostgreSQL: in session mode, and in transaction mode,
# where one client must leave nothing behind for the next.
# SCIM_TEST_REQUESTS is the number of requests sent each way (1,000).
use strict;
use warnings;
use lib 't/lib';
use JSON::PP ();
use Scim::Http;
use Scim::Journal;
use Scim::Pooler;
use Scim::Process;
use Scim::Test;

my $REQUESTS = $ENV{SCIM_TEST_REQUESTS} || 1000;
my $CLIENTS = 8;
my $OFF = 'SCIMPreparedStatements Off';

own_server();           # its roles have settings, and its PostgreSQL is killed
sub superuser {
    my (@statements) = @_;
    server()->run(0, Scim::Server::pg('psql'), '-h', server()->{pghost}, '-U', 'postgres', '-d', 'scim', '-qX', '-v', 'ON_ERROR_STOP=1',
                  map { ('-c', $_) } @statements);
}
# The lines of its log that match.
sub said {
    my ($httpd, $what) = @_;
    open my $in, '<', $httpd->{error_log} or die "$httpd->{error_log}: $!\n";
    return grep { $_ =~ $what } <$in>;
}
my $ADVICE = qr/SCIM007[01]/;
sub content { open my $in, '<', $_[0] or return ''; local $/; return scalar(<$in>) // '' }
sub organization_at { my ($httpd) = @_; return organization(http => Scim::Http->new($httpd->{plain_url})) }
sub bulk { my (@operations) = @_; return { schemas => [BULK], Operations => \@operations } }
sub creation { my ($name) = @_; return { method => 'POST', path => '/Users', bulkId => $name, data => { userName => $name, displayName => 'Bulk' } } }
sub change { my ($id, $title) = @_; return { method => 'PATCH', path => "/Users/$id", data => { schemas => [PATCHOP], Operations => [{ op => 'replace', path => 'title', value => $title }] } } }

# One client: every kind of request, and the faults of each answer.  Several creations
# in a bulk request are a pipeline of transactions.  In transaction mode PgBouncer may
# lose answers of a pipeline, so there should be none.
our $creations = 5;
sub mixed_client {
    my ($httpd, $org, $count) = @_;
    srand $$;
    local $org->{http} = Scim::Http->new($httpd->{plain_url});
    my $tell = sub { my ($what, $r, $wrong) = @_; $count--; print "$what $r->{status} ", $wrong ? 'wrong' : 'right', "\n"; return $r };
    my $ask = sub {
        my ($what, $expected, $r, $check) = @_;
        return $tell->($what, $r, $r->{status} != 503 && ($r->{status} != $expected || ($check && !$check->($r->{json}))));
    };
    while ($count > 0) {
        my $name = user_name();
        my $one = sub { ($_[0]{totalResults} // -1) == 1 && lc $_[0]{Resources}[0]{userName} eq $name };
        my $made = $ask->('POST', 201, $org->post('/Users', { userName => $name, displayName => 'Mixed', externalId => "x-$name", roles => [{ value => 'USER' }] }),
                          sub { $_[0]{userName} eq $name });
        next unless $made->{status} == 201;
        my $id = $made->{json}{id};
        my $version = $made->{json}{meta}{version};
        $ask->('match', 200, $org->filter("userName eq \"$name\""), $one);
        $ask->('match', 200, $org->filter("id eq \"$id\""), $one);
        $ask->('match', 200, $org->filter("externalId eq \"x-$name\" and active eq true"), $one);
        $ask->('GET', 200, $org->get("/Users/$id"), sub { $_[0]{id} eq $id });
        $ask->('GET', 404, $org->get('/Users/00000000-0000-4000-8000-000000000000'));
        $ask->('PATCH', 200, $org->patch_ops($id, { op => 'replace', path => 'title', value => "t-$name" }), sub { $_[0]{title} eq "t-$name" });
        $ask->('PUT', 200, $org->put("/Users/$id", { userName => $name, displayName => 'Put' }), sub { $_[0]{displayName} eq 'Put' });
        $ask->('list', 200, $org->get('/Users?count=2&sortBy=userName'), sub { @{ $_[0]{Resources} } == 2 });
        $ask->('roles', 200, $org->get('/Roles'), sub { $_[0]{totalResults} == 3 });
        my @names = map { user_name() } 1 .. $creations;
        $ask->('bulk', 200, $org->post('/Bulk', bulk((map { creation($_) } @names), change($id, 'b'), { method => 'DELETE', path => "/Users/$id" })),
               sub { !grep { $_->{status} !~ /^20[014]$|^503$/ } @{ $_[0]{Operations} } });
    }
}

# Many clients send the given number of requests: returns lines "operation status
# verdict".
sub mixed {
    my ($count, @httpds) = @_;
    my @orgs = map { organization_at($_) } @httpds;
    my @clients = map {
        my $i = $_ % @httpds;
        Scim::Process->start(sub { mixed_client($httpds[$i], $orgs[$i], $count / $CLIENTS) }, out => 'pipe');
    } 1 .. $CLIENTS;
    Scim::Server::wait_until('the clients end', 180, sub { !grep { $_->look } @clients });
    $_->wait for @clients;
    my @told = map { split /\n/, $_->{text} } @clients;
    my %count;
    $count{ (split)[1] }++ for @told;
    note join ', ', map { "$_: $count{$_}" } sort keys %count;
    return @told;
}

sub is_flawless {
    my ($name, $httpd) = @_;
    my @told = mixed($REQUESTS, $httpd);
    cmp_ok scalar @told, '>=', $REQUESTS, "$name: $REQUESTS requests";
    is_deeply [grep { / wrong$| 503 / } @told], [], "$name: all are answered, and well";
}

# The state of a session that another client gets.
my $LEFT = q{SELECT current_setting('synchronous_commit'), current_setting('lock_timeout'), current_setting('jit'),}
         . q{ current_setting('statement_timeout'), current_setting('search_path'), (SELECT count(*) FROM pg_prepared_statements),}
         . q{ (SELECT count(*) FROM pg_listening_channels());};
sub looks {
    my ($stranger, $count) = @_;
    my %seen;
    for (1 .. $count) {
        $stranger->say($LEFT);
        $seen{ $stranger->line(30) }++;
    }
    return \%seen;
}

# Whole sessions: nothing needs to be set.
{
    my $pooler = Scim::Pooler->new(server(), mode => 'session', size => 60)->start;
    my $httpd = $pooler->httpd('');
    is_flawless('whole sessions', $httpd);
    is_deeply [said($httpd, $ADVICE)], [], 'whole sessions: nothing is to be said';
    $pooler->stop;
}

# The role's settings are missing: that is logged once.
{
    my $pooler = Scim::Pooler->new(server(), mode => 'transaction', size => 4)->start;
    my $httpd = $pooler->httpd("$OFF\nStartServers 1\nServerLimit 1");
    my $org = organization_at($httpd);
    $org->get('/Users?count=1') for 1 .. 5;
    is_deeply [map { /SCIM0071: .*missing: (.*?) \(/ } said($httpd, $ADVICE)], ['jit, lock_timeout, statement_timeout'], 'settings that only the role can have are asked for once';
    $pooler->stop;
}
superuser(map { "ALTER ROLE scim IN DATABASE scim SET $_" } "statement_timeout = '20s'", "lock_timeout = '2s'", 'jit = off');

# A session for each transaction.
{
    my $pooler = Scim::Pooler->new(server(), mode => 'transaction', size => 4)->start;
    my $httpd = $pooler->httpd($OFF);
    is_flawless('a session for each transaction', $httpd);

    my $org = organization_at($httpd);
    my $stranger = $pooler->psql;
    my $before = looks($stranger, 20);
    is_deeply [keys %$before], ['on 2s off 20s pg_catalog, pg_temp 0 0'], 'a stranger finds the settings of the role';
    my @ids = map { $org->create->{id} } 1 .. 20;
    my $writer = Scim::Process->start(sub {
        $org->{http} = Scim::Http->new($httpd->{plain_url});
        for my $round (1 .. 4) {
            print $org->post('/Bulk', bulk((map { creation(user_name()) } 1 .. 100), map { change($_, "r$round") } @ids))->{status}, "\n";
        }
    }, out => 'pipe');
    my $during = {};
    until ($writer->ended) {
        my $seen = looks($stranger, 20);
        $during->{$_} += $seen->{$_} for keys %$seen;
    }
    is_deeply [map { $writer->line } 1 .. 4], [(200) x 4], 'bulk requests are done meanwhile';
    is_deeply [keys %$during], [keys %$before], 'during a bulk request, strangers find the same';
    is_deeply [keys %{ looks($stranger, 100) }], [keys %$before], 'and after it';

    # A token that is remembered in a shared session (schema.sql) gives no access.
    my $gone = organization_at($httpd);
    $gone->create for 1 .. 8;
    sql('DELETE FROM scim.token WHERE organization_id = $1', $gone->{id});
    is_deeply [grep { $_ != 401 } map { $gone->post('/Users', { userName => user_name(), displayName => 'x' })->{status} } 1 .. 8], [],
        'a token that was deleted opens no session that has seen it';
    is_deeply [said($httpd, $ADVICE)], [], 'nothing is to be said';

    # NOTIFY reaches nobody through it.
    my $follower = Scim::Process->start([Scim::Server::scimctl_program(), '--db', $pooler->conninfo(user => 'scim_owner'), 'events', $org->{key}, '--follow'],
                                        out => "$pooler->{dir}/events", err => "$pooler->{dir}/follower");
    my $late = $org->create->{userName};
    Scim::Server::wait_until('the event', 20, sub { content("$pooler->{dir}/events") =~ /\Q$late\E/ });
    $follower->stop;
    $pooler->stop;
}

# The same without the directive: requests may be refused, but no answer is wrong.
# There is one session, and two httpds that prepare in different orders: the second one
# must not run a statement of the first one.
{
    local $creations = 1;
    my $pooler = Scim::Pooler->new(server(), mode => 'transaction', size => 1)->start;
    my @httpds = map { $pooler->httpd("StartServers 1\nServerLimit 1") } 1 .. 2;
    my $org = organization();
    my $user = $org->create(userName => 'pool1@example.com');
    my @queries = ('userName eq "pool1@example.com"', "id eq \"$user->{id}\"", "externalId eq \"none\" or id eq \"$user->{id}\"");
    my @wrong;
    for my $i (0, 1) {
        local $org->{http} = Scim::Http->new($httpds[$i]{plain_url});
        for my $query ($i ? reverse @queries : @queries) {
            my $r = $org->filter($query);
            push @wrong, "$query: $r->{status} " . ($r->{json}{totalResults} // '')
                unless $r->{status} == 503 || $r->{status} == 200 && $r->{json}{totalResults} == 1;
        }
    }
    is_deeply \@wrong, [], 'another httpd with another order of statements finds the account that exists';
    is_deeply [grep { / wrong$/ } mixed(200, @httpds)], [], 'prepared on sessions of others: no answer is wrong';
    $pooler->stop;

    $pooler = Scim::Pooler->new(server(), mode => 'transaction', size => 4)->start;
    my $httpd = $pooler->httpd('');
    is_deeply [grep { / wrong$/ } mixed($REQUESTS / 2, $httpd)], [], 'nor is one on several sessions';
    my @said = said($httpd, $ADVICE);
    like $said[0], qr/SCIM0070: .*SCIMPreparedStatements Off/, 'and the log says what to set';
    my %children = map { /\[pid (\d+)/ => 1 } @said;
    is scalar @said, keys %children, 'each process once';
    $pooler->stop;
}

# PgBouncer is killed under load.
{
    my $pooler = Scim::Pooler->new(server(), mode => 'transaction', size => 4)->start;
    my $httpd = $pooler->httpd($OFF);
    my $org = organization_at($httpd);
    my $journal = Scim::Journal->start($org, writers => 4, url => $httpd->{plain_url});
    for (1 .. 3) {
        $journal->wait_for(30);
        $pooler->kill;
        $pooler->start;
    }
    $journal->wait_for(30);
    my $audit = $journal->stop->audit(server());
    is_deeply $audit->faults, {}, 'PgBouncer killed: 503 at most, and what was acknowledged is there' or diag explain $audit->faults;
    $pooler->stop;
}

# PostgreSQL is killed, and flushes to the disk only when it is asked to.
sub stop_writing {
    my ($pid) = map { $_->[0] } sql(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'});
    kill 'STOP', $pid;
    return $pid;
}
sub names_of { my ($org) = @_; return map { $_->[0] } sql(q{SELECT user_name FROM scim.account WHERE organization_id = $1}, $org->{id}) }
sub parent_of {
    my ($pid) = @_;
    open my $in, '<', "/proc/$pid/stat" or return 0;
    return (<$in> // '') =~ /\) \S (\d+) /s ? $1 : 0;
}
sub children_of { my ($parent) = @_; return grep { parent_of($_) == $parent } map { m{(\d+)$} } glob '/proc/[0-9]*' }
{
    my $pooler = Scim::Pooler->new(server(), mode => 'transaction', size => 4)->start;
    my $httpd = $pooler->httpd($OFF);
    for my $round (1 .. 3) {
        my $org = organization_at($httpd);
        my @ids = map { $org->create->{id} } 1 .. 5;
        my @names = map { user_name() } 1 .. 100;
        my $postmaster = server()->database_pid;
        my @all = ($postmaster, children_of($postmaster));
        stop_writing();
        my $r = $org->post('/Bulk', bulk((map { creation($_) } @names), map { change($_, "k$round") } @ids));
        kill 'KILL', @all, children_of($postmaster);
        is $r->{status}, 200, 'a bulk request is acknowledged, and PostgreSQL killed at once';
        Scim::Server::wait_until('PostgreSQL has ended', 20, sub { !grep { kill 0, $_ } @all });
        server()->start_database;
        # The log of requests may have asked meanwhile: after a failure, PgBouncer
        # refuses all for a second.
        Scim::Server::wait_until('PgBouncer leads to it again', 20, sub { $org->get('/Users?count=1')->{status} == 200 });
        my %there = map { $_ => 1 } names_of($org);
        is_deeply [grep { !$there{$_} } @names], [], 'the accounts that it created exist';
        is_deeply [map { @$_ } sql(q{SELECT count(*) FROM scim.account WHERE organization_id = $1 AND attributes ->> 'title' = $2}, $org->{id}, "k$round")], [5],
            'and its changes';
    }

    # PgBouncer hides a crash between two of its transactions, which loses the first.
    my $org = organization_at($httpd);
    my $console = $pooler->psql(user => 'scim_owner', database => 'pgbouncer');
    my @names = map { user_name() } 1 .. 900;
    my $wal_writer = stop_writing();
    my $writer = Scim::Process->start(sub {
        $org->{http} = Scim::Http->new($httpd->{plain_url});
        my $r = $org->post('/Bulk', bulk(map { creation($_) } @names));
        print "$r->{status} ", scalar(@{ $r->{json}{Operations} || [] }), "\n";
    }, out => 'pipe');
    my $done = 0;
    Scim::Server::wait_until('it has begun', 20, sub { ($done = () = names_of($org)) > 100 || $writer->ended });
    $console->say('PAUSE;');
    $console->say('SHOW VERSION;');
    like $console->line, qr/PgBouncer/, 'PgBouncer pauses in the middle of a bulk request';
    $done = () = names_of($org);
    kill 'KILL', $wal_writer;
    Scim::Server::wait_until('PostgreSQL has recovered', 20, sub { eval { sql(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter' AND pid <> $1}, $wal_writer) } });
    my $kept = () = names_of($org);
    cmp_ok $kept, '<', $done, "a crash loses what did not wait for the disk: $kept are left of $done accounts";
    $console->say('RESUME;');
    my $said = $writer->line;
    like $said, qr/^503 /, 'the bulk request goes on on another session, and is not acknowledged' or diag $said;
    is scalar(said($httpd, qr/PostgreSQL was restarted between the operations/)), 1, 'and the log says why';
    $pooler->stop;
}
done_testing;
