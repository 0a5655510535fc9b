# SPDX-License-Identifier: Apache-2.0
# Okta as a client: its headers, its requests O1 to O17 and the assertions OT1
# to OT12 of its own test suite (clients.md), in both profiles.
use strict;
use warnings;
use lib 't/lib';
use Scim::Test;

own_server();           # its plans are read

my ($org, $profile);
my %HEADERS = (Accept => 'application/scim+json', 'Accept-Charset' => 'utf-8', 'Accept-Encoding' => 'gzip,deflate',
               'Content-Type' => 'application/scim+json; charset=utf-8', 'User-Agent' => 'Okta SCIM Client 1.0.0');

# Okta sends its Content-Type with every request.
sub okta { my ($method, $path, $body) = @_; return $org->request($method, $path, body => $body, headers => {%HEADERS}) }
sub find { my ($name) = @_; return okta(GET => '/Users?filter=userName%20eq%20%22' . uri($name) . '%22&startIndex=1&count=100') }
sub created {
    my ($name, %more) = @_;
    return { schemas => [CORE], userName => $name, name => { givenName => 'Test', familyName => 'User' },
             emails => [{ primary => TRUE, value => $name, type => 'work' }], displayName => 'Test User', locale => 'en-US',
             externalId => '00ujl29u0le5T6Aj10h7', groups => [], password => '1mz050nq', active => TRUE, %more };
}

# The profile as Okta pushes it: the resource that it has read, with changes.
sub pushed {
    my ($user, %more) = @_;
    return { schemas => [CORE], id => $user->{id}, userName => $user->{userName},
             name => { givenName => 'Another', middleName => 'Excited', familyName => 'User' },
             emails => [{ primary => TRUE, value => $user->{userName}, type => 'work', display => $user->{userName} }],
             displayName => $user->{displayName}, active => TRUE, groups => [], meta => { resourceType => 'User' }, %more };
}
sub deactivation { my ($active) = @_; return { schemas => [PATCHOP], Operations => [{ op => 'replace', value => { active => $active } }] } }

sub lifecycle {
    is okta(GET => $_)->{status}, 200, "O1: the test of the credentials ($profile)" for '/Users?startIndex=1&count=2', '/Users?count=1&startIndex=1';
    my $list = okta(GET => '/Users?startIndex=1&count=2');
    like $list->{content}, qr/"$_":\d/, "O1: $_ is an integer ($profile)" for qw(totalResults startIndex itemsPerPage);
    ok @{ $list->{json}{Resources} }, "O1: there is somebody ($profile)";
    is_list(okta(GET => '/Groups?startIndex=1&count=100'), [], "O2, OT10: Groups are an empty list ($profile)");
    my $name = user_name();
    is_list(find($name), [], "O3: a user that does not exist yet ($profile)");
    my $made = okta(POST => '/Users', created($name));
    is_user($made, 201, { userName => $name, locale => 'en-US', externalId => '00ujl29u0le5T6Aj10h7', active => TRUE, name => { givenName => 'Test', familyName => 'User' } },
            "O4: create ($profile)");
    unlike $made->{content}, qr/1mz050nq|"password"|"groups"/, "O4: neither password nor groups come back ($profile)";
    is_list(find($name), [$name], "O3: an existing user ($profile)");
    my $id = $made->{json}{id};
    is_user(okta(GET => "/Users/$id"), 200, { userName => $name }, "O5: GET before an update ($profile)");
    my $put = okta(PUT => "/Users/$id", pushed($made->{json}));
    is_user($put, 200, { name => { givenName => 'Another', middleName => 'Excited', familyName => 'User' } }, "O6: the profile is pushed ($profile)");
    is_user(okta(PUT => "/Users/$id", pushed($put->{json}, active => FALSE)), 200, { active => FALSE }, "O7: deactivation by PUT ($profile)");
    is_user(okta(PATCH => "/Users/$id", deactivation(TRUE)), 200, { active => TRUE }, "O8: activation by PATCH without path ($profile)");
    is_user(okta(PATCH => "/Users/$id", deactivation(FALSE)), 200, { active => FALSE }, "O8: deactivation ($profile)");
    my $synced = okta(PATCH => "/Users/$id", { schemas => [PATCHOP], Operations => [{ op => 'replace', value => { password => 'n3wPassw0rd' } }] });
    is $synced->{status}, 200, "O9: a password is not an error ($profile)";
    unlike $synced->{content}, qr/n3wPassw0rd/, "O9: and is not echoed ($profile)";
    my $cleared = okta(PUT => "/Users/$id", pushed($put->{json}, name => { givenName => 'A', middleName => '', familyName => 'U' }));
    is_user($cleared, 200, { name => { givenName => 'A', familyName => 'U' } }, "O6: an attribute that Okta clears with \"\" is gone ($profile)");
}

sub import_and_discovery {
    my @names = map { user_name() } 1 .. 7;
    okta(POST => '/Users', created($_)) for @names;
    my (%seen, $total);
    for (my $start = 1; !$total || $start <= $total; $start += 3) {
        my $page = okta(GET => "/Users?startIndex=$start&count=3")->{json};
        $total = $page->{totalResults};
        $seen{ $_->{userName} }++ for @{ $page->{Resources} };
    }
    is_deeply [grep { ($seen{$_} || 0) != 1 } @names], [], "O10: an import reads everybody once ($profile)";
    is_list(okta(GET => '/Groups?filter=displayName%20eq%20%22Test%20SCIMv2%22&startIndex=1&count=100'), [], "O11: the lookup of a group ($profile)");
    my $types = okta(GET => '/ResourceTypes');
    is $types->{status}, 200, "O17: the resource types of an application with entitlements ($profile)";
    is okta(GET => $_->{endpoint} . '?startIndex=1&count=100')->{status}, 200, "O17: $_->{endpoint} ($profile)" for @{ $types->{json}{Resources} };
    my $numbers = okta(POST => '/Users', created(user_name(), externalId => 701984, addresses => [{ postalCode => 91608, type => 'work' }]));
    is_user($numbers, 201, { externalId => '701984', addresses => [{ postalCode => '91608', type => 'work' }] }, "O17: numbers where there are strings ($profile)");
    is_user(okta(POST => '/Users', created(user_name(), roles => [{ value => 'USER', primary => TRUE }])), 201, { roles => [{ value => 'USER', primary => TRUE }] },
            "O17: a role in roles ($profile)");
}

# The first resource of a list must be one that Okta has made.
sub test_suite {
    my $name = user_name();
    my $list = okta(GET => '/Users?filter=' . uri('name.givenName pr') . '&count=1&startIndex=1');
    my $first = $list->{json}{Resources}[0];
    is_deeply $list->{json}{schemas}, [LIST], "OT1: a ListResponse ($profile)";
    ok length $first->{name}{givenName} && length $first->{name}{familyName} && length $first->{userName} && length $first->{id} && defined $first->{active}
        && length $first->{emails}[0]{value}, "OT1: a resource has all that Okta reads ($profile)";
    is_deeply okta(GET => "/Users/$first->{id}")->{json}, $first, "OT2: by its id it is the same ($profile)";
    is_list(find('invalid-user@example.com'), [], "OT3: a filter for nobody is 200 and 0 ($profile)");
    is_error(okta(GET => '/Users/00919288221112222'), 404, undef, "OT4: a bogus id ($profile)");
    is_list(find($name), [], "OT5: a random user is absent ($profile)");
    my $made = okta(POST => '/Users', created($name));
    is_user($made, 201, { userName => $name, active => TRUE }, "OT6: POST is 201 and echoes ($profile)");
    is_user(okta(GET => "/Users/$made->{json}{id}"), 200, { userName => $name }, "OT7: GET finds it ($profile)");
    is_error(okta(POST => '/Users', created($name)), 409, 'uniqueness', "OT8: POST again is 409 ($profile)");
    is_list(find(uc $name), [$name], "OT9: userName in capitals is found ($profile)");
    is_user(okta(PATCH => "/Users/$made->{json}{id}", deactivation(FALSE)), 200, { active => FALSE }, "OT11: PATCH active false ($profile)");
}

for (qw(managed open)) {
    $profile = $_;
    $org = organization(profile => $profile);
    lifecycle();
    import_and_discovery();
    test_suite();
}
# No statement of Okta's requests waits for another: OT12's 600 ms are measured
# by bench/run.
my @plans = query_plans(sub { find('somebody@example.com') });
ok !grep({ /Seq Scan on account/ } @plans), 'OT12: the lookup that Okta times is answered from an index';
done_testing;
