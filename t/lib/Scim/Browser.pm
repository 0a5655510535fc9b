# SPDX-License-Identifier: Apache-2.0
package Scim::Browser;
# Runs a browser test of t/browser/ with the node of this machine; it prints TAP
# itself.
use strict;
use warnings;
use Encode ();
use JSON::PP ();
use Scim::Process;
use Scim::Server;
use Scim::Test ();

# Seconds for all tests of a file, less than a file of t/ may take; each test has
# a limit of its own in browser.mjs.
my $LIMIT = 240;

# run($file, %given): given is the variable "given" of the test, with psql added.
# Returns whether the tests pass; the caller uses it as its exit status.
sub run {
    my ($file, %given) = @_;
    my $server = Scim::Test::server();
    $given{psql} = [$server->psql];
    local $ENV{SCIM_BROWSER} = JSON::PP->new->utf8->canonical->encode(\%given);
    my $folder = Scim::Server::root() . '/t/browser';
    return Scim::Process->start(['node', "--test-reporter=$folder/tap.mjs", "$folder/$file"])->wait($LIMIT) == 0;
}

1;
