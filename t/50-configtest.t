# SPDX-License-Identifier: Apache-2.0
# Mistakes with which no request could be served, or nobody could sign in, are found
# by configtest with their file and line, and what is right next to them passes.
use strict;
use warnings;
use lib 't/lib';
use Scim::Configtest;
use Scim::Test;

my $AT = qr/\(line \d+ of \S+httpd\.conf\)/;
my $SCIM = "<Location /scim>\nSetHandler scim\n</Location>\n";
my $GATE = "<Location /app>\nSCIMOrganization acme\nAuthType Basic\nAuthName x\nRequire scim-account\n</Location>\n";
my $files = 'SCIMAdminFiles ' . Scim::Server::root() . "/admin\nLoadModule authz_host_module " . Scim::Server::modules_dir() . "/mod_authz_host.so\n";
my %USE = (SCIM => $SCIM, 'the gate' => $GATE, 'an expression' => qq(${files}<Location /x>\nSetHandler "%{unescape:scim}"\n</Location>\n),
           'an If' => qq(<Location /x>\n<If "true">\nSetHandler scim\n</If>\n</Location>\n),
           'a virtual host' => "<VirtualHost *:9>\n$SCIM</VirtualHost>\n");
sub dbd { my ($params, @more) = @_; return join "\n", 'DBDriver pgsql', qq(DBDParams "$params"), @more, '' }
sub host { my ($name, $text) = @_; return "<VirtualHost 127.0.0.1:9>\nServerName $name\n$text</VirtualHost>\n" }

# A database
delete @ENV{grep { /^PG/ } keys %ENV};
for my $use (sort keys %USE) {
    allowed(dbd('dbname=scim') . $USE{$use}, "a database for $use", qr/SCIM\d{4}: DB/);
    refused("DBDriver pgsql\n$USE{$use}", qr/SCIM0004: mod_scim needs a database: add DBDParams "host=.*, for \S+ .* $AT/, "no DBDParams for $use");
    refused("DBDParams \"dbname=scim\"\n$USE{$use}", qr/SCIM0004: .*: add DBDriver pgsql, for .* $AT/, "no DBDriver for $use");
    refused("DBDMax 8\n$USE{$use}", qr/SCIM0004: .*: add DBDriver pgsql and DBDParams "host=.*, for .* $AT/, "neither for $use");
    refused("DBDriver $_\n$USE{$use}", qr/DBDriver: '$_' is not allowed; .*it must be pgsql/, "DBDriver $_ for $use") for 'sqlite3', 'nonsense';
}
for my $name (qw(PGHOST PGHOSTADDR PGSERVICE PGDATABASE PGUSER)) {
    local $ENV{$name} = 'scim';
    allowed("DBDriver pgsql\n$SCIM", "$name in the environment of httpd instead of DBDParams");
}
allowed($SCIM . dbd('dbname=scim'), 'DBDParams behind the Location');
allowed(host('a', $SCIM . dbd('dbname=scim')), 'DBDParams in the virtual host alone');
refused(host('a', $SCIM) . host('b', dbd('dbname=scim')), qr/SCIM0004: .*add DBDriver pgsql and DBDParams/,
        'DBDParams in another virtual host');
allowed($SCIM . host('a', dbd('dbname=scim')), 'a Location of all hosts, of which one has a database');
unlike +(configtest(host('a', 'DBDriver sqlite3') . host('b', $SCIM . dbd('dbname=scim'))))[1], qr/SCIM|mod_scim/, 'mod_scim has no objection to another DBDriver in a virtual host that does not use it';
refused(dbd('dbname=scim') . host('a', "DBDriver sqlite3\n$SCIM"),
        qr/DBDriver: 'sqlite3' is not allowed; mod_scim keeps/, 'another DBDriver in a virtual host that uses it');
allowed("DBDriver pgsql\nDBDMax 0\nDBDParams \"hots=x\"\n", 'anything where mod_scim is only loaded');

# DBDParams that libpq cannot parse
my $KEYWORD = qr/it must be host, port, dbname, user, passfile, connect_timeout, options or another keyword of libpq $AT/;
my $PAIRS = qr/SCIM0141: DBDParams: it must be pairs as in host=\S+ dbname=scim user=scim; a value with blanks must be in single quotes $AT/;
allowed(dbd($_) . $SCIM,
        "DBDParams $_") for 'host=/run/postgresql dbname=scim user=scim', q(user = 'scim'), "password='a b' dbname=scim", "password='it\\'s' dbname=scim",
    q(password=a\\ b dbname=scim), 'host=db1,db2 port=5432,5433 connect_timeout=2', "options='-c statement_timeout=10s'", 'postgresql://scim@db.example.com/scim?connect_timeout=5',
    'postgres:///scim', 'service=scim', 'connect_timeout=5';
refused(dbd("$_=x dbname=scim") . $SCIM, qr/SCIM0141: DBDParams: '$_' is not allowed; $KEYWORD/,
        "the keyword $_") for qw(hots Host pasword pass DBNAME);
refused(dbd("password='secret' user=scim hots=x") . $SCIM, qr/SCIM0141: DBDParams: 'hots' is not allowed; $KEYWORD/,
        'a wrong keyword behind a password');
refused(dbd($_) . $SCIM, $PAIRS,
        "DBDParams $_") for 'scim', 'host', 'host = a dbname', "user='scim", "dbname=scim user='scim\\'", 'dbname=scim =x';
for my $params ('password=secret word', 'password=my secret=1 word=2', 'user=scim password=my secret=1', "password='secret", 'sslpassword=my secret=1',
                'postgresql://scim:secret@[db/scim', 'postgresql://scim:%zzsecret@db/scim', 'postgresql://scim:secret@db/scim?hots=x') {
    my ($status, $output) = configtest(dbd($params) . $SCIM);
    isnt $status, 0, "$params is refused";
    like $output, $params =~ /^postgresql:/ ? qr/SCIM0141: DBDParams: it must be a URI such as postgresql:\S+ .* $AT/ : $PAIRS, 'with its line';
    unlike $output, qr/secret|word/, 'and no part of what may be a password';
}
refused(dbd('dbname=scim') . host('a', "DBDParams \"hots=x\"\n$SCIM"), qr/SCIM0141: DBDParams: 'hots'/,
        'wrong DBDParams of a virtual host');
allowed(dbd('dbname=scim') . host('a', "DBDParams \"hots=x\"\n") . host('b', $SCIM),
        'of one that does not use mod_scim');
Scim::Server::write_file(configtest_folder() . '/included.conf', "\n\nDBDParams \"hots=x\"\n");
refused("DBDriver pgsql\nInclude included.conf\n$SCIM",
        qr/SCIM0141: DBDParams: 'hots' .*\(line 3 of \S+included\.conf\)/, 'in a file that is included');

# The numbers of mod_dbd
for my $good (['DBDMax 2'], ['DBDMax 1', 'DBDKeep 1'], ['DBDMin 4', 'DBDKeep 4', 'DBDMax 4'], ['DBDMin 0'], ['DBDKeep 10'], ['DBDPersist Off', 'DBDMax 1']) {
    allowed(dbd('dbname=scim', @$good) . $SCIM, join ', ', @$good);
}
my $NONE = qr/there would be no connections; DBDMax must be 1 or more, DBDKeep at most DBDMax, and DBDMin at most DBDKeep $AT/;
for my $bad ([1, 2, 0, 'DBDMax 0'], [1, 2, 0, 'DBDMax 0', 'DBDPersist Off'], [1, 2, 1, 'DBDMax 1'], [1, 11, 10, 'DBDKeep 11'], [3, 2, 10, 'DBDMin 3'], [4, 8, 6, 'DBDMin 4', 'DBDKeep 8', 'DBDMax 6']) {
    my ($min, $keep, $max, @lines) = @$bad;
    refused(dbd('dbname=scim', @lines) . $SCIM, qr/SCIM0142: DBDMin $min, DBDKeep $keep, DBDMax $max: $NONE/, join ', ', @lines);
}
refused(dbd('dbname=scim', 'DBDKeep 4') . host('a', "DBDMax 3\n$SCIM"), qr/SCIM0142: DBDMin 1, DBDKeep 4, DBDMax 3/,
        'a virtual host inherits the other numbers');

# Time
sub slow { my ($seconds, $hosts, $timeout, $most) = @_; return qr/SCIM0143: DBDParams: connect_timeout=$seconds for $hosts host\(s\) is too long for SCIMDatabaseTimeout $timeout: set connect_timeout=$most or less, .* $AT/ }
sub within { my ($seconds) = @_; return "<Location /scim>\nSetHandler scim\nSCIMDatabaseTimeout $seconds\n</Location>\n" }
allowed(dbd('dbname=scim') . $SCIM, 'the default, which is 5 seconds');
allowed(dbd('connect_timeout=5') . $SCIM, 'a third of SCIMDatabaseTimeout');
allowed(dbd('host=a,b,c connect_timeout=2') . $SCIM, 'the least that libpq takes');
allowed(dbd('connect_timeout=10') . within(30), 'a third of another SCIMDatabaseTimeout');
warned_of(dbd('connect_timeout=6') . $SCIM, slow(6, 1, 15, 5), 'more than a third');
warned_of(dbd('connect_timeout=0') . $SCIM, slow(0, 1, 15, 5), 'no limit');
warned_of(dbd('host=a,b,c') . $SCIM, slow(5, 3, 15, 2), 'the default for three hosts');
warned_of(dbd('hostaddr=192.0.2.1,192.0.2.2 connect_timeout=3') . $SCIM, slow(3, 2, 15, 2),
          'three seconds for two addresses');
warned_of("SCIMDatabaseTimeout 30\n" . dbd('connect_timeout=5') . within(9), slow(5, 1, 9, 3),
          'the shortest SCIMDatabaseTimeout counts');

# SCIMBaseURL
sub base { my ($url) = @_; return $DBD . "<Location /scim>\nSetHandler scim\nSCIMBaseURL $url\n</Location>\n" }
allowed(base($_),
        "SCIMBaseURL $_") for 'https://h/scim', 'https://h/v2/scim', 'https://h/scimv2', 'https://h', 'http://127.0.0.1:8080/scim', 'http://localhost/scim', 'http://[::1]/scim';
my $ENDS = qr/the organization and \/v2 are added to it: it must end before them, as in https:\/\/host\/scim/;
warned_of(base($_), qr/SCIM0144: SCIMBaseURL \Q$_\E $AT: $ENDS/,
          "SCIMBaseURL $_") for 'https://h/scim/v2', 'https://h/scim/acme/v2', 'https://h/scim/acme/V2/', 'https://h/v2';
warned_of(base($_),
          qr/SCIM0145: SCIMBaseURL \Q$_\E $AT: tokens would travel without TLS: it must begin with https:\/\//,
          "SCIMBaseURL $_") for 'http://scim.example.com/scim', 'http://192.0.2.1/scim';

# Signing in
my $SIGN_IN = "AuthType Basic\nAuthName x\nAuthUserFile x\nRequire valid-user\n";
sub page { my ($inside, $outside) = @_; return $DBD . $files . ($outside // '') . "<Location /organizations>\nSetHandler scim-admin\n$inside</Location>\n" }
my $NOBODY = qr/SCIM0146: SetHandler scim-admin $AT: nobody is asked to sign in here: add AuthType with its provider, and Require valid-user/;
my $ANYBODY = qr/SCIM0146: SetHandler scim-admin $AT: nobody is asked to sign in here: add Require valid-user/;
allowed(page($SIGN_IN), 'a settings page with AuthType and Require valid-user');
allowed(page('', "<Location />\n$SIGN_IN</Location>\n"), 'that inherits them');
allowed(page("Require valid-user\n", "<Location />\nAuthType Basic\n</Location>\n"), 'in part');
allowed(page("<If \"true\">\n$SIGN_IN</If>\n"), 'in an If');
allowed(page("AuthType Basic\n<RequireAny>\nRequire ip 10\nRequire user admin\n</RequireAny>\n"), 'in a RequireAny');
allowed(page("SSLUserName SSL_CLIENT_S_DN_CN\n"), 'a settings page with the name in a certificate');
warned_of(page(''), $NOBODY, 'a settings page without AuthType');
warned_of(page("AuthType None\n"), $NOBODY, 'with AuthType None');
warned_of(page("Require all granted\n"), $NOBODY, 'with Require all granted alone');
warned_of(page("Require valid-user\n"), $NOBODY, 'with Require valid-user alone');
warned_of(page('', "<Directory />\n$SIGN_IN</Directory>\n"), $NOBODY,
          'where a Directory, which is not for URLs, has them');
warned_of(page('', "<Location /other>\n$SIGN_IN</Location>\n"), $NOBODY, 'where another Location has them');
warned_of(page('', host('a', "<Location />\n$SIGN_IN</Location>\n")), $NOBODY, 'where a virtual host has them');
warned_of(page("AuthType Basic\nRequire $_\n"), $ANYBODY,
          "with AuthType and Require $_") for 'all granted', 'ip 10.0.0.0/8', 'local', 'env X';
warned_of($DBD . $files . host('a', "<Location /organizations>\nSetHandler \"Scim-Admin\"\n</Location>\n"),
          qr/SCIM0146: SetHandler "Scim-Admin" \(line/, 'a settings page in a virtual host');

sub gate { my ($inside, $outside) = @_; return $DBD . ($outside // '') . "<Location /app>\nSCIMOrganization acme\n$inside</Location>\n" }
allowed($DBD . $GATE, 'a gate with AuthType');
allowed(gate("SCIMAccountValue %{env:OID}\nRequire scim-account\n"), 'a gate with SCIMAccountValue');
allowed(gate("Require scim-role ADMIN\n", "<Location />\nAuthType Basic\n</Location>\n"),
        'a gate that inherits AuthType');
allowed(gate('', "<Directory />\nAuthType Basic\n</Directory>\n") . "<Directory /srv>\nSCIMOrganization acme\nRequire scim-account\n</Directory>\n",
        'a gate for files');
warned_of(gate("Require $_\n"),
          qr/SCIM0146: Require \Q$_\E $AT: nobody is asked to sign in here: add AuthType with its provider, or SCIMAccountValue/,
          "Require $_ without AuthType")
    for 'scim-account', 'scim-role ADMIN', 'scim-group Sales';
done_testing;
