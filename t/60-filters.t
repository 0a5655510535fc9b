# SPDX-License-Identifier: Apache-2.0
# Every filter item of the checklist on the standard fixture, in the four modes: a
# filter means the same in each, except for forms of dialects.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use Scim::Test;
use Scim::Fixture;
use Scim::Modes;

my $org = organization(profile => 'open');
my $id = fixture($org);
my %short = map { $id->{$_} => $_ } keys %$id;

# [id, filter, the Users it selects or the error]
my @cases = (
    ['FLT-03', 'userName Eq "bjensen"', 'U1'], ['FLT-03', 'title PR', 'U1 U4'], ['FLT-03', 'title pr AND NOT (userName sw "b")', 'U4'],
    ['FLT-04', 'USERNAME eq "bjensen"', 'U1'],
    ['FLT-07', CORE . ':userName sw "J"', 'U2'], ['FLT-07', uc(CORE) . ':userName sw "J"', 'U2'],
    ['FLT-08', ENT . ':employeeNumber eq "0042"', 'U4'], ['FLT-08', ENT . qq(:manager.value eq "$id->{U2}"), 'U1'],
    ['FLT-09', 'name.familyName co "O\'Malley"', 'U2'],
    ['FLT-10', 'userName sw "amy"', 'U4'], ['FLT-10', 'userName ew "amy"', 'U4'], ['FLT-10', 'emails.value ew "ORG"', 'U1 U2'],
    ['FLT-11', 'title pr', 'U1 U4'],
    ['FLT-16', 'userName gt "b" and not (userName sw "admin")', 'U1 U2 U3'], ['FLT-16', 'userName le "bjensen" and not (userName sw "admin")', 'U1 U4'],
    ['FLT-17', 'active eq true and externalId pr', 'U1 U3'], ['FLT-17', 'active eq false', 'U2'], ['FLT-17', 'active ne true', 'U2'],
    ['FLT-18', 'active gt true', '400 invalidFilter'], ['FLT-18', 'x509Certificates.value gt "A"', '400 invalidFilter'],
    ['FLT-26', 'emails.type eq "work" and emails.value co "@example.com"', 'U1 U2'],
    ['FLT-27', 'emails[type eq "work" and value co "@example.com"]', 'U1'],
    ['FLT-28', 'title pr and userType eq "Employee"', 'U1'], ['FLT-28', 'title pr or userType eq "Intern"', 'U1 U2 U4'],
    ['FLT-29', 'userType eq "Intern" or userType eq "Employee" and active eq true', 'U1 U2'],
    ['FLT-29', '(userType eq "Intern" or userType eq "Employee") and active eq true', 'U1'],
    ['FLT-35', 'userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org") and not (userName sw "admin")', 'U3 U4'],
    ['FLT-36', 'emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]', 'U1 U4'],
    ['FLT-39', 'emails[primary eq false]', 'U1 U2 U4'], ['FLT-39', 'emails[primary eq true]', 'U1'],
    ['FLT-41', 'roles.value eq "AUDITOR"', 'U1 U4'], ['FLT-41', 'roles[value eq "auditor" and primary eq true]', 'U4'], ['FLT-41', 'entitlements pr', ''],
    ['FLT-42', 'addresses[type eq "work" and region eq "ca"]', 'U1'],
    ['FLT-43', 'emails co "example.com"', 'U1 U2'],
    ['FLT-44', 'name eq "x"', '400 invalidFilter'], ['FLT-44', 'addresses eq "x"', '400 invalidFilter'], ['FLT-44', 'addresses pr', 'U1'],
    ['FLT-45', ENT . qq(:manager eq "$id->{U2}"), 'U1'], ['FLT-45', qq(manager eq "$id->{U2}"), 'U1'],
    ['FLT-46', 'emails[type eq "work"].value eq "bjensen@example.com"', 'U1'], ['FLT-46 True', 'roles[primary eq "True"].value eq "admin" and title pr', 'U1'],
    ['FLT-47', ENT . qq(:manager.\$ref ew "$id->{U2}"), 'U1'],
    ['FLT-48', '9lives pr', '400 invalidFilter'], ['FLT-48', 'x-cost_center pr', '400 invalidFilter'],
    ['FLT-49', 'displayName eq "Zo\u00eb \"Z\" M\u00fcller"', 'U3'], ['FLT-49', 'displayName eq "\x"', '400 invalidFilter'], ['FLT-49', 'displayName eq "abc', '400 invalidFilter'],
    ['FLT-49', 'displayName eq "\ud83d\ude00\\\\\/\n\t"', ''],
    ['FLT-51', "userName eq 'bjensen'", '400 invalidFilter'], ['FLT-51 bare', 'userName eq bjensen', 'U1'],
    ['FLT-54 empty', '', '400 invalidFilter'], ['FLT-54', ' ', '400 invalidFilter'],
    ['FLT-55', 'userName regex "a"', '400 invalidFilter'],
    ['FLT-60', 'userName eq "nobody"', ''],
    ['FLT-62', 'active eq true and userName eq "amy"', 'U4'],
    ['EX-13', 'userName Eq "bjensen"', 'U1'], ['EX-13', 'Username eq "bjensen"', 'U1'],
    ['EX-14', 'userName eq "bjensen"', 'U1'], ['EX-15', 'name.familyName co "O\'Malley"', 'U2'], ['EX-16', 'userName sw "J"', 'U2'],
    ['EX-17', CORE . ':userName sw "J"', 'U2'], ['EX-18', 'title pr', 'U1 U4'],
    ['EX-19', 'meta.lastModified gt "2011-05-13T04:42:34Z" and meta.lastModified lt "2014-01-01T00:00:00Z"', 'U2 U3 U4'],
    ['EX-19', 'meta.lastModified ge "2011-05-13T04:42:34Z" and meta.lastModified lt "2014-01-01T00:00:00Z"', 'U1 U2 U3 U4'],
    ['EX-19', 'meta.lastModified lt "2011-05-13T04:42:34Z"', ''], ['EX-19', 'meta.lastModified le "2011-05-13T04:42:34Z"', 'U1'],
    ['EX-20', 'title pr and userType eq "Employee"', 'U1'], ['EX-21', 'title pr or userType eq "Intern"', 'U1 U2 U4'],
    ['EX-22', 'schemas eq "' . ENT . '"', 'U1 U4'],
    ['EX-23', 'userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")', 'U1'],
    ['EX-24', 'userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org") and not (userName sw "admin")', 'U3 U4'],
    ['EX-25', 'userType eq "Employee" and (emails.type eq "work")', 'U1'],
    ['EX-26', 'userType eq "Employee" and emails[type eq "work" and value co "@example.com"]', 'U1'],
    ['EX-27', 'emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]', 'U1 U4'],
    ['EX-28', 'userName regex "x"', '400 invalidFilter'],
    ['INTOP-01', 'userName eq "4dc09a26-5b2f-4b4f-9a3c-0c4b1b9ee8b1"', ''], ['INTOP-13', 'userName eq "nobody@example.com"', ''],
    ['UNIQ-13', 'emails[type eq "work"].value eq "jsmith@example.org"', 'U2'],
    ['ATTR-03', CORE . ':name.givenName eq "amy"', 'U4'], ['ATTR-04', CORE . ':name.givenName eq "amy"', 'U4'],
    ['ATTR-08', 'manager.$ref pr', 'U1'], ['ATTR-26', 'emails[primary eq false and type eq "other"]', 'U4'],
    ['SEC-06', q(userName eq "'; DROP TABLE scim.account; --"), ''], ['SEC-06', 'title eq "* ) ( \\\\ ; %"', ''],
);
for my $mode (modes()) {
    for my $case (@cases) {
        my ($key, $filter, $usual) = @$case;
        my $r = $org->get('/Users?count=100&filter=' . uri($filter), profile => $mode);
        my $got = $r->{status} == 200 ? join(' ', sort map { $short{ $_->{id} } // '?' } @{ $r->{json}{Resources} }) : outcome($r);
        my $shown = $filter =~ s/$id->{U2}/U2/r;
        is $got, expected($mode, $key, $usual), "$key: $shown ($mode)" or diag $r->{content};
    }
    like $org->filter('userName regex "x"', '')->{json}{detail}, qr/regex/, 'EX-28, FLT-55: the detail names the operator';
}
is_deeply [map { $_->{meta}{resourceType} } @{ $org->get('/?filter=' . uri('userName eq "amy"'))->{json}{Resources} }], ['User'],
    'FLT-59: at the base a foreign attribute is absent, not an error';
is $org->get('/?filter=' . uri('(meta.resourceType eq "User") or (meta.resourceType eq "Group")'))->{json}{totalResults}, 5, 'EX-12: at the base, by type';
is_error($org->get('/?filter=' . uri('(meta.resourceType eq User) or (meta.resourceType eq Group)'), profile => 'open-strict'), 400, 'invalidFilter', 'EX-12: strictly not without quotes');
my $search = $org->post('/.search', { schemas => ['urn:ietf:params:scim:api:messages:2.0:SearchRequest'], attributes => ['displayName', 'userName'],
    filter => 'displayName sw "smith"', startIndex => 1, count => 10 })->{json};
is_deeply [map { join ' ', sort keys %$_ } @{ $search->{Resources} }], ['displayName id schemas userName'], 'EX-30: POST /.search';
my $page = $org->get('/Users?filter=' . uri('userName ne "x"') . '&cursor&count=2')->{json};
ok $page->{nextCursor}, 'EX-59: a filter with a cursor';
is scalar @{ $org->get('/Users?filter=' . uri('userName ne "x"') . "&cursor=$page->{nextCursor}&count=2")->{json}{Resources} }, 2, 'EX-59: and its next page';
ok $org->post('/Users/.search', { schemas => ['urn:ietf:params:scim:api:messages:2.0:SearchRequest'], cursor => '', count => 2 })->{json}{nextCursor}, 'EX-61: a cursor in a search';
my $only = $org->get('/Users?attributes=userName')->{json};
is_deeply [grep { join(' ', sort keys %$_) ne 'id schemas userName' } @{ $only->{Resources} }], [], 'EX-11: GET /Users?attributes=userName';
is_deeply [sort keys %{ $org->get("/Users/$id->{U1}?attributes=userName")->{json} }], [qw(id schemas userName)], 'EX-52: and of one User';
for my $how (['GET', "/Users/$id->{U1}?"], ['GET', '/Users?filter=' . uri('userName eq "bjensen"') . '&']) {
    my $r = $org->get("$how->[1]excludedAttributes=emails")->{json};
    $r = $r->{Resources}[0] if $r->{Resources};
    ok !$r->{emails} && $r->{name}, "INTOP-20: excludedAttributes on $how->[1]";
}
# Strictly "" is a value, but pr is false for it.
my $hollow = $org->post('/Users', { schemas => [CORE], userName => 'hollow', title => '' }, profile => 'open-strict')->{json};
is $hollow->{title}, '', 'FLT-11: an attribute has the empty text';
is $org->filter(qq(userName eq "hollow" and $_->[0]))->{json}{totalResults}, $_->[1], "FLT-11: $_->[0]: the empty text is not present"
    for ['title pr', 0], ['not (title pr)', 1];
for my $path ('/Users/.search', '/.search') {
    my $r = $org->post($path, { schemas => ['urn:ietf:params:scim:api:messages:2.0:SearchRequest'], filter => 'userName eq "bjensen"', attributes => ['title'] })->{json};
    is_deeply [sort keys %{ $r->{Resources}[0] }], [qw(id schemas title)], "INTOP-20: attributes on $path";
}

done_testing;
