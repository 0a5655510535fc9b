# SPDX-License-Identifier: Apache-2.0
# Where the handlers work: only where the server's own configuration has put them, in
# any spelling, and at one path only; httpd's own authorization comes first.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use File::Path qw(make_path);
use File::Temp ();
use MIME::Base64 ();
use Scim::Process;
use Scim::Test;

server();
my $org = organization();
my $key = $org->{key};
my $dir = File::Temp::tempdir('scim-doors-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $BASIC = "AuthType Basic\nAuthName doors\nAuthBasicProvider anon\nAnonymous *\nAnonymous_MustGiveEmail Off\nRequire valid-user\n";
my $OPEN = "Require all granted\n";

# Sections of the server's configuration: path => what begins the section,
# SetHandler's argument.
my %spelling = (
    quoted => ['<Location /quoted>', '"%s"'], capitals => ['<Location "/capitals/">', '%s'],
    single => ['<Location /single>', q('%s')], shouting => ['<Location /shouting>', '%s'],
    pattern => ['<LocationMatch "^/pattern">', '%s'], tilde => ['<Location ~ "^/(?:tilde|more)">', '"%s"'],
    expression => ['<Location /expression>', '"%%{unescape:%s}"'],
);
my %written = (capitals => sub { ucfirst $_[0] =~ s/-(.)/-\u$1/r }, shouting => sub { uc $_[0] });

sub sections {
    my ($handler, $rest) = @_;
    my $begin = $handler eq 'scim' ? 's' : 'a';
    return join '', map {
        my ($open, $argument) = @{ $spelling{$_} };
        my $close = $open =~ /^<LocationMatch/ ? '</LocationMatch>' : '</Location>';
        (my $at = $open) =~ s/\b$_\b/$begin$_/;
        "$at\nSetHandler " . sprintf($argument, ($written{$_} || sub { $_[0] })->($handler)) . "\n$rest$close\n";
    } sort keys %spelling;
}

# Other places: If, a virtual path of a rule, nested sections, a door of its own.
my $conf = sections('scim', $OPEN) . sections('scim-admin', $BASIC) . <<"CONF";
<Location /sif>
$OPEN
<If "true">
SetHandler scim
</If>
</Location>
<Location /scim>
SetHandler scim
$OPEN</Location>
<Location /scim/$key>
Require ip 192.0.2.1
</Location>
<Location /organizations>
SetHandler scim-admin
$BASIC</Location>
<Location /organizations/$key/api>
Require ip 192.0.2.1
</Location>
<Location /above>
SetHandler scim
$OPEN</Location>
<Location /above/$key>
SCIMMaxResults 7
</Location>
<Location /above/$key/v2/Users>
SCIMMaxResults 6
</Location>
<Location /aabove>
SetHandler scim-admin
$BASIC</Location>
<Location /aabove/$key>
SCIMRequireSSO On
</Location>
<Location /v1/scim>
SetHandler scim
$OPEN</Location>
<Location "/a b">
SetHandler scim
$OPEN</Location>
<LocationMatch "^/[a-z]+/any">
SetHandler scim
$OPEN</LocationMatch>
<LocationMatch "^/[^/]+/everything">
SetHandler scim
$OPEN</LocationMatch>
<LocationMatch "/inside">
SetHandler scim
$OPEN</LocationMatch>
<Location /denied>
SetHandler scim
Require all denied
</Location>
<Location /ip>
SetHandler scim
Require ip 192.0.2.1
</Location>
<Location /satisfied>
SetHandler scim
Satisfy Any
Require ip 192.0.2.1
</Location>
<Location /asatisfied>
SetHandler scim-admin
Satisfy Any
$BASIC</Location>
<Location /secure>
SetHandler scim
Satisfy Any
SCIMRequireTLS On
</Location>
<Location /gate>
SCIMOrganization $key
SCIMGateCache 0
$BASIC</Location>
<Location /gate/plain.txt>
Require scim-account
</Location>
RewriteEngine On
RewriteRule ^/short/(.*) /scimple/$key/v2/\$1 [PT]
<Location /scimple>
SetHandler scim
$OPEN</Location>
Alias /aliased $dir/httpd/htdocs
<Location /aliased>
SetHandler scim
$OPEN</Location>
MergeSlashes Off
AllowEncodedSlashes On
<Directory $dir/httpd/htdocs>
AllowOverride All
LimitRequestBody 0
$OPEN</Directory>
CONF
my $modules = Scim::Server::modules_dir();
$conf = join('', map { "LoadModule ${_}_module $modules/mod_$_.so\n" } qw(access_compat authz_host mime alias)) . "TypesConfig /dev/null\n$conf";
my $httpd = Scim::Server->new(dir => $dir, database => server(), conf => $conf);
$httpd->prepare_folders;
$httpd->start;
my $http = Scim::Http->new($httpd->{url});

sub bearer { return [Authorization => "Bearer $org->{token}", @_] }
sub basic { return [Authorization => 'Basic ' . MIME::Base64::encode("$_[0]:x", ''), Origin => $httpd->{url}] }
sub get { my ($target, $headers) = @_; return $http->request(GET => $target, $headers || bearer(), undef) }
sub error_text { open my $in, '<', $httpd->{error_log} or die $!; local $/; return scalar <$in> }
sub location_of { return $_[0]{content} =~ m{"location":"([^"]*)} ? $1 : '' }

# Spellings
for my $name (sort keys %spelling) {
    is get("/s$name/$key/v2/Users")->{status}, 200, "SCIM, $name: as the plain one";
    is get("/s$name/$key/v2/Users", [Authorization => "Bearer x"])->{status}, 401, 'and it asks for a token';
    is get("/a$name/$key/", basic($org->{issuer_name}))->{status}, 200, "the settings page, $name: as the plain one";
    like get("/a$name/$key/api/settings", basic($org->{issuer_name}))->{content}, qr/"key":"$key"/, 'and its API';
}
is get("/sif/$key/v2/Users")->{status}, 200, 'in an <If> of a Location';
is get('/short/Users')->{status}, 200, 'where a rule with [PT] leads to a Location';
is get("/aliased/$key/v2/Users")->{status}, 200, 'where an Alias is, too';

# .htaccess
my $folder = "$dir/httpd/htdocs/$key";
make_path("$folder/v2", "$folder/api");
Scim::Server::write_file("$_.html", "a page\n") for "$folder/index", "$folder/v2/Users", "$folder/api/settings";
my $digest = Scim::Process::run(['openssl', 'passwd', '-apr1', 'mine'])->{out};
Scim::Server::write_file("$folder/passwords", "$org->{issuer_name}:$digest");
my $auth = "AuthType Basic\nAuthName mine\nAuthBasicProvider file\nAuthUserFile $folder/passwords\nRequire valid-user\n";
my $mine = [Authorization => 'Basic ' . MIME::Base64::encode("$org->{issuer_name}:mine", ''), Origin => $httpd->{url}];
for my $handler ('scim-admin', 'scim', 'scim-metrics', 'scim-health') {
    my %way = (plain => "SetHandler $handler", quoted => qq(SetHandler "$handler"), capitals => 'SetHandler ' . ucfirst $handler,
               expression => qq(SetHandler "%{unescape:$handler}"), 'in an <If>' => "<If \"true\">\nSetHandler $handler\n</If>",
               'in <Files>' => "<Files *>\nSetHandler $handler\n</Files>", AddHandler => "AddHandler $handler .html", AddType => "AddType $handler .html",
               ForceType => "ForceType $handler", 'a rule' => "RewriteEngine On\nRewriteRule . - [H=$handler]",
               'a rule with a type' => "RewriteEngine On\nRewriteRule . - [T=$handler]");
    for my $how (sort keys %way) {
        Scim::Server::write_file("$folder/.htaccess", $auth . $way{$how});
        my $target = $handler eq 'scim' ? "/$key/v2/Users.html" : "/$key/api/settings.html";
        my $size = length error_text();
        for my $path ($target, "/$key/index.html", "/$key/") {
            my $r = get($path, $mine);
            ok $r->{status} == 404 || $r->{content} eq "a page\n" || $path =~ m{/\z}, "$handler in .htaccess, $how: $path serves nothing of ours" or diag "$r->{status} $r->{content}";
            unlike $r->{content}, qr/admin\.js|"scimUrl"|urn:ietf|# HELP|^live/, 'not a bit';
        }
        like substr(error_text(), $size), qr/SCIM0052: the handler $handler is ignored here/, "$handler in .htaccess, $how: the log says so";
    }
}
unlike error_text(), qr/exit signal/, 'no child has died';
Scim::Server::write_file("$folder/.htaccess", $auth);
is get("/$key/index.html", $mine)->{content}, "a page\n", 'the folder itself is as it was';

# The rules of configtest for the gate are enforced in a .htaccess as well.
for my $lines ("<RequireAll>\nRequire all granted\nRequire not scim-role GUEST\n</RequireAll>", "<RequireAll>\nRequire all granted\n<RequireNone>\nRequire scim-account\n</RequireNone>\n</RequireAll>") {
    Scim::Server::write_file("$folder/.htaccess", $lines);
    is get("/$key/index.html", $mine)->{status}, 500, 'a gate that lets in strangers is an error in .htaccess, too';
    like error_text(), qr/htaccess: access is granted without an active account/, 'which the log explains';
}
Scim::Server::write_file("$folder/.htaccess", "<RequireAll>\nRequire scim-account\nRequire not scim-role GUEST\n</RequireAll>");
isnt get("/$key/index.html", $mine)->{status}, 500, 'with an account demanded it is none';

# One segment is the organization
for my $path ("/scim/x/$key/v2/Users", "/scim//$key/v2/Users", "/scim/$key//v2/Users", "/scim/$key/v2//Users", "//scim/$key/v2/Users", "/scim/./x/$key/v2/Users",
              "/scim/x%2F$key/v2/Users", "/scim/$key;x/v2/Users", "/scim;x/$key/v2/Users", "/scim/$key/v2;x/Users", "/scim/$key./v2/Users",
              "/scim/v2/Users", "/scim/$key/x/v2/Users", "/scim/" . uc($key) . '/v2/Users', "/scim/$key%20/v2/Users", "/scim/$key%00/v2/Users") {
    my $r = get($path);
    ok $r->{status} == 404 || $r->{status} == 403 || $r->{status} == 400, "$path leads nowhere" or diag "$r->{status} $r->{content}";
    unlike $r->{content}, qr/Resources/, 'and to nobody';
}
for my $path ("/scim/x/../$key/v2/Users", "/scim/%2e/$key/v2/Users", "/scim/x%2F..%2F$key/v2/Users", "/%73cim/$key/v2/Users", "/scim%2F$key/v2/Users", "/scim/%61../" . $key . '/v2/Users', "/scim/$key/v2/Users/") {
    isnt get($path)->{status}, 200, "$path does not go around a Require of the organization's Location";
}
is get("/scim/$key/v2/Users")->{status}, 403, 'which denies the plain path';
like get("/above/$key/v2/ServiceProviderConfig", [])->{content}, qr/"maxResults":7/, 'a Location of one organization keeps the organization';
is get("/above/$key/v2/Users")->{status}, 200, 'so does one of an endpoint';
like get("/aabove/$key/api/settings", basic($org->{issuer_name}))->{content}, qr/"singleSignOnRequired":true/, 'the same for the settings page';
is get("/organizations/$key/api/settings", basic($org->{issuer_name}))->{status}, 403, 'its API can be limited to some addresses';
for my $path ("/organizations//$key/api/settings", "/organizations/$key//api/settings", "/organizations/x/$key/api/settings", "/organizations/$key/x/../api/settings", "/organizations/$key/%61pi/settings") {
    my $r = get($path, basic($org->{issuer_name}));
    isnt $r->{status}, 200, "$path does not go around that";
}
is get("/v1/scim/$key/v2/Users")->{status}, 200, 'a version in the path of the Location is not ours';
is get("/foo/any/$key/v2/Users")->{status}, 200, 'a pattern: what it matches is the path of the Location';
is get("/foo/any/x/$key/v2/Users")->{status}, 404, 'and one segment follows';
is get("/foo/anyone/$key/v2/Users")->{status}, 404, 'not a part of one';
is get("/x/inside/$key/v2/Users")->{status}, 404, 'a pattern matches from the beginning';
for my $path ("/scim/<b>/$key/v2/ServiceProviderConfig", "/above/%22%3e%3cb%3e/v2/ServiceProviderConfig", "/above/x/$key/v2/ServiceProviderConfig") {
    my $r = get($path, []);
    is $r->{status}, 404, "foreign segments serve nothing: $path";
    unlike $r->{content}, qr{<b>|/x/}, 'and are not echoed';
}
like location_of(get("/a%20b/$key/v2/ServiceProviderConfig", [])), qr{/a%20b/$key/v2/}, 'the path of the Location is escaped in a location';
for my $prefix ('/a%20b', '/' . '%20' x 100 . '/everything') {
    sql('DELETE FROM scim.refusal WHERE organization_id = $1', $org->{id});
    is $http->request(POST => "$prefix/$key/v2/Users", bearer(), '{}')->{status}, 400, "refused below $prefix";
    is_deeply sql('SELECT path FROM scim.refusal WHERE organization_id = $1', $org->{id}), ["/$key/v2/Users"], 'the path that Activity has begins at the organization';
}

# Sign-in: the same name, not one that only looks like it
sub administrator { my ($name) = @_; return $org->create(userName => $name, roles => [{ value => 'ADMIN' }]) }
administrator("saki.fix\x{e9}1-$key\@example.com");
administrator("\x{ff34}aki-$key\@example.com");
administrator("\x{17f}am-$key\@example.com");
administrator("\x{3a3}\x{3b1}\x{3c2}-$key\@example.com");
make_path("$dir/httpd/htdocs/gate");
Scim::Server::write_file("$dir/httpd/htdocs/gate/plain.txt", "behind the gate\n");
my %person = (
    'the name itself' => ["saki.fix\x{e9}1-$key\@example.com", 1], 'in other case' => ["SAKI.FIX\x{c9}1-\U$key\E\@EXAMPLE.COM", 1],
    'in another form of Unicode' => ["saki.fixe\x{301}1-$key\@example.com", 1], 'a full-width letter' => ["\x{ff53}aki.fix\x{e9}1-$key\@example.com", 0],
    'a full-width capital' => ["\x{ff33}aki.fix\x{e9}1-$key\@example.com", 0], 'a ligature' => ["saki.\x{fb01}x\x{e9}1-$key\@example.com", 0],
    'a long s' => ["\x{17f}aki.fix\x{e9}1-$key\@example.com", 0], 'a superscript' => ["saki.fix\x{e9}\x{b9}-$key\@example.com", 0],
    'a full-width commercial at' => ["saki.fix\x{e9}1-$key\x{ff20}example.com", 0], 'a one-dot leader' => ["saki\x{2024}fix\x{e9}1-$key\@example.com", 0],
    'a circled letter' => ["\x{24e2}aki.fix\x{e9}1-$key\@example.com", 0], 'a name for one that has a full-width letter' => ["Taki-$key\@example.com", 0],
    'that one itself' => ["\x{ff34}aki-$key\@example.com", 0], 'a name for one that has a long s' => ["sam-$key\@example.com", 0],
    'another sigma' => ["\x{3c3}\x{391}\x{3a3}-$key\@example.com", 1], 'a mathematical letter' => ["saki.fix\x{e9}1-$key\@\x{1d452}xample.com", 0],
);
for my $what (sort keys %person) {
    my ($name, $gets_in) = @{ $person{$what} };
    my $headers = [Authorization => 'Basic ' . MIME::Base64::encode(Encode::encode_utf8("$name:x"), '')];
    my $expected = $gets_in ? 200 : 403;
    is get("/aquoted/$key/api/settings", $headers)->{status}, $expected, "the settings page, signed in with $what: $expected";
    is get('/gate/plain.txt', $headers)->{status}, $expected, "the gate: $expected";
}

# Ranges
my $user = $org->create;
my $patch = '{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"title","value":"Range"}]}';
for my $range ('bytes=0-1', 'bytes=0-1,3-4', 'bytes=-5') {
    for my $name (qw(Range Request-Range)) {
        my $r = $http->request(PATCH => "/above/$key/v2/Users/$user->{id}", bearer('Content-Type' => 'application/scim+json', $name => $range), $patch);
        is $r->{status}, 200, "$name: $range with a PATCH: the answer is 200";
        like $r->{content}, qr/^\{.*"title":"Range".*\}\z/s, 'and whole';
        is $r->{headers}{'accept-ranges'}, 'none', 'and says that there are no ranges';
        is get("/above/$key/v2/Users/$user->{id}", bearer($name => $range))->{status}, 200, 'so is that of a GET';
        is get("/aabove/$key/admin.js", [@{ basic($org->{issuer_name}) }, $name => $range])->{status}, 200, 'so is that of the settings page';
    }
}

# Satisfy Any
is get("/satisfied/$key/v2/Users", [])->{status}, 401, 'Satisfy Any does not leave out the token';
is get("/satisfied/$key/v2/Users", [Authorization => 'Bearer scim_' . 'a' x 64])->{status}, 401, 'nor its look-up';
is get("/asatisfied/$key/api/settings", [])->{status}, 403, 'nor the sign-in of an administrator';
my $plain = get("/secure/$key/v2/Users");
is $plain->{status}, 403, 'nor TLS';
is scalar(() = $plain->{content} =~ /"status"/g), 1, 'and the answer is one answer';

# Without a database: a request that httpd refuses needs none
$httpd->stop_httpd;
{
    local $httpd->{pghost} = "$dir/nowhere";
    $httpd->start_httpd;
}
is get("/above/$key/v2/Users")->{status}, 503, 'the database is away: a token cannot be looked up';
for my $path ("/ip/$key/v2/Users", "/denied/$key/v2/Users") {
    for my $headers (bearer(), []) {
        my $r = get($path, $headers);
        is $r->{status}, 403, "$path: httpd's own Require denies without asking the database";
        like $r->{headers}{'content-type'}, qr{^application/scim\+json}, 'with a SCIM body';
    }
}
for my $token ('x', 'scim_', 'scim_' . 'a' x 63, 'scim_' . 'a' x 65, 'scim_' . 'A' x 64, 'SCIM_' . 'a' x 64, 'scim_' . 'g' x 64, 'a' x 5000, "scim_" . 'a' x 64 . '=') {
    is get("/above/$key/v2/Users", [Authorization => "Bearer $token"])->{status}, 401, 'a secret without the form of a token does not reach it: ' . substr $token, 0, 70;
}
is get("/above/$key/v2/Users", [Authorization => 'Bearer scim_' . 'a' x 64])->{status}, 503, 'one in that form does';
$httpd->stop;

# Origins that may change something: a name that only leads to this server is not the
# origin of the page
my ($host, $tls) = map { Scim::Server::free_port() } 1, 2;
my $PAGE = "SetHandler scim-admin\nAuthType Basic\nAuthName page\nAuthBasicProvider anon\nAnonymous *\nAnonymous_MustGiveEmail Off\nRequire valid-user\n";
my $hosts = Scim::Server->new(dir => File::Temp::tempdir('scim-hosts-XXXXXX', TMPDIR => 1, CLEANUP => 1), database => server(), tls_port => $tls, conf => <<"CONF");
<Location /organizations>
$PAGE</Location>
<Location /based>
${PAGE}SCIMBaseURL https://scim.example.com:8443/scim
</Location>
Listen 127.0.0.1:$host
<VirtualHost 127.0.0.1:$host>
ServerName www.example.com
ServerAlias example.com *.pages.example.com
</VirtualHost>
<VirtualHost 127.0.0.1:$host>
ServerName https://behind.example.com
</VirtualHost>
<VirtualHost 127.0.0.1:$host>
ServerName mapped.example.com:8080
</VirtualHost>
CONF
$hosts->start;

sub write_from {
    my ($origin, %o) = @_;
    my $url = 'http://127.0.0.1:' . ($o{port} || $hosts->{port});
    my @headers = (Authorization => 'Basic ' . MIME::Base64::encode("$org->{issuer_name}:x", ''), 'Content-Type' => 'application/json',
                   defined $origin ? (Origin => $origin) : ());
    return Scim::Http->new($url)->request(PUT => ($o{at} || '/organizations') . "/$org->{key}/api/settings", \@headers, '{"enabled":true}', host => $o{host})->{status};
}

my $port = $hosts->{port};
is write_from("http://127.0.0.1:$port"), 200, 'the name and port of the server are its own origin';
is write_from("HTTP://127.0.0.1:$port"), 200, 'in any case';
my %foreign = ('a name that only leads here' => ["http://evil.example:$port", host => "evil.example:$port"], 'one without a port' => ['http://evil.example', host => 'evil.example'],
               'another scheme' => ["https://127.0.0.1:$port"], 'another port' => ['http://127.0.0.1', host => '127.0.0.1'], 'another port that Host has' => ['http://127.0.0.1:81', host => '127.0.0.1:81'],
               'a user in it' => ["http://x\@127.0.0.1:$port"], 'a path' => ["http://127.0.0.1:$port/x"], 'a query' => ["http://127.0.0.1:$port?x"], 'a dot at the end' => ["http://127.0.0.1.:$port", host => "127.0.0.1.:$port"],
               'an address of its own' => ["http://127.0.0.2:$port", host => "127.0.0.2:$port"], 'localhost' => ["http://localhost:$port", host => "localhost:$port"], 'nothing' => [''], 'null' => ['null'], 'nonsense' => ['http://[']);
for my $what (sort keys %foreign) {
    my ($origin, %o) = @{ $foreign{$what} };
    is write_from($origin, %o), 403, "$what is not";
}
sub named { my ($origin, $name) = @_; return write_from($origin, port => $host, host => $name) }
is named("http://www.example.com:$host", 'www.example.com'), 200, 'a virtual host has its own name';
is named("http://example.com:$host", 'example.com'), 200, 'and its ServerAlias';
is named("http://a.pages.example.com:$host", 'a.pages.example.com'), 200, 'with its wildcards';
is named("http://evil.example:$host", 'evil.example'), 403, 'not the name for which it is only the first one';
is named("http://behind.example.com:$host", 'www.example.com'), 403, 'nor that of another host';
is named('https://behind.example.com', 'behind.example.com'), 200, 'ServerName with a scheme: a proxy in front ends TLS';
is named("http://behind.example.com:$host", 'behind.example.com'), 403, 'which is then the scheme';
is named('http://mapped.example.com:8080', 'mapped.example.com'), 200, 'ServerName with a port, which leads here';
is named('http://mapped.example.com', 'mapped.example.com'), 403, 'and no other';
is write_from('https://scim.example.com:8443', at => '/based'), 200, 'the origin of SCIMBaseURL';
is write_from('https://scim.example.com', at => '/based'), 403, 'with its port';
is write_from('http://scim.example.com:8443', at => '/based'), 403, 'and its scheme';
is write_from('https://scim.example.com:8443'), 403, 'only where it holds';
{
    open my $in, '<', $hosts->{error_log} or die $!;
    local $/;
    like scalar <$in>, qr{Cause: Origin is http://evil\.example:\d+; this site is http://}, 'the log says which origin it was, and which it should be';
}
my $r = Scim::Http->new("http://127.0.0.1:$port")->request(GET => "/organizations/$org->{key}/",
    [Authorization => 'Basic ' . MIME::Base64::encode("$org->{issuer_name}:x", '')], undef);
is $r->{headers}{'cache-control'}, 'no-store', 'the page is stored nowhere';
$hosts->stop;

# configtest
my $DBD = qq(DBDriver pgsql\nDBDParams "host=@{[server()->{pghost}]} dbname=scim user=scim"\nSCIMAdminFiles @{[Scim::Server::root()]}/admin\n);
my $load = Scim::Server::load_modules() . join '', map { "LoadModule ${_}_module $modules/mod_$_.so\n" } qw(access_compat authz_host mime);
sub configtest {
    my ($text) = @_;
    Scim::Server::write_file("$dir/test.conf", "${load}LoadModule scim_module @{[server()->{module}]}\nServerRoot $dir\nServerName 127.0.0.1\nListen 127.0.0.1:9\nErrorLog /dev/stderr\n$DBD$text\n");
    my $done = Scim::Process::run([Scim::Server::httpd_program(), '-f', "$dir/test.conf", '-t']);
    return ($done->{status}, "$done->{out}$done->{err}");
}
for my $section ('Directory /srv', 'DirectoryMatch ^/srv', 'Files x.html', 'FilesMatch x', 'Location /a*') {
    my ($end) = $section =~ /^(\w+)/;
    for my $handler ('scim', '"Scim-Admin"') {
        for my $inner ("SetHandler $handler", "<If true>\nSetHandler $handler\n</If>") {
            my ($status, $output) = configtest("<$section>\n$inner\n</$end>");
            isnt $status, 0, "SetHandler $handler in <$section> is refused";
            like $output, qr/line \d+ of \S+test\.conf.*SetHandler \S+ must be in a <Location>/s, 'with the line';
        }
    }
}
for my $line ('AddHandler scim .scim', 'AddHandler "Scim-Admin" .html', 'AddType scim-admin .html', 'ForceType scim', 'AddHandler scim-metrics .m', 'ForceType scim-health') {
    my ($status, $output) = configtest("<Location /a>\n$line\n</Location>");
    isnt $status, 0, "$line is refused";
    like $output, qr/SCIM0051: .*\(line \d+ of \S+test\.conf\).*use SetHandler in a <Location>/, 'with the line';
}
for my $line ('SetHandler scimadmin', 'SetHandler "scim_admin"', 'SetHandler scim-admim', 'SetHandler SCIMS', "SetHandler smic\nSCIMStrict On", "SCIMBaseURL https://h/scim\nSetHandler scm",
              map { "SetHandler smic\n$_" } 'SCIMRequestLog Off', 'SCIMRateLimit 5', 'SCIMMaxMembers 5', 'SCIMMaxGroupBodySize 2048', 'SCIMSignOutURL /out') {
    my ($status, $output) = configtest("<Location /a>\n$line\n</Location>");
    is $status, 0, "$line: a warning";
    like $output, qr/SCIM0050: SetHandler \S+ \(line \d+ of \S+test\.conf\): mod_scim has no such handler/, 'with the line';
}
for my $line ('SCIMGateCache 5', 'SCIMDatabaseTimeout 5') {
    my ($status, $output) = configtest("<Location /a>\nSetHandler smic\n$line\n</Location>");
    unlike $output, qr/SCIM0050/, "$line is for other handlers as well";
}
# The gate: a negated condition lets in strangers, unless an account is required as well
sub gate { return "SCIMOrganization acme\n<Location /a>\n$_[0]\n</Location>" }
sub within { my ($container, @lines) = @_; return join "\n", "<Require$container>", @lines, "</Require$container>" }
my $alias = "<AuthzProviderAlias scim-role guests GUEST>\n</AuthzProviderAlias>\n";
my %strange = (
    'not a role' => gate(within(All => 'Require valid-user', 'Require not scim-role GUEST')),
    'not an account' => gate(within(All => 'Require all granted', 'Require not scim-account')),
    'not, in other letters' => gate(within(All => 'Require valid-user', 'Require "Not" "scim-role" GUEST')),
    'a RequireNone' => gate(within(All => 'Require valid-user', within(None => 'Require scim-role GUEST'))),
    'a RequireAny in a RequireNone' => gate(within(All => 'Require valid-user', within(None => within(Any => 'Require scim-role GUEST', 'Require ip 192.0.2.1')))),
    'an account within the RequireNone' => gate(within(All => 'Require valid-user', within(None => within(All => 'Require scim-account', 'Require not scim-role GUEST')))),
    'an account in another RequireAll' => gate(within(All => within(Any => within(All => 'Require scim-account', 'Require ip 192.0.2.1'), within(All => 'Require valid-user', 'Require not scim-role GUEST')))),
    'an account in a RequireAny' => gate(within(All => within(Any => 'Require scim-account', 'Require all granted'), 'Require not scim-role GUEST')),
    'an alias' => $alias . gate(within(All => 'Require valid-user', 'Require not guests')),
    'for a method' => gate("<Limit GET>\n" . within(All => 'Require valid-user', 'Require not scim-role GUEST') . "\n</Limit>"),
);
for my $what (sort keys %strange) {
    my ($status, $output) = configtest($strange{$what});
    isnt $status, 0, "$what: refused";
    like $output, qr/SCIM0053: Require .* \(line \d+ of \S+test\.conf\): access is granted without an active account: put this line into a <RequireAll>/, 'with the line';
}
my %sure = (
    'not a role' => gate(within(All => 'Require scim-account', 'Require not scim-role GUEST')),
    'a role beside it' => gate(within(All => 'Require scim-role ADMIN USER', 'Require not scim-role GUEST')),
    'a RequireNone' => gate(within(All => 'Require scim-account', within(None => 'Require scim-role GUEST'))),
    'an account further out' => gate(within(All => 'Require scim-account', within(Any => within(All => 'Require valid-user', 'Require not scim-role GUEST')))),
    'an alias' => $alias . gate(within(All => 'Require scim-account', 'Require not guests')),
    'not something else' => gate(within(All => 'Require scim-account', 'Require not ip 192.0.2.1')),
);
for my $what (sort keys %sure) {
    my ($status, $output) = configtest($sure{$what});
    is $status, 0, "$what with an account demanded: right" or diag $output;
}

# Satisfy Any
for my $case (["SCIMOrganization acme\n<Location /a>\nSatisfy Any\nRequire scim-account\n</Location>", 'Require scim-account', 'beside the gate'],
              ["SCIMOrganization acme\n<Location />\nSatisfy any\n</Location>\n<Location /a>\nRequire scim-role ADMIN\n</Location>", 'Require scim-role ADMIN', 'above it'],
              ["SCIMOrganization acme\n<Location />\nRequire scim-account\n</Location>\n<Location /a>\nSatisfy Any\n</Location>", 'Require scim-account', 'below it'],
              ["SCIMOrganization acme\n<Location /a>\nSatisfy All\nRequire scim-account\n</Location>\n<Location /a/b>\nSatisfy Any\n</Location>", 'Require scim-account', 'below one that says All'],
              ["SCIMOrganization acme\n<Location /a>\nRequire scim-account\n</Location>\n<Directory />\nSatisfy Any\n</Directory>", 'Require scim-account', 'in a folder'],
              ["<Location /a>\nSatisfy Any\nSetHandler scim\nRequire ip 192.0.2.1\n</Location>", 'SetHandler scim', 'beside SCIM'],
              ["<Location /a>\n<Limit GET>\nSatisfy Any\n</Limit>\nSetHandler \"scim-admin\"\n</Location>", 'SetHandler "scim-admin"', 'beside the settings page']) {
    my ($text, $of, $name) = @$case;
    my ($status, $output) = configtest($text);
    is $status, 0, "Satisfy Any $name: a warning" or diag $output;
    like $output, qr/SCIM0054: Satisfy Any \(line \d+ of \S+test\.conf\): .* beside \Q$of\E \(line \d+ of/, 'with both lines';
}
for my $text ("SCIMOrganization acme\n<Location />\nSatisfy Any\n</Location>\n<Location /a>\nSatisfy All\nRequire scim-account\n</Location>",
              "SCIMOrganization acme\n<Location /b>\nSatisfy Any\n</Location>\n<Location /a>\nRequire scim-account\n</Location>",
              "<Location /a>\nSatisfy Any\n</Location>") {
    unlike +(configtest($text))[1], qr/SCIM0054/, 'no warning where it does not reach';
}

for my $line ('SetHandler scim', "SetHandler SCIM-ADMIN", 'SetHandler scim-metrics', 'SetHandler Scim-Health', "SetHandler server-status\nSCIMOrganization acme\nRequire scim-account", "SetHandler \"proxy:fcgi://127.0.0.1:9000\"\nSCIMOrganization acme") {
    my ($status, $output) = configtest("<Location /a>\n$line\n</Location>");
    is $status, 0, "$line: right" or diag $output;
    unlike $output, qr/SCIM005\d/, 'and nothing to say about it';
}
done_testing;
