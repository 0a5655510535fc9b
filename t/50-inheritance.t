# SPDX-License-Identifier: Apache-2.0
# Every directive of the module is inherited: by a Location from the server and from
# an outer Location, and can be set again there.
use strict;
use warnings;
use lib 't/lib';
use File::Path qw(make_path);
use File::Temp ();
use MIME::Base64 ();
use Scim::Process;
use Scim::Proxy;
use Scim::Test;
use Time::HiRes qw(sleep time);

my $server = own_server();      # its tables are locked
my $proxy = Scim::Proxy->new(to => "$server->{pghost}/.s.PGSQL.5432");
my $conninfo = "host=127.0.0.1 port=@{[$proxy->port]} dbname=scim user=scim connect_timeout=2 sslmode=disable";
my $dir = File::Temp::tempdir('scim-inheritance-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $port = Scim::Server::free_port();
my ($org, $other) = map { organization() } 1, 2;
my $taro = $org->create(externalId => 'oid-taro', displayName => 'T U');
sql(q{WITH made AS (INSERT INTO scim.user_group (organization_id, display_name) VALUES ($1, 'One'), ($1, 'Two') RETURNING *)
      INSERT INTO scim.membership (organization_id, group_id, account_id) SELECT organization_id, id, $2::uuid FROM made}, $org->{id}, $taro->{id});

# A request to one Location of one host.
sub ask {
    my ($at, $method, $path, $headers, $body) = @_;
    my $http = Scim::Http->new("http://127.0.0.1:$port");
    my $r = $http->request($method, "$at->{path}/$path", $headers, $body, host => $at->{host});
    $r->{json} = eval { JSON::PP::decode_json($r->{content}) };
    return $r;
}
sub scim {
    my ($at, $path, %o) = @_;
    my $of = $o{org} || $org;
    my @headers = (Authorization => "Bearer $of->{token}", @{ $o{headers} || [] });
    my $body = $o{body} && JSON::PP::encode_json($o{body});
    push @headers, 'Content-Type' => 'application/scim+json' if $body;
    return ask($at, $body ? 'POST' : 'GET', "$of->{key}/v2/$path", \@headers, $body);
}
sub config { my ($at) = @_; return scim($at, 'ServiceProviderConfig')->{json} }
sub as { my ($user) = @_; return [Authorization => 'Basic ' . MIME::Base64::encode("$user:x", '')] }
sub gate { my ($at, $user) = @_; return ask($at, GET => 'x.txt', as($user)) }

# The number of requests of an organization of its own that are answered 200, and
# the first other answer.
sub many {
    my ($at) = @_;
    my $new = organization();
    for my $count (0 .. 11) {
        my $r = scim($at, 'Users?count=0', org => $new);
        return ($count, $r) if $r->{status} != 200;
    }
    return (12, undef);
}

sub seconds_of {
    my ($request) = @_;
    my $start = time;
    $request->();
    return time - $start;
}

sub while_locked {
    my ($code) = @_;
    my $locker = Scim::Process->start([$server->psql('-qAtX')], in => 'pipe', out => 'pipe');
    $locker->say(q{BEGIN; LOCK TABLE scim.token IN ACCESS EXCLUSIVE MODE; SELECT 'locked';});
    $locker->line;
    my $told = $code->();
    $locker->stop;
    return $told;
}

# Whether a request is in the log a little later.
sub is_in_log {
    my $id = scim($_[0], 'Users?count=0')->{headers}{'x-request-id'};
    for (1 .. 20) {
        return 1 if sql('SELECT 1 FROM scim.request WHERE request_id = $1', $id);
        sleep 0.2;
    }
    return 0;
}

# Whether a deleted account is still let in after more than a second, the default.
sub is_remembered {
    my ($at) = @_;
    my $user = $org->create;
    gate($at, $user->{userName})->{status} == 200 or die "an existing account is not let in\n";
    $org->delete("/Users/$user->{id}");
    sleep 1.2;
    return gate($at, $user->{userName})->{status} == 200;
}

# The content of the Locations: of SCIM, of the settings page, of the gate.
my $BASIC = "AuthType Basic\nAuthName x\nAuthBasicProvider anon\nAnonymous *\nAnonymous_MustGiveEmail Off\n";
my %LEAF = (
    scim => "SetHandler scim\nRequire all granted\n",
    page => "SetHandler scim-admin\n${BASIC}Require valid-user\n",
    gate => "${BASIC}Require scim-account\n",
);
my $OF = "SCIMOrganization $org->{key}\n";
my $SEEN = qq(Header set Seen "expr=%{HTTP:A-Display-Name},%{HTTP:B-Display-Name}"\n);
my %HEADERS = ('T%20U,' => 'A- encoded', ',T U' => 'B-');

# One of two values: the first if the condition holds.
sub which { my ($is_first, $first, $second) = @_; return $is_first ? $first : $second }
sub lets_in { my ($at, $user) = @_; return gate($at, $user // $taro->{userName})->{status} == 200 }

# directive => its value for the server, never the default; its value in a Location;
# the kind of the Locations; a function that finds out which value is in effect there;
# other directives.
my %DIRECTIVE = (
    SCIMBaseURL => ['https://a.example/x', 'https://b.example/y', scim => sub {
        return config(@_)->{meta}{location} =~ s{/$org->{key}/.*}{}r;
    }],
    SCIMProfile => ['open', 'managed', scim => sub {
        return which(config(@_)->{RolesAndEntitlements}{roles}{multipleRolesSupported}, 'open', 'managed');
    }],
    SCIMStrict => ['On', 'Off', scim => sub {
        my $r = scim($_[0], 'Users?count=0', headers => [Accept => 'text/plain']);
        return which($r->{status} == 406, 'On', 'Off');
    }],
    SCIMMaxResults => [7, 9, scim => sub { config(@_)->{filter}{maxResults} }],
    SCIMMaxBodySize => [2048, 4096, scim => sub { config(@_)->{bulk}{maxPayloadSize} }],
    SCIMBulkMaxOperations => [7, 9, scim => sub { config(@_)->{bulk}{maxOperations} }],
    SCIMRateLimit => [1, 2, scim => sub {
        my ($count, $r) = many(@_);
        return $r && $r->{json}{detail} =~ /more requests than (\d+) a second/ ? $1 : 'any';
    }, "SCIMRateBurst 1\n"],
    SCIMRateBurst => [3, 100, scim => sub { which((many(@_))[0] < 8, 3, 100) }, "SCIMRateLimit 1\n"],
    SCIMMaxResourceSize => [4096, 8192, scim => sub {
        my %user = (userName => user_name(), displayName => 'x', title => 'x' x 5000);
        return which(scim($_[0], 'Users', body => \%user)->{status} == 413, 4096, 8192);
    }],
    SCIMMaxGroupBodySize => [2048, 4096, scim => sub {
        return which(scim($_[0], 'Groups', body => { externalId => 'x' x 3000 })->{status} == 413, 2048, 4096);
    }],
    SCIMMaxMembers => [1, 2, scim => sub { which(scim($_[0], 'Groups')->{status} == 400, 1, 2) }],
    SCIMDatabaseTimeout => [1, 3, scim => sub {
        my ($at) = @_;
        return which(while_locked(sub { seconds_of(sub { scim($at, 'Users') }) }) < 2, 1, 3);
    }],
    SCIMRequestLog => ['Off', 'On', scim => sub { which(!is_in_log(@_), 'Off', 'On') }],
    SCIMRequireTLS => ['On', 'Off', scim => sub { which(scim($_[0], 'Users?count=0')->{status} == 403, 'On', 'Off') }],
    SCIMRequireSSO => ['On', 'Off', page => sub {
        my $settings = ask($_[0], GET => "$org->{key}/api/settings", as($org->{issuer_name}))->{json};
        return which($settings->{singleSignOnRequired}, 'On', 'Off');
    }],
    SCIMSignOutURL => ['/away', 'https://b.example/out', page => sub {
        return ask($_[0], GET => "$org->{key}/api/settings", as($org->{issuer_name}))->{json}{signOutUrl};
    }],
    SCIMAccountKey => ['externalId', 'userName', gate => sub {
        return which(lets_in($_[0], 'oid-taro'), 'externalId', 'userName');
    }, $OF],
    SCIMAccountValue => [$taro->{userName}, 'nobody', gate => sub {
        return which(lets_in($_[0], 'x'), $taro->{userName}, 'nobody');
    }, $OF],
    SCIMOrganization => [$org->{key}, $other->{key}, gate => sub { which(lets_in(@_), $org->{key}, $other->{key}) }],
    SCIMHeaders => ['A- encoded', 'B-', gate => sub {
        my $seen = gate($_[0], $taro->{userName})->{headers}{seen};
        return $HEADERS{$seen} // $seen;
    }, $OF . $SEEN],
    SCIMGateGroups => ['One', 'two', gate => sub {
        return which(gate($_[0], $taro->{userName})->{headers}{groups} eq 'One', 'One', 'two');
    }, $OF . qq(Header set Groups "%{SCIM_GROUPS}e"\n)],
    SCIMGateCache => [60, 0, gate => sub { which(is_remembered(@_), 60, 0) }, $OF],
    SCIMGateGrace => [300, 0, gate => sub { which(lets_in(@_), 300, 0) }, $OF . "SCIMGateCache 0\n"],
);
# Directives for a server, which no Location can have.
my %OF_SERVER = map { $_ => 1 } qw(SCIMAdminFiles SCIMPreparedStatements);

# The names of all directives are texts of the module.
my $module = do { local (@ARGV, $/) = $server->{module}; <> };
my %named = map { $_ => 1 } $module =~ /\0(SCIM[A-Z][A-Za-z]+)(?=\0)/g;
is_deeply [sort keys %DIRECTIVE, keys %OF_SERVER], [sort keys %named], 'every directive of the module is looked at';

# A host for each: its own value, and three Locations.
sub host_of {
    my ($name) = @_;
    my ($outer, $inner, $kind, undef, $more) = @{ $DIRECTIVE{$name} };
    my $leaf = $LEAF{$kind} . ($more // '');
    return <<"CONF";
<VirtualHost 127.0.0.1:$port>
ServerName \L$name\E.example
$name $outer
<Location /server>
$leaf</Location>
<Location /section>
$name $inner
</Location>
<Location /section/leaf>
$leaf</Location>
<Location /section/own>
$leaf$name $outer
</Location>
</VirtualHost>
CONF
}

# A virtual host with database directives of its own has its own pool, and its own
# connections if their parameters differ.
sub host_of_pool {
    my ($name, $more) = @_;
    return <<"CONF";
<VirtualHost 127.0.0.1:$port>
ServerName $name.example
DBDriver pgsql
DBDParams "$conninfo application_name=$name"
$more
<Location /scim>
$LEAF{scim}</Location>
</VirtualHost>
CONF
}

my $conf = <<"CONF";
DBDParams "$conninfo"
StartServers 1
ServerLimit 1
MaxRequestWorkers 25
SCIMPreparedStatements Off
<Directory $dir/httpd/htdocs>
Require all granted
LimitRequestBody 0
</Directory>
<VirtualHost 127.0.0.1:$port>
ServerName page.example
<Location /page>
$LEAF{page}</Location>
</VirtualHost>
CONF
$conf .= join '', map { host_of($_) } sort keys %DIRECTIVE;
$conf .= host_of_pool('inherits', '') . host_of_pool('prepares', 'SCIMPreparedStatements On');
my $httpd = Scim::Server->new(dir => $dir, database => $server, port => $port, conf => $conf);
for my $folder (qw(server section/leaf section/own)) {
    make_path("$dir/httpd/htdocs/$folder");
    Scim::Server::write_file("$dir/httpd/htdocs/$folder/x.txt", "behind the gate\n");
}
$httpd->start;
END { $httpd->stop if $httpd }

sub check {
    my ($name) = @_;
    my ($outer, $inner, undef, $seen) = @{ $DIRECTIVE{$name} };
    my $at = sub { return { host => lc "$name.example", path => "/$_[0]" } };
    is $seen->($at->('server')), $outer, "$name of the server holds in a Location";
    is $seen->($at->('section/leaf')), $inner, "$name of a Location holds in one in it";
    is $seen->($at->('section/own')), $outer, "$name of the inner Location goes before that of the outer one";
}
check($_) for grep { $_ ne 'SCIMGateGrace' } sort keys %DIRECTIVE;

my $page = ask({ host => 'page.example', path => '/page' }, GET => "$org->{key}/", as($org->{issuer_name}));
is $page->{status}, 200, 'SCIMAdminFiles of the server holds in a virtual host';

# Without prepared statements, missing settings of the role are logged once per pool.
sub count_advice {
    open my $in, '<', $httpd->{error_log} or die "$!\n";
    return scalar grep { /SCIM0071: / } <$in>;
}
sub advised {
    my ($name) = @_;
    my $before = count_advice();
    is scim({ host => "$name.example", path => '/scim' }, 'Users?count=0')->{status}, 200, "$name: is served";
    return count_advice() > $before;
}
ok advised('inherits'), 'SCIMPreparedStatements of the server holds in a virtual host';
ok !advised('prepares'), 'SCIMPreparedStatements of a virtual host goes before that of the server';

# Last, because it stops the database
for my $place (qw(server section/leaf section/own)) {
    ok lets_in({ host => 'scimgategrace.example', path => "/$place" }), "/$place: who is to be remembered is let in";
}
$proxy->refuse;
$proxy->cut;
check('SCIMGateGrace');
done_testing;
