# PostgreSQL is restarted the hard way while clients write.
use strict;
use warnings;
use lib 't/lib';
use Scim::Process;
use Scim::Test;
use Scim::Traffic;

own_server();           # whose PostgreSQL is restarted
my $org = organization();
my $httpd = server()->httpd_pid;
my $traffic = Scim::Traffic->start($org, 6);
for my $round (1 .. 4) {
    $traffic->wait_for(60);
    server()->restart_database('immediate');
}
# Backends that are killed one by one are the same to a client.
for my $round (1 .. 20) {
    $traffic->wait_for(5);
    sql(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'scim' AND pid <> pg_backend_pid()});
}
$traffic->wait_for(200);
my @told = $traffic->stop;

my %count;
$count{ $_->{status} }++ for @told;
note join ', ', map { "$_: $count{$_}" } sort keys %count;
is_deeply [grep { $_->{status} !~ /^(?:200|201|503)$/ } @told], [], 'no other answer than success or 503';
is_deeply [grep { $_->{status} == 503 && ($_->{retry_after} // '') !~ /^[1-9]\d*$/ } @told], [], 'every 503 has a Retry-After';
cmp_ok $count{201} // 0, '>', 100, 'and there was traffic';

# What was acknowledged is there; what was answered 503 may be.
my (%created, %acknowledged, %attempted);
for my $request (@told) {
    my $name = $request->{name};
    $created{$name} = 1 if $request->{what} eq 'POST' && $request->{status} == 201;
    next unless $request->{what} eq 'PATCH';
    $attempted{$name} = $request->{value};
    $acknowledged{$name} = $request->{value} if $request->{status} == 200;
}
my %stored = map { $_->[0] => $_->[1] } sql(q{SELECT user_name, attributes ->> 'title' FROM scim.account WHERE organization_id = $1}, $org->{id});
is_deeply [grep { !exists $stored{$_} } sort keys %created], [], 'every acknowledged POST is there';
is_deeply [grep { ($stored{$_} || 0) < $acknowledged{$_} || $stored{$_} > $attempted{$_} } sort keys %acknowledged], [],
    'every acknowledged PATCH is there';
is_deeply [grep { $_->{what} eq 'GET' && $_->{status} == 200 && $_->{found} != 1 } @told], [], 'H23: every match query finds what was created';
is_deeply [sql('SELECT a.id FROM scim.account a WHERE organization_id = $1 AND id <> $2 AND version <>
    (SELECT count(*) FROM scim.event e WHERE e.organization_id = $1 AND e.account_id = a.id)', $org->{id}, $org->{issuer})], [],
    'every change has its event, and every event its change';

is server()->httpd_pid, $httpd, 'httpd was not touched';
is $org->get('/Users?count=1')->{status}, 200, 'and the service is back' for 1 .. 20;
unlike error_log(), qr/exit signal|Segmentation/, 'no child crashed';

# A bulk request whose connection is lost says what was done, operation by
# operation.
my $killer = Scim::Process->start(sub {
    for (1 .. 20) {
        sql(q{SELECT pg_sleep(random() * 0.2)});
        sql(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'scim' AND pid <> pg_backend_pid()});
    }
});
my (%said, %status);
until ($killer->ended) {
    my @names = map { user_name() } 1 .. 100;
    my $r = $org->post('/Bulk', { schemas => [BULK], Operations => [
        map { { method => 'POST', path => '/Users', bulkId => $_, data => { userName => $_, displayName => 'Bulk' } } } @names] });
    $status{ $r->{status} }++;
    $said{ $_->{bulkId} } = $_->{status} for @{ $r->{json}{Operations} || [] };
}
note join ', ', map { "$_: $status{$_}" } sort keys %status;
is_deeply [grep { !/^(?:200|503)$/ } keys %status], [], 'a bulk request is answered 200 or 503';
cmp_ok $status{200} // 0, '>', 3, 'and there were some';
my %there = map { $_->[0] => 1 } sql(q{SELECT user_name FROM scim.account WHERE organization_id = $1 AND display_name = 'Bulk'}, $org->{id});
is_deeply [grep { $said{$_} eq '201' && !$there{$_} } sort keys %said], [], 'every operation that is said to be done is';
is_deeply [grep { $said{$_} !~ /^(?:201|503)$/ } sort keys %said], [], 'the others are 503';

# While it is down: 503, within the time that connecting takes.
server()->stop_database;
my $down = $org->get('/Users');
is_error($down, 503, undef, 'a stopped database is 503');
like $down->{headers}{'retry-after'}, qr/^[1-9]\d*$/, 'with Retry-After';
unlike $down->{content}, qr/socket|postgres|sql/i, 'and nothing internal';
like error_log(), qr/connection to server on socket/, 'the log has the cause';
server()->start_database;
is $org->get('/Users?count=1')->{status}, 200, 'started again, the next request is served';

done_testing;
