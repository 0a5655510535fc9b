# SPDX-License-Identifier: Apache-2.0
# The gate and groups: Require scim-group lets in the members of a group, and
# SCIMGateGroups tells the application of them.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use File::Path qw(make_path);
use File::Temp ();
use MIME::Base64 ();
use Scim::Process;
use Scim::Test;

own_server();           # whose plans are looked at
my $org = organization();
my $other = organization();
my $dir = File::Temp::tempdir('scim-gate-groups-XXXXXX', TMPDIR => 1, CLEANUP => 1);

# Groups, as an identity provider or SQL makes them.
sub group {
    my ($name, %o) = @_;
    return (sql('INSERT INTO scim.user_group (organization_id, display_name, external_id) VALUES ($1, $2, $3) RETURNING id',
                ($o{org} || $org)->{id}, $name, $o{external_id}))[0][0];
}
sub add {
    my ($account, @groups) = @_;
    sql('INSERT INTO scim.membership (organization_id, group_id, account_id) SELECT organization_id, id, $2::uuid FROM scim.user_group WHERE id = $1::uuid',
        $_, $account->{id}) for @groups;
    return;
}
sub nest {
    my ($group, $child) = @_;
    return sql('INSERT INTO scim.subgroup (organization_id, group_id, child_id) SELECT organization_id, id, $2::uuid FROM scim.user_group WHERE id = $1::uuid',
               $group, $child);
}
sub leave {
    my ($account, $group) = @_;
    return sql('DELETE FROM scim.membership WHERE group_id = $1::uuid AND account_id = $2::uuid', $group, $account->{id});
}
sub rename_group { my ($id, $name) = @_; return sql('UPDATE scim.user_group SET display_name = $2 WHERE id = $1::uuid', $id, $name) }

my $sales = group('Sales Admins', external_id => '00gSales');
my $quoted = group(q{R&D "Größe", 100 % it's\\});
my $company = group('Company');
my $division = group('Division');
my $team = group('Team');
my $prefixed = group('id:1');
my $colon = group('a:b', external_id => 'x:y, z');
my $guests = group('Guests');
my $elsewhere = group('Sales Admins', org => $other, external_id => '00gSales');
nest($company, $division);
nest($division, $team);

my @VARIABLES = qw(SCIM_ACCOUNT_ID SCIM_GROUPS SCIM_GROUP_IDS);
my $BASIC = "AuthType Basic\nAuthName gate\nAuthBasicProvider anon\nAnonymous *\nAnonymous_MustGiveEmail Off\n"
    . join '', map { "Header always set $_ \"%{$_}e\" env=$_\n" } @VARIABLES;
my %LOCATION = (
    sales => 'Require scim-group "Sales Admins"',
    case => "Require scim-group 'SALES admins'",
    external => 'Require scim-group externalId:00gSales',
    'external-case' => 'Require scim-group EXTERNALID:00gsales',
    id => 'Require scim-group id:' . uc $sales,
    several => 'Require scim-group "No such group" externalId:none Company "Sales Admins"',
    quoted => q{Require scim-group "r&d \"GRÖSSE\", 100 % IT'S\\\\"},
    colon => 'Require scim-group a:b',
    prefixed => 'Require scim-group displayname:ID:1',
    'external-colon' => 'Require scim-group "externalId:x:y, z"',
    prefix => 'Require scim-group Sales',
    nested => 'Require scim-group Company',
    not => "<RequireAll>\nRequire scim-account\nRequire not scim-group Guests\n</RequireAll>",
    any => "<RequireAny>\nRequire scim-role ADMIN\nRequire scim-group Team\n</RequireAny>",
    alias => 'Require salespeople',
    other => "SCIMOrganization $other->{key}\nRequire scim-group externalId:00gSales",
    'other-id' => "SCIMOrganization $other->{key}\nRequire scim-group id:$sales",
    cached => "SCIMGateCache 60\nRequire scim-group \"Sales Admins\"",
    joined => "SCIMAccountKey externalId\nRequire scim-group \"Sales Admins\"",
    account => 'Require scim-account',
    told => "SCIMGateGroups Company id:$sales externalId:00gSales \"sales admins\" \"R&D \\\"grösse\\\", 100 % it's\\\\\"\nRequire scim-account",
    'told/inner' => 'SCIMGateGroups Team',
    'told/none' => 'SCIMGateGroups none',
    htaccess => '',
);
sub conf {
    return "<AuthzProviderAlias scim-group salespeople '\"Sales Admins\"'>\n</AuthzProviderAlias>\n"
        . "<Directory $dir/httpd/htdocs>\nRequire all granted\nLimitRequestBody 0\n</Directory>\nMaxKeepAliveRequests 0\n"
        . "<Directory $dir/httpd/htdocs/htaccess>\nAllowOverride AuthConfig\n</Directory>\n"
        . "SCIMOrganization $org->{key}\nSCIMGateCache 0\n"
        . join '', map { "<Location /$_>\n" . (m{/} ? '' : $BASIC) . "$LOCATION{$_}\n</Location>\n" } sort keys %LOCATION;
}
my $gate = Scim::Server->new(dir => $dir, database => server(), conf => Encode::encode_utf8(conf()));
for my $name (keys %LOCATION) {
    make_path("$dir/httpd/htdocs/$name");
    Scim::Server::write_file("$dir/httpd/htdocs/$name/x.txt", "behind the gate\n");
}
$gate->start;

sub ask {
    my ($user, $location, @headers) = @_;
    my @authorization = (Authorization => 'Basic ' . MIME::Base64::encode(Encode::encode_utf8("$user:x"), ''));
    return Scim::Http->new($gate->{url})->request(GET => "/$location/x.txt", [@authorization, @headers], undef);
}
sub status { my ($user, @rest) = @_; return ask(ref $user ? $user->{userName} : $user, @rest)->{status} }
# The names and ids that the application is told of.
sub told {
    my ($user, $location) = @_;
    my $headers = ask($user->{userName}, $location)->{headers};
    return map { defined ? Encode::decode_utf8($_) : undef } @$headers{qw(scim_groups scim_group_ids)};
}

my ($taro, $hana, $ken) = map { $org->create(externalId => "oid-$_", roles => [{ value => 'USER', primary => TRUE }]) } qw(taro hana ken);
my $stranger = $other->create(userName => $taro->{userName});

# The story
my @OF_SALES = qw(sales case external id several alias cached joined);
is status($taro, $_), 403, "/$_: an account that is not in the group is refused" for grep { !/cached|joined/ } @OF_SALES;
add($taro, $sales);
is status($_ eq 'joined' ? 'oid-taro' : $taro, $_), 200, "/$_: added to the group, it gets in with the next request" for @OF_SALES;
is status($taro, 'account'), 200, 'an account that is in no group needs none elsewhere';
is status($hana, $_), 403, "/$_: another account does not" for grep { $_ ne 'joined' } @OF_SALES;
is status('nobody@example.com', 'sales'), 403, 'nor does a name without an account';
is ask($hana->{userName}, 'sales')->{headers}{'www-authenticate'}, undef, 'a refusal is not another question for a password';
is status($taro, 'external-case'), 403, 'externalId is case-exact';
is status($taro, 'prefix'), 403, 'a part of the name is another name';
is status($stranger, 'other'), 403, 'the account of the same name elsewhere is not in the group of the same name there';
add($stranger, $elsewhere);
is status($stranger, 'other'), 200, 'until it is added to that one';
is status($stranger, 'other-id'), 403, 'an id means a group of the organization only';
is status($taro, 'sales'), 200, 'and the first is as it was';
rename_group($sales, 'Global Sales');
is status($taro, $_), 403, "/$_: renamed, the old name lets nobody in" for qw(sales case alias);
is status($taro, $_), 200, "/$_: externalId and id still do" for qw(external id);
my $usurper = group('Sales Admins');
add($hana, $usurper);
is status($hana, 'sales'), 200, 'another group that takes the name lets its members in';
is status($hana, $_), 403, "/$_: but not by externalId and id" for qw(external id);
sql('DELETE FROM scim.user_group WHERE id = $1::uuid', $usurper);
is status($hana, 'sales'), 403, 'a group that is deleted lets nobody in';
rename_group($sales, 'Sales Admins');
$org->patch_ops($taro->{id}, { op => 'replace', path => 'active', value => FALSE });
is status($taro, $_), 403, "/$_: deactivated, the member is refused" for qw(sales external id);
$org->patch_ops($taro->{id}, { op => 'replace', path => 'active', value => TRUE });
is status($taro, 'sales'), 200, 'active again, it gets in';
leave($taro, $sales);
is status($taro, $_), 403, "/$_: removed from the group, it is out with the next request" for grep { !/cached|joined/ } @OF_SALES;
like do { local (@ARGV, $/) = $gate->{error_log}; <> }, qr/SCIM0007.*The account is not in the group "Sales Admins"\./, 'the log says why';

# Names
add($taro, $quoted, $colon, $prefixed);
is status($taro, 'quoted'), 200, 'a name with quotes, blanks, signs and umlauts, in another case';
is status($taro, 'colon'), 200, 'a name with a colon';
is status($taro, 'prefixed'), 200, 'a name that begins like an id';
is status($taro, 'external-colon'), 200, 'an externalId with a colon, a comma and a blank';
is status($hana, $_), 403, "/$_: only for members" for qw(quoted colon external-colon prefixed);

# Groups in groups
is status($hana, 'nested'), 403, 'not in a group of the group';
add($hana, $team);
is status($hana, $_), 200, "/$_: a member of a group in a group in the group gets in" for qw(nested any several);
sql('DELETE FROM scim.subgroup WHERE child_id = $1::uuid', $division);
is status($hana, 'nested'), 403, 'the link is removed, and so is the way in';
is status($hana, 'any'), 200, 'the group itself still lets in';
nest($company, $division);

# not
is status($hana, 'not'), 200, 'not scim-group: an account outside of the group gets in';
add($hana, $guests);
is status($hana, 'not'), 403, 'one in it does not';
is status('nobody@example.com', 'not'), 403, 'nor does a name without an account';

# What the application is told
add($taro, $sales);
nest($sales, $team);    # hana is in it as well
is_deeply [told($hana, 'told')], ['Company,Sales Admins', "$company,$sales"], 'groups, direct and indirect, that SCIMGateGroups names, each once';
is_deeply [told($taro, 'told')], ['Sales Admins,R&D "Größe"%2C 100 %25 it\'s\\', "$sales,$quoted"], 'a comma and a percent sign in a name are encoded';
is_deeply [told($ken, 'told')], [undef, undef], 'without a group there is no variable';
is_deeply [told($hana, 'told/inner')], ['Team', $team], 'a section inside has its own groups';
is_deeply [told($hana, $_)], [undef, undef], "/$_: none" for qw(told/none account);

# .htaccess
sub htaccess { return Scim::Server::write_file("$dir/httpd/htdocs/htaccess/.htaccess", "$_[0]\n") }
htaccess('Require scim-group Company');
is status($hana, 'htaccess'), 200, 'a .htaccess can name a group that the configuration names';
is status($ken, 'htaccess'), 403, 'which holds there, too';
htaccess('Require scim-group Elsewhere');
is status($hana, 'htaccess'), 500, 'another group is an error';
like do { local (@ARGV, $/) = $gate->{error_log}; <> }, qr/Require scim-group: 'Elsewhere' is not allowed; in a \.htaccess, it must be a group that the server/, 'which the log explains';

# Cost
sql(q{INSERT INTO scim.account (organization_id, user_name, display_name) SELECT $1, 'many' || n || '@example.com', 'x' FROM generate_series(1, 3000) n}, $org->{id});
sql(q{WITH made AS (INSERT INTO scim.user_group (organization_id, display_name) SELECT $1, 'Group ' || n FROM generate_series(1, 900) n RETURNING *)
      INSERT INTO scim.membership (organization_id, group_id, account_id) SELECT organization_id, id, $2::uuid FROM made}, $org->{id}, $ken->{id});
sql(q{INSERT INTO scim.membership (organization_id, group_id, account_id) SELECT organization_id, $2::uuid, id FROM scim.account WHERE organization_id = $1 AND user_name LIKE 'many%'}, $org->{id}, $company);
sql("ANALYZE scim.$_") for qw(account user_group membership subgroup);
add($ken, $company);
my @statements = grep { /o\.key/ } query_plans(sub { is status($ken, 'nested'), 200, 'an account in 901 groups gets in' });
is scalar @statements, 1, 'a look-up is one statement';
@statements = grep { /o\.key/ } query_plans(sub { is status($ken, 'nested'), 200, 'and again' });
unlike $statements[0], qr/Seq Scan/, 'which reads no table as a whole';

# Pages that PostgreSQL reads for a look-up among such groups, once it has a plan.
sub pages {
    my ($account, $reference) = @_;
    my $call = "scim.groups_among('$org->{id}', '$account->{id}', '{$reference}')";
    my @statements = ((map { "SELECT $call" } 1 .. 8), "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) SELECT $call");
    my $out = Scim::Process::run([server()->psql('-U', 'scim', '-qAtX', map { ('-c', $_) } @statements)])->{out};
    my ($pages) = $out =~ /^ *Buffers: shared hit=(\d+)\n.*\bPlanning/ms or die $out;
    return $pages;
}
nest((sql(q{SELECT id FROM scim.user_group WHERE display_name = 'Group 900'}))[0][0], $_->[0]) for sql(q{SELECT id FROM scim.user_group WHERE display_name LIKE 'Group 1__'});
sql('ANALYZE scim.subgroup');
for my $reference ('displayName:company', 'externalId:00gSales', "id:$team") {
    cmp_ok pages($_, $reference), '<', 60, "a few pages are read for $reference, whoever else is there" for $ken, $hana, $taro;
}
@statements = grep { /o\.key/ } query_plans(sub { is status($hana, 'not'), 403, 'several Require lines' });
is scalar @statements, 1, 'are one statement as well';

# Groups that others have configured
$gate->stop_httpd;
$LOCATION{everything} = "SCIMGateGroups all\nRequire scim-group \"sales admins\"";
make_path("$dir/httpd/htdocs/everything");
Scim::Server::write_file("$dir/httpd/htdocs/everything/x.txt", "behind the gate\n");
$gate->{conf} = Encode::encode_utf8(conf());
$gate->start_httpd;
is_deeply [told($hana, 'everything')], ['Company,Division,Guests,Sales Admins,Team', join ',', $company, $division, $guests, $sales, $team], 'all: the application is told of all groups';
is_deeply [told($hana, 'told')], ['Company,Sales Admins', "$company,$sales"], 'another Location only of those that it names';
is status($taro, 'sales'), 200, 'Require scim-group is as without it';
add($ken, $sales);
my ($names, $ids) = told($ken, 'everything');
is scalar(() = $names =~ /[^,]+/g), 902, 'no list is shortened';
is scalar(() = $ids =~ /[^,]+/g), 902, 'nor that of the ids';
$gate->stop;
done_testing;
