# SPDX-License-Identifier: Apache-2.0
# The exchanges EX1 to EX12 of clients.md, request by request, as Entra
# ID sends them: no User-Agent, no Accept, blanks as plus signs.
use strict;
use warnings;
use lib 't/lib';
use Scim::Test;

my $org = organization(language => 'ja', timezone => 'Asia/Tokyo');
my @entra = (headers => { ADSCIMVersion => '6.0' });

sub match {
    my ($user_name) = @_;
    return $org->get('/Users?filter=userName+eq+%22' . uri($user_name) . '%22', @entra);
}

sub change {
    my ($id, @operations) = @_;
    return $org->patch("/Users/$id", { Operations => \@operations, schemas => [PATCHOP] }, @entra);
}

# EX1
my $probe = match('7d420df3-9995-4831-a406-ecf8166f5f6a');
is $probe->{status}, 200, 'EX1: Test Connection succeeds';
is_deeply $probe->{json}, { schemas => [LIST], totalResults => 0, startIndex => 1, itemsPerPage => 0,
                            Resources => [] }, 'EX1: with an empty ListResponse';
like $probe->{headers}{'content-type'}, qr{^application/scim\+json}, 'EX1: of the right media type';

# EX2
my $wrong = $org->get('/Users?filter=userName+eq+%22x%22', token => 'wrong');
is_error($wrong, 401, undef, 'EX2: Test Connection with a wrong token');
like $wrong->{headers}{'www-authenticate'}, qr/^Bearer /, 'EX2: has a challenge';

# EX3
is match('taro@example.com')->{json}{totalResults}, 0, 'EX3: nobody of that name yet';
my $created = $org->post('/Users', {
    schemas => [CORE, ENT], externalId => 'taro', userName => 'taro@example.com', active => TRUE,
    displayName => 'Taro Yamada', preferredLanguage => 'ja', timezone => 'Asia/Tokyo',
    meta => { resourceType => 'User' },
    roles => [{ primary => TRUE, type => 'WindowsAzureActiveDirectoryRole', value => 'USER' }] }, @entra);
is_user($created, 201, { externalId => 'taro', userName => 'taro@example.com', active => TRUE,
    displayName => 'Taro Yamada', preferredLanguage => 'ja', timezone => 'Asia/Tokyo', schemas => [CORE],
    roles => [{ value => 'USER', type => 'WindowsAzureActiveDirectoryRole', primary => TRUE }] },
    'EX3: assigning a new user creates the account');
my $id = $created->{json}{id};
is $created->{headers}{location}, $org->url . "/Users/$id", 'EX3: with its Location';

# EX4
sql(q{INSERT INTO scim.account (organization_id, user_name, display_name, active)
      VALUES ($1, 'imported@example.com', 'Imported', false)}, $org->{id});
my $found = match('Imported@Example.com');
is $found->{json}{totalResults}, 1, 'EX4: an imported, suspended account is matched';
my $imported = $found->{json}{Resources}[0];
is $imported->{active}, FALSE, 'EX4: and seen to be inactive';
is_user(change($imported->{id}, { op => 'Add', path => 'externalId', value => 'imp' },
                                { op => 'Replace', path => 'active', value => 'True' }),
    200, { externalId => 'imp', active => TRUE }, 'EX4: the differences are patched');
is_deeply [sql('SELECT provisioned_at IS NOT NULL FROM scim.account WHERE id = $1', $imported->{id})], [['t']],
    'EX4: it is a Provisioned Managed Account now';

# EX5
is_user($org->get("/Users/$id", @entra), 200, { displayName => 'Taro Yamada' }, 'EX5: read before the change');
is_user(change($id, { op => 'Replace', path => 'displayName', value => 'Taro Y.' },
                    { op => 'Replace', path => 'preferredLanguage', value => 'en' },
                    { op => 'Add', path => 'timezone', value => 'Asia/Tokyo' }),
    200, { displayName => 'Taro Y.', preferredLanguage => 'ja', timezone => 'Asia/Tokyo' },
    'EX5: a new name; the language stays as it was at creation');

# EX6
is_user(change($id, { op => 'replace', value => { displayName => 'Taro Z.', preferredLanguage => 'en' } },
                    { op => 'add', value => { timezone => 'Asia/Tokyo' } }),
    200, { displayName => 'Taro Z.', preferredLanguage => 'ja' }, 'EX6: the same with the flag');

# EX7
my $json_role = '{"id":"06b0","value":"ADMIN","displayName":"Administrator"}';
for my $form (['E39', { op => 'Add', path => 'roles', value => [{ value => $json_role }] }],
              ['E40', { op => 'Replace', path => 'roles[primary eq "True"].value', value => 'ADMIN' }],
              ['E53', { op => 'add', path => 'roles[primary eq "True"].value', value => 'ADMIN' }],
              ['E57', { op => 'replace', path => 'roles', value => [{ primary => FALSE, value => 'ADMIN',
                        type => 'WindowsAzureActiveDirectoryRole', display => 'Admin' }] }]) {
    my ($name, $operation) = @$form;
    change($id, { op => 'replace', path => 'roles', value => [{ value => 'USER', primary => TRUE }] });
    my $r = change($id, $operation);
    is $r->{status}, 200, "EX7: a role change as $name";
    is_deeply [map { [$_->{value}, $_->{primary}] } @{ $r->{json}{roles} }], [['ADMIN', TRUE]],
        "EX7: USER is ADMIN after $name, the one and primary role";
    is_deeply [sql('SELECT role FROM scim.account WHERE id = $1', $id)], [['ADMIN']], "EX7: in SQL too after $name";
}

# EX8, EX9
for my $dialect (['without the flag', 'Replace', 'False', 'True'], ['with the flag', 'replace', FALSE, TRUE]) {
    my ($name, $op, $off, $on) = @$dialect;
    is_user(change($id, { op => $op, path => 'active', value => $off }), 200, { active => FALSE },
        "EX8: unassigning $name disables");
    my $r = match('taro@example.com');
    is_deeply [$r->{json}{totalResults}, $r->{json}{Resources}[0]{active}], [1, FALSE],
        "EX9: the inactive account is found $name";
    is_user(change($id, { op => $op, path => 'active', value => $on }), 200, { active => TRUE },
        "EX9: re-assigning $name enables");
}

# EX10
my $gone = $org->delete("/Users/$id", @entra);
is $gone->{status}, 204, 'EX10: a hard delete';
is $gone->{content}, '', 'EX10: has no body';
is_error($org->get("/Users/$id", @entra), 404, undef, 'EX10: then it is gone');
is_error($org->delete("/Users/$id", @entra), 404, undef, 'E60: a repeated DELETE is 404');

# EX11: the answer is lost with the connection, the account is not.
my $name = user_name();
my $body = qq({"userName":"$name","displayName":"Lost"});
my $client = Scim::Http->new(server()->{url}, http2 => 0);
$client->send_only("POST " . $org->path . "/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $org->{token}\r\n"
    . "Content-Type: application/scim+json\r\nContent-Length: " . length($body) . "\r\n\r\n$body");
# Over TLS, closing the connection before the request is read would lose the request.
shutdown $client->{socket}, 1;
Scim::Server::wait_until('the account of the lost answer', 20, sub { match($name)->{json}{totalResults} });
close $client->{socket};
is_error($org->post('/Users', $body), 409, 'uniqueness', 'EX11: POST again is a conflict');
is match($name)->{json}{totalResults}, 1, 'EX11: but the match query finds the account';
is_user(change(match($name)->{json}{Resources}[0]{id}, { op => 'Add', path => 'externalId', value => 'l' }), 200,
    { externalId => 'l' }, 'EX11: and the cycle goes on as EX4');

# EX12
my $fresh = $org->new_token;
sql('DELETE FROM scim.token WHERE organization_id = $1 AND id <> $2', $org->{id}, $org->{token_id});
is_error(match($name), 401, undef, 'EX12: a revoked token is 401 on the next request');
$org->{token} = $fresh;
is match('nobody@example.com')->{json}{totalResults}, 0, 'EX12: with the new secret Test Connection works';
is match($name)->{json}{totalResults}, 1, 'EX12: and the cycle resumes';

done_testing;
