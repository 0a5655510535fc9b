# SPDX-License-Identifier: Apache-2.0
# The examples of RFC 7643 and RFC 7644 as tests, in the four modes.  Those of
# filters are in 60-filters.t, of PATCH in 62-patch.t, of the discovery
# endpoints in 63-protocol.t.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use Scim::Test;
use Scim::Modes;

my ($org, $mode);

sub post { my ($body) = @_; return $org->post('/Users', $body, profile => $mode) }
sub get { my ($path, %o) = @_; return $org->get($path, profile => $mode, %o) }
sub user { return { schemas => [CORE], userName => user_name(), displayName => 'Test User', @_ } }

# RFC 7643 section 8.2; every mode takes an address as userName.
sub full_user {
    my ($name) = @_;
    my $address = sub { my ($type, $street, @more) = @_;
        return { type => $type, streetAddress => $street, locality => 'Hollywood', region => 'CA', postalCode => '91608', country => 'US',
                 formatted => "$street\nHollywood, CA 91608 US", @more } };
    return {
        schemas => [CORE], id => '2819c223-7f76-453a-919d-413861904646', externalId => '701984', userName => $name,
        name => { formatted => 'Ms. Barbara J Jensen, III', familyName => 'Jensen', givenName => 'Barbara', middleName => 'Jane',
                  honorificPrefix => 'Ms.', honorificSuffix => 'III' },
        displayName => 'Babs Jensen', nickName => 'Babs', profileUrl => 'https://login.example.com/bjensen',
        emails => [{ value => 'bjensen@example.com', type => 'work', primary => TRUE }, { value => 'babs@jensen.org', type => 'home' }],
        addresses => [$address->('work', '100 Universal City Plaza', primary => TRUE), $address->('home', '456 Hollywood Blvd')],
        phoneNumbers => [{ value => '555-555-5555', type => 'work' }, { value => '555-555-4444', type => 'mobile' }],
        ims => [{ value => 'someaimhandle', type => 'aim' }],
        photos => [map { { value => "https://photos.example.com/profilephoto/72930000000Ccne/$_->[0]", type => $_->[1] } } ['F', 'photo'], ['T', 'thumbnail']],
        userType => 'Employee', title => 'Tour Guide', preferredLanguage => 'en-US', locale => 'en-US', timezone => 'America/Los_Angeles',
        active => TRUE, password => 't1meMa$heen',
        groups => [{ value => 'e9e30dba-f08f-4109-8486-d5c6a331660a', '$ref' => '../Groups/e9e30dba-f08f-4109-8486-d5c6a331660a', display => 'Tour Guides' }],
        x509Certificates => [{ value => "MIIDQzCCAqygAwIBAgICEAAwDQYJKoZIhvcNAQEFBQAwTjELMAkGA1UEBhMCVVMxEzARBgNVBAgMCkNhbGlmb3JuaWExFDASBgNVBAoMC2V4YW1wbGUuY29tMRAwDgYD" }],
        meta => { resourceType => 'User', created => '2010-01-23T04:56:22Z', lastModified => '2011-05-13T04:42:34Z', version => 'W/"a330bc54f0671c9"',
                  location => 'https://example.com/v2/Users/2819c223-7f76-453a-919d-413861904646' },
    };
}

sub users {
    my $r = post({ schemas => [CORE], userName => user_name() });
    is_outcome($mode, $r, 'POST-01', '201', 'EX-01: the minimal User');
    $r = post({ schemas => [CORE], userName => user_name(), displayName => 'x' });
    is_deeply [sort grep { !/^(?:displayName|roles)$/ } keys %{ $r->{json} }], [qw(active id meta schemas userName)], "EX-01: its members ($mode)";

    my $sent = full_user(user_name());
    $r = post($sent);
    is $r->{status}, 201, "EX-02, POST-07: the full User ($mode)" or diag $r->{content};
    my $got = get("/Users/$r->{json}{id}")->{json};
    my %wanted = %$sent;
    delete @wanted{qw(id meta password groups)};
    delete $got->{$_} for qw(id meta);
    delete $got->{roles} if $mode !~ /open/;
    is_deeply $got, \%wanted, "EX-02, POST-07: all of it is read back but password and groups ($mode)";

    my $manager = post(user())->{json};
    my %work = (employeeNumber => '701984', costCenter => '4130', organization => 'Universal Studios', division => 'Theme Park', department => 'Tour Operations');
    $r = post({ %{ full_user(user_name()) }, schemas => [CORE, ENT],
                ENT() => { %work, manager => { value => $manager->{id}, '$ref' => "../Users/$manager->{id}", displayName => 'John Smith' } } });
    my $url = $org->url($mode) . "/Users/$manager->{id}";
    is_deeply $r->{json}{+ENT}, { %work, manager => { value => $manager->{id}, '$ref' => $url } }, "EX-03, POST-08: the Enterprise User, without the manager's name ($mode)"
        or diag $r->{content};
    is $org->request('GET', '', target => $url =~ s{^http://[^/]+}{}r)->{json}{id}, $manager->{id}, "EX-03: its \$ref leads to the manager ($mode)";
}

# name type mv mutability returned uniqueness canonicalValues, as TBL-2, TBL-3
# and TBL-5 of the checklist have them.
sub flat {
    my ($prefix, $attributes) = @_;
    return map {
        my $a = $_;
        (join(' ', "$prefix$a->{name}", $a->{type}, $a->{multiValued} ? 'many' : 'one', $a->{mutability}, $a->{returned}, $a->{uniqueness} // '-',
              $a->{required} ? 'required' : 'optional', @{ $a->{canonicalValues} || [] }),
         flat("$prefix$a->{name}.", $a->{subAttributes} || []))
    } @$attributes;
}

sub schemas {
    my ($rw, $contact) = ('readWrite default none optional', sub { my ($name, $value, @types) = @_;
        return ("$name complex many readWrite default - optional", "$name.value $value one readWrite default none optional",
                "$name.display string one readWrite default none optional",
                join(' ', "$name.type string one readWrite default none optional", @types), "$name.primary boolean one readWrite default - optional") });
    my $strings = sub { my ($prefix, @names) = @_; return map { "$prefix$_ string one $rw" } @names };
    my @user = (
        'userName string one readWrite default server required', $strings->('', qw(externalId displayName nickName title userType preferredLanguage locale timezone)),
        'name complex one readWrite default - optional', $strings->('name.', qw(formatted familyName givenName middleName honorificPrefix honorificSuffix)),
        "profileUrl reference one $rw", 'active boolean one readWrite default - optional',
        $contact->('emails', 'string', qw(work home other)), $contact->('phoneNumbers', 'string', qw(work home mobile fax pager other)),
        $contact->('ims', 'string', qw(aim gtalk icq xmpp msn skype qq yahoo other)), $contact->('photos', 'reference', qw(photo thumbnail)),
        'addresses complex many readWrite default - optional', $strings->('addresses.', qw(formatted streetAddress locality region postalCode country)),
        "addresses.type string one $rw work home other", 'addresses.primary boolean one readWrite default - optional',
        'groups complex many readOnly default - optional', 'groups.value string one readOnly default none optional',
        'groups.$ref reference one readOnly default none optional', 'groups.display string one readOnly default none optional',
        'groups.type string one readOnly default none optional direct indirect',
        (map { $contact->($_, 'string') } qw(entitlements roles)), $contact->('x509Certificates', 'binary'));
    my @enterprise = ($strings->('', qw(employeeNumber costCenter organization division department)), 'manager complex one readWrite default - optional',
        $strings->('manager.', 'value'), "manager.\$ref reference one $rw", 'manager.displayName string one readOnly default none optional');
    my %has = map { $_->{id} => $_ } @{ get('/Schemas')->{json}{Resources} };
    my @got = flat('', $has{ (CORE) }{attributes});
    if ($mode !~ /open/) {
        s/^(preferredLanguage|timezone)(.*)immutable/$1$2readWrite/, s/^(displayName.*)required/$1optional/ for @got;
    }
    is_deeply [sort @got], [sort @user], "EX-06: the User schema ($mode)";
    is_deeply [sort(flat('', $has{ (ENT) }{attributes}))], [sort @enterprise], "EX-07: the Enterprise User schema ($mode)";
    my %config = map { $_ => 1 } flat('', $has{'urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig'}{attributes});
    ok $config{$_}, "EX-08: ServiceProviderConfig has '$_' ($mode)"
        for 'documentationUri reference one readOnly default none optional', 'patch complex one readOnly default - required', 'patch.supported boolean one readOnly default - required',
            (map { "bulk.$_ integer one readOnly default none required" } qw(maxOperations maxPayloadSize)), 'filter.maxResults integer one readOnly default none required',
            (map { "$_.supported boolean one readOnly default - required" } qw(bulk filter changePassword sort etag)),
            'authenticationSchemes complex many readOnly default - required', 'authenticationSchemes.name string one readOnly default none required';
    my @names = map { my $urn = "urn:ietf:params:scim:schemas:core:2.0:$_"; [map { $_->{name} } @{ $has{$urn}{attributes} }] } qw(ResourceType Schema);
    is_deeply [map { [sort @$_] } @names], [[qw(description endpoint id name schema schemaExtensions)], [qw(attributes description id name)]],
        "EX-08: ResourceType and Schema have their attributes ($mode)";
}

sub retrieval {
    my $name = user_name();
    my $r = post({ schemas => [CORE], userName => $name, externalId => 'bjensen', displayName => 'x',
                   name => { formatted => 'Ms. Barbara J Jensen III', familyName => 'Jensen', givenName => 'Barbara' } });
    is $r->{status}, 201, "EX-09: POST of bjensen ($mode)";
    like $r->{headers}{location}, qr{/Users/\Q$r->{json}{id}\E$}, "EX-09: Location ($mode)";
    is $r->{headers}{etag}, $r->{json}{meta}{version}, "EX-09: ETag ($mode)";
    my $got = get("/Users/$r->{json}{id}");
    is $got->{status}, 200, "EX-10, GET-01: it is retrieved ($mode)";
    is $got->{headers}{$_}, $r->{headers}{$_}, "EX-10, GET-01: with $_ ($mode)" for qw(etag location);
    is_deeply $got->{json}, $r->{json}, "EX-10, GET-01: as it was answered ($mode)";

    my $put = sub { my ($tag, %more) = @_; return $org->put("/Users/$r->{json}{id}", { schemas => [CORE], userName => $name, displayName => 'x', externalId => 'bjensen', %more },
                                                         profile => $mode, headers => { 'If-Match' => $tag }) };
    my %body = (roles => [], name => { formatted => 'Ms. Barbara J Jensen III', familyName => 'Jensen', givenName => 'Barbara', middleName => 'Jane' },
                emails => [{ value => 'bjensen@example.com' }, { value => 'babs@jensen.org' }]);
    my $changed = $put->($r->{headers}{etag}, %body);
    is_user($changed, 200, { name => $body{name}, emails => $body{emails} }, "EX-31: PUT with If-Match ($mode)");
    is_deeply $changed->{json}{roles}, expected($mode, 'EX-31', undef), "EX-31: an empty list of roles ($mode)";
    isnt $changed->{headers}{etag}, $r->{headers}{etag}, "EX-31: a new ETag ($mode)";
    is $put->($r->{headers}{etag}, %body)->{status}, 412, "EX-31: the old one is stale ($mode)";
    my $deleted = $org->delete("/Users/$r->{json}{id}", profile => $mode, headers => { 'If-Match' => $changed->{headers}{etag} });
    is $deleted->{status}, 204, "EX-43: DELETE with If-Match ($mode)";
    is_error(get("/Users/$r->{json}{id}"), 404, undef, "EX-43: it is gone ($mode)");
}

sub pages {
    my $r = get('/Users?startIndex=1&count=10&filter=' . uri('title eq "page"'));
    is_deeply [@{ $r->{json} }{qw(totalResults itemsPerPage startIndex)}], [100, 10, 1], "EX-29: the first ten of a hundred ($mode)";
    my $next = get('/Users?startIndex=11&count=10&filter=' . uri('title eq "page"'));
    is_deeply [@{ $next->{json} }{qw(totalResults itemsPerPage startIndex)}], [100, 10, 11], "EX-29: the next ten ($mode)";
    my %seen = map { $_->{id} => 1 } map { @{ $_->{json}{Resources} } } $r, $next;
    is keys %seen, 20, "EX-29: are others ($mode)";
}

sub bulk {
    my ($operations, %more) = @_;
    return $org->post('/Bulk', { schemas => [BULK], Operations => $operations, %more }, profile => $mode);
}

sub manager_of { my ($id) = @_; return get("/Users/$id")->{json}{+ENT}{manager}{value} }
sub operation { my ($method, $path, %more) = @_; return { method => $method, path => $path, %more } }
sub id_of { my ($result) = @_; return $result->{location} =~ s{.*/}{}r }
sub report_to { my ($bulk_id) = @_; return user(schemas => [CORE, ENT], ENT() => { manager => { value => "bulkId:$bulk_id" } }) }

sub bulk_references {
    my $r = bulk([operation('POST', '/Users', bulkId => 'qwerty', data => report_to('ytrewq')), operation('POST', '/Users', bulkId => 'ytrewq', data => report_to('qwerty'))]);
    is_deeply [map { $_->{status} } @{ $r->{json}{Operations} }], ['201', '201'], "EX-44: two Users that refer to each other ($mode)" or diag $r->{content};
    my ($first, $second) = map { id_of($_) } @{ $r->{json}{Operations} };
    is_deeply [map { manager_of($_) } $first, $second], [$second, $first], "EX-44: both references are ids ($mode)";
    $r = bulk([operation('POST', '/Users', bulkId => 'alice', data => user()), operation('POST', '/Users', bulkId => 'bob', data => report_to('alice'))]);
    my ($alice, $bob) = map { id_of($_) } @{ $r->{json}{Operations} };
    is manager_of($bob), $alice, "EX-45, EX-46: Bob's manager is Alice, made in the same request ($mode)";
    is_deeply [map { $_->{bulkId} } @{ $r->{json}{Operations} }], [qw(alice bob)], "EX-46: with their bulkIds ($mode)";
}

sub bulk_answers {
    my ($put, $patch, $delete) = map { post(user())->{json} } 1 .. 3;
    my $operations = sub { my ($post, $version) = @_; return [
        operation('POST', '/Users', bulkId => 'qwerty', data => $post),
        operation('PUT', "/Users/$put->{id}", version => $version, data => user(userName => $put->{userName}, title => 'put')),
        operation('PATCH', "/Users/$patch->{id}", version => $version, data => { schemas => [PATCHOP], Operations => [{ op => 'remove', path => 'nickName' }, { op => 'replace', path => 'title', value => 'T' }] }),
        operation('DELETE', "/Users/$delete->{id}", version => $version)] };
    my $statuses = sub { return [map { $_->{status} } @{ $_[0]{json}{Operations} }] };
    my $name = $put->{userName};
    my $r = bulk($operations->(user(userName => $name), 'W/"1"'), failOnErrors => 1);
    is_deeply $statuses->($r), ['409'], "EX-48: the first error ends it ($mode)" or diag $r->{content};
    $r = bulk($operations->({ schemas => [CORE] }, 'W/"1"'), failOnErrors => 1);
    is_deeply $statuses->($r), ['400'], "EX-48: as does an invalid POST ($mode)";
    is $r->{json}{Operations}[0]{response}{schemas}[0], ERROR_URN, "EX-48: with the Error as its response ($mode)";
    is get("/Users/$delete->{id}")->{status}, 200, "EX-48: the rest is not run ($mode)";
    $r = bulk($operations->(user(), 'W/"1"'), failOnErrors => 1);
    is_deeply $statuses->($r), [qw(201 200 200 204)], "EX-47: four methods, each with its version ($mode)" or diag $r->{content};
    is_deeply [map { $_->{version} } @{ $r->{json}{Operations} }], ['W/"1"', 'W/"2"', 'W/"2"', undef], "EX-47: the new versions ($mode)";
    is_deeply [map { $_->{location} =~ m{/Users/[0-9a-f-]+$} ? 1 : 0 } @{ $r->{json}{Operations} }], [1, 1, 1, 1], "EX-47: and locations ($mode)";
    $r = bulk($operations->({ schemas => [CORE] }, 'W/"0"'));
    is $r->{status}, 200, "EX-49: errors in operations leave the request a success ($mode)";
    is_deeply $statuses->($r), [qw(400 412 412 404)], "EX-49: each has its own ($mode)";
    is_deeply [map { $_->{response}{status} } @{ $r->{json}{Operations} }], [qw(400 412 412 404)], "EX-49: with an Error each ($mode)";
    $r = bulk([operation('POST', '/Users', bulkId => 'big', data => user(title => 'x' x 1_100_000))]);
    is_error($r, 413, undef, "EX-50: a request that is too large ($mode)");
    like $r->{json}{detail}, qr/maxPayloadSize/, "EX-50: names the limit ($mode)";
}

$org = organization(profile => 'open');
my $hundred = $org->post('/Bulk', { schemas => [BULK], Operations => [map { operation('POST', '/Users', bulkId => "u$_", data => user(title => 'page')) } 1 .. 100] });
is scalar(grep { $_->{status} eq '201' } @{ $hundred->{json}{Operations} }), 100, 'a hundred Users in one request';
for (modes()) {
    $mode = $_;
    users();
    schemas();
    retrieval();
    pages();
    bulk_references();
    bulk_answers();
}
done_testing;
