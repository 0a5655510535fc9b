# SPDX-License-Identifier: Apache-2.0
# Sorting (RFC 7644 section 3.4.2.3), on the standard fixture of
# t/checklist.tsv.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use Scim::Test;

my $org = organization(profile => 'open');
my %short;
sub fixture { my ($short, %user) = @_; my $made = $org->create(displayName => undef, %user); $short{ $made->{id} } = $short; return $made->{id} }
fixture(U1 => userName => 'bjensen', externalId => '701984', displayName => 'Babs Jensen', title => 'Tour Guide', userType => 'Employee',
        name => { formatted => 'Ms. Barbara J Jensen III', familyName => 'Jensen', givenName => 'Barbara' },
        emails => [{ value => 'babs@jensen.org', type => 'home' }, { value => 'bjensen@example.com', type => 'work', primary => TRUE }],
        (ENT) => { employeeNumber => '701984', department => 'Tour Operations' });
fixture(U2 => userName => 'JSmith', externalId => 'EXT-2', displayName => 'Smith, James', userType => 'Intern', active => FALSE,
        name => { familyName => "O'Malley", givenName => 'James' },
        emails => [{ value => 'jsmith@example.org', type => 'work' }, { value => 'js@example.com', type => 'home' }]);
fixture(U3 => userName => 'zoë', externalId => 'ext-2', displayName => 'Zoë "Z" Müller');
fixture(U4 => userName => 'amy', title => 'Manager', userType => 'Contractor', name => { familyName => 'Foo', givenName => 'Amy' },
        emails => [{ value => 'amy@example.net', type => 'other' }], (ENT) => { employeeNumber => '0042' });
sql('UPDATE scim.account SET updated_at = updated_at WHERE organization_id = $1', $org->{id});
# Two may have been created within one millisecond.
for my $id (keys %short) {
    my ($n) = $short{$id} =~ /(\d)/;
    sql(q{UPDATE scim.account SET created_at = created_at + $2::int * interval '1 second' WHERE id = $1}, $id, $n);
}

sub order {
    my ($query) = @_;
    my $r = $org->get("/Users?$query");
    return "$r->{status} $r->{content}" if $r->{status} != 200;
    return join ' ', map { $short{ $_->{id} } // () } @{ $r->{json}{Resources} };
}
is order('sortBy=userName'), 'U4 U1 U2 U3', 'SORT-01: by userName, case does not matter, ascending by default';
is order('sortBy=userName&sortOrder=descending'), 'U3 U2 U1 U4', 'SORT-02: descending';
is order('sortBy=userType'), 'U4 U1 U2 U3', 'SORT-03: missing values are last when ascending';
is order('sortBy=userType&sortOrder=descending'), 'U3 U2 U1 U4', 'SORT-03: and first when descending';
is order('sortBy=name.givenName'), 'U4 U1 U2 U3', 'SORT-04: by a sub-attribute';
is order('sortBy=emails.value'), 'U4 U1 U2 U3', 'SORT-05: by the primary element, else the first';
is order('sortBy=emails'), 'U4 U1 U2 U3', 'SORT-06: value stands for the whole';
is order('sortBy=externalId'), 'U1 U2 U3 U4', 'SORT-07: by case where case counts';
like order('sortBy=active&filter=userName+pr'), qr/^U2/, 'SORT-07: false before true';
is order('sortBy=meta.created'), 'U1 U2 U3 U4', 'SORT-07: by time';
like order('sortBy=' . ENT . ':employeeNumber'), qr/^U4 U1 /, 'SORT-09: with a URN';
is order('sortBy=' . uc(CORE) . ':USERNAME'), 'U4 U1 U2 U3', 'SORT-09: in any case';
for my $by ('nosuch', 'name', 'addresses', 'password', 'schemas', 'emails%5Btype+eq+%22work%22%5D', ENT) {
    is_error($org->get("/Users?sortBy=$by"), 400, 'invalidValue', "SORT-10: sortBy=$by");
}
is_error($org->get('/Users?sortBy=', profile => 'open-strict'), 400, 'invalidValue', 'SORT-10: sortBy=');
is_error($org->get('/Users?sortBy=userName&sortOrder=up'), 400, 'invalidValue', 'SORT-10: sortOrder=up');
is $org->get('/Users?sortOrder=up')->{status}, 200, 'SORT-10: sortOrder alone is ignored';
is order('sortBy=userName&sortOrder=DESCENDING'), 'U3 U2 U1 U4', 'SORT-11: sortOrder in any case';
is order('sortBy=userName&filter=emails+pr&count=2&startIndex=2'), 'U1 U2', 'SORT-01: with a filter and a page';
for my $path ('id', 'meta.lastModified', 'meta.location', 'meta.version', 'displayName', 'preferredLanguage', 'roles.primary', 'x509Certificates.value') {
    my @up = split / /, order("sortBy=$path");
    my @down = split / /, order("sortBy=$path&sortOrder=descending");
    is_deeply [reverse @down], \@up, "SORT-08: by $path, one direction is the other reversed";
}
# Ties are broken by id
$org->create(title => 'Same', userName => user_name()) for 1 .. 9;
my @ids = map { $_->{id} } @{ $org->get('/Users?sortBy=title&filter=title+eq+%22same%22')->{json}{Resources} };
is_deeply \@ids, [sort @ids], 'SORT-08: equal values are in the order of the ids';
my @pages = map { map { $_->{id} } @{ $org->get("/Users?sortBy=title&filter=title+eq+%22same%22&count=2&startIndex=$_")->{json}{Resources} } } 1, 3, 5, 7, 9;
is_deeply \@pages, \@ids, 'SORT-08: so pages are stable';

done_testing;
