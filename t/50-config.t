# SPDX-License-Identifier: Apache-2.0
# The messages of "apachectl configtest".
use strict;
use warnings;
use lib 't/lib';
use Scim::Configtest;
use Scim::Test;

my $server = server();

my ($status, $output) = configtest("$DBD<Location /scim>\nSetHandler scim\nSCIMBaseURL https://h.example/scim\nSCIMProfile open\n"
    . "SCIMStrict On\nSCIMMaxResults 200\nSCIMMaxBodySize 65536\n</Location>");
is $status, 0, 'a good configuration' or diag $output;
like $output, qr/Syntax OK/, 'is OK';

open my $in, '<', 'conf/scim.conf' or die $!;
my $conf = join('', <$in>) =~ s/^#(?=(?:SCIM|DB|LogLevel)\w* )//gmr;
($status, $output) = configtest($conf);
is $status, 0, 'scim.conf with every line switched on' or diag $output;

is +(configtest("${DBD}SCIMProfile open\nSCIMMaxResults 5\n<Location /scim>\nSetHandler scim\n</Location>"))[0], 0, 'directives for all Locations are allowed outside of them';

sub location { return "$DBD<Location /scim>\nSetHandler scim\n$_[0]\n</Location>" }
refused(location('SCIMProfile closed'), qr/SCIMProfile: 'closed' is not allowed; it must be managed or open/, 'SCIMProfile');
refused("${DBD}SCIMPreparedStatements maybe\n", qr/SCIMPreparedStatements must be On or Off/, 'SCIMPreparedStatements');
refused(location('SCIMPreparedStatements Off'), qr/SCIMPreparedStatements not allowed (?:here|in <Location)/, 'SCIMPreparedStatements in a Location');
refused(location('SCIMStrict maybe'), qr/SCIMStrict must be On or Off/, 'SCIMStrict');
refused(location("SCIMMaxResults $_"), qr/SCIMMaxResults: '\Q$_\E' is not allowed; it must be a number from 1 to 10000/, "SCIMMaxResults $_")
    for 0, -1, 'x', '10001', '5x', '99999999999999999999';
refused(location("SCIMMaxBodySize $_"), qr/SCIMMaxBodySize: '\Q$_\E' is not allowed/, "SCIMMaxBodySize $_") for 0, 1023, '64M';
refused(location("SCIMRateLimit $_"), qr/SCIMRateLimit: '\Q$_\E' is not allowed; it must be a number from 0 to 100000/, "SCIMRateLimit $_") for -1, 'x', '25/s', 100001;
refused(location("SCIMRateBurst $_"), qr/SCIMRateBurst: '\Q$_\E' is not allowed; it must be a number from 1 to 1000000/, "SCIMRateBurst $_") for 0, '1e3', 1000001;
is +(configtest(location("SCIMRateLimit $_->[0]\nSCIMRateBurst $_->[1]")))[0], 0, "SCIMRateLimit $_->[0], SCIMRateBurst $_->[1]" for [0, 1], [100000, 1000000];
refused(location("SCIMMaxResourceSize $_"), qr/SCIMMaxResourceSize: '\Q$_\E' is not allowed; it must be a number from 4096 to 16777216/, "SCIMMaxResourceSize $_")
    for 0, -1, 4095, '256k', 16777217;
refused(location("SCIMMaxGroupBodySize $_"), qr/SCIMMaxGroupBodySize: '\Q$_\E' is not allowed; it must be a number from 1024 to 67108864/,
        "SCIMMaxGroupBodySize $_") for 0, -1, 1023, '16M', 67108865;
refused(location("SCIMMaxMembers $_"), qr/SCIMMaxMembers: '\Q$_\E' is not allowed; it must be a number from 1 to 1000000/,
        "SCIMMaxMembers $_") for 0, -1, '1e5', 1000001;
refused(location("SCIMBaseURL $_"), qr/SCIMBaseURL: '\Q$_\E' is not allowed; it must be the public URL of this Location, such as https:/,
        "SCIMBaseURL $_") for '/scim', 'ftp://h/scim', 'https://', 'https://h/scim?x', 'https://h/scim#x', 'https://u:p@h/scim';
refused(location('SCIMProfile'), qr/SCIMProfile takes one argument/, 'no argument');
refused("SCIMProfil open\n", qr/Invalid command 'SCIMProfil'/, 'a misspelt directive');
refused("DBDriver sqlite3\n<Location /scim>\nSetHandler scim\n</Location>",
        qr/DBDriver: 'sqlite3' is not allowed; mod_scim keeps its accounts in PostgreSQL, so it must be pgsql/, 'another DBDriver');
refused("DBDriver sqlite3\n<Location /a>\nRequire scim-account\n</Location>",
        qr/DBDriver: 'sqlite3' is not allowed/, 'another DBDriver with a gate');
unlike +(configtest('DBDriver sqlite3'))[1], qr/mod_scim|SCIM/, "mod_scim has no objection to another DBDriver where it is only loaded";
is +(configtest(''))[0], 0, 'and needs no database there';
refused("<Location /scim>\nSetHandler scim\n</Location>", qr/needs a database: add DBDriver pgsql and DBDParams/, 'no database');
refused("<Location /scim>\nSetHandler scim\n</Location>", qr/needs mod_dbd: add LoadModule dbd_module/, 'no mod_dbd', without_dbd => 1);
is +(configtest("<VirtualHost 127.0.0.1:9>\n<Location /scim>\nSetHandler scim\n</Location>\n</VirtualHost>\n$DBD"))[0], 0,
    'a virtual host may share the main server\'s database';
sub admin { return "$DBD$_[0]\n<Location /organizations>\nSetHandler scim-admin\n" . ($_[1] // '') . "\n</Location>" }
my $files = 'SCIMAdminFiles ' . Scim::Server::root() . '/admin';
is +(configtest(admin($files, "SCIMRequireSSO On\nSCIMAccountKey externalId\nSCIMAccountValue %{env:OID}")))[0], 0, 'a good settings page';
refused(admin('SCIMAdminFiles nowhere'), qr/cannot read .*nowhere.index\.html: SCIMAdminFiles must name the folder/, 'SCIMAdminFiles without files');
refused(admin($files, 'SCIMRequireSSO sometimes'), qr/SCIMRequireSSO must be On or Off/, 'SCIMRequireSSO');
is +(configtest(admin($files, "SCIMSignOutURL $_")))[0], 0, "SCIMSignOutURL $_" for '/mellon/logout?ReturnTo=/', 'https://login.example.com/logout';
refused(admin($files, "SCIMSignOutURL $_"), qr/SCIMSignOutURL: '\Q$_\E' is not allowed; it must be a path or a URL that ends the sign-in/, "SCIMSignOutURL $_")
    for 'mellon/logout', 'javascript:alert(1)', '//evil.example/', 'https:///logout', 'https://a:b@login.example.com/', 'data:text/html,x';
refused(admin($files, 'SCIMSignOutURL /\evil.example/'), qr/SCIMSignOutURL: .* is not allowed/, 'SCIMSignOutURL with a backslash, a slash to browsers');
refused(admin($files, 'SCIMAccountKey email'), qr/SCIMAccountKey: 'email' is not allowed; it must be userName or externalId/, 'SCIMAccountKey');
refused(admin($files, 'SCIMAccountValue "%{env:"'), qr/SCIMAccountValue: '%\{env:' is not allowed; /, 'SCIMAccountValue');
refused("$files\n<Location /organizations>\nSetHandler scim-admin\n</Location>", qr/needs a database/, 'a settings page without a database');

# TLS: a warning, because httpd cannot know whether a proxy in front terminates it.
refused(location('SCIMRequireTLS perhaps'), qr/SCIMRequireTLS must be On or Off/, 'SCIMRequireTLS');
my $tls_keys = "SSLCertificateFile " . $server->tls_dir . "/server.crt\nSSLCertificateKeyFile " . $server->tls_dir . "/server.key";
my $scim = "<Location /scim>\nSetHandler scim\n%s\n</Location>";
my $host = "<VirtualHost *:8443>\nSSLEngine %s\n$tls_keys\n$scim\n</VirtualHost>";
sub warned {
    my ($text, $message, $name) = @_;
    my ($status, $output) = configtest($DBD . $text);
    is $status, 0, "$name is not an error" or diag $output;
    $message ? like $output, $message, "$name: a warning" : unlike $output, qr/TLS/, "$name: no warning";
}
my $where = qr/SetHandler "?scim(?:-admin)?"? \(line \d+ of \S+httpd\.conf\)/;
my $refuses = qr/$where: all requests to [\d.:\[\]]+:8(?:080|443) are refused, because TLS is not enabled there: add SSLEngine on, or see SCIMRequireTLS/;
my $clear = qr/$where: SCIMRequireTLS Off accepts tokens and sessions without TLS on [\d.:\[\]]+:8(?:080|443): only a proxy that terminates TLS/;
warned(sprintf($scim, ''), undef, 'a Location on a loopback address');
warned(sprintf($scim, 'SCIMRequireTLS Off'), undef, 'SCIMRequireTLS Off there');
warned(sprintf($scim, 'SCIMRequireTLS On'), qr/$where: all requests to 127\.0\.0\.1:9 are refused/, 'SCIMRequireTLS On there');
warned("Listen 8080\n" . sprintf($scim, ''), $refuses, 'a Location on all addresses');
warned("Listen 8080\nSCIMRequireTLS Off\n" . sprintf($scim, ''), $clear, 'SCIMRequireTLS Off for all of them');
warned("Listen 8080\nSCIMRequireTLS Off\n" . sprintf($scim, 'SCIMRequireTLS On'), qr/$where: .* are refused, because TLS is not enabled/, 'the Location has the last word');
warned("Listen 8080\n<Location />\nSCIMRequireTLS Off\n</Location>\n" . sprintf($scim, ''), $clear, 'it inherits from the one above');
warned("Listen 8080\nSSLEngine on\n$tls_keys\n" . sprintf($scim, ''), undef, 'TLS for the server');
warned("Listen 8080 https\n" . sprintf($scim, ''), undef, 'a port of TLS');
warned("Listen [::1]:8080\nListen 127.1.2.3:8081\n" . sprintf($scim, ''), undef, 'other loopback addresses');
warned("Listen 8080\n" . sprintf($scim, '<If "-R \'10.0.0.0/8\'">' . "\nSCIMRequireTLS Off\n</If>"), undef, 'an <If> that decides');
warned("Listen 8080\n<Location /organizations>\nSetHandler \"scim-admin\"\n</Location>\n$files", $refuses, 'the settings page');
warned("Listen 8443\n" . sprintf($host, 'on', ''), undef, 'a virtual host with TLS');
warned("Listen 8443\n" . sprintf($host, 'on', 'SCIMRequireTLS Off'), undef, 'SCIMRequireTLS Off there, where all is TLS');
warned("Listen 8443\n" . sprintf($host, 'off', ''), $refuses, 'one without');
warned("Listen 8443\n" . sprintf($host, 'off', 'SCIMRequireTLS Off'), $clear, 'and with SCIMRequireTLS Off');
warned("Listen 8443\n<VirtualHost 127.0.0.1:8443>\n" . sprintf($scim, '') . "\n</VirtualHost>", undef, 'one of a loopback address alone');
warned("Listen 8080\n<VirtualHost *:8080>\n</VirtualHost>\n" . sprintf($scim, ''), $refuses, 'one that inherits the Location');
warned("Listen 8080\nListen 8443\n<VirtualHost *:8080>\nServerName a\n</VirtualHost>\n" . sprintf($host, 'on', ''), undef, 'SCIM on the host with TLS alone');

# The gate
sub gate { return $DBD . join '', map { /^\// ? "<Location $_>\n" : $_ eq '' ? "</Location>\n" : "$_\n" } @_ }
is +(configtest(gate('SCIMOrganization acme', '/a', 'Require scim-account', '')))[0], 0, 'a gate with an organization for all';
is +(configtest(gate('/a', 'SCIMOrganization acme', 'SCIMGateCache 0', '<RequireAll>', 'Require scim-account', 'Require not scim-role GUEST USER', '</RequireAll>', '')))[0], 0, 'in its section';
is +(configtest(gate('/', 'SCIMOrganization acme', '', '/a/b', 'Require scim-role ADMIN', '')))[0], 0, 'in the Location above';
is +(configtest(gate('<LocationMatch "^/.*">', 'SCIMOrganization acme', '</LocationMatch>', '/a', 'Require scim-role ADMIN', '')))[0], 0, 'in a pattern, which may match';
is +(configtest(gate('/a', 'SCIMProfile open', 'SCIMOrganization acme', 'Require scim-role Manager', '')))[0], 0, 'profile open has any role';
refused(gate('/a', 'Require scim-account', ''), qr/Require scim-account in <Location \/a> \(line \d+ of .*httpd.conf\) needs an organization: add SCIMOrganization/, 'no SCIMOrganization');
refused(gate('/a', 'SCIMOrganization acme', '', '/b', '<RequireAll>', 'Require valid-user', 'Require not scim-role GUEST', '</RequireAll>', ''), qr/Require not scim-role GUEST in <Location \/b> .*add SCIMOrganization/, 'SCIMOrganization elsewhere');
refused(gate('<VirtualHost 127.0.0.1:9>', 'SCIMOrganization acme', '</VirtualHost>', '/b', 'Require scim-account', ''), qr/add SCIMOrganization/, 'SCIMOrganization in another host');
refused(gate("SCIMOrganization '$_'"), qr/SCIMOrganization: '\Q$_\E' is not allowed; it must be the key of an organization: /, "SCIMOrganization '$_'") for 'Acme', '-a', 'a b', 'a' x 64;
refused(gate('SCIMOrganization acme', '/a', 'Require scim-role', ''), qr/Require scim-role needs a role, as in Require scim-role ADMIN USER/, 'no role');
refused(gate('SCIMOrganization acme', '/a', 'Require scim-role ADMIN admin', ''), qr/Require scim-role: 'admin' is not allowed; it must be ADMIN, USER or GUEST/, 'an unknown role');
my $ID = 'id:2819c223-7f76-453a-919d-413861904646';
is +(configtest(gate('SCIMOrganization acme', '/a', 'Require scim-group "Sales Admins" externalId:00g1 ' . "$ID \U$ID", '<RequireAll>', 'Require scim-account', 'Require not scim-group Guests', '</RequireAll>', '')))[0], 0, 'groups by name, externalId and id';
refused(gate('SCIMOrganization acme', '/a', 'Require scim-group', ''), qr/Require scim-group needs a group, as in Require scim-group "Sales Admins"/, 'no group');
my %NO_GROUP = ('""' => 'the name of a group must not be empty', 'Sales ""' => 'the name of a group must not be empty', '"  "' => 'the name of a group must not be empty',
                'displayName:' => 'the name of a group must not be empty', 'externalId:' => 'externalId: needs a value', 'externalID:' => 'externalId: needs a value', (map { $_ => 'id: needs the id of a group' } 'id:', 'id:1', "$ID,", 'ID:00g1', 'id:externalId:x'),
                ('x' x 513) => 'it must not have more than 512 characters', "a\xff" => 'it must be UTF-8', "a\x01b" => 'the name of a group must not contain control characters');
for my $word (sort keys %NO_GROUP) {
    my $name = $word =~ s/[^ -~]/?/gr;
    refused(gate('SCIMOrganization acme', '/a', "Require scim-group $word", ''), qr/Require scim-group: '[^']*' is not allowed; $NO_GROUP{$word}/, "Require scim-group $name");
    refused(gate("SCIMGateGroups $word"), qr/SCIMGateGroups: '[^']*' is not allowed; $NO_GROUP{$word}/, "SCIMGateGroups $name");
}
refused(gate('SCIMGateGroups'), qr/SCIMGateGroups: '' is not allowed; it must be the names of groups, all or none/, 'SCIMGateGroups without a word');
refused(gate("SCIMGateGroups $_"), qr/SCIMGateGroups: '(?i:all|none)' is not allowed; it must be the only word/, "SCIMGateGroups $_") for 'Sales all', 'NONE Sales', 'all none';
is +(configtest(gate("SCIMGateGroups $_")))[0], 0, "SCIMGateGroups $_" for 'all', 'None', "Sales 'R&D' $ID externalId:all", join ' ', map { "Group$_" } 1 .. 200;
refused(gate('/a', 'Require scim-group Sales', ''), qr/Require scim-group Sales in <Location \/a> .*needs an organization: add SCIMOrganization/, 'a group without SCIMOrganization');
refused(gate('SCIMOrganization acme', '/a', '<RequireAll>', 'Require all granted', 'Require not scim-group Guests', '</RequireAll>', ''), qr/Require not scim-group Guests .*access is granted without an active account/, 'not scim-group without an account');
refused("SCIMOrganization acme\n<Location /a>\nRequire scim-group Sales\n</Location>", qr/needs a database/, 'a group without a database');
refused(gate('SCIMOrganization acme', '/a', 'Require scim-account Taro', ''), qr/Require scim-account takes no argument/, 'an argument too many');
refused(gate("SCIMGateCache $_"), qr/SCIMGateCache: '\Q$_\E' is not allowed; it must be a number from 0 to 60/, "SCIMGateCache $_") for -1, 61, '1s';
refused(gate("SCIMGateGrace $_"), qr/SCIMGateGrace: '\Q$_\E' is not allowed; it must be a number from 0 to 300/, "SCIMGateGrace $_") for -1, 301, '1m';
refused(location("SCIMDatabaseTimeout $_"), qr/SCIMDatabaseTimeout: '\Q$_\E' is not allowed; it must be a number from 1 to 300/, "SCIMDatabaseTimeout $_") for -1, 0, 301, '15s';
is +(configtest(location("SCIMDatabaseTimeout $_")))[0], 0, "SCIMDatabaseTimeout $_ is allowed" for 1, 300;
refused("SCIMOrganization acme\n<Location /a>\nRequire scim-account\n</Location>", qr/needs a database/, 'a gate without a database');
is +(configtest(''))[0], 0, 'loaded but not used, mod_scim asks for nothing';

done_testing;
