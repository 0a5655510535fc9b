# SPDX-License-Identifier: Apache-2.0
# The access log says who asked for what, nobody can forge a line of it, and each
# answer has an id that is in the logs.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use File::Temp ();
use JSON::PP ();
use MIME::Base64 ();
use Scim::Process;
use Scim::Test;

my ($readme) = do { local (@ARGV, $/) = 'README'; <> };
my ($FORMATS) = $readme =~ /^((?:    LogFormat .*\n){2})/m or die 'README: LogFormat';
my $BASIC = "AuthType Basic\nAuthName app\nAuthBasicProvider anon\nAnonymous *\nAnonymous_MustGiveEmail Off\n";
my $server = own_server(conf => <<"CONF");      # its logs are read, and its database is stopped
$FORMATS
CustomLog scim_log scim
CustomLog json_log scim_json
ErrorLogFormat "[%l] [%L] %M"
<Location /app.txt>
    ${BASIC}SCIMOrganization acme
    Require scim-account
    ErrorDocument 403 /plain.txt
</Location>
SetEnvIf X-Unique (.+) UNIQUE_ID=\$1
<Location /closed>
    SetHandler scim
    Require all denied
</Location>
CONF
Scim::Server::write_file("$server->{dir}/httpd/htdocs/app.txt", "An application\n");
my $org = organization(key => 'acme');
my $http = Scim::Http->new($server->{plain_url});

sub log_lines { my ($name) = @_; open my $in, '<:raw', "$server->{dir}/httpd/$name" or return; chomp(my @lines = <$in>); return @lines }
my $JSON = JSON::PP->new->utf8;

# The answer of a request and the object that it has in the log; that comes a moment
# after it.
sub logged {
    my ($request) = @_;
    my $before = () = log_lines('json_log');
    my $r = $request->();
    my @lines;
    Scim::Server::wait_until('the line', 20, sub { @lines = log_lines('json_log'); @lines > $before });
    return ($r, eval { $JSON->decode($lines[$before]) } // { broken => $lines[$before] });
}
sub is_logged {
    my ($request, $expected, $name) = @_;
    my ($r, $line) = logged($request);
    my %part = map { $_ => $line->{$_} } keys %$expected;
    is_deeply(\%part, $expected, $name) || diag explain $line;
    return ($r, $line);
}

# SCIM
my ($r, $line) = is_logged(sub { $org->post('/Users', { userName => user_name(), displayName => 'x' }) },
    { method => 'POST', resource => 'Users', status => 201, organization => 'acme', token => 'test', scimType => '-', outcome => 'ok' }, 'a creation');
is $line->{account}, $r->{json}{id}, 'names the account';
like $line->{time}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d{4}$/, 'with its time';
is_deeply [sort keys %$line], [sort qw(time client method resource status bytes microseconds request organization token account scimType outcome)], 'and nothing else';
my $id = $r->{json}{id};
is_logged(sub { $org->post('/Users', { userName => $r->{json}{userName}, displayName => 'x' }) }, { status => 409, scimType => 'uniqueness', outcome => 'uniqueness', account => '-' }, 'a refusal has its scimType');
is_logged(sub { $org->get("/Users/$id") }, { resource => 'Users', account => $id, outcome => 'ok' }, 'a read');
is_logged(sub { $org->delete("/Users/$id") }, { resource => 'Users', account => $id, outcome => 'ok' }, 'a deletion');
is_logged(sub { $org->get("/Users/$id") }, { status => 404, account => $id, outcome => 'not_found' }, 'a miss');
is_logged(sub { $org->get('/Users', token => 'scim_' . '0' x 64) }, { status => 401, organization => 'acme', token => '-', outcome => 'unauthorized' }, 'a wrong token has no name');
is_logged(sub { $org->get('/Groups') }, { resource => 'Groups', account => '-', outcome => 'ok' }, 'a list of groups');
($r, $line) = logged(sub { $org->get('/Users', target => '/closed/acme/v2/Users') });
is "$r->{status} $line->{status} $line->{resource} $line->{outcome}", '403 403 other -', 'what httpd refuses is logged';
is $line->{request}, $r->{headers}{'x-request-id'}, 'with its id';

# The settings page and the gate
sub as { my ($user) = @_; return [Authorization => 'Basic ' . MIME::Base64::encode("$user:x", '')] }
is_logged(sub { $http->request(GET => '/organizations/acme/api/settings', as($org->{issuer_name})) },
    { resource => 'settings', organization => 'acme', account => $org->{issuer}, outcome => 'ok', status => 200 }, 'the settings page');
is_logged(sub { $http->request(GET => '/organizations/acme/api/settings', as('mallory')) }, { status => 403, account => '-', outcome => 'forbidden' }, 'and its refusals');
is_logged(sub { $http->request(GET => '/app.txt', as($org->{issuer_name})) }, { resource => '-', organization => 'acme', account => $org->{issuer}, outcome => 'granted', status => 200 }, 'the gate');
($r, $line) = is_logged(sub { $http->request(GET => '/app.txt', as('mallory@example.com')) }, { organization => 'acme', account => '-', outcome => 'denied', status => 403 },
    'its refusals as well, behind an ErrorDocument');
is $r->{headers}{'x-request-id'}, undef, 'the answers of applications are left alone';

# Hostile values
for my $name ('a"b\\c', 'Entra 株式会社', '100% "}', '","outcome":"ok') {
    sql('UPDATE scim.token SET name = $1 WHERE id = $2', $name, $org->{token_id});
    ($r, $line) = logged(sub { $org->get('/Users?count=0') });
    my $token = $line->{token} // '';
    unlike $token, qr/["\\]|[^ -~]/, 'the name of a token is ASCII without quotation marks';
    $token =~ s/%([0-9a-f]{2})/chr hex $1/ge;
    is Encode::decode_utf8($token), $name, 'and nothing of it is lost';
}
sql('UPDATE scim.token SET name = $1 WHERE id = $2', 'x' x 200, $org->{token_id});
(undef, $line) = logged(sub { $org->get('/Users?count=0') });
is length $line->{token}, 128, 'a long one is cut';
my @targets = ('/scim/a"b/v2/Users', '/scim/acme/v2/Us"e\\rs', '/scim/acme/v2/Users/%0a%22,%22outcome%22:%22ok', '/scim/acme/v2/Users/' . '%e6' x 200, '/scim/%00/v2', '/scim/acme/v2/Users%2F');
for my $target (@targets) {
    my ($r, $line) = logged(sub { $org->get('', target => $target) });
    ok !$line->{broken} && $line->{status} == $r->{status}, 'a hostile URL breaks no line' or diag explain $line;
    unlike $line->{account}, qr/["\\\n]/, 'nor does the id in it';
}
(undef, $line) = logged(sub { $http->request('G"E\\T', '/scim/acme/v2/Users', []) });
ok !$line->{broken}, 'nor does a method' or diag explain $line;
is scalar(log_lines('json_log')), scalar(log_lines('scim_log')), 'both formats have the same lines';
like((log_lines('scim_log'))[0], qr/^127\.0\.0\.1 scim:\S+ \[.*\] "POST \/scim\/acme\/v2\/Users HTTP\/1\.1" 201 \d+ \d+ \w{24} acme "test" \S{36} - ok$/, 'which are easy to read');

# Ids of requests
my %id;
for (1 .. 20) {
    $r = $org->get('/Users?count=0');
    $id{ $r->{headers}{'x-request-id'} }++;
}
is scalar(keys %id), 20, 'each answer has an id of its own';
like $_, qr/^[0-9a-f]{24}$/, 'which is random' for (keys %id)[0];
$r = $org->get('/Users?count=0', headers => { 'X-Request-Id' => 'mine' });
unlike $r->{headers}{'x-request-id'}, qr/mine/, 'a client cannot choose it';
is $org->get('/Users', headers => { 'X-Unique' => 'Zm9v@-bar_1' })->{headers}{'x-request-id'}, 'Zm9v@-bar_1', 'UNIQUE_ID is taken';
unlike $org->get('/Users', headers => { 'X-Unique' => $_ })->{headers}{'x-request-id'}, qr/^\Q$_\E$/, 'unless it is none' for 'a"b', 'a b', 'x' x 65;
for my $target ('/scim/acme/v2/Users%2F', '/scim/acme/v2/Users/' . 'x' x 9000, '/scim/none', '/closed/acme/v2/Users') {
    ok length($org->get('', target => $target)->{headers}{'x-request-id'} // ''), 'httpd\'s own refusals have one';
}
ok length($http->request(GET => '/organizations/acme/api/settings', as('mallory'))->{headers}{'x-request-id'} // ''), 'and so has the settings page';
$r = $org->get('/Users?filter=x');
unlike $r->{json}{detail}, qr/Request id/, 'a refusal does not repeat it';
like error_log(), qr/\[info\] \[\Q$r->{headers}{'x-request-id'}\E\] SCIM0001: 400 .*\(request \Q$r->{headers}{'x-request-id'}\E\)/, 'the error log has it twice: as %L and in SCIM0001';

unlike error_log(), qr/exit signal/, 'no request ends a process';
my $unique = Scim::Server->new(dir => File::Temp::tempdir('scim-unique-XXXXXX', TMPDIR => 1, CLEANUP => 1), database => $server,
    conf => Scim::Test::locations() . "LoadModule unique_id_module @{[Scim::Server::modules_dir()]}/mod_unique_id.so\nLogFormat \"%{UNIQUE_ID}e %{scim-request-id}n\" ids\nCustomLog ids_log ids\n");
$unique->start;
$r = (bless { %$org, http => Scim::Http->new($unique->{plain_url}) }, ref $org)->get('/Users?count=0');
$unique->stop;
open my $ids, '<', "$unique->{dir}/httpd/ids_log" or die $!;
is scalar <$ids>, "$r->{headers}{'x-request-id'} $r->{headers}{'x-request-id'}\n", 'the id is the one of mod_unique_id';

$server->stop_database;
$r = $org->get('/Users');
is_error($r, 503, undef, 'a failure of the server');
like $r->{json}{detail}, qr/ Request id \Q$r->{headers}{'x-request-id'}\E\.$/, 'says its id in the detail';
like error_log(), qr/SCIM0001: 503 for GET .*\(request \Q$r->{headers}{'x-request-id'}\E\)/, 'and so does the log';
$server->start_database;
done_testing;
