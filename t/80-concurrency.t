# SPDX-License-Identifier: Apache-2.0
# Many concurrent clients: nothing is lost, and nothing exists twice.
use strict;
use warnings;
use lib 't/lib';
use Scim::Race;
use Scim::Test;

own_server();           # all its connections are for these clients
my $org = organization();

my @rounds = map { user_name() } 1 .. 50;
my @pairs;
for my $name (@rounds) {
    push @pairs, join ' ', sort(together($org, 2, sub {
        return $org->post('/Users', { userName => $_[0] ? ucfirst $name : $name, displayName => 'Race' })->{status};
    }));
}
is_deeply \@pairs, [('201 409') x 50], 'H40: two parallel POSTs of one userName, 50 times: one 201 and one 409';
is_deeply [sql('SELECT count(*) FROM scim.account WHERE organization_id = $1 AND user_name_key = ANY ($2::text[])',
               $org->{id}, '{' . join(',', @rounds) . '}')], [[50]], 'H40: and one account each';

# 64 clients, each adding another attribute to the same account.
my @paths = (map({ ["emails[type eq \"t$_\"].value", "e$_\@example.com"] } 1 .. 30),
             map({ ["phoneNumbers[type eq \"t$_\"].value", "+81 $_"] } 1 .. 20),
             map({ [$_, "x $_"] } qw(title nickName userType locale name.givenName name.familyName name.middleName
                 name.honorificPrefix name.honorificSuffix), map { ENT . ":$_" } qw(department division costCenter organization employeeNumber)));
is scalar @paths, 64, 'there are 64 attributes to add';
my $user = $org->create;
my @statuses = together($org, 64, sub {
    my ($path, $value) = @{ $paths[$_[0]] };
    my $r = $org->patch_ops($user->{id}, { op => 'add', path => $path, value => $value });
    return "$r->{status} " . ($r->{headers}{etag} // '');
});
is_deeply [grep { !/^200 / } @statuses], [], 'H40: 64 clients change one account, all are answered 200';
my %tags = map { $_ => 1 } @statuses;
is scalar keys %tags, 64, 'every answer has a version of its own';
my $after = $org->get("/Users/$user->{id}")->{json};
is $org->version($user->{id}), 65, 'the account has been changed 64 times';
is_deeply [sort map { $_->{value} } @{ $after->{emails} }], [sort map { "e$_\@example.com" } 1 .. 30], 'all 30 addresses are kept';
is_deeply [sort map { $_->{value} } @{ $after->{phoneNumbers} }], [sort map { "+81 $_" } 1 .. 20], 'all 20 numbers are kept';
is_deeply [map { $after->{$_} } qw(title nickName userType locale)], [map { "x $_" } qw(title nickName userType locale)], 'all texts are kept';
is scalar keys %{ $after->{name} }, 5, 'all parts of the name are kept';
is scalar keys %{ $after->{ (ENT) } }, 5, 'all of the extension is kept';
is_deeply [sql('SELECT version FROM scim.event WHERE account_id = $1 ORDER BY version', $user->{id})], [map { [$_] } 1 .. 65],
    'and each change is recorded, with its version';

# With If-Match a lost race is reported instead of repeated.
my $tag = $org->get("/Users/$user->{id}")->{headers}{etag};
my @conditional = together($org, 8, sub {
    return $org->patch("/Users/$user->{id}", { Operations => [{ op => 'replace', path => 'title', value => "by $_[0]" }] },
                       headers => { 'If-Match' => $tag })->{status};
});
is_deeply [sort @conditional], [200, (412) x 7], 'ETAG-09: of eight writers with the same If-Match one wins';

# Delete and change at the same time: only these answers, in any order.
for my $round (1 .. 10) {
    my $id = $org->create->{id};
    my @mixed = together($org, 4, sub {
        return $_[0] == 0 ? $org->delete("/Users/$id")->{status}
                          : $org->patch_ops($id, { op => 'replace', path => 'title', value => "t$_[0]" })->{status};
    });
    is shift @mixed, 204, 'DELETE among changes succeeds';
    is_deeply [grep { !/^(?:200|404)$/ } @mixed], [], 'a change is made before it, or finds nothing';
}

# Renaming two accounts to one name.
my @both = map { $org->create->{id} } 1, 2;
my $wanted = user_name();
is_deeply [sort(together($org, 2, sub { $org->patch_ops($both[$_[0]], { op => 'replace', path => 'userName', value => $wanted })->{status} }))],
    [200, 409], 'UNIQ-08: two accounts renamed to one userName: one 200 and one 409';

done_testing;
