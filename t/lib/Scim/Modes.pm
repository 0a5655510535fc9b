# SPDX-License-Identifier: Apache-2.0
package Scim::Modes;
# The four combinations of SCIMProfile and SCIMStrict, and the answers that differ
# between them.
use strict;
use warnings;
use Exporter 'import';
use Test::More ();

our @EXPORT = qw(modes expected outcome is_outcome);

# Differences from the usual expectation, by the key of the check: the beginning of
# the name of its test.  "strict" is SCIMStrict On in both profiles,
# "lenient" Off, "managed" the profile managed strict or not; the full name of
# a mode ("open-strict") goes first, "all" last.
our %DIFFERENCE = (
    # Strictly a boolean is a boolean, a number a number, a list a list.
    'TYPE-01 empty' => { strict => '' },
    'TYPE-03 number' => { strict => '400 invalidValue' },
    'TYPE-05 POST' => { strict => '400 invalidValue' },
    'TYPE-05 PATCH' => { strict => '400 invalidValue' },
    'TYPE-19 text' => { strict => '400 invalidValue' },
    # Leniently readOnly attributes are ignored, in PATCH too.
    'ATTR-13' => { lenient => '200' },
    'ADD-17' => { lenient => '200' },
    'REM-11' => { lenient => '200' },
    'REP-13' => { lenient => '200' },
    'REP-18 other' => { lenient => '200' },
    'PATCH-15 core' => { lenient => '200' },
    'ERR-07' => { lenient => '200' },
    'REP-19' => { strict => '400 invalidValue' },
    'REP-20' => { strict => '400 invalidValue' },
    # Strictly the messages have their schemas.
    'ERR-08 schemas' => { strict => '400 invalidSyntax' },
    'RES-05' => { strict => '400 invalidSyntax' },
    # Dialects of Entra ID that are not the RFC's.
    (map { $_ => { strict => '400 invalidValue' } } 'INTOP-06 text', 'INTOP-08', 'ROLE-20', 'ROLE-20 POST'),
    'ROLE-18' => { strict => '400 invalidFilter' },
    # Strictly unknown attributes and empty targets are errors of the client.
    'ERR-09 unknown' => { strict => '400 invalidPath' },
    'ERR-10 target' => { strict => '400 noTarget' },
    'REP-11' => { strict => '400 noTarget' },
    # Filters: forms of dialects.
    'FLT-40' => { strict => '400 invalidFilter' },
    'FLT-46 True' => { strict => '400 invalidFilter' },
    'FLT-54 empty' => { lenient => '? U1 U2 U3 U4' },
    'FLT-51 bare' => { strict => '400 invalidFilter' },
    # Attributes that the server derives cannot be removed.
    (map { ("INTOP-19 $_ gone" => { all => 'derived' }) } 'active', 'manager.$ref'),
    (map { ("INTOP-19 $_ gone" => { managed => 'derived' }) } 'roles', 'roles.value', 'roles.primary'),
    (map { ("INTOP-19 $_" => { managed => 'derived' }) } 'roles', 'roles.value', 'roles.display', 'roles.type'),
    (map { ("$_" => { strict => '400 mutability' }) } 'INTOP-19 replace immutable', 'INTOP-19 remove immutable'),
    (map { ("$_" => { strict => '400 mutability', 'open-strict' => '200' }) } 'ATTR-14 change', 'PUT-07 other'),
    # A Managed Account has one role, an address as userName and a
    # displayName; language and time zone are set once.
    'POST-01' => { managed => '400 invalidValue' },
    'ATTR-14' => { managed => 'en' },
    'PUT-07' => { managed => 'Asia/Tokyo' },
    'EX-31' => { managed => [{ value => 'GUEST', primary => JSON::PP::true() }] },
    'ROLE-01' => { managed => [{ value => 'ADMIN', primary => JSON::PP::true() }] },
);

sub modes { return qw(managed open strict open-strict) }

# The expectation of the check called $key in $mode.
sub expected {
    my ($mode, $key, $usual) = @_;
    my $difference = $DIFFERENCE{$key} || {};
    my @names = ($mode, $mode =~ /strict/ ? 'strict' : 'lenient', $mode =~ /open/ ? 'open' : 'managed', 'all');
    for my $name (@names) {
        return $difference->{$name} if exists $difference->{$name};
    }
    return $usual;
}

# "409 uniqueness", "200": status and scimType.
sub outcome {
    my ($r) = @_;
    my $type = $r->{status} >= 400 && $r->{json} ? $r->{json}{scimType} : undef;
    return defined $type ? "$r->{status} $type" : "$r->{status}";
}

# Check that the outcome of $r is the usual one, or the one of the table for $key.
sub is_outcome {
    my ($mode, $r, $key, $usual, $name) = @_;
    return Test::More::is(outcome($r), expected($mode, $key, $usual), "$key: $name ($mode)") || Test::More::diag($r->{content});
}

1;
