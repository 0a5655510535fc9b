# SPDX-License-Identifier: Apache-2.0
# What is written about scimctl's commands is what its table of them says.
use strict;
use warnings;
use lib 't/lib';
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
done_testing;
