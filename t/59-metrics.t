# SPDX-License-Identifier: Apache-2.0
# Metrics for Prometheus: they count what was done, and no client can make them grow.
use strict;
use warnings;
use lib 't/lib';
use MIME::Base64 ();
use Scim::Metrics;
use Scim::Process;
use Scim::Test;
use Time::HiRes qw(time);

my $BASIC = "AuthType Basic\nAuthName app\nAuthBasicProvider anon\nAnonymous *\nAnonymous_MustGiveEmail Off\n";
my $server = own_server(conf => Scim::Metrics::location() . <<"CONF");     # its requests are counted
<Location /app.txt>
    ${BASIC}SCIMOrganization acme
    SCIMGateCache 60
    Require scim-account
</Location>
# One process: the gate's cache is its own.
StartServers 1
ServerLimit 1
MaxRequestWorkers 25
CONF
Scim::Server::write_file("$server->{dir}/httpd/htdocs/app.txt", "An application\n");
my $org = organization(key => 'acme');
my $metrics = Scim::Metrics->new($server->{plain_url});

sub is_counted {
    my ($count, $code, $expected, $name) = @_;
    my %more = $metrics->during($count, $code);
    my %counted = map { $_ => $more{$_} } grep { !/^scim_(?:db|request_duration|token|relay|feed)/ } keys %more;
    return is_deeply(\%counted, $expected, $name) || diag explain \%counted;
}
sub requests_to { my ($resource, %of) = @_; return map { my ($method, $code) = split ' '; (qq(scim_requests_total{method="$method",resource="$resource",code="$code"}) => $of{$_}) } keys %of }
sub of { my ($metric, $label, %of) = @_; return map { (qq($metric\{$label="$_"}) => $of{$_}) } keys %of }
sub events { my (%of) = @_; return of('scim_events_total', 'kind', map { (/^(?:role|account|token|provisioning):/ ? "urn:mod_scim:event:$_" : "urn:ietf:params:scim:event:prov:$_") => $of{$_} } keys %of) }

# The form
my $text = $metrics->text;
my %family = map { $_->{name} => $_ } @{ Scim::Metrics::parsed($text) };
cmp_ok scalar keys %family, '>=', 15, 'another parser reads the metrics';
is_deeply [grep { !length $family{$_}{help} || $family{$_}{type} !~ /^(?:COUNTER|GAUGE|HISTOGRAM)$/ } keys %family], [], 'each has a text and a type';
my %number;
$number{$_}++ for $text =~ /^(\w+(?:\{.*\})?) \S+$/mg;
is_deeply [grep { $number{$_} > 1 } keys %number], [], 'no sample is there twice';
my $http = Scim::Http->new($server->{plain_url});
like $http->request(GET => '/metrics', [])->{headers}{'content-type'}, qr{^text/plain; ?version=0\.0\.4; ?charset=utf-8$}, 'the type is that of the text format';

# Its document
my ($table) = do { local (@ARGV, $/) = 'docs/metrics.md'; <> } =~ /^\| Metric .*?\n(.*?)\n\n/ms;
my %documented = map { my (undef, $name, $type, $labels) = split / *\| */; ($name => "$type $labels") } grep { /^\| scim_/ } split /\n/, $table;

# SCIM
my ($user, $group);
is_counted(8, sub {
    $user = $org->create(roles => [{ value => 'USER', primary => TRUE }]);
    is $org->post('/Users', { userName => $user->{userName}, displayName => 'x' })->{status}, 409, 'a name that is taken';
    is $org->get("/Users/$user->{id}")->{status}, 200, 'a read';
    is $org->request(HEAD => "/Users/$user->{id}")->{status}, 200, 'a HEAD';
    is $org->patch_ops($user->{id}, { op => 'replace', path => 'active', value => FALSE })->{status}, 200, 'a change';
    is $org->patch_ops($user->{id}, { op => 'replace', path => 'active', value => FALSE })->{status}, 200, 'which is repeated';
    is $org->filter('userName ne')->{status}, 400, 'a wrong filter';
    is $org->delete("/Users/$user->{id}")->{status}, 204, 'a deletion';
}, { requests_to(Users => 'POST 201' => 1, 'POST 409' => 1, 'GET 200' => 1, 'HEAD 200' => 1, 'PATCH 200' => 2, 'GET 400' => 1, 'DELETE 204' => 1),
     of('scim_errors_total', 'scim_type', uniqueness => 1, invalidFilter => 1),
     events('create:full' => 1, 'patch:full' => 1, deactivate => 1, delete => 1) },
    'each request is counted once, and each effective change');
is_counted(6, sub {
    $group = $org->post('/Groups', { displayName => random_name() })->{json};
    my @operations = ({ op => 'replace', path => 'displayName', value => random_name() });
    $org->patch("/Groups/$group->{id}", { schemas => [PATCHOP], Operations => \@operations }) for 1 .. 2;
    $org->put("/Groups/$group->{id}", { displayName => $group->{displayName} });
    $org->delete("/Groups/$group->{id}") for 1 .. 2;
}, { requests_to(Groups => 'POST 201' => 1, 'PATCH 204' => 2, 'PUT 200' => 1, 'DELETE 204' => 1, 'DELETE 404' => 1),
     of('scim_refusals_total', 'reason', not_found => 1), events('create:full' => 1, 'patch:full' => 1, 'put:full' => 1, delete => 1) },
    'of groups as well');
is_counted(1, sub {
    my @users = map { { method => 'POST', path => '/Users', bulkId => "b$_", data => { userName => "bulk$_\@example.com", displayName => 'x' } } } 1, 2, 1;
    $org->post('/Bulk', { schemas => [BULK], Operations => [@users, { method => 'DELETE', path => '/Users/00000000-0000-4000-8000-000000000000' },
                                                            { method => 'POST', path => '/Users', bulkId => 'b9', data => { displayName => 'nobody' } }] });
}, { requests_to(Bulk => 'POST 400' => 1), of('scim_errors_total', 'scim_type', invalidSyntax => 1) }, 'a bulk request that is refused is one request');
is_counted(1, sub {
    my $i;
    my @users = map { { method => 'POST', path => '/Users', bulkId => 'b' . ++$i, data => { userName => "bulk$_\@example.com", displayName => 'x' } } } 1, 2, 1;
    $org->post('/Bulk', { schemas => [BULK], Operations => [@users, { method => 'DELETE', path => '/Users/00000000-0000-4000-8000-000000000000' },
                                                            { method => 'POST', path => '/Users', bulkId => 'b9', data => { displayName => 'nobody' } }] });
}, { requests_to(Bulk => 'POST 200' => 1), of('scim_errors_total', 'scim_type', uniqueness => 1, invalidValue => 1),
     of('scim_refusals_total', 'reason', not_found => 1), events('create:full' => 2) },
    'one that is served has the errors of its operations, and their events');

# Warnings
is_counted(3, sub {
    my $odd = $org->create(roles => [{ value => 'BOSS', primary => TRUE }], shoe => 1, timezone => 'Asia/Tokyo');
    $org->patch_ops($odd->{id}, { op => 'replace', path => 'roles', value => 'BOSS' }, { op => 'remove', path => 'active' });
    $org->patch_ops($odd->{id}, { op => 'replace', path => 'timezone', value => 'Europe/Rome' });
}, { requests_to(Users => 'POST 201' => 1, 'PATCH 200' => 2), events('create:full' => 1),
     of('scim_warnings_total', 'reason', role => 2, attribute => 1, removal => 1, set_once => 1) }, 'so does what was lost, as often as it happens');

# Refusals, also those of httpd
is_counted(5, sub {
    $org->get('/Users', token => 'scim_' . '0' x 64);
    $org->get('/Users', token => undef);
    $org->post('/Users', 'x' x 2_000_000);
    $org->get('/Users/%2F');
    $org->get('/', target => '/scim');
}, { requests_to(Users => 'GET 401' => 2, 'POST 413' => 1), requests_to(other => 'GET 404' => 2),
     of('scim_refusals_total', 'reason', unauthorized => 2, too_large => 1, not_found => 1) }, 'refusals have a reason');
my %guesses = $metrics->during(130, sub { $org->get('/Roles', token => 'scim_' . sprintf('%064d', $_)) for 1 .. 130 });
cmp_ok $guesses{'scim_refusals_total{reason="turned_away"}'} // 0, '>', 5, 'guesses of tokens are told from an organization above its rate';
ok !exists $guesses{'scim_refusals_total{reason="too_many_requests"}'}, 'which is not counted for them';
is_counted(2, sub {
    sql('UPDATE scim.organization SET provisioning_enabled = false WHERE id = $1', $org->{id});
    $org->get('/Users');
    $org->get('/Users', token => undef, target => '/scim/acme/v2/ServiceProviderConfig');
    sql('UPDATE scim.organization SET provisioning_enabled = true WHERE id = $1', $org->{id});
}, { requests_to(Users => 'GET 403' => 1), requests_to(ServiceProviderConfig => 'GET 200' => 1), of('scim_refusals_total', 'reason', switched_off => 1) },
    'so does the switch');
my @gone = map { $org->create } 1 .. 3;
$org->set_guard(1);
is_counted(3, sub { $org->delete("/Users/$_->{id}") for @gone },
    { requests_to(Users => 'DELETE 204' => 1, 'DELETE 403' => 2), of('scim_refusals_total', 'reason', guard_accounts => 2), events(delete => 1),
      of('scim_events_total', 'kind', 'urn:mod_scim:event:guard:trip' => 1) }, 'what the guard refuses, and that it has tripped');

# The settings page
sub settings {
    my ($method, $path, $body) = @_;
    my @headers = (Authorization => 'Basic ' . MIME::Base64::encode("$org->{issuer_name}:x", ''), Origin => $server->{plain_url});
    return Scim::Http->new($server->{plain_url})->request($method, "/organizations/acme/$path", [@headers, defined $body ? ('Content-Type' => 'application/json') : ()], $body);
}
is_counted(7, sub {
    settings(GET => '');
    settings(GET => 'api/nothing');
    settings(PUT => 'api/settings', qq({"enabled":$_})) for qw(true false false true);
    settings(POST => 'api/tokens', '{"name":"New"}');
}, { requests_to(settings => 'GET 200' => 1, 'GET 404' => 1, 'PUT 200' => 4, 'POST 201' => 1), of('scim_refusals_total', 'reason', not_found => 1),
     events('provisioning:disable' => 1, 'provisioning:enable' => 1, 'token:generate' => 1) }, 'the settings page is counted');

# The gate
sub app { my ($user) = @_; return Scim::Http->new($server->{plain_url})->request(GET => '/app.txt', $user ? [Authorization => 'Basic ' . MIME::Base64::encode("$user:x", '')] : [])->{status} }
my $member = $org->create;
is_counted(0, sub { is join(' ', app(), map { app($_) } ($member->{userName}) x 3, 'nobody@example.com'), '401 200 200 200 403', 'people at the gate' },
    { of('scim_gate_decisions_total', 'result', granted => 3, denied => 1), of('scim_gate_cache_total', 'result', hit => 2, miss => 2) },
    'the gate counts its decisions, and what its cache knew');

# Other attempts
is_counted(1, sub {
    sql('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1', 'scim');
    $org->get("/Users/$member->{id}");
}, { requests_to(Users => 'GET 200' => 1), of('scim_retries_total', 'reason', lost_connection => 1) }, 'a statement that is sent again is counted');
is_counted(1, sub {
    my $writer = Scim::Process->start([$server->psql('-qX')], in => 'pipe');
    $writer->say("BEGIN; UPDATE scim.account SET display_name = 'Other' WHERE id = '$member->{id}';");
    my $waits = sub { sql(q{SELECT 1 FROM pg_stat_activity WHERE usename = 'scim' AND wait_event_type = 'Lock'}) };
    Scim::Server::wait_until('the row is locked', 20, sub { sql(q{SELECT 1 FROM pg_stat_activity WHERE state = 'idle in transaction' AND query LIKE '%Other%'}) });
    my $client = Scim::Process->start(sub {
        my $mine = bless { %$org, http => Scim::Http->new($server->{plain_url}) }, ref $org;
        $mine->patch_ops($member->{id}, { op => 'replace', path => 'displayName', value => 'Mine' });
    });
    Scim::Server::wait_until('a request waits for it', 20, $waits);
    $writer->say('COMMIT;');
    $writer->close_input;
    $writer->wait;
    $client->wait;
}, { requests_to(Users => 'PATCH 200' => 1), of('scim_retries_total', 'reason', lost_race => 1), events('patch:full' => 1) }, 'a change that begins again is counted');

my %samples = $metrics->samples;
is_deeply { map { /^scim_events_total\{kind="(.*)"\}$/ && $samples{$_} ? ($1 => $samples{$_}) : () } keys %samples },
    { map { $_->[0] => $_->[1] } sql('SELECT kind, count(*) FROM scim.event GROUP BY kind') }, 'after all this, the numbers of events are those in scim.event';

# Hostile clients
my %before = $metrics->samples;
my %more = $metrics->during(60, sub {
    for my $i (1 .. 20) {
        $http->request("BREW$i", "/scim/acme/v2/Users", [Authorization => "Bearer $org->{token}"]);
        $http->request(GET => "/scim/acme/v2/Made$i\"}", [Authorization => "Bearer $org->{token}"]);
        $http->request(GET => "/scim/none$i/v2/Users%0A$i", [Authorization => 'Bearer x']);
    }
});
is_deeply [sort grep { !exists $before{$_} && !/^scim_requests_total\{method="(?:GET|other)",resource="(?:Users|other)",code="(?:401|404|501)"\}$/ } keys %more], [], 'no method, path or organization that a client makes up is in the metrics';
cmp_ok scalar(grep { !exists $before{$_} } keys %more), '<=', 3, 'and hardly a line is new';

# What the database knows, in a process that has not asked it yet
my $relay = "a\"b\\c\nd";
sql('INSERT INTO scim.relay (name, history, transaction_id, sequence, organization_id) VALUES ($1, 0, $2, 0, $3)', $relay, '0', $org->{id});
sql(q{UPDATE scim.token SET expires_at = now() + interval '1 day', last_used_at = now() WHERE id = $1}, $org->{token_id});
%before = $metrics->samples;
$server->graceful;
my %after;
my $expiring = 'scim_events_total{kind="urn:mod_scim:event:token:expiring"}';
Scim::Server::wait_until('the new process', 20, sub { %after = $metrics->samples; $after{$expiring} && exists $after{'scim_token_expiry_seconds{organization="acme"}'} });
is $after{$expiring}, 1, 'an event of no request is counted, too';
is_deeply { map { $_ => $after{$_} } grep { /_total/ } keys %before }, { (map { $_ => $before{$_} } grep { /_total/ } keys %before), $expiring => 1 }, 'a graceful restart keeps the counters';
my $left = $after{'scim_token_expiry_seconds{organization="acme"}'};
ok $left > 86000 && $left <= 86400, 'the end of the token that is used is told' or diag $left;
my ($lag) = map { $after{$_} } grep { /^scim_relay_lag_seconds\{/ } keys %after;
ok defined $lag && $lag > 0, 'and how far a relay is behind';
($lag) = grep { $_->{name} eq 'scim_relay_lag_seconds' } @{ Scim::Metrics::parsed($metrics->text) };
is $lag->{metrics}[0]{labels}{name}, $relay, 'whose name may have any characters';

is $after{'scim_guard_tripped{organization="acme"}'}, 1, 'and whose guard has tripped';

# The document, with all lines
$text = $metrics->text;
my %has;
while ($text =~ /^# TYPE (\w+) (\w+)$/mg) {
    my ($name, $type) = ($1, $2);
    my ($labels) = $text =~ /^$name(?:_bucket)?\{(.*)\} \S+$/m;
    $has{$name} = "$type " . join ', ', ($labels // '') =~ /(?:^|,)(\w+)="/g;
}
is_deeply \%has, \%documented, 'docs/metrics.md has every metric with its type and labels, and no other' or diag explain [\%has, \%documented];

# Without a database
sub timed { my $start = time; my %samples = $metrics->samples; return (time - $start, %samples) }
kill 'STOP', $server->database_pids;
my ($seconds, %frozen);
Scim::Server::wait_until('it is noticed', 5, sub { ($seconds, %frozen) = timed(); !$frozen{scim_db_up} });
kill 'CONT', $server->database_pids;
is $frozen{scim_db_up}, 0, 'a database that does not answer is not up';
cmp_ok $seconds, '<', 3, 'and the metrics come all the same';
Scim::Server::wait_until('it is up again', 20, sub { +{ $metrics->samples }->{scim_db_up} });
pass 'until it is up again';
$server->stop_database;
Scim::Server::wait_until('it is noticed', 5, sub { !+{ $metrics->samples }->{scim_db_up} });
($seconds, my %down) = timed();
is $down{scim_db_up}, 0, 'one that is stopped is not up';
cmp_ok $seconds, '<', 3, 'which is told as fast';
is_deeply [grep { /^scim_(?:token|relay|feed)/ } keys %down], [], 'without what only the database knows';
is $down{'scim_requests_total{method="POST",resource="Users",code="201"}'}, $after{'scim_requests_total{method="POST",resource="Users",code="201"}'}, 'with the counters';
is_counted(1, sub { $org->get('/Users'); app('stranger@example.com') },
    { requests_to(Users => 'GET 503' => 1), of('scim_refusals_total', 'reason', unavailable => 1), of('scim_gate_decisions_total', 'result', unavailable => 1),
      of('scim_gate_cache_total', 'result', miss => 1) }, 'and of what was refused for it');
$server->start_database;

# The usual methods
my $post = $http->request(POST => '/metrics', ['Content-Type' => 'text/plain'], 'x');
is "$post->{status} " . join(',', sort split /,/, $post->{headers}{allow}), '405 GET,HEAD', 'metrics are only read' or diag explain $post->{headers};
is $http->request(HEAD => '/metrics', [])->{status}, 200, 'also by HEAD';
is $http->request(GET => '/metrics/more', [])->{status}, 404, 'and have one URL';
done_testing;
