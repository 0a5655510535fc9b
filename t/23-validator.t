# SPDX-License-Identifier: Apache-2.0
# Microsoft's SCIM Validator: clients.md V1-V15 and V27-V30, in profile open.
use strict;
use warnings;
use lib 't/lib';
use Scim::Test;

my $org = organization(profile => 'open');
my $ABSENT = '00000000-1111-4222-8333-444444444444';

sub word { return join '', map { ('A' .. 'Z')[rand 26] } 1 .. 12 }
sub find { my ($name) = @_; return $org->get('/Users?filter=userName+eq+%22' . uri($name) . '%22') }

# The captured shape of the validator's User (V1), values at random.
sub full_user {
    return {
        userName => lc(word()) . '@ondricka.us', active => TRUE, displayName => word(), title => word(),
        emails => [{ type => 'work', value => 'thaddeus@hammes.info', primary => TRUE }], preferredLanguage => 'sr-Latn-RS',
        name => { givenName => 'Elfrieda', familyName => 'Urban', formatted => 'Myah', middleName => 'Cindy',
                  honorificPrefix => 'Minerva', honorificSuffix => 'Micaela' },
        addresses => [{ type => 'work', formatted => word(), streetAddress => '4277 Kautzer Pine', locality => word(), region => word(),
                        postalCode => 'cx47 4mz', primary => TRUE, country => 'Sierra Leone' }],
        phoneNumbers => [{ type => 'work', value => '10-040-1308', primary => TRUE }, { type => 'mobile', value => '10-040-1309' },
                         { type => 'fax', value => '10-040-1310' }],
        ENT() => { map({ $_ => word() } qw(employeeNumber department costCenter organization division)), manager => { value => word() } },
        roles => [{ primary => 'True', display => word(), value => word(), type => word() }],
        userType => word(), nickName => word(), locale => word(), timezone => 'America/Indiana/Knox',
        profileUrl => 'https://rolfson.example/' . word(), schemas => [CORE, ENT],
    };
}

# The answer must contain everything that was sent, with the strings "True" as
# booleans.
sub echoes {
    my ($sent, $got, $name) = @_;
    my %expected = %$sent;
    $expected{roles} = [map { +{ %$_, primary => TRUE } } @{ $sent->{roles} }];
    my %have = map { $_ => $got->{$_} } keys %expected;
    if ($have{ (ENT) }) {
        $have{ (ENT) } = { %{ $have{ (ENT) } }, manager => { value => $have{ (ENT) }{manager}{value} } };
    }
    return is_deeply \%have, \%expected, $name;
}

# The same as a PATCH: bracket paths first, then a flat dictionary.
sub flat {
    my ($user) = @_;
    my (@bracket, %flat);
    for my $name (sort keys %$user) {
        my $value = $user->{$name};
        next if $name =~ /^(?:schemas|active|userName)$/;
        if ($name eq 'roles') {
            push @bracket, map { ["roles[primary eq \"True\"].$_", $value->[0]{$_}] } grep { $_ ne 'primary' } sort keys %{ $value->[0] };
        }
        elsif (ref $value eq 'ARRAY') {
            for my $element (@$value) {
                push @bracket, map { ["${name}[type eq \"$element->{type}\"].$_", $element->{$_}] } grep { $_ ne 'type' } sort keys %$element;
            }
        }
        elsif ($name eq ENT) {
            $flat{"$name:$_"} = ref $value->{$_} ? $value->{$_}{value} : $value->{$_} for keys %$value;
        }
        elsif (ref $value eq 'HASH') {
            $flat{"$name.$_"} = $value->{$_} for keys %$value;
        }
        else {
            $flat{$name} = $value;
        }
    }
    return (\@bracket, \%flat);
}

sub dictionary {
    my ($op, $user) = @_;
    my ($bracket, $flat) = flat($user);
    return ((map { { op => $op, path => $_->[0], value => $_->[1] } } @$bracket), { op => $op, value => $flat });
}

sub verbose {
    my ($op, $user) = @_;
    my ($bracket, $flat) = flat($user);
    return map { { op => $op, path => $_->[0], value => $_->[1] } } @$bracket, map { [$_, $flat->{$_}] } sort keys %$flat;
}

my $user = full_user();
my $made = $org->post('/Users', $user);
is $made->{status}, 201, 'V1: Create a new User' or diag $made->{content};
my $id = $made->{json}{id};
my $found = find($user->{userName});
echoes($user, $found->{json}{Resources}[0], 'V1: every attribute is echoed');
is_error($org->post('/Users', $user), 409, 'uniqueness', 'V2: Create a duplicate User');
is $found->{json}{totalResults}, 1, 'V3: Filter for an existing user';
is find(word())->{json}{totalResults}, 0, 'V4: Filter for a non-existing user';
for my $name (uc $user->{userName}, ucfirst $user->{userName}) {
    is_deeply [map { $_->{userName} } @{ find($name)->{json}{Resources} }], [$user->{userName}], 'V5: Filter with a different case';
}

my $next = { %{ full_user() }, userName => $user->{userName} };
my $r = $org->patch_ops($id, dictionary('replace', $next));
is $r->{status}, 200, 'V6: Patch User, Replace Attributes' or diag $r->{content};
echoes($next, $org->get("/Users/$id")->{json}, 'V6: the new values are read back');

$next = { %{ full_user() }, userName => $user->{userName} };
my @operations = verbose('replace', $next);
cmp_ok scalar @operations, '>=', 30, 'V7: one operation each';
$r = $org->patch_ops($id, @operations);
is $r->{status}, 200, 'V7: Replace Attributes Verbose' or diag $r->{content};
echoes($next, $org->get("/Users/$id")->{json}, 'V7: the new values are read back');

for my $test (['V8: Add Attributes', \&dictionary], ['V9: Add Attributes Verbose', \&verbose]) {
    my ($name, $form) = @$test;
    my $full = full_user();
    my $bare = $org->post('/Users', { userName => $full->{userName}, schemas => [CORE, ENT] })->{json}{id};
    $r = $org->patch_ops($bare, $form->('add', $full));
    is $r->{status}, 200, $name or diag $r->{content};
    echoes($full, $org->get("/Users/$bare")->{json}, "$name: all are there");
}

is_user($org->patch_ops($id, { op => 'replace', value => { userName => 'renamed-' . lc word() } }), 200, {}, 'V10: Update User userName');
is_user($org->patch_ops($id, { op => 'replace', path => 'active', value => FALSE }), 200, { active => FALSE }, 'V11: Disable User');
is_user($org->get("/Users/$id"), 200, { active => FALSE }, 'V11: and it stays so');

sub manager { return $_[0]{json}{ (ENT) }{manager} && $_[0]{json}{ (ENT) }{manager}{value} }
my $path = ENT . ':manager';
for my $form (['a string', sub { $_[0] }], ['an object', sub { { value => $_[0] } }]) {
    my ($name, $make) = @$form;
    my $other = $org->create->{id};
    is manager($org->patch_ops($other, { op => 'add', path => $path, value => $make->($ABSENT) })), $ABSENT, "V12: Add Manager as $name";
    is manager($org->patch_ops($other, { op => 'replace', path => $path, value => $make->($id) })), $id, "V13: Replace Manager as $name";
    $r = $org->patch_ops($other, { op => 'replace', path => $path, value => $make->('') });
    is $r->{status}, 200, "V14: Remove Manager as $name";
    is manager($r), undef, 'V14: it is gone';
}
is $org->delete("/Users/$id")->{status}, 204, 'V15: Delete a User';
is_error($org->get("/Users/$id"), 404, undef, 'V15: GET afterwards');

my $other = $org->create(preferredLanguage => 'hi');
is_user($org->patch_ops($other->{id}, { op => 'remove', path => 'preferredLanguage' }, { op => 'add', path => 'externalId', value => 'x1' },
                                      { op => 'replace', path => 'displayName', value => 'New' }), 200,
    { preferredLanguage => undef, externalId => 'x1', displayName => 'New' }, 'V27: several operations on different attributes');
is_user($org->patch_ops($other->{id}, { op => 'remove', path => 'externalId' }, { op => 'add', path => 'externalId', value => 'x2' },
                                      { op => 'replace', path => 'externalId', value => 'x3' }), 200,
    { externalId => 'x3' }, 'V28: several operations on one attribute, the last value wins');
is_error($org->delete("/Users/$ABSENT"), 404, undef, 'V29: delete a user that does not exist');
is $org->delete("/Users/$other->{id}")->{status}, 204, 'V30: delete once';
is_error($org->delete("/Users/$other->{id}"), 404, undef, 'V30: delete twice');

done_testing;
