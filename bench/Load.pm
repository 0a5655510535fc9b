# SPDX-License-Identifier: Apache-2.0
# The load that bench/run and bench/compare put on a server: one organization with
# numbered accounts, the requests of an identity provider as scripts for wrk or one
# by one, and psql to create the rows that they need.
package Load;
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use Exporter qw(import);
use JSON::PP ();
use MIME::Base64 ();
use Scim::Http;
use Scim::Server;
use Time::HiRes ();

our @EXPORT_OK = qw($TOKEN $KEY $SMALL $SPREAD $ID_SQL %LUA lua psql load_accounts run_wrk wrk_rate gate_rate timed median);

our $TOKEN = 'scim_' . '5ca1ab1e' x 8;
our $KEY = 'bench';
our $SMALL = '{"title":"Engineer","emails":[{"type":"work","value":"work@example.com","primary":true}],'
    . '"name":{"givenName":"Given","familyName":"Family"},'
    . '"roles":[{"value":"USER","primary":true}],'
    . '"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Sales"}}';

# The id of account n can be computed, and is distributed like a random one.
our $SPREAD = 2654435761;
our $ID_SQL = "lpad(to_hex(N::bigint * $SPREAD % 4294967296), 8, '0') || '-0000-4000-8000-' || lpad(N::text, 12, '0')";
my $LUA = <<"LUA";
local n_max = MAX
local headers = { Authorization = "Bearer $TOKEN", ["Content-Type"] = "application/scim+json" }
local thread_count = 0
function setup(thread)
   thread:set("seed", os.time() * 7919 + thread_count * 104729)
   thread_count = thread_count + 1
end
function init() math.randomseed(seed) end
local function any() return math.random(1, n_max) end
-- Lua's numbers have 53 bits, too few for the product of a large n.
local function id_of(n)
   local high, low = math.floor(n / 4096), n % 4096
   return string.format("%08x-0000-4000-8000-%012d", (high * (4096 * $SPREAD % 4294967296) + low * $SPREAD) % 4294967296, n)
end
function response(status)
   if status >= 300 then print("status " .. status) end
end
LUA


# name => the requests that wrk sends
our %LUA = (
    match => 'function request() return wrk.format("GET", "/scim/bench/v2/Users?filter=userName+eq+%22account" .. any() .. "%40example.com%22", headers) end',
    emails => 'function request() return wrk.format("GET", "/scim/bench/v2/Users?filter=emails%5Btype+eq+%22work%22%5D.value+eq+%22account" .. any() .. "%40example.com%22", headers) end',
    get => 'function request() return wrk.format("GET", "/scim/bench/v2/Users/" .. id_of(any()), headers) end',
    patch => <<'LUA',
local round = 0
function request()
   round = round + 1
   local body = '{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Replace","path":"displayName","value":"Renamed ' .. round .. ' ' .. seed .. '"}]}'
   return wrk.format("PATCH", "/scim/bench/v2/Users/" .. id_of(any()), headers, body)
end
LUA
    post => <<'LUA',
local round = 0
function request()
   round = round + 1
   local name = "new" .. seed .. "x" .. round .. "@example.com"
   local body = '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"' .. name .. '","displayName":"New","externalId":"' .. name .. '","active":true,"name":{"givenName":"Given","familyName":"Family"},"emails":[{"type":"work","value":"' .. name .. '","primary":true}],"roles":[{"value":"USER","primary":true}]}'
   return wrk.format("POST", "/scim/bench/v2/Users", headers, body)
end
LUA
);

# A script for wrk on $count accounts.
sub lua {
    my ($text, $count) = @_;
    (my $all = $LUA . $text) =~ s/MAX/$count/;
    return $all;
}

sub psql {
    my ($server, $sql, $user) = @_;
    my @command = (Scim::Server::pg('psql'), '-h', $server->{pghost}, '-U', $user || $server->{pguser}, '-d', 'scim', '-qAtX',
                   '-v', 'ON_ERROR_STOP=1', '-c', $sql);
    open my $out, '-|', @command or die "psql: $!";
    my @lines = <$out>;
    close $out or die "psql failed\n";
    chomp @lines;
    return @lines;
}

# Bring the organization to $count accounts.
sub load_accounts {
    my ($server, $count) = @_;
    my $hash = sha256_hex($TOKEN);
    if (!psql($server, "SELECT 1 FROM scim.organization WHERE key = '$KEY'")) {
        psql($server, <<"SQL");
WITH o AS (INSERT INTO scim.organization (key, name, provisioning_enabled) VALUES ('$KEY', 'Bench', true) RETURNING id),
     a AS (INSERT INTO scim.account (organization_id, user_name, display_name, role)
           SELECT id, 'admin\@example.com', 'Administrator', 'ADMIN' FROM o RETURNING organization_id, id)
SELECT 1 FROM a;
INSERT INTO scim.token (organization_id, issuer, name, prefix, hash)
SELECT organization_id, id, 'bench', 'scim_5ca1ab', '\\x$hash' FROM scim.account WHERE user_name = 'admin\@example.com';
SQL
        # Measured are requests, not what is refused; older tables have no guard.
        if (psql($server, "SELECT 1 FROM pg_attribute WHERE attrelid = 'scim.organization'::regclass AND attname = 'guard_number'")) {
            psql($server, 'UPDATE scim.organization SET guard_number = NULL, guard_percent = NULL');
        }
    }
    my ($have) = psql($server, "SELECT count(*) FROM scim.account WHERE user_name LIKE 'account%'");
    my $id_of_n = $ID_SQL;
    $id_of_n =~ s/N\b/n/g;
    psql($server, <<"SQL");
INSERT INTO scim.account (organization_id, id, user_name, display_name, external_id, role, provisioned_at, attributes)
SELECT o.id, ($id_of_n)::uuid, 'account' || n || '\@example.com', 'Account ' || n, 'external' || n, 'USER', now(),
       jsonb_set('$SMALL', '{emails,0,value}', to_jsonb('account' || n || '\@example.com'))
FROM scim.organization o, generate_series($have + 1, $count) n WHERE o.key = '$KEY';
SQL
    psql($server, 'VACUUM ANALYZE scim.account');
    psql($server, 'CHECKPOINT', 'postgres');
}

# (requests/s, p50 in ms, p99 in ms)
sub run_wrk {
    my ($server, $lua, $clients, $seconds) = @_;
    my $command = "wrk -t2 -c$clients -d${seconds}s --latency -s $lua $server->{url} 2>&1";
    my $text = qx($command);
    if ($text =~ /Non-2xx/) {
        my %seen;
        die "$command\n", grep { !$seen{$_}++ } split /^/m, $text;
    }
    my ($rate) = $text =~ /Requests\/sec:\s*([\d.]+)/ or die $text;
    my @percentiles = map { $text =~ /^\s*$_%\s+([\d.]+)(us|ms|s)/m ? $1 * { us => 0.001, ms => 1, s => 1000 }->{$2} : 0 } 50, 99;
    return ($rate, @percentiles);
}

# Requests/s of a script, whose files are named after it.  The options are those of
# bench/run.
sub wrk_rate {
    my ($server, $option, $name, $count, $lua) = @_;
    Scim::Server::write_file("$server->{dir}/$name.lua", lua($lua, $count));
    return (run_wrk($server, "$server->{dir}/$name.lua", @{$option}{qw(clients seconds)}))[0];
}

# The rate of the file behind one kind of Require, for $people people in turn.
sub gate_rate {
    my ($server, $option, $kind, $people) = @_;
    my @people = map { my $name = MIME::Base64::encode("account$_\@example.com:x", ''); "\"Basic $name\"" } 1 .. $people;
    my $lua = "local people = {" . join(',', @people) . "}\n" . <<"LUA";
function request()
   return wrk.format("GET", "/gate/$kind/file.txt", { Authorization = people[any()] })
end
LUA
    return wrk_rate($server, $option, "gate-$kind", $people, $lua);
}

my %connection;

# One request on a kept connection: (seconds, content of the answer).  The body is
# text or data.
sub timed {
    my ($server, $method, $path, $body) = @_;
    my $http = $connection{ $server->{url} } ||= Scim::Http->new($server->{url});
    my $text = ref $body ? JSON::PP::encode_json($body) : $body;
    my @headers = (Authorization => "Bearer $TOKEN", 'Content-Type' => 'application/scim+json');
    my $start = Time::HiRes::time();
    my $r = $http->request($method, "/scim/$KEY/v2$path", \@headers, $text);
    my $seconds = Time::HiRes::time() - $start;
    $r->{status} < 300 or die "$method $path: $r->{status} $r->{content}\n";
    return ($seconds, $r->{content});
}

sub median { my @sorted = sort { $a <=> $b } @_; return $sorted[@sorted / 2] }

1;
