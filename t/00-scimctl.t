# SPDX-License-Identifier: Apache-2.0
# What is written about scimctl's commands is what its table of them says.
use strict;
use warnings;
use lib 't/lib';
use File::Temp ();
use JSON::PP ();
use Scim::Process;
use Test::More;

my @commands = @{ JSON::PP::decode_json(Scim::Process::run(['scimctl/scimctl', '--json', 'help'])->{out}) };
cmp_ok scalar @commands, '>', 20, 'the commands are found';

sub content { open my $in, '<', $_[0] or die "$_[0]: $!"; local $/; return <$in> }

# docs/scimctl.md: a synopsis is in a block of them, which begins after an empty line
# and has no options that only an example has.
my %synopsis = map { ($_->{synopsis} => 1) } @commands;
my @documented = grep { !/^scimctl \[/ } content('docs/scimctl.md') =~ /^    (scimctl .*)$/mg;
my %documented = map { ($_ => 1) } @documented;
is_deeply [grep { !$documented{$_} } sort keys %synopsis], [], 'docs/scimctl.md has every synopsis';
my @almost = grep { !$synopsis{$_} && /\b(?:KEY|GROUP|NAME|FILE)\b|\[--/ } @documented;
is_deeply \@almost, [], 'and no other';

# What script/manual makes is current.
my $made = File::Temp::tempdir(CLEANUP => 1);
is Scim::Process::run(['script/manual', $made])->{status}, 0, 'script/manual runs';
for my $file ('man/scimctl.1', 'scimctl/scimctl.bash') {
    ok content($file) eq content("$made/$file"), "$file is what script/manual makes; run it after a change";
}
SKIP: {
    skip 'no mandoc', 2 if !grep { -x "$_/mandoc" } split /:/, $ENV{PATH};
    is Scim::Process::run(['mandoc', '-Tlint', $_], err => 'out')->{out}, '', "mandoc has nothing to say about $_" for glob 'man/*';
}

# Completion, as bash asks for it with the cursor at the end of the line
my $ASK = <<'BASH';
. scimctl/scimctl.bash
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_scimctl
printf '%s\n' "${COMPREPLY[@]}"
BASH
sub completed { return [sort split /\n/, Scim::Process::run(['bash', '-uc', $ASK, 'bash', 'scimctl', @_])->{out}] }

my %group;
push @{ $group{ $_->[0] } }, $_->[1] // () for map { [split / /, $_->{command}] } @commands;
is_deeply completed(''), [sort keys %group], 'the first word is completed';
is_deeply completed('help', ''), [sort keys %group], 'also after help';
is_deeply completed($_, ''), [sort @{ $group{$_} }], "the second word of $_ is completed" for grep { @{ $group{$_} } } sort keys %group;
is_deeply completed('to'), ['token'], 'the beginning of a word is';
for my $command (@commands) {
    my @options = map { "--$_->{name}" . ($_->{argument} ? '=' : '') } @{ $command->{options} }, @{ $command->{commonOptions} };
    is_deeply completed(split(/ /, $command->{command}), '--'), [sort @options], "the options of $command->{command} are completed";
}
is_deeply completed('--db', 'token', 'org', ''), [sort @{ $group{org} }], 'the value of an option is no word of the command';
is_deeply completed('--db', '=', 'token', 'org', ''), [sort @{ $group{org} }], 'in either form';
is_deeply completed('relay', 'acme', '--secret-file', 'NEW'), ['NEWS'], 'the name of a file is completed';
is_deeply completed('relay', 'acme', '--secret-file', '=', 'NEW'), ['NEWS'], 'in either form';
is_deeply completed('account', 'import', 'acme', 'NEW'), ['NEWS'], 'also as an argument';
is_deeply completed('account', 'import', 'NEW'), [], 'where one is expected';
is_deeply completed('token', 'generate', 'acme', '--name', 'NEW'), [], 'and not as another value';
done_testing;
