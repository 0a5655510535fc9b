# SPDX-License-Identifier: Apache-2.0
# The rulings about accounts, one by one.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use JSON::PP ();
use Scim::Test;

my $org = organization(language => 'ja', timezone => 'Asia/Tokyo');
my $open = organization(profile => 'open');

sub post_user {
    my ($to, %attributes) = @_;
    return $to->post('/Users', { schemas => [CORE], userName => user_name(), %attributes });
}

# required
is_error(post_user($org), 400, 'invalidValue', 'ATTR-20: displayName is required in profile managed');
is_error($org->post('/Users', { displayName => 'x' }), 400, 'invalidValue', 'ATTR-20: userName is required');
is_error($org->post('/Users', { displayName => 'x', userName => '   ' }), 400, 'invalidValue', 'ATTR-21: a blank userName');
for my $blank (' ', "\t", "\x{3000}", "\x{200b}") {
    is_user(post_user($org, name => { formatted => $blank, givenName => 'G', familyName => 'F' }), 201, { displayName => 'G F' }, 'a blank name.formatted is none');
    is_user(post_user($org, name => { givenName => $blank, familyName => 'F' }), 201, { displayName => 'F' }, 'nor is a blank part of the name one');
    is_error(post_user($org, name => { formatted => $blank }), 400, 'invalidValue', 'of blanks alone no displayName is made');
}
is_user(post_user($org, name => { formatted => 'F G' }), 201, { displayName => 'F G' }, 'displayName is derived from name.formatted');
is_user(post_user($org, name => { givenName => 'G', familyName => 'F' }), 201, { displayName => 'G F' },
    'displayName is derived from the parts of the name');
is_user($open->post('/Users', { userName => 'nobody' }), 201, { userName => 'nobody', displayName => undef },
    'V8: profile open takes any userName and needs no displayName');

# userName
is_error(post_user($org, displayName => 'x', userName => 'no-address'), 400, 'invalidValue', 'N44: userName must be an e-mail address');
my $verified = organization(domains => ['corp.example', 'other.example']);
my $refused = $verified->post('/Users', { userName => 'a@elsewhere.example', displayName => 'A' });
is_error($refused, 400, 'invalidValue', 'N44: userName must be in a verified domain');
like $refused->{json}{detail}, qr/corp\.example/, 'N44: the answer names the verified domains';
is_user($verified->post('/Users', { userName => 'a@CORP.example', displayName => 'A' }), 201, {}, 'N44: a verified domain, in any case');
my $taken = $org->create(userName => 'Zoë@example.com');
is_error(post_user($org, displayName => 'x', userName => "ZOE\x{308}\@example.com"), 409, 'uniqueness',
    'UNIQ-03: userName is unique whatever the case and the Unicode form');
is_error($org->patch_ops($org->create->{id}, { op => 'replace', path => 'userName', value => 'zoë@example.com' }), 409,
    'uniqueness', 'UNIQ-08: so is a new name');
is_user(organization()->post('/Users', { userName => 'Zoë@example.com', displayName => 'x' }), 201, {},
    'AUTH-18: another organization has its own names');
is_user($org->put("/Users/$taken->{id}", { userName => 'ZOË@example.com', displayName => 'x' }), 200,
    { userName => 'ZOË@example.com' }, 'UNIQ-07: one\'s own name in another case is not a conflict');

# active
is_user(post_user($org, displayName => 'x'), 201, { active => TRUE }, 'ATTR-32: active is true when it is absent');
is_user(post_user($org, displayName => 'x', active => 'False'), 201, { active => FALSE }, 'E25: "False" is false');
is_error(post_user($org, displayName => 'x', active => 'yes'), 400, 'invalidValue', 'TYPE-04: "yes" is neither');
my $inactive = $org->create(active => FALSE);
is_list($org->filter("userName eq \"$inactive->{userName}\""), [$inactive->{userName}], 'H21: inactive accounts are found');
is_error(post_user($org, displayName => 'x', userName => $inactive->{userName}), 409, 'uniqueness', 'H22: and their names are taken');
is_user($org->put("/Users/$inactive->{id}", { userName => $inactive->{userName}, displayName => 'y' }), 200,
    { active => FALSE, displayName => 'y' }, 'H19: a PUT without active lets nobody in');

# roles
sub roles_of { return $_[0]{json}{roles} }
is_deeply roles_of(post_user($org, displayName => 'x')), [{ value => 'GUEST', primary => TRUE }], 'N23: no role is GUEST';
is_deeply roles_of(post_user($org, displayName => 'x', roles => [{ value => 'USER' }, { value => 'ADMIN', primary => 'True' }])),
    [{ value => 'ADMIN', primary => TRUE }], 'N21: of several roles the primary counts';
is_deeply roles_of(post_user($org, displayName => 'x', roles => [{ value => 'Boss', primary => TRUE }, { value => 'USER', display => 'U', type => 'T' }])),
    [{ value => 'USER', display => 'U', type => 'T', primary => TRUE }], 'N22: an unknown one is ignored, display and type are kept';
is_deeply roles_of(post_user($org, displayName => 'x', roles => 'ADMIN')), [{ value => 'ADMIN', primary => TRUE }], 'H14: a role as a string';
my $user = $org->create(roles => [{ value => 'ADMIN', primary => TRUE }]);
is_deeply roles_of($org->patch_ops($user->{id}, { op => 'replace', path => 'roles[primary eq "True"].value', value => 'BOSS' })),
    [{ value => 'ADMIN', primary => TRUE }], 'N22: an unknown role changes nothing';
is $org->version($user->{id}), 1, 'N22: not even the version';
is_deeply roles_of($org->patch_ops($user->{id}, { op => 'remove', path => 'roles' })), [{ value => 'GUEST', primary => TRUE }],
    'removing the role makes a GUEST';
is_deeply [map { $_->[0] } sql('SELECT kind FROM scim.event WHERE account_id = $1 ORDER BY sequence', $user->{id})],
    ['urn:ietf:params:scim:event:prov:create:full', 'urn:ietf:params:scim:event:prov:patch:full', 'urn:mod_scim:event:role:guest'],
    'N26: a downgrade to GUEST is an event of its own kind';
is_deeply roles_of(post_user($open, roles => [{ value => 'Any' }, { value => 'Other', primary => TRUE }])),
    [{ value => 'Any' }, { value => 'Other', primary => TRUE }], 'V1: profile open keeps roles as sent';
is roles_of(post_user($open)), undef, 'V1: and none where none was sent';

# preferredLanguage, timezone
my $default = post_user($org, displayName => 'x');
is_user($default, 201, { preferredLanguage => 'ja', timezone => 'Asia/Tokyo' }, 'N25: language and time zone of the token issuer');
my $id = $default->{json}{id};
is_user($org->patch_ops($id, { op => 'replace', value => { preferredLanguage => 'de', timezone => 'Europe/Berlin' } }), 200,
    { preferredLanguage => 'ja', timezone => 'Asia/Tokyo' }, 'a later change is accepted and ignored');
is $org->version($id), 1, 'and is not a change';
is_user(post_user($org, displayName => 'x', preferredLanguage => 'en'), 201, { preferredLanguage => 'en' }, 'the value of the creation counts');
$id = post_user($open, preferredLanguage => 'en')->{json}{id};
is_user($open->patch_ops($id, { op => 'replace', path => 'preferredLanguage', value => 'de' }), 200, { preferredLanguage => 'de' },
    'in profile open they are ordinary attributes');

# externalId
post_user($org, displayName => 'x', externalId => 'AbC') for 1 .. 2;
is $org->filter('externalId eq "AbC"')->{json}{totalResults}, 2, 'RES-16: externalId is not unique';
is $org->filter('externalId eq "abc"')->{json}{totalResults}, 0, 'FLT-06: and its case matters';
is_user(post_user($org, displayName => 'x', externalId => 701984), 201, { externalId => '701984' }, 'H37: a number is its text');

# unmanaged, ineligible
for my $kind (['managed', qr/Managed Account/], ['sync_eligible', qr/eligible/]) {
    my ($column, $why) = @$kind;
    my $account = $org->create;
    sql("UPDATE scim.account SET $column = false WHERE id = \$1", $account->{id});
    is $org->get("/Users/$account->{id}")->{status}, 200, "N6: an account that is not $column is visible";
    my $before = event_count($org);
    for my $r ($org->patch_ops($account->{id}, { op => 'replace', path => 'title', value => 'x' }),
               $org->put("/Users/$account->{id}", { userName => $account->{userName}, displayName => 'y' }),
               $org->delete("/Users/$account->{id}")) {
        is_error($r, 403, undef, "N41: and refused when it is not $column");
        like $r->{json}{detail}, $why, 'N41: with what to do';
    }
    is_error(post_user($org, displayName => 'x', userName => $account->{userName}), 409, 'uniqueness', 'N43: its name is taken');
    is event_count($org), $before, 'nothing is recorded';
}

# token issuer
for my $op ({ op => 'replace', path => 'active', value => FALSE }, { op => 'replace', path => 'roles[primary eq "True"].value', value => 'USER' }) {
    my $r = $org->patch_ops($org->{issuer}, $op);
    is_error($r, 403, undef, "N32: the token issuer keeps $op->{path}");
    like $r->{json}{detail}, qr/token/, 'N32: the answer names the reason';
}
is_error($org->delete("/Users/$org->{issuer}"), 403, undef, 'N32: and cannot be deleted');
is_user($org->patch_ops($org->{issuer}, { op => 'replace', path => 'displayName', value => 'Chief' }), 200, { displayName => 'Chief' },
    'N32: other changes go through');
ok !eval { sql('DELETE FROM scim.account WHERE id = $1', $org->{issuer}); 1 }, 'N32: plain SQL cannot do it either';
my $guest = $org->create;
ok !eval { $org->new_token(issuer => $guest->{id}); 1 }, 'an issuer must be an active ADMIN, in SQL too';
my $former = $org->create(roles => [{ value => 'ADMIN', primary => TRUE }]);
$org->new_token(issuer => $former->{id}, expires_at => '2001-01-01');
sql(q{UPDATE scim.account SET role = 'USER' WHERE id = $1}, $former->{id});
for my $end (q{now() + interval '1 year'}, 'NULL') {
    ok !eval { sql("UPDATE scim.token SET expires_at = $end WHERE issuer = \$1", $former->{id}); 1 },
        "an expired token of a former ADMIN does not come back to life by expires_at = $end";
    like $@, qr/not an active ADMIN/, 'for that reason';
}
ok eval { sql(q{UPDATE scim.token SET expires_at = '2002-02-02' WHERE issuer = $1}, $former->{id}); 1 }, 'one that stays expired needs no ADMIN';
ok eval { sql(q{UPDATE scim.token SET expires_at = now() WHERE issuer = $1}, $org->{issuer}); 1 }, 'a live token can be ended in SQL';
sql(q{UPDATE scim.token SET expires_at = NULL WHERE issuer = $1}, $org->{issuer});
is $org->get('/Users?count=1')->{status}, 200, 'and, its issuer being an ADMIN, be valid again';
ok !eval { sql(q{UPDATE scim.account SET attributes = jsonb_set(attributes, '{roles,0,value}', '"USER"') WHERE id = $1}, $org->{issuer}); 1 },
    'N32: the issuer cannot lose ADMIN by attributes.roles alone';
like $@, qr/still valid/, 'N32: for that reason';

# provisioning switched off
my $off = organization(enabled => 0);
is_error($off->get('/Users'), 403, undef, 'a request is refused while provisioning is off');
is $off->get('/Users')->{json}{detail}, 'User provisioning is disabled for this organization.', 'in these words';

# 404
is_error($org->get('/Users/00000000-0000-4000-8000-000000000000'), 404, undef, 'GET-02: an unknown id');
is_error($org->get('/Users/' . uc $guest->{id}), 404, undef, 'GET-03: an id in another case');
is_error(organization()->get("/Users/$guest->{id}"), 404, undef, 'AUTH-18: an id of another organization');
is_error($org->put('/Users/00000000-0000-4000-8000-000000000000', { userName => user_name(), displayName => 'x' }), 404, undef,
    'HTTP-07: PUT never creates');

# password and unknown attributes
my $secret = 'Secret-' . int rand 1e9;
my $with = post_user($org, displayName => 'x', password => $secret, shoeSize => 43, groups => [], meta => { resourceType => 'Group' }, id => 'mine');
is $with->{status}, 201, 'O4, H33: password, groups, meta, id and unknown attributes are no error';
unlike $with->{content}, qr/$secret|shoeSize|"mine"/, 'H34: and are not answered';
$org->patch_ops($with->{json}{id}, { op => 'replace', value => { password => $secret } });
$org->patch_ops($with->{json}{id}, { op => 'replace', path => 'password', value => $secret });
is_deeply [sql('SELECT 1 FROM scim.account a WHERE a::text LIKE $1 UNION SELECT 2 FROM scim.event e WHERE e::text LIKE $1', "%$secret%")], [],
    'H34: the password is not stored';
unlike error_log(), qr/$secret/, 'H34: nor logged';
like error_log(), qr/unknown attribute 'shoeSize' ignored/, 'an ignored attribute is logged';
unlike error_log(), qr/$org->{token}/, 'SEC-04: no token is logged';

# no change
$user = $org->create(title => 'T');
my $events = event_count($org);
my $same = $org->patch_ops($user->{id}, { op => 'replace', path => 'title', value => 'T' });
is_user($same, 200, { meta => $user->{meta} }, 'PATCH-18: a PATCH that changes nothing leaves version and lastModified');
$org->put("/Users/$user->{id}", $user);
is $org->version($user->{id}), 1, 'PUT-15: a resource that was read can be put back';
is event_count($org), $events, 'EVT-21: and no event is written';

# PUT
$user = $org->create(title => 'T', emails => [{ value => 'a@b.c', type => 'work' }], roles => [{ value => 'USER' }],
                     (ENT) => { department => 'D' }, name => { givenName => 'G', familyName => 'F' });
my $put = $org->put("/Users/$user->{id}", { userName => $user->{userName}, displayName => 'New', name => { givenName => 'B' } });
is_user($put, 200, { title => undef, emails => undef, ENT() => undef, name => { givenName => 'B' }, schemas => [CORE],
                     roles => [{ value => 'USER', primary => TRUE }] }, 'PUT-03: omitted attributes are cleared, but not the role');
is_user($org->put("/Users/$user->{id}", { userName => $user->{userName}, displayName => 'New', roles => [] }), 200,
    { roles => [{ value => 'GUEST', primary => TRUE }] }, 'PUT-16: an empty list of roles is cleared');
is $put->{json}{meta}{created}, $user->{meta}{created}, 'PUT-12: created stays';
isnt $put->{json}{meta}{lastModified}, $user->{meta}{lastModified}, 'PUT-12: lastModified moves';

# ETags
$user = $org->create;
my $r = $org->get("/Users/$user->{id}");
is $r->{headers}{etag}, $r->{json}{meta}{version}, 'RES-14: the ETag is meta.version';
my $tag = $r->{headers}{etag};
is $org->get("/Users/$user->{id}", headers => { 'If-None-Match' => $_ })->{status}, 304, "ETAG-06: If-None-Match $_ is 304"
    for $tag, '*', "\"x\", $tag", 'W/"1-gzip"', '"1-br"';
is $org->get("/Users/$user->{id}", headers => { 'If-None-Match' => 'W/"0"' })->{status}, 200, 'ETAG-08: another version is answered';
my %change = (schemas => [PATCHOP], Operations => [{ op => 'replace', path => 'title', value => 'x' }]);
is_error($org->patch("/Users/$user->{id}", \%change, headers => { 'If-Match' => 'W/"0"' }), 412, undef, 'ETAG-09: a stale If-Match');
is_error($org->patch("/Users/$user->{id}", \%change, headers => { 'If-Match' => 'abc' }), 412, undef, 'ETAG-16: a malformed one matches nothing');
is_error($org->patch("/Users/$user->{id}", \%change, headers => { 'If-None-Match' => '*' }), 412, undef, 'ETAG-14: If-None-Match * on a write');
is $org->patch("/Users/$user->{id}", \%change, headers => { 'If-Match' => 'W/"1-gzip"' })->{status}, 200, 'ETAG-11: weak, and blind to -gzip';
is_error($org->delete("/Users/$user->{id}", headers => { 'If-Match' => $tag }), 412, undef, 'ETAG-10: DELETE too');
is $org->delete("/Users/$user->{id}", headers => { 'If-Match' => '*' })->{status}, 204, 'ETAG-12: * matches what exists';
is_error($org->delete("/Users/$user->{id}"), 404, undef, 'DEL-02: once deleted it is gone');
is_user(post_user($org, displayName => 'x', userName => $user->{userName}), 201, {}, 'UNIQ-09: and its name is free');

# Marks that would become one letter with what JSON writes for the character before
for my $text ("a\n\x{301}b", "\t\x{30C}", "x\r\x{301}", "\x{8}\x{307}z", "\x{1A}\x{301}", "\\n\x{301}", "\\\n\x{301}", "\n\x{316}", "n\x{301}\nA\x{30A}") {
    my $shown = JSON::PP->new->ascii->allow_nonref->encode($text);
    my $id = $org->create(title => $text)->{id};
    ok $id, "$shown is a title" or next;
    is $org->get("/Users/$id")->{json}{title}, $text, 'which is answered as it was sent';
    is_deeply [map { $_->{id} } @{ $org->filter("title $_ $shown")->{json}{Resources} }], [$id], "and found by $_" for 'eq', 'co';
    is_deeply [map { $_->{id} } @{ $org->filter("title ne $shown and id eq \"$id\"")->{json}{Resources} }], [], 'not by ne';
}

# Plain SQL is as safe as SCIM
$user = $org->create(roles => [{ value => 'USER' }]);
sql(q{UPDATE scim.account SET role = 'ADMIN' WHERE id = $1}, $user->{id});
is_user($org->get("/Users/$user->{id}"), 200, { roles => [{ value => 'ADMIN', primary => TRUE }] }, 'a role set by SQL is answered');
is $org->version($user->{id}), 2, 'and is a new version';
sql(q{UPDATE scim.account SET attributes = jsonb_set(attributes, '{roles,0,value}', '"GUEST"') WHERE id = $1}, $user->{id});
is +(sql('SELECT role FROM scim.account WHERE id = $1', $user->{id}))[0][0], 'GUEST', 'attributes.roles written alone sets the role';
sql(q{UPDATE scim.account SET role = 'USER', attributes = attributes || '{"roles":[{"value":"ADMIN"}]}' WHERE id = $1}, $user->{id});
is +(sql('SELECT role FROM scim.account WHERE id = $1', $user->{id}))[0][0], 'USER', 'written with it, the role counts';
sql(q{UPDATE scim.account SET attributes = attributes || '{"roles":[{"value":"Boss"}]}' WHERE id = $1}, $user->{id});
is +(sql('SELECT role FROM scim.account WHERE id = $1', $user->{id}))[0][0], 'USER', 'a list without one known role does not';
sql(q{INSERT INTO scim.account (organization_id, user_name, attributes) VALUES ($1, 'by-roles@example.com', '{"roles":[{"value":"ADMIN"}]}')}, $org->{id});
is +(sql('SELECT role FROM scim.account WHERE organization_id = $1 AND user_name = $2', $org->{id}, 'by-roles@example.com'))[0][0], 'ADMIN',
    'a row inserted with attributes.roles has its role';
ok !eval { sql(q{INSERT INTO scim.account (organization_id, user_name) VALUES ($1, upper($2))}, $org->{id}, $user->{userName}); 1 },
    'a userName in another case is taken in SQL too';
sql(q{INSERT INTO scim.account (organization_id, user_name) VALUES ($1, 'by-hand@example.com')}, $org->{id});
is $org->filter('userName eq "by-hand@example.com"')->{json}{Resources}[0]{roles}[0]{value}, 'GUEST', 'a hand-written row is a whole User';

done_testing;
