# SPDX-License-Identifier: Apache-2.0
# POST .search (RFC 7644 section 3.4.3).
use strict;
use warnings;
use lib 't/lib';
use Scim::Test;

my $SEARCH = 'urn:ietf:params:scim:api:messages:2.0:SearchRequest';
my $org = organization();
my @names = map { $org->create(userName => "search$_\@example.com", title => $_ % 2 ? 'Odd' : 'Even')->{userName} } 1 .. 6;

sub search { my (%body) = @_; return $org->post('/Users/.search', { schemas => [$SEARCH], %body }) }
sub strictly { my (%body) = @_; return $org->post('/Users/.search', { schemas => [$SEARCH], %body }, profile => 'strict') }
my $found = search(filter => 'title eq "odd"', sortBy => 'userName', sortOrder => 'descending', startIndex => 1, count => 2, attributes => ['userName']);
is $found->{status}, 200, 'SRCH-01: .search is 200' or diag $found->{content};
is_deeply $found->{json}, $org->get('/Users?filter=title+eq+%22odd%22&sortBy=userName&sortOrder=descending&startIndex=1&count=2&attributes=userName')->{json},
    'SRCH-01: the same as the GET';
is_deeply [map { $_->{userName} } @{ $found->{json}{Resources} }], ['search5@example.com', 'search3@example.com'], 'SRCH-02: all parameters count';
is_deeply [sort keys %{ $found->{json}{Resources}[0] }], [qw(id schemas userName)], 'SRCH-02: attributes';
is search()->{json}{totalResults}, 7, 'SRCH-04: with schemas only it is everybody';
is_error(search(filter => 'title xx "odd"'), 400, 'invalidFilter', 'SRCH-05: a bad filter');
is_error(search(filter => 5), 400, 'invalidSyntax', 'SRCH-05: a filter that is not a string');
is_error(strictly(count => '10'), 400, 'invalidSyntax', 'SRCH-06: a count that is not an integer');
is_error(strictly(attributes => 'userName'), 400, 'invalidSyntax', 'PROJ-15: attributes that are no list');
is_error(search(attributes => [5]), 400, 'invalidSyntax', 'PROJ-15: nor of strings');
is search(count => 0)->{json}{itemsPerPage}, 0, 'SRCH-06: count 0';
is search(count => -3)->{json}{itemsPerPage}, 0, 'SRCH-06: a negative count';
is search(COUNT => 1, foo => 'bar')->{json}{itemsPerPage}, 1, 'SRCH-14: names in any case, unknown ones ignored';
is $org->post('/Users/.search?count=1', { schemas => [$SEARCH] })->{json}{itemsPerPage}, 7, 'SRCH-11: the query is ignored';
is_error($org->post('/Users/.search', { schemas => ['urn:x'] }, profile => 'strict'), 400, 'invalidSyntax', 'SRCH-03: strictly schemas is checked');
is_error($org->post('/Users/.search', []), 400, 'invalidSyntax', 'SRCH-03: a list');
my $get = $org->get('/Users/.search');
is_error($get, 405, undef, 'SRCH: GET .search');
is $get->{headers}{allow}, 'POST, OPTIONS', 'SRCH: says POST';
is_error($org->post("/$_/.search", { schemas => [$SEARCH] }), 404, undef, "SRCH-12: /$_/.search")
    for 'ServiceProviderConfig', 'Schemas', 'ResourceTypes', 'Bulk';
my $first = search(cursor => '', count => 4)->{json};
my $second = search(cursor => $first->{nextCursor}, count => 4)->{json};
is scalar(@{ $first->{Resources} }) + @{ $second->{Resources} }, 7, 'CUR-19: cursors in the body';
is_error(search(cursor => 5), 400, 'invalidSyntax', 'CUR-19: a cursor that is not a string');
open my $log, '<', server()->{access_log};
my $marker = 'marker' . int rand 1e9;
search(filter => "title eq \"$marker\"");
unlike do { local $/; <$log> }, qr/$marker/, 'SRCH-13: the filter of a search is in no log';
unlike error_log(), qr/$marker/, 'SRCH-13: nor in the other';

done_testing;
