# "apachectl graceful" loses nothing.
use strict;
use warnings;
use lib 't/lib';
use Scim::Test;
use Scim::Traffic;

own_server();           # which is restarted
my $org = organization();
my $traffic = Scim::Traffic->start($org, 6);
my %children;
for my $round (1 .. 4) {
    $traffic->wait_for(60);
    server()->graceful;
}
$traffic->wait_for(200);
my @told = $traffic->stop;
is_deeply [grep { $_->{status} !~ /^20[01]$/ } @told], [], 'no request is lost over four graceful restarts';
cmp_ok scalar @told, '>', 400, 'and there was traffic';
my %stored = map { $_->[0] => 1 } sql('SELECT user_name FROM scim.account WHERE organization_id = $1', $org->{id});
is_deeply [grep { $_->{what} eq 'POST' && !$stored{ $_->{name} } } @told], [], 'every account is there';
unlike error_log(), qr/exit signal|Segmentation/, 'no child crashed';
done_testing;
