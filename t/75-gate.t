# SPDX-License-Identifier: Apache-2.0
# The gate: only accounts that are active now get in.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use File::Path qw(make_path);
use File::Temp ();
use MIME::Base64 ();
use Scim::Test;

own_server();           # its plans are read
my $org = organization();
my $other = organization();
my $open = organization(profile => 'open');
# Lines of docs/gate.md: names in other alphabets, and a name that applications know.
my $document = do { local (@ARGV, $/) = 'docs/gate.md'; <> };
my ($escaped, $forwarded) = map { $document =~ /^ +RequestHeader (set $_ "expr=.*)$/m } 'X-Display-Name', 'X-Forwarded-User';
my $dir = File::Temp::tempdir('scim-gate-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $BASIC = "AuthType Basic\nAuthName gate\nAuthBasicProvider anon\nAnonymous *\nAnonymous_MustGiveEmail Off\n"
    . join '', map { "Header always set $_ \"%{$_}e\" env=$_\n" } qw(SCIM_ACCOUNT_ID SCIM_USER_NAME SCIM_ROLE SCIM_DISPLAY_NAME SCIM_PREFERRED_LANGUAGE SCIM_TIMEZONE);
my %LOCATION = (
    account => 'Require scim-account',
    escaped => "Require scim-account\nHeader always $escaped",
    forwarded => "Require scim-account\nHeader always $forwarded",
    admins => 'Require scim-role ADMIN',
    users => 'Require scim-role ADMIN USER',
    all => "<RequireAll>\nRequire scim-account\nRequire not scim-role GUEST\n</RequireAll>",
    any => "<RequireAny>\nRequire user root\nRequire scim-role ADMIN\n</RequireAny>",
    none => "<RequireAll>\nRequire scim-account\n<RequireNone>\nRequire scim-role GUEST\n</RequireNone>\n</RequireAll>",
    'account/inner' => "AuthMerging And\nRequire scim-role ADMIN",
    external => "SCIMAccountKey externalId\nRequire scim-account",
    value => "SCIMAccountKey externalId\nSCIMAccountValue \"%{env:OID}\"\nSetEnvIf X-Oid (.+) OID=\$1\nRequire scim-account",
    certificate => "AuthType None\nSCIMAccountValue \"%{HTTP:X-Client}\"\nRequire scim-account",
    signed => "SCIMAccountValue \"%{HTTP:X-Client}\"\nRequire scim-account",
    other => "SCIMOrganization $other->{key}\nRequire scim-account",
    open => "SCIMOrganization $open->{key}\nSCIMProfile open\nRequire scim-role Manager",
    nowhere => "SCIMOrganization nosuchorganization\nRequire scim-account",
    cached => "SCIMGateCache 60\nRequire scim-account",
    'cached/other' => "SCIMOrganization $other->{key}",
);
my $conf = "<Directory $dir/httpd/htdocs>\nRequire all granted\nLimitRequestBody 0\n</Directory>\nMaxKeepAliveRequests 0\n<Directory $dir/httpd/htdocs/account>\nRewriteEngine On\nRewriteRule ^moved /external/x.txt\n</Directory>\nSCIMOrganization $org->{key}\nSCIMGateCache 0\n" . join '', map {
    "<Location /$_>\n" . ($_ eq 'account/inner' ? '' : $BASIC) . "$LOCATION{$_}\n</Location>\n" } sort keys %LOCATION;
my $gate = Scim::Server->new(dir => $dir, database => server(), conf => $conf);
for my $name (keys %LOCATION) {
    make_path("$dir/httpd/htdocs/$name");
    Scim::Server::write_file("$dir/httpd/htdocs/$name/x.txt", "behind the gate\n");
}
$gate->start;

# The answer to a person's request for a file behind the gate.
sub ask {
    my ($user, $location, @headers) = @_;
    my @authorization = defined $user ? (Authorization => 'Basic ' . MIME::Base64::encode(Encode::encode_utf8("$user:x"), '')) : ();
    return Scim::Http->new($gate->{url})->request(GET => "/$location/x.txt", [@authorization, @headers], undef);
}
sub status { return ask(@_)->{status} }

my %user = map { $_ => $org->create(displayName => "The $_", externalId => "oid-$_", preferredLanguage => 'ja-JP', timezone => 'Asia/Tokyo',
                                    roles => [{ value => $_, primary => TRUE }]) } qw(ADMIN USER GUEST);
my $left = $org->create(active => FALSE, externalId => 'oid-left');
my %name = ((map { $_ => $user{$_}{userName} } keys %user), left => $left->{userName}, nobody => 'nobody@example.com');

# Access: location => people who get in.
my %in = (account => [qw(ADMIN USER GUEST)], admins => ['ADMIN'], users => [qw(ADMIN USER)], all => [qw(ADMIN USER)], any => ['ADMIN'],
          none => [qw(ADMIN USER)], 'account/inner' => ['ADMIN'], other => [], nowhere => [], cached => [qw(ADMIN USER GUEST)]);
for my $location (sort keys %in) {
    my %may = map { $_ => 1 } @{ $in{$location} };
    is status($name{$_}, $location), $may{$_} ? 200 : 403, "/$location: $_ " . ($may{$_} ? 'gets in' : 'is refused with 403') for sort keys %name;
    is status(undef, $location), 401, "/$location: who has not signed in is asked to";
}
my $refused = ask($name{nobody}, 'account');
is $refused->{headers}{'www-authenticate'}, undef, 'a refusal is not another question for a password';
like $refused->{content}, qr/403 Forbidden/, 'and says so';
is status(uc $name{USER}, 'account'), 200, 'userName in any case';
is status($other->{issuer_name}, 'account'), 403, 'a person of one organization never passes the gate of another';
is status($other->{issuer_name}, 'other'), 200, 'only her own';
my $twin = $other->create(userName => $name{USER}, roles => [{ value => 'ADMIN', primary => TRUE }]);
is status($name{USER}, 'admins'), 403, 'the same userName elsewhere has its own role there';
is status($name{USER}, 'other'), 200, 'and gets in there';

# Joined by externalId
is status('oid-USER', 'external'), 200, 'by externalId';
is status('OID-user', 'external'), 403, 'which is case-exact';
is status($name{USER}, 'external'), 403, 'a userName is none';
is status('oid-left', 'external'), 403, 'an inactive account is refused, too';
sql(q{INSERT INTO scim.account (organization_id, user_name, display_name, external_id) SELECT $1, 'twin' || n || '@example.com', 'x', 'oid-twin' FROM generate_series(1, 2) n}, $org->{id});
is status('oid-twin', 'external'), 403, 'ambiguous means denied';
is status('whoever', 'value', 'X-Oid' => 'oid-USER'), 200, 'by an expression';
is status('whoever', 'value'), 403, 'which may not be empty';
is status(undef, 'certificate', 'X-Client' => $name{USER}), 200, 'beside no authentication module at all';
is status(undef, 'certificate', 'X-Client' => $name{left}), 403, 'an inactive one is refused there as well';

is status(undef, 'signed', 'X-Client' => $name{USER}), 401, 'where there is an authentication, who has not signed in is asked to, whatever the expression gives';
is status($name{GUEST}, 'signed', 'X-Client' => $name{USER}), 200, 'and let in when he has';

# One request, two joins: each has its own answer
my $namesake = $org->create(externalId => 'oid-namesake');
$org->create(externalId => $namesake->{userName}, active => FALSE);
sub redirected { return ask($_[0], 'account/moved?')->{status} }
is redirected($namesake->{userName}), 403, 'an internal redirect into another Location is decided anew, by that one\'s key';
sql('UPDATE scim.account SET active = true WHERE organization_id = $1', $org->{id});
is redirected($namesake->{userName}), 200, 'which may let in';
sql('UPDATE scim.account SET active = false WHERE organization_id = $1 AND (id = $2 OR external_id = $3)', $org->{id}, $left->{id}, $namesake->{userName});

# Roles of the profile open
my $manager = $open->create(roles => [{ value => 'Clerk' }, { value => 'Manager' }]);
is status($manager->{userName}, 'open'), 200, 'profile open: any of the roles that were sent';
my $clerk = $open->create(roles => [{ value => 'Manage' }, { value => 'Managers' }]);
is status($clerk->{userName}, 'open'), 403, 'and whole ones alone';

# Variables for the application
my $headers = ask($name{USER}, 'account', SCIM_ROLE => 'ADMIN')->{headers};
is_deeply { map { $_ => $headers->{$_} } grep { /^scim_/ } keys %$headers },
    { scim_account_id => $user{USER}{id}, scim_user_name => $name{USER}, scim_role => 'USER', scim_display_name => 'The USER',
      scim_preferred_language => 'ja-JP', scim_timezone => 'Asia/Tokyo' }, 'the environment has the account';
sql_unchecked(q{UPDATE scim.account SET display_name = E'a\r\nX-Evil: 1', timezone = NULL WHERE id = $1}, $user{USER}{id});
$headers = ask($name{USER}, 'account')->{headers};
my $yamada = $org->create(displayName => '山田 太郎 100%');
is Encode::decode_utf8(ask($yamada->{userName}, 'account')->{headers}{scim_display_name}), '山田 太郎 100%', 'a name in another alphabet as the bytes of UTF-8';
is uc ask($yamada->{userName}, 'escaped')->{headers}{'x-display-name'}, uri('山田 太郎 100%'), 'or percent-encoded, by the line of docs/gate.md';
is ask($name{ADMIN}, 'forwarded')->{headers}{'x-forwarded-user'}, $name{ADMIN}, 'or under the name that an application knows';
is ask('oid-nobody', 'escaped')->{headers}{'x-display-name'}, undef, 'which sets nothing where there is no name';
is_deeply [@$headers{qw(scim_display_name x-evil scim_timezone)}], ['a  X-Evil: 1', undef, undef], 'no line breaks out of a name; nothing for what is not there';

# Changes take effect at once
$org->patch_ops($user{USER}{id}, { op => 'replace', path => 'active', value => 'False' });
is status($name{USER}, 'account'), 403, 'deactivated, the next request is refused';
$org->patch_ops($user{USER}{id}, { op => 'replace', path => 'active', value => 'True' });
is status($name{USER}, 'account'), 200, 'active again, the next one is served';
is status($name{USER}, 'admins'), 403, 'no administrator yet';
$org->patch_ops($user{USER}{id}, { op => 'replace', path => 'roles[primary eq "True"].value', value => 'ADMIN' });
is status($name{USER}, 'admins'), 200, 'made ADMIN, the admin area opens on the next request';
$org->delete("/Users/$user{GUEST}{id}");
is status($name{GUEST}, 'account'), 403, 'deleted, refused';

# Hostile names
for my $hostile (["control characters", "a\x01b"], ['100 kB', 'a' x 5000], ["invalid UTF-8", undef], ['a quote', q{x' OR '1'='1}], ['nothing but blanks', '  ']) {
    my ($kind, $user) = @$hostile;
    my $r = defined $user ? ask($user, 'account')
        : Scim::Http->new($gate->{url})->request(GET => '/account/x.txt', [Authorization => 'Basic ' . MIME::Base64::encode("\xff\xfe:x", '')], undef);
    is $r->{status}, 403, "a name with $kind is refused";
}
sub gate_log { open my $in, '<', $gate->{error_log} or die $!; local $/; return scalar <$in> }
my ($long) = gate_log() =~ /(SCIM0007.*5000 bytes.*)/;
ok $long && length $long < 300, 'and logged shortened';
is scalar(() = gate_log() =~ /SCIM0006.*nosuchorganization/g) <= 4, 1, 'an organization that does not exist is an error in the log, once in a process';
is scalar(() = gate_log() =~ /nosuchorganization.*\n/g) > 5, 1, 'not each time';

# One statement per request.  More than a hundred requests on one connection reach the
# same process and its cache.
sql(q{INSERT INTO scim.account (organization_id, user_name, display_name) SELECT $1, 'many' || n || '@example.com', 'x' FROM generate_series(1, 5000) n}, $org->{id});
sql('ANALYZE scim.account');
my @statements = grep { /o\.key/ } query_plans(sub { status($name{ADMIN}, 'all') });
is scalar @statements, 1, 'several Require lines are one statement';
like $statements[0], qr/Index (?:Only )?Scan using account_user_name_unique/, 'which an index answers';
my $http = Scim::Http->new($gate->{url});
my $authorization = 'Basic ' . MIME::Base64::encode("$name{ADMIN}:x", '');
@statements = grep { /o\.key/ } query_plans(sub { $http->request(GET => '/cached/x.txt', [Authorization => $authorization], undef) for 1 .. 100 });
cmp_ok scalar @statements, '<=', 2, 'with the cache, a page of 100 assets is one look-up in a process';
my $elsewhere = $http->request(GET => '/cached/other/x.txt', [Authorization => $authorization], undef);
is $elsewhere->{status}, 403, 'a cached person of one organization is not let in for another';
$org->patch_ops($user{ADMIN}{id}, { op => 'replace', path => 'active', value => 'False' });
is $http->request(GET => '/cached/x.txt', [Authorization => $authorization], undef)->{status}, 200, 'within the bound of the cache he is still in';
is status($name{ADMIN}, 'account'), 403, 'where there is none he is out';

# The database is away
$gate->stop_httpd;
{
    local $gate->{pghost} = "$dir/nowhere";
    $gate->start_httpd;
}
for my $location (qw(account all any none)) {
    my $r = ask($name{USER}, $location);
    is $r->{status}, 503, "the database is away: /$location is 503, nobody gets in";
    ok $r->{headers}{'retry-after'}, 'with Retry-After';
}
is status(undef, 'account'), 401, 'a sign-in is still asked for';
$gate->stop;
done_testing;
