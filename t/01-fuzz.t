# SPDX-License-Identifier: Apache-2.0
# The fuzzers of script/fuzz: each replays its corpus and then looks for new inputs
# for SCIM_FUZZ_SECONDS.
use strict;
use warnings;
use lib 't/lib';
use File::Temp ();
use Test::More;
use Scim::Names;
use Scim::Process;

my $SECONDS = $ENV{SCIM_FUZZ_SECONDS} || 2;
my $SEED = $ENV{SCIM_FUZZ_SEED} || 1 + int rand 2**31 - 2;

my $dir = File::Temp::tempdir(CLEANUP => 1);

sub fuzz {
    my (@arguments) = @_;
    my $done = Scim::Process::run(['script/fuzz', '--folder', $dir, '--seed', $SEED, @arguments]);
    return ($done->{status}, "$done->{out}$done->{err}");
}

my ($harnesses) = do { local (@ARGV, $/) = 't/fuzz/build.mk'; <> } =~ /^HARNESSES = (.*)$/m;
my @harnesses = split ' ', $harnesses;
my $started = time;

my ($status, $said) = fuzz('--replay');
is $status, 0, 'inputs that failed before do not fail any more';
for my $harness (@harnesses) {
    my ($runs) = $said =~ /^$harness +(\d+) executions/m;
    my @files = glob "t/fuzz/corpus/$harness/*";
    cmp_ok scalar @files, '>', 5, "$harness: there is a corpus";
    cmp_ok $runs // 0, '>=', @files, "$harness: all of it is run";
}
diag $said if $status;

note "seed $SEED";
($status, $said) = fuzz('--seconds', $SECONDS);
is $status, 0, "nothing is found in $SECONDS s each, with the seed $SEED" or diag $said;
note $said;
for my $harness (@harnesses) {
    like $said, qr/^$harness +[1-9]\d{2,} executions/m, "$harness: is run";
}

# Unknown arguments are refused.
($status, $said) = fuzz('--seconds', 'x');
is $status, 2, 'a time that is none is refused';
($status, $said) = fuzz('nothing');
is $status, 2, 'so is a harness that there is not';
like $said, qr/there is no harness nothing; there are: json/, 'and it is said which there are';
note time - $started, ' s';
Scim::Names::record($0, map { [$_->{ok}, $_->{name}] } Test::More->builder->details);
done_testing;
