# SPDX-License-Identifier: Apache-2.0
# The filter corpus, evaluated on JSON in C and in SQL: both select the same.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use Encode qw(decode_utf8 encode_utf8);
use File::Temp;
use JSON::PP;
use Scim::Process;
use Scim::Test;

plan skip_all => 't/unit/filter_match is not built' unless -x 't/unit/filter_match';

sub slurp { open my $in, '<:raw', $_[0] or die "$_[0]: $!"; local $/; <$in> }

my $org = organization(profile => 'open');
for my $account (@{ decode_json(slurp('t/corpus/accounts.json')) }) {
    my $r = $org->post('/Users', $account);
    is $r->{status}, 201, "corpus account $account->{userName}" or diag $r->{content};
}
my $all = $org->get('/Users?count=1000')->{json}{Resources};
my $file = File::Temp->new(SUFFIX => '.json');
print $file encode_json($all);
close $file;

my (@valid, @invalid);
for my $line (split /\n/, decode_utf8(slurp('t/corpus/filters.txt'))) {
    next if $line =~ /^#/;
    if ($line =~ /^! ?(.*)/) { push @invalid, $1 }
    else { push @valid, $line }
}

my $done = Scim::Process::run(['t/unit/filter_match', "$file"],
                              input => join '', map { encode_utf8("$_\n") } @valid, @invalid);
my @answers = split /\n/, decode_utf8($done->{out}), -1;
pop @answers;
is scalar @answers, @valid + @invalid, 'an answer for each filter';

for my $filter (@valid) {
    my $expected = shift @answers;
    my $r = $org->filter($filter, '&attributes=userName&count=1000');
    my $got = $r->{status} == 200
        ? join ' ', map { decode_utf8($_) } sort map { encode_utf8($_->{userName}) } @{ $r->{json}{Resources} }
        : "error: " . ($r->{json}{detail} // $r->{status});
    is $got, $expected, "FLT-01: $filter";
}
for my $filter (@invalid) {
    like shift @answers, qr/^error: /, "FLT-56: in C: $filter";
    my $r = $org->get('/Users?filter=' . uri($filter), profile => length $filter ? 'open' : 'open-strict');
    is_error($r, 400, 'invalidFilter', "FLT-56: $filter");
}

# Hostile ones: the answer is a refusal or a list, never a 500.
sub survives {
    my ($filter, $name) = @_;
    my $r = $org->filter($filter);
    ok $r->{status} >= 200 && $r->{status} < 500, "FLT-68: $name" or diag "$r->{status} $r->{content}";
}
survives('userName eq "' . 'x' x 100_000 . '"', '100 kB');
survives('(' x 10_000 . 'userName pr' . ')' x 10_000, '10,000 parentheses');
is_error($org->filter('(' x 40 . 'title pr' . ')' x 40), 400, 'invalidFilter', 'FLT-67: 40 levels are too deep');
is_error($org->filter(join ' or ', map { "title eq \"$_\"" } 1 .. 200), 400, 'invalidFilter', 'FLT-67: 200 comparisons are too many');
is $org->filter(join ' or ', map { "title eq \"$_\"" } 1 .. 120)->{status}, 200, 'FLT-67: 120 comparisons are not';
for my $byte (0 .. 255) {
    my $hex = sprintf '%%%02X', $byte;
    for my $place ("userName+eq+%22a${hex}b%22", "${hex}userName+pr", "userName+pr$hex", "title+eq+$hex") {
        my $r = $org->get("/Users?filter=$place");
        next if $r->{status} == 200 || ($r->{status} == 400 && ($r->{json}{scimType} // '') eq 'invalidFilter');
        fail "FLT-68: byte $hex in $place: $r->{status}";
    }
}
pass 'FLT-68: every byte in four places is a list or invalidFilter';

done_testing;
