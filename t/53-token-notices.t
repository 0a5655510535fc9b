# SPDX-License-Identifier: Apache-2.0
# Before a token ends, the change feed says so, three times and no more.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use Scim::Process;
use Scim::Test;

own_server();
my $json = JSON::PP->new->utf8;
my $count = q{SELECT count(*) FROM scim.event WHERE organization_id = $1 AND kind = 'urn:mod_scim:event:token:expiring'};

# The module asks by itself: each child with its first request, then once an hour.
my $org = organization();
sql(q{UPDATE scim.token SET expires_at = now() + interval '3 days' WHERE id = $1}, $org->{token_id});
is $org->get('/Users')->{status}, 200, 'a request of anybody';
Scim::Server::wait_until('the event is there', 10, sub { (sql($count, $org->{id}))[0][0] });
is $org->get('/Users')->{status}, 200, 'and many more' for 1 .. 5;
is +(sql($count, $org->{id}))[0][0], 1, 'make one event';

# Of each token, three events in its life, whoever asks: several children, hosts and
# calls at the same time.  What a child does about once an hour is one statement.
my $other = organization();
sub notice { return map { [$_->[0], $_->[1]] } sql(q{SELECT data ->> 'name', data ->> 'days' FROM scim.event WHERE organization_id = $1
    AND kind = 'urn:mod_scim:event:token:expiring' ORDER BY sequence}, $other->{id}) }
open my $texts, '<', 'storage/statement_texts.inc' or die "$!";
my ($statement) = do { local $/; <$texts> =~ /"TOKEN_NOTICE", 0, .*?\n\s+"(.*?)",\n/s };
$statement =~ s/\\(.)/$1/g;
sub ask { my ($times) = @_; $_->wait for map { Scim::Process->start([server()->psql('-U', 'scim', '-qAtX', '-c', $statement)], out => 'pipe') } 1 .. $times; return }
sub leave { my ($left) = @_; sql(q{UPDATE scim.token SET expires_at = now() + $2::interval WHERE id = $1}, $other->{token_id}, $left) }
my ($name) = map { $_->[0] } sql('SELECT name FROM scim.token WHERE id = $1', $other->{token_id});
sql(q{UPDATE scim.token SET noticed = 1 WHERE id <> $1}, $other->{token_id});
leave('31 days'), ask(1);
is_deeply [notice()], [], 'a token with 31 days left is no news';
my @expected;
for (['29 days', 30], ['8 days', undef], ['6 days 23 hours', 7], ['2 days', undef], ['23 hours', 1], ['-1 minute', undef]) {
    my ($left, $days) = @$_;
    leave($left), ask(defined $days ? 6 : 1);
    push @expected, [$name, $days] if defined $days;
    is_deeply [notice()], \@expected, "with $left left there is " . (defined $days ? 'one more event, of six that ask' : 'none');
}
leave('40 days'), ask(1), leave('20 days'), ask(2);
is_deeply [notice()], [@expected, [$name, 30]], 'a token whose end was put off is noticed anew';
sql('UPDATE scim.organization SET provisioning_enabled = false WHERE id = $1', $other->{id});
leave('5 days'), ask(1);
is scalar(notice()), 4, 'nobody waits for the token of an organization that is switched off';
my $event = (grep { $_->{kind} =~ /expiring/ } map { $json->decode($_) } split /\n/, Scim::Process::run([server()->scimctl('--json', 'events', $other->{key})])->{out})[0];
is_deeply [@$event{qw(actor actorKind)}], ['mod_scim', 'operator'], 'the feed says who has seen it';
like $event->{data}{expires}, qr/^20\d\d-.*Z$/, 'and when the token ends';

unlike error_log(), qr/SCIM0155/, 'nothing of this fails';
done_testing;
