# SPDX-License-Identifier: Apache-2.0
# Values in another shape are interpreted as clients mean them.  A request with a
# value that cannot be interpreted is refused as a whole: nothing is stored in a
# wrong form, and no known attribute is dropped with a 200.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use Scim::Test;

my $org = organization();
my $JSON = JSON::PP->new->canonical->allow_nonref;

sub person { return $org->create(roles => [{ value => 'ADMIN' }], title => 'before', emails => [{ value => 'before@example.com' }]) }

# does($operations, {attribute => value}, $name): each in one PATCH of its own, alone and in bulk
sub does {
    my ($operation, $expected, $name) = @_;
    for my $bulk (0, 1) {
        my $user = person();
        my $message = { schemas => [PATCHOP], Operations => [$operation] };
        my $r = $bulk ? $org->post('/Bulk', { schemas => [BULK], Operations => [{ method => 'PATCH', path => "/Users/$user->{id}", data => $message }] })
                      : $org->patch("/Users/$user->{id}", $message);
        is $bulk ? $r->{json}{Operations}[0]{status} : $r->{status}, 200, $name . ($bulk ? ', in bulk' : '') or diag $r->{content};
        my $after = $org->get("/Users/$user->{id}")->{json};
        is_deeply { map { $_ => $after->{$_} } keys %$expected }, $expected, 'is done';
    }
}

sub refuses {
    my ($operation, $type, $name) = @_;
    my $user = person();
    my $before = $org->get("/Users/$user->{id}")->{json};
    is_error($org->patch_ops($user->{id}, { op => 'replace', path => 'title', value => 'half' }, $operation), 400, $type, "$name is refused");
    is_deeply $org->get("/Users/$user->{id}")->{json}, $before, 'and nothing of the request is done';
}

sub makes {
    my ($attributes, $expected, $name) = @_;
    my $r = $org->post('/Users', { userName => user_name(), displayName => 'x', %$attributes });
    is $r->{status}, 201, "$name (POST)" or diag $r->{content};
    is_deeply { map { $_ => $r->{json}{$_} } keys %$expected }, $expected, 'is what was meant';
    my $user = $org->create;
    $r = $org->put("/Users/$user->{id}", { userName => $user->{userName}, displayName => 'x', %$attributes });
    is $r->{status}, 200, "$name (PUT)" or diag $r->{content};
    is_deeply { map { $_ => $r->{json}{$_} } keys %$expected }, $expected, 'is what was meant, too';
}

sub is_no_user {
    my ($attributes, $name) = @_;
    is_error($org->post('/Users', { userName => user_name(), displayName => 'x', %$attributes }), 400, 'invalidValue', "$name (POST) is refused");
    my $user = $org->create(title => 'before');
    is_error($org->put("/Users/$user->{id}", { userName => $user->{userName}, displayName => 'x', %$attributes }), 400, 'invalidValue', "$name (PUT) is refused");
    is $org->get("/Users/$user->{id}")->{json}{title}, 'before', 'and nothing of it done';
}

my @user = ({ value => 'USER', primary => TRUE });
my @email = ({ value => 'a@example.com' });

# JSON in a string
my $roles = $JSON->encode([{ value => 'USER' }]);
does({ op => 'replace', path => 'roles', value => $roles }, { roles => \@user }, 'a list of roles in a string');
does({ op => 'add', path => 'roles', value => [{ value => $JSON->encode([{ value => 'USER' }]) }] }, { roles => \@user }, 'a list in the value of a role');
does({ op => 'replace', path => 'emails', value => $JSON->encode(\@email) }, { emails => \@email }, 'a list of e-mails in a string');
does({ op => 'replace', path => 'emails', value => $JSON->encode(['a@example.com']) }, { emails => \@email }, 'a list of strings in a string');
does({ op => 'replace', path => 'emails', value => '[]' }, { emails => undef }, 'an empty list in a string');
does({ op => 'replace', path => 'name', value => '{"givenName":"g"}' }, { name => { givenName => 'g' } }, 'an object in a string');
does({ op => 'replace', path => 'title', value => '["t"]' }, { title => 't' }, 'one string in a list in a string');
does({ op => 'replace', value => '{"title":"t"}' }, { title => 't' }, 'an object in a string without path');
does({ op => 'replace', path => 'active', value => '["False"]' }, { active => FALSE }, 'a boolean in a list in a string');
my $assignment = $JSON->encode({ id => 'x', value => 'USER', displayName => 'User' });
does({ op => 'replace', path => 'roles[primary eq "True"].value', value => $assignment }, { roles => \@user }, q{Entra ID's JSON for the value of the primary role});
does({ op => 'replace', path => 'roles', value => [{ value => $assignment }] }, { roles => [{ %{ $user[0] }, display => 'User' }] }, 'and in a list');
does({ op => 'replace', path => 'roles[primary eq "True"]', value => $assignment }, { roles => [{ %{ $user[0] }, display => 'User' }] }, 'and for the primary role');
makes({ roles => $roles, emails => $JSON->encode(\@email) }, { roles => \@user, emails => \@email }, 'lists in strings');
makes({ name => '{"givenName":"g"}', ENT() => '{"department":"d"}' }, { name => { givenName => 'g' }, ENT() => { department => 'd' } }, 'objects in strings');
makes({ title => '[Acme] Engineer', nickName => '{x}', displayName => '[42]' }, { title => '[Acme] Engineer', nickName => '{x}', displayName => '[42]' }, 'text in brackets');

# A list of one for one value, at each depth
does({ op => 'replace', path => 'title', value => ['t'] }, { title => 't' }, 'a list of one for a string');
does({ op => 'replace', path => 'title', value => [{ '$ref' => undef, value => 'Engineering' }] }, { title => 'Engineering' }, q{Entra ID's older job for a string});
does({ op => 'add', path => ENT . ':department', value => [{ '$ref' => undef, value => 'Engineering' }] }, { ENT() => { department => 'Engineering' } }, 'and in an extension');
does({ op => 'replace', path => 'name.givenName', value => [['g']] }, { name => { givenName => 'g' } }, 'for a sub-attribute, twice over');
does({ op => 'replace', path => 'active', value => [FALSE] }, { active => FALSE }, 'for a boolean');
does({ op => 'replace', path => 'active', value => 0 }, { active => FALSE }, 'the number 0 for false');
does({ op => 'replace', path => 'active', value => [{ value => 'False' }] }, { active => FALSE }, 'an object for a boolean');
does({ op => 'replace', path => 'emails[value eq "before@example.com"]', value => [{ value => 'a@example.com' }] }, { emails => \@email }, 'a list of one for an element');
does({ op => 'replace', path => 'emails[value eq "before@example.com"]', value => 'a@example.com' }, { emails => \@email }, 'a string for an element');
does({ op => 'replace', path => 'emails[value eq "before@example.com"].value', value => { value => 'a@example.com' } }, { emails => \@email }, 'an object for the value of an element');
does({ op => 'replace', value => { active => ['False'], title => ['t'] } }, { active => FALSE, title => 't' }, 'lists of one without a path');
makes({ title => ['t'], active => 0, name => [{ givenName => ['g'] }], preferredLanguage => ['de'], emails => [['a@example.com']] },
      { title => 't', active => FALSE, name => { givenName => 'g' }, preferredLanguage => 'de', emails => \@email }, 'lists of one');
makes({ emails => [{ value => 'a@example.com', primary => 1 }], phoneNumbers => 4711 },
      { emails => [{ %{ $email[0] }, primary => TRUE }], phoneNumbers => [{ value => '4711' }] }, 'numbers for a boolean and for a string');

does({ op => 'replace', path => 'title', value => ['t', undef] }, { title => 't' }, 'a list of one and null for a string');
does({ op => 'replace', path => 'active', value => ['', FALSE, {}] }, { active => FALSE }, 'one boolean among what is absent');
does({ op => 'replace', path => 'name', value => [undef, { givenName => 'g' }] }, { name => { givenName => 'g' } }, 'one object after null');
does({ op => 'replace', path => 'title', value => '[null]' }, { title => undef }, 'a list of null in a string');
does({ op => 'replace', path => 'title', value => '[["t"]]' }, { title => 't' }, 'a list in a list in a string');
makes({ title => ['', 't'], ENT() => { department => [undef, 'd'], manager => [{}, { value => 'm' }] } }, { title => 't' }, 'one value among what is absent');

# Lists with their indexes, as PHP writes them
my %by_place = (1 => { value => 'a@example.com' }, 3 => 'b@example.com');
my $placed = [{ value => 'a@example.com' }];
does({ op => 'replace', path => 'emails', value => { 1 => $by_place{1} } }, { emails => $placed }, 'an object with one place for a list');
does({ op => 'replace', value => { roles => { 0 => { value => 'USER' } } } }, { roles => \@user }, 'for the roles');
does({ op => 'replace', path => 'roles', value => '{"0":"USER"}' }, { roles => \@user }, 'and in a string');
makes({ emails => { 2 => $by_place{1} }, roles => { 1 => 'USER' } }, { emails => $placed, roles => \@user }, 'lists with their places');
{
    my $r = $org->post('/Users', { userName => user_name(), displayName => 'x', emails => \%by_place });
    is_deeply [sort map { $_->{value} } @{ $r->{json}{emails} }], ['a@example.com', 'b@example.com'], 'a list with two places has both' or diag $r->{content};
    is $org->patch("/Users/$r->{json}{id}", { schemas => [PATCHOP], Operations => { 1 => { op => 'replace', path => 'title', value => 't' } } })->{json}{title}, 't',
        'and so have Operations';
}

# The data of a bulk operation
for my $case (['in a string' => sub { $JSON->encode($_[0]) }], ['in a list of one' => sub { [$_[0]] }]) {
    my ($how, $written) = @$case;
    my $user = person();
    my $r = $org->post('/Bulk', { schemas => [BULK], Operations => [
        { method => 'POST', path => '/Users', bulkId => 'a', data => $written->({ userName => user_name(), displayName => 'x' }) },
        { method => 'PATCH', path => "/Users/$user->{id}", data => $written->({ schemas => [PATCHOP], Operations => [{ op => 'replace', path => 'title', value => 'bulk' }] }) }] });
    is_deeply [map { $_->{status} } @{ $r->{json}{Operations} }], [201, 200], "data $how" or diag $r->{content};
    is $org->get("/Users/$user->{id}")->{json}{title}, 'bulk', 'are what was meant';
}

# Values that cannot be interpreted
refuses({ op => 'replace', path => 'emails', value => '[{"value":' }, 'invalidValue', 'broken JSON for a list');
refuses({ op => 'replace', path => 'roles[primary eq "True"].value', value => '{"value":"USER"' }, 'invalidValue', 'broken JSON for a role');
refuses({ op => 'replace', path => 'roles', value => [{ value => '[USER' }] }, 'invalidValue', 'broken JSON in a role');
refuses({ op => 'replace', path => 'title', value => ['a', 'b'] }, 'invalidValue', 'a list of two for one value');
refuses({ op => 'replace', path => 'title', value => '["a","b"]' }, 'invalidValue', 'and in a string');
refuses({ op => 'replace', path => 'title', value => { formatted => 'x' } }, 'invalidValue', 'an object without a value for a string');
refuses({ op => 'replace', path => 'active', value => 2 }, 'invalidValue', 'the number 2 for a boolean');
refuses({ op => 'replace', path => 'active', value => 'yes' }, 'invalidValue', 'yes for a boolean');
refuses({ op => 'replace', path => 'active', value => ['True', 'False'] }, 'invalidValue', 'two booleans');
refuses({ op => 'replace', path => 'name', value => 'Taro Yamada' }, 'invalidValue', 'a string for a name');
refuses({ op => 'replace', path => 'emails[value eq "before@example.com"]', value => [{ value => 'a' }, { value => 'b' }] }, 'invalidValue', 'two elements for one');
refuses({ op => 'replace', path => 'emails', value => TRUE }, 'invalidValue', 'a boolean for an e-mail');
is_no_user({ emails => '[' }, 'broken JSON for a list');
is_no_user({ title => ['a', 'b'] }, 'a list of two for one value');
is_no_user({ name => 7 }, 'a number for a name');
is_no_user({ roles => [{ value => '{x' }] }, 'broken JSON for a role');
is_no_user({ ENT() => 'x' }, 'a string for an extension');

# Names spelled as paths
makes({ 'name.givenName' => 'g', ENT . ':department' => 'd', CORE . ':title' => 't' }, { name => { givenName => 'g' }, ENT() => { department => 'd' }, title => 't' }, 'dotted names and names with URNs');
makes({ CORE() => { title => 't', nickName => 'n' } }, { title => 't', nickName => 'n' }, 'the core URN with an object');
makes({ ENT . '.department' => 'd' }, { ENT() => { department => 'd' } }, 'a dot behind the URN');
makes({ 'emails[type eq "work"].value' => 'a@example.com' }, { emails => [{ type => 'work', value => 'a@example.com' }] }, 'a name with brackets');
makes({ 'roles[primary eq "True"].value' => 'USER' }, { roles => \@user }, 'that of the primary role');
does({ op => 'replace', path => CORE, value => { title => 't' } }, { title => 't' }, 'the core URN as path');
does({ op => 'add', value => { CORE() => { title => 't', 'name.givenName' => 'g' } } }, { title => 't', name => { givenName => 'g' } }, 'and as a name');
does({ op => 'replace', path => ENT . '.department', value => 'd' }, { ENT() => { department => 'd' } }, 'a path with a dot behind the URN');
does({ op => 'replace', path => CORE . '.title', value => 't' }, { title => 't' }, 'and behind the core URN');
does({ op => 'replace', path => 'unknown[type eq "x"].value', value => 'v' }, { title => 'before' }, 'a path to what the schema does not know');
does({ op => 'replace', value => { '@odata.type' => 'x', 'a b' => 1 } }, { title => 'before' }, 'names that the schema does not know');
refuses({ op => 'replace', path => 'bad[', value => 'x' }, 'invalidPath', 'a broken path');
refuses({ op => 'replace', path => 'bad[type eq "x"', value => 'x' }, 'invalidPath', 'brackets without an end');
refuses({ op => 'replace', path => 'bad[]', value => 'x' }, 'invalidPath', 'brackets without a filter');
refuses({ op => 'replace', path => 'bad[type eq "x"]x', value => 'x' }, 'invalidPath', 'a path that goes on behind its end');
refuses({ op => 'replace', value => { 'emails[type eq' => 'x' } }, 'invalidFilter', 'a broken name of what the schema knows');
refuses({ op => 'replace', value => { 'emails]' => 'x' } }, 'invalidPath', 'another one');
refuses({ op => 'remove', path => CORE }, 'mutability', 'to remove the resource itself');
is $org->post('/Users', { userName => user_name(), displayName => 'x', 'emails[' => 'x' })->{status}, 400, 'nor does a POST drop one';

# Strictly a value is taken as it is
{
    my $strict = organization(profile => 'strict');
    my $user = $strict->create;
    for my $wrong ([title => ['t']], [emails => '[]'], [active => 0], [name => '{}'], ['emails[type eq "x"]' => 'x']) {
        my ($path, $value) = @$wrong;
        is_error($strict->patch_ops($user->{id}, { op => 'add', path => $path, value => $value }), 400, 'invalidValue', "strictly $path cannot be " . $JSON->encode($value));
    }
}
# A manager's id is the same value where it is the end of his URL.
for my $way (['a member' => { op => 'replace', path => 'manager', value => { '$ref' => 'https://x/Users/' } }, 200],
             ['a path' => { op => 'add', path => 'manager.$ref', value => 'https://x/Users/' }, 200],
             ['a member that is broken JSON' => { op => 'replace', path => 'manager', value => { '$ref' => 'https://x/Users/[' } }, 400],
             ['a path that is broken JSON' => { op => 'add', path => 'manager.$ref', value => 'https://x/Users/[' }, 400]) {
    my ($what, $operation, $status) = @$way;
    my $id = $org->create->{id};
    is $org->patch_ops($id, $operation)->{status}, $status, "\$ref as $what";
    is $org->get("/Users/$id")->{json}{ (ENT) }, undef, "\$ref as $what: nobody is named";
}
done_testing;
