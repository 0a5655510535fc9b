# SPDX-License-Identifier: Apache-2.0
# Absence has one meaning everywhere: null, "", [] and {} are the same as a missing
# member.  An absent value never takes access away and never gives it.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use Scim::Test;

my %ABSENT = (null => undef, '""' => '', '[]' => [], '{}' => {});
my %LIST = ('[null]' => [undef], '[""]' => [''], '[{}]' => [{}], '"[]"' => '[]', '[[]]' => [[]]);

sub person { my ($org, %more) = @_; return $org->create(roles => [{ value => 'ADMIN' }], %more) }
sub role { my ($org, $user) = @_; return $org->get("/Users/$user->{id}")->{json}{roles}[0]{value} }
sub is_active { my ($org, $user) = @_; return $org->get("/Users/$user->{id}")->{json}{active} ? 1 : 0 }
sub put { my ($org, $user, %more) = @_; return $org->put("/Users/$user->{id}", { schemas => [CORE], userName => $user->{userName}, displayName => 'x', %more }) }
sub bulk {
    my ($org, $method, $user, $data) = @_;
    my $r = $org->post('/Bulk', { schemas => [BULK], Operations => [{ method => $method, path => "/Users/$user->{id}", data => $data }] });
    return $r->{json}{Operations}[0]{status};
}

# A leaver stays out, in each mode
for my $mode (qw(managed open strict open-strict)) {
    my $org = organization(profile => $mode);
    my $user = person($org, active => FALSE);
    my %forms = $mode =~ /strict/ ? (null => undef, '[]' => []) : (%ABSENT, '[""]' => [''], '"[]"' => '[]', '[null]' => [undef]);
    for my $form (sort keys %forms) {
        put($org, $user, active => $forms{$form});
        is is_active($org, $user), 0, "PUT with active $form leaves a deactivated person so ($mode)";
        bulk($org, PUT => $user, { schemas => [CORE], userName => $user->{userName}, displayName => 'x', active => $forms{$form} });
        is is_active($org, $user), 0, "and a bulk PUT ($mode)";
        $org->patch_ops($user->{id}, { op => 'replace', path => 'active', value => $forms{$form} });
        is is_active($org, $user), 0, "and replace active ($mode)";
        $org->patch_ops($user->{id}, { op => 'replace', value => { active => $forms{$form} } });
        is is_active($org, $user), 0, "and without a path ($mode)";
        bulk($org, PATCH => $user, { schemas => [PATCHOP], Operations => [{ op => 'add', path => 'active', value => $forms{$form} }] });
        is is_active($org, $user), 0, "and a bulk PATCH ($mode)";
    }
    put($org, $user);
    is is_active($org, $user), 0, "PUT without active leaves him so ($mode)";
    $org->patch_ops($user->{id}, { op => 'remove', path => 'active' });
    is is_active($org, $user), 0, "and remove active ($mode)";
    $org->patch_ops($user->{id}, { op => 'replace', path => 'active', value => TRUE });
    is is_active($org, $user), 1, "only a value lets him in again ($mode)";
    put($org, $user, active => undef);
    is is_active($org, $user), 1, "and null does not put him out ($mode)";
}

# An absent role demotes nobody; an explicit empty list of roles does.
my $org = organization();
for my $form (sort keys %ABSENT) {
    next if $form eq '[]';
    my $user = person($org);
    is put($org, $user, roles => $ABSENT{$form})->{status}, 200, "PUT with roles $form";
    is role($org, $user), 'ADMIN', 'keeps the role';
    is bulk($org, PUT => $user, { schemas => [CORE], userName => $user->{userName}, displayName => 'x', roles => $ABSENT{$form} }), '200', 'in bulk, too';
    is role($org, $user), 'ADMIN', 'where it keeps it, too';
}
my %none = ('an empty list' => [], %LIST, 'an element without value' => [{ primary => TRUE }], 'one with value null' => [{ value => undef, primary => TRUE }],
            'one with value ""' => { value => '' }, 'one with a type alone' => { type => 'x', display => 'y' });
for my $form (sort keys %none) {
    my $user = person($org);
    is put($org, $user, roles => $none{$form})->{status}, 200, "PUT with $form for roles";
    is role($org, $user), 'GUEST', 'takes the role away';
}
for my $roles ([], [undef], [{ primary => TRUE }]) {
    my $what = JSON::PP->new->canonical->encode($roles);
    for my $body ({ CORE() => { roles => $roles } }, { CORE . ':roles' => $roles }) {
        my $user = person($org);
        put($org, $user, %$body);
        is role($org, $user), 'GUEST', "roles $what under the core URN take it away, too";
    }
    my $user = person($org);
    put($org, $user, CORE() => { title => 't', roles => undef });
    is role($org, $user), 'ADMIN', 'null there does not';
}
for my $value ([{ value => undef }], [{ value => undef, display => 'x' }], { value => '' }) {
    my $user = person($org);
    is $org->patch_ops($user->{id}, { op => 'add', path => 'roles', value => $value })->{status}, 200, 'to add a role without a value';
    is role($org, $user), 'GUEST', 'means that there is none';
}
my %removals = (
    'remove roles' => { op => 'remove', path => 'roles' },
    'remove the primary role' => { op => 'remove', path => 'roles[primary eq "True"]' },
    'remove its value' => { op => 'remove', path => 'roles[primary eq "True"].value' },
    'remove roles.value' => { op => 'remove', path => 'roles.value' },
    'replace its value with ""' => { op => 'Replace', path => 'roles[primary eq "True"].value', value => '' },
    'replace its value with null' => { op => 'replace', path => 'roles[primary eq true].value', value => undef },
    'replace its value with []' => { op => 'replace', path => 'roles[value eq "ADMIN"].value', value => [] },
    'replace roles with []' => { op => 'replace', path => 'roles', value => [] },
    'replace roles with null' => { op => 'replace', path => 'roles', value => undef },
    'replace roles with {}' => { op => 'replace', path => 'roles', value => {} },
    'replace roles with an element without value' => { op => 'replace', path => 'roles', value => [{ primary => 'True' }] },
    'replace the primary role with {}' => { op => 'replace', path => 'roles[primary eq "True"]', value => {} },
);
for my $name (sort keys %removals) {
    my $user = person($org);
    is $org->patch_ops($user->{id}, $removals{$name})->{status}, 200, $name;
    is role($org, $user), 'GUEST', 'makes an ADMIN a GUEST';
    $user = person($org);
    is bulk($org, PATCH => $user, { schemas => [PATCHOP], Operations => [$removals{$name}] }), '200', "$name in bulk";
    is role($org, $user), 'GUEST', 'makes an ADMIN a GUEST, too';
}
{
    my $strict = organization(profile => 'strict');
    my $user = person($strict);
    is $strict->patch_ops($user->{id}, { op => 'remove', path => 'roles[primary eq true].value' })->{status}, 200, 'strictly the value of the role is removed';
    is role($strict, $user), 'GUEST', 'which makes an ADMIN a GUEST, too';
    $user = person($org);
    $org->patch_ops($user->{id}, { op => 'replace', path => 'roles', value => [{ value => 'BOSS' }] });
    is role($org, $user), 'ADMIN', 'an unknown role is still no removal';
}

# Set once: a PUT clears nothing
{
    my $set = organization(language => 'ja-JP', timezone => 'Asia/Tokyo');
    for my $profile (qw(managed strict)) {
        my $user = $set->create;
        for my $form (sort keys %ABSENT) {
            next if $profile eq 'strict' && $form !~ /null|\[/;
            my $r = $set->put("/Users/$user->{id}", { schemas => [CORE], userName => $user->{userName}, displayName => 'x',
                                                      preferredLanguage => $ABSENT{$form}, timezone => $ABSENT{$form} }, profile => $profile);
            is $r->{status}, 200, "PUT with preferredLanguage and timezone $form ($profile)";
            is "$r->{json}{preferredLanguage} $r->{json}{timezone}", 'ja-JP Asia/Tokyo', 'keeps them';
        }
    }
}

# Every attribute, in the wrong shape, in POST and PUT and PATCH
my @attributes = qw(title nickName name emails phoneNumbers addresses photos ims entitlements x509Certificates profileUrl externalId userType locale);
for my $form (sort keys %ABSENT, keys %LIST) {
    my $value = exists $ABSENT{$form} ? $ABSENT{$form} : $LIST{$form};
    my %all = map { $_ => $value } @attributes, ENT;
    my $r = $org->post('/Users', { userName => user_name(), displayName => 'x', active => $value, roles => $value, %all });
    is $r->{status}, 201, "POST with $form for each attribute" or diag $r->{content};
    is_deeply [grep { exists $r->{json}{$_} } @attributes, ENT], [], 'has none of them';
    is "$r->{json}{active} $r->{json}{roles}[0]{value}", '1 GUEST', 'is active, and a GUEST';
    my %full = (title => 't', name => { givenName => 'g' }, emails => [{ value => 'a@example.com' }], addresses => [{ locality => 'l', type => 'work' }],
                externalId => 'e', ENT() => { department => 'd', manager => { value => $r->{json}{id} } });
    my $user = $org->create(%full);
    my $put = $org->put("/Users/$user->{id}", { userName => $user->{userName}, displayName => 'x', %all });
    is $put->{status}, 200, "PUT with $form for each" or diag $put->{content};
    is_deeply [grep { exists $put->{json}{$_} } @attributes, ENT], [], 'takes them away';
    $user = $org->create(%full);
    my $patch = $org->patch_ops($user->{id}, map { { op => 'replace', path => $_, value => $value } } sort keys %full);
    is $patch->{status}, 200, "replace each with $form" or diag $patch->{content};
    is_deeply [grep { exists $patch->{json}{$_} } keys %full], [], 'takes them away, too';
    $user = $org->create(%full);
    $patch = $org->patch_ops($user->{id}, { op => 'replace', value => { map { $_ => $value } keys %full } });
    is_deeply [grep { exists $patch->{json}{$_} } keys %full], [], 'and without a path';
}
for my $value (undef, '', [], {}) {
    my $r = $org->post('/Users', { userName => $value, displayName => 'x' });
    is_error($r, 400, 'invalidValue', 'but userName must be there');
    my $user = $org->create;
    is_error($org->patch_ops($user->{id}, { op => 'replace', path => 'displayName', value => $value }), 400, 'invalidValue', 'and displayName stays');
}
{
    my $strict = organization(profile => 'strict');
    for my $wrong ([emails => ''], [emails => {}], [name => ''], [title => {}], [ENT() => '']) {
        my ($name, $value) = @$wrong;
        is_error($strict->post('/Users', { schemas => [CORE, ENT], userName => user_name(), displayName => 'x', $name => $value }), 400, 'invalidValue',
                 "strictly $name cannot be " . (ref $value ? '{}' : '""')) unless $name eq 'emails' && ref $value;
    }
}

# A PATCH without a path and without values
for my $form (sort keys %ABSENT, keys %LIST) {
    my $user = $org->create(title => 't');
    my $value = exists $ABSENT{$form} ? $ABSENT{$form} : $LIST{$form};
    for my $path (undef, CORE) {
        my $r = $org->patch_ops($user->{id}, { op => 'replace', path => $path, value => $value }, { op => 'replace', path => 'active', value => FALSE });
        is $r->{status}, 200, "replace with $form for the value of " . ($path ? 'the core schema' : 'no path') or diag $r->{content};
        is_deeply [@{ $r->{json} }{qw(title active)}], ['t', FALSE], 'changes nothing, and what comes after it is done';
    }
}

# Messages, and the settings page
{
    my $user = $org->create(title => 't', name => { givenName => 'g', familyName => 'f' });
    for my $form (sort keys %ABSENT) {
        my $r = $org->post('/Bulk', { schemas => [BULK], failOnErrors => $ABSENT{$form}, Operations => [
            { method => 'PATCH', path => "/Users/$user->{id}", bulkId => $ABSENT{$form}, version => ref $ABSENT{$form} ? undef : $ABSENT{$form}, data => { Operations => [{ op => 'replace', path => 'title', value => $form }] } },
            { method => 'DELETE', path => '/Users/' . $org->create->{id}, bulkId => $ABSENT{$form}, data => $ABSENT{$form} }] });
        is_deeply [map { $_->{status} } @{ $r->{json}{Operations} }], [200, 204], "bulk with bulkId, version, data and failOnErrors $form" or diag $r->{content};
        my $search = $org->post('/Users/.search', { map { $_ => $ABSENT{$form} } qw(filter attributes excludedAttributes sortBy sortOrder startIndex count) });
        is $search->{status}, 200, "a search with $form for each member" or diag $search->{content};
    }
    for my $form (keys %ABSENT, '[""]', '"[]"') {
        my $value = exists $ABSENT{$form} ? $ABSENT{$form} : $LIST{$form};
        is_deeply $org->patch_ops($user->{id}, { op => 'replace', path => 'name', value => { givenName => 'g', familyName => 'f' } },
                                  { op => 'replace', path => 'name', value => { givenName => $value } })->{json}{name}, { familyName => 'f' }, "a sub-attribute that is $form goes";
    }
}

# An element without its value is ignored
{
    my $user = $org->create(phoneNumbers => [{ type => 'work', value => '1', primary => TRUE }], addresses => [{ type => 'work', locality => 'x', primary => TRUE }]);
    my $r = $org->patch_ops($user->{id}, { op => 'replace', path => 'phoneNumbers[type eq "work"].value', value => '' },
                            { op => 'replace', path => 'addresses[type eq "work"].locality', value => undef });
    is_deeply [grep { exists $r->{json}{$_} } qw(phoneNumbers addresses)], [], 'an element that loses its value is removed as a whole';
    $r = $org->post('/Users', { userName => user_name(), displayName => 'x', emails => [{ type => 'work', value => '' }, { type => 'home', value => 'h@example.com' }],
                                ims => [{ type => 'x', primary => TRUE }], addresses => [{ type => 'work', primary => TRUE }] });
    is_deeply $r->{json}{emails}, [{ type => 'home', value => 'h@example.com' }], 'POST makes no element without a value';
    is_deeply [grep { exists $r->{json}{$_} } qw(ims addresses)], [], 'of no list';
    $r = $org->patch_ops($r->{json}{id}, { op => 'add', path => 'phoneNumbers[type eq "work"].primary', value => 'True' },
                         { op => 'add', path => 'phoneNumbers[type eq "work"].value', value => '2' });
    is_deeply $r->{json}{phoneNumbers}, [{ type => 'work', value => '2', primary => TRUE }], 'one whose value comes later in the message is one';
    $r = $org->put("/Users/$r->{json}{id}", { userName => $r->{json}{userName}, displayName => 'x', phoneNumbers => { type => 'work' } });
    ok !exists $r->{json}{phoneNumbers}, 'and PUT makes none, too';
}
done_testing;
