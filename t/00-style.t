# SPDX-License-Identifier: Apache-2.0
# The style of the sources, as far as a program can check it.
use strict;
use warnings;
use Test::More;

my @sources = sort glob('*.c *.h {httpd,resources,rules,scimctl,storage,values}/*.[ch] t/unit/*.c t/unit/*.h t/fuzz/*.c t/fuzz/*.h bench/*.c');
my (%logno, @long_lines, @tabs, @long_functions, @long_files, @trailing);
for my $file (@sources) {
    open my $in, '<', $file or die "$file: $!";
    my ($function, $start);
    while (my $line = <$in>) {
        chomp $line;
        my $where = "$file:$.";
        push @long_lines, $where if length $line > 79;
        push @tabs, $where if $line =~ /\t/;
        push @trailing, $where if $line =~ /\s$/;
        push @{ $logno{$1} }, $where if $line =~ /SCIM_LOGNO\((\d+)\)/;
        $start = $. if $line eq '{';
        push @long_functions, "$file:$start: " . ($. - $start) . ' lines'
            if $line eq '}' && $start && $. - $start > 80;
        undef $start if $line eq '}';
    }
    push @long_files, "$file: $." if $. > 900;
    close $in;
}
cmp_ok scalar @sources, '>', 30, 'the sources are found';
is_deeply \@long_lines, [], 'no line is longer than 79 columns';
is_deeply \@tabs, [], 'no tabs';
is_deeply \@trailing, [], 'no blanks at the end of a line';
is_deeply \@long_functions, [], 'no function is longer than 80 lines';
is_deeply \@long_files, [], 'no file is longer than 900 lines';
is_deeply [grep { @{ $logno{$_} } > 1 } sort keys %logno], [], 'every number of a log message is used once';

# lintian takes a file with longer lines for one that was made from another.
my @wide;
for my $file (glob 'admin/*.js') {
    open my $in, '<', $file or die "$file: $!";
    while (my $line = <$in>) {
        push @wide, "$file:$." if length $line > 500;
    }
}
is_deeply \@wide, [], 'no line of the settings page has more than 500 bytes';

# A static function is the only one of its name, so that a name found in a trace
# or by a search is one function.
my %homes;
for my $file (grep { !m{^(?:t|bench)/} } @sources) {
    open my $in, '<', $file or die "$file: $!";
    my $text = do { local $/; <$in> };
    my %names = map { $_ => 1 } $text =~ /^static\b[^;{}()=]*?\b(\w+)\(/mg;
    push @{ $homes{$_} }, $file for keys %names;
}
my @twice = grep { @{ $homes{$_} } > 1 } sort keys %homes;
cmp_ok scalar keys %homes, '>', 800, 'the static functions are found';
is_deeply [map { "$_: @{ $homes{$_} }" } @twice], [], 'no two files have a static function of the same name';
done_testing;
