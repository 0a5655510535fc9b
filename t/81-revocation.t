# SPDX-License-Identifier: Apache-2.0
# A revocation is a barrier: once it is acknowledged, nothing more is written in the
# name of the token, even by requests in progress.  SCIM_TEST_ROUNDS=20 for longer.
use strict;
use warnings;
use lib 't/lib';
use MIME::Base64 ();
use Scim::Process;
use Scim::Test;
use Time::HiRes qw(sleep time);

my $server = own_server();      # its connections and locks are read
my $ROUNDS = $ENV{SCIM_TEST_ROUNDS} || 1;
my $OPERATIONS = 1000;
my $CLIENTS = 4;

# An open session: send it a statement, and read its next line.
sub session { return Scim::Process->start([$server->psql('-qAtX', '-F', ' ')], in => 'pipe', out => 'pipe', err => 'out') }
sub ask { my ($session, $sql) = @_; $session->say($sql); return $session->line }
my $look = session();
sub written { my ($org) = @_; return ask($look, "SELECT count(*), coalesce(max(sequence), 0) FROM scim.event WHERE actor_kind = 'token' AND actor_id = '$org->{token_id}';") }

# Ways to revoke a token: actor => [status afterwards, code].
sub page {
    my ($org, $method, $path, $body) = @_;
    my $r = Scim::Http->new($server->{plain_url})->request($method, "/organizations/$org->{key}/api/$path",
        [Authorization => 'Basic ' . MIME::Base64::encode("$org->{issuer_name}:x", ''), Origin => $server->{plain_url},
         'Content-Type' => 'application/json'], $body);
    die "$method $path: $r->{status} $r->{content}\n" unless $r->{status} =~ /^20[04]\z/;
}
sub scimctl {
    my $done = Scim::Process::run([$server->scimctl(@_)]);
    die "scimctl @_: $done->{err}\n" if $done->{status};
}
sub sql_now { my ($sql) = @_; my $said = ask(my $session = session(), "$sql; SELECT 'done';"); $session->stop; die "$said\n" if $said ne 'done' }
my %END = (
    'the page deletes the token' => [401, sub { page($_[0], DELETE => "tokens/$_[0]{token_id}") }],
    'scimctl deletes the token' => [401, sub { scimctl('token', 'delete', $_[0]{key}, $_[0]{token_id}) }],
    'SQL deletes the token' => [401, sub { sql_now("DELETE FROM scim.token WHERE id = '$_[0]{token_id}'") }],
    'SQL ends the token' => [401, sub { sql_now("UPDATE scim.token SET expires_at = now() WHERE id = '$_[0]{token_id}'") }],
    'the page switches provisioning off' => [403, sub { page($_[0], PUT => 'settings', '{"enabled":false}') }],
    'scimctl switches provisioning off' => [403, sub { scimctl('org', 'disable', $_[0]{key}) }],
    'the page pauses provisioning' => [503, sub { page($_[0], PUT => 'settings', '{"state":"paused"}') }],
    'scimctl pauses provisioning' => [503, sub { scimctl('org', 'pause', $_[0]{key}) }],
    'SQL pauses provisioning' => [503, sub { sql_now("UPDATE scim.organization SET provisioning_paused = true WHERE id = '$_[0]{id}'") }],
    'SQL switches provisioning off' => [403, sub { sql_now("UPDATE scim.organization SET provisioning_enabled = false WHERE id = '$_[0]{id}'") }],
);
my %SENTENCE = (401 => 'Authorization failure. invalid token.', 403 => 'User provisioning is disabled for this organization.',
                503 => 'Provisioning is paused by an administrator; try again later.');

# Requests that stop in the middle of their bodies, and are finished later.
sub user { return { schemas => [CORE], userName => user_name(), displayName => 'Slow' } }
sub slow_requests {
    my ($org, @ids) = @_;
    my @requests;
    for (1 .. 6) {
        my $patch = { schemas => [PATCHOP], Operations => [{ op => 'replace', path => 'title', value => random_name() }] };
        push @requests, [POST => '/Users', user()], [PUT => "/Users/$ids[0]", { %{ user() }, userName => user_name() }],
            [PATCH => "/Users/$ids[1]", $patch], [DELETE => '/Users/' . shift @{ $org->{leavers} }, {}],
            [POST => '/Bulk', { schemas => [BULK], Operations => [{ method => 'POST', path => '/Users', bulkId => 'x', data => user() }] }],
            [POST => '/Users/.search', { filter => 'active eq true' }];
    }
    return map { begin($org, @$_) } @requests;
}

sub begin {
    my ($org, $method, $path, $body) = @_;
    my $text = JSON::PP::encode_json($body);
    my $http = Scim::Http->new($server->{plain_url});
    my $half = int(length($text) / 2);
    $http->send_only("$method " . $org->path . "$path HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $org->{token}\r\n"
                     . "Content-Type: application/scim+json\r\nContent-Length: " . length($text) . "\r\n\r\n" . substr $text, 0, $half);
    return { http => $http, rest => substr($text, $half), method => $method, path => $path };
}

sub finish {
    my ($request) = @_;
    $request->{http}{socket}->syswrite($request->{rest});
    return $request->{http}->answer($request->{method});
}

# Create and change until a request is refused; returns that answer.
sub client {
    my ($org) = @_;
    srand $$;
    my $r;
    do {
        $r = $org->post('/Users', user());
        $r = $org->patch_ops($r->{json}{id}, { op => 'replace', path => 'title', value => 'x' }) if $r->{status} == 201;
    } while $r->{status} == 200;
    print "$r->{status} ", $r->{json}{detail} // '', "\n";
}

# Again, with requests that succeeded before the revocation.
sub bulk {
    my ($org, $operation) = @_;
    return Scim::Process->start(sub {
        srand $$;
        my ($r, %count);
        do {
            $r = $org->post('/Bulk', { schemas => [BULK], Operations => [map { $operation->($_) } 1 .. $OPERATIONS] });
            %count = ();
            $count{ $_->{status} }++ for @{ $r->{json}{Operations} || [] };
        } while ($count{200} // $count{201} // 0) == $OPERATIONS;
        print join(' ', $r->{status}, map { "$_:$count{$_}" } sort keys %count), "\n";
    }, out => 'pipe');
}

sub round {
    my ($how, $status, $end) = @_;
    my $org = organization();
    my @ids = map { $org->create->{id} } 1 .. 8;
    $org->{leavers} = [splice @ids, 2];
    my @slow = slow_requests($org, @ids);
    my @clients = map { Scim::Process->start(sub { client($org) }, out => 'pipe') } 1 .. $CLIENTS;
    my $changes = bulk($org, sub { return { method => 'PATCH', path => "/Users/$ids[1]", data => { schemas => [PATCHOP],
        Operations => [{ op => 'replace', path => 'nickName', value => "$_[0]" }] } } });
    Scim::Server::wait_until('a bulk request of changes is under way', 30, sub {
        ask($look, "SELECT count(*) FROM scim.event WHERE account_id = '$ids[1]' AND attributes = '{nickName}';") > 5 });
    my $creations = bulk($org, sub { return { method => 'POST', path => '/Users', bulkId => "b$_[0]", data => { %{ user() }, displayName => 'Bulk' } } });
    Scim::Server::wait_until('one of creations is, too', 30, sub {
        ask($look, "SELECT count(*) FROM scim.account WHERE organization_id = '$org->{id}' AND display_name = 'Bulk';") > 50 });
    my $asked = time;
    $end->($org);
    my $after = written($org);
    cmp_ok time - $asked, '<', 5, "$how: it is done at once";
    my @slow_answers = map { finish($_) } @slow;
    my @client_answers = map { $_->line } @clients;
    my @bulk_answers = map { $_->line } $creations, $changes;
    $_->wait for @clients, $creations, $changes;
    is written($org), $after, "$how: nothing more is written";
    is_deeply [map { "$slow[$_]{method} $slow[$_]{path}: $slow_answers[$_]{status}" } grep { $slow_answers[$_]{status} != $status } 0 .. $#slow],
        [], "$how: who sends a body until then is answered $status";
    is_deeply [grep { $_ ne "$status $SENTENCE{$status}" } @client_answers], [], "$how: so is who comes again and again";
    like $bulk_answers[0], qr/^(?:200 (?:201:\d+ )?$status:\d+|$status)$/, "$how: of the creations of a bulk request the rest is $status";
    like $bulk_answers[1], qr/^(?:200 (?:200:\d+ )?$status:\d+|$status)$/, "$how: of its changes, too";
    cmp_ok +(sql('SELECT count(*) FROM scim.refusal WHERE organization_id = $1 AND path LIKE $2', $org->{id}, '%/Users%'))[0][0],
        '<=', @slow + $CLIENTS + 2, "$how: Activity tells it once a request";
}

for my $number (1 .. $ROUNDS) {
    round($_, @{ $END{$_} }) for sort keys %END;
}

# An expiry that was set before
my $org = organization();
$org->{token} = $org->new_token(expires_at => (sql(q{SELECT now() + interval '2 seconds'}))[0][0]);
my $client = Scim::Process->start(sub { client($org) }, out => 'pipe');
is $client->line, "401 $SENTENCE{401}", 'a token that ends is refused then';
is_deeply [sql('SELECT e.sequence FROM scim.event e JOIN scim.token t ON t.id = e.actor_id WHERE t.id = $1 AND e.occurred_at > t.expires_at', $org->{token_id})],
    [], 'and nothing was written after its end';       # in whole milliseconds
cmp_ok event_count($org), '>', 10, 'but before';

# No gap, step by step: an event of the token and its revocation, in both orders.
sub is_waiting { my ($session, $name) = @_; sleep 0.2; $session->look; is $session->{text}, '', $name; return }
sub event { return "INSERT INTO scim.event (organization_id, kind, actor_kind, actor_id, actor_name) VALUES ('$_[0]{id}', 'test', 'token', '$_[0]{token_id}', 'x');" }
my %revocation = (
    'deletion' => sub { "DELETE FROM scim.token WHERE id = '$_[0]{token_id}';" },
    'end' => sub { "UPDATE scim.token SET expires_at = now() WHERE id = '$_[0]{token_id}';" },
    'pause' => sub { "UPDATE scim.organization SET provisioning_paused = true WHERE id = '$_[0]{id}';" },
    'switch' => sub { "UPDATE scim.organization SET provisioning_enabled = false WHERE id = '$_[0]{id}';" },
);
for my $name (sort keys %revocation) {
    my ($writer, $revoker) = (session(), session());
    my $statement = $revocation{$name}->($org = organization());
    $writer->say('BEGIN; ' . event($org));
    is ask($writer, "SELECT 'written';"), 'written', "$name: a write is under way";
    $revoker->say("$statement SELECT 'acknowledged';");
    is_waiting($revoker, "$name: the acknowledgement waits for it");
    is ask($writer, "COMMIT; SELECT 'committed';"), 'committed', "$name: it is committed";
    is $revoker->line, 'acknowledged', "$name: then it is acknowledged";

    $statement = $revocation{$name}->($org = organization());
    is ask($revoker, "BEGIN; $statement SELECT 'revoked';"), 'revoked', "$name: a revocation is under way";
    $writer->say(event($org));
    is_waiting($writer, "$name: a write waits for it");
    $revoker->say('COMMIT;');
    like $writer->line, qr/ERROR:.*(?:not valid any more|switched off|is paused)/, "$name: and is refused, although it began before the commit";
    $_->stop for $writer, $revoker;

    ($writer, $revoker) = (session(), session());
    $statement = $revocation{$name}->($org = organization());
    is ask($revoker, "BEGIN; $statement SELECT 'revoked';"), 'revoked', "$name: another one";
    $writer->say(event($org) . " SELECT 'written';");
    is_waiting($writer, "$name: a write waits for it");
    $revoker->say('ROLLBACK;');
    is $writer->line, 'written', "$name: and is made when it was not meant";
    $_->stop for $writer, $revoker;
}

# Sessions that a revocation does not affect
$org = organization();
my $user = $org->create;
my $other = organization();
my $holder = session();
sql(q{UPDATE scim.token SET last_used_at = now() - interval '1 hour' WHERE id = $1}, $org->{token_id});
is ask($holder, "BEGIN; DELETE FROM scim.token WHERE id = '$org->{token_id}'; SELECT 'revoked';"), 'revoked', 'while a token is being deleted';
my $asked = time;
is $org->get("/Users/$user->{id}")->{status}, 200, 'it reads';
cmp_ok time - $asked, '<', 1, 'without waiting, its use is just not recorded';
is $other->post('/Users', user())->{status}, 201, 'another organization writes';
my $held = $org->post('/Users', user());
is_error($held, 503, undef, 'a write of the token waits, but not for long');
like $held->{headers}{'retry-after'}, qr/^[1-9]\d*$/, 'and is told when to come again';
is ask($holder, "COMMIT; SELECT 'acknowledged';"), 'acknowledged', 'when it is deleted';
$holder->stop;
is_error($org->post('/Users', user()), 401, undef, 'it is refused');
is_deeply [sql(q{INSERT INTO scim.event (organization_id, transaction_id, kind, actor_kind, actor_id, actor_name)
                 VALUES ($1, '0', 'test', 'token', $2, 'x') RETURNING actor_name}, $org->{id}, $org->{token_id})], [['x']],
    'an event of the past is taken from a dump';
scimctl('org', 'disable', $other->{key});
my $done = Scim::Process::run([$server->scimctl('account', 'import', $other->{key}, '/dev/stdin')], input => "userName,displayName\n" . user_name() . ",Imported\n");
is $done->{status}, 0, 'the operator imports while provisioning is off' or diag $done->{err};
page($other, GET => 'settings');
done_testing;
