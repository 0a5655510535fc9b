# SPDX-License-Identifier: Apache-2.0
package Scim::Test;
# The test library: a server that all test files share, organizations that no
# two tests share, requests, SQL, and the checks that recur.
#
#   my $org = organization(profile => 'open');
#   my $user = $org->create(userName => user_name());
#   is_user($org->get("/Users/$user->{id}"), 200, {active => JSON::PP::true},
#           'GET-01: a user is read back');
use strict;
use warnings;
use utf8;
use Cpanel::JSON::XS ();
use Cwd ();
use Encode ();
use Exporter 'import';
use Fcntl ();
use File::Spec ();
use File::Temp ();
use Digest::SHA ();
use JSON::PP ();
use Test::More;
use Scim::Http;
use Scim::Names;
use Scim::Process;
use Scim::Server;

our @EXPORT = (@Test::More::EXPORT, qw(
    server own_server organization uri user_name sql sql_unchecked is_error is_user is_list event_count error_log query_plans
    random_name CORE ENT PATCHOP BULK LIST ERROR_URN TRUE FALSE));

use constant {
    CORE => 'urn:ietf:params:scim:schemas:core:2.0:User',
    ENT => 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User',
    PATCHOP => 'urn:ietf:params:scim:api:messages:2.0:PatchOp',
    BULK => 'urn:ietf:params:scim:api:messages:2.0:BulkRequest',
    LIST => 'urn:ietf:params:scim:api:messages:2.0:ListResponse',
    ERROR_URN => 'urn:ietf:params:scim:api:messages:2.0:Error',
    TRUE => JSON::PP::true(), FALSE => JSON::PP::false(),
};

# The Locations of the test server: profile => path.
my %LOCATION = (managed => '/scim', open => '/open', strict => '/strict',
                'open-strict' => '/open-strict', small => '/small');

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output todo_output);

my $JSON = JSON::PP->new->utf8->canonical->allow_nonref;
# The same values, but what JSON::PP reads in seconds takes it milliseconds.
my $READER = Cpanel::JSON::XS->new->utf8->allow_nonref->allow_dupkeys;
my ($server, $owner);

sub locations {
    return <<'CONF';
<Location /scim>
    SetHandler scim
    Require all granted
</Location>
<Location /open>
    SetHandler scim
    SCIMProfile open
    Require all granted
</Location>
<Location /strict>
    SetHandler scim
    SCIMStrict On
    Require all granted
</Location>
<Location /open-strict>
    SetHandler scim
    SCIMProfile open
    SCIMStrict On
    Require all granted
</Location>
<Location /small>
    SetHandler scim
    SCIMMaxBodySize 2048
    SCIMMaxResults 5
    SCIMMaxResourceSize 4096
    SCIMBulkMaxOperations 0
    SCIMBaseURL https://scim.example.com/provisioning/
    Require all granted
</Location>
# The user name of a request is trusted.
<Location /organizations>
    SetHandler scim-admin
    AuthType Basic
    AuthName settings
    AuthBasicProvider anon
    Anonymous *
    Anonymous_MustGiveEmail Off
    Require valid-user
</Location>
<Location /sso-organizations>
    SetHandler scim-admin
    SCIMRequireSSO On
    SCIMSignOutURL /plain.txt?signed=out
    AuthType Basic
    AuthName settings
    AuthBasicProvider anon
    Anonymous *
    Anonymous_MustGiveEmail Off
    Require valid-user
</Location>
<Location /plain.txt>
    Require all granted
</Location>
CONF
}

# Plans are logged only while a test wants them (query_plans).
my $DATABASE_CONF = <<'CONF';
session_preload_libraries = 'auto_explain'
auto_explain.log_min_duration = -1
CONF

# No comparison may depend on the cluster's own collation.
my @INITDB = ('--locale-provider=icu', '--icu-locale=en-US');

# How requests travel: http, tls, or h2 (HTTP/2 over TLS).
my $TRANSPORT = $ENV{SCIM_TEST_TRANSPORT} || 'http';
die "SCIM_TEST_TRANSPORT is http, tls or h2\n" if $TRANSPORT !~ /^(?:http|tls|h2)\z/;
$Scim::Http::HTTP2 = $TRANSPORT eq 'h2';

# The shared server: the one that script/test has started (SCIM_TEST_DIR,
# SCIM_TEST_PORT and SCIM_TEST_TLS_PORT), or one of this process alone.
sub server {
    return $server if $server;
    return own_server() unless $ENV{SCIM_TEST_DIR};
    return $server = new_server(dir => $ENV{SCIM_TEST_DIR}, port => $ENV{SCIM_TEST_PORT},
                                tls_port => $ENV{SCIM_TEST_TLS_PORT}, shared => 1);
}

# A server for this file alone: for a test that restarts or locks it, counts its
# statements, or slows it down so that others would notice.  The options are those of
# Scim::Server.
sub own_server {
    my (%option) = @_;
    my $dir = File::Temp::tempdir('own-XXXXXX', DIR => $ENV{SCIM_TEST_DIR} || File::Spec->tmpdir, CLEANUP => 1);
    $server = new_server(dir => $dir, tls_port => Scim::Server::free_port(), %option);
    $owner = $$;
    return $server->start;
}

sub new_server {
    my (%option) = @_;
    my $made = Scim::Server->new(%option, conf => locations() . ($option{conf} // ''), database_conf => $DATABASE_CONF . ($option{database_conf} // ''),
                                 initdb => [@INITDB, @{ $option{initdb} || [] }]);
    $made->{url} = url_of($made, $TRANSPORT);
    $ENV{SSL_CERT_FILE} = $made->ca_file;
    return $made;
}

sub url_of { my ($of, $transport) = @_; return $of->{ $transport eq 'http' ? 'plain_url' : 'tls_url' } }
sub base_url { my ($transport) = @_; return url_of(server(), $transport || $TRANSPORT) }

my $main_process = $$;

END {
    my $status = $?;
    if ($$ == $main_process) {
        Scim::Names::record($0, map { [$_->{ok}, $_->{name}] } Test::More->builder->details);
        note "$Scim::Http::REQUESTS{$_} requests by $_" for sort keys %Scim::Http::REQUESTS;
    }
    $server->stop if $server && $owner && $owner == $$;
    $? = $status;
}

my %http;
my $http_pid = 0;

# One kept connection per process and transport.
sub http {
    my $transport = $_[0] || $TRANSPORT;
    %http = () unless $http_pid == $$;
    $http_pid = $$;
    return $http{$transport} ||= Scim::Http->new(base_url($transport), http2 => $transport eq 'h2');
}

sub uri {
    my ($text) = @_;
    $text = Encode::encode_utf8($text) if utf8::is_utf8($text);
    $text =~ s/([^A-Za-z0-9_.~-])/sprintf '%%%02X', ord $1/ge;
    return $text;
}

sub random_name { return join '', map { ('a' .. 'z')[rand 26] } 1 .. 12 }
sub user_name { return random_name() . '@example.com' }

# sql($statement, @values) -> list of rows (array refs); $1, $2 ... are the values.
sub sql {
    my ($statement, @values) = @_;
    my $self = server();
    $statement =~ s/\$(\d+)/defined $values[$1 - 1] ? ":'v$1'" : 'NULL'/ge;
    my @given = map { ('-v', 'v' . ($_ + 1) . '=' . Encode::encode_utf8($values[$_] // '')) } 0 .. $#values;
    my @command = $self->psql('-qAtX', '-F', "\t", '-v', 'ON_ERROR_STOP=1', @given, '-f', '-');
    my $done = Scim::Process::run(\@command, input => Encode::encode_utf8($statement));
    die "psql: $done->{out}$done->{err}" if $done->{status};
    Scim::Citus::note_keys($self) if $ENV{SCIM_TEST_CITUS} && $statement =~ /INTO scim\.organization \(|scim\.organization SET key/;
    return map { chomp; [split /\t/, $_, -1] } Encode::decode_utf8($done->{out}) =~ /.*\n/g;
}

# The same on scim.account without its triggers, to make rows as in old databases.
sub sql_unchecked {
    my ($statement, @values) = @_;
    return sql("BEGIN; ALTER TABLE scim.account DISABLE TRIGGER USER; $statement;"
             . ' ALTER TABLE scim.account ENABLE TRIGGER USER; COMMIT', @values);
}

# organization(profile, enabled, domains => [...], language, timezone, managed,
# transport, http, guard => [number, percent]): the default transport is that of the
# run; http is a Scim::Http for another server.  There is no guard by default.
sub organization {
    my (%option) = @_;
    my $self = bless { profile => 'managed', key => random_name(), %option }, 'Scim::Test::Org';
    my $domains = '{' . join(',', @{ $option{domains} || [] }) . '}';
    my $domain = ($option{domains} || ['example.com'])->[0];
    $self->{issuer_name} = "admin-$self->{key}\@$domain";
    ($self->{id}, $self->{issuer}) = @{ (sql(<<'SQL', $self->{key}, $option{enabled} // 1,
WITH o AS (INSERT INTO scim.organization (key, name, provisioning_enabled, domains)
           VALUES ($1, $1, $2::int::boolean, $3::text[]) RETURNING id)
INSERT INTO scim.account (organization_id, user_name, display_name, role,
                          preferred_language, timezone)
SELECT id, $4, 'Administrator', 'ADMIN', $5, $6 FROM o RETURNING organization_id, id;
SQL
        $domains, $self->{issuer_name}, $option{language}, $option{timezone}))[0] };
    $self->set_guard(@{ $option{guard} || [] });
    $self->{token} = $self->new_token;
    return $self;
}

# The plans of the statements that ran during code, as text, from PostgreSQL's log.
# It has those of other tests as well, so the server must be the file's own.
sub query_plans {
    my ($code, %option) = @_;
    server()->not_shared;
    my $log = "$server->{pgdata}/server.log";
    log_plans(0, $option{nested});
    my $start = -s $log;
    $code->();
    log_plans(-1);
    open my $in, '<', $log or die "$log: $!";
    seek $in, $start, 0;
    local $/;
    return grep { /LOG:  duration/ } split /^(?=\S+ \S+ \S+ \[\d+\] LOG:  duration)/m, scalar <$in>;
}

# A backend has read the new setting once it answers with it.
sub log_plans {
    my ($duration, $nested) = @_;
    my @as = (Scim::Server::pg('psql'), '-h', server()->{pghost}, '-U', 'postgres', '-d', 'scim', '-qAtX');
    server()->run(0, @as, '-c', "ALTER SYSTEM SET auto_explain.log_min_duration = $duration",
                  '-c', 'ALTER SYSTEM SET auto_explain.log_nested_statements = ' . ($nested ? 'on' : 'off'), '-c', 'SELECT pg_reload_conf()');
    Scim::Server::wait_until('the new setting', 10, sub {
        (sql('SELECT setting FROM pg_settings WHERE name = $1', 'auto_explain.log_min_duration'))[0][0] == $duration;
    });
}

sub event_count {
    my ($org) = @_;
    return (sql('SELECT count(*) FROM scim.event WHERE organization_id = $1', $org->{id}))[0][0];
}

sub error_log {
    open my $in, '<', server()->{error_log} or return '';
    local $/;
    return scalar <$in>;
}

sub is_error {
    my ($r, $status, $type, $name) = @_;
    return subtest $name => sub {
        is $r->{status}, $status, "status $status" or diag $r->{content};
        like $r->{headers}{'content-type'}, qr{^application/scim\+json}, 'a SCIM body';
        my $json = $r->{json} || {};
        is_deeply $json->{schemas}, [ERROR_URN], 'the Error schema';
        is $JSON->encode($json->{status} // 0), "\"$status\"", 'the status as a string';
        is $json->{scimType}, $type, 'the scimType';
        ok length($json->{detail} // ''), 'a detail';
    };
}

sub is_user {
    my ($r, $status, $expected, $name) = @_;
    return subtest $name => sub {
        is $r->{status}, $status, "status $status" or diag $r->{content};
        like $r->{headers}{'content-type'}, qr{^application/scim\+json}, 'media type';
        my $json = $r->{json} || {};
        ok $json->{id}, 'an id';
        for my $member (sort keys %$expected) {
            is_deeply $json->{$member}, $expected->{$member}, $member
                or diag $r->{content};
        }
    };
}

# A ListResponse with these userNames, in any order.
sub is_list {
    my ($r, $names, $name) = @_;
    return subtest $name => sub {
        is $r->{status}, 200, 'status 200' or diag $r->{content};
        is_deeply $r->{json}{schemas}, [LIST], 'a ListResponse';
        is_deeply [sort map { lc $_->{userName} } @{ $r->{json}{Resources} || [] }],
            [sort map { lc } @$names], 'the resources' or diag $r->{content};
        is $r->{json}{totalResults}, scalar @$names, 'totalResults';
    };
}

package Scim::Test::Org;
use strict;
use warnings;

sub path {
    my ($self, $profile) = @_;
    return ($LOCATION{ $profile || $self->{profile} } || "/$profile") . "/$self->{key}/v2";
}

sub url {
    my ($self, $profile) = @_;
    return Scim::Test::base_url($self->{transport} || $TRANSPORT) . $self->path($profile);
}

# The tables of version 5 have no guard.
sub set_guard {
    my ($self, $number, $percent) = @_;
    return Scim::Test::sql(<<'SQL', $self->{id}, $number, $percent);
SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'scim.organization'::regclass AND attname = 'guard_number') AS has_guard \gset
\if :has_guard
UPDATE scim.organization SET guard_number = $2, guard_percent = $3 WHERE id = $1;
\endif
SQL
}

sub new_token {
    my ($self, %option) = @_;
    my $token = 'scim_' . join '', map { sprintf '%02x', rand 256 } 1 .. 32;
    ($self->{token_id}) = @{ (Scim::Test::sql(<<'SQL', $self->{id},
INSERT INTO scim.token (organization_id, issuer, name, prefix, hash, expires_at)
VALUES ($1, $2, 'test', $3, decode($4, 'hex'), $5) RETURNING id;
SQL
        $option{issuer} || $self->{issuer}, substr($token, 0, 11),
        Digest::SHA::sha256_hex($token), $option{expires_at}))[0] };
    return $token;
}

# request($method, $path, body, headers => {...}, token, profile, target, how =>
# {...}): how has options of Scim::Http for the body.
sub request {
    my ($self, $method, $path, %option) = @_;
    my $token = exists $option{token} ? $option{token} : $self->{token};
    my %given = %{ $option{headers} || {} };
    my @headers;
    push @headers, Authorization => "Bearer $token" if defined $token && !$given{Authorization};
    my $body = $option{body};
    if (defined $body && !exists $given{'Content-Type'}) {
        push @headers, 'Content-Type' => 'application/scim+json; charset=utf-8';
    }
    push @headers, map { defined $given{$_} ? ($_ => $given{$_}) : () } sort keys %given;
    $body = $JSON->encode($body) if ref $body;
    my $target = $option{target} // $self->path($option{profile}) . $path;
    my $r = ($self->{http} || Scim::Test::http($self->{transport}))->request($method, $target, \@headers, $body, %{ $option{how} || {} });
    $r->{json} = eval { $READER->decode($r->{content}) } if length $r->{content};
    return $r;
}

sub get { my ($self, $path, %o) = @_; return $self->request(GET => $path, %o) }
sub delete { my ($self, $path, %o) = @_; return $self->request(DELETE => $path, %o) }
sub post { my ($self, $path, $body, %o) = @_; return $self->request(POST => $path, body => $body, %o) }
sub put { my ($self, $path, $body, %o) = @_; return $self->request(PUT => $path, body => $body, %o) }
sub patch { my ($self, $path, $body, %o) = @_; return $self->request(PATCH => $path, body => $body, %o) }

sub create {
    my ($self, %attributes) = @_;
    my $r = $self->post('/Users', { schemas => [Scim::Test::CORE()],
        userName => Scim::Test::user_name(), displayName => 'Test User', %attributes });
    die "create: $r->{content}" unless $r->{status} == 201;
    return $r->{json};
}

sub patch_ops {
    my ($self, $id, @operations) = @_;
    return $self->patch("/Users/$id", { schemas => [Scim::Test::PATCHOP()],
                                        Operations => \@operations });
}

sub filter {
    my ($self, $filter, $more) = @_;
    return $self->get('/Users?filter=' . Scim::Test::uri($filter) . ($more // ''));
}

sub version {
    my ($self, $id) = @_;
    return (Scim::Test::sql('SELECT version FROM scim.account WHERE id = $1', $id))[0][0];
}

1;
