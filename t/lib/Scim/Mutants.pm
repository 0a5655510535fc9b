# SPDX-License-Identifier: Apache-2.0
package Scim::Mutants;
# The table of mutants, t/mutants/table: one line of the program that is broken,
# and the tests which must notice it.
#
#   reversed-order: a descending list ascends
#   file scim_query.c
#   - " DESC"
#   + " ASC"
#   test t/33-sort.t
#
# A file is named without its folder.  Blanks of the old text are any white space,
# so that a line may be broken elsewhere; it must be there once.
use strict;
use warnings;
use File::Basename qw(basename);
use Scim::Process;

# All of them in order, as {name, is, file, old, new, tests}.
sub table {
    my ($text) = @_;
    my @mutants;
    for my $block (split /\n{2,}/, $text =~ s/^#.*\n//mgr) {
        next if $block !~ /\S/;
        $block =~ /\A\s*([a-z0-9-]+): (.+)\nfile (\S+)\n- (.+)\n\+(?: (.*))?\ntest (.+?)\s*\z/
            or die "not a mutant:\n$block\n";
        push @mutants, { name => $1, is => $2, file => $3, old => $4, new => $5 // '', tests => [split ' ', $6] };
    }
    return @mutants;
}

sub content {
    my ($file) = @_;
    open my $in, '<', $file or die "$file: $!\n";
    local $/;
    return scalar <$in>;
}

# The files of this name here, wherever they have moved to.
sub places {
    my ($name) = @_;
    my @all = -e '.git' ? split /\n/, Scim::Process::run(['git', 'ls-files'])->{out} : glob '* */* */*/*';
    return grep { basename($_) eq $name && !m{^t/} } @all;
}

sub pattern {
    my ($old) = @_;
    return join '\s+', map { quotemeta } split ' ', $old;
}

# How often the old text is in the text of its file.
sub occurrences {
    my ($mutant, $text) = @_;
    my $pattern = pattern($mutant->{old});
    return scalar(() = $text =~ /$pattern/g);
}

# The text with the mutant in it.
sub apply {
    my ($mutant, $text) = @_;
    my $pattern = pattern($mutant->{old});
    return $text =~ s/$pattern/$mutant->{new}/r;
}

1;
