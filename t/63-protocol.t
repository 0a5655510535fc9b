# SPDX-License-Identifier: Apache-2.0
# The protocol around the resources, in the four modes: methods, media types,
# queries, errors, access, discovery, security.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use Scim::Test;
use Scim::Modes;
use Time::HiRes ();

my $org = organization(profile => 'open');
my $neighbour = organization(profile => 'open');
my $SCHEMAS = 'urn:ietf:params:scim:schemas';
my $mode;

sub body { my (%more) = @_; return { schemas => [CORE], userName => user_name(), displayName => 'Test User', %more } }
sub post { my (%more) = @_; return $org->post('/Users', body(%more), profile => $mode) }
sub get { my ($path, %o) = @_; return $org->get($path, profile => $mode, %o) }
sub names { my ($r) = @_; return join ' ', map { $_->{userName} } @{ $r->{json}{Resources} || [] } }

sub methods {
    my $user = post()->{json};
    my $path = "/Users/$user->{id}";
    my @answers = (get('/Users'), get($path), $org->put($path, body(), profile => $mode),
                   $org->patch($path, { schemas => [PATCHOP], Operations => [{ op => 'add', path => 'title', value => 'T' }] }, profile => $mode),
                   $org->delete($path, profile => $mode));
    is join(' ', map { $_->{status} } @answers), '200 200 200 200 204', "HTTP-05, HTTP-06: the methods of /Users and of a User ($mode)";
    for my $endpoint ('/ServiceProviderConfig', '/ResourceTypes', '/Schemas') {
        is_outcome($mode, $org->request($_, $endpoint, profile => $mode, headers => { 'Content-Type' => undef }), 'HTTP-10', '405', "$_ $endpoint")
            for qw(POST PUT PATCH DELETE);
    }
    is_outcome($mode, $org->request($_ => '/Me', profile => $mode), 'HTTP-11', '501', "$_ /Me, which is off") for qw(GET POST);
    is_outcome($mode, $org->request(FOO => '/Users', profile => $mode), 'HTTP-12', '501', 'a method that nobody knows');
}

sub media_types {
    my $type = sub { my ($accept) = @_; return get('/Users?count=1', headers => { Accept => $accept })->{headers}{'content-type'} };
    like $type->($_), qr{^application/scim\+json(?:;|$)}, 'HTTP-17, HTTP-19, EX-51: Accept ' . ($_ // 'none') . " ($mode)"
        for 'application/scim+json', undef, '*/*', 'application/*', 'application/scim+json, application/json;q=0.5';
    like get($_)->{headers}{'content-type'}, qr{^application/scim\+json}, "HTTP-22: $_ is answered as SCIM ($mode)"
        for '/Users?count=1', '/Schemas', '/Users/nope', '/nope', '/Users?filter=broken';
    my $r = post(displayName => 'Zoë Müller 日本');
    is get("/Users/$r->{json}{id}")->{json}{displayName}, 'Zoë Müller 日本', "HTTP-16: UTF-8 in, UTF-8 out ($mode)";
    my $raw = Scim::Http->new(server()->{url}, http2 => 0);
    $raw->connect;
    my $json = JSON::PP::encode_json(body());
    my $chunked = $raw->exchange("POST " . $org->path($mode) . "/Users HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer $org->{token}\r\n"
        . "Content-Type: application/scim+json\r\nTransfer-Encoding: chunked\r\n\r\n" . join('', map { sprintf "%x\r\n%s\r\n", length, $_ } unpack '(a20)*', $json) . "0\r\n\r\n", 'POST');
    is $chunked->{status}, 201, "HTTP-44: a body in chunks ($mode)";
    $json = JSON::PP::encode_json(body());
    $raw->connect;
    my $continue = $raw->exchange("POST " . $org->path($mode) . "/Users HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer $org->{token}\r\nExpect: 100-continue\r\n"
        . 'Content-Length: ' . length($json) . "\r\n\r\n$json", 'POST');
    $continue = $raw->exchange('', 'POST') if $continue->{status} == 100;
    is $continue->{status}, 201, "HTTP-44: Expect: 100-continue ($mode)";
}

sub queries {
    my $name = post()->{json}{userName};
    (my $escaped = $name) =~ s/\@/%40/;
    is names(get("/Users?filter=userName%20eq%20%22$escaped%22")), $name, "HTTP-31: %20 and %22 are decoded ($mode)";
    is names(get("/Users?filter=userName+eq+%22$name%22")), $name, "HTTP-32: + is a blank ($mode)";
    my $plus = 'a+b-' . user_name();
    post(userName => $plus);
    is names(get('/Users?filter=userName+eq+%22' . ($plus =~ s/\+/%2B/r) . '%22')), $plus, "HTTP-32: a literal plus is %2B ($mode)";
    is get("/Users?$_")->{status}, 200, "HTTP-30: ?$_ is ignored ($mode)" for 'foo=bar&count=1', 'aadOptscim062020', 'count=1&aadOptscim062020';
    is_outcome($mode, get('/Groups?excludedAttributes=members&filter=displayName+eq+%22x%22'), 'PROJ-17, INTOP-17', '200', 'a query of Groups');
    is get('/Groups?count=100&startIndex=1')->{json}{totalResults}, 0, "INTOP-17: which are none ($mode)";
    is get('/Users?count=2&startIndex=1', headers => { Accept => 'application/scim+json', 'Content-Type' => 'application/scim+json' })->{status}, 200,
        "INTOP-12: Okta's first request ($mode)";
    my $garbage = get('/Users/5f4dcc3b5aa765d61d8327deb882cf99%7D%7D%7D');
    is_error($garbage, 404, undef, "INTOP-14, EX-53, ERR-01: a garbage id ($mode)");
    is_error(get('/Users/nope'), 404, undef, "EX-43, EX-53: an id that does not exist ($mode)");
}

sub errors {
    my $user = post()->{json};
    my $patch = sub { return $org->patch("/Users/$user->{id}", { schemas => [PATCHOP], Operations => [@_] }, profile => $mode) };
    my @errors = (
        ['ERR-01, ERR-15', get('/nope'), '404', 'an unknown endpoint'], ['ERR-15', get('/Users/nope'), '404', 'an unknown resource'],
        ['ERR-15', get('/Users', token => 'wrong'), '401', 'bad credentials'], ['ERR-15', $org->post('/Users', '{', profile => $mode), '400 invalidSyntax', 'a body that cannot be parsed'],
        ['ERR-15', post(userName => $user->{userName}), '409 uniqueness', 'a duplicate'],
        ['ERR-15', $org->put("/Users/$user->{id}", body(), profile => $mode, headers => { 'If-Match' => 'W/"0"' }), '412', 'another version'],
        ['ERR-15', $org->request(POST => '/Me', profile => $mode), '501', 'an endpoint that is not offered'],
        ['ERR-04', get('/Users?filter=' . uri('userName regex "x"')), '400 invalidFilter', 'an unknown operator'],
        ['ERR-04', get('/Users?filter=' . uri('active gt true')), '400 invalidFilter', 'an operator that the type does not have'],
        ['ERR-04', $org->post('/Users/.search', { schemas => ['urn:ietf:params:scim:api:messages:2.0:SearchRequest'], filter => 'userName eq' }, profile => $mode), '400 invalidFilter', 'a filter in a body'],
        ['ERR-08', $org->post('/Users', '[]', profile => $mode), '400 invalidSyntax', 'a body that is a list'],
        ['ERR-08', $org->post('/Bulk', {}, profile => $mode), '400 invalidSyntax', 'a bulk request without Operations'],
        ['ERR-11', post(userName => undef), '400 invalidValue', 'a required value is missing'], ['ERR-11', get('/Users?count=abc'), '400 invalidValue', 'count=abc'],
        ['ERR-12', get('', target => $org->path($mode) =~ s{/v2$}{/v1}r . '/Users'), '400 invalidVers', 'version 1'],
        ['ERR-14', get('/Users?cursor=forged'), '400 invalidCursor', 'a forged cursor'], ['ERR-14', get('/Users?count=2&cursor=' . uri(get('/Users?cursor&count=1')->{json}{nextCursor})), '400 invalidCount', 'a cursor of another count'],
    );
    for my $error (@errors) {
        my ($key, $r, $usual, $name) = @$error;
        is_outcome($mode, $r, $key, $usual, $name);
        my ($status, $type) = split ' ', $usual;
        is_error($r, $status, $type, "HTTP-29, ERR-01: $name: the body repeats the status ($mode)");
    }
}

sub access {
    my $challenge = sub { my ($r) = @_; return $r->{headers}{'www-authenticate'} // '' };
    for my $token ('with blank', 'quo"te', "tab\there", 'ümlaut') {
        my $r = get('/Users', token => $token);
        is_outcome($mode, $r, 'AUTH-05', '401', 'a token of other characters');
        like $challenge->($r), qr/error="invalid_(?:token|request)"/, "AUTH-05: it is named invalid ($mode)";
    }
    is_outcome($mode, get("/Users?access_token=$org->{token}", token => 'wrong'), 'AUTH-07', '401', 'the query does not help a wrong token');
    is_outcome($mode, get("/Users?access_token=$org->{token}", token => undef), 'AUTH-07', '401', 'nor the lack of one');
    my $none = $challenge->(get('/Users', token => undef));
    my $wrong = $challenge->(get('/Users', token => 'wrong'));
    unlike $none, qr/error/, "EX-63: without a token there is no error code ($mode)";
    like $wrong, qr/^Bearer realm="[^"]*", error="invalid_token"/, "EX-63: a wrong one is invalid_token ($mode)";
    for my $c ($none, $wrong) {
        my %seen;
        $seen{$1}++ while $c =~ /(\w+)=/g;
        is_deeply [grep { $_ > 1 } values %seen], [], "AUTH-09: each parameter at most once ($mode)";
        like $c, qr/^[\x20-\x21\x23-\x5b\x5d-\x7e"]+$/, "AUTH-09: of the characters that are permitted ($mode)";
    }
    my $old = $org->new_token(expires_at => '2020-01-01');
    my $expired = get('/Users', token => $old);
    is_outcome($mode, $expired, 'AUTH-11, EX-63', '401', 'a token past its time');
    like $challenge->($expired), qr/error="invalid_token"/, "EX-63: is invalid ($mode)";
    my $short = $org->new_token;
    is get('/Users?count=0', token => $short)->{status}, 200, "AUTH-14: a bearer token is all a client needs ($mode)";
    sql('DELETE FROM scim.token WHERE id = $1', $org->{token_id});
    is_outcome($mode, get('/Users?count=0', token => $short), 'AUTH-11', '401', 'a token that was deleted, at once');
    my $external = random_name();
    post(externalId => $external);
    is $neighbour->get('/Users?filter=' . uri(qq(externalId eq "$external")), profile => $mode)->{json}{totalResults}, 0,
        "AUTH-19: externalId is the organization's own ($mode)";
}

sub discovery {
    my $config = get('/ServiceProviderConfig')->{json};
    my $text = JSON::PP->new->canonical->encode($config);
    like $text, qr/"$_":\{[^}]*"supported":(?:true|false)/, "DISC-02, EX-04: $_.supported is a boolean ($mode)" for qw(patch bulk filter changePassword sort etag);
    like $text, qr/"$_":\d+[,}]/, "DISC-02, EX-04: $_ is an integer ($mode)" for qw(maxOperations maxPayloadSize maxResults);
    is ref $config->{authenticationSchemes}, 'ARRAY', "DISC-02, EX-04: authenticationSchemes is a list ($mode)";
    for my $scheme (@{ $config->{authenticationSchemes} }) {
        ok length $scheme->{$_}, "EX-04: with $_ ($mode)" for qw(type name description);
    }
    is $config->{meta}{resourceType}, 'ServiceProviderConfig', "EX-04: it says what it is ($mode)";
    my $pagination = JSON::PP->new->canonical->encode($config->{pagination});
    like $pagination, qr/^\{"cursor":true,"cursorTimeout":\d+,"defaultPageSize":\d+,"defaultPaginationMethod":"index","index":true,"maxPageSize":\d+\}$/,
        "DISC-08, EX-62: pagination ($mode)";
    my $types = get('/ResourceTypes')->{json};
    my ($type) = grep { $_->{name} eq 'User' } @{ $types->{Resources} };
    is_deeply $types->{schemas}, [LIST], "EX-05: the resource types are a list ($mode)";
    is_deeply [@$type{qw(schemas id name endpoint schema schemaExtensions)}],
        [["$SCHEMAS:core:2.0:ResourceType"], 'User', 'User', '/Users', CORE, [{ schema => ENT, required => FALSE }]], "EX-05: User as in the sample ($mode)";
    for my $resource_type (@{ $types->{Resources} }) {
        my @urns = ($resource_type->{schema}, map { $_->{schema} } @{ $resource_type->{schemaExtensions} || [] });
        is get("/Schemas/$_")->{status}, 200, "DISC-19: $_ resolves ($mode)" for @urns;
        my $list = get("$resource_type->{endpoint}?count=1")->{json}{Resources};
        is $list->[0]{meta}{resourceType}, $resource_type->{name}, "DISC-20: resources say the name of their type ($mode)" if @$list;
    }
    is get('/Schemas/' . CORE)->{status}, 200, "EX-57: the User schema ($mode)";
    is_outcome($mode, get("/Schemas/urn:ietf:params:scim:api:messages:2.0:$_"), 'DISC-24', '404', "the schema of $_ is not a resource") for qw(Error ListResponse PatchOp);
    my $schemas = get('/Schemas');
    ok !grep({ $_->{id} =~ /:api:/ } @{ $schemas->{json}{Resources} }), "DISC-24: nor in the list ($mode)";
    unlike $schemas->{content}, qr/:null/, "DISC-28: no characteristic is null ($mode)";
    my %values = map { $_ => 1 } $schemas->{content} =~ /"(?:mutability|returned|uniqueness|type)":"(\w+)"/g;
    my %known = map { $_ => 1 } qw(readOnly readWrite immutable writeOnly always never default request none server global
                                   string boolean decimal integer dateTime binary reference complex);
    is_deeply [grep { !$known{$_} } keys %values], [], "DISC-28: keywords have their camelCase ($mode)";
    unlike get('/Schemas')->{content}, qr/"password"/, "INTOP-11: there is no password that the validator would miss ($mode)";
    my ($roles) = grep { $_->{id} eq "$SCHEMAS:core:2.0:Role" } @{ $schemas->{json}{Resources} };
    is $roles && $roles->{name}, 'Role', "EX-64: the schema of Role ($mode)";
    my $list = get('/Roles');
    is_deeply [sort map { $_->{value} } @{ $list->{json}{Resources} }], expected($mode, 'EX-64', [qw(ADMIN GUEST USER)]), "EX-64: the roles ($mode)";
    like $list->{content}, qr/"totalResults":\d/, "EX-64: with a number as total ($mode)";
}

sub security {
    my $user = post()->{json};
    my @answers = map { get($_) } '/Users?cursor&count=1', "/Users/$user->{id}", '/ServiceProviderConfig', '/Schemas', '/ResourceTypes', '/Roles', '/Users/nope';
    ok !grep({ join("\n", $_->{content}, %{ $_->{headers} }) =~ /\Q$org->{token}/ } @answers), "SEC-08: no URL or cursor has the token ($mode)";
    my @urls = map { $_->{content} =~ m{(https?:[^"]*)}g } @answers;
    ok @urls && !grep({ m{^\w+://[^/]*\@} } @urls), "SEC-15: no URL has userinfo ($mode)";
    is_outcome($mode, get('/Users?filter=' . uri('password pr')), 'SEC-09', '400 invalidFilter', 'an attribute that cannot be read cannot be used in a filter');
}

sub validator {
    my $r = post(title => 'T');
    my ($id, $name) = @{ $r->{json} }{qw(id userName)};
    my $patch = sub { return $org->patch("/Users/$id", { schemas => [PATCHOP], Operations => [@_] }, profile => $mode)->{json} };
    my $n = sub { return get('/Users?filter=' . uri(qq(userName eq "$_[0]")))->{json}{totalResults} };
    is $r->{status}, 201, "INTOP-10: create ($mode)";
    is outcome(post(userName => $name)), '409 uniqueness', "INTOP-10: a duplicate ($mode)";
    is_deeply [$n->($name), $n->('nobody@example.com'), $n->(uc $name)], [1, 0, 1], "INTOP-10: filters of what exists, does not, in another case ($mode)";
    my $new = user_name();
    is $patch->({ op => 'replace', path => 'title', value => 'U' }, { op => 'replace', path => 'nickName', value => 'n' })->{title}, 'U', "INTOP-10: attributes are replaced ($mode)";
    is $patch->({ op => 'replace', path => 'userName', value => $new })->{userName}, $new, "INTOP-10: userName too ($mode)";
    is $patch->({ op => 'replace', path => 'active', value => FALSE })->{active}, FALSE, "INTOP-10: disable ($mode)";
    is $patch->({ op => 'add', path => 'userType', value => 'x' })->{userType}, 'x', "INTOP-10: attributes are added ($mode)";
    my $boss = post()->{json};
    for my $op (qw(add replace)) {
        is $patch->({ op => $op, path => ENT . ':manager', value => { value => $boss->{id} } })->{+ENT}{manager}{value}, $boss->{id}, "INTOP-10: $op the manager ($mode)";
    }
    ok !exists $patch->({ op => 'remove', path => ENT . ':manager' })->{+ENT}, "INTOP-10: remove the manager ($mode)";
    is $patch->(map { { op => 'replace', path => 'title', value => $_ } } 'a', 'b')->{title}, 'b', "INTOP-10: several operations on one attribute ($mode)";
    is join(' ', map { $org->delete("/Users/$id", profile => $mode)->{status} } 1, 2), '204 404', "INTOP-10: delete twice ($mode)";
}

for (modes()) {
    $mode = $_;
    methods();
    media_types();
    queries();
    errors();
    access();
    discovery();
    security();
    validator();
}
my ($row) = sql('SELECT count(*) FROM scim.token WHERE encode(hash, \'hex\') LIKE $1', "%$org->{token}%");
is $row->[0], 0, 'AUTH-12: the secret of a token is not in the database';
my @clear = sql('SELECT t::text FROM scim.token t WHERE position($1 in t::text) > 0', $org->{token});
is @clear, 0, 'AUTH-12: in no column';
done_testing;
