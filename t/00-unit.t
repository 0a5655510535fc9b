# SPDX-License-Identifier: Apache-2.0
# The unit tests, under AddressSanitizer and UBSan where
# script/test has built them so.
use strict;
use warnings;
use Test::More;
use lib 't/lib';
use Scim::Names;
use Scim::Process;

my @programs = glob '.test/asan/*_test';
@programs = glob 't/unit/*_test' unless @programs;
plan skip_all => 'no unit tests are built' unless @programs;
for my $program (@programs) {
    my $done = Scim::Process::run([$program]);
    my @lines = map { "$_\n" } split /\n/, "$done->{out}$done->{err}";
    my $status = $done->{status};
    my @failed = grep { /^not ok/ } @lines;
    my $count = grep { /^ok/ } @lines;
    Scim::Names::record($program =~ s{.*/}{t/unit/}r . '.c', map { /^(not )?ok \d+ (?:- )?(.*)/ ? [!$1, $2] : () } @lines);
    ok $status == 0 && !@failed && $count, "$program: $count checks"
        or diag map { "# $_" } @failed ? @failed : @lines;
}
done_testing;
