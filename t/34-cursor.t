# SPDX-License-Identifier: Apache-2.0
# Cursor pagination (RFC 9865).
use strict;
use warnings;
use utf8;
use lib 't/lib';
use Scim::Test;

my $org = organization(profile => 'open');
my $other = organization(profile => 'open');
my $ACCOUNTS = 23;
sql(q{INSERT INTO scim.account (organization_id, user_name, display_name, attributes)
      SELECT $1, 'cursor' || n || '@example.com', CASE WHEN n % 3 > 0 THEN 'Name ' || n % 7 END,
             jsonb_build_object('title', 'T' || n % 5, 'roles', '[]'::jsonb) FROM generate_series(1, $2::int) n}, $org->{id}, $ACCOUNTS - 1);

sub page { my ($query) = @_; return $org->get("/Users?$query")->{json} }

# All pages from the first one on, following nextCursor.
sub walk {
    my ($query) = @_;
    my ($cursor, @pages) = ('');
    while (defined $cursor && @pages < 100) {
        my $page = page("$query&cursor=" . $cursor);
        push @pages, $page;
        $cursor = $page->{nextCursor};
    }
    return @pages;
}
sub names { return map { $_->{userName} } map { @{ $_->{Resources} } } @_ }

my @all = names($org->get('/Users?count=100')->{json});
for my $start ('cursor', 'cursor=') {
    my $page = page("$start&count=2");
    is scalar @{ $page->{Resources} }, 2, "CUR-01: ?$start starts";
    ok $page->{nextCursor}, 'CUR-03: there is a nextCursor';
    like $page->{nextCursor}, qr/^[A-Za-z0-9._~-]+$/, 'CUR-02: of unreserved characters';
    is $page->{previousCursor}, undef, 'CUR-05: the first page has no previousCursor';
    is $page->{totalResults}, $ACCOUNTS, 'CUR-13: with totalResults';
    is $page->{itemsPerPage}, 2, 'CUR-14: with itemsPerPage';
    ok !exists $page->{startIndex}, 'CUR-14: without startIndex';
}
for my $query ('count=2', 'count=5', 'count=23', 'count=100', 'count=3&sortBy=displayName', 'count=3&sortBy=displayName&sortOrder=descending',
               'count=4&sortBy=title', 'count=4&sortBy=title&sortOrder=descending', 'count=3&sortBy=userName&filter=title+eq+%22t3%22',
               'count=2&sortBy=displayName&filter=title+ne+%22t3%22', 'count=5&sortBy=meta.lastModified', 'count=4&sortBy=active', 'count=6&sortBy=id&sortOrder=descending') {
    my @pages = walk($query);
    (my $whole = $query) =~ s/count=\d+/count=100/;
    my @expected = names(page($whole));
    is_deeply [names(@pages)], \@expected, "CUR-03, SORT-14: $query: the pages hold the whole list in its order";
    is $pages[-1]{nextCursor}, undef, "CUR-03: $query: the last page has no nextCursor";
    my ($count) = $query =~ /count=(\d+)/;
    is scalar @pages, int((@expected + $count - 1) / $count), "CUR-04: $query: there is no empty page";
    for my $i (reverse 1 .. $#pages) {
        my $back = page("$query&cursor=$pages[$i]{previousCursor}");
        is_deeply [names($back)], [names($pages[$i - 1])], "CUR-05: $query: previousCursor of page $i" or last;
        is_deeply [names(page("$query&cursor=$back->{nextCursor}"))], [names($pages[$i])], "CUR-05: $query: and on again";
    }
}

# Refusals
my $cursor = page('count=2&cursor')->{nextCursor};
is_error($org->get("/Users?count=2&cursor=$cursor&$_"), 400, 'invalidCursor', "CUR-06, CUR-27: with another $_")
    for 'filter=title+pr', 'sortBy=userName', 'attributes=userName', 'excludedAttributes=title';
my $sorted = page('count=2&sortBy=userName&cursor')->{nextCursor};
is_error($org->get("/Users?count=2&sortBy=userName&sortOrder=descending&cursor=$sorted"), 400, 'invalidCursor',
         'CUR-06: a cursor of an ascending list is none of a descending one');
is_error($org->get("/Users?count=3&cursor=$cursor"), 400, 'invalidCount', 'CUR-07: with another count');
is_error($org->get("/Users?count=abc&cursor=$cursor"), 400, 'invalidCount', 'CUR-10: count=abc');
is_error($org->get("/Users?count=2&cursor=$cursor&startIndex=1"), 400, 'invalidValue', 'CUR-17: with startIndex');
is page('count=-1&cursor')->{totalResults}, $ACCOUNTS, 'CUR-11: a negative count is 0';
my $zero = page('count=0&cursor');
is_deeply [@$zero{qw(Resources nextCursor totalResults)}], [[], undef, $ACCOUNTS], 'CUR-11: count=0 is the total only';
is page('count=999999&cursor')->{itemsPerPage}, $ACCOUNTS, 'CUR-12: a count over the maximum is capped';
my %forged = ('made up' => 'abc', 'cut' => substr($cursor, 0, -4), 'longer' => "${cursor}AAAA", 'not base64' => '***', 'of 10,000 characters' => 'A' x 6000,
              'of blanks' => '%20', 'empty in base64' => 'AA');
is_error($org->get("/Users?count=2&cursor=" . $forged{$_}), 400, 'invalidCursor', "CUR-08: a cursor $_") for sort keys %forged;
for my $i (0, 10, 20, 30, 60, length($cursor) - 2) {
    my $flipped = $cursor;
    substr($flipped, $i, 1) = substr($flipped, $i, 1) eq 'A' ? 'B' : 'A';
    is_error($org->get("/Users?count=2&cursor=$flipped"), 400, 'invalidCursor', "CUR-24: character $i changed");
}
(my $other_alphabet = $cursor) =~ tr{-_}{+/};
for my $same ("$cursor=", "$cursor==", $other_alphabet ne $cursor ? uri($other_alphabet) : "$cursor===") {
    is_error($org->get("/Users?count=2&cursor=$same"), 400, 'invalidCursor', 'CUR-24: other text for the same bytes is altered, too');
}
$other->create for 1 .. 3;
is_error($other->get("/Users?count=2&cursor=$cursor"), 400, 'invalidCursor', 'CUR-21: of another organization');
is $org->get("/Users?count=2&cursor=$cursor")->{json}{itemsPerPage}, 2, 'CUR-08: and the cursor itself still works';
my $second = $org->new_token;
is $org->get("/Users?count=2&cursor=$cursor", token => $second)->{json}{itemsPerPage}, 2, 'CUR-21: with another token of the organization';
sql('DELETE FROM scim.token WHERE id = $1', $org->{token_id});
is $org->get("/Users?count=2&cursor=$cursor", token => $second)->{status}, 401, 'CUR-22: a revoked token ends it';
sql(q{UPDATE scim.organization SET cursor_key = decode(md5('a') || md5('b'), 'hex') WHERE id = $1}, $org->{id});
is_error($org->get("/Users?count=2&cursor=$cursor"), 400, 'invalidCursor', 'CUR-24: a new cursor_key ends all cursors');

# A cursor holds a whole sort key, and has to fit into a URL
my $long = organization();
my $most = "\x{1F600}" x 511;
$long->create(externalId => $most . $_, displayName => "long $_") for 'a' .. 'c';
my ($at, @walked) = ('');
while (defined $at && @walked < 5) {
    my $r = $long->get('/Users?count=1&sortBy=externalId&filter=' . uri('displayName sw "long"') . "&cursor=$at");
    push @walked, map { $_->{displayName} } @{ $r->{json}{Resources} };
    $at = $r->{json}{nextCursor};
}
is_deeply \@walked, ['long a', 'long b', 'long c'], 'CUR-03: a walk over the longest sort keys comes to its end';
is_error($long->post('/Users', { userName => user_name(), displayName => 'x', $_ => 'x' x 513 }), 400, 'invalidValue', "$_ is bounded") for qw(externalId displayName preferredLanguage);

# Accounts are created and deleted during a walk
my (%seen, @doubled);
my @there = names($org->get('/Users?count=100')->{json});
my $next = '';
my $round = 0;
while (defined $next && $round++ < 100) {
    my $page = page("count=3&sortBy=userName&cursor=$next");
    push @doubled, grep { $seen{$_}++ } names($page);
    $next = $page->{nextCursor};
    $org->create(userName => sprintf 'cursor%d-new@example.com', $round);
    sql('DELETE FROM scim.account WHERE organization_id = $1 AND user_name = $2', $org->{id}, sprintf 'cursor%d-new@example.com', $round - 3);
}
is_deeply \@doubled, [], 'CUR-26: nobody is seen twice';
is_deeply [grep { !$seen{$_} } @there], [], 'CUR-26: and nobody who was there all the time is missed';

# The same cost on every page
my $config = $org->get('/ServiceProviderConfig')->{json};
is_deeply $config->{pagination}, { cursor => TRUE, index => TRUE, defaultPaginationMethod => 'index', defaultPageSize => 100, maxPageSize => 1000,
                                   cursorTimeout => 3600 }, 'CUR-20: ServiceProviderConfig says so';
ok !exists page('count=2')->{nextCursor}, 'CUR-15: without cursor pages are by index';

done_testing;
