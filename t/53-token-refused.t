# SPDX-License-Identifier: Apache-2.0
# A token that was deleted or has expired and is still used: its organization is told,
# by name; whoever sends it learns nothing, and wrong tokens write nothing.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use MIME::Base64 ();
use Scim::Process;
use Scim::Test;

own_server();
my $json = JSON::PP->new->utf8;
my ($org, $other) = (organization(), organization());

sub page {
    my ($method, $path) = @_;
    my $r = Scim::Test::http()->request($method, "/organizations/$org->{key}/api/$path",
        [Authorization => 'Basic ' . MIME::Base64::encode("$org->{issuer_name}:x", ''), Origin => server()->{url}]);
    return length $r->{content} ? $json->decode($r->{content}) : undef;
}
sub scimctl { return Scim::Process::run([server()->scimctl(@_)]) }
sub listed { my ($id) = @_; return (grep { $_->{id} eq $id } @{ page(GET => 'tokens')->{tokens} })[0] }
sub entries { return [grep { ($_->{status} // 0) == 401 } @{ page(GET => 'activity?outcome=refused')->{entries} }] }

# A token, with its secret, id and name
sub token {
    my ($name) = @_;
    my $secret = $org->new_token;
    my ($id) = map { $_->[0] } sql(q{SELECT id FROM scim.token WHERE organization_id = $1 ORDER BY created_at DESC, ctid DESC LIMIT 1}, $org->{id});
    sql('UPDATE scim.token SET name = $2 WHERE id = $1', $id, $name);
    return { secret => $secret, id => $id, name => $name };
}

# The note is made after the answer, or after a later one: while the process makes
# another note, for any organization, it makes none.
sub used {
    my ($token, $name) = @_;
    my $noted = sub { my $found = listed($token->{id}); return $found && $found->{refused} };
    my $ask = sub { return $org->get('/Users?count=1', token => $token->{secret}) };
    my $r = $ask->();
    is_error($r, 401, undef, $name);
    is $r->{json}{detail}, 'Authorization failure. invalid token.', 'in the words for any wrong token';
    Scim::Server::wait_until("$name: it is noted", 10, sub { Scim::Process::until_true(1, $noted) || !$ask->() });
    return;
}

# The entry in Activity, which is written afterwards
sub told {
    my ($token) = @_;
    my $entry;
    Scim::Server::wait_until("Activity tells of $token->{name}", 10, sub { ($entry) = grep { $_->{actor} eq $token->{name} } @{ entries() } });
    return $entry;
}

# Every way to delete one
my %DELETE = (
    'the page' => sub { page(DELETE => "tokens/$_[0]{id}") },
    'scimctl' => sub { scimctl('token', 'delete', $org->{key}, $_[0]{id}) },
    'SQL' => sub { sql('DELETE FROM scim.token WHERE id = $1', $_[0]{id}) },
    'the deletion of its issuer' => sub {
        my $issuer = $org->create(roles => [{ value => 'ADMIN' }]);
        sql('UPDATE scim.token SET issuer = $2 WHERE id = $1', $_[0]{id}, $issuer->{id});
        sql(q{UPDATE scim.token SET expires_at = now() - interval '1 minute' WHERE id = $1}, $_[0]{id});
        $org->delete("/Users/$issuer->{id}");
    },
);
for my $way (sort keys %DELETE) {
    my $token = token("by $way");
    $DELETE{$way}->($token);
    is listed($token->{id}), undef, "$way: a deleted token is not listed";
    used($token, "$way: it is still used");
    my $found = listed($token->{id});
    is_deeply [@$found{qw(name state deleted)}], [$token->{name}, 'deleted', TRUE], 'then it is listed, with its name';
    like $found->{deletedAt}, qr/^20/, 'and since when it is deleted';
    my $entry = told($token);
    is_deeply [@$entry{qw(actor method path)}], [$token->{name}, 'GET', "/$org->{key}/v2/Users"], 'Activity has the request, in the name of the token';
    like $entry->{detail}, qr/^The token '\Q$token->{name}\E' was deleted.* Generate a new one/, 'and what to do';
}
my @names = map { $_->{name} } grep { $_->{state} eq 'deleted' } @{ $json->decode(scimctl('--json', 'token', 'list', $org->{key})->{out}) };
is_deeply [sort @names], [map { "by $_" } sort keys %DELETE], 'token list has them';
is scimctl('token', 'delete', $org->{key}, 'by SQL')->{status}, 1, 'they cannot be deleted again';

# One that has expired
my $expired = token('expired');
sql(q{UPDATE scim.token SET expires_at = now() - interval '1 minute' WHERE id = $1}, $expired->{id});
used($expired, 'an expired token is still used');
is listed($expired->{id})->{state}, 'expired', 'it is listed as what it is';
like told($expired)->{detail}, qr/^The token 'expired' has expired.* Generate a new one/, 'Activity says so';
is listed($expired->{id})->{lastUsed}, undef, 'a use in vain is not its last use';

# How often.  A request of another token afterwards shows that the thread is done.
sub settled { sql('UPDATE scim.token SET refused_at = NULL WHERE id = $1', $expired->{id}); return used($expired, 'another errand') }
my $secret = token('again');
page(DELETE => "tokens/$secret->{id}");
used($secret, 'once more');
told($secret);
my $before = listed($secret->{id})->{refused};
$org->get('/Users', token => $secret->{secret}) for 1 .. 3;
settled();
is listed($secret->{id})->{refused}, $before, 'it is noted once a minute';
sql(q{UPDATE scim.deleted_token SET refused_at = now() - interval '5 minutes' WHERE id = $1}, $secret->{id});
used($secret, 'five minutes later');
Scim::Server::wait_until('it is noted again', 10, sub { listed($secret->{id})->{refused} ge $before });
is scalar(grep { $_->{actor} eq 'again' } @{ entries() }), 1, 'but Activity tells it once an hour';
sql(q{UPDATE scim.deleted_token SET refused_at = now() - interval '3 days' WHERE id = $1}, $secret->{id});
is listed($secret->{id}), undef, 'two days after its last use it is not listed any more';

# Whoever guesses writes nothing, and no other organization is told.
my @before = sql(q{SELECT (SELECT count(*) FROM scim.refusal), (SELECT max(xmin::text::bigint) FROM scim.deleted_token), (SELECT max(xmin::text::bigint) FROM scim.token)});
is $org->get('/Users', token => 'scim_' . sprintf '%064x', $_)->{status}, 401, 'a token that never was' for 1 .. 3;
is $other->get('/Users', token => $secret->{secret})->{status}, 401, 'a deleted one, of another organization';
select undef, undef, undef, 0.5;
is_deeply [sql(q{SELECT (SELECT count(*) FROM scim.refusal), (SELECT max(xmin::text::bigint) FROM scim.deleted_token), (SELECT max(xmin::text::bigint) FROM scim.token)})], \@before, 'write nothing';
unlike error_log(), qr/SCIM0155/, 'nothing of this fails';
unlike error_log(), qr/$secret->{secret}/, 'and no token is in the log';

# How many, and for how long
sql(q{INSERT INTO scim.token (organization_id, issuer, name, prefix, hash) SELECT $1, $2, 'many ' || n, 'scim_', sha256(n::text::bytea) FROM generate_series(1, 150) n}, $org->{id}, $org->{issuer});
sql(q{DELETE FROM scim.token WHERE organization_id = $1 AND name LIKE 'many %'}, $org->{id});
is +(sql('SELECT count(*) FROM scim.deleted_token WHERE organization_id = $1', $org->{id}))[0][0], 100, 'the latest hundred are kept';
is +(sql('SELECT count(*) FROM scim.deleted_token WHERE organization_id = $1', $other->{id}))[0][0], 0, 'of each organization';

# A move takes them along; a deletion of the organization leaves none.
my $moved = token('moved');
page(DELETE => "tokens/$moved->{id}");
my $file = scimctl('org', 'export', $org->{key})->{out};
is scimctl('org', 'delete', $org->{key}, '--yes')->{status}, 0, 'the organization is deleted';
is +(sql('SELECT count(*) FROM scim.deleted_token WHERE organization_id = $1', $org->{id}))[0][0], 0, 'with them';
my $import = Scim::Process::run([server()->scimctl('org', 'import')], input => $file);
is $import->{status}, 0, 'it comes back' or diag $import->{err};
used($moved, 'a token that was deleted before the move');
is listed($moved->{id})->{name}, 'moved', 'is still known';
done_testing;
