# SPDX-License-Identifier: Apache-2.0
# SCIMHeaders: the headers that the application behind the gate gets, from httpd only.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use File::Temp ();
use IO::Socket::INET;
use MIME::Base64 ();
use Scim::Process;
use Scim::Test;

server();
my $org = organization();
my $dir = File::Temp::tempdir('scim-headers-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $application = Scim::Server::free_port();
my $BASIC = "AuthType Basic\nAuthName headers\nAuthBasicProvider anon\nAnonymous *\nAnonymous_MustGiveEmail Off\n";
my $PROXY = "ProxyPass http://127.0.0.1:$application/\n";
my $httpd = Scim::Server->new(dir => $dir, database => server(), conf => <<"CONF");
SCIMOrganization $org->{key}
SCIMGateCache 0
<Location /plain/>
${BASIC}Require scim-account
SCIMHeaders X-
$PROXY</Location>
<Location /encoded/>
${BASIC}Require scim-account
SCIMHeaders Remote-Scim- encoded
$PROXY</Location>
<Location /groups/>
${BASIC}Require scim-account
SCIMHeaders X-
SCIMGateGroups all
$PROXY</Location>
<Location /groups/encoded/>
SCIMHeaders Y- encoded
</Location>
<Location /late/>
${BASIC}Require scim-account
SCIMHeaders X-
RequestHeader set X-Role ADMIN
RequestHeader append X_Role ADMIN
SetEnv SCIM_ROLE ADMIN
$PROXY</Location>
<Location /any/>
${BASIC}<RequireAny>
Require all granted
Require scim-account
</RequireAny>
SCIMHeaders X-
$PROXY</Location>
<Location /open/>
Require all granted
SCIMHeaders X-
$PROXY</Location>
<Location /plain/off/>
SCIMHeaders Off
</Location>
<Location /plain/other/>
SCIMHeaders Y- encoded
</Location>
<Location /rewritten/>
${BASIC}Require scim-account
SCIMHeaders X-
RewriteEngine On
RewriteRule . http://127.0.0.1:$application/ [P]
</Location>
CONF
# The application: it answers with the head of the request that it received.
my $listening = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $application, Listen => 20, ReuseAddr => 1) or die "$!";
my $behind = Scim::Process->start(sub {
    while (my $client = $listening->accept) {
        my $head = '';
        while (defined(my $line = <$client>)) {
            last if $line eq "\r\n";
            $head .= $line;
        }
        print $client "HTTP/1.1 200 OK\r\nContent-Length: " . length($head) . "\r\nConnection: close\r\n\r\n$head";
        close $client;
    }
});
close $listening;
$httpd->start;

# The headers that reach the application, as [name, value]s.
sub told {
    my ($user, $location, @headers) = @_;
    my @authorization = defined $user ? (Authorization => 'Basic ' . MIME::Base64::encode(Encode::encode_utf8("$user:x"), '')) : ();
    my $r = Scim::Http->new($httpd->{url})->request(GET => "/$location/", [@authorization, @headers], undef);
    return map { [/^([^:]+): ?(.*)\z/] } grep { /^[^: ]+:/ } split /\r\n/, $r->{content};
}
sub named { my ($like, @told) = @_; return { map { $_->[0] => Encode::decode_utf8($_->[1]) } grep { $_->[0] =~ $like } @told } }
my $OURS = qr/^x.(?:account.id|user.name|role|display.name|preferred.language|timezone|groups|group.ids)\z/i;

my $taro = $org->create(displayName => '山田 太郎 100% ä+b', preferredLanguage => 'ja-JP', timezone => 'Asia/Tokyo', roles => [{ value => 'USER' }]);
my $bare = $org->create(displayName => 'Bare', roles => [{ value => 'GUEST' }]);
my %expected = ('X-Account-Id' => $taro->{id}, 'X-User-Name' => $taro->{userName}, 'X-Role' => 'USER', 'X-Display-Name' => '山田 太郎 100% ä+b',
                'X-Preferred-Language' => 'ja-JP', 'X-Timezone' => 'Asia/Tokyo');
for my $location (qw(plain late rewritten)) {
    is_deeply named($OURS, told($taro->{userName}, $location)), \%expected, "/$location: the account";
}
my %bare = map { $_ => { 'X-Account-Id' => $bare->{id}, 'X-User-Name' => $bare->{userName}, 'X-Role' => 'GUEST', 'X-Display-Name' => 'Bare' }->{$_} } qw(X-Account-Id X-User-Name X-Role X-Display-Name);
is_deeply named($OURS, told($bare->{userName}, 'plain', 'X-Timezone' => 'Mars', 'X-Preferred-Language' => 'tlh')), \%bare, 'values that the account does not have are absent, whatever the client sends';
is_deeply named(qr/^remote/i, told($taro->{userName}, 'encoded')),
    { 'Remote-Scim-Account-Id' => $taro->{id}, 'Remote-Scim-User-Name' => uri($taro->{userName}), 'Remote-Scim-Role' => 'USER', 'Remote-Scim-Timezone' => 'Asia%2FTokyo',
      'Remote-Scim-Preferred-Language' => 'ja-JP', 'Remote-Scim-Display-Name' => uri('山田 太郎 100% ä+b') }, 'another beginning, percent-encoded';
is_deeply named($OURS, told($taro->{userName}, 'plain/off')), {}, 'Off in a section below';
is named(qr/^y-/i, told($taro->{userName}, 'plain/other'))->{'Y-Timezone'}, 'Asia%2FTokyo', 'or another beginning there';

# Every spelling that becomes the same variable
for my $name (qw(X-Role x-role X_Role x_role X-ROLE X.Role X~Role X_ROLE X!Role), 'X|Role', "X'Role", 'X-Display_Name', 'X_Display-Name', 'x.display.name', 'X_Account_Id', 'X-User_Name', 'X_Timezone', 'X-Preferred_Language', 'X-Groups', 'x_groups', 'X-Group_Ids', 'X.Group.Ids') {
    for my $location (qw(plain late rewritten)) {
        is_deeply named($OURS, told($taro->{userName}, $location, $name => 'ADMIN')), \%expected, "/$location: $name of a client is taken away";
    }
    is_deeply named($OURS, told($taro->{userName}, 'any', $name => 'ADMIN')), {}, 'also where another Require lets in' ;
    is_deeply named($OURS, told(undef, 'open', $name => 'ADMIN')), {}, 'and where there is no gate at all';
}
is_deeply named($OURS, told($taro->{userName}, 'plain', 'X-Role' => 'ADMIN', 'X_Role' => 'ADMIN', 'X-ROLE' => 'ADMIN', 'x.role' => 'ADMIN')), \%expected, 'several of them';
my @others = ('X-Role-Name' => 'a', 'X-Rol' => 'b', XRole => 'c', 'Y-Role' => 'd', 'X-Forwarded-Proto' => 'https');
is_deeply [map { $_->[1] } grep { $_->[0] =~ /^(?:X-Role-Name|X-Rol|XRole|Y-Role|X-Forwarded-Proto)\z/ } told($taro->{userName}, 'plain', @others)], [qw(a b c d https)], 'other headers stay';

# Connection cannot have them removed
for my $connection ('X-Role', 'close, X-Role', 'x-role;X-Account-Id', 'close X-Role', 'X_Role', "X-Role,\tX-Display-Name , X-User-Name", 'X-Account-Id, X-User-Name, X-Role, X-Display-Name, X-Preferred-Language, X-Timezone, X-Groups') {
    is_deeply named($OURS, told($taro->{userName}, 'plain', Connection => $connection)), \%expected, "Connection: $connection removes nothing of ours";
}
is_deeply named($OURS, told($taro->{userName}, 'plain', Connection => 'keep-alive', Connection => 'X-Role')), \%expected, 'nor do two of them';
is_deeply named(qr/^y-role\z/i, told($taro->{userName}, 'plain', 'Y-Role' => 'd', Connection => 'Y-Role, X-Role')), {}, 'another header that it names goes as ever';

# Groups
my ($ops, $over) = map { (sql('INSERT INTO scim.user_group (organization_id, display_name) VALUES ($1, $2) RETURNING id', $org->{id}, $_))[0][0] } 'Ops, 24/7', 'Über 100 %';
is_deeply named($OURS, told($taro->{userName}, 'groups', 'X-Groups' => 'Ops', X_Group_Ids => $ops)), \%expected, 'an account without groups has no header of them, whatever the client says';
sql('INSERT INTO scim.membership (organization_id, group_id, account_id) SELECT organization_id, id, $2::uuid FROM scim.user_group WHERE organization_id = $1', $org->{id}, $taro->{id});
is_deeply named($OURS, told($taro->{userName}, 'groups', 'X-Groups' => 'Root', X_Group_Ids => $ops, Connection => 'X-Groups, X-Group-Ids')),
    { %expected, 'X-Groups' => 'Ops%2C 24/7,Über 100 %25', 'X-Group-Ids' => "$ops,$over" }, 'SCIMGateGroups: the groups, by httpd alone';
my $encoded = named(qr/^y-group/i, told($taro->{userName}, 'groups/encoded'));
is_deeply $encoded, { 'Y-Groups' => 'Ops%2C%2024%2F7,%C3%9Cber%20100%20%25', 'Y-Group-Ids' => "$ops,$over" }, 'name by name percent-encoded';
for my $list ($encoded->{'Y-Groups'}, 'Ops%2C 24/7,Über 100 %25') {
    my @names = map { s/%(..)/chr hex $1/ger } split /,/, Encode::encode_utf8($list);
    is_deeply [map { Encode::decode_utf8($_) } @names], ['Ops, 24/7', 'Über 100 %'], "the same steps read $list";
}

# configtest
my $load = Scim::Server::load_modules();
for my $wrong ('', 'X_', '-X', '9', '"X: "', 'X- encode', 'ä-', 'x' x 41, 'X- encoded twice') {
    Scim::Server::write_file("$dir/test.conf", Encode::encode_utf8("${load}LoadModule scim_module @{[server()->{module}]}\nServerName h\nListen 127.0.0.1:9\nSCIMHeaders $wrong\n"));
    my $done = Scim::Process::run([Scim::Server::httpd_program(), '-f', "$dir/test.conf", '-t']);
    isnt $done->{status}, 0, "SCIMHeaders $wrong: refused";
    like "$done->{out}$done->{err}", qr/SCIMHeaders(?:: '[^']*' is not allowed; | takes )/, 'by name';
}
$httpd->stop;
$behind->stop;
done_testing;
