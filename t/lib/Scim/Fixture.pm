# SPDX-License-Identifier: Apache-2.0
package Scim::Fixture;
# The four standard Users U1 to U4 of the checklist.
use strict;
use warnings;
use utf8;
use Exporter 'import';
use Scim::Test ();

our @EXPORT = qw(fixture);

# fixture($org) -> {U1 => id, ...}; $org is of profile open.
sub fixture {
    my ($org) = @_;
    my (%id, @users);
    my $add = sub {
        my ($name, %attributes) = @_;
        my $r = $org->post('/Users', { schemas => [Scim::Test::CORE(), Scim::Test::ENT()], %attributes });
        die "$name: $r->{content}" unless $r->{status} == 201;
        $id{$name} = $r->{json}{id};
    };
    $add->(U2 => userName => 'JSmith', externalId => 'EXT-2', name => { familyName => "O'Malley", givenName => 'James' }, displayName => 'Smith, James',
           userType => 'Intern', active => Scim::Test::FALSE(), emails => [{ value => 'jsmith@example.org', type => 'work' }, { value => 'js@example.com', type => 'home' }]);
    $add->(U1 => userName => 'bjensen', externalId => '701984', displayName => 'Babs Jensen', title => 'Tour Guide', userType => 'Employee',
           name => { formatted => 'Ms. Barbara J Jensen III', familyName => 'Jensen', givenName => 'Barbara' },
           emails => [{ value => 'bjensen@example.com', type => 'work', primary => Scim::Test::TRUE() }, { value => 'babs@jensen.org', type => 'home' }],
           phoneNumbers => [{ value => '555-555-8377', type => 'work' }],
           addresses => [{ type => 'work', primary => Scim::Test::TRUE(), streetAddress => '100 Universal City Plaza', locality => 'Hollywood', region => 'CA', country => 'US' },
                         { type => 'home', streetAddress => '456 Hollywood Blvd', locality => 'Hollywood', region => 'CA', country => 'US' }],
           roles => [{ value => 'admin', display => 'Administrator', primary => Scim::Test::TRUE() }, { value => 'auditor', display => 'Auditor' }],
           Scim::Test::ENT() => { employeeNumber => '701984', department => 'Tour Operations', manager => { value => $id{U2} } });
    $add->(U3 => userName => 'zoë', externalId => 'ext-2', displayName => 'Zoë "Z" Müller', title => '');
    $add->(U4 => userName => 'amy', title => 'Manager', userType => 'Contractor', name => { familyName => 'Foo', givenName => 'Amy' },
           emails => [{ value => 'amy@example.net', type => 'other' }], ims => [{ value => 'amy@foo.com', type => 'xmpp' }],
           roles => [{ value => 'auditor', primary => Scim::Test::TRUE() }], Scim::Test::ENT() => { employeeNumber => '0042' });
    my %time = (U1 => '2011-05-13T04:42:34Z', U2 => '2011-05-13T04:42:34.500Z', U3 => '2012-01-01T00:00:00Z', U4 => '2013-06-30T12:00:00Z');
    # The trigger would write the present time.
    Scim::Test::sql_unchecked('UPDATE scim.account SET updated_at = $2::timestamptz WHERE id = $1::uuid', $id{$_}, $time{$_}) for sort keys %time;
    return \%id;
}

1;
