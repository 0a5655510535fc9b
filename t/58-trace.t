# SPDX-License-Identifier: Apache-2.0
# The error log at debug and trace shows the waits of a request, and never a value
# that a client sent.
use strict;
use warnings;
use lib 't/lib';
use File::Temp ();
use Scim::Test;

own_server();           # its log is long
my $httpd = Scim::Server->new(
    dir => File::Temp::tempdir('scim-trace-XXXXXX', TMPDIR => 1, CLEANUP => 1), database => server(),
    conf => Scim::Test::locations() . <<'CONF');
LogLevel scim:trace2
StartServers 1
ServerLimit 1
<Location /quiet>
    SetHandler scim
    LogLevel scim:debug
    Require all granted
</Location>
<Location /gate>
    SCIMAccountValue "%{HTTP:X-Client}"
    SCIMGateCache 60
    AuthType None
    Require scim-account
</Location>
CONF
my $org = organization();
$httpd->{conf} .= "SCIMOrganization $org->{key}\n";
$httpd->start;
END { $httpd->stop if $httpd }
my $http = Scim::Http->new($httpd->{url});
my $traced = bless { %$org, http => $http }, ref $org;

# The lines of the log about requests that code makes.
sub lines_of {
    my ($requests) = @_;
    open my $in, '<', $httpd->{error_log} or die "$httpd->{error_log}: $!";
    seek $in, 0, 2;
    $requests->();
    local $/;
    return <$in> // '';
}

my ($name, $secret) = (user_name(), 'wZq7' . random_name());
my $said = lines_of(sub {
    my %user = (userName => $name, displayName => "D$secret", title => "T$secret", password => "P$secret");
    is $traced->post('/Users', \%user)->{status}, 201, 'an account is created';
    my $found = $traced->get('/Users?filter=' . uri(qq(title co "T$secret")))->{json};
    is $found->{totalResults}, 1, 'and found by a filter';
});
like $said, qr/\[scim:trace1\] .*SCIM0095: scim_[0-9a-f]+: \d+ rows in \d+\.\d{3} ms$/m,
    'each statement has a line with its time';
like $said, qr/\[scim:trace2\] .*SCIM0093: scim_[0-9a-f]+ is prepared in .* ms: .*INSERT INTO scim\.account/m,
    'a statement that is prepared has its text';
like $said, qr/\[scim:trace2\] .*SCIM0094: sent without a name: .*strpos\(.*'title'.*\$2/m, 'a filter has its SQL';
like $said, qr/\[scim:trace1\] .*SCIM0091: got a connection after \d+\.\d{3} ms$/m,
    'a connection that was borrowed has its time';
for my $value ($secret, $name, $org->{token}, substr $org->{token}, 5) {
    unlike $said, qr/\Q$value/, 'no value, name or token is in it';
}

# A Location with a level of its own
$said = lines_of(sub {
    is $traced->get('', target => "/quiet/$org->{key}/v2/Users?count=1")->{status}, 200, 'at debug';
});
unlike $said, qr/SCIM009[13-8]/, 'nothing is traced at debug';

# The gate
sub enter { return $http->request(GET => '/gate/', ['X-Client' => $name]) }
$said = lines_of(sub { enter() });
like $said, qr/\[scim:trace1\] .*SCIM0098: /, 'the gate tells that it did not know an account';
$said = lines_of(sub { enter() });
like $said, qr/\[scim:trace1\] .*SCIM0097: /, 'and that it did';
unlike $said, qr/SCIM009[56]/, 'and that nothing was asked then';

# A connection that is lost
sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'scim'");
$said = lines_of(sub {
    is $traced->get('/Users?count=1')->{status}, 200, 'with connections that the server has ended';
});
like $said, qr/\[scim:debug\] .*SCIM0092: the connection to PostgreSQL was lost and is open again/,
    'it is opened again, which is told';
done_testing;
