# SPDX-License-Identifier: Apache-2.0
# Tokens end unless somebody wants them not to, and whoever looks after them hears of
# it before: the API, scimctl and the change feed.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use MIME::Base64 ();
use Scim::Process;
use Scim::Test;

my $json = JSON::PP->new->utf8;
my $org = organization();
my $me = $org->{issuer_name};

sub page {
    my ($method, $path, $body) = @_;
    my $r = Scim::Test::http()->request($method, "/organizations/$org->{key}/api/$path",
        [Authorization => 'Basic ' . MIME::Base64::encode("$me:x", ''), Origin => server()->{url}, 'Content-Type' => 'application/json'],
        $body && $json->encode($body));
    $r->{json} = eval { $json->decode($r->{content}) };
    return $r;
}
sub scimctl { return Scim::Process::run([server()->scimctl(@_)]) }
sub listed { my ($id) = @_; return (grep { $_->{id} eq $id } @{ page(GET => 'tokens')->{json}{tokens} })[0] }
sub by_scimctl { my ($id) = @_; return (grep { $_->{id} eq $id } @{ $json->decode(scimctl('--json', 'token', 'list', $org->{key})->{out}) })[0] }

# The end of a new token, in days; undef for none.
sub end_of {
    my ($id) = @_;
    return (sql(q{SELECT round(extract(epoch FROM expires_at - now()) / 86400) FROM scim.token WHERE id = $1}, $id))[0][0];
}

# The end of a new token
my %given = ('nothing' => [{}, 365], 'null' => [{ expires => undef }, 365], 'an empty text' => [{ expires => '' }, 365],
             'never' => [{ expires => 'never' }, undef]);
for my $kind (sort keys %given) {
    my $r = page(POST => 'tokens', { name => $kind, %{ $given{$kind}[0] } });
    is end_of($r->{json}{id}), $given{$kind}[1], "with $kind as its end, a token ends as it should";
    is $r->{json}{expires}, listed($r->{json}{id})->{expires}, 'and the answer says when';
}
is page(POST => 'tokens', { name => 'x', expires => 'Never' })->{status}, 400, 'never is one word';
my @generate = ('--json', 'token', 'generate', $org->{key}, '--issuer', $me, '--name', 'of the operator');
my %options = ('' => 365, '--expires never' => undef, '--days 10' => 10);
for my $options (sort keys %options) {
    is end_of($json->decode(scimctl(@generate, split / /, $options)->{out})->{id}), $options{$options}, "token generate $options";
}

# Before the end
my %expected = ('31 days' => ['valid', 30], '29 days 12 hours' => ['ending', 29], '1 day 1 hour' => ['ending', 1], '2 hours' => ['ending', 0],
                '-1 hour' => ['expired', undef]);
for my $left (sort keys %expected) {
    sql(q{UPDATE scim.token SET expires_at = now() + $2::interval WHERE id = $1}, $org->{token_id}, $left);
    is_deeply [@{ listed($org->{token_id}) }{qw(state daysLeft)}], $expected{$left}, "a token with $left left, in the API";
    is_deeply [@{ by_scimctl($org->{token_id}) }{qw(state daysLeft)}], $expected{$left}, 'and in token list';
}
done_testing;
