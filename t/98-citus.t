# SPDX-License-Identifier: Apache-2.0
# examples/citus/: what identity providers, administrators and the gate do, on tables
# that Citus has distributed over two servers.  Each statement is one call on one of
# them.  Skipped where Citus is not installed.
#
# SCIM_TEST_CITUS=1 runs any other test on Citus.
use strict;
use warnings;
use lib 't/lib';
use File::Path qw(make_path);
use File::Temp ();
use JSON::PP ();
use MIME::Base64 ();
use Scim::Citus;
use Scim::Entra;
use Scim::Process;
use Scim::Test;

my $EXAMPLE = 'examples/citus';

# In any case: all statements that run on a shard are found by PostgreSQL.
my $shards = Scim::Process::run(['awk', '-v', 'to=shards', '-f', 'storage/statements.awk', 'storage/statements.sql']);
is $shards->{status}, 0, 'the statements that run on a shard are printed';
my %by = $shards->{out} =~ /^CALL pg_temp\.delegate\('(\w+)', '(\$\d|key|all)'\);$/mg;
cmp_ok scalar keys %by, '>', 80, 'they are most of those of an organization';
my $ids = Scim::Process::run(['awk', '-v', 'to=ids', '-f', 'storage/statements.awk', 'storage/statements.sql'])->{out};
is_deeply [sort map { "${_}_ON_SHARD" } keys %by], [sort $ids =~ /SCIM_SQL_(\w+_ON_SHARD)\b/g], 'and in C they have calls';

SKIP: {
    skip 'Citus is not installed', 1 unless Scim::Citus::is_installed();
    subtest 'on Citus' => \&on_citus;
}

sub on_citus {
    local $ENV{SCIM_TEST_CITUS} = 1;
    my $server = own_server(database_conf => "citus.log_remote_commands = on\nlog_min_messages = notice\nlog_line_prefix = '%m [%p] %u '\n");
    my $org = organization();
    my $other = organization();
    is_deeply [sql('SELECT count(DISTINCT nodename) FROM citus_shards WHERE table_name = $1::regclass', 'scim.account')], [[2]],
        'accounts are on two servers';

    my @said = remote($server, sub {
        my $entra = Scim::Entra->new(url => $org->url, token => $org->{token});
        ok $entra->run(Scim::Entra::demonstration('example.com')), 'the cycle of Entra ID: every step succeeds'
            or diag explain [grep { $_->{result} ne 'success' } @{ $entra->{rows} }];
    });
    cmp_ok scalar(grep { /\bscim_shard\./ } @said), '>', 30, 'its statements are calls on a shard';
    is_deeply [grep { /^(?:PREPARE TRANSACTION|COMMIT PREPARED)\b/ } @said], [], 'and nothing is committed on two servers';
    is_deeply [sql('SELECT a.user_name, a.role FROM scim.account a WHERE a.organization_id = $1 AND a.id <> $2 ORDER BY 1', $org->{id}, $org->{issuer})],
        [['hanako.suzuki@example.com', 'ADMIN'], ['taro.yamada@example.com', 'ADMIN']], 'the accounts are there';

    # A token that was deleted writes nothing more; what the triggers say is kept.
    my $token = $other->new_token;
    my $user = $other->create(userName => user_name());
    ok $user->{id}, 'an account of another organization';
    is $other->get("/Users/$user->{id}")->{status}, 200, 'and back';
    is scalar(sql('SELECT 1 FROM scim.event WHERE organization_id = $1 AND transaction_id <> $2', $other->{id}, '0')) > 0, 1, 'with events';
    sql('UPDATE scim.organization SET provisioning_paused = true WHERE id = $1', $other->{id});
    is $other->post('/Users', { schemas => [CORE], userName => user_name() })->{status}, 503, 'paused: it writes nothing';
    sql('UPDATE scim.organization SET provisioning_paused = false WHERE id = $1', $other->{id});

    requests($server, $other);
    is scalar @{ settings($org, 'activity')->{json}{entries} || [] } > 0, 1, 'and it shows what was done';
    is $org->post('/Users', { schemas => [CORE] })->{status}, 400, 'what is refused';
    is scalar(grep { $_->{outcome} eq 'refused' } @{ settings($org, 'activity')->{json}{entries} }), 1, 'is shown as well';

    locks($server, $other);

    gate($server, $org);

    # The feed of the organization
    my $feed = Scim::Process::run([$server->scimctl('events', $org->{key})]);
    is $feed->{status}, 0, 'the feed of the organization' or diag $feed->{err};
    like $feed->{out}, qr/hanako\.suzuki/, 'has its changes';
    my $all = Scim::Process::run([$server->scimctl('events')]);
    isnt $all->{status}, 0, 'all organizations have none';
    like $all->{err}, qr/only an organization has a change feed/, 'which is said';
    feeds($server, $org, $other);

    # What is done behind requests
    my $list = Scim::Process::run([$server->scimctl('org', 'list')]);
    is scalar(() = $list->{out} =~ /^(?:$org->{key}|$other->{key}) /mg), 2, 'scimctl lists the organizations' or diag $list->{err};
    Scim::Server::wait_until('the log of requests', 10, sub { @{ settings($org, 'requests')->{json}{requests} || settings($org, 'requests')->{json}{entries} || [] } });
    my @tokens = sql(q{UPDATE scim.token SET expires_at = now() + interval '20 days' WHERE organization_id = $1 RETURNING 30}, $other->{id});
    is_deeply [sql('SELECT * FROM scim_shard.token_notice()')], [[scalar @tokens]], 'tokens that end soon are noticed';
    is_deeply [sql(q{SELECT data ->> 'days' FROM scim.event WHERE organization_id = $1 AND kind = $2}, $other->{id}, 'urn:mod_scim:event:token:expiring')],
        \@tokens, 'by events';
}

# A wait for a row, which is on a worker, ends as soon as one on a single server.
sub locks {
    my ($server, $org) = @_;
    my $user = $org->create(userName => user_name());
    my $locker = Scim::Process->start([$server->psql('-qAtX')], in => 'pipe', out => 'pipe', err => '/dev/null');
    $locker->say("BEGIN; UPDATE scim.account SET display_name = 'x' WHERE organization_id = '$org->{id}' AND id = '$user->{id}'; SELECT 'locked';");
    $locker->line;
    my $start = time;
    my $refused = $org->patch_ops($user->{id}, { op => 'replace', path => 'title', value => 'y' });
    is $refused->{status}, 503, 'a row that is locked: 503';
    like $refused->{json}{detail}, qr/^Another request is changing the same account/, 'which says why';
    cmp_ok time - $start, '<', 5, 'soon';
    $locker->stop;
}

# The transactions of a server are not those of another one.
sub feeds {
    my ($server, @orgs) = @_;
    my $place = sub { (sql('SELECT s.nodename FROM citus_shards s WHERE s.shardid = get_shard_id_for_distribution_column($1::regclass, $2::uuid)', 'scim.event', $_[0]{id}))[0][0] };
    my %on = map { $place->($_) => 1 } @orgs;
    until (keys %on == 2) {
        push @orgs, organization();
        $on{ $place->($orgs[-1]) } = 1;
    }
    my ($ahead) = $server->worker_list;
    Scim::Citus::as_superuser($ahead, '-c', 'DO $$BEGIN FOR i IN 1 .. 10000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END$$');
    $_->create(userName => user_name()) for @orgs;
    for my $of (@orgs) {
        my $feed;
        my @sent = remote($server, sub { $feed = Scim::Process::run([$server->scimctl('events', $of->{key})]) }, 'scim_owner');
        is $feed->{status}, 0, "the feed of an organization on @{[$place->($of) =~ /(worker\d)/]}" or diag $feed->{err};
        is scalar(grep { !/^SELECT .* FROM scim_shard\.(?:organization_by_key|feed_)/ } @sent), 0, 'asks no other server' or diag join "\n", map { substr $_, 0, 200 } @sent;
    }
}

# What the servers send to one another during code, for httpd.
sub remote {
    my ($server, $code, $role) = @_;
    $role //= 'scim';
    my %start = map { my $log = "$_->{pgdata}/server.log"; ($log => -s $log) } $server, $server->worker_list;
    $code->();
    my @said;
    for my $log (sort keys %start) {
        open my $in, '<', $log or die "$log: $!";
        seek $in, $start{$log}, 0;
        local $/;
        push @said, <$in> =~ /^\S+ \S+ \S+ \[\d+\] $role NOTICE:  issuing (.*)$/mg;
    }
    return @said;
}

# What a request sends to the servers, once the process knows the token (the table in
# the example's README): calls, and nothing else.  What is done behind requests, and
# once a minute, is left out.
sub requests {
    my ($server, $org) = @_;
    my $user = $org->create(userName => user_name());
    my $boss = $org->create(userName => user_name(), roles => [{ value => 'ADMIN' }]);
    my @group = (schemas => ['urn:ietf:params:scim:schemas:core:2.0:Group']);
    my $group = $org->post('/Groups', { @group, displayName => 'one' })->{json};
    my $ops = sub { return { schemas => [PATCHOP], Operations => [@_] } };
    my $member = { op => 'add', path => 'members', value => [{ value => $user->{id} }] };
    my @table = (
        [2, 'GET a User', sub { $org->get("/Users/$user->{id}") }],
        [2, 'GET Users with userName eq', sub { $org->get("/Users?filter=userName%20eq%20%22$user->{userName}%22") }],
        [2, 'GET Users, a page', sub { $org->get('/Users?count=3&startIndex=2') }],
        [2, 'GET Users, by cursor', sub { $org->get('/Users?count=1&cursor') }],
        [2, 'GET Users with co', sub { $org->get('/Users?filter=displayName%20co%20%22abc%22') }],
        [2, 'POST a User', sub { $org->post('/Users', { schemas => [CORE], userName => user_name(), displayName => 'x' }) }],
        [3, 'PATCH a User', sub { $org->patch("/Users/$user->{id}", $ops->({ op => 'replace', path => 'displayName', value => 'y' })) }],
        [3, 'PUT a User', sub { $org->put("/Users/$user->{id}", { schemas => [CORE], userName => $user->{userName}, displayName => 'z' }) }],
        [3, 'DELETE a User', sub { $org->delete("/Users/$boss->{id}") }],
        [3, 'POST a Group', sub { $org->post('/Groups', { @group, displayName => 'two', members => [{ value => $user->{id} }] }) }],
        [3, 'GET a Group', sub { $org->get("/Groups/$group->{id}") }],
        [3, 'GET Groups with displayName eq', sub { $org->get('/Groups?filter=displayName%20eq%20%22one%22') }],
        [2, 'PATCH the members of a Group', sub { $org->patch("/Groups/$group->{id}", $ops->($member)) }],
        [2, 'DELETE a Group', sub { $org->delete("/Groups/$group->{id}") }],
        map { my ($calls, $path, @written) = @$_; [$calls, join(' ', 'the settings page:', $written[0] || 'GET', $path), sub { settings($org, $path, @written) }] }
            [2, 'settings'], [2, 'members'], [2, 'members?search=abc'], [3, 'activity'], [2, 'groups'], [2, 'tokens'], [2, 'requests'], [2, 'guard'], [2, 'health'],
            [3, 'settings', PUT => { enabled => JSON::PP::false }], [3, 'settings', PUT => { enabled => JSON::PP::true }],
            [3, 'settings', PUT => { provisionedReadOnly => JSON::PP::true }], [3, 'settings', PUT => { provisionedReadOnly => JSON::PP::false }],
            [3, 'guard', PUT => { number => 20, percent => 10 }], [3, 'guard', POST => {}], [2, 'tokens', POST => { name => 'new' }],
            [5, "members/$user->{id}", PATCH => { displayName => 'x' }]);
    $org->get('/Users?count=1');
    for my $row (@table) {
        my ($calls, $name, $request) = @$row;
        my $r;
        my @sent = grep { !/scim_shard\.(?:token_used|write_requests|prune_requests|notices_of)|FROM scim\.(?:deleted_)?token_\d/ }
            remote($server, sub { $r = $request->() });
        like $r->{status}, qr/^20[014]$/, $name or diag $r->{content};
        is_deeply [grep { /^(?:BEGIN|COMMIT|ROLLBACK|PREPARE|COPY)\b/ } @sent], [], "$name: each statement is a transaction of one server";
        is scalar @sent, $calls, "$name: so many" or diag join "\n", map { substr $_, 0, 200 } @sent;
    }
}

sub settings {
    my ($org, $path, $method, $body) = @_;
    my $r = Scim::Test::http()->request($method // 'GET', "/organizations/$org->{key}/api/$path",
        [Authorization => 'Basic ' . MIME::Base64::encode("$org->{issuer_name}:x", ''), $body ? (Origin => server()->{url}, 'Content-Type' => 'application/json') : ()],
        $body && JSON::PP::encode_json($body));
    $r->{json} = eval { JSON::PP->new->utf8->decode($r->{content}) };
    return $r;
}

sub gate {
    my ($server, $org) = @_;
    my $dir = File::Temp::tempdir('scim-gate-XXXXXX', TMPDIR => 1, CLEANUP => 1);
    make_path("$dir/httpd/htdocs/in");
    Scim::Server::write_file("$dir/httpd/htdocs/in/x.txt", "behind the gate\n");
    my $gate = Scim::Server->new(dir => $dir, database => $server, conf => <<"CONF");
<Directory $dir/httpd/htdocs>
    Require all granted
    LimitRequestBody 0
</Directory>
SCIMOrganization $org->{key}
SCIMGateCache 0
<Location /in>
    AuthType Basic
    AuthName gate
    AuthBasicProvider anon
    Anonymous *
    Anonymous_MustGiveEmail Off
    Require scim-account
</Location>
CONF
    $gate->start;
    my $http = Scim::Http->new($gate->{url});
    my $ask = sub { return $http->request('GET', '/in/x.txt', [Authorization => 'Basic ' . MIME::Base64::encode("$_[0]:x", '')])->{status} };
    my @sent = remote($server, sub { is $ask->('hanako.suzuki@example.com'), 200, 'the gate lets an account in' });
    is scalar(grep { /scim_shard\.person_by_user_name/ } @sent), 1, 'by one call';
    is $ask->('nobody@example.com'), 403, 'and nobody else';
    $gate->stop_httpd;
}

done_testing;
