# SPDX-License-Identifier: Apache-2.0
# Pages and projections.
use strict;
use warnings;
use lib 't/lib';
use Scim::Test;

my $org = organization();
my @names = sort($org->{issuer_name}, map { $org->create(userName => "page$_\@example.com", title => 'P', emails => [
    { value => "page$_\@example.com", type => 'work' }], name => { givenName => "G$_", familyName => 'F' })->{userName} } 10 .. 21);

sub page {
    my ($query) = @_;
    my $list = $org->get("/Users?$query")->{json};
    return [@$list{qw(totalResults startIndex itemsPerPage)}, scalar @{ $list->{Resources} || [] }];
}
is_deeply page(''), [13, 1, 13, 13], 'PAGE-08: without parameters';
is_deeply page('count=2'), [13, 1, 2, 2], 'PAGE-04: count';
is_deeply page('count=0'), [13, 1, 0, 0], 'PAGE-05: count=0';
is_deeply page('count=-3'), [13, 1, 0, 0], 'PAGE-06: a negative count is 0';
is_deeply page("startIndex=$_"), [13, 1, 13, 13], "PAGE-03: startIndex=$_ is 1" for 0, -5;
is_deeply page('startIndex=99'), [13, 99, 0, 0], 'PAGE-09: past the end';
is_deeply page('startIndex=999999999999999'), [13, 999999999999999, 0, 0], 'PAGE-09: however far';
is_deeply page('startIndex=12&count=5'), [13, 12, 2, 2], 'PAGE-14: the last page says what it holds';
is_deeply page('filter=title+eq+%22p%22&startIndex=11&count=5'), [12, 11, 2, 2], 'PAGE-17: of a filter, totalResults counts the matches';
is_deeply page('filter=userName+eq+%22page10%40example.com%22&startIndex=1&count=100'), [1, 1, 1, 1], 'PAGE-16: of one match';
is_deeply page('filter=userName+eq+%22page10%40example.com%22&startIndex=2'), [1, 2, 0, 0], 'PAGE-09: past the only match';
is_deeply page('filter=userName+eq+%22page10%40example.com%22&count=0'), [1, 1, 0, 0], 'PAGE-05: count=0 of one match';
is_error($org->get("/Users?$_"), 400, 'invalidValue', "PAGE-10: $_")
    for 'startIndex=abc', 'count=1.5', 'count=99999999999999999999', 'startIndex=99999999999999999999', 'startIndex=9223372036854775807', 'count=%2B1x', 'count=0x10';
is_error($org->get('/Users?count=', profile => 'strict'), 400, 'invalidValue', 'PAGE-10: count=');
is $org->get('/Users?count=99999', profile => 'small')->{json}{itemsPerPage}, 5, 'PAGE-07: count is capped by SCIMMaxResults';
is $org->get('/Users', profile => 'small')->{json}{itemsPerPage}, 5, 'PAGE-08: so is the default';
is $org->get('/ServiceProviderConfig', profile => 'small')->{json}{filter}{maxResults}, 5, 'DISC-11: and it is announced';
for my $count (1, 3, 5, 13) {
    my @seen;
    for (my $start = 1; $start <= 13; $start += $count) {
        my $list = $org->get("/Users?startIndex=$start&count=$count")->{json};
        is $list->{startIndex}, $start, "G23: the answer has startIndex $start";
        push @seen, map { $_->{userName} } @{ $list->{Resources} };
    }
    is_deeply [sort @seen], \@names, "PAGE-11: pages of $count hold everybody once";
}
my @created = map { $_->{meta}{created} . $_->{id} } @{ $org->get('/Users')->{json}{Resources} };
is_deeply \@created, [sort @created], 'PAGE-12: in the order of creation';

# Projection
my $user = $org->create(title => 'T', emails => [{ value => 'a@b.c', type => 'work' }], name => { givenName => 'G', familyName => 'F', formatted => 'G F' },
                        (ENT) => { department => 'D', employeeNumber => '7' });
sub projected { my ($query) = @_; my $json = $org->get("/Users/$user->{id}?$query")->{json}; delete @$json{qw(schemas id)}; return $json }
is_deeply projected('attributes=userName'), { userName => $user->{userName} }, 'PROJ-02: one attribute, with id and schemas';
is_deeply projected('attributes=name.familyName,emails.value'), { name => { familyName => 'F' }, emails => [{ value => 'a@b.c' }] },
    'PROJ-03: sub-attributes';
is_deeply projected('attributes=NAME.givenname,%20TITLE'), { name => { givenName => 'G' }, title => 'T' }, 'PROJ-04: any case, blanks';
is_deeply projected('attributes=' . CORE . ':userName,' . ENT . ':employeeNumber'), { userName => $user->{userName}, ENT() => { employeeNumber => '7' } },
    'PROJ-05: names with their URN';
is_deeply projected('attributes=' . ENT), { ENT() => { department => 'D', employeeNumber => '7' } }, 'PROJ-06: a whole extension';
my $rest = projected('excludedAttributes=emails,name.formatted,meta,id,schemas,' . ENT);
is_deeply $rest, { userName => $user->{userName}, displayName => 'Test User', active => TRUE, title => 'T', name => { givenName => 'G', familyName => 'F' },
                   roles => [{ value => 'GUEST', primary => TRUE }] }, 'PROJ-07: excludedAttributes';
my $always = $org->get("/Users/$user->{id}?excludedAttributes=id,schemas,meta");
ok $always->{json}{id} && $always->{json}{schemas}, 'PROJ-08: id and schemas are always returned';
ok $always->{headers}{etag}, 'PROJ-08: the ETag too';
is_deeply projected("attributes=$_"), {}, "PROJ-10: $_ is unknown, nothing else is answered" for 'nosuch', 'password';
is_error($org->get('/Users?attributes=userName&excludedAttributes=title'), 400, 'invalidValue', 'PROJ-11: both at once');
ok exists projected('attributes=')->{title}, 'PROJ-12: an empty list is none';
is_deeply [sort keys %{ $org->post('/Users?attributes=userName', { userName => user_name(), displayName => 'x' })->{json} }],
    [qw(id schemas userName)], 'PROJ-14: POST';
is_deeply [sort keys %{ $org->patch("/Users/$user->{id}?attributes=title", { Operations => [{ op => 'add', path => 'title', value => 'U' }] })->{json} }],
    [qw(id schemas title)], 'PROJ-13: PATCH';
is_deeply [sort keys %{ $org->put("/Users/$user->{id}?attributes=title", { userName => $user->{userName}, displayName => 'x', title => 'V' })->{json} }],
    [qw(id schemas title)], 'PROJ-01: PUT';
is_deeply [sort keys %{ $org->get('/Users?count=1&attributes=userName')->{json}{Resources}[0] }], [qw(id schemas userName)], 'PROJ-01: lists';

done_testing;
