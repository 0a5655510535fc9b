package Scim::Browser;
# Runs a browser test of t/browser/ with the node of this machine; it prints TAP
# itself.
use strict;
use warnings;
use Encode ();
use JSON::PP ();
use Scim::Server;
use Scim::Test ();

# run($file, %given): given is what the test finds in "given", beside psql.
# Returns whether all is well; the caller exits with it.
sub run {
    my ($file, %given) = @_;
    my $server = Scim::Test::server();
    $given{psql} = [Scim::Server::pg('psql'), '-h', $server->{pghost}, '-U', 'scim', '-d', 'scim'];
    local $ENV{SCIM_BROWSER} = JSON::PP->new->utf8->canonical->encode(\%given);
    my $folder = Scim::Server::root() . '/t/browser';
    return system('node', "--test-reporter=$folder/tap.mjs", "$folder/$file") == 0;
}

1;
