# SPDX-License-Identifier: Apache-2.0
# t/mutants/table fits the sources, so that script/mutants can be run at any time.
use strict;
use warnings;
use lib 't/lib';
use Scim::Mutants;
use Test::More;

my @mutants = Scim::Mutants::table(Scim::Mutants::content('t/mutants/table'));
cmp_ok scalar @mutants, '>=', 40, 'there are some forty mutants';
my %names;
is_deeply [grep { $names{$_}++ } map { $_->{name} } @mutants], [], 'no two have the same name';
for my $mutant (@mutants) {
    my @places = Scim::Mutants::places($mutant->{file});
    is scalar @places, 1, "$mutant->{name}: there is one file $mutant->{file}" or next;
    my $count = Scim::Mutants::occurrences($mutant, Scim::Mutants::content($places[0]));
    is $count, 1, "$mutant->{name}: what it replaces is in it once";
    isnt $mutant->{old}, $mutant->{new}, "$mutant->{name}: and becomes something else";
    is_deeply [grep { !-e } @{ $mutant->{tests} }], [], "$mutant->{name}: the tests that must notice it are there";
}
done_testing;
