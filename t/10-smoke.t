# SPDX-License-Identifier: Apache-2.0
use strict;
use warnings;
use lib 't/lib';
use Scim::Test;

my $org = organization();
my $user = $org->create(userName => 'Taro@example.com');
is_user($org->get("/Users/$user->{id}"), 200, { userName => 'Taro@example.com' }, 'GET-01: a user is read back');
is_list($org->filter('userName eq "taro@EXAMPLE.com"'), ['Taro@example.com'], 'FLT-05: case does not matter');
done_testing;
