# SPDX-License-Identifier: Apache-2.0
# Generated from /Schemas: every attribute path of a User that clients may
# write is created, added, replaced, removed, put, read, filtered, sorted and
# projected, in the four modes.  No attribute is named here.
use strict;
use warnings;
use lib 't/lib';
use Scim::Test;
use Scim::Modes;
use MIME::Base64 ();

my $org = organization(profile => 'open');
my $friend = $org->create;
my @SCHEMAS = (CORE, map { $_->{schema} } @{ $org->get('/ResourceTypes/User')->{json}{schemaExtensions} });
my ($mode, $base);

# Paths: {path, key of the container or undef, attribute, sub or undef}
sub paths_of {
    my ($urn, $schema) = @_;
    my $prefix = $urn eq CORE ? '' : "$urn:";
    my @paths;
    for my $attribute (grep { $_->{mutability} ne 'readOnly' } @{ $schema->{attributes} }) {
        my %path = (container => $prefix && $urn, attribute => $attribute);
        push @paths, { %path, path => $prefix . $attribute->{name} },
            map { { %path, sub => $_, path => "$prefix$attribute->{name}.$_->{name}" } }
            grep { $_->{mutability} ne 'readOnly' } @{ $attribute->{subAttributes} || [] };
    }
    return @paths;
}

# A reference to a User needs the id of that User as its value (RFC 7643 section 2.4).
sub is_reference_to_user { my ($a) = @_; return grep { $_ eq 'User' } @{ $a->{referenceTypes} || [] } }
my %simple = (
    string => sub { user_name() }, boolean => sub { TRUE }, binary => sub { MIME::Base64::encode_base64(random_name(), '') },
    reference => sub { 'https://example.com/' . random_name() }, dateTime => sub { '2011-05-13T04:42:34Z' },
);

sub leaf_value {
    my ($a) = @_;
    return $a->{canonicalValues}[0] if $a->{canonicalValues};
    return $simple{ $a->{type} }->();
}

# A new value of the whole attribute; with $only, of that sub-attribute alone.
sub value_of {
    my ($attribute, $only) = @_;
    my @subs = grep { $_->{mutability} ne 'readOnly' && (!$only || $_->{name} eq $only->{name}) } @{ $attribute->{subAttributes} || [] };
    return leaf_value($attribute) unless $attribute->{type} eq 'complex';
    my $person = $org->create;
    my $refers = grep { is_reference_to_user($_) } @{ $attribute->{subAttributes} };
    my %value = map {
        $_->{name} => is_reference_to_user($_) ? $org->url($mode) . "/Users/$person->{id}" : $refers && $_->{name} eq 'value' ? $person->{id} : leaf_value($_)
    } @subs;
    return $attribute->{multiValued} ? [\%value] : \%value;
}

# The value of $user at $path; in a list, that of the first element.
sub at {
    my ($user, $path) = @_;
    my $value = ($path->{container} ? $user->{ $path->{container} } : $user)->{ $path->{attribute}{name} };
    return $value unless $path->{sub};
    $value = $value->[0] if ref $value eq 'ARRAY';
    return $value ? $value->{ $path->{sub}{name} } : undef;
}

sub user { return { schemas => \@SCHEMAS, userName => user_name(), displayName => 'Test User', @_ } }
sub with {
    my ($path, $value, %more) = @_;
    my %member = ($path->{attribute}{name} => $value);
    return user(%more, $path->{container} ? ($path->{container} => \%member) : %member);
}

# The value that is at the path once $value of the attribute was sent.
sub part { my ($path, $value) = @_; return at({ $path->{container} ? ($path->{container} => { $path->{attribute}{name} => $value }) : ($path->{attribute}{name} => $value) }, $path) }

sub read_user { my ($id, $query) = @_; return $org->get("/Users/$id" . ($query // ''), profile => $mode)->{json} }
sub patch { my ($id, %operation) = @_; return $org->patch("/Users/$id", { schemas => [PATCHOP], Operations => [\%operation] }, profile => $mode) }

sub holds {
    my ($user, $path, $usual, $what) = @_;
    my $key = 'INTOP-19 ' . ($path->{path} =~ s/.*://r) . ($what eq 'gone' ? ' gone' : '');
    my $wanted = expected($mode, $key, $usual);
    return 1 if defined $wanted && $wanted eq 'derived';
    return is_deeply at($user, $path), $wanted, "$key: $what ($mode)";
}

sub is_found {
    my ($filter, $id, $path, $what) = @_;
    my $r = $org->get('/Users?sortBy=id&filter=' . uri("($filter) and id eq \"$id\""), profile => $mode);
    return is $r->{json}{totalResults}, 1, "INTOP-19 $path->{path}: $what ($mode)" || diag $r->{content};
}

sub literal { my ($value) = @_; return JSON::PP->new->allow_nonref->encode($value) }

sub check_reading {
    my ($path, $id) = @_;
    my $leaf = $path->{sub} || $path->{attribute};
    my $value = at(read_user($id), $path);
    my $name = $path->{path};
    return if !defined $value;
    is_found("$name pr", $id, $path, 'pr finds it');
    is_found("$name eq " . literal($value), $id, $path, 'eq finds it') unless $leaf->{type} eq 'complex';
    my $others = $org->get('/Users?filter=' . uri("not ($name pr) and id eq \"$id\""), profile => $mode)->{json};
    is $others->{totalResults}, 0, "INTOP-19 $name: not pr does not ($mode)";
    if ($leaf->{type} ne 'complex') {
        for my $order (qw(ascending descending)) {
            my $r = $org->get("/Users?sortBy=$name&sortOrder=$order&filter=" . uri("id eq \"$id\" or id eq \"$friend->{id}\""), profile => $mode);
            is $r->{json}{totalResults}, 2, "INTOP-19 $name: sorted $order ($mode)" or diag $r->{content};
        }
    }
    is_deeply at(read_user($id, "?attributes=$name"), $path), $value, "INTOP-19 $name: it can be asked for ($mode)";
    my @kept = grep { !/^(?:id|schemas)$/ } keys %{ read_user($id, "?attributes=$name") };
    is_deeply \@kept, [$path->{container} || $path->{attribute}{name}], "INTOP-19 $name: alone ($mode)";
    is at(read_user($id, "?excludedAttributes=$name"), $path), undef, "INTOP-19 $name: and be left out ($mode)";
}

sub check {
    my ($path) = @_;
    my $required = $path->{attribute}{required} && !$path->{sub};
    my $immutable = $path->{attribute}{mutability} eq 'immutable';
    my ($first, $second, $third) = map { value_of($path->{attribute}) } 1 .. 3;
    my $made = $org->post('/Users', with($path, $first), profile => $mode);
    is $made->{status}, 201, "INTOP-19 $path->{path}: POST ($mode)" or return diag $made->{content};
    my $id = $made->{json}{id};
    my %same = (userName => $made->{json}{userName});
    holds(read_user($id), $path, part($path, $first), 'is what POST has set');
    check_reading($path, $id);
    my $r = patch($id, op => 'replace', path => $path->{path}, value => part($path, $second));
    is outcome($r), expected($mode, $immutable ? 'INTOP-19 replace immutable' : 'INTOP-19 replace', '200'), "INTOP-19 $path->{path}: PATCH replace ($mode)" or diag $r->{content};
    holds(read_user($id), $path, part($path, $immutable ? $first : $second), 'is what PATCH has replaced');
    $r = patch($id, op => 'remove', path => $path->{path});
    my $removes = !$required && !$immutable;
    is outcome($r), $required ? '400 mutability' : expected($mode, $immutable ? 'INTOP-19 remove immutable' : 'INTOP-19 remove', '200'),
        "INTOP-19 $path->{path}: PATCH remove ($mode)" or diag $r->{content};
    holds(read_user($id), $path, undef, 'gone') if $removes;
    if (!$path->{sub} || !$path->{attribute}{multiValued}) {
        $id = $org->post('/Users', user(), profile => $mode)->{json}{id};
        $r = patch($id, op => 'add', path => $path->{path}, value => part($path, $third));
        is $r->{status}, 200, "INTOP-19 $path->{path}: PATCH add ($mode)" or diag $r->{content};
        holds(read_user($id), $path, part($path, $third), 'is what PATCH has added') unless $immutable;
    }
    $same{userName} = read_user($id)->{userName};
    $r = $org->put("/Users/$id", with($path, $first, %same), profile => $mode);
    if ($required && part($path, $first) ne $same{userName}) {
        is $r->{status}, 200, "INTOP-19 $path->{path}: PUT ($mode)" or diag $r->{content};
    }
    holds(read_user($id), $path, part($path, $first), 'is what PUT has set') unless $immutable;
}

cmp_ok scalar @SCHEMAS, '>', 1, 'the schemas of a User are found';
for (modes()) {
    $mode = $_;
    for my $urn (@SCHEMAS) {
        my $schema = $org->get("/Schemas/$urn", profile => $mode)->{json};
        my @paths = paths_of($urn, $schema);
        cmp_ok scalar @paths, '>', 0, "INTOP-19: $urn has attributes to try ($mode)";
        check($_) for @paths;
    }
}
done_testing;
