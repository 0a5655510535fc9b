# SPDX-License-Identifier: Apache-2.0
# SCIMGateGrace: while the database is away, people who were let in get in for a while.
use strict;
use warnings;
use lib 't/lib';
use File::Temp ();
use MIME::Base64 ();
use Scim::Proxy;
use Scim::Test;
use Time::HiRes qw(sleep time);

own_server();
my $GRACE = 6;
my $org = organization();
my $proxy = Scim::Proxy->new(to => server()->{pghost} . '/.s.PGSQL.5432');
my $basic = "AuthType Basic\nAuthName gate\nAuthBasicProvider anon\nAnonymous *\nAnonymous_MustGiveEmail Off\nRequire scim-account\n"
    . "Header always set X-Role \"%{SCIM_ROLE}e\" env=SCIM_ROLE\n";
my %gate = (none => '', grace => "SCIMGateGrace $GRACE\n", cached => "SCIMGateGrace $GRACE\nSCIMGateCache 1\n", long => "SCIMGateGrace 300\n");
sub location { my ($name, $lines) = @_; return "<Location /$name>\n$lines</Location>\nAlias /$name " . server()->{dir} . "/httpd/htdocs/plain.txt\n" }
# One process, which therefore knows who was let in before.
my $httpd = Scim::Server->new(dir => File::Temp::tempdir('scim-grace-XXXXXX', TMPDIR => 1, CLEANUP => 1), database => server(), conf => <<"CONF"
LoadModule alias_module @{[Scim::Server::modules_dir()]}/mod_alias.so
DBDParams "host=127.0.0.1 port=@{[$proxy->port]} dbname=scim user=scim connect_timeout=2 sslmode=disable"
StartServers 1
ServerLimit 1
MaxRequestWorkers 25
SCIMOrganization $org->{key}
SCIMGateCache 0
SCIMDatabaseTimeout 4
<Directory @{[server()->{dir}]}/httpd/htdocs>
    LimitRequestBody 0
    AuthMerging Off
</Directory>
CONF
    . location('group', "SCIMGateGrace 300\nSCIMGateGroups all\nHeader always set X-Groups \"%{SCIM_GROUPS}e\" env=SCIM_GROUPS\n" . $basic =~ s/scim-account/scim-group Sales/r)
    . join '', map { location($_, $gate{$_} . $basic) } sort keys %gate);
$httpd->start;
END { $httpd->stop if $httpd }

sub ask {
    my ($user, $gate) = @_;
    my $start = time;
    my $r = Scim::Http->new($httpd->{url})->request(GET => "/$gate", [Authorization => 'Basic ' . MIME::Base64::encode("$user->{userName}:x", '')], undef);
    $r->{seconds} = time - $start;
    return $r;
}
sub status { return ask(@_)->{status} }

my ($in, $new, $left, $leaves) = map { $org->create(roles => [{ value => 'USER', primary => TRUE }]) } 1 .. 4;
$org->patch_ops($left->{id}, { op => 'replace', path => 'active', value => FALSE });
for my $gate (sort keys %gate) {
    is status($in, $gate), 200, "$gate: an active account is let in";
    is status($leaves, $gate), 200, "$gate: another one, too";
    is status($left, $gate), 403, "$gate: an inactive one is not";
}
$org->patch_ops($leaves->{id}, { op => 'replace', path => 'active', value => FALSE });
is status($leaves, 'none'), 403, 'the other one is deactivated';
my $sales = (sql('INSERT INTO scim.user_group (organization_id, display_name) VALUES ($1, $2) RETURNING id', $org->{id}, 'Sales'))[0][0];
sub add { my ($user) = @_; return sql('INSERT INTO scim.membership (organization_id, group_id, account_id) VALUES ($1, $2, $3)', $org->{id}, $sales, $user->{id}) }
my ($seller, $former) = map { $org->create } 1, 2;
add($_) for $seller, $former;
is status($_, 'group'), 200, 'a member of the group is let in' for $seller, $former;
sql('DELETE FROM scim.membership WHERE account_id = $1::uuid', $former->{id});
is status($former, 'group'), 403, 'and not after it was removed';

$proxy->cut;
$proxy->refuse;
is status($in, 'none'), 503, 'without SCIMGateGrace nobody is let in while the database is away';
my $r = ask($in, 'grace');
is $r->{status}, 200, 'with it, who was let in is';
is $r->{headers}{'x-role'}, 'USER', 'with the role that he had';
is status($in, 'cached'), 200, 'and so with a memory of accounts';
my $member = ask($seller, 'group');
is_deeply [$member->{status}, $member->{headers}{'x-groups'}], [200, 'Sales'], 'a member of a group is let in, with the groups of that time';
is status($former, 'group'), 403, 'a former member is refused as before';
is status($new, 'grace'), 503, 'a person who was not seen before is not let in';
is status($left, 'grace'), 503, 'nor who was refused';
is status($leaves, 'grace'), 503, 'nor who was let in first and refused then';
$proxy->resume;
is status($new, 'grace'), 200, 'the database is back, and so is its word';

# A database that does not answer is asked, too, but not for long.
$proxy->stall('both');
my $silent = ask($in, 'long');
is $silent->{status}, 200, 'behind a silent network, who was let in is';
cmp_ok $silent->{seconds}, '<', 3.5, 'after two seconds, and not after SCIMDatabaseTimeout';
$proxy->resume;
$org->patch_ops($in->{id}, { op => 'replace', path => 'active', value => FALSE });
is status($in, $_), 403, "$_: who is deactivated is refused as soon as the database says so" for qw(grace long none);
$org->patch_ops($in->{id}, { op => 'replace', path => 'active', value => TRUE });
is status($in, $_), 200, "$_: and let in again" for qw(grace long);

my $last = time;
$proxy->cut;
$proxy->refuse;
is status($in, 'grace'), 200, 'within the time, he is let in';
sleep 0.2 while time - $last < $GRACE + 0.2;
is status($in, 'grace'), 503, 'and not after it';
is status($in, 'long'), 200, 'another time is longer';
open my $log, '<', $httpd->{error_log} or die "$!";
like join('', <$log>), qr/SCIM0060.*access granted as before, the database cannot be reached/, 'the log tells of each';

done_testing;
