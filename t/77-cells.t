# SPDX-License-Identifier: Apache-2.0
# examples/cells/ with two PostgreSQL clusters: each organization is served by its own,
# and moves to the other one while identity providers write, without a lost or doubled
# write, or an event that is.  SCIM_TEST_LARGE=1: with 100,000 accounts.
use strict;
use warnings;
use lib 't/lib';
use Encode qw(decode_utf8);
use File::Temp ();
use JSON::PP ();
use MIME::Base64 ();
use Scim::Example;
use Scim::Http;
use Scim::Journal;
use Scim::Process;
use Scim::Test;
use Time::HiRes qw(sleep time);

my $MANY = $ENV{SCIM_TEST_LARGE} ? 100_000 : 2000;
my $here = own_server();           # it is under load
my $there = Scim::Server->new(dir => File::Temp::tempdir('scim-there-XXXXXX', TMPDIR => 1, CLEANUP => 1), initdb => ['--locale-provider=icu', '--icu-locale=en-US']);
$there->prepare_folders;
$there->start_database;
END { my $status = $?; $there->stop_database if $there; $? = $status }

my @ports = map { Scim::Server::free_port() } 1, 2;
my $example = Scim::Example->new('cells', HOST => '127.0.0.1', CELL1_PORT => $ports[0], CELL2_PORT => $ports[1],
    map { ("CELL$_->[0]_DATABASE" => "\"host=$_->[1]{pghost} dbname=scim user=scim\"") } [1, $here], [2, $there]);
my $org = organization();
my $gone = organization();          # it moves first
$example->command('htpasswd', '-bBc', 'passwords', $org->{issuer_name}, 'secret');
$example->command('htpasswd', '-bB', 'passwords', $gone->{issuer_name}, 'secret');
my $map = "$example->{dir}/files/cells.map";
# A while after the one before, so that its time is another one.
sub write_map { sleep 0.05; Scim::Server::write_file("$map.new", $_[0]); rename "$map.new", $map or die "$!\n" }
sub route {
    my (%port) = ('-' => $ports[0], @_);
    write_map(join '', map { "$_ http://127.0.0.1:$port{$_}\n" } sort keys %port);
}
route();
$example->start;
local $ENV{SSL_CERT_FILE} = "$example->{dir}/files/tls.crt";
my $front = Scim::Http->new($example->{url});
my $there_conninfo = "host=$there->{pghost} dbname=scim user=scim_owner";

sub at {
    my ($server, @arguments) = @_;
    my $done = Scim::Process::run([$server->scimctl(@arguments)], limit => 280);
    return ($done->{status}, $done->{out}, decode_utf8($done->{err}));
}
sub move { my ($of, @more) = @_; return at($here, 'org', 'move', $of->{key}, '--to', $there_conninfo, @more) }
sub sql_there {
    my ($statement) = @_;
    my $done = Scim::Process::run([$there->psql('-qAtX', '-F', "\t", '-v', 'ON_ERROR_STOP=1', '-c', $statement)]);
    die $done->{err} if $done->{status};
    return map { [split /\t/, $_, -1] } split /\n/, $done->{out};
}
sub scim { my ($of, $path, %header) = @_; return $front->request(GET => "/scim/$of->{key}/v2$path", [Authorization => "Bearer $of->{token}", %header], undef) }
sub page { my ($of, $path) = @_; return $front->request(GET => "/organizations/$of->{key}/$path", [Authorization => 'Basic ' . MIME::Base64::encode("$of->{issuer_name}:secret", '')], undef) }
# The port that has served the last request of such a path, and for whom.
sub served {
    my ($path) = @_;
    my @lines;
    Scim::Process::until_true(10, sub {
        open my $in, '<', "$example->{dir}/logs/access_log" or die "$!\n";
        @lines = grep { /"GET \Q$path\E[ ?].* (\d+)$/ } <$in>;
        return @lines >= 2;         # of the front and of the cell
    });
    return { map { /^(\S+) .* (\d+)$/ ? ($2 => $1) : () } @lines };
}

# Routing
is scim($org, '/Users')->{status}, 200, 'an organization without a line in the map is in the first cell';
like scim($org, '/Users')->{content}, qr{"location":"\Q$example->{url}\E/scim/$org->{key}/v2/Users/}, 'its resources have the public address';
is page($org, '')->{status}, 200, 'and so is its settings page';
like page($org, 'api/settings')->{content}, qr{"\Q$example->{url}\E/scim/$org->{key}/v2"}, 'which shows the public SCIM URL';
is_deeply [sort keys %{ served("/scim/$org->{key}/v2/Users") }], [sort $example->{define}{PORT}, $ports[0]], 'the first cell has served it';
my $stranger = { key => random_name(), token => $org->{token}, issuer_name => $org->{issuer_name} };
is_error(do { my $r = scim($stranger, '/Users'); $r->{json} = eval { JSON::PP::decode_json($r->{content}) }; $r }, 401, undef, 'an unknown organization: 401, as without cells');
is page($stranger, '')->{status}, page({ %$stranger, issuer_name => $gone->{issuer_name} }, '')->{status}, 'and its page is refused by the cell';
is $front->request(GET => $_, [], undef)->{status}, 403, "$_: nothing is served" for '/', '/server-status', '/scimx/acme/v2';
is scim($org, '/Users/a%3Fb')->{status}, 404, 'a path with an encoded question mark is of nothing';
is scim($org, '/Users?filter=' . uri("userName eq \"$org->{issuer_name}\""))->{status}, 200, 'a filter arrives as it was sent';
for my $line ("127.0.0.1:$ports[0]", "htp://127.0.0.1:$ports[0]", "http://127.0.0.1:$ports[0]/scim") {
    write_map("- http://127.0.0.1:$ports[0]\n$org->{key} $line\n");
    is scim($org, '/Users')->{status}, 503, "'$line' in the map: 503";
    is scim($gone, '/Users')->{status}, 200, 'for that organization alone';
}
write_map("- http://127.0.0.1:$ports[0]\n$org->{key} http://127.0.0.1:$ports[0]/\n");
is scim($org, '/Users')->{status}, 200, 'a slash at the end does no harm';
write_map('');
is scim($org, '/Users')->{status}, 503, 'a map that has nothing, as one that cannot be read: 503';
is page($org, '')->{status}, 503, 'and so is the settings page';
route();
is $front->request(GET => "/scim/$org->{key}/v2/Users", ['X-Forwarded-For' => '192.0.2.7', Authorization => 'Bearer scim_x'], undef)->{status}, 401, 'a wrong token';

# An organization with accounts, groups of a hundred and an event each
for (my $n = 0; $n < $MANY; $n += 2000) {
    sql(q{INSERT INTO scim.account (organization_id, user_name, display_name, attributes)
          SELECT $1, 'user' || n || '@example.com', 'User ' || n, jsonb_build_object('nickName', repeat('x', 200), 'emails', jsonb_build_array(jsonb_build_object('value', 'mail' || n || '@example.com')))
          FROM generate_series($2::int + 1, $2::int + 2000) n}, $org->{id}, $n);
}
sql(q{INSERT INTO scim.user_group (organization_id, display_name) SELECT $1, 'Group ' || n FROM generate_series(1, $2::int / 100) n;
      INSERT INTO scim.membership (organization_id, group_id, account_id)
      SELECT $1, g.id, a.id
      FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM scim.account WHERE organization_id = $1) a
      JOIN (SELECT id, row_number() OVER (ORDER BY id) AS n FROM scim.user_group WHERE organization_id = $1) g ON g.n = a.n % ($2::int / 100) + 1}, $org->{id}, $MANY);
sql(q{INSERT INTO scim.event (organization_id, account_id, kind, actor_kind, actor_name, version, data)
      SELECT organization_id, id, 'urn:ietf:params:scim:event:prov:create:full', 'operator', 'test', 1, jsonb_build_object('after', attributes) FROM scim.account WHERE organization_id = $1}, $org->{id});
sql('ANALYZE scim.account, scim.event, scim.membership');
my %first = map { @$_ } sql('SELECT id, version FROM scim.account WHERE organization_id = $1', $org->{id});

# A reader of the feed, which stores where it is
my (@read, $position);
sub read_on {
    my ($server) = @_;
    my $file = File::Temp->new;
    return { file => $file, process => Scim::Process->start([$server->scimctl('--json', 'events', $org->{key}, '--follow', $position ? ('--after', $position) : ())], out => "$file", err => '/dev/null') };
}
sub ids_in { my ($text) = @_; return $text =~ /^\{.*?"id": "([^"]+)"/mg }
sub content { open my $in, '<', $_[0] or die "$_[0]: $!\n"; local $/; return scalar <$in> }
# Until it has read this event.
sub end_reading {
    my ($reader, $last) = @_;
    Scim::Server::wait_until("event $last is read", 120, sub { (ids_in(content($reader->{file})))[-1] // '' eq $last });
    $reader->{process}->stop;
    my $text = content($reader->{file});
    push @read, ids_in($text);
    ($position) = ($text =~ /"position": "([^"]+)"/g)[-1];
}
sub last_event { my ($server) = @_; return (ids_in((at($server, '--json', 'events', $org->{key}))[1]))[-1] }

# Under load
my $reader = read_on($here);
my $journal = Scim::Journal->start($org, writers => 4, url => $example->{url});
my $members = Scim::Process->start(sub {
    my $http = $org->{http} = Scim::Http->new($example->{url});
    my ($group) = map { $_->{id} } @{ $org->get('/Groups?count=1')->{json}{Resources} };
    my ($id) = keys %first;
    my $going = 1;
    local $SIG{TERM} = sub { $going = 0 };
    while ($going) {
        for my $op ('add', 'remove') {
            my $r = $org->patch("/Groups/$group", { schemas => [PATCHOP], Operations => [{ op => $op, $op eq 'add' ? (path => 'members', value => [{ value => $id }]) : (path => "members[value eq \"$id\"]") }] });
            sleep 0.2 if $r->{status} == 503;
        }
    }
});
$journal->wait_for(50);
my $begin = time;
my ($status, $out, $err) = move($org, '--json');
my $copied = time - $begin;
is "$status$err", '0', 'it is copied under load';
my $rows = JSON::PP::decode_json($out)->{rows};
cmp_ok $rows->{accounts}, '>', $MANY, 'with all accounts';
my @direct = map { Scim::Http->new("http://127.0.0.1:$_") } @ports;
sub direct { my ($cell, $method) = @_; return $direct[$cell]->request($method || 'GET', "/scim/$org->{key}/v2/Users", [Authorization => "Bearer $org->{token}", 'Content-Type' => 'application/scim+json'], $method ? '{"userName":"x@example.com"}' : undef) }
for my $case ([0, 'the old'], [1, 'the new']) {
    for my $method (undef, 'POST') {
        my $r = direct($case->[0], $method);
        is $r->{status}, 503, 'in between, ' . ($method || 'GET') . " is put off by $case->[1] cell" or diag $r->{content};
        is $r->{headers}{'retry-after'}, 300, 'with Retry-After';
    }
}
is page($org, 'api/members')->{status}, 200, 'administrators see their members';
end_reading($reader, last_event($here));
$reader = read_on($there);
route($org->{key} => $ports[1]);
is scim($org, '/Users')->{status}, 503, 'the map leads to the new cell, which waits';
my $finish = time;
($status, $out, $err) = move($org, '--finish');
my $finished = time - $finish;
is "$status$err", '0', 'and is told to go on';
my $paused = time - $begin;
like $out, qr/is moved.*org delete/s, 'what is left to do';
is direct(0)->{status}, 503, 'who still comes to the old cell is put off';
is scim($org, '/Users')->{status}, 200, 'all others are served';
is page($org, '')->{status}, 200, 'and so is the settings page';
$journal->wait_for(50);
kill TERM => $members->{pid};
$members->wait;
my $audit = $journal->stop->audit($there, others => 1);
is_deeply $audit->faults, {}, 'every acknowledged write is there once, and nothing else' or diag explain $audit->faults;
cmp_ok $audit->count('unavailable'), '>', 0, 'some had to be sent again';
is $audit->count('unanswered'), 0, 'none was without an answer';
end_reading($reader, last_event($there));
my @all = ids_in((at($there, '--json', 'events', $org->{key}))[1]);
is scalar @read, scalar @all, 'a reader of the feed gets as many events as there are';
is_deeply [sort @read], [sort @all], 'each of them once';
my %now = map { @$_ } sql_there("SELECT id, version FROM scim.account WHERE organization_id = '$org->{id}'");
is_deeply [grep { ($now{$_} // '') ne $first{$_} } sort keys %first], [], 'ids and versions are those of before';
diag sprintf '%d accounts, %d rows: copied in %.1f s (%d rows/s), finished in %.1f s; no write for %.1f s (the clients: %.1f s); %d writes acknowledged, %d put off, 0 lost or doubled; %d events read',
    $rows->{accounts}, eval { my $n = 0; $n += $_ for values %$rows; $n }, $copied, eval { my $n = 0; $n += $_ for values %$rows; $n / $copied }, $finished, $paused, $audit->{gap}, $audit->count('acknowledged'), $audit->count('unavailable'), scalar @read;
my $took = time;
is +(at($here, 'org', 'delete', $org->{key}, '--yes'))[0], 0, 'what is left in the old cell is deleted';
diag sprintf 'deleted in %.1f s', time - $took;
is direct(0)->{status}, 401, 'which does not know it any more';
is scim($gone, '/Users')->{status}, 200, 'other organizations stay where they are';

$example->stop;
done_testing;
