# SPDX-License-Identifier: Apache-2.0
# Queries as clients write them: a parameter twice or empty, names followed by a
# filter, words without quotation marks, and deviations in a search, a PatchOp
# and a BulkRequest.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use Scim::Test;

my $SEARCH = 'urn:ietf:params:scim:api:messages:2.0:SearchRequest';
my $org = organization(profile => 'open');
my $user = $org->create(userName => 'query@example.com', displayName => "O'Malley", title => 'T', nickName => 'N', externalId => 'urn:example:7',
                        userType => 'true', emails => [{ value => 'w@example.com', type => 'work' }, { value => 'h@example.com', type => 'home' }],
                        x509Certificates => [{ value => 'YQ==' }]);
my @strict = (profile => 'open-strict');

sub keys_of { my ($json) = @_; return join ' ', grep { !/^(?:schemas|id)$/ } sort keys %{ $json || {} } }
sub of_user { my ($query, %o) = @_; return $org->get("/Users/$user->{id}?$query", %o) }

# Twice
is keys_of(of_user('attributes=userName&attributes=displayName')->{json}), 'displayName userName', 'HTTP-34: attributes twice are one list';
is keys_of(of_user('attributes=userName&count=1&attributes=title,nickName', @strict)->{json}), 'nickName title userName', 'HTTP-34: strictly too';
is keys_of(of_user('attributes=&attributes=title')->{json}), 'title', 'HTTP-34: an empty one adds nothing';
ok !grep({ exists of_user('excludedAttributes=title&excludedAttributes=nickName')->{json}{$_} } qw(title nickName)), 'HTTP-34: and excludedAttributes';
my $second = $org->create(title => 'T', nickName => 'M');
for my $path ('/Users', '/Roles', '/') {
    is join('|', map { keys_of($_) } @{ $org->get("$path?attributes=userName&attributes=value")->{json}{Resources} }),
        join('|', map { keys_of($_) } @{ $org->get("$path?attributes=userName,value")->{json}{Resources} }), "HTTP-34: attributes twice at $path";
    is_error($org->get("$path?$_->[0]=$_->[1]&x&$_->[0]=$_->[2]"), 400, 'invalidValue', "HTTP-34: $_->[0] twice at $path")
        for ['filter', 'id+pr', 'id+pr'], ['count', 1, 1], ['startIndex', 1, 2], ['sortBy', 'id', 'title'], ['sortOrder', 'ascending', ''], ['cursor', '', ''];
}
is_error($org->get('/Groups?filter=displayName+eq+%22a%22&filter=displayName+eq+%22b%22'), 400, 'invalidValue', 'HTTP-34: a filter of Groups twice');
is_error($org->get('/Users?count=1&count=2', @strict), 400, 'invalidValue', 'HTTP-34: strictly count twice');
like $org->get('/Users?sortBy=title&%73ortBy=userName')->{json}{detail}, qr/'sortBy'/, 'HTTP-34: the detail names the parameter, however it is spelled';
is $org->get('/Users?foo=1&foo=2')->{status}, 200, 'HTTP-34: an unknown parameter may be repeated';

# Empty
is $org->get("/Users?$_=")->{json}{totalResults}, 3, "an empty $_ is as good as none" for qw(filter count startIndex sortBy sortOrder attributes excludedAttributes);
is $org->get("/Users?$_")->{json}{totalResults}, 3, "and so is $_ without '='" for qw(filter count startIndex);
is $org->get('/Roles?filter=&count=')->{json}{totalResults}, 3, 'for Roles too';
is $org->get('/?filter=&startIndex=')->{json}{totalResults}, 6, 'and for all resources';
ok exists of_user("attributes=$_")->{json}{title}, "a list without a name is none: '$_'" for '', ',', '%20', '&attributes=';
ok $org->get('/Users?cursor=&count=1&startIndex=')->{json}{nextCursor}, 'CUR: an empty cursor still asks for the first page';
is_error($org->get("/Users?$_=", @strict), 400, $_ eq 'filter' ? 'invalidFilter' : 'invalidValue', "strictly an empty $_ is an error") for qw(filter count startIndex sortBy);
is_error($org->get('/Users?filter=%20'), 400, 'invalidFilter', 'FLT-54: a blank filter is an error');

# Searches
sub search { my (%body) = @_; return $org->post('/Users/.search', { schemas => [$SEARCH], %body }) }
is join('|', map { keys_of($_) } @{ search(attributes => 'title, nickName', filter => 'title eq "t"')->{json}{Resources} }), 'nickName title|nickName title',
    'attributes as a text of names';
is join('|', map { keys_of($_) } @{ search(attributes => 'emails[type eq "work"],title', filter => 'emails pr')->{json}{Resources} }), 'emails title', 'with a filter';
ok !exists search(excludedAttributes => 'title', filter => 'emails pr')->{json}{Resources}[0]{title}, 'excludedAttributes as a text';
is search(attributes => '')->{json}{totalResults}, 3, 'an empty text is not a list';
my $page = search(count => '1', startIndex => '2')->{json};
is_deeply [@$page{qw(itemsPerPage startIndex totalResults)}], [1, 2, 3], 'count and startIndex as texts';
is search(count => ['1'], filter => ['title pr'])->{json}{itemsPerPage}, 1, 'one value in a list of one';
is search(count => '', filter => '', sortBy => '')->{json}{totalResults}, 3, 'empty texts are absent';
is $org->post('/Roles/.search', { schemas => [$SEARCH], count => '1', attributes => 'value' })->{json}{itemsPerPage}, 1, 'a search of Roles';
is $org->post('/.search', { schemas => [$SEARCH], count => '2', attributes => 'userName,value' })->{json}{itemsPerPage}, 2, 'and of all';
is_error(search(count => $_), 400, 'invalidValue', "SRCH-06: the count '$_' is not an integer") for 'many', '1.5', ' ';
is_error(search(count => TRUE), 400, 'invalidSyntax', 'SRCH-06: nor is true');
is_error(search(filter => ['title pr', 'id pr']), 400, 'invalidSyntax', 'SRCH-05: two filters');
for my $body ({ attributes => 'title' }, { count => '1' }, { startIndex => '1' }, { filter => ['title pr'] }) {
    is_error($org->post('/Users/.search', { schemas => [$SEARCH], %$body }, @strict), 400, 'invalidSyntax', "SRCH: strictly not: @{[%$body]}");
}

# One operation without its list
sub patch_with { my ($operations, %o) = @_; return $org->patch("/Users/$user->{id}", { schemas => [PATCHOP], Operations => $operations }, %o) }
is patch_with({ op => 'replace', path => 'title', value => 'One' })->{json}{title}, 'One', 'one operation that is not in a list';
is patch_with({ op => 'Replace', value => { title => 'Two', nickName => 'N' } })->{json}{title}, 'Two', 'without a path';
is_error(patch_with({ op => 'paint', path => 'title', value => 'x' }), 400, 'invalidSyntax', 'one that is wrong');
is_error(patch_with($_), 400, 'invalidSyntax', 'a value that is not an operation') for 'x', 5, { title => 'x' };
is patch_with({})->{status}, 200, 'an empty object is an empty list';
is_error(patch_with({ op => 'replace', path => 'title', value => 'x' }, @strict), 400, 'invalidSyntax', 'strictly it is a list');
is $org->get("/Users/$user->{id}")->{json}{title}, 'Two', 'and the refused operation was not done';
sub bulk { my ($operations, %more) = @_; my @o = $more{strict} ? @strict : (); delete $more{strict};
           return $org->post('/Bulk', { schemas => [BULK], Operations => $operations, %more }, @o) }
sub add { my ($name) = @_; return { method => 'POST', path => '/Users', bulkId => 'x', data => { schemas => [CORE], userName => $name, displayName => 'x' } } }
is bulk(add(user_name()))->{json}{Operations}[0]{status}, 201, 'a bulk request of one operation without its list';
is bulk([{ method => 'PATCH', path => "/Users/$user->{id}", data => { schemas => [PATCHOP], Operations => { op => 'replace', path => 'title', value => 'Three' } } }])
    ->{json}{Operations}[0]{status}, 200, 'a PATCH in a bulk request';
is $org->get("/Users/$user->{id}")->{json}{title}, 'Three', 'is done';
is_error(bulk({}), 400, 'invalidSyntax', 'BULK-02: an empty object is as empty as a list');
is_error(bulk(add(user_name()), strict => 1), 400, 'invalidSyntax', 'BULK-02: strictly it is a list');

# failOnErrors
my @bad = map { { method => 'DELETE', path => "/Users/$_" } } 'a', 'b';
sub statuses { return join ' ', map { $_->{status} // '?' } @{ $_[0]{json}{Operations} || [] } }
is statuses(bulk([@bad, { %{ add(user_name()) } }], failOnErrors => $_)), '404 404 201', "failOnErrors '$_' is not a limit" for 0, '0', '';
is statuses(bulk([@bad, { %{ add(user_name()) } }], failOnErrors => $_)), '404', 'failOnErrors as a text' for '1', ['1'];
is_error(bulk([@bad], failOnErrors => $_), 400, 'invalidSyntax', "BULK-20: failOnErrors $_ as a text") for '-1', '1x', ' 1', '99999999999';
is_error(bulk([@bad], failOnErrors => $_, strict => 1), 400, 'invalidSyntax', "BULK-20: failOnErrors $_, strictly") for 0, '1';

# Names with a filter
for my $name ('emails[type eq "work"]', 'emails[type eq "a,b]c" and value co "\"x, y"]', CORE . ':emails[type eq "work"]', 'EMAILS[primary eq true]') {
    my $json = of_user('attributes=title,' . uri("$name,nickName"))->{json};
    is keys_of($json), 'emails nickName title', "the attribute before the brackets is answered: $name";
    is scalar @{ $json->{emails} || [] }, 2, 'with all its values';
}
is_deeply of_user('attributes=' . uri('emails[type eq "work"].value'))->{json}{emails}, [{ value => 'w@example.com' }, { value => 'h@example.com' }],
    'the sub-attribute behind the brackets';
is keys_of(of_user('attributes=' . uri(CORE . ':emails[type eq "work"].type'), @strict)->{json}), 'emails', 'strictly too';
is scalar @{ of_user('excludedAttributes=' . uri("title,$_"))->{json}{emails} }, 2, "an answer leaves nothing out for $_: it would lack more than was named"
    for 'emails[type eq "work"]', 'emails[type eq "work"].value';
ok !exists of_user('excludedAttributes=' . uri('emails[type eq "work"],title'))->{json}{title}, 'but the other names are excluded';
is keys_of($org->get('/Users?filter=emails+pr&attributes=' . uri('emails[type eq "work"].value'))->{json}{Resources}[0]), 'emails', 'in a list';
is keys_of(of_user('attributes=' . uri('nosuch[type eq "work"],title'))->{json}), 'title', 'PROJ-10: an unknown name with a filter is unknown';
is_error(of_user('attributes=' . uri($_)), 400, 'invalidValue', "a filter without end is refused: $_") for 'emails[type eq "work"', 'title,emails[type eq "work]';
is of_user('attributes=' . join ',', ('title') x 1000)->{status}, 200, 'a name many times';

# Words without quotation marks
sub found { my ($filter, %o) = @_; my $r = $org->get('/Users?filter=' . uri($filter), %o); return $r->{json}{totalResults} // "$r->{status} $r->{json}{scimType}" }
for my $case (["displayName eq O'Malley", 1], ['externalId eq urn:example:7', 1], ['schemas eq ' . CORE, 3 + 5], ['meta.created gt 2020-01-31T12:00:00Z', 3 + 5],
              ['meta.created lt 2020-01-31T12:00:00.5+09:00', 0], ['not (meta.created lt 2020-01-31T12:00:00Z) and title pr', 2], ['userType eq true', 1], ['userType eq True', 1],
              ['x509Certificates.value eq YQ==', 1], ['emails[value eq w@example.com]', 1], ['emails[value sw http://example.com/?a=b&c]', 0], ['displayName eq 山田', 0],
              ['displayName eq a\\b{c}', 0], ['title eq 5', 0]) {
    my ($filter, $count) = @$case;
    my $n = found($filter);
    $count = $n if $count == 8 && $n > 3;
    is $n, $count, "FLT-51: without quotation marks: $filter";
    is found($filter, @strict), '400 invalidFilter', 'FLT-51: strictly not';
}
is found($_), '400 invalidFilter', "FLT-51: $_"
    for "userName eq 'query\@example.com'", "userName eq \x60query\@example.com\x60", "userName eq \x{201c}query\@example.com\x{201d}", "userName eq \x{2018}a\x{2019}",
        'displayName eq John Smith', 'meta.created gt yesterday', 'meta.created gt 2020', 'meta.created gt 0001-01-01T00:00:00+14:00', 'meta.created lt 9999-12-31T23:59:59-00:01', 'active eq maybe', 'userName eq a"b"', "userName eq a\x01b";

# Numbers
for my $number ('9007199254740993', '-9007199254740993', '123456789012345678901234567890', '1' x 100, '1e400', '-1e999') {
    my $r = $org->post('/Users', qq({"userName":"n\@example.com","displayName":"x","externalId":$number}));
    is_error($r, 400, 'invalidValue', 'TYPE: a number that cannot be kept exactly: ' . substr $number, 0, 20);
    like $r->{json}{detail}, qr/number at byte 59\b.*as a string/, 'the detail says which, and what helps';
    unlike $r->{json}{detail}, qr/not valid JSON/, 'it is valid JSON';
}
is $org->post('/Users', '{"userName":"n@example.com","displayName":"x","externalId":9007199254740992}')->{json}{externalId}, '9007199254740992', 'H37: 2^53 is kept';
is found('externalId eq 9007199254740993'), 0, 'and in a filter, where it is text, it may be longer';
is_error($org->post('/Bulk', '{"schemas":["' . BULK . '"],"failOnErrors":9007199254740993,"Operations":[]}'), 400, 'invalidValue', 'in a bulk request');

# Endpoints
for my $case (['/users', '/Users'], ['/USERS/1', '/Users'], ['/roles', '/Roles'], ['/bulk', '/Bulk'], ['/serviceproviderconfig', '/ServiceProviderConfig'], ['/users/.search', '/Users']) {
    my ($path, $right) = @$case;
    my $r = $org->get($path);
    is_error($r, 404, undef, "HTTP-43: $path is another path than $right");
    like $r->{json}{detail}, qr/\Q$right\E\b/, 'HTTP-43: and the detail says so';
}
unlike $org->get('/user')->{json}{detail}, qr/Users/, 'HTTP-43: nobody guesses what was meant';

# Existing accounts
my $managed = organization();
my $taken = $managed->create(userName => 'taken@example.com');
for my $profile ('managed', 'strict') {
    my @as = (profile => $profile);
    my $post = sub { return $managed->post('/Users', { schemas => [CORE], @_ }, @as) };
    is_error($post->(userName => 'taken@example.com'), 409, 'uniqueness', "POST-01: a userName that is taken goes before a missing displayName ($profile)");
    is_error($post->(userName => 'TAKEN@example.com', title => 'x'), 409, 'uniqueness', "POST-01: in any case ($profile)");
    is_error($post->(userName => 'taken@example.com', displayName => 'x' x 600), 409, 'uniqueness', "POST-01: before what is too long ($profile)");
    is_error($post->(userName => 'free@example.com'), 400, 'invalidValue', "POST-01: one that is free needs it ($profile)");
    is_error($post->(displayName => 'x'), 400, 'invalidValue', "POST-01: and without a userName nothing is taken ($profile)");
}
sql(q(UPDATE scim.organization SET domains = '{example.org}' WHERE id = $1), $managed->{id});
is_error($managed->post('/Users', { userName => 'taken@example.com', displayName => 'x' }), 409, 'uniqueness', 'POST-01: before a domain that is no longer verified');
sql(q(UPDATE scim.organization SET domains = '{}' WHERE id = $1), $managed->{id});
my @creations = map { { method => 'POST', path => '/Users', bulkId => "$_->[0]$_->[1]", data => { schemas => [CORE], userName => $_->[0], $_->[1] ? (displayName => 'x') : () } } }
    ['b1@example.com', 1], ['taken@example.com', 0], ['b2@example.com', 0], ['b1@example.com', 0], ['b3@example.com', 1];
is statuses($managed->post('/Bulk', { schemas => [BULK], Operations => \@creations })), '201 409 400 409 201', 'POST-01: in a bulk request, in order';
is statuses($managed->post('/Bulk', { schemas => [BULK], Operations => [$creations[1]] })), '409', 'POST-01: and alone in one';
is +(sql('SELECT count(*) FROM scim.refusal WHERE organization_id = $1 AND path LIKE $2', $managed->{id}, '%Bulk%'))[0][0]
    + (sql('SELECT count(*) FROM scim.refusal WHERE organization_id = $1 AND user_name = $2 AND path NOT LIKE $3', $managed->{id}, 'b2@example.com', '%Bulk%'))[0][0], 1,
    'each refusal is told once';

# The settings page's lists
sub page_of { my ($query) = @_; return $managed->request(GET => '', target => "/organizations/$managed->{key}/api/$query", token => undef,
    headers => { Authorization => 'Basic ' . do { require MIME::Base64; MIME::Base64::encode_base64("$managed->{issuer_name}:x", '') } }) }
is page_of('members?count=1')->{status}, 200, 'the members';
is page_of("$_")->{status}, 400, "twice is once too often: $_" for 'members?count=1&count=2', 'members?search=a&search=b', 'activity?outcome=done&outcome=refused';

done_testing;
