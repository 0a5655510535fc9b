# SPDX-License-Identifier: Apache-2.0
# The resource itself, in the four modes: types, characteristics of attributes,
# common attributes, uniqueness, creation, replacement, deletion, versions.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use Scim::Test;
use Scim::Modes;
use JSON::PP ();

my $org = organization(profile => 'open');
my $JSON = JSON::PP->new->utf8->canonical;
my $mode;

sub user { my (%more) = @_; return { schemas => [CORE], userName => user_name(), displayName => 'Test User', %more } }
sub post { my (%more) = @_; return $org->post('/Users', user(%more), profile => $mode) }
sub get { my ($id, $query, %o) = @_; return $org->get("/Users/$id" . ($query // ''), profile => $mode, %o) }
sub put { my ($id, $body, %o) = @_; return $org->put("/Users/$id", $body, profile => $mode, %o) }
sub patch { my ($id, @operations) = @_; return $org->patch("/Users/$id", { schemas => [PATCHOP], Operations => \@operations }, profile => $mode) }
sub op { my ($op, $path, @value) = @_; return { op => $op, defined $path ? (path => $path) : (), @value ? (value => $value[0]) : () } }
sub total { my ($filter) = @_; return $org->get('/Users?filter=' . uri($filter), profile => $mode)->{json}{totalResults} }
sub stored { my ($key, $r, $status, $expected, $name) = @_;
    return is_user($r, $status, $expected, "$key: $name ($mode)") && is_user(get($r->{json}{id}), 200, $expected, "$key: and it is read back ($mode)") }
sub refused { my ($key, $r, $usual, $name) = @_; return is_outcome($mode, $r, $key, $usual, $name) }
# The resource without the attributes that only the server writes.
sub plain { my ($user) = @_; my %copy = %$user; delete @copy{qw(id meta schemas)}; return \%copy }

sub types {
    for my $value ('', "two\nlines", "\x{10348} \x{e9} e\x{301}") {
        stored('TYPE-01', post(nickName => $value), 201, { nickName => $value }, 'a string is any Unicode text') if length $value;
    }
    is post(title => '')->{json}{title}, expected($mode, 'TYPE-01 empty', undef), "TYPE-01 empty: an empty string ($mode)";
    my $count = total('displayName eq "5"');
    refused('TYPE-03 number', post(displayName => 5), '201', 'a number for a string');
    refused("TYPE-03", post(title => $_->[0]), '400 invalidValue', "$_->[1] for a string") for [['a', 'b'], 'a list'], [{ a => 1 }, 'an object'];
    refused('TYPE-03', post(title => FALSE), '400 invalidValue', 'a boolean for a string');
    is total('displayName eq "5"'), $count + ($mode !~ /strict/), "TYPE-03: a refused value is not stored ($mode)";
    refused('TYPE-05 POST', post(roles => [{ value => 'USER', primary => 'True' }]), '201', 'primary as a string');
    is post(active => FALSE)->{json}{active}, FALSE, "TYPE-05: a boolean is answered as one ($mode)";
    refused('TYPE-05 PATCH', patch(post()->{json}{id}, op('replace', 'active', 'False')), '200', 'active as a string');
    refused('TYPE-19', post(name => $_->[0]), '400 invalidValue', "$_->[1] for a complex attribute") for [[{ givenName => 'a' }, { givenName => 'b' }], 'a list of two'];
    refused('TYPE-19 text', post(name => 'Babs'), '400 invalidValue', 'a text for a complex attribute');
    stored('TYPE-19', post(name => { familyName => 'F', givenName => 'G' }), 201, { name => { givenName => 'G', familyName => 'F' } }, 'the order of members is irrelevant');
    refused('TYPE-22', post(name => { givenName => { first => 'x' } }), '400 invalidValue', 'an object for a sub-attribute');
    refused('TYPE-22', post(emails => [{ value => { a => 'x' } }]), '400 invalidValue', 'an object for the value of an element');
    stored('TYPE-14', post(x509Certificates => [{ value => 'MIIDQzCCAqygAwIBAgICEAAwDQYJKoZIhvcNAQEFBQA=' }]), 201,
           { x509Certificates => [{ value => 'MIIDQzCCAqygAwIBAgICEAAwDQYJKoZIhvcNAQEFBQA=' }] }, 'a certificate is one base64 text');
    refused('TYPE-14', post(x509Certificates => [{ value => ['MIID', 'MIID'] }]), '400 invalidValue', 'an element holds one certificate');
    my $chief = post()->{json};
    my $url = $org->url($mode) . "/Users/$chief->{id}";
    for my $form ('Users/', '../Users/', $org->url($mode) . '/Users/') {
        my $ref = $form . $chief->{id};
        my $r = post(schemas => [CORE, ENT], ENT() => { manager => { value => $chief->{id}, '$ref' => $ref } });
        is $r->{json}{+ENT}{manager}{'$ref'}, $url, "TYPE-16: a reference is resolved against the base ($mode)" or diag $r->{content};
    }
    my $without = $url =~ s{/v2/}{/}r;
    is total(ENT . qq(:manager.\$ref eq "$_")), 3, "TYPE-17: references with and without the version compare ($mode)" for $url, $without;
}

sub characteristics {
    my $r = post(schemas => [CORE, uc ENT], uc(ENT) => { employeeNumber => '7' });
    stored('ATTR-02', $r, 201, { ENT() => { employeeNumber => '7' } }, 'a URN in another case is the same');
    is_deeply $r->{json}{schemas}, [CORE, ENT], "ATTR-02: and answered in the canonical one ($mode)";
    $r = post(schemas => [CORE, ENT], employeeNumber => '7', ENT() => { department => 'D' });
    ok !exists $r->{json}{employeeNumber}, "ATTR-06: an attribute of the extension lives in its container only ($mode)";
    is_deeply $r->{json}{+ENT}, { department => 'D' }, "ATTR-06: there alone it is read ($mode)";
    $r = post(title => undef, emails => []);
    is $r->{status}, 201, "ATTR-09: null and [] are accepted ($mode)";
    ok !grep({ exists get($r->{json}{id})->{json}{$_} } qw(title emails)), "ATTR-09: and are the same as absence ($mode)";
    $r = post(schemas => [CORE, ENT], id => 'x', meta => { resourceType => 'Group', created => '2001-01-01T00:00:00Z' }, groups => [{ value => 'g' }],
              ENT() => { manager => { value => 'm', displayName => 'Boss' } });
    my $user = $r->{json};
    is $r->{status}, 201, "ATTR-12, POST-03, RES-11: readOnly members are no error ($mode)";
    isnt $user->{id}, 'x', "ATTR-12, POST-03: id is not taken over ($mode)";
    unlike $user->{meta}{created}, qr/^2001/, "ATTR-12, POST-03: nor meta ($mode)";
    ok !exists $user->{groups}, "ATTR-12, ATTR-33, POST-03: nor groups, which are absent ($mode)";
    ok !exists $user->{+ENT}{manager}{displayName}, "ATTR-12, ATTR-38, POST-08: nor the manager's displayName ($mode)";
    is $user->{meta}{resourceType}, 'User', "RES-11, DISC-20: a User is one whatever the client sent ($mode)";
    refused('ATTR-13', patch($user->{id}, $_), '400 mutability', "PATCH $_->{op} $_->{path}")
        for op('replace', 'id', 'y'), op('add', 'groups', [{ value => 'g' }]), op('remove', 'meta.created');
    $r = post(preferredLanguage => 'en');
    my $changed = patch($r->{json}{id}, op('replace', 'preferredLanguage', 'fr'));
    is outcome($changed), expected($mode, 'ATTR-14 change', '200'), "ATTR-14: a change of what may be immutable ($mode)";
    is get($r->{json}{id})->{json}{preferredLanguage}, expected($mode, 'ATTR-14', 'fr'), "ATTR-14: an immutable attribute keeps what it was created with ($mode)"
        or diag $changed->{content};
    my $secret = 'Pass-' . user_name();
    $r = post(password => $secret);
    my $id = $r->{json}{id};
    my @answers = ($r, get($id), get($id, '?attributes=password'), get($id, '?attributes=userName,password'),
                   $org->get('/Users?filter=' . uri(qq(userName eq "$r->{json}{userName}")) . '&attributes=password', profile => $mode),
                   put($id, user(userName => $r->{json}{userName}, password => $secret)), patch($id, op('replace', undef, { password => $secret, title => 'T' })),
                   $org->post('/Bulk', { schemas => [BULK], Operations => [{ method => 'PUT', path => "/Users/$id", data => user(password => $secret) }] }, profile => $mode));
    is_deeply [grep { $_ >= 300 } map { $_->{status} } @answers], [], "ATTR-15, PUT-14, PROJ-09: a password is not an error anywhere ($mode)" or diag map { $_->{content} } @answers;
    ok !grep({ $_->{content} =~ /password|\Q$secret/ } @answers), "ATTR-15, ATTR-17, PATCH-24, PROJ-09: and is in no answer ($mode)";
    is_deeply [map { $_->{json}{id} // $_->{json}{Resources}[0]{id} } @answers[2, 4]], [$id, $id], "ATTR-16: id is there whatever is asked for ($mode)";
    ok get($id, '?excludedAttributes=id,schemas,title')->{json}{$_}, "ATTR-16: $_ cannot be excluded ($mode)" for qw(id schemas);
    ok exists get($id)->{json}{displayName}, "ATTR-19: an attribute that is returned by default is present ($mode)";
    ok !exists get($id, $_)->{json}{displayName}, "ATTR-19: unless $_ ($mode)" for '?attributes=title', '?excludedAttributes=displayName';
    is post(externalId => 'AbC')->{json}{externalId}, 'AbC', "ATTR-22: externalId keeps its case ($mode)";
    stored('ATTR-34', post(addresses => [{ country => $_ }]), 201, { addresses => [{ country => $_ }] }, "the country $_ is stored as sent") for 'US', 'Schweiz';
    my %as_sent = (phoneNumbers => [{ value => '+1 (555) 555-8377 x3', type => 'work' }], emails => [{ value => 'Babs@EXAMPLE.com', type => 'work' }]);
    stored('ATTR-36, INTOP-09', post(%as_sent), 201, \%as_sent, 'numbers and addresses are not reformatted');
}

sub resources {
    stored('RES-03', post(schemas => [CORE, CORE]), 201, { schemas => [CORE] }, 'duplicates in schemas are not stored');
    stored('RES-04', post(schemas => [ENT, CORE], ENT() => { department => 'D' }), 201, { schemas => [CORE, ENT], ENT() => { department => 'D' } }, 'their order has no effect');
    refused('RES-05', post(schemas => [CORE, 'urn:example:unknown:2.0:Thing']), '201', 'an unknown URN in schemas');
    is_deeply post(schemas => [CORE, ENT])->{json}{schemas}, [CORE], "RES-06: an extension without data is not in schemas ($mode)";
    my $r = post(schemas => [CORE, ENT], ENT() => { department => 'D' });
    is_deeply $r->{json}{schemas}, [CORE, ENT], "RES-06: one with data is ($mode)";
    my $user = $r->{json};
    like $user->{id}, qr/^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/, "RES-08: id is the server's, and no bulkId ($mode)";
    is_deeply [sort keys %{ $user->{meta} }], [qw(created lastModified location resourceType version)], "RES-10: meta is whole ($mode)";
    is $user->{meta}{created}, $user->{meta}{lastModified}, "RES-10: created is lastModified at creation ($mode)";
    is $user->{meta}{location}, $org->url($mode) . "/Users/$user->{id}", "RES-13, HTTP-01, HTTP-02: location is absolute and has the prefix of the request ($mode)";
    is $r->{headers}{location}, $user->{meta}{location}, "POST-01: so is Location ($mode)";
    is_deeply $org->request('GET', '', target => $user->{meta}{location} =~ s{^http://[^/]+}{}r)->{json}, $user, "GET-05, POST-01: and both lead to the resource ($mode)";
    my $changed = patch($user->{id}, op('replace', 'title', 'T'))->{json};
    is $changed->{meta}{created}, $user->{meta}{created}, "RES-12: created never changes ($mode)";
    cmp_ok $changed->{meta}{lastModified}, 'gt', $user->{meta}{lastModified}, "RES-12: lastModified advances with a change ($mode)";
    is $changed->{id}, $user->{id}, "RES-08: id stays ($mode)";
    ok !exists $user->{externalId}, "RES-15: externalId is not invented ($mode)";
}

sub uniqueness {
    my $r = post();
    my $name = $r->{json}{userName};
    my $count = total('userName pr');
    refused('UNIQ-01', post(userName => $name), '409 uniqueness', 'a userName that is taken');
    refused('UNIQ-02', post(userName => uc $name), '409 uniqueness', 'a userName that is taken in another case');
    refused('POST-05, INTOP-21, ERR-06', post(userName => $name), '409 uniqueness', 'a conflict');
    like post(userName => $name)->{json}{detail}, qr/\Q$name/, "INTOP-21: the detail names the value ($mode)";
    is total('userName pr'), $count, "UNIQ-01: nothing was created ($mode)";
    refused('ERR-06', put(post()->{json}{id}, user(userName => $name)), '409 uniqueness', 'PUT to a name that is taken');
    refused('ERR-06, PATCH-20', patch(post()->{json}{id}, op('replace', 'userName', $name)), '409 uniqueness', 'PATCH to a name that is taken');
}

sub creation {
    my $minimal = { schemas => [CORE], userName => $org->{profile} eq 'open' && user_name() };
    my $r = $org->post('/Users', $minimal, profile => $mode);
    refused('POST-01', $r, '201', 'the minimal body');
    $r = $org->post('/Users', { %$minimal, userName => user_name(), displayName => 'x' }, profile => $mode);
    is_deeply get($r->{json}{id})->{json}, $r->{json}, "POST-01, POST-02: 201 has the whole representation ($mode)";
    is $r->{headers}{etag}, $r->{json}{meta}{version}, "POST-06, EX-55, ETAG-02: and its version as ETag ($mode)";
    is total(qq(userName eq "$r->{json}{userName}")), 1, "INTOP-02: a new account is found at once ($mode)";
    $r = post(externalId => my $external = random_name());
    is total(qq(externalId eq "$external")), 1, "INTOP-02: by its externalId too ($mode)";
}

sub replacement {
    my $r = post(title => 'T', nickName => 'N', name => { givenName => 'G', familyName => 'F' }, emails => [{ value => 'a@b.c', type => 'work' }, { value => 'd@e.f', type => 'home' }]);
    my $user = $r->{json};
    my %keep = (userName => $user->{userName});
    my $put = put($user->{id}, user(%keep, title => 'U', name => { givenName => 'B' }, emails => [{ value => 'g@h.i', type => 'work' }]));
    stored('PUT-01, PUT-02, HTTP-06', $put, 200, { title => 'U', emails => [{ value => 'g@h.i', type => 'work' }] }, 'the given values replace the old ones, lists as a whole');
    is_deeply $put->{json}{name}, { givenName => 'B' }, "PUT-10: a complex attribute is replaced as a whole ($mode)";
    is $put->{headers}{location} // $put->{json}{meta}{location}, $user->{meta}{location}, "PUT-01, INTOP-21: it has the Location ($mode)";
    isnt $put->{headers}{etag}, $r->{headers}{etag}, "PUT-01: and a new ETag ($mode)";
    $put = put($user->{id}, user(%keep, title => undef, emails => []));
    ok !grep({ exists $put->{json}{$_} } qw(title emails)), "PUT-05: null and [] clear ($mode)";
    $put = put($user->{id}, user(%keep, id => 'other', groups => [{ value => 'g' }], meta => { created => '2001-01-01T00:00:00Z' }));
    is_user($put, 200, { id => $user->{id} }, "PUT-06: readOnly members are ignored ($mode)");
    is $put->{json}{meta}{created}, $user->{meta}{created}, "PUT-06: with what they say ($mode)";
    put($user->{id}, user(%keep, timezone => 'Asia/Tokyo'));
    refused("PUT-07 same", put($user->{id}, user(%keep, timezone => 'Asia/Tokyo')), '200', 'the same value again for what is immutable');
    refused('PUT-07 other', put($user->{id}, user(%keep, timezone => 'Europe/Paris')), '200', 'another value');
    is get($user->{id})->{json}{timezone}, expected($mode, 'PUT-07', 'Europe/Paris'), "PUT-07: another value ($mode)";
    my $version = get($user->{id})->{headers}{etag};
    refused('PUT-08', put($user->{id}, { schemas => [CORE], displayName => 'x' }), '400 invalidValue', 'a required attribute is missing');
    is get($user->{id})->{headers}{etag}, $version, "PUT-08: nothing has changed ($mode)";
    my $nobody = '00000000-0000-4000-8000-000000000000';
    refused('PUT-09', put($nobody, user()), '404', 'an unknown id');
    refused('PUT-09', get($nobody), '404', 'which is not created');
    refused('PUT-11', put($user->{id}, user(%keep), headers => { 'If-Match' => 'W/"0"' }), '412', 'another version');
    refused('PUT-11', put($user->{id}, user(%keep), headers => { 'If-Match' => $version }), '200', 'the present version');
    my %whole = (%{ get($user->{id})->{json} }, password => 'x', groups => [], title => 'pushed');
    is_user(put($user->{id}, \%whole), 200, { title => 'pushed' }, "PUT-14, INTOP-16: the whole profile as Okta pushes it ($mode)");
}

sub deletion {
    my $user = post()->{json};
    my $cursor = $org->get('/Users?cursor&count=25', profile => $mode)->{json}{nextCursor};
    my $r = $org->delete("/Users/$user->{id}", profile => $mode);
    is $r->{status}, 204, "DEL-01, INTOP-07: DELETE is 204 ($mode)";
    is length($r->{content}) + defined($r->{headers}{'content-type'}), 0, "DEL-01: without a body and its type ($mode)";
    refused('INTOP-07', $org->delete("/Users/$user->{id}", profile => $mode), '404', 'again');
    is total($_), 0, "DEL-03: it is not found by its name or id ($mode)" for qq(userName eq "$user->{userName}"), qq(id eq "$user->{id}");
    my @seen;
    while ($cursor) {
        my $page = $org->get('/Users?count=25&cursor=' . uri($cursor), profile => $mode);
        last if !is $page->{status}, 200, "DEL-03: a cursor begun earlier goes on ($mode)";
        push @seen, map { $_->{id} } @{ $page->{json}{Resources} };
        $cursor = $page->{json}{nextCursor};
    }
    ok !grep({ $_ eq $user->{id} } @seen), "DEL-03: nor by that cursor ($mode)";
    my $again = post(userName => $user->{userName});
    is $again->{status}, 201, "DEL-04: the name is free at once ($mode)";
    isnt $again->{json}{id}, $user->{id}, "DEL-04: the id is not given again ($mode)";
}

sub versions {
    my $r = post(displayName => 'Versions');
    my ($id, $etag) = ($r->{json}{id}, $r->{headers}{etag});
    like $etag, qr{^W/"[^"]+"$}, "ETAG-03: the tag is weak ($mode)";
    my @answers = ($r, get($id), $org->request(HEAD => "/Users/$id", profile => $mode), put($id, user(title => 'p')), patch($id, op('add', 'title', 'q')));
    is_deeply [map { ref $_->{json} && $_->{json}{meta}{version} eq $_->{headers}{etag} ? 1 : $_->{headers}{etag} ? 'header' : 0 } @answers], [1, 1, 'header', 1, 1],
        "ETAG-01, ETAG-02: every answer of one resource has it, in meta.version too ($mode)";
    $etag = $answers[4]{headers}{etag};
    my $r304 = get($id, '', headers => { 'If-None-Match' => $etag });
    is "$r304->{status}$r304->{content}", '304', "ETAG-05, EX-56: the present version is 304 and no body ($mode)";
    my $r200 = get($id);
    is $r304->{headers}{$_}, $r200->{headers}{$_}, "ETAG-05: with $_ as the 200 has it ($mode)" for qw(etag cache-control vary content-location);
    is get($id, '?attributes=displayName', headers => { 'If-None-Match' => $etag })->{status}, 304, "ETAG-07: the version is the resource's, not the projection's ($mode)";
    refused('ETAG-13', put($id, user(), headers => { 'If-Match' => qq("a", $etag) }), '200', 'one of several tags matches');
    $etag = get($id)->{headers}{etag};
    refused('ETAG-15', get($id, '', headers => { 'If-Match' => 'W/"0"', 'If-None-Match' => $etag }), '412', 'If-Match goes before If-None-Match');
    is get($id, '', headers => { 'If-Match' => $etag, 'If-None-Match' => $etag })->{status}, 304, "ETAG-15: and then that ($mode)";
    my $bulk = $org->post('/Bulk', { schemas => [BULK], Operations => [{ method => 'DELETE', path => "/Users/$id", version => 'W/"0"' }] }, profile => $mode);
    is $bulk->{json}{Operations}[0]{status}, '412', "ETAG-23: version in bulk is If-Match ($mode)" or diag $bulk->{content};
}

sub paging {
    my $r = $org->get('/Users?startIndex=1&count=2', profile => $mode);
    my $json = $JSON->encode($r->{json});
    like $json, qr/"$_":\d+[,}]/, "PAGE-01: $_ is an integer ($mode)" for qw(totalResults startIndex itemsPerPage);
    is_deeply $r->{json}{schemas}, [LIST], "PAGE-01: the message is a ListResponse ($mode)";
    my $none = $org->get('/Users?filter=' . uri('userName eq "nobody"'), profile => $mode);
    is_deeply [$none->{status}, @{ $none->{json} }{qw(totalResults itemsPerPage Resources)}], [200, 0, 0, []], "PAGE-02: nothing found is an empty list ($mode)";
    my $before = $org->get('/Users?startIndex=2&count=1', profile => $mode);
    post();
    is $org->get('/Users?startIndex=2&count=1', profile => $mode)->{status}, 200, "PAGE-13: a creation between pages is not an error ($mode)";
    is $before->{status}, 200, "PAGE-13: paging needs no session ($mode)";
}

for (modes()) {
    $mode = $_;
    types();
    characteristics();
    resources();
    uniqueness();
    creation();
    replacement();
    deletion();
    versions();
    paging();
}
unlike join('', map { join '', @$_ } sql('SELECT attributes::text FROM scim.account')), qr/Pass-\w+\@example/, 'SEC-05, ATTR-30: no password is in the database';
unlike join('', map { join '', @$_ } sql('SELECT e::text FROM scim.event e')), qr/Pass-\w+\@example/, 'SEC-05, ATTR-30: nor in an event';
unlike error_log(), qr/Pass-\w+\@example/, 'SEC-05, ATTR-30: nor in the log';
done_testing;
