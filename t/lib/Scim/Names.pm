# SPDX-License-Identifier: Apache-2.0
package Scim::Names;
# Records the names of the tests that ran, for script/coverage, in the file
# SCIM_TEST_NAMES, if that is set: file, ok or not, name.
use strict;
use warnings;
use Encode ();
use Fcntl ();

# record($file, [passed, name], ...)
sub record {
    my ($file, @tests) = @_;
    return unless $ENV{SCIM_TEST_NAMES};
    open my $out, '>>', $ENV{SCIM_TEST_NAMES} or die "$ENV{SCIM_TEST_NAMES}: $!";
    flock $out, Fcntl::LOCK_EX();
    for my $test (@tests) {
        my ($passed, $name) = @$test;
        $name = Encode::encode_utf8($name) if utf8::is_utf8($name);
        $name =~ s/\s+/ /g;
        print {$out} join("\t", $file, $passed ? 'ok' : 'not ok', $name), "\n";
    }
    return;
}

1;
