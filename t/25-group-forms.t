# SPDX-License-Identifier: Apache-2.0
# The forms in which clients write members, with SCIMStrict Off and On.  Strictly,
# only those of the RFCs are taken, and the others change nothing.
use strict;
use warnings;
use lib 't/lib';
use Scim::Groups;
use Scim::Test;

my $org = organization();
my ($ann, $bob, $cid, $dan) = accounts($org, 4);
my $child = group($org)->{id};
my $location = $org->url;

# A PATCH of a new group with these members -> the answer, the members after it.
sub try {
    my ($profile, $members, @operations) = @_;
    my $group = group($org, members => $members);
    my $r = $org->patch("/Groups/$group->{id}", { schemas => [PATCHOP], Operations => \@operations },
        profile => $profile);
    return ($r, members($org, $group->{id}), $group->{id});
}

sub takes {
    my ($profile, $members, $operations, $expected, $name) = @_;
    my ($r, $left) = try($profile, $members, @$operations);
    return subtest "$name ($profile)" => sub {
        is $r->{status}, 204, 'it succeeds' or diag $r->{content};
        is_deeply $left, [sort @$expected], 'these are the members';
    };
}

sub refuses {
    my ($members, $operations, $name, $profile) = @_;
    $profile //= 'strict';
    my ($r, $left) = try($profile, $members, @$operations);
    return subtest "$name ($profile)" => sub {
        is $r->{status}, 400, 'it is refused' or diag $r->{content};
        is_deeply $left, [sort @$members], 'nothing is applied';
    };
}

# Values of add, replace and, leniently, remove: [name, value, the members it means,
# whether the RFCs define this form]
my @values = (
    ['a list of objects', [{ value => $bob }, { value => $cid }], [$bob, $cid], 1],
    ['a list of one object', [{ value => $bob }], [$bob], 1],
    ['one object', { value => $bob }, [$bob], 1],
    ['a list of strings', [$bob, $cid], [$bob, $cid], 0],
    ['one string', $bob, [$bob], 0],
    ['an object with members in it', { members => [{ value => $bob }, { value => $cid }] }, [$bob, $cid], 0],
    ['$ref beside value', [{ value => $bob, '$ref' => "$location/Users/$bob" }], [$bob], 1],
    ['$ref that is null', [{ value => $bob, '$ref' => undef }], [$bob], 1],
    ['type User', [{ value => $bob, type => 'User' }], [$bob], 1],
    ['type Group', [{ value => $child, type => 'Group' }], [$child], 1],
    ['no type, of a group', [{ value => $child }], [$child], 1],
    ['display', [{ value => $bob, display => 'Anybody' }], [$bob], 1],
    ['the same member twice', [{ value => $bob }, { value => $bob }], [$bob], 1],
);
# Forms that are accepted only leniently.
my @lenient = (
    ['$ref alone', [{ '$ref' => "$location/Users/$bob" }], [$bob]],
    ['a relative $ref alone', [{ '$ref' => "../Users/$bob" }, { '$ref' => "Users/$cid" }], [$bob, $cid]],
    ['$ref alone, of a group', [{ '$ref' => "$location/Groups/$child" }], [$child]],
    ['type in another case', [{ value => $bob, type => 'user' }, { value => $child, type => 'GROUP' }], [$bob, $child]],
    ['type that is null', [{ value => $bob, type => undef }], [$bob]],
    ['operation, which is ignored', [{ value => $bob, operation => 'add' }], [$bob]],
    ['names in another case', [{ Value => $bob }], [$bob]],
    ['objects and strings together', [{ value => $bob }, $cid], [$bob, $cid]],
    ['null among objects', [undef, { value => $bob }], [$bob]],
);
for (@values, map { [@$_, undef] } @lenient) {
    my ($name, $value, $meant, $standard) = @$_;
    my %removable = map { $_ => 1 } @$meant;
    my @all = ($ann, $bob, $cid, $child);
    takes('managed', [$ann], [{ op => 'add', path => 'members', value => $value }], [$ann, @$meant], "add: $name");
    takes('managed', [$ann, $dan], [{ op => 'replace', path => 'members', value => $value }], $meant, "replace: $name");
    takes('managed', \@all, [{ op => 'remove', path => 'members', value => $value }], [grep { !$removable{$_} } @all],
        "remove: $name");
    if ($standard) {
        takes('strict', [$ann], [{ op => 'add', path => 'members', value => $value }], [$ann, @$meant], "add: $name");
        takes('strict', [$ann, $dan], [{ op => 'replace', path => 'members', value => $value }], $meant,
            "replace: $name");
    }
    elsif (defined $standard) {
        refuses([$ann], [{ op => 'add', path => 'members', value => $value }], "add: $name");
        refuses([$ann, $dan], [{ op => 'replace', path => 'members', value => $value }], "replace: $name");
    }
}

# Paths and the value without path
my $SHORT = GROUP . ':members';
for my $profile (qw(managed strict)) {
    takes($profile, [$ann], [{ op => 'add', value => { members => refs($bob) } }], [$ann, $bob], 'add without path');
    takes($profile, [$ann], [{ op => 'replace', value => { members => refs($bob) } }], [$bob], 'replace without path');
    takes($profile, [$ann], [{ op => 'replace', value => { externalId => 'x', members => refs($bob), displayName => 'G '
        . random_name() } }], [$bob],
          'members beside other attributes');
    takes($profile, [$ann], [{ op => 'add', value => { $SHORT => refs($bob) } }], [$ann, $bob],
        'the URN of the Group in front, without path');
    takes($profile, [$ann], [{ op => 'add', path => $SHORT, value => refs($bob) }], [$ann, $bob],
        'the URN of the Group in front');
    takes($profile, [$ann, $bob], [{ op => 'remove', path => "$SHORT\[value eq \"$bob\"]" }], [$ann],
        'the same with a filter');
    takes($profile, [$ann, $bob], [bracket($ann)], [$bob], 'remove with a filter');
    takes($profile, [$ann, $bob], [{ op => 'remove', path => qq{members[value eq"$ann"]} }], [$bob],
        'without the blank that the RFC leaves out, too');
    takes($profile, [$ann, $bob, $cid], [bracket($ann, $bob)], [$cid], 'remove with or');
    # Without ids it depends on the stored members, which are not read.
    refuses([$ann, $bob, $cid], [{ op => 'remove', path => qq{members[not (value eq "$ann")]} }], 'remove with not', $profile);
    refuses([$ann, $child], [{ op => 'remove', path => 'members[type eq "Group"]' }], 'remove with a filter on the type', $profile);
    takes($profile, [$ann, $child], [{ op => 'remove', path => qq{members[type eq "User" and value eq "$ann"]} }],
        [$child], 'remove with type and value');
    takes($profile, [$ann, $bob], [{ op => 'remove', path => 'members' }], [], 'remove without a value: all members');
    takes($profile, [], [{ op => 'remove', path => 'members' }], [], 'remove from an empty group');
    takes($profile, [$ann], [bracket(ABSENT)], [$ann], 'remove of an id that does not exist');
    takes($profile, [$ann], [bracket('nobody')], [$ann], 'remove of a text that is not an id');
    takes($profile, [$ann, $bob], [{ op => 'replace', path => 'members', value => [] }], [],
        'replace by an empty list: no member is left');
    takes($profile, [$ann], [{ op => 'add', path => 'members', value => [] }], [$ann], 'add of an empty list');
    # The later operation wins.
    takes($profile, [$ann], [add_members($bob), bracket($bob)], [$ann], 'add, then remove');
    takes($profile, [$ann], [bracket($ann), add_members($ann)], [$ann], 'remove, then add');
    takes($profile, [$ann, $bob], [{ op => 'remove', path => 'members' }, add_members($cid)], [$cid],
        'remove all, then add');
    takes($profile, [$ann, $bob], [add_members($cid), { op => 'remove', path => 'members' }], [],
        'add, then remove all');
    takes($profile, [$ann, $bob], [replace_members($cid), add_members($ann)], [$ann, $cid], 'replace, then add');
    takes($profile, [$ann, $bob], [add_members($dan), replace_members($cid)], [$cid], 'add, then replace');
    takes($profile, [$ann, $bob], [replace_members($ann, $cid), bracket($ann)], [$cid], 'replace, then remove');
    takes($profile, [$ann, $bob], [replace_members($cid), replace_members($dan)], [$dan],
        'the second of two replacements');
    takes($profile, [$ann], [], [$ann], 'no operation at all') if $profile eq 'managed';
}
takes('managed', [$ann, $bob], [{ op => $_, path => 'Members', value => refs($ann) }],
    [$_ eq 'REMOVE' ? $bob : ($ann, $_ eq 'Replace' ? () : $bob)],
      "op and path in another case: $_") for qw(Add Replace REMOVE);
takes('managed', [$ann], [{ op => 'replace', path => 'members', value => undef }], [], 'replace by null is a removal');

# Values that must never remove all members.
my @nothing = (['an empty list', []], ['a list of null', [undef]], ['an object without value', {}],
    ['a list of empty objects', [{}]],
               ['elements whose value is null', [{ value => undef }]], ['elements whose value is empty',
               [{ value => '' }]],
               ['members within members, empty', { members => [] }], ['an empty string', ''],
               ['an id that does not exist', [{ value => ABSENT }]], ['a text that is not an id',
               [{ value => 'nobody' }]]);
for (@nothing) {
    my ($name, $value) = @$_;
    my @operation = { op => 'remove', path => 'members', value => $value };
    my ($r, $left) = try('managed', [$ann, $bob], @operation);
    is_deeply $left, [sort $ann, $bob], "remove with $name removes no member (managed)"
        or diag "$r->{status} $r->{content}";
    ($r, $left) = try('strict', [$ann, $bob], @operation);
    is_deeply $left, [sort $ann, $bob], "remove with $name removes no member (strict)"
        or diag "$r->{status} $r->{content}";
}
for (['an empty list', []], ['a list of null', [undef]]) {
    my ($name, $value) = @$_;
    takes('managed', [$ann, $bob], [{ op => 'remove', path => 'members', value => $value }], [$ann, $bob],
        "remove with $name succeeds");
}
# Strictly, remove with a value is refused or removes these members.
my ($strict, $kept) = try('strict', [$ann, $bob], remove_members($ann));
is_deeply $kept, $strict->{status} == 400 ? [sort $ann, $bob] : [$bob],
    'remove with a value never removes all members (strict)';

# Values that do not denote a member: the whole request is refused, with its good
# operations.
for my $profile (qw(managed strict)) {
    for (['a number', [5]], ['a boolean', TRUE], ['a number as the value', [{ value => 7 }]],
        ['an unknown id', refs(ABSENT)], ['a text that is not an id', refs('nobody')],
         ['an object without value', [{ display => 'Anybody' }]],
         ['$ref of an account that does not exist', [{ '$ref' => "$location/Users/" . ABSENT }]]) {
        my ($name, $value) = @$_;
        my ($r, $left) = try($profile, [$ann], add_members($cid), { op => 'add', path => 'members', value => $value });
        is $r->{status}, 400, "add of $name is refused ($profile)" or diag $r->{content};
        is_deeply $left, [$ann], "add of $name: the operation before it is not applied either ($profile)";
    }
    my ($r, $left) = try($profile, [$ann], add_members($bob), { op => 'add', path => 'members[value eq "x"',
        value => refs($cid) });
    is_error($r, 400, 'invalidFilter', "a filter that cannot be read ($profile)");
    is_deeply $left, [$ann], "a filter that cannot be read: nothing is applied ($profile)";
}

# Deeper than any client writes it: understood or refused.
for (['a list in the list', [[{ value => $bob }]]], ['an object as the value', [{ value => { value => $bob } }]]) {
    my ($name, $value) = @$_;
    for my $profile (qw(managed strict)) {
        my ($r, $left) = try($profile, [$ann], { op => 'add', path => 'members', value => $value });
        is_deeply $left, $r->{status} == 204 ? [sort $ann, $bob] : [$ann],
            "add of $name is understood or refused ($profile)";
    }
}

# POST and PUT take the same forms.
for (@values, map { [@$_, undef] } @lenient) {
    my ($name, $value, $meant, $standard) = @$_;
    my $body = sub { return { schemas => [GROUP], displayName => 'Form ' . random_name(), members => $value } };
    my $made = $org->post('/Groups', $body->());
    is_group($made, 201, { members => $meant }, "POST: $name (managed)");
    is_group($org->put("/Groups/$made->{json}{id}", $body->()), 200, { members => $meant }, "PUT: $name (managed)")
        if $made->{json}{id};
    is_group($org->post('/Groups', $body->(), profile => 'strict'), 201, { members => $meant }, "POST: $name (strict)")
        if $standard && ref $value eq 'ARRAY';
}

# A random sequence of operations in one PATCH has the same result as its operations
# one by one; the model is a set.
my @pool = accounts($org, 12);
my $seed = $ENV{SCIM_TEST_SEED} || time;
srand $seed;
sub some { my ($least) = @_; my %some = map { $pool[rand @pool] => 1 } 1 .. $least + rand 4; return sort keys %some }
my %operations = (
    add => sub { my ($set, @ids) = @_; $set->{$_} = 1 for @ids; return add_members(@ids) },
    remove => sub { my ($set, @ids) = @_; delete @$set{@ids}; return remove_members(@ids) },
    bracket => sub { my ($set, @ids) = @_; delete @$set{@ids}; return bracket(@ids) },
    replace => sub { my ($set, @ids) = @_; %$set = map { $_ => 1 } @ids; return replace_members(@ids) },
    put => sub { my ($set, @ids) = @_; %$set = map { $_ => 1 } @ids; return { op => 'replace',
    value => { members => refs(@ids) } } },
    clear => sub { my ($set) = @_; %$set = (); return { op => 'remove', path => 'members' } },
    rename => sub { return { op => 'replace', path => 'externalId', value => random_name() } },
);
my @kinds = sort(keys %operations, qw(add remove bracket add remove bracket));
my @wrong;
for my $round (1 .. 60) {
    my %set = map { $_ => 1 } some(0);
    my $group = group($org, members => [keys %set]);
    my @sequence = map { $operations{ $kinds[rand @kinds] }->(\%set, some(1)) } 1 .. 1 + rand 8;
    my $r = change_group($org, $group->{id}, @sequence);
    my $left = members($org, $group->{id});
    push @wrong, { status => $r->{status}, operations => \@sequence, expected => [sort keys %set], got => $left }
        if $r->{status} != 204 || "@$left" ne join ' ', sort keys %set;
}
is_deeply \@wrong, [], 'random sequences of operations in one PATCH give the set that they give one by one'
    or diag "SCIM_TEST_SEED=$seed", explain $wrong[0];
done_testing;
