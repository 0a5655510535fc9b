# SPDX-License-Identifier: Apache-2.0
# /Roles (draft-ietf-scim-roles-entitlements) and queries over all resource
# types.
use strict;
use warnings;
use lib 't/lib';
use Scim::Test;

my $ROLE = 'urn:ietf:params:scim:schemas:core:2.0:Role';
my $SEARCH = 'urn:ietf:params:scim:api:messages:2.0:SearchRequest';
my $org = organization();
my %user = map { $_ => $org->create(userName => "roles-$_\@example.com", roles => [{ value => $_, primary => TRUE }]) } qw(USER GUEST);
$org->create(roles => [{ value => 'USER', primary => TRUE }]);

sub names { my ($r) = @_; return join ' ', map { $_->{userName} // $_->{value} } @{ $r->{json}{Resources} || [] } }
sub roles { my ($query) = @_; return names($org->get("/Roles?$query")) }

my $list = $org->get('/Roles');
is $list->{status}, 200, 'ROLE-10: GET /Roles' or diag $list->{content};
is_deeply $list->{json}{schemas}, [LIST], 'ROLE-10: a ListResponse';
is $list->{json}{totalResults}, 3, 'ROLE-10: of three';
is names($list), 'ADMIN USER GUEST', 'ROLE-10: the roles of Managed Accounts';
my ($admin) = @{ $list->{json}{Resources} };
is_deeply $admin, { schemas => [$ROLE], id => 'ADMIN', value => 'ADMIN', display => 'Administrator', supported => TRUE,
                    limitedAssignmentsPermitted => FALSE, totalAssignmentsUsed => 1,
                    meta => { resourceType => 'Role', location => $org->url . '/Roles/ADMIN' } }, 'ROLE-08, ROLE-11: a role has its members';
is_deeply [map { $_->{totalAssignmentsUsed} } @{ $list->{json}{Resources} }], [1, 2, 1], 'ROLE-08: assignments are counted from the accounts';
$org->patch_ops($user{USER}{id}, { op => 'replace', path => 'roles[primary eq "True"].value', value => 'ADMIN' });
is_deeply [map { $_->{totalAssignmentsUsed} } @{ $org->get('/Roles')->{json}{Resources} }], [2, 1, 1], 'ROLE-08: and follow them';
my $one = $org->get('/Roles/GUEST');
is $one->{json}{display}, 'Guest', 'ROLE-12: GET /Roles/{id}';
is $one->{headers}{location}, $org->url . '/Roles/GUEST', 'HTTP-37: with its Location';
is_error($org->get("/Roles/$_"), 404, undef, "ROLE-12: there is no role $_") for 'NOPE', 'admin';
is_error($org->request($_ => '/Roles/ADMIN', body => {}), 405, undef, "ROLE-12: $_ /Roles/ADMIN") for qw(PUT PATCH DELETE POST);
is_error($org->post('/Roles', {}), 405, undef, 'ROLE-12: POST /Roles');
is $org->get('/Roles/ADMIN?attributes=display')->{content}, qq({"schemas":["$ROLE"],"id":"ADMIN","display":"Administrator"}), 'PROJ-02: attributes on a role';

is roles('filter=' . uri('value eq "user"')), 'USER', 'ROLE-10: filter';
is roles('filter=' . uri('totalAssignmentsUsed ge 2 or display sw "gu"')), 'ADMIN GUEST', 'ROLE-10: filter by number and text';
is roles('filter=' . uri('meta.resourceType eq "User"')), '', 'ROLE-10: filter by type';
is_error($org->get('/Roles?filter=' . uri('userName pr')), 400, 'invalidFilter', 'ROLE-10: filter by what only a User has');
is roles('sortBy=value'), 'ADMIN GUEST USER', 'ROLE-10: sortBy';
is roles('sortBy=value&sortOrder=descending'), 'USER GUEST ADMIN', 'ROLE-10: sortOrder';
is roles('sortBy=totalAssignmentsUsed'), 'USER GUEST ADMIN', 'ROLE-10: by number';
is_error($org->get('/Roles?sortBy=userName'), 400, 'invalidValue', 'ROLE-10: by what only a User has');
is roles('startIndex=2&count=1'), 'USER', 'ROLE-10: paging by index';
is roles('startIndex=9'), '', 'ROLE-10: beyond the end';
my $page = $org->get('/Roles?cursor&count=2')->{json};
is names({ json => $page }), 'ADMIN USER', 'ROLE-10: paging by cursor';
my $next = $org->get("/Roles?cursor=$page->{nextCursor}&count=2")->{json};
is names({ json => $next }), 'GUEST', 'ROLE-10: to the next page';
is $next->{nextCursor}, undef, 'ROLE-10: which is the last';
is roles("cursor=$next->{previousCursor}&count=2"), 'ADMIN USER', 'ROLE-10: and back';
is_error($org->get("/Users?cursor=$page->{nextCursor}&count=2"), 400, 'invalidCursor', 'CUR-27: a cursor of Roles is none of Users');
is names($org->post('/Roles/.search', { schemas => [$SEARCH], filter => 'value eq "GUEST"' })), 'GUEST', 'ROLE-10: .search';

my $both = $org->get('/ServiceProviderConfig')->{json}{RolesAndEntitlements};
is_deeply $both, { roles => { supported => TRUE, multipleRolesSupported => FALSE, primarySupported => TRUE, typeSupported => TRUE },
                   entitlements => { supported => FALSE } }, 'ROLE-04, ROLE-05, DISC-10: ServiceProviderConfig';
is $org->get('/ServiceProviderConfig', profile => 'open')->{json}{RolesAndEntitlements}{roles}{multipleRolesSupported}, TRUE, 'ROLE-05: several roles in profile open';
my $schema = $org->get("/Schemas/$ROLE")->{json};
is_deeply [map { $_->{name} } @{ $schema->{attributes} }],
    [qw(id value display type supported limitedAssignmentsPermitted totalAssignmentsPermitted totalAssignmentsUsed containedBy contains)], 'ROLE-07, ROLE-08: the schema';
is_deeply [grep { $_->{mutability} ne 'readOnly' } @{ $schema->{attributes} }], [], 'ROLE-08: all of it readOnly';
is $org->get('/ResourceTypes/Role')->{json}{endpoint}, '/Roles', 'ROLE-07: the resource type';
is_deeply $org->get("/Users/$user{GUEST}{id}")->{json}{schemas}, [CORE], 'ROLE-16: a User has no URN of Role';

# All types
is names($org->get('/?filter=' . uri('meta.resourceType eq "Role"'))), 'ADMIN USER GUEST', 'SRCH-09: the base lists roles';
my $all = $org->get('/');
is $all->{json}{totalResults}, 4 + 3, 'SRCH-10: without a filter it lists all';
is_deeply [map { "$_->{meta}{resourceType} $_->{schemas}[0]" } @{ $all->{json}{Resources} }[0, 6]], ['User ' . CORE, "Role $ROLE"], 'SRCH-09: each with its schemas and type';
is names($org->get('/?filter=' . uri('userName eq "roles-GUEST@example.com" or value eq "USER"'))), 'roles-guest@example.com USER' =~ s/guest/GUEST/r,
    'SRCH-09: an attribute that one type lacks has no value there';
is names($org->get('/?filter=' . uri('not (userName pr)'))), 'ADMIN USER GUEST', 'SRCH-09: not even for pr';
is_error($org->get('/?filter=' . uri('nosuch pr')), 400, 'invalidFilter', 'SRCH-09: an attribute that no type has is an error');
my $search = $org->post('/.search', { schemas => [$SEARCH], filter => 'meta.resourceType eq "User"' });
is $search->{json}{totalResults}, 4, 'SRCH-08: POST /.search with a type';
is $org->post('/.search', { schemas => [$SEARCH], count => 0 })->{json}{totalResults}, 7, 'SRCH-08: and with all';
is join(' ', map { names($org->get("/?count=3&startIndex=$_")) } 4, 7), names($org->get('/?startIndex=4')), 'SRCH-09: pages cross from type to type';
like names($org->get('/?sortBy=display&count=3')), qr/^ADMIN GUEST USER$/, 'SRCH-09: resources with the attribute of sortBy come first';
like names($org->get('/?sortBy=display&sortOrder=descending')), qr/USER GUEST ADMIN$/, 'SRCH-09: and last when descending';
my ($cursor, @walked) = ('');
while (defined $cursor && @walked < 20) {
    my $r = $org->get("/?count=3&sortBy=userName&cursor=$cursor")->{json};
    push @walked, names({ json => $r });
    $cursor = $r->{nextCursor};
}
is join(' ', @walked), names($org->get('/?sortBy=userName')), 'SRCH-02: cursors go through all types';
is_error($org->get("/?count=3&cursor=$_"), 400, 'invalidCursor', "CUR-08: not the cursor $_") for 'User.abc', 'Role.abc', 'abc', 'Group.', 'User.', 'Role.';
my $border = $org->get('/?count=100&cursor=')->{json}{nextCursor};
is names($org->get("/?count=100&cursor=$border")), 'ADMIN USER GUEST', 'CUR-06: the cursor from one type to the next';
is_error($org->get("/?count=100&cursor=$border&$_"), 400, 'invalidCursor', "CUR-06: is bound to the query: $_") for 'filter=id+pr', 'sortBy=userName';
is_error($org->get("/?count=99&cursor=$border"), 400, 'invalidCount', 'CUR-07: and to the count');
my $role_urn = 'urn:ietf:params:scim:schemas:core:2.0:Role';
is $org->get('/Roles?filter=' . uri($_->[0]))->{json}{totalResults}, $_->[1], "ROLE-10: $_->[0]"
    for [qq(schemas eq "$role_urn"), 3], ['schemas pr', 3], ['not (schemas pr)', 0], ['schemas eq "' . CORE . '"', 0];
is $org->get('/?filter=' . uri(qq(schemas eq "$role_urn")))->{json}{totalResults}, 3, 'SRCH-02: over all types, too';
is_error($org->post('/', {}), 405, undef, 'SRCH: the base takes no POST');
is_deeply [sort keys %{ $org->get('/?attributes=userName,display&filter=' . uri('value eq "ADMIN"'))->{json}{Resources}[0] }], [qw(display id schemas)],
    'SRCH-02: attributes are those of each type';

# Discovery for strangers, and for those who were here before
is $org->get('/ServiceProviderConfig', token => undef)->{status}, 200, 'DISC-12: authenticationSchemes can be read without a token';
is_error($org->get('/ServiceProviderConfig', token => 'wrong'), 401, undef, 'DISC-12: but not with a wrong one');
is_error($org->get("/$_", token => undef), 401, undef, "DISC-13: $_ needs a token") for 'Schemas', 'ResourceTypes', '';
for my $path ('ServiceProviderConfig', 'Schemas', 'ResourceTypes', 'ResourceTypes/User', 'Schemas/' . CORE) {
    my $etag = $org->get("/$path")->{headers}{etag};
    ok $etag, "DISC-35: $path has an ETag";
    my $r = $org->get("/$path", headers => { 'If-None-Match' => $etag });
    is "$r->{status}$r->{content}", '304', "DISC-35: which is not sent twice";
}
isnt $org->get('/ServiceProviderConfig')->{headers}{etag}, $org->get('/ServiceProviderConfig', profile => 'open')->{headers}{etag}, 'DISC-35: another document, another ETag';

done_testing;
