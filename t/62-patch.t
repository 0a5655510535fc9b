# SPDX-License-Identifier: Apache-2.0
# PATCH, in the four modes: every item of the checklist's PATCH, ADD, REM, REP
# and ROLE, each on an account of its own.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use Scim::Test;
use Scim::Modes;

my $org = organization(profile => 'open');
my $chief = $org->create;
my $mode;

sub op { my ($op, $path, @value) = @_; return { op => $op, defined $path ? (path => $path) : (), @value ? (value => $value[0]) : () } }
sub emails { return [map { my ($type, $value, @primary) = split ' '; { type => $type, value => $value, @primary ? (primary => TRUE) : () } } @_] }
sub role { my ($value, @more) = @_; return { value => $value, @more } }

# The attributes of the fixture's U1, U2, U3 and U4.
my $WORK = { type => 'work', primary => TRUE, streetAddress => '100 Universal City Plaza', region => 'CA', country => 'US' };
my $HOME = { type => 'home', streetAddress => '456 Hollywood Blvd', region => 'CA', country => 'US' };
my %LIKE = (
    U1 => { title => 'Tour Guide', nickName => 'Babs', userType => 'Employee', name => { familyName => 'Jensen', givenName => 'Barbara' },
            emails => emails('work bjensen@example.com primary', 'home babs@jensen.org'), addresses => [$WORK, $HOME],
            entitlements => [role('admin', display => 'Administrator', primary => TRUE), role('auditor', display => 'Auditor')] },
    U2 => { userType => 'Intern', active => FALSE, name => { familyName => "O'Malley", givenName => 'James' } },
    U3 => {},
    U4 => { title => 'Manager', name => { familyName => 'Foo', givenName => 'Amy' }, emails => emails('other amy@example.net'),
            entitlements => [role('auditor', primary => TRUE)], ENT() => { employeeNumber => '0042' } },
);
my %without_title = (title => undef);
my $home_only = { emails => emails('home babs@jensen.org') };
my $EMAILS = $LIKE{U1}{emails};

# key, its User of the fixture, operations, attributes afterwards or the outcome
my @cases = (
    ['PATCH-02', 'U1', [op('move', 'title', 'x')], '400 invalidSyntax'], ['PATCH-02', 'U1', [{ path => 'title', value => 'x' }], '400 invalidSyntax'],
    ['PATCH-03', 'U1', [op('Add', 'title', 'a'), op('Replace', 'nickName', 'b'), op('REMOVE', 'userType')], { title => 'a', nickName => 'b', userType => undef }],
    ['PATCH-03', 'U1', [{ Op => 'add', Path => 'title', VALUE => 'a' }], { title => 'a' }],
    ['PATCH-04', 'U1', [op('replace', 'nickName', 'n'), op('replace', 'name.familyName', 'f'), op('remove', 'emails[type eq "home"]'), op('replace', 'emails[type eq "work"].value', 'w@x.y'),
     op('add', ENT . ':employeeNumber', '1'), op('add', ENT . ':manager.value', $chief->{id})],
     { nickName => 'n', name => { givenName => 'Barbara', familyName => 'f' }, emails => emails('work w@x.y primary'),
       ENT() => sub { $_[0]{employeeNumber} eq '1' && $_[0]{manager}{value} eq $chief->{id} } }],
    (map { ['PATCH-08', 'U1', [op('replace', $_, 'x')], '400 invalidFilter'] } 'emails[0]', 'emails[0].value'),
    ['PATCH-09', 'U1', [op('replace', 'TITLE', 'a'), op('replace', CORE . ':nickname', 'b')], { title => 'a', nickName => 'b' }],
    ['PATCH-10', 'U1', [op('replace', 'title', 'a'), op('remove', 'title'), op('add', 'title', 'c')], { title => 'c' }],
    ['PATCH-11', 'U1', [op('replace', 'title', 'X'), op('replace', 'userName', undef)], '400 invalidValue'],
    ['PATCH-12', 'U1', [op('replace', 'emails[type eq "home"].primary', TRUE)], { emails => sub { join(' ', map { $_->{primary} ? $_->{type} : () } @{ $_[0] }) eq 'home' } }],
    ['PATCH-14', 'U2', [op('add', ENT . ':employeeNumber', '7')], { schemas => [CORE, ENT], ENT() => { employeeNumber => '7' } }],
    ['PATCH-15', 'U4', [op('remove', 'schemas', [uc ENT])], { schemas => [CORE], ENT() => undef }],
    ['PATCH-15', 'U4', [op('replace', 'schemas', [CORE])], { schemas => [CORE], ENT() => undef }],
    ['PATCH-15 core', 'U4', [op('replace', 'schemas', [ENT])], '400 mutability'], ['PATCH-15 core', 'U4', [op('remove', 'schemas')], '400 mutability'],
    ['PATCH-15', 'U4', [op('replace', undef, { schemas => [CORE], title => 'T' })], { title => 'T', ENT() => { employeeNumber => '0042' } }],
    ['PATCH-19', 'U1', [op('replace', 'title', { a => 1 })], '400 invalidValue'], ['PATCH-19', 'U1', [op('replace', 'name.givenName', ['a', 'b'])], '400 invalidValue'],
    ['PATCH-20', 'U1', [op('replace', 'displayName', 'x'), op('remove', 'userName')], '400 mutability'],
    ['PATCH-20', 'U1', [op('add', 'emails', emails('a a@b.c primary', 'b b@c.d primary'))], '400 invalidValue'],
    ['ADD-01', 'U1', [{ op => 'add', path => 'title' }], '400 invalidValue'],
    ['ADD-02', 'U1', [op('add', undef, { title => 'a', emails => emails('other o@p.q') })], { title => 'a', emails => [@$EMAILS, @{ emails('other o@p.q') }] }],
    ['ADD-03', 'U1', [op('add', 'title', 'Boss')], { title => 'Boss' }], ['ADD-03', 'U3', [op('add', 'title', 'Boss')], { title => 'Boss' }],
    ['ADD-04', 'U1', [op('add', 'name', { givenName => 'B', middleName => 'J' })], { name => { familyName => 'Jensen', givenName => 'B', middleName => 'J' } }],
    ['ADD-05', 'U1', [op('add', 'name.middleName', 'J')], { name => { %{ $LIKE{U1}{name} }, middleName => 'J' } }],
    ['ADD-05', 'U3', [op('add', 'name.middleName', 'J')], { name => { middleName => 'J' } }],
    ['ADD-06', 'U4', [op('add', 'emails', emails('home h@i.j'))], { emails => emails('other amy@example.net', 'home h@i.j') }],
    ['ADD-06', 'U4', [op('add', 'emails', emails('home h@i.j')->[0])], { emails => emails('other amy@example.net', 'home h@i.j') }],
    ['ADD-07', 'U1', [op('add', 'emails', [$EMAILS->[1]])], { emails => $EMAILS }],
    ['ADD-09', 'U1', [op('add', 'emails', emails('new n@o.p primary'))], { emails => sub { join(' ', map { $_->{primary} ? $_->{type} : () } @{ $_[0] }) eq 'new' } }],
    ['ADD-12', 'U4', [op('Add', 'phoneNumbers[type eq "mobile"].value', '1')], { phoneNumbers => [{ type => 'mobile', value => '1' }] }],
    ['ADD-16', 'U4', [op('add', ENT, { department => 'X' })], { ENT() => { employeeNumber => '0042', department => 'X' } }],
    ['ADD-16', 'U4', [op('add', undef, { ENT() => { department => 'X' } })], { ENT() => { employeeNumber => '0042', department => 'X' } }],
    ['ADD-16', 'U4', [op('add', undef, { ENT . ':department' => 'X' })], { ENT() => { employeeNumber => '0042', department => 'X' } }],
    ['ADD-17', 'U1', [op('add', 'groups', [{ value => 'g' }])], '400 mutability'], ['ADD-17', 'U1', [op('add', 'id', 'x')], '400 mutability'],
    ['ADD-17', 'U1', [op('add', 'meta', { created => '2001-01-01T00:00:00Z' })], '400 mutability'],
    ['ADD-19', 'U1', [op('add', 'x509Certificates', [{ value => '!!' }])], '400 invalidValue'],
    ['ADD-20', 'U1', [op('add', 'userName', 'new-name@example.com')], { userName => 'new-name@example.com' }],
    ['ADD-20', 'U1', [op('add', 'userName', $chief->{userName})], '409 uniqueness'],
    ['REM-01', 'U1', [op('remove')], '400 noTarget'], ['REM-01', 'U1', [{ op => 'remove', path => undef }], '400 noTarget'],
    ['REM-02', 'U1', [op('remove', 'title')], { title => undef }],
    ['REM-03', 'U1', [op('remove', 'name.givenName')], { name => { familyName => 'Jensen' } }],
    ['REM-03', 'U1', [op('remove', 'name.givenName'), op('remove', 'name.familyName')], { name => undef }],
    ['REM-04', 'U1', [op('remove', 'emails')], { emails => undef }],
    ['REM-05', 'U1', [op('remove', 'emails[type eq "home"]')], { emails => [$EMAILS->[0]] }],
    ['REM-06', 'U1', [op('remove', 'emails[type eq "work" and value ew "example.com"]')], $home_only],
    ['REM-07', 'U1', [op('remove', 'emails[type eq "work"].primary')], { emails => emails('work bjensen@example.com', 'home babs@jensen.org') }],
    (map { ['REM-10', 'U1', [op('remove', $_)], '400 mutability'] } 'userName'),
    (map { ['REM-11', 'U1', [op('remove', $_)], '400 mutability'] } qw(id meta groups)),
    ['REM-13', 'U1', [op('remove', 'emails', [{ value => 'bjensen@example.com' }])], $home_only],
    ['REP-01', 'U1', [op('replace', undef, { active => FALSE })], { active => FALSE, title => 'Tour Guide' }],
    ['REP-02', 'U1', [op('replace', undef, { emails => emails('x x@y.z'), name => { givenName => 'B' } })],
     { emails => emails('x x@y.z'), name => { givenName => 'B', familyName => 'Jensen' } }],
    ['REP-03', 'U1', [op('replace', 'title', 'X')], { title => 'X' }],
    ['REP-04', 'U3', [op('replace', 'nickName', 'B'), op('replace', 'emails', emails('x x@y.z'))], { nickName => 'B', emails => emails('x x@y.z') }],
    ['REP-05', 'U1', [op('replace', 'name', { givenName => 'B' })], { name => { givenName => 'B', familyName => 'Jensen' } }],
    ['REP-06', 'U1', [op('replace', 'name.familyName', 'X')], { name => { givenName => 'Barbara', familyName => 'X' } }],
    ['REP-07', 'U1', [op('replace', 'emails', emails('x x@y.z'))], { emails => emails('x x@y.z') }],
    ['REP-08', 'U1', [op('replace', 'addresses[type eq "work"]', { type => 'work', locality => 'L' })], { addresses => [{ type => 'work', locality => 'L' }, $HOME] }],
    ['REP-09', 'U1', [op('replace', 'addresses[type eq "work"].streetAddress', '1010 Broadway Ave')], { addresses => [{ %$WORK, streetAddress => '1010 Broadway Ave' }, $HOME] }],
    ['REP-10', 'U1', [op('replace', 'emails[type sw "x"].value', 'n@x.y')], '400 noTarget'],
    ['REP-11', 'U4', [op('Replace', 'emails[type eq "work"].value', 'n@x.y')], { emails => emails('other amy@example.net', 'work n@x.y') }],
    ['REP-11 never', 'U1', [op('replace', 'photos[type eq "a" and type eq "b"].value', 'x')], '400 noTarget'], ['ADD-05 never', 'U1', [op('add', 'photos[type eq "a" and type eq "b"].value', 'x')], '400 noTarget'],
    ['REP-12', 'U1', [op('replace', 'addresses[type eq "home"]', { %$HOME, primary => TRUE })], { addresses => sub { join(' ', map { $_->{primary} ? $_->{type} : () } @{ $_[0] }) eq 'home' } }],
    ['REP-13', 'U1', [op('replace', 'meta.created', '2001-01-01T00:00:00Z')], '400 mutability'],
    ['REP-13 immutable', 'U1', [op('replace', 'timezone', 'Asia/Tokyo'), op('replace', 'timezone', 'Asia/Tokyo')], { timezone => 'Asia/Tokyo' }],
    ['REP-17', 'U1', [op('replace', undef, { 'name.givenName' => 'A', ENT . ':employeeNumber' => '1' })],
     { name => { givenName => 'A', familyName => 'Jensen' }, ENT() => { employeeNumber => '1' } }],
    ['REP-18', 'U1', [op('replace', undef, { id => sub { $_[0] }, title => 'a' })], { title => 'a' }],
    ['REP-18 other', 'U1', [op('replace', undef, { id => 'other', title => 'a' })], '400 mutability'],
    ['REP-19', 'U1', [op('Replace', 'active', 'False')], { active => FALSE }],
    ['REP-20', 'U1', [op('replace', ENT . ':manager', $chief->{id})], { ENT() => sub { $_[0]{manager}{value} eq $chief->{id} } }],
    ['REP-20', 'U1', [op('replace', ENT . ':manager', $chief->{id}), op('replace', ENT . ':manager', '')], { ENT() => undef }],
    ['ROLE-02', 'U1', [op('replace', 'entitlements', [role('a'), role('b')]), op('remove', 'entitlements[value eq "a"]')], { entitlements => [role('b')] }],
    ['ROLE-03', 'U1', [op('replace', 'entitlements[value eq "auditor"].primary', TRUE)],
     { entitlements => sub { join(' ', map { $_->{primary} ? $_->{value} : () } @{ $_[0] }) eq 'auditor' } }],
    ['ROLE-03', 'U1', [op('replace', 'roles', [role('USER', primary => TRUE)]), op('add', 'roles', [role('ADMIN', primary => TRUE)])],
     { roles => sub { join(' ', map { $_->{primary} ? $_->{value} : () } @{ $_[0] }) eq 'ADMIN' } }],
    ['ROLE-18', 'U1', [op('Add', 'roles[primary eq "True"].value', 'USER')], { roles => [role('USER', primary => TRUE)] }],
    ['ROLE-18', 'U1', [op('Replace', 'roles[primary eq "True"].value', 'ADMIN')], { roles => [role('ADMIN', primary => TRUE)] }],
    ['ROLE-19', 'U1', [op('Add', 'roles', [{ value => '{"id":"1","value":"USER","displayName":"Role1234"}' }])],
     { roles => sub { my ($mode, $role) = ($org->{mode}, $_[0][0]); $mode =~ /strict/ ? $role->{value} =~ /^(?:GUEST|\{.*)$/ : $role->{value} eq 'USER' && $role->{display} eq 'Role1234' } }],
    ['ROLE-20', 'U1', [op('Add', 'roles', [role('USER', type => 'WindowsAzureActiveDirectoryRole', display => 'U', primary => 'false')])],
     { roles => sub { $_[0][0]{value} eq 'USER' && $_[0][0]{type} eq 'WindowsAzureActiveDirectoryRole' } }],
    ['INTOP-03', 'U1', [op('Replace', 'displayName', 'D'), op('Replace', 'emails[type eq "work"].value', 'w@x.y'), op('Replace', 'name.givenName', 'G'),
     op('Replace', 'externalId', 'e'), op('Replace', ENT . ':employeeNumber', '1')],
     { displayName => 'D', emails => emails('work w@x.y primary', 'home babs@jensen.org'), name => { givenName => 'G', familyName => 'Jensen' }, externalId => 'e', ENT() => { employeeNumber => '1' } }],
    ['INTOP-04', 'U1', [op('replace', undef, { displayName => 'D', 'name.givenName' => 'G', ENT . ':employeeNumber' => '1' })],
     { displayName => 'D', name => { givenName => 'G', familyName => 'Jensen' }, ENT() => { employeeNumber => '1' } }],
    ['INTOP-05', 'U3', [op('Add', 'addresses[type eq "work"].formatted', 'F'), op('Add', 'phoneNumbers[type eq "mobile"].value', '1')],
     { addresses => [{ type => 'work', formatted => 'F' }], phoneNumbers => [{ type => 'mobile', value => '1' }] }],
    ['INTOP-06', 'U1', [op('Replace', 'active', FALSE)], { active => FALSE }], ['INTOP-06 text', 'U2', [op('Replace', 'active', 'True')], { active => TRUE }],
    ['INTOP-08', 'U1', [op('Add', ENT . ':manager', $chief->{id})], { ENT() => sub { $_[0]{manager}{value} eq $chief->{id} } }],
    ['REM-02', 'U1', [op('add', ENT . ':manager', { value => $chief->{id} }), op('Remove', ENT . ':manager')], { ENT() => undef }],
    ['INTOP-15', 'U1', [op('replace', undef, { active => FALSE })], { active => FALSE }],
    ['ERR-07', 'U1', [op('replace', 'id', 'x')], '400 mutability'],
    ['ERR-09', 'U1', [op('replace', 'name..givenName', 'x')], '400 invalidPath'], ['ERR-09 unknown', 'U1', [op('replace', 'shoeSize', 43)], '200'],
    ['ERR-10', 'U1', [op('remove')], '400 noTarget'], ['ERR-10 target', 'U1', [op('replace', 'emails[type eq "x"].value', 'x@y.z')], '200'],
    ['ERR-04', 'U1', [op('replace', 'emails[type regex "x"].value', 'x@y.z')], '400 invalidFilter'],
    ['ERR-11', 'U1', [op('replace', 'active', 'perhaps')], '400 invalidValue'],
    ['EX-32', 'U1', [op('add', undef, { emails => emails('home babs2@jensen.org')->[0], nickname => 'Babs' })], { emails => [@$EMAILS, @{ emails('home babs2@jensen.org') }], nickName => 'Babs' }],
    ['EX-33', 'U1', [op('add', 'entitlements', [role('2819c223')])], { entitlements => [@{ $LIKE{U1}{entitlements} }, role('2819c223')] }],
    ['EX-33', 'U1', [map { op('add', 'entitlements', [role('2819c223')]) } 1, 2], { entitlements => [@{ $LIKE{U1}{entitlements} }, role('2819c223')] }],
    ['EX-34', 'U1', [op('remove', 'entitlements[value eq "auditor"]')], { entitlements => [$LIKE{U1}{entitlements}[0]] }],
    ['EX-35', 'U1', [op('remove', 'entitlements')], { entitlements => undef }],
    ['EX-36', 'U1', [op('remove', 'emails[type eq "work" and value ew "example.com"]')], $home_only],
    ['EX-37', 'U1', [op('remove', 'entitlements[value eq "auditor"]'), op('add', 'entitlements', [role('x')])], { entitlements => [$LIKE{U1}{entitlements}[0], role('x')] }],
    ['EX-37 space', 'U1', [op('remove', 'entitlements[value eq"auditor"]')], { entitlements => [$LIKE{U1}{entitlements}[0]] }],
    ['EX-38', 'U1', [op('remove', 'entitlements'), op('add', 'entitlements', [role('a'), role('b')])], { entitlements => [role('a'), role('b')] }],
    ['EX-39', 'U1', [op('replace', 'entitlements', [role('a'), role('b')])], { entitlements => [role('a'), role('b')] }],
    ['EX-40', 'U1', [op('replace', 'addresses[type eq "home"]', { %$HOME, streetAddress => '911 Universal City Plaza', primary => TRUE })],
     { addresses => sub { my %by = map { $_->{type} => $_ } @{ $_[0] }; !$by{work}{primary} && $by{home}{primary} && $by{home}{streetAddress} =~ /^911/ } }],
    ['EX-41', 'U1', [op('replace', 'addresses[type eq "work"].streetAddress', '1010 Broadway Ave')], { addresses => [{ %$WORK, streetAddress => '1010 Broadway Ave' }, $HOME] }],
    ['EX-42', 'U1', [op('replace', undef, { emails => emails('work b@e.f primary', 'home b@j.k'), nickname => 'Babs2' })],
     { emails => emails('work b@e.f primary', 'home b@j.k'), nickName => 'Babs2', title => 'Tour Guide' }],
);

sub send_patch {
    my ($id, $operations, $query) = @_;
    for my $o (grep { ref $_->{value} eq 'HASH' && ref $_->{value}{id} eq 'CODE' } @$operations) {
        $o = { %$o, value => { %{ $o->{value} }, id => $id } };
    }
    return $org->patch("/Users/$id" . ($query // ''), { schemas => [PATCHOP], Operations => $operations }, profile => $mode);
}

sub has {
    my ($user, $expected, $name) = @_;
    return subtest $name => sub {
        for my $member (sort keys %$expected) {
            my ($got, $wanted) = ($user->{$member}, $expected->{$member});
            ref $wanted eq 'CODE' ? ok($got && $wanted->($got), $member) : is_deeply($got, $wanted, $member);
            diag explain $got unless Test::More->builder->is_passing;
        }
    };
}

for (modes()) {
    $org->{mode} = $mode = $_;
    $org->delete('/Users/' . $_->{id}) for @{ $org->filter('userName eq "new-name@example.com"')->{json}{Resources} };
    for my $case (@cases) {
        my ($key, $like, $operations, $usual) = @$case;
        my $user = $org->create(schemas => [CORE, ENT], %{ $LIKE{$like} });
        my $wanted = expected($mode, $key, $usual);
        my $name = "on $like: " . join(', then ', map { lc($_->{op} // 'nothing') . ' ' . ($_->{path} // 'without path') } @$operations);
        my $r = send_patch($user->{id}, [@$operations]);
        my $now = $org->get("/Users/$user->{id}", profile => $mode)->{json};
        if (!ref $wanted) {
            is outcome($r), $wanted, "$key: $name ($mode)" or diag $r->{content};
            is $now->{meta}{version}, $user->{meta}{version}, "$key: $name: nothing has changed ($mode)" if $wanted =~ /^4/;
            next;
        }
        is $r->{status}, 200, "PATCH-16, $key: $name ($mode)" or diag $r->{content};
        has($now, $wanted, "$key: $name: the result ($mode)");
        is_deeply $r->{json}, $now, "PATCH-16, $key: $name: the answer is the whole resource ($mode)" if $r->{status} == 200;
    }
    my $user = $org->create;
    my $r = send_patch($user->{id}, [op('add', 'title', 'T')], '?attributes=title');
    is $r->{status}, 200, "PATCH-17: an answer with ?attributes= is 200 ($mode)";
    is_deeply [sort keys %{ $r->{json} }], [qw(id schemas title)], "PATCH-17: and has what is asked for ($mode)";
    is_outcome($mode, send_patch('00000000-0000-4000-8000-000000000000', [op('add', 'title', 'T')]), 'PATCH-21', '404', 'an unknown id');
    for my $body ({}, { Operations => 'x' }, { schemas => [PATCHOP] }, []) {
        is_outcome($mode, $org->patch("/Users/$user->{id}", $body, profile => $mode), 'PATCH-01, ERR-08', '400 invalidSyntax', 'a body without a list of Operations');
    }
    is_outcome($mode, $org->patch("/Users/$user->{id}", { Operations => [op('add', 'title', 'U')] }, profile => $mode), 'ERR-08 schemas', '200', 'a PatchOp without schemas');
    $r = send_patch($user->{id}, [op('Replace', 'active', FALSE)]);
    is $org->get('/Users?filter=' . uri(qq(id eq "$user->{id}" and active eq false)), profile => $mode)->{json}{totalResults}, 1,
        "INTOP-06: a disabled account is still found ($mode)";
    my $with = $org->create(entitlements => [role('x', display => 'X', type => 't', primary => TRUE), role('y')]);
    is_deeply $org->get("/Users/$with->{id}", profile => $mode)->{json}{entitlements}, $with->{entitlements}, "ROLE-01: entitlements make the round trip ($mode)";
    my @roles = ({ value => 'any thing', display => 'X', type => 't', primary => TRUE }, { value => 'ADMIN' });
    $r = $org->post('/Users', { schemas => [CORE], userName => user_name(), displayName => 'x', roles => \@roles }, profile => $mode);
    is_deeply $r->{json}{roles}, expected($mode, 'ROLE-01', \@roles), "ROLE-01: roles are kept as sent ($mode)";
    $r = $org->post('/Users', { schemas => [CORE], userName => user_name(), displayName => 'x', roles => [role('USER', primary => 'false', type => 't', display => 'U')] }, profile => $mode);
    is_outcome($mode, $r, 'ROLE-20 POST', '201', 'the roles of AppRoleAssignmentsComplex');
}

# An element is created from a filter as if it had been sent, unless the filter would
# not find it again.
for (grep { !/strict/ } modes()) {
    $mode = $_;
    my $user = $org->create;
    for my $filter ('type eq ""', 'display eq ""', 'type eq "{\"value\":\"a\"}"', 'type eq "[\"a\"]"') {
        for my $op (qw(add replace)) {
            is outcome(send_patch($user->{id}, [op($op, "photos[$filter].value", 'x')])), '400 noTarget', "$op photos[$filter] is refused ($mode)";
        }
    }
    is $org->get("/Users/$user->{id}")->{json}{photos}, undef, "and nothing is made ($mode)";
}
done_testing;
